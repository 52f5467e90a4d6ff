//! ehlo-sink(1): the text besides the options.

use crate::page::{as_typed, owned, rows, section, table, verb_page};

const NOTES: [&str; 5] = [
    "\
Without options, the sink is a plain server that accepts every recipient, and every message up to --max-size. Options
turn it into the server that a client is to be tested with.",
    "\
With --tls but without --cert, a certificate and the CA that signs it are generated in memory at startup. Use --save-ca to write the CA
certificate to a file that clients can trust: ehlo --ca-file, curl --cacert, swaks --tls-ca-path, msmtp
--tls-trust-file. Plaintext that a client sends after STARTTLS is discarded (CVE-2011-0411).",
    "\
A fault with a 4xx or 5xx reply replaces the action of the command: a refused MAIL starts no transaction, a refused
recipient does not get the message, and a message refused at body, bdat or dot is not stored. Any other fault affects
only the reply; the command is still executed. With dot=close, for example, the message is stored, but the client
cannot know.",
    "\
A reply at body is sent before the end of the message and applies to all of it. With LMTP and with PRDR, there is one
reply per recipient at the end, and dot counts them: dot='452 4.2.2 full'@2 refuses the second one. After a 4xx or
5xx reply at banner, only QUIT is accepted. A reply at connect or tls is sent in plaintext, and the connection is
closed.",
    "\
The addresses that the sink listens on are printed on standard error as soon as they accept connections, and so are
errors. If a message cannot be stored, the client gets 451, or 452 if the disk is full, and the reason is printed on
standard error. The sink exits after --count messages, after --time-limit, or on a signal. Sessions that are open
then have two seconds to finish.",
];

const EVENTS_ARE: &str = "\
Each line of --json is an object with event, elapsed_ms (since startup) and connection (counted from 1). Passwords
and tokens are never included.";

const EVENTS: [(&str, &str); 11] = [
    (
        "connected",
        "peer: address and port; null for a Unix socket",
    ),
    (
        "proxy",
        "client: information about the client from a PROXY header or XCLIENT",
    ),
    (
        "tls",
        "version, cipher, server_name (requested by the client), client (subject of the client certificate)",
    ),
    ("tls-failed", "error: the reason why the handshake failed"),
    (
        "command",
        "line: as received; of AUTH only the mechanism, without the data that follow",
    ),
    ("reply", "code, lines (without the code)"),
    ("auth", "mechanism, user, accepted: true or false"),
    ("fault", "stage, what: the fault that is injected"),
    (
        "message",
        "from, parameters (of MAIL), recipients (each with address and parameters), helo, user, peer, bytes, \
         number (among the stored messages), path (of the file; null if there is none)",
    ),
    ("trouble", "error: the reason why a message was not stored"),
    (
        "closed",
        "reason: quit, peer closed, idle, too many errors, sink closed, 421 said, closed or reset (on \
         purpose), no TLS, no PROXY header",
    ),
];

const FILES: &str = "\
Each file of --maildir, and each message of --mbox, begins with Return-Path and one Delivered-To per recipient. In a
file of --maildir, the message follows exactly as it was received. In an mbox, line endings are converted to LF, and
a > is put before lines that begin with From, or with one or more > and From. Messages are written to disk before the
client is told that they are accepted.";

const STATUS: [(&str, &str); 8] = [
    (
        "0",
        "all messages of --count were received; without --count: the time limit was reached",
    ),
    (
        "1",
        "fewer messages than --count were received within --time-limit; the number is printed on standard \
         error",
    ),
    ("64", "the command line is wrong"),
    (
        "66",
        "a file given with --cert, --key, --client-ca or --auth cannot be read",
    ),
    (
        "73",
        "the address cannot be used, or a file cannot be created",
    ),
    ("74", "standard output cannot be written"),
    (
        "77",
        "the file given with --key or --auth is accessible to others",
    ),
    (
        "78",
        "a line in the file given with --auth is not user:password",
    ),
];

const EXAMPLES: &str = "\
ehlo sink --print --count 1
ehlo sink --tls starttls --save-ca ca.pem --auth any --json
ehlo sink --fault 'mail=451 4.7.1 greylisted@1' --maildir /tmp/mail
ehlo sink --fault 'rcpt=550 5.1.1 no such user%10' --mbox /tmp/box
ehlo sink --fault dot=slow:10m --fault ehlo=drip:100ms@2+
ehlo sink --lmtp --listen unix:/tmp/lmtp --fault 'dot=452 full@2'
ehlo sink --no-offer CHUNKING --offer 'SIZE=9999,LIMITS RCPTMAX=10'";

pub fn page() -> String {
    verb_page("sink", "ehlo-sink", |own| {
        section(own, "NOTES", &NOTES);
        section(own, "FILES", &[FILES]);
        section(own, "EVENTS", &[EVENTS_ARE]);
        rows(own, owned(&EVENTS));
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
