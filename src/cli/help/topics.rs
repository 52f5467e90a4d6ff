//! The texts of `ehlo help TOPIC` and `--help=TOPIC`.

use crate::cli::help::habits::{option_of_habit, word_of_habit};
use crate::cli::help::overview::SCREEN;
use crate::cli::help::{COMMANDS, nearest};
use crate::cli::options::usage_error::UsageError;
use crate::cli::terminal::{stdout_width, wrapped};
use crate::system::exit::{Exit, Health};
use crate::system::text::shown;
use clap::{Arg, Command};

/// Topics that are neither commands nor options.
pub(crate) const TOPICS: [&str; 2] = ["exit-status", "examples"];

/// Groups of options in the order in which short help leaves them out: first those that several commands have.
const OMITTED: [&str; 11] = [
    "Route", "Session", "TLS", "Auth", "Config", "Queue", "Message", "Mail", "Testing", "Alerts",
    "Behavior",
];

/// The longest help of one screen.
const MAX_LINES: usize = 40;

/// Width of the column of exit statuses.
const STATUS: usize = 6;

/// The help for these words: a command with its subcommands, a group of options, a topic, or an option.
pub(crate) fn help(command: Command, words: &[String]) -> Result<String, UsageError> {
    let Some(word) = words.first() else {
        return Ok(SCREEN.to_owned());
    };
    if !COMMANDS.contains(&word.as_str()) {
        return topic(command, word);
    }
    let own_group = headings(&command).any(|heading| heading.eq_ignore_ascii_case(word));
    let (mut command, names) = subcommand(command, words);
    if let Some(word) = words.get(names) {
        return topic(command, word);
    }
    let mut text = command.render_long_help().to_string();
    if own_group {
        text.push_str(&format!(
            "\nThe options of the group \"{word}\" when sending: ehlo --help={word}\n"
        ));
    }
    Ok(text)
}

/// The help for one word: a group of options, a topic, or an option of this command.
pub(crate) fn topic(command: Command, word: &str) -> Result<String, UsageError> {
    let name = word.trim_start_matches('-');
    let heading = headings(&command).find(|heading| heading.eq_ignore_ascii_case(name));
    if let Some(heading) = heading.map(str::to_owned) {
        return Ok(only(command, |arg| {
            arg.get_help_heading() == Some(&heading)
        }));
    }
    match name.to_ascii_lowercase().as_str() {
        "exit-status" | "exit" | "status" => return Ok(exit_statuses()),
        "examples" => {
            let text = command.get_after_long_help().map(ToString::to_string);
            return Ok(text.unwrap_or_default());
        }
        _ => {}
    }
    if command.get_arguments().any(|arg| is_named(arg, name)) {
        return Ok(only(command, |arg| is_named(arg, name)));
    }
    if let Some(answer) = option_of_habit(word).or_else(|| word_of_habit(word)) {
        let verb = if answer.starts_with("--") { "use " } else { "" };
        return Err(UsageError::usage(format!(
            "there is no help for \"{}\"; {verb}{answer}",
            shown(word)
        )));
    }
    let groups = headings(&command).map(str::to_ascii_lowercase);
    let options = command.get_arguments().filter_map(Arg::get_long);
    let known = COMMANDS.iter().copied().chain(TOPICS).chain(options);
    let known: Vec<String> = known.map(str::to_owned).chain(groups).collect();
    let meant = match nearest(name, known.iter().map(String::as_str)) {
        Some(known) => format!("did you mean ehlo help {known}?"),
        None => "ehlo help lists commands, groups of options and topics".to_owned(),
    };
    Err(UsageError::usage(format!(
        "there is no help for \"{}\"; {meant}",
        shown(word)
    )))
}

/// The short help of a command, without groups of options that do not fit on a screen.
pub(crate) fn short(command: Command, words: &[String]) -> String {
    let (mut command, _) = subcommand(command, words);
    let mut text = command.render_help().to_string();
    let mut hidden = Vec::new();
    let present: Vec<String> = headings(&command).map(str::to_owned).collect();
    for group in OMITTED
        .into_iter()
        .filter(|group| present.iter().any(|name| name == group))
    {
        if text.lines().count() <= MAX_LINES {
            break;
        }
        hidden.push(group.to_ascii_lowercase());
        command = command.mut_args(|arg| {
            let is_hidden = arg.is_hide_set() || arg.get_help_heading() == Some(group);
            arg.hide(is_hidden)
        });
        let name = command.get_bin_name().unwrap_or("ehlo");
        let name = name.trim_start_matches("ehlo ").to_owned();
        let list = hidden.join(", ");
        text = format!(
            "{}\nFurther options, shown by ehlo help {name} GROUP:\n  {list}\n",
            command.render_help()
        );
    }
    text
}

/// The innermost subcommand that the words name, and the number of its names.
fn subcommand(mut command: Command, words: &[String]) -> (Command, usize) {
    command.build();
    let mut names = 0;
    for word in words {
        let Some(inner) = command.find_subcommand(word) else {
            break;
        };
        command = inner.clone();
        names += 1;
    }
    (command, names)
}

/// The headings of options, each once.
pub(crate) fn headings(command: &Command) -> impl Iterator<Item = &str> {
    let mut seen = Vec::new();
    let headings = command.get_arguments().filter_map(Arg::get_help_heading);
    headings.filter(move |heading| {
        let is_new = !seen.contains(heading);
        seen.push(heading);
        is_new
    })
}

fn is_named(arg: &Arg, name: &str) -> bool {
    let mut letter = name.chars();
    let is_short = arg.get_short().is_some() && letter.next() == arg.get_short();
    let aliases = arg.get_visible_aliases().unwrap_or_default();
    arg.get_long() == Some(name) || aliases.contains(&name) || is_short && letter.next().is_none()
}

/// The long help of some arguments.
fn only(command: Command, keep: impl Fn(&Arg) -> bool) -> String {
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .help_template("{all-args}")
        .mut_args(|arg| {
            let is_hidden = !keep(&arg);
            arg.hide(is_hidden)
        })
        .mut_subcommands(|command| command.hide(true))
        .render_long_help()
        .to_string()
}

fn exit_statuses() -> String {
    let statuses = rows(Exit::ALL.iter().map(|exit| exit.row()));
    let health = rows(Health::ALL.iter().map(|health| health.row()));
    format!(
        "Exit status, with the numbers of sysexits.h:\n\n{statuses}\n\
         ehlo run ends with the status of its command. ehlo script and ehlo sink --count\n\
         end with 1 if an expectation is not met. ehlo queue status and ehlo doctor:\n\n{health}"
    )
}

fn rows(rows: impl Iterator<Item = (u8, &'static str)>) -> String {
    let width = stdout_width();
    let row = |(code, meaning)| wrapped(&format!("  {code:<4}{meaning}\n"), width, STATUS);
    rows.map(row).collect()
}
