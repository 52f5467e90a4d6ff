//! The URL of a database: `postgres://USER@HOST:PORT/DATABASE?PARAMETER=VALUE&...`, with the parameters of libpq, and
//! those of the queue: `schema`, `lease` and `connections`.

use crate::client::credentials::SecretSource;
use crate::client::wire::tls::{TlsOptions, Trust};
use crate::queue::Database;
use crate::system::remedy::ErrorText;
use crate::system::time::parsed;
use crate::system::user::login;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Lease of a claim. It is renewed at a third of this time.
const LEASE: Duration = Duration::from_secs(120);

/// Minimum of a lease: a renewal must not be late because a host is busy.
const MIN_LEASE: Duration = Duration::from_secs(1);

/// Connections of one process, besides that for notifications.
const CONNECTIONS: usize = 4;

/// Time limit of one attempt to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// Time without traffic after which a peer is probed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Maximum length of a schema's name in PostgreSQL.
const MAX_NAME: usize = 63;

/// The settings of a store.
pub struct Settings {
    /// Without a password.
    pub config: Config,
    /// `None`: no TLS.
    pub tls: Option<TlsOptions>,
    /// The password file in the form of libpq; `None`: the one that libpq would use.
    pub passfile: Option<PathBuf>,
    /// The source that the configuration names.
    pub password: Option<SecretSource>,
    /// The schema of the tables.
    pub schema: String,
    pub lease: Duration,
    pub connections: usize,
    /// The URL without a password.
    pub shown: String,
}

