//! A session with a mailbox of either protocol.

use crate::client::connect::{Connected, connect};
use crate::client::outcome::ContactedServer;
use crate::client::session;
use crate::client::session::TlsDemand;
use crate::client::session::auth::Mask;
use crate::client::transport::{OpenTransport, Renewal};
use crate::client::wire::Terms;
use crate::mailbox::channel::{Channel, Limits, SharedObserver};
use crate::mailbox::error::MailboxError;
use crate::mailbox::imap::{
    self, FetchData, Folder, FolderStatus, ImapSession, MessageSet, SearchKey, Selected,
};
use crate::mailbox::login::LoginTerms;
use crate::mailbox::pop3::{ListedMessage, Pop3Session};
use crate::mailbox::search::Condition;
use crate::mailbox::url::{MailboxProtocol, MailboxUrl};
use crate::system::secret::{Login, Proof};
use std::collections::BTreeMap;
use std::io::Write;

/// Fields of the header that a summary has.
const FIELDS: &str = "DATE FROM TO CC SUBJECT MESSAGE-ID RETURN-PATH";

/// Messages whose header is looked at, at an IMAP and at a POP3 server.
const MAX_EXAMINED: usize = 100;
const MAX_EXAMINED_POP3: usize = 20;

/// The way to a mailbox.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    pub transport: &'a OpenTransport<'a>,
    pub url: &'a MailboxUrl,
    pub limits: Limits,
    /// True if messages are deleted or marked.
    pub to_change: bool,
}

/// An error, and the server at which it occurred.
pub struct OpenError {
    pub server: Option<ContactedServer>,
    pub error: Box<MailboxError>,
}

impl OpenError {
    fn at(server: ContactedServer, error: MailboxError) -> Self {
        Self {
            server: Some(server),
            error: Box::new(error),
        }
    }
}

/// An error without a server.
impl From<MailboxError> for OpenError {
    fn from(error: MailboxError) -> Self {
        Self {
            server: None,
            error: Box::new(error),
        }
    }
}

/// A session after the login, with an open mailbox if one is selected.
pub struct MailboxSession<'a> {
    pub server: ContactedServer,
    session: Session<'a>,
}

enum Session<'a> {
    Imap(ImapSession<'a>, Selected),
    /// With the messages by their numbers.
    Pop3(Pop3Session<'a>, BTreeMap<u32, ListedMessage>),
}

/// A message in a list.
#[derive(Clone, Debug, Default)]
pub struct MessageSummary {
    /// The UID, or the number at a POP3 server.
    pub number: u32,
    /// The unique ID at a POP3 server.
    pub unique_id: Option<String>,
    pub size: Option<u64>,
    /// `None`: a POP3 server has none.
    pub flags: Option<Vec<String>>,
    /// Time of arrival as the server writes it.
    pub received: Option<String>,
    /// Some fields of the header.
    pub header: Vec<u8>,
}

/// UIDs or numbers from the first to the last; `None`: the last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: u32,
    pub last: Option<u32>,
}

/// The messages to work on: those that are in one of the ranges and meet all conditions, and of these the last ones.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Empty: all.
    pub ranges: Vec<Range>,
    pub conditions: Vec<Condition>,
    pub last: Option<u32>,
}

impl Selection {
    fn has(&self, number: u32) -> bool {
        let is_in =
            |range: &Range| number >= range.first && range.last.is_none_or(|last| number <= last);
        self.ranges.is_empty() || self.ranges.iter().any(is_in)
    }

    /// The ranges as a set of an IMAP command.
    fn set(&self) -> String {
        let range = |range: &Range| match range.last {
            Some(last) if last == range.first => last.to_string(),
            Some(last) => format!("{}:{last}", range.first),
            None => format!("{}:*", range.first),
        };
        let set: Vec<String> = self.ranges.iter().map(range).collect();
        if set.is_empty() {
            "1:*".to_owned()
        } else {
            set.join(",")
        }
    }
}

