//! `ehlo queue run`: delivers due items, once or continuously.

use crate::cli::queue::RunOptions;
use crate::cli::queue::change::find;
use crate::cli::queue::progress::QueueProgress;
use crate::cli::run_signals::RunSignals;
use crate::cli::send::keep::SilentQueue;
use crate::cli::terminal;
use crate::cli::terminal::{complain, complain_in};
use crate::client::deliver::Hosts;
use crate::client::events::Observer;
use crate::queue::delivery::{
    HostMemory, QueueEvent, QueueObserver, RunContext, RunProgress, Selection,
};
use crate::queue::store::{Changes, Id, QueueError, QueueStore, RunnerRole, Watcher};
use crate::queue::{Location, QueueOptions};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::text::reason;
use crate::transcript::Format;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum interval between two checks of the clock, which the administrator may set.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Interval at which every item is read again, even without a notification: there are none for changes by
/// another host that shares the directory.
const REREAD: Duration = Duration::from_secs(5 * 60);

/// Minimum interval between two passes.
const MIN_WAIT: Duration = Duration::from_millis(200);

/// Pause while another process holds the queue or an item. A failed claim of this process would also wake the
/// watcher at once.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Pause after the database was not available.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(1);

/// Colors of results, as ANSI codes.
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

pub fn run(store: &dyn QueueStore, options: &QueueOptions, run: &RunOptions) -> Exit {
    let signals = match RunSignals::install() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&format!(
                "cannot install signal handlers: {}",
                reason(&error)
            ));
            return Exit::Temporary;
        }
    };
    let selection = match selection(store, run) {
        Ok(selection) => selection,
        Err(exit) => return exit,
    };
    let memory = HostMemory {
        store,
        max_age: options.settings.host_down,
    };
    let this_run = HostsOfThisRun::new(&memory);
    // With --watch, hosts that are down must not be tried again without a pause.
    let hosts: &(dyn Hosts + Sync) = if selection.now && !run.watch {
        &this_run
    } else {
        &memory
    };
    let printer = QueuePrinter::new(run);
    let queue_observer: &dyn QueueObserver = if run.background {
        &SilentQueue
    } else {
        &printer
    };
    let runner = Runner {
        run_context: RunContext {
            store,
            hosts,
            settings: &options.settings,
            transports: &*options.transports,
            queue_observer,
            signer: &options.signer,
            stop: &signals.stop,
        },
        printer: &printer,
        signals: &signals,
        run,
        output_failed: Cell::new(false),
    };
    match runner.process(selection) {
        Ok(is_done) => printer.summarize(store, is_done),
        Err(error) => {
            complain(&error.to_string());
            return Exit::Temporary;
        }
    }
    if runner.output_failed.get() {
        Exit::Io
    } else {
        Exit::Ok
    }
}

struct Runner<'a> {
    run_context: RunContext<'a>,
    printer: &'a QueuePrinter,
    signals: &'a RunSignals,
    run: &'a RunOptions,
    /// True if the transcript cannot be written.
    output_failed: Cell<bool>,
}

