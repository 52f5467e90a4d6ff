//! Commands that are run: how they end, who hears of it, and what is in the mail.

use crate::message::Message;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use crate::spool::{Queue, closed};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use flate2::read::MultiGzDecoder;
use nix::sys::signal::SigSet;
use rustix::fs::{CWD, FlockOperation, Mode, flock, mkfifoat};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

const TO_BOB: [&str; 4] = ["-f", "alice@crepes.fr", "--to", "bob@hamburger.edu"];

/// The verb, by way of this port, in a queue of the test's own.
fn by(queue: &Queue, port: u16) -> Ehlo {
    let relay = format!("127.0.0.1:{port}");
    let ehlo = queue.ehlo(&["run", "--helo", "me.example", "-r", &relay]);
    ehlo.env("PATH", "/usr/bin:/bin").args(TO_BOB)
}

/// What a job with these arguments mails; it ends with this status and says nothing.
#[track_caller]
fn mails(exit: i32, arguments: &[&str]) -> String {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let run = by(&queue, server.port).args(arguments).run();
    run.exits(exit).is_silent();
    text(&server.finish())
}

/// Nobody hears of it.
#[track_caller]
fn mails_nothing(exit: i32, arguments: &[&str]) {
    let (queue, server) = (Queue::new(), Server::untouched());
    let run = by(&queue, server.port).args(arguments).run();
    run.exits(exit).is_silent();
    server.finish();
}

/// Without its encoding, where lines are long or letters are foreign.
fn text(message: &Message) -> String {
    let stored = String::from_utf8(message.stored()).unwrap();
    stored
        .replace("=\r\n", "")
        .replace("=20\r\n", " \r\n")
        .replace("=3D", "=")
        .replace("\r\n", "\n")
}

#[track_caller]
fn has(mail: &str, all: &[&str]) {
    for words in all {
        let begin: String = mail.chars().take(2000).collect();
        assert!(mail.contains(words), "{words:?} is not in {begin}");
    }
}

fn shell(script: &str) -> [&str; 4] {
    ["--", "sh", "-c", script]
}

#[test]
fn a_failure_is_mailed_with_what_was_written_and_its_status_is_ours() {
    let script = "echo out; echo err >&2; echo end; exit 3";
    let mail = mails(3, &shell(script));
    has(
        &mail,
        &[
            "] FAILED(3): sh after ",
            "To: bob@hamburger.edu\n",
            "List-Id: <sh.ehlo.",
            "Auto-Submitted: auto-generated\n",
            "\nsh failed with status 3 after ",
            "\nCommand:   sh -c 'echo out; echo err >&2; echo end; exit 3'\n",
            "\n\nout\nerr\nend\n",
        ],
    );
    let options = [&["--mark-stderr"], &shell(script)[..]].concat();
    has(&mails(3, &options), &["\nout\n", "\n! err\n"]);
}

#[test]
fn success_is_mailed_only_where_that_is_wanted() {
    mails_nothing(0, &["true"]);
    mails_nothing(0, &["echo", "hi"]);
    mails_nothing(0, &["--when", "output", "true"]);
    has(
        &mails(0, &["--when", "output", "echo", "hi"]),
        &["] OK: echo after ", "\n\nhi\n"],
    );
    has(
        &mails(0, &["--when", "always", "true"]),
        &["\nNo output.\n"],
    );
}

#[test]
fn a_subject_of_ones_own_has_its_places_filled() {
    let script = shell("exit 2");
    let options = [
        "--name",
        "nightly",
        "-s",
        "{name}: {status} {{x}} {command}",
    ];
    let mail = mails(2, &[&options[..], &script].concat());
    has(&mail, &["Subject: nightly: FAILED(2) {x} sh -c 'exit 2'\n"]);
}

#[test]
fn options_that_contradict_each_other_are_refused_before_anything_runs() {
    let queue = Queue::new();
    let mark = queue.home.path().join("ran");
    let run = by(&queue, 25)
        .args(["-p", "26", "touch"])
        .args([&mark])
        .run();
    run.exits(64).complains(1).says(&["--port 26", "--relay"]);
    assert!(!mark.exists());
}

