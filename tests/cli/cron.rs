//! `ehlo cron`: the jobs of a crontab.

use crate::program::{Ehlo, Run};
use std::fs;
use std::path::Path;

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
