//! The command lines of mail, mailx, s-nail and nail.

use crate::cli::standins::getopt::{
    GivenOption, LongOption, OptionArgument, OptionName, OptionTable,
};
use crate::cli::standins::mail::{MailError, MailStyle};
use crate::system::exit::Exit;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A message to send, as a command line describes it.
#[derive(Debug)]
pub struct MailArgs {
    pub style: MailStyle,
    /// The program in error texts.
    pub name: &'static str,
    pub subject: Option<String>,
    /// Operands: addresses, or lists of them.
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    /// The author and envelope sender (`-r`).
    pub from: Option<String>,
    /// Header fields, `NAME: VALUE`, possibly several lines.
    pub fields: Vec<String>,
    pub files: Vec<MailFile>,
    /// Files whose content precedes the text (`-q`, and `-i` of mutt).
    pub before: Vec<PathBuf>,
    /// A file with the text, instead of standard input (`-m` of s-nail).
    pub text: Option<PathBuf>,
    /// The media type of the text (`-M` of s-nail).
    pub text_type: Option<String>,
    /// A file with header and text (`-H` of mutt).
    pub draft: Option<PathBuf>,
    /// True if standard input begins with a header (`-t`).
    pub reads_header: bool,
    /// True if a message without a text is not sent (`-E`).
    pub skips_empty: bool,
    /// True if lines with a tilde in the text are commands (`-I`, `-~`).
    pub has_escapes: bool,
    pub is_verbose: bool,
    /// True if the message is printed and not sent (`-d`).
    pub is_dry: bool,
    /// True with an option about a mailbox, which has no effect on a message with recipients.
    pub asks_to_read: bool,
    /// Variables (`-S`), or commands (`-e` of mutt).
    pub settings: Vec<String>,
    pub account: Option<String>,
    /// The configuration of the program; `None`: the default one.
    pub config: Option<PathBuf>,
    /// True if no configuration of the program is read.
    pub without_config: bool,
}

/// A file to attach.
#[derive(Debug)]
pub struct MailFile {
    pub path: PathBuf,
    /// `None`: derived from its name.
    pub media_type: Option<String>,
    pub name: Option<String>,
}

/// The options of mail and mailx on all systems. `--text-type` is `-M TYPE`, see [`rewritten`].
static ANY: OptionTable = OptionTable {
    program: "mail",
    short: "a:A:b:Bc:C:dDeEfFHiIL:m:nNpq:r:Rs:S:tT:u:vVX:Y:~#",
    long: &[
        LongOption::of_short("attach", OptionArgument::Required, 'A'),
        LongOption::of_short("append", OptionArgument::Required, 'a'),
        LongOption::of_short("subject", OptionArgument::Required, 's'),
        LongOption::of_short("return-address", OptionArgument::Required, 'r'),
        LongOption::of_short("from-address", OptionArgument::Required, 'r'),
        LongOption::of_short("custom-header", OptionArgument::Required, 'C'),
        LongOption::of_short("bcc", OptionArgument::Required, 'b'),
        LongOption::of_short("cc", OptionArgument::Required, 'c'),
        LongOption::of_short("quote-file", OptionArgument::Required, 'q'),
        LongOption::of_short("discard-empty-messages", OptionArgument::None, 'E'),
        LongOption::of_short("enable-cmd-escapes", OptionArgument::None, '~'),
        LongOption::of_short("template", OptionArgument::None, 't'),
        LongOption::of_short("to", OptionArgument::None, 't'),
        LongOption::of_short("target", OptionArgument::Required, 'T'),
        LongOption::of_short("verbose", OptionArgument::None, 'v'),
        LongOption::of_short("version", OptionArgument::None, 'V'),
        LongOption::of_short("norc", OptionArgument::None, 'n'),
        LongOption::of_short("ignore", OptionArgument::None, 'i'),
        LongOption::of_short("nosum", OptionArgument::None, 'N'),
        LongOption::of_short("exist", OptionArgument::None, 'e'),
        LongOption::of_short("file", OptionArgument::Optional, 'f'),
        LongOption::of_short("headers", OptionArgument::None, 'H'),
        LongOption::of_short("user", OptionArgument::Required, 'u'),
        LongOption::alone("content-type", OptionArgument::Required),
        LongOption::alone("content-name", OptionArgument::Required),
        LongOption::alone("content-filename", OptionArgument::Required),
        LongOption::alone("encoding", OptionArgument::Required),
        LongOption::alone("mime", OptionArgument::None),
        LongOption::alone("text-type", OptionArgument::Required),
        LongOption::alone("help", OptionArgument::None),
    ],
};

