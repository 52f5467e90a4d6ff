//! ehlo-run(1): sections that clap does not generate.

use crate::digest::DIGEST;
use crate::page::{as_typed, owned, paragraph, section, table, verb_page};

const MAIL: [&str; 5] = [
    "\
The subject contains the host, the result, the job and its duration: [web1] FAILED(3): backup.sh after 4m12s. The result is OK,
FAILED(status), KILLED(signal), TIMEOUT, NOT STARTED or LOCKED. The template of --subject may contain {host} (short host
name), {command} (the program and its arguments), {status}, {duration}, {name} and {user}; {{ and }} are literal braces.",
    "\
The text reports the result, the command, the host, the user, the directory, and the start and end time, followed by what
the command wrote to stdout and stderr, in the order in which it was written. With --mark-stderr, and with --tee if stdout
and stderr are different files, the two streams are read separately: lines from stderr are marked \"! \", and lines that are
written to both at nearly the same time may be reordered. Output of up to 500 lines is shown in full. Longer output is cut to
the first 20 and the last 80 lines, and the complete log is attached: as NAME.log up to 64 KiB, otherwise as NAME.log.gz. For
failures with more than twelve lines of output, the last three are repeated at the top. Colors are removed (--html keeps
them), overwritten lines such as progress bars are shown in their final state, and binary data is shown as \\xNN.",
    "\
A long log needs little memory: it is compressed into an encrypted temporary file as it arrives. If the compressed log exceeds
--log-limit, or no temporary file can be created, the beginning and the end are kept, and the mail reports how much is missing.",
    "\
The mail contains the command line. Values of options and variables named password, token, secret or the like, passwords in
URLs, and passwords after -p of the MySQL clients are shown as ********. ehlo does not recognize other secrets, and does not
filter the output.",
    "\
The mail is marked as automatic (Auto-Submitted), and has a List-Id per job for filtering.",
];

pub const RECIPIENTS: [&str; 2] = [
    "\
The recipients are those of --to, --cc and --bcc; otherwise those of MAILTO; otherwise those of the profile; otherwise the
user who runs ehlo. If MAILTO is set but empty, nothing is mailed, as with cron. The author is that of --from; otherwise
MAILFROM; otherwise that of the profile; otherwise the user at this host. Names without a domain, such as root, are allowed:
aliases and [rewrite] apply to them as for sendmail (see ehlo-sendmail(1)).",
    "\
The mail is routed as described in ehlo(1), by the profile or the options. Profile settings about the text of a message are
ignored.",
];

pub const FAILURES: [&str; 5] = [
    "\
The mail is queued and tried immediately; if it cannot be delivered, ehlo queue run tries again (see ehlo-queue(1)). If no
queue can be created, the mail is sent without being queued.",
    "\
If the mail is in the queue and the relay does not respond within five seconds, ehlo does not wait any longer: a background
process tries again, with the time limits of ehlo(1). Only the reply to the end of the message is awaited with these limits,
because otherwise the mail could arrive twice.",
    "\
A signal that would terminate ehlo run while it sends the mail takes effect as soon as the mail is queued. If the mail is sent
without being queued, it is first saved to dead.letter, as described below.",
    "\
Mail that can be neither sent nor queued is appended to the first of these files that is writable: dead.letter in the home
directory, dead.letter in ~/.local/state/ehlo, or /var/tmp/dead.letter-UID. The reason and the file are reported on standard
error and in syslog; standard error also gets the beginning of the text, so that cron mails it. This also applies if the
configuration is invalid, or if there are no valid recipients.",
    "\
With --encrypt, also in a profile, a mail that cannot be encrypted for all recipients is not sent, and not saved: neither its
subject nor its text is written to a file, to standard error or to syslog. This also applies if the configuration is invalid
and a profile in it encrypts. A mail that was encrypted and cannot be sent is saved as it is. The options are described in
END-TO-END ENCRYPTION of ehlo(1).",
];

