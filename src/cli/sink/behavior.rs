//! Options for the behavior of the server: offered extensions, faults and delays.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::server::{
    Delay, FaultPlan, InjectedFault, Offer, OfferList, ServerBehavior, SessionLimits,
};
use crate::smtp::extension::Extension;
use crate::smtp::stage::Stage;
use std::sync::Arc;
use std::time::Duration;

/// Options under the heading "Behavior".
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Behavior")]
pub struct Args {
    /// Offer additional extensions, such as DSN,SIZE=1000,'LIMITS RCPTMAX=5',X-OTHER.
    ///
    /// Known extensions work as specified: SIZE, PIPELINING, 8BITMIME, SMTPUTF8, CHUNKING, ENHANCEDSTATUSCODES (these
    /// six are offered by default), BINARYMIME, DSN, LIMITS (RCPTMAX is enforced), REQUIRETLS (only with TLS),
    /// FUTURERELEASE, DELIVERBY, MT-PRIORITY, PRDR, XCLIENT, VRFY, HELP. Their parameters are shown by --json. Other
    /// keywords are offered verbatim.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Offer::parse)]
    offer: Vec<Offer>,

    /// Do not offer these extensions, and reject their commands and parameters.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Offer::parse)]
    no_offer: Vec<Offer>,

    /// Inject a fault at a stage; repeatable.
    ///
    /// STAGE is connect, banner, ehlo (also LHLO), helo, starttls, tls (instead of the handshake), auth (final reply),
    /// mail, rcpt, data, body (after the first part of a message), dot (end of the message, also with BDAT LAST), bdat,
    /// rset, noop, vrfy or quit.
    ///
    /// WHAT is a reply such as '451 4.3.0 busy' (\n starts a new line; with a 4xx or 5xx code, the command is not
    /// executed; after 421, the connection is closed), close, reset, hang, drip or drip:TIME (send the reply byte by
    /// byte), garbage (random bytes), flood (an endless line), flood:lines (an endless reply), double (send the reply
    /// twice), or slow:TIME.
    ///
    /// STAGE(ADDRESS) limits the fault to a sender (at mail) or a recipient (at rcpt, data, body, bdat and dot); *
    /// stands for any characters.
    ///
    /// Append @N to limit the fault to the Nth occurrence since startup (with ADDRESS: of this address), @N-M or @N+
    /// for a range, or %P for a probability of P percent.
    #[arg(long, value_name = "STAGE[(ADDRESS)]=WHAT[@N|%P]", value_parser = fault)]
    fault: Vec<InjectedFault>,

    /// Wait before each reply, or before the replies at one stage; repeatable.
    #[arg(long, value_name = "[STAGE=]TIME", value_parser = delay)]
    delay: Vec<Delay>,

    /// Duration of the faults hang and flood.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "5m", requires = "fault")]
    hang_time: Duration,

    /// Seed for reproducible randomness.
    #[arg(long, value_name = "N", value_parser = value::number::<u64>(0, None), requires = "fault")]
    seed: Option<u64>,
}

fn fault(text: &str) -> Result<InjectedFault, String> {
    InjectedFault::parse(text, value::duration)
}

fn delay(text: &str) -> Result<Delay, String> {
    Delay::parse(text, value::duration)
}

impl Args {
    pub fn offers(&self) -> Result<OfferList, UsageError> {
        let mut offers = OfferList::default();
        for removed in &self.no_offer {
            let same = |offer: &&Offer| offer.name().eq_ignore_ascii_case(removed.name());
            if self.offer.iter().any(|offer| same(&offer)) {
                let name = removed.name();
                return Err(UsageError::usage(format!(
                    "--offer {name} and --no-offer {name} cannot be combined"
                )));
            }
            offers.remove(removed.name());
        }
        for offer in &self.offer {
            offers.add(offer.clone());
        }
        Ok(offers)
    }

    pub fn faults(&self) -> &[InjectedFault] {
        &self.fault
    }

    pub fn plan(self, mut offers: OfferList, settings: &DecidedSettings) -> ServerBehavior {
        if settings.starttls {
            offers.add_plain(Extension::Starttls);
        }
        if settings.auth {
            offers.add_plain(Extension::Auth);
        }
        ServerBehavior {
            offers,
            faults: Arc::new(FaultPlan::new(self.fault, self.delay, self.seed)),
            hang_time: self.hang_time,
            ..ServerBehavior::default()
        }
    }
}

/// Settings of other options that offers and faults depend on.
pub struct DecidedSettings {
    pub lmtp: bool,
    pub tls: bool,
    pub starttls: bool,
    pub auth: bool,
}

impl DecidedSettings {
    /// Checks that all offers can be honored and all faults can occur.
    pub fn check(&self, offers: &OfferList, faults: &[InjectedFault]) -> Result<(), UsageError> {
        if offers.has(Extension::Starttls) && !self.starttls {
            return Err(UsageError::usage("--offer STARTTLS needs --tls starttls"));
        }
        if offers.has(Extension::Auth) && !self.auth {
            return Err(UsageError::usage("--offer AUTH needs --auth"));
        }
        let needs = faults.iter().find_map(|fault| {
            let needs = self.needs(fault.stage)?;
            Some(format!("--fault {}=... needs {needs}", fault.stage.name()))
        });
        needs.map_or(Ok(()), |text| Err(UsageError::usage(text)))
    }

    /// The option without which a stage does not occur.
    fn needs(&self, stage: Stage) -> Option<&'static str> {
        match stage {
            Stage::Starttls if !self.starttls => Some("--tls starttls"),
            Stage::Tls if !self.tls => Some("--tls starttls or --tls implicit"),
            Stage::Auth if !self.auth => Some("--auth"),
            Stage::Helo if self.lmtp => Some("SMTP; with --lmtp, use the stage ehlo for LHLO"),
            _ => None,
        }
    }
}

/// Applies the limits of offered extensions.
pub fn apply(offers: &OfferList, limits: &mut SessionLimits) -> Result<(), UsageError> {
    if let Some(size) = offers.offer(Extension::Size).and_then(Offer::size) {
        limits.max_message_bytes = size;
    }
    let mut words = offers.offer(Extension::Limits).map(Offer::parameters);
    let mut words = words.iter_mut().flatten();
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("RCPTMAX") {
            let max = words.next().and_then(|max| max.parse().ok());
            limits.max_recipients = max.filter(|max| *max > 0).ok_or_else(|| {
                UsageError::usage("--offer LIMITS: RCPTMAX needs a number of at least 1")
            })?;
        }
    }
    Ok(())
}
