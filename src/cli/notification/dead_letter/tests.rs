use crate::cli::notification::dead_letter::*;
use crate::cli::notification::{NotificationText, draft, options};
use crate::mail::address::Mailbox;
use crate::mail::dkim::Signer;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::SystemTime;

fn letter(body: &str) -> Message {
    let alice = Mailbox::parse("alice@crepes.fr").unwrap();
    let notification = NotificationText {
        subject: "hi".to_owned(),
        body: body.to_owned(),
        ..NotificationText::default()
    };
    let to = vec![crate::mail::address::ListEntry::Mailbox(alice.clone())];
    let draft = crate::mail::message::MessageDraft {
        to,
        ..draft(&notification, alice)
    };
    Message::build(options(draft, Signer::default()), SystemTime::now()).unwrap()
}

#[test]
fn two_messages_are_a_private_mailbox() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("dead.letter");
    append(&path, &letter(">From here\nlast")).unwrap();
    append(&path, &letter("two")).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("From "))
            .count(),
        2
    );
    assert!(text.contains("\n\n>>From here\nlast\n\nFrom "), "{text}");
    assert!(!text.contains('\r'));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn truncated_message_is_separated_from_the_next() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("dead.letter");
    append(&path, &letter("one")).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.strip_suffix("ne\n\n").unwrap()).unwrap();
    append(&path, &letter("two")).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\n\no\n\nFrom "), "{text}");
}

#[test]
fn file_of_another_user_is_not_written_to() {
    let home = tempfile::tempdir().unwrap();
    let (path, other) = (home.path().join("dead.letter"), home.path().join("other"));
    fs::write(&other, "").unwrap();
    symlink(&other, &path).unwrap();
    assert!(append(&path, &letter("hi")).is_err());
    fs::remove_file(&path).unwrap();
    fs::hard_link(&other, &path).unwrap();
    assert!(append(&path, &letter("hi")).is_err());
    assert_eq!(fs::read(&other).unwrap(), b"");
}
