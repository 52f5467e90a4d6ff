//! The messages of a login to the user, on standard error.

use crate::cli::login::has_display;
use crate::cli::terminal::{complain, complain_escaped};
use crate::client::credentials::oauth::{Account, LoginPrompt};
use crate::system::text::shown;
use crate::system::time::spoken;
use std::io::{self, BufRead as _, ErrorKind};
use std::process::{Command, Stdio};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest line that is read.
const MAX_LINE: usize = 16 * 1024;

pub struct Terminal {
    user: String,
    provider: String,
}

impl Terminal {
    pub fn new(account: &Account) -> Self {
        Self {
            user: shown(&account.user),
            provider: shown(&account.provider.to_string()),
        }
    }
}

impl LoginPrompt for Terminal {
    fn open(&mut self, url: &str) {
        let text = format!(
            "Open this address in a browser on this host, and log in as {}:\n\n{}\n\nWaiting for the browser...\n",
            self.user,
            shown(url)
        );
        complain_escaped(&text);
        if has_display() {
            let mut browser = Command::new("xdg-open");
            browser
                .arg(url)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            // The address is printed, so that a browser can be opened by hand.
            let _ = browser.spawn();
        }
    }

    fn paste(&mut self, url: &str) -> io::Result<Zeroizing<String>> {
        let text = format!(
            "1. Open this address in a browser on any host, and log in as {}:\n\n{}\n\n\
             2. At the end, the browser shows an error, because it cannot connect to this host.\n   \
                Copy the address from its address bar. It begins with http://.\n\n\
             3. Paste it here: ",
            self.user,
            shown(url)
        );
        complain_escaped(&text);
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE));
        let mut input = io::Read::take(io::stdin().lock(), MAX_LINE as u64);
        if input.read_until(b'\n', &mut line)? == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the input ended"));
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        Ok(Zeroizing::new(text))
    }

    fn reject(&mut self, why: &str) {
        complain(&format!(
            "the address cannot be used: {why}; copy the whole address"
        ));
    }

    fn show_code(&mut self, url: &str, code: &str, limit: Duration) {
        let text = format!(
            "Open this address in a browser on any device, enter the code, and log in at {} as {}\n\
             within {}:\n\n  {}\n  {}\n\nWaiting...\n",
            self.provider,
            self.user,
            spoken(limit),
            shown(url),
            shown(code)
        );
        complain_escaped(&text);
    }
}
