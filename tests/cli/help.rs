//! Help by topic, the overview, and the answers to mistyped commands and options.

use crate::program::{Ehlo, Run};
use crate::terminal::at_terminal;

fn ehlo(arguments: &[&str]) -> Run {
    let ehlo = Ehlo::new().args(arguments);
    ehlo.file("menu.pdf", "%PDF-1.4\n");
    ehlo.file("draft.eml", "Subject: x\n\nhi\n");
    ehlo.run()
}

/// Mistyped options and those of other programs, and what the answer names.
const OPTIONS: &[(&[&str], &str)] = &[
    (&["--tls", "STARTTLS", "bob@x.org"], "write --tls starttls"),
    (&["--tls", "bob@x.org"], "write --tls starttls"),
    (
        &["--priority", "urgent", "bob@x.org"],
        "write --priority high",
    ),
    (&["--at", "10:00", "bob@x.org"], "--hold-for TIME"),
    (&["--dkim-sign", "x", "bob@x.org"], "use --dkim-key"),
    (&["-X", "x", "bob@x.org"], "--log FILE for a line"),
    (
        &["run", "--mailto", "bob@x.org", "--", "true"],
        "use --to ADDR",
    ),
    (&["run", "--on-failure", "--", "true"], "--when failure"),
    (&["sink", "--port", "25"], "--listen 127.0.0.1:PORT"),
    (&["sink", "127.0.0.1:25"], "use --listen ADDR"),
    (&["queue", "-p"], "ehlo queue list"),
    (&["queue", "-Mrm", "x"], "ehlo queue remove ID"),
    (&["help", "--starttls"], "use --tls starttls"),
    (&["probe", "x.org", "--cert"], "see ehlo probe --help"),
    (&["--subjcet", "x", "bob@x.org"], "did you mean --subject?"),
    (&["--realy", "x", "bob@x.org"], "did you mean --relay?"),
    (&["--atach", "x", "bob@x.org"], "did you mean --attach?"),
    (
        &["--markdwon", "x", "bob@x.org"],
        "did you mean --markdown?",
    ),
    (&["--attachment", "x", "bob@x.org"], "use --attach FILE"),
    (&["-c", "eve@x.org", "bob@x.org"], "use --cc ADDR"),
    (&["-cc", "eve@x.org", "bob@x.org"], "use --cc ADDR"),
    (&["-t", "bob@x.org"], "ehlo sendmail -t"),
    (&["-m", "x", "bob@x.org"], "use --body TEXT"),
    (&["-A", "menu.pdf", "bob@x.org"], "use --attach FILE"),
    (&["-i", "bob@x.org"], "--body @FILE"),
    (&["-T", "x.eml", "bob@x.org"], "use --message FILE"),
    (&["--data", "x.eml", "bob@x.org"], "use --message FILE"),
    (&["-d", "x.eml", "bob@x.org"], "use --message FILE"),
    (&["--dry-run", "bob@x.org"], "use --print"),
    (&["--starttls", "bob@x.org"], "use --tls starttls"),
    (&["-tls", "bob@x.org"], "use --tls starttls"),
    (&["--ssl", "bob@x.org"], "use --tls implicit"),
    (&["--ssl-reqd", "bob@x.org"], "use --tls starttls"),
    (&["--tls=on", "bob@x.org"], "--tls starttls"),
    (&["--no-tls", "bob@x.org"], "use --tls off"),
    (&["--cacert", "x.pem", "bob@x.org"], "use --ca-file FILE"),
    (&["--tls-certcheck=off", "bob@x.org"], "use --insecure"),
    (&["--password", "x", "bob@x.org"], "--password-command CMD"),
    (&["--pass=x", "bob@x.org"], "--password-command CMD"),
    (
        &["--passwordeval", "x", "bob@x.org"],
        "use --password-command CMD",
    ),
    (&["--username", "x", "bob@x.org"], "use --user NAME"),
    (&["--auth-user", "x", "bob@x.org"], "use --user NAME"),
    (&["--account=x", "bob@x.org"], "use --profile NAME"),
    (
        &["--smtp-server", "x", "bob@x.org"],
        "use --relay HOST[:PORT]",
    ),
    (
        &["--url", "smtp://x.org", "bob@x.org"],
        "use --relay HOST[:PORT]",
    ),
    (&["-r", "alice@x.org", "bob@x.org"], "--from ADDR"),
    (
        &["--mail-from", "a@x.org", "bob@x.org"],
        "use --envelope-from ADDR",
    ),
    (&["--h-Subject", "x", "bob@x.org"], "use --subject TEXT"),
    (&["--logfile", "x", "bob@x.org"], "use --log FILE"),
    (
        &["--quit-after", "TLS", "bob@x.org"],
        "--quit-after starttls",
    ),
    (
        &["-f", "<>", "-b", "hi", "bob@x.org"],
        "use --envelope-from ''",
    ),
    (
        &["--expect", "tls", "bob@x.org"],
        "it is an option of ehlo sink, ehlo probe, ehlo bench, ehlo check, ehlo roundtrip;",
    ),
    (&["probe", "--starttls", "x.org"], "see ehlo probe --help"),
    (
        &["run", "--subejct", "x", "--", "true"],
        "did you mean --subject?",
    ),
];

