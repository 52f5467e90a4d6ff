//! cron itself: whether it runs, and whether it mails.

use super::jobs::Job;
use super::{Finding, Surroundings};
use crate::plan::Step;
use crate::text::shown;

/// What a daemon is called that runs crontabs.
const DAEMONS: [&str; 6] = [
    "cron",
    "crond",
    "fcron",
    "dcron",
    "bcron-sched",
    "supercronic",
];

/// Looks for the daemon, and for jobs that nobody hears of.
pub fn look(host: &Surroundings, jobs: &[Job]) -> Vec<Finding> {
    let mut findings = vec![daemon(host, jobs.len())];
    let mut quiet: Vec<&str> = jobs
        .iter()
        .filter(|job| job.user == host.login && job.mailto.as_deref() == Some(""))
        .map(|job| job.place.as_str())
        .collect();
    quiet.dedup();
    findings.extend(quiet.into_iter().map(|place| {
        let place = shown(place);
        let found = format!("MAILTO is empty in {place}: nobody hears of the jobs below it");
        Finding::warning(Step::Cron, found).mended_by(format!("take MAILTO= out of {place}"))
    }));
    findings
}

fn daemon(host: &Surroundings, jobs: usize) -> Finding {
    let jobs = crate::figures::counted(jobs as u64, "job");
    if let Some(name) = running(host) {
        return Finding::ok(
            Step::Cron,
            format!("{name} runs, with {jobs} that can be seen"),
        );
    }
    if host.has("/run/systemd/generator/cron.target.wants") {
        return Finding::ok(
            Step::Cron,
            format!("systemd-cron, with {jobs} that can be seen"),
        );
    }
    let mend = if host.has("/run/systemd/system") {
        "systemctl enable --now cron (or crond, as the system calls it)"
    } else {
        "start cron (or crond, as the system calls it)"
    };
    Finding::warning(Step::Cron, "no cron runs on this host").mended_by(mend)
}

/// The name of the daemon, if it runs.
fn running(host: &Surroundings) -> Option<String> {
    let processes = host.files("/proc").into_iter();
    let mut names = processes.filter_map(|path| {
        let number = path.file_name()?.to_str()?;
        number.parse::<u32>().ok()?;
        host.read(&path.join("comm"))
    });
    let name = names.find(|name| DAEMONS.contains(&name.trim()))?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::surroundings::tests::Made;
    use super::*;
    use crate::exit::Health;

    fn job(mailto: Option<&str>) -> Job {
        Job {
            place: "the crontab of ann".to_owned(),
            user: "ann".to_owned(),
            mailto: mailto.map(str::to_owned),
            command: "x".to_owned(),
        }
    }

    #[test]
    fn a_daemon_is_seen_among_the_processes() {
        let made = Made::new();
        made.file("/proc/1/comm", "init\n");
        made.file("/proc/self/comm", "cron\n");
        assert_eq!(look(&made.host, &[])[0].health, Health::Warning);
        made.file("/proc/27/comm", "crond\n");
        let finding = &look(&made.host, &[job(None)])[0];
        assert_eq!(finding.health, Health::Ok);
        assert_eq!(finding.found, "crond runs, with 1 job that can be seen");
    }

    #[test]
    fn an_empty_mailto_keeps_jobs_quiet() {
        let made = Made::new();
        let quiet = look(&made.host, &[job(Some("")), job(Some("")), job(None)]);
        assert_eq!(quiet.len(), 2);
        assert_eq!(quiet[1].health, Health::Warning);
        assert!(quiet[1].found.contains("the crontab of ann"));
    }
}
