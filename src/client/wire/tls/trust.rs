//! Verification of server certificates (RFC 9525, RFC 7435).

use crate::client::status::Hint;
use crate::client::wire::tls::failure::{
    CertificateFault, PresentedChain, is_about_the_issuer, words,
};
use crate::client::wire::tls::{Pin, TlsOptions, TlsSetupError};
use crate::system::certificate::{Certificate, certificates, key_sha256, sha256, weakness};
use crate::system::text::reason;
use base64::prelude::{BASE64_STANDARD, Engine};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The certificates that are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Any: protects against passive eavesdropping (RFC 7435).
    #[default]
    Any,
    /// Any, but the result of the verification is reported.
    Reported,
    /// Pinned, or else with a chain to a trusted CA, the right name and a valid date.
    Verified,
}

/// Result of the verification of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    #[default]
    Unchecked,
    /// Chain, name and dates are right.
    Verified,
    /// It matches a pin.
    Pinned,
    /// It matches this TLSA record, written as `3 1 1`.
    Dane(String),
    /// The same, but the MX records that lead to the server are not signed, so that an attacker may have named
    /// the server (RFC 7672 §2.2.1).
    DaneOnly(String),
    /// It is not trusted, for this reason. The text follows "the certificate of HOST".
    Distrusted(String),
    /// It matches none of the pins; the text follows "the certificate of HOST".
    NotPinned(String),
}

impl Verification {
    /// The text after "certificate of HOST".
    pub fn words(&self) -> String {
        match self {
            Self::Unchecked => "not checked".to_owned(),
            Self::Verified => "verified".to_owned(),
            Self::Pinned => "as pinned".to_owned(),
            Self::Dane(record) => format!("verified by DANE ({record})"),
            Self::DaneOnly(record) => {
                format!("verified by DANE ({record}), but the MX records are not signed")
            }
            Self::Distrusted(why) | Self::NotPinned(why) => format!("not trusted: it {why}"),
        }
    }

    /// True if the server is authenticated.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Verified | Self::Pinned | Self::Dane(_))
    }
}

/// The CAs that verifiers trust. They are read on first use, once for all verifiers that share them.
#[derive(Clone, Debug, Default)]
pub struct TrustStore(Arc<OnceLock<Result<Arc<WebPkiServerVerifier>, String>>>);

/// Verifier of certificates, and its last result.
#[derive(Debug)]
pub struct Verifier {
    trust: Trust,
    pins: Vec<Pin>,
    /// CAs trusted in addition to the system's or instead of them.
    cas: Option<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
    store: TrustStore,
    seen: Mutex<Verification>,
    /// The fault of the last certificate.
    fault: Mutex<CertificateFault>,
    /// The last chain that was rejected.
    refused: Mutex<Vec<Vec<u8>>>,
    save: Option<Arc<Save>>,
}

impl Verifier {
    pub fn new(options: &TlsOptions) -> Result<Self, TlsSetupError> {
        let cas = options.ca_file.as_ref();
        let save = options.save_certs.as_ref();
        Ok(Self {
            trust: options.trust,
            pins: options.pins.clone(),
            cas: cas
                .map(|path| certificates("--ca-file", path))
                .transpose()?,
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            store: TrustStore::default(),
            seen: Mutex::default(),
            fault: Mutex::default(),
            refused: Mutex::default(),
            save: save.map(|path| Save::open(path)).transpose()?.map(Arc::new),
        })
    }

    /// A verifier for a policy that demands a chain to a trusted CA and the host's name, whatever the options accept;
    /// or one that reports if that is met.
    pub fn by_host(&self, trust: Trust) -> Self {
        Self {
            trust,
            pins: Vec::new(),
            cas: self.cas.clone(),
            provider: self.provider.clone(),
            store: self.store.clone(),
            seen: Mutex::default(),
            fault: Mutex::default(),
            refused: Mutex::default(),
            save: self.save.clone(),
        }
    }

    /// Shares the CAs of another verifier, which has the same options about them.
    pub fn share(&mut self, store: &TrustStore) {
        self.store = store.clone();
    }

    pub fn shared(&self) -> &TrustStore {
        &self.store
    }

    pub fn provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    /// The verification result of the handshake that has just succeeded. A resumed session was verified when
    /// it began.
    pub fn judgement(&self, resumed: bool) -> Verification {
        match self.trust {
            Trust::Verified if resumed && !self.pins.is_empty() => Verification::Pinned,
            Trust::Verified if resumed => Verification::Verified,
            _ if resumed => Verification::Unchecked,
            _ => self.seen().clone(),
        }
    }

