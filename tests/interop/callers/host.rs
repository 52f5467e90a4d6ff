//! A host of which a caller sees more than one file: a mount namespace in which /usr/sbin/sendmail is
//! ours, and /etc, /run, /dev/log and the spool of cron belong to the test. Nothing of the system's is
//! touched, and all of it is gone with the last process.

use crate::parts;
use std::path::Path;
use std::process::Command;

/// What stands before the script of a caller. `$1` is our sendmail, `$2` a directory with what is
/// different in /etc, `$3` the socket that is the log of the system.
const FOUNDATION: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /mnt
cd /mnt
mkdir cron dev etc sbin sbin.real

# A directory of links is in the place of /usr/sbin, where one is another. Some are relative.
mount --bind /usr/sbin sbin.real
ln -s /usr/bin /usr/lib /usr/share .
ln -s -t sbin /mnt/sbin.real/*
ln -sf "$1" sbin/sendmail
mount --bind sbin /usr/sbin

cp -a /etc/. etc
rm -rf etc/postfix etc/cron.d/* etc/crontab
cp -a "$2"/. etc
mount --bind etc /etc

for node in full null random tty urandom zero; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
touch dev/log
mount --bind "$3" dev/log
ln -s /proc/self/fd dev/fd
mount --rbind dev /dev

mount -t tmpfs -o mode=755 none /run
[ ! -d /var/spool/cron ] || mount --bind cron /var/spool/cron
cd /
set +e

# Ends a daemon when its job has run and nobody is at work with what it said.
end_when_idle() {
    until [ -e /mnt/ran ]; do sleep 0.01; done
    while [ -n "$(cat "/proc/$1/task/$1/children")" ]; do sleep 0.01; done
    kill "$1"
}
"#;

/// Whether we may have one.
pub fn is_possible() -> bool {
    let mut unshare = Command::new("unshare");
    let script = "mount --make-rprivate / && mount -t tmpfs none /mnt";
    unshare.args(["--mount", "sh", "-c", script]);
    parts::works(&mut unshare, "a kernel that lends us a mount namespace")
}

/// A script that is run in one.
pub fn command(script: &str, sendmail: &Path, etc: &Path, log: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "bash", "-o", "pipefail", "-c"])
        .arg(format!("{FOUNDATION}\n{script}"))
        .arg("caller")
        .args([sendmail, etc, log]);
    command
}
