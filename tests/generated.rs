//! What lies in `man/` and `completions/` is what clap makes of the command line today, and the
//! sections that people have written. `UPDATE=1 cargo test --test generated` rewrites the files.

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use ehlo::args::{EXAMPLES, command};
use ehlo::exit::{Exit, Health};
use std::fs;
use std::path::{Path, PathBuf};

#[path = "generated/alert.rs"]
mod alert;
#[path = "generated/doctor.rs"]
mod doctor;
#[path = "generated/json.rs"]
mod json;
#[path = "generated/queue.rs"]
mod queue;
#[path = "generated/run.rs"]
mod run;
#[path = "generated/script.rs"]
mod script;
#[path = "generated/sendmail.rs"]
mod sendmail;
#[path = "generated/sink.rs"]
mod sink;

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
        "script",
        "Hold a conversation with a server that a script says, and check what it answers; look for smuggling, open \
         relays and the like with the scripts that come along; see ehlo-script(1).",
    ),
    (
        "config",
        "Look at the configuration: check reads the file and tries every option of every profile, show \
         prints a profile with all that it inherits, path says which file it is.",
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
];

/// Other pages, in their order.
const SEE_ALSO: &[&str] = &[
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
    ("ehlo script", " [OPTIONS] FILE|NAME..."),
    ("ehlo config", " check|show [PROFILE]|path [--config FILE]"),
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
relay's name or --tls-name, the dates; or the one of --pin. --tls starttls and --tls implicit send nothing
without encryption, --tls off nothing with it, and -k takes any certificate.",
    "\
TLS is 1.2 or 1.3, with ECDHE and AES-GCM or ChaCha20-Poly1305. A server that has only older versions,
CBC ciphers, or RSA or DHE key exchange cannot be talked to; the error says what is missing.",
    "\
What the server offered before TLS is forgotten behind it. Bytes that come in clear behind its reply to
STARTTLS end the session with status 76.",
];

const LOGIN: [&str; 4] = [
    "\
--user logs in at the relay, with the strongest way that both sides have: SCRAM-SHA-256 and SCRAM-SHA-1,
bound to the TLS connection (-PLUS) where that can be, CRAM-MD5, PLAIN, LOGIN; with a token of
--oauth-token-command OAUTHBEARER or XOAUTH2; with --auth EXTERNAL the client certificate. --auth narrows it.
Where the server refuses the way and not the user, the next one is tried, but not the password itself after a
bound way was refused.",
    "\
No password goes over a connection that is not encrypted, not even to this host, unless
--allow-cleartext-password says so; none goes to a server whose certificate is wrong, unless -k says so; and
none goes to a mail exchanger.",
    "\
The password is the first line of what --password-command prints or of --password-file; else it is in the
variable EHLO_PASSWORD, in systemd's credentials (ehlo.PROFILE.password or ehlo.password), in ~/.netrc, or in
the desktop's keyring as secret-tool finds it (host HOST service smtp user USER); else it is asked for on the
terminal. Files that others can read are refused.",
    "\
It is never an option, and stands in no transcript, also where the server says it back. While it is in memory,
ehlo leaves no core file and cannot be traced by other programs of the same user.",
];

const CONFIGURATION: [&str; 5] = [
    "\
A configuration file is TOML with tables [profile.NAME], and in each any long option by its name: with a
string or a number, with true for an option without a value, or with an array for one that may be
repeated. What stands on the command line wins over the profile, and so does what contradicts it; only
--header adds up. With --relay on the command line, port and credentials of a profile with a relay of its
own stand back, unless --profile names it.",
    "\
\"inherit\" names one profile or more whose keys this one has too: its own keys win, then those of the
first one named, and false takes an inherited key away. \"from\" is an address, a pattern like
*@work.example, or an array of both: they choose the profile when the sender on the command line matches,
and the first address is the default of --from. Else \"default\", outside of all profiles, names the one
that is used. \"fallback\" names the profiles whose relays are tried in this order when the relay cannot be
reached or answers for now.",
    "\
The file must belong to root or to you, and nobody else may write to it; nor read it, if it says how to get
at credentials, but for /etc/ehlo/config.toml, which is there for all users to read. A password does not belong into it. Whatever is wrong with it ends ehlo with status 78,
before anything is sent.",
    "\
The rules of the queue stand in a table [queue] (see ehlo-queue(1)), those for mail that programs hand to sendmail
in [sendmail] and [rewrite] (see ehlo-sendmail(1)).",
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
        "the configuration file, where --config names none",
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
    ("COLUMNS", "the width of --help"),
];

