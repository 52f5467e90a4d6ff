//! The PROXY protocol: Postfix's own servers behind it, and haproxy between.

use super::{logs, received};
use crate::parts;
use crate::postfix::{Postfix, free_port, wait_for};
use crate::run::{Ran, ehlo};
use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command};

const HAPROXY: &str = "/usr/sbin/haproxy";

const CONFIGURATION: &str = "\
smtpd_peername_lookup = no
postscreen_upstream_proxy_protocol = haproxy
postscreen_greet_wait = 1s
postscreen_greet_action = enforce
postscreen_access_list =
postscreen_denylist_action = ignore
";

/// Postfix with a server behind proxies, and with postscreen behind proxies; and their ports.
struct Proxied {
    postfix: Postfix,
    smtpd: u16,
    postscreen: u16,
}

fn start() -> Option<Proxied> {
    let [smtpd, postscreen] = [free_port(), free_port()];
    let services = format!(
        "127.0.0.1:{smtpd} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy\n\
         127.0.0.1:{postscreen} inet n - n - 1 postscreen\n\
         smtpd pass - - n - - smtpd\n"
    );
    let home = tempfile::tempdir().unwrap();
    let postfix = Postfix::start_in(home, CONFIGURATION, &services)?;
    Some(Proxied {
        postfix,
        smtpd,
        postscreen,
    })
}

/// To bob, with this header of the PROXY protocol.
fn send(port: u16, header: &str, options: &[&str]) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let relay = format!("127.0.0.1:{port}");
    let way = [
        "-r",
        &relay,
        "--proxy-protocol",
        header,
        "--helo",
        "client.test",
    ];
    let what = ["-f", "alice@sender.test", "-b", "hi", "bob@example.test"];
    ehlo(directory.path(), &[&way[..], &what, options].concat())
}

#[test]
fn postfix_sees_whom_a_proxy_announces() {
    let Some(proxied) = start() else { return };
    for version in ["v1", "v2"] {
        let header = format!("{version} 192.0.2.7:1234 198.51.100.2:25");
        send(proxied.smtpd, &header, &[]).ends_with(0);
        let message = received(&proxied.postfix, "bob");
        assert!(message.contains("[192.0.2.7]"), "{version}: {message}");
    }
    send(proxied.smtpd, "v2 unknown", &[]).ends_with(0);
    let message = received(&proxied.postfix, "bob");
    assert!(message.contains("[127.0.0.1]"), "{message}");
}

#[test]
fn postscreen_notices_who_does_not_wait_and_lets_in_who_does() {
    let Some(proxied) = start() else { return };
    let early = "v1 192.0.2.1:1111 198.51.100.2:25";
    send(
        proxied.postscreen,
        early,
        &["--quit-after", "connect", "--timeout", "3s"],
    )
    .ends_with(0);
    let log = proxied.postfix.path("log");
    logs(
        &log,
        &["PREGREET 6 after ", " from [192.0.2.1]:1111: QUIT\\r\\n"],
    );
    // Its greeting comes in two pieces, with a second between.
    let patient = "v2 192.0.2.2:2222 198.51.100.2:25";
    send(proxied.postscreen, patient, &[])
        .ends_with(0)
        .shows("220-mx.example.test");
    let message = received(&proxied.postfix, "bob");
    assert!(message.contains("[192.0.2.2]"), "{message}");
    logs(&log, &["PASS NEW [192.0.2.2]:2222"]);
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
    let Some(proxied) = start() else { return };
    let ports = [free_port(), free_port()];
    let both = ["send-proxy", "send-proxy-v2"].iter().zip(ports);
    let listens = both.map(|(sends, port)| {
        format!(
            "listen on{port}\n bind 127.0.0.1:{port} accept-proxy\n server mail 127.0.0.1:{} {sends}\n",
            proxied.smtpd
        )
    });
    let limits =
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n";
    let path = proxied.postfix.path("haproxy.cfg");
    fs::write(&path, limits.to_owned() + &listens.collect::<String>()).unwrap();
    let child = Command::new(HAPROXY)
        .args(["-db", "-q", "-f"])
        .arg(&path)
        .spawn();
    let _balancer = Balancer(child.unwrap());
    for port in ports {
        wait_for("haproxy", || TcpStream::connect(("127.0.0.1", port)).ok());
        for header in [
            "v1 192.0.2.9:99 198.51.100.2:25",
            "v2 192.0.2.9:99 198.51.100.2:25",
        ] {
            send(port, header, &[]).ends_with(0);
            let message = received(&proxied.postfix, "bob");
            assert!(message.contains("[192.0.2.9]"), "{header}: {message}");
        }
    }
}
