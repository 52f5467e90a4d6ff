//! The TLS handshake, and what is shown of it.

use crate::cli::standins::swaks::certificate;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::is_true;
use crate::cli::standins::swaks::printer::Printer;
use crate::cli::standins::swaks::talk::Talk;
use crate::cli::standins::swaks::tls_options::TlsPlan;
use crate::client::wire::tls::{ChainFault, Suite, TestHandshake, TestTls, TestTlsError};
use crate::system::text::reason;
use crate::transcript::swaks::cipher;
use std::fs;

/// The cipher suites of TLS 1.2 that rustls has.
const SUITES: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Encrypts the connection, and shows the certificates.
///
/// # Errors
/// There is no TLS, or the certificate is not the demanded one. In words.
pub fn handshake(talk: &mut Talk<'_>) -> Result<(), String> {
    let plan = &talk.plan.tls;
    if talk.has_unread() {
        return Err("received plaintext data before the handshake".to_owned());
    }
    let options = options(plan, talk.printer)?;
    let limit = talk.limit();
    let found = talk.wire.secure_for_test(&options, limit);
    let found = found.map_err(|error| words(error, plan))?;
    talk.is_tls = true;
    talk.printer.is_tls = true;
    let target = match plan.verify_target.as_str() {
        "" => talk.plan.link.server.clone(),
        target => target.to_owned(),
    };
    let report = Report {
        found: &found,
        is_host_verified: is_host_verified(&found, &target),
        target,
    };
    report.show(talk.printer);
    show_certificates(plan, &found, talk.printer);
    match report.refusal(plan) {
        Some(why) => Err(format!("connect(): {why}")),
        None => Ok(()),
    }
}

fn options(plan: &TlsPlan, printer: &mut Printer) -> Result<TestTls, String> {
    let files = [&plan.cert, &plan.chain].into_iter();
    let files = files
        .filter(|file| is_true(file))
        .map(|file| octets::path(file));
    let text = |text: &String| is_true(text).then(|| octets::utf8(text));
    let suites = text(&plan.cipher).map(|list| suites(&list, plan, printer));
    Ok(TestTls {
        allows_12: plan.allows("TLSv1_2"),
        allows_13: plan.allows("TLSv1_3"),
        suites_12: suites.transpose()?,
        sni: text(&plan.sni),
        cas: is_true(&plan.ca_path).then(|| octets::path(&plan.ca_path)),
        identity: is_true(&plan.key).then(|| (files.collect(), octets::path(&plan.key))),
    })
}

/// The suites of a list in OpenSSL's format. Names that rustls does not have are reported, unless they are all, which
/// is an error of the handshake. A list without any name of OpenSSL is an error, as it is there.
fn suites(list: &str, plan: &TlsPlan, printer: &mut Printer) -> Result<Vec<String>, String> {
    let mut suites: Vec<&str> = Vec::new();
    let mut unknown = Vec::new();
    for item in list.split([':', ',', ' ']).filter(|item| !item.is_empty()) {
        let (name, is_removed) = match item.strip_prefix(['!', '-']) {
            Some(name) => (name, true),
            None => (item.strip_prefix('+').unwrap_or(item), false),
        };
        let named: Vec<&str> = SUITES
            .into_iter()
            .filter(|suite| is_named(suite, name))
            .collect();
        if is_removed {
            suites.retain(|suite| !named.contains(suite));
        } else if named.is_empty() {
            unknown.push(name);
        } else {
            suites.extend(named);
        }
    }
    if suites.is_empty() && !unknown.iter().any(|name| is_of_openssl(name)) {
        return Err(format!(
            "Unable to set cipher list to {list}: error:0A0000B9:SSL routines::no cipher match"
        ));
    }
    if !suites.is_empty() || plan.allows("TLSv1_3") {
        for name in unknown {
            printer.error(&format!(
                "{name} in --tls-cipher is not a known/supported cipher"
            ));
        }
    }
    Ok(suites.into_iter().map(str::to_owned).collect())
}

