//! A message that a client of `sendmail -bs` or of the submission socket sends.

use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::envelope::Dsn;
use crate::mail::message::{HeldBytes, Input, Submission, SubmissionFields};
use crate::server::{Incoming, ReceivedEnvelope, StoreRefusal, StoredAt};
use crate::system::exit::Exit;
use crate::system::sealed_file::SealedWriter;
use std::io::{self, Write as _};
use std::sync::Arc;

/// Decides about complete messages.
pub trait AcceptSubmission: Sync {
    /// Adds the message to the queue, durably.
    fn accept(&self, received: Received) -> Result<StoredAt, StoreRefusal>;
}

/// A complete message.
pub struct Received {
    pub envelope: ReceivedEnvelope,
    pub submission: Submission,
    /// Its size in octets.
    pub bytes: u64,
}

/// A message that is being received. It is kept in an encrypted file without a name, of which a crash leaves nothing.
pub struct SubmittedMessage<'p> {
    accept: &'p dyn AcceptSubmission,
    envelope: ReceivedEnvelope,
    file: SealedWriter,
}

impl<'p> SubmittedMessage<'p> {
    pub fn new(
        accept: &'p dyn AcceptSubmission,
        envelope: &ReceivedEnvelope,
        file: SealedWriter,
    ) -> Self {
        Self {
            accept,
            envelope: envelope.clone(),
            file,
        }
    }
}

impl Incoming for SubmittedMessage<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        let bytes = self.file.len();
        let file = self.file.finish().map_err(StoreRefusal::Failed)?;
        let held = HeldBytes::file("the message", Arc::new(file));
        let submission = Submission {
            input: Input::Held(held),
            dot_ends: false,
            recipients: self.envelope.recipients.clone(),
            recipients_of_header: false,
            sender: Some(self.envelope.sender.clone()),
            full_name: None,
            dsn: Dsn::default(),
            trace: None,
            utf8: self.envelope.smtputf8,
            signer: Signer::default(),
            crypt: CryptOptions::default(),
            fields: SubmissionFields::default(),
        };
        self.accept.accept(Received {
            envelope: self.envelope,
            submission,
            bytes,
        })
    }
}

/// The reply that corresponds to an exit status.
pub fn refusal(exit: Exit, why: String) -> StoreRefusal {
    let code = match exit {
        Exit::NoUser => "550 5.1.1",
        Exit::Data | Exit::Usage => "554 5.6.0",
        // Something here: the configuration, a disk that is full.
        _ => "451 4.3.0",
    };
    StoreRefusal::Refused { code, why }
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