    /// The error of the last certificate, after "the certificate of HOST".
    pub fn words(&self) -> String {
        match &*self.seen() {
            Verification::Distrusted(why) | Verification::NotPinned(why) => why.clone(),
            _ => "cannot be checked".to_owned(),
        }
    }

    /// The remedy for the last certificate error.
    pub fn hint(&self) -> Option<Hint> {
        let is_pinned = matches!(*self.seen(), Verification::NotPinned(_));
        (!is_pinned).then_some(Hint::TrustCertificate)
    }

    /// Reason for which the certificates could not be saved.
    pub fn unsaved(&self) -> Option<String> {
        self.save.as_ref()?.failure()
    }

    /// Takes the last rejected chain.
    pub fn take_chain(&self) -> Vec<Vec<u8>> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *refused)
    }

    fn seen(&self) -> MutexGuard<'_, Verification> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the trust store, if it has not been. An error is reported when a certificate is verified.
    pub fn load(&self) {
        if self.trust != Trust::Any {
            let _ = self.store();
        }
    }

    /// The trust store, read on first use.
    fn store(&self) -> Result<&Arc<WebPkiServerVerifier>, String> {
        let store = self.store.0.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            let cas = match &self.cas {
                Some(cas) => cas.clone(),
                None => system_cas(),
            };
            roots.add_parsable_certificates(cas);
            if roots.is_empty() {
                return Err(
                    "cannot be checked, because no CA is trusted: there are none on this system, \
                            or none in the file"
                        .to_owned(),
                );
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .build()
                .map_err(|error| format!("cannot be checked: {error}"))
        });
        store.as_ref().map_err(Clone::clone)
    }

    fn judge(&self, shown: &PresentedChain<'_>) -> Verification {
        if self.trust == Trust::Any {
            return Verification::Unchecked;
        }
        if !self.pins.is_empty() {
            let judgement = self.pinned(shown.own);
            if judgement != Verification::Pinned || self.cas.is_none() {
                return judgement;
            }
        }
        match self.chain(shown) {
            Ok(()) => Verification::Verified,
            Err(why) => Verification::Distrusted(why),
        }
    }

    fn pinned(&self, own: &CertificateDer<'_>) -> Verification {
        let certificate = sha256(own);
        let key = key_sha256(own);
        let is_it = |pin: &Pin| pin.0 == certificate || Some(pin.0) == key;
        if self.pins.iter().any(is_it) {
            return Verification::Pinned;
        }
        let key = key.map_or_else(String::new, |key| {
            format!(" with key sha256:{}", crate::system::certificate::hex(&key))
        });
        let certificate = crate::system::certificate::hex(&certificate);
        Verification::NotPinned(format!(
            "does not match --pin: it is sha256:{certificate}{key}"
        ))
    }

    fn chain(&self, shown: &PresentedChain<'_>) -> Result<(), String> {
        let verified =
            self.store()?
                .verify_server_cert(shown.own, shown.others, shown.name, &[], shown.now);
        match verified {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(error)) => {
                if let Some(weakness) = weakness(shown.own) {
                    return Err(weakness);
                }
                let listed = is_about_the_issuer(&error).then(|| self.listed(shown));
                let verdict = listed.flatten().unwrap_or(Err(error));
                verdict.map_err(|error| {
                    *self.last_fault() = CertificateFault::of(&error);
                    words(&error, shown)
                })
            }
            Err(other) => Err(format!("cannot be checked: {other}")),
        }
    }

    /// A self-signed certificate in the CA file is trusted as such; the certificate of an appliance is often
    /// both its own CA and its own leaf, which no chain can express. Returns its remaining errors, or `None`
    /// if the CA file does not contain it.
    fn listed(&self, shown: &PresentedChain<'_>) -> Option<Result<(), CertificateError>> {
        self.cas.iter().flatten().find(|ca| *ca == shown.own)?;
        let read = Certificate::read(shown.own)?;
        let parsed = ParsedCertificate::try_from(shown.own).ok()?;
        let now = shown.now();
        Some(if now < read.not_before {
            Err(CertificateError::NotValidYet)
        } else if now > read.not_after {
            Err(CertificateError::Expired)
        } else {
            verify_server_name(&parsed, shown.name).map_err(|_| CertificateError::NotValidForName)
        })
    }

    /// The fault of the last certificate.
    pub fn fault(&self) -> CertificateFault {
        *self.last_fault()
    }

    fn last_fault(&self) -> MutexGuard<'_, CertificateFault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn save(&self, shown: &PresentedChain<'_>) {
        if let Some(save) = &self.save {
            let chain = std::iter::once(shown.own).chain(shown.others);
            save.add(&shown.name.to_str(), chain.map(AsRef::as_ref));
        }
    }

    fn keep_refused(&self, own: &CertificateDer<'_>, others: &[CertificateDer<'_>]) {
        let chain = std::iter::once(own).chain(others).map(|one| one.to_vec());
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = chain.collect();
    }

    /// True if a certificate must be valid; else any certificate and any signature is accepted.
    fn believes(&self) -> bool {
        self.trust == Trust::Verified
    }

    /// Checks the handshake's signature with the key of the certificate.
    fn signed(
        &self,
        certificate: &CertificateDer<'_>,
        verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trust == Trust::Any {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify(&self.provider.signature_verification_algorithms).or_else(|error| {
            let why = weakness(certificate).unwrap_or_else(|| {
                format!("does not match the signature of the handshake: {error}")
            });
            *self.seen() = Verification::Distrusted(why);
            if !self.believes() {
                return Ok(HandshakeSignatureValid::assertion());
            }
            self.keep_refused(certificate, &[]);
            Err(error)
        })
    }
}

