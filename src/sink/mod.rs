//! A small receiving server on loopback, for demos, tests and people's own scripts.
//!
//! ```text
//! Sink (accepts connections) -> session (one conversation) -> receipt -> Store (Maildir, or yours)
//!                                 \-> channel, command, unstuff
//! ```
//!
//! It takes every recipient, keeps what it is sent byte for byte, and prints nothing. A peer can
//! neither make it grow nor hold it for ever: see [`Limits`].

mod channel;
mod command;
mod end;
mod gate;
mod maildir;
mod path;
mod receipt;
mod reply;
mod session;
mod unstuff;

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::Duration;

pub use self::channel::Peer;
use self::channel::within;
use self::gate::Gate;
pub use self::maildir::Maildir;
use self::session::{House, Session};

/// How long conversations may go on after the last message that was wanted.
const GRACE: Duration = Duration::from_secs(2);

/// How long a peer may take to close its side after ours is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often in a row a connection may fail to be accepted, and how long to wait after each.
const ACCEPT_FAILURES: u32 = 100;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Whether the address may be one that other machines can reach.
    pub allow_remote: bool,
    /// Leave after this many accepted messages; `None` is never.
    pub count: Option<u64>,
    /// What the sink calls itself: printable ASCII without spaces.
    pub name: String,
    /// What a peer may ask for.
    pub limits: Limits,
}

impl Options {
    /// Listens on `listen` under the name `localhost`, for any number of messages.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Options {
        Options {
            listen,
            allow_remote: false,
            count: None,
            name: "localhost".to_owned(),
            limits: Limits::default(),
        }
    }
}

/// What a peer may ask for before it is refused or cut off.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest message, announced as SIZE. Default 256 MiB.
    pub max_message_bytes: u64,
    /// The recipients of one message. Default 1000.
    pub max_recipients: usize,
    /// The connections at one time. Default 64.
    pub max_connections: usize,
    /// The longest command line with its line end. Default 2048; over 64 KiB counts as 64 KiB.
    pub max_line_bytes: usize,
    /// The commands of one connection that are unknown, malformed or out of order. Default 20.
    pub max_reproaches: u32,
    /// How long to wait for a whole command, or for more of a message. A whole message may take
    /// twelve times as long. Default 5 minutes (RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_message_bytes: 256 * 1024 * 1024,
            max_recipients: 1000,
            max_connections: 64,
            max_line_bytes: 2048,
            max_reproaches: 20,
            idle: Duration::from_secs(5 * 60),
        }
    }
}

/// Who sent a message, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where the connection came from; nowhere, `0.0.0.0:0`, where it came by another way.
    pub peer: SocketAddr,
    /// What the peer called itself in EHLO or HELO.
    pub helo: String,
    /// Without angle brackets; empty for the null sender.
    pub sender: String,
    /// Without angle brackets, in the order they came; at least one.
    pub recipients: Vec<String>,
    /// Whether MAIL said SMTPUTF8 (RFC 6531). If not, the addresses are ASCII.
    pub smtputf8: bool,
    /// Whether MAIL said BODY=8BITMIME (RFC 6152).
    pub body_8bit: bool,
}

/// Where messages go.
pub trait Store: Sync {
    /// Makes room for a message. An error is a temporary refusal; its text stays here.
    fn begin(&self, envelope: &Envelope) -> io::Result<Box<dyn Incoming + '_>>;

    /// Whether a message to this recipient would be taken; all are, unless the store says otherwise.
    fn vet(&self, recipient: &str) -> Result<(), Declined> {
        let _ = recipient;
        Ok(())
    }
}

/// One message while it is being received. Dropped without a commit, it is discarded.
pub trait Incoming: Send {
    /// Takes the next bytes of the message, without stuffed dots, with line ends as they came.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Keeps the message: when this is `Ok`, the peer is told that it was accepted.
    fn commit(self: Box<Self>) -> Result<(), Declined>;
}

/// Why a store does not take something.
#[derive(Debug)]
pub enum Declined {
    /// Something went wrong, for now; what it was stays here.
    Trouble(io::Error),
    /// For a reason that the peer may know.
    Reason {
        /// The code and the enhanced code, like `550 5.1.1`.
        code: &'static str,
        /// The reason, in any characters.
        why: String,
    },
}

impl From<io::Error> for Declined {
    fn from(error: io::Error) -> Self {
        Self::Trouble(error)
    }
}

/// How a server introduces itself.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// Its name: printable ASCII without spaces.
    pub name: &'a str,
    /// What it is, behind the name in the greeting.
    pub what: &'a str,
}

/// Has one conversation, over whatever the peer has come by, and returns when one side has had enough.
pub fn serve_one(
    peer: impl Peer,
    introduction: Introduction<'_>,
    limits: &Limits,
    store: &dyn Store,
) {
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let gate = Gate::new(None, 1, nowhere);
    let house = House {
        introduction,
        limits,
        store,
        gate: &gate,
    };
    Session::new(house, peer, nowhere).converse();
}

