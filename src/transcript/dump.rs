//! Hexadecimal dump, sixteen octets in a row, with the printable characters.

use std::fmt::Write as _;

/// Octets in a row.
const ROW: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpStyle {
    /// The format of hexdump -C, with offsets from the beginning of the session.
    Hexdump,
    /// The format of swaks, with offsets from the beginning of each piece.
    Swaks,
}

/// A stream of octets in one direction.
pub struct Dump {
    style: DumpStyle,
    /// Offset of the row that is not full yet.
    offset: u64,
    row: Vec<u8>,
}

impl Dump {
    /// A dump with offset 0.
    pub fn new(style: DumpStyle) -> Self {
        Self {
            style,
            offset: 0,
            row: Vec::new(),
        }
    }

    /// Adds octets, and returns the completed rows.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut rows = Vec::new();
        for &byte in bytes {
            self.row.push(byte);
            if self.row.len() == ROW {
                rows.extend(self.cut());
            }
        }
        rows
    }

    /// The incomplete row at the end of the data.
    pub fn end(&mut self) -> Option<String> {
        let row = self.cut();
        if self.style == DumpStyle::Swaks {
            self.offset = 0;
        }
        row
    }

    pub fn whole(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut rows = self.push(bytes);
        rows.extend(self.end());
        rows
    }

    fn cut(&mut self) -> Option<String> {
        if self.row.is_empty() {
            return None;
        }
        let row = match self.style {
            DumpStyle::Hexdump => hexdump(self.offset, &self.row),
            DumpStyle::Swaks => swaks(self.offset, &self.row),
        };
        self.offset += self.row.len() as u64;
        self.row.clear();
        Some(row)
    }
}

fn hexdump(offset: u64, row: &[u8]) -> String {
    let mut text = format!("{offset:08x} ");
    for at in 0..ROW {
        if at % 8 == 0 {
            text.push(' ');
        }
        match row.get(at) {
            Some(byte) => _ = write!(text, "{byte:02x} "),
            None => text.push_str("   "),
        }
    }
    let printed = printed(row, b' ');
    text + &format!(" |{printed}|")
}

fn swaks(offset: u64, row: &[u8]) -> String {
    let mut text = format!("{offset:04}:");
    for at in 0..ROW {
        if at % 4 == 0 {
            text.push(' ');
        }
        match row.get(at) {
            Some(byte) => _ = write!(text, "{byte:02X} "),
            None => text.push_str("   "),
        }
    }
    let printed = printed(row, b'!');
    text + &format!("   {printed:<16}")
}

/// Octets outside the range from `first` to the tilde are shown as points.
fn printed(row: &[u8], first: u8) -> String {
    let point = |&byte: &u8| match byte {
        b'~' => '~',
        _ if (first..b'~').contains(&byte) => char::from(byte),
        _ => '.',
    };
    row.iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_look_as_hexdump_makes_them() {
        let mut dump = Dump::new(DumpStyle::Hexdump);
        assert_eq!(
            dump.whole(b"EHLO me.example\r\n\x00"),
            [
                "00000000  45 48 4c 4f 20 6d 65 2e  65 78 61 6d 70 6c 65 0d  |EHLO me.example.|",
                "00000010  0a 00                                             |..|",
            ]
        );
        assert!(dump.whole(b"x")[0].starts_with("00000012  78 "));
    }

    #[test]
    fn rows_look_as_swaks_makes_them() {
        let mut dump = Dump::new(DumpStyle::Swaks);
        assert_eq!(
            dump.whole(b"220 localhost ESMTP ehlo sink\r\n"),
            [
                "0000: 32 32 30 20  6C 6F 63 61  6C 68 6F 73  74 20 45 53    220.localhost.ES",
                "0016: 4D 54 50 20  65 68 6C 6F  20 73 69 6E  6B 0D 0A       MTP.ehlo.sink.. ",
            ]
        );
        assert!(dump.whole(b"x")[0].starts_with("0000: 78 "));
    }

    #[test]
    fn a_row_may_come_in_pieces() {
        let mut dump = Dump::new(DumpStyle::Hexdump);
        assert_eq!(dump.push(b"0123456789"), [""; 0]);
        assert_eq!(dump.push(b"abcdefgh").len(), 1);
        assert!(dump.end().unwrap().ends_with("|gh|"));
        assert_eq!(dump.end(), None);
    }
}
