//! `ehlo queue serve`: accepts messages from all users of the host on a unix socket.

use crate::cli::ExitStatus;
use crate::cli::options::usage_error::UsageError;
use crate::cli::queue::plans::Plans;
use crate::cli::queue::{RunOptions, run_or_watch};
use crate::cli::run_signals::stop_at_signal;
use crate::cli::sendmail::Sendmail;
use crate::cli::sendmail::args as sendmail;
use crate::cli::sendmail::serve::{StandardStreams, keep, keep_in};
use crate::cli::sendmail::submitted::{AcceptSubmission, Received, SubmittedMessage, refusal};
use crate::cli::terminal::complain;
use crate::config::{FoundFile, Places, find};
use crate::mail::address::Address;
use crate::mail::message::{HeaderField, Message};
use crate::mail::rewrite::Rewriter;
use crate::queue;
use crate::queue::store::{QueueError, QueueStore, default_queue};
use crate::queue::submit::{Quota, SubmitOptions, socket};
use crate::queue::{FirstTry, Location, QueueOptions};
use crate::server::{
    Grace, Incoming, Introduction, Listen, MessageStore, Offer, ReceivedEnvelope, Server,
    ServerBehavior, ServerOptions, SessionLimits, SessionPermit, StoreRefusal, StoredAt,
    envelope_dsn, serve_one,
};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::sealed_file::SealedWriter;
use crate::system::text::reason;
use crate::system::time::header_date;
use crate::system::user::{LocalUser, peer_uid};
use crate::transcript::TranscriptOptions;
use rustix::fs::{Mode, OFlags};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// Time limit for a command of a client, or for more of a message. A whole message may take twelve times as long.
const IDLE: Duration = Duration::from_secs(60);

/// Time for messages that have begun when a signal arrives. Managers of containers end the process after ten seconds.
const GRACE: Grace = Grace {
    messages: Duration::from_secs(5),
    sessions: Duration::from_millis(500),
};

/// Maximum number of connections at one time, of all users.
const MAX_CONNECTIONS: usize = 128;

/// Options of `ehlo queue serve`.
#[derive(Debug)]
pub struct ServeOptions {
    /// The path to listen on; `None`: the standard input is the connection of a client.
    pub socket: Option<PathBuf>,
    pub submit: SubmitOptions,
}

impl ServeOptions {
    /// Without a path on the command line, that of the configuration is used, or the default one.
    pub fn new(socket: Option<PathBuf>, is_connection: bool) -> Self {
        let path = socket.unwrap_or_default();
        Self {
            socket: (!is_connection).then_some(path),
            submit: SubmitOptions::default(),
        }
    }

    /// Sets the settings of the configuration.
    pub fn set(&mut self, submit: SubmitOptions) {
        if let Some(path) = &mut self.socket
            && path.as_os_str().is_empty()
        {
            let named = submit.socket.clone();
            *path = named.unwrap_or_else(|| PathBuf::from(socket::DEFAULT));
        }
        self.submit = submit;
    }
}

pub fn run(options: &QueueOptions, serve: &ServeOptions) -> Exit {
    let opened = Submissions::open(options, serve);
    let submissions = match opened {
        Ok(submissions) => submissions,
        Err(error) => return super::failed(&error),
    };
    match &serve.socket {
        Some(path) => listen(path, &submissions),
        None => converse(&submissions),
    }
}

/// Serves the client whose connection is the standard input. The queue is run when the client has gone: the process
/// that started this one may end with it whatever it has started.
fn converse(submissions: &Submissions<'_>) -> Exit {
    let Some(uid) = peer_uid(&rustix::stdio::stdin()) else {
        complain(
            "the standard input is not a unix socket; --connection is for systemd, which passes a connection",
        );
        return Exit::Usage;
    };
    let name = host_name();
    let introduction = Introduction {
        name: &name,
        what: "ESMTP ehlo",
    };
    let limits = submissions.limits();
    let peer = (StandardStreams, Some(uid));
    serve_one(peer, introduction, (&limits, &behavior()), submissions);
    close_connection();
    if !submissions.has_accepted.load(Ordering::Relaxed) {
        return Exit::Ok;
    }
    if let Some(store) = &submissions.shared {
        // This run finds only what is released.
        let _ = store.flush();
    }
    let run = RunOptions {
        ids: Vec::new(),
        domains: Vec::new(),
        now: false,
        watch: false,
        background: true,
        output: TranscriptOptions::default(),
    };
    run_or_watch(submissions.options, &run)
}

