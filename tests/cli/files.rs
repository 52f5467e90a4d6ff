//! Files of all kinds, and files that change while they are sent.

use crate::message::Message;
use crate::program::{Ehlo, MEMORY_KIB, Run};
use crate::server::{Server, Stage, Talk};
use mail_parser::MessageParser;
use rustix::fs::{CWD, Mode, mkfifoat};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;

/// How the same file is given as body, attachment and ready message.
const USES: [[&str; 2]; 3] = [["-b", "@f"], ["-a", "f"], ["--message", "f"]];

/// The file `f`, which `make` makes, cannot be read: 66, and nobody is connected to.
#[track_caller]
fn cannot_be_read(make: impl Fn(&Path), words: &str) {
    for arguments in USES {
        let server = Server::untouched();
        let ehlo = Ehlo::to(&server)
            .args(arguments)
            .args(["bob@hamburger.edu"]);
        make(&ehlo.path("f"));
        let run = ehlo.run();
        server.finish();
        run.exits(66).complains(1).says(&["cannot read f", words]);
        assert!(run.peak_kib < MEMORY_KIB, "{run:#?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    cannot_be_read(|_| (), "No such file");
}

#[test]
fn what_the_system_says_of_a_file_is_words_without_a_number() {
    for arguments in [
        &["-b", "@no"][..],
        &["-a", "no"],
        &["--inline", "no", "--html", "x"],
        &["--attach-message", "no"],
        &["--calendar", "no"],
        &["--message", "no"],
        &["--password-file", "no", "-u", "alice"],
        &["--ca-file", "no"],
        &["--cert", "no", "--key", "no"],
        &["--save-certs", "no/no"],
        &["--config", "no"],
        &["--queue-only", "--queue-dir", "/proc/no"],
    ] {
        let server = Server::untouched();
        let run = Ehlo::to(&server)
            .args(arguments)
            .args(["bob@hamburger.edu"])
            .run();
        server.finish();
        run.complains(1).says(&["No such file or directory"]);
        assert!(!run.stderr.contains("os error"), "{run:#?}");
    }
    for verb in [
        &["script", "no.ehlo", "-r", "127.0.0.1:9"][..],
        &["sink", "--maildir", "/proc/no"],
        &["digest", "--state-dir", "/proc/no", "daily"],
        &["run", "--lock", "/proc/no", "--", "true"],
    ] {
        let run = Ehlo::new().args(verb).run();
        assert!(!run.stderr.contains("os error"), "{run:#?}");
    }
}

#[test]
fn a_directory_is_no_file() {
    cannot_be_read(|path| std::fs::create_dir(path).unwrap(), "directory");
}

#[test]
fn a_device_without_end_is_no_file() {
    cannot_be_read(|path| symlink("/dev/zero", path).unwrap(), "without an end");
}

#[test]
fn a_chain_of_links_without_end_is_no_file() {
    cannot_be_read(|path| symlink("f", path).unwrap(), "symbolic links");
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let probe = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(probe.path(), PermissionsExt::from_mode(0o000)).unwrap();
    if File::open(probe.path()).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let forbid = |path: &Path| {
        std::fs::write(path, "x").unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
    };
    cannot_be_read(forbid, "Permission denied");
}

#[test]
fn stdin_without_end_is_refused_before_it_fills_the_disk() {
    // The shell's limit on file sizes is a net for this test: 256 MiB.
    let server = Server::untouched();
    let script = format!(
        "ulimit -f 524288; exec {} -r 127.0.0.1:{} -b - bob@hamburger.edu",
        env!("CARGO_BIN_EXE_ehlo"),
        server.port
    );
    let run = Ehlo::through("/bin/sh")
        .args(["-c", &script])
        .stdin(File::open("/dev/zero").unwrap())
        .run();
    server.finish();
    run.exits(66).complains(1).says(&["standard input"]);
    assert!(run.peak_kib < MEMORY_KIB, "{run:#?}");
}

/// Writes to a FIFO as soon as somebody reads it.
fn feed(path: PathBuf, content: Vec<u8>) {
    mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)).unwrap();
    thread::spawn(move || {
        let mut fifo = OpenOptions::new().write(true).open(path).unwrap();
        let _ = fifo.write_all(&content);
    });
}

