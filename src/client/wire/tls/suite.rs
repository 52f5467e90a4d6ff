//! Cipher suites: their names at IANA and in OpenSSL, and their parts.

use rustls::CipherSuite;
use std::fmt;

/// A cipher suite by its number in the IANA registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Suite(pub u16);

/// What a suite lacks or has that makes it weak, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weakness {
    /// No encryption.
    Null,
    /// Keys of 40 or 56 bits, by law of the 1990s.
    Export,
    /// DES, RC2: keys of less than 112 bits.
    ShortKey,
    /// RC4 (RFC 7465).
    Rc4,
    /// No authentication of the server.
    Anonymous,
    /// Blocks of 64 bits (3DES, IDEA): birthday attacks.
    SmallBlocks,
    /// MD5 as MAC.
    Md5,
    /// Key transport by RSA, or static Diffie-Hellman: no forward secrecy.
    NoForwardSecrecy,
    /// CBC, whose implementations leak by timing.
    Cbc,
}

impl Weakness {
    /// A few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Null => "no encryption",
            Self::Export => "export keys of 40 or 56 bits",
            Self::ShortKey => "keys of less than 112 bits",
            Self::Rc4 => "RC4",
            Self::Anonymous => "no authentication of the server",
            Self::SmallBlocks => "blocks of 64 bits",
            Self::Md5 => "MD5",
            Self::NoForwardSecrecy => "no forward secrecy",
            Self::Cbc => "CBC",
        }
    }
}

impl Suite {
    /// Signal: the client knows RFC 5746.
    pub const EMPTY_RENEGOTIATION_INFO: Self = Self(0x00ff);
    /// Signal: the client has failed with a later version (RFC 7507).
    pub const FALLBACK: Self = Self(0x5600);

    /// All suites of the registry, without the values for signalling.
    pub fn all() -> impl Iterator<Item = Self> {
        let all = (1..=u16::MAX).map(Self);
        all.filter(|suite| suite.registered().is_some() && !suite.is_signal())
    }

    fn is_signal(self) -> bool {
        self == Self::EMPTY_RENEGOTIATION_INFO || self == Self::FALLBACK
    }

