//! Through proxies of others: microsocks, Dante and `ssh -D` for SOCKS 5, tinyproxy for HTTP.

use crate::parts::{has, is_root, skip};
use crate::postfix::{free_port, wait_for};
use crate::receiver::Receiver;
use crate::run::ehlo;
use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running proxy; it ends with this value.
struct Proxy {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl Proxy {
    /// Starts a program whose arguments or configuration have `PORT` for the port and `CONFIG` for the file.
    fn start(program: &str, arguments: &[&str], config: &str) -> Option<Self> {
        if !has(program) {
            return None;
        }
        Some(wait_for(program, || {
            Self::try_start(program, arguments, config)
        }))
    }

    fn try_start(program: &str, arguments: &[&str], config: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let path = directory.path().join("config");
        let filled = |text: &str| {
            text.replace("PORT", &port.to_string())
                .replace("CONFIG", path.to_str().unwrap())
        };
        fs::write(&path, filled(config)).unwrap();
        let child = Command::new(program)
            .args(arguments.iter().map(|argument| filled(argument)))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut proxy = Self {
            child,
            port,
            directory,
        };
        wait_for("the port of the proxy", || {
            let gone = proxy.child.try_wait().unwrap().is_some();
            let there = TcpStream::connect(("127.0.0.1", port)).is_ok();
            (gone || there).then_some(there && !gone)
        })
        .then_some(proxy)
    }

