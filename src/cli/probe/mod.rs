//! `ehlo probe`: shows what servers offer, without sending mail.

pub(crate) mod args;
mod lines;
mod nagios;
mod object;
mod report;
pub(crate) mod run;
mod scan;
mod scan_object;
mod target;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::cli::probe::target::ProbeTarget;
use crate::client::transport::Transport;
use crate::probe::Expectation;
use crate::probe::{DaneReport, ExpectationResult, Finding, ProbeSeries, Status};
use crate::system::exit::Exit;
use std::time::Duration;

#[derive(Debug)]
pub struct ProbeOptions {
    /// At least one.
    pub subjects: Vec<Subject>,
    pub expect: Vec<Expectation>,
    /// Number of probes of each server.
    pub count: usize,
    /// Maximum number of servers at a time.
    pub parallel: usize,
    /// True: TLSA records are looked up and compared.
    pub dane: bool,
    /// Scan TLS over at most this number of connections at a time. `None`: no scan.
    pub connections: Option<usize>,
    pub format: Format,
    /// True if the session is shown.
    pub verbose: bool,
}

/// A server of the command line, or the exchangers of a domain.
#[derive(Debug)]
pub struct Subject {
    pub transport: Transport,
    /// The domain whose exchangers are probed. `None`: the relay of the transport.
    pub mx: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
    Nagios(Thresholds),
}

/// Durations of a session from which its state is not OK. `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    pub warning: Option<Duration>,
    pub critical: Option<Duration>,
}

/// The result for one server.
#[derive(Debug)]
pub struct ProbeReport<'t> {
    pub target: &'t ProbeTarget<'t>,
    pub series: ProbeSeries,
    pub expected: Vec<ExpectationResult>,
    /// `None`: not requested.
    pub dane: Option<DaneReport>,
    pub findings: Vec<Finding>,
}

impl ProbeReport<'_> {
    /// The server that was contacted, else its name.
    pub fn server(&self) -> String {
        self.target.server(&self.series.probe)
    }

    /// A failed probe takes precedence over an expectation that is not met, and over TLSA records that do not match.
    pub fn exit(&self) -> Exit {
        let probe = &self.series.probe;
        let is_unmet = self.expected.iter().any(|result| !result.met);
        if probe.exit == Exit::Ok && (is_unmet || self.dane_failure().is_some()) {
            return Exit::Policy;
        }
        probe.exit
    }

    /// The finding for which a sender that uses DANE does not deliver.
    pub fn dane_failure(&self) -> Option<&Finding> {
        let mut findings = self.dane.iter().flat_map(|dane| &dane.findings);
        findings.find(|finding| finding.status == Status::Failed)
    }
}
