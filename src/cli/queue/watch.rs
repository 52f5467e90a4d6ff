//! `ehlo queue run --watch`: keeps running, and delivers new items and items that become due.

use crate::cli::queue::run::Runner;
use crate::queue::delivery::{RunProgress, Selection};
use crate::queue::store::{Changed, QueueError, Watcher};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Maximum interval between two checks of the clock, which the administrator may set.
const LOOK: Duration = Duration::from_secs(30);

/// Interval at which every item is read again, even without a notification: there are none for changes by
/// another host that shares the directory.
const FORGET: Duration = Duration::from_secs(5 * 60);

/// Minimum interval between two passes.
const PAUSE: Duration = Duration::from_millis(200);

/// Pause while another process holds the queue or an item. A failed claim of this process would also wake the
/// watcher at once.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// Runs until a signal arrives.
pub fn stay(runner: &Runner<'_>, mut selection: Selection) -> Result<(), QueueError> {
    let is_for_all = selection.domains.is_empty();
    // A process that queues a message relies on a watch that serves the whole queue.
    let lock = is_for_all.then(|| runner.spool.lock_watch()).transpose()?;
    if matches!(lock, Some(None)) {
        return Err(watched(runner.spool.path()));
    }
    let watcher = runner.spool.watcher()?;
    let mut rounds = RunProgress::default();
    let mut all_seen = Instant::now();
    while !runner.run_context.stop.is_set() {
        let begun = Instant::now();
        if !runner.once(&selection, &mut rounds)? {
            wait_for_signal(runner, ELSEWHERE);
            continue;
        }
        // Items that are not due are tried once at the beginning only.
        selection.now = false;
        let next = runner.run_context.next_due(&mut rounds).unwrap_or(LOOK);
        let pause = if rounds.busy > 0 { ELSEWHERE } else { PAUSE };
        wait_for_signal(runner, pause.saturating_sub(begun.elapsed()));
        let changed = wait(runner, &watcher, next.clamp(PAUSE, LOOK));
        if changed == Changed::Anything || all_seen.elapsed() >= FORGET {
            rounds = RunProgress::default();
            all_seen = Instant::now();
        } else if let Changed::These(ids) = changed {
            rounds.forget(&ids);
            rounds.go_on(SystemTime::now());
        }
    }
    Ok(())
}

fn watched(path: &Path) -> QueueError {
    QueueError::Place {
        path: path.to_owned(),
        why: "is watched already by another ehlo queue run --watch".to_owned(),
    }
}

/// Waits for a change, for a signal, or until the time limit.
fn wait(runner: &Runner<'_>, watcher: &Watcher, limit: Duration) -> Changed {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let ends = [
            PollFd::new(&runner.signals.waken, PollFlags::IN),
            PollFd::new(watcher, PollFlags::IN),
        ];
        poll(ends, left);
        let changed = watcher.drain();
        let is_over = left.is_zero() || runner.run_context.stop.is_set();
        if is_over || changed != Changed::These([].into()) {
            return changed;
        }
    }
}

fn wait_for_signal(runner: &Runner<'_>, limit: Duration) {
    poll([PollFd::new(&runner.signals.waken, PollFlags::IN)], limit);
}

/// EINTR is ignored: the caller checks the flag next.
fn poll<const COUNT: usize>(mut ends: [PollFd<'_>; COUNT], limit: Duration) {
    let limit = Timespec::try_from(limit).ok();
    let _ = rustix::event::poll(&mut ends, limit.as_ref());
}
