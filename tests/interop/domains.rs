//! The table of domains of `../zones/domains.txt` beside pyspf, checkdmarc, opendmarc and dkimpy, with bind9 as the server.

use crate::parts;
use std::process::Command;

/// The Python that has pyspf and checkdmarc; see `.ci/run`.
const PYTHON: &str = "/opt/check/bin/python";

#[test]
fn other_programs_judge_the_domains_alike() {
    if ![PYTHON, "/usr/sbin/named", "/usr/sbin/opendmarc-check"]
        .iter()
        .all(|program| parts::has(program))
    {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let ran = Command::new(PYTHON)
        .arg(format!("{root}/tests/interop/domains/oracles.py"))
        .arg(format!("{root}/tests/zones/domains.txt"))
        .arg(directory.path())
        .arg(env!("CARGO_BIN_EXE_ehlo"))
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
    let counts: Vec<usize> = count[0]["compared: ".len()..]
        .split(' ')
        .map(|count| count.split_once('=').unwrap().1.parse().unwrap())
        .collect();
    // In the order of the oracles' names above.
    let least = [140, 120, 30, 20];
    let is_enough = counts
        .iter()
        .zip(least)
        .all(|(count, least)| *count >= least);
    assert!(is_enough, "{count:?}");
}
