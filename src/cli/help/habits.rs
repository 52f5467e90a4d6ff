//! Options and words of other mail programs, and what ehlo has for each of them.

/// Spellings of an option of mail, mutt, swaks, curl, msmtp, sendEmail or sendmail, separated by blanks, and the
/// answer. An answer that begins with an option is given only if the command has this option.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("-c -cc", "--cc ADDR"),
    (
        "--to-addr --mailto --recipient --recipients --rcpt --rcpt-to --mail-rcpt",
        "--to ADDR",
    ),
    (
        "-t --read-recipients",
        "name recipients as arguments or with --to ADDR; ehlo sendmail -t takes them from the message",
    ),
    (
        "--mail-from --return-path --sender --bounce",
        "--envelope-from ADDR, or --from ADDR for the author as well",
    ),
    ("--read-envelope-from --from-full", "--from ADDR"),
    (
        "-F",
        "give the name with the address: --from 'Alice <alice@example.org>'",
    ),
    ("--h-subject --title", "--subject TEXT"),
    ("--h-from", "--from ADDR"),
    ("--h-to", "--to ADDR"),
    ("--add-header --hdr", "--header 'Name: value'"),
    (
        "-m --msg --text --message-body --content --mail-body",
        "--body TEXT, or --body @FILE",
    ),
    ("--body-file --message-file --text-file", "--body @FILE"),
    (
        "-i -oi",
        "a text from a file is --body @FILE; options of sendmail follow ehlo sendmail",
    ),
    (
        "-d --data -T --upload-file --eml --raw-message --mail",
        "--message FILE for a complete message, or --body TEXT",
    ),
    (
        "-A --attachment --attachments --file --attach-file",
        "--attach FILE",
    ),
    (
        "--attach-body --attach-name --attach-type",
        "--attach 'FILE;type=TYPE;name=NAME'",
    ),
    (
        "-S",
        "for the author (mail -S from=ADDR), use --from ADDR; for what a server offers (msmtp -S), use ehlo probe HOST",
    ),
    (
        "-e",
        "ehlo has no commands of mutt; use --html @FILE for HTML, and --from ADDR for the author",
    ),
    (
        "--forward --fwd",
        "--attach-message FILE.eml to attach a message, or --message FILE to send it again",
    ),
    (
        "--configure --setup --wizard",
        "to set up an account, use ehlo config init",
    ),
    ("--email --e-mail --mail-to", "--to ADDR"),
    (
        "--cid --related --embed",
        "--inline FILE, and cid:FILE in the HTML",
    ),
    (
        "--html-file --content-type --mime-type",
        "--html @FILE for HTML, or --header 'Content-Type: TYPE'",
    ),
    (
        "-n --dry-run --dryrun --dump --dump-mail --pretend --no-send --test --simulate",
        "--print to see the message without sending it, or --quit-after rcpt to ask the server only",
    ),
    (
        "--smtp --smtp-server --smtp-host --host --hostname --mx --mailhost --mail-server --url",
        "--relay HOST[:PORT]",
    ),
    ("--smtp-port", "--port PORT"),
    ("--socket", "--relay /PATH"),
    (
        "-tls --starttls --ssl-reqd --use-tls --use-starttls --tls-starttls --require-starttls",
        "--tls starttls",
    ),
    (
        "-tlsc -tlso --ssl --smtps --use-ssl --tls-on-connect --tlsc --implicit-tls",
        "--tls implicit for TLS from the first byte (port 465), or --tls starttls",
    ),
    (
        "--no-tls --notls --no-starttls --no-ssl --plaintext --plain --tls-off",
        "--tls off",
    ),
    ("--tls-optional --tlso --try-ssl", "--tls auto, the default"),
    (
        "--tls-trust-file --cacert --capath --tls-ca-path --tls-ca --ca --ca-cert --ca-bundle",
        "--ca-file FILE",
    ),
    ("--tls-cert --tls-cert-file --client-cert", "--cert FILE"),
    ("--tls-key --tls-key-file --client-key", "--key FILE"),
    (
        "--tls-certcheck --no-verify --no-check-certificate --no-verify-ssl --skip-verify",
        "--insecure",
    ),
    (
        "--tls-verify --verify",
        "certificates of a relay are verified by default; ehlo probe HOST shows one",
    ),
    (
        "--tls-fingerprint --fingerprint --pinnedpubkey",
        "--pin sha256:SUM",
    ),
    ("--tls-verify-target", "--tls-name NAME"),
    ("--tls-sni --servername", "--sni NAME"),
    (
        "--tls-protocol --tlsv1 --tlsv1.2 --tlsv1.3 --tlsv1_2 --tlsv1_3",
        "--tls-min VERSION, or --tls-max VERSION",
    ),
    (
        "--auth-optional --auth-optional-strict",
        "--auth=? logs in if the server offers it",
    ),
    ("--sasl-authzid --authorization-id", "--authzid NAME"),
    ("--helo-only --no-esmtp", "--no-ehlo"),
    ("--message-file-raw --raw-message", "--message-raw FILE"),
    (
        "-xu --auth-user --username --login --login-user --smtp-user",
        "--user NAME",
    ),
    (
        "-xp -P --password --pass --passwd --auth-password --auth-pass --smtp-password --smtp-pass",
        "ehlo has no such option, because other users could see the password in the process list; use \
         --password-command CMD, --password-file FILE or the variable EHLO_PASSWORD",
    ),
    (
        "--passwordeval --password-eval --passcmd",
        "--password-command CMD",
    ),
    (
        "--auth-mech --auth-mechanism --auth-type --login-options",
        "--auth MECH",
    ),
    (
        "--oauth2-bearer --token --access-token",
        "--oauth-token-command CMD",
    ),
    ("--netrc -N --netrc-optional", "~/.netrc is read by default"),
    ("--account --config-profile", "--profile NAME"),
    (
        "-C --configuration --rc --rcfile --config-file -K",
        "--config FILE",
    ),
    (
        "--connect-timeout --max-time --time-out -w",
        "--timeout TIME",
    ),
    (
        "--local-interface -li --interface --source --source-ip --bind-address",
        "--bind IP",
    ),
    (
        "--connect --resolve --connect-host",
        "--connect-to HOST[:PORT]",
    ),
    (
        "--domain --helo-name --ehlo-name --hello --localhost --lhlo",
        "--helo NAME",
    ),
    ("--inet --inet4 --ip4", "--ipv4"),
    ("--inet6 --ip6", "--ipv6"),
    ("--protocol", "--lmtp, --no-ehlo, --tls MODE or --auth MECH"),
    ("--silent --no-output --hide-all -n1", "--quiet"),
    (
        "--debug --trace --trace-ascii -D",
        "--verbose, or --hex for every octet",
    ),
    ("--show-message --dump-body", "--show-data"),
    (
        "--hide-receive --hide-send --suppress-data",
        "ehlo has no such option; --transcript none shows failures only",
    ),
    ("--logfile --log-file --maillog", "--log FILE"),
    (
        "--syslog",
        "put syslog = true into the table [log] of the configuration, or use --log FILE",
    ),
    (
        "-l --output -o --output-file -X",
        "--log FILE for a line about each delivery, a redirection for the output, or ehlo ask HOST COMMAND for a \
         command",
    ),
    ("--no-color --no-colour --colour", "--color never"),
    (
        "--dsn --delivery-notification --delivery-status",
        "--notify success,failure",
    ),
    (
        "--read-receipt --receipt --request-receipt",
        "--header 'Disposition-Notification-To: ADDR'",
    ),
    ("--importance --urgent --x-priority", "--priority high"),
    ("--retry --retries --keep --enqueue --spool", "--queue"),
    ("--enqueue-only --deferred", "--queue-only"),
    ("--count --times --loop", "--repeat N"),
    ("--stop-after --quit --exit-after", "--quit-after STAGE"),
    ("--drop -da", "--drop-after STAGE"),
    (
        "--server-info --serverinfo --capabilities",
        "ehlo probe HOST shows what a server offers",
    ),
    (
        "--reply",
        "to answer a message, use --in-reply-to ID; for the address of answers, use --reply-to ADDR",
    ),
    ("--replyto --reply_to", "--reply-to ADDR"),
    ("--message-id --msgid", "--header 'Message-ID: <ID>'"),
    ("--date", "--header 'Date: DATE'"),
    (
        "--encoding --message-charset --message-encoding",
        "--charset NAME",
    ),
    (
        "--dkim-sign --dkim-selector --dkim-private-key",
        "--dkim-key 'FILE;selector=NAME'",
    ),
    (
        "--smime --pgp --gpg --openpgp",
        "--sign STANDARD or --encrypt STANDARD, with pgp or smime",
    ),
    (
        "--delay --at --later --schedule --send-at --send-later",
        "--hold-for TIME if the server supports it, or start ehlo from at(1) or cron",
    ),
    (
        "--to-file --rcpt-file --recipients-file --to-list",
        "ehlo has no such option; in a shell, write $(cat FILE) for the recipients in a file",
    ),
    (
        "--help-all --usage --man",
        "for all options, use ehlo --help",
    ),
];

