//! Commands that are servers (`--pipe`), and TLS and logins by way of them.

use crate::authority::{Authority, BOTH, ONLY_12, ONLY_13, Papers};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::sasl::PASSWORD;
use crate::server::{Server, Talk};
use std::os::unix::net::UnixListener;
use std::thread;

/// From alice to a server by way of a command that copies octets in both directions.
fn by_command<T>(server: &Server<T>) -> Ehlo {
    let port = server.port;
    let command =
        format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3; kill $!'");
    Ehlo::new().args([
        "--helo",
        "me.example",
        "-f",
        "alice@crepes.fr",
        "--pipe",
        &command,
    ])
}

/// Plays this script, and sends a text to bob with these options. Any CA that is given is trusted.
fn play(
    options: &[&str],
    ca: Option<&Authority>,
    script: impl FnOnce(&mut Talk) + Send + 'static,
) -> Run {
    let server = Server::start(script);
    let mut ehlo = by_command(&server).args(options);
    if let Some(ca) = ca {
        ehlo = ehlo.trusting(&ca.pem());
    }
    let run = ehlo.env("EHLO_PASSWORD", PASSWORD).text_to_bob().run();
    server.finish();
    run
}

#[test]
fn handshake_over_a_command_is_complete_before_the_greeting() {
    let ca = Authority::new();
    for version in [ONLY_12, ONLY_13] {
        for way in Way::BOTH {
            let config = ca.issue(&["mx.example"]).config(version);
            let options = ["--tls", way.option(), "--tls-name", "mx.example"];
            let run = play(&options, Some(&ca), move |talk| {
                way.open(talk, &config);
                talk.take_on(&[]);
            });
            run.exits(0).shows(&["certificate of mx.example verified"]);
        }
    }
}

#[test]
fn command_that_offers_starttls_is_talked_to_in_tls_with_any_certificate() {
    let config = Papers::self_signed(&["mx.example"], |_| ()).config(BOTH);
    let run = play(&["--json"], None, move |talk| {
        Way::Starttls.open(talk, &config);
        talk.take_on(&[]);
    });
    run.exits(0).all_are("accepted");
    assert_eq!(run.events("tls")[0]["verified"], false);
}

#[test]
fn command_whose_tls_does_not_work_is_talked_to_in_clear() {
    let run = play(&[], None, |talk| {
        talk.greet(&["STARTTLS"]);
        talk.expect("STARTTLS");
        talk.say("454 4.7.0 no key");
        talk.take_mail();
    });
    run.exits(0)
        .shows(&["STARTTLS was refused (454 4.7.0 no key); continuing in plaintext"]);
}

#[test]
fn certificate_of_a_command_must_have_the_name_that_is_given() {
    let ca = Authority::new();
    let config = ca.issue(&["mx.example"]).config(BOTH);
    let options = ["--json", "--tls-name", "other.example"];
    let run = play(&options, Some(&ca), move |talk| {
        Way::Starttls.fail(talk, &config);
    });
    run.exits(77).all_are("refused").says(&["other.example"]);
}

#[test]
fn password_goes_to_a_command_only_if_its_certificate_is_verified_or_it_is_allowed() {
    let ca = Authority::new();
    let papers = ca.issue(&["mx.example"]);
    for (options, is_sent) in [
        (&[][..], false),
        (&["--tls-name", "mx.example"], true),
        (&["-k"], true),
        (&["--allow-cleartext-password"], true),
    ] {
        let config = papers.config(BOTH);
        let all = [&["-u", "alice"], options].concat();
        let trusted = Some(&ca).filter(|_| options.contains(&"--tls-name"));
        let run = play(&all, trusted, move |talk| {
            Way::Starttls.open(talk, &config);
            talk.offer_auth("PLAIN");
            if is_sent {
                talk.begun("PLAIN");
                talk.say("235 welcome");
                talk.take_mail();
            } else {
                talk.quit();
            }
        });
        println!("{options:?}");
        if is_sent {
            run.exits(0);
        } else {
            run.exits(77)
                .says(&["--tls-name", "--allow-cleartext-password"]);
        }
    }
}

/// Takes a message after AUTH EXTERNAL in clear.
fn external(talk: &mut Talk) {
    talk.greet(&["AUTH EXTERNAL"]);
    assert_eq!(talk.begun("EXTERNAL"), b"alice");
    talk.say("235 welcome");
    talk.take_mail();
}

#[test]
fn external_sends_no_secret_and_needs_no_tls() {
    for allowed in [&[][..], &["--allow-cleartext-password"]] {
        let options = [&["--auth", "EXTERNAL", "-u", "alice"], allowed].concat();
        play(&options, None, external).exits(0);

        let ehlo = Ehlo::new();
        let path = ehlo.path("server.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let mut talk = Talk::over(listener.accept().unwrap().0);
            external(&mut talk);
            talk.end();
        });
        let from = ["--helo", "me.example", "-f", "alice@crepes.fr", "-r"];
        let run = ehlo.args(from).args([&path]).args(&options);
        let run = run.text_to_bob().run();
        server.join().unwrap();
        run.exits(0);

        let server = Server::start(external);
        let run = Ehlo::to(&server).args(["--tls", "off"]).args(&options);
        let run = run.text_to_bob().run();
        server.finish();
        run.exits(0);
    }
}
