//! Route plans: the transports of a profile and a command line, how the queue stores them, and how it finds them again.

use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::{DeliverySettings, QueueArgs, Uncertain, settings};
use crate::cli::options::profile::MergedArgs;
use crate::cli::options::stored_value::shell_command;
use crate::cli::options::usage_error::{UsageError, first};
use crate::cli::options::{config, crypt, dkim};
use crate::cli::send::args::{self, ParsedWords, SendArgs};
use crate::client::credentials::CredentialsOptions;
use crate::client::session;
use crate::client::transport::Transport;
use crate::config::{Config, Places, Profile, find};
use crate::mail::dkim::Signer;
use crate::queue::store::{OnUncertain, RouteSpec, system_queue};
use crate::queue::submit::socket;
use crate::queue::{FirstTry, Location, QueueOptions, QueueUse, StoredRoutes};
use std::ffi::OsString;
use std::mem;
use std::path::{Path, PathBuf};

/// A transport with its fallbacks, tried in order on temporary failure.
pub struct RoutePlan {
    pub(crate) transport: Transport,
    pub(crate) fallbacks: Vec<Transport>,
}

impl RoutePlan {
    /// The route plan of a profile and the command line, without a message.
    fn of(
        config: &Config,
        profile: &Profile,
        command_line: &mut CommandLineArgs<'_>,
    ) -> Result<Self, UsageError> {
        let merged = command_line.merge(config, profile)?;
        let args = merged.send_args(command_line)?;
        let transport = named_transport(config, profile, args, &merged)?;
        Ok(Self {
            fallbacks: fallbacks(config, profile, command_line, &transport)?,
            transport,
        })
    }
}

/// The transports of the fallback profiles.
pub(crate) fn fallbacks(
    config: &Config,
    profile: &Profile,
    command_line: &mut CommandLineArgs<'_>,
    first: &Transport,
) -> Result<Vec<Transport>, UsageError> {
    if command_line.names_server() {
        return Ok(Vec::new());
    }
    let others = config.fallbacks(profile).into_iter().map(|other| {
        let own = profile_transport(config, other, command_line)?;
        let merged = command_line.merge(config, other)?;
        let args = merged.send_args(command_line)?;
        let merged = named_transport(config, other, args, &merged)?;
        Ok(fallback(own, merged, first.credentials.as_ref()))
    });
    others.collect()
}

/// The transport of a profile by itself.
pub(crate) fn profile_transport(
    config: &Config,
    profile: &Profile,
    command_line: &mut CommandLineArgs<'_>,
) -> Result<Transport, UsageError> {
    let own = command_line.profile_alone(config, profile)?;
    let args = SendArgs::of(&own.matches).map_err(|error| UsageError::clap(&error))?;
    named_transport(config, profile, args, &own)
}

/// The transport of arguments to which a profile was added.
fn named_transport(
    config: &Config,
    profile: &Profile,
    args: SendArgs,
    merged: &MergedArgs,
) -> Result<Transport, UsageError> {
    let transport = args.transport();
    let mut transport = transport.map_err(|error| merged.locate(error, config))?;
    set_profile(&mut transport, profile);
    Ok(transport)
}

/// Records the profile that the transport belongs to.
pub(crate) fn set_profile(transport: &mut Transport, profile: &Profile) {
    let name = profile.name().to_owned();
    if let Some(credentials) = &mut transport.credentials {
        credentials.profile = Some(name.clone());
    }
    transport.profile = Some(name);
}

/// A fallback transport. Its route, trust and login come from its own profile alone: those of the command
/// line apply to the first transport.
fn fallback(own: Transport, merged: Transport, first: Option<&CredentialsOptions>) -> Transport {
    let mut route = own.route;
    route.family = merged.route.family;
    route.bind = merged.route.bind;
    route.dns = merged.route.dns;
    route.proxy = merged.route.proxy;
    let session = session::Options {
        tls: own.session.tls,
        mechanisms: own.session.mechanisms,
        login_if_offered: own.session.login_if_offered,
        password_in_clear: own.session.password_in_clear,
        ..merged.session
    };
    let first_user = first.map(|login| &login.user);
    let credentials = own.credentials.map(|login| CredentialsOptions {
        // A password without a name belongs to the first transport.
        nameless: first_user == Some(&login.user),
        ..login
    });
    Transport {
        route,
        session,
        credentials,
        ..own
    }
}

/// Resolves the stored routes of queued messages. It reads the configuration each time, so that a changed profile
/// applies to them.
#[derive(Debug)]
pub struct RouteFinder {
    /// The configuration of routes that are stored without one: those of a queue that hosts share. `None`: the
    /// default one.
    pub config: Option<PathBuf>,
}

