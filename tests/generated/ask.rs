//! ehlo-ask(1): the sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};

const ABOUT: [&str; 3] = [
    "\
The session is opened as described in ehlo(1): the greeting, EHLO, STARTTLS (if offered, subject to --tls), and
XCLIENT, AUTH and XFORWARD if requested. The commands are then sent in the given order, each after the complete
reply to the previous one, whatever that reply was, followed by QUIT. No message is sent.",
    "\
A command is one line. DATA, BDAT, EHLO, STARTTLS, AUTH, XCLIENT and QUIT are rejected, because there are options
for them or because they would change the state of the session; use ehlo-script(1) to send them. MAIL and RCPT are
allowed: they start a transaction that is not completed.",
    "\
Many servers reply to VRFY with 252, which neither confirms nor denies the address, and do not support EXPN. ETRN
asks a server to send the mail that it holds for a domain, if it allows you to.",
];

const JSON: &str = "\
With --json, each command is an event sent and each reply an event received, with \"ask\" as the stage; the result
at the end contains the exit status and no recipients. See ehlo-json(5).";

const EXAMPLES: &str = "\
ehlo ask mx.example.org 'VRFY smith' 'EXPN staff' HELP
ehlo ask mail.example.org:587 -u alice \\
     --password-file ~/.mailpw 'VRFY bob' --json
ehlo ask --lmtp /run/dovecot/lmtp 'VRFY bob'
ehlo ask backup-mx.example.net 'ETRN example.org'
ehlo ask mx.example.org --xclient 'ADDR=192.0.2.1' \\
     'MAIL FROM:<>' 'RCPT TO:<postmaster>' RSET
ehlo ask mx.example.org \\
     --proxy-protocol 'v2 192.0.2.1:4321 198.51.100.2:25' NOOP";

const STATUS: [(&str, &str); 6] = [
    ("0", "the reply to every command is 2xx"),
    ("64", "invalid command line"),
    (
        "69",
        "a command was permanently refused (5xx), or the server permanently refused the session",
    ),
    (
        "75",
        "a command was temporarily refused (4xx), there is no connection, or it was lost",
    ),
    ("76", "protocol error by the server"),
    (
        "77",
        "TLS or the login failed, or XCLIENT or one of its attributes is not offered",
    ),
];

/// ehlo-ask(1).
pub fn page() -> String {
    verb_page("ask", "ehlo-ask", |own| {
        section(own, "COMMANDS", &ABOUT);
        section(own, "JSON", &[JSON]);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
