//! ehlo-sendmail(1).

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
With a link from /usr/sbin/sendmail to ehlo, programs that call sendmail send their mail with ehlo: cron, at, git
send-email, mutt, PHP, and so on. Add links named mailq and newaliases as well. ehlo sendmail does the same without
a link. The options are those of Postfix's sendmail, and those of sendmail 8 that callers still use.",
    "\
The message is read from standard input to its end, turned into a valid message, and put into the queue. If the exit
status is 0, the message and all of its recipients have been written to disk. The first delivery attempt is made in
the background, after the caller has continued; ehlo queue run retries what cannot be delivered yet (see
ehlo-queue(1)). There is no daemon: start ehlo queue run from cron or systemd.",
    "\
Mail is routed by a profile: the one named by profile in the [sendmail] section of the configuration, otherwise the
first one whose from matches the sender given with -f, otherwise the default profile. Without a profile, mail goes to
the mail exchangers of its recipients. Profile options about message content, such as from or subject, are ignored.",
    "\
If no queue can be created, for example because the home directory is not writable, the message is sent immediately,
and the exit status reports the outcome.",
];

const OPTIONS: [(&str, &str); 33] = [
    (
        "-t",
        "Take the recipients from To, Cc and Bcc, in addition to those on the command line. For a resent \
         message, take them from its most recent Resent-To, Resent-Cc and Resent-Bcc. An invalid address, or \
         a local name that cannot be resolved, is reported on standard error; the message is still sent to \
         the other recipients, and the exit status is 79.",
    ),
    (
        "-i, -oi, -O IgnoreDots=yes",
        "Do not treat a line with a single dot as the end of the message.",
    ),
    (
        "-f ADDRESS, -r ADDRESS",
        "Envelope sender; '' or <> for the null sender. Default: the user who runs sendmail.",
    ),
    (
        "-F NAME",
        "Full name of the author, used if the message has no From field.",
    ),
    (
        "-B 7BIT, -B 8BITMIME",
        "Accepted and ignored; the body type is determined from the message.",
    ),
    (
        "-N never, -N success,failure,delay",
        "When to request a delivery report (RFC 3461): never, or any of success, failure, delay.",
    ),
    (
        "-R full, -R hdrs",
        "How much of the message to return in a failure report.",
    ),
    (
        "-V ID",
        "Envelope ID to quote in delivery reports: up to 100 printable ASCII characters.",
    ),
    (
        "-U, -O smtputf8=yes",
        "Leave raw UTF-8 in the header unencoded and require SMTPUTF8 from the server. By default, it is \
         encoded.",
    ),
    (
        "-O requiretls=yes",
        "Require TLS and a valid certificate for each server that ehlo connects to. Later hops are not \
         covered (RFC 8689 is not used).",
    ),
    (
        "-odi, -O DeliveryMode=i",
        "Try to deliver immediately, and wait for the result.",
    ),
    (
        "-odb, -O DeliveryMode=b",
        "Try to deliver in the background. This is the default.",
    ),
    (
        "-odq, -odd, -O DeliveryMode=q",
        "Queue the message without trying to deliver it.",
    ),
    (
        "-v",
        "Show the SMTP session on standard output. Implies -odi unless -od is given.",
    ),
    (
        "-X FILE",
        "Append the SMTP session to this file. Implies -odi unless -od is given.",
    ),
    (
        "-C FILE",
        "Configuration file, in the format described in ehlo(1).",
    ),
    ("-4, -6", "Use only IPv4, or only IPv6."),
    ("-bm", "Accept a message. This is the default."),
    (
        "-bs",
        "Speak SMTP on standard input and output. Messages are handled as with -bm.",
    ),
    (
        "-bv",
        "Ask the servers whether they accept the recipients, without sending a message. Cannot be combined \
         with -t, -N or -R.",
    ),
    ("-bp", "List the queue, as mailq does."),
    (
        "-bi, -I",
        "No operation; exits with 0, as newaliases does. Aliases are read when they are needed.",
    ),
    ("-bh, -bH", "No operation; exits with 0."),
    (
        "-bd, -bD, -bl, -bt",
        "Rejected, because ehlo is not a mail server.",
    ),
    (
        "-q, -qf",
        "Run the queue once, including items that are not due yet, and wait for the result.",
    ),
    (
        "-qTIME",
        "Run the queue once, limited to items that are due. The interval is ignored.",
    ),
    ("-qIID", "Try this item, due or not."),
    (
        "-qRDOMAIN",
        "Try the recipients in this domain, due or not.",
    ),
    (
        "-oem, -oep, -oee, -oeq, -e MODE",
        "Accepted and ignored; failures are reported in the exit status, and later in a delivery report.",
    ),
    (
        "-om, -o7, -o8, -or TIME, -oM..., other -o and -O",
        "Accepted and ignored.",
    ),
    (
        "-A MODE, -c, -D, -d, -E, -G, -h N, -L TAG, -m, -n, -p PROTOCOL, -x",
        "Accepted and ignored. The values of -D and -d must be attached.",
    ),
    (
        "--",
        "End of options: all following arguments are recipients.",
    ),
    (
        "--help, --version",
        "Show help or the version; must be the only argument.",
    ),
];

const WORDS: &str = "\
Options without a value can be combined (-it). A value can be attached (-fADDRESS) or be the next argument. Options
are recognized after recipients, too. Unknown options are rejected with status 64.";

