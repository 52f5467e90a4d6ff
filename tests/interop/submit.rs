//! One queue and one password for several users of a host: who may send as whom, how much, and what is left of clients
//! that break off. The users are those that every Debian has; each process runs with the rights of one of them.

use crate::parts;
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The owner of the queue, and two users.
const OWNER: u32 = 1;
const GAMES: u32 = 5;
const WWW_DATA: u32 = 33;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A relay that demands a password, a host that knows it, and users that do not.
struct Host {
    home: TempDir,
    relay: Child,
    server: Child,
}

impl Host {
    /// `None` where users cannot be changed, with the reason printed.
    fn start(settings: &str) -> Option<Self> {
        if !parts::is_root() {
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        // Other users cannot enter the directory that the program was built in.
        // A copy by this process would be open for writing in programs that other tests start, and could not be run.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_ehlo"))
            .arg(at("ehlo"))
            .status();
        assert!(copied.unwrap().success());
        std::os::unix::fs::symlink("ehlo", at("sendmail")).unwrap();
        for (name, owner, mode) in [
            ("run", OWNER, 0o755),
            ("queue", OWNER, 0o700),
            ("home5", GAMES, 0o700),
            ("home33", WWW_DATA, 0o700),
        ] {
            fs::create_dir(at(name)).unwrap();
            chown(at(name), Some(owner), Some(owner)).unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::write(at("users"), "relay:secret-of-the-host\n").unwrap();
        fs::write(at("password"), "secret-of-the-host\n").unwrap();
        for (name, owner) in [("users", 0), ("password", OWNER)] {
            chown(at(name), Some(owner), None).unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(0o600)).unwrap();
        }
        let mut relay = Command::new(at("ehlo"))
            .args([
                "sink",
                "--listen",
                "127.0.0.1:0",
                "--require-auth",
                "--auth-in-clear",
                "--auth",
            ])
            .arg(at("users"))
            .arg("--maildir")
            .arg(at("mail"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = first_line(&mut relay);
        let port = said.trim().rsplit_once("127.0.0.1:").unwrap().1.to_owned();
        let config = format!(
            "default = \"out\"\n[profile.out]\nrelay = \"127.0.0.1:{port}\"\nuser = \"relay\"\n\
             password-file = \"{}\"\ntls = \"off\"\nallow-cleartext-password = true\n\
             [sendmail]\naliases = \"/dev/null\"\ndomain = \"crepes.fr\"\n{settings}",
            at("password").display()
        );
        fs::write(at("host.toml"), config).unwrap();
        let mut server = as_user(OWNER, home.path(), &at("ehlo"))
            .args(["queue", "serve", "--socket"])
            .arg(at("run/submit.sock"))
            .arg("--queue-dir")
            .arg(at("queue"))
            .arg("--config")
            .arg(at("host.toml"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = first_line(&mut server);
        assert!(said.contains("accepting mail on"), "{said}");
        Some(Self {
            home,
            relay,
            server,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, user: u32, program: &Path) -> Command {
        let home = self.path(&format!("home{user}"));
        let mut command = as_user(user, &home, program);
        command.env("EHLO_SUBMIT_SOCKET", self.path("run/submit.sock"));
        command
    }

    fn sendmail(&self, user: u32, words: &[&str]) -> Output {
        let mut command = self.command(user, &self.path("sendmail"));
        let text = format!("Subject: of {user}\n\nbody\n");
        with_input(command.args(["-i"]).args(words), text.as_bytes())
    }

    /// Runs the queue of the host, as root does, and gives the messages that have arrived.
    fn arrived(&self) -> Vec<String> {
        let run = Command::new(self.path("ehlo"))
            .args(["queue", "run", "--now", "--queue-dir"])
            .arg(self.path("queue"))
            .env_clear()
            .output()
            .unwrap();
        assert!(run.status.success(), "{run:?}");
        wait_for("the queue", || {
            let left = fs::read_dir(self.path("queue/items")).unwrap().count();
            (left == 0).then_some(())
        });
        let files = fs::read_dir(self.path("mail/new")).into_iter().flatten();
        files
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect()
    }

    fn connect_as(&self, user: u32) -> Child {
        // Any program that connects and then waits.
        let script = "import socket, sys\n\
            s = socket.socket(socket.AF_UNIX)\n\
            s.connect(sys.argv[1])\n\
            kept = []\n\
            print(s.recv(4096).decode().strip(), flush=True)\n\
            for _ in range(int(sys.argv[2])):\n\
            \tone = socket.socket(socket.AF_UNIX)\n\
            \tone.connect(sys.argv[1])\n\
            \tkept.append(one)\n\
            print(kept[-1].recv(4096).decode().strip() if kept else '', flush=True)\n\
            sys.stdin.read()\n";
        self.command(user, Path::new("/usr/bin/python3"))
            .args(["-c", script])
            .arg(self.path("run/submit.sock"))
            .arg("300")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.relay] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn as_user(user: u32, home: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .uid(user)
        .gid(user)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/");
    command
}

fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn first_line(child: &mut Child) -> String {
    use std::io::BufRead as _;
    let mut line = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    std::io::BufReader::new(stderr)
        .read_line(&mut line)
        .unwrap();
    line
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "no {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn users_of_a_host_send_under_their_own_names_without_the_password() {
    let rules = "[senders]\nwww-data = [\"*@shop.hamburger.edu\"]\n";
    let Some(host) = Host::start(rules) else {
        return;
    };
    // Root uses a queue of its own if there is one.
    let root = u32::from(!Path::new("/var/spool/ehlo").exists());
    if root == 0 {
        println!("skipped for root: /var/spool/ehlo exists");
    }
    let messages = [
        (GAMES, &["bob@hamburger.edu"][..]),
        (GAMES, &["-f", "games+list@crepes.fr", "bob@hamburger.edu"]),
        (
            WWW_DATA,
            &["-f", "orders@shop.hamburger.edu", "bob@hamburger.edu"],
        ),
        (0, &["-f", "alice@hamburger.edu", "bob@hamburger.edu"]),
    ];
    for (user, words) in messages.into_iter().take(3 + root as usize) {
        let sent = host.sendmail(user, words);
        assert_eq!(
            sent.status.code(),
            Some(0),
            "{user} {words:?}: {}",
            text(&sent)
        );
    }
    for (user, sender) in [
        (GAMES, "orders@shop.hamburger.edu"),
        (GAMES, "root@crepes.fr"),
        (WWW_DATA, "games"),
        (WWW_DATA, "alice@crepes.fr"),
    ] {
        let refused = host.sendmail(user, &["-f", sender, "bob@hamburger.edu"]);
        assert_eq!(refused.status.code(), Some(69), "{user} {sender}");
        assert!(
            text(&refused).contains("may not send from"),
            "{}",
            text(&refused)
        );
    }
    let arrived = host.arrived();
    assert_eq!(arrived.len(), 3 + root as usize, "{arrived:#?}");
    let count = |words: &str| arrived.iter().filter(|one| one.contains(words)).count();
    assert_eq!(count("(ehlo, from user ID 5)"), 2);
    assert_eq!(count("Return-Path: <games@crepes.fr>"), 1);
    assert_eq!(count("Return-Path: <orders@shop.hamburger.edu>"), 1);
    assert_eq!(count("secret-of-the-host"), 0);
    for (user, name) in [(GAMES, "password"), (WWW_DATA, "queue/items")] {
        let look = as_user(user, Path::new("/"), Path::new("/bin/cat"))
            .arg(host.path(name))
            .output();
        assert!(!look.unwrap().status.success(), "{name}");
    }
}

#[test]
fn php_and_sudo_submit_as_their_users() {
    if !parts::has("/usr/bin/php") || !parts::has("/usr/bin/sudo") {
        return;
    }
    let Some(host) = Host::start("") else {
        return;
    };
    let mail = "var_dump(mail('bob@hamburger.edu', 'from php', 'text'));";
    let path = format!("sendmail_path={} -t -i", host.path("sendmail").display());
    let php = host
        .command(WWW_DATA, Path::new("/usr/bin/php"))
        .args(["-d", &path, "-r", mail])
        .output()
        .unwrap();
    assert!(text(&php).contains("bool(true)"), "{}", text(&php));
    let socket = format!(
        "EHLO_SUBMIT_SOCKET={}",
        host.path("run/submit.sock").display()
    );
    let mut sudo = Command::new("/usr/bin/sudo");
    sudo.args(["-n", "-u", "games", &socket])
        .arg(host.path("sendmail"))
        .args(["-i", "bob@hamburger.edu"]);
    let sudo = with_input(&mut sudo, b"Subject: by sudo\n\ntext\n");
    assert!(sudo.status.success(), "{}", text(&sudo));
    let arrived = host.arrived().concat();
    assert!(arrived.contains("Subject: from php"), "{arrived}");
    assert!(arrived.contains("(ehlo, from user ID 33)"), "{arrived}");
    assert!(
        arrived.contains("Return-Path: <games@crepes.fr>"),
        "{arrived}"
    );
}

#[test]
fn flood_of_one_user_is_put_off_and_others_are_served() {
    let Some(host) = Host::start("[submit]\nmessages = 3\nconnections = 2\n") else {
        return;
    };
    for number in 0..5 {
        let sent = host.sendmail(GAMES, &["bob@hamburger.edu"]);
        assert_eq!(sent.status.code(), Some(0), "{number}: {}", text(&sent));
    }
    // The rest waits in the queue of the user.
    let items = fs::read_dir(host.path("home5/.local/state/ehlo/queue/items")).unwrap();
    let items = items.filter(|name| name.as_ref().unwrap().path().extension().is_none());
    assert_eq!(items.count(), 2);
    let verbose = host.sendmail(GAMES, &["-v", "bob@hamburger.edu"]);
    assert!(text(&verbose).contains("452 4.7.1"), "{}", text(&verbose));
    assert_eq!(host.arrived().len(), 3);
    let mut flood = host.connect_as(GAMES);
    let mut stdout = std::io::BufReader::new(flood.stdout.take().unwrap());
    let mut said = String::new();
    for _ in 0..2 {
        std::io::BufRead::read_line(&mut stdout, &mut said).unwrap();
    }
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("220 "), "{said}");
    assert!(
        lines[1].starts_with("421 4.7.0 user ID 5 already has 2 connections"),
        "{said}"
    );
    let other = host.sendmail(WWW_DATA, &["bob@hamburger.edu"]);
    assert_eq!(other.status.code(), Some(0), "{}", text(&other));
    flood.kill().unwrap();
    flood.wait().unwrap();
    assert_eq!(host.arrived().len(), 4);
}

#[test]
fn client_of_systemd_is_known_by_its_socket() {
    let Some(host) = Host::start("") else {
        return;
    };
    let socket = host.path("run/other.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    let mut client = host.command(GAMES, &host.path("sendmail"));
    let mut client = client
        .env("EHLO_SUBMIT_SOCKET", &socket)
        .args(["-i", "-f", "www-data@crepes.fr", "bob@hamburger.edu"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (connection, _) = listener.accept().unwrap();
    let served = as_user(OWNER, host.home.path(), &host.path("ehlo"))
        .args(["queue", "serve", "--connection", "--queue-dir"])
        .arg(host.path("queue"))
        .arg("--config")
        .arg(host.path("host.toml"))
        .stdin(OwnedFd::from(connection.try_clone().unwrap()))
        .stdout(OwnedFd::from(connection))
        .output()
        .unwrap();
    assert!(served.status.success(), "{}", text(&served));
    assert_eq!(client.wait().unwrap().code(), Some(69));
}

#[test]
fn root_runs_the_personal_queues_with_the_rights_of_their_users() {
    let Some(host) = Host::start("") else {
        return;
    };
    let namespace = &mut Command::new("unshare");
    if !parts::works(namespace.args(["-m", "true"]), "unshare with namespaces") {
        return;
    }
    let port = UnixStream::connect(host.path("run/submit.sock"));
    drop(port);
    // The socket is gone for a while.
    fs::rename(host.path("run/submit.sock"), host.path("run/hidden")).unwrap();
    let listener = UnixListener::bind(host.path("run/submit.sock")).unwrap();
    drop(listener);
    for user in [GAMES, WWW_DATA] {
        let sent = host.sendmail(user, &["bob@hamburger.edu"]);
        assert_eq!(sent.status.code(), Some(0), "{}", text(&sent));
    }
    fs::remove_file(host.path("run/submit.sock")).unwrap();
    fs::rename(host.path("run/hidden"), host.path("run/submit.sock")).unwrap();
    let passwd = format!(
        "root:x:0:0::/root:/bin/sh\ngames:x:5:5::{}:/bin/sh\nwww-data:x:33:33::{}:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n",
        host.path("home5").display(),
        host.path("home33").display()
    );
    fs::write(host.path("passwd"), passwd).unwrap();
    fs::set_permissions(host.path("passwd"), Permissions::from_mode(0o644)).unwrap();
    let script = "mount --make-rprivate / && mount -o bind \"$1/passwd\" /etc/passwd && \
        exec \"$1/ehlo\" queue run --all-users";
    let run = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(host.home.path())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", text(&run));
    let arrived = host.arrived().concat();
    assert!(arrived.contains("(ehlo, from user ID 5)"), "{arrived}");
    assert!(arrived.contains("(ehlo, from user ID 33)"), "{arrived}");
    for user in [GAMES, WWW_DATA] {
        let queue = host.path(&format!("home{user}/.local/state/ehlo/queue/items"));
        assert_eq!(fs::read_dir(queue).unwrap().count(), 0);
    }
    let refused = host
        .command(GAMES, &host.path("ehlo"))
        .args(["queue", "run", "--all-users"])
        .output();
    assert_eq!(refused.unwrap().status.code(), Some(77));
}

/// Half a message, and nothing more.
#[test]
fn message_that_breaks_off_leaves_nothing_of_it() {
    let Some(host) = Host::start("") else {
        return;
    };
    let mut stream = UnixStream::connect(host.path("run/submit.sock")).unwrap();
    stream
        .write_all(
            b"EHLO x\r\nMAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\n",
        )
        .unwrap();
    stream
        .write_all("x\r\n".repeat(100_000).as_bytes())
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(host.arrived().is_empty());
    let left = fs::read_dir(host.path("queue/submit")).unwrap();
    let left = left.map(|file| file.unwrap().metadata().unwrap().len());
    assert!(left.sum::<u64>() < 1000);
}
