//! ehlo-swaks(1).

use crate::page::{as_typed, owned, section, synopsis_lines, table, titled};
use ::ehlo::cli::standins::swaks::option_rows;

const SYNOPSIS: [(&str, &str); 2] = [("ehlo swaks", " [OPTION]..."), ("swaks", " [OPTION]...")];

const DESCRIPTION: [&str; 4] = [
    "\
ehlo swaks does what swaks 20240103.0 does: it runs one SMTP or LMTP session with a server, shows it, and sends a test
message unless an option ends the session earlier. A link named swaks to ehlo does the same; the Debian package has one
in /usr/lib/ehlo/bin. The options, their
abbreviations, the configuration file ~/.swaksrc, the variables SWAKS_OPT_*, the prompts, the tokens in the data, the
output and the exit status are those of swaks. swaks(1) describes them; this page lists the options and the
differences.",
    "\
Neither the configuration nor the profiles of ehlo are used, and nothing is queued.",
    "\
Options begin with one or two hyphens, and may be abbreviated if no other option begins with the same letters. The argument
follows as the next word or after an equals sign. --no-OPTION cancels an option that was given before, for example in the
configuration file. An optional argument does not begin with a hyphen.",
    "\
Options are read from the configuration file, then from variables such as SWAKS_OPT_server, then from the command line; the
last one counts. An option that needs an argument and has none is asked for on standard input. @FILE stands for the content
of a file, @@TEXT for the text @TEXT, and - for standard input, in the arguments of --data, --body, --attach, --attach-body
and --proxy.",
];

const EXAMPLES: &str = "\
swaks --to bob@example.org --server mx.example.org
swaks --to bob@example.org --server mx.example.org:587 \\
      -tls -au alice -ap
swaks --server mx.example.org --quit-after ehlo
swaks --to bob@example.org --server mx.example.org \\
      --header 'Subject: menu' --body @menu.txt --attach @menu.pdf
swaks --to bob@example.org --pipe 'exim -bh 192.0.2.1'";

const TOKENS: [&str; 2] = [
    "\
In the data, %NAME% and ..NAME.. are replaced for these names: NEWLINE, FROM_ADDRESS, TO_ADDRESS, CC_ADDRESS, BCC_ADDRESS,
MESSAGEID, SWAKS_VERSION, DATE, BODY and NEW_HEADERS; \\n is a line end. Lines get CRLF, dots at their beginning are doubled,
and the final dot is added. --no-data-fixup leaves all of this out.",
    "\
The stages of --quit-after, --drop-after and --drop-after-send are proxy, connect (banner), first-helo (first-ehlo,
first-lhlo), xclient, xclient-helo, tls (starttls), helo (ehlo, lhlo), auth, mail (from) and rcpt (to); for the two others
also data and dot.",
];

const DIFFERENCES: [&str; 8] = [
    "\
Passwords are shown as swaks shows them with --auth-hide-password, as PROVIDED_BUT_REMOVED, in the session, in --dump and in
hex dumps, and are masked in replies. Set EHLO_SWAKS_SECRETS to shown to see them. At a terminal, control characters in replies
are escaped.",
    "\
TLS is that of ehlo: TLS 1.2 and 1.3. Older protocols in --tls-protocol are reported as not known; they may be excluded, as in
no_sslv3. Ciphers that are not available are reported in the same way, and if none is left, the handshake fails. Data that
the server sends in clear after its reply to STARTTLS ends the session instead of becoming part of it.",
    "\
The types XOAUTH2 and OAUTHBEARER may be named in --auth; the password is then the token. They are tried only if they are named.",
    "\
--smtputf8, --dsn-notify, --dsn-ret, --dsn-envid and the options that begin with --ehlo- do not exist in swaks. They cannot be abbreviated.",
    "\
Addresses of a server are tried in parallel if the first does not answer. All addresses of the best mail exchanger are
tried, but no other mail exchanger unless --ehlo-all-mx is given. If nothing listens on a unix socket or a loopback address, it
is tried again for a second, because scripts start a server and swaks at the same time, and swaks takes longer to start.",
    "\
If standard input ends at a prompt, the run ends with status 1; swaks repeats the question. With --protect-prompt, a typed
password is not shown, not even as asterisks.",
    "\
--help lists the options, and --version shows both versions. POD, perl modules and SWAKS_ALTER_REQUIREMENTS do not exist.
--support lists everything as supported.",
    "\
A regular user of swaks may prefer ehlo itself, which sends to all recipients' mail exchangers, retries from a queue, and
reports a result for each recipient; ehlo-migrate(7) translates the options.",
];

const STATUS: [(&str, &str); 18] = [
    (
        "0",
        "the message was accepted, or the session ended as requested",
    ),
    ("1", "the options are wrong"),
    ("2", "no connection"),
    ("6", "the connection was closed unexpectedly"),
    ("10", "none of the requested types of AUTH is known"),
    ("21", "the greeting was not 220"),
    ("22", "HELO or EHLO was refused"),
    ("23", "MAIL was refused"),
    ("24", "no recipient was accepted"),
    ("25", "DATA was refused"),
    ("26", "the message was refused"),
    ("28", "AUTH failed"),
    ("29", "TLS failed"),
    ("30", "PRDR or SMTPUTF8 was demanded and is not offered"),
    ("32", "EHLO within TLS was refused"),
    ("33, 34", "XCLIENT, or EHLO after it, failed"),
    ("35", "the options of the PROXY header are wrong"),
    ("74", "the output cannot be written"),
];

const FILES: [(&str, &str); 2] = [
    (
        "$SWAKS_HOME/.swaksrc, $HOME/.swaksrc, $LOGDIR/.swaksrc",
        "options, one on each line, with or without hyphens; the first file that exists is read, unless --config or \
         SWAKS_OPT_config names another one",
    ),
    (
        "~/.netrc",
        "user and password for a server, if --auth is given without them",
    ),
];

pub fn page() -> String {
    let name = "ehlo-swaks - test an SMTP server with the options of swaks";
    let mut page = titled(("EHLO-SWAKS", "1"), name);
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    table(&mut page, "OPTIONS", option_rows());
    section(&mut page, "TOKENS AND STAGES", &TOKENS);
    section(&mut page, "DIFFERENCES FROM SWAKS", &DIFFERENCES);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    table(&mut page, "FILES", owned(&FILES));
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-migrate(7), ehlo-probe(1), ehlo-script(1), netrc(5)"],
    );
    page.to_roff()
}
