//! URLs of mailboxes: `imap://` and `imaps://` (RFC 5092), `pop3://`, `pop3s://` and `pop://` (RFC 2384).

use crate::client::route::target::{HostPort, target};
use crate::smtp::mechanism::Mechanism;
use crate::system::text::{forbidden, percent_decoded};
use std::fmt;

/// The expected form, for errors.
const FORM: &str =
    "expected imaps://[USER@]HOST[:PORT][/MAILBOX], or the same with imap, pop3s or pop3";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailboxProtocol {
    Imap,
    Pop3,
}

/// A mailbox at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxUrl {
    pub protocol: MailboxProtocol,
    /// The user; `None`: another option names it, or none is needed.
    pub user: Option<String>,
    /// The only mechanism for the login; `None`: any.
    pub mechanism: Option<Mechanism>,
    /// Host and port; `is_implicit`: TLS from the first byte.
    pub server: HostPort,
    /// The mailbox of an IMAP server; `None`: INBOX.
    pub mailbox: Option<String>,
    /// The UIDVALIDITY that the mailbox must have.
    pub uid_validity: Option<u32>,
    /// The UID of one message.
    pub uid: Option<u32>,
}

impl MailboxUrl {
    /// Parses a URL. An error does not contain the URL, which may have a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
        let (protocol, is_implicit, port) = match scheme.to_ascii_lowercase().as_str() {
            "imap" => (MailboxProtocol::Imap, false, 143),
            "imaps" => (MailboxProtocol::Imap, true, 993),
            "pop3" | "pop" => (MailboxProtocol::Pop3, false, 110),
            "pop3s" | "pops" => (MailboxProtocol::Pop3, true, 995),
            _ => return Err(FORM.to_owned()),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // An unescaped @ in the user is a common error, so that the last one separates it.
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (user, mechanism) = user.map_or(Ok((None, None)), login)?;
        let mut server = target(host).map_err(|_| FORM)?;
        server.port = server.port.or(Some(port));
        server.is_implicit = is_implicit;
        let url = Self {
            protocol,
            user,
            mechanism,
            server,
            mailbox: None,
            uid_validity: None,
            uid: None,
        };
        url.with_path(path)
    }

    fn with_path(mut self, path: &str) -> Result<Self, String> {
        if path.contains('#') {
            return Err("a fragment (#) is not allowed in the URL; write %23 in a name".to_owned());
        }
        if path.contains('?') {
            return Err(
                "a search (?) is not supported in the URL; use --search, or write %3F in a name"
                    .to_owned(),
            );
        }
        let mut name = path;
        if self.protocol == MailboxProtocol::Pop3 {
            return match path {
                "" => Ok(self),
                _ => Err(
                    "a POP3 server has one mailbox; the URL ends after host and port".to_owned(),
                ),
            };
        }
        while let Some((before, parameter)) = name.rsplit_once(';') {
            let (key, value) = parameter
                .split_once('=')
                .ok_or("a parameter in the URL has no value; write %3B for ; in a name")?;
            let value = value.trim_end_matches('/').parse::<u32>().ok();
            let value = value.filter(|&value| value > 0);
            let value = value.ok_or("expected a number after ;UID= and ;UIDVALIDITY=")?;
            match key.to_ascii_uppercase().as_str() {
                "UIDVALIDITY" => self.uid_validity = Some(value),
                "UID" => self.uid = Some(value),
                _ => {
                    return Err(
                        "only the parameters ;UID= and ;UIDVALIDITY= are supported in the URL"
                            .to_owned(),
                    );
                }
            }
            name = before;
        }
        let name = percent_decoded(name.trim_end_matches('/').as_bytes());
        if forbidden(&name).is_some() || name.len() > 1000 {
            return Err(
                "the name of the mailbox has a control character, or is too long".to_owned(),
            );
        }
        self.mailbox = (!name.is_empty()).then_some(name);
        Ok(self)
    }

    /// The mailbox, INBOX if none is named.
    pub fn mailbox(&self) -> &str {
        self.mailbox.as_deref().unwrap_or("INBOX")
    }
}

