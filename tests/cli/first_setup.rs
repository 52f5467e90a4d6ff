//! `ehlo config init` and `ehlo config edit`.

use crate::dns::Authority as Names;
use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use crate::terminal::at_terminal;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

const FILE: &str = ".config/ehlo/config.toml";

/// A configuration with this text and mode.
fn with(text: &str, mode: u32) -> Ehlo {
    let ehlo = Ehlo::new();
    let path = ehlo.path(FILE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    ehlo
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Runs `config init` in this directory, and returns the file that it leaves.
fn init(ehlo: Ehlo, arguments: &[&str]) -> (Run, String) {
    let directory = ehlo.path(".config");
    let keep = tempfile::tempdir().unwrap();
    let moved = keep.path().join("config");
    let is_old = directory.exists();
    if is_old {
        fs::rename(&directory, &moved).unwrap();
    } else {
        fs::create_dir(&moved).unwrap();
    }
    let run = ehlo
        .env("XDG_CONFIG_HOME", &moved)
        .args(["config", "init"])
        .args(arguments)
        .run();
    let path = moved.join("ehlo/config.toml");
    let text = fs::read_to_string(&path).unwrap_or_default();
    if !text.is_empty() {
        let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1, "a temporary file was left");
        assert_eq!(mode(&path), 0o600);
        assert!(is_old || mode(path.parent().unwrap()) == 0o700);
    }
    (run, text)
}

const GMAIL: &str = "[profile.gmail]\nrelay = \"smtp.gmail.com:587\"\ntls = \"starttls\"\n\
                     from = \"Alice <alice@gmail.com>\"\nuser = \"alice@gmail.com\"\n\
                     password-command = \"pass show smtp\"\n";

const ALICE: [&str; 4] = [
    "--address",
    "Alice <alice@gmail.com>",
    "--password-command",
    "pass show smtp",
];

#[test]
fn first_profile_is_the_default_in_a_private_file() {
    let (run, text) = init(Ehlo::new(), &ALICE);
    run.exits(0).complains(0);
    assert_eq!(text, format!("default = \"gmail\"\n\n{GMAIL}"));
    assert!(
        run.stdout
            .contains("profile \"gmail\" added, the default\n")
    );
    assert!(
        run.stdout
            .contains("ehlo --profile gmail -s test -b test alice@gmail.com\n")
    );
}

#[test]
fn profile_is_added_and_the_rest_of_the_file_stays() {
    let old = "# mine\ndefault = \"w\" # work\n[profile.w]\nrelay = \"w.example\"";
    let (run, text) = init(with(old, 0o600), &ALICE);
    run.exits(0).complains(0);
    assert_eq!(text, format!("{old}\n\n{GMAIL}"));

    let arguments = [&ALICE[..], &["--default", "--profile", "home"]].concat();
    let (run, text) = init(with(old, 0o600), &arguments);
    run.exits(0).complains(0);
    assert!(
        text.starts_with("# mine\ndefault = \"home\" # work\n"),
        "{text}"
    );
    assert!(text.contains("[profile.home]\n"), "{text}");
}

#[test]
fn existing_profile_and_broken_file_are_left_alone() {
    let old = format!("default = \"gmail\"\n{GMAIL}");
    let (run, text) = init(with(&old, 0o600), &ALICE);
    run.exits(73)
        .complains(1)
        .says(&["already has a profile \"gmail\"", "--profile"]);
    assert_eq!(text, old);

    for (old, words) in [
        (
            "[profile.a]\nrelay = \"a\n",
            "closing quotation mark is missing",
        ),
        ("[profile.a]\nrelya = \"a\"\n", "did you mean relay?"),
    ] {
        let (run, text) = init(with(old, 0o600), &ALICE);
        run.exits(78).says(&[words, "config.toml"]);
        assert_eq!(text, old);
    }
    // The command of the new profile may hold a secret, so that a shared file becomes private.
    let old = "[profile.a]\nrelay = \"a.example\"\n";
    let (run, text) = init(with(old, 0o604), &ALICE);
    run.exits(0);
    assert!(text.ends_with(GMAIL), "{text}");
}

#[test]
fn answer_that_is_missing_without_a_terminal_is_named() {
    for (arguments, exit, words) in [
        (&[][..], 64, "--address is missing"),
        (&["--address", "alice"], 64, "has no @domain"),
        (
            &["--address", "a@x.example", "--provider", "gmial"],
            64,
            "gmail, outlook",
        ),
        (
            &["--address", "a@x.example", "--provider", "mailgun"],
            64,
            "--user is missing",
        ),
        (
            &["--address", "a@x.example", "--dns", "127.0.0.1:9"],
            64,
            "--relay HOST:PORT",
        ),
        (
            &["--address", "a@gmail.com", "--password", "hunter2"],
            64,
            "--password",
        ),
        (
            &["--address", "a@gmail.com", "--password-file", "gone"],
            78,
            "cannot read",
        ),
    ] {
        let (run, text) = init(Ehlo::new(), arguments);
        run.exits(exit).says(&[words]);
        assert_eq!(text, "", "{arguments:?}");
    }
}

#[test]
fn provider_is_found_by_the_mail_exchanger_and_by_name() {
    let names = Names::serve(&["x.example MX 5 in1-smtp.messagingengine.com."]);
    let dns = names.address.to_string();
    let (run, text) = init(Ehlo::new(), &["--address", "a@x.example", "--dns", &dns]);
    run.exits(0).complains(0);
    let profile = "[profile.fastmail]\nrelay = \"smtp.fastmail.com:465\"\ntls = \"implicit\"\n\
                   from = \"a@x.example\"\nuser = \"a@x.example\"\n";
    assert_eq!(text, format!("default = \"fastmail\"\n\n{profile}"));

    let arguments = ["--address", "a@x.example", "--provider", "sendgrid"];
    let (run, text) = init(Ehlo::new(), &arguments);
    run.exits(0).complains(0);
    assert!(
        text.contains("smtp.sendgrid.net:587") && text.contains("user = \"apikey\""),
        "{text}"
    );

    let (run, text) = init(
        Ehlo::new(),
        &["--address", "a@x.example", "-r", "relay.lan"],
    );
    run.exits(0).complains(0);
    assert_eq!(
        text,
        "default = \"x.example\"\n\n[profile.\"x.example\"]\nrelay = \"relay.lan\"\nfrom = \"a@x.example\"\n"
    );
}

/// A receiver with a login, and its relay and CA.
fn receiver() -> (Receiver, String, String) {
    let users = [("users", "alice@x.example:hunter2\n")];
    let options = ["--tls", "starttls", "--auth", "users", "--require-auth"];
    let options = [&options[..], &["--save-ca", "ca.pem", "--print"]].concat();
    let receiver = Receiver::with_files(&users, &options);
    let (relay, ca) = (
        receiver.relay(),
        receiver.path("ca.pem").display().to_string(),
    );
    (receiver, relay, ca)
}

#[test]
fn online_logs_in() {
    let (_receiver, relay, ca) = receiver();
    let account = [
        "--address",
        "alice@x.example",
        "-r",
        &relay,
        "--ca-file",
        &ca,
        "--online",
    ];
    for (command, exit) in [("echo hunter2", 0), ("echo wrong", 77)] {
        let (run, text) = init(
            Ehlo::new(),
            &[&account[..], &["--password-command", command]].concat(),
        );
        run.exits(exit);
        let is_in = run
            .stdout
            .contains(&format!("logged in as alice@x.example at {relay}\n"));
        assert_eq!(is_in, exit == 0, "{run:#?}");
        // The file is correct in itself.
        assert!(
            text.contains(&format!("password-command = \"{command}\"")),
            "{text}"
        );
    }
}

#[test]
fn questions_are_asked_at_a_terminal() {
    let (receiver, relay, ca) = receiver();
    let keys = format!("nonsense\nalice@x.example\n\n{relay}\n\nmine\n1\necho hunter2\n\ny\ny\n");
    let config = receiver.path("new/config.toml");
    let told = at_terminal("email address: ", &keys, |ehlo| {
        ehlo.args([
            "config",
            "init",
            "--dns",
            "127.0.0.1:9",
            "--ca-file",
            &ca,
            "--config",
        ])
        .args([&config])
    });
    let Some(told) = told else { return };
    let seen = told["seen"].as_str().unwrap();
    assert_eq!(told["exit"], 0, "{seen}");
    for words in [
        "\"nonsense\" has no @domain",
        "User name (- if the server requires no login) [alice@x.example]: ",
        "profile \"mine\" added, the default",
        &format!("logged in as alice@x.example at {relay}"),
        "test mail sent",
    ] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    assert_eq!(mode(&config), 0o600);
    assert!(
        receiver
            .stop()
            .stdout
            .contains("Subject: Test message from ehlo")
    );
}

#[test]
fn nothing_is_written_without_consent() {
    let target = tempfile::tempdir().unwrap();
    for keys in ["\nn\n", "\u{4}", "\n\u{4}"] {
        let config = target.path().join("config.toml");
        let told = at_terminal("[gmail]: ", keys, |ehlo| {
            ehlo.args(["config", "init"])
                .args(ALICE)
                .args(["-u", "a", "-r", "r.example:587"])
                .args(["--provider", "gmail", "--config"])
                .args([&config])
        });
        let Some(told) = told else { return };
        assert_ne!(told["exit"], 0, "{told}");
        assert!(!config.exists());
    }
}

#[test]
fn edit_runs_the_editor_and_checks_the_file() {
    for (variable, line, exit, words) in [
        ("VISUAL", "relay = 'b.example'", 0, "no errors"),
        ("EDITOR", "relay = 'b.example'", 0, "no errors"),
        ("EDITOR", "host = 'b.example'", 78, "did you mean relay?"),
    ] {
        let ehlo = with("[profile.a]\n", 0o600);
        ehlo.script(
            "my editor",
            format!("#!/bin/sh\necho \"$1 $2\" >args\necho \"{line}\" >>\"$2\"\n"),
        );
        let run = ehlo
            .env("EDITOR", "false")
            .env(variable, "./my\\ editor --wait")
            .env("PATH", "/usr/bin:/bin")
            .args(["config", "edit"])
            .run();
        run.exits(exit);
        assert!(
            format!("{}{}", run.stdout, run.stderr).contains(words),
            "{run:#?}"
        );
    }
    let run = with("", 0o600)
        .env("EDITOR", "false")
        .args(["config", "edit"])
        .run();
    run.exits(70)
        .complains(1)
        .says(&["\"false\" failed (exit status 1)", "VISUAL"]);
    let run = Ehlo::new()
        .env("EDITOR", "true")
        .args(["config", "edit"])
        .run();
    run.exits(66).complains(1).says(&["ehlo config init"]);
}

#[test]
fn link_to_the_file_stays_a_link() {
    let real = tempfile::tempdir().unwrap();
    let path = real.path().join("real.toml");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let ehlo = Ehlo::new();
    symlink(&path, ehlo.path("link.toml")).unwrap();
    let run = ehlo
        .args(["config", "init", "--config", "link.toml"])
        .args(ALICE)
        .run();
    run.exits(0);
    assert!(fs::read_to_string(&path).unwrap().ends_with(GMAIL));
}
