//! Crontabs as crontab(5) describes them: their jobs, and `ehlo run` around the command of a job.

use crate::cron::job::name::{base_name, is_builtin, is_shell, job_name};
use crate::system::quote::{crontab_word, in_single_quotes};
use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

/// The owner of a crontab.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CrontabKind<'a> {
    /// A crontab of this user, as `crontab -l` prints it.
    User(&'a str),
    /// A system crontab, with a user in each line.
    System,
}

/// A line of a crontab that runs a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrontabEntry<'t> {
    /// Number of the line, from 1.
    pub line: usize,
    /// The five time fields, or a word such as `@daily`.
    pub schedule: &'t str,
    pub user: &'t str,
    /// MAILTO above it. `None`: not set. Empty: no mail is sent.
    pub mailto: Option<&'t str>,
    /// PATH above it. `None`: the default of cron.
    pub path: Option<&'t str>,
    /// SHELL above it. `None`: /bin/sh.
    pub shell: Option<&'t str>,
    /// The text for the shell, with `\%` as it is written. What follows an unescaped `%` is standard input.
    pub command: &'t str,
    /// Position of the command in the text, in octets.
    pub range: Range<usize>,
}

/// The entries of a crontab, in order.
pub(crate) fn entries<'t>(text: &'t str, kind: CrontabKind<'t>) -> Vec<CrontabEntry<'t>> {
    let (mut mailto, mut path, mut shell) = (None, None, None);
    let mut entries = Vec::new();
    let mut offset = 0;
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim_end();
        let end = offset + line.len();
        offset += whole.len();
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = setting(line) {
            match name {
                "MAILTO" => mailto = Some(value),
                "PATH" => path = Some(value),
                "SHELL" => shell = Some(value),
                _ => {}
            }
            continue;
        }
        let Some((schedule, user, rest)) = split_line(line, kind) else {
            continue;
        };
        let start = end - rest.len();
        let command = &rest[..end_of_command(rest)];
        entries.push(CrontabEntry {
            line: index + 1,
            schedule,
            user,
            mailto,
            path,
            shell,
            command,
            range: start..start + command.len(),
        });
    }
    entries
}

/// `NAME=VALUE`, with blanks around the sign and quotes around the value, or without.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_name) {
        return None;
    }
    let value = value.trim();
    let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    Some((name, quoted('"').or(quoted('\'')).unwrap_or(value)))
}

/// The time fields, the user, and the rest of the line.
fn split_line<'l>(line: &'l str, kind: CrontabKind<'l>) -> Option<(&'l str, &'l str, &'l str)> {
    let times = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line;
    for _ in 0..times {
        rest = after_word(rest)?;
    }
    let schedule = line[..line.len() - rest.len()].trim_end();
    match kind {
        CrontabKind::User(user) => Some((schedule, user, rest)),
        CrontabKind::System => {
            let user = rest.split_whitespace().next()?;
            Some((schedule, user, after_word(rest)?))
        }
    }
}

fn after_word(text: &str) -> Option<&str> {
    let end = text.find(char::is_whitespace)?;
    let rest = text[end..].trim_start();
    (!rest.is_empty()).then_some(rest)
}

/// The position of the first `%` without a backslash. A backslash before a backslash protects nothing, as in cron.
fn end_of_command(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, octet) in rest.bytes().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'%' => return at,
            _ => {}
        }
    }
    rest.len()
}

impl CrontabEntry<'_> {
    /// The name that `ehlo run` has in the command, else that of its program.
    pub fn name(&self) -> String {
        let words = words(self.command);
        let given = name_of_run(self.command, &words);
        given.unwrap_or_else(|| {
            let inner = unwrapped(self.command);
            let command = inner.as_deref().unwrap_or(self.command);
            job_name(&["sh", "-c", command].map(OsString::from))
        })
    }

    /// The words of the command for a program that passes them on without a shell; a shell runs what is more than
    /// words.
    pub fn words(&self) -> Vec<String> {
        let command = self.command.replace("\\%", "%");
        let has_expansion = command.contains(['$', '*', '?', '[', '~', '\\', '"']);
        if is_simple(&command) && !has_expansion {
            let words = words(&command).into_iter();
            return words.map(|word| without_quotes(&command[word])).collect();
        }
        let shell = self.shell.unwrap_or("/bin/sh");
        vec![shell.to_owned(), "-c".to_owned(), command]
    }

    /// The program that a simple command starts, also below `ehlo run`. `None`: a shell determines it.
    pub fn program(&self) -> Option<String> {
        let inner = unwrapped(self.command);
        let command = inner.as_deref().unwrap_or(self.command);
        let words = words(command);
        let first = &command[words.first()?.clone()];
        let is_expanded = first.contains(['$', '~', '*', '?', '[']);
        (is_simple(command) && !is_expanded).then(|| without_quotes(first))
    }
}

