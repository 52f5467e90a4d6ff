use crate::transcript::swaks::*;

fn text(options: TranscriptOptions, happenings: &[Event<'_>]) -> String {
    let mut out = Vec::new();
    let mut transcript = Swaks::new(&mut out, options);
    for &what in happenings {
        transcript.on_event(what);
    }
    String::from_utf8(out).unwrap()
}

fn received(code: u16, stage: Stage) -> Event<'static> {
    Event::Received {
        code,
        enhanced: None,
        lines: &[],
        stage,
    }
}

fn sent(line: &str, stage: Stage) -> Event<'_> {
    Event::Sent { line, stage }
}

const SECURED: TlsSummary<'_> = TlsSummary {
    version: "TLSv1.3",
    cipher: "TLS13_AES_256_GCM_SHA384",
    group: None,
    resumed: false,
    name: "mx.example",
    verified: true,
    judgement: "verified",
    policy: None,
    chain: &[],
    own: None,
};

#[test]
fn session_is_shown_in_the_format_of_swaks() {
    let peer = PeerAddress::Tcp("127.0.0.1:2525".parse().unwrap());
    let happenings = [
        Event::Host {
            name: "[127.0.0.1]",
            port: Some(2525),
            recipients: &[],
        },
        Event::Connect(&peer),
        Event::Connected(&peer),
        Event::Line("220 mx.example"),
        received(220, Stage::Banner),
        sent("EHLO me.example", Stage::Ehlo),
        Event::Line("250-mx.example"),
        Event::Line("250 STARTTLS"),
        received(250, Stage::Ehlo),
        Event::Secured(SECURED),
        sent("RCPT TO:<eve@x.org>", Stage::Rcpt),
        Event::Line("550 no"),
        received(550, Stage::Rcpt),
        sent("DATA", Stage::Data),
        Event::Line("354 go on"),
        received(354, Stage::Data),
        Event::Carried(b"Subject: x\r\n\r\n..h"),
        Event::Carried(b"i\r\n"),
        Event::Data { bytes: 1 },
        sent(".", Stage::Dot),
        Event::Line("250 ok"),
        received(250, Stage::Dot),
        Event::Closed,
    ];
    assert_eq!(
        text(TranscriptOptions::default(), &happenings),
        "=== Trying 127.0.0.1:2525...\n\
         === Connected to 127.0.0.1.\n\
         <-  220 mx.example\n\
         \x20-> EHLO me.example\n\
         <-  250-mx.example\n\
         <-  250 STARTTLS\n\
         === TLS started with cipher TLSv1.3:TLS_AES_256_GCM_SHA384:256\n\
         === TLS no local certificate set\n\
         === TLS peer DN=\"\"\n\
         \x20~> RCPT TO:<eve@x.org>\n\
         <~* 550 no\n\
         \x20~> DATA\n\
         <~  354 go on\n\
         \x20~> Subject: x\n\
         \x20~> \n\
         \x20~> ..hi\n\
         \x20~> .\n\
         <~  250 ok\n\
         === Connection closed with remote host.\n"
    );
}

#[test]
fn failures_are_shown_after_asterisks() {
    let peer = PeerAddress::Tcp("127.0.0.1:1".parse().unwrap());
    let happenings = [
        Event::NotConnected {
            peer: &peer,
            why: "Connection refused",
        },
        Event::Line("garbage"),
        Event::Failed {
            stage: Stage::Mail,
            why: "x",
            hung_up: true,
        },
    ];
    assert_eq!(
        text(TranscriptOptions::default(), &happenings),
        "*** Error connecting to 127.0.0.1:1:\n\
         *** \tConnection refused\n\
         <** garbage\n\
         *** Remote host closed connection unexpectedly.\n"
    );
}

#[test]
fn octets_are_shown_after_the_lines() {
    let hex = TranscriptOptions {
        hex: true,
        ..TranscriptOptions::default()
    };
    let happenings = [
        sent("QUIT", Stage::Quit),
        Event::Octets {
            from: ClosedBy::Client,
            bytes: b"QUIT\r\n",
        },
    ];
    assert_eq!(
        text(hex, &happenings),
        " -> QUIT\n  > 0000: 51 55 49 54  0D 0A                                    QUIT..          \n"
    );
}

#[test]
fn replies_that_swaks_does_not_expect_are_marked() {
    for (code, stage, mark) in [
        (220, Stage::Banner, "<- "),
        (250, Stage::Banner, "<**"),
        (251, Stage::Rcpt, "<**"),
        (353, Stage::Dot, "<- "),
        (354, Stage::Dot, "<**"),
        (250, Stage::Quit, "<**"),
        (334, Stage::Auth, "<- "),
        (252, Stage::Ask, "<- "),
    ] {
        let line = format!("{code} x");
        let happenings = [Event::Line(&line), received(code, stage)];
        let right = format!("{mark} {line}\n");
        assert_eq!(
            text(TranscriptOptions::default(), &happenings),
            right,
            "{stage:?}"
        );
    }
}

#[test]
fn end_of_a_connection_is_shown_once() {
    let peers = [
        PeerAddress::Tcp("127.0.0.1:25".parse().unwrap()),
        PeerAddress::Unix("/run/x".into()),
        PeerAddress::Pipe("x".to_owned()),
    ];
    let others = ["Remote host", "Socket", "Child process"];
    let whom = ["remote host", "remote host", "child process"];
    for ((peer, other), whom) in peers.iter().zip(others).zip(whom) {
        let end = |parting| {
            let mut happenings = vec![Event::Connect(peer)];
            happenings.extend(parting);
            happenings.push(Event::Parting(ConnectionClose::Command("it ended")));
            happenings.push(Event::Closed);
            let all = text(TranscriptOptions::default(), &happenings);
            all.split_once('\n').unwrap().1.to_owned()
        };
        assert_eq!(end(None), format!("=== Connection closed with {whom}.\n"));
        let dropped = Event::Parting(ConnectionClose::Dropped);
        assert_eq!(end(Some(dropped)), "=== Dropping connection\n");
        let hung_up = Event::Parting(ConnectionClose::HungUp);
        let right = format!("*** {other} closed connection unexpectedly.\n");
        assert_eq!(end(Some(hung_up)), right);
    }
}
