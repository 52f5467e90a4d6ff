//! The run of `ehlo bench`.

use crate::cli::bench::timeline::{Point, Timeline};
use crate::cli::bench::{Bench, BenchReport, histogram, html, object, report};
use crate::cli::run_signals::RunSignals;
use crate::cli::terminal;
use crate::cli::terminal::{build, complain, complain_escaped, load, stdout_shows_colors, warn};
use crate::client::connect::ConnectError;
use crate::client::events::Silent;
use crate::client::outcome::SessionEnd;
use crate::client::peer::PeerAddress;
use crate::client::route::Endpoint;
use crate::client::status::with_hint;
use crate::client::transport::OpenTransport;
use crate::probe;
use crate::probe::load::{Interval, LoadReport, LoadTarget, is_public};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::{reason, shown, shown_path};
use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

/// Processor time of this process from which it may be the limit of the rate, as a part of all processors.
const BUSY: f64 = 0.8;

pub(crate) fn run(mut bench: Bench) -> Exit {
    prepared(&mut bench).unwrap_or_else(|exit| exit)
}

fn prepared(bench: &mut Bench) -> Result<Exit, Exit> {
    // Errors of files are reported before the server is asked.
    let output = &bench.output;
    let create = |option: &'static str, path: &Option<PathBuf>| {
        let made = path.as_deref().map(|path| ResultFile::create(option, path));
        made.transpose()
    };
    let files = [
        create("--html", &output.html)?,
        create("--histogram", &output.histogram)?,
    ];
    let plan = &mut bench.plan;
    if let Some(options) = bench.ready.take() {
        plan.message.replace_by(build(options)?);
    }
    let helo = &mut bench.transport.session.helo;
    // Otherwise it is looked up for each connection.
    *helo = helo.take().or_else(host::fqdn);
    let mut loaded = load(&bench.transport)?;
    loaded.tls.disable_resumption();
    let transport = loaded.open();
    let endpoint = bench.transport.route.relay.as_ref().ok_or(Exit::Software)?;
    let peers = addresses(bench, &transport, endpoint)?;
    let server = greet(&transport, endpoint)?;
    let report = measure(bench, &transport, (endpoint, &peers), server)?;
    finish(bench, &report, files)
}

/// A file for a result, with the option that names it.
struct ResultFile {
    option: &'static str,
    file: File,
}

impl ResultFile {
    /// An earlier file stays until there is a result.
    fn create(option: &'static str, path: &Path) -> Result<Self, Exit> {
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false);
        let file = options.open(path).map_err(|error| {
            complain(&format!(
                "{option}: cannot create {}: {}",
                shown_path(path),
                reason(&error)
            ));
            Exit::CantCreate
        })?;
        Ok(Self { option, file })
    }

    fn replace(&mut self, text: &str) -> Result<(), Exit> {
        let mut write = || {
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            self.file.write_all(text.as_bytes())
        };
        write().map_err(|error: io::Error| {
            let why = reason(&error);
            complain(&format!("{}: cannot write the file: {why}", self.option));
            Exit::Io
        })
    }
}

/// The addresses of the server, which are looked up once.
fn addresses(
    bench: &Bench,
    transport: &OpenTransport<'_>,
    endpoint: &Endpoint,
) -> Result<Vec<PeerAddress>, Exit> {
    let found = transport
        .router
        .addresses(&endpoint.host, endpoint.port, &mut Silent);
    let peers = found.map_err(|error| {
        let error = ConnectError::from(&error);
        complain(&with_hint(&error.why, error.hint));
        error.exit()
    })?;
    if peers.is_empty() {
        complain(&format!("{} has no IP address", endpoint.host));
        return Err(Exit::NoHost);
    }
    let public = peers.iter().find(|peer| is_public(peer));
    match public {
        Some(peer) if !bench.allows_public => {
            complain(&format!(
                "{} is at {peer}, which is not an address of a private network; nothing was sent. If the server is \
                 yours, add --i-own-this-server",
                endpoint.host
            ));
            Err(Exit::Usage)
        }
        _ => Ok(peers),
    }
}

