//! systemd: its managers, and command lines in units.

use crate::system::quote::systemd_word;
use crate::system::user::home;
use std::path::{Path, PathBuf};

/// A systemd manager.
#[derive(Debug)]
pub struct SystemdManager {
    /// The directory of its units, as people write it.
    pub directory: &'static str,
    /// The command that controls it.
    pub ctl: &'static str,
    /// True if it runs units as any user.
    pub is_system: bool,
}

pub const SYSTEM: SystemdManager = SystemdManager {
    directory: "/etc/systemd/system",
    ctl: "systemctl",
    is_system: true,
};

/// That of a user.
pub const USER: SystemdManager = SystemdManager {
    directory: "~/.config/systemd/user",
    ctl: "systemctl --user",
    is_system: false,
};

impl SystemdManager {
    /// That of the user who runs this process.
    pub fn of_this_process() -> &'static Self {
        if rustix::process::geteuid().is_root() {
            &SYSTEM
        } else {
            &USER
        }
    }

    /// The directory of its units. `None`: the user has no home directory.
    pub fn path(&self) -> Option<PathBuf> {
        match self.directory.strip_prefix("~/") {
            Some(rest) => Some(home()?.join(rest)),
            None => Some(self.directory.into()),
        }
    }
}

/// A command line for `ExecStart`: the program and its arguments.
pub fn exec_start(words: impl IntoIterator<Item = impl AsRef<Path>>) -> String {
    // The program's own path is not searched for variables, and `$$` would not be replaced in it.
    let dollars = std::iter::once("$").chain(std::iter::repeat("$$"));
    let words = words.into_iter().zip(dollars);
    let words: Vec<String> = words
        .map(|(word, dollar)| systemd_word(word.as_ref(), dollar))
        .collect();
    words.join(" ")
}
