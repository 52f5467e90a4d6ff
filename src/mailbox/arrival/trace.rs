//! The Received fields of a message (RFC 5321 §4.4), which each server on its way has added.

use crate::mailbox::search::fields;
use chrono::{DateTime, FixedOffset};

/// Maximum number of fields that are read.
const MAX_HOPS: usize = 100;

/// A server on the way of a message, as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// The name of the client in EHLO.
    pub from: Option<String>,
    pub by: Option<String>,
    /// The protocol: `ESMTPS` is SMTP with TLS (RFC 3848).
    pub with: Option<String>,
    pub id: Option<String>,
    pub at: Option<DateTime<FixedOffset>>,
}

impl Hop {
    /// True if the message came over TLS. `None`: not known.
    pub fn is_tls(&self) -> Option<bool> {
        let with = self.with.as_deref()?.to_ascii_uppercase();
        // RFC 3848: S for TLS, A for AUTH.
        match with.as_str() {
            "ESMTPS" | "ESMTPSA" | "LMTPS" | "LMTPSA" | "UTF8SMTPS" | "UTF8SMTPSA"
            | "UTF8LMTPS" | "UTF8LMTPSA" => Some(true),
            "SMTP" | "ESMTP" | "ESMTPA" | "LMTP" | "LMTPA" | "UTF8SMTP" | "UTF8SMTPA"
            | "UTF8LMTP" | "UTF8LMTPA" => Some(false),
            _ => None,
        }
    }

    /// Seconds since the hop before. Negative: the clocks differ.
    pub fn seconds_since(&self, before: &Self) -> Option<i64> {
        Some((self.at? - before.at?).num_seconds())
    }
}

/// The hops in the order of the way.
pub fn hops(header: &[u8]) -> Vec<Hop> {
    let received = fields(header).filter(|(name, _)| name.eq_ignore_ascii_case("received"));
    let mut hops: Vec<Hop> = received
        .map(|(_, value)| hop(&value))
        .take(MAX_HOPS)
        .collect();
    hops.reverse();
    hops
}

fn hop(value: &str) -> Hop {
    let plain = without_comments(value);
    let (clauses, date) = plain.rsplit_once(';').unwrap_or((&plain, ""));
    let mut hop = Hop {
        at: DateTime::parse_from_rfc2822(date.trim()).ok(),
        ..Hop::default()
    };
    let mut words = clauses.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let place = match word.to_ascii_lowercase().as_str() {
            "from" => &mut hop.from,
            "by" => &mut hop.by,
            "with" => &mut hop.with,
            "id" => &mut hop.id,
            _ => continue,
        };
        if place.is_none() {
            *place = words.next().map(str::to_owned);
        }
    }
    hop
}

/// The text without comments in parentheses, which may be nested.
pub fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut depth, mut is_escaped, mut is_quoted) = (0_usize, false, false);
    for character in text.chars() {
        let is_special = !std::mem::take(&mut is_escaped);
        match character {
            '\\' if is_special => is_escaped = true,
            '"' if is_special && depth == 0 => is_quoted = !is_quoted,
            '(' if is_special && !is_quoted => depth += 1,
            ')' if is_special && !is_quoted && depth > 0 => {
                depth -= 1;
                plain.push(' ');
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"Received: from mx.example.net (mx.example.net [192.0.2.9])\r\n\
        \tby imap.example.net with LMTP id abc; Tue, 1 Dec 2026 05:44:03 +0000\r\n\
        Subject: x\r\n\
        Received: from [192.0.2.1] (client (a \\) b) x)\r\n\
        \t(using TLSv1.3; by nobody)\r\n\
        \tby mail.example.org (Postfix) with ESMTPSA id 4F2\r\n\
        \tfor <bob@hamburger.edu>; Tue,  1 Dec 2026 06:44:00 +0100 (CET)\r\n\r\n";

    #[test]
    fn hops_are_in_the_order_of_the_way() {
        let all = hops(HEADER);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].from.as_deref(), Some("[192.0.2.1]"));
        assert_eq!(all[0].by.as_deref(), Some("mail.example.org"));
        assert_eq!(all[0].id.as_deref(), Some("4F2"));
        assert_eq!(
            (all[0].is_tls(), all[1].is_tls()),
            (Some(true), Some(false))
        );
        assert_eq!(all[1].seconds_since(&all[0]), Some(3));
    }

    #[test]
    fn strange_fields_are_hops_without_details() {
        for value in [
            "",
            ";;;",
            "((((",
            "by",
            "from from from",
            "a)b)c",
            "; Tue, 99 Foo",
        ] {
            let header = format!("Received: {value}\r\n\r\n");
            assert_eq!(hops(header.as_bytes()).len(), 1, "{value}");
        }
        let many = "Received: x\r\n".repeat(5000);
        assert_eq!(hops(many.as_bytes()).len(), MAX_HOPS);
    }
}
