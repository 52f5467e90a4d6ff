//! The arguments of `ehlo queue`.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::{settings, trust_resolvers};
use crate::cli::options::output::LogArgs;
use crate::cli::options::route_plan::queue_options;
use crate::cli::options::usage_error::{UsageError, first};
use crate::cli::options::value;
use crate::cli::queue::{Queue, RunOptions, Thresholds, Work};
use crate::config::{Places, find};
use crate::transcript::{Format, TranscriptOptions};
use std::mem;
use std::path::PathBuf;
use std::time::Duration;

/// Inspect and run the mail queue.
///
/// Messages enter the queue through --queue, --queue-only and sendmail, and leave it once every recipient
/// has a final result.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct QueueCommandArgs {
    #[command(subcommand)]
    command: QueueCommand,
}

#[derive(Debug, clap::Subcommand)]
enum QueueCommand {
    /// List all items with size, age, next attempt, and the last reply for each recipient.
    List {
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        queue: QueueDirArgs,
    },
    /// Show an item: its envelope and its history.
    ///
    /// A unique prefix of the ID is sufficient.
    Show {
        /// Queue ID.
        #[arg(value_name = "ID", value_parser = value::item)]
        id: String,
        /// Print only the message.
        #[arg(long, conflicts_with = "json")]
        message: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        queue: QueueDirArgs,
    },
    /// Deliver the items that are due, or the given items.
    ///
    /// New failures are reported on stderr, one line each, so that cron mails them. On a terminal, deliveries
    /// and a summary are reported as well.
    Run(RunArgs),
    /// Suspend delivery of items until they are released.
    Hold(Items),
    /// Release items: the next run tries them, held or not.
    Release(Items),
    /// Delete items permanently, without a report to the sender.
    Remove(Items),
    /// Put items that were set aside back into the queue.
    Requeue(Items),
    /// Print a one-line status for monitoring.
    ///
    /// The exit status is 0 for OK, 1 for a warning, 2 for a critical state, and 3 if the queue cannot be
    /// read. Items that were set aside or are damaged always cause a warning.
    Status(StatusArgs),
    /// Print a service and a timer for systemd.
    Systemd(QueueDirArgs),
    /// Print a crontab entry.
    Cron(QueueDirArgs),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct QueueDirArgs {
    /// Queue directory [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for root].
    #[arg(long, value_name = "DIR")]
    queue_dir: Option<PathBuf>,

    /// Configuration file to read the [queue] section from.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct Items {
    /// Queue ID.
    #[arg(value_name = "ID", required = true, value_parser = value::item)]
    ids: Vec<String>,
    #[command(flatten)]
    queue: QueueDirArgs,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct RunArgs {
    /// Try only these items, due or not.
    #[arg(value_name = "ID", value_parser = value::item)]
    ids: Vec<String>,

    /// Try only recipients in this domain, due or not; repeatable.
    #[arg(long, value_name = "DOMAIN", value_parser = value::domain)]
    to: Vec<String>,

    /// Also try items that are not due yet.
    ///
    /// The schedule of the items does not change.
    #[arg(long)]
    now: bool,

    /// Keep running and deliver messages as they arrive or become due.
    #[arg(long, conflicts_with = "ids")]
    watch: bool,

    /// Show the SMTP sessions.
    #[arg(short, long, conflicts_with = "json")]
    verbose: bool,

    /// Show the SMTP sessions as JSON, one object per line.
    #[arg(long)]
    json: bool,

    /// Leave the terminal, and do not report failures.
    #[arg(long = "behind", hide = true)]
    background: bool,

    #[command(flatten)]
    log: LogArgs,

    #[command(flatten)]
    queue: QueueDirArgs,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct StatusArgs {
    /// Number of items that causes a warning.
    #[arg(long, value_name = "N", value_parser = value::number::<usize>(0, None))]
    warn_items: Option<usize>,

    /// Number of items that is critical.
    #[arg(long, value_name = "N", value_parser = value::number::<usize>(0, None))]
    critical_items: Option<usize>,

    /// Age of an item that causes a warning, such as 1h.
    #[arg(long, value_name = "TIME", value_parser = value::wait)]
    warn_age: Option<Duration>,

    /// Age of an item that is critical, such as 4h or 2d.
    #[arg(long, value_name = "TIME", value_parser = value::wait)]
    critical_age: Option<Duration>,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    queue: QueueDirArgs,
}

impl QueueCommandArgs {
    pub fn plan(
        mut self,
        typed: &CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<Queue, UsageError> {
        let log = match &mut self.command {
            QueueCommand::Run(run) => mem::take(&mut run.log),
            _ => LogArgs::default(),
        };
        let (queue, work) = self.command.split();
        let config = find(queue.config.as_deref(), places)?;
        let config = config.map(|found| found.read(&typed.keys()));
        let config = config.transpose().map_err(|errors| first(&errors))?;
        config.as_ref().map_or(Ok(()), trust_resolvers)?;
        let mut settings = settings(config.as_ref())?;
        settings.log = log.options(settings.log);
        let directory = queue.queue_dir.or_else(|| settings.directory.clone());
        Ok(Queue {
            queue: queue_options(directory, queue.config, settings),
            work,
        })
    }
}

impl QueueCommand {
    fn split(self) -> (QueueDirArgs, Work) {
        match self {
            Self::List { json, queue } => (queue, Work::List { json }),
            Self::Show {
                id,
                message,
                json,
                queue,
            } => (queue, Work::Show { id, message, json }),
            Self::Run(run) => run.split(),
            Self::Hold(items) => (items.queue, Work::Hold(items.ids)),
            Self::Release(items) => (items.queue, Work::Release(items.ids)),
            Self::Remove(items) => (items.queue, Work::Remove(items.ids)),
            Self::Requeue(items) => (items.queue, Work::Requeue(items.ids)),
            Self::Status(status) => status.split(),
            Self::Systemd(queue) => (queue, Work::Systemd),
            Self::Cron(queue) => (queue, Work::Cron),
        }
    }
}

impl RunArgs {
    fn split(self) -> (QueueDirArgs, Work) {
        let format = match (self.verbose, self.json) {
            (true, _) => Format::Stevens,
            (_, true) => Format::Json,
            _ => Format::None,
        };
        let run = RunOptions {
            ids: self.ids,
            domains: self.to,
            now: self.now,
            watch: self.watch,
            background: self.background,
            output: TranscriptOptions {
                format,
                ..TranscriptOptions::default()
            },
        };
        (self.queue, Work::Run(run))
    }
}

impl StatusArgs {
    fn split(self) -> (QueueDirArgs, Work) {
        let thresholds = Thresholds {
            warn_items: self.warn_items,
            critical_items: self.critical_items,
            warn_age: self.warn_age,
            critical_age: self.critical_age,
            json: self.json,
        };
        (self.queue, Work::Status(thresholds))
    }
}

#[cfg(test)]
mod tests;
