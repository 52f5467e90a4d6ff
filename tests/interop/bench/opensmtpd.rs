//! `OpenSMTPD`. It cannot be installed beside Postfix, and its directories are fixed: it runs with directories
//! of its own in their places, which nobody else sees.

use crate::parts;
use crate::postfix::{free_port, wait_for};
use crate::receiver::Receiver;
use crate::run::ehlo;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Where `.ci/run` has unpacked it.
const PROGRAM: &str = "/opt/opensmtpd/usr/sbin/smtpd";

/// Makes the directories, and becomes the server.
const SCRIPT: &str = "
set -e
for place in /var/spool /var/lib /run /usr/libexec; do
    mount -t tmpfs none $place
done
mkdir -m 711 /var/spool/smtpd
mkdir -p /var/lib/opensmtpd/empty /usr/libexec/opensmtpd
mount --bind /opt/opensmtpd/usr/libexec/opensmtpd /usr/libexec/opensmtpd
exec /opt/opensmtpd/usr/sbin/smtpd -d -f \"$1\"
";

/// A running `OpenSMTPD`, which hands all mail on; it ends with this value.
struct OpenSmtpd {
    child: Child,
    directory: TempDir,
    ports: [u16; 2],
}

impl OpenSmtpd {
    fn start(next: &str) -> Option<Self> {
        let mut known = Command::new("getent");
        let known = known.args(["passwd", "opensmtpd", "opensmtpq"]);
        if !parts::has(PROGRAM)
            || !parts::is_root()
            || !parts::works(known, "the users of OpenSMTPD")
            || !parts::works(Command::new("unshare").args(["-m", "true"]), "unshare -m")
        {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let ports = [free_port(), free_port()];
        let configuration = format!(
            "listen on 127.0.0.1 port {} hostname mx.open.test\n\
             listen on 127.0.0.1 port {} proxy-v2\n\
             action \"out\" relay host smtp://{next}\n\
             match from any for any action \"out\"\n",
            ports[0], ports[1]
        );
        let path = directory.path().join("conf");
        fs::write(&path, configuration).unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let child = Command::new("unshare")
            .args(["-m", "/bin/sh", "-c", SCRIPT, "sh"])
            .arg(&path)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self {
            child,
            directory,
            ports,
        };
        for port in ports {
            wait_for("OpenSMTPD", || TcpStream::connect(("127.0.0.1", port)).ok());
        }
        Some(server)
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

impl Drop for OpenSmtpd {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn opensmtpd_takes_a_message_with_its_reports_and_answers_questions() {
    let receiver = Receiver::start(&["--json", "--maildir", "m"]);
    let Some(server) = OpenSmtpd::start(&receiver.relay()) else {
        return;
    };
    let relay = format!("127.0.0.1:{}", server.ports[0]);
    let directory = tempfile::tempdir().unwrap();
    let way = [
        "-r",
        &relay,
        "--helo",
        "client.test",
        "-f",
        "alice@sender.test",
    ];
    let reports = ["--notify", "success", "--ret", "hdrs", "--envid", "a=b"];
    let original = ["--orcpt", "bob@example.test=rfc822;robert+x@example.test"];
    let what = ["-b", "a line\n.\n..", "bob@example.test"];
    ehlo(
        directory.path(),
        &[&way[..], &reports, &original, &what].concat(),
    )
    .ends_with(0)
    .shows(" RET=HDRS ENVID=a+3Db\n")
    .shows(" NOTIFY=SUCCESS ORCPT=rfc822;robert+2Bx@example.test\n");
    let new = receiver.path("m/new");
    let message = wait_for("the message", || {
        let path = fs::read_dir(&new).ok()?.next()?.unwrap().path();
        Some(fs::read_to_string(path).ok()?.replace("\r\n", "\n"))
    });
    assert!(message.contains("\na line\n.\n..\n"), "{message}");
    ehlo(directory.path(), &["ask", &relay, "HELP", "NOOP", "RSET"])
        .ends_with(0)
        .shows("\n214-2.0.0 This is OpenSMTPD\n");
    ehlo(directory.path(), &["ask", &relay, "VRFY bob", "NOOP"])
        .ends_with(69)
        .shows("\n500 5.5.1 ");
    receiver.stop();
}

#[test]
fn opensmtpd_sees_whom_a_proxy_announces() {
    let Some(server) = OpenSmtpd::start("127.0.0.1:9") else {
        return;
    };
    let relay = format!("127.0.0.1:{}", server.ports[1]);
    let directory = tempfile::tempdir().unwrap();
    for (client, other) in [
        ("192.0.2.5", "198.51.100.2"),
        ("[2001:db8::5]", "[2001:db8::2]"),
    ] {
        let header = format!("v2 {client}:55 {other}:25");
        let ask = ["ask", &relay, "--proxy-protocol", &header, "NOOP"];
        ehlo(directory.path(), &ask).ends_with(0);
        let words = format!("smtp connected address={client} ");
        wait_for(&words, || {
            let text = fs::read_to_string(server.log()).unwrap();
            text.contains(&words).then_some(())
        });
    }
}
