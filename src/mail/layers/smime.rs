//! S/MIME layers (RFC 8551) and `openssl cms`. CAs are those of an option, else those of `openssl`: the system's, or
//! `SSL_CERT_FILE`.

use crate::mail::crypt::{
    AuthorityFile, CryptError, MailCertificate, Method, Program, Purpose, REVOKED, failure,
};
use crate::mail::layers::entity::{Encoded, SignedParts};
use crate::mail::layers::pgp::{decrypted, feed_lines, is_author};
use crate::mail::layers::{Layer, LayerKind, Removed, Signer, SmimeFiles};
use crate::mail::message::{MessageError, Source, SourceWriter};
use crate::system::filter::Filtered;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use tempfile::NamedTempFile;

/// Checks the signature of multipart/signed.
pub fn verify(
    parts: &SignedParts,
    authors: &[String],
    trust: &SmimeTrust<'_>,
) -> Result<Removed, MessageError> {
    let file = parts.signature_file()?;
    let source = &parts.content;
    let trusted = trust.authorities()?;
    let check = |checks_issuer: bool, signer: &Path| {
        let mut program = openssl(&Issuer::of(checks_issuer, trusted), signer);
        program.command.arg("-in").arg(file.path());
        // The content is read from the pipe, and not printed.
        program
            .command
            .args(["-content", "/dev/stdin", "-out", "/dev/null"]);
        program
            .output(&mut feed_lines(source))
            .map(|(_, ended)| ended)
    };
    let layer = checked(check, authors)?;
    Ok(Removed {
        layers: vec![layer],
        content: Some(Arc::clone(source)),
    })
}

/// Checks a signature that has the content in it.
pub fn verify_opaque(
    der: &Encoded,
    authors: &[String],
    trust: &SmimeTrust<'_>,
) -> Result<Removed, MessageError> {
    let mut content: Option<Source> = None;
    let trusted = trust.authorities()?;
    let check = |checks_issuer: bool, signer: &Path| {
        let mut stored = SourceWriter::new(&der.source.name);
        let program = openssl(&Issuer::of(checks_issuer, trusted), signer);
        let ended = decrypted(program, der, &mut stored)?;
        if ended.status.success() {
            content = Some(stored.finish().map_err(CryptError::Content)?);
        }
        Ok(ended)
    };
    let layer = checked(check, authors)?;
    Ok(Removed {
        layers: vec![layer],
        content: content.map(Arc::new),
    })
}

/// The files for S/MIME, and the CAs among them in the form that `openssl` reads, which is made for the first signature
/// of a message.
pub struct SmimeTrust<'f> {
    files: &'f SmimeFiles,
    authorities: OnceCell<AuthorityFile>,
}

impl<'f> SmimeTrust<'f> {
    pub fn new(files: &'f SmimeFiles) -> Self {
        Self {
            files,
            authorities: OnceCell::new(),
        }
    }

    /// `None`: the CAs are those that `openssl` trusts.
    fn authorities(&self) -> Result<Option<&AuthorityFile>, CryptError> {
        let Some(named) = &self.files.authorities else {
            return Ok(None);
        };
        if let Some(made) = self.authorities.get() {
            return Ok(Some(made));
        }
        let made = AuthorityFile::of(named)?;
        Ok(Some(self.authorities.get_or_init(|| made)))
    }
}

/// The issuer that a signer's certificate must have.
enum Issuer<'a> {
    Any,
    /// A CA that `openssl` trusts.
    Known,
    One(&'a AuthorityFile),
}

impl<'a> Issuer<'a> {
    fn of(is_checked: bool, trusted: Option<&'a AuthorityFile>) -> Self {
        match trusted {
            _ if !is_checked => Self::Any,
            None => Self::Known,
            Some(authorities) => Self::One(authorities),
        }
    }
}

fn openssl(issuer: &Issuer<'_>, signer: &Path) -> Program {
    let mut program = Program::new("openssl", "S/MIME".to_owned());
    program
        .command
        .args(["cms", "-verify", "-binary", "-inform", "DER", "-signer"])
        .arg(signer);
    match issuer {
        Issuer::Any => {
            program.command.arg("-noverify");
        }
        Issuer::Known => {}
        Issuer::One(authorities) => authorities.require(&mut program.command),
    }
    program
}

