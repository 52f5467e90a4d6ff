//! When each message is due, and which worker sends it.

use crate::probe::load::{LoadPlan, Pace, locked};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::thread::Thread;
use std::time::{Duration, Instant};

/// The right to send one message.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    /// From 0.
    pub number: u64,
    /// The time at which the message should begin.
    pub due: Instant,
}

/// Hands out the tickets of a run.
pub struct Pacer {
    pub start: Instant,
    end: Option<Instant>,
    messages: u64,
    ramp: Duration,
    connections: usize,
    is_over: AtomicBool,
    /// All workers, which are woken at the end.
    workers: Mutex<Vec<Thread>>,
    /// The next number in the closed loop.
    next: AtomicU64,
    open: Option<OpenLoop>,
}

struct OpenLoop {
    /// Messages in a second, after the ramp.
    rate: f64,
    /// Time until the rate is reached, in seconds.
    ramp: f64,
    state: Mutex<OpenState>,
}

#[derive(Default)]
struct OpenState {
    next: u64,
    /// True while a worker waits for the time of the next message.
    is_awaited: bool,
    /// Workers without a message. The last one is taken first, so that no more connections are used than needed.
    idle: Vec<Arc<Turn>>,
}

/// A worker as the pacer wakes it.
pub struct Turn {
    thread: Thread,
    /// True if it is to wait for the next message.
    is_mine: AtomicBool,
}

impl Pacer {
    /// A run that begins now.
    pub fn new(plan: &LoadPlan) -> Self {
        let start = Instant::now();
        let duration = plan.end.duration.map(|duration| plan.warm_up + duration);
        Self {
            start,
            end: duration.map(|duration| start + duration),
            messages: plan.end.messages.unwrap_or(u64::MAX),
            ramp: plan.ramp,
            connections: plan.connections,
            is_over: AtomicBool::new(false),
            workers: Mutex::new(Vec::new()),
            next: AtomicU64::new(0),
            open: match plan.pace {
                Pace::Closed { .. } => None,
                Pace::Open { rate } => Some(OpenLoop {
                    rate,
                    ramp: plan.ramp.as_secs_f64(),
                    state: Mutex::default(),
                }),
            },
        }
    }

    /// Enters the worker that calls it. In the closed loop, waits until its connection belongs to the ramp.
    pub fn enter(&self, worker: usize) -> Arc<Turn> {
        let turn = Arc::new(Turn {
            thread: thread::current(),
            is_mine: AtomicBool::new(false),
        });
        locked(&self.workers).push(turn.thread.clone());
        if self.open.is_none() && !self.ramp.is_zero() {
            let part = worker as f64 / self.connections as f64;
            self.sleep_until(self.start + self.ramp.mul_f64(part));
        }
        turn
    }

    /// Waits for the next message that this worker sends; `None`: there is none.
    pub fn next(&self, turn: &Arc<Turn>) -> Option<Ticket> {
        if self.is_over() {
            return None;
        }
        match &self.open {
            None => self.next_at_once(),
            Some(open) => self.next_due(open, turn),
        }
    }

    fn next_at_once(&self) -> Option<Ticket> {
        let due = Instant::now();
        let is_late = self.end.is_some_and(|end| due >= end);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if is_late || number >= self.messages {
            self.stop();
            return None;
        }
        Some(Ticket { number, due })
    }

    /// One worker at a time waits until a message is due; another one takes its place before it sends.
    fn next_due(&self, open: &OpenLoop, turn: &Arc<Turn>) -> Option<Ticket> {
        let mut state = locked(&open.state);
        if state.is_awaited {
            state.idle.push(Arc::clone(turn));
            drop(state);
            while !turn.is_mine.swap(false, Ordering::Acquire) {
                if self.is_over() {
                    return None;
                }
                thread::park();
            }
            state = locked(&open.state);
        }
        state.is_awaited = true;
        let number = state.next;
        drop(state);
        let due = self.start + open.due(number);
        if number >= self.messages || self.end.is_some_and(|end| due >= end) {
            self.stop();
            return None;
        }
        if !self.sleep_until(due) {
            return None;
        }
        let mut state = locked(&open.state);
        state.next += 1;
        match state.idle.pop() {
            Some(other) => {
                other.is_mine.store(true, Ordering::Release);
                other.thread.unpark();
            }
            None => state.is_awaited = false,
        }
        Some(Ticket { number, due })
    }

