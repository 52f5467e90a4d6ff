//! Transports: route, session options, TLS and login; with their keys loaded; and in the order tried.

use crate::client::credentials;
use crate::client::credentials::CredentialsError;
use crate::client::credentials::oauth::Network;
use crate::client::events::{Event, Observer};
use crate::client::policy::{PolicyContext, PolicyMode, PolicyOptions, StsLookup};
use crate::client::route;
use crate::client::route::{Proxy, Router};
use crate::client::session;
use crate::client::session::{RecipientReply, SessionContext, SessionResult, Step};
use crate::client::wire::tls::ServerCheck;
use crate::client::wire::{Terms, Tls, TlsSetupError, tls};
use crate::smtp::reply::Reply;
use crate::system::remedy::{Correctable, ErrorText};
use crate::system::secret::Login;
use crate::system::stop::Stop;
use std::fmt::Display;
use std::sync::OnceLock;
use std::time::Duration;

/// Time limit for establishing a connection.
const CONNECT: Duration = Duration::from_secs(30);

/// The destination of messages and the options to reach it.
#[derive(Clone, Debug)]
pub struct Transport {
    /// The profile; `None`: none was chosen.
    pub profile: Option<String>,
    pub route: route::RouteOptions,
    pub session: session::Options,
    pub tls: tls::TlsOptions,
    /// Policies of recipient domains.
    pub policy: PolicyOptions,
    /// `None`: no AUTH.
    pub credentials: Option<credentials::CredentialsOptions>,
}

impl Transport {
    /// The way to a provider of tokens. No further request is sent when `stop` is set.
    pub fn network<'a>(
        &'a self,
        proxy_login: Option<&'a Login>,
        stop: Option<&'a Stop>,
    ) -> Network<'a> {
        Network {
            route: &self.route,
            proxy_login,
            tls: &self.tls,
            stop,
        }
    }
}

/// A transport with everything that it needs loaded. No connection has been opened.
pub struct LoadedTransport<'p> {
    pub options: &'p Transport,
    pub tls: Tls,
    login: Option<Login>,
    /// The login that replaces one with a token that the server refused; `None`: there is none.
    renewed: OnceLock<Option<Login>>,
    pub proxy_login: Option<Login>,
}

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("{0}")]
    Tls(#[from] TlsSetupError),
    #[error("{0}")]
    Credentials(#[from] CredentialsError),
}

impl Correctable for TransportError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::Tls(error) => error.error_text(),
            Self::Credentials(error) => error.error_text(),
        }
    }
}

impl TransportError {
    /// True if nothing can be sent before a person has logged in.
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::Credentials(error) if error.needs_login())
    }
}

impl<'p> LoadedTransport<'p> {
    /// Reads the files, and finds or prompts for the password before connecting, because a server would time
    /// out. A command that prints the password is killed when `stop` is set.
    pub fn of(options: &'p Transport, stop: Option<&Stop>) -> Result<Self, TransportError> {
        let tls = Tls::new(&options.tls)?;
        let relay = options.route.relay.as_ref();
        let host = relay.map_or_else(String::new, |relay| relay.host.name());
        let credentials = options.credentials.as_ref();
        let account = options.route.proxy.as_ref().and_then(Proxy::account);
        let proxy_login = account
            .map(|account| credentials::find_for_proxy(&account, stop))
            .transpose()?;
        let network = options.network(proxy_login.as_ref(), stop);
        let login = credentials
            .map(|credentials| credentials::find(credentials, &host, network))
            .transpose()?;
        Ok(Self {
            options,
            tls,
            login,
            renewed: OnceLock::new(),
            proxy_login,
        })
    }

    /// Reads the files, without a terminal, as under cron. `None` for `login`: no AUTH.
    pub fn unattended(
        options: &'p Transport,
        login: Option<Login>,
        limit: Duration,
    ) -> Result<Self, TransportError> {
        let account = options.route.proxy.as_ref().and_then(Proxy::account);
        let proxy_login = account
            .map(|account| credentials::find_for_proxy_unattended(&account, limit))
            .transpose()?;
        Ok(Self {
            options,
            tls: Tls::new(&options.tls)?,
            login,
            renewed: OnceLock::new(),
            proxy_login,
        })
    }

