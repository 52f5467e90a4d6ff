//! Parsers for the values of the options.

use crate::cli::options::value;
use crate::mail::address::{Address, Mailbox, parse_recipients};
use crate::mail::envelope::{NotifyOn, Return};
use crate::smtp::blocks::BodyType;
use crate::smtp::parameter::xtext;
use std::time::SystemTime;

/// A requested extension, and whether the message depends on it.
#[derive(Clone, Debug)]
pub(super) struct ExtensionRequest<T> {
    pub(super) value: T,
    pub(super) is_required: bool,
}

#[derive(Clone, Debug)]
pub(super) struct DsnRequest {
    pub(super) recipient: Option<Address>,
    pub(super) notify: NotifyOn,
}

#[derive(Clone, Debug)]
pub(super) struct OriginalRecipient {
    pub(super) recipient: Address,
    /// A type, a semicolon and an address.
    pub(super) name: String,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct DeliverBy {
    pub(super) seconds: u64,
    pub(super) returns: bool,
    pub(super) traces: bool,
}

/// Parses a value with an optional question mark after it.
fn optional<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<ExtensionRequest<T>, String> {
    let (text, is_required) = match text.strip_suffix('?') {
        Some(text) => (text, false),
        None => (text, true),
    };
    let value = parse(text)?;
    Ok(ExtensionRequest { value, is_required })
}

pub(super) fn notify_request(text: &str) -> Result<ExtensionRequest<DsnRequest>, String> {
    optional(text, |text| {
        let (recipient, when) = match text.rsplit_once('=') {
            Some((recipient, when)) => (Some(address(recipient)?), when),
            None => (None, text),
        };
        let notify = notify(when)?;
        Ok(DsnRequest { recipient, notify })
    })
}

fn address(text: &str) -> Result<Address, String> {
    let mailbox = Mailbox::parse_with(parse_recipients, text).map_err(|error| error.to_string())?;
    Ok(mailbox.address)
}

/// RFC 3461 §4.1: NEVER must be the only value.
fn notify(text: &str) -> Result<NotifyOn, String> {
    let error = || "expected never, or any of success,failure,delay".to_owned();
    let mut notify = NotifyOn::default();
    if text.eq_ignore_ascii_case("never") {
        return Ok(notify);
    }
    for word in text.split(',') {
        match word.trim().to_ascii_lowercase().as_str() {
            "success" => notify.success = true,
            "failure" => notify.failure = true,
            "delay" => notify.delay = true,
            _ => return Err(error()),
        }
    }
    Ok(notify)
}

/// RFC 3461 §4.3.
pub(super) fn ret_value(text: &str) -> Result<ExtensionRequest<Return>, String> {
    optional(text, |text| match text.to_ascii_lowercase().as_str() {
        "full" => Ok(Return::Full),
        "hdrs" => Ok(Return::Headers),
        _ => Err("expected full or hdrs".to_owned()),
    })
}

/// RFC 3461 §4.4.
pub(super) fn envelope_id(text: &str) -> Result<ExtensionRequest<String>, String> {
    optional(text, |text| {
        let is_printable = |byte: u8| (b' '..=b'~').contains(&byte);
        if (1..=100).contains(&text.len()) && text.bytes().all(is_printable) {
            return Ok(text.to_owned());
        }
        Err("expected 1 to 100 printable ASCII characters".to_owned())
    })
}

/// RFC 3461 §4.2.
pub(super) fn original(text: &str) -> Result<ExtensionRequest<OriginalRecipient>, String> {
    optional(text, |text| {
        let error = || "expected ADDR=TYPE;NAME, as in bob@example.org=rfc822;bob@example.net";
        let (left, name) = text.split_once(';').ok_or_else(error)?;
        let (recipient, kind) = left.rsplit_once('=').ok_or_else(error)?;
        let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if kind.is_empty() || !kind.bytes().all(is_atom) || name.is_empty() || name.len() > 450 {
            return Err(error().to_owned());
        }
        Ok(OriginalRecipient {
            recipient: address(recipient)?,
            name: format!("{kind};{name}"),
        })
    })
}

/// RFC 4865 §3.1.
pub(super) fn hold_for(text: &str) -> Result<ExtensionRequest<u64>, String> {
    optional(text, seconds)
}

/// A year at most, which fits the nine digits of HOLDFOR and BY.
fn seconds(text: &str) -> Result<u64, String> {
    value::wait(text).map(|time| time.as_secs())
}

pub(super) fn hold_until(text: &str) -> Result<ExtensionRequest<SystemTime>, String> {
    optional(text, |text| {
        let error = "expected a date with time and zone such as 2030-01-31T08:00:00Z";
        crate::system::time::from_rfc3339(text).ok_or_else(|| error.to_owned())
    })
}

/// RFC 2852 §4.1.
pub(super) fn deliver_by(text: &str) -> Result<ExtensionRequest<DeliverBy>, String> {
    optional(text, |text| {
        let (time, mode) = text.split_once(';').unwrap_or((text, "r"));
        let (returns, traces) = match mode.to_ascii_lowercase().as_str() {
            "r" => (true, false),
            "rt" => (true, true),
            "n" => (false, false),
            "nt" => (false, true),
            _ => return Err("expected ;r, ;n, ;rt or ;nt after the time".to_owned()),
        };
        Ok(DeliverBy {
            seconds: seconds(time)?,
            returns,
            traces,
        })
    })
}

/// RFC 6710 §4.1.
pub(super) fn mt_priority(text: &str) -> Result<ExtensionRequest<i8>, String> {
    optional(text, |text| match text.parse() {
        Ok(priority @ -9..=9) => Ok(priority),
        _ => Err("expected a number from -9 to 9".to_owned()),
    })
}

pub(super) fn body_type(text: &str) -> Result<ExtensionRequest<BodyType>, String> {
    optional(text, |text| {
        BodyType::parse(text).ok_or_else(|| "expected 7bit, 8bitmime or binarymime".to_owned())
    })
}

/// RFC 1870 §6: up to twenty digits, plausible or not.
pub(super) fn announced_size(text: &str) -> Result<ExtensionRequest<String>, String> {
    optional(text, |text| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && (1..=20).contains(&text.len()) {
            return Ok(text.to_owned());
        }
        Err("expected 1 to 20 digits".to_owned())
    })
}

