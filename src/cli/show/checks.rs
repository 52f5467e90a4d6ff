//! The checks of a message: its DKIM signatures, with or without the DNS, and the fields of lists.

use crate::client::dns::Resolver;
use crate::client::events::Silent;
use crate::mail::dkim::DkimResult;
use crate::mail::message::Source;
use crate::mail::view::{FieldCheck, MessageView, SignatureCheck, check_fields, check_signatures};
use crate::probe::verify::{SignatureReport, verify_signatures};
use crate::system::time::now_in_seconds;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Time limit for the lookups of the keys of one message.
const LOOKUPS: Duration = Duration::from_secs(30);

/// Checks with keys from the DNS.
#[derive(Clone, Copy, Debug)]
pub struct KeyLookup {
    /// `None`: the resolvers of the system.
    pub dns: Option<SocketAddr>,
}

/// Without a lookup, the signatures are checked as far as that is possible.
pub fn checks(
    view: &MessageView,
    message: &Source,
    lookup: Option<KeyLookup>,
) -> io::Result<Vec<FieldCheck>> {
    let signatures = match lookup {
        None => check_signatures(message)?,
        Some(lookup) => verified(message, lookup)?,
    };
    Ok(check_fields(view, &signatures))
}

fn verified(message: &Source, lookup: KeyLookup) -> io::Result<Vec<SignatureCheck>> {
    let resolver = Resolver::new(lookup.dns)
        .map_err(io::Error::other)?
        .until(Instant::now() + LOOKUPS);
    let now = now_in_seconds().max(0).unsigned_abs();
    let reports = verify_signatures(message.reader(), (&resolver, now), &mut Silent)?;
    Ok(reports.into_iter().map(check).collect())
}

fn check(report: SignatureReport) -> SignatureCheck {
    let SignatureReport {
        signature, verdict, ..
    } = report;
    let is_ok = match verdict.result {
        DkimResult::Pass => Some(true),
        DkimResult::TempError => None,
        DkimResult::Fail | DkimResult::Policy | DkimResult::PermError => Some(false),
    };
    let text = match verdict.result {
        DkimResult::Pass => format!("valid; {}", verdict.why),
        _ => verdict.why,
    };
    SignatureCheck {
        signature,
        is_ok,
        text,
    }
}
