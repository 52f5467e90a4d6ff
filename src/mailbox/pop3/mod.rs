//! A session with a POP3 server (RFC 1939), with CAPA (RFC 2449), STLS (RFC 2595) and SASL (RFC 5034).

use crate::client::session::auth::STARS;
use crate::client::wire::tls::TlsServer;
use crate::mailbox::channel::Channel;
use crate::mailbox::error::{MailboxError, has_code};
use crate::mailbox::login::{LoginDialogue, LoginReply, LoginTerms, log_in, send_begin};
use crate::smtp::dot_stuffing::DotUnstuffer;
use crate::smtp::stage::Stage;
use crate::system::secret::Proof;
use std::collections::BTreeMap;
use std::io::Write;
use zeroize::Zeroizing;

/// Maximum length of a line. RFC 2449 §4 allows 512 for replies.
const MAX_LINE: usize = 8 * 1024;

/// Maximum number of capabilities.
const MAX_CAPABILITIES: usize = 500;

/// Maximum number of messages.
const MAX_MESSAGES: usize = 500_000;

/// Maximum size of a header.
const MAX_HEADER: u64 = 1024 * 1024;

/// Maximum size of a message of which only the header is used.
const MAX_UNREQUESTED: u64 = 1024 * 1024 * 1024;

/// Longest command line with its CRLF (RFC 2449 §4).
const MAX_COMMAND: usize = 255;

/// Response codes of a refusal that may pass (RFC 2449 §8.1, RFC 3206).
const TEMPORARY: [&str; 4] = ["IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS"];

/// A session with a POP3 server.
pub struct Pop3Session<'a> {
    channel: Channel<'a>,
    /// The capabilities in upper case, with their arguments; `None`: not asked for yet.
    capabilities: Option<Vec<String>>,
}

/// A message in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedMessage {
    /// Its size in octets.
    pub size: u64,
    /// Its unique ID (UIDL), if the server has them.
    pub unique_id: Option<String>,
}

impl<'a> Pop3Session<'a> {
    /// Reads the greeting.
    pub fn greeted(mut channel: Channel<'a>) -> Result<Self, MailboxError> {
        channel.begin("the connection")?;
        let mut session = Self {
            channel,
            capabilities: None,
        };
        match session.reply()? {
            Reply::Ok(_) => Ok(session),
            Reply::Refused(text) => Err(MailboxError::Bye(text)),
            Reply::Continue(_) => Err(not_greeted()),
        }
    }

    pub fn is_encrypted(&self) -> bool {
        self.channel.is_encrypted()
    }

