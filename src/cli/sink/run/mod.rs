//! `ehlo sink`: a receiver.

mod events;
mod printer;

use crate::cli::sink::options;
use crate::cli::sink::options::{Doorman, Keep};
use crate::cli::sink::run::events::Events;
use crate::cli::sink::run::printer::{Printer, Unkept};
use crate::cli::terminal::complain;
use crate::server::{
    Auth, EncryptionError, Listen, Maildir, Mbox, MessageStore, Server, ServerTls, SinkError,
    Stopper, UserDatabase, UsersError,
};
use crate::system::exit::Exit;
use crate::system::text::reason;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

/// The reasons for not starting, or stopping.
#[derive(Debug, thiserror::Error)]
enum SinkFailure {
    #[error(transparent)]
    Tls(#[from] EncryptionError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("cannot {what}: {}", reason(.source))]
    File { what: String, source: io::Error },
    #[error("cannot heed signals: {}", reason(.0))]
    Signals(io::Error),
}

impl SinkFailure {
    fn exit(&self) -> Exit {
        match self {
            SinkFailure::Tls(EncryptionError::File(error)) => error.exit(),
            SinkFailure::Tls(EncryptionError::Make(_)) => Exit::Software,
            SinkFailure::Signals(_) => Exit::Temporary,
            SinkFailure::Tls(_) | SinkFailure::Users(UsersError::Unread { .. }) => Exit::NoInput,
            SinkFailure::Users(UsersError::Exposed { .. }) => Exit::Policy,
            SinkFailure::Users(UsersError::Line { .. }) => Exit::Config,
            SinkFailure::Sink(SinkError::Remote(_) | SinkError::Name(_)) => Exit::Usage,
            SinkFailure::Sink(SinkError::Listen { .. } | SinkError::Accept(_))
            | SinkFailure::File { .. } => Exit::CantCreate,
        }
    }
}

/// Receives until it is stopped, or the requested number of messages has arrived.
pub fn run(plan: options::SinkOptions) -> Exit {
    receive(plan).unwrap_or_else(|failure| {
        complain(&failure.to_string());
        failure.exit()
    })
}

fn receive(plan: options::SinkOptions) -> Result<Exit, SinkFailure> {
    let store = store(&plan)?;
    let mut server = plan.server;
    server.manner.tls = plan.tls.as_ref().map(ServerTls::new).transpose()?;
    server.manner.auth = plan.auth.map(auth).transpose()?;
    if let (Some(path), Some(tls)) = (&plan.save_ca, &server.manner.tls) {
        save(path, tls.authority().unwrap_or_default())?;
    }
    let wanted = server.count;
    let sink = Server::bind(server)?;
    let signal = heed(&sink)?;
    for place in sink.places() {
        complain(&format!("listening on {place}"));
    }
    let events = Events::new(plan.json);
    let accepted = sink.serve(&*store, &events)?;
    // The socket has been removed, and the caller sees the signal in the exit status.
    match signal.load(Ordering::Relaxed) {
        0 => {}
        signal => {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
    if let Some(error) = events.failure() {
        complain(&format!(
            "cannot write to the standard output: {}",
            reason(&error)
        ));
        return Ok(Exit::Io);
    }
    match wanted.filter(|&wanted| accepted < wanted) {
        None => Ok(Exit::Ok),
        Some(wanted) => {
            complain(&format!(
                "{accepted} of {wanted} messages came within --time-limit"
            ));
            Ok(Exit::ExpectationFailed)
        }
    }
}

fn store(plan: &options::SinkOptions) -> Result<Box<dyn MessageStore>, SinkFailure> {
    let failed = |what: &str, path: &Path| {
        let what = format!("{what} {}", path.display());
        move |source| SinkFailure::File { what, source }
    };
    Ok(match &plan.keep {
        Keep::Nothing if plan.json => Box::new(Unkept),
        Keep::Nothing => Box::new(Printer::default()),
        Keep::Print => Box::new(Printer::of_whole_messages()),
        Keep::Maildir(path) => {
            Box::new(Maildir::open(path).map_err(failed("make the Maildir", path))?)
        }
        Keep::Mbox(path) => Box::new(Mbox::open(path).map_err(failed("write the mbox", path))?),
    })
}

fn auth(doorman: Doorman) -> Result<Auth, UsersError> {
    let keeper = match &doorman.users {
        Some(path) => UserDatabase::read(path)?,
        None => UserDatabase::Anybody,
    };
    Ok(Auth {
        keeper,
        only: doorman.only,
        in_clear: doorman.in_clear,
    })
}

/// Writes the certificate of the CA, which is not secret.
fn save(path: &Path, pem: &str) -> Result<(), SinkFailure> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).open(path);
    let written = file.and_then(|mut file| file.write_all(pem.as_bytes()));
    written.map_err(|source| SinkFailure::File {
        what: format!("write {} of --save-ca", path.display()),
        source,
    })
}

/// With a Unix socket to remove, a signal stops the server instead of the process, and its number is stored in
/// the returned variable.
fn heed(sink: &Server) -> Result<Arc<AtomicI32>, SinkFailure> {
    let seen = Arc::new(AtomicI32::new(0));
    if !sink.places().any(|place| matches!(place, Listen::Unix(_))) {
        return Ok(seen);
    }
    let stopper: Stopper = sink.stopper().map_err(SinkFailure::Signals)?;
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(SinkFailure::Signals)?;
    let told = Arc::clone(&seen);
    let waiting = thread::Builder::new().spawn(move || {
        for signal in &mut signals {
            told.store(signal, Ordering::Relaxed);
            stopper.stop();
        }
    });
    waiting.map_err(SinkFailure::Signals)?;
    Ok(seen)
}
