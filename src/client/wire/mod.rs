//! The wire: a connection with its buffers and deadlines. It handles lines and blocks, not SMTP.

mod pipe;
mod proxy;
mod race;
mod socket;
pub mod tls;

pub use pipe::connect_unsorted as connect_pipe;
pub use race::{ConnectFailure, Terms, connect, timed_out};
pub use socket::{begin as begin_tcp, finish as finish_tcp};
pub use tls::{Tls, TlsError, TlsResult, TlsSetupError};

use crate::system::text::reason;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Maximum length of a line, in bytes; a longer one is an error. RFC 5321 §4.5.3.1.5 allows 512; real servers
/// send more.
const MAX_LINE: usize = 64 * 1024;

/// Minimum interval between two polls for unsolicited data.
const MOMENT: Duration = Duration::from_millis(1);

/// An error on a connection.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Nothing could be read or written for this long.
    #[error("no answer within {}", seconds(*.0))]
    Timeout(Duration),
    /// The peer closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// A line exceeds the maximum length.
    #[error("a line of more than {MAX_LINE} bytes")]
    LongLine,
    /// Data arrived in clear before the TLS handshake.
    #[error("received plaintext data after the reply to STARTTLS")]
    Injected,
    /// The peer ended TLS because it requires another client certificate.
    #[error("{0}")]
    Unwelcome(String),
    /// An error from the system.
    #[error("{}", reason(.0))]
    Io(io::Error),
}

fn seconds(limit: Duration) -> String {
    let plural = if limit == Duration::from_secs(1) {
        ""
    } else {
        "s"
    };
    format!("{} second{plural}", limit.as_secs_f32())
}

