//! `ehlo queue systemd` and `ehlo queue cron`: prints the files that make systemd or cron run the queue.

use crate::cli::terminal::{complain, print};
use crate::queue;
use crate::queue::store::system_queue;
use crate::queue::submit::socket;
use crate::queue::{Location, QueueOptions};
use crate::system::exit::Exit;
use crate::system::quote::{crontab_word, systemd_word};
use crate::system::systemd;
use crate::system::systemd::{SystemdManager, exec_start};
use crate::system::text::reason;
use crate::system::user::path_variable;
use std::io;
use std::path::{Path, PathBuf};

/// Writes the units to stdout.
pub fn systemd(plan: &QueueOptions) -> Exit {
    let Some(mut call) = call(plan) else {
        return Exit::Software;
    };
    let manager = if SystemdManager::of_this_process().is_system {
        &SYSTEM
    } else {
        &USER
    };
    let units = units(&call.in_unit("queue run"), manager);
    call.options.extend(state_directory());
    let text = units + &template(&call, manager);
    print(|out| out.write_all(text.as_bytes()))
}

/// Writes the units for one queue of all users, which this system user owns.
pub fn of_host(plan: &QueueOptions, user: &str) -> Exit {
    let Some(mut call) = call(plan) else {
        return Exit::Software;
    };
    let all_users = call.without_options("queue run --all-users --behind");
    if plan.location.is_none() {
        call.options.retain(|(option, _)| *option != "--queue-dir");
        let queue = system_queue().to_owned();
        call.options.insert(0, ("--queue-dir", queue));
    }
    let text = host_units(&call, user) + &personal_units(&all_users);
    print(|out| out.write_all(text.as_bytes()))
}

/// Writes a line for a crontab to stdout.
pub fn cron(plan: &QueueOptions) -> Exit {
    let Some(call) = call(plan) else {
        return Exit::Software;
    };
    let Some(call) = call.in_crontab() else {
        complain("a path that contains a line break or is not UTF-8 cannot be used in a crontab");
        return Exit::Data;
    };
    print(|out| writeln!(out, "{CRON}*/5 * * * * {call}"))
}

const CRON: &str = "\
# For crontab -e: run the queue every five minutes. Only new failures produce output, which cron mails
# to MAILTO.
";

/// A systemd manager: unit directory, and the command that controls it.
struct Manager {
    directory: &'static str,
    ctl: &'static str,
    unit: &'static str,
    target: &'static str,
    more: &'static str,
    hardening: &'static str,
}

const SYSTEM: Manager = Manager {
    directory: systemd::SYSTEM.directory,
    ctl: systemd::SYSTEM.ctl,
    unit: "unit",
    target: "multi-user.target",
    more: "",
    hardening: "\
PrivateTmp=yes
ProtectSystem=full
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
",
};

const USER: Manager = Manager {
    directory: systemd::USER.directory,
    ctl: systemd::USER.ctl,
    unit: "unit --user-unit",
    target: "default.target",
    more: "# To keep it running while you are logged out: loginctl enable-linger\n",
    // The other settings need privileges that a user's manager does not have on every system.
    hardening: "",
};

/// The timer with its service, and the service that replaces them.
fn units(call: &str, manager: &Manager) -> String {
    let Manager {
        directory,
        ctl,
        more,
        hardening,
        ..
    } = manager;
    let hardening = format!("{HARDENING}{hardening}");
    format!(
        "\
# Run the queue either by a timer (the first two files) or by a daemon (the third file), not by both.
#
# The timer:  {ctl} daemon-reload; {ctl} enable --now ehlo-queue.timer
# The daemon: {ctl} daemon-reload; {ctl} enable --now ehlo-queue-watch.service
{more}
# --- {directory}/ehlo-queue.service ---
[Unit]
Description=Deliver mail queued by ehlo
Documentation=man:ehlo-queue(1)

[Service]
Type=oneshot
ExecStart={call}
{STOP_TIMEOUT}{hardening}
# --- {directory}/ehlo-queue.timer ---
{}{}",
        timer("Deliver mail queued by ehlo"),
        daemon(call, manager)
    )
}

