//! ehlo-script(1): the sections that clap does not generate.

use crate::page::{as_typed, listing, owned, rows, section, table, verb_page};
use ehlo::script::{BUILT_IN, ScriptSource, parse_source};

const LINES: [&str; 3] = [
    "\
A script has one statement per line. It is checked completely, including all included scripts, before anything is
sent: errors are reported with file, line and what was expected. Leading blanks and empty lines are ignored. A line
that starts with # is a comment; so is the text after # in other lines, except in lines that are sent. A line that
ends with a blank and a backslash continues on the next line, except for lines that are sent verbatim.",
    "\
A test ends at the first mismatch, which is reported with its position, the expected and the actual reply. Every
step has a time limit: 30 seconds, unless set by --timeout or the script.",
    "A simple script:",
];

const FIRST: &str = "\
connect
< 220
> EHLO $helo
< 250 has SIZE
> MAIL FROM:<$from>
< 250
> RCPT TO:<nobody@example.org>
< 550|554 /relay/i
> QUIT
< 221
expect-close";

type Section = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

/// The statements. Each form is tried, too: see [`spelled_out`].
const LANGUAGE: &[Section] = &[
    (
        "CONNECTIONS",
        &["A test has one connection at a time; it ends with the test."],
        &[
            (
                "connect [tls] [HOST[:PORT]|unix:PATH|\"pipe:CMD\"]",
                "Connects to the given server, or to --server or --pipe. With tls, or to --server with --tls implicit, \
                 implicit TLS is used. Use < to wait for the greeting.",
            ),
            (
                "starttls [verified]",
                "Sends STARTTLS, waits for 220, and performs the TLS handshake. Without --user, any certificate is \
                 accepted and the result of the check is shown in the transcript; with verified, it must be valid.",
            ),
            (
                "tls [verified]",
                "Only the TLS handshake, after the script itself has sent STARTTLS.",
            ),
            (
                "try-tls",
                "The same, but a failed handshake is not an error; it ends the connection.",
            ),
            (
                "auth [MECHANISM]",
                "Logs in as --user with the strongest mechanism of the last reply to EHLO, and waits for 235. Passwords \
                 are sent only over TLS unless --allow-cleartext-password is given.",
            ),
            ("close", "Closes the connection."),
            ("reset", "Resets the connection (TCP RST)."),
            (
                "half-close",
                "Closes the sending direction; the server may still send.",
            ),
        ],
    ),
    (
        "SENDING",
        &[],
        &[
            (
                "> TEXT",
                "The text and CRLF, without surrounding blanks; > alone is an empty line.",
            ),
            (
                ">raw \"TEXT\"[*N]...",
                "Exactly these octets, with the escapes \\r, \\n, \\t, \\0, \\xNN, \\\\ and \\\"; *N repeats the text N \
                 times.",
            ),
            (">lf TEXT", "The text and a bare LF."),
            (">cr TEXT", "The text and a lone CR."),
            (
                ">slow TIME TEXT",
                "The text and CRLF, one octet at a time, with this pause between them.",
            ),
            (
                ">message [raw]",
                "The message described by --to, --subject, --body and the other options, with dots doubled and the final \
                 dot; with raw, unchanged, for BDAT $message.size LAST.",
            ),
            (
                ">file FILE [dots]",
                "The contents of a file in the directory of the script; with dots, as after DATA: dots doubled, and the \
                 final dot.",
            ),
            ("{\n}", "Lines between { and } are sent in one packet."),
        ],
    ),
    (
        "EXPECTED REPLIES",
        &[],
        &[
            (
                "< CODE[|CODE]...",
                "A reply with one of these codes: 250, a class such as 2xx, or any; close, if the server may close \
                 instead. A hyphen after the codes, as in 250-, requires more than one line.",
            ),
            (
                "< CODE /REGEX/[i]",
                "The text of the reply, without the codes and with LF between lines, must match; with i, case is ignored. \
                 A group such as (?<id>[0-9A-F]+) sets the variable $id.",
            ),
            (
                "< CODE has KEYWORD [PARAMETER]...",
                "A line of the reply offers this extension, as in a reply to EHLO. May be repeated.",
            ),
            ("< CODE lacks KEYWORD", "No line of the reply offers it."),
            ("expect-silence TIME", "Expect no data for TIME."),
            (
                "expect-close [TIME]",
                "The server closes the connection and sends nothing more.",
            ),
            (
                "pass-if CONDITION",
                "Ends the test as passed if the last reply meets the condition. Conditions are written as after <; has and \
                 lacks refer to the last reply to EHLO. Also pass-unless, skip-if and skip-unless (the test is not \
                 counted), fail-if and fail-unless.",
            ),
            ("pause TIME", "Wait for TIME: 2s, 500ms, 1m."),
            (
                "timeout TIME",
                "Time limit for each of the following steps.",
            ),
        ],
    ),
    (
        "VARIABLES, LOOPS AND OTHER SCRIPTS",
        &[
            "A variable is written $NAME or ${NAME}, and a dollar sign $$. Predefined: $server, $host and $port (of \
             --server), $helo, $from (empty without --from), $to (postmaster without --to), $message.size, and in \
             loops $n. Using an undefined variable is an error.",
        ],
        &[
            (
                "set NAME VALUE",
                "Sets a variable; quote a value that contains blanks or escapes.",
            ),
            (
                "default NAME VALUE",
                "Sets a variable unless it is already set by -D or the script.",
            ),
            ("print TEXT", "Shows a remark in the transcript."),
            (
                "for NAME in VALUE...\nend",
                "Repeats the lines in between for each value.",
            ),
            (
                "repeat N\nend",
                "Repeats them N times; $n is the number of the iteration.",
            ),
            (
                "parallel N\nend",
                "Runs them on N connections at once, each with its number as $n; all must pass.",
            ),
            (
                "include NAME",
                "Includes another script: a file, relative to the directory of this script, or a bundled script.",
            ),
        ],
    ),
];

