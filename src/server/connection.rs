//! One connection: lines and blocks in, replies out, each before its deadline, in constant memory.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memchr;
use rustls::ServerConfig;
use socket2::Socket;

use crate::server::end::SessionEnding;
use crate::server::tls::TlsAgreement;
use crate::server::tls_stream::Sealed;

/// Size of the input buffer, and so of the blocks in which a message is passed on.
const BLOCK: usize = 128 * 1024;

/// Maximum number of bytes of replies held back until the end of a group of commands.
const UNSENT: usize = 64 * 1024;

/// Upper limit of a deadline, so that adding to the clock cannot overflow.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The byte stream of a session: a socket, or a script in tests.
pub trait Transmission {
    /// Reads the available bytes; 0 means that the peer has closed.
    fn receive(&mut self, into: &mut [u8], deadline: Instant) -> io::Result<usize>;
    /// Writes all of it.
    fn send(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<()>;
    /// Makes closing the connection send a reset, if the stream supports that.
    fn reset(&mut self) {}
}

impl Transmission for Arc<Socket> {
    fn receive(&mut self, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.set_read_timeout(Some(until(deadline)?))?;
        // The kernel leaves this mode by itself, and other sockets than TCP do not have it.
        let _ = rustix::net::sockopt::set_tcp_quickack(self.as_ref(), true);
        retried(|| self.as_ref().read(into))
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            self.set_write_timeout(Some(until(deadline)?))?;
            match retried(|| self.as_ref().write(bytes))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                sent => bytes = &bytes[sent..],
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        let _ = self.set_linger(Some(Duration::ZERO));
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

/// The moment that is `patience` from now.
pub fn within(patience: Duration) -> Instant {
    Instant::now() + patience.min(LONGEST)
}

/// One line from the peer, without its line end.
#[derive(Debug, PartialEq, Eq)]
pub enum ReceivedLine<'a> {
    Whole(&'a [u8]),
    /// It exceeded the limit and was discarded.
    TooLong,
}

/// A connection with its input buffer and its unsent replies.
pub struct Channel<P> {
    peer: Sealed<P>,
    idle: Duration,
    max_line_bytes: usize,
    buffer: Vec<u8>,
    // The input that is not yet consumed is buffer[start..end].
    start: usize,
    end: usize,
    unsent: Vec<u8>,
}

impl<P: Transmission> Channel<P> {
    /// `max_line_bytes` includes the line end. `idle` bounds each line and each block.
    pub fn new(peer: P, max_line_bytes: usize, idle: Duration) -> Channel<P> {
        Channel {
            peer: Sealed::new(peer),
            idle,
            max_line_bytes: max_line_bytes.min(BLOCK / 2),
            buffer: vec![0; BLOCK],
            start: 0,
            end: 0,
            unsent: Vec::new(),
        }
    }

    /// Adds a reply. It is sent in one write with others, once all commands of the peer are processed.
    pub fn say(&mut self, reply: &str) {
        self.unsent.extend_from_slice(reply.as_bytes());
        self.unsent.extend_from_slice(b"\r\n");
    }

    /// The next command line, ended by CRLF or LF. It must be complete before `idle` has passed, so
    /// that a peer who drips bytes is cut off too.
    pub fn line(&mut self) -> Result<ReceivedLine<'_>, SessionEnding> {
        let deadline = within(self.idle);
        let mut too_long = false;
        if self.unsent.len() > UNSENT {
            self.flush()?;
        }
        loop {
            if let Some(length) = memchr(b'\n', self.pending()) {
                return Ok(self.take_line(length + 1, too_long));
            }
            if self.pending().len() >= self.max_line_bytes {
                too_long = true;
                self.start = self.end;
            }
            self.fill(deadline)?;
        }
    }

    fn take_line(&mut self, length: usize, too_long: bool) -> ReceivedLine<'_> {
        let start = self.start;
        self.start += length;
        if too_long || length > self.max_line_bytes {
            return ReceivedLine::TooLong;
        }
        let line = &self.buffer[start..start + length - 1];
        ReceivedLine::Whole(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Returns at least one byte of input. It stays in the buffer until it is consumed.
    pub fn block(&mut self, deadline: Instant) -> Result<&[u8], SessionEnding> {
        if self.start == self.end {
            self.fill(deadline.min(within(self.idle)))?;
        }
        Ok(self.pending())
    }

    /// Removes the first `count` bytes of the block.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// Sends the pending replies.
    pub fn flush(&mut self) -> Result<(), SessionEnding> {
        if !self.unsent.is_empty() {
            self.peer.send(&self.unsent, within(self.idle))?;
            self.unsent.clear();
        }
        Ok(())
    }

    /// Sends these bytes at once, after the pending replies.
    pub fn send_now(&mut self, bytes: &[u8]) -> Result<(), SessionEnding> {
        self.flush()?;
        Ok(self.peer.send(bytes, within(self.idle))?)
    }

    /// Reads and discards input until the peer closes, or the deadline is reached.
    pub fn drain(&mut self, deadline: Instant) {
        while self.flush().is_ok() {
            self.forget();
            match self.peer.receive(&mut self.buffer, deadline) {
                Ok(1..) => {}
                _ => return,
            }
        }
    }

    /// Discards the input that was read ahead.
    pub fn forget(&mut self) {
        self.start = self.end;
    }

    /// Waits for more input, at most as long as a command may take.
    pub fn more(&mut self, deadline: Instant) -> Result<&[u8], SessionEnding> {
        if self.pending().len() >= BLOCK / 2 {
            return Err(SessionEnding::Gone);
        }
        self.fill(deadline)?;
        Ok(self.pending())
    }

    /// Starts TLS. Input that was read ahead belongs to the handshake.
    pub fn secure(&mut self, config: &Arc<ServerConfig>) -> io::Result<TlsAgreement> {
        let deadline = within(self.idle);
        let ahead = self.pending().to_vec();
        self.forget();
        self.peer.secure(config, &ahead, deadline)
    }

    pub fn is_secured(&self) -> bool {
        self.peer.is_secured()
    }

    /// Sends the pending replies and, with TLS, `close_notify`.
    pub fn end(&mut self) {
        if self.flush().is_ok() {
            self.peer.end(within(self.idle));
        }
    }

    /// Resets the connection.
    pub fn reset(&mut self) {
        self.peer.reset();
    }

    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads more input, after sending the pending replies, which the peer may be waiting for.
    fn fill(&mut self, deadline: Instant) -> Result<(), SessionEnding> {
        self.flush()?;
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let count = self.peer.receive(&mut self.buffer[self.end..], deadline)?;
        self.end += count;
        if count == 0 {
            return Err(SessionEnding::Gone);
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A peer that sends packets, one for each read, and notes each write.
    #[derive(Default)]
    pub struct ScriptedPeer {
        packets: VecDeque<Vec<u8>>,
        pub writes: Vec<String>,
    }

    impl ScriptedPeer {
        pub fn new<'a>(packets: impl IntoIterator<Item = &'a [u8]>) -> ScriptedPeer {
            ScriptedPeer {
                packets: packets.into_iter().map(<[u8]>::to_vec).collect(),
                writes: Vec::new(),
            }
        }
    }

    impl Transmission for &mut ScriptedPeer {
        fn receive(&mut self, into: &mut [u8], _: Instant) -> io::Result<usize> {
            let Some(mut packet) = self.packets.pop_front() else {
                return Ok(0);
            };
            let rest = packet.split_off(packet.len().min(into.len()));
            into[..packet.len()].copy_from_slice(&packet);
            if !rest.is_empty() {
                self.packets.push_front(rest);
            }
            Ok(packet.len())
        }

        fn send(&mut self, bytes: &[u8], _: Instant) -> io::Result<()> {
            self.writes.push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(())
        }
    }

    fn channel(script: &mut ScriptedPeer) -> Channel<&mut ScriptedPeer> {
        Channel::new(script, 10, Duration::from_secs(1))
    }

    #[test]
    fn lines_come_whole_from_any_packets_and_with_either_line_end() {
        let mut script = ScriptedPeer::new([&b"NO"[..], b"OP\r", b"\nRSET\nQ\r\n"]);
        let mut channel = channel(&mut script);
        assert_eq!(channel.line(), Ok(ReceivedLine::Whole(b"NOOP")));
        assert_eq!(channel.line(), Ok(ReceivedLine::Whole(b"RSET")));
        assert_eq!(channel.line(), Ok(ReceivedLine::Whole(b"Q")));
        assert_eq!(channel.line(), Err(SessionEnding::Gone));
    }

    #[test]
    fn a_line_at_the_limit_is_taken_and_one_byte_more_is_too_long() {
        let mut script =
            ScriptedPeer::new([&b"12345678\r\n123456789\r\n123456789"[..], b"0123\r\nQ\n"]);
        let mut channel = channel(&mut script);
        assert_eq!(channel.line(), Ok(ReceivedLine::Whole(b"12345678")));
        assert_eq!(channel.line(), Ok(ReceivedLine::TooLong));
        assert_eq!(channel.line(), Ok(ReceivedLine::TooLong));
        assert_eq!(channel.line(), Ok(ReceivedLine::Whole(b"Q")));
    }

    #[test]
    fn an_endless_line_does_not_grow_the_buffer() {
        let packet = [b'a'; 5000];
        let mut script = ScriptedPeer::new((0..1000).map(|_| &packet[..]).chain([&b"\nQ\n"[..]]));
        let mut channel = channel(&mut script);
        assert_eq!(channel.line(), Ok(ReceivedLine::TooLong));
        assert_eq!(channel.line(), Ok(ReceivedLine::Whole(b"Q")));
        assert_eq!(channel.buffer.capacity(), BLOCK);
    }

    #[test]
    fn replies_wait_until_the_peer_has_no_further_line() {
        let mut script = ScriptedPeer::new([&b"A\r\nB\r\nC"[..], b"\r\n"]);
        let mut channel = channel(&mut script);
        for reply in ["1", "2", "3"] {
            channel.line().unwrap();
            channel.say(reply);
        }
        channel.line().unwrap_err();
        assert_eq!(script.writes, ["1\r\n2\r\n", "3\r\n"]);
    }
}
