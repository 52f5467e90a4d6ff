//! Checks the queue: its place, whether it can be written to, and its contents.

use crate::cron::doctor::CheckResult;
use crate::cron::doctor::options::CheckStep;
use crate::cron::doctor::surroundings::name;
use crate::queue;
use crate::queue::options::QueueUse;
use crate::queue::store::{Counts, QueueStore};
use crate::system::figures;
use crate::system::text::for_shell;
use rustix::fs::{Access, AtFlags, CWD, StatVfs};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Free space in octets below which a mail with an attachment may not fit.
const LITTLE: u64 = 64 << 20;

/// With less than this, hardly any mail does.
const NONE: u64 = 1 << 20;

/// With fewer names than this, many mails do not fit.
const FEW: u64 = 1000;

/// Checks the queue. Does not create it.
pub fn look(queueing: &QueueUse) -> Vec<CheckResult> {
    let store = match queue::open(queueing.queue.directory.as_deref(), false) {
        Ok(store) => store,
        Err(error) => return vec![CheckResult::of_error(CheckStep::Queue, &error.to_string())],
    };
    let mut findings = vec![place(store.location())];
    findings.extend(contents(&*store));
    findings
}

/// Checks that the directory exists or can be created, and is writable.
fn place(path: &Path) -> CheckResult {
    let name = name(path);
    let there = path
        .ancestors()
        .find(|path| path.symlink_metadata().is_ok());
    let Some(there) = there else {
        return CheckResult::failed(CheckStep::Queue, format!("{name} cannot be made"));
    };
    let is_made = there == path;
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    if let Err(error) = rustix::fs::accessat(CWD, there, rights, AtFlags::EACCESS) {
        let why = io::Error::from(error).kind();
        return if is_made {
            let found = format!("{name} cannot be written to: {why}");
            CheckResult::failed(CheckStep::Queue, found)
                .mended_by(format!("chmod 700 {}", for_shell(path)))
        } else {
            let found = format!("{name} cannot be made: {why}");
            CheckResult::failed(CheckStep::Queue, found).mended_by(format!(
                "another place, with dir in [queue] of the configuration; or let root make it: install -d -m \
                 700 -o $LOGNAME {}",
                for_shell(path)
            ))
        };
    }
    let found = if is_made {
        format!("{name} can be written to")
    } else {
        format!("{name} is made with the first mail")
    };
    match rustix::fs::statvfs(there) {
        Ok(facts) => room(&found, &facts),
        Err(_) => CheckResult::ok(CheckStep::Queue, found),
    }
}

fn room(found: &str, facts: &StatVfs) -> CheckResult {
    let free = facts.f_bavail.saturating_mul(facts.f_frsize);
    let text = format!("{found}, {} free", figures::spoken_size(free));
    // Some file systems do not count their files.
    let names = (facts.f_files > 0).then_some(facts.f_favail);
    let mend = "make room on that disk, or move the queue with dir in [queue]";
    match names {
        _ if free < NONE => CheckResult::failed(CheckStep::Queue, text).mended_by(mend),
        Some(0) => {
            CheckResult::failed(CheckStep::Queue, format!("{text}, and no inode")).mended_by(mend)
        }
        _ if free < LITTLE => CheckResult::warning(CheckStep::Queue, text).mended_by(mend),
        Some(few) if few < FEW => {
            CheckResult::warning(CheckStep::Queue, format!("{text}, and {few} inodes"))
                .mended_by(mend)
        }
        _ => CheckResult::ok(CheckStep::Queue, text),
    }
}

fn contents(store: &dyn QueueStore) -> Option<CheckResult> {
    let counts = match store.counts(SystemTime::now()) {
        Ok(counts) => counts,
        Err(error) => return Some(CheckResult::of_error(CheckStep::Queue, &error.to_string())),
    };
    if counts == Counts::default() {
        return None;
    }
    let text = counts.to_text();
    if counts.failed + counts.damaged + counts.held > 0 {
        return Some(CheckResult::warning(CheckStep::Queue, text).mended_by("ehlo queue list"));
    }
    Some(CheckResult::ok(CheckStep::Queue, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::exit::Health;
    use rustix::fs::StatVfsMountFlags;
    use std::fs;

    fn disk(free: u64, names: u64) -> CheckResult {
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
        room("/q", &facts)
    }

    #[test]
    fn a_disk_has_room_or_little_or_none() {
        for (free, names, health) in [
            (1 << 30, 1 << 19, Health::Ok),
            (1 << 25, 1 << 19, Health::Warning),
            (1 << 30, 10, Health::Warning),
            (1 << 30, 0, Health::Critical),
            (1 << 10, 1 << 19, Health::Critical),
        ] {
            let finding = disk(free, names);
            assert_eq!(finding.health, health, "{finding:?}");
            assert_eq!(finding.mend.is_some(), health != Health::Ok);
        }
    }

    #[test]
    fn a_queue_is_there_or_can_be_made_or_not() {
        let top = tempfile::tempdir().unwrap();
        let found = |name: &str| place(&top.path().join(name)).found;
        fs::create_dir(top.path().join("queue")).unwrap();
        assert!(found("queue").contains("can be written to"));
        assert!(found("a/b/queue").contains("is made with the first mail"));
        fs::write(top.path().join("file"), "").unwrap();
        let below = place(&top.path().join("file/queue"));
        assert_eq!(below.health, Health::Critical, "{below:?}");
    }
}
