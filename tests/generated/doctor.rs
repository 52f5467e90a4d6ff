//! ehlo-doctor(1): sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};
use clap_mangen::roff::roman;
use ehlo::cron::doctor::options::CheckStep;

const CHECKS: [&str; 3] = [
    "\
A setup that works in a shell may fail in cron, which provides no terminal, and no variables except HOME, LOGNAME, SHELL and
PATH=/usr/bin:/bin. Therefore ehlo doctor starts itself again in such an environment, as its first line shows. Anything that
needs a terminal, a keyring or EHLO_CONFIG fails here just as it would under cron. Run it as the user who owns the jobs. --here
checks in the environment of your shell.",
    "\
Every check uses the code that would send the mail: that of sendmail for mail from cron; with --profile, that of ehlo run and
ehlo notify. Servers are contacted as the profile specifies, with TLS and login, and then, in a second session, sender and
recipients are checked with MAIL FROM and RCPT TO, as sendmail -bv does. No message is sent, unless --send-test is given: then
a short message is sent through the queue, and the exit status is that of sending it.",
    "\
Nothing is written, created or changed. A missing queue is created by the first mail.",
];

const STEPS: [(&str, &str); 18] = [
    (
        "sendmail",
        "whether /usr/sbin/sendmail, which cron runs, is ehlo, or else which program it is; also /usr/lib/sendmail and the \
         sendmail in PATH, if they are different programs. Skipped with --profile",
    ),
    (
        "config",
        "the configuration file that is used, others that exist but are not used, all errors in it, and the selected profile",
    ),
    (
        "recipient",
        "the recipients: those of MAILTO above the jobs of this user, in the user's crontab, in /etc/crontab and in \
         /etc/cron.d; otherwise the user; after aliases and [rewrite]",
    ),
    (
        "sender",
        "the sender, after [rewrite], whether its domain exists and, if [dkim] has keys, whether there is one for it",
    ),
    ("host", "the name of this host in EHLO"),
    (
        "password",
        "whether its source provides a password, within --timeout and without a prompt",
    ),
    (
        "route",
        "the relay, or the mail exchangers of the recipients",
    ),
    ("server", "whether it responds"),
    (
        "tls",
        "the TLS version, whether the certificate is valid, and for how many days; fewer than 14 days cause a warning",
    ),
    ("login", "whether the server accepts user and password"),
    (
        "answer",
        "the server's replies to the sender and to each recipient. A server may accept everything now and reject it later",
    ),
    (
        "fallback",
        "the relay of each fallback profile, in one line",
    ),
    (
        "domain",
        "SPF, DKIM and DMARC of the domain of the sender, as ehlo-check(1) finds them, and whether Gmail would accept its mail from \
         this host. Without a relay, SPF and the name of the address are checked for the address of this host, if that is public",
    ),
    (
        "queue",
        "its directory, whether it is writable, the free space, and the number of messages",
    ),
    (
        "submit",
        "whether mail is passed to the submission socket of the host, and whether that can be trusted; queue and runner are \
         then those of the host, and not checked. For root also the personal queues in which mail waits",
    ),
    (
        "runner",
        "whether something runs the queue: the units of ehlo queue systemd, a cron job with ehlo queue run, or \
         ehlo queue run --watch",
    ),
    (
        "cron",
        "whether the daemon is running, whether an empty MAILTO discards the output of jobs, and whether cron finds ehlo",
    ),
    (
        "last-resort",
        "the file for mail that can be neither sent nor queued, and whether syslog is available",
    ),
];

const JSON: &str = "\
With --json, the result is one object: \"health\" (ok, warning or failed); \"exit\"; \"user\"; \"by_cron\" (true if the check \
ran in the environment of cron); \"findings\", an array of objects with \"step\", \"health\" (unknown if the step was not \
checked), \"found\" and \"mend\" (the suggested fix, or null); \"recipients\", after aliases and rewrite rules; and \
\"prognosis\", the last line of the text.";

const STATUS: [(&str, &str); 5] = [
    ("0", "no problems found"),
    ("1", "at least one warning"),
    ("2", "a step failed, so that mail would be delayed or lost"),
    ("64", "usage error"),
    ("74", "standard output cannot be written"),
];

const OF_TEST: &str =
    "With --send-test, the exit status is that of sending the message; see ehlo(1).";

const EXAMPLES: &str = "\
ehlo doctor
sudo -u backup ehlo doctor --send-test
ehlo doctor --skip cron,runner --json
ehlo doctor --profile alerts --mailto ops@example.org -v";

/// ehlo-doctor(1).
pub fn page() -> String {
    verb_page("doctor", "ehlo-doctor", |own| {
        section(own, "CHECKS", &CHECKS);
        table(own, "STEPS", owned(&STEPS));
        section(own, "JSON", &[JSON]);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
        own.control("PP", []);
        own.text([roman(OF_TEST)]);
    })
}

#[test]
fn manual_names_every_step_of_doctor() {
    let named = STEPS.map(|(name, _)| name);
    assert_eq!(named, CheckStep::ALL.map(CheckStep::name));
}
