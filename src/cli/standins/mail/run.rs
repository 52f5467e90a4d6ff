//! Reads the text, and sends the message.

use crate::cli::ExitStatus;
use crate::cli::notification::dead_letter;
use crate::cli::options::config::DeliverySettings;
use crate::cli::options::route_plan::with_options;
use crate::cli::send::deliver::at_once;
use crate::cli::sendmail::{self, Sendmail, SendmailTask};
use crate::cli::standins::mail::args::MailArgs;
use crate::cli::standins::mail::compose::{Recipients, compose};
use crate::cli::standins::mail::escapes::{self, TextEnd};
use crate::cli::standins::mail::header::WrittenMessage;
use crate::cli::standins::mail::settings::MailPlan;
use crate::cli::standins::mail::{MailError, MailStyle, complain};
use crate::cli::terminal;
use crate::client::credentials::SecretSource;
use crate::config::{ImportedProfile, Places};
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::Dsn;
use crate::mail::message::{HeldBytes, Input, Message, Submission, SubmissionFields};
use crate::mail::rewrite::{RewriteOptions, Rewriter};
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::transcript::{Format, TranscriptOptions};
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Sends the message, and reports errors.
pub fn run(mut args: MailArgs) -> Exit {
    match send(&mut args) {
        Ok(exit) => exit,
        Err(error) => {
            terminal::complain_escaped(&format!("{}\n", error.text));
            error.exit
        }
    }
}

fn send(args: &mut MailArgs) -> Result<Exit, MailError> {
    let names_nobody = args.to.is_empty() && !args.reads_header && args.draft.is_none();
    if names_nobody && (args.style == MailStyle::Any || args.cc.is_empty() && args.bcc.is_empty()) {
        return Err(without_recipient(args));
    }
    let plan = MailPlan::read(args)?;
    let Some(text) = text(args)? else {
        return Ok(Exit::ExpectationFailed);
    };
    recipients_of_fields(args);
    if text.is_empty() && args.files.is_empty() {
        if args.skips_empty {
            return Ok(Exit::Ok);
        }
        match args.style {
            MailStyle::Mutt => {}
            _ => terminal::complain_escaped("Null message body; hope that's ok\n"),
        }
    }
    let recipients = Recipients::of(args, &plan)?;
    let refused = Exit::Command(4);
    if recipients.is_empty() {
        complain(args.name, "No recipients specified");
        return Ok(if recipients.is_partial {
            refused
        } else {
            Exit::Usage
        });
    }
    let content = compose(args, &plan, &recipients, text)?;
    let submission = Submission {
        input: Input::Held(content),
        dot_ends: false,
        recipients: recipients.addresses(),
        recipients_of_header: false,
        sender: sender(args, &plan)?,
        full_name: None,
        dsn: Dsn::default(),
        trace: None,
        utf8: false,
        signer: Signer::default(),
        crypt: CryptOptions::default(),
        fields: SubmissionFields::default(),
    };
    let exit = match &plan.server {
        Some(server) => to_server(args, server, &submission)?,
        None => as_sendmail(args, submission)?,
    };
    Ok(match exit {
        Exit::Ok if recipients.is_partial => refused,
        exit => exit,
    })
}

fn without_recipient(args: &MailArgs) -> MailError {
    let has_options = args.subject.is_some()
        || args.from.is_some()
        || !args.cc.is_empty()
        || !args.bcc.is_empty();
    let name = args.name;
    match args.style {
        _ if args.asks_to_read => args.reading(),
        MailStyle::Mutt => MailError::new(args.style.usage(), "No recipients were specified."),
        _ if !has_options => args.reading(),
        MailStyle::Nail => MailError::new(
            Exit::Usage,
            format!("{name}: Send options without primary recipient specified."),
        ),
        MailStyle::Any => MailError::new(
            args.style.usage(),
            format!("{name}: You must specify to-addr recipients when using -s, -c, -b, or -r"),
        ),
    }
}

