//! `ehlo probe --tls-scan` against servers of rustls, and against scripted ones that speak what no library of
//! today does, or no TLS at all.

use crate::authority::{Authority, BOTH, ONLY_12};
use crate::program::{Ehlo, Run};
use rustls::{ServerConfig, ServerConnection};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

/// A server that does the same on every connection.
struct ScanServer {
    port: u16,
    is_over: Arc<AtomicBool>,
    /// The number of connections.
    count: Arc<AtomicUsize>,
    listener: Option<JoinHandle<()>>,
}

type Serve = dyn Fn(TcpStream, usize) -> std::io::Result<()> + Send + Sync;

impl ScanServer {
    /// `serve` gets a connection and its number, from 0.
    fn start(
        serve: impl Fn(TcpStream, usize) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve: Arc<Serve> = Arc::new(serve);
        let (is_over, count) = (Arc::default(), Arc::default());
        let mut server = Self {
            port,
            is_over,
            count,
            listener: None,
        };
        let (is_over, count) = (server.is_over.clone(), server.count.clone());
        server.listener = Some(thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let number = count.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                let stream = stream.unwrap();
                thread::spawn(move || {
                    // The client leaves whenever it has seen enough.
                    let copy = stream.try_clone().unwrap();
                    let _ = serve(stream, number);
                    let _ = copy.shutdown(std::net::Shutdown::Both);
                });
            }
        }));
        server
    }

    fn scan(&self) -> Ehlo {
        let place = format!("127.0.0.1:{}", self.port);
        Ehlo::new().args(["probe", "--tls-scan", &place, "--helo", "me.example"])
    }
}

impl Drop for ScanServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.listener.take().unwrap().join().unwrap();
    }
}

/// Greets, offers STARTTLS and accepts it; QUIT ends the session.
fn until_tls(stream: &TcpStream, hello: &str) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    writer.write_all(b"220 mx.example ESMTP\r\n")?;
    // One octet at a time: what follows STARTTLS is not SMTP.
    let mut lines = BufReader::with_capacity(1, stream.try_clone()?);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_owned();
        if line.starts_with(hello) {
            writer.write_all(b"250-mx.example\r\n250 STARTTLS\r\n")?;
        } else if line == "STARTTLS" {
            return writer.write_all(b"220 go ahead\r\n");
        } else {
            writer.write_all(b"221 bye\r\n")?;
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A session inside TLS, of any length.
fn in_tls(
    mut stream: TcpStream,
    config: &Arc<ServerConfig>,
    greeting: &str,
) -> std::io::Result<()> {
    let mut connection = ServerConnection::new(config.clone()).unwrap();
    connection.writer().write_all(greeting.as_bytes())?;
    loop {
        let done = connection.complete_io(&mut stream);
        let mut heard = Vec::new();
        let _ = connection.reader().read_to_end(&mut heard);
        for line in String::from_utf8_lossy(&heard).lines() {
            let reply: &[u8] = match line.split(' ').next().unwrap_or_default() {
                "EHLO" | "LHLO" => b"250-mx.example\r\n250 SIZE 1000\r\n",
                _ => b"221 bye\r\n",
            };
            connection.writer().write_all(reply)?;
        }
        if done? == (0, 0) && !connection.wants_write() {
            return Ok(());
        }
    }
}

fn rustls_server(config: Arc<ServerConfig>) -> ScanServer {
    ScanServer::start(move |stream, _| {
        until_tls(&stream, "EHLO")?;
        in_tls(stream, &config, "")
    })
}

#[track_caller]
fn object(run: &Run) -> Value {
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
    let told: Value = serde_json::from_str(&run.stdout).expect("no JSON");
    assert_eq!(told["exit"], run.exit.unwrap(), "{run:#?}");
    told
}

/// The results of one version.
fn version<'v>(told: &'v Value, name: &str) -> &'v Value {
    let mut versions = told["versions"].as_array().unwrap().iter();
    versions.find(|one| one["version"] == name).unwrap()
}

