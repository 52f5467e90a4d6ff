//! `sendmail -bs`: SMTP on the standard input and output, for mail programs that submit messages this way
//! (mutt, alpine).

use crate::cli::ExitStatus;
use crate::cli::send::keep::{KeepResult, run_in_background};
use crate::cli::sendmail::Sendmail;
use crate::cli::sendmail::submitted::{AcceptSubmission, Received, SubmittedMessage, refusal};
use crate::client::outcome::RecipientResult;
use crate::mail::message::Message;
use crate::mail::rewrite::Rewriter;
use crate::queue;
use crate::queue::FirstTry;
use crate::queue::store::{ClaimedItem, Id, QueueError, QueueStore};
use crate::server as sink;
use crate::server::{
    ByteStream, Incoming, Introduction, ReceivedEnvelope, ServerBehavior, SessionLimits,
    StoreRefusal, StoredAt,
};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::process::raise_file_limit;
use crate::system::sealed_file::SealedWriter;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Instant, SystemTime};

/// Number of descriptors besides those of claims.
const OTHER_FILES: u64 = 64;

/// Serves until QUIT or end of input. The replies have reported the result of each message.
pub fn run(plan: &Sendmail) -> Exit {
    let submissions = Submissions {
        plan,
        rewriter: Rewriter::new(&plan.rewrite),
    };
    let introduction = Introduction {
        name: &host::fqdn().unwrap_or_else(host::node_name),
        what: "ESMTP",
    };
    sink::serve_one(
        (StandardStreams, None),
        introduction,
        (&SessionLimits::default(), &ServerBehavior::default()),
        &submissions,
    );
    Exit::Ok
}

/// Accepts messages for the queue or for delivery.
struct Submissions<'p> {
    plan: &'p Sendmail,
    rewriter: Rewriter,
}

impl sink::MessageStore for Submissions<'_> {
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        let file = SealedWriter::new()?;
        Ok(Box::new(SubmittedMessage::new(self, envelope, file)))
    }

    /// Reports an undeliverable address in the reply to RCPT, so that the client may drop it.
    fn check_recipient(&self, recipient: &str) -> Result<(), StoreRefusal> {
        let known = self.rewriter.recipients(recipient);
        known
            .map(|_| ())
            .map_err(|error| refusal(error.exit(), error.to_string()))
    }
}

impl AcceptSubmission for Submissions<'_> {
    fn accept(&self, mut received: Received) -> Result<StoredAt, StoreRefusal> {
        received.submission.signer = self.plan.signer.clone();
        received.submission.crypt = self.plan.crypt.clone();
        let now = SystemTime::now();
        let messages = Message::submit_each(&received.submission, &self.rewriter, now);
        let messages = messages.map_err(|error| refusal(error.exit(), error.to_string()))?;
        if self.plan.queueing.socket.is_none() {
            let kept = keep(self.plan, &messages);
            return kept.map_err(|error| refusal(Exit::Temporary, error.to_string()));
        }
        let mut stored = StoredAt::Elsewhere;
        for (index, message) in messages.iter().enumerate() {
            match pass_on(self.plan, message) {
                Ok(at) => stored = at,
                Err(why) if index == 0 => return Err(why),
                // After a refusal, the client would send the messages before this one again.
                Err(why) => return keep(self.plan, &messages[index..]).map_err(|_| why),
            }
        }
        Ok(stored)
    }
}

/// Adds the messages that were made of one to the queue of the plan, durably: all of them, or none.
pub fn keep(plan: &Sendmail, messages: &[Message]) -> Result<StoredAt, QueueError> {
    let store = queue::open(plan.queueing.queue.location.as_ref(), true)?;
    keep_in(&*store, plan, messages)
}

/// The same in a store that is open.
pub fn keep_in(
    store: &dyn QueueStore,
    plan: &Sendmail,
    messages: &[Message],
) -> Result<StoredAt, QueueError> {
    let queueing = &plan.queueing;
    let ids = match messages {
        [message] => vec![plan.queued(message).keep_in(store)?],
        _ => keep_all(store, plan, messages)?,
    };
    // The client is waiting for its reply, so this does not wait for the attempt.
    if queueing.first != FirstTry::Later {
        run_in_background(store, &queueing.queue, None);
    }
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    Ok(StoredAt::Queue(ids.join(" ")))
}

/// Adds several messages, and releases them when all are safe: if one cannot be added, the client sends all of them
/// again, and none of the others may have been delivered.
fn keep_all(
    store: &dyn QueueStore,
    plan: &Sendmail,
    messages: &[Message],
) -> Result<Vec<Id>, QueueError> {
    // A claim may hold a descriptor. If the limit is too small, an item cannot be added.
    let _ = raise_file_limit(messages.len() as u64 + OTHER_FILES);
    let mut claims: Vec<Box<dyn ClaimedItem>> = Vec::new();
    for message in messages {
        match plan.queued(message).commit(store) {
            Ok(claim) => claims.push(claim),
            Err(error) => {
                for claim in claims {
                    let _ = claim.remove();
                }
                return Err(error);
            }
        }
    }
    Ok(claims.iter().map(|claim| claim.item().id.clone()).collect())
}

/// Passes the message to the submission socket, or adds it to the queue of this user.
fn pass_on(plan: &Sendmail, message: &Message) -> Result<StoredAt, StoreRefusal> {
    match plan.queued(message).send() {
        KeepResult::Safe(shown) if shown.exit == Exit::Ok => Ok(StoredAt::Elsewhere),
        KeepResult::Safe(shown) => {
            let results = shown.report.results.iter();
            let why: Vec<String> = results.map(RecipientResult::explanation).collect();
            let code = match shown.exit {
                Exit::Refused | Exit::Policy | Exit::NoUser | Exit::Data => "554 5.7.1",
                _ => "451 4.3.0",
            };
            let why = why.join(" ");
            Err(StoreRefusal::Refused { code, why })
        }
        KeepResult::NoQueue(error) | KeepResult::Lost(error) => {
            Err(refusal(Exit::Temporary, error.to_string()))
        }
    }
}

/// The standard input and output.
pub struct StandardStreams;

impl ByteStream for StandardStreams {
    fn receive(&mut self, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let stdin = rustix::stdio::stdin();
        wait(stdin, PollFlags::IN, deadline)?;
        Ok(rustix::io::retry_on_intr(|| {
            rustix::io::read(stdin, &mut *into)
        })?)
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let stdout = rustix::stdio::stdout();
        while !bytes.is_empty() {
            wait(stdout, PollFlags::OUT, deadline)?;
            match rustix::io::retry_on_intr(|| rustix::io::write(stdout, bytes))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                sent => bytes = &bytes[sent..],
            }
        }
        Ok(())
    }
}

/// Waits until something can be read or written, or the other end is closed.
fn wait(end: BorrowedFd<'_>, what: PollFlags, deadline: Instant) -> io::Result<()> {
    rustix::io::retry_on_intr(|| {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(end, what)], left.as_ref()) {
            Ok(0) => Err(rustix::io::Errno::TIMEDOUT),
            done => done,
        }
    })?;
    Ok(())
}
