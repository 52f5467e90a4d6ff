use crate::cli::invocation::Invocation;
use crate::cli::options::usage_error::EarlyExit;
use crate::cli::parse::parse_in;
use crate::cli::queue::{Queue, Thresholds, Work};
use crate::cli::send::SendTask;
use crate::config::Places;
use crate::queue::store::OnUncertain;
use crate::queue::{FirstTry, Location, QueueUse};
use crate::transcript::Format;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;

fn parsed(arguments: &[&str]) -> Result<Invocation, EarlyExit> {
    let all = std::iter::once("ehlo").chain(arguments.iter().copied());
    let words: Vec<OsString> = all.map(OsString::from).collect();
    parse_in(&Places::nowhere(), &words, &mut Vec::new())
}

fn queueing(arguments: &[&str]) -> Option<QueueUse> {
    match parsed(&[arguments, &["-b", "", "a@x.org"]].concat()) {
        Ok(Invocation::Send(SendTask::Send(send))) => send.queueing,
        Ok(other) => panic!("{arguments:?} is {other:?}"),
        Err(early) => panic!("{arguments:?}: {}", early.text),
    }
}

fn queue(arguments: &[&str]) -> Queue {
    match parsed(&[&["queue"], arguments].concat()) {
        Ok(Invocation::Queue(queue)) => *queue,
        Ok(other) => panic!("{arguments:?} is {other:?}"),
        Err(early) => panic!("{arguments:?}: {}", early.text),
    }
}

fn work(arguments: &[&str]) -> String {
    format!("{:?}", queue(arguments).work)
}

fn refused(arguments: &[&str]) -> String {
    let early = parsed(arguments).expect_err("nothing is wrong");
    assert_eq!(early.exit.code(), 64, "{}", early.text);
    assert_eq!(early.text.matches('\n').count(), 1, "{}", early.text);
    early.text
}

#[test]
fn a_message_is_queued_only_on_request() {
    assert!(queueing(&[]).is_none());
    assert_eq!(queueing(&["--queue"]).unwrap().first, FirstTry::Now);
    assert_eq!(queueing(&["--queue-only"]).unwrap().first, FirstTry::Later);
}

#[test]
fn queue_options_are_parsed() {
    let options = [
        "--queue",
        "--queue-dir",
        "q",
        "--on-uncertain",
        "hold",
        "--on-failure",
        "notify",
    ];
    let kept = queueing(&options).unwrap();
    assert_eq!(
        kept.queue.location.as_ref().and_then(Location::directory),
        Some(Path::new("q"))
    );
    assert_eq!(kept.on_uncertain, OnUncertain::Hold);
    assert_eq!(kept.on_failure.as_deref(), Some("notify"));
    let plain = queueing(&["--queue"]).unwrap();
    assert_eq!(plain.on_uncertain, OnUncertain::Retry);
    assert!(plain.queue.location.is_none() && plain.on_failure.is_none());
}

#[test]
fn queue_options_require_queue_or_queue_only() {
    for option in [
        &["--queue-dir", "q"][..],
        &["--on-uncertain", "hold"],
        &["--on-failure", "notify"],
    ] {
        let text = refused(&[option, &["-b", "", "a@x.org"]].concat());
        assert!(
            text.contains(option[0]) && text.contains("--queue-only"),
            "{text}"
        );
    }
    let text = refused(&["--queue", "--queue-only", "-b", "", "a@x.org"]);
    assert!(text.contains("--queue-only"), "{text}");
}

#[test]
fn print_does_not_queue() {
    let plan = parsed(&["--queue", "--print", "-b", "", "a@x.org"]);
    assert!(matches!(plan, Ok(Invocation::Send(SendTask::Print(..)))));
}

