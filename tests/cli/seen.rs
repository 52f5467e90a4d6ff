//! What is seen of a conversation, besides its lines: the message, octets, times, colours, summaries; and
//! a command that is the server.

use crate::authority::{self, BOTH};
use crate::dns::Authority;
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;
use std::fs::File;
use std::io::Read as _;

const MESSAGE: &str = "Subject: hi\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nFrom: a@x.org\n\
                       To: b@x.org\nMessage-ID: <1@x.org>\n\nGrüße\n.dot\n";

/// The message above, without extensions.
fn run(arguments: &[&str], script: impl FnOnce(&mut Talk) + Send + 'static) -> Run {
    let server = Server::start(script);
    let ehlo = Ehlo::to(&server);
    ehlo.file("m.eml", MESSAGE);
    let run = ehlo
        .args(["--message", "m.eml"])
        .args(arguments)
        .args(["bob@hamburger.edu"])
        .run();
    server.finish();
    run
}

fn take(talk: &mut Talk) {
    talk.greet(&["8BITMIME"]);
    talk.expect("MAIL FROM:<alice@crepes.fr> BODY=8BITMIME");
    talk.say("250 ok");
    talk.expect("RCPT TO:<bob@hamburger.edu>");
    talk.say("250 ok");
    talk.data();
    talk.say("250 2.0.0 Ok: queued as 4F2");
    talk.quit();
}

#[test]
fn the_message_is_shown_as_it_goes_over_the_wire() {
    let run = run(&["--show-data"], take);
    run.exits(0).complains(0).shows(&[
        ">>> DATA\n354 go on\n>>> Subject: hi\n",
        ">>> \n>>> Grüße\n>>> ..dot\n>>> .\n250 2.0.0 Ok",
    ]);
    let run = self::run(&["--json", "--show-data"], take);
    let lines = run.events("message");
    assert_eq!(lines.len(), 8, "{run:#?}");
    assert_eq!(lines[7]["text"], "..dot");
    let run = self::run(&["--json"], take);
    assert!(run.events("message").is_empty());
}

#[test]
fn every_octet_is_shown_in_place_of_lines() {
    let run = run(&["--hex", "--chunking", "off"], take);
    run.exits(0).complains(0).shows(&[
        "<<< 00000000  32 32 30 20 6d 78 2e 65  78 61 6d 70 6c 65 20 45  |220 mx.example E|\n",
        ">>> 00000000  45 48 4c 4f 20 6d 65 2e  65 78 61 6d 70 6c 65 0d  |EHLO me.example.|\n",
        "  51 55 49 54 0d 0a                                 |QUIT..|\n",
    ]);
    assert!(!run.stdout.contains(">>> EHLO"), "{run:#?}");
    let rows = run
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix(">>> "));
    let octets: Vec<u8> = rows.flat_map(octets).collect();
    let said = String::from_utf8(octets).unwrap();
    let message = MESSAGE
        .replace('\n', "\r\n")
        .replace("\r\n.dot", "\r\n..dot");
    assert!(
        said.contains(&format!("DATA\r\n{message}.\r\nQUIT\r\n")),
        "{said}"
    );
}

/// The octets of one row.
fn octets(row: &str) -> Vec<u8> {
    let (row, _) = row.split_once('|').unwrap();
    let octets = row.split(' ').skip(1).filter(|word| !word.is_empty());
    octets
        .map(|word| u8::from_str_radix(word, 16).unwrap())
        .collect()
}

#[test]
fn times_stand_before_every_line() {
    let run = run(&["--timing"], take);
    for line in run.exits(0).stdout.lines() {
        let (time, _) = line.split_at(8);
        assert!(time.trim().parse::<f64>().unwrap() < 60.0, "{line}");
    }
}

#[test]
fn colors_are_for_terminals_and_for_those_who_want_them_always() {
    let plain = run(&[], take);
    assert!(!plain.stdout.contains('\x1b'), "{plain:#?}");
    let colored = run(&["--color", "always"], take);
    colored.shows(&["\x1b[36m>>> QUIT\x1b[0m\n\x1b[32m221 bye\x1b[0m\n"]);
    // What a server sends is never a colour.
    let steered = run(&["--color", "always"], |talk| {
        talk.send(b"554 \x1b[31mred\r\n");
        talk.quit();
    });
    steered.shows(&["\x1b[31m554 \\x1b[31mred\x1b[0m\n"]);
}