impl Runner<'_> {
    /// Returns false if another process runs the queue.
    fn process(&self, selection: Selection) -> Result<bool, QueueError> {
        if self.run.watch {
            self.printer
                .print("waiting for messages; press Ctrl-C to stop");
            return self.watch(selection).map(|()| true);
        }
        self.run_once(&selection, &mut RunProgress::default())
    }

    /// Runs passes until nothing is due. Returns false if another process holds the runner lock. A run for
    /// selected items or domains does not need the lock, and other processes do not rely on it.
    fn run_once(
        &self,
        selection: &Selection,
        progress: &mut RunProgress,
    ) -> Result<bool, QueueError> {
        let store = self.run_context.store;
        loop {
            let is_for_all = selection.is_for_all();
            let lock = is_for_all.then(|| store.lock(RunnerRole::Runner));
            let lock = lock.transpose()?;
            if matches!(lock, Some(None)) {
                return Ok(false);
            }
            let done = self.deliver_due(selection, progress);
            self.printer.progress.end();
            done?;
            drop(lock);
            // A process that queued a message while the lock was held relies on this run.
            if self.run_context.stop.is_set() || !self.run_context.has_due(selection, progress) {
                return Ok(true);
            }
        }
    }

    /// Delivers the due items. If the transcript cannot be written, no other delivery is begun.
    fn deliver_due(
        &self,
        selection: &Selection,
        progress: &mut RunProgress,
    ) -> Result<(), QueueError> {
        let mut deliver = |observer: Option<&mut dyn Observer>| {
            self.run_context.deliver_due(selection, progress, observer)
        };
        let Some(mut transcript) = terminal::open(self.run.output) else {
            return deliver(None);
        };
        let done = deliver(Some(&mut *transcript));
        if let Some(error) = transcript.failure() {
            complain(&format!(
                "cannot write the transcript to standard output: {}",
                reason(error)
            ));
            self.output_failed.set(true);
            self.run_context.stop.set();
        }
        done
    }

    /// Delivers new items and items that become due, until a signal arrives.
    fn watch(&self, mut selection: Selection) -> Result<(), QueueError> {
        let store = self.run_context.store;
        let is_for_all = selection.domains.is_empty();
        // A process that queues a message relies on a watch that serves the whole queue.
        let lock = is_for_all.then(|| store.lock(RunnerRole::Watcher));
        let lock = lock.transpose()?;
        if matches!(lock, Some(None)) {
            return Err(already_watched(&store.location()));
        }
        let watcher = store.watch()?;
        let mut progress = RunProgress::default();
        let mut last_reread = Instant::now();
        // True after an error of the database, until it is available again.
        let mut is_reported = false;
        while !self.run_context.stop.is_set() {
            let begun = Instant::now();
            match self.run_once(&selection, &mut progress) {
                Ok(true) => is_reported = false,
                Ok(false) => {
                    self.wait_for_signal(BUSY_WAIT);
                    continue;
                }
                Err(error) if error.is_unavailable() => {
                    if !std::mem::replace(&mut is_reported, true) {
                        complain(&format!("{error}; waiting for it"));
                    }
                    progress = RunProgress::default();
                    self.wait_for_signal(UNAVAILABLE_WAIT);
                    continue;
                }
                Err(error) => return Err(error),
            }
            // Items that are not due are tried once at the beginning only.
            selection.now = false;
            let next = self.run_context.next_due(&mut progress).unwrap_or(MAX_WAIT);
            let pause = if progress.busy > 0 {
                BUSY_WAIT
            } else {
                MIN_WAIT
            };
            self.wait_for_signal(pause.saturating_sub(begun.elapsed()));
            match self.wait(&*watcher, next.clamp(MIN_WAIT, MAX_WAIT)) {
                Changes::Items(ids) if last_reread.elapsed() < REREAD => {
                    progress.forget(&ids);
                    progress.forget_due(store.now());
                }
                _ => {
                    progress = RunProgress::default();
                    last_reread = Instant::now();
                }
            }
        }
        Ok(())
    }

    /// Waits for a change, for a signal, or until the time limit.
    fn wait(&self, watcher: &dyn Watcher, limit: Duration) -> Changes {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let ends = [
                PollFd::new(&self.signals.waken, PollFlags::IN),
                PollFd::from_borrowed_fd(watcher.as_fd(), PollFlags::IN),
            ];
            poll_until(ends, left);
            let changes = watcher.drain();
            let is_over = left.is_zero() || self.run_context.stop.is_set();
            if is_over || changes != Changes::Items([].into()) {
                return changes;
            }
        }
    }

    fn wait_for_signal(&self, limit: Duration) {
        poll_until([PollFd::new(&self.signals.waken, PollFlags::IN)], limit);
    }
}

fn already_watched(location: &Location) -> QueueError {
    QueueError::Directory {
        path: location.to_string().into(),
        why: "is already watched by another ehlo queue run --watch".into(),
    }
}

/// EINTR is ignored: the caller checks the flag next.
fn poll_until<const COUNT: usize>(mut ends: [PollFd<'_>; COUNT], limit: Duration) {
    let limit = Timespec::try_from(limit).ok();
    let _ = poll(&mut ends, limit.as_ref());
}

/// The selected items. Items given by name must exist, and must not be failed or held.
fn selection(store: &dyn QueueStore, run: &RunOptions) -> Result<Selection, Exit> {
    let ids = run.ids.iter().map(|id| find(store, id));
    let ids = ids.collect::<Result<Vec<Id>, Exit>>()?;
    for id in &ids {
        match store.item(id) {
            Ok(Some(item)) if item.failed.is_some() => {
                complain(&format!(
                    "{id} was set aside; to put it back into the queue, use: ehlo queue requeue {id}"
                ));
                return Err(Exit::Usage);
            }
            Ok(Some(item)) if item.history.held => {
                complain(&format!(
                    "{id} is held; release it with: ehlo queue release {id}"
                ));
                return Err(Exit::Usage);
            }
            _ => {}
        }
    }
    Ok(Selection {
        // Selected items and domains are tried at once.
        now: run.now || !ids.is_empty() || !run.domains.is_empty(),
        ids,
        domains: run.domains.clone(),
        ..Selection::default()
    })
}

/// Tries hosts that were recorded as down, but not again for every item if they are down in this run as well.
struct HostsOfThisRun<'a> {
    hosts: &'a (dyn Hosts + Sync),
    down: Mutex<HashMap<(String, Option<u16>), String>>,
}

