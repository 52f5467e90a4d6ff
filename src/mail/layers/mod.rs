//! End-to-end signatures and encryption of received messages (RFC 3156, RFC 8551), checked and decrypted by `gpg` and
//! `openssl cms`. No key is looked for on the Internet, and nothing else is run.
//!
//! ```text
//! Source -> entity -> pgp, smime -> LayeredMessage { layers, inner: Source }
//! ```
//!
//! * `entity`: the structure of a signed or encrypted entity
//! * `pgp`, `smime`: what the programs find
//! * `inner`: the message without its layers
//! * `parts`: layers of single parts, which are not those of the message

mod entity;
mod inner;
mod parts;
mod pgp;
mod smime;

use crate::mail::crypt::{Authorities, CryptError, Method};
use crate::mail::layers::entity::{Entity, Structure};
use crate::mail::layers::smime::SmimeTrust;
use crate::mail::message::{MessageError, Source, SourceError};
use crate::system::text::reason;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Maximum number of layers that are removed. A message that was signed and encrypted has two.
const MAX_LAYERS: usize = 6;

/// Maximum size of a decrypted content, in octets. OpenPGP contents may be compressed.
const MAX_DECRYPTED: u64 = 1024 * 1024 * 1024;

/// A message that is signed or encrypted.
#[derive(Debug, Default)]
pub struct LayeredMessage {
    /// The outermost comes first. Empty: it is neither signed nor encrypted.
    pub layers: Vec<Layer>,
    /// The message without the layers that could be removed. `None`: it stays as it was received.
    pub inner: Option<Source>,
}

/// Files for S/MIME. OpenPGP has the keyring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmimeFiles {
    /// A PEM file with key and certificate that decrypts. `None`: nothing is decrypted.
    pub decrypt_key: Option<PathBuf>,
    /// The CAs of signers. `None`: those that `openssl` trusts, without revocation lists.
    pub authorities: Option<Authorities>,
}

/// A signature or an encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub standard: Method,
    pub kind: LayerKind,
    /// True if the signature is valid or the content was decrypted. `None`: that could not be found out.
    pub is_valid: Option<bool>,
    /// The signer. `None`: it is an encryption, or the signer is not known.
    pub signer: Option<Signer>,
    /// The number of the part that it covers. `None`: it covers the whole message.
    pub part: Option<String>,
    /// A sentence about it without a full stop. It may have any characters.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    Signature,
    Encryption,
}

impl LayerKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Encryption => "encryption",
        }
    }
}

/// The author of a signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signer {
    /// A user ID of the key, or the subject of the certificate.
    pub name: String,
    /// The fingerprint of an OpenPGP key, in hexadecimal; empty: not known.
    pub key: String,
    /// The addresses of the key or certificate for which it is trusted; if it is not trusted, all.
    pub addresses: Vec<String>,
    /// True if the keyring vouches for the key, or a trusted CA for the certificate.
    pub is_trusted: bool,
    /// True if an address in From is among the addresses.
    pub is_author: bool,
}

impl Layer {
    /// The result as a whole: a signature must be valid, trusted, of the author and for the whole message. `None`:
    /// undecided, or a valid signature with an untrusted key or for a part.
    pub fn is_ok(&self) -> Option<bool> {
        if self.part.is_some() {
            return self.is_valid.filter(|is_valid| !is_valid);
        }
        let is_believed = |signer: &Signer| signer.is_trusted && signer.is_author;
        match (self.kind, self.is_valid) {
            (LayerKind::Signature, Some(true)) => {
                let is_believed = self.signer.as_ref().is_some_and(is_believed);
                is_believed.then_some(true)
            }
            (_, is_valid) => is_valid,
        }
    }

    /// Its name in reports, like `OpenPGP signature`.
    pub fn name(&self) -> String {
        format!("{} {}", title(self.standard), self.kind.name())
    }

    fn new(standard: Method, kind: LayerKind, is_valid: Option<bool>, text: String) -> Self {
        Self {
            standard,
            kind,
            is_valid,
            signer: None,
            part: None,
            text,
        }
    }

    /// The same for a part of the message.
    fn of_part(self, id: &str) -> Self {
        Self {
            part: Some(id.to_owned()),
            text: format!("covers only part {id} of the message: {}", self.text),
            ..self
        }
    }

