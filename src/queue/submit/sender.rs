//! The senders that a user may claim.

use crate::mail::address::Address;
use crate::mail::rewrite::HostNames;
use crate::system::text::{is_pattern, matches_pattern};
use crate::system::user::LocalUser;

/// The rules of `[senders]`. Each user may also claim the null sender and the own name at this host, and root and the
/// owner of the queue may claim every sender.
#[derive(Clone, Debug, Default)]
pub struct SenderRules {
    pub rules: Vec<SenderRule>,
    /// The domain of names without one (`domain` in `[sendmail]`), which counts as a name of this host.
    pub domain: Option<String>,
}

/// Additional senders of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderRule {
    /// A login name, `@` and a group, or `*` for all users.
    pub user: String,
    /// Addresses, or patterns of whole addresses with `*` and `?`.
    pub senders: Vec<String>,
}

impl SenderRules {
    /// True if this user may send from this address, which is empty for the null sender.
    pub fn allow(&self, user: &LocalUser, sender: &str) -> bool {
        let owner = rustix::process::geteuid().as_raw();
        if user.id == 0 || user.id == owner || sender.is_empty() {
            return true;
        }
        let Ok(address) = Address::parse(sender) else {
            return sender == user.name;
        };
        let is_own_domain = |domain: &str| {
            let domain_set = self.domain.as_deref();
            domain_set.is_some_and(|own| own.eq_ignore_ascii_case(domain))
                || HostNames::of_this_host().is_own(domain)
        };
        is_name(&address.unquoted_local(), &user.name)
            && is_own_domain(&address.domain().to_string())
            || self.rules.iter().any(|rule| rule.allows(user, &address))
    }
}

/// True for the name itself, and the name with a detail (RFC 5233), as in `bob+lists`.
fn is_name(local: &str, name: &str) -> bool {
    let rest = local.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
}

impl SenderRule {
    fn allows(&self, user: &LocalUser, sender: &Address) -> bool {
        let is_for = match self.user.strip_prefix('@') {
            Some(group) => user.is_in(group),
            None => self.user == "*" || self.user == user.name,
        };
        is_for && self.senders.iter().any(|one| is_meant(one, sender))
    }
}

fn is_meant(item: &str, sender: &Address) -> bool {
    if is_pattern(item) {
        return matches_pattern(item, &sender.to_string());
    }
    Address::parse(item).is_ok_and(|address| address.key() == sender.key())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> SenderRules {
        let rule = |user: &str, senders: &[&str]| SenderRule {
            user: user.to_owned(),
            senders: senders.iter().map(|&one| one.to_owned()).collect(),
        };
        SenderRules {
            rules: vec![
                rule("www-data", &["shop@hamburger.edu", "*@shop.hamburger.edu"]),
                rule("*", &["noreply@crepes.fr"]),
            ],
            domain: Some("crepes.fr".to_owned()),
        }
    }

    fn allows(user: &str, sender: &str) -> bool {
        let user = LocalUser {
            id: 4_000_000_000,
            group: 4_000_000_000,
            name: user.to_owned(),
        };
        rules().allow(&user, sender)
    }

    #[test]
    fn user_may_send_under_the_own_name_at_this_host() {
        for sender in [
            "",
            "bob",
            "bob@localhost",
            "bob@crepes.fr",
            "bob@CREPES.FR",
            "bob+x@crepes.fr",
            "noreply@crepes.fr",
        ] {
            assert!(allows("bob", sender), "{sender}");
        }
        for sender in [
            "alice",
            "root",
            "bobby@crepes.fr",
            "alice@crepes.fr",
            "bob@hamburger.edu",
            "shop@hamburger.edu",
            "bob@crepes.fr.example.org",
        ] {
            assert!(!allows("bob", sender), "{sender}");
        }
    }

    #[test]
    fn rule_adds_addresses_and_patterns() {
        for sender in [
            "shop@hamburger.edu",
            "orders@shop.hamburger.edu",
            "www-data",
        ] {
            assert!(allows("www-data", sender), "{sender}");
        }
        assert!(!allows("www-data", "alice@hamburger.edu"));
        assert!(!allows("www-data", "x@shop.hamburger.edu.example.org"));
    }

    #[test]
    fn root_may_send_as_everyone() {
        let root = LocalUser::of(0);
        assert!(rules().allow(&root, "alice@hamburger.edu"));
    }
}
