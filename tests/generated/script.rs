//! ehlo-script(1): what it says beside clap.

use crate::page::{as_typed, listing, owned, rows, section, table, verb_page};
use ehlo::script::{BUILT_IN, ScriptSource, parse_source};

const LINES: [&str; 3] = [
    "\
A script says one thing a line, and is read to its end, with all that it includes, before anything is sent: a mistake
is told with its file and line, and what was expected there. Blanks at the beginning and blank lines do not matter. A line
that begins with # is a comment; so is what stands behind # in other lines, but not in those that are said. A line that
ends with a blank and a backslash goes on in the next, but for those that are said as they stand there.",
    "\
A test ends with the first thing that is not as expected; it is told with its place, what was expected and what came.
Every step has a time limit, 30 seconds where neither --timeout nor the script says otherwise.",
    "A first script:",
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
                "Connects, to --server or --pipe where nothing is named; with tls, and to --server with --tls implicit, TLS begins \
                 with the first octet. The greeting is waited for with <.",
            ),
            (
                "starttls [verified]",
                "Says STARTTLS, waits for 220, and makes TLS. Without --user any certificate will do and is judged in \
                 the transcript; with verified, it must be right.",
            ),
            (
                "tls [verified]",
                "The handshake alone, behind a STARTTLS that the script says itself.",
            ),
            (
                "try-tls",
                "The same, where it is no error that it fails, which ends the connection.",
            ),
            (
                "auth [MECHANISM]",
                "Logs in as --user, with the strongest mechanism of the last reply to EHLO, and waits for 235. No \
                 password goes without TLS unless --allow-cleartext-password says so.",
            ),
            ("close", "Closes the connection."),
            ("reset", "Ends it with RST."),
            (
                "half-close",
                "Says that nothing more will be said; the server may still speak.",
            ),
        ],
    ),
    (
        "WHAT IS SAID",
        &[],
        &[
            (
                "> TEXT",
                "The text and CRLF, without blanks around it; > alone is an empty line.",
            ),
            (
                ">raw \"TEXT\"[*N]...",
                "These octets and nothing else, with \\r, \\n, \\t, \\0, \\xNN, \\\\ and \\\"; *N says them N times.",
            ),
            (">lf TEXT", "The text and a bare LF."),
            (">cr TEXT", "The text and a lone CR."),
            (">slow TIME TEXT", "The text and CRLF, an octet at a time."),
            (
                ">message [raw]",
                "The message that --to, --subject, --body and the other options describe, with its dots doubled and the \
                 final dot; with raw, as it is, for BDAT $message.size LAST.",
            ),
            (
                ">file FILE [dots]",
                "The octets of a file beside the script; with dots, as after DATA: dots doubled, and the final dot.",
            ),
            (
                "{\n}",
                "What is said between these lines goes out in one packet.",
            ),
        ],
    ),
    (
        "WHAT IS EXPECTED",
        &[],
        &[
            (
                "< CODE[|CODE]...",
                "A reply with one of these codes: 250, a class like 2xx, any; close, if the server may close instead. A \
                 hyphen behind them, as in 250-, wants more than one line.",
            ),
            (
                "< CODE /REGEX/[i]",
                "The text of the reply, without its codes and with LF between its lines, has this in it; with i in any \
                 case. A group like (?<id>[0-9A-F]+) sets the variable $id.",
            ),
            (
                "< CODE has KEYWORD [PARAMETER]...",
                "A line of the reply offers this, as EHLO's do. May be repeated.",
            ),
            ("< CODE lacks KEYWORD", "None does."),
            ("expect-silence TIME", "Nothing comes for so long."),
            (
                "expect-close [TIME]",
                "The server closes, and says nothing more.",
            ),
            (
                "pass-if CONDITION",
                "Ends the test as passed, if the last reply is so. The condition is written as behind <; has and lacks \
                 are about the last reply to EHLO. Also pass-unless, skip-if and skip-unless (the test is not counted), \
                 fail-if and fail-unless.",
            ),
            ("pause TIME", "Does nothing for so long: 2s, 500ms, 1m."),
            ("timeout TIME", "The limit for every step from here on."),
        ],
    ),
    (
        "VARIABLES, LOOPS AND OTHER SCRIPTS",
        &[
            "A variable is written $NAME or ${NAME}, a dollar sign $$. There are always $server, $host and $port (of --server), \
         $helo, $from (without --from, nobody) and $to (without --to, postmaster), $message.size, and in loops $n. One that \
         nothing sets is a mistake.",
        ],
        &[
            (
                "set NAME VALUE",
                "Sets a variable; a value with blanks or escapes stands in quotes.",
            ),
            (
                "default NAME VALUE",
                "Sets it, unless -D on the command line or the script has done so.",
            ),
            ("print TEXT", "Shows a remark."),
            (
                "for NAME in VALUE...\nend",
                "Does the lines between for each value.",
            ),
            (
                "repeat N\nend",
                "Does them N times; $n is the number of the turn.",
            ),
            (
                "parallel N\nend",
                "Does them on N connections at once, each with its number as $n; all must pass.",
            ),
            (
                "include NAME",
                "Puts another script here: a file, named from where this one is, or one that comes along.",
            ),
        ],
    ),
];

