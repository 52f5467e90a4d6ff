//! MTA-STS: what a policy of the recipient's domain demands, where it comes from, and what happens if it cannot be had.
//! Each test has a network of its own, because policies are fetched from port 443.

use crate::authority::{AS_IS, Authority, BOTH, Papers};
use crate::dns::Authority as Dns;
use crate::network;
use crate::policy_host::{PolicyHost, ok};
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use crate::spool::Queue;
use rustls::ServerConfig;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const POLICY_HOST: &str = "mta-sts.hamburger.edu";

const MX: &str = "mx.hamburger.edu";

/// A policy for the MX.
fn policy(mode: &str) -> String {
    format!("version: STSv1\r\nmode: {mode}\r\nmx: {MX}\r\nmax_age: 86400\r\n")
}

/// A web server that returns one response after the other, and the last one to all further requests.
fn web_with(papers: &Papers, responses: Vec<String>) -> PolicyHost {
    PolicyHost::start(papers.config(BOTH), move |_, at| {
        responses[at.min(responses.len() - 1)].clone()
    })
}

/// The number of requests.
fn count(web: &PolicyHost) -> usize {
    web.requests.lock().unwrap().len()
}

/// Hosts, certificates and a cache.
struct World {
    ca: Authority,
    home: TempDir,
}

impl World {
    /// `None`: networks cannot be made here.
    fn new() -> Option<Self> {
        network::enter().then(|| Self {
            ca: Authority::new(),
            home: tempfile::tempdir().unwrap(),
        })
    }

    fn web(&self, responses: &[String]) -> PolicyHost {
        web_with(&self.ca.issue(&[POLICY_HOST]), responses.to_vec())
    }

    /// The MX's certificate.
    fn mx(&self) -> Arc<ServerConfig> {
        self.ca.issue(&[MX]).config(BOTH)
    }

    fn cache(&self) -> PathBuf {
        self.home.path().join("cache")
    }

    fn file(&self) -> PathBuf {
        self.cache().join("sts/hamburger.edu")
    }

    /// The program, which trusts this CA and uses this cache.
    fn ehlo(&self) -> Ehlo {
        self.equipped(Ehlo::new())
    }

    fn equipped(&self, ehlo: Ehlo) -> Ehlo {
        let ca = self.home.path().join("ca.pem");
        std::fs::write(&ca, self.ca.pem()).unwrap();
        ehlo.env("SSL_CERT_FILE", ca)
            .env("EHLO_CACHE_DIR", self.cache())
    }

    /// A mail to bob by way of his MX on this port.
    fn mail(&self, dns: &Dns, port: u16) -> Ehlo {
        let (dns, port) = (dns.address.to_string(), port.to_string());
        let options = [
            "--helo",
            "me.example",
            "-f",
            "alice@crepes.fr",
            "-v",
            "--dns",
            &dns,
            "-p",
            &port,
        ];
        self.ehlo().args(options)
    }

    fn sends<T>(&self, dns: &Dns, server: &Server<T>) -> Run {
        self.mail(dns, server.port).text_to_bob().run()
    }
}

/// The DNS with this id; empty: no record.
fn dns(id: &str) -> Dns {
    dns_with(id, &[])
}

fn dns_with(id: &str, more: &[&str]) -> Dns {
    let mut lines = vec![
        format!("hamburger.edu MX 10 {MX}"),
        format!("{MX} A 127.0.0.1"),
        format!("{POLICY_HOST} A 127.0.0.2"),
    ];
    if !id.is_empty() {
        lines.push(format!("_mta-sts.hamburger.edu TXT v=STSv1;id={id};"));
    }
    lines.extend(more.iter().map(|&line| line.to_owned()));
    Dns::serve(&lines)
}

/// Accepts the mail inside TLS.
fn take_in_tls(talk: &mut Talk, config: &Arc<ServerConfig>) {
    talk.greet(&["STARTTLS"]);
    talk.expect("STARTTLS");
    talk.say("220 go ahead");
    talk.secure(config);
    talk.take_on(&[]);
}

/// The client leaves a server without STARTTLS.
fn is_left(talk: &mut Talk) {
    talk.greet(&[]);
    talk.quit();
}

#[track_caller]
fn shows(run: &Run, words: &[&str]) {
    for word in words {
        assert!(run.stdout.contains(word), "{word:?} is not in {run:#?}");
    }
}

