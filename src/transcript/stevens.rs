//! The transcript of `mail -v` in TCP/IP Illustrated, chapter 28: server lines bare, ours behind
//! `>>> `, remarks behind `*** `.

use super::Lines;
use crate::peer::Peer;
use crate::text::shown;
use crate::watch::{Happening, Watch};
use std::io::{self, Write};

/// How many recipients are named before the rest is a number.
const NAMED: usize = 3;

/// A transcript for people.
pub struct Stevens<W> {
    lines: Lines<W>,
    verbose: bool,
    /// The attempt whose line has no end yet, because it is not decided.
    trying: Option<Peer>,
}

impl<W: Write> Stevens<W> {
    /// A transcript on `out`.
    pub fn new(out: W, verbose: bool) -> Self {
        Self {
            lines: Lines::new(out),
            verbose,
            trying: None,
        }
    }

    /// A new attempt; the line of one that is still under way is ended before.
    fn tries(&mut self, peer: &Peer) -> String {
        let end = self.end_of_line();
        self.trying = Some(peer.clone());
        format!("{end}Trying {peer}... ")
    }

    /// What became of an attempt: on its own line while that is open, else on another that names it.
    fn decided(&mut self, peer: &Peer, here: &str, elsewhere: &str) -> String {
        if self.trying.as_ref() == Some(peer) {
            self.trying = None;
            return format!("{here}.\n");
        }
        format!("{}{elsewhere}.\n", self.end_of_line())
    }

    fn end_of_line(&mut self) -> &'static str {
        match self.trying.take() {
            Some(_) => "\n",
            None => "",
        }
    }

    /// Why it could not be written; a reader that went away is no failure.
    #[must_use]
    pub fn failure(&self) -> Option<&io::Error> {
        self.lines.failure()
    }
}

impl<W: Write> Watch for Stevens<W> {
    fn happened(&mut self, what: Happening<'_>) {
        let text = match what {
            Happening::Fallback { profile, error } => match error {
                None => format!("*** trying the profile {}\n", shown(profile)),
                Some(why) => format!(
                    "*** cannot try the profile {}: {}\n",
                    shown(profile),
                    shown(why)
                ),
            },
            Happening::Note(text) => format!("*** {}\n", shown(text)),
            Happening::Queued { id } => format!("*** queued as {id}\n"),
            Happening::Detail(text) if self.verbose => format!("*** {}\n", shown(text)),
            Happening::Lookup { kind, name } if self.verbose => {
                format!("*** looking up {kind} of {}\n", shown(name))
            }
            Happening::Host {
                name,
                port,
                recipients,
            } => {
                let place = place(name, port);
                if recipients.is_empty() {
                    return self.lines.put(&format!("Connecting to {place}...\n"));
                }
                format!("{}... Connecting to {place}...\n", shown(&whom(recipients)))
            }
            Happening::Connect(peer) => self.tries(peer),
            Happening::Connected(peer) => {
                self.decided(peer, "Connected", &format!("Connected to {peer}"))
            }
            Happening::NotConnected { peer, why } => {
                let why = shown(why.trim_end_matches('.'));
                self.decided(peer, &why, &format!("{peer}: {why}"))
            }
            Happening::Secured(secured) => super::tls::shown(&secured, self.verbose),
            Happening::Distrusted { name, why, chain } => {
                super::tls::distrusted(name, why, chain, self.verbose)
            }
            Happening::Sent { line, .. } => format!(">>> {line}\n"),
            Happening::Line(line) => format!("{line}\n"),
            Happening::Settled {
                recipient,
                word,
                words,
            } => settled(recipient, word, words),
            Happening::Detail(_)
            | Happening::Lookup { .. }
            | Happening::Received { .. }
            | Happening::Progress { .. }
            | Happening::Data { .. }
            | Happening::Closed => return,
        };
        self.lines.put(&text);
    }

    fn refuses(&self) -> bool {
        self.failure().is_some()
    }
}

fn settled(recipient: &str, word: &str, words: &str) -> String {
    let recipient = shown(recipient);
    if words.is_empty() {
        return format!("{recipient}... {word}\n");
    }
    format!("{recipient}... {word} ({})\n", shown(words))
}

