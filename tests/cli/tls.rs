//! TLS as it should be: what is verified, what is shown, and what is forgotten.

use crate::authority::{AS_IS, Authority, BOTH, ONLY_12, ONLY_13, Papers};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Stage};
use serde_json::Value;
use std::fs;

const LOOPBACK: &[&str] = &["127.0.0.1"];

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
        assert_eq!((&tls["verified"], &tls["judgement"]), (&true.into(), &"verified".into()));
        assert_eq!(tls["chain"].as_array().unwrap().len(), 1);
        assert_eq!(tls["chain"][0]["names"][0], "127.0.0.1");
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
