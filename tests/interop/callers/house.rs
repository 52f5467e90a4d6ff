//! Where a caller runs: a directory with a sendmail, its configuration and its queue, a Postfix that
//! takes what is sent, and a log.

use super::call::{Call, recorder};
use super::letter::{Letter, Likeness};
use super::{Caller, Failure, Place, host};
use crate::parts;
use crate::postfix::{Postfix, free_port, wait_for, without_trace};
use rustix::process::{Pid, Signal, kill_process_group};
use std::cell::Cell;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// After this time, a caller counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// Where Postfix keeps what it has not delivered yet.
const UNDELIVERED: [&str; 5] = ["maildrop", "incoming", "active", "deferred", "hold"];

/// Who gets mail here, besides what belongs to a test alone.
const MAILBOXES: &str = "\
virtual_mailbox_domains = example.test, example.org, bugs.debian.org
virtual_mailbox_maps = inline:{\
bob@example.test=bob/, carol@example.test=carol/, dave@example.test=dave/, \
alice@example.org=alice/, root@example.org=root/, submit@bugs.debian.org=submit/}
";

/// What Postfix's own sendmail needs in the place of ours.
const STAND_IN: &str = "myorigin = example.org\n";
const PICKUP: &str = "pickup unix n - n 1 1 pickup\n";

/// Where a caller runs.
pub struct House {
    home: TempDir,
    postfix: Postfix,
    log: UnixDatagram,
    /// Whether sendmail can neither deliver nor keep anything.
    is_broken: Cell<bool>,
}

/// How a caller ended.
pub struct Ended {
    code: i32,
    /// On the terminal, and in the log of the system.
    said: String,
}

impl Ended {
    /// Fails unless that was a success.
    #[track_caller]
    pub fn ends_well(&self) {
        assert_eq!(self.code, 0, "{}", self.said);
    }

    /// Fails unless this is our exit status for what can be neither sent nor kept.
    #[track_caller]
    pub fn has_failed(&self) {
        assert_eq!(self.code, 75, "{}", self.said);
    }

    /// Fails unless a failure is shown in this way.
    #[track_caller]
    pub fn shows(&self, failure: Failure) {
        match failure {
            Failure::Status(code) => assert_eq!(self.code, code, "{}", self.said),
            Failure::Says(words) => {
                assert!(self.said.contains(words), "no {words:?} in {}", self.said);
            }
            Failure::Unseen => self.ends_well(),
        }
    }
}

/// Puts the sendmail that all of this is about where everybody may run it.
fn install_sendmail(place: &Path) {
    let program = stand_in().unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ehlo")));
    if fs::hard_link(&program, place).is_err() {
        fs::copy(&program, place).unwrap();
    }
}

fn stand_in() -> Option<PathBuf> {
    std::env::var_os("EHLO_CALLERS_SENDMAIL").map(PathBuf::from)
}

