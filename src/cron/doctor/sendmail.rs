//! The program that cron passes its mail to.

use crate::cron::doctor::host::{HostSystem, is_program};
use crate::cron::doctor::options::CheckStep;
use crate::probe::Finding;
use crate::system::quote::for_shell;
use crate::system::stand_in::StandIn;
use crate::system::text::shown_path;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The paths built into cron, at and most other programs, and into older programs.
const PATHS: &[&str] = StandIn::Sendmail.row().1;

/// The first of them.
const DEFAULT_PATH: &str = PATHS[0];

/// Known mail programs, by the beginning of the file name.
const OTHER_PROGRAMS: [(&str, &str); 11] = [
    ("exim", "Exim"),
    ("msmtp", "msmtp"),
    ("ssmtp", "sSMTP"),
    ("nullmailer", "nullmailer"),
    ("dma", "dma"),
    ("smtpctl", "OpenSMTPD"),
    ("opensmtpd", "OpenSMTPD"),
    ("chasquid", "chasquid"),
    ("busybox", "BusyBox"),
    ("esmtp", "esmtp"),
    ("postfix", "Postfix"),
];

/// The kind of file at a path of sendmail.
enum SendmailFile {
    Nothing,
    Broken(PathBuf),
    Unusable,
    Ehlo { has_set_id: bool },
    Other(String),
}

/// Checks `/usr/sbin/sendmail`, and other paths where programs may find a sendmail.
pub fn check(host: &HostSystem) -> Vec<Finding> {
    let first = main(host);
    let others = PATHS[1..].iter().map(|path| host.at(path));
    let others = others.filter(|path| path.symlink_metadata().is_ok());
    let in_path = host.find("sendmail");
    let mut checked = vec![host.at(DEFAULT_PATH).canonicalize().unwrap_or_default()];
    let mut findings = vec![first];
    for path in in_path.into_iter().chain(others) {
        let real = path.canonicalize().unwrap_or_default();
        if !checked.contains(&real) {
            findings.extend(other_file(host, &path));
            checked.push(real);
        }
    }
    findings
}

/// Name of the program that cron calls as sendmail, if it is not ehlo.
pub fn other_sendmail(host: &HostSystem) -> Option<String> {
    match existing(host, &host.at(DEFAULT_PATH)) {
        SendmailFile::Other(owner) => Some(owner),
        _ => None,
    }
}

fn main(host: &HostSystem) -> Finding {
    let path = host.at(DEFAULT_PATH);
    let name = shown_path(&path);
    let link = format!("ln -sf {} {}", for_shell(&host.program), for_shell(&path));
    match existing(host, &path) {
        SendmailFile::Nothing => Finding::failed(
            CheckStep::Sendmail,
            format!("{name} does not exist: cron discards the output of its jobs"),
        )
        .with_command(link),
        SendmailFile::Broken(to) => Finding::failed(
            CheckStep::Sendmail,
            format!(
                "{name} is a link to {}, which does not exist",
                shown_path(&to)
            ),
        )
        .with_command(link),
        SendmailFile::Unusable => {
            Finding::failed(CheckStep::Sendmail, format!("{name} is not executable"))
                .with_command(link)
        }
        SendmailFile::Ehlo { has_set_id: false } => {
            Finding::ok(CheckStep::Sendmail, format!("{name} is ehlo"))
        }
        SendmailFile::Ehlo { has_set_id: true } => set_id_warning(&path),
        SendmailFile::Other(owner) => Finding::warning(
            CheckStep::Sendmail,
            format!("{name} is {owner}, which receives mail from cron instead of ehlo"),
        )
        .with_remedy(format!("remove that package, then run: {link}")),
    }
}

/// Checks a path that is not the first choice of programs.
fn other_file(host: &HostSystem, path: &Path) -> Option<Finding> {
    let name = shown_path(path);
    let what = match existing(host, path) {
        SendmailFile::Ehlo { has_set_id: false } | SendmailFile::Nothing => return None,
        SendmailFile::Ehlo { has_set_id: true } => return Some(set_id_warning(path)),
        SendmailFile::Broken(to) => {
            format!("is a link to {}, which does not exist", shown_path(&to))
        }
        SendmailFile::Unusable => "is not executable".to_owned(),
        SendmailFile::Other(owner) => format!("is {owner}"),
    };
    let found = format!("{name} {what}, but some programs use this path");
    let link = format!(
        "ln -sf {} {}",
        for_shell(&host.at(DEFAULT_PATH)),
        for_shell(path)
    );
    Some(Finding::warning(CheckStep::Sendmail, found).with_command(link))
}

fn set_id_warning(path: &Path) -> Finding {
    Finding::warning(
        CheckStep::Sendmail,
        format!(
            "{} is ehlo with a set-user-ID or set-group-ID bit, which it does not need",
            shown_path(path)
        ),
    )
    .with_command(format!("chmod ug-s {}", for_shell(&real(path))))
}

