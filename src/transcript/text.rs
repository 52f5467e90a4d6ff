//! DNS answers and TLS handshakes as text.

use crate::client::events::{DnsAnswer, TlsSummary};
use crate::system::certificate::{Certificate, date, some_of};
use crate::system::text::shown;

/// The answer to a lookup, or its error, as text.
pub fn dns_answer(answer: &DnsAnswer<'_>) -> String {
    let name = shown(answer.name);
    let kind = match answer.kind {
        "host" => "address",
        kind => kind,
    };
    if let Some(why) = answer.error {
        return format!("no {kind} of {name}: {}", shown(why));
    }
    let records = shown(&answer.records.join(", "));
    let secure = if answer.secure { ", DNSSEC" } else { "" };
    match answer.ttl {
        Some(ttl) => format!("{kind} of {name}: {records} (for {ttl} s{secure})"),
        None => format!("{kind} of {name}: {records}"),
    }
}

/// The line for the TLS handshake; with `verbose`, the complete chain.
pub fn handshake(secured: &TlsSummary<'_>, verbose: bool) -> String {
    let again = if secured.resumed { " resumed" } else { "" };
    let mut text = format!(
        "*** {} {}{again}, certificate of {} {}\n",
        secured.version, secured.cipher, secured.name, secured.judgement
    );
    if verbose {
        if let Some(group) = secured.group {
            text.push_str(&format!("*** key exchange {group}\n"));
        }
        text.push_str(&certificates(secured.chain));
    }
    text
}

/// The line for a certificate that is not trusted; with `verbose`, its complete chain.
pub fn distrusted(name: &str, why: &str, chain: &[Vec<u8>], verbose: bool) -> String {
    let mut text = format!("*** certificate of {name} not trusted: it {why}\n");
    if verbose {
        text.push_str(&certificates(chain));
    }
    text
}

fn certificates(chain: &[Vec<u8>]) -> String {
    let numbers = chain.iter().enumerate();
    numbers.map(|(at, der)| certificate(at + 1, der)).collect()
}

fn certificate(number: usize, der: &[u8]) -> String {
    let Some(read) = Certificate::read(der) else {
        return format!("*** certificate {number}: cannot be read\n");
    };
    let mut text = format!(
        "*** certificate {number}: {}, by {}\n",
        shown(&read.subject),
        shown(&read.issuer)
    );
    if !read.names.is_empty() {
        text.push_str(&format!("***   for {}\n", shown(&some_of(&read.names))));
    }
    text.push_str(&format!(
        "***   from {} to {}, sha256:{}, key sha256:{}\n",
        date(read.not_before),
        date(read.not_after),
        read.sha256,
        read.key_sha256
    ));
    text
}
