//! Passing a message to the submission socket of the host.

use crate::cli::send::deliver as send;
use crate::cli::send::deliver::ShownResult;
use crate::cli::send::keep::QueuedMessage;
use crate::client::outcome::{RecipientResult, RecipientStatus};
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use std::time::Duration;

/// Time limit for each step, unless the caller sets a lower one: the other process is on this host, and waits for
/// nothing but its disk.
const LIMIT: Duration = Duration::from_secs(60);

/// Passes it on, and reports failures. `None`: nothing was accepted, because the socket cannot be used now.
pub fn pass_on(queued: &QueuedMessage<'_>) -> Option<ShownResult> {
    let mut transport = queued.transport.clone();
    transport.session.patience = Some(queued.patience.unwrap_or(LIMIT));
    let mut shown = send::at_once(
        queued.message,
        (&transport, &[]),
        queued.output,
        SenderNotice::ByReport,
    );
    let is_put_off = |result: &RecipientResult| {
        matches!(
            result.verdict,
            RecipientStatus::Deferred | RecipientStatus::Skipped
        )
    };
    if shown.exit != Exit::Ok && shown.report.results.iter().all(is_put_off) {
        return None;
    }
    shown.exit = shown.report.exit();
    if queued.notice != SenderNotice::ByReport {
        send::complain_of_failures(&shown.report);
    }
    Some(shown)
}
