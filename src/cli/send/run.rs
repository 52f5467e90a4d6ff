//! Sending or printing the message of a command line.

use crate::cli::send::Send;
use crate::cli::send::deliver::at_once;
use crate::cli::send::keep::QueuedMessage;
use crate::cli::terminal::{Stdout, build, complain, prompt_for};
use crate::mail::message::{Message, MessageOptions};
use crate::queue::delivery::SenderNotice;
use crate::smtp::blocks::{Block, Replay};
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::transcript::TranscriptOptions;
use std::io::{self, Write};
use std::thread;

/// Builds the message, delivers it and reports failures, as often as requested. The exit status is that of
/// the first failure.
pub fn run(mut options: Send) -> Exit {
    let times = options.repeat.times.get();
    prompt_for(&options.message);
    if times > 1
        && let Err(error) = options.message.hold_stdin()
    {
        complain(&error.to_string());
        return error.exit();
    }
    let mut first = Exit::Ok;
    for time in 0..times {
        if time > 0 {
            thread::sleep(options.repeat.wait);
        }
        let message = match build(options.message.clone()) {
            Ok(message) => message,
            Err(exit) => return exit,
        };
        let exit = send(&message, &options);
        if first == Exit::Ok {
            first = exit;
        }
    }
    first
}

fn send(message: &Message, options: &Send) -> Exit {
    let Some(queueing) = &options.queueing else {
        let transport = (&options.transport, &options.fallbacks[..]);
        return at_once(message, transport, options.output, SenderNotice::Caller).exit;
    };
    let kept = QueuedMessage {
        message,
        queueing,
        transport: &options.transport,
        fallbacks: &options.fallbacks,
        output: options.output,
        notice: SenderNotice::Caller,
        patience: None,
        log: None,
        as_given: false,
    };
    kept.send_or_not()
}

/// Writes the message to stdout and sends nothing.
pub fn print(options: MessageOptions, output: TranscriptOptions) -> Exit {
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

/// A closed pipe is not an error.
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
