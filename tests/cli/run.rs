//! Commands that are run: how they end, who hears of it, and what is in the mail.

use crate::message::Message;
use crate::program::Ehlo;
use crate::server::{Server, Talk};
use crate::spool::{Queue, closed};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use flate2::read::MultiGzDecoder;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

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
    let mail = mails(3, &shell("echo out; echo err >&2; exit 3"));
    has(
        &mail,
        &[
            "] FAILED(3): sh after ",
            "To: bob@hamburger.edu\n",
            "List-Id: <sh.ehlo.",
            "Auto-Submitted: auto-generated\n",
            "\nsh failed with status 3 after ",
            "\nCommand:   sh -c 'echo out; echo err >&2; exit 3'\n",
            "\nout\n",
            "\n! err\n",
        ],
    );
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
        &["\nIt wrote nothing.\n"],
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

#[test]
fn a_long_log_is_attached_whole_and_the_text_has_its_ends() {
    let mail = mails(1, &shell("seq 1 60000; exit 1"));
    has(
        &mail,
        &[
            "\n\n1\n2\n",
            " left out; the whole log is attached as seq.log.gz ...\n",
            "\n59999\n60000\n",
            "filename=seq.log.gz\n",
        ],
    );
    let part = mail.rsplit_once("filename=seq.log.gz\n").unwrap().1;
    let (_, part) = part.split_once("\n\n").unwrap();
    // Its padding may look like a line that goes on.
    let (part, _) = part.split_once("--").unwrap();
    let part = part.replace(['\n', '='], "");
    let packed = BASE64_STANDARD_NO_PAD.decode(part).unwrap();
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
                "\n\nThis mail is without seq.log.gz. The server refused the whole mail: ",
                "the server's limit is 30000",
                "\nseq failed with status 1 after ",
                " left out ...\n",
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
        has(&text(&rest), &["This mail is without seq.log.gz. ", reply]);
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
    has(&short, &["without seq.log.gz and the rest of the text. "]);
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
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            talk.say("250 ok");
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            talk.say("550 5.1.1 no such user");
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
    let sentence = "\nyes took longer than 100ms and was told to end.\n";
    has(&mail, &["] TIMEOUT: yes after ", sentence]);
}

#[test]
fn a_log_above_its_limit_says_what_is_missing() {
    let options = [&["--log-limit", "1K"], &shell("seq 1 300000; exit 1")[..]].concat();
    let mail = mails(1, &options);
    has(
        &mail,
        &[
            "seq.log.gz is attached, and ",
            " of the middle are missing there, too ...\n",
        ],
    );
}

#[test]
fn a_signal_is_named_and_gives_the_status_of_a_shell() {
    let mail = mails(139, &shell("kill -SEGV $$"));
    has(
        &mail,
        &[
            "] KILLED(SIGSEGV): sh after ",
            "\nsh was ended by SIGSEGV after ",
        ],
    );
}

#[test]
fn a_signal_for_us_is_handed_on_and_still_mailed() {
    let mail = mails(143, &shell("echo told; kill -TERM $PPID; exec sleep 9"));
    has(
        &mail,
        &["KILLED(SIGTERM)", "which was handed on to it", "\n\ntold\n"],
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
            "there is no no-such-program in PATH=/usr/bin:/bin",
        ),
        ("/etc/passwd", 126, "/etc/passwd may not be executed"),
    ] {
        let (queue, server) = (Queue::new(), Server::start(Talk::take));
        let run = by(&queue, server.port).args([program]).run();
        run.exits(exit).complains(1).says(&[words]);
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
    run.exits(75)
        .complains(1)
        .says(&["is held by process 4711 since yesterday"]);
    has(
        &text(&server.finish()),
        &["] LOCKED: echo\n", "process 4711"],
    );
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
        let place = format!("\" is in {}; it says:\n", letter.display());
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
        &["\nSomething that it has started goes on", "\n\ngone\n"],
    );
}
