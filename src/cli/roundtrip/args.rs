//! The options of `ehlo roundtrip`.

use crate::cli::fetch::args::url_of_profile;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::settings;
use crate::cli::options::mailbox::MailboxRoute;
use crate::cli::options::output::LogArgs;
use crate::cli::options::route_plan::with_options;
use crate::cli::options::transport::CommonTransportArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, config, dkim, message as message_options, value};
use crate::cli::roundtrip::expect::Expectation;
use crate::cli::roundtrip::message;
use crate::cli::roundtrip::{ReportFormat, RoundTrip, Thresholds};
use crate::client::credentials::SecretSource;
use crate::config::{Config, Places, Profile};
use crate::mail::address::{Mailbox, parse_list};
use crate::mail::message::HeaderField;
use crate::mailbox::MailboxUrl;
use std::mem;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Send a message, wait until it is in the mailbox at the other end, and report what happened to it.
///
/// The report contains the time until the message was accepted and until it arrived, the mailbox (inbox or spam), each
/// hop, the results of SPF, DKIM and DMARC, and what was changed on the way. The message is then deleted.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Recipient, whose mailbox is read.
    #[arg(value_name = "RECIPIENT", help_heading = "Arguments")]
    recipient: String,

    /// Mailbox of the recipient: imaps://[USER@]HOST[:PORT][/MAILBOX], or the same with imap, pop3s or pop3.
    ///
    /// The default is the key `read` of the profile. At an IMAP server, the mailbox for spam is watched as well. See
    /// ehlo-fetch(1) for URLs.
    #[arg(long, value_name = "URL", help_heading = "Mailbox", value_parser = MailboxUrl::parse)]
    read: Option<MailboxUrl>,

    /// Shell command that prints the password for the mailbox.
    ///
    /// Without an option for it, the password of the sender is used if the user is the same, and otherwise searched
    /// for as described in ehlo(1).
    #[arg(long, value_name = "CMD", value_parser = auth::command, help_heading = "Mailbox",
          conflicts_with_all = ["read_password_file", "read_oauth_token_command"])]
    read_password_command: Option<String>,

    /// File with the password for the mailbox on its first line.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Mailbox",
        conflicts_with = "read_oauth_token_command"
    )]
    read_password_file: Option<PathBuf>,

    /// Shell command that prints an OAuth token for the mailbox.
    ///
    /// The SASL mechanism is then OAUTHBEARER or XOAUTH2, whichever the server offers.
    #[arg(long, hide_short_help = true, value_name = "CMD", value_parser = auth::command, help_heading = "Mailbox")]
    read_oauth_token_command: Option<String>,

    /// Allow the password for the mailbox to be sent without TLS.
    ///
    /// Anyone on the network path can then read it.
    #[arg(long, hide_short_help = true, help_heading = "Mailbox")]
    read_allow_cleartext_password: bool,

    /// Time limit of the round trip, from the first connection on.
    ///
    /// If the message has not arrived by then, the exit status is 75.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "60s")]
    within: Duration,

    /// Required properties, as in inbox,spf,dkim,dmarc,tls,unchanged,within:20s.
    ///
    /// If one is not met, the exit status is 77. inbox: not in the mailbox for spam. spf, dkim, dmarc: the receiving
    /// server has found that they pass. tls: every hop used TLS, as far as the hops report it. unchanged: the body and
    /// the header fields are as they were sent.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Expectation::parse)]
    expect: Vec<Expectation>,

    /// Time until the arrival above which the state is WARNING; implies --nagios.
    #[arg(long, value_name = "TIME", value_parser = value::duration, conflicts_with = "json")]
    warning: Option<Duration>,

    /// Time until the arrival above which the state is CRITICAL; implies --nagios.
    #[arg(long, value_name = "TIME", value_parser = value::duration, conflicts_with = "json")]
    critical: Option<Duration>,

    /// Print one line for Nagios, and exit with 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN).
    #[arg(long, conflicts_with = "json")]
    nagios: bool,

    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,

    /// Do not delete the message, nor those of earlier runs that arrived too late.
    #[arg(long)]
    keep: bool,

    /// Show both sessions on standard error.
    #[arg(short, long)]
    verbose: bool,

    /// Author and envelope sender [default: `from` of the profile, else your login name at this host].
    #[arg(short, long, value_name = "ADDR", help_heading = "Message")]
    from: Option<String>,

    /// Add a header field; repeatable.
    #[arg(short = 'H', long, value_name = "'Name: value'", value_parser = value::field, help_heading = "Message")]
    header: Vec<HeaderField>,

    #[command(flatten)]
    dkim: dkim::Args,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    _transport: CommonTransportArgs,
    #[command(flatten)]
    config: config::Args,
}

