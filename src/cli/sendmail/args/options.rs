//! The values of the options of sendmail.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::cli::sendmail::args::getopt::{GetoptError, Word};
use crate::cli::sendmail::args::{QueueSelection, SendmailMode};
use crate::mail::envelope::{Dsn, NotifyOn, Return};
use crate::queue::FirstTry;
use crate::system::text::{in_charset, shown};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// A command line of sendmail.
#[derive(Debug)]
pub struct SendmailOptions {
    /// The mode (`-b`, `-q`, `-I`).
    pub mode: SendmailMode,
    /// The operands.
    pub recipients: Vec<String>,
    /// `-t`.
    pub of_header: bool,
    /// True if a line with a single dot is text (`-i`).
    pub dots_are_text: bool,
    /// `-f` and `-r`; empty is the null sender.
    pub sender: Option<String>,
    /// `-F`.
    pub full_name: Option<String>,
    /// `-N`, `-R` and `-V`.
    pub dsn: Dsn,
    /// `-U` and `-O smtputf8`.
    pub utf8: bool,
    /// `-O requiretls`.
    pub needs_tls: bool,
    /// `-od` and `-O DeliveryMode`.
    pub first: Option<FirstTry>,
    /// `-v`.
    pub verbose: bool,
    /// `-X`.
    pub log: Option<PathBuf>,
    /// `-C`.
    pub config: Option<PathBuf>,
    /// `-4` and `-6`, as options of the sending command.
    pub family: Option<&'static str>,
}

impl SendmailOptions {
    /// Interprets the words. `mode` applies unless they select another one.
    pub fn of(mode: SendmailMode, items: Vec<Word>) -> Result<Self, UsageError> {
        let mut options = Self::nothing(mode);
        for item in items {
            match item {
                Word::Flag(letter) => options.flag(letter)?,
                Word::Option(letter, value) => options.option(letter, value)?,
                Word::Operand(word) => options.recipients.push(recipient(word)?),
            }
        }
        Ok(options)
    }

    fn nothing(mode: SendmailMode) -> Self {
        Self {
            mode,
            recipients: Vec::new(),
            of_header: false,
            dots_are_text: false,
            sender: None,
            full_name: None,
            dsn: Dsn::default(),
            utf8: false,
            needs_tls: false,
            first: None,
            verbose: false,
            log: None,
            config: None,
            family: None,
        }
    }

    fn flag(&mut self, letter: char) -> Result<(), UsageError> {
        match letter {
            't' => self.of_header = true,
            'i' => self.dots_are_text = true,
            'v' => self.verbose = true,
            'U' => self.utf8 = true,
            'I' => self.mode = SendmailMode::Nothing,
            '4' => self.family("--ipv4")?,
            '6' => self.family("--ipv6")?,
            // -c, -E, -G, -m, -n and -x have no effect.
            _ => {}
        }
        Ok(())
    }

    fn family(&mut self, option: &'static str) -> Result<(), UsageError> {
        match self.family.replace(option) {
            Some(other) if other != option => Err(UsageError::usage(
                "sendmail: -4 and -6 cannot be combined; use one of them",
            )),
            _ => Ok(()),
        }
    }

    fn option(&mut self, letter: char, value: OsString) -> Result<(), UsageError> {
        match letter {
            // Files may have any name, and names any charset.
            'X' => self.log = Some(log(value)?),
            'C' => self.config = Some(value.into()),
            'F' => self.full_name = Some(in_charset(value.as_bytes(), None).into_owned()),
            _ => {
                let text = text(letter, &value)?;
                self.setting(letter, text)?;
            }
        }
        Ok(())
    }

    fn setting(&mut self, letter: char, value: &str) -> Result<(), UsageError> {
        match letter {
            'f' | 'r' => self.sender = Some(reverse_path(value)),
            'b' => self.mode = mode(value)?,
            'q' => self.mode = queue_run(value)?,
            'B' => body(value)?,
            'N' => self.dsn.notify = Some(notify(value)?),
            'R' => self.dsn.ret = Some(returned(value)?),
            'V' => self.dsn.envid = Some(envelope_id(value)?),
            'o' => self.short(value),
            'O' => self.long(value),
            // -A, -D, -d, -e, -h, -L and -p have no effect.
            _ => {}
        }
        Ok(())
    }

    /// Options of sendmail's configuration by their old names of one character.
    fn short(&mut self, option: &str) {
        let mut rest = option.chars();
        match rest.next() {
            Some('i') => self.dots_are_text = is_true(rest.as_str()),
            Some('d') => self.delivery_mode(rest.as_str()),
            _ => {}
        }
    }

    /// The same by their long names, as `name=value`.
    fn long(&mut self, option: &str) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "deliverymode" => self.delivery_mode(value.trim()),
            "ignoredots" => self.dots_are_text = is_true(value),
            "smtputf8" => self.utf8 = is_true(value),
            "requiretls" => self.needs_tls = is_true(value),
            _ => {}
        }
    }

    /// Interactive, in the background, or with the next queue run.
    fn delivery_mode(&mut self, mode: &str) {
        self.first = match mode.chars().next() {
            Some('i' | 'I') => Some(FirstTry::Now),
            Some('b' | 'B') => Some(FirstTry::Background),
            Some('q' | 'Q' | 'd' | 'D') => Some(FirstTry::Later),
            _ => self.first,
        };
    }
}

