//! `ehlo sink`: a receiver.

use super::terminal::{Stdout, complain};
use crate::exit::Exit;
use crate::plan::{self, Keep};
use crate::sink::{Declined, Envelope, Incoming, Maildir, Sink, SinkError, Store};
use crate::text::printable;
use std::io::{self, Read as _, Seek as _, Write};
use std::sync::Mutex;

/// Receives until told to stop, or until enough messages have come.
pub fn run(plan: plan::Sink) -> Exit {
    let store: Box<dyn Store> = match &plan.keep {
        Keep::Nothing => Box::new(Printer::default()),
        Keep::Print => Box::new(Printer {
            whole: true,
            ..Printer::default()
        }),
        Keep::Maildir(directory) => match Maildir::open(directory) {
            Ok(maildir) => Box::new(maildir),
            Err(error) => {
                let name = directory.display();
                complain(&format!("cannot make the Maildir {name}: {error}"));
                return Exit::CantCreate;
            }
        },
    };
    let served = Sink::bind(plan.server).and_then(|sink| {
        complain(&format!("listening on {}", sink.local_addr()));
        sink.serve(&*store)
    });
    match served {
        Ok(_) => Exit::Ok,
        Err(error) => {
            complain(&error.to_string());
            match error {
                SinkError::Remote(_) | SinkError::Name(_) => Exit::Usage,
                SinkError::Listen { .. } | SinkError::Accept { .. } => Exit::CantCreate,
            }
        }
    }
}

/// Writes a line for each message, and the message too if it is wanted.
#[derive(Default)]
struct Printer {
    whole: bool,
    /// Held while a message is written, so that two do not mix.
    turn: Mutex<()>,
}

impl Store for Printer {
    fn begin(&self, envelope: &Envelope) -> io::Result<Box<dyn Incoming + '_>> {
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

/// Who sent to whom, harmless.
fn head(envelope: &Envelope) -> String {
    let recipients: Vec<String> = envelope
        .recipients
        .iter()
        .map(|recipient| format!("<{}>", printable(recipient.as_bytes())))
        .collect();
    let sender = printable(envelope.sender.as_bytes());
    format!("from <{sender}> to {}", recipients.join(", "))
}

/// A message on its way to stdout. It waits in a temporary file until it is whole.
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

    fn commit(self: Box<Self>) -> Result<(), Declined> {
        let turn = self.printer.turn.lock();
        let _turn = turn.unwrap_or_else(std::sync::PoisonError::into_inner);
        let line = format!("{}, {} bytes\n", self.head, self.bytes);
        let Some(mut file) = self.file else {
            return Ok(Stdout.write_all(line.as_bytes())?);
        };
        complain(line.trim_end());
        file.rewind()?;
        let mut block = vec![0; 64 * 1024];
        loop {
            let count = file.read(&mut block)?;
            if count == 0 {
                return Ok(());
            }
            Stdout.write_all(&block[..count])?;
        }
    }
}
