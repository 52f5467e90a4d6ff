use crate::server::auth::exchange::*;
use crate::smtp::mechanism::Mechanism;
use crate::system::secret::Secret;
use std::collections::HashMap;

fn auth() -> Auth {
    let user = ("alice".to_owned(), Secret::new(b"secret".into()));
    Auth {
        users: UserDatabase::Users(HashMap::from([user])),
        only: None,
        in_clear: false,
    }
}

fn anybody() -> Auth {
    Auth {
        users: UserDatabase::Anybody,
        ..auth()
    }
}

fn right() -> LoginStep {
    LoginStep::Right("alice".to_owned())
}

fn wrong() -> LoginStep {
    LoginStep::Wrong("alice".to_owned())
}

/// The steps for these responses; the first response comes with the command.
fn said(auth: &Auth, mechanism: Mechanism, responses: &[&[u8]]) -> Vec<LoginStep> {
    let mut exchange = LoginExchange::new(auth, mechanism);
    let mut turns = vec![exchange.begin(Some(responses[0]))];
    turns.extend(responses[1..].iter().map(|one| exchange.step(one)));
    turns
}

#[test]
fn plain_wants_the_right_password_and_anybody_any() {
    let plain = |auth: &Auth, response: &[u8]| said(auth, Mechanism::Plain, &[response]);
    assert_eq!(plain(&auth(), b"\0alice\0secret"), [right()]);
    assert_eq!(plain(&auth(), b"bob\0alice\0secret"), [right()]);
    assert_eq!(plain(&auth(), b"\0alice\0wrong"), [wrong()]);
    assert_eq!(plain(&anybody(), b"\0alice\0wrong"), [right()]);
    for bad in [
        &b""[..],
        b"alice\0secret",
        b"\0alice\0a\0b",
        b"\0\0x",
        b"\0a\0",
        b"\0\xff\0x",
    ] {
        assert_eq!(plain(&anybody(), bad), [LoginStep::Senseless], "{bad:?}");
    }
}

#[test]
fn login_asks_for_the_name_and_then_the_password() {
    let auth = auth();
    let mut exchange = LoginExchange::new(&auth, Mechanism::Login);
    assert_eq!(
        exchange.begin(None),
        LoginStep::Challenge(b"Username:".into())
    );
    assert_eq!(
        exchange.step(b"alice"),
        LoginStep::Challenge(b"Password:".into())
    );
    assert_eq!(exchange.step(b"secret"), right());
    let turns = said(&auth, Mechanism::Login, &[b"alice", b"no"]);
    assert_eq!(turns[1], wrong());
}

#[test]
fn cram_md5_wants_the_hash_of_its_challenge() {
    let auth = auth();
    for (password, verdict) in [(&b"secret"[..], right()), (b"other", wrong())] {
        let mut exchange = LoginExchange::new(&auth, Mechanism::CramMd5);
        let LoginStep::Challenge(challenge) = exchange.begin(None) else {
            panic!("no challenge");
        };
        let mut mac = Hmac::<Md5>::new_from_slice(password).unwrap();
        mac.update(&challenge);
        let sum = crate::system::certificate::hex(&mac.finalize().into_bytes());
        assert_eq!(exchange.step(format!("alice {sum}").as_bytes()), verdict);
    }
    assert_eq!(
        said(&auth, Mechanism::CramMd5, &[b"x"]),
        [LoginStep::Senseless]
    );
}

#[test]
fn a_wrong_token_is_told_in_a_challenge_before_it_fails() {
    let bad = || LoginStep::Challenge(BAD_TOKEN.into());
    for (mechanism, response) in [
        (
            Mechanism::XOAuth2,
            "user=alice\x01auth=Bearer TOKEN\x01\x01",
        ),
        (
            Mechanism::OAuthBearer,
            "n,a=alice,\x01host=x\x01port=25\x01auth=Bearer TOKEN\x01\x01",
        ),
    ] {
        let response = |token: &str| response.replace("TOKEN", token);
        let good = response("secret");
        assert_eq!(said(&auth(), mechanism, &[good.as_bytes()]), [right()]);
        let wrong_one = response("other");
        let turns = said(&auth(), mechanism, &[wrong_one.as_bytes(), b"\x01"]);
        assert_eq!(turns, [bad(), wrong()]);
        assert_eq!(
            said(&anybody(), mechanism, &[wrong_one.as_bytes()]),
            [right()]
        );
        assert_eq!(
            said(&anybody(), mechanism, &[b"nonsense"]),
            [LoginStep::Senseless]
        );
    }
}

#[test]
fn whoever_goes_on_after_the_end_gets_nowhere() {
    let turns = said(
        &auth(),
        Mechanism::Plain,
        &[b"\0alice\0no", b"\0alice\0secret"],
    );
    assert_eq!(turns, [wrong(), LoginStep::Senseless]);
}

#[test]
fn only_mechanisms_that_will_do_are_offered() {
    let names = |auth: &Auth| {
        let all = auth.mechanisms();
        all.iter()
            .map(|one| one.name())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        names(&auth()),
        "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN OAUTHBEARER XOAUTH2"
    );
    assert_eq!(
        names(&anybody()),
        "CRAM-MD5 PLAIN LOGIN OAUTHBEARER XOAUTH2"
    );
    let only = Auth {
        only: Some(vec![Mechanism::Login]),
        ..anybody()
    };
    assert_eq!(names(&only), "LOGIN");
}
