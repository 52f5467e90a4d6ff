//! The run of `ehlo roundtrip`.

use crate::cli::ExitStatus;
use crate::cli::fetch::sentence;
use crate::cli::roundtrip::message::ATTACHMENT;
use crate::cli::roundtrip::report::{Accepted, Arrived, Outcome};
use crate::cli::roundtrip::{ReportFormat, RoundTrip};
use crate::cli::terminal;
use crate::cli::terminal::{build, complain, load, load_first};
use crate::client::deliver::{ConnectionPool, Outgoing, deliver};
use crate::client::dns::Resolver;
use crate::client::events::{Event, Interests, Observer, Silent};
use crate::client::outcome::DeliveryReport;
use crate::client::transport::{LoadedTransport, Transports};
use crate::mail::message::{Message, Source};
use crate::mail::view::{Limits as ViewLimits, Parser};
use crate::mailbox::{
    Arrival, Changes, Limits, MailboxError, OpenError, Opening, SharedObserver, Watcher, compare,
    hops, results,
};
use crate::probe::verify::{SignatureReport, verify_signatures};
use crate::smtp::blocks::{Block, BodyType, Replay as _, Shape};
use crate::system::exit::Exit;
use crate::system::stop::Stop;
use crate::system::time::now_in_seconds;
use crate::transcript::{Stevens, TranscriptOptions};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Maximum size of the message when it is read again.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// Time limit of a step if the round trip has more time.
const STEP: Duration = Duration::from_secs(30);

/// Stack of the thread that watches the deadline, in octets.
const STACK: usize = 64 * 1024;

/// The reason for which a round trip ended early.
struct Failure {
    text: String,
    exit: Exit,
    /// True if nothing is known about the delivery.
    is_unknown: bool,
}

impl Failure {
    /// The mailbox cannot be read.
    fn of_mailbox(failure: &OpenError) -> Self {
        let server = failure.server.as_ref().map(ToString::to_string);
        Self {
            text: format!("mailbox: {}", sentence(server.as_deref(), &failure.error)),
            exit: failure.error.exit(),
            is_unknown: true,
        }
    }

    fn of_error(error: MailboxError) -> Self {
        Self::of_mailbox(&error.into())
    }
}

pub(crate) fn run(trip: &RoundTrip) -> Exit {
    match begin(trip) {
        Ok(exit) | Err(exit) if trip.format != ReportFormat::Nagios => exit,
        Ok(exit) => exit,
        // The error was reported on stderr; a plugin also has a line on stdout.
        Err(_) => {
            let outcome = Outcome {
                failures: vec!["the round trip could not begin".to_owned()],
                is_unknown: true,
                ..Outcome::default()
            };
            let _ = terminal::write(outcome.nagios(trip.thresholds).as_bytes());
            Exit::Health(outcome.health(trip.thresholds))
        }
    }
}

fn begin(trip: &RoundTrip) -> Result<Exit, Exit> {
    let message = build(trip.message.clone())?;
    let transports = Transports::new(std::iter::once(&trip.transport).chain(&trip.fallbacks));
    load_first(&transports)?;
    let mailbox = load(&trip.mailbox.transport)?;
    let mut outcome = Outcome::default();
    let stop = Arc::new(Stop::default());
    let end = Instant::now() + trip.within;
    let watchdog = Watchdog::start(&stop, end);
    let mut transcript = trip
        .verbose
        .then(|| Stevens::new(io::stderr(), TranscriptOptions::verbose()));
    let mut silent = Silent;
    let next: &mut dyn Observer = match &mut transcript {
        Some(transcript) => transcript,
        None => &mut silent,
    };
    let mut observer = Deadlined { next, stop: &stop };
    let ended = travel(
        &Journey {
            trip,
            message: &message,
            transports: &transports,
            mailbox: &mailbox,
            end,
        },
        &mut observer,
        &mut outcome,
    );
    drop(watchdog);
    let exit = match ended {
        Ok(()) => expectations(trip, &mut outcome),
        Err(failure) => {
            outcome.failures.push(failure.text);
            outcome.is_unknown = failure.is_unknown;
            failure.exit
        }
    };
    show(trip, &outcome, exit)
}