/// Options that ehlo does not know.
impl From<GetoptError> for UsageError {
    fn from(error: GetoptError) -> Self {
        match error {
            GetoptError::Unknown('-') => {
                Self::usage("sendmail: long options are not supported; see ehlo-sendmail(1)")
            }
            GetoptError::Unknown(letter) => Self::usage(format!(
                "sendmail: unknown option -{}; see ehlo-sendmail(1)",
                shown(&letter.to_string())
            )),
            GetoptError::Missing(letter) => {
                Self::usage(format!("sendmail: -{letter} needs a value"))
            }
        }
    }
}

fn text(letter: char, value: &OsStr) -> Result<&str, UsageError> {
    let text = value.to_str();
    text.ok_or_else(|| {
        UsageError::data(format!(
            "sendmail: the value of -{letter} is not valid UTF-8"
        ))
    })
}

fn recipient(word: OsString) -> Result<String, UsageError> {
    word.into_string().map_err(|word| {
        let word = shown(&word.to_string_lossy());
        UsageError::data(format!("recipient \"{word}\" is not valid UTF-8"))
    })
}

/// `<>` is the null sender; brackets around an address are ignored.
fn reverse_path(value: &str) -> String {
    let value = value.trim();
    let inside = value
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    inside.unwrap_or(value).to_owned()
}

/// The value of a boolean option of sendmail; true without a value.
fn is_true(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || value.starts_with(['t', 'T', 'y', 'Y', '1'])
}

fn mode(value: &str) -> Result<SendmailMode, UsageError> {
    match value {
        "m" => Ok(SendmailMode::Submit),
        "s" => Ok(SendmailMode::Serve),
        "v" => Ok(SendmailMode::Verify),
        "p" => Ok(SendmailMode::List),
        "i" | "h" | "H" => Ok(SendmailMode::Nothing),
        "d" | "D" | "l" => Err(UsageError::usage(format!(
            "sendmail: -b{value}: ehlo is not a mail server; to run the queue continuously, use ehlo queue run --watch"
        ))),
        "t" => Err(UsageError::usage(
            "sendmail: -bt is not supported; to check the configuration, use ehlo config check",
        )),
        _ => Err(unsupported('b', value)),
    }
}

fn unsupported(letter: char, value: &str) -> UsageError {
    let value = shown(value);
    UsageError::usage(format!(
        "sendmail: -{letter}{value} is not supported; see ehlo-sendmail(1)"
    ))
}

/// The queue, or a part of it, due or not. An interval means one run of due items: there is no daemon.
fn queue_run(value: &str) -> Result<SendmailMode, UsageError> {
    let about = |why: String| UsageError::usage(format!("sendmail: -q{}: {why}", shown(value)));
    let mut selection = QueueSelection {
        now: true,
        ..QueueSelection::default()
    };
    let mut rest = value.chars();
    match (rest.next(), rest.as_str()) {
        (None, _) | (Some('f'), "") => {}
        (Some('0'..='9'), _) => selection.now = false,
        (Some('I'), id) => selection.ids.push(value::item(id).map_err(about)?),
        (Some('R'), domain) => selection
            .domains
            .push(value::domain(domain).map_err(about)?),
        _ => return Err(unsupported('q', value)),
    }
    Ok(SendmailMode::Run(selection))
}

/// Checks the declared body type. The message is examined anyway, and sent according to its contents.
fn body(value: &str) -> Result<(), UsageError> {
    let known = ["7BIT", "8BITMIME"];
    if known.iter().any(|one| one.eq_ignore_ascii_case(value)) {
        return Ok(());
    }
    Err(UsageError::usage("sendmail: -B needs 7BIT or 8BITMIME"))
}

/// RFC 3461 §4.1.
fn notify(value: &str) -> Result<NotifyOn, UsageError> {
    let mut notify = NotifyOn::default();
    if value.eq_ignore_ascii_case("never") {
        return Ok(notify);
    }
    for word in value.split(',') {
        match word.trim().to_ascii_lowercase().as_str() {
            "success" => notify.success = true,
            "failure" => notify.failure = true,
            "delay" => notify.delay = true,
            _ => {
                return Err(UsageError::usage(
                    "sendmail: -N needs never, or any of success,failure,delay",
                ));
            }
        }
    }
    Ok(notify)
}

/// RFC 3461 §4.3.
fn returned(value: &str) -> Result<Return, UsageError> {
    match value.to_ascii_lowercase().as_str() {
        "full" => Ok(Return::Full),
        "hdrs" => Ok(Return::Headers),
        _ => Err(UsageError::usage("sendmail: -R needs full or hdrs")),
    }
}

/// RFC 3461 §4.4.
fn envelope_id(value: &str) -> Result<String, UsageError> {
    let is_printable = |byte: u8| (b' '..=b'~').contains(&byte);
    if (1..=100).contains(&value.len()) && value.bytes().all(is_printable) {
        return Ok(value.to_owned());
    }
    Err(UsageError::usage(
        "sendmail: -V needs an envelope ID of 1 to 100 printable ASCII characters",
    ))
}

/// A file for transcripts. `-XV` is VERP for callers of Postfix, and not a file.
fn log(value: OsString) -> Result<PathBuf, UsageError> {
    let verp = value
        .to_str()
        .filter(|text| text.starts_with('V') && matches!(text.len(), 1 | 3));
    match verp {
        Some(verp) => Err(unsupported('X', verp)),
        None if value.is_empty() => Err(UsageError::usage("sendmail: -X needs a file name")),
        None => Ok(value.into()),
    }
}