#[test]
fn a_subject_that_cannot_be_filled_is_refused_before_anything_runs() {
    let queue = Queue::new();
    let mark = queue.home.path().join("ran");
    let run = by(&queue, closed())
        .args(["-s", "{hots}", "touch"])
        .args([&mark])
        .run();
    run.exits(64)
        .complains(1)
        .says(&["--subject", "{hots}", "{host}", "{duration}"]);
    assert!(!mark.exists());
}

/// The file of this name in a mail that has no other.
fn attached(mail: &str, name: &str) -> Vec<u8> {
    let part = mail.rsplit_once(&format!("filename={name}\n")).unwrap().1;
    let (_, part) = part.split_once("\n\n").unwrap();
    // Its padding may look like a line that goes on.
    let (part, _) = part.split_once("--").unwrap();
    let part = part.replace(['\n', '='], "");
    BASE64_STANDARD_NO_PAD.decode(part).unwrap()
}

#[test]
fn a_long_log_is_attached_whole_and_the_text_has_its_ends() {
    let mail = mails(1, &shell("seq 1 60000; exit 1"));
    has(
        &mail,
        &[
            "\n\n1\n2\n",
            " omitted; the complete log is attached as seq.log.gz ...\n",
            "\n59999\n60000\n",
            "filename=seq.log.gz\n",
        ],
    );
    let packed = attached(&mail, "seq.log.gz");
    let mut log = String::new();
    MultiGzDecoder::new(&packed[..])
        .read_to_string(&mut log)
        .unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!((lines.len(), lines[29_999]), (60_000, "30000"));
}

const LONG: &str = "seq 1 60000; exit 1";

/// A session in which the message is refused after its end.
fn refuse(talk: &mut Talk, reply: &str) -> Message {
    talk.greet(&[]);
    talk.envelope(&["bob@hamburger.edu"]);
    let message = talk.data();
    talk.say(reply);
    talk.quit();
    talk.end();
    message
}

#[test]
fn a_log_above_the_size_limit_of_the_server_is_left_out_and_the_mail_says_so() {
    for options in [&[][..], &["--no-queue"]] {
        let (queue, server) = (
            Queue::new(),
            Server::with_door(|door| {
                let mut talk = door.open();
                talk.greet(&["SIZE 30000"]);
                talk.quit();
                talk.end();
                let mut talk = door.open();
                let message = talk.take();
                talk.end();
                message
            }),
        );
        let run = by(&queue, server.port)
            .args(options)
            .args(shell(LONG))
            .run();
        run.exits(1).is_silent();
        let mail = text(&server.finish());
        has(
            &mail,
            &[
                "\n\nThis mail was sent without seq.log.gz, because the server refused the complete mail: ",
                "the server's limit of 30000",
                "\nseq failed with status 1 after ",
                " omitted ...\n",
                "\n60000\n",
            ],
        );
        assert!(!mail.contains("is attached"), "{mail}");
        assert!(queue.ids().is_empty());
    }
}

#[test]
fn a_mail_whose_content_is_refused_is_sent_again_without_the_log() {
    for reply in ["552 5.3.4 too big", "554 5.7.1 no archives", "550 virus"] {
        let (queue, server) = (
            Queue::new(),
            Server::with_door(move |door| {
                let whole = refuse(&mut door.open(), reply);
                let mut talk = door.open();
                let rest = talk.take();
                talk.end();
                [whole, rest]
            }),
        );
        let run = by(&queue, server.port).args(shell(LONG)).run();
        run.exits(1).is_silent();
        let [whole, rest] = server.finish();
        has(&text(&whole), &["filename=seq.log.gz\n"]);
        has(
            &text(&rest),
            &["This mail was sent without seq.log.gz, ", reply],
        );
        assert!(!text(&rest).contains("filename="));
    }
}

