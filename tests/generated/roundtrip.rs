//! ehlo-roundtrip(1): the sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};

const COURSE: [&str; 6] = [
    "\
First the mailbox is opened, and the messages that it contains are recorded: UIDNEXT of the mailbox in the URL and of the mailbox
with the use \\\\Junk (RFC 6154), or the unique IDs at a POP3 server. A failed login is detected before anything is sent.",
    "\
Then the message is sent as by ehlo(1), with the options for route, session, TLS and login, and with --profile. It has a
new token in the field X-Ehlo-Probe, the field Auto-Submitted (RFC 3834), a text with lines that careless servers change, and
an attachment with every octet.",
    "\
After it was accepted, the mailboxes are checked repeatedly, at first after a quarter of a second, later every five seconds. The message that is found is read without being marked as seen, and deleted unless --keep is given. An IMAP server without
UIDPLUS only marks it as deleted. At a POP3 server, each check is a session of its own, and a mailbox for spam is not checked.",
    "\
A message that arrives after the time limit is deleted by a later run, ten minutes after that time at the earliest: the field
X-Ehlo-Probe has the token, a semicolon, and until= with the time limit in seconds since 1970. Only messages with this field
are deleted, up to 100 in each mailbox that is watched, which have arrived within 30 days; at a POP3 server, the 20 newest
messages of about the size are looked at. With --keep, the field has no time, and nothing is deleted.",
    "\
--within is the time limit of all this. The time limits of single steps are never longer than what is left of it. It does not
include commands that print passwords.",
    "\
Password or token for the mailbox: --read-password-command, --read-password-file or --read-oauth-token-command; else those of
the sender if the user is the same; else they are searched for under the name of the mailbox's server, as described in ehlo(1).
Trust in certificates, resolver and proxy are those of the sender.",
];

const REPORT: [&str; 5] = [
    "\
accepted: the time from the beginning of the delivery until the server accepted the message, its name, and its queue ID.
arrived: the time until the message was found, and the mailbox.",
    "\
hop: a Received field, in the order of the route, with the seconds since the previous hop. A negative number means that the clocks
of the two servers differ. The fields are written by the servers, and may be wrong.",
    "\
results: those in the topmost Authentication-Results field, and in others of the same server (RFC 8601). Fields of other servers
may be forged, and are ignored. signature: a DKIM signature of the message as it arrived, verified with its key in the DNS by
this command.",
    "\
body and attachment: compared octet by octet; of the body, line ends and empty lines at its end do not count. changed, removed and
added name header fields; white space in them does not count.",
    "\
With --nagios, --warning or --critical, one line is printed with the state and performance data, and the exit status is that of a
plugin. The state is CRITICAL if the message is not accepted, does not arrive within --within, arrives later than --critical, or
does not meet --expect; WARNING if it arrives later than --warning, or as spam; UNKNOWN if the mailbox cannot be read or the
command cannot begin. With --json, the report is an object with token, accepted (ms, server, queue_id), arrived (ms, folder, junk,
received, hops, results, signatures, body, attachment_same, fields, deleted), earlier_deleted (the number of late messages of
earlier runs), failures and exit.",
];

const EXAMPLES: &str = "\
ehlo roundtrip --profile work alice@example.org
ehlo roundtrip -r smtp.example.org:587 -u bob@example.org \\
     --password-file bob.pw -f bob@example.org \\
     --read imaps://alice@imap.example.net \\
     --read-password-file alice.pw alice@example.net
ehlo roundtrip --profile work --within 2m \\
     --warning 10s --critical 1m alice@example.org
ehlo roundtrip --profile work --expect inbox,spf,dkim,dmarc,tls \\
     --json alice@example.org";

const STATUS: [(&str, &str); 9] = [
    ("0", "the message arrived, and all expectations are met"),
    (
        "64, 65, 66, 78",
        "invalid command line, address, file or configuration",
    ),
    (
        "68",
        "the domain of the recipient does not exist or accepts no mail",
    ),
    ("69", "the message was permanently refused"),
    (
        "75",
        "the message was temporarily refused, or did not arrive within the time limit",
    ),
    ("76", "a server violated the protocol"),
    ("77", "an expectation is not met, or a login or TLS failed"),
    (
        "79",
        "the message may have been sent, because the connection was lost",
    ),
    ("0 to 3", "with --nagios: OK, WARNING, CRITICAL, UNKNOWN"),
];

/// ehlo-roundtrip(1).
pub fn page() -> String {
    verb_page("roundtrip", "ehlo-roundtrip", |own| {
        section(own, "COURSE", &COURSE);
        section(own, "REPORT", &REPORT);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