pub(super) fn mail_auth(text: &str) -> Result<ExtensionRequest<String>, String> {
    optional(text, |text| match text {
        "" | "<>" => Ok("<>".to_owned()),
        _ => Ok(xtext(&address(text)?.to_string())),
    })
}

pub(super) fn prdr(text: &str) -> Result<ExtensionRequest<()>, String> {
    optional(text, |text| match text {
        "" => Ok(()),
        _ => Err("expected no value, or ?".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_mark_makes_a_request_optional() {
        assert!(hold_for("2h").unwrap().is_required);
        let optional = hold_for("2h?").unwrap();
        assert!(!optional.is_required);
        assert_eq!(optional.value, 7200);
    }

    #[test]
    fn malformed_values_are_refused() {
        assert!(notify_request("never,success").is_err());
        assert!(notify_request("bob=success").is_err());
        assert!(deliver_by("1h;x").is_err());
        assert!(mt_priority("10").is_err());
        assert!(body_type("8bit").is_err());
        assert!(announced_size("-5").is_err());
        assert!(original("rfc822;a@x").is_err());
        assert!(hold_until("tomorrow").is_err());
        assert!(envelope_id("a\tb").is_err());
        assert!(prdr("x").is_err());
    }

    #[test]
    fn recipient_may_contain_an_equals_sign() {
        let request = notify_request("a=b@x.org=success,delay").unwrap().value;
        assert_eq!(request.recipient.unwrap().to_string(), "a=b@x.org");
        assert!(request.notify.success && request.notify.delay && !request.notify.failure);
        let original = original("a=b@x.org=rfc822;c=d@y").unwrap().value;
        assert_eq!(original.recipient.to_string(), "a=b@x.org");
        assert_eq!(original.name, "rfc822;c=d@y");
    }
}
