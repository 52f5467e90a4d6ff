//! `ehlo doctor --send-test`, and the restart in an environment like that of cron.

use crate::cli::ExitStatus;
use crate::cli::notification::{NotificationText, build_each, send_with};
use crate::cli::terminal::{complain, print};
use crate::client::outcome::{Cause, DeliveryReport, Endings, RecipientResult, RecipientStatus};
use crate::cron::doctor::Diagnosis;
use crate::cron::doctor::options::{Doctor, DoctorFormat, Test};
use crate::cron::{Addressing, DeliveryOptions, NotificationRecipients};
use crate::mail::message::Message;
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use crate::system::text::{reason, shown};
use crate::system::{host, user};
use crate::transcript::{Format, TranscriptOptions};
use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Sends the test message to the given recipients, or to those of mail from cron, and reports the result.
pub fn send(plan: &Doctor, diagnosis: &Diagnosis, to: &Test) -> Exit {
    let delivery = match &plan.mail.delivery {
        Ok(delivery) => delivery,
        Err(error) => {
            complain(&error.text);
            return error.exit;
        }
    };
    let head = Addressing {
        recipients: recipients(diagnosis, to),
        ..plan.mail.head.clone()
    };
    let messages = match build_each(&head, delivery, &notification()) {
        Ok(messages) => messages,
        Err(error) => {
            complain(&error.to_string());
            return error.exit();
        }
    };
    send_each(&messages, delivery, output(plan))
}

fn send_each(messages: &[Message], delivery: &DeliveryOptions, output: TranscriptOptions) -> Exit {
    let (mut endings, mut unwritten) = (Endings::default(), None);
    for message in messages {
        let shown = send_with(delivery, message, output, SenderNotice::Caller, &|| ());
        let printed = notice(delivery, &shown.report);
        unwritten = unwritten.or((printed != Exit::Ok).then_some(printed));
        if messages.len() == 1 {
            return unwritten.unwrap_or(shown.exit);
        }
        if shown.report.results.is_empty() {
            endings.add_unsent(Cause::Network);
        }
        endings.add(&shown.report);
    }
    unwritten.unwrap_or(endings.exit())
}

fn recipients(diagnosis: &Diagnosis, to: &Test) -> NotificationRecipients {
    let to: Vec<String> = match to {
        Test::To(list) => vec![list.clone()],
        Test::Found => diagnosis
            .recipients
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    if to.is_empty() {
        return NotificationRecipients::User;
    }
    NotificationRecipients::These {
        to,
        cc: Vec::new(),
        bcc: Vec::new(),
    }
}

fn notification() -> NotificationText {
    let (node, short) = (host::node_name(), host::short_name());
    NotificationText {
        subject: format!("[{short}] test message from ehlo doctor"),
        body: format!(
            "This test message was sent like mail from cron on {node}, as the user {}.\n",
            user::login()
        ),
        ..NotificationText::default()
    }
}

fn output(plan: &Doctor) -> TranscriptOptions {
    let format = match plan.shown {
        DoctorFormat::Sessions => Format::Stevens,
        DoctorFormat::Text | DoctorFormat::Json => Format::None,
    };
    TranscriptOptions {
        format,
        ..TranscriptOptions::default()
    }
}

/// The result as a line. Failures have been written to stderr before.
fn notice(delivery: &DeliveryOptions, report: &DeliveryReport) -> Exit {
    let text: String = report
        .results
        .iter()
        .map(|result| line(result, delivery))
        .collect();
    print(|out| out.write_all(text.as_bytes()))
}

fn line(result: &RecipientResult, delivery: &DeliveryOptions) -> String {
    let recipient = &result.recipient;
    match result.verdict {
        RecipientStatus::Accepted => {
            format!(
                "The test message was accepted for {recipient}: {}\n",
                result.words()
            )
        }
        RecipientStatus::Queued if delivery.queueing.is_some() => format!(
            "The test message is queued for {recipient}: {}\n",
            shown(&result.lasting_reason())
        ),
        verdict => format!(
            "The test message was not accepted for {recipient} ({}).\n",
            verdict.name()
        ),
    }
}

/// Variables that matter to ehlo. Those that are set here are not set by cron.
const VARIABLES: [&str; 8] = [
    "EHLO_CONFIG",
    "EHLO_PASSWORD",
    "EHLO_STATE_DIR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Search path of cron, unless the crontab sets another one.
const PATH: &str = "/usr/bin:/bin";

/// Starts this program again as cron would. The environment of a running process cannot be changed safely.
pub fn inside_cron(arguments: &[OsString]) -> Exit {
    match call(arguments).and_then(|mut call| call.status()) {
        Ok(status) => match status.code().map(u8::try_from) {
            Some(Ok(code)) => Exit::Command(code),
            _ => Exit::Software,
        },
        Err(error) => {
            complain(&format!(
                "cannot run this program in the environment of cron: {}; use --here to keep the current environment",
                reason(&error)
            ));
            Exit::Temporary
        }
    }
}

fn call(arguments: &[OsString]) -> std::io::Result<Command> {
    let login = user::login();
    let unknown: Vec<&str> = VARIABLES.into_iter().filter(|name| is_set(name)).collect();
    let mut call = Command::new(std::env::current_exe()?);
    call.arg0("ehlo")
        .args(arguments)
        .arg(format!("--by-cron={}", unknown.join(",")))
        .env_clear()
        .env("HOME", user::home().unwrap_or_else(|| PathBuf::from("/")))
        .env("LOGNAME", &login)
        .env("SHELL", "/bin/sh")
        .env("PATH", PATH)
        .stdin(Stdio::null());
    Ok(call)
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Detaches from the terminal, so that no command can prompt there. This process ends when its parent does.
pub fn leave_the_terminal() {
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
    let _ = setsid();
}
