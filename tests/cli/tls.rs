//! TLS as it should be: what is verified, what is shown, what is forgotten, and what is refused
//! before anything is connected to.

use crate::authority::{AS_IS, Authority, BOTH, ONLY_12, ONLY_13, Papers, hex};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::server::Server;
use base64::prelude::{BASE64_STANDARD, Engine};
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

const LOOPBACK: &[&str] = &["127.0.0.1"];

/// A server that takes one mail for bob this way.
fn willing(way: Way, config: Arc<ServerConfig>) -> Server<()> {
    Server::start(move |talk| {
        way.open(talk, &config);
        talk.take_on(&[]);
    })
}

/// A server that gets as far as the handshake, and no further.
fn distrusted(way: Way, config: Arc<ServerConfig>) -> Server<()> {
    Server::start(move |talk| {
        way.fail(talk, &config);
    })
}

/// Nobody got anything, because TLS was not as it should be.
#[track_caller]
fn is_unmet(run: &Run) -> &Run {
    run.exits(77).complains(1).all_are("refused");
    assert!(run.events("data").is_empty(), "{run:#?}");
    run
}

/// Whether each `sent` or `received` is encrypted, by its stage.
fn encrypted(run: &Run, name: &str) -> Vec<(String, bool)> {
    let told = |event: Value| {
        let stage = event["stage"].as_str().unwrap().to_owned();
        (stage, event["tls"].as_bool().unwrap())
    };
    run.events(name).into_iter().map(told).collect()
}

#[test]
fn a_verified_server_gets_the_mail_by_starttls_and_by_implicit_tls() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    for way in Way::BOTH {
        let config = papers.config(BOTH);
        let server = Server::start(move |talk| {
            way.open(talk, &config);
            talk.take_on(&[])
        });
        let run = Ehlo::secured_to(&server, way)
            .trusting(&ca.pem())
            .text_to_bob()
            .run();
        assert_eq!(server.finish().body(), "hi\r\n");
        run.exits(0).complains(0).all_are("accepted");
        let [tls] = &run.events("tls")[..] else {
            panic!("not one handshake: {run:#?}");
        };
        assert_eq!(tls["version"], "TLSv1.3");
        assert_eq!(tls["cipher"], "TLS13_AES_256_GCM_SHA384");
        assert_eq!(tls["name"], "127.0.0.1");
        assert_eq!(tls["resumed"], false);
        assert_eq!(
            (&tls["verified"], &tls["judgement"]),
            (&true.into(), &"verified".into())
        );
        assert_eq!(tls["chain"].as_array().unwrap().len(), 1);
        assert_eq!(tls["chain"][0]["names"][0], "127.0.0.1");
        assert_eq!(tls["chain"][0]["sha256"], hex(&papers.sum()));
        assert_eq!(tls["chain"][0]["key_sha256"], hex(&papers.key_sum()));
        let in_clear: &[_] = match way {
            Way::Starttls => &["ehlo", "starttls"],
            Way::Implicit => &[],
        };
        let sent = encrypted(&run, "sent");
        let clear = sent.iter().filter(|(_, tls)| !tls).map(|(stage, _)| stage);
        assert_eq!(clear.collect::<Vec<_>>(), in_clear);
        let received = encrypted(&run, "received");
        let clear = received.iter().filter(|(_, tls)| !tls);
        assert_eq!(clear.count(), if way == Way::Starttls { 3 } else { 0 });
        assert!(received.iter().any(|(stage, tls)| stage == "quit" && *tls));
    }
}

#[test]
fn port_465_is_implicit_tls() {
    let ca = Authority::new();
    let server = willing(Way::Implicit, ca.issue(&["mail.crepes.fr"]).config(BOTH));
    let there = format!("127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .args(["--helo", "me.example", "-f", "alice@crepes.fr", "--json"])
        .args(["-r", "mail.crepes.fr:465", "--connect-to", &there])
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).complains(0).all_are("accepted");
}

