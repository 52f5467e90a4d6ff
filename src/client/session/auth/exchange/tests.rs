use crate::client::session::auth::exchange::*;
use crate::system::secret::Secret;

fn login(user: &str, password: &str) -> Login {
    Login {
        user: Some(user.to_owned()),
        proof: Proof::Password(Secret::new(password.into())),
        authzid: None,
    }
}

fn token(user: &str, token: &str) -> Login {
    Login {
        user: Some(user.to_owned()),
        proof: Proof::Token(Secret::new(token.into())),
        authzid: None,
    }
}

fn exchange(mechanism: Mechanism, binding: Option<Binding>, login: &Login) -> SaslExchange {
    SaslExchange::new(&Candidate { mechanism, binding }, login).unwrap()
}

fn first(mechanism: Mechanism, login: &Login) -> String {
    let said = exchange(mechanism, None, login).begin().unwrap();
    String::from_utf8(said.to_vec()).unwrap()
}

#[test]
fn first_words() {
    let alice = login("alice", "secret");
    assert_eq!(first(Mechanism::Plain, &alice), "\0alice\0secret");
    assert_eq!(
        first(
            Mechanism::OAuthBearer,
            &token("alice@example.org", "ya29.x")
        ),
        "n,a=alice@example.org,\x01auth=Bearer ya29.x\x01\x01"
    );
    assert_eq!(
        first(Mechanism::XOAuth2, &token("alice@example.org", "ya29.x")),
        "user=alice@example.org\x01auth=Bearer ya29.x\x01\x01"
    );
    let external = |user: Option<&str>| Login {
        user: user.map(str::to_owned),
        proof: Proof::Elsewhere,
        authzid: None,
    };
    assert_eq!(
        first(Mechanism::External, &external(Some("alice"))),
        "alice"
    );
    assert_eq!(first(Mechanism::External, &external(None)), "");
}

#[test]
fn login_answers_name_and_password() {
    let mut exchange = exchange(Mechanism::Login, None, &login("alice", "secret"));
    assert_eq!(*exchange.answer(b"Username:").unwrap(), b"alice");
    assert_eq!(*exchange.answer(b"Password:").unwrap(), b"secret");
    assert!(exchange.answer(b"Again:").is_err());
}

#[test]
fn cram_md5_of_rfc_2195() {
    let mut exchange = exchange(Mechanism::CramMd5, None, &login("tim", "tanstaaftanstaaf"));
    let said = exchange
        .answer(b"<1896.697170952@postoffice.reston.mci.net>")
        .unwrap();
    assert_eq!(*said, b"tim b913a602c7eda7a495b4e6e7334d3890");
    assert!(exchange.is_finished());
}

/// The SCRAM server's side, computed independently of the client's code.
struct Server {
    key: Vec<u8>,
    first: String,
    client_first: String,
    nonce: String,
}

impl Server {
    fn new(client_first: &[u8], password: &str, iterations: u32) -> Self {
        let client_first = String::from_utf8(client_first.to_vec()).unwrap();
        let bare = client_first.splitn(3, ',').nth(2).unwrap().to_owned();
        let nonce = format!("{}server", bare.split_once(",r=").unwrap().1);
        let mut salted = [0; 32];
        let rounds = std::num::NonZeroU32::new(iterations).unwrap();
        let algorithm = ring::pbkdf2::PBKDF2_HMAC_SHA256;
        ring::pbkdf2::derive(algorithm, rounds, b"salt", password.as_bytes(), &mut salted);
        Self {
            first: format!("r={nonce},s=c2FsdA==,i={iterations}"),
            key: salted.to_vec(),
            client_first: bare,
            nonce,
        }
    }

    fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
        ring::hmac::sign(&key, text).as_ref().to_vec()
    }

    /// The server's signature over the exchange.
    fn last(&self, client_last: &[u8]) -> String {
        use base64::prelude::{BASE64_STANDARD, Engine};
        let client_last = std::str::from_utf8(client_last).unwrap();
        let without_proof = client_last.rsplit_once(",p=").unwrap().0;
        assert!(without_proof.ends_with(&self.nonce));
        let said = format!("{},{},{without_proof}", self.client_first, self.first);
        let key = Self::hmac(&self.key, b"Server Key");
        format!(
            "v={}",
            BASE64_STANDARD.encode(Self::hmac(&key, said.as_bytes()))
        )
    }
}

#[test]
fn scram_is_finished_when_the_server_has_proved_itself() {
    let mut exchange = exchange(
        Mechanism::ScramSha256,
        None,
        &login("alice", "s\u{ad}ecret\u{2168}"),
    );
    let server = Server::new(&exchange.begin().unwrap(), "secretIX", 4096);
    let last = exchange.answer(server.first.as_bytes()).unwrap();
    assert!(last.starts_with(b"c=biws,"));
    assert!(!exchange.is_finished());
    assert_eq!(
        *exchange.answer(server.last(&last).as_bytes()).unwrap(),
        b""
    );
    assert!(exchange.is_finished());
}

