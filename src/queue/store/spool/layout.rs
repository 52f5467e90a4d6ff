//! The directories of a spool, the location of an item in them, and the removal of files that crashes leave.

use crate::queue::store::spool::directory::{Directory, FileError};
use crate::queue::store::{Id, QueueError, RunnerRole};
use crate::system::lock::{lock, try_lock};
use crate::system::trust;
use rustix::fs::{OFlags, fstat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Removals per sync of the directory.
const REMOVALS: usize = 64;

/// This file exists once the names of all directories are on disk.
const LOCK: &str = "lock";

/// Directory of the hosts that are down.
pub const DOWN: &str = "down";

/// The file whose lock is the lock of a role.
pub fn lock_name(role: RunnerRole) -> &'static str {
    match role {
        RunnerRole::Runner => "runner.lock",
        RunnerRole::Watcher => "watch.lock",
    }
}

/// The directories of a spool.
pub struct Layout {
    /// The directory that contains the others.
    pub root: Directory,
    /// Messages that are being written.
    pub tmp: Directory,
    /// The items to deliver.
    pub items: Directory,
    /// The failed items.
    pub failed: Directory,
    /// Removed items that still have a journal, because their removal is not on disk.
    removed: Mutex<Vec<Id>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The items to deliver.
    Active,
    /// The items that are not delivered without a decision of the operator.
    Failed,
}

impl Layout {
    /// Opens the directories, or creates missing ones; `None`: missing, and not to be created.
    pub fn open(root: Directory, create: bool) -> Result<Option<Self>, QueueError> {
        if create && !root.contains(LOCK)? {
            create_missing(&root)?;
        }
        let open = |name| match root.open_directory(name) {
            Err(Errno::NOENT) if create => {
                create_missing(&root)?;
                let made = root.open_directory(name).map(Some);
                made.map_err(|error| root.error("open", name, error))
            }
            Err(Errno::NOENT) => Ok(None),
            opened => opened
                .map(Some)
                .map_err(|error| root.error("open", name, error)),
        };
        let (Some(tmp), Some(items), Some(failed)) = (open("tmp")?, open("items")?, open("dead")?)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            root,
            tmp,
            items,
            failed,
            removed: Mutex::default(),
        }))
    }

    /// The directory of an area.
    pub fn directory(&self, area: Area) -> &Directory {
        match area {
            Area::Active => &self.items,
            Area::Failed => &self.failed,
        }
    }

    /// Waits until no other process moves names between `items/` and `dead/`, uses a name chosen
    /// beforehand, or cleans up. Claims, records and removals need no lock.
    pub fn lock(&self) -> Result<File, QueueError> {
        let file = match self.root.open(LOCK, OFlags::RDWR) {
            Err(Errno::NOENT) => {
                create_missing(&self.root)?;
                self.root.open(LOCK, OFlags::RDWR)
            }
            opened => opened,
        };
        let file = file.map_err(|error| self.root.error("open", LOCK, error))?;
        lock(&file).map_err(|error| self.root.error("lock", LOCK, error))?;
        Ok(file)
    }

    /// Records the removal of an item. Its journal is removed once that is on disk: earlier, a power failure
    /// could bring back the item without its journal.
    pub fn add_removed(&self, id: Id) -> Result<(), QueueError> {
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        removed.push(id);
        let is_full = removed.len() >= REMOVALS;
        drop(removed);
        if is_full { self.flush() } else { Ok(()) }
    }

    /// Waits until removals are on disk, and removes the journals.
    pub fn flush(&self) -> Result<(), QueueError> {
        let removed =
            std::mem::take(&mut *self.removed.lock().unwrap_or_else(PoisonError::into_inner));
        if removed.is_empty() {
            return Ok(());
        }
        self.items.sync()?;
        // A name can be used again by the process that chose it: then the journal is that of the new item.
        let _lock = self.lock()?;
        for id in removed {
            if !self.items.contains(id.as_str())? {
                self.items.unlink(&log_of(&id))?;
            }
        }
        Ok(())
    }

    /// Flushes, and removes files left by crashes. Meanwhile the lock keeps other processes from moving or
    /// choosing names, so that a file found without its counterpart does not have one.
    pub fn clean(&self) -> Result<(), QueueError> {
        self.flush()?;
        let _lock = self.lock()?;
        self.remove_unfinished()?;
        self.remove_orphaned_journals()?;
        self.remove_remains_of_failed()
    }

    /// Removes messages whose writer has crashed: their lock is free.
    fn remove_unfinished(&self) -> Result<(), QueueError> {
        for name in self.tmp.names()? {
            // A file that cannot be opened belongs to another user, or is being created right now.
            let Ok(file) = self.tmp.open(&name, OFlags::RDWR) else {
                continue;
            };
            // Locked during the removal, so that a concurrent writer notices it.
            if try_lock(&file).is_ok_and(|is_locked| is_locked) {
                self.tmp.unlink(&name)?;
            }
            drop(file);
        }
        Ok(())
    }

    /// Removes or moves journals without their item: the item was removed, or its move to the failed items
    /// was not finished.
    fn remove_orphaned_journals(&self) -> Result<(), QueueError> {
        let orphaned = orphaned(&self.items, ".log")?;
        // The removal of an item must be on disk before its journal goes.
        if !orphaned.is_empty() {
            self.items.sync()?;
        }
        for name in orphaned {
            let log = format!("{name}.log");
            if self.failed.contains(&name)? {
                self.items.rename(&log, &self.failed, &log)?;
            } else {
                self.items.unlink(&log)?;
            }
        }
        Ok(())
    }

    /// Removes journals and reasons of failed items that do not exist, or no longer.
    fn remove_remains_of_failed(&self) -> Result<(), QueueError> {
        for extension in [".log", ".why"] {
            let orphaned = orphaned(&self.failed, extension)?;
            if !orphaned.is_empty() {
                self.failed.sync()?;
            }
            for name in orphaned {
                self.failed.unlink(&format!("{name}{extension}"))?;
            }
        }
        Ok(())
    }
}

