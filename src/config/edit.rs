//! Adds a profile to the text of a configuration. Comments and everything else stay as they are.

use crate::config::keys::may_hold_secret;
use crate::config::read::syntax_error;
use crate::config::{ConfigFault, ConfigPosition};
use crate::system::quote::toml_string;
use toml::de::{DeTable, DeValue};

/// A profile to add.
#[derive(Clone, Debug, Default)]
pub struct NewProfile {
    pub name: String,
    /// Keys and their values, which become strings.
    pub settings: Vec<(&'static str, String)>,
}

/// The profiles that a text has, and its default.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outline {
    pub default: Option<String>,
    pub profiles: Vec<String>,
}

type Positioned = Box<(ConfigPosition, ConfigFault)>;

/// The names in this text.
///
/// # Errors
/// It is not valid TOML.
pub fn outline(text: &str) -> Result<Outline, Positioned> {
    let table = DeTable::parse(text).map_err(|error| Box::new(syntax_error(text, &error)))?;
    let value = |key: &str| {
        let mut entries = table.get_ref().iter();
        let found = entries.find(|(name, _)| name.get_ref() == key);
        found.map(|(_, value)| value.get_ref())
    };
    let default = match value("default") {
        Some(DeValue::String(name)) => Some(name.to_string()),
        _ => None,
    };
    let profiles = match value("profile") {
        Some(DeValue::Table(table)) => table
            .keys()
            .map(|name| name.get_ref().to_string())
            .collect(),
        _ => Vec::new(),
    };
    Ok(Outline { default, profiles })
}

impl NewProfile {
    /// True if a command in it may contain a secret.
    #[must_use]
    pub fn may_hold_secret(&self) -> bool {
        self.settings.iter().any(|(key, _)| may_hold_secret(key))
    }

    /// The table of the profile.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!("[profile.{}]\n", crate::config::name(&self.name));
        for (key, value) in &self.settings {
            text.push_str(&format!("{key} = {}\n", toml_string(value)));
        }
        text
    }

    /// The text with the profile at its end. With `is_default`, `default` names it.
    ///
    /// # Errors
    /// The text is not valid TOML.
    pub fn add_to(&self, text: &str, is_default: bool) -> Result<String, Positioned> {
        let mut new = if is_default {
            with_default(text, &self.name)?
        } else {
            text.to_owned()
        };
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        if !new.is_empty() {
            new.push('\n');
        }
        new.push_str(&self.to_toml());
        Ok(new)
    }
}

/// The text with this default. A key outside of all tables must precede them.
fn with_default(text: &str, name: &str) -> Result<String, Positioned> {
    let table = DeTable::parse(text).map_err(|error| Box::new(syntax_error(text, &error)))?;
    let mut entries = table.get_ref().iter();
    let found = entries.find(|(key, _)| key.get_ref() == "default");
    let value = toml_string(name);
    Ok(match found {
        Some((_, old)) => {
            let mut new = text.to_owned();
            new.replace_range(old.span(), &value);
            new
        }
        None => format!("default = {value}\n{text}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> NewProfile {
        NewProfile {
            name: "my mail".to_owned(),
            settings: vec![
                ("relay", "a.example:587".to_owned()),
                ("user", "x\"y".to_owned()),
            ],
        }
    }

    const TABLE: &str = "[profile.\"my mail\"]\nrelay = \"a.example:587\"\nuser = \"x\\\"y\"\n";

    #[test]
    fn profile_is_appended_and_the_rest_stays() {
        for (text, is_default, start) in [
            ("", false, ""),
            ("", true, "default = \"my mail\"\n\n"),
            (
                "# a\n[queue]\nspread = 1",
                false,
                "# a\n[queue]\nspread = 1\n\n",
            ),
            (
                "# a\n[queue]\n",
                true,
                "default = \"my mail\"\n# a\n[queue]\n\n",
            ),
            (
                "# a\ndefault = 'b' # c\n[profile.b]\n",
                true,
                "# a\ndefault = \"my mail\" # c\n[profile.b]\n\n",
            ),
        ] {
            let new = profile().add_to(text, is_default).unwrap();
            assert_eq!(new, format!("{start}{TABLE}"));
            assert_eq!(outline(&new).unwrap().profiles.last().unwrap(), "my mail");
        }
    }

    #[test]
    fn outline_has_default_and_profiles() {
        let right = Outline {
            default: Some("b".to_owned()),
            profiles: vec!["b".to_owned(), "a".to_owned()],
        };
        let text = "default = \"b\"\n[profile.b]\n[profile.a]\n";
        assert_eq!(outline(text).unwrap(), right);
        assert!(outline("x =").is_err());
    }
}
