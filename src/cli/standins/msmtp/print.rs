//! What msmtp prints about itself and an account.

use crate::cli::standins::msmtp::account::{Account, user_file};
use crate::cli::standins::msmtp::args::{MsmtpArgs, MsmtpTask};
use crate::system::text::shown;
use std::fmt::Write as _;

const NOT_SET: &str = "(not set)";

/// The text of `--version`. Programs look for the version of msmtp in the first line.
pub fn version(args: &MsmtpArgs) -> String {
    format!(
        "msmtp version 1.8.23 (ehlo {})\n\
         TLS/SSL library: rustls\n\
         Authentication library: built-in\n\
         Supported authentication methods:\n\
         plain scram-sha-1 scram-sha-256 external cram-md5 login oauthbearer xoauth2\n\
         System configuration file name: /etc/msmtprc\n\
         User configuration file name: {}\n",
        env!("CARGO_PKG_VERSION"),
        user_file(args).display()
    )
}

/// The text of `--help`.
pub const HELP: &str = "\
Usage:

  msmtp [option...] [--] recipient...
  msmtp [option...] -t [--] [recipient...]
  msmtp --configure=mailaddress
  msmtp [option...] --serverinfo
  msmtp [option...] --rmqs=host|@domain|#queue

General options:
  --version                    print version
  --help                       print help
  -P, --pretend                print configuration info and exit
  -d, --debug                  print debugging information
  -S, --serverinfo             print information about the server
  --configure=mailaddress      print a configuration for an address
  --rmqs=host|@domain|#queue   send ETRN
  -C, --file=filename          set configuration file
  -a, --account=id             use the given account instead of the default
  --host=hostname              set the server; no configuration file is read
Settings, as in the configuration file:
  --port --source-ip --proxy-host --proxy-port --socket --timeout --protocol
  --domain --auth --user --passwordeval --tls --tls-starttls --tls-trust-file
  --tls-crl-file --tls-fingerprint --tls-certcheck --tls-key-file
  --tls-cert-file --tls-priorities --tls-host-override
  --tls-min-dh-prime-bits --auto-from --maildomain --logfile-time-format
  --syslog --aliases --set-from-header --set-date-header --set-msgid-header
  --remove-bcc-headers --undisclosed-recipients
  -f, --from=address           set envelope from address
  -N, --dsn-notify=(off|cond)  set DSN conditions
  -R, --dsn-return=(off|ret)   set DSN amount
  -X, --logfile=[file]         set log file
  -t, --read-recipients        also take the recipients from the mail
  --read-envelope-from         take the envelope from address from the mail
  -F name                      full name for a From header that is added
Accepted without effect: -A, -B, -bm, -G, -h, -i, -L, -m, -n, -O, -o

See ehlo-msmtp(1).
";

/// The settings of an account (`--pretend`, `--debug`).
pub fn settings(account: &Account, args: &MsmtpArgs) -> String {
    let mut text = Settings::default();
    if let Some((name, file)) = &account.origin {
        let _ = writeln!(text.0, "using account {name} from {}", file.display());
    }
    server(account, &mut text);
    login(account, &mut text);
    tls(account, &mut text);
    if args.task == MsmtpTask::Send {
        mail(account, args, &mut text);
    }
    if let MsmtpTask::Rmqs(argument) = &args.task {
        text.add("RMQS argument", argument);
    }
    text.0
}

#[derive(Default)]
struct Settings(String);

impl Settings {
    fn add(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "{name} = {}", shown(value));
    }

    fn text(&mut self, name: &str, account: &Account) {
        let value = account.text(&name.replace(' ', "_"));
        self.add(name, value.unwrap_or(NOT_SET));
    }

    fn switch(&mut self, name: &str, account: &Account, default: bool) {
        let value = if account.is_on(name, default) {
            "on"
        } else {
            "off"
        };
        self.add(name, value);
    }
}

fn server(account: &Account, text: &mut Settings) {
    text.text("host", account);
    text.add("port", &account.port().to_string());
    text.text("source ip", account);
    text.text("proxy host", account);
    text.add("proxy port", account.text("proxy_port").unwrap_or("0"));
    text.text("socket", account);
    let timeout = match account.text("timeout") {
        None | Some("off") => "off".to_owned(),
        Some("1") => "1 second".to_owned(),
        Some(seconds) => format!("{seconds} seconds"),
    };
    text.add("timeout", &timeout);
    text.add("protocol", account.text("protocol").unwrap_or("smtp"));
    text.add("domain", account.text("domain").unwrap_or_default());
}

fn login(account: &Account, text: &mut Settings) {
    let mechanism = match account.mechanism() {
        None => "none".to_owned(),
        Some(any) if any.is_empty() => "choose".to_owned(),
        Some(name) => name,
    };
    text.add("auth", &mechanism);
    text.text("user", account);
    let password = if account.password.is_some() {
        "*"
    } else {
        NOT_SET
    };
    text.add("password", password);
    text.text("passwordeval", account);
    text.text("ntlmdomain", account);
}

fn tls(account: &Account, text: &mut Settings) {
    text.switch("tls", account, false);
    text.switch("tls_starttls", account, true);
    text.text("tls_trust_file", account);
    text.text("tls_crl_file", account);
    let fingerprint = account.text("tls_fingerprint").unwrap_or(NOT_SET);
    let fingerprint = if fingerprint == NOT_SET {
        fingerprint.to_owned()
    } else {
        fingerprint.to_ascii_uppercase()
    };
    text.add("tls_fingerprint", &fingerprint);
    text.text("tls_key_file", account);
    text.text("tls_cert_file", account);
    text.switch("tls_certcheck", account, true);
    text.text("tls_min_dh_prime_bits", account);
    text.text("tls_priorities", account);
    text.text("tls_host_override", account);
}

fn mail(account: &Account, args: &MsmtpArgs, text: &mut Settings) {
    text.switch("auto_from", account, false);
    text.text("maildomain", account);
    let unknown = if args.read_envelope_from {
        "(read from mail)"
    } else {
        NOT_SET
    };
    text.add("from", account.sender().unwrap_or(unknown));
    text.switch("allow_from_override", account, true);
    text.add("set_from_header", account.mode("set_from_header", "auto"));
    text.add("set_date_header", account.mode("set_date_header", "auto"));
    text.switch("remove_bcc_headers", account, true);
    text.switch("undisclosed_recipients", account, false);
    let notify = account.text("dsn_notify").filter(|when| *when != "off");
    let notify = notify.map(str::to_ascii_uppercase);
    text.add("dsn_notify", notify.as_deref().unwrap_or(NOT_SET));
    let ret = match account.text("dsn_return") {
        Some("headers") => "HDRS",
        Some("full") => "FULL",
        _ => NOT_SET,
    };
    text.add("dsn_return", ret);
    text.text("logfile", account);
    text.text("logfile_time_format", account);
    let syslog = match account.text("syslog") {
        None | Some("off") => NOT_SET,
        Some("on") => "LOG_USER",
        Some(facility) => facility,
    };
    text.add("syslog", syslog);
    text.text("aliases", account);
    text.0.push_str(if args.read_recipients {
        "reading recipients from the command line and the mail\n"
    } else {
        "reading recipients from the command line\n"
    });
}
