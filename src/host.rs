//! Who and where we are: the login name and the names of this host.

use std::fs;
use std::path::PathBuf;

/// The login name of the user who runs us, from the password file, else `$LOGNAME`, else `$USER`.
#[must_use]
pub fn login() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.or_else(|| std::env::var("LOGNAME").ok())
        .or_else(|| std::env::var("USER").ok())
        .unwrap_or_else(|| "nobody".to_owned())
}

/// The home directory that the password file gives the user in whose name we act.
#[must_use]
pub fn home() -> Option<PathBuf> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    home_of(rustix::process::geteuid().as_raw(), &passwd)
}

/// The home directory that a password file gives a user.
fn home_of(user: u32, passwd: &str) -> Option<PathBuf> {
    let user = user.to_string();
    let home = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2) == Some(&user.as_str())).then(|| fields.get(5).copied())?
    });
    home.map(PathBuf::from).filter(|home| home.is_absolute())
}

/// Whether this process has more rights than whoever called it: a set-uid or set-gid bit is in play, and
/// arguments and environment are somebody else's.
#[must_use]
pub fn is_privileged() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    getuid() != geteuid() || getgid() != getegid()
}

/// The node name as the kernel has it; often without a domain.
#[must_use]
pub fn node_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// The node name without a domain, as subjects have it.
#[must_use]
pub fn short_name() -> String {
    let node = node_name();
    node.split('.').next().unwrap_or_default().to_owned()
}

/// The fully qualified name of this host: the node name if it has a dot, else what `/etc/hosts`
/// says of it. `None` when neither knows one.
#[must_use]
pub fn fqdn() -> Option<String> {
    let node = node_name();
    if is_fqdn(&node) {
        return Some(node);
    }
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    fqdn_of(&node, &hosts)
}

/// The name that mail from here carries behind the `@`: `/etc/mailname` if the system has one, else
/// the qualified name, else the node name as it is.
#[must_use]
pub fn mail_domain() -> String {
    let mailname = fs::read_to_string("/etc/mailname").unwrap_or_default();
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
        names
            .iter()
            .find(|name| is_fqdn(name) && !name.starts_with("localhost"))
            .map(|&name| name.to_owned())
    })
}

/// Whether EHLO may be given this name: letters, digits, hyphens and at least one dot (R3).
fn is_fqdn(name: &str) -> bool {
    name.contains('.') && is_host_name(name)
}

/// Whether a text is a host name: labels of letters, digits and inner hyphens.
#[must_use]
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
    fn the_hosts_file_qualifies_a_short_node_name() {
        let hosts = "127.0.0.1 localhost\n# 10.0.0.1 sun.example\n127.0.1.1 sun.tuc.noao.edu sun\n";
        assert_eq!(fqdn_of("sun", hosts).as_deref(), Some("sun.tuc.noao.edu"));
        assert_eq!(fqdn_of("moon", hosts), None);
        assert_eq!(fqdn_of("vm", "127.0.0.1 localhost.localdomain vm\n"), None);
    }

    #[test]
    fn a_host_name_has_no_underscore_and_no_empty_label() {
        assert!(is_host_name("mx-1.example.org"));
        for bad in ["", "a..b", "a_b.c", "-a.b", "a b", "a\r\nb", "x."] {
            assert!(!is_host_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_password_file_knows_the_home_of_a_user() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\nodd\n";
        assert_eq!(home_of(1000, passwd), Some("/home/bob".into()));
        assert_eq!(home_of(1001, passwd), None);
    }
}