#[test]
fn a_mail_that_is_refused_in_every_version_is_in_the_dead_letter_as_a_whole() {
    let (queue, server) = (
        Queue::new(),
        Server::with_door(|door| [(); 3].map(|()| refuse(&mut door.open(), "554 no"))),
    );
    let home = queue.home.path();
    let run = by(&queue, server.port)
        .env("HOME", home)
        .args(shell("seq -f %050g 1 60000; exit 1"))
        .run();
    run.exits(1).says(&["554 no", "FAILED(1): seq after "]);
    let [_, _, short] = server.finish();
    let short = text(&short);
    has(&short, &["without seq.log.gz and the rest of the text, "]);
    assert!(short.len() < 4000, "{short}");
    let letter = fs::read_to_string(home.join("dead.letter")).unwrap();
    has(&letter, &["To: bob@hamburger.edu\n"]);
    assert!(letter.contains("filename=seq.log.gz"));
}

#[test]
fn a_refused_recipient_is_not_tried_again_without_the_log() {
    let (queue, server) = (
        Queue::new(),
        Server::start(|talk| {
            talk.greet(&[]);
            talk.refuse_bob("550 5.1.1 no such user");
            talk.quit();
        }),
    );
    let ehlo = by(&queue, server.port).env("HOME", queue.home.path());
    let run = ehlo.args(shell(LONG)).run();
    run.exits(1).says(&["no such user"]);
    server.finish();
}

#[test]
fn what_is_no_text_is_harmless() {
    let script = r"printf 'a\000b\033[31mred\033[0m \377 \033]0;x\007\n 10%%\r 99%%\n'; exit 1";
    let mail = mails(1, &shell(script));
    has(&mail, &["\na\\x00bred \\xff \n", "\n 99%\n"]);
}

#[test]
fn colours_are_in_html_beside_the_text() {
    let script = r"printf '\033[1;31m<b>\033[0m\n'; exit 1";
    let options = [&["--html"], &shell(script)[..]].concat();
    let mail = mails(1, &options);
    has(
        &mail,
        &[
            "multipart/alternative",
            "\n\n<b>\n",
            "bold;\">&lt;b&gt;</span>",
        ],
    );
}

#[test]
fn what_does_not_end_in_time_is_ended() {
    let mail = mails(124, &["--timeout", "100ms", "yes"]);
    let sentence = "\nyes timed out after 100ms and was terminated.\n";
    has(&mail, &["] TIMEOUT: yes after ", sentence]);
}

#[test]
fn a_log_above_its_limit_says_what_is_missing() {
    let options = [&["--log-limit", "1K"], &shell("seq 1 300000; exit 1")[..]].concat();
    let mail = mails(1, &options);
    has(
        &mail,
        &["seq.log.gz is attached, without ", " in the middle ...\n"],
    );
    assert!(attached(&mail, "seq.log.gz").len() <= 1024);
}

#[test]
fn a_signal_is_named_and_gives_the_status_of_a_shell() {
    let mail = mails(139, &shell("kill -SEGV $$"));
    has(
        &mail,
        &[
            "] KILLED(SIGSEGV): sh after ",
            "\nsh was terminated by SIGSEGV after ",
        ],
    );
}

#[test]
fn a_signal_for_us_is_handed_on_and_still_mailed() {
    let mail = mails(143, &shell("echo told; kill -TERM $PPID; exec sleep 9"));
    has(
        &mail,
        &[
            "KILLED(SIGTERM)",
            "was terminated by SIGTERM (forwarded) after ",
            "\n\ntold\n",
        ],
    );
    let handled = "trap 'echo bye; exit 5' USR1; kill -USR1 $PPID; while :; do sleep 0.01; done";
    has(&mails(5, &shell(handled)), &["FAILED(5)", "\nbye\n"]);
}

#[test]
fn what_cannot_be_started_is_a_failure_that_is_mailed() {
    for (program, exit, words) in [
        (
            "no-such-program",
            127,
            "no-such-program was not found in PATH=/usr/bin:/bin",
        ),
        ("/etc/passwd", 126, "/etc/passwd is not executable"),
    ] {
        let (queue, server) = (Queue::new(), Server::start(Talk::take));
        let run = by(&queue, server.port).args([program]).run();
        run.exits(exit).is_silent();
        has(&text(&server.finish()), &["] NOT STARTED: ", words]);
    }
}

