//! `--proxy` with MX routing: the proxy gets the names of the exchangers, and only their MX is asked for.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use crate::run::send;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A proxy for HTTP that connects to one address, whatever it is asked for; and what it was asked for.
fn proxy(to: SocketAddr) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (mut client, mut head) = (client, Vec::new());
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = sender.send(target);
            let server = TcpStream::connect(to).unwrap();
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            join(&client, &server);
        }
    });
    (url, asked)
}

/// Copies both ways until both have ended.
fn join(client: &TcpStream, server: &TcpStream) {
    let copy = |from: &TcpStream, to: &TcpStream| {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        })
    };
    let threads = [copy(client, server), copy(server, client)];
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn the_proxy_resolves_the_exchanger() {
    let dns = Authority::serve(&["example.test MX 10 mx.example.test"]);
    let mx = Exchangers::willing(&["127.0.0.2"]);
    let (url, asked) = proxy(SocketAddr::new("127.0.0.2".parse().unwrap(), mx.port));
    let ran = send(&dns, &mx, &["--proxy", &url, "bob@example.test"]);
    ran.ends_with(0).shows(&format!("through {url}"));
    assert_eq!(
        asked.recv().unwrap(),
        format!("mx.example.test:{}", mx.port)
    );
    let mut asked = dns.asked();
    asked.sort();
    let expected = [
        "MX example.test over UDP",
        "TXT _mta-sts.example.test over UDP",
    ];
    assert_eq!(asked, expected, "other lookups");
    assert_eq!(mx.takers(), ["127.0.0.2"]);
}