impl Args {
    pub fn plan(
        mut self,
        command_line: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<RoundTrip, UsageError> {
        let read = self.config.read(|| command_line.keys(), places)?;
        let config = read.as_ref();
        let own = self.from.as_deref().map(Mailbox::parse);
        let author = own.as_ref().and_then(|own| own.as_ref().ok());
        let author = author.map(|author: &Mailbox| author.address.clone());
        let profile = config
            .map(|config| config.choose(self.config.profile.as_deref(), author.as_ref()))
            .transpose()?
            .flatten();
        let chosen = config.zip(profile);
        let options = command_line.transport_options::<CommonTransportArgs>()?;
        let settings = settings(config)?;
        let route = with_options(&options, |route| route.resolve(chosen, settings))?;
        let transport = route.plan.transport;
        auth::check_relay(transport.credentials.as_ref(), &transport.route)?;
        let url = match (self.read.take(), chosen) {
            (Some(url), _) => url,
            (None, Some((config, profile))) => url_of_profile(config, profile)?,
            (None, None) => return Err(no_mailbox()),
        };
        let mut mailbox = MailboxRoute::of_transport(url, &transport);
        self.set_secret(&mut mailbox)?;
        if self.read_allow_cleartext_password {
            mailbox.transport.session.password_in_clear = true;
        }
        let from = own.or_else(|| chosen.and_then(author_of));
        let from = message_options::author(from)?;
        let signer = mem::take(&mut self.dkim).or(route.dkim).signer()?;
        let signer = signer.or_keys(&route.settings.dkim);
        let token = message::token();
        let until = (!self.keep).then(|| SystemTime::now().checked_add(self.within));
        let to = parse_list(&self.recipient)
            .map_err(|error| UsageError::data(format!("RECIPIENT {}: {error}", self.recipient)))?;
        let headers = mem::take(&mut self.header);
        let format = self.format();
        Ok(RoundTrip {
            message: message::message((from, to), (&token, until.flatten()), headers, signer),
            attachment: message::attachment(),
            transport,
            fallbacks: route.plan.fallbacks,
            mailbox,
            token,
            within: self.within,
            expect: self.expect,
            thresholds: Thresholds {
                warning: self.warning,
                critical: self.critical,
            },
            keep: self.keep,
            format,
            verbose: self.verbose,
            log: self.log.options(route.settings.log),
        })
    }

    fn format(&self) -> ReportFormat {
        match (self.json, self.nagios) {
            (true, _) => ReportFormat::Json,
            (_, true) => ReportFormat::Nagios,
            _ if self.warning.is_some() || self.critical.is_some() => ReportFormat::Nagios,
            _ => ReportFormat::Text,
        }
    }

    /// The source of the password or token for the mailbox.
    fn set_secret(&self, mailbox: &mut MailboxRoute) -> Result<(), UsageError> {
        let command = self
            .read_password_command
            .clone()
            .map(SecretSource::Command);
        let file = self.read_password_file.clone().map(SecretSource::File);
        let token = self.read_oauth_token_command.clone();
        let source = command.or(file).or(token.map(SecretSource::TokenCommand));
        match (source, &mut mailbox.transport.credentials) {
            (None, Some(_)) => Ok(()),
            (Some(source), Some(login)) => {
                login.source = source;
                Ok(())
            }
            (_, None) => Err(UsageError::usage(
                "--read: name the user of the mailbox, as in imaps://alice@imap.example.org",
            )),
        }
    }
}

fn no_mailbox() -> UsageError {
    UsageError::usage(
        "--read is missing: name the mailbox of the recipient, as in --read imaps://alice@imap.example.org",
    )
}

/// The author of a profile.
fn author_of(
    (_, profile): (&Config, &Profile),
) -> Option<Result<Mailbox, crate::mail::address::AddressError>> {
    let options = profile.options();
    let from = options.iter().find(|setting| setting.key == "from")?;
    from.value.texts().first().map(|text| Mailbox::parse(text))
}
