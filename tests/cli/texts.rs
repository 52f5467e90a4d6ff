//! Texts as people give them: from files of Windows editors, in old charsets, by mistake, through pipes and at
//! a terminal.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use crate::spool::Queue;
use crate::terminal::at_terminal;
use mail_parser::{Message, MessageParser, MimeHeaders as _};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;

/// `--print` from alice to bob.
fn print() -> Ehlo {
    Ehlo::new().args(["--print", "-f", "alice@crepes.fr", "bob@hamburger.edu"])
}

/// The message of a run about which there is nothing to say.
#[track_caller]
fn printed(run: &Run) -> Message<'_> {
    run.exits(0);
    assert_eq!(run.stderr, "");
    parsed(run)
}

fn parsed(run: &Run) -> Message<'_> {
    MessageParser::default().parse(&run.stdout).unwrap()
}

/// The message of a run that warned of this, and of nothing else.
#[track_caller]
fn printed_with_warning<'r>(run: &'r Run, words: &[&str]) -> Message<'r> {
    warned(run, 1);
    run.says(words);
    parsed(run)
}

#[track_caller]
fn warned(run: &Run, lines: usize) {
    run.exits(0);
    let is_warning = |line: &str| line.starts_with("ehlo: warning: ");
    assert!(run.stderr.lines().all(is_warning), "{run:#?}");
    assert_eq!(run.stderr.lines().count(), lines, "{run:#?}");
}

