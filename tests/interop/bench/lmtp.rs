//! Dovecot by LMTP: from us through a unix socket and TCP, and through Postfix.

use super::logs;
use crate::parts;
use crate::postfix::{Postfix, free_port, wait_for};
use crate::run::{Ran, ehlo};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
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
        if !parts::has(PROGRAM) || !parts::has("/usr/lib/dovecot/lmtp") || !parts::is_root() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
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
        fs::write(root.join("conf"), configuration(&place.to_string(), port)).unwrap();
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
        wait_for("dovecot", || UnixStream::connect(store.path("lmtp")).ok());
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

fn configuration(place: &str, port: u16) -> String {
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
  unix_listener {place}/lmtp {{
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
    let Some(store) = Store::start() else { return };
    let configuration = format!(
        "virtual_transport = lmtp:inet:{}\nvirtual_mailbox_maps = static:all\n",
        store.tcp()
    );
    let lmtp = "lmtp unix - - n - - lmtp\n";
    let home = tempfile::tempdir().unwrap();
    let Some(postfix) = Postfix::start_in(home, &configuration, lmtp) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let what = ["-f", "", "-b", "hi", "bob@example.test"];
    let what = [&["--envelope-from"], &what[1..]].concat();
    let from = ["-f", "alice@sender.test"];
    postfix
        .send(directory.path(), &[&what[..], &from].concat())
        .ends_with(0);
    logs(
        &postfix.path("log"),
        &["postfix/lmtp", "status=sent", "Saved)"],
    );
    assert_eq!(store.count("bob"), 1);
}