/// `ehlo run` as it is written before a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunPrefix<'a> {
    /// The path of ehlo.
    pub program: &'a Path,
    pub name: &'a str,
    /// More options of `ehlo run`, a word each.
    pub options: &'a [String],
}

impl RunPrefix<'_> {
    /// The text up to the command. `None`: a word has a line break.
    pub fn text(&self) -> Option<String> {
        let mut text = format!(
            "{} run --name {}",
            crontab_word(self.program)?,
            word(self.name)?
        );
        for option in self.options {
            text.push_str(&format!(" {}", word(option)?));
        }
        Some(text + " --")
    }
}

fn word(text: &str) -> Option<Cow<'_, str>> {
    crontab_word(Path::new(text))
}

/// The command of an entry with `ehlo run` before it. A shell runs what is more than a simple command. `None`: a word
/// has a line break.
pub(crate) fn wrapped(entry: &CrontabEntry<'_>, prefix: &RunPrefix<'_>) -> Option<String> {
    let prefix = prefix.text()?;
    if is_simple(entry.command) {
        return Some(format!("{prefix} {}", entry.command));
    }
    let shell = word(entry.shell.unwrap_or("/bin/sh"))?;
    let command = in_single_quotes(entry.command);
    Some(format!("{prefix} {shell} -c {command}"))
}

/// These words of a command with `ehlo run` before them. `None`: a word has a line break.
pub(crate) fn wrapped_words(words: &[String], prefix: &RunPrefix<'_>) -> Option<String> {
    let words: Option<Vec<Cow<'_, str>>> = words.iter().map(|text| word(text)).collect();
    Some(format!("{} {}", prefix.text()?, words?.join(" ")))
}

/// True if the text is one command with its arguments: `ehlo run` can start the program itself.
fn is_simple(command: &str) -> bool {
    let first = command.split_whitespace().next().unwrap_or_default();
    let has_operator = command.contains(['|', '&', ';', '<', '>', '(', ')', '`', '#', '{', '!']);
    !has_operator && !first.contains('=') && !is_builtin(first)
}

/// The command without `ehlo run`. `None`: it is not run by `ehlo run`, or its own words cannot be told from the
/// options, because there is no `--`.
pub(crate) fn unwrapped(command: &str) -> Option<String> {
    let words = words(command);
    if !is_run(command, &words) {
        return None;
    }
    let end = words
        .iter()
        .position(|word| &command[word.clone()] == "--")?;
    let inner = &words[end + 1..];
    let rest = &command[inner.first()?.start..];
    if let [shell, option, text] = inner
        && is_shell(base_name(&command[shell.clone()]))
        && &command[option.clone()] == "-c"
        && command[text.clone()].starts_with('\'')
    {
        return Some(without_quotes(&command[text.clone()]));
    }
    Some(rest.to_owned())
}

/// True if the command is `ehlo run`.
fn is_run(command: &str, words: &[Range<usize>]) -> bool {
    let [program, verb, ..] = words else {
        return false;
    };
    let program = without_quotes(&command[program.clone()]);
    base_name(&program) == "ehlo" && &command[verb.clone()] == "run"
}

/// The value of `--name` before `--`.
fn name_of_run(command: &str, words: &[Range<usize>]) -> Option<String> {
    if !is_run(command, words) {
        return None;
    }
    let texts = words.iter().map(|word| &command[word.clone()]);
    let mut options = texts.take_while(|word| *word != "--");
    while let Some(option) = options.next() {
        if option == "--name" {
            return options.next().map(without_quotes);
        }
        if let Some(name) = option.strip_prefix("--name=") {
            return Some(without_quotes(name));
        }
    }
    None
}

