//! Large messages: whole when they arrive, and no more memory than for small ones.

use crate::abilities::serve;
use crate::parts;
use crate::postfix::Postfix;
use crate::reader::{Reader, sha256};
use crate::run::{Ran, Start, ehlo, ehlo_with};
use crate::submission::{Service, submission};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The most memory that a run may have resident, in KiB.
const MOST_KIB: u64 = 12 * 1024;

/// How much two runs may differ for reasons of their own, in KiB.
const NOISE_KIB: u64 = 2 * 1024;

const LARGE: usize = 20_000_000;

/// Our own receiver; it ends with this value.
struct Sink {
    child: Child,
    maildir: PathBuf,
    relay: String,
}

impl Sink {
    fn start(directory: &Path) -> Self {
        let maildir = directory.join("came");
        let said = directory.join("said");
        let child = Command::new(env!("CARGO_BIN_EXE_ehlo"))
            .args(["sink", "--listen", "127.0.0.1:0", "--maildir"])
            .arg(&maildir)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let relay = crate::postfix::wait_for("the sink", || {
            let said = fs::read_to_string(&said).ok()?;
            let port = said.lines().next()?.rsplit("127.0.0.1:").next()?;
            let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
            (!digits.is_empty()).then(|| format!("127.0.0.1:{digits}"))
        });
        Self {
            child,
            maildir,
            relay,
        }
    }

