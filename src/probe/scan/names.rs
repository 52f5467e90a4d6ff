//! Numbers of the TLS registries and their names.

use std::fmt;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    Ssl3,
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl Version {
    /// Every version, the oldest first.
    pub const ALL: [Self; 5] = [
        Self::Ssl3,
        Self::Tls10,
        Self::Tls11,
        Self::Tls12,
        Self::Tls13,
    ];

    pub fn number(self) -> u16 {
        match self {
            Self::Ssl3 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// `None`: the number is none of these versions.
    pub fn of(number: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.number() == number)
    }

    /// As OpenSSL writes it: `TLSv1.2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1.0",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

/// A group for the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group(pub u16);

impl Group {
    pub const SECP256R1: Self = Self(23);
    pub const SECP384R1: Self = Self(24);
    pub const X25519: Self = Self(29);

    /// Groups that servers of TLS 1.2 and before may choose.
    pub fn before_tls13() -> Vec<Self> {
        of_table(&CURVES).chain(of_table(&OLD_CURVES)).collect()
    }

    /// Groups of TLS 1.3.
    pub fn of_tls13() -> Vec<Self> {
        of_table(&HYBRIDS)
            .chain(of_table(&CURVES))
            .chain(of_table(&NEW_GROUPS))
            .collect()
    }

    /// True for the binary curves and for primes of less than 224 bits.
    pub fn is_weak(self) -> bool {
        matches!(self.0, 1..=20)
    }
}

fn of_table(table: &'static [(u16, &str)]) -> impl Iterator<Item = Group> {
    table.iter().map(|(number, _)| Group(*number))
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, self.0, &[&CURVES, &OLD_CURVES, &HYBRIDS, &NEW_GROUPS])
    }
}

