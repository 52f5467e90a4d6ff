use crate::probe::discover::*;

/// A network of lists.
#[derive(Default)]
struct Paper {
    services: Vec<(&'static str, &'static str, u16)>,
    exchangers: Vec<&'static str>,
    files: Vec<(&'static str, &'static str)>,
    /// Hosts and ports that answer.
    alive: Vec<(&'static str, u16)>,
    fetched: Vec<String>,
    probed: Vec<String>,
    is_down: bool,
}

impl Network for Paper {
    fn records(&mut self, _: &str) -> DomainRecords {
        let failed = || Absence::Failed("SERVFAIL".to_owned());
        let service = |(name, _): &(&str, bool)| {
            if self.is_down {
                return Err(failed());
            }
            let own = self.services.iter().filter(|(of, ..)| name == of);
            let targets: Vec<ServiceTarget> = own
                .map(|(_, host, port)| ServiceTarget {
                    host: (*host).to_owned(),
                    port: *port,
                })
                .collect();
            Some(targets)
                .filter(|targets| !targets.is_empty())
                .ok_or(Absence::NotThere)
        };
        DomainRecords {
            services: SERVICES.iter().map(service).collect(),
            exchangers: if self.is_down {
                Err(failed())
            } else {
                Ok(self.exchangers.iter().map(ToString::to_string).collect())
            },
        }
    }

    fn fetch(&mut self, url: &str) -> Result<String, Absence> {
        self.fetched.push(url.to_owned());
        let found = self.files.iter().find(|(start, _)| url.starts_with(start));
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or(Absence::NotThere)
    }

    fn probe(&mut self, candidate: &Candidate) -> Result<Vec<String>, String> {
        let (host, port) = (candidate.host.as_str(), candidate.port);
        self.probed.push(format!("{host}:{port}"));
        if self.alive.contains(&(host, port)) {
            return Ok(vec![host.to_owned()]);
        }
        Err("Connection refused".to_owned())
    }

