//! Random servers beside a record of the recipients that they accepted the message for. Two exchangers, or one
//! LMTP server, answer at random: every reply code, replies in pieces or gathered, LIMITS, PRDR, CHUNKING, and the
//! end of the connection at every step. The verdicts, the exit status and the number of copies must agree with
//! the record.
//!
//! A failure names its seed. `EHLO_MODEL=5000 cargo test --test dns model` plays more sessions and queue
//! histories than the usual run.

use crate::authority::Authority;
use crate::run::{Ran, ehlo};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tempfile::TempDir;

const HOSTS: [&str; 2] = ["127.0.0.2", "127.0.0.3"];

/// Accepts every message for the sender: reports on failures.
const HOME: &str = "127.0.0.4";

const ZONE: [&str; 6] = [
    "example.test MX 0 first.test",
    "example.test MX 10 second.test",
    "first.test A 127.0.0.2",
    "second.test A 127.0.0.3",
    "sender.test MX 0 home.test",
    "home.test A 127.0.0.4",
];

/// The whole message, up to its end, was received for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Copy {
    /// The server confirmed it.
    Accepted,
    /// The server said nothing about it, and the connection ended.
    Unknown { is_marked: bool },
    /// The server closed the connection in the middle of the message, of which the rest may have been sent.
    Cut,
}

/// What the servers know.
#[derive(Debug, Default)]
struct Record {
    copies: BTreeMap<String, Vec<Copy>>,
    /// Permanent refusals of a recipient, or of a message for it.
    refused: BTreeMap<String, usize>,
    /// Permanent refusals of a sender, so that they are about all recipients.
    sender_refused: usize,
    /// Permanent refusals to talk, by host.
    shut: BTreeMap<String, usize>,
    /// Reports that reached the sender, whole.
    reports: Vec<String>,
    log: Vec<String>,
    /// From now on, every server behaves.
    is_over: bool,
}

type Shared = Arc<Mutex<Record>>;

/// The probabilities of one history: of a server that behaves, of 4yz among the failures, of the end of the
/// connection.
#[derive(Clone, Copy)]
struct Mood {
    well: u8,
    hang_up: u8,
}

/// Random servers on one port; they end with this value.
struct Servers {
    port: u16,
    record: Shared,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    addresses: Vec<String>,
    _guard: TcpListener,
}

