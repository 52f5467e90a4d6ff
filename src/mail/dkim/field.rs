//! The header field `DKIM-Signature`.

use crate::mail::dkim::canonical::relaxed;
use crate::mail::dkim::key::SigningKey;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// Maximum length of a line (RFC 5322 §2.1.1).
const WIDTH: usize = 78;

/// Length of a piece of the signature in base64.
const PIECE: usize = 72;

/// Length of the body hash in base64.
const HASH: usize = 44;

/// When one more field of a name is signed than there are, so that none can be added (RFC 6376 §8.15).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Oversigned {
    Always,
    IfPresent,
    /// Mailing lists and resending add such fields.
    Never,
}

/// The fields that are signed.
const SIGNED: [(&str, Oversigned); 31] = [
    ("from", Oversigned::Always),
    ("to", Oversigned::Always),
    ("cc", Oversigned::Always),
    ("subject", Oversigned::Always),
    ("reply-to", Oversigned::Always),
    ("date", Oversigned::IfPresent),
    ("message-id", Oversigned::IfPresent),
    ("mime-version", Oversigned::IfPresent),
    ("content-type", Oversigned::IfPresent),
    ("content-transfer-encoding", Oversigned::IfPresent),
    ("in-reply-to", Oversigned::IfPresent),
    ("references", Oversigned::IfPresent),
    ("sender", Oversigned::Never),
    ("resent-from", Oversigned::Never),
    ("resent-sender", Oversigned::Never),
    ("resent-reply-to", Oversigned::Never),
    ("resent-to", Oversigned::Never),
    ("resent-cc", Oversigned::Never),
    ("resent-date", Oversigned::Never),
    ("resent-message-id", Oversigned::Never),
    ("list-id", Oversigned::Never),
    ("list-help", Oversigned::Never),
    ("list-unsubscribe", Oversigned::Never),
    // RFC 8058 §4: this field and the one before must be signed.
    ("list-unsubscribe-post", Oversigned::Never),
    ("list-subscribe", Oversigned::Never),
    ("list-post", Oversigned::Never),
    ("list-owner", Oversigned::Never),
    ("list-archive", Oversigned::Never),
    ("auto-submitted", Oversigned::Never),
    ("content-id", Oversigned::Never),
    ("content-description", Oversigned::Never),
];

/// A field that needs the hash of the body and the signature.
#[derive(Debug)]
struct UnsignedField {
    key: Arc<SigningKey>,
    domain: String,
    selector: String,
    /// Seconds since 1970.
    time: u64,
    /// The names in `h=`.
    names: Arc<Vec<&'static str>>,
}

/// The signatures of a message in one variant. Their length is known before the body is hashed.
#[derive(Debug)]
pub struct Signatures {
    fields: Vec<UnsignedField>,
    /// The signed header fields in their canonical form.
    header: Vec<u8>,
    len: usize,
    /// The fields, or the error.
    signed: OnceLock<Result<Vec<u8>, (io::ErrorKind, String)>>,
}

/// A key, with the domain (`d=`) and the selector (`s=`) under which its record is found.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    pub key: Arc<SigningKey>,
    pub domain: String,
    pub selector: String,
}