const TESTS: [&str; 2] = [
    "\
test \"NAME\" begins a test, which lasts until the next, or until the end of the for or the file that it stands in. What
stands before the first test is done at the beginning of each: connecting, mostly. A script without a test is one.",
    "\
A test that failed does not keep the next from being held. --tap and --junit tell of each; a test that could not be held,
because nobody answered, is an error and no failure.",
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

const SHIPPED: [&str; 2] = [
    "\
They are to be run against a server of your own, which may get strange messages to its postmaster, or to $to. Named on
the command line, a file of that name wins; --show prints one, to begin your own with. Where a test does not do what your
server needs, copy it.",
    "\
-D sets what they can be told: to and from (addresses), helo; for relay, domain (one that the server takes mail for) and
other (one that it does not, example.net unless you say so).",
];

const RECORDING: &str = "\
--record sends a message with the options of ehlo(1), and writes the session into a file that holds it again: what was
said, what was said in one packet, and the codes that came back. The message stands beside it in FILE.eml. A login becomes
the word auth, so that no password is written. The message goes by DATA, also where BDAT is offered.";

const EXAMPLES: &str = "\
ehlo script smuggling --server mx.example.org
ehlo script relay --server mx.example.org -D domain=example.org
prove -e 'ehlo script --tap --server 127.0.0.1:2525' t/*.ehlo
ehlo script conformance extensions --server mx.example.org -q --junit results.xml
ehlo script login.ehlo --server mx.example.org:587 -u alice --password-file pw
ehlo script --record s.ehlo -r mx.example.org -b hello bob@example.org
ehlo script --check s.ehlo";

const STATUS: [(&str, &str); 10] = [
    ("0", "every test passed, or was skipped"),
    ("1", "a server did something else than a script expects"),
    (
        "64",
        "the command line is wrong, or does not give what a script wants",
    ),
    ("65", "a script has a mistake; nothing was sent"),
    ("66", "a script, or a file that it says, cannot be read"),
    ("68", "the server does not exist"),
    ("73, 74", "the results cannot be written"),
    ("75", "there is no connection to the server"),
    (
        "77",
        "a password stays here, because the connection is not encrypted",
    ),
    ("others", "with --record, those of sending: see ehlo(1)"),
];

/// A form of the manual with something in the place of each of its words that stand for others.
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
        section(own, "SCRIPTS THAT COME ALONG", &SHIPPED);
        let shipped = BUILT_IN.iter();
        rows(own, shipped.map(|one| (one.name.to_owned(), one.about())));
        section(own, "RECORDING", &[RECORDING]);
        section(own, "EXAMPLES", &[]);
        as_typed(own, EXAMPLES);
        table(own, "EXIT STATUS", owned(&STATUS));
    })
}

#[test]
fn every_script_in_the_manual_has_no_mistake() {
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
