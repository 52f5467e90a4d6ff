//! A private Dovecot with mailboxes: IMAP and POP3 with TLS, and LMTP for those who deliver.

use crate::ca::Ca;
use crate::parts;
use crate::postfix::{free_port, wait_for};
use crate::run::{Ran, Start, ehlo_with};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The password of bob, who has the only mailbox.
pub const PASSWORD: &str = r#"he"llo \ wörld"#;

/// A running Dovecot.
pub struct MailboxServer {
    child: Child,
    directory: TempDir,
    ports: [u16; 5],
}

impl Drop for MailboxServer {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

impl MailboxServer {
    /// Starts one with these mechanisms; `None` where that is not possible, with the reason printed.
    pub fn start(mechanisms: &str) -> Option<Self> {
        if !parts::has("/usr/sbin/dovecot")
            || !parts::has("/usr/lib/dovecot/pop3")
            || !parts::has("/usr/lib/dovecot/imap")
            || !parts::has("/usr/lib/dovecot/lmtp")
            || !parts::is_root()
        {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(root.join("mail")).unwrap();
        std::os::unix::fs::chown(root.join("mail"), Some(65534), Some(65534)).unwrap();
        Ca::make(root).sign("server", &["localhost", "127.0.0.1"]);
        fs::write(root.join("users"), format!("bob:{{PLAIN}}{PASSWORD}\n")).unwrap();
        let ports = [(); 5].map(|()| free_port());
        fs::write(root.join("dovecot.conf"), conf(root, mechanisms, ports)).unwrap();
        let child = Command::new("/usr/sbin/dovecot")
            .arg("-F")
            .arg("-c")
            .arg(root.join("dovecot.conf"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            directory,
            ports,
        };
        for port in ports {
            wait_for("dovecot", || TcpStream::connect(("127.0.0.1", port)).ok());
        }
        Some(server)
    }

    /// The directory with the certificates and what a test writes.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The URL of bob's mailbox by this scheme.
    pub fn url(&self, scheme: &str) -> String {
        let index = ["imap", "imaps", "pop3", "pop3s"]
            .iter()
            .position(|name| *name == scheme);
        format!("{scheme}://bob@localhost:{}", self.ports[index.unwrap()])
    }

    /// Where LMTP is spoken.
    pub fn lmtp_port(&self) -> u16 {
        self.ports[4]
    }

    /// Runs the program as one who knows the password and trusts the certificate.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let ca = self.path().join("ca.pem");
        let trust = ["--ca-file", ca.to_str().unwrap()];
        let start = Start {
            variables: &[("EHLO_PASSWORD", PASSWORD)],
            ..Start::default()
        };
        ehlo_with(self.path(), &[arguments, &trust].concat(), &start)
    }

    /// `ehlo fetch` of bob's mailbox.
    pub fn fetch(&self, scheme: &str, path: &str, arguments: &[&str]) -> Ran {
        let url = self.url(scheme) + path;
        self.run(&[&["fetch", &url][..], arguments].concat())
    }

    /// Delivers a message to bob, or to one of his mailboxes as in `bob+Junk`.
    pub fn deliver(&self, to: &str, subject: &str, arguments: &[&str]) {
        let relay = format!("127.0.0.1:{}", self.lmtp_port());
        let to = format!("{to}@example.test");
        let fixed = [
            "-q",
            "--lmtp",
            "-r",
            &relay,
            "--tls",
            "off",
            "-f",
            "alice@crepes.fr",
            "-s",
            subject,
        ];
        let rest = ["-b", "hello", &to];
        let all = [&fixed[..], arguments, &rest].concat();
        crate::run::ehlo(self.path(), &all).ends_with(0);
    }
}

fn conf(root: &Path, mechanisms: &str, [imap, imaps, pop3, pop3s, lmtp]: [u16; 5]) -> String {
    let root = root.display();
    format!(
        "base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/log
instance_name = {root}
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{root}/server.pem
ssl_key = <{root}/server.key
disable_plaintext_auth = yes
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_username_format = %n
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
lda_mailbox_autocreate = yes
mail_location = maildir:{root}/mail/%n
mail_uid = 65534
mail_gid = 65534
first_valid_uid = 100
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {root}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={root}/mail/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Junk {{
    special_use = \\Junk
    auto = create
  }}
  mailbox Entwürfe {{
    auto = create
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"
    )
}
