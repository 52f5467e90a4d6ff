//! S/MIME by `openssl cms`. It has no keyring: keys and certificates are in PEM files. Validity, purpose and addresses
//! of a certificate are checked here; its issuer and revocation by `authorities`, if CAs are named.

use crate::mail::address::Address;
use crate::mail::crypt::authorities::AuthorityFile;
use crate::mail::crypt::certificate::{MailCertificate, Purpose};
use crate::mail::crypt::error::CryptError;
use crate::mail::crypt::key_folder::KeyFolder;
use crate::mail::crypt::options::{CryptOptions, EncryptKey, Method, SignKey};
use crate::mail::crypt::program::{Feed, OutputForm, Pass, Program, failure};
use crate::mail::crypt::recipients::{CryptRecipients, is_address_of};
use crate::system::filter::Filtered;
use crate::system::quote::for_shell;
use crate::system::text::{shown, shown_path};
use crate::system::trust::{keeps_secret, open_file};
use memchr::memmem;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

const OPENSSL: &str = "openssl";

const ENCRYPT: &str = "--encrypt smime";
const SIGN: &str = "--sign smime";

/// The hash function of signatures as `micalg` names it (RFC 8551 §3.5.3.2).
pub const MICALG: &str = "sha-256";

/// The first octet of every structure of CMS in DER.
const SEQUENCE: u8 = 0x30;

/// The bit of the first octet of a length in DER that says that the octets after it have the length.
const LONG_LENGTH: u8 = 0x80;

/// A structure of the type envelopedData (RFC 5652 §6) with the indefinite lengths of a stream: five of them end with
/// it.
const ENVELOPED: OutputForm<'_> = OutputForm {
    begin: b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80",
    end: &[0; 10],
};

/// Maximum size of a file with keys or certificates, in octets.
const MAX_FILE: u64 = 256 * 1024;

/// Makes a detached signature, in DER.
pub fn sign(
    options: &CryptOptions,
    author: Option<&Address>,
    feed: &mut Feed<'_>,
) -> Result<Vec<u8>, CryptError> {
    let key = SigningFile::open(options.sign_key.as_ref(), author)?;
    let mut program = Program::new(OPENSSL, SIGN.to_owned());
    program
        .command
        .args([
            "cms", "-sign", "-binary", "-md", "sha256", "-outform", "DER",
        ])
        // An encrypted key would be asked for on the terminal.
        .args(["-passin", "pass:", "-signer"])
        .arg(&key.path)
        .arg("-inkey")
        .arg(&key.path);
    if let Some(issuers) = &key.issuers {
        program.command.arg("-certfile").arg(issuers.path());
    }
    let (signature, ended) = program.output(feed)?;
    if !ended.status.success() || !is_whole_der(&signature) {
        return Err(failed(SIGN, &ended));
    }
    Ok(signature)
}

/// True for a sequence that is not truncated (X.690 §8.1.3).
fn is_whole_der(der: &[u8]) -> bool {
    let [SEQUENCE, first, rest @ ..] = der else {
        return false;
    };
    let count = usize::from(first & !LONG_LENGTH);
    if first & LONG_LENGTH == 0 {
        return rest.len() == count;
    }
    let Some((length, content)) = rest.split_at_checked(count) else {
        return false;
    };
    let length = length.iter().try_fold(0_usize, |all, octet| {
        Some(all.checked_mul(256)? | usize::from(*octet))
    });
    length == Some(content.len())
}

/// Encrypts a content for all recipients, in DER. The output is incomplete if there is an error.
pub fn encrypt(
    certificates: &RecipientCertificates,
    recipients: &CryptRecipients,
    pass: Pass<'_>,
) -> Result<(), CryptError> {
    // A key list names its recipients to each other.
    if let Some(hidden) = recipients
        .hidden
        .first()
        .filter(|_| recipients.all().nth(1).is_some())
    {
        return Err(CryptError::Recipient {
            method: Method::Smime,
            recipient: shown(&hidden.to_string()),
            why: "a separate message is required".to_owned(),
            remedy: ", who is hidden (Bcc) and whom S/MIME would name to the others; only one message is made here",
        });
    }
    let mut program = Program::new(OPENSSL, ENCRYPT.to_owned());
    program
        .command
        .args(["cms", "-encrypt", "-binary", "-stream", "-aes-256-cbc"])
        .args(["-outform", "DER"])
        .args(certificates.of(recipients));
    let (ended, is_whole) = program.pass_as(ENVELOPED, pass)?;
    if !ended.status.success() || !is_whole {
        return Err(failed(ENCRYPT, &ended));
    }
    Ok(())
}

fn failed(option: &str, ended: &Filtered) -> CryptError {
    CryptError::Program {
        option: option.to_owned(),
        program: OPENSSL,
        why: failure(ended, |_| true),
    }
}

