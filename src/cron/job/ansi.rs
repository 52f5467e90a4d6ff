//! Reads a line as a terminal shows it: colors, progress that overwrites itself, and other control
//! sequences, which are escaped.

use crate::system::text::escape_length;
use std::fmt::Write as _;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextStyle {
    pub foreground: Option<TextColor>,
    pub background: Option<TextColor>,
    pub bold: bool,
    pub italic: bool,
    pub underlined: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextColor(pub u8, pub u8, pub u8);

/// Characters with the same style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyledRun {
    pub style: TextStyle,
    pub text: String,
}

/// Reads lines one after the other: a color lasts until the next one is set.
#[derive(Default)]
pub struct AnsiReader {
    style: TextStyle,
}

/// The sixteen colors, dark enough to be read on white.
const COLOURS: [TextColor; 16] = [
    TextColor(0, 0, 0),
    TextColor(170, 0, 0),
    TextColor(0, 120, 0),
    TextColor(150, 90, 0),
    TextColor(0, 0, 170),
    TextColor(150, 0, 150),
    TextColor(0, 120, 130),
    TextColor(110, 110, 110),
    TextColor(85, 85, 85),
    TextColor(220, 40, 40),
    TextColor(0, 150, 0),
    TextColor(180, 120, 0),
    TextColor(60, 60, 230),
    TextColor(200, 0, 200),
    TextColor(0, 150, 160),
    TextColor(70, 70, 70),
];

impl AnsiReader {
    /// The text of a line, without its end, as a terminal shows it. Octets that are not UTF-8 and controls
    /// without a meaning here are written as `\xNN`.
    pub fn line(&mut self, line: &[u8]) -> Vec<StyledRun> {
        let mut output = StyledLine::default();
        let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
        while let Some(&first) = rest.first() {
            let length = match first {
                0x1b => self.escape(rest, &mut output),
                b'\r' => {
                    output.overwrites = true;
                    1
                }
                0x08 => {
                    output.erase();
                    1
                }
                _ => output.plain(rest, self.style),
            };
            rest = &rest[length..];
        }
        output.runs
    }

    /// Length of the sequence that begins here. An unknown one is shown.
    fn escape(&mut self, rest: &[u8], output: &mut StyledLine) -> usize {
        let Some(length) = escape_length(rest) else {
            output.put("\\x1b", self.style);
            return 1;
        };
        let parameters = rest[..length].strip_prefix(b"\x1b[");
        if let Some(parameters) = parameters.and_then(|rest| rest.strip_suffix(b"m")) {
            self.select(parameters);
        }
        length
    }

    fn select(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        let numbers = text
            .split([';', ':'])
            .map(|n| n.parse::<u16>().unwrap_or(0));
        let mut numbers = numbers.collect::<Vec<_>>().into_iter();
        while let Some(number) = numbers.next() {
            let style = &mut self.style;
            match number {
                0 => *style = TextStyle::default(),
                1 => style.bold = true,
                3 => style.italic = true,
                4 => style.underlined = true,
                22 => style.bold = false,
                23 => style.italic = false,
                24 => style.underlined = false,
                30..=37 => style.foreground = basic(number - 30),
                38 => style.foreground = extended(&mut numbers),
                39 => style.foreground = None,
                40..=47 => style.background = basic(number - 40),
                48 => style.background = extended(&mut numbers),
                49 => style.background = None,
                90..=97 => style.foreground = basic(number - 82),
                100..=107 => style.background = basic(number - 92),
                _ => {}
            }
        }
    }
}

fn basic(number: u16) -> Option<TextColor> {
    COLOURS.get(usize::from(number)).copied()
}

/// A color of the palette of 256, or in RGB.
fn extended(numbers: &mut impl Iterator<Item = u16>) -> Option<TextColor> {
    let kind = numbers.next()?;
    let mut next = || numbers.next().and_then(|number| u8::try_from(number).ok());
    match kind {
        2 => Some(TextColor(next()?, next()?, next()?)),
        5 => match next()? {
            number @ 0..16 => basic(u16::from(number)),
            number @ 16..232 => {
                let part = |by: u8| match (number - 16) / by % 6 {
                    0 => 0,
                    level => 55 + 40 * level,
                };
                Some(TextColor(part(36), part(6), part(1)))
            }
            number => {
                let grey = 8 + 10 * (number - 232);
                Some(TextColor(grey, grey, grey))
            }
        },
        _ => None,
    }
}

