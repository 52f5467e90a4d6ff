//! The command line of mutt in send mode.

use crate::cli::standins::getopt::{OptionName, OptionTable};
use crate::cli::standins::mail::args::{MailArgs, MailFile, version};
use crate::cli::standins::mail::{MailError, MailStyle};
use crate::system::exit::Exit;
use std::ffi::OsString;
use std::path::Path;

static TABLE: OptionTable = OptionTable {
    program: "mutt",
    short: "A:a:Bb:F:f:c:Dd:l:Ee:gGH:hi:km:npQ:RSs:TvxyzZ",
    long: &[],
};

const USAGE: &str = "\
usage: mutt [-nx] [-e <command>] [-F <file>] [-H <file>] [-i <file>] [-s <subj>] [-bc <addr>]
            [-a <file> [...] --] <addr> [...] < message
See ehlo-mail(1).";

/// Parses the words after the name of the program.
pub fn parse(words: &[OsString]) -> Result<MailArgs, MailError> {
    let mut args = MailArgs::nothing(MailStyle::Mutt, "mutt");
    let end = words.iter().position(|word| word == "--");
    let (before, after) = words.split_at(end.unwrap_or(words.len()));
    let mut has_files = false;
    // Each operand ends a run of getopt, because operands after -a are files.
    let mut rest = before;
    while let Some((first, others)) = rest.split_first() {
        let text = first
            .to_str()
            .ok_or_else(|| MailError::new(Exit::Data, "mutt: an argument is not valid UTF-8"))?;
        if !text.starts_with('-') || text == "-" {
            if has_files {
                args.files.push(file(text)?);
            } else {
                args.to.push(text.to_owned());
            }
            rest = others;
            continue;
        }
        let count = 1 + usize::from(needs_next(text));
        let option = &rest[..count.min(rest.len())];
        has_files |= add(option, &mut args)?;
        rest = &rest[option.len()..];
    }
    let recipients = after
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned());
    args.to.extend(recipients);
    Ok(args)
}

/// True if the last option of a word has its argument in the next word.
fn needs_next(word: &str) -> bool {
    let letters: Vec<char> = word.chars().skip(1).collect();
    let needs = |letter: char| TABLE.short.contains(&format!("{letter}:"));
    letters.iter().position(|&letter| needs(letter)) == letters.len().checked_sub(1)
}

/// Adds the options of a word. Returns true for a file.
fn add(words: &[OsString], args: &mut MailArgs) -> Result<bool, MailError> {
    let given = TABLE.parse(words);
    // mutt itself exits with 0 here.
    let given = given.map_err(|why| MailError::new(Exit::Ok, format!("{why}\n{USAGE}")))?;
    let mut has_files = false;
    for option in given.options {
        let value = option.argument.unwrap_or_default();
        let OptionName::Short(letter) = option.name else {
            continue;
        };
        match letter {
            'a' => {
                args.files.push(file(&value)?);
                has_files = true;
            }
            'b' => args.bcc.push(value),
            'c' => args.cc.push(value),
            'e' => args.settings.push(value),
            'F' => args.config = Some(value.into()),
            'H' => args.draft = Some(value.into()),
            'i' => args.before.push(value.into()),
            's' => args.subject = Some(value.replace(['\r', '\n'], " ")),
            'h' => return Err(MailError::new(Exit::Ok, USAGE)),
            'v' => return Err(version()),
            // -x is the mode of mailx, which this is; -n, -d, -m and -l concern the reading of mail.
            'x' | 'n' | 'd' | 'm' | 'l' | 'B' | 'T' | 'k' | 'S' => {}
            'E' => return Err(args.unsupported("-E: no editor is started")),
            'A' | 'D' | 'Q' => {
                return Err(args.unsupported(&format!("-{letter}: settings of mutt are not shown")));
            }
            _ => args.asks_to_read = true,
        }
    }
    Ok(has_files)
}

fn file(path: &str) -> Result<MailFile, MailError> {
    if !Path::new(path).exists() {
        return Err(MailError::new(
            MailStyle::Mutt.usage(),
            format!("Can't stat {path}: No such file or directory\n{path}: unable to attach file."),
        ));
    }
    Ok(MailFile {
        path: path.into(),
        media_type: None,
        name: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<MailArgs, MailError> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        parse(&words)
    }

    #[test]
    fn operands_after_a_file_are_files_until_two_hyphens() {
        let args = parse_line("bob -s x -a /dev/null /dev/zero -e c -- ann carol").unwrap();
        assert_eq!(args.to, ["bob", "ann", "carol"]);
        assert_eq!(args.files.len(), 2);
        assert_eq!(args.settings, ["c"]);
        let error = parse_line("-s x -a /dev/null bob@x").unwrap_err();
        assert!(
            error.text.starts_with("Can't stat bob@x: "),
            "{}",
            error.text
        );
    }

    #[test]
    fn argument_may_be_in_the_same_word() {
        let args = parse_line("-nxssubject -cbob ann").unwrap();
        assert_eq!(args.subject.as_deref(), Some("subject"));
        assert_eq!(args.cc, ["bob"]);
        assert_eq!(args.to, ["ann"]);
    }
}
