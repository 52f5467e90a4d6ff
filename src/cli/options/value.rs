//! Values of options, parsed and checked once.

use crate::client::route::target::host_name;
pub use crate::client::route::target::{HostPort, command, port, proxy, relay, server, target};
use crate::client::wire::tls::Pin;
use crate::mail::address::{
    Address, AddressError, ListEntry, Mailbox, parse_list, parse_raw, parse_recipients,
};
use crate::mail::message::{HeaderField, Input};
use crate::system::host::is_host_name;
use crate::system::text::{forbidden, name_of, shown};
use crate::system::time;
use base64::prelude::{BASE64_STANDARD, Engine};
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Addresses of an option; the error is kept for the exit status of data.
pub type AddressList = Result<Vec<ListEntry>, AddressError>;

/// A reverse-path; `None` is the null sender.
pub type Sender = Result<Option<Address>, AddressError>;

/// A comma list of addresses.
#[allow(clippy::unnecessary_wraps)]
pub fn list(text: &str) -> Result<AddressList, String> {
    Ok(parse_list(text))
}

/// A comma list of recipients.
#[allow(clippy::unnecessary_wraps)]
pub fn recipients(text: &str) -> Result<AddressList, String> {
    Ok(parse_recipients(text))
}

/// A comma list of recipients, with --raw.
#[allow(clippy::unnecessary_wraps)]
pub fn raw_recipients(text: &str) -> Result<AddressList, String> {
    Ok(parse_raw(text))
}

/// One mailbox.
#[allow(clippy::unnecessary_wraps)]
pub fn mailbox(text: &str) -> Result<Result<Mailbox, AddressError>, String> {
    Ok(Mailbox::parse(text))
}

/// One mailbox, with --raw.
#[allow(clippy::unnecessary_wraps)]
pub fn raw_mailbox(text: &str) -> Result<Result<Mailbox, AddressError>, String> {
    Ok(Mailbox::parse_with(parse_raw, text))
}

/// The reverse-path: an address, or nothing for the null sender.
pub fn sender(text: &str) -> Result<Sender, String> {
    sender_with(parse_list, text)
}

/// The reverse-path, with --raw.
pub fn raw_sender(text: &str) -> Result<Sender, String> {
    sender_with(parse_raw, text)
}

#[allow(clippy::unnecessary_wraps)]
fn sender_with(parse_list: fn(&str) -> AddressList, text: &str) -> Result<Sender, String> {
    Ok(match text {
        "" | "<>" => Ok(None),
        _ => Mailbox::parse_with(parse_list, text).map(|mailbox| Some(mailbox.address)),
    })
}

/// One line of text.
pub fn line(text: &str) -> Result<String, String> {
    match forbidden(text) {
        None => Ok(text.to_owned()),
        Some(bad) => Err(format!(
            "{} is not allowed; expected one line of text",
            name_of(bad)
        )),
    }
}

/// `TEXT`, `@FILE` or `-`; `@@` begins a text with an @.
#[allow(clippy::unnecessary_wraps)]
pub fn input(text: &str) -> Result<Input, String> {
    Ok(match text.strip_prefix('@') {
        Some(rest) if rest.starts_with('@') => Input::Text(rest.to_owned()),
        Some(path) => Input::File(PathBuf::from(path)),
        None if text == "-" => Input::Stdin,
        None => Input::Text(text.to_owned()),
    })
}

/// `FILE` or `-`.
#[allow(clippy::unnecessary_wraps)]
pub fn file_or_stdin(text: &str) -> Result<Input, String> {
    Ok(match text {
        "-" => Input::Stdin,
        path => Input::File(PathBuf::from(path)),
    })
}

/// `Name: value`.
pub fn field(text: &str) -> Result<HeaderField, String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("expected a name, a colon and a value, as in 'X-Job: nightly'")?;
    let is_name = |byte: u8| byte.is_ascii_graphic();
    if name.is_empty() || name.len() > 76 || !name.bytes().all(is_name) {
        return Err("the part before the colon is not a valid header field name".to_owned());
    }
    Ok(HeaderField {
        name: name.to_owned(),
        value: line(value.trim())?,
    })
}

/// A known charset.
pub fn charset(text: &str) -> Result<String, String> {
    match encoding_rs::Encoding::for_label(text.as_bytes()) {
        Some(charset) => Ok(charset.name().to_owned()),
        None => Err("unknown character set".to_owned()),
    }
}