#[test]
fn a_lock_that_is_held_says_by_whom() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let path = queue.home.path().join("job.lock");
    let mut lock = File::create(&path).unwrap();
    writeln!(lock, "process 4711 since yesterday").unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let with_lock = |port| by(&queue, port).args([Path::new("--lock"), &path]);
    let run = with_lock(server.port).args(["echo", "hi"]).run();
    run.exits(75).is_silent();
    let words = "is held by process 4711 since yesterday";
    has(&text(&server.finish()), &["] LOCKED: echo\n", words]);
    let unmailed = queue.ehlo(&["run", "--lock"]).args([&path]);
    let run = unmailed.env("MAILTO", "").args(["echo", "hi"]).run();
    run.exits(75).complains(1).says(&[words]);
    let quiet = with_lock(closed())
        .args(["--lock-quiet", "echo", "hi"])
        .run();
    quiet.exits(75).is_silent();
    drop(lock);
    with_lock(closed())
        .args(["true"])
        .run()
        .exits(0)
        .is_silent();
}

#[test]
fn a_job_that_is_not_started_again_and_again_is_mailed_once_and_not_said() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let run = || {
        let ehlo = by(&queue, server.port).env("EHLO_STATE_DIR", queue.home.path().join("state"));
        ehlo.args(["--dedupe", "1h", "no-such-program"]).run()
    };
    for _ in 0..3 {
        run().exits(127).is_silent();
    }
    has(&text(&server.finish()), &["] NOT STARTED: "]);
}

#[test]
fn a_relay_that_hangs_is_left_to_a_run_in_the_background() {
    let queue = Queue::new();
    let server = Server::with_door(|door| {
        let mut slow = door.open();
        slow.say("220 slow");
        slow.expect("EHLO me.example");
        let _ = slow.rest();
        let mut talk = door.open();
        let mail = talk.take();
        talk.end();
        mail
    });
    let run = by(&queue, server.port).args(shell("echo hi; exit 3")).run();
    run.exits(3).is_silent();
    has(&text(&server.finish()), &["] FAILED(3): ", "\n\nhi\n"]);
}

#[test]
fn a_tee_shows_both_streams_and_mails_them() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let ehlo = by(&queue, server.port).args(["--tee"]);
    let run = ehlo
        .args(shell("cat; echo err >&2; exit 1"))
        .input("in\n")
        .run();
    run.exits(1);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("in\n", "err\n")
    );
    has(&text(&server.finish()), &["\nin\n", "\n! err\n"]);
}

#[test]
fn a_tee_to_one_file_keeps_the_order_of_both_streams() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let ehlo = by(&queue, server.port).args(["--tee"]);
    let script = "echo 1; echo 2 >&2; echo 3; echo 4 >&2; exit 1";
    let ehlo = ehlo.args(shell(script)).stderr(writer.try_clone().unwrap());
    ehlo.stdout(writer).run().exits(1);
    let mut shown = String::new();
    reader.read_to_string(&mut shown).unwrap();
    assert_eq!(shown, "1\n2\n3\n4\n");
    has(&text(&server.finish()), &["\n\n1\n2\n3\n4\n"]);
}

#[test]
fn nobody_who_reads_is_no_reason_to_stop() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let relay = format!("127.0.0.1:{}", server.port);
    let ehlo = format!(
        "exec {} run --helo me.example -r {relay} --queue-dir {} {} --tee --when always -- \
         sh -c 'seq 1 50000; echo done' >&- 2>&- <&-",
        env!("CARGO_BIN_EXE_ehlo"),
        queue.dir(),
        TO_BOB.join(" ")
    );
    Ehlo::through("sh")
        .args(["-c", &ehlo])
        .run()
        .exits(0)
        .is_silent();
    has(&text(&server.finish()), &["] OK: seq after ", "\ndone\n"]);
}

