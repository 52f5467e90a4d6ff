//! The command that is run when recipients are given up (`--on-failure`).

use crate::queue::delivery::{QueueEvent, RunContext};
use crate::queue::store::Item;
use crate::system::subprocess::{Task, shell};
use crate::system::text::reason;
use serde_json::{Value, json};
use std::io;
use std::process::Stdio;
use std::time::Duration;

/// Time limit of the command.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command, if one is set, with the failures on its standard input.
pub fn tell(run_context: &RunContext<'_>, item: &Item, failed: &[usize]) {
    let Some(command) = &item.metadata.on_failure else {
        return;
    };
    let text = format!("{}\n", notice(item, failed));
    if let Err(error) = run(command, &text, PATIENCE) {
        let text = format!("--on-failure: {command}: {}", reason(&error));
        run_context
            .queue_observer
            .on_queue_event(&QueueEvent::Trouble(&text));
    }
}

/// One object on one line.
fn notice(item: &Item, failed: &[usize]) -> Value {
    let envelope = &item.metadata.envelope;
    let recipients = failed.iter().map(|&place| {
        let end = item.history.states[place].end.as_ref();
        json!({
            "address": envelope.recipients[place].to_string(),
            "words": end.map(|end| &end.words),
            "reply": end.and_then(|end| end.reply.as_ref()),
            "enhanced": end.and_then(|end| end.enhanced.as_ref()),
            "server": end.and_then(|end| end.server.as_ref()),
        })
    });
    json!({
        "event": "failed",
        "id": item.id.to_string(),
        "sender": envelope.sender.as_ref().map(ToString::to_string),
        "queued": crate::system::time::rfc3339(item.metadata.queued),
        "attempts": item.history.attempts,
        "size": item.size,
        "recipients": recipients.collect::<Vec<_>>(),
    })
}

/// A command that does not read its input to the end is not an error.
fn run(command: &str, text: &str, patience: Duration) -> io::Result<()> {
    let mut command = shell(command);
    command.stdin(Stdio::piped());
    let task = Task {
        command,
        input: text.as_bytes(),
        limit: Some(patience),
        stop: None,
    };
    let status = task.run(&mut |_| Ok(())).map_err(|error| {
        if error.kind() == io::ErrorKind::TimedOut {
            let seconds = patience.as_secs();
            io::Error::other(format!(
                "it took longer than {seconds} seconds and was killed"
            ))
        } else {
            error
        }
    })?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(status.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than a pipe holds.
    fn much() -> String {
        "x".repeat(1 << 20)
    }

    #[test]
    fn a_command_that_does_not_read_is_not_waited_for_longer_than_others() {
        let error = run("exec sleep 60", &much(), Duration::from_millis(20)).unwrap_err();
        assert!(error.to_string().starts_with("it took longer"), "{error}");
        run("exit 0", &much(), PATIENCE).unwrap();
    }

    #[test]
    fn a_command_is_told_all_of_it() {
        run("test $(wc -c) -eq 1048576", &much(), PATIENCE).unwrap();
        assert!(run("exit 3", &much(), PATIENCE).is_err());
    }
}
