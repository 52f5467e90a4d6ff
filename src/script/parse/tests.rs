use crate::script::parse::*;
use crate::script::statement::{Count, LineEnd, MessageSource, Time};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

fn source(text: &str) -> ScriptSource {
    ScriptSource {
        name: "t.ehlo".to_owned(),
        text: text.to_owned(),
        directory: Some(PathBuf::new()),
    }
}

/// The errors in a script, each with its position.
fn errors(text: &str) -> Vec<String> {
    match parse_source(&source(text), &["given"]) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

fn kinds(text: &str) -> Vec<StatementKind> {
    let script = parse_source(&source(text), &["given"]).unwrap_or_else(|all| panic!("{all:?}"));
    script.statements.into_iter().map(|one| one.kind).collect()
}

/// Errors, and the start of their messages.
const ERRORS: &[(&str, &str)] = &[
    (
        "conect",
        "expected a statement, not `conect`; did you mean `connect`?",
    ),
    (
        "EHLO x",
        "expected a statement, not `EHLO`; lines start with >, <, #, connect, test and so on; see ehlo-script(1)",
    ),
    (
        ">rwa \"x\"",
        "expected >raw, >lf, >cr, >slow, >file, >message, or a blank after >",
    ),
    (">raw x", "expected a text in quotes"),
    (">raw \"x", "expected a quote at the end of the text"),
    (
        ">raw \"\\q\"",
        "expected \\r, \\n, \\t, \\0, \\xNN, \\\\ or \\\"",
    ),
    (">raw \"\\x4\"", "expected two hexadecimal digits after \\x"),
    (">raw \"x\"*0", "expected a repeat count after *"),
    (
        ">raw \"x\"y",
        "expected a blank or *NUMBER after the quote, not y",
    ),
    (
        ">slow EHLO x",
        "expected the time between two octets, such as 10ms",
    ),
    (">file no-such-file", "no-such-file is not a file"),
    (">file", "expected the name of a file"),
    (
        ">message twice",
        "expected the end of the line, not `twice`",
    ),
    (
        "<",
        "expected a code such as 250, 2xx or 250|251, any, close, /REGEX/, has KEYWORD or lacks KEYWORD",
    ),
    (
        "< 99",
        "expected a code from 200 to 599, or a class from 2xx to 5xx",
    ),
    (
        "< 650",
        "expected a code from 200 to 599, or a class from 2xx to 5xx",
    ),
    ("< 250 /(/", "expected a regular expression: "),
    (
        "< 250 /x",
        "expected a / at the end of the regular expression",
    ),
    ("< 250 /x/g", "expected i or a blank after the /, not g"),
    ("< 250 has", "expected an EHLO keyword such as SIZE"),
    ("< 250 ok", "expected a code such as"),
    ("pause", "expected a time such as 2s or 500ms"),
    ("pause x", "expected a time such as 2s or 500ms"),
    ("pause 25h", "expected a time such as 2s or 500ms"),
    ("timeout 5s 6s", "expected the end of the line, not `6s`"),
    (
        "starttls please",
        "expected the end of the line, not `please`",
    ),
    ("auth NTLM", "expected one of EXTERNAL, SCRAM-SHA-256-PLUS,"),
    (
        "set 1a b",
        "expected the name of a variable: a letter, then letters, digits and _",
    ),
    ("set a", "expected the value of the variable"),
    ("> ${a b}", "expected ${name}; write $$ for a dollar sign"),
    ("> $givn", "undefined variable $givn; did you mean $given?"),
    (
        "> $zzz",
        "undefined variable $zzz; set it with `set`, or with -D on the command line",
    ),
    ("repeat 0\nend", "expected a number from 1 to 1000000"),
    ("parallel 1001\nend", "expected a number from 1 to 1000"),
    ("parallel\nend", "expected a number from 1 to 1000"),
    ("for x\nend", "expected `in` after the variable name"),
    ("for x in\nend", "expected values after `in`"),
    (
        "parallel 2\nparallel 2\nend\nend",
        "unexpected `parallel` inside another `parallel`",
    ),
    (
        "connect mx:99999",
        "expected HOST, HOST:PORT, unix:PATH or pipe:COMMAND, not \"mx:99999\"",
    ),
    ("connect \"pipe: \"", "expected HOST, HOST:PORT,"),
    ("for x in a", "expected `end` for this `for`"),
    ("end", "unexpected `end`; no block is open"),
    (
        "repeat 2\ntest a\nend",
        "unexpected `test`; tests are allowed only at the top level, or in a `for` there",
    ),
    ("test", "expected the name of the test"),
    ("{\n> a", "expected } for this {"),
    ("{\n< 250\n}", "expected a line that begins with >, or }"),
    ("{\n>slow 1ms x\n}", "unexpected >slow between { and }"),
    (
        "include t.ehlo",
        "cannot read the script t.ehlo: No such file",
    ),
];

#[test]
fn an_error_has_its_position_and_the_expected_text() {
    for (text, right) in ERRORS {
        let found = errors(text);
        let first = found
            .first()
            .unwrap_or_else(|| panic!("{text} has no error"));
        let (place, what) = first.split_once(": ").unwrap();
        assert!(place.starts_with("t.ehlo:"), "{first}");
        assert!(what.starts_with(right), "{text}: {what}");
    }
}

#[test]
fn all_errors_are_reported_with_their_lines() {
    let found = errors("# a comment\n\nconnct\n  > ok\npause\nrepeat x\n  tsl\nend\n< 250\n");
    let places: Vec<&str> = found
        .iter()
        .map(|text| text.split(' ').next().unwrap())
        .collect();
    assert_eq!(places, ["t.ehlo:3:", "t.ehlo:5:", "t.ehlo:7:", "t.ehlo:6:"]);
    assert_eq!(errors(&"x\n".repeat(1000)).len(), MAX_ERRORS);
}

#[test]
fn lines_to_send_are_parsed() {
    let lines = kinds(
        ">EHLO x # y\n>   NOOP  \n>\n>lf a \\\n>cr b\n>raw \"a\\r\\n\" \\\n  \"b\"*2\n>message raw\n",
    );
    let shown: Vec<String> = lines
        .iter()
        .map(|kind| match kind {
            StatementKind::Send(SendItem::Line(text, LineEnd::CrLf)) => format!("line {text}"),
            StatementKind::Send(SendItem::Line(text, end)) => format!("{end:?} {text}"),
            StatementKind::Send(SendItem::Raw(text)) => format!("raw {text}"),
            StatementKind::Send(SendItem::Message(MessageSource::Raw)) => "message".to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "line EHLO x # y",
            "line NOOP",
            "line ",
            "Lf a \\\\",
            "Cr b",
            "raw a\\r\\n\"b\"*2",
            "message"
        ]
    );
}

#[test]
fn blanks_are_ignored_and_comments_end_a_line() {
    let kinds = kinds(
        "  timeout   5s   # five\n\trepeat 3\n\n  pause $given\n end # of it\n connect tls [::1]:25\n",
    );
    assert!(
        matches!(kinds[0], StatementKind::Timeout(Time::Fixed(time)) if time == Duration::from_secs(5))
    );
    assert!(matches!(&kinds[1], StatementKind::Repeat(Count::Fixed(3), body) if body.len() == 1));
    assert!(
        matches!(&kinds[2], StatementKind::Connect { target: Some(target), tls: true } if target.to_string() == "[::1]:25")
    );
}

#[test]
fn expectations_are_displayed_in_normal_form() {
    for (text, right) in [
        ("250", "250"),
        ("250|251", "250 or 251"),
        ("250 | 251| close", "250 or 251 or the connection to close"),
        ("2", "2xx"),
        ("5yz|4xx", "5xx or 4xx"),
        ("250-", "250 on several lines"),
        ("any", "any reply"),
        ("250 /a\\/b/i", "250 with /a/b/"),
        (
            "250 has AUTH PLAIN LOGIN lacks STARTTLS",
            "250 has AUTH PLAIN LOGIN lacks STARTTLS",
        ),
        ("has SIZE", "has SIZE"),
    ] {
        assert_eq!(statement::condition(text).unwrap().to_string(), right);
    }
}

#[test]
fn scripts_include_files_of_their_directory_but_not_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    write("inner.ehlo", "> $greeting\n> bad $typo\n");
    let outer = write("outer.ehlo", "set greeting hello\ninclude inner.ehlo\n");
    let wrong = parse(&outer, &[]).unwrap_err();
    let at = directory.path().join("inner.ehlo");
    assert!(
        wrong[0]
            .to_string()
            .starts_with(&format!("{}:2: ", at.display())),
        "{wrong:?}"
    );
    assert_eq!(parse(&outer, &["typo"]).unwrap().statements.len(), 3);
    write("a.ehlo", "include b.ehlo\n");
    let looped = write("b.ehlo", "include a.ehlo\n");
    let wrong = parse(&looped, &[]).unwrap_err()[0].to_string();
    assert!(wrong.contains("a script includes itself: "), "{wrong}");
    assert!(wrong.ends_with("b.ehlo"), "{wrong}");
}

