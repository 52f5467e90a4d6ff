//! `ehlo check`: names of addresses, DNS block lists, sessions with another server, and policies of MTA-STS.

use crate::authority::{Authority, BOTH};
use crate::dns::Authority as Dns;
use crate::encrypted::offering_starttls;
use crate::network;
use crate::policy_host::{PolicyHost, ok};
use crate::program::{Ehlo, Run};
use serde_json::Value;

/// A domain with an exchanger at 192.0.2.1, to which nothing leads.
const ZONE: [&str; 2] = ["crepes.fr MX 10 mx.crepes.fr", "mx.crepes.fr A 192.0.2.1"];

fn check(dns: &Dns, options: &[&str]) -> Run {
    let address = dns.address.to_string();
    let fixed = ["check", "crepes.fr", "--json", "--dns", &address];
    Ehlo::new().args(fixed).args(options).run()
}

/// Identifiers, statuses and texts of the findings.
fn findings(run: &Run) -> Vec<[String; 3]> {
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    crate::schema::check_domain(&report);
    let findings = report["findings"].as_array().unwrap().iter();
    let strings = findings.map(|finding| {
        ["id", "status", "text"].map(|name| finding[name].as_str().unwrap().to_owned())
    });
    strings.collect()
}

#[track_caller]
fn has(run: &Run, id: &str, status: &str, text: &str) {
    let found = findings(run);
    let is_there = |one: &&[String; 3]| one[0] == id && one[1] == status && one[2].contains(text);
    assert!(
        found.iter().any(|one| is_there(&one)),
        "{id} {status} {text:?} is not in {found:#?}"
    );
}

fn with(lines: &[&str]) -> Dns {
    Dns::serve(&[&ZONE[..], lines].concat())
}

#[test]
fn addresses_are_looked_up_in_block_lists() {
    let dns = with(&[
        "mx.crepes.fr AAAA 2001:db8::1",
        "1.2.0.192.bad.test A 127.0.0.2",
        "1.2.0.192.bad.test A 127.0.0.4",
        "1.2.0.192.shy.test A 127.255.255.254",
        "1.2.0.192.odd.test A 198.51.100.1",
        "1.2.0.192.dead.test A SERVFAIL",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bad.test A 127.0.0.3",
        "7.100.51.198.bad.test A 127.0.0.2",
    ]);
    let lists = ["bad.test", "shy.test", "odd.test", "dead.test", "good.test"];
    let lists: Vec<&str> = lists.iter().flat_map(|list| ["--dnsbl", *list]).collect();
    let run = check(
        &dns,
        &[
            &lists[..],
            &["--only", "dnsbl", "--from-ip", "198.51.100.7"],
        ]
        .concat(),
    );
    run.exits(2);
    has(
        &run,
        "dnsbl.listed",
        "failed",
        "192.0.2.1 is in bad.test (127.0.0.",
    );
    has(
        &run,
        "dnsbl.listed",
        "failed",
        "2001:db8::1 is in bad.test (127.0.0.3)",
    );
    has(
        &run,
        "dnsbl.listed",
        "failed",
        "198.51.100.7 is in bad.test",
    );
    has(
        &run,
        "dnsbl.refused",
        "unknown",
        "shy.test refuses the question",
    );
    has(
        &run,
        "dnsbl.invalid",
        "unknown",
        "198.51.100.1, which is not a code",
    );
    has(
        &run,
        "dnsbl.unanswered",
        "unknown",
        "cannot ask dead.test about 192.0.2.1",
    );
    has(&run, "dnsbl.clear", "ok", "192.0.2.1 is not in good.test");
    // Nothing else is asked, and no session is opened.
    assert!(
        findings(&run)
            .iter()
            .all(|one| one[0].starts_with("dnsbl.")),
        "{run:#?}"
    );
}

