//! The arguments of `ehlo merge`.

use crate::cli::merge::journal::ListDescription;
use crate::cli::merge::letter::{ATTACH, ENVELOPE_FROM, LIST_UNSUBSCRIBE, LetterContext};
use crate::cli::merge::{ChangedRows, Merge, MergeOptions, Retry, RowSelection, Show};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::{DeliverySettings, QueueArgs, settings};
use crate::cli::options::output::LogArgs;
use crate::cli::options::route_plan::{QueuedMessageOptions, with_options};
use crate::cli::options::transport::CommonTransportArgs;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, config, crypt, dkim, message, value};
use crate::client::transport::Transport;
use crate::config::{Config, Places, Profile};
use crate::mail::address::{Address, Mailbox};
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::merge::{
    FieldTemplate, ListFormat, MergeList, MergeTemplate, Missing, TemplateFile, TemplateOptions,
    TextTemplate,
};
use crate::queue::{FirstTry, QueueUse};
use crate::system::exit::Exit;
use crate::system::text::{reason, shown, shown_path, without_mark};
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Default number of connections to a relay.
const RELAY_CONNECTIONS: usize = 4;

/// Send a message to each row of a list.
///
/// LIST is CSV with a header line, or one JSON object per line (.jsonl, .ndjson). The template and the options of the
/// message are Jinja templates, in which {{name}} is the field `name` of the row. All rows are read, filled in and
/// checked before the first message is sent. A journal records the result of each row: if the run ends early, the same
/// command continues it, and no row is sent twice.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct MergeArgs {
    #[command(subcommand)]
    command: Option<MergeCommand>,
    #[command(flatten)]
    run: MergeRunArgs,
}

#[derive(Debug, clap::Subcommand)]
enum MergeCommand {
    /// Show how many rows of a journal are accepted, refused, deferred and uncertain.
    Status {
        /// Journal of a merge.
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print the rows that were not accepted, as a list with their status and reply.
    ///
    /// The rows are taken from the list, as CSV, or as JSON if the list is JSON. The fields _status and _reply are
    /// added. Rows that were not tried yet are not printed.
    Failed {
        /// Journal of a merge.
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct MergeRunArgs {
    /// List of rows: CSV, or JSON lines.
    #[arg(value_name = "LIST", help_heading = "Arguments", required = true)]
    list: Option<PathBuf>,
    #[command(flatten)]
    list_options: ListArgs,
    #[command(flatten)]
    message: TemplateArgs,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    _transport: CommonTransportArgs,
    #[command(flatten)]
    config: config::Args,
}

/// Options under the heading "List".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "List")]
struct ListArgs {
    /// Separator of the fields of a CSV list [default: a comma, and a tab in a .tsv file].
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    comma: Option<u8>,

    /// Character set of the list, if it is not UTF-8.
    ///
    /// As in windows-1252 or latin1. UTF-16 must be converted first.
    #[arg(long, value_name = "NAME", value_parser = encoding, hide_short_help = true)]
    encoding: Option<String>,

    /// Field that identifies a row [default: the recipients of its message].
    #[arg(long, value_name = "FIELD")]
    id: Option<String>,

    /// Treat a field that a row lacks as an error, or as empty.
    ///
    /// With `empty`, a misspelled name is not noticed.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = MissingField::Error, hide_short_help = true)]
    missing: MissingField,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum MissingField {
    Error,
    Empty,
}

/// Options under the heading "Message".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Message")]
struct TemplateArgs {
    /// Template with a header, an empty line and a text.
    ///
    /// The header has fields such as `TO: {{email}}` and `SUBJECT: Hello {{name}}`; ATTACHMENT names a file, relative
    /// to the template. With `Content-Type: text/html` or text/markdown, the text is HTML or Markdown; with
    /// multipart/*, it has its own parts. Templates of mailmerge are accepted.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,

    /// Sender address [default: From of the template, else your login name at this host].
    #[arg(short, long, value_name = "ADDR", allow_hyphen_values = true)]
    from: Option<String>,

    /// Recipient (To), as in '{{name}} <{{email}}>'; repeatable.
    #[arg(long, value_name = "ADDR")]
    to: Vec<String>,

    /// Additional recipient (Cc).
    #[arg(long, value_name = "ADDR")]
    cc: Vec<String>,

    /// Hidden recipient (Bcc).
    #[arg(long, value_name = "ADDR")]
    bcc: Vec<String>,

    /// Address for replies.
    #[arg(long, value_name = "ADDR")]
    reply_to: Vec<String>,

    /// Subject.
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    subject: Option<String>,

    /// Message text: as given, or from @FILE.
    #[arg(short, long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    body: Option<String>,

    /// HTML version of the text; values are escaped.
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    html: Option<String>,

    /// Markdown text, sent both as plain text and as HTML.
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true, conflicts_with_all = ["body", "html"])]
    markdown: Option<String>,

    /// Attach a file; with `?` at the end, it may be missing. Repeatable.
    #[arg(
        short,
        long,
        value_name = "FILE[;type=T][;name=N][?]",
        allow_hyphen_values = true
    )]
    attach: Vec<String>,

