//! The limits for each user. The processes of all connections share them in small files: one for what was sent, and
//! one whose lock stands for each open connection. The files need not survive a crash.

use crate::system::figures::spoken_size;
use crate::system::lock::{lock, try_lock};
use crate::system::text::reason;
use crate::system::time::brief;
use crate::system::trust;
use rustix::fs::{CWD, Mode, OFlags};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time that the limits are for, in milliseconds.
const HOUR: u64 = 3_600_000;

/// Maximum size of a file, in octets: two numbers.
const MAX_FILE: usize = 64;

/// Limits for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLimits {
    /// Messages within an hour.
    pub messages: u64,
    /// Octets within an hour.
    pub bytes: u64,
    /// Octets of one message.
    pub size: u64,
    /// Connections at one time.
    pub connections: u16,
}

impl Default for UserLimits {
    fn default() -> Self {
        Self {
            messages: 1000,
            bytes: 1 << 30,
            size: 50 << 20,
            connections: 8,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    #[error("user ID {user} has reached the limit of {limit} within an hour; try again in {wait}")]
    Reached {
        user: u32,
        limit: String,
        wait: String,
    },
    #[error("user ID {user} already has {connections} connections")]
    Connections { user: u32, connections: u16 },
    #[error("cannot count the messages of user ID {user}: {}", reason(.error))]
    Io { user: u32, error: io::Error },
}

/// The files of the limits.
#[derive(Debug)]
pub struct Quota {
    directory: PathBuf,
    limits: UserLimits,
}

impl Quota {
    /// Opens the directory of the files, below the queue, or creates it.
    pub fn open(queue: &std::path::Path, limits: UserLimits) -> io::Result<Self> {
        let directory = queue.join("submit");
        trust::create_directory(CWD, &directory)?;
        Ok(Self { directory, limits })
    }

    /// The directory, in which messages are kept while they are received.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// Counts a connection until the file is closed. root has no limit.
    pub fn connect(&self, user: u32) -> Result<Option<File>, QuotaError> {
        if user == 0 {
            return Ok(None);
        }
        for number in 0..self.limits.connections {
            let io = |error| QuotaError::Io { user, error };
            let file = self.file(&format!("{user}.{number}")).map_err(io)?;
            if try_lock(&file).map_err(io)? {
                return Ok(Some(file));
            }
        }
        Err(QuotaError::Connections {
            user,
            connections: self.limits.connections,
        })
    }

    /// Counts a message, unless that exceeds a limit. With `is_trial`, it is only checked.
    pub fn charge(
        &self,
        user: u32,
        bytes: u64,
        (now, is_trial): (SystemTime, bool),
    ) -> Result<(), QuotaError> {
        if user == 0 {
            return Ok(());
        }
        let io = |error| QuotaError::Io { user, error };
        let file = self.file(&user.to_string()).map_err(io)?;
        lock(&file).map_err(io)?;
        let now = milliseconds(now);
        let used = Used::read(&file);
        let after = Used {
            messages: charged(used.messages, 1, self.limits.messages, now),
            bytes: charged(used.bytes, bytes, self.limits.bytes, now),
        };
        let reached = |until: u64, limit: String| QuotaError::Reached {
            user,
            limit,
            wait: brief(Duration::from_millis(until.saturating_sub(now + HOUR))),
        };
        if after.messages > now + HOUR {
            let limit = format!("{} messages", self.limits.messages);
            return Err(reached(after.messages, limit));
        }
        if after.bytes > now + HOUR {
            return Err(reached(after.bytes, spoken_size(self.limits.bytes)));
        }
        if is_trial {
            return Ok(());
        }
        after.write(&file).map_err(io)
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = self.directory.join(name);
        Ok(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?.into())
    }
}

/// The messages and octets that a user has sent, each as the time in milliseconds at which it no longer counts: every
/// message adds its part of an hour, and an hour's worth may be ahead of the clock (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    messages: u64,
    bytes: u64,
}

/// A later time after this amount. A time over an hour ahead was written before the clock was set back.
fn charged(used: u64, amount: u64, limit: u64, now: u64) -> u64 {
    let used = used.clamp(now, now + HOUR);
    let part = u128::from(amount) * u128::from(HOUR) / u128::from(limit.max(1));
    used.saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
}

impl Used {
    /// An unreadable record is ignored: a crash may have left it.
    fn read(file: &File) -> Self {
        let mut bytes = [0; MAX_FILE];
        let count = file.read_at(&mut bytes, 0).unwrap_or(0);
        let text = str::from_utf8(&bytes[..count]).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(str::parse);
        let (Some(Ok(messages)), Some(Ok(bytes))) = (numbers.next(), numbers.next()) else {
            return Self::default();
        };
        Self { messages, bytes }
    }

    fn write(self, file: &File) -> io::Result<()> {
        let text = format!("{:020} {:020}\n", self.messages, self.bytes);
        file.write_all_at(text.as_bytes(), 0)
    }
}

fn milliseconds(at: SystemTime) -> u64 {
    let passed = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = UNIX_EPOCH;

    fn quota(messages: u64, bytes: u64) -> (tempfile::TempDir, Quota) {
        let home = tempfile::tempdir().unwrap();
        let limits = UserLimits {
            messages,
            bytes,
            connections: 2,
            ..UserLimits::default()
        };
        let quota = Quota::open(home.path(), limits).unwrap();
        (home, quota)
    }

    fn at(seconds: u64) -> (SystemTime, bool) {
        (START + Duration::from_secs(seconds), false)
    }

    #[test]
    fn messages_within_an_hour_are_limited_for_each_user() {
        let (_home, quota) = quota(3, 1000);
        for _ in 0..3 {
            quota.charge(7, 1, (START, true)).unwrap();
            quota.charge(7, 1, at(0)).unwrap();
        }
        let error = quota.charge(7, 1, at(0)).unwrap_err().to_string();
        assert!(
            error.contains("limit of 3 messages within an hour"),
            "{error}"
        );
        assert!(error.contains("try again in 20"), "{error}");
        quota.charge(8, 1, at(0)).unwrap();
        quota.charge(0, 1_000_000, at(0)).unwrap();
        quota.charge(7, 1, at(1200)).unwrap();
        quota.charge(7, 1, at(1200)).unwrap_err();
    }

    #[test]
    fn bytes_within_an_hour_are_limited() {
        let (_home, quota) = quota(1000, 1000);
        quota.charge(7, 1000, at(0)).unwrap();
        quota.charge(7, 1, at(0)).unwrap_err();
        quota.charge(7, 1001, at(7200)).unwrap_err();
        quota.charge(7, 1000, at(7200)).unwrap();
    }

    #[test]
    fn clock_that_was_set_back_locks_nobody_out_for_long() {
        let (_home, quota) = quota(2, 1000);
        quota.charge(7, 1, at(1_000_000)).unwrap();
        quota.charge(7, 1, at(0)).unwrap_err();
        quota.charge(7, 1, at(1800)).unwrap_err();
        std::fs::write(quota.directory().join("7"), "\u{fffd} damaged").unwrap();
        quota.charge(7, 1, at(0)).unwrap();
    }

    #[test]
    fn connections_are_counted_until_they_end() {
        let (_home, quota) = quota(1, 1);
        let first = quota.connect(7).unwrap();
        let _second = quota.connect(7).unwrap();
        let error = quota.connect(7).unwrap_err().to_string();
        assert_eq!(error, "user ID 7 already has 2 connections");
        quota.connect(8).unwrap();
        assert!(quota.connect(0).unwrap().is_none());
        drop(first);
        quota.connect(7).unwrap();
    }
}
