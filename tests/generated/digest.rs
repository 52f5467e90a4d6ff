//! ehlo-digest(1): what it says beside clap.

use crate::page::{as_typed, section, verb_page};
use crate::run::RECIPIENTS;

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

const EXAMPLES: &str = "\
PATH=/usr/local/bin:/usr/bin:/bin
15 2 * * *  ehlo run --digest nightly -- /usr/local/bin/backup
*/5 * * * * ehlo run --digest nightly --name sync -- rsync -a /srv/ backup:/srv/
0 7 * * *   ehlo digest nightly --to ops@example.org
*/9 * * * * ehlo run --digest checks@07:00 --to ops@example.org -- check-all";

pub const STATUS: &str = "\
As in ehlo(1): 0 when the mail was sent or is safe in the queue, or when nothing was to be mailed.";

const UNKNOWN: &str = "\
66 when no run has used a digest of this name, unless --always mails that nothing ran.";

/// ehlo-digest(1).
pub fn page() -> String {
    verb_page("digest", "ehlo-digest", |own| {
        section(own, "DIGESTS", &DIGEST);
        section(own, "WHO GETS IT", &RECIPIENTS);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        section(own, "EXIT STATUS", &[STATUS, UNKNOWN]);
    })
}
