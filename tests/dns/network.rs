//! A network of the test's own, in which the ports of DNS, SMTP and HTTPS are free.

use std::process::Command;

/// Moves this thread, and the threads and processes that it starts, into a network namespace of its own with
/// nothing but a loopback interface. Returns false, and says so, where that is not possible; then the test is
/// skipped, or fails if it is required.
pub fn enter() -> bool {
    match try_enter() {
        Ok(()) => true,
        Err(why) => {
            let is_required = std::env::var("EHLO_INTEROP").is_ok_and(|value| value == "required");
            assert!(!is_required, "{why}");
            eprintln!("skipped: {why}");
            false
        }
    }
}

fn try_enter() -> Result<(), String> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("no network namespace: {error}"))?;
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    if !up.is_ok_and(|status| status.success()) {
        return Err("no command \"ip\" to set up a network namespace".to_owned());
    }
    Ok(())
}
