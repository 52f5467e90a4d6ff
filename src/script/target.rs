//! The target of `connect`.

use crate::client::route::Endpoint;
use crate::client::route::target::{command, server};
use crate::system::text::shown;

/// The default port.
const SMTP: u16 = 25;

pub const EXPECTED: &str = "HOST, HOST:PORT, unix:PATH or pipe:COMMAND";

/// Parses a target: a value of --server, or `pipe:COMMAND`.
///
/// # Errors
/// It is neither.
pub fn parse(text: &str) -> Result<Endpoint, String> {
    let target = match text.strip_prefix("pipe:") {
        Some(line) => command(line),
        None => server(text),
    };
    let wrong = |_| format!("expected {EXPECTED}, not \"{}\"", shown(text));
    target.map(|target| target.place(SMTP)).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_an_address_or_a_socket() {
        let shown = |text| {
            let place = parse(text).ok()?;
            Some((place.host.to_string(), place.port))
        };
        let right = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(shown("mx.example.org"), right("mx.example.org", 25));
        assert_eq!(shown("mx.example.org:587"), right("mx.example.org", 587));
        assert_eq!(shown("127.0.0.1:2525"), right("[127.0.0.1]", 2525));
        assert_eq!(shown("[2001:db8::1]:26"), right("[2001:db8::1]", 26));
        assert_eq!(shown("2001:db8::1"), right("[2001:db8::1]", 25));
        assert_eq!(shown("unix:lmtp"), right("lmtp", 25));
        assert_eq!(shown("pipe:exim -bh ::1"), right("exim -bh ::1", 25));
        for wrong in [
            "", "unix:", "pipe: ", "a b", "mx:", "mx:0", "mx:99999", "mx:25:26",
        ] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
