//! The mail log: the lines of Postfix in a file, for each command that delivers.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use crate::spool::{Queue, closed};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

/// The service and the text of each line, without the identifier. Fails unless every line has the form of syslog.
#[track_caller]
fn lines(log: &str) -> Vec<String> {
    assert!(log.ends_with('\n'), "{log}");
    log.lines().map(|line| text(line).1).collect()
}

/// The identifier of a line, and the service with the text.
#[track_caller]
fn text(line: &str) -> (String, String) {
    let (time, rest) = line.split_at("Nov 30 22:40:01 ".len());
    assert!(time.as_bytes()[9] == b':' && time.ends_with(' '), "{line}");
    let (_, rest) = rest.split_once(" ehlo/").unwrap();
    let (tag, rest) = rest.split_once("]: ").unwrap();
    let (service, pid) = tag.split_once('[').unwrap();
    assert!(pid.parse::<u32>().is_ok(), "{line}");
    let (id, text) = rest.split_once(": ").unwrap();
    let is_id = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    assert!(id.bytes().all(is_id), "{line}");
    (id.to_owned(), format!("{service} {text}"))
}

/// The text without its delays.
fn without_delays(text: &str) -> String {
    let (head, rest) = text.split_once(" delay=").unwrap();
    let (delays, tail) = rest.split_once(" dsn=").unwrap();
    assert_eq!(delays.matches('/').count(), 3, "{text}");
    format!("{head} dsn={tail}")
}

/// A queue whose configuration has a log, and the path of the log.
fn logged() -> (Queue, String) {
    let queue = Queue::new();
    let path = queue.home.path().join("mail.log").display().to_string();
    let config = fs::OpenOptions::new().append(true).open(queue.config());
    writeln!(config.unwrap(), "[log]\nfile = \"{path}\"").unwrap();
    (queue, path)
}

/// Refuses carol, and accepts a message to bob.
fn refuse_carol(talk: &mut Talk) {
    talk.greet(&[]);
    talk.envelope(&["bob@hamburger.edu"]);
    talk.expect("RCPT TO:<carol@hamburger.edu>");
    talk.say("550 5.1.1 no such user");
    talk.data();
    talk.say("250 2.0.0 queued as 4F2");
    talk.quit();
}

fn send(ehlo: Ehlo, port: u16) -> Run {
    let relay = format!("127.0.0.1:{port}");
    ehlo.args([
        "-q",
        "--helo",
        "me.example",
        "-r",
        &relay,
        "-f",
        "alice@crepes.fr",
    ])
    .args(["-s", "a private subject", "-b", "hi", "bob@hamburger.edu"])
    .run()
}

#[test]
fn each_recipient_of_a_message_has_a_line() {
    let server = Server::start(refuse_carol);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("mail.log");
    let ehlo = Ehlo::new().args(["--log", path.to_str().unwrap()]);
    send(
        ehlo.args(["carol@hamburger.edu"].map(|carol| format!("--cc={carol}"))),
        server.port,
    )
    .exits(79);
    let relay = format!("relay=127.0.0.1[127.0.0.1]:{}", server.port);
    server.finish();
    let log = fs::read_to_string(&path).unwrap();
    let lines = lines(&log);
    assert!(lines[0].starts_with("pickup uid="), "{log}");
    assert!(lines[0].ends_with(" from=<alice@crepes.fr>"), "{log}");
    assert!(
        lines[1].starts_with("qmgr from=<alice@crepes.fr>, size=")
            && lines[1].ends_with(", nrcpt=2 (queue active)"),
        "{log}"
    );
    assert_eq!(
        without_delays(&lines[2]),
        format!(
            "smtp to=<bob@hamburger.edu>, {relay}, dsn=2.0.0, status=sent (250 2.0.0 queued as 4F2)"
        )
    );
    assert_eq!(
        without_delays(&lines[3]),
        format!(
            "smtp to=<carol@hamburger.edu>, {relay}, dsn=5.1.1, status=bounced (host \
             127.0.0.1[127.0.0.1] said: 550 5.1.1 no such user (in reply to RCPT TO command))"
        )
    );
    assert_eq!(lines[4], "qmgr removed");
    assert_eq!(lines.len(), 5, "{log}");
    assert!(!log.contains("private"), "{log}");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_log_that_cannot_be_written_is_one_warning() {
    for path in ["/nonexistent/log", "/dev/full"] {
        let server = Server::start(Talk::take);
        let run = send(Ehlo::new().args(["--log", path]), server.port);
        run.exits(0)
            .complains(1)
            .says(&["warning: cannot write the mail log to", path]);
        server.finish();
    }
}

#[test]
fn attempts_of_the_queue_have_the_name_of_the_item() {
    let (queue, path) = logged();
    let id = queue.keep(closed());
    queue.verb(&["run"]).exits(0);
    queue.verb(&["run", "--now"]).exits(0);
    let log = fs::read_to_string(path).unwrap();
    for line in log.lines() {
        assert_eq!(text(line).0, id.to_ascii_uppercase());
    }
    let lines = lines(&log);
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!(count("pickup uid="), 1, "{log}");
    assert_eq!(count("(queue active)"), 2, "{log}");
    assert_eq!(
        count("dsn=4.4.1, status=deferred (cannot connect to"),
        2,
        "{log}"
    );
    assert_eq!(count("removed"), 0, "{log}");
}

#[test]
fn option_of_a_queue_run_wins_over_the_configuration() {
    let (queue, path) = logged();
    let server = Server::start(Talk::take);
    queue.keep(server.port);
    let other = queue.home.path().join("other.log");
    queue
        .verb(&["run", "--log", other.to_str().unwrap()])
        .exits(0);
    server.finish();
    let log = fs::read_to_string(other).unwrap();
    let ends = [" (queue active)", "status=sent (250 taken)", "qmgr removed"];
    let lines = lines(&log);
    assert_eq!(lines.len(), ends.len(), "{log}");
    for (line, end) in lines.iter().zip(ends) {
        assert!(line.ends_with(end), "{log}");
    }
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 1);
}

