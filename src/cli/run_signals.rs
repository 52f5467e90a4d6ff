//! Signals that end a run with many deliveries, or a server.

use crate::server::Stopper;
use crate::system::process::ignored_signals;
use crate::system::stop::Stop;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

/// The first signal ends the run: sessions that have not sent the end of data are disconnected, and the reply
/// is awaited in the others. The second one ends the process at once; the journal has the state.
pub(crate) struct RunSignals {
    /// Set by the first.
    pub stop: Arc<Stop>,
    /// Readable after a signal, so that a poll ends.
    pub waken: UnixStream,
}

impl RunSignals {
    pub fn install() -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let (waken, wakes) = UnixStream::pair()?;
        for signal in ending_signals() {
            signal_hook::flag::register_conditional_default(signal, stop.flag())?;
            signal_hook::flag::register(signal, stop.flag())?;
            signal_hook::low_level::pipe::register(signal, wakes.try_clone()?)?;
        }
        disconnect_at_signal(Arc::clone(&stop), waken.try_clone()?)?;
        Ok(Self { stop, waken })
    }
}

/// The signals that end the process. Ignored ones stay ignored, as with nohup.
fn ending_signals() -> impl Iterator<Item = i32> {
    let ignored = ignored_signals();
    let all = [SIGHUP, SIGINT, SIGTERM].into_iter();
    all.filter(move |signal| ignored >> (signal - 1) & 1 == 0)
}

/// At the first signal, the server is stopped, and the number of the signal is in the returned variable. The second
/// one ends the process at once.
pub(crate) fn stop_at_signal(stopper: Stopper) -> io::Result<Arc<AtomicI32>> {
    let mut signals = Signals::new(ending_signals())?;
    let first = Arc::new(AtomicI32::new(0));
    let received = Arc::clone(&first);
    thread::Builder::new().spawn(move || {
        for signal in &mut signals {
            if received.swap(signal, Ordering::Relaxed) != 0 {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            stopper.stop();
        }
    })?;
    Ok(first)
}

/// Does not read from `waken`, because other threads poll it as well.
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
