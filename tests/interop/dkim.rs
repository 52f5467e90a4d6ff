//! Signed messages of a seeded generator, in every way in, verified by opendkim, dkimpy and `Mail::DKIM`; and messages
//! that were changed afterwards, which they must refuse.
//!
//! `EHLO_DKIM=500` is the number of messages, `EHLO_SEED=7` another seed.

use crate::parts;
use crate::postfix::Postfix;
use crate::reader::Reader;
use crate::receiver::Receiver;
use crate::run::{Ran, Start, ehlo_with};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Servers that accept the messages. The last one is for messages that every server can carry.
const SERVERS: [&[&str]; 3] = [
    &["--offer", "BINARYMIME"],
    &["--no-offer", "CHUNKING"],
    &["--no-offer", "8BITMIME,CHUNKING,SMTPUTF8,PIPELINING"],
];

/// The selectors of the two signatures.
const BOTH: [&str; 2] = ["e", "r"];

/// The ways into the program.
const WAYS: [fn(&mut World) -> Vec<u8>; 10] = [
    World::printed,
    World::composed,
    World::ready,
    World::ready_printed,
    World::sendmail,
    World::dialogue,
    World::queued,
    World::job,
    World::notified,
    World::reported,
];

struct World {
    directory: TempDir,
    servers: Vec<Receiver>,
    random: fastrand::Rng,
    made: usize,
}

