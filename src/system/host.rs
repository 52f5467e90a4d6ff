//! The names of this host.

use std::fs;

/// The node name of the kernel, often without a domain.
pub fn node_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// The node name without a domain, for subjects.
pub fn short_name() -> String {
    let node = node_name();
    node.split('.').next().unwrap_or_default().to_owned()
}

/// The fully qualified name of this host: the node name if it has a dot, else the name in `/etc/hosts`.
/// `None`: neither has one.
pub fn fqdn() -> Option<String> {
    let node = node_name();
    if is_fqdn(&node) {
        return Some(node);
    }
    fqdn_of(&node, &hosts_file())
}

/// The text of /etc/hosts.
pub fn hosts_file() -> String {
    text_of("/etc/hosts")
}

/// The text of a system file, empty if it cannot be read. Octets that are not UTF-8 cannot be part of a
/// name.
fn text_of(path: &str) -> String {
    let text = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

/// The domain of mail from this host: `/etc/mailname` if it exists, else the qualified name, else the node
/// name.
pub fn mail_domain() -> String {
    let mailname = text_of("/etc/mailname");
    let mailname = mailname.trim();
    if is_fqdn(mailname) {
        return mailname.to_owned();
    }
    fqdn().unwrap_or_else(node_name)
}

fn fqdn_of(node: &str, hosts: &str) -> Option<String> {
    hosts.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let names: Vec<&str> = line.split_whitespace().skip(1).collect();
        if !names.contains(&node) {
            return None;
        }
        let full = names.iter().find(|name| is_fqdn(name));
        full.map(|&name| name.to_owned())
    })
}

/// True for a name that may be sent in EHLO (RFC 5321 §4.1.4): letters, digits, hyphens and at least one dot, and
/// known to other hosts.
fn is_fqdn(name: &str) -> bool {
    is_host_name(name) && is_qualified(name)
}

/// True if a domain has a dot and is known to other hosts; false for `localhost.localdomain`.
pub fn is_qualified(domain: &str) -> bool {
    let is_local = ends_with_label(domain, &["localdomain", "localdomain4", "localdomain6"]);
    domain.contains('.') && !is_local && !is_localhost(domain)
}

/// True for the names that every host has for itself (RFC 6761 §6.3), as in a typical /etc/hosts.
pub fn is_localhost(domain: &str) -> bool {
    let own = ["localhost", "localhost4", "localhost6"];
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let (first, rest) = domain.split_once('.').unwrap_or((domain, ""));
    ends_with_label(domain, &["localhost"])
        || is_one_of(first, &own)
            && is_one_of(rest, &["", "localdomain", "localdomain4", "localdomain6"])
}

fn ends_with_label(domain: &str, labels: &[&str]) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    is_one_of(domain.rsplit('.').next().unwrap_or_default(), labels)
}

fn is_one_of(label: &str, labels: &[&str]) -> bool {
    labels.iter().any(|one| one.eq_ignore_ascii_case(label))
}

/// True for a host name: labels of letters, digits and inner hyphens.
pub fn is_host_name(name: &str) -> bool {
    name.len() <= 255
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_node_name_is_qualified_by_the_hosts_file() {
        let hosts = "127.0.0.1 localhost\n# 10.0.0.1 sun.example\n127.0.1.1 sun.tuc.noao.edu sun\n";
        assert_eq!(fqdn_of("sun", hosts).as_deref(), Some("sun.tuc.noao.edu"));
        assert_eq!(fqdn_of("moon", hosts), None);
        assert_eq!(fqdn_of("vm", "127.0.0.1 localhost.localdomain vm\n"), None);
        let hosts = "127.0.1.1 vm.localdomain vm vm.example.org\n";
        assert_eq!(fqdn_of("vm", hosts).as_deref(), Some("vm.example.org"));
    }

    #[test]
    fn local_names_are_not_qualified() {
        for name in [
            "localhost",
            "localhost.localdomain",
            "LocalHost.LocalDomain",
            "localhost.localdomain.",
            "localhost4.localdomain4",
            "localhost6",
            "localhost6.localdomain6",
            "x.localhost",
        ] {
            assert!(is_localhost(name) && !is_qualified(name), "{name}");
        }
        for name in ["vm", "vm.localdomain", "a.b.localdomain6", ""] {
            assert!(!is_localhost(name) && !is_qualified(name), "{name}");
        }
        for name in [
            "example.org",
            "localhost.example.org",
            "notlocalhost.org",
            "x.localdomains",
        ] {
            assert!(!is_localhost(name) && is_qualified(name), "{name}");
        }
    }

    #[test]
    fn host_name_has_no_underscore_and_no_empty_label() {
        assert!(is_host_name("mx-1.example.org"));
        for bad in ["", "a..b", "a_b.c", "-a.b", "a b", "a\r\nb", "x."] {
            assert!(!is_host_name(bad), "{bad:?}");
        }
    }
}
