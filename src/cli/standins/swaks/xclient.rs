//! The XCLIENT commands of the command line.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::octets::is_true;
use crate::cli::standins::swaks::options::{Group, Key};
use crate::cli::standins::swaks::printer::Stop;
use crate::cli::standins::swaks::tls_options::Demand;

/// XCLIENT commands. Without any, the session has none.
#[derive(Clone, Debug, Default)]
pub struct XclientPlan {
    /// The arguments of the commands.
    pub commands: Vec<String>,
    /// The attributes that the server must offer.
    pub attributes: Vec<String>,
    pub demand: Demand,
    /// True if the attributes need not be offered.
    pub no_verify: bool,
    pub is_before_starttls: bool,
}

impl XclientPlan {
    pub fn read(given: &mut Given) -> Result<Self, Stop> {
        let mut plan = Self {
            demand: Demand::of(
                given.flag(Key::XclientOptional),
                given.flag(Key::XclientOptionalStrict),
            ),
            no_verify: given.flag(Key::XclientNoVerify),
            is_before_starttls: given.flag(Key::XclientBeforeStarttls),
            ..Self::default()
        };
        let mut pieces = Vec::new();
        for key in given.order(Group::Xclient).to_vec() {
            if matches!(key, Key::XclientDelim | Key::XclientRaw) {
                plan.add(&mut pieces);
                if key == Key::XclientRaw {
                    plan.commands.extend(given.take(key)?);
                }
            } else if let Some(value) = given.take(key)?.filter(|value| is_true(value)) {
                let name = key.name().strip_prefix("xclient-").unwrap_or_default();
                let name = name.to_ascii_uppercase().replace('-', "_");
                pieces.push(format!("{name}={}", xtext(&value)));
                plan.attributes.push(name);
            }
        }
        plan.add(&mut pieces);
        Ok(plan)
    }

    fn add(&mut self, pieces: &mut Vec<String>) {
        if !pieces.is_empty() {
            self.commands.push(pieces.join(" "));
            pieces.clear();
        }
    }
}

/// xtext as swaks writes it: of the octets above 127, it encodes only the last one.
fn xtext(text: &str) -> String {
    let encoded = text.chars().map(|character| match character {
        '+' | '=' | '\0'..=' ' | '\u{ff}' => format!("+{:02X}", u32::from(character)),
        other => other.to_string(),
    });
    encoded.collect()
}
