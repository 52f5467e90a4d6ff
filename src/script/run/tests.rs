use crate::client::events::Silent;
use crate::client::route::{AddressFamily, Endpoint, RouteOptions};
use crate::client::wire::tls;
use crate::script::run::*;
use crate::script::source::ScriptSource;
use crate::script::{TestCase, parse_source};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

/// A peer that sends these as soon as a client connects, and records its input until the end.
struct Peer {
    port: u16,
    thread: thread::JoinHandle<Vec<u8>>,
}

impl Peer {
    fn sending(words: &'static [u8]) -> Self {
        Self::with(move |stream| stream.write_all(words).unwrap())
    }

    fn with(talk: impl FnOnce(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            talk(&mut stream);
            let mut heard = Vec::new();
            // A reset is an end, too.
            let _ = stream.read_to_end(&mut heard);
            heard
        });
        Self { port, thread }
    }

    fn heard(self) -> String {
        String::from_utf8(self.thread.join().unwrap()).unwrap()
    }
}

/// Runs all tests of a script against the server on this port.
fn run_all(port: u16, text: &str) -> Vec<FinishedTest> {
    let source = ScriptSource {
        name: "t".to_owned(),
        text: text.to_owned(),
        directory: Some(PathBuf::new()),
    };
    let script = parse_source(&source, &[]).unwrap_or_else(|all| panic!("{all:?}"));
    let relay = Endpoint {
        host: crate::client::route::Host::Address([127, 0, 0, 1].into()),
        port,
    };
    let route = RouteOptions {
        relay: Some(relay),
        port: 25,
        family: AddressFamily::Any,
        bind: None,
        connect_to: None,
        dns: None,
        proxy: None,
        own_names: Vec::new(),
    };
    let session = session::Options {
        timeout: Some(Duration::from_secs(5)),
        ..session::Options::default()
    };
    let context = TestContext {
        route: &route,
        session: &session,
        tls: &Tls::new(&tls::TlsOptions::default()).unwrap(),
        transport: None,
        proxy_login: None,
        message: None,
    };
    let cases = TestCase::all_of(&script, &Variables::new());
    cases
        .iter()
        .map(|case| run(case, &context, &mut Silent))
        .collect()
}

/// The result of the only test of a script.
fn ending(port: u16, text: &str) -> TestEnding {
    let mut all = run_all(port, text);
    assert_eq!(all.len(), 1);
    all.remove(0).ending
}

fn words(port: u16, text: &str) -> String {
    ending(port, text).words().unwrap_or_default()
}

#[test]
fn data_is_sent_octet_by_octet() {
    let peer = Peer::sending(b"220 hi\r\n");
    let script = "connect\n< 220\nset who \"w\\x6f\"\n> EHLO $who\n>lf a\n>cr b\n>raw \"\\x00c\"*2\n>slow 0ms d\n{\n> e\n> f\n}\nclose\n";
    assert_eq!(ending(peer.port, script), TestEnding::Passed);
    assert_eq!(peer.heard(), "EHLO wo\r\na\nb\r\0c\0cd\r\ne\r\nf\r\n");
}

#[test]
fn a_different_reply_is_reported_with_its_position() {
    for (said, wanted, right) in [
        (
            &b"554 go away\r\n"[..],
            "220",
            "t:2: expected 220, but the server sent \"554 go away\"",
        ),
        (
            b"220-a\r\n220 b\r\n",
            "220 /c/",
            "t:2: expected 220 with /c/, but the server sent \"220 a / b\"",
        ),
        (
            b"220 a\r\n",
            "220-",
            "t:2: expected 220 on several lines, but the server sent \"220 a\"",
        ),
        (
            b"250-x\r\n250 SIZE 5\r\n",
            "250 has SIZE lacks SIZE 5",
            "t:2: expected a reply that lacks SIZE 5, but the server sent \"250 x / SIZE 5\"",
        ),
        (
            b"250-x\r\n250 SIZE\r\n",
            "has DSN",
            "t:2: expected a reply that has DSN, but the server sent \"250 x / SIZE\"",
        ),
        (
            b"hello\x1b\r\n",
            "any",
            "t:2: expected any reply, but the server sent \"hello\\x1b\" instead of a reply",
        ),
        (
            b"220-a\r\n250 b\r\n",
            "any",
            "t:2: expected any reply, but the server sent a reply with two codes, 220 and 250",
        ),
    ] {
        let peer = Peer::sending(said);
        assert_eq!(words(peer.port, &format!("connect\n< {wanted}\n")), right);
    }
}

#[test]
fn a_silent_or_closed_server_is_reported() {
    let silent = Peer::sending(b"");
    let script = "connect\ntimeout 20ms\n< 220\n";
    assert_eq!(
        words(silent.port, script),
        "t:3: expected 220, but no reply within 0.02 s"
    );
    let gone = Peer::with(|stream| stream.shutdown(std::net::Shutdown::Both).unwrap());
    assert_eq!(
        words(gone.port, "connect\n< 220\n"),
        "t:2: expected 220, but the server closed the connection"
    );
    let gone = Peer::with(|stream| stream.shutdown(std::net::Shutdown::Both).unwrap());
    assert_eq!(
        ending(gone.port, "connect\n< 220|close\npass-if close\n< 250\n"),
        TestEnding::Passed
    );
}

