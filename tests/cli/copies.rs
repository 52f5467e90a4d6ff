//! Blind copies: delivered to, and gone from the message.

use crate::message::Message;
use crate::program::Ehlo;
use crate::server::Server;

/// Delivers this ready message to whom it names, who must be these; gives what went over the wire.
#[track_caller]
fn delivered(message: &str, recipients: &'static [&'static str]) -> Message {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(recipients);
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        message
    });
    let ehlo = Ehlo::to(&server).args(["-q", "--message", "m.eml"]);
    ehlo.file("m.eml", message);
    let run = ehlo.run();
    let message = server.finish();
    run.exits(0).is_silent();
    message
}

#[track_caller]
fn tells_nobody(message: &Message) {
    let text = message.text().to_ascii_lowercase();
    assert!(
        !text.contains("\nbcc") && !text.contains("secret"),
        "{text}"
    );
}

const NORMAL: &str = "From: alice@crepes.fr\nDate: Fri, 30 Jul 2010 09:00:00 +0000\n\
                      Message-ID: <1@crepes.fr>\nTo: bob@y.org\n";

#[test]
fn bcc_in_all_its_spellings_gets_the_message_and_is_gone_from_it() {
    for field in [
        "Bcc: secret@y.org",
        "bcc: secret@y.org",
        "BCC: Secret Service <secret@y.org>",
        "BCC : secret@y.org",
        "Bcc\t: secret@y.org",
        "bCc:\n secret@y.org",
        "Bcc:secret@y.org",
    ] {
        let message = format!("{NORMAL}{field}\nSubject: x\n\nhi\n");
        tells_nobody(&delivered(&message, &["bob@y.org", "secret@y.org"]));
    }
}

#[test]
fn a_folded_bcc_leaves_no_line_behind() {
    let message = format!("{NORMAL}Bcc: secret@y.org,\n\tsecret2@y.org\n ,secret3@y.org\n\nhi\n");
    let all = &[
        "bob@y.org",
        "secret@y.org",
        "secret2@y.org",
        "secret3@y.org",
    ];
    tells_nobody(&delivered(&message, all));
}

#[test]
fn every_one_of_several_bcc_fields_counts_and_goes() {
    let message = format!("Bcc: secret@y.org\n{NORMAL}bcc: secret2@y.org\nBcc:\n\nhi\n");
    let message = delivered(&message, &["secret@y.org", "bob@y.org", "secret2@y.org"]);
    tells_nobody(&message);
}

#[test]
fn a_resent_message_goes_to_those_whom_it_is_resent_to() {
    let message = format!(
        "{NORMAL}Bcc: first@y.org\nResent-From: alice@crepes.fr\nResent-To: carol@y.org\n\
         resent-bcc: secret@y.org\n\nhi\n"
    );
    tells_nobody(&delivered(&message, &["carol@y.org", "secret@y.org"]));
}

#[test]
fn recipients_on_the_command_line_are_the_only_ones_and_bcc_is_gone_all_the_same() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["dave@y.org"]);
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        message
    });
    let ehlo = Ehlo::to(&server).args(["-q", "--message", "m.eml", "dave@y.org"]);
    ehlo.file("m.eml", format!("{NORMAL}Bcc: secret@y.org\n\nhi\n"));
    let run = ehlo.run();
    tells_nobody(&server.finish());
    run.exits(0).is_silent();
}

#[test]
fn bcc_by_option_or_header_is_in_the_envelope_only() {
    for arguments in [
        ["--bcc", "secret@y.org"],
        ["--bcc", "Secret <secret@y.org>"],
        ["-H", "Bcc: secret@y.org"],
        ["-H", "bcc: Secret <secret@y.org>"],
        ["-H", "BCC:secret@y.org"],
    ] {
        let server = Server::start(|talk| {
            talk.greet(&[]);
            talk.envelope(&["bob@y.org", "secret@y.org"]);
            let message = talk.data();
            talk.say("250 taken");
            talk.quit();
            message
        });
        let run = Ehlo::to(&server)
            .args(["-q", "-b", "hi", "bob@y.org"])
            .args(arguments)
            .run();
        tells_nobody(&server.finish());
        run.exits(0).is_silent();
    }
}

#[test]
fn a_message_for_bcc_alone_names_nobody() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["secret@y.org"]);
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        message
    });
    let run = Ehlo::to(&server)
        .args(["-q", "-b", "hi", "--bcc", "secret@y.org"])
        .run();
    tells_nobody(&server.finish());
    run.exits(0).is_silent();
}
