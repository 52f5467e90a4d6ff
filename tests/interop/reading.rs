//! What we compose, read by readers that are not ours: Python, Perl, Ruby and mblaze see the same
//! tree, names, sizes and hashes, and the same subject and people character by character.

use crate::parts;
use crate::reader::sha256;
use crate::run::ehlo;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A message to be composed, and so what readers are to see.
struct Case {
    subject: &'static str,
    from: (&'static str, &'static str),
    to: &'static [(&'static str, &'static str)],
    body: &'static str,
    files: &'static [File],
}

/// An attachment: its name, the type that its name suggests, and its content.
type File = (&'static str, &'static str, &'static [u8]);

const PLAIN: Case = Case {
    subject: "hello",
    from: ("Alice", "alice@sender.test"),
    to: &[("", "bob@example.test")],
    body: "text\n",
    files: &[],
};

const CASES: [Case; 20] = [
    PLAIN,
    Case {
        subject: "Grüße aus Köln",
        body: "Grüße\n",
        ..PLAIN
    },
    Case {
        subject: "你好，世界",
        body: "你好，世界\n",
        ..PLAIN
    },
    Case {
        subject: "привет, мир и все остальные люди, которые это прочтут когда-нибудь",
        body: "привет\n",
        ..PLAIN
    },
    Case {
        subject: "שלום עולם",
        body: "שלום\n",
        ..PLAIN
    },
    Case {
        subject: "😀 party 🎉 at ten",
        body: "😀\n",
        ..PLAIN
    },
    Case {
        subject: "two  blanks, ü and  ü again",
        ..PLAIN
    },
    Case {
        subject: "ü ö ä with words between ß and é that are not encoded and make the line long",
        ..PLAIN
    },
    Case {
        subject: "=?utf-8?q?looks_encoded?= but is not",
        ..PLAIN
    },
    Case {
        subject: "a subject of plain words that is much longer than one line of seventy-eight characters can be, and goes on",
        ..PLAIN
    },
    Case {
        from: ("Ärger, Alice", "alice@sender.test"),
        to: &[
            ("Doe, John", "j@x.test"),
            ("用户名字", "u@x.test"),
            ("", "plain@x.test"),
        ],
        ..PLAIN
    },
    Case {
        from: ("Alice \"Al\" O'Hara", "alice@sender.test"),
        to: &[("Иван Петрович Сидоров-Оченьдлинный", "i@x.test")],
        ..PLAIN
    },
    Case {
        from: ("Dr. A. Smith (Oxford)", "alice@sender.test"),
        to: &[("J.R. \"Bob\" Dobbs", "j@x.test"), ("Zoë", "z@x.test")],
        ..PLAIN
    },
    Case {
        body: "trailing blank \n\n.\n..\nFrom here\n=3D is not =\n",
        ..PLAIN
    },
    Case {
        body: "no line end",
        ..PLAIN
    },
    Case {
        files: &[("menu.pdf", "application/pdf", b"%PDF-1.4\n\x00\xff")],
        ..PLAIN
    },
    Case {
        files: &[
            ("меню.pdf", "application/pdf", b"one"),
            ("日本語.txt", "text/plain", "zwei ü\r\ndrei".as_bytes()),
            ("קובץ.png", "image/png", b"\x89PNG\r\n\x1a\n"),
        ],
        body: "Grüße\n",
        ..PLAIN
    },
    Case {
        files: &[(
            "a name with blanks; and a semicolon, and a comma.bin",
            "application/octet-stream",
            &[0; 1000],
        )],
        ..PLAIN
    },
    Case {
        files: &[(
            "a very long name that goes on and on and on until no line can hold it in one piece any more, 日本語の長い長い名前.bin",
            "application/octet-stream",
            b"x",
        )],
        ..PLAIN
    },
    Case {
        files: &[
            ("empty.bin", "application/octet-stream", b""),
            ("one.bin", "application/octet-stream", b"\n"),
            ("100% sure.txt", "text/plain", b"no line end"),
        ],
        ..PLAIN
    },
];

/// A name that must be escaped in a quoted string.
const QUOTES: Case = Case {
    files: &[
        ("a \"b\" c.bin", "application/octet-stream", b"x"),
        ("back\\slash.bin", "application/octet-stream", b"y"),
    ],
    ..PLAIN
};

impl Case {
    /// Writes the files and what `--print` makes of the case.
    fn compose(&self, directory: &Path) -> PathBuf {
        let address = |(name, address): &(&str, &str)| {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            if name.is_empty() {
                (*address).to_owned()
            } else {
                format!("\"{escaped}\" <{address}>")
            }
        };
        let mut arguments = vec!["--print".to_owned(), "-f".to_owned(), address(&self.from)];
        arguments.extend(["-s".to_owned(), self.subject.to_owned()]);
        arguments.extend(["-b".to_owned(), self.body.to_owned()]);
        for (name, _, content) in self.files {
            fs::write(directory.join(name), content).unwrap();
            arguments.extend(["-a".to_owned(), format!("./{name}")]);
        }
        arguments.extend(self.to.iter().map(address));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let printed = ehlo(directory, &arguments);
        printed.ends_with(0);
        let path = directory.join("message.eml");
        fs::write(&path, &printed.stdout).unwrap();
        path
    }

    /// What a reader is to say of it.
    fn expected(&self) -> String {
        let mut all = format!("subject\t{}\n", self.subject);
        let (name, address) = self.from;
        writeln!(all, "from\t{name}\t{address}").unwrap();
        for (name, address) in self.to {
            writeln!(all, "to\t{name}\t{address}").unwrap();
        }
        let text = self.body.trim_end_matches('\n').as_bytes();
        part(&mut all, &("", "text/plain", text));
        self.files.iter().for_each(|file| part(&mut all, file));
        all
    }
}

fn part(all: &mut String, (name, kind, content): &(&str, &str, &[u8])) {
    let digest = sha256(content);
    writeln!(all, "part\t{kind}\t{name}\t{}\t{digest}", content.len()).unwrap();
}

/// A reader in this language: its interpreter, its script, and what shows that it can run.
struct Reader {
    interpreter: &'static [&'static str],
    script: &'static str,
    probe: &'static [&'static str],
    package: &'static str,
}

