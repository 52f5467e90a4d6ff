//! A private Postfix on loopback: its configuration, queue, log and mailboxes live in a directory that
//! goes away with it, and nothing of the system's own Postfix is touched.

use crate::parts;
use crate::run::{Ran, ehlo};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to start, to deliver, or to stop.
const LIMIT: Duration = Duration::from_secs(15);

/// The largest message that it takes, in octets.
pub const SIZE_LIMIT: usize = 10_000_000;

const MASTER: &str = "\
cleanup   unix n - n -   0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n -   - trivial-rewrite
bounce    unix - - n -   0 bounce
defer     unix - - n -   0 bounce
trace     unix - - n -   0 bounce
error     unix - - n -   - error
retry     unix - - n -   - error
virtual   unix - n n -   - virtual
tlsmgr    unix - - n 1000? 1 tlsmgr
anvil     unix - - n -   1 anvil
proxymap  unix - - n -   - proxymap
postlog   unix-dgram n - n - 1 postlogd
";

/// A running Postfix with the mailboxes bob, carol and 用户 at example.test.
pub struct Postfix {
    directory: TempDir,
    port: u16,
    master: Option<Pid>,
}

impl Postfix {
    /// Starts one; `None` where that is not possible, with the reason printed.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with these lines behind its configuration.
    pub fn start_with(configuration: &str) -> Option<Self> {
        Self::start_in(tempfile::tempdir().unwrap(), configuration, "")
    }

    /// The same in a directory that may hold something already, with further services.
    pub fn start_in(directory: TempDir, configuration: &str, services: &str) -> Option<Self> {
        if !parts::has("/usr/sbin/postfix") || !parts::is_root() {
            return None;
        }
        let mut postfix = Self {
            port: free_port(),
            directory,
            master: None,
        };
        postfix.lay_out(configuration);
        postfix.start_where_there_is_room(services);
        let pid = fs::read_to_string(postfix.path("spool/pid/master.pid")).unwrap();
        postfix.master = Pid::from_raw(pid.trim().parse().unwrap());
        let port = postfix.port;
        wait_for("smtpd", || TcpStream::connect(("127.0.0.1", port)).ok());
        Some(postfix)
    }

    /// Its first process.
    pub fn pid(&self) -> Pid {
        self.master.unwrap()
    }

    /// Where it listens, as a relay is named.
    pub fn relay(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A file or directory of its own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn lay_out(&self, configuration: &str) {
        let root = self.directory.path();
        fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
        for name in ["etc", "spool", "data", "mail"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        let chown = |owner: &str, name: &str| {
            let mut command = Command::new("chown");
            assert!(
                command
                    .arg(owner)
                    .arg(root.join(name))
                    .status()
                    .unwrap()
                    .success()
            );
        };
        chown("postfix", "data");
        chown("nobody", "mail");
        fs::write(
            root.join("etc/main.cf"),
            overridden(&main_cf(root), configuration),
        )
        .unwrap();
    }

    /// A port that was free may be taken a moment later by whoever connects somewhere.
    fn start_where_there_is_room(&mut self, services: &str) {
        for _ in 0..5 {
            let smtpd = format!("127.0.0.1:{} inet n - n - - smtpd\n", self.port);
            fs::write(self.path("etc/master.cf"), smtpd + services + MASTER).unwrap();
            let started = self.command("start");
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            if started {
                return;
            }
            let taken = log.contains("Address already in use");
            assert!(taken, "postfix does not start: {log}");
            self.port = free_port();
            let _ = fs::remove_file(self.path("log"));
        }
        panic!("postfix finds no free port");
    }

    fn command(&self, verb: &str) -> bool {
        // Postfix closes every descriptor that there could be, which takes seconds under a high limit.
        let script = "ulimit -n 1024; exec /usr/sbin/postfix -c \"$1\" \"$2\"";
        let status = Command::new("/bin/sh")
            .args(["-c", script, "sh"])
            .arg(self.path("etc"))
            .arg(verb)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    }

    /// Runs the program in a directory, with this server as its relay.
    pub fn send(&self, directory: &Path, arguments: &[&str]) -> Ran {
        let relay = self.relay();
        let all = [&["-r", &relay, "--helo", "client.test"], arguments].concat();
        ehlo(directory, &all)
    }

    /// The next message in a mailbox, without the header fields that Postfix puts before ours; its
    /// line ends are LF. The message is taken out.
    pub fn receive(&self, mailbox: &str) -> Vec<u8> {
        without_trace(&self.receive_whole(mailbox)).to_vec()
    }

    /// The same with the fields that Postfix puts before ours.
    pub fn receive_whole(&self, mailbox: &str) -> Vec<u8> {
        let new = self.path("mail").join(mailbox).join("new");
        let file = wait_for("the message", || {
            let mut files = fs::read_dir(&new).ok()?;
            Some(files.next()?.unwrap().path())
        });
        let whole = fs::read(&file).unwrap();
        fs::remove_file(file).unwrap();
        whole
    }

    /// Whether a mailbox has never got anything.
    pub fn is_empty(&self, mailbox: &str) -> bool {
        !self.path("mail").join(mailbox).exists()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let Some(master) = self.master else { return };
        let _ = kill_process(master, Signal::TERM);
        let began = Instant::now();
        let image = format!("/proc/{}/exe", master.as_raw_nonzero());
        // A process that ended has no image, even while nobody has reaped it.
        while fs::read_link(&image).is_ok() && began.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Its children may outlive it for a moment, and write once more.
        while fs::remove_dir_all(self.directory.path()).is_err()
            && self.directory.path().exists()
            && began.elapsed() < LIMIT
        {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A configuration with these lines in the place of those for the same parameters. Postfix would warn
/// of each that is there twice; and when all of its daemons warn as they start, the one that writes
/// the log may wait for itself for ever.
fn overridden(configuration: &str, by: &str) -> String {
    let name = |line: &str| line.split_once(" =").map(|(name, _)| name.to_owned());
    let mut lines: Vec<&str> = configuration.lines().collect();
    for line in by.lines() {
        lines.retain(|other| name(other).is_none() || name(other) != name(line));
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

fn main_cf(root: &Path) -> String {
    let root = root.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {root}/log
maillog_file_prefixes = {root}
myhostname = mx.example.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_header_rewrite_clients =
smtputf8_enable = yes
message_size_limit = {SIZE_LIMIT}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_data_restrictions = reject_unauth_pipelining
virtual_transport = virtual
virtual_mailbox_domains = example.test
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = inline:{{bob@example.test=bob/, carol@example.test=carol/, 用户@example.test=user/}}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
default_transport = error:no mail leaves this test
relay_transport = error:no mail leaves this test
"
    )
}

/// A message without the fields that Postfix puts before it.
pub fn without_trace(mut message: &[u8]) -> &[u8] {
    const FIELDS: [&[u8]; 5] = [
        b"Return-Path:",
        b"X-Original-To:",
        b"Delivered-To:",
        b"Received:",
        b"\t",
    ];
    while FIELDS.iter().any(|field| message.starts_with(field)) {
        let end = message.iter().position(|&byte| byte == b'\n').unwrap();
        message = &message[end + 1..];
    }
    message
}

/// A port that was free a moment ago, below those that the system gives to connections and to listeners on port 0.
pub fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Looks again and again until it is there.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LIMIT, "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
