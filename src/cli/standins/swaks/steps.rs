//! The steps of a session, in the order of swaks.

use crate::cli::standins::swaks::connect;
use crate::cli::standins::swaks::link::Protocol;
use crate::cli::standins::swaks::login;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::encoded;
use crate::cli::standins::swaks::offers::Offers;
use crate::cli::standins::swaks::plan::Plan;
use crate::cli::standins::swaks::printer::{Printer, Stop};
use crate::cli::standins::swaks::stages::Stage;
use crate::cli::standins::swaks::starttls;
use crate::cli::standins::swaks::talk::{OnFailure, Step, Talk};
use crate::cli::standins::swaks::tls_options::Demand;
use std::collections::BTreeSet;

/// Connects, and sends the message.
pub fn run(plan: &mut Plan, program: &str, printer: &mut Printer) -> Result<(), Stop> {
    let wire = connect::open(plan, program, printer)?;
    let plan = &*plan;
    let mut talk = Talk::new(plan, printer, wire);
    let mut offers = Offers::default();
    talk.begin(&mut offers)?;
    talk.secure(&mut offers)?;
    if !plan.xclient.is_before_starttls {
        talk.xclient(&mut offers)?;
    }
    talk.log_in(&offers)?;
    talk.send_envelope(&offers)?;
    talk.send_message()?;
    talk.send_quit(0)?;
    talk.close();
    Ok(())
}

