use crate::client::events::Silent;
use crate::client::peer::{PeerAddress, ProxiedPeer, ProxyProtocol};
use crate::client::wire::{ConnectFailure, Deadline, Terms, Wire, connect};
use crate::system::secret::{Login, Proof, Secret};
use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// The requests to a proxy, each with its answer.
type Steps = &'static [(&'static [u8], &'static [u8])];

/// A proxy that plays these steps, and then waits until the client closes the connection.
fn proxy(steps: Steps) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = Builder::new().spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        for (expected, answer) in steps {
            let mut heard = vec![0; expected.len()];
            client.read_exact(&mut heard).unwrap();
            assert_eq!(
                String::from_utf8_lossy(&heard),
                String::from_utf8_lossy(expected)
            );
            client.write_all(answer).unwrap();
        }
        let _ = client.read(&mut [0; 100]);
    });
    (address, thread.unwrap())
}

fn login() -> Login {
    Login {
        user: Some("alice".to_owned()),
        proof: Proof::Password(Secret::new(b"hunter2".to_vec())),
        authzid: None,
    }
}

/// Connects to port 25 of this host; the error is that of the attempt.
fn try_connect(
    protocol: ProxyProtocol,
    host: &str,
    login: Option<&Login>,
    steps: Steps,
) -> Result<Wire, String> {
    let (address, proxy) = proxy(steps);
    let peer = PeerAddress::Proxied(ProxiedPeer {
        host: host.to_owned(),
        port: 25,
        protocol,
        proxy: address,
    });
    let terms = Terms {
        source: None,
        source_port: 0,
        limit: LIMIT,
        proxy_login: login,
    };
    let connected = connect(peer, &mut VecDeque::new(), terms, &mut Silent);
    let result = match connected {
        Ok(connection) => Ok(connection.wire),
        Err(ConnectFailure::Failed { why, .. }) => Err(why),
        Err(ConnectFailure::OutputFailed) => Err("output".to_owned()),
    };
    if result.is_err() {
        proxy.join().unwrap();
    }
    result
}

