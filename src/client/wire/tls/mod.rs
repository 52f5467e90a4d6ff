//! TLS over any wire (RFC 8446, RFC 5246, RFC 3207): options and the handshake.

mod dane;
mod failure;
mod handshake;
mod identity;
mod inspected;
mod stream;
mod suite;
mod trust;

pub use handshake::Handshake;
pub use identity::Identity;

pub use crate::system::certificate::TlsSetupError;
pub use dane::{Dane, authenticating_record, is_usable};
pub(super) use failure::unwelcome;
pub use failure::{CertificateFault, TlsError};
pub use inspected::{ChainFault, TestHandshake, TestTls, TestTlsError};
pub use suite::{Suite, Weakness};
pub use trust::{Trust, TrustStore, Verification};

use crate::client::status::Hint;
use crate::client::wire::{Deadline, Stream, WireError};
use dane::{DaneFailure, DaneVerifier};
use failure::{PresentedChain, explain};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct,
    HandshakeKind, KeyLogFile, ProtocolVersion, SignatureScheme, SupportedProtocolVersion,
};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use trust::Verifier;

/// Options of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    pub trust: Trust,
    /// CAs to trust instead of the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Pinned certificates or keys, one of which must be the server's.
    pub pins: Vec<Pin>,
    /// The client certificate and its key, both in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the certificate must have; `None`: the host's.
    pub name: Option<String>,
    pub sni: Sni,
    pub versions: TlsVersions,
    /// File to write the server's certificates to, in PEM.
    pub save_certs: Option<PathBuf>,
}

/// The name of the server in the `ClientHello` (RFC 6066 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sni {
    /// The name that the certificate must have.
    #[default]
    Expected,
    Name(String),
    Absent,
}

/// The versions of TLS that are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    #[default]
    All,
    /// TLS 1.2.
    Only12,
    /// TLS 1.3.
    Only13,
}

impl TlsVersions {
    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::All => &ALL,
            Self::Only12 => &ALL[1..],
            Self::Only13 => &ALL[..1],
        }
    }
}

/// The SHA-256 of a certificate, or of the public key in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

/// Maximum number of sets of TLSA records whose TLS sessions are kept for resumption.
const MAX_DANE: usize = 32;

/// The verification of the certificate of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerCheck {
    /// As the options of the transport demand.
    #[default]
    Options,
    /// It has a chain to a trusted CA and the name of the host, whatever the options accept (RFC 8461 §4.2).
    Host,
    /// Any certificate is accepted, and the result of the same verification is reported.
    HostReported,
    /// It matches TLSA records.
    Dane(Arc<Dane>),
}

impl ServerCheck {
    /// The policy that demands it: `dane` or `sts`; `None`: the options do.
    fn policy(&self) -> Option<&'static str> {
        match self {
            Self::Options | Self::HostReported => None,
            Self::Host => Some("sts"),
            Self::Dane(_) => Some("dane"),
        }
    }
}

/// A server of a handshake.
#[derive(Clone, Copy)]
pub struct TlsServer<'a> {
    pub tls: &'a Tls,
    pub host: &'a str,
    pub check: &'a ServerCheck,
}

impl TlsServer<'_> {
    /// The name that the certificate must have, unless TLSA records demand something else.
    pub fn name(&self) -> &str {
        match self.check {
            ServerCheck::Options => self.tls.name(self.host),
            ServerCheck::Host | ServerCheck::HostReported => self.host,
            ServerCheck::Dane(dane) => &dane.base,
        }
    }
}

/// TLS for the connections of one run. The trust store is read when the first chain is verified; sessions are
/// resumed. Each way to verify has sessions of its own: a resumed session is not verified again, and must not
/// have begun under lower demands.
pub struct Tls {
    options: TlsOptions,
    /// False if no session is resumed.
    resumes: bool,
    identity: Arc<Identity>,
    judge: Arc<Verifier>,
    config: OnceLock<Arc<ClientConfig>>,
    /// For [`ServerCheck::Host`].
    host: OnceLock<(Arc<Verifier>, Arc<ClientConfig>)>,
    /// For [`ServerCheck::HostReported`].
    host_reported: OnceLock<(Arc<Verifier>, Arc<ClientConfig>)>,
    /// For [`ServerCheck::Dane`], the latest one last.
    dane: Mutex<Vec<(Arc<DaneVerifier>, Arc<ClientConfig>)>>,
}

