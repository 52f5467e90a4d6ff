//! The state of an item, in a word.

use crate::client::outcome::RecipientStatus;
use crate::queue::store::{
    Claimed, Item, QueueStore, RecipientState, RetrySettings, is_due, next_attempt,
};
use crate::system::time::{brief, since};
use std::time::SystemTime;

/// State of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// The next run tries it.
    Due,
    /// No run tries it before this time.
    Waiting(SystemTime),
    /// An attempt is in progress.
    Sending,
    /// It waits until it is released.
    Held,
    /// It may have arrived, and waits for a decision of the user.
    Uncertain,
    /// It was set aside.
    Dead,
}

impl ItemState {
    /// The state. The claim is checked to recognize an attempt in progress.
    pub fn seen(
        item: &Item,
        store: &dyn QueueStore,
        settings: &RetrySettings,
        now: SystemTime,
    ) -> Self {
        let state = Self::of(item, settings, now);
        // An attempt without a result: another process is delivering the item, or crashed.
        let is_begun = item.history.crashes > 0 && state == Self::Due;
        if is_begun && matches!(store.claim(&item.id), Ok(Claimed::Busy)) {
            return Self::Sending;
        }
        state
    }

    /// The state from the item alone: an attempt in progress is not recognized.
    fn of(item: &Item, settings: &RetrySettings, now: SystemTime) -> Self {
        if item.dead.is_some() {
            return Self::Dead;
        }
        if item.history.held {
            return Self::Held;
        }
        match next_attempt(item, settings) {
            None => Self::Uncertain,
            Some(_) if is_due(item, settings, now) => Self::Due,
            Some(next) => Self::Waiting(next),
        }
    }

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Waiting(_) => "waiting",
            Self::Sending => "sending",
            Self::Held => "held",
            Self::Uncertain => "uncertain",
            Self::Dead => "dead",
        }
    }

    /// The time of the next attempt, in short form.
    pub fn next(self, now: SystemTime) -> String {
        match self {
            Self::Due => "now".to_owned(),
            Self::Waiting(next) => {
                format!("in {}", brief(since(now, next)))
            }
            Self::Sending => "being sent".to_owned(),
            Self::Held => "held".to_owned(),
            Self::Uncertain => "in doubt".to_owned(),
            Self::Dead => "never".to_owned(),
        }
    }

    /// The time of the next attempt, if there is one.
    pub fn time(self, now: SystemTime) -> Option<SystemTime> {
        match self {
            Self::Due => Some(now),
            Self::Waiting(next) => Some(next),
            Self::Sending | Self::Held | Self::Uncertain | Self::Dead => None,
        }
    }
}

/// True if nothing remains to be done for a recipient.
pub fn is_done(recipient_state: &RecipientState) -> bool {
    let verdict = recipient_state.end.as_ref().map(|end| end.verdict);
    recipient_state.reported
        || verdict == Some(RecipientStatus::Accepted) && !recipient_state.in_doubt
}

/// Text about a recipient: the server's reply, if there is one.
pub fn words(recipient_state: &RecipientState) -> &str {
    match &recipient_state.end {
        _ if recipient_state.in_doubt => "it may have arrived: the end was sent, and no reply came",
        Some(end) => end.reply.as_deref().unwrap_or(&end.words),
        None => "not tried yet",
    }
}
