//! What the message is.

use super::Wrong;
use super::value::{self, List};
use crate::address::{Address, AddressError, Domain, Entry, Mailbox};
use crate::host;
use crate::message::{Attachment, Content, Draft, Field, Input, Options, Ready};
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// Options under the heading "Message".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Message")]
pub struct Args {
    /// Who gets the message; the same as --to.
    #[arg(value_name = "RECIPIENT", value_parser = value::list, help_heading = "Arguments")]
    recipients: Vec<List>,

    /// The author [default: your login name at this host].
    ///
    /// Also the envelope's sender, unless --envelope-from names another. The name of this host is that in
    /// /etc/mailname, else its full name.
    #[arg(short, long, value_name = "ADDR", value_parser = value::mailbox, allow_hyphen_values = true)]
    from: Option<Result<Mailbox, AddressError>>,

    /// Who gets it, named in To.
    ///
    /// Repeatable; an address, `Name <address>`, or a list with commas. A name with a comma in it wants
    /// quotes: '"Doe, John" <john@example.org>'.
    #[arg(long, value_name = "ADDR", value_parser = value::list)]
    to: Vec<List>,

    /// Who gets it too, named in Cc.
    #[arg(long, value_name = "ADDR", value_parser = value::list)]
    cc: Vec<List>,

    /// Who gets it and is named nowhere.
    #[arg(long, value_name = "ADDR", value_parser = value::list)]
    bcc: Vec<List>,

    /// Where answers are to go.
    #[arg(long, value_name = "ADDR", value_parser = value::list)]
    reply_to: Vec<List>,

    /// The subject.
    #[arg(short, long, value_name = "TEXT", value_parser = value::line, allow_hyphen_values = true)]
    subject: Option<String>,

    /// The text: as given, from @FILE, or from stdin with `-`.
    ///
    /// It must be UTF-8. Without this option it is read from the standard input, unless that is a
    /// terminal.
    #[arg(short, long, value_name = "TEXT|@FILE|-", value_parser = value::input, allow_hyphen_values = true)]
    body: Option<Input>,

    /// Attach a file.
    ///
    /// Repeatable. Its type goes by its name unless `;type=T` follows; `;name=N` is what the reader sees
    /// instead of the file's name.
    #[arg(short, long, value_name = "FILE[;type=T][;name=N]")]
    attach: Vec<PathBuf>,

    /// Add a header field, or replace one of ours.
    ///
    /// Repeatable. Date, From, To, Cc, Reply-To, Subject, Message-ID and MIME-Version are replaced, all
    /// others are added; Bcc is not written but adds recipients.
    #[arg(short = 'H', long, value_name = "'Name: value'", value_parser = value::field, allow_hyphen_values = true)]
    header: Vec<Field>,

    /// Send this ready message, from a file or stdin (`-`).
    ///
    /// It is sent as it is (RFC 5322) but for line ends, Bcc and what is missing (Date, Message-ID, From).
    /// It goes to the recipients on the command line, or, without any, to those in its To, Cc and Bcc.
    #[arg(long, value_name = "FILE|-", value_parser = value::file_or_stdin,
          conflicts_with_all = ["subject", "body", "attach", "header", "reply_to"])]
    message: Option<Input>,

    /// The envelope's sender; '' is the null sender.
    #[arg(long, value_name = "ADDR", value_parser = value::sender, allow_hyphen_values = true)]
    envelope_from: Option<Result<Option<Address>, AddressError>>,

    /// Write the message to stdout, and send nothing.
    #[arg(long)]
    pub print: bool,
}

