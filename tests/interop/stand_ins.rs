//! The stand-ins for msmtp and for mail programs beside the programs themselves: the same command line, the same server,
//! and the same message, recipients and exit status. The kinds of command lines are those of scripts.

use crate::ca::Ca;
use crate::executable::write_script;
use crate::parts::skip;
use crate::receiver::Receiver;
use mail_parser::{MessageParser, MimeHeaders as _};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MAILUTILS: &str = "/opt/mailutils/usr/bin/mail.mailutils";

/// A home directory with the configuration of both programs.
pub struct Home {
    directory: tempfile::TempDir,
}

/// What became of a command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Result {
    pub exit: Option<i32>,
    pub messages: Vec<Sent>,
}

/// A message as the server got it.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    from: String,
    user: Value,
    recipients: BTreeSet<String>,
    fields: Vec<(&'static str, String)>,
    text: String,
    files: Vec<(String, String)>,
}

impl Home {
    pub fn new() -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        for (name, content) in [
            ("file.txt", "attached\n"),
            ("page.html", "<b>page</b>\n"),
            (
                "draft",
                "To: bob@hamburger.edu\nSubject: of the draft\nX-Draft: 1\n\nthe draft\n",
            ),
        ] {
            fs::write(home.path(name), content).unwrap();
        }
        home.private("config.toml", "");
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn private(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    /// A program that the name of another program is linked to.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.directory.path())
            .env("LC_ALL", "C.UTF-8")
            .env("EHLO_CONFIG", self.path("config.toml"))
            .env("EHLO_STATE_DIR", self.path("state"))
            .env("EHLO_SUBMIT_SOCKET", "")
            .current_dir(self.directory.path());
        command
    }
}

fn run(mut command: Command, input: &str) -> Option<i32> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its command line reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    eprintln!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.status.code()
}

/// The messages that a server got.
pub fn messages(server: Receiver) -> Vec<Sent> {
    let directory = server.path("mail");
    let keep = tempfile::tempdir().unwrap();
    // The directory of the server ends with it.
    let copy = keep.path().join("mail");
    let events = {
        let copied = Command::new("cp")
            .arg("-r")
            .args([&directory, &copy])
            .status();
        assert!(copied.is_ok());
        server.stop().events("message")
    };
    let sent = events.iter().map(|event| {
        let path = PathBuf::from(event["path"].as_str().unwrap());
        let name = path.file_name().unwrap();
        let text = fs::read(copy.join("new").join(name)).unwrap();
        sent(event, &text)
    });
    sent.collect()
}

fn sent(event: &Value, text: &[u8]) -> Sent {
    let message = MessageParser::default().parse(text).unwrap();
    let recipients = event["recipients"].as_array().unwrap().iter();
    let field = |name: &'static str| {
        let value = message.header_raw(name).unwrap_or_default();
        let value: Vec<&str> = value.split_whitespace().collect();
        let value = value.join(" ").replace(['"', '<', '>'], "");
        // bsd-mailx reverses the order of its operands, and keeps a list as it was written.
        let parts: BTreeSet<&str> = value.split(',').map(str::trim).collect();
        let parts: Vec<&str> = parts.into_iter().collect();
        (name, parts.join(","))
    };
    let decoded = message.subject().unwrap_or_default().trim().to_owned();
    let mut fields = vec![("Subject", decoded)];
    fields.extend(["To", "Cc", "Bcc", "X-A", "X-Draft", "Reply-To"].map(field));
    let html = message
        .html_part(0)
        .is_some_and(|part| part.is_content_type("text", "html"));
    fields.push(("html", html.to_string()));
    let body = message
        .body_text(0)
        .or(message.body_html(0))
        .unwrap_or_default();
    Sent {
        from: event["from"].as_str().unwrap_or_default().to_owned(),
        user: event["user"].clone(),
        recipients: recipients
            .map(|recipient| recipient["address"].as_str().unwrap().to_owned())
            .collect(),
        fields,
        text: body.replace("\r\n", "\n").trim().to_owned(),
        files: message
            .attachments()
            .filter(|part| part.attachment_name().is_some())
            .map(|part| {
                let name = part.attachment_name().unwrap_or_default().to_owned();
                // mutt and s-nail send text as lines of text.
                let text = String::from_utf8_lossy(part.contents()).replace("\r\n", "\n");
                (name, text)
            })
            .collect(),
    }
}

