//! What a server without 8BITMIME or SMTPUTF8 gets of a message that is not ASCII.

use crate::message::Message;
use crate::program::Ehlo;
use crate::server::Server;
use crate::spool::Queue;
use mail_parser::MessageParser;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const HEAD: &str = "From: alice@crepes.fr\nTo: bob@hamburger.edu\n";

/// A server that offers this and gives MAIL and the message.
fn server(offers: &'static [&'static str]) -> Server<(String, Message)> {
    Server::start(|talk| {
        talk.greet(offers);
        let mail = talk.line();
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        (mail, message)
    })
}

/// A queue whose configuration names the relay at this port.
fn with_relay(port: u16) -> Queue {
    let queue = Queue::new();
    let config = format!(
        "default = \"p\"\n[queue]\ndir = \"{}\"\n[profile.p]\nhelo = \"me.example\"\n\
         relay = \"127.0.0.1:{port}\"\n",
        queue.dir(),
    );
    fs::write(queue.config(), config).unwrap();
    fs::set_permissions(queue.config(), fs::Permissions::from_mode(0o600)).unwrap();
    queue
}

/// The text arrives, in ASCII and with the right size.
#[track_caller]
fn assert_converted((mail, message): (String, Message), text: &str) {
    assert!(message.raw.is_ascii(), "{}", message.text());
    assert!(
        mail.ends_with(&format!(" SIZE={}", message.raw.len())),
        "{mail}"
    );
    let wire = message.text();
    let parsed = MessageParser::default().parse(&wire).unwrap();
    assert_eq!(parsed.body_text(0).unwrap().trim_end(), text);
}

#[test]
fn a_message_that_is_handed_to_sendmail_goes_to_a_server_without_8bitmime() {
    for options in [&["-odi"][..], &["-odq"]] {
        let server = server(&["SIZE"]);
        let queue = with_relay(server.port);
        queue
            .ehlo(&["sendmail", "-i", "-f", "alice@crepes.fr"])
            .args(options)
            .args(["bob@hamburger.edu"])
            .input("Subject: x\n\nM\u{e4}rz\n")
            .run()
            .exits(0);
        queue.verb(&["run"]).exits(0);
        assert_converted(server.finish(), "M\u{e4}rz");
        assert!(queue.ids().is_empty());
    }
}

#[test]
fn the_queue_keeps_a_ready_message_as_it_is_and_converts_it_for_the_server() {
    let text = format!(
        "{HEAD}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nM\u{e4}rz\n--b--\n"
    );
    for (offers, is_converted) in [(&["SIZE"][..], true), (&["8BITMIME"], false)] {
        let server = server(offers);
        let queue = Queue::new();
        let relay = format!("127.0.0.1:{}", server.port);
        let keep = [
            "--helo",
            "me.example",
            "--queue-only",
            "--message",
            "-",
            "-r",
            &relay,
        ];
        queue.ehlo(&keep).input(text.clone()).run().exits(0);
        queue.verb(&["run"]).exits(0);
        let (mail, message) = server.finish();
        if is_converted {
            assert_converted((mail, message), "M\u{e4}rz");
        } else {
            assert!(message.text().contains("\r\nM\u{e4}rz\r\n--b--\r\n"));
        }
    }
}

#[test]
fn an_attached_message_is_converted_part_by_part() {
    let server = server(&["SIZE"]);
    let ehlo = Ehlo::to(&server).args(["-q", "-b", "see", "--attach-message", "m.eml"]);
    ehlo.file("m.eml", "From: c@x.org\nSubject: x\n\nM\u{e4}rz\n");
    ehlo.args(["bob@hamburger.edu"]).run().exits(0);
    let (mail, message) = server.finish();
    let wire = message.text();
    assert!(
        wire.contains("Content-Type: message/rfc822; name=m.eml\r\n"),
        "{wire}"
    );
    assert!(wire.contains("\r\n\r\nM=C3=A4rz\r\n"), "{wire}");
    assert_converted((mail, message), "see");
}

#[test]
fn a_header_is_encoded_for_a_server_without_smtputf8_and_else_stays() {
    let text = format!("{HEAD}Subject: M\u{e4}rz\n\nhi\n");
    for (offers, subject) in [
        (&["SIZE"][..], "Subject: =?utf-8?q?M=C3=A4rz?="),
        (&["8BITMIME", "SMTPUTF8", "SIZE"], "Subject: M\u{e4}rz"),
    ] {
        let server = server(offers);
        let ehlo = Ehlo::to(&server).args(["-q", "--message", "-"]);
        ehlo.input(text.clone()).run().exits(0);
        let (mail, message) = server.finish();
        assert!(message.text().contains(&format!("\r\n{subject}\r\n")));
        assert_eq!(mail.contains("SMTPUTF8"), !message.raw.is_ascii());
        assert!(
            mail.contains(&format!(" SIZE={}", message.raw.len())),
            "{mail}"
        );
    }
}

#[test]
fn an_address_that_cannot_be_used_is_named_and_the_others_get_the_message() {
    let server = server(&[]);
    let queue = with_relay(server.port);
    let run = queue
        .ehlo(&["sendmail", "-t", "-odi", "-f", "alice@crepes.fr"])
        .input("To: bob@hamburger.edu, Eve <eve@@x.org>\n\nhi\n")
        .run();
    server.finish();
    run.exits(79).complains(1).says(&["To: ", "eve@@x.org"]);

    let nobody = queue
        .ehlo(&["sendmail", "-t", "-odi", "-f", "alice@crepes.fr"])
        .input("To: Eve <eve@@x.org>\n\nhi\n")
        .run();
    nobody.exits(65).complains(1).says(&["To: ", "eve@@x.org"]);
}