#[test]
fn a_relay_that_offers_starttls_must_be_verified_without_being_asked() {
    let ca = Authority::new();
    let stranger = Authority::named("Somebody Else");
    for (papers, good) in [
        (ca.issue(LOOPBACK), true),
        (stranger.issue(LOOPBACK), false),
    ] {
        let config = papers.config(BOTH);
        let server = if good {
            willing(Way::Starttls, config)
        } else {
            distrusted(Way::Starttls, config)
        };
        let run = Ehlo::to(&server)
            .args(["--json"])
            .trusting(&ca.pem())
            .text_to_bob()
            .run();
        server.finish();
        if good {
            run.exits(0).all_are("accepted");
        } else {
            is_unmet(&run).says(&["unknown CA"]);
        }
    }
}

#[test]
fn the_line_for_people_names_version_cipher_and_certificate() {
    let ca = Authority::new();
    let papers = ca.intermediate(AS_IS).issue(&["mail.crepes.fr"]);
    let (sum, key_sum) = (hex(&papers.sum()), hex(&papers.key_sum()));
    let config = papers.config(ONLY_12);
    let server = willing(Way::Starttls, config);
    let there = format!("127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .args(["--helo", "me.example", "-f", "alice@crepes.fr", "-v"])
        .args(["-r", "mail.crepes.fr", "--connect-to", &there])
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).complains(0).shows(&[
        "\n220 go ahead\n*** TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, certificate of \
         mail.crepes.fr verified\n",
        "*** certificate 1: CN=Test Server, by CN=Test Intermediate\n***   for mail.crepes.fr\n",
        "*** certificate 2: CN=Test Intermediate, by CN=Test Root\n",
        &format!("sha256:{sum}, key sha256:{key_sum}\n"),
        "from 2020-01-01 00:00:00 UTC to 2090-01-01 00:00:00 UTC",
    ]);
}

#[test]
fn what_was_offered_in_clear_is_forgotten_in_tls() {
    // RFC 3207 §4.2
    let ca = Authority::new();
    let config = ca.issue(LOOPBACK).config(BOTH);
    let server = Server::start(move |talk| {
        talk.greet(&[
            "PIPELINING",
            "SIZE 10",
            "CHUNKING",
            "8BITMIME",
            "SMTPUTF8",
            "STARTTLS",
        ]);
        talk.expect("STARTTLS");
        talk.say("220 go ahead");
        talk.secure(&config);
        // One by one, without SIZE, BODY and BDAT; and ten octets are no limit.
        talk.take_on(&[])
    });
    let run = Ehlo::secured_to(&server, Way::Starttls)
        .trusting(&ca.pem())
        .args(["-b", "Grüße", "bob@hamburger.edu"])
        .run();
    let message = server.finish();
    assert!(message.raw.is_ascii(), "8BITMIME was offered in clear only");
    run.exits(0).all_are("accepted");
}

#[test]
fn what_is_offered_in_tls_counts() {
    let ca = Authority::new();
    for way in Way::BOTH {
        let config = ca.issue(LOOPBACK).config(BOTH);
        let server = Server::start(move |talk| {
            way.open(talk, &config);
            talk.offer(&["PIPELINING", "STARTTLS"]);
            talk.group_and_message();
            talk.say("250 taken\n221 bye");
        });
        let run = Ehlo::secured_to(&server, way)
            .trusting(&ca.pem())
            .text_to_bob()
            .run();
        server.finish();
        run.exits(0).all_are("accepted");
    }
}

