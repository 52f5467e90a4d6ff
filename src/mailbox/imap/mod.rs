//! A session with an IMAP server.

mod command;
mod name;
mod response;

pub use response::{BodySink, FetchData, FolderStatus};

use crate::client::session::auth::STARS;
use crate::client::wire::tls::TlsServer;
use crate::mailbox::channel::Channel;
use crate::mailbox::error::{MailboxError, has_code};
use crate::mailbox::login::{LoginDialogue, LoginReply, LoginTerms, log_in};
use crate::smtp::stage::Stage;
use command::{Command, NonSynchronizing};
use response::{Code, Data, MAX_LITERAL, Outcome, OutcomeStatus, Response};

/// Maximum number of responses to a command besides the messages that it requests.
const MAX_RESPONSES: u32 = 10_000;

/// Maximum number of mailboxes in a list.
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

type Handler<'h> = &'h mut dyn FnMut(Data) -> Result<(), MailboxError>;

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

    /// STARTTLS (RFC 3501 §6.2.1). Capabilities from before it are forgotten.
    pub fn start_tls(&mut self, server: TlsServer<'_>) -> Result<(), MailboxError> {
        let done = self.run_staged(Command::new("STARTTLS"), Stage::Starttls, &mut |_| Ok(()));
        if let Err(MailboxError::Refused { text, .. }) = done {
            return Err(MailboxError::StarttlsRefused("STARTTLS", text));
        }
        done?;
        self.channel.secure(server, Some("STARTTLS"))?;
        self.capabilities.clear();
        Ok(())
    }

    /// Logs in with SASL, or with LOGIN if no mechanism is offered that can be used.
    pub fn log_in(&mut self, terms: &LoginTerms<'_>) -> Result<(), MailboxError> {
        self.has("IMAP4REV1")?;
        let names = self.capabilities.iter();
        let offered: Vec<String> = names
            .filter_map(|name| Some(name.strip_prefix("AUTH=")?.to_owned()))
            .collect();
        let candidates = terms.candidates(&offered, &self.channel.bindings());
        let is_disabled = self.has("LOGINDISABLED")?;
        if candidates.is_empty() && terms.allows_plain_command() && !is_disabled {
            self.log_in_plainly(terms)?;
        } else if candidates.is_empty() {
            let mut offered = offered.join(" ");
            if offered.is_empty() {
                offered.push_str(if is_disabled {
                    "none here (LOGINDISABLED)"
                } else {
                    "none"
                });
            }
            return Err(MailboxError::NoMechanism(offered));
        } else {
            let has_initial_response = self.has("SASL-IR")?;
            let mut dialogue = Dialogue {
                session: self,
                has_initial_response,
                tag: String::new(),
            };
            log_in(terms.login, candidates, &mut dialogue)?;
        }
        Ok(())
    }

    fn log_in_plainly(&mut self, terms: &LoginTerms<'_>) -> Result<(), MailboxError> {
        let literals = self.literals()?;
        let user = terms.login.user.as_deref().unwrap_or_default();
        let crate::system::secret::Proof::Password(password) = &terms.login.proof else {
            return Err(MailboxError::NoUser);
        };
        let command = Command::new("LOGIN").with(literals, false);
        let command = command.string(user).secret(password.expose());
        // Capabilities may differ after a login.
        self.capabilities.clear();
        match self.run_staged(command, Stage::Auth, &mut |_| Ok(())) {
            Err(MailboxError::Refused {
                text, is_temporary, ..
            }) => Err(MailboxError::LoginRefused { text, is_temporary }),
            other => other,
        }
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

    fn run(&mut self, command: Command, handler: Handler<'_>) -> Result<(), MailboxError> {
        self.run_staged(command, Stage::Ask, handler)
    }

    fn run_staged(
        &mut self,
        command: Command,
        stage: Stage,
        handler: Handler<'_>,
    ) -> Result<(), MailboxError> {
        self.exchange(command, stage, (MAX_RESPONSES, None), handler)
    }

    /// Sends a command, and reads responses up to its end. `budget`: the maximum number of responses.
    fn exchange(
        &mut self,
        command: Command,
        stage: Stage,
        (budget, mut sink): (u32, Option<&mut BodySink<'_>>),
        handler: Handler<'_>,
    ) -> Result<(), MailboxError> {
        let verb = command.verb().to_owned();
        self.channel.begin(&verb)?;
        let tag = self.next_tag();
        let mut responses = Responses {
            verb: &verb,
            tag: &tag,
            left: budget,
            farewell: None,
        };
        for line in command.lines(&tag) {
            self.channel.send_masked(&line.octets, &line.shown, stage)?;
            if line.waits {
                responses.wait_to_continue(self, handler)?;
            }
        }
        loop {
            match responses.next(self, sink.as_deref_mut())? {
                Response::Continue(_) => {
                    return Err(MailboxError::Protocol(format!(
                        "asked for more data in reply to {verb}"
                    )));
                }
                Response::Data(data) => {
                    if matches!(data, Data::Fetch(_)) && budget > MAX_RESPONSES {
                        self.channel.extend()?;
                    }
                    handler(data)?;
                }
                Response::Done { outcome, .. } => return self.finish(&verb, outcome),
            }
        }
    }

    fn finish(&mut self, verb: &str, outcome: Outcome) -> Result<(), MailboxError> {
        let is_ok = outcome.status == OutcomeStatus::Ok;
        if is_ok {
            self.note_code(outcome.code);
            return Ok(());
        }
        Err(MailboxError::Refused {
            command: verb.to_owned(),
            is_temporary: has_code(&outcome.text, &TEMPORARY),
            text: self.channel.words(&outcome.text),
        })
    }

    fn note_code(&mut self, code: Option<Code>) {
        if let Some(Code::Capabilities(all)) = code {
            self.capabilities = all;
        }
    }

    fn next_tag(&mut self) -> String {
        self.commands += 1;
        format!("a{}", self.commands)
    }
}

/// A key of SEARCH, or a string after one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey<'k> {
    Words(String),
    Text(&'k str),
}

/// The responses to one command.
struct Responses<'c> {
    verb: &'c str,
    tag: &'c str,
    left: u32,
    /// The text of BYE.
    farewell: Option<String>,
}

