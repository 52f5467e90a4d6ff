//! Records a session as a script.

use crate::cli::run_command::{build, ready};
use crate::cli::send::options::Send;
use crate::cli::send::run::{deliver_by, shown};
use crate::cli::terminal::complain;
use crate::mail::message::{Convertible, Message, Signed};
use crate::queue::delivery::SenderNotice;
use crate::script::ScriptRecorder;
use crate::smtp::blocks::{Block, BodyType, Replay, Shape};
use crate::system::exit::Exit;
use crate::system::text::reason;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Sends the message, and writes the session as a script, with the message in a file next to it.
pub fn run(plan: Send, path: &Path) -> Exit {
    recorded(plan, path).unwrap_or_else(|exit| exit)
}

fn recorded(plan: Send, path: &Path) -> Result<Exit, Exit> {
    let message = build(plan.message)?;
    let beside = beside(path);
    // TestPrefix anything is sent.
    let (file, copy) = (create(path), create(&beside));
    let (mut file, mut copy) = (file?, copy?);
    let ready = ready(&plan.transport)?;
    let name = beside.file_name().unwrap_or_default().to_string_lossy();
    let to_server = plan.transport.route.relay.is_some();
    let (mut script, mut octets) = (String::new(), None);
    let shown = shown(plan.output, SenderNotice::Caller, |observer| {
        let mut scribe = ScriptRecorder::new(observer, &name, to_server);
        let report = deliver_by(&ready, &plan.fallbacks, &message, &mut scribe);
        octets = scribe.octets();
        script = scribe.into_script();
        report
    });
    let written = file.write_all(script.as_bytes());
    written.map_err(|error| unwritten(path, &error))?;
    let copied = copy_out(&message, octets, &mut copy);
    copied.map_err(|error| unwritten(&beside, &error))?;
    Ok(shown.exit)
}

fn unwritten(path: &Path, error: &io::Error) -> Exit {
    complain(&format!(
        "cannot write {}: {}",
        path.display(),
        reason(error)
    ));
    Exit::Io
}

/// Path of the message: that of the script with `.eml` appended.
fn beside(path: &Path) -> PathBuf {
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
