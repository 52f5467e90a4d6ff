//! Encryption and authentication in the dialogue.

use crate::client::session::dialogue::tests::*;
use crate::smtp::mechanism::Mechanism;
use crate::system::secret::{Proof, Secret};

const GREETING: &str = "
    S: 220 hi
    C: EHLO crepes.fr
";

const TRANSACTION: &str = "
    C: MAIL FROM:<alice@crepes.fr>
    S: 250 ok
    C: RCPT TO:<bob@hamburger.edu>
    S: 250 ok
    C: DATA
    S: 354 go on
    C: <message>
    S: 250 taken
    C: QUIT
    S: 221 bye
";

const QUIT: &str = "
    C: QUIT
    S: 221 bye
";

fn encrypted(tls: TlsDemand) -> Play {
    Play {
        options: Options {
            tls,
            ..Options::default()
        },
        ..Play::default()
    }
}

fn with_password(tls: TlsDemand) -> Play {
    Play {
        login: Some(Login {
            user: Some("alice".to_owned()),
            proof: Proof::Password(Secret::new(b"secret".to_vec())),
            authzid: None,
        }),
        ..encrypted(tls)
    }
}

fn with_token() -> Play {
    Play {
        login: Some(Login {
            user: Some("alice".to_owned()),
            proof: Proof::Token(Secret::new(b"ya29".to_vec())),
            authzid: None,
        }),
        ..encrypted(TlsDemand::Implicit)
    }
}

/// A dialogue over implicit TLS with a server that offers these mechanisms.
fn implicit(offered: &str, rest: &str) -> String {
    format!("tls\n{GREETING}S: 250-hi\nS: 250 AUTH {offered}\n{rest}")
}

#[test]
fn what_was_offered_before_tls_is_forgotten() {
    let script = [
        GREETING,
        "S: 250-hi\nS: 250-PIPELINING\nS: 250-SIZE 10\nS: 250 STARTTLS\n",
        "C: STARTTLS\nS: 220 go ahead\ntls\nC: EHLO crepes.fr\nS: 250 hi\n",
        TRANSACTION,
    ]
    .concat();
    assert_eq!(encrypted(TlsDemand::IfOffered).play(&script), ["accepted"]);
}

#[test]
fn starttls_is_said_once_whatever_is_offered_again() {
    let script = [
        GREETING,
        "S: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\ntls\n",
        "C: EHLO crepes.fr\nS: 250-hi\nS: 250 STARTTLS\n",
        TRANSACTION,
    ]
    .concat();
    assert_eq!(encrypted(TlsDemand::Starttls).play(&script), ["accepted"]);
}

#[test]
fn implicit_tls_comes_before_the_greeting() {
    let script = ["tls\n", GREETING, "S: 250 hi\n", TRANSACTION].concat();
    assert_eq!(encrypted(TlsDemand::Implicit).play(&script), ["accepted"]);
}

#[test]
fn required_and_not_offered_is_the_end() {
    for reply in ["S: 250 hi\n", "S: 500 what\nC: HELO crepes.fr\nS: 250 hi\n"] {
        let script = [GREETING, reply, QUIT].concat();
        let answers = encrypted(TlsDemand::Starttls).play(&script);
        assert_eq!(answers, ["unmet NoStarttls"]);
    }
}

#[test]
fn refused_starttls_is_the_end_unless_any_way_will_do() {
    for reply in ["454 not now", "502 not known", "550 no"] {
        let refused = format!("S: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: {reply}\n");
        for tls in [TlsDemand::Starttls, TlsDemand::IfOffered] {
            let answers = encrypted(tls).play(&[GREETING, &refused, QUIT].concat());
            assert!(
                answers[0].starts_with("unmet StarttlsRefused"),
                "{answers:?}"
            );
        }
        let note = format!("N: STARTTLS was refused ({reply}); continuing in plaintext\n");
        let script = [GREETING, &refused, &note, TRANSACTION].concat();
        assert_eq!(
            encrypted(TlsDemand::Opportunistic).play(&script),
            ["accepted"]
        );
    }
}

#[test]
fn a_yes_to_starttls_that_is_not_220_is_no_yes() {
    for reply in ["250 ok", "354 go on", "221 bye"] {
        let script =
            format!("{GREETING}S: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: {reply}\nabort");
        assert_eq!(encrypted(TlsDemand::Starttls).play(&script), ["nothing"]);
    }
}

#[test]
fn plain_goes_with_the_command() {
    let rest = format!("C: AUTH PLAIN ********\nS: 235 welcome\n{TRANSACTION}");
    let answers = with_password(TlsDemand::Implicit).play(&implicit("PLAIN", &rest));
    assert_eq!(answers, ["accepted"]);
}