#[test]
fn policy_is_fetched_once_and_obeyed() {
    let Some(world) = World::new() else { return };
    let (dns, web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    let config = world.mx();
    let server = Server::with_door(move |door| {
        for _ in 0..2 {
            let mut talk = door.open();
            take_in_tls(&mut talk, &config);
            talk.end();
        }
    });
    let run = world.sends(&dns, &server);
    run.exits(0);
    shows(
        &run,
        &[
            "*** fetching the MTA-STS policy of hamburger.edu\n",
            "*** GET https://mta-sts.hamburger.edu/.well-known/mta-sts.txt\n",
            "*** 200 OK, text/plain, 69 bytes",
            "certificate of mx.hamburger.edu verified",
        ],
    );
    let run = world.sends(&dns, &server);
    run.exits(0);
    assert!(!run.stdout.contains("fetching"), "{run:#?}");
    shows(&run, &["certificate of mx.hamburger.edu verified"]);
    server.finish();
    let requests = web.requests.lock().unwrap();
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].starts_with(
            "GET /.well-known/mta-sts.txt HTTP/1.1\r\nhost: mta-sts.hamburger.edu\r\n"
        ),
        "{requests:?}"
    );
}

#[test]
fn record_is_looked_up_together_with_the_mx() {
    let Some(world) = World::new() else { return };
    let (dns, server) = (dns(""), Server::start(Talk::take));
    world.sends(&dns, &server).exits(0);
    server.finish();
    let mut first = dns.asked()[..2].to_vec();
    first.sort();
    assert_eq!(
        first,
        [
            "MX hamburger.edu over UDP",
            "TXT _mta-sts.hamburger.edu over UDP"
        ]
    );
}

#[test]
fn json_names_the_policy() {
    let Some(world) = World::new() else { return };
    let (dns, _web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    let config = world.mx();
    let server = Server::start(move |talk| take_in_tls(talk, &config));
    let run = world
        .mail(&dns, server.port)
        .args(["--json"])
        .text_to_bob()
        .run();
    run.exits(0);
    server.finish();
    let secured = run.events("tls");
    assert_eq!(secured[0]["policy"], "sts", "{run:#?}");
    assert_eq!(secured[0]["verified"], true);
}

#[test]
fn host_that_does_not_match_is_not_contacted() {
    let Some(world) = World::new() else { return };
    let dns = dns_with(
        "1",
        &[
            "hamburger.edu MX 5 other.hamburger.edu",
            "other.hamburger.edu A 127.0.0.3",
        ],
    );
    let _web = world.web(&[ok(&policy("enforce"))]);
    let config = world.mx();
    let server = Server::start(move |talk| take_in_tls(talk, &config));
    let other = TcpListener::bind(("127.0.0.3", server.port)).unwrap();
    let run = world.sends(&dns, &server);
    run.exits(0);
    server.finish();
    shows(
        &run,
        &[
            "*** other.hamburger.edu does not match the MTA-STS policy of hamburger.edu (id 1): mx.hamburger.edu\n",
        ],
    );
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err(), "it was contacted");
}

#[test]
fn without_a_host_that_matches_the_mail_is_deferred() {
    let Some(world) = World::new() else { return };
    let text =
        "version: STSv1\nmode: enforce\nmx: *.mx.hamburger.edu\nmx: hamburger.edu\nmax_age: 1000\n";
    let (dns, _web) = (dns("20261201T0"), world.web(&[ok(text)]));
    let server = Server::untouched();
    let run = world.sends(&dns, &server);
    run.exits(75).complains(1).says(&[
        "mx.hamburger.edu does not match the MTA-STS policy of hamburger.edu (id 20261201T0)",
        "*.mx.hamburger.edu, hamburger.edu",
    ]);
    server.finish();
}

