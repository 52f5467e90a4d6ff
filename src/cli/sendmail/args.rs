//! The options of sendmail, parsed as sendmail does.

mod getopt;
mod options;

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config;
use crate::cli::options::config::{DeliverySettings, settings};
use crate::cli::options::route_plan::{
    QueuedMessageOptions, ResolvedRoute, RouteArgs, through_socket, with_options,
};
use crate::cli::options::usage_error::{EarlyExit, UsageError};
use crate::cli::queue::RunOptions;
use crate::cli::sendmail::{Sendmail, SendmailTask};
use crate::cli::standins::Call;
use crate::client::session::TlsDemand;
use crate::client::transport::Transport;
use crate::config::{Config, Places, Profile};
use crate::cron::DeliveryOptions;
use crate::mail::address::Address;
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::message::{Input, Submission, SubmissionFields};
use crate::queue::FirstTry;
use crate::system::exit::Exit;
use crate::system::stand_in::StandIn;
use crate::system::text::shown;
use crate::transcript::{Format, TranscriptOptions};
use getopt::Word;
use options::SendmailOptions;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

// For help and completions; a doc comment would be the help of the command.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct SendmailWords {
    /// Options and recipients as in sendmail(8); see ehlo-sendmail(1).
    #[arg(
        value_name = "OPTION|RECIPIENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    _words: Vec<OsString>,
}

const HELP: &str = "\
Usage: sendmail [OPTION|RECIPIENT]...

  -t             also take the recipients from To, Cc and Bcc
  -i             do not treat a line with a single dot as the end of the message
  -f ADDRESS     envelope sender; '' for the null sender
  -F NAME        full name of the author, if there is no From field
  -v             deliver immediately and show the SMTP session
  -odi -odb -odq deliver immediately, in the background, or with the next queue run
  -bp            list the queue, as mailq does
  -q             run the queue
  -bv            check the recipients without sending a message
  -bs            speak SMTP on standard input and output

See ehlo-sendmail(1) for all options.
";

/// Delivery of a message that cron submits to sendmail.
pub fn of_cron(config: Option<PathBuf>, places: &Places) -> Result<DeliveryOptions, UsageError> {
    let options = SendmailOptions {
        config,
        ..SendmailOptions::of(SendmailMode::Submit, Vec::new())?
    };
    let route = options.resolve(places)?;
    let sendmail = options.plan(route)?;
    Ok(DeliveryOptions {
        transport: sendmail.transport,
        fallbacks: sendmail.fallbacks,
        rewrite: sendmail.rewrite,
        signer: sendmail.signer,
        crypt: sendmail.crypt,
        log: sendmail.queueing.queue.log.clone(),
        queueing: Some(sendmail.queueing),
    })
}

/// Delivery of a message from this sender that a user of this host submits.
pub fn of_submission(
    config: Option<PathBuf>,
    sender: &str,
    places: &Places,
) -> Result<Sendmail, UsageError> {
    let options = SendmailOptions {
        config,
        sender: Some(sender.to_owned()),
        ..SendmailOptions::of(SendmailMode::Submit, Vec::new())?
    };
    let route = options.resolve(places)?;
    options.plan_without_socket(route)
}

/// Delivery of a message that a mail program composes, as if it called sendmail with `-f` and `-v`.
pub fn of_mail(
    sender: Option<String>,
    verbose: bool,
    places: &Places,
) -> Result<Sendmail, UsageError> {
    let options = SendmailOptions {
        sender,
        verbose,
        ..SendmailOptions::of(SendmailMode::Submit, Vec::new())?
    };
    let route = options.resolve(places)?;
    options.plan(route)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SendmailMode {
    Submit,
    Serve,
    Verify,
    List,
    Run(QueueSelection),
    Nothing,
}

/// A part of the queue; without names and domains, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct QueueSelection {
    ids: Vec<String>,
    domains: Vec<String>,
    /// True: also items that are not due.
    now: bool,
}