#[test]
fn where_no_file_may_grow_the_mail_goes_out_without_a_queue() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let ehlo = format!(
        "ulimit -f 0; exec {} run --helo me.example -r 127.0.0.1:{} --queue-dir {} {} -- \
         sh -c 'seq 1 50000; exit 3'",
        env!("CARGO_BIN_EXE_ehlo"),
        server.port,
        queue.dir(),
        TO_BOB.join(" ")
    );
    Ehlo::through("sh").args(["-c", &ehlo]).run().exits(3);
    has(
        &text(&server.finish()),
        &["] FAILED(3): seq after ", "\n    50000\n\nCommand:"],
    );
}

#[test]
fn a_password_on_the_command_line_is_not_mailed() {
    let mail = mails(1, &["--", "sh", "-c", "exit 1", "x", "--password=hunter2"]);
    has(&mail, &["'--password=********'\n"]);
    assert!(!mail.contains("hunter2"), "{mail}");
    for script in [
        "exit 1; nice mysqldump -phunter2 db",
        "exit 1\nPGPASSWORD=hunter2\npg_dump",
        "exit 1; x --password='a hunter2' y",
        "exit 1; curl -u bob:hunter2 https://bob:hunter2@h/",
    ] {
        let options = ["-s", "{name}: {command}", "sh", "-c", script];
        let mail = mails(1, &options);
        has(&mail, &[": sh -c ", "********"]);
        assert!(!mail.contains("hunter2"), "{mail}");
    }
}

#[test]
fn an_empty_environment_and_nothing_to_write_to_are_enough() {
    let server = Server::start(Talk::take);
    let relay = format!("127.0.0.1:{}", server.port);
    let ehlo = Ehlo::new()
        .args(["run", "--helo", "me.example", "-r", &relay])
        .args(TO_BOB);
    let ehlo = ehlo.without_environment().env("TMPDIR", "/proc/none");
    let ehlo = ehlo.env("EHLO_STATE_DIR", "/proc/none");
    let ehlo = ehlo.args(["--queue-dir", "/proc/none", "--config", "/dev/null"]);
    let ehlo = ehlo.args(["--state-dir", "/proc/none"]);
    ehlo.args(shell("umask 0; echo $HOME; exit 1"))
        .run()
        .exits(1)
        .is_silent();
    has(&text(&server.finish()), &["] FAILED(1): sh after "]);
}

#[test]
fn a_mail_that_fails_does_not_hide_the_status_of_the_command() {
    for (exit, options) in [
        (3, vec!["sh", "-c", "echo hi; exit 3"]),
        (75, vec!["--when", "always", "echo", "hi"]),
        (75, vec!["--exit-zero", "sh", "-c", "echo hi; exit 3"]),
    ] {
        let (queue, home) = (Queue::new(), tempfile::tempdir().unwrap());
        let ehlo = by(&queue, closed())
            .env("HOME", home.path())
            .args(["--no-queue"]);
        let run = ehlo.args(&options).run();
        let letter = home.path().join("dead.letter");
        let place = format!("\" was saved to {}; its text:\n", letter.display());
        let status = if options[0] == "--when" {
            "] OK: echo after "
        } else {
            "] FAILED(3): sh after "
        };
        run.exits(exit).says(&[
            "cannot connect",
            status,
            &place,
            "\nCommand:   ",
            "\n\nhi\n",
        ]);
        let letter = fs::read_to_string(letter).unwrap();
        has(&letter, &["To: bob@hamburger.edu\n", "\n\nhi\n"]);
    }
}

#[test]
fn a_broken_configuration_does_not_keep_the_job_from_running() {
    let (queue, home) = (Queue::new(), tempfile::tempdir().unwrap());
    fs::write(queue.config(), "[queue]\nretry = \"never\"\n").unwrap();
    let ehlo = queue.ehlo(&["run", "--", "sh", "-c", "echo ran; exit 4"]);
    let run = ehlo
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .run();
    run.exits(4)
        .says(&["retry", "] FAILED(4): sh after ", "\n\nran\n"]);
    let letter = fs::read_to_string(home.path().join("dead.letter")).unwrap();
    has(&letter, &["] FAILED(4): sh after ", "\n\nran\n"]);
}

