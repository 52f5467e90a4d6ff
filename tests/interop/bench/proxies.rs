//! The PROXY protocol: Postfix's own servers behind it, and haproxy between.

use super::logs;
use crate::parts;
use crate::postfix::{free_port, wait_for};
use crate::run::ehlo;
use crate::submission::{Service, submission};
use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command};

const HAPROXY: &str = "/usr/sbin/haproxy";

#[test]
fn postfix_sees_whom_a_proxy_announces() {
    let Some(submission) = submission() else {
        return;
    };
    let mailbox = submission.mailbox();
    for (header, client) in [
        ("v1 192.0.2.7:1234 198.51.100.2:25", "[192.0.2.7]"),
        ("v2 192.0.2.8:1234 198.51.100.2:25", "[192.0.2.8]"),
        ("v2 unknown", "[127.0.0.1]"),
    ] {
        submission
            .send(Service::Proxied, &mailbox, &["--proxy-protocol", header])
            .ends_with(0);
        let message = submission.receive(&mailbox);
        assert!(message.contains(client), "{header}: {message}");
    }
}

#[test]
fn postscreen_notices_who_does_not_wait() {
    let Some(submission) = submission() else {
        return;
    };
    let header = ["--proxy-protocol", "v1 192.0.2.1:1111 198.51.100.2:25"];
    let stop = ["--drop-after", "proxy"];
    let quit = ["--quit-after", "proxy", "--timeout", "2s"];
    let mailbox = submission.mailbox();
    let send = |stop: &[&str]| {
        let options = [&header[..], stop].concat();
        submission.send(Service::Postscreen, &mailbox, &options)
    };
    send(&stop).ends_with(0);
    logs(submission, "HANGUP after ");
    send(&quit).ends_with(0);
    logs(submission, "PREGREET 6 after ");
    logs(submission, " from [192.0.2.1]:1111: QUIT\\r\\n");
}

#[test]
fn postscreen_lets_in_who_waits() {
    let Some(submission) = submission() else {
        return;
    };
    let mailbox = submission.mailbox();
    let header = ["--proxy-protocol", "v2 192.0.2.2:2222 198.51.100.2:25"];
    // Its greeting comes in two pieces, with a second between.
    submission
        .send(Service::Postscreen, &mailbox, &header)
        .ends_with(0)
        .shows("\n220-mx.example.test");
    let message = submission.receive(&mailbox);
    assert!(message.contains("[192.0.2.2]"), "{message}");
    logs(submission, "PASS NEW [192.0.2.2]:2222");
}

/// A running haproxy; it ends with this value.
struct Balancer(Child);

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn haproxy_takes_our_header_and_hands_it_on() {
    if !parts::has(HAPROXY) {
        return;
    }
    let Some(submission) = submission() else {
        return;
    };
    let mailbox = submission.mailbox();
    let ports = [free_port(), free_port()];
    let behind = submission.relay(Service::Proxied);
    let both = ["send-proxy", "send-proxy-v2"].iter().zip(ports);
    let listens = both.map(|(sends, port)| {
        format!(
            "listen on{port}\n bind 127.0.0.1:{port} accept-proxy\n server mail {behind} {sends}\n"
        )
    });
    let limits =
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("haproxy.cfg");
    fs::write(&path, limits.to_owned() + &listens.collect::<String>()).unwrap();
    let child = Command::new(HAPROXY)
        .args(["-db", "-q", "-f"])
        .arg(&path)
        .spawn();
    let _balancer = Balancer(child.unwrap());
    for (port, version) in ports.into_iter().zip(["v1", "v2"]) {
        wait_for("haproxy", || TcpStream::connect(("127.0.0.1", port)).ok());
        let relay = format!("127.0.0.1:{port}");
        let header = format!("{version} 192.0.2.9:99 198.51.100.2:25");
        let to = format!("{mailbox}@example.test");
        let way = ["-r", &relay, "--proxy-protocol", &header, "--tls", "off"];
        let what = ["-f", "alice@sender.test", "-b", "hi", &to];
        ehlo(directory.path(), &[&way[..], &what].concat()).ends_with(0);
        let message = submission.receive(&mailbox);
        assert!(message.contains("[192.0.2.9]"), "{header}: {message}");
    }
}
