//! The tester's bench against real servers: guises, proxies, LMTP, extensions and questions.

mod exim;
mod lmtp;
mod postfix;
mod proxies;

use crate::postfix::{Postfix, wait_for};
use std::fs;
use std::path::Path;

/// Waits until the log of a server has all of these.
#[track_caller]
fn logs(log: &Path, words: &[&str]) {
    for word in words {
        wait_for(word, || {
            let text = fs::read_to_string(log).unwrap_or_default();
            text.contains(word).then_some(())
        });
    }
}

/// The next message in a mailbox, with all of its header, as text.
fn received(postfix: &Postfix, mailbox: &str) -> String {
    String::from_utf8(postfix.receive_whole(mailbox)).unwrap()
}
