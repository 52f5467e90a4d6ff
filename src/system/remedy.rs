//! Remedies of errors and findings, as data. A remedy is shown after its error, or on a line of its own.

use std::fmt;

/// The remedy of an error or a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A command line for the shell.
    Command(String),
    /// A DNS record to publish, in the form of a zone file.
    Record(String),
    /// A sentence, or lines of a file.
    Advice(String),
}

impl Remedy {
    pub fn text(&self) -> &str {
        match self {
            Self::Command(text) | Self::Record(text) | Self::Advice(text) => text,
        }
    }

    /// The word in JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Record(_) => "record",
            Self::Advice(_) => "advice",
        }
    }
}

impl From<&str> for Remedy {
    fn from(advice: &str) -> Self {
        Self::Advice(advice.to_owned())
    }
}

impl From<String> for Remedy {
    fn from(advice: String) -> Self {
        Self::Advice(advice)
    }
}

/// An error in a sentence without a full stop, and its remedy. `Display` has both: `the file is open; run: chmod 600
/// f`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorText {
    pub text: String,
    /// `None`: nothing corrects it, or nothing that is known.
    pub remedy: Option<Remedy>,
}

impl ErrorText {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            remedy: None,
        }
    }

    #[must_use]
    pub fn with_advice(self, advice: impl Into<String>) -> Self {
        self.with(Some(Remedy::Advice(advice.into())))
    }

    #[must_use]
    pub fn with_command(self, command: impl Into<String>) -> Self {
        self.with(Some(Remedy::Command(command.into())))
    }

    #[must_use]
    pub fn with(self, remedy: Option<Remedy>) -> Self {
        Self { remedy, ..self }
    }

    /// The same about this subject: a prefix of the sentence.
    #[must_use]
    pub fn about(self, subject: impl fmt::Display) -> Self {
        Self {
            text: format!("{subject}{}", self.text),
            ..self
        }
    }

    /// Both, without the word that introduces a command: `the file is open; chmod 600 f`.
    pub fn with_bare_command(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; {}", self.text, remedy.text()),
            None => self.text.clone(),
        }
    }
}

impl From<String> for ErrorText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for ErrorText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.remedy {
            Some(Remedy::Command(command)) => write!(f, "; run: {command}"),
            Some(remedy) => write!(f, "; {}", remedy.text()),
            None => Ok(()),
        }
    }
}

/// An error whose remedy is known. Its `Display` has the sentence and the remedy.
pub trait Correctable {
    fn error_text(&self) -> ErrorText;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedy_ends_the_sentence() {
        let open = ErrorText::new("f is accessible to others").with_command("chmod 600 f");
        assert_eq!(
            open.to_string(),
            "f is accessible to others; run: chmod 600 f"
        );
        assert_eq!(
            open.with_bare_command(),
            "f is accessible to others; chmod 600 f"
        );
        let late = ErrorText::new("no answer").with_advice("try again later");
        assert_eq!(
            late.about("DNS: ").to_string(),
            "DNS: no answer; try again later"
        );
        assert_eq!(ErrorText::from("no").to_string(), "no");
    }
}
