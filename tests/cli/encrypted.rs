//! The scripted server inside TLS: the same script goes on, and every byte of the client's passes
//! through here, so that it is known what went out in clear, what in TLS, and what not at all.

use crate::authority::{BOTH, Papers};
use crate::program::Ehlo;
use crate::server::{PATIENCE, Server, Talk};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::{
    AlertDescription, ConnectionTrafficSecrets, Error, ProtocolVersion, ServerConfig,
    ServerConnection,
};
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// A server that offers STARTTLS with these certificates, and that is left after EHLO.
pub fn offering_starttls(papers: &Papers) -> Server<()> {
    let config = papers.config(BOTH);
    Server::start(move |talk| {
        Way::Starttls.open(talk, &config);
        talk.offer(&["PIPELINING"]);
        talk.quit();
    })
}

/// How a connection gets encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Starttls,
    Implicit,
}

impl Way {
    pub const BOTH: [Self; 2] = [Self::Starttls, Self::Implicit];

    /// The value of `--tls`.
    pub fn option(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
        }
    }

    /// Everything up to the handshake.
    #[track_caller]
    pub fn before(self, talk: &mut Talk) {
        if self == Self::Starttls {
            talk.greet(&["STARTTLS"]);
            talk.expect("STARTTLS");
            talk.say("220 go ahead");
        }
    }

    /// Everything up to EHLO inside TLS, which waits for its reply.
    #[track_caller]
    pub fn open(self, talk: &mut Talk, config: &Arc<ServerConfig>) {
        self.before(talk);
        talk.secure(config);
        if self == Self::Implicit {
            talk.say("220 mx.example ESMTP");
        }
    }

    /// Everything up to a handshake that the client breaks off, or that comes to nothing; no byte of
    /// SMTP follows.
    #[track_caller]
    pub fn fail(self, talk: &mut Talk, config: &Arc<ServerConfig>) -> Option<AlertDescription> {
        self.before(talk);
        talk.fail_to_secure(config)
    }
}

impl Ehlo {
    /// From alice to bob by this way, reported in JSON.
    pub fn secured_to<T>(server: &Server<T>, way: Way) -> Self {
        Self::to(server).args(["--json", "--tls", way.option()])
    }

    /// The same, where the relay has this name.
    pub fn secured_to_host<T>(server: &Server<T>, way: Way, relay: &str) -> Self {
        let there = format!("127.0.0.1:{}", server.port);
        Self::new()
            .args(["--helo", "me.example", "-f", "alice@crepes.fr", "--json"])
            .args(["-r", relay, "--connect-to", &there, "--tls", way.option()])
    }

    /// Trusts the CA that signed these, and no other.
    pub fn trusting(self, pem: &str) -> Self {
        let path = self.file("ca.pem", pem);
        self.args(["--ca-file".as_ref(), path.as_os_str()])
    }

    /// Shows this certificate.
    pub fn showing(self, papers: &Papers) -> Self {
        let certificate = self.file("cert.pem", papers.pem());
        let key = self.private("key.pem", papers.key_pem());
        self.args(["--cert".as_ref(), certificate.as_os_str()])
            .args(["--key".as_ref(), key.as_os_str()])
    }
}

impl Talk {
    /// The handshake, which must succeed. Nothing may have been said in clear that was not expected.
    #[track_caller]
    pub fn secure(&mut self, config: &Arc<ServerConfig>) {
        if let Err(error) = self.shake_hands(config) {
            panic!("the handshake failed: {error:?}");
        }
    }

    /// A handshake that the client must break off: with this alert, or by closing without one. Not a
    /// byte of what it says afterwards may be anything but that.
    #[track_caller]
    pub fn fail_to_secure(&mut self, config: &Arc<ServerConfig>) -> Option<AlertDescription> {
        let alert = match self.shake_hands(config) {
            Ok(()) => panic!("the handshake succeeded"),
            Err(Some(Error::AlertReceived(alert))) => Some(alert),
            Err(_) => None,
        };
        self.tls = None;
        self.inbox.clear();
        let rest = self.rest();
        assert!(rest.is_empty(), "said all the same: {}", text(&rest));
        alert
    }

    /// What the server thinks of the handshake; `Err(None)` when the client closes in the middle.
    pub fn shake_hands(&mut self, config: &Arc<ServerConfig>) -> Result<(), Option<Error>> {
        assert!(self.tls.is_none(), "it is encrypted already");
        let first = std::mem::take(&mut self.inbox);
        assert!(
            first.first().is_none_or(|&byte| byte == 22),
            "in clear before the handshake: {}",
            text(&first)
        );
        let mut connection = Box::new(ServerConnection::new(Arc::clone(config)).unwrap());
        connection.set_buffer_limit(None);
        let mut feed = first;
        loop {
            let mut unread = &feed[..];
            while !unread.is_empty() {
                connection.read_tls(&mut unread).unwrap();
                let digested = connection.process_new_packets();
                if !connection.is_handshaking() {
                    connection.writer().write_all(&self.early).unwrap();
                }
                self.write_out(&mut connection);
                digested.map_err(Some)?;
            }
            if !connection.is_handshaking() {
                break;
            }
            let mut block = vec![0; 64 * 1024];
            self.stream().set_read_timeout(Some(PATIENCE)).unwrap();
            let count = match self.stream().read(&mut block) {
                Ok(0) => return Err(None),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Err(None),
                Err(error) => panic!("the client does not go on with the handshake: {error}"),
            };
            feed = block[..count].to_vec();
        }
        self.inbox = plain(&mut connection);
        self.tls = Some(connection);
        Ok(())
    }

