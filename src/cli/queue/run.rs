//! `ehlo queue run`: delivers due items.

use crate::cli::queue::options::RunOptions;
use crate::cli::queue::watch::stay;
use crate::cli::send::keep::SilentQueue;
use crate::cli::terminal;
use crate::cli::terminal::complain;
use crate::client::deliver::Hosts;
use crate::client::events::Observer;
use crate::queue::delivery::{
    QueueEvent, QueueObserver, Remembered, RunContext, RunProgress, Selection,
};
use crate::queue::options;
use crate::queue::store::{Id, QueueError, QueueStore as _, Spool};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::stop::Stop;
use crate::system::text::reason;
use crate::transcript::Format;
use rustix::event::{PollFd, PollFlags, poll};
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Delivers due items, once or continuously.
pub fn run(spool: &Spool, plan: &options::QueueOptions, run: &RunOptions) -> Exit {
    let signals = match RunSignals::heed() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&format!("cannot heed signals: {}", reason(&error)));
            return Exit::Temporary;
        }
    };
    let selection = match selection(spool, run) {
        Ok(selection) => selection,
        Err(exit) => return exit,
    };
    let down = Remembered {
        spool,
        memory: plan.settings.host_down,
    };
    let undaunted = Undaunted::new(&down);
    // With --watch, hosts that are down must not be tried again without a pause.
    let hosts: &(dyn Hosts + Sync) = if selection.now && !run.watch {
        &undaunted
    } else {
        &down
    };
    let printed = Printed::new(run);
    let queue_observer: &dyn QueueObserver = if run.behind { &SilentQueue } else { &printed };
    let run_context = RunContext {
        store: spool,
        hosts,
        settings: &plan.settings,
        transports: &*plan.transports,
        queue_observer,
        stop: &signals.stop,
    };
    let runner = Runner {
        spool,
        run_context,
        signals: &signals,
        run,
        is_unwritten: Cell::new(false),
    };
    let done = if run.watch {
        printed.say("waiting for messages; Ctrl-C ends this");
        stay(&runner, selection).map(|()| true)
    } else {
        runner.once(&selection, &mut RunProgress::default())
    };
    if let Ok(is_done) = done {
        printed.summarize(spool, is_done);
    }
    match done {
        Ok(_) if runner.is_unwritten.get() => Exit::Io,
        Ok(_) => Exit::Ok,
        Err(error) => {
            complain(&error.to_string());
            Exit::Temporary
        }
    }
}

/// Delivers queued messages.
pub struct Runner<'a> {
    /// The queue.
    pub spool: &'a Spool,
    /// Rules and state of the run.
    pub run_context: RunContext<'a>,
    pub signals: &'a RunSignals,
    run: &'a RunOptions,
    /// True if the transcript cannot be written.
    is_unwritten: Cell<bool>,
}

impl Runner<'_> {
    /// Runs passes until nothing is due. Returns false if another process holds the runner lock. A run for
    /// selected items or domains does not need the lock, and other processes do not rely on it.
    pub fn once(
        &self,
        selection: &Selection,
        rounds: &mut RunProgress,
    ) -> Result<bool, QueueError> {
        loop {
            let is_for_all = selection.is_for_all();
            let lock = is_for_all.then(|| self.spool.lock_runner()).transpose()?;
            if matches!(lock, Some(None)) {
                return Ok(false);
            }
            self.round(selection, rounds)?;
            drop(lock);
            // A process that queued a message while the lock was held relies on this run.
            if self.run_context.stop.is_set()
                || !self.run_context.is_something_due(selection, rounds)
            {
                return Ok(true);
            }
        }
    }

    fn round(&self, selection: &Selection, rounds: &mut RunProgress) -> Result<(), QueueError> {
        let mut go =
            |watch: Option<&mut dyn Observer>| self.run_context.round(selection, rounds, watch);
        let Some(mut transcript) = terminal::open(self.run.output) else {
            return go(None);
        };
        let done = go(Some(&mut *transcript));
        self.stop_unwritten(transcript.failure());
        done
    }

    /// Nothing more is begun that cannot be shown.
    fn stop_unwritten(&self, failure: Option<&io::Error>) {
        if let Some(error) = failure {
            complain(&format!(
                "cannot write the transcript to the standard output: {}",
                reason(error)
            ));
            self.is_unwritten.set(true);
            self.run_context.stop.set();
        }
    }
}

