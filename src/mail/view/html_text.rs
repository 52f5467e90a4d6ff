//! The text of HTML, for terminals and searches.
//!
//! It is written here because converters bring a second table of character references, which every start of the program
//! would pay for. References are decoded by the Markdown parser, which has one.

use pulldown_cmark::{Event, Parser};

/// Elements whose content is not shown.
const HIDDEN: [&str; 4] = ["title", "style", "script", "template"];

/// Elements that begin a line and end it.
const BLOCKS: [&str; 31] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];

/// The longest character reference: `&CounterClockwiseContourIntegral;`.
const LONGEST_REFERENCE: usize = 33;

/// The text of an HTML document: one line for each block, blanks as a browser shows them, without what is not shown.
pub fn html_to_text(html: &str) -> String {
    let mut writer = TextWriter::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        writer.text(&rest[..at]);
        let markup = &rest[at..];
        if let Some(found) = Markup::of(markup) {
            writer.markup(&found);
            rest = found.rest;
        } else {
            // A lone less-than sign.
            writer.text("<");
            rest = &markup[1..];
        }
    }
    writer.text(rest);
    writer.out.truncate(writer.out.trim_end().len());
    writer.out
}

/// A tag, a comment or a declaration, and what follows it.
struct Markup<'h> {
    /// The name of the element in lower case; empty for comments and declarations.
    name: String,
    rest: &'h str,
}

impl<'h> Markup<'h> {
    /// The markup at the beginning of `html`, with the content of an element that is not shown. `None`: it is text.
    fn of(html: &'h str) -> Option<Self> {
        if let Some(comment) = html.strip_prefix("<!--") {
            let end = comment.find("-->");
            return Some(Self {
                name: String::new(),
                rest: end.map_or("", |end| &comment[end + 3..]),
            });
        }
        let inner = &html[1..];
        let closing = inner.strip_prefix('/');
        let tag = closing.unwrap_or(inner);
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
            return None;
        }
        let end = tag.find(|c: char| !c.is_ascii_alphanumeric());
        let name = tag[..end.unwrap_or(tag.len())].to_ascii_lowercase();
        let mut rest = after_tag(tag);
        if closing.is_none() && HIDDEN.contains(&name.as_str()) {
            rest = after_element(rest, &name);
        }
        Some(Self { name, rest })
    }
}

/// Returns the text after the end of a tag; empty if there is none. An attribute may have `>` in quotation marks.
fn after_tag(tag: &str) -> &str {
    let mut quote = None;
    let mut is_after_equals = false;
    for (at, byte) in tag.bytes().enumerate() {
        match (byte, quote) {
            (b'>', None) => return &tag[at + 1..],
            (b'"' | b'\'', None) if is_after_equals => quote = Some(byte),
            (_, Some(open)) if open == byte => quote = None,
            _ => {}
        }
        is_after_equals = byte == b'=' || is_after_equals && byte.is_ascii_whitespace();
    }
    ""
}

/// Returns the text after the closing tag of an element; empty if there is none.
fn after_element<'h>(content: &'h str, name: &str) -> &'h str {
    let mut from = 0;
    while let Some(at) = content[from..].find("</") {
        let tag = &content[from + at + 2..];
        let is_same = tag
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name));
        if is_same {
            return after_tag(tag);
        }
        from += at + 2;
    }
    ""
}

#[derive(Default)]
struct TextWriter {
    out: String,
    /// True if there were blanks since the last word.
    is_after_blank: bool,
}

