//! Options of the message.

mod rare;

pub(crate) use rare::{RareArgs, RareSending};

use crate::cli::help::suggestions;
use crate::cli::options::parameters::cut;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::{AddressList, Sender};
use crate::cli::options::{crypt, dkim};
use crate::mail::address::{Address, AddressError, Domain, ListEntry, Mailbox};
use crate::mail::message::{
    Attachment, Content, Disposition, HeaderField, Inline, Input, MessageDraft, MessageOptions,
    MessageSource, RawMessage, ReadyMessage, TextAlternatives, WithoutText,
};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::{in_charset, shown};
use crate::system::user;
use rare::{AutoSubmitted, Priority};
use std::io::IsTerminal as _;
use std::mem::take;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The options of a composed message that are not rare.
const COMPOSED: [&str; 6] = ["subject", "body", "attach", "reply_to", "html", "charset"];

/// Options and arguments of sending that no subcommand has.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Message")]
pub struct Sending {
    /// Recipient; the same as --to.
    ///
    /// `postmaster` needs no domain with --relay (RFC 5321, section 4.1.1.3); with --raw, no recipient does.
    #[arg(value_name = "RECIPIENT", value_parser = value::recipients, help_heading = "Arguments")]
    recipients: Vec<AddressList>,

    /// Print the message to standard output instead of sending it.
    #[arg(long)]
    pub print: bool,

    /// Send nothing if the text is empty, and exit with status 0.
    #[arg(short = 'E', long, conflicts_with = "message")]
    only_if_input: bool,

    #[arg(skip)]
    pub(crate) rare: RareSending,
}

impl Sending {
    pub fn is_raw(&self) -> bool {
        self.rare.message_raw.is_some()
    }

    fn has_mailbox(&self) -> bool {
        !self.rare.mbox.is_empty() || !self.rare.maildir.is_empty()
    }
}

/// Options under the heading "Message".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Message")]
pub struct Args {
    /// Sender address [default: your login name at this host].
    ///
    /// Also the envelope sender, unless --envelope-from is given. The host name is taken from /etc/mailname, or
    /// else is the full name of this host.
    #[arg(short, long, value_name = "ADDR", value_parser = value::mailbox, allow_hyphen_values = true)]
    from: Option<Result<Mailbox, AddressError>>,

    /// Recipient (To).
    ///
    /// Repeatable. An address, `Name <address>`, or a comma-separated list. Quote a name that contains a comma:
    /// '"Doe, John" <john@example.org>'.
    #[arg(long, value_name = "ADDR", value_parser = value::recipients)]
    to: Vec<AddressList>,

    /// Additional recipient (Cc).
    #[arg(long, value_name = "ADDR", value_parser = value::recipients)]
    cc: Vec<AddressList>,

    /// Hidden recipient (Bcc).
    #[arg(long, value_name = "ADDR", value_parser = value::recipients)]
    bcc: Vec<AddressList>,

    /// Address for replies.
    #[arg(long, value_name = "ADDR", value_parser = value::list)]
    reply_to: Vec<AddressList>,

    /// Subject, as the recipient will read it.
    #[arg(short, long, value_name = "TEXT", value_parser = value::line, allow_hyphen_values = true)]
    subject: Option<String>,

    /// Message text: as given, from @FILE, or from standard input (`-`).
    ///
    /// Double a leading @: `@@home today`. Pass text from untrusted sources through a pipe, because as an
    /// argument it could be `@/etc/passwd`. The text is UTF-8 unless --charset names another encoding. Without
    /// this option, the text is read from standard input.
    #[arg(short, long, value_name = "TEXT|@FILE|-", value_parser = value::input, allow_hyphen_values = true)]
    body: Option<Input>,

    /// HTML version of the text: as given, from @FILE, or from standard input (`-`).
    ///
    /// With --body or text from a pipe, both versions are sent (multipart/alternative) and the recipient's mail
    /// program chooses one. `cid:NAME` in the HTML refers to the file NAME of --inline.
    #[arg(long, value_name = "TEXT|@FILE|-", value_parser = value::input, allow_hyphen_values = true)]
    html: Option<Input>,

