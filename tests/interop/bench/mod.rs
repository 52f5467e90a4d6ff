//! The tester's bench against real servers: guises, proxies, LMTP, extensions and questions.

mod exim;
mod lmtp;
mod opensmtpd;
mod postfix;
mod proxies;

use crate::postfix::wait_for;
use crate::submission::Submission;
use std::fs;

/// Waits until the log of Postfix has this.
#[track_caller]
fn logs(submission: &Submission, words: &str) {
    let log = submission.postfix.path("log");
    wait_for(words, || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.contains(words).then_some(())
    });
}
