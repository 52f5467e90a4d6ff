//! The host that is diagnosed: its files, its programs, and the current user.

use crate::mail::rewrite::HostNames;
use crate::system::subprocess as program;
use crate::system::subprocess::Streams;
use crate::system::user;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Maximum number of octets that are read of a file.
const MAX_READ: u64 = 1 << 20;

/// Time limit for a program of the system.
const PROGRAM_LIMIT: Duration = Duration::from_secs(5);

/// This host, or one that a test has made up.
#[derive(Debug)]
pub struct HostSystem {
    /// Directory used as `/`.
    pub root: PathBuf,
    /// Directories in which programs are searched for.
    pub search: Vec<PathBuf>,
    pub program: PathBuf,
    pub login: String,
    pub home: Option<PathBuf>,
    pub names: HostNames,
    /// Candidates for dead letters; the first writable one is used.
    pub dead_letters: Vec<PathBuf>,
}

#[derive(Debug)]
pub struct ProgramOutput {
    /// True if it exited with status 0.
    pub succeeded: bool,
    pub text: String,
}

impl HostSystem {
    /// This host, in the environment of this process.
    pub fn of_this_process(dead_letters: Vec<PathBuf>) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let search = std::env::split_paths(&path);
        Self {
            root: PathBuf::from("/"),
            search: search.filter(|path| path.is_absolute()).collect(),
            program: std::env::current_exe().unwrap_or_default(),
            login: user::login(),
            home: std::env::var_os("HOME").map(PathBuf::from),
            names: HostNames::of_this_host(),
            dead_letters,
        }
    }

    /// A path of this host.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// True if the path exists, also as a dangling symbolic link.
    pub fn has(&self, path: &str) -> bool {
        self.at(path).symlink_metadata().is_ok()
    }

    /// The files of a directory, in the order of their names.
    pub fn files(&self, directory: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.at(directory)).into_iter().flatten();
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Path of a program in the search path.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        let mut places = self.search.iter().map(|directory| directory.join(program));
        places.find(|path| is_program(path))
    }

    /// Runs a program. `None`: it does not exist, or does not end in time.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Option<ProgramOutput> {
        let mut command = Command::new(self.find(program)?);
        command.args(arguments);
        let answer = program::output(command, Streams::Output, PROGRAM_LIMIT);
        Some(ProgramOutput {
            succeeded: answer.end.ok()?.success(),
            text: String::from_utf8_lossy(&answer.output).into_owned(),
        })
    }
}

/// The text of a regular file, as far as it can be read.
pub fn read_file(path: &Path) -> Option<String> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_READ).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let facts = path.metadata();
    facts.is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Stdio;
    use tempfile::TempDir;

    /// A host of a test's own: nothing is on it but this program.
    pub struct TestHost {
        pub host: HostSystem,
        _top: TempDir,
    }

    impl TestHost {
        pub fn new() -> Self {
            let top = tempfile::tempdir().unwrap();
            let test_host = Self {
                host: HostSystem {
                    root: top.path().to_owned(),
                    search: vec![top.path().join("usr/bin")],
                    program: top.path().join("usr/bin/ehlo"),
                    login: "ann".to_owned(),
                    home: Some(top.path().join("home/ann")),
                    names: HostNames {
                        node: "sun".to_owned(),
                        fqdn: "sun.example.org".to_owned(),
                        mail: "sun.example.org".to_owned(),
                    },
                    dead_letters: Vec::new(),
                },
                _top: top,
            };
            test_host.program("/usr/bin/ehlo", "#!/bin/sh\n");
            test_host
        }

        pub fn file(&self, path: &str, text: &str) -> PathBuf {
            let path = self.host.at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }

        pub fn program(&self, path: &str, text: &str) -> PathBuf {
            let path = self.file(path, text);
            Self::mode(&path, 0o755);
            path
        }

        /// A program that is run. Another process writes it: while this process has it open for writing, a
        /// child of another test may inherit the descriptor, and the program could not be run (ETXTBSY).
        pub fn script(&self, path: &str, text: &str) {
            let path = self.program(path, "");
            let mut writer = Command::new("/bin/sh")
                .args(["-c", "cat >\"$0\""])
                .arg(&path)
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = writer.stdin.take().unwrap();
            input.write_all(text.as_bytes()).unwrap();
            drop(input);
            assert!(writer.wait().unwrap().success());
        }

        pub fn mode(path: &Path, mode: u32) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }

        /// A symbolic link at a path of this host to another.
        pub fn link(&self, path: &str, to: &str) {
            let path = self.host.at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(self.host.at(to), path).unwrap();
        }
    }

    #[test]
    fn missing_program_has_no_output() {
        let test_host = TestHost::new();
        test_host.script("/usr/bin/answers", "#!/bin/sh\necho \"$1\"; exit 3\n");
        let output = test_host.host.ask("answers", &["yes"]).unwrap();
        assert_eq!((output.succeeded, output.text.as_str()), (false, "yes\n"));
        assert!(test_host.host.ask("nothing", &[]).is_none());
    }

    #[test]
    fn only_regular_files_are_read() {
        let test_host = TestHost::new();
        test_host.file("/etc/crontab", "a line\n");
        let crontab = test_host.host.at("/etc/crontab");
        assert_eq!(read_file(&crontab).as_deref(), Some("a line\n"));
        assert_eq!(read_file(&test_host.host.at("/etc")), None);
        assert_eq!(test_host.host.files("/etc"), [crontab]);
    }
}
