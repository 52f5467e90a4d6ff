//! ehlo-run(1): what it says beside clap.

use crate::digest::DIGEST;
use crate::page::{as_typed, owned, paragraph, section, table, verb_page};

const MAIL: [&str; 5] = [
    "\
The subject says where, what and how: [web1] FAILED(3): backup.sh after 4m12s; or OK, KILLED(SIGSEGV), TIMEOUT, NOT
STARTED or LOCKED. With --subject it is what you say, with {host} (this host, short), {command} (the program and its
arguments), {status}, {duration}, {name} and {user} in their places; {{ and }} are braces.",
    "\
The text says how it ended, what ran, for whom, where, when and how long, and then what it wrote to stdout and stderr, in
the order in which it was written. With --mark-stderr, and with --tee if our stdout and stderr are different files, the two
streams are read separately: lines of stderr begin with \"! \", and lines of both that are written within a moment may change
places. Up to 500 lines it is all there; of more, the first
20 and the last 80, and the whole log is attached: as NAME.log up to 64 KiB, else as NAME.log.gz. Of a failure with more
than twelve lines, the last three stand at the top as well. Colours are left out (--html shows them), a line that was written
over and over is there as it was last, and what is no text is written as \\xNN.",
    "\
A log takes little memory, however long it is: it is compressed into a temporary file as it comes. Where that has more
than --log-limit, or there is no place for one, the beginning and the end are kept, and the mail says how much is missing.",
    "\
Who reads the mail sees the command line. Values of options and variables that are called password, token, secret or the like,
passwords in URLs and -p of the clients of MySQL are shown as ********; ehlo knows no other secret by its looks, and none in
what a job writes.",
    "\
The mail says that no person wrote it (Auto-Submitted), and has a List-Id of the job by which a mail program can sort.",
];

pub const RECIPIENTS: [&str; 2] = [
    "\
It goes to those of --to, --cc and --bcc; without them, to those whom MAILTO names; else to those of the profile; else to
you, the user who runs it. Where MAILTO is set and empty, nothing is mailed, as with cron. The author is that of --from, else
MAILFROM, else that of the profile, else you at this host. Names without a domain, like root, are welcome: they go
through aliases and [rewrite] as for sendmail (see ehlo-sendmail(1)).",
    "\
The way is that of the profile or of the options, as for ehlo(1). What a profile says of a message's text is left aside.",
];

pub const NOWHERE: [&str; 4] = [
    "\
The mail is put into the queue and tried at once; what cannot be sent now is tried again by ehlo queue run (see
ehlo-queue(1)). Where there is no place for a queue, it is sent without being kept.",
    "\
A relay that does not answer within five seconds is not waited for if the mail is in the queue: a process in the background
tries it again, with the time limits of ehlo(1). Only the reply to the end of the message is waited for with those, because
the mail could arrive twice.",
    "\
A signal that would end ehlo run while it mails does so as soon as the mail is in the queue. If the mail is sent without
being kept, it is put into dead.letter, as below, before ehlo ends.",
    "\
What can be neither sent nor kept is added to the first mailbox that can be written: dead.letter in the home directory, in
~/.local/state/ehlo, or /var/tmp/dead.letter-UID. stderr says why and where, and has
the beginning of the text, so that cron mails it; a line in syslog says why and where, too. The same
happens when the configuration is broken, or the recipients are none.",
];

const ALERTS: [&str; 7] = [
    "\
With --dedupe TIME, the same failure is mailed once and then counted until TIME is over. The same is what ends the same
way and says the same: times, dates, durations with their unit, transfer rates, process IDs (pid 4711, cron[4711]:),
temporary names, memory addresses, hashes, UUIDs other than those of devices, and colours make no difference, nor does
the order of the lines. All other numbers and names do: web01 and web02, disk 3 and disk 7, 10.0.0.5 and 10.0.0.6 are
different failures. Of a long output, the first and the last hundred lines count. Another failure is mailed at
once. Each mail begins with how many were not mailed since the last one, and when the first and the last of them were.",
    "\
With --every N, the first failure is mailed, and of those that follow in a row each Nth: with --every 10, the 1st, the
11th, the 21st. With --dedupe as well, the same failure is mailed only when its time is over and N more were counted;
another failure is mailed at once.",
    "\
With --recovered, one mail says that it works again, after how many failures and how long. It comes only where a failure
was mailed before. Who has read it is told of the next failure, whatever --dedupe says of the last one.",
    "\
With --when change, a run is mailed when it ended or said something else than the one that was mailed last, to the last
octet; so is the first.",
    "\
What is mailed of failures in a row is one thread: each mail answers the first one, and so does the one that says that it
works again. Where --subject says what the subject is, RECOVERED: stands before it then.",
    "\
A failure counts as mailed when the mail is with the server or in the queue. Where it is neither, because there is no
place for a queue, or because ehlo was killed, the next run mails it again and says so. When several runs of a job end at
once, one mail is sent for the same failure, and all are counted.",
    "\
A job is known by its --name; without one, by its command line, but for times, dates and temporary names in it. What
is remembered is a file for each job below ~/.local/state/ehlo/jobs, for root below /var/lib/ehlo/jobs, or below
the directory that --state-dir or EHLO_STATE_DIR names; in a container, name one that stays. Where it cannot be read or
written, everything is mailed, and a line on stderr says why.",
];