    /// A multipart/signed or multipart/encrypted that does not have its two parts (RFC 1847 §2). With more of them,
    /// it would depend on the reader which ones are shown.
    fn malformed(standard: Method, kind: LayerKind) -> Self {
        let text = format!(
            "failed: multipart/{} must have exactly two parts (RFC 1847)",
            match kind {
                LayerKind::Signature => "signed",
                LayerKind::Encryption => "encrypted",
            }
        );
        Self::new(standard, kind, Some(false), text)
    }

    /// A signature that is valid by itself.
    fn signed(standard: Method, signer: Signer, distrust: &str) -> Self {
        let mut text = format!("valid, by {}", signer.name);
        if !signer.key.is_empty() {
            text.push_str(&format!(", key {}", signer.key));
        } else if signer.is_author {
            text.push_str(&format!(" for {}", signer.addresses.join(", ")));
        }
        if !signer.is_trusted {
            text.push_str(&format!("; {distrust}"));
        }
        if !signer.is_author {
            let addresses = match signer.addresses.join(", ") {
                none if none.is_empty() => "no address".to_owned(),
                addresses => addresses,
            };
            text.push_str(&format!(
                "; it is for {addresses}, not for the author in From"
            ));
        }
        Self {
            signer: Some(signer),
            ..Self::new(standard, LayerKind::Signature, Some(true), text)
        }
    }

    /// A layer that the program could not process.
    ///
    /// # Errors
    /// The content could not be read or stored.
    fn unknown(standard: Method, kind: LayerKind, error: CryptError) -> Result<Self, CryptError> {
        let text = match error {
            CryptError::Content(_) => return Err(error),
            CryptError::Start { program, error, .. } => {
                let why = reason(&error);
                format!("not checked: cannot run {program}: {why}; install it")
            }
            error => format!("not checked: {error}"),
        };
        Ok(Self::new(standard, kind, None, text))
    }
}

/// The name of a standard in texts.
pub fn title(standard: Method) -> &'static str {
    match standard {
        Method::Pgp => "OpenPGP",
        Method::Smime => "S/MIME",
    }
}

/// The result of one step.
struct Removed {
    /// One encryption and the signatures within it, or the signatures.
    layers: Vec<Layer>,
    /// The content. `None`: it is not accessible.
    content: Option<Arc<Source>>,
}

impl Removed {
    /// A layer that could not be removed.
    fn closed(layer: Layer) -> Self {
        Self {
            layers: vec![layer],
            content: None,
        }
    }
}

fn unread(source: &Source, error: io::Error) -> MessageError {
    let name = source.name.clone();
    SourceError::Read { name, error }.into()
}

/// Checks the signatures of a message and decrypts it.
///
/// # Errors
/// The message or a file of CAs cannot be read, or the decrypted content cannot be stored.
pub fn read_layers(
    message: &Arc<Source>,
    files: &SmimeFiles,
) -> Result<LayeredMessage, MessageError> {
    let trust = SmimeTrust::new(files);
    let outer = Entity::read(message)?;
    let authors = inner::authors(&outer);
    let mut layers: Vec<Layer> = Vec::new();
    let mut content: Option<Arc<Source>> = None;
    while layers.len() < MAX_LAYERS {
        let entity = match &content {
            Some(source) => Entity::read(source)?,
            None => Entity::read(message)?,
        };
        let removed = match entity.structure()? {
            Structure::Plain => {
                layers.extend(parts::layers_of_parts(&entity, &authors, &trust)?);
                break;
            }
            Structure::Malformed(layer) => Removed::closed(layer),
            Structure::PgpSigned(parts) => pgp::verify(&parts, &authors)?,
            Structure::PgpEncrypted(cipher) => pgp::decrypt(&cipher, &authors)?,
            Structure::SmimeSigned(parts) => smime::verify(&parts, &authors, &trust)?,
            Structure::SmimeOpaque(der) => smime::verify_opaque(&der, &authors, &trust)?,
            Structure::SmimeEncrypted(der) => smime::decrypt(&der, &trust)?,
        };
        layers.extend(removed.layers);
        match removed.content {
            Some(inner) => content = Some(inner),
            None => break,
        }
    }
    let inner = content.map(|content| {
        let is_bad = |layer: &Layer| layer.is_valid == Some(false);
        inner::message(&outer, &content, !layers.iter().any(is_bad))
    });
    Ok(LayeredMessage {
        layers,
        inner: inner.transpose()?,
    })
}