    /// These bytes as TLS makes records of them, not yet sent.
    pub fn sealed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let connection = self.tls.as_mut().expect("it is not encrypted");
        connection.writer().write_all(bytes).unwrap();
        let mut records = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut records).unwrap();
        }
        records
    }

    /// Takes the records apart that have come.
    #[track_caller]
    pub fn open_records(&mut self, mut records: &[u8]) {
        let connection = self.tls.as_mut().expect("it is not encrypted");
        while !records.is_empty() {
            connection.read_tls(&mut records).unwrap();
            match connection.process_new_packets() {
                Ok(_) | Err(Error::AlertReceived(_)) => {}
                Err(error) => panic!("the client sent what is no TLS: {error}"),
            }
            let plain = plain(connection);
            self.inbox.extend_from_slice(&plain);
        }
    }

    /// Sends bytes below TLS.
    #[track_caller]
    pub fn send_below(&mut self, bytes: &[u8]) {
        self.stream()
            .write_all(bytes)
            .expect("the client does not read");
    }

    /// The TLS way of saying that nothing more comes.
    pub fn say_close_notify(&mut self) {
        self.tls.as_mut().unwrap().send_close_notify();
        let records = self.sealed(b"");
        self.send_below(&records);
    }

    /// Whether the client has said `close_notify`.
    pub fn has_said_goodbye(&mut self) -> bool {
        let read = self.tls.as_mut().unwrap().reader().read(&mut [0]);
        read.is_ok_and(|count| count == 0)
    }

    /// From here on, the test makes the server's records itself.
    pub fn forger(&mut self) -> Forger {
        let connection = *self.tls.take().expect("it is not encrypted");
        let is_13 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let secrets = connection.dangerous_extract_secrets().unwrap();
        let (sequence, secrets) = secrets.tx;
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
            panic!("another cipher than expected");
        };
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap();
        Forger {
            key: LessSafeKey::new(key),
            iv: iv.as_ref().try_into().unwrap(),
            sequence,
            is_13,
        }
    }

    /// Sends the same record again and again, each sealed anew, until the client has gone.
    #[track_caller]
    pub fn flood_with(&mut self, forger: &mut Forger, kind: u8, plain: &[u8]) {
        let start = Instant::now();
        loop {
            let mut block = Vec::new();
            while block.len() < 16 * 1024 {
                block.extend(forger.record(kind, plain));
            }
            if self.stream().write_all(&block).is_err() {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "the client reads for ever");
        }
        self.is_over = true;
    }

    fn write_out(&self, connection: &mut ServerConnection) {
        let mut records = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut records).unwrap();
        }
        let pieces = if self.pace.is_some() {
            1
        } else {
            records.len().max(1)
        };
        for piece in records.chunks(pieces) {
            // A client that has gone away does not mind.
            if self.stream().write_all(piece).is_err() {
                break;
            }
            thread::sleep(self.pace.unwrap_or_default());
        }
    }
}

/// Makes records with the server's keys, whatever the state of the protocol is.
pub struct Forger {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
    is_13: bool,
}

impl Forger {
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const DATA: u8 = 23;

    /// One record of this type.
    pub fn record(&mut self, kind: u8, plain: &[u8]) -> Vec<u8> {
        let sequence = self.sequence.to_be_bytes();
        self.sequence += 1;
        let mut nonce = self.iv;
        let mut sealed = plain.to_vec();
        let (outer, explicit, aad) = if self.is_13 {
            for (byte, of_sequence) in nonce[4..].iter_mut().zip(sequence) {
                *byte ^= of_sequence;
            }
            sealed.push(kind);
            let length = u16::try_from(sealed.len() + 16).unwrap().to_be_bytes();
            let aad = vec![23, 3, 3, length[0], length[1]];
            (23, Vec::new(), aad)
        } else {
            nonce[4..].copy_from_slice(&sequence);
            // Not one that rustls has used: it counts from a random number.
            nonce[4] ^= 0x80;
            let length = u16::try_from(sealed.len()).unwrap().to_be_bytes();
            let aad = [&sequence[..], &[kind, 3, 3], &length].concat();
            (kind, nonce[4..].to_vec(), aad)
        };
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed)
            .unwrap();
        let length = u16::try_from(explicit.len() + sealed.len()).unwrap();
        let mut record = vec![outer, 3, 3];
        record.extend(length.to_be_bytes());
        record.extend(explicit);
        record.extend(sealed);
        record
    }
}

fn plain(connection: &mut ServerConnection) -> Vec<u8> {
    let mut all = Vec::new();
    // `WouldBlock` at the end of what has come.
    let _ = connection.reader().read_to_end(&mut all);
    all
}

fn text(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(300)].escape_ascii().to_string()
}
