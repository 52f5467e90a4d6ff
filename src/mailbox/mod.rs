//! Mailboxes of users at IMAP (RFC 3501, RFC 9051) and POP3 servers (RFC 1939), on the connections, TLS, credentials
//! and events of `client/`.
//!
//! * `url`: the URL of a mailbox (RFC 5092, RFC 2384)
//! * `channel`: a connection that is read and written line by line, with its limits and its transcript
//! * `login`: SASL in both protocols
//! * `imap`, `pop3`: the sessions
//! * `session`: one face for both, with the messages that are selected
//! * `search`: conditions on messages
//! * `arrival`: waiting for a message, and what it tells about its way

mod arrival;
mod channel;
mod error;
mod imap;
mod login;
mod pop3;
mod search;
mod session;
mod url;

pub(crate) use arrival::{
    Arrival, AuthenticationResults, Changes, Hop, Token, Watcher, compare, hops, results,
};
pub(crate) use channel::{Limits, SharedObserver};
pub(crate) use error::MailboxError;
pub(crate) use imap::{Folder, FolderStatus};
pub(crate) use search::{Condition, fields};
pub(crate) use session::{
    MailboxSession, MessageSummary, OpenError, Opening, Range, Selection, open,
};
pub(crate) use url::{MailboxProtocol, MailboxUrl};