#[test]
fn a_profile_may_set_queue_options() {
    let mut file = NamedTempFile::new().unwrap();
    let text = b"default = \"a\"\n\
        [profile.a]\nqueue-dir = \"/q\"\non-failure = \"notify\"\nqueue-only = true\n\
        [profile.b]\non-uncertain = \"hold\"\n";
    file.write_all(text).unwrap();
    let config = ["--config", file.path().to_str().unwrap()];
    let kept = queueing(&config).unwrap();
    assert_eq!(kept.first, FirstTry::Later);
    assert_eq!(
        kept.queue.location.as_ref().and_then(Location::directory),
        Some(Path::new("/q"))
    );
    let kept = queueing(&[&config[..], &["--queue", "--queue-dir", "/p"]].concat()).unwrap();
    assert_eq!(kept.first, FirstTry::Now);
    assert_eq!(
        kept.queue.location.as_ref().and_then(Location::directory),
        Some(Path::new("/p"))
    );
    assert_eq!(kept.on_failure.as_deref(), Some("notify"));
    let none = queueing(&[&config[..], &["--profile", "b"]].concat());
    assert!(
        none.is_none(),
        "queue options in a profile do not queue, and are not an error"
    );
}

#[test]
fn the_command_alone_shows_its_help() {
    let early = parsed(&["queue"]).expect_err("no help");
    assert!(
        early.exit.code() == 0 && early.text.contains("requeue"),
        "{}",
        early.text
    );
    assert!(!early.text.contains("--behind"));
    let early = parsed(&["queue", "run", "--help"]).expect_err("no help");
    assert!(
        early.exit.code() == 0 && !early.text.contains("--behind"),
        "{}",
        early.text
    );
}

#[test]
fn each_subcommand_is_parsed() {
    assert_eq!(work(&["list", "--json"]), "List { json: true }");
    assert!(matches!(
        queue(&["show", "X7", "--message"]).work,
        Work::Show { id, message: true, json: false } if id == "X7"
    ));
    for (word, right) in [
        ("hold", r#"Hold(["X7", "X8"])"#),
        ("release", r#"Release(["X7", "X8"])"#),
        ("remove", r#"Remove(["X7", "X8"])"#),
        ("requeue", r#"Requeue(["X7", "X8"])"#),
    ] {
        assert_eq!(work(&[word, "X7", "X8"]), right);
        assert!(refused(&["queue", word]).contains("ID"));
        assert!(refused(&["queue", word, "../x"]).contains("ID"));
    }
    assert_eq!(work(&["systemd"]), "Systemd { user: None }");
    assert_eq!(work(&["cron"]), "Cron");
}

#[test]
fn a_run_may_be_limited() {
    let run = |arguments: &[&str]| match queue(&[&["run"], arguments].concat()).work {
        Work::Run(run) => run,
        other => panic!("{arguments:?} is {other:?}"),
    };
    let plain = run(&[]);
    assert!(plain.ids.is_empty() && plain.domains.is_empty());
    assert!(!plain.now && !plain.watch && !plain.background);
    assert_eq!(plain.output.format, Format::None);
    let part = run(&[
        "X7", "--to", "x.org", "--to", "@y.org", "--now", "-v", "--behind",
    ]);
    assert_eq!(
        (part.ids, part.domains),
        (
            vec!["X7".to_owned()],
            vec!["x.org".to_owned(), "y.org".to_owned()]
        )
    );
    assert!(part.now && part.background);
    assert_eq!(part.output.format, Format::Stevens);
    assert!(run(&["--watch"]).watch);
    assert_eq!(run(&["--json"]).output.format, Format::Json);
    assert!(refused(&["queue", "run", "--watch", "X7"]).contains("--watch"));
    assert!(refused(&["queue", "run", "--json", "-v"]).contains("--json"));
}

#[test]
fn a_status_has_thresholds() {
    let Work::Status(given) = queue(&["status", "--warn-items", "10", "--critical-age", "2d"]).work
    else {
        panic!("no status")
    };
    let right = Thresholds {
        warn_items: Some(10),
        critical_age: Some(Duration::from_secs(2 * 24 * 3600)),
        ..Thresholds::default()
    };
    assert_eq!(given, right);
}

#[test]
fn every_subcommand_accepts_the_queue_directory() {
    for arguments in [
        &["list"][..],
        &["show", "X"],
        &["run"],
        &["hold", "X"],
        &["status"],
        &["cron"],
    ] {
        let named = queue(&[arguments, &["--queue-dir", "/q", "--config", "/dev/null"]].concat());
        assert_eq!(
            named.queue.location.as_ref().and_then(Location::directory),
            Some(Path::new("/q")),
            "{arguments:?}"
        );
        assert_eq!(named.queue.config.as_deref(), Some(Path::new("/dev/null")));
        let usual = queue(arguments).queue;
        assert!(usual.location.is_none() && usual.config.is_none());
    }
}
