//! Sends through the queue: the message is queued durably, then sent.

use crate::cli::interrupt::{Tracking, tracked};
use crate::cli::notification::interrupt;
use crate::cli::observer::Logged;
use crate::cli::send::deliver as send;
use crate::cli::send::deliver::{DeliveryOutput, ShownResult};
use crate::cli::send::submit;
use crate::cli::terminal::complain;
use crate::client::credentials;
use crate::client::deliver::ConnectionPool;
use crate::client::events::{Event, Observer};
use crate::client::mail_log;
use crate::client::outcome::{DeliveryReport, RecipientStatus};
use crate::client::tls_report;
use crate::client::transport::{Transport, Transports};
use crate::mail::envelope::RecipientIndex;
use crate::mail::message::Message;
use crate::queue;
use crate::queue::delivery::{
    Attempt, HostMemory, ItemOutcome, QueueEvent, QueueObserver, RunContext, RunProgress,
    Selection, SenderNotice, settle,
};
use crate::queue::store::{
    ClaimedItem, Id, ItemKind, Metadata, QueueError, QueueStore, next_attempt,
};
use crate::queue::submit::socket;
use crate::queue::{FirstTry, Location, QueueOptions, QueueUse};
use crate::smtp::blocks::{BodyType, Replay as _, Shape};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::stop::Stop;
use crate::transcript;
use std::cell::OnceCell;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Maximum number of other due messages that are delivered together with a message.
const MAX_OTHERS: usize = 20;

/// A message for the queue, and its delivery options.
pub struct QueuedMessage<'p> {
    /// The message.
    pub message: &'p Message,
    pub queueing: &'p QueueUse,
    pub transport: &'p Transport,
    /// Fallback transports, tried in order on temporary failure.
    pub fallbacks: &'p [Transport],
    pub output: transcript::TranscriptOptions,
    pub notice: SenderNotice,
    /// A file that the transcript is appended to, in addition to other output.
    pub log: Option<&'p Path>,
    /// Time limit for each step before the message is left to a later run. `None`: the limits of RFC 5321.
    pub patience: Option<Duration>,
    /// True if the message is stored unchanged, instead of converted for servers without extensions.
    pub as_given: bool,
}

/// The output, the store and the connections that the messages of a command line share.
pub struct Shared<'a, 'c, 't> {
    pub output: &'a mut DeliveryOutput,
    /// The store of the queue; empty until a message is queued.
    pub store: &'a OnceCell<Box<dyn QueueStore>>,
    /// Their connections. `None`: each message has its own.
    pub pool: Option<&'a ConnectionPool<'c, 't>>,
}

/// The result of queueing a message.
pub enum KeepResult {
    /// The message was queued, with this result.
    Safe(ShownResult),
    /// No queue can be opened.
    NoQueue(QueueError),
    /// The message could not be queued, and nothing was sent.
    Lost(QueueError),
}

