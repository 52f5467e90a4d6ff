# `ehlo config discover` in a namespace with the usual ports: autoconfig over HTTPS, redirects, usual names.
# Usage: discover.sh EHLO DIRECTORY. Prints the profiles that are found, and what was tried.
set -u
ehlo=$1 dir=$2
export HOME="$dir"
mkdir -p "$dir/etc" "$dir/web/.well-known/autoconfig/mail" "$dir/web/mail"
cp -a /etc/passwd /etc/group "$dir/etc/"
[ -e /etc/services ] && cp -a /etc/services "$dir/etc/"
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$dir/etc/resolv.conf"
printf '127.0.0.1 localhost\n' >"$dir/etc/hosts"
for name in autoconfig.crepes.fr web.example.net mail.crepes.fr hamburger.edu smtp.example.org; do
  echo "127.0.0.1 $name" >>"$dir/etc/hosts"
done
new='openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1'
$new -subj /CN=CA -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null || exit 90
names=DNS:autoconfig.crepes.fr,DNS:web.example.net,DNS:mail.crepes.fr,DNS:hamburger.edu,DNS:smtp.example.org
$new -subj /CN=mail.crepes.fr -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -addext basicConstraints=CA:FALSE \
  -addext "subjectAltName=$names" -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null || exit 90
chmod 600 "$dir/key.pem"
mount --bind "$dir/etc" /etc || exit 91
ip link set lo up || exit 91

python3 - "$dir" <<'END' &
import http.server, socket, ssl, sys, threading
XML = b"""<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="crepes.fr">
<outgoingServer type="smtp"><hostname>mail.crepes.fr</hostname><port>587</port><socketType>STARTTLS</socketType>
<username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></outgoingServer>
</emailProvider></clientConfig>"""
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.headers["Host"].split(":")[0]
        if host == "autoconfig.crepes.fr" and self.path == "/mail/config-v1.1.xml?emailaddress=alice@crepes.fr":
            self.send_response(301)
            self.send_header("Location", "https://web.example.net/mail.xml")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif host == "hamburger.edu" and self.path.startswith("/.well-known/"):
            self.send_response(302)
            self.send_header("Location", "http://web.example.net/mail.xml")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif host == "web.example.net":
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (XML[:50], XML[50:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_error(404)
    protocol_version = "HTTP/1.1"
    def log_message(self, *args):
        pass
# No name exists in the DNS: NXDOMAIN for each question.
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(("127.0.0.1", 53))
def answer():
    while True:
        query, client = dns.recvfrom(512)
        end = query.index(b"\0", 12) + 5
        dns.sendto(query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12:end], client)
threading.Thread(target=answer, daemon=True).start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
open(sys.argv[1] + "/err.443", "w").write("listening")
server.serve_forever()
END
web=$!
for port in 465 587; do
  tls=starttls
  [ $port = 465 ] && tls=implicit
  "$ehlo" sink --listen 127.0.0.1:$port --tls $tls --cert "$dir/cert.pem" --key "$dir/key.pem" 2>"$dir/err.$port" >/dev/null &
done
for port in 443 465 587; do
  until grep -q listening "$dir/err.$port" 2>/dev/null; do
    kill -0 $web || exit 92
    sleep 0.02
  done
done
for address in alice@crepes.fr bob@hamburger.edu carol@example.org; do
  "$ehlo" config discover $address --ca-file "$dir/ca.pem" --no-database -v --timeout 5s 2>&1
  echo "$address: $?"
done
exit 0
