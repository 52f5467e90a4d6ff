//! A command as parsed, and its run.

use crate::cli::ask;
use crate::cli::bench;
use crate::cli::check;
use crate::cli::completions;
use crate::cli::config;
use crate::cli::config::ConfigView;
use crate::cli::cron;
use crate::cli::cron::CronOptions;
use crate::cli::demo;
use crate::cli::digest;
use crate::cli::digest::{Digest, DigestTask};
use crate::cli::dkim;
use crate::cli::dkim::DkimTask;
use crate::cli::doctor;
use crate::cli::fetch;
use crate::cli::jobs;
use crate::cli::jobs::JobsOptions;
use crate::cli::login;
use crate::cli::login::{LoginTask, LogoutTask, TokenTask};
use crate::cli::manual;
use crate::cli::merge;
use crate::cli::merge::Merge;
use crate::cli::notify;
use crate::cli::notify::NotifyOptions;
use crate::cli::options::usage_error::EarlyExit;
use crate::cli::policy;
use crate::cli::policy::Policy;
use crate::cli::probe;
use crate::cli::queue;
use crate::cli::queue::Queue;
use crate::cli::roundtrip;
use crate::cli::roundtrip::RoundTrip;
use crate::cli::run;
use crate::cli::script;
use crate::cli::send;
use crate::cli::send::SendTask;
use crate::cli::sendmail;
use crate::cli::sendmail::SendmailTask;
use crate::cli::show;
use crate::cli::show::ShowOptions;
use crate::cli::sink;
use crate::cli::sink::SinkOptions;
use crate::cli::standins;
use crate::cli::standins::swaks::Swaks;
use crate::cli::standins::{mail, msmtp};
use crate::cli::terminal;
use crate::cli::unit;
use crate::cli::unit::Unit;
use crate::cli::verify;
use crate::client::mail_log;
use crate::client::mail_log::LogOptions;
use crate::client::tls_report;
use crate::cron::doctor::options::Doctor;
use crate::cron::job::Job;
use crate::system::exit::Exit;

/// A command with all its options, every default decided.
#[derive(Debug)]
pub enum Invocation {
    /// Build a message, and send or show it.
    Send(SendTask),
    /// Receive messages.
    Sink(Box<SinkOptions>),
    /// Show messages in files.
    Show(Box<ShowOptions>),
    /// Report a server's extensions, TLS and certificate.
    Probe(Box<probe::ProbeOptions>),
    /// Send commands to a server.
    Ask(Box<ask::Ask>),
    /// Put load on a server.
    Bench(Box<bench::Bench>),
    /// Check the records and servers of a domain.
    Check(Box<check::CheckTask>),
    /// Verify a message.
    Verify(Box<verify::VerifyTask>),
    /// Work on messages in a mailbox.
    Fetch(Box<fetch::Fetch>),
    /// Send a message, and wait until it arrives.
    RoundTrip(Box<RoundTrip>),
    /// Run scripted sessions.
    Script(Box<script::ScriptTask>),
    /// Diagnose how mail from cron would leave this host.
    Doctor(Box<Doctor>),
    /// Send a sample message to a built-in receiver.
    Demo,
    /// Show the configuration.
    Config(ConfigView),
    /// Send a message to each row of a list.
    Merge(Box<Merge>),
    /// Log in to an OAuth provider.
    Login(Box<LoginTask>),
    /// Remove the tokens of an account.
    Logout(Box<LogoutTask>),
    /// Print an access token.
    Token(Box<TokenTask>),
    /// Make a DKIM key, or check the records of keys.
    Dkim(DkimTask),
    /// Inspect and run the mail queue.
    Queue(Box<Queue>),
    /// Show, fetch and remove policies of recipient domains.
    Policy(Box<Policy>),
    /// Do what sendmail(8) does.
    Sendmail(Box<sendmail::Sendmail>),
    /// Do what swaks does.
    Swaks(Box<Swaks>),
    /// Send a message as mail and mutt do.
    Mail(Box<mail::MailArgs>),
    /// Do what msmtp does.
    Msmtp(Box<msmtp::MsmtpArgs>),
    /// Mail a line or a text.
    Notify(Box<NotifyOptions>),
    /// Mail a summary of recorded runs, or show it.
    Digest(Box<Digest>),
    /// Show jobs, and report those that did not run.
    Jobs(Box<JobsOptions>),
    /// List the jobs of a crontab, or let `ehlo run` run them.
    Cron(Box<CronOptions>),
    /// Mail the status of a systemd unit.
    Unit(Box<Unit>),
    /// Run a command and mail the result.
    Job(Box<Job>),
    /// Print the completion script of a shell.
    Completions(completions::Shell),
    /// Print a page of the manual.
    Manual(manual::Manual),
    /// Complete a command line for a shell.
    Complete(Box<completions::Request>),
    /// Read the output that background processes of a job still write.
    Drain,
}

