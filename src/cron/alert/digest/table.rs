//! The text of a digest: a table of the runs, failures first, followed by quoted output.

use crate::cron::alert::digest::DigestEntry;
use crate::system::figures::counted;
use crate::system::text::shown;
use crate::system::time::{brief, local};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// Maximum number of rows. Further runs are only counted.
const MOST_ROWS: usize = 500;

/// Maximum number of failures with quoted output.
const MOST_QUOTED: usize = 50;

/// The widest name of a job in the table.
const WIDEST: usize = 40;

/// The runs, grouped: the same job with the same ending and the same output is one row.
#[derive(Default)]
pub struct DigestTable {
    rows: Vec<DigestRow>,
    places: HashMap<(String, String, String), usize>,
    runs: usize,
    failed: usize,
    unlisted: usize,
    damaged: usize,
}

struct DigestRow {
    last: DigestEntry,
    runs: usize,
    first: SystemTime,
    longest: Duration,
}

impl DigestTable {
    /// Adds a run, or counts one that could not be read.
    pub fn add(&mut self, entry: Result<DigestEntry, ()>) {
        let Ok(entry) = entry else {
            self.damaged += 1;
            return;
        };
        self.runs += 1;
        self.failed += usize::from(entry.failed);
        // All successful runs of a job are one row, whatever their output. Of failures, each kind has a row.
        let kind = if entry.failed {
            entry.kind.clone()
        } else {
            String::new()
        };
        let key = (entry.job.clone(), entry.status.clone(), kind);
        match self.places.get(&key) {
            Some(&place) => self.rows[place].add(entry),
            None if self.rows.len() == MOST_ROWS => self.unlisted += 1,
            None => {
                self.places.insert(key, self.rows.len());
                self.rows.push(DigestRow::new(entry));
            }
        }
    }

    /// `3 of 12 runs failed`, as a subject has it.
    pub fn summary(&self) -> String {
        let runs = |count: usize| counted(count as u64, "run");
        match (self.runs, self.failed) {
            (0, _) => "no runs".to_owned(),
            (1, 0) => "1 run, OK".to_owned(),
            (all, 0) => format!("{}, all OK", runs(all)),
            (1, _) => "1 run, failed".to_owned(),
            (all, failed) if failed == all => format!("{}, all failed", runs(all)),
            (all, failed) => format!("{failed} of {} failed", runs(all)),
        }
    }

    pub fn text(mut self) -> String {
        // Failures first, each group sorted by job.
        self.rows
            .sort_by(|one, other| one.order().cmp(&other.order()));
        let widths = Widths::of(&self.rows);
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(&row.line(&widths));
        }
        text.push_str(&self.remarks());
        let failures = self.rows.iter().filter(|row| row.last.failed);
        let mut quotable = failures.filter(|row| !row.last.excerpt.is_empty());
        for row in quotable.by_ref().take(MOST_QUOTED) {
            text.push_str(&row.quotation());
        }
        match quotable.count() {
            0 => {}
            more => {
                let more = counted(more as u64, "more failure");
                text.push_str(&format!("\nThe output of {more} is omitted.\n"));
            }
        }
        text
    }

    fn remarks(&self) -> String {
        let remark = |count: usize, what: &str| match count {
            0 => String::new(),
            count => format!("({what}: {count})\n"),
        };
        format!(
            "{}{}",
            remark(self.unlisted, "further runs, not listed"),
            remark(self.damaged, "unreadable entries")
        )
    }
}

impl DigestRow {
    fn new(entry: DigestEntry) -> Self {
        Self {
            runs: 1,
            first: entry.at,
            longest: entry.took,
            last: entry,
        }
    }

    fn add(&mut self, entry: DigestEntry) {
        self.runs += 1;
        self.longest = self.longest.max(entry.took);
        self.last = entry;
    }

    fn order(&self) -> (bool, &str, SystemTime) {
        (!self.last.failed, &self.last.job, self.first)
    }

    fn job(&self) -> String {
        let name = shown(&self.last.job);
        match name.char_indices().nth(WIDEST) {
            None => name,
            Some((end, _)) => format!("{}...", &name[..end]),
        }
    }

