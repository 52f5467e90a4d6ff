//! A handshake over a connection, at once or in steps.

use crate::client::status::Hint;
use crate::client::wire::tls::failure::{CertificateFault, TlsError};
use crate::client::wire::tls::stream::{Gone, TlsStream};
use crate::client::wire::tls::{Configured, Tls, TlsResult, TlsServer};
use crate::client::wire::{Deadline, Stream, Wire, WireError};
use rustls::pki_types::ServerName;
use std::time::Duration;

/// A handshake that has begun.
pub struct Handshake<'a> {
    server: TlsServer<'a>,
    server_name: ServerName<'static>,
    pub(super) configured: Configured,
    pub(super) stream: TlsStream,
}

impl<'a> Handshake<'a> {
    pub(super) fn new(server: TlsServer<'a>, under: Box<dyn Stream>) -> Result<Self, TlsError> {
        let (tls, name) = (server.tls, server.name());
        let server_name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Certificate {
                why: format!("cannot be checked: {name} is not a host name"),
                chain: Vec::new(),
                hint: Some(Hint::CertificateName),
                fault: CertificateFault::HostMismatch,
            })?;
        let configured = tls.configured(server.check)?;
        let connection = tls.connection(&configured, &server_name)?;
        Ok(Self {
            server,
            server_name,
            configured,
            stream: TlsStream::new(connection, under),
        })
    }

    /// Continues without waiting. Returns false if the peer is awaited.
    pub fn advance(&mut self) -> Result<bool, TlsError> {
        match self.stream.handshake_now() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => {
                let deadline = Deadline::after(Duration::ZERO);
                Err(self.server.tls.failed(error, &self.configured, deadline))
            }
        }
    }

    pub(super) fn finish(self) -> Result<(Box<dyn Stream>, TlsResult), TlsError> {
        let connection = &self.stream.connection;
        let judgement = self.configured.judgement(connection, &self.server_name)?;
        let (tls, name) = (self.server.tls, self.server.name());
        let secured = TlsResult {
            policy: self.server.check.policy(),
            ..tls.secured(connection, name, judgement)
        };
        Ok((Box::new(self.stream), secured))
    }

    /// Encrypts the wire that it began on, after it is complete.
    pub fn complete(self, wire: &mut Wire) -> Result<TlsResult, TlsError> {
        let (stream, secured) = self.finish()?;
        wire.stream = stream;
        Ok(secured)
    }
}

impl Wire {
    /// Begins to encrypt this wire, without waiting. Until the handshake is complete, nothing can be read or written.
    pub fn begin_handshake<'a>(
        &mut self,
        server: TlsServer<'a>,
    ) -> Result<Handshake<'a>, TlsError> {
        let clear = self.take_clear()?;
        Handshake::new(server, clear)
    }

    /// The stream in clear. Unread data is an error.
    fn take_clear(&mut self) -> Result<Box<dyn Stream>, TlsError> {
        if self.unread < self.inbox.len() {
            return Err(TlsError::Wire(WireError::Injected));
        }
        self.inbox.clear();
        self.unread = 0;
        self.quiet_at = None;
        Ok(std::mem::replace(&mut self.stream, Box::new(Gone)))
    }

    /// Encrypts this wire. Unread data received in clear is an error (RFC 3207 §4.2, CVE-2011-0411).
    pub fn secure(
        &mut self,
        server: TlsServer<'_>,
        limit: Duration,
    ) -> Result<TlsResult, TlsError> {
        self.limit_reads(limit, limit).map_err(TlsError::Wire)?;
        self.limit_writes(limit).map_err(TlsError::Wire)?;
        let clear = self.take_clear()?;
        let deadline = Deadline::after(limit);
        let (stream, secured) = Tls::handshake(server, clear, deadline)?;
        self.stream = stream;
        // A slow handshake has reduced the limits.
        if deadline.left().is_none_or(|left| left < limit / 10 * 9) {
            self.read_limit = Duration::ZERO;
            self.write_limit = Duration::ZERO;
        }
        Ok(secured)
    }
}
