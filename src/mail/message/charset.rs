//! Texts in charsets other than UTF-8.

use crate::mail::message::MessageError;
use crate::mail::message::encode::Encoder;
use crate::mail::message::source::Source;
use crate::system::text::windows_1252;
use encoding_rs::Encoding;
use std::io::{self, Read};

/// Converts a text in the given charset to UTF-8.
pub fn decoded(source: &Source, label: &str) -> Result<Source, MessageError> {
    let wrong = |what: String| MessageError::Text {
        name: source.name.clone(),
        what,
    };
    let charset = Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        wrong(format!(
            "unknown charset \"{}\"",
            crate::system::text::shown(label)
        ))
    })?;
    let mut decoding = Decoding {
        decoder: charset.new_decoder(),
        failed: false,
        text: String::new(),
    };
    let text = source.rewritten(0, &mut decoding)?;
    if decoding.failed {
        return Err(wrong(format!("the text is not valid {}", charset.name())));
    }
    Ok(text)
}

/// Converts a text of unknown charset to UTF-8, with a warning if it is not in UTF-8. A byte order mark may
/// indicate UTF-16. Content that is not UTF-8 and has NULs is not text, and is not changed.
pub fn utf8(source: Source) -> Result<(Source, Option<String>), MessageError> {
    let source = source.without_byte_order_mark()?;
    let mut start = [0; 2];
    let count = source.read(&mut start, 0)?;
    if let Some((utf_16, _)) = Encoding::for_bom(&start[..count]) {
        return Ok((decoded(&source, utf_16.name())?, None));
    }
    if is_utf8(&source)? || source.scan(0)?.has_nul {
        return Ok((source, None));
    }
    let mut guess = Utf8Guess::default();
    let text = source.rewritten(0, &mut guess)?;
    let warning = guess.first.map(|at| warning(&source.name, at));
    Ok((text, warning))
}

fn is_utf8(source: &Source) -> Result<bool, MessageError> {
    let mut block = source.block(64 * 1024);
    let (mut at, mut kept) = (0, 0);
    loop {
        let count = source.read(&mut block[kept..], at)?;
        let (read, is_end) = (kept + count, count == 0);
        at += count as u64;
        kept = match std::str::from_utf8(&block[..read]) {
            Ok(_) if is_end => return Ok(true),
            Ok(_) => 0,
            Err(error) if is_end || error.error_len().is_some() => return Ok(false),
            // A character continues in the next block.
            Err(error) => {
                block.copy_within(error.valid_up_to()..read, 0);
                read - error.valid_up_to()
            }
        };
    }
}

fn warning(name: &str, at: u64) -> String {
    format!("{name}: byte {at} is not valid UTF-8; treating the text as windows-1252")
}

/// A conversion to UTF-8 in progress.
struct Decoding {
    decoder: encoding_rs::Decoder,
    failed: bool,
    text: String,
}

impl Decoding {
    fn decode(&mut self, bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        self.text.clear();
        let space = self.decoder.max_utf8_buffer_length(bytes.len());
        self.text.reserve(space.unwrap_or(bytes.len() * 4 + 16));
        let (_, _, replaced) = self
            .decoder
            .decode_to_string(bytes, &mut self.text, is_last);
        self.failed |= replaced;
        out.extend_from_slice(self.text.as_bytes());
    }
}

impl Encoder for Decoding {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.decode(bytes, false, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.decode(&[], true, out);
    }
}

/// Text that should be UTF-8: valid sequences are kept, and other bytes are read as windows-1252, in which
/// every byte is a character.
#[derive(Default)]
struct Utf8Guess {
    /// The beginning of a character that continues in the next block.
    partial: Vec<u8>,
    /// Number of bytes before it.
    done: u64,
    /// Offset of the first byte that is not UTF-8.
    first: Option<u64>,
}

impl Utf8Guess {
    fn read(&mut self, bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let joined = [std::mem::take(&mut self.partial).as_slice(), bytes].concat();
        let mut rest = joined.as_slice();
        while let Err(error) = std::str::from_utf8(rest) {
            let (valid, other) = rest.split_at(error.valid_up_to());
            out.extend_from_slice(valid);
            self.done += valid.len() as u64;
            if error.error_len().is_none() && !is_last {
                self.partial = other.to_vec();
                return;
            }
            self.first.get_or_insert(self.done);
            let count = error.error_len().unwrap_or(other.len());
            out.extend_from_slice(windows_1252(&other[..count]).as_bytes());
            self.done += count as u64;
            rest = &other[count..];
        }
        out.extend_from_slice(rest);
        self.done += rest.len() as u64;
    }
}

