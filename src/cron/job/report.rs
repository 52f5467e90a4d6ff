//! The mail that reports a run: its text, its HTML version and the attached log.

use crate::cron::job::ansi::{StyledRun, TextColor, TextStyle};
use crate::cron::job::excerpt::{Excerpt, ExcerptTail, StyledLines};
use crate::cron::job::log::Recorder;
use crate::cron::job::subject::shortened;
use crate::cron::job::tee::MARK;
use crate::cron::job::{FinishedJob, JobLog};
use crate::system::figures::{counted, spoken_size};
use crate::system::sealed_file::SealedFile;
use crate::system::text::{html_escaped, shown_path};
use crate::system::{time, user};
use std::fmt::Write as _;
use std::io::{self, Read};
use std::sync::Arc;

/// The most octets of a text that is piped in that are kept, compressed. As base64 these are 7.2 MB, and the
/// default limit of Postfix for a message is 10.24 MB.
const MAX_INPUT: u64 = 5 << 20;

/// Lines of output that are visible without scrolling.
const FIRST_SCREEN: usize = 12;

/// Number of last lines that are quoted at the top if there are more.
const LAST_LINES: usize = 3;

/// The most of each of them, in characters.
const MAX_WIDTH: usize = 200;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttachLog {
    /// The log is attached if the text does not show all of it.
    #[default]
    Auto,
    /// A log that is not empty is attached.
    Always,
    Never,
}

/// The mail without its subject.
#[derive(Debug)]
pub struct JobReport {
    pub body: String,
    /// The text for a mail without the log. `None`: the same text.
    pub body_alone: Option<String>,
    /// The same as HTML, if requested.
    pub html: Option<String>,
    pub attached: Option<Attached>,
}

#[derive(Debug)]
pub struct Attached {
    pub name: String,
    pub media_type: &'static str,
    pub contents: AttachmentContents,
}

#[derive(Debug)]
pub enum AttachmentContents {
    Bytes(Vec<u8>),
    File(Arc<SealedFile>),
}

