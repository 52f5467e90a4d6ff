//! The workers, as far as somebody waits for them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How many are at work.
#[derive(Default)]
pub struct Workers {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Workers {
    pub fn count(&self) -> usize {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn joins(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    pub fn leaves(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.changed.notify_all();
    }

    /// Until nobody is at work any more, or for so long. Gives how many are.
    pub fn wait(&self, limit: Duration) -> usize {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(count, limit, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
