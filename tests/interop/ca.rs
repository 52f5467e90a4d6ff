//! A CA of our own, and certificates by it.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The name of the CA.
pub const NAME: &str = "ehlo's test CA";

/// A CA, whose certificate is `ca.pem` in a directory.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Ca {
    /// Makes one.
    pub fn make(directory: &Path) -> Self {
        let (params, key) = authority(NAME);
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        Self::keep(issuer, directory)
    }

    /// Makes another one that is signed by this one, in a new directory.
    pub fn below(&self, directory: &Path, name: &str) -> Self {
        fs::create_dir(directory).unwrap();
        let (params, key) = authority(name);
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap();
        Self::keep(issuer, directory)
    }

    fn keep(issuer: CertifiedIssuer<'static, KeyPair>, directory: &Path) -> Self {
        fs::write(directory.join("ca.pem"), issuer.pem()).unwrap();
        Self {
            issuer,
            directory: directory.to_owned(),
        }
    }

    /// Its certificate.
    pub fn file(&self) -> String {
        self.directory.join("ca.pem").to_str().unwrap().to_owned()
    }

    /// Makes a certificate for these names, of which the first is its subject: `NAME.pem` with the
    /// certificate, `NAME.key` with its key, and `NAME.both` with the key before the certificate.
    pub fn sign(&self, file: &str, names: &[&str]) -> Signed {
        self.sign_changed(file, names, |_| ())
    }

    /// The same with something else in it than usual.
    pub fn sign_changed(
        &self,
        file: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Signed {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, names[0].clone());
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |suffix: &str| self.directory.join(format!("{file}.{suffix}"));
        let write = |suffix: &str, text: String| {
            fs::write(path(suffix), text).unwrap();
            fs::set_permissions(path(suffix), Permissions::from_mode(0o600)).unwrap();
            path(suffix).to_str().unwrap().to_owned()
        };
        Signed {
            certificate: write("pem", certificate.pem()),
            both: write("both", key.serialize_pem() + &certificate.pem()),
            key: write("key", key.serialize_pem()),
            der: certificate.der().to_vec(),
            key_info: key.subject_public_key_info(),
        }
    }
}

/// What makes a CA of this name.
fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    (params, KeyPair::generate().unwrap())
}

/// A certificate by the CA, and its key.
pub struct Signed {
    /// The file of the certificate.
    pub certificate: String,
    /// The file of the key.
    pub key: String,
    /// The file of both.
    pub both: String,
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// The public key as it stands in the certificate, in DER.
    pub key_info: Vec<u8>,
}
