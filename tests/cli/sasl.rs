//! The server's side of AUTH, honest or not.

use crate::authority::{Authority, BOTH};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::server::{PATIENCE, Server, Talk};
use base64::prelude::{BASE64_STANDARD, Engine};
use ring::digest::{self, digest};
use ring::{hmac, pbkdf2};
use rustls::SupportedProtocolVersion;
use std::num::NonZeroU32;
use std::time::Instant;

/// Something that is no word of any reply.
pub const PASSWORD: &str = "hunter2-Gr8!";

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Sends to bob over implicit TLS, where alice logs in with this password; the script begins with the
/// reply to EHLO.
pub fn logging_in(
    password: &str,
    options: &[&str],
    script: impl FnOnce(&mut Talk) + Send + 'static,
) -> Run {
    logging_in_with(
        BOTH,
        options,
        |ehlo| ehlo.env("EHLO_PASSWORD", password),
        script,
    )
}

/// The same with these versions of TLS and another source of the password.
pub fn logging_in_with(
    versions: &[&'static SupportedProtocolVersion],
    options: &[&str],
    source: impl FnOnce(Ehlo) -> Ehlo,
    script: impl FnOnce(&mut Talk) + Send + 'static,
) -> Run {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(versions);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        script(talk);
    });
    let ehlo = Ehlo::to(&server)
        .args(["--tls", "implicit", "-u", "alice"])
        .trusting(&ca.pem())
        .args(options);
    let run = source(ehlo).text_to_bob().run();
    server.finish();
    run
}

impl Talk {
    /// The reply to EHLO, with these mechanisms.
    #[track_caller]
    pub fn offer_auth(&mut self, mechanisms: &str) {
        self.offer(&[&format!("AUTH {mechanisms}")]);
    }

    /// A challenge.
    #[track_caller]
    pub fn ask(&mut self, challenge: impl AsRef<[u8]>) {
        self.say(&format!("334 {}", encode(challenge)));
    }

    /// The client's next line out of its base64.
    #[track_caller]
    pub fn decoded(&mut self) -> Vec<u8> {
        let line = self.line();
        BASE64_STANDARD.decode(&line).expect("no base64")
    }

    /// The initial response to AUTH with this mechanism.
    #[track_caller]
    pub fn begun(&mut self, mechanism: &str) -> Vec<u8> {
        let line = self.line();
        assert!(line.len() <= 510, "{} octets", line.len());
        let start = format!("AUTH {mechanism} ");
        let response = line.strip_prefix(&start);
        let response = response.unwrap_or_else(|| panic!("not {start}, but {line}"));
        match response {
            "=" => Vec::new(),
            text => BASE64_STANDARD.decode(text).expect("no base64"),
        }
    }

    /// Answers all with this, until QUIT or the end of the connection.
    #[track_caller]
    pub fn answer_with(&mut self, reply: &str) {
        loop {
            while !self.inbox.contains(&b'\n') {
                if !self.fill(Instant::now() + PATIENCE) {
                    self.is_over = true;
                    return;
                }
            }
            if self.line() == "QUIT" {
                return self.say("221 bye");
            }
            self.send(format!("{reply}\r\n").as_bytes());
        }
    }

    /// The client says that it will not go on.
    #[track_caller]
    pub fn expect_cancel(&mut self) {
        self.expect("*");
        self.say("501 5.7.0 cancelled");
    }

    /// `tls-exporter` of this connection (RFC 9266).
    pub fn exporter(&self) -> Vec<u8> {
        let tls = self.tls.as_ref().unwrap();
        tls.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None)
            .unwrap()
    }
}

/// A server of SCRAM (RFC 5802) that knows the password.
pub struct Scram {
    sha1: bool,
    pub iterations: u32,
    /// The channel binding that it asks for: name and data.
    pub binding: Option<(&'static str, Vec<u8>)>,
    /// What stands before the client's nonce in clear.
    gs2: String,
    bare: String,
    first: String,
    signature: Vec<u8>,
}

impl Scram {
    pub fn of(mechanism: &str) -> Self {
        Self {
            sha1: mechanism.starts_with("SCRAM-SHA-1"),
            iterations: 4096,
            binding: None,
            gs2: String::new(),
            bare: String::new(),
            first: String::new(),
            signature: Vec::new(),
        }
    }

