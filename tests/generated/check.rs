//! ehlo-check(1): sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};

const METHOD: [&str; 4] = [
    "\
All questions that do not depend on each other are asked at the same time, and sessions with the mail exchangers run in parallel:
at most ten exchangers, and two addresses of each. A session ends with QUIT after STARTTLS and EHLO. Whatever has not
been answered at the end of --timeout is unknown.",
    "\
A server or a resolver that does not answer is unknown. It is never reported as one without TLS or without a record. Many
networks block connections to port 25; if no exchanger answers, the report says so, and the check must run elsewhere.",
    "\
DNSSEC is validated by the resolver, as for sending: its answers are believed if it is on this host, is named by --dns on a
loopback address, or is trusted by trust-ad. Otherwise dnssec and dane are unknown.",
    "\
The MTA-STS policy is fetched by HTTPS and not taken from the cache of ehlo-policy(1). No other file is fetched: the logo and the certificate of BIMI are not checked.",
];

const GROUPS: [(&str, &str); 12] = [
    (
        "mx",
        "mail exchangers: null MX (RFC 7505), aliases, addresses in place of names, names without an address, addresses that cannot be \
         reached from the Internet; the greeting of each",
    ),
    (
        "tls",
        "STARTTLS, TLS version and certificate of each exchanger: chain, name, dates, weak keys, and whether the addresses of a host agree",
    ),
    ("dnssec", "whether the MX and address records are signed"),
    (
        "dane",
        "TLSA records (RFC 7672): whether they are signed and usable, and whether the certificate matches; a single record, which hinders a key rollover",
    ),
    (
        "sts",
        "MTA-STS (RFC 8461): the TXT record, the policy and its mode; whether each exchanger matches it and has a valid certificate",
    ),
    (
        "tlsrpt",
        "the address for reports of TLS failures (RFC 8460)",
    ),
    (
        "spf",
        "SPF (RFC 7208): syntax, all included records, the number of DNS lookups and of those that find nothing, loops, and the \
         result for other hosts. With --from-ip also the result for that client, for MAIL FROM postmaster at the domain",
    ),
    (
        "dkim",
        "keys (RFC 6376, RFC 8301, RFC 8463) of the selectors that are known. Without one, only whether there are names below \
         _domainkey",
    ),
    (
        "dmarc",
        "DMARC (RFC 9989): the record, found by a walk up the DNS tree, the policy that applies (p, sp, np, t), unknown or obsolete tags, and whether other domains have agreed to receive reports (RFC 9990)",
    ),
    (
        "bimi",
        "the logo of the domain, and whether its DMARC policy permits showing it",
    ),
    (
        "ptr",
        "the names of the addresses of exchangers and of --from-ip, and whether these names have the addresses",
    ),
    (
        "dnsbl",
        "whether an address is on a list that --dnsbl names",
    ),
];

const FINDINGS: [&str; 2] = [
    "\
A finding is ok, a note, a warning, failed or unknown. Its identifier, such as spf.lookups, begins with the group and does
not change between versions. A warning or a failure has a remedy where there is one: a command, a DNS record in the format of a
zone file, or advice.",
    "\
With --json, each domain is one object on a line: domain, status (the worst), exit, findings and expected. A finding has id, group,
status, text, section (the standard, or null) and remedy (null, or an object with kind and text; kind is command, record or
advice). An expectation has expected, met and found, which is \"unknown\" without an answer. The file ehlo-check.schema.json,
which is installed next to this page, is a JSON Schema (2020-12).",
];

const STATUS: [(&str, &str); 10] = [
    (
        "0",
        "no warning and no failure; with --expect: all expectations are met",
    ),
    ("1", "at least one warning"),
    ("2", "at least one failure"),
    (
        "3",
        "no warning and no failure, but something did not answer",
    ),
    ("64", "the command line is wrong"),
    ("65", "a line of --list is not a domain"),
    ("66", "the file of --list or --message cannot be read"),
    ("74", "standard output cannot be written"),
    (
        "75",
        "an expectation is unknown, because something did not answer",
    ),
    ("77", "an expectation is not met"),
];

const EXAMPLES: &str = "\
ehlo check example.org
ehlo check example.org --only mx,tls,sts,dane -v
ehlo check example.org --selector s2026,google --from-ip 192.0.2.7
ehlo check example.org \\
     --expect dmarc:reject,spf,sts:enforce,tls:1.2,cert-days:14
ehlo check --parked example.net
ehlo check --list domains.txt --json > report.jsonl";

/// ehlo-check(1).
pub fn page() -> String {
    verb_page("check", "ehlo-check", |own| {
        section(own, "METHOD", &METHOD);
        table(own, "GROUPS", owned(&GROUPS));
        section(own, "FINDINGS", &FINDINGS);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
        section(
            own,
            "SEE ALSO",
            &["ehlo(1), ehlo-probe(1), ehlo-policy(1), ehlo-dkim(1), ehlo-doctor(1)"],
        );
    })
}
