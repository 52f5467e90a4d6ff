//! Runs the diagnosis in the environment of cron, without a terminal.

use crate::cli::terminal::complain;
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::reason;
use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Variables that matter to ehlo. Those that are set here are not set by cron.
const OURS: [&str; 8] = [
    "EHLO_CONFIG",
    "EHLO_PASSWORD",
    "EHLO_STATE_DIR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Search path of cron, unless the crontab sets another one.
const PATH: &str = "/usr/bin:/bin";

/// Starts this program again as cron would. The environment of a running process cannot be changed safely.
pub fn look(arguments: &[OsString]) -> Exit {
    match call(arguments).and_then(|mut call| call.status()) {
        Ok(status) => match status.code().map(u8::try_from) {
            Some(Ok(code)) => Exit::Command(code),
            _ => Exit::Software,
        },
        Err(error) => {
            complain(&format!(
                "cannot run this program as cron would: {}; --here looks with this environment",
                reason(&error)
            ));
            Exit::Temporary
        }
    }
}

fn call(arguments: &[OsString]) -> std::io::Result<Command> {
    let login = host::login();
    let unknown: Vec<&str> = OURS.into_iter().filter(|name| is_set(name)).collect();
    let mut call = Command::new(std::env::current_exe()?);
    call.arg0("ehlo")
        .args(arguments)
        .arg(format!("--by-cron={}", unknown.join(",")))
        .env_clear()
        .env("HOME", host::home().unwrap_or_else(|| PathBuf::from("/")))
        .env("LOGNAME", &login)
        .env("SHELL", "/bin/sh")
        .env("PATH", PATH)
        .stdin(Stdio::null());
    Ok(call)
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Detaches from the terminal, so that no command can prompt there. This process ends when its parent does.
pub fn leave_the_terminal() {
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
    let _ = setsid();
}
