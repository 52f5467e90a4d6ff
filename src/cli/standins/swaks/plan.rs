//! A run with every default decided. The order of the steps is that of swaks, because some ask the user, read the
//! standard input or end the run.

use crate::cli::standins::swaks::additions::Additions;
use crate::cli::standins::swaks::auth_options::{self, AuthOutcome, AuthUse};
use crate::cli::standins::swaks::command_line::{self, DumpParts};
use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::identity::Identity;
use crate::cli::standins::swaks::link::{Link, LinkKind, Place, Protocol, ProtocolOption};
use crate::cli::standins::swaks::message::{self, Envelope};
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::is_true;
use crate::cli::standins::swaks::options::{Answer, Key, Prompt};
use crate::cli::standins::swaks::printer::{PrintOptions, Stop, Target};
use crate::cli::standins::swaks::proxy::ProxyPlan;
use crate::cli::standins::swaks::stages::{Stage, Stages};
use crate::cli::standins::swaks::tls_options::{TlsPlan, TlsUse};
use crate::cli::standins::swaks::xclient::XclientPlan;
use crate::client::route::AddressFamily;
use std::fs::File;
use std::sync::Arc;

/// The display of the time before a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLapse {
    None,
    Seconds,
    Milliseconds,
}

#[derive(Debug)]
pub struct Plan {
    /// The options as one command line.
    pub command_line: String,
    pub dump: Option<DumpParts>,
    pub dump_as_body: Option<DumpParts>,
    pub dumps_mail: bool,
    pub time_lapse: TimeLapse,
    pub shows_raw_text: bool,
    pub suppresses_data: bool,
    /// A file, or `STDOUT`.
    pub output_file: String,
    /// A file, or `STDERR`.
    pub error_file: String,
    pub link: Link,
    pub protocol: Protocol,
    pub stages: Stages,
    pub pipelines: bool,
    pub needs_prdr: bool,
    pub forces_getpwuid: bool,
    pub envelope: Envelope,
    pub helo: String,
    pub data: String,
    pub tls: TlsPlan,
    pub xclient: XclientPlan,
    pub proxy: Option<ProxyPlan>,
    pub auth: AuthOutcome,
    pub additions: Additions,
}

impl Plan {
    pub fn new(given: &mut Given, identity: &Identity) -> Result<Self, Stop> {
        let command_line = command_line::text(given);
        let (output_file, error_file) = open_output(given)?;
        given.printer.options = print_options(given);
        given.protects_prompt = given.flag(Key::ProtectPrompt);
        let dump = given.take(Key::Dump)?;
        let requested = RequestedSession::read(given)?;
        let stages = requested.stages;
        let mut peers = Peers::read(requested.place, stages, identity, given)?;
        let dump_as_body = dump_as_body(given)?;
        let data = message::data(&peers.envelope, dump_as_body.is_some(), identity, given)?;
        let protocol = requested.protocol.protocol;
        let tls = TlsPlan::read(requested.tls, given)?;
        peers
            .link
            .decide_port(protocol, tls.when.is_on_connect, given)?;
        let xclient = XclientPlan::read(given)?;
        let proxy = ProxyPlan::read(given)?;
        let auth = auth_options::read(&requested.auth, &peers.link.server, given)?;
        Ok(Self {
            command_line,
            dump: dump.map(|list| DumpParts::parse(&list)),
            dump_as_body,
            dumps_mail: given.flag(Key::DumpMail),
            time_lapse: requested.time_lapse,
            shows_raw_text: given.flag(Key::ShowRawText),
            suppresses_data: given.flag(Key::SuppressData),
            output_file,
            error_file,
            link: peers.link,
            protocol,
            stages,
            pipelines: given.flag(Key::Pipeline),
            needs_prdr: given.flag(Key::Prdr),
            forces_getpwuid: given.flag(Key::ForceGetpwuid),
            envelope: peers.envelope,
            helo: peers.helo,
            data,
            tls,
            xclient,
            proxy,
            auth,
            additions: peers.additions,
        })
    }
}

