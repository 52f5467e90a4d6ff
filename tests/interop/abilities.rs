//! What goes to servers of growing and missing abilities.

use crate::run::{Ran, ehlo};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread::{self, JoinHandle};

/// What one conversation was.
#[derive(Default)]
pub struct Heard {
    /// The commands.
    pub commands: Vec<String>,
    /// The message, with its dots doubled if it came by DATA.
    pub message: Vec<u8>,
    /// Whether the whole of it came.
    pub is_whole: bool,
}

/// A server that offers these keywords and takes everything, for one connection.
pub fn serve(keywords: &'static [&'static str]) -> (u16, JoinHandle<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut heard = Heard::default();
        // The client may leave when it likes.
        let _ = converse(stream, keywords, &mut heard);
        heard
    });
    (port, served)
}

fn converse(stream: TcpStream, keywords: &[&str], heard: &mut Heard) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    out.write_all(b"220 mx.test ESMTP\r\n")?;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        heard.commands.push(line.to_owned());
        let verb = line.split(' ').next().unwrap_or_default();
        match verb {
            "EHLO" => {
                for keyword in keywords {
                    write!(out, "250-{keyword}\r\n")?;
                }
                out.write_all(b"250 HELP\r\n")?;
            }
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                loop {
                    let start = heard.message.len();
                    if input.read_until(b'\n', &mut heard.message)? == 0 {
                        return Ok(());
                    }
                    if &heard.message[start..] == b".\r\n" {
                        heard.message.truncate(start);
                        break;
                    }
                }
                heard.is_whole = true;
                out.write_all(b"250 taken\r\n")?;
            }
            "BDAT" => {
                let size = line.split(' ').nth(1).unwrap().parse().unwrap();
                let count = (&mut input).take(size).read_to_end(&mut heard.message)?;
                if count as u64 != size {
                    return Ok(());
                }
                heard.is_whole = line.ends_with(" LAST");
                out.write_all(b"250 chunk taken\r\n")?;
            }
            _ => out.write_all(b"250 ok\r\n")?,
        }
    }
}

/// Sends to such a server.
fn sent(keywords: &'static [&'static str], directory: &Path, arguments: &[&str]) -> (Ran, Heard) {
    let (port, served) = serve(keywords);
    let relay = format!("127.0.0.1:{port}");
    let fixed = [
        "-r", &relay, "--helo", "me.test", "-f", "a@x.test", "-s", "Grüße",
    ];
    let ran = ehlo(directory, &[&fixed[..], arguments].concat());
    // Wakes a server that nobody came to.
    let _ = TcpStream::connect(("127.0.0.1", port));
    (ran, served.join().unwrap())
}

fn mail(heard: &Heard) -> &str {
    let found = heard.commands.iter().find(|line| line.starts_with("MAIL"));
    found.map_or("", |line| line)
}

