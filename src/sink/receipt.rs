//! A message while it is being received: how long it is, and whether it can still be accepted.

use std::borrow::Cow;

use super::end::End;
use super::gate::Gate;
use super::reply::{self, Refusal};
use super::{Envelope, Incoming, Store};

/// A message on its way into the store, or the reason why it will not get there.
pub struct Receipt<'a> {
    incoming: Result<Box<dyn Incoming + 'a>, Refusal>,
    bytes: u64,
    max_bytes: u64,
}

impl<'a> Receipt<'a> {
    pub fn begin(
        store: &'a dyn Store,
        envelope: &Envelope,
        max_bytes: u64,
    ) -> Result<Receipt<'a>, Refusal> {
        let incoming = store.begin(envelope).map_err(|_| reply::STORE_FAILED)?;
        Ok(Receipt {
            incoming: Ok(incoming),
            bytes: 0,
            max_bytes,
        })
    }

    /// Takes a piece of the message. After trouble it is let go, and what was stored is discarded.
    pub fn take(&mut self, piece: &[u8]) {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > self.max_bytes {
            self.incoming = Err(reply::TOO_LARGE);
        }
        if let Ok(incoming) = &mut self.incoming
            && incoming.write(piece).is_err()
        {
            self.incoming = Err(reply::STORE_FAILED);
        }
    }

    /// The reply to a chunk that was not the last.
    pub fn so_far(&self) -> Result<String, Refusal> {
        match self.incoming {
            Ok(_) => Ok(format!("250 2.0.0 {} bytes so far", self.bytes)),
            Err(refusal) => Err(refusal),
        }
    }

    /// The reply to the end of the message. Only now does it count.
    pub fn finish(self, gate: &Gate) -> Result<Cow<'static, str>, End> {
        let incoming = match self.incoming {
            Ok(incoming) => incoming,
            Err(refusal) => return Ok(refusal.into()),
        };
        let claim = gate.claim().ok_or(End::Full)?;
        if let Err(declined) = incoming.commit() {
            return Ok(reply::declined(declined));
        }
        claim.keep();
        Ok(format!("250 2.0.0 ok, {} bytes", self.bytes).into())
    }
}