/// The task of a call under one of the names of sendmail.
///
/// # Errors
/// Help or the version was requested, or the arguments or the configuration have an error.
pub fn plan(call: &Call<'_>, places: &Places) -> Result<Sendmail, EarlyExit> {
    match call.words {
        [word] if word == OsStr::new("--help") => {
            return Err(EarlyExit {
                text: HELP.to_owned(),
                exit: Exit::Ok,
            });
        }
        [word] if word == OsStr::new("--version") => return Err(EarlyExit::version()),
        _ => {}
    }
    let mut words = getopt::parse(call.words).map_err(UsageError::from)?;
    if places.are_fixed() {
        // A caller with fewer rights than this process must not choose the files that it reads and writes.
        words.retain(|word| !matches!(word, Word::Option('C' | 'O' | 'X', _)));
    }
    let mode = match call.program {
        StandIn::Mailq => SendmailMode::List,
        StandIn::Newaliases => SendmailMode::Nothing,
        _ => SendmailMode::Submit,
    };
    let options = SendmailOptions::of(mode, words)?;
    options.check()?;
    let route = options.resolve(places)?;
    Ok(options.plan(route)?)
}

impl SendmailOptions {
    fn check(&self) -> Result<(), UsageError> {
        let is_named = self.of_header || !self.recipients.is_empty();
        match self.mode {
            SendmailMode::Submit if !is_named => Err(UsageError::usage(
                "sendmail: no recipients; specify them or use -t",
            )),
            SendmailMode::Verify => self.check_verify(),
            _ => Ok(()),
        }
    }

    fn check_verify(&self) -> Result<(), UsageError> {
        let others = [
            (self.of_header, "-t"),
            (self.dsn.notify.is_some(), "-N"),
            (self.dsn.ret.is_some(), "-R"),
        ];
        if let Some((_, other)) = others.iter().find(|(is_given, _)| *is_given) {
            return Err(UsageError::usage(format!(
                "sendmail: {other} cannot be combined with -bv, which reads no message; omit one of them"
            )));
        }
        if self.recipients.is_empty() {
            return Err(UsageError::usage("sendmail: -bv needs recipients"));
        }
        Ok(())
    }

    /// The route of the sending command with no options for it.
    fn resolve(&self, places: &Places) -> Result<ResolvedRoute, UsageError> {
        let mut options: Vec<String> = self.family.iter().map(|&one| one.to_owned()).collect();
        let route = with_options(&options, |route| self.resolve_with(route, places))?;
        if !self.needs_tls || unencrypted(&route).is_none() {
            return Ok(route);
        }
        options.push("--tls=starttls".to_owned());
        let route = with_options(&options, |route| self.resolve_with(route, places))?;
        match unencrypted(&route) {
            None => Ok(route),
            Some(transport) => Err(without_tls(transport)),
        }
    }

    fn resolve_with(
        &self,
        route: RouteArgs<'_>,
        places: &Places,
    ) -> Result<ResolvedRoute, UsageError> {
        let config = self.configuration(&route.command_line, places)?;
        let settings = settings(config.as_ref())?;
        let config = config.as_ref().filter(|_| self.connects());
        let chosen = config.map(|config| self.choose_profile(config, &settings));
        route.resolve(config.zip(chosen.transpose()?.flatten()), settings)
    }

