//! The recipients of an encrypted message.

use crate::mail::address::Address;
use crate::mail::crypt::options::EncryptKey;

/// The recipients of an encrypted message, each once.
#[derive(Clone, Debug, Default)]
pub struct CryptRecipients {
    /// Those in the header.
    pub named: Vec<Address>,
    /// The others, whose keys must not be named in the message.
    pub hidden: Vec<Address>,
}

impl CryptRecipients {
    /// The recipients of an envelope, of whom these are in the header.
    pub fn new(envelope: &[Address], header: &[Address]) -> Self {
        let (named, hidden) = envelope.iter().cloned().partition(|recipient| {
            let mut header = header.iter();
            header.any(|named| is_same(named, recipient))
        });
        Self { named, hidden }
    }

    /// The named ones, and each hidden one by itself.
    pub fn apart(&self) -> Vec<Self> {
        let named = (!self.named.is_empty()).then(|| Self {
            named: self.named.clone(),
            hidden: Vec::new(),
        });
        let hidden = self.hidden.iter().map(|recipient| Self {
            named: Vec::new(),
            hidden: vec![recipient.clone()],
        });
        named.into_iter().chain(hidden).collect()
    }

    /// All, with true for those that must not be named.
    pub fn all(&self) -> impl Iterator<Item = (&Address, bool)> {
        let named = self.named.iter().map(|recipient| (recipient, false));
        named.chain(self.hidden.iter().map(|recipient| (recipient, true)))
    }
}

/// True if keys of these addresses are interchangeable: the case of the local part does not matter to `gpg`, and in a
/// Web Key Directory neither.
fn is_same(one: &Address, other: &Address) -> bool {
    key_of(one) == key_of(other)
}

fn key_of(address: &Address) -> String {
    address.to_string().to_lowercase()
}

/// True if a key with this address in its user ID or certificate is one of the recipient. Its domain may be an IDN.
pub fn is_address_of(address: &str, recipient: &Address) -> bool {
    let key = key_of(recipient);
    let is_same = |parsed: &Address| key_of(parsed) == key;
    address.to_lowercase() == key
        || !address.is_ascii() && Address::parse(address).is_ok_and(|parsed| is_same(&parsed))
}

impl EncryptKey {
    /// True if the key with these addresses is for this recipient.
    pub(super) fn is_for(&self, recipient: &Address, addresses: &[String]) -> bool {
        match &self.recipient {
            Some(named) => is_same(named, recipient),
            None => addresses
                .iter()
                .any(|address| is_address_of(address, recipient)),
        }
    }
}
