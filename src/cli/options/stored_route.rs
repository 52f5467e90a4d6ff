//! Ways by themselves, without a message: those of what waits in the queue, found again.

use crate::cli::options::profile::CommandLineArgs;
use crate::cli::options::settings::ProfileSettings;
use crate::cli::options::transport::{RoutePlan, itinerary, way_of_options};
use crate::cli::options::usage_error::{UsageError, first};
use crate::cli::parse::{Cli, MatchedWords, read};
use crate::cli::queue::args as queue;
use crate::client::transport::Transport;
use crate::config::{Config, Places, Profile, find};
use crate::queue::options::StoredRoutes;
use crate::queue::store::RouteSpec;
use clap::CommandFactory as _;
use std::ffi::OsString;
use std::mem;
use std::path::Path;

/// Reads the configuration each time: what waits in the queue goes the way that its profile says now.
#[derive(Debug)]
pub struct RouteFinder;

impl StoredRoutes for RouteFinder {
    fn find(&self, route_spec: &RouteSpec) -> Result<Vec<Transport>, String> {
        let chosen = route_spec
            .config
            .as_deref()
            .zip(route_spec.profile.as_deref());
        let found = with_options(&route_spec.options, |mut bare| match chosen {
            Some((path, name)) => of_profile(path, name, &mut bare.typed),
            None => bare.transport().map(RoutePlan::from),
        });
        let RoutePlan {
            transport,
            fallbacks,
        } = found.map_err(|wrong| wrong.text)?;
        let transports = std::iter::once(transport).chain(fallbacks);
        Ok(transports.map(with_names_only).collect())
    }
}

/// A queue has messages for many relays, and a password that names nobody is for one that nobody named.
fn with_names_only(mut transport: Transport) -> Transport {
    if let Some(credentials) = &mut transport.credentials {
        credentials.nameless = false;
    }
    transport
}

fn of_profile(
    path: &Path,
    name: &str,
    typed: &mut CommandLineArgs<'_>,
) -> Result<RoutePlan, UsageError> {
    let found = find(Some(path), &Places::nowhere())?;
    let config = found.map(|found| found.read(&typed.keys()));
    let Some(config) = config.transpose().map_err(|errors| first(&errors))? else {
        return Err(UsageError::usage(format!(
            "profile {name} has no configuration"
        )));
    };
    itinerary(&config, config.profile(name)?, typed)
}

/// A command line that says a way, or a part of it, and nothing else.
pub struct RouteOnly<'a> {
    pub cli: Cli,
    pub typed: CommandLineArgs<'a>,
    missing: Option<clap::Error>,
}

/// How messages leave, and by which rules.
pub struct ResolvedRoute {
    pub itinerary: RoutePlan,
    pub route_spec: RouteSpec,
    /// What is said of the queue.
    pub queue: queue::Args,
    pub settings: ProfileSettings,
}

impl RouteOnly<'_> {
    /// How messages leave by this profile, or without one.
    pub fn found(
        mut self,
        chosen: Option<(&Config, &Profile)>,
        settings: ProfileSettings,
    ) -> Result<ResolvedRoute, UsageError> {
        let Some((config, profile)) = chosen else {
            return Ok(ResolvedRoute {
                route_spec: self.typed.route_spec(None)?,
                queue: mem::take(&mut self.cli.queue),
                itinerary: self.transport()?.into(),
                settings,
            });
        };
        let typed = &mut self.typed;
        Ok(ResolvedRoute {
            itinerary: itinerary(config, profile, typed)?,
            route_spec: typed.route_spec(Some((config, profile)))?,
            queue: typed.with(config, profile)?.cli(typed)?.queue,
            settings,
        })
    }

    /// The way that no profile adds to.
    pub fn transport(self) -> Result<Transport, UsageError> {
        match self.missing {
            Some(error) => Err(UsageError::clap(&error)),
            None => way_of_options(self.cli),
        }
    }
}

/// Reads options about a way. Nothing of it is left behind: a queue is watched for a long time.
pub fn with_options<T>(
    options: &[String],
    then: impl FnOnce(RouteOnly<'_>) -> Result<T, UsageError>,
) -> Result<T, UsageError> {
    let ends = ["ehlo", "postmaster@localhost"].map(OsString::from);
    let mut words = ends.to_vec();
    words.splice(1..1, options.iter().map(OsString::from));
    let mut command = Cli::command();
    let read = read(&mut command, &words).map_err(|error| UsageError::clap(&error))?;
    let MatchedWords { matches, missing } = read;
    let cli = Cli::of(&matches).map_err(|error| UsageError::clap(&error))?;
    then(RouteOnly {
        cli,
        typed: CommandLineArgs::new(&mut command, &words, &matches)
            .part_of(crate::cli::parse::whole),
        missing,
    })
}

#[cfg(test)]
mod tests;