impl QueuedMessage<'_> {
    /// Passes the message to the submission socket, if that is used; else queues it, and tries it at the time that the
    /// options set.
    pub fn send(&self) -> KeepResult {
        self.send_with(&mut Shared {
            output: &mut DeliveryOutput::open(self.output, self.notice),
            store: &OnceCell::new(),
            pool: None,
        })
    }

    fn send_with(&self, shared: &mut Shared<'_, '_, '_>) -> KeepResult {
        if self.queueing.socket.is_some() {
            return self.pass_on(shared);
        }
        let store = match self.open(shared.store) {
            Ok(store) => store,
            Err(error) => return KeepResult::NoQueue(error),
        };
        let failed = |error: QueueError| {
            if error.is_read_only() {
                KeepResult::NoQueue(error)
            } else {
                KeepResult::Lost(error)
            }
        };
        if self.queueing.first == FirstTry::Now {
            let claim = match self.commit(store) {
                Ok(claim) => claim,
                Err(error) => return failed(error),
            };
            interrupt::release();
            return KeepResult::Safe(self.try_now(store, claim, shared));
        }
        let id = match self.keep_in(store) {
            Ok(id) => id,
            Err(error) => return failed(error),
        };
        interrupt::release();
        let shown = self.report_queued(&id, shared.output);
        if self.queueing.first == FirstTry::Background && shared.output.left() == 0 {
            run_in_background(store, &self.queueing.queue, None);
        }
        KeepResult::Safe(shown)
    }

    /// Opens the store for the first message.
    fn open<'s>(
        &self,
        store: &'s OnceCell<Box<dyn QueueStore>>,
    ) -> Result<&'s dyn QueueStore, QueueError> {
        if let Some(store) = store.get() {
            return Ok(&**store);
        }
        let opened = queue::open(self.queueing.queue.location.as_ref(), true)?;
        Ok(&**store.get_or_init(|| opened))
    }

    /// Passes the message to the submission socket. If that cannot be used now, the message is queued, and a later run
    /// passes it on. Without a queue, it must not be sent at once: this user may not know the password of the relay.
    fn pass_on(&self, shared: &mut Shared<'_, '_, '_>) -> KeepResult {
        let passed = if let Some(pool) = shared.pool {
            submit::pass_on(pool, self.message, shared.output)
        } else {
            let transport = self.with_patience(self.transport);
            submit::pass_on_at_once(transport, self.message, shared.output)
        };
        if let Some(shown) = passed {
            return KeepResult::Safe(shown);
        }
        let of_root = socket::queue_without_service().map(Location::Directory);
        let location = self.queueing.queue.location.as_ref();
        let opened = queue::open(location.or(of_root.as_ref()), true);
        match opened.and_then(|store| self.keep_in(&*store)) {
            Ok(id) => {
                interrupt::release();
                KeepResult::Safe(self.report_queued(&id, shared.output))
            }
            Err(error) => KeepResult::Lost(error),
        }
    }

    /// Queues the message, or sends it at once if there is no queue and an immediate attempt is allowed.
    pub fn send_or_not(&self) -> Exit {
        let shown = self.send_or_not_with(&mut Shared {
            output: &mut DeliveryOutput::open(self.output, self.notice),
            store: &OnceCell::new(),
            pool: None,
        });
        shown.map_or_else(|exit| exit, |shown| shown.exit)
    }

    /// The same as one of several messages. The error was reported: the message was neither queued nor sent.
    pub fn send_or_not_with(&self, shared: &mut Shared<'_, '_, '_>) -> Result<ShownResult, Exit> {
        match self.send_with(shared) {
            KeepResult::Safe(shown) => Ok(shown),
            KeepResult::NoQueue(error) if self.queueing.first != FirstTry::Later => {
                complain(&format!("{error}; sending the message without queueing it"));
                let transport = (self.transport, self.fallbacks);
                Ok(send::at_once(
                    self.message,
                    transport,
                    self.output,
                    SenderNotice::Caller,
                ))
            }
            KeepResult::NoQueue(error) | KeepResult::Lost(error) => {
                complain(&format!("{error}; the message was neither queued nor sent"));
                Err(unkept(&error))
            }
        }
    }

    /// Adds it to this queue, durably, without an attempt to send.
    pub fn keep_in(&self, store: &dyn QueueStore) -> Result<Id, QueueError> {
        let metadata = self.metadata(store);
        let id = store.enqueue(&metadata, self.message, self.shape())?;
        mail_log::received(id.as_str(), metadata.envelope.sender.as_ref());
        Ok(id)
    }

    /// The same, and keeps the item claimed.
    pub fn commit(&self, store: &dyn QueueStore) -> Result<Box<dyn ClaimedItem>, QueueError> {
        let metadata = self.metadata(store);
        let claim = store.add(&metadata, self.message, self.shape(), None)?;
        mail_log::received(claim.item().id.as_str(), metadata.envelope.sender.as_ref());
        Ok(claim)
    }

    fn metadata(&self, store: &dyn QueueStore) -> Metadata {
        Metadata {
            envelope: self.message.envelope.clone(),
            utf8_header: self.message.utf8_header,
            route_spec: self.queueing.route_spec.clone(),
            on_uncertain: self.queueing.on_uncertain,
            on_failure: self.queueing.on_failure.clone(),
            kind: ItemKind::Mail,
            queued: store.now(),
        }
    }

    /// Few servers today lack 8BITMIME, but because of them, messages that ehlo composes are encoded.
    fn shape(&self) -> Shape {
        let given = self
            .message
            .shape(BodyType::EightBit.with_utf8())
            .filter(|_| self.as_given);
        given.or_else(|| self.message.simplest()).unwrap_or(Shape {
            transport: BodyType::Binary,
            utf8: false,
            size: 0,
        })
    }

    /// Reports the identifier in the queue.
    fn report_queued(&self, id: &Id, output: &mut DeliveryOutput) -> ShownResult {
        self.warn_of_temporary_password();
        output.show(|observer| {
            report_id(id, observer);
            let mut report = DeliveryReport::not_attempted(&self.message.envelope.recipients);
            report.keep();
            report
        })
    }

    /// Reports the time of the next attempt, and a password that may be missing then.
    fn report_next_attempt(
        &self,
        run_context: &RunContext<'_>,
        id: &Id,
        observer: &mut dyn Observer,
    ) {
        let store = run_context.store;
        let item = store.item(id).ok().flatten();
        let next = item.and_then(|item| next_attempt(&item, run_context.settings));
        let note = match next.map(|next| next.duration_since(store.now())) {
            Some(Ok(left)) => {
                let wait = counted_minutes(left);
                format!("{id} remains queued; next attempt by ehlo queue run in {wait}")
            }
            Some(Err(_)) => format!("{id} remains queued; next attempt by ehlo queue run"),
            None => format!("{id} is on hold; release it with: ehlo queue release {id}"),
        };
        observer.on_event(Event::Note(&note));
        self.warn_of_temporary_password();
    }

    fn warn_of_temporary_password(&self) {
        let credentials = self.transport.credentials.as_ref();
        if let Some(source) = credentials.and_then(credentials::passing_source) {
            complain(&format!(
                "warning: the password was taken from {source}, which later queue runs do not use; \
                 use --password-file or --password-command",
            ));
        }
    }

    fn try_now(
        &self,
        store: &dyn QueueStore,
        claim: Box<dyn ClaimedItem>,
        shared: &mut Shared<'_, '_, '_>,
    ) -> ShownResult {
        let stop = Arc::new(Stop::default());
        let run_context = RunContext {
            store,
            hosts: &HostMemory {
                store,
                max_age: self.queueing.queue.settings.host_down,
            },
            settings: &self.queueing.queue.settings,
            transports: &*self.queueing.queue.transports,
            queue_observer: &SilentQueue,
            signer: &self.queueing.queue.signer,
            stop: &stop,
        };
        let transport = self.with_patience(self.transport);
        let fallbacks = self.fallbacks.iter();
        let fallbacks: Vec<Transport> = fallbacks.map(|one| self.with_patience(one)).collect();
        let transports = Transports::new(std::iter::once(&transport).chain(&fallbacks));
        let (left, shared_pool) = (shared.output.left(), shared.pool);
        let (id, begun) = (claim.item().id.clone(), Instant::now());
        let mut claim = Some(claim);
        let shown = shared.output.show(|observer| {
            let Some(claim) = claim.take() else {
                return DeliveryReport::not_attempted(&[]);
            };
            let mut logged;
            let observer: &mut dyn Observer = match self.log {
                None => observer,
                Some(path) => {
                    logged = Logged::open(path, observer);
                    &mut logged
                }
            };
            self.report_start(&*claim, observer);
            let attempt = |observer: &mut dyn Observer| match shared_pool {
                Some(pool) => self.attempt(&run_context, claim, pool, observer),
                None => self.attempt_alone(&run_context, claim, &transports, observer),
            };
            if self.notice != SenderNotice::Caller {
                return attempt(observer);
            }
            let tracking = Tracking {
                recipients: &self.message.envelope.recipients,
                is_kept: true,
                left,
            };
            tracked(&tracking, observer, attempt)
        });
        if self.is_late(begun, &shown.report) {
            run_in_background(store, &self.queueing.queue, Some(&id));
        } else if left == 0 {
            self.deliver_others(&run_context);
        }
        shown
    }

    /// True if the caller's patience ended the attempt.
    fn is_late(&self, begun: Instant, report: &DeliveryReport) -> bool {
        let patience = self.patience;
        let is_late = patience.is_some_and(|patience| begun.elapsed() >= patience);
        let mut results = report.results.iter();
        is_late && results.any(|result| result.verdict == RecipientStatus::Queued)
    }

    fn report_start(&self, claim: &dyn ClaimedItem, observer: &mut dyn Observer) {
        report_id(&claim.item().id, observer);
        for remark in &self.message.remarks {
            observer.on_event(Event::Detail(remark));
        }
    }

    fn with_patience(&self, transport: &Transport) -> Transport {
        let mut transport = transport.clone();
        transport.session.patience = self.patience;
        transport
    }

    fn attempt_alone(
        &self,
        run_context: &RunContext<'_>,
        claim: Box<dyn ClaimedItem>,
        transports: &Transports<'_>,
        observer: &mut dyn Observer,
    ) -> DeliveryReport {
        let pool = ConnectionPool::new(transports, run_context.hosts);
        let report = self.attempt(run_context, claim, &pool, observer);
        pool.close(observer);
        report
    }

    fn attempt(
        &self,
        run_context: &RunContext<'_>,
        claim: Box<dyn ClaimedItem>,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> DeliveryReport {
        let all: Vec<RecipientIndex> = self.message.envelope.indices().collect();
        let attempt = Attempt {
            claim: &*claim,
            recipients: &all,
            early: false,
            pool,
            queue_observer: run_context.queue_observer,
            signer: run_context.signer,
            next: None,
        };
        let attempted = attempt.run(observer);
        let id = claim.item().id.clone();
        let settled = attempted.and_then(|outcome| {
            let settled = settle(run_context, claim, self.notice)?;
            Ok((outcome.report, settled))
        });
        match settled {
            Ok((mut report, settled)) => {
                if settled == ItemOutcome::Kept {
                    report.keep();
                    self.report_next_attempt(run_context, &id, observer);
                }
                report
            }
            Err(error) => {
                // The item is still in the queue, and its journal has the state.
                complain(&format!("{id} remains queued: {error}"));
                let mut report = DeliveryReport::not_attempted(&self.message.envelope.recipients);
                report.keep();
                report
            }
        }
    }

    /// Delivers other due messages for the same host.
    fn deliver_others(&self, run_context: &RunContext<'_>) {
        // A shared queue has workers, and may be large.
        if run_context.store.shared().is_some() {
            return;
        }
        let recipients = self.message.envelope.recipients.iter();
        // A relay receives all messages.
        let recipients = recipients.filter(|_| self.transport.route.relay.is_none());
        let domains = recipients.map(|to| to.domain().to_string()).collect();
        let selection = Selection {
            domains,
            all_recipients: true,
            route_spec: Some(self.queueing.route_spec.clone()),
            limit: Some(MAX_OTHERS),
            ..Selection::default()
        };
        if let Err(error) = run_context.deliver_due(&selection, &mut RunProgress::default(), None) {
            complain(&error.to_string());
        }
    }
}

