//! `ehlo sink`, driven by our own sender and by hand: TLS, AUTH, LMTP, what is told and what is kept.

use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

const USERS: (&str, &str) = ("users", "# who\nalice:se:cret\n");
const MESSAGE: &str = "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nFrom me\r\n.\r\n";

/// Sends a short message from alice to bob.
fn send(receiver: &Receiver, arguments: &[&str]) -> Run {
    let ca = receiver.path("ca.pem");
    let trust: &[&str] = match ca.to_str() {
        Some(path) if ca.exists() && !arguments.contains(&"off") => &["--ca-file", path],
        _ => &[],
    };
    let relay = receiver.relay();
    Ehlo::new()
        .args([
            "-r",
            &relay,
            "--helo",
            "me.example",
            "-f",
            "alice@crepes.fr",
        ])
        .args(trust)
        .args(arguments)
        .env("EHLO_PASSWORD", "se:cret")
        .text_to_bob()
        .run()
}

fn tls(arguments: &[&str]) -> Receiver {
    let tls = ["--save-ca", "ca.pem", "--json"];
    Receiver::with_files(&[USERS], &[&tls[..], arguments].concat())
}

#[test]
fn a_sender_that_trusts_the_ca_logs_in_by_every_mechanism() {
    let receiver = tls(&[
        "--tls",
        "starttls",
        "--auth",
        "users",
        "--require-tls",
        "--require-auth",
    ]);
    let mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"];
    for mechanism in mechanisms {
        let how = ["--tls", "starttls", "-u", "alice", "--auth", mechanism];
        send(&receiver, &how)
            .exits(0)
            .shows(&["verified", "235 2.7.0 welcome"]);
    }
    let ended = receiver.stop();
    let logins = ended.events("auth");
    let names: Vec<&str> = logins
        .iter()
        .filter_map(|one| one["mechanism"].as_str())
        .collect();
    assert_eq!(names, mechanisms);
    assert!(
        logins
            .iter()
            .all(|one| one["user"] == "alice" && one["accepted"] == true)
    );
    let messages = ended.events("message");
    assert!(messages.len() == 5 && messages[4]["number"] == 5 && messages[4]["user"] == "alice");
    assert!(!ended.stdout.contains("se:cret") && !ended.stdout.contains("c2U6Y3JldA"));
}

#[test]
fn whoever_has_a_wrong_password_or_no_tls_gets_nowhere() {
    let receiver = tls(&["--tls", "starttls", "--auth", "users", "--require-tls"]);
    send(&receiver, &["--tls", "starttls", "-u", "bob"])
        .exits(77)
        .says(&["535 5.7.8"]);
    send(&receiver, &["--tls", "off"])
        .exits(69)
        .says(&["530 5.7.0 STARTTLS first"]);
    let said = receiver.say("EHLO me\r\nAUTH PLAIN AGEAYg==\r\nQUIT\r\n");
    assert!(
        said.contains("\r\n538 5.7.11 ") && !said.contains("AUTH"),
        "{said}"
    );
}

#[test]
fn implicit_tls_begins_at_once_and_what_is_no_tls_harms_nobody() {
    let receiver = tls(&["--tls", "implicit", "--count", "1"]);
    let said = receiver.say("EHLO me\r\n");
    assert!(!said.contains("220"), "{said}");
    send(&receiver, &["--tls", "implicit"])
        .exits(0)
        .shows(&["verified"]);
    let ended = receiver.finish();
    assert_eq!((ended.exit, ended.events("tls-failed").len()), (Some(0), 1));
    let tls = &ended.events("tls")[0];
    assert_eq!(tls["version"], "TLSv1.3");
}

#[test]
fn commands_in_clear_behind_starttls_are_forgotten() {
    let receiver = tls(&["--tls", "starttls"]);
    let said = receiver.say("EHLO me\r\nSTARTTLS\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n");
    assert!(said.ends_with("220 2.0.0 ready to start TLS\r\n"), "{said}");
}

#[test]
fn a_certificate_of_the_client_is_asked_for_and_shown() {
    let ca = crate::authority::Authority::new();
    let papers = ca.issue(&["client.example"]);
    let (cert, key) = (papers.pem(), papers.key_pem());
    let files = [
        ("clients.pem", &*ca.pem()),
        ("cert", &*cert),
        ("key", &*key),
    ];
    let arguments = ["--tls", "starttls", "--client-ca", "clients.pem", "--json"];
    let receiver = Receiver::with_files(&files, &arguments);
    send(&receiver, &["--tls", "starttls", "-k"]).exits(77);
    let path = |name: &str| receiver.path(name).to_str().unwrap().to_owned();
    let own = ["--cert", &path("cert"), "--key", &path("key")];
    send(
        &receiver,
        &[&["--tls", "starttls", "-k"], &own[..]].concat(),
    )
    .exits(0);
    let ended = receiver.stop();
    assert!(
        ended.events("tls")[0]["client"].is_string(),
        "{}",
        ended.stdout
    );
}

