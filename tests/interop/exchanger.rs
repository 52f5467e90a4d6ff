//! A mail exchanger in two parts: what it says in clear is said here, and behind STARTTLS everything
//! goes to an `s_server`.

use crate::authority::Authority;
use crate::run::{Ran, ehlo};
use crate::s_server::SServer;
use crate::submission::SMALL;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A running exchanger, as long as this process lives.
pub struct Exchanger {
    port: u16,
    in_clear: Arc<Mutex<Vec<String>>>,
}

impl Exchanger {
    /// Starts one in front of a server that does not greet.
    pub fn start(behind: &SServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let in_clear = Arc::new(Mutex::new(Vec::new()));
        let (heard, behind) = (Arc::clone(&in_clear), behind.relay());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // The client may leave when it likes.
                let _ = converse(&stream.unwrap(), &behind, &heard);
            }
        });
        Self { port, in_clear }
    }

    /// Sends a small message to example.test, whose exchanger it is.
    pub fn send(&self, arguments: &[&str]) -> Ran {
        let zone = ["example.test MX 10 mx.test", "mx.test A 127.0.0.1"];
        let dns = Authority::serve(&zone);
        let (address, port) = (dns.address.to_string(), self.port.to_string());
        let route = ["--dns", &address, "-p", &port, "--helo", "client.test"];
        let to = ["bob@example.test"];
        ehlo(
            Path::new("/"),
            &[&route[..], &SMALL, arguments, &to].concat(),
        )
    }

    /// The lines that came in clear.
    pub fn in_clear(&self) -> Vec<String> {
        self.in_clear.lock().unwrap().clone()
    }
}

fn converse(
    mut stream: &TcpStream,
    behind: &str,
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.write_all(b"220 mx.test ESMTP\r\n")?;
    let mut input = BufReader::new(stream);
    let mut is_message = false;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        heard.lock().unwrap().push(line.to_owned());
        let answer: &[u8] = match line.split(' ').next().unwrap_or_default() {
            "." => b"250 2.0.0 taken in clear\r\n",
            _ if is_message => continue,
            "EHLO" => b"250-mx.test\r\n250 STARTTLS\r\n",
            "STARTTLS" => b"220 2.0.0 go on\r\n",
            "DATA" => b"354 go on\r\n",
            _ => b"250 2.0.0 fine\r\n",
        };
        if line == "STARTTLS" {
            let server = TcpStream::connect(behind)?;
            stream.write_all(answer)?;
            return join(stream, &server);
        }
        is_message = line == "DATA";
        stream.write_all(answer)?;
    }
}

/// Hands everything on, both ways.
fn join(client: &TcpStream, server: &TcpStream) -> std::io::Result<()> {
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let upward = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ = std::io::copy(&mut from, &mut to);
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = upward.join();
    Ok(())
}