    /// Add a header field, or replace one that ehlo sets; repeatable.
    #[arg(
        short = 'H',
        long,
        value_name = "'Name: value'",
        allow_hyphen_values = true
    )]
    header: Vec<String>,

    /// URL for unsubscribing (https or mailto), as in <https://example.org/leave?id={{id}}>; repeatable.
    ///
    /// An https URL enables one-click unsubscribe (RFC 8058).
    #[arg(long, value_name = "URL")]
    list_unsubscribe: Vec<String>,

    /// Envelope sender (return path); '' for the null sender.
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true)]
    envelope_from: Option<String>,

    #[command(flatten)]
    crypt: crypt::Args,

    #[command(flatten)]
    dkim: dkim::Args,
}

/// Options under the heading "Pace".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Pace")]
struct PaceArgs {
    /// Maximum number of messages in a time, as in 10/s, 100/m, 500/h or 2000/d.
    #[arg(long, value_name = "N/UNIT", value_parser = value::rate)]
    rate: Option<value::Rate>,

    /// The same for each recipient domain.
    #[arg(long, value_name = "N/UNIT", value_parser = value::rate)]
    per_domain: Option<value::Rate>,

    /// Number of connections [default: 4 to a relay, else 1].
    #[arg(long, value_name = "N", value_parser = value::number::<usize>(1, Some(1000)))]
    connections: Option<usize>,

    /// First pause after a temporary error of a server.
    ///
    /// Each pause is twice as long as the one before, up to 30 times the first, until a message is accepted.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s", hide_short_help = true)]
    back_off: Duration,

    /// Number of attempts for a row in this run.
    ///
    /// A row that is deferred each time is left for the next run.
    #[arg(long, value_name = "N", value_parser = value::number::<u32>(1, Some(100)), default_value_t = 3, hide_short_help = true)]
    tries: u32,

    /// Queue the message of a row that is deferred in all attempts.
    ///
    /// `ehlo queue run` delivers it. The journal says so, and no later run sends the row again.
    #[arg(long)]
    queue: bool,

    /// Queue directory [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root].
    #[arg(long, value_name = "DIR", requires = "queue", hide_short_help = true)]
    queue_dir: Option<PathBuf>,

    /// End the run after this number of consecutive failures.
    ///
    /// That many failures usually share one cause.
    #[arg(long, value_name = "N", value_parser = value::number::<u32>(1, None), default_value_t = 10, hide_short_help = true)]
    stop_after: u32,
}

/// Options under the heading "Rows".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Rows")]
struct RowArgs {
    /// Journal of the run [default: LIST.merge].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// Print the message of the first row, or of the row with this number or ID, and send nothing.
    #[arg(long, value_name = "ROW|ID", num_args = 0..=1, require_equals = true, default_missing_value = "1",
          conflicts_with = "check")]
    preview: Option<String>,

    /// Check all rows, and send nothing.
    #[arg(long)]
    check: bool,

    /// Send at most this number of rows.
    #[arg(long, value_name = "N", value_parser = value::number::<u64>(1, None))]
    limit: Option<u64>,

    /// Send only the rows with these IDs.
    ///
    /// An ID is the field given by --id, or the recipients with commas between them.
    #[arg(long, value_name = "ID", value_delimiter = ',', hide_short_help = true)]
    only: Vec<String>,

    /// Also send rows again that were refused or are uncertain; a comma-separated list.
    #[arg(long, value_name = "STATUS", value_enum, value_delimiter = ',')]
    retry: Vec<Retry>,

    /// Rows that were sent and have changed since: skip them, or send them again.
    ///
    /// Without this option, they are an error.
    #[arg(long, value_name = "HOW", value_enum, hide_short_help = true)]
    changed: Option<ChangedRows>,

    /// Print one JSON object for each row, and one for the result.
    #[arg(long)]
    json: bool,
}

impl MergeArgs {
    pub fn plan(
        self,
        command_line: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Merge, UsageError> {
        match (self.command, self.run) {
            (Some(MergeCommand::Status { journal, json }), _) => Ok(Merge::Status(journal, json)),
            (Some(MergeCommand::Failed { journal }), _) => Ok(Merge::Failed(journal)),
            (None, run) => Ok(Merge::Run(Box::new(run.plan(command_line, places)?))),
        }
    }
}

fn default_connections(transport: &Transport) -> usize {
    match transport.route.relay {
        Some(_) => RELAY_CONNECTIONS,
        None => 1,
    }
}

impl From<MissingField> for Missing {
    fn from(missing: MissingField) -> Self {
        match missing {
            MissingField::Error => Self::Error,
            MissingField::Empty => Self::Empty,
        }
    }
}

impl RowArgs {
    fn show(&mut self) -> Show {
        match self.preview.take() {
            Some(row) => Show::Preview(row),
            None if self.check => Show::Check,
            None => Show::Send,
        }
    }

