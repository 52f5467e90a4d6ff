//! Running `gpg` and `openssl`.

use crate::mail::crypt::error::CryptError;
use crate::system::filter::{Filter, FilterError, Filtered};
use crate::system::text::shown;
use std::io;
use std::process::Command;
use std::time::Duration;

/// Time without progress after which a program is killed. A user may be asked for a passphrase meanwhile.
const IDLE: Duration = Duration::from_secs(300);

/// Maximum size of an output that is held in memory, in octets: keys and signatures.
const MAX_HELD: usize = 4 * 1024 * 1024;

/// Appends the next piece of the content, or nothing at its end.
pub type Feed<'a> = dyn FnMut(&mut Vec<u8>) -> io::Result<()> + 'a;

/// A content that passes through a program.
pub struct Pass<'a> {
    pub feed: &'a mut Feed<'a>,
    /// Takes a piece of the output.
    pub consume: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
}

/// The first and the last octets of an output.
#[derive(Clone, Copy, Debug)]
pub struct OutputForm<'a> {
    pub begin: &'a [u8],
    pub end: &'a [u8],
}

/// A program with its arguments, and the options that need it.
pub struct Program {
    pub name: &'static str,
    /// As in `--encrypt pgp`.
    pub option: String,
    pub command: Command,
}

impl Program {
    pub fn new(name: &'static str, option: String) -> Self {
        let mut command = Command::new(name);
        command.env_remove("EHLO_PASSWORD");
        Self {
            name,
            option,
            command,
        }
    }

    /// Runs it to its end, with any exit status.
    pub fn pass(self, pass: Pass<'_>) -> Result<Filtered, CryptError> {
        let Self {
            name: program,
            option,
            command,
        } = self;
        let Pass { feed, consume } = pass;
        let filter = Filter {
            command,
            idle: idle(),
            feed,
            consume,
        };
        let ended = filter.run().map_err(|error| match error {
            FilterError::Start(error) => CryptError::Start {
                option: option.clone(),
                program,
                error,
            },
            FilterError::Idle(idle) => CryptError::Idle {
                option: option.clone(),
                program,
                idle,
            },
            FilterError::Feed(error) | FilterError::Consume(error) => CryptError::Content(error),
            FilterError::System(error) => CryptError::Program {
                option: option.clone(),
                program,
                why: error.to_string(),
            },
        })?;
        if ended.status.success() && !ended.was_given_all {
            return Err(faulty(program, option, "it did not read the whole message"));
        }
        Ok(ended)
    }

    /// Runs it to its end, with any exit status. Its output must begin as this form does: a program that passes the
    /// content on in clear must not be mistaken for one that encrypts it. The result has true if the output is whole.
    pub fn pass_as(
        self,
        form: OutputForm<'_>,
        pass: Pass<'_>,
    ) -> Result<(Filtered, bool), CryptError> {
        let (mut begin, mut end, mut is_wrong) = (Vec::new(), Vec::new(), false);
        let (program, option, consume) = (self.name, self.option.clone(), pass.consume);
        let ended = self.pass(Pass {
            feed: pass.feed,
            consume: &mut |piece| {
                let missing = form.begin.len() - begin.len();
                begin.extend_from_slice(&piece[..piece.len().min(missing)]);
                is_wrong = !form.begin.starts_with(&begin);
                if is_wrong {
                    return Err(io::Error::other("the output is not encrypted"));
                }
                keep_last(form.end.len(), piece, &mut end);
                consume(piece)
            },
        });
        if is_wrong {
            return Err(faulty(
                program,
                option,
                "its output is not in the form that was asked for",
            ));
        }
        Ok((ended?, begin == form.begin && end == form.end))
    }

    /// Runs it without input, or with this one, and returns its output with its end.
    pub fn output(self, feed: &mut Feed<'_>) -> Result<(Vec<u8>, Filtered), CryptError> {
        let (mut output, mut is_long) = (Vec::new(), false);
        let (program, option) = (self.name, self.option.clone());
        let ended = self.pass(Pass {
            feed,
            consume: &mut |piece| {
                is_long = output.len() + piece.len() > MAX_HELD;
                if is_long {
                    return Err(io::Error::other("the output of a program is too long"));
                }
                output.extend_from_slice(piece);
                Ok(())
            },
        });
        if is_long {
            return Err(faulty(program, option, "its output is too long"));
        }
        let ended = ended?;
        Ok((output, ended))
    }
}

fn faulty(program: &'static str, option: String, why: &str) -> CryptError {
    CryptError::Program {
        option,
        program,
        why: why.to_owned(),
    }
}

/// Appends a piece of an output to its end, of which this number of octets are kept.
fn keep_last(count: usize, piece: &[u8], end: &mut Vec<u8>) {
    let new = &piece[piece.len().saturating_sub(count)..];
    let left_out = (end.len() + new.len()).saturating_sub(count);
    end.drain(..left_out);
    end.extend_from_slice(new);
}

/// The limit, or the seconds in `EHLO_CRYPT_IDLE`.
fn idle() -> Duration {
    let named = std::env::var("EHLO_CRYPT_IDLE").ok();
    let seconds = named.and_then(|seconds| seconds.parse().ok());
    seconds.map_or(IDLE, Duration::from_secs)
}

/// The end of a program that failed: what it reported last, and its exit status or signal. With success, its output is
/// at fault.
pub fn failure(ended: &Filtered, is_message: impl Fn(&str) -> bool) -> String {
    let text = String::from_utf8_lossy(&ended.messages);
    let mut lines = text.lines().rev();
    let last = lines.find(|line| !line.trim().is_empty() && is_message(line));
    let end = if ended.status.success() {
        "its output is incomplete".to_owned()
    } else {
        crate::system::subprocess::end(ended.status)
    };
    match last {
        Some(line) => format!("{} ({end})", shown(line.trim())),
        None => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_octets_are_kept_whatever_the_pieces_are() {
        let text = b"0123456789";
        for size in 1..=text.len() {
            for count in 0..=text.len() + 1 {
                let mut end = Vec::new();
                for piece in text.chunks(size) {
                    keep_last(count, piece, &mut end);
                }
                assert_eq!(end, text[text.len().saturating_sub(count)..]);
            }
        }
    }
}
