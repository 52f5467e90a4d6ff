//! Mail exchangers: small SMTP servers on several loopback addresses and one port, which take
//! everything but what they are told to answer otherwise.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a server answers in place of its usual reply, by the beginning of the command; `CONNECT` is
/// the greeting and `.` the end of data. An empty reply closes the connection.
pub type Manners = &'static [(&'static str, &'static str)];

/// A server that takes everything.
pub const WILLING: Manners = &[];

/// Holds the port, so that a host that is meant to be down stays down.
const GUARD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 254));

/// A message that a server took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The server's address.
    pub by: String,
    /// `RCPT TO` as it came, without the command.
    pub recipients: Vec<String>,
}

#[derive(Default)]
struct Log {
    connections: Vec<String>,
    commands: Vec<String>,
    taken: Vec<Taken>,
}

/// Servers on one port; they end with this value.
pub struct Exchangers {
    /// The port of all of them.
    pub port: u16,
    addresses: Vec<SocketAddr>,
    log: Arc<Mutex<Log>>,
    over: Arc<AtomicBool>,
    _guard: TcpListener,
}

impl Exchangers {
    /// Starts a server at each of these addresses.
    pub fn start(hosts: &[(&str, Manners)]) -> Self {
        let (guard, listeners) = (0..50)
            .find_map(|_| bind(hosts))
            .expect("a port that is free on all addresses");
        let exchangers = Self {
            port: guard.local_addr().unwrap().port(),
            addresses: listeners.iter().map(|l| l.local_addr().unwrap()).collect(),
            log: Arc::default(),
            over: Arc::default(),
            _guard: guard,
        };
        for (listener, (_, manners)) in listeners.into_iter().zip(hosts) {
            let log = Arc::clone(&exchangers.log);
            let over = Arc::clone(&exchangers.over);
            let manners: Manners = manners;
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    Server::new(&stream, manners, &log).serve();
                }
            });
        }
        exchangers
    }

    /// Servers that take everything.
    pub fn willing(hosts: &[&str]) -> Self {
        let hosts: Vec<(&str, Manners)> = hosts.iter().map(|host| (*host, WILLING)).collect();
        Self::start(&hosts)
    }

    /// Who was connected to, in that order.
    pub fn connections(&self) -> Vec<String> {
        self.log.lock().unwrap().connections.clone()
    }

    /// Every command, in the order in which it came.
    pub fn commands(&self) -> Vec<String> {
        self.log.lock().unwrap().commands.clone()
    }

    /// The messages that were taken, in their order.
    pub fn taken(&self) -> Vec<Taken> {
        self.log.lock().unwrap().taken.clone()
    }

    /// The servers that took a message, in the order of the messages.
    pub fn takers(&self) -> Vec<String> {
        self.taken().into_iter().map(|taken| taken.by).collect()
    }
}

impl Drop for Exchangers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        for address in &self.addresses {
            let _ = TcpStream::connect(address);
        }
    }
}

fn bind(hosts: &[(&str, Manners)]) -> Option<(TcpListener, Vec<TcpListener>)> {
    let guard = TcpListener::bind((GUARD, 0)).ok()?;
    let port = guard.local_addr().ok()?.port();
    let listeners = hosts
        .iter()
        .map(|(host, _)| TcpListener::bind((host.parse::<IpAddr>().unwrap(), port)).ok())
        .collect::<Option<Vec<TcpListener>>>()?;
    Some((guard, listeners))
}

struct Server<'a> {
    stream: &'a TcpStream,
    by: String,
    manners: Manners,
    log: &'a Mutex<Log>,
}

impl<'a> Server<'a> {
    fn new(stream: &'a TcpStream, manners: Manners, log: &'a Mutex<Log>) -> Self {
        let limit = Some(Duration::from_secs(10));
        stream.set_read_timeout(limit).unwrap();
        let by = stream.local_addr().unwrap().ip().to_string();
        log.lock().unwrap().connections.push(by.clone());
        Self {
            stream,
            by,
            manners,
            log,
        }
    }

    /// Holds a conversation; ends where the client or the manners end it.
    fn serve(&self) -> Option<()> {
        let mut lines = BufReader::new(self.stream).lines();
        self.reply("CONNECT", "220 mx.test ready")?;
        let mut open = false;
        let mut recipients: Vec<String> = Vec::new();
        loop {
            let line = lines.next()?.ok()?;
            self.log.lock().unwrap().commands.push(line.clone());
            let verb = line.split([' ', ':']).next()?.to_ascii_uppercase();
            let usual = match verb.as_str() {
                "EHLO" => {
                    "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 0\r\n250-SMTPUTF8\r\n250 8BITMIME"
                }
                "DATA" if recipients.is_empty() => "554 5.5.1 no recipients",
                "DATA" => "354 go on",
                "RCPT" if open => "250 2.1.5 recipient ok",
                "RCPT" => "503 5.5.1 MAIL first",
                "QUIT" => "221 2.0.0 bye",
                _ => "250 2.0.0 ok",
            };
            let said = self.reply(&line, usual)?;
            match verb.as_str() {
                "MAIL" | "RSET" => {
                    open = verb == "MAIL" && said.starts_with('2');
                    recipients.clear();
                }
                "RCPT" if said.starts_with('2') => {
                    recipients.push(line.split_once(':')?.1.to_owned());
                }
                "DATA" if said.starts_with('3') => {
                    while lines.next()?.ok()? != "." {}
                    self.end_of_data(std::mem::take(&mut recipients))?;
                }
                "QUIT" => return None,
                _ => {}
            }
        }
    }

    fn end_of_data(&self, recipients: Vec<String>) -> Option<()> {
        if self.manner(".").is_none() {
            let by = self.by.clone();
            let taken = Taken { by, recipients };
            self.log.lock().unwrap().taken.push(taken);
        }
        self.reply(".", "250 2.0.0 queued").map(|_| ())
    }

    fn manner(&self, command: &str) -> Option<&'static str> {
        let is = |beginning: &str| {
            command == beginning || beginning != "." && command.starts_with(beginning)
        };
        let manner = self.manners.iter().find(|(beginning, _)| is(beginning));
        manner.map(|(_, reply)| *reply)
    }

    /// Gives what was said, or `None` when that was the last word.
    fn reply(&self, command: &str, usual: &'static str) -> Option<&'static str> {
        let said = self.manner(command).unwrap_or(usual);
        if said.is_empty() {
            return None;
        }
        let mut stream = self.stream;
        stream.write_all(format!("{said}\r\n").as_bytes()).ok()?;
        (!said.starts_with("421")).then_some(said)
    }
}
