//! ehlo-unit(1): what it says beside clap.

use crate::digest::STATUS;
use crate::page::{as_typed, section, verb_page};
use crate::run::RECIPIENTS;

const UNITS: [&str; 3] = [
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

const EXAMPLES: &str = "\
ehlo unit --to ops@example.org backup.service
ehlo queue systemd
ehlo unit --user-unit --dedupe 6h --recovered -- %i";

/// ehlo-unit(1).
pub fn page() -> String {
    verb_page("unit", "ehlo-unit", |own| {
        section(own, "UNITS", &UNITS);
        section(own, "WHO GETS IT", &RECIPIENTS);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        section(own, "EXIT STATUS", &[STATUS]);
    })
}
