//! DANE beside Postfix: the same domains, the same verdicts. `dane/lab.py` has the cases, with bind9, unbound and a server
//! for each; it needs root, for namespaces in which port 25, port 53 and /etc/resolv.conf are its own.

use crate::parts;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

const PROGRAMS: [&str; 5] = [
    "/usr/sbin/named",
    "/usr/bin/dnssec-signzone",
    "/usr/sbin/unbound",
    "/usr/sbin/postfix",
    "/usr/bin/python3",
];

/// Cases with another verdict, and why: is the message sent?
const DIFFERENT: [(&str, bool); 4] = [
    // ring verifies no signature with a key of 1024 bits.
    ("ee-rsa1024", false),
    // Nor one with P-521.
    ("ee-p521", false),
    // A name counts in the extension for names only (RFC 9525 §2).
    ("ta-cn", false),
    // Without a policy, a failed handshake is followed by a session in clear at once (RFC 7435).
    ("none-garbage", true),
];

#[test]
fn every_domain_has_the_verdict_that_postfix_gives_it() {
    let is_there = PROGRAMS.iter().all(|program| parts::has(program));
    if !is_there || !parts::is_root() {
        return;
    }
    let mut namespaces = Command::new("unshare");
    if !parts::works(
        namespaces.args(["-mn", "true"]),
        "the right to make namespaces",
    ) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open).unwrap();
    let lab = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/dane/lab.py");
    let ran = Command::new("unshare")
        .args(["-mn", "/usr/bin/python3", lab])
        .arg(directory.path())
        .arg(env!("CARGO_BIN_EXE_ehlo"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{errors}");
    let output = String::from_utf8(ran.stdout).unwrap();
    let cases: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(cases.len() > 90, "{} cases", cases.len());
    let wrong: Vec<&Value> = cases.iter().filter(|case| !is_right(case)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_right(case: &Value) -> bool {
    let (ehlo, postfix) = (&case["ehlo"], &case["postfix"]);
    let judgement = ehlo["judgement"].as_str().unwrap_or_default();
    let is_sent = ehlo["exit"] == 0;
    let is_verified = is_sent && judgement.starts_with("verified by DANE");
    let different = DIFFERENT.iter().find(|(name, _)| case["name"] == *name);
    if let Some((_, sent)) = different {
        return is_sent == *sent && (postfix["status"] == "sent") != *sent;
    }
    let by_postfix = postfix["status"] == "sent";
    let level = postfix["level"].as_str().unwrap_or_default();
    let verified = by_postfix && matches!(level, "Verified" | "Trusted");
    // What is not sent is tried again later.
    (is_sent, is_verified) == (by_postfix, verified) && (is_sent || ehlo["exit"] == 75)
}
