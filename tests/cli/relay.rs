//! A server for as many clients as come. It takes everything, unless its rule says otherwise.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// It goes on until the tests end.
pub struct Relay {
    /// Where it listens, on loopback.
    pub port: u16,
    house: Arc<House>,
}

/// What a server does.
pub enum Do {
    /// Whatever is right.
    Usual,
    /// Says this.
    Say(&'static str),
    /// Nothing more, for as long as the client waits.
    Hang,
}

/// Something that a server answers to.
pub struct Moment<'a> {
    /// The client's line; empty for the greeting, a dot for the end of data.
    pub line: &'a str,
    /// How many clients there are.
    pub guests: usize,
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The line of its sender.
    pub from: String,
    /// The lines of its recipients.
    pub to: Vec<String>,
}

type Rule = dyn Fn(&Moment<'_>) -> Do + Send + Sync;

struct House {
    rule: Box<Rule>,
    guests: AtomicUsize,
    taken: Mutex<Vec<Taken>>,
    heard: Mutex<Vec<String>>,
}

impl Relay {
    /// It answers as this says.
    pub fn start(rule: impl Fn(&Moment<'_>) -> Do + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let house = Arc::new(House {
            rule: Box::new(rule),
            guests: AtomicUsize::new(0),
            taken: Mutex::default(),
            heard: Mutex::default(),
        });
        let all = Arc::clone(&house);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let house = Arc::clone(&all);
                house.guests.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    house.talk(&stream);
                    house.guests.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, house }
    }

    /// What was taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.house.taken.lock().unwrap().clone()
    }

    /// How often it heard a line that begins like this; with nothing, how many have come.
    pub fn heard(&self, begin: &str) -> usize {
        let heard = self.house.heard.lock().unwrap();
        let lines = heard.iter();
        lines
            .filter(|line| match begin {
                "" => line.is_empty(),
                _ => line.starts_with(begin),
            })
            .count()
    }
}

impl House {
    /// One conversation; who breaks off gets no more.
    fn talk(&self, stream: &TcpStream) -> Option<()> {
        let mut from = BufReader::new(stream);
        self.answer(stream, "", "220 relay.example")?;
        let mut mail = Taken {
            from: String::new(),
            to: Vec::new(),
        };
        loop {
            let line = line(&mut from)?;
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    self.answer(stream, &line, "250-relay.example\r\n250 PIPELINING")?;
                }
                "MAIL" if self.answer(stream, &line, "250 ok")? => {
                    mail = Taken {
                        from: line,
                        to: Vec::new(),
                    };
                }
                "RCPT" if self.answer(stream, &line, "250 ok")? => mail.to.push(line),
                "MAIL" | "RCPT" => {}
                "DATA" if mail.to.is_empty() => {
                    self.answer(stream, &line, "554 nobody")?;
                }
                "DATA" => {
                    if self.answer(stream, &line, "354 go")? {
                        while self::line(&mut from)? != "." {}
                        self.end(stream, &mail)?;
                    }
                }
                "BDAT" => {
                    let count = line.split(' ').nth(1)?.parse().ok()?;
                    from.read_exact(&mut vec![0; count]).ok()?;
                    self.end(stream, &mail)?;
                }
                "QUIT" => {
                    self.answer(stream, &line, "221 bye")?;
                    return Some(());
                }
                "AUTH" => {
                    self.answer(stream, &line, "235 ok")?;
                }
                _ => {
                    self.answer(stream, &line, "250 ok")?;
                }
            }
        }
    }

    fn end(&self, stream: &TcpStream, mail: &Taken) -> Option<()> {
        if self.answer(stream, ".", "250 taken")? {
            self.taken.lock().unwrap().push(mail.clone());
        }
        Some(())
    }

    /// Whether it was a yes.
    fn answer(&self, mut stream: &TcpStream, line: &str, usual: &str) -> Option<bool> {
        self.heard.lock().unwrap().push(line.to_owned());
        let guests = self.guests.load(Ordering::SeqCst);
        let reply = match (self.rule)(&Moment { line, guests }) {
            Do::Usual => usual,
            Do::Say(reply) => reply,
            Do::Hang => {
                let _ = stream.read(&mut [0]);
                return None;
            }
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).ok()?;
        // Who refuses a connection closes it.
        if line.is_empty() && !reply.starts_with('2') {
            return None;
        }
        Some(reply.starts_with(['2', '3']))
    }
}

fn line(from: &mut impl std::io::BufRead) -> Option<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)
        .ok()
        .filter(|&count| count > 0)?;
    let line = String::from_utf8_lossy(&line);
    Some(line.trim_end_matches(['\r', '\n']).to_owned())
}
