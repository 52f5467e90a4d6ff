//! `--force`, `--raw`, `--mail-param`, `--rcpt-param`, `--xclient`, `--xforward`, `--proxy-protocol`.

use super::{play, play_secured, refuses};
use crate::authority::{Authority, BOTH};
use crate::encrypted::Way;
use crate::program::Ehlo;
use crate::server::Server;
use crate::spool::Queue;

/// What version 2 of the PROXY protocol begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

#[test]
fn commands_go_in_a_group_and_in_chunks_that_nobody_offered() {
    let run = play(&["--force", "pipelining,bdat"], |talk| {
        talk.greet(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok\n250 ok");
        let line = talk.line();
        let size = line.strip_prefix("BDAT ").unwrap();
        talk.swallow(size.strip_suffix(" LAST").unwrap().parse().unwrap());
        talk.send(b"500 what?\r\n");
        talk.quit();
    });
    run.exits(69).complains(1).all_are("refused");
    run.says(&["500 what?"]);
}

#[test]
fn starttls_and_auth_are_said_although_nobody_offered_them() {
    let run = play(&["--tls", "starttls", "--force", "starttls"], |talk| {
        talk.greet(&[]);
        talk.expect("STARTTLS");
        talk.say("502 what?");
        talk.quit();
    });
    run.exits(77).says(&["refused STARTTLS: 502 what?"]);
    let options = ["-u", "alice", "--auth", "login", "--force", "auth"];
    let run = play_secured(Way::Implicit, &options, |talk| {
        talk.say("220 mx.example");
        talk.offer(&[]);
        talk.expect("AUTH LOGIN");
        talk.say("502 what?");
        talk.quit();
    });
    run.exits(77).says(&["502 what?"]);
}

#[test]
fn parameters_are_said_although_nobody_offered_them() {
    let forced = "smtputf8,8bitmime,size,dsn,deliverby,futurerelease,mt-priority,prdr";
    let options = [
        "--force",
        forced,
        "--smtputf8",
        "always",
        "--body-type",
        "8bitmime",
    ];
    let others = ["--notify", "never", "--prdr", "--mt-priority", "3"];
    let run = play(
        &[&options[..], &others, &["--hold-for", "1h"]].concat(),
        |talk| {
            talk.greet(&[]);
            let mail = talk.line();
            for word in [
                " SIZE=",
                " SMTPUTF8",
                " BODY=8BITMIME",
                " HOLDFOR=3600",
                " MT-PRIORITY=3",
                " PRDR",
            ] {
                assert!(mail.contains(word), "{mail}");
            }
            talk.say("250 ok");
            talk.expect("RCPT TO:<bob@hamburger.edu> NOTIFY=NEVER ORCPT=rfc822;bob@hamburger.edu");
            talk.say("555 no");
            talk.quit();
        },
    );
    run.exits(69).all_are("refused");
}

#[test]
fn a_keyword_that_contradicts_another_option_is_refused() {
    refuses(
        &["--force", "starttls", "--tls", "off"],
        &["--force starttls", "--tls off"],
    );
    refuses(
        &["--force", "bdat", "--chunking", "off"],
        &["--force bdat", "--chunking off"],
    );
    refuses(
        &["--force", "pipelining", "--pipelining", "off"],
        &["--force pipelining", "--pipelining off"],
    );
    refuses(&["--force", "etrn"], &["--force", "8bitmime"]);
}

#[test]
fn a_name_that_is_none_wants_raw() {
    let garbage = "a_b [ c";
    for (options, why) in [
        (&["--helo", garbage][..], "host name"),
        (&["--helo", "a\rRSET", "--raw"], "printable"),
    ] {
        let run = Ehlo::new().args(options).text_to_bob().run();
        run.exits(64).says(&["--helo", why]);
    }
    let server = Server::start(move |talk| {
        talk.say("220 mx.example");
        talk.expect("EHLO a_b [ c");
        talk.say("501 what a name");
        talk.expect("HELO a_b [ c");
        talk.say("501 what a name");
        talk.quit();
    });
    let relay = format!("127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .args([
            "-r",
            &relay,
            "-f",
            "alice@crepes.fr",
            "--helo",
            garbage,
            "--raw",
        ])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(69).says(&["501 what a name"]);
}

