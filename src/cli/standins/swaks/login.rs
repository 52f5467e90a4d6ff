//! AUTH: the types one after the other, until one succeeds.

use crate::cli::standins::swaks::auth_options::{AuthPlan, shows_secrets, token_type};
use crate::cli::standins::swaks::digest_md5::DigestMd5;
use crate::cli::standins::swaks::link::LinkKind;
use crate::cli::standins::swaks::ntlm;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::{decoded, encoded};
use crate::cli::standins::swaks::offers::Offers;
use crate::cli::standins::swaks::printer::Stop;
use crate::cli::standins::swaks::talk::{Step, Talk};
use crate::cli::standins::swaks::tls_options::Demand;
use crate::client::session::auth::Mask;
use crate::system::certificate::hex;
use crate::system::secret::{Login, Proof};
use hmac::{Hmac, Mac as _};
use md5::Md5;
use ring::hmac as ring_hmac;

/// LOGIN with the user in the first command. It is tried even if it is not offered.
const LOGIN_INITIAL: &str = "LOGIN-INITIAL";

/// The types that are implemented, in the order in which aliases are compared with them.
const TYPES: [&str; 6] = [
    "CRAM-MD5",
    "CRAM-SHA1",
    "DIGEST-MD5",
    "NTLM",
    "PLAIN",
    "LOGIN",
];

/// Reason for which there is no login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    NotOffered,
    /// None of all types is offered.
    NoneOffered,
    /// The requested types are not offered.
    RequestedNotOffered,
    Refused,
}

impl LoginFailure {
    pub fn words(self) -> &'static str {
        match self {
            Self::NotOffered => "Host did not advertise authentication",
            Self::NoneOffered => "Auth not attempted, no advertised types available",
            Self::RequestedNotOffered => "Auth not attempted, requested type not available",
            Self::Refused => "No authentication type succeeded",
        }
    }

    /// True if the session ends with it.
    pub fn ends(self, demand: Demand) -> bool {
        match self {
            Self::NotOffered | Self::RequestedNotOffered => demand == Demand::Required,
            Self::NoneOffered | Self::Refused => demand != Demand::Optional,
        }
    }
}

/// Logs in.
pub fn log_in(
    talk: &mut Talk<'_>,
    plan: &AuthPlan,
    offers: &Offers,
) -> Result<Result<(), LoginFailure>, Stop> {
    let Some(offered) = &offers.auth else {
        return Ok(Err(LoginFailure::NotOffered));
    };
    if !shows_secrets() {
        talk.mask = Some(Mask::of(Some(&Login {
            user: None,
            authzid: None,
            proof: Proof::Password(plan.password.clone()),
        })));
    }
    let mut is_tried = false;
    for name in &plan.types {
        if !offered.contains(name) && name != LOGIN_INITIAL {
            continue;
        }
        let types = TYPES.iter().filter(|base| plan.map.has(base, name));
        for base in types.copied().chain(token_type(name)) {
            is_tried = true;
            let mut attempt = Attempt {
                talk: &mut *talk,
                plan,
                name,
            };
            if attempt.run(base)? {
                return Ok(Ok(()));
            }
        }
    }
    Ok(Err(match (is_tried, plan.is_any) {
        (true, _) => LoginFailure::Refused,
        (false, true) => LoginFailure::NoneOffered,
        (false, false) => LoginFailure::RequestedNotOffered,
    }))
}

/// An attempt with one type.
struct Attempt<'t, 'p> {
    talk: &'t mut Talk<'p>,
    plan: &'t AuthPlan,
    /// The name that is sent.
    name: &'t str,
}

impl Attempt<'_, '_> {
    fn run(&mut self, base: &str) -> Result<bool, Stop> {
        match base {
            "CRAM-MD5" | "CRAM-SHA1" => self.cram(),
            "DIGEST-MD5" => self.digest(),
            "NTLM" => self.ntlm(),
            "PLAIN" => self.plain(),
            "LOGIN" => self.login(),
            _ => self.token(),
        }
    }

