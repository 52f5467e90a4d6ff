//! Ctrl-C while a message is being sent: prints one line for each recipient who did not get it.

use crate::cli::terminal::complain;
use crate::client::events::{Event, Interests, Observer};
use crate::client::outcome::RecipientStatus;
use crate::mail::address::Address;
use crate::smtp::stage::Stage;
use crate::system::figures::counted;
use crate::system::process::is_ignored;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

/// The message that is being sent; `None`: none is. A signal concerns the whole process.
static PENDING: Mutex<Option<Pending>> = Mutex::new(None);

/// State of the recipients of a message that is being sent.
struct Pending {
    recipients: Vec<String>,
    /// True if the message has been sent and its reply is outstanding.
    is_sent: bool,
    /// True if the message is in the queue.
    is_kept: bool,
    /// Number of messages after this one.
    left: usize,
}

/// A message whose recipients are reported if a signal interrupts its delivery.
pub struct Tracking<'a> {
    pub recipients: &'a [Address],
    /// True if the message is in the queue.
    pub is_kept: bool,
    /// Number of messages that are to be sent after it.
    pub left: usize,
}

/// An [`Observer`] that records results, and passes all events on.
struct Tracker<'w> {
    next: &'w mut dyn Observer,
    /// Closed when the watcher is ready, or is not needed.
    watcher: Option<Receiver<()>>,
}

/// Sends. If SIGINT arrives meanwhile, reports the recipients that did not receive the message, and ends the
/// process by the signal. Without a terminal, the signal has its default effect.
///
/// A signal that the caller ignores stays ignored, as for jobs in the background.
pub fn tracked<T>(
    message: &Tracking<'_>,
    observer: &mut dyn Observer,
    send: impl FnOnce(&mut dyn Observer) -> T,
) -> T {
    static WATCHER: Once = Once::new();
    // Without a terminal, Ctrl-C cannot be typed, and a quick delivery is spared the watcher.
    if !(stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal()) {
        return send(observer);
    }
    *pending() = Some(Pending {
        recipients: message.recipients.iter().map(ToString::to_string).collect(),
        is_sent: false,
        is_kept: message.is_kept,
        left: message.left,
    });
    let mut watcher = None;
    WATCHER.call_once(|| {
        let (ready, wait) = mpsc::channel();
        watcher = Some(wait);
        // It gets ready while the session begins. Without the thread, the signal has its default effect.
        let _ = thread::Builder::new().spawn(move || watch(ready));
    });
    let sent = send(&mut Tracker {
        next: observer,
        watcher,
    });
    *pending() = None;
    sent
}

fn pending() -> MutexGuard<'static, Option<Pending>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(ready: Sender<()>) {
    if is_ignored(SIGINT) {
        return;
    }
    let Ok(mut signals) = Signals::new([SIGINT]) else {
        return;
    };
    drop(ready);
    if signals.forever().next().is_some() {
        if let Some(pending) = &*pending() {
            report(pending);
        }
        let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
    }
}

fn report(pending: &Pending) {
    let result = if pending.is_sent {
        "may have received the message"
    } else {
        "did not receive the message"
    };
    let end = if pending.is_kept {
        "; it stays in the queue"
    } else {
        ""
    };
    for recipient in &pending.recipients {
        complain(&format!("interrupted: <{recipient}> {result}{end}"));
    }
    if pending.left > 0 {
        let left = counted(pending.left as u64, "message");
        complain(&format!("interrupted: {left} after it: not sent"));
    }
}

impl Observer for Tracker<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        // No recipient can have the message before, and the watcher gets ready during the first replies.
        if matches!(
            what,
            Event::Sent {
                stage: Stage::Mail,
                ..
            }
        ) && let Some(watcher) = self.watcher.take()
        {
            let _ = watcher.recv();
        }
        if let Some(pending) = &mut *pending() {
            pending.record(&what);
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

impl Pending {
    fn record(&mut self, event: &Event<'_>) {
        match event {
            Event::Data { .. } => self.is_sent = true,
            Event::Host { .. }
            | Event::Sent {
                stage: Stage::Mail, ..
            } => self.is_sent = false,
            Event::Settled {
                recipient, status, ..
            } => {
                self.is_sent = false;
                if matches!(status, RecipientStatus::Accepted | RecipientStatus::Refused) {
                    self.recipients.retain(|other| other != recipient);
                }
            }
            _ => {}
        }
    }
}
