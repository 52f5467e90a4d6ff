//! Sends a message as msmtp does.

use crate::cli::ExitStatus;
use crate::cli::options::route_plan::{QueuedMessageOptions, ResolvedRoute};
use crate::cli::send::deliver::deliver_over;
use crate::cli::send::keep::{KeepResult, QueuedMessage};
use crate::cli::standins::msmtp::account::{Account, MsmtpError};
use crate::cli::standins::msmtp::args::MsmtpArgs;
use crate::cli::standins::msmtp::failure::{error_of, lines};
use crate::cli::standins::msmtp::log::{self, LogEntry};
use crate::cli::standins::msmtp::session::SessionLog;
use crate::cli::standins::msmtp::{aliases, complain, print, route};
use crate::cli::terminal;
use crate::client::deliver::ConnectionPool;
use crate::client::outcome::{DeliveryReport, RecipientResult};
use crate::client::status::RecipientStatus;
use crate::client::transport::{Transport, TransportError, Transports};
use crate::config::Places;
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::{Dsn, NotifyOn, Return};
use crate::mail::message::{FromField, Input, Message, Submission, SubmissionFields, addressees};
use crate::mail::rewrite::{RewriteOptions, Rewriter};
use crate::queue::FirstTry;
use crate::queue::delivery::SenderNotice;
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use crate::transcript::TranscriptOptions;
use std::path::Path;
use std::time::SystemTime;

pub fn run(args: &mut MsmtpArgs, places: &Places) -> Result<Exit, MsmtpError> {
    let mut input = Input::Stdin;
    let unreadable = |error: &dyn std::fmt::Display| MsmtpError::new(Exit::Io, error.to_string());
    input.hold().map_err(|error| unreadable(&error))?;
    let named = addressees(&input).map_err(|error| unreadable(&error))?;
    if args.read_envelope_from {
        if let Some(author) = &named.author {
            args.words.push(("from".to_owned(), author.clone()));
        }
        let shown = named.author.as_deref().unwrap_or("(null)");
        args.note(&format!(
            "envelope from address extracted from mail: {shown}"
        ));
    }
    let of_header: &[String] = if args.read_recipients {
        &named.recipients
    } else {
        &[]
    };
    let recipients = recipients(args.recipients.iter().chain(of_header))?;
    if recipients.is_empty() && !args.pretend {
        return Err(MsmtpError::new(Exit::Usage, "no recipients found"));
    }
    let account = Account::of(args)?;
    if args.pretend || args.debug {
        let _ = terminal::write(print::settings(&account, args).as_bytes());
    }
    let recipients = match account.text("aliases") {
        None => recipients,
        Some(path) => aliases::replaced(Path::new(path), recipients)
            .map_err(|why| MsmtpError::new(Exit::Config, format!("{path}: {why}")))?,
    };
    if args.pretend {
        return Ok(Exit::Ok);
    }
    let mut route = route::resolve(&account, places)?;
    let message = message(input, &account, args, recipients)?;
    if route.settings.msmtp_queue {
        return keep(&message, &account, route);
    }
    // A caller that tries again must not send to some recipients twice.
    route.plan.transport.session.all_recipients = true;
    send(&message, &account, &route.plan.transport, args)
}

/// Addresses stay as they are.
fn rewriter() -> Rewriter {
    Rewriter::new(&RewriteOptions {
        keeps_addresses: true,
        ..RewriteOptions::default()
    })
}

/// Each address of these lists.
fn recipients<'a>(lists: impl Iterator<Item = &'a String>) -> Result<Vec<String>, MsmtpError> {
    let rewriter = rewriter();
    let mut all = Vec::new();
    for list in lists {
        let found = rewriter.recipients(list);
        let found = found.map_err(|error| MsmtpError::new(error.exit(), error.to_string()))?;
        all.extend(found.iter().map(ToString::to_string));
    }
    Ok(all)
}

fn message(
    input: Input,
    account: &Account,
    args: &MsmtpArgs,
    recipients: Vec<String>,
) -> Result<Message, MsmtpError> {
    let sender = account.sender().unwrap_or_default();
    let is_null = sender.eq_ignore_ascii_case("MAILER-DAEMON");
    let name = args.full_name.as_deref().or(account.text("from_full_name"));
    let submission = Submission {
        input,
        dot_ends: false,
        recipients,
        recipients_of_header: false,
        sender: Some(if is_null {
            String::new()
        } else {
            sender.to_owned()
        }),
        full_name: name.map(str::to_owned),
        dsn: dsn(account),
        trace: None,
        utf8: false,
        signer: Signer::default(),
        crypt: CryptOptions::default(),
        fields: fields(account),
    };
    let message = Message::submit(&submission, &rewriter(), SystemTime::now());
    message.map_err(|error| MsmtpError::new(error.exit(), error.to_string()))
}

fn fields(account: &Account) -> SubmissionFields {
    let is_off = |word| account.mode(word, "auto") == "off";
    SubmissionFields {
        from: match account.mode("set_from_header", "auto") {
            "on" => FromField::Replaced,
            "off" => FromField::Kept,
            _ => FromField::IfMissing,
        },
        date: !is_off("set_date_header"),
        message_id: !is_off("set_msgid_header"),
        to: false,
        hides_recipients: account.is_on("undisclosed_recipients", false),
        keeps_bcc: !account.is_on("remove_bcc_headers", true),
    }
}

