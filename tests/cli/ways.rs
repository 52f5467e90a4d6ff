//! Ways to get there: unix sockets, an address of ours, a detour; and what does not fit together.

use crate::message::Message;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use serde_json::{Value, json};
use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

fn take(talk: &mut Talk) -> Message {
    talk.take()
}

/// To bob through this relay.
fn through(relay: &str) -> Ehlo {
    Ehlo::new().args(["--helo", "me.example", "-f", "alice@crepes.fr", "-r", relay])
}

/// Takes one message on a unix socket.
fn on_socket(listener: UnixListener) -> JoinHandle<Message> {
    set_socket_timeout(&listener, Timeout::Recv, Some(Duration::from_secs(10))).unwrap();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("nobody connected");
        let mut talk = Talk::over(stream);
        let message = talk.take();
        talk.end();
        message
    })
}

/// The events of `--json` with this name.
fn events(run: &Run, name: &str) -> Vec<Value> {
    let lines = run.stdout.lines();
    let all = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|event| event["event"] == name).collect()
}

#[test]
fn a_unix_socket_takes_mail_by_its_path() {
    for unix in ["", "unix:"] {
        let ehlo = Ehlo::new();
        let path = ehlo.path("x.sock");
        let shown = path.to_str().unwrap();
        let server = on_socket(UnixListener::bind(&path).unwrap());
        let run = ehlo
            .args(["--helo", "me.example", "-f", "alice@crepes.fr"])
            .args(["-r", &format!("{unix}{shown}")])
            .text_to_bob()
            .run();
        assert_eq!(server.join().unwrap().body(), "hi\r\n");
        run.exits(0).complains(0);
        let begin = format!(
            "bob@hamburger.edu... Connecting to {shown}...\nTrying {shown}... Connected.\n220 "
        );
        assert!(run.stdout.starts_with(&begin), "{run:#?}");
        let end = "bob@hamburger.edu... Sent (taken)\n";
        assert!(run.stdout.ends_with(end), "{run:#?}");
    }
}

