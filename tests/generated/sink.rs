//! ehlo-sink(1): what it says beside clap.

use crate::page::{as_typed, owned, rows, section, table, verb_page};

const BEHAVIOUR: [&str; 5] = [
    "\
Without options it is a plain server that takes everything: each recipient, and each message up to --max-size. What a command line says beyond that makes it the server that a sender is to be tested
with.",
    "\
With --tls, a certificate and the CA that signs it are made at the start, in memory. A client trusts it with what
--save-ca has written: ehlo --ca-file, curl --cacert, swaks --tls-ca-path, msmtp --tls-trust-file. What a client says
in clear behind STARTTLS is forgotten (CVE-2011-0411).",
    "\
A fault with a reply of 4yz or 5yz takes the place of what the command would have done: a MAIL that is refused begins no
transaction, a recipient that is refused gets nothing, a message that is refused at body, bdat or dot is not kept. Any other
fault leaves the command done and spoils the reply alone. So with dot=close the message is kept, and the sender does not
know it: what must not be lost and may arrive twice.",
    "\
A reply at body is that to the whole message, before its end. With LMTP, and with PRDR, there is a reply for each recipient
at the end, and dot counts them: dot='452 4.2.2 full'@2 refuses the second. A reply of 4yz or 5yz at banner leaves nothing
but QUIT; a reply at connect or tls is said in clear, and the connection is closed.",
    "\
On stderr stand the places that it listens on, as soon as they can be connected to, and what went wrong: where a message
cannot be kept, the client hears 451, or 452 where the disk is full, and stderr has the reason. It ends with --count, with --time-limit, or with a
signal. Conversations that go on at the end have two seconds.",
];

const EVENTS_ARE: &str = "\
Each line of --json is an object with event, elapsed_ms (since the start) and connection (counted from 1). Passwords
and tokens are in none of them.";

const EVENTS: [(&str, &str); 11] = [
    (
        "connected",
        "peer: the address and port, null for a unix socket",
    ),
    (
        "proxy",
        "client: what a PROXY header or XCLIENT has told of the client",
    ),
    (
        "tls",
        "version, cipher, server_name (what the client asked for), client (whom its certificate is for)",
    ),
    ("tls-failed", "error: why there was no handshake"),
    (
        "command",
        "line: as it came; of AUTH no more than the mechanism, and nothing of what follows it",
    ),
    ("reply", "code, lines (without the code)"),
    ("auth", "mechanism, user, accepted: true or false"),
    ("fault", "stage, what: what goes wrong now"),
    (
        "message",
        "from, parameters (of MAIL), recipients (each with address and parameters), helo, user, peer, bytes, number (of the \
         messages that were kept), path (of the file; null where there is none)",
    ),
    ("trouble", "error: why a message could not be kept"),
    (
        "closed",
        "reason: quit, peer closed, idle, too many errors, sink closed, 421 said, closed or reset (on purpose), no TLS, no \
         PROXY header",
    ),
];

const FILES: &str = "\
A file of --maildir and a message of --mbox begin with Return-Path and one Delivered-To for each recipient; what follows
in a file of --maildir is the message as it came, octet for octet. In an mbox, line ends are those of a file, and From at the beginning of a line stands
behind one more >. Messages are on disk before the client hears that they are accepted.";

const STATUS: [(&str, &str); 8] = [
    (
        "0",
        "all messages of --count have come; without --count, the time is over",
    ),
    (
        "1",
        "fewer messages than --count have come within --time-limit; stderr says how many",
    ),
    ("64", "the command line is wrong"),
    (
        "66",
        "a file of --cert, --key, --client-ca or --auth cannot be read",
    ),
    ("73", "it cannot listen there, or not make a file"),
    ("74", "the standard output cannot be written"),
    ("77", "a file of --key or --auth is open to others"),
    ("78", "a line in the file of --auth is no user:password"),
];

const EXAMPLES: &str = "\
ehlo sink --print --count 1
ehlo sink --tls starttls --require-tls --save-ca ca.pem --auth any --require-auth --json
ehlo sink --fault 'mail=451 4.7.1 greylisted@1' --maildir /tmp/mail
ehlo sink --fault 'rcpt=550 5.1.1 no such user%10' --fault dot=close@3 --seed 7 --mbox /tmp/box
ehlo sink --fault dot=slow:10m --fault ehlo=drip:100ms@2+
ehlo sink --lmtp --listen unix:/tmp/lmtp --fault 'dot=452 4.2.2 full@2'
ehlo sink --no-offer PIPELINING,CHUNKING,SMTPUTF8 --offer 'SIZE=100000,DSN,LIMITS RCPTMAX=10'";

/// ehlo-sink(1).
pub fn page() -> String {
    verb_page("sink", "ehlo-sink", |own| {
        section(own, "BEHAVIOUR", &BEHAVIOUR);
        section(own, "FILES", &[FILES]);
        section(own, "EVENTS", &[EVENTS_ARE]);
        rows(own, owned(&EVENTS));
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
