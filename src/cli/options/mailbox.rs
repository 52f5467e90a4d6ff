//! A mailbox at an IMAP or POP3 server, and the transport to it.

use crate::cli::options::transport::transport;
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, oauth, route, tls};
use crate::client::credentials::{CredentialsOptions, SecretSource};
use crate::client::policy::PolicyOptions;
use crate::client::session;
use crate::client::session::TlsDemand;
use crate::client::transport::Transport;
use crate::client::wire::tls::{Sni, Trust};
use crate::mailbox::MailboxUrl;
use std::time::Duration;

/// A mailbox and the transport to it.
#[derive(Debug)]
pub struct MailboxRoute {
    pub url: MailboxUrl,
    /// Its relay is the server of the mailbox.
    pub transport: Transport,
}

/// The options of a mailbox besides its URL.
pub(crate) struct MailboxOptions {
    pub(crate) timeout: Duration,
    pub(crate) reach: route::Reach,
    pub(crate) tls: tls::Args,
    pub(crate) auth: auth::Args,
    pub(crate) oauth: oauth::Args,
}

impl MailboxRoute {
    /// The way to a mailbox by the options of a command line.
    pub(crate) fn of_options(url: MailboxUrl, options: MailboxOptions) -> Result<Self, UsageError> {
        let MailboxOptions {
            timeout,
            reach,
            mut tls,
            mut auth,
            oauth,
        } = options;
        if url.server.is_implicit {
            tls.use_implicit("the URL, which demands TLS from the first byte")?;
        }
        auth.add_user(url.user.clone(), url.mechanism)?;
        oauth.apply(&mut auth)?;
        let session = session::Options {
            timeout: Some(timeout),
            ..session::Options::default()
        };
        let server = route::Args::to(url.server.clone(), None, reach);
        let transport = transport(server, session, tls, auth)?;
        if transport.session.login_if_offered {
            let why = "a mailbox cannot be read without a login; omit the question mark in --auth";
            return Err(UsageError::usage(why).about("--auth"));
        }
        Ok(Self { url, transport })
    }

    /// The way to a mailbox by the options of a transport for sending: its proxy, resolver and trust, and its login if
    /// the URL names no other user. Pins and names of certificates belong to the other server.
    pub(crate) fn of_transport(url: MailboxUrl, sending: &Transport) -> Self {
        let mut transport = sending.clone();
        let endpoint = url.server.clone().place(0);
        let login = sending.credentials.as_ref();
        let own_user = login.and_then(|login| login.user.clone());
        let is_other = url.user.is_some() && url.user != own_user;
        transport.credentials = match login {
            Some(login) if !is_other => Some(login.clone()),
            _ => url.user.clone().map(|user| CredentialsOptions {
                user: Some(user),
                source: SecretSource::Found,
                profile: sending.profile.clone(),
                nameless: true,
                port: None,
                authzid: None,
            }),
        };
        if let Some(login) = &mut transport.credentials {
            login.port = Some(endpoint.port);
        }
        if transport.session.tls == TlsDemand::Opportunistic {
            // No certificate is verified at an MX.
            transport.tls.trust = Trust::Verified;
        }
        transport.session = session::Options {
            timeout: sending.session.timeout,
            mechanisms: url
                .mechanism
                .map_or_else(|| sending.session.mechanisms.clone(), |one| vec![one]),
            password_in_clear: sending.session.password_in_clear,
            tls: match sending.session.tls {
                _ if url.server.is_implicit => TlsDemand::Implicit,
                TlsDemand::Starttls | TlsDemand::Implicit => TlsDemand::Starttls,
                _ => TlsDemand::IfOffered,
            },
            ..session::Options::default()
        };
        transport.route.relay = Some(endpoint);
        transport.route.connect_to = None;
        transport.tls.name = None;
        transport.tls.sni = Sni::Expected;
        transport.tls.pins.clear();
        transport.tls.save_certs = None;
        transport.policy = PolicyOptions::default();
        Self { url, transport }
    }
}
