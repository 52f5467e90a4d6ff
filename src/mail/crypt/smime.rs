//! S/MIME by `openssl cms`. It has no keyring: keys and certificates are in PEM files. Validity, purpose and addresses
//! of a certificate are checked here; issuers and revocation lists are not.

use crate::mail::address::Address;
use crate::mail::crypt::certificate::{MailCertificate, Purpose};
use crate::mail::crypt::error::CryptError;
use crate::mail::crypt::options::{CryptOptions, EncryptKey, Method, SignKey};
use crate::mail::crypt::program::{Feed, Pass, Program, failure};
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

/// The beginning of a structure of the type envelopedData (RFC 5652 §6) with the indefinite lengths of a stream.
const ENVELOPED: &[u8] = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80";

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
    if !ended.status.success() || signature.first() != Some(&SEQUENCE) {
        return Err(failed(SIGN, &ended));
    }
    Ok(signature)
}

/// Encrypts a content for all recipients, in DER. The output is incomplete if there is an error.
pub fn encrypt(
    options: &CryptOptions,
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
            remedy: "; S/MIME would name this hidden recipient to the others",
        });
    }
    let files = recipient_files(options, recipients)?;
    let mut program = Program::new(OPENSSL, ENCRYPT.to_owned());
    program
        .command
        .args(["cms", "-encrypt", "-binary", "-stream", "-aes-256-cbc"])
        .args(["-outform", "DER"])
        .args(files);
    let (ended, has_output) = program.pass_marked(ENVELOPED, pass)?;
    if !ended.status.success() || !has_output {
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
    /// The certificates after the first one, in a file of their own: `openssl` refuses a certificate that is named twice.
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
        let issuers = further_certificates(&pem);
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

/// The text from the second certificate on, without a key; empty if there is none.
fn further_certificates(pem: &[u8]) -> Vec<u8> {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let mut starts = memmem::find_iter(pem, begin);
    starts.next();
    let mut further = Vec::new();
    for start in starts {
        if let Some(length) = memmem::find(&pem[start..], end.as_bytes()) {
            further.extend_from_slice(&pem[start..start + length + end.len()]);
            further.push(b'\n');
        }
    }
    further
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

/// The files of the recipients' certificates.
fn recipient_files<'a>(
    options: &'a CryptOptions,
    recipients: &CryptRecipients,
) -> Result<Vec<&'a Path>, CryptError> {
    let mut certificates = Vec::new();
    for key in &options.encrypt_keys {
        certificates.push((key, recipient_certificate(key)?));
    }
    let mut files = Vec::new();
    for (recipient, _) in recipients.all() {
        let is_for = |(key, certificate): &&(&EncryptKey, MailCertificate)| {
            key.is_for(recipient, &certificate.addresses)
        };
        let recipient = || shown(&recipient.to_string());
        let Some((key, certificate)) = certificates.iter().find(is_for) else {
            return Err(CryptError::Recipient {
                method: Method::Smime,
                recipient: recipient(),
                why: "there is no certificate".to_owned(),
                remedy: "; give it with --encrypt-key FILE",
            });
        };
        if let Some(fault) = certificate.fault {
            let path = shown_path(&key.path);
            return Err(CryptError::Recipient {
                method: Method::Smime,
                recipient: recipient(),
                why: format!("the certificate in {path} {fault},"),
                remedy: "; give another with --encrypt-key FILE",
            });
        }
        if !files.contains(&key.path.as_path()) {
            files.push(key.path.as_path());
        }
    }
    Ok(files)
}

fn recipient_certificate(key: &EncryptKey) -> Result<MailCertificate, CryptError> {
    let unreadable = |error| CryptError::Unreadable {
        option: "--encrypt-key",
        path: key.path.clone(),
        error,
    };
    let file = open_file(&key.path).map_err(|error| unreadable(error.into()))?;
    let pem = contents(&file).map_err(unreadable)?;
    first_certificate(&pem, Purpose::Encryption).map_err(|why| CryptError::KeyFile {
        path: key.path.clone(),
        why: why.to_owned(),
    })
}

/// Addresses in an error.
fn listed(addresses: &[String]) -> String {
    let all: Vec<String> = addresses
        .iter()
        .map(|address| format!("<{}>", shown(address)))
        .collect();
    all.join(", ")
}
