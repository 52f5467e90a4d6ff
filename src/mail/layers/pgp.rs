//! OpenPGP layers (RFC 3156) and `gpg`.

use crate::mail::crypt::pgp::{self, statuses};
use crate::mail::crypt::{CryptError, Method, Pass, Program, listed};
use crate::mail::layers::entity::{Encoded, SignedParts};
use crate::mail::layers::{Layer, LayerKind, MAX_DECRYPTED, Removed, Signer};
use crate::mail::message::{MessageError, Source, SourceWriter};
use crate::mail::view::with_crlf;
use crate::system::figures::counted;
use crate::system::filter::Filtered;
use crate::system::text::percent_decoded;
use std::io;
use std::sync::Arc;

/// Maximum number of signatures that are reported.
const MAX_SIGNATURES: usize = 5;

/// Checks the signatures of multipart/signed.
pub fn verify(parts: &SignedParts, authors: &[String]) -> Result<Removed, MessageError> {
    let file = parts.signature_file()?;
    let mut program = gpg();
    program.command.arg("--verify").arg(file.path()).arg("-");
    let source = &parts.content;
    let layers = match program.output(&mut feed_lines(source)) {
        Ok((_, ended)) => signatures(&ended, authors),
        Err(error) => vec![Layer::unknown(Method::Pgp, LayerKind::Signature, error)?],
    };
    Ok(Removed {
        layers,
        content: Some(Arc::clone(source)),
    })
}

/// Appends the next block of a source with CRLF as line ends, as it was signed.
pub fn feed_lines(source: &Source) -> impl FnMut(&mut Vec<u8>) -> io::Result<()> + '_ {
    let mut block = source.block(64 * 1024);
    let (mut at, mut last) = (0, 0);
    move |out| {
        let count = source.read_at(&mut block, at)?;
        at += count as u64;
        out.extend_from_slice(&with_crlf(&block[..count], &mut last));
        Ok(())
    }
}

/// Decrypts a content, and checks the signatures in it.
pub fn decrypt(cipher: &Encoded, authors: &[String]) -> Result<Removed, MessageError> {
    let mut program = gpg();
    program.command.arg("--decrypt");
    let mut stored = SourceWriter::new(&cipher.source.name);
    let ended = match decrypted(program, cipher, &mut stored) {
        Ok(ended) => ended,
        Err(error) => {
            let layer = Layer::unknown(Method::Pgp, LayerKind::Encryption, error)?;
            return Ok(Removed::closed(layer));
        }
    };
    let has = |wanted: &str| statuses(&ended).any(|(word, _)| word == wanted);
    let failures = ["DECRYPTION_FAILED", "BADMDC", "NODATA", "UNEXPECTED"];
    if !has("DECRYPTION_OKAY") || failures.into_iter().any(has) {
        return Ok(Removed::closed(refusal(&ended)));
    }
    let text = "decrypted".to_owned();
    let mut layers = vec![Layer::new(
        Method::Pgp,
        LayerKind::Encryption,
        Some(true),
        text,
    )];
    if has("NEWSIG") {
        layers.extend(signatures(&ended, authors));
    }
    let content = stored.finish().map_err(CryptError::Content)?;
    Ok(Removed {
        layers,
        content: Some(Arc::new(content)),
    })
}

/// Passes an encrypted content through a program, and stores its output.
pub fn decrypted(
    program: Program,
    cipher: &Encoded,
    stored: &mut SourceWriter,
) -> Result<Filtered, CryptError> {
    let mut size = 0;
    let mut blocks = cipher.blocks();
    program.pass(Pass {
        feed: &mut |out| blocks.append(out).map(|_| ()),
        consume: &mut |piece| {
            size += piece.len() as u64;
            if size > MAX_DECRYPTED {
                return Err(io::Error::other(
                    "the decrypted content is larger than 1 GiB",
                ));
            }
            stored.push(piece)
        },
    })
}

/// An encryption that was not removed.
fn refusal(ended: &Filtered) -> Layer {
    let refused = |is_valid, text| Layer::new(Method::Pgp, LayerKind::Encryption, is_valid, text);
    let keys = statuses(ended)
        .filter(|(word, _)| *word == "ENC_TO")
        .count();
    let missing = statuses(ended)
        .filter(|(word, _)| *word == "NO_SECKEY")
        .count();
    if keys > 0 && keys == missing {
        let keys = counted(keys as u64, "key");
        let text =
            format!("not decrypted: it is for {keys}, of which the keyring has no secret key");
        return refused(None, text);
    }
    if statuses(ended).any(|(word, _)| word == "DECRYPTION_KEY" || word == "ENC_TO") {
        let text =
            "not decrypted: the content is damaged, or the passphrase of the key was not given";
        return refused(Some(false), text.to_owned());
    }
    let text = "not decrypted: the content is damaged, or is not an encrypted OpenPGP message";
    refused(Some(false), text.to_owned())
}