/// Every way to put octets above 127 into a message.
fn ways() -> (tempfile::TempDir, Vec<Vec<&'static str>>) {
    let directory = tempfile::tempdir().unwrap();
    let inside = "From: x@x.test\nSubject: inside\n\nASCII\n";
    for (name, content) in [
        ("ä.bin", &b"\xff\x00\r\xfe\n.\n"[..]),
        ("ö.txt", "größer\n".as_bytes()),
        ("m.eml", inside.as_bytes()),
        (
            "i.ics",
            "BEGIN:VCALENDAR\nVERSION:2.0\nX-A:ü\nEND:VCALENDAR\n".as_bytes(),
        ),
    ] {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let ways = vec![
        vec!["-b", "Grüße\n"],
        vec!["-b", "ASCII\n"],
        vec!["-b", "Grüße \n", "--html", "<p>ü</p>\n"],
        vec!["-b", "x", "-a", "ä.bin", "-a", "ö.txt;description=Größe"],
        vec!["--markdown", "# Käse\n", "--calendar", "i.ics"],
        vec!["-b", "ü\n", "--attach-message", "m.eml"],
    ];
    (directory, ways)
}

#[test]
fn without_8bitmime_no_octet_above_127_is_sent() {
    let (directory, ways) = ways();
    for way in ways {
        for keywords in [&["PIPELINING", "SIZE"][..], &["CHUNKING"], &[]] {
            let (ran, heard) = sent(
                keywords,
                directory.path(),
                &[&way[..], &["b@y.test"]].concat(),
            );
            ran.ends_with(0);
            assert!(heard.is_whole && heard.message.is_ascii(), "{way:?}");
            assert!(!mail(&heard).contains("BODY="), "{way:?}: {}", mail(&heard));
        }
    }
}

#[test]
fn with_8bitmime_body_says_8bitmime_exactly_when_there_are_such_octets() {
    let (directory, ways) = ways();
    for keywords in [
        &["8BITMIME", "PIPELINING"][..],
        &["8BITMIME", "CHUNKING", "PIPELINING"],
    ] {
        for way in &ways {
            let arguments = [&way[..], &["b@y.test"]].concat();
            let (ran, heard) = sent(keywords, directory.path(), &arguments);
            ran.ends_with(0);
            let says = mail(&heard).contains(" BODY=8BITMIME");
            assert_eq!(says, !heard.message.is_ascii(), "{way:?}: {}", mail(&heard));
        }
    }
}

#[test]
fn with_binarymime_an_attachment_goes_raw() {
    let (directory, _) = ways();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    std::fs::write(directory.path().join("raw.bin"), &bytes).unwrap();
    let arguments = ["-b", "x", "-a", "raw.bin", "b@y.test"];
    let holds = |heard: &Heard| memchr::memmem::find(&heard.message, &bytes).is_some();
    for (keywords, is_raw) in [
        (
            &["8BITMIME", "BINARYMIME", "CHUNKING", "PIPELINING"][..],
            true,
        ),
        (&["8BITMIME", "BINARYMIME", "CHUNKING"], true),
        (&["8BITMIME", "CHUNKING"], false),
        (&["8BITMIME", "BINARYMIME"], false),
    ] {
        let (ran, heard) = sent(keywords, directory.path(), &arguments);
        ran.ends_with(0);
        assert!(heard.is_whole);
        assert_eq!(holds(&heard), is_raw, "{keywords:?}");
        assert_eq!(
            mail(&heard).contains(" BODY=BINARYMIME"),
            is_raw,
            "{keywords:?}"
        );
    }
    let off = [&["--chunking", "off"], &arguments[..]].concat();
    let (ran, heard) = sent(
        &["8BITMIME", "BINARYMIME", "CHUNKING"],
        directory.path(),
        &off,
    );
    ran.ends_with(0);
    assert!(!holds(&heard) && heard.commands.iter().any(|line| line == "DATA"));
}

#[test]
fn without_smtputf8_a_local_part_in_other_script_is_refused_as_5_6_7() {
    let directory = tempfile::tempdir().unwrap();
    let (ran, heard) = sent(&["8BITMIME"], directory.path(), &["-b", "x", "用户@y.test"]);
    ran.ends_with(69);
    assert!(!heard.commands.iter().any(|line| line.starts_with("RCPT")));
    assert!(
        ran.stderr.contains("5.6.7") || ran.stderr.contains("SMTPUTF8"),
        "{}",
        ran.stderr
    );
    let (ran, _) = sent(&[], directory.path(), &["--json", "-b", "x", "用户@y.test"]);
    assert!(ran.text().contains("5.6.7"), "{}", ran.text());
}

#[test]
fn without_smtputf8_a_domain_in_other_script_goes_as_a_labels() {
    let directory = tempfile::tempdir().unwrap();
    let (ran, heard) = sent(&[], directory.path(), &["-b", "x", "bob@bücher.test"]);
    ran.ends_with(0);
    assert!(
        heard
            .commands
            .contains(&"RCPT TO:<bob@xn--bcher-kva.test>".to_owned())
    );
    assert!(heard.message.is_ascii());
}
