//! The body with attachments.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::identity::Identity;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::options::{Group, Key};
use crate::cli::standins::swaks::printer::Stop;
use base64::prelude::{BASE64_STANDARD, Engine};

/// Characters in a line of base64.
const LINE: usize = 76;

pub struct Body {
    pub text: String,
    /// With the boundary; `None`: the body has no parts.
    pub media_type: Option<String>,
}

/// A part of the body.
struct Part {
    content: String,
    media_type: String,
    /// The file name.
    name: Option<String>,
}

/// The text alone, or a multipart with the attachments of the command line.
pub fn body(text: String, given: &mut Given) -> Result<Body, Stop> {
    let (mut texts, attachments) = parts(given)?;
    if given.order(Group::Attachments).is_empty() {
        return Ok(Body {
            text,
            media_type: None,
        });
    }
    if texts.is_empty() {
        texts.push(Part {
            content: text,
            media_type: "text/plain".to_owned(),
            name: None,
        });
    }
    let boundary = Identity::boundary(0);
    let has_alternatives = texts.len() > 1;
    let mut text = String::new();
    if has_alternatives && !attachments.is_empty() {
        let inner = Identity::boundary(4);
        text +=
            &format!("--{boundary}\nContent-Type: multipart/alternative; boundary=\"{inner}\"\n\n");
        for part in &texts {
            part.encode(&inner, true, &mut text);
        }
        text += &format!("--{inner}--\n");
    } else {
        for part in &texts {
            part.encode(&boundary, true, &mut text);
        }
    }
    for part in &attachments {
        part.encode(&boundary, false, &mut text);
    }
    text += &format!("--{boundary}--\n");
    let kind = if has_alternatives && attachments.is_empty() {
        "alternative"
    } else {
        "mixed"
    };
    Ok(Body {
        text,
        media_type: Some(format!("multipart/{kind}; boundary=\"{boundary}\"")),
    })
}

/// Body parts and attachments. A type and a name apply to what follows.
fn parts(given: &mut Given) -> Result<(Vec<Part>, Vec<Part>), Stop> {
    let (mut texts, mut attachments) = (Vec::new(), Vec::new());
    let mut media_type = None;
    let mut name = None;
    for key in given.order(Group::Attachments).to_vec() {
        match key {
            Key::AttachType => media_type = given.take(key)?,
            Key::AttachName => name = given.take(key)?,
            Key::AttachBody => {
                let media_type = media_type.take();
                name = None;
                texts.push(Part {
                    content: given.take(key)?.unwrap_or_default(),
                    media_type: media_type.unwrap_or_else(|| "text/plain".to_owned()),
                    name: None,
                });
            }
            _ => {
                let argument = given.raw(key).unwrap_or_default().to_owned();
                let content = given.take(key)?.unwrap_or_default();
                let media_type = media_type.clone();
                attachments.push(Part {
                    name: name.take().or_else(|| file_name(&argument, &content)),
                    content,
                    media_type: media_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
                });
            }
        }
    }
    Ok((texts, attachments))
}

/// The name of the file that an argument names, if its content is that of the file.
fn file_name(argument: &str, content: &str) -> Option<String> {
    let file = argument.strip_prefix('@').unwrap_or(argument);
    if argument == "-" || file.starts_with('@') || argument == content {
        return None;
    }
    octets::path(file).is_file().then(|| {
        let last = file.rsplit('/').next();
        last.filter(|last| !last.is_empty())
            .unwrap_or(file)
            .to_owned()
    })
}

impl Part {
    /// Appends the part. A text without name is not an attachment if `is_text`.
    fn encode(&self, boundary: &str, is_text: bool, into: &mut String) {
        let Self {
            content,
            media_type,
            name,
        } = self;
        let name = name.as_deref().filter(|name| octets::is_true(name));
        if media_type.eq_ignore_ascii_case("text/plain") && name.is_none() {
            *into += &format!("--{boundary}\nContent-Type: {media_type}\n\n{content}\n");
            return;
        }
        *into += &format!("--{boundary}\nContent-Type: {media_type}");
        if let Some(name) = name {
            *into += &format!(
                "; name=\"{name}\"\nContent-Description: {name}\n\
                 Content-Disposition: attachment; filename=\"{name}\"\n"
            );
        } else if is_text && media_type.to_ascii_lowercase().starts_with("text/") {
            into.push('\n');
        } else {
            *into += "\nContent-Disposition: attachment\n";
        }
        *into += "Content-Transfer-Encoding: BASE64\n\n";
        push_base64(content, into);
        into.push('\n');
    }
}

fn push_base64(content: &str, into: &mut String) {
    for line in octets::bytes(content).chunks(LINE / 4 * 3) {
        BASE64_STANDARD.encode_string(line, into);
        into.push('\n');
    }
}
