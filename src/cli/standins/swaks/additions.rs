//! Options that swaks does not have: parameters of MAIL and RCPT, proxies, and all mail exchangers.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::options::Key;
use crate::cli::standins::swaks::printer::Stop;
use crate::client::route::Proxy;
use crate::client::route::target;

#[derive(Clone, Debug, Default)]
pub struct Additions {
    /// Appended to MAIL, with a space in front; empty: none.
    pub mail_parameters: String,
    /// Appended to RCPT.
    pub recipient_parameters: String,
    /// True if the server must offer SMTPUTF8.
    pub needs_smtputf8: bool,
    pub proxy: Option<Proxy>,
    /// True if the other mail exchangers are tried as well.
    pub tries_all_mx: bool,
}

impl Additions {
    pub fn read(given: &mut Given) -> Result<Self, Stop> {
        let needs_smtputf8 = given.flag(Key::SmtpUtf8);
        let proxy = given.take(Key::EhloProxy)?;
        let proxy = proxy.map(|url| target::proxy(&octets::utf8(&url)));
        let proxy = match proxy.transpose() {
            Ok(proxy) => proxy,
            Err(why) => {
                let error = format!("--ehlo-proxy: {why}");
                return Err(given.printer.stop(1, &error));
            }
        };
        let mail = [
            (Key::DsnRet, "RET="),
            (Key::DsnEnvid, "ENVID="),
            (Key::EhloMail, ""),
        ];
        let recipient = [(Key::DsnNotify, "NOTIFY="), (Key::EhloRcpt, "")];
        let utf8 = if needs_smtputf8 { " SMTPUTF8" } else { "" };
        Ok(Self {
            mail_parameters: utf8.to_owned() + &parameters(&mail, given)?,
            recipient_parameters: parameters(&recipient, given)?,
            needs_smtputf8,
            proxy,
            tries_all_mx: given.flag(Key::EhloAllMx),
        })
    }
}

/// The values of these options after their names, with a space in front of each.
fn parameters(options: &[(Key, &str)], given: &mut Given) -> Result<String, Stop> {
    let mut parameters = String::new();
    for (key, name) in options {
        if let Some(value) = given.take(*key)? {
            parameters += &format!(" {name}{value}");
        }
    }
    Ok(parameters)
}
