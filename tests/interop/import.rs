//! `ehlo config import` beside the programs whose configurations it reads. Each sample of `tests/import/` is used by its
//! program and, imported, by ehlo, in a namespace with the usual ports and a CA of its own (`import.sh`). Both must
//! send the same.

use crate::parts::{has, skip, works};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

/// Samples by format, and the program that reads them.
const PROGRAMS: [(&str, &str); 7] = [
    ("msmtprc", "/usr/bin/msmtp"),
    ("ssmtp", "/opt/ssmtp/usr/sbin/ssmtp"),
    ("nullmailer", "/opt/nullmailer/usr/sbin/nullmailer-send"),
    ("dma", "/opt/dma/usr/sbin/dma"),
    ("muttrc", "/usr/bin/mutt"),
    ("mailrc", "/usr/bin/s-nail"),
    ("swaksrc", "/usr/bin/swaks"),
];

/// Differences that are intended: format, property, and the start of the value of the program.
const INTENDED: [(&str, &str, &str); 5] = [
    // sendmail has its own options for DSN; a comment of the import says so.
    ("msmtprc", "parameters", "[String(\"RET="),
    (
        "msmtprc",
        "recipients",
        "[{\"address\":\"bob@hamburger.edu\",\"parameters\":[\"NOTIFY",
    ),
    // With FromLineOverride, ssmtp takes the sender from the header; a comment of the import says so.
    ("ssmtp", "sender", "alice@crepes.fr"),
    // swaks has a subject and a text by default.
    ("swaksrc", "subject", "test "),
    ("swaksrc", "body", "This is a test mailing"),
];

/// Properties of a message on the wire.
type Sent = Vec<(&'static str, String)>;

fn samples(format: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import")
        .join(format);
    let mut all: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

/// The messages of one of the programs: the events before or after a place in each file.
fn sent(directory: &Path, is_original: bool) -> Vec<Sent> {
    let mut all = Vec::new();
    for port in ["25", "2525", "587", "465"] {
        let lines = |name: &str| -> Vec<Value> {
            let text = fs::read_to_string(directory.join(format!("{name}.{port}"))).unwrap();
            let lines = text.lines().map(serde_json::from_str);
            lines.map(Result::unwrap).collect()
        };
        let count = lines("original").len();
        let (mut first, second) = (lines("events"), lines("events").split_off(count));
        first.truncate(count);
        let events = if is_original { first } else { second };
        for message in events.iter().filter(|event| event["event"] == "message") {
            all.push(properties(port, message, &events));
        }
    }
    all
}

fn properties(port: &str, message: &Value, events: &[Value]) -> Sent {
    let same = |event: &&Value| event["connection"] == message["connection"];
    let of_kind = |kind: &str| {
        events
            .iter()
            .filter(same)
            .find(|event| event["event"] == kind)
    };
    let is_own = |parameter: &&Value| {
        let text = parameter.as_str().unwrap();
        !text.starts_with("SIZE") && !text.starts_with("BODY")
    };
    let parameters = message["parameters"].as_array().unwrap().iter();
    let parameters: Vec<&Value> = parameters.filter(is_own).collect();
    let raw = fs::read(message["path"].as_str().unwrap()).unwrap();
    let raw = String::from_utf8(raw).unwrap().replace("\r\n", "\n");
    let (header, body) = raw.split_once("\n\n").unwrap();
    let field = |name: &str| {
        let found = header.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().trim().to_owned()
    };
    let auth = of_kind("auth").map(|auth| format!("{} {}", auth["user"], auth["accepted"]));
    vec![
        ("port", port.to_owned()),
        ("tls", of_kind("tls").is_some().to_string()),
        ("login", auth.unwrap_or_default()),
        (
            "sender",
            message["from"].as_str().unwrap_or("<>").to_owned(),
        ),
        ("parameters", format!("{parameters:?}")),
        ("recipients", message["recipients"].to_string()),
        ("from", address(&field("From:"))),
        ("to", address(&field("To:"))),
        ("subject", field("Subject:")),
        ("body", body.trim().to_owned()),
    ]
}

/// The address of a field, without a name: mutt adds that of the user.
fn address(field: &str) -> String {
    let inside = field.rsplit('<').next().unwrap_or_default();
    inside.trim_end_matches('>').to_owned()
}

fn compare(format: &str, sample: &Path) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["-m", "-n", "-u", "--pid", "--fork", "--kill-child"])
        .args(["timeout", "60", "sh"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/import.sh"))
        .args([env!("CARGO_BIN_EXE_ehlo"), format])
        .args([sample, directory.path()])
        .status()
        .unwrap();
    let logs = || -> String {
        let names = ["import.log", "original.log", "ehlo.log"].iter();
        let texts = names.filter_map(|name| fs::read_to_string(directory.path().join(name)).ok());
        texts.collect()
    };
    if !status.success() {
        return Err(format!("{status}\n{}", logs()));
    }
    let (original, own) = (sent(directory.path(), true), sent(directory.path(), false));
    let ([original], [own]) = (&original[..], &own[..]) else {
        let counts = (original.len(), own.len());
        return Err(format!("{counts:?} messages\n{}", logs()));
    };
    let differs = |((name, right), (_, found)): (&(&str, String), &(&str, String))| {
        let is_intended = INTENDED
            .iter()
            .any(|(of, what, start)| *of == format && what == name && right.starts_with(start));
        (right != found && !is_intended).then(|| format!("{name}: {right} and {found}"))
    };
    let all: Vec<String> = original.iter().zip(own).filter_map(differs).collect();
    if all.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}", all.join("\n"), logs()))
}

#[test]
fn imported_profiles_send_what_the_programs_send() {
    let mut probe = Command::new("unshare");
    probe.args(["-m", "-n", "-u", "sh", "-c"]);
    probe.arg("ip link set lo up && hostname test && command -v openssl timeout");
    if !rustix::process::getuid().is_root() {
        return skip("namespaces for a host of the test's own want root");
    }
    if !works(&mut probe, "unshare, ip or openssl") {
        return;
    }
    let all = PROGRAMS.iter().filter(|(_, program)| has(program));
    let all = all.flat_map(|(format, _)| {
        let samples = samples(format).into_iter();
        samples.map(|sample| (*format, sample))
    });
    let pending: Mutex<Vec<(&str, PathBuf)>> = Mutex::new(all.collect());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = pending.lock().unwrap().pop();
                    let Some((format, sample)) = next else {
                        break;
                    };
                    if let Err(why) = compare(format, &sample) {
                        let text = format!("{}: {why}", sample.display());
                        failures.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
