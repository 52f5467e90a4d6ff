//! `ehlo verify`: the results of DKIM, SPF and DMARC for a message.

pub(crate) mod args;
mod object;

pub(crate) use args::Args;

use crate::cli::terminal::{Stdout, complain, stdout_width, wrapped, write};
use crate::client::dns::Resolver;
use crate::client::events::{Observer, Silent};
use crate::probe::verify::{
    DmarcResult, MessageClient, MessageReport, SignatureReport, SpfReport, authentication_results,
    verify_message,
};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::{reason, shown, shown_path};
use crate::system::time::now_in_seconds;
use crate::transcript::{Stevens, TranscriptOptions};
use object::object;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    pub json: bool,
    pub verbose: bool,
}

pub fn run(task: &VerifyTask) -> Exit {
    match report(task) {
        Ok(report) => {
            let host = task
                .host
                .clone()
                .or_else(host::fqdn)
                .unwrap_or_else(host::node_name);
            let (exit, field) = (exit(&report), authentication_results(&report, &host));
            let text = if task.json {
                format!("{}\n", object(&report, &field, exit))
            } else {
                format!("{field}\n\n{}", text(&report))
            };
            match write(text.as_bytes()) {
                Ok(()) => exit,
                Err(exit) => exit,
            }
        }
        Err((exit, why)) => {
            complain(&why);
            exit
        }
    }
}

fn exit(report: &MessageReport) -> Exit {
    match report.dmarc.result {
        DmarcResult::Pass => Exit::Ok,
        DmarcResult::TempError => Exit::Temporary,
        DmarcResult::None | DmarcResult::Fail | DmarcResult::PermError => Exit::Policy,
    }
}

fn report(task: &VerifyTask) -> Result<MessageReport, (Exit, String)> {
    let unreadable = |error: io::Error| {
        let why = format!("cannot read {}: {}", shown_path(&task.path), reason(&error));
        match error.kind() {
            io::ErrorKind::InvalidData => (Exit::Data, why),
            _ => (Exit::NoInput, why),
        }
    };
    let input: Box<dyn Read> = if task.path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&task.path).map_err(unreadable)?)
    };
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
    verify_message(input, task.client.as_ref(), (&resolver, now), observer).map_err(unreadable)
}

/// Width of the column of methods, in characters.
const LABEL: usize = 7;

/// The results in sentences.
fn text(report: &MessageReport) -> String {
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