    fn registered(self) -> Option<&'static str> {
        CipherSuite::from(self.0).as_str()
    }

    /// True for suites of TLS 1.3 (RFC 8446 §B.4), which no earlier version has.
    pub fn is_tls13(self) -> bool {
        self.0 >> 8 == 0x13
    }

    /// True for suites that need TLS 1.2: AEAD, and SHA-2 as MAC (RFC 5246 §1.2).
    pub fn is_tls12(self) -> bool {
        let name = self.registered().unwrap_or_default();
        !self.is_tls13()
            && ["SHA256", "SHA384", "_CCM", "_CCM_8"]
                .iter()
                .any(|end| name.ends_with(end))
    }

    /// The name at IANA: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. `None`: the number is not registered.
    pub fn name(self) -> Option<String> {
        let name = self.registered()?;
        Some(match name.strip_prefix("TLS13_") {
            Some(rest) => format!("TLS_{rest}"),
            None => name.to_owned(),
        })
    }

    /// The suite that rustls names so.
    pub fn of_rustls(name: &str) -> Option<Self> {
        Self::all().find(|suite| suite.registered() == Some(name))
    }

    /// The name in OpenSSL: `ECDHE-RSA-AES128-GCM-SHA256`. `None`: the number is not registered.
    pub fn openssl_name(self) -> Option<String> {
        let name = self.name()?;
        let Some((exchange, cipher)) = name["TLS_".len()..].split_once("_WITH_") else {
            return Some(name);
        };
        let (exchange, export) = match exchange.strip_suffix("_EXPORT") {
            Some(exchange) => (exchange, "EXP"),
            None => (exchange, ""),
        };
        let parts = [
            export.to_owned(),
            exchange_in_openssl(exchange, cipher),
            cipher_in_openssl(exchange, cipher),
        ];
        let parts: Vec<&str> = parts
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        Some(parts.join("-"))
    }

    /// The key exchange and authentication of a suite before TLS 1.3: `ECDHE_RSA`.
    pub fn exchange(self) -> Option<&'static str> {
        let (exchange, _) = self
            .registered()?
            .strip_prefix("TLS_")?
            .split_once("_WITH_")?;
        Some(exchange)
    }

    /// True if the server signs with an ECDSA or `EdDSA` key.
    pub fn is_ecdsa(self) -> bool {
        self.exchange() == Some("ECDHE_ECDSA")
    }

    /// True if the server proves that it has an RSA key.
    pub fn is_rsa(self) -> bool {
        self.exchange()
            .is_some_and(|exchange| exchange.contains("RSA"))
    }

    /// True if the server chooses an elliptic curve.
    pub fn is_ecdhe(self) -> bool {
        self.exchange()
            .is_some_and(|exchange| exchange.starts_with("ECDHE_") || exchange == "ECDH_anon")
    }

    /// True if the server sends a Diffie-Hellman group.
    pub fn is_dhe(self) -> bool {
        self.exchange()
            .is_some_and(|exchange| exchange.starts_with("DHE_") || exchange.starts_with("DH_anon"))
    }

    /// True if the server may send a hint for a pre-shared key (RFC 4279 §2).
    pub fn has_hint(self) -> bool {
        self.exchange()
            .is_some_and(|exchange| exchange.ends_with("PSK"))
    }

    /// True if the server signs its part of the key exchange.
    pub fn is_signed(self) -> bool {
        let exchange = self.exchange().unwrap_or_default();
        let is_ephemeral = exchange.starts_with("ECDHE_") || exchange.starts_with("DHE_");
        is_ephemeral && !exchange.ends_with("PSK")
    }

    /// The worst weakness (RFC 9325 §4.1, §4.2). `None`: forward secrecy and AEAD.
    pub fn weakness(self) -> Option<Weakness> {
        let name = self.registered()?;
        let (exchange, cipher) = name.split_once("_WITH_")?;
        let has = |part: &str| cipher.contains(part);
        let is_ephemeral = exchange.contains("DHE_") || exchange.contains("_anon");
        let found = [
            (has("NULL"), Weakness::Null),
            (
                exchange.contains("EXPORT") || has("_40_") || has("DES40"),
                Weakness::Export,
            ),
            (cipher.starts_with("DES_") || has("RC2"), Weakness::ShortKey),
            (has("RC4"), Weakness::Rc4),
            (exchange.contains("anon"), Weakness::Anonymous),
            (has("3DES") || has("IDEA"), Weakness::SmallBlocks),
            (cipher.ends_with("MD5"), Weakness::Md5),
            (!is_ephemeral, Weakness::NoForwardSecrecy),
            (has("CBC") || has("28147"), Weakness::Cbc),
        ];
        found
            .into_iter()
            .find_map(|(is_so, weakness)| is_so.then_some(weakness))
    }
}