/// User, directories, the submission socket, and the service and timer of the queue.
fn host_units(call: &UnitCall, user: &str) -> String {
    let Manager {
        directory,
        ctl,
        hardening,
        ..
    } = &SYSTEM;
    let hardening = format!("User={user}\nGroup={user}\n{HARDENING}{hardening}");
    let mut options = call.options.iter();
    // The files of the service are in the default directory if the queue is in a database.
    let queue = options.find(|(option, path)| {
        *option == "--queue-dir" && Location::from(path.clone()).directory().is_some()
    });
    let queue = systemd_word(queue.map_or(system_queue(), |(_, path)| path), "$");
    let submission = submission_units(&call.in_unit("queue serve --connection"), &hardening);
    let run = call.in_unit("queue run");
    let timer = timer("Deliver mail queued by ehlo");
    format!(
        "\
# One queue for all users of this host. The system user {user} owns it, and is the only one who reads the password
# of the relay: chown {user} the file that password-file names.
#
# systemd-sysusers; systemd-tmpfiles --create; {ctl} daemon-reload
# {ctl} enable --now ehlo-submit.socket ehlo-queue.timer ehlo-queue-users.timer

# --- /etc/sysusers.d/ehlo.conf ---
u {user} - \"Mail of ehlo\" {queue}

# --- /etc/tmpfiles.d/ehlo.conf ---
d {queue} 0700 {user} {user} -

{submission}
# --- {directory}/ehlo-queue.service ---
[Unit]
Description=Deliver mail queued by ehlo
Documentation=man:ehlo-queue(1)

[Service]
Type=oneshot
ExecStart={run}
{STOP_TIMEOUT}{hardening}
# --- {directory}/ehlo-queue.timer ---
{timer}"
    )
}

/// The socket, and the service of a connection.
fn submission_units(serve: &str, hardening: &str) -> String {
    let directory = SYSTEM.directory;
    let socket = socket::DEFAULT;
    format!(
        "\
# --- {directory}/ehlo-submit.socket ---
[Unit]
Description=Submission of mail to ehlo
Documentation=man:ehlo-queue(1)

[Socket]
ListenStream={socket}
SocketMode=0666
Accept=yes
MaxConnections=128

[Install]
WantedBy=sockets.target

# --- {directory}/ehlo-submit@.service ---
[Unit]
Description=Accept mail of a user of this host
Documentation=man:ehlo-queue(1)

[Service]
ExecStart={serve}
StandardInput=socket
StandardOutput=socket
StandardError=journal
{STOP_TIMEOUT}{hardening}"
    )
}

/// The service and timer of the personal queues. Each is run with the rights of its user.
fn personal_units(run: &str) -> String {
    let directory = SYSTEM.directory;
    let title = "Deliver mail in the personal queues of ehlo";
    format!(
        "
# --- {directory}/ehlo-queue-users.service ---
[Unit]
Description={title}
Documentation=man:ehlo-queue(1)

[Service]
Type=oneshot
ExecStart={run}
{STOP_TIMEOUT}
# --- {directory}/ehlo-queue-users.timer ---
{}",
        timer(title)
    )
}

fn timer(title: &str) -> String {
    format!(
        "\
[Unit]
Description={title}
Documentation=man:ehlo-queue(1)

[Timer]
OnBootSec=1min
OnUnitActiveSec=5min
RandomizedDelaySec=30s

[Install]
WantedBy=timers.target
"
    )
}

/// The service that replaces the timer and its service.
fn daemon(call: &str, manager: &Manager) -> String {
    let Manager {
        directory,
        target,
        hardening,
        ..
    } = manager;
    format!(
        "
# --- {directory}/ehlo-queue-watch.service ---
[Unit]
Description=Deliver mail queued by ehlo continuously
Documentation=man:ehlo-queue(1)

[Service]
Type=exec
ExecStart={call} --watch
Restart=always
RestartSec=10s
{STOP_TIMEOUT}{HARDENING}{hardening}
[Install]
WantedBy={target}
"
    )
}

/// The service that mails the status of another unit.
fn template(call: &UnitCall, manager: &Manager) -> String {
    let Manager {
        directory,
        ctl,
        unit,
        hardening,
        ..
    } = manager;
    let call = call.in_unit(unit);
    format!(
        "
# --- {directory}/ehlo@.service ---
# Mails the status of a failed unit. For one unit, add to its [Unit] section (systemctl edit):
#
#     OnFailure=ehlo@%n.service
#
# For all services, add to {directory}/service.d/ehlo.conf:
#
#     [Unit]
#     OnFailure=ehlo@%n.service
#
# This also applies to ehlo@.service itself, which could loop; exclude it:
#
#     mkdir {directory}/ehlo@.service.d
#     ln -s /dev/null {directory}/ehlo@.service.d/ehlo.conf
#
# Then: {ctl} daemon-reload. The mail goes to root or to you; for another address, add --to to ExecStart.
[Unit]
Description=Mail the status of %i
Documentation=man:ehlo-unit(1)
# Many units may fail at once, and each failure is to be reported.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart={call} -- %i
{HARDENING}{hardening}"
    )
}

/// Sessions that have not sent the end of data end at once. The reply to an end of data may take ten minutes
/// (RFC 5321 §4.5.3.2.6).
const STOP_TIMEOUT: &str = "\
# A server may take ten minutes to accept a message it has received completely. With a shorter timeout,
# the message may arrive twice.
TimeoutStopSec=11min
";

/// Settings that do not restrict delivery. A password-command or a command of on-failure runs under them,
/// too.
const HARDENING: &str = "\
UMask=0077
# Remove this line if a password-command needs additional privileges (sudo).
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
";

