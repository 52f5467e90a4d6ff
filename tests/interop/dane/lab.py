"""A laboratory for DANE: signed zones, a validating resolver, one SMTP server for each case, and Postfix beside the
program under test. It must be started in network and mount namespaces of its own:

    unshare -mn python3 lab.py DIRECTORY EHLO

Prints a JSON object for each case: what the program did, and what Postfix did with smtp_tls_security_level = dane.
Zones: test (signed), signed.test, insecure.test (without DS), bogus.test (with a wrong DS). A case is a domain with an
MX host, which has an address and a certificate of its own.
"""

import hashlib, json, os, re, smtplib, socket, ssl, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor

DIRECTORY, EHLO = sys.argv[1:]
WRONG = "3 1 1 " + "ab" * 32
CURVES = {"ec": "P-256", "p384": "P-384", "p521": "P-521"}
os.chdir(DIRECTORY)
cases, zones = [], {"signed": [], "insecure": [], "bogus": []}


def run(*command, stdin=None):
    return subprocess.run(command, input=stdin, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def write(name, text):
    with open(name, "w") as file:
        file.write(text)


def read(name):
    with open(name) as file:
        return file.read()


# Certificates.


def key(name, kind):
    """Servers share the key of a kind, which is made once."""
    name += ".key"
    if os.path.exists(name):
        return name
    if kind in CURVES:
        options = ["EC", "-pkeyopt", "ec_paramgen_curve:" + CURVES[kind]]
    elif kind == "ed25519":
        options = ["ED25519"]
    else:
        options = ["RSA", "-pkeyopt", "rsa_keygen_bits:" + kind[3:]]
    run("openssl", "genpkey", "-out", name, "-algorithm", *options)
    return name


def certificate(name, names, ca=None, is_ca=False, kind="ec", v1=False, expired=False, eku=True, san=True):
    secret = key(name if is_ca else "server-" + kind, kind)
    run("openssl", "req", "-new", "-key", secret, "-subj", "/CN=" + names[0], "-out", name + ".csr")
    if is_ca:
        extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
    else:
        extensions = ["basicConstraints=CA:FALSE"] + ["extendedKeyUsage=serverAuth"] * eku
        extensions += ["subjectAltName=" + ",".join("DNS:" + n for n in names)] * san
    write(name + ".ext", "\n".join(extensions) + "\n")
    if expired:
        return expired_certificate(name, secret, ca)
    command = ["openssl", "x509", "-req", "-in", name + ".csr", "-out", name + ".crt", "-days", "30"]
    command += [] if v1 else ["-extfile", name + ".ext"]
    command += ["-CA", ca + ".crt", "-CAkey", ca + ".key", "-CAcreateserial"] if ca else ["-signkey", secret]
    run(*command)


def expired_certificate(name, secret, ca):
    write("index", "")
    write("ca.conf", "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n"
          "new_certs_dir=.\nunique_subject=no\n[p]\ncommonName=supplied\n")
    signer = ["-cert", ca + ".crt", "-keyfile", ca + ".key"] if ca else ["-selfsign", "-keyfile", secret]
    run("openssl", "ca", "-batch", "-notext", "-config", "ca.conf", "-in", name + ".csr", "-out", name + ".crt",
        "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-extfile", name + ".ext", *signer)


def tlsa(usage, selector, matching, name):
    data = run("openssl", "x509", "-in", name + ".crt", "-outform", "DER")
    if selector:
        public = run("openssl", "x509", "-in", name + ".crt", "-noout", "-pubkey")
        data = run("openssl", "pkey", "-pubin", "-outform", "DER", stdin=public)
    data = [data.hex(), hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest()][matching]
    return f"{usage} {selector} {matching} {data}"


# Cases. A record is a text, or (usage, selector, matching[, certificate]); {own} in a line is 3 1 1 of the server.


def case(name, records=(), where="signed", zone=None, chain=(), names=None, mx=True, alias=None, owner=None, lines=(),
         starttls=True, mode=None, tls=None, mx_name=None, **options):
    zone = zone or where
    host, domain, address = f"mx-{name}", f"{name}.{where}.test", f"127.0.1.{len(cases) + 10}"
    full = f"{host}.{zone}.test"
    names = [text.format(host=full, domain=domain) for text in names or ["{host}" if mx else "{domain}"]]
    certificate(name, names, **options)
    secret = key("server-" + options.get("kind", "ec"), None)
    own = zones[zone]
    if mx:
        zones[where].append(f"{name} MX 10 {mx_name or full}.")
        own.append(f"{host} CNAME {alias}" if alias else f"{host} A {address}")
    own += [f"{alias} A {address}"] * bool(alias) + [f"{name} A {address}"] * (not mx)
    for record in records:
        text = record if isinstance(record, str) else tlsa(*record[:3], (record + (name,))[3])
        own.append(f"_25._tcp.{owner or (host if mx else name)} TLSA {text}")
    own += [line.format(host=host, own=tlsa(3, 1, 1, name)) for line in lines]
    write(name + ".pem", "".join(read(one + ".crt") for one in (name,) + tuple(chain)))
    cases.append(dict(name=name, domain=domain, address=address, starttls=starttls, mode=mode, tls=tls, key=secret))


def by_ca(name, records, chain=("inter", "root"), **options):
    case(name, records, chain=chain, ca="inter", **options)


def make_cases():
    certificate("root", ["Root"], is_ca=True)
    certificate("inter", ["Intermediate"], ca="root", is_ca=True)
    certificate("other", ["Other"], is_ca=True)
    for selector in (0, 1):
        for matching in (0, 1, 2):
            numbers = f"{selector}{matching}"
            case("ee" + numbers, [(3, selector, matching)])
            by_ca("ta" + numbers, [(2, selector, matching, "root")])
            by_ca("unsent" + numbers, [(2, selector, matching, "root")], chain=("inter",))
    # Usage 3.
    case("ee-name", [(3, 1, 1)], names=["other.example"])
    case("ee-expired", [(3, 1, 1)], expired=True)
    case("ee-v1", [(3, 1, 1)], v1=True)
    case("ee-v1-rsa", [(3, 0, 1)], v1=True, kind="rsa2048")
    case("ee-v1-tls12", [(3, 1, 1)], v1=True, kind="rsa2048", tls="1.2")
    case("ee-v1-ec-tls12", [(3, 1, 2)], v1=True, tls="1.2")
    for kind in ("rsa1024", "rsa3072", "p384", "p521", "ed25519"):
        case("ee-" + kind, [(3, 1, 1)], kind=kind)
        if kind not in ("rsa1024", "p521"):
            case(f"ee-{kind}-tls12", [(3, 1, 1)], kind=kind, tls="1.2")
    case("ee-bad", [WRONG])
    case("ee-bad-tls12", [WRONG], tls="1.2")
    case("ee-rollover", [WRONG, (3, 1, 1)])
    case("ee-many", ["3 1 1 " + ("%02x" % n) * 32 for n in range(60)] + [(3, 1, 1)])
    case("ee-many-bad", ["3 1 1 " + ("%02x" % n) * 32 for n in range(60)])
    case("ee-no-eku", [(3, 1, 1)], eku=False)
    by_ca("ee-of-inter", [(3, 1, 1, "inter")])
    # Usage 2.
    by_ca("ta-inter", [(2, 1, 1, "inter")], chain=("inter",))
    by_ca("ta-inter-00", [(2, 0, 0, "inter")], chain=())
    by_ca("ta-inter-10", [(2, 1, 0, "inter")], chain=())
    by_ca("ta-name", [(2, 1, 1, "root")], names=["other.example"])
    by_ca("ta-domain", [(2, 1, 1, "root")], names=["{domain}"])
    by_ca("ta-wildcard", [(2, 1, 1, "root")], names=["*.signed.test"])
    by_ca("ta-other-wildcard", [(2, 1, 1, "root")], names=["*.x.signed.test"])
    by_ca("ta-cn", [(2, 1, 1, "root")], san=False)
    by_ca("ta-expired", [(2, 1, 1, "root")], expired=True)
    by_ca("ta-no-eku", [(2, 1, 1, "root")], eku=False)
    by_ca("ta-order", [(2, 1, 1, "root")], chain=("root", "inter"))
    by_ca("ta-gap", [(2, 1, 1, "root")], chain=("root",))
    by_ca("ta-beside", [(2, 1, 1, "other")], chain=("inter", "root", "other"))
    by_ca("ta-two", [(2, 1, 1, "other"), (2, 1, 1, "root")])
    by_ca("ta-or-ee", [(2, 1, 1, "root"), (3, 1, 1)], names=["other.example"])
    by_ca("ee-or-ta", [WRONG, (2, 1, 1, "root")])
    by_ca("ta-tls12", [(2, 1, 1, "root")], tls="1.2")
    case("ta-self", [(2, 1, 1)])
    case("ta-orphan", [(2, 1, 1, "root")], chain=("root",))
    # Unusable records.
    case("pkix1", [(1, 1, 1)])
    by_ca("pkix0", [(0, 1, 1, "root")])
    case("bad-selector", ["3 7 1 " + "ab" * 32])
    case("bad-matching", ["3 1 9 " + "ab" * 20])
    case("bad-length", ["3 1 1 abcd"])
    case("unusable-clear", [(1, 1, 1)], starttls=False)
    case("unusable-mixed", [(1, 1, 1), WRONG])
    case("unusable-and-good", [(1, 1, 1), "3 1 9 aa", "3 9 1 " + "cd" * 32, (3, 1, 1)])
    case("unusable-454", [(1, 1, 1)], mode="454")
    # STARTTLS.
    case("none")
    case("none-clear", starttls=False)
    case("none-454", mode="454")
    case("none-garbage", mode="garbage")
    case("clear", [(3, 1, 1)], starttls=False)
    case("454", [(3, 1, 1)], mode="454")
    case("554", [(3, 1, 1)], mode="554")
    case("garbage", [(3, 1, 1)], mode="garbage")
    case("closed", [(3, 1, 1)], mode="close")
    # The DNS.
    case("insecure", [(3, 1, 1)], where="insecure")
    case("insecure-bad", [WRONG], where="insecure")
    case("insecure-mx", [(3, 1, 1)], where="insecure", zone="signed")
    case("insecure-mx-bad", [WRONG], where="insecure", zone="signed")
    case("insecure-host", [(3, 1, 1)], zone="insecure")
    case("bogus", [(3, 1, 1)], where="bogus")
    case("bogus-tlsa", lines=["_25._tcp.{host} CNAME x.bogus.test."])
    case("no-mx", [(3, 1, 1)], mx=False)
    case("alias", [(3, 1, 1)], alias="real-1", owner="real-1")
    case("alias-own", [(3, 1, 1)], alias="real-2")
    case("alias-of-alias", [(3, 1, 1)], mx_name="first.signed.test",
         lines=["first CNAME second", "second CNAME {host}"])
    case("alias-insecure", lines=["_25._tcp.{host} TLSA " + WRONG], alias="real-3.insecure.test.", owner="x")
    case("tlsa-alias", lines=["_25._tcp.{host} CNAME _t", "_t TLSA {own}"])
    case("tlsa-alias-insecure", lines=["_25._tcp.{host} CNAME _t.insecure.test."])
    case("tlsa-wildcard", lines=["*._tcp.{host} TLSA {own}"])
    case("tlsa-other-port", lines=["_465._tcp.{host} TLSA " + WRONG])
    case("upper-case", [(3, 1, 1)], mx_name="MX-upper-case.SIGNED.test")
    zones["insecure"].append("_t TLSA " + WRONG)
    zones["bogus"].append("x TLSA " + WRONG)
    aliased = next(one for one in cases if one["name"] == "alias-insecure")
    zones["signed"].remove(f"real-3.insecure.test. A {aliased['address']}")
    zones["insecure"].append(f"real-3 A {aliased['address']}")


# Zones, and the servers for them.


def zone_file(name, lines):
    origin = name + "." if name else "."
    write("zone." + name, f"$TTL 300\n$ORIGIN {origin}\n@ SOA ns.test. h.test. 1 3600 600 86400 60\n@ NS ns.test.\n"
          + "\n".join(lines) + "\n")


def sign(name):
    """Signs a zone. Returns its key-signing key."""
    options = ["dnssec-keygen", "-q", "-K", ".", "-a", "ECDSAP256SHA256"]
    keys = [run(*options, *flags, name or ".").decode().strip() for flags in (["-f", "KSK"], [])]
    with open("zone." + name, "a") as file:
        file.write("".join(read(key + ".key") for key in keys))
    run("dnssec-signzone", "-q", "-o", name or ".", "-f", "signed." + name, "zone." + name)
    return keys[0]


def delegation(name):
    return [f"{name}.test. NS ns.test."]


def make_zones():
    for name in zones:
        zone_file(name + ".test", zones[name])
    for name in ("signed.test", "bogus.test"):
        sign(name)
    wrong = read("dsset-bogus.test.").split()
    wrong[-1] = wrong[-1][::-1]
    lines = [line for name in zones for line in delegation(name)] + ["ns A 127.0.0.2"]
    zone_file("test", lines + [read("dsset-signed.test."), " ".join(wrong)])
    sign("test")
    zone_file("", ["test. NS ns.test.", "ns.test. A 127.0.0.2", read("dsset-test.")])
    write("anchor", read(sign("") + ".key"))
    names = ["", "test", "signed.test", "bogus.test"]
    served = [(name or ".", "signed." + name) for name in names] + [("insecure.test", "zone.insecure.test")]
    write("named.conf", f'options {{ directory "{DIRECTORY}"; listen-on {{ 127.0.0.2; }}; listen-on-v6 {{ none; }}; '
          f'recursion no; pid-file "{DIRECTORY}/named.pid"; session-keyfile "{DIRECTORY}/session.key"; '
          "dnssec-validation no; };\ncontrols { };\n"
          + "".join(f'zone "{name}" {{ type primary; file "{file}"; }};\n' for name, file in served))
    write("unbound.conf", f'server:\n interface: 127.0.0.1\n do-daemonize: no\n chroot: ""\n username: ""\n'
          f' directory: "{DIRECTORY}"\n pidfile: "{DIRECTORY}/unbound.pid"\n use-syslog: no\n logfile: "unbound.log"\n'
          ' do-not-query-localhost: no\n trust-anchor-file: "anchor"\n do-ip6: no\n'
          ' module-config: "validator iterator"\n local-zone: "test." nodefault\n'
          'stub-zone:\n name: "."\n stub-addr: 127.0.0.2\nremote-control:\n control-enable: no\n')


def talk(connection, one):
    """One SMTP session."""
    connection.settimeout(20)

    def say(text):
        connection.sendall(text.encode() + b"\r\n")

    say("220 lab ESMTP")
    is_open, in_message, offer = True, False, "250-lab\r\n250-STARTTLS\r\n250 SIZE 10000000" if one["starttls"] else "250 lab"
    while is_open:
        line = b""
        while not line.endswith(b"\n"):
            octet = connection.recv(1)
            if not octet:
                return
            line += octet
        word = line.strip().upper()[:4]
        if in_message and word != b".":
            continue
        in_message = word == b"DATA"
        if word == b"EHLO":
            say(offer)
        elif word == b"STAR" and one["mode"] in ("454", "554"):
            say(one["mode"] + " TLS is not available")
        elif word == b"STAR":
            say("220 go ahead")
            if one["mode"] == "close":
                return
            if one["mode"] == "garbage":
                connection.recv(1)
                return say("no TLS here")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            if one["tls"] == "1.2":
                context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(one["name"] + ".pem", one["key"])
            connection, offer = context.wrap_socket(connection, server_side=True), "250 lab"
        elif word == b"DATA":
            say("354 go ahead")
        elif word == b"QUIT":
            say("221 bye")
            is_open = False
        else:
            say("250 ok")


def serve(one):
    def session(connection):
        try:
            with connection:
                talk(connection, one)
        except OSError:
            pass

    listener = socket.create_server((one["address"], 25), backlog=50)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=session, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


# The two clients.


def ask(one):
    """Sends to a domain with the program under test."""
    command = [EHLO, "--json", "-4", "-f", "me@client.test", "--helo", "client.test", "-b", "hi", "u@" + one["domain"]]
    clean = {"PATH": "/usr/bin:/bin", "HOME": DIRECTORY, "EHLO_CONFIG": "/dev/null"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    tls = [event["judgement"] for event in events if event["event"] == "tls"]
    return dict(exit=done.returncode, judgement=tls[-1] if tls else None, errors=done.stderr)


def postfix(verb):
    run("sh", "-c", 'ulimit -n 1024; exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin postfix -c "$1" "$2"', "sh",
        DIRECTORY + "/etc", verb)


def start_postfix():
    for name in ("etc", "spool", "data"):
        os.mkdir(name)
    run("chown", "postfix", "data")
    write("etc/main.cf", f"compatibility_level=3.6\nqueue_directory={DIRECTORY}/spool\ndata_directory={DIRECTORY}/data\n"
          "command_directory=/usr/sbin\ndaemon_directory=/usr/lib/postfix/sbin\nmyhostname=client.test\nmydestination=\n"
          f"inet_interfaces=127.0.0.1\ninet_protocols=ipv4\nmaillog_file={DIRECTORY}/log\n"
          f"maillog_file_prefixes={DIRECTORY}\nsmtp_tls_security_level=dane\nsmtp_dns_support_level=dnssec\n"
          "smtp_host_lookup=dns\nsmtp_tls_loglevel=1\nalias_maps=\nalias_database=\nsmtputf8_enable=no\n")
    private = ["cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
               "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
               "error unix - - n - - error", "retry unix - - n - - error", "smtp unix - - n - - smtp",
               "tlsmgr unix - - n 1000? 1 tlsmgr", "anvil unix - - n - 1 anvil", "proxymap unix - - n - - proxymap",
               "postlog unix-dgram n - n - 1 postlogd"]
    write("etc/master.cf", "127.0.0.1:2525 inet n - n - - smtpd\n" + "\n".join(private) + "\n")
    postfix("start")


def ask_postfix():
    """Sends to all domains. Returns the log as soon as it has a result for each."""
    for first in range(0, len(cases), 40):
        to = ["u@" + one["domain"] for one in cases[first:first + 40]]
        with smtplib.SMTP("127.0.0.1", 2525, timeout=20) as session:
            session.sendmail("me@client.test", to, "Subject: hi\r\n\r\nhi\r\n")
    for _ in range(600):
        log = read("log")
        if len(set(re.findall(r"to=<u@([^>]*)>, .*status=", log))) == len(cases):
            return log
        time.sleep(0.1)
    return log


def of_postfix(one, log):
    status = re.search(rf"to=<u@{re.escape(one['domain'])}>, .*status=(\w+) \((.*)\)", log)
    level = re.findall(rf"(\w+) TLS connection established to \S*\[{re.escape(one['address'])}\]", log)
    return dict(status=status and status[1], words=status and status[2], level=level[-1] if level else None)


def resolver_answers():
    query = b"\x12\x34\x01\x20\x00\x01" + bytes(6) + b"\x02ns\x04test\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(("127.0.0.1", 53))
            probe.send(query)
            return probe.recv(512)[3] & 0x20 == 0x20
        except OSError:
            time.sleep(0.1)
            return False


def main():
    run("ip", "link", "set", "lo", "up")
    # named listens at addresses of interfaces only.
    run("ip", "address", "add", "127.0.0.2/8", "dev", "lo")
    write("resolv.conf", "nameserver 127.0.0.1\n")
    run("mount", "--bind", "resolv.conf", "/etc/resolv.conf")
    make_cases()
    make_zones()
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    servers = [subprocess.Popen(["named", "-c", DIRECTORY + "/named.conf", "-g"], **quiet),
               subprocess.Popen(["unbound", "-c", "unbound.conf"], **quiet)]
    try:
        for one in cases:
            serve(one)
        start_postfix()
        if not any(resolver_answers() for _ in range(100)):
            raise SystemExit("the resolver does not validate")
        with ThreadPoolExecutor(4) as pool:
            ours = list(pool.map(ask, cases))
        log = ask_postfix()
        for one, own in zip(cases, ours):
            print(json.dumps(dict(name=one["name"], ehlo=own, postfix=of_postfix(one, log))))
    finally:
        if os.path.exists("spool/pid/master.pid"):
            postfix("stop")
        for server in servers:
            server.kill()


main()
