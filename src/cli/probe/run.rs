//! `ehlo probe`: reports a server's properties.

use crate::cli::probe::ProbeOptions;
use crate::cli::terminal;
use crate::cli::terminal::{Stdout, complain, load, stdout_width, wrapped};
use crate::client::events::Silent;
use crate::client::session;
use crate::probe as check;
use crate::probe::{ExpectationResult, ProbeResult, TlsReport};
use crate::system::certificate::{Certificate, date, some_of};
use crate::system::exit::Exit;
use crate::system::text::shown;
use crate::transcript::{Stevens, TranscriptOptions, certificate_fields};
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;

/// Inspects the server, and prints the report.
pub fn run(options: &ProbeOptions) -> Exit {
    let loaded = match load(&options.transport) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let transport = loaded.open();
    let Some(endpoint) = &options.transport.route.relay else {
        return Exit::Software;
    };
    let probe = if options.verbose {
        let mut transcript = Stevens::new(Stdout, TranscriptOptions::verbose());
        let probe = check::probe(&transport, endpoint, &mut transcript);
        let _ = Stdout.write_all(b"\n");
        probe
    } else {
        check::probe(&transport, endpoint, &mut Silent)
    };
    let findings: Vec<ExpectationResult> = options
        .expect
        .iter()
        .map(|expectation| expectation.check(&probe))
        .collect();
    let exit = exit(&probe, &findings);
    let text = if options.json {
        format!("{}\n", object(&probe, &findings, exit))
    } else {
        wrapped(&report(&probe, &findings), stdout_width(), LABEL)
    };
    if let Err(exit) = terminal::write(text.as_bytes()) {
        return exit;
    }
    complain_of(&probe, &findings);
    exit
}

/// Width of the column of labels.
const LABEL: usize = 12;

/// A failed probe takes precedence over an expectation that is not met.
fn exit(probe: &ProbeResult, findings: &[ExpectationResult]) -> Exit {
    if probe.exit == Exit::Ok && findings.iter().any(|finding| !finding.met) {
        return Exit::Policy;
    }
    probe.exit
}

/// Writes each failure to stderr.
fn complain_of(probe: &ProbeResult, findings: &[ExpectationResult]) {
    if let Some(failure) = probe.explanation() {
        complain(&failure);
    }
    let server = probe.server.as_ref().map(ToString::to_string);
    let server = server.unwrap_or_else(|| "the server".to_owned());
    let missing = findings.iter().filter(|finding| !finding.met);
    for finding in missing.filter(|_| probe.is_complete()) {
        complain(&format!(
            "{server}: expectation not met: {} ({})",
            finding.text,
            shown(&finding.found)
        ));
    }
}

/// The report for people: a label and a value on each line.
fn report(probe: &ProbeResult, findings: &[ExpectationResult]) -> String {
    let mut report = ProbeReport::default();
    if let Some(server) = &probe.server {
        report.line("server", &server.to_string());
    }
    for line in &probe.banner {
        report.line("greeting", line);
    }
    if let Some(offered) = &probe.in_clear {
        report.line("plaintext", &offered.join(", "));
    }
    if let Some(tls) = &probe.tls {
        report.tls(tls);
    }
    if let Some(offered) = &probe.in_tls {
        report.line("over TLS", &offered.join(", "));
    }
    let is_known = probe.in_tls.is_some() || probe.in_clear.is_some() && probe.tls.is_none();
    if is_known {
        report.line("AUTH", &mechanisms(probe));
        report.line("SIZE", &size(probe));
    }
    if let Some(login) = &probe.login {
        report.line("login", login);
    }
    let times = probe.steps.iter();
    let times: Vec<String> = times
        .map(|step| format!("{} {}", step.stage.name(), milliseconds(step.took)))
        .collect();
    if !times.is_empty() {
        report.line("times", &times.join(", "));
    }
    for finding in findings {
        let met = match finding.met {
            true => "yes",
            false if probe.is_complete() => "NO",
            false => "?",
        };
        let found = match finding.found.as_str() {
            "" => String::new(),
            found => format!(" ({found})"),
        };
        report.line("expected", &format!("{}: {met}{found}", finding.text));
    }
    report.text
}

#[derive(Default)]
struct ProbeReport {
    text: String,
    last: &'static str,
}