/// Values of options, as `OPTION VALUE`, and the answer.
pub(super) const VALUES: &[(&str, &str)] = &[
    (
        "--tls on",
        "write --tls starttls, or --tls implicit for port 465",
    ),
    (
        "--tls yes",
        "write --tls starttls, or --tls implicit for port 465",
    ),
    (
        "--tls true",
        "write --tls starttls, or --tls implicit for port 465",
    ),
    ("--tls ssl", "write --tls implicit"),
    ("--tls smtps", "write --tls implicit"),
    ("--tls tls", "write --tls starttls"),
    ("--tls no", "write --tls off"),
    ("--tls none", "write --tls off"),
    ("--tls never", "write --tls off"),
    ("--priority urgent", "write --priority high"),
    ("--priority important", "write --priority high"),
    ("--priority 1", "write --priority high"),
    ("--tls-min TLSv1.2", "write --tls-min 1.2"),
    ("--tls-min TLSv1.3", "write --tls-min 1.3"),
    ("--quit-after tls", "write --quit-after starttls"),
    ("--quit-after helo", "write --quit-after ehlo"),
    ("--quit-after rcpt-to", "write --quit-after rcpt"),
    ("--quit-after mail-from", "write --quit-after mail"),
    ("--quit-after login", "write --quit-after auth"),
    (
        "--auth on",
        "--user NAME logs in, with the strongest mechanism of the server",
    ),
    ("--auth none", "without --user, ehlo does not log in"),
    ("--sign gpg", "write --sign pgp"),
    ("--sign openpgp", "write --sign pgp"),
    ("--encrypt gpg", "write --encrypt pgp"),
    ("--encrypt openpgp", "write --encrypt pgp"),
    ("--transcript off", "write --transcript none"),
];