    /// The capability that begins with this word, in upper case with its arguments.
    fn capability(&mut self, word: &str) -> Result<Option<String>, MailboxError> {
        if self.capabilities.is_none() {
            let mut found = Vec::new();
            match self.lines("CAPA", MAX_CAPABILITIES, &mut |line| {
                found.push(line.to_ascii_uppercase());
                Ok(())
            }) {
                Ok(()) | Err(MailboxError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
            self.capabilities = Some(found);
        }
        let all = self.capabilities.iter().flatten();
        let mut all = all.filter(|one| one.split(' ').next() == Some(word));
        Ok(all.next().cloned())
    }

    /// True if the server has a capability.
    pub fn has(&mut self, capability: &str) -> Result<bool, MailboxError> {
        Ok(self.capability(capability)?.is_some())
    }

    /// STLS. Capabilities from before it are forgotten.
    pub fn start_tls(&mut self, server: TlsServer<'_>) -> Result<(), MailboxError> {
        match self.command("STLS", Stage::Starttls) {
            Err(MailboxError::Refused { text, .. }) => {
                return Err(MailboxError::StarttlsRefused("STLS", text));
            }
            other => other.map(drop)?,
        }
        self.channel.secure(server, Some("STLS"))?;
        self.capabilities = None;
        Ok(())
    }

    /// Logs in with SASL, or with USER and PASS if no mechanism is offered that can be used.
    pub fn log_in(&mut self, terms: &LoginTerms<'_>) -> Result<(), MailboxError> {
        let line = self.capability("SASL")?.unwrap_or_default();
        let offered: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
        let candidates = terms.candidates(&offered, &self.channel.bindings());
        if !candidates.is_empty() {
            return log_in(terms.login, candidates, self);
        }
        if !terms.allows_plain_command() {
            let none = "no mechanism".to_owned();
            let offered = if offered.is_empty() {
                none
            } else {
                offered.join(" ")
            };
            return Err(MailboxError::NoMechanism(offered));
        }
        self.log_in_plainly(terms)
    }

    fn log_in_plainly(&mut self, terms: &LoginTerms<'_>) -> Result<(), MailboxError> {
        let user = terms.login.user.as_deref().unwrap_or_default();
        let Proof::Password(password) = &terms.login.proof else {
            return Err(MailboxError::NoUser);
        };
        let command = format!("USER {user}");
        self.channel.begin("USER")?;
        self.channel.send(&command, Stage::Auth)?;
        let reply = self.reply()?;
        accepted(reply)?;
        let mut line = Zeroizing::new(Vec::with_capacity(5 + password.expose().len()));
        line.extend_from_slice(b"PASS ");
        line.extend_from_slice(password.expose());
        self.channel.begin("PASS")?;
        self.channel
            .send_masked(&line, &format!("PASS {STARS}"), Stage::Auth)?;
        let reply = self.reply()?;
        accepted(reply)
    }

    /// The messages by their numbers, with their sizes and unique IDs.
    pub fn list(&mut self) -> Result<BTreeMap<u32, ListedMessage>, MailboxError> {
        let mut all = BTreeMap::new();
        self.lines("LIST", MAX_MESSAGES, &mut |line| {
            let (number, rest) = numbered(line, "LIST")?;
            let size = rest.split(' ').next().and_then(|size| size.parse().ok());
            let size = size.ok_or_else(|| unreadable("LIST", line))?;
            let unique_id = None;
            all.insert(number, ListedMessage { size, unique_id });
            Ok(())
        })?;
        if self.has("UIDL")? || self.capabilities.as_ref().is_some_and(Vec::is_empty) {
            self.unique_ids(&mut all)?;
        }
        Ok(all)
    }

    fn unique_ids(&mut self, all: &mut BTreeMap<u32, ListedMessage>) -> Result<(), MailboxError> {
        let listed = self.lines("UIDL", MAX_MESSAGES, &mut |line| {
            let (number, id) = numbered(line, "UIDL")?;
            // RFC 1939 §7: 1 to 70 printable characters.
            let is_valid = (1..=70).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
            if let (Some(message), true) = (all.get_mut(&number), is_valid) {
                message.unique_id = Some(id.to_owned());
            }
            Ok(())
        });
        match listed {
            // The command is optional.
            Err(MailboxError::Refused { .. }) => Ok(()),
            other => other,
        }
    }

    /// The header of a message: TOP, or the beginning of the message if the server has no TOP.
    pub fn header(&mut self, number: u32) -> Result<Vec<u8>, MailboxError> {
        let mut header = Vec::new();
        let command = if self.has("TOP")? || !self.has("UIDL")? {
            format!("TOP {number} 0")
        } else {
            format!("RETR {number}")
        };
        let limit = if command.starts_with("TOP") {
            MAX_HEADER
        } else {
            MAX_UNREQUESTED
        };
        let mut out = HeaderOnly {
            header: &mut header,
            is_over: false,
        };
        self.transfer(&command, (&mut out, limit))
            .map_err(|error| missing(error, number))?;
        Ok(header)
    }

    /// Writes a message. Returns its size.
    pub fn message(
        &mut self,
        number: u32,
        (into, limit): (&mut dyn Write, u64),
    ) -> Result<u64, MailboxError> {
        let retrieved = self.transfer(&format!("RETR {number}"), (into, limit));
        retrieved.map_err(|error| missing(error, number))
    }

    /// Marks a message for deletion, which [`Self::quit`] carries out.
    pub fn delete(&mut self, number: u32) -> Result<(), MailboxError> {
        self.command(&format!("DELE {number}"), Stage::Ask)
            .map(drop)
    }

    /// Ends the session, and deletes the messages that are marked.
    pub fn quit(mut self) -> Result<(), MailboxError> {
        self.command("QUIT", Stage::Quit).map(drop)
    }

    /// Sends a command, and returns the text of its reply.
    fn command(&mut self, command: &str, stage: Stage) -> Result<String, MailboxError> {
        let verb = command.split(' ').next().unwrap_or_default();
        self.channel.begin(verb)?;
        self.channel.send(command, stage)?;
        match self.reply()? {
            Reply::Ok(text) => Ok(text),
            Reply::Continue(_) => Err(unexpected_challenge()),
            Reply::Refused(text) => Err(MailboxError::Refused {
                command: verb.to_owned(),
                is_temporary: has_code(&text, &TEMPORARY),
                text,
            }),
        }
    }

    /// Sends a command, and hands on each line of its reply, of which there are at most `most`.
    fn lines(
        &mut self,
        command: &str,
        most: usize,
        each: &mut dyn FnMut(&str) -> Result<(), MailboxError>,
    ) -> Result<(), MailboxError> {
        self.command(command, Stage::Ask)?;
        for count in 0.. {
            let line = self.channel.line(MAX_LINE)?;
            let content = match line.as_slice() {
                b"." => return Ok(()),
                [b'.', rest @ ..] => rest,
                all => all,
            };
            if count == most {
                break;
            }
            // A long list is a transfer.
            if count % 1000 == 999 {
                self.channel.extend()?;
            }
            each(&String::from_utf8_lossy(content))?;
        }
        Err(MailboxError::Protocol(format!(
            "sent more than {most} lines in reply to {command}"
        )))
    }

    /// Sends a command, and writes the message in its reply. Returns the size of the message.
    fn transfer(
        &mut self,
        command: &str,
        (into, limit): (&mut dyn Write, u64),
    ) -> Result<u64, MailboxError> {
        self.command(command, Stage::Ask)?;
        let mut unstuffer = DotUnstuffer::default();
        let mut size = 0;
        loop {
            let heard = self.channel.heard(u64::MAX)?;
            let mut used = 0;
            let mut has_ended = false;
            while used < heard.len() && !has_ended {
                let block = unstuffer.next(&heard[used..]);
                size += block.content.len() as u64;
                if size > limit {
                    return Err(MailboxError::Protocol(format!(
                        "sent more than {limit} bytes in reply to {command}"
                    )));
                }
                into.write_all(block.content)
                    .map_err(MailboxError::Output)?;
                used += block.used;
                has_ended = block.ended;
            }
            self.channel.consume_transferred(used)?;
            if has_ended {
                return Ok(size);
            }
        }
    }

    fn reply(&mut self) -> Result<Reply, MailboxError> {
        let line = self.channel.line(MAX_LINE)?;
        let text = |rest: &[u8]| self.channel.words(String::from_utf8_lossy(rest).trim());
        let is = |word: &[u8]| {
            line.len() >= word.len()
                && line[..word.len()].eq_ignore_ascii_case(word)
                && matches!(line.get(word.len()), None | Some(b' '))
        };
        if is(b"+OK") {
            return Ok(Reply::Ok(text(&line[3..])));
        }
        if is(b"-ERR") {
            return Ok(Reply::Refused(text(&line[4..])));
        }
        if is(b"+") {
            let challenge = String::from_utf8_lossy(&line[1..]);
            return Ok(Reply::Continue(challenge.trim().to_owned()));
        }
        Err(MailboxError::Protocol(format!(
            "sent \"{}\" instead of +OK or -ERR",
            self.channel.excerpt(&line)
        )))
    }
}

/// A status line.
enum Reply {
    Ok(String),
    Refused(String),
    /// A challenge, in base64.
    Continue(String),
}

impl Pop3Session<'_> {
    fn login_reply(&mut self) -> Result<LoginReply, MailboxError> {
        Ok(match self.reply()? {
            Reply::Ok(_) => LoginReply::Accepted,
            Reply::Continue(text) => LoginReply::Challenge(text),
            Reply::Refused(text) => LoginReply::Refused {
                is_about_mechanism: false,
                is_temporary: has_code(&text, &TEMPORARY),
                text,
            },
        })
    }
}

impl LoginDialogue for Pop3Session<'_> {
    fn begin(
        &mut self,
        mechanism: &str,
        response: Option<&str>,
    ) -> Result<LoginReply, MailboxError> {
        self.channel.begin("AUTH")?;
        let words = format!("AUTH {mechanism}");
        send_begin(&mut self.channel, &words, response)?;
        self.login_reply()
    }

