//! OpenSSL's `s_server`, which can be old and odd. It knows no SMTP: what it deciphers is answered by
//! a thread here, through its standard input and output.

use crate::ca::Signed;
use crate::parts;
use crate::postfix::{free_port, wait_for};
use crate::reader::sha256;
use crate::run::{Ran, Start, ehlo_with};
use crate::submission::SMALL;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const PROGRAM: &str = "/usr/bin/openssl";

/// A key and a certificate.
pub struct Own {
    directory: TempDir,
}

impl Own {
    /// A self-signed certificate for 127.0.0.1 with a key of this kind (`-newkey`), and more options
    /// of `openssl req`.
    pub fn make(kind: &str, options: &[&str]) -> Self {
        let own = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let mut arguments = vec!["req", "-x509", "-nodes", "-days", "30"];
        arguments.extend(["-newkey", kind, "-subj", "/CN=odd.test"]);
        arguments.extend(["-addext", "subjectAltName=IP:127.0.0.1,DNS:odd.test"]);
        arguments.extend(options);
        let (key, certificate) = (own.key(), own.certificate());
        arguments.extend(["-keyout", &key, "-out", &certificate]);
        openssl(&arguments);
        own
    }

    /// A certificate of version 1, which has no names but its subject.
    pub fn make_version_1() -> Self {
        let own = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let (key, certificate) = (own.key(), own.certificate());
        let request = own.path("request");
        let subject = ["-subj", "/CN=127.0.0.1"];
        let new = ["req", "-new", "-nodes", "-newkey", "rsa:2048"];
        let files = ["-keyout", &key, "-out", &request];
        openssl(&[&new[..], &subject, &files].concat());
        let sign = ["x509", "-req", "-in", &request, "-signkey", &key];
        openssl(&[&sign[..], &["-out", &certificate]].concat());
        own
    }

    /// One that a CA has signed already.
    pub fn by_ca(signed: &Signed) -> Self {
        let own = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        fs::copy(&signed.certificate, own.certificate()).unwrap();
        fs::copy(&signed.key, own.key()).unwrap();
        own
    }

    fn path(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// The file of the certificate.
    pub fn certificate(&self) -> String {
        self.path("certificate.pem")
    }

    /// The file of the key.
    pub fn key(&self) -> String {
        self.path("key.pem")
    }

    /// Its sum, as `--pin` wants it.
    pub fn pin(&self) -> String {
        let der = self.path("certificate.der");
        let files = ["-in", &self.certificate(), "-out", &der];
        openssl(&[&["x509", "-outform", "DER"], &files[..]].concat());
        format!("sha256:{}", sha256(&fs::read(der).unwrap()))
    }

    /// As a client's: the key must be ours alone.
    pub fn guard(&self) {
        fs::set_permissions(self.key(), Permissions::from_mode(0o600)).unwrap();
    }
}

/// Whether there is an `openssl` on this host; says so when not.
pub fn is_there() -> bool {
    parts::has(PROGRAM)
}

#[track_caller]
fn openssl(arguments: &[&str]) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

/// A running server; it ends with this value.
pub struct SServer {
    child: Child,
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl SServer {
    /// Starts one with this certificate and these options.
    pub fn start(own: &Own, options: &[&str]) -> Self {
        Self::start_saying(own, options, "220 odd.test ESMTP\r\n")
    }

    /// The same that does not speak first, as behind STARTTLS.
    pub fn start_silent(own: &Own, options: &[&str]) -> Self {
        Self::start_saying(own, options, "")
    }

    fn start_saying(own: &Own, options: &[&str], greeting: &'static str) -> Self {
        // The port may be taken between the look and the start; then the next is tried.
        wait_for("s_server", || Self::try_start(own, options, greeting))
    }

    fn try_start(own: &Own, options: &[&str], greeting: &'static str) -> Option<Self> {
        let port = free_port();
        let mut child = Command::new(PROGRAM)
            .args(["s_server", "-quiet", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .args(["-cert", &own.certificate(), "-key", &own.key()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (output, mut input) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        // It is read when somebody has connected.
        input.write_all(greeting.as_bytes()).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&heard);
        // It ends with the server.
        std::thread::spawn(move || drop(converse(output, input, &lines)));
        let mut server = Self { child, port, heard };
        wait_for("s_server's port", || {
            let gone = server.child.try_wait().unwrap().is_some();
            let there = listens(port);
            (gone || there).then_some(there && !gone)
        })
        .then_some(server)
    }

    /// The service as `--relay` wants it.
    pub fn relay(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends a small message there, with TLS from the first byte on.
    pub fn send(&self, arguments: &[&str]) -> Ran {
        let relay = self.relay();
        let fixed = ["-r", &relay, "--helo", "client.test", "--tls", "implicit"];
        let to = ["bob@example.test"];
        let all = [&fixed[..], &SMALL, arguments, &to].concat();
        ehlo_with(Path::new("/"), &all, &Start::default())
    }

    /// The lines that came, without TLS.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for SServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody listens there. Connecting would take the greeting away.
fn listens(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let place = format!(": 0100007F:{port:04X} 00000000:0000 0A ");
    table.contains(&place)
}

fn converse(
    output: ChildStdout,
    mut input: ChildStdin,
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut is_message = false;
    for line in BufReader::new(output).lines() {
        let line = line?;
        let line = line.trim_end_matches('\r');
        heard.lock().unwrap().push(line.to_owned());
        if is_message {
            is_message = line != ".";
            if !is_message {
                say(&mut input, "250 2.0.0 taken")?;
            }
            continue;
        }
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" => say(&mut input, "250-odd.test\r\n250 8BITMIME")?,
            "DATA" => {
                is_message = true;
                say(&mut input, "354 go on")?;
            }
            "QUIT" => say(&mut input, "221 2.0.0 bye")?,
            _ => say(&mut input, "250 2.0.0 fine")?,
        }
    }
    Ok(())
}

fn say(to: &mut impl Write, text: &str) -> std::io::Result<()> {
    to.write_all(format!("{text}\r\n").as_bytes())?;
    to.flush()
}
