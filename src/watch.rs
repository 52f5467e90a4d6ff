//! What may be seen of a delivery while it happens. Rooms tell it to a [`Watch`]; none of them knows
//! who listens.

use crate::peer::Peer;

/// Somebody who is told what happens, as it happens, in the order of the wire.
pub trait Watch {
    /// Takes note of it. Must not fail: a delivery does not stop because nobody looks any more.
    fn happened(&mut self, what: Happening<'_>);

    /// Whether nothing should be begun, because what was to be seen of it cannot be shown.
    fn refuses(&self) -> bool {
        false
    }
}

/// A [`Watch`] that does not look.
pub struct Nobody;

impl Watch for Nobody {
    fn happened(&mut self, _: Happening<'_>) {}
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    /// The DNS or the system is asked for a name.
    Lookup {
        /// `MX`, `A` and so on, or `host` for the system's own lookup.
        kind: &'a str,
        /// The name asked for.
        name: &'a str,
    },
    /// A remark that is neither ours nor the server's: the MX chosen, the next host.
    Note(&'a str),
    /// The message is safe in the queue.
    Queued {
        /// Under this name.
        id: &'a str,
    },
    /// A remark for those who want to know more (`--verbose`).
    Detail(&'a str),
    /// Another profile is tried for those who have no answer that lasts.
    Fallback {
        /// Its name.
        profile: &'a str,
        /// Why it cannot be tried after all.
        error: Option<&'a str>,
    },
    /// A host is about to be tried.
    Host {
        /// Its name, or its address in brackets.
        name: &'a str,
        /// The port; `None` for a unix socket.
        port: Option<u16>,
        /// For whom.
        recipients: &'a [String],
    },
    /// A connection is being opened, maybe beside others of the same host (RFC 8305).
    Connect(&'a Peer),
    /// The connection is there; others that were still being opened are given up.
    Connected(&'a Peer),
    /// The connection did not come about.
    NotConnected {
        /// Where to.
        peer: &'a Peer,
        /// The system's words.
        why: &'a str,
    },
    /// The conversation is encrypted from here on.
    Secured(Secured<'a>),
    /// The server's certificate is not good, and the conversation ends here.
    Distrusted {
        /// The name that was asked for.
        name: &'a str,
        /// What is wrong with it, behind "certificate of NAME not trusted: it".
        why: &'a str,
        /// The server's certificates in DER, its own first.
        chain: &'a [Vec<u8>],
    },
    /// A command of ours.
    Sent {
        /// The command as it may be shown.
        line: &'a str,
        /// Its stage, as `--quit-after` names it.
        stage: &'a str,
    },
    /// One line of the server's, made printable, as soon as it has come.
    Line(&'a str),
    /// A whole reply.
    Received {
        /// The reply code.
        code: u16,
        /// The enhanced status code, when there is one (RFC 3463).
        enhanced: Option<&'a str>,
        /// The text of each line, printable.
        lines: &'a [String],
        /// What it is the reply to.
        stage: &'a str,
    },
    /// A part of the message has gone out.
    Progress {
        /// Octets so far.
        octets: u64,
        /// Octets in all.
        of: u64,
    },
    /// The message was sent.
    Data {
        /// Its octets, before dot-stuffing.
        bytes: u64,
    },
    /// The connection was closed.
    Closed,
    /// What became of one recipient.
    Settled {
        /// Who.
        recipient: &'a str,
        /// `Sent`, `Deferred` and so on.
        word: &'a str,
        /// The reply or the reason.
        words: &'a str,
    },
}

/// What a TLS handshake has brought about.
#[derive(Clone, Copy, Debug)]
pub struct Secured<'a> {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'a str,
    /// The cipher suite.
    pub cipher: &'a str,
    /// The key exchange, where it was negotiated anew.
    pub group: Option<&'a str>,
    /// Whether an earlier session was taken up again.
    pub resumed: bool,
    /// The name that was asked for.
    pub name: &'a str,
    /// Whether it is known whom we talk to.
    pub verified: bool,
    /// How the certificate was judged, behind "certificate of NAME".
    pub judgement: &'a str,
    /// The server's certificates in DER, its own first.
    pub chain: &'a [Vec<u8>],
}