/// Connects, starts TLS, logs in, and opens the mailbox if `selects` is true. A token that is refused is renewed once.
pub fn open<'a>(
    opening: Opening<'a>,
    selects: bool,
    observer: &'a SharedObserver<'a>,
) -> Result<MailboxSession<'a>, OpenError> {
    let transport = opening.transport;
    let login = transport.login();
    let mut opened = Connection::begin(opening, observer);
    if let (Err(error), Some(login)) = (&opened, login)
        && matches!(*error.error, MailboxError::LoginRefused { .. })
    {
        let stop = observer.lend(|observer| observer.stop());
        match transport.renew(login, stop.as_deref()) {
            Renewal::Done => opened = Connection::begin(opening, observer),
            Renewal::Failed(error) => return Err(MailboxError::Credentials(error).into()),
            Renewal::Impossible => {}
        }
    }
    let Connection {
        server,
        mut session,
    } = opened?;
    if selects && let Err(error) = session.select(opening) {
        return Err(OpenError::at(server, error));
    }
    Ok(MailboxSession { server, session })
}

struct Connection<'a> {
    server: ContactedServer,
    session: Session<'a>,
}

impl<'a> Connection<'a> {
    fn begin(opening: Opening<'a>, observer: &'a SharedObserver<'a>) -> Result<Self, OpenError> {
        let url = opening.url;
        let endpoint = url.server.clone().place(0);
        let terms = opening.transport.terms();
        let terms = Terms {
            limit: opening.limits.shortened(terms.limit),
            ..terms
        };
        let router = &opening.transport.router;
        let connected = observer.lend(|observer| connect(router, &endpoint, terms, observer));
        let Connected { server, wire } = connected.map_err(MailboxError::Connect)?;
        let login = opening.transport.login();
        let channel = Channel::new(wire, Mask::of(login), opening.limits, observer);
        let host = endpoint.host.name();
        match Session::begin(channel, opening, &host) {
            Ok(session) => Ok(Self { server, session }),
            Err(error) => Err(OpenError::at(server, error)),
        }
    }
}

impl<'a> Session<'a> {
    /// TLS and login.
    fn begin(
        mut channel: Channel<'a>,
        opening: Opening<'a>,
        host: &str,
    ) -> Result<Self, MailboxError> {
        let options = opening.transport.session;
        let server = opening.transport.tls.server(host);
        if options.tls == TlsDemand::Implicit {
            channel.secure(server, None)?;
        }
        let login = opening.transport.login();
        let starts_tls = !matches!(options.tls, TlsDemand::Implicit | TlsDemand::Off);
        let is_required = options.tls == TlsDemand::Starttls;
        let mut session = match opening.url.protocol {
            MailboxProtocol::Imap => {
                let mut session = ImapSession::greeted(channel)?;
                if session.is_preauthenticated() {
                    check_preauth(starts_tls, login)?;
                } else if starts_tls && session.has("STARTTLS")? {
                    session.start_tls(server)?;
                } else if is_required {
                    return Err(MailboxError::NoStarttls("STARTTLS"));
                }
                Self::Imap(session, Selected::default())
            }
            MailboxProtocol::Pop3 => {
                let mut session = Pop3Session::greeted(channel)?;
                if starts_tls && session.has("STLS")? {
                    session.start_tls(server)?;
                } else if is_required {
                    return Err(MailboxError::NoStarttls("STLS"));
                }
                Self::Pop3(session, BTreeMap::new())
            }
        };
        session.log_in(login, options)?;
        Ok(session)
    }

    fn log_in(
        &mut self,
        login: Option<&Login>,
        options: &session::Options,
    ) -> Result<(), MailboxError> {
        let (is_encrypted, is_preauthenticated) = match self {
            Self::Imap(session, _) => (session.is_encrypted(), session.is_preauthenticated()),
            Self::Pop3(session, _) => (session.is_encrypted(), false),
        };
        let Some(login) = login else {
            return if is_preauthenticated {
                Ok(())
            } else {
                Err(MailboxError::NoUser)
            };
        };
        let is_secret = login.proof != Proof::Elsewhere;
        if is_secret && !is_encrypted && !options.password_in_clear {
            return Err(MailboxError::PasswordInClear);
        }
        let terms = LoginTerms {
            login,
            allowed: &options.mechanisms,
        };
        match self {
            Self::Imap(session, _) => session.log_in(&terms),
            Self::Pop3(session, _) => session.log_in(&terms),
        }
    }

