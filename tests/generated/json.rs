//! ehlo-json(5).

use crate::page::{as_typed, owned, section, table, titled};

const DESCRIPTION: [&str; 4] = [
    "\
With --json (or --transcript json), ehlo writes one JSON object per line to standard output, each as soon as the event
has occurred. Every object has \"event\", the name of the event, and \"elapsed_ms\", the milliseconds since the start.
The last line is the event \"result\". Failures are also reported as text on standard error, as without --json.",
    "\
\"host\" identifies a server: its name, its address in brackets, the path of its socket, or its command. The
endpoint of a connection is given by \"ip\" and \"port\", by \"port\" and \"proxy\", by \"path\", or by
\"command\". \"stage\" is the stage of the session: proxy (the header of --proxy-protocol), banner, ehlo, helo, lhlo, starttls, tls, auth, xclient, xforward, ask
(a command of ehlo ask), mail, rcpt, data, bdat, body, dot, rset or quit.",
    "\
If several messages are sent (--message repeated, --mbox, --maildir, --repeat), the events of a message also have
\"message\", its number from 1. The result of each message ends its events; the last line is then the event \"total\".",
    "\
Text from the server is printable ASCII; any other octet is written as \\xNN. In other text, terminal control
characters are escaped. Secrets are replaced by eight asterisks, even if the server echoes them.",
];

const EVENTS: [(&str, &str); 22] = [
    (
        "begin",
        "one of several messages begins: of (their number), name (its file, or its mbox and its number there; \
         empty for a message that is repeated).",
    ),
    (
        "lookup",
        "a name is looked up: type (MX, AAAA, A, CNAME, TLSA, TXT; host for a lookup by the system), name.",
    ),
    (
        "answer",
        "result of a lookup: type, name, records (in zone file format), ttl (in seconds, or null), secure (true if \
         a trusted resolver has validated it), error (reason for the failure, or null).",
    ),
    (
        "host",
        "a server is about to be tried: host, port (or null), recipients.",
    ),
    (
        "connect",
        "a connection attempt is started, possibly in parallel with others: host and endpoint.",
    ),
    (
        "connected",
        "the connection is established: host and endpoint.",
    ),
    (
        "reused",
        "a message is sent on a connection that was kept after another one: host and endpoint.",
    ),
    (
        "sent",
        "a line sent by ehlo: line, stage, tls (true if encrypted).",
    ),
    (
        "received",
        "a complete reply: code, enhanced (enhanced status code, or null), lines (without the code), stage, \
         tls.",
    ),
    (
        "unfinished",
        "an incomplete reply at the end of the session: lines, tls.",
    ),
    (
        "tls",
        "a handshake: version, cipher, group (key exchange, or null), resumed, name (the requested server \
         name), verified, judgement (the verification result as text), policy (dane or sts, if that of the \
         recipient's domain was applied, or null), and chain: the certificates, with subject, issuer, names, not_before, not_after, sha256 and key_sha256. If the handshake failed \
         because of the certificate, version is null.",
    ),
    (
        "message",
        "a line of the message as it is sent, including dot-stuffing (with --show-data): text.",
    ),
    (
        "data",
        "the message has been sent: bytes, without those added by dot-stuffing.",
    ),
    (
        "note",
        "a remark for people, and with --verbose a detail: text. The wording may change.",
    ),
    ("queued", "the message is stored in the queue: id."),
    (
        "fallback",
        "another profile is tried: profile, error (the reason why it cannot be used, or null).",
    ),
    ("error", "the session ended prematurely: stage, reason."),
    (
        "closed",
        "a connection was closed; with host, endpoint and error, it could not be established.",
    ),
    (
        "settled",
        "the result for a recipient: address, verdict. The event result has the details.",
    ),
    (
        "summary",
        "timing of a session (with --summary): host, endpoint, connect_ms, banner_ms, ehlo_ms, tls_ms, \
         auth_ms, accepted_ms (null for steps that did not take place), total_ms, words (the deciding reply), \
         queue_id (or null).",
    ),
    (
        "result",
        "the outcome: exit (the exit status) and recipients. Each recipient has address and verdict and, if \
         available, host and endpoint, stage (of a failure), code, enhanced, queue_id (the queue ID assigned \
         by the server, if the reply contains it in a known form), reply (text of the reply) and reason (a \
         sentence).",
    ),
    (
        "total",
        "the result of several messages: exit (the exit status), messages (their number), failed (the number of \
         messages that were not accepted for all of their recipients).",
    ),
];

const VERDICTS: &str = "\
A verdict is accepted; refused (by the server, or by ehlo because a TLS or authentication requirement was not met; a
retry does not help); deferred (it may be accepted later); uncertain (the connection was lost after the end of the
message but before the reply, so a retry may deliver the message twice); queued (it stays in the queue); or skipped.";

const SCHEMA: &str = "\
The file ehlo-events.schema.json, which is installed next to this page, is a JSON Schema (2020-12) for these lines.
New events and fields may be added; existing ones will not change.";

const EXAMPLE: &str = "\
ehlo --json -s hi -b hi bob@example.org |
  jq -c 'select(.event==\"result\").recipients[] | [.address, .verdict]'";

pub fn page() -> String {
    let name = "ehlo-json - machine-readable output of ehlo";
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
