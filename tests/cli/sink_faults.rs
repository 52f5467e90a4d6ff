//! What `ehlo sink` does wrong on purpose, as our own sender takes it, and byte for byte.

use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use std::io::{Read, Write};

/// Sends a short message to bob by way of a sink with this fault.
fn send(fault: &str) -> Run {
    let receiver = Receiver::start(&["--fault", fault]);
    let relay = receiver.relay();
    Ehlo::new()
        .args([
            "--json",
            "-r",
            &relay,
            "--helo",
            "me.example",
            "-f",
            "alice@crepes.fr",
        ])
        .text_to_bob()
        .run()
}

#[test]
fn a_sender_sees_each_refusal_at_its_stage() {
    for (fault, exit, verdict) in [
        ("banner=554 5.3.2 no", 69, "refused"),
        ("mail=451 4.3.0 busy", 75, "deferred"),
        ("rcpt=550 5.1.1 no such user", 69, "refused"),
        ("dot=554 5.6.0 no", 69, "refused"),
        ("quit=500 what", 0, "accepted"),
    ] {
        let run = send(fault);
        run.exits(exit).all_are(verdict);
    }
}

#[test]
fn a_connection_that_breaks_is_a_verdict_and_at_the_end_an_open_question() {
    for (fault, verdict) in [
        ("connect=close", "deferred"),
        ("ehlo=reset", "deferred"),
        ("mail=421 4.3.2 bye", "deferred"),
        ("body=reset", "uncertain"),
        ("dot=close", "uncertain"),
        ("dot=reset", "uncertain"),
    ] {
        let run = send(fault);
        let verdicts = run.verdicts();
        assert_eq!(verdicts, [verdict], "{fault}: {run:#?}");
    }
}

#[test]
fn nonsense_and_floods_are_a_protocol_error() {
    for fault in ["ehlo=garbage", "banner=flood", "mail=flood:lines"] {
        let run = send(fault);
        assert_eq!(run.exit, Some(76), "{fault}: {run:#?}");
    }
}

#[test]
fn whoever_hangs_does_so_until_the_peer_goes_or_the_time_is_over() {
    let receiver = Receiver::start(&["--fault", "noop=hang", "--hang-time", "20ms"]);
    assert!(
        receiver
            .say("NOOP\r\nNOOP\r\n")
            .ends_with("ESMTP ehlo sink\r\n")
    );
    let receiver = Receiver::start(&["--fault", "noop=hang", "--json"]);
    drop(receiver.say("NOOP\r\n"));
    let ended = receiver.stop();
    assert_eq!(ended.events("fault")[0]["what"], "hang");
    assert_eq!(ended.events("closed")[0]["reason"], "closed");
}

#[test]
fn a_reply_can_drip_be_late_or_come_twice() {
    let slow = ["--fault", "noop=slow:30ms@2", "--delay", "rset=30ms"];
    let odd = ["--fault", "noop=drip:10ms@1", "--fault", "vrfy=double"];
    let receiver = Receiver::start(&[&slow[..], &odd[..]].concat());
    let mut stream = receiver.connect();
    let mut greeting = [0; "220 localhost ESMTP ehlo sink\r\n".len()];
    stream.read_exact(&mut greeting).unwrap();
    let mut first = [0; 14];
    stream.write_all(b"NOOP\r\n").unwrap();
    // The first piece is not the whole line.
    let count = stream.read(&mut first).unwrap();
    assert!(count < first.len(), "{first:?}");
    stream.read_exact(&mut first[count..]).unwrap();
    assert_eq!(first, *b"250 2.0.0 ok\r\n");
    for command in ["NOOP\r\n", "RSET\r\n"] {
        let start = std::time::Instant::now();
        stream.write_all(command.as_bytes()).unwrap();
        stream.read_exact(&mut first).unwrap();
        assert!(start.elapsed().as_millis() >= 30, "{command}");
    }
    let said = receiver.say("VRFY b\r\nQUIT\r\n");
    assert_eq!(said.matches("252 2.5.0 ").count(), 2, "{said}");
}

#[test]
fn faults_of_tls_come_instead_of_the_handshake() {
    for (fault, words) in [
        ("tls=garbage", "TLS"),
        ("tls=close", "TLS"),
        ("starttls=454 4.7.0 not now", "454 4.7.0 not now"),
    ] {
        let receiver = Receiver::start(&["--tls", "starttls", "--fault", fault]);
        let relay = receiver.relay();
        let arguments = [
            "-k",
            "--tls",
            "starttls",
            "-f",
            "alice@crepes.fr",
            "-r",
            &relay,
        ];
        let run = Ehlo::new().args(arguments).text_to_bob().run();
        assert!(matches!(run.exit, Some(75..=77)), "{fault}: {run:#?}");
        assert!(run.stderr.contains(words), "{fault}: {run:#?}");
    }
}

#[test]
fn a_fault_is_counted_over_the_life_of_the_sink() {
    let receiver = Receiver::start(&["--fault", "mail=451 4.3.0 greylisted@1", "--count", "1"]);
    let relay = receiver.relay();
    let send = || {
        let ehlo = Ehlo::new().args(["-q", "-f", "alice@crepes.fr", "-r", &relay]);
        ehlo.text_to_bob().run()
    };
    send().exits(75).says(&["greylisted"]);
    send().exits(0);
    assert_eq!(receiver.finish().exit, Some(0));
}
