//! The servers for a recipient, if none was named: the mail exchangers of the domain.

use crate::cli::standins::swaks::octets;
use crate::client::dns::{Dns, RecordType, Resolver};
use crate::client::events::Silent;
use crate::client::route::AddressFamily;
use std::net::Ipv4Addr;

/// The exchangers in the order of their preference, with -4 and -6 those that have such an address; else the domain.
/// There is at least one server.
pub fn servers(address: &str, family: AddressFamily) -> Vec<String> {
    if let Some(server) = literal(address) {
        return vec![server];
    }
    let domain = address.rsplit('@').next().unwrap_or_default();
    if !octets::is_true(domain) {
        return vec!["localhost".to_owned()];
    }
    let exchangers = exchangers(domain, family).unwrap_or_default();
    if exchangers.is_empty() {
        vec![domain.to_owned()]
    } else {
        exchangers
    }
}

fn exchangers(domain: &str, family: AddressFamily) -> Option<Vec<String>> {
    let dns = Resolver::new(None).ok()?;
    let name = octets::utf8(domain);
    let mut answers = dns.mx(&[name], &mut Silent);
    let mut records = answers.pop()?.ok()?.records;
    records.sort_by_key(|record| record.preference);
    let kinds: &[RecordType] = match family {
        AddressFamily::Any => &[],
        AddressFamily::V4 => &[RecordType::A],
        AddressFamily::V6 => &[RecordType::Aaaa],
    };
    let hosts = records.into_iter().map(|record| record.host);
    let has_address =
        |host: &String| kinds.is_empty() || dns.addresses(host, kinds, &mut Silent).is_ok();
    Some(hosts.filter(has_address).collect())
}

/// Four numbers with dots between them, of any size.
pub fn looks_like_ipv4(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 4 && parts.iter().all(is_number)
}

/// The address in `user@[192.0.2.1]` or `user@#3221225985`.
fn literal(address: &str) -> Option<String> {
    if let Some(rest) = address.strip_suffix(']') {
        let (_, host) = rest.rsplit_once('[')?;
        return looks_like_ipv4(host).then(|| host.to_owned());
    }
    let (_, digits) = address.rsplit_once('#')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value: u64 = digits.parse().ok().filter(|_| is_number)?;
    let low = u32::try_from(value & u64::from(u32::MAX)).ok()?;
    Some(Ipv4Addr::from(low).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_literals_need_no_lookup() {
        assert_eq!(literal("a@[192.0.2.1]").as_deref(), Some("192.0.2.1"));
        assert_eq!(literal("a@#16909060").as_deref(), Some("1.2.3.4"));
        assert_eq!(literal("a@example.org"), None);
    }
}
