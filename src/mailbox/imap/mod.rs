//! A session with an IMAP server.

mod command;
mod exchange;
mod login;
mod name;
mod response;

pub use response::{BodySink, FetchData, FolderStatus};

use crate::mailbox::channel::Channel;
use crate::mailbox::error::MailboxError;
use crate::smtp::stage::Stage;
use command::{Command, NonSynchronizing};
use response::{Code, Data, MAX_LITERAL, Outcome, OutcomeStatus, Response};

/// Maximum number of mailboxes in a list.
/// Maximum number of responses to a command besides the messages that it requests.
const MAX_RESPONSES: u32 = 10_000;

const MAX_FOLDERS: usize = 10_000;

/// Maximum length of a set of UIDs in a command.
const MAX_SET: usize = 4000;

/// Response codes of a refusal that may pass (RFC 5530).
const TEMPORARY: [&str; 5] = ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN"];

/// A session with an IMAP server.
pub struct ImapSession<'a> {
    channel: Channel<'a>,
    /// The number of the last command.
    commands: u32,
    /// In upper case; empty: not known yet.
    capabilities: Vec<String>,
    /// True after ENABLE UTF8=ACCEPT (RFC 6855).
    utf8: bool,
    /// True if the greeting says that no login is needed.
    is_preauthenticated: bool,
    /// True if a mailbox is open.
    has_selected: bool,
}

/// The state of the selected mailbox.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selected {
    pub messages: u32,
    pub uid_next: Option<u32>,
    pub uid_validity: Option<u32>,
}

/// A mailbox in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub name: String,
    /// With their backslashes.
    pub attributes: Vec<String>,
}

/// The use of a mailbox (RFC 6154).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialUse {
    Junk,
}

impl Folder {
    pub fn has_use(&self, special: SpecialUse) -> bool {
        let name = match special {
            SpecialUse::Junk => "\\Junk",
        };
        self.has(name)
    }

    /// True if it has messages.
    pub fn is_selectable(&self) -> bool {
        !self.has("\\Noselect") && !self.has("\\NonExistent")
    }

    fn has(&self, attribute: &str) -> bool {
        let mut all = self.attributes.iter();
        all.any(|one| one.eq_ignore_ascii_case(attribute))
    }
}

