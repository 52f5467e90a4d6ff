//! The requirements of a script on the command line.

use crate::script::statement::{Act, Saying, Script, ScriptPosition, Statement};

/// The first position of each requirement; `None`: not required.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// A server: `connect` without a target.
    pub server: Option<ScriptPosition>,
    pub message: Option<ScriptPosition>,
    /// A user to log in as.
    pub login: Option<ScriptPosition>,
}

impl Demands {
    /// The requirements of a script.
    #[must_use]
    pub fn of(script: &Script) -> Self {
        let mut demands = Self::default();
        demands.walk(&script.statements);
        demands
    }

    fn walk(&mut self, statements: &[Statement]) {
        for Statement { at, act } in statements {
            match act {
                Act::Connect { target: None, .. } => note(&mut self.server, at),
                Act::Auth(_) => note(&mut self.login, at),
                Act::Say(said) => self.says(said, at),
                Act::SayTogether(all) => all.iter().for_each(|said| self.says(said, at)),
                Act::For { body, .. }
                | Act::Test { body, .. }
                | Act::Repeat(_, body)
                | Act::Parallel(_, body) => self.walk(body),
                _ => {}
            }
        }
    }

    fn says(&mut self, said: &Saying, at: &ScriptPosition) {
        let is_about_message = match said {
            Saying::Message(_) => true,
            Saying::Line(text, _) | Saying::Raw(text) | Saying::Slowly(text, _) => {
                text.variables().contains(&"message.size")
            }
            Saying::File(..) => false,
        };
        if is_about_message {
            note(&mut self.message, at);
        }
    }
}

fn note(slot: &mut Option<ScriptPosition>, at: &ScriptPosition) {
    slot.get_or_insert_with(|| at.clone());
}
