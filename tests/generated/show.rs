//! ehlo-show(1): the sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};

const OUTPUT: [&str; 6] = [
    "\
Of one message, the header fields From, Sender, Reply-To, To, Cc, Bcc, Date and Subject are shown (all with -H), then
the text, then the list of parts. Encoded words (RFC 2047), transfer encodings and charsets are decoded. If there is no
text part, the text of the HTML is shown; nothing that the HTML refers to is fetched.",
    "\
Parts are numbered as in IMAP: 1, 2, 2.1. The message itself is 0 if it has parts. Each part is shown with its type,
the size of its decoded content, and, for attachments, a file name and the SHA-256 of the decoded content.",
    "\
Of several messages, each is one line with number, date, author and subject. -n selects one by its number, --all shows
all of them.",
    "\
Of each DKIM signature (RFC 6376), the tags and the hash of the body are checked: whether the body was changed since it
was signed. Nothing is looked up in the DNS unless --dkim is given: then the keys are, and the signatures are verified. SPF
and DMARC: see ehlo-verify(1).",
    "\
The fields of lists are shown with the results of their checks: List-ID (RFC 2919); List-Help, List-Unsubscribe,
List-Subscribe, List-Post, List-Owner and List-Archive with their addresses (RFC 2369); List-Unsubscribe-Post (RFC 8058),
which needs one https address in List-Unsubscribe, and a DKIM signature of both fields that is not known to be wrong.",
    "\
Control characters, escape sequences and characters that change the direction of text are shown as \\u{1b} and so on.
With --part, the content is written as it is.",
];

const LIMITS: &str = "\
Messages of any size are shown. Of the text and the HTML, the first mebibyte of each part is shown; of the parts, those
in the first 16 MiB without the content of large parts, at most 10,000, and 50 levels. The message says so if it is
shown in part. Attachments are always complete.";

const JSON: &str = "\
With --json, each message is an object on one line, with name, size, subject, from, sender, reply_to, to, cc, bcc
(lists of objects with name and address), message_id, date (UTC), headers, text, html, links (web and mail addresses in
the HTML and the text), parts, attachments (id, name, type, size, sha256, saved), checks (field, ok: true, false or null if it is not decided, text),
and truncated.";

const EXAMPLES: &str = "\
ehlo show message.eml
ehlo show message.eml --dkim
ehlo show ~/Maildir
ehlo show /var/mail/alice -n 3 --extract /tmp/files
ehlo show --json message.eml | jq -r '.attachments[].sha256'
ehlo show message.eml --part 2 > menu.pdf";

const STATUS: [(&str, &str); 6] = [
    ("0", "the messages were shown"),
    ("64", "invalid command line"),
    ("65", "a file is not a valid mbox"),
    (
        "66",
        "a file cannot be read, or there is no message or part with this number",
    ),
    ("73", "an attachment cannot be saved"),
    ("74", "standard output cannot be written"),
];

/// ehlo-show(1).
pub fn page() -> String {
    verb_page("show", "ehlo-show", |own| {
        section(own, "OUTPUT", &OUTPUT);
        section(own, "LIMITS", &[LIMITS]);
        section(own, "JSON", &[JSON]);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
