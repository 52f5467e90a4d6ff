//! Runs the connections of one thread. Each is a task that waits for its socket, for a time, or to be woken.

use crate::probe::load::locked;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, read, write};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Maximum number of events that are read at once.
const MAX_EVENTS: usize = 256;

/// The number in events of the descriptor that other threads write to.
const WOKEN: u64 = u64::MAX;

/// A wait that is shorter needs a clock with a finer resolution than the milliseconds of `epoll_wait`.
const SHORT: Duration = Duration::from_millis(200);

pub struct Reactor {
    epoll: OwnedFd,
    woken: Arc<Woken>,
    /// The time limit of each task that waits.
    limits: RefCell<Vec<Option<Instant>>>,
    /// Not later than any limit.
    earliest: Cell<Option<Instant>>,
}

/// Tasks that were woken, from this thread or another one.
struct Woken {
    tasks: Mutex<Vec<usize>>,
    is_signalled: AtomicBool,
    event: OwnedFd,
}

/// A task, as the future that it runs knows it.
pub struct Task {
    reactor: Rc<Reactor>,
    number: usize,
}

struct TaskWaker {
    woken: Arc<Woken>,
    number: usize,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        locked(&self.woken.tasks).push(self.number);
        if !self.woken.is_signalled.swap(true, Ordering::AcqRel) {
            let _ = write(&self.woken.event, &1_u64.to_ne_bytes());
        }
    }
}

/// The work of a task.
pub type Work<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

