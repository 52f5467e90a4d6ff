//! A connection with or without TLS.

use crate::server::connection::Transmission;
use crate::server::tls::TlsAgreement;
use crate::system::certificate::Certificate;
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

/// A peer, in clear until [`Sealed::secure`].
pub struct Sealed<P> {
    under: P,
    tls: Option<Box<ServerConnection>>,
    /// Bytes of the handshake that were read before it started.
    ahead: Vec<u8>,
}

impl<P: Transmission> Sealed<P> {
    pub fn new(under: P) -> Sealed<P> {
        Sealed {
            under,
            tls: None,
            ahead: Vec::new(),
        }
    }

    pub fn is_secured(&self) -> bool {
        self.tls.is_some()
    }

    /// The handshake. `ahead` are bytes of it that were read already.
    pub fn secure(
        &mut self,
        config: &Arc<ServerConfig>,
        ahead: &[u8],
        deadline: Instant,
    ) -> io::Result<TlsAgreement> {
        let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let tls = self.tls.insert(Box::new(tls));
        tls.set_buffer_limit(None);
        self.ahead = ahead.to_vec();
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.write_records(deadline)?;
            self.read_records(deadline)?;
        }
        self.write_records(deadline)?;
        Ok(self.facts())
    }

    fn facts(&self) -> TlsAgreement {
        let tls = self.tls.as_deref();
        let version = tls.and_then(|tls| tls.protocol_version());
        let suite = tls.and_then(|tls| tls.negotiated_cipher_suite());
        let client = tls.and_then(|tls| Certificate::read(tls.peer_certificates()?.first()?));
        TlsAgreement {
            // rustls writes TLSv1_3.
            version: version.map_or(String::new(), |version| {
                format!("{version:?}").replace('_', ".")
            }),
            cipher: suite.map_or(String::new(), |suite| format!("{:?}", suite.suite())),
            server_name: tls.and_then(|tls| tls.server_name().map(ToString::to_string)),
            client: client.map(|client| client.subject),
        }
    }

    /// Reads at most once, and decrypts the input.
    fn read_records(&mut self, deadline: Instant) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        if !tls.wants_read() {
            return Ok(());
        }
        let mut under = Under {
            peer: &mut self.under,
            ahead: &mut self.ahead,
            deadline,
        };
        if tls.read_tls(&mut under)? == 0 && tls.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let digested = tls.process_new_packets();
        digested.map(drop).map_err(|error| {
            // The alert with the reason.
            let _ = tls.write_tls(&mut under);
            io::Error::new(io::ErrorKind::InvalidData, error)
        })
    }

    fn write_records(&mut self, deadline: Instant) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        let mut under = Under {
            peer: &mut self.under,
            ahead: &mut self.ahead,
            deadline,
        };
        while tls.wants_write() {
            tls.write_tls(&mut under)?;
        }
        Ok(())
    }

    /// Sends `close_notify` (RFC 8446 §6.1), unless the handshake has failed.
    pub fn end(&mut self, deadline: Instant) {
        if let Some(tls) = &mut self.tls
            && !tls.is_handshaking()
        {
            tls.send_close_notify();
            let _ = self.write_records(deadline);
        }
    }
}

impl<P: Transmission> Transmission for Sealed<P> {
    fn receive(&mut self, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            let Some(tls) = &mut self.tls else {
                return self.under.receive(into, deadline);
            };
            match tls.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Closed without close_notify; the session decides if that is premature.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.write_records(deadline)?;
            self.read_records(deadline)?;
        }
    }

    fn send(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return self.under.send(bytes, deadline);
        };
        tls.writer().write_all(bytes)?;
        self.write_records(deadline)
    }

    fn reset(&mut self) {
        self.under.reset();
    }
}

/// The connection below TLS, as `Read` and `Write` for rustls.
struct Under<'s, P> {
    peer: &'s mut P,
    ahead: &'s mut Vec<u8>,
    deadline: Instant,
}

impl<P: Transmission> Read for Under<'_, P> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return self.peer.receive(into, self.deadline);
        }
        let count = self.ahead.len().min(into.len());
        into[..count].copy_from_slice(&self.ahead[..count]);
        self.ahead.drain(..count);
        Ok(count)
    }
}

impl<P: Transmission> Write for Under<'_, P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.peer.send(bytes, self.deadline)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
