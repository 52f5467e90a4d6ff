//! The names of the user, the host and the message.

use crate::cli::standins::swaks::octets;
use crate::system::{host, time, user};
use std::cell::OnceCell;
use std::env;
use std::time::SystemTime;

/// The version of swaks whose behaviour this is.
pub const VERSION: &str = "20240103.0";

/// The name of the program as it was called, the host, and when the run began.
pub struct Identity {
    /// `argv[0]`, for the reconstructed command line.
    pub program: String,
    /// Its file name, without `.pl`.
    pub name: String,
    began: SystemTime,
    host: OnceCell<String>,
}

impl Identity {
    pub fn new(program: String) -> Self {
        let file = program.rsplit('/').next().unwrap_or_default();
        let name = file.split(' ').next_back().unwrap_or_default();
        let name = name.strip_suffix(".pl").unwrap_or(name).to_owned();
        Self {
            program,
            name,
            began: SystemTime::now(),
            host: OnceCell::new(),
        }
    }

    /// The official name of this host.
    pub fn host(&self) -> &str {
        self.host.get_or_init(|| {
            let node = host::node_name();
            official_name(&node, &host::hosts_file()).unwrap_or(node)
        })
    }

    /// The login name: `$LOGNAME` unless the user database must be asked.
    pub fn user(is_forced: bool) -> String {
        let variable = env::var_os("LOGNAME").filter(|_| !is_forced);
        let variable = octets::true_or_none(variable.map(|name| octets::of_os(&name)));
        variable.unwrap_or_else(user::login)
    }

    pub fn date(&self) -> String {
        time::header_date(self.began)
    }

    /// The Message-Id, without angle brackets.
    pub fn message_id(&self) -> String {
        let stamp = time::local_stamp(self.began);
        format!("{stamp}.{:06}@{}", std::process::id(), self.host())
    }

    /// The boundary of a multipart, which differs between the two of a message.
    pub fn boundary(number: u32) -> String {
        format!("----=_MIME_BOUNDARY_{number:03}_{}", std::process::id())
    }
}

/// The first name in the line of /etc/hosts that has this name.
fn official_name(node: &str, hosts: &str) -> Option<String> {
    hosts.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let names: Vec<&str> = line.split_whitespace().skip(1).collect();
        let first = names.first().filter(|_| names.contains(&node));
        first.map(|&name| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_name_is_the_first_of_its_line() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 mx.crepes.fr mx # mx\n";
        assert_eq!(official_name("mx", hosts).as_deref(), Some("mx.crepes.fr"));
        assert_eq!(official_name("other", hosts), None);
    }

    #[test]
    fn the_name_is_that_of_the_file() {
        assert_eq!(Identity::new("/usr/bin/swaks.pl".to_owned()).name, "swaks");
        assert_eq!(Identity::new("ehlo swaks".to_owned()).name, "swaks");
    }
}
