//! The password and whoever looks over our shoulder: it stands in no output, whatever a server
//! that knows it says, in no command line and in no child's environment. Files that others can read
//! are refused.

use crate::authority::{BOTH, ONLY_12};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::sasl::{PASSWORD, Scram, encode, logging_in, logging_in_with};
use crate::server::{Server, Talk};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// With letters that are not ASCII.
const UMLAUTS: &str = "Pä55-wörter-Ω";

const FORMATS: [&[&str]; 3] = [&["-v"], &["--json"], &["-q"]];

/// What base64 makes of something, wherever in a longer text it stands: the characters that depend on
/// nothing else.
fn alignments(secret: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|offset| {
        let padded = [&vec![b'x'; offset][..], secret].concat();
        let all = encode(&padded);
        all[(offset * 8).div_ceil(6)..padded.len() * 8 / 6].to_owned()
    })
}

/// All that must not be seen of a secret.
fn traces(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut all = alignments(bytes).to_vec();
    all.push(secret.to_owned());
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    all.push(digits.concat());
    all.push(bytes.escape_ascii().to_string());
    let ascii: String = secret.chars().filter(char::is_ascii).collect();
    // The longest run of ASCII, for those that escape the rest.
    let longest = secret
        .split(|c: char| !c.is_ascii())
        .max_by_key(|run| run.len());
    if ascii.len() != secret.len() {
        all.push(longest.unwrap().to_owned());
    }
    all
}

#[track_caller]
fn is_free_of(text: &str, secret: &str) {
    for trace in traces(secret) {
        assert!(
            !text.contains(&trace),
            "{trace:?} of {secret:?} is in {text}"
        );
    }
}

#[track_caller]
fn keeps_secret(run: &Run, secret: &str) {
    is_free_of(&run.stdout, secret);
    is_free_of(&run.stderr, secret);
}

/// Everything that was seen of secrets in many runs, so that one does not hide another.
#[derive(Default)]
struct Leaks(Vec<String>);

impl Leaks {
    fn look(&mut self, row: &str, run: &Run, secret: &str) {
        for (place, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
            for line in text.lines() {
                let traces = traces(secret).into_iter();
                let seen: Vec<String> = traces.filter(|trace| line.contains(trace)).collect();
                if !seen.is_empty() {
                    self.0.push(format!("{row}: {seen:?} on {place}: {line}"));
                }
            }
        }
    }

    #[track_caller]
    fn are_none(self) {
        let count = self.0.len();
        assert!(count == 0, "{count} leaks:\n{}", self.0.join("\n"));
    }
}

/// What a server that wants the secret to be seen puts into its replies.
fn echoes(secret: &str) -> Vec<String> {
    let mut all = vec![
        format!("you said {secret}"),
        secret.to_owned(),
        format!("<{secret}>"),
        encode(secret),
        encode(format!("\0alice\0{secret}")),
        encode(format!("alice\0alice\0{secret}")),
        encode(format!("x{secret}")),
        encode(format!("xy{secret}z")),
        encode(format!("{{\"token\":\"{secret}\"}}")),
    ];
    all.dedup();
    all
}

/// How alice logs in, up to the server's last word.
fn log_in(talk: &mut Talk, mechanism: &str, password: &str) {
    match mechanism {
        "LOGIN" => {
            talk.expect("AUTH LOGIN");
            talk.ask("Username:");
            talk.line();
            talk.ask("Password:");
            talk.line();
        }
        "CRAM-MD5" => {
            talk.expect("AUTH CRAM-MD5");
            talk.ask("<x@y>");
            talk.line();
        }
        "PLAIN" => {
            let line = talk.line();
            assert!(line.starts_with("AUTH PLAIN "));
        }
        _ => {
            let mut scram = Scram::of(mechanism);
            let client = talk.begun(mechanism);
            talk.ask(scram.first(&client));
            let client = talk.decoded();
            talk.ask(scram.last(&client, password));
            talk.expect("");
        }
    }
}

const MECHANISMS: [&str; 4] = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"];

#[test]
fn the_password_is_not_shown_when_all_goes_well() {
    for password in [PASSWORD, UMLAUTS] {
        for mechanism in MECHANISMS {
            for format in FORMATS {
                let run = logging_in(password, format, move |talk| {
                    talk.offer_auth(mechanism);
                    log_in(talk, mechanism, password);
                    talk.say("235 2.7.0 welcome");
                    talk.take_mail();
                });
                run.exits(0).complains(0);
                keeps_secret(&run, password);
            }
        }
    }
}