impl Responses<'_> {
    /// The next response. Checks its tag and the number of responses.
    fn next(
        &mut self,
        session: &mut ImapSession<'_>,
        sink: Option<&mut BodySink<'_>>,
    ) -> Result<Response, MailboxError> {
        let response = match response::read(&mut session.channel, sink) {
            Err(MailboxError::Wire(..)) if self.farewell.is_some() => {
                return Err(MailboxError::Bye(self.farewell.take().unwrap_or_default()));
            }
            read => read?,
        };
        match &response {
            Response::Done { tag, outcome } => {
                if tag != self.tag {
                    let excerpt = session.channel.excerpt(tag.as_bytes());
                    let verb = self.verb;
                    return Err(MailboxError::Protocol(format!(
                        "sent the tag {excerpt} instead of {} in reply to {verb}",
                        self.tag
                    )));
                }
                if let Some(farewell) = self.farewell.take()
                    && outcome.status != OutcomeStatus::Ok
                {
                    return Err(MailboxError::Bye(farewell));
                }
            }
            Response::Data(Data::Status(outcome)) if outcome.status == OutcomeStatus::Bye => {
                self.farewell = Some(session.channel.words(&outcome.text));
            }
            Response::Data(Data::Status(outcome)) if outcome.status == OutcomeStatus::Preauth => {
                let what = "sent PREAUTH after its greeting";
                return Err(MailboxError::Protocol(what.to_owned()));
            }
            _ => {}
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            MailboxError::Protocol(format!("sent too many responses to {}", self.verb))
        })?;
        Ok(response)
    }

    /// Waits until the server asks for a literal.
    fn wait_to_continue(
        &mut self,
        session: &mut ImapSession<'_>,
        handler: Handler<'_>,
    ) -> Result<(), MailboxError> {
        loop {
            match self.next(session, None)? {
                Response::Continue(_) => return Ok(()),
                Response::Data(data) => handler(data)?,
                Response::Done { outcome, .. } => {
                    session.finish(self.verb, outcome)?;
                    return Err(MailboxError::Protocol(format!(
                        "completed {} before its end",
                        self.verb
                    )));
                }
            }
        }
    }
}

/// AUTHENTICATE (RFC 3501 §6.2.2), with the initial response of RFC 4959.
struct Dialogue<'s, 'a> {
    session: &'s mut ImapSession<'a>,
    has_initial_response: bool,
    tag: String,
}

impl Dialogue<'_, '_> {
    fn reply(&mut self) -> Result<LoginReply, MailboxError> {
        let mut responses = Responses {
            verb: "AUTHENTICATE",
            tag: &self.tag,
            left: MAX_RESPONSES,
            farewell: None,
        };
        loop {
            match responses.next(self.session, None)? {
                Response::Continue(text) => return Ok(LoginReply::Challenge(text)),
                Response::Data(Data::Capabilities(all)) => self.session.capabilities = all,
                Response::Data(_) => {}
                Response::Done { outcome, .. } => {
                    if outcome.status == OutcomeStatus::Ok {
                        self.session.capabilities.clear();
                        self.session.note_code(outcome.code);
                        return Ok(LoginReply::Accepted);
                    }
                    let is_credentials = outcome.text.starts_with("[AUTHENTICATIONFAILED]");
                    return Ok(LoginReply::Refused {
                        is_about_mechanism: outcome.status == OutcomeStatus::Bad && !is_credentials,
                        is_temporary: has_code(&outcome.text, &TEMPORARY),
                        text: self.session.channel.words(&outcome.text),
                    });
                }
            }
        }
    }
}

impl LoginDialogue for Dialogue<'_, '_> {
    fn begin(
        &mut self,
        mechanism: &str,
        response: Option<&str>,
    ) -> Result<LoginReply, MailboxError> {
        self.tag = self.session.next_tag();
        self.session.channel.begin("AUTHENTICATE")?;
        let words = format!("{} AUTHENTICATE {mechanism}", self.tag);
        match response {
            None => self.session.channel.send(&words, Stage::Auth)?,
            Some(response) => {
                let mut line =
                    zeroize::Zeroizing::new(Vec::with_capacity(words.len() + 2 + response.len()));
                line.extend_from_slice(words.as_bytes());
                line.push(b' ');
                // RFC 4959 §3: an empty response is sent as an equals sign.
                line.extend_from_slice(if response.is_empty() {
                    b"="
                } else {
                    response.as_bytes()
                });
                let shown = format!("{words} {STARS}");
                self.session
                    .channel
                    .send_masked(&line, &shown, Stage::Auth)?;
            }
        }
        self.reply()
    }

    fn respond(&mut self, line: &[u8], shown: &str) -> Result<LoginReply, MailboxError> {
        self.session.channel.send_masked(line, shown, Stage::Auth)?;
        self.reply()
    }

    fn takes_initial_response(&self, _: usize) -> bool {
        self.has_initial_response
    }
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
