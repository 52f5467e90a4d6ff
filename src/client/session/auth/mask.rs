//! Masks secrets that servers repeat in their replies.

use crate::smtp::reply::Reply;
use crate::system::secret::{Login, Proof};
use crate::system::text::printable;
use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::Zeroizing;

/// Replacement for a secret.
pub const STARS: &str = "********";

/// Shorter secrets are not searched for in replies: they would match parts of words.
const SHORTEST: usize = 4;

/// The texts to mask.
#[derive(Default)]
pub struct Mask(Vec<Zeroizing<String>>);

impl Mask {
    /// Masks the proof of a login, both raw and in base64.
    #[must_use]
    pub fn of(login: Option<&Login>) -> Self {
        let mut mask = Self::default();
        if let Some(Proof::Password(secret) | Proof::Token(secret)) =
            login.map(|login| &login.proof)
        {
            let bytes = secret.expose();
            mask.add(printable(bytes));
            for before in 0..3 {
                mask.add(inside_base64(bytes, before));
            }
            if let Ok(text) = std::str::from_utf8(bytes) {
                mask.add(text.to_owned());
            }
        }
        mask
    }

    /// Adds a text to mask, such as a command line with a secret.
    pub fn add(&mut self, text: impl Into<String>) {
        let text = Zeroizing::new(text.into());
        if text.len() >= SHORTEST && !self.0.contains(&text) {
            self.0.push(text);
            // The longest first, so that no part of it remains.
            self.0.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
    }

    /// The reply with all secrets masked.
    #[must_use]
    pub fn reply(&self, mut reply: Reply) -> Reply {
        if !self.0.is_empty() {
            let lines = reply.lines.into_iter();
            reply.lines = lines.map(|line| self.apply(line)).collect();
        }
        reply
    }

    /// The text with all secrets masked.
    #[must_use]
    pub fn apply(&self, text: String) -> String {
        self.0.iter().fold(text, |text, hidden| {
            if text.contains(hidden.as_str()) {
                return text.replace(hidden.as_str(), STARS);
            }
            text
        })
    }
}

/// The base64 of these bytes after `before` other bytes: only the characters that do not depend on the bytes
/// before and after.
fn inside_base64(bytes: &[u8], before: usize) -> String {
    let mut all = Zeroizing::new(vec![0; before]);
    all.extend_from_slice(bytes);
    let text = Zeroizing::new(BASE64_STANDARD.encode(&*all));
    let from = (before * 8).div_ceil(6);
    let to = all.len() * 8 / 6;
    text.get(from..to).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::secret::Secret;

    #[test]
    fn a_server_that_repeats_the_secret_is_not_believed_to_be_quotable() {
        let login = Login {
            user: None,
            proof: Proof::Password(Secret::new("hunter2é".into())),
        };
        let mut mask = Mask::of(Some(&login));
        mask.add("AGFsaWNlAGh1bnRlcjI=");
        for said in [
            "535 hunter2é is wrong".to_owned(),
            printable("535 \0alice\0hunter2é is wrong".as_bytes()),
            "535 AGFsaWNlAGh1bnRlcjI=".to_owned(),
            format!("535 {}", BASE64_STANDARD.encode("hunter2é")),
        ] {
            let masked = mask.apply(said.clone());
            assert!(masked.contains(STARS), "{said}");
            assert!(!masked.contains("hunter2") && !masked.contains("AGFsaW"));
        }
    }

    #[test]
    fn base64_has_three_ways_to_say_a_secret() {
        let login = Login {
            user: None,
            proof: Proof::Password(Secret::new(b"hunter2-Gr8!".to_vec())),
        };
        let mask = Mask::of(Some(&login));
        for around in ["", "x", "xy", "xyz", "\0alice\0"] {
            let said = BASE64_STANDARD.encode(format!("{around}hunter2-Gr8!{around}"));
            assert!(mask.apply(said.clone()).contains(STARS), "{said}");
        }
    }

    #[test]
    fn a_word_of_one_letter_is_not_a_secret_worth_the_reply() {
        let login = Login {
            user: None,
            proof: Proof::Password(Secret::new(b"p".to_vec())),
        };
        let said = "235 2.7.0 accepted".to_owned();
        assert_eq!(Mask::of(Some(&login)).apply(said.clone()), said);
    }
}
