//! Formatting of commands.

use crate::client::session::Step;
use crate::client::session::dialogue::{Dialogue, Output, line, parameters};
use crate::client::session::{Conditions, Purpose, Request};
use crate::mail::address::Address;
use crate::mail::envelope::Dsn;
use crate::smtp::blocks::BodyType;
use crate::smtp::extension::Extension;

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
            Step::Xclient => format!("XCLIENT {}", self.options.testing.xclient[self.xclients]),
            Step::Xforward => format!("XFORWARD {}", self.options.testing.xforward[self.xforwards]),
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

    /// MAIL with the parameters that are needed and offered (R5).
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
            line.push_str(&parameters::mail_parameters(dsn));
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
            verified: self.verified,
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

    pub(super) fn rcpt(&self, recipient: usize) -> String {
        let address = self.transaction.recipients[recipient];
        let mut line = format!("RCPT TO:<{address}>");
        if let Some(dsn) = self.dsn() {
            line.push_str(&parameters::rcpt_parameters(dsn, address));
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
