//! Whether what arrived is what was given.

use mail_parser::MessageParser;
use std::borrow::Cow;

/// The domain of names without one.
const DOMAIN: &str = "example.org";

/// What a sendmail takes away.
const REMOVED: [&str; 4] = ["bcc", "resent-bcc", "return-path", "content-length"];

/// What it adds where it is not there.
const ADDED: [&str; 4] = ["date", "message-id", "from", "to"];

/// Where addresses stand, which get a domain if they have none.
const ADDRESSES: [&str; 5] = ["from", "sender", "reply-to", "to", "cc"];

/// How much alike two letters are to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// To the byte.
    Exact,
    /// As two runs of the same program give them: other numbers, another Message-ID, and the fields
    /// in another order if their program keeps them in a hash.
    Shape,
}

/// A message in its parts. Line ends are LF.
#[derive(Clone, Debug)]
pub struct Letter {
    fields: Vec<Field>,
    body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    /// In small letters.
    name: String,
    /// With the lines that it is folded into.
    value: Vec<u8>,
}

impl Letter {
    /// What does not look like a field is where the body begins, as sendmail has it.
    pub fn parse(message: &[u8]) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        let mut at = 0;
        for line in message.split_inclusive(|&byte| byte == b'\n') {
            if line == b"\n" {
                at += 1;
                break;
            }
            if let (b' ' | b'\t', Some(last)) = (line[0], fields.last_mut()) {
                last.value.extend(line);
            } else if let Some(field) = Field::parse(line) {
                fields.push(field);
            } else {
                break;
            }
            at += line.len();
        }
        Self {
            fields,
            body: message[at..].to_vec(),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// The same with another boundary between its parts, which is random.
    fn with_a_plain_boundary(&self) -> Self {
        let mut plain = self.clone();
        let kind = self
            .fields
            .iter()
            .find(|field| field.name == "content-type");
        let text = kind.map(Field::text).unwrap_or_default();
        let Some((_, boundary)) = text.split_once("boundary=\"") else {
            return plain;
        };
        let boundary = boundary.split('"').next().unwrap().as_bytes();
        plain.body = replaced(&plain.body, boundary);
        for field in &mut plain.fields {
            field.value = replaced(&field.value, boundary);
        }
        plain
    }

    /// The fields that everybody may see.
    fn shown(&self) -> Vec<Field> {
        let fields = self.fields.iter();
        let shown = fields.filter(|field| !REMOVED.contains(&field.name.as_str()));
        shown.cloned().collect()
    }

    /// Whether this address stands in a field that everybody may see.
    pub fn names(&self, address: &str) -> bool {
        let mut values = self.shown().into_iter().map(|field| field.value);
        values.any(|value| String::from_utf8_lossy(&value).contains(address))
    }

    /// Fails unless this is what was given, but for what a sendmail adds and takes away.
    #[track_caller]
    pub fn assert_is(&self, given: &Self, likeness: Likeness) {
        for name in REMOVED {
            assert!(!self.has(name), "{name} is still there: {self:?}");
        }
        for name in ["date", "message-id", "from"] {
            assert!(self.has(name), "no {name}: {self:?}");
        }
        let is_added =
            |field: &Field| ADDED.contains(&field.name.as_str()) && !given.has(&field.name);
        let (given, letter) = match likeness {
            Likeness::Exact => (given.clone(), self.clone()),
            Likeness::Shape => (given.with_a_plain_boundary(), self.with_a_plain_boundary()),
        };
        let mut wanted = given.shown();
        let mut came = letter.fields.clone();
        came.retain(|field| !is_added(field));
        if likeness == Likeness::Shape {
            wanted.sort();
            came.sort();
        }
        let names = |fields: &[Field]| -> Vec<String> {
            fields.iter().map(|field| field.name.clone()).collect()
        };
        assert_eq!(names(&came), names(&wanted), "came, wanted");
        for (came, wanted) in came.iter().zip(&wanted) {
            assert!(
                came.is(wanted, likeness),
                "{:?} should be {:?}",
                came.text(),
                wanted.text()
            );
        }
        let (body, wanted) = (&letter.body, &given.body);
        assert!(
            body == wanted || (likeness == Likeness::Shape && shape(body) == shape(wanted)),
            "{:?} should be {:?}",
            String::from_utf8_lossy(body),
            String::from_utf8_lossy(wanted)
        );
    }
}

impl Field {
    fn parse(line: &[u8]) -> Option<Self> {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = str::from_utf8(&line[..colon]).ok()?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        is_name.then(|| Self {
            name: name.to_ascii_lowercase(),
            value: line[colon + 1..].to_vec(),
        })
    }

    fn text(&self) -> String {
        format!("{}:{}", self.name, String::from_utf8_lossy(&self.value))
    }

    fn is(&self, wanted: &Self, likeness: Likeness) -> bool {
        if self.value == wanted.value {
            return true;
        }
        if likeness == Likeness::Shape {
            let alike = match self.name.as_str() {
                "date" => true,
                // Its left half is made of numbers and letters without an order.
                "message-id" => {
                    let right = |field: &Self| field.text().rsplit('@').next().map(str::to_owned);
                    right(self) == right(wanted)
                }
                _ => shape(&self.value) == shape(&wanted.value),
            };
            if alike {
                return true;
            }
        }
        if ADDRESSES.contains(&self.name.as_str()) {
            return self.addresses() == wanted.addresses();
        }
        // RFC 2047: raw characters may have been encoded.
        !wanted.value.is_ascii() && self.decoded() == wanted.decoded()
    }

    /// Names and addresses, all with a domain.
    fn addresses(&self) -> Vec<(Option<String>, String)> {
        let text = [b"From:", &self.value[..], b"\n"].concat();
        let message = MessageParser::default().parse(&text).unwrap();
        let Some(from) = message.from().cloned() else {
            return Vec::new();
        };
        let all = from.into_list().into_iter();
        all.map(|one| {
            let name = one.name.map(Cow::into_owned);
            match one.address.map(Cow::into_owned) {
                // A host's name without a dot is no domain either.
                Some(address) => match address.split_once('@') {
                    Some((local, host)) if !host.contains('.') => {
                        (name, format!("{local}@{DOMAIN}"))
                    }
                    Some(_) => (name, address),
                    None => (name, format!("{address}@{DOMAIN}")),
                },
                // A word alone is a name to the parser.
                None => (None, format!("{}@{DOMAIN}", name.unwrap_or_default())),
            }
        })
        .collect()
    }

    fn decoded(&self) -> String {
        let text = [b"Subject:", &self.value[..], b"\n"].concat();
        let message = MessageParser::default().parse(&text).unwrap();
        message.subject().unwrap_or_default().to_owned()
    }
}

/// A text without these words.
fn replaced(text: &[u8], words: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut replaced = Vec::with_capacity(text.len());
    while let Some((&first, behind)) = rest.split_first() {
        if rest.starts_with(words) {
            rest = &rest[words.len()..];
        } else {
            replaced.push(first);
            rest = behind;
        }
    }
    replaced
}

/// A text in which all numbers are the same.
fn shape(text: &[u8]) -> Vec<u8> {
    let mut shape = Vec::with_capacity(text.len());
    for &byte in text {
        let byte = if byte.is_ascii_digit() { b'0' } else { byte };
        if byte != b'0' || shape.last() != Some(&b'0') {
            shape.push(byte);
        }
    }
    shape
}
