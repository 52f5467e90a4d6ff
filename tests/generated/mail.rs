//! ehlo-mail(1).

use crate::page::{as_typed, owned, section, synopsis_lines, table, titled};

const SYNOPSIS: [(&str, &str); 4] = [
    ("mail", " [OPTION]... [--] ADDRESS..."),
    ("s-nail", " [OPTION]... ADDRESS..."),
    ("mutt", " [OPTION]... [-a FILE... --] ADDRESS..."),
    ("ehlo mail | ehlo mutt", " [OPTION|ADDRESS]..."),
];

const DESCRIPTION: [&str; 5] = [
    "\
If ehlo is called by one of the names mail, mailx, s-nail, nail and mutt, or as ehlo mail or ehlo mutt, it sends a message with
the options of these programs. The text is read from standard input. There is no interactive mode, and no mailbox is read:
without a recipient, the status is 64. To use it, link a name to ehlo, for example with
ln -s /usr/bin/ehlo /usr/local/bin/mail. The Debian package has such links in /usr/lib/ehlo/bin, for PATH or for
update-alternatives --install /usr/bin/mailx mailx /usr/lib/ehlo/bin/mailx 10.",
    "\
The message takes the route of ehlo sendmail: that of its profile, with the aliases, the domain and the queue of the configuration (see ehlo-sendmail(1)). If the settings of the program name a server (mta or smtp with a URL in ~/.mailrc or with
-S, smtp_url in the muttrc or with -e), the message is sent to that server at once instead, with the login and TLS settings given there.",
    "\
The programs called mail and mailx differ from system to system. These names accept the options of bsd-mailx, of heirloom mailx
and s-nail, and of GNU mail. The names s-nail and nail accept those of s-nail, and mutt those of mutt.",
    "\
With mail and mailx, the word after -a decides: NAME: VALUE is a header field, as in bsd-mailx and GNU mail, unless there is a
file of this name; any other word is a file to attach, as in s-nail, and the status is 1 if it does not exist. -A FILE
attaches a file, as in GNU mail; if there is no such file, it names an account of ~/.mailrc, and the status is 1 without one.",
    "\
A message that was neither sent nor queued is appended to ~/dead.letter, encrypted if the profile encrypts. One that cannot be
encrypted is not saved.",
];

const MAIL: [(&str, &str); 21] = [
    ("-s TEXT", "Subject."),
    (
        "-a FIELD, -a FILE, -A FILE",
        "A header field, or a file to attach; see above. Repeat -a for more. A field may be several lines; To, Cc and Bcc are \
         recipients. s-nail: FILE=CHARSET is a text file in another charset.",
    ),
    ("-C FIELD", "A header field."),
    (
        "-c ADDRESS, -b ADDRESS",
        "Carbon copies, hidden recipients.",
    ),
    (
        "-r ADDRESS",
        "Author and envelope sender; the address may have a name.",
    ),
    (
        "-E",
        "Send nothing if there is no text; the status is 0. GNU mail: -E 'set NAME=VALUE' sets a variable.",
    ),
    ("-q FILE", "Text to put before that of standard input."),
    ("-m FILE", "Text instead of that of standard input."),
    ("-M TYPE", "Type of the text, such as text/html."),
    (
        "-t",
        "Standard input begins with a header that names recipients, subject and further fields.",
    ),
    ("-T FIELD:ADDRESS", "A recipient: to, cc or bcc."),
    (
        "-S NAME[=VALUE]",
        "A variable, as set in ~/.mailrc: from, reply-to, mta, smtp, smtp-auth-user, smtp-auth-password, smtp-auth, \
         smtp-use-starttls, ssl-ca-file, tls-verify, skipemptybody and so on. Variables for reading mail have no effect. \
         A password in an argument can be seen by other users; ~/.mailrc and ~/.netrc are safer places.",
    ),
    ("-A ACCOUNT", "The variables of an account in ~/.mailrc."),
    (
        "-I, -~, -#",
        "Lines that begin with a tilde are commands, as at a terminal: ~s, ~t, ~c, ~b, ~r FILE, ~@ FILE, ~q, ~x, ~. and ~~. \
         Without these options, they are text.",
    ),
    ("-v", "Send at once, and show the session."),
    ("-d", "Print the message and send nothing."),
    ("-e", "bsd-mailx: no effect on a message with recipients."),
    (
        "-n, -:/",
        "-:/ does not read ~/.mailrc. -n is about a file of the system, which is not read in any case.",
    ),
    (
        "--attach=FILE, --append=FIELD, --content-type=TYPE, --content-name=NAME, --subject=TEXT, --return-address=ADDRESS, --to",
        "GNU mail: the same as -A, -a, the type and the name of the next file, -s, -r and -t.",
    ),
    ("-B, -D, -i, -N", "No effect."),
    (
        "-e, -f, -F, -H, -L, -p, -R, -u, -X, -Y",
        "Refused with status 64: no mailbox is read, no copy is kept, and no command of mailx is run.",
    ),
];

