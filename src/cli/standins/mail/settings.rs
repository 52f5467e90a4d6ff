//! The settings of the program's own configuration and of its options.

use crate::cli::standins::mail::args::MailArgs;
use crate::cli::standins::mail::{MailError, MailStyle, complain};
use crate::config::{ImportedProfile, MailSettings, mailrc_settings, muttrc_settings};
use crate::system::exit::Exit;
use crate::system::user;
use std::path::PathBuf;

/// Variables that change what happens to a message, and cannot be followed.
const WITHOUT_EFFECT: [(&str, &str); 4] = [
    ("record", "no copy of the message is kept"),
    (
        "sendmail-arguments",
        "they are for a program that is not run",
    ),
    ("mta-arguments", "they are for a program that is not run"),
    ("fcc", "no copy of the message is kept"),
];

/// What the settings say about a message.
#[derive(Debug, Default)]
pub struct MailPlan {
    /// The server; `None`: that of sendmail.
    pub server: Option<ImportedProfile>,
    pub aliases: Vec<(String, Vec<String>)>,
    /// The author.
    pub from: Option<String>,
    /// The envelope sender, if it is not the user.
    pub sender: Option<String>,
}

impl MailPlan {
    /// Reads the settings, and adds what they say to the options.
    pub fn read(args: &mut MailArgs) -> Result<Self, MailError> {
        let settings = match args.style {
            MailStyle::Mutt => of_mutt(args)?,
            MailStyle::Any | MailStyle::Nail => of_mailx(args)?,
        };
        for (name, why) in WITHOUT_EFFECT {
            let is_given = |word: &String| word.split('=').next() == Some(name);
            if args.settings.iter().any(is_given) {
                complain(args.name, &format!("warning: {name} has no effect: {why}"));
            }
        }
        let text = |name: &str| {
            let text = settings.variables.get(name).cloned();
            text.filter(|text| !text.is_empty() && text != "no")
        };
        args.skips_empty |= text("skipemptybody").is_some();
        args.fields.extend(settings.fields.clone());
        if let Some(address) = text("reply-to").or_else(|| text("replyto")) {
            args.fields.push(format!("Reply-To: {address}"));
        }
        if args.text_type.is_none() {
            args.text_type = text("content_type");
        }
        let from = settings
            .server
            .as_ref()
            .and_then(|server| server.text_of("from"));
        let from = args.from.clone().or(from).or_else(|| text("from"));
        let from = match (from, text("realname").or_else(|| text("real_name"))) {
            (Some(from), Some(name)) if !from.contains('<') => {
                Some(format!("\"{}\" <{from}>", name.replace(['"', '\\'], "")))
            }
            (from, _) => from,
        };
        let own = text("envelope_from_address");
        let uses_from = text("use_envelope_from").or_else(|| text("envelope_from"));
        let uses_from = uses_from.is_some() || settings.server.is_some();
        Ok(Self {
            sender: args
                .from
                .clone()
                .or(own)
                .or_else(|| from.clone().filter(|_| uses_from)),
            aliases: settings.aliases,
            server: settings.server,
            from,
        })
    }
}

fn of_mailx(args: &MailArgs) -> Result<MailSettings, MailError> {
    let own = user::path_variable("MAILRC").unwrap_or_else(|| user::expanded("~/.mailrc"));
    let own = Some(own).filter(|path| path.is_file() && !args.without_config);
    let settings = mailrc_settings(own.as_deref(), args.account.as_deref(), &args.settings);
    let settings = settings
        .map_err(|error| MailError::new(Exit::Config, format!("{}: {error}", args.name)))?;
    settings.ok_or_else(|| {
        let name = args.account.as_deref().unwrap_or_default();
        if args.style == MailStyle::Any {
            let why = "neither a file to attach nor an account of ~/.mailrc";
            let text = format!("{}: -A {name}: {why}", args.name);
            return MailError::new(args.style.usage(), text);
        }
        let text = format!("{}: account: account does not exist: {name}", args.name);
        MailError::new(Exit::NoHost, text)
    })
}

fn of_mutt(args: &MailArgs) -> Result<MailSettings, MailError> {
    let places = ["~/.muttrc", "~/.mutt/muttrc", "~/.config/mutt/muttrc"].map(user::expanded);
    let own: Option<PathBuf> = match &args.config {
        Some(path) => Some(path.clone()),
        None => places.into_iter().find(|path| path.is_file()),
    };
    let own: Vec<PathBuf> = own.into_iter().collect();
    let commands: Vec<String> = args
        .settings
        .iter()
        .flat_map(|line| commands(line))
        .collect();
    for command in &commands {
        let word = command.split_whitespace().next().unwrap_or_default();
        if ![
            "set", "unset", "my_hdr", "source", "alias", "unmy_hdr", "reset",
        ]
        .contains(&word)
        {
            complain(
                args.name,
                &format!("Error in command line: {word}: unknown command"),
            );
        }
    }
    muttrc_settings(&own, &commands)
        .map_err(|error| MailError::new(MailStyle::Mutt.usage(), format!("mutt: {error}")))
}

/// The commands of a line, which semicolons outside of quotes separate.
fn commands(line: &str) -> Vec<String> {
    let (mut all, mut quote) = (vec![String::new()], None);
    for c in line.chars() {
        match (quote, c) {
            (None, ';') => {
                all.push(String::new());
                continue;
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    let all = all.into_iter().map(|one| one.trim().to_owned());
    all.filter(|one| !one.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_separate_commands_except_in_quotes() {
        assert_eq!(commands("set a=b; set c='d;e'"), ["set a=b", "set c='d;e'"]);
    }
}