/// What stands on a terminal that is the standard output.
fn on_terminal(variables: &[(&str, &str)]) -> String {
    let mut screen = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let terminal = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    let mut ehlo = Ehlo::new().args(["--pipe", "echo 554 no"]).stdout(terminal);
    for (name, value) in variables {
        ehlo = ehlo.env(name, value);
    }
    ehlo.text_to_bob().run().exits(69);
    let mut seen = Vec::new();
    // The end of a terminal is an error.
    let _ = screen.read_to_end(&mut seen);
    String::from_utf8(seen).unwrap()
}

#[test]
fn on_a_terminal_there_are_colors_unless_somebody_minds() {
    assert!(on_terminal(&[]).contains("\x1b[31m554 no\x1b[0m"));
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let seen = on_terminal(&[variable]);
        assert!(
            seen.contains("554 no") && !seen.contains('\x1b'),
            "{seen:?}"
        );
    }
}

#[test]
fn a_summary_is_one_line_and_with_quiet_the_only_one() {
    let end = "; 250 2.0.0 Ok: queued as 4F2\n";
    for quiet in [&["-q"][..], &["--transcript", "none"]] {
        let run = run(&[quiet, &["--summary"]].concat(), take);
        run.exits(0).complains(0);
        assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
        assert!(run.stdout.starts_with("[127.0.0.1]:") && run.stdout.ends_with(end));
        run.shows(&[
            " connect ",
            ", banner ",
            ", EHLO ",
            ", TLS -, AUTH -, accepted ",
            "; total ",
        ]);
    }
    let run = self::run(&["--summary"], take);
    assert!(run.stdout.ends_with(end), "{run:#?}");
    let run = self::run(&["--json", "--summary"], take);
    let summary = &run.events("summary")[0];
    assert!(summary["accepted_ms"].as_f64().unwrap() <= summary["total_ms"].as_f64().unwrap());
    assert_eq!(
        (&summary["tls_ms"], &summary["queue_id"]),
        (&json!(null), &json!("4F2"))
    );
}

#[test]
fn the_name_that_the_server_gave_the_message_is_in_the_result() {
    let run = run(&["--json"], take);
    assert_eq!(run.result()["recipients"][0]["queue_id"], "4F2");
    assert_eq!(run.events("settled")[0]["verdict"], "accepted");
    let run = self::run(&["-v"], take);
    run.shows(&["bob@hamburger.edu... Sent (Ok: queued as 4F2), queue id 4F2\n"]);
}

#[test]
fn every_answer_of_the_dns_is_an_event() {
    let dns = Authority::serve(&["hamburger.edu MX 10 mx.hamburger.edu"]);
    let server = dns.address.to_string();
    let run = Ehlo::new()
        .args(["--json", "--dns", &server, "-4", "-f", "alice@crepes.fr"])
        .text_to_bob()
        .run();
    let answers = run.events("answer");
    assert_eq!(answers[0]["records"], json!(["10 mx.hamburger.edu."]));
    assert!(answers[0]["ttl"].is_u64() && answers[0]["error"].is_null());
    for (answer, kind) in answers[1..].iter().zip(["TXT", "A"]) {
        assert_eq!(
            (&answer["type"], &answer["records"]),
            (&json!(kind), &json!([]))
        );
        assert!(answer["error"].is_string(), "{answers:?}");
    }
    assert_eq!(answers.len(), 3);
}

#[test]
fn what_is_no_reply_is_an_event_too() {
    let run = run(&["--json"], |talk| {
        talk.say("220-hello\n220-world");
        talk.close();
    });
    run.exits(75);
    assert_eq!(
        run.events("unfinished")[0]["lines"],
        json!(["220-hello", "220-world"])
    );
    assert_eq!(
        run.events("error")[0]["reason"],
        "the connection was closed"
    );
}

