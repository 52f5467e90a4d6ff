//! What is told of jobs, and when: what was mailed already, what works again, what is gathered.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use std::fs;
use tempfile::TempDir;

/// Where jobs are remembered.
struct Memory {
    state: TempDir,
}

impl Memory {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        Self { state }
    }

    /// The program, by way of this port, without a queue.
    fn ehlo(&self, port: u16, words: &[&str]) -> Ehlo {
        let relay = format!("127.0.0.1:{port}");
        let (verb, options) = words.split_first().unwrap();
        let way = ["--no-queue", "--helo", "me.example", "-r", &relay];
        Ehlo::new()
            .env("PATH", "/usr/bin:/bin")
            .env("EHLO_STATE_DIR", self.state.path())
            .args([verb])
            .args(way)
            .args(["-f", "alice@crepes.fr", "--to", "bob@hamburger.edu"])
            .args(options)
    }

    /// The mail that this makes; the exit status is that of a command, or 0.
    #[track_caller]
    fn mail(&self, exit: i32, words: &[&str]) -> String {
        let server = Server::start(Talk::take);
        let ehlo = self.ehlo(server.port, words);
        ehlo.run().exits(exit).is_silent();
        let text = String::from_utf8(server.finish().stored()).unwrap();
        text.replace("\r\n", "\n").replace("=\n", "")
    }

    /// This makes no mail.
    #[track_caller]
    fn no_mail(&self, exit: i32, words: &[&str]) -> Run {
        let server = Server::untouched();
        let run = self.ehlo(server.port, words).run();
        run.exits(exit);
        assert_eq!(run.stderr, "");
        server.finish();
        run
    }
}

#[track_caller]
fn holds(mail: &str, words: &[&str]) {
    for word in words {
        assert!(mail.contains(word), "{word:?} is not in {mail}");
    }
}

const FULL: &str = "echo \"$(date +%s%N) pid $$: No space left\" >&2; exit 3";

#[test]
fn the_same_failure_is_mailed_once_and_the_next_mail_says_how_many_there_were() {
    let memory = Memory::new();
    let run = |script: &'static str| {
        [
            "run", "--name", "backup", "--dedupe", "6h", "--", "sh", "-c", script,
        ]
    };
    let first = memory.mail(3, &run(FULL));
    holds(&first, &["] FAILED(3): backup after ", "No space left\n"]);
    memory.no_mail(3, &run(FULL));
    memory.no_mail(3, &run(FULL));
    let other = memory.mail(4, &run("echo denied; exit 4"));
    let held = "2 further failures since the last mail: from ";
    holds(&other, &["] FAILED(4): backup after ", held, "denied\n"]);
}

#[test]
fn failures_of_different_hosts_and_devices_are_mailed_each() {
    for [one, other] in [
        ["web01 is down", "web02 is down"],
        ["10.0.0.5: 0 of 5 up", "10.0.0.5: 4 of 5 up"],
        ["port 5432", "port 443"],
    ] {
        let memory = Memory::new();
        let run = |text| ["run", "--name", "check", "--dedupe", "6h", "sh", "-c", text];
        let script = |text| format!("echo \"$(date) {text}\"; exit 3");
        let (one, other) = (script(one), script(other));
        memory.mail(3, &run(&one));
        memory.no_mail(3, &run(&one));
        memory.mail(3, &run(&other));
    }
}

#[test]
fn that_it_works_again_is_told_once_in_the_same_thread() {
    let memory = Memory::new();
    let run = |script: &'static str| {
        [
            "run",
            "--name",
            "backup",
            "--recovered",
            "--",
            "sh",
            "-c",
            script,
        ]
    };
    memory.no_mail(0, &run("true"));
    let first = memory.mail(3, &run(FULL));
    let id = first
        .lines()
        .find_map(|line| line.strip_prefix("Message-ID: "));
    let id = id.unwrap();
    let second = memory.mail(3, &run(FULL));
    holds(&second, &[&format!("\nIn-Reply-To: {id}\n")]);
    let end = memory.mail(0, &run("echo fine"));
    holds(
        &end,
        &[
            "] RECOVERED: backup after 2 failures in ",
            &format!("\nReferences: {id}\n"),
            "Working again after 2 failures; the first was at ",
        ],
    );
    memory.no_mail(0, &run("true"));
}