/// Why there is no sink, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Other machines could reach it.
    #[error(
        "{0} can be reached from other machines and the sink takes mail from anybody; \
         listen on 127.0.0.1 or [::1], or say --allow-remote"
    )]
    Remote(SocketAddr),
    /// The name would break the greeting.
    #[error("the sink's name must be printable ASCII without spaces, not {0:?}")]
    Name(String),
    /// The address is not ours, not allowed, or in use.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No more connections can be accepted.
    #[error("cannot accept connections on {address}: {source}")]
    Accept {
        /// Where the sink listens.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A server that listens already and does not answer yet.
#[derive(Debug)]
pub struct Sink {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
}

impl Sink {
    /// Listens. From now on peers can connect; they are greeted by [`Sink::serve`].
    pub fn bind(options: Options) -> Result<Sink, SinkError> {
        let address = options.listen;
        if !options.allow_remote && !address.ip().to_canonical().is_loopback() {
            return Err(SinkError::Remote(address));
        }
        if options.name.is_empty() || !options.name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SinkError::Name(options.name));
        }
        let listener = TcpListener::bind(address);
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|source| SinkError::Listen { address, source })?;
        Ok(Sink {
            listener,
            address,
            options,
        })
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers, a thread for each connection, until `count` messages were accepted; returns how
    /// many were. Conversations that go on then have two seconds to end.
    pub fn serve(self, store: &dyn Store) -> Result<u64, SinkError> {
        let Sink {
            listener,
            address,
            options,
        } = self;
        let gate = Gate::new(options.count, options.limits.max_connections, address);
        let house = House {
            introduction: Introduction {
                name: &options.name,
                what: "ESMTP ehlo sink",
            },
            limits: &options.limits,
            store,
            gate: &gate,
        };
        thread::scope(|scope| {
            let accepted = accept_all(&listener, house, scope);
            drop(listener);
            gate.see_off(GRACE);
            accepted
        })
        .map_err(|source| SinkError::Accept { address, source })?;
        Ok(gate.accepted())
    }
}