    fn respond(&mut self, line: &[u8], shown: &str) -> Result<LoginReply, MailboxError> {
        self.channel.send_masked(line, shown, Stage::Auth)?;
        self.login_reply()
    }

    /// RFC 5034 §4: the command line must not be longer than others.
    fn takes_initial_response(&self, length: usize) -> bool {
        "AUTH SCRAM-SHA-256-PLUS ".len() + length + 2 <= MAX_COMMAND
    }
}

/// Checks that a login was accepted.
fn accepted(reply: Reply) -> Result<(), MailboxError> {
    match reply {
        Reply::Ok(_) => Ok(()),
        Reply::Refused(text) => Err(MailboxError::LoginRefused {
            is_temporary: has_code(&text, &TEMPORARY),
            text,
        }),
        Reply::Continue(_) => Err(unexpected_challenge()),
    }
}

/// A writer that keeps a header, and drops what follows the empty line.
struct HeaderOnly<'h> {
    header: &'h mut Vec<u8>,
    is_over: bool,
}

impl Write for HeaderOnly<'_> {
    fn write(&mut self, block: &[u8]) -> std::io::Result<usize> {
        if self.is_over {
            return Ok(block.len());
        }
        let from = self.header.len().saturating_sub(3);
        self.header.extend_from_slice(block);
        let end = memchr::memmem::find(&self.header[from..], b"\r\n\r\n");
        if let Some(at) = end {
            self.header.truncate(from + at + 4);
            self.is_over = true;
        }
        if self.header.len() as u64 > MAX_HEADER {
            return Err(std::io::Error::other(
                "the header of the message is too long",
            ));
        }
        Ok(block.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A number and the rest of the line.
fn numbered<'l>(line: &'l str, command: &str) -> Result<(u32, &'l str), MailboxError> {
    let parts = line.split_once(' ');
    let parts = parts.and_then(|(number, rest)| Some((number.parse().ok()?, rest.trim())));
    parts
        .filter(|(number, _)| *number > 0)
        .ok_or_else(|| unreadable(command, line))
}

fn unreadable(command: &str, line: &str) -> MailboxError {
    let line: String = crate::system::text::shown(line).chars().take(80).collect();
    MailboxError::Protocol(format!("sent \"{line}\" in reply to {command}"))
}

/// A message that cannot be retrieved is not there.
fn missing(error: MailboxError, number: u32) -> MailboxError {
    match error {
        MailboxError::Refused {
            is_temporary: false,
            ..
        } => MailboxError::NoMessage(number.to_string()),
        other => other,
    }
}

fn unexpected_challenge() -> MailboxError {
    MailboxError::Protocol("sent a challenge where none is expected".to_owned())
}

fn not_greeted() -> MailboxError {
    MailboxError::Protocol("did not begin with a POP3 greeting".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_at_the_empty_line_in_any_blocks() {
        let message = b"a: b\r\nc: d\r\n\r\nbody\r\n\r\nmore";
        for size in 1..message.len() {
            let mut header = Vec::new();
            let mut only = HeaderOnly {
                header: &mut header,
                is_over: false,
            };
            for block in message.chunks(size) {
                only.write_all(block).unwrap();
            }
            assert_eq!(header, b"a: b\r\nc: d\r\n\r\n", "{size}");
        }
    }

    #[test]
    fn list_lines_begin_with_a_number() {
        assert_eq!(numbered("3 120", "LIST").unwrap(), (3, "120"));
        for line in ["", "3", "x 1", "0 1", "-1 1", "99999999999 1"] {
            assert!(numbered(line, "LIST").is_err(), "{line}");
        }
    }
}
