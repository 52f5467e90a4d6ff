//! A message as it was received: its header fields, and its body as a stream. Line ends become CRLF, as they were on
//! the wire, because files have LF.

use crate::mail::dkim::signature::Signature;
use std::io::{self, BufRead, BufReader, Read};

/// Maximum size of a header, in octets.
const MAX_HEADER: u64 = 1 << 20;

/// Size of the blocks of the body.
const BLOCK: usize = 64 * 1024;

/// A field of the header: its name in lower case, and its octets without the line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedField {
    pub name: String,
    pub raw: Vec<u8>,
}

impl ReceivedField {
    fn new(line: Vec<u8>) -> Self {
        let colon = memchr::memchr(b':', &line).unwrap_or(line.len());
        let name = String::from_utf8_lossy(line[..colon].trim_ascii_end());
        Self {
            name: name.to_ascii_lowercase(),
            raw: line,
        }
    }

    /// The text after the colon.
    pub fn value(&self) -> String {
        let colon = memchr::memchr(b':', &self.raw).map_or(0, |at| at + 1);
        String::from_utf8_lossy(&self.raw[colon..]).into_owned()
    }
}

/// A body that is read in blocks.
pub struct ReceivedBody<R> {
    reader: BufReader<R>,
    after_cr: bool,
}

/// Reads the header. A first line of an mbox (`From `) is not part of it.
pub fn read_header<R: Read>(input: R) -> io::Result<(Vec<ReceivedField>, ReceivedBody<R>)> {
    let mut reader = BufReader::with_capacity(BLOCK, input);
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut left = MAX_HEADER;
    loop {
        let mut line = Vec::new();
        let read = (&mut reader).take(left).read_until(b'\n', &mut line)? as u64;
        left -= read;
        if left == 0 {
            let why = "the header has more than 1 MiB";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            break;
        }
        let is_more = matches!(text[0], b' ' | b'\t');
        let is_of_mbox = lines.is_empty() && text.starts_with(b"From ");
        match lines.last_mut().filter(|_| is_more) {
            Some(last) => {
                last.extend_from_slice(b"\r\n");
                last.extend_from_slice(text);
            }
            None if is_of_mbox => {}
            None => lines.push(text.to_vec()),
        }
    }
    let fields = lines.into_iter().map(ReceivedField::new).collect();
    let body = ReceivedBody {
        reader,
        after_cr: false,
    };
    Ok((fields, body))
}

impl<R: Read> ReceivedBody<R> {
    /// Passes on the body in blocks.
    pub fn read(mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut converted = Vec::with_capacity(BLOCK + BLOCK / 16);
        loop {
            let block = self.reader.fill_buf()?;
            if block.is_empty() {
                return Ok(());
            }
            converted.clear();
            let mut rest = block;
            while let Some(at) = memchr::memchr(b'\n', rest) {
                let before = &rest[..at];
                let has_cr = match before.last() {
                    Some(last) => *last == b'\r',
                    None => converted
                        .last()
                        .map_or(self.after_cr, |last| *last == b'\r'),
                };
                converted.extend_from_slice(before);
                converted.extend_from_slice(if has_cr { b"\n" } else { b"\r\n" });
                rest = &rest[at + 1..];
            }
            converted.extend_from_slice(rest);
            self.after_cr = block.last() == Some(&b'\r');
            let read = block.len();
            self.reader.consume(read);
            take(&converted);
        }
    }
}

/// The signatures of a message that can be parsed. The body is not read.
pub fn signatures_in(input: impl Read) -> io::Result<Vec<Signature>> {
    let (fields, _) = read_header(input)?;
    let signatures = fields.iter().filter(|field| field.name == "dkim-signature");
    Ok(signatures
        .filter_map(|field| Signature::parse(&field.value()).ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(message: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        let (_, rest) = read_header(message).unwrap();
        rest.read(&mut |block| body.extend_from_slice(block))
            .unwrap();
        body
    }

    #[test]
    fn fields_keep_their_folding_and_lines_end_in_crlf() {
        let message = b"From alice Mon Jan  1\nSubject : a\n\tb\nX:\n\nline\r\nline\n\n";
        let (fields, _) = read_header(&message[..]).unwrap();
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["subject", "x"]);
        assert_eq!(fields[0].raw, b"Subject : a\r\n\tb");
        assert_eq!(fields[0].value(), " a\r\n\tb");
        assert_eq!(body_of(message), b"line\r\nline\r\n\r\n");
    }

    #[test]
    fn a_header_without_end_is_limited() {
        let line = b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
        let endless = line.repeat(20_000);
        assert!(read_header(&endless[..]).is_err());
        assert!(read_header(&b"X: no body"[..]).is_ok());
    }

    /// A reader that returns one octet at a time.
    struct Slow<'t>(&'t [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn line_ends_are_found_across_blocks() {
        let message = b"A: b\n\nx\r\ny\n\r\n\nz";
        let mut body = Vec::new();
        let (_, rest) = read_header(Slow(message)).unwrap();
        rest.read(&mut |block| body.extend_from_slice(block))
            .unwrap();
        assert_eq!(body, b"x\r\ny\r\n\r\n\r\nz");
    }
}
