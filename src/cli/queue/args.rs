//! The arguments of `ehlo queue`.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::{settings, trust_resolvers};
use crate::cli::options::output::LogArgs;
use crate::cli::options::route_plan::queue_options;
use crate::cli::options::usage_error::{UsageError, first};
use crate::cli::options::value;
use crate::cli::queue::serve::ServeOptions;
use crate::cli::queue::{DatabaseWork, Queue, RunOptions, Thresholds, Work};
use crate::config::{Places, find};
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::system::user::become_user;
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
    /// New failures are reported on stderr, one line each, so that cron mails them. On a terminal, deliveries,
    /// the progress and a summary are shown as well.
    Run(RunArgs),
    /// Accept messages from all users of this host on a unix socket.
    ///
    /// The user who runs this command owns the queue, and is the only one who needs the password of the relay.
    /// sendmail, run, notify and --queue use the socket if it exists. The user of each client is known by the
    /// credentials of the socket; [senders] of the configuration has the senders that a user may claim in addition to
    /// the login name at this host, and [submit] the limits.
    Serve(ServeArgs),
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
    Systemd(SystemdArgs),
    /// Print a crontab entry.
    Cron(QueueDirArgs),
    /// Create, upgrade or show the tables of a queue in a PostgreSQL database.
    #[command(arg_required_else_help = true)]
    Database {
        #[command(subcommand)]
        work: DatabaseCommand,
    },
}

/// The tables of a queue in a database.
#[derive(Debug, clap::Subcommand)]
enum DatabaseCommand {
    /// Create the tables.
    ///
    /// They are created in the schema that the URL names, by default `ehlo`. Workers need no other rights than those to
    /// read and change rows.
    Init(QueueDirArgs),
    /// Lead the tables to the version that this program uses.
    ///
    /// Stop all workers first, and install the same version of ehlo on all hosts.
    Upgrade(QueueDirArgs),
    /// Show the server, the version of the tables, and the workers.
    Show(QueueDirArgs),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct QueueDirArgs {
    /// Queue directory or URL of a PostgreSQL database [default: ~/.local/state/ehlo/queue, or /var/spool/ehlo for
    /// root].
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

    /// Run the personal queues of all users of this host, each with the rights of its user. Requires root.
    ///
    /// These are the queues in the home directories of the users in /etc/passwd.
    #[arg(long, conflicts_with_all = ["ids", "to", "now", "watch", "verbose", "json", "queue_dir", "config"])]
    all_users: bool,

    /// Leave the terminal, and do not report failures.
    #[arg(long = "behind", hide = true)]
    background: bool,

    /// As root, run the queue of the user with this ID.
    #[arg(long, hide = true, value_name = "UID")]
    as_user: Option<u32>,

    #[command(flatten)]
    log: LogArgs,

    #[command(flatten)]
    queue: QueueDirArgs,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct SystemdArgs {
    /// Print the units for one queue of all users: the submission socket, the service for its connections, and services
    /// and timers for the queue of the host and for the personal queues.
    #[arg(long)]
    submit: bool,

    /// The system user that owns the queue.
    #[arg(long, value_name = "USER", default_value = "ehlo", requires = "submit", value_parser = value::login)]
    user: String,

    #[command(flatten)]
    queue: QueueDirArgs,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct ServeArgs {
    /// Path of the socket [default: socket in [submit], else /run/ehlo/submit.sock].
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// Serve the one client that is connected to the standard input, then deliver what it has submitted.
    ///
    /// For systemd (Accept=yes); see `ehlo queue systemd --submit`.
    #[arg(long, conflicts_with = "socket")]
    connection: bool,

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
        if let QueueCommand::Run(RunArgs {
            as_user: Some(user),
            ..
        }) = &self.command
        {
            // Before any file is read.
            become_user(*user).map_err(|error| {
                let why = reason(&error);
                UsageError::new(Exit::Policy, format!("cannot become user ID {user}: {why}"))
            })?;
        }
        let log = match &mut self.command {
            QueueCommand::Run(run) => mem::take(&mut run.log),
            QueueCommand::Serve(serve) => mem::take(&mut serve.log),
            _ => LogArgs::default(),
        };
        let (queue, mut work) = self.command.split();
        let config = find(queue.config.as_deref(), places)?;
        let config = config.map(|found| found.read(&typed.keys()));
        let config = config.transpose().map_err(|errors| first(&errors))?;
        config.as_ref().map_or(Ok(()), trust_resolvers)?;
        let mut settings = settings(config.as_ref())?;
        settings.log = log.options(settings.log);
        if let Work::Serve(serve) = &mut work {
            serve.set(std::mem::take(&mut settings.submit));
        }
        Ok(Queue {
            queue: queue_options(queue.queue_dir, queue.config, settings),
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
            Self::Serve(serve) => {
                let options = ServeOptions::new(serve.socket, serve.connection);
                (serve.queue, Work::Serve(Box::new(options)))
            }
            Self::Hold(items) => (items.queue, Work::Hold(items.ids)),
            Self::Release(items) => (items.queue, Work::Release(items.ids)),
            Self::Remove(items) => (items.queue, Work::Remove(items.ids)),
            Self::Requeue(items) => (items.queue, Work::Requeue(items.ids)),
            Self::Status(status) => status.split(),
            Self::Systemd(systemd) => {
                let user = systemd.submit.then_some(systemd.user);
                (systemd.queue, Work::Systemd { user })
            }
            Self::Cron(queue) => (queue, Work::Cron),
            Self::Database { work } => {
                let (queue, work) = match work {
                    DatabaseCommand::Init(queue) => (queue, DatabaseWork::Init),
                    DatabaseCommand::Upgrade(queue) => (queue, DatabaseWork::Upgrade),
                    DatabaseCommand::Show(queue) => (queue, DatabaseWork::Show),
                };
                (queue, Work::Database(work))
            }
        }
    }
}

impl RunArgs {
    fn split(self) -> (QueueDirArgs, Work) {
        if self.all_users {
            return (self.queue, Work::RunAll);
        }
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
