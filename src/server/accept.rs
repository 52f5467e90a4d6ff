//! The server: accepts connections, runs a thread for each, and ends them at shutdown.

use crate::server::connection::within;
use crate::server::events::ServerObserver;
use crate::server::limiter::ConnectionLimiter;
use crate::server::listener::{Accepted, BoundListener, Listener, Next};
use crate::server::session::{Client, CloseMode, ServerContext, ServerSession};
use crate::server::{Introduction, Listen, MessageStore, ServerOptions, Transmission, reply};
use crate::system::text::reason;
use socket2::Socket;
use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::Duration;

/// Time that sessions get to end after the last expected message.
const GRACE: Duration = Duration::from_secs(2);

/// Time that a peer gets to close its side after the server's side is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Consecutive failures of `accept()` before the server ends, and the pause after each.
const ACCEPT_FAILURES: u32 = 100;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An error that prevents the server from starting, or ends it.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The address can be reached from other machines.
    #[error(
        "{0} can be reached from other machines and the sink takes mail from anybody; \
         listen on 127.0.0.1 or [::1], or say --allow-remote"
    )]
    Remote(SocketAddr),
    /// The name would break the greeting.
    #[error("the sink's name must be printable ASCII without spaces, not {0:?}")]
    Name(String),
    /// The address or path is not local, not permitted, or in use.
    #[error("cannot listen on {place}: {}", reason(.source))]
    Listen {
        /// The address or path requested.
        place: Listen,
        source: io::Error,
    },
    /// No more connections can be accepted.
    #[error("cannot accept connections: {}", reason(.0))]
    Accept(io::Error),
}

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    doors: Vec<Listener>,
    options: ServerOptions,
    /// Becomes readable when the server is to end; `hammer` is the other end of the pair.
    bell: UnixStream,
    hammer: UnixStream,
}

/// A handle that ends a server from another thread.
#[derive(Debug)]
pub struct Stopper(UnixStream);

impl Stopper {
    /// Makes [`Server::serve`] return soon.
    pub fn stop(&self) {
        let _ = (&self.0).write(b"!");
    }
}

impl Server {
    /// Starts to listen. From now on peers can connect; they are greeted by [`Server::serve`].
    ///
    /// # Errors
    /// An address, a path or the name is not usable.
    pub fn bind(options: ServerOptions) -> Result<Server, SinkError> {
        for place in &options.listen {
            if let Listen::Tcp(address) = place
                && !options.allow_remote
                && !address.ip().to_canonical().is_loopback()
            {
                return Err(SinkError::Remote(*address));
            }
        }
        if options.name.is_empty() || !options.name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SinkError::Name(options.name));
        }
        let doors: Result<Vec<Listener>, SinkError> =
            options.listen.iter().map(Listener::open).collect();
        let (bell, hammer) = UnixStream::pair().map_err(SinkError::Accept)?;
        hammer.set_nonblocking(true).map_err(SinkError::Accept)?;
        Ok(Server {
            doors: doors?,
            options,
            bell,
            hammer,
        })
    }

    /// The addresses and paths it listens on, with the ports chosen by the system.
    pub fn places(&self) -> impl Iterator<Item = &Listen> {
        self.doors.iter().map(|door| &door.place)
    }

    /// Returns a handle that ends the server from another thread.
    ///
    /// # Errors
    /// No file descriptor is available.
    pub fn stopper(&self) -> io::Result<Stopper> {
        self.hammer.try_clone().map(Stopper)
    }

    /// Serves each connection in a thread of its own, until `count` messages were accepted or the time is
    /// over. Returns the number of accepted messages. Sessions that are still open then get two seconds to
    /// end.
    ///
    /// # Errors
    /// No more connections can be accepted.
    pub fn serve(
        self,
        store: &dyn MessageStore,
        witness: &dyn ServerObserver,
    ) -> Result<u64, SinkError> {
        let Server {
            doors,
            options,
            bell,
            hammer,
        } = self;
        let gate =
            ConnectionLimiter::new(options.count, options.limits.max_connections, Some(hammer));
        let what = if options.manner.lmtp {
            "LMTP ehlo sink"
        } else {
            "ESMTP ehlo sink"
        };
        let house = ServerContext {
            introduction: Introduction {
                name: &options.name,
                what,
            },
            limits: &options.limits,
            manner: &options.manner,
            store,
            gate: &gate,
            witness,
        };
        let entrance = BoundListener {
            doors,
            bell,
            deadline: options.time_limit.map(within),
        };
        thread::scope(|scope| {
            let accepted = accept_all(&entrance, house, scope);
            drop(entrance);
            gate.see_off(GRACE);
            accepted
        })
        .map_err(SinkError::Accept)?;
        Ok(gate.accepted())
    }
}

