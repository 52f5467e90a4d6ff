//! The phase from the greeting to AUTH: EHLO, STARTTLS, and the identity that a proxy claims for its client.

use crate::client::session::dialogue::{
    Action, Dialogue, Output, Privacy, abort, with_output_first,
};
use crate::client::session::offers::attribute_lack;
use crate::client::session::{Protocol, ServerOffers, Step, TlsDemand, Unmet};
use crate::smtp::extension::Extension;
use crate::smtp::reply::{Class, Reply};

/// State of this phase.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    /// Result of the TLS handshake; `None` while the session is in clear.
    pub(super) privacy: Option<Privacy>,
    /// True if the server is authenticated over TLS, in this session or before it was idle.
    pub(super) is_verified: bool,
    /// Number of XCLIENT commands answered.
    pub(super) xclients: usize,
    /// Number of XFORWARD commands answered.
    pub(super) xforwards: usize,
}

impl Dialogue<'_> {
    pub(super) fn is_encrypted(&self) -> bool {
        self.greeting.privacy.is_some()
    }

    pub(super) fn await_greeting(&mut self) -> Action {
        self.awaiting.push_back(Step::Banner);
        Action::Read
    }

    /// RFC 3207 §4.2: everything learned before TLS is discarded.
    pub(super) fn secured(&mut self, privacy: Privacy) -> Action {
        self.greeting.is_verified = privacy.verified;
        self.greeting.privacy = Some(privacy);
        self.offers = ServerOffers::default();
        if self.options.tls == TlsDemand::Implicit {
            return self.await_greeting();
        }
        self.send_hello()
    }

    pub(super) fn banner_answered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => self.send_hello(),
            Class::Intermediate => abort(Step::Banner, reply),
            // RFC 5321 §3.1: QUIT, and no MAIL.
            Class::Transient | Class::Permanent => self.give_up(Step::Banner, reply),
        }
    }

    fn send_hello(&mut self) -> Action {
        self.send_one(match self.options.protocol {
            Protocol::Smtp if self.options.testing.only_helo => Step::Helo,
            Protocol::Smtp => Step::Ehlo,
            Protocol::Lmtp => Step::Lhlo,
        })
    }

    pub(super) fn ehlo_answered(&mut self, step: Step, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.offers = ServerOffers::from_reply(reply);
                self.force_offers();
                if self.options.no_smtputf8 {
                    self.offers.remove(Extension::SmtpUtf8);
                }
                self.encrypt()
            }
            // RFC 5321 §3.2: servers older than RFC 1869 know only HELO.
            Class::Permanent if step == Step::Ehlo => self.send_one(Step::Helo),
            Class::Intermediate => abort(step, reply),
            Class::Transient | Class::Permanent => self.give_up(step, reply),
        }
    }

    fn force_offers(&mut self) {
        for line in &self.options.testing.forced {
            self.offers.add(line);
        }
    }

    pub(super) fn helo_answered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.force_offers();
                self.encrypt()
            }
            Class::Intermediate => abort(Step::Helo, reply),
            Class::Transient | Class::Permanent => self.give_up(Step::Helo, reply),
        }
    }

    /// Starts TLS if it is required and offered; called when the extensions are known.
    fn encrypt(&mut self) -> Action {
        match self.options.tls {
            _ if self.is_encrypted() => self.send_xclient(),
            TlsDemand::Off | TlsDemand::Implicit => self.send_xclient(),
            _ if self.offers.has(Extension::Starttls) => self.send_one(Step::Starttls),
            TlsDemand::Starttls => self.fail_unmet(Unmet::NoStarttls),
            TlsDemand::Opportunistic | TlsDemand::IfOffered => {
                let detail = "STARTTLS is not offered; continuing in plaintext".to_owned();
                with_output_first(Output::Detail(detail), self.send_xclient())
            }
        }
    }

    pub(super) fn starttls_answered(&mut self, reply: Reply) -> Action {
        match reply.class() {
            Class::Success if reply.code == 220 => Action::Secure,
            // Another 2yz does not permit the handshake.
            Class::Success | Class::Intermediate => abort(Step::Starttls, &reply),
            _ if self.options.tls == TlsDemand::Opportunistic => {
                let note = format!(
                    "STARTTLS was refused ({}); continuing in plaintext",
                    reply.whole()
                );
                with_output_first(Output::Note(note), self.send_xclient())
            }
            Class::Transient | Class::Permanent => self.fail_unmet(Unmet::StarttlsRefused(reply)),
        }
    }

    /// Sends the requested XCLIENT commands, each followed by a new EHLO; then AUTH.
    pub(super) fn send_xclient(&mut self) -> Action {
        if self.greeting.xclients == self.options.testing.xclient.len() {
            return self.log_in();
        }
        let attributes = &self.options.testing.xclient[self.greeting.xclients];
        match attribute_lack(&self.offers, Extension::Xclient, "--xclient", attributes) {
            Some(lack) => self.fail_unmet(Unmet::Request(lack)),
            None => self.send_one(Step::Xclient),
        }
    }

    pub(super) fn xclient_answered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.greeting.xclients += 1;
                self.offers = ServerOffers::default();
                self.send_hello()
            }
            Class::Intermediate => abort(Step::Xclient, reply),
            Class::Transient | Class::Permanent => self.give_up(Step::Xclient, reply),
        }
    }

    /// Sends the requested XFORWARD commands; then the requested commands, or the transactions.
    pub(super) fn send_xforward(&mut self) -> Action {
        if self.greeting.xforwards == self.options.testing.xforward.len() {
            return self.transact();
        }
        let attributes = &self.options.testing.xforward[self.greeting.xforwards];
        match attribute_lack(&self.offers, Extension::Xforward, "--xforward", attributes) {
            Some(lack) => self.fail_unmet(Unmet::Request(lack)),
            None => self.send_one(Step::Xforward),
        }
    }

    pub(super) fn xforward_answered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.greeting.xforwards += 1;
                self.send_xforward()
            }
            Class::Intermediate => abort(Step::Xforward, reply),
            Class::Transient | Class::Permanent => self.give_up(Step::Xforward, reply),
        }
    }
}