    /// Sends a small message through it.
    fn send(&self, scheme: &str, user: &str, password: &str, relay: &str) -> crate::run::Ran {
        let path = self.directory.path().join("pw");
        fs::write(&path, password).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let url = format!("{scheme}://{user}127.0.0.1:{}", self.port);
        let mut arguments = vec!["-r", relay, "--proxy", &url, "-f", "a@x.test", "-b", "hi"];
        if !user.is_empty() {
            arguments.extend(["--proxy-password-file", "pw"]);
        }
        arguments.push("b@y.test");
        ehlo(self.directory.path(), &arguments)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const MICROSOCKS: &str = "/usr/bin/microsocks";
const TINYPROXY: &str = "/usr/bin/tinyproxy";
const DANTE: &str = "/opt/dante/usr/sbin/danted";

const SSHD: &str = "/opt/openssh/usr/sbin/sshd";
const SSH: &str = "/usr/bin/ssh";

/// Runs the server of SSH as nobody, because as root it requires a user of its own; group 42 may read the passwords that
/// decide if an account is locked.
const AS_NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--groups=42"];

/// Files of a test: the keys of the server and of its user.
fn ssh_keys() -> TempDir {
    let keys = tempfile::tempdir().unwrap();
    fs::set_permissions(keys.path(), Permissions::from_mode(0o755)).unwrap();
    for name in ["host", "user"] {
        let made = Command::new("/usr/bin/ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(keys.path().join(name))
            .status();
        assert!(made.unwrap().success());
    }
    std::os::unix::fs::chown(keys.path().join("host"), Some(65534), None).unwrap();
    keys
}

/// The relay by its name, which the proxy resolves.
fn by_name(receiver: &Receiver) -> String {
    receiver.relay().replace("127.0.0.1", "localhost")
}

#[test]
fn microsocks_carries_a_session_with_and_without_a_password() {
    let receiver = Receiver::start(&["--json"]);
    let address = ["-i", "127.0.0.1", "-p", "PORT"];
    let Some(open) = Proxy::start(MICROSOCKS, &address, "") else {
        return;
    };
    for relay in [receiver.relay(), by_name(&receiver)] {
        open.send("socks5", "", "", &relay).ends_with(0);
    }
    open.send("socks5", "", "", "127.0.0.1:9")
        .ends_with(75)
        .complains("the proxy refused it: connection refused");
    let login = ["-u", "alice", "-P", "hunter2"];
    let closed = Proxy::start(MICROSOCKS, &[&address[..], &login].concat(), "").unwrap();
    let relay = by_name(&receiver);
    closed
        .send("socks5", "alice@", "hunter2", &relay)
        .ends_with(0);
    closed
        .send("socks5", "alice@", "wrong", &relay)
        .ends_with(77)
        .complains("rejected the user or the password");
    closed
        .send("socks5", "", "", &relay)
        .ends_with(77)
        .complains("requires a login");
    assert_eq!(receiver.stop().events("message").len(), 3);
}

#[test]
fn tinyproxy_carries_a_session_with_a_password() {
    let receiver = Receiver::start(&["--json"]);
    let relay = by_name(&receiver);
    let config = "Port PORT\nListen 127.0.0.1\nTimeout 60\nBasicAuth alice hunter2\n";
    let Some(proxy) = Proxy::start(TINYPROXY, &["-d", "-c", "CONFIG"], config) else {
        return;
    };
    proxy.send("http", "alice@", "hunter2", &relay).ends_with(0);
    proxy
        .send("http", "alice@", "wrong", &relay)
        .ends_with(77)
        .complains("rejected the user or the password");
    proxy
        .send("http", "", "", &relay)
        .ends_with(77)
        .complains("requires a login");
    let limited = "Port PORT\nListen 127.0.0.1\nTimeout 60\nConnectPort 443\n";
    let limited = Proxy::start(TINYPROXY, &["-d", "-c", "CONFIG"], limited).unwrap();
    limited
        .send("http", "", "", &relay)
        .ends_with(75)
        .complains("the proxy refused it: 403");
    assert_eq!(receiver.stop().events("message").len(), 1);
}

#[test]
fn dante_carries_a_session_and_its_rules_are_reported() {
    let receiver = Receiver::start(&["--json"]);
    let config = "internal: 127.0.0.1 port = PORT\nexternal: lo\nclientmethod: none\nsocksmethod: none\n\
                  user.unprivileged: nobody\nclient pass { from: 0/0 to: 0/0 }\n\
                  socks pass { from: 0/0 to: 127.0.0.1/32 port gt 1024 }\nsocks block { from: 0/0 to: 0/0 }\n";
    let Some(proxy) = Proxy::start(DANTE, &["-f", "CONFIG", "-p", "CONFIG.pid"], config) else {
        return;
    };
    proxy
        .send("socks5", "", "", &receiver.relay())
        .ends_with(0)
        .shows("through socks5://127.0.0.1:");
    proxy
        .send("socks5", "", "", "127.0.0.1:99")
        .ends_with(75)
        .complains("the proxy refused it: not allowed by its rules");
    assert_eq!(receiver.stop().events("message").len(), 1);
}

#[test]
fn ssh_carries_a_session_as_a_socks_proxy() {
    if !is_root() {
        return skip("a server of SSH for another user wants root");
    }
    if ![SSHD, SSH, "/usr/bin/setpriv"].into_iter().all(has) {
        return;
    }
    let receiver = Receiver::start(&["--json"]);
    let keys = ssh_keys();
    let key = |name: &str| keys.path().join(name).display().to_string();
    let config = format!(
        "Port PORT\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n",
        key("host"),
        key("user.pub")
    );
    let server = [&AS_NOBODY[..], &[SSHD, "-D", "-f", "CONFIG"]].concat();
    let server = Proxy::start("/usr/bin/setpriv", &server, &config).unwrap();
    let (port, known) = (server.port.to_string(), key("known"));
    let known = format!("-oUserKnownHostsFile={known}");
    let user = key("user");
    let client = ["-N", "-F", "none", "-D", "127.0.0.1:PORT", "-p", &port];
    let trust = ["-oBatchMode=yes", "-oStrictHostKeyChecking=no", &known];
    let arguments = [&client[..], &["-i", &user], &trust, &["nobody@127.0.0.1"]].concat();
    let proxy = Proxy::start(SSH, &arguments, "").unwrap();
    for relay in [receiver.relay(), by_name(&receiver)] {
        proxy.send("socks5", "", "", &relay).ends_with(0);
    }
    // The client of SSH does not tell why.
    proxy
        .send("socks5", "", "", "127.0.0.1:9")
        .ends_with(75)
        .complains("socks5://127.0.0.1:");
    assert_eq!(receiver.stop().events("message").len(), 2);
}
