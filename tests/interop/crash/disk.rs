//! Disks that are full, read-only or broken, and items that may not be read: the caller knows where the
//! message is, and when the disk is well again, everything goes on.

use super::world::{Ran, World, ended};
use super::{RECIPIENTS, steps};
use crate::parts;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::Command;

/// Somebody who is not root.
const NOBODY: u32 = 65534;

/// A disk of its own for a queue.
struct Disk {
    world: World,
    at: PathBuf,
}

impl Disk {
    /// `None` where no disk can be made.
    fn new(options: &str) -> Option<Self> {
        if !parts::is_root() {
            return None;
        }
        let world = World::new();
        let at = world.path("queue");
        fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("mode=0700,{options}"), "ehlo"]);
        parts::works(mount.arg(&at), "a right to mount").then_some(Self { world, at })
    }

    fn make_read_only(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,ro"]).arg(&self.at);
        assert!(mount.status().unwrap().success());
    }

    /// Leaves no room for another octet.
    fn fill(&self) {
        let mut filler = File::create(self.at.join("filler")).unwrap();
        while filler.write_all(&[b'x'; 512]).is_ok() {}
    }

    /// Leaves no room for another file.
    fn fill_with_files(&self) {
        let name = |count: usize| self.at.join(format!("filler{count}"));
        let full = (0..100_000).find(|&count| File::create(name(count)).is_err());
        assert!(full > Some(0));
    }

    /// Whether anything of a message is there.
    fn holds_something(&self) -> bool {
        let names = ["tmp", "items", "dead"].map(|directory| self.world.names(directory));
        names.iter().any(|names| !names.is_empty())
    }

    /// What sendmail comes to with these options.
    fn sendmail(&self, options: &[&str]) -> Ran {
        ended(self.world.sendmail(options))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

#[test]
fn where_the_disk_is_full_nothing_is_half_there_and_the_caller_knows_it() {
    let Some(disk) = Disk::new("size=64k") else {
        return;
    };
    assert_eq!(ended(disk.world.run()).code, Some(0));
    disk.fill();
    for ran in [
        ended(disk.world.enqueue()),
        ended(disk.world.send()),
        disk.sendmail(&[]),
    ] {
        assert_eq!(ran.code, Some(75), "{ran:?}");
        assert!(ran.said.contains("neither queued nor sent"), "{ran:?}");
        assert!(!disk.holds_something());
    }
    assert_eq!(disk.world.arrived(RECIPIENTS[0]), 0);
}

#[test]
fn where_nothing_can_be_written_the_message_goes_out_at_once_if_it_may() {
    let Some(disk) = Disk::new("size=1m") else {
        return;
    };
    assert_eq!(ended(disk.world.run()).code, Some(0));
    disk.make_read_only();
    let sent = ended(disk.world.send());
    assert!(
        sent.said
            .contains("sending the message without queueing it"),
        "{sent:?}"
    );
    assert_eq!(disk.world.arrived(RECIPIENTS[0]), 1);
    let sent = disk.sendmail(&[]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(disk.world.arrived(RECIPIENTS[0]), 2);
    for ran in [ended(disk.world.enqueue()), disk.sendmail(&["-odq"])] {
        assert_eq!(ran.code, Some(75), "{ran:?}");
    }
    assert_eq!(disk.world.arrived(RECIPIENTS[0]), 2);
}

/// What is in the queue is what would make room.
#[test]
fn a_disk_without_room_for_another_file_can_still_be_emptied() {
    let Some(disk) = Disk::new("nr_inodes=40") else {
        return;
    };
    disk.world.put();
    disk.fill_with_files();
    let ran = ended(disk.world.run());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(disk.world.arrived(RECIPIENTS[0]), 1);
}

#[test]
fn a_disk_that_fails_again_and_again_is_not_taken_for_a_message_that_kills() {
    if !steps::can_be_seen() {
        return;
    }
    for error in ["EIO", "ENOSPC"] {
        let world = World::new();
        world.put();
        for _ in 0..4 {
            let change = format!("inject=fdatasync:error={error}");
            let ran = World::strace(&change, &world.run());
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
        assert_eq!(world.arrived(RECIPIENTS[0]), 0);
        let ran = ended(world.run());
        assert_eq!(world.arrived(RECIPIENTS[0]), 1, "{ran:?}");
        assert_eq!(world.names("dead"), [""; 0], "{ran:?}");
    }
}

#[test]
fn an_item_that_may_not_be_read_is_set_aside_and_stops_nobody() {
    if !parts::is_root() {
        return;
    }
    let world = World::new();
    let as_nobody = |command: &Command| {
        let mut other = Command::new("setpriv");
        other.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        World::under(other, command)
    };
    let home = world.path("");
    fs::set_permissions(&home, Permissions::from_mode(0o755)).unwrap();
    chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    if as_nobody(&world.enqueue()).code != Some(0) {
        parts::skip("nobody but root may run the program where it is");
        return;
    }
    let first = world.names("items").into_iter().min().unwrap();
    as_nobody(&world.enqueue());
    let item = world.path("queue/items").join(&first);
    fs::set_permissions(item, Permissions::from_mode(0o0)).unwrap();
    let ran = as_nobody(&world.run());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.said.contains(&format!("{first} was set aside")),
        "{ran:?}"
    );
    assert_eq!(world.arrived(RECIPIENTS[0]), 1);
    let ran = as_nobody(&world.run());
    assert_eq!(ran.said, "");
}