static NAIL: OptionTable = OptionTable {
    program: "s-nail",
    short: "a:A:b:Bc:C:dDeEfFHhiL:m:nNq:r:Rs:S:tT:u:vVX:Y:~#",
    long: &[
        LongOption::of_short("account", OptionArgument::Required, 'A'),
        LongOption::of_short("attach", OptionArgument::Required, 'a'),
        LongOption::of_short("batch-mode", OptionArgument::None, '#'),
        LongOption::of_short("bcc", OptionArgument::Required, 'b'),
        LongOption::of_short("cc", OptionArgument::Required, 'c'),
        LongOption::of_short("check-and-exit", OptionArgument::None, 'e'),
        LongOption::of_short("cmd", OptionArgument::Required, 'Y'),
        LongOption::of_short("custom-header", OptionArgument::Required, 'C'),
        LongOption::of_short("debug", OptionArgument::None, 'd'),
        LongOption::of_short("discard-empty-messages", OptionArgument::None, 'E'),
        LongOption::of_short("disconnected", OptionArgument::None, 'D'),
        LongOption::of_short("enable-cmd-escapes", OptionArgument::None, '~'),
        LongOption::of_short("file", OptionArgument::None, 'f'),
        LongOption::of_short("from-address", OptionArgument::Required, 'r'),
        LongOption::of_short("header-summary", OptionArgument::None, 'H'),
        LongOption::of_short("help", OptionArgument::None, 'h'),
        LongOption::of_short("inbox-of", OptionArgument::Required, 'u'),
        LongOption::of_short("no-header-summary", OptionArgument::None, 'N'),
        LongOption::of_short("quote-file", OptionArgument::Required, 'q'),
        LongOption::of_short("read-only", OptionArgument::None, 'R'),
        LongOption::of_short("search", OptionArgument::Required, 'L'),
        LongOption::of_short("set", OptionArgument::Required, 'S'),
        LongOption::of_short("startup-cmd", OptionArgument::Required, 'X'),
        LongOption::of_short("subject", OptionArgument::Required, 's'),
        LongOption::of_short("target", OptionArgument::Required, 'T'),
        LongOption::of_short("template", OptionArgument::None, 't'),
        LongOption::of_short("verbose", OptionArgument::None, 'v'),
        LongOption::of_short("version", OptionArgument::None, 'V'),
        LongOption::alone("text-type", OptionArgument::Required),
    ],
};

/// The synopsis after an error in the command line.
const USAGE: &str = "\
usage: mail [-EiInv] [-a header | -a file] [-A file] [-b bcc-addr] [-c cc-addr] [-q file]
            [-r from-addr] [-S var[=value]] [-s subject] [-t] [--] to-addr ...
See ehlo-mail(1).";

impl MailArgs {
    /// Parses the words after the name of the program, which is not mutt.
    pub fn parse(
        style: MailStyle,
        name: &'static str,
        words: &[OsString],
    ) -> Result<Self, MailError> {
        let mut args = Self::nothing(style, name);
        let table = if style == MailStyle::Nail {
            &NAIL
        } else {
            &ANY
        };
        let table = OptionTable {
            program: name,
            short: table.short,
            long: table.long,
        };
        let words = rewritten(words, &mut args);
        let given = table
            .parse(&words)
            .map_err(|why| MailError::new(style.usage(), format!("{why}\n{USAGE}")))?;
        let mut pending = PendingFile::default();
        for option in given.options {
            args.add(option, &mut pending)?;
        }
        args.to.splice(0..0, given.operands);
        Ok(args)
    }

    pub(super) fn nothing(style: MailStyle, name: &'static str) -> Self {
        Self {
            style,
            name,
            subject: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            from: None,
            fields: Vec::new(),
            files: Vec::new(),
            before: Vec::new(),
            text: None,
            text_type: None,
            draft: None,
            reads_header: false,
            skips_empty: false,
            has_escapes: false,
            is_verbose: false,
            is_dry: false,
            asks_to_read: false,
            settings: Vec::new(),
            account: None,
            config: None,
            without_config: false,
        }
    }

    fn add(&mut self, option: GivenOption, pending: &mut PendingFile) -> Result<(), MailError> {
        let value = option.argument.unwrap_or_default();
        match option.name {
            OptionName::Short(letter) => self.short(letter, value, pending),
            OptionName::Long(name) => self.long(name, value, pending),
        }
    }

