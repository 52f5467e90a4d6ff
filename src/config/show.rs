//! Output of a profile as TOML.

use crate::config::{Profile, TableKind, Value};
use crate::system::text::shown;

impl Profile {
    /// The profile with all that it inherits, in a form that can be pasted. A comment names the origin of
    /// each inherited key.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!("[profile.{}]\n", name(&self.name));
        for setting in &self.settings {
            text.push_str(&format!("{} = {}", setting.key, value(&setting.value)));
            if let TableKind::Profile(other) = &setting.table
                && *other != self.name
            {
                text.push_str(&format!("  # from profile {}", quoted(other)));
            }
            text.push('\n');
        }
        text
    }
}

fn name(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_bare) {
        return name.to_owned();
    }
    quoted(name)
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Number(number) => number.clone(),
        Value::Flag(given) => given.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(self::value).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

/// A basic string without characters that could control a terminal.
fn quoted(text: &str) -> String {
    let mut safe = String::from("\"");
    for character in text.chars() {
        let mut buffer = [0; 4];
        match character {
            '"' | '\\' => safe.extend(['\\', character]),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            other if shown(other.encode_utf8(&mut buffer)).len() > other.len_utf8() => {
                safe.push_str(&format!("\\U{:08X}", u32::from(other)));
            }
            other => safe.push(other),
        }
    }
    safe.push('"');
    safe
}