    fn router(&self) -> Router<'_> {
        let router = Router::new(&self.options.route);
        match self.options.policy.sts {
            PolicyMode::Off => router,
            PolicyMode::Auto | PolicyMode::Require => router.with_sts_records(),
        }
    }

    /// The transport for one thread.
    pub fn open(&self) -> OpenTransport<'_> {
        self.open_with(&self.options.session)
    }

    fn open_with<'s>(&'s self, session: &'s session::Options) -> OpenTransport<'s> {
        let limit = session.timeout.or(session.patience);
        OpenTransport {
            router: self.router(),
            sts: StsLookup::new(&self.options.tls, self.proxy_login.as_ref(), limit),
            session,
            policy: &self.options.policy,
            tls: &self.tls,
            loaded: self,
            proxy_login: self.proxy_login.as_ref(),
        }
    }

    /// `None`: no AUTH.
    pub fn login(&self) -> Option<&Login> {
        let renewed = self.renewed.get().and_then(Option::as_ref);
        renewed.or(self.login.as_ref())
    }

    /// Replaces a login with a token that the server refused, once.
    fn renew(&self, refused: &Login, stop: Option<&Stop>) -> Renewal {
        if self.login() != Some(refused) {
            // Another thread has done it.
            return Renewal::Done;
        }
        let mut error = None;
        let mut is_first = false;
        self.renewed.get_or_init(|| {
            is_first = true;
            let options = self.options.credentials.as_ref()?;
            let network = self.options.network(self.proxy_login.as_ref(), stop);
            match credentials::renew(options, refused, network)? {
                Ok(login) => Some(login),
                Err(why) => {
                    error = Some(why);
                    None
                }
            }
        });
        match error {
            Some(error) => Renewal::Failed(error),
            None if is_first && self.login() != Some(refused) => Renewal::Done,
            None => Renewal::Impossible,
        }
    }

    /// Obtains another token, once, if this reply of the server may be about an old one. Returns true if there is one.
    pub fn has_new_login(
        &self,
        server: &dyn Display,
        (login, reply): (&Login, &Reply),
        observer: &mut dyn Observer,
    ) -> bool {
        // With 5.7.139 of Microsoft, no token is accepted.
        if reply.code != 535 || reply.enhanced() == Some("5.7.139") {
            return false;
        }
        let stop = observer.stop();
        let (note, is_new) = match self.renew(login, stop.as_deref()) {
            Renewal::Impossible => return false,
            Renewal::Done => {
                let then = "logging in again with a new one";
                (format!("{server} rejected the token; {then}"), true)
            }
            Renewal::Failed(error) => {
                let then = format!("and there is no other: {error}");
                (format!("{server} rejected the token, {then}"), false)
            }
        };
        observer.on_event(Event::Note(&note));
        is_new
    }
}

/// The result of an attempt to replace a login that was refused.
#[derive(Debug)]
pub enum Renewal {
    /// There is another login.
    Done,
    /// The login is not one that can be renewed, or it was renewed before.
    Impossible,
    Failed(CredentialsError),
}

/// A transport as one thread uses it, with a resolver of its own.
pub struct OpenTransport<'a> {
    pub router: Router<'a>,
    pub session: &'a session::Options,
    pub policy: &'a PolicyOptions,
    pub sts: StsLookup<'a>,
    /// Keys and trust.
    pub tls: &'a Tls,
    loaded: &'a LoadedTransport<'a>,
    pub proxy_login: Option<&'a Login>,
}

impl<'a> OpenTransport<'a> {
    /// This transport with other options of the session.
    pub fn with_session<'s>(&'s self, session: &'s session::Options) -> OpenTransport<'s> {
        self.loaded.open_with(session)
    }

