//! Work in threads, until a deadline.

use crate::client::events::{Observer, Silent};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::Instant;

/// Tasks that run at the same time. What is not finished at the deadline is given up: its thread ends by its own time
/// limits.
pub struct Jobs<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
    deadline: Instant,
    /// True: one after the other, so that an observer sees one conversation at a time.
    is_serial: bool,
}

impl<T: Send + 'static> Jobs<T> {
    pub fn new(deadline: Instant, is_serial: bool) -> Self {
        let (sender, receiver) = channel();
        Self {
            sender,
            receiver,
            deadline,
            is_serial,
        }
    }

    pub fn start(
        &self,
        work: impl FnOnce(&mut dyn Observer) -> T + Send + 'static,
        observer: &mut dyn Observer,
    ) {
        let sender = self.sender.clone();
        if self.is_serial {
            let _ = sender.send(work(observer));
            return;
        }
        // If there is no thread, the result is missing, as at the deadline.
        let _ = Builder::new().spawn(move || {
            let _ = sender.send(work(&mut Silent));
        });
    }

    /// The results of the tasks that have ended in time, in any order.
    pub fn finish(self) -> Vec<T> {
        drop(self.sender);
        let mut results = Vec::new();
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.receiver.recv_timeout(left) {
                Ok(result) => results.push(result),
                Err(_) => return results,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_of_all_tasks_are_collected() {
        for is_serial in [true, false] {
            let jobs = Jobs::new(Instant::now() + Duration::from_secs(600), is_serial);
            for number in 0..20 {
                jobs.start(move |_| number, &mut Silent);
            }
            let mut results = jobs.finish();
            results.sort_unstable();
            assert_eq!(results, (0..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_task_that_does_not_end_is_given_up() {
        let (_hold, wait) = channel::<()>();
        let jobs = Jobs::new(Instant::now() + Duration::from_millis(50), false);
        jobs.start(move |_| wait.recv().is_ok(), &mut Silent);
        assert!(jobs.finish().is_empty());
    }
}