#[test]
fn scram_with_another_password_is_an_imposter() {
    let mut exchange = exchange(Mechanism::ScramSha256, None, &login("alice", "secret"));
    let server = Server::new(&exchange.begin().unwrap(), "guess", 4096);
    let last = exchange.answer(server.first.as_bytes()).unwrap();
    let error = exchange.answer(server.last(&last).as_bytes()).unwrap_err();
    assert_eq!(error, ExchangeError::Imposter);
    assert!(!exchange.is_finished());
}

#[test]
fn scram_with_a_senseless_first_message_says_why() {
    for (first, word) in [
        ("r=NONCEx,s=c2FsdA==,i=1000000000", "1000000000"),
        ("r=NONCEx,s=c2FsdA==,i=1", "iterations"),
        (
            "r=NONCEx,s=c2FsdA==,i=99999999999999999999",
            "iteration count",
        ),
        ("r=other,s=c2FsdA==,i=4096", "nonce"),
        ("r=NONCE,s=c2FsdA==,i=4096", "nonce"),
        ("r=NONCEx,s=%%%,i=4096", "base64"),
        ("r=NONCEx", ""),
        ("", ""),
        ("r=NONCEx,", "SCRAM"),
        ("r=NONCEx,s", "SCRAM"),
        ("r=NONCEx,s=c2FsdA==,i", "SCRAM"),
        (",", "SCRAM"),
        ("e=other-error", "other-error"),
    ] {
        let mut exchange = exchange(Mechanism::ScramSha256, None, &login("alice", "secret"));
        let said = String::from_utf8(exchange.begin().unwrap().to_vec()).unwrap();
        let nonce = said.split_once(",r=").unwrap().1;
        let error = exchange
            .answer(first.replace("NONCE", nonce).as_bytes())
            .unwrap_err();
        assert!(error.to_string().contains(word), "{first}: {error}");
    }
}

#[test]
fn scram_says_what_it_is_bound_to() {
    let alice = login("alice", "secret");
    for (mechanism, binding, head) in [
        (Mechanism::ScramSha256, None, "n,,n=alice,r="),
        (
            Mechanism::ScramSha256,
            Some(Binding::NotOffered),
            "y,,n=alice,r=",
        ),
        (
            Mechanism::ScramSha256Plus,
            Some(Binding::Exporter(vec![7; 32])),
            "p=tls-exporter,,n=alice,r=",
        ),
        (
            Mechanism::ScramSha1Plus,
            Some(Binding::EndPoint(vec![7; 32])),
            "p=tls-server-end-point,,n=alice,r=",
        ),
    ] {
        let said = exchange(mechanism, binding, &alice).begin().unwrap();
        assert!(said.starts_with(head.as_bytes()), "{}", printable(&said));
    }
}

#[test]
fn the_binding_goes_into_the_proof() {
    let bound = Some(Binding::Exporter(vec![7; 32]));
    let mut exchange = exchange(Mechanism::ScramSha256Plus, bound, &login("alice", "secret"));
    let server = Server::new(&exchange.begin().unwrap(), "secret", 4096);
    let last = exchange.answer(server.first.as_bytes()).unwrap();
    // base64 of "p=tls-exporter,," and 32 times 7.
    assert!(
        last.starts_with(b"c=cD10bHMtZXhwb3J0ZXIsLAcHBwcH"),
        "{}",
        printable(&last)
    );
}

#[test]
fn a_binding_that_the_server_cannot_use_is_no_wrong_password() {
    let bound = Some(Binding::Exporter(vec![7; 32]));
    let mut exchange = exchange(Mechanism::ScramSha256Plus, bound, &login("alice", "secret"));
    let server = Server::new(&exchange.begin().unwrap(), "secret", 4096);
    exchange.answer(server.first.as_bytes()).unwrap();
    let error = exchange
        .answer(b"e=unsupported-channel-binding-type")
        .unwrap_err();
    assert!(matches!(error, ExchangeError::Binding(_)));
}

#[test]
fn a_refused_token_is_answered_and_the_reason_kept() {
    for (mechanism, answer) in [(Mechanism::OAuthBearer, "\x01"), (Mechanism::XOAuth2, "")] {
        let mut exchange = exchange(mechanism, None, &token("alice", "old"));
        exchange.begin().unwrap();
        let said = exchange.answer(b"{\"status\":\"invalid_token\"}").unwrap();
        assert_eq!(*said, answer.as_bytes());
        assert!(exchange.complaint().unwrap().contains("invalid_token"));
        assert!(!exchange.is_finished());
        assert!(exchange.answer(b"again").is_err());
    }
}
