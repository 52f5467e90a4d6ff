//! ehlo-json(5): what it says.

use crate::page::{as_typed, owned, section, table, titled};

const DESCRIPTION: [&str; 3] = [
    "\
With --json (or --transcript json), ehlo writes one JSON object a line on the standard output, each as soon as
it has happened. Every object has \"event\", its name, and \"elapsed_ms\", the milliseconds since the start. The
last line is the event \"result\". What failed is on stderr as well, for people, as without --json.",
    "\
A server is named by \"host\": its name, its address in brackets, the path of its socket or its command; where it
was reached, by \"ip\" and \"port\", by \"path\" or by \"command\". The \"stage\" is the step of the conversation: proxy
(the header of --proxy-protocol), banner, ehlo, helo, lhlo, starttls, tls, auth, xclient, xforward, ask (a command of ehlo
ask), mail, rcpt, data, bdat, body, dot, rset or quit.",
    "\
Text of the server's is printable ASCII; any other octet is \\xNN. In other text, what could steer a terminal is
escaped. Secrets are eight stars, also where the server says them back.",
];

const EVENTS: [(&str, &str); 19] = [
    (
        "lookup",
        "a name is looked up: type (MX, AAAA, A; host is a lookup by the system), name.",
    ),
    (
        "answer",
        "what that brought: type, name, records as zone files have them, ttl (the seconds that they hold, or null), \
         error (why there is no answer, or null).",
    ),
    (
        "host",
        "a server is about to be tried: host, port (or null), and recipients, for whom.",
    ),
    (
        "connect",
        "a connection is being opened, maybe beside others: host, and where.",
    ),
    ("connected", "the connection is there: host, and where."),
    (
        "sent",
        "a line of ours: line, stage, tls (whether it is encrypted).",
    ),
    (
        "received",
        "a whole reply: code, enhanced (the enhanced status code, or null), lines (without the code), stage, tls.",
    ),
    (
        "unfinished",
        "what the server said last, where that is no whole reply: lines, tls.",
    ),
    (
        "tls",
        "a handshake: version, cipher, group (the key exchange, or null), resumed, name (the one asked for), verified, \
         judgement (in words), and chain: the certificates with subject, issuer, names, not_before, not_after, sha256 \
         and key_sha256. Where the certificate is not good enough to go on, version is null.",
    ),
    (
        "message",
        "with --show-data, a line of the message as it goes out, with dots stuffed: text.",
    ),
    (
        "data",
        "the message has gone out: bytes, without those that stuff dots.",
    ),
    (
        "note",
        "a remark, and with --verbose a detail: text. It is for people; its words may change.",
    ),
    ("queued", "the message is safe in the queue: id."),
    (
        "fallback",
        "another profile is tried: profile, error (why it cannot be, or null).",
    ),
    (
        "error",
        "the conversation ends before its time: stage, reason.",
    ),
    (
        "closed",
        "a connection was closed; or, with host, where, and error, did not come about.",
    ),
    (
        "settled",
        "what became of a recipient: address, verdict. The result says more.",
    ),
    (
        "summary",
        "with --summary, how a conversation went: host, where, connect_ms, banner_ms, ehlo_ms, tls_ms, auth_ms, \
         accepted_ms (null for what did not come about), total_ms, words (the reply that decided), queue_id (or null).",
    ),
    (
        "result",
        "the end: exit, the exit status, and recipients. Each has address and verdict, and as far as there is one: \
         host and where, stage (of a failure), code, enhanced, queue_id (the name that the server gave the message, \
         where it says one in a way that is known), reply (its words) and reason (a sentence).",
    ),
];

const VERDICTS: &str = "\
A verdict is accepted; refused (by the server, or here, because a demand on TLS or the login was not met: trying the same
again does not help); deferred (it may be accepted later); uncertain (the connection was lost between the end of the message
and its reply, so that sending it again may make it arrive twice); queued (it waits in the queue); or skipped.";

const SCHEMA: &str = "\
The file ehlo-events.schema.json, which comes beside this page, is a JSON Schema (2020-12) of these lines. More events,
and more fields in them, may come; those that are here stay, and mean what they mean now.";

const EXAMPLE: &str = "\
ehlo --json -s hi -b hi bob@example.org |
  jq -r 'select(.event == \"result\").recipients[] | [.address, .verdict, .queue_id] | @tsv'";

/// ehlo-json(5).
pub fn page() -> String {
    let name = "ehlo-json - what ehlo says to programs";
    let mut page = titled(("EHLO-JSON", "5"), name);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    table(&mut page, "EVENTS", owned(&EVENTS));
    section(&mut page, "VERDICTS", &[VERDICTS]);
    page.control("SH", ["EXAMPLE"]);
    as_typed(&mut page, EXAMPLE);
    section(&mut page, "SCHEMA", &[SCHEMA]);
    section(&mut page, "SEE ALSO", &["ehlo(1)"]);
    page.to_roff()
}
