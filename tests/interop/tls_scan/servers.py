"""TLS scans of this program beside testssl.sh, against servers that are started here. Prints a table and the differences.

Arguments: the program, a directory, and the names of servers, which are all by default. A line "different:" is a
difference, "slow:" a scan that took more than a tenth of the time of testssl.sh, "missing:" a server that is not
installed. What only this program finds is not a difference if openssl s_client negotiates it: testssl.sh 3.0.8 offers
what is left until the server refuses, and Dovecot closes the connection as soon as it has chosen Diffie-Hellman, for
which it has no parameters.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
ALL = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
OPENSSL_13 = ":".join(
    "TLS_" + name
    for name in ("AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256", "AES_128_GCM_SHA256", "AES_128_CCM_SHA256",
                 "AES_128_CCM_8_SHA256")
)


def free_port():
    while True:
        port = 10_000 + int.from_bytes(os.urandom(2), "big") % 22_000
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port


class Lab:
    """A directory with keys and certificates, and the processes that run."""

    def __init__(self, directory):
        self.root = pathlib.Path(directory)
        self.root.chmod(0o755)
        self.running = []
        for name, key in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
            self.quiet("openssl", "req", "-x509", "-nodes", "-days", "30", "-newkey", *key, "-subj", "/CN=odd.test",
                       "-addext", "subjectAltName=IP:127.0.0.1,DNS:odd.test",
                       "-keyout", self.file(f"{name}.key"), "-out", self.file(f"{name}.pem"))
            both = self.text(f"{name}.pem") + self.text(f"{name}.key")
            self.write(f"{name}.both", both, 0o644)

    def file(self, name):
        return str(self.root / name)

    def text(self, name):
        return (self.root / name).read_text()

    def write(self, name, text, mode=0o600):
        path = self.root / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def quiet(self, *command, **more):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)

    def run(self, *command, **more):
        log = open(self.file(f"{pathlib.Path(command[0]).name}.log"), "ab")
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, **more)
        self.running.append(child)

    def backend(self):
        """The port of a mail server without TLS."""
        port = free_port()
        self.run(self.program, "sink", "--listen", f"127.0.0.1:{port}")
        return port

    def stop(self):
        for child in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        for child in self.running:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        self.running = []


def s_server(*options, keys=("rsa",)):
    def start(lab, port):
        first, *second = keys
        command = ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}"]
        command += ["-cert", lab.file(f"{first}.pem"), "-key", lab.file(f"{first}.key")]
        for key in second:
            command += ["-dcert", lab.file(f"{key}.pem"), "-dkey", lab.file(f"{key}.key")]
        lab.run(*command, *options)
    return start


def gnutls(priority, key="rsa"):
    def start(lab, port):
        lab.run("gnutls-serv", "--echo", "--quiet", "--port", str(port), "--priority", priority,
                "--x509certfile", lab.file(f"{key}.pem"), "--x509keyfile", lab.file(f"{key}.key"))
    return start


def postfix(service, **options):
    def start(lab, port):
        shutil.rmtree(lab.file("postfix"), ignore_errors=True)
        for name in ("etc", "spool", "data"):
            (lab.root / "postfix" / name).mkdir(parents=True)
        shutil.chown(lab.file("postfix/data"), "postfix")
        root = lab.file("postfix")
        settings = {
            "compatibility_level": "3.6", "queue_directory": f"{root}/spool", "data_directory": f"{root}/data",
            "command_directory": "/usr/sbin", "daemon_directory": "/usr/lib/postfix/sbin", "maillog_file": f"{root}/log",
            "maillog_file_prefixes": root, "myhostname": "odd.test", "inet_interfaces": "127.0.0.1",
            "mydestination": "", "smtpd_peername_lookup": "no", "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": lab.file("rsa.pem"), "smtpd_tls_key_file": lab.file("rsa.key"),
            "smtpd_client_connection_count_limit": "0", **options,
        }
        lab.write("postfix/etc/main.cf", "".join(f"{name} = {value}\n" for name, value in settings.items()), 0o644)
        smtpd = f"127.0.0.1:{port} inet n - n - - smtpd {service}\n"
        rest = (HERE / "postfix_master.cf").read_text()
        lab.write("postfix/etc/master.cf", smtpd + rest, 0o644)
        lab.run("/bin/sh", "-c", f"ulimit -n 1024; exec /usr/sbin/postfix -c {root}/etc start-fg",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    return start


def exim(**options):
    def start(lab, port):
        shutil.rmtree(lab.file("exim"), ignore_errors=True)
        for name in ("spool", "log"):
            (lab.root / "exim" / name).mkdir(parents=True)
        root = lab.file("exim")
        shutil.copy(lab.file("rsa.both"), f"{root}/both")
        for name in ("spool", "log", "both"):
            shutil.chown(f"{root}/{name}", "Debian-exim")
        settings = {
            "primary_hostname": "odd.test", "keep_environment": "", "spool_directory": f"{root}/spool",
            "log_file_path": f"{root}/log/%slog", "pid_file_path": f"{root}/pid", "local_interfaces": "127.0.0.1",
            "daemon_smtp_ports": str(port), "tls_advertise_hosts": "*", "tls_certificate": f"{root}/both",
            "queue_only": "true", "host_lookup": "", "smtp_accept_max": "100", **options,
        }
        settings = {name: value.format(port=port) for name, value in settings.items()}
        lab.write("exim/conf", "".join(f"{name} = {value}\n" for name, value in settings.items()), 0o644)
        program = "/usr/sbin/exim4" if os.path.exists("/usr/sbin/exim4") else "/opt/exim4/usr/sbin/exim4"
        lab.run(program, "-bdf", "-C", f"{root}/conf")
    return start


def dovecot(protocol, listener="", settings=""):
    def start(lab, port):
        shutil.rmtree(lab.file("dovecot"), ignore_errors=True)
        (lab.root / "dovecot").mkdir()
        root = lab.file("dovecot")
        service = {"imap": "imap-login", "lmtp": "lmtp"}[protocol]
        name = {"imap": "imaps", "lmtp": "lmtp"}[protocol]
        # The other listeners of its default configuration are off.
        others = "inet_listener imap {\n port = 0\n}\n" if protocol == "imap" else ""
        lab.write("dovecot/conf", f"""
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = {protocol}
ssl = yes
ssl_cert = <{lab.file("rsa.pem")}
ssl_key = <{lab.file("rsa.key")}
mail_location = maildir:{root}/mail
{settings}
service {service} {{
  {others}
  inet_listener {name} {{
    address = 127.0.0.1
    port = {port}
    {listener}
  }}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={root}
}}
passdb {{
  driver = static
  args = nopassword=y
}}
""")
        lab.run("/usr/sbin/dovecot", "-F", "-c", f"{root}/conf")
    return start


def nginx(kind):
    def start(lab, port):
        inner = {
            "stream": f"stream {{ server {{ listen 127.0.0.1:{port} ssl; proxy_pass 127.0.0.1:9; %s }} }}",
            "mail": f"mail {{ auth_http 127.0.0.1:9; server_name odd.test; server {{ listen 127.0.0.1:{port};"
                    " protocol smtp; starttls on; smtp_auth plain; %s } }",
        }[kind]
        keys = "".join(
            f'ssl_certificate {lab.file(key + ".pem")}; ssl_certificate_key {lab.file(key + ".key")}; '
            for key in ("rsa", "ec")
        )
        lab.write("nginx.conf", f"""
