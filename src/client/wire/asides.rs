//! Lines for people that a command prints between its replies, as exim does under `-bh`: empty lines, and
//! lines that begin with four asterisks. No server sends such lines to a client, so that they can be
//! separated from replies. They are kept for the transcript.

use crate::system::text::printable;

/// Prefix of a line for people.
const STARS: &[u8] = b"****";

/// Maximum number of lines kept.
const MOST: usize = 32;

/// Maximum number of octets kept of a line.
const LONGEST: usize = 500;

/// Separates lines for people from the replies of a command.
#[derive(Default)]
pub struct Asides {
    state: AsideState,
    kept: Vec<String>,
}

enum AsideState {
    /// At the beginning of a line; contains all of it that was received.
    Start(Vec<u8>),
    /// In a line of the session.
    Reply,
    /// In a line for people.
    Aside(Vec<u8>),
    /// In TLS, which has no lines.
    Encrypted,
}

impl Default for AsideState {
    fn default() -> Self {
        Self::Start(Vec::new())
    }
}

impl Asides {
    /// Appends the bytes of the session to `conversation`.
    pub fn sort(&mut self, bytes: &[u8], conversation: &mut Vec<u8>) {
        for &byte in bytes {
            let state = std::mem::take(&mut self.state);
            self.state = self.after(state, byte, conversation);
        }
    }

    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.kept)
    }

    fn after(&mut self, state: AsideState, byte: u8, conversation: &mut Vec<u8>) -> AsideState {
        let ends = byte == b'\n';
        match state {
            AsideState::Start(mut line) => {
                line.push(byte);
                begun(line, conversation)
            }
            AsideState::Aside(line) if ends => {
                self.keep(&line);
                AsideState::default()
            }
            AsideState::Aside(mut line) => {
                if line.len() < LONGEST {
                    line.push(byte);
                }
                AsideState::Aside(line)
            }
            AsideState::Reply | AsideState::Encrypted => {
                conversation.push(byte);
                match state {
                    AsideState::Reply if ends => AsideState::default(),
                    other => other,
                }
            }
        }
    }

    fn keep(&mut self, line: &[u8]) {
        if self.kept.len() < MOST {
            self.kept.push(printable(line.trim_ascii_end()));
        }
    }
}

/// Classifies a line by its beginning.
fn begun(line: Vec<u8>, conversation: &mut Vec<u8>) -> AsideState {
    // RFC 8446 §5.1: TLS record types are 20 to 23.
    if let [20..=23] = *line {
        conversation.extend(line);
        return AsideState::Encrypted;
    }
    if line == b"\n" || line == b"\r\n" {
        return AsideState::default();
    }
    if line == STARS {
        return AsideState::Aside(line);
    }
    if STARS.starts_with(&line) || line == b"\r" {
        return AsideState::Start(line);
    }
    let ends = line.ends_with(b"\n");
    conversation.extend(line);
    if ends {
        AsideState::default()
    } else {
        AsideState::Reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIM: &[u8] = b"\n**** SMTP testing session as if from host 192.0.2.1\n\n\
                          220 mx ****\r\n250 OK\r\n\n**** not real!\n\n221 bye\r\n";

    #[test]
    fn replies_and_asides_are_told_apart_wherever_they_are_cut() {
        for size in 1..EXIM.len() {
            let (mut asides, mut conversation) = (Asides::default(), Vec::new());
            for piece in EXIM.chunks(size) {
                asides.sort(piece, &mut conversation);
            }
            assert_eq!(conversation, b"220 mx ****\r\n250 OK\r\n221 bye\r\n");
            assert_eq!(
                asides.take(),
                [
                    "**** SMTP testing session as if from host 192.0.2.1",
                    "**** not real!"
                ]
            );
        }
    }

    #[test]
    fn nonsense_stays_nonsense_and_tls_stays_as_it_is() {
        for bytes in [
            b"***\r\nhello\n\x80".as_slice(),
            b"220 x\r\n\x16\x03\x03\n\n****\n",
        ] {
            let (mut asides, mut conversation) = (Asides::default(), Vec::new());
            asides.sort(bytes, &mut conversation);
            assert_eq!(conversation, bytes);
        }
    }

    #[test]
    fn endless_asides_are_not_kept() {
        let (mut asides, mut conversation) = (Asides::default(), Vec::new());
        let line = [STARS, &[b'x'; 10_000], b"\n"].concat();
        for _ in 0..100 {
            asides.sort(&line, &mut conversation);
        }
        let kept = asides.take();
        assert_eq!((kept.len(), kept[0].len()), (MOST, LONGEST));
        assert!(conversation.is_empty());
    }
}