/// The client sees the end of the connection before the queue is run.
fn close_connection() {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    if let Ok(null) = null {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

/// Listens until a signal arrives. Messages that have begun are then received, and the socket is removed.
fn listen(path: &Path, submissions: &Submissions<'_>) -> Exit {
    let server = Server::bind(ServerOptions {
        listen: vec![Listen::Unix(path.to_owned())],
        name: host_name(),
        software: "ehlo",
        limits: submissions.limits(),
        behavior: behavior(),
        grace: GRACE,
        ..ServerOptions::new(([127, 0, 0, 1], 0).into())
    });
    let opened = server.and_then(|server| {
        let everyone = Permissions::from_mode(0o666);
        let opened = std::fs::set_permissions(path, everyone);
        let ready = opened.and_then(|()| stop_at_signal(server.stopper()?));
        ready.map_err(crate::server::ServerError::Accept)?;
        complain(&format!("accepting mail on {}", path.display()));
        server.serve(submissions, &())
    });
    match opened {
        Ok(_) => Exit::Ok,
        Err(error) => {
            complain(&error.to_string());
            Exit::CantCreate
        }
    }
}

fn host_name() -> String {
    host::fqdn().unwrap_or_else(host::node_name)
}

fn behavior() -> ServerBehavior {
    let mut behavior = ServerBehavior::default();
    if let Ok(dsn) = Offer::parse("DSN") {
        behavior.offers.add(dsn);
    }
    behavior
}

/// Accepts messages of local users for the queue.
struct Submissions<'p> {
    options: &'p QueueOptions,
    submit: &'p SubmitOptions,
    /// The store, if hosts share it. `None`: a spool, which is opened for each message because its directory may have
    /// been replaced.
    shared: Option<Box<dyn QueueStore>>,
    quota: Quota,
    places: Places,
    plans: Plans,
    first: FirstTry,
    has_accepted: AtomicBool,
}

impl<'p> Submissions<'p> {
    fn open(options: &'p QueueOptions, serve: &'p ServeOptions) -> Result<Self, QueueError> {
        let store = queue::open(options.location.as_ref(), true)?;
        let directory = local_directory(&store.location())?;
        let quota = Quota::open(&directory, serve.submit.limits.clone());
        let quota = quota.map_err(|error| QueueError::Directory {
            path: directory,
            why: format!("cannot be used: {}", reason(&error)).into(),
        })?;
        let is_shared = store.shared().is_some();
        Ok(Self {
            options,
            submit: &serve.submit,
            shared: is_shared.then_some(store),
            quota,
            places: Places::of_this_process(),
            plans: Plans::default(),
            first: match serve.socket {
                Some(_) => FirstTry::Background,
                None => FirstTry::Later,
            },
            has_accepted: AtomicBool::new(false),
        })
    }

    fn limits(&self) -> SessionLimits {
        SessionLimits {
            max_message_bytes: self.submit.limits.size,
            max_connections: MAX_CONNECTIONS,
            idle: IDLE,
            ..SessionLimits::default()
        }
    }

    /// The route and the rules for a message from this sender, by the configuration as it is now.
    fn plan(&self, sender: &str) -> Result<Arc<Sendmail>, StoreRefusal> {
        let config = self.options.config.as_deref();
        let found = find(config, &self.places).map_err(UsageError::from);
        let plan = found.and_then(|found| {
            let (version, now) = (found.map(FoundFile::version), SystemTime::now());
            self.plans
                .get(version.as_ref(), sender, now, || self.new_plan(sender))
        });
        plan.map_err(|error| refusal(Exit::Config, error.text))
    }

    fn new_plan(&self, sender: &str) -> Result<Sendmail, UsageError> {
        let config = self.options.config.clone();
        let mut plan = sendmail::of_submission(config, sender, &self.places)?;
        plan.queueing
            .queue
            .location
            .clone_from(&self.options.location);
        plan.queueing.first = self.first;
        plan.queueing.socket = None;
        Ok(plan)
    }

    /// Adds the messages that were made of one to the queue, durably: all of them, or none.
    fn keep(&self, plan: &Sendmail, messages: &[Message]) -> Result<StoredAt, QueueError> {
        match &self.shared {
            Some(store) => keep_in(&**store, plan, messages),
            None => keep(plan, messages),
        }
    }

    fn charge(
        &self,
        envelope: &ReceivedEnvelope,
        bytes: u64,
        is_trial: bool,
    ) -> Result<(), StoreRefusal> {
        let charge = self
            .quota
            .charge(user(envelope)?, bytes, (SystemTime::now(), is_trial));
        charge.map_err(|error| StoreRefusal::Refused {
            code: "452 4.7.1",
            why: error.to_string(),
        })
    }
}

/// The directory for the files that belong to this host.
fn local_directory(location: &Location) -> Result<PathBuf, QueueError> {
    match location.directory() {
        Some(directory) => Ok(directory.to_owned()),
        None => default_queue().ok_or(QueueError::NoDirectory),
    }
}

/// The message with the field that names its user, or those that are made of it.
fn messages(plan: &Sendmail, received: Received) -> Result<Vec<Message>, StoreRefusal> {
    let Received {
        envelope,
        mut submission,
        ..
    } = received;
    let uid = user(&envelope)?;
    let now = SystemTime::now();
    let date = header_date(now);
    let trace = format!("by {} (ehlo, from user ID {uid}); {date}", host_name());
    submission.trace = Some(HeaderField::new("Received", trace));
    submission.dsn = envelope_dsn(&envelope);
    // From is free, but only the domain of the sender that was checked is vouched for.
    let sender = Address::parse(&envelope.sender).ok();
    let domain = sender.as_ref().map(|sender| sender.domain().to_string());
    submission.signer = plan.signer.unread().for_sender(domain.as_deref());
    submission.crypt = plan.crypt.clone();
    let messages = Message::submit_each(&submission, &Rewriter::new(&plan.rewrite), now);
    messages.map_err(|error| refusal(error.exit(), error.to_string()))
}

/// The user ID of the client. The credentials of a unix socket have one.
fn user(envelope: &ReceivedEnvelope) -> Result<u32, StoreRefusal> {
    envelope.uid.ok_or_else(|| StoreRefusal::Refused {
        code: "554 5.7.0",
        why: "your user ID is unknown".to_owned(),
    })
}

impl MessageStore for Submissions<'_> {
    fn admit(&self, uid: Option<u32>) -> Result<SessionPermit, StoreRefusal> {
        let connected = self.quota.connect(uid.unwrap_or(u32::MAX));
        connected.map_err(|error| StoreRefusal::Refused {
            code: "421 4.7.0",
            why: error.to_string(),
        })
    }

    fn check_sender(&self, envelope: &ReceivedEnvelope) -> Result<(), StoreRefusal> {
        let user = LocalUser::of(user(envelope)?);
        if !self.submit.senders.allow(&user, &envelope.sender) {
            let why = format!(
                "{} may not send from {}; [senders] of the configuration has the rules",
                user.name, envelope.sender
            );
            let code = "553 5.7.1";
            return Err(StoreRefusal::Refused { code, why });
        }
        self.charge(envelope, 0, true)
    }

    /// Reports an undeliverable address in the reply to RCPT, so that the client may drop it.
    fn check_recipient(&self, recipient: &str) -> Result<(), StoreRefusal> {
        let plan = self.plan("")?;
        let known = Rewriter::new(&plan.rewrite).recipients(recipient);
        known
            .map(|_| ())
            .map_err(|error| refusal(error.exit(), error.to_string()))
    }

    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        let file = SealedWriter::new_in(self.quota.directory())?;
        Ok(Box::new(SubmittedMessage::new(self, envelope, file)))
    }
}

impl AcceptSubmission for Submissions<'_> {
    fn accept(&self, received: Received) -> Result<StoredAt, StoreRefusal> {
        self.charge(&received.envelope, received.bytes, false)?;
        let plan = self.plan(&received.envelope.sender)?;
        let messages = messages(&plan, received)?;
        let kept = self.keep(&plan, &messages);
        let kept = kept.map_err(|error| refusal(Exit::Temporary, error.to_string()))?;
        self.has_accepted.store(true, Ordering::Relaxed);
        Ok(kept)
    }
}
