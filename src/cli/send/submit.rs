//! Passing a message to the submission socket of the host.

use crate::cli::send::deliver as send;
use crate::cli::send::deliver::ShownResult;
use crate::client::outcome::{RecipientResult, RecipientStatus};
use crate::client::transport::Transport;
use crate::mail::message::Message;
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use crate::transcript::TranscriptOptions;
use std::time::Duration;

/// Time limit for each step, unless the caller sets a lower one: the other process is on this host, and waits for
/// nothing but its disk.
const LIMIT: Duration = Duration::from_secs(60);

/// Passes it on, and reports failures. `None`: nothing was accepted, because the socket cannot be used now. The
/// transport's patience is limited.
pub fn pass_on(
    message: &Message,
    mut transport: Transport,
    output: TranscriptOptions,
    notice: SenderNotice,
) -> Option<ShownResult> {
    let patience = &mut transport.session.patience;
    *patience = Some(patience.unwrap_or(LIMIT));
    let mut shown = send::at_once(message, (&transport, &[]), output, SenderNotice::ByReport);
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
    if notice != SenderNotice::ByReport {
        send::complain_of_failures(&shown.report);
    }
    Some(shown)
}