/// The names of its suites, sorted.
fn suites(version: &Value) -> Vec<&str> {
    let suites = version["suites"].as_array().unwrap().iter();
    let mut names: Vec<&str> = suites
        .map(|suite| suite["iana"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names
}

fn sorted(names: &Value) -> Vec<&str> {
    let names = names.as_array().unwrap().iter();
    let mut names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

const RUSTLS_12: [&str; 3] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
];

#[test]
fn versions_suites_groups_and_signatures_of_a_server_are_found() {
    let ca = Authority::new();
    let papers = ca.issue(&["127.0.0.1"]);
    let server = rustls_server(papers.config(BOTH));
    let run = server.scan().args(["--json"]).trusting(&ca.pem()).run();
    run.exits(0).complains(0);
    let told = object(&run);
    for old in ["SSLv3", "TLSv1.0", "TLSv1.1"] {
        assert_eq!(version(&told, old)["supported"], false, "{old}: {told}");
    }
    let (tls12, tls13) = (version(&told, "TLSv1.2"), version(&told, "TLSv1.3"));
    assert_eq!(suites(tls12), RUSTLS_12);
    let right = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ];
    assert_eq!(suites(tls13), right);
    for version in [tls12, tls13] {
        let groups = sorted(&version["groups"]);
        assert_eq!(groups, ["secp256r1", "secp384r1", "x25519"], "{told}");
        assert_eq!(version["signatures"], json!(["ecdsa_secp256r1_sha256"]));
    }
    assert_eq!(told["certificates"].as_array().unwrap().len(), 1);
    assert_eq!(told["certificates"][0]["key"], "EC 256");
    assert_eq!(told["verified"], true);
    assert_eq!(told["alpn"], "ignored");
    assert_eq!(told["compression"], false);
    assert_eq!(told["resumption"], true);
    assert_eq!(told["findings"], json!([]), "{told}");
}

#[test]
fn text_names_ciphers_as_iana_and_openssl_do() {
    let ca = Authority::new();
    let papers = ca.issue(&["127.0.0.1"]);
    let server = rustls_server(papers.config(ONLY_12));
    let run = server
        .scan()
        .args(["--connections", "1"])
        .trusting(&ca.pem())
        .run();
    run.exits(0).complains(0).shows(&[
        "\nTLSv1.1     no\n",
        "\nTLSv1.2     yes",
        "  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (ECDHE-ECDSA-AES128-GCM-SHA256)\n",
        "\nTLSv1.3     no\n",
        "\ntrust       certificate of 127.0.0.1: verified\n",
        "\nOCSP staple no\n",
        "\nnote        TLSv1.3 is not accepted (RFC 9325 section 3.1.1)\n",
        " connections in ",
    ]);
}

#[test]
fn lmtp_and_implicit_tls_are_scanned() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(ONLY_12);
    let lmtp = config.clone();
    let server = ScanServer::start(move |stream, _| {
        until_tls(&stream, "LHLO")?;
        in_tls(stream, &lmtp, "")
    });
    let run = server
        .scan()
        .args(["--json", "--lmtp"])
        .trusting(&ca.pem())
        .run();
    assert_eq!(
        suites(version(&object(&run), "TLSv1.2")),
        RUSTLS_12,
        "{run:#?}"
    );
    let server =
        ScanServer::start(move |stream, _| in_tls(stream, &config, "220 mx.example ESMTP\r\n"));
    let run = server.scan().args(["--json", "--tls", "implicit"]);
    let told = object(&run.trusting(&ca.pem()).run());
    assert_eq!(suites(version(&told, "TLSv1.2")), RUSTLS_12, "{told}");
}

/// Reads the record of a `ClientHello`: its version and its cipher suites.
fn client_hello(stream: &mut TcpStream) -> std::io::Result<([u8; 2], Vec<u16>)> {
    let mut header = [0; 5];
    stream.read_exact(&mut header)?;
    let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    stream.read_exact(&mut record)?;
    let session = usize::from(record[38]);
    let at = 39 + session;
    let length = usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
    let suites = record[at + 2..at + 2 + length].chunks(2);
    let suites = suites.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    Ok(([record[4], record[5]], suites.collect()))
}