fn existing(host: &HostSystem, path: &Path) -> SendmailFile {
    if path.symlink_metadata().is_err() {
        return SendmailFile::Nothing;
    }
    let Ok(facts) = path.metadata() else {
        return SendmailFile::Broken(fs::read_link(path).unwrap_or_default());
    };
    if !is_program(path) {
        return SendmailFile::Unusable;
    }
    let has_set_id = facts.permissions().mode() & 0o6000 != 0;
    let own_program = host.program.metadata();
    let is_this_program = own_program.is_ok_and(|own_program| {
        (own_program.dev(), own_program.ino()) == (facts.dev(), facts.ino())
    });
    let real = real(path);
    match real.file_name().and_then(|name| name.to_str()) {
        _ if is_this_program => SendmailFile::Ehlo { has_set_id },
        Some("ehlo") => SendmailFile::Other(format!("another ehlo ({})", shown_path(&real))),
        _ => SendmailFile::Other(owner(host, &real)),
    }
}

/// Name of the mail system that the program belongs to, judging by its path.
fn owner(host: &HostSystem, real: &Path) -> String {
    let path = real.to_string_lossy().to_ascii_lowercase();
    let end = path.rsplit('/').next().unwrap_or_default();
    let input = OTHER_PROGRAMS
        .iter()
        .find(|(start, _)| end.starts_with(start));
    match input {
        Some((_, name)) => (*name).to_owned(),
        None if host.has("/etc/postfix/main.cf") => "Postfix".to_owned(),
        None if path.contains("sm.bin") => "Sendmail".to_owned(),
        None => format!("another program ({})", shown_path(real)),
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::doctor::host::tests::TestHost;
    use crate::probe::Status;

    fn only(test_host: &TestHost) -> Finding {
        let mut all = check(&test_host.host);
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    #[test]
    fn sendmail_linked_to_this_program_is_ok() {
        let test_host = TestHost::new();
        test_host.link("/usr/sbin/sendmail", "/usr/bin/ehlo");
        test_host.link("/usr/lib/sendmail", "/usr/sbin/sendmail");
        assert_eq!(only(&test_host).status, Status::Ok);
    }

    #[test]
    fn missing_sendmail_has_a_link_command() {
        let test_host = TestHost::new();
        let finding = only(&test_host);
        assert_eq!(finding.status, Status::Failed);
        let root = test_host.host.root.display();
        let command = format!("ln -sf {root}/usr/bin/ehlo {root}/usr/sbin/sendmail");
        assert_eq!(finding.remedy_text(), Some(command.as_str()));
    }

    #[test]
    fn dangling_link_and_non_executable_file_are_reported() {
        let test_host = TestHost::new();
        test_host.link("/usr/sbin/sendmail", "/usr/bin/gone");
        let finding = only(&test_host);
        assert_eq!(finding.status, Status::Failed);
        assert!(finding.text.contains("/usr/bin/gone, which does not exist"));
        let test_host = TestHost::new();
        test_host.file("/usr/sbin/sendmail", "");
        let finding = only(&test_host);
        assert_eq!(finding.status, Status::Failed);
        assert!(finding.text.ends_with("is not executable"));
    }

    #[test]
    fn other_mail_programs_are_named() {
        for (path, more, owner) in [
            ("/usr/sbin/exim4", "/x", "is Exim"),
            ("/usr/sbin/other", "/etc/postfix/main.cf", "is Postfix"),
            ("/usr/sbin/other", "/x", "is another program ("),
            ("/opt/ehlo", "/x", "is another ehlo ("),
        ] {
            let test_host = TestHost::new();
            test_host.file(more, "");
            test_host.program(path, "");
            test_host.link("/usr/sbin/sendmail", path);
            let finding = only(&test_host);
            assert_eq!(finding.status, Status::Warning);
            assert!(finding.text.contains(owner), "{finding:?}");
        }
    }

    #[test]
    fn set_user_id_bit_is_reported() {
        let test_host = TestHost::new();
        test_host.link("/usr/sbin/sendmail", "/usr/bin/ehlo");
        TestHost::mode(&test_host.host.program, 0o4755);
        let finding = only(&test_host);
        assert_eq!(finding.status, Status::Warning);
        assert!(finding.remedy_text().unwrap().starts_with("chmod ug-s "));
    }

    #[test]
    fn other_sendmail_in_path_is_reported() {
        let test_host = TestHost::new();
        test_host.link("/usr/sbin/sendmail", "/usr/bin/ehlo");
        test_host.program("/usr/bin/sendmail", "");
        let all = check(&test_host.host);
        assert_eq!((all.len(), all[1].status), (2, Status::Warning));
        assert!(all[1].text.contains("usr/bin/sendmail is another program"));
    }
}
