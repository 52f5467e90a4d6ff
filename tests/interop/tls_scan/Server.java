// A server with TLS by Java. Arguments: the port, a PKCS #12 file with the password wonderland.
import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

class Server {
    public static void main(String[] arguments) throws Exception {
        char[] password = "wonderland".toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(arguments[1]), password);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        InetAddress here = InetAddress.getByName("127.0.0.1");
        int port = Integer.parseInt(arguments[0]);
        SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(port, 50, here);
        while (true) {
            SSLSocket socket = (SSLSocket) server.accept();
            new Thread(() -> serve(socket)).start();
        }
    }

    static void serve(SSLSocket socket) {
        try (socket) {
            socket.startHandshake();
            socket.getOutputStream().write("220 odd.test ESMTP\r\n".getBytes());
            socket.getInputStream().read();
        } catch (IOException closed) {
            // The client has seen enough.
        }
    }
}