/// The file of `--sign-key`.
struct SigningFile {
    path: PathBuf,
    /// The certificates after the first one, in a file of their own: `openssl` refuses a certificate that is named
    /// twice.
    issuers: Option<NamedTempFile>,
}

impl SigningFile {
    /// The file must have a key that only its owner can read, and a valid certificate for the author.
    fn open(key: Option<&SignKey>, author: Option<&Address>) -> Result<Self, CryptError> {
        let Some(SignKey(path)) = key else {
            let why = "name a PEM file with a key and its certificate: --sign-key FILE";
            return Err(wrong(why.to_owned()));
        };
        let path = crate::system::user::expanded(&path.to_string_lossy());
        let pem = signing_pem(&path)?;
        check_author(&path, &pem, author)?;
        let issuers = certificates_from(&pem, 1);
        let issuers = (!issuers.is_empty()).then(|| -> io::Result<NamedTempFile> {
            let mut file = NamedTempFile::new()?;
            file.write_all(&issuers)?;
            Ok(file)
        });
        let issuers = issuers.transpose().map_err(CryptError::Content)?;
        Ok(Self { path, issuers })
    }
}

fn wrong(why: String) -> CryptError {
    CryptError::SigningKey {
        method: Method::Smime,
        why,
    }
}

fn about(path: &Path, why: &str) -> CryptError {
    wrong(format!("--sign-key {}: {why}", shown_path(path)))
}

/// The content of a file with a key that can be used.
fn signing_pem(path: &Path) -> Result<Zeroizing<Vec<u8>>, CryptError> {
    let about = |why: &str| about(path, why);
    let unreadable = |error| CryptError::Unreadable {
        option: "--sign-key",
        path: path.to_owned(),
        error,
    };
    let file = open_file(path).map_err(|error| unreadable(error.into()))?;
    let pem = contents(&file).map_err(unreadable)?;
    let has = |words: &str| memmem::find(&pem, words.as_bytes()).is_some();
    if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        let command = format!("openssl pkey -in {}", for_shell(path));
        return Err(about(&format!(
            "the key is encrypted; remove its passphrase: {command}"
        )));
    }
    if !has("PRIVATE KEY-----") {
        return Err(about("it contains no PEM key"));
    }
    if !keeps_secret(&file).map_err(unreadable)? {
        let command = format!("chmod 600 {}", for_shell(path));
        return Err(about(&format!("readable by others; run: {command}")));
    }
    Ok(pem)
}

/// Checks the certificate. RFC 8550 §3: its address is that in From.
fn check_author(path: &Path, pem: &[u8], author: Option<&Address>) -> Result<(), CryptError> {
    let certificate = first_certificate(pem, Purpose::Signing);
    let certificate = certificate.map_err(|why| about(path, why))?;
    if let Some(fault) = certificate.fault {
        return Err(about(path, &format!("the certificate {fault}")));
    }
    let is_of_author = |author: &Address| {
        let mut addresses = certificate.addresses.iter();
        addresses.any(|address| is_address_of(address, author))
    };
    match author {
        Some(author) if !is_of_author(author) && !certificate.addresses.is_empty() => {
            let why = format!(
                "the certificate is for {}, not for the author <{}>",
                listed(&certificate.addresses),
                shown(&author.to_string())
            );
            Err(about(path, &why))
        }
        _ => Ok(()),
    }
}

/// The certificates in a file of PEM from this one on, without a key and other text.
fn certificates_from(pem: &[u8], first: usize) -> Vec<u8> {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let mut found = Vec::new();
    for start in memmem::find_iter(pem, begin).skip(first) {
        if let Some(length) = memmem::find(&pem[start..], end.as_bytes()) {
            found.extend_from_slice(&pem[start..start + length + end.len()]);
            found.push(b'\n');
        }
    }
    found
}

fn contents(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut pem = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let read = file.take(MAX_FILE + 1).read_to_end(&mut pem)?;
    if read as u64 > MAX_FILE {
        return Err(io::Error::other("it is too large for a file of keys"));
    }
    Ok(pem)
}

/// The first certificate in a PEM file, which is the one that `openssl` uses.
fn first_certificate(pem: &[u8], purpose: Purpose) -> Result<MailCertificate, &'static str> {
    let first = CertificateDer::pem_slice_iter(pem).next();
    let der = match first {
        None => return Err("it contains no PEM certificate"),
        Some(Err(_)) => return Err("its PEM certificate is damaged"),
        Some(Ok(der)) => der,
    };
    let read = MailCertificate::read(&der, purpose, SystemTime::now());
    read.ok_or("its certificate is damaged")
}

/// The certificates of all recipients of a message.
#[derive(Debug)]
pub struct RecipientCertificates {
    /// Each recipient with the copy of a certificate.
    files: Vec<(Address, PathBuf)>,
    /// The folder of the copies, which is removed with this value.
    _folder: KeyFolder,
}