/// The words of a shell command. Blanks within quotes belong to a word.
fn words(command: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let (mut quote, mut is_escaped, mut is_within) = (None, false, false);
    for (at, c) in command.char_indices() {
        let is_blank = c.is_whitespace() && quote.is_none() && !is_escaped;
        if is_blank {
            is_within = false;
            continue;
        }
        if !is_within {
            words.push(at..at);
            is_within = true;
        }
        if let Some(word) = words.last_mut() {
            word.end = at + c.len_utf8();
        }
        match (c, quote) {
            _ if is_escaped => is_escaped = false,
            ('\\', None | Some('"')) => is_escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    words
}

/// A word as the shell reads it. Expansions are not made.
fn without_quotes(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let (mut quote, mut is_escaped) = (None, false);
    for c in word.chars() {
        match (c, quote) {
            _ if is_escaped => {
                // cron removes this backslash, not the shell.
                if c == '%' {
                    text.push('\\');
                }
                is_escaped = false;
                text.push(c);
            }
            ('\\', None) => is_escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, _) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USER: CrontabKind<'_> = CrontabKind::User("alice");

    fn prefix(name: &str) -> RunPrefix<'_> {
        RunPrefix {
            program: Path::new("/usr/bin/ehlo"),
            name,
            options: &[],
        }
    }

    fn wrap(command: &str) -> String {
        let text = format!("0 3 * * * {command}\n");
        let entries = entries(&text, USER);
        wrapped(&entries[0], &prefix("job")).unwrap()
    }

    #[test]
    fn entry_has_the_settings_above_it() {
        let text = "# nobody\n0 3 * * * backup --all\nMAILTO = \"ops@example.org\"\n\
                    PATH=/bin\n@daily clean\nSHELL=/bin/bash\nMAILTO=\n*/5 * * * * poll\n";
        let found = entries(text, USER);
        let shown: Vec<_> = found
            .iter()
            .map(|entry| (entry.line, entry.mailto, entry.schedule, entry.command))
            .collect();
        assert_eq!(
            shown,
            [
                (2, None, "0 3 * * *", "backup --all"),
                (5, Some("ops@example.org"), "@daily", "clean"),
                (8, Some(""), "*/5 * * * *", "poll"),
            ]
        );
        assert_eq!((found[1].path, found[1].shell), (Some("/bin"), None));
        assert_eq!(found[2].shell, Some("/bin/bash"));
        for entry in &found {
            assert_eq!(&text[entry.range.clone()], entry.command);
        }
    }

    #[test]
    fn system_crontab_has_a_user_before_the_command() {
        let found = entries(
            "17 * * * *  root  cd / && run-parts x\n",
            CrontabKind::System,
        );
        assert_eq!(
            (found[0].user, found[0].command),
            ("root", "cd / && run-parts x")
        );
    }

    #[test]
    fn standard_input_is_not_part_of_the_command() {
        for (rest, command) in [
            ("mail -s hi bob%Hello%", "mail -s hi bob"),
            (r"date +\%F", r"date +\%F"),
            (r"echo \\%in", r"echo \\"),
        ] {
            let text = format!("@daily {rest}");
            assert_eq!(entries(&text, USER)[0].command, command);
        }
    }

    #[test]
    fn simple_command_is_started_without_a_shell() {
        assert_eq!(
            wrap("/opt/backup --all \"$HOME\""),
            "/usr/bin/ehlo run --name job -- /opt/backup --all \"$HOME\""
        );
        assert_eq!(
            wrap(r"cd /srv && tar cf x-$(date +\%F) 'a b' | gzip"),
            r"/usr/bin/ehlo run --name job -- /bin/sh -c 'cd /srv && tar cf x-$(date +\%F) '\''a b'\'' | gzip'"
        );
        assert!(wrap("LANG=C backup").contains("-- /bin/sh -c 'LANG=C backup'"));
    }

    #[test]
    fn name_is_that_of_the_run_or_of_the_program() {
        let name = |command: &str| entries(&format!("@daily {command}"), USER)[0].name();
        assert_eq!(name("cd / && /opt/backup.sh --all"), "backup.sh");
        assert_eq!(name(&wrap("x | y")), "job");
        assert_eq!(name("ehlo run --name='two words' -- x"), "two words");
        assert_eq!(name("/usr/bin/ehlo run -- /opt/backup.sh"), "backup.sh");
    }

    #[test]
    fn only_ehlo_run_is_taken_away() {
        for command in [
            "backup",
            "ehlo queue run",
            "ehlo run backup",
            "echo ehlo run -- x",
        ] {
            assert_eq!(unwrapped(command), None, "{command}");
        }
        assert_eq!(
            unwrapped("ehlo run --digest d -- x -- y").as_deref(),
            Some("x -- y")
        );
    }

    proptest! {
        #[test]
        fn command_is_restored(command in r#"[a-z'"$&|;(){}<> \\%=é-]{1,40}"#) {
            let text = format!("0 3 * * * x{command}");
            let found = entries(&text, USER);
            let entry = &found[0];
            // The shell would refuse it as well.
            prop_assume!(!is_simple(entry.command) || words(entry.command).len() == entry.command.split_whitespace().count());
            let wrapped = wrapped(entry, &prefix("job")).unwrap();
            let restored = unwrapped(&wrapped);
            prop_assert_eq!(restored.as_deref(), Some(entry.command));
            let line = format!("0 3 * * * {wrapped}");
            prop_assert_eq!(entries(&line, USER)[0].command, wrapped.trim_end());
        }
    }
}
