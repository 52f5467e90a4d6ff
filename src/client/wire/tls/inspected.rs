//! TLS of a test client: every certificate is accepted, and what was found is reported. A caller decides then.

use crate::client::wire::tls::stream;
use crate::client::wire::tls::stream::TlsStream;
use crate::client::wire::tls::trust::system_cas;
use crate::client::wire::{Deadline, Stream, Wire};
use crate::system::certificate::{Certificate, certificates};
use crate::system::text::reason;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    ProtocolVersion, RootCertStore, SignatureScheme, SupportedCipherSuite,
    SupportedProtocolVersion,
};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A fatal alert in a record of its own (RFC 8446 §6).
const INTERNAL_ERROR: [u8; 7] = [21, 3, 1, 0, 2, 2, 80];

/// Options of one handshake.
#[derive(Clone, Debug)]
pub struct TestTls {
    pub allows_12: bool,
    pub allows_13: bool,
    /// The cipher suites of TLS 1.2, as rustls names them; `None`: all. Those of TLS 1.3 are always offered.
    pub suites_12: Option<Vec<String>>,
    /// The name in SNI.
    pub sni: Option<String>,
    /// File or directory with trusted CAs in PEM; `None`: those of the system.
    pub cas: Option<PathBuf>,
    /// Files with the chain of the client certificate, its own certificate first, and the file with its key.
    pub identity: Option<(Vec<PathBuf>, PathBuf)>,
}

/// What a handshake has found.
#[derive(Debug)]
pub struct TestHandshake {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The cipher suite, as rustls names it.
    pub cipher: &'static str,
    /// The server's certificates in DER, its own first.
    pub chain: Vec<Vec<u8>>,
    /// The client's.
    pub own_chain: Vec<Vec<u8>>,
    /// True if the server has requested a client certificate.
    pub is_certificate_requested: bool,
    /// `None`: the chain leads to a trusted CA, and is valid now.
    pub chain_fault: Option<ChainFault>,
}

/// The fault of a chain, whatever name the certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainFault {
    Expired,
    NotYetValid,
    /// No trusted CA has issued it.
    UnknownIssuer,
}

/// Reason for which there is no TLS.
#[derive(Debug)]
pub enum TestTlsError {
    /// No cipher suite is left.
    NoCiphers,
    /// The server has sent an alert: its number, and its name.
    Alert(u8, String),
    /// The server does not use TLS.
    NotTls,
    /// Something else, in words.
    Other(String),
}

impl TestTlsError {
    fn of(error: &impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    fn of_handshake(error: &std::io::Error) -> Self {
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref());
        match inside {
            Some(Error::AlertReceived(alert)) => {
                Self::Alert(u8::from(*alert), format!("{alert:?}"))
            }
            Some(Error::InvalidMessage(_)) => Self::NotTls,
            Some(other) => Self::of(other),
            None => Self::Other(reason(error)),
        }
    }
}

impl Wire {
    /// Encrypts this wire. Unread data received in clear is an error (RFC 3207 §4.2). After a failed handshake, the
    /// connection continues as the handshake left it.
    pub fn secure_for_test(
        &mut self,
        tls: &TestTls,
        limit: Duration,
    ) -> Result<TestHandshake, TestTlsError> {
        if self.unread < self.inbox.len() {
            return Err(TestTlsError::Other(
                "received plaintext data before the handshake".to_owned(),
            ));
        }
        let client = match TestClient::new(tls) {
            Err(TestTlsError::NoCiphers) => {
                // The server waits for a handshake.
                self.outbox.extend_from_slice(&INTERNAL_ERROR);
                let _ = self.flush(limit);
                return Err(TestTlsError::NoCiphers);
            }
            client => client?,
        };
        self.limit_reads(limit, limit)
            .and_then(|()| self.limit_writes(limit))
            .map_err(|error| TestTlsError::of(&error))?;
        let clear = std::mem::replace(&mut self.stream, Box::new(stream::Gone));
        let (stream, found) = client.handshake(clear, Deadline::after(limit));
        self.stream = stream;
        self.read_limit = Duration::ZERO;
        self.write_limit = Duration::ZERO;
        found
    }
}

