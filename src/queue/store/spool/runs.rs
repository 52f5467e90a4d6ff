//! State that queue runs share through the spool: locks, notification about changes, and the hosts that recently
//! could not be reached. The hosts are only a cache: entries that cannot be written or read are ignored.

use crate::queue::store::spool::directory::Directory;
use crate::queue::store::spool::layout::{DOWN, lock_name};
use crate::queue::store::{Changes, Id, QueueError, RunnerLock, RunnerRole, Watcher};
use crate::system::lock::{lock_within, try_lock_shared};
use crate::system::text;
use rustix::fs::OFlags;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime};

/// A probe of a lock holds the lock for a moment. A lock that is held for longer than this counts as held.
const PROBE: Duration = Duration::from_millis(10);

/// Interval between two attempts in that time.
const INTERVAL: Duration = Duration::from_millis(5);

/// Maximum length of a file name.
const MAX_NAME: usize = 255;

/// Upper limit in octets of a stored reason.
const MAX_REASON: u64 = 4096;

/// Maximum age of a host's entry, regardless of the settings.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

pub fn lock(root: &Directory, role: RunnerRole) -> Result<Option<RunnerLock>, QueueError> {
    let name = lock_name(role);
    // create() sets the mode after the creation: a umask could lock out all users, including this one.
    let file = match root.create(name, OFlags::RDWR) {
        Err(Errno::EXIST) => root.open(name, OFlags::RDWR),
        created => created,
    };
    let file = file.map_err(|error| root.error("open", name, error))?;
    let is_locked = lock_within(&file, PROBE, INTERVAL);
    let is_locked = is_locked.map_err(|error| root.error("lock", name, error))?;
    Ok(is_locked.then(|| -> RunnerLock { Box::new(file) }))
}

pub fn is_locked(root: &Directory, role: RunnerRole) -> bool {
    let file = root.open(lock_name(role), OFlags::RDWR);
    // A shared lock, because concurrent probes do not count.
    file.is_ok_and(|file| try_lock_shared(&file).is_ok_and(|is_free| !is_free))
}

pub fn watch(items: &Directory) -> Result<Box<dyn Watcher>, QueueError> {
    let path = items.path("");
    let failed = |error: Errno| QueueError::io("watch", &path, error);
    let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(failed)?;
    // Not a rename, because the writer still has the lock then, but the closing of the file by the
    // writer; and creation, because without rename support a file gets its name by a link.
    let events = WatchFlags::CLOSE_WRITE | WatchFlags::CREATE | WatchFlags::ONLYDIR;
    inotify::add_watch(&fd, &path, events).map_err(failed)?;
    Ok(Box::new(SpoolWatcher { fd }))
}

struct SpoolWatcher {
    fd: OwnedFd,
}

impl Watcher for SpoolWatcher {
    fn drain(&self) -> Changes {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.fd, &mut buffer);
        let mut changed = HashSet::new();
        let mut has_overflowed = false;
        while let Ok(event) = events.next() {
            let name = event.file_name().and_then(|name| name.to_str().ok());
            changed.extend(name.and_then(Id::parse));
            has_overflowed |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
        }
        if has_overflowed {
            return Changes::Unknown;
        }
        Changes::Items(changed)
    }
}

impl AsFd for SpoolWatcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The reason why a host could not be reached, if the failure is not older than `max_age`.
pub fn host_down(root: &Directory, host: &str, port: u16, max_age: Duration) -> Option<String> {
    let down = root.open_directory(DOWN).ok()?;
    let mut file = down.open(&host_file(host, port)?, OFlags::RDONLY).ok()?;
    if age(file.metadata().ok()?.modified().ok()?)? > max_age {
        return None;
    }
    let mut reason = Vec::new();
    (&mut file).take(MAX_REASON).read_to_end(&mut reason).ok()?;
    Some(text::shown(&String::from_utf8_lossy(&reason)))
}

/// Records that a host cannot be reached. The file exists all the time: no process may find the host up
/// while its reason is being written. `None`: not recorded.
pub fn set_host_down(root: &Directory, host: &str, port: u16, reason: &str) -> Option<()> {
    let (down, name) = (root.open_directory(DOWN).ok()?, host_file(host, port)?);
    let mut file = match down.open(&name, OFlags::WRONLY) {
        Ok(file) => file,
        Err(_) => down.create(&name, OFlags::WRONLY).ok()?,
    };
    file.set_len(0).ok()?;
    file.write_all(reason.as_bytes()).ok()
}

/// Records that a host was reached. `None`: not recorded.
pub fn set_host_up(root: &Directory, host: &str, port: u16) -> Option<()> {
    let down = root.open_directory(DOWN).ok()?;
    down.unlink(&host_file(host, port)?).ok().map(drop)
}

