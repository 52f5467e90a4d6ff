//! Formatting of commands.

use crate::client::session::TransactionIndex;
use crate::client::session::dialogue::{Action, Dialogue, Output, line};
use crate::client::session::testing::{HelloAfter, stop_point};
use crate::client::session::{
    Conditions, EarlyStop, Purpose, RecipientReply, Request, Step, StopMethod,
};
use crate::mail::address::Address;
use crate::mail::envelope::{Dsn, NotifyOn, Return};
use crate::smtp::blocks::BodyType;
use crate::smtp::extension::Extension;
use crate::smtp::parameter::xtext;
use crate::smtp::stage::Stage;
use std::fmt::Write as _;

impl<'a> Dialogue<'a> {
    pub(super) fn message_needs_utf8(&self) -> bool {
        self.shape.is_some_and(|shape| shape.utf8)
            || self.transaction.sender.is_some_and(Address::needs_utf8)
    }

    pub(super) fn command_for(&self, step: Step) -> Output {
        let text = match step {
            Step::Ehlo => format!("EHLO {}", self.helo),
            Step::Lhlo => format!("LHLO {}", self.helo),
            Step::Helo => format!("HELO {}", self.helo),
            Step::Xclient => format!(
                "XCLIENT {}",
                self.options.testing.xclient[self.greeting.xclients]
            ),
            Step::Xforward => format!(
                "XFORWARD {}",
                self.options.testing.xforward[self.greeting.xforwards]
            ),
            Step::Asked(command) => self.transaction.commands[command].clone(),
            Step::Mail => self.mail(),
            Step::Rcpt(recipient) => self.rcpt(recipient),
            Step::Data => "DATA".to_owned(),
            Step::Rset => "RSET".to_owned(),
            Step::Dot | Step::DotFor(_) => ".".to_owned(),
            Step::Starttls => "STARTTLS".to_owned(),
            // The server sends the greeting, chunks have a size, and the others need more than this.
            Step::Quit | Step::Banner | Step::Body | Step::Tls | Step::Auth | Step::Bdat { .. } => {
                "QUIT".to_owned()
            }
        };
        line(step, text)
    }

    /// MAIL with the parameters that are needed and offered (RFC 5321 §4.1.1.11).
    pub(super) fn mail(&self) -> String {
        let mut line = match self.transaction.sender {
            Some(sender) => format!("MAIL FROM:<{sender}>"),
            None => "MAIL FROM:<>".to_owned(),
        };
        // A verification of recipients has no message of known size.
        let is_question = self.transaction.purpose == Purpose::Question;
        if let Some(shape) = self.shape {
            if self.offers.has(Extension::Size) && !is_question && !self.grants(Extension::Size) {
                line.push_str(&format!(" SIZE={}", shape.size));
            }
            if self.body().is_none() && shape.transport != BodyType::SevenBit {
                line.push_str(&format!(" BODY={}", shape.transport.name()));
            }
        }
        let recipients = &self.transaction.recipients;
        if self.message_needs_utf8()
            || self.grants(Extension::SmtpUtf8)
            || self.offers.has(Extension::SmtpUtf8)
                && recipients.iter().any(|recipient| recipient.needs_utf8())
        {
            line.push_str(" SMTPUTF8");
        }
        if let Some(dsn) = self.dsn() {
            line.push_str(&mail_parameters(dsn));
        }
        let requested = self.granted().map(|request| request.parameter.as_str());
        let test_parameters = self.test_parameters(&self.options.testing.mail_parameters);
        let test_parameters = test_parameters.iter().map(String::as_str);
        for parameter in requested
            .chain(test_parameters)
            .filter(|text| !text.is_empty())
        {
            line.push(' ');
            line.push_str(parameter);
        }
        line
    }

    /// The extensions requested for the message.
    pub(super) fn requests(&self) -> impl Iterator<Item = &Request> {
        let is_report = self.transaction.purpose == Purpose::Report;
        let stays =
            move |request: &&Request| !is_report || request.extension == Extension::RequireTls;
        self.options.requests.iter().filter(stays)
    }

    /// The requested extensions that the server offers.
    pub(super) fn granted(&self) -> impl Iterator<Item = &Request> {
        self.requests()
            .filter(|request| request.unmet(&self.conditions()).is_none())
    }

    pub(super) fn conditions(&self) -> Conditions<'_> {
        Conditions {
            offers: &self.offers,
            verified: self.greeting.is_verified,
            uses_bdat: self.uses_bdat(),
        }
    }

    /// The value of BODY=, if the server offers the extension.
    pub(super) fn body(&self) -> Option<BodyType> {
        let is_granted = self.grants(Extension::EightBitMime) || self.grants(Extension::BinaryMime);
        self.options.body.filter(|_| is_granted)
    }

    /// Test parameters of the message, which do not apply to its report.
    fn test_parameters<'p>(&self, parameters: &'p [String]) -> &'p [String] {
        match self.transaction.purpose {
            Purpose::Report => &[],
            Purpose::Mail | Purpose::Question => parameters,
        }
    }

    pub(super) fn grants(&self, extension: Extension) -> bool {
        self.granted().any(|request| request.extension == extension)
    }

    pub(super) fn rcpt(&self, recipient: TransactionIndex) -> String {
        let address = self.transaction.recipients[recipient];
        let mut line = format!("RCPT TO:<{address}>");
        if let Some(dsn) = self.dsn() {
            line.push_str(&rcpt_parameters(dsn, address));
        }
        for parameter in self.test_parameters(&self.options.testing.rcpt_parameters) {
            line.push(' ');
            line.push_str(parameter);
        }
        line
    }

    /// The requested delivery status notifications, if the server offers DSN.
    pub(super) fn dsn(&self) -> Option<&'a Dsn> {
        self.transaction
            .dsn
            .filter(|_| self.offers.has(Extension::Dsn))
    }
}

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

