//! Files of /etc that name the user, the host and the resolvers, in a namespace with files of the test.

use crate::parts;
use std::fs;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Binds the files over those of the system, names the host, and runs the program.
const SCRIPT: &str = r#"
set -e
mount --make-rprivate /
for name in passwd hosts resolv.conf; do mount --bind "$1/$name" "/etc/$name"; done
if [ -e /etc/mailname ]; then mount --bind /dev/null /etc/mailname; fi
hostname "$2"
shift 2
exec "$@"
"#;

/// A host with files of its own, whose text is not UTF-8.
struct Host {
    etc: TempDir,
    name: &'static str,
}

impl Host {
    /// `None` if no namespace can be had.
    fn new(name: &'static str, hosts: &[u8]) -> Option<Self> {
        let mut unshare = Command::new("unshare");
        let script = "mount --make-rprivate / && hostname test";
        unshare.args(["--mount", "--uts", "sh", "-c", script]);
        if !parts::works(&mut unshare, "a kernel with namespaces for us") {
            return None;
        }
        let etc = tempfile::tempdir().unwrap();
        let passwd = b"root:x:0:0:J\xfcrgen:/root:/bin/sh\n";
        for (file, text) in [
            ("passwd", &passwd[..]),
            ("hosts", hosts),
            ("resolv.conf", b"# none, J\xfcrgen\nsearch example.test\n"),
        ] {
            fs::write(etc.path().join(file), text).unwrap();
        }
        Some(Self { etc, name })
    }

    fn ehlo(&self, arguments: &[&str]) -> Output {
        Command::new("unshare")
            .args(["--mount", "--uts", "sh", "-c", SCRIPT, "host"])
            .arg(self.etc.path())
            .args([self.name, env!("CARGO_BIN_EXE_ehlo")])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.etc.path())
            .env("EHLO_STATE_DIR", self.etc.path())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn shows(&self, arguments: &[&str], words: &str) {
        let output = self.ehlo(arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(words), "no {words:?} in {text}\n{output:?}");
    }
}

/// A server that is a command, which hears EHLO.
const PIPE: [&str; 5] = [
    "--pipe",
    "printf '220 x\\r\\n'; read l; printf '250 x\\r\\n'; read l; printf '221 x\\r\\n'",
    "--quit-after",
    "ehlo",
    "bob@example.test",
];

#[test]
fn octets_that_are_not_utf8_spoil_no_other_line_of_a_system_file() {
    let hosts = b"127.0.0.1 localhost # J\xfcrgen\n\xe4 \xf6\n127.0.1.1 vm.example.org vm\n\
                  127.0.0.9 relay.example.test\n";
    let Some(host) = Host::new("vm", hosts) else {
        return;
    };
    let message = ["--print", "-b", "hi", "bob@example.test"];
    host.shows(&message, "From: root@vm.example.org");
    host.shows(&PIPE, ">>> EHLO vm.example.org");
    let relay = ["-r", "relay.example.test:9", "-b", "hi", "bob@example.test"];
    host.shows(&relay, "Trying 127.0.0.9:9... ");
}

#[test]
fn name_that_only_this_host_knows_is_not_said_in_ehlo() {
    for name in [
        "localhost.localdomain",
        "vm.localdomain",
        "localhost6.localdomain6",
    ] {
        let hosts = b"127.0.0.1 localhost.localdomain localhost\n::1 localhost6.localdomain6\n";
        let Some(host) = Host::new(name, hosts) else {
            return;
        };
        let output = host.ehlo(&PIPE);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(">>> EHLO "), "{output:?}");
        assert!(!text.contains("localdomain"), "{text}");
    }
}

#[test]
fn without_a_nameserver_the_resolver_on_this_host_is_asked() {
    let Some(host) = Host::new("vm", b"127.0.0.1 localhost\n") else {
        return;
    };
    let output = host.ehlo(&["-f", "alice@sender.test", "-b", "hi", "bob@example.test"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("the resolver 127.0.0.1"), "{output:?}");
}