/// Message-IDs, each in its angle brackets.
pub type Ids = Vec<String>;

/// A list of Message-IDs as In-Reply-To and References of a message have it, folded or not; an ID without
/// angle brackets gets them.
pub fn message_ids(text: &str) -> Result<Ids, String> {
    let separated = text.replace('<', " <").replace('>', "> ");
    let ids = separated.split([' ', '\t', '\r', '\n', ',']);
    ids.filter(|id| !id.is_empty()).map(message_id).collect()
}

/// A Message-ID, with or without its angle brackets (RFC 5322 §3.6.4).
fn message_id(text: &str) -> Result<String, String> {
    let inside = text.trim_start_matches('<').trim_end_matches('>');
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>()\\,;".contains(&byte);
    let has_both = inside
        .split_once('@')
        .is_some_and(|(l, r)| !l.is_empty() && !r.is_empty());
    if has_both && inside.len() <= 900 && inside.bytes().all(is_plain) {
        return Ok(format!("<{inside}>"));
    }
    Err(format!(
        "\"{}\" is not a Message-ID such as <20261122.x@example.org>",
        shown(text)
    ))
}

/// An https or mailto address for List-Unsubscribe (RFC 2369, RFC 8058).
pub fn url(text: &str) -> Result<String, String> {
    if text.contains(',') {
        return Err(
            "write a comma as %2C, because a comma separates URLs in this field".to_owned(),
        );
    }
    let known = ["https:", "mailto:", "http:"];
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>,\"".contains(&byte);
    let has_scheme = known.iter().any(|scheme| text.starts_with(scheme));
    if has_scheme && text.len() <= 900 && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(
        "expected a URL such as https://example.org/leave?id=7 or mailto:leave@example.org"
            .to_owned(),
    )
}

/// A name or an address literal for EHLO (RFC 5321 §4.1.4).
pub fn helo(text: &str) -> Result<String, String> {
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let is_literal = inside.is_some_and(|inside| {
        let six = inside.strip_prefix("IPv6:");
        six.map_or_else(
            || inside.parse::<std::net::Ipv4Addr>().is_ok(),
            |six| six.parse::<std::net::Ipv6Addr>().is_ok(),
        )
    });
    if is_literal || is_host_name(text) {
        return Ok(text.to_owned());
    }
    Err(
        "expected a host name of letters, digits, hyphens and dots, or an address in brackets"
            .to_owned(),
    )
}

/// A name for EHLO that may be invalid, but does not contain another command.
pub fn any_helo(text: &str) -> Result<String, String> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(text.to_owned());
    }
    Err("expected printable ASCII characters".to_owned())
}

/// A whole number of at least `least` and at most `most`.
pub fn number<N: TryFrom<u64>>(
    least: u64,
    most: Option<u64>,
) -> impl Fn(&str) -> Result<N, String> + Clone {
    move |text| {
        let number = text
            .parse()
            .ok()
            .filter(|&number| least <= number)
            .filter(|&number| most.is_none_or(|most| number <= most))
            .and_then(|number| N::try_from(number).ok());
        let range = most.map_or_else(
            || format!(", {least} or greater"),
            |most| format!(" from {least} to {most}"),
        );
        number.ok_or_else(|| format!("expected a whole number{range}"))
    }
}

/// A login name (useradd(8)).
pub fn login(text: &str) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(is_part) {
        return Err("expected a login name such as ehlo".to_owned());
    }
    Ok(text.to_owned())
}

/// `500K`, `2M`, `1G` (of 1024 each), or bytes without a unit.
pub fn size(text: &str) -> Result<NonZeroU64, String> {
    let invalid = || "expected a number of bytes such as 4096, 500K or 2M".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(invalid()),
    };
    let number: u64 = digits.parse().map_err(|_| invalid())?;
    let bytes = number.checked_mul(unit).and_then(NonZeroU64::new);
    bytes.ok_or_else(invalid)
}

/// Number of messages in a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub count: f64,
    pub period: Duration,
}

impl Rate {
    pub fn per_second(self) -> f64 {
        self.count / self.period.as_secs_f64()
    }
}

