//! Establishes a connection: tries the addresses of a host in turn, each attempt in parallel with those that
//! have not answered, so that an unreachable address family costs little time (RFC 8305 §5).

use crate::client::events::Event;
use crate::client::events::Observer;
use crate::client::peer::PeerAddress;
use crate::client::wire::Wire;
use crate::client::wire::pipe;
use crate::client::wire::proxy;
use crate::client::wire::socket;
use crate::system::secret::Login;
use crate::system::text::reason;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::io::Errno;
use socket2::Domain;
use socket2::SockAddr;
use socket2::Socket;
use socket2::Type;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

/// Time after which an unanswered attempt is joined by the next one: RFC 8305 §5, "Connection Attempt Delay".
const STAGGER: Duration = Duration::from_millis(250);

/// Interval between two checks whether the observer refuses the connection.
const LOOK: Duration = Duration::from_secs(1);

/// Parameters of every connection attempt.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The local address; `None`: chosen by the system.
    pub source: Option<IpAddr>,
    /// The local port; 0: chosen by the system.
    pub source_port: u16,
    /// Time limit of one attempt, and of the dialogue with a proxy after it.
    pub limit: Duration,
    /// For a proxy that requires a login.
    pub proxy_login: Option<&'a Login>,
}

/// An established connection.
pub struct EstablishedConnection {
    pub wire: Wire,
    pub peer: PeerAddress,
}

/// Reason for which there is no connection.
#[derive(Debug)]
pub enum ConnectFailure {
    /// The observer refused it; no connection is open.
    OutputFailed,
    /// The last of the failed attempts.
    Failed {
        peer: PeerAddress,
        why: String,
        /// True if a proxy requires a login, or does not accept it.
        is_login_refused: bool,
    },
}

/// Connects to the first of these peers that answers. They are tried in order; each attempt begins when the
/// previous one has failed, or has not answered for a quarter of a second. On return, `others` contains the
/// peers that were not tried, or with an attempt that was cancelled because another was faster.
pub fn connect(
    first: PeerAddress,
    others: &mut VecDeque<PeerAddress>,
    terms: Terms<'_>,
    observer: &mut dyn Observer,
) -> Result<EstablishedConnection, ConnectFailure> {
    let mut race = Race {
        terms,
        observer,
        running: Vec::new(),
        next_start: Instant::now(),
    };
    let won = race.run(first, others);
    for attempt in race.running.into_iter().rev() {
        others.push_front(attempt.peer);
    }
    won
}

/// The same text as in the standard library's `connect_timeout`.
pub fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "connection timed out")
}

struct Race<'w> {
    terms: Terms<'w>,
    observer: &'w mut dyn Observer,
    running: Vec<ConnectAttempt>,
    next_start: Instant,
}

/// A pending connection attempt.
struct ConnectAttempt {
    peer: PeerAddress,
    socket: Socket,
    deadline: Instant,
}

enum RaceStep {
    Connected(EstablishedConnection),
    Failed(ConnectFailure),
    Waiting,
}

