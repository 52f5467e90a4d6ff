//! A short test message that is sent like mail from cron.

use crate::cli::notification::send as post;
use crate::cli::notification::send::NotificationText;
use crate::cli::terminal::{complain, print};
use crate::client::outcome::{DeliveryReport, RecipientResult, RecipientStatus};
use crate::cron::doctor::Diagnosis;
use crate::cron::doctor::options::{Doctor, DoctorFormat, Test};
use crate::cron::mail::{Addressing, DeliveryOptions, NotificationRecipients};
use crate::mail::rewrite::Rewriter;
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::shown;
use crate::transcript::{Format, TranscriptOptions};

/// Sends the test message to the given recipients, or to those of mail from cron, and reports the result.
pub fn send(plan: &Doctor, diagnosis: &Diagnosis, to: &Test) -> Exit {
    let dispatch = match &plan.mail.dispatch {
        Ok(dispatch) => dispatch,
        Err(hindrance) => {
            complain(&hindrance.text);
            return hindrance.exit;
        }
    };
    let head = Addressing {
        recipients: recipients(diagnosis, to),
        ..plan.mail.head.clone()
    };
    match post::build(&head, &Rewriter::new(&dispatch.rewrite), &notification()) {
        Ok(message) => {
            let shown = post::sent_with(
                dispatch,
                &message,
                output(plan),
                SenderNotice::Caller,
                &|| (),
            );
            notice(dispatch, &shown.report, shown.exit)
        }
        Err(error) => {
            complain(&error.to_string());
            error.exit()
        }
    }
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
        subject: format!("[{short}] a test by ehlo doctor"),
        body: format!(
            "This went the way that a mail from cron goes on {node}, as the user {}.\n",
            host::login()
        ),
        ..NotificationText::default()
    }
}

fn output(plan: &Doctor) -> TranscriptOptions {
    let format = match plan.shown {
        DoctorFormat::Conversations => Format::Stevens,
        DoctorFormat::Findings | DoctorFormat::Object => Format::None,
    };
    TranscriptOptions {
        format,
        ..TranscriptOptions::default()
    }
}

/// The result as a line. Failures have been written to stderr before.
fn notice(dispatch: &DeliveryOptions, report: &DeliveryReport, exit: Exit) -> Exit {
    let text: String = report
        .results
        .iter()
        .map(|result| line(result, dispatch))
        .collect();
    match print(|out| out.write_all(text.as_bytes())) {
        Exit::Ok => exit,
        unwritten => unwritten,
    }
}

fn line(result: &RecipientResult, dispatch: &DeliveryOptions) -> String {
    let recipient = &result.recipient;
    match result.verdict {
        RecipientStatus::Accepted => {
            format!("The test was taken for {recipient}: {}\n", result.words())
        }
        RecipientStatus::Queued if dispatch.queueing.is_some() => format!(
            "The test waits in the queue for {recipient}: {}\n",
            shown(&result.lasting_reason())
        ),
        verdict => format!(
            "The test was not taken for {recipient} ({}).\n",
            verdict.name()
        ),
    }
}
