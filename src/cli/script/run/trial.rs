//! Holding the tests of scripts.

use crate::cli::run_command::{build, ready};
use crate::cli::script::options::{Trial, TrialLook};
use crate::cli::terminal::{Stdout, complain};
use crate::client::events::{Event, Observer, Silent};
use crate::client::route::{Endpoint, Host};
use crate::client::transport::Transport;
use crate::mail::message::Message;
use crate::script::{
    FinishedTest, Requirements, Script, TestCase, TestContext, TestEnding, Variables, report,
    run as hold,
};
use crate::smtp::blocks::Replay;
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::reason;
use crate::transcript::{Stevens, Transcript as _, TranscriptOptions};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Holds all tests of all scripts.
pub fn run(trial: Trial) -> Exit {
    held_as_planned(trial).unwrap_or_else(|exit| exit)
}

fn held_as_planned(mut trial: Trial) -> Result<Exit, Exit> {
    let scripts = crate::cli::script::run::read(&trial)?;
    if let Some(why) = unmet(&scripts, &trial) {
        complain(&why);
        return Err(Exit::Usage);
    }
    let message = message(&mut trial, &scripts)?;
    let junit = trial.junit.as_deref().map(Results::open).transpose()?;
    let ready = ready(&trial.transport)?;
    let given = given(&trial, message.as_ref());
    let cases: Vec<TestCase> = scripts
        .iter()
        .flat_map(|script| TestCase::all_of(script, &given))
        .collect();
    let router = ready.router();
    let transport = ready.transport(&router, None);
    let means = TestContext {
        route: &trial.transport.route,
        session: transport.session,
        tls: transport.tls,
        login: transport.login,
        message: message
            .as_ref()
            .map(|message| message as &(dyn Replay + Sync)),
    };
    let all = hold_all(&cases, &means, trial.look)?;
    if let Some(junit) = junit {
        junit.write(&report::junit(&all))?;
    }
    Ok(report::exit(&all))
}

/// The message, if a script sends one.
fn message(trial: &mut Trial, scripts: &[Script]) -> Result<Option<Message>, Exit> {
    let sends = |script: &Script| Requirements::of(script).message.is_some();
    let message = trial.message.take();
    let message = message.filter(|_| scripts.iter().any(sends));
    message.map(build).transpose()
}

/// A contradiction between the scripts and the command line: an option that is missing or not used.
fn unmet(scripts: &[Script], trial: &Trial) -> Option<String> {
    let all: Vec<Requirements> = scripts.iter().map(Requirements::of).collect();
    let server = all
        .iter()
        .find_map(|requirements| requirements.server.as_ref());
    if let (Some(at), None) = (server, &trial.transport.route.relay) {
        return Some(format!(
            "{at}: `connect` wants a server; name it with --server"
        ));
    }
    let message = all
        .iter()
        .find_map(|requirements| requirements.message.as_ref());
    if let (Some(at), None) = (message, &trial.message) {
        return Some(format!(
            "{at}: it wants a message; describe one with --to, --subject, --body and so on"
        ));
    }
    if let (None, Some(option)) = (message, &trial.message_option) {
        return Some(format!("{option} has no meaning: no script says >message"));
    }
    let login = all
        .iter()
        .find_map(|requirements| requirements.login.as_ref());
    match (login, &trial.transport.credentials) {
        (Some(at), None) => Some(format!("{at}: `auth` wants a user; name one with --user")),
        (None, Some(_)) => Some("--user has no meaning: no script says `auth`".to_owned()),
        _ => None,
    }
}

/// The variables that are there before a script sets any.
fn given(trial: &Trial, message: Option<&Message>) -> Variables {
    // Every server accepts mail for its postmaster, also from the null sender (RFC 5321 §4.5.1).
    let mut given = vec![
        ("from", String::new()),
        ("to", "postmaster".to_owned()),
        ("helo", helo(&trial.transport)),
    ];
    given.extend(trial.transport.route.relay.iter().flat_map(of_server));
    given.extend(message.into_iter().flat_map(of_message));
    let named = given.into_iter();
    let mut given: Variables = named
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    given.extend(trial.variables.clone());
    given
}