/// A configured client.
struct TestClient {
    connection: ClientConnection,
    identity: Arc<TestIdentity>,
    cas: TrustedCas,
}

/// The trusted certificates.
struct TrustedCas {
    roots: RootCertStore,
    /// Those of the options as they are, for a server that presents one of them.
    given: Vec<CertificateDer<'static>>,
}

impl TrustedCas {
    fn add(&mut self, cas: Vec<CertificateDer<'static>>) {
        self.roots.add_parsable_certificates(cas.iter().cloned());
        self.given.extend(cas);
    }
}

impl TestClient {
    fn new(tls: &TestTls) -> Result<Self, TestTlsError> {
        let mut provider = rustls::crypto::ring::default_provider();
        provider.cipher_suites.retain(|suite| tls.offers(*suite));
        if provider.cipher_suites.is_empty() {
            return Err(TestTlsError::NoCiphers);
        }
        let identity = Arc::new(TestIdentity::new(tls, &provider)?);
        let provider = Arc::new(provider);
        let verifier = AcceptAll(provider.signature_verification_algorithms);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&tls.versions())
            .map_err(|error| TestTlsError::of(&error))?;
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(identity.clone());
        config.enable_sni = tls.sni.is_some();
        let name = tls.sni.clone().unwrap_or_else(|| "localhost".to_owned());
        let name = ServerName::try_from(name.clone()).map_err(|_| {
            TestTlsError::Other(format!(
                "Unable to set SNI hostname to {name}: not a host name"
            ))
        })?;
        Ok(Self {
            connection: ClientConnection::new(Arc::new(config), name)
                .map_err(|error| TestTlsError::of(&error))?,
            identity,
            cas: tls.trusted_cas()?,
        })
    }

    /// Returns the stream to continue with.
    fn handshake(
        self,
        under: Box<dyn Stream>,
        deadline: Deadline,
    ) -> (Box<dyn Stream>, Result<TestHandshake, TestTlsError>) {
        let mut stream = TlsStream::new(self.connection, under);
        if let Err(error) = stream.handshake(deadline) {
            let error = TestTlsError::of_handshake(&error);
            return (stream.into_under(), Err(error));
        }
        let connection = &stream.connection;
        let is_13 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let chain = connection.peer_certificates().unwrap_or_default();
        let suite = connection.negotiated_cipher_suite();
        let found = TestHandshake {
            version: if is_13 { "TLSv1.3" } else { "TLSv1.2" },
            cipher: suite
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown"),
            chain: chain.iter().map(|one| one.to_vec()).collect(),
            own_chain: self.identity.chain(),
            is_certificate_requested: self.identity.is_requested.load(Ordering::Relaxed),
            chain_fault: fault(chain, &self.cas),
        };
        (Box::new(stream), Ok(found))
    }
}

impl TestTls {
    fn offers(&self, suite: SupportedCipherSuite) -> bool {
        match suite {
            SupportedCipherSuite::Tls13(_) => self.allows_13,
            SupportedCipherSuite::Tls12(_) => {
                let name = suite.suite().as_str().unwrap_or_default();
                let names = self.suites_12.as_ref();
                self.allows_12 && names.is_none_or(|names| names.iter().any(|one| one == name))
            }
        }
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let all = [
            (self.allows_13, &rustls::version::TLS13),
            (self.allows_12, &rustls::version::TLS12),
        ];
        let allowed = all.into_iter().filter(|(is_allowed, _)| *is_allowed);
        allowed.map(|(_, version)| version).collect()
    }

    fn trusted_cas(&self) -> Result<TrustedCas, TestTlsError> {
        let mut trusted = TrustedCas {
            roots: RootCertStore::empty(),
            given: Vec::new(),
        };
        let unreadable = |path: &PathBuf, why: String| {
            TestTlsError::Other(format!(
                "Unable to set set CA path to ({}): {why}",
                path.display()
            ))
        };
        match &self.cas {
            None => {
                trusted.roots.add_parsable_certificates(system_cas());
            }
            Some(path) if path.is_dir() => {
                let entries =
                    fs::read_dir(path).map_err(|error| unreadable(path, reason(&error)))?;
                for entry in entries.flatten() {
                    // A directory may have other files.
                    if let Ok(cas) = certificates("--tls-ca-path", &entry.path()) {
                        trusted.add(cas);
                    }
                }
            }
            Some(path) => {
                let cas = certificates("--tls-ca-path", path);
                let cas = cas.map_err(|error| unreadable(path, error.to_string()))?;
                trusted.add(cas);
            }
        }
        Ok(trusted)
    }
}

