//! Commands that print secrets.

use super::buffer::{self, Buffer};
use super::{CredentialsError, PASSWORD};
use crate::secret::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, IsTerminal, stdin};
use std::os::unix::process::{CommandExt as _, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// The same of a command that may ask nobody: after this time, it is killed with all that it has started.
pub fn secret_within(
    limit: Duration,
    option: &'static str,
    line: &str,
) -> Result<Secret, CredentialsError> {
    let failed = |error| CredentialsError::Shell { option, error };
    let mut child = shell(line).process_group(0).spawn().map_err(failed)?;
    let Some(mut output) = child.stdout.take() else {
        return Err(CredentialsError::Empty(option.to_owned()));
    };
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(buffer::read(&mut output)));
    let Ok(heard) = receiver.recv_timeout(limit) else {
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        let _ = child.wait();
        return Err(CredentialsError::Late {
            option,
            seconds: limit.as_secs(),
        });
    };
    let heard = heard.map_err(failed)?;
    said(option, &mut child, heard)
}

/// The first line that the command of an option prints. There is no time limit: it may ask a person.
pub fn secret(option: &'static str, line: &str) -> Result<Secret, CredentialsError> {
    let failed = |error| CredentialsError::Shell { option, error };
    let mut child = shell(line).spawn().map_err(failed)?;
    let heard = heard(&mut child).map_err(failed)?;
    said(option, &mut child, heard)
}

/// What a command gave, if it ends well.
fn said(
    option: &'static str,
    child: &mut Child,
    heard: Option<Buffer>,
) -> Result<Secret, CredentialsError> {
    let failed = |error| CredentialsError::Shell { option, error };
    let Some(output) = heard else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(CredentialsError::TooLong(option.to_owned()));
    };
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        let end = end(status);
        return Err(CredentialsError::Failed { option, end });
    }
    buffer::first_line(&output, option)
}

/// The command in a shell. A terminal is left to it, for those that ask there; a pipe is not, because
/// the message may be in it.
fn shell(line: &str) -> Command {
    let input = if stdin().is_terminal() {
        Stdio::inherit()
    } else {
        Stdio::null()
    };
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line).env_remove(PASSWORD);
    shell.stdin(input).stdout(Stdio::piped());
    shell
}

/// All that it prints; `None` if that is too much.
fn heard(child: &mut Child) -> io::Result<Option<Buffer>> {
    match child.stdout.take() {
        Some(mut output) => buffer::read(&mut output),
        None => Ok(None),
    }
}

/// How a command ended, in words.
fn end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn refused(line: &str) -> String {
        let said = secret("--password-command", line).unwrap_err();
        assert_eq!(said.exit().code(), 77);
        let text = format!("{said} {said:?}");
        assert!(!text.contains("hunter2"), "{text}");
        said.to_string()
    }

    #[test]
    fn the_first_line_of_the_output_is_the_secret() {
        for line in [
            "echo hunter2",
            "printf 'hunter2\\nuser: alice\\n'",
            "printf hunter2",
        ] {
            let found = secret("--password-command", line).unwrap();
            assert_eq!(found.expose(), b"hunter2");
        }
    }

    #[test]
    fn a_command_that_fails_gives_no_secret_whatever_it_printed() {
        let text = refused("echo hunter2; exit 3");
        assert!(
            text.starts_with("--password-command failed with exit status 3;"),
            "{text}"
        );
        let text = refused("echo hunter2; kill -9 $$");
        assert!(
            text.starts_with("--password-command failed with signal 9;"),
            "{text}"
        );
    }

    #[test]
    fn an_output_is_neither_empty_nor_endless() {
        assert!(refused("true").contains("its first line is empty"));
        assert!(refused("echo; echo hunter2").contains("its first line is empty"));
        assert!(refused("exec tr '\\0' x </dev/zero").contains("64 KiB"));
        assert!(refused("printf 'hunter2\\000x\\n'").contains("a NUL"));
    }

    #[test]
    fn a_command_that_may_ask_nobody_is_not_waited_for() {
        let limit = Duration::from_millis(100);
        let said = secret_within(limit, "--password-command", "sleep 60 & wait").unwrap_err();
        assert!(said.to_string().contains("within 0 seconds"), "{said}");
        let found = secret_within(PATIENCE, "--password-command", "echo hunter2");
        assert_eq!(found.unwrap().expose(), b"hunter2");
        let said = secret_within(PATIENCE, "--password-command", "exit 3").unwrap_err();
        assert!(said.to_string().contains("exit status 3"), "{said}");
    }

    #[test]
    fn the_password_of_the_environment_is_not_handed_on() {
        // B7
        let shell = shell("true");
        let mut changes = shell.get_envs();
        assert!(changes.any(|change| change == (PASSWORD.as_ref(), None)));
    }

    #[test]
    fn the_message_on_the_standard_input_is_not_eaten() {
        // A terminal is the command's to use.
        if !stdin().is_terminal() {
            let input = secret("--password-command", "cat; echo nothing").unwrap();
            assert_eq!(input.expose(), b"nothing");
        }
    }
}
