//! Opens the connection.

use crate::cli::standins::swaks::link::{Link, LinkKind};
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::plan::Plan;
use crate::cli::standins::swaks::printer::{Printer, Stop};
use crate::client::credentials;
use crate::client::events::Silent;
use crate::client::peer::PeerAddress;
use crate::client::route::{Host, Proxy, RouteError, RouteOptions, Router};
use crate::client::wire::{ConnectFailure, Terms, Wire, connect, connect_pipe};
use crate::system::secret::Login;
use crate::system::text::reason;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::env;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The exit status if there is no connection.
const NO_CONNECTION: u8 = 2;

/// Scripts start a server and swaks at the same time, and rely on the time that perl takes to start.
const MOMENT: Duration = Duration::from_secs(1);

/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest time limit of an attempt.
const LONGEST: Duration = Duration::from_secs(3600);

/// Connects, and says so. With several servers, the first one that answers becomes that of the plan.
pub fn open(plan: &mut Plan, program: &str, printer: &mut Printer) -> Result<Wire, Stop> {
    let others = std::mem::take(&mut plan.link.other_servers);
    let mut opened = open_one(plan, program, printer);
    for server in others {
        if opened.is_ok() {
            break;
        }
        plan.link.server = server;
        opened = open_one(plan, program, printer);
    }
    opened
}

fn open_one(plan: &Plan, program: &str, printer: &mut Printer) -> Result<Wire, Stop> {
    let link = &plan.link;
    let (place, tried) = match &link.kind {
        LinkKind::Inet => {
            let place = format!("{}:{}", link.server, link.port);
            (place.clone(), format!("Trying {place}..."))
        }
        LinkKind::Unix(path) => (path.clone(), format!("Trying {path}...")),
        LinkKind::Pipe(command) => (command.clone(), format!("Trying pipe to {command}...")),
    };
    printer.info(&tried);
    match connected(plan, program) {
        Ok(wire) => {
            let peer = match link.kind {
                LinkKind::Inet => &link.server,
                LinkKind::Unix(_) | LinkKind::Pipe(_) => &place,
            };
            printer.info(&format!("Connected to {peer}."));
            Ok(wire)
        }
        Err(why) => {
            let local = match link.local_interface.as_str() {
                "" => String::new(),
                local => format!(" {local}"),
            };
            let error = format!("Error connecting{local} to {place}:\n\t{why}");
            Err(printer.stop(NO_CONNECTION, &error))
        }
    }
}

fn connected(plan: &Plan, program: &str) -> Result<Wire, String> {
    let link = &plan.link;
    let (host, prefix) = match &link.kind {
        LinkKind::Inet => (inet_host(&link.server), ""),
        LinkKind::Unix(path) => (Host::Unix(octets::path(path)), "connect: "),
        LinkKind::Pipe(command) => {
            if let Some(error) = not_executable(command) {
                let why = reason(&error);
                // The line of open2 in swaks.
                return Err(format!(
                    "open2: exec of {command} failed: {why} at {program} line 185.\n"
                ));
            }
            let connected = connect_pipe(&octets::utf8(command));
            return connected.map_err(|error| reason(&error));
        }
    };
    let options = RouteOptions {
        family: link.family,
        proxy: plan.additions.proxy.clone(),
        ..RouteOptions::direct()
    };
    let router = Router::new(&options);
    let port = link.port.parse();
    let port = port.map_err(|_| format!("Invalid port {}", link.port))?;
    let addresses = router.addresses(&host, port, &mut Silent);
    let addresses = addresses.map_err(|error| no_address(&error))?;
    let account = plan.additions.proxy.as_ref().and_then(Proxy::account);
    let login = account.map(|account| credentials::find_for_proxy(&account, None));
    let login = login.transpose().map_err(|error| error.to_string())?;
    let terms = terms(link, login.as_ref())?;
    let connected = first_that_answers(&addresses, terms);
    connected.map_err(|why| format!("{prefix}{why}"))
}

/// Connects to the first address that answers. A server of this host that does not listen yet is given a moment.
fn first_that_answers(addresses: &[PeerAddress], terms: Terms<'_>) -> Result<Wire, String> {
    let deadline = Instant::now() + MOMENT;
    let is_local = addresses.iter().all(is_of_this_host);
    loop {
        let mut others = VecDeque::from(addresses.to_vec());
        let Some(first) = others.pop_front() else {
            return Err("Name or service not known".to_owned());
        };
        match connect(first, &mut others, terms, &mut Silent) {
            Ok(connection) => return Ok(connection.wire),
            Err(ConnectFailure::OutputFailed) => {
                return Err("the output cannot be written".to_owned());
            }
            Err(ConnectFailure::Failed { why, .. }) => {
                let may_begin = is_local && does_not_listen(&why) && Instant::now() < deadline;
                if !may_begin {
                    return Err(why);
                }
                thread::sleep(PAUSE);
            }
        }
    }
}

fn is_of_this_host(peer: &PeerAddress) -> bool {
    match peer {
        PeerAddress::Tcp(address) => address.ip().is_loopback(),
        PeerAddress::Unix(_) => true,
        PeerAddress::Proxied(_) | PeerAddress::Pipe(_) => false,
    }
}

/// True if nothing listens there.
fn does_not_listen(why: &str) -> bool {
    let errors = [Errno::CONNREFUSED, Errno::NOENT].map(io::Error::from);
    errors.iter().any(|error| reason(error) == why)
}

fn inet_host(server: &str) -> Host {
    match server.parse() {
        Ok(ip) => Host::Address(ip),
        Err(_) => Host::Relay(octets::utf8(server)),
    }
}

fn no_address(error: &RouteError) -> String {
    match error {
        RouteError::Address { why, .. } => of_resolver(why).to_owned(),
        other => other.to_string(),
    }
}

/// The words of the C library, without those of the standard library of Rust.
fn of_resolver(why: &str) -> &str {
    why.strip_prefix("failed to lookup address information: ")
        .unwrap_or(why)
}

fn terms<'l>(link: &Link, proxy_login: Option<&'l Login>) -> Result<Terms<'l>, String> {
    let local = link.local_interface.as_str();
    let source = match local {
        "" => None,
        local => Some(local_address(local)?),
    };
    let port = match link.local_port.as_str() {
        "" => Ok(0),
        port => port.parse().map_err(|_| format!("Invalid port {port}")),
    };
    Ok(Terms {
        source,
        source_port: port?,
        limit: match link.timeout {
            0 => LONGEST,
            seconds => Duration::from_secs(seconds).min(LONGEST),
        },
        proxy_login,
    })
}

fn local_address(name: &str) -> Result<IpAddr, String> {
    let addresses = (octets::utf8(name), 0).to_socket_addrs();
    let mut addresses = addresses.map_err(|error| of_resolver(&reason(&error)).to_owned())?;
    let first = addresses.next();
    Ok(first.ok_or("Name or service not known")?.ip())
}

/// The error of exec for a command that needs no shell. `None`: it can be run, or the shell decides.
fn not_executable(command: &str) -> Option<io::Error> {
    if command.contains(|character: char| "$&*(){}[]'\";\\|?<>~`\n".contains(character)) {
        return None;
    }
    let program = command.split_ascii_whitespace().next()?;
    let check = |path: &Path| access(path, Access::EXEC_OK);
    if program.contains('/') {
        return check(&octets::path(program)).err().map(io::Error::from);
    }
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|place| place.join(octets::path(program)));
    if places.any(|place| place.is_file() && check(&place).is_ok()) {
        None
    } else {
        Some(io::Error::from(Errno::NOENT))
    }
}
