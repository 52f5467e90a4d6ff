//! The last lines of a session, for reports.

use crate::client::events::{Event, Observer};
use crate::smtp::stage::Stage;
use std::collections::VecDeque;

/// Maximum number of lines kept.
const MAX_LINES: usize = 200;

/// A line of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Sent(String),
    Line(String),
    Note(String),
}

/// An observer that keeps the last lines and passes all events to another one.
pub struct Tape<'w> {
    lines: VecDeque<Heard>,
    observer: &'w mut dyn Observer,
}

impl<'w> Tape<'w> {
    pub fn new(observer: &'w mut dyn Observer) -> Self {
        Self {
            lines: VecDeque::new(),
            observer,
        }
    }

    pub fn into_lines(self) -> Vec<Heard> {
        self.lines.into()
    }
}

impl Observer for Tape<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        let heard = match what {
            Event::Sent { line, .. } => Some(Heard::Sent(line.to_owned())),
            Event::Line(line) => Some(Heard::Line(line.to_owned())),
            Event::Note(text) => Some(Heard::Note(text.to_owned())),
            Event::Connected(peer) => Some(Heard::Note(format!("connected to {peer}"))),
            Event::Secured(secured) => Some(Heard::Note(format!(
                "{} {}, certificate of {} {}",
                secured.version, secured.cipher, secured.name, secured.judgement
            ))),
            _ => None,
        };
        if let Some(heard) = heard {
            if self.lines.len() == MAX_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(heard);
        }
        self.observer.on_event(what);
    }

    fn is_closed(&self) -> bool {
        self.observer.is_closed()
    }
}

impl Heard {
    pub fn tell(&self, observer: &mut dyn Observer) {
        observer.on_event(match self {
            Self::Sent(line) => Event::Sent {
                line,
                stage: Stage::Script,
            },
            Self::Line(line) => Event::Line(line),
            Self::Note(text) => Event::Note(text),
        });
    }
}

/// As a transcript shows it.
impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sent(line) => write!(f, ">>> {line}"),
            Self::Line(line) => f.write_str(line),
            Self::Note(text) => write!(f, "*** {text}"),
        }
    }
}