/// The signatures in the status lines.
fn signatures(ended: &Filtered, authors: &[String]) -> Vec<Layer> {
    let mut signatures: Vec<Found> = Vec::new();
    for (word, rest) in statuses(ended) {
        if word == "NEWSIG" {
            signatures.push(Found::default());
        } else if let Some(found) = signatures.last_mut() {
            found.add(word, rest);
        }
    }
    if signatures.is_empty() {
        let text = "failed: the signature is damaged".to_owned();
        return vec![Layer::new(
            Method::Pgp,
            LayerKind::Signature,
            Some(false),
            text,
        )];
    }
    signatures
        .into_iter()
        .take(MAX_SIGNATURES)
        .map(|found| found.layer(authors))
        .collect()
}

/// A report of `gpg` about a signature.
#[derive(Default)]
struct Found {
    /// `GOODSIG`, `BADSIG` and so on.
    result: String,
    user: String,
    /// The fingerprint of the primary key.
    key: String,
    is_trusted: bool,
    /// The ID of a key that is not in the keyring.
    missing: String,
}

impl Found {
    fn add(&mut self, word: &str, rest: &str) {
        match word {
            "GOODSIG" | "EXPSIG" | "EXPKEYSIG" | "REVKEYSIG" | "BADSIG" => {
                // The worst of several counts.
                word.clone_into(&mut self.result);
                let user = rest.split_once(' ').map_or("", |(_, user)| user);
                self.user = percent_decoded(user.as_bytes());
            }
            "ERRSIG" if self.result.is_empty() => word.clone_into(&mut self.result),
            "NO_PUBKEY" => rest.clone_into(&mut self.missing),
            "VALIDSIG" => {
                let primary = rest.split(' ').nth(9).or(rest.split(' ').next());
                primary.unwrap_or_default().clone_into(&mut self.key);
            }
            "TRUST_ULTIMATE" | "TRUST_FULLY" => self.is_trusted = true,
            _ => {}
        }
    }

    fn layer(self, authors: &[String]) -> Layer {
        let found =
            |is_valid, text: String| Layer::new(Method::Pgp, LayerKind::Signature, is_valid, text);
        let wrong = |why: &str| found(Some(false), format!("{why}, key of {}", self.user));
        match self.result.as_str() {
            "GOODSIG" if !self.key.is_empty() => self.good(authors),
            "BADSIG" => wrong("failed: the content was changed after it was signed"),
            "EXPSIG" => wrong("failed: the signature has expired"),
            "EXPKEYSIG" => wrong("failed: the key has expired"),
            "REVKEYSIG" => wrong("failed: the key is revoked"),
            _ if !self.missing.is_empty() => {
                let text = format!(
                    "not checked: the key {} is not in the keyring",
                    self.missing
                );
                found(None, text)
            }
            _ => {
                let text = "not checked: gpg cannot process the signature";
                found(None, text.to_owned())
            }
        }
    }

    fn good(self, authors: &[String]) -> Layer {
        let keys = key_addresses(&self.key);
        let addresses = if self.is_trusted {
            keys.trusted
        } else {
            keys.all
        };
        let signer = Signer {
            name: self.user,
            key: self.key,
            is_author: is_author(&addresses, authors),
            addresses,
            is_trusted: self.is_trusted,
        };
        Layer::signed(
            Method::Pgp,
            signer,
            "the key is not trusted: sign it with gpg --lsign-key if it is right",
        )
    }
}

/// True if one of the addresses is one of the authors'.
pub fn is_author(addresses: &[String], authors: &[String]) -> bool {
    addresses
        .iter()
        .any(|address| authors.contains(&address.to_lowercase()))
}

#[derive(Default)]
struct KeyAddresses {
    all: Vec<String>,
    /// Those of user IDs that the keyring vouches for.
    trusted: Vec<String>,
}

fn key_addresses(key: &str) -> KeyAddresses {
    let mut program = gpg();
    program
        .command
        .args(["--with-colons", "--list-keys", "--", key]);
    let listing = program.output(&mut |_| Ok(()));
    let listing = listing.map(|(listing, _)| listing).unwrap_or_default();
    let keys = listed(&String::from_utf8_lossy(&listing));
    let key = keys.into_iter().next();
    key.map(|key| KeyAddresses {
        all: key.addresses,
        trusted: key.trusted_addresses,
    })
    .unwrap_or_default()
}

/// `gpg` that fetches no keys. Its messages, which may quote the content, are not mixed with the status lines.
fn gpg() -> Program {
    let mut program = pgp::gpg("OpenPGP");
    program.command.args([
        "--no-auto-key-retrieve",
        "--disable-dirmngr",
        "--log-file",
        "/dev/null",
    ]);
    program
}
