//! ehlo-jobs(1).

use crate::page::{as_typed, section, subcommands, synopsis_lines, titled};

const SYNOPSIS: [(&str, &str); 1] = [("ehlo jobs", " list|show|forget|check [OPTIONS] [NAME]...")];

const DESCRIPTION: [&str; 4] = [
    "\
ehlo run records the last run of a job that has a name (--name), rules for its mails, or an expected next run. ehlo jobs
shows them: the result, the time and the duration, the number of failures in a row, until when the same failure is not
mailed again (--dedupe), and the digest that the runs are recorded in.",
    "\
A job that does not run at all fails silently: a host that was off, a crontab that was removed, a job that hangs. With ehlo run
--expect-every 1d, the next run must end within a day plus ten percent, or plus the time of --grace. ehlo jobs check, started by cron
or a timer, mails once for each job that did not; a job is reported again only after another run. For a host that may be down as a whole, use ehlo run --ping URL with a monitoring service instead.",
    "\
A job is known once it has run. When it is removed or renamed, use ehlo jobs forget, which also forgets the history of its
failures. Jobs that have not run for 90 days, in addition to the expected interval, are forgotten by ehlo jobs check.",
    "\
The mail of ehlo jobs check goes to --to, else to MAILTO, else to the recipients of the profile, else to you, and by the route of the
profile, as that of ehlo run. The objects of --json have job, status, failed, at (the end of the last run), seconds, failures,
silenced_until, digest, expected_every (in seconds), due, overdue, and reported (when a mail about the missing run was sent).",
];

const EXAMPLES: &str = "\
30 2 * * *  ehlo run --name backup --expect-every 1d -- backup-all
15 * * * *  ehlo jobs check --to ops@example.org
ehlo jobs list
ehlo jobs show backup --json
ehlo jobs forget backup";

const STATUS: &str = "\
As in ehlo(1): 0 if no mail was required, or it was sent or queued; 66 if a job is not known; 75 if the state cannot be read.";

/// ehlo-jobs(1).
pub fn page() -> String {
    let mut page = titled(
        ("EHLO-JOBS", "1"),
        "ehlo-jobs - show recorded jobs, and report those that did not run",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    subcommands(&mut page, "jobs");
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    section(&mut page, "EXIT STATUS", &[STATUS]);
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-run(1), ehlo-digest(1), crontab(5)"],
    );
    page.to_roff()
}