#[test]
fn a_fifo_can_be_the_body() {
    let server = Server::start(|talk| talk.take());
    let ehlo = Ehlo::to(&server).args(["-q", "-b", "@fifo", "bob@hamburger.edu"]);
    feed(ehlo.path("fifo"), b"from\na fifo".to_vec());
    let run = ehlo.run();
    assert_eq!(server.finish().body(), "from\r\na fifo\r\n");
    run.exits(0).is_silent();
}

#[test]
fn a_fifo_can_be_an_attachment() {
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let server = Server::start(|talk| talk.take());
    let ehlo = Ehlo::to(&server).args(["-q", "-a", "fifo;name=numbers.bin"]);
    feed(ehlo.path("fifo"), content.clone());
    let run = ehlo.text_to_bob().run();
    let wire = server.finish().text();
    run.exits(0).is_silent();
    let parsed = MessageParser::default().parse(&wire).unwrap();
    assert!(parsed.attachment(0).unwrap().contents() == content);
}

#[test]
fn a_fifo_can_be_a_ready_message() {
    let server = Server::start(|talk| talk.take());
    let ehlo = Ehlo::to(&server).args(["-q", "--message", "fifo"]);
    feed(
        ehlo.path("fifo"),
        b"From: alice@crepes.fr\nTo: bob@hamburger.edu\n\nhi\n".to_vec(),
    );
    let run = ehlo.run();
    assert_eq!(server.finish().body(), "hi\r\n");
    run.exits(0).is_silent();
}

/// Delivers with these arguments and this on stdin.
#[track_caller]
fn delivered(arguments: &[&str], input: Vec<u8>) -> (Run, Message) {
    let server = Server::start(|talk| talk.take());
    let run = Ehlo::to(&server)
        .args(["-q", "bob@hamburger.edu"])
        .args(arguments)
        .input(input)
        .run();
    let message = server.finish();
    run.exits(0).is_silent();
    assert!(run.peak_kib < MEMORY_KIB, "{} KiB", run.peak_kib);
    (run, message)
}

#[test]
fn long_lines_of_a_text_are_encoded_and_arrive_as_they_were() {
    // RFC 5321 §4.5.3.1.6: Message::stored panics at a line over 998 octets.
    for length in [998, 999, 1000, 5000, 200_000] {
        let text = format!("{}\nshort\n", "x".repeat(length));
        let (_, message) = delivered(&["-b", "-"], text.clone().into_bytes());
        let wire = message.text();
        let parsed = MessageParser::default().parse(&wire).unwrap();
        assert!(
            parsed.body_text(0).unwrap().replace("\r\n", "\n") == text,
            "{length}"
        );
    }
}

#[test]
fn a_nul_in_a_text_is_encoded_and_arrives() {
    let (_, message) = delivered(&["-b", "-"], b"a\0b\n".to_vec());
    let wire = message.text();
    assert!(!wire.contains('\0'));
    let parsed = MessageParser::default().parse(&wire).unwrap();
    assert!(parsed.body_text(0).unwrap().starts_with("a\0b"));
}

#[test]
fn what_a_ready_message_cannot_hold_is_wrong_data() {
    for (what, header) in [
        ("NUL", "Subject: a\0b\n"),
        ("header", "this is no header\n"),
    ] {
        let server = Server::untouched();
        let run = Ehlo::to(&server)
            .args(["--message", "-", "bob@hamburger.edu"])
            .input(format!("{header}\nhi\n"))
            .run();
        server.finish();
        run.exits(65).complains(1).says(&[what]);
    }
}

