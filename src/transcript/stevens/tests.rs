use crate::smtp::stage::Stage;
use crate::transcript::stevens::*;

/// A writer that fails with the given error.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_beginning_of_stevens_dialogue() {
    let mut out = Vec::new();
    let mut transcript = Stevens::new(&mut out, TranscriptOptions::default());
    let recipients = ["rstevens@noao.edu".to_owned()];
    let address = PeerAddress::Tcp("140.252.1.54:25".parse().unwrap());
    transcript.on_event(Event::Host {
        name: "mailhost.tuc.noao.edu",
        port: Some(25),
        recipients: &recipients,
    });
    transcript.on_event(Event::Connect(&address));
    transcript.on_event(Event::Connected(&address));
    transcript.on_event(Event::Line("500 Command unrecognized"));
    transcript.on_event(Event::Sent {
        line: "HELO sun.tuc.noao.edu",
        stage: Stage::Helo,
    });
    transcript.on_event(Event::Settled {
        recipient: "rstevens@noao.edu",
        status: RecipientStatus::Accepted,
        words: "Mail accepted",
        queue_id: None,
    });
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "rstevens@noao.edu... Connecting to mailhost.tuc.noao.edu. (smtp)...\n\
         Trying 140.252.1.54:25... Connected.\n\
         500 Command unrecognized\n\
         >>> HELO sun.tuc.noao.edu\n\
         rstevens@noao.edu... Sent (Mail accepted)\n"
    );
}

fn peers() -> [PeerAddress; 2] {
    ["[2001:db8::1]:25", "192.0.2.1:25"].map(|address| PeerAddress::Tcp(address.parse().unwrap()))
}

fn text(happenings: &[Event<'_>]) -> String {
    let mut out = Vec::new();
    let mut transcript = Stevens::new(&mut out, TranscriptOptions::default());
    for &what in happenings {
        transcript.on_event(what);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn an_attempt_beside_another_has_a_line_of_its_own() {
    let [six, four] = &peers();
    let both = [Event::Connect(six), Event::Connect(four)];
    let trying = "Trying [2001:db8::1]:25... \nTrying 192.0.2.1:25... ";
    for (winner, end) in [
        (four, "Connected.\n"),
        (six, "\nConnected to [2001:db8::1]:25.\n"),
    ] {
        let all = [&both[..], &[Event::Connected(winner)]].concat();
        assert_eq!(text(&all), format!("{trying}{end}"));
    }
}

#[test]
fn failure_is_on_the_line_of_its_attempt_or_names_it() {
    let [six, four] = &peers();
    let why = "Connection refused";
    assert_eq!(
        text(&[
            Event::Connect(six),
            Event::Connect(four),
            Event::NotConnected { peer: six, why },
            Event::Connected(four),
        ]),
        "Trying [2001:db8::1]:25... \nTrying 192.0.2.1:25... \n\
         [2001:db8::1]:25: Connection refused.\nConnected to 192.0.2.1:25.\n"
    );
    assert_eq!(
        text(&[
            Event::Connect(six),
            Event::NotConnected { peer: six, why },
            Event::Connect(four),
            Event::Connected(four),
        ]),
        "Trying [2001:db8::1]:25... Connection refused.\nTrying 192.0.2.1:25... Connected.\n"
    );
}

#[test]
fn unix_socket_is_shown_without_service_and_trailing_dot() {
    let recipients = ["a@x.org".to_owned()];
    let host = Event::Host {
        name: "/run/x.sock",
        port: None,
        recipients: &recipients,
    };
    assert_eq!(text(&[host]), "a@x.org... Connecting to /run/x.sock...\n");
}

#[test]
fn closed_pipe_is_not_a_failure_and_a_full_disk_is() {
    let mut gone = Stevens::new(
        Broken(io::ErrorKind::BrokenPipe),
        TranscriptOptions::default(),
    );
    gone.on_event(Event::Note("x"));
    assert!(!gone.is_closed());
    let mut full = Stevens::new(
        Broken(io::ErrorKind::StorageFull),
        TranscriptOptions::default(),
    );
    full.on_event(Event::Note("x"));
    assert!(full.is_closed());
}

#[test]
fn details_are_shown_with_verbose() {
    for verbose in [false, true] {
        let mut out = Vec::new();
        let options = TranscriptOptions {
            verbose,
            ..TranscriptOptions::default()
        };
        Stevens::new(&mut out, options).on_event(Event::Detail("why"));
        assert_eq!(!out.is_empty(), verbose);
    }
}