    /// Hears the client's first message, and gives the server's.
    #[track_caller]
    pub fn first(&mut self, client: &[u8]) -> String {
        let client = String::from_utf8(client.to_vec()).unwrap();
        let at = client.match_indices(',').nth(1).unwrap().0 + 1;
        client[..at].clone_into(&mut self.gs2);
        client[at..].clone_into(&mut self.bare);
        let nonce = self.nonce();
        let salt = encode("a little salt");
        self.first = format!("r={nonce}7srvr7,s={salt},i={}", self.iterations);
        self.first.clone()
    }

    /// The client's nonce.
    pub fn nonce(&self) -> &str {
        self.bare.split_once(",r=").unwrap().1
    }

    /// The user's name as the client spells it.
    pub fn user(&self) -> &str {
        let user = self.bare.strip_prefix("n=").unwrap();
        user.split_once(',').unwrap().0
    }

    /// How the client binds: `n`, `y` or `p=NAME`.
    pub fn flag(&self) -> &str {
        self.gs2.split(',').next().unwrap()
    }

    /// Hears the proof, which must be right, and gives the server's signature.
    #[track_caller]
    pub fn last(&mut self, client: &[u8], password: &str) -> String {
        let client = String::from_utf8(client.to_vec()).unwrap();
        let (before, proof) = client.rsplit_once(",p=").unwrap();
        let bound = before
            .strip_prefix("c=")
            .unwrap()
            .split_once(',')
            .unwrap()
            .0;
        let bound = BASE64_STANDARD.decode(bound).unwrap();
        let mut right = self.gs2.clone().into_bytes();
        if let Some((name, data)) = &self.binding {
            assert_eq!(self.flag(), format!("p={name}"));
            right.extend_from_slice(data);
        }
        assert_eq!(bound, right, "the channel binding");
        let salted = self.salted(password);
        let message = format!("{},{},{before}", self.bare, self.first);
        let client_key = self.hmac(&salted, b"Client Key");
        let stored = digest(self.digest(), &client_key);
        let signed = self.hmac(stored.as_ref(), message.as_bytes());
        let pairs = client_key.iter().zip(&signed);
        let right: Vec<u8> = pairs.map(|(one, other)| one ^ other).collect();
        assert_eq!(proof, encode(right), "the client's proof");
        let server_key = self.hmac(&salted, b"Server Key");
        self.signature = self.hmac(&server_key, message.as_bytes());
        format!("v={}", encode(&self.signature))
    }

    /// The whole exchange, up to the 235.
    #[track_caller]
    pub fn play(&mut self, talk: &mut Talk, mechanism: &str, password: &str) {
        let client = talk.begun(mechanism);
        let first = self.first(&client);
        talk.ask(first);
        let client = talk.decoded();
        let last = self.last(&client, password);
        talk.ask(last);
        talk.expect("");
        talk.say("235 2.7.0 welcome");
    }

    fn salted(&self, password: &str) -> Vec<u8> {
        let algorithm = if self.sha1 {
            pbkdf2::PBKDF2_HMAC_SHA1
        } else {
            pbkdf2::PBKDF2_HMAC_SHA256
        };
        let mut salted = vec![0; self.digest().output_len()];
        let count = NonZeroU32::new(self.iterations).unwrap();
        pbkdf2::derive(
            algorithm,
            count,
            b"a little salt",
            password.as_bytes(),
            &mut salted,
        );
        salted
    }

    fn digest(&self) -> &'static digest::Algorithm {
        if self.sha1 {
            &digest::SHA1_FOR_LEGACY_USE_ONLY
        } else {
            &digest::SHA256
        }
    }

    fn hmac(&self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let algorithm = if self.sha1 {
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY
        } else {
            hmac::HMAC_SHA256
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message)
            .as_ref()
            .to_vec()
    }
}
