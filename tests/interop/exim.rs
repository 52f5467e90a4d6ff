//! Exim, whose TLS is `GnuTLS`. It cannot be installed beside Postfix, so that it is looked for where
//! `.ci/run` has unpacked it. What it takes stays in its spool.

use crate::ca::{Ca, Signed};
use crate::parts;
use crate::postfix::{free_port, wait_for};
use crate::run::{Ran, Start, ehlo_with};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const PROGRAMS: [&str; 2] = ["/usr/sbin/exim4", "/opt/exim4/usr/sbin/exim4"];

/// The user that the package's program runs as.
const USER: &str = "Debian-exim";

/// What is said to it before the message.
const SMALL: [&str; 6] = [
    "-f",
    "alice@sender.test",
    "-s",
    "hi",
    "--helo",
    "client.test",
];

/// A running Exim with one user; it ends with this value.
pub struct Exim {
    child: Child,
    directory: TempDir,
    ca: Ca,
    /// With STARTTLS, and with TLS from the first byte on.
    ports: [u16; 2],
}

/// What stands in the spool.
struct Taken {
    header: String,
    body: String,
}

impl Exim {
    /// Starts one; `None` where that is not possible, with the reason printed.
    pub fn start() -> Option<Self> {
        let mut programs = PROGRAMS.into_iter();
        let Some(program) = programs.find(|program| Path::new(program).exists()) else {
            parts::skip("Exim is neither installed nor unpacked in /opt/exim4");
            return None;
        };
        let mut known = Command::new("getent");
        if !parts::is_root() || !parts::works(known.args(["passwd", USER]), "the user of Exim") {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(root.join("spool")).unwrap();
        fs::create_dir(root.join("log")).unwrap();
        let ca = Ca::make(root);
        let server = ca.sign("server", &["mx.exim.test", "127.0.0.1"]);
        let chown = Command::new("chown")
            .args([USER, "spool", "log", &server.both])
            .current_dir(root)
            .status();
        assert!(chown.unwrap().success());
        let ports = [free_port(), free_port()];
        let configuration = configuration(root, &ca, &server, ports);
        fs::write(root.join("conf"), configuration).unwrap();
        let child = Command::new(program)
            .arg("-bdf")
            .arg("-C")
            .arg(root.join("conf"))
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let exim = Self {
            child,
            directory,
            ca,
            ports,
        };
        for port in ports {
            wait_for("exim", || TcpStream::connect(("127.0.0.1", port)).ok());
        }
        Some(exim)
    }

    /// Where it listens in clear, as a relay is named.
    pub fn relay(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Sends to bob as alice, whose password stands in the environment.
    fn send(&self, implicit: bool, password: &str, arguments: &[&str]) -> Ran {
        let start = Start {
            variables: &[("EHLO_PASSWORD", password)],
            ..Start::default()
        };
        let relay = format!("127.0.0.1:{}", self.ports[usize::from(implicit)]);
        let tls = if implicit { "implicit" } else { "starttls" };
        let way = ["-r", &relay, "--tls", tls, "--ca-file", &self.ca.file()];
        let to = ["-u", "alice", "bob@example.test"];
        let all = [&way[..], &SMALL, arguments, &to].concat();
        ehlo_with(self.directory.path(), &all, &start)
    }

    /// The only message in the spool, which is taken out.
    fn take(&self) -> Taken {
        let (mut headers, mut bodies) = (Vec::new(), Vec::new());
        for file in fs::read_dir(self.directory.path().join("spool/input")).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            fs::remove_file(&path).unwrap();
            match path.to_str().unwrap().rsplit('-').next() {
                Some("H") => headers.push(text),
                // Its first line is the name of the file.
                Some("D") => bodies.push(text.split_once('\n').unwrap().1.to_owned()),
                _ => {}
            }
        }
        assert_eq!((headers.len(), bodies.len()), (1, 1));
        Taken {
            header: headers.remove(0),
            body: bodies.remove(0),
        }
    }

    /// Number of messages in the spool, which are taken out.
    fn take_all(&self) -> usize {
        let files = fs::read_dir(self.directory.path().join("spool/input")).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let taken = paths.inspect(|path| fs::remove_file(path).unwrap());
        taken
            .filter(|path| path.to_str().unwrap().ends_with("-H"))
            .count()
    }

    fn is_empty(&self) -> bool {
        let input = self.directory.path().join("spool/input");
        fs::read_dir(input).map_or(true, |mut files| files.next().is_none())
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        // Those who hold a conversation, too: they write to the log when it is over.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn configuration(root: &Path, ca: &Ca, server: &Signed, [clear, implicit]: [u16; 2]) -> String {
    let root = root.display();
    format!(
        "primary_hostname = mx.exim.test
keep_environment =
spool_directory = {root}/spool
log_file_path = {root}/log/%slog
pid_file_path = {root}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {clear} : {implicit}
tls_on_connect_ports = {implicit}
tls_advertise_hosts = *
tls_certificate = {}
tls_verify_certificates = {}
tls_try_verify_hosts = *
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
message_size_limit = 100M
queue_only = true
host_lookup =
prdr_enable = true
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  accept authenticated = *
  accept local_parts = postmaster
  deny message = log in first
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{alice}}}}{{eq{{$auth3}}{{wonderland}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{alice}}}}{{eq{{$auth2}}{{wonderland}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{alice}}{{wonderland}}fail}}
  server_set_id = $auth1
external:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = $tls_in_certificate_verified
  server_condition = ${{if eq{{$auth1}}{{alice}}}}
  server_set_id = $auth1
",
        server.both,
        ca.file()
    )
}

