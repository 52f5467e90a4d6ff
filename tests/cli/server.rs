//! A server that follows a script and fails the test when the client does not.

use crate::message::Message;
use rustix::net::RecvFlags;
use rustix::net::sockopt::{Timeout, set_socket_linger, set_socket_timeout, set_tcp_cork};
use rustls::ServerConnection;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long anything may take before the test is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running script; `T` is what it hands back.
#[must_use = "a script counts only when finish() has seen its end"]
pub struct Server<T> {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    listener: TcpListener,
    script: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Server<T> {
    /// Takes one connection, follows the script on it, and waits for the client to close.
    pub fn start(script: impl FnOnce(&mut Talk) -> T + Send + 'static) -> Self {
        Self::with_door(|door| {
            let mut talk = door.open();
            let told = script(&mut talk);
            talk.end();
            told
        })
    }

    /// Leaves it to the script how many connections it takes.
    pub fn with_door(script: impl FnOnce(&Door) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let door = Door(listener.try_clone().unwrap());
        Self {
            port: listener.local_addr().unwrap().port(),
            listener,
            script: Some(thread::spawn(move || script(&door))),
        }
    }

    /// What the script handed back. Panics if it was not played to its end, or if the client, which
    /// must have ended, had connected more often than the script says.
    pub fn finish(mut self) -> T {
        let told = self.script.take().unwrap().join();
        let told = told.unwrap_or_else(|panic| resume_unwind(panic));
        self.listener.set_nonblocking(true).unwrap();
        let more = self.listener.accept();
        assert!(more.is_err(), "the client connected once more: {more:?}");
        told
    }
}

impl Server<()> {
    /// A server that nobody may connect to.
    pub fn untouched() -> Self {
        Self::with_door(|_| ())
    }
}

impl<T> Drop for Server<T> {
    fn drop(&mut self) {
        let is_unfinished = self.script.is_some() && !thread::panicking();
        assert!(!is_unfinished, "nobody called finish()");
    }
}

/// Where the clients come in.
pub struct Door(TcpListener);

impl Door {
    /// The next connection.
    pub fn open(&self) -> Talk {
        set_socket_timeout(&self.0, Timeout::Recv, Some(PATIENCE)).unwrap();
        let (stream, _) = self.0.accept().expect("nobody connected");
        stream.set_nodelay(true).unwrap();
        Talk::over(stream)
    }
}

/// One connection, from the server's side.
pub struct Talk {
    /// `None` once it was reset.
    stream: Option<TcpStream>,
    /// `None` while it is in clear; see `encrypted.rs`.
    pub(crate) tls: Option<Box<ServerConnection>>,
    /// Where each byte of a handshake goes alone, how long after the last.
    pub(crate) pace: Option<Duration>,
    /// What goes out in TLS in the same packet as the end of the handshake.
    pub(crate) early: Vec<u8>,
    pub(crate) inbox: Vec<u8>,
    pub(crate) is_over: bool,
}

impl Talk {
    /// A conversation over a socket of any kind, which std takes for TCP's without harm.
    pub fn over(socket: impl Into<OwnedFd>) -> Self {
        let stream = TcpStream::from(socket.into());
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream: Some(stream),
            tls: None,
            pace: None,
            early: Vec::new(),
            inbox: Vec::new(),
            is_over: false,
        }
    }

    /// The address that the client comes from.
    pub fn client(&self) -> IpAddr {
        self.stream().peer_addr().unwrap().ip()
    }

    /// Says these lines in one packet, each with CRLF. Whatever the client said must have been
    /// expected before.
    #[track_caller]
    pub fn say(&mut self, lines: &str) {
        self.expect_quiet();
        let wire: String = lines.lines().flat_map(|line| [line, "\r\n"]).collect();
        self.send(wire.as_bytes());
    }

