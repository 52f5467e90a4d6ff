//! `ehlo probe --dane`: the TLSA records of a server beside its certificate.

use crate::authority::{Authority, Papers, hex};
use crate::dns::Authority as Dns;
use crate::encrypted::offering_starttls;
use crate::program::{Ehlo, Run};
use serde_json::Value;

/// A probe of the exchangers of crepes.fr, whose names have these records besides.
fn probe(papers: &Papers, records: &[&str], options: &[&str]) -> Run {
    let server = offering_starttls(papers);
    let port = server.port.to_string();
    let mut zone = vec![
        "crepes.fr MX 10 mx.crepes.fr".to_owned(),
        "mx.crepes.fr A 127.0.0.1".to_owned(),
    ];
    zone.extend(
        records
            .iter()
            .map(|line| line.replace("_25.", &format!("_{port}."))),
    );
    let dns = Dns::serve(&zone);
    let address = dns.address.to_string();
    let fixed = ["probe", "--dane", "--dns", &address, "--port", &port];
    let name = ["--helo", "me.example", "--mx", "crepes.fr"];
    let run = Ehlo::new().args(fixed).args(name).args(options).run();
    server.finish();
    run
}

/// The lines about DANE and the findings about it.
fn object(run: &Run) -> (Value, Vec<String>) {
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let findings = told["findings"].as_array().unwrap().iter();
    let findings = findings.map(|one| {
        let word = |name: &str| one[name].as_str().unwrap().to_owned();
        format!("{} {}", word("id"), word("status"))
    });
    let of_dane = findings.filter(|one| one.starts_with("dane."));
    (told["dane"].clone(), of_dane.collect())
}

const WRONG: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn the_record_that_matches_is_shown() {
    let papers = Authority::new().issue(&["mx.crepes.fr"]);
    let key = hex(&papers.key_sum());
    let right = format!("_25._tcp.mx.crepes.fr TLSA 3 1 1 {key}");
    let next = format!("_25._tcp.mx.crepes.fr TLSA 3 1 1 {WRONG}");
    let records = [right.as_str(), &next, "SECURE crepes.fr"];
    let run = probe(&papers, &records, &[]);
    run.exits(0);
    assert!(
        run.stdout.contains(&format!("  3 1 1 {key}: matches\n")),
        "{run:#?}"
    );
    assert!(
        run.stdout.contains(&format!("  3 1 1 {WRONG}: differs\n")),
        "{run:#?}"
    );
    assert!(!run.stdout.contains("would match"), "{run:#?}");
    let run = probe(&papers, &records, &["--json"]);
    let (dane, findings) = object(&run);
    assert_eq!(findings, ["dane.match ok"], "{dane:#}");
    let states: Vec<&Value> = dane["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert!(
        states.contains(&&"matches".into()) && states.contains(&&"differs".into()),
        "{dane:#}"
    );
}

#[test]
fn a_server_that_matches_no_record_is_a_failure() {
    let papers = Authority::new().issue(&["mx.crepes.fr"]);
    let wrong = format!("_25._tcp.mx.crepes.fr TLSA 3 1 1 {WRONG}");
    let records = [wrong.as_str(), "SECURE crepes.fr"];
    let run = probe(&papers, &records, &[]);
    run.exits(77);
    let own = format!("  3 1 1 {} would match\n", hex(&papers.key_sum()));
    assert!(run.stdout.contains(&own), "{run:#?}");
    assert!(
        run.stdout
            .contains("\nFAILED      the certificate of mx.crepes.fr"),
        "{run:#?}"
    );
    let run = probe(&papers, &records, &["--nagios"]);
    run.exits(2);
    assert!(run.stdout.starts_with("SMTP CRITICAL: "), "{run:#?}");
}

#[test]
fn unsigned_and_unusable_records_are_told_apart() {
    let papers = Authority::new().issue(&["mx.crepes.fr"]);
    let right = format!(
        "_25._tcp.mx.crepes.fr TLSA 3 1 1 {}",
        hex(&papers.key_sum())
    );
    let pkix = format!("_25._tcp.mx.crepes.fr TLSA 1 1 1 {WRONG}");
    for (records, findings, exit) in [
        (vec![], vec!["dane.missing note"], 0),
        (vec![right.as_str()], vec!["dane.missing note"], 0),
        (vec!["SECURE crepes.fr"], vec!["dane.missing note"], 0),
        (
            vec![&pkix, "SECURE crepes.fr"],
            vec!["dane.usage warning", "dane.unusable failed"],
            77,
        ),
        (
            vec![&right, "SECURE mx.crepes.fr"],
            vec!["dane.mx warning", "dane.rollover note", "dane.match ok"],
            0,
        ),
        (
            vec!["_25._tcp.mx.crepes.fr TLSA SERVFAIL", "SECURE crepes.fr"],
            vec!["dane.unanswered unknown"],
            0,
        ),
    ] {
        let run = probe(&papers, &records, &["--json"]);
        let (dane, found) = object(&run);
        assert_eq!(found, findings, "{records:?}: {dane:#}");
        run.exits(exit);
    }
}

#[test]
fn an_address_has_no_records() {
    let run = Ehlo::new().args(["probe", "--dane", "192.0.2.1"]).run();
    run.exits(64).complains(1);
    assert!(
        run.stderr
            .contains("--dane requires a server with a host name"),
        "{run:#?}"
    );
    let run = Ehlo::new()
        .args(["probe", "--dane", "--tls", "off", "mx.crepes.fr"])
        .run();
    run.exits(64).complains(1);
}