#[test]
fn host_without_starttls_gets_nothing() {
    let Some(world) = World::new() else { return };
    let (dns, _web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    let server = Server::start(is_left);
    let run = world.sends(&dns, &server);
    run.exits(75).says(&[
        "does not offer STARTTLS",
        "the MTA-STS policy of hamburger.edu (id 1)",
    ]);
    server.finish();
}

#[test]
fn host_without_a_good_certificate_gets_nothing() {
    let Some(world) = World::new() else { return };
    let (dns, _web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    for (papers, why) in [
        (
            world.ca.issue(&["mx2.hamburger.edu"]),
            "is for mx2.hamburger.edu, not for mx.hamburger.edu",
        ),
        (
            world.ca.issue(&["hamburger.edu", "*.mx.hamburger.edu"]),
            "not for mx.hamburger.edu",
        ),
        (
            Authority::named("Somebody Else").issue(&[MX]),
            "is signed by an unknown CA",
        ),
        (Papers::self_signed(&[MX], AS_IS), "is self-signed"),
        (
            world.ca.issue_odd(&[MX], |params| {
                params.not_after = rcgen::date_time_ymd(2021, 2, 3);
            }),
            "has expired",
        ),
    ] {
        let config = papers.config(BOTH);
        let server = Server::start(move |talk| {
            talk.greet(&["STARTTLS"]);
            talk.expect("STARTTLS");
            talk.say("220 go ahead");
            talk.fail_to_secure(&config);
        });
        let run = world.sends(&dns, &server);
        run.exits(75)
            .says(&[why, "the MTA-STS policy of hamburger.edu (id 1)"]);
        server.finish();
    }
}

#[test]
fn certificate_may_have_a_wildcard_for_the_leftmost_label() {
    let Some(world) = World::new() else { return };
    let (dns, _web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    let config = world.ca.issue(&["*.hamburger.edu"]).config(BOTH);
    let server = Server::start(move |talk| take_in_tls(talk, &config));
    world.sends(&dns, &server).exits(0);
    server.finish();
}

#[test]
fn certificate_is_judged_under_a_policy_in_mode_testing() {
    let Some(world) = World::new() else { return };
    let (dns, _web) = (dns("1"), world.web(&[ok(&policy("testing"))]));
    for (papers, judgement) in [
        (world.ca.issue(&[MX]), "verified"),
        (
            Papers::self_signed(&[MX], AS_IS),
            "not trusted: it is self-signed",
        ),
    ] {
        let config = papers.config(BOTH);
        let server = Server::start(move |talk| take_in_tls(talk, &config));
        let run = world.sends(&dns, &server);
        run.exits(0);
        server.finish();
        shows(&run, &[&format!("certificate of {MX} {judgement}")]);
    }
}

#[test]
fn testing_and_none_demand_nothing() {
    let Some(world) = World::new() else { return };
    let other = policy("testing").replace(MX, "mx9.hamburger.edu");
    let _web = world.web(&[ok(&other), ok("version: STSv1\nmode: none\nmax_age: 9\n")]);
    let server = Server::start(Talk::take);
    let run = world.sends(&dns("1"), &server);
    run.exits(0);
    server.finish();
    let note = "mx.hamburger.edu does not match the MTA-STS policy of hamburger.edu (id 1), which is in mode testing";
    shows(&run, &[note]);
    let server = Server::start(Talk::take);
    world.sends(&dns("2"), &server).exits(0);
    server.finish();
}

/// What a web server may do wrong, and what is said of it.
fn failures() -> Vec<(String, &'static str)> {
    let good = policy("enforce");
    let response = |head: &str| format!("{head}\r\nContent-Length: {}\r\n\r\n{good}", good.len());
    vec![
        (
            response("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain"),
            "status 404",
        ),
        (
            response("HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain"),
            "status 206",
        ),
        (
            response(
                "HTTP/1.1 301 Moved\r\nLocation: https://mta-sts.hamburger.edu/x\r\nContent-Type: text/plain",
            ),
            "status 301",
        ),
        (
            response("HTTP/1.1 200 OK\r\nContent-Type: text/html"),
            "it is not text/plain, but \"text/html\"",
        ),
        (
            response("HTTP/1.1 200 OK"),
            "it is not text/plain, but \"\"",
        ),
        (ok("mode: enforce\n"), "it has no version"),
        (
            ok("version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n"),
            "it has no valid mx",
        ),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{good}flood"),
            "more than 65536 bytes",
        ),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{good}"),
            "the response is incomplete",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 900\r\n\r\n{good}"
            ),
            "the response is incomplete",
        ),
        ("220 mx ESMTP\r\n".to_owned(), "the answer is not HTTP"),
        (String::new(), "the response is incomplete"),
    ]
}