#[test]
fn words_stand_behind_mail_and_rcpt_as_they_are() {
    let options = [
        "--mail-param",
        "X-A=1",
        "--mail-param",
        "B",
        "--rcpt-param",
        "C=+2",
    ];
    let run = play(&options, |talk| {
        talk.greet(&["SIZE"]);
        let mail = talk.line();
        let begin = mail.starts_with("MAIL FROM:<alice@crepes.fr> SIZE=");
        assert!(begin && mail.ends_with(" X-A=1 B"), "{mail}");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu> C=+2");
        talk.say("504 what?");
        talk.quit();
    });
    run.exits(69).all_are("refused");
    refuses(&["--mail-param", "a\r\nRSET"], &["--mail-param"]);
}

#[test]
fn somebody_else_is_announced_and_greeted_anew_before_login_and_sender() {
    let options = [
        "--xclient",
        "NAME=a.example ADDR=192.0.2.1",
        "--xclient",
        "LOGIN=bob",
    ];
    let forward = [
        "--xforward",
        "NAME=b.example",
        "--xforward",
        "SOURCE=REMOTE",
    ];
    let run = play(&[options, forward].concat(), |talk| {
        talk.greet(&["XCLIENT NAME ADDR", "PIPELINING"]);
        talk.expect("XCLIENT NAME=a.example ADDR=192.0.2.1");
        talk.say("220 mx.example");
        talk.offer(&["XCLIENT", "XFORWARD NAME"]);
        talk.expect("XCLIENT LOGIN=bob");
        talk.say("220 mx.example");
        talk.offer(&["XFORWARD NAME SOURCE"]);
        talk.expect("XFORWARD NAME=b.example");
        talk.say("250 ok");
        talk.expect("XFORWARD SOURCE=REMOTE");
        talk.say("250 ok");
        talk.take_mail();
    });
    run.exits(0).all_are("accepted");
}

#[test]
fn a_server_that_does_not_let_us_be_somebody_else_gets_nothing() {
    for (option, keyword) in [("--xclient", "XCLIENT"), ("--xforward", "XFORWARD")] {
        let run = play(&[option, "NAME=x"], |talk| {
            talk.greet(&[]);
            talk.quit();
        });
        run.exits(77).complains(1).all_are("refused");
        run.says(&[
            &format!("cannot use {option}: "),
            &format!("does not offer {keyword}"),
        ]);
        let run = play(&[option, "NAME=x"], move |talk| {
            talk.greet(&[keyword]);
            talk.expect(&format!("{keyword} NAME=x"));
            talk.say("550 5.7.0 not you");
            talk.quit();
        });
        run.exits(69).complains(1).all_are("refused");
        run.says(&[&format!("in reply to {keyword}")]);
        refuses(&[option, "x"], &[option, "NAME=VALUE"]);
    }
}

/// A server that takes this envelope.
fn takes(mail: &'static str, rcpt: &'static str) -> Server<String> {
    Server::start(move |talk| {
        talk.greet(&[]);
        talk.expect(mail);
        talk.say("250 ok");
        talk.expect(rcpt);
        talk.say("250 ok");
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        message.header()
    })
}

#[test]
fn postmaster_of_a_relay_needs_no_domain() {
    // RFC 5321 §4.1.1.3
    for (given, sent) in [
        ("postmaster", "postmaster"),
        ("<Postmaster>", "Postmaster"),
        ("Post Master <POSTMASTER>", "POSTMASTER"),
    ] {
        let rcpt = format!("RCPT TO:<{sent}>").leak();
        let server = takes("MAIL FROM:<alice@crepes.fr>", rcpt);
        let run = Ehlo::to(&server).args(["--json", "-b", "hi", given]).run();
        assert!(server.finish().contains(sent));
        run.exits(0).all_are("accepted");
        assert_eq!(run.result()["recipients"][0]["address"], sent);
    }
    let run = Ehlo::new()
        .args(["-f", "alice@crepes.fr", "-b", "hi", "postmaster"])
        .run();
    run.exits(65)
        .complains(1)
        .says(&["\"postmaster\" has no @domain", "--relay"]);
}

#[test]
fn other_names_need_a_domain_unless_raw_is_given() {
    for arguments in [
        &["bob"][..],
        &["--cc", "bob", "ann@hamburger.edu"],
        &["--envelope-from", "alice", "bob@hamburger.edu"],
        &["--envelope-from", "postmaster", "bob@hamburger.edu"],
    ] {
        let server = Server::untouched();
        let run = Ehlo::to(&server).args(["-b", "hi"]).args(arguments).run();
        server.finish();
        run.exits(65).complains(1).says(&["has no @domain"]);
    }
    let server = takes("MAIL FROM:<alice>", "RCPT TO:<\"john doe\">");
    let run = Ehlo::by_way_of(&server)
        .args(["--raw", "-f", "alice", "-b", "hi", "\"john doe\""])
        .run();
    server.finish();
    run.exits(0).complains(0);
    let run = Ehlo::new()
        .args(["--raw", "-f", "alice", "-b", "hi", "bob"])
        .run();
    run.exits(65).says(&["\"bob\" has no @domain", "--relay"]);
}

