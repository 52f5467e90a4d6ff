//! ehlo(1): what it says beside clap.

use crate::page::{as_typed, built, owned, render, section, synopsis_lines, table, title};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use ehlo::cli::parse::EXAMPLES;
use ehlo::system::exit::Exit;

const VERBS: &[(&str, &str)] = &[
    (
        "sink",
        "Receive mail on loopback, for demos, tests and scripts; see ehlo-sink(1).",
    ),
    (
        "demo",
        "Send a message with an attachment to a receiver inside, and show both sides.",
    ),
    (
        "probe",
        "Say what a server says of itself, without sending mail, and whether that is what you expect; see \
         ehlo-probe(1).",
    ),
    (
        "ask",
        "Say commands like VRFY, EXPN, ETRN or NOOP to a server, and show what it answers; see ehlo-ask(1).",
    ),
    (
        "script",
        "Hold a conversation with a server that a script says, and check what it answers; look for smuggling, open \
         relays and the like with the scripts that come along; see ehlo-script(1).",
    ),
    (
        "config",
        "Create, check and show the configuration; config init sets up an account; see ehlo-config(1).",
    ),
    (
        "queue",
        "Look at the queue, and deliver what is in it; see ehlo-queue(1).",
    ),
    (
        "doctor",
        "Say what this host would do with a mail from cron, step by step and without sending one, and what mends \
         what is wrong; see ehlo-doctor(1).",
    ),
    (
        "run",
        "Run a command, and mail what happened: when it failed, or always; see ehlo-run(1).",
    ),
    (
        "notify",
        "Mail a line or a text from a script; see ehlo-notify(1).",
    ),
    (
        "digest",
        "Mail what ehlo run --digest gathered; see ehlo-digest(1).",
    ),
    (
        "unit",
        "Mail what became of a unit of systemd; see ehlo-unit(1).",
    ),
    (
        "sendmail",
        "Do what sendmail does, with its options; see ehlo-sendmail(1). Under the name of sendmail, ehlo does so \
         without being told.",
    ),
    ("mailq", "Show the queue, as sendmail does."),
    (
        "help",
        "Show help for a command and its subcommand, a group of options (message, route, session, tls, auth, output, \
         queue, config, extensions or testing), an option, exit-status or examples. --help=GROUP shows a group, too; a \
         command has the groups that its --help lists.",
    ),
];

/// Other pages, in their order.
const SEE_ALSO: &[&str] = &[
    "ehlo-tutorial(7), ehlo-providers(7), ehlo-migrate(7)",
    "ehlo-ask(1)",
    "ehlo-config(1)",
    "ehlo-digest(1)",
    "ehlo-doctor(1)",
    "ehlo-json(5)",
    "ehlo-notify(1)",
    "ehlo-probe(1)",
    "ehlo-queue(1)",
    "ehlo-run(1)",
    "ehlo-script(1)",
    "ehlo-sendmail(1)",
    "ehlo-sink(1)",
    "ehlo-unit(1)",
    "resolv.conf(5)",
    "hosts(5)",
    "netrc(5)",
];

const NO_VERB: &str = "\
A recipient that is spelled like a verb goes behind --.";

const SYNOPSIS: &[(&str, &str)] = &[
    ("ehlo", " [OPTIONS] [RECIPIENT]..."),
    ("ehlo sink", " [OPTIONS]"),
    ("ehlo demo", ""),
    ("ehlo probe", " [OPTIONS] HOST[:PORT]"),
    ("ehlo ask", " [OPTIONS] HOST[:PORT] COMMAND..."),
    ("ehlo script", " [OPTIONS] FILE|NAME..."),
    ("ehlo config", " init|edit|check|show|path"),
    (
        "ehlo queue",
        " list|show|run|hold|release|remove|requeue|status|systemd|cron",
    ),
    ("ehlo doctor", " [OPTIONS]"),
    ("ehlo run", " [OPTIONS] [--] CMD [ARG]..."),
    ("ehlo notify", " [OPTIONS] [TEXT]..."),
    ("ehlo digest", " [OPTIONS] NAME"),
    ("ehlo unit", " [OPTIONS] NAME"),
    ("ehlo sendmail", " [OPTION|RECIPIENT]..."),
    ("ehlo help", " [COMMAND|GROUP|OPTION|TOPIC]"),
];