#[test]
fn an_exit_status_can_be_left_out() {
    let mail = mails(0, &[&["--exit-zero"], &shell("exit 9")[..]].concat());
    has(&mail, &["] FAILED(9): sh after "]);
}

#[test]
fn what_a_job_leaves_running_is_told_and_not_waited_for() {
    let mail = mails(1, &shell("sleep 9 & echo gone; exit 1"));
    has(
        &mail,
        &[
            "\nA background process of the job is still running",
            "\n\ngone\n",
        ],
    );
}

#[test]
fn a_background_process_outlives_the_job_and_can_still_write() {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let home = queue.home.path();
    for pipe in ["go", "end"] {
        mkfifoat(CWD, home.join(pipe), Mode::from_raw_mode(0o600)).unwrap();
    }
    // At the second line, the reader of the first has ended if it ends at all.
    let script = "(sh -c 'for line in 1 2; do read x; echo $x; echo err >&2; done' <go; echo $? >end) & exit 1";
    let run = by(&queue, server.port).args(shell(&format!("cd {}; {script}", home.display())));
    run.run().exits(1).is_silent();
    server.finish();
    let mut go = File::options().write(true).open(home.join("go")).unwrap();
    go.write_all(b"one\ntwo\n").unwrap();
    assert_eq!(fs::read_to_string(home.join("end")).unwrap(), "0\n");
}

/// Runs a job with a tee that is not read before the mail has come. The lock is free by then.
#[track_caller]
fn mails_with_an_unread_tee(
    exit: i32,
    ends: (impl Into<OwnedFd>, impl Into<OwnedFd>),
    arguments: &[&str],
) -> String {
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let path = queue.home.path().join("job.lock");
    let (reader, writer): (OwnedFd, OwnedFd) = (ends.0.into(), ends.1.into());
    let ehlo = by(&queue, server.port)
        .args([Path::new("--tee"), Path::new("--lock"), &path])
        .args(arguments)
        .stdout(writer);
    thread::scope(|scope| {
        let run = scope.spawn(|| ehlo.run());
        let mail = text(&server.finish());
        let lock = File::open(path).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        drop(reader);
        run.join().unwrap().exits(exit);
        mail
    })
}

#[test]
fn a_tee_that_is_not_read_keeps_neither_a_timeout_nor_a_signal_from_the_job() {
    let late = ["--timeout", "100ms", "yes"];
    let ends = std::io::pipe().unwrap();
    has(
        &mails_with_an_unread_tee(124, ends, &late),
        &["] TIMEOUT: "],
    );
    let ends = UnixStream::pair().unwrap();
    has(
        &mails_with_an_unread_tee(124, ends, &late),
        &["] TIMEOUT: "],
    );
    let told = shell("head -c 100000 /dev/zero; kill -TERM $PPID; exec yes");
    let ends = std::io::pipe().unwrap();
    let mail = mails_with_an_unread_tee(143, ends, &told);
    has(&mail, &["] KILLED(SIGTERM): "]);
}

#[test]
fn a_tee_shows_all_to_a_reader_that_is_slow() {
    let (queue, server) = (Queue::new(), Server::untouched());
    let (mut reader, writer) = std::io::pipe().unwrap();
    let ehlo = by(&queue, server.port)
        .args(["--tee", "seq", "1", "100000"])
        .stdout(writer);
    thread::scope(|scope| {
        let run = scope.spawn(|| ehlo.run());
        let (mut all, mut piece) = (Vec::new(), [0; 1000]);
        while let count @ 1.. = reader.read(&mut piece).unwrap() {
            all.extend_from_slice(&piece[..count]);
        }
        run.join().unwrap().exits(0).is_silent();
        assert_eq!(memchr::memchr_iter(b'\n', &all).count(), 100_000);
        assert!(all.ends_with(b"\n99999\n100000\n"));
    });
    server.finish();
}