#[test]
fn either_version_will_do_unless_it_is_asked_for_more() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    let rows: [(&[&'static SupportedProtocolVersion], &[&str], Option<&str>); 6] = [
        (ONLY_12, &[], Some("TLSv1.2")),
        (ONLY_13, &[], Some("TLSv1.3")),
        (ONLY_12, &["--tls-min", "1.2"], Some("TLSv1.2")),
        (ONLY_13, &["--tls-min", "1.3"], Some("TLSv1.3")),
        (BOTH, &["--tls-min", "1.3"], Some("TLSv1.3")),
        (ONLY_12, &["--tls-min", "1.3"], None),
    ];
    for way in Way::BOTH {
        for (versions, options, right) in rows {
            let config = papers.config(versions);
            let server = match right {
                Some(_) => willing(way, config),
                None => distrusted(way, config),
            };
            let run = Ehlo::secured_to(&server, way)
                .trusting(&ca.pem())
                .args(options)
                .text_to_bob()
                .run();
            server.finish();
            match right {
                Some(version) => {
                    run.exits(0).all_are("accepted");
                    assert_eq!(run.events("tls")[0]["version"], version);
                }
                None => {
                    is_unmet(&run).says(&["TLS 1.3", "--tls-min"]);
                }
            }
        }
    }
}

#[test]
fn names_of_every_kind_are_matched() {
    let ca = Authority::new();
    let rows: [(&str, &str, &[&str], bool); 9] = [
        ("host name", "mail.crepes.fr", &["mail.crepes.fr"], true),
        (
            "in other letters",
            "MAIL.crepes.fr",
            &["mail.Crepes.fr"],
            true,
        ),
        (
            "one of many",
            "mail.crepes.fr",
            &["a.example", "mail.crepes.fr"],
            true,
        ),
        ("wildcard", "mail.crepes.fr", &["*.crepes.fr"], true),
        (
            "wildcard, two labels",
            "a.mail.crepes.fr",
            &["*.crepes.fr"],
            false,
        ),
        ("wildcard, no label", "crepes.fr", &["*.crepes.fr"], false),
        (
            "internationalized",
            "mail.crêpes.example",
            &["mail.xn--crpes-isa.example"],
            true,
        ),
        ("address", "127.0.0.1", &["127.0.0.1"], true),
        ("address as a name", "127.0.0.1", &["localhost"], false),
    ];
    for (row, relay, names, good) in rows {
        let config = ca.issue(names).config(BOTH);
        let server = if good {
            willing(Way::Starttls, config)
        } else {
            distrusted(Way::Starttls, config)
        };
        let run = Ehlo::secured_to_host(&server, Way::Starttls, relay)
            .trusting(&ca.pem())
            .text_to_bob()
            .run();
        println!("{row}: {}", run.stderr);
        server.finish();
        if good {
            run.exits(0).all_are("accepted");
            assert_eq!(run.events("tls")[0]["verified"], true);
        } else {
            is_unmet(&run).says(&["is for", ", not for ", "--ca-file", "-k"]);
        }
    }
}

#[test]
fn a_name_given_by_tls_name_stands_instead_of_the_relays() {
    let ca = Authority::new();
    for (name, good) in [("inner.crepes.fr", true), ("127.0.0.1", false)] {
        let config = ca.issue(&["inner.crepes.fr"]).config(BOTH);
        let server = if good {
            willing(Way::Implicit, config)
        } else {
            distrusted(Way::Implicit, config)
        };
        let run = Ehlo::secured_to(&server, Way::Implicit)
            .trusting(&ca.pem())
            .args(["--tls-name", name])
            .text_to_bob()
            .run();
        server.finish();
        if good {
            run.exits(0).all_are("accepted");
        } else {
            is_unmet(&run).says(&["is for inner.crepes.fr, not for 127.0.0.1"]);
        }
    }
}

#[test]
fn a_chain_with_an_intermediate_is_followed_and_shown() {
    let ca = Authority::new();
    let config = ca
        .intermediate(AS_IS)
        .intermediate(AS_IS)
        .issue(LOOPBACK)
        .config(BOTH);
    let server = willing(Way::Implicit, config);
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).all_are("accepted");
    assert_eq!(run.events("tls")[0]["chain"].as_array().unwrap().len(), 3);
}

#[test]
fn a_server_that_forgets_its_intermediate_is_of_an_unknown_ca() {
    let ca = Authority::new();
    let mut papers = ca.intermediate(AS_IS).issue(LOOPBACK);
    papers.chain.truncate(1);
    let server = distrusted(Way::Implicit, papers.config(BOTH));
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    is_unmet(&run).says(&["unknown CA", "Test Intermediate", "--ca-file"]);
}

