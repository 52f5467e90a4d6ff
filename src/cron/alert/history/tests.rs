use crate::cron::alert::history::*;
use std::time::UNIX_EPOCH;

/// A job with a simulated clock, and with mails that always succeed.
struct Job {
    history: JobHistory,
    rules: AlertRules,
    minute: u64,
}

const HOUR: u64 = 60;

impl Job {
    fn with(rules: AlertRules) -> Self {
        Self {
            history: JobHistory::default(),
            rules,
            minute: 100 * HOUR,
        }
    }

    /// Fails with this output, `minutes` after the last run.
    fn fails(&mut self, minutes: u64, output: &str) -> Decision {
        self.runs(minutes, output, true)
    }

    fn works(&mut self, minutes: u64) -> Decision {
        self.runs(minutes, "fine", false)
    }

    fn runs(&mut self, minutes: u64, output: &str, failed: bool) -> Decision {
        self.minute += minutes;
        let run = run(self.minute, output, failed);
        let decision = self.history.record(&run, &self.rules);
        let id = format!("<{}@crepes.fr>", self.minute);
        self.history.mailed(&run, &decision, &id);
        decision
    }
}

fn at(minute: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(60 * minute)
}

fn run(minute: u64, output: &str, failed: bool) -> JobRun {
    JobRun {
        at: at(minute),
        failed,
        reportable: failed,
        fingerprint: Fingerprint {
            kind: output.to_owned(),
            exact: Some(output.to_owned()),
        },
    }
}

fn hours(count: u64) -> AlertRules {
    AlertRules {
        dedupe: Some(Duration::from_secs(count * 3600)),
        ..AlertRules::default()
    }
}

fn every(count: u64) -> AlertRules {
    AlertRules {
        every: NonZeroU64::new(count),
        ..AlertRules::default()
    }
}

