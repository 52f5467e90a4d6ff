//! `ehlo queue status`: the state of the queue in one line for monitoring (Nagios and compatible programs).

use crate::cli::queue::Thresholds;
use crate::cli::terminal::print;
use crate::queue::store::{Counts, QueueError, QueueStore};
use crate::system::exit::{Exit, Health};
use crate::system::text::shown;
use serde_json::json;
use std::time::Duration;

/// Writes the line to stdout, where monitoring reads it, even if the queue cannot be read.
pub fn run(store: Result<Box<dyn QueueStore>, QueueError>, thresholds: &Thresholds) -> Exit {
    let counts = store.and_then(|store| store.counts(store.now()));
    let (health, line) = match counts {
        Ok(counts) => {
            let health = counts.health(thresholds);
            (health, counts.line(health, thresholds))
        }
        Err(error) => (Health::Unknown, unknown(&error, thresholds.json)),
    };
    match print(|out| writeln!(out, "{line}")) {
        Exit::Ok => Exit::Health(health),
        unwritten => unwritten,
    }
}

fn unknown(error: &QueueError, json: bool) -> String {
    let error = error.to_string();
    if json {
        return json!({"status": "unknown", "error": error}).to_string();
    }
    // The text after a bar is performance data.
    format!("UNKNOWN: {}", shown(&error).replace('|', "/"))
}

impl Counts {
    fn health(&self, thresholds: &Thresholds) -> Health {
        let many = |limit: Option<usize>| limit.is_some_and(|limit| self.items >= limit);
        let old = |limit: Option<Duration>| limit.is_some_and(|limit| self.oldest >= limit);
        if many(thresholds.critical_items) || old(thresholds.critical_age) {
            return Health::Critical;
        }
        let is_bad = self.failed > 0 || self.damaged > 0;
        if is_bad || many(thresholds.warn_items) || old(thresholds.warn_age) {
            return Health::Warning;
        }
        Health::Ok
    }

    fn line(&self, health: Health, thresholds: &Thresholds) -> String {
        if thresholds.json {
            return self.object(health);
        }
        let seconds = |limit: Option<Duration>| limit.map(|limit| limit.as_secs());
        let items = limits(thresholds.warn_items, thresholds.critical_items);
        let ages = limits(
            seconds(thresholds.warn_age),
            seconds(thresholds.critical_age),
        );
        format!(
            "{}: {} | items={}{items} oldest={}s{ages} held={} dead={}",
            health.word(),
            self.to_text(),
            self.items,
            self.oldest.as_secs(),
            self.held,
            self.failed,
        )
    }

    fn object(&self, health: Health) -> String {
        let object = json!({
            "status": health.word().to_ascii_lowercase(),
            "items": self.items,
            "oldest_seconds": self.oldest.as_secs(),
            "held": self.held,
            "damaged": self.damaged,
            "dead": self.failed,
        });
        object.to_string()
    }
}

/// `;WARN;CRIT`, if there are limits.
fn limits<T: ToString>(warn: Option<T>, critical: Option<T>) -> String {
    let text = |limit: Option<T>| limit.map_or_else(String::new, |limit| limit.to_string());
    let both = format!(";{};{}", text(warn), text(critical));
    both.trim_end_matches(';').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Counts {
        Counts {
            items: 3,
            oldest: Duration::from_secs(7250),
            ..Counts::default()
        }
    }

    fn line(counts: &Counts, thresholds: &Thresholds) -> String {
        counts.line(counts.health(thresholds), thresholds)
    }

    #[test]
    fn without_thresholds_the_state_is_ok() {
        assert_eq!(
            line(&three(), &Thresholds::default()),
            "OK: 3 items, oldest 2h00m, 0 held, 0 set aside | items=3 oldest=7250s held=0 dead=0"
        );
        assert_eq!(
            line(&Counts::default(), &Thresholds::default()),
            "OK: 0 items, 0 held, 0 set aside | items=0 oldest=0s held=0 dead=0"
        );
    }

    #[test]
    fn failed_and_damaged_items_are_a_warning() {
        let failed = Counts {
            failed: 1,
            ..three()
        };
        assert_eq!(failed.health(&Thresholds::default()), Health::Warning);
        let damaged = Counts {
            damaged: 1,
            ..three()
        };
        assert_eq!(
            line(&damaged, &Thresholds::default()),
            "WARNING: 3 items, oldest 2h00m, 0 held, 1 damaged, 0 set aside | items=3 oldest=7250s held=0 \
             dead=0"
        );
    }

    #[test]
    fn a_threshold_includes_its_value() {
        let items = |warn, critical| Thresholds {
            warn_items: Some(warn),
            critical_items: Some(critical),
            ..Thresholds::default()
        };
        assert_eq!(three().health(&items(4, 5)), Health::Ok);
        assert_eq!(three().health(&items(3, 4)), Health::Warning);
        assert_eq!(three().health(&items(2, 3)), Health::Critical);
    }

    #[test]
    fn thresholds_follow_the_values() {
        let thresholds = Thresholds {
            warn_items: Some(10),
            critical_items: Some(20),
            critical_age: Some(Duration::from_secs(7200)),
            ..Thresholds::default()
        };
        assert_eq!(
            line(&three(), &thresholds),
            "CRITICAL: 3 items, oldest 2h00m, 0 held, 0 set aside | items=3;10;20 oldest=7250s;;7200 held=0 \
             dead=0"
        );
    }

    #[test]
    fn json_is_one_object() {
        let thresholds = Thresholds {
            json: true,
            ..Thresholds::default()
        };
        assert_eq!(
            line(&three(), &thresholds),
            r#"{"status":"ok","items":3,"oldest_seconds":7250,"held":0,"damaged":0,"dead":0}"#
        );
    }

    #[test]
    fn an_error_is_printed_without_a_bar() {
        let error = QueueError::Directory {
            path: "/a|b".into(),
            why: "does not exist".into(),
        };
        assert_eq!(
            unknown(&error, false),
            "UNKNOWN: the queue /a/b does not exist"
        );
    }
}
