//! What is wrong with a script, found before anything is sent.

use crate::script::statement::ScriptPosition;
use crate::system::exit::Exit;
use crate::system::text::shown;

/// A mistake in a script, or a script that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    #[error("{at}: {}", shown(.what))]
    Line { at: ScriptPosition, what: String },
    /// The file cannot be read.
    #[error("cannot read the script {}: {why}", shown(.file))]
    Unreadable {
        /// As it was named.
        file: String,
        /// What the system says.
        why: String,
    },
}

impl Mistake {
    /// The exit status for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Line { .. } => Exit::Data,
            Self::Unreadable { .. } => Exit::NoInput,
        }
    }
}
