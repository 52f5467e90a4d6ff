//! What lists and searches need of a message. It is kept in memory, and its size is limited.

use crate::mail::view::{MessageView, Person, TAGS};
use crate::system::text::beginning;

/// Octets of the text that can be searched.
const MAX_TEXT: usize = 2048;

/// Characters of the text that lists show.
pub const SNIPPET: usize = 250;

/// Octets of a header field.
const MAX_FIELD: usize = 1000;

/// Names of attachments, and octets of each.
const MAX_FILES: usize = 20;
const MAX_FILE_NAME: usize = 200;

/// Addresses of a header field.
const MAX_PEOPLE: usize = 100;

#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub from: Vec<Person>,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub bcc: Vec<Person>,
    pub reply_to: Vec<Person>,
    pub subject: String,
    pub message_id: String,
    pub attachments: usize,
    /// The names of attachments that have one.
    pub files: Vec<String>,
    /// The beginning of the text, with single blanks.
    pub text: String,
    /// From X-Tags, separated by commas.
    pub tags: Vec<String>,
}

impl Summary {
    pub fn of(view: &MessageView) -> Summary {
        let tags = view.value(TAGS).unwrap_or_default().split(',');
        let tags = tags
            .map(|tag| cut(tag.trim(), 100))
            .filter(|tag| !tag.is_empty());
        Summary {
            from: people(&view.from),
            to: people(&view.to),
            cc: people(&view.cc),
            bcc: people(&view.bcc),
            reply_to: people(&view.reply_to),
            subject: cut(&view.subject, MAX_FIELD),
            message_id: cut(&view.message_id, MAX_FIELD),
            attachments: view.attachments().count(),
            files: files(view),
            text: with_single_blanks(&view.readable_text()),
            tags: tags.take(20).collect(),
        }
    }

    /// The beginning of the text, for lists.
    pub fn snippet(&self) -> &str {
        let end = self.text.char_indices().nth(SNIPPET);
        end.map_or(&self.text, |(end, _)| &self.text[..end])
    }

    /// Octets in memory, roughly.
    pub fn weight(&self) -> usize {
        let people = [&self.from, &self.to, &self.cc, &self.bcc, &self.reply_to];
        let people = people.into_iter().flatten();
        let people: usize = people
            .map(|person| 80 + person.name.len() + person.address.len())
            .sum();
        let files: usize = self.files.iter().map(|name| name.len() + 24).sum();
        people + files + self.subject.len() + self.message_id.len() + self.text.len() + 300
    }
}

fn files(view: &MessageView) -> Vec<String> {
    let names = view.attachments().map(|part| part.name.as_str());
    let names = names.filter(|name| !name.is_empty()).take(MAX_FILES);
    names.map(|name| cut(name, MAX_FILE_NAME)).collect()
}

fn people(people: &[Person]) -> Vec<Person> {
    let person = |person: &Person| Person {
        name: cut(&person.name, MAX_FIELD),
        address: cut(&person.address, MAX_FIELD),
    };
    people.iter().take(MAX_PEOPLE).map(person).collect()
}

/// A copy of at most this many octets.
fn cut(text: &str, octets: usize) -> String {
    beginning(text, octets).to_owned()
}

fn with_single_blanks(text: &str) -> String {
    // The blanks of Unicode take several times as long, and the first list makes the summaries of many messages.
    if text.is_ascii() {
        joined(text.split_ascii_whitespace())
    } else {
        joined(text.split_whitespace())
    }
}

fn joined<'t>(words: impl Iterator<Item = &'t str>) -> String {
    let mut short = String::new();
    for word in words {
        if short.len() + word.len() > MAX_TEXT {
            short.push(' ');
            short.push_str(beginning(word, MAX_TEXT.saturating_sub(short.len())));
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    short.shrink_to_fit();
    short
}
