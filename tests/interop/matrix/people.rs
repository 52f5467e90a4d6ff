//! Subjects and people of all kinds.

use super::cases::{BODY, Case, person};
use crate::entity::plain;

fn subject(title: &'static str, subject: &str) -> Case {
    Case {
        subject: subject.to_owned(),
        ..Case::new(title, &["-b", BODY], plain(BODY))
    }
}

fn from(title: &'static str, name: &str) -> Case {
    Case {
        from: person(name, "alice@sender.test"),
        to: vec![person(name, "bob@example.test"), person("", "c@x.test")],
        ..Case::new(title, &["-b", BODY], plain(BODY))
    }
}

pub fn all() -> Vec<Case> {
    let long = format!("{} ü", "x".repeat(300));
    let group = [
        "-b",
        BODY,
        "--to",
        "Team: \"D, E\" <d@x.test>, Zoë <z@x.test>;, p@x.test",
    ];
    vec![
        subject("emoji with joiners", "👩‍👩‍👧 e\u{301} and 🏳️‍🌈"),
        subject("an endless word", &"x".repeat(400)),
        subject("an endless word and one that is encoded", &long),
        subject("what looks encoded in the middle", "a =?utf-8?q?b?= c"),
        subject("question marks and underscores", "é_?=_ ?= =? ü"),
        subject("runs of blanks", "a  b   c    d"),
        subject("a tab", "a\tb"),
        subject("right to left", "שלום abc עולם"),
        subject(
            "long Chinese",
            &"我们明天上午十点在会议室见面讨论。".repeat(8),
        ),
        from("quotes and a backslash", "A \"B\" \\C"),
        from("a comma and an umlaut", "Ärger, Alice"),
        from("an address as a name", "eve@evil.test"),
        from("brackets and a semicolon", "A (B) <C>; [D]"),
        from("a long name", &"Иван Петрович ".repeat(8)).trimmed(),
        from("emoji", "😀 Bob 🎉"),
        from("what looks encoded", "=?utf-8?q?x?="),
        from("dots", "J. R. R. Tolkien"),
        Case {
            to: vec![
                person("D, E", "d@x.test"),
                person("Zoë", "z@x.test"),
                person("", "p@x.test"),
            ],
            to_is_made_of_people: false,
            ..Case::new("a group", &group, plain(BODY))
        },
    ]
}