#[test]
fn a_header_of_five_megabytes_is_passed_on() {
    let mut whole = "From: alice@crepes.fr\n".to_owned();
    for n in 0..50_000 {
        whole.push_str(&format!("X-Line-{n}: {}\n", "x".repeat(90)));
    }
    whole.push_str("\nhi\n");
    let server = Server::start(|talk| talk.take());
    let run = Ehlo::to(&server)
        .args(["-q", "--message", "-", "bob@hamburger.edu"])
        .input(whole.clone())
        .run();
    let wire = server.finish().text();
    run.exits(0).is_silent();
    let fields = wire.matches("\r\nX-Line-").count();
    assert_eq!((fields, wire.len() > whole.len()), (50_000, true));
    assert!(run.peak_kib < MEMORY_KIB, "{} KiB", run.peak_kib);
}

#[test]
fn much_on_stdin_needs_little_memory() {
    let line = b"a line of sixty-four octets, which is neither short nor long...\n";
    let text = line.repeat(400_000);
    let (_, message) = delivered(&["-b", "-"], text);
    assert_eq!(message.body().len(), 400_000 * (line.len() + 1));
}

#[test]
fn a_large_attachment_needs_little_memory() {
    let server = Server::start(|talk| talk.take());
    let ehlo = Ehlo::to(&server).args(["-q", "-a", "big"]);
    let big = File::create(ehlo.path("big")).unwrap();
    big.set_len(48 * 1024 * 1024).unwrap();
    let run = ehlo.text_to_bob().run();
    let size = server.finish().stored().len();
    run.exits(0).is_silent();
    assert!(size > 64 * 1024 * 1024, "{size}");
    assert!(
        run.peak_kib > 0 && run.peak_kib < MEMORY_KIB,
        "{} KiB",
        run.peak_kib
    );
}

type Change = fn(&Path);

/// What may happen to a file behind our back.
const CHANGES: [(&str, Change); 4] = [
    ("shrinks", |path| length(path, 1_000_000)),
    ("is emptied", |path| length(path, 0)),
    ("grows", |path| length(path, 17_000_000)),
    ("is written to", |path| {
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all(b"other").unwrap();
    }),
];

fn length(path: &Path, length: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

/// Sends a file of 16 MB that changes when the server says so: 66, and no final dot on the wire.
#[track_caller]
fn is_broken_off(use_it: [&str; 2], script: fn(&mut Talk, &dyn Fn())) {
    for (how, change) in CHANGES {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("f");
        let line = "one of very many lines\n".repeat(16_000_000 / 23);
        std::fs::write(&path, format!("From: alice@crepes.fr\n\n{line}")).unwrap();
        let argument = use_it[1].replace('f', path.to_str().unwrap());
        let server = Server::start(move |talk| {
            script(talk, &|| change(&path));
            let rest = talk.rest();
            assert!(
                !rest.ends_with(b"\r\n.\r\n"),
                "the final dot, though the file {how}"
            );
        });
        let run = Ehlo::to(&server)
            .args(["--json", "bob@hamburger.edu", use_it[0], &argument])
            .run();
        server.finish();
        run.exits(66)
            .complains(1)
            .says(&["while it was being sent"]);
        assert!(run.peak_kib < MEMORY_KIB, "{run:#?}");
        assert_ne!(run.verdicts()[0], "accepted");
    }
}

#[test]
fn a_file_that_changes_before_its_first_octet_is_sent_is_not_sent() {
    for use_it in USES {
        is_broken_off(use_it, |talk, change| {
            talk.go_to(Stage::Data);
            change();
            talk.say("354 go on");
        });
    }
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_not_sent_to_its_end() {
    for use_it in USES {
        is_broken_off(use_it, |talk, change| {
            talk.go_to(Stage::Data);
            talk.say("354 go on");
            talk.swallow(2_000_000);
            change();
        });
    }
}