    fn password(&self) -> String {
        octets::of_bytes(self.plan.password.expose())
    }

    /// What is shown as the password.
    fn shown_password(&self) -> String {
        let substitute = self.plan.substitute();
        substitute.map_or_else(|| self.password(), str::to_owned)
    }

    /// Sends a text in base64. It is shown in base64 as well, or in plain text.
    fn send(
        &mut self,
        text: &str,
        expected: &'static [&'static str],
    ) -> Result<Option<String>, Stop> {
        let is_plain = self.plan.shows_plaintext;
        self.perform(Step {
            shown: is_plain.then(|| text.to_owned()),
            is_decoded: is_plain && expected == ["334"],
            ..Step::new(base64(text), expected)
        })
    }

    /// Returns the argument of an expected reply.
    fn perform(&mut self, step: Step) -> Result<Option<String>, Stop> {
        let reply = self.talk.perform(step)?;
        Ok(reply.is_expected.then(|| reply.argument().to_owned()))
    }

    /// The command for AUTH, whose reply is a challenge.
    fn begin(&mut self) -> Result<Option<String>, Stop> {
        self.perform(Step {
            is_decoded: self.plan.shows_plaintext,
            ..Step::new(format!("AUTH {}", self.name), &["334"])
        })
    }

    fn cram(&mut self) -> Result<bool, Stop> {
        let Some(challenge) = self.begin()? else {
            return Ok(false);
        };
        let challenge = if challenge.starts_with('<') {
            octets::bytes(&challenge)
        } else {
            decoded(&challenge)
        };
        let challenge = challenge.strip_suffix(b"\n").unwrap_or(&challenge);
        let digest = if self.name.ends_with("-SHA1") {
            hmac_sha1(self.plan.password.expose(), challenge)
        } else {
            hmac_md5(self.plan.password.expose(), challenge)
        };
        let response = format!("{} {}", self.plan.user, hex(&digest));
        Ok(self.send(&response, &["235"])?.is_some())
    }

    fn digest(&mut self) -> Result<bool, Stop> {
        let Some(challenge) = self.begin()? else {
            return Ok(false);
        };
        let challenge = octets::of_bytes(&decoded(&challenge));
        let exchange = DigestMd5::new(self.plan, &self.digest_host(), &challenge);
        let (response, expected) = match exchange.map(|exchange| exchange.response()) {
            Ok(both) => both,
            Err(why) => {
                let error = format!("Error received from Authen::SASL sub-system: {why}");
                self.talk.printer.error(&error);
                return Ok(false);
            }
        };
        let Some(verdict) = self.send(&response, &["334"])? else {
            return Ok(false);
        };
        let verdict = octets::of_bytes(&decoded(&verdict));
        if verdict != format!("rspauth={expected}") {
            self.talk.printer.error(
                "Canceling SASL exchange, error received from Authen::SASL sub-system: Invalid rspauth in step 2",
            );
            self.perform(Step::new("*", &["235"]))?;
            return Ok(false);
        }
        Ok(self.perform(Step::new("", &["235"]))?.is_some())
    }

    /// The host of the digest URI; for a socket or a command, its name with hyphens.
    fn digest_host(&self) -> String {
        let named = |text: &str| {
            let is_kept =
                |character: char| character.is_ascii_alphanumeric() || "-.".contains(character);
            text.replace(|character: char| !is_kept(character), "-")
        };
        let link = &self.talk.plan.link;
        match &link.kind {
            LinkKind::Inet => link.server.clone(),
            LinkKind::Unix(text) | LinkKind::Pipe(text) => named(text),
        }
    }

    fn ntlm(&mut self) -> Result<bool, Stop> {
        if self
            .perform(Step::new(format!("AUTH {}", self.name), &["334"]))?
            .is_none()
        {
            return Ok(false);
        }
        let hello = octets::of_bytes(&ntlm::negotiate());
        let Some(challenge) = self.send(&hello, &["334"])? else {
            return Ok(false);
        };
        let login = ntlm::authenticate(
            &decoded(&challenge),
            &octets::bytes(&self.plan.user),
            self.plan.password.expose(),
        );
        Ok(self.send(&octets::of_bytes(&login), &["235"])?.is_some())
    }

    fn plain(&mut self) -> Result<bool, Stop> {
        let (name, user) = (self.name, &self.plan.user);
        let shown = self.shown_password();
        let shown = if self.plan.shows_plaintext {
            format!("AUTH {name} \\0{user}\\0{shown}")
        } else {
            format!("AUTH {name} {}", base64(&format!("\0{user}\0{shown}")))
        };
        let response = base64(&format!("\0{user}\0{}", self.password()));
        let step = Step {
            shown: Some(shown),
            ..Step::new(format!("AUTH {name} {response}"), &["235"])
        };
        Ok(self.perform(step)?.is_some())
    }

    fn login(&mut self) -> Result<bool, Stop> {
        let is_plain = self.plan.shows_plaintext;
        let user = self.plan.user.clone();
        let is_begun = if self.name == LOGIN_INITIAL {
            let shown = format!("AUTH LOGIN {user}");
            self.perform(Step {
                shown: is_plain.then_some(shown),
                is_decoded: is_plain,
                ..Step::new(format!("AUTH LOGIN {}", base64(&user)), &["334"])
            })?
        } else {
            match self.begin()? {
                Some(_) => self.send(&user, &["334"])?,
                None => None,
            }
        };
        if is_begun.is_none() {
            return Ok(false);
        }
        let shown = self.shown_password();
        let step = Step {
            shown: Some(if is_plain { shown } else { base64(&shown) }),
            ..Step::new(base64(&self.password()), &["235"])
        };
        Ok(self.perform(step)?.is_some())
    }

    /// XOAUTH2 and OAUTHBEARER (RFC 7628). A server that refuses the token says why in a challenge.
    fn token(&mut self) -> Result<bool, Stop> {
        let link = &self.talk.plan.link;
        let (name, user) = (self.name, &self.plan.user);
        let is_bearer = name == "OAUTHBEARER";
        let response = |token: &str| {
            if is_bearer {
                format!(
                    "n,a={user},\x01host={}\x01port={}\x01auth=Bearer {token}\x01\x01",
                    link.server, link.port
                )
            } else {
                format!("user={user}\x01auth=Bearer {token}\x01\x01")
            }
        };
        let (sent, shown) = (response(&self.password()), response(&self.shown_password()));
        let shown = if self.plan.shows_plaintext {
            shown.replace('\x01', "\\1")
        } else {
            base64(&shown)
        };
        let reply = self.talk.perform(Step {
            shown: Some(format!("AUTH {name} {shown}")),
            ..Step::new(format!("AUTH {name} {}", base64(&sent)), &["235"])
        })?;
        if reply.text.starts_with("334") {
            let end = if is_bearer { "AQ==" } else { "" };
            self.perform(Step::new(end, &["235"]))?;
        }
        Ok(reply.is_expected)
    }
}

fn base64(text: &str) -> String {
    encoded(&octets::bytes(text))
}

fn hmac_md5(key: &[u8], text: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else {
        // HMAC takes keys of any length.
        return Vec::new();
    };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hmac_sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = ring_hmac::Key::new(ring_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    ring_hmac::sign(&key, text).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cram_has_the_digest_of_rfc_2195() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            hex(&hmac_md5(b"tanstaaftanstaaf", challenge)),
            "b913a602c7eda7a495b4e6e7334d3890"
        );
        // RFC 2202, test case 2.
        assert_eq!(
            hex(&hmac_sha1(b"Jefe", b"what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
    }

    #[test]
    fn a_failed_login_ends_the_session_unless_it_is_optional() {
        assert!(LoginFailure::Refused.ends(Demand::Strict));
        assert!(!LoginFailure::Refused.ends(Demand::Optional));
        assert!(!LoginFailure::NotOffered.ends(Demand::Strict));
    }
}