#[test]
fn jobs_without_a_name_are_known_by_their_command_lines() {
    let memory = Memory::new();
    let run = |script: &'static str| ["run", "--recovered", "--", "sh", "-c", script];
    memory.mail(3, &run("exit 3"));
    memory.no_mail(0, &run("exit 0"));
    let other = memory.mail(4, &run("echo other; exit 4"));
    assert!(!other.contains("In-Reply-To"), "{other}");
}

#[test]
fn of_failures_in_a_row_each_nth_is_mailed() {
    let memory = Memory::new();
    let run = ["run", "--every", "2", "--", "false"];
    memory.mail(1, &run);
    memory.no_mail(1, &run);
    let third = memory.mail(1, &run);
    holds(&third, &["1 further failure since the last mail: "]);
}

#[test]
fn a_change_is_mailed_and_what_stays_is_not() {
    let memory = Memory::new();
    let run = |text: &'static str| ["run", "--when", "change", "--", "echo", text];
    memory.mail(0, &run("5 users"));
    memory.no_mail(0, &run("5 users"));
    memory.mail(0, &run("6 users"));
}

#[test]
fn a_mail_that_went_nowhere_was_not_told() {
    let memory = Memory::new();
    let run = ["run", "--dedupe", "6h", "--", "false"];
    let port = crate::spool::closed();
    memory.ehlo(port, &run).run().exits(1);
    let told = memory.mail(1, &run);
    holds(&told, &["1 further failure since the last mail: "]);
}

#[test]
fn a_digest_is_one_mail_with_failures_first_and_is_empty_then() {
    let memory = Memory::new();
    let run = |name: &'static str, script: &'static str| {
        [
            "run", "--digest", "nightly", "--name", name, "--", "sh", "-c", script,
        ]
    };
    memory.no_mail(0, &run("a", "echo fine"));
    memory.no_mail(3, &run("backup", FULL));
    memory.no_mail(0, &run("a", "echo fine"));
    let list = Ehlo::new().env("EHLO_STATE_DIR", memory.state.path());
    let list = list.args(["digest", "--list"]).run();
    list.exits(0).shows(&["nightly: 3 runs, 1 failed, since "]);
    let mail = memory.mail(0, &["digest", "nightly"]);
    holds(
        &mail,
        &[
            "] nightly: 1 of 3 runs failed\n",
            "\nFAILED(3)  backup  ",
            "\nOK         a       2 times from ",
            "\n--- backup: FAILED(3) ---\n",
            ": No space left\n",
        ],
    );
    memory.no_mail(0, &["digest", "nightly"]);
    let nothing = memory.mail(0, &["digest", "nightly", "--always"]);
    holds(&nothing, &["] nightly: no runs\n"]);
}

#[test]
fn a_digest_that_no_run_has_used_is_reported_with_the_nearest() {
    let memory = Memory::new();
    let asked = |name| memory.ehlo(1, &["digest", name]).run();
    asked("nightly")
        .exits(66)
        .complains(1)
        .says(&["no digest nightly"]);
    // Nothing was gathered, because nothing failed.
    memory.no_mail(
        0,
        &["run", "--digest", "nightly", "--when", "failure", "true"],
    );
    memory.no_mail(0, &["digest", "nightly"]);
    asked("nigthly")
        .exits(66)
        .complains(1)
        .says(&["did you mean nightly?"]);
    asked("weekly-x")
        .exits(66)
        .complains(1)
        .says(&["known digests: nightly"]);
    asked("nightly@07:00").exits(64).says(&["use nightly"]);
}

#[test]
fn a_wrong_name_of_a_digest_is_refused_before_anything_runs() {
    let memory = Memory::new();
    for (name, words) in [
        ("daily@7", "like daily@07:00"),
        ("dai/ly", "not a valid digest name"),
    ] {
        let run = memory.ehlo(1, &["run", "--digest", name, "true"]).run();
        run.exits(64).complains(1).says(&[words]);
    }
}

#[test]
fn a_digest_that_cannot_be_mailed_is_mailed_the_next_time_by_the_same_name() {
    let memory = Memory::new();
    memory.no_mail(1, &["run", "--digest", "nightly", "--", "false"]);
    let port = crate::spool::closed();
    let lost = memory.ehlo(port, &["digest", "nightly"]).run();
    lost.exits(75);
    let id = fs::read_to_string(memory.state.path().join("digests/nightly.taken")).unwrap();
    let id = &id.split('"').nth(7).unwrap();
    let mail = memory.mail(0, &["digest", "nightly"]);
    holds(&mail, &[&format!("Message-ID: <digest.{id}@crepes.fr>\n")]);
}