    fn short(
        &mut self,
        letter: char,
        value: String,
        pending: &mut PendingFile,
    ) -> Result<(), MailError> {
        match letter {
            'a' => self.field_or_file(value, pending)?,
            'A' if self.style == MailStyle::Any && Path::new(&value).exists() => {
                self.files.push(pending.file(value));
            }
            'A' => self.account = Some(value),
            'b' => self.bcc.push(value),
            'c' => self.cc.push(value),
            'C' => self.fields.push(value),
            'd' => self.is_dry = true,
            'e' if self.style == MailStyle::Any => self.asks_to_read = true,
            'E' => self.skips_empty = true,
            'I' | '~' | '#' => self.has_escapes = true,
            'm' => self.text = Some(value.into()),
            'q' if value != "-" => self.before.push(value.into()),
            'r' => self.from = Some(value).filter(|from| !from.is_empty()),
            's' => self.subject = Some(value.replace(['\r', '\n'], " ")),
            'S' => self.settings.push(value),
            't' => self.reads_header = true,
            'T' => self.target(&value)?,
            'v' => self.is_verbose = true,
            'V' => return Err(version()),
            'h' => return Err(MailError::new(Exit::Ok, USAGE)),
            'X' | 'Y' => {
                return Err(self.unsupported(&format!("-{letter}: commands of mailx are not run")));
            }
            'F' => return Err(self.unsupported("-F: no copy of the message is kept")),
            'e' | 'f' | 'H' | 'L' | 'p' | 'R' | 'u' => return Err(self.reading()),
            // -B, -D, -i, -n and -N concern terminals and the reading of mail.
            _ => {}
        }
        Ok(())
    }

    fn long(
        &mut self,
        name: &str,
        value: String,
        pending: &mut PendingFile,
    ) -> Result<(), MailError> {
        match name {
            "content-type" => pending.media_type = Some(value),
            "content-name" | "content-filename" => pending.name = Some(value),
            "encoding" if !["base64", "7bit", "8bit", "quoted-printable"].contains(&&*value) => {
                return Err(
                    self.unsupported(&format!("--encoding={value}: there is none of this name"))
                );
            }
            "text-type" => self.text_type = Some(value),
            "help" => return Err(MailError::new(Exit::Ok, USAGE)),
            // The encoding of a file follows from its content, and messages are always MIME.
            _ => {}
        }
        Ok(())
    }

    /// `-a`: s-nail and heirloom mailx attach a file, bsd-mailx and GNU mail add a header field.
    fn field_or_file(&mut self, value: String, pending: &mut PendingFile) -> Result<(), MailError> {
        let is_field = self.style == MailStyle::Any && is_field(&value);
        if is_field && !Path::new(&value).exists() {
            self.fields.push(value);
            return Ok(());
        }
        let (path, charset) = match value.rsplit_once('=') {
            Some((path, charset)) if !Path::new(&value).exists() => {
                (path.to_owned(), Some(charset.to_owned()))
            }
            _ => (value, None),
        };
        if !Path::new(&path).exists() {
            let why = "No such entry, file or directory";
            return Err(MailError::new(
                Exit::ExpectationFailed,
                format!("{}: Failed to access attachment {path}: {why}", self.name),
            ));
        }
        let mut file = pending.file(path);
        if let Some(charset) = charset.filter(|charset| !matches!(&**charset, "" | "-")) {
            let charset = charset.split('#').next().unwrap_or_default();
            file.media_type = Some(format!("text/plain; charset={charset}"));
        }
        self.files.push(file);
        Ok(())
    }

    /// `-T FIELD: ADDRESS`.
    fn target(&mut self, value: &str) -> Result<(), MailError> {
        let (field, address) = value.split_once(':').unwrap_or((value, ""));
        let list = match field.trim().to_ascii_lowercase().as_str() {
            "to" => &mut self.to,
            "cc" => &mut self.cc,
            "bcc" => &mut self.bcc,
            _ => return Err(self.unsupported(&format!("-T {value}: expected to, cc or bcc"))),
        };
        list.push(address.trim().to_owned());
        Ok(())
    }

    pub(super) fn unsupported(&self, why: &str) -> MailError {
        MailError::new(Exit::Usage, format!("{}: {why}", self.name))
    }

    pub(super) fn reading(&self) -> MailError {
        let why = "no mailbox is read here; name a recipient to send a message";
        MailError::new(Exit::Usage, format!("{}: {why}", self.name))
    }
}

pub(super) fn version() -> MailError {
    MailError::new(Exit::Ok, concat!("ehlo ", env!("CARGO_PKG_VERSION")))
}

/// True for `NAME: VALUE`.
fn is_field(text: &str) -> bool {
    let Some((name, value)) = text.split_once(':') else {
        return false;
    };
    let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    let has_blank = value.is_empty() || value.starts_with([' ', '\t']);
    !name.is_empty() && name.bytes().all(is_name) && (has_blank || !name.contains('/'))
}

/// What GNU mail sets for the next file.
#[derive(Default)]
struct PendingFile {
    /// For all further files.
    media_type: Option<String>,
    name: Option<String>,
}

