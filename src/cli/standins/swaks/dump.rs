//! The state of a run, for `--dump` and `--dump-as-body`.

use crate::cli::standins::swaks::auth_options::{AuthPlan, HIDDEN, shows_secrets};
use crate::cli::standins::swaks::command_line::{DumpParts, PASSWORD_PLACE, quoted};
use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::identity::{Identity, VERSION};
use crate::cli::standins::swaks::link::LinkKind;
use crate::cli::standins::swaks::message::DUMP_PLACE;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::encoded;
use crate::cli::standins::swaks::options::Key;
use crate::cli::standins::swaks::plan::{Plan, TimeLapse};
use crate::cli::standins::swaks::printer::Kind;
use crate::cli::standins::swaks::proxy::ProxyContent;
use crate::cli::standins::swaks::stages::Stage;
use crate::cli::standins::swaks::tls_options::{Demand, SUPPORTED};
use crate::client::route::AddressFamily;

/// What `--support` lists: all that swaks may have.
const CAPABILITIES: [&str; 16] = [
    "AUTH CRAM-MD5",
    "AUTH CRAM-SHA1",
    "AUTH DIGEST-MD5",
    "AUTH NTLM",
    "Basic AUTH",
    "Date Manipulation",
    "High Resolution Timing",
    "IPv4/v6 Socket Transport",
    "Legacy IPv4 Socket Transport",
    "Legacy IPv4/v6 Socket Transport",
    "Local Hostname Detection",
    "MX Routing",
    "Netrc Credentials",
    "Pipe Transport",
    "TLS",
    "UNIX Socket Transport",
];

/// The lines of `--support`.
pub fn support(given: &Given) -> Vec<String> {
    let lines = CAPABILITIES.iter();
    lines
        .map(|name| {
            given
                .printer
                .marked(Kind::Info, &format!("{name} supported"))
        })
        .collect()
}

/// What is shown of the plan.
pub struct Dump<'a> {
    pub plan: &'a Plan,
    pub identity: &'a Identity,
    pub given: &'a Given,
    /// True for `--dump-as-body`, which has neither the data nor the capabilities.
    pub is_body: bool,
}

/// Replaces the place for `--dump-as-body`. The password is shown only with `--dump-as-body-shows-password`.
pub fn replace_body(plan: &mut Plan, identity: &Identity, given: &Given) {
    let Some(parts) = plan.dump_as_body.take() else {
        return;
    };
    let dump = Dump {
        plan,
        identity,
        given,
        is_body: true,
    };
    let text = dump.text(&parts);
    let auth = plan.auth.plan.as_ref();
    let password = match auth {
        Some(auth) if given.flag(Key::DumpShowsPassword) => {
            octets::of_bytes(auth.password.expose())
        }
        _ => auth
            .and_then(|auth| auth.hidden.clone())
            .unwrap_or_else(|| HIDDEN.to_owned()),
    };
    let data = plan.data.replacen(DUMP_PLACE, &text, 1);
    plan.data = data.replace(PASSWORD_PLACE, &quoted(&password));
}