impl Settings {
    /// Parses the URL. The error says what is wrong with it.
    pub fn of(database: &Database) -> Result<Self, ErrorText> {
        if database.has_password() {
            return Err(
                ErrorText::new("has a password in its URL, where other users can see it").with_advice(
                    "use password-file or password-command in [queue] of the configuration, PGPASSFILE or ~/.pgpass",
                ),
            );
        }
        let (base, query) = database
            .url()
            .split_once('?')
            .unwrap_or((database.url(), ""));
        let mut settings = Self {
            config: Config::new(),
            tls: None,
            passfile: None,
            password: database.password.clone(),
            schema: "ehlo".to_owned(),
            lease: LEASE,
            connections: CONNECTIONS,
            shown: database.to_string(),
        };
        let (mut passed, mut tls) = (Vec::new(), Tls::default());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = decoded(parameter)?;
            if key == "host" {
                // tokio-postgres takes the list that libpq knows for one path.
                passed.extend(
                    value
                        .split(',')
                        .map(|host| format!("host={}", encoded(host))),
                );
            } else if !settings.set(&key, &value)? && !tls.set(&key, &value)? {
                passed.push(parameter.to_owned());
            }
        }
        let url = format!("{base}?{}", passed.join("&"));
        settings.config = url.parse().map_err(|error: tokio_postgres::Error| {
            format!("has an invalid URL: {}", cause(&error))
        })?;
        settings.complete()?;
        settings.tls = tls.options(&settings.config)?;
        settings.config.ssl_mode(match settings.tls {
            Some(_) => SslMode::Require,
            None => SslMode::Disable,
        });
        Ok(settings)
    }

    /// Sets a parameter of the queue. Returns false if it is another one.
    fn set(&mut self, key: &str, value: &str) -> Result<bool, ErrorText> {
        match key {
            "schema" => {
                let is_name =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                if value.is_empty() || value.len() > MAX_NAME || !value.bytes().all(is_name) {
                    let text = format!("has an invalid schema {value:?} in its URL");
                    return Err(
                        ErrorText::new(text).with_advice("use lower case letters, digits and _")
                    );
                }
                value.clone_into(&mut self.schema);
            }
            "lease" => {
                let lease = parsed(value).filter(|lease| *lease >= MIN_LEASE);
                self.lease = lease.ok_or_else(|| {
                    ErrorText::new(format!("has an invalid lease {value:?} in its URL"))
                        .with_advice("an example is 2m")
                })?;
            }
            "connections" => {
                let number = value
                    .parse()
                    .ok()
                    .filter(|number| (1..=100).contains(number));
                self.connections = number.ok_or_else(|| {
                    let text = format!("has an invalid number of connections {value:?} in its URL");
                    ErrorText::new(text).with_advice("use 1 to 100")
                })?;
            }
            "passfile" => self.passfile = Some(value.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Sets what the URL leaves open.
    fn complete(&mut self) -> Result<(), ErrorText> {
        let config = &mut self.config;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(ErrorText::new("has no host in its URL")
                .with_advice("a socket is named by ?host=/run/postgresql"));
        }
        if config.get_user().is_none() {
            config.user(login());
        }
        if config.get_application_name().is_none() {
            config.application_name("ehlo");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.keepalives_idle(KEEPALIVE);
        Ok(())
    }
}

/// The parameters of TLS, with the names that libpq has.
#[derive(Default)]
struct Tls {
    mode: Option<Mode>,
    /// `None`: the CAs of the system.
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// The values of `sslmode` that are not a choice of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    /// Encrypted, but with any certificate.
    Require,
    VerifyFull,
}

impl Tls {
    fn set(&mut self, key: &str, value: &str) -> Result<bool, ErrorText> {
        match key {
            "sslmode" => {
                self.mode = Some(match value {
                    "disable" => Mode::Disable,
                    "require" => Mode::Require,
                    "verify-full" => Mode::VerifyFull,
                    _ => {
                        let text = format!("has the unsupported sslmode {value:?} in its URL");
                        return Err(
                            ErrorText::new(text).with_advice("use verify-full, require or disable")
                        );
                    }
                });
            }
            "sslrootcert" => self.root = (value != "system").then(|| value.into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// By default, a connection over the network is encrypted and verified.
    fn options(self, config: &Config) -> Result<Option<TlsOptions>, String> {
        let is_local = |host: &Host| matches!(host, Host::Unix(_));
        let is_local = config.get_hosts().iter().all(is_local) && config.get_hostaddrs().is_empty();
        let mode = self.mode.unwrap_or(if is_local {
            Mode::Disable
        } else {
            Mode::VerifyFull
        });
        if mode == Mode::Disable {
            return Ok(None);
        }
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("needs both sslcert and sslkey in its URL".to_owned()),
        };
        Ok(Some(TlsOptions {
            // As libpq does: with a file of CAs, `require` verifies the chain.
            trust: if mode == Mode::VerifyFull || self.root.is_some() {
                Trust::Verified
            } else {
                Trust::Any
            },
            ca_file: self.root,
            identity,
            ..TlsOptions::default()
        }))
    }
}

impl Settings {
    /// The first host.
    pub fn host(&self) -> String {
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.to_string_lossy().into_owned(),
            None => self
                .config
                .get_hostaddrs()
                .first()
                .map_or_else(String::new, ToString::to_string),
        }
    }

    /// The configuration of a connection with this password.
    pub fn with_password(&self, password: Option<&[u8]>) -> Config {
        let mut config = self.config.clone();
        if let Some(password) = password {
            config.password(password);
        }
        config
    }
}

/// A value as it is written in a URL.
fn encoded(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// Key and value of a parameter.
fn decoded(parameter: &str) -> Result<(String, String), String> {
    let pair = form_urlencoded::parse(parameter.as_bytes()).next();
    pair.map(|(key, value)| (key.into_owned(), value.into_owned()))
        .ok_or_else(|| "has an invalid URL".to_owned())
}

/// The innermost cause of an error.
pub fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Location;

    fn settings(url: &str) -> Settings {
        let Location::Database(database) = Location::from(PathBuf::from(url)) else {
            panic!("{url}")
        };
        Settings::of(&database).unwrap()
    }

    #[test]
    fn several_hosts_are_tried_in_order() {
        let unix = |path: &str| Host::Unix(path.into());
        let sockets = settings("postgres:///ehlo?host=/run/a%20b,/run/c&host=/run/d");
        let paths = [unix("/run/a b"), unix("/run/c"), unix("/run/d")];
        assert_eq!(sockets.config.get_hosts(), paths);
        let names = settings("postgres://a,b:5433/ehlo?sslmode=disable");
        let hosts = [Host::Tcp("a".into()), Host::Tcp("b".into())];
        assert_eq!(names.config.get_hosts(), hosts);
        assert_eq!(names.config.get_ports(), [5432, 5433]);
    }
}
