//! Hosts that recently could not be reached. This is only a cache: entries that cannot be written or read
//! are ignored.

use crate::queue::store::spool::Spool;
use crate::queue::store::spool::directory::Directory;
use crate::queue::store::spool::layout::DOWN;
use crate::system::text;
use rustix::fs::OFlags;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::time::{Duration, SystemTime};

/// Maximum length of a file name.
const LONGEST_NAME: usize = 255;

/// Upper limit in octets of a stored reason.
const LONGEST_REASON: u64 = 4096;

/// Maximum age of an entry, regardless of the settings.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

impl Spool {
    /// The reason why a host could not be reached, if the failure is not older than `since`.
    #[must_use]
    pub fn host_down(&self, host: &str, port: u16, since: Duration) -> Option<String> {
        let down = self.down()?;
        let mut file = down.open(&name(host, port)?, OFlags::RDONLY).ok()?;
        if age(file.metadata().ok()?.modified().ok()?)? > since {
            return None;
        }
        let mut reason = Vec::new();
        (&mut file)
            .take(LONGEST_REASON)
            .read_to_end(&mut reason)
            .ok()?;
        Some(text::shown(&String::from_utf8_lossy(&reason)))
    }

    /// Records that a host cannot be reached.
    pub fn set_host_down(&self, host: &str, port: u16, why: &str) {
        let _ = self.write_down(host, port, why);
    }

    /// The file exists all the time: no process may find the host up while its reason is being written.
    fn write_down(&self, host: &str, port: u16, why: &str) -> Option<()> {
        let (down, name) = (self.down()?, name(host, port)?);
        let mut file = match down.open(&name, OFlags::WRONLY) {
            Ok(file) => file,
            Err(_) => down.create(&name, OFlags::WRONLY).ok()?,
        };
        file.set_len(0).ok()?;
        file.write_all(why.as_bytes()).ok()
    }

    /// Records that a host was reached.
    pub fn set_host_up(&self, host: &str, port: u16) {
        if let (Some(down), Some(name)) = (self.down(), name(host, port)) {
            let _ = down.unlink(&name);
        }
    }

    fn down(&self) -> Option<Directory> {
        self.rooms.as_ref()?.root.within(DOWN).ok()
    }
}

/// Removes entries that are too old, or that have a time in the future.
pub fn forget(root: &Directory) {
    let Ok(down) = root.within(DOWN) else {
        return;
    };
    for name in down.names().unwrap_or_default() {
        let file = down.open(&name, OFlags::RDONLY).ok();
        let written = file.and_then(|file| file.metadata().ok()?.modified().ok());
        if written.and_then(age).is_none_or(|age| age > OLD) {
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
fn name(host: &str, port: u16) -> Option<String> {
    let mut name = String::new();
    for byte in host.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => name.push(char::from(byte)),
            b'.' if !name.is_empty() => name.push('.'),
            _ => write!(name, "%{byte:02x}").ok()?,
        }
    }
    write!(name, ":{port}").ok()?;
    (name.len() <= LONGEST_NAME).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn spool() -> (tempfile::TempDir, Spool) {
        let top = tempfile::tempdir().unwrap();
        let spool = Spool::open(Some(&top.path().join("queue")), true).unwrap();
        (top, spool)
    }

    fn set_age(spool: &Spool, host: &str, age: Duration) {
        let path = spool.path().join("down").join(name(host, 25).unwrap());
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
    fn what_is_from_the_future_does_not_count() {
        let (_top, spool) = spool();
        spool.set_host_down("a", 25, "down");
        let path = spool.path().join("down/a:25");
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() + 10 * MINUTE).unwrap();
        assert_eq!(spool.host_down("a", 25, MINUTE), None);
    }

    #[test]
    fn no_name_of_a_host_leads_elsewhere() {
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
            std::fs::read_dir(spool.path().join("down"))
                .unwrap()
                .count(),
            8
        );
        assert_eq!(spool.host_down("mx", 25, MINUTE), None);
    }

    #[test]
    fn old_memories_go_when_it_is_tidied() {
        use crate::queue::store::QueueStore as _;
        let (_top, spool) = spool();
        spool.set_host_down("old", 25, "down");
        spool.set_host_down("new", 25, "down");
        set_age(&spool, "old", 25 * 60 * MINUTE);
        spool.tidy().unwrap();
        assert!(!spool.path().join("down/old:25").exists());
        assert!(spool.path().join("down/new:25").exists());
    }

    #[test]
    fn a_spool_that_is_not_there_remembers_nothing() {
        let top = tempfile::tempdir().unwrap();
        let spool = Spool::open(Some(&top.path().join("queue")), false).unwrap();
        spool.set_host_down("a", 25, "down");
        spool.set_host_up("a", 25);
        assert_eq!(spool.host_down("a", 25, MINUTE), None);
    }
}