#[test]
fn policy_that_cannot_be_fetched_is_noted_and_not_obeyed() {
    let Some(world) = World::new() else { return };
    let failures = failures();
    let web = world.web(
        &failures
            .iter()
            .map(|(response, _)| response.clone())
            .collect::<Vec<_>>(),
    );
    for (at, (response, why)) in failures.iter().enumerate() {
        let server = Server::start(Talk::take);
        let run = world.sends(&dns(&at.to_string()), &server);
        run.exits(0);
        server.finish();
        let note = format!("cannot fetch the MTA-STS policy of hamburger.edu (id {at}): ");
        assert!(run.stdout.contains(&note), "{response}: {run:#?}");
        shows(&run, &[why, "; no policy applies"]);
        // For five minutes, no other request is made.
        let server = Server::start(Talk::take);
        world.sends(&dns(&at.to_string()), &server).exits(0);
        server.finish();
        assert_eq!(count(&web), at + 1);
    }
}

#[test]
fn policy_that_is_known_stays_when_another_cannot_be_fetched() {
    let Some(world) = World::new() else { return };
    let mut responses = vec![ok(&policy("enforce"))];
    responses.extend(failures().into_iter().map(|(response, _)| response));
    let _web = world.web(&responses);
    for at in 0..responses.len() {
        let server = Server::start(is_left);
        let run = world.sends(&dns(&at.to_string()), &server);
        run.exits(75)
            .says(&["the MTA-STS policy of hamburger.edu (id 0)"]);
        server.finish();
        if at > 0 {
            shows(&run, &["; using that with id 0"]);
        }
    }
    // Nor does it end with its record.
    for dns in [
        dns(""),
        dns_with("", &["_mta-sts.hamburger.edu TXT SERVFAIL"]),
    ] {
        let server = Server::start(is_left);
        world.sends(&dns, &server).exits(75).says(&["(id 0)"]);
        server.finish();
    }
}

#[test]
fn web_server_with_a_wrong_certificate_or_none_is_not_asked() {
    let Some(world) = World::new() else { return };
    for papers in [
        world.ca.issue(&["hamburger.edu", "www.hamburger.edu"]),
        Authority::named("Somebody Else").issue(&[POLICY_HOST]),
    ] {
        let world = World::new().unwrap();
        let web = web_with(&papers, vec![ok(&policy("enforce"))]);
        let server = Server::start(Talk::take);
        let run = world.sends(&dns("1"), &server);
        run.exits(0);
        server.finish();
        shows(
            &run,
            &["cannot fetch the MTA-STS policy of hamburger.edu (id 1): its certificate "],
        );
        assert_eq!(*web.requests.lock().unwrap(), [""]);
    }
    let world = World::new().unwrap();
    let server = Server::start(Talk::take);
    let run = world.sends(&dns("1"), &server);
    run.exits(0);
    server.finish();
    shows(
        &run,
        &["cannot connect to 127.0.0.2:443: Connection refused; no policy applies"],
    );
}

#[test]
fn policy_is_replaced_when_its_id_changes() {
    let Some(world) = World::new() else { return };
    let web = world.web(&[
        ok(&policy("enforce")),
        ok("version: STSv1\nmode: none\nmax_age: 86400\n"),
        ok(&policy("enforce")),
    ]);
    let server = Server::start(is_left);
    world.sends(&dns("1"), &server).exits(75);
    server.finish();
    let server = Server::start(Talk::take);
    world.sends(&dns("2"), &server).exits(0);
    server.finish();
    // It stays until another id is published.
    let server = Server::start(Talk::take);
    world.sends(&dns("2"), &server).exits(0);
    server.finish();
    assert_eq!(count(&web), 2);
    let server = Server::start(is_left);
    world.sends(&dns("3"), &server).exits(75);
    server.finish();
}

