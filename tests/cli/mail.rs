//! `ehlo mail` and `ehlo mutt`: the options of mail programs.

use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;

/// A mail program whose mail goes to this server at once.
fn program(name: &str, sink: &Receiver, words: &[&str], text: &str) -> Run {
    let ehlo = Ehlo::new();
    ehlo.private(
        "config.toml",
        format!(
            "default = \"sink\"\n[queue]\ndir = \"/dev/null/none\"\n[sendmail]\ndomain = \"crepes.fr\"\naliases = \"/dev/null\"\n[profile.sink]\nrelay = \"{}\"\n",
            sink.relay()
        ),
    );
    ehlo.file("file.txt", "attached\n");
    ehlo.file("draft", "To: ann@hamburger.edu\nSubject: draft\n\nbefore\n");
    ehlo.file("rc", "set realname=\"Alice A\" from=alice@crepes.fr\nmy_hdr X-A: 1\nalias ann ann@hamburger.edu\n");
    ehlo.file(
        ".mailrc",
        "alias ops bob@hamburger.edu ann\nset from=alice@crepes.fr\n",
    );
    // Without a queue, the message is sent before the program ends.
    ehlo.env("EHLO_CONFIG", "config.toml")
        .args([name])
        .args(words)
        .input(text)
        .run()
}

/// The message that this command line sends, as the server prints it.
#[track_caller]
fn sent(name: &str, words: &[&str], text: &str) -> String {
    let sink = Receiver::start(&["--print", "--count", "1"]);
    program(name, &sink, words, text).exits(0);
    sink.finish().stdout
}

#[track_caller]
fn assert_has(message: &str, words: &[&str]) {
    for words in words {
        assert!(message.contains(words), "{words:?} is not in {message}");
    }
}

#[test]
fn subject_copies_and_author_are_those_of_the_options() {
    let words = [
        "-s",
        "disks",
        "-c",
        "c@hamburger.edu",
        "-b",
        "hidden@hamburger.edu",
        "-r",
        "cron@crepes.fr",
        "bob",
    ];
    let message = sent("mail", &words, "full\n");
    assert_has(
        &message,
        &[
            "Subject: disks",
            "To: bob@crepes.fr",
            "Cc: c@hamburger.edu",
            "From: cron@crepes.fr",
            "\nfull",
        ],
    );
    assert!(!message.contains("hidden@"), "{message}");
}

#[test]
fn word_after_a_is_a_field_or_a_file() {
    let words = [
        "-a",
        "X-A: 1",
        "-a",
        "Content-Type: text/html;\nX-B: 2",
        "-a",
        "file.txt",
        "bob@hamburger.edu",
    ];
    let message = sent("mailx", &words, "<b>x</b>\n");
    assert_has(
        &message,
        &[
            "X-A: 1",
            "X-B: 2",
            "Content-Type: text/html",
            "filename=file.txt",
            "YXR0YWNoZWQK",
        ],
    );
    let sink = Receiver::start(&[]);
    let run = program(
        "s-nail",
        &sink,
        &["-a", "X-A: 1", "bob@hamburger.edu"],
        "x\n",
    );
    run.exits(1)
        .says(&["s-nail: Failed to access attachment X-A: 1"]);
}

#[test]
fn text_that_is_encoded_already_is_sent_as_it_is() {
    let words = [
        "-a",
        "Content-Transfer-Encoding: base64",
        "-a",
        "Content-Type: text/plain; charset=utf-8",
        "bob@x.org",
    ];
    let message = sent("mail", &words, "aGVsbG8K\n");
    assert_has(
        &message,
        &["Content-Transfer-Encoding: base64", "\naGVsbG8K"],
    );
    assert_eq!(
        message.matches("Content-Transfer-Encoding").count(),
        1,
        "{message}"
    );
}

#[test]
fn aliases_and_variables_of_mailrc_apply() {
    let message = sent("mail", &["-s", "x", "ops"], "hi\n");
    assert_has(
        &message,
        &[
            "To: bob@hamburger.edu, ann@crepes.fr",
            "From: alice@crepes.fr",
        ],
    );
    let message = sent(
        "s-nail",
        &["-:/", "-S", "from=Bob <b@crepes.fr>", "x@hamburger.edu"],
        "hi\n",
    );
    assert_has(&message, &["From: Bob <b@crepes.fr>"]);
}

#[test]
fn empty_text_is_sent_unless_e_is_given() {
    let sink = Receiver::start(&["--json"]);
    program("mail", &sink, &["-E", "-s", "x", "bob@hamburger.edu"], "")
        .exits(0)
        .is_silent();
    let run = program("mail", &sink, &["-v", "-s", "x", "bob@hamburger.edu"], "");
    run.exits(0).says(&["Null message body; hope that's ok\n"]);
    assert_eq!(sink.stop().events("message").len(), 1);
}

