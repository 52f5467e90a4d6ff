//! ehlo-sendmail(1): what it says.

use crate::page::{as_typed, owned, section, synopsis_lines, table, titled};
use clap_mangen::roff::roman;

const SYNOPSIS: [(&str, &str); 5] = [
    ("sendmail", " [OPTION|RECIPIENT]..."),
    ("mailq", ""),
    ("newaliases", ""),
    ("ehlo sendmail", " [OPTION|RECIPIENT]..."),
    ("ehlo mailq", ""),
];

const DESCRIPTION: [&str; 4] = [
    "\
A link from /usr/sbin/sendmail to ehlo serves the programs that call sendmail: cron, at, git send-email, mutt,
PHP, and so on. Links named mailq and newaliases go with it. ehlo sendmail does the same without a link. Its
options are those of Postfix's sendmail, and those of sendmail 8 that callers still use.",
    "\
It reads the message from the standard input to its end, makes of it what servers take, and puts it into the
queue. When it ends with status 0, the message is safe on disk, once, with all of its recipients. Then it is
tried, while the caller goes on; ehlo queue run tries again what cannot be delivered yet (see ehlo-queue(1)), and
who is to do that, cron or systemd, is up to you: there is no daemon.",
    "\
The way is that of a profile: the one that profile names in [sendmail] of the configuration, else the first one
whose from matches the sender of -f, else the default one. Without any, mail goes to the mail exchangers of its
recipients. Options of a profile that are about a message, like from or subject, have no part in it.",
    "\
Where no queue can be made, as in a home directory that cannot be written to, the message is sent at once, and
the exit status tells what became of it.",
];

const OPTIONS: [(&str, &str); 33] = [
    (
        "-t",
        "The recipients are those in To, Cc and Bcc, and those on the command line, too. Of a message that was \
            resent, they are those of its last Resent-To, Resent-Cc and Resent-Bcc. An address that is not valid, or a \
            local name that leads nowhere, is named on standard error, and the others get the message; the exit \
            status is 79 then.",
    ),
    (
        "-i, -oi, -O IgnoreDots=yes",
        "A line with only a dot does not end the message.",
    ),
    (
        "-f ADDRESS, -r ADDRESS",
        "The envelope's sender; '' and <> are the null sender. Without it, it is the user \
                               who runs sendmail.",
    ),
    (
        "-F NAME",
        "The author's name, in a From that is made because there is none.",
    ),
    (
        "-B 7BIT, -B 8BITMIME",
        "Taken, and not needed: the message is looked at and sent as what it is.",
    ),
    (
        "-N never, -N success,failure,delay",
        "When reports are wanted (RFC 3461); any of the three.",
    ),
    (
        "-R full, -R hdrs",
        "How much of the message comes back with a report of failure.",
    ),
    (
        "-V ID",
        "What reports are to call the message: up to 100 printable ASCII characters.",
    ),
    (
        "-U, -O smtputf8=yes",
        "Raw UTF-8 in the header stays as it is, and only servers with SMTPUTF8 get it; else it \
                            is encoded.",
    ),
    (
        "-O requiretls=yes",
        "The message goes nowhere without TLS and a certificate that is right. What the next \
                          server does with it is up to that one (RFC 8689 is not spoken).",
    ),
    ("-odi, -O DeliveryMode=i", "Try it now, and wait for it."),
    (
        "-odb, -O DeliveryMode=b",
        "Try it while the caller goes on. This is the default.",
    ),
    (
        "-odq, -odd, -O DeliveryMode=q",
        "Only put it into the queue.",
    ),
    (
        "-v",
        "Show the conversation on the standard output. It is tried at once, unless -od says otherwise.",
    ),
    (
        "-X FILE",
        "Add the conversation to this file, in the same way.",
    ),
    ("-C FILE", "The configuration: one of ehlo's, see ehlo(1)."),
    ("-4, -6", "Use IPv4 only, or IPv6 only."),
    ("-bm", "Take a message. This is the default."),
    (
        "-bs",
        "Speak SMTP on the standard input and output: a message goes the same way as with -bm.",
    ),
    (
        "-bv",
        "Ask the servers about the recipients, and send nothing. Not together with -t, -N and -R.",
    ),
    ("-bp", "Show the queue; what mailq does."),
    (
        "-bi, -I",
        "Nothing, with status 0; what newaliases does: aliases are read when they are needed.",
    ),
    ("-bh, -bH", "Nothing, with status 0."),
    ("-bd, -bD, -bl, -bt", "Refused: this is no mail server."),
    ("-q, -qf", "Run the queue, due or not, and wait for it."),
    ("-qTIME", "The same once, and only what is due."),
    ("-qIID", "Try this item, due or not."),
    ("-qRDOMAIN", "Try recipients in this domain, due or not."),
    (
        "-oem, -oep, -oee, -oeq, -e MODE",
        "Taken, and without meaning: failures are told by the exit status, and later \
                                        by a report.",
    ),
    (
        "-om, -o7, -o8, -or TIME, -oM..., other -o and -O",
        "Taken, and without meaning.",
    ),
    (
        "-A MODE, -c, -D, -d, -E, -G, -h N, -L TAG, -m, -n, -p PROTOCOL, -x",
        "Taken, and without meaning. Values of -D \
                                                                         and -d are attached.",
    ),
    ("--", "All words behind it are recipients."),
    ("--help, --version", "Alone on the command line."),
];

