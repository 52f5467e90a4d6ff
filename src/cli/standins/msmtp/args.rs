//! The command line of msmtp 1.8.

use crate::cli::standins::getopt::{
    GivenOption, LongOption, OptionArgument, OptionName, OptionTable,
};
use crate::config::msmtp::{WordKind, accepts, kind, normal};
use std::ffi::OsString;
use std::path::PathBuf;

/// A command line.
#[derive(Debug, Default)]
pub struct MsmtpArgs {
    pub task: MsmtpTask,
    pub version: bool,
    pub help: bool,
    /// `-P`: the settings are printed, and nothing is sent.
    pub pretend: bool,
    /// `-d` and `-v`: the settings and the session are printed.
    pub debug: bool,
    /// The configuration file of the user (`-C`).
    pub file: Option<PathBuf>,
    pub account: Option<String>,
    /// Settings for the account, by the names of the configuration, the later ones first.
    pub words: Vec<(String, String)>,
    /// `-t`.
    pub read_recipients: bool,
    pub read_envelope_from: bool,
    /// `-F`.
    pub full_name: Option<String>,
    pub recipients: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub enum MsmtpTask {
    #[default]
    Send,
    /// Print a configuration for this address.
    Configure(String),
    ServerInfo,
    /// Send ETRN with this argument.
    Rmqs(String),
}

/// In the order of msmtp, which error texts show.
static TABLE: OptionTable = OptionTable {
    program: "msmtp",
    short: "Pd::SC:a:f:N:R:X:tA:B:b:F:Gh:iL:mnO:o:v",
    long: &[
        LongOption::alone("version", OptionArgument::None),
        LongOption::alone("help", OptionArgument::None),
        LongOption::alone("configure", OptionArgument::Required),
        LongOption::of_short("pretend", OptionArgument::None, 'P'),
        LongOption::of_short("debug", OptionArgument::Optional, 'd'),
        LongOption::of_short("serverinfo", OptionArgument::None, 'S'),
        LongOption::alone("rmqs", OptionArgument::Required),
        LongOption::of_short("file", OptionArgument::Required, 'C'),
        LongOption::of_short("account", OptionArgument::Required, 'a'),
        LongOption::alone("host", OptionArgument::Required),
        LongOption::alone("port", OptionArgument::Required),
        LongOption::alone("timeout", OptionArgument::Required),
        LongOption::alone("connect-timeout", OptionArgument::Required),
        LongOption::alone("auto-from", OptionArgument::Optional),
        LongOption::of_short("from", OptionArgument::Required, 'f'),
        LongOption::alone("maildomain", OptionArgument::Required),
        LongOption::alone("auth", OptionArgument::Optional),
        LongOption::alone("user", OptionArgument::Required),
        LongOption::alone("passwordeval", OptionArgument::Required),
        LongOption::alone("tls", OptionArgument::Optional),
        LongOption::alone("tls-starttls", OptionArgument::Optional),
        LongOption::alone("tls-trust-file", OptionArgument::Required),
        LongOption::alone("tls-crl-file", OptionArgument::Required),
        LongOption::alone("tls-fingerprint", OptionArgument::Required),
        LongOption::alone("tls-key-file", OptionArgument::Required),
        LongOption::alone("tls-cert-file", OptionArgument::Required),
        LongOption::alone("tls-certcheck", OptionArgument::Optional),
        LongOption::alone("tls-force-sslv3", OptionArgument::Optional),
        LongOption::alone("tls-min-dh-prime-bits", OptionArgument::Required),
        LongOption::alone("tls-priorities", OptionArgument::Required),
        LongOption::alone("tls-host-override", OptionArgument::Required),
        LongOption::of_short("dsn-notify", OptionArgument::Required, 'N'),
        LongOption::of_short("dsn-return", OptionArgument::Required, 'R'),
        LongOption::alone("protocol", OptionArgument::Required),
        LongOption::alone("domain", OptionArgument::Required),
        LongOption::of_short("logfile", OptionArgument::Required, 'X'),
        LongOption::alone("logfile-time-format", OptionArgument::Required),
        LongOption::alone("syslog", OptionArgument::Optional),
        LongOption::alone("aliases", OptionArgument::Required),
        LongOption::alone("proxy-host", OptionArgument::Required),
        LongOption::alone("proxy-port", OptionArgument::Required),
        LongOption::alone("add-missing-from-header", OptionArgument::Optional),
        LongOption::alone("add-missing-date-header", OptionArgument::Optional),
        LongOption::alone("set-from-header", OptionArgument::Optional),
        LongOption::alone("set-date-header", OptionArgument::Optional),
        LongOption::alone("set-msgid-header", OptionArgument::Optional),
        LongOption::alone("remove-bcc-headers", OptionArgument::Optional),
        LongOption::alone("undisclosed-recipients", OptionArgument::Optional),
        LongOption::alone("source-ip", OptionArgument::Required),
        LongOption::alone("socket", OptionArgument::Required),
        LongOption::alone("keepbcc", OptionArgument::Optional),
        LongOption::of_short("read-recipients", OptionArgument::None, 't'),
        LongOption::alone("read-envelope-from", OptionArgument::None),
    ],
};

impl MsmtpArgs {
    /// Parses the words after the name of the program.
    ///
    /// # Errors
    /// The text of msmtp, without a line end.
    pub fn parse(words: &[OsString]) -> Result<Self, String> {
        let given = TABLE.parse(words)?;
        let mut args = Self {
            recipients: given.operands,
            ..Self::default()
        };
        for option in given.options {
            let added = args.add(option);
            added.map_err(|why| format!("msmtp: {why}"))?;
        }
        Ok(args)
    }

