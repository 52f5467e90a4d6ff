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

fn any_user() -> Auth {
    Auth {
        users: UserDatabase::AnyUser,
        ..auth()
    }
}

fn accepted() -> LoginStep {
    LoginStep::Accepted("alice".to_owned())
}

fn rejected() -> LoginStep {
    LoginStep::Rejected("alice".to_owned())
}

/// The steps for these responses; the first response comes with the command.
fn run(auth: &Auth, mechanism: Mechanism, responses: &[&[u8]]) -> Vec<LoginStep> {
    let mut exchange = LoginExchange::new(auth, mechanism);
    let mut steps = vec![exchange.begin(Some(responses[0]))];
    steps.extend(responses[1..].iter().map(|one| exchange.step(one)));
    steps
}

#[test]
fn plain_needs_the_right_password_unless_any_user_is_accepted() {
    let plain = |auth: &Auth, response: &[u8]| run(auth, Mechanism::Plain, &[response]);
    assert_eq!(plain(&auth(), b"\0alice\0secret"), [accepted()]);
    assert_eq!(plain(&auth(), b"bob\0alice\0secret"), [accepted()]);
    assert_eq!(plain(&auth(), b"\0alice\0wrong"), [rejected()]);
    assert_eq!(plain(&any_user(), b"\0alice\0wrong"), [accepted()]);
    for bad in [
        &b""[..],
        b"alice\0secret",
        b"\0alice\0a\0b",
        b"\0\0x",
        b"\0a\0",
        b"\0\xff\0x",
    ] {
        assert_eq!(plain(&any_user(), bad), [LoginStep::Malformed], "{bad:?}");
    }
}

#[test]
fn login_requests_the_user_and_then_the_password() {
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
    assert_eq!(exchange.step(b"secret"), accepted());
    let steps = run(&auth, Mechanism::Login, &[b"alice", b"no"]);
    assert_eq!(steps[1], rejected());
}

#[test]
fn cram_md5_needs_the_hash_of_its_challenge() {
    let auth = auth();
    for (password, verdict) in [(&b"secret"[..], accepted()), (b"other", rejected())] {
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
        run(&auth, Mechanism::CramMd5, &[b"x"]),
        [LoginStep::Malformed]
    );
}

#[test]
fn wrong_token_fails_after_a_challenge_with_the_error() {
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
        assert_eq!(run(&auth(), mechanism, &[good.as_bytes()]), [accepted()]);
        let wrong_one = response("other");
        let steps = run(&auth(), mechanism, &[wrong_one.as_bytes(), b"\x01"]);
        assert_eq!(steps, [bad(), rejected()]);
        assert_eq!(
            run(&any_user(), mechanism, &[wrong_one.as_bytes()]),
            [accepted()]
        );
        assert_eq!(
            run(&any_user(), mechanism, &[b"nonsense"]),
            [LoginStep::Malformed]
        );
    }
}

#[test]
fn commands_after_quit_are_ignored() {
    let steps = run(
        &auth(),
        Mechanism::Plain,
        &[b"\0alice\0no", b"\0alice\0secret"],
    );
    assert_eq!(steps, [rejected(), LoginStep::Malformed]);
}

#[test]
fn only_usable_mechanisms_are_offered() {
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
        names(&any_user()),
        "CRAM-MD5 PLAIN LOGIN OAUTHBEARER XOAUTH2"
    );
    let only = Auth {
        only: Some(vec![Mechanism::Login]),
        ..any_user()
    };
    assert_eq!(names(&only), "LOGIN");
}
