//! `ehlo bench` against smtp-sink, which misbehaves as it is told to, and against Postfix with and without a rate limit.

use crate::postfix::Postfix;
use crate::run::{Ran, ehlo};
use crate::smtp_sink::SmtpSink;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn bench(relay: &str, options: &[&str]) -> Ran {
    let all = [&["bench", relay, "--json"], options].concat();
    ehlo(Path::new("/"), &all)
}

fn summary(ran: &Ran) -> Value {
    let text = ran.text();
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{text}\n{}", ran.stderr))
}

/// Stage, code and number of the errors.
fn errors(summary: &Value) -> Vec<(String, Value, Value)> {
    let errors = summary["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            let stage = error["stage"].as_str().unwrap().to_owned();
            (stage, error["code"].clone(), error["count"].clone())
        })
        .collect()
}

#[test]
fn smtp_sink_takes_all_messages_over_kept_and_over_new_connections() {
    let Some(sink) = SmtpSink::start(&[]) else {
        return;
    };
    for per_connection in ["0", "1", "7"] {
        let options = ["-n", "300", "-c", "8", "--per-connection", per_connection];
        let ran = bench(&sink.relay(), &options);
        ran.ends_with(0);
        let result = summary(&ran);
        assert_eq!(result["accepted"], 300, "{result}");
        assert_eq!(result["steps"]["dot"]["count"], 300, "{result}");
    }
}

#[test]
fn refusals_of_smtp_sink_are_counted_by_stage() {
    for (options, exit, stage, code) in [
        (["-r", "rcpt"], 75, "rcpt", 450),
        (["-f", "mail"], 69, "mail", 500),
        (["-Q", "mail"], 75, "mail", 421),
    ] {
        let Some(sink) = SmtpSink::start(&options) else {
            return;
        };
        let ran = bench(&sink.relay(), &["-n", "20", "-c", "2"]);
        ran.ends_with(exit);
        let right = (stage.to_owned(), code.into(), 20.into());
        assert_eq!(errors(&summary(&ran)), [right], "{options:?}");
    }
}

#[test]
fn postfix_delivers_what_was_accepted() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let options = [
        "-n",
        "25",
        "-c",
        "3",
        "--per-connection",
        "5",
        "--to",
        "bob@example.test",
    ];
    let ran = bench(&postfix.relay(), &options);
    ran.ends_with(0);
    let result = summary(&ran);
    let run = result["run"].as_str().unwrap();
    assert_eq!(result["accepted"], 25);
    let number = |_| {
        let text = String::from_utf8(postfix.receive_whole("bob")).unwrap();
        let mut fields = text
            .lines()
            .filter_map(|line| line.strip_prefix("X-Ehlo-Bench: "));
        let (name, number) = fields.next().unwrap().split_once(' ').unwrap();
        assert_eq!(name, run);
        number.parse::<u64>().unwrap()
    };
    let numbers: BTreeSet<u64> = (0..25).map(number).collect();
    assert_eq!(numbers, (0..25).collect());
}

#[test]
fn rate_limit_of_postfix_is_visible() {
    let limit = "smtpd_client_message_rate_limit = 5\nsmtpd_client_event_limit_exceptions =\n";
    let Some(postfix) = Postfix::start_with(limit) else {
        return;
    };
    let options = ["-n", "12", "-c", "1", "--to", "bob@example.test"];
    let ran = bench(&postfix.relay(), &options);
    ran.ends_with(79);
    let result = summary(&ran);
    assert_eq!(
        (&result["accepted"], &result["failed"]),
        (&5.into(), &7.into()),
        "{result}"
    );
    let text = result["errors"][0]["text"].as_str().unwrap();
    assert!(text.contains("too much mail"), "{result}");
}
