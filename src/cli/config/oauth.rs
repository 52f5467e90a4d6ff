//! The keys of a new profile that logs in by OAuth.

use crate::cli::options::oauth::{provider, tenant};
use crate::cli::options::value;
use crate::client::credentials::oauth::Provider;
use std::path::PathBuf;

/// Keys of a profile, with their values.
pub type OAuthKeys = Vec<(&'static str, String)>;

/// Options of `ehlo config init` for a login by OAuth.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Log in with OAuth at google, microsoft, or the provider with this URL.
    ///
    /// The application must be registered at the provider, see ehlo-providers(7). `ehlo login` logs in afterwards.
    #[arg(long, value_name = "PROVIDER", value_parser = provider, requires = "oauth_client_id",
          conflicts_with_all = ["password_command", "password_file", "oauth_token_command"])]
    oauth: Option<Provider>,

    /// Client ID of the registered application.
    #[arg(long, value_name = "ID", value_parser = value::line, requires = "oauth")]
    oauth_client_id: Option<String>,

    /// File with the client secret, which Google requires.
    #[arg(long, value_name = "FILE", requires = "oauth")]
    oauth_client_secret_file: Option<PathBuf>,

    /// Microsoft's tenant.
    #[arg(long, value_name = "TENANT", value_parser = tenant, requires = "oauth")]
    oauth_tenant: Option<String>,
}

impl Args {
    /// The keys, if the profile logs in by OAuth.
    pub fn keys(&self) -> Option<OAuthKeys> {
        let provider = self.oauth.as_ref()?;
        let path = self.oauth_client_secret_file.as_ref();
        let secret = path.map(|path| path.to_string_lossy().into_owned());
        Some(keys(
            provider,
            [&self.oauth_client_id, &secret, &self.oauth_tenant].map(Clone::clone),
        ))
    }
}

/// The keys of an account: its client ID, the file with the client secret, and the tenant.
pub fn keys(provider: &Provider, [id, secret, tenant]: [Option<String>; 3]) -> OAuthKeys {
    // A relative path would depend on the current directory of later runs.
    let secret = secret.map(|path| {
        let full = std::path::absolute(&path).ok();
        let full = full.filter(|_| !path.starts_with(['~', '$', '/']));
        full.map_or(path, |full| full.to_string_lossy().into_owned())
    });
    let all = [
        Some(("oauth", provider.to_string())),
        id.map(|id| ("oauth-client-id", id)),
        secret.map(|path| ("oauth-client-secret-file", path)),
        tenant.map(|tenant| ("oauth-tenant", tenant)),
    ];
    all.into_iter().flatten().collect()
}