    /// The last setting of this name.
    pub fn word(&self, word: &str) -> Option<&str> {
        let mut words = self.words.iter().rev();
        let (_, argument) = words.find(|(other, _)| other == word)?;
        Some(argument)
    }

    /// True if the command line names the server, so that no configuration is read.
    pub fn names_server(&self) -> bool {
        self.word("host").is_some()
    }

    fn add(&mut self, option: GivenOption) -> Result<(), String> {
        let GivenOption { name, argument } = option;
        match name {
            OptionName::Short(letter) => self.short(letter, argument.as_deref()),
            OptionName::Long(name) => self.long(name, argument),
        }
    }

    fn short(&mut self, letter: char, argument: Option<&str>) -> Result<(), String> {
        let value = argument.unwrap_or_default().to_owned();
        match letter {
            'P' => self.pretend = true,
            'd' | 'v' => {
                self.debug = true;
                // The only argument that sendmail documents.
                self.version |= argument == Some("0.1");
            }
            'S' => self.set_task(MsmtpTask::ServerInfo)?,
            'C' => self.file = Some(value.into()),
            'a' if self.names_server() => {
                return Err("cannot use both --host and --account".to_owned());
            }
            'a' => self.account = Some(value),
            'f' => self.envelope_from(&value)?,
            'N' => self.set("dsn_notify", "--dsn-notify", &value)?,
            'R' if value == "hdrs" => self.set("dsn_return", "--dsn-return", "headers")?,
            'R' => self.set("dsn_return", "--dsn-return", &value)?,
            'X' => self.set("logfile", "--logfile", &value)?,
            't' => self.read_recipients = true,
            'b' if value != "m" => return Err(format!("unsupported operation mode b{value}")),
            'F' => self.full_name = Some(value),
            // The others of sendmail have no effect in msmtp.
            _ => {}
        }
        Ok(())
    }

