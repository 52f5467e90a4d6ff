//! Header fields, read back by mail-parser.

use crate::mail::address::parse_list;
use crate::mail::message::header_writer::*;
use mail_parser::{Address, MessageParser, MimeHeaders as _};
use proptest::prelude::*;

#[track_caller]
fn check_lines(field: &str) {
    assert!(field.ends_with("\r\n"));
    for line in field.trim_end_matches("\r\n").split("\r\n") {
        assert!(line.len() <= 998 && !line.trim().is_empty(), "{field:?}");
        assert!(line.is_ascii() && !line.contains(['\r', '\n']), "{field:?}");
        let is_encoded = line.contains("=?utf-8?");
        assert!(!is_encoded || line.len() <= 76, "{field:?}");
    }
    for word in field
        .split([' ', '"'])
        .filter(|word| word.starts_with("=?"))
    {
        assert!(word.trim_end().len() <= MAX_ENCODED_WORD, "{word}");
    }
}

fn subject(text: &str) -> String {
    let field = unstructured("Subject", text);
    check_lines(&field);
    let message = format!("{field}\r\n");
    let parsed = MessageParser::default().parse(&message).unwrap();
    parsed.subject().unwrap_or_default().to_owned()
}

#[test]
fn plain_ascii_is_left_alone_and_folded() {
    assert_eq!(unstructured("Subject", "Ketchup"), "Subject: Ketchup\r\n");
    let long = "word ".repeat(40);
    let field = unstructured("Subject", long.trim());
    assert!(
        field.split("\r\n").all(|line| line.len() <= LINE),
        "{field}"
    );
    assert_eq!(
        field.replace("\r\n", ""),
        format!("Subject: {}", long.trim())
    );
}

#[test]
fn subjects_come_back_character_by_character() {
    for text in [
        "Grüße aus Köln",
        "Re: Grüße  mit  zwei   Blanks",
        "=?utf-8?q?hi?= is not hi",
        " leading",
        "日本語の件名がとても長いので折り返さなければなりません。日本語の件名がとても長いので",
        "a 😀 b",
        "tab\there",
        "é é",
        "é  é",
        "plain é plain",
        "two  blanks",
        "a   b  c",
        "?  8",
    ] {
        assert_eq!(subject(text), text, "{text:?}");
    }
}

#[test]
fn an_endless_word_is_cut_into_lines() {
    let text = "x".repeat(1200);
    assert_eq!(subject(&text), text);
}

#[test]
fn a_line_with_an_encoded_word_has_76_characters_at_most() {
    let long = "é".repeat(200);
    for text in [
        "Бета-продакшн: платежка 2422750 от 2015-07-20",
        "Grüße aus einer Stadt mit einem Namen, der eine Zeile lang ist, und noch mehr",
        &long,
    ] {
        assert_eq!(subject(text), text);
        // The plain words before it fill the line to every length.
        for width in 1..80 {
            let field = unstructured("X", &format!("{} {text} {}", "a".repeat(width), "b"));
            check_lines(&field);
        }
    }
}

#[test]
fn names_are_atoms_quoted_strings_or_encoded_words() {
    let list =
        "Bob Smith <b@x.org>, \"Doe, John\" <j@x.org>, Jürgen <u@x.org>, c@x.org, T: d@x.org;";
    let field = addresses("To", &parse_list(list).unwrap());
    assert_eq!(
        field,
        "To: Bob Smith <b@x.org>, \"Doe, John\" <j@x.org>, =?utf-8?q?J=C3=BCrgen?=\r\n \
         <u@x.org>, c@x.org, T: d@x.org;\r\n"
    );
    let none = parse_list("undisclosed-recipients:;").unwrap();
    assert_eq!(addresses("To", &none), "To: undisclosed-recipients:;\r\n");
}

#[test]
fn a_blank_separates_an_encoded_group_name_from_its_colon() {
    for (list, field) in [
        ("Täm:;", "To: =?utf-8?q?T=C3=A4m?= :;\r\n"),
        (
            "Täm: a@x.org;, b@x.org",
            "To: =?utf-8?q?T=C3=A4m?= : a@x.org;, b@x.org\r\n",
        ),
    ] {
        assert_eq!(addresses("To", &parse_list(list).unwrap()), field);
    }
}

#[test]
fn a_hundred_addresses_are_folded() {
    let list: Vec<String> = (0..100).map(|n| format!("user{n}@example.org")).collect();
    let field = addresses("To", &parse_list(&list.join(",")).unwrap());
    assert!(field.split("\r\n").all(|line| line.len() <= LINE));
}