/// The exit status if the message cannot be queued. Damage of the queue is not an error of the message, which the
/// caller can send again later.
pub fn unkept(error: &QueueError) -> Exit {
    if error.is_about_setup() {
        Exit::Config
    } else {
        Exit::Temporary
    }
}

/// Rounded up, so that the item is due by then.
fn counted_minutes(time: Duration) -> String {
    counted(time.as_secs() / 60 + 1, "minute")
}

fn report_id(id: &Id, observer: &mut dyn Observer) {
    observer.on_event(Event::Queued { id: id.as_str() });
}

/// Prints only trouble: the transcript shows everything else.
pub struct SilentQueue;

impl QueueObserver for SilentQueue {
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        if let QueueEvent::Error(text) = event {
            complain(text);
        }
    }
}

/// Starts a run of the queue, or of this item, in the background. If it cannot be started, the next run does it.
pub fn run_in_background(store: &dyn QueueStore, options: &QueueOptions, item: Option<&Id>) {
    // A process that is already running the queue will find the item.
    if store.is_served() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    // It leaves the current directory, which would otherwise stay busy and could not be unmounted.
    let Ok(directory) = store.location().absolute() else {
        return;
    };
    let mut command = Command::new(program);
    command
        // Called as sendmail, the program would interpret all of these arguments differently.
        .arg0("ehlo")
        .args(["queue", "run", "--behind", "--queue-dir"])
        .arg(directory);
    if let Some(Ok(config)) = options.config.as_ref().map(std::path::absolute) {
        command.arg("--config").arg(config);
    }
    if let Some(log) = mail_log::file() {
        command.arg("--log").arg(log);
    }
    if let Some(log) = tls_report::file() {
        command.arg("--tlsrpt-log").arg(log);
    }
    command.args(item.map(Id::as_str));
    command
        .current_dir("/")
        // Set first: a terminal that closes may end this process and its whole group.
        .process_group(0)
        .env_remove("EHLO_PASSWORD")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _ = command.spawn();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_queue_is_a_temporary_error_of_a_new_message() {
        let damaged = QueueError::Damaged {
            id: Id::parse("1234567890abc").unwrap(),
            why: "it is a symlink".to_owned(),
        };
        assert_eq!(unkept(&damaged), Exit::Temporary);
        assert_eq!(unkept(&QueueError::NoDirectory), Exit::Temporary);
    }
}