/// The names of missing items with a file of this extension. A journal is created after its item, so the
/// item is looked up again once the journal was seen.
fn orphaned(directory: &Directory, extension: &str) -> Result<Vec<String>, QueueError> {
    let names: HashSet<String> = directory.names()?.into_iter().collect();
    let mut orphaned = Vec::new();
    for name in &names {
        if let Some(item) = name.strip_suffix(extension)
            && Id::parse(item).is_some()
            && !names.contains(item)
            && !directory.contains(item)?
        {
            orphaned.push(item.to_owned());
        }
    }
    Ok(orphaned)
}

/// Creates missing directories and files. The lock file comes last, when all names are on disk: a process
/// that finds it need not check for an interrupted creation.
fn create_missing(root: &Directory) -> Result<(), QueueError> {
    for name in ["tmp", "items", "dead", DOWN] {
        root.make_directory(name)?;
    }
    // Created in advance: a disk that is full later must not prevent the queue from being emptied.
    for name in [RunnerRole::Runner, RunnerRole::Watcher].map(lock_name) {
        make_file(root, name)?;
    }
    root.sync()?;
    trust::sync_names(&root.path(""))?;
    make_file(root, LOCK)
}

fn make_file(root: &Directory, name: &str) -> Result<(), QueueError> {
    match root.create(name, OFlags::RDWR) {
        Ok(_) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(root.error("create", name, error)),
    }
}

/// The location of an item.
#[derive(Clone)]
pub struct ItemPath {
    pub layout: Arc<Layout>,
    pub area: Area,
    pub id: Id,
}

/// The name of a journal.
pub fn log_of(id: &Id) -> String {
    format!("{id}.log")
}

/// The name of the file with the reason why an item failed.
pub fn why_of(id: &Id) -> String {
    format!("{id}.why")
}

impl ItemPath {
    pub fn new(layout: &Arc<Layout>, area: Area, id: &Id) -> Self {
        Self {
            layout: Arc::clone(layout),
            area,
            id: id.clone(),
        }
    }

    /// The directory that contains it.
    pub fn directory(&self) -> &Directory {
        self.layout.directory(self.area)
    }

    /// The name of its file.
    pub fn name(&self) -> &str {
        self.id.as_str()
    }

    /// The name of its journal.
    pub fn log(&self) -> String {
        log_of(&self.id)
    }

    /// An error about its file.
    pub fn error(&self, doing: &'static str, error: impl Into<io::Error>) -> QueueError {
        self.directory().error(doing, self.name(), error)
    }

    /// The error of the queue for an error of its file.
    pub fn file_error(&self, error: impl Into<FileError>) -> QueueError {
        match error.into() {
            FileError::Io(error) => self.error("read", error),
            FileError::Damaged(why) => QueueError::Damaged {
                id: self.id.clone(),
                why,
            },
        }
    }

    /// True if its name still refers to this open file: it may have been moved or removed.
    pub fn refers_to(&self, file: &File) -> Result<bool, QueueError> {
        let opened = fstat(file).map_err(|error| self.error("stat", error))?;
        let named = self.directory().stat(self.name())?;
        Ok(named
            .is_some_and(|named| (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)))
    }
}
