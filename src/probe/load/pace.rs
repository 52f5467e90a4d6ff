//! When each message is due, and which connection sends it.

use crate::probe::load::reactor::Task;
use crate::probe::load::{LoadPlan, Pace, locked};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
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
    /// All connections, which are woken at the end.
    wakers: Mutex<Vec<Waker>>,
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
    /// True while a connection waits for the time of the next message.
    is_awaited: bool,
    /// Connections without a message. The last one is taken first, so that no more are used than needed.
    idle: Vec<Arc<Turn>>,
}

/// A connection as the pacer wakes it.
pub struct Turn {
    waker: Waker,
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
            wakers: Mutex::new(Vec::new()),
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

    /// Enters a connection. In the closed loop, waits until it belongs to the ramp.
    pub async fn enter(&self, connection: usize, task: &Task) -> Arc<Turn> {
        let waker = std::future::poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        locked(&self.wakers).push(waker.clone());
        if self.open.is_none() && !self.ramp.is_zero() {
            let part = connection as f64 / self.connections as f64;
            self.sleep_until(self.start + self.ramp.mul_f64(part), task)
                .await;
        }
        Arc::new(Turn {
            waker,
            is_mine: AtomicBool::new(false),
        })
    }

    /// Waits for the next message that this connection sends; `None`: there is none.
    pub async fn next(&self, turn: &Arc<Turn>, task: &Task) -> Option<Ticket> {
        if self.is_over() {
            return None;
        }
        match &self.open {
            None => self.next_at_once(),
            Some(open) => self.next_due(open, turn, task).await,
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

    /// One connection at a time waits until a message is due; another one takes its place before it sends.
    async fn next_due(&self, open: &OpenLoop, turn: &Arc<Turn>, task: &Task) -> Option<Ticket> {
        if open.is_taken(turn) && !self.is_called(turn).await {
            return None;
        }
        let number = locked(&open.state).next;
        let due = self.start + open.due(number);
        if number >= self.messages || self.end.is_some_and(|end| due >= end) {
            self.stop();
            return None;
        }
        if !self.sleep_until(due, task).await {
            return None;
        }
        open.pass_on();
        Some(Ticket { number, due })
    }

    /// Waits until it is the turn of this connection. Returns false if the run ends before.
    async fn is_called(&self, turn: &Turn) -> bool {
        std::future::poll_fn(|_| {
            if turn.is_mine.swap(false, Ordering::Acquire) {
                Poll::Ready(true)
            } else if self.is_over() {
                Poll::Ready(false)
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// Ends the run: no further ticket is handed out, and connections that wait are woken.
    pub fn stop(&self) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.wake_all();
        }
    }

    pub fn wake_all(&self) {
        for waker in locked(&self.wakers).iter() {
            waker.wake_by_ref();
        }
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Returns false if the run ends before.
    pub async fn sleep_until(&self, at: Instant, task: &Task) -> bool {
        while !self.is_over() {
            if at <= Instant::now() {
                return true;
            }
            task.event(at).await;
        }
        false
    }
}

impl OpenLoop {
    /// True if another connection waits for the next message; this one is then called later.
    fn is_taken(&self, turn: &Arc<Turn>) -> bool {
        let mut state = locked(&self.state);
        if state.is_awaited {
            state.idle.push(Arc::clone(turn));
        }
        std::mem::replace(&mut state.is_awaited, true)
    }

    /// The next message is sent. Another connection waits for the one after it.
    fn pass_on(&self) {
        let mut state = locked(&self.state);
        state.next += 1;
        match state.idle.pop() {
            Some(other) => {
                other.is_mine.store(true, Ordering::Release);
                other.waker.wake_by_ref();
            }
            None => state.is_awaited = false,
        }
    }

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
    use crate::probe::load::reactor::{Reactor, Work};
    use crate::probe::load::{LoadEnd, MessageTemplate, Mix, RecipientTemplate, Sizes};
    use std::thread;

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
            keeps_going: false,
        }
    }

    /// The tickets of four connections in two threads, in the order of their numbers, with the times at which they were
    /// handed out.
    fn tickets(pacer: &Pacer) -> Vec<(Ticket, Instant)> {
        let all = Mutex::new(Vec::new());
        let connection = |number: usize, task: Task| -> Work<'_> {
            let all = &all;
            Box::pin(async move {
                let turn = pacer.enter(number, &task).await;
                while let Some(ticket) = pacer.next(&turn, &task).await {
                    locked(all).push((ticket, Instant::now()));
                    // Another connection has its turn.
                    task.event(Instant::now()).await;
                }
            })
        };
        thread::scope(|scope| {
            for _ in 0..2 {
                let run = || {
                    let reactor = Reactor::new().unwrap();
                    reactor.run(2, connection, &AtomicBool::new(false)).unwrap();
                };
                thread::Builder::new().spawn_scoped(scope, run).unwrap();
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
    fn stop_wakes_all_connections() {
        let end = LoadEnd {
            messages: None,
            duration: None,
        };
        // The second message is due after an hour.
        let pacer = Pacer::new(&plan(Pace::Open { rate: 1.0 / 3600.0 }, end));
        thread::scope(|scope| {
            let stop = || {
                while locked(&pacer.wakers).len() < 4 {
                    thread::yield_now();
                }
                pacer.stop();
            };
            thread::Builder::new().spawn_scoped(scope, stop).unwrap();
            assert!(tickets(&pacer).len() <= 1);
        });
    }
}