impl ProbeReport {
    /// Adds a line. The label is printed once for consecutive lines.
    fn line(&mut self, label: &'static str, value: &str) {
        let printed = if self.last == label { "" } else { label };
        self.last = label;
        self.text
            .push_str(format!("{printed:<LABEL$}{}", shown(value)).trim_end());
        self.text.push('\n');
    }

    fn tls(&mut self, tls: &TlsReport) {
        if let Some(version) = &tls.version {
            let all = [version.as_str(), &tls.cipher, &tls.group];
            let all: Vec<&str> = all.into_iter().filter(|word| !word.is_empty()).collect();
            self.line("TLS", &all.join(" "));
        }
        self.line(
            "certificate",
            &format!("of {}: {}", tls.name, tls.judgement),
        );
        for der in &tls.chain {
            let Some(read) = Certificate::read(der) else {
                self.line("certificate", "unreadable");
                continue;
            };
            self.line(
                "certificate",
                &format!("{}, issued by {}", read.subject, read.issuer),
            );
            if !read.names.is_empty() {
                self.line("certificate", &format!("  for {}", some_of(&read.names)));
            }
            let dates = format!(
                "  from {} to {}",
                date(read.not_before),
                date(read.not_after)
            );
            self.line("certificate", &dates);
            self.line("certificate", &format!("  sha256:{}", read.sha256));
            self.line("certificate", &format!("  key sha256:{}", read.key_sha256));
        }
        if let Some(days) = tls.days_left() {
            self.line("certificate", &format!("{days} days left"));
        }
    }
}

fn mechanisms(probe: &ProbeResult) -> String {
    let of = |offered: &Option<Vec<String>>| {
        let words = session::parameters(offered.as_ref()?, "auth");
        words.map(|words| words.join(" "))
    };
    match (of(&probe.in_clear), of(&probe.in_tls)) {
        (None, None) => "none".to_owned(),
        (Some(clear), None) => format!("{clear} (plaintext)"),
        (None, Some(tls)) => format!("{tls} (TLS only)"),
        (Some(clear), Some(tls)) => format!("{tls} (over TLS), {clear} (plaintext)"),
    }
}

fn size(probe: &ProbeResult) -> String {
    let words = session::parameters(probe.offered(), "size");
    let limit = words.map(|words| words.first().and_then(|word| word.parse::<u64>().ok()));
    match limit {
        None => "not offered".to_owned(),
        Some(None | Some(0)) => "no limit".to_owned(),
        #[allow(clippy::cast_precision_loss)] // One decimal is shown.
        Some(Some(limit)) => format!("{limit} ({:.1} MB)", limit as f64 / 1e6),
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

/// The report as JSON.
fn object(probe: &ProbeResult, findings: &[ExpectationResult], exit: Exit) -> Value {
    let steps: Vec<Value> = probe
        .steps
        .iter()
        .map(|step| {
            let ms = (step.took.as_secs_f64() * 1e6).round() / 1e3;
            json!({"step": step.stage.name(), "ms": ms})
        })
        .collect();
    let expected: Vec<Value> = findings
        .iter()
        .map(
            |finding| json!({"expected": finding.text, "met": finding.met, "found": finding.found}),
        )
        .collect();
    let server = probe.server.as_ref();
    json!({
        "host": server.map(|server| server.host.clone()),
        "ip": server.and_then(|server| server.address.ip()).map(|ip| ip.to_string()),
        "port": server.and_then(|server| server.address.port()),
        "banner": probe.banner,
        "in_clear": probe.in_clear,
        "tls": probe.tls.as_ref().map(tls_object),
        "in_tls": probe.in_tls,
        "auth": session::parameters(probe.offered(), "auth"),
        "size": session::parameters(probe.offered(), "size")
            .and_then(|words| words.first().and_then(|word| word.parse::<u64>().ok())),
        "login": probe.login,
        "steps": steps,
        "expected": expected,
        "failure": probe.explanation(),
        "exit": exit.code(),
    })
}

fn tls_object(tls: &TlsReport) -> Value {
    let chain: Vec<Value> = tls
        .chain
        .iter()
        .map(|der| certificate_fields(der))
        .collect();
    json!({
        "version": tls.version,
        "cipher": tls.cipher,
        "group": tls.group,
        "name": tls.name,
        "verified": tls.verified,
        "judgement": tls.judgement,
        "days_left": tls.days_left(),
        "chain": chain,
    })
}
