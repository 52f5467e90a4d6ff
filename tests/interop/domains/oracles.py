"""The table of domains, served by bind9 and judged by pyspf, checkdmarc and this program. Prints the differences.

Arguments: the table, the directory for bind9, the program. Lines "oracle PROGRAM RESULT WHY" in the table are differences
that are known, with their reason; PROGRAM is pyspf, checkdmarc.spf or checkdmarc.dmarc.
"""

import json
import socket
import subprocess
import sys

import checkdmarc.dmarc
import checkdmarc.spf
import dns.resolver
import spf


class Case:
    def __init__(self, domain):
        self.domain = domain
        self.found = set()
        self.spf = []
        self.oracles = {}


def read(path):
    cases, records, dead = [], [], set()
    with open(path, encoding="latin-1") as table:
        for line in table.read().split("\n"):
            words = line.split()
            if not words or words[0] == "#" or words[0] in ("~", "dmarc", "selector"):
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


def serve(directory, text):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
    """The findings of this program that are errors, by domain."""
    arguments = ["check", "--json", "--only", "spf,dmarc", "--dns", f"127.0.0.1:{port}", "--timeout", "10s"]
    ran = subprocess.run([program, *arguments, *(case.domain for case in cases)], capture_output=True, text=True)
    errors = {}
    for line in ran.stdout.splitlines():
        report = json.loads(line)
        bad = [
            finding["id"]
            for finding in report["findings"]
            if finding["status"] in ("failed", "unknown") or finding["id"] in ("spf.missing", "dmarc.missing")
        ]
        errors[report["domain"]] = bad
    return errors


def main(table, directory, program):
    cases, records, dead = read(table)
    named, port = serve(directory, zone(records, dead))
    try:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.timeout, resolver.lifetime = ["127.0.0.1"], port, 3, 4
        dns.resolver.default_resolver = resolver
        errors = by_ehlo(program, port, cases)
        compared = 0
        for case in cases:
            for ip, expected in case.spf:
                compared += 1
                found = spf.check2(i=ip, s=f"postmaster@{case.domain}", h=case.domain, timeout=20, querytime=10)
                if found[0] != case.oracles.get("pyspf", expected):
                    print(f"{case.domain} {ip}: {expected}, but pyspf says {found}")
            for name, judge in (("spf", checkdmarc.spf.check_spf), ("dmarc", checkdmarc.dmarc.check_dmarc)):
                if not any(one.startswith(name) for one in case.found):
                    continue
                compared += 1
                found = judge(case.domain, resolver=resolver)
                bad = [one for one in errors[case.domain] if one.startswith(name)]
                known = case.oracles.get(f"checkdmarc.{name}")
                expected = known == "valid" if known else not bad
                if found["valid"] != expected:
                    print(f"{case.domain}: {name} {bad}, but checkdmarc says {found.get('error', 'valid')}")
        print(f"compared: {compared}")
    finally:
        named.kill()


main(*sys.argv[1:])