fn dsn(account: &Account) -> Dsn {
    let wanted = |word| account.text(word).filter(|argument| *argument != "off");
    let notify = wanted("dsn_notify").map(|when| {
        let has = |word| when.split(',').any(|other| other == word);
        NotifyOn {
            success: has("success"),
            failure: has("failure"),
            delay: has("delay"),
        }
    });
    let ret = wanted("dsn_return").map(|what| match what {
        "full" => Return::Full,
        _ => Return::Headers,
    });
    Dsn {
        notify,
        ret,
        ..Dsn::default()
    }
}

fn send(
    message: &Message,
    account: &Account,
    transport: &Transport,
    args: &MsmtpArgs,
) -> Result<Exit, MsmtpError> {
    let transports = Transports::new([transport]);
    transports
        .load(0, None)
        .map_err(|error| not_loaded(error, account))?;
    let mut session = SessionLog::new(args.debug);
    let pool = ConnectionPool::for_one_message(&transports);
    let report = deliver_over(&pool, (message, None), &mut session);
    Ok(finish(message, account, &report, &session))
}

fn not_loaded(error: &TransportError, account: &Account) -> MsmtpError {
    let TransportError::Credentials(why) = error else {
        return MsmtpError::new(error.exit(), error.to_string());
    };
    let mechanism = account.mechanism().unwrap_or_default();
    let method = if mechanism.is_empty() {
        "authentication".to_owned()
    } else {
        format!("authentication method {mechanism}")
    };
    MsmtpError::new(Exit::Refused, format!("{method} needs a password: {why}"))
}

/// Reports and logs the result.
fn finish(
    message: &Message,
    account: &Account,
    report: &DeliveryReport,
    session: &SessionLog,
) -> Exit {
    let failed: Vec<&RecipientResult> = report
        .results
        .iter()
        .filter(|result| !result.is_success() && !result.is_withheld())
        .collect();
    let errors: Vec<MsmtpError> = failed
        .iter()
        .map(|&result| error_of(&result.into(), account, session))
        .collect();
    let recipients: Vec<String> = message
        .envelope
        .recipients
        .iter()
        .map(ToString::to_string)
        .collect();
    log::write(
        account,
        &LogEntry {
            recipients: &recipients,
            bytes: session.sent.unwrap_or_default(),
            reply: failed.first().and_then(|result| result.reply.as_ref()),
            error: errors.first(),
        },
    );
    let Some(first) = errors.first() else {
        return Exit::Ok;
    };
    complain_of(&failed, &errors, account);
    let is_partial = report
        .results
        .iter()
        .any(|result| result.verdict == RecipientStatus::Accepted);
    let what = if is_partial {
        "could not send mail to all recipients"
    } else {
        "could not send mail"
    };
    complain(&format!("{what}{}", account.place()));
    first.exit
}

/// Each different error once, with the reply to it.
fn complain_of(failed: &[&RecipientResult], errors: &[MsmtpError], account: &Account) {
    let is_lmtp = account.text("protocol") == Some("lmtp");
    let mut seen: Vec<&str> = Vec::new();
    for (result, error) in failed.iter().zip(errors) {
        if seen.contains(&error.text.as_str()) {
            continue;
        }
        seen.push(&error.text);
        let of_recipient = is_lmtp && result.stage == Some(Stage::Dot);
        let (text, source) = if of_recipient {
            let recipient = &result.recipient;
            let text = format!("the server refuses to send the mail to {recipient}");
            (text, "LMTP server message")
        } else {
            (error.text.clone(), "server message")
        };
        complain(&text);
        for line in result.reply.iter().flat_map(lines) {
            complain(&format!("{source}: {line}"));
        }
    }
}

/// Puts the message into the queue, and sends it at once if possible.
fn keep(message: &Message, account: &Account, route: ResolvedRoute) -> Result<Exit, MsmtpError> {
    if account.password.is_some() && account.text("passwordeval").is_none() {
        return Err(MsmtpError::new(
            Exit::Config,
            format!(
                "the queue does not read the password in the file; use passwordeval, or queue = false in [msmtp]{}",
                account.place()
            ),
        ));
    }
    let options = QueuedMessageOptions {
        route_spec: route.route_spec,
        config: None,
        first: FirstTry::Now,
        names_profile: true,
    };
    let queueing = route.queue.queue_use(route.settings, options);
    let queued = QueuedMessage {
        message,
        queueing: &queueing,
        transport: &route.plan.transport,
        fallbacks: &[],
        output: TranscriptOptions {
            format: crate::transcript::Format::None,
            ..TranscriptOptions::default()
        },
        notice: SenderNotice::Caller,
        patience: None,
        log: None,
        as_given: true,
    };
    match queued.send() {
        KeepResult::Safe(shown) => Ok(shown.exit),
        KeepResult::NoQueue(error) | KeepResult::Lost(error) => {
            Err(MsmtpError::new(Exit::Temporary, error.to_string()))
        }
    }
}