/// The text, after commands in it and a header before it were read. `None`: a command ended the program.
fn text(args: &mut MailArgs) -> Result<Option<HeldBytes>, MailError> {
    let mut bytes = Vec::new();
    let before = std::mem::take(&mut args.before);
    let is_plain = before.is_empty() && args.draft.is_none() && args.text.is_none();
    if let Some(path) = args.draft.clone() {
        let written = WrittenMessage::parse(&file(args, &path)?);
        WrittenMessage::add_to(written.fields, args);
        bytes.extend(written.text);
    }
    for path in &before {
        bytes.extend(file(args, path)?);
    }
    if let Some(path) = args.text.clone() {
        bytes.extend(file(args, &path)?);
        return Ok(Some(HeldBytes::bytes("the text", bytes)));
    }
    let held = standard_input(args)?;
    if is_plain && !args.reads_header && !args.has_escapes {
        return Ok(Some(held));
    }
    let failed = |error: std::io::Error| MailError::new(Exit::Io, reason(&error));
    let mut typed = held.read_all().map_err(failed)?;
    if args.reads_header {
        let written = WrittenMessage::parse(&typed);
        WrittenMessage::add_to(written.fields, args);
        typed = written.text;
    }
    if args.has_escapes {
        match escapes::run(&typed, args)? {
            TextEnd::Send(text) => typed = text,
            TextEnd::Abort => return Ok(None),
        }
    }
    bytes.extend(typed);
    Ok(Some(HeldBytes::bytes("the text", bytes)))
}

fn file(args: &MailArgs, path: &Path) -> Result<Vec<u8>, MailError> {
    fs::read(path).map_err(|error| {
        let text = format!("{}: {}: {}", args.name, path.display(), reason(&error));
        MailError::new(args.style.usage(), text)
    })
}

fn standard_input(args: &MailArgs) -> Result<HeldBytes, MailError> {
    if std::io::stdin().is_terminal() {
        terminal::prompt_for_text();
    }
    let mut input = Input::Stdin;
    let held = input.hold();
    held.map_err(|error| MailError::new(error.exit(), format!("{}: {error}", args.name)))?;
    match input {
        Input::Held(held) => Ok(held),
        _ => Ok(HeldBytes::bytes("the text", Vec::new())),
    }
}

/// Fields of options that name recipients are recipients.
fn recipients_of_fields(args: &mut MailArgs) {
    let mut others = Vec::new();
    for field in std::mem::take(&mut args.fields) {
        let (name, value) = field.split_once(':').unwrap_or((&field, ""));
        match name.to_ascii_lowercase().as_str() {
            "to" => args.to.push(value.trim().to_owned()),
            "cc" => args.cc.push(value.trim().to_owned()),
            "bcc" => args.bcc.push(value.trim().to_owned()),
            "subject" => args.subject = Some(value.trim().to_owned()),
            _ => others.push(field),
        }
    }
    args.fields = others;
}

/// The envelope sender. `None`: the user.
fn sender(args: &MailArgs, plan: &MailPlan) -> Result<Option<String>, MailError> {
    let Some(sender) = &plan.sender else {
        return Ok(None);
    };
    let mailbox = super::address::mailbox(sender)
        .map_err(|error| MailError::new(Exit::Data, format!("{}: {error}", args.name)))?;
    Ok(Some(super::address::plain(&mailbox.address)))
}

/// Passes the message on as sendmail does: by the configuration of ehlo, with its queue.
fn as_sendmail(args: &MailArgs, mut submission: Submission) -> Result<Exit, MailError> {
    let places = Places::of_this_process();
    let plan = sendmail::args::of_mail(submission.sender.clone(), args.is_verbose, &places);
    let plan =
        plan.map_err(|error| MailError::new(error.exit, format!("{}: {}", args.name, error.text)))?;
    submission.signer = plan.signer.clone();
    submission.crypt = plan.crypt.clone();
    if args.is_dry {
        return print(args, &submission, &Rewriter::new(&plan.rewrite));
    }
    let copy = submission.clone();
    let plan = Sendmail {
        task: SendmailTask::Submit(Box::new(submission)),
        ..plan
    };
    let exit = sendmail::run(&plan);
    match exit {
        Exit::Ok | Exit::Partial => Ok(exit),
        exit => {
            let rewriter = Rewriter::new(&plan.rewrite);
            Ok(save(args, &copy, &rewriter, exit))
        }
    }
}

