//! MTA-STS: what postfix-mta-sts-resolver finds, and what is left of the cache when the program is killed.

use crate::authority::Authority;
use crate::network;
use crate::parts;
use crate::policy_host::{PolicyHost, ok};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

const ORACLE: &str = "/opt/mta-sts/bin/python3";

/// A certificate for these names; the CA is `ca.pem` in the directory.
pub fn certificate(directory: &Path, names: Vec<String>) -> Arc<ServerConfig> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "ehlo's test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(directory.join("ca.pem"), ca.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(names).unwrap();
    let leaf = params.signed_by(&key, &ca).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    Arc::new(
        builder
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap(),
    )
}

/// A domain, what it publishes, and where the oracle finds something else.
struct Case {
    /// TXT records; `SERVFAIL`: the DNS fails.
    records: &'static [&'static str],
    response: String,
    /// What ehlo finds instead, and why.
    differs: Option<(&'static str, &'static str)>,
}

fn case(records: &'static [&'static str], response: String) -> Case {
    Case {
        records,
        response,
        differs: None,
    }
}

const RECORD: &[&str] = &["v=STSv1;id=1;"];

const GOOD: &str =
    "version: STSv1\nmode: enforce\nmx: a.example\nmx: *.example.net\nmax_age: 86400\n";

