//! ehlo-fetch(1): the sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};

const MAILBOX: [&str; 4] = [
    "\
The URL names the protocol, the server, and with IMAP the mailbox: imaps://alice@imap.example.org/Archive/2026. imaps and
pop3s use TLS from the first byte (ports 993 and 995); imap and pop3 (143 and 110) use STARTTLS or STLS if the server offers
it, and send no password without TLS. In user and mailbox, a percent sign and two hexadecimal digits represent a character:
%40 for @ in a user, %2F, %3F and %3B for /, ? and ; in a mailbox. Names of mailboxes are UTF-8. ;UIDVALIDITY=N and ;UID=N at
the end of the path select one message (RFC 5092), and ;AUTH=MECHANISM after the user its login. A URL with a password is
refused.",
    "\
Password or token come from the same places as for sending: see Auth in ehlo(1). At an IMAP server, the strongest mechanism
of AUTHENTICATE is used, else LOGIN; at a POP3 server, AUTH or USER and PASS. Tokens of --oauth need a scope for reading mail;
see --oauth-scope, and ehlo-providers(7).",
    "\
With --profile, login, TLS and route are those of the profile, and the mailbox is the URL in its key read, which is not an
option:",
    "\
A greeting that claims that the session is already authenticated (PREAUTH) is accepted only if no user is given and TLS is not
to be started: otherwise an attacker could use it to prevent TLS. Data that arrives in plaintext after the reply to STARTTLS or
STLS ends the session.",
];

const PROFILE: &str = "\
[profile.work]
relay = \"smtp.example.org:587\"
user = \"alice\"
password-command = \"pass show work\"
read = \"imaps://imap.example.org/INBOX\"";

const MESSAGES: [&str; 5] = [
    "\
Without an option that does something else, the selected messages are listed: UID or number, time of arrival, size, flags (S
seen, R answered, F flagged, T deleted, D draft), author and subject. All messages of the mailbox are selected unless messages are
named or conditions given; all conditions must be met. An IMAP server searches itself. At a POP3 server, the header of each
message is read (TOP), and dates are those of the message.",
    "\
Nothing is changed unless an option says so. The mailbox is opened for reading only, so that messages do not become seen. With
--delete, those messages are deleted that could be printed or saved. An IMAP server without UIDPLUS (RFC 4315) only marks
them, because EXPUNGE would also remove messages that another program has marked. A POP3 server deletes them at the end of the
session; if that fails, the exit status says so.",
    "\
--print shows a message as ehlo show does: decrypted, with its main header fields, its text, the list of its parts, its
signatures, and the checks that need no DNS. For all functions of ehlo show, use --raw, which prints it unchanged: ehlo fetch ... 4711 --raw | ehlo show - -H.",
    "\
A message is saved completely or not at all: in a file, which replaces an older one; in new/ of a Maildir, which is made if it
is missing; or at the end of an mbox, which is locked. Memory use does not depend on the size of messages. A message larger than
--max-size is left out, and one that is larger than the server announced ends the session.",
    "\
With --json, each message is an object with uid (POP3: number and uidl), size, flags, received, date, from, to, cc, subject,
message_id and, if it was saved, saved. With --folders, an object has mailbox, attributes, messages, unseen, uid_next and
uid_validity.",
];

const EXAMPLES: &str = "\
ehlo fetch imaps://alice@imap.example.org
ehlo fetch imaps://alice@imap.example.org --folders
ehlo fetch imaps://alice@imap.example.org --search unseen \\
     --search from=bob --last 10
ehlo fetch imaps://alice@imap.example.org/Junk 4711 --print
ehlo fetch imaps://alice@imap.example.org 4711 --raw |
     ehlo show - --extract files
ehlo fetch pop3s://alice@pop.example.org --all --delete \\
     --maildir ~/Mail
ehlo fetch --profile work --search subject=Invoice --mbox paid.mbox
ehlo fetch imaps://alice@imap.example.org -n 1 --header --verbose";

const STATUS: [(&str, &str); 11] = [
    ("0", "everything was done, or no message is selected"),
    ("64", "invalid command line"),
    ("65", "the messages are larger than --max-size"),
    (
        "66",
        "a message that is named is not in the mailbox, or a file cannot be read",
    ),
    (
        "69",
        "the server refused a command, such as opening the mailbox",
    ),
    ("73", "a Maildir or an mbox cannot be created"),
    ("74", "a message or standard output cannot be written"),
    (
        "75",
        "temporary failure: no connection, no answer in time, the server ended the session",
    ),
    ("76", "protocol error by the server"),
    (
        "77",
        "the login was rejected, or TLS failed or is not offered",
    ),
    (
        "79",
        "some messages are larger than --max-size, and the others were processed",
    ),
];

/// ehlo-fetch(1).
pub fn page() -> String {
    verb_page("fetch", "ehlo-fetch", |own| {
        section(own, "MAILBOX", &MAILBOX[..3]);
        as_typed(own, PROFILE);
        crate::page::paragraph(own, MAILBOX[3]);
        section(own, "MESSAGES", &MESSAGES);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
