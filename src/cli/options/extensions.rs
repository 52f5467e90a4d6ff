//! Extensions requested for the message (RFC 5321 §2.2): parameters of MAIL and RCPT.

mod values;

use crate::cli::options::extensions::values::{
    DeliverBy, DsnRequest, ExtensionRequest, OriginalRecipient, announced_size, body_type,
    deliver_by, envelope_id, hold_for, hold_until, mail_auth, mt_priority, notify_request,
    original, prdr, ret_value,
};
use crate::cli::options::usage_error::UsageError;
use crate::client::session;
use crate::client::session::Request;
use crate::mail::envelope::{Dsn, RecipientDsn, Return};
use crate::mail::message::HeaderField;
use crate::smtp::blocks::BodyType;
use crate::smtp::extension::Extension;
use crate::system::exit::Exit;
use clap::ValueEnum;
use std::time::SystemTime;

/// Options under the heading "Extensions". If a value ends in `?` and the server does not offer the extension,
/// the option is ignored; otherwise the message is not sent.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Extensions")]
pub struct Args {
    /// When to request a delivery report (DSN): never, or any of success,failure,delay.
    ///
    /// For all recipients, or with ADDR= for one of them; repeatable (RFC 3461). Append ? to the value of this
    /// or another extension option, as in `success?`, to ignore the option if the server does not support it;
    /// otherwise the message is not sent.
    #[arg(long, value_name = "[ADDR=]WHEN", value_parser = notify_request)]
    notify: Vec<ExtensionRequest<DsnRequest>>,

    /// Part of the message to include in a delivery report: full or hdrs.
    #[arg(long, value_name = "HOW", value_parser = ret_value)]
    ret: Option<ExtensionRequest<Return>>,

    /// Envelope ID to quote in delivery reports.
    #[arg(long, value_name = "TEXT", value_parser = envelope_id)]
    envid: Option<ExtensionRequest<String>>,

    /// Original recipient address to quote in delivery reports, as in
    /// `bob@example.org=rfc822;robert@example.org`.
    #[arg(long, value_name = "ADDR=TYPE;NAME", value_parser = original)]
    orcpt: Vec<ExtensionRequest<OriginalRecipient>>,