    /// Attach a file, or standard input (`-`).
    ///
    /// Repeatable. The MIME type is guessed from the file name unless `;type=TYPE` is given. `;name=NAME` sets
    /// the name shown to the recipient; it is required for standard input. Also `;disposition=inline` and
    /// `;description=TEXT`. Write `\;` for a `;` in the file name that would otherwise start one of these.
    #[arg(
        short,
        long,
        value_name = "FILE[;type=T][;name=N]",
        allow_hyphen_values = true
    )]
    attach: Vec<PathBuf>,

    /// Character set of the text, if it is not UTF-8.
    ///
    /// Applies to --body, --html, --markdown and other arguments that are not UTF-8, as in `latin1` or
    /// `shift_jis`. The message itself is sent in UTF-8. Without this option, text that is not valid UTF-8 is
    /// read as windows-1252, with a warning.
    #[arg(long, value_name = "NAME", value_parser = value::charset)]
    charset: Option<String>,

    /// Add a header field, or replace one that ehlo sets.
    ///
    /// Repeatable. Date, From, To, Cc, Reply-To, Subject, Message-ID and MIME-Version are replaced, all others
    /// are added; Bcc adds recipients and is not written. Non-ASCII text is encoded; encoded words (RFC 2047)
    /// are left unchanged. A charset is added to a Content-Type that needs one.
    #[arg(short = 'H', long, value_name = "'Name: value'", value_parser = value::field, allow_hyphen_values = true)]
    header: Vec<HeaderField>,

    /// Send this complete message, from a file or standard input (`-`).
    ///
    /// Repeatable; see --mbox for several messages. The message (RFC 5322) is sent unchanged, except that line endings
    /// are normalized, Bcc is removed, and missing Date, Message-ID, From and To fields are added (--no-date and
    /// --no-message-id suppress the first two). To, Cc and Reply-To fields without an address are removed. Parts with
    /// lines over 998 octets are converted to quoted-printable or base64, as are parts that are not ASCII if the
    /// server lacks 8BITMIME. A header that is not ASCII is encoded if the server lacks SMTPUTF8, unless an address
    /// needs it. Signed and encrypted parts are never changed; if the server cannot carry them, the message is not
    /// sent. If no recipients are given, they are taken from To, Cc and Bcc (or the Resent- fields). Fields added with
    /// --header are placed first.
    #[arg(long, value_name = "FILE|-", value_parser = value::file_or_stdin,
          conflicts_with_all = COMPOSED)]
    message: Vec<Input>,

    /// Envelope sender (return path); '' for the null sender.
    #[arg(long, value_name = "ADDR", value_parser = value::sender, allow_hyphen_values = true)]
    envelope_from: Option<Sender>,

    #[arg(skip)]
    pub(crate) rare: RareArgs,
}

fn no_recipient() -> UsageError {
    UsageError::usage("no recipient: ehlo [OPTIONS] RECIPIENT...; see ehlo --help")
}

fn raw_message(raw: RawMessage) -> Result<MessageOptions, UsageError> {
    if raw.recipients.is_empty() {
        return Err(no_recipient());
    }
    Ok(MessageOptions::of(Content::Raw(raw)))
}

impl Args {
    /// True without a recipient and without a message that could name one.
    pub fn names_no_recipient(&self, others: &Sending) -> bool {
        let lists = [&others.recipients, &self.to, &self.cc, &self.bcc];
        let has_message = !self.message.is_empty() || others.has_mailbox();
        !has_message && lists.iter().all(|list| list.is_empty())
    }

    /// The sources of the messages, if there may be more than one.
    pub fn sources(&mut self, others: &mut Sending) -> Result<Vec<MessageSource>, UsageError> {
        if self.message.len() < 2 && !others.has_mailbox() {
            return Ok(Vec::new());
        }
        let all = take(&mut self.message).into_iter().map(MessageSource::One);
        let mailboxes = take(&mut others.rare.mbox)
            .into_iter()
            .map(MessageSource::Mbox);
        let directories = take(&mut others.rare.maildir).into_iter();
        let all = all.chain(mailboxes);
        let all: Vec<MessageSource> = all.chain(directories.map(MessageSource::Maildir)).collect();
        let is_stdin = |source: &&MessageSource| match source {
            MessageSource::One(input) | MessageSource::Mbox(input) => input.is_stdin(),
            MessageSource::Maildir(_) => false,
        };
        if all.iter().filter(is_stdin).count() > 1 {
            return Err(only_one_stdin());
        }
        // The input of each message replaces it.
        self.message = vec![Input::Text(String::new())];
        Ok(all)
    }

