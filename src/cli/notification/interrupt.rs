//! Signals that arrive while a report is mailed. They take effect as soon as the report is in the queue. A
//! report that is sent without a queue is first saved in a dead letter file.

use crate::cron::job::{JobSignals, end_by};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::io::{self, PipeReader};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Signals belong to the process. `None`: they have their default effect.
static HELD: Mutex<Option<JobSignals>> = Mutex::new(None);

fn held() -> MutexGuard<'static, Option<JobSignals>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps signals until [`release`].
pub fn hold(signals: JobSignals) {
    *held() = Some(signals);
}

/// The report is safe: restores the default effect of signals, also of one that has already arrived.
pub fn release() {
    let signals = held().take();
    if let Some(signals) = signals {
        signals.release();
    }
}

/// Does the work. If a signal arrives meanwhile, saves the report, and ends the process by the signal.
pub fn guarded<T>(save: &(dyn Fn() + Sync), work: impl FnOnce() -> T) -> T {
    let signals = held().take();
    let (Some(mut signals), Ok((end, working))) = (signals, io::pipe()) else {
        return work();
    };
    let done = thread::scope(|scope| {
        let watcher = || observer(&end, &mut signals, save);
        // If the thread cannot be started, a signal takes effect after the work.
        let _ = thread::Builder::new().spawn_scoped(scope, watcher);
        let done = work();
        drop(working);
        done
    });
    hold(signals);
    done
}

/// Until the other end of the pipe is closed.
fn observer(end: &PipeReader, signals: &mut JobSignals, save: &(dyn Fn() + Sync)) {
    loop {
        if let Some(signal) = signals.fatal() {
            save();
            end_by(signal);
        }
        let mut both = [
            PollFd::new(end, PollFlags::IN),
            PollFd::from_borrowed_fd(signals.descriptor(), PollFlags::IN),
        ];
        match poll(&mut both, None) {
            Ok(_) if both[0].revents().is_empty() => {}
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}
