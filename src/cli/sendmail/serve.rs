//! `sendmail -bs`: SMTP on the standard input and output, for mail programs that submit messages this way
//! (mutt, alpine).

use crate::cli::send::keep::run_in_background;
use crate::cli::sendmail::Sendmail;
use crate::mail::envelope::Dsn;
use crate::mail::message::{Input, Message, Submission};
use crate::mail::rewrite::Rewriter;
use crate::queue;
use crate::queue::FirstTry;
use crate::queue::store::QueueError;
use crate::server as sink;
use crate::server::{
    ByteStream, Incoming, Introduction, ReceivedEnvelope, SessionLimits, StoreRefusal, StoredAt,
};
use crate::system::exit::Exit;
use crate::system::host;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::time::{Instant, SystemTime};
use tempfile::NamedTempFile;

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
        StandardStreams,
        introduction,
        &SessionLimits::default(),
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
        Ok(Box::new(SubmittedMessage {
            submissions: self,
            envelope: envelope.clone(),
            file: NamedTempFile::new()?,
        }))
    }

    /// Reports an undeliverable address in the reply to RCPT, so that the client may drop it.
    fn check_recipient(&self, recipient: &str) -> Result<(), StoreRefusal> {
        let known = self.rewriter.recipients(recipient);
        known
            .map(|_| ())
            .map_err(|error| refusal(error.exit(), error.to_string()))
    }
}

/// A message that is being received. It is kept in a temporary file until it is complete.
struct SubmittedMessage<'p> {
    submissions: &'p Submissions<'p>,
    envelope: ReceivedEnvelope,
    file: NamedTempFile,
}

impl Incoming for SubmittedMessage<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        let Submissions { plan, rewriter } = self.submissions;
        let submission = Submission {
            input: Input::File(self.file.path().to_owned()),
            dot_ends: false,
            recipients: self.envelope.recipients,
            recipients_of_header: false,
            sender: Some(self.envelope.sender),
            full_name: None,
            dsn: Dsn::default(),
            utf8: self.envelope.smtputf8,
            signer: plan.signer.clone(),
        };
        let message = Message::submit(&submission, rewriter, SystemTime::now());
        let message = message.map_err(|error| refusal(error.exit(), error.to_string()))?;
        keep(plan, &message).map_err(|error| refusal(Exit::Temporary, error.to_string()))?;
        Ok(StoredAt::Elsewhere)
    }
}

/// Adds the message to the queue, durably.
fn keep(plan: &Sendmail, message: &Message) -> Result<(), QueueError> {
    let queueing = &plan.queueing;
    let store = queue::open(queueing.queue.directory.as_deref(), true)?;
    plan.queued(message).keep_in(&*store)?;
    // The client is waiting for its reply, so this does not wait for the attempt.
    if queueing.first != FirstTry::Later {
        run_in_background(&*store, &queueing.queue, None);
    }
    Ok(())
}

/// The reply that corresponds to an exit status.
fn refusal(exit: Exit, why: String) -> StoreRefusal {
    let code = match exit {
        Exit::NoUser => "550 5.1.1",
        Exit::Data | Exit::Usage => "554 5.6.0",
        // Something here: the configuration, a disk that is full.
        _ => "451 4.3.0",
    };
    StoreRefusal::Refused { code, why }
}

/// The standard input and output.
struct StandardStreams;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn code(exit: Exit) -> &'static str {
        match refusal(exit, String::new()) {
            StoreRefusal::Refused { code, .. } => code,
            StoreRefusal::Failed(_) => "",
        }
    }

    #[test]
    fn local_errors_get_temporary_replies_and_message_errors_permanent_ones() {
        assert_eq!(code(Exit::NoUser), "550 5.1.1");
        assert_eq!(code(Exit::Data), "554 5.6.0");
        for exit in [
            Exit::Config,
            Exit::Io,
            Exit::NoInput,
            Exit::Temporary,
            Exit::Software,
        ] {
            assert!(code(exit).starts_with('4'), "{exit:?}");
        }
    }
}