#[test]
fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    let ours = ca.issue(&["me.example"]);
    for versions in [ONLY_12, ONLY_13] {
        for (must, given) in [(true, true), (false, true), (false, false)] {
            let config = papers.asking(versions, &ca, must);
            let server = Server::start(move |talk| {
                Way::Starttls.open(talk, &config);
                talk.take_on(&[]);
                let tls = talk.tls.as_ref().unwrap();
                tls.peer_certificates().map(<[_]>::to_vec)
            });
            let ehlo = Ehlo::secured_to(&server, Way::Starttls).trusting(&ca.pem());
            let ehlo = if given { ehlo.showing(&ours) } else { ehlo };
            let run = ehlo.text_to_bob().run();
            let shown = server.finish();
            assert_eq!(shown, given.then(|| ours.chain.clone()));
            run.exits(0).all_are("accepted");
        }
    }
}

#[test]
fn a_client_certificate_that_is_demanded_and_not_there_is_an_unmet_demand() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    for way in Way::BOTH {
        for versions in [ONLY_12, ONLY_13] {
            let config = papers.asking(versions, &ca, true);
            let server = Server::start(move |talk| {
                way.before(talk);
                assert!(talk.shake_hands(&config).is_err(), "nothing was shown");
                talk.inbox.clear();
                // What the client may have sent inside TLS by now cannot be read.
                talk.rest();
            });
            let run = Ehlo::secured_to(&server, way)
                .trusting(&ca.pem())
                .text_to_bob()
                .run();
            server.finish();
            println!("{way:?}, {versions:?}");
            is_unmet(&run).says(&["--cert"]);
            let said = run.events("sent");
            assert!(said.iter().all(|sent| sent["stage"] != "mail"), "{run:#?}");
        }
    }
}

#[test]
fn a_client_certificate_by_somebody_else_is_refused_by_the_server() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    let foreign = Authority::named("Somebody Else").issue(&["me.example"]);
    for versions in [ONLY_12, ONLY_13] {
        let config = papers.asking(versions, &ca, true);
        let server = Server::start(move |talk| {
            talk.shake_hands(&config).unwrap_err();
            talk.inbox.clear();
            talk.rest();
        });
        let run = Ehlo::secured_to(&server, Way::Implicit)
            .trusting(&ca.pem())
            .showing(&foreign)
            .text_to_bob()
            .run();
        server.finish();
        println!("{versions:?}");
        is_unmet(&run).says(&["--cert"]);
    }
}

#[test]
fn files_that_will_not_do_are_refused_before_connecting() {
    let ca = Authority::new();
    let papers = ca.issue(&["me.example"]);
    let stranger = ca.issue(&["me.example"]);
    let refused = |code: i32, options: &[&str], words: &[&str]| {
        let server = Server::untouched();
        let ehlo = Ehlo::secured_to(&server, Way::Implicit);
        ehlo.private("ca.pem", ca.pem());
        ehlo.file("cert.pem", papers.pem());
        ehlo.private("key.pem", papers.key_pem());
        ehlo.private("other.pem", stranger.key_pem());
        ehlo.file("empty.pem", "");
        ehlo.file("rubbish.pem", "-----BEGIN CERTIFICATE-----\n????\n");
        ehlo.file("open.pem", papers.key_pem());
        let group = ehlo.file("group.pem", papers.key_pem());
        fs::set_permissions(group, Permissions::from_mode(0o660)).unwrap();
        let run = ehlo.args(options).text_to_bob().run();
        server.finish();
        run.exits(code).complains(1).says(words);
        assert!(run.events("connect").is_empty(), "{run:#?}");
    };
    refused(
        66,
        &["--ca-file", "none.pem"],
        &["--ca-file none.pem", "No such file"],
    );
    refused(66, &["--ca-file", "empty.pem"], &["--ca-file empty.pem"]);
    refused(
        66,
        &["--ca-file", "rubbish.pem"],
        &["--ca-file rubbish.pem"],
    );
    refused(66, &["--ca-file", "."], &["--ca-file ."]);
    refused(
        66,
        &["--cert", "cert.pem", "--key", "other.pem"],
        &["--key other.pem", "does not belong to cert.pem"],
    );
    refused(
        66,
        &["--cert", "none.pem", "--key", "key.pem"],
        &["--cert none.pem"],
    );
    refused(
        66,
        &["--cert", "cert.pem", "--key", "none.pem"],
        &["--key none.pem"],
    );
    refused(
        66,
        &["--cert", "cert.pem", "--key", "ca.pem"],
        &["--key ca.pem"],
    );
    for key in ["open.pem", "group.pem"] {
        refused(
            77,
            &["--cert", "cert.pem", "--key", key],
            &["--key", &format!("chmod 600 {key}")],
        );
    }
    refused(
        73,
        &["--save-certs", "nowhere/x.pem"],
        &["--save-certs nowhere/x.pem"],
    );
    for (options, option) in [
        (&["--cert", "cert.pem"][..], "--key"),
        (&["--key", "key.pem"], "--cert"),
        (&["-k", "--ca-file", "ca.pem"], "--ca-file"),
        (&["--pin", "sha256:00"], "--pin"),
        (&["--tls-name", "a\r\nb"], "--tls-name"),
        (&["--tls-min", "1.1"], "--tls-min"),
    ] {
        refused(64, options, &[option]);
    }
}