fn whom(recipients: &[String]) -> String {
    let named = recipients[..recipients.len().min(NAMED)].join(",");
    match recipients.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// A host with its service; a unix socket has none.
fn place(name: &str, port: Option<u16>) -> String {
    match port {
        Some(port) => format!("{} ({})", rooted(name), service(port)),
        None => name.to_owned(),
    }
}

/// A name with the dot that says that nothing is to be added to it.
fn rooted(name: &str) -> String {
    let is_address = name.starts_with('[');
    if is_address || !name.contains('.') {
        return name.to_owned();
    }
    format!("{name}.")
}

fn service(port: u16) -> String {
    match port {
        25 => "smtp".to_owned(),
        465 => "submissions".to_owned(),
        587 => "submission".to_owned(),
        other => format!("port {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that fails as it is told to.
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
        let mut transcript = Stevens::new(&mut out, false);
        let recipients = ["rstevens@noao.edu".to_owned()];
        let address = Peer::Tcp("140.252.1.54:25".parse().unwrap());
        transcript.happened(Happening::Host {
            name: "mailhost.tuc.noao.edu",
            port: Some(25),
            recipients: &recipients,
        });
        transcript.happened(Happening::Connect(&address));
        transcript.happened(Happening::Connected(&address));
        transcript.happened(Happening::Line("500 Command unrecognized"));
        transcript.happened(Happening::Sent {
            line: "HELO sun.tuc.noao.edu",
            stage: "helo",
        });
        transcript.happened(Happening::Settled {
            recipient: "rstevens@noao.edu",
            word: "Sent",
            words: "Mail accepted",
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

    fn peers() -> [Peer; 2] {
        ["[2001:db8::1]:25", "192.0.2.1:25"].map(|address| Peer::Tcp(address.parse().unwrap()))
    }

    fn text(happenings: &[Happening<'_>]) -> String {
        let mut out = Vec::new();
        let mut transcript = Stevens::new(&mut out, false);
        for &what in happenings {
            transcript.happened(what);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_attempt_beside_another_has_a_line_of_its_own() {
        let [six, four] = &peers();
        let both = [Happening::Connect(six), Happening::Connect(four)];
        let trying = "Trying [2001:db8::1]:25... \nTrying 192.0.2.1:25... ";
        for (winner, end) in [
            (four, "Connected.\n"),
            (six, "\nConnected to [2001:db8::1]:25.\n"),
        ] {
            let all = [&both[..], &[Happening::Connected(winner)]].concat();
            assert_eq!(text(&all), format!("{trying}{end}"));
        }
    }

    #[test]
    fn a_failure_stands_on_the_line_of_its_attempt_or_names_it() {
        let [six, four] = &peers();
        let why = "Connection refused";
        assert_eq!(
            text(&[
                Happening::Connect(six),
                Happening::Connect(four),
                Happening::NotConnected { peer: six, why },
                Happening::Connected(four),
            ]),
            "Trying [2001:db8::1]:25... \nTrying 192.0.2.1:25... \n\
             [2001:db8::1]:25: Connection refused.\nConnected to 192.0.2.1:25.\n"
        );
        assert_eq!(
            text(&[
                Happening::Connect(six),
                Happening::NotConnected { peer: six, why },
                Happening::Connect(four),
                Happening::Connected(four),
            ]),
            "Trying [2001:db8::1]:25... Connection refused.\nTrying 192.0.2.1:25... Connected.\n"
        );
    }

    #[test]
    fn a_unix_socket_has_no_service_and_its_name_no_dot_behind_it() {
        let recipients = ["a@x.org".to_owned()];
        let host = Happening::Host {
            name: "/run/x.sock",
            port: None,
            recipients: &recipients,
        };
        assert_eq!(text(&[host]), "a@x.org... Connecting to /run/x.sock...\n");
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is() {
        let mut gone = Stevens::new(Broken(io::ErrorKind::BrokenPipe), false);
        gone.happened(Happening::Note("x"));
        assert!(!gone.refuses());
        let mut full = Stevens::new(Broken(io::ErrorKind::StorageFull), false);
        full.happened(Happening::Note("x"));
        assert!(full.refuses());
    }

    #[test]
    fn details_are_for_those_who_ask() {
        for verbose in [false, true] {
            let mut out = Vec::new();
            Stevens::new(&mut out, verbose).happened(Happening::Detail("why"));
            assert_eq!(!out.is_empty(), verbose);
        }
    }
}