const FILES: [(&str, &str); 9] = [
    (
        "~/.config/ehlo/config.toml, /etc/ehlo/config.toml",
        "the configuration; the first that there is counts alone. XDG_CONFIG_HOME may stand for ~/.config",
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
        "passwords: machine HOST login USER password PASSWORD",
    ),
    (
        "/etc/ssl/certs",
        "the CAs that are trusted, read when a certificate is checked",
    ),
    (
        "/etc/resolv.conf",
        "the resolvers that are asked for mail exchangers and their addresses",
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
RFC 5321 (SMTP), 5322 (messages), 2045 to 2049, 2183 and 2231 (MIME), 1870 (SIZE), 2034
(ENHANCEDSTATUSCODES), 2920 (PIPELINING), 3030 (CHUNKING), 3207 (STARTTLS), 4954 (AUTH), 4616 (PLAIN), 5802
and 7677 (SCRAM), 5929 and 9266 (channel bindings), 6152 (8BITMIME), 6531 and 6532 (SMTPUTF8), 7435
(opportunistic security), 7505 (null MX), 7628 (OAUTHBEARER), 8305 (happy eyeballs), 8314 (implicit TLS), 9525
(names in certificates).";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file with what it should be, or writes it.
fn check(path: &Path, right: &str) {
    let full = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(&full, right).unwrap();
        return;
    }
    let there = fs::read_to_string(&full).unwrap_or_default();
    assert!(
        there == right,
        "{} is not what clap makes of the command line today; UPDATE=1 cargo test --test generated \
         rewrites it",
        path.display()
    );
}

/// A command as the manual shows it: built, and without a date that would change it every day.
fn built() -> Command {
    let mut command = command();
    command.build();
    command
}

fn section(page: &mut Roff, title: &str, paragraphs: &[&str]) {
    page.control("SH", [title]);
    for (at, paragraph) in paragraphs.iter().enumerate() {
        if at > 0 {
            page.control("PP", []);
        }
        page.text([roman(paragraph.replace('\n', " "))]);
    }
}

fn table<'a>(page: &mut Roff, title: &str, rows: impl IntoIterator<Item = (String, &'a str)>) {
    page.control("SH", [title]);
    self::rows(page, rows);
}

fn rows<'a>(page: &mut Roff, rows: impl IntoIterator<Item = (String, &'a str)>) {
    for (term, text) in rows {
        page.control("TP", []);
        page.text([bold(term)]);
        page.text([roman(text)]);
    }
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

/// Lines that stay lines.
fn as_typed(page: &mut Roff, lines: &str) {
    let bare = lines
        .lines()
        .map(|line| line.strip_prefix("  ").unwrap_or(line));
    listing(page, bare);
}

fn listing<'a>(page: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    page.control("PP", []);
    page.control("nf", []);
    page.control("RS", ["4"]);
    for line in lines {
        page.text([roman(line)]);
    }
    page.control("RE", []);
    page.control("fi", []);
}

fn owned<'a>(rows: &[(&str, &'a str)]) -> Vec<(String, &'a str)> {
    rows.iter()
        .map(|(term, text)| ((*term).to_owned(), *text))
        .collect()
}