/// A verifier, and the configuration with its sessions.
enum Configured {
    Verifier(Arc<Verifier>, Arc<ClientConfig>),
    Dane(Arc<DaneVerifier>, Arc<ClientConfig>),
}

/// Result of a TLS handshake.
#[derive(Debug)]
pub struct TlsResult {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The cipher suite, as rustls names it.
    pub cipher: &'static str,
    /// The key exchange; `None` for a resumed session without a new one.
    pub group: Option<&'static str>,
    /// True if an earlier TLS session was resumed.
    pub resumed: bool,
    /// The expected name.
    pub name: String,
    pub judgement: Verification,
    /// The policy that was applied: `dane` or `sts`; `None`: the options.
    pub policy: Option<&'static str>,
    /// The server's certificates in DER, its own first.
    pub chain: Vec<Vec<u8>>,
    /// The client certificate in DER, if one is configured.
    pub own: Option<Vec<u8>>,
    /// Reason for which the certificates could not be saved; `None`: saved, or not requested.
    pub unsaved: Option<String>,
    /// Channel binding `tls-exporter` (RFC 9266); `None` before TLS 1.3, where it may not be unique.
    pub exporter: Option<Vec<u8>>,
    /// Channel binding `tls-server-end-point` (RFC 5929 §4).
    pub end_point: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files that the options name, so that errors are reported before anything is sent.
    pub fn new(options: &TlsOptions) -> Result<Self, TlsSetupError> {
        let identity = options.identity.as_ref();
        Ok(Self {
            identity: Arc::new(match identity {
                Some((certificate, key)) => Identity::read(certificate, key)?,
                None => Identity::default(),
            }),
            judge: Arc::new(Verifier::new(options)?),
            options: options.clone(),
            resumes: true,
            config: OnceLock::new(),
            host: OnceLock::new(),
            host_reported: OnceLock::new(),
            dane: Mutex::default(),
        })
    }

    /// From here on, every handshake is a full one.
    pub fn disable_resumption(&mut self) {
        self.resumes = false;
    }

    /// Reads the trust store, if it has not been. Without it, the first handshake includes the time for that.
    pub fn load_trust(&self) {
        self.judge.load();
    }

    /// Shares the CAs with another that has the same `ca_file`. It must not have been used.
    pub fn share_trust(&mut self, store: &TrustStore) {
        if let Some(judge) = Arc::get_mut(&mut self.judge) {
            judge.share(store);
        }
    }

    /// The CAs, to be shared.
    pub fn trust_store(&self) -> &TrustStore {
        self.judge.shared()
    }

    /// A server that is verified as the options demand.
    pub fn server<'a>(&'a self, host: &'a str) -> TlsServer<'a> {
        TlsServer {
            tls: self,
            host,
            check: &ServerCheck::Options,
        }
    }

    /// The name that the certificate of this host must have.
    pub fn name<'n>(&'n self, host: &'n str) -> &'n str {
        self.options.name.as_deref().unwrap_or(host)
    }

    /// The name of the server in the `ClientHello` for this host; empty: it is not sent.
    pub fn sni<'n>(&'n self, host: &'n str) -> &'n str {
        match &self.options.sni {
            Sni::Expected => self.name(host),
            Sni::Name(name) => name,
            Sni::Absent => "",
        }
    }

