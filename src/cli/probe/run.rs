//! `ehlo probe`: probes servers, and reports them in the order of the command line.

use crate::cli::ExitStatus;
use crate::cli::probe::scan::{ScanReport, scan_report};
use crate::cli::probe::scan_object::scan_object;
use crate::cli::probe::target::{ProbeTarget, targets};
use crate::cli::probe::{Format, ProbeOptions, ProbeReport, nagios, object, report};
use crate::cli::terminal;
use crate::cli::terminal::{Display, Stdout, complain, load};
use crate::client::events::{Observer, Silent};
use crate::client::transport::{LoadedTransport, OpenTransport};
use crate::probe as check;
use crate::probe::fleet::in_order;
use crate::probe::scan::{ServerScan, scan_server};
use crate::probe::{HostRecords, ProbeResult, ProbeSeries};
use crate::system::exit::Exit;
use crate::system::text::shown;
use crate::transcript::{Stevens, TranscriptOptions};
use std::io::Write as _;

/// Probes the servers, and prints the reports.
pub fn run(options: &ProbeOptions) -> Exit {
    let Some(first) = options.subjects.first() else {
        return Exit::Software;
    };
    // Files and passwords are read before the first connection.
    let mut loaded = match load(&first.transport) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    prepare(&mut loaded, options);
    let targets = targets(options);
    let fleet = Fleet {
        options,
        targets: &targets,
        loaded: &loaded,
    };
    let mut output = Output {
        options,
        is_first: true,
        exit: Exit::Ok,
    };
    match (options.connections, options.format) {
        (Some(connections), _) => fleet.scan(connections, |report| output.scan(&report)),
        (None, Format::Nagios(thresholds)) => {
            let mut reports = Vec::new();
            fleet.probe(|report| reports.push(report));
            let (line, health) = nagios::line(&reports, thresholds);
            output.exit = Exit::Health(health);
            output.print(&format!("{line}\n"));
        }
        (None, _) => fleet.probe(|report| output.probe(&report)),
    }
    output.exit
}

/// With a resumed session, the second probe would be another than the first.
fn prepare(loaded: &mut LoadedTransport<'_>, options: &ProbeOptions) {
    if options.count > 1 {
        loaded.tls.disable_resumption();
        loaded.tls.load_trust();
    }
}

struct Fleet<'r> {
    options: &'r ProbeOptions,
    targets: &'r [ProbeTarget<'r>],
    /// The transport of the first subject.
    loaded: &'r LoadedTransport<'r>,
}

impl<'r> Fleet<'r> {
    fn probe(&self, done: impl FnMut(ProbeReport<'r>)) {
        let work = |target: &'r ProbeTarget<'r>| {
            let (series, records) = self.series(target);
            let probe = &series.probe;
            let dane = records.map(|records| records.compare(target.origin(), probe));
            let mut findings = check::findings(&series);
            findings.extend(dane.iter().flat_map(|dane| dane.findings.clone()));
            let expected = self.options.expect.iter();
            ProbeReport {
                expected: expected
                    .map(|expectation| expectation.check(probe))
                    .collect(),
                findings,
                dane,
                target,
                series,
            }
        };
        in_order(self.targets, self.options.parallel, work, done);
    }

    /// The probes of a server, and its TLSA records if they are requested.
    fn series(&self, target: &ProbeTarget<'_>) -> (ProbeSeries, Option<HostRecords>) {
        if let Some(Err(error)) = &target.peer {
            return (ProbeSeries::single(ProbeResult::unreached(error)), None);
        }
        let count = self.options.count;
        let run = |transport: &OpenTransport<'_>, observer: &mut dyn Observer| {
            let (mut endpoint, peer) = (target.endpoint.clone(), target.place().1);
            let router = &transport.router;
            let look_up = |observer| HostRecords::look_up(router, &target.endpoint, observer);
            let records = self.options.dane.then(|| look_up(&mut *observer));
            if let Some(records) = &records {
                endpoint.host = endpoint.host.renamed(records.base());
            }
            let series = ProbeSeries::run(transport, (&endpoint, peer), count, observer);
            (series, records)
        };
        self.with_transport(target, run)
            .unwrap_or_else(|probe| (ProbeSeries::single(*probe), None))
    }

