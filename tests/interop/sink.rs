//! `ehlo sink` as other people's senders take it: TLS with the CA that it has saved, AUTH, LMTP, PROXY, and
//! what goes wrong on purpose.

use crate::parts::has;
use crate::postfix::free_port;
use crate::receiver::{Ended, Receiver};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

const USERS: (&str, &str) = ("users", "alice:secret\n");
const LETTER: &str = "Subject: hi\r\n\r\nhi\r\n";

/// A sender of others: its program, and how it sends a letter from a@x to b@y. `PORT` and `CA` stand for
/// the sink's.
struct Sender {
    program: &'static str,
    plain: &'static [&'static str],
    /// What makes it use TLS and log in as alice.
    secure: &'static [&'static str],
    /// Its exit status for a recipient that is refused.
    refused: i32,
}

const SENDERS: [Sender; 3] = [
    Sender {
        program: "/usr/bin/swaks",
        plain: &["-s", "localhost", "-p", "PORT", "-f", "a@x", "-t", "b@y"],
        secure: &[
            "-tls",
            "--tls-verify",
            "--tls-ca-path",
            "CA",
            "-a",
            "-au",
            "alice",
            "-ap",
            "secret",
        ],
        refused: 24,
    },
    Sender {
        program: "/usr/bin/curl",
        plain: &[
            "-sS",
            "smtp://localhost:PORT",
            "--mail-from",
            "a@x",
            "--mail-rcpt",
            "b@y",
            "-T",
            "-",
        ],
        secure: &["--ssl-reqd", "--cacert", "CA", "-u", "alice:secret"],
        refused: 55,
    },
    Sender {
        program: "/usr/bin/msmtp",
        plain: &["--host=localhost", "--port=PORT", "--from=a@x", "b@y"],
        secure: &[
            "--tls=on",
            "--tls-trust-file=CA",
            "--auth=scram-sha-256",
            "--user=alice",
            "--passwordeval=echo secret",
        ],
        refused: 65,
    },
];

