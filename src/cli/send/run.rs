//! Sending or printing the messages of a command line.

use crate::cli::ExitStatus;
use crate::cli::send::deliver::{DeliveryOutput, ShownResult, over};
use crate::cli::send::keep::{QueuedMessage, Shared};
use crate::cli::send::{ConnectionUse, Send};
use crate::cli::terminal;
use crate::cli::terminal::{Stdout, build, complain, load_first, prompt_for, warn_of_first};
use crate::client::deliver::{ConnectionPool, HostsOfRun};
use crate::client::outcome::{Cause, Endings, RecipientResult};
use crate::client::transport::Transports;
use crate::mail::message::{
    CollectedMessage, Message, MessageCollection, MessageError, MessageOptions, SourceError,
};
use crate::queue::delivery::SenderNotice;
use crate::queue::store::QueueStore;
use crate::smtp::blocks::{Block, Replay};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::text::{reason, shown};
use crate::transcript::{NumberedMessage, TranscriptOptions};
use std::cell::OnceCell;
use std::io::{self, Write};
use std::iter::Peekable;
use std::mem;
use std::thread;
use std::time::SystemTime;

/// Builds the messages, delivers them and reports failures, as often as requested. The exit status covers all
/// messages of a repetition, and is that of the first repetition that failed.
pub fn run(mut options: Send) -> Exit {
    prompt_for(&options.message);
    let message = options.message.clone();
    let sources = mem::take(&mut options.sources);
    let messages = MessageCollection::open(message, sources).map_err(|error| {
        complain(&error.to_string());
        error.exit()
    });
    let exit = messages.and_then(|messages| run_all(&options, messages));
    exit.unwrap_or_else(|exit| exit)
}

fn run_all(options: &Send, mut messages: MessageCollection) -> Result<Exit, Exit> {
    let all = std::iter::once(&options.transport).chain(&options.fallbacks);
    let transports = Transports::new(all);
    let times = options.repeat.times.get() as usize;
    let mut of = times * messages.count();
    if of > 1 {
        let held = messages.hold_stdin();
        held.map_err(|error| unreadable(&error))?;
        of = times * check(&messages)?;
        if options.queueing.is_none() {
            load_first(&transports)?;
        }
    }
    let mut batch = Batch {
        options,
        messages: &messages,
        output: DeliveryOutput::open(options.output, SenderNotice::Caller),
        store: OnceCell::new(),
        of,
        begun: 0,
        failed: 0,
    };
    let exit = match options.repeat.connections {
        ConnectionUse::Shared => batch.send(&transports, times)?,
        ConnectionUse::NewEachTime => {
            let mut first = Exit::Ok;
            for time in 0..times {
                batch.pause_before(time);
                let exit = batch.send(&transports, 1)?;
                first = first_failure(first, exit);
            }
            first
        }
    };
    batch.end(exit);
    Ok(exit)
}

fn first_failure(before: Exit, exit: Exit) -> Exit {
    if before == Exit::Ok { exit } else { before }
}

fn unreadable(error: &SourceError) -> Exit {
    complain(&error.to_string());
    error.exit()
}

/// Builds every message once, so that an error in the last one is found before the first is sent. Returns their number.
fn check(messages: &MessageCollection) -> Result<usize, Exit> {
    let mut count = 0;
    for message in messages.messages() {
        let message = message.map_err(|error| unreadable(&error))?;
        let built = Message::build_each(None, message.options, SystemTime::now());
        count += built
            .map_err(|error| {
                let (name, text) = (&message.name, error.to_string());
                // Errors of reading name the file.
                let place = if name.is_empty() || text.contains(name) {
                    String::new()
                } else {
                    format!("{name}: ")
                };
                if error.exit() != Exit::Ok {
                    complain(&format!("{place}{text}; nothing was sent"));
                }
                error.exit()
            })?
            .len();
    }
    Ok(count)
}

/// The messages of a command line while they are sent.
struct Batch<'a> {
    options: &'a Send,
    messages: &'a MessageCollection,
    output: DeliveryOutput,
    /// The store of the queue; empty until a message is queued.
    store: OnceCell<Box<dyn QueueStore>>,
    /// Number of messages in all repetitions.
    of: usize,
    /// Number of messages so far.
    begun: usize,
    /// Number of messages that were not sent to all of their recipients.
    failed: usize,
}

