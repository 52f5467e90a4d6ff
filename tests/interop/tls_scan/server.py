"""A mail server with STARTTLS by Python's ssl. Arguments: the port, a file with a certificate and its key."""

import contextlib
import socketserver
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
context.set_alpn_protocols(["smtp"])


class Session(socketserver.StreamRequestHandler):
    # What follows STARTTLS is not for the buffer.
    rbufsize = 0

    def handle(self):
        with contextlib.suppress(OSError):
            self.serve()

    def serve(self):
        self.wfile.write(b"220 odd.test ESMTP\r\n")
        while line := self.rfile.readline(1000):
            word = line.split()[:1]
            if word == [b"STARTTLS"]:
                self.wfile.write(b"220 go ahead\r\n")
                with context.wrap_socket(self.request, server_side=True) as stream:
                    stream.recv(1000)
                return
            if word == [b"QUIT"]:
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250-odd.test\r\n250 STARTTLS\r\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Session).serve_forever()
