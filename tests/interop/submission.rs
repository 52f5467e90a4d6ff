//! Postfix and Dovecot as a provider runs them: TLS, AUTH, and many mailboxes. One for all tests.

use crate::ca::{Ca, Signed};
use crate::dovecot::Dovecot;
use crate::keeper::Keeper;
use crate::postfix::{Postfix, free_port};
use crate::run::{Ran, Start, ehlo_with};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many mailboxes there are: box0, box1 and so on.
const MAILBOXES: usize = 400;

/// What listens on a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// As on port 25: STARTTLS is offered, and everybody may write.
    Smtp,
    /// The same without STARTTLS.
    Clear,
    /// As on port 587: STARTTLS and AUTH are demanded.
    Submission,
    /// As on port 465: TLS from the first byte on, and AUTH is demanded.
    Submissions,
    /// AUTH is offered before TLS, which is not there.
    ClearAuth,
    /// As [`Service::Smtp`], with TLS 1.2 only.
    Tls12,
    /// As [`Service::Smtp`], with TLS 1.3 only.
    Tls13,
    /// As [`Service::Smtp`], and a client's certificate is asked for.
    AsksCertificate,
    /// As [`Service::AsksCertificate`], and nobody may write without.
    WantsCertificate,
    /// As [`Service::Submissions`], and everybody may write.
    Implicit,
    /// XCLIENT and XFORWARD are taken from this host.
    Trusting,
    /// DSN is not offered.
    NoReports,
    /// The PROXY protocol is spoken ahead of the greeting.
    Proxied,
    /// The same to postscreen, which waits for those who do not.
    Postscreen,
}

impl Service {
    const ALL: [Self; 14] = [
        Self::Smtp,
        Self::Clear,
        Self::Submission,
        Self::Submissions,
        Self::ClearAuth,
        Self::Tls12,
        Self::Tls13,
        Self::AsksCertificate,
        Self::WantsCertificate,
        Self::Implicit,
        Self::Trusting,
        Self::NoReports,
        Self::Proxied,
        Self::Postscreen,
    ];

    /// Its line in master.cf.
    fn line(self, port: u16) -> String {
        let options = self.options().iter();
        let options: Vec<String> = options.map(|option| format!("  -o {option}\n")).collect();
        let program = match self {
            Self::Postscreen => "1 postscreen",
            _ => "- smtpd",
        };
        format!(
            "127.0.0.1:{port} inet n - n - {program}\n{}",
            options.concat()
        )
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Smtp => &[],
            Self::Clear => &["smtpd_tls_security_level=none"],
            Self::Submission => &[
                "smtpd_tls_security_level=encrypt",
                "smtpd_sasl_auth_enable=yes",
                "smtpd_client_restrictions=permit_sasl_authenticated,reject",
            ],
            Self::Submissions => &[
                "smtpd_tls_wrappermode=yes",
                "smtpd_sasl_auth_enable=yes",
                // AUTH= besides AUTH, for clients of the last century.
                "broken_sasl_auth_clients=yes",
                "smtpd_client_restrictions=permit_sasl_authenticated,reject",
            ],
            Self::ClearAuth => &[
                "smtpd_tls_security_level=none",
                "smtpd_tls_auth_only=no",
                "smtpd_sasl_auth_enable=yes",
                "smtpd_client_restrictions=permit_sasl_authenticated,reject",
            ],
            Self::Tls12 => &[
                "smtpd_tls_security_level=encrypt",
                "smtpd_tls_mandatory_protocols=TLSv1.2",
            ],
            Self::Tls13 => &[
                "smtpd_tls_security_level=encrypt",
                "smtpd_tls_mandatory_protocols=TLSv1.3",
            ],
            Self::AsksCertificate => &["smtpd_tls_ask_ccert=yes"],
            Self::WantsCertificate => &[
                "smtpd_tls_security_level=encrypt",
                "smtpd_tls_req_ccert=yes",
            ],
            Self::Implicit => &["smtpd_tls_wrappermode=yes"],
            Self::Trusting => &[
                "smtpd_authorized_xclient_hosts=127.0.0.1",
                "smtpd_authorized_xforward_hosts=127.0.0.1",
                "smtpd_peername_lookup=no",
            ],
            Self::NoReports => &["smtpd_discard_ehlo_keywords=dsn,silent-discard"],
            Self::Proxied => &[
                "smtpd_upstream_proxy_protocol=haproxy",
                "smtpd_peername_lookup=no",
            ],
            Self::Postscreen => &[
                "postscreen_upstream_proxy_protocol=haproxy",
                "postscreen_greet_wait=1s",
                "postscreen_greet_action=enforce",
                "postscreen_access_list=",
            ],
        }
    }
}

/// What those need that listen on a port, and a way to who listens in the file lmtp.
const INNER: &str = "smtpd pass - - n - - smtpd\nlmtp unix - - n - - lmtp\n";

