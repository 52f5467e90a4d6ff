//! ehlo-msmtp(1).

use crate::page::{as_typed, owned, section, synopsis_lines, table, titled};

const SYNOPSIS: [(&str, &str); 5] = [
    ("msmtp", " [OPTION]... [--] RECIPIENT..."),
    ("msmtp", " [OPTION]... -t [--] [RECIPIENT]..."),
    ("msmtp", " --configure=ADDRESS"),
    ("msmtp", " [OPTION]... --serverinfo | --rmqs=QUEUE"),
    ("ehlo msmtp", " [OPTION|RECIPIENT]..."),
];

const DESCRIPTION: [&str; 4] = [
    "\
If ehlo is called by the name msmtp, or as ehlo msmtp, it accepts the command line of msmtp 1.8 and reads its configuration:
~/.msmtprc or $XDG_CONFIG_HOME/msmtp/config, and /etc/msmtprc. An account of the user replaces one of the same name of the
host. A profile of ehlo is not used. To switch, link the name to ehlo, for example with
ln -s /usr/bin/ehlo /usr/local/bin/msmtp (the Debian package has the link /usr/lib/ehlo/bin/msmtp), or run ehlo config import msmtprc and use ehlo sendmail.",
    "\
The message is read from standard input and sent at once. The account is that of -a; otherwise the first whose from matches
the address given with -f, with or without a +detail, or as a pattern; otherwise the one named default; otherwise the server
and the sender of the variables SMTPSERVER and EMAIL. With --host, no configuration is read.",
    "\
The commands of the session, the message and the exit status are those of msmtp, except for what is listed under
DIFFERENCES. Error messages are worded as in msmtp.",
    "\
With the table [msmtp] in the configuration of ehlo, a message is put into the queue of the user first, and stays there if the
server cannot be reached now (see ehlo-queue(1)); the exit status is then 0:",
];

const QUEUE: &str = "\
[msmtp]
queue = true";

const MODES: [(&str, &str); 7] = [
    (
        "-P, --pretend",
        "Print the settings of the account that would be used, and send nothing.",
    ),
    (
        "-d, --debug, -v",
        "Print the settings, and then the session. Passwords are masked.",
    ),
    (
        "-S, --serverinfo",
        "Print the greeting, the certificate and the extensions of the server.",
    ),
    (
        "--configure=ADDRESS",
        "Print an account for this address, from the SRV records of its domain. ehlo config discover searches in more places.",
    ),
    ("--rmqs=QUEUE", "Send ETRN with this argument."),
    (
        "--version, --help",
        "Print the version of msmtp that ehlo follows, or the options.",
    ),
    (
        "all others",
        "As in msmtp(1), abbreviations are accepted if they are unambiguous: -a, -C, -f, -F, -N, -R, -t, -X, --host, --port, --auth, \
         --user, --passwordeval, --tls, --tls-starttls, --tls-trust-file, --tls-fingerprint, --tls-certcheck, \
         --read-envelope-from, --aliases, --logfile, --syslog, --set-from-header and so on. -A, -B, -bm, -G, -h, -i, -L, -m, \
         -n, -O and -o have no effect.",
    ),
];

const DIFFERENCES: [&str; 5] = [
    "\
If a server refuses some of the recipients, the others receive the message; msmtp sends it to none of them. The status is that
of the first refusal in both cases.",
    "\
Without auth or with auth on, the strongest mechanism that the server offers is used: SCRAM-SHA-256 rather than PLAIN.",
    "\
tls_crl_file, fingerprints of SHA-1 and MD5, the mechanisms NTLM, GSSAPI and DIGEST-MD5, and values of tls_priorities that
forbid or demand more than TLS 1.2 or 1.3 are refused with status 69. tls_min_dh_prime_bits is always met: elliptic curves are
used.",
    "\
A password that no setting gives is searched for as for --user of ehlo(1): in EHLO_PASSWORD, ~/.netrc, the keyring with the
attributes of msmtp, and at the terminal. If the table [msmtp] enables the queue, the account needs passwordeval instead of a
password in the file.",
    "\
passwordeval and eval are limited to 60 seconds if there is no terminal. A command that fails gives no password, even if it has printed
one.",
];

const STATUS: [(&str, &str); 11] = [
    (
        "0",
        "the message was accepted for all recipients, or queued",
    ),
    (
        "64",
        "the command line is wrong, or there are no recipients",
    ),
    (
        "65",
        "an address or the message is not valid, or the server refused the sender, a recipient or DATA permanently",
    ),
    ("68", "the server's name has no address"),
    (
        "69",
        "the server refused the message, or a sender or a recipient temporarily; it lacks STARTTLS, AUTH or DSN, or its \
         certificate is not valid; something is not supported",
    ),
    ("70", "a bug in ehlo"),
    (
        "74",
        "a file cannot be read or written, or the connection failed",
    ),
    ("75", "no connection could be established"),
    (
        "76",
        "the server violated the protocol, or closed the connection",
    ),
    ("77", "the login failed"),
    ("78", "the configuration is wrong, or has no such account"),
];

const FILES: [(&str, &str); 2] = [
    (
        "~/.msmtprc, ~/.config/msmtp/config",
        "accounts of the user; with a password, only the user may have access",
    ),
    ("/etc/msmtprc", "accounts of the host"),
];

const SEE_ALSO: &str =
    "ehlo(1), ehlo-config(1), ehlo-mail(1), ehlo-queue(1), ehlo-sendmail(1), ehlo-migrate(7)";

pub fn page() -> String {
    let name = "ehlo-msmtp - send mail with the options and the configuration of msmtp";
    let mut page = titled(("EHLO-MSMTP", "1"), name);
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    as_typed(&mut page, QUEUE);
    table(&mut page, "OPTIONS", owned(&MODES));
    section(&mut page, "DIFFERENCES", &DIFFERENCES);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    table(&mut page, "FILES", owned(&FILES));
    section(&mut page, "SEE ALSO", &[SEE_ALSO]);
    page.to_roff()
}