impl Dialogue<'_> {
    /// Replaces the next action if it lies after the stop.
    pub(super) fn stopped(&mut self, stop: EarlyStop, action: Action) -> Action {
        if self.is_quitting {
            let is_done =
                stop.after == Stage::Dot && stop.method != StopMethod::Quit && self.has_carried();
            return if is_done { Action::Drop } else { action };
        }
        let Some(last) = self.last_point(&action) else {
            return action;
        };
        let is_unread = stop.method == StopMethod::DropUnread;
        match action {
            Action::Send(items) if is_unread && self.completes(stop.after, &items) => {
                self.mark_uncertain_if_ended(&items);
                self.answer_rest(&RecipientReply::Stopped(stop));
                Action::SendAndDrop(items)
            }
            // These two stages have no command, only a reply, which is not awaited.
            Action::Read if is_unread && stop.after <= Stage::Banner => self.end(stop),
            _ if last > stop.after => self.end(stop),
            action => action,
        }
    }

    pub(super) fn is_after_stop(&self, step: Step) -> bool {
        let stop = self.options.testing.stop;
        let point = self.point(step);
        stop.zip(point)
            .is_some_and(|(stop, point)| point > stop.after)
    }

    fn point(&self, step: Step) -> Option<Stage> {
        let last = self.greeting.xclients > 0
            && self.greeting.xclients == self.options.testing.xclient.len();
        let hello = if last {
            HelloAfter::Xclient
        } else if self.is_encrypted() && !self.begins_in_tls() {
            HelloAfter::Tls
        } else {
            HelloAfter::Banner
        };
        stop_point(step, hello)
    }

    /// True if a point is complete with these. Preliminary commands do not complete it: EHLO inside TLS or after
    /// XCLIENT, XCLIENT before another one, XFORWARD, or one recipient of several.
    fn completes(&self, point: Stage, items: &[Output]) -> bool {
        let is_last_xclient = self.greeting.xclients + 1 == self.options.testing.xclient.len();
        let leads = |step: Step| match point {
            Stage::Xclient => step != Step::Xclient || !is_last_xclient,
            Stage::Auth => step != Step::Auth,
            _ => matches!(step, Step::Xforward | Step::Rset),
        };
        let is_it = |step: Step| self.point(step) == Some(point) && !leads(step);
        let is_left = self.unsent.iter().any(|&step| is_it(step));
        !is_left && items.iter().filter_map(step).any(is_it)
    }

    fn has_carried(&self) -> bool {
        self.transactions > 0 && self.open_answers() == 0
    }

    fn open_answers(&self) -> usize {
        let is_open = |answer: &&Option<RecipientReply>| answer.is_none();
        self.answers.iter().filter(is_open).count()
    }

    /// The last point that an action reaches.
    fn last_point(&self, action: &Action) -> Option<Stage> {
        match action {
            Action::Send(items) => {
                let stages = items.iter().filter_map(step);
                stages.filter_map(|step| self.point(step)).max()
            }
            Action::Read => self.point(self.awaited()),
            // With implicit TLS, the greeting follows the handshake.
            Action::Secure if self.begins_in_tls() => Some(Stage::Banner),
            Action::Secure => Some(Stage::Starttls),
            _ => None,
        }
    }

    fn begins_in_tls(&self) -> bool {
        self.options.tls == crate::client::session::TlsDemand::Implicit
    }

    fn end(&mut self, stop: EarlyStop) -> Action {
        let is_odd = matches!(stop.after, Stage::Connect | Stage::Proxy | Stage::Data);
        self.unsent.clear();
        self.awaiting.clear();
        self.answer_rest(&RecipientReply::Stopped(stop));
        match stop.method {
            StopMethod::Quit if is_odd => Action::QuitOutOfSequence,
            StopMethod::Quit => self.quit(),
            StopMethod::Drop | StopMethod::DropUnread => Action::Drop,
        }
    }

    /// Marks the result as uncertain if the end of data was sent and its reply is not read.
    fn mark_uncertain_if_ended(&mut self, items: &[Output]) {
        let is_end = |step| matches!(step, Step::Dot | Step::Bdat { last: true });
        if items.iter().filter_map(step).any(is_end) {
            self.mark_uncertain();
        }
    }
}

fn step(item: &Output) -> Option<Step> {
    match item {
        Output::Line(line) => Some(line.step),
        _ => None,
    }
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
