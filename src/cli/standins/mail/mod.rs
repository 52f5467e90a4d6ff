//! mail, mailx, s-nail, nail and mutt in send mode: their options become a composed message, which goes the way of
//! sendmail, or to the server that their own settings name.

mod address;
mod args;
mod compose;
mod escapes;
mod header;
mod mutt;
mod run;
mod settings;

pub(crate) use args::MailArgs;
pub(crate) use run::run;

use crate::system::exit::Exit;
use crate::system::text::shown;
use std::ffi::OsString;

/// The program whose command line is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailStyle {
    /// `mail` and `mailx`, which are bsd-mailx, heirloom mailx, s-nail or GNU mail, depending on the system.
    Any,
    /// `s-nail` and `nail`.
    Nail,
    Mutt,
}

/// Parses the words after the name of a program.
pub(crate) fn parse(
    style: MailStyle,
    name: &'static str,
    words: &[OsString],
) -> Result<MailArgs, MailError> {
    match style {
        MailStyle::Mutt => mutt::parse(words),
        MailStyle::Any | MailStyle::Nail => MailArgs::parse(style, name, words),
    }
}

/// An error in the words of the program, and its exit status.
#[derive(Debug)]
pub struct MailError {
    /// Complete lines without the last line end.
    pub text: String,
    pub exit: Exit,
}

impl MailError {
    fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit,
        }
    }
}

impl MailStyle {
    /// The exit status for a wrong command line.
    fn usage(self) -> Exit {
        match self {
            Self::Any | Self::Mutt => Exit::ExpectationFailed,
            Self::Nail => Exit::Usage,
        }
    }

    /// The exit status for a message that was not sent.
    fn not_sent(self, exit: Exit) -> Exit {
        match self {
            Self::Any => exit,
            Self::Nail => Exit::Command(4),
            Self::Mutt => Exit::ExpectationFailed,
        }
    }
}

/// Writes a line to stderr.
fn complain(name: &str, text: &str) {
    crate::cli::terminal::complain_escaped(&format!("{name}: {}\n", shown(text)));
}