/// `USER`, `USER;AUTH=MECHANISM` or `;AUTH=*`.
fn login(text: &str) -> Result<(Option<String>, Option<Mechanism>), String> {
    let (user, auth) = match text.split_once(';') {
        Some((user, auth)) => (user, Some(auth)),
        None => (text, None),
    };
    if user.contains(':') {
        return Err(
            "a URL must not have a password, which other users can see; use --password-command or \
             --password-file, set EHLO_PASSWORD, or add an entry to ~/.netrc"
                .to_owned(),
        );
    }
    let mechanism = match auth.map(str::to_ascii_uppercase).as_deref() {
        None | Some("AUTH=*") => None,
        Some(auth) => {
            let name = auth.strip_prefix("AUTH=");
            let known = name.and_then(Mechanism::parse);
            Some(known.ok_or("expected ;AUTH=* or ;AUTH= and a known mechanism after the user")?)
        }
    };
    let user = percent_decoded(user.as_bytes());
    if forbidden(&user).is_some() {
        return Err("the user in the URL has a control character".to_owned());
    }
    Ok(((!user.is_empty()).then_some(user), mechanism))
}

/// The URL without the user.
impl fmt::Display for MailboxUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.protocol, self.server.is_implicit) {
            (MailboxProtocol::Imap, false) => "imap",
            (MailboxProtocol::Imap, true) => "imaps",
            (MailboxProtocol::Pop3, false) => "pop3",
            (MailboxProtocol::Pop3, true) => "pop3s",
        };
        write!(f, "{scheme}://{}", self.server.host)?;
        if let Some(port) = self.server.port {
            write!(f, ":{port}")?;
        }
        if self.protocol == MailboxProtocol::Imap {
            write!(f, "/{}", crate::system::text::shown(self.mailbox()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::route::Host;

    fn parsed(text: &str) -> MailboxUrl {
        MailboxUrl::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn scheme_user_port_and_mailbox_are_read() {
        let url = parsed("imaps://alice@imap.example.org/INBOX");
        assert_eq!(url.protocol, MailboxProtocol::Imap);
        assert_eq!(url.user.as_deref(), Some("alice"));
        assert_eq!(url.server.host, Host::Relay("imap.example.org".to_owned()));
        assert_eq!((url.server.port, url.server.is_implicit), (Some(993), true));
        assert_eq!(url.mailbox.as_deref(), Some("INBOX"));
        let url = parsed("POP3://[2001:db8::1]:1100/");
        assert_eq!(
            (url.protocol, url.server.port, url.server.is_implicit),
            (MailboxProtocol::Pop3, Some(1100), false)
        );
        assert_eq!(url.user, None);
    }

    #[test]
    fn user_and_mailbox_are_percent_decoded() {
        let url = parsed("imap://alice%40example.org;AUTH=PLAIN@h.example/Entw%C3%BCrfe/a%2Fb%20c");
        assert_eq!(url.user.as_deref(), Some("alice@example.org"));
        assert_eq!(url.mechanism, Some(Mechanism::Plain));
        assert_eq!(url.mailbox(), "Entwürfe/a/b c");
        assert_eq!(
            parsed("imap://alice@example.org@h.example").user.as_deref(),
            Some("alice@example.org")
        );
    }

    #[test]
    fn parameters_of_the_path_name_a_message() {
        let url = parsed("imap://h.example/Junk;UIDVALIDITY=385759045/;UID=20");
        assert_eq!(url.mailbox(), "Junk");
        assert_eq!((url.uid_validity, url.uid), (Some(385_759_045), Some(20)));
    }

    #[test]
    fn strange_urls_are_refused_without_showing_them() {
        for (text, word) in [
            ("imap.example.org", "imaps://"),
            ("http://h.example/", "imaps://"),
            ("imaps://", "imaps://"),
            ("imaps://a b/", "imaps://"),
            ("imaps://u:hunter2@h.example/", "password"),
            ("imaps://u:hunter2;AUTH=*@h.example/", "password"),
            ("imaps://u;AUTH=NTLM@h.example/", "mechanism"),
            ("imaps://u%0d%0ax@h.example/", "control"),
            ("imaps://h.example/a%00b", "control"),
            ("imaps://h.example/INBOX?SUBJECT%20x", "--search"),
            ("imaps://h.example/INBOX#1", "fragment"),
            ("imaps://h.example/INBOX;UID=0", "number"),
            ("imaps://h.example/INBOX;UID=1/;SECTION=1", "parameters"),
            ("imaps://h.example/INBOX;x", "value"),
            ("imaps://h.example:0/", "imaps://"),
            ("pop3s://h.example/INBOX", "one mailbox"),
        ] {
            let why = MailboxUrl::parse(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
