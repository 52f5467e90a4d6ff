//! The desktop's keyring (GNOME Keyring, `KWallet`, `KeePassXC`), read with `secret-tool`.

use crate::client::credentials::buffer;
use crate::client::credentials::buffer::{Buffer, Collected};
use crate::client::credentials::{CredentialsError, PASSWORD};
use crate::system::secret::Secret;
use crate::system::subprocess::{Task, is_shortage};
use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Time limit for the user to unlock the keyring.
const PATIENCE: Duration = Duration::from_secs(60);

/// The password of a user at a server, stored under the attribute names that msmtp uses, too. `None` if the
/// program, the password or an answer is missing.
pub fn secret(
    program: &OsStr,
    host: &str,
    user: Option<&str>,
) -> Result<Option<Secret>, CredentialsError> {
    // A user name that begins with a hyphen would be parsed as an option.
    let Some(user) = user.filter(|user| !user.starts_with('-')) else {
        return Ok(None);
    };
    let mut command = Command::new(program);
    command
        .args(["lookup", "host", host, "service", "smtp", "user", user])
        .env_remove(PASSWORD)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let Some(output) = answer(command, PATIENCE)? else {
        return Ok(None);
    };
    buffer::first_line(&output, "the keyring").map(Some)
}

/// The output of the command, if it is not empty and the command succeeds in time.
fn answer(command: Command, patience: Duration) -> Result<Option<Buffer>, CredentialsError> {
    let task = Task {
        command,
        input: &[],
        limit: Some(patience),
        stop: None,
    };
    let mut output = Collected::new();
    match task.run(&mut |piece| output.add(piece)) {
        Ok(status) if status.success() => {
            let output = output.bytes();
            Ok(Some(output).filter(|output| !output.is_empty()))
        }
        Err(error) if is_shortage(&error) => Err(CredentialsError::Keyring(error)),
        Ok(_) | Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    /// The result of a `secret-tool` with this script as its body, for alice.
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
        sleep.arg("60").stdout(Stdio::piped());
        let answer = answer(sleep, Duration::from_millis(20));
        assert!(matches!(answer, Ok(None)));
    }
}