const TESTS: [&str; 2] = [
    "\
test \"NAME\" starts a test, which extends to the next test or to the end of the enclosing for or file. Statements
before the first test, such as connect, are run at the start of each test. A script without tests counts as one
test.",
    "\
After a failed test, the next one is run. --tap and --junit report every test; a test that could not be run, because
there was no connection, is an error and not a failure.",
];

const CASES: &str = "\
connect
< 220
> EHLO $helo
< 250

for command in MAIL RCPT \"DATA now\"
  test \"$command alone is refused\"
    > $command
    < 5xx
end

test \"a message is queued\"
  skip-unless has PIPELINING
  {
    > MAIL FROM:<$from>
    > RCPT TO:<$to>
    > DATA
  }
  < 250
  < 250
  < 354
  >raw \"Subject: test\\r\\n\\r\\n\" \"x\"*998 \"\\r\\n.\\r\\n\"
  < 250 /queued as (?<id>[0-9A-Za-z]+)/
  print it is $id";

const BUNDLED: [&str; 2] = [
    "\
Run them only against your own server, whose postmaster (or $to) may receive unusual messages. A file of the same
name takes precedence; --show prints a script, as a starting point for your own. If a test does not suit your
server, edit a copy.",
    "\
-D sets their variables: to and from (addresses), helo; for relay, domain (one that the server accepts mail for) and
other (one that it does not, example.net by default).",
];

const RECORDING: &str = "\
--record sends a message with the options of ehlo(1), and writes a script that repeats the session: what was sent,
what was sent in one packet, and the reply codes. The message is stored next to it in FILE.eml. A login is recorded
as auth, without the password. The message is sent with DATA, even if the server supports BDAT.";

const EXAMPLES: &str = "\
ehlo script smuggling --server mx.example.org
ehlo script relay --server mx.example.org -D domain=example.org
prove -e 'ehlo script --tap --server 127.0.0.1:2525' t/*.ehlo
ehlo script conformance extensions --server mx.example.org \\
     -q --junit results.xml
ehlo script login.ehlo --server mx.example.org:587 \\
     -u alice --password-file pw
ehlo script --record s.ehlo -r mx.example.org \\
     -b hello bob@example.org
ehlo script --check s.ehlo";

const STATUS: [(&str, &str); 10] = [
    ("0", "every test passed or was skipped"),
    ("1", "a server did not behave as a script expects"),
    (
        "64",
        "invalid command line, or an option that a script requires is missing",
    ),
    ("65", "a script contains errors; nothing was sent"),
    ("66", "a script, or a file named in it, cannot be read"),
    ("68", "the server does not exist"),
    ("73, 74", "the results cannot be written"),
    ("75", "there is no connection to the server"),
    (
        "77",
        "the password was not sent, because the connection is not encrypted",
    ),
    ("others", "with --record, those of sending: see ehlo(1)"),
];

/// A form of the manual with a value for each of its placeholders.
fn spelled_out(form: &str) -> String {
    let words = [
        (
            "HOST[:PORT]|unix:PATH|\"pipe:CMD\"",
            "\"pipe:sendmail -bs\"",
        ),
        ("/REGEX/[i]", "/ok/i"),
        ("\"TEXT\"[*N]...", "\"a\\r\\n\"*2 \"b\""),
        ("CODE[|CODE]...", "250|close"),
        ("[PARAMETER]...", "PLAIN"),
        ("MECHANISM", "PLAIN"),
        ("CONDITION", "4xx has SIZE"),
        ("VALUE...", "a \"b c\""),
        ("FILE", "Cargo.toml"),
        ("include NAME", "include relay"),
        ("CODE", "2xx"),
        ("TEXT", "NOOP"),
        ("TIME", "2s"),
        ("VALUE", "a"),
        (" N\n", " 3\n"),
        ("[", ""),
        ("]", ""),
    ];
    let spelled = words.iter();
    spelled.fold(form.to_owned(), |text, (word, instead)| {
        text.replace(word, instead)
    })
}

/// ehlo-script(1).
pub fn page() -> String {
    verb_page("script", "ehlo-script", |own| {
        section(own, "SCRIPTS", &LINES);
        listing(own, FIRST.lines());
        for (title, paragraph, forms) in LANGUAGE {
            section(own, title, paragraph);
            let shown = |(form, text): &(&str, &'static str)| (form.replace('\n', " ... "), *text);
            rows(own, forms.iter().map(shown));
        }
        section(own, "TESTS", &TESTS);
        listing(own, CASES.lines());
        section(own, "BUNDLED SCRIPTS", &BUNDLED);
        let bundled = BUILT_IN.iter();
        rows(own, bundled.map(|one| (one.name.to_owned(), one.about())));
        section(own, "RECORDING", &[RECORDING]);
        section(own, "EXAMPLES", &[]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}

#[test]
fn scripts_in_the_manual_have_no_errors() {
    for text in [FIRST, CASES] {
        let source = ScriptSource {
            name: "manual".to_owned(),
            text: text.to_owned(),
            directory: None,
        };
        parse_source(&source, &[]).unwrap_or_else(|all| panic!("{all:#?}"));
    }
    let every = LANGUAGE.iter().flat_map(|(_, _, rows)| rows.iter());
    for (form, _) in every {
        let text = spelled_out(form);
        let source = ScriptSource {
            name: (*form).to_owned(),
            text: text.clone(),
            directory: None,
        };
        parse_source(&source, &["NAME"]).unwrap_or_else(|all| panic!("{text}: {all:#?}"));
    }
}