impl Talk<'_> {
    /// The PROXY header, TLS from the start, the greeting, and the first EHLO.
    fn begin(&mut self, offers: &mut Offers) -> Result<(), Stop> {
        let (plan, stages) = (self.plan, self.plan.stages);
        self.send_proxy_header()?;
        if stages.drops_after(Stage::Proxy) || stages.drops_after_send(Stage::Proxy) {
            return Err(self.drop_connection());
        }
        if plan.tls.when.is_on_connect {
            if let Err(why) = starttls::handshake(self) {
                let error = format!("TLS startup failed ({why})");
                return Err(self.printer.stop(29, &error));
            }
            if stages.drops_after(Stage::Tls) || stages.drops_after_send(Stage::Tls) {
                return Err(self.drop_connection());
            }
            self.quit_after(Stage::Tls)?;
        }
        if stages.drops_after_send(Stage::Connect) {
            return Err(self.drop_connection());
        }
        if !self.perform(Step::reply(&["220"]))?.is_expected {
            self.quit(21)?;
        }
        self.end_after(Stage::Connect)?;
        self.quit_after(Stage::Proxy)?;
        self.before(Stage::FirstHelo);
        if !self.hello(offers)? {
            self.quit(22)?;
        }
        self.end_after(Stage::FirstHelo)?;
        if plan.xclient.is_before_starttls {
            self.xclient(offers)?;
        }
        Ok(())
    }

    /// Marks that the connection is dropped before the next reply, if that was requested for this stage.
    fn before(&mut self, stage: Stage) {
        self.drops_before_reply |= self.plan.stages.drops_after_send(stage);
    }

    /// Ends the session if that was requested after this stage.
    fn end_after(&mut self, stage: Stage) -> Result<(), Stop> {
        if self.plan.stages.drops_after(stage) {
            return Err(self.drop_connection());
        }
        self.quit_after(stage)
    }

    fn quit_after(&mut self, stage: Stage) -> Result<(), Stop> {
        if self.plan.stages.quits_after(stage) {
            self.quit(0)
        } else {
            Ok(())
        }
    }

    /// Sends no more than the header: the greeting follows.
    fn send_proxy_header(&mut self) -> Result<(), Stop> {
        let Some(header) = &self.plan.proxy else {
            return Ok(());
        };
        let bytes = header.header();
        let is_binary = header.version == 2;
        self.perform(Step {
            // The binary header is shown in base64.
            shown: is_binary.then(|| encoded(&bytes)),
            is_as_it_is: is_binary,
            has_reply: false,
            ..Step::new(octets::of_bytes(&bytes), &["220"])
        })?;
        Ok(())
    }

    /// EHLO or LHLO; HELO if EHLO is refused. Returns false if all are.
    fn hello(&mut self, offers: &mut Offers) -> Result<bool, Stop> {
        let plan = self.plan;
        let command = match plan.protocol {
            Protocol::Smtp => None,
            Protocol::Esmtp => Some("EHLO"),
            Protocol::Lmtp => Some("LHLO"),
        };
        if let Some(command) = command {
            let reply = self.command(format!("{command} {}", plan.helo), &["250"])?;
            if reply.is_expected {
                offers.read(&reply.text);
                self.pipelines |= offers.pipelining;
                return Ok(true);
            }
        }
        if plan.protocol == Protocol::Lmtp {
            return Ok(false);
        }
        let reply = self.command(format!("HELO {}", plan.helo), &["250"])?;
        Ok(reply.is_expected)
    }

    /// STARTTLS, if requested, and EHLO after it.
    fn secure(&mut self, offers: &mut Offers) -> Result<(), Stop> {
        let stages = self.plan.stages;
        if self.plan.tls.when.has_starttls {
            self.before(Stage::Tls);
            self.try_starttls(offers)?;
        }
        if stages.drops_after_send(Stage::Tls) {
            return Err(self.drop_connection());
        }
        self.end_after(Stage::Tls)?;
        if self.is_tls && !self.plan.tls.when.is_on_connect {
            // RFC 3207 §4.2: what the server has offered in clear is forgotten.
            *offers = Offers::default();
            self.before(Stage::Helo);
            if !self.hello(offers)? {
                self.quit(32)?;
            }
        }
        if stages.drops_after_send(Stage::Helo) {
            return Err(self.drop_connection());
        }
        self.end_after(Stage::Helo)
    }

    fn try_starttls(&mut self, offers: &Offers) -> Result<(), Stop> {
        let demand = self.plan.tls.when.demand;
        if !offers.starttls {
            self.printer.error("Host did not advertise STARTTLS");
            return match demand {
                Demand::Required => self.quit(29),
                Demand::Optional | Demand::Strict => Ok(()),
            };
        }
        let is_accepted = self.command("STARTTLS", &["220"])?.is_expected;
        if is_accepted {
            match starttls::handshake(self) {
                Ok(()) => return Ok(()),
                Err(why) => self.printer.error(&format!("TLS startup failed ({why})")),
            }
        }
        self.printer.error("STARTTLS attempted but failed");
        match demand {
            Demand::Optional => Ok(()),
            Demand::Required | Demand::Strict => Err(Stop(29)),
        }
    }

    /// XCLIENT, if requested, and EHLO after it.
    fn xclient(&mut self, offers: &mut Offers) -> Result<(), Stop> {
        if !self.plan.xclient.commands.is_empty() {
            self.before(Stage::Xclient);
            if self.try_xclient(offers)? {
                self.end_after(Stage::Xclient)?;
                self.before(Stage::XclientHelo);
                if !self.hello(offers)? {
                    self.quit(34)?;
                }
                self.end_after(Stage::XclientHelo)?;
            }
        }
        for stage in [Stage::Xclient, Stage::XclientHelo] {
            if self.plan.stages.drops_after_send(stage) {
                return Err(self.drop_connection());
            }
            self.end_after(stage)?;
        }
        Ok(())
    }

    /// Sends the commands. Returns false if the session goes on without them.
    fn try_xclient(&mut self, offers: &Offers) -> Result<bool, Stop> {
        let xclient = &self.plan.xclient;
        let missing = match &offers.xclient {
            None => {
                self.printer.error("Host did not advertise XCLIENT");
                return self.without_xclient(xclient.demand == Demand::Required);
            }
            Some(offered) if !xclient.no_verify => {
                let attributes = xclient.attributes.iter();
                let missing = attributes.filter(|name| !offered.contains(*name));
                missing.map(String::as_str).collect()
            }
            Some(_) => BTreeSet::new(),
        };
        if !missing.is_empty() {
            let missing: Vec<&str> = missing.into_iter().collect();
            self.printer.error(&format!(
                "Host did not advertise requested XCLIENT attributes ({})",
                missing.join(", ")
            ));
            return self.without_xclient(xclient.demand == Demand::Required);
        }
        for command in &xclient.commands {
            let reply = self.command(format!("XCLIENT {command}"), &["220"])?;
            if !reply.is_expected {
                self.printer.error("XCLIENT attempted but failed");
                return self.without_xclient(xclient.demand != Demand::Optional);
            }
        }
        Ok(true)
    }

    fn without_xclient(&mut self, ends: bool) -> Result<bool, Stop> {
        if ends {
            self.quit(33)?;
        }
        Ok(false)
    }

    /// AUTH, if requested.
    fn log_in(&mut self, offers: &Offers) -> Result<(), Stop> {
        let auth = &self.plan.auth;
        if let Some(plan) = &auth.plan {
            self.before(Stage::Auth);
            if let Err(failure) = login::log_in(self, plan, offers)? {
                let ends = failure.ends(auth.demand);
                self.printer.error(failure.words());
                if ends {
                    self.quit(28)?;
                }
            }
        } else if auth.demand == Demand::Strict && offers.auth.is_some() {
            let error = "Auth requested, advertised, and locally unavailable.  Exiting";
            self.printer.error(error);
            self.quit(28)?;
        }
        if self.plan.stages.drops_after_send(Stage::Auth) {
            return Err(self.drop_connection());
        }
        self.end_after(Stage::Auth)
    }

    /// MAIL and RCPT.
    fn send_envelope(&mut self, offers: &Offers) -> Result<(), Stop> {
        let envelope = &self.plan.envelope;
        self.before(Stage::Mail);
        let mut mail = format!("MAIL FROM:<{}>", envelope.from);
        if self.plan.needs_prdr {
            if !offers.prdr {
                self.printer.error("Host did not advertise PRDR support");
                self.quit(30)?;
            }
            mail += " PRDR";
        }
        let additions = &self.plan.additions;
        if additions.needs_smtputf8 && !offers.smtputf8 {
            self.printer
                .error("Host did not advertise SMTPUTF8 support");
            self.quit(30)?;
        }
        mail += &additions.mail_parameters;
        self.perform(Step {
            is_deferred: true,
            on_failure: OnFailure::Mail,
            ..Step::new(mail, &["250"])
        })?;
        self.end_after(Stage::Mail)?;
        self.before(Stage::Rcpt);
        let recipients = envelope.recipients();
        let recipients = octets::parts(&recipients, ",");
        self.recipients = recipients.len();
        let parameters = &additions.recipient_parameters;
        for recipient in recipients {
            self.perform(Step {
                is_deferred: true,
                on_failure: OnFailure::Recipient,
                ..Step::new(format!("RCPT TO:<{recipient}>{parameters}"), &["250"])
            })?;
        }
        self.end_after(Stage::Rcpt)
    }

    /// DATA and the message.
    fn send_message(&mut self) -> Result<(), Stop> {
        let plan = self.plan;
        self.before(Stage::Data);
        if !self.command("DATA", &["354"])?.is_expected {
            self.quit(25)?;
        }
        self.end_after(Stage::Data)?;
        self.before(Stage::Dot);
        if !self.transfer()? {
            self.quit(26)?;
        }
        if plan.stages.drops_after(Stage::Dot) {
            Err(self.drop_connection())
        } else {
            Ok(())
        }
    }

    /// Returns true if the message was accepted: for LMTP for one of the recipients, with PRDR as a whole.
    fn transfer(&mut self) -> Result<bool, Stop> {
        let plan = self.plan;
        let replies = self.recipients - self.refused_recipients;
        let expected: &[&str] = if plan.needs_prdr {
            &["250", "353"]
        } else {
            &["250"]
        };
        let reply = self.perform(Step {
            is_brief: plan.suppresses_data,
            ..Step::new(plan.data.clone(), expected)
        })?;
        let mut is_accepted = reply.is_expected;
        match plan.protocol {
            Protocol::Lmtp => {
                for _ in 1..replies {
                    is_accepted |= self.perform(Step::reply(&["250"]))?.is_expected;
                }
            }
            Protocol::Esmtp if plan.needs_prdr && reply.text.starts_with("353 ") => {
                for _ in 0..replies {
                    self.perform(Step::reply(&["250"]))?;
                }
                is_accepted = self.perform(Step::reply(&["250"]))?.is_expected;
            }
            Protocol::Esmtp | Protocol::Smtp => {}
        }
        Ok(is_accepted)
    }
}
