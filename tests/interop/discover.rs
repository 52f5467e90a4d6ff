//! `ehlo config discover` with an HTTPS server and mail servers at their usual ports (`discover.sh`).

use crate::parts::{has, skip, works};
use std::path::Path;
use std::process::Command;

#[test]
fn servers_are_found_by_autoconfig_and_by_usual_names() {
    let mut probe = Command::new("unshare");
    probe.args(["-m", "-n", "sh", "-c"]);
    probe.arg("ip link set lo up && command -v openssl timeout");
    if !rustix::process::getuid().is_root() {
        return skip("namespaces for a host of the test's own want root");
    }
    if !has("/usr/bin/python3") || !works(&mut probe, "unshare, ip or openssl") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["-m", "-n", "--pid", "--fork", "--kill-child"])
        .args(["timeout", "60", "sh"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/discover.sh"))
        .arg(env!("CARGO_BIN_EXE_ehlo"))
        .arg(directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {text}", output.status);
    for words in [
        // Through a redirect, with a chunked body.
        "# mail.crepes.fr:587: found by https://autoconfig.crepes.fr/mail/config-v1.1.xml",
        "relay = \"mail.crepes.fr:587\"\ntls = \"starttls\"",
        "user = \"alice\"\n",
        "alice@crepes.fr: 0\n",
        // A redirect to http is not followed, and there is no usual name.
        "https://hamburger.edu/.well-known/autoconfig/mail/config-v1.1.xml: it redirects to what is not https",
        "bob@hamburger.edu: 68\n",
        "# smtp.example.org:465: found by a usual name",
        "user = \"carol@example.org\"\n",
        "carol@example.org: 0\n",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}
