//! TLS in transcripts.

use crate::client::events::TlsSummary;
use crate::system::certificate::{Certificate, date, some_of};
use crate::system::text::shown as printable;
use serde_json::{Value, json};

/// The line for the TLS handshake; with `verbose`, the complete chain.
pub fn shown(secured: &TlsSummary<'_>, verbose: bool) -> String {
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
    let places = chain.iter().enumerate();
    places.map(|(at, der)| certificate(at + 1, der)).collect()
}

fn certificate(place: usize, der: &[u8]) -> String {
    let Some(read) = Certificate::read(der) else {
        return format!("*** certificate {place}: cannot be read\n");
    };
    let mut text = format!(
        "*** certificate {place}: {}, by {}\n",
        printable(&read.subject),
        printable(&read.issuer)
    );
    if !read.names.is_empty() {
        text.push_str(&format!("***   for {}\n", printable(&some_of(&read.names))));
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

/// The fields of the JSON event.
pub fn event(secured: &TlsSummary<'_>) -> Value {
    let chain: Vec<Value> = secured.chain.iter().map(|der| fields(der)).collect();
    json!({
        "version": secured.version,
        "cipher": secured.cipher,
        "group": secured.group,
        "resumed": secured.resumed,
        "name": secured.name,
        "verified": secured.verified,
        "judgement": secured.judgement,
        "chain": chain,
    })
}

/// The fields of the JSON event for a handshake that failed because of the certificate.
pub fn distrusted_event(name: &str, why: &str, chain: &[Vec<u8>]) -> Value {
    let chain: Vec<Value> = chain.iter().map(|der| fields(der)).collect();
    json!({
        "version": null,
        "name": name,
        "verified": false,
        "judgement": format!("not trusted: it {why}"),
        "chain": chain,
    })
}

/// A certificate in JSON; null if it cannot be parsed.
#[must_use]
pub fn fields(der: &[u8]) -> Value {
    match Certificate::read(der) {
        None => Value::Null,
        Some(read) => json!({
            "subject": printable(&read.subject),
            "issuer": printable(&read.issuer),
            "names": read.names.iter().map(|name| printable(name)).collect::<Vec<_>>(),
            "not_before": date(read.not_before),
            "not_after": date(read.not_after),
            "sha256": read.sha256,
            "key_sha256": read.key_sha256,
        }),
    }
}