/// The items that are named must be there.
fn selection(spool: &Spool, run: &RunOptions) -> Result<Selection, Exit> {
    let ids: Result<Vec<Id>, Exit> = run
        .ids
        .iter()
        .map(|id| crate::cli::queue::find(spool, id))
        .collect();
    let ids = ids?;
    for id in &ids {
        match spool.item(id) {
            Ok(Some(item)) if item.dead.is_some() => {
                complain(&format!(
                    "{id} was set aside; ehlo queue requeue {id} brings it back"
                ));
                return Err(Exit::Usage);
            }
            Ok(Some(item)) if item.history.held => {
                complain(&format!("{id} is held; ehlo queue release {id} lets it go"));
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

/// The first signal ends the run: sessions that have not sent the end of data are disconnected, and the reply
/// is awaited in the others. The second one ends the process at once; the journal has the state.
pub struct RunSignals {
    /// Set by the first.
    pub stop: Arc<Stop>,
    /// Readable after a signal, so that a poll ends.
    pub waken: UnixStream,
}

impl RunSignals {
    fn heed() -> std::io::Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let stop = Arc::new(Stop::default());
        let (waken, wakes) = UnixStream::pair()?;
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_default(signal, stop.flag())?;
            signal_hook::flag::register(signal, stop.flag())?;
            signal_hook::low_level::pipe::register(signal, wakes.try_clone()?)?;
        }
        disconnect_at_signal(Arc::clone(&stop), waken.try_clone()?)?;
        Ok(Self { stop, waken })
    }
}

/// Nothing is read from `waken`, because others wait for it, too.
fn disconnect_at_signal(stop: Arc<Stop>, waken: UnixStream) -> io::Result<()> {
    thread::Builder::new().spawn(move || {
        let mut ends = [PollFd::new(&waken, PollFlags::IN)];
        let polled = rustix::io::retry_on_intr(|| poll(&mut ends, None));
        if polled.is_ok() {
            stop.disconnect();
        }
    })?;
    Ok(())
}

/// Tries hosts that were recorded as down, but not again for every item if they are down in this run as well.
struct Undaunted<'a> {
    hosts: &'a (dyn Hosts + Sync),
    found: Mutex<HashMap<(String, Option<u16>), String>>,
}

impl<'a> Undaunted<'a> {
    fn new(hosts: &'a (dyn Hosts + Sync)) -> Self {
        let found = Mutex::default();
        Self { hosts, found }
    }

    fn found(&self) -> MutexGuard<'_, HashMap<(String, Option<u16>), String>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosts for Undaunted<'_> {
    fn down(&self, host: &str, port: Option<u16>) -> Option<String> {
        self.found().get(&(host.to_owned(), port)).cloned()
    }

    fn went_down(&self, host: &str, port: Option<u16>, why: &str) {
        self.found().insert((host.to_owned(), port), why.to_owned());
        self.hosts.went_down(host, port, why);
    }

    fn came_up(&self, host: &str, port: Option<u16>) {
        self.found().remove(&(host.to_owned(), port));
        self.hosts.came_up(host, port);
    }
}

/// Prints new events to stderr, so that cron mails them; known ones are not repeated. On a terminal, each
/// delivery is printed, and a summary at the end.
struct Printed {
    is_for_person: bool,
    delivered: AtomicUsize,
    deferred: AtomicUsize,
    failed: AtomicUsize,
}

impl Printed {
    fn new(run: &RunOptions) -> Self {
        Self {
            is_for_person: !run.behind
                && run.output.format == Format::None
                && io::stderr().is_terminal(),
            delivered: AtomicUsize::new(0),
            deferred: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
        }
    }

    /// Prints a line if stderr is a terminal.
    fn say(&self, text: &str) {
        if self.is_for_person {
            complain(text);
        }
    }

    /// `2 delivered, 1 deferred; 1 item in the queue`
    fn summarize(&self, spool: &Spool, is_done: bool) {
        if !is_done {
            self.say("another process is delivering what is in this queue");
            return;
        }
        let counts = [
            (&self.delivered, "delivered"),
            (&self.deferred, "deferred"),
            (&self.failed, "failed"),
        ];
        let counts = counts.map(|(count, what)| (count.load(Ordering::Relaxed), what));
        let notice = counts.iter().filter(|(count, _)| *count > 0);
        let notice: Vec<String> = notice
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let notice = if notice.is_empty() {
            "nothing was tried".to_owned()
        } else {
            notice.join(", ")
        };
        let left = spool.ids().map_or(0, |ids| ids.len());
        let left = counted(left as u64, "item");
        self.say(&format!("{notice}; {left} in the queue"));
    }
}

impl QueueObserver for Printed {
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        let count = match event {
            QueueEvent::Delivered { .. } => Some(&self.delivered),
            QueueEvent::Failed { is_final: true, .. } => Some(&self.failed),
            QueueEvent::Failed { .. } => Some(&self.deferred),
            _ => None,
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        match event {
            QueueEvent::Failed {
                id,
                sentence,
                is_new: true,
                ..
            } => complain(&format!("{id}: {sentence}")),
            QueueEvent::Again { id, recipient } => complain(&format!(
                "{id}: <{recipient}> may have got the message already; it is sent again and may \
                 arrive twice"
            )),
            QueueEvent::SetAside { id, reason } => complain(&format!(
                "{id} was set aside: {reason}; ehlo queue requeue {id} tries it again"
            )),
            QueueEvent::Trouble(text) => complain(text),
            QueueEvent::Delivered { id, recipient } => {
                self.say(&format!("{id}: <{recipient}> got the message"));
            }
            QueueEvent::Failed { .. } => {}
        }
    }
}