/// A byte stream: TCP, a unix socket, or TLS over them.
pub trait Stream: io::Read + io::Write {
    /// Writes as much as possible without waiting; `WouldBlock` if nothing can be written.
    fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Reads available data without waiting; `WouldBlock` if there is none.
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Sends buffered data without waiting; `WouldBlock` if some is left.
    fn flush_now(&mut self) -> io::Result<()> {
        Ok(())
    }
    /// The local and the peer's address, if there are any.
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)>;
    /// The socket, if there is one.
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Sets the time limit of a read.
    fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()>;
    /// Sets the time limit of a write.
    fn set_write_timeout(&mut self, limit: Duration) -> io::Result<()>;
    /// Requests that received data be acknowledged at once, because a wait for the peer follows. A peer that
    /// writes a reply in pieces may delay the second piece until the first is acknowledged (Nagle's
    /// algorithm), and a delayed acknowledgement takes 40 ms.
    fn acknowledge_at_once(&self) {}

    /// Ends the connection, if more than closing it is necessary.
    fn end(&mut self) -> LastWords {
        LastWords::default()
    }

    /// Shuts down the sending direction.
    fn half_close(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Arranges for a reset when the connection is dropped.
    fn end_with_reset(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Final output of a server that is a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LastWords {
    /// Lines for people.
    pub asides: Vec<String>,
    /// The exit status of the command, in words.
    pub ended: Option<String>,
}

/// A line without its CRLF or LF.
pub fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A connection that is read line by line and written block by block.
pub struct Wire {
    stream: Box<dyn Stream>,
    /// A duplicate of the socket; `None`: not made yet.
    duplicate: Option<Arc<OwnedFd>>,
    inbox: Vec<u8>,
    /// Offset of the unread part of `inbox`.
    unread: usize,
    /// Data for the next [`Wire::flush`].
    pub outbox: Vec<u8>,
    read_limit: Duration,
    write_limit: Duration,
    /// Time of the last poll for unsolicited data; `None` if something was written or awaited since.
    quiet_at: Option<Instant>,
    /// True if nothing was read since the last write, which has acknowledged everything before it. The peer waits
    /// for no acknowledgement then, and a system call is saved for each reply that arrives in one piece.
    is_acknowledged: bool,
}

impl Wire {
    /// A wire over a stream.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            duplicate: None,
            inbox: Vec::with_capacity(4096),
            unread: 0,
            outbox: Vec::new(),
            read_limit: Duration::ZERO,
            write_limit: Duration::ZERO,
            quiet_at: None,
            is_acknowledged: false,
        }
    }

    /// Ends the connection.
    pub fn end(&mut self) -> LastWords {
        self.stream.end()
    }

    /// The socket, if there is one.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.stream.socket()
    }

    /// A duplicate of the socket, by which another thread can disconnect it. All messages of a connection share it.
    /// `None`: there is no socket, or it cannot be duplicated.
    pub fn duplicate(&mut self) -> Option<Arc<OwnedFd>> {
        if self.duplicate.is_none() {
            let duplicate = self.socket()?.try_clone_to_owned().ok()?;
            self.duplicate = Some(Arc::new(duplicate));
        }
        self.duplicate.clone()
    }

    /// The local address of this connection.
    pub fn local_ip(&self) -> Option<IpAddr> {
        self.ends().map(|(local, _)| local.ip())
    }

    /// The local and the peer's address of this connection, if there are any.
    pub fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.stream.ends()
    }

    /// Reads one line, without its CRLF or LF. The deadline applies to the whole line, however slowly its
    /// bytes arrive.
    pub fn line(&mut self, deadline: Deadline) -> Result<&[u8], WireError> {
        self.line_as_it_is(deadline).map(without_end)
    }

    /// As `line`, but with the line end.
    pub fn line_as_it_is(&mut self, deadline: Deadline) -> Result<&[u8], WireError> {
        let mut searched = 0;
        loop {
            if let Some(line) = self.take_line(&mut searched)? {
                return Ok(&self.inbox[line]);
            }
            self.fill(deadline)?;
        }
    }

    /// Consumes a complete line of the inbox, and returns its place. `searched` unread octets have no line end, as is
    /// known from earlier calls.
    fn take_line(&mut self, searched: &mut usize) -> Result<Option<Range<usize>>, WireError> {
        let start = self.unread;
        if let Some(at) = memchr::memchr(b'\n', &self.inbox[start + *searched..]) {
            self.unread += *searched + at + 1;
            return Ok(Some(start..self.unread));
        }
        *searched = self.inbox.len() - start;
        if *searched > MAX_LINE {
            return Err(WireError::LongLine);
        }
        Ok(None)
    }

    /// Returns unread data without consuming it; waits until there is some.
    pub fn heard(&mut self, deadline: Deadline) -> Result<&[u8], WireError> {
        while self.unread == self.inbox.len() {
            self.fill(deadline)?;
        }
        Ok(&self.inbox[self.unread..])
    }

    /// Reads this many bytes.
    pub fn bytes(&mut self, count: usize, deadline: Deadline) -> Result<&[u8], WireError> {
        while self.inbox.len() - self.unread < count {
            self.fill(deadline)?;
        }
        let start = self.unread;
        self.unread += count;
        Ok(&self.inbox[start..self.unread])
    }

    /// Appends unread data to a buffer; waits until there is some. Returns false at the end of the stream, for
    /// TLS after `close_notify`. A connection that is lost is [`WireError::Closed`].
    pub fn receive(&mut self, into: &mut Vec<u8>, deadline: Deadline) -> Result<bool, WireError> {
        while self.unread == self.inbox.len() {
            if !self.read_once(deadline)? {
                return Ok(false);
            }
        }
        into.extend_from_slice(&self.inbox[self.unread..]);
        self.unread = self.inbox.len();
        Ok(true)
    }

    /// Closes the sending direction; the peer may still send.
    pub fn half_close(&mut self) -> io::Result<()> {
        self.stream.half_close()
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub fn reset(mut self) -> io::Result<()> {
        self.stream.end_with_reset()
    }

    /// As `line_as_it_is`, but does not wait: `None` if no complete line has arrived.
    pub fn line_now(&mut self) -> Result<Option<&[u8]>, WireError> {
        let mut searched = 0;
        loop {
            if let Some(line) = self.take_line(&mut searched)? {
                return Ok(Some(&self.inbox[line]));
            }
            if !self.fill_now()? {
                return Ok(None);
            }
        }
    }

    /// Reads what has arrived into the inbox. Returns false if there is nothing.
    fn fill_now(&mut self) -> Result<bool, WireError> {
        let room = self.make_room();
        let count = self.stream.read_now(&mut self.inbox[room..]);
        self.inbox
            .truncate(room + count.as_ref().map_or(0, |&count| count));
        self.quiet_at = Some(Instant::now());
        match count {
            Ok(0) => Err(WireError::Closed),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !std::mem::take(&mut self.is_acknowledged) {
                    self.stream.acknowledge_at_once();
                }
                Ok(false)
            }
            Err(error) => Err(Deadline::after(Duration::ZERO).explain(error)),
        }
    }

    /// Writes as much of the outbox as possible without waiting. Returns true if nothing is left.
    pub fn flush_now(&mut self) -> Result<bool, WireError> {
        self.quiet_at = None;
        let mut written = 0;
        let mut flushed = Ok(());
        while written < self.outbox.len() && flushed.is_ok() {
            match self.stream.write_now(&self.outbox[written..]) {
                Ok(0) => flushed = Err(io::ErrorKind::BrokenPipe.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => flushed = Err(error),
            }
        }
        self.is_acknowledged = written > 0;
        self.outbox.drain(..written);
        match flushed.and_then(|()| self.stream.flush_now()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Deadline::after(Duration::ZERO).explain(error)),
        }
    }

    /// Frees the memory of empty buffers, for a connection that waits.
    pub fn free_buffers(&mut self) {
        if self.unread == self.inbox.len() {
            self.inbox = Vec::new();
            self.unread = 0;
        }
        if self.outbox.is_empty() {
            self.outbox = Vec::new();
        }
    }

    /// Polls for unsolicited data from the peer. Does not wait.
    pub fn early(&mut self) -> Early<'_> {
        if self.unread == self.inbox.len() {
            if self.quiet_at.is_some_and(|at| at.elapsed() < MOMENT) {
                return Early::Quiet;
            }
            let room = self.make_room();
            let read = self.stream.read_now(&mut self.inbox[room..]);
            self.inbox
                .truncate(room + read.as_ref().map_or(0, |&count| count));
            match read {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.quiet_at = Some(Instant::now());
                    return Early::Quiet;
                }
                Ok(0) => return Early::Closed,
                Err(error) => {
                    return match Deadline::after(Duration::ZERO).explain(error) {
                        error @ WireError::Unwelcome(_) => Early::Broken(error),
                        _ => Early::Closed,
                    };
                }
            }
        }
        Early::Bytes(&self.inbox[self.unread..])
    }

    /// Writes the outbox in as few system calls as the system allows. On an error, the outbox holds the
    /// unsent data.
    pub fn flush(&mut self, limit: Duration) -> Result<(), WireError> {
        self.quiet_at = None;
        self.limit_writes(limit)?;
        let deadline = Deadline::after(limit);
        let mut written = 0;
        while written < self.outbox.len() {
            match self.stream.write(&self.outbox[written..]) {
                Ok(0) => return self.unwritten(written, WireError::Closed),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.unwritten(written, deadline.explain(error)),
            }
            if written < self.outbox.len() && deadline.left().is_none() {
                return self.unwritten(written, WireError::Timeout(limit));
            }
        }
        self.is_acknowledged = !self.outbox.is_empty();
        self.outbox.clear();
        self.push_out(deadline)
    }

    fn limit_writes(&mut self, limit: Duration) -> Result<(), WireError> {
        if self.write_limit != limit {
            self.stream
                .set_write_timeout(limit)
                .map_err(WireError::Io)?;
            self.write_limit = limit;
        }
        Ok(())
    }

    /// An approximate time limit saves a system call for each reply. One that is too short stays until a read has
    /// reached it.
    fn limit_reads(&mut self, left: Duration, whole: Duration) -> Result<(), WireError> {
        let slack = Duration::from_secs(1).min(whole / 10);
        if self.read_limit.is_zero() || self.read_limit > left + slack {
            // A limit of zero would be none.
            let limit = left.max(Duration::from_millis(1));
            self.stream.set_read_timeout(limit).map_err(WireError::Io)?;
            self.read_limit = limit;
        }
        Ok(())
    }

    /// Waits until the stream has sent its buffered data.
    fn push_out(&mut self, deadline: Deadline) -> Result<(), WireError> {
        loop {
            match self.stream.flush() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(deadline.explain(error)),
            }
            let left = deadline.left().ok_or(WireError::Timeout(deadline.whole))?;
            if self.write_limit > left + deadline.whole / 10 {
                self.limit_writes(left)?;
            }
        }
    }

    /// Writes at most the first `most` bytes of the outbox.
    pub fn flush_some(&mut self, most: usize, limit: Duration) -> Result<(), WireError> {
        let rest = self.outbox.split_off(most.min(self.outbox.len()));
        let written = self.flush(limit);
        self.outbox.extend_from_slice(&rest);
        written
    }

    fn unwritten(&mut self, written: usize, error: WireError) -> Result<(), WireError> {
        self.outbox.drain(..written);
        Err(error)
    }

    /// Reads once into the inbox. A successful read may bring no data.
    fn fill(&mut self, deadline: Deadline) -> Result<(), WireError> {
        if self.read_once(deadline)? {
            Ok(())
        } else {
            Err(WireError::Closed)
        }
    }

    /// Reads once into the inbox. Returns false at the end of the stream, for TLS after `close_notify`.
    fn read_once(&mut self, deadline: Deadline) -> Result<bool, WireError> {
        let left = deadline.left().ok_or(WireError::Timeout(deadline.whole))?;
        self.quiet_at = None;
        self.limit_reads(left, deadline.whole)?;
        let room = self.make_room();
        if !std::mem::take(&mut self.is_acknowledged) {
            self.stream.acknowledge_at_once();
        }
        let count = self.stream.read(&mut self.inbox[room..]);
        self.inbox
            .truncate(room + count.as_ref().map_or(0, |&count| count));
        match count {
            Ok(count) => Ok(count > 0),
            // No complete record yet; the caller checks the deadline first.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            // The limit of an earlier step, which was shorter.
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock && deadline.left().is_some() =>
            {
                self.read_limit = Duration::ZERO;
                Ok(true)
            }
            Err(error) => Err(deadline.explain(error)),
        }
    }

    /// Makes space after the unread data, and returns its offset.
    fn make_room(&mut self) -> usize {
        self.inbox.drain(..self.unread);
        self.unread = 0;
        let room = self.inbox.len();
        self.inbox.resize(room + 4096, 0);
        room
    }
}

/// Unsolicited data from the peer.
#[derive(Debug)]
pub enum Early<'w> {
    Quiet,
    Bytes(&'w [u8]),
    /// The peer has closed the connection, or it was lost.
    Closed,
    /// TLS failed.
    Broken(WireError),
}

/// A deadline for a step, and the length of its time limit.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    whole: Duration,
}

impl Deadline {
    /// A deadline that begins now.
    pub fn after(whole: Duration) -> Self {
        Self {
            at: Instant::now() + whole,
            whole,
        }
    }

    /// The full length of the time limit.
    pub fn whole(&self) -> Duration {
        self.whole
    }

    /// Remaining time; `None` if it has passed.
    pub fn left(&self) -> Option<Duration> {
        let left = self.at.saturating_duration_since(Instant::now());
        (left > Duration::ZERO).then_some(left)
    }

    fn explain(&self, error: io::Error) -> WireError {
        if let Some(why) = tls::unwelcome(&error) {
            return WireError::Unwelcome(why);
        }
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => WireError::Timeout(self.whole),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => WireError::Closed,
            _ => WireError::Io(error),
        }
    }
}
