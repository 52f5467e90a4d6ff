//! ehlo-notify(1): sections that clap does not generate.

use crate::page::{as_typed, section, verb_page};
use crate::run::{FAILURES, RECIPIENTS};

const TEXT: [&str; 2] = [
    "\
The text consists of the words on the command line, joined by spaces; without any, standard input is read to its end. At a
terminal, type the text, and end it with Ctrl-D at the beginning of a line; if nothing was typed, nothing is sent. A long text
is shown in part and attached in full, and terminal control sequences are escaped, as for ehlo-run(1). Bytes that are not
UTF-8 are read as windows-1252, with a warning.",
    "\
The subject is that of --subject, otherwise the first line of the text, preceded by the host name and the level: [web1]
WARNING: disk is full. If the mail is encrypted without --hide-subject, the text is not quoted in the subject.",
];

const ALERTS: [&str; 2] = [
    "\
With --dedupe TIME, identical texts of the same level are mailed once and then only counted until TIME is over; ALERT RULES in
ehlo-run(1) describes which differences are ignored. Texts are compared if they have the same --name; without one, the same
subject, ignoring times and the like.",
    "\
With --every N, the first text is mailed, and then every Nth.",
];

const EXAMPLES: &str = "\
some-check | ehlo notify -E -s 'disk is full' --level warning
ehlo notify -l critical --to ops@example.org 'RAID is degraded'
dmesg | tail -20 | ehlo notify -s kernel -a /var/log/kern.log";

const STATUS: &str = "\
As in ehlo(1): 0 if the mail was sent or queued, or if no mail was required.";

/// ehlo-notify(1).
pub fn page() -> String {
    verb_page("notify", "ehlo-notify", |own| {
        section(own, "MAIL", &TEXT);
        section(own, "ALERT RULES", &ALERTS);
        section(own, "RECIPIENTS", &RECIPIENTS);
        section(own, "DELIVERY FAILURES", &FAILURES);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        section(own, "EXIT STATUS", &[STATUS]);
    })
}