/// The CAs that the system trusts. If a file contains all of them, the directory with one file for each is
/// not read.
pub fn system_cas() -> Vec<CertificateDer<'static>> {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let (file, directory) = (set("SSL_CERT_FILE"), set("SSL_CERT_DIR"));
    let has_own_directory = match (&file, &directory) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(file), Some(directory)) => file.parent() != Some(directory),
    };
    if !has_own_directory && let Some(file) = file.or_else(|| openssl_probe::probe().cert_file) {
        let bundle = rustls_native_certs::load_certs_from_paths(Some(&file), None).certs;
        if !bundle.is_empty() {
            return bundle;
        }
    }
    rustls_native_certs::load_native_certs().certs
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = PresentedChain {
            own,
            others,
            name,
            now,
        };
        self.save(&shown);
        let judgement = self.judge(&shown);
        let good = judgement.is_good();
        *self.seen() = judgement;
        if good || !self.believes() {
            return Ok(ServerCertVerified::assertion());
        }
        self.keep_refused(own, others);
        Err(Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure,
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(certificate, |algorithms| {
            rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(certificate, |algorithms| {
            rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self
            .provider
            .signature_verification_algorithms
            .supported_schemes();
        if !self.believes() {
            // Old servers support nothing else, and the result does not depend on it.
            schemes.extend([
                SignatureScheme::ECDSA_NISTP521_SHA512,
                SignatureScheme::ED448,
                SignatureScheme::RSA_PKCS1_SHA1,
                SignatureScheme::ECDSA_SHA1_Legacy,
            ]);
        }
        schemes
    }
}

/// The file, and its state.
#[derive(Debug)]
pub struct Save(Mutex<SaveState>);

#[derive(Debug)]
struct SaveState {
    file: File,
    begun: bool,
    failed: Option<String>,
}

impl Save {
    /// Opens the file, so that errors are reported early. Its contents stay until the first chain is written.
    pub fn open(path: &Path) -> Result<Self, TlsSetupError> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.map_err(|why| {
            let path = path.to_owned();
            TlsSetupError::Unwritable { path, why }
        })?;
        Ok(Self(Mutex::new(SaveState {
            file,
            begun: false,
            failed: None,
        })))
    }

    /// Adds a chain, with the name of the server as a comment.
    pub fn add<'c>(&self, name: &str, chain: impl Iterator<Item = &'c [u8]>) {
        let mut pem = format!("# {name}\n");
        for certificate in chain {
            pem.push_str(&armoured(certificate));
        }
        let mut inner = self.inner();
        if let Err(error) = inner.write(&pem) {
            inner.failed = Some(reason(&error));
        }
    }

    pub fn failure(&self) -> Option<String> {
        self.inner().failed.clone()
    }

    fn inner(&self) -> MutexGuard<'_, SaveState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SaveState {
    /// The old contents of the file are dropped at the first write.
    fn write(&mut self, pem: &str) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            // Pipes and the like have no length.
            let _ = self.file.set_len(0);
        }
        self.file.write_all(pem.as_bytes())
    }
}

/// PEM (RFC 7468).
fn armoured(der: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let text = BASE64_STANDARD.encode(der);
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