    /// The message for the recipients of the arguments and the options. Recipients may lack a domain if the
    /// server is named by `--relay`.
    pub fn options(
        mut self,
        mut others: Sending,
        relay: bool,
    ) -> Result<MessageOptions, UsageError> {
        let envelope_from = self
            .envelope_from
            .take()
            .map(|sender| sender.map_err(|error| about("--envelope-from", &error)))
            .transpose()?;
        let named = self.from.is_some();
        let from = author(self.from.take())?;
        let without_text = if others.only_if_input {
            WithoutText::Skip
        } else {
            WithoutText::Send
        };
        let raw = others.rare.message_raw.take();
        let recipients = self.recipients(others, relay)?;
        if let Some(input) = raw {
            let raw = RawMessage {
                input,
                recipients: recipients.all(),
                sender: envelope_from.unwrap_or(Some(from.address)),
            };
            return raw_message(raw);
        }
        let signer = take(&mut self.rare.dkim).signer()?;
        if let Some(input) = self.message.pop() {
            // --from is the envelope sender if the message names its author.
            let sender = named.then(|| Some(from.address.clone()));
            let sender = envelope_from.or(sender);
            let ready = ReadyMessage {
                input,
                from,
                headers: self.header,
                recipients: recipients.all(),
                sender_is_known: sender.is_some(),
                no_date: self.rare.no_date,
                no_message_id: self.rare.no_message_id,
            };
            return Ok(MessageOptions {
                envelope_from: sender,
                signer,
                ..MessageOptions::of(Content::Ready(ready))
            });
        }
        let is_bcc = |field: &HeaderField| field.name.eq_ignore_ascii_case("bcc");
        if recipients.is_empty() && !self.header.iter().any(is_bcc) {
            return Err(no_recipient());
        }
        let mut draft = self.draft(from, recipients)?;
        draft.text.without_text = without_text;
        Ok(MessageOptions {
            envelope_from,
            signer,
            ..MessageOptions::of(Content::Draft(Box::new(draft)))
        })
    }

    fn recipients(&mut self, others: Sending, relay: bool) -> Result<RecipientArgs, UsageError> {
        let entries = |option, lists| {
            let entries = entries(option, lists)?;
            let mut mailboxes = entries.iter().flat_map(ListEntry::mailboxes);
            let without_domain =
                mailboxes.find(|mailbox| *mailbox.address.domain() == Domain::Absent);
            match without_domain.filter(|_| !relay) {
                Some(mailbox) => {
                    let hint = "; a recipient without a domain requires --relay";
                    let error = AddressError::NoDomain(mailbox.address.to_string(), hint);
                    Err(about(option, &error))
                }
                None => Ok(entries),
            }
        };
        let mut to = entries("recipient", others.recipients)?;
        to.extend(entries("--to", take(&mut self.to))?);
        Ok(RecipientArgs {
            to,
            cc: entries("--cc", take(&mut self.cc))?,
            bcc: entries("--bcc", take(&mut self.bcc))?,
        })
    }