fn render(section: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    section(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn synopsis_lines(page: &mut Roff, lines: &[(&str, &str)]) {
    for (at, (name, rest)) in lines.iter().enumerate() {
        if at > 0 {
            page.control("br", []);
        }
        page.text([bold(*name), roman(*rest)]);
    }
}

fn main_page() -> String {
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
    section(&mut own, "THE CONVERSATION", &CONVERSATION);
    section(&mut own, "ENCRYPTION", &ENCRYPTION);
    section(&mut own, "LOGGING IN", &LOGIN);
    examples(&mut own);
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
        render(|out| man.render_title(out)),
        render(|out| man.render_name_section(out)),
        synopsis.to_roff(),
        render(|out| man.render_description_section(out)),
        render(|out| man.render_options_section(out)),
        own.to_roff(),
    ]
    .concat()
}

/// The page of a verb.
fn verb_page(verb: &str, name: &'static str, more: impl FnOnce(&mut Roff)) -> String {
    let whole = built();
    let command = whole.find_subcommand(verb).unwrap().clone();
    let man = Man::new(command.name(name).bin_name(format!("ehlo {verb}")))
        .title(name.to_uppercase())
        .section("1")
        .manual("User Commands");
    let mut own = Roff::new();
    more(&mut own);
    section(&mut own, "SEE ALSO", &["ehlo(1)"]);
    [
        render(|out| man.render_title(out)),
        render(|out| man.render_name_section(out)),
        render(|out| man.render_synopsis_section(out)),
        render(|out| man.render_description_section(out)),
        render(|out| man.render_options_section(out)),
        own.to_roff(),
    ]
    .concat()
}

const PROBE_EXAMPLES: &str = "\
ehlo probe mail.example.org
ehlo probe mail.example.org:465 --tls implicit --json
ehlo probe mx1.example.org --expect starttls,verified,cert-days:14,size:10M
ehlo probe submission.example.org:587 -u monitor --password-file /etc/monitor.pw --expect auth=PLAIN";

const PROBE_STATUS: [(&str, &str); 6] = [
    (
        "0",
        "the server answered, and all that is expected is there",
    ),
    ("64", "the command line is wrong"),
    ("69", "the server refused to talk, for good"),
    (
        "75",
        "no connection, or lost, or the server has no time now",
    ),
    ("76", "the server broke the protocol"),
    (
        "77",
        "something that is expected is not there, or TLS or the login failed",
    ),
];

fn sink_page() -> String {
    verb_page("sink", "ehlo-sink", |own| {
        section(own, "BEHAVIOUR", &sink::BEHAVIOUR);
        section(own, "FILES", &[sink::FILES]);
        section(own, "EVENTS", &[sink::EVENTS_ARE]);
        rows(own, owned(&sink::EVENTS));
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, sink::EXAMPLES);
        table(own, "EXIT STATUS", owned(&sink::STATUS));
    })
}

fn probe_page() -> String {
    verb_page("probe", "ehlo-probe", |own| {
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, PROBE_EXAMPLES);
        table(own, "EXIT STATUS", owned(&PROBE_STATUS));
    })
}

fn doctor_page() -> String {
    verb_page("doctor", "ehlo-doctor", |own| {
        section(own, "WITH CRON'S EYES", &doctor::EYES);
        table(own, "STEPS", owned(&doctor::STEPS));
        section(own, "JSON", &[doctor::JSON]);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, doctor::EXAMPLES);
        table(own, "EXIT STATUS", owned(&doctor::STATUS));
        own.control("PP", []);
        own.text([roman(doctor::OF_TEST)]);
    })
}

fn run_page() -> String {
    verb_page("run", "ehlo-run", |own| {
        section(own, "THE MAIL", &run::MAIL);
        section(own, "WHO GETS IT", &run::RECIPIENTS);
        section(own, "THE COMMAND", &run::COMMAND);
        section(own, "ALERTS", &alert::ALERTS);
        section(own, "DIGESTS", &alert::DIGEST);
        section(own, "WHEN IT CANNOT BE SENT", &run::NOWHERE);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, run::EXAMPLES);
        table(own, "EXIT STATUS", owned(&run::STATUS));
        own.control("PP", []);
        own.text([roman(run::MAIL_STATUS.replace('\n', " "))]);
    })
}

fn notify_page() -> String {
    verb_page("notify", "ehlo-notify", |own| {
        section(own, "THE MAIL", &run::NOTIFY_TEXT);
        section(own, "ALERTS", &alert::NOTICES);
        section(own, "WHO GETS IT", &run::RECIPIENTS);
        section(own, "WHEN IT CANNOT BE SENT", &run::NOWHERE);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, run::NOTIFY_EXAMPLES);
        section(own, "EXIT STATUS", &[run::NOTIFY_STATUS]);
    })
}

fn script_page() -> String {
    verb_page("script", "ehlo-script", |own| {
        section(own, "SCRIPTS", &script::LINES);
        listing(own, script::FIRST.lines());
        for (title, paragraph, rows) in script::LANGUAGE {
            section(own, title, paragraph);
            let shown = |(form, text): &(&str, &'static str)| (form.replace('\n', " ... "), *text);
            self::rows(own, rows.iter().map(shown));
        }
        section(own, "TESTS", &script::TESTS);
        listing(own, script::CASES.lines());
        section(own, "SCRIPTS THAT COME ALONG", &script::SHIPPED);
        let shipped = ehlo::script::library::ALL.iter();
        self::rows(own, shipped.map(|one| (one.name.to_owned(), one.about())));
        section(own, "RECORDING", &[script::RECORDING]);
        section(own, "EXAMPLES", &[]);
        as_typed(own, script::EXAMPLES);
        table(own, "EXIT STATUS", owned(&script::STATUS));
    })
}

fn digest_page() -> String {
    verb_page("digest", "ehlo-digest", |own| {
        section(own, "DIGESTS", &alert::DIGEST);
        section(own, "WHO GETS IT", &run::RECIPIENTS);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, alert::DIGEST_EXAMPLES);
        section(own, "EXIT STATUS", &[alert::STATUS]);
    })
}