impl TextWriter {
    fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find('&') {
            self.words(&rest[..at]);
            let (decoded, length) = reference(&rest[at..]);
            self.word(&decoded);
            rest = &rest[at + length..];
        }
        self.words(rest);
    }

    fn words(&mut self, text: &str) {
        for (at, piece) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            self.is_after_blank |= at > 0;
            if !piece.is_empty() {
                self.word(piece);
            }
        }
    }

    fn word(&mut self, word: &str) {
        let is_line_start = self.out.is_empty() || self.out.ends_with('\n');
        if std::mem::take(&mut self.is_after_blank) && !is_line_start {
            self.out.push(' ');
        }
        self.out.push_str(word);
    }

    fn markup(&mut self, markup: &Markup<'_>) {
        let is_line_start = self.out.is_empty() || self.out.ends_with('\n');
        match markup.name.as_str() {
            "br" => self.out.push('\n'),
            "td" | "th" => self.is_after_blank = true,
            name if BLOCKS.contains(&name) && !is_line_start => self.out.push('\n'),
            _ => {}
        }
    }
}

/// The character that the reference at the beginning of `text` means, and the length of the reference. Without a
/// reference, the ampersand.
fn reference(text: &str) -> (String, usize) {
    let end = text.bytes().take(LONGEST_REFERENCE).position(|b| b == b';');
    let Some(end) = end else {
        return ("&".to_owned(), 1);
    };
    let written = &text[..=end];
    if !written[1..end]
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'#')
    {
        return ("&".to_owned(), 1);
    }
    let decoded = Parser::new(written).filter_map(|event| match event {
        Event::Text(text) => Some(text.into_string()),
        _ => None,
    });
    (decoded.collect(), end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_lines_and_blanks_are_one() {
        for (html, text) in [
            (
                "<p>Do you\r\n like <b>ketch\u{fc}p</b>?</p><p>Bob</p>",
                "Do you like ketch\u{fc}p?\nBob",
            ),
            ("one<br>two<BR/>three", "one\ntwo\nthree"),
            ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
            (
                "<table><tr><td>1</td><td>2</td></tr><tr><th>3</th></tr></table>",
                "1 2\n3",
            ),
            ("a<b>b</b>c <i> d</i>", "abc d"),
            ("  plain  text  ", "plain text"),
            ("", ""),
        ] {
            assert_eq!(html_to_text(html), text, "{html}");
        }
    }

    #[test]
    fn references_are_decoded_once() {
        for (html, text) in [
            ("&lt;b&gt; &amp;amp; &quot;x&quot;", "<b> &amp; \"x\""),
            (
                "caf&eacute; &#8364;&#x20AC; &nbsp;&CounterClockwiseContourIntegral;",
                "caf\u{e9} \u{20ac}\u{20ac} \u{a0}\u{2233}",
            ),
            (
                "AT&T, a & b; &nothing; &#xzz; & &;",
                "AT&T, a & b; &nothing; &#xzz; & &;",
            ),
            ("&#42;&#35;&#45; &#62;", "*#- >"),
            ("&#0;", "\u{fffd}"),
        ] {
            assert_eq!(html_to_text(html), text, "{html}");
        }
    }

    #[test]
    fn what_a_browser_does_not_show_is_left_out() {
        for (html, text) in [
            (
                "<head><title>t</title></head>a<style>b{}</style>c<script>if (1<2) '</p>'</script >d",
                "acd",
            ),
            ("<!DOCTYPE html><?xml ?>a<!-- <p>b --c-->d", "ad"),
            ("<a title='1 > 2' href = \"x>y\">z</a>", "z"),
            ("<p class=it's>Pay here</p>", "Pay here"),
            ("<TEMPLATE>x</template>y<head><meta>z", "yz"),
            ("a<script>b", "a"),
            ("a<!-- b", "a"),
            ("1 < 2 <3 a<", "1 < 2 <3 a<"),
            ("a<b", "a"),
            ("\u{e4}<\u{f6}", "\u{e4}<\u{f6}"),
        ] {
            assert_eq!(html_to_text(html), text, "{html}");
        }
    }

    #[test]
    fn hostile_html_takes_linear_time() {
        for piece in [
            "<",
            "&",
            "<a ",
            "<!--",
            "<p title=\"",
            "</",
            "&#",
            "<head>",
            "<template>",
        ] {
            let html = piece.repeat(200_000 / piece.len());
            html_to_text(&html);
        }
    }
}
