//! `ehlo policy`: shows, fetches and removes the MTA-STS policies of recipient domains.

pub(crate) mod args;

pub(crate) use args::PolicyCommandArgs;

use crate::cli::ExitStatus;
use crate::cli::terminal;
use crate::cli::terminal::{complain, print};
use crate::client::events::{Observer, Silent};
use crate::client::policy::{
    CacheError, Entry, Failure, FetchedPolicy, RefreshError, StsCache, StsLookup,
};
use crate::client::route::{RouteOptions, Router};
use crate::client::wire::tls::TlsOptions;
use crate::system::exit::Exit;
use crate::system::text::shown;
use crate::system::time::{brief, local, rfc3339, since};
use crate::transcript::TranscriptOptions;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::time::SystemTime;

/// The tasks of `ehlo policy`.
#[derive(Debug)]
pub enum Policy {
    List { json: bool },
    Show { domain: String, json: bool },
    Refresh(Box<RefreshOptions>),
    Forget { domains: Vec<String> },
}

#[derive(Debug)]
pub struct RefreshOptions {
    /// Empty: all domains in the cache.
    pub domains: Vec<String>,
    pub json: bool,
    pub verbose: bool,
    pub route: RouteOptions,
    pub tls: TlsOptions,
}

pub fn run(policy: &Policy) -> Exit {
    let done = match policy {
        Policy::List { json } => list(*json),
        Policy::Show { domain, json } => show(domain, *json),
        Policy::Refresh(options) => refresh(options),
        Policy::Forget { domains } => forget(domains),
    };
    done.unwrap_or_else(|error| {
        complain(&error.to_string());
        Exit::NoInput
    })
}

/// The cache, if there is one.
fn cache() -> Result<Option<StsCache>, CacheError> {
    StsCache::open(false)
}

/// The domains in the cache.
fn cached() -> Result<Vec<String>, CacheError> {
    cache()?.map_or(Ok(Vec::new()), |cache| cache.domains())
}

fn list(json: bool) -> Result<Exit, CacheError> {
    let now = SystemTime::now();
    let (mut entries, mut exit) = (Vec::new(), Exit::Ok);
    for domain in cached()? {
        match read(&domain) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            Err(error) => {
                complain(&error.to_string());
                exit = Exit::NoInput;
            }
        }
    }
    let printed = print(|out| {
        if json {
            return entries
                .iter()
                .try_for_each(|entry| writeln!(out, "{}", object(entry, now)));
        }
        table(&entries, now, out)
    });
    Ok(if printed == Exit::Ok { exit } else { printed })
}

fn read(domain: &str) -> Result<Option<Entry>, CacheError> {
    cache()?.map_or(Ok(None), |cache| cache.read(domain))
}

fn table(entries: &[Entry], now: SystemTime, out: &mut dyn Write) -> io::Result<()> {
    if entries.is_empty() {
        return writeln!(out, "No policies are cached.");
    }
    let width = entries
        .iter()
        .map(|entry| entry.domain.len())
        .max()
        .unwrap_or(0)
        .clamp(20, 40);
    writeln!(
        out,
        "{:width$}  {:7}  {:9}  ID",
        "DOMAIN", "MODE", "EXPIRES"
    )?;
    for entry in entries {
        let (mode, expires, id) = match &entry.policy {
            Some(policy) => (policy.text.mode.name(), expiry(policy, now), &*policy.id),
            None => ("-", "-".to_owned(), "-"),
        };
        writeln!(out, "{:width$}  {mode:7}  {expires:9}  {id}", entry.domain)?;
    }
    Ok(())
}

fn expiry(policy: &FetchedPolicy, now: SystemTime) -> String {
    if policy.is_usable(now) {
        brief(since(now, policy.expires()))
    } else {
        "expired".to_owned()
    }
}

fn show(domain: &str, json: bool) -> Result<Exit, CacheError> {
    let Some(entry) = read(domain)? else {
        complain(&format!(
            "no policy of {domain} is cached; to fetch it: ehlo policy refresh {domain}"
        ));
        return Ok(Exit::NoInput);
    };
    let now = SystemTime::now();
    Ok(print(|out| {
        if json {
            return writeln!(out, "{}", object(&entry, now));
        }
        describe(&entry, now, out)
    }))
}