impl House {
    /// Builds one for this caller; `None` where that is not possible, with the reason printed.
    pub fn start(caller: &Caller) -> Option<Self> {
        if !caller.needs.iter().all(|program| parts::has(program)) {
            return None;
        }
        let (configuration, services) = match stand_in() {
            Some(_) => (format!("{MAILBOXES}{STAND_IN}"), PICKUP),
            None => (MAILBOXES.to_owned(), ""),
        };
        let postfix = Postfix::start_in(tempfile::tempdir().unwrap(), &configuration, services)?;
        if caller.place == Place::Host && !host::is_possible() {
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        // Whoever calls sendmail is somebody else than root at times.
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        let log = UnixDatagram::bind(home.path().join("log")).unwrap();
        log.set_nonblocking(true).unwrap();
        let house = Self {
            home,
            postfix,
            log,
            is_broken: Cell::new(false),
        };
        house.lay_out();
        Some(house)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn lay_out(&self) {
        for name in ["bin", "calls", "etc/ehlo", "broken/ehlo"] {
            fs::create_dir_all(self.path(name)).unwrap();
        }
        let recorder = recorder(&self.path("calls"));
        fs::write(self.path("recorder"), recorder).unwrap();
        fs::set_permissions(self.path("recorder"), Permissions::from_mode(0o755)).unwrap();
        // Some programs change their user before they call.
        fs::set_permissions(self.path("calls"), Permissions::from_mode(0o1777)).unwrap();
        install_sendmail(&self.path("ehlo"));
        self.point_at("ehlo");
        let queue = self.path("queue");
        let queue = queue.to_str().unwrap();
        let ours = configuration(&self.postfix.relay(), queue);
        fs::write(self.path("etc/ehlo/config.toml"), ours).unwrap();
        // There cannot be a directory in a file, not even for root.
        let nowhere = format!("127.0.0.1:{}", free_port());
        let broken = configuration(&nowhere, "/dev/null/queue");
        fs::write(self.path("broken/ehlo/config.toml"), broken).unwrap();
        if stand_in().is_some() {
            symlink(self.postfix.path("etc"), self.path("etc/postfix")).unwrap();
        }
    }

    /// Makes this the sendmail that is called.
    fn point_at(&self, name: &str) {
        let link = self.path("bin/sendmail");
        let _ = fs::remove_file(&link);
        symlink(self.path(name), link).unwrap();
    }

    /// What this caller gives to a sendmail.
    #[track_caller]
    pub fn recorded(&self, caller: &Caller) -> Call {
        self.point_at("recorder");
        self.run(caller).ends_well();
        let calls = self.path("calls");
        let call = wait_for("the call", || Call::only(&calls));
        self.point_at("ehlo");
        call
    }

    /// From now on sendmail delivers there.
    pub fn relay_to(&self, relay: &str) {
        let queue = self.path("queue");
        let text = configuration(relay, queue.to_str().unwrap());
        fs::write(self.path("etc/ehlo/config.toml"), text).unwrap();
    }

    /// Whether there is something in our queue.
    pub fn keeps_something(&self) -> bool {
        stand_in().is_some() || !is_empty(&self.path("queue/items"))
    }

    /// From now on sendmail can neither deliver nor keep anything.
    pub fn break_down(&self) {
        self.is_broken.set(true);
    }

    /// Runs a caller to its end.
    pub fn run(&self, caller: &Caller) -> Ended {
        self.run_script(caller.place, caller.script)
    }

    fn run_script(&self, place: Place, script: &str) -> Ended {
        let sendmail = self.path("bin/sendmail");
        let command = match place {
            Place::Directory => {
                let mut command = Command::new("bash");
                command.args(["-o", "pipefail", "-c", script, "caller"]);
                command.arg(sendmail);
                self.tell_where(&mut command);
                command
            }
            Place::Host => {
                let mut command = host::command(script, &sendmail, &self.etc(), &self.path("log"));
                self.surround(&mut command);
                command
            }
        };
        self.finish(command)
    }

    /// Calls our sendmail as it was called before, and by the same user.
    pub fn call(&self, place: Place, call: &Call) -> Ended {
        fs::write(self.path("input"), &call.input).unwrap();
        let script = format!(
            "sendmail=$1; shift $#; set -- {}
            exec setpriv --reuid {user} --regid {user} --clear-groups -- \"$sendmail\" \"$@\" < {}",
            call.quoted_arguments(),
            self.path("input").display(),
            user = call.user,
        );
        self.run_script(place, &script)
    }

    /// An environment of its own, with the names of its configurations.
    fn tell_where(&self, command: &mut Command) {
        self.surround(command);
        command.env("EHLO_CONFIG", self.etc().join("ehlo/config.toml"));
        if stand_in().is_some() {
            command.env("MAIL_CONFIG", self.etc().join("postfix"));
        }
    }

    /// An environment of its own.
    fn surround(&self, command: &mut Command) {
        let bin = self.path("bin");
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", bin.display());
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .current_dir(self.home.path());
    }

    fn etc(&self) -> PathBuf {
        self.path(if self.is_broken.get() {
            "broken"
        } else {
            "etc"
        })
    }

    fn finish(&self, mut command: Command) -> Ended {
        let said = self.path("said");
        let out = File::create(&said).unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .process_group(0)
            .spawn()
            .unwrap();
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > LIMIT {
                kill_process_group(Pid::from_child(&child), Signal::KILL).unwrap();
                child.wait().unwrap();
                panic!("{command:?} hangs: {}", self.heard(&said));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Ended {
            code: status.code().unwrap_or(-1),
            said: self.heard(&said),
        }
    }

    fn heard(&self, said: &Path) -> String {
        let mut heard = String::from_utf8_lossy(&fs::read(said).unwrap()).into_owned();
        let mut line = [0; 2048];
        while let Ok(length) = self.log.recv(&mut line) {
            heard += &String::from_utf8_lossy(&line[..length]);
            heard.push('\n');
        }
        heard
    }

    /// Each recipient has got it once, and nothing is left anywhere.
    #[track_caller]
    pub fn has_delivered(&self, caller: &Caller, given: &Letter, likeness: Likeness) {
        for recipient in caller.recipients {
            let mailbox = recipient.split('@').next().unwrap();
            let whole = self.arrived(mailbox);
            let text = String::from_utf8_lossy(&whole).into_owned();
            let sender = format!("Return-Path: <{}>\n", caller.sender);
            assert!(text.starts_with(&sender), "not {sender} but {text}");
            let to = format!("\nDelivered-To: {recipient}\n");
            assert!(text.contains(&to), "not {to} but {text}");
            let came = Letter::parse(without_trace(&whole));
            came.assert_is(given, likeness);
            for other in caller.recipients {
                // Here, every local name is that of one mailbox.
                let is_secret = !given.names(other.split('@').next().unwrap());
                assert!(
                    !(is_secret && came.names(other)),
                    "{other} is named in {text}"
                );
            }
        }
        self.is_done();
    }

    /// The next message in a mailbox, which is taken out.
    #[track_caller]
    fn arrived(&self, mailbox: &str) -> Vec<u8> {
        let new = self.postfix.path("mail").join(mailbox).join("new");
        let began = Instant::now();
        while is_empty(&new) {
            if began.elapsed() > LIMIT / 3 {
                let said = fs::read_to_string(self.path("said")).unwrap();
                let log = fs::read_to_string(self.postfix.path("log")).unwrap();
                panic!("nothing arrives for {mailbox}: {said}\n{log}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.postfix.receive_whole(mailbox)
    }

    #[track_caller]
    fn is_done(&self) {
        let items = self.path("queue/items");
        wait_for("the end of our queue", || is_empty(&items).then_some(()));
        let spool = self.postfix.path("spool");
        wait_for("the end of Postfix's queue", || {
            let mut queues = UNDELIVERED.iter().map(|name| spool.join(name));
            queues.all(|queue| is_empty(&queue)).then_some(())
        });
        for mailbox in fs::read_dir(self.postfix.path("mail")).unwrap() {
            let new = mailbox.unwrap().path().join("new");
            assert!(is_empty(&new), "more than one message in {}", new.display());
        }
    }
}

/// Whether there is no file in it, or in a directory in it.
fn is_empty(directory: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(directory) else {
        return true;
    };
    entries.all(|entry| {
        // It may be gone already.
        let Ok(entry) = entry else { return true };
        entry.path().is_dir() && is_empty(&entry.path())
    })
}

fn configuration(relay: &str, queue: &str) -> String {
    format!(
        "default = \"relay\"

[profile.relay]
relay = \"{relay}\"
tls = \"off\"
helo = \"client.test\"

[sendmail]
domain = \"example.org\"

[queue]
dir = \"{queue}\"
"
    )
}
