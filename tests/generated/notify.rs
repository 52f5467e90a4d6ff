//! ehlo-notify(1): what it says beside clap.

use crate::page::{as_typed, section, verb_page};
use crate::run::{NOWHERE, RECIPIENTS};

const TEXT: [&str; 2] = [
    "\
The text is that of the command line, its words joined by blanks, else what comes on the standard input, to its end. At
a terminal it is typed: Ctrl-D at the beginning of a line ends it, and if nothing was typed, nothing is sent. A long one
is there in part and attached as a whole, and what could steer a terminal is made harmless, as for ehlo-run(1). Bytes that
are not UTF-8 are read as windows-1252, with a warning.",
    "\
The subject is that of --subject, else the first line of the text, behind the name of this host and the level: [web1]
WARNING: disk is full.",
];

const NOTICES: [&str; 2] = [
    "\
With --dedupe TIME, a text that says the same at the same level is mailed once and then counted until TIME is over; see
WHAT IS NOT MAILED AGAIN in ehlo-run(1) for what is the same. It is compared with those of the same subject, but for times and the like in it, or
of the same --name.",
    "\
With --every N, the first is mailed, and then each Nth.",
];

const EXAMPLES: &str = "\
some-check | ehlo notify -E -s 'disk is full' --level warning
ehlo notify --level critical --to oncall@example.org 'raid is degraded'
dmesg | tail -20 | ehlo notify -s 'the kernel complains' -a /var/log/kern.log";

const STATUS: &str = "\
As in ehlo(1): 0 when the mail was sent or is safe in the queue, or when nobody wants it.";

/// ehlo-notify(1).
pub fn page() -> String {
    verb_page("notify", "ehlo-notify", |own| {
        section(own, "THE MAIL", &TEXT);
        section(own, "WHAT IS NOT MAILED AGAIN", &NOTICES);
        section(own, "WHO GETS IT", &RECIPIENTS);
        section(own, "WHEN IT CANNOT BE SENT", &NOWHERE);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        section(own, "EXIT STATUS", &[STATUS]);
    })
}
