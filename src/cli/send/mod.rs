//! Sending a message, which is what `ehlo` does without a command.

pub(crate) mod keep;
pub mod options;
pub(crate) mod print;
pub(crate) mod run;

use crate::cli::run_command::{build, invite_for};
use crate::cli::terminal::complain;
use crate::mail::message::Message;
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use keep::QueuedMessage;
use options::Send;
use run::at_once;
use std::thread;

/// Builds the message, delivers it and reports failures, as often as requested. The exit status is that of
/// the first failure.
pub fn run(mut plan: Send) -> Exit {
    let times = plan.repeat.times.get();
    invite_for(&plan.message);
    if times > 1
        && let Err(error) = plan.message.hold_stdin()
    {
        complain(&error.to_string());
        return error.exit();
    }
    let mut first = Exit::Ok;
    for time in 0..times {
        if time > 0 {
            thread::sleep(plan.repeat.wait);
        }
        let message = match build(plan.message.clone()) {
            Ok(message) => message,
            Err(exit) => return exit,
        };
        let exit = send(&message, &plan);
        if first == Exit::Ok {
            first = exit;
        }
    }
    first
}

fn send(message: &Message, plan: &Send) -> Exit {
    let Some(queueing) = &plan.queueing else {
        let transport = (&plan.transport, &plan.fallbacks[..]);
        return at_once(message, transport, plan.output, SenderNotice::Caller).exit;
    };
    let kept = QueuedMessage {
        message,
        queueing,
        transport: &plan.transport,
        fallbacks: &plan.fallbacks,
        output: plan.output,
        notice: SenderNotice::Caller,
        patience: None,
        log: None,
        as_given: false,
    };
    kept.send_or_not()
}
