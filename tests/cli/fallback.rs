//! Profiles with a fallback: who is tried again at the next relay, and who never is (RFC 5321 §4.5.4.1).

use crate::authority::{Authority, BOTH, Papers};
use crate::encrypted::Way;
use crate::message::Message;
use crate::program::{Ehlo, Run};
use crate::sasl::PASSWORD;
use crate::server::{Server, Stage, Talk};
use rustix::net::{AddressFamily, SocketAddrAny, SocketType, bind, getsockname, socket};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

const CAROL: &str = "carol@hamburger.edu";
const BOB: &str = "bob@hamburger.edu";

/// A port that is taken and at which nobody listens.
struct Closed {
    port: u16,
    _socket: OwnedFd,
}

impl Closed {
    fn new() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let name: SocketAddrAny = getsockname(&socket).unwrap();
        Self {
            port: SocketAddr::try_from(name).unwrap().port(),
            _socket: socket,
        }
    }
}

/// Alice, whose default profile has another one as its fallback; each with keys of its own.
fn alice(first: (u16, &str), second: (u16, &str)) -> Ehlo {
    let ehlo = Ehlo::new();
    let profile = |name: &str, (port, keys): (u16, &str)| {
        format!("[profile.{name}]\nrelay = \"127.0.0.1:{port}\"\nhelo = \"me.example\"\n{keys}\n")
    };
    let text = format!(
        "default = \"first\"\n{}{}from = \"alice@crepes.fr\"\n",
        profile("second", second),
        profile("first", first) + "fallback = \"second\"\n",
    );
    fs::create_dir_all(ehlo.path(".config/ehlo")).unwrap();
    ehlo.private(".config/ehlo/config.toml", text);
    ehlo
}

/// Delivers to bob by the first server, or else by the second.
fn to_bob<T, U>(first: Server<T>, second: Server<U>) -> (Run, T, U)
where
    T: Send + 'static,
    U: Send + 'static,
{
    let run = alice((first.port, ""), (second.port, ""))
        .args(["--json"])
        .text_to_bob()
        .run();
    (run, first.finish(), second.finish())
}

fn taker() -> Server<Message> {
    Server::start(|talk| talk.take())
}

/// Ports of the servers that had the last word, in the order of the recipients.
fn ports(run: &Run) -> Vec<u64> {
    let result = run.result();
    let recipients = result["recipients"].as_array().unwrap().iter();
    recipients
        .map(|one| one["port"].as_u64().unwrap())
        .collect()
}

#[test]
fn where_nobody_listens_the_next_relay_delivers() {
    let (first, second) = (Closed::new(), taker());
    let port = u64::from(second.port);
    let run = alice((first.port, ""), (second.port, ""))
        .args(["--json"])
        .text_to_bob()
        .run();
    assert_eq!(second.finish().body(), "hi\r\n");
    run.exits(0).complains(0).all_are("accepted");
    assert_eq!(ports(&run), [port]);
}

#[test]
fn a_line_with_stars_says_which_profile_is_tried() {
    let (first, second) = (Closed::new(), taker());
    let run = alice((first.port, ""), (second.port, ""))
        .text_to_bob()
        .run();
    let (one, other) = (first.port, second.port);
    second.finish();
    run.exits(0).complains(0);
    let begin = format!(
        "bob@hamburger.edu... Connecting to [127.0.0.1] (port {one})...\n\
         Trying 127.0.0.1:{one}... Connection refused.\n\
         bob@hamburger.edu... Deferred (cannot connect to [127.0.0.1]:{one} for <{BOB}>: Connection refused)\n\
         *** trying profile second\n\
         bob@hamburger.edu... Connecting to [127.0.0.1] (port {other})...\n\
         Trying 127.0.0.1:{other}... Connected.\n220 "
    );
    assert!(run.stdout.starts_with(&begin), "{run:#?}");
    assert!(
        run.stdout.ends_with("bob@hamburger.edu... Sent (taken)\n"),
        "{run:#?}"
    );
}