const TEXT: [&str; 5] = [
    "\
Without --body, the text is what comes on the standard input, to its end. At a terminal it is typed: Ctrl-D at the
beginning of a line ends it, and if nothing was typed, nothing is sent. Nothing is asked for when there is something else
to send, as with --attach, --calendar, --html or --body '', which sends a message without a text. --only-if-input sends
nothing if there is no text or only white space. A loop that reads a list must keep it from ehlo, with --body or
</dev/null, as from every program that reads the standard input.",
    "\
With --html and without --body, a text on the standard input is the text part beside the HTML. It must be meant for ehlo:
a pipe or a socket into which something is written within a second, or a file of which nothing has been read, so that
the list of a loop is left alone. A pipe that stays open and silent is not read, and a warning says so; --body - waits for it.
With --markdown, which is the text, such a text is an error.",
    "\
A value of --body, --html or --markdown that begins with @ names a file, and - is the standard input. Text that begins
with @ is written with two. A text that comes from others is better piped in: as an argument it could name any file that
you can read. If a value without @ is the name of a file that is there, the @ was probably forgotten: at a terminal that
is an error, and in a script the value is sent as text, with a warning.",
    "\
Text is UTF-8, and a byte order mark before it is not a part of it; one of UTF-16 is understood. --charset names another
encoding, of texts and of arguments, and then all of the text must be in it. Without --charset, bytes that are not UTF-8
are read as windows-1252, and a warning says where the first one is; the name of an attached file is treated alike. What
has NULs and is not UTF-8 is not text, with status 65.",
    "\
--subject is what the reader is to see. Addresses and --header are given as a message has them: encoded words (RFC 2047)
in them are understood.",
];

const CONVERSATION: [&str; 4] = [
    "\
The conversation goes to the standard output as it happens: the server's lines bare, ours behind
\">>> \", remarks behind \"*** \". Bytes of the server that are not printable ASCII are shown as \\xNN.
Where the server offers PIPELINING, commands go out in groups, so that several lines of ours stand
before the first reply.",
    "\
--show-data shows the message, too, line by line as it goes over the wire. --hex shows octets instead of lines, ours
behind \">>> \" and the server's behind \"<<< \", with offsets from the beginning of the session; of a line with a
secret, those of the stars that hide it. --transcript swaks marks lines as that tool does, shows the message always, and
with --hex octets beside the lines.",
    "\
--summary ends with a line for each server that was tried: how long it took to connect, to the greeting, for EHLO, for
TLS, for AUTH, and from MAIL until the message was accepted; a hyphen for what did not come about; all of it together;
and the reply that decided. Where that reply tells in a way that is known how the server calls the message, as
\"queued as 4F2\" does, --json and --verbose say so, too.",
    "\
With --json, each line is an object; the last one has the exit status and a verdict for each recipient. See
ehlo-json(5).",
];

const ENCRYPTION: [&str; 3] = [
    "\
To a mail exchanger, mail goes encrypted where STARTTLS is offered, whatever the certificate, and in clear
where it is not, or does not work: a line with three stars says so. Through a relay, STARTTLS is used where it
is offered, and then the certificate must be right: a chain to a CA that the system or --ca-file trusts, the
relay's name or --tls-name, the dates; or the one of --pin. A command (--pipe) is treated like a mail exchanger, or like a
relay if --tls-name, --ca-file or --pin is given. --tls starttls and --tls implicit send nothing without encryption,
--tls off nothing with it, and -k takes any certificate.",
    "\
TLS is 1.2 or 1.3, with ECDHE and AES-GCM or ChaCha20-Poly1305. A server that has only older versions,
CBC ciphers, or RSA or DHE key exchange cannot be talked to; the error says what is missing.",
    "\
What the server offered before TLS is forgotten behind it. Bytes that come in clear behind its reply to
STARTTLS end the session with status 76.",
];

const LOGIN: [&str; 5] = [
    "\
--user logs in at the relay, with the strongest way that both sides have: SCRAM-SHA-256 and SCRAM-SHA-1,
bound to the TLS connection (-PLUS) where that can be, CRAM-MD5, PLAIN, LOGIN; with a token of
--oauth-token-command OAUTHBEARER or XOAUTH2; with --auth EXTERNAL the client certificate. --auth narrows it.
Where the server refuses the way and not the user, the next one is tried, but not the password itself after a
bound way was refused.",
    "\
No password is sent over a connection that is not encrypted, not even to this host, without
--allow-cleartext-password. None is sent to a server whose certificate is not valid, without -k, and none to a mail
exchanger. A command (--pipe) has no name, and gets a password only if --tls-name gives it one. --auth EXTERNAL sends no
secret, and needs no encryption.",
    "\
The password is the first line of what --password-command prints or of --password-file; else it is in the
variable EHLO_PASSWORD, in systemd's credentials (ehlo.PROFILE.password or ehlo.password), in ~/.netrc, or in
the desktop's keyring as secret-tool finds it (host HOST service smtp user USER); else it is asked for on the
terminal.",
    "\
A password file must have mode 0600, or 0640 if it belongs to root: chgrp gives it to the users who may log in. Secrets
of Docker (0444) and Kubernetes (0440) are accepted as they are mounted, on a read-only tmpfs of root. If a file has
another mode that cannot be changed, as with secrets of Docker Compose, use --password-command 'cat FILE',
EHLO_PASSWORD, or LoadCredential=ehlo.password:FILE of systemd.",
    "\
It is never an option, and stands in no transcript, also where the server says it back. While it is in memory,
ehlo leaves no core file and cannot be traced by other programs of the same user.",
];

