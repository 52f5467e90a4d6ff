//! ehlo-unit(1): sections that clap does not generate.

use crate::digest::STATUS;
use crate::page::{as_typed, section, verb_page};
use crate::run::RECIPIENTS;

const UNITS: [&str; 3] = [
    "\
ehlo unit NAME mails the status of a systemd unit: its result, the output of systemctl status, and the last lines of its
journal since it was started (100, unless --lines is given). It is meant for OnFailure=: ehlo queue systemd prints the template
ehlo@.service, and explains how to use it for one unit or for all units.",
    "\
With --user-unit, the unit belongs to the user manager. --dedupe, --every and --recovered keep a history for each unit. With
--recovered in the template, OnSuccess=ehlo@%n.service in addition to OnFailure= mails the recovery of a unit. A unit that did
not fail is mailed as well, except with --recovered.",
    "\
systemctl and journalctl are given ten seconds each; if they fail, the mail reports it and is sent anyway.",
];

const EXAMPLES: &str = "\
ehlo unit --to ops@example.org backup.service
ehlo queue systemd
ehlo unit --user-unit --dedupe 6h --recovered -- %i";

/// ehlo-unit(1).
pub fn page() -> String {
    verb_page("unit", "ehlo-unit", |own| {
        section(own, "UNITS", &UNITS);
        section(own, "RECIPIENTS", &RECIPIENTS);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        section(own, "EXIT STATUS", &[STATUS]);
    })
}
