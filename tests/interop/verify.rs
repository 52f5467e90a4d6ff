//! `ehlo verify` beside dkimpy: the same messages, the same verdicts.

use crate::authority::Authority;
use crate::parts;
use std::process::Command;

/// The Python that has dkimpy; see `.ci/run`.
const PYTHON: &str = "/opt/check/bin/python";

#[test]
fn signatures_of_dkimpy_are_verified_as_by_itself() {
    if ![PYTHON, "/usr/bin/openssl"]
        .iter()
        .all(|program| parts::has(program))
    {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("s1.pem");
    let ehlo = env!("CARGO_BIN_EXE_ehlo");
    let new = ["dkim", "new", "s1", "--domain", "crepes.fr", "--out"];
    let made = Command::new(ehlo).args(new).arg(&key).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let record = Command::new(ehlo)
        .args(["dkim", "record"])
        .arg(&key)
        .output()
        .unwrap();
    let record = String::from_utf8(record.stdout).unwrap();
    let record = record.trim();
    let (first, second) = record.split_at(200);
    let dns = Authority::serve(&[
        format!("s1._domainkey.crepes.fr TXT \"{first}\" \"{second}\""),
        "_dmarc.crepes.fr TXT \"v=DMARC1; p=reject\"".to_owned(),
    ]);
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/interop/verify/dkimpy.py"
    );
    let ran = Command::new(PYTHON)
        .arg(script)
        .arg(&key)
        .args([record, &dns.address.to_string(), ehlo])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let (count, differences): (Vec<&str>, Vec<&str>) = output
        .lines()
        .partition(|line| line.starts_with("compared: "));
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(count, ["compared: 864"]);
}