/// A link to ehlo by this name.
fn stand_in(home: &Home, name: &str) -> PathBuf {
    let path = home.path(name);
    if !path.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ehlo"), &path).unwrap();
    }
    path
}

const MESSAGE: &str = "From: Alice <alice@crepes.fr>\nTo: bob@hamburger.edu, Ann <ann@hamburger.edu>\n\
                       Cc: carol@hamburger.edu\nBcc: dave@hamburger.edu\nSubject: menu\nX-A: 1\n\nhello\n.\n..dots\n";

/// Command lines of msmtp, with the account `a` for a server without TLS.
const MSMTP: [(&str, &[&str]); 42] = [
    ("", &["bob@hamburger.edu"]),
    ("", &["-t"]),
    ("", &["-t", "eve@hamburger.edu"]),
    ("", &["bob@hamburger.edu", "ann@hamburger.edu"]),
    ("", &["-a", "a", "--", "bob@hamburger.edu"]),
    ("", &["--account=a", "-t", "-i"]),
    ("", &["-oi", "-f", "eve@crepes.fr", "bob@hamburger.edu"]),
    ("", &["-oi", "-t", "-feve@crepes.fr"]),
    ("", &["--from=eve@crepes.fr", "bob@hamburger.edu"]),
    ("", &["-f", "<>", "bob@hamburger.edu"]),
    ("", &["--read-envelope-from", "-t"]),
    ("", &["--read-recipients", "--read-envelope-from"]),
    ("", &["-C", "rc", "bob@hamburger.edu"]),
    ("", &["--file=rc", "-a", "b", "bob@hamburger.edu"]),
    ("", &["--file", "missing", "bob@hamburger.edu"]),
    ("", &["-a", "none", "bob@hamburger.edu"]),
    ("", &["-F", "Full Name", "bob@hamburger.edu"]),
    (
        "",
        &[
            "-bm",
            "-B8BITMIME",
            "-O",
            "x=y",
            "-L",
            "tag",
            "bob@hamburger.edu",
        ],
    ),
    ("", &["-bs"]),
    ("", &["--tls=on", "bob@hamburger.edu"]),
    (
        "",
        &[
            "--auth=on",
            "--user=alice",
            "--passwordeval=echo hunter2",
            "bob@hamburger.edu",
        ],
    ),
    (
        "",
        &["-N", "failure,delay", "-R", "hdrs", "bob@hamburger.edu"],
    ),
    ("", &["--domain=me.crepes.fr", "bob@hamburger.edu"]),
    (
        "",
        &[
            "--maildomain=crepes.fr",
            "--auto-from=on",
            "bob@hamburger.edu",
        ],
    ),
    ("", &["--undisclosed-recipients=on", "bob@hamburger.edu"]),
    ("", &["--remove-bcc-headers=off", "bob@hamburger.edu"]),
    ("", &["--set-from-header=on", "bob@hamburger.edu"]),
    ("", &["-X", "log", "bob@hamburger.edu"]),
    ("", &["--aliases=aliases", "bob@hamburger.edu", "root"]),
    ("", &["--aliases=aliases", "www"]),
    ("", &["--unknown", "bob@hamburger.edu"]),
    ("", &["--port=no", "bob@hamburger.edu"]),
    ("", &["-P", "bob@hamburger.edu"]),
    ("", &["-S"]),
    ("", &[]),
    ("banner=554 no", &["bob@hamburger.edu"]),
    ("mail=450 later", &["bob@hamburger.edu"]),
    ("rcpt=550 nobody", &["bob@hamburger.edu"]),
    ("dot=552 full", &["bob@hamburger.edu"]),
    ("rcpt=550 nobody@2", &["-t"]),
    ("rcpt=450 later@2", &["-t"]),
    (
        "rcpt=550 nobody@1",
        &["bob@hamburger.edu", "ann@hamburger.edu"],
    ),
];