const ALERTS: [&str; 9] = [
    "\
With --dedupe TIME, identical failures are mailed once and then only counted until TIME is over. Failures are identical if
result and output match, ignoring times, dates, durations with their unit, transfer rates, process IDs (pid 4711,
cron[4711]:), temporary names, memory addresses, hashes, UUIDs except those of devices, colors, and the order of lines. All
other numbers and names are significant: web01 and web02, disk 3 and disk 7, 10.0.0.5 and 10.0.0.6 are different failures. Of
a long output, the first and the last hundred lines are compared. A different failure is mailed immediately. Each mail begins
with the number of failures that were not mailed since the last one, and the times of the first and the last of them.",
    "\
With --every N, the first failure in a row is mailed, and then every Nth: with --every 10, the 1st, the 11th and the 21st.
Combined with --dedupe, an identical failure is mailed again only when the time is over and N more failures were counted; a
different failure is mailed immediately.",
    "\
With --recovered, one mail reports that the job succeeds again, after how many failures, and after how long. It is sent only
if a failure was mailed before. After a recovery mail, the next failure is always mailed, regardless of --dedupe.",
    "\
A job that fails now and then would be mailed at each change. With --recovered-after N, it has recovered only after N
successes in a row, and a failure before that continues the same series: --recovered is silent, and --every does not begin
again.",
    "\
In a profile, dedupe, every, recovered and recovered-after are the defaults of these options for ehlo run and ehlo-unit(1). They
do not apply with --digest.",
    "\
With --when change, a run is mailed if its result or its output differs, by as little as one byte, from the run that was mailed
last. The first run is always mailed.",
    "\
The mails about consecutive failures and the recovery form one thread: each is a reply to the first one. If a subject is given
with --subject, the subject of a recovery mail is prefixed with RECOVERED:.",
    "\
A failure counts as mailed once the server has accepted the mail or it is in the queue. If neither happened, because no queue
could be created or ehlo was killed, the next failure is mailed in any case, and its mail counts this one. If several runs of a job fail identically
at the same time, one mail is sent and all of them are counted.",
    "\
A job is identified by its --name; without one, by its command line, ignoring times, dates and temporary names. Its history is
one file per job, in ~/.local/state/ehlo/jobs, for root in /var/lib/ehlo/jobs, or in the subdirectory jobs of the directory
given by --state-dir or EHLO_STATE_DIR; in a container, use a persistent one. If the history cannot be read or written,
everything is mailed, and the reason is reported on standard error.",
];

const COMMAND: [&str; 5] = [
    "\
The command inherits standard input, environment and working directory; unless run from a terminal, it gets its own process
group. TERM, INT, HUP, QUIT, USR1 and USR2 are forwarded to it, and the result is mailed. With --timeout, it is sent TERM, and
KILL if it is still running after --kill-after.",
    "\
Background processes are not waited for, even if they hold the output open: after one second, the mail is sent and notes that
a process is still running. Its further output is discarded.",
    "\
A lock named by --lock without a slash belongs to the user: it is a file in /run/ehlo for root; otherwise in
~/.local/state/ehlo/lock, where ~ is the home directory in the password database; otherwise in /tmp/ehlo-UID. A directory that
other users can write to is not used. The lock is released when the command ends, even if background processes are still
running. If ehlo is killed while the command is running, the lock is held until the command and all processes it started have
ended.",
    "\
A command that was not started, because it cannot be executed or the lock is held, is mailed like a failure, subject to
--dedupe and --digest. It is reported on standard error only if that is a terminal, if the mail could not be sent, or if
MAILTO is empty; otherwise cron would mail it a second time.",
    "\
--tee also prints both streams as they arrive. cron then mails the output as well; set MAILTO=\"\" and use --to. If the
program that reads the output stops reading, the command has to wait for it, but --timeout and signals still work, and the
mail is sent; output that is not read within five seconds after the end is discarded.",
];