#[test]
fn require_sends_nothing_without_a_policy_that_is_enforced() {
    let Some(world) = World::new() else { return };
    let _web = world.web(&[
        ok(&policy("testing")),
        ok(&policy("enforce")),
        "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ]);
    let require = |dns: &Dns, port| {
        world
            .mail(dns, port)
            .args(["--mta-sts", "require"])
            .text_to_bob()
            .run()
    };
    let server = Server::untouched();
    require(&dns(""), server.port).exits(77).says(&[
        "hamburger.edu has no MTA-STS policy, which --mta-sts requires",
        "there is no valid TXT record of _mta-sts.hamburger.edu",
    ]);
    require(&dns("1"), server.port)
        .exits(77)
        .says(&["is in mode testing"]);
    let failing = dns_with("", &["_mta-sts.hamburger.edu TXT SERVFAIL"]);
    std::fs::remove_file(world.file()).unwrap();
    require(&failing, server.port)
        .exits(75)
        .says(&["_mta-sts.hamburger.edu"]);
    server.finish();
    let config = world.mx();
    let server = Server::start(move |talk| take_in_tls(talk, &config));
    require(&dns("2"), server.port).exits(0);
    server.finish();
    std::fs::remove_file(world.file()).unwrap();
    let server = Server::untouched();
    require(&dns("3"), server.port)
        .exits(75)
        .says(&["cannot fetch it (id 3): the server returned status 404"]);
    server.finish();
}

#[test]
fn tls_required_no_waives_the_policy() {
    let Some(world) = World::new() else { return };
    let (dns, _web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    let server = Server::start(Talk::take);
    let mail = world.mail(&dns, server.port).args(["--require-tls=no"]);
    let run = mail.text_to_bob().run();
    run.exits(0);
    let message = server.finish();
    assert!(
        String::from_utf8(message.stored())
            .unwrap()
            .contains("TLS-Required: No\r\n")
    );
    shows(&run, &["TLS-Required: No in the message"]);
}

#[test]
fn policies_are_not_looked_up_where_they_do_not_apply() {
    let Some(world) = World::new() else { return };
    let (dns, web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    let asked = |arguments: &[&str]| {
        let server = Server::start(Talk::take);
        world
            .mail(&dns, server.port)
            .args(arguments)
            .text_to_bob()
            .run()
            .exits(0);
        server.finish();
    };
    asked(&["--mta-sts", "off"]);
    asked(&["-k"]);
    let server = Server::start(Talk::take);
    let relay = format!("127.0.0.1:{}", server.port);
    let options = [
        "--helo",
        "me.example",
        "-f",
        "alice@crepes.fr",
        "-r",
        &relay,
    ];
    world.ehlo().args(options).text_to_bob().run().exits(0);
    server.finish();
    let server = Server::start(|talk: &mut Talk| {
        talk.greet(&[]);
        talk.quit();
    });
    world
        .mail(&dns, server.port)
        .args(["--quit-after", "ehlo"])
        .text_to_bob()
        .run();
    server.finish();
    assert_eq!(dns.count("TXT"), 0, "{:?}", dns.asked());
    assert_eq!(count(&web), 0);
    let conflict = world
        .ehlo()
        .args(["--mta-sts", "require", "-r", &relay])
        .text_to_bob()
        .run();
    conflict
        .exits(64)
        .says(&["--mta-sts require has no effect with --relay"]);
}

#[test]
fn without_a_cache_policies_are_fetched_by_each_run() {
    let Some(world) = World::new() else { return };
    std::fs::write(world.cache(), "a file").unwrap();
    let (dns, web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    for number in 1..3 {
        let config = world.mx();
        let server = Server::start(move |talk| take_in_tls(talk, &config));
        let run = world.sends(&dns, &server);
        run.exits(0);
        server.finish();
        shows(&run, &["MTA-STS policies are not cached: "]);
        assert_eq!(run.stdout.matches("not cached").count(), 1, "{run:#?}");
        assert_eq!(count(&web), number);
    }
}

#[test]
fn cached_policy_that_others_can_write_is_not_obeyed_but_fetched() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(world) = World::new() else { return };
    let (dns, web) = (dns("1"), world.web(&[ok(&policy("enforce"))]));
    let refresh = || {
        let dns = dns.address.to_string();
        world
            .ehlo()
            .args(["policy", "refresh", "--dns", &dns, "hamburger.edu"])
            .run()
            .exits(0);
    };
    refresh();
    let forged = std::fs::read_to_string(world.file())
        .unwrap()
        .replace("mode: enforce", "mode: none");
    std::fs::write(world.file(), forged).unwrap();
    std::fs::set_permissions(world.file(), std::fs::Permissions::from_mode(0o666)).unwrap();
    let server = Server::start(is_left);
    world.sends(&dns, &server).exits(75);
    server.finish();
    assert_eq!(count(&web), 2);
}

#[test]
fn queue_looks_up_the_policy_at_each_attempt_and_records_it_as_the_reason() {
    let Some(world) = World::new() else { return };
    let wrong = policy("enforce").replace(MX, "mx9.hamburger.edu");
    let (dns, _web) = (dns("1"), world.web(&[ok(&wrong), ok(&policy("enforce"))]));
    let queue = Queue::new();
    let config = world.mx();
    let server = Server::start(move |talk| take_in_tls(talk, &config));
    let (resolver, port) = (dns.address.to_string(), server.port.to_string());
    let options = [
        "--helo",
        "me.example",
        "-f",
        "alice@crepes.fr",
        "--dns",
        &resolver,
        "-p",
        &port,
        "--queue",
    ];
    let mail = world.equipped(queue.ehlo(&options));
    mail.text_to_bob().run().exits(0);
    let list = queue.ehlo(&["queue", "list"]).run();
    shows(
        &list,
        &[
            "mx.hamburger.edu does not match the MTA-STS policy of hamburger.edu (id 1): mx9.hamburger.edu",
        ],
    );
    // The domain mends its policy, and forgets the id: `refresh` finds the new one.
    world
        .ehlo()
        .args(["policy", "refresh", "--dns", &resolver])
        .run()
        .exits(0);
    let run = world.equipped(queue.ehlo(&["queue", "run", "--now"])).run();
    run.exits(0);
    server.finish();
    shows(
        &queue.ehlo(&["queue", "list"]).run(),
        &["The queue is empty."],
    );
}

#[test]
fn policy_command_lists_shows_refreshes_and_forgets() {
    let Some(world) = World::new() else { return };
    let (dns, _web) = (
        dns("1"),
        world.web(&[
            ok(&policy("enforce")),
            "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ]),
    );
    let resolver = dns.address.to_string();
    let policy = |arguments: &[&str]| world.ehlo().args(["policy"]).args(arguments).run();
    let refresh =
        |arguments: &[&str]| policy(&[&["refresh", "--dns", &resolver], arguments].concat());
    assert_eq!(
        policy(&["list"]).exits(0).stdout,
        "No policies are cached.\n"
    );
    policy(&["show", "hamburger.edu"])
        .exits(66)
        .says(&["ehlo policy refresh hamburger.edu"]);
    policy(&["forget", "hamburger.edu"])
        .exits(66)
        .says(&["no policy of hamburger.edu is cached"]);
    let run = refresh(&["Hamburger.EDU"]);
    run.exits(0);
    assert!(
        run.stdout
            .starts_with("hamburger.edu: enforce, id 1, valid until 20"),
        "{run:#?}"
    );
    let list = policy(&["list"]);
    list.exits(0);
    shows(
        &list,
        &["DOMAIN ", "\nhamburger.edu         enforce  23h59m     1\n"],
    );
    let show = policy(&["show", "hamburger.edu"]);
    shows(
        &show,
        &["mode:     enforce\nmx:       mx.hamburger.edu\nid:       1\nfetched:  "],
    );
    let run = refresh(&["--json"]);
    run.exits(75);
    shows(
        &run,
        &[
            "{\"domain\":\"hamburger.edu\",\"error\":\"cannot fetch the policy: the server returned status 500\"}\n",
        ],
    );
    let json: serde_json::Value =
        serde_json::from_str(&policy(&["show", "--json", "hamburger.edu"]).stdout).unwrap();
    assert_eq!(json["mode"], "enforce");
    assert_eq!(json["mx"], serde_json::json!([MX]));
    assert_eq!(json["expired"], false);
    assert_eq!(json["failure"]["reason"], "the server returned status 500");
    let all = policy(&["list", "--json"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&all.stdout).unwrap(),
        json
    );
    policy(&["forget", "hamburger.edu"]).exits(0).is_silent();
    assert_eq!(policy(&["list"]).stdout, "No policies are cached.\n");
    refresh(&["crepes.fr"])
        .exits(69)
        .says(&["crepes.fr: there is no valid TXT record of _mta-sts.crepes.fr"]);
    refresh(&["hamburger.edu"]).exits(75).complains(1);
}

#[test]
fn refresh_of_all_forgets_expired_policies_of_domains_without_a_record() {
    let Some(world) = World::new() else { return };
    let entry = |domain: &str, fetched: u64| {
        format!(
            "domain: {domain}\nfetched: {fetched}\nid: 1\n{}",
            policy("enforce").replace('\r', "")
        )
    };
    let directory = world.cache().join("sts");
    make_private(&directory);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    std::fs::write(
        directory.join("old.example"),
        entry("old.example", now - 90_000),
    )
    .unwrap();
    std::fs::write(
        directory.join("new.example"),
        entry("new.example", now - 10),
    )
    .unwrap();
    let dns = dns("");
    let resolver = dns.address.to_string();
    world
        .ehlo()
        .args(["policy", "refresh", "--dns", &resolver])
        .run()
        .exits(0)
        .is_silent();
    assert!(!directory.join("old.example").exists());
    assert!(directory.join("new.example").exists());
}

/// Creates a directory that is closed to others.
fn make_private(path: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .unwrap();
}
