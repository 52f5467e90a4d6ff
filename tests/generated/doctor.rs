//! ehlo-doctor(1): what it says beside clap.

use crate::page::{as_typed, owned, section, table, verb_page};
use clap_mangen::roff::roman;
use ehlo::cron::doctor::options::CheckStep;

const EYES: [&str; 3] = [
    "\
What works in a shell need not work in cron, which gives its jobs HOME, LOGNAME, SHELL and PATH=/usr/bin:/bin, no other
variable and no terminal. So ehlo doctor starts itself again in such an environment, and says so in its first line. A
password-command that asks somebody, a keyring, a configuration that only EHLO_CONFIG names: they fail there as they would
fail at night. Run it as the user whose jobs they are. --here looks with the environment of your shell.",
    "\
Everything is looked at by the code that would send the mail: sendmail's for a mail from cron; with --profile that of
ehlo run and ehlo notify, which can be told one. Servers are asked by the way that the profile says, with TLS and login, and
then, in a second conversation, by MAIL FROM and RCPT TO, as sendmail -bv does. Nobody gets a message, unless --send-test
is given: then a short one goes this way, by the queue, and the exit status is that of sending.",
    "\
Nothing is written, made or changed. A queue that is not there is made with the first mail.",
];

const STEPS: [(&str, &str); 16] = [
    (
        "sendmail",
        "whether /usr/sbin/sendmail, which cron calls, is ehlo; else whose it is. Also /usr/lib/sendmail and the one in PATH, \
         where they are others. Not with --profile",
    ),
    (
        "config",
        "the configuration that is read, others that are there and not read, everything that is wrong with it, and the \
         profile that is chosen",
    ),
    (
        "recipient",
        "who gets the mail: those of MAILTO above the jobs of this user, in the own crontab, in /etc/crontab and in \
         /etc/cron.d, else the user, with what aliases and [rewrite] make of it",
    ),
    (
        "sender",
        "the sender, with what [rewrite] makes of it, and whether its domain exists",
    ),
    ("host", "the name of this host in EHLO"),
    (
        "password",
        "whether its source gives one, within --timeout and without asking anybody",
    ),
    (
        "route",
        "the relay, or the mail exchangers of the recipients",
    ),
    ("server", "whether it answers"),
    (
        "tls",
        "how the conversation is encrypted, how the certificate is judged, and for how many days it is valid; fewer than \
         14 are a warning",
    ),
    ("login", "whether the server takes user and password"),
    (
        "answer",
        "what it says to the sender and to each recipient. A server may well take everything, and refuse it later",
    ),
    ("fallback", "each profile of fallback, in one line"),
    (
        "queue",
        "where it is, whether it can be written to, how much room there is, and what is in it",
    ),
    (
        "runner",
        "who delivers what waits: the units of ehlo queue systemd, a job of cron with ehlo queue run, or \
         ehlo queue run --watch",
    ),
    (
        "cron",
        "whether it runs, and whether an empty MAILTO keeps jobs quiet",
    ),
    (
        "last-resort",
        "where mail is put that can be neither sent nor kept, and whether the system's log hears of it",
    ),
];

const JSON: &str = "\
With --json, one object: \"health\" (ok, warning or failed), \"exit\", \"user\", \"by_cron\" (whether it was looked at with \
cron's eyes), \"findings\", an array of objects with \"step\", \"health\" (also unknown, for what was not looked at), \
\"found\" and \"mend\" (or null); \"recipients\", after aliases and rules; and \"prognosis\", the last line.";

const STATUS: [(&str, &str); 5] = [
    ("0", "all is well"),
    ("1", "somebody should look at a step"),
    ("2", "a step fails, so that mail would be held up or lost"),
    ("64", "the command line is wrong"),
    ("74", "the standard output cannot be written"),
];

const OF_TEST: &str = "With --send-test, it is that of sending; see ehlo(1).";

const EXAMPLES: &str = "\
ehlo doctor
sudo -u backup ehlo doctor --send-test
ehlo doctor --skip cron,runner --json
ehlo doctor --profile alerts --mailto ops@example.org -v";

/// ehlo-doctor(1).
pub fn page() -> String {
    verb_page("doctor", "ehlo-doctor", |own| {
        section(own, "WITH CRON'S EYES", &EYES);
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
fn the_manual_of_the_doctor_names_every_step() {
    let named = STEPS.map(|(name, _)| name);
    assert_eq!(named, CheckStep::ALL.map(CheckStep::name));
}
