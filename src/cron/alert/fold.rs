//! Removes from a line of output the parts that differ between runs: times, dates, durations, process IDs,
//! temporary names, memory addresses, UUIDs and hashes.
//!
//! All other numbers stay, because they may distinguish two failures: `web01`, `sda1`, `10.0.0.5`, `port
//! 443`, `0 of 5 up`. A failure that is mailed twice is a nuisance; one that is never mailed is a loss.

mod rules;

use crate::system::text::escape_length;
use rules::RULES;

/// The most octets of a line that are compared.
const MAX_LINE: usize = 1024;

/// A text as one folded line: equal for texts that differ only in times and the like.
pub fn folded_text(text: &str) -> String {
    String::from_utf8_lossy(&fold(text.as_bytes())).into_owned()
}

/// The folded line; empty if it has no text.
pub fn folded(line: &[u8]) -> Vec<u8> {
    fold(&line[..line.len().min(MAX_LINE)])
}

fn fold(line: &[u8]) -> Vec<u8> {
    let text_shown = displayed(line);
    let text = String::from_utf8_lossy(&text_shown);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let folded = RULES
        .iter()
        .fold(words.join(" "), |text, rule| rule.apply(text));
    folded.into_bytes()
}

/// The text that a terminal shows in the end: without escape sequences, and without text that was
/// overwritten.
fn displayed(line: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(line.len());
    let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
    while let Some(&byte) = rest.first() {
        let mut length = 1;
        match byte {
            b'\r' => text.clear(),
            b'\x1b' => {
                let is_cut = matches!(rest.get(1), Some(b'[' | b']'));
                let unknown = if is_cut { rest.len() } else { 1 };
                length = escape_length(rest).unwrap_or(unknown);
            }
            b'\t' => text.push(b' '),
            0..b' ' | 0x7f => {}
            _ => text.push(byte),
        }
        rest = &rest[length..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn text(line: &str) -> String {
        String::from_utf8(folded(line.as_bytes())).unwrap()
    }

    #[track_caller]
    fn alike(one: &str, other: &str) {
        assert_eq!(text(one), text(other), "{one:?} and {other:?}");
        assert!(!text(one).is_empty());
    }

    #[track_caller]
    fn unlike(one: &str, other: &str) {
        assert_ne!(text(one), text(other), "{one:?} and {other:?}");
    }

    #[test]
    fn times_and_dates_are_folded() {
        for (one, other) in [
            (
                "2026-11-23T07:28:42.123Z ERROR",
                "2026-12-01T23:01:00.9Z ERROR",
            ),
            (
                "Mon Nov 23 07:28:42 UTC 2026",
                "Tue Dec  1 17:00:01 UTC 2026",
            ),
            (
                "Sun Mar 29 01:59:59 AM CET 2026",
                "Sun Oct 25 03:00:00 PM CEST 2026",
            ),
            (
                "[23/Nov/2026:07:28:42 +0100] no",
                "[01/Jan/2027:00:00:00 +0100] no",
            ),
            (
                "Nov 23 07:28:42 host cron[812]: x",
                "Dec  3 17:28:42 host cron[31812]: x",
            ),
        ] {
            alike(one, other);
        }
    }

    #[test]
    fn durations_and_rates_are_folded() {
        for (one, other) in [
            ("failed after 4m12s", "failed after 850ms"),
            ("failed after 4.5 s", "failed after 12 seconds"),
            ("took 1 hour 3 minutes, gave up", "took 1 minute, gave up"),
            ("sent 12.3 MiB", "sent 900 KiB"),
            ("sent 1.2G of 3T", "sent 900M of 3T"),
            (
                "at 3.1 MB/s, 50.12K bytes/sec",
                "at 900 kB/s, 1.2M bytes/sec",
            ),
            ("done in 12µs", "done in 3 ms"),
            ("ETA 00:12 [#####] 97%", "ETA 01:10:12 [#####] 97%"),
            ("(took 4.5 s, at 7:05)", "(took 17.25 s, at 8:15)"),
        ] {
            alike(one, other);
        }
    }

    #[test]
    fn identifiers_are_folded() {
        for (one, other) in [
            (
                "fault in 0xffffffffc0a81234 at 0x00007f3a9c2d1e00",
                "fault in 0xffffffffc0b91234 at 0x000055e09c2d1e00",
            ),
            ("block 0x7f3a9c2d1e00 freed", "block 0x55e09c2d1e00 freed"),
            (
                "segfault at 0x7ffd3c02 ip 00007f3a9c2d1e00",
                "segfault at 0x0 ip 0000abcdef123400",
            ),
            (
                "job 6f9619ff-8b86-d011-b42d-00c04fc964ff",
                "job 11111111-2222-3333-4444-555555555555",
            ),
            ("commit a1b2c3d: broken", "commit 99ef01a: broken"),
            ("container 3f4e5d6c7b8a died", "container 0123456789ab died"),
            ("queued as 4bXz12abY9Kw3", "queued as 9c0Rt7Lm22ZzQ"),
            ("worker pid=991", "worker pid=12"),
        ] {
            alike(one, other);
        }
    }

    #[test]
    fn only_temporary_names_are_folded() {
        for (one, other) in [
            (
                "rm: /tmp/tmp.Xk3jd9sPq2: busy",
                "rm: /tmp/tmp.a0BBc1Dd3E: busy",
            ),
            (
                "cannot open /tmp/tmpk3j_x9ab/f",
                "cannot open /tmp/tmpabcdefgh/f",
            ),
            ("no /var/tmp/backup.aB3dEf", "no /var/tmp/backup.Zz9yXw"),
        ] {
            alike(one, other);
        }
        unlike("/tmp/backup.lock exists", "/tmp/restore.lock exists");
    }

    #[test]
    fn different_errors_stay_different() {
        for (one, other) in [
            ("No space left on device", "Permission denied"),
            ("HTTP/1.1 404", "HTTP/1.1 503"),
            ("curl: HTTP error 404", "curl: HTTP error 500"),
            ("failed with exit code 1", "failed with exit code 2"),
            ("errno=13", "errno=28"),
            ("cannot open /etc/a.conf", "cannot open /etc/b.conf"),
            ("host alpha is down", "host beta is down"),
        ] {
            unlike(one, other);
        }
    }

    #[test]
    fn names_hosts_devices_and_counts_are_kept() {
        for (one, other) in [
            ("web01 is down", "web02 is down"),
            ("disk sda1 failed", "disk sdb1 failed"),
            ("cannot reach 10.0.0.5", "cannot reach 10.0.0.6"),
            ("no route to 2001:db8::10:20", "no route to 2001:db8::10:21"),
            (
                "link 00:11:22:33:44:55 is down",
                "link 00:11:22:33:44:56 is down",
            ),
            ("vm-17 is gone", "vm-23 is gone"),
            ("disk 3 failed", "disk 7 failed"),
            ("port 5432 is closed", "port 443 is closed"),
            ("0 of 5 up", "4 of 5 up"),
            ("1 file missing", "3 files missing"),
            ("disk is 97% full", "disk is 98% full"),
            ("12 GB left", "500 GB left"),
            ("pci 00:12.0 reset", "pci 00:13.0 reset"),
            ("main.c:12:30: error", "main.c:12:31: error"),
            ("slot[3] failed", "slot[7] failed"),
            ("vm3h is down", "vm5h is down"),
            ("retention-7d failed", "retention-30d failed"),
            ("version 3.2.7", "version 3.2.8"),
            ("error 0x80070005", "error 0x80004005"),
            (
                "lun 0x5000c500a1b2c3d4 failed",
                "lun 0x5000c500a1b2c3d5 failed",
            ),
            ("customer 20250101 missing", "customer 20250102 missing"),
            (
                "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
                "/dev/disk/by-id/wwn-0x5000c500a1b2c3d5",
            ),
            (
                "/dev/mapper/3600508b1001c1234",
                "/dev/mapper/3600508b1001c1235",
            ),
            (
                "UUID=6f9619ff-8b86-d011-b42d-00c04fc964ff",
                "UUID=11111111-2222-3333-4444-555555555555",
            ),
            (
                "instance i-0abc123def456 died",
                "instance i-0abc123def457 died",
            ),
            ("disk S3Z8NB0K123456 died", "disk S3Z8NB0K123457 died"),
            ("order 1732345678 lost", "order 1732345679 lost"),
            ("line 393 of 1000", "line 394 of 1000"),
            ("queue 5 is stuck", "queue 6 is stuck"),
            ("user 1001 is locked", "user 1002 is locked"),
            ("/tmp/web01-sda1 missing", "/tmp/web02-sda1 missing"),
            ("/etc/templates/web01a", "/etc/templates/web02a"),
            ("raid [2/1]", "raid [2/0]"),
            ("thread 3 hangs", "thread 4 hangs"),
        ] {
            unlike(one, other);
        }
    }

    #[test]
    fn process_ids_after_known_words_are_folded() {
        for (one, other) in [
            ("pid 123 died", "pid 4567 died"),
            ("PID: 123", "PID: 99"),
            ("main_pid=123", "main_pid=4"),
            ("killed process 812 (java)", "killed process 31812 (java)"),
            ("process with pid 1 gone", "process with pid 20 gone"),
            ("thread 139874 hangs", "thread 140213 hangs"),
            ("cannot read /proc/123/stat", "cannot read /proc/4567/stat"),
            ("backup[4711]: failed", "backup[321]: failed"),
            (
                "Nov 23 07:28:42 h sshd[7]: x",
                "Nov 24 17:28:42 h sshd[31812]: x",
            ),
            (
                "2026/11/23 02:00:09 [error] 47#47: *12 x",
                "2026/11/24 02:00:09 [error] 8#8: *3 x",
            ),
        ] {
            alike(one, other);
        }
    }

    #[test]
    fn times_in_names_are_folded() {
        for (one, other) in [
            ("dump-20261123.sql", "dump-20261201.sql"),
            ("dump20261123", "dump20261201"),
            ("db_20261123T072842Z.gz", "db_20261201T230100Z.gz"),
            ("db-2026-11-23_07-28-42.gz", "db-2026-12-01_23-01-00.gz"),
            ("db-2026-11.gz", "db-2026-12.gz"),
            ("/backup/2026/11/23/x", "/backup/2026/12/01/x"),
            ("on 23.11.2026 at 07:28", "on 1.12.2026 at 17:30"),
            ("on 11/23/26", "on 12/01/26"),
            ("07:28:42:ERROR:x", "17:20:42:ERROR:x"),
            ("Sunday's backup", "Monday's backup"),
            ("November 23rd, 2026", "December 1st, 2026"),
            ("timestamp=1732345678", "timestamp=1732349999"),
            ("dump-1732345678.sql", "dump-1732349999.sql"),
            ("1732345678: failed", "1732349999: failed"),
            ("at 1732345678123456789 it", "at 1732349999123456789 it"),
            ("[   12.345678] usb", "[ 1234.000001] usb"),
            ("expires in 5 days", "expires in 4 days"),
        ] {
            alike(one, other);
        }
    }

    #[test]
    fn long_command_lines_are_compared_completely() {
        let long = "x ".repeat(MAX_LINE);
        assert_ne!(
            super::folded_text(&format!("{long}a")),
            super::folded_text(&format!("{long}b"))
        );
    }

    #[test]
    fn colors_and_overwritten_text_are_removed() {
        alike("\x1b[31mfailed\x1b[0m", "failed");
        alike("\x1b]0;title\x07failed", "failed\r");
        alike(" 10%\r 50%\rfailed", " 99%\rfailed");
        assert_eq!(text("\x1b["), "");
        assert_eq!(text(" \t "), "");
    }

    proptest! {
        #[test]
        fn folded_line_is_bounded(line in vec(any::<u8>(), 0..2000)) {
            // U+FFFD has three octets.
            prop_assert!(folded(&line).len() <= 3 * MAX_LINE);
        }
    }
}
