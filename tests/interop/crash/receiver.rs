//! A server that takes mail for all but one, and remembers whom it has said yes for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// It goes on until the test ends.
pub struct Receiver {
    /// Where it listens.
    pub port: u16,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// Listens on loopback.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&taken);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                thread::spawn(move || talk(&stream, &all));
            }
        });
        Self { port, taken }
    }

    /// How often it has taken a message for this recipient.
    pub fn count(&self, recipient: &str) -> usize {
        let taken = self.taken.lock().unwrap();
        taken.iter().filter(|one| *one == recipient).count()
    }
}

/// One conversation; who breaks off gets no more.
fn talk(stream: &TcpStream, all: &Mutex<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let say = |reply: &str| (&*stream).write_all(format!("{reply}\r\n").as_bytes()).ok();
    say("220 hamburger.edu")?;
    let mut recipients = Vec::new();
    loop {
        let line = lines.next()?.ok()?;
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => say("250-hamburger.edu\r\n250 PIPELINING")?,
            "RCPT" if line.contains("nobody@") => say("550 5.1.1 no such user")?,
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1)?;
                recipients.push(address.to_owned());
                say("250 ok")?;
            }
            "DATA" => {
                say("354 go")?;
                while lines.next()?.ok()? != "." {}
                // What it has taken, it has taken, whether or not the answer arrives.
                all.lock().unwrap().append(&mut recipients);
                say("250 2.0.0 taken")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 ok")?,
        }
    }
}
