//! What must be at hand before a way is taken: keys, trust, and the password.

use crate::credentials::{self, CredentialsError};
use crate::deliver;
use crate::exit::Exit;
use crate::plan;
use crate::route::Router;
use crate::secret::Login;
use crate::wire::{Tls, TlsSetupError};

/// A way with all that it needs. Nothing was connected for it yet.
pub struct Ready<'p> {
    plan: &'p plan::Way,
    router: Router<'p>,
    tls: Tls,
    login: Option<Login>,
}

/// What is missing.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// Keys and certificates.
    #[error("{0}")]
    Tls(#[from] TlsSetupError),
    /// The password.
    #[error("{0}")]
    Credentials(#[from] CredentialsError),
}

impl Unready {
    /// The exit status for it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Tls(error) => error.exit(),
            Self::Credentials(error) => error.exit(),
        }
    }
}

impl<'p> Ready<'p> {
    /// Reads the files, and finds or asks for the password: a server would not wait for it.
    pub fn of(plan: &'p plan::Way) -> Result<Self, Unready> {
        let tls = Tls::new(&plan.tls)?;
        let relay = plan.route.relay.as_ref();
        let host = relay.map_or_else(String::new, |relay| relay.host.name());
        let wanted = plan.credentials.as_ref();
        let login = wanted
            .map(|wanted| credentials::find(wanted, &host))
            .transpose()?;
        Ok(Self {
            plan,
            router: Router::new(&plan.route),
            tls,
            login,
        })
    }

    /// The way, for delivering.
    pub fn way(&self) -> deliver::Way<'_> {
        deliver::Way {
            router: &self.router,
            session: &self.plan.session,
            tls: &self.tls,
            login: self.login.as_ref(),
        }
    }
}