/// The options that are read before the sender and the recipients are known.
struct RequestedSession {
    place: Place,
    protocol: ProtocolOption,
    tls: TlsUse,
    auth: AuthUse,
    stages: Stages,
    time_lapse: TimeLapse,
}

impl RequestedSession {
    fn read(given: &mut Given) -> Result<Self, Stop> {
        let place = Place::read(given)?;
        let protocol = ProtocolOption::read(given)?;
        Ok(Self {
            place,
            protocol,
            tls: TlsUse::read(protocol, given),
            auth: AuthUse::read(protocol.has_auth, given),
            stages: Stages::read(given)?,
            time_lapse: time_lapse(given)?,
        })
    }
}

/// The sender, the recipients and the server.
struct Peers {
    envelope: Envelope,
    helo: String,
    link: Link,
    additions: Additions,
}

impl Peers {
    fn read(
        place: Place,
        stages: Stages,
        identity: &Identity,
        given: &mut Given,
    ) -> Result<Self, Stop> {
        let mut envelope = Envelope {
            from: sender(stages, identity, given)?,
            ..Envelope::default()
        };
        let (local_interface, local_port) = Link::local(given)?;
        let helo = helo(stages, identity, given)?;
        let (server, port) = place.server(given)?;
        let additions = Additions::read(given)?;
        let mut link = Link {
            kind: place.kind,
            server,
            other_servers: Vec::new(),
            port,
            local_interface,
            local_port,
            family: AddressFamily::Any,
            copy_routing: None,
            timeout: 0,
        };
        recipients(&mut envelope, stages, &link, given)?;
        let recipient = envelope.to.as_deref().unwrap_or_default();
        link.complete(recipient, additions.tries_all_mx, given)?;
        link.timeout = timeout(given)?;
        Ok(Self {
            envelope,
            helo,
            link,
            additions,
        })
    }
}

/// Opens the files for the output. The files are truncated.
fn open_output(given: &mut Given) -> Result<(String, String), Stop> {
    let both = given.take(Key::OutputFile)?;
    let for_errors = octets::true_or_none(given.take(Key::OutputFileStderr)?).or(both.clone());
    let for_output = octets::true_or_none(given.take(Key::OutputFileStdout)?).or(both);
    let (for_errors, for_output) = (
        octets::true_or_none(for_errors),
        octets::true_or_none(for_output),
    );
    if let Some(path) = &for_errors {
        given.printer.err = open(path, given)?;
    }
    if let Some(path) = &for_output {
        given.printer.out = if for_output == for_errors {
            given.printer.err.clone()
        } else {
            open(path, given)?
        };
    }
    let name = |path: Option<String>, default: &str| path.unwrap_or_else(|| default.to_owned());
    Ok((name(for_output, "STDOUT"), name(for_errors, "STDERR")))
}

fn open(path: &str, given: &mut Given) -> Result<Target, Stop> {
    if let Ok(file) = File::create(octets::path(path)) {
        return Ok(Target::File(Arc::new(file)));
    }
    let error = format!("Unable to open {path} for writing");
    Err(given.printer.stop(1, &error))
}

fn print_options(given: &Given) -> PrintOptions {
    let no_hints = given.flag(Key::NoHints);
    let silent = given.raw(Key::Silent).map(str::parse);
    PrintOptions {
        no_hints_send: no_hints || given.flag(Key::NoSendHints),
        no_hints_receive: no_hints || given.flag(Key::NoReceiveHints),
        no_hints_info: no_hints || given.flag(Key::NoInfoHints),
        hide_send: given.flag(Key::HideSend),
        hide_receive: given.flag(Key::HideReceive),
        hide_informational: given.flag(Key::HideInformational),
        hide_all: given.flag(Key::HideAll),
        silent: silent.and_then(Result::ok).unwrap_or_default(),
    }
}