    /// The draft of a composed message.
    fn draft(self, from: Mailbox, recipients: RecipientArgs) -> Result<MessageDraft, UsageError> {
        let generated = self.generated_fields().into_iter();
        let charset = self.charset.as_deref();
        let inline = self
            .rare
            .inline
            .into_iter()
            .map(|given| inline(given, charset));
        let attach = self.attach.into_iter();
        let attachments = attach.map(|given| attachment(given, charset));
        let mut draft = MessageDraft {
            from,
            to: recipients.to,
            cc: recipients.cc,
            bcc: recipients.bcc,
            reply_to: entries("--reply-to", self.reply_to)?,
            subject: self.subject,
            headers: generated.chain(self.header).collect(),
            text: TextAlternatives {
                body: self.body,
                html: self.html,
                markdown: self.rare.markdown,
                calendar: self.rare.calendar,
                flowed: self.rare.format_flowed,
                ..TextAlternatives::default()
            },
            inline: inline.collect::<Result<_, _>>()?,
            attachments: attachments.collect::<Result<_, _>>()?,
            messages: self.rare.attach_message,
            no_date: self.rare.no_date,
            no_message_id: self.rare.no_message_id,
        };
        draft.text.charset = self.charset;
        use_stdin_once(&mut draft)?;
        if !draft.inline.is_empty() && draft.text.html.is_none() && draft.text.markdown.is_none() {
            return Err(UsageError::usage(
                "--inline requires --html or --markdown; use --attach otherwise",
            )
            .about("--inline"));
        }
        Ok(draft)
    }

    /// The options of DKIM signatures.
    pub fn take_dkim(&mut self) -> dkim::Args {
        take(&mut self.rare.dkim)
    }

    /// The options of end-to-end signatures and encryption.
    pub fn take_crypt(&mut self) -> crypt::Args {
        take(&mut self.rare.crypt)
    }

    /// The sender if the options name one: the envelope sender, else the author.
    pub fn sender(&self) -> Option<&Address> {
        let envelope = match &self.envelope_from {
            Some(Ok(address)) => address.as_ref(),
            _ => None,
        };
        let author = self.from.as_ref().and_then(|from| from.as_ref().ok());
        envelope.or(author.map(|from| &from.address))
    }

    /// The envelope sender as the options name it. An empty one is the null sender.
    pub fn reverse_path(&self) -> Option<String> {
        if matches!(self.envelope_from, Some(Ok(None))) {
            return Some(String::new());
        }
        self.sender().map(ToString::to_string)
    }

    /// The first recipient of --to.
    pub fn first_to(&self) -> Option<String> {
        let mut entries = self.to.iter().flatten().flatten();
        entries.find_map(|entry| match entry {
            ListEntry::Mailbox(mailbox) => Some(mailbox.address.to_string()),
            ListEntry::Group { .. } => None,
        })
    }

    /// Header fields that have options of their own.
    fn generated_fields(&self) -> Vec<HeaderField> {
        let mut fields = Vec::new();
        let add = |fields: &mut Vec<HeaderField>, name: &str, value: String| {
            fields.push(HeaderField::new(name, value));
        };
        let in_reply_to = self.rare.in_reply_to.as_deref().unwrap_or_default();
        let mut references = self.rare.references.concat();
        for id in in_reply_to {
            if !references.contains(id) {
                references.push(id.clone());
            }
        }
        for (name, ids) in [("In-Reply-To", in_reply_to), ("References", &references)] {
            if !ids.is_empty() {
                add(&mut fields, name, ids.join(" "));
            }
        }
        if let Some(priority) = self.rare.priority {
            let (number, word) = match priority {
                Priority::High => ("1 (Highest)", "high"),
                Priority::Normal => ("3 (Normal)", "normal"),
                Priority::Low => ("5 (Lowest)", "low"),
            };
            add(&mut fields, "X-Priority", number.to_owned());
            add(&mut fields, "Importance", word.to_owned());
        }
        fields.extend(unsubscribe_fields(&self.rare.list_unsubscribe));
        if let Some(how) = self.rare.auto_submitted {
            let word = match how {
                AutoSubmitted::AutoGenerated => "auto-generated",
                AutoSubmitted::AutoReplied => "auto-replied",
            };
            add(&mut fields, "Auto-Submitted", word.to_owned());
        }
        fields
    }
}

struct RecipientArgs {
    to: Vec<ListEntry>,
    cc: Vec<ListEntry>,
    bcc: Vec<ListEntry>,
}

impl RecipientArgs {
    fn is_empty(&self) -> bool {
        self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty()
    }

    fn all(self) -> Vec<ListEntry> {
        self.to.into_iter().chain(self.cc).chain(self.bcc).collect()
    }
}

