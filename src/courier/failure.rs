//! The command that is told of what was given up (`--on-failure`).

use super::{News, Office};
use crate::queue::Item;
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// So long may the command take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command, if there is one, with what failed on its standard input.
pub fn tell(office: &Office<'_>, item: &Item, failed: &[usize]) {
    let Some(command) = &item.letter.on_failure else {
        return;
    };
    if let Err(error) = run(command, &told(item, failed)) {
        let text = format!("--on-failure: {command}: {error}");
        office.ear.hear(&News::Trouble(&text));
    }
}

/// One object on one line.
fn told(item: &Item, failed: &[usize]) -> Value {
    let envelope = &item.letter.envelope;
    let recipients = failed.iter().map(|&place| {
        let end = item.history.standings[place].end.as_ref();
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
        "queued": crate::time::rfc3339(item.letter.queued),
        "attempts": item.history.attempts,
        "size": item.size,
        "recipients": recipients.collect::<Vec<_>>(),
    })
}

fn run(command: &str, what: &Value) -> io::Result<()> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .env_remove("EHLO_PASSWORD")
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        let written = input.write_all(format!("{what}\n").as_bytes());
        // Who does not read it does not need it.
        written.or_else(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        })?;
    }
    wait(&mut child)
}

fn wait(child: &mut Child) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(status.to_string())),
            None if Instant::now() > end => {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::other("it took longer than a minute"));
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