#[test]
fn recipient_without_a_domain_can_wait_in_the_queue() {
    let server = takes("MAIL FROM:<alice@crepes.fr>", "RCPT TO:<postmaster>");
    let queue = Queue::new();
    let relay = format!("127.0.0.1:{}", server.port);
    queue
        .ehlo(&["--queue-only", "--helo", "me.example", "-r", &relay])
        .args(["-f", "alice@crepes.fr", "-b", "hi", "postmaster"])
        .run()
        .exits(0);
    queue.verb(&["run"]).exits(0).complains(0);
    server.finish();
    assert!(queue.items().is_empty());
}

#[test]
fn attribute_that_is_not_listed_is_not_sent() {
    for (option, keyword) in [("--xclient", "XCLIENT"), ("--xforward", "XFORWARD")] {
        let run = play(&[option, "NAME=x REVERSE_NAME=y"], move |talk| {
            talk.greet(&[&format!("{keyword} NAME ADDR")]);
            talk.quit();
        });
        run.exits(77).complains(1).all_are("refused").says(&[
            &format!("cannot use {option}: "),
            &format!("does not offer the attribute REVERSE_NAME of {keyword}"),
        ]);
    }
}

#[test]
fn attribute_that_is_listed_or_forced_is_sent() {
    let attributes = ["--xclient", "REVERSE_NAME=y ADDR=192.0.2.1"];
    for (offered, force) in [
        (&["XCLIENT name addr reverse_name"][..], &[][..]),
        (&["XCLIENT NAME", "XCLIENT ADDR REVERSE_NAME"], &[]),
        (&["XCLIENT NAME ADDR"], &["--force", "xclient"]),
        (&["SIZE"], &["--force", "xclient"]),
    ] {
        let run = play(&[&attributes[..], force].concat(), |talk| {
            talk.greet(offered);
            talk.expect("XCLIENT REVERSE_NAME=y ADDR=192.0.2.1");
            talk.say("220 mx.example");
            talk.offer(&[]);
            talk.take_mail();
        });
        println!("{offered:?}");
        run.exits(0).all_are("accepted");
    }
}

#[test]
fn a_proxy_announces_two_ends_or_none() {
    let ends = "192.0.2.1:1234 198.51.100.2:25";
    let v2 = [
        SIGNATURE,
        b"\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x04\xd2\0\x19",
    ]
    .concat();
    for (value, header) in [
        (
            format!("v1 {ends}"),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\n".to_vec(),
        ),
        (format!("v2 {ends}"), v2),
        ("v1 unknown".to_owned(), b"PROXY UNKNOWN\r\n".to_vec()),
        ("v2 unknown".to_owned(), [SIGNATURE, b"\x20\0\0\0"].concat()),
    ] {
        let run = play(&["--proxy-protocol", &value], move |talk| {
            talk.expect_octets(&header);
            talk.take();
        });
        run.exits(0).all_are("accepted");
        let first = &run.events("sent")[0];
        assert_eq!(first["stage"], "proxy");
        assert!(
            first["line"].as_str().unwrap().starts_with("PROXY "),
            "{first}"
        );
    }
}

#[test]
fn a_proxy_without_ends_has_those_of_the_connection() {
    let server = Server::start(|talk| {
        let header = talk.line();
        talk.take();
        header
    });
    let port = server.port;
    let run = Ehlo::to(&server)
        .args(["--proxy-protocol", "v1"])
        .text_to_bob()
        .run();
    let header = server.finish();
    run.exits(0).shows(&[&format!(">>> {header}\n")]);
    let words: Vec<&str> = header.split(' ').collect();
    assert_eq!(words[..4], ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"]);
    assert_eq!(words[5], port.to_string());
}

#[test]
fn a_proxy_announces_itself_in_clear_ahead_of_tls() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        talk.expect("PROXY UNKNOWN");
        talk.secure(&config);
        talk.take();
    });
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .trusting(&ca.pem())
        .args(["--proxy-protocol", "v1 unknown"])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).all_are("accepted");
    let value = "v1 192.0.2.1:25 [2001:db8::1]:25";
    refuses(
        &["--proxy-protocol", value],
        &["--proxy-protocol", "the same family"],
    );
}