/// Removes the entries of hosts that are too old, or that have a time in the future.
pub fn forget_hosts(root: &Directory) {
    let Ok(down) = root.open_directory(DOWN) else {
        return;
    };
    for name in down.names().unwrap_or_default() {
        let file = down.open(&name, OFlags::RDONLY).ok();
        let written = file.and_then(|file| file.metadata().ok()?.modified().ok());
        if written.and_then(age).is_none_or(|age| age > MAX_AGE) {
            let _ = down.unlink(&name);
        }
    }
}

/// The age; `None`: in the future.
fn age(time: SystemTime) -> Option<Duration> {
    SystemTime::now().duration_since(time).ok()
}

/// The file name for a host. Other characters, as in the path of a socket, are written as `%xx`. `None`:
/// too long.
fn host_file(host: &str, port: u16) -> Option<String> {
    let mut name = String::new();
    for byte in host.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => name.push(char::from(byte)),
            b'.' if !name.is_empty() => name.push('.'),
            _ => write!(name, "%{byte:02x}").ok()?,
        }
    }
    write!(name, ":{port}").ok()?;
    (name.len() <= MAX_NAME).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::store::QueueStore as _;
    use crate::queue::store::spool::Spool;

    const MINUTE: Duration = Duration::from_secs(60);

    fn spool() -> (tempfile::TempDir, Spool) {
        let top = tempfile::tempdir().unwrap();
        let spool = Spool::open(Some(&top.path().join("queue")), true).unwrap();
        (top, spool)
    }

    fn set_age(spool: &Spool, host: &str, age: Duration) {
        let path = spool.path.join("down").join(host_file(host, 25).unwrap());
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn a_host_is_down_until_it_is_up_or_time_has_passed() {
        let (_top, spool) = spool();
        let down = |host, port| spool.host_down(host, port, MINUTE);
        assert_eq!(down("mx.example.org", 25), None);
        spool.set_host_down("mx.example.org", 25, "no route\nto \u{1b}host");
        spool.set_host_down("mx.example.org", 25, "no route to \u{1b}host");
        assert_eq!(
            down("mx.example.org", 25).as_deref(),
            Some("no route to \\u{1b}host")
        );
        assert_eq!(
            (down("mx.example.org", 26), down("x.example.org", 25)),
            (None, None)
        );
        set_age(&spool, "mx.example.org", 2 * MINUTE);
        assert_eq!(down("mx.example.org", 25), None);
        spool.set_host_down("mx.example.org", 25, "still");
        assert_eq!(down("mx.example.org", 25).as_deref(), Some("still"));
        spool.set_host_up("mx.example.org", 25);
        spool.set_host_up("mx.example.org", 25);
        assert_eq!(down("mx.example.org", 25), None);
    }

    #[test]
    fn an_entry_from_the_future_does_not_count() {
        let (_top, spool) = spool();
        spool.set_host_down("a", 25, "down");
        let path = spool.path.join("down/a:25");
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() + 10 * MINUTE).unwrap();
        assert_eq!(spool.host_down("a", 25, MINUTE), None);
    }

    #[test]
    fn no_host_name_leads_to_another_directory() {
        let (_top, spool) = spool();
        let long = "x".repeat(300);
        for host in [
            "../items/x",
            "/run/lmtp",
            ".",
            "..",
            "",
            "MX",
            "[::1]",
            "ü",
            &long,
        ] {
            spool.set_host_down(host, 25, "down");
            let seen = spool.host_down(host, 25, MINUTE);
            assert_eq!(seen.is_some(), host != long, "{host}");
        }
        assert_eq!(
            std::fs::read_dir(spool.path.join("down")).unwrap().count(),
            8
        );
        assert_eq!(spool.host_down("mx", 25, MINUTE), None);
    }

    #[test]
    fn clean_removes_old_entries() {
        let (_top, spool) = spool();
        spool.set_host_down("old", 25, "down");
        spool.set_host_down("new", 25, "down");
        set_age(&spool, "old", 25 * 60 * MINUTE);
        spool.clean().unwrap();
        assert!(!spool.path.join("down/old:25").exists());
        assert!(spool.path.join("down/new:25").exists());
    }

    #[test]
    fn a_missing_spool_has_no_entries() {
        let top = tempfile::tempdir().unwrap();
        let spool = Spool::open(Some(&top.path().join("queue")), false).unwrap();
        spool.set_host_down("a", 25, "down");
        spool.set_host_up("a", 25);
        assert_eq!(spool.host_down("a", 25, MINUTE), None);
    }
}