fn unit_page() -> String {
    verb_page("unit", "ehlo-unit", |own| {
        section(own, "UNITS", &alert::UNIT);
        section(own, "WHO GETS IT", &run::RECIPIENTS);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, alert::UNIT_EXAMPLES);
        section(own, "EXIT STATUS", &[alert::STATUS]);
    })
}

/// The page of a verb with verbs of its own.
fn queue_page() -> String {
    let whole = built();
    let verb = whole.find_subcommand("queue").unwrap();
    let mut page = titled(
        ("EHLO-QUEUE", "1"),
        "ehlo-queue - look at the queue, and deliver what is in it",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &queue::SYNOPSIS);
    section(&mut page, "DESCRIPTION", &queue::DESCRIPTION);
    page.control("SH", ["COMMANDS"]);
    for command in verb.get_subcommands() {
        command_entry(&mut page, command);
    }
    table(&mut page, "OPTIONS OF ALL COMMANDS", owned(&queue::OPTIONS));
    section(&mut page, "WHO RUNS IT", &[queue::RUNNERS]);
    section(&mut page, "CONFIGURATION", &[queue::CONFIGURATION]);
    rows(&mut page, owned(&queue::SETTINGS));
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, queue::EXAMPLES);
    table(&mut page, "EXIT STATUS", owned(&queue::STATUS));
    page.control("PP", []);
    page.text([roman(queue::OF_STATUS)]);
    let health = Health::ALL.iter().map(|health| {
        let (code, meaning) = health.row();
        (code.to_string(), meaning)
    });
    rows(&mut page, health);
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-sendmail(1), crontab(5), systemd.timer(5)"],
    );
    page.to_roff()
}

/// A page that clap has no part in, with its first two lines.
fn titled((title, section): (&str, &str), name: &str) -> Roff {
    let mut page = Roff::new();
    let footer = title.to_lowercase();
    let manual = match section {
        "5" => "File Formats",
        _ => "User Commands",
    };
    page.control("TH", [title, section, "", &footer, manual]);
    page.control("SH", ["NAME"]);
    page.text([roman(name)]);
    page
}

/// A verb of a verb: how it is called, what it does, and its own options.
fn command_entry(page: &mut Roff, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    page.control("SS", [usage.trim_start_matches("Usage: ")]);
    let about = command.get_long_about().or(command.get_about()).unwrap();
    page.text([roman(one_paragraph(&about.to_string()))]);
    let is_everywhere =
        |arg: &&Arg| ["help", "queue_dir", "config"].contains(&arg.get_id().as_str());
    let own = command.get_arguments().filter(|arg| !is_everywhere(arg));
    for arg in own.filter(|arg| !arg.is_hide_set() && !arg.is_positional()) {
        let short = arg.get_short().map(|short| format!("-{short}, "));
        let long = arg.get_long().unwrap();
        let value = arg
            .get_value_names()
            .filter(|_| arg.get_action().takes_values());
        let value = value.map(|names| format!(" {}", names.join(" ")));
        let help = arg.get_long_help().or(arg.get_help()).unwrap();
        page.control("TP", []);
        page.text([
            bold(format!("{}--{long}", short.unwrap_or_default())),
            roman(value.unwrap_or_default()),
        ]);
        page.text([roman(one_paragraph(&help.to_string()))]);
    }
}

/// clap takes the full stop from a paragraph that stands alone.
fn one_paragraph(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    format!("{}.", text.trim_end_matches('.'))
}

fn json_page() -> String {
    let name = "ehlo-json - what ehlo says to programs";
    let mut page = titled(("EHLO-JSON", "5"), name);
    section(&mut page, "DESCRIPTION", &json::DESCRIPTION);
    table(&mut page, "EVENTS", owned(&json::EVENTS));
    section(&mut page, "VERDICTS", &[json::VERDICTS]);
    page.control("SH", ["EXAMPLE"]);
    as_typed(&mut page, json::EXAMPLE);
    section(&mut page, "SCHEMA", &[json::SCHEMA]);
    section(&mut page, "SEE ALSO", &["ehlo(1)"]);
    page.to_roff()
}