#[test]
fn a_server_that_says_the_password_when_it_refuses_it_is_not_quoted() {
    let mut leaks = Leaks::default();
    for password in [PASSWORD, UMLAUTS] {
        for mechanism in MECHANISMS {
            for echo in echoes(password) {
                // SCRAM works hard in a debug build, and what is said back is masked alike.
                if mechanism != "PLAIN" && password != PASSWORD {
                    continue;
                }
                for format in FORMATS
                    .iter()
                    .filter(|format| mechanism == "PLAIN" || format[0] == "-v")
                {
                    let said = echo.clone();
                    let run = logging_in(password, format, move |talk| {
                        talk.offer_auth(mechanism);
                        log_in(talk, mechanism, password);
                        talk.say(&format!("535-5.7.8 wrong\n535 5.7.8 {said} is wrong"));
                        talk.quit();
                    });
                    let row = format!("{mechanism}, {format:?}: {echo}");
                    run.exits(77);
                    leaks.look(&row, &run, password);
                }
            }
        }
    }
    leaks.are_none();
}

/// A whole delivery to a server that says this in every reply.
fn echoing(echo: &str, password: &str, format: &[&str]) -> Run {
    let said = echo.to_owned();
    logging_in(password, format, move |talk| {
        talk.expect("EHLO me.example");
        talk.say(&format!("250-mx {said}\n250-X-{said}\n250 AUTH PLAIN"));
        talk.begun("PLAIN");
        talk.say(&format!("235 {said}"));
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say(&format!("250 {said}"));
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say(&format!("250 {said}"));
        talk.expect("DATA");
        talk.say(&format!("354 {said}"));
        talk.message();
        talk.say(&format!("250 {said}"));
        talk.expect("QUIT");
        talk.say(&format!("221 {said}"));
    })
}

/// The octets of a dump, in the order of its rows.
fn undumped(dump: &str) -> String {
    let is_mark =
        |line: &&str| [">>> ", "<<< ", "  > ", "<   "].contains(&&line[..4.min(line.len())]);
    let rows = dump.lines().filter(is_mark);
    let octets = rows.flat_map(|row| {
        // Behind the mark and the offset; what can be printed stands behind sixteen octets.
        let words = row[4..].split(' ').skip(1).filter(|word| !word.is_empty());
        let octets = words.map_while(|word| u8::from_str_radix(word, 16).ok());
        octets.take(16).collect::<Vec<u8>>()
    });
    String::from_utf8_lossy(&octets.collect::<Vec<u8>>()).into_owned()
}

#[test]
fn octets_in_hexadecimal_hide_it_as_lines_do() {
    let mut leaks = Leaks::default();
    for password in [PASSWORD, UMLAUTS] {
        for echo in [password.to_owned(), encode(format!("xy{password}z"))] {
            for format in [&["--hex"][..], &["--hex", "--transcript", "swaks"]] {
                let run = echoing(&echo, password, format);
                run.exits(0);
                let octets = undumped(&run.stdout);
                assert!(octets.contains("AUTH PLAIN ****"), "{octets}");
                let row = format!("{format:?}: {echo}");
                leaks.look(&row, &run, password);
                let stdout = octets;
                leaks.look(&row, &Run { stdout, ..run }, password);
            }
        }
    }
    leaks.are_none();
}

#[test]
fn a_server_that_says_the_password_in_every_reply_is_not_quoted() {
    let mut leaks = Leaks::default();
    for password in [PASSWORD, UMLAUTS] {
        for echo in echoes(password) {
            for format in FORMATS {
                let run = echoing(&echo, password, format);
                let row = format!("{format:?}: {echo}");
                run.exits(0);
                leaks.look(&row, &run, password);
            }
        }
    }
    leaks.are_none();
}

#[test]
fn a_server_that_says_the_whole_line_back_is_not_quoted() {
    let mut leaks = Leaks::default();
    for password in [PASSWORD, UMLAUTS] {
        for code in ["535", "501", "235", "454", "250"] {
            let run = logging_in(password, &["-v"], move |talk| {
                talk.offer_auth("PLAIN");
                let line = talk.line();
                talk.say(&format!("{code} {line}"));
                talk.answer_with(&format!("{code} {line}"));
            });
            let row = code.to_owned();
            leaks.look(&row, &run, password);
        }
    }
    leaks.are_none();
}

