//! Signals that end a run with many deliveries.

use crate::system::stop::Stop;
use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
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
