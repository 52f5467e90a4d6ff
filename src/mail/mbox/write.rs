//! The mboxrd format: a `From ` line before each message, line ends as in a file, and one more `>` before
//! lines that look like the start of a message, quoted or not.

use crate::system::lock::lock;
use crate::system::time::asctime;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt as _;
use std::time::SystemTime;

const BUFFER: usize = 64 * 1024;

/// Appends a message to a locked mailbox: an empty line if one is missing, a `From ` line, the lines in `head`, and
/// what `fill` writes. Restores the file if that fails: a partial message would corrupt the next one.
///
/// # Errors
/// The mailbox cannot be locked, read, written or synced.
pub fn append(
    file: &File,
    sender: &str,
    head: &str,
    fill: impl FnOnce(&mut MboxWriter<'_>) -> io::Result<()>,
) -> io::Result<()> {
    lock(file)?;
    let length = file.metadata()?.len();
    let appended = write(
        file,
        &format!("{}{}{head}", separator(file, length)?, first_line(sender)),
        fill,
    );
    if appended.is_err() {
        let _ = file.set_len(length);
    }
    appended
}

fn write(
    file: &File,
    head: &str,
    fill: impl FnOnce(&mut MboxWriter<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = MboxWriter {
        file: BufWriter::with_capacity(BUFFER, file),
        lines: MboxLines::default(),
    };
    writer.file.write_all(head.as_bytes())?;
    fill(&mut writer)?;
    writer.lines.end(&mut writer.file)?;
    writer.file.flush()?;
    file.sync_all()
}

/// Converts the lines of a message on their way into the mailbox.
pub struct MboxWriter<'f> {
    file: BufWriter<&'f File>,
    lines: MboxLines,
}

impl Write for MboxWriter<'_> {
    fn write(&mut self, block: &[u8]) -> io::Result<usize> {
        self.lines.write(block, &mut self.file)?;
        Ok(block.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The line before a message (RFC 4155), in which the sender must not contain white space.
fn first_line(sender: &str) -> String {
    let sender = match sender {
        "" => "MAILER-DAEMON".to_owned(),
        sender => sender.replace(|c: char| c.is_whitespace() || c.is_control(), "-"),
    };
    format!("From {sender} {}\n", asctime(SystemTime::now()))
}

/// The empty line that is missing between the end of the file and a `From ` line: after an interrupted write, or
/// after another program that left none.
fn separator(file: &File, length: u64) -> io::Result<&'static str> {
    let mut last = [b'\n'; 2];
    let count = usize::try_from(length.min(2)).unwrap_or(2);
    file.read_exact_at(&mut last[2 - count..], length.saturating_sub(2))?;
    Ok(match last {
        [b'\n', b'\n'] => "",
        [_, b'\n'] => "\n",
        _ => "\n\n",
    })
}

/// Maximum number of `>` before `From ` that are counted.
const DEEPEST: usize = 64;

/// Converts the lines of a message to lines of a file, in blocks of any size and in constant memory.
#[derive(Default)]
struct MboxLines {
    /// The beginning of a line that may still become `>>From `.
    start: Vec<u8>,
    /// True after the beginning of a line.
    is_inside: bool,
    /// A CR that may belong to a line end.
    has_cr: bool,
}

impl MboxLines {
    /// Writes the next block of the message.
    fn write(&mut self, block: &[u8], into: &mut impl Write) -> io::Result<()> {
        let mut rest = block;
        while let Some((&byte, after)) = rest.split_first() {
            if std::mem::take(&mut self.has_cr) && byte != b'\n' {
                self.put(b'\r', into)?;
            }
            if self.is_inside {
                // The rest of the line within this block.
                let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                into.write_all(&rest[..end])?;
                rest = &rest[end..];
                let Some((&byte, after)) = rest.split_first() else {
                    return Ok(());
                };
                self.special(byte, into)?;
                rest = after;
                continue;
            }
            match byte {
                b'\r' | b'\n' => self.special(byte, into)?,
                _ => self.put(byte, into)?,
            }
            rest = after;
        }
        Ok(())
    }

    fn special(&mut self, byte: u8, into: &mut impl Write) -> io::Result<()> {
        if byte == b'\r' {
            self.has_cr = true;
            return Ok(());
        }
        self.release(into)?;
        self.is_inside = false;
        into.write_all(b"\n")
    }

    fn put(&mut self, byte: u8, into: &mut impl Write) -> io::Result<()> {
        if self.is_inside {
            return into.write_all(&[byte]);
        }
        self.start.push(byte);
        let depth = self.start.iter().take_while(|&&byte| byte == b'>').count();
        let word = &self.start[depth..];
        if word == b"From " {
            self.start.insert(0, b'>');
        } else if b"From ".starts_with(word) && depth < DEEPEST {
            return Ok(());
        }
        self.release(into)?;
        self.is_inside = true;
        Ok(())
    }

    fn release(&mut self, into: &mut impl Write) -> io::Result<()> {
        into.write_all(&self.start)?;
        self.start.clear();
        Ok(())
    }

    /// Ends the message: adds a line end if it had none, and an empty line.
    fn end(&mut self, into: &mut impl Write) -> io::Result<()> {
        if std::mem::take(&mut self.has_cr) {
            self.put(b'\r', into)?;
        }
        let is_open = self.is_inside || !self.start.is_empty();
        self.release(into)?;
        into.write_all(if is_open { b"\n\n" } else { b"\n" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> String {
        let whole = made(&[text]);
        for at in 0..=text.len() {
            assert_eq!(made(&[&text[..at], &text[at..]]), whole, "split at {at}");
        }
        whole
    }

    fn made(blocks: &[&[u8]]) -> String {
        let (mut lines, mut out) = (MboxLines::default(), Vec::new());
        for block in blocks {
            lines.write(block, &mut out).unwrap();
        }
        lines.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_that_look_like_the_next_message_are_quoted() {
        assert_eq!(lines(b"a\r\nFrom b\r\n"), "a\n>From b\n\n");
        assert_eq!(lines(b">From b\r\n>>From c"), ">>From b\n>>>From c\n\n");
        assert_eq!(
            lines(b"Fromage\r\n From b\r\n>Fro\r\n"),
            "Fromage\n From b\n>Fro\n\n"
        );
    }

    #[test]
    fn line_ends_become_lf_and_a_bare_cr_is_kept() {
        assert_eq!(lines(b"a\rb\r\r\nc\nd"), "a\rb\r\nc\nd\n\n");
        assert_eq!(lines(b"\r\n\r"), "\n\r\n\n");
        assert_eq!(lines(b""), "\n");
    }
}
