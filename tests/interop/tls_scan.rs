//! Scans of TLS against OpenSSL's `s_server` and real mail servers. `openssl s_client`, which tries each version
//! and cipher suite on its own, says what is right.

use crate::parts;
use crate::postfix::wait_for;
use crate::run::ehlo;
use crate::s_server::{Own, SServer, is_there};
use crate::submission::{Service, submission};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// Everything that OpenSSL still has.
const ALL: &str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";

const VERSIONS: [(&str, &str); 4] = [
    ("TLSv1.0", "-tls1"),
    ("TLSv1.1", "-tls1_1"),
    ("TLSv1.2", "-tls1_2"),
    ("TLSv1.3", "-tls1_3"),
];

type Suites = BTreeMap<String, BTreeSet<String>>;

fn output(arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The suites that OpenSSL can use in a version, by its own names.
fn usable(version: &str, list: &str) -> Vec<String> {
    let mut arguments = vec!["ciphers", "-s", version];
    if version == "-tls1_3" {
        let suites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:\
                      TLS_AES_128_CCM_8_SHA256";
        arguments.extend(["-ciphersuites", suites]);
    }
    arguments.push(list);
    let list = output(&arguments);
    let names = list.trim().split(':');
    let is_of =
        |name: &&str| !name.is_empty() && name.starts_with("TLS_") == (version == "-tls1_3");
    names.filter(is_of).map(str::to_owned).collect()
}

/// What `s_client` can negotiate there.
fn by_s_client(place: &str, more: &[&str]) -> Suites {
    let mut found = Suites::new();
    for (name, version) in VERSIONS {
        for suite in usable(version, ALL) {
            let list = format!("{suite}:@SECLEVEL=0");
            let only = match version {
                "-tls1_3" => ["-ciphersuites", &suite],
                _ => ["-cipher", &list],
            };
            let fixed = ["s_client", "-connect", place, version];
            let said = output(&[&fixed[..], &only, more].concat());
            if said.contains(&format!("Cipher is {suite}\n")) {
                found.entry(name.to_owned()).or_default().insert(suite);
            }
        }
    }
    found
}

/// What the scan says, and all of it.
fn by_scan(place: &str, more: &[&str]) -> (Suites, Value) {
    let fixed = [
        "probe",
        "--tls-scan",
        "--json",
        place,
        "--helo",
        "client.test",
    ];
    let ran = ehlo(Path::new("/"), &[&fixed[..], more].concat());
    let told: Value =
        serde_json::from_str(&ran.text()).unwrap_or_else(|_| panic!("{}", ran.stderr));
    let mut found = Suites::new();
    for version in told["versions"].as_array().unwrap() {
        assert!(!version["supported"].is_null(), "{told}");
        let suites = version["suites"].as_array().unwrap().iter();
        let names: BTreeSet<String> = suites
            .map(|suite| suite["openssl"].as_str().unwrap().to_owned())
            .collect();
        if !names.is_empty() {
            found.insert(version["version"].as_str().unwrap().to_owned(), names);
        }
    }
    (found, told)
}

/// A mail server in front of an `s_server`, which knows no STARTTLS.
fn smtp_before(server: &SServer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let behind = server.relay();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behind = behind.clone();
            thread::spawn(move || {
                let _ = relay(&stream, &behind);
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
    place
}

fn relay(mut client: &TcpStream, behind: &str) -> std::io::Result<()> {
    client.write_all(b"220 odd.test ESMTP\r\n")?;
    let mut lines = BufReader::with_capacity(1, client).lines();
    while let Some(line) = lines.next().transpose()? {
        match line.as_str() {
            "STARTTLS" => break,
            "QUIT" => return client.write_all(b"221 bye\r\n"),
            _ => client.write_all(b"250-odd.test\r\n250 STARTTLS\r\n")?,
        }
    }
    let server = TcpStream::connect(behind)?;
    client.write_all(b"220 go ahead\r\n")?;
    let (mut from_server, mut to_server) = (server.try_clone()?, server.try_clone()?);
    let (mut from_client, mut to_client) = (client.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let _ = copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = copy(&mut from_client, &mut to_server);
    let _ = server.shutdown(Shutdown::Both);
    let _ = back.join();
    Ok(())
}

fn both_keys() -> (Own, Own) {
    let ecdsa = Own::make("ec", &["-pkeyopt", "ec_paramgen_curve:P-256"]);
    (Own::make("rsa:2048", &[]), ecdsa)
}

/// An `s_server` with both keys and these options, behind STARTTLS.
fn s_server(options: &[&str]) -> (SServer, String) {
    let (rsa, ecdsa) = both_keys();
    let (certificate, key) = (ecdsa.certificate(), ecdsa.key());
    let keys = ["-dcert", &certificate, "-dkey", &key, "-naccept", "100000"];
    let server = SServer::start_silent(&rsa, &[&keys[..], options].concat());
    let place = smtp_before(&server);
    (server, place)
}

#[test]
fn every_suite_of_every_version_is_found() {
    if !is_there() {
        return;
    }
    let suites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:\
                  TLS_AES_128_CCM_8_SHA256";
    let (server, place) = s_server(&["-cipher", ALL, "-ciphersuites", suites]);
    // It serves one client at a time.
    let (found, told) = by_scan(&place, &["--connections", "1"]);
    assert_eq!(found, by_s_client(&server.relay(), &[]));
    assert_eq!(told["versions"][0]["supported"], false, "SSLv3");
    let keys: BTreeSet<&str> = told["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, BTreeSet::from(["EC 256", "RSA 2048"]));
    assert!(
        found["TLSv1.2"].len() > 60 && found["TLSv1.3"].len() == 5,
        "{found:#?}"
    );
    names_are_those_of_openssl(&told);
}

/// The pairs of names are those of `openssl ciphers -stdname`.
fn names_are_those_of_openssl(told: &Value) {
    let list = output(&["ciphers", "-stdname", ALL]);
    let mut names = BTreeMap::new();
    for line in list.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        names.insert(words[0], words[2]);
    }
    for version in told["versions"].as_array().unwrap() {
        for suite in version["suites"].as_array().unwrap() {
            let iana = suite["iana"].as_str().unwrap();
            let known = names.get(iana).copied();
            assert!(known.is_none_or(|name| suite["openssl"] == name), "{suite}");
        }
    }
}

/// Without STARTTLS nothing shows which connection it serves, and it does not speak first. The time limits are such
/// that the scan ends before a step that waits for it.
#[test]
fn server_that_serves_one_client_at_a_time_does_not_stop_a_scan() {
    if !is_there() {
        return;
    }
    let own = Own::make("rsa:2048", &[]);
    let server = SServer::start_silent(&own, &["-naccept", "100000"]);
    let slow = ["--tls", "implicit", "--timeout", "10m"];
    let (found, told) = by_scan(&server.relay(), &slow);
    assert_eq!(found, by_s_client(&server.relay(), &[]), "{told}");
    assert_eq!(told["resumption"], true, "{told}");
}

/// The Python that starts the servers; it has only its standard library.
const PYTHON: &str = "/usr/bin/python3";

/// Servers of few minutes of testssl.sh. `EHLO_SCAN=all`: all of them, in an hour.
const QUICK: [&str; 4] = ["s_server-null", "gnutls-old", "go", "postfix-smtps"];

#[test]
fn servers_are_scanned_as_by_testssl() {
    let needs = [PYTHON, "/usr/bin/testssl"];
    if !needs.iter().all(|program| parts::has(program)) || !parts::is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/tls_scan");
    let is_all = std::env::var("EHLO_SCAN").is_ok_and(|value| value == "all");
    let ran = Command::new(PYTHON)
        .arg(format!("{root}/servers.py"))
        .arg(env!("CARGO_BIN_EXE_ehlo"))
        .arg(directory.path())
        .args(if is_all { &[] } else { &QUICK[..] })
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&ran.stdout);
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{output}{errors}");
    eprintln!("{output}");
    let starting = |start: &str| {
        let lines = output.lines().filter(|line| line.starts_with(start));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for missing in starting("missing: ") {
        parts::skip(&missing);
    }
    assert_eq!(starting("different: "), Vec::<String>::new(), "{output}");
    assert_eq!(starting("slow: "), Vec::<String>::new(), "{output}");
}

#[test]
fn narrow_servers_are_found_as_they_are() {
    if !is_there() {
        return;
    }
    for (name, version, list) in [
        ("TLSv1.0", "-tls1", "ALL:@SECLEVEL=0"),
        ("TLSv1.1", "-tls1_1", "ALL:@SECLEVEL=0"),
        ("TLSv1.2", "-tls1_2", "NULL:@SECLEVEL=0"),
        ("TLSv1.2", "-tls1_2", "aNULL:@SECLEVEL=0"),
        ("TLSv1.2", "-tls1_2", "kRSA+AESGCM"),
        ("TLSv1.2", "-tls1_2", "DHE+CAMELLIA:DHE+ARIA"),
        ("TLSv1.2", "-tls1_2", "AESCCM"),
        ("TLSv1.2", "-tls1_2", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ] {
        let (_server, place) = s_server(&[version, "-cipher", list, "-serverpref"]);
        let (found, told) = by_scan(&place, &["--connections", "1"]);
        // There is no DSA key.
        let right = usable(version, list)
            .into_iter()
            .filter(|name| !name.contains("DSS"));
        let right = Suites::from([(name.to_owned(), right.collect())]);
        assert_eq!(found, right, "{version} {list}: {told}");
    }
}

#[test]
fn groups_signatures_and_protocols_are_found() {
    if !is_there() {
        return;
    }
    let (_server, place) = s_server(&[
        "-groups",
        "P-384:X448",
        "-sigalgs",
        "RSA-PSS+SHA512:ECDSA+SHA256",
        "-alpn",
        "smtp",
        "-serverpref",
    ]);
    let (_, told) = by_scan(&place, &["--connections", "1"]);
    let set = |value: &Value| {
        let all = value.as_array().unwrap().iter();
        all.map(|name| name.as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>()
    };
    let names = |all: [&str; 2]| BTreeSet::from(all.map(str::to_owned));
    for version in told["versions"].as_array().unwrap() {
        if !["TLSv1.2", "TLSv1.3"].contains(&version["version"].as_str().unwrap()) {
            continue;
        }
        assert_eq!(version["order"], "server", "{told}");
        assert_eq!(
            set(&version["groups"]),
            names(["secp384r1", "x448"]),
            "{told}"
        );
        let schemes = names(["rsa_pss_rsae_sha512", "ecdsa_secp256r1_sha256"]);
        assert_eq!(set(&version["signatures"]), schemes, "{told}");
    }
    assert_eq!(
        told["alpn_protocols"],
        serde_json::json!(["smtp"]),
        "{told}"
    );
    assert_eq!(told["resumption"], true, "{told}");
}

#[test]
fn short_primes_are_found() {
    if !is_there() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dh.pem").to_str().unwrap().to_owned();
    // OpenSSL refuses primes of less than 1024 bits at every security level. This one is known to it (RFC 3526 §2).
    let parameters = [
        "genpkey",
        "-genparam",
        "-algorithm",
        "DH",
        "-pkeyopt",
        "group:modp_1536",
    ];
    output(&[&parameters[..], &["-out", &file]].concat());
    let (_server, place) = s_server(&["-tls1_2", "-cipher", "DHE:@SECLEVEL=0", "-dhparam", &file]);
    let (_, told) = by_scan(&place, &["--connections", "1"]);
    let version = &told["versions"][3];
    assert_eq!(version["dh_bits"], 1536, "{told}");
    let findings = told["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|one| one["id"] == "tls.dh" && one["status"] == "warning"),
        "{told}"
    );
}

#[test]
fn postfix_is_scanned_as_by_s_client() {
    let Some(servers) = submission() else { return };
    if !is_there() {
        return;
    }
    let place = servers.relay(Service::Smtp);
    let (found, told) = by_scan(&place, &["--tls", "starttls"]);
    assert_eq!(found, by_s_client(&place, &["-starttls", "smtp"]), "{told}");
    assert_eq!(told["resumption"], true, "{told}");
    let (found, _) = by_scan(&servers.relay(Service::Tls12), &["--tls", "starttls"]);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["TLSv1.2"]);
}

#[test]
fn exim_is_scanned_as_by_s_client() {
    let Some(exim) = crate::exim::Exim::start() else {
        return;
    };
    if !is_there() {
        return;
    }
    let place = exim.relay();
    let (found, told) = by_scan(&place, &["--tls", "starttls"]);
    assert_eq!(found, by_s_client(&place, &["-starttls", "smtp"]), "{told}");
}

/// Without parameters for Diffie-Hellman, it closes the connection when it has chosen such a suite.
#[test]
fn lmtp_of_dovecot_is_scanned() {
    let directory = tempfile::tempdir().unwrap();
    let Some((dovecot, place)) = dovecot(directory.path()) else {
        return;
    };
    let (found, told) = by_scan(&place, &["--lmtp"]);
    assert_eq!(found, by_s_client(&place, &["-starttls", "lmtp"]), "{told}");
    drop(dovecot);
}

/// A Dovecot that only speaks LMTP, and its place. It ends with the value.
fn dovecot(directory: &Path) -> Option<(Running, String)> {
    let program = ["/usr/sbin/dovecot"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(program) =
        program.filter(|_| parts::is_root() && Path::new("/usr/lib/dovecot/lmtp").exists())
    else {
        parts::skip("no dovecot-lmtpd, or not root");
        return None;
    };
    let own = Own::make("rsa:2048", &[]);
    let port = crate::postfix::free_port();
    let base = directory.display();
    let configuration = format!(
        "base_dir = {base}/run\nstate_dir = {base}/state\nlog_path = {base}/log\nprotocols = lmtp\n\
         ssl = yes\nssl_cert = <{base}/certificate.pem\nssl_key = <{base}/key.pem\nmail_location = maildir:{base}/mail\n\
         service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {port}\n  }}\n}}\n\
         userdb {{\n  driver = static\n  args = uid=nobody gid=nogroup home={base}\n}}\n\
         passdb {{\n  driver = static\n  args = nopassword=y\n}}\n"
    );
    std::fs::copy(own.certificate(), directory.join("certificate.pem")).unwrap();
    std::fs::copy(own.key(), directory.join("key.pem")).unwrap();
    let file = directory.join("dovecot.conf");
    std::fs::write(&file, configuration).unwrap();
    let child = Command::new(program)
        .arg("-F")
        .arg("-c")
        .arg(&file)
        .spawn()
        .unwrap();
    let running = Running(child);
    let place = format!("127.0.0.1:{port}");
    wait_for("Dovecot's LMTP", || TcpStream::connect(&place).ok());
    Some((running, place))
}

struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}