/// Names of several suites in OpenSSL that rustls has not.
const OTHER_GROUPS: [&str; 12] = [
    "COMPLEMENTOFDEFAULT",
    "MEDIUM",
    "KRSA",
    "KDHE",
    "DHE",
    "EDH",
    "PSK",
    "SHA",
    "SHA1",
    "AESCCM",
    "CAMELLIA",
    "ARIA",
];

/// True for a suite or a group of suites that OpenSSL has, and rustls has not.
fn is_of_openssl(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let is_it = |suite: Suite| {
        let own = suite.openssl_name();
        own.is_some_and(|own| own == name) || suite.name().is_some_and(|own| own == name)
    };
    OTHER_GROUPS.contains(&upper.as_str()) || Suite::all().any(is_it)
}

/// True if a name of OpenSSL means this suite, alone or with others.
fn is_named(suite: &str, name: &str) -> bool {
    let (own, _) = cipher(suite);
    match name.to_ascii_uppercase().as_str() {
        "ALL" | "DEFAULT" | "HIGH" | "ECDHE" | "EECDH" | "KECDHE" => true,
        "AES" => own.contains("-AES"),
        "AESGCM" => own.contains("-GCM-"),
        "AES128" => own.contains("-AES128-"),
        "AES256" => own.contains("-AES256-"),
        "CHACHA20" => own.contains("-CHACHA20-"),
        "ECDSA" | "AECDSA" => own.contains("-ECDSA-"),
        "RSA" | "ARSA" => own.contains("-RSA-"),
        name => name == own || name == suite,
    }
}

/// The error, as OpenSSL words it where it has the same one.
fn words(error: TestTlsError, plan: &TlsPlan) -> String {
    let words = match error {
        TestTlsError::NoCiphers => "error:0A0000B5:SSL routines::no ciphers available".to_owned(),
        TestTlsError::NotTls => "error:0A00010B:SSL routines::wrong version number".to_owned(),
        TestTlsError::Alert(number, name) => {
            let code = 0x0a00_03e8 + u32::from(number);
            format!("error:{code:08X}:SSL routines::{}", alert(number, &name))
        }
        TestTlsError::Other(words) if words.starts_with("Unable to ") => return words,
        TestTlsError::Other(words) if words.contains("ServerDoesNotSupportTls") => {
            let allowed = plan.protocols.join(", ");
            format!("error:0A000102:SSL routines::unsupported protocol (requested: {allowed})")
        }
        TestTlsError::Other(words) => words,
    };
    format!("connect(): {words}")
}

/// OpenSSL's name of an alert (RFC 8446 §6).
fn alert(number: u8, name: &str) -> String {
    let known = match number {
        10 => "sslv3 alert unexpected message",
        20 => "sslv3 alert bad record mac",
        40 => "sslv3 alert handshake failure",
        42 => "sslv3 alert bad certificate",
        43 => "sslv3 alert unsupported certificate",
        44 => "sslv3 alert certificate revoked",
        45 => "sslv3 alert certificate expired",
        46 => "sslv3 alert certificate unknown",
        47 => "sslv3 alert illegal parameter",
        48 => "tlsv1 alert unknown ca",
        49 => "tlsv1 alert access denied",
        50 => "tlsv1 alert decode error",
        51 => "tlsv1 alert decrypt error",
        70 => "tlsv1 alert protocol version",
        71 => "tlsv1 alert insufficient security",
        80 => "tlsv1 alert internal error",
        112 => "tlsv1 unrecognized name",
        116 => "tlsv13 alert certificate required",
        _ => return format!("alert {name}"),
    };
    known.to_owned()
}

fn is_host_verified(found: &TestHandshake, target: &str) -> bool {
    let own = found.chain.first();
    is_true(target) && own.is_some_and(|own| certificate::is_for(own, &octets::utf8(target)))
}

