//! Pages of section 7: prose in `guides/`, written in a small part of Markdown.
//!
//! A block ends at an empty line. `# ` and `## ` are headings, four spaces an example, `- ` an item, `| ` a table whose
//! first row is its header, and a line followed by one with `: ` is a term with its description. In a text,
//! backquotes are bold and asterisks italic.

use crate::page::{DATE, EXAMPLE_WIDTH};

/// The longest line of the source of a page, in bytes.
const WIDTH: usize = 78;

/// A page with its source (one long page, because tables would otherwise be broken by empty lines), the first line of
/// which names it: `ehlo-tutorial - send mail`.
pub fn page(source: &str) -> String {
    let (name, text) = source.split_once('\n').unwrap();
    let title = name.split(' ').next().unwrap().to_uppercase();
    let mut page = format!(
        "'\\\" t\n.TH {} 7 {DATE} \"ehlo {}\" \"Miscellaneous Information\"\n\
         .nh\n.ad l\n.if n .pl 1000i\n.SH NAME\n{}\n",
        escaped(&title),
        env!("CARGO_PKG_VERSION"),
        escaped(name)
    );
    let mut after_heading = true;
    for block in blocks(text) {
        page += &rendered(&block, after_heading);
        after_heading = block[0].starts_with('#');
    }
    page
}

/// The blocks of a text, each with its lines. An empty line in an example does not end it.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let is_example = line.starts_with("    ");
        match all.last_mut() {
            _ if line.is_empty() => {}
            Some(block) if open => block.push(line),
            Some(block) if is_example && block[0].starts_with("    ") => block.extend(["", line]),
            _ => all.push(vec![line]),
        }
        open = !line.is_empty() && !line.starts_with('#');
    }
    all
}

fn rendered(block: &[&str], after_heading: bool) -> String {
    let first = block[0];
    if let Some(title) = first.strip_prefix("## ") {
        return format!(".SS {}\n", escaped(title));
    }
    if let Some(title) = first.strip_prefix("# ") {
        return format!(".SH {}\n", escaped(title));
    }
    if first.starts_with("    ") {
        return example(block, after_heading);
    }
    if first.starts_with("| ") {
        return table(block);
    }
    if first.starts_with("- ") {
        return format!(".IP \\(bu 2\n{}", filled(&block.join(" ")[2..]));
    }
    if block.len() > 1 && block[1].starts_with(": ") {
        let text = block[1..].join(" ");
        return format!(".TP\n{}\n{}", marked(first), filled(&text[2..]));
    }
    let start = if after_heading { "" } else { ".PP\n" };
    format!("{start}{}", filled(&block.join(" ")))
}

fn example(block: &[&str], after_heading: bool) -> String {
    let start = if after_heading { "" } else { ".PP\n" };
    let mut text = format!("{start}.nf\n.RS 4\n");
    for line in block {
        let line = line.strip_prefix("    ").unwrap_or_default();
        assert!(line.len() <= EXAMPLE_WIDTH, "{line}");
        text += &format!("{}\n", guarded(&escaped(line)));
    }
    text + ".RE\n.fi\n"
}

fn table(block: &[&str]) -> String {
    let rows: Vec<Vec<&str>> = block
        .iter()
        .map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let columns = rows[0].len();
    let format = |font: &str| vec![format!("l{font}"); columns - 1].join(" ");
    let mut text = format!(".TS\n{} lbx\n{} lx.\n", format("b"), format(""));
    for row in rows {
        assert_eq!(row.len(), columns, "{row:?}");
        let (last, others) = row.split_last().unwrap();
        for cell in others {
            text += &format!("{}\t", marked(cell));
        }
        text += &format!("T{{\n{}T}}\n", filled(last));
    }
    text + ".TE\n"
}

/// A text in lines of at most `WIDTH` bytes, each sentence beginning one.
fn filled(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in marked(text).split_whitespace() {
        let line = lines.last_mut().unwrap();
        let ends = line.ends_with(['.', ':']) && word.starts_with(|c: char| c.is_ascii_uppercase());
        if line.is_empty() {
            *line = guarded(word);
        } else if ends || line.len() + 1 + word.len() > WIDTH {
            lines.push(guarded(word));
        } else {
            *line += &format!(" {word}");
        }
    }
    lines.join("\n") + "\n"
}

/// A text escaped, with its fonts.
fn marked(text: &str) -> String {
    let mut all = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            all += &format!("\\fB{}\\fR", escaped(part));
            continue;
        }
        for (at, part) in part.split('*').enumerate() {
            let part = escaped(part);
            all += &if at % 2 == 1 {
                format!("\\fI{part}\\fR")
            } else {
                part
            };
        }
    }
    all
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
        .replace('`', "\\(ga")
}

/// A line that is not a request.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) {
        return format!("\\&{line}");
    }
    line.to_owned()
}