    fn configuration(
        &self,
        command_line: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Option<Config>, UsageError> {
        // The scripts of packages call newaliases, which does not use the configuration and must not fail because of
        // it.
        if self.mode == SendmailMode::Nothing {
            return Ok(None);
        }
        let arguments = config::Args {
            profile: None,
            config: self.config.clone(),
        };
        arguments.read(|| command_line.keys(), places)
    }

    fn choose_profile<'c>(
        &self,
        config: &'c Config,
        settings: &DeliverySettings,
    ) -> Result<Option<&'c Profile>, UsageError> {
        let sender = self.sender.as_deref().map(Address::parse);
        let sender = sender.and_then(Result::ok);
        Ok(config.choose(settings.profile.as_deref(), sender.as_ref())?)
    }

    /// True if the task itself connects to servers.
    fn connects(&self) -> bool {
        matches!(
            self.mode,
            SendmailMode::Submit | SendmailMode::Serve | SendmailMode::Verify
        )
    }

    fn plan(self, route: ResolvedRoute) -> Result<Sendmail, UsageError> {
        let mut sendmail = self.plan_without_socket(route)?;
        let queueing = &mut sendmail.queueing;
        if queueing.socket.is_some() {
            through_socket(queueing, &mut sendmail.transport, &mut sendmail.fallbacks)?;
            sendmail.rewrite = sendmail.rewrite.of_submission();
            // The service signs, with keys that only it can read.
            sendmail.signer = Signer::default();
            if let SendmailTask::Submit(submission) = &mut sendmail.task {
                submission.signer = Signer::default();
            }
        }
        Ok(sendmail)
    }

    fn plan_without_socket(self, route: ResolvedRoute) -> Result<Sendmail, UsageError> {
        let output = self.output();
        let rewrite = route.settings.rewrite.clone();
        let signer = route.dkim.signer()?.or_keys(&route.settings.dkim);
        let crypt = route.crypt.options(&route.plan.transport)?;
        let message = QueuedMessageOptions {
            route_spec: route.route_spec,
            config: self.config.clone(),
            first: self.first(),
            names_profile: false,
        };
        Ok(Sendmail {
            transport: route.plan.transport,
            fallbacks: route.plan.fallbacks,
            rewrite,
            queueing: route.queue.queue_use(route.settings, message),
            log: self.log.clone(),
            task: self.task(output, &signer, &crypt),
            output,
            signer,
            crypt,
        })
    }

    fn output(&self) -> TranscriptOptions {
        let format = if self.verbose {
            Format::Stevens
        } else {
            Format::None
        };
        TranscriptOptions {
            format,
            ..TranscriptOptions::default()
        }
    }

    /// A caller that sees the session waits for the first attempt.
    fn first(&self) -> FirstTry {
        let is_seen = self.verbose || self.log.is_some();
        let default = if is_seen {
            FirstTry::Now
        } else {
            FirstTry::Background
        };
        self.first.unwrap_or(default)
    }

    fn task(
        self,
        output: TranscriptOptions,
        signer: &Signer,
        crypt: &CryptOptions,
    ) -> SendmailTask {
        match self.mode {
            SendmailMode::Submit => SendmailTask::Submit(Box::new(self.submission(signer, crypt))),
            SendmailMode::Serve => SendmailTask::Serve,
            SendmailMode::Verify => SendmailTask::Verify {
                recipients: self.recipients,
                sender: self.sender,
            },
            SendmailMode::List => SendmailTask::List,
            SendmailMode::Run(selection) => SendmailTask::Run(RunOptions {
                ids: selection.ids,
                domains: selection.domains,
                now: selection.now,
                watch: false,
                background: false,
                output,
            }),
            SendmailMode::Nothing => SendmailTask::Nothing,
        }
    }

    fn submission(self, signer: &Signer, crypt: &CryptOptions) -> Submission {
        Submission {
            input: Input::Stdin,
            dot_ends: !self.dots_are_text,
            recipients: self.recipients,
            recipients_of_header: self.of_header,
            sender: self.sender,
            full_name: self.full_name.filter(|name| !name.is_empty()),
            dsn: self.dsn,
            trace: None,
            utf8: self.utf8,
            signer: signer.clone(),
            crypt: crypt.clone(),
            fields: SubmissionFields::default(),
        }
    }
}

/// A transport that could send a message in clear.
fn unencrypted(route: &ResolvedRoute) -> Option<&Transport> {
    let mut transports = std::iter::once(&route.plan.transport).chain(&route.plan.fallbacks);
    transports.find(|transport| {
        !matches!(
            transport.session.tls,
            TlsDemand::Starttls | TlsDemand::Implicit
        )
    })
}

fn without_tls(transport: &Transport) -> UsageError {
    let profile = transport.profile.as_ref();
    let profile = profile.map(|name| format!(" of the profile {}", shown(name)));
    UsageError::new(
        Exit::Policy,
        format!(
            "sendmail: -O requiretls=yes: the route{} does not require TLS; set tls = \"starttls\" in its profile",
            profile.unwrap_or_default()
        ),
    )
}

#[cfg(test)]
mod tests;