/// Checks the expectations.
fn expectations(trip: &RoundTrip, outcome: &mut Outcome) -> Exit {
    let arrived = outcome.arrived.as_ref();
    let unmet = trip.expect.iter().filter_map(|one| one.unmet(arrived?));
    let unmet: Vec<String> = unmet.collect();
    outcome.failures.extend(unmet);
    if outcome.failures.is_empty() {
        Exit::Ok
    } else {
        Exit::Policy
    }
}

fn show(trip: &RoundTrip, outcome: &Outcome, exit: Exit) -> Result<Exit, Exit> {
    let (text, exit) = match trip.format {
        ReportFormat::Text => (outcome.text(), exit),
        ReportFormat::Json => {
            let object = outcome.object(&trip.token.0, exit.code());
            (format!("{object}\n"), exit)
        }
        ReportFormat::Nagios => {
            let health = Exit::Health(outcome.health(trip.thresholds));
            (outcome.nagios(trip.thresholds), health)
        }
    };
    terminal::write(text.as_bytes())?;
    if trip.format != ReportFormat::Nagios {
        outcome
            .failures
            .iter()
            .for_each(|failure| complain(failure));
    }
    Ok(exit)
}

/// A round trip with all that it needs.
struct Journey<'j> {
    trip: &'j RoundTrip,
    message: &'j Message,
    transports: &'j Transports<'j>,
    mailbox: &'j LoadedTransport<'j>,
    end: Instant,
}

/// Opens the mailbox, sends the message, waits for it, and reads and deletes it.
fn travel(
    journey: &Journey<'_>,
    observer: &mut dyn Observer,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let transport = journey.mailbox.open();
    let opening = Opening {
        transport: &transport,
        url: &journey.trip.mailbox.url,
        limits: Limits {
            step: STEP,
            end: Some(journey.end),
        },
        to_change: true,
    };
    let observer = SharedObserver::new(observer);
    let now = (!journey.trip.keep).then(SystemTime::now);
    let mut watcher =
        Watcher::open(opening, &observer, now).map_err(|error| Failure::of_mailbox(&error))?;
    outcome.left_over = watcher.left_over;
    let start = Instant::now();
    let report = observer.lend(|observer| send(journey, observer));
    outcome.accepted = Some(accepted(&report, start.elapsed(), journey.end)?);
    let arrival = watcher
        .wait(&journey.trip.token, journey.end)
        .map_err(|error| Failure::of_mailbox(&error))?;
    let Some(arrival) = arrival else {
        return Err(Failure {
            text: missing(journey.trip, watcher.knows_junk()),
            exit: Exit::Temporary,
            is_unknown: false,
        });
    };
    let after = start.elapsed();
    let arrived = examine(journey, &mut watcher, &arrival, after);
    outcome.arrived = Some(arrived.map_err(Failure::of_error)?);
    if !journey.trip.keep {
        let deleted = watcher.delete(&arrival).map_err(Failure::of_error)?;
        if let Some(arrived) = &mut outcome.arrived {
            arrived.is_deleted = Some(deleted);
        }
    }
    watcher.finish().map_err(Failure::of_error)
}

/// The sentence for a message that has not arrived.
fn missing(trip: &RoundTrip, knows_junk: bool) -> String {
    let within = trip.within.as_secs_f64();
    let url = &trip.mailbox.url;
    let junk = if knows_junk {
        ""
    } else {
        "; the server names no mailbox for spam, where it may be"
    };
    format!("the message was accepted, and is not in the mailbox of {url} after {within} s{junk}")
}

fn send(journey: &Journey<'_>, observer: &mut dyn Observer) -> DeliveryReport {
    let pool = ConnectionPool::for_one_message(journey.transports);
    let message = journey.message;
    message.hashed_during(|| deliver(&Outgoing::of(message), &pool, observer))
}

/// The acceptance, or the reason for which the message was not accepted.
fn accepted(report: &DeliveryReport, after: Duration, end: Instant) -> Result<Accepted, Failure> {
    let failed = report.results.iter().find(|result| !result.is_success());
    if let Some(result) = failed {
        let is_late = Instant::now() >= end;
        let text = if is_late {
            "the message was not accepted within the time limit".to_owned()
        } else {
            result.explanation()
        };
        return Err(Failure {
            text,
            exit: if is_late {
                Exit::Temporary
            } else {
                report.exit()
            },
            is_unknown: false,
        });
    }
    let result = report.results.first();
    let server = result.and_then(|result| result.server.as_ref());
    Ok(Accepted {
        after,
        server: server.map(ToString::to_string),
        queue_id: result.and_then(crate::client::outcome::RecipientResult::queue_id),
    })
}