/// Sends the message to the server of the program's settings, at once.
fn to_server(
    args: &MailArgs,
    server: &ImportedProfile,
    submission: &Submission,
) -> Result<Exit, MailError> {
    let options: Vec<String> = server.as_options(&["from", "envelope-from", "notify", "ret"]);
    let resolved = with_options(&options, |route| {
        route.resolve(None, DeliverySettings::default())
    });
    let route = resolved
        .map_err(|error| MailError::new(error.exit, format!("{}: {}", args.name, error.text)))?;
    let mut transport = route.plan.transport;
    if let (Some(login), Some(password)) = (&mut transport.credentials, &server.password) {
        login.source = SecretSource::Password(password.secret.clone());
    }
    let rewriter = Rewriter::new(&RewriteOptions {
        aliases: Some("/dev/null".into()),
        recipient_domain: Some(crate::system::host::mail_domain()),
        ..RewriteOptions::default()
    });
    if args.is_dry {
        return print(args, submission, &rewriter);
    }
    let message = message(args, submission, &rewriter)?;
    let output = TranscriptOptions {
        format: if args.is_verbose {
            Format::Stevens
        } else {
            Format::None
        },
        ..TranscriptOptions::default()
    };
    let shown = at_once(&message, (&transport, &[]), output, SenderNotice::Caller);
    match shown.exit {
        Exit::Ok | Exit::Partial => Ok(shown.exit),
        exit => Ok(save(args, submission, &rewriter, exit)),
    }
}

fn message(
    args: &MailArgs,
    submission: &Submission,
    rewriter: &Rewriter,
) -> Result<Message, MailError> {
    Message::submit(submission, rewriter, SystemTime::now())
        .map_err(|error| MailError::new(error.exit(), format!("{}: {error}", args.name)))
}

fn print(args: &MailArgs, submission: &Submission, rewriter: &Rewriter) -> Result<Exit, MailError> {
    Ok(crate::cli::send::print_message(&message(
        args, submission, rewriter,
    )?))
}

/// Keeps a message that was not sent in the file of dead letters: what was to be sent, which may be several encrypted
/// messages. One that cannot be encrypted is not kept.
fn save(args: &MailArgs, submission: &Submission, rewriter: &Rewriter, exit: Exit) -> Exit {
    let messages = Message::submit_each(submission, rewriter, SystemTime::now());
    let is_secret = submission.crypt.encrypt.is_some();
    let kept = match messages {
        Ok(messages) => {
            let paths: Vec<PathBuf> = messages.iter().filter_map(dead_letter::add).collect();
            kept_in(paths, messages.len())
        }
        Err(_) if is_secret => "; it is not saved, because it cannot be encrypted".to_owned(),
        Err(_) => String::new(),
    };
    complain(args.name, &format!("... message not sent{kept}"));
    args.style.not_sent(exit)
}

/// The files that have a message which is sent as this number of messages, and the number of those that are missing
/// there.
fn kept_in(mut paths: Vec<PathBuf>, count: usize) -> String {
    let missing = count - paths.len();
    paths.dedup();
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let names = names.join(" and ");
    match missing {
        _ if names.is_empty() => String::new(),
        0 => format!("; it is in {names}"),
        missing => {
            format!("; it is in {names}, without {missing} of its {count} encrypted messages")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_messages_that_are_not_kept_are_counted() {
        let kept = |names: &[&str]| kept_in(names.iter().map(PathBuf::from).collect(), 3);
        for (names, text) in [
            (&["a", "a", "a"][..], "; it is in a"),
            (&["a", "a", "b"], "; it is in a and b"),
            (
                &["a"],
                "; it is in a, without 2 of its 3 encrypted messages",
            ),
            (&[], ""),
        ] {
            assert_eq!(kept(names), text);
        }
    }
}
