//! Checks the queue: its directory, the free space and its contents.

use crate::cron::doctor::of_error;
use crate::cron::doctor::options::CheckStep;
use crate::probe::Finding;
use crate::queue;
use crate::queue::store::{Counts, QueueStore};
use crate::queue::{Location, QueueUse};
use crate::system::figures;
use crate::system::quote::for_shell;
use crate::system::text::shown_path;
use rustix::fs::{Access, AtFlags, CWD, StatVfs};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Free space in octets below which a mail with an attachment may not fit.
const LOW_SPACE: u64 = 64 << 20;

/// Free space in octets below which hardly any mail fits.
const NO_SPACE: u64 = 1 << 20;

/// Number of free inodes below which many mails do not fit.
const LOW_INODES: u64 = 1000;

/// Checks the queue. Does not create it.
pub fn check(queueing: &QueueUse) -> Vec<Finding> {
    let store = match queue::open(queueing.queue.location.as_ref(), false) {
        Ok(store) => store,
        Err(error) => return vec![of_error(CheckStep::Queue, &error)],
    };
    let mut findings = vec![match store.location() {
        Location::Directory(path) => location(&path),
        // It was reached when it was opened.
        database @ Location::Database(_) => {
            Finding::ok(CheckStep::Queue, format!("{database} is reachable"))
        }
    }];
    findings.extend(contents(&*store));
    findings
}

/// Checks that the directory exists or can be created, and is writable.
fn location(path: &Path) -> Finding {
    let name = shown_path(path);
    let existing = path
        .ancestors()
        .find(|path| path.symlink_metadata().is_ok());
    let Some(existing) = existing else {
        return Finding::failed(CheckStep::Queue, format!("{name} cannot be created"));
    };
    let exists_already = existing == path;
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    if let Err(error) = rustix::fs::accessat(CWD, existing, rights, AtFlags::EACCESS) {
        let why = io::Error::from(error).kind();
        return if exists_already {
            let found = format!("{name} is not writable: {why}");
            Finding::failed(CheckStep::Queue, found)
                .with_command(format!("chmod 700 {}", for_shell(path)))
        } else {
            let found = format!("{name} cannot be created: {why}");
            Finding::failed(CheckStep::Queue, found).with_remedy(format!(
                "choose another directory with dir in [queue] of the configuration, or create it as root: install -d \
                 -m 700 -o $LOGNAME {}",
                for_shell(path)
            ))
        };
    }
    let found = if exists_already {
        format!("{name} is writable")
    } else {
        format!("{name} is created by the first mail")
    };
    match rustix::fs::statvfs(existing) {
        Ok(facts) => space(&found, &facts),
        Err(_) => Finding::ok(CheckStep::Queue, found),
    }
}

fn space(found: &str, facts: &StatVfs) -> Finding {
    let free = facts.f_bavail.saturating_mul(facts.f_frsize);
    let text = format!("{found}, {} free", figures::spoken_size(free));
    // Some file systems do not count their files.
    let names = (facts.f_files > 0).then_some(facts.f_favail);
    let remedy = "free some space on that disk, or move the queue with dir in [queue]";
    match names {
        _ if free < NO_SPACE => Finding::failed(CheckStep::Queue, text).with_remedy(remedy),
        Some(0) => {
            Finding::failed(CheckStep::Queue, format!("{text}, no free inodes")).with_remedy(remedy)
        }
        _ if free < LOW_SPACE => Finding::warning(CheckStep::Queue, text).with_remedy(remedy),
        Some(inodes) if inodes < LOW_INODES => {
            Finding::warning(CheckStep::Queue, format!("{text}, {inodes} free inodes"))
                .with_remedy(remedy)
        }
        _ => Finding::ok(CheckStep::Queue, text),
    }
}

fn contents(store: &dyn QueueStore) -> Option<Finding> {
    let counts = match store.counts(SystemTime::now()) {
        Ok(counts) => counts,
        Err(error) => return Some(of_error(CheckStep::Queue, &error)),
    };
    if counts == Counts::default() {
        return None;
    }
    let text = counts.to_text();
    if counts.failed + counts.damaged + counts.held > 0 {
        return Some(Finding::warning(CheckStep::Queue, text).with_command("ehlo queue list"));
    }
    Some(Finding::ok(CheckStep::Queue, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Status;
    use rustix::fs::StatVfsMountFlags;
    use std::fs;

    fn disk(free: u64, names: u64) -> Finding {
        let facts = StatVfs {
            f_bsize: 1,
            f_frsize: 1,
            f_blocks: u64::MAX,
            f_bfree: free,
            f_bavail: free,
            f_files: 1 << 20,
            f_ffree: names,
            f_favail: names,
            f_fsid: 0,
            f_flag: StatVfsMountFlags::empty(),
            f_namemax: 255,
        };
        space("/q", &facts)
    }

    #[test]
    fn low_disk_space_is_reported() {
        for (free, names, health) in [
            (1 << 30, 1 << 19, Status::Ok),
            (1 << 25, 1 << 19, Status::Warning),
            (1 << 30, 10, Status::Warning),
            (1 << 30, 0, Status::Failed),
            (1 << 10, 1 << 19, Status::Failed),
        ] {
            let finding = disk(free, names);
            assert_eq!(finding.status, health, "{finding:?}");
            assert_eq!(finding.remedy.is_some(), health != Status::Ok);
        }
    }

    #[test]
    fn queue_directory_exists_or_can_be_created() {
        let top = tempfile::tempdir().unwrap();
        let found = |name: &str| location(&top.path().join(name)).text;
        fs::create_dir(top.path().join("queue")).unwrap();
        assert!(found("queue").contains("is writable"));
        assert!(found("a/b/queue").contains("is created by the first mail"));
        fs::write(top.path().join("file"), "").unwrap();
        let below = location(&top.path().join("file/queue"));
        assert_eq!(below.status, Status::Failed, "{below:?}");
    }
}