impl Dump<'_> {
    /// The text of `--dump`, with the password only if secrets are shown.
    pub fn with_password(&self, parts: &DumpParts) -> String {
        let auth = self.plan.auth.plan.as_ref();
        let password =
            auth.map_or_else(String::new, |auth| octets::of_bytes(auth.password.expose()));
        let shown = if shows_secrets() || password.is_empty() {
            password
        } else {
            HIDDEN.to_owned()
        };
        self.text(parts).replace(PASSWORD_PLACE, &quoted(&shown))
    }

    pub fn text(&self, parts: &DumpParts) -> String {
        let plan = self.plan;
        let mut sections: Vec<Vec<String>> = Vec::new();
        let mut add = |name: &str, lines: &dyn Fn() -> Vec<String>| {
            if parts.has(name) {
                sections.push(lines());
            }
        };
        if !self.is_body {
            add("SUPPORT", &|| support(self.given));
        }
        add("APP", &|| self.app());
        add("OUTPUT", &|| self.output());
        add("TRANSPORT", &|| transport(plan));
        add("PROTOCOL", &|| protocol(plan));
        add("XCLIENT", &|| xclient(plan));
        add("PROXY", &|| proxy_header(plan));
        add("TLS", &|| tls(plan));
        add("AUTH", &|| auth(plan));
        if !self.is_body {
            add("DATA", &|| {
                let head = ["DATA Info:", "  data = <<."].map(str::to_owned);
                head.into_iter().chain([plan.data.clone()]).collect()
            });
        }
        let sections: Vec<String> = sections
            .iter()
            .map(|lines| lines.join("\n") + "\n")
            .collect();
        sections.join("\n")
    }

    fn app(&self) -> Vec<String> {
        let Identity { name, program, .. } = self.identity;
        vec![
            "App Info:".to_owned(),
            format!("  X-Mailer = {name} v{VERSION} jetmore.org/john/code/swaks/"),
            format!("  Cmd Line = {program} {}", self.plan.command_line),
        ]
    }

    fn output(&self) -> Vec<String> {
        let (plan, options) = (self.plan, &self.given.printer.options);
        let time_lapse = match plan.time_lapse {
            TimeLapse::None => "FALSE",
            TimeLapse::Seconds => "TRUE (integer)",
            TimeLapse::Milliseconds => "TRUE (hires)",
        };
        let mut lines = vec!["Output Info:".to_owned()];
        let mut add = |name: &str, value: &str| lines.push(format!("  {name:<18} = {value}"));
        add("show_time_lapse", time_lapse);
        let flags = [
            ("show_raw_text", plan.shows_raw_text),
            ("suppress_data", plan.suppresses_data),
            ("protect_prompt", self.given.protects_prompt),
            ("no_hints_send", options.no_hints_send),
            ("no_hints_recv", options.no_hints_receive),
            ("no_hints_info", options.no_hints_info),
        ];
        for (name, flag) in flags {
            add(name, truth(flag));
        }
        add("silent", &options.silent.to_string());
        let flags = [
            ("dump_mail", plan.dumps_mail),
            ("hide_send", options.hide_send),
            ("hide_receive", options.hide_receive),
            ("hide_informational", options.hide_informational),
            ("hide_all", options.hide_all),
        ];
        for (name, flag) in flags {
            add(name, truth(flag));
        }
        // swaks shows its file handles here.
        let handles = "(GLOB(0x0),GLOB(0x0))";
        add("trans_fh_of", &format!("{} {handles}", plan.output_file));
        add("trans_fh_ef", &format!("{} {handles}", plan.error_file));
        lines
    }
}

fn truth(flag: bool) -> &'static str {
    if flag { "TRUE" } else { "FALSE" }
}

/// A heading, and lines of names and values.
fn section(heading: &str, width: usize, lines: &[(&str, &str)]) -> Vec<String> {
    let lines = lines
        .iter()
        .map(|(name, value)| format!("  {name:<width$} = {value}"));
    std::iter::once(heading.to_owned()).chain(lines).collect()
}

fn transport(plan: &Plan) -> Vec<String> {
    let link = &plan.link;
    let family = match link.family {
        AddressFamily::Any => "any",
        AddressFamily::V4 => "4",
        AddressFamily::V6 => "6",
    };
    let copy = link.copy_routing.as_deref().unwrap_or("FALSE");
    let lines: &[(&str, &str)] = match &link.kind {
        LinkKind::Inet => &[
            ("type", "socket-inet"),
            ("inet protocol", family),
            ("server", &link.server),
            ("port", &link.port),
            ("local interface", &link.local_interface),
            ("local port", &link.local_port),
            ("copy routing", copy),
        ],
        LinkKind::Unix(path) => &[("type", "socket-unix"), ("sockfile", path)],
        LinkKind::Pipe(command) => &[("type", "pipe"), ("process", command)],
    };
    section("Transport Info:", 15, lines)
}

fn protocol(plan: &Plan) -> Vec<String> {
    let stage = |stage: Option<Stage>| stage.map_or_else(String::new, |stage| stage.to_string());
    let stages = &plan.stages;
    section(
        "Protocol Info:",
        15,
        &[
            ("protocol", plan.protocol.name()),
            ("helo", &plan.helo),
            ("from", &plan.envelope.from),
            ("to", &plan.envelope.recipients()),
            ("force getpwuid", truth(plan.forces_getpwuid)),
            ("quit after", &stage(stages.quit_after)),
            ("drop after", &stage(stages.drop_after)),
            ("drop after send", &stage(stages.drop_after_send)),
            ("server_only", truth(stages.server_only)),
            ("timeout", &plan.link.timeout.to_string()),
            ("pipeline", truth(plan.pipelines)),
            ("prdr", truth(plan.needs_prdr)),
        ],
    )
}