#[test]
fn a_mistyped_option_is_answered_once_with_the_right_one() {
    for &(arguments, answer) in OPTIONS {
        let run = ehlo(arguments);
        run.exits(64).complains(1).says(&[answer]);
        assert!(run.stderr.matches("did you mean").count() <= 1, "{run:#?}");
    }
}

/// Mistyped commands and words that are not addresses, the exit status and what the answer names.
const WORDS: &[(&[&str], i32, &str)] = &[
    (&["gmail"], 64, "ehlo config init"),
    (&["help", "flush"], 64, "ehlo queue run --now"),
    (&["completion", "bash"], 64, "ehlo completions SHELL"),
    (&["draft.eml"], 65, "--message draft.eml"),
    (&["@draft.eml"], 65, "$(cat draft.eml)"),
    (&["quue", "list"], 64, "did you mean ehlo queue?"),
    (
        &["prob", "--expect", "tls", "x.org"],
        64,
        "did you mean ehlo probe?",
    ),
    (&["notfiy", "x"], 64, "did you mean ehlo notify?"),
    (&["doctr"], 64, "did you mean ehlo doctor?"),
    (&["senmail", "-t"], 64, "did you mean ehlo sendmail?"),
    (&["hlep"], 64, "did you mean ehlo help?"),
    (&["sned", "bob@x.org"], 65, "has no @domain"),
    (&["send", "bob@x.org"], 64, "ehlo [OPTIONS] RECIPIENT..."),
    (&["flush"], 64, "ehlo queue run --now"),
    (&["version"], 64, "ehlo --version"),
    (&["-q", "RCPT", "bob@x.org"], 64, "--quit-after STAGE"),
    (&["queue", "flush"], 64, "ehlo queue run --now"),
    (&["queue", "lst"], 64, "did you mean ehlo queue list?"),
    (&["queue", "rm"], 64, "ehlo queue remove"),
    (&["config", "chekc"], 64, "did you mean ehlo config check?"),
    (
        &["-v", "queue", "list"],
        65,
        "a command must be the first word: ehlo queue",
    ),
    (&["mail.example.org"], 65, "ehlo probe mail.example.org"),
    (
        &["mail.example.org:587"],
        65,
        "ehlo probe mail.example.org:587",
    ),
    (&["localhost"], 65, "ehlo probe localhost"),
    (&["192.0.2.1"], 65, "ehlo probe 192.0.2.1"),
    (
        &["smtps://mail.example.org"],
        65,
        "--relay smtps://mail.example.org",
    ),
    (&["menu.pdf", "bob@x.org"], 65, "-a menu.pdf"),
    (
        &["-a", "menu.pdf", "menu.pdf", "bob@x.org"],
        65,
        "-a menu.pdf",
    ),
];

