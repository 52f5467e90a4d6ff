//! ehlo-merge(1).

use crate::page::{as_typed, owned, rows, section, verb_page};
use clap_mangen::roff::Roff;

const TEMPLATES: [&str; 5] = [
    "\
The template given by --template has a header, an empty line and a text. The fields of the header are those of the message;
the case of their names does not matter. TO, CC and BCC name the recipients, ATTACHMENT names a file to attach, relative to the
template, and Content-Type is text/plain, text/html, text/markdown, or multipart/* if the text has its own parts. Options add to the
template: --to, --cc, --bcc, --attach and --header add fields, --subject and --from replace those of the template. Without --template,
the message consists of options.",
    "\
{{name}} is the field of the row with this name, and {{ row['first name'] }} one whose name is not an identifier. The language is that of
Jinja, with its filters and control blocks. The header and the text are separate templates: a value that is set in one is
not known in the other. Rendering a row is limited, so that an endless loop is an error.",
    "\
A field that the row does not have is an error; with --missing empty, it is empty. In the header, a value cannot contain a line end, so that no
row can add a header field. If a field with addresses has the form NAME <ADDRESS>, the name is quoted if necessary, and
the address must be one address. In a field of another form, a value cannot contain any of , ; : < > ( ) \" and \\. So no row
can add a recipient, unless the field consists of one value, such as {{email}}, which may be a list. In HTML, values are escaped unless the filter safe is used;
in text and headers they are not.",
    "\
Templates of mailmerge (PyPI) are accepted, including ATTACHMENT, Markdown and images that the text refers to by the path of an attachment.
They differ in that HTML is escaped, and that a single line end in Markdown is a space.",
    "\
--attach and the other options are templates, too. A file name that ends with a question mark may be missing or empty for
some rows.",
];

const LIST: [&str; 3] = [
    "\
A CSV list has a header line that names the fields. Fields may be quoted with quotation marks, and then contain separators, line ends and
doubled quotation marks. A row with more or fewer fields than the header is an error. A list of JSON lines
has one object on each line, whose values may be lists and objects. The list is UTF-8, with or without a byte order mark, or in the charset
given by --encoding; UTF-16 must be converted first.",
    "\
Before anything is sent, every row is read, filled in and built: addresses are checked, and attached files are opened. An error names the
line, and then nothing is sent. --check does only that, and --preview shows a message. With S/MIME
encryption, each hidden recipient of a row gets its own message, and --preview shows the first one.",
    "\
Each row is identified by its recipients, or by the field given by --id. Two rows with the same identity are an error.",
];

const JOURNAL: [&str; 6] = [
    "\
The journal records for each row that the end of its message is about to be sent, and the reply. The first is on the disk before
the end of the message is sent. If a run ends early, for whatever reason, run the same command again: rows that were accepted
or refused are skipped, and the others are sent. The Message-ID of a row is the same in every run.",
    "\
With --queue, the message of a row that is deferred in all attempts of a run goes into the queue, for the recipients that are open, and ehlo
queue run delivers it. The row then counts as queued: no later run sends it again. If ehlo is killed while it puts the message into
the queue, the row is uncertain.",
    "\
A row is uncertain if the end of its message was sent and there is no reply: the connection was lost, or ehlo was killed. It may
have been delivered. It is not sent again unless --retry uncertain is given; ehlo merge status lists such rows. Rows that were refused are sent again
with --retry refused.",
    "\
A row that was sent and whose message has changed since is an error, because the recipient would otherwise get two messages, or
the old one only. --changed skip leaves such rows alone, and --changed send sends them again. Rows that were not sent yet may change.",
    "\
Only one process can use a journal at a time. A journal contains addresses and replies, but no text of messages; it has the mode 0600. If it
cannot be written, the run ends before another message is sent.",
    "\
ehlo merge failed prints the rows that were tried and not accepted, with the fields _status and _reply, so that they can be corrected and
merged again with another journal.",
];

const PACE: [&str; 4] = [
    "\
The messages are sent over --connections at the same time, each for up to 100 messages. --rate and --per-domain limit the
number of messages; a message counts when it is sent, and not when it is prepared. With --limit, a cron job can send a list in daily parts; a row that is tried again counts once.",
    "\
If a server cannot be reached, answers 421 or 454, or defers the session or the sender, nothing is sent to it for the time given by --back-off, then
for twice this time, up to 30 times, until it accepts a message; and if it refuses another connection, one connection fewer is used. If it
defers a recipient or a message, that row is tried again later. After --tries attempts the row is left for the next run, or goes
into the queue with --queue.",
    "\
The run ends if the server refuses three rows in a row before their recipients (login, TLS, MAIL), or if --stop-after rows in a row have
failed. The first SIGINT, SIGTERM or SIGHUP ends the run: rows whose end was sent are completed. The second one
ends it at once.",
    "\
Large receivers require bulk mail to be signed (DKIM), to come from a domain with SPF and DMARC, and to offer unsubscribing with one click. --list-unsubscribe
with an https URL adds List-Unsubscribe and List-Unsubscribe-Post (RFC 8058); the signature must cover both.",
];

const JSON: [&str; 1] = ["\
With --json, each line is an object. The event \"row\" has row (its number), id, status (accepted, queued, refused, deferred or uncertain) and
recipients, each with address, verdict, code and reply. The last line is the event \"total\" with exit, the number of rows with each
status, unreadable (rows that could no longer be built) and left."];

const EXAMPLES: &str = "\
ehlo merge list.csv --template grades.txt --check
ehlo merge list.csv --template grades.txt --preview=2
ehlo merge list.csv --template grades.txt -r mx.example.org --limit 2
ehlo merge list.csv --template grades.txt -r mx.example.org \\
     --rate 50/s
ehlo merge status list.csv.merge
ehlo merge failed list.csv.merge > again.csv
ehlo merge people.jsonl --to '{{name}} <{{email}}>' -s News \\
     --markdown @news.md -a '{{invoice}}?' -r mx.example.org \\
     --list-unsubscribe 'https://example.org/leave?id={{id}}'";

const STATUS: [(&str, &str); 7] = [
    ("0", "all rows that were to be sent are accepted."),
    (
        "65, 66",
        "a row, the template or the list is not valid, or a file cannot be read; nothing was sent.",
    ),
    (
        "73",
        "the journal cannot be opened or created, or is that of another list.",
    ),
    ("74", "the journal cannot be written during the run."),
    (
        "75",
        "rows are left or deferred, or another process uses the journal: run the same command again.",
    ),
    (
        "69, 77",
        "the run was stopped because the server refused three rows in a row before their recipients: with 77, the login or TLS \
         failed.",
    ),
    ("79", "rows were refused or are uncertain."),
];

pub fn page() -> String {
    verb_page("merge", "ehlo-merge", |own: &mut Roff| {
        section(own, "LISTS", &LIST);
        section(own, "TEMPLATES", &TEMPLATES);
        section(own, "THE JOURNAL", &JOURNAL);
        section(own, "PACE", &PACE);
        section(own, "JSON", &JSON);
        own.control("SH", ["EXAMPLES"]);
        as_typed(own, EXAMPLES);
        own.control("SH", ["EXIT STATUS"]);
        rows(own, owned(&STATUS));
    })
}
