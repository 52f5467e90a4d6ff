//! The server: accepts connections, runs a thread for each, and ends them at shutdown.

use crate::server::events::ServerObserver;
use crate::server::fault_plan::FaultPlan;
use crate::server::limiter::ConnectionLimiter;
use crate::server::listener::{Accepted, Listen, Listener, ListenerSet, Next, ServerError};
use crate::server::options::{Introduction, ServerOptions};
use crate::server::reply;
use crate::server::session::{Client, CloseMode, ServerContext, ServerSession};
use crate::server::store::MessageStore;
use crate::server::stream::{ByteStream as _, SocketStream, within};
use crate::system::user::peer_uid;
use socket2::Socket;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::Duration;

/// Time that a client gets to close its side after the server's side is closed.
const LINGER: Duration = Duration::from_secs(1);

/// Consecutive failures of `accept()` before the server ends, and the pause after each.
const ACCEPT_FAILURES: u32 = 100;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    options: ServerOptions,
    /// Becomes readable when the server is to end; `waker` is the other end of the pair.
    wake_receiver: UnixStream,
    waker: UnixStream,
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
    /// Starts to listen. Clients can connect; they are greeted by [`Server::serve`].
    pub fn bind(options: ServerOptions) -> Result<Server, ServerError> {
        for place in &options.listen {
            if let Listen::Tcp(address) = place
                && !options.allow_remote
                && !address.ip().to_canonical().is_loopback()
            {
                return Err(ServerError::Remote(*address));
            }
        }
        if options.name.is_empty() || !options.name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServerError::Name(options.name));
        }
        let listeners: Result<Vec<Listener>, ServerError> =
            options.listen.iter().map(Listener::open).collect();
        let (wake_receiver, waker) = UnixStream::pair().map_err(ServerError::Accept)?;
        waker.set_nonblocking(true).map_err(ServerError::Accept)?;
        Ok(Server {
            listeners: listeners?,
            options,
            wake_receiver,
            waker,
        })
    }

    /// The addresses and paths it listens on, with the ports chosen by the system.
    pub fn places(&self) -> impl Iterator<Item = &Listen> {
        self.listeners.iter().map(|listener| &listener.place)
    }

    /// True if addresses that other machines can reach are permitted.
    pub fn allows_remote(&self) -> bool {
        self.options.allow_remote
    }

    /// The faults, which may be changed while the server runs.
    pub fn faults(&self) -> Arc<FaultPlan> {
        Arc::clone(&self.options.behavior.faults)
    }

    /// Returns a handle that ends the server from another thread.
    pub fn stopper(&self) -> io::Result<Stopper> {
        self.waker.try_clone().map(Stopper)
    }

    /// Serves each connection in a thread of its own, until `count` messages were accepted or the time is
    /// over. Returns the number of accepted messages. Sessions that are still open then get some time to end
    /// ([`ServerOptions::grace`]).
    pub fn serve(
        self,
        store: &dyn MessageStore,
        observer: &dyn ServerObserver,
    ) -> Result<u64, ServerError> {
        let Server {
            listeners,
            options,
            wake_receiver,
            waker,
        } = self;
        let limiter =
            ConnectionLimiter::new(options.count, options.limits.max_connections, Some(waker));
        let protocol = if options.behavior.lmtp {
            "LMTP"
        } else {
            "ESMTP"
        };
        let what = format!("{protocol} {}", options.software);
        let context = ServerContext {
            introduction: Introduction {
                name: &options.name,
                what: &what,
            },
            limits: &options.limits,
            behavior: &options.behavior,
            store,
            limiter: &limiter,
            observer,
        };
        let listeners = ListenerSet {
            listeners,
            wake_receiver,
            deadline: options.time_limit.map(within),
        };
        thread::scope(|scope| {
            let accepted = accept_all(&listeners, context, scope);
            drop(listeners);
            limiter.shut_down(options.grace);
            accepted
        })
        .map_err(ServerError::Accept)?;
        Ok(limiter.accepted())
    }
}