impl StoredRoutes for RouteFinder {
    fn find(&self, route_spec: &RouteSpec) -> Result<Vec<Transport>, String> {
        let plan = with_options(&route_spec.options, |mut route| match &route_spec.profile {
            Some(name) => {
                let path = route_spec.config.as_ref().or(self.config.as_ref());
                of_profile(path.map(PathBuf::as_path), name, &mut route.command_line)
            }
            None => route.without_profile(),
        });
        let RoutePlan {
            transport,
            fallbacks,
        } = plan.map_err(|error| error.text)?;
        let mut transports = vec![transport];
        transports.extend(fallbacks);
        for credentials in transports
            .iter_mut()
            .filter_map(|transport| transport.credentials.as_mut())
        {
            // A queue has messages for many relays, and a password without a name belongs to none of them.
            credentials.nameless = false;
        }
        Ok(transports)
    }
}

/// The route of a profile in this configuration; `None`: in the default one.
fn of_profile(
    path: Option<&Path>,
    name: &str,
    command_line: &mut CommandLineArgs<'_>,
) -> Result<RoutePlan, UsageError> {
    let places = match path {
        Some(_) => Places::nowhere(),
        None => Places::of_this_process(),
    };
    let found = find(path, &places)?;
    let config = found.map(|found| found.read(&command_line.keys()));
    let Some(config) = config.transpose().map_err(|errors| first(&errors))? else {
        return Err(UsageError::usage(format!(
            "profile {name}: there is no configuration file"
        )));
    };
    RoutePlan::of(&config, config.profile(name)?, command_line)
}

/// The profile of a command that takes its whole route from it, given to `read` with the transport of sending.
///
/// `beside` has the names of the options that may stand beside `--profile`.
pub fn of_whole_profile<T>(
    config: &config::Args,
    (command_line, beside): (CommandLineArgs<'_>, &[&str]),
    places: &Places,
    read: impl FnOnce(&Config, &Profile, Transport) -> Result<T, UsageError>,
) -> Result<T, UsageError> {
    if let Some(option) = command_line.other_than(beside) {
        return Err(UsageError::usage(format!(
            "{option} conflicts with --profile, which defines the whole route; omit one of them"
        )));
    }
    let mut command_line = command_line.of_sending();
    let found = config.read(|| command_line.keys(), places)?;
    let chosen = found
        .as_ref()
        .map(|found| found.choose(config.profile.as_deref(), None));
    let Some((found, profile)) = found.as_ref().zip(chosen.transpose()?.flatten()) else {
        return Err(UsageError::usage("unknown profile"));
    };
    let transport = profile_transport(found, profile, &mut command_line)?;
    read(found, profile, transport)
}

/// A command line with options of a transport and of the queue, and nothing else.
pub struct RouteArgs<'a> {
    args: SendArgs,
    pub command_line: CommandLineArgs<'a>,
    missing: Option<clap::Error>,
}

/// The transports of messages and the settings of their delivery.
pub struct ResolvedRoute {
    pub plan: RoutePlan,
    pub route_spec: RouteSpec,
    pub queue: QueueArgs,
    /// The options of DKIM signatures in the profile.
    pub dkim: dkim::Args,
    /// The options of end-to-end signatures and encryption in the profile.
    pub crypt: crypt::Args,
    pub settings: DeliverySettings,
}

impl RouteArgs<'_> {
    /// Resolves the route with this profile, or without one.
    pub fn resolve(
        mut self,
        chosen: Option<(&Config, &Profile)>,
        settings: DeliverySettings,
    ) -> Result<ResolvedRoute, UsageError> {
        let Some((config, profile)) = chosen else {
            return Ok(ResolvedRoute {
                route_spec: self.command_line.route_spec(None)?,
                queue: mem::take(&mut self.args.queue),
                dkim: self.args.message.take_dkim(),
                crypt: self.args.message.take_crypt(),
                plan: self.without_profile()?,
                settings,
            });
        };
        let command_line = &mut self.command_line;
        let plan = RoutePlan::of(config, profile, command_line)?;
        let merged = command_line.merge(config, profile)?;
        let mut args = merged.send_args(command_line)?;
        Ok(ResolvedRoute {
            plan,
            route_spec: command_line.route_spec(chosen)?,
            dkim: args.message.take_dkim(),
            crypt: args.message.take_crypt(),
            queue: args.queue,
            settings,
        })
    }

    fn without_profile(self) -> Result<RoutePlan, UsageError> {
        match self.missing {
            Some(error) => Err(UsageError::clap(&error)),
            None => Ok(RoutePlan {
                transport: self.args.transport()?,
                fallbacks: Vec::new(),
            }),
        }
    }
}

