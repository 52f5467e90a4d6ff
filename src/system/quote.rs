//! Quoting of words for shells, crontabs, systemd units and TOML.

use crate::system::text::controls_terminal;
use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A word for a POSIX shell. An invisible character or a byte that is not UTF-8 is escaped. The first word of a
/// command is quoted if it has an equals sign, because it would be an assignment.
pub fn shell_word(word: &[u8], is_first: bool) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || "_-./:,@%+".contains(c) || c == '=' && !is_first;
    match std::str::from_utf8(word) {
        Ok(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Ok(text) if !text.contains(controls_terminal) => in_single_quotes(text),
        _ => in_dollar_quotes(word),
    }
}

/// A path as it can be typed after `chmod 600` and similar commands.
pub fn for_shell(path: &Path) -> String {
    let word = shell_word(path.as_os_str().as_bytes(), true);
    if word.starts_with('-') {
        return format!("./{word}");
    }
    word
}

/// Text in single quotes of a POSIX shell.
pub fn in_single_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Dollar-single-quotes (POSIX.1-2024, 2.2.4): invisible characters become `\n`, `\t` or octal.
fn in_dollar_quotes(word: &[u8]) -> String {
    let mut text = "$'".to_owned();
    for chunk in word.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\'' | '\\' => text.extend(['\\', c]),
                c if controls_terminal(c) => {
                    push_bytes(&mut text, c, |byte| format!("\\{byte:03o}"));
                }
                c => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\{byte:03o}")));
    }
    text + "'"
}

fn push_bytes(text: &mut String, c: char, escaped: impl Fn(u8) -> String) {
    text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(escaped));
}

/// A path for the shell in a crontab, where `%` is a line break. `None`: the path has a line break.
pub fn crontab_word(path: &Path) -> Option<Cow<'_, str>> {
    let path = path.to_str().filter(|path| !path.contains(['\n', '\r']))?;
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@,".contains(c);
    if path.chars().all(is_plain) {
        return Some(path.into());
    }
    // cron removes the backslash from `\%`, quoted or not, and an even number of them protects nothing: it is
    // written outside the quotes, alone.
    Some(in_single_quotes(path).replace('%', r"''\%").into())
}

/// A path as in systemd.syntax(7): in quotes if necessary, `%` doubled, `$` replaced by `dollar`, and bytes that
/// are not UTF-8 as C escapes.
pub fn systemd_word(path: &Path, dollar: &str) -> String {
    let escaped = |byte| format!("\\x{byte:02x}");
    let mut word = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '%' => word.push_str("%%"),
                '$' => word.push_str(dollar),
                '\\' | '"' => word.extend(['\\', c]),
                c if controls_terminal(c) => push_bytes(&mut word, c, escaped),
                c => word.push(c),
            }
        }
        word.extend(chunk.invalid().iter().copied().map(escaped));
    }
    if word.is_empty() || word.contains([' ', '\'', '\\', ';']) {
        return format!("\"{word}\"");
    }
    word
}

/// A basic string of TOML.
pub fn toml_string(text: &str) -> String {
    let mut string = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            '\n' => string.push_str("\\n"),
            '\r' => string.push_str("\\r"),
            '\t' => string.push_str("\\t"),
            c if controls_terminal(c) => string.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => string.push(c),
        }
    }
    string + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn path_can_be_typed_as_it_is_shown() {
        for (path, right) in [
            ("/home/a/.netrc", "/home/a/.netrc"),
            ("my password", "'my password'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("-rf", "./-rf"),
            ("/a\x1b[2J", r"$'/a\033[2J'"),
        ] {
            assert_eq!(for_shell(Path::new(path)), right);
        }
    }

    #[test]
    fn shell_reads_quoted_words_back() {
        let words: [&[u8]; 6] = [
            b"A=1",
            b"two\nlines\t'x' \\n \x01",
            b"\xff\xfe1 \xc3\xa9",
            b"",
            b"~/$HOME `x` *",
            "\u{202e}'".as_bytes(),
        ];
        let quoted = words.map(|word| shell_word(word, true)).join(" ");
        let script = format!("for word in {quoted}; do printf '%s\\0' \"$word\"; done");
        let bash = std::process::Command::new("bash")
            .args(["-c", &script])
            .output();
        let output = bash.unwrap().stdout;
        assert_eq!(output, [words.join(&0), vec![0]].concat());
    }

    #[test]
    fn special_characters_of_systemd_are_escaped() {
        let path = Path::new("/50%/$y \\\"'/\n");
        assert_eq!(systemd_word(path, "$$"), r#""/50%%/$$y \\\"'/\x0a""#);
        let latin = Path::new(OsStr::from_bytes(b"/\xe9"));
        assert_eq!(systemd_word(latin, "$$"), r#""/\xe9""#);
        assert_eq!(systemd_word(Path::new("/é"), "$$"), "/é");
        assert_eq!(systemd_word(Path::new(""), "$$"), "\"\"");
    }

    #[test]
    fn crontab_word_survives_cron_and_the_shell() {
        for (path, word) in [
            ("/a b", "'/a b'"),
            ("/it's", r"'/it'\''s'"),
            ("/50%", r"'/50''\%'"),
            (r"/a\%b", r"'/a\''\%b'"),
            ("/$HOME;ls", "'/$HOME;ls'"),
        ] {
            assert_eq!(
                crontab_word(Path::new(path)).as_deref(),
                Some(word),
                "{path}"
            );
        }
        assert_eq!(crontab_word(Path::new("/a\nb")), None);
    }
}
