//! The name of a job that has none: the program or script that does the work, not the shell or wrapper that
//! starts it.

use crate::system::text::shown;
use std::borrow::Cow;
use std::ffi::OsString;

/// A program that starts another one.
struct Wrapper {
    name: &'static str,
    /// Options with a value in the next word.
    valued: &'static str,
    /// Number of the wrapper's own arguments before the command.
    arguments: usize,
}

const fn wrapper(name: &'static str, valued: &'static str, arguments: usize) -> Wrapper {
    Wrapper {
        name,
        valued,
        arguments,
    }
}

const WRAPPERS: [Wrapper; 13] = [
    wrapper("chronic", "", 0),
    wrapper("chrt", "", 1),
    wrapper("cronic", "", 0),
    wrapper("doas", "uC", 0),
    wrapper("env", "uSC", 0),
    wrapper("flock", "wE", 1),
    wrapper("ionice", "cn", 0),
    wrapper("nice", "n", 0),
    wrapper("nohup", "", 0),
    wrapper("setsid", "", 0),
    wrapper("stdbuf", "ioe", 0),
    wrapper("sudo", "ugpCrtTDhR", 0),
    wrapper("timeout", "ks", 1),
];

const SHELLS: [&str; 7] = ["ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"];

const INTERPRETERS: [&str; 6] = ["node", "perl", "php", "python", "Rscript", "ruby"];

/// Words that precede a command in a shell.
const KEYWORDS: [&str; 11] = [
    "!", "{", "command", "do", "elif", "else", "exec", "if", "then", "until", "while",
];

/// Commands that a shell runs itself, and that do not name a job.
const BUILTINS: [&str; 40] = [
    ".", ":", "[", "[[", "}", "break", "case", "cd", "continue", "done", "echo", "esac", "eval",
    "exit", "export", "false", "fi", "for", "function", "kill", "local", "printf", "pushd", "read",
    "readonly", "return", "select", "set", "shift", "shopt", "sleep", "source", "test", "trap",
    "true", "ulimit", "umask", "unset", "typeset", "wait",
];

/// The name of a job with this command line.
pub fn job_name(command: &[OsString]) -> String {
    let words: Vec<Cow<'_, str>> = command.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(Cow::as_ref).collect();
    shown(program_name(&words).unwrap_or_default())
}

/// The name of the program that does the work. `None`: there is none.
fn program_name<'w>(words: &[&'w str]) -> Option<&'w str> {
    let (program, arguments) = words.split_first()?;
    let name = base_name(program);
    let inner = if let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) {
        program_name(wrapper.command(arguments))
    } else if SHELLS.contains(&name) {
        name_in_shell(arguments)
    } else if INTERPRETERS.contains(&name.trim_end_matches(|c: char| c == '.' || c.is_numeric())) {
        name_in_interpreter(arguments)
    } else {
        None
    };
    Some(inner.filter(|inner| is_plausible(inner)).unwrap_or(name))
}

/// The name without its directory.
pub fn base_name(program: &str) -> &str {
    program
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(program)
}

/// True for a command that a shell runs itself, and for a word of its grammar.
pub fn is_builtin(word: &str) -> bool {
    BUILTINS.contains(&word) || KEYWORDS.contains(&word)
}

pub fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name)
}

/// True for a possible program name: no quotes, variables or numbers.
fn is_plausible(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._+-@".contains(c);
    !name.starts_with('-') && name.chars().all(is_plain) && name.chars().any(char::is_alphabetic)
}

impl Wrapper {
    /// The command after the options, variables and arguments of the wrapper.
    fn command<'a, 'w>(&self, mut words: &'a [&'w str]) -> &'a [&'w str] {
        while let Some((word, rest)) = words.split_first() {
            match word.strip_prefix('-') {
                Some("-") => {
                    words = rest;
                    break;
                }
                Some(letter) if !letter.is_empty() => {
                    let has_value = letter.len() == 1 && self.valued.contains(letter);
                    words = rest.get(usize::from(has_value)..).unwrap_or_default();
                }
                _ => break,
            }
        }
        without_variables(words.get(self.arguments..).unwrap_or_default())
    }
}

/// The words after `NAME=value` assignments.
fn without_variables<'a, 'w>(words: &'a [&'w str]) -> &'a [&'w str] {
    let is_variable = |word: &&&str| {
        word.split_once('=')
            .is_some_and(|(name, _)| is_plausible(name))
    };
    &words[words.iter().take_while(is_variable).count()..]
}

