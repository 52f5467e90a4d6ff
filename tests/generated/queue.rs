//! ehlo-queue(1): what it says beside clap.

use crate::page::{
    as_typed, built, one_paragraph, owned, rows, section, synopsis_lines, table, titled,
};
use clap::{Arg, Command};
use clap_mangen::roff::{Roff, bold, roman};
use ehlo::system::exit::Health;

const SYNOPSIS: [(&str, &str); 3] = [
    ("ehlo queue", " COMMAND [OPTIONS] [ID]..."),
    ("ehlo", " --queue|--queue-only [OPTIONS] [RECIPIENT]..."),
    ("ehlo mailq", ""),
];

const DESCRIPTION: [&str; 5] = [
    "\
A message comes into the queue by --queue, which tries it at once and keeps what cannot be delivered yet, by
--queue-only, which does not try it, and by sendmail (see ehlo-sendmail(1)). It leaves the queue when each of its
recipients has an answer that lasts.",
    "\
A message is in the queue when it is on disk as a whole, with all of its recipients: before, nobody is told that
it is safe. An attempt is written down before the connection is made, the end of the message before it is sent,
and the result before QUIT. So a crash, or the loss of power, loses nothing; and where the connection was lost
behind the end of the message, it is known that nobody knows whether it arrived: such a recipient is uncertain, and
tried again with the same Message-ID and a line X-Possible-Duplicate in the header, or held, as --on-uncertain says.",
    "\
What fails for now is tried again: after 15 minutes, 30 minutes, 1 hour, 2 hours, and then every 3 hours, each up to a
tenth later so that not all come at once. A host that was down is not tried again for 5 minutes. After 5 days of trying,
a recipient is given up. Time counts only as far as something was tried: a clock that jumps, or a host that sleeps,
gives nothing up.",
    "\
The sender is told of those who were given up or refused for good, in a report (RFC 3464) that goes the same way as the
message. A message without a sender gets no report; it is set aside. A message that cannot be read, or of which three
attempts in a row have ended with a crash, is reported and set aside. ehlo queue list shows what was set aside, and
requeue brings it back.",
    "\
The way is found anew for each attempt: the profile by its name, with what it says now, and what the command line said
of route, session, TLS and login. No password stands in the queue, and a run uses none that does not say whose it is:
EHLO_PASSWORD is only for the message that it is given with. Paths of files are kept as absolute paths. A shell command
that names a file by a path from the current directory, as in ./getpw or cat password.txt, is run in that directory
later, too.",
];

const RUNNERS: &str = "\
Nothing runs by itself: cron or a timer starts ehlo queue run every few minutes, or ehlo queue run --watch stays, in a
container or under systemd; cron and systemd print what to put where. At TERM, INT or HUP a run ends: a session that has
not sent its whole message is disconnected, and that does not count as an attempt; of the others the reply is waited for,
which can take ten minutes. A second signal ends it at once. Runs do not disturb each other, and a message that
was sent with --queue takes along what is due for the same host.";

const OPTIONS: [(&str, &str); 2] = [
    (
        "--queue-dir DIR",
        "The queue. Without it, it is the one that dir names in [queue] of the configuration, else \
         ~/.local/state/ehlo/queue, and for root /var/spool/ehlo. It must belong to you, and nobody else may \
         enter it.",
    ),
    (
        "--config FILE",
        "The configuration, of which [queue] counts. Profiles are found where they were when the message was \
         queued.",
    ),
];

const CONFIGURATION: &str = "\
In [queue] of the configuration (see ehlo(1)); times are written like 30s, 15m, 4h or 5d.";

const OF_STATUS: &str = "Of ehlo queue status, as Nagios and those like it want it:";