/// Parses the options of a route. The memory is freed afterwards, because a process can watch the queue for months.
pub fn with_options<T>(
    options: &[String],
    then: impl FnOnce(RouteArgs<'_>) -> Result<T, UsageError>,
) -> Result<T, UsageError> {
    let mut words = ["ehlo", "postmaster@localhost"]
        .map(OsString::from)
        .to_vec();
    words.splice(1..1, options.iter().map(OsString::from));
    let parsed = args::parse(args::command, args::command, &words)
        .map_err(|error| UsageError::clap(&error))?;
    let ParsedWords {
        mut command,
        matches,
        missing,
    } = parsed;
    then(RouteArgs {
        args: SendArgs::of(&matches).map_err(|error| UsageError::clap(&error))?,
        command_line: CommandLineArgs::new(&mut command, &words, &matches),
        missing,
    })
}

/// Options that have no effect unless the message is queued.
const ONLY_QUEUED: [(&str, &str); 3] = [
    ("queue_dir", "--queue-dir"),
    ("on_uncertain", "--on-uncertain"),
    ("on_failure", "--on-failure"),
];

/// A message that is queued: the parts that are not settings.
pub struct QueuedMessageOptions {
    pub route_spec: RouteSpec,
    /// The configuration named on the command line.
    pub config: Option<PathBuf>,
    pub first: FirstTry,
    /// True if the command line names the profile.
    pub names_profile: bool,
}

impl QueueArgs {
    /// The queue of the sending command; `None`: the message is not queued.
    pub fn of_sending(
        self,
        command_line: &CommandLineArgs<'_>,
        config: Option<&Config>,
        profile: Option<&Profile>,
    ) -> Result<Option<QueueUse>, UsageError> {
        let first = match (self.queue, self.queue_only) {
            (true, _) => FirstTry::Now,
            (_, true) => FirstTry::Later,
            _ => {
                // A profile may have them for messages that are queued.
                let useless = ONLY_QUEUED.iter().find(|(id, _)| command_line.has(id));
                return match useless {
                    None => Ok(None),
                    Some((_, option)) => Err(UsageError::usage(format!(
                        "{option} requires --queue or --queue-only"
                    ))),
                };
            }
        };
        let options = QueuedMessageOptions {
            route_spec: command_line.route_spec(config.zip(profile))?,
            config: command_line.config(),
            first,
            names_profile: command_line.has("profile"),
        };
        Ok(Some(self.queue_use(settings(config)?, options)))
    }

    /// The queue of a message. The options take precedence over the settings.
    pub fn queue_use(self, settings: DeliverySettings, options: QueuedMessageOptions) -> QueueUse {
        let socket = self.socket(&settings, &options);
        let on_uncertain = self.on_uncertain.map(|action| match action {
            Uncertain::Retry => OnUncertain::Retry,
            Uncertain::Hold => OnUncertain::Hold,
        });
        // Without a current directory, the command is stored unchanged.
        let on_failure = self.on_failure.map(|command| {
            let stored = shell_command("--on-failure", &command);
            stored.unwrap_or(command)
        });
        QueueUse {
            socket,
            route_spec: options.route_spec,
            on_uncertain: on_uncertain.unwrap_or(settings.on_uncertain),
            on_failure: on_failure.or_else(|| settings.on_failure.clone()),
            queue: queue_options(self.queue_dir, options.config, settings),
            first: options.first,
        }
    }
}

impl QueueArgs {
    /// The submission socket, for a message that goes the way of the host: no option selects another queue, route or
    /// configuration. A socket that the environment or a configuration names is used with any configuration.
    fn socket(
        &self,
        settings: &DeliverySettings,
        options: &QueuedMessageOptions,
    ) -> Option<PathBuf> {
        let has_own_route = options.names_profile || !options.route_spec.options.is_empty();
        if has_own_route || self.queue_dir.is_some() {
            return None;
        }
        let named = socket::of_environment().or_else(|| settings.submit.socket.clone());
        let is_of_host = settings.is_of_host && options.config.is_none();
        if named.is_none() && !is_of_host {
            return None;
        }
        let queue = settings.directory.as_deref().unwrap_or(system_queue());
        socket::to_use(named.as_deref(), is_of_host.then_some(queue))
    }
}

/// Replaces a route by the submission socket, if that is used.
pub fn through_socket(
    queueing: &mut QueueUse,
    transport: &mut Transport,
    fallbacks: &mut Vec<Transport>,
) -> Result<(), UsageError> {
    let Some(socket) = &queueing.socket else {
        return Ok(());
    };
    let relay = format!("--relay=unix:{}", socket.display());
    let route = with_options(&[relay], |route| {
        route.resolve(None, DeliverySettings::default())
    })?;
    *transport = route.plan.transport;
    fallbacks.clear();
    queueing.route_spec = route.route_spec;
    Ok(())
}

/// A queue with its settings, in this directory or at this URL, which finds the routes of its messages by the
/// configuration.
pub fn queue_options(
    directory: Option<PathBuf>,
    config: Option<PathBuf>,
    settings: DeliverySettings,
) -> QueueOptions {
    // A later run may have another current directory.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let mut location = directory.or(settings.directory).map(Location::from);
    if let Some(Location::Database(database)) = &mut location {
        database.password = settings.database_password;
    }
    let config = config.map(absolute);
    QueueOptions {
        location,
        config: config.clone(),
        settings: settings.queue,
        log: settings.log,
        signer: Signer::default().or_keys(&settings.dkim),
        transports: Box::new(RouteFinder { config }),
    }
}

#[cfg(test)]
mod tests;