#[test]
fn demands_on_tls_contradict_tls_off() {
    for options in [
        &["--ca-file", "ca.pem"][..],
        &["--pin", &format!("sha256:{}", "0".repeat(64))],
        &["--tls-min", "1.3"],
        &["--tls-name", "a.example"],
        &["--save-certs", "x.pem"],
    ] {
        let server = Server::untouched();
        let run = Ehlo::to(&server)
            .args(["--tls", "off"])
            .args(options)
            .text_to_bob()
            .run();
        server.finish();
        run.exits(64).complains(1).says(&[options[0], "--tls off"]);
    }
}

#[test]
fn the_servers_certificates_are_saved_good_or_not() {
    let ca = Authority::new();
    let papers = ca.intermediate(AS_IS).issue(LOOPBACK);
    let stranger = Authority::named("Somebody Else");
    for (trusted, good) in [(&ca, true), (&stranger, false)] {
        let config = papers.config(BOTH);
        let server = if good {
            willing(Way::Starttls, config)
        } else {
            distrusted(Way::Starttls, config)
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("saved.pem");
        let run = Ehlo::secured_to(&server, Way::Starttls)
            .trusting(&trusted.pem())
            .args(["--save-certs".as_ref(), path.as_os_str()])
            .text_to_bob()
            .run();
        server.finish();
        let saved = fs::read_to_string(&path).unwrap();
        assert!(saved.contains(&papers.pem()), "{saved}");
        if good {
            run.exits(0).all_are("accepted");
        } else {
            is_unmet(&run).says(&["unknown CA"]);
        }
    }
}

#[test]
fn a_pin_is_the_certificate_or_its_key_however_it_is_written() {
    let ca = Authority::new();
    let papers = ca.issue(&["another.name"]);
    let colons = |sum: &[u8]| {
        let pairs: Vec<String> = sum.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    };
    let wrong = hex(&[7; 32]);
    let mut pins = Vec::new();
    for sum in [papers.sum(), papers.key_sum()] {
        pins.push(vec![format!("sha256:{}", hex(&sum))]);
        pins.push(vec![format!("sha256:{}", BASE64_STANDARD.encode(&sum))]);
        pins.push(vec![format!("sha256//{}", BASE64_STANDARD.encode(&sum))]);
        pins.push(vec![format!("sha256:{}", colons(&sum))]);
        pins.push(vec![
            format!("sha256:{wrong}"),
            format!("sha256:{}", hex(&sum)),
        ]);
    }
    for pins in pins {
        let server = willing(Way::Starttls, papers.config(BOTH));
        let options = pins.iter().flat_map(|pin| ["--pin", pin]);
        // STARTTLS is demanded by the pin; nothing else says so.
        let run = Ehlo::to(&server)
            .args(["--json"])
            .args(options)
            .text_to_bob()
            .run();
        server.finish();
        run.exits(0).all_are("accepted");
        assert_eq!(run.events("tls")[0]["judgement"], "as pinned", "{pins:?}");
    }
}

#[test]
fn a_wrong_pin_is_refused_and_the_right_sums_are_told() {
    let papers = Authority::new().issue(LOOPBACK);
    for way in Way::BOTH {
        for versions in [ONLY_12, ONLY_13] {
            let server = distrusted(way, papers.config(versions));
            let run = Ehlo::secured_to(&server, way)
                .args(["--pin", &format!("sha256:{}", hex(&[7; 32]))])
                .text_to_bob()
                .run();
            server.finish();
            is_unmet(&run).says(&[
                "--pin",
                &format!("sha256:{}", hex(&papers.sum())),
                &format!("sha256:{}", hex(&papers.key_sum())),
            ]);
        }
    }
}

#[test]
fn a_pin_is_a_demand_for_starttls() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(["--json", "--pin", &format!("sha256:{}", hex(&[7; 32]))])
        .text_to_bob()
        .run();
    server.finish();
    is_unmet(&run).says(&["STARTTLS"]);
}

