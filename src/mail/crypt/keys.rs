//! OpenPGP keys as `gpg --with-colons` lists them (`doc/DETAILS` of GnuPG).

/// A key with the facts that decide if it can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedKey {
    pub fingerprint: String,
    /// `e`: expired, `r`: revoked, `d`: disabled, `i`: invalid; `f` and `u`: trusted.
    validity: char,
    capabilities: String,
    /// The addresses of its user IDs, without those that are revoked or expired.
    pub addresses: Vec<String>,
    /// Those of user IDs that the keyring vouches for.
    pub trusted_addresses: Vec<String>,
}

impl ListedKey {
    /// The reason for which it cannot be encrypted for. It completes "the key".
    pub fn fault(&self) -> Option<&'static str> {
        match self.validity {
            'e' => Some("has expired"),
            'r' => Some("is revoked"),
            'd' => Some("is disabled"),
            'i' => Some("is invalid"),
            _ if !self.capabilities.contains('E') => Some("cannot encrypt"),
            _ => None,
        }
    }

    /// True if the keyring vouches for it.
    pub fn is_trusted(&self) -> bool {
        is_trusted(self.validity)
    }
}

fn is_trusted(validity: char) -> bool {
    matches!(validity, 'f' | 'u')
}

/// The keys in a listing.
pub fn listed(listing: &str) -> Vec<ListedKey> {
    let mut keys: Vec<ListedKey> = Vec::new();
    for line in listing.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let field = |number: usize| fields.get(number - 1).copied().unwrap_or_default();
        let validity = field(2).chars().next().unwrap_or('-');
        match (field(1), keys.last_mut()) {
            ("pub", _) => keys.push(ListedKey {
                validity,
                capabilities: field(12).to_owned(),
                ..ListedKey::default()
            }),
            ("fpr", Some(key)) if key.fingerprint.is_empty() => {
                field(10).clone_into(&mut key.fingerprint);
            }
            ("uid", Some(key)) if !matches!(validity, 'r' | 'e' | 'i') => {
                let address = address(&unescaped(field(10)));
                if is_trusted(validity) {
                    key.trusted_addresses.extend(address.clone());
                }
                key.addresses.extend(address);
            }
            _ => {}
        }
    }
    keys
}

/// The address of a user ID such as `Bob <bob@hamburger.edu>`.
fn address(user_id: &str) -> Option<String> {
    let inner = user_id
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'));
    let address = inner.map_or(user_id, |(_, address)| address).trim();
    let is_address = address.contains('@') && !address.contains(char::is_whitespace);
    is_address.then(|| address.to_owned())
}

/// A field without its escapes, such as `\x3a` for a colon.
fn unescaped(field: &str) -> String {
    let mut octets = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((before, after)) = rest.split_once("\\x") {
        octets.extend_from_slice(before.as_bytes());
        let digits = after.get(..2);
        let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(octet) = octet {
            octets.push(octet);
            rest = &after[2..];
        } else {
            octets.extend_from_slice(b"\\x");
            rest = after;
        }
    }
    octets.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
tru::1:1796104838:0:3:1:5
pub:u:2048:1:D5969033B1CB56C9:1796104825:::u:::scESC::::::23::0:
fpr:::::::::5BC31921F828E87D979404C9D5969033B1CB56C9:
uid:u::::1796104825::35273F::Bob \\x3a) <bob@hamburger.edu>::::::::::0:
uid:r::::1796104825::35273F::Bob <bob@old.example>::::::::::0:
sub:u:2048:1:9A5F9651DE45A0FB:1796104826::::::e::::::23:
fpr:::::::::1111111111111111111111111111111111111111:
pub:e:3072:1:A5CF8FC780298D8D:1796104827:1796104828::u:::sc::::::23::0:
fpr:::::::::DC119A2EDEF0A2AC534CBF92A5CF8FC780298D8D:
uid:-::::1796104827::650DEA::carol@hamburger.edu::::::::::0:
pub:u:255:22:BD48BD83B6513B3A:1796104838:::u:::scSC:::::ed25519:::0:
";

    #[test]
    fn keys_have_addresses_and_faults() {
        let keys = listed(LISTING);
        assert_eq!(keys.len(), 3);
        assert_eq!(
            keys[0].fingerprint,
            "5BC31921F828E87D979404C9D5969033B1CB56C9"
        );
        assert_eq!(keys[0].addresses, ["bob@hamburger.edu"]);
        assert_eq!(keys[1].addresses, ["carol@hamburger.edu"]);
        let faults: Vec<_> = keys.iter().map(ListedKey::fault).collect();
        assert_eq!(faults, [None, Some("has expired"), Some("cannot encrypt")]);
        assert!(keys[0].is_trusted() && !keys[1].is_trusted());
        assert_eq!(keys[0].trusted_addresses, ["bob@hamburger.edu"]);
        assert!(keys[1].trusted_addresses.is_empty());
    }

    #[test]
    fn escapes_of_a_listing_are_removed() {
        for (field, text) in [
            ("a\\x3ab", "a:b"),
            ("\\x5cx", "\\x"),
            ("\\xzz", "\\xzz"),
            ("\\x", "\\x"),
            ("J\\xc3\\xbcrgen", "J\u{fc}rgen"),
        ] {
            assert_eq!(unescaped(field), text);
        }
    }
}