impl JobReport {
    /// Reads an input to its end. `name` is the name of the attachment.
    pub fn of_input(input: &mut dyn Read, name: &str) -> io::Result<Self> {
        let mut recorder = Recorder::new(MAX_INPUT);
        let mut block = vec![0; 64 * 1024];
        loop {
            match input.read(&mut block) {
                Ok(0) => break,
                Ok(count) => recorder.push(&block[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let log = recorder.finish([true, false]);
        let excerpt = Excerpt::of(&log);
        let attaches = excerpt.rest.is_some();
        let attached = attaches.then(|| attached(&log, name)).flatten();
        Ok(Self {
            body: output_text(&excerpt, &log, attached.as_ref()),
            body_alone: attached.as_ref().map(|_| output_text(&excerpt, &log, None)),
            html: None,
            attached,
        })
    }

    pub fn of(job: &FinishedJob, attach: AttachLog, with_html: bool) -> Self {
        let excerpt = Excerpt::of(&job.log);
        let attaches = match attach {
            AttachLog::Auto => excerpt.rest.is_some(),
            AttachLog::Always => job.log.bytes() > 0,
            AttachLog::Never => false,
        };
        let attached = attaches.then(|| attached(&job.log, &job.name)).flatten();
        let title = format!("{} {}.", job.name, job.sentence());
        let facts = last_lines(job, &excerpt) + &facts(job);
        let html = with_html.then(|| {
            let output_text = output_html(&excerpt, &job.log, attached.as_ref());
            html_document(&title, &facts, &output_text)
        });
        let body = |attached: Option<&Attached>| {
            let output_text = output_text(&excerpt, &job.log, attached);
            format!("{title}\n\n{facts}\n{output_text}")
        };
        Self {
            body: body(attached.as_ref()),
            body_alone: attached.as_ref().map(|_| body(None)),
            html,
            attached,
        }
    }
}

fn output_text(excerpt: &Excerpt, log: &JobLog, attached: Option<&Attached>) -> String {
    let mut text = plain(&excerpt.begin);
    if let Some(rest) = &excerpt.rest {
        text.push_str(&gap(rest, log, attached));
        text.push_str(&plain(&rest.end));
    }
    text
}

fn output_html(excerpt: &Excerpt, log: &JobLog, attached: Option<&Attached>) -> String {
    let mut text = html_lines(&excerpt.begin);
    if let Some(rest) = &excerpt.rest {
        text.push_str(&html_escaped(&gap(rest, log, attached)));
        text.push_str(&html_lines(&rest.end));
    }
    text
}

fn plain(lines: &StyledLines) -> String {
    lines.iter().map(|line| line_text(line) + "\n").collect()
}

/// The last lines of a long output of a failed job: the reason is often there, and the reader does not have
/// to scroll to them.
fn last_lines(job: &FinishedJob, excerpt: &Excerpt) -> String {
    let shown: Vec<String> = excerpt.lines().map(|line| line_text(line)).collect();
    if job.ending.is_success() || shown.len() <= FIRST_SCREEN {
        return String::new();
    }
    let mut last: Vec<&String> = shown
        .iter()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .collect();
    last.truncate(LAST_LINES);
    let lines = last
        .iter()
        .rev()
        .map(|line| match line.char_indices().nth(MAX_WIDTH) {
            Some((at, _)) => format!("    {}...\n", &line[..at]),
            None => format!("    {line}\n"),
        });
    format!("Last lines:\n\n{}\n", lines.collect::<String>())
}

fn line_text(runs: &[StyledRun]) -> String {
    runs.iter().map(|run| run.text.as_str()).collect()
}

/// The facts about a run (command, host, directory, time) as a table.
fn facts(job: &FinishedJob) -> String {
    let mut facts = vec![
        ("Command", shortened(&job.command)),
        ("Host", format!("{}, as {}", job.host, user::login())),
    ];
    if let Ok(directory) = std::env::current_dir() {
        let directory = shown_path(&directory);
        facts.push(("Directory", directory));
    }
    facts.push(("Started", time::local(job.started)));
    facts.push(("Ended", time::local(job.started + job.took)));
    if let Some(used) = job.processor.filter(|used| !used.is_zero()) {
        facts.push(("Processor", time::brief(used)));
    }
    let lines = facts
        .iter()
        .map(|(name, value)| format!("{:<11}{value}\n", format!("{name}:")));
    let mut text: String = lines.collect();
    if job.has_background {
        text.push_str(
            "\nA background process of the job is still running. Its further output is discarded.\n",
        );
    }
    text.push_str(&format!("\n{}\n", heading(&job.log)));
    text
}

/// The line before the output.
fn heading(log: &JobLog) -> String {
    if log.bytes() == 0 {
        return "No output.".to_owned();
    }
    let size = format!(
        "{}, {}",
        counted(log.lines(), "line"),
        spoken_size(log.bytes())
    );
    match log.streams {
        [true, true] => {
            format!("Output ({size}; lines marked \"{MARK}\" are from stderr):")
        }
        [false, true] => format!("Output, all of it from stderr ({size}):"),
        _ => format!("Output ({size}):"),
    }
}

/// The line that replaces the omitted lines.
fn gap(rest: &ExcerptTail, log: &JobLog, attached: Option<&Attached>) -> String {
    let omitted = match rest.lines {
        0 => spoken_size(rest.bytes),
        lines => format!("{} ({})", counted(lines, "line"), spoken_size(rest.bytes)),
    };
    let location = match (attached, log.missing()) {
        (None, _) => String::new(),
        (Some(file), 0) => format!("; the complete log is attached as {}", file.name),
        (Some(file), missing) => format!(
            "; {} is attached, without {} in the middle",
            file.name,
            spoken_size(missing)
        ),
    };
    format!("\n... {omitted} omitted{location} ...\n\n")
}

/// The log as a file, compressed if it is long.
fn attached(log: &JobLog, name: &str) -> Option<Attached> {
    let name = file_name(name);
    if let Some(file) = log.compressed() {
        return Some(Attached {
            name: format!("{name}.log.gz"),
            media_type: "application/gzip",
            contents: AttachmentContents::File(Arc::clone(file)),
        });
    }
    let mut bytes = Vec::new();
    log.read().read_to_end(&mut bytes).ok()?;
    let media_type = match std::str::from_utf8(&bytes) {
        Ok(_) => "text/plain; charset=utf-8",
        Err(_) => "text/plain",
    };
    Some(Attached {
        name: format!("{name}.log"),
        media_type,
        contents: AttachmentContents::Bytes(bytes),
    })
}

/// A file name that is valid on every system.
fn file_name(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    name.chars().map(plain).collect()
}

/// Lines, each with its end.
pub fn html_lines(lines: &StyledLines) -> String {
    let mut html = String::new();
    for line in lines {
        for run in line {
            let text = html_escaped(&run.text);
            match css(run.style).as_str() {
                "" => html.push_str(&text),
                css => {
                    let _ = write!(html, "<span style=\"{css}\">{text}</span>");
                }
            }
        }
        html.push('\n');
    }
    html
}

pub fn html_document(title: &str, facts: &str, output_text: &str) -> String {
    let (title, facts) = (html_escaped(title), html_escaped(facts));
    format!(
        "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"></head>\n<body>\n<p><b>{title}</b></p>\n\
         <pre>{facts}</pre>\n<pre style=\"background:#f6f6f6;color:#000;padding:8px\">\n{output_text}</pre>\n\
         </body>\n</html>\n"
    )
}

fn css(style: TextStyle) -> String {
    let mut css = String::new();
    let colors = [
        ("color", style.foreground),
        ("background", style.background),
    ];
    for (name, color) in colors {
        if let Some(TextColor(red, green, blue)) = color {
            let _ = write!(css, "{name}:#{red:02x}{green:02x}{blue:02x};");
        }
    }
    let flags = [
        (style.bold, "font-weight:bold;"),
        (style.italic, "font-style:italic;"),
        (style.underlined, "text-decoration:underline;"),
    ];
    for (is_set, rule) in flags {
        css.push_str(if is_set { rule } else { "" });
    }
    css
}

#[cfg(test)]
mod tests;