#[test]
fn a_server_that_breaks_the_protocol_with_the_password_is_not_quoted() {
    let mut leaks = Leaks::default();
    for password in [PASSWORD] {
        for echo in echoes(password) {
            for (row, before, after) in [
                ("no reply", "", "\r\n"),
                ("a bad code", "999 ", "\r\n"),
                ("2yz", "250 ", "\r\n"),
                ("two codes", "235-x\r\n250 ", "\r\n"),
                ("a second reply", "235 ok\r\n250 ", "\r\n"),
                ("half a reply", "235 ok\r\n", ""),
                (
                    "behind a long start",
                    "235 ok\r\n250 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                    "\r\n",
                ),
            ] {
                let said = format!("{before}{echo}{after}");
                let run = logging_in(password, &["-v"], move |talk| {
                    talk.offer_auth("PLAIN");
                    talk.begun("PLAIN");
                    talk.send(said.as_bytes());
                    talk.rest();
                });
                let row = format!("{row}: {echo}");
                run.exits(76);
                leaks.look(&row, &run, password);
            }
        }
    }
    leaks.are_none();
}

#[test]
fn a_challenge_that_says_the_password_is_not_quoted() {
    let mut leaks = Leaks::default();
    for mechanism in ["LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "PLAIN"] {
        for (row, challenge) in [
            ("plain", PASSWORD.to_owned()),
            ("encoded", encode(PASSWORD)),
            ("in the middle", encode(format!("e={PASSWORD}"))),
            ("an error", encode(format!("e=x {PASSWORD}"))),
            ("iterations", encode(format!("r=x,s=eA==,i={PASSWORD}"))),
            ("longer", encode(format!("xx{PASSWORD} and more"))),
        ] {
            let run = logging_in(PASSWORD, &["-v"], move |talk| {
                talk.offer_auth(mechanism);
                let _ = talk.line();
                talk.say(&format!("334 {challenge}"));
                talk.answer_with("535 5.7.8 no");
            });
            let row = format!("{mechanism}, {row}");
            run.exits(77);
            leaks.look(&row, &run, PASSWORD);
        }
    }
    leaks.are_none();
}

/// A token that is as easy to recognize.
const TOKEN: &str = "ya29.Gr8-hunter2_Token";

#[test]
fn a_server_that_says_the_token_is_not_quoted() {
    let mut leaks = Leaks::default();
    for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
        for challenge in [
            format!("{{\"status\":\"invalid_token\",\"token\":\"{TOKEN}\"}}"),
            TOKEN.to_owned(),
            format!("x{TOKEN}"),
            format!("xy{TOKEN}"),
        ] {
            for format in FORMATS {
                let challenge = challenge.clone();
                let source = |ehlo: Ehlo| {
                    ehlo.private("token", TOKEN);
                    ehlo.args(["--oauth-token-command", "cat token"])
                };
                let run = logging_in_with(BOTH, format, source, move |talk| {
                    talk.offer_auth(mechanism);
                    talk.begun(mechanism);
                    talk.ask(&challenge);
                    talk.line();
                    talk.say(&format!("535 5.7.8 {TOKEN} has expired"));
                    talk.quit();
                });
                let row = format!("{mechanism}, {format:?}");
                run.exits(77);
                leaks.look(&row, &run, TOKEN);
            }
        }
    }
    leaks.are_none();
}

#[test]
fn no_command_line_and_no_child_has_the_password() {
    let source = |ehlo: Ehlo| {
        ehlo.private("secret", PASSWORD);
        let look = "cat /proc/$PPID/cmdline /proc/$$/environ /proc/self/environ > \"$SEEN\"; \
                    grep -h core /proc/$PPID/limits >> \"$SEEN\"; cat secret";
        // What would be used without the command.
        ehlo.env("EHLO_PASSWORD", "another-Gr8-secret")
            .args(["--password-command", look])
    };
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let source = |ehlo: Ehlo| source(ehlo).env("SEEN", &seen);
    let run = logging_in_with(ONLY_12, &["-v"], source, |talk| {
        talk.offer_auth("PLAIN");
        assert_eq!(
            talk.begun("PLAIN"),
            format!("\0alice\0{PASSWORD}").as_bytes()
        );
        talk.say("235 welcome");
        talk.take_mail();
    });
    run.exits(0).complains(0);
    keeps_secret(&run, PASSWORD);
    keeps_secret(&run, "another-Gr8-secret");
    let seen = fs::read(directory.path().join("seen")).unwrap();
    let seen = String::from_utf8_lossy(&seen);
    assert!(
        seen.contains("--password-command") && seen.contains("SEEN="),
        "{seen}"
    );
    is_free_of(&seen, PASSWORD);
    is_free_of(&seen, "another-Gr8-secret");
    // No core file: a soft and a hard limit of nothing.
    let (_, limits) = seen.split_once("Max core file size").unwrap();
    assert!(limits.split_whitespace().take(2).eq(["0", "0"]), "{limits}");
}

