//! The transcript of `mail -v` in TCP/IP Illustrated, chapter 28: server lines bare, ours behind
//! `>>> `, remarks behind `*** `.

use super::dump::{Dump, Look};
use super::letter::Letter;
use super::lines::{Lines, Tone};
use super::{Options, Transcript};
use crate::peer::Peer;
use crate::text::shown;
use crate::watch::{End, Happening, Wants, Watch};
use std::io::{self, Write};

/// How many recipients are named before the rest is a number.
const NAMED: usize = 3;

/// A transcript for people.
pub struct Stevens<W> {
    lines: Lines<W>,
    options: Options,
    /// The attempt whose line has no end yet, because it is not decided.
    trying: Option<Peer>,
    letter: Letter,
    /// What we sent, and what the server did.
    dumps: [Dump; 2],
}

impl<W: Write> Stevens<W> {
    /// A transcript on `out`.
    pub fn new(out: W, options: Options) -> Self {
        Self {
            lines: Lines::with(out, options),
            options,
            trying: None,
            letter: Letter::default(),
            dumps: [(); 2].map(|()| Dump::new(Look::Hexdump)),
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

    /// The conversation, line by line.
    fn said(&mut self, what: Happening<'_>) {
        if self.options.hex {
            return self.dump(what);
        }
        match what {
            Happening::Sent { line, .. } => {
                self.end_of_letter();
                self.lines.say(Tone::Ours, &format!(">>> {line}\n"));
            }
            Happening::Line(line) => {
                let code = line.get(..3).and_then(|code| code.parse().ok());
                let tone = code.map_or(Tone::Theirs, Tone::of_code);
                self.lines.say(tone, &format!("{line}\n"));
            }
            Happening::Carried(part) if self.options.data => {
                for line in self.letter.pass(part) {
                    self.lines.say(Tone::Ours, &format!(">>> {line}\n"));
                }
            }
            _ => {}
        }
    }

    fn end_of_letter(&mut self) {
        if let Some(line) = self.letter.end() {
            self.lines.say(Tone::Ours, &format!(">>> {line}\n"));
        }
    }

    /// The conversation, octet by octet.
    fn dump(&mut self, what: Happening<'_>) {
        let [ours, theirs] = &mut self.dumps;
        let (tone, mark, rows) = match what {
            Happening::Carried(part) => (Tone::Ours, ">>>", ours.pass(part)),
            Happening::Octets {
                from: End::Client,
                bytes,
            } => {
                let mut rows: Vec<String> = ours.end().into_iter().collect();
                rows.extend(ours.whole(bytes));
                (Tone::Ours, ">>>", rows)
            }
            Happening::Octets {
                from: End::Server,
                bytes,
            } => (Tone::Theirs, "<<<", theirs.whole(bytes)),
            _ => return,
        };
        for row in rows {
            self.lines.say(tone, &format!("{mark} {row}\n"));
        }
    }

    /// The end of the message, whose last line may have none.
    fn end_of_data(&mut self) {
        self.end_of_letter();
        if let Some(row) = self.dumps[0].end() {
            self.lines.say(Tone::Ours, &format!(">>> {row}\n"));
        }
    }
}

impl<W: Write> Watch for Stevens<W> {
    fn happened(&mut self, what: Happening<'_>) {
        let verbose = self.options.verbose;
        let (tone, text) = match what {
            Happening::Fallback { profile, error } => fallback(profile, error),
            Happening::Note(text) => (Tone::Remark, format!("*** {}\n", shown(text))),
            Happening::Queued { id } => (Tone::Remark, format!("*** queued as {id}\n")),
            Happening::Detail(text) if verbose => (Tone::Remark, format!("*** {}\n", shown(text))),
            Happening::Lookup { kind, name } if verbose => {
                let text = format!("*** looking up {kind} of {}\n", shown(name));
                (Tone::Remark, text)
            }
            Happening::Answer { kind, .. } if verbose && kind != "MX" => {
                (Tone::Remark, format!("*** {}\n", answer(&what)))
            }
            Happening::Host {
                name,
                port,
                recipients,
            } => (Tone::Plain, connecting(name, port, recipients)),
            Happening::Connect(peer) => (Tone::Plain, self.tries(peer)),
            Happening::Connected(peer) => {
                let text = self.decided(peer, "Connected", &format!("Connected to {peer}"));
                (Tone::Plain, text)
            }
            Happening::NotConnected { peer, why } => {
                let why = shown(why.trim_end_matches('.'));
                let text = self.decided(peer, &why, &format!("{peer}: {why}"));
                (Tone::Failure, text)
            }
            Happening::Secured(secured) => (Tone::Remark, super::tls::shown(&secured, verbose)),
            Happening::Distrusted { name, why, chain } => {
                let text = super::tls::distrusted(name, why, chain, verbose);
                (Tone::Failure, text)
            }
            Happening::Sent { .. }
            | Happening::Line(_)
            | Happening::Octets { .. }
            | Happening::Carried(_) => return self.said(what),
            Happening::Data { .. } | Happening::Closed => return self.end_of_data(),
            Happening::Settled {
                recipient,
                word,
                words,
                queue_id,
                ..
            } => {
                let id = queue_id.filter(|_| verbose);
                (tone_of(word), settled((recipient, word, words), id))
            }
            Happening::Summary(summary) => {
                (Tone::Plain, format!("{}\n", super::summary::line(summary)))
            }
            Happening::Detail(_)
            | Happening::Lookup { .. }
            | Happening::Answer { .. }
            | Happening::Received { .. }
            | Happening::Progress { .. }
            | Happening::Failed { .. } => return,
        };
        self.lines.say(tone, &text);
    }

    fn refuses(&self) -> bool {
        self.failure().is_some()
    }

    fn wants(&self) -> Wants {
        Wants {
            message: self.options.data || self.options.hex,
            octets: self.options.hex,
        }
    }
}

impl<W: Write> Transcript for Stevens<W> {
    fn failure(&self) -> Option<&io::Error> {
        self.lines.failure()
    }
}

/// The profile that is tried next, or why it cannot be.
fn fallback(profile: &str, error: Option<&str>) -> (Tone, String) {
    let profile = shown(profile);
    match error {
        None => (Tone::Remark, format!("*** trying the profile {profile}\n")),
        Some(why) => {
            let why = shown(why);
            let text = format!("*** cannot try the profile {profile}: {why}\n");
            (Tone::Failure, text)
        }
    }
}

fn connecting(name: &str, port: Option<u16>, recipients: &[String]) -> String {
    let place = place(name, port);
    if recipients.is_empty() {
        return format!("Connecting to {place}...\n");
    }
    format!("{}... Connecting to {place}...\n", shown(&whom(recipients)))
}

/// What the DNS said, or why it said nothing; empty for anything else.
pub fn answer(what: &Happening<'_>) -> String {
    let Happening::Answer {
        kind,
        name,
        records,
        ttl,
        error,
    } = what
    else {
        return String::new();
    };
    let name = shown(name);
    let kind = if *kind == "host" { "address" } else { kind };
    if let Some(why) = error {
        return format!("no {kind} of {name}: {}", shown(why));
    }
    let holds = ttl.map_or(String::new(), |ttl| format!(" (for {ttl} s)"));
    format!("{kind} of {name}: {}{holds}", shown(&records.join(", ")))
}

fn tone_of(word: &str) -> Tone {
    match word {
        "Sent" | "Queued" => Tone::Plain,
        _ => Tone::Failure,
    }
}

fn settled((recipient, word, words): (&str, &str, &str), queue_id: Option<&str>) -> String {
    let mut text = format!("{}... {word}", shown(recipient));
    if !words.is_empty() {
        text.push_str(&format!(" ({})", shown(words)));
    }
    if let Some(id) = queue_id {
        text.push_str(&format!(", queue id {id}"));
    }
    text + "\n"
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
        let mut transcript = Stevens::new(&mut out, Options::default());
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
            verdict: "accepted",
            word: "Sent",
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

    fn peers() -> [Peer; 2] {
        ["[2001:db8::1]:25", "192.0.2.1:25"].map(|address| Peer::Tcp(address.parse().unwrap()))
    }

    fn text(happenings: &[Happening<'_>]) -> String {
        let mut out = Vec::new();
        let mut transcript = Stevens::new(&mut out, Options::default());
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
        let mut gone = Stevens::new(Broken(io::ErrorKind::BrokenPipe), Options::default());
        gone.happened(Happening::Note("x"));
        assert!(!gone.refuses());
        let mut full = Stevens::new(Broken(io::ErrorKind::StorageFull), Options::default());
        full.happened(Happening::Note("x"));
        assert!(full.refuses());
    }

    #[test]
    fn details_are_for_those_who_ask() {
        for verbose in [false, true] {
            let mut out = Vec::new();
            let options = Options {
                verbose,
                ..Options::default()
            };
            Stevens::new(&mut out, options).happened(Happening::Detail("why"));
            assert_eq!(!out.is_empty(), verbose);
        }
    }
}
