//! ehlo-probe(1): what it says beside clap.

use crate::page::{as_typed, owned, table, verb_page};

const EXAMPLES: &str = "\
ehlo probe mail.example.org
ehlo probe mail.example.org:465 --tls implicit --json
ehlo probe mx1.example.org --expect starttls,verified,cert-days:14,size:10M
ehlo probe submission.example.org:587 -u monitor --password-file /etc/monitor.pw --expect auth=PLAIN";

const STATUS: [(&str, &str); 6] = [
    (
        "0",
        "the server answered, and all that is expected is there",
    ),
    ("64", "the command line is wrong"),
    ("69", "the server refused to talk, for good"),
    (
        "75",
        "no connection, or lost, or the server has no time now",
    ),
    ("76", "the server broke the protocol"),
    (
        "77",
        "something that is expected is not there, or TLS or the login failed",
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