#[test]
fn a_word_that_is_not_an_address_is_answered_with_what_is_probably_meant() {
    for &(arguments, exit, answer) in WORDS {
        ehlo(arguments).exits(exit).complains(1).says(&[answer]);
    }
}

/// Habits of a first day, the exit status, and what the answer names.
const FIRST_DAY: &[(&[&str], i32, &str)] = &[
    (&["-subject", "hi", "bob@x.org"], 64, "write --subject"),
    (
        &["-bcc", "dave@x.org", "-b", "hi", "bob@x.org"],
        64,
        "write --bcc",
    ),
    (
        &["-from", "a@x.org", "-to", "bob@x.org"],
        64,
        "write --from",
    ),
    (&["-attach", "menu.pdf", "bob@x.org"], 64, "write --attach"),
    (
        &["-password", "x", "bob@x.org"],
        64,
        "--password-command CMD",
    ),
    (
        &["bob@x.org", "-au", "alice", "-ap", "x"],
        64,
        "use --user NAME",
    ),
    (
        &["-b", "hi", "--from", "bob", "bob@x.org"],
        65,
        "as in bob@example.org",
    ),
    (
        &["-b", "hi", "--from", "Build Bot", "bob@x.org"],
        65,
        "'Build Bot <",
    ),
    (
        &["-b", "hi", "bob example.org"],
        65,
        "did you mean bob@example.org?",
    ),
    (
        &["-b", "hi", "-a", "@menu.pdf", "bob@x.org"],
        66,
        "--attach menu.pdf",
    ),
    (&["-H", "draft.eml"], 64, "--message draft.eml"),
    (&["-S", "from=a@x.org", "bob@x.org"], 64, "--from ADDR"),
    (&["-e", "set from=x", "bob@x.org"], 64, "--from ADDR"),
    (&["-X", "VRFY bob", "x.org"], 64, "ehlo ask HOST COMMAND"),
    (
        &["--forward", "draft.eml", "bob@x.org"],
        64,
        "--attach-message",
    ),
    (
        &["--reply", "draft.eml", "bob@x.org"],
        64,
        "--in-reply-to ID",
    ),
    (&["--configure", "a@x.org"], 64, "ehlo config init"),
    (
        &["-r", "x.org", "-u", "a:hunter2", "-b", "hi", "bob@x.org"],
        77,
        "a name only, without a password",
    ),
    (&["-bp"], 64, "ehlo queue list"),
    (
        &[
            "-f",
            "a@x.org",
            "-t",
            "bob@x.org",
            "-m",
            "hi",
            "-s",
            "x.org:25",
        ],
        64,
        "; -m: use --body TEXT, or --body @FILE; -s: it is the subject; use -r HOST",
    ),
    (
        &[
            "--url",
            "smtp://x.org",
            "--mail-from",
            "a@x.org",
            "--mail-rcpt",
            "bob@x.org",
        ],
        64,
        "; --mail-from: use --envelope-from ADDR",
    ),
    (&["-from", "a@x.org", "-to", "bob@x.org"], 64, "; -to: "),
    (
        &["-b", "hi", "--", "bob@x.org", "-s", "hi"],
        65,
        "options are written before --",
    ),
    (&["-q"], 64, "ehlo queue run"),
    (&["verify", "bob@x.org"], 66, "ehlo probe --mx x.org"),
    (
        &["probe", "bob@x.org"],
        64,
        "ehlo --quit-after rcpt bob@x.org",
    ),
    (&["probe", "-r", "x.org"], 64, "write ehlo probe HOST"),
    (&["probe", "--server", "x.org"], 64, "write ehlo probe HOST"),
    (
        &["probe", "--to", "bob@x.org", "x.org"],
        64,
        "ehlo --quit-after rcpt",
    ),
    (&["probe", "x.org", "2525"], 64, "HOST:2525"),
    (
        &["ask", "-r", "x.org", "NOOP"],
        64,
        "write ehlo ask HOST COMMAND",
    ),
    (&["ask", "VRFY", "bob"], 64, "in the place of the server"),
    (&["ask", "x.org", "VRFY", "bob"], 64, "'VRFY bob'"),
    (&["bench", "-r", "x.org"], 64, "write ehlo bench HOST"),
    (
        &["run", "--email", "bob@x.org", "true"],
        64,
        "ehlo run --to ADDR",
    ),
    (&["queue", "clear"], 64, "ehlo queue remove ID"),
    (&["queue", "list", "--all"], 64, "ehlo queue list"),
    (
        &["dkim", "generate", "example.org"],
        64,
        "ehlo dkim new SELECTOR",
    ),
    (
        &["dkim", "new", "--selector", "s"],
        64,
        "ehlo dkim new SELECTOR",
    ),
    (&["check", "--dkim", "example.org"], 64, "--selector NAME"),
    (&["merge", "--csv", "list.csv"], 64, "ehlo merge LIST"),
    (&["merge", "list.csv", "--print"], 64, "--preview"),
    (
        &["config", "init", "alice@gmail.com"],
        64,
        "--address alice@gmail.com",
    ),
    (&["config", "init", "gmail"], 64, "--provider gmail"),
    (
        &["config", "init", "--email", "a@x.org"],
        64,
        "--address ADDR",
    ),
    (&["config", "import", "./msmtprc"], 64, "msmtprc=./msmtprc"),
    (&["discover", "a@x.org"], 64, "ehlo config discover ADDRESS"),
    (&["import", "msmtprc"], 64, "ehlo config import FORMAT"),
    (&["login", "google"], 64, "--provider google"),
    (&["login", "a@x.org"], 64, "--user a@x.org"),
    (&["sink", "2526"], 64, "--listen 127.0.0.1:2526"),
    (&["script", "smuggle"], 66, "did you mean smuggling?"),
    (&["help", "tutorial"], 64, "ehlo manual tutorial"),
    (&["help", "password"], 64, "ehlo help auth"),
    (&["help", "smtp"], 64, "--relay HOST[:PORT]"),
];

