//! The options of `ehlo fetch`.

use crate::cli::fetch::{Destination, Fetch, FetchTask, MessageTask, Part};
use crate::cli::layers;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::mailbox::{MailboxOptions, MailboxRoute};
use crate::cli::options::route_plan::of_whole_profile;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, config, oauth, route, tls, value};
use crate::client::transport::Transport;
use crate::config::{Config, Places, Profile};
use crate::mailbox::{Condition, MailboxProtocol, MailboxUrl, Range, Selection};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// List, search, print, save and delete messages in a mailbox at an IMAP or POP3 server.
///
/// Without an option for something else, the selected messages are listed. Nothing is deleted and no message is
/// marked as seen unless an option says so.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(
    mut_arg("tls", |arg| arg.help("When to use TLS with imap:// and pop3://").long_help(TLS)),
    mut_arg("user", |arg| arg.help("Log in as this user [default: the user in the URL]").long_help(None)),
    mut_arg("no_decrypt", |arg| arg.requires("print")),
    mut_arg("decrypt_key", |arg| arg.requires("print")),
    mut_arg("smime_ca", |arg| arg.requires("print")),
    mut_arg("smime_crl", |arg| arg.requires("print")),
    mut_arg("profile", |arg| arg.help("Use the login, TLS and route of this profile, and its mailbox (read)").long_help(PROFILE)),
)]
pub struct Args {
    /// Mailbox: imaps://[USER@]HOST[:PORT][/MAILBOX], or the same with imap, pop3s or pop3.
    ///
    /// The default mailbox is INBOX. % and two hexadecimal digits represent a character, as %40 for @ in a user. A URL
    /// must not contain a password.
    #[arg(
        value_name = "URL",
        required_unless_present = "profile",
        help_heading = "Arguments"
    )]
    url: Option<String>,

    /// Messages: UIDs (at a POP3 server: numbers), or ranges as in 15:20 and 15:*.
    #[arg(value_name = "MESSAGE", help_heading = "Arguments")]
    messages: Vec<String>,

    /// Only messages that meet this condition, such as from=alice or unseen; repeatable.
    ///
    /// from=, to=, cc=, subject=, message-id= and header=NAME: with a text that the field contains; body= and text=
    /// with a text of the message; since= and before= with a date (2026-12-01); larger= and smaller= with a number of
    /// bytes; seen, unseen, flagged, answered, draft, deleted. A POP3 server has only the header.
    #[arg(short, long, value_name = "CONDITION", value_parser = Condition::parse)]
    search: Vec<Condition>,

    /// Only the last N of the messages.
    #[arg(short = 'n', long, value_name = "N", value_parser = value::number::<u32>(1, None))]
    last: Option<u32>,

    /// All messages of the mailbox, for an option that changes them.
    #[arg(long, conflicts_with_all = ["messages", "search", "last"])]
    all: bool,

    /// List the mailboxes of the server, with the number of messages.
    #[arg(long, conflicts_with_all = ["messages", "search", "last", "all", "print", "raw", "header", "output", "maildir", "mbox",
                                      "seen", "delete", "max_size"])]
    folders: bool,

    /// Print the messages as ehlo show does: decoded, with a list of parts.
    #[arg(long, conflicts_with_all = ["raw", "header", "json"])]
    print: bool,

    #[command(flatten)]
    layers: layers::Args,

    /// Print the messages as they are.
    #[arg(long, conflicts_with_all = ["header", "json"])]
    raw: bool,

    /// Print the headers of the messages as they are.
    #[arg(long, conflicts_with = "json")]
    header: bool,

    /// Save one message in this file.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["maildir", "mbox"])]
    output: Option<PathBuf>,

    /// Save the messages in this Maildir.
    #[arg(long, value_name = "DIR", conflicts_with = "mbox")]
    maildir: Option<PathBuf>,

    /// Append the messages to this mbox.
    #[arg(long, value_name = "FILE")]
    mbox: Option<PathBuf>,

    /// Mark the messages as seen.
    #[arg(long)]
    seen: bool,

    /// Delete the messages, after they were printed or saved if that is requested.
    ///
    /// Messages must be selected, or --all given. An IMAP server without UIDPLUS only marks them as deleted.
    #[arg(long)]
    delete: bool,

    /// Maximum size of a message.
    #[arg(long, value_name = "BYTES", value_parser = value::size, default_value = "100M")]
    max_size: NonZeroU64,

    /// Print one JSON object for each message or mailbox.
    #[arg(long)]
    json: bool,

    /// Show the session on standard error.
    #[arg(short, long)]
    verbose: bool,

    /// Time limit for each step: a command and its reply, or 64 KiB of a message.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s")]
    timeout: Duration,

    #[command(flatten)]
    reach: route::Reach,
    #[command(flatten)]
    tls: tls::Args,
    #[command(flatten)]
    auth: auth::Args,
    #[command(flatten)]
    oauth: oauth::Args,
    #[command(flatten)]
    config: config::Args,
}