const PYTHON: Reader = Reader {
    interpreter: &["/usr/bin/python3"],
    script: "python.py",
    probe: &["/usr/bin/python3", "-c", "import email"],
    package: "python3",
};

const PERL: Reader = Reader {
    interpreter: &["/usr/bin/perl"],
    script: "perl.pl",
    probe: &["/usr/bin/perl", "-MMIME::Parser", "-e", "1"],
    package: "libmime-tools-perl",
};

const RUBY: Reader = Reader {
    interpreter: &["/usr/bin/ruby"],
    script: "ruby.rb",
    probe: &["/usr/bin/ruby", "-e", "require 'mail'"],
    package: "ruby-mail",
};

const MBLAZE: Reader = Reader {
    interpreter: &["/bin/sh"],
    script: "mblaze.sh",
    probe: &["/bin/sh", "-c", "command -v mshow && command -v mhdr"],
    package: "mblaze",
};

impl Reader {
    fn command(words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    fn read(&self, message: &Path) -> String {
        let readers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/readers");
        let output = Self::command(self.interpreter)
            .arg(readers.join(self.script))
            .arg(message)
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {complaints}", self.script);
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, seen) = text.split_once('\n').expect("a line for the message");
        seen.to_owned()
    }

    /// Composes all cases, and fails with every one that this reader sees otherwise.
    fn sees(&self, cases: &[Case]) {
        if !parts::works(&mut Self::command(self.probe), self.package) {
            return;
        }
        let mut wrong = String::new();
        for case in cases {
            let directory = tempfile::tempdir().unwrap();
            let seen = self.read(&case.compose(directory.path()));
            let expected = case.expected();
            if seen != expected {
                writeln!(wrong, "{} sees\n{seen}instead of\n{expected}", self.script).unwrap();
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

#[test]
fn python_sees_what_was_meant_and_no_defect() {
    PYTHON.sees(&CASES);
}

#[test]
fn perl_sees_what_was_meant() {
    PERL.sees(&CASES);
}

#[test]
fn ruby_sees_what_was_meant() {
    RUBY.sees(&CASES);
}

#[test]
fn mblaze_sees_what_was_meant() {
    MBLAZE.sees(&CASES);
}

#[test]
fn file_names_with_quotes_and_backslashes_are_the_same_for_all() {
    for reader in [PYTHON, PERL, RUBY, MBLAZE] {
        reader.sees(&[QUOTES]);
    }
}

/// Words in several scripts, and words that look encoded.
fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zA-Z0-9]{1,20}",
        "[!-~&&[^;/\\\\\"]]{1,12}",
        "[а-яё]{1,14}",
        "[ぁ-ん一-龥]{1,20}",
        "[äöüßé😀]{1,6}",
        Just("=?utf-8?q?a?=".to_owned()),
    ];
    prop::collection::vec(word, 1..10).prop_map(|words| words.join(" "))
}

#[test]
fn python_reads_random_texts_from_lines_within_their_limits() {
    if !parts::works(&mut Reader::command(PYTHON.probe), PYTHON.package) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f");
    fs::write(&file, "x").unwrap();
    let mut runner = TestRunner::deterministic();
    let mut random = || words().new_tree(&mut runner).unwrap().current();
    let mut messages = Vec::new();
    let mut expected = Vec::new();
    for number in 0..60 {
        let (subject, name, file_name) = (random(), random(), random());
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let attached = format!("f;type=a/b;name={file_name}");
        let printed = ehlo(
            directory.path(),
            &[
                "--print",
                "-s",
                &subject,
                "-b",
                "x",
                "-a",
                &attached,
                "-f",
                "a@x.test",
                &format!("\"{quoted}\" <b@x.test>"),
            ],
        );
        printed.ends_with(0);
        let text = String::from_utf8(printed.stdout).unwrap();
        for line in text.lines().filter(|line| line.contains("=?utf-8?")) {
            assert!(line.len() <= 76, "{line}");
        }
        let path = directory.path().join(format!("{number}.eml"));
        fs::write(&path, text).unwrap();
        messages.push(path);
        expected.push((
            format!("subject\t{subject}\n"),
            format!("to\t{name}\tb@x.test\n"),
            format!("part\ta/b\t{file_name}\t1\t"),
        ));
    }
    let python = crate::reader::Reader {
        interpreter: PYTHON.interpreter[0],
        script: PYTHON.script,
        probe: PYTHON.probe,
        package: PYTHON.package,
    };
    for (seen, (subject, to, part)) in python.read(&messages).iter().zip(&expected) {
        for words in [subject, to, part] {
            assert!(seen.contains(words.as_str()), "{words:?} is not in\n{seen}");
        }
        assert!(!seen.contains("defect"), "{seen}");
    }
}
