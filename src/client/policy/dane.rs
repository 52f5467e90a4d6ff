//! The TLSA records of a host (RFC 7672 §2.2).

use crate::client::dns::{Answer, Dns, DnsError, Tlsa};
use crate::client::events::Observer;
use crate::client::wire::tls::{Dane, is_usable};
use std::net::IpAddr;

/// The TLSA records of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsaStatus {
    /// Not looked up.
    Off,
    /// No secure records, for this reason.
    Missing(String),
    /// This name has secure records, and none is usable.
    Unusable(String),
    /// The usable ones. `names` has the base only, and `is_mx_secure` is not decided.
    Usable(Dane),
    /// There may be records.
    Failed { owner: String, why: String },
}

/// All TLSA records of a host, usable or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsaRecords {
    /// No secure records, for this reason. It follows "HOST has no TLSA records: ".
    Missing(String),
    /// The records, and the name that has them, without the port.
    Found { base: String, records: Vec<Tlsa> },
    /// There may be records.
    Failed { owner: String, why: String },
}

/// Looks up the records of a host that has these addresses, as far as they can be used.
pub fn look_up(
    dns: &dyn Dns,
    (host, port): (&str, u16),
    addresses: &Answer<IpAddr>,
    observer: &mut dyn Observer,
) -> TlsaStatus {
    match find_records(dns, (host, port), addresses, observer) {
        TlsaRecords::Missing(why) => TlsaStatus::Missing(why),
        TlsaRecords::Found { base, records } => of_records(records, base, port),
        TlsaRecords::Failed { owner, why } => TlsaStatus::Failed { owner, why },
    }
}

/// Looks up all records of a host that has these addresses.
pub fn find_records(
    dns: &dyn Dns,
    (host, port): (&str, u16),
    addresses: &Answer<IpAddr>,
    observer: &mut dyn Observer,
) -> TlsaRecords {
    if !dns.is_trusted() {
        let why = format!(
            "the resolver {} is not trusted to validate DNSSEC; use one on this host, or set trust-ad in the \
             configuration",
            dns.servers()
        );
        return TlsaRecords::Missing(why);
    }
    let bases = match bases(dns, host, addresses, observer) {
        Ok(bases) => bases,
        Err(why) => {
            let owner = host.to_owned();
            return TlsaRecords::Failed { owner, why };
        }
    };
    if bases.is_empty() {
        let why = format!(
            "its addresses are not signed (DNSSEC), or the resolver {} does not validate",
            dns.servers()
        );
        return TlsaRecords::Missing(why);
    }
    for base in bases {
        let owner = format!("_{port}._tcp.{base}");
        match dns.tlsa(&owner, observer) {
            Ok(answer) if answer.secure => {
                let records = answer.records;
                return TlsaRecords::Found { base, records };
            }
            Ok(_) | Err(DnsError::NoSuchName | DnsError::NoData) => {}
            // RFC 7672 §2.1.2: a failed validation, or an attacker who stops the answer.
            Err(DnsError::Failed(why)) => return TlsaRecords::Failed { owner, why },
        }
    }
    TlsaRecords::Missing(format!("it has no TLSA records for port {port}"))
}

/// The names that may have the records, in order: the end of secure aliases, then the host's own name (RFC 7672
/// §2.2.2). None if the DNS does not protect the host.
fn bases(
    dns: &dyn Dns,
    host: &str,
    addresses: &Answer<IpAddr>,
    observer: &mut dyn Observer,
) -> Result<Vec<String>, String> {
    let host = host.to_ascii_lowercase();
    let is_alias = addresses.owner != host;
    match (addresses.secure, is_alias) {
        (true, false) => Ok(vec![host]),
        (true, true) => Ok(vec![addresses.owner.clone(), host]),
        (false, false) => Ok(Vec::new()),
        // The alias may be signed, and only its target not.
        (false, true) => match dns.alias(&host, observer) {
            Ok(alias) if alias.secure => Ok(vec![host]),
            Ok(_) | Err(DnsError::NoSuchName | DnsError::NoData) => Ok(Vec::new()),
            Err(DnsError::Failed(why)) => Err(why),
        },
    }
}

fn of_records(records: Vec<Tlsa>, base: String, port: u16) -> TlsaStatus {
    let usable: Vec<Tlsa> = records.into_iter().filter(is_usable).collect();
    let dane = Dane {
        records: usable,
        names: vec![base.clone()],
        base,
        port,
        is_mx_secure: false,
    };
    if dane.records.is_empty() {
        TlsaStatus::Unusable(dane.owner())
    } else {
        TlsaStatus::Usable(dane)
    }
}