impl Batch<'_> {
    fn pause_before(&self, time: usize) {
        if time > 0 {
            thread::sleep(self.options.repeat.wait);
        }
    }

    /// Sends all messages this many times, over the same connections.
    fn send(&mut self, transports: &Transports<'_>, times: usize) -> Result<Exit, Exit> {
        let hosts = HostsOfRun::default();
        let pool = match times * self.messages.count() {
            1 if !self.options.message.crypt.has_key_list() => {
                ConnectionPool::for_one_message(transports)
            }
            _ => ConnectionPool::new(transports, &hosts),
        };
        let messages = self.messages;
        let all = (0..times).flat_map(|_| messages.messages());
        let mut all = all.map(built).peekable();
        let mut first = Exit::Ok;
        for time in 0..times {
            self.pause_before(time);
            first = first_failure(first, self.send_each(&mut all, &pool)?);
        }
        self.output.close(|observer| pool.close(observer));
        Ok(first)
    }

    /// Sends each message once. The error ends the run, and was reported.
    fn send_each(
        &mut self,
        all: &mut Peekable<impl Iterator<Item = BuiltMessage>>,
        pool: &ConnectionPool<'_, '_>,
    ) -> Result<Exit, Exit> {
        let count = self.messages.count();
        let mut endings = Endings::default();
        for left in (0..count).rev() {
            if self.output.has_failed() {
                break;
            }
            let Some(built) = all.next() else {
                break;
            };
            let is_only = count == 1 && built.as_ref().map_or(1, Vec::len) == 1;
            let results = match self.reported(built) {
                Ok(copies) => {
                    let is_known = left > 0 || self.options.repeat.wait.is_zero();
                    // A message is queued before the next one is read.
                    let is_known = is_known && self.options.queueing.is_none();
                    let next = if is_known { all.peek() } else { None };
                    let next = next.and_then(|built| built.as_ref().ok()?.first());
                    self.send_copies(&copies, next, pool)
                }
                Err(exit) => vec![Err(exit)],
            };
            for result in results {
                match result {
                    Ok(shown) => {
                        let results = &shown.report.results;
                        self.failed +=
                            usize::from(!results.iter().all(RecipientResult::is_success));
                        if is_only {
                            return Ok(shown.exit);
                        }
                        endings.add(&shown.report);
                    }
                    Err(exit) if is_only => return Err(exit),
                    Err(exit) => {
                        self.failed += 1;
                        endings.add_unsent(match exit {
                            Exit::Temporary => Cause::Network,
                            _ => Cause::Message,
                        });
                    }
                }
            }
        }
        Ok(endings.exit())
    }

    /// Sends the messages that were made of one, unless the output fails.
    fn send_copies(
        &mut self,
        copies: &[NamedMessage],
        after: Option<&NamedMessage>,
        pool: &ConnectionPool<'_, '_>,
    ) -> Vec<Result<ShownResult, Exit>> {
        let mut results = Vec::new();
        for (index, copy) in copies.iter().enumerate() {
            if index > 0 && self.output.has_failed() {
                break;
            }
            let next = copies.get(index + 1).or(after);
            results.push(self.send_one(copy, next.map(|(_, message)| message), pool));
        }
        results
    }

    /// Reports warnings, or the error of a message that could not be built.
    fn reported(&mut self, built: BuiltMessage) -> Result<Vec<NamedMessage>, Exit> {
        let copies = terminal::reported(built).inspect_err(|_| self.begun += 1)?;
        warn_of_first(copies.iter().map(|(_, message)| message));
        if self.of == 1 {
            self.of = copies.len();
        }
        Ok(copies)
    }

    /// The error was reported: the message was not sent.
    fn send_one(
        &mut self,
        (name, message): &NamedMessage,
        next: Option<&Message>,
        pool: &ConnectionPool<'_, '_>,
    ) -> Result<ShownResult, Exit> {
        self.begun += 1;
        if self.of > 1 {
            self.output.begin(NumberedMessage {
                number: self.begun,
                of: self.of,
                name: name.clone(),
            });
        }
        let Some(queueing) = &self.options.queueing else {
            return Ok(over(pool, (message, next), &mut self.output));
        };
        let kept = QueuedMessage {
            message,
            queueing,
            transport: &self.options.transport,
            fallbacks: &self.options.fallbacks,
            output: self.options.output,
            notice: SenderNotice::Caller,
            patience: None,
            log: None,
            as_given: false,
        };
        kept.send_or_not_with(&mut Shared {
            output: &mut self.output,
            store: &self.store,
            pool: Some(pool).filter(|pool| pool.keeps_sessions()),
        })
    }

    /// Reports the messages that were not sent.
    fn end(&mut self, exit: Exit) {
        if self.of == 1 {
            return;
        }
        self.output.total(self.of, self.failed, exit);
        if self.failed > 0 && self.messages.count() > 1 {
            let failed = self.failed;
            complain(&format!(
                "{failed} of {} were not accepted for all of their recipients",
                counted(self.of as u64, "message")
            ));
        }
        if self.begun < self.of {
            let left = counted((self.of - self.begun) as u64, "message");
            complain(&format!("{left} after it: not sent"));
        }
    }
}

/// A message with its name for people.
type NamedMessage = (String, Message);

/// The messages that were made of one: one, or several with different recipients.
type BuiltMessage = Result<Vec<NamedMessage>, MessageError>;

fn built(message: Result<CollectedMessage, SourceError>) -> BuiltMessage {
    let message = message?;
    let copies = Message::build_each(None, message.options, SystemTime::now())?;
    let count = copies.len();
    let named = copies.into_iter().map(|copy| {
        let name = match &copy.envelope.recipients[..] {
            [only] if count > 1 => format!("for {}", shown(&only.to_string())),
            _ => String::new(),
        };
        let names = [message.name.clone(), name].into_iter();
        let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        (names.join(" "), copy)
    });
    Ok(named.collect())
}

/// Writes the message to stdout and sends nothing.
pub fn print(options: MessageOptions, output: TranscriptOptions) -> Exit {
    prompt_for(&options);
    let message = match build(options) {
        Ok(message) => message,
        Err(exit) => return exit,
    };
    if output.verbose {
        message.remarks.iter().for_each(|remark| complain(remark));
    }
    print_message(&message)
}

/// Writes a message to stdout.
pub(crate) fn print_message(message: &Message) -> Exit {
    // For a server that offers nothing, if the message can be sent to one.
    let Some(shape) = message.simplest() else {
        return Exit::Software;
    };
    let mut blocks = message.blocks(shape);
    let mut out = Vec::new();
    loop {
        match blocks.append(&mut out) {
            Ok(Block::End) => return Exit::Ok,
            Ok(_) => {}
            Err(error) => {
                complain(&reason(&error));
                return Exit::NoInput;
            }
        }
        if let Err(error) = Stdout.write_all(&out) {
            return not_written(&error);
        }
        out.clear();
    }
}

/// A closed pipe is not an error.
fn not_written(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::Ok;
    }
    complain(&format!(
        "cannot write the message to standard output: {}",
        reason(error)
    ));
    Exit::Io
}
