//! The header of a message on its way out, as octets.

use crate::smtp::blocks::{Block, BodyType, Replay};
use std::io;

/// Maximum size of a header that is searched for a field, in octets.
const MAX_SEARCHED: usize = 1024 * 1024;

/// The header of a message up to this size: whole lines, without the empty line.
pub fn header_of(original: &dyn Replay, limit: usize) -> io::Result<Vec<u8>> {
    let shape = original.shape(BodyType::Binary.with_utf8());
    let shape = shape.ok_or_else(|| io::Error::other("the message cannot be parsed"))?;
    let mut blocks = original.blocks(shape);
    let mut read = Vec::new();
    let mut end = None;
    while end.is_none() && read.len() < limit {
        let known = read.len().saturating_sub(3);
        if blocks.append(&mut read)? == Block::End {
            break;
        }
        let empty_line = memchr::memmem::find(&read[known..], b"\r\n\r\n");
        end = empty_line.map(|at| known + at + 2);
    }
    read.truncate(end.unwrap_or(read.len()));
    Ok(header_of_lines(read, limit))
}

/// The header at the beginning of a message.
pub fn header_of_lines(mut read: Vec<u8>, limit: usize) -> Vec<u8> {
    if read.starts_with(b"\r\n") {
        return Vec::new();
    }
    let end = memchr::memmem::find(&read, b"\r\n\r\n").map(|at| at + 2);
    read.truncate(end.unwrap_or(read.len()).min(limit));
    let last = memchr::memmem::rfind(&read, b"\r\n").map_or(0, |at| at + 2);
    read.truncate(last);
    read
}

/// True if the sender prefers delivery to TLS: the message has one field `TLS-Required: No` (RFC 8689 §3). False if it
/// cannot be read.
pub fn is_tls_waived(message: &dyn Replay) -> bool {
    let header = header_of(message, MAX_SEARCHED).unwrap_or_default();
    let mut values = header.split(|octet| *octet == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = (line[..colon].trim_ascii_end(), &line[colon + 1..]);
        name.eq_ignore_ascii_case(b"TLS-Required")
            .then(|| value.trim_ascii())
    });
    let (first, second) = (values.next(), values.next());
    first.is_some_and(|value| value.eq_ignore_ascii_case(b"No")) && second.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::blocks::{Accepts, Blocks, Shape};

    struct Text(&'static str);

    impl Replay for Text {
        fn shape(&self, _: Accepts) -> Option<Shape> {
            Some(Shape {
                transport: BodyType::SevenBit,
                utf8: false,
                size: self.0.len() as u64,
            })
        }

        fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
            Box::new(Reader(Some(self.0)))
        }
    }

    struct Reader(Option<&'static str>);

    impl Blocks for Reader {
        fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
            let Some(text) = self.0.take() else {
                return Ok(Block::End);
            };
            out.extend_from_slice(text.as_bytes());
            Ok(Block::Lines)
        }
    }

    #[test]
    fn tls_is_waived_by_one_field_with_the_value_no() {
        for text in [
            "Subject: x\r\nTLS-Required: No\r\n\r\nhi\r\n",
            "tls-required:no\r\n\r\n",
        ] {
            assert!(is_tls_waived(&Text(text)), "{text}");
        }
        for text in [
            "Subject: x\r\n\r\nTLS-Required: No\r\n",
            "TLS-Required: No\r\nTLS-Required: No\r\n\r\n",
            "TLS-Required: No, thanks\r\n\r\n",
            "X-TLS-Required: No\r\n\r\n",
            "Subject: TLS-Required: No\r\n\r\n",
            "\r\nTLS-Required: No\r\n",
            "",
        ] {
            assert!(!is_tls_waived(&Text(text)), "{text}");
        }
    }
}