/// The name at IANA, or the number.
impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(&name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

fn exchange_in_openssl(exchange: &str, cipher: &str) -> String {
    match exchange {
        "RSA" => String::new(),
        "DH_anon" => "ADH".to_owned(),
        "ECDH_anon" => "AECDH".to_owned(),
        "SRP_SHA" => "SRP".to_owned(),
        "SRP_SHA_RSA" => "SRP-RSA".to_owned(),
        "SRP_SHA_DSS" => "SRP-DSS".to_owned(),
        "ECDHE_RSA" if cipher.starts_with("ARIA") => "ECDHE".to_owned(),
        other => other.replace('_', "-"),
    }
}

fn cipher_in_openssl(exchange: &str, cipher: &str) -> String {
    // Key exchanges that came late keep the whole name of the cipher.
    let is_whole = exchange.contains("PSK") && cipher.starts_with("AES") && cipher.contains("CBC");
    let mut name = cipher.replace(
        "_EDE",
        if exchange.contains("PSK") || exchange.starts_with("SRP") {
            "_EDE"
        } else {
            ""
        },
    );
    if name == "3DES_CBC_SHA" || name == "3DES_CBC_MD5" {
        name = name.replace("3DES_CBC", "DES_CBC3");
    }
    name = match name.strip_suffix("_POLY1305_SHA256") {
        Some(chacha) => format!("{chacha}_POLY1305"),
        None => name,
    };
    for short in ["RC4_128", "RC4_40", "DES40", "DES_CBC_40", "RC2_CBC_40"] {
        let plain = short
            .trim_end_matches("_128")
            .trim_end_matches("_40")
            .trim_end_matches("40");
        name = name.replace(short, plain);
    }
    if !exchange.starts_with("SRP") {
        for cipher in ["AES", "CAMELLIA", "ARIA"] {
            name = name.replace(&format!("{cipher}_"), cipher);
        }
        let keeps_mode = is_whole || ["DES", "IDEA", "RC2"].iter().any(|old| name.contains(old));
        if !keeps_mode {
            name = name.replace("_CBC", "");
        }
    }
    name.replace("CCM_8", "CCM8").replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_openssl() {
        for line in NAMES.lines() {
            let (iana, openssl) = line.split_once(' ').unwrap();
            let suite = Suite::all().find(|suite| suite.name().as_deref() == Some(iana));
            let suite = suite.unwrap_or_else(|| panic!("{iana} is unknown"));
            assert_eq!(suite.openssl_name().unwrap(), openssl, "{iana}");
        }
    }

    #[test]
    fn weakness_of_a_suite_is_its_worst() {
        let weakness = |name: &str| {
            let suite = Suite::all().find(|suite| suite.name().as_deref() == Some(name));
            suite.unwrap().weakness()
        };
        for (name, right) in [
            ("TLS_AES_128_GCM_SHA256", None),
            ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", None),
            ("TLS_ECDHE_RSA_WITH_NULL_SHA", Some(Weakness::Null)),
            ("TLS_DH_anon_EXPORT_WITH_RC4_40_MD5", Some(Weakness::Export)),
            ("TLS_RSA_WITH_DES_CBC_SHA", Some(Weakness::ShortKey)),
            ("TLS_ECDH_anon_WITH_RC4_128_SHA", Some(Weakness::Rc4)),
            (
                "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
                Some(Weakness::Anonymous),
            ),
            ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", Some(Weakness::SmallBlocks)),
            (
                "TLS_RSA_WITH_AES_128_GCM_SHA256",
                Some(Weakness::NoForwardSecrecy),
            ),
            ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Some(Weakness::Cbc)),
        ] {
            assert_eq!(weakness(name), right, "{name}");
        }
    }

    #[test]
    fn unregistered_number_has_no_name() {
        assert_eq!(Suite(0x0a0a).name(), None);
        assert_eq!(Suite(0x0a0a).to_string(), "0x0a0a");
        assert!(Suite::all().count() > 300);
    }

    /// A selection of `openssl ciphers -stdname`, also of old versions.
    const NAMES: &str = "\
TLS_AES_256_GCM_SHA384 TLS_AES_256_GCM_SHA384
TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 ECDHE-ECDSA-AES256-GCM-SHA384
TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 ECDHE-RSA-CHACHA20-POLY1305
TLS_DHE_RSA_WITH_AES_256_CCM_8 DHE-RSA-AES256-CCM8
TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384 ECDHE-ARIA256-GCM-SHA384
TLS_DH_anon_WITH_AES_256_GCM_SHA384 ADH-AES256-GCM-SHA384
TLS_ECDH_anon_WITH_AES_256_CBC_SHA AECDH-AES256-SHA
TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256 CAMELLIA128-SHA256
TLS_RSA_WITH_3DES_EDE_CBC_SHA DES-CBC3-SHA
TLS_RSA_WITH_RC4_128_MD5 RC4-MD5
TLS_RSA_EXPORT_WITH_RC4_40_MD5 EXP-RC4-MD5
TLS_RSA_EXPORT_WITH_DES40_CBC_SHA EXP-DES-CBC-SHA
TLS_RSA_WITH_IDEA_CBC_SHA IDEA-CBC-SHA
TLS_RSA_WITH_SEED_CBC_SHA SEED-SHA
TLS_RSA_WITH_NULL_SHA256 NULL-SHA256
TLS_PSK_WITH_AES_128_CBC_SHA PSK-AES128-CBC-SHA
TLS_SRP_SHA_RSA_WITH_AES_256_CBC_SHA SRP-RSA-AES-256-CBC-SHA";
}
