//! The links of a message.

use crate::mail::view::MessageView;

const MAX_LINKS: usize = 2000;

/// The targets of links in HTML (`href` and `src`), and the web addresses in the text; each once, in their order.
/// Targets within the message (`cid:`, `#`, `data:`) are left out.
pub fn links(view: &MessageView) -> Vec<String> {
    let mut all = Vec::new();
    for attribute in ["href", "src"] {
        for value in attribute_values(&view.html, attribute) {
            add(&mut all, &unescaped(value.trim()));
        }
    }
    for address in web_addresses(&view.text) {
        add(&mut all, address);
    }
    all
}

fn add(all: &mut Vec<String>, link: &str) {
    let is_target = ["http://", "https://", "mailto:", "tel:", "ftp://"]
        .iter()
        .any(|scheme| has_prefix(link, scheme));
    if is_target && all.len() < MAX_LINKS && !all.iter().any(|known| known == link) {
        all.push(link.to_owned());
    }
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    let start = text.as_bytes().get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// The values of an attribute, with or without quotation marks.
fn attribute_values<'h>(html: &'h str, name: &'h str) -> impl Iterator<Item = &'h str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            let (before, after) = rest.split_once('=')?;
            rest = after;
            let before = before.trim_ascii_end();
            let start = before.len().checked_sub(name.len());
            let found = start.and_then(|start| before.get(start..));
            let is_word = start.is_some_and(|start| {
                let character = before[..start].chars().next_back();
                character.is_none_or(|c| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '/'))
            });
            if is_word && found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
                return Some(value(after.trim_ascii_start()));
            }
        }
    })
}

fn value(text: &str) -> &str {
    let end = |marks: &[char]| text[1..].find(marks).map_or("", |end| &text[1..=end]);
    match text.chars().next() {
        Some('"') => end(&['"']),
        Some('\'') => end(&['\'']),
        _ => {
            let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>');
            &text[..end.unwrap_or(text.len())]
        }
    }
}

fn unescaped(value: &str) -> String {
    value
        .replace("&#38;", "&")
        .replace("&#x26;", "&")
        .replace("&amp;", "&")
}

fn web_addresses(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find("://")?;
            let scheme = ["https", "http"]
                .into_iter()
                .find(|scheme| rest[..at].to_ascii_lowercase().ends_with(scheme));
            let start = at - scheme.map_or(0, str::len);
            let is_end =
                |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '{' | '}' | '|');
            let end = rest[at..].find(is_end).map_or(rest.len(), |end| at + end);
            let found = &rest[start..end];
            rest = &rest[end..];
            if scheme.is_some() {
                return Some(trimmed(found));
            }
        }
    })
}

/// Without the punctuation of the sentence that an address ends.
fn trimmed(address: &str) -> &str {
    let address = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ']', '*', '_']);
    if address.ends_with(')') && !address.contains('(') {
        return address.trim_end_matches(')');
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_html_and_text_are_found_once() {
        let html = r##"<a HREF="https://a.example/?x=1&amp;y=2">1</a><img src=http://b.example/i.png>
            <a href = 'mailto:bob@hamburger.edu'>2</a><img src="cid:1"><a data-href="https://no.example/">
            <a href="javascript:alert(1)">3</a><a href="#top"><a href="##;
        let text = "See https://a.example/?x=1&y=2, (http://c.example/) and HTTPS://d.example/(e). \
                    <https://e.example/> ftp://x http://c.example/";
        let view = MessageView {
            html: html.to_owned(),
            text: text.to_owned(),
            ..MessageView::default()
        };
        let expected = [
            "https://a.example/?x=1&y=2",
            "mailto:bob@hamburger.edu",
            "http://b.example/i.png",
            "http://c.example/",
            "HTTPS://d.example/(e)",
            "https://e.example/",
        ];
        assert_eq!(links(&view), expected);
    }
}
