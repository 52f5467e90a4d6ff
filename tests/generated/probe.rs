//! ehlo-probe(1): the sections that clap does not generate.

use crate::page::{as_typed, owned, table, verb_page};

const EXAMPLES: &str = "\
ehlo probe mail.example.org
ehlo probe mail.example.org:465 --tls implicit --json
ehlo probe mx1.example.org --expect starttls,verified,size:10M
ehlo probe submission.example.org:587 -u monitor \\
     --password-file /etc/monitor.pw --expect auth=PLAIN";

const STATUS: [(&str, &str); 6] = [
    ("0", "the server answered, and all expectations are met"),
    ("64", "invalid command line"),
    ("69", "the server permanently refused the session"),
    (
        "75",
        "no connection, connection lost, or the server is temporarily unavailable",
    ),
    ("76", "protocol error by the server"),
    (
        "77",
        "an expectation is not met, or TLS or the login failed",
    ),
];

/// ehlo-probe(1).
pub fn page() -> String {
    verb_page("probe", "ehlo-probe", |own| {
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