#[test]
fn nested_blocks_need_an_end() {
    let nested = |depth| "repeat 2\n".repeat(depth) + "> x\n" + &"end\n".repeat(depth);
    assert_eq!(errors(&nested(32)), [""; 0]);
    let deep = errors(&nested(50_000));
    assert_eq!(deep, ["t.ehlo:33: blocks are nested more than 32 deep"]);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("marked.ehlo");
    fs::write(&path, "\u{feff}connect\r\n< 220\r\n").unwrap();
    let script = parse(path.to_str().unwrap(), &[]).unwrap_or_else(|all| panic!("{all:?}"));
    assert_eq!(script.statements.len(), 2);
}

#[test]
fn unreadable_scripts_are_reported() {
    let wrong = parse("no-such", &[]).unwrap_err()[0].to_string();
    assert!(
        wrong.contains("cannot read the script no-such: "),
        "{wrong}"
    );
    assert!(
        wrong.ends_with("see ehlo script --list for the bundled scripts"),
        "{wrong}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    for (octets, right) in [
        (vec![0xff], "it is not UTF-8"),
        (vec![b'#'; 1 << 21], "it is larger than 1 MiB"),
    ] {
        fs::write(file.path(), octets).unwrap();
        let wrong = parse(file.path().to_str().unwrap(), &[]).unwrap_err()[0].to_string();
        assert!(wrong.ends_with(right), "{wrong}");
    }
}

#[test]
fn errors_contain_no_control_characters() {
    for text in [
        "quit \x1b[2J\n",
        "no\x07pe\n",
        "> $x\u{202e}\n",
        "include \"\x1b\"\n",
    ] {
        let source = ScriptSource {
            name: "x".to_owned(),
            text: text.to_owned(),
            directory: None,
        };
        for error in parse_source(&source, &[]).unwrap_err() {
            let item = error.to_string();
            assert_eq!(item, crate::system::text::shown(&item));
        }
    }
}