    /// `None`: no AUTH.
    pub fn login(&self) -> Option<&'a Login> {
        self.loaded.login()
    }

    /// Replaces a login with a token that the server refused, once.
    pub fn renew(&self, refused: &Login, stop: Option<&Stop>) -> Renewal {
        self.loaded.renew(refused, stop)
    }

    /// Obtains another token, once, if the session ended because the server refused this login. Returns true if there
    /// is one.
    pub fn has_new_login(
        &self,
        server: &dyn Display,
        (login, ended): (Option<&Login>, &SessionResult),
        observer: &mut dyn Observer,
    ) -> bool {
        match (&ended.refusal, login) {
            (Some(RecipientReply::Replied(Step::Auth, reply)), Some(login))
                if !ended.interrupted =>
            {
                self.loaded.has_new_login(server, (login, reply), observer)
            }
            _ => false,
        }
    }

    /// Parameters of every connection attempt.
    pub fn terms(&self) -> Terms<'_> {
        Terms {
            proxy_login: self.proxy_login,
            source: self.router.source(),
            source_port: 0,
            limit: self.session.timeout.unwrap_or_else(|| {
                let patience = self.session.patience.unwrap_or(CONNECT);
                patience.min(CONNECT)
            }),
        }
    }

    /// The context of a session with this host.
    pub fn context<'c>(&'c self, host: &'c str) -> SessionContext<'c> {
        SessionContext {
            options: self.session,
            tls: self.tls,
            host,
            check: &ServerCheck::Options,
            is_host_authentic: true,
            login: self.login(),
        }
    }

    /// The context on which the policies of hosts and domains depend.
    pub fn policies(&self) -> PolicyContext<'_> {
        PolicyContext {
            options: self.policy,
            tls: self.session.tls,
            router: &self.router,
            sts: &self.sts,
        }
    }
}

/// A transport and its fallbacks, in the order in which they are tried. Keys and passwords are loaded when a
/// transport is first used.
pub struct Transports<'p> {
    entries: Vec<Entry<'p>>,
    error: Option<String>,
}

struct Entry<'p> {
    options: &'p Transport,
    loaded: OnceLock<Result<LoadedTransport<'p>, TransportError>>,
}

impl<'p> Transports<'p> {
    pub fn new(all: impl IntoIterator<Item = &'p Transport>) -> Self {
        let entry = |options| Entry {
            options,
            loaded: OnceLock::new(),
        };
        Self {
            entries: all.into_iter().map(entry).collect(),
            error: None,
        }
    }

    /// One transport that is loaded already.
    pub fn of(loaded: LoadedTransport<'p>) -> Self {
        let entry = Entry {
            options: loaded.options,
            loaded: OnceLock::from(Ok(loaded)),
        };
        Self {
            entries: vec![entry],
            error: None,
        }
    }

    /// No transport, for this reason.
    pub fn missing(error: String) -> Self {
        Self {
            entries: Vec::new(),
            error: Some(error),
        }
    }

    /// The reason why there is none.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The options of one of them.
    pub fn options(&self, index: usize) -> &'p Transport {
        self.entries[index].options
    }

    /// Loads one of them, unless that was done.
    ///
    /// # Errors
    /// Its files cannot be read, or its password is not found.
    pub fn load(
        &self,
        index: usize,
        stop: Option<&Stop>,
    ) -> Result<&LoadedTransport<'p>, &TransportError> {
        let Entry { options, loaded } = &self.entries[index];
        loaded
            .get_or_init(|| LoadedTransport::of(options, stop))
            .as_ref()
    }

    /// The transports that could not be loaded, and the reasons.
    pub fn unusable(&self) -> impl Iterator<Item = (&'p Transport, &TransportError)> {
        self.entries.iter().filter_map(|entry| {
            let error = entry.loaded.get()?.as_ref().err()?;
            Some((entry.options, error))
        })
    }

    /// The server that all recipient domains go to; `None`: there is none.
    pub fn relay(&self) -> Option<String> {
        let relay = self.entries.first()?.options.route.relay.as_ref()?;
        Some(format!("{}:{}", relay.host, relay.port))
    }

    /// True if all recipient domains go to one server.
    pub fn has_relay(&self) -> bool {
        let first = self.entries.first();
        first.is_some_and(|entry| entry.options.route.relay.is_some())
    }
}
