//! ehlo-config(1): the sections besides those of clap.

use crate::page::{as_typed, owned, section, subcommands, synopsis_lines, table, titled};

const SYNOPSIS: [(&str, &str); 7] = [
    ("ehlo config init", " [OPTIONS]"),
    ("ehlo config discover", " [OPTIONS] ADDR"),
    ("ehlo config import", " [OPTIONS] FORMAT[=FILE]"),
    ("ehlo config edit", ""),
    ("ehlo config check", ""),
    ("ehlo config show", " [PROFILE]"),
    ("ehlo config path", ""),
];

const DESCRIPTION: [&str; 1] = ["\
A configuration file contains profiles: named sets of options, such as the mail server of an account and how to log in
there. These commands create, change and check the file. Its format is described in ehlo(1)."];

const SETUP: [&str; 5] = [
    "\
ehlo config init asks for your email address, finds the server of your provider, asks for the user name and where the
password is kept, shows the profile, and writes it after confirmation. Then it offers to log in and to send a test mail
to your own address. Options answer questions in advance. With --yes, or if standard input is not a terminal, nothing is
asked, and a missing answer is an error (status 64).",
    "\
The first profile of a file becomes the default. An existing file keeps its comments, its order and its mode; the profile
is added at the end. If the profile has a command that prints a secret, the file gets mode 0600, because the command may
contain one. The new text is checked before it replaces the old one. If the check fails, the old file remains unchanged.",
    "\
A profile never contains a password. It can be printed by a command, such as that of a password manager; it can be in a
file that only you can read; or it can be in the keyring of the desktop, where ehlo config init stores it with
secret-tool(1). With OAuth, ehlo login obtains a token instead, and ehlo config init runs it when it logs in; see ehlo-login(1). If
none of these is chosen, ehlo searches EHLO_PASSWORD, ~/.netrc and the keyring, and finally asks. Jobs
of cron cannot use the keyring or a prompt.",
    "\
Many providers require an app password instead of the password of the account. ehlo config init says so when it knows the
provider.",
    "\
ehlo config edit runs $VISUAL, else $EDITOR, else vi. Afterwards the file is checked; if it has errors, the editor can be
opened again.",
];

const DISCOVER: [&str; 5] = [
    "\
ehlo config discover finds the server for outgoing mail of an address, and prints a profile for it. It changes nothing, does not log in,
and sends no mail. These sources are asked in turn, until a server is found that accepts a connection with TLS and a
certificate that is valid for its name:",
    "\
1. SRV records: _submissions._tcp, for TLS from the first byte, and then _submission._tcp, for STARTTLS (RFC 8314, RFC 6186).
2. The autoconfiguration file that mail programs use: https://autoconfig.DOMAIN/mail/config-v1.1.xml, to which the address is
sent, https://DOMAIN/.well-known/autoconfig/mail/config-v1.1.xml, and Mozilla's provider database, which is told the domain
(not with --no-database). Up to three redirects to other https addresses are followed.
3. The mail exchangers of the domain: a known provider, the files of step 2 for the domain of the exchanger, and the
exchanger itself.
4. The names smtp, mail and submit in the domain, on the ports 465 and 587.",
    "\
The names in the certificate are printed. DNS answers are usually not authenticated, so that an attacker could have named the server: compare its name with what your provider says before you send a password. A comment reminds you of this if the
server is not in the domain of the address (RFC 6186, section 6).",
    "\
The search ends after a minute, and each request has a time limit (--timeout). With -v, everything that was tried is
reported. The status is 68 if there is no server, and 75 if a DNS lookup failed. ",
    "\
ehlo config init searches in the same way if it does not know the provider.",
];

const IMPORT: [&str; 6] = [
    "\
ehlo config import reads the file of another program and prints profiles with the same meaning. Nothing is changed. The
output is accepted by ehlo config check, unless a file that the original names cannot be read: a setting that ehlo does not
accept is printed as a comment.",
    "\
A line that has no equivalent becomes a comment with file and line, followed by the reason. Where a program differs from
ehlo in a way that matters, such as not verifying certificates, a comment says so. A line that the program itself would
reject is an error (status 78), and nothing is printed.",
    "\
No command in the file is run. A command that prints a password becomes password-command, also if mutt would run it in
backticks. The output of eval in a file of msmtp is unknown; a comment names the line. Files that mutt or mailx would source are read; commands whose output they would source are not run.",
    "\
A password is never printed. With --secrets DIR it is written to the new file DIR/PROFILE.password with mode 0600, and
the profile names this file. Without --secrets, a comment names the line that has it; it can then be stored in the keyring,
in ~/.netrc or in a password manager.",
    "\
msmtp: an account becomes a profile with everything that it copies. The default account is also the sender of programs that
name none, by a rule in [rewrite]. ssmtp: the profile is named ssmtp; revaliases in the same directory become rules in
[rewrite]. nullmailer: each line of remotes is a profile, and all but the first are fallbacks. dma: AUTHPATH is read, too.
mutt, mailx: the variables that concern SMTP. swaks: the options of the file.",
    "\
Options of the original that are used on its command line only are described in ehlo-migrate(7).",
];

const OPTIONS: [(&str, &str); 1] = [(
    "--config FILE",
    "The configuration file. Without it, $EHLO_CONFIG names the file, else it is ~/.config/ehlo/config.toml, else \
     /etc/ehlo/config.toml. init uses the last one only if --config names it.",
)];

const EXAMPLES: &str = "\
ehlo config init --address 'Alice <alice@gmail.com>' \\
     --password-command 'pass show gmail'
ehlo config init --address alice@example.org --profile office \\
     --relay smtp.example.org:465 --password-file ~/.mailpw --default
ehlo config discover alice@example.org
ehlo config import msmtprc --secrets ~/.config/ehlo/secrets
ehlo config check
ehlo config show gmail";

const STATUS: [(&str, &str); 8] = [
    ("0", "success"),
    ("64", "the command line is wrong, or an answer is missing"),
    ("66", "there is no configuration file, or it cannot be read"),
    ("68", "discover: there is no server"),
    ("70", "the editor failed"),
    (
        "73",
        "the file cannot be written, or the profile exists already",
    ),
    ("75", "discover: a DNS lookup failed"),
    (
        "78",
        "the configuration, or the file to import, has errors, all of which are reported",
    ),
];

const ONLINE: &str = "\
With --online, and after the test mail, the status is that of ehlo probe or of ehlo, for example 77 if the server rejects
the password.";

/// ehlo-config(1).
pub fn page() -> String {
    let mut page = titled(
        ("EHLO-CONFIG", "1"),
        "ehlo-config - create, check and show the configuration",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    subcommands(&mut page, "config");
    table(&mut page, "OPTIONS OF ALL COMMANDS", owned(&OPTIONS));
    section(&mut page, "FIRST SET-UP", &SETUP);
    section(&mut page, "DISCOVERY", &DISCOVER);
    section(&mut page, "IMPORT", &IMPORT);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    crate::page::paragraph(&mut page, ONLINE);
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-login(1), ehlo-probe(1), ehlo-doctor(1)"],
    );
    page.to_roff()
}
