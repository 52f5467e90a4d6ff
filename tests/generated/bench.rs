//! ehlo-bench(1): the sections that clap does not generate.

use crate::page::{as_typed, owned, paragraph, rows, section, table, verb_page};

const LOOPS: [&str; 4] = [
    "\
In the closed loop, which is the default, each of the --connections sends its next message when the last one is answered, and
after --think. It shows how much a server can do. If the server stalls, the load stalls with it: the messages that would have come in
the meantime are not sent, and their waiting time is in no percentile (coordinated omission).",
    "\
With --rate, message k is due k/rate seconds after the start, whatever the server does. The time of a message, \"response\", counts
from when it was due; \"service\" counts from its first step, as in the closed loop. A message for which no connection is free begins
late, and is counted as such. Connections are opened as they are needed, up to --connections; a free one is used again if
--per-connection allows it.",
    "\
--ramp raises the rate, or the number of connections, linearly over the given time. Messages that were due during --warm-up are
sent and not measured. After --duration or --messages, those that have begun are completed; --timeout limits each of their steps. An
interrupt (Ctrl-C) or SIGTERM also ends the run with a report: messages that have no reply after one second are disconnected and not
counted. A second one ends the process. If the server has refused more than half of the messages, and at least 20, in five
intervals (--interval), the run ends as well, unless --keep-going is given.",
    "\
Before the load, one session without a message is run, so that a wrong name, certificate or password is reported before anything is sent. A connection of the closed loop pauses for 0.1 seconds after the server has refused a connection or answered 421. If the
server has closed a kept connection between two messages, the message is sent over a new one, and counted as \"reopened\".",
];

const STEPS: [(&str, &str); 13] = [
    ("connect", "the TCP connection"),
    (
        "tls",
        "STARTTLS and the handshake, or the handshake alone; sessions are not resumed",
    ),
    ("banner", "until the greeting"),
    ("ehlo", "EHLO; both, if STARTTLS is used"),
    ("auth", "AUTH until its last reply"),
    ("mail", "MAIL until its reply"),
    ("rcpt", "RCPT until the last reply"),
    ("data", "DATA until its reply"),
    (
        "dot",
        "the end of data, or BDAT with the message, until the reply",
    ),
    ("quit", "QUIT until its reply, at the end of each session"),
    ("message", "MAIL until the last reply"),
    (
        "service",
        "everything for one message, with the connection if one was opened for it",
    ),
    ("response", "the same from when the message was due"),
];

const STEPS_END: &str = "\
Times are measured where commands are written and replies are read, by half as many threads as there are processors, with a resolution of 0.2 microseconds, and kept with three
significant digits. Commands that are sent together (PIPELINING) begin at the same time; with CHUNKING, a message of up to 64 KiB is
sent together with MAIL and RCPT. message, service and response are those of
messages that were accepted. Memory use does not depend on the number of messages.";

const MESSAGES: [&str; 2] = [
    "\
Messages are plain text of the size given by --size, with the fields Message-ID, From, To, Date, Subject and X-Ehlo-Bench, which has
the name of the run and the number of the message. {n} in --to is a number that is different for each recipient. With --message, the
message in a file is sent, with X-Ehlo-Bench before its header, and its addresses are ignored.",
    "\
--mix sets the share of sessions that use TLS and that log in. Of a hundred sessions in order, exactly these shares do, and those that
log in are among those with TLS.",
];

const SAFETY: &str = "\
ehlo bench sends to the named server, or the relay of --profile, only, and never looks up mail exchangers. Without --i-own-this-server, all addresses of the
server must be loopback, private or link-local. Recipients must be in a domain that is reserved for such purposes, in the domain
named as HOST, or in one named by --allow-recipients: a relay would pass the messages on.";

const RESULT: [&str; 3] = [
    "\
The report lists how many messages were accepted, the percentiles of each step in milliseconds, errors by stage and reply code with
the first reply of each, and the distribution of the time of a message. A message counts as accepted if it was for all recipients.
\"generator\" is the processor time of ehlo itself: if it uses most of the host, ehlo may be the limit.",
    "\
With --json, there is an object in a line for each --interval, and then one with \"event\": \"summary\". The file
ehlo-bench.schema.json, in the directory of this manual, describes the fields. Times are in milliseconds.",
    "\
--html writes a page with the same numbers and charts of the percentiles, the distribution, and rate and times during the run.
--histogram writes the distribution of the time of a message in the text form of HdrHistogram, which its plotters read. At a
terminal, interim results are printed on standard error, and colours are used unless NO_COLOR is set.",
];

const EXAMPLES: &str = "\
ehlo bench 127.0.0.1:2525 --duration 30s --connections 50
ehlo bench mail.example.org:587 --rate 200/s --duration 30s \\
     --tls starttls -u load --password-file load.pw \\
     --to 'user{n}@mail.example.org' --i-own-this-server
ehlo bench mail.example.org --rate 50/s --ramp 30s --duration 1m \\
     --size 1K:70,100K:25,5M:5 --html load.html
ehlo bench mail.example.org -n 1000 --per-connection 0 --json \\
     --expect p99:200ms,errors:0.1%,rate:500
ehlo bench mail.example.org:587 -n 1000 --mix tls=80,auth=50 \\
     -u load --password-file load.pw --quit-after auth";

const STATUS: [(&str, &str); 8] = [
    (
        "0",
        "all messages were accepted; or, with --expect, all expectations are met and at least one message was accepted",
    ),
    (
        "64",
        "invalid command line, or a server or recipient that requires one of the options above",
    ),
    (
        "65, 66",
        "the message or an address is not valid, or a file cannot be read",
    ),
    ("68", "the server has no address"),
    (
        "69, 76",
        "no message was accepted, most often because the server refused it or violated the protocol",
    ),
    (
        "73, 74",
        "a file cannot be created, or the output cannot be written",
    ),
    (
        "75",
        "no connection, or no message was accepted, most often for a temporary reason",
    ),
    (
        "77",
        "an expectation is not met, or TLS or the login failed",
    ),
];

const PARTIAL: (&str, &str) = (
    "79",
    "some messages were not accepted, and there is no --expect",
);

/// ehlo-bench(1).
pub fn page() -> String {
    verb_page("bench", "ehlo-bench", |own| {
        section(own, "LOOPS", &LOOPS);
        own.control("SH", ["STEPS"]);
        rows(own, owned(&STEPS));
        paragraph(own, STEPS_END);
        section(own, "MESSAGES", &MESSAGES);
        section(own, "SAFETY", &[SAFETY]);
        section(own, "RESULT", &RESULT);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(
            own,
            "EXIT STATUS",
            owned(&STATUS).into_iter().chain(owned(&[PARTIAL])),
        );
    })
}
