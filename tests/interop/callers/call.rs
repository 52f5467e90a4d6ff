//! One call of sendmail, as it was written down.

use super::letter::Letter;
use std::fs;
use std::path::Path;

/// What a sendmail was given.
#[derive(Debug)]
pub struct Call {
    /// By which user, as a number.
    pub user: String,
    /// Behind its name.
    pub arguments: Vec<String>,
    /// On the standard input.
    pub input: Vec<u8>,
}

/// A sendmail that writes down what it gets, each call in a directory of its own that is there when
/// all of it is. Needs nothing of the environment.
pub fn recorder(calls: &Path) -> String {
    let calls = calls.display();
    format!(
        "#!/bin/sh -e
PATH=/usr/bin:/bin
call=$(mktemp -d {calls}/.XXXXXX)
id -u > \"$call/user\"
printf '%s\\n' \"$@\" > \"$call/arguments\"
cat > \"$call/input\"
mv \"$call\" \"{calls}/${{call##*/.}}\"
"
    )
}

impl Call {
    /// The only one that was written down here so far.
    pub fn only(calls: &Path) -> Option<Self> {
        let names = fs::read_dir(calls)
            .unwrap()
            .map(|file| file.unwrap().file_name());
        let done: Vec<_> = names
            .filter(|name| !name.to_str().unwrap().starts_with('.'))
            .collect();
        assert!(done.len() < 2, "sendmail was called {} times", done.len());
        let directory = calls.join(done.first()?);
        let text = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        let arguments = text("arguments");
        Some(Self {
            user: text("user").trim().to_owned(),
            arguments: arguments.lines().map(str::to_owned).collect(),
            input: fs::read(directory.join("input")).unwrap(),
        })
    }

    /// As a shell takes them.
    pub fn quoted_arguments(&self) -> String {
        let arguments = self.arguments.iter();
        let quoted = arguments.map(|word| format!("'{}'", word.replace('\'', r"'\''")));
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// The message that it gives.
    pub fn letter(&self) -> Letter {
        let mut input = without_cr(&self.input);
        if !self.reads_on_behind_a_dot() {
            let lines = input.split_inclusive(|&byte| byte == b'\n');
            let before = lines.take_while(|line| !matches!(*line, b".\n" | b"."));
            input = before.collect::<Vec<_>>().concat();
        }
        if !input.ends_with(b"\n") {
            input.push(b'\n');
        }
        Letter::parse(&input)
    }

    fn reads_on_behind_a_dot(&self) -> bool {
        let mut options = self.arguments.iter().take_while(|word| *word != "--");
        options.any(|option| option == "-i" || option == "-oi")
    }
}

fn without_cr(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        if byte != b'\r' || text.get(at + 1) != Some(&b'\n') {
            plain.push(byte);
        }
    }
    plain
}
