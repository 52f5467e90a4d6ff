//! ehlo-policy(1).

use crate::page::{as_typed, owned, section, subcommands, synopsis_lines, table, titled};

const SYNOPSIS: [(&str, &str); 1] = [(
    "ehlo policy",
    " list|show|refresh|forget [OPTIONS] [DOMAIN]...",
)];

const DESCRIPTION: [&str; 4] = [
    "\
A recipient domain can publish which servers receive its mail and that they have valid certificates: by an MTA-STS policy (RFC
8461). The TXT record of _mta-sts.DOMAIN has an id, and https://mta-sts.DOMAIN/.well-known/mta-sts.txt has the policy. ehlo looks up
the record together with the MX records when it sends mail to the domain without a relay, and fetches the policy if it does not
know it or if the id has changed.",
    "\
With a policy in mode enforce, hosts that match none of its mx patterns are not used, and the others must offer STARTTLS and present a
certificate for their name from a trusted CA. If no host meets the policy, the mail is not sent: it is deferred (exit status
75), and tried again if it is in the queue. It is never sent in clear, nor to another host. A policy in mode testing demands nothing; the
hosts that it would exclude are noted. A host with TLSA records that are validated by DNSSEC is verified by these alone (DANE, RFC 7672).",
    "\
A policy stays valid for its max_age, at most a year, even if its record or its web server disappears, so that an attacker cannot
remove it. It is replaced when another one is fetched, which may be one in mode none. If a policy cannot be fetched, the request
is repeated after five minutes at the earliest; without another policy that is still valid, mail is sent as to a domain without
one.",
    "\
Requests are limited to 60 seconds, or to --timeout, and to 64 KiB; redirects are not followed, and the certificate must be valid for mta-sts.DOMAIN. The
web server of the domain learns from the request that mail is sent to the domain from your address, once for each max_age.",
];

const FILES: [(&str, &str); 3] = [
    (
        "~/.cache/ehlo/sts/DOMAIN",
        "the policy of a domain in its own format, with the id and the time of the request; ~/.cache is the directory in XDG_CACHE_HOME, \
         if it is set. A file that others can write to is ignored.",
    ),
    ("/var/cache/ehlo/sts/DOMAIN", "the same for root"),
    (
        "EHLO_CACHE_DIR",
        "the directory in this variable is used in place of ~/.cache/ehlo and /var/cache/ehlo",
    ),
];

const FILES_TEXT: &str = "\
Without a cache that can be written to, each run fetches the policies that it needs, and -v reports the reason.";

const JSON: &str = "\
Each object has the domain and, if a policy is known, its mode, mx (the patterns), id, max_age in seconds, the times fetched and
expires (RFC 3339), and expired, which is true or false. After a request that failed, failure has the id, the time (at) and the
reason. If refresh fails, its object has the domain and error.";

const EXAMPLES: &str = "\
ehlo policy list
ehlo policy show example.org --json
ehlo policy refresh -v example.org
15 4 * * *  ehlo policy refresh --json > /dev/null
ehlo policy forget example.org";

const STATUS: [(&str, &str); 6] = [
    ("0", "success"),
    ("64", "the command line is wrong"),
    (
        "66",
        "no policy of the domain is in the cache, or the cache cannot be read",
    ),
    ("69", "the domain has no TXT record for a policy"),
    ("74", "standard output cannot be written"),
    (
        "75",
        "a record cannot be looked up, or a policy cannot be fetched",
    ),
];

pub fn page() -> String {
    let mut page = titled(
        ("EHLO-POLICY", "1"),
        "ehlo-policy - show, fetch and remove MTA-STS policies of recipient domains",
    );
    page.control("SH", ["SYNOPSIS"]);
    synopsis_lines(&mut page, &SYNOPSIS);
    section(&mut page, "DESCRIPTION", &DESCRIPTION);
    subcommands(&mut page, "policy");
    table(&mut page, "FILES", owned(&FILES));
    crate::page::paragraph(&mut page, FILES_TEXT);
    section(&mut page, "JSON", &[JSON]);
    page.control("SH", ["EXAMPLES"]);
    as_typed(&mut page, EXAMPLES);
    table(&mut page, "EXIT STATUS", owned(&STATUS));
    section(
        &mut page,
        "SEE ALSO",
        &["ehlo(1), ehlo-queue(1), ehlo-json(5), crontab(5)"],
    );
    page.to_roff()
}
