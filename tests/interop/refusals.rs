//! What a real Postfix does not take, and how commands go to it.

use crate::postfix::{Postfix, SIZE_LIMIT};
use std::fs::File;

const SMALL: [&str; 6] = ["-f", "alice@sender.test", "-s", "hi", "-b", "text"];

#[test]
fn a_message_over_the_limit_is_refused_here_before_mail() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = File::create(directory.path().join("big")).unwrap();
    file.set_len(SIZE_LIMIT as u64).unwrap();
    let ran = postfix.send(
        directory.path(),
        &[&SMALL[..], &["-a", "big", "bob@example.test"]].concat(),
    );
    ran.ends_with(69)
        .hides("MAIL FROM")
        .shows("bob@example.test... Refused (");
    assert!(
        ran.stderr.contains(&SIZE_LIMIT.to_string()),
        "{}",
        ran.stderr
    );
    assert!(postfix.is_empty("bob"));
}

#[test]
fn an_unknown_user_does_not_stop_the_others() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let to = [
        "bob@example.test",
        "nobody@example.test",
        "carol@example.test",
    ];
    let ran = postfix.send(directory.path(), &[&SMALL[..], &to].concat());
    ran.ends_with(79)
        .shows("bob@example.test... Sent (")
        .shows("carol@example.test... Sent (")
        .shows("nobody@example.test... Refused (550 5.1.1");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("<nobody@example.test>: 550 5.1.1"));
    postfix.receive("bob");
    postfix.receive("carol");
}

#[test]
fn only_unknown_users_is_a_refusal_for_good() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let to = ["nobody@example.test", "noone@example.test"];
    for pipelining in ["auto", "off"] {
        let how = ["--pipelining", pipelining];
        postfix
            .send(directory.path(), &[&SMALL[..], &how, &to].concat())
            .ends_with(69);
    }
}

#[test]
fn commands_go_in_one_group_or_one_by_one_as_told() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    for (how, in_one_group) in [("auto", true), ("off", false)] {
        let arguments = ["--chunking", "off", "--pipelining", how, "bob@example.test"];
        let ran = postfix.send(directory.path(), &[&SMALL[..], &arguments].concat());
        let group = ">>> RCPT TO:<bob@example.test>\n>>> DATA\n250 ";
        assert_eq!(ran.ends_with(0).text().contains(group), in_one_group);
        postfix.receive("bob");
    }
}

#[test]
fn the_null_sender_is_taken() {
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["--envelope-from", "", "bob@example.test"];
    postfix
        .send(directory.path(), &[&SMALL[..], &arguments].concat())
        .ends_with(0)
        .shows("MAIL FROM:<>");
    postfix.receive("bob");
}
