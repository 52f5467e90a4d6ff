//! The front for those who call sendmail: its options, read as it reads them, become a plan.

mod getopt;
mod given;

use crate::cli::config::args as config;
use crate::cli::options::profile::CommandLineArgs;
use crate::cli::options::settings::{ProfileSettings, settings};
use crate::cli::options::stored_route::{ResolvedRoute, RouteOnly, with_options};
use crate::cli::options::transport::RoutePlan;
use crate::cli::options::usage_error::{UsageError, wrong};
use crate::cli::parse::{configuration, version};
use crate::cli::plan::{EarlyExit, Invocation};
use crate::cli::queue::RunOptions;
use crate::cli::queue::args::QueuedArgs;
use crate::cli::sendmail::options::{Sendmail, SendmailTask};
use crate::client::session::TlsDemand;
use crate::client::transport::Transport;
use crate::config::{Config, Places, Profile};
use crate::cron::mail::DeliveryOptions;
use crate::mail::address::Address;
use crate::mail::message::{Input, Submission};
use crate::queue::options::FirstTry;
use crate::system::exit::Exit;
use crate::system::text::shown;
use crate::transcript::{Format, TranscriptOptions};
use getopt::Word;
use given::SendmailOptions;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

// For help and completions; a doc comment would be the help of the verb.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct SendmailWords {
    /// As in sendmail(1); see ehlo-sendmail(1).
    #[arg(
        value_name = "OPTION|RECIPIENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    _words: Vec<OsString>,
}

/// clap has no part in it, so that this is never said.
pub fn misplaced() -> UsageError {
    UsageError::usage("sendmail and mailq stand first: ehlo sendmail [OPTION|RECIPIENT]...")
}

const HELP: &str = "\
Usage: sendmail [OPTION|RECIPIENT]...

  -t             the recipients are those of To, Cc and Bcc, too
  -i             a line with only a dot does not end the message
  -f ADDRESS     the envelope's sender; '' is the null sender
  -F NAME        the author's name, where there is no From
  -v             try at once, and show the conversation
  -odi -odb -odq try at once, or behind the caller's back, or when the queue is run
  -bp            show the queue, like mailq
  -q             deliver what is in the queue
  -bv            ask about the recipients, without sending
  -bs            speak SMTP on the standard input and output

More in ehlo-sendmail(1).
";

/// How a message leaves that is handed to sendmail as cron does it.
pub fn of_cron(config: Option<PathBuf>, places: &Places) -> Result<DeliveryOptions, UsageError> {
    let given = SendmailOptions {
        config,
        ..SendmailOptions::of(SendmailMode::Submit, Vec::new())?
    };
    let found = given.found(places)?;
    let plan = given.plan(found);
    Ok(DeliveryOptions {
        transport: plan.transport,
        fallbacks: plan.fallbacks,
        rewrite: plan.rewrite,
        queueing: Some(plan.queueing),
    })
}

/// What sendmail is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SendmailMode {
    Submit,
    Serve,
    Verify,
    List,
    Run(Which),
    Nothing,
}

/// A part of the queue; without names and domains, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Which {
    ids: Vec<String>,
    domains: Vec<String>,
    /// Whether it is due or not.
    now: bool,
}

/// A call of sendmail under one of its names.
#[derive(Debug)]
pub struct SendmailCall<'a> {
    mode: SendmailMode,
    words: &'a [OsString],
}

impl<'a> SendmailCall<'a> {
    /// The call, if that is what the program's name or its first word say.
    pub fn of(words: &'a [OsString]) -> Option<Self> {
        let (name, rest) = words.split_first()?;
        let name = Path::new(name).file_name()?;
        let (mode, words) = match name.to_str()? {
            "sendmail" => (SendmailMode::Submit, rest),
            "mailq" => (SendmailMode::List, rest),
            "newaliases" => (SendmailMode::Nothing, rest),
            _ => {
                let (verb, rest) = rest.split_first()?;
                match verb.to_str()? {
                    "sendmail" => (SendmailMode::Submit, rest),
                    "mailq" => (SendmailMode::List, rest),
                    _ => return None,
                }
            }
        };
        Some(Self { mode, words })
    }

    /// What is to be done.
    pub fn plan(self, places: &Places) -> Result<Invocation, EarlyExit> {
        match self.words {
            [word] if word == OsStr::new("--help") => {
                return Err(EarlyExit {
                    text: HELP.to_owned(),
                    exit: Exit::Ok,
                });
            }
            [word] if word == OsStr::new("--version") => return Err(version()),
            _ => {}
        }
        let sendmail = self.sendmail(places).map_err(wrong)?;
        Ok(Invocation::Sendmail(Box::new(sendmail)))
    }

    fn sendmail(self, places: &Places) -> Result<Sendmail, UsageError> {
        let mut items = getopt::items(self.words)?;
        if places.are_fixed() {
            // Somebody with fewer rights than this process has no say in what it reads and writes.
            items.retain(|item| !matches!(item, Word::Option('C' | 'O' | 'X', _)));
        }
        let given = SendmailOptions::of(self.mode, items)?;
        given.check()?;
        let found = given.found(places)?;
        Ok(given.plan(found))
    }
}

