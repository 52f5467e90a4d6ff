//! The Debian packages: what lintian says, and their life on a host.

use crate::parts;
use crate::receiver::Receiver;
use ehlo::system::stand_in::StandIn;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// True if packages can be made and installed here.
pub fn all_are_there() -> bool {
    parts::is_root()
        && parts::works(Command::new("cargo-deb").arg("--version"), "cargo-deb")
        && parts::has("/usr/bin/lintian")
        && parts::has("/usr/bin/dpkg-deb")
        && parts::works(
            Command::new("unshare").args(["-m", "true"]),
            "unshare with namespaces",
        )
}

/// The directory of the packages, which are made once.
pub fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let home = tempfile::tempdir().unwrap();
        let binary = home.path().join("ehlo");
        let strip = Command::new("strip")
            .arg("-o")
            .arg(&binary)
            .arg(env!("CARGO_BIN_EXE_ehlo"))
            .status();
        assert!(strip.unwrap().success());
        let made = Command::new(source.join(".ci/package"))
            .arg(&binary)
            .arg("--fast")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made));
        source.join("target/debian")
    })
}

#[test]
fn packages_are_installed_upgraded_and_purged_and_users_send_mail_by_them() {
    if !all_are_there() {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = packages();
    let both: Vec<_> = std::fs::read_dir(packages)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(both.len(), 2);
    let lintian = Command::new("/usr/bin/lintian")
        .args(["--fail-on", "error", "--allow-root"])
        .args(&both)
        .output()
        .unwrap();
    assert!(lintian.status.success(), "{}", text(&lintian));
    let receiver = Receiver::start(&["--maildir", "mail"]);
    let life = Command::new("unshare")
        .args(["-m", "sh"])
        .arg(source.join("tests/interop/package.sh"))
        .arg(packages)
        .arg(receiver.relay())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    let said = text(&life);
    assert!(life.status.success(), "{said}");
    for (_, paths) in StandIn::ALL.iter().map(|program| program.row()) {
        for path in paths {
            assert!(
                said.contains(&format!("link {path} /usr/bin/ehlo\n")),
                "{said}"
            );
        }
    }
    for words in [
        "queue ehlo 700\n",
        "ehlo-submit.socket\n",
        "ehlo-queue.timer\n",
        "ehlo-queue-users.timer\n",
        "sent by games\n",
        "sent by www-data\n",
        "sent by root\n",
        "kept for root\n",
        "1 item\n",
        "cannot access '/usr/sbin/sendmail'",
        "\n/var/spool/ehlo\n",
        "\nno queue\n",
        "configuration kept\n",
        "program gone\n",
    ] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    let mail = std::fs::read_dir(receiver.path("mail/new")).unwrap();
    let mail = mail.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let mail = mail.collect::<Vec<String>>().concat();
    for user in ["games", "www-data", "root"] {
        assert!(mail.contains(&format!("Subject: of {user}")), "{mail}");
    }
}

/// What systemd says about the units, without starting them.
#[test]
fn systemd_finds_no_fault_in_the_units() {
    if !parts::has("/usr/bin/systemd-analyze") {
        return;
    }
    let run = Command::new(env!("CARGO_BIN_EXE_ehlo"))
        .args(["queue", "systemd", "--submit", "--user", "daemon"])
        .env_clear()
        .output()
        .unwrap();
    let home = tempfile::tempdir().unwrap();
    let printed = text(&run);
    let mut units = Vec::new();
    for part in printed.split("\n# --- ").skip(1) {
        let (path, unit) = part.split_once(" ---\n").unwrap();
        if path.starts_with("/etc/systemd/system/") {
            let file = home.path().join(Path::new(path).file_name().unwrap());
            std::fs::write(&file, unit).unwrap();
            units.push(file);
        }
    }
    assert_eq!(units.len(), 6, "{printed}");
    let verified = Command::new("/usr/bin/systemd-analyze")
        .args(["verify", "--man=no"])
        .args(&units)
        .output()
        .unwrap();
    let said = text(&verified);
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("ehlo")).collect();
    assert!(complaints.is_empty(), "{said}");
}