/// The fields for unsubscribing by one of these URLs, with one click if one is https (RFC 2369, RFC 8058).
pub fn unsubscribe_fields(urls: &[String]) -> Vec<HeaderField> {
    if urls.is_empty() {
        return Vec::new();
    }
    let list: Vec<String> = urls.iter().map(|url| format!("<{url}>")).collect();
    let mut fields = vec![HeaderField::new("List-Unsubscribe", list.join(", "))];
    if urls.iter().any(|url| url.starts_with("https:")) {
        let one_click = HeaderField::new("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
        fields.push(one_click);
    }
    fields
}

/// The author of --from, else the user who runs the program.
pub fn author(named: Option<Result<Mailbox, AddressError>>) -> Result<Mailbox, UsageError> {
    match named {
        Some(from) => from.map_err(|error| {
            suggestions::for_author(&error).unwrap_or_else(|| about("--from", &error))
        }),
        None => login().map_err(|error| {
            about(
                "cannot use your login name as the sender address; use --from",
                &error,
            )
        }),
    }
}

/// Standard input can be read by only one option. Without one, it is the text, or the plain text version of
/// HTML if data is piped in.
fn use_stdin_once(draft: &mut MessageDraft) -> Result<(), UsageError> {
    let text = &draft.text;
    let texts = [&text.body, &text.html, &text.markdown]
        .into_iter()
        .flatten();
    let files = draft.attachments.iter().map(|attachment| &attachment.input);
    let count = texts.chain(files).filter(|input| input.is_stdin()).count();
    if count > 1 {
        return Err(only_one_stdin());
    }
    if count == 0 && text.body.is_none() && !std::io::stdin().is_terminal() {
        let has_text = text.html.is_some() || text.markdown.is_some();
        draft.text.body = Some(if has_text {
            Input::Waiting
        } else {
            Input::Stdin
        });
    }
    Ok(())
}

fn only_one_stdin() -> UsageError {
    UsageError::usage("only one option can read standard input (-)")
}

fn entries(option: &str, lists: Vec<AddressList>) -> Result<Vec<ListEntry>, UsageError> {
    let mut all = Vec::new();
    for list in lists {
        all.extend(list.map_err(|error| {
            let recipient = (option == "recipient").then(|| suggestions::for_recipient(&error));
            recipient.flatten().unwrap_or_else(|| about(option, &error))
        })?);
    }
    Ok(all)
}

fn about(option: &str, error: &AddressError) -> UsageError {
    UsageError::of_value(Exit::Data, option, error.to_string())
}

/// LOGIN@FQDN.
fn login() -> Result<Mailbox, AddressError> {
    let login = user::login();
    let domain = host::mail_domain();
    let address = Address::parse(&format!("{login}@{domain}"))?;
    debug_assert!(matches!(address.domain(), Domain::Name(_)));
    Ok(Mailbox {
        name: None,
        address,
    })
}

/// `FILE;type=T;name=N;disposition=inline;description=D`, in this charset if it is not UTF-8.
pub fn attachment(given: PathBuf, charset: Option<&str>) -> Result<Attachment, UsageError> {
    let keys = ["type", "name", "disposition", "description"];
    let (file, parameters) = cut(given, "--attach", &keys, charset)?;
    let is_stdin = file == Path::new("-");
    let without_at = file.to_str().and_then(|name| name.strip_prefix('@'));
    if let Some(name) = without_at.filter(|name| !file.exists() && Path::new(name).is_file()) {
        let name = shown(name);
        let why = format!("there is no file @{name}; omit the @, as in --attach {name}");
        return Err(UsageError::of_value(Exit::NoInput, "--attach", why));
    }
    let mut attachment = if is_stdin {
        Attachment::new(Input::Stdin)
    } else {
        named(file, charset)
    };
    for (key, value) in parameters {
        match (key.as_str(), value.as_str()) {
            ("type", _) => attachment.media_type = Some(value),
            ("name", _) => attachment.name = Some(value),
            ("description", _) => attachment.description = Some(value),
            (_, "inline") => attachment.disposition = Disposition::Inline,
            (_, "attachment") => attachment.disposition = Disposition::Attachment,
            _ => {
                return Err(UsageError::usage(
                    "--attach ;disposition=: expected inline or attachment",
                )
                .about("--attach"));
            }
        }
    }
    if is_stdin && attachment.name.is_none() {
        return Err(UsageError::usage(
            "--attach -: standard input has no file name; add one, as in --attach '-;name=log.txt'",
        )
        .about("--attach"));
    }
    Ok(attachment)
}

/// `FILE;cid=ID;type=T;name=N`, in this charset if it is not UTF-8.
pub fn inline(given: PathBuf, charset: Option<&str>) -> Result<Inline, UsageError> {
    let (file, parameters) = cut(given, "--inline", &["cid", "type", "name"], charset)?;
    let mut inline = Inline {
        file: named(file, charset),
        id: None,
    };
    inline.file.disposition = Disposition::Inline;
    for (key, value) in parameters {
        match key.as_str() {
            "cid" => inline.id = Some(value),
            "type" => inline.file.media_type = Some(value),
            _ => inline.file.name = Some(value),
        }
    }
    Ok(inline)
}

/// A file, with a name for the reader if its own is not UTF-8.
fn named(file: PathBuf, charset: Option<&str>) -> Attachment {
    let name = file
        .file_name()
        .filter(|name| name.to_str().is_none())
        .map(|name| in_charset(name.as_bytes(), charset).into_owned());
    Attachment {
        name,
        ..Attachment::new(Input::File(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    fn file(attachment: &Attachment) -> &Path {
        match &attachment.input {
            Input::File(path) => path,
            other => panic!("{other:?}"),
        }
    }

    fn parsed(text: &str) -> Attachment {
        match attachment(PathBuf::from(text), None) {
            Ok(attachment) => attachment,
            Err(wrong) => panic!("{text}: {}", wrong.text),
        }
    }

    #[test]
    fn parameters_are_split_from_the_end() {
        assert_eq!(file(&parsed("a.pdf")), Path::new("a.pdf"));
        let all =
            parsed("a;b.pdf;name=c d.pdf;type=application/x;disposition=inline;description=D e");
        assert_eq!(file(&all), Path::new("a;b.pdf"));
        assert_eq!(all.name.as_deref(), Some("c d.pdf"));
        assert_eq!(all.media_type.as_deref(), Some("application/x"));
        assert_eq!(all.description.as_deref(), Some("D e"));
        assert_eq!(all.disposition, Disposition::Inline);
    }

    #[test]
    fn file_name_that_is_not_utf8_is_decoded() {
        let given = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        for (bytes, charset, name) in [
            (&b"dir/Men\xfc.pdf"[..], None, "Menü.pdf"),
            (
                b"dir/\xed\xc5\xce\xc0.pdf;type=a/b",
                Some("koi8-r"),
                "Меню.pdf",
            ),
            (b"dir/\xff.pdf;name=Men\xfc", None, "Menü"),
        ] {
            let attachment = attachment(given(bytes), charset).map_err(|wrong| wrong.text);
            let attachment = attachment.unwrap();
            assert_eq!(attachment.name.as_deref(), Some(name));
            let end = bytes.iter().position(|&byte| byte == b';');
            let path = given(&bytes[..end.unwrap_or(bytes.len())]);
            assert_eq!(file(&attachment), path);
        }
    }

    #[test]
    fn escaped_semicolon_begins_no_parameter() {
        assert_eq!(file(&parsed("odd\\;name=x")), Path::new("odd;name=x"));
        let both = parsed("odd\\;type=x;name=y");
        assert_eq!(
            (file(&both), both.name.as_deref()),
            (Path::new("odd;type=x"), Some("y"))
        );
    }

    #[test]
    fn invalid_parameters_are_refused() {
        for bad in [
            ";name=x",
            "a;name=x\r\nBcc: y",
            "a;disposition=x",
            "-",
            "-;type=a/b",
        ] {
            assert!(attachment(PathBuf::from(bad), None).is_err(), "{bad:?}");
        }
        assert_eq!(parsed("-;name=x").input, Input::Stdin);
    }
}