/// An error of the system as OpenSSL 3 words it.
fn of_system(error: &std::io::Error) -> String {
    let code = 0x8000_0000 | error.raw_os_error().unwrap_or_default().unsigned_abs();
    format!("error:{code:08X}:system library::{}", reason(error))
}

/// Verifies the chain without regard to the name. The issuer comes before the dates, as in OpenSSL.
fn fault(chain: &[CertificateDer<'_>], cas: &TrustedCas) -> Option<ChainFault> {
    let (own, others) = chain.split_first()?;
    if cas.given.contains(own)
        && let Some(trusted) = Certificate::read(own)
        && trusted.subject == trusted.issuer
    {
        return fault_of_dates(&trusted);
    }
    let Ok(parsed) = ParsedCertificate::try_from(own) else {
        return Some(ChainFault::UnknownIssuer);
    };
    let provider = rustls::crypto::ring::default_provider();
    let verify = |at: UnixTime| {
        let algorithms = provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &cas.roots, others, at, algorithms)
    };
    let fault = match verify(UnixTime::now()) {
        Ok(()) => return None,
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => ChainFault::Expired,
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => ChainFault::NotYetValid,
        Err(_) => return Some(ChainFault::UnknownIssuer),
    };
    let begin = Certificate::read(own)?.not_before;
    let begin = Duration::from_secs(u64::try_from(begin).unwrap_or_default() + 1);
    match verify(UnixTime::since_unix_epoch(begin)) {
        Ok(())
        | Err(Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Some(fault),
        Err(_) => Some(ChainFault::UnknownIssuer),
    }
}

/// For a self-signed certificate that is trusted itself.
fn fault_of_dates(certificate: &Certificate) -> Option<ChainFault> {
    let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
    if now < certificate.not_before {
        Some(ChainFault::NotYetValid)
    } else if now > certificate.not_after {
        Some(ChainFault::Expired)
    } else {
        None
    }
}

/// The client certificate, and if the server has requested one.
#[derive(Debug)]
struct TestIdentity {
    key: Option<Arc<CertifiedKey>>,
    is_requested: AtomicBool,
}

impl TestIdentity {
    fn new(tls: &TestTls, provider: &CryptoProvider) -> Result<Self, TestTlsError> {
        let mut identity = Self {
            key: None,
            is_requested: AtomicBool::new(false),
        };
        let Some((files, key_file)) = &tls.identity else {
            return Ok(identity);
        };
        let mut chain = Vec::new();
        for file in files {
            if let Err(error) = File::open(file) {
                let why = of_system(&error);
                let file = file.display();
                let words = format!("Unable to read from cert file {file}: {why}");
                return Err(TestTlsError::Other(words));
            }
            let read = certificates("--tls-cert", file).map_err(|error| {
                let file = file.display();
                TestTlsError::Other(format!("Unable to read from cert file {file}: {error}"))
            })?;
            chain.extend(read);
        }
        let unusable = |why: String| {
            let file = key_file.display();
            TestTlsError::Other(format!("Unable to add key file {file} to SSL CTX: {why}"))
        };
        if let Err(error) = File::open(key_file) {
            return Err(unusable(of_system(&error)));
        }
        let key = PrivateKeyDer::from_pem_file(key_file);
        let key = key.map_err(|error| unusable(error.to_string()))?;
        let key = CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| unusable(error.to_string()))?;
        identity.key = Some(Arc::new(key));
        Ok(identity)
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        let chain = self.key.iter().flat_map(|key| &key.cert);
        chain.map(|one| one.to_vec()).collect()
    }
}

impl ResolvesClientCert for TestIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_requested.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

/// Accepts every certificate; the signature of the handshake must be that of its key.
#[derive(Debug)]
struct AcceptAll(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, own, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, own, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