/// `10/s`, `100/m`, `500/h` or `2000/d`.
pub fn rate(text: &str) -> Result<Rate, String> {
    let wrong =
        || "expected a number and a unit of time, as in 10/s, 100/m, 500/h or 2000/d".to_owned();
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: f64 = count.trim().parse().map_err(|_| wrong())?;
    if !(count > 0.0 && count <= 1e6) {
        return Err(wrong());
    }
    Ok(Rate {
        count,
        period: Duration::from_secs(seconds),
    })
}

fn time(text: &str, examples: &str) -> Result<Duration, String> {
    time::parsed(text).ok_or_else(|| match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => {
            format!("the unit is missing; write {text}s, {text}m, {text}h or {text}d")
        }
        _ => format!("expected a time such as {examples}"),
    })
}

/// `30s`, `500ms`, `2m`, `1h`; a day at most.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = time(text, "30s, 500ms or 2m")?;
    if duration < Duration::from_millis(1) || duration > DAY {
        return Err("expected a time from 1ms to 24h".to_owned());
    }
    Ok(duration)
}

/// `15m`, `4h`, `5d`: a time limit in the queue, a year at most.
pub fn wait(text: &str) -> Result<Duration, String> {
    let duration = time(text, "30s, 15m, 4h or 5d")?;
    if duration < Duration::from_secs(1) || duration > 366 * DAY {
        return Err("expected a time from 1s to 366d".to_owned());
    }
    Ok(duration)
}

/// `30m`, `1h`, `2d`: the time limit of a job, a year at most.
pub fn limit(text: &str) -> Result<Duration, String> {
    let duration = time(text, "30s, 10m or 1h")?;
    if duration < Duration::from_millis(1) || duration > 366 * DAY {
        return Err("expected a time from 1ms to 366d".to_owned());
    }
    Ok(duration)
}

/// The name of a digest, without a time of day.
pub fn digest(text: &str) -> Result<String, String> {
    if let Some((name, _)) = text.split_once('@') {
        return Err(format!("a digest name cannot contain @; use {name}"));
    }
    if text.trim().is_empty() || text.starts_with(['.', '-']) || text.contains('/') {
        return Err(format!(
            "\"{text}\" is not a valid digest name: it must not contain /, or start with . or -"
        ));
    }
    line(text)
}

/// The identifier of a queue item: letters and digits.
pub fn item(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("expected a queue ID, as shown by ehlo queue list".to_owned());
    }
    Ok(text.to_owned())
}

/// The domain of recipients: the part after `@`.
pub fn domain(text: &str) -> Result<String, String> {
    let name = text.rsplit('@').next().unwrap_or_default();
    let address = Address::parse(&format!("postmaster@{name}"));
    let domain = address.map(|address| address.domain().to_string());
    domain.map_err(|_| "expected a domain such as example.org".to_owned())
}

/// `sha256:` and the sum in hexadecimal, with or without colons, or in base64 (as curl has it).
pub fn pin(text: &str) -> Result<Pin, String> {
    let sum = text
        .strip_prefix("sha256:")
        .or(text.strip_prefix("sha256//"));
    let sum = sum.and_then(|sum| {
        let digits: String = sum.chars().filter(|&c| c != ':').collect();
        from_hex(&digits).or_else(|| BASE64_STANDARD.decode(sum).ok()?.try_into().ok())
    });
    sum.map(Pin).ok_or_else(|| {
        "expected sha256: and the SHA-256 of a certificate or of its public key, in hexadecimal or base64"
            .to_owned()
    })
}

fn from_hex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut sum = [0; 32];
    for (byte, place) in sum.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[place..place + 2], 16).ok()?;
    }
    Some(sum)
}

