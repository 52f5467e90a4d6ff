//! Programs that print secrets: the command of an option, and `secret-tool`, which reads the desktop's keyring (GNOME
//! Keyring, `KWallet`, `KeePassXC`).

use crate::client::credentials::file::{Buffer, SecretReader};
use crate::client::credentials::{CredentialsError, PASSWORD, file};
use crate::system::secret::Secret;
use crate::system::stop::Stop;
use crate::system::subprocess::{Task, end, is_shortage, shell};
use std::ffi::OsStr;
use std::io::{ErrorKind, IsTerminal, stdin};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The first line of output of an option's command. Without a time limit, the command may ask at the
/// terminal. It is killed when `stop` is set.
pub fn secret(
    limit: Option<Duration>,
    option: &'static str,
    line: &str,
    stop: Option<&Stop>,
) -> Result<Secret, CredentialsError> {
    // A pipe is not passed to the command, because it may contain the message.
    let input = if limit.is_none() && stdin().is_terminal() {
        Stdio::inherit()
    } else {
        Stdio::null()
    };
    let mut command = shell(line);
    command.stdin(input).stdout(Stdio::piped());
    let task = Task {
        command,
        input: &[],
        limit,
        stop,
    };
    let mut output = SecretReader::new();
    let status = task.run(&mut |piece| output.add(piece));
    let status = status.map_err(|error| match (error.kind(), limit) {
        (ErrorKind::FileTooLarge, _) => CredentialsError::TooLong(option.to_owned()),
        (ErrorKind::TimedOut, Some(limit)) => CredentialsError::TimedOut {
            option,
            seconds: limit.as_secs(),
        },
        _ => CredentialsError::Shell { option, error },
    })?;
    if !status.success() {
        let end = end(status);
        return Err(CredentialsError::Failed { option, end });
    }
    file::first_line(&output.bytes(), option)
}

/// Time limit for the user to unlock the keyring.
const KEYRING_LIMIT: Duration = Duration::from_secs(60);

/// The password of a user at a server, stored under the attribute names that msmtp uses, too. `None` if the
/// program, the password or an answer is missing.
pub fn keyring(
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
    let Some(output) = output_of(command, KEYRING_LIMIT)? else {
        return Ok(None);
    };
    file::first_line(&output, "the keyring").map(Some)
}

/// The output of the command, if it is not empty and the command succeeds in time.
fn output_of(command: Command, patience: Duration) -> Result<Option<Buffer>, CredentialsError> {
    let task = Task {
        command,
        input: &[],
        limit: Some(patience),
        stop: None,
    };
    let mut output = SecretReader::new();
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

    const COMMAND_LIMIT: Duration = Duration::from_secs(10);

    fn error_of(line: &str) -> String {
        let error = secret(None, "--password-command", line, None).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2"), "{text}");
        error.to_string()
    }

    #[test]
    fn first_line_of_the_output_is_the_secret() {
        for line in [
            "echo hunter2",
            "printf 'hunter2\\nuser: alice\\n'",
            "printf hunter2",
        ] {
            let found = secret(None, "--password-command", line, None).unwrap();
            assert_eq!(found.expose(), b"hunter2");
        }
    }

    #[test]
    fn failed_command_gives_no_secret() {
        let text = error_of("echo hunter2; exit 3");
        assert!(
            text.starts_with("--password-command failed with exit status 3;"),
            "{text}"
        );
        let text = error_of("echo hunter2; kill -9 $$");
        assert!(
            text.starts_with("--password-command failed with signal 9;"),
            "{text}"
        );
    }

    #[test]
    fn empty_and_overlong_outputs_are_refused() {
        assert!(error_of("true").contains("its first line is empty"));
        assert!(error_of("echo; echo hunter2").contains("its first line is empty"));
        assert!(error_of("exec tr '\\0' x </dev/zero").contains("64 KiB"));
        assert!(error_of("printf 'hunter2\\000x\\n'").contains("a NUL"));
    }

    #[test]
    fn command_without_a_terminal_has_a_time_limit() {
        let within = |limit, line| secret(Some(limit), "--password-command", line, None);
        let error = within(Duration::from_millis(100), "sleep 60 & wait").unwrap_err();
        assert!(error.to_string().contains("within 0 seconds"), "{error}");
        assert!(matches!(error, CredentialsError::TimedOut { .. }));
        let found = within(COMMAND_LIMIT, "echo hunter2");
        assert_eq!(found.unwrap().expose(), b"hunter2");
        let error = within(COMMAND_LIMIT, "exit 3").unwrap_err();
        assert!(error.to_string().contains("exit status 3"), "{error}");
    }

    #[test]
    fn password_variable_is_not_passed_on() {
        let shell = shell("true");
        let mut changes = shell.get_envs();
        assert!(changes.any(|change| change == ("EHLO_PASSWORD".as_ref(), None)));
    }

    #[test]
    fn standard_input_is_not_passed_to_the_command() {
        // A terminal is passed to the command.
        if !stdin().is_terminal() {
            let input = secret(None, "--password-command", "cat; echo nothing", None).unwrap();
            assert_eq!(input.expose(), b"nothing");
        }
    }

    /// The result of a `keyring-tool` with this script as its body, for alice.
    fn asked(script: &str) -> Option<Secret> {
        let directory = TempDir::new().unwrap();
        let program = directory.path().join("keyring-tool");
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
        keyring(program.as_os_str(), "mail.example.org", Some("alice")).unwrap()
    }

    #[test]
    fn keyring_attributes_are_those_of_msmtp() {
        let right = "lookup host mail.example.org service smtp user alice";
        let script = format!("[ \"$*\" = '{right}' ] && printf hunter2");
        assert_eq!(asked(&script).unwrap().expose(), b"hunter2");
    }

    #[test]
    fn missing_keyring_answer_is_no_password() {
        for script in ["exit 1", "true", "echo hunter2; exit 1", "kill -9 $$"] {
            assert_eq!(asked(script), None, "{script}");
        }
        let program = OsStr::new("/nonexistent/keyring-tool");
        assert!(matches!(keyring(program, "h", Some("a")), Ok(None)));
    }

    #[test]
    fn user_that_looks_like_an_option_is_skipped() {
        for user in [None, Some("-x")] {
            assert!(matches!(keyring(OsStr::new("echo"), "h", user), Ok(None)));
        }
    }

    #[test]
    fn keyring_has_a_time_limit() {
        let mut sleep = Command::new("sleep");
        sleep.arg("60").stdout(Stdio::piped());
        let output_of = output_of(sleep, Duration::from_millis(20));
        assert!(matches!(output_of, Ok(None)));
    }
}
