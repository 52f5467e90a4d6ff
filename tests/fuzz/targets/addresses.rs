//! The address parser: what it accepts holds no control characters, and is understood the same way
//! when it is written and read again.

#![no_main]

use ehlo::address::{Address, parse_list};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(entries) = parse_list(text) else { return };
    for mailbox in entries.iter().flat_map(|entry| entry.mailboxes()) {
        let written = mailbox.address.to_string();
        assert!(!written.chars().any(char::is_control), "{written:?}");
        assert_eq!(Address::parse(&written).as_ref(), Ok(&mailbox.address));
    }
});
