//! `ehlo check` against a DNS server of the test: a table of domains, servers with and without TLS, and records and
//! servers that are made to do harm.

use crate::authority::{Authority, hex};
use crate::dns::Authority as Dns;
use crate::encrypted::offering_starttls;
use crate::program::{Ehlo, Run};
use crate::server::Server;
use serde_json::Value;
use std::collections::BTreeMap;

/// A domain of the table.
#[derive(Default)]
struct Case {
    domain: String,
    selectors: Vec<String>,
    /// Identifier and status.
    found: Vec<(String, String)>,
    absent: Vec<String>,
    /// Address and result.
    spf: Vec<(String, String)>,
    dmarc: Option<String>,
}

/// The table, and the records of all its domains.
fn table() -> (Vec<Case>, Vec<String>) {
    let (mut cases, mut records) = (Vec::<Case>::new(), Vec::new());
    for line in include_str!("../zones/domains.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let last = cases.last_mut();
        match (words.as_slice(), last) {
            ([] | ["#" | "oracle", ..], _) => {}
            (["=", domain, ..], _) => cases.push(Case {
                domain: (*domain).to_owned(),
                ..Case::default()
            }),
            (["!", id, status], Some(case)) => {
                case.found.push(((*id).to_owned(), (*status).to_owned()));
            }
            (["~", id], Some(case)) => case.absent.push((*id).to_owned()),
            (["spf", ip, result], Some(case)) => {
                case.spf.push(((*ip).to_owned(), (*result).to_owned()));
            }
            (["dmarc", policy], Some(case)) => case.dmarc = Some((*policy).to_owned()),
            (["selector", name], Some(case)) => case.selectors.push((*name).to_owned()),
            _ => records.push(line.to_owned()),
        }
    }
    (cases, records)
}

/// Runs the program, and returns the reports by domain.
fn reports(run: &Run) -> BTreeMap<String, Value> {
    let lines = run.stdout.lines();
    let reports = lines.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let reports = reports.inspect(crate::schema::check_domain);
    let named = reports.map(|report| (report["domain"].as_str().unwrap().to_owned(), report));
    named.collect()
}

/// Identifiers, statuses and texts of the findings.
fn findings(report: &Value) -> Vec<(&str, &str, &str)> {
    let findings = report["findings"].as_array().expect("findings").iter();
    let texts = findings.map(|finding| {
        ["id", "status", "text"].map(|name| finding[name].as_str().expect("a string"))
    });
    texts.map(|[id, status, text]| (id, status, text)).collect()
}

/// Number of domains of one run, which has a time limit.
const AT_ONCE: usize = 8;

/// A port on which nothing listens.
fn closed_port() -> String {
    crate::spool::closed().to_string()
}

const ZONE: [&str; 4] = [
    "crepes.fr MX 10 mx.crepes.fr",
    "mx.crepes.fr A 127.0.0.1",
    "crepes.fr TXT \"v=spf1 mx -all\"",
    "_dmarc.crepes.fr TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@crepes.fr\"",
];

/// A check of crepes.fr, whose exchanger is a server of the test.
fn check(dns: &Dns, port: u16, options: &[&str]) -> Run {
    let (address, port) = (dns.address.to_string(), port.to_string());
    let args = [
        "check",
        "crepes.fr",
        "--dns",
        &address,
        "--port",
        &port,
        "--helo",
        "me.example",
    ];
    Ehlo::new().args(args).args(options).run()
}

/// The status of the first finding with this identifier.
fn status(run: &Run, id: &str) -> Option<String> {
    let reports = reports(run);
    let found = findings(&reports["crepes.fr"]);
    let finding = found.iter().find(|(other, ..)| *other == id);
    finding.map(|(_, status, _)| (*status).to_owned())
}

#[test]
fn findings_are_those_of_the_table() {
    let (cases, records) = table();
    assert!(cases.len() >= 200);
    let dns = Dns::serve(&records);
    let (address, port) = (dns.address.to_string(), closed_port());
    let mut by_selectors: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        let selectors = case.selectors.join(",");
        by_selectors.entry(selectors).or_default().push(case);
    }
    for (selectors, cases) in by_selectors {
        for cases in cases.chunks(AT_ONCE) {
            let mut args = vec!["check", "--json", "--dns", &address, "--port", &port];
            args.extend(["--only", "mx,spf,dkim,dmarc,sts,tlsrpt,bimi"]);
            if !selectors.is_empty() {
                args.extend(["--selector", &selectors]);
            }
            args.extend(cases.iter().map(|case| case.domain.as_str()));
            let run = Ehlo::new().args(&args).run();
            let reports = reports(&run);
            for case in cases {
                compare(case, &reports[&case.domain]);
            }
        }
    }
}

