//! A message as it came over the wire, and what a server makes of it.

/// A message as it came over the wire.
#[derive(Debug)]
pub struct Message {
    /// With its dots doubled.
    pub raw: Vec<u8>,
}

impl Message {
    /// What the server stores: the leading dots taken away. Panics at a bare CR or LF, and at a line
    /// of a lone dot.
    #[track_caller]
    pub fn stored(&self) -> Vec<u8> {
        let mut stored = Vec::new();
        let mut rest = &self.raw[..];
        while !rest.is_empty() {
            let end = rest.iter().position(|&byte| byte == b'\n');
            let end = end.expect("the message does not end with a line end") + 1;
            let line = &rest[..end];
            let text = line.escape_ascii();
            let inner = line.strip_suffix(b"\r\n");
            let inner = inner.unwrap_or_else(|| panic!("a bare LF: \"{text}\""));
            assert!(!inner.contains(&b'\r'), "a bare CR: \"{text}\"");
            assert!(inner.len() <= 999, "a long line: {} octets", inner.len());
            stored.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            rest = &rest[end..];
        }
        stored
    }

    /// What the server stores, as text.
    #[track_caller]
    pub fn text(&self) -> String {
        String::from_utf8(self.stored()).unwrap()
    }

    /// The header, each field on one line.
    #[track_caller]
    pub fn header(&self) -> String {
        let text = self.text();
        let head = text.split_once("\r\n\r\n").expect("no empty line").0;
        head.replace("\r\n ", " ").replace("\r\n\t", "\t")
    }

    /// What stands below the header.
    #[track_caller]
    pub fn body(&self) -> String {
        let text = self.text();
        text.split_once("\r\n\r\n")
            .expect("no empty line")
            .1
            .to_owned()
    }
}