fn sendmail_page() -> String {
    let name = "ehlo-sendmail - send mail for programs that call sendmail";
    let mut page = titled(("EHLO-SENDMAIL", "1"), name);
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &sendmail::SYNOPSIS);
    section(&mut page, "DESCRIPTION", &sendmail::DESCRIPTION);
    table(&mut page, "OPTIONS", owned(&sendmail::OPTIONS));
    page.control("PP", []);
    page.text([roman(sendmail::WORDS.replace('\n', " "))]);
    section(&mut page, "WHAT BECOMES OF A MESSAGE", &sendmail::MESSAGE);
    section(&mut page, "ADDRESSES", &sendmail::ADDRESSES);
    as_typed(&mut page, sendmail::CONFIGURATION);
    section(&mut page, "RIGHTS", &sendmail::RIGHTS);
    page.control("PP", []);
    page.text([roman(sendmail::CARE.replace('\n', " "))]);
    table(&mut page, "EXIT STATUS", owned(&sendmail::STATUS));
    table(&mut page, "FILES", owned(&sendmail::FILES));
    section(&mut page, "SEE ALSO", &[sendmail::SEE_ALSO]);
    page.to_roff()
}

#[test]
fn the_manual_is_that_of_todays_command_line() {
    check(Path::new("man/ehlo.1"), &main_page());
    check(Path::new("man/ehlo-sink.1"), &sink_page());
    check(Path::new("man/ehlo-probe.1"), &probe_page());
    check(Path::new("man/ehlo-doctor.1"), &doctor_page());
    check(Path::new("man/ehlo-queue.1"), &queue_page());
    check(Path::new("man/ehlo-script.1"), &script_page());
    check(Path::new("man/ehlo-sendmail.1"), &sendmail_page());
    check(Path::new("man/ehlo-run.1"), &run_page());
    check(Path::new("man/ehlo-notify.1"), &notify_page());
    check(Path::new("man/ehlo-digest.1"), &digest_page());
    check(Path::new("man/ehlo-unit.1"), &unit_page());
    check(Path::new("man/ehlo-json.5"), &json_page());
}

#[test]
fn every_script_in_the_manual_has_no_mistake() {
    for text in [script::FIRST, script::CASES] {
        let source = ehlo::script::Source {
            name: "manual".to_owned(),
            text: text.to_owned(),
            directory: None,
        };
        ehlo::script::parse_source(&source, &[]).unwrap_or_else(|all| panic!("{all:#?}"));
    }
    let every = script::LANGUAGE.iter().flat_map(|(_, _, rows)| rows.iter());
    for (form, _) in every {
        let text = script::spelled_out(form);
        let source = ehlo::script::Source {
            name: (*form).to_owned(),
            text: text.clone(),
            directory: None,
        };
        ehlo::script::parse_source(&source, &["NAME"])
            .unwrap_or_else(|all| panic!("{text}: {all:#?}"));
    }
}

#[test]
fn the_completions_are_those_of_todays_command_line() {
    let shells = [
        (Shell::Bash, "ehlo.bash"),
        (Shell::Zsh, "_ehlo"),
        (Shell::Fish, "ehlo.fish"),
        (Shell::PowerShell, "_ehlo.ps1"),
        (Shell::Elvish, "ehlo.elv"),
    ];
    for (shell, name) in shells {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command(), "ehlo", &mut text);
        let path: PathBuf = ["completions", name].iter().collect();
        check(&path, &String::from_utf8(text).unwrap());
    }
}

#[test]
fn the_manual_of_the_doctor_names_every_step() {
    let named = doctor::STEPS.map(|(name, _)| name);
    assert_eq!(named, ehlo::plan::Step::ALL.map(ehlo::plan::Step::name));
}

#[test]
fn the_manual_names_every_exit_status_and_every_option() {
    let page = main_page().replace('\\', "");
    for exit in Exit::ALL {
        assert!(page.contains(&format!("fB{}fR", exit.code())), "{exit:?}");
    }
    for option in command()
        .get_arguments()
        .filter_map(|argument| argument.get_long())
    {
        assert!(page.contains(&format!("--{option}")), "--{option}");
    }
}
