//! Senders that a profile applies to.

use crate::mail::address::Address;
use crate::system::pattern;
use crate::system::pattern::is_pattern;

/// True if an item of `from` matches this sender. A pattern matches the whole address without regard to
/// case. In an address, the case of the local part matters (RFC 5321 §2.4).
pub fn matches(item: &str, sender: &Address) -> bool {
    if is_pattern(item) {
        return pattern::fits(item, &sender.to_string());
    }
    Address::parse(item).is_ok_and(|address| is_same(&address, sender))
}

fn is_same(one: &Address, other: &Address) -> bool {
    let domain = |address: &Address| address.domain().to_string().to_ascii_lowercase();
    one.local() == other.local() && domain(one) == domain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_for_the_whole_address_in_any_case() {
        let alice = Address::parse("Alice.B@Work.example").unwrap();
        for item in [
            "*@work.example",
            "alice*@work.*",
            "*",
            "?lice.b@work.example",
            "*.*@*.*",
            "ALICE.B@*",
        ] {
            assert!(matches(item, &alice), "{item}");
        }
        for item in [
            "*@work",
            "alice@*",
            "?@work.example",
            "*@ork.example",
            "*?x",
        ] {
            assert!(!matches(item, &alice), "{item}");
        }
    }

    #[test]
    fn an_address_is_the_same_with_another_name_and_case_of_the_domain() {
        let alice = Address::parse("alice@work.example").unwrap();
        for (item, is_same) in [
            ("Alice <alice@WORK.example>", true),
            ("alice@work.example", true),
            ("Alice@work.example", false),
            ("alice@work.example.org", false),
            ("no address", false),
        ] {
            assert_eq!(matches(item, &alice), is_same, "{item}");
        }
    }
}
