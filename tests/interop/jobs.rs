//! Jobs of anacron, at and systemd-cron that `ehlo run` reports, through a real Postfix.

use crate::parts;
use crate::postfix::Postfix;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const GENERATOR: &str = "/opt/systemd-cron/lib/systemd/system-generators/systemd-crontab-generator";

/// `ehlo run` with a way to this Postfix, with queue and memory of the test's own.
fn run_by(postfix: &Postfix, home: &Path) -> String {
    format!(
        "{} run --config /dev/null -r {} --helo client.test -f cron@sender.test --to bob@example.test \
         --queue-dir {home}/queue --state-dir {home}/state",
        env!("CARGO_BIN_EXE_ehlo"),
        postfix.relay(),
        home = home.display()
    )
}

/// A shell in which only what is mounted in it is different from this host.
fn namespace(home: &Path, script: &str) -> Option<Command> {
    let probe = &mut Command::new("unshare");
    let is_possible =
        parts::is_root() && parts::works(probe.args(["-m", "true"]), "unshare with namespaces");
    is_possible.then(|| {
        let script = format!("set -e; mount --make-rprivate /; {script}");
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &script, "sh"]).arg(home);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null());
        command
    })
}

#[track_caller]
fn ends_well(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(status.success(), "{command:?}: {said}");
    said
}

/// The mail is about a failure of this job.
#[track_caller]
fn has(mail: &[u8], subject: &str, output: &str) {
    let text = String::from_utf8_lossy(mail);
    assert!(text.contains(subject), "{text}");
    assert!(text.contains(output), "{text}");
}

#[test]
fn a_job_of_anacron_is_reported_once() {
    let home = TempDir::new().unwrap();
    if !parts::has("/usr/sbin/anacron") {
        return;
    }
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let run = run_by(&postfix, home.path());
    let spool = home.path().join("spool");
    fs::create_dir(&spool).unwrap();
    let table = home.path().join("anacrontab");
    let jobs = format!(
        "SHELL=/bin/sh\nPATH=/usr/bin:/bin\n1\t0\tgood\t{run} -- echo fine\n\
         1\t0\tbad\t{run} -- sh -c 'echo tape is full; exit 3'\n"
    );
    fs::write(&table, jobs).unwrap();
    let mut anacron = Command::new("/usr/sbin/anacron");
    anacron.args(["-d", "-n", "-f", "-s", "-t"]).arg(&table);
    anacron.arg("-S").arg(&spool).env_clear();
    let said = ends_well(&mut anacron);
    has(
        &postfix.receive("bob"),
        "] FAILED(3): sh after ",
        "\n\ntape is full\n",
    );
    // What a job writes itself, anacron would mail as well.
    assert!(!said.contains("mailing output"), "{said}");
}

#[test]
fn a_job_of_at_is_reported() {
    let home = TempDir::new().unwrap();
    if !parts::has("/usr/sbin/atd") || !parts::has("/usr/bin/at") {
        return;
    }
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let run = run_by(&postfix, home.path());
    let job = format!(
        "{run} -- sh -c 'echo lights out; exit 4'; touch {}/ran\n",
        home.path().display()
    );
    fs::write(home.path().join("job"), job).unwrap();
    let script = r#"
        mount -t tmpfs none /var/spool/cron; mount -t tmpfs none /run; cd "$1"
        mkdir -m 1770 /var/spool/cron/atjobs /var/spool/cron/atspool
        echo 0 > /var/spool/cron/atjobs/.SEQ
        chown -R daemon:daemon /var/spool/cron/atjobs /var/spool/cron/atspool
        at -M -f "$1/job" now
        atd -f & atd=$!
        for _ in $(seq 1000); do [ -e "$1/ran" ] && break; sleep 0.02; done
        kill $atd
    "#;
    let Some(mut at) = namespace(home.path(), script) else {
        return;
    };
    ends_well(&mut at);
    has(
        &postfix.receive("bob"),
        "] FAILED(4): sh after ",
        "\n\nlights out\n",
    );
}

/// What systemd would start of a unit that a generator wrote: its command with its environment and nothing else.
fn start(unit: &Path) -> Command {
    let text = fs::read_to_string(unit).unwrap();
    let value = |key: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    };
    let environment = value("Environment").unwrap_or_default();
    let script = format!(
        "exec env -i PATH=/usr/bin:/bin HOME=/root LOGNAME=root {environment} {}",
        value("ExecStart").unwrap_or_else(|| panic!("no ExecStart in {text}"))
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdin(Stdio::null());
    command
}

#[test]
fn a_job_that_the_generator_of_systemd_cron_made_a_unit_of_is_reported() {
    let home = TempDir::new().unwrap();
    if !parts::has(GENERATOR) {
        return;
    }
    let Some(postfix) = Postfix::start() else {
        return;
    };
    let run = run_by(&postfix, home.path()).replace(" --to bob@example.test", "");
    let table = format!(
        "MAILTO=bob@example.test\n15 3 * * * root {run} -- sh -c 'echo no tape >&2; exit 5'\n\
         16 3 * * * root {run} -- true\n"
    );
    fs::write(home.path().join("table"), table).unwrap();
    fs::create_dir(home.path().join("units")).unwrap();
    let script = format!(
        r#"
        mount -t tmpfs none /etc/cron.d; mount -t tmpfs none /run; mount -t tmpfs none /var/spool/cron
        mkdir /var/spool/cron/crontabs /run/systemd; mount -o bind /dev/null /etc/crontab
        cp "$1/table" /etc/cron.d/table
        {GENERATOR} "$1/units"
    "#
    );
    let Some(mut generator) = namespace(home.path(), &script) else {
        return;
    };
    ends_well(&mut generator);
    let units = fs::read_dir(home.path().join("units")).unwrap();
    let units = units.map(|unit| unit.unwrap().path());
    let is_job = |unit: &std::path::PathBuf| {
        let name = unit.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("cron-table-") && name.ends_with(".service")
    };
    let mut codes: Vec<Option<i32>> = units
        .filter(is_job)
        .map(|unit| start(&unit).status().unwrap().code())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(5)]);
    has(
        &postfix.receive("bob"),
        "] FAILED(5): sh after ",
        "\n\nno tape\n",
    );
}