    /// Require verified TLS on every hop (RFC 8689).
    ///
    /// `yes` requires a valid certificate; without --relay, that of an MX host that is verified by DANE. `no` adds the
    /// header field TLS-Required: No, which asks servers to deliver the message even if their own policy requires TLS;
    /// ehlo then ignores the policies of the recipients' domains.
    #[arg(long, value_name = "yes|no|?", num_args = 0..=1, require_equals = true, default_missing_value = "yes",
          value_enum)]
    require_tls: Option<RequireTls>,

    /// Ask the server to hold the message for this time, as in 2h (RFC 4865).
    #[arg(long, value_name = "TIME", value_parser = hold_for, conflicts_with = "hold_until")]
    hold_for: Option<ExtensionRequest<u64>>,

    /// Ask the server to hold the message until this date, as in 2030-01-31T08:00:00Z (RFC 4865).
    #[arg(long, value_name = "DATE", value_parser = hold_until)]
    hold_until: Option<ExtensionRequest<SystemTime>>,

    /// Return the message if it is not delivered within this time, as in 1h (RFC 2852).
    ///
    /// With ;n the message is not returned, but a delay report is sent; ;rt and ;nt also request a report from
    /// every relay that passes it on.
    #[arg(long, value_name = "TIME[;r|n][t]", value_parser = deliver_by)]
    deliver_by: Option<ExtensionRequest<DeliverBy>>,

    /// Delivery priority, from -9 to 9 (RFC 6710).
    #[arg(long, value_name = "N", value_parser = mt_priority, allow_negative_numbers = true)]
    mt_priority: Option<ExtensionRequest<i8>>,

    /// Request SMTPUTF8 always or never, instead of only if it is needed.
    #[arg(long, value_name = "WHEN", value_enum)]
    smtputf8: Option<SmtpUtf8>,

    /// Value of BODY=, regardless of the message: 7bit, 8bitmime or binarymime.
    #[arg(long, value_name = "TYPE", value_parser = body_type)]
    body_type: Option<ExtensionRequest<BodyType>>,

    /// Value of SIZE=, instead of the size of the message.
    #[arg(long, value_name = "N", value_parser = announced_size)]
    announce_size: Option<ExtensionRequest<String>>,

    /// Submitter for the AUTH= parameter of MAIL; <> if unknown (RFC 4954 §5).
    #[arg(long, value_name = "ADDR", value_parser = mail_auth)]
    mail_auth: Option<ExtensionRequest<String>>,

    /// Request one reply per recipient after the data, if the server supports PRDR.
    #[arg(long, value_name = "?", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = prdr)]
    prdr: Option<ExtensionRequest<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RequireTls {
    Yes,
    No,
    #[value(name = "?")]
    IfOffered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SmtpUtf8 {
    Auto,
    Always,
    Never,
}

impl Args {
    pub fn dsn(&self) -> Dsn {
        let mut dsn = Dsn {
            ret: self.ret.as_ref().map(|ret| ret.value),
            envid: self.envid.as_ref().map(|envid| envid.value.clone()),
            ..Dsn::default()
        };
        for request in &self.notify {
            match &request.value.recipient {
                None => dsn.notify = Some(request.value.notify),
                Some(recipient) => dsn.each.push(RecipientDsn {
                    recipient: recipient.clone(),
                    notify: Some(request.value.notify),
                    original: None,
                }),
            }
        }
        dsn.each
            .extend(self.orcpt.iter().map(|original| RecipientDsn {
                recipient: original.value.recipient.clone(),
                notify: None,
                original: Some(original.value.name.clone()),
            }));
        dsn
    }

    /// The header field of `--require-tls=no`.
    pub fn field(&self) -> Option<HeaderField> {
        (self.require_tls == Some(RequireTls::No)).then(|| HeaderField::new("TLS-Required", "No"))
    }

    /// True if nothing may be sent without REQUIRETLS.
    pub fn demands_tls(&self) -> bool {
        self.require_tls == Some(RequireTls::Yes)
    }

    /// Adds the requests to the options of a session.
    pub fn apply(&self, options: &mut session::Options) -> Result<(), UsageError> {
        options.body = self.body_type.as_ref().map(|body| body.value);
        options.no_smtputf8 = self.smtputf8 == Some(SmtpUtf8::Never);
        options.requests = self.requests()?;
        Ok(())
    }

    fn requests(&self) -> Result<Vec<Request>, UsageError> {
        let all = [
            self.dsn_request(),
            request(self.hold_for.as_ref(), "--hold-for", |&seconds| Request {
                seconds: Some(seconds),
                ..Request::new(Extension::FutureRelease, format!("HOLDFOR={seconds}"))
            }),
            self.hold_until()?,
            request(self.deliver_by.as_ref(), "--deliver-by", by_request),
            request(self.mt_priority.as_ref(), "--mt-priority", |priority| {
                Request::new(Extension::MtPriority, format!("MT-PRIORITY={priority}"))
            }),
            request(self.body_type.as_ref(), "--body-type", body_request),
            request(self.announce_size.as_ref(), "--announce-size", |size| {
                Request::new(Extension::Size, format!("SIZE={size}"))
            }),
            request(self.mail_auth.as_ref(), "--mail-auth", |submitter| {
                Request::new(Extension::Auth, format!("AUTH={submitter}"))
            }),
            request(self.prdr.as_ref(), "--prdr", |()| {
                Request::new(Extension::Prdr, "PRDR".to_owned())
            }),
            self.tls_request(),
            // The client adds the parameter itself.
            (self.smtputf8 == Some(SmtpUtf8::Always)).then(|| Request {
                option: "--smtputf8",
                ..Request::new(Extension::SmtpUtf8, String::new())
            }),
        ];
        Ok(all.into_iter().flatten().collect())
    }

    /// The request for DSN, whose parameters the client makes from the envelope.
    fn dsn_request(&self) -> Option<Request> {
        let notify = self.notify.iter().map(|one| ("--notify", one.is_required));
        let ret = self.ret.iter().map(|one| ("--ret", one.is_required));
        let envid = self.envid.iter().map(|one| ("--envid", one.is_required));
        let orcpt = self.orcpt.iter().map(|one| ("--orcpt", one.is_required));
        let given: Vec<(&'static str, bool)> =
            notify.chain(ret).chain(envid).chain(orcpt).collect();
        let required = given.iter().find(|(_, is_required)| *is_required);
        let (option, is_required) = *required.or(given.first())?;
        Some(Request {
            option,
            is_required,
            ..Request::new(Extension::Dsn, String::new())
        })
    }

    fn hold_until(&self) -> Result<Option<Request>, UsageError> {
        let Some(until) = &self.hold_until else {
            return Ok(None);
        };
        let left = until.value.duration_since(SystemTime::now()).map_err(|_| {
            UsageError::of_value(Exit::Usage, "--hold-until", "this date is in the past")
        })?;
        Ok(request(Some(until), "--hold-until", |&until| {
            let parameter = format!("HOLDUNTIL={}", crate::system::time::rfc3339(until));
            Request {
                seconds: Some(left.as_secs()),
                ..Request::new(Extension::FutureRelease, parameter)
            }
        }))
    }

    fn tls_request(&self) -> Option<Request> {
        let requested = self
            .require_tls
            .filter(|&requested| requested != RequireTls::No)?;
        Some(Request {
            option: "--require-tls",
            is_required: requested == RequireTls::Yes,
            ..Request::new(Extension::RequireTls, "REQUIRETLS".to_owned())
        })
    }
}

fn request<T>(
    given: Option<&ExtensionRequest<T>>,
    option: &'static str,
    build: impl FnOnce(&T) -> Request,
) -> Option<Request> {
    let given = given?;
    Some(Request {
        option,
        is_required: given.is_required,
        ..build(&given.value)
    })
}

fn by_request(by: &DeliverBy) -> Request {
    let mode = if by.returns { "R" } else { "N" };
    let trace = if by.traces { "T" } else { "" };
    let parameter = format!("BY={};{mode}{trace}", by.seconds);
    Request {
        // RFC 2852 §3: the server's minimum applies only to mode R.
        seconds: by.returns.then_some(by.seconds),
        ..Request::new(Extension::DeliverBy, parameter)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As the others are called.
fn body_request(body: &BodyType) -> Request {
    let extension = match body {
        BodyType::SevenBit | BodyType::EightBit => Extension::EightBitMime,
        BodyType::Binary => Extension::BinaryMime,
    };
    Request::new(extension, format!("BODY={}", body.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dsn_is_required_if_one_of_its_parameters_is() {
        let args = Args {
            notify: vec![notify_request("success?").unwrap()],
            ret: Some(ret_value("hdrs").unwrap()),
            ..Args::default()
        };
        let request = args.dsn_request().unwrap();
        assert!(request.is_required);
        assert_eq!(request.option, "--ret");
    }

    #[test]
    fn parameters_have_the_syntax_of_their_extension() {
        let args = Args {
            hold_for: Some(hold_for("2h").unwrap()),
            hold_until: Some(hold_until("2999-01-31T08:00:00Z").unwrap()),
            deliver_by: Some(deliver_by("1h;nt").unwrap()),
            mt_priority: Some(mt_priority("-3").unwrap()),
            body_type: Some(body_type("binarymime").unwrap()),
            announce_size: Some(announced_size("7").unwrap()),
            mail_auth: Some(mail_auth("a+b@x.org").unwrap()),
            prdr: Some(prdr("").unwrap()),
            require_tls: Some(RequireTls::Yes),
            ..Args::default()
        };
        let requests = args.requests().unwrap_or_default();
        assert_eq!(requests.len(), 9);
        for request in requests {
            let (name, value) = match request.parameter.split_once('=') {
                Some((name, value)) => (name, Some(value.as_bytes())),
                None => (request.parameter.as_str(), None),
            };
            let mut known = request.extension.mail_parameters().iter();
            let is_valid = known.any(|one| one.name == name && one.accepts(value));
            assert!(is_valid, "{}", request.parameter);
        }
    }
}
