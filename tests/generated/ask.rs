//! ehlo-ask(1): what it says beside clap.

use crate::page::{as_typed, owned, section, table, verb_page};

const ABOUT: [&str; 3] = [
    "\
The conversation is that of ehlo(1) up to the login: the greeting, EHLO, STARTTLS where it is offered and --tls does not
say otherwise, XCLIENT and AUTH and XFORWARD where they are asked for. Then come the commands in their order, each behind
the whole reply to the one before, whatever that was; and QUIT. No message is sent.",
    "\
A command is one line. DATA, BDAT, EHLO, STARTTLS, AUTH, XCLIENT and QUIT are refused, since there are
options for them, or the conversation would be another one behind them; ehlo-script(1) says anything. MAIL and RCPT may be
asked: they begin a transaction that comes to nothing.",
    "\
Many servers answer VRFY with 252, which is neither yes nor no, and know no EXPN. ETRN makes a server send what it holds
for a domain, if it lets you.",
];

const JSON: &str = "\
With --json, each command is an event sent and each reply an event received, with \"ask\" as its stage; the result at the
end has the exit status and no recipients. See ehlo-json(5).";

const EXAMPLES: &str = "\
ehlo ask mx.example.org 'VRFY smith' 'EXPN staff' HELP
ehlo ask mail.example.org:587 -u alice --password-file ~/.mailpw 'VRFY bob' --json
ehlo ask --lmtp /run/dovecot/lmtp 'VRFY bob'
ehlo ask backup-mx.example.net 'ETRN example.org'
ehlo ask mx.example.org --xclient 'ADDR=192.0.2.1' 'MAIL FROM:<>' 'RCPT TO:<postmaster>' RSET
ehlo ask mx.example.org --proxy-protocol 'v2 192.0.2.1:4321 198.51.100.2:25' NOOP";

const STATUS: [(&str, &str); 6] = [
    ("0", "the reply to every command is 2yz"),
    ("64", "the command line is wrong"),
    (
        "69",
        "a command was refused for good (5yz), or the server refused to talk",
    ),
    (
        "75",
        "a command was refused for now (4yz), there is no connection, or it was lost",
    ),
    ("76", "the server broke the protocol"),
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
