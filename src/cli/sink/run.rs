//! Runs the server, and writes messages to the standard output.

use crate::cli::ExitStatus;
use crate::cli::run_signals::stop_at_signal;
use crate::cli::sink::events::Events;
use crate::cli::sink::page;
use crate::cli::sink::{
    AuthOptions, MessageOutput, MessagePlan, ServerPlan, SinkFailure, SinkOptions,
};
use crate::cli::terminal::{Stdout, complain, output_failed};
use crate::server::web::ExpectingStore;
use crate::server::{
    Auth, Incoming, Listen, Maildir, Mbox, MessageStore, ReceivedEnvelope, Server, ServerTls,
    StoreRefusal, StoredAt, UserDatabase, UsersError,
};
use crate::system::exit::Exit;
use crate::system::text::printable;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, Write};
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Receives until it is stopped, or the requested number of messages has arrived.
pub fn run(plan: SinkOptions) -> Exit {
    receive(plan.server, &plan.messages).unwrap_or_else(|failure| {
        complain(&failure.to_string());
        failure.exit()
    })
}

fn receive(server: ServerPlan, plan: &MessagePlan) -> Result<Exit, SinkFailure> {
    let events = Events::new(plan.json);
    let catcher = page::catcher(plan, &events)?;
    let plain;
    let mut store: &dyn MessageStore = if let Some(catcher) = &catcher {
        catcher
    } else {
        plain = self::store(plan)?;
        &*plain
    };
    let sink = bind(server)?;
    let signal = stop_on_signal(&sink)?;
    for place in sink.places() {
        complain(&format!("listening on {place}"));
    }
    let conditions = plan.expectations.iter().map(|one| one.query.clone());
    let stopper = match plan.count {
        None if !plan.expectations.is_empty() => {
            Some(sink.stopper().map_err(SinkFailure::Signals)?)
        }
        _ => None,
    };
    let expecting = ExpectingStore::new(store, conditions.collect(), stopper);
    if !plan.expectations.is_empty() {
        store = &expecting;
    }
    let accepted = match (&plan.web, &catcher) {
        (Some(web), Some(catcher)) => page::serve(sink, (web, catcher), store)?,
        _ => sink.serve(store, &events)?,
    };
    // The socket has been removed, and the caller sees the signal in the exit status.
    match signal.load(Ordering::Relaxed) {
        0 => {}
        signal => {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
    if let Some(error) = events.failure() {
        return Ok(output_failed(&error));
    }
    Ok(result(plan, accepted, &expecting.met()))
}

/// The status: whether all messages have arrived, and each condition was met.
fn result(plan: &MessagePlan, accepted: u64, met: &[bool]) -> Exit {
    let mut exit = Exit::Ok;
    if let Some(wanted) = plan.count.filter(|&wanted| accepted < wanted) {
        complain(&format!(
            "received {accepted} of {wanted} messages within --time-limit"
        ));
        exit = Exit::ExpectationFailed;
    }
    for (expectation, is_met) in plan.expectations.iter().zip(met) {
        if !is_met {
            let text = &expectation.text;
            complain(&format!("no message met the condition {text}"));
            exit = Exit::ExpectationFailed;
        }
    }
    exit
}

/// Starts to listen for SMTP.
fn bind(plan: ServerPlan) -> Result<Server, SinkFailure> {
    let mut server = plan.options;
    server.behavior.tls = plan.tls.as_ref().map(ServerTls::new).transpose()?;
    server.behavior.auth = plan.auth.map(auth).transpose()?;
    if let (Some(path), Some(tls)) = (&plan.save_ca, &server.behavior.tls) {
        save(path, tls.authority().unwrap_or_default())?;
    }
    Ok(Server::bind(server)?)
}

fn store(plan: &MessagePlan) -> Result<Box<dyn MessageStore>, SinkFailure> {
    let failed = |what: &str, path: &Path| {
        let what = format!("{what} {}", path.display());
        move |source| SinkFailure::File { what, source }
    };
    Ok(match &plan.output {
        MessageOutput::Nothing if plan.json => Box::new(Discard),
        MessageOutput::Nothing => Box::new(Printer::default()),
        MessageOutput::Print => Box::new(Printer::of_whole_messages()),
        MessageOutput::Maildir(path) => {
            Box::new(Maildir::open(path).map_err(failed("create the Maildir", path))?)
        }
        MessageOutput::Mbox(path) => {
            Box::new(Mbox::open(path).map_err(failed("write the mbox", path))?)
        }
    })
}

fn auth(options: AuthOptions) -> Result<Auth, UsersError> {
    let users = match &options.users {
        Some(path) => UserDatabase::read(path)?,
        None => UserDatabase::AnyUser,
    };
    Ok(Auth {
        users,
        only: options.only,
        in_clear: options.in_clear,
    })
}

/// Writes the certificate of the CA, which is not secret.
fn save(path: &Path, pem: &str) -> Result<(), SinkFailure> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).open(path);
    let written = file.and_then(|mut file| file.write_all(pem.as_bytes()));
    written.map_err(|source| SinkFailure::File {
        what: format!("write {} (--save-ca)", path.display()),
        source,
    })
}

/// With a Unix socket to remove, a signal stops the server instead of the process, and its number is stored in
/// the returned variable.
fn stop_on_signal(sink: &Server) -> Result<Arc<AtomicI32>, SinkFailure> {
    if !sink.places().any(|place| matches!(place, Listen::Unix(_))) {
        return Ok(Arc::default());
    }
    let stopping = sink.stopper().and_then(stop_at_signal);
    stopping.map_err(SinkFailure::Signals)
}

/// Writes a line for each message, and the message too if requested.
#[derive(Default)]
pub struct Printer {
    whole: bool,
    /// Held while a message is written, so that two do not mix.
    lock: Mutex<()>,
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
        Ok(Box::new(PrintedMessage {
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
struct PrintedMessage<'p> {
    printer: &'p Printer,
    head: String,
    bytes: u64,
    file: Option<std::fs::File>,
}

impl Incoming for PrintedMessage<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        let lock = self.printer.lock.lock();
        let _turn = lock.unwrap_or_else(PoisonError::into_inner);
        let line = format!("{}, {} bytes\n", self.head, self.bytes);
        let Some(mut file) = self.file else {
            Stdout.write_all(line.as_bytes())?;
            return Ok(StoredAt::Elsewhere);
        };
        complain(line.trim_end());
        file.rewind()?;
        let mut block = vec![0; 64 * 1024];
        loop {
            let count = file.read(&mut block)?;
            if count == 0 {
                return Ok(StoredAt::Elsewhere);
            }
            Stdout.write_all(&block[..count])?;
        }
    }
}

/// Accepts messages and discards them.
pub struct Discard;

impl MessageStore for Discard {
    fn begin(&self, _: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        Ok(Box::new(Discard))
    }
}

impl Incoming for Discard {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        Ok(StoredAt::Elsewhere)
    }
}
