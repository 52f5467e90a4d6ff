//! Well-known mail providers: their servers for submission, and how one logs in.

/// A mail provider or sending service.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// The value of `--provider`, and the default name of the profile.
    pub name: &'static str,
    pub title: &'static str,
    /// Domains of its addresses.
    domains: &'static [&'static str],
    /// Domains of its mail exchangers, for customers with a domain of their own.
    exchangers: &'static [&'static str],
    /// Host and port. Port 465 is implicit TLS, any other STARTTLS.
    pub relay: &'static str,
    pub user: UserName,
    /// A remark for users before the first login; may be empty.
    pub note: &'static str,
}

/// The user name that a provider expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserName {
    /// The email address.
    Address,
    /// The same for all customers.
    Fixed(&'static str),
    /// Assigned by the provider.
    Assigned,
}

impl Provider {
    /// The provider of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|provider| provider.name == name)
    }

    /// The provider whose addresses have this domain.
    #[must_use]
    pub fn of_domain(domain: &str) -> Option<&'static Self> {
        let is_it = |one: &&str| one.eq_ignore_ascii_case(domain);
        ALL.iter()
            .find(|provider| provider.domains.iter().any(is_it))
    }

    /// The provider that runs this mail exchanger.
    #[must_use]
    pub fn of_exchanger(host: &str) -> Option<&'static Self> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_in = |domain: &&str| {
            let rest = host.strip_suffix(domain);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        ALL.iter()
            .find(|provider| provider.exchangers.iter().any(is_in))
    }

    /// The provider with this server.
    #[must_use]
    pub fn of_relay(relay: &str) -> Option<&'static Self> {
        ALL.iter()
            .find(|provider| provider.relay.eq_ignore_ascii_case(relay))
    }

    /// True if its server accepts OAuth only.
    #[must_use]
    pub fn refuses_passwords(&self) -> bool {
        self.name == "outlook"
    }

    /// True if it accepts passwords only in tenants that have enabled them.
    #[must_use]
    pub fn discourages_passwords(&self) -> bool {
        self.name == "microsoft365"
    }

    /// The names of all providers, in the order of the table.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|provider| provider.name)
    }
}

const fn mailbox(
    [name, title, relay, note]: [&'static str; 4],
    domains: &'static [&'static str],
    exchangers: &'static [&'static str],
) -> Provider {
    Provider {
        name,
        title,
        domains,
        exchangers,
        relay,
        user: UserName::Address,
        note,
    }
}