const TESTING: [&str; 8] = [
    "\
--quit-after says QUIT behind the reply to a stage, --drop-after closes the connection there without a word, and
--drop-after-send closes it when the stage was said, with the reply unread. The stages come in this order: connect,
banner, ehlo, starttls (with the handshake, and before anything is said inside it), auth, mail, rcpt (every recipient of a
transaction), data, and dot, the end of the message. One that does not come is passed. Behind connect, the greeting is
not waited for; behind data, QUIT is a line of the message for the server. As long as it ends before mail, and --relay
names a server, no recipient is wanted.",
    "\
Those who were not refused before the stop are skipped, which is no failure. Once the end of the message is out, its reply
counts as ever; with --drop-after-send dot nobody reads it, so that the message is uncertain, with status 79.",
    "\
--force uses what the server does not offer, as if it did: STARTTLS, AUTH, BDAT, a group of commands, a parameter. It
never sends a password in clear. With --raw, --helo is anything that is printable, and recipients and senders need no
domain; without it, only the recipient postmaster needs none (with --relay; RFC 5321). --mail-param and --rcpt-param say
words that ehlo does not know. For what is no command at all, there is ehlo-script(1).",
    "\
--xclient and --xforward send their attributes as they are written; a value with a space or a plus sign in it is xtext
(+20, +2B). If the server does not list one of them in its reply to EHLO, nothing is sent and the status is 77, unless --force
xclient or --force xforward is given. EHLO is sent again after each XCLIENT. Postfix takes it from those in smtpd_authorized_xclient_hosts, and no
longer believes us when we are somebody else: NAME and ADDR stand together in the last one.",
    "\
--proxy-protocol stands where haproxy and other balancers would: its header is the first thing on the connection, in
clear, ahead of the handshake of --tls implicit and of the greeting. A server that expects none takes it for a command.",
    "\
--lmtp delivers to a mail store (RFC 2033), by a unix socket or port 24. It has a reply for each recipient behind the
message, and each has a verdict of its own: where the connection is lost between two replies, those who have theirs are
settled, and the others uncertain. --prdr asks an SMTP server for the same.",
    "\
The options under Extensions say what they want where it is offered. Where it is not, nothing is sent, the status is 77,
and the error names option and extension; with ? behind the value (quoted, for the shell) it is left out instead, and
--verbose says so. The values of --envid, --orcpt and --mail-auth are written as they are meant, and go as xtext. With
--queue they stay with the message. What LIMITS says (RFC 9422) is kept to without being asked: as many recipients,
domains and messages at a time as the server takes.",
    "For example:",
];

const TRIALS: &str = "\
ehlo -r mx.example.org --quit-after rcpt nobody@example.org
ehlo -r mx.example.org:587 -u alice --quit-after auth
ehlo -r mx.example.org --drop-after-send data --repeat 20 --wait 100ms -b hi bob@example.org
ehlo -r mx.example.org --force pipelining,bdat -b hi bob@example.org
ehlo -r mx.example.org --helo '_ [' --raw --mail-param X-WHAT=1 -b hi bob@example.org
ehlo -r mx.example.org --xclient 'NAME=client.example.net ADDR=192.0.2.1' -b hi bob@example.org
ehlo -r mx.example.org:10025 --proxy-protocol 'v2 192.0.2.1:4321 198.51.100.2:25' -b hi bob@example.org
ehlo --lmtp -r /run/dovecot/lmtp -b hi bob@example.org eve@example.org
ehlo -r mx.example.org --notify success --ret hdrs --envid 'try 1' -b hi bob@example.org
ehlo -r mx.example.org --hold-for '2h?' --mt-priority '3?' -v -b hi bob@example.org";