const WORDS: &str = "\
Options without a value may stand in a bundle (-it), and values may be attached (-fADDRESS) or the next word.
Options behind recipients are options. Whatever is not known is refused with status 64.";

const MESSAGE: [&str; 2] = [
    "\
Bcc, Resent-Bcc, Return-Path and Content-Length are taken out; Date, From, Message-ID and To are added where they
are missing, and To, Cc and Reply-To without an address are taken out. What names no domain gets one. Raw characters in the header are encoded, unless -U is given.
Everything else stays as it is, and so does the body, byte for byte, but that line ends become those of SMTP;
parts with lines over 998 octets, and with octets above 127 for a server without 8BITMIME, become quoted-printable or
base64. For such a server, what is signed or encrypted is not changed: the message comes back instead.",
    "\
The whole message is read before anything in it can be wrong, so that its writer finds no closed pipe.",
];

const ADDRESSES: [&str; 4] = [
    "\
A local name, one without a domain, is looked for in the aliases: those of /etc/aliases, or of the file that
aliases names in [sendmail]. They have the syntax of aliases(5): names to addresses or other names, and
:include:/FILE; programs and files as targets are refused. The alias * of dma, or default of msmtp, is for all
local names that have no other. A name without an alias gets the domain that domain names in [sendmail], else the postmaster gets its mail, else it is refused with status 67. Senders and addresses
in the header that have no domain get that of [sendmail], else that of this host. localhost, and the name of this
host without a domain, are no domains.",
    "\
A relay does not take root@localhost. In [rewrite], the first line that fits an address says what it becomes, in
the envelope and in the header: an address, a local name or a pattern with * and ?, and behind it an address with
{host}, {fqdn} and {user}. A display name stays. What an author's address was stands in X-Original-From; original
in [sendmail] may say reply-to, header or nowhere. A report that a message could not be delivered goes to the
address that [rewrite] made of its sender, and never through the aliases: let it be one that somebody reads.",
    "\
The keys of [sendmail] are profile, aliases, domain, postmaster and original.",
    "For example:",
];

const CONFIGURATION: &str = "\
[sendmail]
profile = \"relay\"
postmaster = \"ops@example.org\"

[rewrite]
\"root\" = \"alerts+{host}@example.org\"
\"*@*.internal\" = \"{user}@example.org\"

[profile.relay]
relay = \"smtp.example.org:587\"
tls = \"starttls\"
user = \"host7\"
password-file = \"/etc/ehlo/password\"";