const TLS: &str = "\
When to use TLS with imap:// and pop3://.

`auto`: use STARTTLS (POP3: STLS) if offered; without TLS, no password is sent. `starttls`: require it. `off`: never use \
TLS. imaps:// and pop3s:// use TLS from the first byte.";

const PROFILE: &str = "\
Use the login, TLS and route of this profile, and its mailbox.

The mailbox is the URL in the key `read` of the profile, unless one is given. If its user is another one than that of the \
profile, the password is searched for. Pins and --tls-name of the profile are for its relay, and are not used.";

/// Options of the transport, which a profile has.
const WITH_PROFILE: [&str; 24] = [
    "url",
    "messages",
    "search",
    "last",
    "all",
    "folders",
    "print",
    "no_decrypt",
    "decrypt_key",
    "smime_ca",
    "smime_crl",
    "raw",
    "header",
    "output",
    "maildir",
    "mbox",
    "seen",
    "delete",
    "max_size",
    "json",
    "verbose",
    "timeout",
    "profile",
    "config",
];

impl Args {
    pub fn plan(
        mut self,
        command_line: CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Fetch, UsageError> {
        self.sort_operands();
        let url = self.url.as_deref().map(MailboxUrl::parse).transpose();
        let url = url.map_err(|why| UsageError::usage(format!("URL: {why}")))?;
        let task = self.task(url.as_ref().and_then(|url| url.uid))?;
        let (timeout, json, verbose) = (self.timeout, self.json, self.verbose);
        let route = if self.config.profile.is_some() {
            let beside = (command_line, WITH_PROFILE.as_slice());
            let read = |config: &Config, profile: &Profile, sending: Transport| {
                let url = url.map_or_else(|| url_of_profile(config, profile), Ok)?;
                Ok(MailboxRoute::of_transport(url, &sending))
            };
            let mut route = of_whole_profile(&self.config, beside, places, read)?;
            route.transport.session.timeout = Some(timeout);
            route
        } else {
            let url =
                url.ok_or_else(|| UsageError::usage("specify a URL, or a --profile with read"))?;
            let options = MailboxOptions {
                timeout,
                reach: self.reach,
                tls: self.tls,
                auth: self.auth,
                oauth: self.oauth,
            };
            MailboxRoute::of_options(url, options)?
        };
        check_protocol(&route, &task)?;
        Ok(Fetch {
            route,
            timeout,
            task,
            json,
            verbose,
        })
    }

    /// With a profile, the first operand may be a message.
    fn sort_operands(&mut self) {
        let is_message = |url: &&str| !url.contains("://");
        if self.config.profile.is_some()
            && let Some(url) = self.url.as_deref().filter(is_message)
        {
            self.messages.insert(0, url.to_owned());
            self.url = None;
        }
    }

    fn task(&mut self, uid: Option<u32>) -> Result<FetchTask, UsageError> {
        if self
            .output
            .as_ref()
            .is_some_and(|file| file.as_os_str() == "-")
        {
            return Err(UsageError::usage(
                "--output -: use --raw for the standard output",
            ));
        }
        if self.folders {
            return Ok(FetchTask::Folders);
        }
        let mut ranges = Vec::new();
        for text in &self.messages {
            let range = range(text);
            ranges.push(range.map_err(|why| UsageError::usage(format!("MESSAGE {text}: {why}")))?);
        }
        ranges.extend(uid.map(|uid| Range {
            first: uid,
            last: Some(uid),
        }));
        let selection = Selection {
            ranges,
            conditions: std::mem::take(&mut self.search),
            last: self.last,
        };
        let selects = !selection.ranges.is_empty()
            || !selection.conditions.is_empty()
            || selection.last.is_some();
        let changes = match (self.delete, self.seen) {
            (true, _) => Some("--delete"),
            (_, true) => Some("--seen"),
            _ => None,
        };
        if let (Some(option), false) = (changes, selects || self.all) {
            return Err(UsageError::usage(format!(
                "{option}: name the messages, or give --search, --last or --all"
            )));
        }
        let file = self.output.take().map(Destination::File);
        let maildir = self.maildir.take().map(Destination::Maildir);
        let mbox = self.mbox.take().map(Destination::Mbox);
        Ok(FetchTask::Messages(Box::new(MessageTask {
            is_named: !selection.ranges.is_empty(),
            selection,
            print: match (self.print, self.raw, self.header) {
                (true, ..) => Some(Part::Readable(self.layers.clone().files()?)),
                (_, true, _) => Some(Part::Raw),
                (.., true) => Some(Part::Header),
                _ => None,
            },
            save: file.or(maildir).or(mbox),
            seen: self.seen,
            delete: self.delete,
            max_size: self.max_size.get(),
        })))
    }
}

fn check_protocol(route: &MailboxRoute, task: &FetchTask) -> Result<(), UsageError> {
    if route.url.protocol == MailboxProtocol::Imap {
        return Ok(());
    }
    match task {
        FetchTask::Folders => Err(UsageError::usage(
            "--folders: a POP3 server has one mailbox",
        )),
        FetchTask::Messages(task) if task.seen => {
            Err(UsageError::usage("--seen: a POP3 server has no flags"))
        }
        FetchTask::Messages(_) => Ok(()),
    }
}

/// `12`, `15:20` or `15:*`.
fn range(text: &str) -> Result<Range, String> {
    let wrong = || "expected a number, or a range such as 15:20 or 15:*".to_owned();
    let number = |text: &str| {
        let number = text.parse::<u32>().ok();
        number.filter(|&number| number > 0).ok_or_else(wrong)
    };
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let range = Range {
        first: number(first)?,
        last: match last {
            "*" => None,
            last => Some(number(last)?),
        },
    };
    if range.last.is_some_and(|last| last < range.first) {
        return Err("the range ends before it begins".to_owned());
    }
    Ok(range)
}

/// The URL in the key `read` of a profile.
pub fn url_of_profile(config: &Config, profile: &Profile) -> Result<MailboxUrl, UsageError> {
    let Some(setting) = profile.mailbox() else {
        return Err(UsageError::usage(format!(
            "the profile {} has no mailbox; add read = \"imaps://...\" to it, or give a URL",
            profile.name()
        )));
    };
    let text = setting.value.texts().first().copied().unwrap_or_default();
    MailboxUrl::parse(text).map_err(|why| {
        config
            .fault(setting, crate::config::ConfigFault::Value(why))
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_numbers_and_ranges() {
        let made = |first, last| Ok(Range { first, last });
        assert_eq!(range("12"), made(12, Some(12)));
        assert_eq!(range("15:20"), made(15, Some(20)));
        assert_eq!(range("15:*"), made(15, None));
        for text in [
            "",
            "0",
            "x",
            "1:",
            ":2",
            "2:1",
            "*",
            "-1",
            "1,2",
            "4294967296",
        ] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