#[test]
fn the_first_relay_alone_is_asked_as_long_as_it_takes_the_mail() {
    let (run, message, ()) = to_bob(taker(), Server::untouched());
    assert_eq!(message.body(), "hi\r\n");
    run.exits(0).complains(0).all_are("accepted");
}

/// The first server says this to bob and carol; gives what it was sent, if anybody was welcome.
fn choosy(bob: &'static str, carol: &'static str) -> Server<Option<Message>> {
    Server::start(move |talk| {
        talk.greet(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 sender ok");
        for (recipient, reply) in [(BOB, bob), (CAROL, carol)] {
            talk.expect(&format!("RCPT TO:<{recipient}>"));
            talk.say(reply);
        }
        let is_welcome = [bob, carol].iter().any(|reply| reply.starts_with('2'));
        let message = is_welcome.then(|| {
            let message = talk.data();
            talk.say("250 taken by the first");
            message
        });
        talk.quit();
        message
    })
}

/// The second server takes it for this one.
fn taker_for(recipient: &'static str) -> Server<Message> {
    Server::start(move |talk| {
        talk.greet(&[]);
        talk.envelope(&[recipient]);
        let message = talk.data();
        talk.say("250 taken by the second");
        talk.quit();
        message
    })
}

/// To bob and carol.
fn to_both<T, U>(first: &Server<T>, second: &Server<U>) -> Run {
    alice((first.port, ""), (second.port, ""))
        .args(["--json", "-b", "hi", BOB, CAROL])
        .run()
}

#[test]
fn only_who_was_put_off_goes_to_the_next_relay_and_each_gets_it_once() {
    let (first, second) = (choosy("250 ok", "450 4.2.1 later"), taker_for(CAROL));
    let right = [u64::from(first.port), u64::from(second.port)];
    let run = to_both(&first, &second);
    let (one, other) = (first.finish().unwrap(), second.finish());
    assert_eq!(one.raw, other.raw, "it is the same message");
    run.exits(0).complains(0).all_are("accepted");
    assert_eq!(ports(&run), right);
    let result = run.result();
    assert_eq!(result["recipients"][0]["reply"], "taken by the first");
    assert_eq!(result["recipients"][1]["reply"], "taken by the second");
}

#[test]
fn a_no_for_good_is_not_tried_again_and_stands_in_the_report() {
    let (first, second) = (choosy("550 5.1.1 no bob", "450 later"), taker_for(CAROL));
    let run = to_both(&first, &second);
    assert_eq!(first.finish().map(|message| message.raw), None);
    second.finish();
    run.exits(79).complains(1).says(&[BOB, "550 5.1.1 no bob"]);
    assert_eq!(run.verdicts(), ["refused", "accepted"]);

    let (first, second) = (choosy("550 no bob", "551 no carol"), Server::untouched());
    let run = to_both(&first, &second);
    first.finish();
    second.finish();
    run.exits(69).complains(2).all_are("refused");
}

#[test]
fn a_relay_that_does_not_take_this_client_is_passed_over() {
    for greeting in ["554 5.7.1 go away", "521 no mail here"] {
        let first = Server::start(move |talk| {
            talk.say(greeting);
            talk.quit();
        });
        let (run, (), _) = to_bob(first, taker());
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn who_is_put_off_everywhere_has_the_last_answer() {
    let first = choosy("450 later", "450 later");
    let second = choosy("250 ok", "451 4.3.0 later, too");
    let last = u64::from(second.port);
    let run = to_both(&first, &second);
    first.finish();
    second.finish();
    run.exits(79)
        .complains(1)
        .says(&[CAROL, "451 4.3.0 later, too"]);
    assert_eq!(run.verdicts(), ["accepted", "deferred"]);
    assert_eq!(ports(&run), [last, last]);
}

#[test]
fn a_no_for_now_at_any_stage_leads_to_the_next_relay() {
    for stage in Stage::DECIDING {
        let first = Server::start(move |talk| {
            talk.go_to(stage);
            talk.say("451 4.3.2 later");
            if stage == Stage::Ehlo {
                // RFC 5321 §3.2: the old greeting may still do.
                talk.answer_all(b"451 4.3.2 later\r\n");
            } else {
                talk.part();
            }
        });
        let (run, (), message) = to_bob(first, taker());
        println!("{stage:?}");
        assert_eq!(message.body(), "hi\r\n");
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn a_connection_that_is_lost_before_the_final_dot_leads_to_the_next_relay() {
    for stage in [
        Stage::Banner,
        Stage::Ehlo,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
    ] {
        let first = Server::start(move |talk| {
            talk.go_to(stage);
            talk.close();
        });
        let (run, (), message) = to_bob(first, taker());
        println!("{stage:?}");
        assert_eq!(message.body(), "hi\r\n");
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn a_message_that_may_have_arrived_is_not_sent_again() {
    for (reply, code) in [(&b""[..], 79), (b"2", 79), (b"hello\r\n", 76)] {
        let first = Server::start(move |talk| {
            talk.go_to(Stage::Dot);
            talk.last_words(reply);
        });
        let (run, (), ()) = to_bob(first, Server::untouched());
        run.exits(code)
            .complains(1)
            .all_are("uncertain")
            .says(&["twice"]);
        assert_eq!(run.events("data").len(), 1);
    }
}

#[test]
fn a_certificate_that_is_not_right_leads_to_the_next_relay() {
    for way in Way::BOTH {
        let config = Papers::self_signed(&["127.0.0.1"], |_| ()).config(BOTH);
        let first = Server::start(move |talk| {
            way.fail(talk, &config);
        });
        let second = taker();
        let tls = format!("tls = \"{}\"", way.option());
        let run = alice((first.port, &tls), (second.port, ""))
            .args(["--json"])
            .text_to_bob()
            .run();
        first.finish();
        assert_eq!(second.finish().body(), "hi\r\n");
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn tls_that_is_not_offered_leads_to_the_next_relay() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let first = Server::start(|talk| {
        talk.greet(&[]);
        talk.quit();
    });
    let second = Server::start(move |talk| {
        Way::Starttls.open(talk, &config);
        talk.take_on(&[]);
    });
    let tls = "tls = \"starttls\"\nca-file = \"ca.pem\"";
    let ehlo = alice((first.port, tls), (second.port, tls));
    ehlo.file("ca.pem", ca.pem());
    let run = ehlo.args(["--json"]).text_to_bob().run();
    first.finish();
    second.finish();
    run.exits(0).complains(0).all_are("accepted");
}

/// A profile that logs in, with this command for the password.
fn login(command: &str) -> String {
    format!("user = \"alice\"\nallow-cleartext-password = true\npassword-command = \"{command}\"")
}

/// The password has come, and this is the answer.
fn hear_password(talk: &mut Talk, reply: &str) {
    talk.greet(&["AUTH PLAIN"]);
    assert_eq!(
        talk.begun("PLAIN"),
        format!("\0alice\0{PASSWORD}").as_bytes()
    );
    talk.say(reply);
}

#[test]
fn a_wrong_password_is_not_carried_to_the_next_relay() {
    let first = Server::start(|talk| {
        hear_password(talk, "535 5.7.8 wrong");
        talk.quit();
    });
    let second = Server::untouched();
    let keys = login("cat secret");
    let ehlo = alice((first.port, &keys), (second.port, ""));
    ehlo.private("secret", PASSWORD);
    let run = ehlo.args(["--json"]).text_to_bob().run();
    first.finish();
    second.finish();
    run.exits(77)
        .complains(1)
        .all_are("refused")
        .says(&["535 5.7.8 wrong"]);
    assert!(!run.stdout.contains(PASSWORD) && !run.stderr.contains(PASSWORD));
}

#[test]
fn a_login_that_fails_for_now_leads_to_the_next_relay() {
    // RFC 4954 §4.7.1
    let first = Server::start(|talk| {
        hear_password(talk, "454 4.7.0 the directory is down");
        talk.part();
    });
    let second = taker();
    let ehlo = alice((first.port, &login("cat secret")), (second.port, ""));
    ehlo.private("secret", PASSWORD);
    let run = ehlo.args(["--json"]).text_to_bob().run();
    first.finish();
    second.finish();
    run.exits(0).complains(0).all_are("accepted");
}

#[test]
fn the_password_of_a_fallback_is_fetched_only_when_it_is_needed() {
    let keys = login("touch fetched; cat secret");
    let directory = tempfile::tempdir().unwrap();
    let fetched = directory.path().join("fetched");
    let keys = keys.replace("fetched", fetched.to_str().unwrap());

    let (first, second) = (taker(), Server::untouched());
    let ehlo = alice((first.port, ""), (second.port, &keys));
    ehlo.private("secret", PASSWORD);
    let run = ehlo.args(["--json"]).text_to_bob().run();
    first.finish();
    second.finish();
    run.exits(0).complains(0).all_are("accepted");
    assert!(!fetched.exists(), "nobody needed it");

    let first = Closed::new();
    let second = Server::start(|talk| {
        hear_password(talk, "235 welcome");
        talk.take_mail()
    });
    let ehlo = alice((first.port, ""), (second.port, &keys));
    ehlo.private("secret", PASSWORD);
    let run = ehlo.args(["--json"]).text_to_bob().run();
    second.finish();
    run.exits(0).complains(0).all_are("accepted");
    assert!(fetched.exists());
    assert!(!run.stdout.contains(PASSWORD));
}

#[test]
fn a_fallback_without_its_password_is_passed_over_and_said_so() {
    let (first, second) = (Closed::new(), Server::untouched());
    let run = alice((first.port, ""), (second.port, &login("exit 3")))
        .text_to_bob()
        .run();
    second.finish();
    run.exits(75).says(&[BOB, "Connection refused"]);
    run.shows(&["*** cannot use profile second: --password-command failed"]);
}

#[test]
fn the_password_of_the_first_relay_does_not_go_to_another_user_at_the_next() {
    // It says whose it is by nothing but the run that it was given to.
    let (first, second) = (Closed::new(), Server::untouched());
    let bob = "user = \"bob\"\nallow-cleartext-password = true\n";
    let first_keys = "user = \"alice\"\nallow-cleartext-password = true\n";
    let run = alice((first.port, first_keys), (second.port, bob))
        .env("EHLO_PASSWORD", PASSWORD)
        .text_to_bob()
        .run();
    second.finish();
    run.exits(75).says(&["no password for bob"]);
}

#[test]
fn what_the_command_line_says_of_the_login_is_not_for_the_next_relay() {
    let (first, second) = (Closed::new(), taker());
    let ehlo = alice((first.port, ""), (second.port, ""));
    ehlo.private("secret", PASSWORD);
    let run = ehlo
        .args(["--json", "-u", "alice", "--password-file", "secret"])
        .args(["--allow-cleartext-password"])
        .text_to_bob()
        .run();
    second.finish();
    run.exits(0).all_are("accepted");
}

#[test]
fn a_relay_on_the_command_line_has_no_fallback() {
    let (first, other, second) = (Server::untouched(), Closed::new(), Server::untouched());
    let relay = format!("127.0.0.1:{}", other.port);
    let place = format!("[127.0.0.1]:{} ", other.port);
    let run = alice((first.port, ""), (second.port, ""))
        .args(["--json", "-r", &relay])
        .text_to_bob()
        .run();
    first.finish();
    second.finish();
    run.exits(75)
        .complains(1)
        .all_are("deferred")
        .says(&[&place]);
    assert_eq!(run.events("connect").len(), 1);
}

#[test]
fn a_fallback_without_its_password_is_told_with_quiet_and_in_json() {
    for option in ["-q", "--json"] {
        let (first, second) = (Closed::new(), Server::untouched());
        let run = alice((first.port, ""), (second.port, &login("exit 3")))
            .args([option])
            .text_to_bob()
            .run();
        second.finish();
        run.exits(75).complains(2).says(&[
            BOB,
            "profile second",
            "--password-command failed with exit status 3",
        ]);
    }
}

#[test]
fn json_says_which_profile_is_tried() {
    let (first, second) = (Closed::new(), taker());
    let run = alice((first.port, ""), (second.port, ""))
        .args(["--json"])
        .text_to_bob()
        .run();
    second.finish();
    run.exits(0).all_are("accepted").shows(&["second"]);
}