#[test]
fn no_password_without_encryption() {
    let script = [GREETING, "S: 250-hi\nS: 250 AUTH PLAIN CRAM-MD5\n", QUIT].concat();
    for tls in [
        TlsDemand::Off,
        TlsDemand::IfOffered,
        TlsDemand::Opportunistic,
    ] {
        assert_eq!(with_password(tls).play(&script), ["unmet PasswordInClear"]);
    }
}

#[test]
fn the_password_in_clear_for_those_who_say_so() {
    let mut play = with_password(TlsDemand::Off);
    play.options.password_in_clear = true;
    let login = "C: AUTH PLAIN ********\nS: 235 welcome\n";
    let script = [
        GREETING,
        "S: 250-hi\nS: 250 AUTH PLAIN\n",
        login,
        TRANSACTION,
    ]
    .concat();
    assert_eq!(play.play(&script), ["accepted"]);
}

#[test]
fn no_auth_and_no_mechanism_in_common() {
    let play = with_password(TlsDemand::Implicit);
    let script = ["tls\n", GREETING, "S: 250 hi\n", QUIT].concat();
    assert_eq!(play.play(&script), ["unmet NoAuth"]);
    let answers = play.play(&implicit("NTLM GSSAPI", QUIT));
    assert_eq!(answers, ["unmet NoMechanism(\"NTLM GSSAPI\")"]);
    let narrowed = Play {
        options: Options {
            tls: TlsDemand::Implicit,
            mechanisms: vec![Mechanism::ScramSha256],
            ..Options::default()
        },
        ..with_password(TlsDemand::Implicit)
    };
    let answers = narrowed.play(&implicit("PLAIN LOGIN", QUIT));
    assert_eq!(answers, ["unmet NoMechanism(\"PLAIN LOGIN\")"]);
}

#[test]
fn login_answers_two_questions() {
    let rest = "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: ********\nS: 334 UGFzc3dvcmQ6\nC: ********\nS: 235 ok\n";
    let answers =
        with_password(TlsDemand::Implicit).play(&implicit("LOGIN", &[rest, TRANSACTION].concat()));
    assert_eq!(answers, ["accepted"]);
}

#[test]
fn a_wrong_password_is_said_once() {
    let rest = ["C: AUTH PLAIN ********\nS: 535 5.7.8 wrong\n", QUIT].concat();
    let answers = with_password(TlsDemand::Implicit).play(&implicit("PLAIN LOGIN", &rest));
    assert_eq!(answers, ["535 at auth"]);
}

#[test]
fn a_refusal_of_the_mechanism_leads_to_the_next() {
    for refusal in [
        "504 5.5.4 unknown",
        "534 5.7.9 too weak",
        "535 5.7.9 not that one",
    ] {
        let rest = format!(
            "C: AUTH PLAIN ********\nS: {refusal}\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: ********\n\
             S: 334 UGFzc3dvcmQ6\nC: ********\nS: 235 ok\n{TRANSACTION}"
        );
        let answers = with_password(TlsDemand::Implicit).play(&implicit("PLAIN LOGIN", &rest));
        assert_eq!(answers, ["accepted"]);
    }
}

#[test]
fn only_235_is_success() {
    for reply in ["250 ok", "220 ok", "354 go on", "299 x"] {
        let rest = format!("C: AUTH PLAIN ********\nS: {reply}\nabort");
        let answers = with_password(TlsDemand::Implicit).play(&implicit("PLAIN", &rest));
        assert_eq!(answers, ["nothing"]);
    }
}

#[test]
fn prompts_of_login_need_not_be_base64() {
    for (user, password) in [
        ("Username:", "Password:"),
        ("", ""),
        ("User Name", "=?%"),
        ("%%%", "enter \\xe4 password, please"),
    ] {
        let rest = format!(
            "C: AUTH LOGIN\nS: 334 {user}\nC: ********\nS: 334 {password}\nC: ********\nS: 235 ok\n{TRANSACTION}"
        );
        let answers = with_password(TlsDemand::Implicit).play(&implicit("LOGIN", &rest));
        assert_eq!(answers, ["accepted"], "{user} {password}");
    }
}

#[test]
fn challenge_before_a_long_first_response_need_not_be_base64() {
    let play = Play {
        login: Some(Login {
            user: Some("alice".to_owned()),
            proof: Proof::Password(Secret::new(vec![b'x'; 600])),
            authzid: None,
        }),
        ..encrypted(TlsDemand::Implicit)
    };
    let rest = format!("C: AUTH PLAIN\nS: 334 go on:\nC: ********\nS: 235 ok\n{TRANSACTION}");
    assert_eq!(play.play(&implicit("PLAIN", &rest)), ["accepted"]);
}

