//! Servers of mailboxes: what an IMAP and a POP3 server say at the beginning, and runs of `ehlo fetch`.

use crate::authority::{Authority, BOTH};
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};

/// Something that is no word of any reply.
pub const PASSWORD: &str = "hunter2-Gr8!";

/// The mailbox at this server, without TLS.
pub fn clear(scheme: &str, port: u16) -> Ehlo {
    let url = format!("{scheme}://alice@127.0.0.1:{port}");
    Ehlo::new()
        .args(["fetch", &url, "--allow-cleartext-password"])
        .env("EHLO_PASSWORD", PASSWORD)
}

/// Fetches without TLS from a server that follows this script after the login.
pub fn fetch_imap(options: &[&str], script: impl FnOnce(&mut Talk) + Send + 'static) -> Run {
    let server = Server::start(move |talk| {
        talk.log_in_imap("");
        script(talk);
    });
    let run = clear("imap", server.port).args(options).run();
    server.finish();
    run
}

/// The same from a POP3 server, after the login.
pub fn fetch_pop3(options: &[&str], script: impl FnOnce(&mut Talk) + Send + 'static) -> Run {
    let server = Server::start(move |talk| {
        talk.log_in_pop3("TOP\nUIDL");
        script(talk);
    });
    let run = clear("pop3", server.port).args(options).run();
    server.finish();
    run
}

/// Fetches with STARTTLS or STLS; the script begins at the connection.
pub fn fetch_secured(
    scheme: &str,
    options: &[&str],
    script: impl FnOnce(&mut Talk, &std::sync::Arc<rustls::ServerConfig>) + Send + 'static,
) -> Run {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| script(talk, &config));
    let url = format!("{scheme}://alice@127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .args(["fetch", &url])
        .env("EHLO_PASSWORD", PASSWORD)
        .trusting(&ca.pem())
        .args(options)
        .run();
    server.finish();
    run
}

impl Talk {
    /// The greeting, capabilities in it, and LOGIN.
    #[track_caller]
    pub fn log_in_imap(&mut self, capabilities: &str) {
        let capabilities = format!("IMAP4rev1 {capabilities}");
        let capabilities = capabilities.trim_end();
        self.say(&format!("* OK [CAPABILITY {capabilities}] ready"));
        self.expect(&format!("a1 LOGIN \"alice\" \"{PASSWORD}\""));
        self.say(&format!("a1 OK [CAPABILITY {capabilities}] welcome"));
    }

    /// EXAMINE or SELECT of INBOX with this number of messages, whose next UID is 100.
    #[track_caller]
    pub fn select(&mut self, tag: &str, verb: &str, messages: u32) {
        self.expect(&format!("{tag} {verb} \"INBOX\""));
        self.say(&format!(
            "* {messages} EXISTS\n* OK [UIDVALIDITY 7] ok\n* OK [UIDNEXT 100] ok\n{tag} OK done"
        ));
    }

    /// LOGOUT with its reply.
    #[track_caller]
    pub fn log_out(&mut self, tag: &str) {
        self.expect(&format!("{tag} LOGOUT"));
        self.say(&format!("* BYE bye\n{tag} OK done"));
    }

    /// The greeting, CAPA and USER.
    #[track_caller]
    pub fn log_in_pop3(&mut self, capabilities: &str) {
        self.say("+OK ready");
        self.expect("CAPA");
        self.say(&format!("+OK\n{capabilities}\n."));
        self.expect("USER alice");
        self.say("+OK");
        self.expect(&format!("PASS {PASSWORD}"));
        self.say("+OK");
    }
}
