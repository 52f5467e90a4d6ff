//! Commands that print secrets.

use crate::client::credentials::buffer;
use crate::client::credentials::buffer::Collected;
use crate::client::credentials::{CredentialsError, PASSWORD};
use crate::system::secret::Secret;
use crate::system::stop::Stop;
use crate::system::subprocess::Task;
use std::io::{ErrorKind, IsTerminal, stdin};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
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
    let task = Task {
        command: shell(line, input),
        input: &[],
        limit,
        stop,
    };
    let mut output = Collected::new();
    let status = task.run(&mut |piece| output.add(piece));
    let status = status.map_err(|error| match (error.kind(), limit) {
        (ErrorKind::FileTooLarge, _) => CredentialsError::TooLong(option.to_owned()),
        (ErrorKind::TimedOut, Some(limit)) => CredentialsError::Late {
            option,
            seconds: limit.as_secs(),
        },
        _ => CredentialsError::Shell { option, error },
    })?;
    if !status.success() {
        let end = end(status);
        return Err(CredentialsError::Failed { option, end });
    }
    buffer::first_line(&output.bytes(), option)
}

/// The command, run by a shell.
fn shell(line: &str, input: Stdio) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line).env_remove(PASSWORD);
    shell.stdin(input).stdout(Stdio::piped());
    shell
}

/// The exit status of a command, in words.
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
        let said = secret(None, "--password-command", line, None).unwrap_err();
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
            let found = secret(None, "--password-command", line, None).unwrap();
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
        let within = |limit, line| secret(Some(limit), "--password-command", line, None);
        let said = within(Duration::from_millis(100), "sleep 60 & wait").unwrap_err();
        assert!(said.to_string().contains("within 0 seconds"), "{said}");
        assert_eq!(said.exit().code(), 75);
        let found = within(PATIENCE, "echo hunter2");
        assert_eq!(found.unwrap().expose(), b"hunter2");
        let said = within(PATIENCE, "exit 3").unwrap_err();
        assert!(said.to_string().contains("exit status 3"), "{said}");
    }

    #[test]
    fn the_password_of_the_environment_is_not_handed_on() {
        // B7
        let shell = shell("true", Stdio::null());
        let mut changes = shell.get_envs();
        assert!(changes.any(|change| change == (PASSWORD.as_ref(), None)));
    }

    #[test]
    fn the_message_on_the_standard_input_is_not_eaten() {
        // A terminal is passed to the command.
        if !stdin().is_terminal() {
            let input = secret(None, "--password-command", "cat; echo nothing", None).unwrap();
            assert_eq!(input.expose(), b"nothing");
        }
    }
}