    /// Sends these bytes in one packet, whatever the client is doing.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.put(bytes).expect("the client does not read");
    }

    /// Sends these bytes as they are or, once the connection is encrypted, in a record.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.tls.is_none() {
            return self.stream().write_all(bytes);
        }
        let records = self.sealed(bytes);
        self.stream().write_all(&records)
    }

    /// Sends bytes one by one at this pace, until the client has had enough of it.
    pub fn drip(&mut self, bytes: impl Iterator<Item = u8>, pace: Duration) {
        for byte in bytes {
            if self.put(&[byte]).is_err() {
                break;
            }
            thread::sleep(pace);
        }
        self.hang_up_on();
    }

    /// Sends the same bytes until the client has closed, and gives their number.
    #[track_caller]
    pub fn flood(&mut self, bytes: &[u8]) -> usize {
        let start = Instant::now();
        let mut sent = 0;
        while self.put(bytes).is_ok() {
            sent += bytes.len();
            assert!(start.elapsed() < PATIENCE, "the client reads for ever");
        }
        self.is_over = true;
        sent
    }

    /// The client says this line, with CRLF.
    #[track_caller]
    pub fn expect(&mut self, line: &str) {
        let got = self.line();
        assert_eq!(got, line, "the client said something else");
    }

    /// The client says these lines before it hears anything: a group (RFC 2920).
    #[track_caller]
    pub fn expect_group(&mut self, lines: &[&str]) {
        for line in lines {
            self.expect(line);
        }
    }

    /// Nothing has come that was not read yet.
    #[track_caller]
    pub fn expect_quiet(&mut self) {
        let mut more = [0; 512];
        let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
        let count =
            rustix::net::recv(self.stream(), &mut more, flags).map_or(0, |(count, _)| count);
        if self.tls.is_some() && count > 0 {
            self.fill(Instant::now() + PATIENCE);
            return self.expect_quiet();
        }
        let said = [&self.inbox, &more[..count]].concat();
        assert!(
            said.is_empty(),
            "the client said what was not expected: \"{}\"",
            said.escape_ascii()
        );
    }

    /// The next line of the client's, which must end in CRLF and hold no other CR.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let end = self.fill_until(|inbox| inbox.iter().position(|&byte| byte == b'\n'));
        let line: Vec<u8> = self.inbox.drain(..=end).collect();
        let text = line.escape_ascii().to_string();
        let inner = line.strip_suffix(b"\r\n");
        let inner = inner.unwrap_or_else(|| panic!("a bare LF on the wire: \"{text}\""));
        assert!(!inner.contains(&b'\r'), "a bare CR on the wire: \"{text}\"");
        String::from_utf8(inner.to_vec()).expect("the client said what is no UTF-8")
    }

    /// The message as it stands on the wire, without the line of its final dot.
    #[track_caller]
    pub fn message(&mut self) -> Message {
        let mut searched = 0;
        let end = self.fill_until(|inbox| {
            if inbox.starts_with(b".\r\n") {
                return Some(0);
            }
            let from = usize::saturating_sub(searched, 4);
            searched = inbox.len();
            let found = find_final_dot(&inbox[from..])?;
            Some(from + found + 2)
        });
        let raw = self.inbox.drain(..end).collect();
        self.inbox.drain(..3);
        Message { raw }
    }

    /// Reads this many bytes of whatever comes, and throws them away.
    #[track_caller]
    pub fn swallow(&mut self, count: usize) {
        self.octets(count);
    }

    /// Reads this many bytes of whatever comes.
    #[track_caller]
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        self.fill_until(|inbox| (inbox.len() >= count).then_some(()));
        self.inbox.drain(..count).collect()
    }

    /// The client says these octets.
    #[track_caller]
    pub fn expect_octets(&mut self, octets: &[u8]) {
        let count = octets.len();
        self.fill_until(|inbox| (inbox.len() >= count).then_some(()));
        let came: Vec<u8> = self.inbox.drain(..count).collect();
        let [came, wanted] = [&came[..], octets].map(|octets| octets.escape_ascii().to_string());
        assert_eq!(came, wanted, "the client said something else");
    }

    /// Everything that comes until the client closes.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill(Instant::now() + PATIENCE) {}
        self.is_over = true;
        std::mem::take(&mut self.inbox)
    }

    /// A transaction in which this is the reply to the only recipient.
    #[track_caller]
    pub fn refuse_bob(&mut self, reply: &str) {
        self.expect("MAIL FROM:<alice@crepes.fr>");
        self.say("250 sender ok");
        self.expect("RCPT TO:<bob@hamburger.edu>");
        self.say(reply);
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        self.stream = None;
        self.is_over = true;
    }

    /// Closes the connection as far as it is ours, and takes what still comes.
    #[track_caller]
    pub fn close_one_way(&mut self) -> Vec<u8> {
        // A client that gives up may have reset the connection.
        let _ = self.stream().shutdown(Shutdown::Write);
        self.rest()
    }

    /// Says this and closes its side in the same packet, and takes what still comes.
    #[track_caller]
    pub fn last_words(&mut self, bytes: &[u8]) -> Vec<u8> {
        set_tcp_cork(self.stream(), true).unwrap();
        self.send(bytes);
        self.close_one_way()
    }

    /// Closes the connection with RST.
    pub fn reset(&mut self) {
        let stream = self.stream.take().unwrap();
        set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        self.is_over = true;
    }

    /// Says nothing more, and waits until the client has gone, which must not say more either.
    #[track_caller]
    pub fn hang(&mut self) {
        self.end();
    }

    /// The client closes, or says QUIT before, which is answered.
    #[track_caller]
    pub fn part(&mut self) {
        while !self.inbox.ends_with(b"\r\n") && self.fill(Instant::now() + PATIENCE) {}
        if self.inbox == b"QUIT\r\n" {
            self.inbox.clear();
            self.send(b"221 bye\r\n");
        }
        self.end();
    }

    /// Answers every line with this one until the client closes; gives what it had said.
    #[track_caller]
    pub fn answer_all(&mut self, reply: &[u8]) -> Vec<u8> {
        let mut answered = 0;
        while self.fill(Instant::now() + PATIENCE) {
            let lines = self.inbox.split(|&byte| byte == b'\n').count() - 1;
            for _ in answered..lines {
                let _ = self.put(reply);
            }
            answered = lines;
        }
        self.is_over = true;
        std::mem::take(&mut self.inbox)
    }

    /// Whatever the client still says is of no interest, but it must go.
    fn hang_up_on(&mut self) {
        while self.fill(Instant::now() + PATIENCE) {
            self.inbox.clear();
        }
        self.is_over = true;
    }

    /// The script is over: the client closes without another word.
    #[track_caller]
    pub fn end(&mut self) {
        if !self.is_over {
            let said = self.rest();
            let said = said.escape_ascii();
            assert!(said.to_string().is_empty(), "the client said more: {said}");
        }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.stream.as_ref().expect("the connection was reset")
    }

    /// Reads until `found` finds something in what has come.
    #[track_caller]
    fn fill_until<R>(&mut self, mut found: impl FnMut(&[u8]) -> Option<R>) -> R {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(result) = found(&self.inbox) {
                return result;
            }
            let is_open = self.fill(deadline);
            let said = &self.inbox[..self.inbox.len().min(300)];
            assert!(
                is_open,
                "the client closed, and had said \"{}\"",
                said.escape_ascii()
            );
        }
    }

    /// Reads once; false when the client has closed.
    #[track_caller]
    pub(crate) fn fill(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        self.stream().set_read_timeout(Some(left)).unwrap();
        let mut block = vec![0; 64 * 1024];
        match self.stream().read(&mut block) {
            Ok(count) if self.tls.is_some() => {
                self.open_records(&block[..count]);
                count > 0
            }
            Ok(count) => {
                self.inbox.extend_from_slice(&block[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!(
                "the client neither says what is expected nor closes ({error}); unread: \"{}\"",
                self.inbox[..self.inbox.len().min(300)].escape_ascii()
            ),
        }
    }
}

/// The usual course of things.
impl Talk {
    /// The greeting and the reply to EHLO, with these keywords.
    #[track_caller]
    pub fn greet(&mut self, keywords: &[&str]) {
        self.say("220 mx.example ESMTP");
        self.offer(keywords);
    }

    /// The reply to EHLO, with these keywords.
    #[track_caller]
    pub fn offer(&mut self, keywords: &[&str]) {
        self.expect("EHLO me.example");
        let mut lines = vec!["250-mx.example".to_owned()];
        lines.extend(keywords.iter().map(|keyword| format!("250-{keyword}")));
        lines.last_mut().unwrap().replace_range(3..4, " ");
        self.say(&lines.join("\n"));
    }

    /// MAIL and RCPT one by one, each accepted.
    #[track_caller]
    pub fn envelope(&mut self, recipients: &[&str]) {
        self.expect("MAIL FROM:<alice@crepes.fr>");
        self.say("250 sender ok");
        for recipient in recipients {
            self.expect(&format!("RCPT TO:<{recipient}>"));
            self.say("250 recipient ok");
        }
    }

    /// MAIL, RCPT for bob and DATA in one group, each accepted, then the message and QUIT.
    #[track_caller]
    pub fn group_and_message(&mut self) -> Message {
        self.expect_group(&[
            "MAIL FROM:<alice@crepes.fr>",
            "RCPT TO:<bob@hamburger.edu>",
            "DATA",
        ]);
        self.say("250 ok\n250 ok\n354 go on");
        let message = self.message();
        self.expect("QUIT");
        message
    }

    /// DATA, the message and its final dot.
    #[track_caller]
    pub fn data(&mut self) -> Message {
        self.expect("DATA");
        self.say("354 go on");
        self.message()
    }

    /// QUIT and its reply.
    #[track_caller]
    pub fn quit(&mut self) {
        self.expect("QUIT");
        self.say("221 bye");
    }

    /// A whole delivery to bob, without extensions.
    #[track_caller]
    pub fn take(&mut self) -> Message {
        self.say("220 mx.example ESMTP");
        self.take_on(&[])
    }

    /// The same from EHLO on, where these keywords are offered.
    #[track_caller]
    pub fn take_on(&mut self, keywords: &[&str]) -> Message {
        self.offer(keywords);
        self.take_mail()
    }

    /// The same from MAIL on.
    #[track_caller]
    pub fn take_mail(&mut self) -> Message {
        self.envelope(&["bob@hamburger.edu"]);
        let message = self.data();
        self.say("250 taken");
        self.quit();
        message
    }
}

/// Where a conversation with bob has come to: the server owes the reply to this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Banner,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    Dot,
    Quit,
}

impl Stage {
    /// Those that decide about the message.
    pub const DECIDING: [Self; 6] = [
        Self::Banner,
        Self::Ehlo,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Dot,
    ];

    /// As JSON names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Banner => "banner",
            Self::Ehlo => "ehlo",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Dot => "dot",
            Self::Quit => "quit",
        }
    }
}