    /// The configuration for a client that runs the handshake itself, verified as the options demand.
    #[cfg(feature = "postgres")]
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        Ok(self.configured(&ServerCheck::Options)?.config())
    }

    /// Runs the handshake over `under`, which must have no buffered data and is used exclusively from here
    /// on. No wait exceeds the deadline.
    pub(super) fn handshake(
        server: TlsServer<'_>,
        under: Box<dyn Stream>,
        deadline: Deadline,
    ) -> Result<(Box<dyn Stream>, TlsResult), TlsError> {
        let mut handshake = Handshake::new(server, under)?;
        match handshake.stream.handshake(deadline) {
            Ok(()) => handshake.finish(),
            Err(error) => Err(server.tls.failed(error, &handshake.configured, deadline)),
        }
    }

    /// A connection to the server that must have this name. Its name in SNI may be another one.
    fn connection(
        &self,
        configured: &Configured,
        expected: &ServerName<'static>,
    ) -> Result<ClientConnection, TlsError> {
        let (config, name) = match &self.options.sni {
            Sni::Expected | Sni::Absent => (configured.config(), expected.clone()),
            Sni::Name(name) => {
                let sent = ServerName::try_from(name.clone())
                    .map_err(|error| TlsError::Incompatible(error.to_string()))?;
                (configured.for_name(expected), sent)
            }
        };
        ClientConnection::new(config, name)
            .map_err(|error| TlsError::Incompatible(error.to_string()))
    }

    fn failed(
        &self,
        error: std::io::Error,
        configured: &Configured,
        deadline: Deadline,
    ) -> TlsError {
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref());
        match inside {
            Some(rustls::Error::InvalidCertificate(error)) => configured.refusal(error),
            // RFC 8446 §6.2: the alert concerns neither the client nor the protocol.
            Some(
                error @ rustls::Error::AlertReceived(
                    AlertDescription::InternalError | AlertDescription::UserCanceled,
                ),
            ) => TlsError::Wire(WireError::Io(std::io::Error::other(error.to_string()))),
            // Before TLS 1.3, no alert has this meaning.
            Some(rustls::Error::AlertReceived(_)) if self.identity.is_missing() => {
                let what = "the server requires a client certificate (--cert, --key)";
                TlsError::Incompatible(what.to_owned())
            }
            Some(error) => TlsError::Incompatible(explain(error, self.options.versions)),
            None => TlsError::Wire(deadline.explain(error)),
        }
    }

    fn configured(&self, check: &ServerCheck) -> Result<Configured, TlsError> {
        match check {
            ServerCheck::Options => {
                let config = if let Some(config) = self.config.get() {
                    config.clone()
                } else {
                    let config = self.config(self.judge.clone())?;
                    self.config.get_or_init(|| Arc::new(config)).clone()
                };
                Ok(Configured::Verifier(self.judge.clone(), config))
            }
            ServerCheck::Host => self.configured_by_host(&self.host, Trust::Verified),
            ServerCheck::HostReported => {
                self.configured_by_host(&self.host_reported, Trust::Reported)
            }
            ServerCheck::Dane(dane) => self.configured_for(dane),
        }
    }

    fn configured_by_host(
        &self,
        known: &OnceLock<(Arc<Verifier>, Arc<ClientConfig>)>,
        trust: Trust,
    ) -> Result<Configured, TlsError> {
        let (verifier, config) = if let Some(known) = known.get() {
            known
        } else {
            let verifier = Arc::new(self.judge.by_host(trust));
            let config = Arc::new(self.config(verifier.clone())?);
            known.get_or_init(|| (verifier, config))
        };
        Ok(Configured::Verifier(verifier.clone(), config.clone()))
    }

    fn configured_for(&self, dane: &Arc<Dane>) -> Result<Configured, TlsError> {
        let mut known = self.dane.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known
            .iter()
            .position(|(verifier, _)| verifier.dane == *dane);
        if found.is_none() {
            let verifier = Arc::new(DaneVerifier {
                dane: dane.clone(),
                options: self.judge.clone(),
            });
            let mut config = self.config(verifier.clone())?;
            // One server.
            config.resumption = Resumption::in_memory_sessions(2);
            known.push((verifier, Arc::new(config)));
            if known.len() > MAX_DANE {
                known.remove(0);
            }
        }
        let index = found.unwrap_or(known.len() - 1);
        let (verifier, config) = &known[index];
        Ok(Configured::Dane(verifier.clone(), config.clone()))
    }

    fn config(&self, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsError> {
        let wrong = |error: rustls::Error| TlsError::Incompatible(error.to_string());
        let builder = ClientConfig::builder_with_provider(self.judge.provider())
            .with_protocol_versions(self.options.versions.supported())
            .map_err(wrong)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = builder.with_client_cert_resolver(self.identity.clone());
        config.enable_sni = self.options.sni != Sni::Absent;
        if !self.resumes {
            config.resumption = Resumption::disabled();
        }
        if std::env::var_os("SSLKEYLOGFILE").is_some() {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(config)
    }

    fn secured(
        &self,
        connection: &ClientConnection,
        name: &str,
        judgement: Verification,
    ) -> TlsResult {
        let chain: Vec<Vec<u8>> = connection
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect();
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        let is_13 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let exporter = connection
            .export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None)
            .ok();
        TlsResult {
            version: if is_13 { "TLSv1.3" } else { "TLSv1.2" },
            cipher: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown"),
            group: connection
                .negotiated_key_exchange_group()
                .and_then(|group| group.name().as_str()),
            resumed,
            own: self.identity.certificate(),
            unsaved: self.judge.unsaved(),
            name: name.to_owned(),
            judgement,
            policy: None,
            exporter: exporter.filter(|_| is_13),
            end_point: chain
                .first()
                .and_then(|own| crate::system::certificate::end_point(own)),
            chain,
        }
    }
}