impl Race<'_> {
    fn run(
        &mut self,
        first: PeerAddress,
        others: &mut VecDeque<PeerAddress>,
    ) -> Result<EstablishedConnection, ConnectFailure> {
        let mut step = self.begin(first);
        loop {
            match step {
                RaceStep::Connected(connection) => return Ok(connection),
                RaceStep::Failed(ConnectFailure::OutputFailed) => {
                    return Err(ConnectFailure::OutputFailed);
                }
                RaceStep::Failed(last) if self.running.is_empty() && others.is_empty() => {
                    return Err(last);
                }
                RaceStep::Waiting if self.observer.is_closed() => {
                    return Err(ConnectFailure::OutputFailed);
                }
                RaceStep::Failed(_) | RaceStep::Waiting => {}
            }
            let is_due = self.running.is_empty() || self.next_start <= Instant::now();
            step = match others.pop_front() {
                Some(next) if is_due => self.begin(next),
                Some(next) => {
                    others.push_front(next);
                    self.wait(true)
                }
                None => self.wait(false),
            };
        }
    }

    fn begin(&mut self, peer: PeerAddress) -> RaceStep {
        self.observer.on_event(Event::Connect(&peer));
        if self.observer.is_closed() {
            return RaceStep::Failed(ConnectFailure::OutputFailed);
        }
        let address = match &peer {
            PeerAddress::Tcp(address) => *address,
            PeerAddress::Proxied(peer) => peer.proxy,
            PeerAddress::Unix(path) => {
                let connected = connect_unix(path, self.terms.limit);
                return self.decided(peer, connected);
            }
            PeerAddress::Pipe(line) => {
                let connected = pipe::connect(line);
                return self.decided(peer, connected);
            }
        };
        let source = (self.terms.source, self.terms.source_port);
        match socket::begin(address, source) {
            Ok(socket) => self.running(peer, socket),
            Err(error) => self.decided(peer, Err(error)),
        }
    }

    fn running(&mut self, peer: PeerAddress, socket: Socket) -> RaceStep {
        let now = Instant::now();
        self.next_start = now + STAGGER;
        self.running.push(ConnectAttempt {
            peer,
            socket,
            deadline: now + self.terms.limit,
        });
        RaceStep::Waiting
    }

    /// Waits until an attempt succeeds or fails, or, with `another`, until the next one may begin.
    fn wait(&mut self, another: bool) -> RaceStep {
        let deadline = self.running.iter().map(|attempt| attempt.deadline).min();
        let start = another.then_some(self.next_start);
        let look = Instant::now() + LOOK;
        let until = deadline.into_iter().chain(start).chain([look]).min();
        match self.ready(until) {
            Ok(Some(place)) => self.decide(place),
            Ok(None) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                self.fail(0, timed_out())
            }
            Ok(None) | Err(Errno::INTR) => RaceStep::Waiting,
            Err(error) => self.fail(0, error.into()),
        }
    }

    /// The index of an attempt that succeeded or failed; `None` on a timeout.
    fn ready(&self, until: Option<Instant>) -> Result<Option<usize>, Errno> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let limit = left.and_then(|left| Timespec::try_from(left).ok());
        let sockets = self.running.iter();
        let mut sockets: Vec<PollFd<'_>> = sockets
            .map(|attempt| PollFd::new(&attempt.socket, PollFlags::OUT))
            .collect();
        rustix::event::poll(&mut sockets, limit.as_ref())?;
        Ok(sockets.iter().position(|fd| !fd.revents().is_empty()))
    }

    fn decide(&mut self, place: usize) -> RaceStep {
        let attempt = self.take(place);
        let wire = socket::finish(attempt.socket);
        self.decided(attempt.peer, wire)
    }

    fn fail(&mut self, place: usize, error: io::Error) -> RaceStep {
        let attempt = self.take(place);
        self.decided(attempt.peer, Err(error))
    }

    /// Removes an attempt; if it is the latest, the next may begin at once.
    fn take(&mut self, place: usize) -> ConnectAttempt {
        let attempt = self.running.remove(place);
        if place == self.running.len() {
            self.next_start = Instant::now();
        }
        attempt
    }

    fn decided(&mut self, peer: PeerAddress, connected: io::Result<Wire>) -> RaceStep {
        let connected = match &peer {
            PeerAddress::Proxied(server) => {
                proxy::through(connected, server, self.terms.proxy_login, self.terms.limit)
            }
            _ => connected,
        };
        match connected {
            Ok(wire) => {
                self.observer.on_event(Event::Connected(&peer));
                RaceStep::Connected(EstablishedConnection { wire, peer })
            }
            Err(error) => {
                let why = reason(&error);
                self.observer.on_event(Event::NotConnected {
                    peer: &peer,
                    why: &why,
                });
                RaceStep::Failed(ConnectFailure::Failed {
                    peer,
                    why,
                    is_login_refused: proxy::is_login_refused(&error),
                })
            }
        }
    }
}

