//! Options for testing servers.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::send::{ConnectionUse, Repeat};
use crate::client::session::{
    EarlyStop, Options, Proxy, ProxyEnds, STOP_POINTS, StopMethod, TestOptions, TlsDemand,
};
use crate::smtp::extension::Extension;
use crate::smtp::mechanism::Mechanism;
use crate::smtp::proxy::ProxyVersion;
use crate::smtp::stage::Stage;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Default port of LMTP.
pub const LMTP_PORT: u16 = 24;

/// Options under the heading "Testing".
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Testing")]
pub struct Args {
    /// Send QUIT after this stage: connect, proxy, banner, ehlo, starttls, xclient, auth, mail, rcpt, data or dot.
    ///
    /// If the stage does not occur, QUIT is sent at the next one: `auth` without --user stops before MAIL. rcpt
    /// means after the last recipient, xclient after the last --xclient. Servers do not expect QUIT after connect,
    /// proxy or data.
    #[arg(long, value_name = "STAGE", value_parser = stop_point, conflicts_with_all = ["drop_after", "drop_after_send", "queue", "queue_only"])]
    quit_after: Option<Stage>,

    /// Drop the connection after the reply to this stage.
    #[arg(long, value_name = "STAGE", value_parser = stop_point, conflicts_with_all = ["drop_after_send", "queue", "queue_only"])]
    drop_after: Option<Stage>,

    /// Drop the connection after sending this stage, without reading the reply.
    #[arg(long, value_name = "STAGE", value_parser = stop_point, conflicts_with_all = ["queue", "queue_only"])]
    drop_after_send: Option<Stage>,

    /// Send the message N times, each over a new connection and with a new Message-ID.
    #[arg(long, value_name = "N", value_parser = value::number::<u32>(1, None))]
    repeat: Option<u32>,

    /// Send the repetitions over the same connection.
    ///
    /// A new one is opened after 100 messages, or when the server closes it or accepts no more.
    #[arg(long, requires = "repeat")]
    reuse: bool,

    /// Pause between repetitions, as in 2s.
    #[arg(long, value_name = "TIME", value_parser = value::duration, requires = "repeat")]
    wait: Option<Duration>,

    /// Use --helo verbatim, and accept addresses without a domain.
    ///
    /// Recipients without a domain require --relay.
    #[arg(long)]
    #[allow(dead_code)] // Read before the other options are parsed.
    raw: bool,

    /// Extra parameters for MAIL, sent verbatim; repeatable.
    #[arg(long, value_name = "TEXT", value_parser = words)]
    mail_param: Vec<String>,

    /// Extra parameters for each RCPT, sent verbatim; repeatable.
    #[arg(long, value_name = "TEXT", value_parser = words)]
    rcpt_param: Vec<String>,

    #[command(flatten)]
    identity: ClientIdentity,
}

/// Options for the identity of the client and for extensions that are not offered.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Testing")]
pub struct ClientIdentity {
    /// Use these extensions even if the server does not offer them, as in auth,starttls,bdat,pipelining.
    ///
    /// Any EHLO keyword that ehlo supports; AUTH with the mechanisms of --auth, or PLAIN and LOGIN.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = extension)]
    force: Vec<Extension>,

    /// Impersonate another client (XCLIENT), as in 'NAME=client.example ADDR=192.0.2.1'; repeatable.
    ///
    /// Servers accept XCLIENT only from trusted clients. If the reply to EHLO does not list all of the
    /// attributes, nothing is sent unless --force xclient is given.
    #[arg(long, value_name = "ATTRS", value_parser = attributes)]
    xclient: Vec<String>,

    /// Pass the original client's details for the server's log (XFORWARD), as in 'NAME=client.example';
    /// repeatable.
    #[arg(long, value_name = "ATTRS", value_parser = attributes)]
    xforward: Vec<String>,

    /// Begin with a PROXY protocol header: v1 or v2, optionally with addresses.
    ///
    /// As in 'v1 192.0.2.1:1234 198.51.100.2:25'. Without addresses, those of this connection are used;
    /// `unknown` sends no addresses.
    #[arg(long, value_name = "VERSION [ENDS]", value_parser = proxy)]
    proxy_protocol: Option<Proxy>,

    /// Greet with HELO, without EHLO before it.
    ///
    /// The server then offers no extensions; --force uses them nevertheless.
    #[arg(long, conflicts_with = "lmtp")]
    no_ehlo: bool,