    fn status(&self) -> String {
        shown(&self.last.status)
    }

    fn line(&self, widths: &Widths) -> String {
        let (job, status) = (self.job(), self.status());
        let when = match self.runs {
            1 => format!("{}  took {}", local(self.first), brief(self.last.took)),
            runs => format!(
                "{runs} times from {} to {}, the longest took {}",
                local(self.first),
                local(self.last.at),
                brief(self.longest)
            ),
        };
        let Widths {
            status: first,
            job: second,
        } = *widths;
        format!("{status:first$}  {job:second$}  {when}\n")
    }

    fn quotation(&self) -> String {
        let mut text = format!("\n--- {}: {} ---\n", self.job(), self.status());
        text.push_str(self.last.excerpt.trim_end_matches('\n'));
        text.push('\n');
        text
    }
}

/// The widths of columns, in characters.
struct Widths {
    status: usize,
    job: usize,
}

impl Widths {
    fn of(rows: &[DigestRow]) -> Self {
        let widest = |column: fn(&DigestRow) -> String| {
            let widths = rows.iter().map(|row| column(row).chars().count());
            widths.max().unwrap_or(0)
        };
        Self {
            status: widest(DigestRow::status),
            job: widest(DigestRow::job),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn entry(job: &str, status: &str, minute: u64) -> DigestEntry {
        DigestEntry {
            job: job.to_owned(),
            at: UNIX_EPOCH + Duration::from_secs(60 * minute),
            took: Duration::from_secs(minute),
            status: status.to_owned(),
            failed: status != "OK",
            kind: status.to_owned(),
            excerpt: format!("output of {job}\n"),
        }
    }

    fn table(entries: impl IntoIterator<Item = DigestEntry>) -> DigestTable {
        let mut table = DigestTable::default();
        entries.into_iter().for_each(|entry| table.add(Ok(entry)));
        table
    }

    #[test]
    fn failures_come_first_with_their_output() {
        let all = [
            entry("a", "OK", 1),
            entry("backup", "FAILED(3)", 2),
            entry("b", "OK", 3),
        ];
        let table = table(all);
        assert_eq!(table.summary(), "1 of 3 runs failed");
        let text = table.text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("FAILED(3)  backup  1970-01-01 "),
            "{text}"
        );
        assert!(lines[0].ends_with("  took 2s"), "{text}");
        assert!(lines[1].starts_with("OK         a       "), "{text}");
        assert_eq!(
            lines[4..],
            ["--- backup: FAILED(3) ---", "output of backup"]
        );
    }

    #[test]
    fn repeated_runs_are_one_row() {
        let often = (1..=288).map(|minute| entry("check", "OK", minute));
        let text = table(often).text();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("  288 times from 1970-01-01 "), "{text}");
        assert!(text.contains("the longest took 4m48s"), "{text}");
    }

    #[test]
    fn table_is_bounded_and_counts_omitted_runs() {
        let many = (0..2000).map(|n| entry(&format!("job {n}"), "FAILED(1)", n));
        let mut table = table(many);
        table.add(Err(()));
        assert_eq!(table.summary(), "2000 runs, all failed");
        let text = table.text();
        assert!(
            text.contains("(further runs, not listed: 1500)\n"),
            "{text}"
        );
        assert!(text.contains("(unreadable entries: 1)\n"), "{text}");
        assert!(
            text.contains("The output of 450 more failures is omitted.\n"),
            "{text}"
        );
    }

    #[test]
    fn names_are_escaped_and_bounded() {
        let text = table([entry(&"\x1b[2J".repeat(100), "OK", 1)]).text();
        assert!(!text.contains('\x1b') && text.len() < 200, "{text}");
    }

    #[test]
    fn summary_counts_runs_and_failures() {
        assert_eq!(DigestTable::default().summary(), "no runs");
        assert_eq!(table([entry("a", "OK", 1)]).summary(), "1 run, OK");
        assert_eq!(table([entry("a", "KILLED", 1)]).summary(), "1 run, failed");
        let two = || [entry("a", "OK", 1), entry("a", "OK", 1)];
        assert_eq!(table(two()).summary(), "2 runs, all OK");
    }
}
