//! The output of a merge: progress, a line for each failure, JSON, the result.

use crate::cli::merge::check::CheckedList;
use crate::cli::merge::journal::{RowState, RowStatus};
use crate::cli::merge::row::{PreparedRow, RowFault};
use crate::cli::terminal;
use crate::cli::terminal::complain;
use crate::client::outcome::{RecipientResult, RecipientStatus};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::text::shown;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const TEMPLATE: &str = "[{bar:30}] {pos} of {len} rows, {per_sec}, {eta} left";

/// A row that is done in this run.
pub(super) struct RowOutcome<'a> {
    prepared: &'a PreparedRow,
    status: RowStatus,
    results: &'a [(usize, RecipientResult)],
    /// True if the run was interrupted before the row was sent.
    is_interrupted: bool,
}

impl<'a> RowOutcome<'a> {
    pub fn of(
        prepared: &'a PreparedRow,
        mut state: RowState,
        results: &'a [(usize, RecipientResult)],
    ) -> Self {
        state.of = u8::try_from(prepared.recipients.len()).unwrap_or(u8::MAX);
        let is_skipped = |one: &(usize, RecipientResult)| one.1.verdict == RecipientStatus::Skipped;
        Self {
            prepared,
            status: state.status(),
            results,
            is_interrupted: results.iter().any(is_skipped),
        }
    }
}

/// Number of rows with each result in this run.
#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    queued: AtomicU64,
    refused: AtomicU64,
    deferred: AtomicU64,
    uncertain: AtomicU64,
    unreadable: AtomicU64,
}

/// The output of a run, shared by its workers.
pub(super) struct MergeOutput {
    json: bool,
    /// Number of rows that are to be sent in this run.
    rows: u64,
    bar: Option<ProgressBar>,
    counts: Counts,
    /// Set when the run is ended because of failures: the exit status, if the failures determine it.
    stopped: OnceLock<Option<Exit>>,
    /// True if standard output cannot be written.
    has_failed: AtomicBool,
}

