//! A certificate authority of our own, good or bad as the test wants it, and the servers that show
//! its certificates.

use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

/// What is to be different from a good certificate.
pub type Change = fn(&mut CertificateParams);

/// Nothing.
pub const AS_IS: Change = |_| ();

/// Both versions.
pub const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
pub const ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
pub const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];

/// Somebody who signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What its leaves must show besides themselves: itself, unless it is a root.
    above: Vec<CertificateDer<'static>>,
}

impl Authority {
    /// A root.
    pub fn new() -> Self {
        Self::named("Test Root")
    }

    /// A root of another name.
    pub fn named(name: &str) -> Self {
        let root = CertifiedIssuer::self_signed(ca(name), key()).unwrap();
        Self {
            issuer: root,
            above: Vec::new(),
        }
    }

    /// One below this one.
    pub fn intermediate(&self, change: Change) -> Self {
        let mut params = ca("Test Intermediate");
        change(&mut params);
        let issuer = CertifiedIssuer::signed_by(params, key(), &self.issuer).unwrap();
        let mut above = vec![issuer.der().clone()];
        above.extend(self.above.clone());
        Self { issuer, above }
    }

    /// What a CA file holds.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The certificate of a server with these names.
    pub fn issue(&self, names: &[&str]) -> Papers {
        self.issue_odd(names, AS_IS)
    }

    /// The same with a change.
    pub fn issue_odd(&self, names: &[&str], change: Change) -> Papers {
        let key = key();
        let params = leaf(names, change);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut chain = vec![certificate.der().clone()];
        chain.extend(self.above.clone());
        Papers { chain, key }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        Arc::new(roots)
    }
}

/// A certificate with its chain and its key.
pub struct Papers {
    pub chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Papers {
    /// Signed by nobody else.
    pub fn self_signed(names: &[&str], change: Change) -> Self {
        let key = key();
        let certificate = leaf(names, change).self_signed(&key).unwrap();
        let chain = vec![certificate.der().clone()];
        Self { chain, key }
    }

    /// Somebody else's key, which does not fit the certificate.
    pub fn with_foreign_key(mut self) -> Self {
        self.key = key();
        self
    }

    /// The last octet of the issuer's signature is another one.
    pub fn with_broken_signature(mut self) -> Self {
        let mut der = self.chain[0].to_vec();
        *der.last_mut().unwrap() ^= 1;
        self.chain[0] = der.into();
        self
    }

    /// The certificates in PEM.
    pub fn pem(&self) -> String {
        let armour = |der: &CertificateDer<'_>| {
            let text = BASE64_STANDARD.encode(der);
            let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
            for line in text.as_bytes().chunks(64) {
                pem.push_str(std::str::from_utf8(line).unwrap());
                pem.push('\n');
            }
            pem + "-----END CERTIFICATE-----\n"
        };
        self.chain.iter().map(armour).collect()
    }

    /// The key in PEM.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// SHA-256 of the certificate.
    pub fn sum(&self) -> Vec<u8> {
        digest(&SHA256, &self.chain[0]).as_ref().to_vec()
    }

    /// SHA-256 of the public key.
    pub fn key_sum(&self) -> Vec<u8> {
        use rcgen::PublicKeyData;
        digest(&SHA256, &self.key.subject_public_key_info())
            .as_ref()
            .to_vec()
    }

    /// A server that shows this, and speaks these versions.
    pub fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth();
        Self::finished(builder.with_cert_resolver(self.shown()))
    }

    /// A server that asks for a certificate by this authority, which must be given or may be left out.
    pub fn asking(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: &Authority,
        must: bool,
    ) -> Arc<ServerConfig> {
        let verifier =
            WebPkiClientVerifier::builder_with_provider(clients.roots(), provider().clone());
        let verifier = if must {
            verifier
        } else {
            verifier.allow_unauthenticated()
        };
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap());
        Self::finished(builder.with_cert_resolver(self.shown()))
    }

    fn finished(mut config: ServerConfig) -> Arc<ServerConfig> {
        config.enable_secret_extraction = true;
        Arc::new(config)
    }

    /// rustls would look whether key and certificate fit; here, nobody does.
    fn shown(&self) -> Arc<SingleCertAndKey> {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let key = provider().key_provider.load_private_key(der).unwrap();
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(
            self.chain.clone(),
            key,
        )))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2090, 1, 1));
    params
}

fn leaf(names: &[&str], change: Change) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "Test Server");
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2090, 1, 1));
    change(&mut params);
    params
}

/// In lower case.
pub fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}
