//! What lies in `man/` and `completions/` is what clap makes of the command line today, and the
//! sections that people have written. `UPDATE=1 cargo test --test generated` rewrites the files.

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use ehlo::args::{EXAMPLES, command};
use ehlo::exit::Exit;
use std::fs;
use std::path::{Path, PathBuf};

const VERBS: [(&str, &str); 3] = [
    (
        "sink",
        "Receive mail on loopback, for demos, tests and scripts; see ehlo-sink(1).",
    ),
    (
        "demo",
        "Send a message with an attachment to a receiver inside, and show both sides.",
    ),
    (
        "config",
        "Look at the configuration: check reads the file and tries every option of every profile, show \
         prints a profile with all that it inherits, path says which file it is.",
    ),
];

const NO_VERB: &str = "\
A recipient that is spelled like a verb goes behind --.";

const SYNOPSIS: [(&str, &str); 4] = [
    ("ehlo", " [OPTIONS] [RECIPIENT]..."),
    ("ehlo sink", " [OPTIONS]"),
    ("ehlo demo", ""),
    ("ehlo config", " check|show [PROFILE]|path [--config FILE]"),
];

const CONVERSATION: &str = "\
The conversation goes to the standard output as it happens: the server's lines bare, ours behind
\">>> \", remarks behind \"*** \". Bytes of the server that are not printable ASCII are shown as \\xNN.
Where the server offers PIPELINING, commands go out in groups, so that several lines of ours stand
before the first reply. With --json, each line is an object with \"event\" and \"elapsed_ms\"; the last
one, \"result\", has the exit status and, for each recipient, a verdict: accepted, refused (for good),
deferred (for now), uncertain (the connection was lost between the end of the message and its reply, so
that sending it again may make it arrive twice) or skipped.";

const CONFIGURATION: [&str; 4] = [
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
at credentials. A password does not belong into it. Whatever is wrong with it ends ehlo with status 78,
before anything is sent.",
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

const ENVIRONMENT: [(&str, &str); 5] = [
    (
        "EHLO_CONFIG",
        "the configuration file, where --config names none",
    ),
    (
        "TZ",
        "the zone of the Date field, instead of /etc/localtime",
    ),
    (
        "TMPDIR",
        "where texts that come through a pipe wait, above 4 MiB",
    ),
    (
        "LOGNAME, USER",
        "the login name, where the password file has none",
    ),
    ("COLUMNS", "the width of --help"),
];

const FILES: [(&str, &str); 5] = [
    (
        "~/.config/ehlo/config.toml, /etc/ehlo/config.toml",
        "the configuration; the first that there is counts alone. XDG_CONFIG_HOME may stand for ~/.config",
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
(ENHANCEDSTATUSCODES), 2920 (PIPELINING), 6152 (8BITMIME), 6531 and 6532 (SMTPUTF8), 7505 (null MX).";

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
    page.control("PP", []);
    page.control("nf", []);
    page.control("RS", ["4"]);
    for line in lines.lines() {
        page.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
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

fn main_page() -> String {
    // Long help ends with the examples, which the manual shows in their own section.
    let command = built().after_long_help("").after_help("");
    let man = Man::new(command)
        .title("EHLO")
        .section("1")
        .manual("User Commands");
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    for (at, (name, rest)) in SYNOPSIS.iter().enumerate() {
        if at > 0 {
            synopsis.control("br", []);
        }
        synopsis.text([bold(*name), roman(*rest)]);
    }
    let mut own = Roff::new();
    table(&mut own, "VERBS", owned(&VERBS));
    own.control("PP", []);
    own.text([roman(NO_VERB)]);
    section(&mut own, "THE CONVERSATION", &[CONVERSATION]);
    examples(&mut own);
    section(&mut own, "CONFIGURATION", &CONFIGURATION);
    as_typed(&mut own, PROFILES);
    let status = Exit::ALL.iter().map(|exit| {
        let (code, meaning) = exit.row();
        (code.to_string(), meaning)
    });
    table(&mut own, "EXIT STATUS", status);
    table(&mut own, "FILES", owned(&FILES));
    table(&mut own, "ENVIRONMENT", owned(&ENVIRONMENT));
    section(&mut own, "STANDARDS", &[STANDARDS]);
    section(
        &mut own,
        "SEE ALSO",
        &["ehlo-sink(1), resolv.conf(5), hosts(5)"],
    );
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

fn sink_page() -> String {
    let whole = built();
    let sink = whole.find_subcommand("sink").unwrap().clone();
    let man = Man::new(sink.name("ehlo-sink").bin_name("ehlo sink"))
        .title("EHLO-SINK")
        .section("1")
        .manual("User Commands");
    let mut own = Roff::new();
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

#[test]
fn the_manual_is_that_of_todays_command_line() {
    check(Path::new("man/ehlo.1"), &main_page());
    check(Path::new("man/ehlo-sink.1"), &sink_page());
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
