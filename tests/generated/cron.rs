//! ehlo-cron(1).

use crate::page::{as_typed, section, subcommands, synopsis_lines, titled};

const SYNOPSIS: [(&str, &str); 5] = [
    ("ehlo cron show", " [--file FILE] [JOB]..."),
    ("ehlo cron show", " --units [OPTIONS] JOB...|--all"),
    ("ehlo cron install", " [OPTIONS] JOB...|--all"),
    (
        "ehlo cron install",
        " [OPTIONS] --schedule TIME -- CMD [ARG]...",
    ),
    ("ehlo cron remove", " [--file FILE] JOB...|--all"),
];

const DESCRIPTION: [&str; 6] = [
    "\
cron mails whatever a job prints, and nothing if a job fails silently. ehlo run mails failures, with the output and the exit
status. ehlo cron install puts it, with its full path and the name of the job, before the command of a job in the crontab; ehlo
cron remove restores the command.",
    "\
A simple command is started by ehlo run itself. A command with variables, pipes or other syntax of the shell is passed to the
shell of the crontab (SHELL, else /bin/sh) as it is. Text after an unescaped percent sign remains the standard input of the job.",
    "\
ehlo cron show lists the line, the name, the time and the command of each job. With a job, --all or --schedule, it prints the
crontab that ehlo cron install would write.",
    "\
A job is selected by its line or by its name: that of ehlo run --name, else that of its program. Jobs that ehlo run already runs
are not changed. The recipients of the mail are those of MAILTO in the crontab, of --with=--to=ADDR, or of the configuration;
see ehlo-run(1). ehlo doctor checks whether mail would be delivered, and whether cron finds the programs of all jobs.",
    "\
With --units, a job is a service and a timer of systemd, job-NAME.service and job-NAME.timer, with the same times: two calendar
events if the line restricts both the day of the month and the weekday, of which cron needs only one. PATH and MAILTO of the
crontab are set in the service. A command that needs a shell is passed to the shell of the crontab.",
    "\
ehlo cron show --units prints the units of jobs in the crontab. Write them to the files named in the comments, and remove the lines
from the crontab, or the jobs will run twice. ehlo cron install --units --schedule writes the units of a new job to /etc/systemd/system,
or to ~/.config/systemd/user for a user other than root, and prints the command that starts the timer; ehlo cron remove --units
removes the files.",
];

const EXAMPLES: &str = "\
ehlo cron show
ehlo cron install --with=--recovered backup
ehlo cron install --all
ehlo cron install --schedule '15 3 * * *' -- backup-all --verbose
ehlo cron show --file /etc/cron.d/backup --all
ehlo cron show --units backup
ehlo cron install --units --schedule @daily -- backup-all
ehlo cron remove backup";

const STATUS: &str = "\
As in ehlo(1): 0 if the crontab was printed or changed, or needs no change; 66 if a job or a file does not exist; 65 if several
jobs have the name; 73 if the crontab cannot be written; 75 if crontab(1) cannot be run.";

/// ehlo-cron(1).
pub fn page() -> String {
    let mut page = titled(
        ("EHLO-CRON", "1"),
        "ehlo-cron - run cron jobs through ehlo run",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    subcommands(&mut page, "cron");
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    section(&mut page, "EXIT STATUS", &[STATUS]);
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo-run(1), ehlo-jobs(1), ehlo-doctor(1), crontab(5)"],
    );
    page.to_roff()
}
