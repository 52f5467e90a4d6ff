//! Senders and runners on one queue, all at once, and all killed now and then, with a server that is in
//! a mood: whatever was said to be safe arrives, and who gets it twice can see why.

use super::world::names_in;
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// For so long they are killed; then all is to come to an end.
const SOAK: Duration = Duration::from_secs(8);
const PATIENCE: Duration = Duration::from_secs(60);

const TAKEN: [&str; 2] = ["bob@hamburger.edu", "carol@hamburger.edu"];
const REFUSED: &str = "nobody@hamburger.edu";
const SENDER: &str = "alice@crepes.fr";

/// What came for one recipient of one message.
#[derive(Clone, Copy, Debug, Default)]
struct Came {
    copies: usize,
    /// Those that say that they may be the second.
    marked: usize,
}

/// By the number of the message and the recipient.
type All = HashMap<(usize, String), Came>;

/// A server that takes its time with the truth.
#[derive(Clone)]
struct Moody {
    port: u16,
    all: Arc<Mutex<All>>,
    calm: Arc<AtomicUsize>,
}

impl Moody {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let moody = Self {
            port: listener.local_addr().unwrap().port(),
            all: Arc::default(),
            calm: Arc::default(),
        };
        let one = moody.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let one = one.clone();
                thread::spawn(move || one.talk(&stream));
            }
        });
        moody
    }

    /// Whether it is in a mood, in one of so many cases.
    fn sulks(&self, cases: usize) -> bool {
        self.calm.load(Ordering::SeqCst) == 0 && fastrand::usize(..cases) == 0
    }

    fn talk(&self, stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).split(b'\n');
        let mut line = move || {
            let line = lines.next()?.ok()?;
            Some(String::from_utf8_lossy(&line).trim_end().to_owned())
        };
        let say = |reply: &str| (&*stream).write_all(format!("{reply}\r\n").as_bytes()).ok();
        if self.sulks(20) {
            return say("421 not now");
        }
        say("220 hamburger.edu")?;
        let mut recipients = Vec::new();
        loop {
            let said = line()?;
            match said.get(..4).unwrap_or_default() {
                "EHLO" => say("250-hamburger.edu\r\n250 PIPELINING")?,
                "RCPT" if said.contains(REFUSED) => say("550 5.1.1 no such user")?,
                "RCPT" if self.sulks(10) => say("450 4.2.0 later")?,
                "RCPT" => {
                    recipients.push(said.split(['<', '>']).nth(1)?.to_owned());
                    say("250 ok")?;
                }
                "DATA" if recipients.is_empty() => say("554 nobody")?,
                "DATA" => {
                    say("354 go")?;
                    let mut message = Vec::new();
                    loop {
                        match line()?.as_str() {
                            "." => break,
                            text => message.push(text.to_owned()),
                        }
                    }
                    if self.sulks(10) {
                        recipients.clear();
                        say("451 4.3.0 later")?;
                        continue;
                    }
                    self.take(&message, &mut recipients);
                    if self.sulks(10) {
                        return None;
                    }
                    say("250 2.0.0 taken")?;
                }
                "QUIT" => return say("221 bye"),
                "RSET" | "MAIL" => {
                    recipients.clear();
                    say("250 ok")?;
                }
                _ => say("250 ok")?,
            }
        }
    }

    fn take(&self, message: &[String], recipients: &mut Vec<String>) {
        let number = message
            .iter()
            .find_map(|line| line.strip_prefix("Subject: soak ")?.parse().ok());
        let is_marked = message[0].starts_with("X-Possible-Duplicate:");
        let mut all = self.all.lock().unwrap();
        for recipient in recipients.drain(..) {
            let came = all.entry((number.unwrap(), recipient)).or_default();
            came.copies += 1;
            came.marked += usize::from(is_marked);
        }
    }
}

/// How a message is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Queue,
    QueueOnly,
    Sendmail,
}

/// What a sender has heard.
#[derive(Debug)]
struct Sent {
    number: usize,
    how: How,
    was_safe: bool,
}

/// Runs it, and kills it after so long if it is still there; gives what it said, and how it ended.
fn run(mut command: Command, input: &str, life: Option<Duration>) -> (String, Option<i32>) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who is killed does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    if let Some(life) = life {
        thread::sleep(life);
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (said, output.status.code())
}