/// The styled line so far.
#[derive(Default)]
struct StyledLine {
    runs: Vec<StyledRun>,
    /// The next text overwrites the line.
    overwrites: bool,
}

impl StyledLine {
    fn put(&mut self, text: &str, style: TextStyle) {
        if std::mem::take(&mut self.overwrites) {
            self.runs.clear();
        }
        match self.runs.last_mut() {
            Some(last) if last.style == style => last.text.push_str(text),
            _ => self.runs.push(StyledRun {
                style,
                text: text.to_owned(),
            }),
        }
    }

    fn erase(&mut self) {
        let Some(last) = self.runs.last_mut() else {
            return;
        };
        last.text.pop();
        if last.text.is_empty() {
            self.runs.pop();
        }
    }

    /// Writes text up to the next control character; at least one octet.
    fn plain(&mut self, rest: &[u8], style: TextStyle) -> usize {
        let is_control = |byte: &u8| matches!(byte, 0x1b | b'\r' | 0x08);
        let end = rest.iter().position(is_control).unwrap_or(rest.len());
        let mut text = String::with_capacity(end);
        for chunk in rest[..end].utf8_chunks() {
            chunk
                .valid()
                .chars()
                .for_each(|c| push_visible(c, &mut text));
            for byte in chunk.invalid() {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        self.put(&text, style);
        end
    }
}

fn push_visible(character: char, text: &mut String) {
    match character {
        '\t' => text.push('\t'),
        '\0'..='\x1f' | '\x7f' => {
            let _ = write!(text, "\\x{:02x}", u32::from(character));
        }
        _ => text.push_str(&crate::system::text::shown(
            character.encode_utf8(&mut [0; 4]),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &[u8]) -> String {
        let runs = AnsiReader::default().line(line).into_iter();
        runs.map(|run| run.text).collect()
    }

    #[test]
    fn color_sequences_are_removed_from_the_text() {
        assert_eq!(text(b"\x1b[1;31merror\x1b[0m: \x1b[Kno"), "error: no");
        assert_eq!(
            text(b"\x1b]0;title\x07x\x1b]8;;http://a\x1b\\y\x1b(B"),
            "xy"
        );
    }

    #[test]
    fn overwritten_progress_is_removed() {
        assert_eq!(text(b" 10%\r 50%\r100%"), "100%");
        assert_eq!(text(b" 10%\r 99%\r"), " 99%");
        assert_eq!(text(b"dos\r"), "dos");
        assert_eq!(text(b"\x1b[32m5%\x1b[0m\r\x1b[Kdone"), "done");
    }

    #[test]
    fn backspace_removes_a_character() {
        assert_eq!(text("a/\u{8}-\u{8}é\u{8}|".as_bytes()), "a|");
        assert_eq!(text(b"\x08x"), "x");
    }

    #[test]
    fn invalid_utf8_and_controls_are_shown_in_hexadecimal() {
        assert_eq!(text(b"a\0b\x07\xffc\xe4"), "a\\x00b\\x07\\xffc\\xe4");
        assert_eq!(text("é\u{202e}\tz".as_bytes()), "é\\u{202e}\tz");
        assert_eq!(text(b"end\x1b"), "end\\x1b");
        assert_eq!(text(b"\x1b[12"), "\\x1b[12");
    }

    #[test]
    fn color_continues_on_the_next_line() {
        let mut reader = AnsiReader::default();
        reader.line(b"\x1b[38;5;196mone");
        let two = reader.line(b"two\x1b[39m three");
        assert_eq!(two[0].style.foreground, Some(TextColor(255, 0, 0)));
        assert_eq!(two[1].style, TextStyle::default());
        let three = reader.line(b"\x1b[38;2;1;2;3;4mx");
        assert_eq!(three[0].style.foreground, Some(TextColor(1, 2, 3)));
        assert!(three[0].style.underlined);
    }
}
