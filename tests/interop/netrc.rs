//! `~/.netrc`: the password that ehlo sends is the one that curl and msmtp send from the same file.

use crate::parts;
use crate::run::{Start, ehlo_with};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

const CURL: &str = "/usr/bin/curl";
const MSMTP: &str = "/usr/bin/msmtp";

/// Passwords as they stand in the file. msmtp knows no backslash in quotes, nor a quote in a word.
const PASSWORDS: [(&str, bool); 14] = [
    ("hunter2", true),
    (r"pa\ss", true),
    (r"a\\b", true),
    (r"\\", true),
    (r"a\ b", true),
    ("hunter#2", true),
    ("\"#hunter2\"", true),
    ("\"hunter 2\"", true),
    ("\"öäü\"", true),
    (r#""pa\\ss""#, false),
    (r#""a\"b""#, false),
    (r#""a\xb\'c""#, false),
    (r#"a"b""#, false),
    (r#"\"a"#, false),
];

/// Refuses every login on one connection, and gives what AUTH PLAIN said.
fn hear_login(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    stream.write_all(b"220 mx.test\r\n").unwrap();
    let mut login = None;
    for line in lines.map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let reply: &[u8] = match words[..] {
            ["EHLO", ..] => b"250-mx.test\r\n250 AUTH PLAIN\r\n",
            ["AUTH", "PLAIN", response] => {
                login = BASE64_STANDARD.decode(response).ok();
                b"535 no\r\n"
            }
            ["AUTH", "PLAIN"] => b"334 \r\n",
            [response] if login.is_none() && response != "QUIT" => {
                login = BASE64_STANDARD.decode(response).ok();
                b"535 no\r\n"
            }
            ["QUIT"] => b"221 bye\r\n",
            _ => b"500 what\r\n",
        };
        if stream.write_all(reply).is_err() {
            break;
        }
    }
    login
}

/// The login that a program sends to a server of its own, which it is told the port of.
fn login_of(run: impl FnOnce(&str)) -> Option<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    let server = thread::spawn(move || hear_login(&mut listener.accept().unwrap().0));
    run(&place.port().to_string());
    // A program that did not connect must not keep the server waiting.
    drop(TcpStream::connect(place));
    server.join().unwrap()
}

fn quietly(command: &mut Command, home: &Path) {
    command
        .env("HOME", home)
        .stdin(fs::File::open(home.join("message")).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
}

#[test]
fn passwords_of_netrc_are_those_of_curl_and_msmtp() {
    if !parts::has(CURL) || !parts::has(MSMTP) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (netrc, place) = (home.path().join(".netrc"), home.path());
    fs::write(place.join("message"), "Subject: hi\n\ntext\n").unwrap();
    for (password, msmtp_agrees) in PASSWORDS {
        let entry = format!("machine 127.0.0.1 login alice password {password}\n");
        fs::write(&netrc, entry).unwrap();
        fs::set_permissions(&netrc, Permissions::from_mode(0o600)).unwrap();
        let curl = login_of(|port| {
            let server = format!("smtp://127.0.0.1:{port}");
            let mail = [
                "--mail-from",
                "a@b.test",
                "--mail-rcpt",
                "c@d.test",
                "-T",
                "-",
            ];
            let mut curl = Command::new(CURL);
            curl.args(["-q", "-s", "--noproxy", "*", "--netrc-file"])
                .arg(&netrc);
            quietly(curl.args(mail).arg(server), place);
        });
        let ours = login_of(|port| {
            let relay = format!("127.0.0.1:{port}");
            let who = [
                "-u",
                "alice",
                "--auth",
                "PLAIN",
                "--allow-cleartext-password",
            ];
            let what = ["-r", &relay, "-f", "a@b.test", "-b", "hi", "c@d.test"];
            let variables = [("HOME", place.to_str().unwrap())];
            let start = Start {
                variables: &variables,
                ..Start::default()
            };
            ehlo_with(place, &[&who[..], &what].concat(), &start).ends_with(77);
        });
        assert!(curl.is_some(), "curl sent no login for {password}");
        assert_eq!(ours, curl, "{password}");
        if !msmtp_agrees {
            continue;
        }
        let msmtp = login_of(|port| {
            let port = format!("--port={port}");
            let how = [
                "--host=127.0.0.1",
                "--auth=plain",
                "--tls=off",
                "--user=alice",
            ];
            let mut msmtp = Command::new(MSMTP);
            msmtp.args(how).args([&port, "--from=a@b.test", "c@d.test"]);
            quietly(&mut msmtp, place);
        });
        assert_eq!(ours, msmtp, "{password}");
    }
}
