//! Manual pages as text: the requests of man(7) and tbl(1) that the pages of this program use.

/// Indentation of text, and of further levels.
const INDENT: usize = 7;

/// Indentation of the heading of a subsection.
const SUBSECTION: usize = 3;

/// The page as text of this width.
pub fn text(source: &str, width: usize) -> String {
    let mut page = PageText {
        width,
        out: String::new(),
        words: Vec::new(),
        indent: INDENT,
        hanging: 0,
        tag: None,
        is_literal: false,
        is_after_heading: false,
    };
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line == ".TS" {
            page.table(&mut lines);
        } else {
            page.line(line);
        }
    }
    page.end_paragraph();
    page.out
}

/// A line without escapes.
pub fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('f') => drop(chars.next()),
            Some('(') => {
                let name: String = chars.by_ref().take(2).collect();
                text.push_str(special(&name));
            }
            Some('*') => {
                let name: String = chars.by_ref().skip(1).take(2).collect();
                text.push_str(special(&name));
            }
            Some('e') => text.push('\\'),
            Some('&') | None => {}
            Some(other) => text.push(other),
        }
    }
    text
}

fn special(name: &str) -> &'static str {
    match name {
        "aq" | "Aq" => "'",
        "bu" => "\u{2022}",
        "ti" => "~",
        "ga" => "`",
        "dq" => "\"",
        "en" => "-",
        _ => "",
    }
}

struct PageText {
    width: usize,
    out: String,
    /// The words of the current paragraph.
    words: Vec<String>,
    indent: usize,
    /// Additional indentation of the text after a tag.
    hanging: usize,
    /// A tag to print before the next paragraph; empty: the next line is the tag.
    tag: Option<String>,
    is_literal: bool,
    /// True if the last line is a heading.
    is_after_heading: bool,
}

impl PageText {
    fn line(&mut self, line: &str) {
        if let Some(request) = line.strip_prefix(['.', '\'']) {
            let (name, argument) = request.split_once(' ').unwrap_or((request, ""));
            return self.request(name, argument);
        }
        let line = plain(line);
        if self.tag.as_deref() == Some("") {
            self.tag = Some(line);
        } else if self.is_literal {
            let indent = " ".repeat(self.indent + self.hanging);
            self.push_line(format!("{indent}{line}").trim_end());
        } else {
            self.words
                .extend(line.split_whitespace().map(str::to_owned));
        }
    }

    fn request(&mut self, name: &str, argument: &str) {
        match name {
            "SH" | "SS" => {
                self.end_paragraph();
                self.blank();
                (self.indent, self.hanging) = (INDENT, 0);
                let indent = if name == "SS" { SUBSECTION } else { 0 };
                let heading = plain(argument.trim_matches('"'));
                let heading = format!("{}{heading}", " ".repeat(indent));
                self.push_line(&heading);
                self.is_after_heading = true;
            }
            "PP" => {
                self.end_paragraph();
                self.blank();
                self.hanging = 0;
            }
            "TP" => {
                self.end_paragraph();
                self.blank();
                self.hanging = INDENT;
                self.tag = Some(String::new());
            }
            "IP" => {
                self.end_paragraph();
                let tag = argument.split(' ').next().unwrap_or_default();
                self.hanging = 2;
                self.tag = Some(plain(tag));
            }
            "RS" => {
                self.end_paragraph();
                let more = argument.parse::<usize>().unwrap_or(INDENT);
                self.indent += more.min(INDENT);
                self.hanging = 0;
            }
            "RE" => {
                self.end_paragraph();
                self.indent = INDENT;
                self.hanging = 0;
            }
            "br" => self.end_paragraph(),
            "nf" => {
                self.end_paragraph();
                self.is_literal = true;
            }
            "fi" => self.is_literal = false,
            _ => {}
        }
    }

    /// Prints the rows of a table, the cells of each below one another.
    fn table<'l>(&mut self, lines: &mut impl Iterator<Item = &'l str>) {
        self.end_paragraph();
        self.blank();
        let rows = lines.take_while(|line| *line != ".TE");
        let mut is_format = true;
        let mut right = String::new();
        let mut left = None;
        for line in rows {
            if is_format {
                is_format = !line.ends_with('.');
            } else if let Some((cell, _)) = line.split_once("\tT{") {
                left = Some(plain(cell).replace('\t', "  "));
            } else if line == "T}" {
                self.row(
                    &left.take().unwrap_or_default(),
                    &std::mem::take(&mut right),
                );
            } else {
                right.push(' ');
                right.push_str(&plain(line));
            }
        }
        self.blank();
    }

    fn row(&mut self, left: &str, right: &str) {
        self.tag = Some(left.to_owned());
        self.hanging = INDENT;
        self.words
            .extend(right.split_whitespace().map(str::to_owned));
        self.end_paragraph();
        self.hanging = 0;
    }

    /// Prints the tag and the words.
    fn end_paragraph(&mut self) {
        let words = std::mem::take(&mut self.words);
        let tag = self.tag.take().unwrap_or_default();
        if words.is_empty() && tag.is_empty() {
            return;
        }
        let start = self.indent + self.hanging;
        let mut line = if tag.is_empty() {
            " ".repeat(start)
        } else {
            format!("{}{tag}", " ".repeat(self.indent))
        };
        let used = line.chars().count();
        if !tag.is_empty() && used < start {
            line.push_str(&" ".repeat(start - used));
        } else if !tag.is_empty() && !words.is_empty() {
            self.push_line(&line);
            line = " ".repeat(start);
        }
        let mut length = start;
        let mut is_first = true;
        for word in words {
            let count = word.chars().count();
            if !is_first && length + 1 + count > self.width {
                self.push_line(&line);
                line = " ".repeat(start);
                (length, is_first) = (start, true);
            }
            if !is_first {
                line.push(' ');
                length += 1;
            }
            line.push_str(&word);
            length += count;
            is_first = false;
        }
        self.push_line(line.trim_end());
    }

    fn push_line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
        self.is_after_heading = false;
    }

    /// An empty line, unless there is one.
    fn blank(&mut self) {
        let is_begun = !self.out.is_empty() && !self.is_after_heading;
        if is_begun && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_replaced() {
        assert_eq!(
            plain(r"\fB\-\-to\fR \(aqx\*(Aq a\eb \\ \&.x"),
            r"--to 'x' a\b \ .x"
        );
    }

    #[test]
    fn paragraphs_tags_and_literal_lines_are_laid_out() {
        let source = ".TH X 1\n.SH NAME\nx \\- y\n.SH OPTIONS\n.TP\n\\fB\\-a\\fR\nfirst\n.TP\n\\fB\\-\\-long\\-option\\fR\n\
                      one two three four\n.PP\n.nf\n  code  here\n.fi\n.SS Sub\ntext\n.TS\nl lx.\na b\tT{\nc\nT}\n.TE\n";
        let expected = "NAME\n       x - y\n\nOPTIONS\n       -a     first\n\n       --long-option\n              one two\n              \
                        three\n              four\n\n         code  here\n\n   Sub\n       text\n\n       a b    c\n\n";
        assert_eq!(text(source, 22), expected);
    }
}
