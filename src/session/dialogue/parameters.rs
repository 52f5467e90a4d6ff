//! The parameters of MAIL and RCPT that ask for reports (RFC 3461 §4).

use crate::address::Address;
use crate::envelope::{Dsn, Return};
use std::fmt::Write as _;

/// Behind MAIL.
pub fn of_mail(dsn: &Dsn) -> String {
    let mut text = String::new();
    text.push_str(match dsn.ret {
        Some(Return::Full) => " RET=FULL",
        Some(Return::Headers) => " RET=HDRS",
        None => "",
    });
    if let Some(envid) = &dsn.envid {
        let _ = write!(text, " ENVID={}", xtext(envid));
    }
    text
}

/// Behind RCPT. The original recipient is named wherever anything is asked for, so that reports name
/// whom the sender knows.
pub fn of_rcpt(dsn: &Dsn, recipient: &Address) -> String {
    let Some(notify) = dsn.notify else {
        return String::new();
    };
    let kinds = [
        (notify.success, "SUCCESS"),
        (notify.failure, "FAILURE"),
        (notify.delay, "DELAY"),
    ];
    let wanted: Vec<&str> = kinds
        .iter()
        .filter(|(is_wanted, _)| *is_wanted)
        .map(|&(_, kind)| kind)
        .collect();
    let wanted = if wanted.is_empty() {
        "NEVER".to_owned()
    } else {
        wanted.join(",")
    };
    let address = recipient.to_string();
    let original = if address.is_ascii() {
        format!(" ORCPT=rfc822;{}", xtext(&address))
    } else {
        String::new()
    };
    format!(" NOTIFY={wanted}{original}")
}

/// RFC 3461 §4: `+`, `=` and whatever is no printable ASCII as `+` and two hexadecimal digits.
fn xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' => {
                let _ = write!(encoded, "+{byte:02X}");
            }
            b'!'..=b'~' => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "+{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Notify;

    #[test]
    fn what_would_end_a_parameter_is_encoded() {
        assert_eq!(xtext("a+b=c d\u{e9}"), "a+2Bb+3Dc+20d+C3+A9");
    }

    #[test]
    fn what_was_not_asked_for_is_not_said() {
        let bob = Address::parse("bob+x@example.org").unwrap();
        assert_eq!(of_mail(&Dsn::default()), "");
        assert_eq!(of_rcpt(&Dsn::default(), &bob), "");
        let never = Dsn {
            notify: Some(Notify::default()),
            ret: Some(Return::Headers),
            envid: Some("QQ=1".to_owned()),
        };
        assert_eq!(of_mail(&never), " RET=HDRS ENVID=QQ+3D1");
        assert_eq!(
            of_rcpt(&never, &bob),
            " NOTIFY=NEVER ORCPT=rfc822;bob+2Bx@example.org"
        );
    }
}