#[test]
fn template_has_recipients_and_fields() {
    let message = sent(
        "s-nail",
        &["-t"],
        "To: bob@hamburger.edu\nSubject: menu\nX-A: 1\n\nhello\n",
    );
    assert_has(
        &message,
        &[
            "To: bob@hamburger.edu",
            "Subject: menu",
            "X-A: 1",
            "\nhello",
        ],
    );
    let message = sent(
        "mail",
        &["-I", "bob@hamburger.edu"],
        "a\n~s late\n~~b\n.\nrest\n",
    );
    assert_has(&message, &["Subject: late", "\na\r\n~b"]);
    assert!(!message.contains("rest"), "{message}");
}

#[test]
fn mutt_takes_files_commands_and_drafts() {
    let words = [
        "-F",
        "rc",
        "-s",
        "x",
        "-a",
        "file.txt",
        "--",
        "bob@hamburger.edu",
        "ann",
    ];
    let message = sent("mutt", &words, "hi\n");
    assert_has(
        &message,
        &[
            "From: Alice A <alice@crepes.fr>",
            "X-A: 1",
            "filename=file.txt",
            "To: bob@hamburger.edu, ann@hamburger.edu",
        ],
    );
    let words = [
        "-e",
        "set content_type=text/html; my_hdr X-B: 2",
        "-H",
        "draft",
        "-i",
        "file.txt",
    ];
    let message = sent("mutt", &words, "typed\n");
    assert_has(
        &message,
        &[
            "To: ann@hamburger.edu",
            "Subject: draft",
            "Content-Type: text/html",
            "X-B: 2",
            "before\r\nattached\r\ntyped",
        ],
    );
    let sink = Receiver::start(&[]);
    let run = program(
        "mutt",
        &sink,
        &["-s", "x", "-a", "file.txt", "bob@hamburger.edu"],
        "hi\n",
    );
    run.exits(1)
        .says(&["Can't stat bob@hamburger.edu: No such file or directory"]);
    program("mutt", &sink, &["-s", "x"], "")
        .exits(1)
        .says(&["No recipients were specified."]);
}

#[test]
fn server_of_the_settings_is_used_at_once() {
    let sink = Receiver::with_files(
        &[("users", "alice:hunter2\n")],
        &["--json", "--auth", "users", "--auth-in-clear"],
    );
    let ehlo = Ehlo::new();
    let server = format!("smtp=smtp://{}", sink.relay());
    let words = [
        "mailx",
        "-S",
        &server,
        "-S",
        "smtp-auth=login",
        "-S",
        "smtp-auth-user=alice",
        "-S",
        "smtp-auth-password=hunter2",
        "-r",
        "alice@crepes.fr",
        "-s",
        "x",
        "bob@hamburger.edu",
    ];
    ehlo.args(words).input("hi\n").run().exits(0);
    let messages = sink.stop().events("message");
    assert_eq!(messages[0]["user"], "alice");
    assert_eq!(messages[0]["from"], "alice@crepes.fr");
}

#[test]
fn message_that_is_not_sent_is_kept_in_the_file_of_dead_letters() {
    for (name, exit) in [("mailx", 69), ("s-nail", 4)] {
        let sink = Receiver::start(&["--fault", "rcpt=550 no"]);
        let ehlo = Ehlo::new();
        let dead = ehlo.path("dead.letter");
        let server = format!("mta=smtp://{}", sink.relay());
        let words = [
            name,
            "-S",
            &server,
            "-r",
            "alice@crepes.fr",
            "-s",
            "kept",
            "bob@hamburger.edu",
        ];
        let run = ehlo.args(words).input("hi\n").run();
        run.exits(exit)
            .says(&["... message not sent; it is in ", dead.to_str().unwrap()]);
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    let sink = Receiver::start(&[]);
    for (name, words, exit, text) in [
        ("mail", &["-f"][..], 64, "mail: no mailbox is read here"),
        ("mail", &[], 64, "mail: no mailbox is read here"),
        (
            "mail",
            &["-s", "x"],
            1,
            "mail: You must specify to-addr recipients",
        ),
        ("mail", &["-Z", "bob"], 1, "mail: invalid option -- 'Z'"),
        (
            "s-nail",
            &["-Z", "bob"],
            64,
            "s-nail: invalid option -- 'Z'",
        ),
        (
            "s-nail",
            &["-A", "none", "bob"],
            68,
            "account does not exist: none",
        ),
        (
            "s-nail",
            &["a@x,b@x"],
            4,
            "a@x,b@x contains invalid byte ','",
        ),
        (
            "mail",
            &["/tmp/file"],
            4,
            "/tmp/file: *expandaddr* does not allow file target",
        ),
        ("mutt", &["-p"], 64, "mutt: no mailbox is read here"),
        (
            "mail",
            &["-I", "bob"],
            64,
            "mail: ~!: this command is not supported",
        ),
    ] {
        let run = program(name, &sink, words, "~!date\n");
        run.exits(exit).says(&[text]);
    }
}