fn text(message: &Message<'_>) -> String {
    message
        .body_text(0)
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

#[track_caller]
fn refused(run: &Run, exit: i32, words: &[&str]) {
    run.exits(exit).complains(1).says(words);
    assert_eq!(run.stdout, "");
}

#[test]
fn a_content_type_gets_the_charset_that_its_text_needs() {
    for (kind, text, field) in [
        ("text/html", "hü", "text/html; charset=utf-8"),
        ("text/plain;", "hü", "text/plain; charset=utf-8"),
        ("text/html", "hu", "text/html"),
        ("application/json", "\"ü\"", "application/json"),
        ("text/html; charset=UTF-8", "hü", "text/html; charset=UTF-8"),
    ] {
        let kind = format!("Content-Type: {kind}");
        let run = print().args(["-H", &kind, "-b", text]).run();
        printed(&run);
        run.shows(&[&format!("\nContent-Type: {field}\r\n")]);
    }
    let kind = "Content-Type: text/plain; charset=us-ascii";
    refused(
        &print().args(["-H", kind, "-b", "hü"]).run(),
        65,
        &["us-ascii"],
    );
    printed(&print().args(["-H", kind, "-b", "hu"]).run());
}

#[test]
fn an_attached_text_whose_type_is_given_gets_the_charset_that_it_needs() {
    for (content, kind) in [("ü", "text/csv; charset=utf-8;"), ("u", "text/csv;")] {
        let ehlo = print().args(["-b", "x", "-a", "f;type=text/csv"]);
        ehlo.file("f", content);
        let run = ehlo.run();
        printed(&run);
        run.shows(&[&format!("\nContent-Type: {kind} name=f\r\n")]);
    }
}

#[test]
fn a_byte_order_mark_is_not_a_part_of_a_text() {
    let marked = |text: &str| format!("\u{feff}{text}");
    for option in ["--body", "--html", "--markdown"] {
        let ehlo = print().args([option, "@t"]);
        ehlo.file("t", marked("# Title\n"));
        let run = ehlo.run();
        printed(&run);
        assert!(!run.stdout.contains("=EF=BB=BF") && !run.stdout.contains('\u{feff}'));
    }
    let run = print()
        .args(["--markdown", "-"])
        .input(marked("# Title\n"))
        .run();
    printed(&run);
    run.shows(&["<h1>Title</h1>"]);
    let argument = marked("hi");
    assert_eq!(text(&printed(&print().args(["-b", &argument]).run())), "hi");
    let ehlo = print().args(["-b", "x", "--calendar", "c.ics"]);
    ehlo.file(
        "c.ics",
        marked("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"),
    );
    let run = ehlo.run();
    printed(&run);
    run.shows(&["\r\n\r\nBEGIN:VCALENDAR"]);
}

#[test]
fn a_byte_order_mark_before_a_ready_message_is_left_out() {
    let whole = "\u{feff}From: alice@crepes.fr\nTo: bob@hamburger.edu\n\nhi\n";
    let ehlo = Ehlo::new().args(["--print", "--message", "m"]);
    ehlo.file("m", whole);
    let run = ehlo.run();
    printed(&run);
    assert!(run.stdout.starts_with("From: alice"), "{run:#?}");
    let ehlo = print().args(["-b", "x", "--attach-message", "m"]);
    ehlo.file("m", whole);
    let run = ehlo.run();
    printed(&run);
    run.shows(&["\r\n\r\nFrom: alice@crepes.fr\r\n"]);
}

#[test]
fn a_text_in_utf_16_is_read_by_its_byte_order_mark() {
    let ehlo = print().args(["-b", "@t"]);
    ehlo.file("t", b"\xff\xfeG\0r\0\xfc\0n\0");
    assert_eq!(text(&printed(&ehlo.run())), "Grün");
}

#[test]
fn two_at_signs_begin_a_text_with_one() {
    for option in ["--body", "--html", "--markdown"] {
        let run = print().args([option, "@@home today"]).run();
        assert!(text(&printed(&run)).contains("@home today"), "{run:#?}");
    }
}

#[test]
fn flowed_text_is_not_encoded_and_its_quotes_stay_quotes() {
    let words = "word ".repeat(40);
    let given = format!("{words}\n> a quote\n>no quote\n");
    let run = print().args(["--format-flowed", "-b", &given]).run();
    printed(&run);
    run.shows(&[
        "Content-Transfer-Encoding: 7bit\r\n",
        "word \r\nword",
        "\r\n> a quote\r\n >no quote\r\n",
    ]);
    let server = Server::start(|talk| {
        talk.greet(&["8BITMIME"]);
        talk.expect("MAIL FROM:<alice@crepes.fr> BODY=8BITMIME");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        message
    });
    let given = format!("ü {words}");
    let ehlo = Ehlo::to(&server).args(["-q", "--format-flowed", "-b", &given]);
    ehlo.args(["bob@hamburger.edu"]).run().exits(0).is_silent();
    let message = server.finish().text();
    assert!(
        message.contains("Content-Transfer-Encoding: 8bit\r\n"),
        "{message}"
    );
}

#[test]
fn a_field_that_a_message_has_once_is_not_written_twice() {
    for options in [
        [
            "--list-unsubscribe=https://x.org/u",
            "-HList-Unsubscribe: <mailto:u@x.org>",
        ],
        ["-HList-Id: <a.x.org>", "-Hlist-id: <b.x.org>"],
        ["--priority=high", "-HX-Priority: 3"],
        ["--priority=high", "-HImportance: low"],
    ] {
        let run = print().args(options).args(["-b", "x"]).run();
        refused(&run, 65, &["is given twice"]);
    }
    let ehlo = Ehlo::new().args(["--print", "--message", "m", "-HList-Id: <a.x.org>"]);
    ehlo.file(
        "m",
        "From: a@x.org\nTo: b@x.org\nList-Id: <b.x.org>\n\nhi\n",
    );
    refused(&ehlo.run(), 65, &["is already in the message"]);
}

#[test]
fn a_field_of_the_command_line_takes_the_place_of_that_of_the_profile() {
    let ehlo = print().args(["--config", "c", "-HX-Priority: 5", "-HX-Foo: 2", "-b", "x"]);
    ehlo.private(
        "c",
        "default = \"p\"\n[profile.p]\nheader = [\"X-Priority: 1\", \"X-Foo: 1\"]\n",
    );
    let run = ehlo.run();
    printed(&run);
    run.shows(&["X-Priority: 5\r\n", "X-Foo: 1\r\n", "X-Foo: 2\r\n"]);
    assert!(!run.stdout.contains("X-Priority: 1"), "{run:#?}");
}

#[test]
fn message_ids_are_given_as_a_message_has_them() {
    let run = print()
        .args([
            "--references",
            " <a@x.org>\n\t<b@x.org>\n",
            "--references",
            "",
        ])
        .args(["--in-reply-to", "<b@x.org>\n", "-b", "x"])
        .run();
    printed(&run);
    run.shows(&[
        "In-Reply-To: <b@x.org>\r\n",
        "References: <a@x.org> <b@x.org>\r\n",
    ]);
    let run = print().args(["--references", "a b", "-b", "x"]).run();
    refused(&run, 64, &["--references", "\"a\" is not a Message-ID"]);
}

#[test]
fn encoded_words_of_addresses_and_fields_are_not_encoded_again() {
    let name = "=?utf-8?q?J=C3=BCrgen?= <j@x.org>";
    let run = print()
        .args([
            "--cc",
            name,
            "-HSubject: =?utf-8?b?R3LDvMOfZQ==?=",
            "-b",
            "x",
        ])
        .run();
    let message = printed(&run);
    assert_eq!(message.subject(), Some("Grüße"));
    assert_eq!(
        message.cc().unwrap().first().unwrap().name(),
        Some("Jürgen")
    );
    run.shows(&["Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"]);
    // A subject of --subject is what is to be read.
    let run = print().args(["-s", "=?utf-8?q?x?=", "-b", "x"]).run();
    assert_eq!(printed(&run).subject(), Some("=?utf-8?q?x?="));
}

#[test]
fn a_message_of_an_mbox_is_attached_without_its_first_line() {
    let ehlo = print().args(["-b", "x", "--attach-message", "m"]);
    ehlo.file(
        "m",
        "From a@x.org Thu Jan  1 00:00:00 1970\nFrom: a@x.org\n\nhi\n",
    );
    let run = ehlo.run();
    printed(&run);
    run.shows(&["\r\n\r\nFrom: a@x.org\r\n\r\nhi\r\n"]);
    assert!(!run.stdout.contains("From a@x.org"), "{run:#?}");
}

#[test]
fn a_text_that_is_not_utf8_is_sent_with_a_warning_that_says_where() {
    let latin1 = b"Gr\xfc\xdfe aus K\xf6ln\n";
    for option in ["--body", "--html", "--markdown"] {
        let run = print().args([option, "-"]).input(latin1.to_vec()).run();
        let words = ["standard input", "byte 2 ", "windows-1252", "--charset"];
        let message = printed_with_warning(&run, &words);
        assert!(text(&message).contains("Grüße aus Köln"), "{run:#?}");
        let ehlo = print().args([option, "@t"]);
        ehlo.file("t", latin1);
        printed_with_warning(&ehlo.run(), &["warning: t: byte 2 "]);
    }
    let run = print().input(b"ok ok\xff".to_vec()).run();
    assert_eq!(text(&printed_with_warning(&run, &["byte 5 "])), "ok okÿ");
    // What is UTF-8 in it stays.
    let mixed = [b"Gr\xc3\xbc\xc3\x9fe ".as_slice(), b"\xfc"].concat();
    let run = print().input(mixed).run();
    assert_eq!(text(&printed_with_warning(&run, &["byte 8 "])), "Grüße ü");
}

#[test]
fn a_charset_that_is_named_is_strict_and_what_is_not_text_is_not_guessed() {
    let run = print()
        .args(["--charset", "utf-8"])
        .input(b"Gr\xfc".to_vec())
        .run();
    refused(&run, 65, &["the text is not valid UTF-8"]);
    let run = print().input(b"a\0\xff".to_vec()).run();
    refused(&run, 65, &["it contains NULs", "byte 2 ", "--attach"]);
}

#[test]
fn arguments_that_are_not_utf8_are_read_in_the_charset_or_with_a_warning() {
    let run = print()
        .args([OsStr::from_bytes(b"--subject=Gr\xfcn")])
        .args([
            OsStr::from_bytes(b"-bSch\xf6n"),
            OsStr::from_bytes(b"J\xfcrgen <j@x.org>"),
        ])
        .run();
    warned(&run, 3);
    run.says(&[
        "--subject: byte 2 ",
        "--body: byte 3 ",
        "RECIPIENT: byte 1 ",
    ]);
    let message = parsed(&run);
    assert_eq!(message.subject(), Some("Grün"));
    assert_eq!(text(&message), "Schön");
    assert_eq!(message.to().unwrap().last().unwrap().name(), Some("Jürgen"));
    let run = print()
        .args(["--charset", "koi8-r", "-b", "x", "-s"])
        .args([OsStr::from_bytes(b"\xed\xc5\xce\xc0")])
        .run();
    assert_eq!(printed(&run).subject(), Some("Меню"));
    let run = print()
        .args(["--charset", "shift_jis", "-b", "x", "-s"])
        .args([OsStr::from_bytes(b"\x81")])
        .run();
    refused(&run, 65, &["--subject", "Shift_JIS"]);
}

#[test]
fn the_name_of_a_file_that_is_not_utf8_is_read_in_the_charset_or_with_a_warning() {
    let name = OsStr::from_bytes(b"B\xfccher.bin");
    let ehlo = print().args(["-b", "x", "-a"]).args([name]);
    std::fs::write(ehlo.path(name), "x").unwrap();
    let run = ehlo.run();
    let message = printed_with_warning(&run, &["--attach: byte 1 "]);
    assert_eq!(
        message.attachment(0).unwrap().attachment_name(),
        Some("Bücher.bin")
    );
    let ehlo = print()
        .args(["--charset", "latin2", "-b", "x", "-a"])
        .args([name]);
    std::fs::write(ehlo.path(name), "x").unwrap();
    printed(&ehlo.run());
}

#[test]
fn what_a_script_says_in_latin_1_is_mailed() {
    let notify = |queue: &Queue, port: u16| {
        let relay = format!("127.0.0.1:{port}");
        let ehlo = queue.ehlo(&["notify", "--helo", "me.example", "-r", &relay]);
        ehlo.args(["-f", "alice@crepes.fr", "--to", "bob@hamburger.edu"])
    };
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let run = notify(&queue, server.port)
        .input(b"\xef\xbb\xbfK\xfchler\n".to_vec())
        .run();
    run.exits(0).complains(1).says(&["standard input: byte 1 "]);
    let message = server.finish().stored();
    let message = MessageParser::default().parse(&message).unwrap();
    assert_eq!(text(&message), "Kühler");
    assert!(message.subject().unwrap().ends_with("] Kühler"));
    let (queue, server) = (Queue::new(), Server::start(Talk::take));
    let run = notify(&queue, server.port)
        .args([OsStr::from_bytes(b"K\xfchler")])
        .run();
    run.exits(0).complains(1).says(&["TEXT: byte 1 "]);
    let message = server.finish().stored();
    assert_eq!(
        text(&MessageParser::default().parse(&message).unwrap()),
        "Kühler"
    );
}

#[test]
fn the_name_of_a_file_is_sent_as_text_with_a_warning_in_a_script() {
    for option in ["--body", "--html", "--markdown"] {
        let ehlo = print().args([option, "done"]);
        ehlo.file("done", "contents");
        let run = ehlo.run();
        let hint = format!("write {option} '@done'");
        assert!(text(&printed_with_warning(&run, &[&hint])).contains("done"));
    }
    let ehlo = print().args(["--body", "@done"]);
    ehlo.file("done", "contents");
    assert_eq!(text(&printed(&ehlo.run())), "contents");
}

#[test]
fn the_name_of_a_file_is_refused_as_text_at_a_terminal() {
    let told = at_terminal("\r\n", "x", |ehlo| {
        ehlo.file("letter.txt", "contents");
        ehlo.args(["--print", "-b", "letter.txt", "bob@hamburger.edu"])
    });
    let Some(told) = told else { return };
    assert_eq!(told["exit"], 64);
    let seen = told["seen"].as_str().unwrap();
    assert!(seen.contains("write --body '@letter.txt'"), "{seen}");
}

const INVITATION: &str = "ehlo: type the text; end it with Ctrl-D at the start of a line\r\n";

#[test]
fn at_a_terminal_the_text_is_typed() {
    let told = at_terminal(INVITATION, "one\ntwo\n\u{4}", |ehlo| {
        ehlo.args(["--print", "-f", "a@x.org", "-s", "hi", "bob@hamburger.edu"])
    });
    let Some(told) = told else { return };
    let seen = told["seen"].as_str().unwrap();
    assert_eq!(told["exit"], 0, "{seen}");
    let seen = seen.replace("\r\r\n", "\n");
    assert!(
        seen.starts_with(INVITATION) && seen.ends_with("\n\none\ntwo\n"),
        "{seen}"
    );
}

#[test]
fn at_a_terminal_an_empty_text_is_not_sent_unless_it_is_given() {
    for (options, exit, words) in [
        (&[][..], 64, "no text was entered"),
        (&["-E"], 0, ""),
        (&["-b", "-"], 0, "Subject: hi"),
    ] {
        let told = at_terminal(INVITATION, "\n\u{4}", |ehlo| {
            let ehlo = ehlo
                .args(["--print", "-f", "a@x.org", "-s", "hi"])
                .args(options);
            ehlo.args(["bob@hamburger.edu"])
        });
        let Some(told) = told else { return };
        let seen = told["seen"].as_str().unwrap();
        assert_eq!(told["exit"], exit, "{options:?}: {seen}");
        assert!(seen.contains(words), "{seen}");
    }
}

#[test]
fn at_a_terminal_nothing_is_typed_where_something_else_is_sent() {
    for options in [
        &["-b", ""][..],
        &["-a", "f"],
        &["--html", "<p>"],
        &["--quit-after", "rcpt"],
    ] {
        let told = at_terminal("MIME-Version", "x", |ehlo| {
            ehlo.file("f", "x");
            let ehlo = ehlo.args(["--print", "-f", "a@x.org"]).args(options);
            ehlo.args(["bob@hamburger.edu"])
        });
        let Some(told) = told else { return };
        let seen = told["seen"].as_str().unwrap();
        assert_eq!(told["exit"], 0, "{options:?}: {seen}");
        assert!(!seen.contains("type the text"), "{seen}");
    }
}

#[test]
fn without_a_terminal_a_message_without_a_text_is_sent_unless_that_is_not_wanted() {
    assert_eq!(text(&printed(&print().args(["-s", "hi"]).run())), "");
    for input in ["", " \n\t\n"] {
        let run = print().args(["-E", "-s", "hi"]).input(input).run();
        run.exits(0).is_silent();
    }
    let run = print().args(["-E", "--html", "<p>hi"]).run();
    printed(&run);
}

#[test]
fn what_is_piped_in_beside_html_is_the_text_part() {
    let run = print().args(["--html", "<p>hi"]).input("plain\n").run();
    let message = printed(&run);
    assert_eq!(text(&message), "plain");
    run.shows(&["multipart/alternative", "<p>hi"]);
    let run = print().args(["--html", "<p>hi"]).input("").run();
    printed(&run);
    assert!(!run.stdout.contains("multipart"), "{run:#?}");
}

#[test]
fn a_file_on_stdin_beside_html_is_the_text_part_unless_a_loop_reads_it() {
    let ehlo = print().args(["--html", "<p>hi"]);
    let path = ehlo.file("list", "one\ntwo\n");
    let run = ehlo.stdin(File::open(&path).unwrap()).run();
    assert_eq!(text(&printed(&run)), "one\r\ntwo");
    let ehlo = print().args(["--html", "<p>hi"]);
    let path = ehlo.file("list", "one\ntwo\n");
    let mut read = File::open(&path).unwrap();
    read.seek(SeekFrom::Start(4)).unwrap();
    let run = ehlo.stdin(read.try_clone().unwrap()).run();
    printed(&run);
    assert!(!run.stdout.contains("two"), "{run:#?}");
    let mut rest = String::new();
    read.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "two\n");
}

#[test]
fn a_pipe_that_nothing_is_written_to_does_not_hold_up_html() {
    let (reader, writer) = std::io::pipe().unwrap();
    let run = print().args(["--html", "<p>hi"]).stdin(reader).run();
    drop(writer);
    printed_with_warning(&run, &["nothing arrived on standard input", "--body -"]);
}

#[test]
fn what_is_piped_in_beside_markdown_is_refused() {
    let run = print().args(["--markdown", "# hi"]).input("plain\n").run();
    refused(&run, 64, &["--markdown", "</dev/null"]);
    printed(&print().args(["--markdown", "# hi"]).input("").run());
}
