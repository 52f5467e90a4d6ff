//! `ehlo script`: runs scripted sessions.

use crate::cli::ExitStatus;
use crate::cli::script::{ScriptOutput, ScriptRun, ScriptTask, record};
use crate::cli::terminal;
use crate::cli::terminal::{Stdout, build, complain, load, output_failed, print};
use crate::client::events::{Event, Observer, Silent};
use crate::client::route::{Endpoint, Host};
use crate::client::transport::Transport;
use crate::mail::message::Message;
use crate::script::{
    BUILT_IN, FinishedTest, Requirements, Script, ScriptError, TestCase, TestContext, TestEnding,
    Variables, built_in, parse, report, run as run_test,
};
use crate::smtp::blocks::Replay;
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::reason;
use crate::transcript::{Stevens, Transcript as _, TranscriptOptions};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Runs the task.
pub fn run(task: ScriptTask) -> Exit {
    match task {
        ScriptTask::List => list(),
        ScriptTask::Show(name) => show(&name),
        ScriptTask::Check(script_run) => match read(&script_run) {
            Ok(_) => Exit::Ok,
            Err(exit) => exit,
        },
        ScriptTask::Run(script_run) => run_scripts(script_run).unwrap_or_else(|exit| exit),
        ScriptTask::Record(send, file) => record::run(*send, &file),
    }
}

fn list() -> Exit {
    print(|out| {
        let mut all = BUILT_IN.iter();
        all.try_for_each(|script| writeln!(out, "{:<12} {}", script.name, script.about()))
    })
}

fn show(name: &str) -> Exit {
    let Some(script) = built_in(name) else {
        complain(&format!(
            "there is no bundled script named {name}; see ehlo script --list"
        ));
        return Exit::NoInput;
    };
    print(|out| out.write_all(script.text.as_bytes()))
}

/// Reads all scripts, or reports their errors.
fn read(script_run: &ScriptRun) -> Result<Vec<Script>, Exit> {
    let known: Vec<&str> = script_run.variables.keys().map(String::as_str).collect();
    let mut scripts = Vec::new();
    let mut exit = Exit::Ok;
    for name in &script_run.names {
        match parse(name, &known) {
            Ok(script) => scripts.push(script),
            Err(errors) => {
                for error in &errors {
                    complain(&error.to_string());
                }
                let first = errors.first().map_or(Exit::Data, ScriptError::exit);
                exit = if exit == Exit::Ok { first } else { exit };
            }
        }
    }
    if exit == Exit::Ok {
        return Ok(scripts);
    }
    Err(exit)
}

/// Runs all tests of all scripts.
fn run_scripts(mut script_run: ScriptRun) -> Result<Exit, Exit> {
    let scripts = read(&script_run)?;
    if let Some(why) = contradiction(&scripts, &script_run) {
        complain(&why);
        return Err(Exit::Usage);
    }
    let message = message(&mut script_run, &scripts)?;
    let junit = script_run.junit.as_deref().map(Results::open).transpose()?;
    let loaded = load(&script_run.transport)?;
    let variables = variables(&script_run, message.as_ref());
    let cases: Vec<TestCase> = scripts
        .iter()
        .flat_map(|script| TestCase::all_of(script, &variables))
        .collect();
    let transport = loaded.open();
    let context = TestContext {
        route: &script_run.transport.route,
        session: transport.session,
        tls: transport.tls,
        transport: Some(&loaded),
        proxy_login: transport.proxy_login,
        message: message
            .as_ref()
            .map(|message| message as &(dyn Replay + Sync)),
    };
    let all = run_all(&cases, &context, script_run.output)?;
    if let Some(junit) = junit {
        junit.write(&report::junit(&all))?;
    }
    Ok(report::exit(&all))
}

/// The message, if a script sends one.
fn message(script_run: &mut ScriptRun, scripts: &[Script]) -> Result<Option<Message>, Exit> {
    let sends = |script: &Script| Requirements::of(script).message.is_some();
    let message = script_run
        .message
        .take()
        .filter(|_| scripts.iter().any(sends));
    message.map(build).transpose()
}

/// A contradiction between the scripts and the command line: an option that is missing or not used.
fn contradiction(scripts: &[Script], script_run: &ScriptRun) -> Option<String> {
    let all: Vec<Requirements> = scripts.iter().map(Requirements::of).collect();
    let server = all
        .iter()
        .find_map(|requirements| requirements.server.as_ref());
    if let (Some(at), None) = (server, &script_run.transport.route.relay) {
        return Some(format!("{at}: `connect` requires --server or --pipe"));
    }
    let message = all
        .iter()
        .find_map(|requirements| requirements.message.as_ref());
    if let (Some(at), None) = (message, &script_run.message) {
        return Some(format!(
            "{at}: this line requires a message; use --to, --subject, --body and so on"
        ));
    }
    if let (None, Some(option)) = (message, &script_run.message_option) {
        return Some(format!("{option} has no effect: no script uses >message"));
    }
    let login = all
        .iter()
        .find_map(|requirements| requirements.login.as_ref());
    match (login, &script_run.transport.credentials) {
        (Some(at), None) => Some(format!("{at}: `auth` requires --user")),
        (None, Some(_)) => Some("--user has no effect: no script uses `auth`".to_owned()),
        _ => None,
    }
}

