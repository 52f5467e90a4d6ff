//! ehlo-probe(1): the sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};

const EXAMPLES: &str = "\
ehlo probe mail.example.org
ehlo probe mail.example.org:465 --tls implicit --json
ehlo probe mx1.example.org --expect starttls,verified,size:10M
ehlo probe submission.example.org:587 -u monitor \\
     --password-file /etc/monitor.pw --expect auth=PLAIN
ehlo probe --mx example.org --expect starttls,verified
ehlo probe --mx example.org --count 10 --json
ehlo probe --nagios --warning 2s --critical 10s mail.example.org \\
     --expect 'cert-days:7,banner~^mail\\.example\\.org '
ehlo probe --mx example.org --dane
ehlo probe --tls-scan mail.example.org
ehlo probe --tls-scan --json --lmtp lmtp.example.org:24";

const SEVERAL: &str = "\
Several servers are probed in parallel, at most --parallel at a time, and reported in the order in which they are named. With --mx, every exchanger is probed at each of its addresses, in the order of preference; a host that is named is \
probed at the first address that answers. With --json, one object per line is printed for each. The exit status is that of \
the first server that failed. --user and --save-certs require a single server.";

const MARKS: &str = "\
The end of a report lists what deserves attention: certificates that have expired, expire within 14 days, have short keys, \
are signed with SHA-1 or are not trusted; passwords that are accepted without TLS; and differences between the EHLO replies with \
and without TLS. At a terminal, such lines are in colour unless NO_COLOR is set. In JSON they are the array \"findings\", with an \
identifier, a status (failed, warning, note or unknown) and the section of the RFC.";

const DANE: &str = "\
--dane looks up the TLSA records of the server, _25._tcp.HOST for port 25, and compares each with the certificate (RFC 7672): it \
matches, differs, or is unusable, as are usages 0 and 1 and digests of the wrong length. If none matches, the record 3 1 1 \
that would match is shown. Records count only if they and the addresses are signed, as a validating resolver on this host reports it; \
with --mx, the MX records should be signed, too. At an alias, the records of its target come first, and its name is sent in SNI. In JSON, \
\"dane\" has owner, records (record and state) and missing, the record that would match.";

const SCAN: &str = "\
--tls-scan finds out what a server accepts, from SSLv3 to TLS 1.3, after STARTTLS, with implicit TLS or with LMTP. It sends \
ClientHello messages and closes the connection when the server has chosen; the server logs failed handshakes. For each version, the \
cipher suites are listed in the order in which the server chooses them, by the names of IANA and of OpenSSL; then groups, the \
length of the prime for Diffie-Hellman, and signature algorithms. The report then lists the certificate chains (one for each kind of key), \
whether an OCSP response is stapled, sessions are resumed, ALPN is answered, TLS compression is offered and downgrades are \
refused (RFC 7507). SSLv2, PSK with a key, client certificates and renegotiation are not tried; the support of RFC 5746 is reported.";

const SCAN_WEAK: &str = "\
Weak values are marked, with the RFC that says so: SSLv3 (RFC 7568), TLS 1.0 and 1.1 (RFC 8996), cipher suites without encryption, with export \
keys, DES, RC4, blocks of 64 bits or without forward secrecy, primes of less than 2048 bits (RFC 9325), MD5 and SHA-1 (RFC 9155). \
The exit status is 77 if something must not be used, and 75 if nothing is known.";

const SCAN_CONNECTIONS: &str = "\
At most --connections connections are open at a time. If the server temporarily refuses one, the scan continues with fewer connections and with \
pauses. Each step is subject to --timeout, and the scan ends after five minutes. With implicit TLS, the server need not speak SMTP. Properties that could \
not be determined are reported as unknown.";

const NAGIOS: &str = "\
--nagios prints one line in the format of the Monitoring Plugins guidelines: the state, what is wrong or how long the session \
took, and after a vertical bar the durations of all steps in seconds and the days until the certificate expires. With --count, they are the \
medians. Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.";

const STATUS: [(&str, &str); 6] = [
    ("0", "the server answered, and all expectations are met"),
    ("64", "invalid command line"),
    ("69", "the server permanently refused the session"),
    (
        "75",
        "no connection, connection lost, or the server is temporarily unavailable",
    ),
    ("76", "protocol error by the server"),
    (
        "77",
        "an expectation is not met, TLS or the login failed, no TLSA record matches, or a scan found what must not be used",
    ),
];

/// ehlo-probe(1).
pub fn page() -> String {
    verb_page("probe", "ehlo-probe", |own| {
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        section(own, "SEVERAL SERVERS", &[SEVERAL]);
        section(own, "FINDINGS", &[MARKS]);
        section(own, "DANE", &[DANE]);
        section(own, "TLS SCAN", &[SCAN, SCAN_WEAK, SCAN_CONNECTIONS]);
        section(own, "MONITORING", &[NAGIOS]);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