    fn selection(self) -> RowSelection {
        RowSelection {
            limit: self.limit,
            only: self.only,
            retry: self.retry,
            changed: self.changed,
        }
    }
}

impl MergeRunArgs {
    fn plan(
        mut self,
        command_line: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<MergeOptions, UsageError> {
        let read = self.config.read(|| command_line.keys(), places)?;
        let config = read.as_ref();
        let author = self.message.author();
        let profile = config
            .map(|config| config.choose(self.config.profile.as_deref(), author.as_ref()))
            .transpose()?
            .flatten();
        let options = command_line.transport_options::<CommonTransportArgs>()?;
        let settings = settings(config)?;
        let chosen = config.zip(profile);
        let route = with_options(&options, |route| route.resolve(chosen, settings))?;
        let transport = route.plan.transport;
        auth::check_relay(transport.credentials.as_ref(), &transport.route)?;
        let path = self.list.unwrap_or_default();
        let list = self.list_options.list(&path)?;
        let default = default_connections(&transport);
        let (keys, log) = (route.settings.dkim.clone(), route.settings.log.clone());
        let queued = QueuedMessageOptions {
            route_spec: route.route_spec,
            config: command_line.config(),
            first: FirstTry::Later,
            names_profile: command_line.has("profile"),
        };
        let queueing = self.pace.queueing(route.queue, route.settings, queued);
        let crypt = mem::take(&mut self.message.crypt).or(route.crypt);
        let signer = mem::take(&mut self.message.dkim).or(route.dkim).signer()?;
        let mut context = self.message.context(chosen, signer.or_keys(&keys))?;
        context.crypt = crypt.options(&transport)?;
        let template = self.message.template(self.list_options.missing.into())?;
        Ok(MergeOptions {
            journal: self
                .rows
                .journal
                .take()
                .unwrap_or_else(|| default_journal(&path)),
            description: description(&list, self.list_options.id),
            list,
            template,
            context,
            transport,
            fallbacks: route.plan.fallbacks,
            rate: self.pace.rate,
            per_domain: self.pace.per_domain,
            connections: self.pace.connections.unwrap_or(default),
            back_off: self.pace.back_off,
            tries: self.pace.tries,
            stop_after: self.pace.stop_after,
            queueing,
            json: self.rows.json,
            show: self.rows.show(),
            rows: self.rows.selection(),
            log: self.log.options(log),
        })
    }
}

fn default_journal(list: &Path) -> PathBuf {
    let mut name = list.as_os_str().to_owned();
    name.push(".merge");
    name.into()
}

/// The description of the list for the journal.
fn description(list: &MergeList, id_field: Option<String>) -> ListDescription {
    ListDescription {
        path: std::path::absolute(&list.path).unwrap_or_else(|_| list.path.clone()),
        separator: match list.format {
            ListFormat::Csv(separator) => Some(char::from(separator)),
            ListFormat::JsonLines => None,
        },
        encoding: list.encoding.clone(),
        id_field,
    }
}

impl ListArgs {
    fn list(&self, path: &Path) -> Result<MergeList, UsageError> {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let format = match (extension.to_str().unwrap_or_default(), self.comma) {
            ("jsonl" | "ndjson" | "json", Some(_)) => {
                return Err(UsageError::usage("--comma has no effect on a list in JSON"));
            }
            ("jsonl" | "ndjson" | "json", None) => ListFormat::JsonLines,
            (_, Some(separator)) => ListFormat::Csv(separator),
            ("tsv", None) => ListFormat::Csv(b'\t'),
            _ => ListFormat::Csv(b','),
        };
        Ok(MergeList {
            path: path.to_owned(),
            format,
            encoding: self.encoding.clone(),
        })
    }
}

impl PaceArgs {
    /// The queue for rows that are deferred in all attempts; `None`: they are not queued.
    fn queueing(
        &mut self,
        mut profile: QueueArgs,
        settings: DeliverySettings,
        message: QueuedMessageOptions,
    ) -> Option<QueueUse> {
        profile.queue_dir = self.queue_dir.take().or(profile.queue_dir);
        self.queue.then(|| QueueUse {
            // The rows were tried: they go into the queue itself.
            socket: None,
            ..profile.queue_use(settings, message)
        })
    }
}

impl TemplateArgs {
    /// The author that chooses a profile, if it is the same for all rows.
    fn author(&self) -> Option<Address> {
        let from = self.from.as_deref()?;
        Mailbox::parse(from)
            .ok()
            .map(|mailbox: Mailbox| mailbox.address)
    }

