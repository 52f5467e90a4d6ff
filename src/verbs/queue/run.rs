//! `ehlo queue run`: delivers what is due.

use crate::courier::{Ear, News, Office, Remembered, Rounds, Selection};
use crate::deliver::Hosts;
use crate::exit::Exit;
use crate::plan::{self, Run};
use crate::queue::{Id, QueueError, Spool, Store as _, Watcher};
use crate::transcript::{Format, Json, Stevens};
use crate::verbs::keep::Silent;
use crate::verbs::terminal::{Stdout, complain};
use crate::watch::Watch;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// In a watched queue, it is looked so often at least for what has become due.
const LOOK: Duration = Duration::from_secs(30);

/// Delivers what is due, once or again and again.
pub fn run(spool: &Spool, plan: &plan::Spool, run: &Run) -> Exit {
    let stop = match heed_signals() {
        Ok(stop) => stop,
        Err(error) => {
            complain(&format!("cannot heed signals: {error}"));
            return Exit::Bug;
        }
    };
    if run.behind {
        // Whoever started us may end with their terminal; we do not.
        let _ = rustix::process::setsid();
    }
    let selection = match selection(spool, run) {
        Ok(selection) => selection,
        Err(exit) => return exit,
    };
    let down = Remembered {
        spool,
        memory: plan.settings.host_down,
    };
    let hosts: &(dyn Hosts + Sync) = if run.now { &Undaunted(&down) } else { &down };
    let ear: &dyn Ear = if run.behind { &Silent } else { &Printed };
    let office = Office {
        store: spool,
        hosts,
        settings: &plan.settings,
        ways: &*plan.ways,
        ear,
        stop: &stop,
    };
    let runner = Runner {
        spool,
        office,
        selection,
        run,
    };
    let done = if run.watch {
        runner.stay()
    } else {
        runner.once().map(|_| ())
    };
    match done {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(&error.to_string());
            Exit::Temporary
        }
    }
}

struct Runner<'a> {
    spool: &'a Spool,
    office: Office<'a>,
    selection: Selection,
    run: &'a Run,
}

impl Runner<'_> {
    /// Until nothing is due, if nobody else is at it. Who names items does not care whether somebody is.
    fn once(&self) -> Result<bool, QueueError> {
        let mut rounds = Rounds::default();
        loop {
            let lock = self.spool.lock_runner()?;
            if lock.is_none() && self.selection.ids.is_empty() {
                return Ok(false);
            }
            self.round(&mut rounds)?;
            drop(lock);
            // Who came while the lock was held relies on us.
            let stops = self.office.stop.load(Ordering::Relaxed);
            if stops || !self.office.is_something_due(&self.selection, &rounds) {
                return Ok(true);
            }
        }
    }

    fn round(&self, rounds: &mut Rounds) -> Result<(), QueueError> {
        let mut go =
            |watch: Option<&mut dyn Watch>| self.office.round(&self.selection, rounds, watch);
        match self.run.output.format {
            Format::None => go(None),
            Format::Stevens => {
                let verbose = self.run.output.verbose;
                go(Some(&mut Stevens::new(Stdout, verbose)))
            }
            Format::Json => go(Some(&mut Json::new(Stdout))),
        }
    }

    /// Until a signal comes.
    fn stay(&self) -> Result<(), QueueError> {
        let watcher = self.spool.watcher()?;
        while !self.office.stop.load(Ordering::Relaxed) {
            if !self.once()? {
                // Somebody else runs the queue; what they leave is for us.
                std::thread::sleep(Duration::from_secs(1));
                continue;
            }
            let next = LOOK;
            self.wait(&watcher, next);
        }
        Ok(())
    }

    /// Until there is something new, or for so long. A signal ends it, too.
    fn wait(&self, watcher: &Watcher, limit: Duration) {
        let end = Instant::now() + limit;
        while !self.office.stop.load(Ordering::Relaxed) {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            let mut fds = [PollFd::new(watcher, PollFlags::IN)];
            let is_there =
                rustix::event::poll(&mut fds, timeout.as_ref()).is_ok_and(|count| count > 0);
            if left.is_zero() || is_there && watcher.drain() {
                return;
            }
        }
    }
}

/// The items that are named must be there.
fn selection(spool: &Spool, run: &Run) -> Result<Selection, Exit> {
    let ids: Result<Vec<Id>, Exit> = run.ids.iter().map(|id| super::find(spool, id)).collect();
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
        // Who names an item or a domain does not want to wait.
        now: run.now || !ids.is_empty() || !run.domains.is_empty(),
        ids,
        domains: run.domains.clone(),
        ..Selection::default()
    })
}

/// The first signal ends the run behind the message that is being sent; the second ends it at once, and
/// the journal says how far it came.
fn heed_signals() -> std::io::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Tries hosts that were down a moment ago.
struct Undaunted<'a>(&'a (dyn Hosts + Sync));

impl Hosts for Undaunted<'_> {
    fn down(&self, _: &str, _: Option<u16>) -> Option<String> {
        None
    }

    fn went_down(&self, host: &str, port: Option<u16>, why: &str) {
        self.0.went_down(host, port, why);
    }

    fn came_up(&self, host: &str, port: Option<u16>) {
        self.0.came_up(host, port);
    }
}

/// What is new goes to stderr, so that cron mails it; what was said before is not said again.
struct Printed;

impl Ear for Printed {
    fn hear(&self, news: &News<'_>) {
        match news {
            News::Failed {
                id,
                sentence,
                is_new: true,
                ..
            } => complain(&format!("{id}: {sentence}")),
            News::Again { id, recipient } => complain(&format!(
                "{id}: <{recipient}> may have got the message already; it is sent again and may \
                 arrive twice"
            )),
            News::SetAside { id, reason } => complain(&format!(
                "{id} was set aside: {reason}; ehlo queue requeue {id} tries it again"
            )),
            News::Trouble(text) => complain(text),
            News::Failed { .. } | News::Delivered { .. } | News::Reported { .. } => {}
        }
    }
}