fn shell(directory: &Path, script: &str) -> String {
    let output = Command::new("/bin/sh")
        .args(["-e", "-c", script])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The domain of the reports of this host.
fn host_domain(directory: &Path) -> String {
    let arguments = [
        "--config",
        "/dev/null",
        "--print",
        "-b",
        "x",
        "bob@hamburger.edu",
    ];
    let printed = ehlo_with(directory, &arguments, &Start::default());
    let text = printed.ends_with(0).text();
    let from = text.lines().find(|line| line.starts_with("From:")).unwrap();
    from.rsplit_once('@')
        .unwrap()
        .1
        .trim_end_matches('>')
        .to_ascii_lowercase()
}

impl World {
    /// `None` if a verifier is missing, with the reason printed.
    fn new(seed: u64) -> Option<Self> {
        let python = ["/usr/bin/python3", "-c", "import dkim, nacl"];
        let perl = ["/usr/bin/perl", "-MMail::DKIM::Verifier", "-e", "1"];
        let has = parts::has("/usr/bin/openssl")
            && parts::has("/usr/sbin/opendkim")
            && parts::works(
                &mut Reader::command(&python),
                "python3-dkim or python3-nacl",
            )
            && parts::works(&mut Reader::command(&perl), "libmail-dkim-perl");
        if !has {
            return None;
        }
        let world = Self {
            directory: tempfile::tempdir().unwrap(),
            servers: SERVERS.map(server).into(),
            random: fastrand::Rng::with_seed(seed),
            made: 0,
        };
        let path = world.directory.path();
        for arguments in [
            &["r", "--out", "r.pem"][..],
            &["e", "--ed25519", "--out", "e.pem"],
        ] {
            let new = [&["dkim", "new", "--domain", "crepes.fr"], arguments].concat();
            ehlo_with(path, &new, &Start::default()).ends_with(0);
        }
        world.write_keys();
        for (index, server) in world.servers.iter().enumerate() {
            world.write_config(&format!("{index}.toml"), &server.relay());
        }
        Some(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn domains(&self) -> Vec<String> {
        let mut all = vec!["crepes.fr".to_owned(), host_domain(self.directory.path())];
        all.dedup();
        all
    }

    /// The keys for the verifiers, as OpenSSL derives them.
    fn write_keys(&self) {
        let path = self.directory.path();
        let rsa = shell(
            path,
            "openssl pkey -in r.pem -pubout -outform DER | base64 -w0",
        );
        let ed = "openssl pkey -in e.pem -pubout -outform DER | tail -c 32 | base64 -w0";
        let ed = shell(path, ed);
        let mut keys = String::new();
        for domain in self.domains() {
            keys += &format!("r._domainkey.{domain} v=DKIM1; k=rsa; p={rsa}\n");
            keys += &format!("e._domainkey.{domain} v=DKIM1; k=ed25519; p={ed}\n");
        }
        fs::write(self.path("keys"), keys).unwrap();
        let keys = self.path("keys");
        let options = format!(
            "Mode v\nBackground no\nSyslog no\nTestPublicKeys {}\n",
            keys.display()
        );
        fs::write(self.path("opendkim.conf"), options).unwrap();
    }

    fn write_config(&self, name: &str, relay: &str) {
        let path = self.directory.path().display();
        let keys = format!("[\"e:{path}/e.pem\", \"r:{path}/r.pem\"]");
        let mut text = format!("default = \"sink\"\n[profile.sink]\nrelay = \"{relay}\"\n");
        text += "tls = \"off\"\nfrom = \"alice@crepes.fr\"\n[sendmail]\ndomain = \"crepes.fr\"\n";
        text += &format!("[queue]\ndir = \"{path}/queue\"\n[dkim]\n");
        for domain in self.domains() {
            text += &format!("\"{domain}\" = {keys}\n");
        }
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn pick<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.random.usize(0..all.len())]
    }

    /// Lines that canonicalization and transfer may damage.
    fn text(&mut self, is_ascii: bool) -> String {
        let pieces = [
            "word",
            "two words",
            "  ",
            "\t",
            " \n",
            "\n",
            "\n\n",
            "\n\n\n \t\n",
            ".",
            "\n.\n",
            "\n..x\n",
            "\nFrom here\n",
            "=20",
            "=",
            "a  b",
            "trailing \n",
            "x=y; z",
            "1234567890",
            "\n-- \n",
            "\n--\n",
            "\u{fc}ber",
            "\u{65e5}\u{672c}\u{8a9e}",
            "\u{1f600}",
            "caf\u{e9} \n",
        ];
        let usable = if is_ascii {
            pieces.len() - 4
        } else {
            pieces.len()
        };
        let count = self.random.usize(0..60);
        let mut text: String = (0..count).map(|_| self.pick(&pieces[..usable])).collect();
        if self.random.usize(0..12) == 0 {
            text += &"long line ".repeat(130);
        }
        text
    }

    fn subject(&mut self) -> String {
        let count = self.random.usize(0..30);
        let words = [
            "hi",
            "Re:",
            "a",
            "b  c",
            "\u{fc}",
            "\u{43c}\u{438}\u{440}",
            "=?x?=",
            ":",
        ];
        let words: Vec<&str> = (0..count).map(|_| self.pick(&words)).collect();
        words.join(" ")
    }

    /// Arguments of a composed message.
    fn arguments(&mut self) -> Vec<String> {
        let is_ascii = self.random.bool();
        let mut all: Vec<String> = ["-f", "Alice <alice@crepes.fr>", "bob@hamburger.edu"]
            .map(str::to_owned)
            .to_vec();
        let mut add = |option: &str, value: String| all.extend([option.to_owned(), value]);
        add("--subject", self.subject());
        let text = self.text(is_ascii).replace('\0', "");
        add("--body", format!(" {text}"));
        if self.random.bool() {
            add("--html", format!("<p>{}</p>", self.text(false)));
        }
        if self.random.usize(0..3) == 0 {
            let length = self.random.usize(0..90_000);
            let bytes: Vec<u8> = (0..length).map(|_| self.random.u8(..)).collect();
            fs::write(self.path("data.bin"), bytes).unwrap();
            add("--attach", "data.bin".to_owned());
        }
        if self.random.usize(0..3) == 0 {
            fs::write(self.path("notes.txt"), self.text(false)).unwrap();
            add("--attach", "notes.txt".to_owned());
        }
        if self.random.usize(0..3) == 0 {
            add(
                "--cc",
                "J\u{fc}rgen <cc@hamburger.edu>, d@hamburger.edu".to_owned(),
            );
            add("--reply-to", "reply@crepes.fr".to_owned());
            add("--list-unsubscribe", "https://crepes.fr/u".to_owned());
        }
        if self.random.usize(0..3) == 0 {
            add("--in-reply-to", "<1@crepes.fr>".to_owned());
            add("--references", "<0@crepes.fr> <1@crepes.fr>".to_owned());
            add("--header", "List-Id: <list.crepes.fr>".to_owned());
            add("--header", "Resent-From: carol@crepes.fr".to_owned());
        }
        all
    }

    /// A message as another program may have written it.
    fn message(&mut self, author: &str) -> Vec<u8> {
        let fields = [
            "Received: from a by b; Mon, 20 Nov 2023 10:00:00 +0000\n",
            "Subject:   odd   blanks \n\tand folds\n",
            "SUBJECT: again\n",
            "Reply-To:\tx@crepes.fr\n",
            "List-Id: <a.crepes.fr>\nList-Id: <b.crepes.fr>\n",
            "Sender: carol@crepes.fr\n",
            "MIME-Version: 1.0\nContent-Type: text/plain;\n charset=utf-8\nContent-Transfer-Encoding: 8bit\n",
            "Date: Mon, 20 Nov 2023 10:00:00 +0000\n",
            "Message-ID: <1@crepes.fr>\n",
            "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; h=from; bh=AAAA; b=AAAA\n",
            "X-Long: x\n",
        ];
        let mut text = format!("From: {author}\nTo: bob@hamburger.edu\n");
        for field in fields {
            if self.random.bool() {
                let is_subject = field.starts_with("SUBJECT");
                text += if is_subject {
                    "X-Subject: again\n"
                } else {
                    field
                };
            }
        }
        text.push('\n');
        let is_ascii = self.random.bool();
        text += &self.text(is_ascii);
        text.into_bytes()
    }

    /// Runs the program with the configuration of a server.
    fn run(&self, server: usize, arguments: &[&str], input: Option<&[u8]>) -> Ran {
        let config = self.path(&format!("{server}.toml"));
        let start = Start {
            stdin: input,
            variables: &[("EHLO_CONFIG", config.to_str().unwrap())],
            ..Start::default()
        };
        ehlo_with(self.directory.path(), arguments, &start)
    }

    /// The message that a server has received.
    fn received(&self, server: usize) -> Vec<u8> {
        received(&self.servers[server])
    }

    fn printed(&mut self) -> Vec<u8> {
        let arguments = self.arguments();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.push("--print");
        let mut ran = self.run(0, &arguments, None);
        std::mem::take(&mut ran.ends_with_own(0).stdout)
    }

    fn composed(&mut self) -> Vec<u8> {
        let arguments = self.arguments();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.push("-q");
        let server = self.random.usize(0..3);
        self.run(server, &arguments, None).ends_with(0);
        self.received(server)
    }

    fn ready(&mut self) -> Vec<u8> {
        let author = self.pick(&[
            "alice@crepes.fr",
            "A <a@mail.crepes.fr>",
            "\u{fc} <a@CREPES.fr>",
        ]);
        let message = self.message(author);
        let server = self.random.usize(0..2);
        let arguments = ["-q", "--message", "-", "bob@hamburger.edu"];
        self.run(server, &arguments, Some(&message)).ends_with(0);
        self.received(server)
    }

    fn ready_printed(&mut self) -> Vec<u8> {
        let message = self.message("alice@crepes.fr, bob@example.org");
        let arguments = ["--print", "--message", "-", "bob@hamburger.edu"];
        let mut ran = self.run(0, &arguments, Some(&message));
        std::mem::take(&mut ran.ends_with_own(0).stdout)
    }

    fn sendmail(&mut self) -> Vec<u8> {
        let message = self.message("alice@crepes.fr");
        let server = self.random.usize(0..2);
        let arguments = [
            "sendmail",
            "-i",
            "-odi",
            "-f",
            "alice@crepes.fr",
            "bob@hamburger.edu",
        ];
        self.run(server, &arguments, Some(&message)).ends_with(0);
        self.received(server)
    }

    fn dialogue(&mut self) -> Vec<u8> {
        let message = String::from_utf8(self.message("alice@crepes.fr")).unwrap();
        let message = message.replace("\n.", "\n..").replace('\n', "\r\n");
        let dialogue = format!(
            "EHLO x\r\nMAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\n{message}\r\n.\r\nQUIT\r\n"
        );
        let server = self.random.usize(0..2);
        let ran = self.run(
            server,
            &["sendmail", "-bs", "-odq"],
            Some(dialogue.as_bytes()),
        );
        assert!(ran.ends_with(0).text().contains("354"), "{}", ran.text());
        self.run(server, &["queue", "run", "--now"], None)
            .ends_with(0);
        self.received(server)
    }

    fn queued(&mut self) -> Vec<u8> {
        let arguments = self.arguments();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["-q", "--queue-only"]);
        let server = self.random.usize(0..3);
        self.run(server, &arguments, None).ends_with(0);
        self.run(server, &["queue", "run", "--now"], None)
            .ends_with(0);
        self.received(server)
    }

    fn job(&mut self) -> Vec<u8> {
        fs::write(self.path("output"), self.text(false)).unwrap();
        let server = self.random.usize(0..3);
        let arguments = [
            "run",
            "--to",
            "bob@hamburger.edu",
            "--",
            "sh",
            "-c",
            "cat output; exit 3",
        ];
        self.run(server, &arguments, None).ends_with(3);
        self.received(server)
    }

    fn notified(&mut self) -> Vec<u8> {
        let text = self.text(false) + "x";
        let subject = self.subject() + "x";
        let server = self.random.usize(0..3);
        let arguments = ["notify", "--to", "bob@hamburger.edu", "--subject", &subject];
        self.run(server, &arguments, Some(text.as_bytes()))
            .ends_with(0);
        self.received(server)
    }

    /// A report about a message that was refused.
    fn reported(&mut self) -> Vec<u8> {
        let message = self.message("alice@crepes.fr");
        let server = server(&["--fault", "rcpt=550 5.1.1 unknown@1"]);
        self.write_config("9.toml", &server.relay());
        let arguments = [
            "sendmail",
            "-i",
            "-odi",
            "-f",
            "alice@crepes.fr",
            "nobody@hamburger.edu",
        ];
        self.run(9, &arguments, Some(&message));
        self.run(9, &["queue", "run", "--now"], None).ends_with(0);
        let report = received(&server);
        assert!(find(&report, b"multipart/report").is_some());
        report
    }

    /// Writes a message, and returns its path.
    fn save(&mut self, message: &[u8]) -> PathBuf {
        self.made += 1;
        let path = self.path(&format!("{}.eml", self.made));
        fs::write(&path, message).unwrap();
        path
    }

    /// The message with a change in something that is signed.
    fn changed(&mut self, message: &[u8]) -> Vec<u8> {
        let mut message = message.to_vec();
        let end = find(&message, b"\r\n\r\n").unwrap() + 4;
        let body: Vec<usize> = (end..message.len())
            .filter(|&at| message[at].is_ascii_alphanumeric())
            .collect();
        match self.random.usize(0..5) {
            0 | 1 if !body.is_empty() => {
                let at = body[self.random.usize(0..body.len())];
                message[at] = if message[at] == b'x' { b'y' } else { b'x' };
            }
            2 => {
                let at = find(&message, b"\r\nFrom: ");
                let at = at.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&message))) + 8;
                message[at] = if message[at] == b'x' { b'y' } else { b'x' };
            }
            3 => {
                let field = self.pick(&[
                    "From: x@x.org\r\n",
                    "Subject: x\r\n",
                    "To: x@x.org\r\n",
                    "Reply-To: x@x.org\r\n",
                ]);
                message.splice(0..0, field.bytes());
            }
            _ => message.extend_from_slice(b"x\r\n"),
        }
        message
    }
}

