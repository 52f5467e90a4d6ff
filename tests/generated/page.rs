//! What pages of the manual are put together from.

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use ehlo::cli::parse::command;

/// A command as the manual shows it: built, and without a date that would change it every day.
pub fn built() -> Command {
    let mut command = command();
    command.build();
    command
}

pub fn section(page: &mut Roff, title: &str, paragraphs: &[&str]) {
    page.control("SH", [title]);
    for (at, paragraph) in paragraphs.iter().enumerate() {
        if at > 0 {
            page.control("PP", []);
        }
        page.text([roman(paragraph.replace('\n', " "))]);
    }
}

/// One more in a section.
pub fn paragraph(page: &mut Roff, text: &str) {
    page.control("PP", []);
    page.text([roman(text.replace('\n', " "))]);
}

pub fn table<'a>(page: &mut Roff, title: &str, rows: impl IntoIterator<Item = (String, &'a str)>) {
    page.control("SH", [title]);
    self::rows(page, rows);
}

pub fn rows<'a>(page: &mut Roff, rows: impl IntoIterator<Item = (String, &'a str)>) {
    for (term, text) in rows {
        page.control("TP", []);
        page.text([bold(term)]);
        page.text([roman(text)]);
    }
}

/// Lines that stay lines.
pub fn as_typed(page: &mut Roff, lines: &str) {
    let bare = lines
        .lines()
        .map(|line| line.strip_prefix("  ").unwrap_or(line));
    listing(page, bare);
}

pub fn listing<'a>(page: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    page.control("PP", []);
    page.control("nf", []);
    page.control("RS", ["4"]);
    for line in lines {
        assert!(line.chars().count() <= EXAMPLE_WIDTH, "{line}");
        page.text([roman(line)]);
    }
    page.control("RE", []);
    page.control("fi", []);
}

pub fn owned<'a>(rows: &[(&str, &'a str)]) -> Vec<(String, &'a str)> {
    rows.iter()
        .map(|(term, text)| ((*term).to_owned(), *text))
        .collect()
}

