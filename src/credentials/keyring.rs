//! The desktop's keyring (GNOME Keyring, `KWallet`, `KeePassXC`), asked through `secret-tool`.

use super::buffer::{self, Buffer};
use super::{CredentialsError, PASSWORD};
use crate::secret::Secret;
use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long somebody may take to unlock it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The password that is kept for a user at a server, under the names that msmtp uses, too. `None` if
/// there is no such program, no such password, or no answer.
pub fn secret(
    program: &OsStr,
    host: &str,
    user: Option<&str>,
) -> Result<Option<Secret>, CredentialsError> {
    // What begins with a hyphen would be taken for an option.
    let Some(user) = user.filter(|user| !user.starts_with('-')) else {
        return Ok(None);
    };
    let asked = Command::new(program)
        .args(["lookup", "host", host, "service", "smtp", "user", user])
        .env_remove(PASSWORD)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Some(output) = asked.ok().and_then(|child| answer(child, PATIENCE)) else {
        return Ok(None);
    };
    buffer::first_line(&output, "the keyring").map(Some)
}

/// What it prints, if it ends well and in time, and if that is something.
fn answer(mut child: Child, patience: Duration) -> Option<Buffer> {
    let mut output = child.stdout.take()?;
    let (say, hear) = mpsc::sync_channel(1);
    thread::spawn(move || say.send(buffer::read(&mut output)));
    let heard = hear.recv_timeout(patience);
    let heard = heard.ok().and_then(Result::ok).flatten();
    if heard.is_none() {
        let _ = child.kill();
    }
    let is_well = child.wait().is_ok_and(|status| status.success());
    heard.filter(|output| is_well && !output.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    /// What a `secret-tool` made of this script answers for alice.
    fn asked(script: &str) -> Option<Secret> {
        let directory = TempDir::new().unwrap();
        let program = directory.path().join("secret-tool");
        // Written by a child, so that no fork of another test holds it open for writing (ETXTBSY).
        let status = Command::new("/bin/sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$2\"",
                "sh",
                script,
            ])
            .arg(&program)
            .status();
        assert!(status.unwrap().success());
        fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
        secret(program.as_os_str(), "mail.example.org", Some("alice")).unwrap()
    }

    #[test]
    fn it_is_asked_as_msmtp_asks() {
        let right = "lookup host mail.example.org service smtp user alice";
        let script = format!("[ \"$*\" = '{right}' ] && printf hunter2");
        assert_eq!(asked(&script).unwrap().expose(), b"hunter2");
    }

    #[test]
    fn no_answer_is_no_password() {
        for script in ["exit 1", "true", "echo hunter2; exit 1", "kill -9 $$"] {
            assert_eq!(asked(script), None, "{script}");
        }
        let program = OsStr::new("/nonexistent/secret-tool");
        assert!(matches!(secret(program, "h", Some("a")), Ok(None)));
    }

    #[test]
    fn a_user_that_looks_like_an_option_is_not_asked_for() {
        for user in [None, Some("-x")] {
            assert!(matches!(secret(OsStr::new("echo"), "h", user), Ok(None)));
        }
    }

    #[test]
    fn it_is_not_waited_for_forever() {
        let mut sleep = Command::new("sleep");
        let child = sleep.arg("60").stdout(Stdio::piped()).spawn().unwrap();
        assert!(answer(child, Duration::from_millis(20)).is_none());
    }
}