/// The script that a shell reads, or the program that the text after -c starts.
fn name_in_shell<'w>(arguments: &[&'w str]) -> Option<&'w str> {
    let mut words = arguments.iter();
    let mut has_text = false;
    loop {
        let word = words.next()?;
        let letters = word
            .strip_prefix(['-', '+'])
            .filter(|_| !word.starts_with("--"));
        match letters {
            Some(letters) => {
                has_text |= letters.contains('c');
                if letters.ends_with('o') {
                    words.next();
                }
            }
            None if word.starts_with("--") => {}
            None if has_text => return name_in_script(word),
            None => return Some(base_name(word)),
        }
    }
}

/// The only program that a text for the shell starts, besides those after `|` and `||`. `None` if there are
/// several: none of them is the job. The text is only parsed approximately.
fn name_in_script(text: &str) -> Option<&str> {
    let lists = text.split([';', '&', '\n', '(', ')']);
    let mut names = lists.filter_map(|list| list.split('|').find_map(name_in_command));
    let first = names.next()?;
    names.all(|other| other == first).then_some(first)
}

/// The program of a simple command, unless it is a builtin.
fn name_in_command(text: &str) -> Option<&str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_keyword = |word: &&&str| KEYWORDS.contains(*word);
    let words = without_variables(&words[words.iter().take_while(is_keyword).count()..]);
    program_name(words).filter(|name| is_plausible(name) && !BUILTINS.contains(name))
}

/// The script that an interpreter is to read, or the module.
fn name_in_interpreter<'w>(arguments: &[&'w str]) -> Option<&'w str> {
    let at = arguments.iter().position(|word| {
        !word.starts_with('-') || matches!(*word, "-" | "-c" | "-e" | "-E" | "-r" | "-m" | "-f")
    })?;
    match arguments[at] {
        "-m" | "-f" => arguments.get(at + 1).map(|word| base_name(word)),
        script => Some(base_name(script)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        job_name(&words)
    }

    #[test]
    fn job_is_named_after_its_program() {
        assert_eq!(name(&["/usr/local/bin/backup.sh", "--full"]), "backup.sh");
        assert_eq!(name(&["/opt/a b/run\x1b[2J"]), "run\\u{1b}[2J");
        assert_eq!((name(&["/"]), name(&[])), (String::new(), String::new()));
    }

    #[test]
    fn job_is_named_after_the_program_started_by_a_wrapper() {
        let all = |line: &str| name(&line.split(' ').collect::<Vec<_>>());
        for line in [
            "nice -n 19 /opt/backup --full",
            "env -i LANG=C PATH=/bin nice ionice -c3 backup",
            "sudo -u postgres -- backup",
            "timeout -k 5 1h backup",
            "flock -n /run/lock/x backup -v",
            "sh -eu /opt/backup x",
            "bash -o pipefail -x /opt/backup",
            "python3.11 -u /opt/backup",
            "python3 -m backup",
            "perl -w backup",
        ] {
            assert_eq!(all(line), "backup", "{line}");
        }
        for lonely in [
            "env",
            "sh",
            "python3 -c 1",
            "perl -e 1",
            "nice -n 19",
            "timeout 5",
        ] {
            assert_eq!(all(lonely), lonely.split(' ').next().unwrap());
        }
    }

    #[test]
    fn shell_text_is_named_after_its_only_program() {
        for text in [
            "cd /srv && ./backup --full | gzip > x",
            "set -e; export A=1; A=2 B=3 nice /opt/backup",
            "test -x /usr/sbin/anacron || { cd / && backup --report /etc/cron.daily; }",
            "[ -x /opt/backup ] && if ! backup; then echo no; fi",
            "echo begin\nexec backup; nice backup",
            "for x in 1 2; do backup $x; done",
            "backup || logger failed",
        ] {
            assert_eq!(name(&["/bin/sh", "-c", text]), "backup", "{text}");
        }
        for text in [
            "echo out; exit 3",
            "\"$0\" x",
            "$JOB",
            "",
            "'a b'",
            "date; backup; date",
            "date && backup | gzip",
            "x=$(date)\nbackup $x",
        ] {
            assert_eq!(name(&["sh", "-c", text]), "sh", "{text}");
        }
    }
}