#[test]
fn lmtp_speaks_over_a_private_socket_that_is_gone_at_the_end() {
    let arguments = [
        "--lmtp",
        "--listen",
        "unix:socket",
        "--fault",
        "dot=452 4.2.2 full@2",
    ];
    let receiver = Receiver::start(&arguments);
    let path = receiver.path("socket");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    let text = MESSAGE.replace("DATA", "RCPT TO:<c@x>\r\nDATA");
    write!(stream, "LHLO me\r\n{text}QUIT\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let end = "354 end data with <CRLF>.<CRLF>\r\n250 2.0.0 ok, 9 bytes\r\n452 4.2.2 full\r\n221 2.0.0 bye\r\n";
    assert!(
        said.starts_with("220 localhost LMTP") && said.ends_with(end),
        "{said}"
    );
    let ended = receiver.stop();
    // The caller sees that a signal ended it.
    assert_eq!((ended.exit, path.exists()), (None, false));
}

#[test]
fn what_happens_is_told_line_by_line() {
    let receiver = Receiver::start(&["--json", "--count", "1", "--offer", "DSN", "--maildir", "m"]);
    let message = MESSAGE.replace("<b@x>", "<b@x> NOTIFY=NEVER");
    receiver.say(&format!("EHLO me\r\n\u{1b}[31m\u{e9}\r\n{message}QUIT\r\n"));
    let ended = receiver.finish();
    let names: Vec<String> = ended.stdout.lines().map(name).collect();
    let pair = ["command", "reply"];
    let expected: Vec<&str> = [
        &["connected", "reply"][..],
        &pair.repeat(5),
        &["message", "reply"],
        &pair,
        &["closed"],
    ]
    .concat();
    assert_eq!(names, expected);
    let commands = ended.events("command");
    assert_eq!(commands[1]["line"], "\\u{1b}[31m\u{e9}");
    let message = &ended.events("message")[0];
    assert_eq!(message["from"], "a@x");
    assert_eq!(message["recipients"][0]["parameters"][0], "NOTIFY=NEVER");
    let path = message["path"].as_str().unwrap();
    assert!(path.starts_with("m/new/"), "{path}");
    assert_eq!(ended.events("closed")[0]["reason"], "quit");
}

fn name(line: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(line).expect("no JSON");
    assert!(
        event["elapsed_ms"].is_number() && event["connection"] == 1,
        "{line}"
    );
    event["event"].as_str().unwrap().to_owned()
}

#[test]
fn an_mbox_has_all_messages_one_behind_the_other() {
    let receiver = Receiver::start(&["--mbox", "box", "--count", "2"]);
    let mbox = receiver.path("box");
    receiver.say(&format!("EHLO me\r\n{MESSAGE}{MESSAGE}"));
    let text = fs::read_to_string(&mbox).unwrap();
    let message = "Return-Path: <a@x>\nDelivered-To: b@x\n>From me\n\n";
    assert_eq!(text.matches(message).count(), 2, "{text}");
    assert_eq!(text.matches("From a@x ").count(), 2);
    assert_eq!(receiver.finish().exit, Some(0));
}

#[test]
fn a_maildir_that_cannot_be_written_is_refused_for_now_and_said() {
    let receiver = Receiver::start(&["--maildir", "m", "--json"]);
    fs::remove_dir(receiver.path("m/tmp")).unwrap();
    let said = receiver.say(&format!(
        "EHLO me\r\n{}QUIT\r\n",
        &MESSAGE[..MESSAGE.len() - 12]
    ));
    assert!(
        said.contains("\r\n451 4.3.0 cannot store the message\r\n221"),
        "{said}"
    );
    let ended = receiver.stop();
    assert!(
        ended.stderr.contains("ehlo: cannot store a message: "),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.events("trouble").len(), 1);
}

#[test]
fn extensions_come_and_go_as_they_are_told() {
    let arguments = [
        "--offer",
        "X-NEW a b,LIMITS RCPTMAX=1,SIZE=99",
        "--no-offer",
        "CHUNKING,VRFY",
    ];
    let receiver = Receiver::start(&arguments);
    let said = receiver.say("EHLO me\r\nVRFY b\r\nMAIL FROM:<> SIZE=100\r\nMAIL FROM:<>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\n");
    let end = "250-PIPELINING\r\n250-SIZE 99\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n\
               250-X-NEW a b\r\n250 LIMITS RCPTMAX=1\r\n502 5.5.1 command not implemented\r\n\
               552 5.3.4 message too large\r\n250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n\
               452 4.5.3 too many recipients\r\n";
    assert!(said.ends_with(end), "{said}");
}

#[test]
fn it_leaves_when_its_time_is_over() {
    let receiver = Receiver::start(&["--time-limit", "20ms"]);
    assert_eq!(receiver.finish().exit, Some(0));
}

#[test]
fn fewer_messages_than_were_expected_are_a_failure() {
    let receiver = Receiver::start(&["--count", "2", "--time-limit", "300ms"]);
    let ended = receiver.finish();
    assert_eq!(ended.exit, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("ehlo: received 0 of 2 messages"),
        "{}",
        ended.stderr
    );

    let receiver = Receiver::start(&["--count", "1", "--time-limit", "1m"]);
    receiver.say("EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b>\r\nDATA\r\n.\r\nQUIT\r\n");
    let ended = receiver.finish();
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
}

#[test]
fn a_users_file_that_others_can_read_is_refused() {
    let ehlo = Ehlo::new();
    let users = ehlo.file("users", "alice:secret\n");
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    let arguments = [
        "sink",
        "--listen",
        "127.0.0.1:0",
        "--auth-in-clear",
        "--auth",
        "users",
    ];
    ehlo.args(arguments)
        .run()
        .exits(77)
        .complains(1)
        .says(&["chmod 600 users"]);
}