impl Servers {
    fn start(rng: &mut Rng, is_lmtp: bool) -> Self {
        let (guard, listeners) = (0..50).find_map(|_| bind(rng)).expect("a free port");
        let port = guard.local_addr().unwrap().port();
        let (record, over) = (Shared::default(), Arc::new(AtomicBool::new(false)));
        let mood = Mood {
            well: rng.u8(50..=95),
            hang_up: rng.u8(10..=40),
        };
        let mut addresses = Vec::new();
        let mut threads = Vec::new();
        for (host, listener) in listeners {
            addresses.push(format!("{host}:{port}"));
            let (record, over) = (Arc::clone(&record), Arc::clone(&over));
            let mut rng = rng.fork();
            threads.push(thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let mut server = Server {
                        lines: BufReader::new(stream.try_clone().unwrap()),
                        stream,
                        rng: rng.fork(),
                        mood,
                        host,
                        is_lmtp,
                        record: Arc::clone(&record),
                    };
                    server.serve();
                }
            }));
        }
        Self {
            port,
            record,
            over,
            threads,
            addresses,
            _guard: guard,
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        for address in &self.addresses {
            let _ = TcpStream::connect(address);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One port on the address of each host; one of the two may be down.
fn bind(rng: &mut Rng) -> Option<(TcpListener, Vec<(&'static str, TcpListener)>)> {
    let guard = TcpListener::bind("127.0.0.254:0").ok()?;
    let port = guard.local_addr().ok()?.port();
    let mut listeners = Vec::new();
    let down = rng.usize(..10);
    for (at, host) in HOSTS.into_iter().enumerate() {
        if at != down {
            let listener = TcpListener::bind((host.parse::<IpAddr>().unwrap(), port)).ok()?;
            listeners.push((host, listener));
        }
    }
    listeners.push((
        HOME,
        TcpListener::bind((HOME.parse::<IpAddr>().unwrap(), port)).ok()?,
    ));
    Some((guard, listeners))
}

/// One connection.
struct Server {
    lines: BufReader<TcpStream>,
    stream: TcpStream,
    rng: Rng,
    mood: Mood,
    host: &'static str,
    is_lmtp: bool,
    record: Shared,
}

/// One transaction.
#[derive(Default)]
struct Transaction {
    is_open: bool,
    is_prdr: bool,
    recipients: Vec<String>,
    chunks: Vec<u8>,
    is_broken: bool,
}

impl Server {
    /// Holds a conversation. `None`: it ended, in whichever way.
    fn serve(&mut self) -> Option<()> {
        self.stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let greeting = self.pick("220", &["421 busy", "554 no mail here", "451 later"])?;
        self.note(&format!("greeting {greeting}"));
        if greeting.starts_with('5') {
            self.shut();
        }
        self.say(&greeting)?;
        let is_shut = !greeting.starts_with('2');
        let mut limits = (usize::MAX, usize::MAX);
        let mut transaction = Transaction::default();
        loop {
            let line = self.line()?;
            let verb = line
                .split([' ', ':'])
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            match verb.as_str() {
                "QUIT" => {
                    let bye = self.pick("221 bye", &["500 what", "421 bye"])?;
                    return self.say(&bye);
                }
                _ if is_shut => self.say("503 no mail here")?,
                "EHLO" | "LHLO" | "HELO" => limits = self.hello(&verb)?,
                "MAIL" => self.mail(&line, &mut limits, &mut transaction)?,
                "RCPT" => self.rcpt(&line, limits.1, &mut transaction)?,
                "DATA" => self.data(&mut transaction)?,
                "BDAT" => self.bdat(&line, &mut transaction)?,
                "RSET" => {
                    transaction = Transaction::default();
                    self.say("250 reset")?;
                }
                _ => self.say("500 what")?,
            }
        }
    }

    fn hello(&mut self, verb: &str) -> Option<(usize, usize)> {
        let reply = self.pick("250", &["451 later", "550 no", "421 busy"])?;
        self.note(&format!("{verb} {reply}"));
        if reply.starts_with('5') && verb != "EHLO" {
            self.shut();
        }
        if reply != "250" || verb == "HELO" {
            self.say(&reply)?;
            return Some((usize::MAX, usize::MAX));
        }
        let mut limits = (usize::MAX, usize::MAX);
        let mut offers = vec!["mx.test".to_owned(), "8BITMIME".to_owned()];
        for offer in ["PIPELINING", "CHUNKING", "PRDR", "ENHANCEDSTATUSCODES"] {
            if self.rng.bool() {
                offers.push(offer.to_owned());
            }
        }
        if self.rng.u8(..3) == 0 {
            limits = (self.rng.usize(1..4), self.rng.usize(1..4));
            offers.push(format!("LIMITS MAILMAX={} RCPTMAX={}", limits.0, limits.1));
        }
        let last = offers.len() - 1;
        let lines = offers.iter().enumerate().map(|(at, offer)| {
            let mark = if at == last { ' ' } else { '-' };
            format!("250{mark}{offer}")
        });
        let lines: Vec<String> = lines.collect();
        self.say(&lines.join("\r\n"))?;
        Some(limits)
    }

    fn mail(
        &mut self,
        line: &str,
        limits: &mut (usize, usize),
        transaction: &mut Transaction,
    ) -> Option<()> {
        if transaction.is_open || limits.0 == 0 {
            self.note("MAIL out of turn");
            return self.say("503 not now");
        }
        limits.0 = limits.0.saturating_sub(usize::from(limits.0 != usize::MAX));
        let reply = self.pick("250 ok", &["451 later", "550 no", "421 busy", "452 full"])?;
        self.note(&format!("MAIL {reply}"));
        *transaction = Transaction::default();
        transaction.is_open = reply.starts_with('2');
        transaction.is_prdr = line.contains(" PRDR");
        if reply.starts_with('5') {
            self.record.lock().unwrap().sender_refused += 1;
        }
        self.say(&reply)
    }

    fn rcpt(&mut self, line: &str, most: usize, transaction: &mut Transaction) -> Option<()> {
        if !transaction.is_open {
            return self.say("503 MAIL first");
        }
        let name = line.split(['<', '>']).nth(1)?.to_owned();
        let bad = [
            "451 later",
            "550 no such user",
            "452 too many",
            "552 too many",
            "421 busy",
        ];
        let reply = match transaction.recipients.len() {
            count if count >= most => "452 4.5.3 too many".to_owned(),
            _ => self.pick("250 ok", &bad)?,
        };
        self.note(&format!("RCPT {name} {reply}"));
        if reply.starts_with('2') {
            transaction.recipients.push(name);
        } else if reply.starts_with("550") {
            self.refuse(&name);
        }
        self.say(&reply)
    }

    fn data(&mut self, transaction: &mut Transaction) -> Option<()> {
        if transaction.recipients.is_empty() {
            return self.say("554 no valid recipients");
        }
        let reply = self.pick("354 go", &["451 later", "554 no"])?;
        self.note(&format!("DATA {reply}"));
        if reply.starts_with('5') {
            self.refuse_all(&transaction.recipients);
        }
        self.say(&reply)?;
        if !reply.starts_with('3') {
            return Some(());
        }
        let mut message = Vec::new();
        loop {
            let line = self.line()?;
            if line == "." {
                break;
            }
            message.extend_from_slice(line.as_bytes());
            message.push(b'\n');
            if self.rng.u8(..200) == 0 && self.rng.u8(..100) >= self.mood.well {
                self.note("closed in the message");
                self.copies(&transaction.recipients, &Copy::Cut);
                return None;
            }
        }
        let done = std::mem::take(transaction);
        self.end(&done, &message)
    }

    fn bdat(&mut self, line: &str, transaction: &mut Transaction) -> Option<()> {
        let mut words = line.split(' ').skip(1);
        let size: usize = words.next()?.parse().ok()?;
        let is_last = words.next().is_some();
        let mut chunk = vec![0; size];
        self.lines.read_exact(&mut chunk).ok()?;
        if !transaction.is_open || transaction.is_broken || transaction.recipients.is_empty() {
            return self.say("503 no transaction");
        }
        transaction.chunks.extend(chunk);
        if is_last {
            let done = std::mem::take(transaction);
            // After a chunk that failed, RSET is needed.
            let is_accepted = self.end(&done, &done.chunks);
            transaction.is_broken = true;
            transaction.is_open = false;
            return is_accepted;
        }
        let reply = self.pick("250 ok", &["451 later", "554 no"])?;
        if !reply.starts_with('2') {
            transaction.is_broken = true;
        }
        if reply.starts_with('5') {
            self.refuse_all(&transaction.recipients);
        }
        self.say(&reply)
    }

    /// The reply to the end of a message, or one for each recipient.
    fn end(&mut self, transaction: &Transaction, message: &[u8]) -> Option<()> {
        if self.is_home() {
            let text = String::from_utf8_lossy(message).into_owned();
            self.record.lock().unwrap().reports.push(text);
            return self.say("250 thanks");
        }
        let text = String::from_utf8_lossy(message);
        let is_marked = text.contains("X-Possible-Duplicate");
        if self.is_lmtp {
            return self.end_for_each(&transaction.recipients, is_marked, "");
        }
        if transaction.is_prdr {
            return self.end_with_prdr(&transaction.recipients, is_marked);
        }
        let Some(reply) = self.pick("250 taken", &["451 later", "554 no", "421 busy"]) else {
            self.note("closed at the end");
            self.copies(&transaction.recipients, &Copy::Unknown { is_marked });
            return None;
        };
        self.note(&format!("end {reply}"));
        self.judge(&transaction.recipients, &reply);
        self.say(&reply)
    }

    fn end_for_each(&mut self, recipients: &[String], is_marked: bool, first: &str) -> Option<()> {
        let mut gathered = first.to_owned();
        for (at, name) in recipients.iter().enumerate() {
            let Some(reply) = self.pick("250 taken", &["451 later", "550 no"]) else {
                self.note("closed among the replies");
                // Only what was written counts; the rest is unknown.
                let _ = self.stream.write_all(gathered.as_bytes());
                self.copies(&recipients[at..], &Copy::Unknown { is_marked });
                return None;
            };
            self.note(&format!("end for {name} {reply}"));
            self.judge(std::slice::from_ref(name), &reply);
            gathered.push_str(&reply);
            gathered.push_str("\r\n");
        }
        self.stream.write_all(gathered.as_bytes()).ok()
    }

    /// 353, a reply for each recipient, and one for all that decides (draft-hall-prdr).
    fn end_with_prdr(&mut self, recipients: &[String], is_marked: bool) -> Option<()> {
        let mut replies = vec!["353 PRDR".to_owned()];
        let mut accepted = Vec::new();
        for name in recipients {
            let is_accepted = self.rng.u8(..100) < self.mood.well;
            replies.push(if is_accepted { "250 yes" } else { "550 no" }.to_owned());
            if is_accepted {
                accepted.push(name.clone());
            } else {
                self.refuse(name);
            }
        }
        let last = if accepted.is_empty() {
            Some("550 none".to_owned())
        } else {
            self.pick("250 taken", &["451 later", "554 no"])
        };
        self.note(&format!("PRDR {replies:?} {last:?}"));
        let Some(last) = last else {
            let _ = self
                .stream
                .write_all(format!("{}\r\n", replies.join("\r\n")).as_bytes());
            self.copies(&accepted, &Copy::Unknown { is_marked });
            return None;
        };
        self.judge(&accepted, &last);
        replies.push(last);
        self.say(&replies.join("\r\n"))
    }

    fn judge(&self, recipients: &[String], reply: &str) {
        match &reply[..1] {
            "2" => self.copies(recipients, &Copy::Accepted),
            "5" => self.refuse_all(recipients),
            _ => {}
        }
    }

    fn copies(&self, recipients: &[String], copy: &Copy) {
        let mut record = self.record.lock().unwrap();
        for name in recipients {
            record
                .copies
                .entry(name.clone())
                .or_default()
                .push(copy.clone());
        }
    }

    fn refuse(&self, name: &str) {
        *self
            .record
            .lock()
            .unwrap()
            .refused
            .entry(name.to_owned())
            .or_default() += 1;
    }

    fn refuse_all(&self, names: &[String]) {
        for name in names {
            self.refuse(name);
        }
    }

    fn shut(&self) {
        let mut record = self.record.lock().unwrap();
        *record.shut.entry(self.host.to_owned()).or_default() += 1;
    }

    fn is_home(&self) -> bool {
        self.host == HOME
    }

    /// The good reply, a bad one, or the end of the connection.
    fn pick(&mut self, good: &str, bad: &[&str]) -> Option<String> {
        let behaves = self.is_home() || self.record.lock().unwrap().is_over;
        if behaves || self.rng.u8(..100) < self.mood.well {
            return Some(good.to_owned());
        }
        if self.rng.u8(..100) < self.mood.hang_up {
            self.note(&format!("closed instead of {good}"));
            return None;
        }
        self.rng.choice(bad).map(|reply| (*reply).to_owned())
    }

    /// Writes a reply, sometimes in pieces. 421 ends the connection.
    fn say(&mut self, reply: &str) -> Option<()> {
        let wire = format!("{reply}\r\n");
        if self.rng.u8(..8) == 0 {
            let (first, rest) = wire.split_at(self.rng.usize(..wire.len()));
            self.stream.write_all(first.as_bytes()).ok()?;
            self.stream.write_all(rest.as_bytes()).ok()?;
        } else {
            self.stream.write_all(wire.as_bytes()).ok()?;
        }
        (!reply.starts_with("421")).then_some(())
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).ok()?;
        let line = line.strip_suffix(b"\r\n")?;
        Some(String::from_utf8_lossy(line).into_owned())
    }

    fn note(&self, what: &str) {
        let line = format!("{}: {what}", self.host);
        self.record.lock().unwrap().log.push(line);
    }
}

fn plays() -> u64 {
    let count = std::env::var("EHLO_MODEL").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(150)
}

/// Plays these seeds, several at once.
fn play_all(first: u64, count: u64, play: impl Fn(u64) + Sync) {
    let seeds: Mutex<Vec<u64>> = Mutex::new((first..first + count).collect());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(seed) = { seeds.lock().unwrap().pop() } {
                    play(seed);
                }
            });
        }
    });
}