impl<'a> HostsOfThisRun<'a> {
    fn new(hosts: &'a (dyn Hosts + Sync)) -> Self {
        let down = Mutex::default();
        Self { hosts, down }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, Option<u16>), String>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosts for HostsOfThisRun<'_> {
    fn down(&self, host: &str, port: Option<u16>) -> Option<String> {
        self.lock().get(&(host.to_owned(), port)).cloned()
    }

    fn went_down(&self, host: &str, port: Option<u16>, why: &str) {
        self.lock().insert((host.to_owned(), port), why.to_owned());
        self.hosts.went_down(host, port, why);
    }

    fn came_up(&self, host: &str, port: Option<u16>) {
        self.lock().remove(&(host.to_owned(), port));
        self.hosts.came_up(host, port);
    }
}

/// Prints new events to stderr, so that cron mails them; known ones are not repeated. On a terminal, each
/// delivery is printed, a progress bar if the run takes longer, and a summary at the end.
struct QueuePrinter {
    is_verbose: bool,
    progress: QueueProgress,
    delivered: AtomicUsize,
    deferred: AtomicUsize,
    failed: AtomicUsize,
}

impl QueuePrinter {
    fn new(run: &RunOptions) -> Self {
        let is_verbose =
            !run.background && run.output.format == Format::None && io::stderr().is_terminal();
        Self {
            is_verbose,
            progress: QueueProgress::new(is_verbose),
            delivered: AtomicUsize::new(0),
            deferred: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
        }
    }

    /// Prints a line if stderr is a terminal.
    fn print(&self, text: &str) {
        if self.is_verbose {
            self.progress.suspend(|| complain(text));
        }
    }

    /// Prints a result in its color.
    fn report(&self, color: &str, text: &str) {
        self.progress.suspend(|| complain_in(color, text));
    }

    /// `2 delivered, 1 deferred; 1 item in the queue`
    fn summarize(&self, store: &dyn QueueStore, is_done: bool) {
        if !is_done {
            self.print("another process is already running this queue");
            return;
        }
        let counts = [
            (&self.delivered, "delivered"),
            (&self.deferred, "deferred"),
            (&self.failed, "failed"),
        ];
        let counts = counts.map(|(count, what)| (count.load(Ordering::Relaxed), what));
        let parts = counts.iter().filter(|(count, _)| *count > 0);
        let parts = parts.map(|(count, what)| format!("{count} {what}"));
        let mut summary = parts.collect::<Vec<_>>().join(", ");
        if summary.is_empty() {
            "nothing to deliver".clone_into(&mut summary);
        }
        let left = store.ids().map_or(0, |ids| ids.len());
        let left = counted(left as u64, "item");
        self.print(&format!("{summary}; {left} in the queue"));
    }
}

impl QueueObserver for QueuePrinter {
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        let count = match event {
            QueueEvent::Delivered { .. } => Some(&self.delivered),
            QueueEvent::NotDelivered { is_final: true, .. } => Some(&self.failed),
            QueueEvent::NotDelivered { .. } => Some(&self.deferred),
            _ => None,
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        match event {
            QueueEvent::Due(items) => self.progress.add(*items),
            QueueEvent::Processed => self.progress.advance(),
            QueueEvent::NotDelivered {
                id,
                sentence,
                is_new: true,
                is_final,
            } => {
                let color = if *is_final { RED } else { YELLOW };
                self.report(color, &format!("{id}: {sentence}"));
            }
            QueueEvent::PossibleDuplicate { id, recipient } => self.report(
                YELLOW,
                &format!(
                    "{id}: <{recipient}> may already have received the message; it is sent again and may \
                     arrive twice"
                ),
            ),
            QueueEvent::ItemFailed { id, reason } => self.report(
                RED,
                &format!(
                    "{id} was set aside: {reason}; to retry: ehlo queue requeue {id}"
                ),
            ),
            QueueEvent::Error(text) => self.report(RED, text),
            QueueEvent::Delivered { id, recipient } if self.is_verbose => {
                self.report(GREEN, &format!("{id}: delivered to <{recipient}>"));
            }
            QueueEvent::Delivered { .. } | QueueEvent::NotDelivered { .. } => {}
        }
    }
}
