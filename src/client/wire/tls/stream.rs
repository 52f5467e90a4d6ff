//! A stream inside TLS. Each call reads and writes at most once, so that a caller with a deadline can check
//! it in between, however slowly the peer's bytes arrive.

use crate::client::wire::{Deadline, LastWords, Stream};
use crate::system::text::shown;
use rustls::ClientConnection;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Maximum number of reads in one poll that yield no application data.
const MAX_READS: u32 = 16;

/// Octets of a reply in clear that an error text has.
const MAX_REPLY: usize = 200;

pub struct TlsStream {
    pub connection: ClientConnection,
    under: Box<dyn Stream>,
    is_reset: bool,
}

impl TlsStream {
    pub fn new(mut connection: ClientConnection, under: Box<dyn Stream>) -> Self {
        // Written data is buffered by the caller; another limit would only split it.
        connection.set_buffer_limit(None);
        Self {
            connection,
            under,
            is_reset: false,
        }
    }

    /// Runs the handshake. Its last message may remain unsent: it is sent with the first data, or before the
    /// first read. Reads and writes wait as long as was set for the stream, which is the length of the
    /// deadline.
    pub fn handshake(&mut self, deadline: Deadline) -> io::Result<()> {
        let mut limit = deadline.whole();
        while self.connection.is_handshaking() {
            let left = deadline.left().ok_or(io::ErrorKind::TimedOut)?;
            // An approximate limit is sufficient, and saves system calls.
            if limit > left + limit / 10 {
                limit = left;
                self.under.set_read_timeout(left)?;
                self.under.set_write_timeout(left)?;
            }
            if self.connection.wants_write() {
                again(|| self.connection.write_tls(&mut self.under).map(drop))?;
                continue;
            }
            again(|| self.take_in(Wait::ForPeer))?;
        }
        Ok(())
    }

    /// Continues the handshake without waiting; `WouldBlock` if it is not complete.
    pub fn handshake_now(&mut self) -> io::Result<()> {
        while self.connection.is_handshaking() {
            if self.connection.wants_write() {
                again(|| {
                    let under = &mut Now(&mut *self.under);
                    self.connection.write_tls(under).map(drop)
                })?;
                continue;
            }
            again(|| self.take_in(Wait::No))?;
        }
        Ok(())
    }

    /// The stream below, after a handshake that has failed.
    pub fn into_under(mut self) -> Box<dyn Stream> {
        self.is_reset = true;
        std::mem::replace(&mut self.under, Box::new(Gone))
    }

    /// Reads once and processes the records.
    fn take_in(&mut self, wait: Wait) -> io::Result<()> {
        self.under.acknowledge_at_once();
        if !self.connection.is_handshaking() {
            self.connection.read_tls(&mut self.under)?;
            return self.digest();
        }
        let mut start = Vec::new();
        let count = match wait {
            Wait::ForPeer => {
                let under = &mut StartKept(&mut self.under, &mut start);
                self.connection.read_tls(under)?
            }
            Wait::No => {
                let under = &mut StartKept(&mut Now(&mut *self.under), &mut start);
                self.connection.read_tls(under)?
            }
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.digest()
            .map_err(|error| temporary_reply(&start).unwrap_or(error))
    }

    fn digest(&mut self) -> io::Result<()> {
        let digested = self.connection.process_new_packets();
        digested.map(drop).map_err(|error| {
            // Sends the alert with the reason.
            let _ = self.connection.write_tls(&mut self.under);
            io::Error::new(io::ErrorKind::InvalidData, error)
        })
    }
}

/// Selects if a read waits for the peer.
#[derive(Clone, Copy)]
enum Wait {
    ForPeer,
    No,
}

/// Keeps the beginning of what is read.
struct StartKept<'s>(&'s mut dyn Read, &'s mut Vec<u8>);

impl Read for StartKept<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        let wanted = count.min(MAX_REPLY.saturating_sub(self.1.len()));
        self.1.extend_from_slice(&buffer[..wanted]);
        Ok(count)
    }
}

/// The error for a server that is too busy for a handshake, and replied with 4yz in clear.
fn temporary_reply(start: &[u8]) -> Option<io::Error> {
    let line = start.split(|byte| *byte == b'\n').next()?;
    let [b'4', b'0'..=b'9', b'0'..=b'9', b' ' | b'-' | b'\r', ..] = line else {
        return None;
    };
    let reply = shown(String::from_utf8_lossy(line).trim_end());
    Some(io::Error::other(format!(
        "the server sent {reply} in plaintext"
    )))
}

fn again(mut once: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    match once() {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        other => other,
    }
}

fn is_waiting(read: &io::Result<usize>) -> bool {
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl Read for TlsStream {
    /// `Interrupted`: data was written or read, but no record is complete.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut unwritten = None;
        if self.connection.wants_write() {
            match self.connection.write_tls(&mut self.under) {
                // A stream may write one record at a time, and the peer may wait for the last.
                Ok(1..) if self.connection.wants_write() => {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                written => unwritten = written.err(),
            }
        }
        let read = self.connection.reader().read(buffer);
        if !is_waiting(&read) {
            return read;
        }
        // A peer that cannot be written to may have sent its reason before.
        if let Err(error) = self.take_in(Wait::ForPeer) {
            return Err(unwritten.unwrap_or(error));
        }
        let read = self.connection.reader().read(buffer);
        if is_waiting(&read) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        read
    }
}

impl Write for TlsStream {
    /// Buffers all data, and writes once to the stream below.
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.connection.writer().write(buffer)?;
        match self.connection.write_tls(&mut self.under) {
            // The data is buffered and must not be written again; `flush` sends it.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(count),
            Err(error) => Err(error),
            Ok(_) => Ok(count),
        }
    }

    /// `Interrupted`: more data is left to write.
    fn flush(&mut self) -> io::Result<()> {
        if !self.connection.wants_write() {
            return Ok(());
        }
        if self.connection.write_tls(&mut self.under)? == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.connection.wants_write() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }
}