#[test]
fn silence_and_close_are_checked() {
    let peer = Peer::sending(b"220 a\r\n250 b\r\n");
    assert_eq!(
        words(peer.port, "connect\n< 220\nexpect-silence 10ms\n"),
        "t:3: expected silence for 0.01 s, but the server sent \"250 b\\x0d\\x0a\""
    );
    let peer = Peer::sending(b"220 a\r\n");
    let script = "connect\n< 220\nexpect-silence 10ms\nexpect-close 10ms\n";
    assert_eq!(
        words(peer.port, script),
        "t:4: expected the connection to close, but the server kept the connection open for 0.01 s"
    );
    let peer = Peer::sending(b"220 a\r\n");
    // It closes after the client has closed its sending side.
    let script = "connect\n< 220\nhalf-close\nexpect-close 5s\n";
    assert_eq!(ending(peer.port, script), TestEnding::Passed);
}

#[test]
fn captured_text_of_a_reply_is_a_variable() {
    let peer = Peer::sending(b"220 a\r\n250 queued as 4F2\r\n");
    let script = "connect\n< 220\n< 250 /queued as (?<id>\\w+)/\n> XQUERY ${id}x\nclose\n";
    assert_eq!(ending(peer.port, script), TestEnding::Passed);
    assert_eq!(peer.heard(), "XQUERY 4F2x\r\n");
}

#[test]
fn a_test_is_skipped_if_the_server_lacks_an_extension() {
    let offers = b"220 a\r\n250-a\r\n250-SIZE 10\r\n250 AUTH=PLAIN\r\n250 ok\r\n";
    let script = |rest: &str| format!("connect\n< 220\n> EHLO x\n< 250\n> RSET\n< 250\n{rest}\n");
    let how = |rest: &str| ending(Peer::sending(offers).port, &script(rest));
    assert_eq!(
        how("skip-unless has size 10\nskip-unless has AUTH PLAIN"),
        TestEnding::Passed
    );
    assert!(
        matches!(how("skip-unless has DSN\n< 250"), TestEnding::Skipped(_, why) if why == "condition not met: has DSN")
    );
    assert!(matches!(
        how("skip-if lacks DSN\n< 250"),
        TestEnding::Skipped(..)
    ));
    assert_eq!(
        how("pass-if 250\n< 999x".trim_end_matches("\n< 999x")),
        TestEnding::Passed
    );
    assert!(matches!(how("fail-if 250"), TestEnding::Differed(..)));
    assert!(matches!(how("fail-unless 5xx"), TestEnding::Differed(..)));
}

#[test]
fn statements_before_the_first_test_run_in_each_test() {
    let text =
        "default a 1\nconnect\nfor b in x \"y\\n\"\ntest \"two $a $b\"\n< 220\nend\ntest one\n";
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let all = run_all(dead, text);
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["two 1 x", "two 1 y\\n", "one"]);
    for one in &all {
        assert!(
            matches!(&one.ending, TestEnding::Failed { at, exit: Exit::Temporary, .. } if at.line == 2),
            "{one:?}"
        );
    }
}

#[test]
fn a_script_without_a_connection_fails() {
    for (text, exit) in [
        ("> x", Exit::Data),
        ("< 250", Exit::Data),
        ("reset", Exit::Data),
        ("auth", Exit::Usage),
        (">message", Exit::Data),
        ("set p \"a b\"\nconnect $p", Exit::Data),
        ("set n x\nrepeat $n\nend", Exit::Data),
        ("set n x\npause $n", Exit::Data),
        ("print $n", Exit::Data),
    ] {
        assert_eq!(ending(1, text).exit(), exit, "{text}");
    }
}

#[test]
fn parallel_connections_run_at_once_and_are_numbered() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        // No client is served before all have connected.
        let mut all: Vec<TcpStream> = (0..5).map(|_| listener.accept().unwrap().0).collect();
        let mut numbers = Vec::new();
        for stream in &mut all {
            stream.write_all(b"220 a\r\n").unwrap();
            let mut heard = [0; 3];
            stream.read_exact(&mut heard).unwrap();
            let is_third = heard[0] == b'3';
            stream
                .write_all(if is_third {
                    b"500 no\r\n"
                } else {
                    b"250 ok\r\n"
                })
                .unwrap();
            numbers.push(heard[0]);
        }
        numbers.sort_unstable();
        numbers
    });
    let ended = ending(
        port,
        "parallel 5\n  connect\n  < 220\n  > $n\n  < 250\nend\n",
    );
    assert_eq!(server.join().unwrap(), b"12345");
    assert_eq!(
        ended.words().unwrap(),
        "t:5: expected 250, but the server sent \"500 no\""
    );
}

#[test]
fn an_endless_line_is_not_a_reply() {
    let peer = Peer::with(|stream| {
        let line = [b'x'; 4096];
        while stream.write_all(&line).is_ok() {}
    });
    assert_eq!(
        words(peer.port, "connect\n< 220\n"),
        "t:2: expected 220, but the server sent a line of more than 65536 bytes"
    );
}
