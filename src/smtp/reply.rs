//! Replies (RFC 5321 §4.2).

use crate::system::text::printable;

/// Maximum size of a reply, in bytes. A thousand full lines are legal; endless replies are cut off here.
const MAX_REPLY: usize = 1024 * 1024;

/// A complete reply from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code, 200 to 599.
    pub code: u16,
    /// The text of each line after the code, printable.
    pub lines: Vec<String>,
}

/// The first digit of a reply code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Success,
    Intermediate,
    Transient,
    Permanent,
}

/// Reason for which lines are not a valid reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// No code of three digits between 200 and 599 that a space, a hyphen or the end of the line follows.
    #[error("sent \"{0}\" instead of a reply")]
    NoReply(String),
    /// The lines of one reply have different codes.
    #[error("sent a reply with two codes, {0} and {1}")]
    TwoCodes(u16, u16),
    /// The reply exceeds the maximum size.
    #[error("sent a reply of more than {MAX_REPLY} bytes")]
    TooLong,
}

impl Reply {
    /// The class given by the first digit.
    pub fn class(&self) -> Class {
        match self.code / 100 {
            2 => Class::Success,
            3 => Class::Intermediate,
            4 => Class::Transient,
            _ => Class::Permanent,
        }
    }

    /// The enhanced status code of the first line, if its class is that of the reply (RFC 2034 §4).
    pub fn enhanced(&self) -> Option<&str> {
        let line = self.lines.first()?;
        enhanced_code(line, self.code)
    }

    /// The text of all lines, without enhanced codes, in one line.
    pub fn text(&self) -> String {
        let plain = self.lines.iter().map(|line| {
            let code = enhanced_code(line, self.code).unwrap_or_default();
            line[code.len()..].trim()
        });
        let parts: Vec<&str> = plain.filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }

    /// The whole reply in one line: `550 5.1.1 no such user`.
    pub fn whole(&self) -> String {
        let parts = [
            self.code.to_string(),
            self.enhanced().unwrap_or_default().to_owned(),
            self.text(),
        ];
        let parts: Vec<&str> = parts
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(" ")
    }

    /// True if a reply to RCPT means "too many recipients", so that the others may follow in another
    /// transaction: 452, and the 552 of RFC 821, unless an enhanced code specifies another cause (RFC 5321
    /// §4.5.3.1.10).
    pub fn is_too_many_recipients(&self) -> bool {
        let detail = self.enhanced().map(|code| &code[1..]);
        matches!(self.code, 452 | 552) && matches!(detail, None | Some(".5.3"))
    }
}

/// `5.1.1` at the beginning of a line, if its class is that of the reply code.
fn enhanced_code(line: &str, code: u16) -> Option<&str> {
    let word = line.split(' ').next()?;
    let mut parts = word.split('.');
    let class: u16 = parts.next()?.parse().ok()?;
    let number = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit())
    };
    let shaped = number(parts.next()?) && number(parts.next()?) && parts.next().is_none();
    (shaped && class == code / 100 && word.as_bytes()[1] == b'.').then_some(word)
}

/// A reply that is read line by line.
#[derive(Debug, Default)]
pub struct ReplyReader {
    code: Option<u16>,
    lines: Vec<String>,
    bytes: usize,
}

impl ReplyReader {
    /// Adds the next line, without its line end; returns the reply after its last line.
    pub fn add(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let (code, last, text) = parse(line)?;
        if let Some(first) = self.code.filter(|&first| first != code) {
            return Err(ReplyError::TwoCodes(first, code));
        }
        self.code = Some(code);
        self.bytes += line.len() + 64;
        if self.bytes > MAX_REPLY {
            return Err(ReplyError::TooLong);
        }
        self.lines.push(printable(text));
        let lines = &mut self.lines;
        Ok(last.then(|| Reply {
            code,
            lines: std::mem::take(lines),
        }))
    }
}

/// The code of a line, a flag for the last line of the reply, and its text.
fn parse(line: &[u8]) -> Result<(u16, bool, &[u8]), ReplyError> {
    let wrong = || ReplyError::NoReply(printable(line));
    let digits = line.get(..3).ok_or_else(wrong)?;
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(digits[0], b'2'..=b'5') {
        return Err(wrong());
    }
    let code = digits
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match line.get(3) {
        None => Ok((code, true, b"")),
        Some(b' ') => Ok((code, true, &line[4..])),
        Some(b'-') => Ok((code, false, &line[4..])),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(lines: &[&[u8]]) -> Result<Reply, ReplyError> {
        let mut gathering = ReplyReader::default();
        for line in lines {
            if let Some(reply) = gathering.add(line)? {
                return Ok(reply);
            }
        }
        panic!("the reply has no end")
    }

    #[test]
    fn reply_may_have_several_lines() {
        let reply = reply(&[b"550-5.1.1 no such", b"550 5.1.1 user here"]).unwrap();
        assert_eq!(reply.code, 550);
        assert_eq!(reply.enhanced(), Some("5.1.1"));
        assert_eq!(reply.text(), "no such user here");
        assert_eq!(reply.whole(), "550 5.1.1 no such user here");
    }

    #[test]
    fn code_without_text_is_a_reply() {
        for line in [b"250".as_slice(), b"250 "] {
            let reply = reply(&[line]).unwrap();
            assert_eq!((reply.code, reply.text()), (250, String::new()));
        }
    }

    #[test]
    fn malformed_lines_are_not_a_reply() {
        for line in [
            b"".as_slice(),
            b"25",
            b"2500",
            b"-250",
            b"ok",
            b"150 x",
            b"650 x",
            b"\x00250 ok",
            b" 250 ok",
            b"250\tok",
            b"\xb2\xb5\xb0 ok",
        ] {
            assert!(reply(&[line]).is_err(), "{line:?}");
        }
        let two = reply(&[b"250-ok", b"550 no"]);
        assert_eq!(two, Err(ReplyError::TwoCodes(250, 550)));
    }

    #[test]
    fn reply_size_is_limited() {
        let mut gathering = ReplyReader::default();
        for _ in 0..1000 {
            assert_eq!(
                gathering.add(&[b"250-".as_slice(), &[b'x'; 500]].concat()),
                Ok(None)
            );
        }
        assert!(gathering.add(b"250 end").unwrap().is_some());
        let endless = std::iter::repeat_n(b"250-x", 100_000);
        let mut gathering = ReplyReader::default();
        let end = endless.map(|line| gathering.add(line)).find(Result::is_err);
        assert_eq!(end, Some(Err(ReplyError::TooLong)));
    }

    #[test]
    fn enhanced_code_of_another_class_is_text() {
        // RFC 2034 §4
        let reply = reply(&[b"250 5.1.1 strange"]).unwrap();
        assert_eq!(reply.enhanced(), None);
        assert_eq!(reply.text(), "5.1.1 strange");
    }

    #[test]
    fn too_many_recipients_is_452_or_552_but_not_a_full_mailbox() {
        let says = |line: &[u8]| reply(&[line]).unwrap().is_too_many_recipients();
        assert!(says(b"452 too many") && says(b"552 too many") && says(b"452 4.5.3 too many"));
        assert!(!says(b"452 4.2.2 full") && !says(b"552 5.2.2 full") && !says(b"450 later"));
    }
}
