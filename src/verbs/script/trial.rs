//! Holding the tests of scripts.

use crate::blocks::Replay;
use crate::exit::Exit;
use crate::host;
use crate::message::{self, Message};
use crate::plan::{Trial, TrialLook, Way};
use crate::ready::Ready;
use crate::route::Host;
use crate::script::{
    Case, Demands, Ending, Finished, Means, Script, Variables, report, run as hold,
};
use crate::transcript::{Options, Stevens, Transcript as _};
use crate::verbs::build;
use crate::verbs::terminal::{Stdout, complain};
use crate::watch::{Happening, Nobody, Watch};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Holds all tests of all scripts.
pub fn run(mut trial: Trial) -> Exit {
    let scripts = match super::read(&trial) {
        Ok(scripts) => scripts,
        Err(exit) => return exit,
    };
    if let Some(why) = unmet(&scripts, &trial) {
        complain(&why);
        return Exit::Usage;
    }
    let demanded = scripts
        .iter()
        .any(|script| Demands::of(script).message.is_some());
    let message = trial.message.take().filter(|_| demanded);
    let message = match message
        .map(|message: message::Options| build(message))
        .transpose()
    {
        Ok(message) => message,
        Err(exit) => return exit,
    };
    let junit = match trial.junit.as_deref().map(Results::open).transpose() {
        Ok(junit) => junit,
        Err(exit) => return exit,
    };
    let ready = match Ready::of(&trial.way) {
        Ok(ready) => ready,
        Err(error) => {
            complain(&error.to_string());
            return error.exit();
        }
    };
    let given = given(&trial, message.as_ref());
    let cases: Vec<Case> = scripts
        .iter()
        .flat_map(|script| Case::all_of(script, &given))
        .collect();
    let router = ready.router();
    let way = ready.way(&router, None);
    let means = Means {
        route: &trial.way.route,
        session: way.session,
        tls: way.tls,
        login: way.login,
        message: message
            .as_ref()
            .map(|message| message as &(dyn Replay + Sync)),
    };
    let held = hold_all(&cases, &means, trial.look);
    held.and_then(|all| {
        if let Some(junit) = junit {
            junit.write(&report::junit(&all))?;
        }
        Ok(report::exit(&all))
    })
    .unwrap_or_else(|exit| exit)
}

/// What the scripts need and the command line does not say, or the other way round.
fn unmet(scripts: &[Script], trial: &Trial) -> Option<String> {
    let all: Vec<Demands> = scripts.iter().map(Demands::of).collect();
    let server = all.iter().find_map(|demands| demands.server.as_ref());
    if let (Some(at), None) = (server, &trial.way.route.relay) {
        return Some(format!(
            "{at}: `connect` wants a server; name it with --server"
        ));
    }
    let message = all.iter().find_map(|demands| demands.message.as_ref());
    if let (Some(at), None) = (message, &trial.message) {
        return Some(format!(
            "{at}: it wants a message; describe one with --to, --subject, --body and so on"
        ));
    }
    if let (None, Some(option)) = (message, &trial.message_option) {
        return Some(format!("{option} has no meaning: no script says >message"));
    }
    let login = all.iter().find_map(|demands| demands.login.as_ref());
    match (login, &trial.way.credentials) {
        (Some(at), None) => Some(format!("{at}: `auth` wants a user; name one with --user")),
        (None, Some(_)) => Some("--user has no meaning: no script says `auth`".to_owned()),
        _ => None,
    }
}

/// The variables that are there before a script sets any.
fn given(trial: &Trial, message: Option<&Message>) -> Variables {
    let mut given = Variables::new();
    let mut set = |name: &str, value: String| {
        given.insert(name.to_owned(), value.into_bytes());
    };
    // Every server takes mail for its postmaster, also from nobody (RFC 5321 §4.5.1).
    set("from", String::new());
    set("to", "postmaster".to_owned());
    set("helo", helo(&trial.way));
    if let Some(place) = &trial.way.route.relay {
        let is_remote = !matches!(place.host, Host::Unix(_) | Host::Pipe(_));
        let host = if is_remote {
            place.host.to_string()
        } else {
            place.host.name()
        };
        set("host", host);
        set("port", place.port.to_string());
        set(
            "server",
            match &place.host {
                Host::Unix(path) => format!("unix:{}", path.display()),
                Host::Pipe(line) => format!("pipe:{line}"),
                host => format!("{host}:{}", place.port),
            },
        );
    }
    if let Some(shape) = message.and_then(Replay::simplest) {
        set("message.size", shape.size.to_string());
    }
    if let Some(envelope) = message.map(|message| &message.envelope) {
        set(
            "from",
            envelope
                .sender
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        );
        if let Some(first) = envelope.recipients.first() {
            set("to", first.to_string());
        }
    }
    given.extend(trial.variables.clone());
    given
}

fn helo(way: &Way) -> String {
    let own = way.session.helo.clone().or_else(host::fqdn);
    own.unwrap_or_else(|| "localhost.localdomain".to_owned())
}

/// Holds the tests one after the other, and shows what is to be seen.
fn hold_all(cases: &[Case], means: &Means<'_>, look: TrialLook) -> Result<Vec<Finished>, Exit> {
    match look {
        TrialLook::Quiet => Ok(cases
            .iter()
            .map(|case| held(case, means, &mut Nobody))
            .collect()),
        TrialLook::Tap => {
            put(&report::tap_plan(cases.len()))?;
            let mut all = Vec::new();
            for (at, case) in cases.iter().enumerate() {
                let finished = held(case, means, &mut Nobody);
                put(&report::tap(at + 1, &finished))?;
                all.push(finished);
            }
            Ok(all)
        }
        TrialLook::Conversation { verbose } => {
            let mut transcript = Stevens::new(
                Stdout,
                Options {
                    verbose,
                    ..Options::default()
                },
            );
            let mut all = Vec::new();
            for case in cases {
                transcript.happened(Happening::Note(&format!("test: {}", case.name)));
                let finished = held(case, means, &mut transcript);
                transcript.happened(Happening::Note(&outcome(&finished)));
                all.push(finished);
                if let Some(error) = transcript.failure() {
                    return Err(unwritten(error));
                }
            }
            if let Some(error) = {
                transcript.happened(Happening::Note(&report::summary(&all)));
                transcript.failure()
            } {
                return Err(unwritten(error));
            }
            Ok(all)
        }
    }
}

/// Holds a test. Whatever failed is a line on stderr.
fn held(case: &Case, means: &Means<'_>, watch: &mut dyn Watch) -> Finished {
    let finished = hold(case, means, watch);
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

fn outcome(finished: &Finished) -> String {
    let words = finished.ending.words().unwrap_or_default();
    match finished.ending {
        Ending::Passed => "passed".to_owned(),
        Ending::Skipped(..) => format!("skipped: {words}"),
        Ending::Differed(..) => format!("FAILED: {words}"),
        Ending::Failed { .. } => format!("not held: {words}"),
    }
}

fn put(text: &str) -> Result<(), Exit> {
    match Stdout.write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritten(&error)),
        _ => Ok(()),
    }
}

fn unwritten(error: &io::Error) -> Exit {
    complain(&format!("cannot write to the standard output: {error}"));
    Exit::Io
}

/// Where results go.
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
                "--junit {}: cannot create it: {error}",
                path.display()
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
                    "--junit {}: cannot write it: {error}",
                    path.display()
                ));
                Exit::Io
            }),
        }
    }
}
