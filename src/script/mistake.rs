//! The mistakes in a script, found before anything is sent.

use crate::script::statement::ScriptPosition;
use crate::system::exit::Exit;
use crate::system::text::shown;

/// A mistake in a script, or a script that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    #[error("{at}: {}", shown(.what))]
    Line { at: ScriptPosition, what: String },
    /// The file cannot be read.
    #[error("cannot read the script {}: {why}", shown(.file))]
    Unreadable {
        /// The name as given.
        file: String,
        /// The error of the system.
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
