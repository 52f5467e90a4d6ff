//! ehlo-sink(1): the text besides the options.

use crate::page::{as_typed, owned, rows, section, table, verb_page};

const NOTES: [&str; 5] = [
    "\
Without options, the sink is a plain server that accepts every recipient, and every message up to --max-size. Options make it behave like the server with which a client is to be tested.",
    "\
With --tls but without --cert, a certificate and the CA that signs it are generated in memory at startup. Use --save-ca to write the CA
certificate to a file that clients can trust: ehlo --ca-file, curl --cacert, swaks --tls-ca-path, msmtp
--tls-trust-file. Plaintext that a client sends after STARTTLS is discarded (CVE-2011-0411).",
    "\
A fault with a 4xx or 5xx reply replaces the action of the command: a refused MAIL starts no transaction, a refused
recipient does not get the message, and a message refused at body, bdat or dot is not stored. Any other fault affects
only the reply; the command is still executed. With dot=close, for example, the message is stored, but the client cannot know this.",
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
         purpose), no TLS, no PROXY header, not SMTP",
    ),
];

const PAGE: [&str; 4] = [
    "\
With --http, the page shows the messages that were received, the newest first, and new ones at once: HTML, text, header,
parts, attachments with their SHA-256, source, and the session with its envelope, TLS and transcript. ? on the page
lists its keys. Use --http-name if it is reached under a name other than localhost; --allow-remote also applies to it.",
    "\
Nothing in a message is executed or fetched: HTML is shown in a sandboxed frame with a content security policy, images
only if the message contains them (Content-ID), and no attachment is sent with a type that a browser would run.
Requests with an unknown Host (DNS rebinding) or from pages of other sites are refused.",
    "\
Messages are kept in a temporary file and are lost when the sink ends. With --maildir, they are kept there, and those that the
Maildir has at the start are shown, too; reading a message sets the flag S. --max and --max-age limit the number and
the age. For very long messages, text and parts are shown up to the limits of ehlo-show(1); source and attachments are
complete.",
    "\
A client that speaks HTTP to the SMTP port is disconnected, so that no page in a browser can send mail.",
];

const CONDITIONS: [&str; 2] = [
    "\
A condition has terms; a message must meet all of them. A word, or several in quotation marks, is searched in subject,
addresses, text (its first 2 KiB), names of attachments and Message-ID. FIELD:TEXT searches one field, FIELD=TEXT compares all of it, and FIELD~REGEX is
a regular expression. Upper and lower case are the same; in regular expressions, this holds for ASCII only. A - or ! before a term negates it.",
    "\
Fields are from, to, cc, bcc, reply-to (name, address, or both as in 'Bob <bob@example.org>'), addressed (any of them), subject, message-id, text, sender and recipient (of the
envelope), helo, user, tag and attachment (its name). from and to include the envelope. Further terms are is:read, is:unread, is:tagged, has:attachment,
larger:SIZE, smaller:SIZE, before:DATE and after:DATE.",
];

const API: &str = "\
Paths and JSON are those of version 1 of the API of mailpit, as far as they are listed here. ID is the ID of a message, or latest.
Errors are an object with Error. The body of a request is a JSON object of at most 1 MiB with Content-Length; upper and lower case of
its names are the same, and an unknown name is refused with status 400.";

const CALLS: [(&str, &str); 21] = [
    (
        "GET /api/v1/messages?start=N&limit=N",
        "list, the newest first: total, unread, messages_count, messages",
    ),
    (
        "GET /api/v1/search?query=CONDITION&start=N&limit=N",
        "the same of those that meet a condition; a term with an unknown field is searched as text",
    ),
    (
        "GET /api/v1/wait?query=CONDITION&count=N&timeout=TIME",
        "waits until N messages (default 1, at most 10000) meet a condition, also earlier ones; status 408 after TIME (default 30s, at most 10m)",
    ),
    (
        "GET /api/v1/events",
        "server-sent events: new (a message of the list), update (Total, Unread)",
    ),
    (
        "GET /api/v1/message/ID",
        "addresses, Subject, Date, Text, HTML, Links, Attachments and Inline (with PartID and Checksums.SHA256); marks it as read",
    ),
    (
        "GET /api/v1/message/ID/headers",
        "an object with a list of values for each header field",
    ),
    ("GET /api/v1/message/ID/raw", "the source"),
    ("GET /api/v1/message/ID/parts", "the tree of its parts"),
    (
        "GET /api/v1/message/ID/part/PARTID",
        "the decoded content of a part",
    ),
    (
        "GET /api/v1/message/ID/session",
        "envelope, TLS and transcript",
    ),
    (
        "GET /view/ID.html, /view/ID.txt",
        "HTML and text for a browser",
    ),
    (
        "PUT /api/v1/messages",
        "marks messages: Read (true or false), and IDs, Search (a condition) or neither for all",
    ),
    (
        "DELETE /api/v1/messages",
        "deletes the messages in IDs; without any, all",
    ),
    (
        "DELETE /api/v1/search?query=CONDITION",
        "deletes those that meet a condition; without one, status 400",
    ),
    (
        "GET, PUT /api/v1/tags",
        "all tags; sets Tags of the messages in IDs (also from X-Tags)",
    ),
    (
        "PUT, DELETE /api/v1/tags/TAG",
        "renames a tag to Name; removes it",
    ),
    ("GET /api/v1/faults", "the faults, with their ID"),
    (
        "POST, PUT /api/v1/faults",
        "adds, or replaces all by, Fault or Faults, written as for --fault",
    ),
    (
        "DELETE /api/v1/faults",
        "removes those in IDs; without any, all",
    ),
    (
        "GET, PUT /api/v1/chaos",
        "Sender, Recipient and Authentication, each with ErrorCode and Probability, as faults at mail, rcpt and auth",
    ),
    (
        "GET /api/v1/info, /livez, /readyz",
        "numbers of messages; ok",
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
        "fewer messages than --count were received within --time-limit, or no message met a condition of --expect; \
         standard error says which",
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
ehlo sink --http 127.0.0.1:8025 --maildir /tmp/mail
ehlo sink --expect 'to=bob@example.org subject~welcome'
curl 'http://127.0.0.1:8025/api/v1/wait?query=to%3Dbob@example.org'
ehlo sink --fault 'rcpt(eve@*)=550 5.1.1 no such user'
ehlo sink --fault dot=slow:10m --fault ehlo=drip:100ms@2+
ehlo sink --lmtp --listen unix:/tmp/lmtp --fault 'dot=452 full@2'
ehlo sink --no-offer CHUNKING --offer 'SIZE=9999,LIMITS RCPTMAX=10'";

pub fn page() -> String {
    verb_page("sink", "ehlo-sink", |own| {
        section(own, "NOTES", &NOTES);
        section(own, "PAGE", &PAGE);
        section(own, "CONDITIONS", &CONDITIONS);
        section(own, "API", &[API]);
        rows(own, owned(&CALLS));
        section(own, "FILES", &[FILES]);
        section(own, "EVENTS", &[EVENTS_ARE]);
        rows(own, owned(&EVENTS));
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
