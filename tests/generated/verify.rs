//! ehlo-verify(1): sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};

const RESULTS: [&str; 6] = [
    "\
DKIM (RFC 6376): each signature is verified with the key in the DNS, at most twenty. A failure names its reason: the body was
changed after it was signed, or a header field was. Signatures with SHA-1, with RSA keys under 1024 bits (RFC 8301), and those that have
expired are not accepted, and have the result policy.",
    "\
SPF (RFC 7208) is evaluated if the client is known: --from-ip is its address, --helo its name in EHLO, and --envelope-from
the sender; without it, Return-Path is used, and without that, the name in EHLO.",
    "\
DMARC (RFC 9989) passes if the domain of a valid signature, or that of an SPF pass, belongs to the same organization as the domain of
From. Organizations are found by the DNS tree walk, not by a list of public suffixes.",
    "\
ARC (RFC 8617): the sets that were added on the way are counted, and the last one is named. They are not verified.",
    "\
Signatures of the author: a message that is signed or encrypted with OpenPGP or S/MIME is passed to gpg(1) or openssl-cms(1), which
decrypt it and check its signatures, as ehlo-show(1) describes. Validity, signer and trust are reported as a sentence. They do
not count for DMARC, but the exit status is 77 if one is wrong.",
    "\
The message is not kept in memory, whatever its size. Lines that end in LF are taken as ending in CRLF, as they did
when the message was sent; a first line From of an mbox is ignored.",
];

const STATUS: [(&str, &str); 7] = [
    ("0", "DMARC passes, and no signature of the author is wrong"),
    ("64", "the command line is wrong"),
    (
        "65",
        "the message has a header of more than 1 MiB, or --envelope-from is not an address",
    ),
    ("66", "the message cannot be read"),
    ("74", "standard output cannot be written"),
    ("75", "the DNS did not answer"),
    (
        "77",
        "DMARC does not pass: neither a signature nor SPF passes for the domain of From, or it has no policy; or a signature of \
         the author is wrong",
    ),
];

const JSON: &str = "\
With --json, the findings are an object on one line: authentication_results, dkim (a list with result, domain, selector, algorithm,
aligned and why), spf (null, or result, ip, identity, domain, aligned and why), dmarc (result, domain, policy and why), arc (a list with
instance, domain and cv), layers as in ehlo-show(1), and exit. The file ehlo-verify.schema.json, which is installed next to this page, is
a JSON Schema (2020-12).";

const EXAMPLES: &str = "\
ehlo verify message.eml
ehlo verify --json message.eml
ehlo verify --from-ip 192.0.2.7 --helo mail.example.org message.eml
ehlo --print -f alice@example.org -b hello bob@example.net |
     ehlo verify";

/// ehlo-verify(1).
pub fn page() -> String {
    verb_page("verify", "ehlo-verify", |own| {
        section(own, "RESULTS", &RESULTS);
        section(own, "JSON", &[JSON]);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
        section(
            own,
            "SEE ALSO",
            &["ehlo(1), ehlo-check(1), ehlo-dkim(1), ehlo-show(1)"],
        );
    })
}