    fn context(
        &self,
        chosen: Option<(&Config, &Profile)>,
        signer: Signer,
    ) -> Result<LetterContext, UsageError> {
        let options = chosen
            .map(|(_, profile)| profile.options())
            .unwrap_or_default();
        let from = options.iter().find(|setting| setting.key == "from");
        let from = from.and_then(|setting| setting.value.texts().first().copied());
        let from = message::author(from.map(Mailbox::parse))?;
        let directory = self.template.as_deref().and_then(Path::parent);
        Ok(LetterContext {
            directory: directory.unwrap_or(Path::new("")).to_owned(),
            from,
            signer,
            crypt: CryptOptions::default(),
        })
    }

    fn template(self, missing: Missing) -> Result<MergeTemplate, UsageError> {
        let mut fields = Vec::new();
        let mut add = |option: &str, field: &str, values: Vec<String>| {
            fields.extend(values.into_iter().map(|value| FieldTemplate {
                option: option.to_owned(),
                field: field.to_owned(),
                value,
            }));
        };
        let one = |value: Option<String>| value.into_iter().collect::<Vec<_>>();
        add("--from", "From", one(self.from));
        add("--to", "To", self.to);
        add("--cc", "Cc", self.cc);
        add("--bcc", "Bcc", self.bcc);
        add("--reply-to", "Reply-To", self.reply_to);
        add("--subject", "Subject", one(self.subject));
        add(ATTACH, ATTACH, self.attach);
        add(LIST_UNSUBSCRIBE, LIST_UNSUBSCRIBE, self.list_unsubscribe);
        add(ENVELOPE_FROM, ENVELOPE_FROM, one(self.envelope_from));
        for header in &self.header {
            let (name, value) = header_field(header)?;
            add("--header", name, vec![value.to_owned()]);
        }
        let file = self
            .template
            .map(|path| file(&path).map(|text| (path, text)));
        let file = file.transpose()?.map(|(path, text)| TemplateFile {
            name: shown_path(&path),
            text,
        });
        let compiled = MergeTemplate::compile(TemplateOptions {
            file,
            fields,
            text: text("--body", self.body)?,
            html: text("--html", self.html)?,
            markdown: text("--markdown", self.markdown)?,
            missing,
        });
        compiled.map_err(|error| UsageError::data(error.to_string()))
    }
}

/// The name and the value of `-H`. Only the value is a template.
fn header_field(given: &str) -> Result<(&str, &str), UsageError> {
    let wrong = |why: String| UsageError::of_value(Exit::Usage, "--header", why);
    let (name, value) = given.split_once(':').ok_or_else(|| {
        wrong("expected a name, a colon and a value, as in 'X-Job: {{id}}'".to_owned())
    })?;
    let name = name.trim();
    if ["{{", "{%", "{#"].iter().any(|start| name.contains(start)) {
        let name = shown(name);
        return Err(wrong(format!(
            "the name of a field cannot be a template ({name}); only its value is filled in"
        )));
    }
    value::field(&format!("{name}: x")).map_err(wrong)?;
    Ok((name, value.trim()))
}

/// `TEXT` or `@FILE`.
fn text(option: &str, given: Option<String>) -> Result<Option<TextTemplate>, UsageError> {
    let Some(given) = given else {
        return Ok(None);
    };
    let template = match given.strip_prefix('@') {
        Some(rest) if !rest.starts_with('@') => TextTemplate {
            name: shown_path(rest),
            text: file(Path::new(rest))?,
        },
        Some(rest) => TextTemplate {
            name: option.to_owned(),
            text: rest.to_owned(),
        },
        None => TextTemplate {
            name: option.to_owned(),
            text: given,
        },
    };
    Ok(Some(template))
}

fn file(path: &Path) -> Result<String, UsageError> {
    let bytes = fs::read(path).map_err(|error| {
        let why = reason(&error);
        UsageError::new(
            Exit::NoInput,
            format!("cannot read {}: {why}", shown_path(path)),
        )
    })?;
    let text = std::str::from_utf8(without_mark(&bytes));
    text.map(str::to_owned)
        .map_err(|_| UsageError::data(format!("{}: a template must be UTF-8", shown_path(path))))
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("expected one ASCII character, such as ; or \\t".to_owned()),
    }
}

/// A charset in which ASCII characters have their own octets, because the lines are found first.
fn encoding(text: &str) -> Result<String, String> {
    let name = value::charset(text)?;
    if name.starts_with("UTF-16") || name == "ISO-2022-JP" {
        return Err(format!(
            "a list cannot be {name}; convert it with: iconv -f {name} -t UTF-8"
        ));
    }
    Ok(name)
}