#[test]
fn a_pinned_certificate_in_the_hands_of_one_without_its_key_is_refused() {
    let ca = Authority::new();
    for versions in [ONLY_12, ONLY_13] {
        let papers = ca.issue(LOOPBACK);
        let pin = format!("sha256:{}", hex(&papers.sum()));
        let config = papers.with_foreign_key().config(versions);
        for options in [&["--pin", &pin][..], &["--ca-file", "ca.pem"]] {
            let server = distrusted(Way::Implicit, config.clone());
            let ehlo = Ehlo::secured_to(&server, Way::Implicit).args(options);
            ehlo.file("ca.pem", ca.pem());
            let run = ehlo.text_to_bob().run();
            server.finish();
            is_unmet(&run).says(&["signature"]);
        }
    }
}

#[test]
fn a_pinned_certificate_may_be_self_signed_and_expired() {
    let papers = Papers::self_signed(&[], |params| {
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let server = willing(Way::Implicit, papers.config(BOTH));
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .args(["--pin", &format!("sha256:{}", hex(&papers.sum()))])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).all_are("accepted");
}

#[test]
fn a_pin_beside_a_ca_file_must_be_right_as_well_as_the_chain() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    let stranger = Authority::named("Somebody Else");
    let right = format!("sha256:{}", hex(&papers.sum()));
    let wrong = format!("sha256:{}", hex(&[7; 32]));
    for (pin, trusted, good) in [
        (&right, &ca, true),
        (&wrong, &ca, false),
        (&right, &stranger, false),
    ] {
        let config = papers.config(BOTH);
        let server = if good {
            willing(Way::Implicit, config)
        } else {
            distrusted(Way::Implicit, config)
        };
        let run = Ehlo::secured_to(&server, Way::Implicit)
            .args(["--pin", pin])
            .trusting(&trusted.pem())
            .text_to_bob()
            .run();
        server.finish();
        if good {
            run.exits(0).all_are("accepted");
        } else {
            is_unmet(&run);
        }
    }
}

#[test]
fn the_keys_of_the_session_are_written_where_sslkeylogfile_says() {
    let ca = Authority::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let server = willing(Way::Implicit, ca.issue(LOOPBACK).config(ONLY_13));
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .trusting(&ca.pem())
        .env("SSLKEYLOGFILE", &path)
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0);
    let keys = fs::read_to_string(path).unwrap();
    assert!(keys.contains("CLIENT_TRAFFIC_SECRET_0 "), "{keys}");
}