const MONITORING: [&str; 3] = [
    "\
A mail about a failure says nothing about a job that does not run at all. A monitoring service such as healthchecks.io, or an
instance of one on a host of your own, raises an alarm if it is not told in time that the job has run. With --ping URL, ehlo run
requests URL/start when the command starts, URL when it has succeeded, and URL/fail when it has failed, was not started or was
terminated. The exit status is the text of the last request (POST); the command line and the output are not sent.",
    "\
The command does not wait for the first request. Each request is given up after 10 seconds, certificates are verified, and redirects
are not followed. A request that fails is reported in a warning on standard error, and changes neither the mail nor the exit
status. The URL must begin with https; http is accepted for a loopback address.",
    "\
A run that --lock-quiet suppresses is not reported to the service. Anyone who knows the URL can pretend that the job has run: ps shows it to other users
of this host while the command is running.",
];

const STATUS: [(&str, &str); 7] = [
    ("0 to 125", "exit status of the command"),
    ("124", "the command exceeded --timeout"),
    (
        "126, 127",
        "the command cannot be executed, or was not found",
    ),
    (
        "128 + N",
        "the command was terminated by signal N; 137 if it was killed after --timeout",
    ),
    ("64", "usage error; nothing was run"),
    ("73", "the lock cannot be created; nothing was run"),
    ("75", "the lock is held by another process; nothing was run"),
];

const SETUP: [&str; 3] = [
    "\
Put the recipient and the mail server into /etc/ehlo/config.toml, or into ~/.config/ehlo/config.toml for your own jobs:",
    "\
ehlo doctor --profile alerts checks how this mail would be delivered; with --send-test, it also sends a test message. Prefix
the commands in your crontab with ehlo run; successful jobs are then silent. cron searches for programs in /usr/bin:/bin only:
if ehlo is in /usr/local/bin, use its full path, or put the line PATH=/usr/local/bin:/usr/bin:/bin above the jobs.",
    "\
Mail that cannot be sent immediately is queued, and something has to process the queue: ehlo queue systemd prints systemd
units for this, and ehlo queue cron prints a line for a crontab.",
];

const CONFIGURATION: &str = "\
default = \"alerts\"
[profile.alerts]
relay = \"mail.example.org:587\"
from = \"web1 <web1@example.org>\"
to = \"ops@example.org\"
user = \"web1@example.org\"
password-file = \"/etc/ehlo/password\"";

const MAIL_STATUS: &str = "\
A failed mail does not hide the exit status of the command. If that is 0, or --exit-zero is given, the exit status is that of
the mail, as in ehlo(1).";

const EXAMPLES: &str = "\
PATH=/usr/local/bin:/usr/bin:/bin
15 3 * * *  ehlo run --to ops@example.org -- backup --full
*/5 * * * * ehlo run --lock sync --lock-quiet -- rsync -a /a/ b:/a/
ehlo run --when output --timeout 10m -- apt-get -qq upgrade
ehlo run --name patches -s '{name}: {status}' -- apt-get -qq upgrade
ehlo run --when always --tee --html -- make check
ehlo run --ping https://hc.example.org/ping/5a1e -- backup";

/// ehlo-run(1).
pub fn page() -> String {
    verb_page("run", "ehlo-run", |own| {
        let [first, rest @ ..] = &SETUP;
        section(own, "SETUP", &[first]);
        as_typed(own, CONFIGURATION);
        for text in rest {
            paragraph(own, text);
        }
        section(own, "MAIL", &MAIL);
        section(own, "RECIPIENTS", &RECIPIENTS);
        section(own, "COMMAND", &COMMAND);
        section(own, "ALERT RULES", &ALERTS);
        section(own, "DIGESTS", &DIGEST);
        section(own, "MONITORING", &MONITORING);
        section(own, "DELIVERY FAILURES", &FAILURES);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
        paragraph(own, MAIL_STATUS);
    })
}
