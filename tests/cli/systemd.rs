//! systemd as a judge of units.

use std::path::PathBuf;
use std::process::Command;

/// The complaints of systemd about these units. `None`, with a note: it is not installed.
pub fn complaints(units: &[PathBuf]) -> Option<String> {
    let verify = Command::new("systemd-analyze")
        .args(["--man=no", "verify"])
        .args(units)
        .output();
    let Ok(verify) = verify else {
        eprintln!("skipped: there is no systemd-analyze");
        return None;
    };
    Some(String::from_utf8_lossy(&verify.stderr).into_owned())
}