#[test]
fn habits_of_a_first_day_are_answered_with_what_ehlo_has() {
    for &(arguments, exit, answer) in FIRST_DAY {
        let run = ehlo(arguments);
        run.exits(exit).complains(1).says(&[answer]);
        assert!(!run.stderr.contains("hunter2"), "{run:#?}");
    }
}

#[test]
fn a_word_that_resembles_nothing_has_no_suggestion() {
    for word in ["bob", "eve", "alice", "root"] {
        let run = ehlo(&["-b", "hi", word]);
        run.exits(65).complains(1);
        assert!(run.stderr.ends_with("has no @domain\n"), "{run:#?}");
    }
    for option in ["--zzz", "--no-such-option", "-e"] {
        let run = ehlo(&[option, "bob@x.org"]);
        run.exits(64).complains(1);
        assert!(!run.stderr.contains("did you mean"), "{run:#?}");
    }
}

#[test]
fn an_attachment_before_the_recipient_keeps_its_meaning() {
    let arguments = [
        "--print",
        "-b",
        "hi",
        "-f",
        "a@x.org",
        "-a",
        "menu.pdf",
        "bob@hamburger.edu",
    ];
    ehlo(&arguments)
        .exits(0)
        .shows(&["To: bob@hamburger.edu", "filename=menu.pdf"]);
}