/// Accepts connections until all expected messages have arrived, or the time is over.
fn accept_all<'scope, 'env: 'scope>(
    listeners: &ListenerSet,
    context: ServerContext<'env>,
    scope: &'scope Scope<'scope, 'env>,
) -> io::Result<()> {
    let mut failures = 0;
    while !context.limiter.is_complete() {
        match listeners.next() {
            Ok(Next::Connection(accepted)) => {
                failures = 0;
                serve_connection(accepted, context, scope);
            }
            Ok(Next::NoConnection) => {}
            Ok(Next::Shutdown) => break,
            Err(error) if failures >= ACCEPT_FAILURES => return Err(error),
            // The client has already left, or no file descriptor is available right now.
            Err(_) => {
                failures += 1;
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
    Ok(())
}

fn serve_connection<'scope, 'env: 'scope>(
    accepted: Accepted,
    context: ServerContext<'env>,
    scope: &'scope Scope<'scope, 'env>,
) {
    let socket = Arc::new(accepted.socket);
    // A TCP connection has none.
    let uid = accepted
        .from
        .is_none()
        .then(|| peer_uid(&*socket))
        .flatten();
    // Before the connection counts: one user must not be able to take the places of the others.
    let permit = match context.store.admit(uid) {
        Ok(permit) => permit,
        Err(refusal) => return reject(&socket, &refusal.reply()),
    };
    let Some(slot) = context.limiter.register(&socket) else {
        return reject(&socket, reply::TOO_MANY_CONNECTIONS);
    };
    let client = Client {
        number: slot.number,
        from: accepted.from,
        uid,
    };
    // If no thread is available, the connection is closed; the client will retry.
    let _ = thread::Builder::new().spawn_scoped(scope, move || {
        // An optimization only; a unix socket does not have this option.
        let _ = socket.set_tcp_nodelay(true);
        let stream = SocketStream::new(Arc::clone(&socket));
        if ServerSession::new(context, stream, client).run() == CloseMode::Polite {
            linger_close(SocketStream::new(socket));
        }
        drop((slot, permit));
    });
}

fn reject(mut socket: &Socket, reply: &str) {
    let line = format!("{reply}\r\n");
    let _ = io::Write::write_all(&mut socket, line.as_bytes());
}

/// Closes the server's side, then waits for the client to close its own: a socket closed with unread input
/// sends a reset, which can overtake the last reply.
fn linger_close(mut stream: SocketStream) {
    let deadline = within(LINGER);
    let mut unread = [0; 4096];
    while stream.end_writing() && matches!(stream.receive(&mut unread, deadline), Ok(1..)) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::limiter::Grace;
    use crate::server::maildir::Maildir;
    use std::fs;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::thread::JoinHandle;
    use std::time::Instant;

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

    struct RunningServer {
        home: tempfile::TempDir,
        address: SocketAddr,
        server: JoinHandle<Result<u64, ServerError>>,
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
        fn send(&self, text: &str) -> String {
            let mut stream = TcpStream::connect(self.address).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            replies(&mut stream)
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

    fn replies(stream: &mut TcpStream) -> String {
        let mut replies = String::new();
        let _ = stream.read_to_string(&mut replies);
        replies
    }

    const MESSAGE: &str = "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 4 LAST\r\nhi\r\n";

    #[test]
    fn remote_address_requires_allow_remote() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let error = Server::bind(ServerOptions::new(address.parse().unwrap())).unwrap_err();
            assert!(matches!(error, ServerError::Remote(_)));
            assert!(error.to_string().contains("--allow-remote"), "{error}");
        }
        let sink = Server::bind(ServerOptions {
            allow_remote: true,
            ..ServerOptions::new(([0, 0, 0, 0], 0).into())
        });
        assert_ne!(address(&sink.unwrap()).port(), 0);
    }

    #[test]
    fn name_that_would_break_the_greeting_is_refused() {
        for name in ["", "a b", "a\r\nb", "é"] {
            let options = ServerOptions {
                name: name.to_owned(),
                ..options(1)
            };
            assert!(matches!(Server::bind(options), Err(ServerError::Name(_))));
        }
    }

    #[test]
    fn error_names_the_address_in_use() {
        let sink = Server::bind(options(1)).unwrap();
        let address = address(&sink);
        let error = Server::bind(ServerOptions::new(address))
            .unwrap_err()
            .to_string();
        assert!(error.contains(&address.to_string()), "{error}");
    }

    #[test]
    fn server_ends_after_the_requested_messages() {
        let running = run(options(2));
        let replies = running.send(&format!("EHLO me\r\n{MESSAGE}{MESSAGE}QUIT\r\n"));
        assert!(
            replies.ends_with("ok, 4 bytes\r\n221 2.0.0 bye\r\n"),
            "{replies}"
        );
        let message = "Return-Path: <a@x>\r\nDelivered-To: b@x\r\nhi\r\n";
        assert_eq!(running.messages(), [message, message]);
        assert_eq!(running.accepted(), 2);
    }

    #[test]
    fn server_ends_at_its_time_limit_or_when_stopped() {
        let mut short = options(1);
        short.time_limit = Some(Duration::from_millis(1));
        assert_eq!(run(short).accepted(), 0);
        let maildir = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(maildir.path()).unwrap();
        let sink = Server::bind(options(1)).unwrap();
        sink.stopper().unwrap().stop();
        assert_eq!(sink.serve(&maildir, &()).unwrap(), 0);
    }

    /// A server that is stopped after the beginning of a message. Returns the number of accepted messages, and the
    /// replies to the rest of the message and to another one.
    fn stopped_within_a_message(grace: Grace, rest: &str) -> (u64, String) {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(home.path()).unwrap();
        let sink = Server::bind(ServerOptions {
            grace,
            ..options(9)
        })
        .unwrap();
        let (address, stopper) = (address(&sink), sink.stopper().unwrap());
        let server = thread::spawn(move || sink.serve(&maildir, &()));
        let mut stream = TcpStream::connect(address).unwrap();
        let begun = "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nhi\r\n";
        stream.write_all(begun.as_bytes()).unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"<CRLF>.<CRLF>\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
        stopper.stop();
        while TcpStream::connect(address).is_ok() {
            thread::yield_now();
        }
        let _ = stream.write_all(rest.as_bytes());
        let replies = replies(&mut stream);
        (server.join().unwrap().unwrap(), replies)
    }

    #[test]
    fn message_that_has_begun_is_received_after_the_stop_and_no_other() {
        let grace = Grace {
            messages: Duration::from_secs(3600),
            sessions: Duration::ZERO,
        };
        let rest = ".\r\nMAIL FROM:<a@x>\r\n";
        let (accepted, replies) = stopped_within_a_message(grace, rest);
        assert_eq!(accepted, 1);
        assert!(
            replies.starts_with("250 2.0.0 ok, 4 bytes\r\n421 4.3.2 "),
            "{replies}"
        );
        // Nothing of it is kept if it does not end.
        let (accepted, replies) = stopped_within_a_message(Grace::NONE, "");
        assert_eq!(accepted, 0);
        assert!(replies.starts_with("421 4.3.2 "), "{replies}");
    }

    #[test]
    fn server_listens_on_several_addresses() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        let mut both = options(2);
        both.listen.push(Listen::Unix(path.clone()));
        let running = run(both);
        let text = format!("EHLO me\r\n{MESSAGE}QUIT\r\n");
        let mut unix = std::os::unix::net::UnixStream::connect(&path).unwrap();
        unix.write_all(text.as_bytes()).unwrap();
        let mut replies = String::new();
        unix.read_to_string(&mut replies).unwrap();
        assert!(replies.ends_with("221 2.0.0 bye\r\n"), "{replies}");
        drop(unix);
        running.send(&text);
        assert_eq!(running.accepted(), 2);
        assert!(!path.exists());
    }

    #[test]
    fn server_with_count_zero_ends_at_once() {
        assert_eq!(run(options(0)).accepted(), 0);
    }

    #[test]
    fn open_connections_get_421_at_shutdown() {
        let running = run(options(1));
        let mut idler = TcpStream::connect(running.address).unwrap();
        idler.write_all(b"HELO me\r\n").unwrap();
        let mut greeting = [0; 4];
        idler.read_exact(&mut greeting).unwrap();
        running.send(&format!("EHLO me\r\n{MESSAGE}QUIT\r\n"));
        let started = Instant::now();
        assert!(
            replies(&mut idler).ends_with("421 4.3.2 shutting down, no more messages accepted\r\n")
        );
        drop(idler);
        assert_eq!(running.accepted(), 1);
        assert!(started.elapsed() < Grace::default().sessions + LINGER);
    }

    #[test]
    fn concurrent_clients_do_not_exceed_the_count() {
        let running = run(options(5));
        let text = format!("EHLO me\r\n{MESSAGE}QUIT\r\n");
        let taken = thread::scope(|scope| {
            let peers: Vec<_> = (0..10)
                .map(|_| {
                    scope.spawn(|| {
                        let stream = TcpStream::connect(running.address);
                        stream.map_or(String::new(), |mut stream| {
                            let _ = stream.write_all(text.as_bytes());
                            replies(&mut stream)
                        })
                    })
                })
                .collect();
            let replies = peers.into_iter().map(|peer| peer.join().unwrap());
            replies
                .filter(|replies| replies.contains("ok, 4 bytes"))
                .count()
        });
        assert_eq!((taken, running.messages().len()), (5, 5));
        assert_eq!(running.accepted(), 5);
    }

    #[test]
    fn connection_beyond_the_limit_gets_421() {
        let mut options = options(1);
        options.limits.max_connections = 1;
        let running = run(options);
        let mut first = TcpStream::connect(running.address).unwrap();
        let mut greeting = [0; 4];
        first.read_exact(&mut greeting).unwrap();
        let mut second = TcpStream::connect(running.address).unwrap();
        assert!(replies(&mut second).starts_with("421 4.3.2 too many connections"));
        let message = format!("EHLO me\r\n{MESSAGE}QUIT\r\n");
        first.write_all(message.as_bytes()).unwrap();
        replies(&mut first);
        assert_eq!(running.accepted(), 1);
    }

    #[test]
    fn idle_or_slow_client_is_disconnected() {
        let mut options = options(1);
        options.limits.idle = Duration::from_millis(300);
        let running = run(options);
        let mut idler = TcpStream::connect(running.address).unwrap();
        assert!(replies(&mut idler).contains("421 4.4.2"));

        let mut dripper = TcpStream::connect(running.address).unwrap();
        let started = Instant::now();
        while dripper.write_all(b"x").is_ok() && started.elapsed() < LINGER {
            thread::sleep(Duration::from_millis(50));
        }
        assert!(replies(&mut dripper).contains("421 4.4.2"));
        running.send(&format!("EHLO me\r\n{MESSAGE}QUIT\r\n"));
        assert_eq!(running.accepted(), 1);
    }
}