/// Accepts connections until all expected messages have arrived, or the time is over.
fn accept_all<'scope, 'env: 'scope>(
    entrance: &BoundListener,
    house: ServerContext<'env>,
    scope: &'scope Scope<'scope, 'env>,
) -> io::Result<()> {
    let mut failures = 0;
    while !house.gate.is_full() {
        match entrance.next() {
            Ok(Next::Somebody(arrival)) => {
                failures = 0;
                welcome(arrival, house, scope);
            }
            Ok(Next::Nobody) => {}
            Ok(Next::Over) => break,
            Err(error) if failures >= ACCEPT_FAILURES => return Err(error),
            // The peer has already left, or no file descriptor is available right now.
            Err(_) => {
                failures += 1;
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
    Ok(())
}

fn welcome<'scope, 'env: 'scope>(
    arrival: Accepted,
    house: ServerContext<'env>,
    scope: &'scope Scope<'scope, 'env>,
) {
    let socket = Arc::new(arrival.socket);
    let Some(guest) = house.gate.enter(&socket) else {
        return turn_away(&socket);
    };
    let visitor = Client {
        number: guest.number,
        from: arrival.from,
    };
    // If no thread is available, the connection is closed; the peer will retry.
    let _ = thread::Builder::new().spawn_scoped(scope, move || {
        // An optimization only; a unix socket does not have this option.
        let _ = socket.set_tcp_nodelay(true);
        let session = ServerSession::new(house, Arc::clone(&socket), visitor);
        if session.converse() == CloseMode::Polite {
            part(socket);
        }
        drop(guest);
    });
}

fn turn_away(mut socket: &Socket) {
    let line = format!("{}\r\n", reply::TOO_MANY_CONNECTIONS);
    let _ = io::Write::write_all(&mut socket, line.as_bytes());
}

/// Closes the server's side, then waits for the peer to close its own: a socket closed with unread input
/// sends a reset, which can overtake the last reply.
fn part(mut socket: Arc<Socket>) {
    let deadline = within(FAREWELL);
    let mut unread = [0; 4096];
    let _ = socket.shutdown(Shutdown::Write);
    while matches!(socket.receive(&mut unread, deadline), Ok(1..)) {}
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread::JoinHandle;
    use std::time::Instant;

    use super::*;
    use crate::server::Maildir;

    fn options(count: u64) -> ServerOptions {
        ServerOptions {
            count: Some(count),
            ..ServerOptions::new(([127, 0, 0, 1], 0).into())
        }
    }

    fn address(sink: &Server) -> SocketAddr {
        match sink.places().next() {
            Some(Listen::Tcp(address)) => *address,
            other => panic!("{other:?}"),
        }
    }

    /// A running server, with the directory it stores into.
    struct RunningServer {
        home: tempfile::TempDir,
        address: SocketAddr,
        server: JoinHandle<Result<u64, SinkError>>,
    }

    fn run(options: ServerOptions) -> RunningServer {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(home.path()).unwrap();
        let sink = Server::bind(options).unwrap();
        let address = address(&sink);
        let server = thread::spawn(move || sink.serve(&maildir, &()));
        RunningServer {
            home,
            address,
            server,
        }
    }

    impl RunningServer {
        /// Sends all of it at once and returns the replies until the server closes.
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
            let error = Server::bind(ServerOptions::new(address.parse().unwrap())).unwrap_err();
            assert!(matches!(error, SinkError::Remote(_)));
            assert!(error.to_string().contains("--allow-remote"), "{error}");
        }
        let sink = Server::bind(ServerOptions {
            allow_remote: true,
            ..ServerOptions::new(([0, 0, 0, 0], 0).into())
        });
        assert_ne!(address(&sink.unwrap()).port(), 0);
    }

    #[test]
    fn a_name_that_would_break_the_greeting_is_refused() {
        for name in ["", "a b", "a\r\nb", "é"] {
            let options = ServerOptions {
                name: name.to_owned(),
                ..options(1)
            };
            assert!(matches!(Server::bind(options), Err(SinkError::Name(_))));
        }
    }

    #[test]
    fn an_address_in_use_is_named_in_the_error() {
        let sink = Server::bind(options(1)).unwrap();
        let address = address(&sink);
        let error = Server::bind(ServerOptions::new(address))
            .unwrap_err()
            .to_string();
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
    fn it_leaves_when_its_time_is_over_or_it_is_told_to() {
        let mut short = options(1);
        short.time_limit = Some(Duration::from_millis(1));
        assert_eq!(run(short).accepted(), 0);
        let maildir = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(maildir.path()).unwrap();
        let sink = Server::bind(options(1)).unwrap();
        sink.stopper().unwrap().stop();
        assert_eq!(sink.serve(&maildir, &()).unwrap(), 0);
    }

    #[test]
    fn it_listens_at_several_places() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        let mut both = options(2);
        both.listen.push(Listen::Unix(path.clone()));
        let running = run(both);
        let text = format!("EHLO me\r\n{MESSAGE}QUIT\r\n");
        let mut unix = std::os::unix::net::UnixStream::connect(&path).unwrap();
        unix.write_all(text.as_bytes()).unwrap();
        let mut said = String::new();
        unix.read_to_string(&mut said).unwrap();
        assert!(said.ends_with("221 2.0.0 bye\r\n"), "{said}");
        drop(unix);
        running.say(&text);
        assert_eq!(running.accepted(), 2);
        assert!(!path.exists());
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