impl Configured {
    fn config(&self) -> Arc<ClientConfig> {
        match self {
            Self::Verifier(_, config) | Self::Dane(_, config) => config.clone(),
        }
    }

    /// The configuration for a server with another name in SNI. Sessions are stored by that name, so that one with
    /// another server could be resumed without a verification; none is.
    fn for_name(&self, expected: &ServerName<'static>) -> Arc<ClientConfig> {
        let verifier: Arc<dyn ServerCertVerifier> = match self {
            Self::Verifier(verifier, _) => verifier.clone(),
            Self::Dane(verifier, _) => verifier.clone(),
        };
        let mut config = ClientConfig::clone(&self.config());
        config.resumption = Resumption::disabled();
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(NamedVerifier {
                verifier,
                expected: expected.clone(),
            }));
        Arc::new(config)
    }

    /// The result of the verification in a handshake that succeeded. For DANE, the chain is compared again, because a
    /// resumed session has not been.
    fn judgement(
        &self,
        connection: &ClientConnection,
        name: &ServerName<'_>,
    ) -> Result<Verification, TlsError> {
        let verifier = match self {
            Self::Verifier(verifier, _) => {
                let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
                return Ok(verifier.judgement(resumed));
            }
            Self::Dane(verifier, _) => verifier,
        };
        let chain = connection.peer_certificates().unwrap_or_default();
        let (own, others) = chain.split_first().ok_or_else(|| {
            TlsError::Incompatible("the server presented no certificate".to_owned())
        })?;
        let shown = PresentedChain {
            own,
            others,
            name,
            now: UnixTime::now(),
        };
        match verifier.matching(&shown) {
            Ok(record) if verifier.dane.is_mx_secure => Ok(Verification::Dane(record.parameters())),
            Ok(record) => Ok(Verification::DaneOnly(record.parameters())),
            Err(failure) => Err(refused(&failure)),
        }
    }

    /// The error for a certificate that the verifier has refused.
    fn refusal(&self, error: &CertificateError) -> TlsError {
        match (self, error) {
            (Self::Verifier(verifier, _), _) => TlsError::Certificate {
                why: verifier.words(),
                chain: verifier.take_chain(),
                hint: verifier.hint(),
                fault: verifier.fault(),
            },
            (Self::Dane(..), CertificateError::Other(other)) => {
                let failure = other.0.downcast_ref::<DaneFailure>();
                let why = || TlsError::Incompatible(error.to_string());
                failure.map_or_else(why, refused)
            }
            (Self::Dane(..), error) => TlsError::Incompatible(error.to_string()),
        }
    }
}

/// Verifies the certificate for a name that is not the one in SNI.
#[derive(Debug)]
struct NamedVerifier {
    verifier: Arc<dyn ServerCertVerifier>,
    expected: ServerName<'static>,
}

impl ServerCertVerifier for NamedVerifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier
            .verify_server_cert(own, others, &self.expected, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

fn refused(failure: &DaneFailure) -> TlsError {
    TlsError::Certificate {
        why: failure.why.clone(),
        chain: failure.chain.clone(),
        hint: Some(Hint::TlsPolicy),
        fault: failure.fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::dns::Tlsa;

    fn dane(octet: u8) -> ServerCheck {
        ServerCheck::Dane(Arc::new(Dane {
            records: vec![Tlsa {
                usage: 3,
                selector: 1,
                matching: 1,
                data: vec![octet; 32],
            }],
            base: "mx.example.org".to_owned(),
            port: 25,
            names: Vec::new(),
            is_mx_secure: true,
        }))
    }

    #[test]
    fn a_session_is_not_resumed_under_another_check() {
        let tls = Tls::new(&TlsOptions::default()).unwrap();
        let config = |check: &ServerCheck| tls.configured(check).unwrap().config();
        let checks = [ServerCheck::Options, ServerCheck::Host, dane(1), dane(2)];
        for (place, check) in checks.iter().enumerate() {
            // The configuration has the sessions.
            assert!(Arc::ptr_eq(&config(check), &config(check)), "{check:?}");
            for other in &checks[..place] {
                assert!(
                    !Arc::ptr_eq(&config(check), &config(other)),
                    "{check:?}, {other:?}"
                );
            }
        }
        for octet in 0..100 {
            config(&dane(octet));
        }
        assert!(tls.dane.lock().unwrap().len() <= MAX_DANE);
    }
}
