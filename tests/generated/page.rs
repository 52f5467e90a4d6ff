//! What pages of the manual are put together from.

use clap::Command;
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

/// The title. Words are not hyphenated: options and file names must be searchable.
pub fn title(man: &Man) -> String {
    render(|out| man.render_title(out)) + ".nh\n"
}

/// The page of a command.
pub fn verb_page(verb: &str, name: &'static str, more: impl FnOnce(&mut Roff)) -> String {
    let whole = built();
    let command = whole.find_subcommand(verb).unwrap().clone();
    let man = Man::new(command.name(name).bin_name(format!("ehlo {verb}")))
        .title(name.to_uppercase())
        .section("1")
        .manual("User Commands");
    let mut own = Roff::new();
    more(&mut own);
    section(&mut own, "SEE ALSO", &["ehlo(1)"]);
    [
        title(&man),
        render(|out| man.render_name_section(out)),
        render(|out| man.render_synopsis_section(out)),
        render(|out| man.render_description_section(out)),
        render(|out| man.render_options_section(out)),
        own.to_roff(),
    ]
    .concat()
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
    page.control("nh", []);
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