fn compare(case: &Case, report: &Value) {
    let found = findings(report);
    for (id, status) in &case.found {
        let is_there = found
            .iter()
            .any(|(other, other_status, _)| other == id && other_status == status);
        assert!(
            is_there,
            "{}: {id} {status} is not in {found:#?}",
            case.domain
        );
    }
    for id in &case.absent {
        let is_there = found.iter().any(|(other, ..)| other == id);
        assert!(!is_there, "{}: {id} is in {found:#?}", case.domain);
    }
    if let Some(policy) = &case.dmarc {
        let text = format!("the policy for {} is {policy}", case.domain);
        let is_there = found
            .iter()
            .any(|(id, _, found)| *id == "dmarc.policy" && found.starts_with(&text));
        assert!(is_there, "{}: {text} is not in {found:#?}", case.domain);
    }
}

#[test]
fn spf_results_are_those_of_the_table() {
    let (cases, records) = table();
    let dns = Dns::serve(&records);
    let address = dns.address.to_string();
    let mut by_ip: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for case in &cases {
        for (ip, result) in &case.spf {
            by_ip.entry(ip).or_default().push((&case.domain, result));
        }
    }
    for (ip, expected) in by_ip {
        for expected in expected.chunks(AT_ONCE) {
            let mut args = vec!["check", "--json", "--only", "spf"];
            args.extend(["--dns", &address, "--from-ip", ip]);
            args.extend(expected.iter().map(|(domain, _)| *domain));
            let run = Ehlo::new().args(&args).run();
            let reports = reports(&run);
            for (domain, result) in expected {
                let found = findings(&reports[*domain]);
                let start = format!("{ip} gets {result}: ");
                let is_there = |(id, _, text): &(&str, &str, &str)| {
                    *id == "spf.client" && text.starts_with(&start)
                };
                assert!(
                    found.iter().any(is_there),
                    "{domain}: {start} is not in {found:#?}"
                );
            }
        }
    }
}

#[test]
fn a_good_domain_is_ok_and_meets_expectations() {
    let ca = Authority::new();
    let papers = ca.issue(&["mx.crepes.fr"]);
    let server = offering_starttls(&papers);
    let dns = Dns::serve(&ZONE);
    let mut pem = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut pem, ca.pem().as_bytes()).unwrap();
    let ca_file = pem.path().to_str().unwrap();
    let expected = "spf,dmarc:reject,tls:1.2,tls:1.3,cert-days:1";
    let options = ["--json", "--ca-file", ca_file, "--expect", expected];
    let run = check(&dns, server.port, &options);
    server.finish();
    run.exits(0).complains(0);
    for id in [
        "mx.host",
        "mx.greeting",
        "tls.version",
        "tls.certificate",
        "spf.all",
        "dmarc.policy",
    ] {
        assert_eq!(status(&run, id).as_deref(), Some("ok"), "{id}: {run:#?}");
    }
    let report = &reports(&run)["crepes.fr"];
    let expected = report["expected"].as_array().unwrap();
    assert_eq!(expected.len(), 5, "{report:#}");
    assert!(expected.iter().all(|one| one["met"] == true), "{report:#}");
}

#[test]
fn expectations_that_are_not_met_have_their_own_status() {
    let dns = Dns::serve(&ZONE);
    let port = crate::spool::closed();
    let unmet = check(
        &dns,
        port,
        &["--only", "spf", "--expect", "dmarc:reject,tlsrpt"],
    );
    unmet.exits(77);
    assert!(
        unmet.stdout.contains("expected dmarc:reject: yes (reject)"),
        "{unmet:#?}"
    );
    assert!(unmet.stdout.contains("expected tlsrpt: NO ("), "{unmet:#?}");
    let unknown = check(&dns, port, &["--only", "spf", "--expect", "dmarc,tls:1.2"]);
    unknown.exits(75);
    assert!(
        unknown.stdout.contains("expected tls:1.2: ? (unknown)"),
        "{unknown:#?}"
    );
}

#[test]
fn a_server_that_does_not_answer_is_unknown_and_nothing_is_said_about_its_tls() {
    let dns = Dns::serve(&ZONE);
    let run = check(
        &dns,
        crate::spool::closed(),
        &["--json", "--only", "mx,tls,dane"],
    );
    assert_eq!(
        status(&run, "mx.silent").as_deref(),
        Some("unknown"),
        "{run:#?}"
    );
    assert_eq!(
        status(&run, "mx.blocked").as_deref(),
        Some("unknown"),
        "{run:#?}"
    );
    assert_eq!(
        status(&run, "tls.unanswered").as_deref(),
        Some("unknown"),
        "{run:#?}"
    );
    assert_eq!(status(&run, "tls.starttls"), None, "{run:#?}");
    // mx.private is a warning.
    run.exits(1);
}

#[test]
fn a_server_without_starttls_and_one_with_another_certificate_are_warnings() {
    let dns = Dns::serve(&ZONE);
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.quit();
    });
    let run = check(&dns, server.port, &["--json", "--only", "tls"]);
    server.finish();
    run.exits(1);
    assert_eq!(
        status(&run, "tls.starttls").as_deref(),
        Some("warning"),
        "{run:#?}"
    );
    let server = offering_starttls(&Authority::new().issue(&["mx.example.net"]));
    let run = check(&dns, server.port, &["--json", "--only", "tls"]);
    server.finish();
    run.exits(1);
    assert_eq!(
        status(&run, "tls.version").as_deref(),
        Some("ok"),
        "{run:#?}"
    );
    assert_eq!(
        status(&run, "tls.certificate").as_deref(),
        Some("warning"),
        "{run:#?}"
    );
}

