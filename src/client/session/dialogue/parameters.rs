//! The parameters of MAIL and RCPT that request delivery status notifications (RFC 3461 §4).

use crate::mail::address::Address;
use crate::mail::envelope::{Dsn, NotifyOn, Return};
use crate::smtp::parameter::xtext;
use std::fmt::Write as _;

pub fn mail_parameters(dsn: &Dsn) -> String {
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

/// The DSN parameters of RCPT. ORCPT is sent with every request, so that reports name the address that the
/// sender knows.
pub fn rcpt_parameters(dsn: &Dsn, recipient: &Address) -> String {
    let notify = dsn.notify_of(recipient);
    let original = dsn.original_of(recipient);
    if notify.is_none() && original.is_none() {
        return String::new();
    }
    let words = notify.map(|notify| format!(" NOTIFY={}", notify_value(notify)));
    let original = match original.and_then(|original| original.split_once(';')) {
        Some((kind, address)) => format!(" ORCPT={kind};{}", xtext(address)),
        None if recipient.to_string().is_ascii() => {
            format!(" ORCPT=rfc822;{}", xtext(&recipient.to_string()))
        }
        None => String::new(),
    };
    words.unwrap_or_default() + &original
}

fn notify_value(notify: NotifyOn) -> String {
    let notify_value = [
        (notify.success, "SUCCESS"),
        (notify.failure, "FAILURE"),
        (notify.delay, "DELAY"),
    ];
    let wanted = notify_value.iter().filter(|(is_wanted, _)| *is_wanted);
    let wanted: Vec<&str> = wanted.map(|&(_, kind)| kind).collect();
    if wanted.is_empty() {
        return "NEVER".to_owned();
    }
    wanted.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::envelope::RecipientDsn;

    #[test]
    fn only_requested_parameters_are_sent() {
        let bob = Address::parse("bob+x@example.org").unwrap();
        assert_eq!(mail_parameters(&Dsn::default()), "");
        assert_eq!(rcpt_parameters(&Dsn::default(), &bob), "");
        let never = Dsn {
            notify: Some(NotifyOn::default()),
            ret: Some(Return::Headers),
            envid: Some("QQ=1".to_owned()),
            each: Vec::new(),
        };
        assert_eq!(mail_parameters(&never), " RET=HDRS ENVID=QQ+3D1");
        assert_eq!(
            rcpt_parameters(&never, &bob),
            " NOTIFY=NEVER ORCPT=rfc822;bob+2Bx@example.org"
        );
    }

    #[test]
    fn recipients_may_have_different_requests() {
        let [bob, ann] =
            ["bob@example.org", "ann@example.org"].map(|to| Address::parse(to).unwrap());
        let success = NotifyOn {
            success: true,
            ..NotifyOn::default()
        };
        let dsn = Dsn {
            notify: Some(NotifyOn::default()),
            each: vec![RecipientDsn {
                recipient: bob.clone(),
                notify: Some(success),
                original: Some("rfc822;b+b@x".to_owned()),
            }],
            ..Dsn::default()
        };
        assert_eq!(
            rcpt_parameters(&dsn, &bob),
            " NOTIFY=SUCCESS ORCPT=rfc822;b+2Bb@x"
        );
        assert_eq!(
            rcpt_parameters(&dsn, &ann),
            " NOTIFY=NEVER ORCPT=rfc822;ann@example.org"
        );
    }
}