/// Reads the message, and compares it with the one that was sent.
fn examine(
    journey: &Journey<'_>,
    watcher: &mut Watcher<'_>,
    arrival: &Arrival,
    after: Duration,
) -> Result<Arrived, MailboxError> {
    let mut received = Vec::new();
    watcher.message(arrival, (&mut received, MAX_SIZE))?;
    let changes = changes(journey.message, &received).map_err(MailboxError::Output)?;
    let (hops, results) = (hops(&received), results(&received));
    let signatures = signatures(journey, &received);
    let received = Source::memory("the message".to_owned(), received);
    let is_attachment_same = attachment_same(&received, &journey.trip.attachment);
    Ok(Arrived {
        after,
        folder: arrival.folder.clone(),
        is_junk: arrival.is_junk,
        received: arrival.received.clone(),
        hops,
        results,
        signatures,
        is_attachment_same: is_attachment_same.map_err(MailboxError::Output)?,
        changes,
        is_deleted: None,
    })
}

/// The changes since the message was sent, in the form that it has at a server with fewer extensions or more: that in
/// which the body is the same, else the one that every server accepts.
fn changes(message: &Message, received: &[u8]) -> io::Result<Changes> {
    let types = BodyType::ALL.into_iter();
    let accepts = types.flat_map(|body| [body.without_utf8(), body.with_utf8()]);
    let mut first = None;
    for shape in accepts.filter_map(|accepts| message.shape(accepts)) {
        let changes = compare(&form(message, shape)?, received);
        if changes.is_body_same() {
            return Ok(changes);
        }
        first.get_or_insert(changes);
    }
    Ok(first.unwrap_or_default())
}

fn form(message: &Message, shape: Shape) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut blocks = message.blocks(shape);
    while blocks.append(&mut out)? != Block::End {}
    Ok(out)
}

/// The DKIM signatures of the message as it arrived. Empty if the keys cannot be looked up because of a proxy.
fn signatures(journey: &Journey<'_>, received: &[u8]) -> Vec<SignatureReport> {
    let route = &journey.trip.transport.route;
    if route.proxy.is_some() && route.dns.is_none() {
        return Vec::new();
    }
    let Ok(resolver) = Resolver::new(route.dns) else {
        return Vec::new();
    };
    let now = now_in_seconds().max(0).unsigned_abs();
    let verified = verify_signatures(received, (&resolver.until(journey.end), now), &mut Silent);
    // The header has more than a mebibyte.
    verified.unwrap_or_default()
}

/// Tells the observer of both sessions about the deadline.
struct Deadlined<'o> {
    next: &'o mut dyn Observer,
    stop: &'o Arc<Stop>,
}

impl Observer for Deadlined<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        self.next.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.stop.is_set() || self.next.is_closed()
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        Some(Arc::clone(self.stop))
    }

    fn interests(&self) -> Interests {
        self.next.interests()
    }
}

/// Ends all sessions at the deadline, unless it is dropped before.
struct Watchdog {
    /// `None`: there is no thread, and each step has its own limit.
    _running: Option<Sender<()>>,
}

impl Watchdog {
    fn start(stop: &Arc<Stop>, end: Instant) -> Self {
        let (sender, receiver) = channel();
        let stop = Arc::clone(stop);
        let watch = move || {
            let left = end.saturating_duration_since(Instant::now());
            if receiver.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                stop.set();
                stop.disconnect();
            }
        };
        let started = thread::Builder::new().stack_size(STACK).spawn(watch);
        Self {
            _running: started.ok().map(|_| sender),
        }
    }
}

/// True if the attachment arrived byte for byte. `None`: it is not found.
fn attachment_same(received: &Source, attachment: &[u8]) -> io::Result<Option<bool>> {
    let view = Parser::view(received, ViewLimits::Whole)?;
    let mut named = view.parts.iter().filter(|part| part.name == ATTACHMENT);
    let Some(part) = named.next() else {
        return Ok(None);
    };
    let mut content = Vec::with_capacity(attachment.len());
    part.decode(received, &mut |block| {
        content.extend_from_slice(block);
        Ok(())
    })?;
    Ok(Some(content == attachment))
}
