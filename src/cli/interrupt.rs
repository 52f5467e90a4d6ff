//! Ctrl-C while a message is being sent: prints one line for each recipient who did not get it.

use crate::cli::terminal::complain;
use crate::client::events::{Event, Interests, Observer};
use crate::client::outcome::RecipientStatus;
use crate::mail::address::Address;
use crate::smtp::stage::Stage;
use crate::system::process::is_ignored;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// State of the recipients of a message that is being sent.
struct Pending {
    recipients: Vec<String>,
    /// True if the message has been sent and its reply is outstanding.
    is_sent: bool,
    /// True if the message is in the queue.
    is_kept: bool,
}

type Shared = Arc<Mutex<Pending>>;

/// An [`Observer`] that records results, and passes all events on.
struct Tracker<'w> {
    next: &'w mut dyn Observer,
    pending: Shared,
}

/// Sends. If SIGINT arrives meanwhile, reports the recipients that did not get the message, and ends the
/// process by the signal.
///
/// A signal that the caller ignores stays ignored, as for jobs in the background.
pub fn tracked<T>(
    recipients: &[Address],
    is_kept: bool,
    observer: &mut dyn Observer,
    send: impl FnOnce(&mut dyn Observer) -> T,
) -> T {
    let pending = Arc::new(Mutex::new(Pending {
        recipients: recipients.iter().map(ToString::to_string).collect(),
        is_sent: false,
        is_kept,
    }));
    let signals = (!is_ignored(SIGINT))
        .then(|| Signals::new([SIGINT]).ok())
        .flatten();
    let handle = signals.as_ref().map(Signals::handle);
    if let Some(signals) = signals {
        let shared = Arc::clone(&pending);
        // Without the thread, SIGINT would be swallowed.
        if thread::Builder::new()
            .spawn(move || wait(signals, &shared))
            .is_err()
        {
            restore();
        }
    }
    let mut tracker = Tracker {
        next: observer,
        pending,
    };
    let sent = send(&mut tracker);
    if let Some(handle) = handle {
        handle.close();
        restore();
    }
    sent
}

fn wait(mut signals: Signals, pending: &Shared) {
    if signals.forever().next().is_some() {
        tell(&pending.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
    }
}

fn tell(pending: &Pending) {
    for recipient in &pending.recipients {
        let what = if pending.is_sent {
            "may have got the message"
        } else {
            "did not get the message"
        };
        let end = if pending.is_kept {
            "; it stays in the queue"
        } else {
            ""
        };
        complain(&format!("interrupted: <{recipient}> {what}{end}"));
    }
}

/// Gives SIGINT its default again: signal-hook leaves a handler that does nothing.
fn restore() {
    let _ = signal_hook::flag::register_conditional_default(
        SIGINT,
        Arc::new(std::sync::atomic::AtomicBool::new(true)),
    );
}

impl Observer for Tracker<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            match what {
                Event::Data { .. } => pending.is_sent = true,
                Event::Host { .. }
                | Event::Sent {
                    stage: Stage::Mail, ..
                } => {
                    pending.is_sent = false;
                }
                Event::Settled {
                    recipient, status, ..
                } => {
                    pending.is_sent = false;
                    if matches!(status, RecipientStatus::Accepted | RecipientStatus::Refused) {
                        pending.recipients.retain(|other| other != recipient);
                    }
                }
                _ => {}
            }
        }
        self.next.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.next.is_closed()
    }

    fn interests(&self) -> Interests {
        self.next.interests()
    }
}