#[test]
fn msmtp_and_its_stand_in_send_the_same() {
    let original = Path::new("/usr/bin/msmtp");
    if !original.exists() {
        return skip("msmtp is not installed");
    }
    for (fault, words) in MSMTP {
        let results = [true, false].map(|is_original| {
            let home = Home::new();
            let mut arguments = vec!["--json", "--maildir", "mail", "--offer", "DSN"];
            if !fault.is_empty() {
                arguments.extend(["--fault", fault]);
            }
            let server = Receiver::start(&arguments);
            msmtp_config(&home, &server, "");
            let program = if is_original {
                original.to_owned()
            } else {
                stand_in(&home, "msmtp")
            };
            let mut command = home.command(&program);
            command.args(words);
            let exit = run(command, MESSAGE);
            Result {
                exit,
                messages: messages(server),
            }
        });
        assert_eq!(results[0], results[1], "{fault} {words:?}");
    }
}

pub fn msmtp_config(home: &Home, server: &Receiver, more: &str) {
    let relay = server.relay();
    let (host, port) = relay.rsplit_once(':').unwrap();
    let config = format!(
        "# test\naccount a\nhost {host}\nport {port}\nfrom alice@crepes.fr\n{more}\naccount b : a\nfrom *@crepes.fr\n\
         account default : a\n"
    );
    home.private(".msmtprc", &config);
    home.private("rc", &config);
    fs::write(
        home.path("aliases"),
        "root: ops@crepes.fr\ndefault: all@crepes.fr\n",
    )
    .unwrap();
}

#[test]
fn msmtp_and_its_stand_in_log_in_over_tls() {
    let original = Path::new("/usr/bin/msmtp");
    if !original.exists() {
        return skip("msmtp is not installed");
    }
    for (mode, more, words) in [
        ("starttls", "tls on\ntls_trust_file CA\nauth on", &[][..]),
        ("starttls", "tls on\ntls_trust_file CA\nauth plain", &[]),
        ("starttls", "tls on\ntls_trust_file CA\nauth login", &[]),
        (
            "starttls",
            "tls on\ntls_trust_file CA\nauth scram-sha-256",
            &[],
        ),
        ("starttls", "tls on\ntls_trust_file CA\nauth cram-md5", &[]),
        (
            "starttls",
            "tls on\ntls_trust_file CA\nauth on",
            &["--passwordeval=echo wrong"],
        ),
        ("starttls", "tls on\nauth on", &[]),
        ("starttls", "tls on\ntls_certcheck off\nauth on", &[]),
        (
            "starttls",
            "tls on\ntls_trust_file CA\ntls_host_override other\nauth on",
            &[],
        ),
        (
            "implicit",
            "tls on\ntls_starttls off\ntls_trust_file CA\nauth on",
            &[],
        ),
        (
            "implicit",
            "tls on\ntls_trust_file CA\nauth on",
            &["--tls-starttls=off"],
        ),
    ] {
        let results = [true, false].map(|is_original| {
            let home = Home::new();
            let ca = Ca::make(home.directory.path());
            ca.sign("server", &["localhost"]);
            let (cert, key) = (home.path("server.pem"), home.path("server.key"));
            let server = Receiver::with_files(
                &[("users", "alice:hunter2\n")],
                &[
                    "--json",
                    "--maildir",
                    "mail",
                    "--auth",
                    "users",
                    "--tls",
                    mode,
                    "--cert",
                    cert.to_str().unwrap(),
                    "--key",
                    key.to_str().unwrap(),
                ],
            );
            let more = more.replace("CA", &ca.file());
            let more = format!("host localhost\nuser alice\npasswordeval echo hunter2\n{more}");
            msmtp_config(&home, &server, &more);
            let program = if is_original {
                original.to_owned()
            } else {
                stand_in(&home, "msmtp")
            };
            let mut command = home.command(&program);
            command.args(words).arg("bob@hamburger.edu");
            let exit = run(command, MESSAGE);
            Result {
                exit,
                messages: messages(server),
            }
        });
        assert_eq!(results[0], results[1], "{mode} {more} {words:?}");
    }
}

