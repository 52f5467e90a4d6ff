//! Passwords that git's credential helpers have (gitcredentials(7)), under the names that git send-email uses. They are
//! only read: nothing is stored, and nothing is erased after a failed login.

use crate::client::credentials::file::{Buffer, SecretReader, checked};
use crate::client::credentials::{CredentialsError, PASSWORD, account};
use crate::system::secret::Secret;
use crate::system::stop::Stop;
use crate::system::subprocess::{Task, end, is_shortage};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The option that selects git.
pub const OPTION: &str = "--password-helper git";

/// Time limit of git and the helpers that it runs.
const LIMIT: Duration = Duration::from_secs(60);

/// The password of a user at a server, stored for `HOST:PORT` or for `HOST`.
pub fn secret(
    program: &OsStr,
    (host, port): (&str, Option<u16>),
    user: &str,
    stop: Option<&Stop>,
) -> Result<Secret, CredentialsError> {
    let with_port = port.map(|port| format!("{host}:{port}"));
    for host in with_port.iter().map(String::as_str).chain([host]) {
        if let Some(secret) = fill(program, host, user, stop)? {
            return Ok(secret);
        }
    }
    let host = with_port.unwrap_or_else(|| host.to_owned());
    Err(CredentialsError::NotInGit(account(Some(user), &host)))
}

/// `None`: no helper has the password.
fn fill(
    program: &OsStr,
    host: &str,
    user: &str,
    stop: Option<&Stop>,
) -> Result<Option<Secret>, CredentialsError> {
    let input = format!("protocol=smtp\nhost={host}\nusername={user}\n\n");
    let mut command = Command::new(program);
    // A helper must not ask: a dialog or a browser would surprise a user who sends mail.
    command
        .args(["-c", "core.askPass=", "credential", "fill"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GCM_INTERACTIVE", "never")
        .env("GIT_ASKPASS", "")
        .env_remove("SSH_ASKPASS")
        .env_remove(PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let task = Task {
        command,
        input: input.as_bytes(),
        limit: Some(LIMIT),
        stop,
    };
    let mut output = SecretReader::new();
    let status = task.run(&mut |piece| output.add(piece));
    let status = status.map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => CredentialsError::TooLong(OPTION.to_owned()),
        ErrorKind::TimedOut => CredentialsError::TimedOut {
            option: OPTION,
            seconds: LIMIT.as_secs(),
        },
        ErrorKind::NotFound if !is_shortage(&error) => CredentialsError::NoGit,
        _ => CredentialsError::Shell {
            option: OPTION,
            error,
        },
    })?;
    match status.code() {
        Some(0) => password(&output.bytes()),
        // git would have to ask.
        Some(_) => Ok(None),
        None => Err(CredentialsError::Failed {
            option: OPTION,
            end: end(status),
        }),
    }
}

/// The value of the line `password=`.
fn password(output: &Buffer) -> Result<Option<Secret>, CredentialsError> {
    let mut lines = output.split(|&byte| byte == b'\n');
    let value = lines.find_map(|line| line.strip_prefix(b"password="));
    match value {
        None | Some(b"") => Ok(None),
        Some(value) => checked(Secret::new(value.to_vec()), OPTION).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    /// The result of a `git` with this script as its body.
    fn asked(script: &str) -> Result<Secret, CredentialsError> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("git");
        // Written by a child, so that no fork of another test holds it open for writing (ETXTBSY).
        let status = Command::new("/bin/sh")
            .args([
                "-c",
                "printf '#!/bin/sh\n%s\n' \"$1\" >\"$2\"",
                "sh",
                script,
            ])
            .arg(&program)
            .status();
        assert!(status.unwrap().success());
        fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
        secret(
            program.as_os_str(),
            ("mail.example.org", Some(587)),
            "alice",
            None,
        )
    }

    #[test]
    fn question_is_that_of_git_send_email() {
        let script = "[ \"$*\" = '-c core.askPass= credential fill' ] || exit 1\n\
                      [ \"$GIT_TERMINAL_PROMPT\" = 0 ] || exit 1\n\
                      cat >/dev/null\nprintf 'protocol=smtp\\npassword=hunter2\\n'";
        assert_eq!(asked(script).unwrap().expose(), b"hunter2");
    }

    #[test]
    fn host_without_port_is_asked_for_second() {
        let script = "grep -q '^host=mail.example.org$' && echo password=hunter2";
        assert_eq!(asked(script).unwrap().expose(), b"hunter2");
    }

    #[test]
    fn helper_without_the_password_is_an_error_that_names_the_account() {
        for script in [
            "cat >/dev/null; exit 128",
            "cat >/dev/null",
            "cat; echo password=",
        ] {
            let error = asked(script).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("alice at mail.example.org:587"), "{text}");
            assert!(matches!(error, CredentialsError::NotInGit(_)));
        }
        let missing = secret(OsStr::new("/nonexistent/git"), ("h", None), "alice", None);
        assert!(missing.unwrap_err().to_string().contains("not installed"));
    }

    #[test]
    fn git_that_reads_no_input_is_no_fault() {
        assert_eq!(asked("echo password=hunter2").unwrap().expose(), b"hunter2");
    }
}