pub fn render(section: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    section(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

pub fn synopsis_lines(page: &mut Roff, lines: &[(&str, &str)]) {
    for (at, (name, rest)) in lines.iter().enumerate() {
        if at > 0 {
            page.control("br", []);
        }
        page.text([bold(*name), roman(*rest)]);
    }
}

/// Groups of options that ehlo(1) describes for all commands.
const SHARED: [&str; 9] = [
    "Message",
    "Route",
    "Session",
    "TLS",
    "Auth",
    "Output",
    "Config",
    "Extensions",
    "Testing",
];

/// The longest line of the source, in bytes.
const WIDTH: usize = 78;

/// The longest line of an example, so that it has at most 80 columns where it is indented.
pub const EXAMPLE_WIDTH: usize = 69;

/// The date of the pages. One of today would change them every day.
pub const DATE: &str = "2026-11-30";

pub fn title(man: &Man) -> String {
    render(|out| man.render_title(out))
}

/// The section with the commands below this one.
pub fn subcommands(page: &mut Roff, verb: &str) {
    page.control("SH", ["COMMANDS"]);
    let whole = built();
    for command in whole.find_subcommand(verb).unwrap().get_subcommands() {
        command_entry(page, command);
    }
}

/// A command of a command: its usage, description and own options.
pub fn command_entry(page: &mut Roff, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace(['<', '>'], "");
    page.control("SS", [&*usage]);
    let about = command.get_long_about().or(command.get_about()).unwrap();
    page.text([roman(one_paragraph(&about.to_string()))]);
    let is_everywhere =
        |arg: &&Arg| ["help", "queue_dir", "config"].contains(&arg.get_id().as_str());
    let own = command.get_arguments().filter(|arg| !is_everywhere(arg));
    for arg in own.filter(|arg| !arg.is_hide_set() && !arg.is_positional()) {
        let short = arg.get_short().map(|short| format!("-{short}, "));
        let long = arg.get_long().unwrap();
        let value = arg
            .get_value_names()
            .filter(|_| arg.get_action().takes_values());
        let value = value.map(|names| format!(" {}", names.join(" ")));
        let help = arg.get_long_help().or(arg.get_help()).unwrap();
        page.control("TP", []);
        page.text([
            bold(format!("{}--{long}", short.unwrap_or_default())),
            roman(value.unwrap_or_default()),
        ]);
        page.text([roman(one_paragraph(&help.to_string()))]);
    }
}

/// The page of a command. Options that are the same in ehlo(1) are only named.
pub fn verb_page(verb: &str, name: &'static str, more: impl FnOnce(&mut Roff)) -> String {
    let whole = built();
    let command = whole.find_subcommand(verb).unwrap().clone();
    let mut own = Roff::new();
    references(&mut own, &whole, &command);
    more(&mut own);
    section(&mut own, "SEE ALSO", &["ehlo(1)"]);
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    let words = format!(" [OPTIONS]{}", positionals(&command));
    synopsis_lines(&mut synopsis, &[(&format!("ehlo {verb}"), &words)]);
    let command = command.mut_args(|arg| {
        let is_hidden = arg.is_hide_set() || is_shared(&whole, &arg);
        // clap_mangen leaves out the help of an option that -h does not list, unless it has a long form.
        arg.hide(is_hidden).hide_short_help(false)
    });
    let man = Man::new(command.name(name).bin_name(format!("ehlo {verb}")))
        .title(name.to_uppercase())
        .section("1")
        .manual("User Commands");
    [
        title(&man),
        render(|out| man.render_name_section(out)),
        synopsis.to_roff(),
        render(|out| man.render_description_section(out)),
        options(&man),
        own.to_roff(),
    ]
    .concat()
}

/// The options, with a subsection for each group.
pub fn options(man: &Man) -> String {
    let text = render(|out| man.render_options_section(out));
    let mut pairs = text.lines().zip(text.lines().skip(1));
    let bare = pairs.find(|(term, next)| term.starts_with("\\fB\\-") && next.starts_with('.'));
    assert_eq!(bare, None, "an option without a description");
    let lines = text.lines().map(|line| match line.strip_prefix(".SH ") {
        None | Some("OPTIONS") => format!("{line}\n"),
        Some("TLS") => ".SS TLS\n".to_owned(),
        Some(group) => format!(".SS {}{}\n", &group[..1], group[1..].to_lowercase()),
    });
    lines.collect()
}

/// True if the option is described in ehlo(1) in the same words.
fn is_shared(whole: &Command, arg: &Arg) -> bool {
    let heading = arg.get_help_heading().unwrap_or_default();
    let help = |arg: &Arg| {
        arg.get_long_help()
            .or(arg.get_help())
            .map(ToString::to_string)
    };
    let mut others = whole.get_arguments();
    let same = others.find(|other| other.get_long() == arg.get_long() && arg.get_long().is_some());
    SHARED.contains(&heading) && same.is_some_and(|other| help(other) == help(arg))
}

/// The options that ehlo(1) describes, by group.
fn references(page: &mut Roff, whole: &Command, command: &Command) {
    let shared = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let shared: Vec<&Arg> = shared.filter(|arg| is_shared(whole, arg)).collect();
    if shared.is_empty() {
        return;
    }
    page.control("SS", ["Options described in ehlo(1)"]);
    for group in SHARED {
        let members = shared
            .iter()
            .filter(|arg| arg.get_help_heading() == Some(group));
        let names = members.map(|arg| {
            let long = arg.get_long().unwrap_or_default();
            match arg.get_short() {
                Some(short) => format!("--{long} (-{short})"),
                None => format!("--{long}"),
            }
        });
        let names: Vec<String> = names.collect();
        if !names.is_empty() {
            page.control("TP", []);
            page.text([roman(group)]);
            page.text([roman(names.join(", "))]);
        }
    }
}

/// The arguments of a command that are not options, as a synopsis shows them.
fn positionals(command: &Command) -> String {
    let shown = command.get_positionals().filter(|arg| !arg.is_hide_set());
    let words = shown.map(|arg| {
        let name = arg.get_value_names().unwrap_or_default().join(" ");
        if arg.is_trailing_var_arg_set() {
            return format!(" [--] {name} [ARG]...");
        }
        let max = arg.get_num_args().map_or(1, |range| range.max_values());
        let dots = if max > 1 { "..." } else { "" };
        if arg.is_required_set() {
            format!(" {name}{dots}")
        } else {
            format!(" [{name}]{dots}")
        }
    });
    words.collect()
}

/// The source of a page as it is stored: examples follow the description, lines are short, words are neither
/// hyphenated nor spread over the line, and nothing in it is to be corrected according to `mandoc -T lint`.
pub fn finished(source: &str) -> String {
    let mut sections: Vec<String> = vec![String::new()];
    for line in source.lines().filter(|line| !is_preamble(line)) {
        if line.starts_with(".SH ") {
            sections.push(String::new());
        }
        *sections.last_mut().unwrap() += &format!("{line}\n");
    }
    let is_titled = |section: &String, title: &str| section.starts_with(&format!(".SH {title}\n"));
    let examples = sections
        .iter()
        .position(|section| is_titled(section, "EXAMPLES"));
    let description = sections
        .iter()
        .position(|section| is_titled(section, "DESCRIPTION"));
    if let (Some(examples), Some(description)) = (examples, description) {
        let moved = sections.remove(examples);
        sections.insert(description + 1, moved);
    }
    let text = without_gaps(&sections.concat());
    let mut lines = String::from(PREAMBLE);
    let mut is_filled = true;
    for line in text.lines() {
        is_filled = (is_filled || line == ".fi") && line != ".nf";
        if line.starts_with(".TH ") {
            lines += &titled_line(line);
        } else if is_filled && !line.starts_with('.') {
            lines += &filled(&with_bold_words(line));
        } else {
            lines += &format!("{line}\n");
        }
    }
    lines
}

/// An apostrophe that stays one in each formatter.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

fn is_preamble(line: &str) -> bool {
    PREAMBLE.lines().any(|other| other == line)
}

/// The title, and the settings of the page.
fn titled_line(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let manual = if words[2] == "5" {
        "File Formats"
    } else {
        "User Commands"
    };
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{} {} {} {DATE} \"ehlo {version}\" \"{manual}\"\n.nh\n.ad l\n",
        words[0], words[1], words[2]
    )
}

/// Without paragraphs that begin a section, and with the values of an option in one line if they have no description.
fn without_gaps(text: &str) -> String {
    let text = text
        .replace(
            "\n.br\n\n.br\n\\fIPossible values:\\fR\n.RS 14\n",
            "\n.sp\n.VALUES\n",
        )
        .replace(".nh\n", "");
    let mut out: Vec<String> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let begins = out
            .last()
            .is_some_and(|last| last.starts_with(".SH") || last.starts_with(".SS"));
        match line {
            ".PP" if begins => {}
            "" => out.push(".sp".to_owned()),
            ".VALUES" => {
                let mut values = Vec::new();
                for value in lines.by_ref().take_while(|line| *line != ".RE") {
                    if value != ".IP \\(bu 2" {
                        values.push(value);
                    }
                }
                if values.iter().any(|value| value.contains(": ")) {
                    out.push(".RS 4".to_owned());
                    for value in values {
                        out.extend([".IP \\(bu 2".to_owned(), value.to_owned()]);
                    }
                    out.push(".RE".to_owned());
                } else {
                    out.push(format!("Possible values: {}.", values.join(", ")));
                }
            }
            _ => out.push(line.replace("\\fI<", "\\fI").replace(">\\fR", "\\fR")),
        }
    }
    out.join("\n") + "\n"
}

/// Words between backquotes are bold, as in the pages of section 7.
fn with_bold_words(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return line.to_owned();
    }
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        match at % 2 {
            0 => text += part,
            _ => text += &format!("\\fB{part}\\fR"),
        }
    }
    text
}

/// A text in lines of at most `WIDTH` bytes.
fn filled(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            word.clone_into(line);
        } else if line.len() + 1 + word.len() > WIDTH {
            let is_control = word.starts_with(['.', '\'']);
            lines.push(format!("{}{word}", if is_control { "\\&" } else { "" }));
        } else {
            *line += &format!(" {word}");
        }
    }
    lines.join("\n") + "\n"
}

/// A page that clap has no part in, with its first two lines.
pub fn titled((title, section): (&str, &str), name: &str) -> Roff {
    let mut page = Roff::new();
    let footer = title.to_lowercase();
    let manual = match section {
        "5" => "File Formats",
        _ => "User Commands",
    };
    page.control("TH", [title, section, "", &footer, manual]);
    page.control("SH", ["NAME"]);
    page.text([roman(name)]);
    page
}

/// clap takes the full stop from a paragraph that stands alone.
pub fn one_paragraph(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    format!("{}.", text.trim_end_matches('.'))
}