    /// Speak LMTP, which returns one reply per recipient after the message (RFC 2033).
    #[arg(long, help_heading = "Session")]
    lmtp: bool,
}

impl Args {
    pub fn is_lmtp(&self) -> bool {
        self.identity.is_lmtp()
    }

    pub fn ends_before_mail(&self) -> bool {
        self.stop().is_some_and(|stop| stop.after < Stage::Mail)
    }

    pub fn ends_before_data(&self) -> bool {
        self.stop().is_some_and(|stop| stop.after < Stage::Dot)
    }

    pub fn repeat(&self) -> Repeat {
        Repeat {
            times: self
                .repeat
                .and_then(NonZeroU32::new)
                .unwrap_or(NonZeroU32::MIN),
            wait: self.wait.unwrap_or_default(),
            connections: if self.reuse {
                ConnectionUse::Shared
            } else {
                ConnectionUse::NewEachTime
            },
        }
    }

    /// Applies all options to a session.
    pub fn apply(self, options: &mut Options) -> Result<(), UsageError> {
        let stop = self.stop();
        self.identity.apply(options)?;
        options.testing.stop = stop;
        options.testing.mail_parameters = self.mail_param;
        options.testing.rcpt_parameters = self.rcpt_param;
        Ok(())
    }

    fn stop(&self) -> Option<EarlyStop> {
        let all = [
            (self.quit_after, StopMethod::Quit),
            (self.drop_after, StopMethod::Drop),
            (self.drop_after_send, StopMethod::DropUnread),
        ];
        all.into_iter()
            .find_map(|(after, method)| after.map(|after| EarlyStop { after, method }))
    }
}

impl ClientIdentity {
    pub fn is_lmtp(&self) -> bool {
        self.lmtp
    }

    /// Applies the options to a session.
    pub fn apply(self, options: &mut Options) -> Result<(), UsageError> {
        self.check(options)?;
        let forced = self.force.iter();
        options.testing = TestOptions {
            forced: forced
                .map(|&extension| self.forced_line(extension, &options.mechanisms))
                .collect(),
            proxy: self.proxy_protocol,
            only_helo: self.no_ehlo,
            xclient: self.xclient,
            xforward: self.xforward,
            ..TestOptions::default()
        };
        Ok(())
    }

    fn check(&self, options: &Options) -> Result<(), UsageError> {
        let forces = |extension| self.force.contains(&extension);
        if forces(Extension::Starttls)
            && matches!(options.tls, TlsDemand::Off | TlsDemand::Implicit)
        {
            return Err(contradiction("starttls", "--tls off and implicit"));
        }
        if forces(Extension::Chunking) && options.no_chunking {
            return Err(contradiction("bdat", "--chunking off"));
        }
        if forces(Extension::Pipelining) && options.no_pipelining {
            return Err(contradiction("pipelining", "--pipelining off"));
        }
        Ok(())
    }

    /// The EHLO line for an extension of --force, with the parameters that the session uses.
    fn forced_line(&self, extension: Extension, mechanisms: &[Mechanism]) -> String {
        let parameters = match extension {
            Extension::Auth if mechanisms.is_empty() => vec!["PLAIN", "LOGIN"],
            Extension::Auth => mechanisms
                .iter()
                .map(|mechanism| mechanism.name())
                .collect(),
            Extension::Xclient => names(&self.xclient),
            Extension::Xforward => names(&self.xforward),
            _ => Vec::new(),
        };
        [&[extension.keyword()], &parameters[..]].concat().join(" ")
    }
}

/// The names in lists of attributes.
fn names(lists: &[String]) -> Vec<&str> {
    let words = lists.iter().flat_map(|list| list.split(' '));
    words.filter_map(|word| word.split('=').next()).collect()
}

fn contradiction(keyword: &str, other: &str) -> UsageError {
    UsageError::usage(format!(
        "--force {keyword} conflicts with {other}; omit one of them"
    ))
    .about("--force")
}

/// A stage at which a session can end early.
pub(crate) fn stop_point(text: &str) -> Result<Stage, String> {
    let mut points = STOP_POINTS.into_iter();
    let found = points.find(|point| point.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let names = STOP_POINTS.map(Stage::name).join(", ");
        format!("expected one of {names}")
    })
}