/// Words in the place of a command, and the answer.
const WORDS: &[(&str, &str)] = &[
    (
        "send mail compose deliver submit",
        "to send, no command is needed: ehlo [OPTIONS] RECIPIENT...",
    ),
    (
        "list ls mailqueue spool postqueue exiqgrep qshape msmtp-queue",
        "to show the queue, use ehlo queue list",
    ),
    (
        "flush runq sendqueue msmtp-runqueue",
        "to deliver the queue, use ehlo queue run --now",
    ),
    (
        "rm remove delete cancel postsuper hold release requeue",
        "to change items of the queue, use ehlo queue remove, hold, release or requeue",
    ),
    (
        "callout callback",
        "to check a recipient, use ehlo --quit-after rcpt RECIPIENT; to inspect a server, use ehlo probe HOST",
    ),
    (
        "discover autodiscover autoconfig",
        "to find the server of an address, use ehlo config discover ADDRESS",
    ),
    (
        "import migrate convert",
        "to use the configuration of another program, use ehlo config import FORMAT; see ehlo-migrate(7)",
    ),
    ("tutorial", "to read the tutorial, use ehlo manual tutorial"),
    (
        "password passwords secret credentials",
        "for the options of a login, use ehlo help auth; for settings of providers, see ehlo-providers(7)",
    ),
    (
        "smtp smarthost relay",
        "to send through a server, use --relay HOST[:PORT]; for more, see ehlo help route",
    ),
    (
        "spf dmarc dane tlsa mta-sts mtasts dnssec mx dig",
        "to check the records of a domain, use ehlo check DOMAIN",
    ),
    (
        "genkey keygen dkim-genkey opendkim-genkey",
        "to make a key for DKIM, use ehlo dkim new",
    ),
    (
        "certificate cert ssl s_client",
        "to see the certificate of a server, use ehlo probe HOST",
    ),
    (
        "mailmerge bulk newsletter csv template",
        "to send to each row of a list, use ehlo merge LIST",
    ),
    (
        "imap pop3 inbox read receive-mail fetchmail",
        "to read a mailbox, use ehlo fetch URL",
    ),
    (
        "load benchmark loadtest stress smtp-source",
        "to put load on a server, use ehlo bench HOST",
    ),
    (
        "log logs maillog",
        "to write a mail log, use --log FILE; for an item of the queue, use ehlo queue show ID",
    ),
    (
        "resend bounce redirect",
        "to send a message again, use --message FILE and the recipients",
    ),
    (
        "gmail outlook office365 o365 yahoo icloud provider providers",
        "to set up an account, use ehlo config init; for the settings of providers, see ehlo-providers(7)",
    ),
    (
        "check test ping info scan",
        "to inspect a server, use ehlo probe HOST; to check this host, use ehlo doctor",
    ),
    (
        "telnet connect nc openssl vrfy expn noop etrn",
        "to send commands to a server, use ehlo ask HOST COMMAND",
    ),
    (
        "server serve listen receive smtpd daemon",
        "to receive mail for tests, use ehlo sink",
    ),
    (
        "exec cron job cronjob",
        "to run a job, use ehlo run -- COMMAND",
    ),
    (
        "init setup configure account accounts signin",
        "to set up an account, use ehlo config init",
    ),
    (
        "profile profiles settings",
        "to show a profile, use ehlo config show; to create one, use ehlo config init",
    ),
    ("edit", "to edit the configuration, use ehlo config edit"),
    (
        "completion complete bash zsh fish elvish",
        "for the completion script of a shell, use ehlo completions SHELL",
    ),
    ("version", "for the version, use ehlo --version"),
    ("man manual usage", "see ehlo help"),
    ("examples", "see ehlo help examples"),
    (
        "status health",
        "to check the queue, use ehlo queue status; to check this host, use ehlo doctor",
    ),
    (
        "banner ehlo starttls auth rcpt data dot",
        "to end a session early, use --quit-after STAGE",
    ),
];