fn record(kind: u8, version: [u8; 2], content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind][..], &version, &length, content].concat()
}

const FAILURE: [u8; 2] = [2, 40];

/// A server of 1996: `SSLv3` with export keys and compression, in the order of the server.
fn speak_ssl3(mut stream: TcpStream) -> std::io::Result<()> {
    let (version, offered) = client_hello(&mut stream)?;
    let suite = [0x0005, 0x0003_u16]
        .into_iter()
        .find(|own| offered.contains(own));
    let reply = match suite {
        Some(suite) if version == [3, 0] => {
            let mut hello = vec![2, 0, 0, 38, 3, 0];
            hello.extend([7; 32]);
            hello.push(0);
            hello.extend(suite.to_be_bytes());
            hello.push(1);
            record(22, version, &hello)
        }
        _ => record(21, version, &FAILURE),
    };
    stream.write_all(&reply)
}

#[test]
fn server_of_sslv3_is_found_and_must_not_be_used() {
    let server = ScanServer::start(|stream, _| {
        until_tls(&stream, "EHLO")?;
        speak_ssl3(stream)
    });
    let run = server.scan().run();
    run.exits(77).shows(&[
        "\nSSLv3       yes, in the order of the server\n",
        "  TLS_RSA_WITH_RC4_128_SHA (RC4-SHA): RC4\n",
        "  TLS_RSA_EXPORT_WITH_RC4_40_MD5 (EXP-RC4-MD5): export keys of 40 or 56 bits\n",
        "\nTLSv1.0     no\n",
        "\ncompression yes\n",
        "SSLv3 is accepted (RFC 7568 section 3)\n",
        "neither TLSv1.2 nor TLSv1.3 is accepted (RFC 9325 section 3.1.1)\n",
        "TLS compression is accepted (RFC 9325 section 3.3)\n",
    ]);
}

/// TLS 1.2 with one suite, by a server that chooses Diffie-Hellman before it and has no parameters for it.
fn speak_without_parameters(mut stream: TcpStream) -> std::io::Result<()> {
    const DHE: [u16; 2] = [0x009e, 0x009f];
    const OWN: u16 = 0x009c;
    let (version, offered) = client_hello(&mut stream)?;
    let chooses = |suite| version == [3, 3] && offered.contains(suite);
    let reply = if DHE.iter().any(chooses) {
        record(21, version, &[2, 80])
    } else if chooses(&OWN) {
        let mut hello = vec![2, 0, 0, 38, 3, 3];
        hello.extend([7; 32]);
        hello.push(0);
        hello.extend(OWN.to_be_bytes());
        hello.push(0);
        record(22, version, &hello)
    } else {
        record(21, version, &FAILURE)
    };
    stream.write_all(&reply)
}

#[test]
fn suite_that_a_server_chooses_but_cannot_use_does_not_hide_the_others() {
    let server = ScanServer::start(|stream, _| {
        until_tls(&stream, "EHLO")?;
        speak_without_parameters(stream)
    });
    let run = server.scan().args(["--json"]).run();
    // The server does not support secure renegotiation.
    run.exits(77);
    let told = object(&run);
    let found = suites(version(&told, "TLSv1.2"));
    assert_eq!(found, ["TLS_RSA_WITH_AES_128_GCM_SHA256"], "{told}");
    assert_eq!(version(&told, "TLSv1.3")["supported"], false);
}

/// A server that sends the same octets after STARTTLS.
fn saying(octets: impl Into<Vec<u8>>) -> ScanServer {
    let octets: Vec<u8> = octets.into();
    ScanServer::start(move |mut stream, _| {
        until_tls(&stream, "EHLO")?;
        let _ = client_hello(&mut stream)?;
        stream.write_all(&octets)
    })
}

