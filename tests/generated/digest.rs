//! ehlo-digest(1): sections that clap does not generate.

use crate::page::{as_typed, section, verb_page};
use crate::run::RECIPIENTS;

pub const DIGEST: [&str; 4] = [
    "\
With ehlo run --digest NAME, runs are not mailed but recorded in the digest NAME: the result, the duration and, after a
failure, the last lines of the output. All runs are recorded, unless --when is given. Several jobs may share a digest.
ehlo digest NAME mails it as one table, with failures first and repeated failures in one line, followed by the output of the
failures. Start it from cron or a timer, once a day or once a week. If no runs were recorded, no mail is sent, unless --always
is given.",
    "\
--digest NAME@07:00 needs no separate job: the first run to finish after that time (local time) mails the digest, including
itself.",
    "\
A digest is deleted once the server has accepted its mail or it is in the queue. Otherwise it is mailed again the next time,
with the same Message-ID, so that a mailbox can recognize a duplicate; this can happen if ehlo was killed after the mail was
sent. Runs that finish while a digest is being mailed go into the next one.",
    "\
ehlo digest --list shows all digests and the number of runs in each. A run that cannot be recorded is mailed immediately.",
];

const EXAMPLES: &str = "\
PATH=/usr/local/bin:/usr/bin:/bin
15 2 * * *  ehlo run --digest nightly -- /usr/local/bin/backup
*/5 * * * * ehlo run --digest nightly -- rsync -a /srv/ backup:/srv/
0 7 * * *   ehlo digest nightly --to ops@example.org
*/9 * * * * ehlo run --digest checks@07:00 -- check-all";

pub const STATUS: &str = "\
As in ehlo(1): 0 if the mail was sent or queued, or if no mail was required.";

const UNKNOWN: &str = "\
66 if no run has used a digest of this name, unless --always is given.";

/// ehlo-digest(1).
pub fn page() -> String {
    verb_page("digest", "ehlo-digest", |own| {
        section(own, "DIGESTS", &DIGEST);
        section(own, "RECIPIENTS", &RECIPIENTS);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        section(own, "EXIT STATUS", &[STATUS, UNKNOWN]);
    })
}
