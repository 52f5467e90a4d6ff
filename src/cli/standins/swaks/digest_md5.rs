//! DIGEST-MD5 (RFC 2831) with the quality of protection `auth`.

use crate::cli::standins::swaks::auth_options::AuthPlan;
use crate::cli::standins::swaks::octets;
use crate::system::certificate::hex;
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;

/// The number of uses of the nonce.
const COUNT: &str = "00000001";

/// The parameters of a response.
pub struct DigestMd5<'a> {
    plan: &'a AuthPlan,
    nonce: String,
    realm: Option<String>,
    charset: Option<String>,
    uri: String,
    client_nonce: String,
}

impl<'a> DigestMd5<'a> {
    /// Reads a challenge. The host and the service of the digest URI may be replaced by options.
    ///
    /// # Errors
    /// The challenge is not complete, or does not offer `auth`. In words.
    pub fn new(plan: &'a AuthPlan, host: &str, challenge: &str) -> Result<Self, String> {
        let mut fields =
            fields(challenge).ok_or_else(|| format!("Bad challenge: '{challenge}'"))?;
        let missing = ["nonce", "algorithm"];
        let missing: Vec<&str> = missing
            .into_iter()
            .filter(|name| !fields.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(" ");
            return Err(format!(
                "Server did not provide required field(s): {missing}"
            ));
        }
        let qop = fields.remove("qop").unwrap_or_else(|| "auth".to_owned());
        if !qop.split([',', ' ']).any(|one| one == "auth") {
            return Err(format!("Server qop too weak (qop = {qop})"));
        }
        let extra = |name: &str| plan.extras.get(name).cloned();
        let service = extra("DMD5-SERV-TYPE").unwrap_or_else(|| "smtp".to_owned());
        let host = extra("DMD5-HOST").unwrap_or_else(|| host.to_owned());
        let name = extra("DMD5-SERV-NAME").map_or_else(String::new, |name| format!("/{name}"));
        Ok(Self {
            plan,
            nonce: fields.remove("nonce").unwrap_or_default(),
            realm: extra("REALM").or_else(|| fields.remove("realm")),
            charset: fields.remove("charset"),
            uri: format!("{service}/{host}{name}"),
            client_nonce: format!("{:032x}", fastrand::u128(..)),
        })
    }

    /// The response, and the value by which the server proves that it knows the password.
    pub fn response(&self) -> (String, String) {
        let proof = self.digest("AUTHENTICATE:");
        let mut fields = vec![
            format!("charset={}", self.charset.as_deref().unwrap_or_default()),
            quoted("cnonce", &self.client_nonce),
            quoted("digest-uri", &self.uri),
            format!("nc={COUNT}"),
            quoted("nonce", &self.nonce),
            "qop=auth".to_owned(),
            format!("response={proof}"),
            quoted("username", &self.plan.user),
        ];
        if let Some(realm) = &self.realm {
            fields.insert(6, quoted("realm", realm));
        }
        if self.charset.is_none() {
            fields.remove(0);
        }
        (fields.join(","), self.digest(":"))
    }

    /// RFC 2831 §2.1.2.1.
    fn digest(&self, method: &str) -> String {
        let realm = self.realm.as_deref().unwrap_or_default();
        let mut login = octets::bytes(&format!("{}:{realm}:", self.plan.user));
        login.extend(self.plan.password.expose());
        let mut first = md5(&login);
        let nonces = format!(":{}:{}", self.nonce, self.client_nonce);
        first.extend(octets::bytes(&nonces));
        let first = hex(&md5(&first));
        let second = hex(&md5(&octets::bytes(&format!("{method}{}", self.uri))));
        let all = format!(
            "{first}:{}:{COUNT}:{}:auth:{second}",
            self.nonce, self.client_nonce
        );
        hex(&md5(&octets::bytes(&all)))
    }
}

fn md5(bytes: &[u8]) -> Vec<u8> {
    Md5::digest(bytes).to_vec()
}

fn quoted(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{name}=\"{value}\"")
}

/// The fields of a challenge, of several realms the first; `None`: it is not well-formed.
fn fields(challenge: &str) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    let mut rest = challenge.trim_ascii_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(text) = after.strip_prefix('"') {
            in_quotes(text)?
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (after[..end].trim_ascii().to_owned(), &after[end..])
        };
        let name = name.trim_ascii().to_ascii_lowercase();
        fields.entry(name).or_insert(value);
        let is_separator = |character: char| character == ',' || character.is_ascii_whitespace();
        rest = after.trim_start_matches(is_separator);
    }
    Some(fields)
}

/// The text up to the closing quote, and what follows.
fn in_quotes(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::standins::swaks::auth_options::AuthMap;
    use crate::system::secret::Secret;

    #[test]
    fn the_response_is_that_of_rfc_2831() {
        let plan = AuthPlan {
            types: Vec::new(),
            is_any: false,
            map: AuthMap::default(),
            extras: [("DMD5-SERV-TYPE".to_owned(), "imap".to_owned())].into(),
            user: "chris".to_owned(),
            password: Secret::new(b"secret".to_vec()),
            shows_plaintext: false,
            hidden: None,
        };
        let challenge = "realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",\
                         algorithm=md5-sess,charset=utf-8";
        let mut exchange = DigestMd5::new(&plan, "elwood.innosoft.com", challenge).unwrap();
        exchange.client_nonce = "OA6MHXh6VqTrRk".to_owned();
        let (response, verdict) = exchange.response();
        assert!(
            response.contains("response=d388dad90d4bbd760a152321f2143af7"),
            "{response}"
        );
        assert_eq!(verdict, "ea40f60335c427b5527b84dbabcdfffd");
    }

    #[test]
    fn a_challenge_without_nonce_is_an_error() {
        assert_eq!(fields("a"), None);
        assert_eq!(fields("a=\"b\\\"c\", d=e").unwrap()["a"], "b\"c");
    }
}