/// A host name or an IP address, as a certificate may have it.
pub fn tls_name(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    host_name(text).map_err(|_| "expected a host name or an IP address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_sums_in_hexadecimal_or_base64() {
        let zero = Ok(Pin([0; 32]));
        assert_eq!(pin(&format!("sha256:{}", "00".repeat(32))), zero);
        let colons = ["00"; 32].join(":");
        assert_eq!(pin(&format!("sha256:{colons}")), zero);
        assert_eq!(pin(&format!("sha256//{}=", "A".repeat(43))), zero);
        for bad in [
            "",
            "sha256:",
            "sha256:00",
            "md5:00",
            "sha256:zz",
            &"00".repeat(32),
        ] {
            assert!(pin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_units() {
        for (text, millis) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1.5s", 1500),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)));
        }
        for bad in ["", "s", "0", "-1s", "2d", "1e9h", "nan", "25h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(
            wait("6"),
            Err("the unit is missing; write 6s, 6m, 6h or 6d".to_owned())
        );
        assert!(duration("0.5").is_err() && limit("90").is_err());
        for (text, hours) in [("4h", 4), ("5d", 120), ("3600s", 1), ("0.5d", 12)] {
            assert_eq!(wait(text), Ok(Duration::from_secs(hours * 3600)));
        }
        for bad in ["", "d", "0", "500ms", "-1d", "367d", "1w", "inf"] {
            assert!(wait(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_item_is_not_a_path() {
        assert_eq!(item("0A9z").as_deref(), Ok("0A9z"));
        for bad in ["", "..", "a/b", "a b", "é"] {
            assert!(item(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_domain_may_be_given_as_an_address() {
        for (text, name) in [
            ("example.org", "example.org"),
            ("@example.org", "example.org"),
            ("a@example.org", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("[192.0.2.7]", "[192.0.2.7]"),
        ] {
            assert_eq!(domain(text).as_deref(), Ok(name), "{text}");
        }
        for bad in ["", "a b", "a@", "-x", "a\r\nb"] {
            assert!(domain(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("1", 1),
            ("500K", 512_000),
            ("2m", 2_097_152),
            ("1G", 1 << 30),
        ] {
            assert_eq!(size(text).map(NonZeroU64::get), Ok(bytes));
        }
        for bad in ["", "0", "K", "-1", "1.5M", "1T", "99999999999999999999"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_outside_its_range_is_refused() {
        assert_eq!(number::<u32>(1, None)("7"), Ok(7));
        assert_eq!(number::<u32>(0, Some(10))("10"), Ok(10));
        for bad in ["0", "-1", "x", "", "4294967296", "99999999999999999999"] {
            let result = number::<u32>(1, None)(bad);
            assert_eq!(
                result,
                Err("expected a whole number, 1 or greater".to_owned()),
                "{bad}"
            );
        }
        let result = number::<u32>(0, Some(10))("11");
        assert_eq!(
            result,
            Err("expected a whole number from 0 to 10".to_owned())
        );
    }

    #[test]
    fn helo_is_a_name_or_an_address_literal() {
        for good in [
            "sun.tuc.noao.edu",
            "localhost",
            "[192.0.2.7]",
            "[IPv6:2001:db8::1]",
        ] {
            assert!(helo(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a_b",
            "a\r\nMAIL FROM:<x>",
            "[1.2.3]",
            "192.0.2.7]",
        ] {
            assert!(helo(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn two_at_signs_begin_a_text_with_one() {
        for (given, read) in [
            ("@@home today", Input::Text("@home today".to_owned())),
            ("@@@", Input::Text("@@".to_owned())),
            ("@home", Input::File("home".into())),
            ("-", Input::Stdin),
            ("a@b", Input::Text("a@b".to_owned())),
        ] {
            assert_eq!(input(given), Ok(read));
        }
    }

    #[test]
    fn message_ids_are_accepted_in_the_form_of_a_header_field() {
        for text in [
            "<a@x> <b@y>",
            " <a@x>\r\n\t<b@y>\r\n",
            "<a@x><b@y>",
            "a@x b@y",
            "<a@x>, <b@y>",
        ] {
            let ids = ["<a@x>", "<b@y>"].map(str::to_owned).to_vec();
            assert_eq!(message_ids(text), Ok(ids), "{text:?}");
        }
        assert_eq!(message_ids(" \n"), Ok(Vec::new()));
        for bad in ["<a@x> b", "<a>", "<a@x\0>", "<é@x>"] {
            assert!(message_ids(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_field_is_a_name_and_one_line() {
        let good = field("X-Foo:  bar ").unwrap();
        assert_eq!((good.name.as_str(), good.value.as_str()), ("X-Foo", "bar"));
        for bad in [
            "X-Foo",
            ": x",
            "X Foo: x",
            "X-A\r\nBcc: x",
            "X: a\r\nBcc: b",
            "X-\u{e9}: x",
            "X: \0",
        ] {
            assert!(field(bad).is_err(), "{bad:?}");
        }
    }
}