impl SendmailOptions {
    /// What cannot be meant together.
    fn check(&self) -> Result<(), UsageError> {
        let is_named = self.of_header || !self.recipients.is_empty();
        match self.mode {
            SendmailMode::Submit if !is_named => Err(UsageError::usage(
                "sendmail: no recipients; name them, or give -t",
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
                "sendmail: {other} contradicts -bv, which reads no message; leave one of them out"
            )));
        }
        if self.recipients.is_empty() {
            return Err(UsageError::usage(
                "sendmail: -bv wants recipients to ask about",
            ));
        }
        Ok(())
    }

    /// The way, as the sending verb would find it with nothing said about it.
    fn found(&self, places: &Places) -> Result<ResolvedRoute, UsageError> {
        let mut options: Vec<String> = self.family.iter().map(|&one| one.to_owned()).collect();
        let found = with_options(&options, |bare| self.found_with(bare, places))?;
        if !self.needs_tls || found.unencrypted().is_none() {
            return Ok(found);
        }
        options.push("--tls=starttls".to_owned());
        let found = with_options(&options, |bare| self.found_with(bare, places))?;
        match found.unencrypted() {
            None => Ok(found),
            Some(transport) => Err(without_tls(transport)),
        }
    }

    fn found_with(
        &self,
        bare: RouteOnly<'_>,
        places: &Places,
    ) -> Result<ResolvedRoute, UsageError> {
        let config = self.configuration(&bare.typed, places)?;
        let settings = settings(config.as_ref())?;
        let config = config.as_ref().filter(|_| self.is_sent());
        let chosen = config.map(|config| self.chosen(config, &settings));
        bare.found(config.zip(chosen.transpose()?.flatten()), settings)
    }

    fn configuration(
        &self,
        typed: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Option<Config>, UsageError> {
        // Whoever installs a package calls newaliases, and must not fail for what it would not use.
        if self.mode == SendmailMode::Nothing {
            return Ok(None);
        }
        let arguments = config::Args {
            profile: None,
            config: self.config.clone(),
        };
        configuration(&arguments, typed, places)
    }

    fn chosen<'c>(
        &self,
        config: &'c Config,
        settings: &ProfileSettings,
    ) -> Result<Option<&'c Profile>, UsageError> {
        let sender = self.sender.as_deref().map(Address::parse);
        let sender = sender.and_then(Result::ok);
        Ok(config.choose(settings.profile.as_deref(), sender.as_ref())?)
    }

    /// Whether servers are talked to for this call alone.
    fn is_sent(&self) -> bool {
        matches!(
            self.mode,
            SendmailMode::Submit | SendmailMode::Serve | SendmailMode::Verify
        )
    }

    fn plan(self, found: ResolvedRoute) -> Sendmail {
        let output = self.output();
        let errand = QueuedArgs {
            route_spec: found.route_spec,
            config: self.config.clone(),
            first: self.first(),
        };
        let log = self.log.clone();
        let RoutePlan {
            transport,
            fallbacks,
        } = found.itinerary;
        Sendmail {
            transport,
            fallbacks,
            rewrite: found.settings.rewrite.clone(),
            queueing: found.queue.keeping(found.settings, errand),
            task: self.task(output),
            output,
            log,
        }
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

    /// Who wants to see the conversation waits for it.
    fn first(&self) -> FirstTry {
        let is_watched = self.verbose || self.log.is_some();
        let usual = if is_watched {
            FirstTry::Now
        } else {
            FirstTry::Background
        };
        self.first.unwrap_or(usual)
    }

    fn task(self, output: TranscriptOptions) -> SendmailTask {
        match self.mode {
            SendmailMode::Submit => SendmailTask::Submit(Box::new(self.submission())),
            SendmailMode::Serve => SendmailTask::Serve,
            SendmailMode::Verify => SendmailTask::Verify {
                recipients: self.recipients,
                sender: self.sender,
            },
            SendmailMode::List => SendmailTask::List,
            SendmailMode::Run(which) => SendmailTask::Run(RunOptions {
                ids: which.ids,
                domains: which.domains,
                now: which.now,
                watch: false,
                background: false,
                output,
            }),
            SendmailMode::Nothing => SendmailTask::Nothing,
        }
    }

    fn submission(self) -> Submission {
        Submission {
            input: Input::Stdin,
            dot_ends: !self.dots_are_text,
            recipients: self.recipients,
            recipients_of_header: self.of_header,
            sender: self.sender,
            full_name: self.full_name.filter(|name| !name.is_empty()),
            dsn: self.dsn,
            utf8: self.utf8,
        }
    }
}

impl ResolvedRoute {
    /// A way that a message could go in clear.
    fn unencrypted(&self) -> Option<&Transport> {
        let RoutePlan {
            transport,
            fallbacks,
        } = &self.itinerary;
        let is_encrypted = |transport: &Transport| {
            matches!(
                transport.session.tls,
                TlsDemand::Starttls | TlsDemand::Implicit
            )
        };
        let mut all = std::iter::once(transport).chain(fallbacks);
        all.find(|transport| !is_encrypted(transport))
    }
}

fn without_tls(transport: &Transport) -> UsageError {
    let whose = transport
        .profile
        .as_ref()
        .map(|name| format!(" of the profile {}", shown(name)));
    UsageError {
        text: format!(
            "sendmail: -O requiretls=yes: the way{} has no TLS that is required; say tls = \"starttls\" there",
            whose.unwrap_or_default()
        ),
        exit: Exit::Policy,
    }
}

#[cfg(test)]
mod tests;
