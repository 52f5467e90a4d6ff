//! What ends servers that several tests share. Statics are never dropped, so that a shell does it: it
//! waits for the end of its standard input, which is the end of this process, however that comes.

use rustix::process::Pid;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

const SCRIPT: &str = r#"
directory=$1
shift
read -r nothing
kill "$@"
for server in "$@"; do
    turns=0
    while [ -e "/proc/$server/exe" ] && [ "$turns" -lt 500 ]; do
        sleep 0.02
        turns=$((turns + 1))
    done
done
# Their children may outlive them for a moment, and write once more.
turns=0
while [ -e "$directory" ] && [ "$turns" -lt 500 ]; do
    rm -rf "$directory" || sleep 0.02
    turns=$((turns + 1))
done
"#;

/// Ends servers and removes their directory when this process ends.
pub struct Keeper {
    _child: Child,
    _pipe: ChildStdin,
}

impl Keeper {
    /// Begins to wait.
    pub fn of(directory: &Path, servers: &[Pid]) -> Self {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "keeper"])
            .arg(directory)
            .args(servers.iter().map(|pid| pid.as_raw_nonzero().to_string()))
            .current_dir("/")
            // What interrupts the tests is not for it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take().unwrap();
        Self {
            _child: child,
            _pipe: pipe,
        }
    }
}