/// A service for sending only. It has no addresses.
const fn service([name, title, relay, note]: [&'static str; 4], user: UserName) -> Provider {
    Provider {
        name,
        title,
        domains: &[],
        exchangers: &[],
        relay,
        user,
        note,
    }
}

/// The first row that matches is used.
#[rustfmt::skip]
const ALL: &[Provider] = &[
    mailbox(["gmail", "Gmail", "smtp.gmail.com:587",
        "An app password is required: https://myaccount.google.com/apppasswords (2-step verification must be on)."],
        &["gmail.com", "googlemail.com"], &["google.com", "googlemail.com"]),
    mailbox(["outlook", "Outlook.com", "smtp-mail.outlook.com:587",
        "Passwords are not accepted. Use OAuth: see ehlo-login(1) and ehlo-providers(7)."],
        &["outlook.com", "hotmail.com", "live.com", "msn.com"], &["olc.protection.outlook.com"]),
    mailbox(["microsoft365", "Microsoft 365", "smtp.office365.com:587",
        "Authenticated SMTP must be enabled for the mailbox. Microsoft turns passwords for SMTP off by default at the \
         end of December 2026. Use OAuth: see ehlo-login(1) and ehlo-providers(7)."],
        &[], &["mail.protection.outlook.com", "mx.microsoft"]),
    mailbox(["icloud", "iCloud Mail", "smtp.mail.me.com:587",
        "An app-specific password is required: https://account.apple.com."],
        &["icloud.com", "me.com", "mac.com"], &["mail.icloud.com"]),
    mailbox(["fastmail", "Fastmail", "smtp.fastmail.com:465",
        "An app password is required: Settings, Privacy & Security, App passwords."],
        &["fastmail.com", "fastmail.fm"], &["messagingengine.com"]),
    mailbox(["aol", "AOL", "smtp.aol.com:465",
        "An app password is required: Account security, Generate app password."],
        &["aol.com"], &[]),
    mailbox(["yahoo", "Yahoo Mail", "smtp.mail.yahoo.com:465",
        "An app password is required: Account security, Generate app password."],
        &["yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "ymail.com", "rocketmail.com"], &["yahoodns.net"]),
    mailbox(["zoho", "Zoho Mail", "smtp.zoho.com:465",
        "With two-factor authentication, an app password is required: https://accounts.zoho.com."],
        &["zoho.com", "zohomail.com"], &[]),
    mailbox(["zoho-eu", "Zoho Mail (Europe)", "smtp.zoho.eu:465",
        "With two-factor authentication, an app password is required: https://accounts.zoho.eu."],
        &["zohomail.eu"], &[]),
    mailbox(["zoho-pro", "Zoho Mail for organizations", "smtppro.zoho.com:465",
        "With two-factor authentication, an app password is required: https://accounts.zoho.com."],
        &[], &["zoho.com"]),
    mailbox(["zoho-pro-eu", "Zoho Mail for organizations (Europe)", "smtppro.zoho.eu:465",
        "With two-factor authentication, an app password is required: https://accounts.zoho.eu."],
        &[], &["zoho.eu"]),
    mailbox(["gmx", "GMX", "mail.gmx.net:587",
        "Access by POP3, IMAP and SMTP must be enabled in the settings of the mailbox."],
        &["gmx.net", "gmx.de", "gmx.at", "gmx.ch"], &[]),
    mailbox(["gmx-com", "GMX (gmx.com)", "mail.gmx.com:587",
        "Access by POP3, IMAP and SMTP must be enabled in the settings of the mailbox."],
        &["gmx.com", "gmx.us"], &[]),
    mailbox(["webde", "WEB.DE", "smtp.web.de:587",
        "Access by POP3, IMAP and SMTP must be enabled in the settings of the mailbox."],
        &["web.de"], &[]),
    mailbox(["t-online", "T-Online", "securesmtp.t-online.de:465",
        "The password for email programs is required. It is set in the customer center."],
        &["t-online.de"], &[]),
    mailbox(["mailbox-org", "mailbox.org", "smtp.mailbox.org:465", ""],
        &["mailbox.org"], &["mailbox.org"]),
    mailbox(["posteo", "Posteo", "posteo.de:465", ""],
        &["posteo.de", "posteo.net"], &["posteo.de"]),
    mailbox(["proton", "Proton Mail", "smtp.protonmail.ch:587",
        "An SMTP token is required. It is available with paid plans, for addresses in a domain of your own."],
        &["proton.me", "protonmail.com", "pm.me"], &["protonmail.ch"]),
    mailbox(["yandex", "Yandex Mail", "smtp.yandex.com:465",
        "An app password is required, and access by email programs must be enabled."],
        &["yandex.com", "yandex.ru", "ya.ru"], &["yandex.net", "yandex.ru"]),
    mailbox(["mail-ru", "Mail.ru", "smtp.mail.ru:465",
        "An app password is required."],
        &["mail.ru", "bk.ru", "inbox.ru", "list.ru"], &["mail.ru"]),
    mailbox(["migadu", "Migadu", "smtp.migadu.com:465", ""],
        &[], &["migadu.com"]),
    mailbox(["ionos", "IONOS", "smtp.ionos.com:587", ""],
        &[], &["ionos.com"]),
    mailbox(["ionos-de", "IONOS (Germany)", "smtp.ionos.de:587", ""],
        &[], &["kundenserver.de", "ionos.de"]),
    mailbox(["ovh", "OVHcloud", "ssl0.ovh.net:465", ""],
        &[], &["ovh.net"]),
    mailbox(["gandi", "Gandi", "mail.gandi.net:465", ""],
        &[], &["gandi.net"]),
    mailbox(["infomaniak", "Infomaniak", "mail.infomaniak.com:465", ""],
        &[], &["infomaniak.ch"]),
    service(["ses", "Amazon SES", "email-smtp.us-east-1.amazonaws.com:587",
        "Replace us-east-1 with your region. The user name and password are SMTP credentials, not access keys."],
        UserName::Assigned),
    service(["sendgrid", "SendGrid", "smtp.sendgrid.net:587",
        "The password is an API key."],
        UserName::Fixed("apikey")),
    service(["mailgun", "Mailgun", "smtp.mailgun.org:587",
        "The user name is that of the SMTP credentials of the domain, such as postmaster@mg.example.org. \
         For domains in Europe, the server is smtp.eu.mailgun.org."],
        UserName::Assigned),
    service(["postmark", "Postmark", "smtp.postmarkapp.com:587",
        "The server API token is both user name and password."],
        UserName::Assigned),
    service(["brevo", "Brevo", "smtp-relay.brevo.com:587",
        "The user name and the SMTP key are shown under SMTP & API."],
        UserName::Assigned),
    service(["mailjet", "Mailjet", "in-v3.mailjet.com:587",
        "The user name is the API key, and the password is the secret key."],
        UserName::Assigned),
    service(["sparkpost", "SparkPost", "smtp.sparkpostmail.com:587",
        "The password is an API key that permits Send via SMTP."],
        UserName::Fixed("SMTP_Injection")),
    service(["resend", "Resend", "smtp.resend.com:465",
        "The password is an API key."],
        UserName::Fixed("resend")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn name(provider: Option<&Provider>) -> Option<&str> {
        provider.map(|provider| provider.name)
    }

    #[test]
    fn provider_is_found_by_domain_and_by_exchanger() {
        for (domain, right) in [
            ("GMail.com", Some("gmail")),
            ("hotmail.com", Some("outlook")),
            ("notgmail.com", None),
        ] {
            assert_eq!(name(Provider::of_domain(domain)), right, "{domain}");
        }
        for (host, right) in [
            ("aspmx.l.google.com.", Some("gmail")),
            ("SMTP.google.com", Some("gmail")),
            ("outlook-com.olc.protection.outlook.com", Some("outlook")),
            ("x-org.mail.protection.outlook.com", Some("microsoft365")),
            ("in1-smtp.messagingengine.com", Some("fastmail")),
            ("mx.zoho.eu", Some("zoho-pro-eu")),
            ("mx00.notgoogle.com", None),
        ] {
            assert_eq!(name(Provider::of_exchanger(host)), right, "{host}");
        }
    }

    #[test]
    fn every_name_is_unique_and_every_relay_has_a_port() {
        for (at, provider) in ALL.iter().enumerate() {
            assert_eq!(
                ALL.iter().position(|one| one.name == provider.name),
                Some(at)
            );
            let (_, port) = provider.relay.split_once(':').unwrap();
            assert!(["465", "587"].contains(&port), "{}", provider.name);
        }
    }
}