impl Stream for TlsStream {
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Session tickets arrive at any time and are not application data. A peer that sends nothing else is
        // handled by the callers with a deadline.
        for _ in 0..MAX_READS {
            let read = self.connection.reader().read(buffer);
            if !is_waiting(&read) {
                return read;
            }
            self.connection.read_tls(&mut Now(&mut *self.under))?;
            self.digest()?;
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Buffered data must be sent before this.
        self.flush_now()?;
        let count = self.connection.writer().write(bytes)?;
        match self.connection.write_tls(&mut Now(&mut *self.under)) {
            // The data is buffered and must not be written again; `flush_now` sends it.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    fn flush_now(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Now(&mut *self.under))?;
        }
        Ok(())
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.under.ends()
    }

    fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.under.socket()
    }

    fn end(&mut self) -> LastWords {
        self.under.end()
    }

    fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()> {
        self.under.set_read_timeout(limit)
    }

    fn set_write_timeout(&mut self, limit: Duration) -> io::Result<()> {
        self.under.set_write_timeout(limit)
    }

    fn half_close(&mut self) -> io::Result<()> {
        self.connection.send_close_notify();
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut self.under)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.under.half_close()
    }

    /// No TLS alert is sent before it.
    fn end_with_reset(&mut self) -> io::Result<()> {
        self.is_reset = true;
        self.under.end_with_reset()
    }
}

impl Drop for TlsStream {
    /// Sends `close_notify` (RFC 8446 §6.1), unless the connection is blocked.
    fn drop(&mut self) {
        if self.is_reset {
            return;
        }
        if self.connection.is_handshaking() || self.connection.wants_write() {
            return;
        }
        self.connection.send_close_notify();
        let _ = self.connection.write_tls(&mut Now(&mut *self.under));
    }
}

/// Adaptor that reads and writes without waiting.
struct Now<'s>(&'s mut dyn Stream);

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_now(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Now<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_now(buffer)
    }
}

/// Replaces a stream after a failed handshake: nothing can be read or written.
pub struct Gone;

impl Read for Gone {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }
}

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Gone {
    fn read_now(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn write_now(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        None
    }

    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::client::wire::tls::{Tls, TlsOptions};
    use crate::client::wire::{Stream, Wire};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection};
    use std::cell::RefCell;
    use std::io::{self, Read, Write};
    use std::net::SocketAddr;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::time::Duration;

    /// A server at the other end of a stream that accepts little data at a time, and is interrupted often.
    #[derive(Clone)]
    struct FlakySocket {
        server: Rc<RefCell<ServerConnection>>,
        heard: Rc<RefCell<Vec<u8>>>,
        mood: usize,
    }

    impl FlakySocket {
        fn new() -> Self {
            let made =
                rcgen::generate_simple_self_signed(vec!["mx.example.org".to_owned()]).unwrap();
            let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .unwrap();
            let server = ServerConnection::new(Arc::new(config)).unwrap();
            Self {
                server: Rc::new(RefCell::new(server)),
                heard: Rc::default(),
                mood: 0,
            }
        }

        /// Simulates a signal on every third call.
        fn is_interrupted(&mut self) -> bool {
            self.mood += 1;
            self.mood.is_multiple_of(3)
        }
    }

    impl Read for FlakySocket {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.is_interrupted() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let mut server = self.server.borrow_mut();
            let mut all = Vec::new();
            if server.wants_write() {
                let room = buffer.len().min(700);
                server.write_tls(&mut Short(&mut all, room))?;
            }
            if all.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            buffer[..all.len()].copy_from_slice(&all);
            Ok(all.len())
        }
    }

    /// A writer that accepts a limited number of bytes.
    struct Short<'v>(&'v mut Vec<u8>, usize);

    impl Write for Short<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1);
            self.0.extend_from_slice(&bytes[..count]);
            self.1 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Write for FlakySocket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_interrupted() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = bytes.len().min(5000);
            let mut server = self.server.borrow_mut();
            let mut left = &bytes[..count];
            while !left.is_empty() {
                server.read_tls(&mut left)?;
                server.process_new_packets().unwrap();
                let mut heard = self.heard.borrow_mut();
                let _ = server.reader().read_to_end(&mut heard);
            }
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Stream for FlakySocket {
        fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write(bytes)
        }

        fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.read(buffer)
        }

        fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
            None
        }

        fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
            Ok(())
        }

        fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_interrupted_is_said_once() {
        let moody = FlakySocket::new();
        let (server, heard) = (moody.server.clone(), moody.heard.clone());
        let mut wire = Wire::new(Box::new(moody));
        let tls = Tls::new(&TlsOptions::default()).unwrap();
        let limit = Duration::from_secs(20);
        wire.secure(tls.server("mx.example.org"), limit).unwrap();
        let mut said = Vec::new();
        for number in 0..20_000 {
            let line = format!("line {number}\r\n");
            wire.outbox.extend_from_slice(line.as_bytes());
            said.extend_from_slice(line.as_bytes());
            if wire.outbox.len() > 60_000 {
                wire.flush(limit).unwrap();
            }
        }
        wire.flush(limit).unwrap();
        assert!(
            *heard.borrow() == said,
            "{} of {}",
            heard.borrow().len(),
            said.len()
        );
        server
            .borrow_mut()
            .writer()
            .write_all(b"250 ok\r\n")
            .unwrap();
        let deadline = crate::client::wire::Deadline::after(limit);
        assert_eq!(wire.line(deadline).unwrap(), b"250 ok");
    }
}
