//! `--print`: the message as sent over the wire.

use crate::cli::terminal::{Stdout, build, complain, prompt_for};
use crate::mail::message;
use crate::smtp::blocks::{Block, Replay};
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::transcript;
use std::io::{self, Write};

/// Writes the message to stdout and sends nothing.
pub fn run(options: message::MessageOptions, output: transcript::TranscriptOptions) -> Exit {
    prompt_for(&options);
    let message = match build(options) {
        Ok(message) => message,
        Err(exit) => return exit,
    };
    if output.verbose {
        message.remarks.iter().for_each(|remark| complain(remark));
    }
    // For a server that offers nothing, if the message can be sent to one.
    let Some(shape) = message.simplest() else {
        return Exit::Software;
    };
    let mut blocks = message.blocks(shape);
    let mut out = Vec::new();
    loop {
        match blocks.append(&mut out) {
            Ok(Block::End) => return Exit::Ok,
            Ok(_) => {}
            Err(error) => {
                complain(&reason(&error));
                return Exit::NoInput;
            }
        }
        if let Err(error) = Stdout.write_all(&out) {
            return not_written(&error);
        }
        out.clear();
    }
}

/// A reader that has seen enough is content.
fn not_written(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::Ok;
    }
    complain(&format!(
        "cannot write the message to the standard output: {}",
        reason(error)
    ));
    Exit::Io
}
