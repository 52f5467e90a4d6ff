"""The table of domains, served by bind9 and judged by pyspf, checkdmarc, libopendmarc, dkimpy and this program. Prints the
differences.

Arguments: the table, the directory for bind9, the program. Lines "oracle PROGRAM RESULT WHY" in the table are differences
that are known, with their reason; PROGRAM is pyspf, checkdmarc.spf, checkdmarc.dmarc, opendmarc or dkimpy.
"""

import ctypes
import json
import socket
import subprocess
import sys

import checkdmarc.dmarc
import checkdmarc.spf
import dkim
import dns.exception
import dns.resolver
import spf


class Case:
    def __init__(self, domain):
        self.domain = domain
        self.found = set()
        self.spf = []
        self.selectors = []
        self.oracles = {}


def read(path):
    cases, records, dead = [], [], set()
    with open(path, encoding="latin-1") as table:
        for line in table.read().split("\n"):
            words = line.split()
            if not words or words[0] == "#" or words[0] in ("~", "dmarc"):
                continue
            if words[0] == "selector":
                cases[-1].selectors.append(words[1])
                continue
            if words[0] == "=":
                cases.append(Case(words[1]))
            elif words[0] == "!":
                cases[-1].found.add(words[1])
            elif words[0] == "spf":
                cases[-1].spf.append((words[1], words[2]))
            elif words[0] == "oracle":
                cases[-1].oracles[words[1]] = words[2]
            elif words[2] == "SERVFAIL":
                dead.add(words[0])
            else:
                records.append(line)
    return cases, records, dead


def zone(records, dead):
    lines = ["$TTL 60", ". IN SOA ns.test. root.test. 1 60 60 60 60", ". IN NS ns.test.", "ns.test. IN A 127.0.0.1"]
    for name in dead:
        # Nothing answers there.
        lines += [f"{name}. IN NS dead.{name}.", f"dead.{name}. IN A 127.0.0.77"]
    for record in records:
        name, kind, data = record.split(None, 2)
        if kind in ("CNAME", "PTR"):
            data += "."
        if kind == "MX":
            preference, host = data.split()
            data = f"{preference} {host.rstrip('.')}."
        lines.append(f"{name}. IN {kind} {data}")
    return "\n".join(lines) + "\n"