#[test]
fn swaks_shows_tls_and_refusals_by_its_marks() {
    let ca = authority::Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        talk.greet(&["STARTTLS"]);
        talk.expect("STARTTLS");
        talk.say("220 go on");
        talk.secure(&config);
        talk.offer(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("550-no\n550 such user");
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .trusting(&ca.pem())
        .args(["--tls", Way::Starttls.option(), "--transcript", "swaks"])
        .text_to_bob()
        .run();
    let port = server.port;
    server.finish();
    run.exits(69).complains(1).shows(&[
        &format!("=== Trying 127.0.0.1:{port}...\n=== Connected to 127.0.0.1.\n<-  220 mx.example ESMTP\n"),
        " -> STARTTLS\n<-  220 go on\n=== TLS started with cipher TLSv1.3:TLS_AES_256_GCM_SHA384:256\n",
        "=== TLS no local certificate set\n=== TLS peer DN=\"/CN=",
        " ~> RCPT TO:<bob@hamburger.edu>\n<~* 550-no\n<~* 550 such user\n ~> QUIT\n<~  221 bye\n",
        "=== Connection closed with remote host.\n",
    ]);
}

#[test]
fn what_cannot_be_shown_is_refused_by_name() {
    for (arguments, words) in [
        (&["--hex", "--json"][..], ["--hex", "--json"]),
        (&["--hex", "--transcript", "json"], ["--hex", "json"]),
        (&["--timing", "--transcript", "none"], ["--timing", "none"]),
        (&["--show-data", "-q"], ["--show-data", "--quiet"]),
        (&["--pipe", "x", "-r", "y"], ["--pipe", "--relay"]),
        (&["--pipe", "x", "-4"], ["--pipe", "--ipv4"]),
        (&["--pipe", " "], ["--pipe", "command"]),
    ] {
        let run = Ehlo::new().args(arguments).text_to_bob().run();
        run.exits(64).complains(1).says(&words);
    }
}

/// A server in shell that takes everything and ends with this status.
fn shell(status: u8) -> String {
    format!(
        "printf '\\n**** for people\\n220 pipe\\r\\n'
         while read -r word rest; do case $word in
           EHLO*) printf '250 pipe\\r\\n' ;;
           DATA*) printf '354 go\\r\\n'; while read -r line && [ \"$line\" != \"$(printf '.\\r')\" ]; do :; done
                  printf '250 ok\\r\\n' ;;
           QUIT*) printf '221 bye\\r\\n'; exit {status} ;;
           *) printf '250 ok %s\\r\\n' \"${{EHLO_PASSWORD-none}}\" ;;
         esac; done"
    )
}

fn pipe(command: &str, arguments: &[&str]) -> Run {
    Ehlo::new()
        .args([
            "--helo",
            "me.example",
            "-f",
            "alice@crepes.fr",
            "--pipe",
            command,
        ])
        .args(arguments)
        .env("EHLO_PASSWORD", "hunter2")
        .text_to_bob()
        .run()
}

#[test]
fn a_command_is_a_server() {
    let run = pipe(&shell(3), &[]);
    run.exits(0).complains(0).shows(&[
        "220 pipe\n>>> EHLO me.example\n250 pipe\n",
        "250 ok none\n",
        "*** output of the command: **** for people\n*** the command exited with status 3\n",
        "bob@hamburger.edu... Sent (ok)\n",
    ]);
    let run = pipe(&shell(0), &["--json"]);
    let result = run.result();
    let recipient = result["recipients"][0].as_object().unwrap();
    assert!(
        recipient["command"]
            .as_str()
            .unwrap()
            .contains("while read")
    );
    assert!(!recipient.contains_key("port"), "{recipient:?}");
}

#[test]
fn a_command_that_ends_at_once_could_not_be_connected_to() {
    let run = pipe("echo oops >&2; exit 7", &["-q"]);
    run.exits(75)
        .says(&["oops\n", "cannot connect to ", "exited with status 7"]);
}

#[test]
fn a_command_can_be_probed() {
    let command = shell(0);
    let run = Ehlo::new().args(["probe", "--pipe", &command]).run();
    run.exits(0).shows(&["greeting    pipe\n"]);
}

#[test]
fn a_message_for_a_command_can_wait_in_the_queue() {
    let home = Ehlo::new();
    let queue = home.path("queue");
    let arguments = ["--queue", "--queue-dir", queue.to_str().unwrap()];
    let run = pipe(&shell(0), &arguments);
    run.exits(0)
        .complains(0)
        .shows(&["*** queued as ", "... Sent (ok)\n"]);
}
