//! `ehlo swaks`: options and their sources, the message, the session, and the exit status.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};

/// From alice to bob, with a fixed name of this host.
const WHO: [&str; 6] = [
    "--from",
    "alice@crepes.fr",
    "--to",
    "bob@hamburger.edu",
    "--helo",
    "me.example",
];

fn swaks(words: &[&str]) -> Ehlo {
    Ehlo::new().args([&["swaks"], &WHO[..], words].concat())
}

fn session(server: &Server<()>, words: &[&str]) -> Run {
    let place = format!("127.0.0.1:{}", server.port);
    swaks(&["--server", &place]).args(words).run()
}

fn greet(talk: &mut Talk, keywords: &str) {
    talk.say("220 mx.example");
    talk.expect("EHLO me.example");
    talk.say(&format!("250-mx.example{keywords}\n250 HELP"));
}

fn quit(talk: &mut Talk) {
    talk.expect("QUIT");
    talk.say("221 bye");
}

#[test]
fn a_session_is_shown_with_its_marks() {
    let server = Server::start(|talk| {
        greet(talk, "");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        talk.expect("DATA");
        talk.say("354 go");
        talk.expect_octets(b"Subject: x\r\n\r\n..y\r\n.\r\n");
        talk.say("250 taken");
        quit(talk);
    });
    let run = session(&server, &["--data", "Subject: x\\n\\n.y"]);
    server.finish();
    let shown = run.exits(0).stdout.replace("\r\n", "\n");
    let expected = " -> DATA\n<-  354 go\n -> Subject: x\n -> \n -> ..y\n -> .\n<-  250 taken\n -> QUIT\n\
                    <-  221 bye\n=== Connection closed with remote host.\n";
    assert!(shown.ends_with(expected), "{shown}");
    assert!(
        shown.contains("<-  250-mx.example\n<-  250 HELP\n"),
        "{shown}"
    );
}

/// What the server says to MAIL, RCPT, DATA and the message; what swaks exits with.
const REFUSALS: [([&str; 4], i32); 5] = [
    (["550 no", "", "", ""], 23),
    (["250 ok", "550 no", "", ""], 24),
    (["250 ok", "250 ok", "451 no", ""], 25),
    (["250 ok", "250 ok", "354 go", "554 no"], 26),
    (["250 ok", "250 ok", "354 go", "250 ok"], 0),
];

#[test]
fn each_refusal_has_its_exit_status() {
    for (replies, status) in REFUSALS {
        let server = Server::start(move |talk| {
            greet(talk, "");
            for (command, reply) in ["MAIL", "RCPT", "DATA", "."].into_iter().zip(replies) {
                if reply.is_empty() {
                    break;
                }
                while !talk.line().starts_with(command) {}
                talk.say(reply);
            }
            quit(talk);
        });
        let run = session(&server, &[]);
        server.finish();
        let mark = if status == 0 { "<-  250 ok" } else { "<** " };
        run.exits(status).shows(&[mark]);
    }
}

#[test]
fn a_refused_greeting_and_a_lost_connection_are_told_apart() {
    let server = Server::start(|talk| {
        talk.say("554 no");
        quit(talk);
    });
    let run = session(&server, &[]);
    server.finish();
    run.exits(21).shows(&["<** 554 no"]);
    let server = Server::start(|talk| {
        talk.say("220 mx.example");
        talk.expect("EHLO me.example");
        talk.close();
    });
    let run = session(&server, &[]);
    server.finish();
    assert_eq!(
        run.exits(6).stderr,
        "*** Remote host closed connection unexpectedly.\n"
    );
}

#[test]
fn commands_are_sent_together_only_with_pipeline() {
    let server = Server::start(|talk| {
        greet(talk, "\n250-PIPELINING");
        talk.expect_group(&[
            "MAIL FROM:<alice@crepes.fr>",
            "RCPT TO:<bob@hamburger.edu>",
            "QUIT",
        ]);
        talk.say("250 ok\n550 no\n221 bye");
    });
    let run = session(&server, &["--pipeline", "--quit-after", "rcpt"]);
    server.finish();
    run.exits(0).shows(&["<** 550 no"]);
}

#[test]
fn the_password_is_not_shown_unless_asked_for() {
    for (secrets, word) in [
        ("", "UFJPVklERURfQlVUX1JFTU9WRUQ="),
        ("shown", "c2VjcmV0cGFzcw=="),
    ] {
        let server = Server::start(|talk| {
            greet(talk, "\n250-AUTH LOGIN");
            talk.expect("AUTH LOGIN");
            talk.say("334 VXNlcm5hbWU6");
            talk.expect("YWxpY2U=");
            talk.say("334 UGFzc3dvcmQ6");
            talk.expect("c2VjcmV0cGFzcw==");
            talk.say("535 secretpass is wrong");
            quit(talk);
        });
        let place = format!("127.0.0.1:{}", server.port);
        let run = swaks(&["--server", &place, "--auth", "LOGIN", "-au", "alice"])
            .args(["-ap", "secretpass", "--show-raw-text"])
            .env("EHLO_SWAKS_SECRETS", secrets)
            .run();
        server.finish();
        run.exits(28)
            .shows(&[word])
            .says(&["*** No authentication"]);
        assert_eq!(
            run.stdout.contains("secretpass"),
            secrets == "shown",
            "{}",
            run.stdout
        );
        assert_eq!(
            run.stdout.contains("c2VjcmV0cGFzcw"),
            secrets == "shown",
            "{}",
            run.stdout
        );
    }
}

