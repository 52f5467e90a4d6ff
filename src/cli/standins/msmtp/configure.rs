//! `msmtp --configure`: an account for an address, by the SRV records of its domain (RFC 6186, RFC 8314).

use crate::cli::standins::msmtp::account::{MsmtpError, user_file};
use crate::cli::standins::msmtp::args::MsmtpArgs;
use crate::cli::terminal;
use crate::client::dns::{Dns as _, Question, Record, RecordType, Resolver, Srv};
use crate::client::events::Silent;
use crate::system::exit::Exit;
use crate::system::text::shown;

pub fn run(address: &str, args: &MsmtpArgs) -> Result<Exit, MsmtpError> {
    let parts = address.rsplit_once('@');
    let parts = parts.filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let (local, domain) = parts.ok_or_else(|| failed(Exit::Data, "invalid mail address"))?;
    let (server, is_implicit) = server(domain)?;
    let mut text = format!(
        "# - copy this to your configuration file {}\n",
        user_file(args).display()
    );
    let ends_with_domain = format!(".{}", server.target.to_ascii_lowercase())
        .ends_with(&format!(".{}", domain.to_ascii_lowercase()));
    if !ends_with_domain {
        text.push_str("# - warning: the host does not match the mail domain; please check\n");
    }
    text.push_str(&format!(
        "# - add your password to the key ring:\n\
         #   secret-tool store --label=msmtp host {host} service smtp user {local}\n\
         account {address}\nhost {host}\nport {port}\ntls on\ntls_starttls {starttls}\nauth on\nuser {local}\n\
         from {address}\n",
        host = shown(&server.target),
        port = server.port,
        starttls = if is_implicit { "off" } else { "on" },
        local = shown(local),
        address = shown(address),
    ));
    Ok(match terminal::write(text.as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    })
}

fn failed(exit: Exit, why: &str) -> MsmtpError {
    MsmtpError::new(
        exit,
        format!("automatic configuration based on SRV records failed: {why}"),
    )
}

/// The preferred server, and true for TLS from the first byte.
fn server(domain: &str) -> Result<(Srv, bool), MsmtpError> {
    let names = ["_submissions._tcp", "_submission._tcp"].map(|name| format!("{name}.{domain}"));
    let resolver = Resolver::new(None).map_err(|why| failed(Exit::Software, &why))?;
    let questions = names
        .each_ref()
        .map(|name| Question::new(name, RecordType::Srv));
    let answers = resolver.ask(&questions, &mut Silent).into_iter();
    let found = answers
        .zip([true, false])
        .find_map(|(answer, is_implicit)| Some((preferred(answer.ok()?.records)?, is_implicit)));
    found.ok_or_else(|| {
        let why = format!("no SRV records for {} or {}", names[0], names[1]);
        failed(Exit::NoHost, &why)
    })
}

/// `None`: there is no record, or it says that there is no such service.
fn preferred(records: Vec<Record>) -> Option<Srv> {
    let records = records.into_iter().filter_map(|record| match record {
        Record::Srv(srv) => Some(srv),
        _ => None,
    });
    let best = records.min_by_key(|srv| (srv.priority, std::cmp::Reverse(srv.weight)))?;
    Some(best).filter(|srv| !srv.target.is_empty())
}
