//! The options of AUTH.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::is_true;
use crate::cli::standins::swaks::options::{Answer, Key, Prompt};
use crate::cli::standins::swaks::printer::Stop;
use crate::cli::standins::swaks::tls_options::Demand;
use crate::client::credentials;
use crate::system::secret::{Login, Proof, Secret};
use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

/// Shown instead of a password.
pub const HIDDEN: &str = "PROVIDED_BUT_REMOVED";

/// The variable with which secrets are shown as swaks shows them.
const SHOW_SECRETS: &str = "EHLO_SWAKS_SECRETS";

/// Names of types, as aliases of the types that are implemented.
const ALIASES: [(&str, &str); 9] = [
    ("PLAIN", "PLAIN"),
    ("LOGIN", "LOGIN"),
    ("CRAM-MD5", "CRAM-MD5"),
    ("DIGEST-MD5", "DIGEST-MD5"),
    ("CRAM-SHA1", "CRAM-SHA1"),
    ("NTLM", "NTLM"),
    ("SPA", "NTLM"),
    ("MSN", "NTLM"),
    ("LOGIN-INITIAL", "LOGIN"),
];

/// The status for types of which none is known.
const NO_TYPE: u8 = 10;

/// The options as they were given, before the rest of the command line is read.
#[derive(Clone, Debug)]
pub struct AuthUse {
    user: Option<String>,
    password: Option<String>,
    types: Option<String>,
    optional: Option<String>,
    strict: Option<String>,
}

impl AuthUse {
    /// Reads the options. A protocol with AUTH needs no option for it.
    pub fn read(is_in_protocol: bool, given: &Given) -> Self {
        let value = |key| given.raw(key).map(str::to_owned);
        let mut auth = Self {
            user: value(Key::AuthUser),
            password: value(Key::AuthPassword),
            optional: value(Key::AuthOptional),
            strict: value(Key::AuthOptionalStrict),
            types: value(Key::Auth),
        };
        let all = [
            &auth.user,
            &auth.password,
            &auth.optional,
            &auth.strict,
            &auth.types,
        ];
        let is_said = all.into_iter().flatten().any(|value| is_true(value));
        if is_in_protocol && !is_said {
            auth.types = Some(String::new());
        }
        auth
    }

    pub fn demand(&self) -> Demand {
        Demand::of(self.optional.is_some(), self.strict.is_some())
    }

    /// The requested types; `None`: no AUTH.
    fn requested(&self) -> Option<Requested> {
        let lists = [&self.types, &self.strict, &self.optional];
        let list = lists.into_iter().flatten().find(|list| is_true(list));
        if let Some(list) = list {
            let names = octets::parts(list, ",").into_iter();
            return Some(Requested::Types(
                names.map(str::to_ascii_uppercase).collect(),
            ));
        }
        let all = [
            &self.types,
            &self.user,
            &self.password,
            &self.optional,
            &self.strict,
        ];
        all.into_iter()
            .any(Option::is_some)
            .then_some(Requested::Any)
    }
}

enum Requested {
    Any,
    Types(Vec<String>),
}

/// Aliases of types.
#[derive(Clone, Debug, Default)]
pub struct AuthMap {
    /// The type of each alias.
    types: BTreeMap<String, String>,
    /// The aliases of each type.
    pub aliases: BTreeMap<String, Vec<String>>,
}

impl AuthMap {
    fn add(&mut self, alias: &str, name: &str) {
        self.types.insert(alias.to_owned(), name.to_owned());
        let aliases = self.aliases.entry(name.to_owned()).or_default();
        aliases.push(alias.to_owned());
    }

    /// True if the alias stands for this type.
    pub fn has(&self, name: &str, alias: &str) -> bool {
        let aliases = self.aliases.get(name);
        aliases.is_some_and(|aliases| aliases.iter().any(|one| one == alias))
    }
}

/// A login.
#[derive(Clone, Debug)]
pub struct AuthPlan {
    /// The names of the types to try, in their order.
    pub types: Vec<String>,
    /// True if no type was named.
    pub is_any: bool,
    pub map: AuthMap,
    pub extras: BTreeMap<String, String>,
    pub user: String,
    pub password: Secret,
    /// True if AUTH is shown decoded.
    pub shows_plaintext: bool,
    /// `--auth-hide-password`.
    pub hidden: Option<String>,
}

/// What the options of AUTH come to.
#[derive(Clone, Debug)]
pub struct AuthOutcome {
    /// `None`: no AUTH, or none of the requested types is known.
    pub plan: Option<AuthPlan>,
    pub demand: Demand,
}

impl AuthPlan {
    /// The text that is shown instead of the password; `None`: the password is shown.
    pub fn substitute(&self) -> Option<&str> {
        match &self.hidden {
            Some(text) => Some(text),
            None if shows_secrets() => None,
            None => Some(HIDDEN),
        }
    }
}

/// True if passwords are shown, as in swaks.
pub fn shows_secrets() -> bool {
    env::var_os(SHOW_SECRETS).is_some_and(|value| value == "shown")
}