#[test]
fn blocked_and_ignored_signals_that_are_inherited_make_no_difference() {
    let under = |options: &str| {
        let (queue, server) = (Queue::new(), Server::start(Talk::take));
        let ehlo = format!(
            "trap '' CHLD; exec {} run --helo me.example -r 127.0.0.1:{} --queue-dir {} {} {options}",
            env!("CARGO_BIN_EXE_ehlo"),
            server.port,
            queue.dir(),
            TO_BOB.join(" ")
        );
        let ehlo = Ehlo::through("sh").args(["-c", &ehlo]);
        let blocked = thread::spawn(|| {
            SigSet::all().thread_set_mask().unwrap();
            ehlo.run()
        });
        let run = blocked.join().unwrap();
        server.finish();
        run.exit
    };
    assert_eq!(under("sh -c 'exit 3'"), Some(3));
    assert_eq!(under("--timeout 100ms yes"), Some(124));
}

/// A job that has written the process of ehlo into a file, by way of a server that ends that process and then says
/// nothing.
fn interrupted_while_mailing(options: &[&str]) -> (Queue, Run) {
    let queue = Queue::new();
    let path = queue.home.path().join("pid");
    let script = format!("echo $PPID >{}; echo hi; exit 1", path.display());
    let server = Server::start(move |talk| {
        let pid = fs::read_to_string(&path).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        talk.hang();
    });
    let ehlo = by(&queue, server.port).env("HOME", queue.home.path());
    let run = ehlo.args(options).args(shell(&script)).run();
    server.finish();
    (queue, run)
}

#[test]
fn a_signal_ends_the_mailing_and_the_mail_is_not_lost() {
    let (queue, run) = interrupted_while_mailing(&[]);
    assert_eq!(run.exit, None, "{run:#?}");
    run.is_silent();
    assert_eq!(queue.items().len(), 1);
    let (queue, run) = interrupted_while_mailing(&["--no-queue"]);
    assert_eq!(run.exit, None, "{run:#?}");
    run.says(&["dead.letter", "\n\nhi\n"]);
    let letter = fs::read_to_string(queue.home.path().join("dead.letter")).unwrap();
    has(&letter, &["] FAILED(1): ", "\n\nhi\n"]);
}

#[test]
fn a_lock_is_held_while_the_job_goes_on_though_ehlo_was_killed() {
    let queue = Queue::new();
    let path = queue.home.path().join("job.lock");
    for pipe in ["go", "started"] {
        mkfifoat(
            CWD,
            queue.home.path().join(pipe),
            Mode::from_raw_mode(0o600),
        )
        .unwrap();
    }
    let home = queue.home.path().display();
    let with_lock = || by(&queue, closed()).args([Path::new("--lock"), &path]);
    let script =
        format!("exec 3>/dev/null; echo >{home}/started; kill -KILL $PPID; read x <{home}/go");
    let ehlo = with_lock().args(shell(&script));
    thread::scope(|scope| {
        let killed = scope.spawn(|| ehlo.run());
        fs::read_to_string(queue.home.path().join("started")).unwrap();
        assert_eq!(killed.join().unwrap().exit, None);
    });
    let quiet = || with_lock().args(["--lock-quiet", "true"]).run();
    quiet().exits(75);
    let go = File::options()
        .write(true)
        .open(queue.home.path().join("go"));
    drop(go.unwrap());
    with_lock()
        .args(["--lock-wait", "10s", "true"])
        .run()
        .exits(0);
}

#[test]
fn a_background_process_does_not_hold_the_lock() {
    let queue = Queue::new();
    let path = queue.home.path().join("job.lock");
    let with_lock = || by(&queue, closed()).args([Path::new("--lock"), &path]);
    let go = queue.home.path().join("go");
    mkfifoat(CWD, &go, Mode::from_raw_mode(0o600)).unwrap();
    let script = format!("read x <{} >/dev/null 2>&1 &", go.display());
    with_lock().args(shell(&script)).run().exits(0).is_silent();
    with_lock().args(["true"]).run().exits(0).is_silent();
    drop(File::options().write(true).open(go).unwrap());
}
