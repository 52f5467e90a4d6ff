//! A line for each message, or the whole message, on the standard output.

use crate::cli::terminal::{Stdout, complain};
use crate::server::{Declined, Incoming, MessageStore, ReceivedEnvelope, Whereabouts};
use crate::system::text::printable;
use std::io::{self, Read as _, Seek as _, Write};
use std::sync::Mutex;

/// Writes a line for each message, and the message too if requested.
#[derive(Default)]
pub struct Printer {
    whole: bool,
    /// Held while a message is written, so that two do not mix.
    turn: Mutex<()>,
}

impl Printer {
    /// One that writes the messages, too.
    pub fn of_whole_messages() -> Printer {
        Printer {
            whole: true,
            ..Printer::default()
        }
    }
}

impl MessageStore for Printer {
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        let file = if self.whole {
            Some(tempfile::tempfile()?)
        } else {
            None
        };
        Ok(Box::new(Printing {
            printer: self,
            head: head(envelope),
            bytes: 0,
            file,
        }))
    }
}

/// Sender and recipients, with control characters escaped.
fn head(envelope: &ReceivedEnvelope) -> String {
    let recipients: Vec<String> = envelope
        .recipients
        .iter()
        .map(|recipient| format!("<{}>", printable(recipient.as_bytes())))
        .collect();
    let sender = printable(envelope.sender.as_bytes());
    format!("from <{sender}> to {}", recipients.join(", "))
}

/// A message for stdout. It is kept in a temporary file until it is complete.
struct Printing<'p> {
    printer: &'p Printer,
    head: String,
    bytes: u64,
    file: Option<std::fs::File>,
}

impl Incoming for Printing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }

    fn commit(self: Box<Self>) -> Result<Whereabouts, Declined> {
        let turn = self.printer.turn.lock();
        let _turn = turn.unwrap_or_else(std::sync::PoisonError::into_inner);
        let line = format!("{}, {} bytes\n", self.head, self.bytes);
        let Some(mut file) = self.file else {
            Stdout.write_all(line.as_bytes())?;
            return Ok(Whereabouts::Gone);
        };
        complain(line.trim_end());
        file.rewind()?;
        let mut block = vec![0; 64 * 1024];
        loop {
            let count = file.read(&mut block)?;
            if count == 0 {
                return Ok(Whereabouts::Gone);
            }
            Stdout.write_all(&block[..count])?;
        }
    }
}

/// Accepts messages and discards them.
pub struct Unkept;

impl MessageStore for Unkept {
    fn begin(&self, _: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        Ok(Box::new(Unkept))
    }
}

impl Incoming for Unkept {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Whereabouts, Declined> {
        Ok(Whereabouts::Gone)
    }
}