impl Reactor {
    pub fn new() -> io::Result<Rc<Self>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &event, EventData::new_u64(WOKEN), EventFlags::IN)?;
        Ok(Rc::new(Self {
            epoll,
            woken: Arc::new(Woken {
                tasks: Mutex::default(),
                is_signalled: AtomicBool::new(false),
                event,
            }),
            limits: RefCell::default(),
            earliest: Cell::new(None),
        }))
    }

    /// Runs this number of tasks until all have ended, or until `is_aborted` is true after a task was woken.
    pub fn run<'w>(
        self: &Rc<Self>,
        count: usize,
        mut work: impl FnMut(usize, Task) -> Work<'w>,
        is_aborted: &AtomicBool,
    ) -> io::Result<()> {
        *self.limits.borrow_mut() = vec![None; count];
        let mut tasks: Vec<(Waker, Option<Work<'w>>)> = (0..count)
            .map(|number| {
                let woken = Arc::clone(&self.woken);
                let waker = Waker::from(Arc::new(TaskWaker { woken, number }));
                let reactor = Rc::clone(self);
                (waker, Some(work(number, Task { reactor, number })))
            })
            .collect();
        let mut ready: Vec<usize> = (0..count).collect();
        let mut left = count;
        while left > 0 && !is_aborted.load(Ordering::Relaxed) {
            for number in ready.drain(..) {
                let (waker, work) = &mut tasks[number];
                let Some(running) = work else { continue };
                if running
                    .as_mut()
                    .poll(&mut Context::from_waker(waker))
                    .is_ready()
                {
                    *work = None;
                    left -= 1;
                }
            }
            if left > 0 {
                self.wait(&mut ready)?;
            }
        }
        Ok(())
    }

    /// Waits until a task can go on.
    fn wait(&self, ready: &mut Vec<usize>) -> io::Result<()> {
        let left = self
            .earliest
            .get()
            .map(|at| at.saturating_duration_since(Instant::now()));
        let mut events = Vec::with_capacity(MAX_EVENTS);
        self.events(&mut events, left)?;
        for event in events {
            match event.data.u64() {
                WOKEN => self.take_woken(ready),
                number => ready.push(usize::try_from(number).unwrap_or_default()),
            }
        }
        self.take_expired(ready);
        Ok(())
    }

    fn events(&self, events: &mut Vec<epoll::Event>, left: Option<Duration>) -> io::Result<()> {
        let limit = match left {
            Some(left) if !left.is_zero() && left < SHORT => {
                let mut fds = [PollFd::new(&self.epoll, PollFlags::IN)];
                match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
                Some(Duration::ZERO)
            }
            left => left,
        };
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match epoll::wait(&self.epoll, spare_capacity(events), limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take_woken(&self, ready: &mut Vec<usize>) {
        let _ = read(&self.woken.event, &mut [0_u8; 8]);
        self.woken.is_signalled.store(false, Ordering::Release);
        ready.append(&mut locked(&self.woken.tasks));
    }

    /// Adds the tasks whose limit has passed.
    fn take_expired(&self, ready: &mut Vec<usize>) {
        let now = Instant::now();
        if self.earliest.get().is_none_or(|at| at > now) {
            return;
        }
        let limits = self.limits.borrow();
        let mut earliest: Option<Instant> = None;
        for (number, limit) in limits.iter().enumerate() {
            match limit {
                Some(at) if *at <= now => ready.push(number),
                Some(at) => earliest = Some(earliest.map_or(*at, |least| least.min(*at))),
                None => {}
            }
        }
        self.earliest.set(earliest);
    }

    fn limit(&self, number: usize, limit: Option<Instant>) {
        self.limits.borrow_mut()[number] = limit;
        if let Some(at) = limit {
            let earliest = self.earliest.get();
            self.earliest
                .set(Some(earliest.map_or(at, |least| least.min(at))));
        }
    }
}

impl Task {
    /// Continues the task when this socket can be read or written again. That ends when the socket is closed.
    pub fn watch(&self, socket: impl AsFd) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let data = EventData::new_u64(self.number as u64);
        Ok(epoll::add(&self.reactor.epoll, socket, data, flags)?)
    }

    /// Waits for an event of the socket, to be woken, or for this time. Returns false if the time has passed.
    pub async fn event(&self, until: Instant) -> bool {
        let mut waits = false;
        std::future::poll_fn(|_| {
            if !std::mem::replace(&mut waits, true) {
                self.reactor.limit(self.number, Some(until));
                return Poll::Pending;
            }
            self.reactor.limit(self.number, None);
            Poll::Ready(Instant::now() < until)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;
    use std::thread;

    #[test]
    fn tasks_wait_for_sockets_times_and_each_other() {
        let reactor = Reactor::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let seen = RefCell::new(Vec::new());
        let far = Instant::now() + Duration::from_secs(600);
        let waker: Mutex<Option<Waker>> = Mutex::default();
        let (seen, mut ours, theirs, waker) = (&seen, &ours, &theirs, &waker);
        let work = |number, task: Task| -> Work<'_> {
            match number {
                0 => Box::pin(async move {
                    task.watch(theirs).unwrap();
                    let mut octet = [0];
                    while io::Read::read(&mut &*theirs, &mut octet).is_err() {
                        assert!(task.event(far).await);
                    }
                    seen.borrow_mut().push("socket");
                    let woken = waker.lock().unwrap().take().unwrap();
                    thread::Builder::new()
                        .spawn(move || woken.wake())
                        .unwrap()
                        .join()
                        .unwrap();
                }),
                1 => Box::pin(async move {
                    let mut is_first = true;
                    std::future::poll_fn(|context| {
                        *waker.lock().unwrap() = Some(context.waker().clone());
                        if std::mem::take(&mut is_first) {
                            Poll::Pending
                        } else {
                            Poll::Ready(())
                        }
                    })
                    .await;
                    seen.borrow_mut().push("woken");
                }),
                _ => Box::pin(async move {
                    assert!(!task.event(Instant::now() + Duration::from_millis(3)).await);
                    seen.borrow_mut().push("time");
                    ours.write_all(b"x").unwrap();
                }),
            }
        };
        reactor.run(3, work, &AtomicBool::new(false)).unwrap();
        assert_eq!(*seen.borrow(), ["time", "socket", "woken"]);
    }

    #[test]
    fn tasks_end_when_the_run_is_aborted() {
        let reactor = Reactor::new().unwrap();
        let is_aborted = AtomicBool::new(false);
        let far = Instant::now() + Duration::from_secs(600);
        thread::scope(|scope| {
            let wakers: Mutex<Vec<Waker>> = Mutex::default();
            let (wakers, is_aborted) = (&wakers, &is_aborted);
            reactor
                .run(
                    2,
                    |number, task| {
                        Box::pin(async move {
                            if number == 1 {
                                std::future::poll_fn(|context| {
                                    locked(wakers).push(context.waker().clone());
                                    Poll::Ready(())
                                })
                                .await;
                                let waker = locked(wakers).pop().unwrap();
                                let abort = move || {
                                    is_aborted.store(true, Ordering::Relaxed);
                                    waker.wake();
                                };
                                thread::Builder::new().spawn_scoped(scope, abort).unwrap();
                            }
                            task.event(far).await;
                            panic!("it went on");
                        })
                    },
                    is_aborted,
                )
                .unwrap();
        });
    }
}