#[test]
fn tlsa_records_are_compared_with_the_certificate_if_they_are_signed() {
    let papers = Authority::new().issue(&["mx.crepes.fr"]);
    let wrong = "00".repeat(32);
    let right = hex(&papers.key_sum());
    for (signed, digest, id, expected) in [
        (true, right.as_str(), "dane.match", "ok"),
        (true, &wrong, "dane.match", "failed"),
        (false, &right, "dane.unsigned", "warning"),
    ] {
        let server = offering_starttls(&papers);
        let owner = format!("_{}._tcp.mx.crepes.fr", server.port);
        let mut zone: Vec<String> = ZONE.iter().map(|line| (*line).to_owned()).collect();
        zone.push(format!("{owner} TLSA 3 1 1 {digest}"));
        if signed {
            zone.push("SECURE crepes.fr".to_owned());
        }
        let dns = Dns::serve(&zone);
        let run = check(&dns, server.port, &["--json", "--only", "dane,dnssec"]);
        server.finish();
        assert_eq!(status(&run, id).as_deref(), Some(expected), "{run:#?}");
        let secure = if signed {
            "dnssec.signed"
        } else {
            "dnssec.unsigned"
        };
        assert!(status(&run, secure).is_some(), "{run:#?}");
    }
}

#[test]
fn a_parked_domain_has_neither_mail_nor_keys() {
    let dns = Dns::serve(&[
        "crepes.fr MX 0 .",
        "crepes.fr TXT \"v=spf1 -all\"",
        "_dmarc.crepes.fr TXT \"v=DMARC1; p=reject\"",
        "*._domainkey.crepes.fr TXT \"v=DKIM1; p=\"",
    ]);
    let run = check(&dns, 25, &["--parked"]);
    run.exits(0);
    assert_eq!(run.stdout.matches("\nok ").count(), 4, "{run:#?}");
    let dns = Dns::serve(&ZONE);
    let run = check(&dns, 25, &["--parked"]);
    run.exits(2);
    assert!(run.stdout.contains("fix: crepes.fr. IN MX 0 ."), "{run:#?}");
}

#[test]
fn domains_come_from_a_list() {
    let dns = Dns::serve(&ZONE);
    let address = dns.address.to_string();
    let args = [
        "check", "--list", "-", "--json", "--only", "dmarc", "--dns", &address,
    ];
    let run = Ehlo::new()
        .args(args)
        .input("# domains\n\ncrepes.fr\nhamburger.edu\n")
        .run();
    run.exits(1);
    let names: Vec<String> = reports(&run).into_keys().collect();
    assert_eq!(names, ["crepes.fr", "hamburger.edu"]);
    let run = Ehlo::new().args(args).input("crepes.fr\nno domain\n").run();
    run.exits(65).complains(1);
    assert!(run.stderr.contains("line 2"), "{run:#?}");
}

#[test]
fn records_of_attackers_are_bounded_and_escaped() {
    let string = format!(" \"{}\"", "a".repeat(255));
    let mut zone: Vec<String> = ZONE[..2].iter().map(|line| (*line).to_owned()).collect();
    zone.push(format!("crepes.fr TXT \"v=spf1 \"{}", string.repeat(240)));
    zone.push(
        "_dmarc.crepes.fr TXT \"v=DMARC1; p=\\027]0;title\\007\\027[31m; rua=mailto:a@crepes.fr\""
            .to_owned(),
    );
    zone.push("_smtp._tls.crepes.fr TXT \"v=TLSRPTv1; rua=\\027[2J\"".to_owned());
    let dns = Dns::serve(&zone);
    let run = check(&dns, 25, &["--only", "spf,dmarc,tlsrpt"]);
    run.exits(2);
    assert!(run.stdout.contains("spf.syntax"), "{run:#?}");
    assert!(run.stdout.len() < 8000, "{run:#?}");
    assert!(
        run.stdout.chars().all(|c| c == '\n' || !c.is_control()),
        "{run:#?}"
    );
    let json = check(&dns, 25, &["--only", "spf,dmarc,tlsrpt", "--json"]);
    assert!(
        json.stdout.chars().all(|c| c == '\n' || !c.is_control()),
        "{json:#?}"
    );
}

#[test]
fn a_silent_dns_ends_the_check_at_its_time_limit() {
    let dns = Dns::serve(&[
        "crepes.fr MX SILENCE",
        "crepes.fr TXT SILENCE",
        "_dmarc.crepes.fr TXT SILENCE",
    ]);
    let run = check(
        &dns,
        25,
        &["--timeout", "1s", "--json", "--only", "mx,spf,dmarc"],
    );
    run.exits(3);
    for id in ["mx.unanswered", "spf.unanswered", "dmarc.unanswered"] {
        assert_eq!(
            status(&run, id).as_deref(),
            Some("unknown"),
            "{id}: {run:#?}"
        );
    }
}