fn cases() -> Vec<Case> {
    let text = |policy: &str| case(RECORD, ok(policy));
    let raw = |head: &str| {
        let length = GOOD.len();
        case(
            RECORD,
            format!("{head}\r\nContent-Length: {length}\r\n\r\n{GOOD}"),
        )
    };
    let other = |case: Case, found, why| Case {
        differs: Some((found, why)),
        ..case
    };
    vec![
        text(GOOD),
        case(&["v=STSv1;id=1"], ok(GOOD)),
        case(&[], ok(GOOD)),
        case(&["v=spf1"], ok(GOOD)),
        case(&["v=spf1", "v=STSv1;id=1;"], ok(GOOD)),
        case(&["v=STSv1;id=1;", "v=STSv1;id=2;"], ok(GOOD)),
        case(&["v=STSv1;"], ok(GOOD)),
        case(&["v=STSv2;id=1;"], ok(GOOD)),
        case(&["SERVFAIL"], ok(GOOD)),
        other(case(&["v=STSv1;id=a-b;"], ok(GOOD)), "NONE", "an id is alphanumeric (RFC 8461 §3.1)"),
        text(&GOOD.replace('\n', "\r\n")),
        text(&GOOD.replace(": ", ":")),
        text(&GOOD.replace("enforce", "testing")),
        text(&GOOD.replace("enforce", "none")),
        text("version: STSv1\nmode: none\nmax_age: 1\n"),
        text("mode: enforce\nmx: a.example\nmax_age: 1\nversion: STSv1\n"),
        text("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\nx: y\n\n"),
        text("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 0\n"),
        text("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 31557600\n"),
        other(
            text("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 31557601\n"),
            "VALID enforce 31557600 a.example",
            "a longer lifetime is that of a year",
        ),
        text("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n"),
        text("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1d\n"),
        text("version: STSv1\nmode: enforce\nmx: a.example\n"),
        text("version: STSv1\nmode: enforce\nmax_age: 1\n"),
        text("version: STSv1\nmx: a.example\nmax_age: 1\n"),
        text("mode: enforce\nmx: a.example\nmax_age: 1\n"),
        text("version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n"),
        text("version: STSv1\nmode: report\nmx: a.example\nmax_age: 1\n"),
        other(
            text("Version: STSv1\nMode: Enforce\nMX: a.example\nMax_Age: 1\n"),
            "VALID enforce 1 a.example",
            "the case of keys and of the mode does not matter",
        ),
        other(
            text("version: STSv1\nmode: enforce\nmode: none\nmx: a.example\nmax_age: 1\n"),
            "VALID enforce 1 a.example",
            "the first of repeated fields counts (RFC 8461 §3.2)",
        ),
        other(
            text("version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n"),
            "FETCH_ERROR",
            "a pattern that is not valid cannot match",
        ),
        text("<html>"),
        text(""),
        raw("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain"),
        raw("HTTP/1.1 204 No Content\r\nContent-Type: text/plain"),
        raw("HTTP/1.1 301 Moved\r\nLocation: https://mta-sts.case0.test/.well-known/mta-sts.txt\r\nContent-Type: text/plain"),
        raw("HTTP/1.1 200 OK\r\nContent-Type: text/html"),
        raw("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream"),
        raw("HTTP/1.1 200 OK"),
        raw("HTTP/1.1 200 OK\r\nContent-Type: TEXT/Plain ; charset=us-ascii"),
        case(RECORD, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 900\r\n\r\nversion: STSv1\n".to_owned()),
        case(RECORD, format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{GOOD}\r\n0\r\n\r\n", GOOD.len())),
        case(RECORD, format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99999999\r\n\r\n{GOOD}flood")),
        case(RECORD, "garbage\r\n\r\n".to_owned()),
    ]
}

/// The DNS of these domains.
fn zone(cases: &[Case]) -> Authority {
    let mut lines = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        lines.push(format!("mta-sts.case{at}.test A 127.0.0.2"));
        lines.extend(
            case.records
                .iter()
                .map(|record| format!("_mta-sts.case{at}.test TXT {record}")),
        );
    }
    Authority::serve(&lines)
}

fn ehlo(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
    command
        .args(arguments)
        .env_clear()
        .env("SSL_CERT_FILE", directory.join("ca.pem"))
        .env("EHLO_CACHE_DIR", directory.join("cache"));
    command
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What a line of `ehlo policy refresh --json` says, in the words of the oracle.
fn found(line: &str) -> String {
    let object: Value = serde_json::from_str(line).unwrap();
    if let Some(error) = object["error"].as_str() {
        let is_missing = error.starts_with("there is no valid TXT record");
        return if is_missing { "NONE" } else { "FETCH_ERROR" }.to_owned();
    }
    let patterns = object["mx"].as_array().unwrap().iter();
    let patterns: Vec<&str> = patterns.map(|pattern| pattern.as_str().unwrap()).collect();
    let mode = object["mode"].as_str().unwrap();
    format!("VALID {mode} {} {}", object["max_age"], patterns.join(","))
}

#[test]
fn policies_are_found_as_postfix_mta_sts_resolver_finds_them() {
    if !parts::has(ORACLE) || !network::enter() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let cases = cases();
    let names: Vec<String> = (0..cases.len())
        .map(|at| format!("case{at}.test"))
        .collect();
    let hosts = names.iter().map(|name| format!("mta-sts.{name}")).collect();
    let dns = zone(&cases);
    let responses: Vec<String> = cases.iter().map(|case| case.response.clone()).collect();
    let _web = PolicyHost::start(certificate(home.path(), hosts), move |request, _| {
        let request = request.to_ascii_lowercase();
        let host = request.split("host: mta-sts.case").nth(1);
        // A client may leave without a request.
        host.map_or_else(String::new, |host| {
            let number = host.split('.').next().unwrap();
            responses[number.parse::<usize>().unwrap()].clone()
        })
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/readers/sts.py");
    let oracle = Command::new(ORACLE)
        .args([script, &dns.address.port().to_string()])
        .args(&names)
        .env("SSL_CERT_FILE", home.path().join("ca.pem"))
        .output()
        .unwrap();
    let theirs = lines(&oracle);
    assert_eq!(
        theirs.len(),
        cases.len(),
        "{}",
        String::from_utf8_lossy(&oracle.stderr)
    );
    let resolver = dns.address.to_string();
    let refresh = ["policy", "refresh", "--json", "--dns", &resolver];
    let ours = ehlo(home.path(), &refresh).args(&names).output().unwrap();
    let ours: Vec<String> = lines(&ours).iter().map(|line| found(line)).collect();
    assert_eq!(ours.len(), cases.len());
    eprintln!("{}", String::from_utf8_lossy(&oracle.stderr));
    for (at, case) in cases.iter().enumerate() {
        let what = format!("{at}: {:?} {}", case.records, case.response);
        match case.differs {
            None => assert_eq!(ours[at].trim_end(), theirs[at].trim_end(), "{what}"),
            Some((expected, why)) => {
                assert_eq!(ours[at], expected, "{what}: {why}");
                assert_ne!(ours[at], theirs[at], "{what}");
            }
        }
    }
}

/// The system calls of a refresh, at each of which it is killed once.
const CALLS: [&str; 6] = [
    "openat",
    "write",
    "fdatasync",
    "renameat",
    "renameat2",
    "close",
];

#[test]
fn cache_is_whole_wherever_a_refresh_is_killed() {
    let strace = &mut Command::new("strace");
    if !parts::works(strace.args(["-o", "/dev/null", "true"]), "strace") || !network::enter() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let dns = Authority::serve(&[
        "mta-sts.example.test A 127.0.0.2",
        "_mta-sts.example.test TXT v=STSv1;id=1;",
    ]);
    let config = certificate(home.path(), vec!["mta-sts.example.test".to_owned()]);
    let _web = PolicyHost::start(config, |_, at| {
        ok(&GOOD.replace("86400", &(86_400 + at).to_string()))
    });
    let resolver = dns.address.to_string();
    let refresh = ["policy", "refresh", "--dns", &resolver, "example.test"];
    assert!(ehlo(home.path(), &refresh).status().unwrap().success());
    let mut kills = 0;
    for call in CALLS {
        for number in 1.. {
            let change = format!("inject={call}:signal=KILL:when={number}");
            let program = ehlo(home.path(), &refresh);
            let mut traced = Command::new("strace");
            traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &change]);
            traced
                .arg(program.get_program())
                .args(program.get_args())
                .env_clear();
            traced.envs(
                program
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
            let is_killed = !traced.output().unwrap().status.success();
            let list = ehlo(home.path(), &["policy", "list"]).output().unwrap();
            assert!(list.status.success(), "{call} {number}: {list:?}");
            assert!(
                lines(&list)[1].starts_with("example.test          enforce"),
                "{call} {number}: {list:?}"
            );
            if !is_killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 10, "{kills}");
}
