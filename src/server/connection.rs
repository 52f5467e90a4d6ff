//! One connection: lines and blocks in, replies out, each before its deadline, in constant memory.

use crate::server::stream::{ByteStream, ServerTlsStream, within};
use crate::server::tls::TlsAgreement;
use memchr::memchr;
use rustls::ServerConfig;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Size of the input buffer, and so of the blocks in which a message is passed on.
const BLOCK: usize = 128 * 1024;

/// Maximum number of bytes of replies held back until the end of a group of commands.
const UNSENT: usize = 64 * 1024;

/// The reason for the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnding {
    Quit,
    /// The client closed, or the connection broke.
    PeerClosed,
    /// The client exceeded the time limit.
    Idle,
    /// The client made too many protocol errors.
    TooManyErrors,
    /// The server has received all expected messages, or its time is over.
    Full,
    /// A reply was 421, after which a server closes (RFC 5321 §3.8).
    Unavailable,
    /// The connection is closed without a reply, on purpose.
    Dropped,
    /// The connection is reset, on purpose.
    Reset,
    NoTls,
    /// The client speaks HTTP.
    NotSmtp,
    /// The first input is not a header of the PROXY protocol.
    NoProxy,
}

impl SessionEnding {
    /// The reply sent before the connection is closed; `None`: no reply is sent.
    pub fn final_reply(self) -> Option<&'static str> {
        match self {
            SessionEnding::Quit
            | SessionEnding::PeerClosed
            | SessionEnding::Unavailable
            | SessionEnding::Dropped
            | SessionEnding::Reset
            | SessionEnding::NoTls
            | SessionEnding::NoProxy => None,
            SessionEnding::Idle => Some("421 4.4.2 timed out waiting for a command"),
            SessionEnding::NotSmtp => Some("421 4.7.0 this is an SMTP server, not an HTTP server"),
            SessionEnding::TooManyErrors => Some("421 4.7.0 too many errors"),
            SessionEnding::Full => Some("421 4.3.2 shutting down, no more messages accepted"),
        }
    }

    /// The reason, for events.
    pub fn reason(self) -> &'static str {
        match self {
            SessionEnding::Quit => "quit",
            SessionEnding::PeerClosed => "peer closed",
            SessionEnding::Idle => "idle",
            SessionEnding::TooManyErrors => "too many errors",
            SessionEnding::Full => "sink closed",
            SessionEnding::Unavailable => "421 said",
            SessionEnding::Dropped => "closed",
            SessionEnding::Reset => "reset",
            SessionEnding::NoTls => "no TLS",
            SessionEnding::NotSmtp => "not SMTP",
            SessionEnding::NoProxy => "no PROXY header",
        }
    }
}

impl From<io::Error> for SessionEnding {
    fn from(error: io::Error) -> SessionEnding {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => SessionEnding::Idle,
            _ => SessionEnding::PeerClosed,
        }
    }
}

/// One line from the client, without its line end.
#[derive(Debug, PartialEq, Eq)]
pub enum ReceivedLine<'a> {
    Whole(&'a [u8]),
    /// It exceeded the limit and was discarded.
    TooLong,
}

/// A connection with its input buffer and its unsent replies.
pub struct Connection<P> {
    stream: ServerTlsStream<P>,
    idle: Duration,
    max_line_bytes: usize,
    buffer: Vec<u8>,
    // The input that is not yet consumed is buffer[start..end].
    start: usize,
    end: usize,
    unsent: Vec<u8>,
}

impl<P: ByteStream> Connection<P> {
    /// `max_line_bytes` includes the line end. `idle` bounds each line and each block.
    pub fn new(stream: P, max_line_bytes: usize, idle: Duration) -> Connection<P> {
        Connection {
            stream: ServerTlsStream::new(stream),
            idle,
            max_line_bytes: max_line_bytes.min(BLOCK / 2),
            buffer: vec![0; BLOCK],
            start: 0,
            end: 0,
            unsent: Vec::new(),
        }
    }

    /// Adds a reply. It is sent in one write with others, once all commands of the client are processed.
    pub fn queue_reply(&mut self, reply: &str) {
        self.unsent.extend_from_slice(reply.as_bytes());
        self.unsent.extend_from_slice(b"\r\n");
    }

    /// The next command line, ended by CRLF or LF. It must be complete before `idle` has passed, so
    /// that a client that drips bytes is cut off too.
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

    pub fn flush(&mut self) -> Result<(), SessionEnding> {
        if !self.unsent.is_empty() {
            self.stream.send(&self.unsent, within(self.idle))?;
            self.unsent.clear();
        }
        Ok(())
    }

