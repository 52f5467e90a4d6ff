//! What readers are to see of a message: its entities as a tree, one line each.

use crate::reader::sha256;
use std::fmt::Write as _;

/// A part, or parts that belong together.
#[derive(Clone, Default)]
pub struct Entity {
    kind: &'static str,
    parameters: String,
    name: String,
    disposition: &'static str,
    description: String,
    content_id: String,
    content: Vec<u8>,
    parts: Vec<Self>,
}

/// Attachments beside a text.
pub fn mixed(parts: Vec<Entity>) -> Entity {
    group("multipart/mixed", parts)
}

/// The same in several ways.
pub fn alternative(parts: Vec<Entity>) -> Entity {
    group("multipart/alternative", parts)
}

/// HTML and what it shows.
pub fn related(parts: Vec<Entity>) -> Entity {
    let parameters = format!("type={}", parts[0].kind);
    Entity {
        parameters,
        ..group("multipart/related", parts)
    }
}

fn group(kind: &'static str, parts: Vec<Entity>) -> Entity {
    Entity {
        kind,
        parts,
        ..Entity::default()
    }
}

/// A text that is the message, or a way to say it.
pub fn text(kind: &'static str, content: &str) -> Entity {
    Entity {
        kind,
        parameters: "charset=utf-8".to_owned(),
        content: content.as_bytes().to_vec(),
        ..Entity::default()
    }
}

/// Plain text.
pub fn plain(content: &str) -> Entity {
    text("text/plain", content)
}

/// HTML.
pub fn html(content: &str) -> Entity {
    text("text/html", content)
}

/// An attached file.
pub fn file(kind: &'static str, name: &str, content: &[u8]) -> Entity {
    let is_text = kind.starts_with("text/");
    Entity {
        kind,
        parameters: if is_text { "charset=utf-8" } else { "" }.to_owned(),
        name: name.to_owned(),
        disposition: "attachment",
        content: content.to_vec(),
        ..Entity::default()
    }
}

impl Entity {
    /// With more parameters.
    pub fn with(mut self, parameters: &str) -> Self {
        self.parameters.push_str(parameters);
        self
    }

    /// With a description.
    pub fn described(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// To be shown in its place.
    pub fn inline(mut self) -> Self {
        self.disposition = "inline";
        self
    }

    /// To be shown as this `cid:`.
    pub fn shown_as(mut self, content_id: &str) -> Self {
        content_id.clone_into(&mut self.content_id);
        self.inline()
    }

    /// Lines for this entity and those in it.
    pub fn lines(&self, depth: usize, all: &mut String) {
        let Self {
            kind,
            parameters,
            name,
            disposition,
            description,
            content_id,
            ..
        } = self;
        let (size, digest) = self.measure(depth);
        writeln!(
            all,
            "entity\t{depth}\t{kind}\t{parameters}\t{name}\t{disposition}\t{description}\t\
             {content_id}\t{size}\t{digest}"
        )
        .unwrap();
        for part in &self.parts {
            part.lines(depth + 1, all);
        }
    }

    fn measure(&self, depth: usize) -> (String, String) {
        if self.kind.starts_with("multipart/") {
            return ("-".to_owned(), "-".to_owned());
        }
        let mut content = &self.content[..];
        // A message ends with a line end, whether its only text has one or not.
        while depth == 0 && content.ends_with(b"\n") {
            content = &content[..content.len() - 1];
        }
        (content.len().to_string(), sha256(content))
    }
}

/// Whether a reader saw these lines; what it cannot tell is a `*`, a whole line or a column.
pub fn is_seen(expected: &str, seen: &str) -> bool {
    let knows_people = !seen.lines().any(|line| line == "*");
    let is_person = |line: &&str| line.starts_with("from\t") || line.starts_with("to\t");
    let knows_groups = !seen.lines().any(|line| line == "leaves");
    let is_group = |line: &&str| line.contains("\tmultipart/");
    let expected: Vec<&str> = expected
        .lines()
        .filter(|line| knows_people || !is_person(line))
        .filter(|line| knows_groups || !is_group(line))
        .collect();
    let is_note = |line: &str| line == "*" || line == "leaves";
    let seen: Vec<&str> = seen.lines().filter(|line| !is_note(line)).collect();
    expected.len() == seen.len() && expected.iter().zip(seen).all(|(e, s)| line_is(e, s))
}

fn line_is(expected: &str, seen: &str) -> bool {
    let expected: Vec<&str> = expected.split('\t').collect();
    let seen: Vec<&str> = seen.split('\t').collect();
    let is = |(expected, seen): (&&str, &&str)| *seen == "*" || expected == seen;
    expected.len() == seen.len() && expected.iter().zip(&seen).all(is)
}