/// Command lines of mail programs: the program, the words, and the file for standard input, or a text.
const MAIL: [(&str, &[&str], &str); 48] = [
    (
        "bsd-mailx",
        &["-s", "the subject", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "bsd-mailx",
        &["bob@hamburger.edu", "-s", "after"],
        "hello\n",
    ),
    (
        "bsd-mailx",
        &["-s", "x", "bob@hamburger.edu", "ann@hamburger.edu"],
        "hello\n",
    ),
    (
        "bsd-mailx",
        &["-s", "x", "bob@hamburger.edu,ann@hamburger.edu"],
        "hello\n",
    ),
    (
        "bsd-mailx",
        &[
            "-s",
            "x",
            "-c",
            "c@x.org",
            "-b",
            "b@x.org",
            "bob@hamburger.edu",
        ],
        "hello\n",
    ),
    (
        "bsd-mailx",
        &["-r", "alice@crepes.fr", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "bsd-mailx",
        &["-s", "x", "-a", "X-A: 1", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "bsd-mailx",
        &[
            "-s",
            "x",
            "-a",
            "Content-Type: text/html",
            "bob@hamburger.edu",
        ],
        "<b>x</b>\n",
    ),
    (
        "bsd-mailx",
        &["-s", "x", "-a", "Cc: c@x.org", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "bsd-mailx",
        &[
            "-a",
            "Content-Type: text/plain; charset=utf-8",
            "-a",
            "Content-Transfer-Encoding: base64",
            "-s",
            "x",
            "bob@hamburger.edu",
        ],
        "aGVsbG8K\n",
    ),
    (
        "bsd-mailx",
        &["-s", "Grüße", "bob@hamburger.edu"],
        "schön\n",
    ),
    (
        "bsd-mailx",
        &["-s", "x", "--", "bob@hamburger.edu"],
        "~s not a command\n.\nrest\n",
    ),
    (
        "bsd-mailx",
        &["-I", "-s", "x", "bob@hamburger.edu"],
        "a\n~s other\n~c c@x.org\n~~b\n",
    ),
    ("bsd-mailx", &["-s", "x", "bob@hamburger.edu"], ""),
    ("bsd-mailx", &["-E", "-s", "x", "bob@hamburger.edu"], ""),
    (
        "bsd-mailx",
        &["-E", "-s", "x", "bob@hamburger.edu"],
        "text\n",
    ),
    (
        "bsd-mailx",
        &["-n", "-i", "-v", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    ("bsd-mailx", &["-s", "x"], "hello\n"),
    ("bsd-mailx", &["-Z", "bob@hamburger.edu"], "hello\n"),
    (
        "bsd-mailx",
        &["-s", "x", "Bob B <bob@hamburger.edu>"],
        "hello\n",
    ),
    (
        "s-nail",
        &["-s", "the subject", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "s-nail",
        &["-s", "x", "-a", "file.txt", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "s-nail",
        &[
            "-s",
            "x",
            "-a",
            "file.txt",
            "-a",
            "page.html",
            "bob@hamburger.edu",
        ],
        "hello\n",
    ),
    (
        "s-nail",
        &["-s", "x", "-a", "missing", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "s-nail",
        &["-r", "alice@crepes.fr", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "s-nail",
        &["-S", "from=alice@crepes.fr", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "s-nail",
        &[
            "-c",
            "c@x.org",
            "-c",
            "d@x.org",
            "-b",
            "b@x.org",
            "-s",
            "x",
            "bob@hamburger.edu",
        ],
        "hello\n",
    ),
    (
        "s-nail",
        &["-C", "X-A: 1", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "s-nail",
        &["-M", "text/html", "-s", "x", "bob@hamburger.edu"],
        "<b>x</b>\n",
    ),
    (
        "s-nail",
        &["-q", "file.txt", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "s-nail",
        &["-t"],
        "To: bob@hamburger.edu\nSubject: of the template\nX-A: 1\n\nhello\n",
    ),
    ("s-nail", &["-E", "-s", "x", "bob@hamburger.edu"], ""),
    ("s-nail", &["-n", "-.", "bob@hamburger.edu"], "hello\n"),
    (
        "s-nail",
        &["-A", "none", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    ("s-nail", &["-Z", "bob@hamburger.edu"], "hello\n"),
    ("s-nail", &["-s", "x"], "hello\n"),
    (
        "mailutils",
        &["-s", "the subject", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "mailutils",
        &["-s", "x", "-A", "file.txt", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "mailutils",
        &["--subject=x", "--attach=file.txt", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "mailutils",
        &["-a", "X-A: 1", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "mailutils",
        &["--append=X-A: 1", "-s", "x", "bob@hamburger.edu"],
        "hello\n",
    ),
    ("mailutils", &["-Z", "bob@hamburger.edu"], "hello\n"),
    (
        "mutt",
        &["-s", "the subject", "bob@hamburger.edu"],
        "hello\n",
    ),
    (
        "mutt",
        &[
            "-s",
            "x",
            "-a",
            "file.txt",
            "--",
            "bob@hamburger.edu",
            "ann@hamburger.edu",
        ],
        "hello\n",
    ),
    (
        "mutt",
        &[
            "bob@hamburger.edu",
            "-s",
            "x",
            "-a",
            "file.txt",
            "page.html",
        ],
        "hello\n",
    ),
    (
        "mutt",
        &[
            "-s",
            "x",
            "-c",
            "c@x.org",
            "-b",
            "b@x.org",
            "bob@hamburger.edu",
        ],
        "hello\n",
    ),
    (
        "mutt",
        &[
            "-e",
            "set content_type=text/html; my_hdr X-A: 1",
            "-s",
            "x",
            "bob@hamburger.edu",
        ],
        "<b>x</b>\n",
    ),
    ("mutt", &["-H", "draft", "ann@hamburger.edu"], "typed\n"),
];

#[test]
fn mail_programs_and_their_stand_ins_send_the_same() {
    for (program, words, input) in MAIL {
        let Some(path) = installed(program) else {
            continue;
        };
        let results = [true, false].map(|is_original| {
            let home = Home::new();
            let server = Receiver::start(&["--json", "--maildir", "mail"]);
            mail_config(&home, &server);
            let mut command = if is_original {
                original(&home, program, &path)
            } else {
                home.command(&stand_in(&home, name_of(program)))
            };
            if program == "mutt" {
                command.args(["-n", "-F", "rcmutt"]);
            }
            command.args(words);
            let exit = run(command, input);
            Result {
                exit,
                messages: messages(server),
            }
        });
        assert_eq!(results[0], results[1], "{program} {words:?} {input:?}");
    }
}

/// The name of the stand-in for a program.
fn name_of(program: &str) -> &str {
    match program {
        "bsd-mailx" => "mailx",
        "mailutils" => "mail",
        same => same,
    }
}

pub fn installed(program: &str) -> Option<PathBuf> {
    let path = match program {
        "mailutils" => PathBuf::from(MAILUTILS),
        name => Path::new("/usr/bin").join(name),
    };
    if path.exists() {
        return Some(path);
    }
    skip(&format!("{program} is not installed"));
    None
}

pub fn original(home: &Home, program: &str, path: &Path) -> Command {
    let mut command = home.command(path);
    match program {
        "mailutils" => {
            let library = "/opt/mailutils/usr/lib/x86_64-linux-gnu";
            // It runs the program of its variable without arguments.
            let mailer = home.path("sendmail-t");
            let mailrc = format!("set sendmail={}\n", mailer.display());
            fs::write(home.path(".mailrc"), mailrc).unwrap();
            command
                .env("LD_LIBRARY_PATH", format!("{library}:{library}/mailutils9"))
                .arg("--no-config");
        }
        "s-nail" => {
            command.arg(format!("-Smta={}", home.path("sendmail").display()));
        }
        _ => {}
    }
    command
}

/// The configuration of the programs, which send with ehlo, and that of ehlo. Without a queue, ehlo sends at once.
pub fn mail_config(home: &Home, server: &Receiver) {
    let sendmail = home.path("sendmail");
    for (path, options) in [(&sendmail, ""), (&home.path("sendmail-t"), " -t")] {
        let ehlo = env!("CARGO_BIN_EXE_ehlo");
        let script = format!("#!/bin/sh\nexec {ehlo} sendmail -odi -oi{options} \"$@\"\n");
        write_script(path, script);
    }
    let sendmail = sendmail.display();
    let mailrc = format!("set sendmail={sendmail}\nset mta={sendmail}\nset sendwait\n");
    fs::write(home.path(".mailrc"), mailrc).unwrap();
    let muttrc =
        format!("set sendmail={sendmail}\nset sendmail_wait=0\nset copy=no\nset charset=utf-8\n");
    fs::write(home.path("rcmutt"), muttrc).unwrap();
    let config = format!(
        "default = \"sink\"\n[queue]\ndir = \"/dev/null/none\"\n[sendmail]\ndomain = \"crepes.fr\"\naliases = \"/dev/null\"\n[profile.sink]\nrelay = \"{}\"\n",
        server.relay()
    );
    home.private("config.toml", &config);
}