/// The servers and what belongs to them.
pub struct Submission {
    /// What takes the mail.
    pub postfix: Postfix,
    /// The CA that the servers' certificate is by.
    pub ca: Ca,
    /// The certificate of the servers, for mx.example.test and 127.0.0.1.
    pub server: Signed,
    ports: Vec<u16>,
    mailboxes: AtomicUsize,
    _dovecot: Dovecot,
    _keeper: Keeper,
}

/// The one that all tests share; `None` where it cannot be, with the reason printed.
pub fn submission() -> Option<&'static Submission> {
    static SUBMISSION: OnceLock<Option<Submission>> = OnceLock::new();
    let submission = SUBMISSION.get_or_init(Submission::start).as_ref();
    if submission.is_none() {
        eprintln!("skipped: there is no private Postfix with Dovecot");
    }
    submission
}

/// Arguments of a small message.
pub const SMALL: [&str; 6] = ["-f", "alice@sender.test", "-s", "hi", "-b", "text"];

impl Submission {
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let ca = Ca::make(directory.path());
        let server = ca.sign("server", &["mx.example.test", "127.0.0.1"]);
        let dovecot = Dovecot::start(directory.path())?;
        let ports: Vec<u16> = Service::ALL.iter().map(|_| free_port()).collect();
        let services: Vec<String> = Service::ALL
            .iter()
            .zip(&ports)
            .map(|(service, port)| service.line(*port))
            .collect();
        let path = directory.path().to_owned();
        let socket = path.join("lmtp");
        let configuration = main_cf(&ca, &server, dovecot.socket())
            + &format!(
                "transport_maps = inline:{{lmtp.test=lmtp:unix:{}}}\n",
                socket.display()
            );
        let services = services.concat() + INNER;
        let postfix = Postfix::start_in(directory, &configuration, &services)?;
        Some(Self {
            _keeper: Keeper::of(&path, &[postfix.pid(), dovecot.pid()]),
            postfix,
            ca,
            server,
            ports,
            mailboxes: AtomicUsize::new(0),
            _dovecot: dovecot,
        })
    }

    /// The port of a service.
    pub fn port(&self, service: Service) -> u16 {
        let place = Service::ALL.iter().position(|&other| other == service);
        self.ports[place.unwrap()]
    }

    /// The service as `--relay` wants it.
    pub fn relay(&self, service: Service) -> String {
        format!("127.0.0.1:{}", self.port(service))
    }

    /// A mailbox that no other test has.
    pub fn mailbox(&self) -> String {
        let number = self.mailboxes.fetch_add(1, Ordering::Relaxed);
        assert!(number < MAILBOXES, "there are too few mailboxes");
        format!("box{number}")
    }

    /// Sends a small message to a mailbox, with the CA given.
    pub fn send(&self, service: Service, mailbox: &str, arguments: &[&str]) -> Ran {
        self.send_with(service, mailbox, arguments, &Start::default())
    }

    /// The same with more to begin with.
    pub fn send_with(
        &self,
        service: Service,
        mailbox: &str,
        arguments: &[&str],
        start: &Start,
    ) -> Ran {
        let ca = ["--ca-file", &self.ca.file()];
        self.send_trusting(service, mailbox, &[&ca, arguments].concat(), start)
    }

    /// The same without the CA.
    pub fn send_trusting(
        &self,
        service: Service,
        mailbox: &str,
        arguments: &[&str],
        start: &Start,
    ) -> Ran {
        let all = self.arguments(service, mailbox, arguments);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        ehlo_with(&PathBuf::from("/"), &all, start)
    }

    /// The arguments for a small message there.
    pub fn arguments(&self, service: Service, mailbox: &str, more: &[&str]) -> Vec<String> {
        let relay = self.relay(service);
        let to = format!("{mailbox}@example.test");
        let fixed = ["-r", &relay, "--helo", "client.test"];
        let all = [&fixed[..], &SMALL, more, &[&to]].concat();
        all.into_iter().map(str::to_owned).collect()
    }

    /// The next message in a mailbox, with the fields before ours.
    pub fn receive(&self, mailbox: &str) -> String {
        String::from_utf8(self.postfix.receive_whole(mailbox)).unwrap()
    }

    /// A certificate for a client, in files of this name.
    pub fn client(&self, name: &str) -> Signed {
        self.ca.sign(name, &["client.test"])
    }
}

fn main_cf(ca: &Ca, server: &Signed, socket: &str) -> String {
    let mailboxes: Vec<String> = (0..MAILBOXES)
        .map(|number| format!("box{number}@example.test=box{number}/"))
        .collect();
    format!(
        "message_size_limit = 100000000
smtpd_tls_chain_files = {}
smtpd_tls_CAfile = {}
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_fingerprint_digest = sha256
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_sasl_type = dovecot
smtpd_sasl_path = {socket}
smtpd_sasl_authenticated_header = yes
smtpd_error_sleep_time = 0
virtual_mailbox_maps = inline:{{{}}}
",
        server.both,
        ca.file(),
        mailboxes.join(", ")
    )
}