/// Lets peers in until all the messages that were wanted are there.
fn accept_all<'scope, 'env: 'scope>(
    listener: &TcpListener,
    house: House<'env>,
    scope: &'scope Scope<'scope, 'env>,
) -> io::Result<()> {
    let mut failures = 0;
    while !house.gate.is_full() {
        match listener.accept() {
            Ok((stream, peer)) => {
                failures = 0;
                welcome(stream, peer, house, scope);
            }
            Err(error) if failures >= ACCEPT_FAILURES => return Err(error),
            // A peer that has left already, or no file descriptor to spare just now.
            Err(_) => {
                failures += 1;
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
    Ok(())
}

fn welcome<'scope, 'env: 'scope>(
    stream: TcpStream,
    peer: SocketAddr,
    house: House<'env>,
    scope: &'scope Scope<'scope, 'env>,
) {
    let stream = Arc::new(stream);
    let Some(guest) = house.gate.enter(&stream) else {
        return turn_away(&stream);
    };
    // Without a thread to spare the connection is closed; the peer will come again.
    let _ = thread::Builder::new().spawn_scoped(scope, move || {
        // Only slower without it.
        let _ = stream.set_nodelay(true);
        Session::new(house, Arc::clone(&stream), peer).converse();
        part(stream);
        drop(guest);
    });
}

fn turn_away(mut stream: &TcpStream) {
    let line = format!("{}\r\n", reply::TOO_MANY_CONNECTIONS);
    let _ = io::Write::write_all(&mut stream, line.as_bytes());
}

/// Closes our side, then waits for the peer to close its own: a socket closed with unread input
/// sends a reset, which can overtake our last words.
fn part(mut stream: Arc<TcpStream>) {
    let deadline = within(FAREWELL);
    let mut unread = [0; 4096];
    let _ = stream.shutdown(Shutdown::Write);
    while matches!(stream.receive(&mut unread, deadline), Ok(1..)) {}
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::thread::JoinHandle;
    use std::time::Instant;

    use super::*;

    fn options(count: u64) -> Options {
        Options {
            count: Some(count),
            ..Options::new(([127, 0, 0, 1], 0).into())
        }
    }

    /// A sink that runs, with the directory it stores into.
    struct Running {
        home: tempfile::TempDir,
        address: SocketAddr,
        server: JoinHandle<Result<u64, SinkError>>,
    }

    fn run(options: Options) -> Running {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(home.path()).unwrap();
        let sink = Sink::bind(options).unwrap();
        let address = sink.local_addr();
        let server = thread::spawn(move || sink.serve(&maildir));
        Running {
            home,
            address,
            server,
        }
    }

    impl Running {
        /// Says all of it at once and returns what comes until the sink closes.
        fn say(&self, text: &str) -> String {
            let mut stream = TcpStream::connect(self.address).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            heard(&mut stream)
        }

        fn messages(&self) -> Vec<String> {
            let files = fs::read_dir(self.home.path().join("new")).unwrap();
            files
                .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
                .collect()
        }

        fn accepted(self) -> u64 {
            self.server.join().unwrap().unwrap()
        }
    }

    fn heard(stream: &mut TcpStream) -> String {
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said);
        said
    }

    const MESSAGE: &str = "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 4 LAST\r\nhi\r\n";

    #[test]
    fn only_loopback_is_listened_on_without_allow_remote() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let error = Sink::bind(Options::new(address.parse().unwrap())).unwrap_err();
            assert!(matches!(error, SinkError::Remote(_)));
            assert!(error.to_string().contains("--allow-remote"), "{error}");
        }
        let sink = Sink::bind(Options {
            allow_remote: true,
            ..Options::new(([0, 0, 0, 0], 0).into())
        });
        assert_ne!(sink.unwrap().local_addr().port(), 0);
    }

    #[test]
    fn a_name_that_would_break_the_greeting_is_refused() {
        for name in ["", "a b", "a\r\nb", "é"] {
            let options = Options {
                name: name.to_owned(),
                ..options(1)
            };
            assert!(matches!(Sink::bind(options), Err(SinkError::Name(_))));
        }
    }

    #[test]
    fn an_address_in_use_is_named_in_the_error() {
        let sink = Sink::bind(options(1)).unwrap();
        let address = sink.local_addr();
        let error = Sink::bind(Options::new(address)).unwrap_err().to_string();
        assert!(error.contains(&address.to_string()), "{error}");
    }

    #[test]
    fn it_leaves_after_the_messages_that_were_wanted() {
        let running = run(options(2));
        let said = running.say(&format!("EHLO me\r\n{MESSAGE}{MESSAGE}QUIT\r\n"));
        assert!(said.ends_with("ok, 4 bytes\r\n221 2.0.0 bye\r\n"), "{said}");
        let message = "Return-Path: <a@x>\r\nDelivered-To: b@x\r\nhi\r\n";
        assert_eq!(running.messages(), [message, message]);
        assert_eq!(running.accepted(), 2);
    }

    #[test]
    fn it_wants_nothing_when_the_count_is_none_at_all() {
        assert_eq!(run(options(0)).accepted(), 0);
    }

    #[test]
    fn connections_that_are_open_at_the_end_are_closed_with_a_word() {
        let running = run(options(1));
        let mut idler = TcpStream::connect(running.address).unwrap();
        idler.write_all(b"HELO me\r\n").unwrap();
        let mut greeting = [0; 4];
        idler.read_exact(&mut greeting).unwrap();
        running.say(&format!("EHLO me\r\n{MESSAGE}QUIT\r\n"));
        let started = Instant::now();
        assert!(heard(&mut idler).ends_with("421 4.3.2 closing, no more messages wanted\r\n"));
        drop(idler);
        assert_eq!(running.accepted(), 1);
        assert!(started.elapsed() < GRACE + FAREWELL);
    }

    #[test]
    fn many_peers_at_once_never_get_more_accepted_than_wanted() {
        let running = run(options(5));
        let text = format!("EHLO me\r\n{MESSAGE}QUIT\r\n");
        let taken = thread::scope(|scope| {
            let peers: Vec<_> = (0..10)
                .map(|_| {
                    scope.spawn(|| {
                        let stream = TcpStream::connect(running.address);
                        stream.map_or(String::new(), |mut stream| {
                            let _ = stream.write_all(text.as_bytes());
                            heard(&mut stream)
                        })
                    })
                })
                .collect();
            let said = peers.into_iter().map(|peer| peer.join().unwrap());
            said.filter(|said| said.contains("ok, 4 bytes")).count()
        });
        assert_eq!((taken, running.messages().len()), (5, 5));
        assert_eq!(running.accepted(), 5);
    }

    #[test]
    fn one_connection_too_many_is_turned_away() {
        let mut options = options(1);
        options.limits.max_connections = 1;
        let running = run(options);
        let mut first = TcpStream::connect(running.address).unwrap();
        let mut greeting = [0; 4];
        first.read_exact(&mut greeting).unwrap();
        let mut second = TcpStream::connect(running.address).unwrap();
        assert!(heard(&mut second).starts_with("421 4.3.2 too many connections"));
        let message = format!("EHLO me\r\n{MESSAGE}QUIT\r\n");
        first.write_all(message.as_bytes()).unwrap();
        heard(&mut first);
        assert_eq!(running.accepted(), 1);
    }

    #[test]
    fn a_peer_that_is_idle_or_drips_bytes_is_cut_off() {
        let mut options = options(1);
        options.limits.idle = Duration::from_millis(300);
        let running = run(options);
        let mut idler = TcpStream::connect(running.address).unwrap();
        assert!(heard(&mut idler).contains("421 4.4.2"));

        let mut dripper = TcpStream::connect(running.address).unwrap();
        let started = Instant::now();
        while dripper.write_all(b"x").is_ok() && started.elapsed() < FAREWELL {
            thread::sleep(Duration::from_millis(50));
        }
        assert!(heard(&mut dripper).contains("421 4.4.2"));
        running.say(&format!("EHLO me\r\n{MESSAGE}QUIT\r\n"));
        assert_eq!(running.accepted(), 1);
    }
}
