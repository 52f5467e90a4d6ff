//! The name of a job as the name of a file.

use crate::cron::alert::fingerprint::hex;
use crate::cron::alert::fold::alike;
use ring::digest::{SHA256, digest};

/// Longer ones are cut, and a checksum is appended: a file system allows 255 octets, and suffixes are added.
const LONGEST: usize = 160;

/// A file name that is unique for the job, stays in its directory, and is recognizable for a person.
pub fn file_name(job: &str) -> String {
    let mut name = String::new();
    for byte in job.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_@".contains(&byte);
        // A leading dot would hide it.
        if is_plain || (byte == b'.' && !name.is_empty()) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    if name.is_empty() {
        // No other name has a lone percent sign.
        name.push('%');
    }
    if name.len() > LONGEST {
        let digest = digest(&SHA256, job.as_bytes());
        name.truncate(LONGEST);
        name.push('%');
        name.push_str(&hex(&digest.as_ref()[..8]));
    }
    name
}

/// The identifier of a job without a name: the program with a checksum of its command line, without the parts
/// that may differ between runs. No password can be read from it.
#[must_use]
pub fn unnamed(program: &str, command: &str) -> String {
    let digest = digest(&SHA256, alike(command).as_bytes());
    format!("{program}~{}", hex(&digest.as_ref()[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_usual_name_stays_as_it_is() {
        for name in ["backup.sh", "ehlo@web-1.service", "nightly"] {
            assert_eq!(file_name(name), name);
        }
    }

    #[test]
    fn another_command_line_is_another_job_and_another_date_is_not() {
        let name = |command| unnamed("sh", command);
        assert_ne!(name("sh -c backup"), name("sh -c restore"));
        assert_eq!(name("dump 2026-11-23"), name("dump 2026-12-01"));
        assert!(name("sh -c backup").starts_with("sh~"));
    }

    #[test]
    fn no_name_leads_out_of_the_directory_and_no_two_are_one() {
        let long = "x".repeat(4000);
        let other = format!("{long}y");
        let names = [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a b",
            "a%20b",
            "é",
            "\n",
            &long,
            &other,
        ];
        let files: BTreeSet<String> = names.into_iter().map(file_name).collect();
        assert_eq!(files.len(), names.len());
        for file in files {
            assert!(
                !file.contains('/') && !file.starts_with('.') && file.len() < 200,
                "{file}"
            );
            assert!(file.bytes().all(|byte| byte.is_ascii_graphic()), "{file}");
        }
    }
}