/// Runs a program with a letter on its standard input.
fn run(receiver: &Receiver, program: &str, arguments: &[&str]) -> Output {
    let relay = receiver.relay();
    let (_, port) = relay.rsplit_once(':').unwrap();
    let ca = receiver.path("ca.pem");
    let filled = arguments.iter().map(|word| {
        let word = word.replace("PORT", port);
        word.replace("CA", ca.to_str().unwrap())
    });
    let mut child = Command::new(program)
        .args(filled)
        .env("HOME", receiver.path(""))
        .current_dir(receiver.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that does not want it may have gone.
    let _ = child.stdin.take().unwrap().write_all(LETTER.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32, who: &str) {
    assert_eq!(output.status.code(), Some(code), "{who}: {output:?}");
}

fn messages(ended: &Ended) -> usize {
    ended.events("message").len()
}

#[test]
fn senders_verify_the_certificate_and_log_in() {
    for sender in SENDERS.iter().filter(|sender| has(sender.program)) {
        let tls = ["--tls", "starttls", "--require-tls", "--save-ca", "ca.pem"];
        let auth = ["--auth", "users", "--require-auth", "--json"];
        let receiver = Receiver::with_files(&[USERS], &[&tls[..], &auth].concat());
        let plain = run(&receiver, sender.program, sender.plain);
        assert_ne!(plain.status.code(), Some(0), "{}", sender.program);
        let secure = [sender.secure, sender.plain].concat();
        exits(&run(&receiver, sender.program, &secure), 0, sender.program);
        let ended = receiver.stop();
        assert_eq!(messages(&ended), 1, "{}", sender.program);
        assert_eq!(ended.events("auth")[0]["user"], "alice");
    }
}

#[test]
fn senders_see_who_is_refused_and_who_is_not() {
    for sender in SENDERS.iter().filter(|sender| has(sender.program)) {
        let faults = [
            "--fault",
            "rcpt=550 5.1.1 no@1",
            "--fault",
            "dot=451 4.3.0 later@1",
        ];
        let receiver = Receiver::start(&[&faults[..], &["--json"]].concat());
        let send = || run(&receiver, sender.program, sender.plain);
        exits(&send(), sender.refused, sender.program);
        assert_ne!(send().status.code(), Some(0), "{}", sender.program);
        exits(&send(), 0, sender.program);
        assert_eq!(messages(&receiver.stop()), 1, "{}", sender.program);
    }
}

#[test]
fn many_sessions_of_smtp_source_come_to_the_count() {
    const PROGRAM: &str = "/usr/sbin/smtp-source";
    if !has(PROGRAM) {
        return;
    }
    let receiver = Receiver::start(&["--count", "40", "--maildir", "m"]);
    let relay = receiver.relay();
    let arguments = [
        "-m", "40", "-s", "8", "-l", "3000", "-f", "a@x", "-t", "b@y", &relay,
    ];
    exits(&run(&receiver, PROGRAM, &arguments), 0, PROGRAM);
    let came = fs::read_dir(receiver.path("m/new")).unwrap().count();
    assert_eq!((came, receiver.finish().exit), (40, Some(0)));
}

#[test]
fn python_logs_in_and_is_told_of_each_recipient() {
    const PROGRAM: &str = "/usr/bin/python3";
    if !has(PROGRAM) {
        return;
    }
    let tls = [
        "--tls",
        "implicit",
        "--save-ca",
        "ca.pem",
        "--auth",
        "users",
    ];
    let other = ["--fault", "rcpt=550 5.1.1 no@2", "--json"];
    let receiver = Receiver::with_files(&[USERS], &[&tls[..], &other].concat());
    let script = "
import smtplib, ssl
trust = ssl.create_default_context(cafile='CA')
with smtplib.SMTP_SSL('localhost', PORT, context=trust) as smtp:
    smtp.login('alice', 'secret')
    print(smtp.sendmail('a@x', ['b@y', 'c@y'], 'hi'))
";
    let output = run(&receiver, PROGRAM, &["-c", script]);
    exits(&output, 0, PROGRAM);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "{'c@y': (550, b'5.1.1 no')}");
    assert_eq!(messages(&receiver.stop()), 1);
}

#[test]
fn swaks_speaks_lmtp_with_it_through_a_socket() {
    const PROGRAM: &str = "/usr/bin/swaks";
    if !has(PROGRAM) {
        return;
    }
    let arguments = [
        "--lmtp",
        "--listen",
        "unix:socket",
        "--fault",
        "dot=452 4.2.2 full@2",
    ];
    let receiver = Receiver::start(&arguments);
    let lmtp = [
        "--protocol",
        "LMTP",
        "--socket",
        "socket",
        "-f",
        "a@x",
        "-t",
        "b@y,c@y",
    ];
    let output = run(&receiver, PROGRAM, &lmtp);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("<-  250 2.0.0 ok") && said.contains("<** 452 4.2.2 full"),
        "{said}"
    );
}

#[test]
fn haproxy_tells_where_the_client_is() {
    const PROGRAM: &str = "/usr/sbin/haproxy";
    if !has(PROGRAM) {
        return;
    }
    for version in ["send-proxy", "send-proxy-v2"] {
        let receiver = Receiver::start(&["--proxy-protocol", "--json", "--count", "1"]);
        let port = free_port();
        let config = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             listen mail\n bind 127.0.0.1:{port}\n server sink {} {version}\n",
            receiver.relay()
        );
        let path = receiver.path("haproxy.cfg");
        fs::write(&path, config).unwrap();
        let balancer = Command::new(PROGRAM)
            .args(["-db", "-q", "-f"])
            .arg(&path)
            .spawn()
            .unwrap();
        let balancer = Balancer(balancer);
        let mut stream =
            crate::postfix::wait_for("haproxy", || TcpStream::connect(("127.0.0.1", port)).ok());
        let here = stream.local_addr().unwrap().to_string();
        let text = "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 2 LAST\r\nhiQUIT\r\n";
        stream.write_all(text.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.ends_with("221 2.0.0 bye\r\n"), "{version}: {said}");
        drop(balancer);
        let ended = receiver.finish();
        assert_eq!(
            ended.events("proxy")[0]["client"],
            here.as_str(),
            "{version}"
        );
        assert_eq!(ended.events("message")[0]["peer"], here.as_str());
    }
}

/// A running haproxy; it ends with this value.
struct Balancer(Child);

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