/// Writes into the digest that it was begun at this second since 1970.
fn begin_at(memory: &Memory, second: u64) {
    let path = memory.state.path().join("digests/n.open");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once('\n').unwrap();
    let (before, _) = head.split_once("\"begun\":").unwrap();
    let begun = format!("\"begun\":{{\"secs_since_epoch\":{second},\"nanos_since_epoch\":0}}}}");
    fs::write(&path, format!("{before}{begun}\n{rest}")).unwrap();
}

#[test]
fn the_first_run_behind_its_time_mails_the_digest() {
    // Long ago, and while the clock was decades ahead.
    for second in [1, 4_000_000_000] {
        let memory = Memory::new();
        memory.no_mail(0, &["run", "--digest", "n", "--", "true"]);
        begin_at(&memory, second);
        let mail = memory.mail(0, &["run", "--digest", "n@07:00", "--", "true"]);
        holds(&mail, &["] n: 2 runs, all OK\n"]);
    }
}

#[test]
fn without_a_place_for_it_a_run_is_mailed_at_once() {
    let (memory, server) = (Memory::new(), Server::start(Talk::take));
    let ehlo = memory.ehlo(server.port, &["run", "--digest", "n", "--", "false"]);
    let run = ehlo.env("EHLO_STATE_DIR", "/dev/null").run();
    run.exits(1)
        .complains(1)
        .says(&["warning: ", "mailed immediately"]);
    server.finish();
}

#[test]
fn a_profile_has_the_rules_for_alerts() {
    let memory = Memory::new();
    let config = memory.state.path().join("config.toml");
    let rules = "every = 3\nrecovered = true\nrecovered-after = 2\n";
    fs::write(
        &config,
        format!("default = \"cron\"\n[profile.cron]\n{rules}"),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let run = |script| ["run", "--config", config, "--name", "x", "sh", "-c", script];
    memory.mail(3, &run("exit 3"));
    memory.no_mail(3, &run("exit 3"));
    memory.no_mail(0, &run("true"));
    let recovery = memory.mail(0, &run("true"));
    holds(
        &recovery,
        &["Subject: [", "] RECOVERED: x after 2 failures"],
    );
    // The command line takes precedence, and a digest has every run.
    memory.mail(3, &run("exit 3"));
    let mut again = run("exit 3").to_vec();
    again.splice(3..3, ["--every", "1"]);
    memory.mail(3, &again);
    again.splice(3..5, ["--digest", "nightly"]);
    memory.no_mail(3, &again);
}

#[test]
fn rules_of_a_profile_are_checked() {
    let memory = Memory::new();
    let config = memory.state.path().join("config.toml");
    for (line, named) in [
        ("dedupe = \"6\"", "dedupe"),
        ("every = 0", "every"),
        ("recovered = \"yes\"", "recovered"),
        ("recoverd = true", "recovered"),
        ("recovered-after = [1, 2]", "recovered-after"),
    ] {
        fs::write(&config, format!("[profile.cron]\n{line}\n")).unwrap();
        let path = config.to_str().unwrap();
        let run = Ehlo::new()
            .args(["config", "check", "--config", path])
            .run();
        run.exits(78).complains(1).says(&["line 2", named]);
        // The report is not lost: it is printed, and so cron mails it.
        let words = [
            "run",
            "--config",
            path,
            "--profile",
            "cron",
            "sh",
            "-c",
            "exit 3",
        ];
        let run = memory.ehlo(1, &words).run();
        run.exits(3);
        assert!(run.stderr.contains(named), "{}", run.stderr);
    }
}

#[test]
fn what_contradicts_itself_is_refused_and_both_are_named() {
    let memory = Memory::new();
    for (words, named) in [
        (
            &["run", "--digest", "n", "--dedupe", "6h", "true"][..],
            ["--digest", "--dedupe"],
        ),
        (
            &["run", "--digest", "n", "--when", "change", "true"],
            ["--digest", "--when change"],
        ),
        (&["notify", "--name", "x", "hi"], ["--name", "--dedupe"]),
    ] {
        let run = memory.ehlo(1, words).run();
        run.exits(64).complains(1).says(&named);
    }
}

#[test]
fn a_notice_that_says_the_same_is_held_back() {
    let memory = Memory::new();
    let notice = |text: &'static str| ["notify", "--dedupe", "6h", "-s", "disk is 97% full", text];
    memory.mail(0, &notice("/ was full after 3 minutes"));
    memory.no_mail(0, &notice("/ was full after 40 s"));
    memory.mail(0, &notice("/home was full after 3 minutes"));
}