    fn scan(&self, connections: usize, done: impl FnMut(ScanReport<'r>)) {
        let work = |target: &'r ProbeTarget<'r>| {
            let server = self.scan_of(target, connections);
            ScanReport {
                findings: check::scan::findings(&server),
                target,
                server,
            }
        };
        in_order(self.targets, self.options.parallel, work, done);
    }

    fn scan_of(&self, target: &ProbeTarget<'_>, connections: usize) -> ServerScan {
        if let Some(Err(error)) = &target.peer {
            return ServerScan::failed(ProbeResult::unreached(error));
        }
        let run = |transport: &OpenTransport<'_>, observer: &mut dyn Observer| {
            scan_server(transport, target.place(), connections, observer)
        };
        self.with_transport(target, run)
            .unwrap_or_else(|probe| ServerScan::failed(*probe))
    }

    /// Each of several servers has a transport of its own, because a transport keeps the result of the last
    /// certificate.
    fn with_transport<R>(
        &self,
        target: &ProbeTarget<'_>,
        run: impl FnOnce(&OpenTransport<'_>, &mut dyn Observer) -> R,
    ) -> Result<R, Box<ProbeResult>> {
        if let [_] = self.targets {
            return Ok(self.observed(self.loaded, run));
        }
        let loaded = LoadedTransport::of(&target.subject.transport, None);
        let mut loaded = loaded.map_err(|error| {
            Box::new(ProbeResult {
                failure: Some(error.to_string()),
                exit: error.exit(),
                ..ProbeResult::default()
            })
        })?;
        loaded.tls.share_trust(self.loaded.tls.trust_store());
        prepare(&mut loaded, self.options);
        Ok(self.observed(&loaded, run))
    }

    fn observed<R>(
        &self,
        loaded: &LoadedTransport<'_>,
        run: impl FnOnce(&OpenTransport<'_>, &mut dyn Observer) -> R,
    ) -> R {
        let transport = loaded.open();
        if !self.options.verbose {
            return run(&transport, &mut Silent);
        }
        let mut transcript = Stevens::new(Stdout, TranscriptOptions::verbose());
        let result = run(&transport, &mut transcript);
        let _ = Stdout.write_all(b"\n");
        result
    }
}

/// Prints the reports.
struct Output<'r> {
    options: &'r ProbeOptions,
    is_first: bool,
    /// The first status that is not 0.
    exit: Exit,
}

impl Output<'_> {
    fn probe(&mut self, report: &ProbeReport<'_>) {
        let exit = report.exit();
        self.report(exit, |format, display| match format {
            Format::Json => format!("{}\n", object::object(report)),
            _ => report::report(report, display),
        });
        complain_of(report);
    }

    fn scan(&mut self, report: &ScanReport<'_>) {
        self.report(report.exit(), |format, display| match format {
            Format::Json => format!("{}\n", scan_object(report)),
            _ => scan_report(report, display),
        });
        if let Some(failure) = report.server.failure() {
            complain(&failure);
        }
    }

    fn report(&mut self, exit: Exit, text: impl FnOnce(Format, Display) -> String) {
        let display = Display::of_stdout();
        let is_separate = !self.is_first && self.options.format == Format::Text;
        self.is_first = false;
        if self.exit == Exit::Ok {
            self.exit = exit;
        }
        let text = text(self.options.format, display);
        self.print(&if is_separate {
            format!("\n{text}")
        } else {
            text
        });
    }

    fn print(&mut self, text: &str) {
        if let Err(exit) = terminal::write(text.as_bytes()) {
            self.exit = exit;
        }
    }
}

/// Writes each failure to stderr.
fn complain_of(report: &ProbeReport<'_>) {
    let probe = &report.series.probe;
    if let Some(failure) = probe.explanation() {
        complain(&failure);
    }
    let missing = report.expected.iter().filter(|result| !result.met);
    for result in missing.filter(|_| probe.is_complete()) {
        complain(&format!(
            "{}: expectation not met: {} ({})",
            report.server(),
            result.text,
            shown(&result.found)
        ));
    }
}
