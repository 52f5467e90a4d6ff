//! Everything that can be composed, read by readers that are not ours: the same tree, types, names,
//! dispositions, descriptions, Content-IDs, sizes and hashes, and the same words and people.

mod cases;
mod people;

use crate::entity::is_seen;
use crate::parts;
use crate::reader::Reader;
use crate::run::{Start, ehlo_with};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use cases::Case;

impl Case {
    /// Writes the files and what `--print` makes of the case.
    fn compose(&self, directory: &Path) -> PathBuf {
        fs::create_dir(directory).unwrap();
        for (name, content) in &self.files {
            fs::write(directory.join(name), content).unwrap();
        }
        let address = |(name, address): &(String, String)| {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            if name.is_empty() {
                address.clone()
            } else {
                format!("\"{escaped}\" <{address}>")
            }
        };
        let from = address(&self.from);
        let mut arguments = vec!["--print", "-f", &from, "-s", &self.subject];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let to: Vec<String> = self.to.iter().map(address).collect();
        if self.to_is_made_of_people {
            arguments.extend(to.iter().map(String::as_str));
        }
        let start = Start {
            stdin: self.stdin.as_deref(),
            ..Start::default()
        };
        let printed = ehlo_with(directory, &arguments, &start);
        printed.ends_with(0);
        let path = directory.join("message.eml");
        fs::write(&path, &printed.stdout).unwrap();
        path
    }

    fn expected(&self) -> String {
        let mut all = format!("subject\t{}\n", self.subject);
        let (name, address) = &self.from;
        writeln!(all, "from\t{name}\t{address}").unwrap();
        for (name, address) in &self.to {
            writeln!(all, "to\t{name}\t{address}").unwrap();
        }
        self.entity.lines(0, &mut all);
        all
    }
}

/// Composes all cases, and fails with every one that this reader sees otherwise.
fn sees(reader: &Reader) {
    sees_but(reader, &[]);
}

/// The same without cases that are beyond the reader, by their titles.
fn sees_but(reader: &Reader, beyond: &[&str]) {
    if !parts::works(&mut Reader::command(reader.probe), reader.package) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut cases = [cases::all(), people::all()].concat();
    cases.retain(|case| !beyond.contains(&case.title));
    let messages: Vec<PathBuf> = cases
        .iter()
        .enumerate()
        .map(|(at, case)| case.compose(&directory.path().join(at.to_string())))
        .collect();
    let mut wrong = String::new();
    for (case, seen) in cases.iter().zip(reader.read(&messages)) {
        let expected = case.expected();
        if !is_seen(&expected, &seen) {
            let (script, title) = (reader.script, case.title);
            writeln!(
                wrong,
                "{title}: {script} sees\n{seen}instead of\n{expected}"
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn python_sees_every_entity_and_no_defect() {
    sees(&Reader {
        interpreter: "/usr/bin/python3",
        script: "entities.py",
        probe: &["/usr/bin/python3", "-c", "import email"],
        package: "python3",
    });
}

#[test]
fn perl_sees_every_entity() {
    sees(&Reader {
        interpreter: "/usr/bin/perl",
        script: "entities.pl",
        probe: &["/usr/bin/perl", "-MMIME::Parser", "-e", "1"],
        package: "libmime-tools-perl",
    });
}

#[test]
fn ruby_sees_every_entity() {
    let ruby = Reader {
        interpreter: "/usr/bin/ruby",
        script: "entities.rb",
        probe: &["/usr/bin/ruby", "-e", "require 'mail'"],
        package: "ruby-mail",
    };
    // The gem puts the tenth piece of a name (RFC 2231) behind the first.
    // Ruby takes what it has percent-decoded for an encoded word once more.
    sees_but(&ruby, &["a very long name", "what looks encoded"]);
}

#[test]
fn mblaze_sees_every_entity() {
    sees(&Reader {
        interpreter: "/bin/sh",
        script: "entities.sh",
        probe: &["/bin/sh", "-c", "command -v mshow && command -v mhdr"],
        package: "mblaze",
    });
}

#[test]
fn dovecot_sees_every_entity() {
    if parts::is_root() {
        sees(&Reader {
            interpreter: "/usr/bin/python3",
            script: "entities_dovecot.py",
            probe: &[
                "/bin/sh",
                "-c",
                "command -v doveadm && test -e /usr/lib/dovecot/imap",
            ],
            package: "dovecot-imapd",
        });
    }
}

#[test]
fn mutt_sees_every_entity() {
    let mutt = Reader {
        interpreter: "/usr/bin/python3",
        script: "entities_mutt.py",
        probe: &["/bin/sh", "-c", "command -v mutt"],
        package: "mutt",
    };
    // A tab is shown as a question mark.
    sees_but(&mutt, &["a tab"]);
}
