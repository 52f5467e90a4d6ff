//! Requests signed with the key of a Google service account (RFC 7523).

use crate::client::credentials::file::{self, Buffer};
use crate::client::credentials::oauth::account::Account;
use crate::client::credentials::oauth::error::OAuthError;
use crate::client::http::Url;
use crate::system::secret::Secret;
use crate::system::text::shown_path;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::path::Path;

pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Validity of an assertion, the longest that Google accepts.
const VALIDITY: i64 = 3600;

/// The file that Google creates for a key, as far as it is used.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    #[serde(default, deserialize_with = "super::request::secret")]
    private_key: Option<Secret>,
    private_key_id: Option<String>,
    token_uri: String,
}

/// A service account with its key.
pub struct ServiceAccount {
    name: String,
    key_id: Option<String>,
    key: RsaKeyPair,
    /// The endpoint for which assertions are made.
    pub token: Url,
}

impl ServiceAccount {
    /// Reads the key.
    pub fn read(path: &Path) -> Result<Self, OAuthError> {
        let contents = contents(path)?;
        Self::parse(&contents)
            .map_err(|what| OAuthError::Options(format!("{}: {what}", shown_path(path))))
    }

    fn parse(json: &[u8]) -> Result<Self, String> {
        // The error of the parser could quote the key.
        let file: KeyFile = serde_json::from_slice(json).map_err(|_| {
            "it is not the key of a service account: a JSON object with client_email, private_key and token_uri"
        })?;
        let pem = file.private_key.ok_or("it has no private_key")?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose());
        let der = der.map_err(|_| "its private_key is not a PKCS #8 key in PEM")?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map_err(|error| format!("its private_key is not a usable RSA key: {error}"))?;
        let token = file.token_uri.parse();
        Ok(Self {
            name: file.client_email,
            key_id: file.private_key_id,
            key,
            token: token.map_err(|error| format!("its token_uri: {error}"))?,
        })
    }

    /// A statement that this program acts for the user, valid from now on.
    pub fn assertion(&self, account: &Account, now: i64) -> Result<Secret, OAuthError> {
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.key_id {
            header["kid"] = json!(id);
        }
        let claims = json!({
            "iss": self.name,
            "sub": account.user,
            "scope": account.scope(),
            "aud": self.token.to_string(),
            "iat": now,
            "exp": now + VALIDITY,
        });
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let mut text = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .map_err(|error| OAuthError::Options(format!("the key cannot sign: {error}")))?;
        text.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(&signature, &mut text);
        Ok(Secret::new(text.into_bytes()))
    }
}

fn contents(path: &Path) -> Result<Buffer, OAuthError> {
    let origin = format!("--oauth-key-file {}", shown_path(path));
    let read = || {
        let file = File::open(path).map_err(|error| file::unread(&origin, error))?;
        file::check_access(&file, path, &origin)?;
        file::contents(&file, &origin)
    };
    read().map_err(|error| OAuthError::Secret(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::credentials::oauth::account::Grant;
    use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    /// A key for this test alone.
    const KEY: &str = include_str!("assertion/test_key.pem");

    fn key_file(key: &str) -> Vec<u8> {
        let file = json!({
            "type": "service_account",
            "client_email": "robot@crepes.iam.example",
            "private_key_id": "k1",
            "private_key": key,
            "token_uri": "https://id.example.org/token",
        });
        file.to_string().into_bytes()
    }

    fn account() -> Account {
        Account {
            provider: "google".parse().unwrap(),
            user: "alice@crepes.fr".to_owned(),
            grant: Grant::ServiceAccount,
            client_id: None,
            tenant: None,
            scope: None,
            client_secret: None,
            key_file: None,
        }
    }

    #[test]
    fn assertion_is_signed_by_the_service_for_the_user() {
        let service = ServiceAccount::parse(&key_file(KEY)).unwrap();
        let assertion = service.assertion(&account(), 1_000_000).unwrap();
        let text = std::str::from_utf8(assertion.expose()).unwrap();
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        let public = service.key.public_key().as_ref();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(signed.as_bytes(), &decoded(signature))
            .unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
        let right = json!({
            "iss": "robot@crepes.iam.example",
            "sub": "alice@crepes.fr",
            "scope": "https://mail.google.com/",
            "aud": "https://id.example.org/token",
            "iat": 1_000_000,
            "exp": 1_003_600,
        });
        assert_eq!(claims, right);
    }

    #[test]
    fn file_that_is_not_a_key_is_an_error_without_its_contents() {
        for (file, word) in [
            (b"hunter2".to_vec(), "a JSON object"),
            (b"{}".to_vec(), "a JSON object"),
            (key_file("hunter2"), "PKCS #8"),
            (
                key_file("-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"),
                "usable RSA key",
            ),
        ] {
            let Err(text) = ServiceAccount::parse(&file) else {
                panic!("{word}")
            };
            assert!(text.contains(word) && !text.contains("hunter2"), "{text}");
        }
    }
}