impl Encoder for Utf8Guess {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.read(bytes, false, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.read(&[], true, out);
    }
}

/// Reads a text once, and converts it to UTF-8.
pub struct Utf8<R> {
    name: &'static str,
    from: R,
    guess: Utf8Guess,
    block: Vec<u8>,
    /// Converted text that is not returned yet.
    text: Vec<u8>,
    is_ended: bool,
}

impl<R: Read> Utf8<R> {
    /// The name is for the warning.
    pub fn new(name: &'static str, from: R) -> Self {
        Self {
            name,
            from,
            guess: Utf8Guess::default(),
            block: vec![0; 64 * 1024],
            text: Vec::new(),
            is_ended: false,
        }
    }

    /// A warning if what was read is not UTF-8.
    pub fn warning(&self) -> Option<String> {
        self.guess.first.map(|at| warning(self.name, at))
    }

    fn fill(&mut self) -> io::Result<()> {
        while self.text.is_empty() && !self.is_ended {
            match self.from.read(&mut self.block)? {
                0 => {
                    self.is_ended = true;
                    self.guess.finish(&mut self.text);
                }
                count => self.guess.push(&self.block[..count], &mut self.text),
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        self.fill()?;
        let count = self.text.len().min(block.len());
        block[..count].copy_from_slice(&self.text[..count]);
        self.text.drain(..count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text, and the offset of the first byte that is not UTF-8.
    fn guessed(bytes: &[u8]) -> (String, Option<u64>) {
        let mut whole = Utf8::new("text", bytes);
        let mut text = String::new();
        whole.read_to_string(&mut text).unwrap();
        for cut in 0..=bytes.len() {
            let (mut guess, mut out) = (Utf8Guess::default(), Vec::new());
            guess.push(&bytes[..cut], &mut out);
            guess.push(&bytes[cut..], &mut out);
            guess.finish(&mut out);
            assert_eq!(out, text.as_bytes(), "cut at {cut}");
            assert_eq!(guess.first, whole.guess.first, "cut at {cut}");
        }
        (text, whole.guess.first)
    }

    #[test]
    fn a_character_on_the_border_of_blocks_is_utf8() {
        for shift in 0..5 {
            let text = format!(
                "{}{}",
                "x".repeat(64 * 1024 - shift),
                "日本語".repeat(30_000)
            );
            let source = |bytes: &[u8]| Source::memory("text".to_owned(), bytes.to_vec());
            assert!(is_utf8(&source(text.as_bytes())).unwrap());
            assert!(!is_utf8(&source(&text.as_bytes()[..text.len() - 1])).unwrap());
            let broken = text.replacen('日', "\u{7f}", 1).into_bytes();
            let broken = broken
                .iter()
                .map(|&byte| if byte == 0x7f { 0xff } else { byte });
            assert!(!is_utf8(&source(&broken.collect::<Vec<_>>())).unwrap());
        }
        for text in ["", "a", "ü"] {
            assert!(is_utf8(&Source::memory("text".to_owned(), text.into())).unwrap());
        }
    }

    #[test]
    fn utf8_is_kept_and_other_bytes_are_read_as_windows_1252() {
        for (bytes, text, first) in [
            ("Grüße 日本".as_bytes(), "Grüße 日本", None),
            (b"Gr\xfc\xdfe", "Grüße", Some(2)),
            (b"\x80 5", "€ 5", Some(0)),
            (b"end \xc3", "end Ã", Some(4)),
            ("ü".as_bytes(), "ü", None),
            (b"", "", None),
        ] {
            assert_eq!(guessed(bytes), (text.to_owned(), first));
        }
        let mixed = ["Grüße ".as_bytes(), b"\xfc", " ü".as_bytes()].concat();
        assert_eq!(guessed(&mixed), ("Grüße ü ü".to_owned(), Some(8)));
    }
}