/// The result of a handshake.
struct Report<'a> {
    found: &'a TestHandshake,
    /// The host that the certificate is compared with; empty: none.
    target: String,
    is_host_verified: bool,
}

impl Report<'_> {
    fn show(&self, printer: &mut Printer) {
        let found = self.found;
        let (name, bits) = cipher(found.cipher);
        let version = found.version;
        printer.info(&format!("TLS started with cipher {version}:{name}:{bits}"));
        let is_requested = found.is_certificate_requested;
        let is_sent = is_requested && !found.own_chain.is_empty();
        let not = |is_it: bool| if is_it { "" } else { "not " };
        printer.info(&format!(
            "TLS client certificate {}requested and {}sent",
            not(is_requested),
            not(is_sent)
        ));
        if found.own_chain.is_empty() {
            printer.info("TLS no client certificate set");
        }
        show_chain("client", &found.own_chain, printer);
        show_chain("peer", &found.chain, printer);
        let ca = match self.chain_fault() {
            None => "passed CA verification".to_owned(),
            Some(fault) => format!("failed CA verification ({fault})"),
        };
        let host = if self.is_host_verified {
            "passed"
        } else {
            "failed"
        };
        let target = match self.target.as_str() {
            "" => "no host string available to verify".to_owned(),
            target => format!("using host {target} to verify"),
        };
        printer.info(&format!(
            "TLS peer certificate {ca}, {host} host verification ({target})"
        ));
    }

    /// The reason to end the session, if what is wrong was to be verified.
    fn refusal(&self, plan: &TlsPlan) -> Option<String> {
        let fault = self.chain_fault();
        let is_refused =
            plan.verifies_ca && fault.is_some() || plan.verifies_host && !self.is_host_verified;
        let chain = fault.map(|fault| format!("certificate verification failed ({fault})"));
        let host = (!self.is_host_verified).then(|| match self.target.as_str() {
            "" => "no host available for host verification".to_owned(),
            target => format!("server certificate did not match target host {target}"),
        });
        let faults: Vec<String> = chain.into_iter().chain(host).collect();
        is_refused.then(|| faults.join(", "))
    }

    /// The fault of the chain in OpenSSL's words.
    fn chain_fault(&self) -> Option<&'static str> {
        let chain = &self.found.chain;
        let is_self_signed =
            |der: Option<&Vec<u8>>| der.is_some_and(|der| certificate::is_self_signed(der));
        Some(match self.found.chain_fault? {
            ChainFault::Expired => "certificate has expired",
            ChainFault::NotYetValid => "certificate is not yet valid",
            ChainFault::UnknownIssuer if is_self_signed(chain.first()) => "self-signed certificate",
            ChainFault::UnknownIssuer if is_self_signed(chain.last()) => {
                "self-signed certificate in certificate chain"
            }
            ChainFault::UnknownIssuer => "unable to get local issuer certificate",
        })
    }
}

fn show_chain(side: &str, chain: &[Vec<u8>], printer: &mut Printer) {
    for (place, der) in chain.iter().enumerate() {
        for line in certificate::lines(&format!("{side}[{place}]"), der) {
            printer.info(&line);
        }
    }
}

/// Shows or writes the certificates, as requested.
fn show_certificates(plan: &TlsPlan, found: &TestHandshake, printer: &mut Printer) {
    let own = found.chain.get(..1).unwrap_or_default();
    for (place, chain) in [
        (&plan.get_peer_cert, own),
        (&plan.get_peer_chain, &found.chain),
    ] {
        let pems: Vec<String> = chain.iter().map(|der| certificate::pem(der)).collect();
        let text = pems.join("\n");
        if place == "STDOUT" {
            printer.info(&text);
        } else if is_true(place)
            && let Err(error) = fs::write(octets::path(place), text + "\n")
        {
            let why = reason(&error);
            printer.error(&format!("Couldn't open {place} for writing: {why}"));
        }
    }
}