    fn provider_of(&self, exchanger: &str) -> Option<Candidate> {
        exchanger
            .ends_with("provider.example")
            .then(|| Candidate::new("smtp.provider.example", 587, false))
    }
}

fn found(paper: &mut Paper) -> Option<String> {
    let discovery = discover(("alice", "crepes.fr"), true, paper);
    let found = discovery.found?;
    let Candidate { host, port, .. } = found.candidate;
    Some(format!("{host}:{port} by {}", found.origin))
}

const XML: &str = "<outgoingServer type=\"smtp\"><hostname>smtp.host.example</hostname><port>465</port>\
                   <socketType>SSL</socketType></outgoingServer>";

#[test]
fn service_with_implicit_tls_is_preferred() {
    let mut paper = Paper {
        services: vec![
            ("_submission._tcp", "b.crepes.fr", 587),
            ("_submissions._tcp", "a.crepes.fr", 465),
        ],
        alive: vec![("a.crepes.fr", 465), ("b.crepes.fr", 587)],
        ..Paper::default()
    };
    let right = "a.crepes.fr:465 by the SRV record of _submissions._tcp.crepes.fr";
    assert_eq!(found(&mut paper).unwrap(), right);
    assert!(paper.fetched.is_empty());
}

#[test]
fn service_that_does_not_answer_or_does_not_exist_is_followed_by_the_next() {
    let mut paper = Paper {
        services: vec![
            ("_submissions._tcp", "", 0),
            ("_submission._tcp", "b.crepes.fr", 587),
            ("_submission._tcp", "c.crepes.fr", 587),
        ],
        alive: vec![("c.crepes.fr", 587)],
        ..Paper::default()
    };
    assert!(found(&mut paper).unwrap().starts_with("c.crepes.fr:587"));
    assert_eq!(paper.probed, ["b.crepes.fr:587", "c.crepes.fr:587"]);
}

#[test]
fn files_are_fetched_from_the_domain_before_the_database() {
    let mut paper = Paper {
        files: vec![("https://autoconfig.thunderbird.net/v1.1/crepes.fr", XML)],
        alive: vec![("smtp.host.example", 465)],
        ..Paper::default()
    };
    assert!(
        found(&mut paper)
            .unwrap()
            .starts_with("smtp.host.example:465")
    );
    assert_eq!(
        paper.fetched,
        [
            "https://autoconfig.crepes.fr/mail/config-v1.1.xml?emailaddress=alice@crepes.fr",
            "https://crepes.fr/.well-known/autoconfig/mail/config-v1.1.xml",
            "https://autoconfig.thunderbird.net/v1.1/crepes.fr",
        ]
    );
}

#[test]
fn without_the_database_nobody_else_is_asked() {
    let mut paper = Paper::default();
    let discovery = discover(("alice", "crepes.fr"), false, &mut paper);
    assert!(discovery.found.is_none());
    assert!(paper.fetched.iter().all(|url| url.contains("crepes.fr/")));
    assert!(
        discovery
            .steps
            .iter()
            .any(|step| step.contains("MX") || step.contains("smtp.crepes.fr:465"))
    );
}

#[test]
fn provider_of_the_exchanger_is_found() {
    let mut paper = Paper {
        exchangers: vec!["mx1.provider.example"],
        alive: vec![("smtp.provider.example", 587)],
        ..Paper::default()
    };
    assert!(
        found(&mut paper)
            .unwrap()
            .starts_with("smtp.provider.example:587")
    );
}

#[test]
fn domain_of_the_exchanger_and_then_usual_names_are_tried() {
    let mut paper = Paper {
        exchangers: vec!["mx.host.example"],
        files: vec![("https://autoconfig.host.example/", XML)],
        alive: vec![("smtp.host.example", 465)],
        ..Paper::default()
    };
    assert!(
        found(&mut paper)
            .unwrap()
            .contains("autoconfig.host.example")
    );
    let mut paper = Paper {
        exchangers: vec!["mx.host.example"],
        alive: vec![("mail.crepes.fr", 587)],
        ..Paper::default()
    };
    assert_eq!(
        found(&mut paper).unwrap(),
        "mail.crepes.fr:587 by a usual name"
    );
}

#[test]
fn failed_lookup_is_temporary() {
    let mut paper = Paper {
        is_down: true,
        ..Paper::default()
    };
    let discovery = discover(("alice", "crepes.fr"), true, &mut paper);
    assert!(discovery.is_temporary && discovery.found.is_none());
    assert_eq!(discovery.steps, ["MX crepes.fr: SERVFAIL"]);
    assert!(paper.fetched.is_empty() && paper.probed.is_empty());
}

#[test]
fn number_of_servers_is_limited() {
    let mut paper = Paper::default();
    for _ in 0..100 {
        paper
            .services
            .push(("_submission._tcp", "x.crepes.fr", 587));
    }
    let mut many = Paper {
        services: (1..100)
            .map(|port| ("_submission._tcp", "x.crepes.fr", port))
            .collect(),
        ..Paper::default()
    };
    assert_eq!((found(&mut paper), found(&mut many)), (None, None));
    assert_eq!(many.probed.len(), MAX_PROBES);
    assert_eq!(
        paper
            .probed
            .iter()
            .filter(|one| *one == "x.crepes.fr:587")
            .count(),
        1
    );
}

#[test]
fn registered_domain_has_two_or_three_labels() {
    for (host, right) in [
        ("mx.host.example", "host.example"),
        ("a.b.host.example.", "host.example"),
        ("mx.host.co.uk", "host.co.uk"),
        ("mx.gmx.de", "gmx.de"),
        ("localhost", "localhost"),
        ("example.org", "example.org"),
    ] {
        assert_eq!(registered_domain(host), right, "{host}");
    }
}

#[test]
fn placeholders_are_replaced() {
    let name = |text: &str| LoginName::Template(text.to_owned()).of("alice", "crepes.fr");
    assert_eq!(name("%EMAILADDRESS%").unwrap(), "alice@crepes.fr");
    assert_eq!(
        name("x-%EMAILLOCALPART%-%EMAILDOMAIN%").unwrap(),
        "x-alice-crepes.fr"
    );
    assert_eq!(LoginName::None.of("alice", "crepes.fr"), None);
    assert_eq!(percent_encoded("a+b c@d"), "a%2Bb%20c@d");
}
