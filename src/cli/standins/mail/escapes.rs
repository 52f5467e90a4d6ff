//! Lines of the text that are commands (`-I` of bsd-mailx, `-~` of s-nail).

use crate::cli::standins::mail::MailError;
use crate::cli::standins::mail::args::{MailArgs, MailFile};
use crate::system::exit::Exit;
use crate::system::text::reason;
use std::fs;

/// The end of a text with commands.
pub enum TextEnd {
    Send(Vec<u8>),
    /// `~q` and `~x`: nothing is sent.
    Abort,
}

/// Carries out the commands in a text. A line with a single dot ends it.
pub fn run(text: &[u8], args: &mut MailArgs) -> Result<TextEnd, MailError> {
    let mut result = Vec::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let Some(command) = line.strip_prefix(b"~") else {
            if line == b".\n" {
                break;
            }
            result.extend_from_slice(line);
            continue;
        };
        if command.starts_with(b"~") {
            result.extend_from_slice(command);
            continue;
        }
        let command = String::from_utf8_lossy(command);
        let command = command.trim_end_matches(['\r', '\n']);
        let letter = command.chars().next().unwrap_or_default();
        let value = command.get(letter.len_utf8()..).unwrap_or_default().trim();
        match letter {
            '.' => break,
            'q' | 'x' => return Ok(TextEnd::Abort),
            _ => one(letter, value, args, &mut result)?,
        }
    }
    Ok(TextEnd::Send(result))
}

fn one(
    letter: char,
    value: &str,
    args: &mut MailArgs,
    text: &mut Vec<u8>,
) -> Result<(), MailError> {
    match letter {
        's' => args.subject = Some(value.to_owned()),
        't' => args.to.push(value.to_owned()),
        'c' => args.cc.push(value.to_owned()),
        'b' => args.bcc.push(value.to_owned()),
        'r' | '<' if !value.starts_with('!') => {
            let bytes = fs::read(value).map_err(|error| {
                let why = reason(&error);
                MailError::new(Exit::NoInput, format!("{}: {value}: {why}", args.name))
            })?;
            text.extend_from_slice(&bytes);
        }
        '@' => args.files.push(MailFile {
            path: value.into(),
            media_type: None,
            name: None,
        }),
        'i' if value == "Sign" => {}
        _ => {
            return Err(args.unsupported(&format!(
                "~{letter}: this command is not supported; ~~ begins a line with a tilde"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::standins::mail::MailStyle;

    #[test]
    fn commands_change_the_message_and_others_are_refused() {
        let mut args = MailArgs::nothing(MailStyle::Any, "mail");
        let end = run(b"a\n~s sub ject\n~t bob\n~~b\n~.\nc\n", &mut args).unwrap();
        assert!(matches!(end, TextEnd::Send(text) if text == b"a\n~b\n"));
        assert_eq!(args.subject.as_deref(), Some("sub ject"));
        assert_eq!(args.to, ["bob"]);
        assert!(matches!(run(b"a\n~q\n", &mut args), Ok(TextEnd::Abort)));
        let error = run(b"~!date\n", &mut args).err().unwrap();
        assert!(error.text.contains("~!: this command"), "{}", error.text);
    }
}