fn of_server(place: &Endpoint) -> [(&'static str, String); 3] {
    let port = place.port;
    let (host, server) = match &place.host {
        Host::Unix(path) => (place.host.name(), format!("unix:{}", path.display())),
        Host::Pipe(line) => (place.host.name(), format!("pipe:{line}")),
        host => (host.to_string(), format!("{host}:{port}")),
    };
    [
        ("host", host),
        ("port", port.to_string()),
        ("server", server),
    ]
}

fn of_message(message: &Message) -> Vec<(&'static str, String)> {
    let envelope = &message.envelope;
    let sender = envelope.sender.as_ref().map(ToString::to_string);
    let mut given = vec![("from", sender.unwrap_or_default())];
    given.extend(
        envelope
            .recipients
            .first()
            .map(|first| ("to", first.to_string())),
    );
    given.extend(
        message
            .simplest()
            .map(|shape| ("message.size", shape.size.to_string())),
    );
    given
}

fn helo(transport: &Transport) -> String {
    let own = transport.session.helo.clone().or_else(host::fqdn);
    own.unwrap_or_else(|| "localhost.localdomain".to_owned())
}

/// Runs the tests one after the other, and prints the selected output.
fn hold_all(
    cases: &[TestCase],
    means: &TestContext<'_>,
    look: TrialLook,
) -> Result<Vec<FinishedTest>, Exit> {
    match look {
        TrialLook::Quiet => Ok(cases
            .iter()
            .map(|case| held(case, means, &mut Silent))
            .collect()),
        TrialLook::Tap => in_tap(cases, means),
        TrialLook::Conversation { verbose } => in_full(cases, means, verbose),
    }
}

fn in_tap(cases: &[TestCase], means: &TestContext<'_>) -> Result<Vec<FinishedTest>, Exit> {
    put(&report::tap_plan(cases.len()))?;
    let mut all = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let finished = held(case, means, &mut Silent);
        put(&report::tap(at + 1, &finished))?;
        all.push(finished);
    }
    Ok(all)
}

/// Prints the sessions as well.
fn in_full(
    cases: &[TestCase],
    means: &TestContext<'_>,
    verbose: bool,
) -> Result<Vec<FinishedTest>, Exit> {
    let options = TranscriptOptions {
        verbose,
        ..TranscriptOptions::default()
    };
    let mut transcript = Stevens::new(Stdout, options);
    let mut all = Vec::new();
    for case in cases {
        transcript.on_event(Event::Note(&format!("test: {}", case.name)));
        let finished = held(case, means, &mut transcript);
        transcript.on_event(Event::Note(&outcome(&finished)));
        all.push(finished);
        written(&transcript)?;
    }
    transcript.on_event(Event::Note(&report::summary(&all)));
    written(&transcript)?;
    Ok(all)
}

fn written(transcript: &Stevens<Stdout>) -> Result<(), Exit> {
    match transcript.failure() {
        Some(error) => Err(unwritten(error)),
        None => Ok(()),
    }
}

/// Runs a test. Each failure is a line on stderr.
fn held(case: &TestCase, means: &TestContext<'_>, observer: &mut dyn Observer) -> FinishedTest {
    let finished = hold(case, means, observer);
    if finished.ending.exit() != Exit::Ok {
        let of = if case.name == case.file {
            String::new()
        } else {
            format!(" ({})", case.name)
        };
        complain(&format!(
            "{}{of}",
            finished.ending.words().unwrap_or_default()
        ));
    }
    finished
}

fn outcome(finished: &FinishedTest) -> String {
    let words = finished.ending.words().unwrap_or_default();
    match finished.ending {
        TestEnding::Passed => "passed".to_owned(),
        TestEnding::Skipped(..) => format!("skipped: {words}"),
        TestEnding::Differed(..) => format!("FAILED: {words}"),
        TestEnding::Failed { .. } => format!("not held: {words}"),
    }
}

fn put(text: &str) -> Result<(), Exit> {
    match Stdout.write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritten(&error)),
        _ => Ok(()),
    }
}

fn unwritten(error: &io::Error) -> Exit {
    complain(&format!(
        "cannot write to the standard output: {}",
        reason(error)
    ));
    Exit::Io
}

/// Destination of the results.
enum Results<'p> {
    Stdout,
    File(&'p Path, File),
}

impl<'p> Results<'p> {
    /// Opens the file before anything is sent.
    fn open(path: &'p Path) -> Result<Self, Exit> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let file = File::create(path).map_err(|error| {
            complain(&format!(
                "--junit {}: cannot create it: {}",
                path.display(),
                reason(&error)
            ));
            Exit::CantCreate
        })?;
        Ok(Self::File(path, file))
    }

    fn write(self, text: &str) -> Result<(), Exit> {
        match self {
            Self::Stdout => put(text),
            Self::File(path, mut file) => file.write_all(text.as_bytes()).map_err(|error| {
                complain(&format!(
                    "--junit {}: cannot write it: {}",
                    path.display(),
                    reason(&error)
                ));
                Exit::Io
            }),
        }
    }
}
