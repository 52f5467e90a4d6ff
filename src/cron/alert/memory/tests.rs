use crate::cron::alert::memory::*;
use std::time::UNIX_EPOCH;

/// A job with a simulated clock, and with mails that always succeed.
struct Job {
    memory: Memory,
    rules: AlertRules,
    minute: u64,
}

const HOUR: u64 = 60;

impl Job {
    fn with(rules: AlertRules) -> Self {
        Self {
            memory: Memory::default(),
            rules,
            minute: 100 * HOUR,
        }
    }

    /// Fails with this output, `minutes` after the last run.
    fn fails(&mut self, minutes: u64, how: &str) -> Decision {
        self.runs(minutes, how, true)
    }

    fn works(&mut self, minutes: u64) -> Decision {
        self.runs(minutes, "fine", false)
    }

    fn runs(&mut self, minutes: u64, how: &str, failed: bool) -> Decision {
        self.minute += minutes;
        let run = run(self.minute, how, failed);
        let decision = self.memory.note(&run, &self.rules);
        let id = format!("<{}@crepes.fr>", self.minute);
        self.memory.told(&run, &decision, &id);
        decision
    }
}

fn at(minute: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(60 * minute)
}

fn run(minute: u64, how: &str, failed: bool) -> JobRun {
    JobRun {
        at: at(minute),
        failed,
        wanted: failed,
        fingerprint: Fingerprint {
            alike: how.to_owned(),
            exact: Some(how.to_owned()),
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
fn telling(decision: Decision) -> Telling {
    match decision {
        Decision::Tell(telling) => telling,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn held(decision: Decision) -> HeldFailures {
    telling(decision).held.unwrap()
}

#[test]
fn without_rules_every_failure_is_told_and_no_success() {
    let mut job = Job::with(AlertRules::default());
    assert_eq!(telling(job.fails(0, "full")).nth, 1);
    assert_eq!(telling(job.fails(1, "full")).nth, 2);
    assert_eq!(job.works(1), Decision::Silent);
    assert_eq!(telling(job.fails(1, "full")).nth, 1);
}

#[test]
fn the_same_failure_is_counted_until_its_time_is_over_and_the_next_mail_says_how_often() {
    let mut job = Job::with(hours(6));
    assert_eq!(telling(job.fails(0, "full")).held, None);
    let first = job.minute + 60;
    for _ in 0..5 {
        assert_eq!(job.fails(60, "full"), Decision::Hold);
    }
    let last = job.minute;
    let told = held(job.fails(60, "full"));
    assert_eq!(
        (told.count, told.first, told.last),
        (5, at(first), at(last))
    );
    assert_eq!(job.fails(60, "full"), Decision::Hold);
}

#[test]
fn another_failure_is_told_at_once_and_says_what_was_held_back() {
    let mut job = Job::with(hours(6));
    job.fails(0, "full");
    job.fails(1, "full");
    assert_eq!(held(job.fails(1, "denied")).count, 1);
    // Two alternating failures are both remembered.
    assert_eq!(job.fails(1, "full"), Decision::Hold);
    assert_eq!(job.fails(1, "denied"), Decision::Hold);
}

#[test]
fn a_success_between_does_not_make_the_same_failure_news() {
    let mut job = Job::with(hours(6));
    job.fails(0, "full");
    assert_eq!(job.works(1), Decision::Silent);
    assert_eq!(job.fails(1, "full"), Decision::Hold);
}

#[test]
fn a_failure_after_a_recovery_that_was_told_is_news() {
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
    assert_eq!(telling(job.fails(1, "full")).held, None);
}

#[test]
fn it_is_not_told_that_it_works_again_when_nobody_heard_that_it_did_not() {
    let mut job = Job::with(AlertRules {
        recovered: true,
        ..AlertRules::default()
    });
    let failure = run(job.minute, "full", true);
    let decision = job.memory.note(&failure, &job.rules);
    job.memory.gave_up(&failure, &decision);
    assert_eq!(job.works(1), Decision::Silent);
}

#[test]
fn of_failures_in_a_row_every_nth_after_the_first_is_told() {
    let mut job = Job::with(every(3));
    let told: Vec<bool> = (0..7)
        .map(|n| matches!(job.fails(1, &format!("way {n}")), Decision::Tell(_)))
        .collect();
    assert_eq!(told, [true, false, false, true, false, false, true]);
    job.works(1);
    assert_eq!(held_count(&job.fails(1, "again")), 0);
}

fn held_count(decision: &Decision) -> u64 {
    match decision {
        Decision::Tell(telling) => telling.held.as_ref().map_or(0, |held| held.count),
        other => panic!("{other:?}"),
    }
}

#[test]
fn with_both_rules_neither_may_be_against_it_and_another_failure_is_told_at_once() {
    let mut job = Job::with(AlertRules {
        dedupe: Some(Duration::from_secs(3600)),
        ..every(3)
    });
    job.fails(0, "full");
    assert_eq!(job.fails(120, "full"), Decision::Hold);
    assert_eq!(held_count(&job.fails(1, "denied")), 1);
    for _ in 0..2 {
        assert_eq!(job.fails(1, "full"), Decision::Hold);
    }
    assert_eq!(held_count(&job.fails(1, "full")), 2);
    for _ in 0..4 {
        assert_eq!(job.fails(1, "full"), Decision::Hold);
    }
}

#[test]
fn a_mail_that_did_not_go_out_was_not_told_and_the_next_one_says_so() {
    let mut job = Job::with(hours(6));
    let failure = run(job.minute, "full", true);
    let decision = job.memory.note(&failure, &job.rules);
    job.memory.gave_up(&failure, &decision);
    assert_eq!(held_count(&job.fails(1, "full")), 1);
    assert_eq!(job.fails(1, "full"), Decision::Hold);
}

#[test]
fn who_is_killed_while_mailing_has_told_nothing() {
    let mut job = Job::with(hours(6));
    let _ = job.memory.note(&run(job.minute, "full", true), &job.rules);
    assert_eq!(job.fails(1, "full"), Decision::Hold);
    job.memory.nobody_is_telling();
    assert_eq!(held_count(&job.fails(1, "full")), 2);
}

#[test]
fn what_others_count_while_a_mail_is_on_its_way_stays_counted() {
    let mut job = Job::with(hours(1));
    let failure = run(job.minute, "full", true);
    let decision = job.memory.note(&failure, &job.rules);
    assert_eq!(job.fails(1, "full"), Decision::Hold);
    job.memory.told(&failure, &decision, "<1@crepes.fr>");
    assert_eq!(held(job.fails(60, "full")).count, 1);
}

#[test]
fn mails_of_a_series_answer_its_first() {
    let mut job = Job::with(AlertRules {
        recovered: true,
        ..AlertRules::default()
    });
    assert_eq!(telling(job.fails(0, "full")).thread, None);
    let first = Some(format!("<{}@crepes.fr>", job.minute));
    assert_eq!(telling(job.fails(1, "full")).thread, first);
    assert_eq!(telling(job.fails(1, "denied")).thread, first);
    let Decision::Recovered(recovery) = job.works(1) else {
        panic!()
    };
    assert_eq!(recovery.thread, first);
    assert_eq!(telling(job.fails(1, "full")).thread, None);
}

#[test]
fn a_clock_that_was_set_back_does_not_silence() {
    let mut job = Job::with(hours(6));
    job.fails(0, "full");
    job.minute -= 24 * HOUR;
    telling(job.fails(0, "full"));
    assert_eq!(job.fails(1, "full"), Decision::Hold);
}

#[test]
fn who_looked_at_the_clock_a_moment_before_the_other_is_no_clock_set_back() {
    let mut job = Job::with(hours(6));
    job.fails(1, "full");
    job.minute -= 1;
    assert_eq!(job.fails(0, "full"), Decision::Hold);
}

#[test]
fn of_changes_only_what_differs_from_the_last_mail_is_told() {
    let mut job = Job::with(AlertRules {
        change: true,
        ..AlertRules::default()
    });
    let mut runs = |how: &str, failed| {
        job.minute += 1;
        let mut run = run(job.minute, how, failed);
        run.wanted = true;
        let decision = job.memory.note(&run, &job.rules);
        job.memory.told(&run, &decision, "<1@crepes.fr>");
        matches!(decision, Decision::Tell(_))
    };
    assert!(runs("5 users", false), "there is nothing yet to be like");
    assert!(!runs("5 users", false));
    assert!(runs("6 users", false));
    assert!(runs("no route", true));
    assert!(!runs("no route", true));
    assert!(runs("6 users", false));
}

#[test]
fn a_job_that_fails_in_many_ways_does_not_fill_the_memory() {
    let mut job = Job::with(hours(6));
    for n in 0..100 {
        job.fails(1, &format!("way {n}"));
    }
    assert_eq!(job.memory.told.len(), MOST_TOLD);
    assert_eq!(job.fails(1, "way 99"), Decision::Hold);
}

#[test]
fn a_memory_survives_being_written() {
    let mut job = Job::with(hours(6));
    job.fails(0, "full");
    job.fails(1, "full");
    let text = serde_json::to_string(&job.memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), job.memory);
}

#[test]
fn what_others_are_mailing_just_now_was_not_held_back() {
    let (mut memory, rules) = (Memory::default(), AlertRules::default());
    let (first, second) = (run(1, "full", true), run(1, "slow", true));
    let one = memory.note(&first, &rules);
    let Decision::Tell(two) = memory.note(&second, &rules) else {
        panic!("nothing is mailed")
    };
    assert_eq!(two.held, None);
    memory.told(&second, &Decision::Tell(two), "<2@x.org>");
    // The other one was never mailed.
    memory.gave_up(&first, &one);
    let Decision::Tell(three) = memory.note(&run(3, "full", true), &rules) else {
        panic!("nothing is mailed")
    };
    assert_eq!(three.held.map(|held| held.count), Some(1));
}