daemon off;
master_process off;
pid {lab.file("nginx.pid")};
error_log {lab.file("nginx.error")};
load_module /usr/lib/nginx/modules/ngx_{kind}_module.so;
events {{ worker_connections 200; }}
{inner % keys}
""")
        lab.run("/usr/sbin/nginx", "-c", lab.file("nginx.conf"))
    return start


def haproxy(lab, port):
    lab.write("haproxy.cfg", f"""
global
  ssl-default-bind-options ssl-min-ver TLSv1.2
  tune.ssl.default-dh-param 2048
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen mail
  bind 127.0.0.1:{port} ssl crt {lab.file("rsa.both")} alpn smtp,imap
  server none 127.0.0.1:9
""")
    lab.run("/usr/sbin/haproxy", "-db", "-q", "-f", lab.file("haproxy.cfg"))


def stunnel(lab, port):
    lab.write("stunnel.conf", f"""
foreground = yes
pid =
[smtp]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{lab.backend()}
protocol = smtp
cert = {lab.file("rsa.both")}
""")
    lab.run("/usr/bin/stunnel", lab.file("stunnel.conf"))


def python(lab, port):
    lab.run(sys.executable, str(HERE / "server.py"), str(port), lab.file("rsa.both"))


def node(lab, port):
    lab.run("/usr/bin/node", str(HERE / "server.js"), str(port), lab.file("ec.pem"), lab.file("ec.key"))


def go(lab, port):
    environment = {"PATH": "/usr/bin:/bin", "HOME": lab.file(""), "GOCACHE": lab.file("gocache"), "GO111MODULE": "off"}
    program = lab.file("go-server")
    lab.quiet("/usr/bin/go", "build", "-o", program, str(HERE / "server.go"), env=environment)
    lab.run(program, str(port), lab.file("rsa.pem"), lab.file("rsa.key"), lab.file("ec.pem"), lab.file("ec.key"))


def java(lab, port):
    store = lab.file("java.p12")
    lab.quiet("openssl", "pkcs12", "-export", "-in", lab.file("rsa.pem"), "-inkey", lab.file("rsa.key"), "-out", store,
              "-passout", "pass:wonderland")
    lab.run("/usr/bin/java", str(HERE / "Server.java"), str(port), store)


def sink(lab, port):
    lab.run(lab.program, "sink", "--listen", f"127.0.0.1:{port}", "--tls", "starttls", "--cert", lab.file("ec.pem"), "--key", lab.file("ec.key"))


# Name -> (how TLS begins, what is needed, how it is started).
SERVERS = {
    "s_server-all": ("implicit", "openssl", s_server("-cipher", ALL, "-ciphersuites", OPENSSL_13, keys=("rsa", "ec"))),
    "s_server-default": ("implicit", "openssl", s_server("-serverpref")),
    "s_server-tls1": ("implicit", "openssl", s_server("-tls1", "-cipher", "ALL:@SECLEVEL=0")),
    "s_server-tls1_1": ("implicit", "openssl", s_server("-tls1_1", "-cipher", "ALL:@SECLEVEL=0", keys=("ec",))),
    "s_server-tls1_2": ("implicit", "openssl", s_server("-tls1_2", keys=("rsa", "ec"))),
    "s_server-tls1_3": ("implicit", "openssl", s_server("-tls1_3", keys=("ec",))),
    "s_server-null": ("implicit", "openssl", s_server("-tls1_2", "-cipher", "NULL:@SECLEVEL=0")),
    "s_server-anonymous": ("implicit", "openssl", s_server("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0")),
    "s_server-rsa-gcm": ("implicit", "openssl", s_server("-tls1_2", "-cipher", "kRSA+AESGCM")),
    "s_server-camellia": ("implicit", "openssl", s_server("-tls1_2", "-cipher", "DHE+CAMELLIA:DHE+ARIA")),
    "s_server-ccm": ("implicit", "openssl", s_server("-tls1_2", "-cipher", "AESCCM", keys=("ec",))),
    "s_server-chacha": ("implicit", "openssl", s_server("-no_tls1_3", "-cipher", "CHACHA20", keys=("rsa", "ec"))),
    "s_server-p384": ("implicit", "openssl", s_server("-groups", "P-384:X448", "-cipher", "ECDHE", keys=("ec",))),
    "gnutls-normal": ("implicit", "gnutls-serv", gnutls("NORMAL")),
    "gnutls-old": ("implicit", "gnutls-serv", gnutls("NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:%COMPAT")),
    "gnutls-legacy": ("implicit", "gnutls-serv", gnutls("LEGACY:+ANON-ECDH:+NULL:+ARCFOUR-128:+3DES-CBC")),
    "gnutls-secure256": ("implicit", "gnutls-serv", gnutls("SECURE256", "ec")),
    "postfix": ("smtp", "/usr/sbin/postfix", postfix("")),
    "postfix-old": ("smtp", "/usr/sbin/postfix", postfix(
        "", smtpd_tls_protocols=">=TLSv1", smtpd_tls_ciphers="low", tls_low_cipherlist="ALL:@SECLEVEL=0")),
    "postfix-smtps": ("implicit", "/usr/sbin/postfix", postfix(
        "-o smtpd_tls_wrappermode=yes", smtpd_tls_protocols="TLSv1.2", smtpd_tls_ciphers="high",
        smtpd_tls_exclude_ciphers="aNULL, kRSA", tls_preempt_cipherlist="yes")),
    "exim": ("smtp", "Debian-exim", exim()),
    "exim-smtps": ("implicit", "Debian-exim", exim(
        tls_on_connect_ports="{port}", tls_require_ciphers="NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.1:-CIPHER-ALL:+AES-128-GCM:+AES-256-CBC")),
    "dovecot-lmtp": ("lmtp", "/usr/lib/dovecot/lmtp", dovecot("lmtp")),
    "dovecot-imaps": ("implicit", "/usr/lib/dovecot/imap-login", dovecot(
        "imap", "ssl = yes", "ssl_min_protocol = TLSv1\nssl_cipher_list = ALL:@SECLEVEL=0\nssl_prefer_server_ciphers = yes")),
    "nginx-stream": ("implicit", "/usr/lib/nginx/modules/ngx_stream_module.so", nginx("stream")),
    "nginx-mail": ("smtp", "/usr/lib/nginx/modules/ngx_mail_module.so", nginx("mail")),
    "haproxy": ("implicit", "/usr/sbin/haproxy", haproxy),
    "stunnel": ("smtp", "/usr/bin/stunnel", stunnel),
    "python": ("smtp", sys.executable, python),
    "node": ("implicit", "/usr/bin/node", node),
    "go": ("implicit", "/usr/bin/go", go),
    "java": ("implicit", "/usr/bin/java", java),
    "rustls": ("smtp", "", sink),
}


def listens(port):
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[1].endswith(wanted) and words[3] == "0A":
                return True
    return False


def is_there(need):
    if need.startswith("/"):
        return os.path.exists(need)
    if need == "Debian-exim":
        user = subprocess.run(["getent", "passwd", need], stdout=subprocess.DEVNULL)
        programs = ("/usr/sbin/exim4", "/opt/exim4/usr/sbin/exim4")
        return user.returncode == 0 and any(map(os.path.exists, programs))
    return not need or shutil.which(need) is not None


def by_ehlo(program, place, mode):
    """The suites of each version by their IANA names, and the names of OpenSSL."""
    how = {"implicit": ["--tls", "implicit"], "smtp": ["--tls", "starttls"], "lmtp": ["--lmtp", "--tls", "starttls"]}
    ran = subprocess.run([program, "probe", "--tls-scan", "--json", "--helo", "client.test", *how[mode], place],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL)
    told = json.loads(ran.stdout)
    found, names = {}, {}
    for version in told["versions"]:
        assert version["supported"] is not None, told
        if version["supported"]:
            found[version["version"]] = {suite["iana"] for suite in version["suites"]}
            names.update((suite["iana"], suite["openssl"]) for suite in version["suites"])
    return found, names


def by_testssl(lab, place, mode):
    report = lab.root / "testssl.json"
    report.unlink(missing_ok=True)
    how = [] if mode == "implicit" else ["--starttls", mode]
    ran = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--jsonfile", str(report),
                          "--protocols", "--cipher-per-proto", *how, place],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL)
    names = {"SSLv3": "SSLv3", "TLS1": "TLSv1.0", "TLS1_1": "TLSv1.1", "TLS1_2": "TLSv1.2", "TLS1_3": "TLSv1.3"}
    found = {}
    try:
        findings = json.loads(report.read_text())
    except (OSError, ValueError):
        raise SystemExit(f"testssl.sh fails: {ran.stdout}{ran.stderr}")
    for finding in findings:
        kind = finding["id"]
        if kind in names and finding["finding"].startswith("offered"):
            found.setdefault(names[kind], set())
        elif kind.startswith("cipher-"):
            version = names[kind[len("cipher-"):].rpartition("_")[0].upper().replace("SSL", "SSLv")]
            found.setdefault(version, set()).add(finding["finding"].split()[-1])
    return found


def differences(ours, theirs):
    """What only this program has found ("-" of testssl.sh), and what only testssl.sh has ("+")."""
    found = set()
    for version in ours.keys() | theirs.keys():
        if (version in ours) != (version in theirs):
            found.add(("-" if version in ours else "+") + version)
        for sign, names in (("-", ours.get(version, set()) - theirs.get(version, set())),
                            ("+", theirs.get(version, set()) - ours.get(version, set()))):
            found |= {f"{sign}{version} {name}" for name in names}
    return found


def negotiates(place, mode, version, name):
    """True if s_client can use the suite."""
    version = version.replace("TLSv1.0", "TLSv1").replace("TLSv", "-tls").replace(".", "_")
    suite = ["-ciphersuites", name] if version == "-tls1_3" else ["-cipher", f"{name}:@SECLEVEL=0"]
    how = [] if mode == "implicit" else ["-starttls", mode]
    ran = subprocess.run(["openssl", "s_client", "-connect", place, version, *suite, *how], capture_output=True,
                         text=True, stdin=subprocess.DEVNULL)
    return f"Cipher is {name}\n" in ran.stdout


def timed(work, *arguments):
    start = time.monotonic()
    return work(*arguments), time.monotonic() - start


def compare(lab, name):
    mode, need, start = SERVERS[name]
    if not is_there(need):
        print(f"missing: {name}", flush=True)
        return
    port = free_port()
    try:
        start(lab, port)
        end = time.monotonic() + 60
        while not listens(port):
            if time.monotonic() > end:
                raise SystemExit(f"{name} does not start")
            time.sleep(0.05)
        place = f"127.0.0.1:{port}"
        (ours, names), our_time = timed(by_ehlo, lab.program, place, mode)
        theirs, their_time = timed(by_testssl, lab, place, mode)
        found = differences(ours, theirs)
        confirmed = {
            one for one in found
            if one[0] == "-" and " " in one and negotiates(place, mode, one[1:8], names[one.split()[1]])
        }
    finally:
        lab.stop()
    counts = " ".join(f"{version}:{len(suites)}" for version, suites in sorted(ours.items()))
    ratio = their_time / our_time
    print(f"{name:20} {our_time:6.2f} s {their_time:7.1f} s {ratio:6.0f} x  {counts}", flush=True)
    if confirmed:
        print(f"only here: {name}: {len(confirmed)} suites, which s_client negotiates", flush=True)
    for one in sorted(found - confirmed):
        print(f"different: {name}: {one}", flush=True)
    if ratio < 10:
        print(f"slow: {name}: {our_time:.2f} s, testssl.sh {their_time:.2f} s", flush=True)


def main(program, directory, *names):
    lab = Lab(directory)
    lab.program = program
    for name in names or SERVERS:
        compare(lab, name)


main(*sys.argv[1:])
