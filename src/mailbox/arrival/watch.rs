//! Waiting for a message, by looking again and again at what is new: UIDs from UIDNEXT on, or unique IDs at a POP3
//! server. IDLE is not used: servers delay its notices. Nor is SEARCH, which is slow or late at large providers.

use crate::mailbox::channel::SharedObserver;
use crate::mailbox::error::MailboxError;
use crate::mailbox::imap::SpecialUse;
use crate::mailbox::search::{Condition, fields};
use crate::mailbox::session::{MailboxSession, OpenError, Opening, open};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The first pause between two looks, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// The name of the field with the token.
const FIELD: &str = "X-Ehlo-Probe";

/// The parameter of the field with the time until which the message is waited for, in seconds since 1970.
const UNTIL: &str = "until=";

/// Time after which a message that is no longer waited for is deleted: the clock of its sender may be wrong.
const GRACE: Duration = Duration::from_secs(10 * 60);

/// Messages of earlier days are not searched for those that are no longer waited for.
const MAX_AGE: chrono::Duration = chrono::Duration::days(30);

/// Octets of a message of a round trip, with all fields that servers may have added.
const SIZES: [u64; 2] = [1500, 32 * 1024];

/// What identifies a message.
#[derive(Clone, Debug)]
pub struct Token(pub String);

impl Token {
    /// The name of its header field.
    pub const FIELD: &'static str = FIELD;

    /// The value of its header field. `until`: the end of the waiting, after which a later round trip may delete the
    /// message; `None`: it is kept.
    pub fn value(&self, until: Option<SystemTime>) -> String {
        let Some(until) = until else {
            return self.0.clone();
        };
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}; {UNTIL}{}", self.0, until.as_secs())
    }

    fn is_in(&self, header: &[u8]) -> bool {
        let mut fields = fields(header);
        fields.any(|(name, value)| {
            let token = value.split(';').next().unwrap_or_default();
            name.eq_ignore_ascii_case(FIELD) && token.trim() == self.0
        })
    }
}

/// True if it is the header of a message for which no round trip has been waiting for some time.
fn is_left_over(header: &[u8], now: SystemTime) -> bool {
    let mut fields = fields(header);
    let value = fields.find(|(name, _)| name.eq_ignore_ascii_case(FIELD));
    let until = value.and_then(|(_, value)| {
        let (token, until) = value.trim().split_once("; ")?;
        let is_token = token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        let until = until.strip_prefix(UNTIL).filter(|_| is_token)?;
        UNIX_EPOCH.checked_add(Duration::from_secs(until.parse().ok()?))
    });
    let late = until.and_then(|until| now.duration_since(until).ok());
    late.is_some_and(|late| late > GRACE)
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
    /// Number of messages of earlier round trips that were deleted.
    pub left_over: usize,
}

/// A mailbox of an IMAP server.
struct WatchedFolder {
    name: String,
    is_junk: bool,
    /// The UID of the next message.
    next: u32,
}

impl<'a> Watcher<'a> {
    /// Logs in, and notes which messages are there: in the mailbox of the URL, and in the one for spam. With the time
    /// `now`, messages of earlier round trips that have arrived too late are deleted.
    pub fn open(
        opening: Opening<'a>,
        observer: &'a SharedObserver<'a>,
        now: Option<SystemTime>,
    ) -> Result<Self, OpenError> {
        let is_pop3 = opening.url.protocol == crate::mailbox::MailboxProtocol::Pop3;
        let mut session = open(opening, is_pop3, observer)?;
        let mut watcher = Self {
            opening,
            observer,
            session: None,
            folders: Vec::new(),
            known: BTreeSet::new(),
            left_over: 0,
        };
        if is_pop3 {
            watcher.known = session.unique_ids().map(|(_, id)| id).collect();
        } else {
            watcher.note_folders(&mut session)?;
        }
        if let Some(now) = now {
            watcher.delete_left_over(&mut session, now)?;
        }
        if is_pop3 {
            session.finish()?;
        } else {
            watcher.session = Some(session);
        }
        Ok(watcher)
    }

    /// Deletes messages of earlier round trips. A server that refuses this does not end the run.
    fn delete_left_over(
        &mut self,
        session: &mut MailboxSession<'_>,
        now: SystemTime,
    ) -> Result<(), MailboxError> {
        let since = (DateTime::<Utc>::from(now) - MAX_AGE).date_naive();
        let conditions = [
            Condition::Flag("UNDELETED"),
            Condition::Since(since),
            Condition::Larger(SIZES[0]),
            Condition::Smaller(SIZES[1]),
            Condition::Field {
                name: FIELD.to_owned(),
                text: UNTIL.to_owned(),
            },
        ];
        let mut folders: Vec<&str> = self.folders.iter().map(|one| one.name.as_str()).collect();
        if folders.is_empty() {
            folders.push("");
        }
        for folder in folders {
            let is_it = |header: &[u8]| is_left_over(header, now);
            let deleted = session
                .with_header(folder, &conditions, &is_it)
                .and_then(|numbers| {
                    if !numbers.is_empty() {
                        session.delete(&numbers)?;
                    }
                    Ok(numbers.len())
                });
            match deleted {
                Ok(count) => self.left_over += count,
                Err(MailboxError::Refused { .. } | MailboxError::NoMessage(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
        session.look_for_new()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "00112233445566778899aabbccddeeff";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn message_is_found_by_its_token_and_left_over_when_no_one_waits() {
        let token = Token(TOKEN.to_owned());
        let header = |value: &str| format!("Subject: x\r\nX-EHLO-probe: {value}\r\n\r\n");
        let waited = header(&token.value(Some(at(10_000))));
        let kept = header(&token.value(None));
        assert!(token.is_in(waited.as_bytes()) && token.is_in(kept.as_bytes()));
        assert!(!Token("00".to_owned()).is_in(waited.as_bytes()));
        let grace = GRACE.as_secs();
        assert!(!is_left_over(waited.as_bytes(), at(9000)));
        assert!(!is_left_over(waited.as_bytes(), at(10_000 + grace)));
        assert!(is_left_over(waited.as_bytes(), at(10_001 + grace)));
        assert!(!is_left_over(kept.as_bytes(), at(10_001 + grace)));
    }

    #[test]
    fn other_mail_is_never_left_over() {
        for header in [
            "Subject: ehlo roundtrip 00112233\r\n\r\n",
            "X-Ehlo-Probe: 1234; until=1000\r\n\r\n",
            "X-Ehlo-Probe: 00112233445566778899aabbccddeeff; until=-1\r\n\r\n",
            "X-Ehlo-Probe: 00112233445566778899aabbccddeeff; until=99999999999999999999\r\n\r\n",
            "X-Ehlo-Probe: 00112233445566778899aabbccddeeff\r\n\r\n",
            "X-Ehlo-Probe: \r\n\r\nX-Ehlo-Probe: 00112233445566778899aabbccddeeff; until=1000\r\n",
        ] {
            assert!(
                !is_left_over(header.as_bytes(), at(2_000_000_000)),
                "{header}"
            );
        }
    }
}
