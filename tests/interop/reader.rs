//! Other people's readers, each driven by a script in `readers/`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A reader: its interpreter, its script, and what shows that it can run.
pub struct Reader {
    pub interpreter: &'static str,
    pub script: &'static str,
    pub probe: &'static [&'static str],
    pub package: &'static str,
}

impl Reader {
    /// A program with nothing of this environment.
    pub fn command(words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/bin")
            .env("HOME", std::env::temp_dir())
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// What it says of each of these messages.
    pub fn read(&self, messages: &[PathBuf]) -> Vec<String> {
        let readers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/readers");
        let output = Self::command(&[self.interpreter])
            .arg(readers.join(self.script))
            .args(messages)
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {complaints}", self.script);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said: Vec<String> = text
            .split("message\t/")
            .skip(1)
            .map(|one| one.split_once('\n').expect("a whole line").1.to_owned())
            .collect();
        assert_eq!(said.len(), messages.len(), "{}: {text}", self.script);
        said
    }
}

/// SHA-256, in hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}