/// An extension that the client uses. BDAT is the command of CHUNKING.
fn extension(text: &str) -> Result<Extension, String> {
    let usable = || Extension::all().filter(|extension| extension.is_used_by_client());
    if text.eq_ignore_ascii_case("BDAT") {
        return Ok(Extension::Chunking);
    }
    let found = usable().find(|extension| extension.keyword().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let keywords: Vec<&str> = usable().map(Extension::keyword).collect();
        format!(
            "expected any of {},bdat",
            keywords.join(",").to_ascii_lowercase()
        )
    })
}

/// Printable ASCII, which cannot contain another command.
pub fn words(text: &str) -> Result<String, String> {
    let is_text = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_text && !text.trim().is_empty() {
        return Ok(text.trim().to_owned());
    }
    Err("expected printable ASCII characters".to_owned())
}

fn attributes(text: &str) -> Result<String, String> {
    let text = words(text)?;
    let is_attribute = |word: &str| {
        let named = word.split_once('=');
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        named.is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(is_name))
    };
    if text.split(' ').all(is_attribute) {
        return Ok(text);
    }
    Err("expected NAME=VALUE, or several separated by spaces".to_owned())
}

fn proxy(text: &str) -> Result<Proxy, String> {
    let wrong = || {
        "expected v1 or v2, optionally followed by unknown or by two addresses, as in \
         192.0.2.1:1234 198.51.100.2:25"
            .to_owned()
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let (version, ends) = words.split_first().ok_or_else(wrong)?;
    let version = match *version {
        "v1" => ProxyVersion::V1,
        "v2" => ProxyVersion::V2,
        _ => return Err(wrong()),
    };
    let ends = match ends {
        [] => ProxyEnds::Own,
        ["unknown"] => ProxyEnds::Unknown,
        [source, destination] => {
            let end = |text: &str| text.parse::<SocketAddr>().map_err(|_| wrong());
            let (source, destination) = (end(source)?, end(destination)?);
            if source.is_ipv4() != destination.is_ipv4() {
                return Err("both addresses must be of the same family, IPv4 or IPv6".to_owned());
            }
            ProxyEnds::Given {
                source,
                destination,
            }
        }
        _ => return Err(wrong()),
    };
    Ok(Proxy { version, ends })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_stages_and_extensions_are_refused() {
        assert_eq!(stop_point("rcpt"), Ok(Stage::Rcpt));
        assert!(stop_point("quit").unwrap_err().contains("banner"));
        assert_eq!(extension("bdat"), Ok(Extension::Chunking));
        assert_eq!(extension("Prdr"), Ok(Extension::Prdr));
        let error = extension("vrfy").unwrap_err();
        assert!(error.starts_with("expected any of 8bitmime,auth,"));
        assert!(error.ends_with(",xclient,xforward,bdat"), "{error}");
    }

    #[test]
    fn parameters_cannot_contain_another_command() {
        for text in ["", " ", "A\r\nRSET", "a\0"] {
            assert!(words(text).is_err(), "{text:?}");
        }
        assert!(attributes("NAME=x ADDR=192.0.2.1").is_ok());
        assert!(attributes("REVERSE_NAME=x X-1=y").is_ok());
        assert!(attributes("NAME x").is_err());
    }

    #[test]
    fn proxy_has_two_addresses_of_one_family_or_none() {
        assert!(proxy("v1").is_ok());
        assert!(proxy("v2 unknown").is_ok());
        assert!(proxy("v1 192.0.2.1:1 198.51.100.2:25").is_ok());
        for text in [
            "",
            "v3",
            "v1 192.0.2.1:1",
            "v1 192.0.2.1:1 [::1]:25",
            "v1 a b",
        ] {
            assert!(proxy(text).is_err(), "{text}");
        }
    }

    #[test]
    fn forced_extension_has_the_parameters_that_the_session_uses() {
        let identity = ClientIdentity {
            xclient: vec!["NAME=x ADDR=y".to_owned(), "REVERSE_NAME=z".to_owned()],
            ..ClientIdentity::default()
        };
        assert_eq!(
            identity.forced_line(Extension::Auth, &[]),
            "AUTH PLAIN LOGIN"
        );
        let mechanisms = [Mechanism::CramMd5];
        assert_eq!(
            identity.forced_line(Extension::Auth, &mechanisms),
            "AUTH CRAM-MD5"
        );
        assert_eq!(identity.forced_line(Extension::Size, &[]), "SIZE");
        let line = identity.forced_line(Extension::Xclient, &[]);
        assert_eq!(line, "XCLIENT NAME ADDR REVERSE_NAME");
    }
}