const COMMAND: [&str; 5] = [
    "\
The command has our standard input, environment and directory, and, unless we are on a terminal, a group of processes
of its own. TERM, INT, HUP, QUIT, USR1 and USR2 are handed on to it, and what came of that is mailed. With --timeout, it
gets TERM, and KILL when it goes on after --kill-after.",
    "\
What it leaves running in the background is not waited for, even if that still has its output open: after a second, the
mail says that a process goes on. That process can still write; what it writes then is discarded.",
    "\
A lock of --lock without a slash in its name is for this user's jobs: a file in /run/ehlo for root, else in
~/.local/state/ehlo/lock of the home directory that the password file names, else in /tmp/ehlo-UID. A directory that other
users can write to is not used. It is free again when the command ends,
whatever that has left in the background. If ehlo is killed while the command goes on, the lock is held until the command
and the processes that it started have ended.",
    "\
A command that was not started, because it cannot be or because the lock is held, is mailed like a failure, and so subject
to --dedupe and --digest. stderr says it only if it is a terminal, or if no mail could be sent or MAILTO is empty: cron would
mail it a second time.",
    "\
--tee shows both streams as they come. cron mails what it sees then, too; let it have MAILTO=\"\", and say --to. If the
program that reads them stops reading, the command waits for it, but --timeout and signals work, and the mail is sent; what
is not read within five seconds after that is discarded.",
];

const STATUS: [(&str, &str); 7] = [
    ("0 to 125", "that of the command"),
    ("124", "the command took longer than --timeout"),
    (
        "126, 127",
        "the command cannot be executed, or there is none",
    ),
    (
        "128 + N",
        "signal N ended the command; 137 when it was killed after --timeout",
    ),
    ("64", "the command line is wrong, and nothing was run"),
    ("73", "the lock cannot be made, and nothing was run"),
    ("75", "somebody else holds the lock, and nothing was run"),
];

const SETTING_UP: [&str; 3] = [
    "\
Write who is told, and by which server, into /etc/ehlo/config.toml, or ~/.config/ehlo/config.toml for your jobs alone:",
    "\
ehlo doctor --profile alerts says what would become of a mail from cron, and with --send-test sends one. Put ehlo run before
the commands in the crontab; a job that works says nothing any more. cron finds programs in /usr/bin:/bin alone: write
a line PATH=/usr/local/bin:/usr/bin:/bin above the jobs if ehlo is in /usr/local/bin, or call it by its full path.",
    "\
What cannot be sent at once waits in the queue, and somebody must run that: ehlo queue systemd prints units that do, and ehlo
queue cron a line for a crontab.",
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
A mail that fails does not hide the status of the command. Where that is 0, or --exit-zero makes it so, the exit status is
that of the mail, as in ehlo(1).";

const EXAMPLES: &str = "\
PATH=/usr/local/bin:/usr/bin:/bin
15 3 * * *  ehlo run --to ops@example.org -- /usr/local/bin/backup --full
*/5 * * * * ehlo run --lock sync --lock-quiet --timeout 10m -- rsync -a /srv/ backup:/srv/
ehlo run --when output --name patches -s '{name} on {host}: {status}' -- apt-get -qq upgrade
ehlo run --when always --tee --html -- make check";

/// ehlo-run(1).
pub fn page() -> String {
    verb_page("run", "ehlo-run", |own| {
        let [first, rest @ ..] = &SETTING_UP;
        section(own, "SETTING UP", &[first]);
        as_typed(own, CONFIGURATION);
        for text in rest {
            paragraph(own, text);
        }
        section(own, "THE MAIL", &MAIL);
        section(own, "WHO GETS IT", &RECIPIENTS);
        section(own, "THE COMMAND", &COMMAND);
        section(own, "WHAT IS NOT MAILED AGAIN", &ALERTS);
        section(own, "DIGESTS", &DIGEST);
        section(own, "WHEN IT CANNOT BE SENT", &NOWHERE);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
        paragraph(own, MAIL_STATUS);
    })
}