const MAIL_LOG: [&str; 5] = [
    "\
With --log FILE, or with a table [log] in the configuration, each delivery is logged in the form that Postfix writes:
when the message is accepted, when an attempt begins, one line for each recipient and attempt, and when the message
is removed. ehlo, ehlo notify and ehlo queue run have the option; the table also applies to ehlo run, ehlo digest, ehlo unit
and sendmail. Its keys are file, an absolute path, and syslog; with syslog = true, the lines are sent to the system
log with the facility mail.",
    "\
A line contains the name of the message in the queue, in upper case, the addresses, the server, the times, the enhanced status
code, the status and the reply. It never contains a subject or a secret. The status is sent, deferred or bounced. A message that is not
in the queue gets a name for the log only, and deferred then means that it was not delivered.",
    "\
The delay has four parts: before the attempt; for other recipients of the message; for DNS, connection, TLS and login;
and for the transmission.",
    "\
A new file has the mode 0600. It is opened for each line, so that logrotate(8) can rename it at any time, and each line is
appended in one write, so that several processes can use the same file. If a line cannot be written, there is one warning, and the delivery
continues. Users who may not write to the file of the system can use syslog.",
    "\
pflogsumm(1) reads the log with --syslog-name ehlo, and the service postfix of logwatch(8) with
$postfix_Syslog_Name = ehlo.",
];

const CONFIGURATION: [&str; 6] = [
    "\
The configuration file is TOML. Each table [profile.NAME] is a profile; its keys are the long options of ehlo. The value is a
string or a number, true for an option without a value, or an array for an option that may be repeated. ehlo config init
creates a profile, and ehlo config check reports all errors. Options on the command line override those of the profile,
including options that contradict them. Only --header fields are added to those of the profile, except fields that may
occur once. If --relay on the command line replaces the relay of a profile, its port and credentials are not used, unless
--profile names the profile.",
    "\
\"inherit\" names one or more profiles whose keys are inherited. The profile's own keys take precedence, then those of the
first one named; false removes an inherited key. \"from\" is an address, a pattern such as *@work.example, or an array of
both. The first profile that matches the sender on the command line is used, and its first address is the default of
--from. If none matches, the profile named by \"default\", outside of all profiles, is used. \"fallback\" names profiles
whose relays are tried in this order if the relay cannot be reached, does not accept this host as a client, or defers the
message.",
    "\
The file must belong to root or to you and must not be writable by others. If it contains password-command or
oauth-token-command, which may contain a secret, it must not be readable by others either: mode 0600, or 0640 for a file
that belongs to root. This does not apply to /etc/ehlo/config.toml, nor to a file of root that another user reads.
Passwords are not allowed in it. Errors in the file are reported before anything is sent, with status 78; a file that
cannot be read with status 66.",
    "\
Paths may begin with ~/, $HOME/ or ${HOME}/ for the home directory of the user who runs ehlo. Relative paths are relative
to the current directory. Commands are run by /bin/sh, which does its own expansion.",
    "\
The table [queue] contains the settings of the queue (see ehlo-queue(1)); [sendmail] and [rewrite] contain those for mail
that programs pass to sendmail (see ehlo-sendmail(1)); [log] sets the mail log (see THE MAIL LOG).",
    "For example:",
];

const PROFILES: &str = "\
default = \"home\"

[profile.home]
relay = \"smtp.home.example:587\"
from = \"Alice <alice@home.example>\"
fallback = \"work\"

[profile.work]
inherit = \"home\"
relay = \"smtp.work.example\"
from = [\"alice@work.example\", \"*@work.example\"]
header = [\"Organization: Work\"]
fallback = false";

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "EHLO_CONFIG",
        "configuration file, if --config is not given",
    ),
    (
        "EHLO_PASSWORD",
        "the password of --user. Other programs of the same user can read it; a file or a command is better",
    ),
    (
        "EHLO_STATE_DIR",
        "where run, notify, digest and unit remember things, where --state-dir does not say it: an absolute path",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "where systemd puts credentials (LoadCredential=ehlo.password:...)",
    ),
    ("NETRC", "the file that is read instead of ~/.netrc"),
    (
        "SSLKEYLOGFILE",
        "where the keys of TLS sessions are written to, for wireshark(1). Whoever has them can read the session",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "the CAs that are trusted, instead of the system's",
    ),
    (
        "MAILTO, MAILFROM",
        "whom run and notify write to, and as whom, where no option says it",
    ),
    (
        "XDG_STATE_HOME",
        "where the queue of a user is, in ehlo/queue, instead of in ~/.local/state",
    ),
    (
        "TZ",
        "the zone of the Date field, instead of /etc/localtime",
    ),
    (
        "TMPDIR",
        "where texts that come through a pipe wait, above 1 MiB; and the logs of run",
    ),
    (
        "LOGNAME, USER",
        "the login name, where the password file has none",
    ),
    (
        "NO_COLOR, TERM",
        "with --color auto, there are no colours where NO_COLOR is set and not empty, or TERM is dumb",
    ),
    (
        "COLUMNS",
        "the width of help, instead of that of the terminal; it is 100 at most",
    ),
];