const RIGHTS: [&str; 3] = [
    "\
ehlo needs no set-uid and no set-gid bit, and must not be given one. Each user has a queue of their own, in their
home directory, which only they can read; that of root is /var/spool/ehlo. So each user who sends mail needs
somebody who runs ehlo queue run for them: their own crontab or systemd's user manager (ehlo queue cron and ehlo queue systemd
print what to put there). Until then, a message that was not taken at the first try waits. The same holds for
passwords: a user can send through a relay that wants a login if they can read the password; else their mail waits in
their queue, and mailq says why. /etc/ehlo/config.toml has mode 0644, so that all can read it, and the password file
0600.",
    "\
Who wants one queue for all users of a host wants a program with rights that they do not have: a mail daemon,
or a relay in the network that takes mail without a login. Name it in /etc/ehlo/config.toml, in the profile that is the
default: relay = \"localhost\".",
    "\
Should ehlo find that it runs with more rights than its caller, it does what sendmail does and nothing else; it
reads /etc/ehlo/config.toml and no other configuration, whatever the environment says, and -C, -X and -O mean
nothing.",
];

const CARE: &str = "\
A program that takes options from others, as a form on a web page may, lets them choose -C and -X, and so what is
run and what is written. Addresses belong behind --.";

const STATUS: [(&str, &str); 14] = [
    (
        "0",
        "the message is safe in the queue, or was accepted for every recipient",
    ),
    ("64", "the command line is wrong, or names no recipient"),
    ("65", "an address or the message is not valid"),
    (
        "66",
        "the file that -C names cannot be read; where there is no queue, the password file either; with -qI, there \
         is no such item",
    ),
    (
        "67",
        "a local name has neither an alias nor a domain, and there is no postmaster",
    ),
    (
        "68, 69",
        "with -odi, -v or -bv, or where there is no queue: the domain takes no mail, or the server refused",
    ),
    ("70", "a bug in ehlo"),
    ("73", "a file cannot be created"),
    ("74", "a file or the standard output cannot be written"),
    (
        "75",
        "the message is not safe: the queue cannot be written to, or there is none and nobody took it for now",
    ),
    (
        "76",
        "with -bv, or where there is no queue: the server broke the protocol",
    ),
    ("77", "a TLS or policy demand cannot be met"),
    ("78", "the configuration is wrong"),
    (
        "79",
        "with -t: the header has addresses that cannot be used, and the message goes to the others; with -odi, -v \
         or -bv, or where there is no queue: some recipients are accepted, others not",
    ),
];

const FILES: [(&str, &str); 4] = [
    (
        "~/.config/ehlo/config.toml, /etc/ehlo/config.toml",
        "the configuration; the first that there is counts alone",
    ),
    (
        "~/.local/state/ehlo/queue, /var/spool/ehlo",
        "the queue, of a user and of root",
    ),
    ("/etc/aliases", "the aliases"),
    (
        "/etc/mailname",
        "the domain of this host, for senders that have none; else it is its full name",
    ),
];

const SEE_ALSO: &str = "ehlo(1), ehlo-queue(1), aliases(5), crontab(5)";

/// ehlo-sendmail(1).
pub fn page() -> String {
    let name = "ehlo-sendmail - send mail for programs that call sendmail";
    let mut page = titled(("EHLO-SENDMAIL", "1"), name);
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    table(&mut page, "OPTIONS", owned(&OPTIONS));
    page.control("PP", []);
    page.text([roman(WORDS.replace('\n', " "))]);
    section(&mut page, "WHAT BECOMES OF A MESSAGE", &MESSAGE);
    section(&mut page, "ADDRESSES", &ADDRESSES);
    as_typed(&mut page, CONFIGURATION);
    section(&mut page, "RIGHTS", &RIGHTS);
    page.control("PP", []);
    page.text([roman(CARE.replace('\n', " "))]);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    table(&mut page, "FILES", owned(&FILES));
    section(&mut page, "SEE ALSO", &[SEE_ALSO]);
    page.to_roff()
}
