//! TLS in transcripts.

use crate::certificate::{Certificate, date};
use crate::text::shown as printable;
use crate::watch::Secured;
use serde_json::{Value, json};

/// The line for people; all about the chain for those who look closely.
pub fn shown(secured: &Secured<'_>, verbose: bool) -> String {
    let again = if secured.resumed { " resumed" } else { "" };
    let mut text = format!(
        "*** {} {}{again}, certificate of {} {}\n",
        secured.version, secured.cipher, secured.name, secured.judgement
    );
    if verbose {
        if let Some(group) = secured.group {
            text.push_str(&format!("*** key exchange {group}\n"));
        }
        for (place, der) in secured.chain.iter().enumerate() {
            text.push_str(&certificate(place + 1, der));
        }
    }
    text
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
        text.push_str(&format!(
            "***   for {}\n",
            printable(&read.names.join(", "))
        ));
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

/// The fields of the event for programs.
pub fn event(secured: &Secured<'_>) -> Value {
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

/// A certificate, for programs.
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