trait OwnRan {
    fn ends_with_own(&mut self, code: i32) -> &mut Self;
}

impl OwnRan for Ran {
    fn ends_with_own(&mut self, code: i32) -> &mut Self {
        self.ends_with(code);
        self
    }
}

fn server(options: &[&str]) -> Receiver {
    Receiver::start(&[&["--maildir", "mail"], options].concat())
}

/// The message that a server has received, as it was on the wire.
fn received(server: &Receiver) -> Vec<u8> {
    let mut all = all_received(server);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// All messages that a server has received, in any order.
fn all_received(server: &Receiver) -> Vec<Vec<u8>> {
    let files = fs::read_dir(server.path("mail/new")).unwrap();
    let messages = files.map(|file| {
        let path = file.unwrap().path();
        let message = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        message
    });
    messages.collect()
}

/// A message that Postfix has stored, with the line ends of the wire.
fn wire(stored: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for line in stored.split_inclusive(|&byte| byte == b'\n') {
        wire.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

type Verdicts = BTreeMap<PathBuf, Vec<String>>;

/// The selectors of the valid signatures, by a script that prints them.
fn by_script(interpreter: &str, script: &str, keys: &Path, messages: &[PathBuf]) -> Verdicts {
    let readers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/readers");
    let output = Reader::command(&[interpreter])
        .arg(readers.join(script))
        .arg(keys)
        .args(messages)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| {
        let mut words = line.split('\t').map(str::to_owned);
        let path = PathBuf::from(words.next().unwrap());
        (path, words.collect())
    });
    lines.collect()
}

/// The same by opendkim.
fn by_opendkim(options: &Path, messages: &[PathBuf]) -> Verdicts {
    let verdict = |path: &PathBuf| {
        let output = Reader::command(&["/usr/sbin/opendkim", "-vvv", "-x"])
            .arg(options)
            .arg("-t")
            .arg(path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("Authentication-Results"), "{output:?}");
        let results = text
            .split(';')
            .filter(|result| result.contains("dkim=pass"));
        let selectors = results.map(|result| {
            let after = result.split("header.s=").nth(1).unwrap();
            after.split([' ', '\n']).next().unwrap().to_owned()
        });
        let mut selectors: Vec<String> = selectors.collect();
        selectors.sort();
        (path.clone(), selectors)
    };
    messages.iter().map(verdict).collect()
}

impl World {
    /// Fails unless all verifiers accept these selectors for each message. Returns the number of verdicts.
    #[track_caller]
    fn verify(&self, messages: &[PathBuf], right: &[&str]) -> usize {
        let rsa: Vec<&str> = right.iter().copied().filter(|&name| name == "r").collect();
        let keys = self.path("keys");
        let verdicts = [
            (
                by_opendkim(&self.path("opendkim.conf"), messages),
                right.to_vec(),
            ),
            (
                by_script("/usr/bin/python3", "signatures.py", &keys, messages),
                right.to_vec(),
            ),
            // It has no Ed25519 in Debian 12.
            (
                by_script("/usr/bin/perl", "signatures.pl", &keys, messages),
                rsa,
            ),
        ];
        let names = ["opendkim", "dkimpy", "Mail::DKIM"];
        let mut count = 0;
        for ((found, right), name) in verdicts.iter().zip(names) {
            for path in messages {
                let valid: Vec<&str> = found[path].iter().map(String::as_str).collect();
                let valid: Vec<&str> = valid
                    .into_iter()
                    .filter(|name| BOTH.contains(name))
                    .collect();
                let is_right = valid == *right
                    || name == "Mail::DKIM" && valid.starts_with(&["e"]) && right == &["r"];
                if !is_right {
                    let text = fs::read(path).unwrap();
                    panic!(
                        "{name}: {valid:?}, not {right:?}:\n{}",
                        String::from_utf8_lossy(&text)
                    );
                }
                count += 1;
            }
        }
        count
    }
}

#[test]
fn three_verifiers_accept_every_message_and_no_changed_one() {
    let number = |name: &str, default| {
        let text = std::env::var(name).ok();
        text.map_or(default, |text| text.parse().unwrap())
    };
    let (messages, seed) = (number("EHLO_DKIM", 60), number("EHLO_SEED", 2026));
    let Some(mut world) = World::new(seed) else {
        return;
    };
    let (mut made, mut changed) = (Vec::new(), Vec::new());
    for index in 0..messages {
        let way = WAYS[usize::try_from(index).unwrap() % WAYS.len()];
        let message = way(&mut world);
        made.push(world.save(&message));
        let other = world.changed(&message);
        changed.push(world.save(&other));
    }
    let passed = world.verify(&made, &BOTH);
    let refused = world.verify(&changed, &[]);
    eprintln!("seed {seed}: {passed} verdicts are pass, {refused} changed ones are refused");
}

#[test]
fn signature_survives_postfix_with_and_without_8bitmime_and_chunking() {
    for discarded in ["", "8bitmime,chunking", "8bitmime", "chunking"] {
        let options = format!("smtpd_discard_ehlo_keywords = {discarded}\n");
        let Some(mut world) = World::new(1) else {
            return;
        };
        let Some(postfix) = Postfix::start_with(&options) else {
            return;
        };
        world.write_config("0.toml", &postfix.relay());
        let mut saved = Vec::new();
        for is_queued in [false, true] {
            let text = world.text(false) + "\u{fc}";
            let mut arguments = vec!["-s", "\u{fc}  x", "-b", &text, "-q", "bob@example.test"];
            if is_queued {
                arguments.push("--queue-only");
            }
            world.run(0, &arguments, None).ends_with(0);
            if is_queued {
                world.run(0, &["queue", "run", "--now"], None).ends_with(0);
            }
            saved.push(world.save(&wire(&postfix.receive("bob"))));
        }
        // They are converted before they are signed.
        let message = "From: alice@crepes.fr\nTo: bob@example.test\n\n\u{fc}\n.\nx  \n\n";
        for arguments in [
            ["sendmail", "-i", "-odi", "bob@example.test"],
            ["-q", "--message", "-", "bob@example.test"],
        ] {
            world
                .run(0, &arguments, Some(message.as_bytes()))
                .ends_with(0);
            saved.push(world.save(&wire(&postfix.receive("bob"))));
        }
        world.verify(&saved, &BOTH);
    }
}

#[test]
fn signature_is_that_of_the_first_attempt_after_a_retry() {
    let Some(mut world) = World::new(2) else {
        return;
    };
    let server = server(&["--fault", "dot=451 4.3.0 later@1", "--fault", "dot=close@2"]);
    world.write_config("0.toml", &server.relay());
    let arguments = [
        "--queue",
        "-q",
        "-b",
        "text",
        "-s",
        "x",
        "bob@hamburger.edu",
    ];
    world.run(0, &arguments, None).ends_with(0);
    for _ in 0..2 {
        world.run(0, &["queue", "run", "--now"], None);
    }
    let messages = all_received(&server);
    assert_eq!(messages.len(), 2);
    let is_marked = |message: &&Vec<u8>| find(message, b"\r\nX-Possible-Duplicate:").is_some();
    assert_eq!(messages.iter().filter(is_marked).count(), 1);
    let paths: Vec<PathBuf> = messages.iter().map(|message| world.save(message)).collect();
    world.verify(&paths, &BOTH);
}