const SETTINGS: [(&str, &str); 11] = [
    (
        "dir",
        "the directory of the queue; ~/ at its start is the home directory",
    ),
    (
        "retry",
        "the time between attempts, as an array; the last is for all that follow: [\"15m\", \"1h\", \"4h\"]",
    ),
    ("spread", "by how many hundredths a time may be longer [10]"),
    (
        "give-up",
        "after how much time of trying a recipient is given up [5d]",
    ),
    (
        "warn-after",
        "after how much time the sender is told that it takes long [never]",
    ),
    (
        "host-down",
        "for how long a host that was down is not tried again [5m]",
    ),
    ("connections", "the most connections at once [16]"),
    ("per-host", "the most connections to one host at once [4]"),
    (
        "bounce-size",
        "up to which size a report has the whole message, and else its header alone [1M]",
    ),
    (
        "on-uncertain",
        "retry or hold, where --on-uncertain does not say it [retry]",
    ),
    (
        "on-failure",
        "the shell command that gets what was given up, where --on-failure does not say it",
    ),
];

const STATUS: [(&str, &str); 7] = [
    (
        "0",
        "it was done; what failed for a recipient is told to the sender, and no error of the run",
    ),
    (
        "64",
        "the command line is wrong, or several items begin like this, or the item is held or set aside",
    ),
    ("65", "the item is damaged"),
    ("66", "there is no such item"),
    ("74", "the standard output cannot be written"),
    ("75", "the queue cannot be read or written"),
    ("78", "the configuration is wrong"),
];

const EXAMPLES: &str = "\
df -h | ehlo --queue -q -r mail.example.org -s disks ops@example.org
ehlo queue list
ehlo queue run --now --to example.org -v
ehlo queue show 0a1b2 --message
ehlo queue status --warn-items 50 --critical-age 4h
(crontab -l; ehlo queue cron) | crontab -
ehlo queue systemd";

/// The page of a verb with verbs of its own.
pub fn page() -> String {
    let whole = built();
    let verb = whole.find_subcommand("queue").unwrap();
    let mut page = titled(
        ("EHLO-QUEUE", "1"),
        "ehlo-queue - look at the queue, and deliver what is in it",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    page.control("SH", ["COMMANDS"]);
    for command in verb.get_subcommands() {
        command_entry(&mut page, command);
    }
    table(&mut page, "OPTIONS OF ALL COMMANDS", owned(&OPTIONS));
    section(&mut page, "WHO RUNS IT", &[RUNNERS]);
    section(&mut page, "CONFIGURATION", &[CONFIGURATION]);
    rows(&mut page, owned(&SETTINGS));
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    page.control("PP", []);
    page.text([roman(OF_STATUS)]);
    let health = Health::ALL.iter().map(|health| {
        let (code, meaning) = health.row();
        (code.to_string(), meaning)
    });
    rows(&mut page, health);
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-sendmail(1), crontab(5), systemd.timer(5)"],
    );
    page.to_roff()
}

/// A command of a command: its usage, description and own options.
pub fn command_entry(page: &mut Roff, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    page.control("SS", [usage.trim_start_matches("Usage: ")]);
    let about = command.get_long_about().or(command.get_about()).unwrap();
    page.text([roman(one_paragraph(&about.to_string()))]);
    let is_everywhere =
        |arg: &&Arg| ["help", "queue_dir", "config"].contains(&arg.get_id().as_str());
    let own = command.get_arguments().filter(|arg| !is_everywhere(arg));
    for arg in own.filter(|arg| !arg.is_hide_set() && !arg.is_positional()) {
        let short = arg.get_short().map(|short| format!("-{short}, "));
        let long = arg.get_long().unwrap();
        let value = arg
            .get_value_names()
            .filter(|_| arg.get_action().takes_values());
        let value = value.map(|names| format!(" {}", names.join(" ")));
        let help = arg.get_long_help().or(arg.get_help()).unwrap();
        page.control("TP", []);
        page.text([
            bold(format!("{}--{long}", short.unwrap_or_default())),
            roman(value.unwrap_or_default()),
        ]);
        page.text([roman(one_paragraph(&help.to_string()))]);
    }
}
