//! A message that is being received: its size so far, and its errors.

use std::borrow::Cow;
use std::io;

use crate::server::end::SessionEnding;
use crate::server::limiter::ConnectionLimiter;
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::{Declined, Incoming, MessageStore, ReceivedEnvelope, Whereabouts};

/// A message on its way into the store, or the refusal that it will get.
pub struct Receipt<'a> {
    incoming: Result<Box<dyn Incoming + 'a>, Refusal>,
    /// The error of the store.
    trouble: Option<io::Error>,
    bytes: u64,
    max_bytes: u64,
}

/// The result for a complete message.
pub struct StoreResult {
    pub reply: Cow<'static, str>,
    /// `None`: refused.
    pub kept: Option<StoredReceipt>,
    /// The error of the store.
    pub trouble: Option<io::Error>,
}

/// A message that was stored.
pub struct StoredReceipt {
    pub bytes: u64,
    pub place: Whereabouts,
    /// Counted from 1 over the life of the server.
    pub number: u64,
}

impl<'a> Receipt<'a> {
    pub fn begin(
        store: &'a dyn MessageStore,
        envelope: &ReceivedEnvelope,
        max_bytes: u64,
    ) -> io::Result<Receipt<'a>> {
        Ok(Receipt {
            incoming: Ok(store.begin(envelope)?),
            trouble: None,
            bytes: 0,
            max_bytes,
        })
    }

    /// Accepts a part of the message. After an error it is ignored, and the part that was stored is
    /// discarded.
    pub fn take(&mut self, piece: &[u8]) {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > self.max_bytes {
            self.incoming = Err(reply::TOO_LARGE);
        }
        let written = match &mut self.incoming {
            Ok(incoming) => incoming.write(piece),
            Err(_) => Ok(()),
        };
        if let Err(error) = written {
            self.incoming = Err(reply::failed(&error));
            self.trouble = Some(error);
        }
    }

    /// The reply to a chunk that was not the last.
    pub fn so_far(&self) -> Result<String, Refusal> {
        match self.incoming {
            Ok(_) => Ok(format!("250 2.0.0 {} bytes so far", self.bytes)),
            Err(refusal) => Err(refusal),
        }
    }

    /// Takes the error of the store since the last call.
    pub fn trouble(&mut self) -> Option<io::Error> {
        self.trouble.take()
    }

    /// Stores the message and counts it.
    pub fn finish(self, gate: &ConnectionLimiter) -> Result<StoreResult, SessionEnding> {
        let incoming = match self.incoming {
            Ok(incoming) => incoming,
            Err(refusal) => return Ok(StoreResult::refused(refusal.into(), self.trouble)),
        };
        let claim = gate.claim().ok_or(SessionEnding::Full)?;
        match incoming.commit() {
            Ok(place) => Ok(StoreResult {
                reply: format!("250 2.0.0 ok, {} bytes", self.bytes).into(),
                kept: Some(StoredReceipt {
                    bytes: self.bytes,
                    place,
                    number: claim.keep(),
                }),
                trouble: None,
            }),
            Err(Declined::Trouble(error)) => Ok(StoreResult::refused(
                reply::failed(&error).into(),
                Some(error),
            )),
            Err(declined) => Ok(StoreResult::refused(reply::declined(declined), None)),
        }
    }
}

impl StoreResult {
    pub fn refused(reply: Cow<'static, str>, trouble: Option<io::Error>) -> StoreResult {
        StoreResult {
            reply,
            kept: None,
            trouble,
        }
    }
}