fn time_lapse(given: &mut Given) -> Result<TimeLapse, Stop> {
    let Some(unit) = given.take(Key::ShowTimeLapse)? else {
        return Ok(TimeLapse::None);
    };
    match unit.chars().next() {
        None => Ok(TimeLapse::Milliseconds),
        Some('i' | 'I') => Ok(TimeLapse::Seconds),
        Some(_) => {
            let error = format!("Unknown argument '{unit}' to option show-time-lapse, exiting");
            Err(given.printer.stop(1, &error))
        }
    }
}

fn sender(stages: Stages, identity: &Identity, given: &mut Given) -> Result<String, Stop> {
    if let Some(from) = given.take_true(Key::From)? {
        return Ok(if from == "<>" { String::new() } else { from });
    }
    let is_unused = stages.server_only && !stages.has(Stage::Mail);
    if !is_true(identity.host()) && !is_unused {
        let error =
            "From string required but couldn't be determined automatically.  Please use --from";
        return Err(given.printer.stop(1, error));
    }
    let user = Identity::user(given.flag(Key::ForceGetpwuid));
    Ok(format!("{user}@{}", identity.host()))
}

fn helo(stages: Stages, identity: &Identity, given: &mut Given) -> Result<String, Stop> {
    if let Some(helo) = given.take_true(Key::Helo)? {
        return Ok(helo);
    }
    if !is_true(identity.host()) && !stages.has(Stage::Connect) {
        let error =
            "Helo string required but couldn't be determined automatically.  Please use --helo";
        return Err(given.printer.stop(1, error));
    }
    Ok(identity.host().to_owned())
}

/// Reads the recipients, and asks for one if the session needs it.
fn recipients(
    envelope: &mut Envelope,
    stages: Stages,
    link: &Link,
    given: &mut Given,
) -> Result<(), Stop> {
    envelope.to = given.take(Key::To)?;
    envelope.cc = given.take(Key::Cc)?;
    envelope.bcc = given.take(Key::Bcc)?;
    let has_recipient = envelope.to.as_deref().is_some_and(is_true);
    let has_server = is_true(&link.server) || link.kind != LinkKind::Inet;
    let is_unneeded = stages.server_only && has_server;
    if !(has_recipient || is_unneeded) {
        let prompt = Prompt {
            text: "To: ",
            answer: Answer::NotEmpty,
            is_secret: false,
        };
        envelope.to = Some(given.ask(prompt)?);
    }
    Ok(())
}

fn timeout(given: &mut Given) -> Result<u64, Stop> {
    let text = given
        .take(Key::Timeout)?
        .unwrap_or_else(|| "30s".to_owned());
    let (digits, unit) = match text.strip_suffix(['h', 'H', 'm', 'M', 's', 'S']) {
        Some(digits) => (digits, text.chars().next_back()),
        None => (text.as_str(), None),
    };
    let factor = match unit {
        Some('h' | 'H') => 3600,
        Some('m' | 'M') => 60,
        _ => 1,
    };
    if Answer::Time.accepts(&text) {
        let number: u64 = digits.parse().unwrap_or(u64::MAX);
        return Ok(number.saturating_mul(factor));
    }
    let error = format!("Unknown timeout format '{text}'");
    Err(given.printer.stop(1, &error))
}

/// The parts of `--dump-as-body`.
fn dump_as_body(given: &mut Given) -> Result<Option<DumpParts>, Stop> {
    let list = given.take(Key::DumpAsBody)?;
    let list = list.or_else(|| given.flag(Key::DumpShowsPassword).then(String::new));
    Ok(list.map(|list| {
        let list = if is_true(&list) { list } else { String::new() };
        let kept = list
            .chars()
            .filter(|character| !character.is_ascii_whitespace());
        DumpParts::parse(&kept.collect::<String>())
    }))
}
