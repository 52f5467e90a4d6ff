//! Records, and their text in the format of zone files.

use crate::system::certificate::hex;
use crate::system::text::shown;
use std::fmt::{self, Display};
use std::net::IpAddr;

/// The types of records that are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    A,
    Aaaa,
    Cname,
    Mx,
    Ptr,
    Srv,
    Tlsa,
    Txt,
}

impl RecordType {
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ptr => "PTR",
            Self::Srv => "SRV",
            Self::Tlsa => "TLSA",
            Self::Txt => "TXT",
        }
    }
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME or PTR: a name in lower case, without a dot at the end.
    Alias(String),
    Mx(Mx),
    Srv(Srv),
    Tlsa(Tlsa),
    /// The strings of a TXT record, joined.
    Txt(Vec<u8>),
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => ip.fmt(f),
            Self::Alias(name) => write!(f, "{name}."),
            Self::Mx(mx) => mx.fmt(f),
            Self::Srv(srv) => srv.fmt(f),
            Self::Tlsa(tlsa) => tlsa.fmt(f),
            Self::Txt(text) => write!(f, "\"{}\"", shown(&String::from_utf8_lossy(text))),
        }
    }
}

/// One mail exchanger of a domain (RFC 5321 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    pub preference: u16,
    /// The host, without a dot at the end; empty is the root, the null MX of RFC 7505.
    pub host: String,
}

impl Display for Mx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.", self.preference, self.host)
    }
}

/// A server of a service (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// The lowest is preferred.
    pub priority: u16,
    /// Among servers of the same priority, the share of the clients.
    pub weight: u16,
    pub port: u16,
    /// The host, without a dot at the end; empty: the service does not exist.
    pub target: String,
}

impl Display for Srv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            priority,
            weight,
            port,
            target,
        } = self;
        write!(f, "{priority} {weight} {port} {target}.")
    }
}

/// An association of a name with a certificate or a public key (RFC 6698 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    /// 2: a CA that must have issued the server's certificate (DANE-TA); 3: the server's certificate (DANE-EE).
    pub usage: u8,
    /// 0: the whole certificate; 1: its public key (`SubjectPublicKeyInfo`).
    pub selector: u8,
    /// 0: the data itself; 1: its SHA-256; 2: its SHA-512.
    pub matching: u8,
    pub data: Vec<u8>,
}

impl Tlsa {
    /// The three numbers, as in `3 1 1`.
    pub fn parameters(&self) -> String {
        format!("{} {} {}", self.usage, self.selector, self.matching)
    }
}

impl Display for Tlsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.parameters(), hex(&self.data))
    }
}