#[track_caller]
fn mailing(decision: Decision) -> MailFacts {
    match decision {
        Decision::Mail(mailing) => mailing,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn suppressed(decision: Decision) -> SuppressedFailures {
    mailing(decision).suppressed.unwrap()
}

#[test]
fn without_rules_every_failure_is_mailed() {
    let mut job = Job::with(AlertRules::default());
    assert_eq!(mailing(job.fails(0, "full")).nth, 1);
    assert_eq!(mailing(job.fails(1, "full")).nth, 2);
    assert_eq!(job.works(1), Decision::Silent);
    assert_eq!(mailing(job.fails(1, "full")).nth, 1);
}

#[test]
fn repeated_failure_is_counted_within_the_dedupe_time() {
    let mut job = Job::with(hours(6));
    assert_eq!(mailing(job.fails(0, "full")).suppressed, None);
    let first = job.minute + 60;
    for _ in 0..5 {
        assert_eq!(job.fails(60, "full"), Decision::Suppress);
    }
    let last = job.minute;
    let mailed = suppressed(job.fails(60, "full"));
    assert_eq!(
        (mailed.count, mailed.first, mailed.last),
        (5, at(first), at(last))
    );
    assert_eq!(job.fails(60, "full"), Decision::Suppress);
}

#[test]
fn different_failure_is_mailed_with_the_suppressed_count() {
    let mut job = Job::with(hours(6));
    job.fails(0, "full");
    job.fails(1, "full");
    assert_eq!(suppressed(job.fails(1, "denied")).count, 1);
    // Two alternating failures are both remembered.
    assert_eq!(job.fails(1, "full"), Decision::Suppress);
    assert_eq!(job.fails(1, "denied"), Decision::Suppress);
}

#[test]
fn success_does_not_end_the_dedupe_time() {
    let mut job = Job::with(hours(6));
    job.fails(0, "full");
    assert_eq!(job.works(1), Decision::Silent);
    assert_eq!(job.fails(1, "full"), Decision::Suppress);
}

#[test]
fn failure_after_a_mailed_recovery_is_mailed() {
    let rules = AlertRules {
        recovered: true,
        ..hours(6)
    };
    let mut job = Job::with(rules);
    job.fails(0, "full");
    job.fails(60, "full");
    let begun = at(job.minute - 60);
    let Decision::Recovered(recovery) = job.works(60) else {
        panic!()
    };
    assert_eq!((recovery.failures, recovery.since), (2, begun));
    assert_eq!(job.works(1), Decision::Silent);
    assert_eq!(mailing(job.fails(1, "full")).suppressed, None);
}

#[test]
fn recovery_is_mailed_only_after_a_mailed_failure() {
    let mut job = Job::with(AlertRules {
        recovered: true,
        ..AlertRules::default()
    });
    let failure = run(job.minute, "full", true);
    let decision = job.history.record(&failure, &job.rules);
    job.history.not_mailed(&failure, &decision);
    assert_eq!(job.works(1), Decision::Silent);
}

#[test]
fn every_nth_failure_in_a_row_is_mailed() {
    let mut job = Job::with(every(3));
    let mailed: Vec<bool> = (0..7)
        .map(|n| matches!(job.fails(1, &format!("way {n}")), Decision::Mail(_)))
        .collect();
    assert_eq!(mailed, [true, false, false, true, false, false, true]);
    job.works(1);
    assert_eq!(held_count(&job.fails(1, "again")), 0);
}

fn held_count(decision: &Decision) -> u64 {
    match decision {
        Decision::Mail(mailing) => mailing
            .suppressed
            .as_ref()
            .map_or(0, |suppressed| suppressed.count),
        other => panic!("{other:?}"),
    }
}

#[test]
fn with_both_rules_both_must_allow_a_repeated_failure() {
    let mut job = Job::with(AlertRules {
        dedupe: Some(Duration::from_secs(3600)),
        ..every(3)
    });
    job.fails(0, "full");
    assert_eq!(job.fails(120, "full"), Decision::Suppress);
    assert_eq!(held_count(&job.fails(1, "denied")), 1);
    for _ in 0..2 {
        assert_eq!(job.fails(1, "full"), Decision::Suppress);
    }
    assert_eq!(held_count(&job.fails(1, "full")), 2);
    for _ in 0..4 {
        assert_eq!(job.fails(1, "full"), Decision::Suppress);
    }
}

#[test]
fn failed_mail_is_counted_as_suppressed() {
    let mut job = Job::with(hours(6));
    let failure = run(job.minute, "full", true);
    let decision = job.history.record(&failure, &job.rules);
    job.history.not_mailed(&failure, &decision);
    assert_eq!(held_count(&job.fails(1, "full")), 1);
    assert_eq!(job.fails(1, "full"), Decision::Suppress);
}

#[test]
fn killed_process_has_not_mailed() {
    let mut job = Job::with(hours(6));
    let _ = job
        .history
        .record(&run(job.minute, "full", true), &job.rules);
    assert_eq!(job.fails(1, "full"), Decision::Suppress);
    job.history.clear_mailing();
    assert_eq!(held_count(&job.fails(1, "full")), 2);
}

#[test]
fn failures_during_mailing_stay_counted() {
    let mut job = Job::with(hours(1));
    let failure = run(job.minute, "full", true);
    let decision = job.history.record(&failure, &job.rules);
    assert_eq!(job.fails(1, "full"), Decision::Suppress);
    job.history.mailed(&failure, &decision, "<1@crepes.fr>");
    assert_eq!(suppressed(job.fails(60, "full")).count, 1);
}

#[test]
fn mails_of_a_series_are_one_thread() {
    let mut job = Job::with(AlertRules {
        recovered: true,
        ..AlertRules::default()
    });
    assert_eq!(mailing(job.fails(0, "full")).thread, None);
    let first = Some(format!("<{}@crepes.fr>", job.minute));
    assert_eq!(mailing(job.fails(1, "full")).thread, first);
    assert_eq!(mailing(job.fails(1, "denied")).thread, first);
    let Decision::Recovered(recovery) = job.works(1) else {
        panic!()
    };
    assert_eq!(recovery.thread, first);
    assert_eq!(mailing(job.fails(1, "full")).thread, None);
}

#[test]
fn clock_set_back_does_not_suppress_mail() {
    let mut job = Job::with(hours(6));
    job.fails(0, "full");
    job.minute -= 24 * HOUR;
    mailing(job.fails(0, "full"));
    assert_eq!(job.fails(1, "full"), Decision::Suppress);
}

#[test]
fn small_clock_difference_is_tolerated() {
    let mut job = Job::with(hours(6));
    job.fails(1, "full");
    job.minute -= 1;
    assert_eq!(job.fails(0, "full"), Decision::Suppress);
}

#[test]
fn with_change_only_different_runs_are_mailed() {
    let mut job = Job::with(AlertRules {
        change: true,
        ..AlertRules::default()
    });
    let mut runs = |output: &str, failed| {
        job.minute += 1;
        let mut run = run(job.minute, output, failed);
        run.reportable = true;
        let decision = job.history.record(&run, &job.rules);
        job.history.mailed(&run, &decision, "<1@crepes.fr>");
        matches!(decision, Decision::Mail(_))
    };
    assert!(runs("5 users", false), "there is nothing yet to be like");
    assert!(!runs("5 users", false));
    assert!(runs("6 users", false));
    assert!(runs("no route", true));
    assert!(!runs("no route", true));
    assert!(runs("6 users", false));
}

#[test]
fn number_of_remembered_failures_is_bounded() {
    let mut job = Job::with(hours(6));
    for n in 0..100 {
        job.fails(1, &format!("way {n}"));
    }
    assert_eq!(job.history.mailed.len(), MAX_MAILED);
    assert_eq!(job.fails(1, "way 99"), Decision::Suppress);
}

#[test]
fn history_is_read_back_unchanged() {
    let mut job = Job::with(hours(6));
    job.fails(0, "full");
    job.fails(1, "full");
    let text = serde_json::to_string(&job.history).unwrap();
    assert_eq!(
        serde_json::from_str::<JobHistory>(&text).unwrap(),
        job.history
    );
}

#[test]
fn failures_being_mailed_are_not_suppressed() {
    let (mut history, rules) = (JobHistory::default(), AlertRules::default());
    let (first, second) = (run(1, "full", true), run(1, "slow", true));
    let one = history.record(&first, &rules);
    let Decision::Mail(two) = history.record(&second, &rules) else {
        panic!("nothing is mailed")
    };
    assert_eq!(two.suppressed, None);
    history.mailed(&second, &Decision::Mail(two), "<2@x.org>");
    // The other one was never mailed.
    history.not_mailed(&first, &one);
    let Decision::Mail(three) = history.record(&run(3, "full", true), &rules) else {
        panic!("nothing is mailed")
    };
    assert_eq!(three.suppressed.map(|suppressed| suppressed.count), Some(1));
}

#[test]
fn a_job_that_fails_now_and_then_has_not_recovered() {
    let mut job = Job::with(AlertRules {
        recovered: true,
        recovered_after: NonZeroU64::new(3),
        ..every(100)
    });
    assert_eq!(mailing(job.fails(0, "full")).nth, 1);
    assert_eq!(job.works(1), Decision::Silent);
    assert_eq!(job.works(1), Decision::Silent);
    // The same series, the second failure of which is not mailed.
    assert_eq!(job.fails(1, "full"), Decision::Suppress);
    assert_eq!(job.works(1), Decision::Silent);
    assert_eq!(job.works(1), Decision::Silent);
    let Decision::Recovered(recovery) = job.works(1) else {
        panic!("not recovered");
    };
    assert_eq!(recovery.failures, 2);
    assert_eq!(recovery.since, at(100 * HOUR));
    assert_eq!(job.works(1), Decision::Silent);
    assert_eq!(mailing(job.fails(1, "full")).nth, 1);
}

#[test]
fn successes_that_are_reported_are_mailed_before_the_recovery() {
    let mut job = Job::with(AlertRules {
        recovered_after: NonZeroU64::new(2),
        ..every(100)
    });
    job.fails(0, "full");
    let success = JobRun {
        reportable: true,
        ..run(101 * HOUR, "fine", false)
    };
    let decision = job.history.record(&success, &job.rules);
    assert_eq!(mailing(decision).nth, 0);
}

#[test]
fn a_history_of_the_version_before_is_read() {
    let mut job = Job::with(every(3));
    job.fails(0, "full");
    let mut json = serde_json::to_value(&job.history).unwrap();
    let series = json["series"].as_object_mut().unwrap();
    series.remove("successes").unwrap();
    let read: JobHistory = serde_json::from_value(json).unwrap();
    assert_eq!(read, job.history);
}
