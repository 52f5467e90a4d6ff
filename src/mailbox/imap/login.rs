//! TLS and the login of a session (RFC 9051 §6.2).

use crate::client::wire::tls::TlsServer;
use crate::mailbox::error::{MailboxError, has_code};
use crate::mailbox::imap::command::Command;
use crate::mailbox::imap::exchange::Responses;
use crate::mailbox::imap::response::{Data, OutcomeStatus, Response};
use crate::mailbox::imap::{ImapSession, MAX_RESPONSES, TEMPORARY};
use crate::mailbox::login::{LoginDialogue, LoginReply, LoginTerms, log_in, send_begin};
use crate::smtp::stage::Stage;

impl ImapSession<'_> {
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
        send_begin(&mut self.session.channel, &words, response)?;
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