const MUTT: [(&str, &str); 8] = [
    ("-s TEXT, -c ADDRESS, -b ADDRESS", "As above."),
    (
        "-a FILE [FILE]... --",
        "Files to attach. Operands after -a are files until --.",
    ),
    (
        "-i FILE",
        "A file whose content precedes the text of standard input.",
    ),
    (
        "-H FILE",
        "A draft with a header and a text. Recipients of the command line are added, and -s replaces its subject.",
    ),
    (
        "-e COMMAND",
        "set, unset, my_hdr, alias and source: for example 'set from=a@example.org realname=\"A B\" content_type=text/html'. Several \
         commands are separated by semicolons.",
    ),
    ("-F FILE", "Configuration instead of ~/.muttrc."),
    ("-x, -n, -d, -m", "No effect."),
    (
        "-A, -D, -E, -f, -p, -Q, -R, -y, -Z, -z",
        "Refused with status 64.",
    ),
];

const EXAMPLES: &str = "\
df -h | mail -s disks ops@example.org
mail -s report -A report.pdf -r cron@example.org ops@example.org
mail -a 'Content-Type: text/html' -s page ops@example.org <page.html
echo done | mutt -s backup -a log.gz -- ops@example.org";

const DIFFERENCES: [&str; 2] = [
    "\
A recipient that is a file, a folder or a command is refused, and the others receive the message; the status is 4.",
    "\
The text is sent as UTF-8, and text in another charset is converted. sendmail is not run: variables that name another program
for it have no effect.",
];

const STATUS: [(&str, &str); 5] = [
    ("0", "the message was sent, or is in the queue"),
    (
        "1",
        "the command line is wrong (mail, mailx, mutt); a file cannot be read; mutt: the message was not sent",
    ),
    (
        "4",
        "s-nail: the message was not sent, or not to all recipients",
    ),
    (
        "64",
        "there is no recipient, or the option is not supported; s-nail: the command line is wrong",
    ),
    (
        "65 to 79",
        "mail, mailx: the message was not sent, as in ehlo-sendmail(1)",
    ),
];

const FILES: [(&str, &str); 3] = [
    (
        "~/.mailrc, or the file named by $MAILRC",
        "variables, aliases and accounts of mail, mailx and s-nail",
    ),
    (
        "~/.muttrc, ~/.mutt/muttrc, ~/.config/mutt/muttrc",
        "variables, fields and aliases of mutt",
    ),
    ("~/dead.letter", "messages that were not sent"),
];

const SEE_ALSO: &str = "ehlo(1), ehlo-config(1), ehlo-msmtp(1), ehlo-sendmail(1), ehlo-migrate(7)";

pub fn page() -> String {
    let name = "ehlo-mail - send mail with the options of mail, mailx, s-nail and mutt";
    let mut page = titled(("EHLO-MAIL", "1"), name);
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    table(&mut page, "OPTIONS OF MAIL, MAILX AND S-NAIL", owned(&MAIL));
    table(&mut page, "OPTIONS OF MUTT", owned(&MUTT));
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    section(&mut page, "DIFFERENCES", &DIFFERENCES);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    table(&mut page, "FILES", owned(&FILES));
    section(&mut page, "SEE ALSO", &[SEE_ALSO]);
    page.to_roff()
}