/// Decides types, user and password. `server` is the machine in `~/.netrc`.
pub fn read(auth: &AuthUse, server: &str, given: &mut Given) -> Result<AuthOutcome, Stop> {
    let demand = auth.demand();
    let mut outcome = AuthOutcome { plan: None, demand };
    let Some(requested) = auth.requested() else {
        return Ok(outcome);
    };
    let map = map(given)?;
    let extras = extras(given)?;
    let is_any = matches!(requested, Requested::Any);
    let types = match requested {
        Requested::Types(names) if names.first().is_none_or(|name| name != "ANY") => names,
        _ => map.types.keys().cloned().collect(),
    };
    let types = known(types, &map, given);
    if types.is_empty() {
        given.printer.error("No auth types supported");
        return match demand {
            Demand::Required => Err(Stop(NO_TYPE)),
            Demand::Optional | Demand::Strict => Ok(outcome),
        };
    }
    let user = user(auth, server, given)?;
    let password = password(auth, server, &user, given)?;
    let hidden = given.take(Key::AuthHidePassword)?;
    outcome.plan = Some(AuthPlan {
        types,
        is_any,
        map,
        extras,
        user,
        password,
        shows_plaintext: given.flag(Key::AuthPlaintext),
        hidden: hidden
            .map(|text| octets::true_or_none(Some(text)).unwrap_or_else(|| HIDDEN.to_owned())),
    });
    Ok(outcome)
}

/// A type that takes the password as an OAuth token. swaks does not have them; they are used only if they are named.
pub fn token_type(name: &str) -> Option<&'static str> {
    ["XOAUTH2", "OAUTHBEARER"]
        .into_iter()
        .find(|one| *one == name)
}

fn known(types: Vec<String>, map: &AuthMap, given: &mut Given) -> Vec<String> {
    let mut known = Vec::new();
    for name in types {
        if map.types.contains_key(&name) || token_type(&name).is_some() {
            known.push(name);
        } else {
            let error = format!("{name} is not a recognized auth type, skipping");
            given.printer.error(&error);
        }
    }
    known
}

fn map(given: &mut Given) -> Result<AuthMap, Stop> {
    let mut map = AuthMap::default();
    for pair in pairs(Key::AuthMap, given)? {
        map.add(&pair.0, &pair.1);
    }
    for (alias, name) in ALIASES {
        map.add(alias, name);
    }
    Ok(map)
}

/// Realm, domain, and the names for DIGEST-MD5. A domain is also the realm.
fn extras(given: &mut Given) -> Result<BTreeMap<String, String>, Stop> {
    let pairs = pairs(Key::AuthExtra, given)?.into_iter();
    let mut extras: BTreeMap<String, String> = pairs
        .map(|(name, value)| (name.to_ascii_uppercase(), value))
        .collect();
    let domain = octets::true_or_none(extras.get("DOMAIN").cloned());
    if let Some(domain) = domain {
        extras.insert("REALM".to_owned(), domain);
    }
    Ok(extras)
}

/// A list such as `NAME=VALUE,NAME=VALUE`.
fn pairs(key: Key, given: &mut Given) -> Result<Vec<(String, String)>, Stop> {
    let list = given.take(key)?.unwrap_or_default();
    let items = octets::parts(&list, ",");
    let count = items.len();
    let mut pairs = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        // Blanks around the commas do not count.
        let item = if place > 0 {
            item.trim_ascii_start()
        } else {
            item
        };
        let item = if place + 1 < count {
            item.trim_ascii_end()
        } else {
            item
        };
        match item.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                pairs.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                let error = format!("Unknown {} format '{item}'", key.name());
                return Err(given.printer.stop(1, &error));
            }
        }
    }
    Ok(pairs)
}

fn user(auth: &AuthUse, server: &str, given: &mut Given) -> Result<String, Stop> {
    let user = octets::true_or_none(auth.user.clone());
    let user = user.or_else(|| octets::true_or_none(netrc_user(server)));
    let user = match user {
        Some(user) => user,
        None => given.take_or_ask(Key::AuthUser, prompt("Username: ", false))?,
    };
    Ok(without_brackets(user))
}

fn password(auth: &AuthUse, server: &str, user: &str, given: &mut Given) -> Result<Secret, Stop> {
    let password = octets::true_or_none(auth.password.clone());
    let password = password.or_else(|| octets::true_or_none(netrc_password(server, user)));
    let password = match password {
        Some(password) => password,
        None => given.take_or_ask(Key::AuthPassword, prompt("Password: ", true))?,
    };
    Ok(Secret::new(octets::bytes(&without_brackets(password))))
}

/// The user of the server in `~/.netrc`.
fn netrc_user(server: &str) -> Option<String> {
    let user = netrc_login(server, None)?.user?;
    Some(octets::of_bytes(user.as_bytes()))
}

fn netrc_password(server: &str, user: &str) -> Option<String> {
    match netrc_login(server, Some(user))?.proof {
        Proof::Password(secret) => Some(octets::of_bytes(secret.expose())),
        Proof::Token(_) | Proof::Elsewhere => None,
    }
}

/// The entry of the server in `~/.netrc`, or the default entry. A file that others can read is not used, as in swaks.
fn netrc_login(server: &str, user: Option<&str>) -> Option<Login> {
    let path = PathBuf::from(env::var_os("HOME")?).join(".netrc");
    let user = user.map(octets::utf8);
    credentials::find_in_netrc(&path, &octets::utf8(server), user.as_deref()).ok()?
}

fn prompt(text: &'static str, is_secret: bool) -> Prompt {
    Prompt {
        text,
        answer: Answer::Any,
        is_secret,
    }
}

/// `<>` is the empty text.
fn without_brackets(text: String) -> String {
    if text == "<>" { String::new() } else { text }
}