impl Invocation {
    pub fn run(mut self) -> Exit {
        if let Err(exit) = self.take_rights_of_owner() {
            return exit;
        }
        if let Some(log) = self.log() {
            mail_log::start(log, terminal::warn);
            if let Some(file) = &log.tls_reports {
                tls_report::start(file, terminal::warn);
            }
        }
        match self {
            Self::Send(task) => match task {
                SendTask::Send(options) => send::run(*options),
                SendTask::Print(message, output) => send::print(*message, output),
                SendTask::Ask(options) => ask::run(&options),
            },
            Self::Sink(options) => sink::run(*options),
            Self::Show(options) => show::run(&options),
            Self::Probe(options) => probe::run(&options),
            Self::Ask(options) => ask::run(&options),
            Self::Bench(bench) => bench::run(*bench),
            Self::Fetch(fetch) => fetch::run(&fetch),
            Self::RoundTrip(trip) => roundtrip::run(&trip),
            Self::Script(task) => script::run(*task),
            Self::Doctor(options) => doctor::run(&options),
            Self::Demo => demo::run(),
            Self::Config(view) => config::run(&view),
            Self::Merge(merge) => merge::run(&merge),
            Self::Login(task) => login::log_in(&task),
            Self::Logout(task) => login::log_out(&task),
            Self::Token(task) => login::print_token(&task),
            Self::Dkim(task) => dkim::run(&task),
            Self::Policy(policy) => policy::run(&policy),
            Self::Check(task) => check::run(&task),
            Self::Verify(task) => verify::run(&task),
            Self::Queue(options) => queue::run(&options),
            Self::Sendmail(options) => sendmail::run(&options),
            Self::Swaks(swaks) => standins::swaks::run(*swaks),
            Self::Mail(args) => mail::run(*args),
            Self::Msmtp(args) => msmtp::run(*args),
            Self::Notify(options) => notify::run(*options),
            Self::Digest(options) => digest::run(*options),
            Self::Jobs(options) => jobs::run(&options),
            Self::Cron(options) => cron::run(&options),
            Self::Unit(options) => unit::run(*options),
            Self::Job(options) => run::run(&options),
            Self::Completions(shell) => completions::run(shell),
            Self::Manual(manual) => manual::run(&manual),
            Self::Complete(request) => request.run(),
            Self::Drain => run::drain(),
        }
    }

    /// As root, a command that only works on the queue gives up the rights that are not those of its owner.
    fn take_rights_of_owner(&mut self) -> Result<(), Exit> {
        match self {
            Self::Queue(queue) => queue.take_rights_of_owner(),
            Self::Sendmail(sendmail) => match sendmail.task {
                SendmailTask::List | SendmailTask::Run(_) => {
                    queue::take_rights_of_owner(&mut sendmail.queueing.queue)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The mail log of a command that delivers messages.
    fn log(&self) -> Option<&LogOptions> {
        let mail = match self {
            Self::Send(SendTask::Send(send)) => return Some(&send.log),
            Self::Merge(merge) => return merge.log(),
            Self::RoundTrip(trip) => return Some(&trip.log),
            Self::Queue(queue) => return Some(&queue.queue.log),
            Self::Sendmail(sendmail) => return Some(&sendmail.queueing.queue.log),
            Self::Notify(notify) => &notify.mail,
            Self::Digest(digest) => match &digest.task {
                DigestTask::Mail { mail, .. } => mail,
                DigestTask::List => return None,
            },
            Self::Unit(unit) => &unit.mail,
            Self::Jobs(jobs) => jobs.mail()?,
            Self::Job(job) => &job.mail,
            _ => return None,
        };
        Some(&mail.delivery.as_ref().ok()?.log)
    }
}

/// Prints help to stdout, or an error to stderr.
pub fn exit_early(early: &EarlyExit) -> Exit {
    if early.exit != Exit::Ok {
        terminal::complain_wrapped(&early.text);
        return early.exit;
    }
    match terminal::write(early.text.as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}