/// One session without a message, so that errors of the options are noticed before the load, and the CAs are read if
/// TLS is used. Returns the server.
fn greet(transport: &OpenTransport<'_>, endpoint: &Endpoint) -> Result<String, Exit> {
    match probe::run_session(transport, endpoint, &[], &mut Silent) {
        Ok((server, ended)) => match SessionEnd::of(&server, &ended) {
            None => Ok(server.to_string()),
            Some(end) => {
                complain(&end.explanation());
                Err(end.exit())
            }
        },
        Err(error) => {
            complain(&with_hint(&error.why, error.hint));
            Err(error.exit())
        }
    }
}

fn measure<'b>(
    bench: &'b Bench,
    transport: &OpenTransport<'_>,
    (endpoint, peers): (&Endpoint, &[PeerAddress]),
    server: String,
) -> Result<BenchReport<'b>, Exit> {
    let failed = |what: &str, error: &io::Error| {
        complain(&format!("{what}: {}", reason(error)));
        Exit::Temporary
    };
    let signals =
        RunSignals::install().map_err(|error| failed("cannot install signal handlers", &error))?;
    let shows = !bench.output.json && !bench.output.quiet && io::stderr().is_terminal();
    let mut timeline = Timeline::default();
    let mut unwritten = None;
    let mut on_interval = |interval: Interval| {
        timeline.push(Point::of(&interval));
        if bench.output.json {
            let line = format!("{}\n", object::interval(&interval));
            if unwritten.is_none() {
                unwritten = terminal::write(line.as_bytes()).err();
            }
        } else if shows {
            complain_escaped(&report::progress(&interval));
        }
    };
    let host = endpoint.host.name();
    let target = LoadTarget { host: &host, peers };
    let interrupt = signals.waken.as_fd();
    let load = probe::load::run(&bench.plan, transport, &target, interrupt, &mut on_interval)
        .map_err(|error| failed("cannot start the run", &error))?;
    if let Some(exit) = unwritten {
        return Err(exit);
    }
    timeline.finish();
    let expected = bench.expect.iter();
    Ok(BenchReport {
        expected: expected
            .map(|expectation| expectation.check(&load))
            .collect(),
        server,
        plan: &bench.plan,
        load,
        timeline,
    })
}

fn finish(
    bench: &Bench,
    report: &BenchReport<'_>,
    [page, distribution]: [Option<ResultFile>; 2],
) -> Result<Exit, Exit> {
    let text = if bench.output.json {
        format!("{}\n", object::summary(report))
    } else {
        report::text(report, stdout_shows_colors())
    };
    terminal::write(text.as_bytes())?;
    if let Some(mut page) = page {
        page.replace(&html::page(report))?;
    }
    if let Some(mut file) = distribution {
        let latencies = report.load.latencies(report.load.shown);
        file.replace(&histogram::text(latencies))?;
    }
    complain_of(report);
    Ok(report.exit())
}

fn complain_of(report: &BenchReport<'_>) {
    for result in report.expected.iter().filter(|result| !result.met) {
        complain(&format!(
            "expectation not met: {} ({})",
            shown(&result.text),
            result.found
        ));
    }
    let LoadReport { counts, .. } = report.load;
    if report.load.stopped {
        let most = report.load.errors.first().map(report::error_words);
        let most = most.map(|words| format!(", most often with \"{words}\""));
        complain(&format!(
            "stopped: the server refused more than half of the messages{}; use --keep-going to continue",
            most.unwrap_or_default()
        ));
    }
    if counts.accepted == 0 {
        complain("no message was accepted");
    }
    if report.load.processor_share() > BUSY {
        warn(
            "this process used most of the processor time of this host, which may be the limit of the rate; run it on \
             another host than the server",
        );
    }
}
