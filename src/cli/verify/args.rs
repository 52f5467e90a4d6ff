//! The options of `ehlo verify`.

use crate::cli::layers;
use crate::cli::options::route::resolver;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::options::value::{HostPort, Sender};
use crate::cli::verify::VerifyTask;
use crate::mail::address::Domain;
use crate::probe::verify::{EnvelopeSender, MessageClient};
use crate::system::exit::Exit;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Verify the DKIM signatures of a message, SPF and DMARC, as a receiver does, and the author's signature.
///
/// The results are printed as the header field Authentication-Results (RFC 8601) and in sentences. Signatures of
/// OpenPGP and S/MIME are checked by gpg and openssl, which decrypt the message before if necessary. The exit status
/// is 0 if DMARC passes and none of these signatures is wrong, 75 if the DNS did not answer, and 77 otherwise.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// File with the message; `-` is standard input.
    #[arg(value_name = "MESSAGE", default_value = "-")]
    path: PathBuf,

    /// Address of the client that sent the message, for SPF.
    #[arg(long, value_name = "IP")]
    from_ip: Option<IpAddr>,

    /// Name of that client in EHLO.
    #[arg(long, value_name = "NAME", value_parser = value::helo, requires = "from_ip")]
    helo: Option<String>,

    /// Sender in MAIL FROM; '' is the null sender [default: that of Return-Path].
    #[arg(long, value_name = "ADDR", value_parser = value::sender, requires = "from_ip", allow_hyphen_values = true)]
    envelope_from: Option<Sender>,

    /// Name of this host in Authentication-Results [default: its full name].
    #[arg(long, value_name = "NAME", value_parser = value::line)]
    authserv_id: Option<String>,

    #[command(flatten)]
    layers: layers::Args,

    /// Print one JSON object instead.
    #[arg(long, conflicts_with = "verbose")]
    json: bool,

    /// Use this DNS resolver instead of those in /etc/resolv.conf.
    #[arg(long, value_name = "IP[:PORT]", value_parser = value::target)]
    dns: Option<HostPort>,

    /// Time limit for all lookups, like 20s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, default_value = "30s")]
    timeout: Duration,

    /// Show the lookups.
    #[arg(short, long)]
    verbose: bool,
}

impl Args {
    pub fn plan(self) -> Result<VerifyTask, UsageError> {
        let sender = match self.envelope_from {
            Some(sender) => reverse_path(sender)?,
            None => EnvelopeSender::ReturnPath,
        };
        Ok(VerifyTask {
            path: self.path,
            client: self.from_ip.map(|ip| MessageClient {
                ip,
                helo: self.helo.unwrap_or_default(),
                sender,
            }),
            dns: self.dns.map(resolver).transpose()?,
            host: self.authserv_id,
            limit: self.timeout,
            layers: self.layers.files()?,
            json: self.json,
            verbose: self.verbose,
        })
    }
}

fn reverse_path(sender: Sender) -> Result<EnvelopeSender, UsageError> {
    let wrong = |why: String| UsageError::new(Exit::Data, format!("--envelope-from: {why}"));
    let Some(address) = sender.map_err(|error| wrong(error.to_string()))? else {
        return Ok(EnvelopeSender::Null);
    };
    match address.domain() {
        Domain::Name(domain) => Ok(EnvelopeSender::Address {
            local: address.unquoted_local().into_owned(),
            domain: domain.clone(),
        }),
        _ => Err(wrong("expected an address with a domain name".to_owned())),
    }
}
