//! `ehlo cron`: the jobs of a crontab.

use crate::program::{Ehlo, Run};
use crate::systemd::complaints;
use std::fs;
use std::path::Path;
use std::process::Command;

const CRONTAB: &str = "\
# m h  dom mon dow   command
SHELL=/bin/bash
0 3 * * *  /opt/backup --all
*/5 * * * * cd /srv && ./poll | tail -1 > 'last poll'
@daily     mail -s hi bob@hamburger.edu%Hello%
";

fn cron(file: &Path, words: &[&str]) -> Run {
    let run = Ehlo::new().args(["cron", words[0], "--file"]).args([file]);
    run.args(&words[1..]).env("PATH", "/usr/bin:/bin").run()
}

#[test]
fn jobs_are_listed_wrapped_and_restored() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("crontab");
    fs::write(&file, CRONTAB).unwrap();
    let list = cron(&file, &["show"]);
    list.exits(0).shows(&[
        "   3  backup            -         0 3 * * *       /opt/backup --all",
        "   4  poll ",
        "   5  mail ",
    ]);
    let ehlo = env!("CARGO_BIN_EXE_ehlo");
    let installed = cron(&file, &["install", "backup", "4", "--with=--recovered"]);
    installed.exits(0).shows(&["changed 2 jobs: backup, poll"]);
    let expected = format!(
        "\
# m h  dom mon dow   command
SHELL=/bin/bash
0 3 * * *  {ehlo} run --name backup --recovered -- /opt/backup --all
*/5 * * * * {ehlo} run --name poll --recovered -- /bin/bash -c 'cd /srv && ./poll | tail -1 > '\\''last poll'\\'''
@daily     mail -s hi bob@hamburger.edu%Hello%
"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    let printed = cron(&file, &["show", "--all"]);
    assert!(
        printed
            .exits(0)
            .stdout
            .contains(" run --name mail -- mail -s hi bob@hamburger.edu%Hello%\n")
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    cron(&file, &["install", "backup"])
        .exits(0)
        .says(&["nothing to change"]);
    cron(&file, &["remove", "--all"])
        .exits(0)
        .shows(&["changed 2 jobs: backup, poll"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), CRONTAB);
}

#[test]
fn wrapped_command_does_what_the_command_did() {
    let run = Ehlo::new();
    let out = run.path("out");
    let command = format!(
        "cd / && printf '%s|' \"it's\" `pwd` | cat > {}",
        out.display()
    );
    let file = run.file("crontab", format!("@daily {command}\n").replace('%', "\\%"));
    cron(&file, &["install", "--all"]).exits(0);
    let text = fs::read_to_string(&file).unwrap();
    let line = text.strip_prefix("@daily ").unwrap().replace("\\%", "%");
    Ehlo::through("/bin/sh").args(["-c", &line]).run().exits(0);
    assert_eq!(fs::read_to_string(out).unwrap(), "it's|/|");
}

#[test]
fn job_is_added_with_full_paths() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("cron.d")).unwrap();
    let file = home.path().join("cron.d/jobs");
    fs::write(&file, "0 1 * * * root date").unwrap();
    let added = cron(
        &file,
        &[
            "install",
            "--schedule",
            "15  3 * * *",
            "--",
            "sh",
            "-c",
            "date +%F; id",
        ],
    );
    added.exits(0).shows(&["changed 1 job: sh"]);
    let text = fs::read_to_string(&file).unwrap();
    let (first, second) = text.split_once('\n').unwrap();
    assert_eq!(first, "0 1 * * * root date");
    assert!(second.starts_with("15 3 * * * root /"), "{second}");
    assert!(second.contains("/sh -c 'date +''\\%F; id'\n"), "{second}");
}

#[test]
fn crontab_is_not_changed_by_an_error() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("crontab");
    let text = "@daily backup\n@hourly backup --short\n";
    fs::write(&file, text).unwrap();
    for (words, exit, said) in [
        (&["install", "nothing"][..], 66, "no job nothing in "),
        (
            &["install", "backup"],
            65,
            "backup is the name of the jobs in lines 1 and 2",
        ),
        (&["install"], 64, "expects a job"),
        (
            &["install", "--all", "--with=--recoverd"],
            64,
            "--with: unexpected argument '--recoverd'",
        ),
        (
            &["install", "--schedule", "often", "--", "true"],
            64,
            "expected minute, hour",
        ),
        (
            &["install", "--schedule", "@daily", "--", "no-such-program"],
            64,
            "no-such-program is not",
        ),
        (
            &["install", "--all", "--name", "x"],
            64,
            "--name is for one job",
        ),
    ] {
        cron(&file, words).exits(exit).says(&[said]);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    cron(&file, &["install", "--all"])
        .exits(0)
        .shows(&["changed 2 jobs: backup, backup-2"]);
    cron(&home.path().join("missing"), &["show"])
        .exits(66)
        .complains(1);
}