impl MergeOutput {
    /// The output for this number of rows.
    pub fn new(rows: u64, json: bool) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(rows);
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self {
            json,
            rows,
            bar,
            counts: Counts::default(),
            stopped: OnceLock::new(),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Runs this while the progress bar is hidden.
    fn beside_bar(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn complain(&self, text: &str) {
        self.beside_bar(|| complain(text));
    }

    pub fn fault(&self, fault: &RowFault) {
        self.counts.unreadable.fetch_add(1, Ordering::Relaxed);
        self.complain(&format!("{}; the row was not sent", fault.text));
    }

    /// True if standard output cannot be written.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Reports that the run is ended. `exit` is its exit status; `None`: it depends on the rows.
    pub fn stopped(&self, why: &str, exit: Option<Exit>) {
        if self.stopped.set(exit).is_ok() {
            self.complain(&format!("stopped: {why}"));
        }
    }

    /// A row that is tried again after this time.
    pub fn deferred(
        &self,
        prepared: &PreparedRow,
        results: &[(usize, RecipientResult)],
        wait: Duration,
    ) {
        let seconds = wait.as_secs_f64();
        let mut deferred = results.iter().map(|(_, one)| one);
        let deferred = deferred.find(|one| one.verdict == RecipientStatus::Deferred);
        let why = deferred
            .map(RecipientResult::lasting_reason)
            .unwrap_or_default();
        self.complain(&format!(
            "row {}: {why}; next attempt in {seconds:.0} s",
            prepared.number
        ));
    }

    /// A row whose message cannot be put into the queue.
    pub fn unqueued(&self, prepared: &PreparedRow, why: &str) {
        self.complain(&format!("row {}: not queued: {why}", prepared.number));
    }

    /// A row that is done in this run.
    pub fn row(&self, outcome: &RowOutcome<'_>) {
        if outcome.is_interrupted {
            return;
        }
        let counter = match outcome.status {
            RowStatus::Accepted => &self.counts.accepted,
            RowStatus::Queued => &self.counts.queued,
            RowStatus::Refused => &self.counts.refused,
            RowStatus::Uncertain => &self.counts.uncertain,
            RowStatus::Deferred => &self.counts.deferred,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        let row = outcome.prepared.number;
        for (_, result) in outcome.results {
            let reason = || result.lasting_reason();
            if result.verdict == RecipientStatus::Queued {
                self.complain(&format!("row {row}: queued: {}", reason()));
            } else if !result.is_success() {
                self.complain(&format!("row {row}: {}", reason()));
            }
        }
        if self.json {
            self.print(&row_json(outcome));
        }
    }

    fn print(&self, value: &Value) {
        self.beside_bar(|| {
            if terminal::write(format!("{value}\n").as_bytes()).is_err() {
                self.has_failed.store(true, Ordering::Relaxed);
            }
        });
    }

    /// Reports the result. Rows beyond --limit that are left are not a failure.
    pub fn finish(&self, list: &CheckedList) -> Exit {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let totals = self.totals(list);
        if list.refused > 0 {
            complain(&format!(
                "{} refused by an earlier run; --retry refused sends them again",
                counted(list.refused, "row")
            ));
        }
        if self.json {
            self.print(&totals.json(list));
            if self.has_failed() {
                return Exit::Io;
            }
        } else if terminal::write(totals.line(list).as_bytes()).is_err() {
            return Exit::Io;
        }
        totals.advise();
        totals.exit
    }

    fn totals(&self, list: &CheckedList) -> Totals {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.counts;
        let (accepted, refused) = (count(&counts.accepted), count(&counts.refused));
        let (deferred, unreadable) = (count(&counts.deferred), count(&counts.unreadable));
        let (queued, uncertain) = (count(&counts.queued), count(&counts.uncertain));
        let done = accepted + queued + refused + deferred + uncertain + unreadable;
        let uncertain = uncertain + list.uncertain;
        let exit = if let Some(Some(exit)) = self.stopped.get() {
            *exit
        } else if refused + list.refused + uncertain + unreadable > 0 {
            Exit::Partial
        } else if deferred > 0 || done < self.rows {
            Exit::Temporary
        } else {
            Exit::Ok
        };
        Totals {
            accepted,
            queued,
            refused,
            deferred,
            uncertain,
            unreadable,
            left: list.open.saturating_sub(done),
            exit,
        }
    }
}

/// The numbers of rows with each status at the end of a run.
struct Totals {
    accepted: u64,
    queued: u64,
    refused: u64,
    deferred: u64,
    /// With those of earlier runs.
    uncertain: u64,
    unreadable: u64,
    left: u64,
    exit: Exit,
}

impl Totals {
    fn json(&self, list: &CheckedList) -> Value {
        json!({
            "event": "total", "exit": self.exit.code(), "accepted": self.accepted, "queued": self.queued,
            "refused": self.refused, "deferred": self.deferred, "uncertain": self.uncertain,
            "unreadable": self.unreadable, "left": self.left, "refused_before": list.refused,
        })
    }

    fn line(&self, list: &CheckedList) -> String {
        let skipped = match list.rows.saturating_sub(list.open + list.uncertain) {
            0 => String::new(),
            skipped => format!(", {skipped} skipped"),
        };
        let in_queue = match self.queued {
            0 => String::new(),
            queued => format!("{queued} queued, "),
        };
        format!(
            "{} accepted, {in_queue}{} refused, {} deferred, {} uncertain, {} left{skipped}\n",
            self.accepted, self.refused, self.deferred, self.uncertain, self.left
        )
    }

    /// Reports what can be done about rows that were not accepted.
    fn advise(&self) {
        if self.queued > 0 {
            complain(&format!(
                "{} queued; ehlo queue run sends them",
                counted(self.queued, "message")
            ));
        }
        if self.uncertain > 0 {
            complain(&format!(
                "{} may have been delivered; --retry uncertain sends them again",
                counted(self.uncertain, "row")
            ));
        }
        if self.deferred + self.left > 0 {
            complain("run the same command again to send the rows that are left");
        }
    }
}

/// A row in JSON.
fn row_json(outcome: &RowOutcome<'_>) -> Value {
    let recipients = outcome.results.iter().map(|(_, result)| {
        json!({
            "address": result.recipient.to_string(),
            "verdict": result.verdict.name(),
            "code": result.reply.as_ref().map(|reply| reply.code),
            "reply": shown(&result.words()),
        })
    });
    json!({
        "event": "row",
        "row": outcome.prepared.number,
        "id": outcome.prepared.key.text,
        "status": outcome.status.name(),
        "recipients": recipients.collect::<Vec<Value>>(),
    })
}
