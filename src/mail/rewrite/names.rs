//! The names of this host in addresses.

use crate::system::host;

/// The names of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNames {
    /// The node name; `{host}` is its first label.
    pub node: String,
    /// The qualified name, or the node name if the domain is unknown.
    pub fqdn: String,
    /// The domain of mail from this host.
    pub mail: String,
}

impl HostNames {
    /// Names of the host that runs the program.
    #[must_use]
    pub fn of_this_host() -> Self {
        let node = host::node_name();
        Self {
            fqdn: host::fqdn().unwrap_or_else(|| node.clone()),
            mail: host::mail_domain(),
            node,
        }
    }

    pub(super) fn short(&self) -> &str {
        self.node.split('.').next().unwrap_or_default()
    }

    /// True for the node name without a domain: no server can be found for it.
    pub(super) fn is_node(&self, domain: &str) -> bool {
        domain.eq_ignore_ascii_case(self.short())
    }

    /// True for a name of this host.
    pub(super) fn is_own(&self, domain: &str) -> bool {
        let own = [&self.node, &self.fqdn, &self.mail];
        host::is_localhost(domain)
            || self.is_node(domain)
            || own.iter().any(|name| name.eq_ignore_ascii_case(domain))
    }
}
