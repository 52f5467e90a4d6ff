//! Dovecot by LMTP: from us through a unix socket and TCP, and through Postfix.

use super::logs;
use crate::parts;
use crate::postfix::{free_port, wait_for};
use crate::run::{Ran, ehlo};
use crate::submission::{Service, submission};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/dovecot";

/// A Dovecot with the mailboxes bob, which has room, and eve, which has none; it ends with this value.
struct Store {
    child: Child,
    directory: TempDir,
    port: u16,
}

impl Store {
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("lmtp");
        Self::start_in(directory, &socket)
    }

    /// With its socket elsewhere.
    fn start_at(socket: &Path) -> Option<Self> {
        Self::start_in(tempfile::tempdir().unwrap(), socket)
    }

    fn start_in(directory: TempDir, socket: &Path) -> Option<Self> {
        if !parts::has(PROGRAM) || !parts::has("/usr/lib/dovecot/lmtp") || !parts::is_root() {
            return None;
        }
        let root = directory.path();
        fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(root.join("mail")).unwrap();
        let owned = Command::new("chown")
            .args(["nobody", "mail"])
            .current_dir(root)
            .status();
        assert!(owned.unwrap().success());
        let place = root.display();
        let users = format!(
            "bob::65534:65534::{place}/mail/bob::\n\
             eve::65534:65534::{place}/mail/eve::userdb_quota_rule=*:bytes=10\n"
        );
        fs::write(root.join("users"), users).unwrap();
        let port = free_port();
        fs::write(root.join("conf"), configuration(root, socket, port)).unwrap();
        let child = Command::new(PROGRAM)
            .arg("-F")
            .arg("-c")
            .arg(root.join("conf"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let store = Self {
            child,
            directory,
            port,
        };
        wait_for("dovecot", || UnixStream::connect(socket).ok());
        Some(store)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn tcp(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How many messages are new in a mailbox.
    fn count(&self, mailbox: &str) -> usize {
        let new = self.path("mail").join(mailbox).join("new");
        fs::read_dir(new).map_or(0, Iterator::count)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

fn configuration(root: &Path, socket: &Path, port: u16) -> String {
    let (place, socket) = (root.display(), socket.display());
    format!(
        "base_dir = {place}/run
state_dir = {place}/run
log_path = {place}/log
instance_name = {place}
protocols = lmtp
listen = 127.0.0.1
ssl = no
hostname = lmtp.example.test
postmaster_address = postmaster@example.test
mail_location = maildir:~/
mail_plugins = quota
first_valid_uid = 1
first_valid_gid = 1
auth_username_format = %n
passdb {{
  driver = passwd-file
  args = {place}/users
}}
userdb {{
  driver = passwd-file
  args = {place}/users
}}
plugin {{
  quota = count:box
  quota_vsizes = yes
}}
service lmtp {{
  unix_listener {socket} {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"
    )
}

const THREE: [&str; 3] = [
    "bob@example.test",
    "eve@example.test",
    "nobody@example.test",
];

fn send(relay: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let way = ["--lmtp", "-r", relay, "--helo", "client.test"];
    let what = ["-f", "alice@sender.test", "-b", "hi"];
    ehlo(directory.path(), &[&way[..], &what, &THREE].concat())
}

#[test]
fn dovecot_has_a_reply_for_each_recipient_behind_the_dot() {
    let Some(store) = Store::start() else { return };
    let socket = store.path("lmtp").display().to_string();
    for (at, relay) in [socket, store.tcp()].iter().enumerate() {
        send(relay)
            .ends_with(79)
            .shows(">>> LHLO client.test\n")
            .shows("bob@example.test... Sent (")
            .shows("eve@example.test... Refused (552 5.2.2 ")
            .shows("nobody@example.test... Refused (550 5.1.1 ")
            .complains("in reply to the end of data");
        assert_eq!((store.count("bob"), store.count("eve")), (at + 1, 0));
    }
    let directory = tempfile::tempdir().unwrap();
    let relay = store.tcp();
    ehlo(
        directory.path(),
        &["ask", "--lmtp", &relay, "VRFY bob", "NOOP"],
    )
    .ends_with(0)
    .shows(">>> LHLO ");
}

#[test]
fn postfix_hands_it_on_to_dovecot() {
    let Some(submission) = submission() else {
        return;
    };
    let Some(store) = Store::start_at(&submission.postfix.path("lmtp")) else {
        return;
    };
    let relay = submission.relay(Service::Clear);
    let way = ["-r", &relay, "--tls", "off", "-f", "alice@sender.test"];
    let directory = tempfile::tempdir().unwrap();
    let what = ["-b", "hi", "bob@lmtp.test"];
    ehlo(directory.path(), &[&way[..], &what].concat()).ends_with(0);
    logs(submission, "status=sent (250 2.0.0 <bob@lmtp.test> ");
    assert_eq!(store.count("bob"), 1);
}