const MESSAGE: [&str; 2] = [
    "\
Bcc, Resent-Bcc, Return-Path and Content-Length are removed, as are To, Cc and Reply-To fields without an address.
Missing Date, From, Message-ID and To fields are added. Addresses without a domain are completed. Raw non-ASCII
characters in the header are encoded, unless -U is given. Everything else is left unchanged. The body is preserved
byte for byte, except for line endings; but parts with lines longer than 998 octets, and parts with 8-bit characters
sent to a server without 8BITMIME, are encoded as quoted-printable or base64. Signed or encrypted parts are not
re-encoded for such a server; the message is returned to the sender instead.",
    "\
The whole message is read before it is checked, so the caller never receives SIGPIPE.",
];

const ADDRESSES: [&str; 4] = [
    "\
A local name, which has no domain, is looked up in the aliases: /etc/aliases, or the file named by aliases in
[sendmail]. The file has the syntax of aliases(5): each name stands for addresses, other names, or
:include:/FILE. Programs and files as targets are rejected. The alias * (as in dma) or default (as in msmtp) applies to all local names without an
alias of their own. A name without an alias is completed with the domain set by domain in [sendmail]; otherwise its
mail goes to postmaster, if set; otherwise it is refused with status 67. Senders and header addresses without a
domain are completed with domain in [sendmail], or else with the domain of this host. localhost and the short name of
this host do not count as domains.",
    "\
Relays do not accept addresses such as root@localhost. In [rewrite], the first matching rule determines the new
address, in the envelope and in the header. A rule consists of an address, a local name or a pattern with * and ?,
and of the new address, which may contain {host}, {fqdn} and {user}. Display names are kept. The previous address of
an author is recorded in X-Original-From; original in [sendmail] can be set to reply-to, header or nowhere. Failure
reports are sent to the rewritten sender address and are not redirected by aliases, so make sure that mail to that address is read.",
    "\
The keys of [sendmail] are profile, aliases, domain, postmaster and original.",
    "\
For example:",
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
ehlo does not need to be setuid or setgid, and must not be installed that way. Each user has a private queue in the
home directory; that of root is /var/spool/ehlo. Each user who sends mail therefore needs a queue runner: an entry in
their own crontab, or systemd's user manager (ehlo queue cron and ehlo queue systemd print what is needed). Without
one, a message that cannot be delivered at the first attempt stays in the queue. The same applies to passwords: to
send through a relay that requires a login, users must be able to read the password; otherwise their mail stays in the
queue, and mailq shows the reason. Set the mode of /etc/ehlo/config.toml to 0644, so that all users can read it, and
that of the password file to 0600.",
    "\
On a host with a submission socket, none of this is needed: there is one queue for all users, and only its owner reads the
password (see ONE QUEUE FOR ALL USERS in ehlo-queue(1)).",
    "\
If ehlo finds that it runs with more privileges than its caller, it acts as sendmail only, reads no configuration
file except /etc/ehlo/config.toml, regardless of the environment, and ignores -C, -X and -O.",
];

const CARE: &str = "\
A program that passes on options from untrusted input, such as a web form, lets others choose -C and -X, and thereby
run commands and write files. Always put -- before the addresses.";

const STATUS: [(&str, &str); 14] = [
    (
        "0",
        "the message is stored in the queue, or was accepted for every recipient",
    ),
    ("64", "the command line is wrong, or names no recipient"),
    ("65", "an address or the message is not valid"),
    (
        "66",
        "the file given with -C cannot be read; if there is no queue, also: the password file cannot be read; \
         with -qI: there is no such item",
    ),
    (
        "67",
        "a local name has neither an alias nor a domain, and there is no postmaster",
    ),
    (
        "68, 69",
        "with -odi, -v or -bv, or if there is no queue: the domain does not accept mail, or the server \
         refused",
    ),
    ("70", "a bug in ehlo"),
    ("73", "a file cannot be created"),
    ("74", "a file or standard output cannot be written"),
    (
        "75",
        "the message was not stored: the queue cannot be written, or there is no queue and delivery failed \
         temporarily",
    ),
    (
        "76",
        "with -bv, or if there is no queue: the server violated the protocol",
    ),
    ("77", "a TLS or policy requirement was not met"),
    ("78", "the configuration is wrong"),
    (
        "79",
        "with -t: the header contains unusable addresses, and the message is sent to the others; with -odi, \
         -v or -bv, or if there is no queue: only some of the recipients were accepted",
    ),
];

const FILES: [(&str, &str); 4] = [
    (
        "~/.config/ehlo/config.toml, /etc/ehlo/config.toml",
        "configuration file; only the first one found is read",
    ),
    (
        "~/.local/state/ehlo/queue, /var/spool/ehlo",
        "queue of a user, and of root",
    ),
    ("/etc/aliases", "aliases"),
    (
        "/etc/mailname",
        "domain of this host, used to complete addresses; if it is missing, the full host name is used",
    ),
];

const SEE_ALSO: &str = "ehlo(1), ehlo-queue(1), aliases(5), crontab(5)";

pub fn page() -> String {
    let name = "ehlo-sendmail - send mail for programs that call sendmail";
    let mut page = titled(("EHLO-SENDMAIL", "1"), name);
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    table(&mut page, "OPTIONS", owned(&OPTIONS));
    page.control("PP", []);
    page.text([roman(WORDS.replace('\n', " "))]);
    section(&mut page, "MESSAGE PROCESSING", &MESSAGE);
    section(&mut page, "ADDRESSES", &ADDRESSES);
    as_typed(&mut page, CONFIGURATION);
    section(&mut page, "PRIVILEGES", &RIGHTS);
    page.control("PP", []);
    page.text([roman(CARE.replace('\n', " "))]);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    table(&mut page, "FILES", owned(&FILES));
    section(&mut page, "SEE ALSO", &[SEE_ALSO]);
    page.to_roff()
}
