//! Expectations about the messages of a test: a store that passes messages on and checks if each expectation is met.

use crate::mail::view::{Limits, Parser};
use crate::server::accept::Stopper;
use crate::server::store::{
    Incoming, MessageStore, ReceivedEnvelope, SessionPermit, StoreRefusal, StoredAt,
};
use crate::server::web::query::{Candidate, Query};
use crate::server::web::summary::Summary;
use crate::system::time::now_in_seconds;
use std::io;
use std::sync::{Mutex, PoisonError};

/// A store with expectations.
pub struct ExpectingStore<'s> {
    store: &'s dyn MessageStore,
    expectations: Vec<Query>,
    /// For each expectation, true if a message has met it.
    met: Mutex<Vec<bool>>,
    /// Ends the server when all are met; `None`: it ends by itself.
    stopper: Option<Stopper>,
}

impl<'s> ExpectingStore<'s> {
    pub fn new(
        store: &'s dyn MessageStore,
        expectations: Vec<Query>,
        stopper: Option<Stopper>,
    ) -> ExpectingStore<'s> {
        ExpectingStore {
            store,
            met: Mutex::new(vec![false; expectations.len()]),
            expectations,
            stopper,
        }
    }

    /// For each expectation, true if a message has met it.
    pub fn met(&self) -> Vec<bool> {
        self.met
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn check(&self, candidate: Candidate<'_>) {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        for (met, expectation) in met.iter_mut().zip(&self.expectations) {
            *met |= expectation.matches(candidate);
        }
        if let (Some(stopper), true) = (&self.stopper, met.iter().all(|&met| met)) {
            stopper.stop();
        }
    }
}

impl MessageStore for ExpectingStore<'_> {
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        Ok(Box::new(CheckedMessage {
            store: self,
            incoming: self.store.begin(envelope)?,
            envelope: envelope.clone(),
            parser: Parser::new(Limits::Summary),
            size: 0,
        }))
    }

    fn admit(&self, uid: Option<u32>) -> Result<SessionPermit, StoreRefusal> {
        self.store.admit(uid)
    }

    fn check_sender(&self, envelope: &ReceivedEnvelope) -> Result<(), StoreRefusal> {
        self.store.check_sender(envelope)
    }

    fn check_recipient(&self, recipient: &str) -> Result<(), StoreRefusal> {
        self.store.check_recipient(recipient)
    }
}

struct CheckedMessage<'s> {
    store: &'s ExpectingStore<'s>,
    incoming: Box<dyn Incoming + 's>,
    envelope: ReceivedEnvelope,
    parser: Parser,
    size: u64,
}

impl Incoming for CheckedMessage<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.parser.push(bytes);
        self.incoming.write(bytes)
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        let view = self.parser.finish()?;
        let stored = self.incoming.commit()?;
        let summary = Summary::of(&view);
        self.store.check(Candidate {
            summary: &summary,
            envelope: &self.envelope,
            is_read: false,
            tags: &summary.tags,
            received: now_in_seconds(),
            size: self.size,
        });
        Ok(stored)
    }
}
