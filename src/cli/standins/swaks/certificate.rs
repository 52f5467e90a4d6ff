//! What swaks shows of a certificate, and the comparison of its names with a host.

use crate::system::certificate::one_line;
use base64::prelude::{BASE64_STANDARD, Engine};
use std::net::IpAddr;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Characters in a line of PEM.
const LINE: usize = 64;

/// The two lines about a certificate, with `label` such as `peer[0]`.
pub fn lines(label: &str, der: &[u8]) -> [String; 2] {
    let subject = one_line(der).unwrap_or_default();
    let first = format!("TLS {label:<9} subject=[{subject}]");
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return [first, " ".repeat(14)];
    };
    let names: Vec<String> = names(&certificate).iter().map(shown).collect();
    let second = format!(
        "{}commonName=[{}], subjectAltName=[{}] notAfter=[{}]",
        " ".repeat(14),
        common_name(&certificate),
        names.join(", "),
        iso_time(certificate.validity().not_after.timestamp())
    );
    [first, second]
}

/// True if the certificate is for this host: by its alternative names, or by its common name if it has no DNS name.
pub fn is_for(der: &[u8], host: &str) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return false;
    };
    let names = names(&certificate);
    if let Ok(ip) = host.parse::<IpAddr>() {
        let octets = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let is_it = |name: &GeneralName<'_>| *name == GeneralName::IPAddress(octets.as_slice());
        return names.iter().any(is_it);
    }
    let mut dns = names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    match dns.next() {
        Some(first) => matches(first, host) || dns.any(|name| matches(name, host)),
        None => matches(&common_name(&certificate), host),
    }
}

/// True if subject and issuer are the same.
pub fn is_self_signed(der: &[u8]) -> bool {
    X509Certificate::from_der(der)
        .is_ok_and(|(_, certificate)| certificate.subject() == certificate.issuer())
}

pub fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for at in (0..text.len()).step_by(LINE) {
        pem += &text[at..text.len().min(at + LINE)];
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----"
}

fn names<'c>(certificate: &'c X509Certificate<'_>) -> Vec<GeneralName<'c>> {
    let extension = certificate.subject_alternative_name();
    let extension = extension.ok().flatten();
    extension.map_or_else(Vec::new, |names| names.value.general_names.clone())
}

fn common_name(certificate: &X509Certificate<'_>) -> String {
    let mut names = certificate.subject().iter_common_name();
    let first = names.next().and_then(|name| name.as_str().ok());
    first.unwrap_or_default().to_owned()
}

/// A name as OpenSSL shows it.
fn shown(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::URI(name) => format!("URI:{name}"),
        GeneralName::DirectoryName(name) => format!("DirName:{name}"),
        GeneralName::RegisteredID(id) => format!("Registered ID:{id}"),
        GeneralName::IPAddress(octets) => format!("IP Address:{}", address(octets)),
        other => format!("othername:{other:?}"),
    }
}

fn address(octets: &[u8]) -> String {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return IpAddr::from(octets).to_string();
    }
    let octets = <[u8; 16]>::try_from(octets);
    octets.map_or_else(|_| String::new(), |octets| IpAddr::from(octets).to_string())
}

fn iso_time(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0);
    time.map_or_else(String::new, |time| {
        time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    })
}

/// Compares names without case. An asterisk stands for the first label of a host.
fn matches(name: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| {
            !label.is_empty() && rest.contains('.') && rest.eq_ignore_ascii_case(parent)
        }),
        None => !name.is_empty() && name.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_is_one_label() {
        assert!(matches("*.crepes.fr", "MX.crepes.fr"));
        assert!(!matches("*.crepes.fr", "a.mx.crepes.fr"));
        assert!(!matches("*.crepes.fr", "crepes.fr"));
        assert!(!matches("*.fr", "crepes.fr"));
        assert!(matches("mx.crepes.fr", "mx.crepes.fr."));
    }
}
