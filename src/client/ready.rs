//! A transport with its keys, trust and password loaded.

use crate::client::credentials;
use crate::client::credentials::CredentialsError;
use crate::client::deliver;
use crate::client::deliver::ConnectionPool;
use crate::client::route::Router;
use crate::client::transport;
use crate::client::wire::{Tls, TlsSetupError};
use crate::system::exit::Exit;
use crate::system::secret::Login;
use crate::system::stop::Stop;

/// A transport with everything that it needs loaded. No connection has been opened.
pub struct LoadedTransport<'p> {
    plan: &'p transport::Transport,
    tls: Tls,
    login: Option<Login>,
}

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("{0}")]
    Tls(#[from] TlsSetupError),
    #[error("{0}")]
    Credentials(#[from] CredentialsError),
}

impl TransportError {
    /// The exit status for this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Tls(error) => error.exit(),
            Self::Credentials(error) => error.exit(),
        }
    }
}

impl<'p> LoadedTransport<'p> {
    /// Reads the files, and finds or prompts for the password before connecting, because a server would time
    /// out.
    pub fn of(plan: &'p transport::Transport) -> Result<Self, TransportError> {
        Self::unless_stopped(plan, None)
    }

    /// The same; a command that is to print the password is killed when `stop` is set.
    pub fn unless_stopped(
        plan: &'p transport::Transport,
        stop: Option<&Stop>,
    ) -> Result<Self, TransportError> {
        let tls = Tls::new(&plan.tls)?;
        let relay = plan.route.relay.as_ref();
        let host = relay.map_or_else(String::new, |relay| relay.host.name());
        let wanted = plan.credentials.as_ref();
        let login = wanted
            .map(|wanted| credentials::find(wanted, &host, stop))
            .transpose()?;
        Ok(Self { plan, tls, login })
    }

    /// Reads the files. `None` for `login`: no AUTH.
    pub fn with(
        plan: &'p transport::Transport,
        login: Option<Login>,
    ) -> Result<Self, TlsSetupError> {
        let tls = Tls::new(&plan.tls)?;
        Ok(Self { plan, tls, login })
    }

    #[must_use]
    pub fn plan(&self) -> &'p transport::Transport {
        self.plan
    }

    #[must_use]
    pub fn router(&self) -> Router<'p> {
        Router::new(&self.plan.route)
    }

    /// The transport, opened for delivery.
    #[must_use]
    pub fn transport<'a>(
        &'a self,
        router: &'a Router<'a>,
        connections: Option<&'a ConnectionPool<'a>>,
    ) -> deliver::OpenTransport<'a> {
        deliver::OpenTransport {
            router,
            session: &self.plan.session,
            tls: &self.tls,
            login: self.login.as_ref(),
            connections,
        }
    }
}