#[test]
fn a_unix_socket_has_a_path_in_json() {
    let ehlo = Ehlo::new();
    let path = ehlo.path("x.sock");
    let path_text = path.to_str().unwrap();
    let server = on_socket(UnixListener::bind(&path).unwrap());
    let run = ehlo
        .args(["--helo", "me.example", "-f", "alice@crepes.fr"])
        .args(["--json", "-r", path_text])
        .text_to_bob()
        .run();
    server.join().unwrap();
    run.exits(0).complains(0).all_are("accepted");
    for name in ["connect", "connected"] {
        let event = &events(&run, name)[0];
        assert_eq!(event["path"], path_text, "{run:#?}");
        assert_eq!((&event["ip"], &event["port"]), (&Value::Null, &Value::Null));
    }
    let bob = &run.result()["recipients"][0];
    assert_eq!(bob["path"], path_text);
    assert_eq!((&bob["ip"], &bob["port"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_unix_socket_that_is_missing_or_dead_is_named_and_may_come_later() {
    for (make, why) in [
        (false, "No such file or directory"),
        (true, "Connection refused"),
    ] {
        let ehlo = Ehlo::new();
        let path = ehlo.path("x.sock");
        if make {
            drop(UnixListener::bind(&path).unwrap());
        }
        let path = path.to_str().unwrap();
        let run = ehlo
            .args(["-f", "alice@crepes.fr", "--json", "-r", path])
            .text_to_bob()
            .run();
        run.exits(75).complains(1).all_are("deferred");
        let sentence = format!("cannot connect to {path} for <bob@hamburger.edu>: {why}\n");
        run.says(&[&sentence]);
        assert_eq!(events(&run, "closed")[0]["error"], why);
    }
}

#[test]
fn a_unix_socket_has_no_port() {
    let run = through("/run/x.sock").args(["-p", "25"]).text_to_bob();
    run.run()
        .exits(64)
        .complains(1)
        .says(&["--port 25", "/run/x.sock"]);
}

#[test]
fn the_server_sees_the_address_that_we_bind_to() {
    let server = Server::start(|talk| {
        talk.take();
        talk.client().to_string()
    });
    let run = Ehlo::to(&server)
        .args(["--bind", "127.0.0.2"])
        .text_to_bob()
        .run();
    assert_eq!(server.finish(), "127.0.0.2");
    run.exits(0).complains(0);
}

#[test]
fn an_address_that_is_not_ours_is_named_and_nothing_is_sent() {
    let server = Server::untouched();
    let run = Ehlo::to(&server)
        .args(["--bind", "203.0.113.1", "--json"])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(75).complains(1).all_are("deferred").says(&[
        "cannot use 203.0.113.1 as the local address (--bind): Cannot assign requested address\n",
    ]);
}

#[test]
fn ends_of_two_families_are_a_wrong_command_line() {
    for (arguments, one, other) in [
        (["--bind", "::1"], "--bind ::1", "--relay [127.0.0.1]"),
        (["--connect-to", "[::1]"], "-4", "--connect-to [::1]"),
        (["--bind", "::2"], "--bind ::2", "-4"),
    ] {
        let server = Server::untouched();
        let four = (!other.starts_with("--relay")).then_some("-4");
        let run = Ehlo::to(&server)
            .args(arguments)
            .args(four)
            .text_to_bob()
            .run();
        server.finish();
        run.exits(64).complains(1).says(&[one, other]);
    }
    let run = through("[::1]:25").args(["-4"]).text_to_bob().run();
    run.exits(64).complains(1).says(&["-4", "--relay [::1]"]);
}

#[test]
fn a_detour_leads_to_the_server_and_the_name_of_the_relay_stays() {
    let server = Server::start(take);
    let way = format!("127.0.0.1:{}", server.port);
    let run = through("relay.invalid:587")
        .args(["--connect-to", &way])
        .text_to_bob()
        .run();
    assert_eq!(server.finish().body(), "hi\r\n");
    run.exits(0).complains(0);
    let begin = format!(
        "bob@hamburger.edu... Connecting to relay.invalid. (submission)...\n\
         Trying {way}... Connected.\n220 "
    );
    assert!(run.stdout.starts_with(&begin), "{run:#?}");
}

#[test]
fn a_detour_without_a_port_has_the_one_that_is_meant() {
    let server = Server::start(take);
    let run = through(&format!("relay.invalid:{}", server.port))
        .args(["--connect-to", "127.0.0.1", "--json"])
        .text_to_bob()
        .run();
    let port = server.port;
    server.finish();
    run.exits(0).complains(0).all_are("accepted");
    let bob = &run.result()["recipients"][0];
    let (host, ip) = (&bob["host"], &bob["ip"]);
    assert_eq!((host, ip), (&json!("relay.invalid"), &json!("127.0.0.1")));
    assert_eq!(bob["port"], port);
}

#[test]
fn a_detour_may_be_a_unix_socket_and_is_told_beside_the_name() {
    let ehlo = through("relay.invalid");
    let path = ehlo.path("x.sock");
    let path = path.to_str().unwrap();
    let run = ehlo.args(["--connect-to", path]).text_to_bob().run();
    run.exits(75).complains(1).says(&[&format!(
        "cannot connect to relay.invalid [{path}] for <bob@hamburger.edu>: No such file"
    )]);
    let begin = "bob@hamburger.edu... Connecting to relay.invalid. (smtp)...\n";
    assert!(run.stdout.starts_with(begin), "{run:#?}");
}

#[test]
fn a_detour_that_cannot_be_found_is_named() {
    let run = through("127.0.0.1")
        .args(["--connect-to", "nowhere.invalid", "--dns", "127.0.0.1:9"])
        .text_to_bob()
        .run();
    run.exits(68)
        .complains(1)
        .says(&["cannot find the address of nowhere.invalid: "]);
}

#[test]
fn every_address_of_a_name_is_tried_until_one_takes_it() {
    // Where localhost is ::1 too, nobody listens there.
    let server = Server::start(take);
    let run = through(&format!("localhost:{}", server.port))
        .text_to_bob()
        .run();
    let last = format!("Trying 127.0.0.1:{}... Connected.\n", server.port);
    server.finish();
    run.exits(0).complains(0);
    assert!(run.stdout.contains(&last), "{run:#?}");
}