impl PendingFile {
    fn file(&mut self, path: String) -> MailFile {
        MailFile {
            path: path.into(),
            media_type: self.media_type.clone(),
            name: self.name.take(),
        }
    }
}

/// The variable of a command `set` or `unset`, as `-S` has it.
fn variable(word: &OsString) -> Option<String> {
    let text = word.to_str()?;
    let set = text.strip_prefix("set ").map(str::to_owned);
    set.or_else(|| Some(format!("no{}", text.strip_prefix("unset ")?)))
}

/// The words with the options that getopt cannot tell apart: `-.` ends the options, `-:/` turns off the
/// configuration, `-M` and `-q` have an argument in s-nail and none in GNU mail, and `-E` the other way round.
fn rewritten(words: &[OsString], args: &mut MailArgs) -> Vec<OsString> {
    let mut all = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        match word.to_str() {
            Some("--") => {
                all.push(word.clone());
                all.extend(rest.by_ref().cloned());
            }
            Some("-." | "--end-options") => all.push("--".into()),
            Some(text) if text.starts_with("-:") => {
                let which = match text.strip_prefix("-:") {
                    Some("") => rest
                        .next()
                        .and_then(|next| next.to_str())
                        .unwrap_or_default(),
                    which => which.unwrap_or_default(),
                };
                args.without_config = !which.contains(['u', 'x']);
            }
            Some("-M") => {
                let is_type = |next: &&OsString| {
                    let next = next.to_str().unwrap_or_default();
                    next.contains('/') && !next.starts_with('-')
                };
                if let Some(value) = rest.next_if(is_type) {
                    let mut option = OsString::from("--text-type=");
                    option.push(value);
                    all.push(option);
                }
            }
            // A flag, and in GNU mail an option with a command.
            Some("-E") if args.style == MailStyle::Any => {
                let command = rest.next_if(|next| variable(next).is_some());
                match command.and_then(variable) {
                    Some(variable) => all.extend(["-S".into(), variable.into()]),
                    None => all.push(word.clone()),
                }
            }
            Some("-q") if args.style == MailStyle::Any => {
                let is_file =
                    |next: &&OsString| *next == "-" || Path::new(next.as_os_str()).is_file();
                if let Some(value) = rest.next_if(is_file) {
                    all.extend(["-q".into(), value.clone()]);
                }
            }
            _ => all.push(word.clone()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(style: MailStyle, words: &[&str]) -> Result<MailArgs, MailError> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        MailArgs::parse(style, "mail", &words)
    }

    #[test]
    fn a_field_and_a_file_after_a_are_told_apart() {
        for (text, right) in [
            ("X-A: 1", true),
            ("Content-Type: text/html;\nFrom: a@x", true),
            ("X-A:1", true),
            ("X-A:", true),
            ("/tmp/a:b", false),
            ("report.pdf", false),
        ] {
            assert_eq!(is_field(text), right, "{text}");
        }
    }

    #[test]
    fn words_of_all_variants_are_understood() {
        let args = parse(
            MailStyle::Any,
            &[
                "-s",
                "x",
                "-a",
                "X-A: 1",
                "bob",
                "-c",
                "c",
                "-M",
                "text/html",
                "-M",
                "-r",
                "r",
                "-:/",
                "-.",
                "-x",
            ],
        );
        let args = args.unwrap();
        assert_eq!(args.subject.as_deref(), Some("x"));
        assert_eq!(args.fields, ["X-A: 1"]);
        assert_eq!(args.to, ["bob", "-x"]);
        assert_eq!(args.text_type.as_deref(), Some("text/html"));
        assert!(args.without_config);
    }

    #[test]
    fn command_after_e_is_not_a_recipient() {
        let args = parse(
            MailStyle::Any,
            &["-E", "set from=a@x.org", "-E", "unset save", "-E", "bob"],
        );
        let args = args.unwrap();
        assert_eq!(args.settings, ["from=a@x.org", "nosave"]);
        assert_eq!(args.to, ["bob"]);
        assert!(args.skips_empty);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (words, exit, text) in [
            (&["-f"][..], Exit::Usage, "no mailbox is read here"),
            (
                &["-X", "x", "bob"],
                Exit::Usage,
                "-X: commands of mailx are not run",
            ),
            (
                &["-Z"],
                Exit::ExpectationFailed,
                "invalid option -- 'Z'\nusage: ",
            ),
            (
                &["-a", "missing", "bob"],
                Exit::ExpectationFailed,
                "attachment missing",
            ),
        ] {
            let error = parse(MailStyle::Any, words).unwrap_err();
            assert_eq!(error.exit, exit);
            assert!(error.text.contains(text), "{}", error.text);
        }
    }
}
