//! Waiting for a message, by looking again and again at what is new: UIDs from UIDNEXT on, or unique IDs at a POP3
//! server. IDLE is not used: servers delay its notices. Nor is SEARCH, which is slow or late at large providers.

use crate::mailbox::channel::SharedObserver;
use crate::mailbox::error::MailboxError;
use crate::mailbox::imap::SpecialUse;
use crate::mailbox::search::fields;
use crate::mailbox::session::{MailboxSession, OpenError, Opening, open};
use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

/// The first pause between two looks, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// The name of the field with the token.
const FIELD: &str = "X-Ehlo-Probe";

/// What identifies a message.
#[derive(Clone, Debug)]
pub struct Token(pub String);

impl Token {
    /// The name of its header field.
    pub const FIELD: &'static str = FIELD;

    fn is_in(&self, header: &[u8]) -> bool {
        let mut fields = fields(header);
        fields.any(|(name, value)| name.eq_ignore_ascii_case(FIELD) && value.trim() == self.0)
    }
}

/// A message that has arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The mailbox; `None`: that of a POP3 server.
    pub folder: Option<String>,
    pub is_junk: bool,
    /// UID or number.
    number: u32,
    /// Time of arrival as an IMAP server writes it.
    pub received: Option<String>,
}

/// Looks for new messages.
pub struct Watcher<'a> {
    opening: Opening<'a>,
    observer: &'a SharedObserver<'a>,
    /// The session; `None`: a POP3 session begins for each look.
    session: Option<MailboxSession<'a>>,
    folders: Vec<WatchedFolder>,
    /// Unique IDs of the messages that are known at a POP3 server.
    known: BTreeSet<String>,
}

/// A mailbox of an IMAP server.
struct WatchedFolder {
    name: String,
    is_junk: bool,
    /// The UID of the next message.
    next: u32,
}

impl<'a> Watcher<'a> {
    /// Logs in, and notes which messages are there: in the mailbox of the URL, and in the one for spam.
    pub fn open(opening: Opening<'a>, observer: &'a SharedObserver<'a>) -> Result<Self, OpenError> {
        let is_pop3 = opening.url.protocol == crate::mailbox::MailboxProtocol::Pop3;
        let mut session = open(opening, is_pop3, observer)?;
        let mut watcher = Self {
            opening,
            observer,
            session: None,
            folders: Vec::new(),
            known: BTreeSet::new(),
        };
        let noted = if is_pop3 {
            watcher.known = session.unique_ids().map(|(_, id)| id).collect();
            session.finish().map(|()| None)
        } else {
            watcher.note_folders(&mut session).map(|()| Some(session))
        };
        watcher.session = noted?;
        Ok(watcher)
    }

    fn note_folders(&mut self, session: &mut MailboxSession<'_>) -> Result<(), MailboxError> {
        let own = self.opening.url.mailbox().to_owned();
        let mut names = vec![(own.clone(), false)];
        for folder in session.folder_names()? {
            if folder.has_use(SpecialUse::Junk) && folder.name != own {
                names.push((folder.name, true));
            } else if folder.has_use(SpecialUse::Junk) {
                names[0].1 = true;
            }
        }
        for (name, is_junk) in names {
            let next = session.uid_next(&name)?;
            self.folders.push(WatchedFolder {
                name,
                is_junk,
                next,
            });
        }
        Ok(())
    }

    /// True if a mailbox for spam is watched as well.
    pub fn knows_junk(&self) -> bool {
        self.folders.iter().any(|folder| folder.is_junk)
    }

    /// Waits until the message is there. `None`: it is not there at `end`.
    pub fn wait(&mut self, token: &Token, end: Instant) -> Result<Option<Arrival>, OpenError> {
        let mut pause = PAUSES[0];
        loop {
            let found = match self.look(token) {
                // The deadline has passed during a look.
                Err(_) if Instant::now() >= end => return Ok(None),
                other => other?,
            };
            if found.is_some() {
                return Ok(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.observer.lend(|observer| observer.is_closed()) {
                return Ok(None);
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 3 / 2).min(PAUSES[1]);
        }
    }

    fn look(&mut self, token: &Token) -> Result<Option<Arrival>, OpenError> {
        let Some(session) = &mut self.session else {
            return self.look_at_pop3(token);
        };
        for folder in &mut self.folders {
            let next = session.uid_next(&folder.name)?;
            if next <= folder.next {
                continue;
            }
            let found =
                session.new_message(&folder.name, folder.next, &|header| token.is_in(header))?;
            folder.next = next;
            if let Some((number, received)) = found {
                return Ok(Some(Arrival {
                    folder: Some(folder.name.clone()),
                    is_junk: folder.is_junk,
                    number,
                    received,
                }));
            }
        }
        Ok(None)
    }

    /// A look at a POP3 server, whose sessions do not see messages that arrive after their beginning.
    fn look_at_pop3(&mut self, token: &Token) -> Result<Option<Arrival>, OpenError> {
        let mut session = open(self.opening, true, self.observer)?;
        let new: Vec<(u32, String)> = session
            .unique_ids()
            .filter(|(_, id)| !self.known.contains(id))
            .collect();
        for (number, id) in new {
            let header = session.header(number)?;
            if token.is_in(&header) {
                self.session = Some(session);
                return Ok(Some(Arrival {
                    folder: None,
                    is_junk: false,
                    number,
                    received: None,
                }));
            }
            self.known.insert(id);
        }
        session.finish()?;
        Ok(None)
    }

    /// Writes the message.
    pub fn message(
        &mut self,
        arrival: &Arrival,
        (into, limit): (&mut dyn Write, u64),
    ) -> Result<u64, MailboxError> {
        match &mut self.session {
            Some(session) => session.message(arrival.number, (into, limit)),
            None => Err(MailboxError::NoMessage(arrival.number.to_string())),
        }
    }

    /// Deletes the message. Returns false if it is only marked.
    pub fn delete(&mut self, arrival: &Arrival) -> Result<bool, MailboxError> {
        match &mut self.session {
            Some(session) => session.delete(&[arrival.number]),
            None => Ok(false),
        }
    }

    /// Ends the session.
    pub fn finish(self) -> Result<(), MailboxError> {
        self.session.map_or(Ok(()), MailboxSession::finish)
    }
}
