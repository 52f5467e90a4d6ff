//! What ehlo-run(1), ehlo-digest(1) and ehlo-unit(1) say of what is told, and when.

pub const ALERTS: [&str; 7] = [
    "\
With --dedupe TIME, the same failure is mailed once and then counted until TIME is over. The same is what ends the same
way and says the same: numbers, times, dates, sizes, durations, hexadecimal addresses, UUIDs, process ids, temporary
names and colours make no difference, nor does the order of the lines; a small number behind a word like \"error\",
\"status\" or \"code\" does. Of a long output, the first and the last hundred lines count. Another failure is mailed at
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
A job is known by its --name; without one, by its command line, whatever numbers, dates and temporary names are in it. What
is remembered is a file for each job below ~/.local/state/ehlo/jobs, for root below /var/lib/ehlo/jobs, or below
the directory that --state-dir or EHLO_STATE_DIR names; in a container, name one that stays. Where it cannot be read or
written, everything is mailed, and a line on stderr says why.",
];

pub const DIGEST: [&str; 4] = [
    "\
With ehlo run --digest NAME, nothing is mailed: each run is put down in the digest NAME, with how it ended, how long it took, and
the last lines of its output when it failed. All runs are, unless --when says otherwise. Several jobs may share a digest.
ehlo digest NAME mails it: one table, failures first, the same failure in one line however often it came, and behind the
table what the failures said. Cron or a timer starts it, once a day or a week. Where nothing ran, nothing is mailed,
unless --always says so.",
    "\
--digest NAME@07:00 needs no other job: the first run that ends after that time, in the zone of this host, mails what was
gathered, itself included.",
    "\
A digest goes away when its mail is with the server or in the queue. Where it is neither, it is mailed again the next
time, by the same Message-ID; so it is where ehlo was killed between the mail and the end, so that a mailbox can tell that
it has it. What ends while a digest is mailed is in the next one.",
    "\
ehlo digest --list shows which digests there are, and how many runs are in each. A run that cannot be put down is mailed
at once.",
];

pub const UNIT: [&str; 3] = [
    "\
ehlo unit NAME mails what became of a unit of systemd: how it ended, what systemctl status says of it, and the last lines
of its journal since it was started, 100 unless --lines says otherwise. It is for OnFailure=: ehlo queue systemd prints
the template ehlo@.service, and how one unit or all of them start it.",
    "\
With --user-unit, it is a unit of your own manager. --dedupe, --every and --recovered remember each unit by its name; with
--recovered in the template, OnSuccess=ehlo@%n.service beside OnFailure= mails when it works again. A unit that did not
fail is mailed as well, except with --recovered.",
    "\
systemctl and journalctl have ten seconds each. Where they are missing, or say nothing in that time, the mail says so and
goes out all the same.",
];

pub const DIGEST_EXAMPLES: &str = "\
15 2 * * *  ehlo run --digest nightly -- /usr/local/bin/backup
*/5 * * * * ehlo run --digest nightly --name sync -- rsync -a /srv/ backup:/srv/
0 7 * * *   ehlo digest nightly --to ops@example.org
*/9 * * * * ehlo run --digest checks@07:00 --to ops@example.org -- check-all";

pub const UNIT_EXAMPLES: &str = "\
ehlo unit --to ops@example.org backup.service
ehlo queue systemd
ehlo unit --user-unit --dedupe 6h --recovered -- %i";

pub const STATUS: &str = "\
As in ehlo(1): 0 when the mail was sent or is safe in the queue, or when nothing was to be mailed.";

pub const NOTICES: [&str; 2] = [
    "\
With --dedupe TIME, a text that says the same at the same level is mailed once and then counted until TIME is over; see
ALERTS in ehlo-run(1) for what is the same. It is compared with those of the same subject, whatever numbers are in it, or
of the same --name.",
    "\
With --every N, the first is mailed, and then each Nth.",
];