fn recipients(rng: &mut Rng) -> Vec<String> {
    let count = [1, 1, 2, 3, 5][rng.usize(..5)];
    (0..count).map(|n| format!("r{n}@example.test")).collect()
}

#[test]
fn verdicts_agree_with_what_random_servers_accepted() {
    let dns = Authority::serve(&ZONE);
    let resolver = dns.address.to_string();
    play_all(1, plays(), |seed| {
        let mut rng = Rng::with_seed(seed);
        let is_lmtp = rng.u8(..5) == 0;
        let servers = Servers::start(&mut rng, is_lmtp);
        let recipients = recipients(&mut rng);
        let mut line = common(&resolver);
        line.extend(["--json", "-f", "alice@sender.test", "-b", "hi"].map(str::to_owned));
        let relay = format!("{}:{}", HOSTS[0], servers.port);
        if is_lmtp {
            line.extend(["--lmtp", "-r", &relay].map(str::to_owned));
        } else {
            line.extend(["-p".to_owned(), servers.port.to_string()]);
            if rng.bool() {
                line.push("--prdr=?".to_owned());
            }
        }
        if rng.u8(..4) == 0 {
            line.extend(["--chunking", "off"].map(str::to_owned));
        }
        line.extend(recipients.clone());
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        let ran = ehlo(&words);
        let hosts = if is_lmtp { &HOSTS[..1] } else { &HOSTS[..] };
        let record = servers.record.lock().unwrap();
        check(seed, &ran, &record, &recipients, hosts);
    });
}

