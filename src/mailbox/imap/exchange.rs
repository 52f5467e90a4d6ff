//! One command and the responses to it (RFC 9051 §2.2).

use crate::mailbox::error::{MailboxError, has_code};
use crate::mailbox::imap::command::Command;
use crate::mailbox::imap::response::{
    self, BodySink, Code, Data, Outcome, OutcomeStatus, Response,
};
use crate::mailbox::imap::{ImapSession, MAX_RESPONSES, TEMPORARY};
use crate::smtp::stage::Stage;

type Handler<'h> = &'h mut dyn FnMut(Data) -> Result<(), MailboxError>;

impl ImapSession<'_> {
    pub(super) fn run(
        &mut self,
        command: Command,
        handler: Handler<'_>,
    ) -> Result<(), MailboxError> {
        self.run_staged(command, Stage::Ask, handler)
    }

    pub(super) fn run_staged(
        &mut self,
        command: Command,
        stage: Stage,
        handler: Handler<'_>,
    ) -> Result<(), MailboxError> {
        self.exchange(command, stage, (MAX_RESPONSES, None), handler)
    }

    /// Sends a command, and reads responses up to its end. `budget`: the maximum number of responses.
    pub(super) fn exchange(
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

    pub(super) fn note_code(&mut self, code: Option<Code>) {
        if let Some(Code::Capabilities(all)) = code {
            self.capabilities = all;
        }
    }

    pub(super) fn next_tag(&mut self) -> String {
        self.commands += 1;
        format!("a{}", self.commands)
    }
}

/// The responses to one command.
pub(super) struct Responses<'c> {
    pub(super) verb: &'c str,
    pub(super) tag: &'c str,
    /// Number of responses that may follow.
    pub(super) left: u32,
    /// The text of BYE.
    pub(super) farewell: Option<String>,
}

impl Responses<'_> {
    /// The next response. Checks its tag and the number of responses.
    pub(super) fn next(
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