fn greeting(protocol: ProxyProtocol, host: &str, login: Option<&Login>, steps: Steps) -> String {
    let mut wire = try_connect(protocol, host, login, steps).unwrap();
    let line = wire.line(Deadline::after(LIMIT)).unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

#[test]
fn socks_proxy_gets_the_name_and_the_greeting_after_its_reply_is_kept() {
    for (host, request) in [
        ("mx.example", &b"\x05\x01\x00\x03\x0amx.example\x00\x19"[..]),
        ("192.0.2.7", b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x19"),
        (
            "2001:db8::1",
            b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x19",
        ),
    ] {
        let replies: [&'static [u8]; 3] = [
            b"\x05\0\0\x01\0\0\0\0\0\x00220 hi\r\n",
            b"\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x00220 hi\r\n",
            b"\x05\0\0\x03\x04name\0\x00220 hi\r\n",
        ];
        for reply in replies {
            let steps: Steps = Box::leak(Box::new([
                (&b"\x05\x01\x00"[..], &b"\x05\x00"[..]),
                (request, reply),
            ]));
            assert_eq!(greeting(ProxyProtocol::Socks5, host, None, steps), "220 hi");
        }
    }
}

#[test]
fn socks_login_is_sent_if_the_proxy_chooses_it() {
    let login = login();
    let chosen: Steps = &[
        (b"\x05\x02\x00\x02", b"\x05\x02"),
        (b"\x01\x05alice\x07hunter2", b"\x01\x00"),
        (
            b"\x05\x01\x00\x03\x01h\x00\x19",
            b"\x05\0\0\x01\0\0\0\0\0\x00220 hi\n",
        ),
    ];
    let line = greeting(ProxyProtocol::Socks5, "h", Some(&login), chosen);
    assert_eq!(line, "220 hi");
    let not_chosen: Steps = &[
        (b"\x05\x02\x00\x02", b"\x05\x00"),
        (
            b"\x05\x01\x00\x03\x01h\x00\x19",
            b"\x05\0\0\x01\0\0\0\0\0\x00220 hi\n",
        ),
    ];
    let line = greeting(ProxyProtocol::Socks5, "h", Some(&login), not_chosen);
    assert_eq!(line, "220 hi");
}

const HELLO: &[u8] = b"\x05\x01\x00";
const ASK: &[u8] = b"\x05\x01\x00\x03\x01h\x00\x19";

#[test]
fn socks_failures_say_what_the_proxy_did() {
    let login = login();
    let socks = |login, steps| {
        let failed = try_connect(ProxyProtocol::Socks5, "h", login, steps);
        failed.err().unwrap()
    };
    let cases: [(Steps, &str); 8] = [
        (&[(HELLO, b"\x05\xff")], "requires a login; name a user"),
        (
            &[(HELLO, b"\x05\x00"), (ASK, b"\x05\x05\0\x01\0\0\0\0\0\0")],
            "the proxy refused it: connection refused",
        ),
        (
            &[(HELLO, b"\x05\x00"), (ASK, b"\x05\x04\0\x01")],
            "host unreachable",
        ),
        (&[(HELLO, b"\x05\x00"), (ASK, b"\x05\x63\0\x01")], "code 99"),
        (
            &[(HELLO, b"\x05\x00"), (ASK, b"\x05\0\0\x09")],
            "an address of type 9",
        ),
        (
            &[(HELLO, b"HTTP/1.0 400 Bad Request\r\n\r\n")],
            "not a proxy for SOCKS 5: it answered \"HTTP/1.0 400 Bad Request\"",
        ),
        (
            &[(HELLO, b"220 \x1b[2Jmail ESMTP\r\n")],
            "answered \"220 \\x1b[2Jmail ESMTP\"",
        ),
        (&[(HELLO, b"\x05\x02")], "method 2, which was not offered"),
    ];
    for (steps, words) in cases {
        let why = socks(None, steps);
        assert!(why.contains(words), "{why}");
    }
    let rejected: Steps = &[
        (b"\x05\x02\x00\x02", b"\x05\x02"),
        (b"\x01\x05alice\x07hunter2", b"\x01\x01"),
    ];
    let why = socks(Some(&login), rejected);
    assert_eq!(why, "the proxy rejected the user or the password");
    let no_method: Steps = &[(b"\x05\x02\x00\x02", b"\x05\xff")];
    assert!(socks(Some(&login), no_method).contains("no login by user and password"));
}

const CONNECT: &[u8] = b"CONNECT mx.example:25 HTTP/1.1\r\nHost: mx.example:25\r\n\r\n";

#[test]
fn http_proxy_opens_a_tunnel() {
    let steps: [Steps; 3] = [
        &[(CONNECT, b"HTTP/1.1 200 OK\r\n\r\n220 hi\r\n")],
        &[(
            CONNECT,
            b"HTTP/1.0 200 Connection established\r\nVia: x\r\nContent-Length: 3\r\n\r\n220 hi\r\n",
        )],
        &[(
            CONNECT,
            b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204\r\n\r\n220 hi\r\n",
        )],
    ];
    for steps in steps {
        let line = greeting(ProxyProtocol::Http, "mx.example", None, steps);
        assert_eq!(line, "220 hi");
    }
    let v6: Steps = &[(
        b"CONNECT [::1]:25 HTTP/1.1\r\nHost: [::1]:25\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n220 hi\r\n",
    )];
    assert_eq!(greeting(ProxyProtocol::Http, "::1", None, v6), "220 hi");
    let with_login: Steps = &[(
        b"CONNECT h:25 HTTP/1.1\r\nHost: h:25\r\nProxy-Authorization: Basic YWxpY2U6aHVudGVyMg==\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n220 hi\r\n",
    )];
    let line = greeting(ProxyProtocol::Http, "h", Some(&login()), with_login);
    assert_eq!(line, "220 hi");
}

#[test]
fn http_failures_say_what_the_proxy_did() {
    let endless = [&b"HTTP/1.1 200 OK\r\n"[..], &b"X: y\r\n".repeat(300)].concat();
    let endless: &'static [u8] = endless.leak();
    let cases: [(Steps, &str); 6] = [
        (
            &[(CONNECT, b"HTTP/1.1 403 Filtered\r\n\r\n<html>")],
            "the proxy refused it: 403 Filtered",
        ),
        (
            &[(CONNECT, b"HTTP/1.1 407 Proxy Auth\r\n\r\n")],
            "requires a login; name a user, as in --proxy http://USER@HOST:PORT",
        ),
        (
            &[(CONNECT, b"220 mail ESMTP\r\n")],
            "it is not a proxy for HTTP: it answered \"220 mail ESMTP\"",
        ),
        (&[(CONNECT, b"HTTP/1.1 xyz\r\n\r\n")], "HTTP/1.1 xyz"),
        (&[(CONNECT, b"HTTP/1.\r\n\r\n")], "HTTP/1."),
        (
            Box::leak(Box::new([(CONNECT, endless)])),
            "more than 200 header lines",
        ),
    ];
    for (steps, words) in cases {
        let why = try_connect(ProxyProtocol::Http, "mx.example", None, steps);
        let why = why.err().unwrap();
        assert!(why.contains(words), "{why}");
    }
}

/// Fails to connect by a listener that does this with the connection.
fn failing(limit: Duration, act: fn(TcpListener)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = PeerAddress::Proxied(ProxiedPeer {
        host: "h".to_owned(),
        port: 25,
        protocol: ProxyProtocol::Socks5,
        proxy: listener.local_addr().unwrap(),
    });
    let thread = Builder::new().spawn(move || act(listener)).unwrap();
    let terms = Terms {
        source: None,
        source_port: 0,
        limit,
        proxy_login: None,
    };
    let failed = connect(peer, &mut VecDeque::new(), terms, &mut Silent);
    let Err(ConnectFailure::Failed { why, .. }) = failed else {
        panic!("connected");
    };
    thread.join().unwrap();
    why
}

#[test]
fn a_silent_proxy_and_one_that_closes_are_named() {
    let why = failing(Duration::from_millis(100), |listener| {
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    });
    assert_eq!(why, "no answer from the proxy within 0.1 seconds");
    let why = failing(LIMIT, |listener| {
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.read_exact(&mut [0; 3]);
    });
    assert_eq!(why, "the proxy closed the connection");
}