#[test]
fn what_is_saved_of_a_session_has_no_password() {
    let directory = tempfile::tempdir().unwrap();
    let certificates = directory.path().join("certificates");
    let keys = directory.path().join("keys");
    let source = |ehlo: Ehlo| {
        ehlo.env("EHLO_PASSWORD", PASSWORD)
            .env("SSLKEYLOGFILE", &keys)
            .args(["--save-certs".as_ref(), certificates.as_os_str()])
    };
    let run = logging_in_with(BOTH, &[], source, |talk| {
        talk.offer_auth("PLAIN");
        talk.begun("PLAIN");
        talk.say("235 welcome");
        talk.take_mail();
    });
    run.exits(0);
    for path in [certificates, keys] {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.is_empty());
        is_free_of(&text, PASSWORD);
    }
}

/// Where a password may come from, with the file that has it.
fn sources() -> Vec<(&'static str, String, &'static [&'static str])> {
    vec![
        (
            "secret",
            format!("{PASSWORD}\n"),
            &["--password-file", "secret"][..],
        ),
        (
            ".netrc",
            format!("machine 127.0.0.1 login alice password {PASSWORD}\n"),
            &[],
        ),
    ]
}

#[test]
fn a_password_in_a_file_of_ours_alone_is_used() {
    for (name, content, options) in sources() {
        let source = |ehlo: Ehlo| {
            ehlo.private(name, &content);
            ehlo
        };
        let run = logging_in_with(BOTH, options, source, |talk| {
            talk.offer_auth("PLAIN");
            assert_eq!(
                talk.begun("PLAIN"),
                format!("\0alice\0{PASSWORD}").as_bytes()
            );
            talk.say("235 welcome");
            talk.take_mail();
        });
        println!("{name}");
        run.exits(0).complains(0);
        keeps_secret(&run, PASSWORD);
    }
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_refused_with_the_chmod() {
    for (name, content, options) in sources() {
        for mode in [0o644, 0o604, 0o660, 0o666] {
            let server = Server::untouched();
            let ehlo = Ehlo::to(&server)
                .args(["--tls", Way::Implicit.option(), "-u", "alice"])
                .args(options);
            let path = ehlo.private(name, &content);
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            let run = ehlo.text_to_bob().run();
            server.finish();
            println!("{name}, {mode:o}");
            run.exits(77).complains(1).says(&["chmod 600 ", name]);
            keeps_secret(&run, PASSWORD);
        }
    }
}

#[test]
fn a_source_that_gives_nothing_is_refused_before_connecting() {
    for (code, options) in [
        (66, &["--password-file", "none"][..]),
        (66, &["--password-file", "."]),
        (77, &["--password-file", "empty"]),
        (77, &["--password-command", "false"]),
        (77, &["--password-command", "true"]),
        (77, &["--password-command", "cat secret; exit 1"]),
        (77, &["--oauth-token-command", "cat secret; exit 1"]),
        (77, &["--password-command", "kill -9 $$"]),
        (64, &["--password", "hunter2-Gr8!"]),
        (64, &["--password=hunter2-Gr8!"]),
    ] {
        let server = Server::untouched();
        let ehlo = Ehlo::to(&server)
            .args(["--tls", "implicit", "-u", "alice"])
            .args(options);
        ehlo.private("secret", PASSWORD);
        ehlo.private("empty", "");
        let run = ehlo.text_to_bob().run();
        server.finish();
        println!("{options:?}: {}", run.stderr);
        run.exits(code).complains(1);
        keeps_secret(&run, PASSWORD);
    }
}