    /// Ends the run: no further ticket is handed out, and workers that wait return.
    pub fn stop(&self) {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return;
        }
        for worker in locked(&self.workers).iter() {
            worker.unpark();
        }
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Returns false if the run ends before.
    pub fn sleep_until(&self, at: Instant) -> bool {
        while !self.is_over() {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::park_timeout(left);
        }
        false
    }
}

impl OpenLoop {
    /// The time of a message after the start. The rate rises linearly during the ramp.
    fn due(&self, number: u64) -> Duration {
        let number = number as f64;
        let in_ramp = self.rate * self.ramp / 2.0;
        Duration::from_secs_f64(if number < in_ramp {
            (2.0 * number * self.ramp / self.rate).sqrt()
        } else {
            self.ramp + (number - in_ramp) / self.rate
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::load::{LoadEnd, MessageTemplate, Mix, RecipientTemplate, Sizes};

    fn due(rate: f64, ramp: f64, number: u64) -> f64 {
        let open = OpenLoop {
            rate,
            ramp,
            state: Mutex::default(),
        };
        open.due(number).as_secs_f64()
    }

    #[test]
    fn messages_of_a_rate_are_evenly_spaced() {
        for (number, at) in [(0, 0.0), (1, 0.02), (100, 2.0)] {
            assert!((due(50.0, 0.0, number) - at).abs() < 1e-9, "{number}");
        }
    }

    #[test]
    fn ramp_sends_half_of_the_messages_of_its_time() {
        assert!((due(100.0, 4.0, 50) - 2.0).abs() < 1e-9);
        assert!((due(100.0, 4.0, 200) - 4.0).abs() < 1e-9);
        assert!((due(100.0, 4.0, 300) - 5.0).abs() < 1e-9);
    }

    fn plan(pace: Pace, end: LoadEnd) -> LoadPlan {
        let sizes = Sizes::parse("1024", |_| Ok(1024)).unwrap();
        let to = RecipientTemplate::parse("b@example.com").unwrap();
        LoadPlan {
            pace,
            connections: 4,
            end,
            warm_up: Duration::ZERO,
            ramp: Duration::ZERO,
            per_connection: None,
            mix: Mix::ALL,
            message: MessageTemplate::new(None, (to, 1), sizes, 1),
            interval: Duration::from_secs(1),
        }
    }

    /// The tickets of four workers, in the order of their numbers, with the times at which they were handed out.
    fn tickets(pacer: &Pacer) -> Vec<(Ticket, Instant)> {
        let all = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for worker in 0..4 {
                let all = &all;
                let work = move || {
                    let turn = pacer.enter(worker);
                    while let Some(ticket) = pacer.next(&turn) {
                        locked(all).push((ticket, Instant::now()));
                    }
                };
                thread::Builder::new().spawn_scoped(scope, work).unwrap();
            }
        });
        let mut all = all.into_inner().unwrap();
        all.sort_by_key(|(ticket, _)| ticket.number);
        all
    }

    #[test]
    fn each_message_is_handed_out_once_and_never_before_it_is_due() {
        let end = LoadEnd {
            messages: Some(300),
            duration: None,
        };
        for pace in [
            Pace::Open { rate: 3000.0 },
            Pace::Closed {
                think: Duration::ZERO,
            },
        ] {
            let tickets = tickets(&Pacer::new(&plan(pace, end)));
            let numbers: Vec<u64> = tickets.iter().map(|(ticket, _)| ticket.number).collect();
            assert_eq!(numbers, (0..300).collect::<Vec<u64>>(), "{pace:?}");
            assert!(
                tickets.iter().all(|(ticket, at)| ticket.due <= *at),
                "{pace:?}"
            );
        }
    }

    #[test]
    fn stop_wakes_all_workers() {
        let end = LoadEnd {
            messages: None,
            duration: None,
        };
        // The second message is due after an hour.
        let pacer = Pacer::new(&plan(Pace::Open { rate: 1.0 / 3600.0 }, end));
        thread::scope(|scope| {
            let stop = || {
                while locked(&pacer.workers).len() < 4 {
                    thread::yield_now();
                }
                pacer.stop();
            };
            thread::Builder::new().spawn_scoped(scope, stop).unwrap();
            assert!(tickets(&pacer).len() <= 1);
        });
    }
}