impl Args {
    /// The message that is meant.
    pub fn options(self) -> Result<Options, Wrong> {
        let envelope_from = self
            .envelope_from
            .map(|sender| sender.map_err(|error| about("--envelope-from", &error)))
            .transpose()?;
        let named = self.from.is_some();
        let from = match self.from {
            Some(from) => from.map_err(|error| about("--from", &error))?,
            None => login()
                .map_err(|error| about("no --from, and your login name is no address", &error))?,
        };
        let mut to = entries("recipient", self.recipients)?;
        to.extend(entries("--to", self.to)?);
        let cc = entries("--cc", self.cc)?;
        let bcc = entries("--bcc", self.bcc)?;
        if let Some(input) = self.message {
            let recipients: Vec<Entry> = to.into_iter().chain(cc).chain(bcc).collect();
            // --from is the envelope's sender where the message names its author itself.
            let sender = named.then(|| Some(from.address.clone()));
            return Ok(Options {
                content: Content::Ready(Ready {
                    input,
                    from,
                    recipients,
                }),
                envelope_from: envelope_from.or(sender),
            });
        }
        let nobody = to.is_empty() && cc.is_empty() && bcc.is_empty();
        let is_bcc = |field: &Field| field.name.eq_ignore_ascii_case("bcc");
        if nobody && !self.header.iter().any(is_bcc) {
            return Err(Wrong::usage(
                "no recipient: ehlo [OPTIONS] RECIPIENT...; see ehlo --help",
            ));
        }
        let attachments = self
            .attach
            .into_iter()
            .map(attachment)
            .collect::<Result<_, _>>()?;
        Ok(Options {
            content: Content::Draft(Box::new(Draft {
                from,
                to,
                cc,
                bcc,
                reply_to: entries("--reply-to", self.reply_to)?,
                subject: self.subject,
                headers: self.header,
                body: self.body.or_else(waiting_text),
                attachments,
            })),
            envelope_from,
        })
    }
}

/// What is piped in is the text.
fn waiting_text() -> Option<Input> {
    (!std::io::stdin().is_terminal()).then_some(Input::Stdin)
}

fn entries(option: &str, lists: Vec<List>) -> Result<Vec<Entry>, Wrong> {
    let mut all = Vec::new();
    for list in lists {
        all.extend(list.map_err(|error| about(option, &error))?);
    }
    Ok(all)
}

fn about(option: &str, error: &AddressError) -> Wrong {
    Wrong::data(format!("{option}: {error}"))
}

/// LOGIN@FQDN.
fn login() -> Result<Mailbox, AddressError> {
    let login = host::login();
    let domain = host::mail_domain();
    let address = Address::parse(&format!("{login}@{domain}"))?;
    debug_assert!(matches!(address.domain(), Domain::Name(_)));
    Ok(Mailbox {
        name: None,
        address,
    })
}

/// `FILE;type=T;name=N`: the parameters are cut off from the end, so that a `;` in a file's name that
/// begins no parameter is a part of it.
fn attachment(given: PathBuf) -> Result<Attachment, Wrong> {
    let mut attachment = Attachment {
        path: given,
        media_type: None,
        name: None,
    };
    while let Some(text) = attachment.path.to_str() {
        let Some((rest, parameter)) = text.rsplit_once(';') else {
            break;
        };
        let (key, value) = parameter.split_once('=').unwrap_or_default();
        let slot = match key {
            "type" => &mut attachment.media_type,
            "name" => &mut attachment.name,
            _ => break,
        };
        let value =
            value::line(value).map_err(|why| Wrong::usage(format!("--attach ;{key}=: {why}")))?;
        *slot = Some(value);
        attachment.path = PathBuf::from(rest);
    }
    if attachment.path.as_os_str().is_empty() {
        return Err(Wrong::usage("--attach: no file is named"));
    }
    Ok(attachment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> (String, Option<String>, Option<String>) {
        let Ok(attachment) = attachment(PathBuf::from(text)) else {
            panic!("{text} is refused")
        };
        let path = attachment.path.to_string_lossy().into_owned();
        (path, attachment.media_type, attachment.name)
    }

    #[test]
    fn parameters_are_cut_from_the_end_and_other_semicolons_stay() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(cut("a.pdf"), ("a.pdf".to_owned(), None, None));
        assert_eq!(
            cut("a;b.pdf;name=c d.pdf;type=application/x"),
            ("a;b.pdf".to_owned(), some("application/x"), some("c d.pdf"))
        );
        assert!(attachment(PathBuf::from(";name=x")).is_err());
        assert!(attachment(PathBuf::from("a;name=x\r\nBcc: y")).is_err());
    }
}