/// The path of this program, with the options for queue and configuration if they were given.
struct UnitCall {
    program: PathBuf,
    options: Vec<(&'static str, PathBuf)>,
}

fn call(plan: &QueueOptions) -> Option<UnitCall> {
    let found = std::env::current_exe().and_then(|program| UnitCall::new(program, plan));
    found
        .map_err(|error| {
            complain(&format!(
                "cannot determine the path of this program: {}",
                reason(&error)
            ));
        })
        .ok()
}

impl UnitCall {
    fn new(program: PathBuf, plan: &QueueOptions) -> io::Result<Self> {
        let mut options = Vec::new();
        if let Some(location) = plan.location.clone().or_else(queue_directory) {
            options.push(("--queue-dir", location.absolute()?));
        }
        if let Some(path) = plan.config.clone().or_else(config_file) {
            options.push(("--config", std::path::absolute(path)?));
        }
        Ok(Self { program, options })
    }

    /// For `ExecStart`.
    fn in_unit(&self, command: &str) -> String {
        let options = self.options.iter();
        let options = options.flat_map(|(option, path)| [Path::new(option), path]);
        exec_start(self.words(command).chain(options))
    }

    /// For `ExecStart`, with other options.
    fn without_options(&self, command: &str) -> String {
        exec_start(self.words(command))
    }

    fn words<'w>(&'w self, command: &'w str) -> impl Iterator<Item = &'w Path> {
        std::iter::once(self.program.as_path()).chain(command.split(' ').map(Path::new))
    }

    /// For a crontab. `None`: it cannot be expressed there.
    fn in_crontab(&self) -> Option<String> {
        let mut line = format!("{} queue run", crontab_word(&self.program)?);
        for (option, path) in &self.options {
            line.push_str(&format!(" {option} {}", crontab_word(path)?));
        }
        Some(line)
    }
}

/// The configuration file, if it is set by a variable.
fn config_file() -> Option<PathBuf> {
    let value = std::env::var_os("EHLO_CONFIG").filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// The state directory, if it is set by a variable that systemd does not pass on.
fn state_directory() -> Option<(&'static str, PathBuf)> {
    path_variable("EHLO_STATE_DIR").map(|path| ("--state-dir", path))
}

/// The queue directory, if it depends on a variable that neither systemd nor cron passes on.
fn queue_directory() -> Option<Location> {
    std::env::var_os("XDG_STATE_HOME").filter(|value| !value.is_empty())?;
    let store = queue::open(None, false).ok()?;
    Some(store.location())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(program: &str, directory: &str) -> UnitCall {
        UnitCall {
            program: program.into(),
            options: vec![("--queue-dir", directory.into())],
        }
    }

    #[test]
    fn plain_paths_are_not_quoted() {
        let call = call("/usr/bin/ehlo", "/var/spool/ehlo");
        let line = "/usr/bin/ehlo queue run --queue-dir /var/spool/ehlo";
        assert_eq!(call.in_unit("queue run"), line);
        assert_eq!(call.in_crontab().as_deref(), Some(line));
    }

    #[test]
    fn special_characters_of_systemd_are_escaped() {
        let call = call("/a b/$x/ehlo", "/50%/$y \\\"'/\n");
        assert_eq!(
            call.in_unit("queue run"),
            r#""/a b/$x/ehlo" queue run --queue-dir "/50%%/$$y \\\"'/\x0a""#
        );
    }

    #[test]
    fn the_template_does_not_start_itself() {
        let call = call("/bin/ehlo", "/var/spool/ehlo");
        let text = template(&call, &SYSTEM);
        let line = "ExecStart=/bin/ehlo unit --queue-dir /var/spool/ehlo -- %i\n";
        assert!(text.contains(line), "{text}");
        let starts = |line: &str| line.starts_with("OnFailure=");
        assert!(!text.lines().any(starts), "{text}");
        assert!(text.contains("/etc/systemd/system/ehlo@.service.d/ehlo.conf\n"));
        let text = template(&call, &USER);
        assert!(
            text.contains("=/bin/ehlo unit --user-unit --queue-dir "),
            "{text}"
        );
        assert!(
            text.contains("# Then: systemctl --user daemon-reload."),
            "{text}"
        );
    }

    #[test]
    fn the_units_are_those_of_their_manager() {
        let text = units("/bin/ehlo queue run", &USER);
        for part in [
            "# --- ~/.config/systemd/user/ehlo-queue.timer ---",
            "ExecStart=/bin/ehlo queue run\n",
            "ExecStart=/bin/ehlo queue run --watch\n",
            "systemctl --user enable --now ehlo-queue.timer",
            "WantedBy=default.target",
            "loginctl enable-linger",
        ] {
            assert!(text.contains(part), "{part}");
        }
        let text = units("/bin/ehlo queue run", &SYSTEM);
        assert!(text.contains("# --- /etc/systemd/system/ehlo-queue.service ---"));
        assert!(!text.contains("--user") && !text.contains("linger"));
    }
}
