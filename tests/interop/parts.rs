//! Which parts this host has.

use std::path::Path;
use std::process::Command;

/// Says why a test is skipped, or fails where every part is required.
pub fn skip(why: &str) {
    let required = std::env::var("EHLO_INTEROP").is_ok_and(|value| value == "required");
    assert!(!required, "EHLO_INTEROP=required, but {why}");
    eprintln!("skipped: {why}");
}

/// Whether this program is there and may be used; says so when not.
pub fn has(program: &str) -> bool {
    let there = Path::new(program).exists();
    if !there {
        skip(&format!("{program} is not installed"));
    }
    there
}

/// Whether a command ends well; says that `what` is missing when not.
pub fn works(command: &mut Command, what: &str) -> bool {
    let well = command.output().is_ok_and(|output| output.status.success());
    if !well {
        skip(&format!("{what} is not installed"));
    }
    well
}

/// Whether we may start servers that change their user.
pub fn is_root() -> bool {
    let root = rustix::process::getuid().is_root();
    if !root {
        skip("a private Postfix and smtp-sink want to be started by root");
    }
    root
}