/// The variables that are set before a script runs.
fn variables(script_run: &ScriptRun, message: Option<&Message>) -> Variables {
    // Every server accepts mail for its postmaster, also from the null sender (RFC 5321 §4.5.1).
    let mut variables = vec![
        ("from", String::new()),
        ("to", "postmaster".to_owned()),
        ("helo", helo(&script_run.transport)),
    ];
    variables.extend(script_run.transport.route.relay.iter().flat_map(of_server));
    variables.extend(message.into_iter().flat_map(of_message));
    let named = variables.into_iter();
    let mut variables: Variables = named
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    variables.extend(script_run.variables.clone());
    variables
}

fn of_server(endpoint: &Endpoint) -> [(&'static str, String); 3] {
    let port = endpoint.port;
    let (host, server) = match &endpoint.host {
        Host::Unix(path) => (endpoint.host.name(), format!("unix:{}", path.display())),
        Host::Pipe(line) => (endpoint.host.name(), format!("pipe:{line}")),
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
    let mut variables = vec![("from", sender.unwrap_or_default())];
    variables.extend(
        envelope
            .recipients
            .first()
            .map(|first| ("to", first.to_string())),
    );
    variables.extend(
        message
            .simplest()
            .map(|shape| ("message.size", shape.size.to_string())),
    );
    variables
}

fn helo(transport: &Transport) -> String {
    let own = transport.session.helo.clone().or_else(host::fqdn);
    own.unwrap_or_else(|| "localhost.localdomain".to_owned())
}

/// Runs the tests one after the other, and prints the selected output.
fn run_all(
    cases: &[TestCase],
    context: &TestContext<'_>,
    output: ScriptOutput,
) -> Result<Vec<FinishedTest>, Exit> {
    match output {
        ScriptOutput::Quiet => Ok(cases
            .iter()
            .map(|case| run_case(case, context, &mut Silent))
            .collect()),
        ScriptOutput::Tap => run_with_tap(cases, context),
        ScriptOutput::Session { verbose } => run_with_transcript(cases, context, verbose),
    }
}

fn run_with_tap(cases: &[TestCase], context: &TestContext<'_>) -> Result<Vec<FinishedTest>, Exit> {
    terminal::write(report::tap_plan(cases.len()).as_bytes())?;
    let mut all = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let finished = run_case(case, context, &mut Silent);
        terminal::write(report::tap(at + 1, &finished).as_bytes())?;
        all.push(finished);
    }
    Ok(all)
}

/// Prints the sessions as well.
fn run_with_transcript(
    cases: &[TestCase],
    context: &TestContext<'_>,
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
        let finished = run_case(case, context, &mut transcript);
        transcript.on_event(Event::Note(&result_text(&finished)));
        all.push(finished);
        written(&transcript)?;
    }
    transcript.on_event(Event::Note(&report::summary(&all)));
    written(&transcript)?;
    Ok(all)
}

fn written(transcript: &Stevens<Stdout>) -> Result<(), Exit> {
    match transcript.failure() {
        Some(error) => Err(output_failed(error)),
        None => Ok(()),
    }
}

/// Runs a test. Each failure is a line on stderr.
fn run_case(
    case: &TestCase,
    context: &TestContext<'_>,
    observer: &mut dyn Observer,
) -> FinishedTest {
    let finished = run_test(case, context, observer);
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

fn result_text(finished: &FinishedTest) -> String {
    let words = finished.ending.words().unwrap_or_default();
    match finished.ending {
        TestEnding::Passed => "passed".to_owned(),
        TestEnding::Skipped(..) => format!("skipped: {words}"),
        TestEnding::Differed(..) => format!("FAILED: {words}"),
        TestEnding::Failed { .. } => format!("not run: {words}"),
    }
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
                "--junit: cannot create {}: {}",
                path.display(),
                reason(&error)
            ));
            Exit::CantCreate
        })?;
        Ok(Self::File(path, file))
    }

    fn write(self, text: &str) -> Result<(), Exit> {
        match self {
            Self::Stdout => terminal::write(text.as_bytes()),
            Self::File(path, mut file) => file.write_all(text.as_bytes()).map_err(|error| {
                complain(&format!(
                    "--junit: cannot write {}: {}",
                    path.display(),
                    reason(&error)
                ));
                Exit::Io
            }),
        }
    }
}