impl Signatures {
    /// Prepares a signature by each key, of a message with these header fields: the name in lower case, and the
    /// octets.
    pub fn new(keys: &[PublishedKey], header: &[(&str, &[u8])], now: SystemTime) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
        for (name, raw) in header {
            by_name.entry(name).or_default().push(raw);
        }
        let (names, header) = signed_header(&by_name);
        let names = Arc::new(names);
        let time = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let fields = keys.iter().map(|published| UnsignedField {
            key: published.key.clone(),
            domain: published.domain.clone(),
            selector: published.selector.clone(),
            time,
            names: names.clone(),
        });
        let fields: Vec<UnsignedField> = fields.collect();
        Self {
            len: fields.iter().map(UnsignedField::len).sum(),
            fields,
            header,
            signed: OnceLock::new(),
        }
    }

    /// Length of the fields with their line ends, in octets.
    pub fn octets(&self) -> u64 {
        self.len as u64
    }

    /// The fields. At the first call, the body is hashed; a second thread waits for it.
    ///
    /// # Errors
    /// The body cannot be read.
    pub fn fields(&self, hash: impl FnOnce() -> io::Result<[u8; 32]>) -> io::Result<&[u8]> {
        let signed = self.signed.get_or_init(|| {
            let signed = hash().and_then(|hash| self.sign(&hash));
            signed.map_err(|error| (error.kind(), error.to_string()))
        });
        let signed = signed.as_ref();
        let signed = signed.map_err(|(kind, text)| io::Error::new(*kind, text.clone()))?;
        Ok(signed)
    }

    fn sign(&self, hash: &[u8; 32]) -> io::Result<Vec<u8>> {
        let hash = BASE64_STANDARD.encode(hash);
        let mut out = Vec::with_capacity(self.len);
        for field in &self.fields {
            let own = relaxed(field.text(&hash, "").as_bytes());
            let signature = field.key.sign(&[&self.header, &own[..]].concat());
            let signature =
                signature.ok_or_else(|| io::Error::other("the DKIM key cannot sign"))?;
            let text = field.text(&hash, &BASE64_STANDARD.encode(signature));
            out.extend_from_slice(text.as_bytes());
        }
        Ok(out)
    }
}

/// The names for `h=`, and the fields in the order in which they are hashed: those of one name from the bottom up
/// (RFC 6376 §5.4.2). A name without a field is hashed as nothing.
fn signed_header(by_name: &BTreeMap<&str, Vec<&[u8]>>) -> (Vec<&'static str>, Vec<u8>) {
    let (mut names, mut header) = (Vec::new(), Vec::new());
    for (name, oversigned) in SIGNED {
        let fields = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        for field in fields.iter().rev() {
            names.push(name);
            header.extend_from_slice(&relaxed(field));
            header.extend_from_slice(b"\r\n");
        }
        let is_present = !fields.is_empty();
        if oversigned == Oversigned::Always || oversigned == Oversigned::IfPresent && is_present {
            names.push(name);
        }
    }
    (names, header)
}

impl UnsignedField {
    fn len(&self) -> usize {
        let signature = self.key.signature_len().div_ceil(3) * 4;
        self.text(&"A".repeat(HASH), &"A".repeat(signature)).len()
    }

    /// The field with its line ends. The signature is last, so that its folding changes nothing before it.
    fn text(&self, hash: &str, signature: &str) -> String {
        let mut field = Folded::new("DKIM-Signature:");
        let algorithm = self.key.algorithm();
        let (domain, selector, time) = (&self.domain, &self.selector, self.time);
        let own = format!("v=1; a={algorithm}; c=relaxed/relaxed");
        field.add(" ", &format!("{own};"));
        field.add(" ", &format!("d={domain};"));
        field.add(" ", &format!("s={selector};"));
        field.add(" ", &format!("t={time};"));
        field.add(" ", &format!("bh={hash};"));
        for (at, name) in self.names.iter().enumerate() {
            let before = if at == 0 { "h=" } else { "" };
            let is_last = at + 1 == self.names.len();
            let after = if is_last { ";" } else { ":" };
            let separator = if at == 0 { " " } else { "" };
            field.add(separator, &format!("{before}{name}{after}"));
        }
        field.add(" ", "b=");
        let mut rest = signature;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(PIECE));
            field.add("", piece);
            rest = more;
        }
        field.text + "\r\n"
    }
}

/// A field that is folded where a piece does not fit into the line.
struct Folded {
    text: String,
    width: usize,
}

impl Folded {
    fn new(name: &str) -> Self {
        Self {
            text: name.to_owned(),
            width: name.len(),
        }
    }

    fn add(&mut self, separator: &str, piece: &str) {
        let width = self.width + separator.len() + piece.len();
        if width <= WIDTH {
            self.text.push_str(separator);
            self.width = width;
        } else {
            self.text.push_str("\r\n ");
            self.width = 1 + piece.len();
        }
        self.text.push_str(piece);
    }
}
