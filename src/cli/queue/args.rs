//! The arguments of `ehlo queue`.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::settings;
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

/// Look at the queue, and deliver what is in it.
///
/// Messages come into it by --queue, --queue-only and sendmail, and leave it when each of their
/// recipients has an answer that lasts.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct CommandArgs {
    #[command(subcommand)]
    command: QueueCommand,
}

#[derive(Debug, clap::Subcommand)]
enum QueueCommand {
    /// Show all items: size, age, next attempt, the last reply for each recipient.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        queue: QueueDirArgs,
    },
    /// Show an item: its envelope, and what happened to it.
    ///
    /// The beginning of its name will do, if it is the only one that begins like this.
    Show {
        /// Which.
        #[arg(value_name = "ID", value_parser = value::item)]
        id: String,
        /// Write its message and nothing else.
        #[arg(long, conflicts_with = "json")]
        message: bool,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        queue: QueueDirArgs,
    },
    /// Deliver what is due, or these items.
    ///
    /// New failures are one line each on stderr, so that cron mails them. At a terminal, deliveries and a summary
    /// are told, too.
    Run(RunArgs),
    /// Try these no more until they are released.
    Hold(Items),
    /// Let the next run try these, held or not.
    Release(Items),
    /// Remove these for good; nobody is told.
    Remove(Items),
    /// Bring these back that were set aside.
    Requeue(Items),
    /// Say in a line how it stands, for monitoring.
    ///
    /// The exit status is 0 when all is well, 1 for a warning, 2 when it is critical, and 3 when the queue
    /// cannot be read. What was set aside, or is damaged, is a warning in any case.
    Status(StatusArgs),
    /// Print a service and a timer for systemd.
    Systemd(QueueDirArgs),
    /// Print a line for a crontab.
    Cron(QueueDirArgs),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct QueueDirArgs {
    /// The queue [default: ~/.local/state/ehlo/queue, and /var/spool/ehlo for root].
    #[arg(long, value_name = "DIR")]
    queue_dir: Option<PathBuf>,

    /// The file with the rules of the queue, under [queue].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct Items {
    /// Which.
    #[arg(value_name = "ID", required = true, value_parser = value::item)]
    ids: Vec<String>,
    #[command(flatten)]
    queue: QueueDirArgs,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct RunArgs {
    /// Only these, due or not.
    #[arg(value_name = "ID", value_parser = value::item)]
    ids: Vec<String>,

    /// Only recipients in this domain, due or not; repeatable.
    #[arg(long, value_name = "DOMAIN", value_parser = value::domain)]
    to: Vec<String>,

    /// Also what is not due yet.
    ///
    /// That does not change when it is due.
    #[arg(long)]
    now: bool,

    /// Stay, and deliver what comes in and what becomes due.
    #[arg(long, conflicts_with = "ids")]
    watch: bool,

    /// Show the conversations.
    #[arg(short, long, conflicts_with = "json")]
    verbose: bool,

    /// Show the conversations, one JSON object a line.
    #[arg(long)]
    json: bool,

    /// Leave the terminal, and tell nobody of failures.
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
    /// So many items are a warning.
    #[arg(long, value_name = "N", value_parser = value::number::<usize>(0, None))]
    warn_items: Option<usize>,

    /// So many items are critical.
    #[arg(long, value_name = "N", value_parser = value::number::<usize>(0, None))]
    critical_items: Option<usize>,

    /// An item as old as this is a warning, like 1h.
    #[arg(long, value_name = "TIME", value_parser = value::wait)]
    warn_age: Option<Duration>,

    /// An item as old as this is critical, like 4h or 2d.
    #[arg(long, value_name = "TIME", value_parser = value::wait)]
    critical_age: Option<Duration>,

    /// One JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    queue: QueueDirArgs,
}

impl CommandArgs {
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
        let settings = settings(config.as_ref())?;
        let directory = queue.queue_dir.or(settings.directory);
        Ok(Queue {
            queue: queue_options(
                directory,
                queue.config,
                settings.queue,
                log.options(settings.log),
            ),
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
