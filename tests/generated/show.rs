//! ehlo-show(1): the sections that clap does not generate.

use crate::page::{as_typed, owned, section, table, verb_page};

const OUTPUT: [&str; 7] = [
    "\
For a single message, the header fields From, Sender, Reply-To, To, Cc, Bcc, Date and Subject are shown (all with -H), then
the text, then the list of parts. Encoded words (RFC 2047), transfer encodings and charsets are decoded. If there is no
text part, the text of the HTML is shown; nothing that the HTML refers to is fetched.",
    "\
Parts are numbered as in IMAP: 1, 2, 2.1. The message itself is 0 if it has parts. Each part is shown with its type,
the size of its decoded content, and, for attachments, a file name and the SHA-256 of the decoded content.",
    "\
For several messages, one line each is shown, with number, date, author and subject. -n selects one by its number, --all shows
all of them.",
    "\
Of each DKIM signature (RFC 6376), the tags and the hash of the body are checked: whether the body was changed since it
was signed. Nothing is looked up in the DNS unless --dkim is given, which looks up the keys and verifies the signatures. SPF
and DMARC: see ehlo-verify(1).",
    "\
The fields of lists are shown with the results of their checks: List-ID (RFC 2919); List-Help, List-Unsubscribe,
List-Subscribe, List-Post, List-Owner and List-Archive with their addresses (RFC 2369); List-Unsubscribe-Post (RFC 8058),
which needs one https address in List-Unsubscribe, and a DKIM signature of both fields that is not known to be wrong.",
    "\
A message that is shown completely is decrypted, and its signatures are checked, as the next section describes.",
    "\
Control characters, escape sequences and characters that change the direction of text are shown as \\u{1b} and so on.
With --part, the content is written as it is.",
];

const END_TO_END: [&str; 6] = [
    "\
Messages that are signed or encrypted as a whole with OpenPGP (RFC 3156) or S/MIME (RFC 8551) are passed to gpg(1) or
openssl-cms(1). What is shown is the message without these layers: its text, its parts and their numbers, and the header
fields that were encrypted with it (RFC 9788), such as the subject. --no-decrypt shows it as it was received.",
    "\
Each layer is listed under Checks. A signature is ok if it is valid, its key is trusted, and the key has the first address in From.
For OpenPGP, trust is that of the keyring (GNUPGHOME), as after gpg --lsign-key. For S/MIME, the certificate must chain to a CA
of --smime-ca, or without it to one that openssl trusts: those of the system, or those in the file of SSL_CERT_FILE. With
--smime-crl, the CA that issued it must have a current revocation list there; lists are not downloaded. A signature is marked -
if it cannot be checked or is not to be trusted, and failed if it is wrong: the content was changed, the OpenPGP key has expired,
or the key or certificate is revoked.",
    "\
OpenPGP messages are decrypted with the keyring; gpg-agent may ask for a passphrase. S/MIME messages are decrypted with
--decrypt-key, a PEM file with key and certificate, which cannot have a passphrase. If the content was damaged or gpg or openssl
fails in another way, nothing of it is shown.",
    "\
A signature that covers only a part, as after a mailing list has added a footer or if a signed message is attached, is checked,
and reported with the number of its part, but it is never ok: the rest of the message may be of anyone. A part that is encrypted
beside others is not decrypted. With several From fields, a signature is not that of the author.",
    "\
No key is fetched, nothing else is run, and nothing is written to a disk in clear. A program that does nothing for five minutes
(EHLO_CRYPT_IDLE) is killed, and a content of more than 1 GiB is not decrypted. If a program is missing, the message is shown as
it was received, and the check says so.",
    "\
The exit status does not depend on signatures; see ehlo-verify(1).",
];

const LIMITS: &str = "\
Messages of any size are shown. Of the text and the HTML, the first mebibyte of each part is shown; of the parts, those
in the first 16 MiB without the content of large parts, at most 10,000, and 50 levels. A note is added if a message is shown only in part. Attachments are always complete.";

const JSON: &str = "\
With --json, each message is an object on one line, with name, size, subject, from, sender, reply_to, to, cc, bcc
(lists of objects with name and address), message_id, date (UTC), headers, text, html, links (web and mail addresses in
the HTML and the text), parts, attachments (id, name, type, size, sha256, saved), checks (field, ok: true, false or null if it is not decided, text),
layers and truncated. Each of the layers, the outermost first, has kind (signature or encryption), standard (pgp or smime), ok
(as under Checks), valid (true, false, or null if it could not be checked), part (the number of the only part that it covers, or
null), text, and signer: null, or an object with name,
key (fingerprint), addresses, trusted and author (true if one of the addresses is the first in From).";

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
        section(own, "SIGNED AND ENCRYPTED MESSAGES", &END_TO_END);
        section(own, "LIMITS", &[LIMITS]);
        section(own, "JSON", &[JSON]);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}