#[test]
fn starttls_that_is_not_offered_ends_the_session_unless_it_is_optional() {
    for (option, status) in [("--tls", 29), ("--tls-optional", 0), ("-tlsos", 0)] {
        let server = Server::start(move |talk| {
            greet(talk, "");
            quit(talk);
        });
        let run = session(&server, &[option, "--quit", "helo"]);
        server.finish();
        run.exits(status);
        assert_eq!(run.stderr, "*** Host did not advertise STARTTLS\n");
    }
}

#[test]
fn data_in_clear_after_starttls_is_not_read_as_a_reply() {
    let server = Server::start(|talk| {
        greet(talk, "\n250-STARTTLS");
        talk.expect("STARTTLS");
        talk.say("220 go\n250 injected");
    });
    let run = session(&server, &["--tls"]);
    server.finish();
    run.exits(29);
    assert!(!run.stdout.contains("injected"), "{}", run.stdout);
}

#[test]
fn later_sources_replace_earlier_ones() {
    let run = |words: &[&str], variable: Option<&str>| {
        let ehlo = Ehlo::new();
        ehlo.file(
            ".swaksrc",
            "# options\nfrom file@crepes.fr\n-t bob@hamburger.edu\n--server mx\n",
        );
        let ehlo = match variable {
            Some(from) => ehlo.env("SWAKS_OPT_from", from),
            None => ehlo,
        };
        ehlo.args([&["swaks", "--dump", "protocol"], words].concat())
            .run()
    };
    let from = |run: &Run| {
        let line = run.stdout.lines().find(|line| line.starts_with("  from "));
        line.unwrap().to_owned()
    };
    assert_eq!(
        from(run(&[], None).exits(0)),
        "  from            = file@crepes.fr"
    );
    let of_variable = run(&[], Some("env@crepes.fr"));
    assert_eq!(from(&of_variable), "  from            = env@crepes.fr");
    let of_words = run(&["-f", "<>"], Some("env@crepes.fr"));
    assert_eq!(from(&of_words), "  from            = ");
}

#[test]
fn a_missing_argument_is_asked_for_and_the_end_of_input_ends_the_run() {
    let ask = |input: &str| {
        let ehlo = Ehlo::new().args(["swaks", "--dump", "protocol", "--server", "mx", "--to"]);
        ehlo.input(input).run()
    };
    let run = ask("\nann@hamburger.edu\n");
    run.exits(0)
        .shows(&["To: To: ", "  to              = ann@hamburger.edu"]);
    ask("\n").exits(1);
}

#[test]
fn attachments_make_a_multipart() {
    let ehlo = swaks(&["--server", "mx", "--dump-mail", "--body", "hi"]);
    ehlo.file("menu.txt", "crepes\n");
    let run = ehlo
        .args(["--attach-type", "text/plain", "--attach", "@menu.txt"])
        .args(["--header", "Subject: menu", "--h-X-Test", "yes"])
        .run();
    let mail = run.exits(0).stdout.replace("\r\n", "\n");
    for part in [
        "\nSubject: menu\n",
        "\nX-Test: yes\n",
        "Content-Type: multipart/mixed; boundary=\"----=_MIME_BOUNDARY_000_",
        "Content-Type: text/plain; name=\"menu.txt\"\n",
        "\nY3JlcGVzCg==\n",
    ] {
        assert!(mail.contains(part), "no {part:?} in {mail}");
    }
}

#[test]
fn wrong_command_lines_are_answered_as_swaks_does() {
    let cases: [(&[&str], &str); 6] = [
        (&["--bogus"], "Unknown option: bogus\n"),
        (&["--hel", "x"], "Option hel is ambiguous (helo, help)\n"),
        (
            &["extra"],
            "*** Data left in option list when processing  command line ('extra').  Exiting\n",
        ),
        (
            &["--body", "@none"],
            "*** Option processing error: file none not openable for option body (No such file or directory)\n",
        ),
        (
            &["--socket", "/x"],
            "*** Multiple transport types specified, exiting\n",
        ),
        (
            &["--tls", "--tls-protocol", "tlsv1_1"],
            "*** tlsv1_1 in --tls-protocol is not a known/supported protocol\n\
             *** no valid arguments provided to --tls-protocol, exiting\n",
        ),
    ];
    for (words, error) in cases {
        let run = swaks(&["--server", "mx"]).args(words).run();
        assert_eq!(run.exits(1).stderr, error);
    }
}

#[test]
fn incomplete_proxy_options_have_a_status_of_their_own() {
    let run = swaks(&["--server", "mx", "--proxy-family", "TCP4"]).run();
    assert_eq!(
        run.exits(35).stderr,
        "*** Incomplete set of --proxy-* options (missing source, source_port, dest, dest_port)\n"
    );
}

#[test]
fn silence_ends_with_the_first_error() {
    let server = Server::start(|talk| {
        greet(talk, "");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("550 no");
        quit(talk);
    });
    let run = session(&server, &["--silent"]);
    server.finish();
    let shown = "<** 550 no\n -> QUIT\n<-  221 bye\n=== Connection closed with remote host.\n";
    assert_eq!(run.exits(23).stdout, shown);
}

#[test]
fn the_name_of_a_link_is_enough() {
    let ehlo = Ehlo::through("sh");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ehlo"), ehlo.path("swaks")).unwrap();
    let run = ehlo.args(["-c", "./swaks --version"]).run();
    assert!(
        run.exits(0)
            .stdout
            .starts_with("swaks version 20240103.0 (ehlo ")
    );
}