    fn take(&self) -> PathBuf {
        let mut files = fs::read_dir(self.maildir.join("new")).unwrap();
        files.next().expect("nothing came").unwrap().path()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(size: usize) -> Vec<u8> {
    let line = "a line of text with an ü, and a dot.\n.\n";
    line.bytes()
        .cycle()
        .take(size / line.len() * line.len())
        .collect()
}

/// The hash of each leaf that Python reads, with line ends of texts as LF.
fn hashes(message: &Path) -> String {
    let reader = Reader {
        interpreter: "/usr/bin/python3",
        script: "entities.py",
        probe: &[],
        package: "python3",
    };
    reader.read(&[message.to_owned()]).concat()
}

/// How the bytes get into the program.
#[derive(Clone, Copy, Debug)]
enum By {
    Attachment,
    Text,
    Fifo,
    Stdin,
}

/// Sends this many bytes in this way, and gives how the run was.
#[track_caller]
fn arrives(by: By, size: usize, chunking: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let content = lines(size);
    let fifo = matches!(by, By::Fifo);
    let writer = if fifo {
        assert!(
            Command::new("mkfifo")
                .arg(path.join("in"))
                .status()
                .unwrap()
                .success()
        );
        let (fifo, content) = (path.join("in"), content.clone());
        Some(std::thread::spawn(move || {
            File::options()
                .write(true)
                .open(fifo)
                .unwrap()
                .write_all(&content)
                .unwrap();
        }))
    } else {
        fs::write(path.join("in"), &content).unwrap();
        None
    };
    let sink = Sink::start(path);
    let start = Start {
        stdin_file: matches!(by, By::Stdin).then(|| File::open(path.join("in")).unwrap()),
        ..Start::default()
    };
    let given = match by {
        By::Attachment => &["-b", "see there", "-a", "in;name=in.bin"][..],
        By::Text | By::Fifo => &["-b", "@in"],
        By::Stdin => &["-b", "-"],
    };
    let fixed = [
        "-r",
        &sink.relay,
        "-f",
        "a@x.test",
        "--chunking",
        chunking,
        "bob@y.test",
    ];
    let ran = ehlo_with(path, &[&fixed[..], given].concat(), &start);
    ran.ends_with(0);
    if let Some(writer) = writer {
        writer.join().unwrap();
    }
    let expected = match by {
        By::Attachment => sha256(&content),
        // The only text loses its last line end.
        _ => sha256(content.strip_suffix(b"\n").unwrap()),
    };
    let seen = hashes(&sink.take());
    assert!(seen.contains(&expected), "{by:?} {chunking}: {seen}");
    ran
}

#[test]
fn twenty_megabytes_arrive_whole_and_take_no_more_memory_than_one() {
    if !parts::has("/usr/bin/python3") {
        return;
    }
    let mut wrong = Vec::new();
    for (by, chunking) in [
        (By::Attachment, "off"),
        (By::Attachment, "auto"),
        (By::Text, "auto"),
        (By::Fifo, "auto"),
        (By::Stdin, "off"),
    ] {
        // What cannot be read twice is kept in memory as long as it is small.
        let small = match by {
            By::Attachment | By::Text => 1_000_000,
            By::Fifo | By::Stdin => 4_000_000,
        };
        let small = arrives(by, small, chunking).peak_kib;
        let large = arrives(by, LARGE, chunking).peak_kib;
        if large > MOST_KIB || large > small + NOISE_KIB {
            wrong.push(format!("{by:?} {chunking}: {small} KiB and {large} KiB"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn twenty_megabytes_arrive_through_postfix() {
    let Some(postfix) = Postfix::start_with("message_size_limit = 100000000\n") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let content = lines(LARGE);
    fs::write(directory.path().join("in"), &content).unwrap();
    for (chunking, word) in [("auto", "BDAT "), ("off", "DATA")] {
        let fixed = ["-f", "a@x.test", "--chunking", chunking, "bob@example.test"];
        let ran = postfix.send(
            directory.path(),
            &[&fixed[..], &["-b", "x", "-a", "in;name=in.bin"]].concat(),
        );
        ran.ends_with(0).shows(word);
        assert!(ran.peak_kib <= MOST_KIB, "{chunking}: {}", ran.peak_kib);
        let came = directory.path().join("came.eml");
        fs::write(&came, postfix.receive("bob")).unwrap();
        let seen = hashes(&came);
        assert!(seen.contains(&sha256(&content)), "{chunking}: {seen}");
    }
}

#[test]
fn twenty_megabytes_arrive_through_tls() {
    let Some(servers) = submission() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    let attachment = format!("{};name=in.bin", path.to_str().unwrap());
    for (service, tls, chunking) in [
        (Service::Implicit, "implicit", "auto"),
        (Service::Implicit, "implicit", "off"),
        (Service::Tls12, "starttls", "auto"),
    ] {
        let mut small = 0;
        for size in [1_000_000, LARGE] {
            let content = lines(size);
            fs::write(&path, &content).unwrap();
            let mailbox = servers.mailbox();
            let how = ["--tls", tls, "--chunking", chunking, "-a", &attachment];
            let ran = servers.send(service, &mailbox, &how);
            ran.ends_with(0);
            let came = directory.path().join("came.eml");
            fs::write(&came, servers.postfix.receive(&mailbox)).unwrap();
            let seen = hashes(&came);
            assert!(seen.contains(&sha256(&content)), "{service:?}: {seen}");
            let peak = ran.peak_kib;
            let most = if small == 0 {
                MOST_KIB
            } else {
                small + NOISE_KIB
            };
            assert!(peak <= most, "{service:?} {chunking}: {peak} KiB");
            small = peak;
        }
    }
}

#[test]
fn a_file_that_changes_while_it_is_sent_in_chunks_is_never_accepted() {
    for length in [100, 6_000_000] {
        for keywords in [
            &["CHUNKING", "PIPELINING"][..],
            &["CHUNKING", "BINARYMIME", "8BITMIME"],
            &[],
        ] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("in");
            fs::write(&path, lines(3_000_000)).unwrap();
            let (port, served) = serve(keywords);
            let relay = format!("127.0.0.1:{port}");
            let changer = std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(700));
                File::options()
                    .write(true)
                    .open(path)
                    .unwrap()
                    .set_len(length)
                    .unwrap();
            });
            let ran = ehlo(
                directory.path(),
                &[
                    "-r",
                    &relay,
                    "-f",
                    "a@x.test",
                    "--limit-rate",
                    "2M",
                    "-b",
                    "x",
                    "-a",
                    "in",
                    "b@y.test",
                ],
            );
            changer.join().unwrap();
            let heard = served.join().unwrap();
            assert!(!heard.is_whole, "{keywords:?} {length}");
            ran.ends_with(66).hides("Sent (");
        }
    }
}

#[test]
fn a_rate_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("in"), lines(300_000)).unwrap();
    for keywords in [&["CHUNKING", "PIPELINING"][..], &[]] {
        let (port, served) = serve(keywords);
        let relay = format!("127.0.0.1:{port}");
        let fixed = [
            "-r",
            &relay,
            "-f",
            "a@x.test",
            "--limit-rate",
            "200K",
            "b@y.test",
        ];
        let ran = ehlo(
            directory.path(),
            &[&fixed[..], &["-b", "x", "-a", "in;name=in.bin"]].concat(),
        );
        ran.ends_with(0);
        assert!(served.join().unwrap().is_whole);
        let took = ran.took.as_secs_f32();
        assert!((1.0..5.0).contains(&took), "{keywords:?}: {took} s");
    }
}
