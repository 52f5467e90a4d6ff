//! Byte streams: a socket, and TLS over another stream.

use crate::server::tls::TlsAgreement;
use crate::system::certificate::Certificate;
use rustls::{ServerConfig, ServerConnection};
use socket2::Socket;
use std::io::{self, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Upper limit of a deadline, so that adding to the clock cannot overflow.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The byte stream of a session: a socket, or a script in tests.
pub trait ByteStream {
    /// Reads the available bytes; 0 means that the client has closed.
    fn receive(&mut self, into: &mut [u8], deadline: Instant) -> io::Result<usize>;
    fn send(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<()>;
    /// Makes closing the connection send a reset, if the stream supports that.
    fn reset(&mut self) {}
}

/// A socket, with the time limits that are set on it: most reads and writes find the right ones, and a system call that
/// sets them costs as much as a read.
pub struct SocketStream {
    socket: Arc<Socket>,
    read_limit: Duration,
    write_limit: Duration,
    has_sent: bool,
}

impl SocketStream {
    pub fn new(socket: Arc<Socket>) -> SocketStream {
        SocketStream {
            socket,
            read_limit: Duration::ZERO,
            write_limit: Duration::ZERO,
            has_sent: true,
        }
    }

    /// Sends that nothing follows. Returns false if the client has closed the connection.
    pub fn end_writing(&self) -> bool {
        self.socket.shutdown(Shutdown::Write).is_ok()
    }
}

/// Added to a time limit that is set, so that it is right for the next deadline, too.
const SPARE: Duration = Duration::from_millis(1);

/// True if a limit that is set ends no earlier than this time, and not much later.
fn is_near(set: Duration, left: Duration) -> bool {
    set.checked_sub(left).is_some_and(|over| over <= left / 8)
}

impl ByteStream for SocketStream {
    fn receive(&mut self, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let left = until(deadline)?;
        if !is_near(self.read_limit, left) {
            self.read_limit = left + SPARE;
            self.socket.set_read_timeout(Some(self.read_limit))?;
        }
        // A client that sends its message in small writes may wait for the acknowledgment of one before the next (RFC
        // 896), which the kernel delays. With a reply, it is sent at once. Other sockets than TCP do not have this
        // mode.
        if !mem::take(&mut self.has_sent) {
            let _ = rustix::net::sockopt::set_tcp_quickack(&*self.socket, true);
        }
        retried(|| (&*self.socket).read(into))
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        self.has_sent = true;
        while !bytes.is_empty() {
            let left = until(deadline)?;
            if !is_near(self.write_limit, left) {
                self.write_limit = left + SPARE;
                self.socket.set_write_timeout(Some(self.write_limit))?;
            }
            match retried(|| (&*self.socket).write(bytes))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                sent => bytes = &bytes[sent..],
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }
}

fn until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

fn retried(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The time after this duration, at most a day from now.
pub fn within(limit: Duration) -> Instant {
    Instant::now() + limit.min(LONGEST)
}

/// A client, in clear until [`TlsStream::secure`].
pub struct ServerTlsStream<P> {
    inner: P,
    tls: Option<Box<ServerConnection>>,
    /// Bytes of the handshake that were read before it started.
    early: Vec<u8>,
}

impl<P: ByteStream> ServerTlsStream<P> {
    pub fn new(inner: P) -> ServerTlsStream<P> {
        ServerTlsStream {
            inner,
            tls: None,
            early: Vec::new(),
        }
    }

    pub fn is_secured(&self) -> bool {
        self.tls.is_some()
    }

    /// The handshake. `early` are bytes of it that were read already.
    pub fn secure(
        &mut self,
        config: &Arc<ServerConfig>,
        early: &[u8],
        deadline: Instant,
    ) -> io::Result<TlsAgreement> {
        let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let tls = self.tls.insert(Box::new(tls));
        tls.set_buffer_limit(None);
        self.early = early.to_vec();
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.write_records(deadline)?;
            self.read_records(deadline)?;
        }
        self.write_records(deadline)?;
        Ok(self.agreement())
    }

    fn agreement(&self) -> TlsAgreement {
        let tls = self.tls.as_deref();
        let version = tls.and_then(|tls| tls.protocol_version());
        let suite = tls.and_then(|tls| tls.negotiated_cipher_suite());
        let client = tls.and_then(|tls| Certificate::read(tls.peer_certificates()?.first()?));
        TlsAgreement {
            // rustls writes TLSv1_3.
            version: version.map_or(String::new(), |version| {
                format!("{version:?}").replace('_', ".")
            }),
            cipher: suite.map_or(String::new(), |suite| format!("{:?}", suite.suite())),
            server_name: tls.and_then(|tls| tls.server_name().map(ToString::to_string)),
            client: client.map(|client| client.subject),
        }
    }

    /// Reads at most once, and decrypts the input.
    fn read_records(&mut self, deadline: Instant) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        if !tls.wants_read() {
            return Ok(());
        }
        let mut inner = RecordStream {
            stream: &mut self.inner,
            early: &mut self.early,
            deadline,
        };
        if tls.read_tls(&mut inner)? == 0 && tls.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let processed = tls.process_new_packets();
        processed.map(drop).map_err(|error| {
            // The alert with the reason.
            let _ = tls.write_tls(&mut inner);
            io::Error::new(io::ErrorKind::InvalidData, error)
        })
    }

    fn write_records(&mut self, deadline: Instant) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        let mut inner = RecordStream {
            stream: &mut self.inner,
            early: &mut self.early,
            deadline,
        };
        while tls.wants_write() {
            tls.write_tls(&mut inner)?;
        }
        Ok(())
    }

    /// Sends `close_notify` (RFC 8446 §6.1), unless the handshake has failed.
    pub fn end(&mut self, deadline: Instant) {
        if let Some(tls) = &mut self.tls
            && !tls.is_handshaking()
        {
            tls.send_close_notify();
            let _ = self.write_records(deadline);
        }
    }
}

impl<P: ByteStream> ByteStream for ServerTlsStream<P> {
    fn receive(&mut self, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            let Some(tls) = &mut self.tls else {
                return self.inner.receive(into, deadline);
            };
            match tls.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Closed without close_notify; the session decides if that is premature.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.write_records(deadline)?;
            self.read_records(deadline)?;
        }
    }

    fn send(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return self.inner.send(bytes, deadline);
        };
        tls.writer().write_all(bytes)?;
        self.write_records(deadline)
    }

    fn reset(&mut self) {
        self.inner.reset();
    }
}

/// The connection below TLS, as `Read` and `Write` for rustls.
struct RecordStream<'s, P> {
    stream: &'s mut P,
    early: &'s mut Vec<u8>,
    deadline: Instant,
}

impl<P: ByteStream> Read for RecordStream<'_, P> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.early.is_empty() {
            return self.stream.receive(into, self.deadline);
        }
        let count = self.early.len().min(into.len());
        into[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        Ok(count)
    }
}

impl<P: ByteStream> Write for RecordStream<'_, P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.send(bytes, self.deadline)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