fn xclient(plan: &Plan) -> Vec<String> {
    let xclient = &plan.xclient;
    if xclient.commands.is_empty() {
        return vec!["XCLIENT Info:".to_owned(), "  xclient = no".to_owned()];
    }
    let mut lines = section(
        "XCLIENT Info:",
        15,
        &[
            ("xclient", xclient.demand.word()),
            ("no_verify", truth(xclient.no_verify)),
            ("before starttls", truth(xclient.is_before_starttls)),
        ],
    );
    for (place, command) in xclient.commands.iter().enumerate() {
        let prefix = if place == 0 {
            "  strings         ="
        } else {
            "                   "
        };
        lines.push(format!("{prefix} XCLIENT {command}"));
    }
    lines
}

fn proxy_header(plan: &Plan) -> Vec<String> {
    let Some(header) = &plan.proxy else {
        return vec!["PROXY Info:".to_owned(), "  proxy = no".to_owned()];
    };
    let version = header.version.to_string();
    let first = [("proxy", "yes"), ("version", version.as_str())];
    let raw;
    let rest: &[(&str, &str)] = match &header.content {
        ProxyContent::Raw(text) => {
            raw = match header.version {
                1 => text.clone(),
                _ => encoded(&octets::bytes(text)),
            };
            &[("raw string", &raw)]
        }
        ProxyContent::Attributes(attributes) => &[
            ("family", &attributes.family),
            ("source", &attributes.source),
            ("source port", &attributes.source_port),
            ("dest", &attributes.dest),
            ("dest port", &attributes.dest_port),
            ("protocol", &attributes.protocol),
            ("command", &attributes.command),
        ],
    };
    section("PROXY Info:", 11, &[&first, rest].concat())
}

fn tls(plan: &Plan) -> Vec<String> {
    let tls = &plan.tls;
    if !tls.when.is_any() {
        return vec!["TLS / Encryption Info:".to_owned(), "  tls = no".to_owned()];
    }
    let when = match (tls.when.has_starttls, tls.when.demand) {
        (true, demand) => format!("starttls ({})", demand.word()),
        (false, _) => format!("starttls on connect ({})", Demand::Required.word()),
    };
    let verifies = match (tls.verifies_ca, tls.verifies_host) {
        (true, true) => "CA, HOST",
        (true, false) => "CA",
        (false, true) => "HOST",
        (false, false) => "FALSE",
    };
    section(
        "TLS / Encryption Info:",
        19,
        &[
            ("tls", &when),
            ("peer cert", &tls.get_peer_cert),
            ("peer chain", &tls.get_peer_chain),
            ("local cert", &tls.cert),
            ("local key", &tls.key),
            ("local chain", &tls.chain),
            ("local cipher list", &tls.cipher),
            ("ca path", &tls.ca_path),
            ("sni string", &tls.sni),
            ("verify server cert", verifies),
            ("verify target host", &tls.verify_target),
            ("available protocols", &SUPPORTED.join(", ")),
            ("requested protocols", &tls.protocols.join(", ")),
        ],
    )
}

fn auth(plan: &Plan) -> Vec<String> {
    let heading = "Authentication Info:";
    let Some(auth) = &plan.auth.plan else {
        return vec![heading.to_owned(), "  auth = no".to_owned()];
    };
    let extras = auth.extras.iter();
    let extras: Vec<String> = extras
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    section(
        heading,
        14,
        &[
            ("auth", plan.auth.demand.word()),
            ("username", &format!("'{}'", auth.user)),
            ("password", PASSWORD_PLACE),
            ("show plaintext", truth(auth.shows_plaintext)),
            ("hide password", auth.hidden.as_deref().unwrap_or("FALSE")),
            ("allowed types", &auth.types.join(", ")),
            ("extras", &extras.join(", ")),
            ("type map", &type_map(auth)),
        ],
    )
}

fn type_map(auth: &AuthPlan) -> String {
    let types = auth.map.aliases.iter();
    let lines: Vec<String> = types
        .map(|(name, aliases)| format!("{name} = {}", aliases.join(", ")))
        .collect();
    lines.join(&format!("\n{}", " ".repeat(19)))
}
