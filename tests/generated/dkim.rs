//! ehlo-dkim(1): the sections besides those of clap.

use crate::page::{as_typed, owned, section, subcommands, synopsis_lines, table, titled};

const SYNOPSIS: [(&str, &str); 3] = [
    (
        "ehlo dkim new",
        " SELECTOR --domain DOMAIN [--ed25519] --out FILE",
    ),
    ("ehlo dkim record", " FILE [--zone] [--selector SELECTOR]"),
    (
        "ehlo dkim check",
        " [DOMAIN] [--dns IP[:PORT]] [--config FILE]",
    ),
];

const DESCRIPTION: [&str; 3] = [
    "\
A DKIM signature (RFC 6376) shows receivers that a message comes from its domain and was not changed on the way. The
private key is in a file of the sender; the public key is in a record in the DNS, under SELECTOR._domainkey.DOMAIN. Large
providers reject mail without a signature. A relay often signs the messages of its customers; then no key is needed here.",
    "\
Messages are signed if there is a key for the domain of From: in the table [dkim] of the configuration, or by --dkim-key.
This applies to all messages: those of ehlo with or without --message, of ehlo sendmail and sendmail -bs, of run, notify,
digest and unit, to --print, and to delivery reports of the queue. A message is signed when it is made or submitted; the
queue stores it with its signature. --dkim require refuses messages for which there is no key, and --dkim off signs
nothing. A profile may have both options.",
    "\
ehlo-verify(1) verifies signatures.",
];

const KEYS: [&str; 5] = [
    "\
The keys of [dkim] are domains, and their values are a string or an array of strings SELECTOR:FILE. A key also signs for
domains below its own, unless they have keys themselves; the signature names the domain in the table. If From has authors
in several domains, each of them that has keys gets signatures. A message is signed by all keys of its domain.",
    "\
A file contains one private key in PEM (PKCS #1 or PKCS #8): RSA of 2048 to 4096 bits, or Ed25519 (RFC 8463). It must belong
to root or to you, and must not be accessible to others (mode 0600); the group may read a file of root (mode 0640). An
encrypted key cannot be used. If a key cannot be used, the message is not sent, and the exit status is 78, or 66 if the
file cannot be read. There is one exception: if a user has no permission to read a key of [dkim], and --dkim require is not
given, the message is sent without that signature, and a warning says so.",
    "\
Not all receivers can verify Ed25519, so use it only in addition to RSA. RSA signatures are placed first.",
    "\
To replace a key, make a new one with another selector, publish its record, and change the configuration. Keep the record
of the old key for a week: receivers verify messages that were delayed with it.",
    "For example:",
];

const CONFIGURATION: &str = "\
[dkim]
\"example.org\" = [\"s2026:/etc/ehlo/dkim/s2026.pem\",
                 \"e2026:/etc/ehlo/dkim/e2026.pem\"]
\"example.net\" = \"s2026:/etc/ehlo/dkim/net.pem\"

[profile.test]
relay = \"mail.example.com\"
dkim = \"off\"";

const SIGNATURES: [&str; 4] = [
    "\
Header and body are signed in their relaxed form, with SHA-256. The whole body is signed (no l=), and a signature does not
expire (no x=). From, To, Cc, Subject and Reply-To are signed in such a way that none can be added (RFC 6376, section 8.15);
the same applies to Date, Message-ID, MIME-Version, Content-Type, Content-Transfer-Encoding, In-Reply-To and References if
the message has them. Sender, the fields of resending and of mailing lists, Auto-Submitted, Content-ID and
Content-Description are signed if they are present. Other fields are not signed.",
    "\
A composed message is signed and sent in its 7bit form, so that no server on the way converts it. A message of --message or
of sendmail is signed as it is. If it is 8bit and a server does not support 8BITMIME, or if its header is not ASCII and a
server does not support SMTPUTF8, it is converted, and its signature becomes invalid; with --verbose, a remark says so. Existing signatures of such a message are kept. A message that can only be sent as binary data is not
signed; a warning says so.",
    "\
With --dkim-key and ;domain=, the domain may differ from that of From. Such a signature does not count for DMARC, unless both
domains have the same organizational domain; a warning says so.",
    "\
Delivery reports of the queue are signed by the keys of [dkim] if there are some for the domain of this host (that of
MAILER-DAEMON). A report is sent without a signature if a key cannot be used.",
];

const EXAMPLES: &str = "\
ehlo dkim new s2026 --domain example.org --out s2026.pem
ehlo dkim new e2026 --domain example.org --ed25519 --out e2026.pem
ehlo dkim record s2026.pem --zone
ehlo --dkim-key 's2026.pem;selector=s2026' -f alice@example.org \\
     -s hi -b hi bob@example.net";

const STATUS: [(&str, &str); 6] = [
    ("0", "success"),
    ("64", "the command line is wrong"),
    ("66", "a file cannot be read"),
    ("70", "openssl(1) is not installed or failed"),
    ("73", "the file for the key exists or cannot be created"),
    ("78", "the configuration or a key file has an error"),
];

const OF_CHECK: &str = "\
ehlo dkim check has the status of a monitoring plugin: 0 if every record belongs to its key, 1 if a record says that
signatures are a test, 2 if receivers cannot verify a signature, 3 if the DNS does not answer.";

/// ehlo-dkim(1).
pub fn page() -> String {
    let mut page = titled(
        ("EHLO-DKIM", "1"),
        "ehlo-dkim - sign messages with DKIM, make keys and check their records",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    section(&mut page, "KEYS", &KEYS);
    as_typed(&mut page, CONFIGURATION);
    section(&mut page, "SIGNATURES", &SIGNATURES);
    subcommands(&mut page, "dkim");
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    crate::page::paragraph(&mut page, OF_CHECK);
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-config(1), ehlo-sendmail(1), openssl-genpkey(1)"],
    );
    page.to_roff()
}