fn named(
    f: &mut fmt::Formatter<'_>,
    number: u16,
    tables: &[&[(u16, &'static str)]],
) -> fmt::Result {
    let mut rows = tables.iter().copied().flatten();
    match rows.find(|(other, _)| *other == number) {
        Some((_, name)) => f.write_str(name),
        None => write!(f, "0x{number:04x}"),
    }
}

const CURVES: [(u16, &str); 5] = [
    (29, "x25519"),
    (23, "secp256r1"),
    (30, "x448"),
    (24, "secp384r1"),
    (25, "secp521r1"),
];

const OLD_CURVES: [(u16, &str); 25] = [
    (26, "brainpoolP256r1"),
    (27, "brainpoolP384r1"),
    (28, "brainpoolP512r1"),
    (22, "secp256k1"),
    (21, "secp224r1"),
    (20, "secp224k1"),
    (19, "secp192r1"),
    (18, "secp192k1"),
    (17, "secp160r2"),
    (16, "secp160r1"),
    (15, "secp160k1"),
    (14, "sect571r1"),
    (13, "sect571k1"),
    (12, "sect409r1"),
    (11, "sect409k1"),
    (10, "sect283r1"),
    (9, "sect283k1"),
    (8, "sect239k1"),
    (7, "sect233r1"),
    (6, "sect233k1"),
    (5, "sect193r2"),
    (4, "sect193r1"),
    (3, "sect163r2"),
    (2, "sect163r1"),
    (1, "sect163k1"),
];

/// Key exchanges that are also safe against quantum computers.
const HYBRIDS: [(u16, &str); 6] = [
    (0x11ec, "X25519MLKEM768"),
    (0x11eb, "SecP256r1MLKEM768"),
    (0x11ed, "SecP384r1MLKEM1024"),
    (0x0200, "MLKEM512"),
    (0x0201, "MLKEM768"),
    (0x0202, "MLKEM1024"),
];

const NEW_GROUPS: [(u16, &str); 9] = [
    (0x0100, "ffdhe2048"),
    (0x0101, "ffdhe3072"),
    (0x0102, "ffdhe4096"),
    (0x0103, "ffdhe6144"),
    (0x0104, "ffdhe8192"),
    (31, "brainpoolP256r1tls13"),
    (32, "brainpoolP384r1tls13"),
    (33, "brainpoolP512r1tls13"),
    (41, "curveSM2"),
];

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scheme(pub u16);

impl Scheme {
    /// Those of TLS 1.3 (RFC 8446 §4.2.3).
    pub fn of_tls13() -> Vec<Self> {
        SCHEMES.iter().map(|(number, _)| Self(*number)).collect()
    }

    /// Those of TLS 1.2 too.
    pub fn of_tls12() -> Vec<Self> {
        let old = OLD_SCHEMES.iter().map(|(number, _)| Self(*number));
        Self::of_tls13().into_iter().chain(old).collect()
    }

    /// True for MD5 and SHA-1 (RFC 9155).
    pub fn is_weak(self) -> bool {
        matches!(self.0 >> 8, 1 | 2)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, self.0, &[&SCHEMES, &OLD_SCHEMES])
    }
}

const SCHEMES: [(u16, &str); 14] = [
    (0x0807, "ed25519"),
    (0x0808, "ed448"),
    (0x0403, "ecdsa_secp256r1_sha256"),
    (0x0503, "ecdsa_secp384r1_sha384"),
    (0x0603, "ecdsa_secp521r1_sha512"),
    (0x081a, "ecdsa_brainpoolP256r1tls13_sha256"),
    (0x081b, "ecdsa_brainpoolP384r1tls13_sha384"),
    (0x081c, "ecdsa_brainpoolP512r1tls13_sha512"),
    (0x0804, "rsa_pss_rsae_sha256"),
    (0x0805, "rsa_pss_rsae_sha384"),
    (0x0806, "rsa_pss_rsae_sha512"),
    (0x0809, "rsa_pss_pss_sha256"),
    (0x080a, "rsa_pss_pss_sha384"),
    (0x080b, "rsa_pss_pss_sha512"),
];

const OLD_SCHEMES: [(u16, &str); 13] = [
    (0x0401, "rsa_pkcs1_sha256"),
    (0x0501, "rsa_pkcs1_sha384"),
    (0x0601, "rsa_pkcs1_sha512"),
    (0x0303, "ecdsa_sha224"),
    (0x0301, "rsa_pkcs1_sha224"),
    (0x0402, "dsa_sha256"),
    (0x0502, "dsa_sha384"),
    (0x0602, "dsa_sha512"),
    (0x0302, "dsa_sha224"),
    (0x0203, "ecdsa_sha1"),
    (0x0201, "rsa_pkcs1_sha1"),
    (0x0202, "dsa_sha1"),
    (0x0101, "rsa_pkcs1_md5"),
];

/// An alert (RFC 8446 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert(pub u8);

impl Alert {
    pub const CLOSE_NOTIFY: Self = Self(0);
    pub const INTERNAL_ERROR: Self = Self(80);
    pub const INAPPROPRIATE_FALLBACK: Self = Self(86);
    pub const NO_APPLICATION_PROTOCOL: Self = Self(120);
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            47 => "illegal_parameter",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            109 => "missing_extension",
            112 => "unrecognized_name",
            120 => "no_application_protocol",
            number => return write!(f, "alert {number}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_numbers_are_shown_as_numbers() {
        assert_eq!(Group(29).to_string(), "x25519");
        assert_eq!(Group(0x1a1a).to_string(), "0x1a1a");
        assert_eq!(Scheme(0x0401).to_string(), "rsa_pkcs1_sha256");
        assert_eq!(Alert(40).to_string(), "handshake_failure");
        assert_eq!(Alert(255).to_string(), "alert 255");
    }

    #[test]
    fn no_group_is_listed_twice() {
        for all in [Group::before_tls13(), Group::of_tls13()] {
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!(distinct.len(), all.len());
        }
    }
}
