//! The server's side of TLS: a certificate that is generated at the start, or one from files.

use crate::system::certificate::{TlsSetupError, certificates, private_key};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The source of the certificate, and the requirements on clients.
#[derive(Debug, Clone)]
pub struct ServerTlsOptions {
    /// True if TLS begins with the connection (RFC 8314) and not with STARTTLS.
    pub is_implicit: bool,
    /// The certificate and its key; `None`: both are generated.
    pub files: Option<(PathBuf, PathBuf)>,
    /// Names in a generated certificate, besides the loopback addresses.
    pub names: Vec<String>,
    /// The authority that must have issued the certificate of a client; `None`: none is requested.
    pub client_ca: Option<PathBuf>,
}

/// TLS settings with the certificate.
#[derive(Debug, Clone)]
pub struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
    /// True if TLS begins with the connection.
    pub(super) is_implicit: bool,
    authority: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum EncryptionError {
    #[error(transparent)]
    File(#[from] TlsSetupError),
    #[error("cannot use {} (--cert) with the key from --key: {source}", path.display())]
    Pair {
        path: PathBuf,
        source: rustls::Error,
    },
    #[error("cannot create a certificate: {0}")]
    Make(#[from] rcgen::Error),
    #[error("cannot use {} (--client-ca): {why}", path.display())]
    ClientCa { path: PathBuf, why: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsAgreement {
    pub version: String,
    /// Like `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The name that the client asked for.
    pub server_name: Option<String>,
    pub client: Option<String>,
}

struct CertificateAndKey {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: Option<String>,
}

impl ServerTls {
    /// Reads or makes the certificate.
    pub fn new(options: &ServerTlsOptions) -> Result<ServerTls, EncryptionError> {
        let certificate = match &options.files {
            Some((cert, key)) => CertificateAndKey::read(cert, key)?,
            None => CertificateAndKey::make(&options.names)?,
        };
        let verifier = match &options.client_ca {
            Some(path) => clients_of(path)?,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let path = options.files.as_ref().map(|(cert, _)| cert.clone());
        let pair = |source| EncryptionError::Pair {
            path: path.unwrap_or_default(),
            source,
        };
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_client_cert_verifier(verifier))
            .and_then(|builder| builder.with_single_cert(certificate.chain, certificate.key))
            .map_err(pair)?;
        Ok(ServerTls {
            config: Arc::new(config),
            is_implicit: options.is_implicit,
            authority: certificate.authority,
        })
    }

    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }
}

impl CertificateAndKey {
    fn read(cert: &Path, key: &Path) -> Result<CertificateAndKey, TlsSetupError> {
        Ok(CertificateAndKey {
            chain: certificates("--cert", cert)?,
            key: private_key(key)?,
            authority: None,
        })
    }

    /// Generates a certificate with an authority of its own, which a client can be configured to trust.
    fn make(names: &[String]) -> Result<CertificateAndKey, rcgen::Error> {
        let authority = CertifiedIssuer::self_signed(authority()?, new_key()?)?;
        let key = new_key()?;
        let own = leaf(names)?.signed_by(&key, &authority)?;
        Ok(CertificateAndKey {
            chain: vec![own.der().clone(), authority.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            authority: Some(authority.pem()),
        })
    }
}

fn new_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    name(&mut params, "ehlo sink CA");
    Ok(params)
}

fn leaf(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let usual = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let is_name =
        |name: &&String| crate::system::host::is_host_name(name) || name.parse::<IpAddr>().is_ok();
    let mut all: Vec<String> = names.iter().filter(is_name).cloned().collect();
    all.extend(usual);
    all.dedup();
    let mut params = CertificateParams::new(all)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    name(&mut params, "ehlo sink");
    Ok(params)
}

fn name(params: &mut CertificateParams, name: &str) {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
}

fn clients_of(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, EncryptionError> {
    let failed = |why: String| EncryptionError::ClientCa {
        path: path.to_owned(),
        why,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("--client-ca", path)? {
        roots
            .add(certificate)
            .map_err(|error| failed(error.to_string()))?;
    }
    let provider = Arc::new(default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| failed(error.to_string()))
}
