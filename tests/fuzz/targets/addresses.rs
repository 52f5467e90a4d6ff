//! The address parser: what it accepts holds no control characters, and is understood the same way
//! when it is written and read again. Whatever is understood with all its domains is understood the same
//! way where domains may be missing.

#![no_main]

use ehlo::mail::address::{Address, LocalName, parse_list, parse_loose};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let loose = parse_loose(text);
    let Ok(entries) = parse_list(text) else {
        return;
    };
    let full = entries.iter().flat_map(|entry| entry.mailboxes());
    let full: Vec<LocalName> = full
        .map(|mailbox| LocalName::Full(mailbox.address.clone()))
        .collect();
    let loose = loose.expect("a strict list is a loose one");
    let loose = loose.iter().flat_map(|entry| entry.mailboxes());
    assert!(loose.map(|mailbox| &mailbox.address).eq(&full));
    for mailbox in entries.iter().flat_map(|entry| entry.mailboxes()) {
        let written = mailbox.address.to_string();
        assert!(!written.chars().any(char::is_control), "{written:?}");
        assert_eq!(Address::parse(&written).as_ref(), Ok(&mailbox.address));
    }
});
