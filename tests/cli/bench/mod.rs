//! The tester's bench: ends before their time, guises, extensions and questions, over a scripted wire.

mod ask;
mod guises;
mod lmtp;
mod requests;
mod stops;

use crate::authority::{Authority, BOTH};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};

/// Sends a short text to bob with these options, reported in JSON, to a server with this script.
fn play(options: &[&str], script: impl FnOnce(&mut Talk) + Send + 'static) -> Run {
    play_to(&["bob@hamburger.edu"], options, script)
}

/// The same to these recipients.
fn play_to(
    recipients: &[&str],
    options: &[&str],
    script: impl FnOnce(&mut Talk) + Send + 'static,
) -> Run {
    let server = Server::start(script);
    let run = Ehlo::to(&server)
        .args(["--json", "-b", "hi"])
        .args(options)
        .args(recipients)
        .run();
    server.finish();
    run
}

/// The same to bob inside TLS, where the script begins with what comes behind the handshake.
fn play_secured(
    way: Way,
    options: &[&str],
    script: impl FnOnce(&mut Talk) + Send + 'static,
) -> Run {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        way.before(talk);
        talk.secure(&config);
        script(talk);
    });
    let run = Ehlo::secured_to(&server, way)
        .trusting(&ca.pem())
        .env("EHLO_PASSWORD", "secret")
        .args(options)
        .text_to_bob()
        .run();
    server.finish();
    run
}

/// Options that are refused with a line that names all of these.
#[track_caller]
fn refuses(options: &[&str], words: &[&str]) {
    let server = Server::untouched();
    let run = Ehlo::to(&server).args(options).text_to_bob().run();
    server.finish();
    run.exits(64).says(words);
}