/// The messages of a FETCH command.
#[derive(Clone, Copy, Debug)]
pub enum MessageSet<'s> {
    Uids(&'s str),
    /// Numbers in the order of the mailbox.
    Numbers(&'s str),
}

impl<'a> ImapSession<'a> {
    /// Reads the greeting.
    pub fn greeted(channel: Channel<'a>) -> Result<Self, MailboxError> {
        let mut session = Self {
            channel,
            commands: 0,
            capabilities: Vec::new(),
            utf8: false,
            is_preauthenticated: false,
            has_selected: false,
        };
        session.channel.begin("the connection")?;
        match response::read(&mut session.channel, None)? {
            Response::Data(Data::Status(outcome)) => match outcome.status {
                OutcomeStatus::Bye => {
                    let words = session.channel.words(&outcome.text);
                    return Err(MailboxError::Bye(words));
                }
                OutcomeStatus::Ok | OutcomeStatus::Preauth => {
                    session.is_preauthenticated = outcome.status == OutcomeStatus::Preauth;
                    session.note_code(outcome.code);
                }
                OutcomeStatus::No | OutcomeStatus::Bad => return Err(not_greeted()),
            },
            _ => return Err(not_greeted()),
        }
        Ok(session)
    }

    pub fn is_encrypted(&self) -> bool {
        self.channel.is_encrypted()
    }

    pub fn is_preauthenticated(&self) -> bool {
        self.is_preauthenticated
    }

    /// True if the server has a capability.
    pub fn has(&mut self, capability: &str) -> Result<bool, MailboxError> {
        if self.capabilities.is_empty() {
            let mut found = Vec::new();
            self.run(Command::new("CAPABILITY"), &mut |data| {
                if let Data::Capabilities(all) = data {
                    found = all;
                }
                Ok(())
            })?;
            if found.is_empty() {
                let what = "sent no capabilities in reply to CAPABILITY";
                return Err(MailboxError::Protocol(what.to_owned()));
            }
            self.capabilities = found;
        }
        Ok(self.capabilities.iter().any(|one| one == capability))
    }

    fn literals(&mut self) -> Result<NonSynchronizing, MailboxError> {
        Ok(if self.has("LITERAL+")? {
            NonSynchronizing::All
        } else if self.has("LITERAL-")? {
            NonSynchronizing::Short
        } else {
            NonSynchronizing::None
        })
    }

    /// A name as the server expects it.
    fn encoded(&mut self, name: &str) -> Result<String, MailboxError> {
        self.accept_utf8(!name.is_ascii())?;
        if self.utf8 {
            return Ok(name.to_owned());
        }
        Ok(name::encoded(name))
    }

    /// Enables UTF-8 in names if the server needs it, or if it is wanted and possible (RFC 6855).
    fn accept_utf8(&mut self, is_wanted: bool) -> Result<(), MailboxError> {
        let must = self.has("UTF8=ONLY")?;
        let can = must || is_wanted && self.has("UTF8=ACCEPT")?;
        if self.utf8 || !can {
            return Ok(());
        }
        let mut is_enabled = false;
        self.run(Command::new("ENABLE").words("UTF8=ACCEPT"), &mut |data| {
            if let Data::Enabled(all) = data {
                is_enabled |= all.iter().any(|one| one == "UTF8=ACCEPT");
            }
            Ok(())
        })?;
        self.utf8 = is_enabled;
        Ok(())
    }

    /// Opens a mailbox; for reading only with EXAMINE, so that no message becomes seen or loses \Recent.
    pub fn select(&mut self, name: &str, to_change: bool) -> Result<Selected, MailboxError> {
        let name = self.encoded(name)?;
        let literals = self.literals()?;
        let verb = if to_change { "SELECT" } else { "EXAMINE" };
        let command = Command::new(verb).with(literals, self.utf8).string(&name);
        let mut selected = Selected::default();
        self.has_selected = true;
        self.run(command, &mut |data| {
            match data {
                Data::Exists(count) => selected.messages = count,
                Data::Status(Outcome {
                    code: Some(Code::UidNext(uid)),
                    ..
                }) => selected.uid_next = Some(uid),
                Data::Status(Outcome {
                    code: Some(Code::UidValidity(number)),
                    ..
                }) => selected.uid_validity = Some(number),
                _ => {}
            }
            Ok(())
        })?;
        Ok(selected)
    }

    /// Lets the server look for new messages in the mailbox that is open. Without this, STATUS of that mailbox may be
    /// that of the time when it was opened (RFC 3501 §6.3.10).
    pub fn look_for_new(&mut self) -> Result<(), MailboxError> {
        if self.has_selected {
            self.run(Command::new("NOOP"), &mut |_| Ok(()))?;
        }
        Ok(())
    }

    /// All mailboxes, with their uses if the server knows them.
    pub fn folders(&mut self) -> Result<Vec<Folder>, MailboxError> {
        self.accept_utf8(true)?;
        let utf8 = self.utf8;
        // RFC 6154 §2: a server that has SPECIAL-USE may return the attributes only on request.
        let asks = self.has("SPECIAL-USE")? && self.has("LIST-EXTENDED")?;
        let command = Command::new("LIST").string("").string("*");
        let command = if asks {
            command.words("RETURN (SPECIAL-USE)")
        } else {
            command
        };
        let mut folders: Vec<Folder> = Vec::new();
        self.run(command, &mut |data| {
            if let Data::List { name, attributes } = data {
                if folders.len() == MAX_FOLDERS {
                    let what = format!("has more than {MAX_FOLDERS} mailboxes");
                    return Err(MailboxError::Protocol(what));
                }
                let name = if utf8 { name } else { name::decoded(&name) };
                folders.push(Folder { name, attributes });
            }
            Ok(())
        })?;
        Ok(folders)
    }

    /// STATUS of a mailbox.
    pub fn status(&mut self, name: &str) -> Result<FolderStatus, MailboxError> {
        let name = self.encoded(name)?;
        let literals = self.literals()?;
        let command = Command::new("STATUS").with(literals, self.utf8);
        let command = command.string(&name);
        let mut status = FolderStatus::default();
        self.run(
            command.words("(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"),
            &mut |data| {
                if let Data::FolderStatus(found) = data {
                    status = found;
                }
                Ok(())
            },
        )?;
        Ok(status)
    }

    /// The UIDs that match keys of SEARCH; `$` in the keys stands for the next of the strings.
    pub fn search(&mut self, keys: &[SearchKey<'_>]) -> Result<Vec<u32>, MailboxError> {
        let literals = self.literals()?;
        let is_ascii = keys.iter().all(|key| match key {
            SearchKey::Words(_) => true,
            SearchKey::Text(text) => text.is_ascii(),
        });
        let mut command = Command::new("UID SEARCH").with(literals, self.utf8);
        if !is_ascii && !self.utf8 {
            command = command.words("CHARSET UTF-8");
        }
        for key in keys {
            command = match key {
                SearchKey::Words(words) => command.words(words),
                SearchKey::Text(text) => command.string(text),
            };
        }
        let mut found = Vec::new();
        self.run(command, &mut |data| {
            if let Data::Search(uids) = data {
                found.extend(uids);
            }
            Ok(())
        })?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Fetches these items of messages, and hands each message on when it arrives.
    pub fn fetch(
        &mut self,
        set: MessageSet<'_>,
        items: &str,
        most: u32,
        each: &mut dyn FnMut(FetchData) -> Result<(), MailboxError>,
    ) -> Result<(), MailboxError> {
        let command = match set {
            MessageSet::Uids(set) => Command::new("UID FETCH").words(set),
            MessageSet::Numbers(set) => Command::new("FETCH").words(set),
        };
        let mut left = most;
        let command = command.words(&format!("({items})"));
        let mut handler = |data| match data {
            // Without a UID, it is not an answer: flags have changed.
            Data::Fetch(data) if data.uid.is_some() => {
                left = left.checked_sub(1).ok_or_else(|| {
                    MailboxError::Protocol("sent more messages than the mailbox has".to_owned())
                })?;
                each(*data)
            }
            _ => Ok(()),
        };
        let budget = most.saturating_add(MAX_RESPONSES);
        self.exchange(command, Stage::Ask, (budget, None), &mut handler)
    }

    /// Fetches one message, without marking it as seen. Returns its size.
    pub fn message(
        &mut self,
        uid: u32,
        (into, limit): (&mut dyn std::io::Write, u64),
    ) -> Result<u64, MailboxError> {
        let command = Command::new("UID FETCH").words(&format!("{uid} (UID BODY.PEEK[])"));
        let mut sink = BodySink {
            into,
            limit,
            written: None,
        };
        let mut answers = Vec::new();
        self.exchange(
            command,
            Stage::Ask,
            (MAX_RESPONSES, Some(&mut sink)),
            &mut |data| {
                if let Data::Fetch(data) = data
                    && answers.len() < 100
                {
                    answers.push(data);
                }
                Ok(())
            },
        )?;
        let answer = answers.iter().find(|data| data.uid == Some(uid));
        match (sink.written, answer) {
            (Some(size), Some(_)) => Ok(size),
            (Some(_), None) => Err(MailboxError::Protocol(format!(
                "sent another message than the requested one with UID {uid}"
            ))),
            (None, Some(data)) if data.body.is_some() => {
                let body = data.body.as_deref().unwrap_or_default();
                sink.into.write_all(body).map_err(MailboxError::Output)?;
                Ok(body.len() as u64)
            }
            (None, _) => Err(MailboxError::NoMessage(uid.to_string())),
        }
    }

    /// The header of a message.
    pub fn header(&mut self, uid: u32) -> Result<Vec<u8>, MailboxError> {
        let mut found = None;
        let items = format!("UID BODY.PEEK[HEADER]<0.{MAX_LITERAL}>");
        let set = uid.to_string();
        self.fetch(MessageSet::Uids(&set), &items, MAX_RESPONSES, &mut |data| {
            if data.uid == Some(uid) && data.header.is_some() {
                found = data.header;
            }
            Ok(())
        })?;
        found.ok_or_else(|| MailboxError::NoMessage(uid.to_string()))
    }

    /// Adds a flag to messages.
    pub fn add_flag(&mut self, uids: &[u32], flag: &str) -> Result<(), MailboxError> {
        for set in sets(uids) {
            let words = format!("{set} +FLAGS.SILENT ({flag})");
            self.run(Command::new("UID STORE").words(&words), &mut |_| Ok(()))?;
        }
        Ok(())
    }

    /// Deletes messages for good. Without UIDPLUS (RFC 4315) they only get the flag: EXPUNGE would also delete messages
    /// that another program has marked. Returns true if they are deleted.
    pub fn delete(&mut self, uids: &[u32]) -> Result<bool, MailboxError> {
        self.add_flag(uids, "\\Deleted")?;
        if !self.has("UIDPLUS")? {
            return Ok(false);
        }
        for set in sets(uids) {
            self.run(Command::new("UID EXPUNGE").words(&set), &mut |_| Ok(()))?;
        }
        Ok(true)
    }

    /// Ends the session. Errors are ignored: all that was asked for is done.
    pub fn log_out(mut self) {
        let _ = self.run_staged(Command::new("LOGOUT"), Stage::Quit, &mut |_| Ok(()));
    }
}

/// A key of SEARCH, or a string after one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey<'k> {
    Words(String),
    Text(&'k str),
}

fn not_greeted() -> MailboxError {
    MailboxError::Protocol("did not begin with an IMAP greeting".to_owned())
}

/// UIDs as sets, each short enough for a command.
pub fn sets(uids: &[u32]) -> Vec<String> {
    let mut sets = Vec::new();
    let mut set = String::new();
    let mut rest = uids;
    while let Some(&first) = rest.first() {
        let run = rest
            .iter()
            .enumerate()
            .take_while(|&(at, &uid)| u64::from(uid) == u64::from(first) + at as u64)
            .count();
        let last = rest[run - 1];
        rest = &rest[run..];
        if !set.is_empty() {
            set.push(',');
        }
        set.push_str(&first.to_string());
        if last > first {
            set.push_str(&format!(":{last}"));
        }
        if set.len() > MAX_SET {
            sets.push(std::mem::take(&mut set));
        }
    }
    if !set.is_empty() {
        sets.push(set);
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_become_ranges_in_short_sets() {
        assert_eq!(sets(&[1, 2, 3, 5, 8, 9]), ["1:3,5,8:9"]);
        assert_eq!(sets(&[]), [""; 0]);
        assert_eq!(sets(&[u32::MAX - 1, u32::MAX]), ["4294967294:4294967295"]);
        let odd: Vec<u32> = (0..5000).map(|n| 2 * n + 1).collect();
        let all = sets(&odd);
        assert!(all.len() > 1 && all.iter().all(|set| set.len() < MAX_SET + 30));
        assert_eq!(all.join(",").split(',').count(), 5000);
    }
}
