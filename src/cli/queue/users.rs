//! Queues of other users: root works on a queue with the rights of its owner, and `ehlo queue run --all-users` runs the
//! personal queues.

use crate::cli::terminal::complain;
use crate::queue::store::{personal_queue, system_queue};
use crate::queue::{Location, QueueOptions};
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::system::user::{HomeOwner, LocalUser, become_user, local_users};
use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Users whose queues are run at one time.
const AT_ONCE: usize = 16;

/// Time after which the run of a user is ended. A user may name a server that never answers.
const LIMIT: Duration = Duration::from_secs(600);

/// Time that a run gets to end after the first signal: a reply may be outstanding.
const GRACE: Duration = Duration::from_secs(60);

/// Interval between two checks of the processes.
const POLL: Duration = Duration::from_millis(50);

/// As root, gives up all other rights than those of the owner of the queue, so that files of the queue never belong to
/// another user.
pub fn take_rights_of_owner(options: &mut QueueOptions) -> Result<(), Exit> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let queue = match &options.location {
        None => system_queue(),
        Some(Location::Directory(queue)) => queue,
        Some(Location::Database(_)) => return Ok(()),
    };
    let owner = fs::metadata(queue).map_or(0, |facts| facts.uid());
    if owner == 0 {
        return Ok(());
    }
    // The default directory of the owner is another one.
    options.location = Some(Location::Directory(queue.to_owned()));
    become_user(owner).map_err(|error| {
        let user = LocalUser::of(owner).name;
        complain(&format!(
            "cannot work with the rights of {user}, who owns the queue: {}",
            reason(&error)
        ));
        Exit::Policy
    })
}

/// Runs the personal queue of each user of the host who has one with items.
pub fn run_all() -> Exit {
    if !geteuid().is_root() {
        complain(
            "--all-users requires root: the queue of each user is run with the rights of that user",
        );
        return Exit::Policy;
    }
    let mut waiting = local_users().into_iter().filter(has_items);
    let (mut running, mut exit) = (Vec::new(), Exit::Ok);
    loop {
        while running.len() < AT_ONCE
            && let Some(user) = waiting.next()
        {
            match UserRun::start(&user) {
                Ok(run) => running.push(run),
                Err(error) => {
                    let name = &user.user.name;
                    complain(&format!(
                        "cannot run the queue of {name}: {}",
                        reason(&error)
                    ));
                    exit = Exit::Temporary;
                }
            }
        }
        if running.is_empty() {
            return exit;
        }
        running.retain_mut(UserRun::is_running);
        thread::sleep(POLL);
    }
}

/// A user with a home directory.
fn has_items(user: &HomeOwner) -> bool {
    let items = user.home.join(personal_queue()).join("items");
    let mut entries = fs::read_dir(items).into_iter().flatten();
    entries.next().is_some()
}

/// A process that runs the queue of one user.
struct UserRun {
    process: Child,
    started: Instant,
    has_signal: bool,
}

impl UserRun {
    /// Nothing of root's environment is passed on.
    fn start(user: &HomeOwner) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg0("ehlo")
            .args(["queue", "run", "--behind", "--as-user"])
            .arg(user.user.id.to_string());
        if user.user.id == 0 {
            // The default one is that of the host.
            command
                .arg("--queue-dir")
                .arg(user.home.join(personal_queue()));
        }
        let process = command
            .env_clear()
            .env("HOME", &user.home)
            .env("LOGNAME", &user.user.name)
            .env("USER", &user.user.name)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir(Path::new("/"))
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()?;
        Ok(Self {
            process,
            started: Instant::now(),
            has_signal: false,
        })
    }

    fn is_running(&mut self) -> bool {
        if !matches!(self.process.try_wait(), Ok(None)) {
            return false;
        }
        let group = Pid::from_child(&self.process);
        let passed = self.started.elapsed();
        if passed > LIMIT + GRACE {
            let _ = kill_process_group(group, Signal::KILL);
        } else if passed > LIMIT && !self.has_signal {
            let _ = kill_process_group(group, Signal::TERM);
            self.has_signal = true;
        }
        true
    }
}
