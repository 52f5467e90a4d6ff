//! Passing a message to the submission socket of the host.

use crate::cli::send::deliver as send;
use crate::cli::send::deliver::{DeliveryOutput, ShownResult};
use crate::client::deliver::ConnectionPool;
use crate::client::outcome::{RecipientResult, RecipientStatus};
use crate::client::transport::{Transport, Transports};
use crate::mail::message::Message;
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use std::time::Duration;

/// Time limit for each step, unless the caller sets a lower one: the other process is on this host, and waits for
/// nothing but its disk.
const LIMIT: Duration = Duration::from_secs(60);

/// Passes a message on over a connection of its own; see [`pass_on`].
pub fn pass_on_at_once(
    mut transport: Transport,
    message: &Message,
    output: &mut DeliveryOutput,
) -> Option<ShownResult> {
    let patience = &mut transport.session.patience;
    *patience = Some(patience.unwrap_or(LIMIT));
    let transports = Transports::new([&transport]);
    pass_on(
        &ConnectionPool::for_one_message(&transports),
        message,
        output,
    )
}

/// Passes a message on, and reports failures. `None`: nothing was accepted, because the socket cannot be used now.
pub fn pass_on(
    pool: &ConnectionPool<'_, '_>,
    message: &Message,
    output: &mut DeliveryOutput,
) -> Option<ShownResult> {
    let notice = output.set_notice(SenderNotice::ByReport);
    let mut shown = send::over(pool, (message, None), output);
    output.set_notice(notice);
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
        send::complain_of_failures(&shown.report, &output.place());
    }
    Some(shown)
}