#[test]
fn what_is_no_tls_is_unknown() {
    let endless = [record(22, [3, 3], &[2, 0xff, 0xff, 0xff]), vec![0; 70]].concat();
    let empty_hello = record(22, [3, 3], &[2, 0, 0, 0]);
    let huge = vec![22, 3, 3, 0xff, 0xff];
    for (octets, why) in [
        (b"500 what?\x1b[2J\r\n".to_vec(), "sent \\\"500 what?"),
        (endless, "sent a TLS message of 16777215 bytes"),
        (empty_hello, "sent an invalid TLS message of type 2"),
        (huge, "sent a TLS record of 65535 bytes"),
        (
            record(23, [3, 3], &[0; 40]),
            "sent encrypted data without a handshake",
        ),
    ] {
        let server = saying(octets);
        let run = server.scan().args(["--json"]).run();
        run.exits(75);
        run.has_nothing_raw();
        let told = object(&run);
        for one in told["versions"].as_array().unwrap() {
            assert_eq!(one["supported"], Value::Null, "{told}");
        }
        assert!(run.stdout.contains(why), "{why}: {}", run.stdout);
    }
}

#[test]
fn server_that_never_answers_is_unknown() {
    let server = ScanServer::start(|stream, _| {
        until_tls(&stream, "EHLO")?;
        // Until the client has had enough.
        let mut stream = stream;
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let run = server.scan().args(["--timeout", "1s"]).run();
    run.exits(75)
        .shows(&["\nTLSv1.2     unknown: no answer within 1 second\n"]);
}

#[test]
fn closed_connections_are_a_refusal() {
    let server = saying(Vec::new());
    let run = server.scan().args(["--json"]).run();
    run.exits(77);
    let told = object(&run);
    for one in told["versions"].as_array().unwrap() {
        assert_eq!(one["supported"], false, "{told}");
    }
    assert_eq!(told["findings"][0]["text"], "no version of TLS is accepted");
}

#[test]
fn busy_server_gets_fewer_connections() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(ONLY_12);
    let open = AtomicUsize::new(0);
    let server = ScanServer::start(move |mut stream, _| {
        if open.fetch_add(1, Ordering::SeqCst) >= 2 {
            open.fetch_sub(1, Ordering::SeqCst);
            return stream.write_all(b"421 too many connections\r\n");
        }
        let result = until_tls(&stream, "EHLO").and_then(|()| in_tls(stream, &config, ""));
        open.fetch_sub(1, Ordering::SeqCst);
        result
    });
    let run = server.scan().args(["--json"]).trusting(&ca.pem()).run();
    run.exits(0);
    assert_eq!(suites(version(&object(&run), "TLSv1.2")), RUSTLS_12);
}

#[test]
fn server_without_starttls_is_not_scanned() {
    let server = ScanServer::start(|stream, _| {
        let mut writer = stream.try_clone()?;
        writer.write_all(b"220 mx.example ESMTP\r\n")?;
        for line in BufReader::new(stream).lines() {
            let reply: &[u8] = if line?.starts_with("EHLO") {
                b"250 mx\r\n"
            } else {
                b"221 bye\r\n"
            };
            writer.write_all(reply)?;
        }
        Ok(())
    });
    let run = server.scan().args(["--json"]).run();
    run.exits(77).says(&["the server does not offer STARTTLS"]);
    assert_eq!(object(&run)["findings"][0]["status"], "unknown");
    assert_eq!(server.count.load(Ordering::SeqCst), 1);
}

#[test]
fn options_that_contradict_a_scan_are_refused() {
    for arguments in [
        &["--tls", "off"][..],
        &["--count", "2"],
        &["--nagios"],
        &["--expect", "tls"],
        &["-u", "alice"],
    ] {
        let run = Ehlo::new()
            .args(["probe", "--tls-scan", "127.0.0.1:1"])
            .args(arguments)
            .run();
        run.exits(64);
    }
}