    /// Sends these bytes at once, after the pending replies.
    pub fn send_now(&mut self, bytes: &[u8]) -> Result<(), SessionEnding> {
        self.flush()?;
        Ok(self.stream.send(bytes, within(self.idle))?)
    }

    /// Reads and discards input until the client closes, or the deadline is reached.
    pub fn drain(&mut self, deadline: Instant) {
        while self.flush().is_ok() {
            self.discard_input();
            match self.stream.receive(&mut self.buffer, deadline) {
                Ok(1..) => {}
                _ => return,
            }
        }
    }

    /// Discards the input that was read ahead.
    pub fn discard_input(&mut self) {
        self.start = self.end;
    }

    /// Reads more input.
    pub fn more(&mut self, deadline: Instant) -> Result<&[u8], SessionEnding> {
        if self.pending().len() >= BLOCK / 2 {
            return Err(SessionEnding::PeerClosed);
        }
        self.fill(deadline)?;
        Ok(self.pending())
    }

    /// Starts TLS. Input that was read ahead belongs to the handshake.
    pub fn secure(&mut self, config: &Arc<ServerConfig>) -> io::Result<TlsAgreement> {
        let deadline = within(self.idle);
        let early = self.pending().to_vec();
        self.discard_input();
        self.stream.secure(config, &early, deadline)
    }

    pub fn is_secured(&self) -> bool {
        self.stream.is_secured()
    }

    /// Sends the pending replies and, with TLS, `close_notify`.
    pub fn end(&mut self) {
        if self.flush().is_ok() {
            self.stream.end(within(self.idle));
        }
    }

    pub fn reset(&mut self) {
        self.stream.reset();
    }

    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads more input, after sending the pending replies, which the client may be waiting for.
    fn fill(&mut self, deadline: Instant) -> Result<(), SessionEnding> {
        self.flush()?;
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let count = self
            .stream
            .receive(&mut self.buffer[self.end..], deadline)?;
        self.end += count;
        if count == 0 {
            return Err(SessionEnding::PeerClosed);
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A client that sends packets, one for each read, and notes each write.
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

    impl ByteStream for &mut ScriptedPeer {
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

    fn connection(script: &mut ScriptedPeer) -> Connection<&mut ScriptedPeer> {
        Connection::new(script, 10, Duration::from_secs(1))
    }

    #[test]
    fn lines_may_span_packets_and_end_with_crlf_or_lf() {
        let mut script = ScriptedPeer::new([&b"NO"[..], b"OP\r", b"\nRSET\nQ\r\n"]);
        let mut connection = connection(&mut script);
        assert_eq!(connection.line(), Ok(ReceivedLine::Whole(b"NOOP")));
        assert_eq!(connection.line(), Ok(ReceivedLine::Whole(b"RSET")));
        assert_eq!(connection.line(), Ok(ReceivedLine::Whole(b"Q")));
        assert_eq!(connection.line(), Err(SessionEnding::PeerClosed));
    }

    #[test]
    fn line_at_the_limit_is_accepted_and_one_byte_more_is_too_long() {
        let mut script =
            ScriptedPeer::new([&b"12345678\r\n123456789\r\n123456789"[..], b"0123\r\nQ\n"]);
        let mut connection = connection(&mut script);
        assert_eq!(connection.line(), Ok(ReceivedLine::Whole(b"12345678")));
        assert_eq!(connection.line(), Ok(ReceivedLine::TooLong));
        assert_eq!(connection.line(), Ok(ReceivedLine::TooLong));
        assert_eq!(connection.line(), Ok(ReceivedLine::Whole(b"Q")));
    }

    #[test]
    fn endless_line_does_not_grow_the_buffer() {
        let packet = [b'a'; 5000];
        let mut script = ScriptedPeer::new((0..1000).map(|_| &packet[..]).chain([&b"\nQ\n"[..]]));
        let mut connection = connection(&mut script);
        assert_eq!(connection.line(), Ok(ReceivedLine::TooLong));
        assert_eq!(connection.line(), Ok(ReceivedLine::Whole(b"Q")));
        assert_eq!(connection.buffer.capacity(), BLOCK);
    }

    #[test]
    fn replies_are_sent_when_no_further_line_is_buffered() {
        let mut script = ScriptedPeer::new([&b"A\r\nB\r\nC"[..], b"\r\n"]);
        let mut connection = connection(&mut script);
        for reply in ["1", "2", "3"] {
            connection.line().unwrap();
            connection.queue_reply(reply);
        }
        connection.line().unwrap_err();
        assert_eq!(script.writes, ["1\r\n2\r\n", "3\r\n"]);
    }
}
