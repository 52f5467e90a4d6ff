//! Transports, regardless of the message: from a profile, from the command line, or from both.

use crate::cli::config::args as config;
use crate::cli::options::profile::{Added, CommandLineArgs};
use crate::cli::options::usage_error::UsageError;
use crate::cli::options::{auth, extensions, route, session, testing as bench, tls};
use crate::cli::parse::{Cli, Rare, configuration};
use crate::client::credentials;
use crate::client::session::{Protocol, TlsDemand};
use crate::client::transport::Transport;
use crate::client::wire::tls::Trust;
use crate::config::{Config, Places, Profile};

/// A transport with its fallbacks.
pub struct RoutePlan {
    pub(crate) transport: Transport,
    pub(crate) fallbacks: Vec<Transport>,
}

impl From<Transport> for RoutePlan {
    fn from(transport: Transport) -> Self {
        Self {
            transport,
            fallbacks: Vec::new(),
        }
    }
}

/// The route plan of a profile and the command line, without a message.
pub(crate) fn itinerary(
    config: &Config,
    profile: &Profile,
    typed: &mut CommandLineArgs<'_>,
) -> Result<RoutePlan, UsageError> {
    let added = typed.with(config, profile)?;
    let cli = added.cli(typed)?;
    let transport = way_as(config, profile, cli, &added)?;
    let fallbacks = fallbacks(config, profile, typed, &transport)?;
    Ok(RoutePlan {
        transport,
        fallbacks,
    })
}

/// The transports of the fallback profiles, tried in order on temporary failure.
pub(crate) fn fallbacks(
    config: &Config,
    profile: &Profile,
    typed: &mut CommandLineArgs<'_>,
    first: &Transport,
) -> Result<Vec<Transport>, UsageError> {
    if typed.names_server() {
        return Ok(Vec::new());
    }
    let others = config.fallbacks(profile).into_iter().map(|other| {
        let own = way_alone(config, other, typed)?;
        let added = typed.with(config, other)?;
        let with_all = way_as(config, other, added.cli(typed)?, &added)?;
        Ok(fallback(own, with_all, first.credentials.as_ref()))
    });
    others.collect()
}

/// The transport of a profile, for a command other than the sending one.
pub(crate) fn way_of(
    arguments: &config::Args,
    typed: &mut CommandLineArgs<'_>,
    places: &Places,
) -> Result<Transport, UsageError> {
    let config = configuration(arguments, typed, places)?;
    let chosen = config
        .as_ref()
        .map(|config| config.choose(arguments.profile.as_deref(), None))
        .transpose()?;
    let Some((config, profile)) = config.as_ref().zip(chosen.flatten()) else {
        return Err(UsageError::usage("there is no such profile"));
    };
    way_alone(config, profile, typed)
}

pub(crate) fn way_alone(
    config: &Config,
    profile: &Profile,
    typed: &mut CommandLineArgs<'_>,
) -> Result<Transport, UsageError> {
    let own = typed.alone(config, profile)?;
    let cli = Cli::of(&own.matches).map_err(|error| UsageError::clap(&error))?;
    way_as(config, profile, cli, &own)
}

/// The transport of arguments from a profile.
pub(crate) fn way_as(
    config: &Config,
    profile: &Profile,
    cli: Cli,
    added: &Added,
) -> Result<Transport, UsageError> {
    let mut transport = way_of_options(cli).map_err(|wrong| added.blame(wrong, config))?;
    name(&mut transport, profile);
    Ok(transport)
}

/// Records the profile that the transport belongs to.
pub(crate) fn name(transport: &mut Transport, profile: &Profile) {
    let name = profile.name().to_owned();
    if let Some(credentials) = &mut transport.credentials {
        credentials.profile = Some(name.clone());
    }
    transport.profile = Some(name);
}

