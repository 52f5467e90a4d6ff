//! Checks of the submission socket of the host, and of personal queues that no process runs. The session over the
//! socket is checked like that with any other server.

use crate::cron::doctor::host::HostSystem;
use crate::cron::doctor::options::CheckStep;
use crate::probe::Finding;
use crate::queue::QueueUse;
use crate::queue::store::{personal_queue, system_queue};
use crate::queue::submit::socket::{self, SocketState};
use crate::system::text::shown_path;
use crate::system::user::{LocalUser, local_users};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// The timer of the personal queues.
const TIMER: &str = "/etc/systemd/system/timers.target.wants/ehlo-queue-users.timer";

/// Checks the socket that is used, or that would be if it were safe.
pub fn check(host: &HostSystem, queueing: &QueueUse) -> Vec<Finding> {
    let used = queueing.socket.as_deref();
    let named = socket::of_environment();
    let path = used
        .or(named.as_deref())
        .unwrap_or(Path::new(socket::DEFAULT));
    let mut findings: Vec<Finding> = of_socket(path, used.is_some()).into_iter().collect();
    if rustix::process::geteuid().is_root() && !host.has(TIMER) {
        findings.extend(personal_queues());
    }
    findings
}

/// Reports that the queue of the host belongs to a service whose socket is missing.
pub fn without_socket(queueing: &QueueUse) -> Option<Finding> {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root || queueing.socket.is_some() || queueing.queue.location.is_some() {
        return None;
    }
    let owner = fs::metadata(system_queue()).ok()?.uid();
    (owner != 0).then(|| {
        let found = format!(
            "{} belongs to {}, but there is no submission socket",
            shown_path(system_queue()),
            LocalUser::of(owner).name
        );
        let remedy = "systemctl start ehlo-submit.socket, or run ehlo queue serve as that user";
        Finding::failed(CheckStep::Submit, found).with_remedy(remedy)
    })
}

fn of_socket(path: &Path, is_used: bool) -> Option<Finding> {
    let name = shown_path(path);
    match socket::state(path) {
        SocketState::Missing => None,
        SocketState::Unsafe(why) => {
            let found = format!("{name} {why}, and is not used");
            let remedy = "remove it, and start ehlo-submit.socket or ehlo queue serve";
            Some(Finding::failed(CheckStep::Submit, found).with_remedy(remedy))
        }
        SocketState::Trusted if !is_used => None,
        SocketState::Trusted => Some(usable(path, &name)),
    }
}

fn usable(path: &Path, name: &str) -> Finding {
    let Ok(facts) = fs::metadata(path) else {
        return Finding::failed(CheckStep::Submit, format!("{name} is gone"));
    };
    if facts.permissions().mode() & 0o222 != 0o222 {
        let found = format!("{name} does not let all users connect");
        return Finding::warning(CheckStep::Submit, found)
            .with_command(format!("chmod 666 {name}"));
    }
    let owner = facts.uid();
    Finding::ok(
        CheckStep::Submit,
        format!("mail is passed to {name} (of user ID {owner})"),
    )
}

/// Reports users whose personal queue has items.
fn personal_queues() -> Option<Finding> {
    let has_items = |home: &Path| {
        let items = home.join(personal_queue()).join("items");
        fs::read_dir(items).is_ok_and(|mut items| items.next().is_some())
    };
    let users = local_users().into_iter();
    let users = users.filter(|one| has_items(&one.home));
    let names: Vec<String> = users.map(|one| one.user.name).collect();
    if names.is_empty() {
        return None;
    }
    let found = format!("mail waits in the personal queue of {}", names.join(", "));
    Some(
        Finding::warning(CheckStep::Submit, found)
            .with_remedy("ehlo queue run --all-users, from cron or a timer of root"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Status;
    use std::os::unix::net::UnixListener;

    #[test]
    fn socket_that_is_unsafe_or_closed_to_others_is_reported() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("submit.sock");
        assert_eq!(of_socket(&path, true), None);
        fs::write(&path, "").unwrap();
        assert_eq!(of_socket(&path, false).unwrap().status, Status::Failed);
        fs::remove_file(&path).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o600);
        assert_eq!(of_socket(&path, true).unwrap().status, Status::Warning);
        mode(0o666);
        assert_eq!(of_socket(&path, true).unwrap().status, Status::Ok);
        assert_eq!(of_socket(&path, false), None);
    }
}