    fn select(&mut self, opening: Opening<'_>) -> Result<(), MailboxError> {
        match self {
            Self::Imap(session, selected) => {
                *selected = session.select(opening.url.mailbox(), opening.to_change)?;
                let wanted = opening.url.uid_validity;
                if wanted.is_some() && wanted != selected.uid_validity {
                    let found = selected.uid_validity.unwrap_or_default();
                    return Err(MailboxError::Refused {
                        command: "the URL".to_owned(),
                        text: format!("its UIDVALIDITY is {found}, so that the UIDs have changed"),
                        is_temporary: false,
                    });
                }
            }
            Self::Pop3(session, listed) => *listed = session.list()?,
        }
        Ok(())
    }
}

/// An attacker can send PREAUTH before TLS, so that STARTTLS is not possible, or so that another user's mailbox is used
/// (CVE-2020-15685).
fn check_preauth(starts_tls: bool, login: Option<&Login>) -> Result<(), MailboxError> {
    if starts_tls {
        return Err(MailboxError::Preauth(
            "which prevents STARTTLS; use imaps:// or --tls off",
        ));
    }
    if login.is_some() {
        return Err(MailboxError::Preauth("although a login was requested"));
    }
    Ok(())
}

impl MailboxSession<'_> {
    /// Hands on a summary of each selected message, in the order of the mailbox.
    pub fn summaries(
        &mut self,
        selection: &Selection,
        each: &mut dyn FnMut(MessageSummary) -> Result<(), MailboxError>,
    ) -> Result<(), MailboxError> {
        match &mut self.session {
            Session::Imap(session, selected) => imap_summaries(session, *selected, selection, each),
            Session::Pop3(session, listed) => pop3_summaries(session, listed, selection, each),
        }
    }

    /// The header of a message.
    pub fn header(&mut self, number: u32) -> Result<Vec<u8>, MailboxError> {
        match &mut self.session {
            Session::Imap(session, _) => session.header(number),
            Session::Pop3(session, _) => session.header(number),
        }
    }

    /// Writes a message of at most `limit` octets. Returns its size.
    pub fn message(
        &mut self,
        number: u32,
        (into, limit): (&mut dyn Write, u64),
    ) -> Result<u64, MailboxError> {
        match &mut self.session {
            Session::Imap(session, _) => session.message(number, (into, limit)),
            Session::Pop3(session, _) => session.message(number, (into, limit)),
        }
    }

    /// Deletes messages; at a POP3 server when the session is finished. Returns false if the server can only mark them.
    pub fn delete(&mut self, numbers: &[u32]) -> Result<bool, MailboxError> {
        match &mut self.session {
            Session::Imap(session, _) => session.delete(numbers),
            Session::Pop3(session, _) => {
                for &number in numbers {
                    session.delete(number)?;
                }
                Ok(true)
            }
        }
    }

    /// Marks messages as seen.
    pub fn mark_seen(&mut self, numbers: &[u32]) -> Result<(), MailboxError> {
        match &mut self.session {
            Session::Imap(session, _) => session.add_flag(numbers, "\\Seen"),
            Session::Pop3(..) => Err(MailboxError::Unsupported("flags (POP3)")),
        }
    }

    /// All mailboxes with their status; those that cannot be selected have none.
    pub fn folders(&mut self) -> Result<Vec<(Folder, Option<FolderStatus>)>, MailboxError> {
        let Session::Imap(session, _) = &mut self.session else {
            return Err(MailboxError::Unsupported("several mailboxes (POP3)"));
        };
        let mut all = Vec::new();
        for folder in session.folders()? {
            let status = if folder.is_selectable() {
                match session.status(&folder.name) {
                    Ok(status) => Some(status),
                    Err(MailboxError::Refused { .. }) => None,
                    Err(error) => return Err(error),
                }
            } else {
                None
            };
            all.push((folder, status));
        }
        Ok(all)
    }

    /// All mailboxes of an IMAP server.
    pub fn folder_names(&mut self) -> Result<Vec<Folder>, MailboxError> {
        match &mut self.session {
            Session::Imap(session, _) => session.folders(),
            Session::Pop3(..) => Ok(Vec::new()),
        }
    }

    /// Lets an IMAP server look for new messages in the mailbox that is open, if one is.
    pub fn look_for_new(&mut self) -> Result<(), MailboxError> {
        match &mut self.session {
            Session::Imap(session, _) => session.look_for_new(),
            Session::Pop3(..) => Ok(()),
        }
    }

    /// The UID of the next message in a mailbox.
    pub fn uid_next(&mut self, folder: &str) -> Result<u32, MailboxError> {
        let Session::Imap(session, _) = &mut self.session else {
            return Err(MailboxError::Unsupported("UIDs (POP3)"));
        };
        session
            .status(folder)?
            .uid_next
            .ok_or(MailboxError::Unsupported("UIDNEXT"))
    }

    /// Opens a mailbox, and finds the first message from this UID on whose header meets the condition. Returns its
    /// UID and its time of arrival.
    pub fn new_message(
        &mut self,
        folder: &str,
        from: u32,
        is_it: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Option<(u32, Option<String>)>, MailboxError> {
        let Session::Imap(session, selected) = &mut self.session else {
            return Err(MailboxError::Unsupported("UIDs (POP3)"));
        };
        *selected = session.select(folder, true)?;
        if selected.messages == 0 {
            return Ok(None);
        }
        let mut found = None;
        let set = format!("{from}:*");
        let items = "UID INTERNALDATE BODY.PEEK[HEADER]<0.1048576>";
        let most = selected.messages.saturating_add(1000);
        session.fetch(MessageSet::Uids(&set), items, most, &mut |data| {
            let uid = data.uid.unwrap_or_default();
            let header = data.header.unwrap_or_default();
            // A set that ends in * has at least one message, which may be an old one.
            if uid >= from && found.is_none() && is_it(&header) {
                found = Some((uid, data.received));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Opens a mailbox, and finds the messages that meet the conditions and whose header meets another one. A POP3
    /// server, where only conditions on the size count, has to send the header of each message: the newest are looked
    /// at.
    pub fn with_header(
        &mut self,
        folder: &str,
        conditions: &[Condition],
        is_it: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Vec<u32>, MailboxError> {
        let (numbers, most) = match &mut self.session {
            Session::Imap(session, selected) => {
                *selected = session.select(folder, true)?;
                let keys: Vec<SearchKey<'_>> =
                    conditions.iter().flat_map(Condition::keys).collect();
                let found = match selected.messages {
                    0 => Vec::new(),
                    _ => session.search(&keys)?,
                };
                (found, MAX_EXAMINED)
            }
            Session::Pop3(_, listed) => {
                let fits = |message: &ListedMessage| {
                    conditions.iter().all(|condition| match condition {
                        Condition::Larger(size) => message.size > *size,
                        Condition::Smaller(size) => message.size < *size,
                        _ => true,
                    })
                };
                let listed = listed.iter().filter(|(_, message)| fits(message));
                (
                    listed.map(|(&number, _)| number).collect(),
                    MAX_EXAMINED_POP3,
                )
            }
        };
        let mut found = Vec::new();
        for &number in numbers.iter().rev().take(most) {
            if is_it(&self.header(number)?) {
                found.push(number);
            }
        }
        Ok(found)
    }

    /// Numbers and unique IDs of the messages at a POP3 server. Without unique IDs, the number and the size take their
    /// place.
    pub fn unique_ids(&self) -> impl Iterator<Item = (u32, String)> {
        let listed = match &self.session {
            Session::Pop3(_, listed) => Some(listed),
            Session::Imap(..) => None,
        };
        listed.into_iter().flatten().map(|(&number, message)| {
            let made = || format!("{number} {}", message.size);
            (number, message.unique_id.clone().unwrap_or_else(made))
        })
    }

    /// Ends the session.
    ///
    /// # Errors
    /// A POP3 server did not delete what was to be deleted.
    pub fn finish(self) -> Result<(), MailboxError> {
        match self.session {
            Session::Imap(session, _) => {
                session.log_out();
                Ok(())
            }
            Session::Pop3(session, _) => session.quit(),
        }
    }
}

fn imap_summaries(
    session: &mut ImapSession<'_>,
    selected: Selected,
    selection: &Selection,
    each: &mut dyn FnMut(MessageSummary) -> Result<(), MailboxError>,
) -> Result<(), MailboxError> {
    if selected.messages == 0 {
        return Ok(());
    }
    let items = format!("UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS ({FIELDS})]");
    let most = selected.messages.saturating_add(1000);
    let mut hand_on = |data: FetchData| {
        let summary = summary(data);
        if selection.has(summary.number) {
            each(summary)
        } else {
            Ok(())
        }
    };
    let is_plain = selection.conditions.is_empty();
    let sets = match selection.last {
        None if is_plain => vec![selection.set()],
        Some(last) if is_plain && selection.ranges.is_empty() => {
            let first = selected.messages.saturating_sub(last).saturating_add(1);
            let set = format!("{first}:*");
            return session.fetch(MessageSet::Numbers(&set), &items, most, &mut hand_on);
        }
        last => {
            let mut keys = vec![SearchKey::Words(format!("UID {}", selection.set()))];
            keys.extend(selection.conditions.iter().flat_map(Condition::keys));
            let mut uids = session.search(&keys)?;
            uids.retain(|&uid| selection.has(uid));
            if let Some(last) = last {
                let surplus = uids.len().saturating_sub(last as usize);
                uids.drain(..surplus);
            }
            imap::sets(&uids)
        }
    };
    for set in sets {
        session.fetch(MessageSet::Uids(&set), &items, most, &mut hand_on)?;
    }
    Ok(())
}

fn summary(data: FetchData) -> MessageSummary {
    MessageSummary {
        number: data.uid.unwrap_or_default(),
        unique_id: None,
        size: data.size,
        flags: Some(data.flags),
        received: data.received,
        header: data.header.unwrap_or_default(),
    }
}

fn pop3_summaries(
    session: &mut Pop3Session<'_>,
    listed: &BTreeMap<u32, ListedMessage>,
    selection: &Selection,
    each: &mut dyn FnMut(MessageSummary) -> Result<(), MailboxError>,
) -> Result<(), MailboxError> {
    if selection
        .conditions
        .iter()
        .any(|one| !one.needs_only_header())
    {
        let what = "search in texts and for flags (POP3); only the header is searched";
        return Err(MailboxError::Unsupported(what));
    }
    let wanted = listed
        .iter()
        .rev()
        .filter(|(number, _)| selection.has(**number));
    let most = selection.last.unwrap_or(u32::MAX) as usize;
    let mut found = Vec::new();
    // The last ones first, so that no more headers are read than necessary.
    for (&number, message) in wanted {
        if found.len() == most {
            break;
        }
        let mut summary = MessageSummary {
            number,
            unique_id: message.unique_id.clone(),
            size: Some(message.size),
            ..MessageSummary::default()
        };
        if !selection.conditions.is_empty() {
            summary.header = session.header(number)?;
            let mut conditions = selection.conditions.iter();
            if !conditions.all(|one| one.is_met(&summary.header, summary.size)) {
                continue;
            }
            summary.header.clear();
        }
        found.push(summary);
    }
    for mut summary in found.into_iter().rev() {
        summary.header = session.header(summary.number)?;
        each(summary)?;
    }
    Ok(())
}
