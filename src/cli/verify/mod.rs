//! `ehlo verify`: the results of DKIM, SPF and DMARC for a message, and those of the author's signatures.

pub(crate) mod args;

mod json;

pub(crate) use args::Args;

use crate::cli::ExitStatus;
use crate::cli::help::suggestions;
use crate::cli::terminal::{Stdout, complain, stdout_width, wrapped, write};
use crate::client::dns::Resolver;
use crate::client::events::{Observer, Silent};
use crate::mail::layers::{Layer, SmimeFiles, read_layers};
use crate::mail::message::{Input, Source};
use crate::probe::verify::{
    DmarcResult, MessageClient, MessageReport, SignatureReport, SpfReport, authentication_results,
    verify_message,
};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::{reason, shown, shown_path};
use crate::system::time::now_in_seconds;
use crate::transcript::{Stevens, TranscriptOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct VerifyTask {
    /// `-`: standard input.
    pub path: PathBuf,
    pub client: Option<MessageClient>,
    pub dns: Option<SocketAddr>,
    /// The name of this host in the results. `None`: its own.
    pub host: Option<String>,
    pub limit: Duration,
    /// `None`: nothing is decrypted, and only DKIM signatures are checked.
    pub layers: Option<SmimeFiles>,
    pub json: bool,
    pub verbose: bool,
}

/// The results for a message.
struct Findings {
    report: MessageReport,
    /// End-to-end signatures and encryption.
    layers: Vec<Layer>,
}

pub fn run(task: &VerifyTask) -> Exit {
    match report(task) {
        Ok(findings) => {
            let host = task
                .host
                .clone()
                .or_else(host::fqdn)
                .unwrap_or_else(host::node_name);
            let results = authentication_results(&findings.report, &host);
            let text = if task.json {
                format!("{}\n", json::object(&findings, &results, exit(&findings)))
            } else {
                format!("{results}\n\n{}", text(&findings))
            };
            match write(text.as_bytes()) {
                Ok(()) => exit(&findings),
                Err(exit) => exit,
            }
        }
        Err((exit, why)) => {
            complain(&why);
            exit
        }
    }
}

fn exit(findings: &Findings) -> Exit {
    let is_wrong = |layer: &Layer| layer.is_valid == Some(false);
    match findings.report.dmarc.result {
        DmarcResult::Pass if findings.layers.iter().any(is_wrong) => Exit::Policy,
        DmarcResult::Pass => Exit::Ok,
        DmarcResult::TempError => Exit::Temporary,
        DmarcResult::None | DmarcResult::Fail | DmarcResult::PermError => Exit::Policy,
    }
}

fn report(task: &VerifyTask) -> Result<Findings, (Exit, String)> {
    let unreadable = |error: io::Error| {
        let why = format!("cannot read {}: {}", shown_path(&task.path), reason(&error));
        match error.kind() {
            io::ErrorKind::InvalidData => (Exit::Data, why),
            _ => (Exit::NoInput, why),
        }
    };
    let input = if task.path == Path::new("-") {
        Input::Stdin
    } else {
        Input::File(task.path.clone())
    };
    let message = Source::open(input).map_err(|error| {
        let hint = suggestions::for_message_file(&task.path);
        let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
        (error.exit(), format!("{error}{hint}"))
    })?;
    let message = Arc::new(message);
    let layered = task.layers.as_ref();
    let layered = layered
        .map(|files| read_layers(&message, files))
        .transpose();
    let layered = layered.map_err(|error| (error.exit(), error.to_string()))?;
    let resolver = Resolver::new(task.dns)
        .map_err(|why| (Exit::Temporary, format!("cannot start the resolver: {why}")))?
        .until(Instant::now() + task.limit);
    let mut transcript = Stevens::new(Stdout, TranscriptOptions::verbose());
    let observer: &mut dyn Observer = if task.verbose {
        &mut transcript
    } else {
        &mut Silent
    };
    let now = now_in_seconds().max(0).unsigned_abs();
    let input = message.reader();
    let report = verify_message(input, task.client.as_ref(), (&resolver, now), observer);
    Ok(Findings {
        report: report.map_err(unreadable)?,
        layers: layered.unwrap_or_default().layers,
    })
}

/// Width of the column of methods, in characters.
const LABEL: usize = 7;

/// The results in sentences.
fn text(findings: &Findings) -> String {
    let report = &findings.report;
    let mut lines: Vec<(&str, String)> = Vec::new();
    if report.signatures.is_empty() {
        lines.push(("dkim", "the message is not signed".to_owned()));
    }
    lines.extend(report.signatures.iter().map(|one| ("dkim", signature(one))));
    match &report.spf {
        Some(report) => lines.push(("spf", spf(report))),
        None => lines.push((
            "spf",
            "not checked; name the client with --from-ip".to_owned(),
        )),
    }
    lines.push(("dmarc", dmarc(report)));
    lines.extend(arc(report).map(|text| ("arc", text)));
    let labels: Vec<String> = findings
        .layers
        .iter()
        .map(|layer| layer.standard.to_string())
        .collect();
    for (label, layer) in labels.iter().zip(&findings.layers) {
        lines.push((label, format!("{}: {}", layer.kind.name(), layer.text)));
    }
    let line = |(label, text): &(&str, String)| {
        wrapped(
            &format!("{label:<LABEL$}{}\n", shown(text)),
            stdout_width(),
            LABEL,
        )
    };
    lines.iter().map(line).collect()
}

fn aligned(is_aligned: bool) -> &'static str {
    if is_aligned {
        "aligned with From"
    } else {
        "not aligned with From"
    }
}

fn signature(report: &SignatureReport) -> String {
    let verdict = &report.verdict;
    match &report.signature {
        Some(signature) => format!(
            "{}: signature of {} with selector {}, {}: {}",
            verdict.result.name(),
            signature.domain,
            signature.selector,
            aligned(report.is_aligned),
            verdict.why
        ),
        None => format!("{}: {}", verdict.result.name(), verdict.why),
    }
}

fn spf(report: &SpfReport) -> String {
    let identity = if report.is_of_sender {
        "MAIL FROM"
    } else {
        "EHLO"
    };
    format!(
        "{}: {} for {} ({identity}), {}: {}",
        report.verdict.result.name(),
        report.ip,
        report.domain,
        aligned(report.is_aligned),
        report.verdict.why
    )
}

fn dmarc(report: &MessageReport) -> String {
    let dmarc = &report.dmarc;
    let author = report
        .author
        .as_deref()
        .map(|author| format!(" for {author}"))
        .unwrap_or_default();
    let policy = match (&dmarc.owner, dmarc.policy) {
        (Some(owner), Some(policy)) => format!("; the policy of {owner} is {}", policy.name()),
        _ => String::new(),
    };
    format!("{}{author}: {}{policy}", dmarc.result.name(), dmarc.why)
}

fn arc(report: &MessageReport) -> Option<String> {
    let last = report.arc.last()?;
    Some(format!(
        "{} sets were added on the way, the last one by {} with cv={}; they were not verified",
        report.arc.len(),
        last.domain,
        last.chain
    ))
}