fn life(longest: u64) -> Option<Duration> {
    fastrand::bool().then(|| Duration::from_micros(fastrand::u64(..longest * 1000)))
}

fn ehlo(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
    command.args(arguments);
    command.env_clear().env("EHLO_CONFIG", home.join("config"));
    command
}

fn send(home: &Path, number: usize) -> Sent {
    let how = [How::Queue, How::QueueOnly, How::Sendmail][number % 3];
    let subject = format!("soak {number}");
    let from = ["-f", SENDER];
    let (command, input) = match how {
        How::Sendmail => (
            ehlo(home, &["sendmail"]),
            format!("Subject: {subject}\n\nhi\n"),
        ),
        How::Queue => (ehlo(home, &["--queue", "-s", &subject]), "hi\n".to_owned()),
        How::QueueOnly => (
            ehlo(home, &["--queue-only", "-s", &subject]),
            "hi\n".to_owned(),
        ),
    };
    let mut command = command;
    command.args(from).args(TAKEN).arg(REFUSED);
    let (said, code) = run(command, &input, life(40));
    Sent {
        number,
        how,
        // 79: somebody was refused, as its caller knows now.
        was_safe: matches!(code, Some(0 | 79)) || said.contains("queued as"),
    }
}

#[test]
fn what_is_said_to_be_safe_arrives_whoever_is_killed_when() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let queue = home.join("queue");
    let moody = Moody::start();
    let config = format!(
        "default = \"relay\"\n[queue]\ndir = \"{}\"\nretry = \"1s\"\nhost-down = \"1s\"\n\
         [profile.relay]\nrelay = \"127.0.0.1:{}\"\ntls = \"off\"\nhelo = \"crepes.fr\"\n",
        queue.display(),
        moody.port
    );
    fs::write(home.join("config"), config).unwrap();
    let end = Instant::now() + SOAK;
    let numbers = AtomicUsize::new(0);
    let sent = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while Instant::now() < end {
                    let one = send(home, numbers.fetch_add(1, Ordering::SeqCst));
                    sent.lock().unwrap().push(one);
                }
            });
        }
        // The second does not care whether somebody else goes through the queue.
        for part in [&["--now"][..], &["--to", "hamburger.edu"]] {
            scope.spawn(move || {
                while Instant::now() < end {
                    run(
                        ehlo(home, &[&["queue", "run"], part].concat()),
                        "",
                        life(150),
                    );
                }
            });
        }
    });
    moody.calm.store(1, Ordering::SeqCst);
    empty(home, &queue);
    let all = moody.all.lock().unwrap();
    let sent = sent.into_inner().unwrap();
    for one in &sent {
        has_arrived(one, &all);
    }
    let safe = sent.iter().filter(|one| one.was_safe).count();
    let twice = all.values().filter(|came| came.copies > 1).count();
    eprintln!(
        "{} messages, {safe} of them safe; {twice} arrived twice",
        sent.len()
    );
    assert!(safe > 20, "{safe} of {}", sent.len());
}

/// Nothing stays, and nothing is left over. What was set aside because of too many kills goes on when it
/// is told to.
fn empty(home: &Path, queue: &Path) {
    let start = Instant::now();
    let mut said = Vec::new();
    loop {
        said.push(run(ehlo(home, &["queue", "requeue", "all"]), "", None));
        said.push(run(ehlo(home, &["queue", "run", "--now"]), "", None));
        let left = ["items", "dead", "tmp"].map(|name| names_in(&queue.join(name)));
        if left.iter().all(Vec::is_empty) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{left:?}\n{said:?}");
    }
}

/// At least one copy of what was safe; at most one that does not say that it may be the second.
fn has_arrived(sent: &Sent, all: &All) {
    let came = |recipient: &str| {
        let came = all.get(&(sent.number, recipient.to_owned()));
        came.copied().unwrap_or_default()
    };
    // Of a refusal, the caller of --queue has heard by itself.
    let is_told_by_mail = sent.how != How::Queue;
    let recipients = TAKEN.into_iter().chain(is_told_by_mail.then_some(SENDER));
    for recipient in recipients {
        let Came { copies, marked } = came(recipient);
        assert!(
            !sent.was_safe || copies > 0,
            "{recipient}: {sent:?} is lost"
        );
        assert!(
            copies - marked <= 1,
            "{recipient}: {sent:?} {copies} {marked}"
        );
    }
    assert_eq!(came(REFUSED).copies, 0);
}