#[test]
fn names_of_addresses_are_confirmed() {
    let dns = with(&[
        "crepes.fr MX 20 second.crepes.fr",
        "second.crepes.fr A 192.0.2.2",
        "1.2.0.192.in-addr.arpa PTR mx.crepes.fr",
        "2.2.0.192.in-addr.arpa PTR other.crepes.fr",
        "other.crepes.fr A 192.0.2.3",
    ]);
    let run = check(&dns, &["--only", "ptr", "--from-ip", "2001:db8::9"]);
    // That of a client is required.
    run.exits(2);
    has(&run, "ptr.confirmed", "ok", "192.0.2.1 is mx.crepes.fr");
    has(
        &run,
        "ptr.unconfirmed",
        "note",
        "192.0.2.2 (second.crepes.fr) has the name other.crepes.fr",
    );
    has(
        &run,
        "ptr.missing",
        "failed",
        "2001:db8::9 (the client) has no name",
    );
    let run = check(&dns, &["--only", "ptr"]);
    run.exits(0);
    let run = check(&dns, &["--only", "ptr", "--from-ip", "192.0.2.2"]);
    run.exits(2);
    has(&run, "ptr.unconfirmed", "failed", "192.0.2.2");
}

#[test]
fn sessions_are_opened_with_another_server() {
    let ca = Authority::new();
    let server = offering_starttls(&ca.issue(&["mx.crepes.fr"]));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, ca.pem()).unwrap();
    let place = format!("127.0.0.1:{}", server.port);
    let options = [
        "--connect-to",
        &place,
        "--only",
        "mx,tls",
        "--helo",
        "me.example",
    ];
    let trust = ["--ca-file", file.to_str().unwrap()];
    let run = check(&with(&[]), &[&options[..], &trust].concat());
    server.finish();
    run.exits(0);
    has(
        &run,
        "tls.certificate",
        "ok",
        "the certificate of mx.crepes.fr is verified",
    );
}

/// A policy with this mode and pattern, fetched by a check that trusts the CA.
fn check_policy(ca: &Authority, response: &str, options: &[&str]) -> Run {
    let dns = Dns::serve(&[
        "crepes.fr MX 10 mx.crepes.fr",
        "mx.crepes.fr A 127.0.0.1",
        "mta-sts.crepes.fr A 127.0.0.2",
        "_mta-sts.crepes.fr TXT \"v=STSv1; id=20261130\"",
    ]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, ca.pem()).unwrap();
    let response = response.to_owned();
    let web = PolicyHost::start(
        ca.issue(&["mta-sts.crepes.fr"]).config(BOTH),
        move |_, _| response.clone(),
    );
    let server = offering_starttls(&ca.issue(&["mx.crepes.fr"]));
    let port = server.port.to_string();
    let fixed = ["--only", "sts", "--port", &port, "--helo", "me.example"];
    let trust = ["--ca-file", file.to_str().unwrap()];
    let run = check(&dns, &[&fixed[..], &trust, options].concat());
    server.finish();
    assert_eq!(web.requests.lock().unwrap().len(), 1, "{run:#?}");
    run
}

fn policy(mode: &str, mx: &str, max_age: u32) -> String {
    ok(&format!(
        "version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: {max_age}\r\n"
    ))
}

#[test]
fn an_enforced_policy_is_fetched_and_met() {
    if !network::enter() {
        return;
    }
    let ca = Authority::new();
    let enforce = policy("enforce", "*.crepes.fr", 604_800);
    let run = check_policy(&ca, &enforce, &["--expect", "sts:enforce"]);
    run.exits(0);
    has(&run, "sts.mode", "ok", "the policy is enforced");
    has(&run, "sts.mx", "ok", "all exchangers match the policy");
}

#[test]
fn a_policy_in_test_is_a_note_and_not_the_expected_one() {
    if !network::enter() {
        return;
    }
    let ca = Authority::new();
    let testing = policy("testing", "mx.crepes.fr", 600);
    let run = check_policy(&ca, &testing, &["--expect", "sts:enforce"]);
    run.exits(77);
    has(&run, "sts.mode", "note", "testing");
    has(&run, "sts.max-age", "note", "600 seconds");
}

#[test]
fn a_policy_that_excludes_the_exchanger_is_a_failure() {
    if !network::enter() {
        return;
    }
    let run = check_policy(
        &Authority::new(),
        &policy("enforce", "*.mx.crepes.fr", 604_800),
        &[],
    );
    run.exits(2);
    has(
        &run,
        "sts.mx",
        "failed",
        "mx.crepes.fr matches none of the patterns of the policy",
    );
}

#[test]
fn a_policy_that_cannot_be_fetched_is_a_failure() {
    if !network::enter() {
        return;
    }
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let run = check_policy(&Authority::new(), missing, &[]);
    run.exits(2);
    has(&run, "sts.fetch", "failed", "status 404");
}