/// Connects. If the listener's queue is full, waits up to `limit`.
pub fn connect_unix(path: &Path, limit: Duration) -> io::Result<Wire> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(limit))?;
    let connected = socket.connect(&SockAddr::unix(path)?);
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => crate::client::wire::race::timed_out(),
        _ => error,
    })?;
    Ok(Wire::new(Box::new(socket)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::wire::{Deadline, WireError};
    use socket2::{Domain, Socket, Type};
    use std::net::TcpStream;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};

    const TERMS: Terms<'_> = Terms {
        source: None,
        source_port: 0,
        limit: Duration::from_secs(10),
        proxy_login: None,
    };

    /// Far below any time limit, and above 250 ms even on a loaded machine.
    const SOON: Duration = Duration::from_secs(5);

    /// An observer that records the events of a race; calls a function when the second attempt begins.
    #[derive(Default)]
    struct RaceObserver {
        all: Vec<String>,
        at_second: Option<Box<dyn FnOnce()>>,
        is_blind: bool,
    }

    impl Observer for RaceObserver {
        fn on_event(&mut self, what: Event<'_>) {
            let is_second = !self.all.is_empty();
            self.all.push(match what {
                Event::Connect(peer) => format!("try {peer}"),
                Event::Connected(peer) => format!("got {peer}"),
                Event::NotConnected { peer, why } => format!("not {peer}: {why}"),
                other => panic!("{other:?}"),
            });
            if let Some(act) = self.at_second.take_if(|_| is_second) {
                act();
            }
        }

        fn is_closed(&self) -> bool {
            self.is_blind
        }
    }

    fn peer_of(listener: &TcpListener) -> PeerAddress {
        PeerAddress::Tcp(listener.local_addr().unwrap())
    }

    fn listener(address: &str) -> TcpListener {
        TcpListener::bind((address, 0)).unwrap()
    }

    /// A listener that answers no one, because its queue is full; and the connection that fills it.
    fn deaf(address: &str) -> (TcpListener, TcpStream) {
        let address: SocketAddr = SocketAddr::new(address.parse().unwrap(), 0);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&address.into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let filling = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener, filling)
    }

    /// An address without a listener, as long as its port is in use elsewhere.
    fn refusing(beside: &TcpListener) -> PeerAddress {
        let port = beside.local_addr().unwrap().port();
        PeerAddress::Tcp(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 77), port)))
    }

    fn race(
        peers: &[PeerAddress],
        terms: Terms<'_>,
        seen: &mut RaceObserver,
    ) -> (Result<PeerAddress, String>, Vec<PeerAddress>) {
        let mut others: VecDeque<PeerAddress> = peers[1..].iter().cloned().collect();
        let won = connect(peers[0].clone(), &mut others, terms, seen);
        let won = won
            .map(|connection| connection.peer)
            .map_err(|lost| match lost {
                ConnectFailure::OutputFailed => "unseen".to_owned(),
                ConnectFailure::Failed { peer, why, .. } => format!("{peer}: {why}"),
            });
        (won, others.into())
    }

    #[test]
    fn a_dead_family_is_not_waited_for() {
        let (dead, _filling) = deaf("::1");
        let alive = listener("127.0.0.1");
        let (six, four) = (peer_of(&dead), peer_of(&alive));
        let (start, mut seen) = (Instant::now(), RaceObserver::default());
        let (won, left) = race(&[six.clone(), four.clone()], TERMS, &mut seen);
        assert_eq!(won, Ok(four.clone()));
        assert!(start.elapsed() >= STAGGER && start.elapsed() < SOON);
        assert_eq!(left.len(), 1, "who did not answer may be tried again");
        assert_eq!(left[0], six);
        assert_eq!(
            seen.all,
            [
                format!("try {six}"),
                format!("try {four}"),
                format!("got {four}")
            ]
        );
    }

    #[test]
    fn after_a_refusal_the_next_begins_at_once() {
        let alive = listener("127.0.0.1");
        let (bad, good) = (refusing(&alive), peer_of(&alive));
        let (third, mut seen) = (PeerAddress::Unix("/unused".into()), RaceObserver::default());
        let (won, left) = race(
            &[bad.clone(), good.clone(), third.clone()],
            TERMS,
            &mut seen,
        );
        assert_eq!(won, Ok(good.clone()));
        assert_eq!(left, [third]);
        assert_eq!(
            seen.all,
            [
                format!("try {bad}"),
                format!("not {bad}: Connection refused"),
                format!("try {good}"),
                format!("got {good}")
            ]
        );
    }

    #[test]
    fn a_slow_one_may_win_though_another_has_begun() {
        let ((slow, _filling), (dead, _also)) = (deaf("127.0.0.1"), deaf("::1"));
        let peers = [peer_of(&slow), peer_of(&dead)];
        let [first, second] = &peers;
        let door = slow.try_clone().unwrap();
        let mut seen = RaceObserver {
            // The queue has space again, and the next SYN is accepted.
            at_second: Some(Box::new(move || drop(door.accept().unwrap()))),
            ..RaceObserver::default()
        };
        let (won, left) = race(&peers, TERMS, &mut seen);
        assert_eq!(won, Ok(first.clone()));
        assert_eq!(left[..], peers[1..]);
        let all = [("try", first), ("try", second), ("got", first)];
        assert_eq!(seen.all, all.map(|(what, peer)| format!("{what} {peer}")));
    }

    #[test]
    fn when_nobody_takes_it_the_last_failure_is_told() {
        let (dead, _filling) = deaf("127.0.0.1");
        let (silent, is_closed) = (peer_of(&dead), refusing(&dead));
        let terms = Terms {
            limit: Duration::from_secs(1),
            ..TERMS
        };
        let mut seen = RaceObserver::default();
        let (won, left) = race(&[silent.clone(), is_closed.clone()], terms, &mut seen);
        assert_eq!(won, Err(format!("{silent}: connection timed out")));
        assert_eq!(left, []);
        assert_eq!(seen.all.len(), 4, "{:?}", seen.all);
        assert_eq!(seen.all[2], format!("not {is_closed}: Connection refused"));
    }

    #[test]
    fn nothing_is_begun_that_nobody_could_see() {
        let alive = listener("127.0.0.1");
        let mut seen = RaceObserver {
            is_blind: true,
            ..RaceObserver::default()
        };
        let (won, _) = race(&[peer_of(&alive)], TERMS, &mut seen);
        assert_eq!(won, Err("unseen".to_owned()));
        alive.set_nonblocking(true).unwrap();
        assert!(alive.accept().is_err());
    }

    #[test]
    fn connections_come_from_the_address_that_is_wanted() {
        let alive = listener("127.0.0.1");
        let from = |ip: &str| Terms {
            source: Some(ip.parse().unwrap()),
            source_port: 0,
            ..TERMS
        };
        let peer = peer_of(&alive);
        let (won, _) = race(
            std::slice::from_ref(&peer),
            from("127.0.0.2"),
            &mut RaceObserver::default(),
        );
        assert_eq!(won, Ok(peer.clone()));
        let (_, client) = alive.accept().unwrap();
        assert_eq!(client.ip().to_string(), "127.0.0.2");
        let (won, _) = race(
            std::slice::from_ref(&peer),
            from("203.0.113.1"),
            &mut RaceObserver::default(),
        );
        let why =
            "cannot use 203.0.113.1 as the local address (--bind): Cannot assign requested address";
        assert_eq!(won, Err(format!("{peer}: {why}")));
    }

    #[test]
    fn a_wire_that_came_about_waits_for_its_lines() {
        let alive = listener("127.0.0.1");
        let mut others = VecDeque::new();
        let won = connect(
            peer_of(&alive),
            &mut others,
            TERMS,
            &mut RaceObserver::default(),
        );
        let mut wire = won.map_err(|lost| format!("{lost:?}")).unwrap().wire;
        let (start, limit) = (Instant::now(), Duration::from_millis(50));
        let line = wire.line(Deadline::after(limit));
        assert!(matches!(line, Err(WireError::Timeout(_))), "{line:?}");
        assert!(start.elapsed() >= limit / 2);
    }
}