    fn long(&mut self, name: &'static str, argument: Option<String>) -> Result<(), String> {
        let value = argument.unwrap_or_default();
        match name {
            "version" => self.version = true,
            "help" => self.help = true,
            "configure" => self.task = MsmtpTask::Configure(value),
            "rmqs" => self.set_task(MsmtpTask::Rmqs(value))?,
            "read-envelope-from" if self.word("from").is_some() => {
                return Err("cannot use both --from and --read-envelope-from".to_owned());
            }
            "read-envelope-from" => self.read_envelope_from = true,
            "host" if self.account.is_some() => {
                return Err("cannot use both --host and --account".to_owned());
            }
            _ => self.set(&name.replace('-', "_"), &format!("--{name}"), &value)?,
        }
        Ok(())
    }

    fn set_task(&mut self, task: MsmtpTask) -> Result<(), String> {
        let others = [&self.task, &task];
        let is_rmqs = |task: &&MsmtpTask| matches!(task, MsmtpTask::Rmqs(_));
        if others.contains(&&MsmtpTask::ServerInfo) && others.iter().any(is_rmqs) {
            return Err("cannot use both --serverinfo and --rmqs".to_owned());
        }
        self.task = task;
        Ok(())
    }

    fn envelope_from(&mut self, value: &str) -> Result<(), String> {
        if self.read_envelope_from {
            return Err("cannot use both --from and --read-envelope-from".to_owned());
        }
        let value = if value == "<>" { "" } else { value };
        self.words.push(("from".to_owned(), value.to_owned()));
        Ok(())
    }

    fn set(&mut self, word: &str, option: &str, value: &str) -> Result<(), String> {
        let kind = kind(word).unwrap_or(WordKind::Ignored);
        if !accepts(kind, value) {
            return Err(format!("invalid argument {value} for {option}"));
        }
        let (word, value) = normal(word, value);
        self.words.push((word.to_owned(), value.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<MsmtpArgs, String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        MsmtpArgs::parse(&words)
    }

    #[test]
    fn settings_have_the_names_of_the_configuration() {
        let args = parse(
            "--host=h --tls --tls-starttls=off --connect-timeout 3 --keepbcc -N never -f <> -X log a@b",
        );
        let args = args.unwrap();
        let words: Vec<(&str, &str)> = args
            .words
            .iter()
            .map(|(word, argument)| (word.as_str(), argument.as_str()))
            .collect();
        assert_eq!(
            words,
            [
                ("host", "h"),
                ("tls", "on"),
                ("tls_starttls", "off"),
                ("timeout", "3"),
                ("remove_bcc_headers", "off"),
                ("dsn_notify", "never"),
                ("from", ""),
                ("logfile", "log"),
            ]
        );
        assert_eq!(args.recipients, ["a@b"]);
    }

    #[test]
    fn options_of_sendmail_have_no_effect() {
        let args =
            parse("-oi -i -m -n -G -A x -B 8BITMIME -bm -h 3 -L tag -O x=y -o x a@b").unwrap();
        assert!(args.words.is_empty());
        assert_eq!(args.recipients, ["a@b"]);
    }

    #[test]
    fn errors_are_those_of_msmtp() {
        for (line, right) in [
            ("--port=x", "msmtp: invalid argument x for --port"),
            ("--tls=maybe", "msmtp: invalid argument maybe for --tls"),
            (
                "-N never,delay",
                "msmtp: invalid argument never,delay for --dsn-notify",
            ),
            ("-bs", "msmtp: unsupported operation mode bs"),
            (
                "-a x --host h",
                "msmtp: cannot use both --host and --account",
            ),
            (
                "--host h -a x",
                "msmtp: cannot use both --host and --account",
            ),
            (
                "-S --rmqs=x",
                "msmtp: cannot use both --serverinfo and --rmqs",
            ),
            (
                "-f a --read-envelope-from",
                "msmtp: cannot use both --from and --read-envelope-from",
            ),
            ("--fo", "msmtp: unrecognized option '--fo'"),
        ] {
            assert_eq!(parse(line).unwrap_err(), right);
        }
    }
}