fn describe(entry: &Entry, now: SystemTime, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "domain:   {}", entry.domain)?;
    if let Some(policy) = &entry.policy {
        let expired = if policy.is_usable(now) {
            ""
        } else {
            " (expired)"
        };
        writeln!(out, "mode:     {}", policy.text.mode.name())?;
        for pattern in &policy.text.patterns {
            writeln!(out, "mx:       {pattern}")?;
        }
        writeln!(out, "id:       {}", policy.id)?;
        writeln!(out, "fetched:  {}", local(policy.at))?;
        writeln!(out, "expires:  {}{expired}", local(policy.expires()))?;
    }
    if let Some(failure) = &entry.failure {
        let why = shown(&failure.why);
        writeln!(
            out,
            "failed:   {}, id {}: {why}",
            local(failure.at),
            failure.id
        )?;
    }
    Ok(())
}

/// An entry for programs.
fn object(entry: &Entry, now: SystemTime) -> Value {
    let mut object = json!({ "domain": entry.domain });
    if let Some(policy) = &entry.policy {
        object["mode"] = policy.text.mode.name().into();
        object["mx"] = policy.text.patterns.clone().into();
        object["id"] = (&*policy.id).into();
        object["max_age"] = policy.text.max_age.as_secs().into();
        object["fetched"] = rfc3339(policy.at).into();
        object["expires"] = rfc3339(policy.expires()).into();
        object["expired"] = (!policy.is_usable(now)).into();
    }
    if let Some(Failure { id, at, why }) = &entry.failure {
        object["failure"] = json!({ "id": id, "at": rfc3339(*at), "reason": why });
    }
    object
}

fn forget(domains: &[String]) -> Result<Exit, CacheError> {
    let cache = cache()?;
    let mut exit = Exit::Ok;
    for domain in domains {
        let is_removed = cache
            .as_ref()
            .map_or(Ok(false), |cache| cache.remove(domain))?;
        if !is_removed {
            complain(&format!("no policy of {domain} is cached"));
            exit = Exit::NoInput;
        }
    }
    Ok(exit)
}

fn refresh(options: &RefreshOptions) -> Result<Exit, CacheError> {
    let domains = if options.domains.is_empty() {
        cached()?
    } else {
        options.domains.clone()
    };
    let output = TranscriptOptions::verbose();
    let mut transcript = options.verbose.then(|| terminal::open(output)).flatten();
    let (router, lookup) = (
        Router::new(&options.route),
        StsLookup::new(&options.tls, None, None),
    );
    let mut exit = Exit::Ok;
    for domain in &domains {
        let mut silent = Silent;
        let observer: &mut dyn Observer = match &mut transcript {
            Some(transcript) => &mut **transcript,
            None => &mut silent,
        };
        let refreshed = lookup.refresh(domain, &router, observer);
        let done = match refreshed {
            Ok(entry) => report(&entry, options),
            Err(error) => missing(domain, &error, options)?,
        };
        exit = exit.max(done);
    }
    Ok(exit)
}

fn report(entry: &Entry, options: &RefreshOptions) -> Exit {
    let now = SystemTime::now();
    print(|out| match &entry.policy {
        _ if options.json => writeln!(out, "{}", object(entry, now)),
        Some(policy) => {
            let mode = policy.text.mode.name();
            writeln!(
                out,
                "{}: {mode}, id {}, valid until {}",
                entry.domain,
                policy.id,
                local(policy.expires())
            )
        }
        None => Ok(()),
    })
}

/// Reports that there is no policy. With all domains of the cache, a domain that has given up MTA-STS is forgotten
/// when its policy has expired.
fn missing(
    domain: &str,
    error: &RefreshError,
    options: &RefreshOptions,
) -> Result<Exit, CacheError> {
    let is_given_up = options.domains.is_empty() && matches!(error, RefreshError::NoRecord(_));
    if is_given_up {
        let policy = read(domain)?.and_then(|entry| entry.policy);
        if policy.is_none_or(|policy| !policy.is_usable(SystemTime::now()))
            && let Some(cache) = cache()?
        {
            cache.remove(domain)?;
        }
        return Ok(Exit::Ok);
    }
    if options.json {
        let object = json!({ "domain": domain, "error": error.to_string() });
        let printed = print(|out| writeln!(out, "{object}"));
        return Ok(error.exit().max(printed));
    }
    complain(&format!("{domain}: {error}"));
    Ok(error.exit())
}