#[test]
fn closing_says_goodbye_in_tls() {
    let ca = Authority::new();
    for versions in [ONLY_12, ONLY_13] {
        let config = ca.issue(LOOPBACK).config(versions);
        let server = Server::start(move |talk| {
            Way::Implicit.open(talk, &config);
            talk.take_on(&[]);
            talk.end();
            talk.has_said_goodbye()
        });
        let run = Ehlo::secured_to(&server, Way::Implicit)
            .trusting(&ca.pem())
            .text_to_bob()
            .run();
        assert!(server.finish(), "no close_notify");
        run.exits(0);
    }
}

#[test]
fn a_large_message_goes_through_tls_as_it_is() {
    let ca = Authority::new();
    let config = ca.issue(LOOPBACK).config(BOTH);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        talk.take_on(&[])
    });
    let content: Vec<u8> = (0..3_000_000u32)
        .map(|i| ((u64::from(i) * 7919) >> 5).to_le_bytes()[0])
        .collect();
    let ehlo = Ehlo::secured_to(&server, Way::Implicit).trusting(&ca.pem());
    ehlo.file("big.bin", &content);
    let run = ehlo.args(["-a", "big.bin"]).text_to_bob().run();
    let text = server.finish().text();
    run.exits(0).all_are("accepted");
    let start = text.rfind("base64\r\n").unwrap();
    let encoded = text[start..].split_once("\r\n\r\n").unwrap().1;
    let encoded = encoded.split_once("\r\n--").unwrap().0.replace("\r\n", "");
    assert!(BASE64_STANDARD.decode(encoded).unwrap() == content);
}

#[test]
fn no_certificate_can_steer_a_terminal() {
    let papers = Papers::self_signed(LOOPBACK, |params| {
        let name = rcgen::DnType::CommonName;
        params
            .distinguished_name
            .push(name, "\u{1b}[2Jevil\u{202e}\r\n*** verified");
    });
    for options in [&["-k", "-v"][..], &["-v"], &["-k", "--json"]] {
        let config = papers.config(BOTH);
        let server = match options[0] {
            "-k" => willing(Way::Implicit, config),
            _ => distrusted(Way::Implicit, config),
        };
        let run = Ehlo::to(&server)
            .args(["--tls", "implicit"])
            .args(options)
            .text_to_bob()
            .run();
        server.finish();
        run.has_nothing_raw();
        assert!(!run.stdout.contains("\n*** verified"), "{run:#?}");
    }
}

#[test]
fn the_next_session_with_a_host_takes_up_the_first_and_is_judged_alike() {
    let ca = Authority::new();
    let config = ca.issue(&["mx.hamburger.edu"]).config(BOTH);
    let server = Server::with_door(move |door| {
        for to in ["bob@hamburger.edu", "bob@crepes.fr"] {
            let mut talk = door.open();
            Way::Starttls.open(&mut talk, &config);
            talk.offer(&[]);
            talk.envelope(&[to]);
            talk.data();
            talk.say("250 taken");
            talk.quit();
            talk.end();
        }
    });
    let dns = crate::dns::Authority::serve(&[
        "hamburger.edu MX 10 mx.hamburger.edu",
        "crepes.fr MX 10 mx.hamburger.edu",
        "crepes.fr MX 20 other.hamburger.edu",
        "mx.hamburger.edu A 127.0.0.1",
        "other.hamburger.edu A 127.0.0.1",
    ]);
    let run = Ehlo::new()
        .args(["--helo", "me.example", "-f", "alice@crepes.fr", "--json"])
        .args(["--dns", &dns.address.to_string()])
        .args(["-p", &server.port.to_string(), "--tls", "starttls"])
        .trusting(&ca.pem())
        .args(["-b", "hi", "bob@hamburger.edu", "bob@crepes.fr"])
        .run();
    server.finish();
    run.exits(0).all_are("accepted");
    let all = run.events("tls");
    assert_eq!(
        (&all[0]["resumed"], &all[1]["resumed"]),
        (&false.into(), &true.into())
    );
    assert_eq!(all[0]["judgement"], "verified");
    assert_eq!(all[1]["judgement"], "verified");
    assert_eq!(all[0]["chain"], all[1]["chain"]);
}
