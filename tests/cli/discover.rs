//! `ehlo config discover`, and `config init` for an address whose provider is not known. SRV records name servers on any
//! port; the rest is tested in `interop/discover.rs`, where the usual ports are free.

use crate::authority::Authority;
use crate::dns::Authority as Names;
use crate::program::Ehlo;
use crate::receiver::Receiver;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// A server for mail.crepes.fr with this use of TLS, and its port.
fn server(authority: &Authority, tls: &str) -> (Receiver, String) {
    let papers = authority.issue(&["mail.crepes.fr"]);
    let files = [("cert.pem", papers.pem()), ("key.pem", papers.key_pem())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let options = ["--tls", tls, "--cert", "cert.pem", "--key", "key.pem"];
    let server = Receiver::with_files(&files, &options);
    let port = server.relay().rsplit_once(':').unwrap().1.to_owned();
    (server, port)
}

/// The program with this DNS and this CA.
fn ehlo(names: &Names, authority: &Authority, arguments: &[&str]) -> Ehlo {
    let ehlo = Ehlo::new();
    let ca = ehlo.file("ca.pem", authority.pem());
    ehlo.args(["config"])
        .args(arguments)
        .args(["--dns", &names.address.to_string(), "--ca-file"])
        .args([ca])
}

#[test]
fn profile_is_printed_for_the_server_of_the_srv_record() {
    let authority = Authority::new();
    for (service, tls) in [("_submissions", "implicit"), ("_submission", "starttls")] {
        let (server, port) = server(&authority, tls);
        let names = Names::serve(&[
            format!("{service}._tcp.crepes.fr SRV 0 1 {port} mail.crepes.fr"),
            "mail.crepes.fr A 127.0.0.1".to_owned(),
        ]);
        let run = ehlo(&names, &authority, &["discover", "Alice <alice@crepes.fr>"]).run();
        run.exits(0).complains(0).shows(&[
            &format!("found by the SRV record of {service}._tcp.crepes.fr"),
            "its certificate is for mail.crepes.fr",
            "[profile.\"crepes.fr\"]",
            &format!("relay = \"mail.crepes.fr:{port}\""),
            &format!("tls = \"{tls}\""),
            "from = \"Alice <alice@crepes.fr>\"",
            "user = \"alice@crepes.fr\"",
        ]);
        let check = Ehlo::new();
        let config = check.private("c.toml", &run.stdout);
        check
            .args(["config", "check", "--config"])
            .args([config])
            .run()
            .exits(0);
        // No password was asked for, and no mail was sent.
        assert!(server.stop().stdout.is_empty());
    }
}

#[test]
fn server_with_the_wrong_certificate_is_not_accepted() {
    let authority = Authority::new();
    let (_server, port) = server(&authority, "implicit");
    let names = Names::serve(&[
        format!("_submissions._tcp.crepes.fr SRV 0 1 {port} other.crepes.fr"),
        "other.crepes.fr A 127.0.0.1".to_owned(),
    ]);
    let run = ehlo(
        &names,
        &authority,
        &["discover", "alice@crepes.fr", "-v", "--no-database"],
    )
    .run();
    run.exits(68).says(&[
        &format!("other.crepes.fr:{port}: "),
        "SRV _submission._tcp.crepes.fr: there is none",
    ]);
    assert!(run.stdout.is_empty());
}

#[test]
fn failed_lookup_is_temporary() {
    let names = Names::serve(&["_submissions._tcp.crepes.fr SRV SERVFAIL"]);
    let run = ehlo(
        &names,
        &Authority::new(),
        &["discover", "alice@crepes.fr", "--no-database"],
    )
    .run();
    run.exits(75).complains(1).says(&["crepes.fr", "-v"]);
}

#[test]
fn preferred_server_is_tried_first_and_the_next_if_it_is_down() {
    let authority = Authority::new();
    let (_server, port) = server(&authority, "implicit");
    let closed = crate::spool::closed();
    let names = Names::serve(&[
        format!("_submissions._tcp.crepes.fr SRV 20 1 {port} mail.crepes.fr"),
        format!("_submissions._tcp.crepes.fr SRV 10 1 {closed} mail.crepes.fr"),
        "mail.crepes.fr A 127.0.0.1".to_owned(),
    ]);
    let run = ehlo(&names, &authority, &["discover", "alice@crepes.fr", "-v"]).run();
    run.exits(0)
        .says(&[&format!("mail.crepes.fr:{closed}: ")])
        .shows(&[&format!("relay = \"mail.crepes.fr:{port}\"")]);
}

#[test]
fn config_init_uses_the_server_that_is_found() {
    let authority = Authority::new();
    let (_server, port) = server(&authority, "implicit");
    let names = Names::serve(&[
        format!("_submissions._tcp.crepes.fr SRV 0 1 {port} mail.crepes.fr"),
        "mail.crepes.fr A 127.0.0.1".to_owned(),
    ]);
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("c.toml");
    ehlo(
        &names,
        &authority,
        &["init", "--address", "alice@crepes.fr"],
    )
    .args(["--yes", "--config"])
    .args([&config])
    .run()
    .exits(0);
    let text = std::fs::read_to_string(config).unwrap();
    for line in [
        &format!("relay = \"mail.crepes.fr:{port}\"\ntls = \"implicit\""),
        "user = \"alice@crepes.fr\"",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn addresses_without_a_domain_are_refused() {
    let run = Ehlo::new().args(["config", "discover", "alice"]).run();
    run.exits(64);
}

fn bytes(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut buffer = vec![0; count];
    stream.read_exact(&mut buffer).unwrap();
    buffer
}

/// A proxy that connects to this host, whatever the name; returns its port, and reports the names.
fn tunnel() -> (u16, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (names, all) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            assert_eq!(bytes(&mut client, 3), b"\x05\x01\x00");
            client.write_all(b"\x05\x00").unwrap();
            let length = bytes(&mut client, 5)[4];
            let name = String::from_utf8(bytes(&mut client, length.into())).unwrap();
            let port = bytes(&mut client, 2);
            let port = u16::from_be_bytes([port[0], port[1]]);
            names.send(name).unwrap();
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)) else {
                client.write_all(b"\x05\x04\x00\x01\0\0\0\0\0\0").unwrap();
                continue;
            };
            client.write_all(b"\x05\x00\x00\x01\0\0\0\0\0\0").unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            thread::spawn(move || std::io::copy(&mut server, &mut client));
        }
    });
    (port, all)
}

#[test]
fn servers_are_reached_through_a_proxy_that_resolves_their_names() {
    let authority = Authority::new();
    let (_server, port) = server(&authority, "implicit");
    // The name of the server has no address here.
    let names = Names::serve(&[format!(
        "_submissions._tcp.crepes.fr SRV 0 1 {port} mail.crepes.fr"
    )]);
    let (proxy, asked) = tunnel();
    let url = format!("socks5://127.0.0.1:{proxy}");
    let run = ehlo(
        &names,
        &authority,
        &["discover", "alice@crepes.fr", "--proxy", &url],
    )
    .run();
    run.exits(0)
        .shows(&[&format!("relay = \"mail.crepes.fr:{port}\"")]);
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), ["mail.crepes.fr"]);
    let closed = format!("socks5://127.0.0.1:{}", crate::spool::closed());
    let run = ehlo(
        &names,
        &authority,
        &["discover", "alice@crepes.fr", "-v", "--proxy", &closed],
    )
    .run();
    run.exits(68)
        .says(&["cannot connect to the proxy", &format!("through {closed}")]);
    let run = Ehlo::new()
        .args(["config", "discover", "alice@crepes.fr", "--proxy", &url])
        .run();
    run.exits(64).says(&["--dns"]);
}
