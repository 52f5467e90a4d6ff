//! `ehlo script --record`: sends a message, and records the session as a script.

use crate::cli::options::usage_error::UsageError;
use crate::cli::script::ScriptTask;
use crate::cli::send::Send;
use crate::cli::send::deliver::{deliver_over, shown};
use crate::cli::terminal::{build, complain, load_first};
use crate::client::deliver::ConnectionPool;
use crate::client::transport::Transports;
use crate::mail::message::{Convertible, Message, Signed};
use crate::queue::delivery::SenderNotice;
use crate::script::ScriptRecorder;
use crate::smtp::blocks::{Block, BodyType, Replay, Shape};
use crate::system::exit::Exit;
use crate::system::text::reason;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file of a recording, and the command line of the message.
pub struct Recording {
    file: PathBuf,
    words: Vec<OsString>,
}

impl Recording {
    /// `ehlo script --record FILE ...`, with `--record` before or after other options.
    pub fn of(words: &[OsString]) -> Option<Self> {
        if words.get(1)? != "script" {
            return None;
        }
        let mut rest = words.to_vec();
        rest.remove(1);
        let end = rest
            .iter()
            .position(|word| word == "--")
            .unwrap_or(rest.len());
        let at = rest[..end].iter().position(|word| is_record(word))?;
        let word = rest.remove(at);
        let file = match word.to_str()?.split_once('=') {
            Some((_, file)) => OsString::from(file),
            None if at < rest.len() => rest.remove(at),
            None => return None,
        };
        Some(Self {
            file: file.into(),
            words: rest,
        })
    }

    /// The command line of the sending command.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// The error if that command line sends no message.
    pub fn without_message() -> UsageError {
        UsageError::usage("--record requires a message to send; give the options of sending")
    }

    pub fn plan(self, send: Send) -> Result<ScriptTask, UsageError> {
        let contradiction = if send.queueing.is_some() {
            "--record conflicts with --queue: only an immediate session can be recorded"
        } else if !send.sources.is_empty() {
            "--record conflicts with several messages (--message twice, --mbox, --maildir): only one session \
             can be recorded"
        } else if send.repeat.times.get() > 1 {
            "--record conflicts with --repeat: only one session can be recorded"
        } else if send.transport.session.testing.proxy.is_some() {
            "--record conflicts with --proxy-protocol: a script cannot send a PROXY header"
        } else {
            // The size of chunks depends on the server.
            let mut transport = send.transport;
            transport.session.no_chunking = true;
            let send = Box::new(Send { transport, ..send });
            return Ok(ScriptTask::Record(send, self.file));
        };
        Err(UsageError::usage(contradiction))
    }
}

fn is_record(word: &OsStr) -> bool {
    let text = word.to_string_lossy();
    text == "--record" || text.starts_with("--record=")
}

/// Sends the message, and writes the session as a script, with the message in a file next to it.
pub fn run(options: Send, path: &Path) -> Exit {
    record(options, path).unwrap_or_else(|exit| exit)
}

fn record(options: Send, path: &Path) -> Result<Exit, Exit> {
    let message = build(options.message)?;
    let message_path = message_path(path);
    // Before anything is sent.
    let (file, copy) = (create(path), create(&message_path));
    let (mut file, mut copy) = (file?, copy?);
    let all = std::iter::once(&options.transport).chain(&options.fallbacks);
    let transports = Transports::new(all);
    load_first(&transports)?;
    let name = message_path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let to_server = options.transport.route.relay.is_some();
    let (mut script, mut octets) = (String::new(), None);
    let shown = shown(options.output, SenderNotice::Caller, |observer| {
        let mut recorder = ScriptRecorder::new(observer, &name, to_server);
        let pool = ConnectionPool::for_one_message(&transports);
        let report = deliver_over(&pool, (&message, None), &mut recorder);
        octets = recorder.octets();
        script = recorder.into_script();
        report
    });
    let written = file.write_all(script.as_bytes());
    written.map_err(|error| write_failed(path, &error))?;
    let copied = copy_out(&message, octets, &mut copy);
    copied.map_err(|error| write_failed(&message_path, &error))?;
    Ok(shown.exit)
}

fn write_failed(path: &Path, error: &io::Error) -> Exit {
    complain(&format!(
        "cannot write {}: {}",
        path.display(),
        reason(error)
    ));
    Exit::Io
}

/// Path of the message: that of the script with `.eml` appended.
fn message_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".eml");
    name.into()
}

fn create(path: &Path) -> Result<File, Exit> {
    File::create(path).map_err(|error| {
        complain(&format!(
            "--record: cannot create {}: {}",
            path.display(),
            reason(&error)
        ));
        Exit::CantCreate
    })
}

/// Writes the message in the converted form that has this number of octets: the one that was sent.
fn copy_out(message: &Message, octets: Option<u64>, out: &mut File) -> io::Result<()> {
    let all = [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary];
    let message = Convertible::new(message, Signed::Kept);
    let accepts = all.map(BodyType::with_utf8).into_iter();
    let mut shapes = accepts
        .chain(all.map(BodyType::without_utf8))
        .filter_map(|able| message.shape(able));
    let is_sent = |shape: &Shape| octets.is_none_or(|octets| octets == shape.size);
    let Some(shape) = shapes.find(is_sent).or(message.simplest()) else {
        return Ok(());
    };
    let mut blocks = message.blocks(shape);
    let mut block = Vec::new();
    while blocks.append(&mut block)? != Block::End {
        out.write_all(&block)?;
        block.clear();
    }
    Ok(())
}