fn common(resolver: &str) -> Vec<String> {
    [
        "--dns",
        resolver,
        "--helo",
        "client.test",
        "--timeout",
        "5s",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn verdicts(ran: &Ran) -> BTreeMap<String, String> {
    let last = ran.stdout.lines().last().unwrap_or_default();
    let last: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
    let all = last["recipients"].as_array().cloned().unwrap_or_default();
    let pair = |one: &serde_json::Value| {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        (text("address"), text("verdict"))
    };
    all.iter().map(pair).collect()
}

fn check(seed: u64, ran: &Ran, record: &Record, recipients: &[String], hosts: &[&str]) {
    let verdicts = verdicts(ran);
    let context = format!("seed {seed}: {record:#?}\n{ran:#?}");
    let all_shut = hosts.iter().all(|host| record.shut.contains_key(*host));
    for name in recipients {
        let copies = record.copies.get(name).cloned().unwrap_or_default();
        let verdict = verdicts.get(name).map(String::as_str).unwrap_or_default();
        let count = copies.iter().filter(|copy| **copy != Copy::Cut).count();
        assert!(count <= 1, "{name} has two copies; {context}");
        let is_refused = record.refused.contains_key(name) || record.sender_refused > 0 || all_shut;
        match copies.last() {
            Some(Copy::Accepted) => assert_eq!(verdict, "accepted", "{name}; {context}"),
            Some(Copy::Unknown { .. }) => assert_eq!(verdict, "uncertain", "{name}; {context}"),
            Some(Copy::Cut) => {
                assert!(
                    matches!(verdict, "deferred" | "uncertain"),
                    "{name}; {context}"
                );
            }
            None if verdict == "refused" => assert!(is_refused, "{name}; {context}"),
            None if record.refused.contains_key(name) => {
                assert_eq!(verdict, "refused", "{name}; {context}");
            }
            None => assert!(
                matches!(verdict, "deferred" | "skipped"),
                "{name}; {context}"
            ),
        }
    }
    let any = |wanted: &str| verdicts.values().any(|verdict| verdict == wanted);
    let all = |wanted: &str| verdicts.values().all(|verdict| verdict == wanted);
    let expected = if all("accepted") {
        0
    } else if any("accepted") || any("uncertain") {
        79
    } else if all("refused") {
        69
    } else {
        75
    };
    assert_eq!(ran.code, expected, "{context}");
}

#[test]
fn a_queue_loses_nothing_and_sends_nothing_twice_silently() {
    let dns = Authority::serve(&ZONE);
    let resolver = dns.address.to_string();
    play_all(1_000_000, plays() / 3, |seed| {
        let mut rng = Rng::with_seed(seed);
        let servers = Servers::start(&mut rng, false);
        let recipients = recipients(&mut rng);
        let home = TempDir::new().unwrap();
        let config = home.path().join("config");
        let queue = home.path().join("queue");
        let settings = format!("[queue]\ndir = {queue:?}\n");
        std::fs::write(&config, settings).unwrap();
        let config = config.to_str().unwrap();
        let mut line = common(&resolver);
        line.extend(["--config", config, "--queue-only", "-q", "-b", "hi"].map(str::to_owned));
        line.extend(["-f", "alice@sender.test", "-p"].map(str::to_owned));
        line.push(servers.port.to_string());
        line.extend(recipients.clone());
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        ehlo(&words).ends_with(0);
        let mut said = String::new();
        let run = |said: &mut String| {
            let ran = ehlo(&["queue", "run", "--now", "--config", config]);
            said.push_str(&format!("{}\n{}\n", ran.stdout, ran.stderr));
            // Hosts that were down are tried again by the next run.
            let _ = std::fs::remove_dir_all(queue.join("down"));
        };
        for _ in 0..rng.usize(1..4) {
            run(&mut said);
        }
        servers.record.lock().unwrap().is_over = true;
        for _ in 0..4 {
            run(&mut said);
        }
        let list = ehlo(&["queue", "list", "--config", config]).stdout;
        let record = servers.record.lock().unwrap();
        let context = format!("seed {seed}: {record:#?}\n{said}\n{list}");
        assert_eq!(list, "The queue is empty.\n", "{context}");
        for name in &recipients {
            check_history(name, &record, &context);
        }
    });
}

/// The sender knows the result of each recipient, who has one copy, or more of which the later ones are marked.
fn check_history(name: &str, record: &Record, context: &str) {
    let copies = record.copies.get(name).cloned().unwrap_or_default();
    let accepted = copies
        .iter()
        .filter(|copy| **copy == Copy::Accepted)
        .count();
    let line = format!("Final-Recipient: rfc822; {name}");
    let reports = record.reports.iter();
    let reports = reports.filter(|report| report.contains(&line)).count();
    assert!(accepted <= 1, "{name} has {accepted} copies; {context}");
    assert!(accepted + reports > 0, "{name} is lost; {context}");
    assert!(
        accepted + reports == 1,
        "{name} is delivered and reported; {context}"
    );
    if accepted > 0 {
        assert_eq!(
            copies.last(),
            Some(&Copy::Accepted),
            "{name} twice; {context}"
        );
    }
    let mut may_have = false;
    for copy in &copies {
        if let Copy::Unknown { is_marked } = copy {
            assert!(
                *is_marked || !may_have,
                "{name} twice in silence; {context}"
            );
            may_have = true;
        }
    }
}