def free_port():
    """A port that is free for both UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def serve(directory, text):
    port = free_port()
    with open(f"{directory}/root.zone", "w", encoding="latin-1") as file:
        file.write(text)
    with open(f"{directory}/named.conf", "w") as file:
        file.write(
            f'options {{ directory "{directory}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};'
            f' recursion yes; pid-file none; session-keyfile "{directory}/key"; dnssec-validation no;'
            ' empty-zones-enable no; };\ncontrols { };\n'
            'zone "." { type master; file "root.zone"; check-names ignore; };\n'
        )
    named = subprocess.Popen(["named", "-g", "-c", f"{directory}/named.conf"], stderr=subprocess.PIPE, text=True)
    for line in named.stderr:
        if line.rstrip().endswith("running"):
            return named, port
    raise SystemExit("named does not run")


def by_ehlo(program, port, cases):
    """The findings of this program by domain."""
    found = {}
    arguments = ["check", "--json", "--only", "spf,dmarc,dkim", "--dns", f"127.0.0.1:{port}", "--timeout", "10s"]
    for selectors in {tuple(case.selectors) for case in cases}:
        domains = [case.domain for case in cases if tuple(case.selectors) == selectors]
        more = [word for selector in selectors for word in ("--selector", selector)]
        ran = subprocess.run([program, *arguments, *more, *domains], capture_output=True, text=True)
        for line in ran.stdout.splitlines():
            report = json.loads(line)
            found[report["domain"]] = report["findings"]
    return found


def errors(findings, group):
    """The identifiers of the findings of a group that are errors."""
    return [
        finding["id"]
        for finding in findings
        if finding["id"].startswith(f"{group}.")
        and (finding["status"] in ("failed", "unknown") or finding["id"] in ("spf.missing", "dmarc.missing", "dkim.revoked"))
    ]


class OpenDmarc:
    """The parser of OpenDMARC. It has a resolver of its own, which asks the servers of /etc/resolv.conf only."""

    def __init__(self):
        self.library = ctypes.CDLL("libopendmarc.so.2")
        self.library.opendmarc_policy_connect_init.restype = ctypes.c_void_p

    def policy(self, domain, record):
        """The policy of a record, or invalid."""
        context = ctypes.c_void_p(self.library.opendmarc_policy_connect_init(b"192.0.2.1", 0))
        try:
            if self.library.opendmarc_policy_parse_dmarc(context, domain.encode(), record) != 0:
                return "invalid"
            found = ctypes.c_int()
            self.library.opendmarc_policy_fetch_p(context, ctypes.byref(found))
            return {"r": "reject", "q": "quarantine", "n": "none"}.get(chr(found.value), "none")
        finally:
            self.library.opendmarc_policy_connect_shutdown(context)


def texts(resolver, name):
    """The TXT records of a name."""
    try:
        return [b"".join(record.strings) for record in resolver.resolve(name, "TXT")]
    except dns.exception.DNSException:
        return []


def policy(findings):
    """The policy that this program has found."""
    for finding in findings:
        if finding["id"] == "dmarc.policy":
            words = finding["text"].split()
            return words[words.index("is") + 1].rstrip(":") if finding["status"] != "failed" else "invalid"
    return "invalid"


def by_dkimpy(record):
    """True if a key can be used."""
    try:
        _, size, kind, _ = dkim.load_pk_from_dns(b"s._domainkey.example.", dnsfunc=lambda name, timeout=5: record)
    except Exception:
        return False
    return kind != b"rsa" or size >= 1024


def main(table, directory, program):
    cases, records, dead = read(table)
    named, port = serve(directory, zone(records, dead))
    try:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.timeout, resolver.lifetime = ["127.0.0.1"], port, 3, 4
        dns.resolver.default_resolver = resolver
        reports = by_ehlo(program, port, cases)
        opendmarc = OpenDmarc()
        compared = dict.fromkeys(("pyspf", "checkdmarc", "opendmarc", "dkimpy"), 0)

        def differs(case, oracle, expected, found, why=""):
            compared[oracle.split(".")[0]] += 1
            if found != case.oracles.get(oracle, expected):
                print(f"{case.domain}: {expected}, but {oracle} says {found} {why}")

        for case in cases:
            findings = reports[case.domain]
            for ip, expected in case.spf:
                found = spf.check2(i=ip, s=f"postmaster@{case.domain}", h=case.domain, timeout=20, querytime=10)
                differs(case, "pyspf", expected, found[0], f"{ip} {found}")
            for name, judge in (("spf", checkdmarc.spf.check_spf), ("dmarc", checkdmarc.dmarc.check_dmarc)):
                if not any(one.startswith(name) for one in case.found):
                    continue
                found = judge(case.domain, resolver=resolver)
                expected = "invalid" if errors(findings, name) else "valid"
                result = "valid" if found["valid"] else "invalid"
                differs(case, f"checkdmarc.{name}", expected, result, found.get("error", ""))
            records = [text for text in texts(resolver, f"_dmarc.{case.domain}") if b"DMARC" in text]
            if len(records) == 1:
                differs(case, "opendmarc", policy(findings), opendmarc.policy(case.domain, records[0]), records[0])
            for selector in case.selectors:
                records = texts(resolver, f"{selector}._domainkey.{case.domain}")
                if len(records) == 1:
                    expected = "invalid" if errors(findings, "dkim") else "valid"
                    result = "valid" if by_dkimpy(records[0]) else "invalid"
                    differs(case, "dkimpy", expected, result, records[0])
        print("compared: " + " ".join(f"{oracle}={count}" for oracle, count in compared.items()))
    finally:
        named.kill()


main(*sys.argv[1:])