/// Options of sendmail that ehlo reads as letters with a value, and the answer if one is the only word.
const ALONE: &[(&str, &str)] = &[
    ("-bp", "to show the queue, use ehlo queue list"),
    ("-q", "to deliver the queue, use ehlo queue run"),
    (
        "-bi",
        "ehlo reads /etc/aliases directly; nothing has to be built",
    ),
    (
        "-bs",
        "to speak SMTP on standard input, use ehlo sendmail -bs",
    ),
    ("-bd", "to receive mail for tests, use ehlo sink"),
    ("-bt", "to see where mail is sent, use ehlo doctor"),
    (
        "-bv",
        "to check a recipient, use ehlo --quit-after rcpt RECIPIENT",
    ),
];

/// The answer to an option of sendmail without anything else.
pub(super) fn alone(word: &str) -> Option<&'static str> {
    let row = ALONE.iter().find(|(name, _)| *name == word);
    row.map(|(_, answer)| *answer)
}

/// The answer to a word in the place of a command.
pub(super) fn word_of_habit(word: &str) -> Option<&'static str> {
    let is_word = |words: &str| {
        words
            .split(' ')
            .any(|other| other.eq_ignore_ascii_case(word))
    };
    let row = WORDS.iter().find(|(words, _)| is_word(words));
    row.map(|(_, answer)| *answer)
}

/// The answer to an option of another program, as it was typed.
pub(super) fn option_of_habit(typed: &str) -> Option<&'static str> {
    let is_typed = |names: &str| names.split(' ').any(|name| name == typed);
    let row = OPTIONS.iter().find(|(names, _)| is_typed(names));
    row.map(|(_, answer)| *answer)
}