/// A fallback transport. Its route, trust and login come from its own profile alone: those of the command
/// line apply to the first transport.
pub(crate) fn fallback(
    own: Transport,
    with_all: Transport,
    first: Option<&credentials::CredentialsOptions>,
) -> Transport {
    let mut route = own.route;
    route.family = with_all.route.family;
    route.bind = with_all.route.bind;
    route.dns = with_all.route.dns;
    let session = crate::client::session::Options {
        tls: own.session.tls,
        mechanisms: own.session.mechanisms,
        password_in_clear: own.session.password_in_clear,
        ..with_all.session
    };
    let first_user = first.map(|login| &login.user);
    let credentials = own
        .credentials
        .map(|login| credentials::CredentialsOptions {
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

/// The transport that the options describe, regardless of the message.
pub(crate) fn way_of_options(cli: Cli) -> Result<Transport, UsageError> {
    let road = TransportArgs {
        route: cli.route,
        session: cli.session,
        tls: cli.tls,
        auth: cli.auth,
        rare: cli.rare,
    };
    let transport = road.transport()?;
    auth::check_relay(transport.credentials.as_ref(), &transport.route)?;
    Ok(transport)
}

/// All options of a transport.
pub(crate) struct TransportArgs {
    pub(crate) route: route::Args,
    pub(crate) session: session::Args,
    pub(crate) tls: tls::Args,
    pub(crate) auth: auth::Args,
    pub(crate) rare: Rare,
}

impl TransportArgs {
    pub(crate) fn transport(self) -> Result<Transport, UsageError> {
        let Rare { extensions, bench } = self.rare;
        let mut options = self.session.options();
        if bench.is_lmtp() {
            options.protocol = Protocol::Lmtp;
        }
        let mut transport = transport(self.route, options, self.tls, self.auth)?;
        extensions.apply(&mut transport.session)?;
        bench.apply(&mut transport.session)?;
        check_ends(&transport, &extensions)?;
        Ok(transport)
    }
}

/// Checks the options that require a server named with --relay: --lmtp and --require-tls.
pub(crate) fn check_ends(
    transport: &Transport,
    extensions: &extensions::Args,
) -> Result<(), UsageError> {
    if transport.route.relay.is_some() {
        return if extensions.demands_tls() {
            check_privacy(transport)
        } else {
            Ok(())
        };
    }
    if transport.session.protocol == Protocol::Lmtp {
        return Err(UsageError::usage(
            "--lmtp is no protocol between hosts of different people (RFC 2033); name the server with --relay",
        ));
    }
    if extensions.demands_tls() {
        return Err(UsageError::usage(
            "--require-tls wants a server whose name is known for sure, and an MX record is not; name it \
             with --relay, or say --require-tls=?",
        ));
    }
    Ok(())
}

fn check_privacy(transport: &Transport) -> Result<(), UsageError> {
    let other = match (transport.session.tls, transport.tls.trust) {
        (TlsDemand::Off, _) => "--tls off, the default for a unix socket",
        (TlsDemand::Opportunistic, _) => "--pipe without --tls-name",
        (_, Trust::Any) => "--insecure",
        _ => return Ok(()),
    };
    Err(UsageError::usage(format!(
        "--require-tls contradicts {other}; leave one of them out"
    )))
}

/// Route, session, encryption and login, including their dependencies.
pub(crate) fn transport(
    route: route::Args,
    mut session: crate::client::session::Options,
    tls: tls::Args,
    auth: auth::Args,
) -> Result<Transport, UsageError> {
    let usual = match session.protocol {
        // RFC 2033 §5: LMTP must not be used on the SMTP port.
        Protocol::Lmtp => bench::LMTP_PORT,
        Protocol::Smtp => tls.usual_port(),
    };
    let route = route.options(&session, usual)?;
    let (encryption, tls) = tls.options(&route)?;
    session.tls = encryption;
    let credentials = auth.options(&mut session)?;
    Ok(Transport {
        profile: None,
        route,
        session,
        tls,
        credentials,
    })
}