/// The units of a crontab, as `show --units` prints them.
fn units(crontab: &str, words: &[&str]) -> Run {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("crontab");
    fs::write(&file, crontab).unwrap();
    cron(&file, &[&["show", "--units"], words].concat())
}

#[test]
fn units_have_the_times_the_variables_and_the_words_of_the_jobs() {
    let run = units(
        "MAILTO=ops@example.org\n0 3 13 * Fri  /opt/backup --all 'a b' 50\\%\n@reboot cd /srv && ./poll $X\n",
        &["--all", "--with=--recovered"],
    );
    let ehlo = env!("CARGO_BIN_EXE_ehlo");
    run.exits(0);
    for text in [
        "/job-backup.service\n[Unit]\nDescription=Run backup by ehlo\n",
        "\nWorkingDirectory=~\nEnvironment=MAILTO=ops@example.org\n",
        &format!(
            "\nExecStart={ehlo} run --name backup --recovered -- /opt/backup --all \"a b\" 50%%\n"
        ),
        "/job-backup.timer\n",
        "\nOnCalendar=Fri *-*-* 3:0:00\nOnCalendar=*-*-13 3:0:00\nAccuracySec=1s\n",
        &format!(
            "\nExecStart={ehlo} run --name poll --recovered -- /bin/sh -c \"cd /srv && ./poll $$X\"\n"
        ),
        "\n[Timer]\nOnStartupSec=1s\n",
        "\nWantedBy=timers.target\n",
    ] {
        assert!(
            run.stdout.contains(text),
            "{text:?} is not in {}",
            run.stdout
        );
    }
}

#[test]
fn units_of_a_job_that_ehlo_runs_already_keep_its_options() {
    let run = units(
        "0 3 * * * /usr/bin/ehlo run --name x --every 5 -- /opt/backup\n",
        &["x"],
    );
    run.exits(0)
        .shows(&["ExecStart=/usr/bin/ehlo run --name x --every 5 -- /opt/backup\n"]);
}

#[test]
fn jobs_that_cannot_be_units_are_refused() {
    units("0 3 * * * mail bob%Hello\n", &["--all"])
        .exits(65)
        .complains(1)
        .says(&["line 1: standard input after %"]);
    units("0 25 * * * true\n", &["--all"])
        .exits(65)
        .complains(1)
        .says(&["0 25 * * *: not a time"]);
    units("0 3 * * * true\n", &[]).exits(64).complains(1);
    let crontab = tempfile::NamedTempFile::new().unwrap();
    fs::write(crontab.path(), "0 3 * * * true\n").unwrap();
    cron(crontab.path(), &["install", "--units", "--all"])
        .exits(64)
        .complains(1)
        .says(&["by cron and by systemd"]);
}

#[test]
fn systemd_accepts_the_units_and_reads_the_times_as_cron_does() {
    let run = units(
        "15 3 13 * Fri true\n*/7 8-18/3 1,15 jan-mar *  /bin/true\n",
        &["--all"],
    );
    let directory = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for unit in run.exits(0).stdout.split("# /").skip(1) {
        let (path, text) = unit.split_once('\n').unwrap();
        let path = directory.path().join(Path::new(path).file_name().unwrap());
        fs::write(&path, text).unwrap();
        paths.push(path);
    }
    assert_eq!(paths.len(), 4);
    let Some(said) = complaints(&paths) else {
        return;
    };
    // systemd of another machine may not be running here; what it says of the units names them.
    assert!(!said.contains("job-"), "{said}");
    let event = Command::new("systemd-analyze")
        .args([
            "calendar",
            "--iterations=4",
            "--base-time=2026-01-01 00:00:00 UTC",
        ])
        .arg("*-1..3-1,15 8..17/3:0/7:00")
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(event.status.success());
    let event = String::from_utf8(event.stdout).unwrap();
    for time in ["2026-01-01 08:00:00", "08:07:00", "08:14:00", "08:21:00"] {
        assert!(event.contains(time), "{event}");
    }
    assert!(
        run.stdout
            .contains("OnCalendar=*-1..3-1,15 8..17/3:0/7:00\n"),
        "{}",
        run.stdout
    );
}