#[test]
fn short_help_fits_on_a_screen_and_names_all_commands_and_groups() {
    let run = ehlo(&["-h"]);
    run.exits(0);
    assert_eq!(run.stdout, ehlo(&["help"]).exits(0).stdout);
    assert!(run.stdout.lines().count() <= 40, "{run:#?}");
    assert!(run.stdout.lines().all(|line| line.len() <= 80), "{run:#?}");
    let command = ehlo::cli::parse::command();
    for verb in command.get_subcommands() {
        run.shows(&[verb.get_name()]);
    }
    let headings = command
        .get_arguments()
        .filter_map(|arg| arg.get_help_heading());
    for heading in headings.filter(|heading| *heading != "Arguments") {
        let group = heading.to_lowercase();
        run.shows(&[&group]);
        ehlo(&[&format!("--help={group}")])
            .exits(0)
            .shows(&[&format!("{heading}:\n")]);
    }
    let long = command.get_arguments().filter_map(|arg| arg.get_long());
    let known: Vec<String> = long.map(|name| format!("--{name}")).collect();
    let words = run.stdout.split([' ', ',', '=', '\n']);
    let mut options = words.filter(|word| word.starts_with("--"));
    let unknown = options.find(|word| {
        !known.contains(&(*word).to_owned()) && !["--help", "--OPTION"].contains(word)
    });
    assert_eq!(unknown, None);
    for verb in command.get_subcommands() {
        let help = ehlo(&[verb.get_name(), "-h"]);
        let lines = help.stdout.lines().count();
        assert!(lines <= 44, "{lines} lines: {}", help.stdout);
    }
}

#[test]
fn help_is_about_a_command_a_group_an_option_or_a_topic() {
    for (arguments, words) in [
        (&["help", "probe"][..], "Usage: ehlo probe"),
        (&["help", "queue", "list"], "Usage: ehlo queue list"),
        (&["help", "queue"], "ehlo --help=queue"),
        (&["help", "tls"], "--tls-min"),
        (&["help", "TLS"], "--tls-min"),
        (&["--help", "tls"], "--tls-min"),
        (&["help", "probe", "tls"], "--tls-min"),
        (&["probe", "--help=tls"], "--tls-min"),
        (&["help", "--quit-after"], "--quit-after <STAGE>"),
        (&["help", "-k"], "--insecure"),
        (&["help", "exit-status"], "79"),
        (&["help", "examples"], "ehlo --from alice@crepes.fr"),
        (&["--help"], "--mt-priority"),
    ] {
        ehlo(arguments).exits(0).shows(&[words]);
    }
    let group = ehlo(&["help", "tls"]);
    assert!(!group.stdout.contains("--subject"), "{group:#?}");
    ehlo(&["help", "exti-status"])
        .exits(64)
        .complains(1)
        .says(&["did you mean ehlo help exit-status?"]);
}

#[test]
fn ehlo_alone_shows_the_overview_only_at_a_terminal() {
    let run = ehlo(&[]);
    run.exits(64).complains(1).says(&["no recipient"]);
    let told = at_terminal("man ehlo", "x", |ehlo| ehlo.env("COLUMNS", "80"));
    let Some(told) = told else { return };
    assert_eq!(told["exit"], 64);
    let seen = told["seen"].as_str().unwrap();
    assert!(seen.lines().count() <= 22, "{seen}");
    assert!(seen.lines().all(|line| line.len() <= 80), "{seen}");
    assert!(!seen.contains("no recipient"), "{seen}");
}

#[test]
fn an_error_is_wrapped_at_the_width_of_the_terminal() {
    let told = at_terminal("--help\r\n", "\n", |ehlo| {
        ehlo.env("COLUMNS", "60")
            .args(["--password", "x", "bob@x.org"])
    });
    let Some(told) = told else { return };
    let seen = told["seen"].as_str().unwrap();
    let lines: Vec<&str> = seen
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert!(lines.len() > 3 && lines[0].starts_with("ehlo: "), "{seen}");
    let is_wrapped = |line: &&str| line.starts_with("      ") && line.trim_end().len() <= 60;
    assert!(lines[1..].iter().all(is_wrapped), "{seen}");
}