/// The message is in the spool, and came in this way.
#[track_caller]
fn is_taken(exim: &Exim, body: &str) {
    let taken = exim.take();
    let header = taken.header;
    assert!(header.contains("--auth_id alice\n"), "{header}");
    assert!(header.contains("-received_protocol esmtpsa\n"), "{header}");
    assert!(header.contains("\nbob@example.test\n"), "{header}");
    assert!(taken.body == body, "{}", taken.body);
}

#[test]
fn every_mechanism_gets_in_with_both_ways_of_tls() {
    let Some(exim) = Exim::start() else { return };
    for implicit in [false, true] {
        for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
            let how = ["--auth", mechanism, "-b", "text"];
            exim.send(implicit, "wonderland", &how)
                .ends_with(0)
                .shows(", certificate of 127.0.0.1 verified\n")
                .shows(&format!(">>> AUTH {mechanism}"))
                .shows("bob@example.test... Sent (")
                .hides("wonderland");
            is_taken(&exim, "text\n");
        }
    }
}

#[test]
fn a_certificate_of_ours_gets_in_without_a_password() {
    let Some(exim) = Exim::start() else { return };
    let client = exim.ca.sign("client", &["client.test"]);
    for implicit in [false, true] {
        let identity = ["--cert", &client.certificate, "--key", &client.key];
        let how = ["--auth", "EXTERNAL", "-b", "text"];
        exim.send(implicit, "", &[&identity[..], &how].concat())
            .ends_with(0)
            .shows(">>> AUTH EXTERNAL ");
        is_taken(&exim, "text\n");
    }
}

#[test]
fn a_wrong_password_is_refused() {
    let Some(exim) = Exim::start() else { return };
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        let how = ["--auth", mechanism, "-b", "text"];
        exim.send(false, "looking-glass", &how)
            .ends_with(77)
            .hides(">>> MAIL")
            .complains("rejected the login: 535 Incorrect authentication data");
        assert!(exim.is_empty());
    }
}

#[test]
fn a_message_of_some_megabytes_arrives_in_chunks_and_with_dots() {
    let Some(exim) = Exim::start() else { return };
    let text = "a line of text\n.\n..\n.x\n".repeat(150_000);
    fs::write(exim.directory.path().join("text"), &text).unwrap();
    for implicit in [false, true] {
        for (chunking, word) in [("auto", ">>> BDAT "), ("off", ">>> DATA\n")] {
            let how = ["--chunking", chunking, "-b", "@text"];
            exim.send(implicit, "wonderland", &how)
                .ends_with(0)
                .shows(word);
            is_taken(&exim, &text);
        }
    }
}

#[test]
fn every_way_of_pipelining_keeps_in_step() {
    let Some(exim) = Exim::start() else { return };
    for pipelining in ["auto", "off"] {
        for chunking in ["auto", "off"] {
            let how = ["--pipelining", pipelining, "--chunking", chunking];
            exim.send(false, "wonderland", &[&how[..], &["-b", "text"]].concat())
                .ends_with(0)
                .hides("synchronization");
            is_taken(&exim, "text\n");
        }
    }
}

#[test]
fn envelopes_that_are_sent_ahead_keep_in_step() {
    let Some(exim) = Exim::start() else { return };
    for chunking in ["auto", "off"] {
        let how = ["--repeat", "5", "--reuse", "--chunking", chunking];
        exim.send(false, "wonderland", &[&how[..], &["-b", "text"]].concat())
            .ends_with(0)
            .hides("synchronization");
        assert_eq!(exim.take_all(), 5, "{chunking}");
    }
}