impl Talk {
    /// All goes well up to this stage, for one recipient, bob, and without extensions. The client has
    /// said what belongs to the stage, and waits.
    #[track_caller]
    pub fn go_to(&mut self, stage: Stage) {
        self.go_on_to(stage, Stage::Banner);
    }

    /// The same from a later stage on.
    #[track_caller]
    pub fn go_on_to(&mut self, stage: Stage, from: Stage) {
        let stages = [
            (Stage::Banner, "220 mx.example"),
            (Stage::Ehlo, "250 mx.example"),
            (Stage::Mail, "250 sender ok"),
            (Stage::Rcpt, "250 recipient ok"),
            (Stage::Data, "354 go on"),
            (Stage::Dot, "250 taken"),
            (Stage::Quit, "221 bye"),
        ];
        for (at, reply) in stages.into_iter().skip_while(|&(at, _)| at != from) {
            match at {
                Stage::Banner => {}
                Stage::Ehlo => self.expect("EHLO me.example"),
                Stage::Mail => self.expect("MAIL FROM:<alice@crepes.fr>"),
                Stage::Rcpt => self.expect("RCPT TO:<bob@hamburger.edu>"),
                Stage::Data => self.expect("DATA"),
                Stage::Dot => drop(self.message()),
                Stage::Quit => self.expect("QUIT"),
            }
            if at == stage {
                return;
            }
            self.say(reply);
        }
    }
}

fn find_final_dot(bytes: &[u8]) -> Option<usize> {
    bytes.windows(5).position(|window| window == b"\r\n.\r\n")
}
