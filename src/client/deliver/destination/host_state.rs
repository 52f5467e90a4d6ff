//! The state of a host for later deliveries: up, or down for some or all recipients.

use crate::client::deliver::destination::{CurrentHost, Delivery, HostFilter};
use crate::client::policy::PolicySource;
use crate::client::route::Host;
use crate::client::session::Step;
use crate::client::session::{RecipientReply, SessionFailure, SessionResult};
use crate::client::wire::WireError;

impl Delivery<'_, '_> {
    /// Reason for which a host is skipped: another delivery has just found it down, or was rejected by it.
    pub(super) fn down(&self, current: &CurrentHost<'_>) -> Option<String> {
        let hosts = self.idle?.hosts;
        let down = |name: &str| hosts.down(name, current.port());
        down(&self.for_all(current.host)).or_else(|| down(&self.for_us(current)))
    }

    /// Records the state of a host for later deliveries.
    pub(super) fn remember(&self, current: &CurrentHost<'_>) {
        let Some(idle) = self.idle else {
            return;
        };
        let (hosts, port) = (idle.hosts, current.port());
        let (name, ours) = (self.for_all(current.host), self.for_us(current));
        match &current.shut {
            None if !current.answered => {}
            Some(HostFilter::ForAll(why)) if !current.answered => hosts.went_down(&name, port, why),
            Some(HostFilter::ForUs(why)) if !current.answered => {
                hosts.came_up(&name, port);
                hosts.went_down(&ours, port, why);
            }
            _ => {
                hosts.came_up(&name, port);
                hosts.came_up(&ours, port);
            }
        }
    }

    /// The key under which the state of a host is stored. A host that a proxy cannot reach may be up.
    fn for_all(&self, host: &Host) -> String {
        match self.transport.router.proxy() {
            Some(proxy) => format!("{host} through {proxy}"),
            None => host.to_string(),
        }
    }

    /// The key under which host state that depends on the client is stored: another user may have a valid
    /// password, and another recipient domain other demands on the certificate.
    fn for_us(&self, current: &CurrentHost<'_>) -> String {
        let login = self.transport.login();
        let user = login.and_then(|login| login.user.as_deref());
        let key = format!(
            "{} as {}",
            self.for_all(current.host),
            user.unwrap_or_default()
        );
        match current.policy.source {
            PolicySource::Options => key,
            _ => format!("{key}, because {}", current.policy.requirement()),
        }
    }
}

/// Reason for which this host should not be retried now.
pub(super) fn shut(ended: &SessionResult) -> Option<HostFilter> {
    match (&ended.failure, &ended.refusal) {
        (Some(SessionFailure::Wire(Step::Banner, error @ WireError::Unwelcome(_))), _) => {
            Some(HostFilter::ForUs(error.to_string()))
        }
        (Some(SessionFailure::Wire(Step::Banner, error)), _) => {
            Some(HostFilter::ForAll(error.to_string()))
        }
        (Some(SessionFailure::Tls(error)), _) => Some(HostFilter::ForUs(error.to_string())),
        (_, Some(RecipientReply::Replied(Step::Auth, reply))) => {
            let words = format!("authentication failed: {}", reply.whole());
            Some(HostFilter::ForUs(words))
        }
        (_, Some(RecipientReply::Unmet(unmet))) => {
            let words = format!("{} was not possible", unmet.step().words());
            Some(HostFilter::ForUs(words))
        }
        _ => None,
    }
}