#[test]
fn refused_token_comes_with_a_reason_in_clear_too() {
    let rest = format!(
        "C: AUTH XOAUTH2 ********\nS: 334 token expired\nC: \nS: 535 no\n\
         N: the server reports about the token: token expired\n{QUIT}"
    );
    assert_eq!(
        with_token().play(&implicit("XOAUTH2", &rest)),
        ["535 at auth"]
    );
}

#[test]
fn undecodable_challenge_is_cancelled_where_the_mechanism_needs_it() {
    for command in ["AUTH CRAM-MD5", "AUTH SCRAM-SHA-256 ********"] {
        let mechanism = command.split(' ').nth(1).unwrap();
        let rest = format!("C: {command}\nS: 334 %%%\nC: *\nS: 501 cancelled\n{QUIT}");
        let answers = with_password(TlsDemand::Implicit).play(&implicit(mechanism, &rest));
        assert!(answers[0].contains("not valid base64"), "{answers:?}");
    }
}

#[test]
fn challenge_after_the_last_response_is_cancelled() {
    for challenge in ["334 %%%", "334 "] {
        let rest =
            format!("C: AUTH PLAIN ********\nS: {challenge}\nC: *\nS: 501 cancelled\n{QUIT}");
        let answers = with_password(TlsDemand::Implicit).play(&implicit("PLAIN", &rest));
        assert!(
            answers[0].contains("after the exchange was complete"),
            "{answers:?}"
        );
    }
}

#[test]
fn a_yes_to_a_cancelled_exchange_is_no_yes() {
    let rest = format!("C: AUTH PLAIN ********\nS: 334 %%%\nC: *\nS: 235 welcome\n{QUIT}");
    let answers = with_password(TlsDemand::Implicit).play(&implicit("PLAIN", &rest));
    assert!(answers[0].starts_with("unmet Auth"), "{answers:?}");
}

#[test]
fn scram_with_a_billion_iterations_is_cancelled() {
    // r=x,s=c2FsdA==,i=1000000000
    let rest = format!(
        "C: AUTH SCRAM-SHA-256 ********\nS: 334 cj14LHM9YzJGc2RBPT0saT0xMDAwMDAwMDAw\nC: *\n\
         S: 501 cancelled\n{QUIT}"
    );
    let answers = with_password(TlsDemand::Implicit).play(&implicit("SCRAM-SHA-256", &rest));
    assert!(answers[0].contains("iterations"), "{answers:?}");
}

#[test]
fn scram_and_a_yes_without_proof_is_no_yes() {
    let rest = format!("C: AUTH SCRAM-SHA-256 ********\nS: 235 welcome\n{QUIT}");
    let answers = with_password(TlsDemand::Implicit).play(&implicit("SCRAM-SHA-256", &rest));
    assert!(answers[0].contains("knows the password"), "{answers:?}");
}

#[test]
fn a_refused_token_comes_with_the_reason() {
    let rest = format!(
        "C: AUTH XOAUTH2 ********\nS: 334 eyJzdGF0dXMiOiI0MDEifQ==\nC: \nS: 535 no\n\
         N: the server reports about the token: {{\"status\":\"401\"}}\n{QUIT}"
    );
    assert_eq!(
        with_token().play(&implicit("XOAUTH2", &rest)),
        ["535 at auth"]
    );
}

#[test]
fn a_long_token_goes_by_itself() {
    let play = Play {
        login: Some(Login {
            user: Some("alice".to_owned()),
            proof: Proof::Token(Secret::new(vec![b'x'; 2000])),
            authzid: None,
        }),
        ..encrypted(TlsDemand::Implicit)
    };
    let rest = format!("C: AUTH OAUTHBEARER\nS: 334 \nC: ********\nS: 235 ok\n{TRANSACTION}");
    assert_eq!(play.play(&implicit("OAUTHBEARER", &rest)), ["accepted"]);
}

#[test]
fn external_without_a_name_is_an_equals_sign() {
    let login = Login {
        user: None,
        proof: Proof::Elsewhere,
        authzid: None,
    };
    let play = Play {
        login: Some(login),
        ..encrypted(TlsDemand::Implicit)
    };
    let rest = format!("C: AUTH EXTERNAL ********\nS: 235 ok\n{TRANSACTION}");
    assert_eq!(play.play(&implicit("EXTERNAL", &rest)), ["accepted"]);
}

#[test]
fn goodbye_in_the_middle_of_auth_is_for_now() {
    let rest = format!("C: AUTH PLAIN ********\nS: 421 bye\n{QUIT}");
    let answers = with_password(TlsDemand::Implicit).play(&implicit("PLAIN", &rest));
    assert_eq!(answers, ["421 at auth"]);
}