/// Runs a check, and again without that of the issuer if it fails.
fn checked(
    mut check: impl FnMut(bool, &Path) -> Result<Filtered, CryptError>,
    authors: &[String],
) -> Result<Layer, MessageError> {
    let signer = NamedTempFile::new().map_err(CryptError::Content)?;
    let mut run = |checks_issuer| check(checks_issuer, signer.path());
    let first = match run(true) {
        Err(error) => return Ok(Layer::unknown(Method::Smime, LayerKind::Signature, error)?),
        Ok(ended) => ended,
    };
    let is_trusted = first.status.success();
    if !is_trusted && !run(false)?.status.success() {
        let text =
            "failed: the content was changed after it was signed, or the signature is damaged";
        return Ok(Layer::new(
            Method::Smime,
            LayerKind::Signature,
            Some(false),
            text.to_owned(),
        ));
    }
    let pem = std::fs::read(signer.path()).map_err(CryptError::Content)?;
    let (name, addresses) = subject(&pem);
    let why = distrust(&first);
    if !is_trusted && why == REVOKED {
        let text = format!("failed: the certificate is revoked, that of {name}");
        let failed = Layer::new(Method::Smime, LayerKind::Signature, Some(false), text);
        return Ok(failed);
    }
    let signer = Signer {
        name,
        key: String::new(),
        is_author: is_author(&addresses, authors),
        addresses,
        is_trusted,
    };
    Ok(Layer::signed(
        Method::Smime,
        signer,
        &format!("the certificate is not trusted: {why}"),
    ))
}

/// The first certificate as a text, and the addresses of all.
fn subject(pem: &[u8]) -> (String, Vec<String>) {
    let (mut name, mut addresses) = (String::new(), Vec::new());
    for der in CertificateDer::pem_slice_iter(pem).flatten() {
        let certificate = MailCertificate::read(&der, Purpose::Signing, SystemTime::now());
        let Some(certificate) = certificate else {
            continue;
        };
        if name.is_empty() {
            name = certificate.subject;
        }
        for address in certificate.addresses {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    (name, addresses)
}

/// The reason in `...:Verify error: certificate has expired`.
fn distrust(ended: &Filtered) -> String {
    let text = String::from_utf8_lossy(&ended.messages);
    let why = text
        .lines()
        .find_map(|line| line.rsplit_once("erify error:"));
    match why {
        Some((_, why)) => why.trim().to_owned(),
        None => failure(ended, |_| true),
    }
}

/// Decrypts a content with the key in a file.
pub fn decrypt(der: &Encoded, trust: &SmimeTrust<'_>) -> Result<Removed, MessageError> {
    let layer = |is_valid, text| Layer::new(Method::Smime, LayerKind::Encryption, is_valid, text);
    let Some(key) = &trust.files.decrypt_key else {
        let text =
            "not decrypted: name a PEM file with your key and certificate: --decrypt-key FILE";
        return Ok(Removed::closed(layer(None, text.to_owned())));
    };
    let mut program = Program::new("openssl", "--decrypt-key".to_owned());
    program
        .command
        .args(["cms", "-decrypt", "-inform", "DER", "-passin", "pass:"])
        .arg("-recip")
        .arg(key)
        .arg("-inkey")
        .arg(key);
    let mut stored = SourceWriter::new(&der.source.name);
    match decrypted(program, der, &mut stored) {
        Err(error) => {
            let layer = Layer::unknown(Method::Smime, LayerKind::Encryption, error)?;
            Ok(Removed::closed(layer))
        }
        Ok(ended) if !ended.status.success() => {
            let why = failure(&ended, |line| !line.contains(":error:"));
            let text = format!("not decrypted with the key of --decrypt-key: {why}");
            Ok(Removed::closed(layer(Some(false), text)))
        }
        Ok(_) => {
            let content = stored.finish().map_err(CryptError::Content)?;
            Ok(Removed {
                layers: vec![layer(Some(true), "decrypted".to_owned())],
                content: Some(Arc::new(content)),
            })
        }
    }
}