#[test]
fn file_names_are_tokens_quoted_strings_or_rfc_2231() {
    let field =
        |name: &str| with_parameters("Content-Disposition", "attachment", &[("filename", name)]);
    let long = format!("{}.pdf", "x".repeat(300));
    assert_eq!(
        field(&long),
        format!("Content-Disposition: attachment;\r\n filename={long}\r\n")
    );
    assert_eq!(
        field("a.pdf"),
        "Content-Disposition: attachment; filename=a.pdf\r\n"
    );
    assert_eq!(
        field("a \"b\".pdf"),
        "Content-Disposition: attachment; filename*=utf-8''a%20%22b%22.pdf\r\n"
    );
    assert_eq!(
        field("a b.pdf"),
        "Content-Disposition: attachment; filename=\"a b.pdf\"\r\n"
    );
    assert_eq!(
        field("menü.pdf"),
        "Content-Disposition: attachment; filename*=utf-8''men%C3%BC.pdf\r\n"
    );
    assert_eq!(
        field("it's.txt"),
        "Content-Disposition: attachment; filename=\"it's.txt\"\r\n"
    );
    for name in [
        " blank",
        "=?utf-8?q?x?=.bin",
        "utf-8''x.bin",
        &("日本語".repeat(20) + ".pdf"),
        &"x".repeat(300),
        "a\r\nBcc: b",
    ] {
        check_file_name(name);
    }
}

#[test]
fn the_name_of_a_content_type_is_in_encoded_words() {
    let field = |name: &str| with_parameters("Content-Type", "a/b", &[("name", name)]);
    assert_eq!(field("a b.pdf"), "Content-Type: a/b; name=\"a b.pdf\"\r\n");
    assert_eq!(
        field("menü.pdf"),
        "Content-Type: a/b; name=\"=?utf-8?q?men=C3=BC=2Epdf?=\"\r\n"
    );
}

/// Reads a file's name from both parameters that contain it.
#[track_caller]
fn check_file_name(name: &str) {
    let fields = [
        with_parameters("Content-Type", "a/b", &[("name", name), ("x", "y")]),
        with_parameters("Content-Disposition", "attachment", &[("filename", name)]),
    ];
    for field in &fields {
        check_lines(field);
    }
    let message = format!("{}\r\nx", fields.concat());
    let parsed = MessageParser::default().parse(&message).unwrap();
    let kind = parsed.content_type().unwrap();
    assert_eq!(kind.attribute("name"), Some(name), "{message}");
    assert_eq!(kind.attribute("x"), Some("y"), "{message}");
    let disposition = parsed.content_disposition().unwrap();
    assert_eq!(disposition.attribute("filename"), Some(name), "{message}");
}

/// Words in several scripts, words that look encoded, and words of every length.
fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zA-Z0-9]{1,20}",
        "[!-~]{1,12}",
        "[^\\p{C}\\p{Z}]{1,30}",
        Just("=?utf-8?q?a?=".to_owned()),
        Just("日本語の名前".to_owned()),
        Just("Grüße".to_owned()),
        "[a-z]{60,100}",
    ];
    prop::collection::vec(word, 1..12).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_comes_back_from_lines_within_their_limits(text in words()) {
        prop_assert_eq!(subject(&text), text);
    }

    #[test]
    fn every_name_comes_back_from_lines_within_their_limits(name in words()) {
        let mailbox = Mailbox { name: Some(name.clone()), ..Mailbox::parse("a@x.org").unwrap() };
        let group = ListEntry::Group { name: name.clone(), members: vec![mailbox.clone()] };
        let field = addresses("To", &[ListEntry::Mailbox(mailbox), group]);
        check_lines(&field);
        let message = format!("{field}\r\n");
        let parsed = MessageParser::default().parse(&message).unwrap();
        let Some(Address::Group(groups)) = parsed.to() else { panic!("{field}") };
        prop_assert_eq!(groups.len(), 2);
        prop_assert_eq!(groups[0].addresses[0].name(), Some(&*name));
        prop_assert_eq!(groups[1].name.as_deref(), Some(&*name));
        prop_assert_eq!(groups[1].addresses[0].name(), Some(&*name));
    }

    #[test]
    fn every_file_name_comes_back_from_lines_within_their_limits(name in words()) {
        check_file_name(&name);
    }
}