const FILES: [(&str, &str); 9] = [
    (
        "~/.config/ehlo/config.toml, /etc/ehlo/config.toml",
        "configuration file; only the first one found is read. XDG_CONFIG_HOME replaces ~/.config",
    ),
    (
        "~/.local/state/ehlo/queue, /var/spool/ehlo",
        "the queue, of a user and of root",
    ),
    (
        "~/.local/state/ehlo/jobs and digests, /var/lib/ehlo/jobs and digests",
        "what is remembered of jobs, and what they gathered, of a user and of root",
    ),
    (
        "~/.netrc",
        "passwords, as curl reads them: machine HOST login USER password PASSWORD",
    ),
    (
        "/etc/ssl/certs",
        "the CAs that are trusted, read when a certificate is checked",
    ),
    (
        "/etc/resolv.conf",
        "the resolvers that are asked for mail exchangers and their addresses; without any, the one on this host",
    ),
    (
        "/etc/hosts",
        "the full name of this host, for EHLO; and the address of a relay",
    ),
    (
        "/etc/mailname",
        "the domain of the author, where --from does not say it",
    ),
    ("/etc/localtime", "the zone of the Date field"),
];

const STANDARDS: &str = "\
RFC 5321 (SMTP), 5322 (messages), 2033 (LMTP), 2045 to 2049, 2183 and 2231 (MIME), 1870 (SIZE), 2034
(ENHANCEDSTATUSCODES), 2852 (DELIVERBY), 2920 (PIPELINING), 3030 (CHUNKING), 3207 (STARTTLS), 3461 (DSN), 4865
(FUTURERELEASE), 4954 (AUTH), 4616 (PLAIN), 5802 and 7677 (SCRAM), 5929 and 9266 (channel bindings), 6152 (8BITMIME), 6531
and 6532 (SMTPUTF8), 6710 (MT-PRIORITY), 7435 (opportunistic security), 7505 (null MX), 7628 (OAUTHBEARER), 8305 (happy
eyeballs), 8314 (implicit TLS), 8689 (REQUIRETLS), 9422 (LIMITS), 9525 (names in certificates).";

/// ehlo(1).
pub fn page() -> String {
    // Long help ends with the examples, which the manual shows in their own section.
    let command = built().after_long_help("").after_help("");
    let man = Man::new(command)
        .title("EHLO")
        .section("1")
        .manual("User Commands");
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut synopsis, SYNOPSIS);
    let mut own = Roff::new();
    table(&mut own, "VERBS", owned(VERBS));
    own.control("PP", []);
    own.text([roman(NO_VERB)]);
    section(&mut own, "THE TEXT", &TEXT);
    section(&mut own, "THE CONVERSATION", &CONVERSATION);
    section(&mut own, "ENCRYPTION", &ENCRYPTION);
    section(&mut own, "LOGGING IN", &LOGIN);
    section(&mut own, "TESTING A SERVER", &TESTING);
    as_typed(&mut own, TRIALS);
    examples(&mut own);
    section(&mut own, "THE MAIL LOG", &MAIL_LOG);
    section(&mut own, "CONFIGURATION", &CONFIGURATION);
    as_typed(&mut own, PROFILES);
    let status = Exit::ALL.iter().map(|exit| {
        let (code, meaning) = exit.row();
        (code.to_string(), meaning)
    });
    table(&mut own, "EXIT STATUS", status);
    table(&mut own, "FILES", owned(&FILES));
    table(&mut own, "ENVIRONMENT", owned(ENVIRONMENT));
    section(&mut own, "STANDARDS", &[STANDARDS]);
    section(&mut own, "SEE ALSO", &[&SEE_ALSO.join(", ")]);
    [
        title(&man),
        render(|out| man.render_name_section(out)),
        synopsis.to_roff(),
        render(|out| man.render_description_section(out)),
        render(|out| man.render_options_section(out)),
        own.to_roff(),
    ]
    .concat()
}

/// Text lines above, commands as they are typed below.
fn examples(page: &mut Roff) {
    page.control("SH", ["EXAMPLES"]);
    for paragraph in EXAMPLES.split("\n\n") {
        let (intro, commands) = paragraph.split_once('\n').unwrap();
        page.control("PP", []);
        page.text([roman(intro)]);
        as_typed(page, commands.trim_end());
    }
}
