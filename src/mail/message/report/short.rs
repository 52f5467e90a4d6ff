//! A report that was built before, without the body of the message that it encloses.

use crate::mail::message::report::stream::DsnForm;
use crate::mail::message::report::text::{HEADER_FOLLOWS, MESSAGE_FOLLOWS};
use crate::mail::message::report::{TextPart, header_of_lines};
use crate::smtp::blocks::{Accepts, Block, BodyType, Replay};
use memchr::memmem::find;
use std::io;

/// The empty line after a header, with the end of the line before it.
const EMPTY_LINE: &[u8] = b"\r\n\r\n";

/// The report with the header of the message only. `None`: it does not enclose a whole message.
///
/// # Errors
/// The report cannot be read.
pub fn without_body(report: &dyn Replay) -> io::Result<Option<DsnForm<'static>>> {
    let Some(read) = beginning(report)? else {
        return Ok(None);
    };
    let Beginning {
        octets,
        boundary,
        part,
        message,
    } = read;
    let own = String::from_utf8_lossy(&octets[..part]);
    let own = own.replacen(MESSAGE_FOLLOWS, HEADER_FOLLOWS, 1);
    let (head, rest) = own.split_once("\r\n\r\n").unwrap_or((&own, ""));
    let encodings = ["8bit", "binary"].map(|name| format!("\r\nContent-Transfer-Encoding: {name}"));
    let head = encodings
        .iter()
        .fold(head.to_owned(), |head, line| head.replacen(line, "", 1));
    let mut out = format!("{head}\r\n\r\n{rest}\r\n--{boundary}\r\n").into_bytes();
    TextPart {
        description: "Header of the message",
        kind: "text/rfc822-headers",
        text: &header_of_lines(octets[message..].to_vec()),
    }
    .write(&mut out);
    let end = format!("\r\n--{boundary}--\r\n").into_bytes();
    Ok(Some(DsnForm::new(BodyType::SevenBit, out, None, end)))
}

/// A report up to the end of the header of the message in it.
struct Beginning {
    octets: Vec<u8>,
    boundary: String,
    /// Offset of the part that encloses the message, with the CRLF before its boundary.
    part: usize,
    /// Offset of the message.
    message: usize,
}

fn beginning(report: &dyn Replay) -> io::Result<Option<Beginning>> {
    let shape = report.shape(Accepts {
        transport: BodyType::Binary,
        utf8: true,
    });
    let shape = shape.ok_or_else(|| io::Error::other("the report cannot be read in any way"))?;
    let mut blocks = report.blocks(shape);
    let mut octets = Vec::new();
    let mut is_over = false;
    loop {
        if let Some((boundary, part, message)) = places(&octets) {
            let enclosed = &octets[message..];
            let is_whole = enclosed.starts_with(b"\r\n") || find(enclosed, EMPTY_LINE).is_some();
            if is_over
                || is_whole
                || enclosed.len() > crate::mail::message::report::MAX_RETURNED_HEADER
            {
                return Ok(Some(Beginning {
                    octets,
                    boundary,
                    part,
                    message,
                }));
            }
        }
        if is_over {
            return Ok(None);
        }
        is_over = blocks.append(&mut octets)? == Block::End;
    }
}

/// The boundary of a report, and the offsets of its last part and of the message in that part.
fn places(octets: &[u8]) -> Option<(String, usize, usize)> {
    let head = &octets[..find(octets, EMPTY_LINE)?];
    let name = b"\r\n boundary=";
    let boundary = &head[find(head, name)? + name.len()..];
    let boundary = boundary.split(|&octet| octet == b'\r').next()?;
    let boundary = String::from_utf8(boundary.to_vec()).ok()?;
    let begin =
        format!("\r\n--{boundary}\r\nContent-Description: Message\r\nContent-Type: message/");
    let part = find(octets, begin.as_bytes())?;
    let content = part + begin.len();
    let message = content + find(&octets[content..], EMPTY_LINE)? + EMPTY_LINE.len();
    Some((boundary, part, message))
}