/// Subcommands and options of other programs: the command, the words behind it, and the answer.
const SUBCOMMANDS: &[(&str, &str, &str)] = &[
    ("probe", "--relay --server --host -r -s", "ehlo probe HOST"),
    (
        "probe",
        "--to --rcpt",
        "ehlo --quit-after rcpt RECIPIENT to ask about a recipient",
    ),
    (
        "probe",
        "--certificate",
        "ehlo probe HOST, which shows the certificate",
    ),
    ("probe", "--showcerts", "ehlo probe HOST --save-certs FILE"),
    ("ask", "--relay --server -r -s", "ehlo ask HOST COMMAND"),
    ("bench", "--relay --server -r -s", "ehlo bench HOST"),
    ("check", "--dkim", "ehlo check DOMAIN --selector NAME"),
    (
        "dkim",
        "generate keygen genkey create init key --selector",
        "ehlo dkim new SELECTOR --domain DOMAIN --out FILE",
    ),
    (
        "dkim",
        "sign",
        "--dkim-key 'FILE;selector=NAME' to sign when sending",
    ),
    ("dkim", "verify", "ehlo verify FILE"),
    ("dkim", "test", "ehlo dkim check"),
    ("dkim", "dns show", "ehlo dkim record FILE"),
    ("merge", "--csv --list --data --input", "ehlo merge LIST"),
    (
        "merge",
        "--template",
        "ehlo merge LIST --message FILE, or --body @FILE",
    ),
    ("merge", "--print", "ehlo merge LIST --preview"),
    (
        "merge",
        "--dry-run -n",
        "ehlo merge LIST --check, or --preview to see a message",
    ),
    ("login", "google gmail", "ehlo login --provider google"),
    (
        "login",
        "microsoft outlook office365",
        "ehlo login --provider microsoft",
    ),
    ("login", "--email --address", "ehlo login --user NAME"),
    ("config", "gmail", "ehlo config init --provider gmail"),
    ("config", "outlook", "ehlo config init --provider outlook"),
    (
        "config",
        "office365",
        "ehlo config init --provider microsoft365",
    ),
    ("config", "fastmail", "ehlo config init --provider fastmail"),
    (
        "config",
        "--email --from",
        "ehlo config init --address ADDR",
    ),
    (
        "config",
        "--password",
        "ehlo config init --password-file FILE, which asks for the password and creates the file",
    ),
    ("config", "--name", "ehlo config init --profile NAME"),
    ("run", "--mail --email", "ehlo run --to ADDR"),
    ("notify", "--mail --email", "ehlo notify --to ADDR"),
    ("digest", "--send", "ehlo digest NAME"),
    ("queue", "--all", "ehlo queue list, which shows all items"),
    ("queue", "-v --list ls all print -p -bp", "ehlo queue list"),
    (
        "queue",
        "clear empty drop rm del delete cancel purge -d -Mrm",
        "ehlo queue remove ID",
    ),
    (
        "queue",
        "--flush --now flush retry now -f -qf -qff",
        "ehlo queue run --now",
    ),
    ("queue", "deliver process send -q -r", "ehlo queue run"),
    ("queue", "start watch", "ehlo queue run --watch"),
    ("queue", "-i -M", "ehlo queue run ID"),
    ("queue", "-s", "ehlo queue run --to DOMAIN"),
    ("queue", "-j", "ehlo queue list --json"),
    ("queue", "cat -Mvh -Mvb", "ehlo queue show ID --message"),
    ("queue", "view info log -Mvl", "ehlo queue show ID"),
    (
        "queue",
        "unhold resume thaw -H -Mt",
        "ehlo queue release ID",
    ),
    ("queue", "freeze pause -Mf", "ehlo queue hold ID"),
    ("queue", "restore", "ehlo queue requeue ID"),
    ("queue", "stat count -bpc", "ehlo queue status"),
    (
        "run",
        "--on-failure --on-error",
        "ehlo run --when failure, the default",
    ),
    ("run", "--always --on-success", "ehlo run --when always"),
    ("sink", "--port -p", "ehlo sink --listen 127.0.0.1:PORT"),
    ("sink", "--host --bind", "ehlo sink --listen ADDR"),
    ("sink", "--dir", "ehlo sink --maildir DIR"),
    ("sink", "--output", "ehlo sink --maildir DIR or --mbox FILE"),
    ("config", "test verify validate lint", "ehlo config check"),
    ("config", "list print get cat", "ehlo config show"),
    ("config", "where file", "ehlo config path"),
    ("config", "new add create setup wizard", "ehlo config init"),
    ("config", "set", "ehlo config edit"),
];

/// The answer to a word behind a command, as it was typed.
pub(super) fn subcommand_of_habit(command: &str, typed: &str) -> Option<&'static str> {
    let is_typed = |words: &str| words.split(' ').any(|word| word == typed);
    let row = SUBCOMMANDS
        .iter()
        .find(|(name, words, _)| *name == command && is_typed(words));
    row.map(|(_, _, answer)| *answer)
}
