//! A message with a header as people write it: a draft of mutt, a template of mailx.

use crate::cli::standins::mail::args::MailArgs;

/// A header and the text after it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WrittenMessage {
    pub fields: Vec<(String, String)>,
    pub text: Vec<u8>,
}

impl WrittenMessage {
    /// Splits at the first empty line. Lines that begin with `#` before it are comments.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut message = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let line = String::from_utf8_lossy(&rest[..end]);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                rest = &rest[end..];
                break;
            }
            if !message.add(line) {
                // The text begins without an empty line.
                break;
            }
            rest = &rest[end..];
        }
        message.text = rest.to_vec();
        message
    }

    /// Adds a line of the header. Returns false if it is not one.
    fn add(&mut self, line: &str) -> bool {
        if line.starts_with('#') {
            return true;
        }
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = self.fields.last_mut()
        {
            value.push(' ');
            value.push_str(line.trim());
            return true;
        }
        match line.split_once(':') {
            Some((name, value)) if !name.contains([' ', '\t']) => {
                let field = (name.to_owned(), value.trim().to_owned());
                self.fields.push(field);
                true
            }
            _ => false,
        }
    }

    /// Adds the fields to those of the command line.
    pub fn add_to(fields: Vec<(String, String)>, args: &mut MailArgs) {
        for (name, value) in fields {
            match name.to_ascii_lowercase().as_str() {
                _ if value.is_empty() => {}
                "to" => args.to.insert(0, value),
                "cc" => args.cc.push(value),
                "bcc" => args.bcc.push(value),
                // mutt prefers its option, mailx the template.
                "subject" if args.draft.is_some() && args.subject.is_some() => {}
                "subject" => args.subject = Some(value),
                "from" if args.from.is_none() => args.from = Some(value),
                "from"
                | "mime-version"
                | "content-type"
                | "content-transfer-encoding"
                | "content-disposition"
                | "content-length" => {}
                _ => args.fields.push(format!("{name}: {value}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_ends_at_the_empty_line() {
        let message = WrittenMessage::parse(b"# note\nTo: a,\n b\nSubject: x\n\ntext: 1\n");
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(message.fields, [field("To", "a, b"), field("Subject", "x")]);
        assert_eq!(message.text, b"text: 1\n");
        assert_eq!(WrittenMessage::parse(b"a text\n").text, b"a text\n");
    }
}
