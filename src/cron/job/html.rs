//! A job's report as HTML, with the colours that its output has on a terminal.

use crate::cron::job::ansi::{Colour, TextStyle};
use crate::cron::job::excerpt::StyledLines;
use std::fmt::Write as _;

/// Escapes the characters that are markup.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(character),
        }
    }
    safe
}

/// Lines, each with its end.
pub fn lines(lines: &StyledLines) -> String {
    let mut html = String::new();
    for line in lines {
        for run in line {
            let text = escaped(&run.text);
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

pub fn document(title: &str, facts: &str, output: &str) -> String {
    let (title, facts) = (escaped(title), escaped(facts));
    format!(
        "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"></head>\n<body>\n<p><b>{title}</b></p>\n\
         <pre>{facts}</pre>\n<pre style=\"background:#f6f6f6;color:#000;padding:8px\">\n{output}</pre>\n\
         </body>\n</html>\n"
    )
}

fn css(style: TextStyle) -> String {
    let mut css = String::new();
    let colours = [
        ("color", style.foreground),
        ("background", style.background),
    ];
    for (name, colour) in colours {
        if let Some(Colour(red, green, blue)) = colour {
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
mod tests {
    use super::*;
    use crate::cron::job::ansi::AnsiReader;

    #[test]
    fn colours_are_spans_and_markup_is_text() {
        let line = AnsiReader::default().line(b"\x1b[1;31m<b>&\x1b[0m\"ok\"");
        let html = lines(&vec![line]);
        assert_eq!(
            html,
            "<span style=\"color:#aa0000;font-weight:bold;\">&lt;b&gt;&amp;</span>&quot;ok&quot;\n"
        );
    }

    #[test]
    fn the_facts_are_text_too() {
        let html = document("<x>", "a & b", "");
        assert!(html.contains("&lt;x&gt;") && html.contains("a &amp; b"));
    }
}
