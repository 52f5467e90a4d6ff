//! Command lines as scripts have them, with the programs and with their stand-ins: the same messages and exit statuses.

use crate::executable::write_script;
use crate::receiver::Receiver;
use crate::stand_ins::{Home, Result, installed, mail_config, messages, msmtp_config, original};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

/// A line of the table.
struct Line<'a> {
    program: &'a str,
    command: &'a str,
}

impl<'a> Line<'a> {
    fn all(text: &'a str) -> impl Iterator<Item = Self> {
        let lines = text.lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| {
            let (program, command) = line.split_once(' ').unwrap();
            let command = command.trim_start();
            Self { program, command }
        })
    }

    /// The program as `stand_ins` names it, and the names by which the lines call it.
    fn names(&self) -> (&'static str, &'static [&'static str]) {
        match self.program {
            "bsd" => ("bsd-mailx", &["mail", "mailx"]),
            "nail" => ("s-nail", &["mail", "mailx"]),
            "gnu" => ("mailutils", &["mail"]),
            "mutt" => ("mutt", &["mutt"]),
            "msmtp" => ("msmtp", &["msmtp"]),
            other => panic!("{other}"),
        }
    }

    /// What became of it. `path`: the program; `None`: its stand-in.
    fn result(&self, path: Option<&Path>) -> Result {
        let home = Home::new();
        let server = Receiver::start(&["--json", "--maildir", "mail"]);
        mail_config(&home, &server);
        msmtp_config(&home, &server, "");
        fs::copy(home.path("rcmutt"), home.path(".muttrc")).unwrap();
        for (name, content) in FILES {
            fs::write(home.path(name), content).unwrap();
        }
        let bin = home.path("bin");
        fs::create_dir(&bin).unwrap();
        let (program, names) = self.names();
        for name in names {
            match path {
                None => symlink(env!("CARGO_BIN_EXE_ehlo"), bin.join(name)).unwrap(),
                Some(path) => wrap(&home, program, path, &bin.join(name)),
            }
        }
        let mut command = home.command(Path::new("/bin/bash"));
        let output = command
            .args(["-c", self.command])
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .env("HOST", "web1")
            .env("RELAY", server.relay())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Result {
            exit: output.status.code(),
            messages: messages(server),
        }
    }
}

/// A script that calls the program with what it needs to send by the server of the test.
fn wrap(home: &Home, program: &str, path: &Path, script: &Path) {
    let command = original(home, program, path);
    let mut text = "#!/bin/sh\n".to_owned();
    for (name, value) in command.get_envs() {
        if let (Some("LD_LIBRARY_PATH"), Some(value)) = (name.to_str(), value) {
            text.push_str(&format!("export LD_LIBRARY_PATH={}\n", value.display()));
        }
    }
    let words = command.get_args().map(|word| word.display().to_string());
    let words: Vec<String> = words.collect();
    text.push_str(&format!(
        "exec {} {} \"$@\"\n",
        path.display(),
        words.join(" ")
    ));
    write_script(script, text);
}

const FILES: [(&str, &str); 8] = [
    ("log", "first line\nsecond line\n"),
    ("data.csv", "a,b\n1,2\n"),
    ("dots", "before\n.\n..two\n.x\nafter\n"),
    ("tildes", "~s not a command\n~~ two\ntext\n"),
    ("escapes", "~s other\ntext\n"),
    ("utf8", "Grüße, 日本語\n"),
    ("base64", "aGVsbG8K\n"),
    ("long", LONG),
];

const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";

#[test]
fn command_lines_of_scripts_do_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/command_lines.txt");
    let text = fs::read_to_string(path).unwrap();
    let mut programs = BTreeMap::new();
    let mut different = Vec::new();
    for line in Line::all(&text) {
        let (program, _) = line.names();
        let path = programs
            .entry(program)
            .or_insert_with(|| installed(program));
        let Some(path) = path else {
            continue;
        };
        let (theirs, own) = (line.result(Some(path)), line.result(None));
        if theirs != own {
            different.push(format!(
                "{} {}\n  {theirs:?}\n  {own:?}",
                line.program, line.command
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