#[test]
fn a_report_to_the_sender_is_logged_as_another_message() {
    let (queue, path) = logged();
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("550 5.7.1 not you");
        talk.quit();
    });
    let id = queue.keep(server.port).to_ascii_uppercase();
    queue.verb(&["run", &id]).exits(0);
    server.finish();
    let log = fs::read_to_string(path).unwrap();
    let report = queue.ids()[0].to_ascii_uppercase();
    let notice = format!("bounce sender non-delivery notification: {report}");
    assert!(lines(&log).contains(&notice), "{log}");
    assert!(log.contains(&format!("{id}: removed")), "{log}");
}

#[test]
fn sendmail_notify_and_run_use_the_log_of_the_configuration() {
    let commands: [&[&str]; 3] = [
        &[
            "sendmail",
            "-odi",
            "-f",
            "alice@crepes.fr",
            "bob@hamburger.edu",
        ],
        &[
            "notify",
            "-f",
            "alice@crepes.fr",
            "--to",
            "bob@hamburger.edu",
            "hi",
        ],
        &[
            "run",
            "--when",
            "always",
            "-f",
            "alice@crepes.fr",
            "--to",
            "bob@hamburger.edu",
            "--",
            "echo",
            "hi",
        ],
    ];
    for command in commands {
        let (queue, path) = logged();
        let server = Server::start(Talk::take);
        let config = fs::OpenOptions::new().append(true).open(queue.config());
        let profile = format!(
            "[sendmail]\nprofile = \"x\"\n[profile.x]\nrelay = \"127.0.0.1:{}\"\nhelo = \
             \"me.example\"",
            server.port
        );
        writeln!(config.unwrap(), "{profile}").unwrap();
        let mut arguments = command.to_vec();
        if command[0] != "sendmail" {
            arguments.splice(1..1, ["--profile", "x"]);
        }
        let ehlo = queue.ehlo(&arguments).input("Subject: hi\n\nhi\n");
        ehlo.run().exits(0);
        server.finish();
        let log = fs::read_to_string(path).unwrap();
        let sent = lines(&log);
        let sent = sent.iter().filter(|line| line.contains("status=sent"));
        assert_eq!(sent.count(), 1, "{command:?}: {log}");
    }
}

#[test]
fn lines_of_many_processes_stay_whole() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("mail.log");
    let port = closed();
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let ehlo = Ehlo::new().args(["--log", path.to_str().unwrap()]);
                send(ehlo, port).exits(75);
            });
        }
    });
    let log = fs::read_to_string(&path).unwrap();
    assert_eq!(lines(&log).len(), 12 * 4, "{log}");
}

#[test]
fn a_value_of_the_wrong_type_is_an_error() {
    let queue = Queue::new();
    let config = fs::OpenOptions::new().append(true).open(queue.config());
    writeln!(config.unwrap(), "[log]\nsyslog = \"yes\"").unwrap();
    let run = queue.ehlo(&["config", "check"]).run();
    run.exits(78).says(&["syslog", "true or false"]);
}

#[test]
fn a_message_whose_password_cannot_be_read_is_logged() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("mail.log").display().to_string();
    let run = Ehlo::new()
        .args([
            "-q",
            "-f",
            "alice@crepes.fr",
            "-b",
            "hi",
            "-r",
            "127.0.0.1:1",
        ])
        .args(["-u", "alice", "--password-command", "exit 4", "--log", &log])
        .args(["bob@hamburger.edu"])
        .run();
    assert_ne!(run.exit, Some(0), "{run:#?}");
    let lines = lines(&fs::read_to_string(&log).unwrap());
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[0].starts_with("pickup uid="), "{lines:#?}");
    let result = without_delays(&lines[2]);
    let start = "smtp to=<bob@hamburger.edu>, relay=none, dsn=4.4.3, status=deferred (";
    assert!(result.starts_with(start), "{result}");
    assert!(result.contains("--password-command"), "{result}");
}

#[test]
fn items_that_are_removed_or_set_aside_are_logged() {
    let (queue, log) = logged();
    let (first, second) = (queue.keep(closed()), queue.keep(closed()));
    queue.verb(&["remove", &first]).exits(0);
    let written = fs::read_to_string(&log).unwrap();
    let (id, removed) = text(written.lines().last().unwrap());
    assert_eq!(id.to_ascii_lowercase(), first);
    assert_eq!(removed, "postsuper removed");
    let item = Path::new(&queue.dir()).join("items").join(&second);
    fs::write(item, "not a message").unwrap();
    queue.verb(&["run", "--now"]);
    let written = fs::read_to_string(&log).unwrap();
    let (id, failed) = text(written.lines().last().unwrap());
    assert_eq!(id.to_ascii_lowercase(), second);
    assert!(failed.starts_with("qmgr set aside: "), "{failed}");
}