impl RecipientCertificates {
    /// Finds a certificate for each recipient, and checks it.
    pub fn find(options: &CryptOptions, recipients: &CryptRecipients) -> Result<Self, CryptError> {
        let mut given = Vec::new();
        for key in &options.encrypt_keys {
            given.push(GivenCertificate::read(key)?);
        }
        let authorities = options.authorities.as_ref().map(AuthorityFile::of);
        let authorities = authorities.transpose()?;
        let mut folder = KeyFolder::default();
        let mut files = Vec::new();
        for (recipient, _) in recipients.all() {
            let wrong = |why: String, remedy| CryptError::Recipient {
                method: Method::Smime,
                recipient: shown(&recipient.to_string()),
                why,
                remedy,
            };
            let found = given.iter_mut().find(|one| one.is_for(recipient));
            let Some(found) = found else {
                let remedy = "; give it with --encrypt-key FILE";
                return Err(wrong("there is no certificate".to_owned(), remedy));
            };
            let file = found.checked(authorities.as_ref(), &mut folder)?;
            let file = file.map_err(|fault| {
                let path = shown_path(&found.key.path);
                let remedy = "; give another with --encrypt-key FILE";
                wrong(format!("the certificate in {path} {fault},"), remedy)
            })?;
            files.push((recipient.clone(), file));
        }
        Ok(Self {
            files,
            _folder: folder,
        })
    }

    /// The files for some of the recipients, each once.
    fn of(&self, recipients: &CryptRecipients) -> Vec<&Path> {
        let mut files: Vec<&Path> = Vec::new();
        for (recipient, _) in recipients.all() {
            let mut all = self.files.iter();
            let file = all.find(|(other, _)| other == recipient);
            let file = file.map(|(_, file)| file.as_path());
            files.extend(file.filter(|file| !files.contains(file)));
        }
        files
    }
}

/// A certificate of `--encrypt-key`.
struct GivenCertificate<'a> {
    key: &'a EncryptKey,
    certificate: MailCertificate,
    /// With further ones, such as those of intermediate CAs.
    pem: Vec<u8>,
    /// Its copy, or the reason for which it cannot be used. `None`: it was not checked.
    checked: Option<Result<PathBuf, String>>,
}

impl<'a> GivenCertificate<'a> {
    fn read(key: &'a EncryptKey) -> Result<Self, CryptError> {
        let unreadable = |error| CryptError::Unreadable {
            option: "--encrypt-key",
            path: key.path.clone(),
            error,
        };
        let file = open_file(&key.path).map_err(|error| unreadable(error.into()))?;
        let pem = contents(&file).map_err(unreadable)?;
        let certificate = first_certificate(&pem, Purpose::Encryption);
        let certificate = certificate.map_err(|why| CryptError::KeyFile {
            option: "--encrypt-key",
            path: key.path.clone(),
            why: why.to_owned(),
        })?;
        Ok(Self {
            key,
            certificate,
            pem: certificates_from(&pem, 0),
            checked: None,
        })
    }

    fn is_for(&self, recipient: &Address) -> bool {
        self.key.is_for(recipient, &self.certificate.addresses)
    }

    /// Its copy in this folder. The inner error completes "the certificate".
    fn checked(
        &mut self,
        authorities: Option<&AuthorityFile>,
        folder: &mut KeyFolder,
    ) -> Result<Result<PathBuf, String>, CryptError> {
        if let Some(checked) = &self.checked {
            return Ok(checked.clone());
        }
        let checked = self.check(authorities, folder)?;
        self.checked = Some(checked.clone());
        Ok(checked)
    }

    fn check(
        &self,
        authorities: Option<&AuthorityFile>,
        folder: &mut KeyFolder,
    ) -> Result<Result<PathBuf, String>, CryptError> {
        if let Some(fault) = self.certificate.fault {
            return Ok(Err(fault.to_owned()));
        }
        let file = folder.add(&self.pem)?;
        let Some(authorities) = authorities else {
            return Ok(Ok(file));
        };
        let checked = authorities.check(&file, ENCRYPT)?;
        Ok(checked.map(|()| file))
    }
}

/// Addresses in an error.
fn listed(addresses: &[String]) -> String {
    let all: Vec<String> = addresses
        .iter()
        .map(|address| format!("<{}>", shown(address)))
        .collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_der_is_noticed() {
        let long = [&[0x30, 0x82, 1, 44][..], &[7; 300]].concat();
        for der in [&[0x30, 0][..], &[0x30, 2, 5, 0], &long] {
            assert!(is_whole_der(der));
            for count in 0..der.len() {
                assert!(!is_whole_der(&der[..count]), "{count}");
            }
            assert!(!is_whole_der(&[der, &[0]].concat()));
        }
        for der in [
            &[0x31, 0][..],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        ] {
            assert!(!is_whole_der(der), "{der:?}");
        }
    }
}
