//! Templates (Jinja), and the letters that are made of them.
//!
//! A template file is a header, an empty line and a body. A value cannot end a line of the header, so that no row
//! can add a field. In HTML, values are escaped.

use crate::mail::merge::rows::Row;
use crate::system::text::shown;
use minijinja::value::Value;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, escape_formatter,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Work for the rendering of one template for one row: about this number of instructions, or 64 times this
/// number of octets.
const FUEL: u64 = 2_000_000;

/// Beginning of the names of compiled templates for the header.
const HEADER: &str = "header";

/// Fields with addresses.
const ADDRESS_FIELDS: [&str; 5] = ["to", "cc", "bcc", "from", "reply-to"];

/// The name of the compiled template for an HTML part, whose values are escaped.
const HTML: &str = "html";

/// Handling of fields that a row does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Missing {
    #[default]
    Error,
    Empty,
}

/// The sources of a template.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemplateOptions {
    /// A file with a header and a body.
    pub file: Option<TemplateFile>,
    /// Fields of the header: the option, the name of the field and its value.
    pub fields: Vec<FieldTemplate>,
    /// The text, its HTML version or its Markdown, each with the option or the file.
    pub text: Option<TextTemplate>,
    pub html: Option<TextTemplate>,
    pub markdown: Option<TextTemplate>,
    pub missing: Missing,
}

#[derive(Clone, Debug)]
pub(crate) struct TemplateFile {
    /// The name, safe to show.
    pub name: String,
    pub text: String,
}

#[derive(Clone, Debug)]
pub(crate) struct FieldTemplate {
    /// The option that gave it.
    pub option: String,
    pub field: String,
    pub value: String,
}

#[derive(Clone, Debug)]
pub(crate) struct TextTemplate {
    /// The option or the file.
    pub name: String,
    pub text: String,
}

/// A compiled template.
pub(crate) struct MergeTemplate {
    environment: Environment<'static>,
    /// The header of the file.
    header: Option<Piece>,
    fields: Vec<(String, Piece)>,
    /// The body of the file.
    body: Option<Piece>,
    text: Option<Piece>,
    html: Option<Piece>,
    markdown: Option<Piece>,
}

/// A part of a template.
struct Piece {
    /// The name of the compiled template.
    compiled: String,
    /// The file or the option.
    place: String,
    /// The line of the file before its first line. `None`: it is an option, whose lines are not counted.
    line: Option<usize>,
}

/// A template that was filled with a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Letter {
    /// The fields of the header, with their names as written.
    pub fields: Vec<(String, String)>,
    /// The body of the template file.
    pub body: Option<String>,
    pub text: Option<String>,
    pub html: Option<String>,
    pub markdown: Option<String>,
}

/// A template that cannot be compiled or filled.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub(crate) struct TemplateError {
    /// The file with its line, or the option.
    place: String,
    what: String,
}

impl MergeTemplate {
    pub fn compile(options: TemplateOptions) -> Result<Self, TemplateError> {
        let mut template = Self {
            environment: environment(options.missing),
            header: None,
            fields: Vec::new(),
            body: None,
            text: None,
            html: None,
            markdown: None,
        };
        if let Some(file) = options.file {
            template.add_file(&file)?;
        }
        for (index, given) in options.fields.into_iter().enumerate() {
            let piece = Piece::new(format!("{HEADER} {index}"), given.option);
            let value = guarded(&given.field, &given.value);
            let piece = template.add(piece, value.unwrap_or(given.value))?;
            template.fields.push((given.field, piece));
        }
        let mut add = |compiled: &str, given: Option<TextTemplate>| {
            let piece = given.map(|given| {
                let piece = Piece {
                    line: Some(0),
                    ..Piece::new(compiled.to_owned(), given.name)
                };
                template.add(piece, given.text)
            });
            piece.transpose()
        };
        let text = add("text", options.text)?;
        let html = add(HTML, options.html)?;
        let markdown = add("markdown", options.markdown)?;
        Ok(Self {
            text,
            html,
            markdown,
            ..template
        })
    }

    fn add_file(&mut self, file: &TemplateFile) -> Result<(), TemplateError> {
        let text = file.text.replace("\r\n", "\n");
        let error = |what: &str| TemplateError {
            place: file.name.clone(),
            what: what.to_owned(),
        };
        let (header, body) = match text.split_once("\n\n") {
            Some((header, body)) => (header, body),
            None => (text.as_str(), ""),
        };
        let first = header.lines().next().unwrap_or_default();
        if !first.starts_with('{') && field(first).is_none() {
            return Err(error(
                "line 1 is not a header field; a template begins with fields such as \"TO: {{email}}\", and an \
                 empty line",
            ));
        }
        let lines = header.lines().count() + 1;
        let is_html = header.lines().filter_map(field).any(|(name, value)| {
            let value = value.trim_start().to_ascii_lowercase();
            name.eq_ignore_ascii_case("content-type") && value.starts_with("text/html")
        });
        let compiled = if is_html { "file.html" } else { "file" };
        let piece = |compiled: &str, line| Piece {
            line: Some(line),
            ..Piece::new(compiled.to_owned(), file.name.clone())
        };
        let guarded_fields = folded(header).into_iter().map(|lines| match field(&lines) {
            Some((name, value)) => match guarded(name, value) {
                Some(value) => format!("{name}: {value}\n"),
                None => format!("{lines}\n"),
            },
            None => format!("{lines}\n"),
        });
        self.header = Some(self.add(piece(HEADER, 0), guarded_fields.collect())?);
        self.body = Some(self.add(piece(compiled, lines), body.to_owned())?);
        Ok(())
    }

    fn add(&mut self, piece: Piece, text: String) -> Result<Piece, TemplateError> {
        let added = self
            .environment
            .add_template_owned(piece.compiled.clone(), text);
        added.map_err(|error| piece.error(&error, what(&error)))?;
        Ok(piece)
    }

    /// Fills the template.
    pub fn fill(&self, row: &Row) -> Result<Letter, TemplateError> {
        let context = context(row);
        let mut letter = Letter::default();
        if let Some(header) = &self.header {
            let text = self.filled(header, &context, row)?;
            letter.fields = fields(&text).map_err(|what| TemplateError {
                place: header.place.clone(),
                what,
            })?;
        }
        for (name, piece) in &self.fields {
            let value = self.filled(piece, &context, row)?;
            letter.fields.push((name.clone(), value));
        }
        let filled = |piece: &Option<Piece>| {
            let filled = piece
                .as_ref()
                .map(|piece| self.filled(piece, &context, row));
            filled.transpose()
        };
        Ok(Letter {
            body: filled(&self.body)?,
            text: filled(&self.text)?,
            html: filled(&self.html)?,
            markdown: filled(&self.markdown)?,
            ..letter
        })
    }

    fn filled(&self, piece: &Piece, context: &Value, row: &Row) -> Result<String, TemplateError> {
        let template = self.environment.get_template(&piece.compiled);
        let filled = template.and_then(|template| template.render(context.clone()));
        filled.map_err(|error| {
            let what = match error.kind() {
                ErrorKind::UndefinedError => self.missing(piece, row),
                _ => what(&error),
            };
            piece.error(&error, what)
        })
    }

    /// The fields of a template that the row does not have.
    fn missing(&self, piece: &Piece, row: &Row) -> String {
        let template = self.environment.get_template(&piece.compiled);
        let used = template.map(|template| template.undeclared_variables(false));
        let missing: BTreeSet<String> = used
            .unwrap_or_default()
            .into_iter()
            .filter(|name| name != "row" && !row.fields.contains_key(name))
            .collect();
        let missing: Vec<String> = missing.iter().map(|name| shown(name)).collect();
        let known: Vec<String> = row.fields.keys().map(|name| shown(name)).collect();
        if missing.is_empty() {
            return format!("a value is undefined; the row has {}", known.join(", "));
        }
        let missing = missing.join(", ");
        format!(
            "the row has no field {missing}; it has {}",
            known.join(", ")
        )
    }
}

impl Piece {
    fn new(compiled: String, place: String) -> Self {
        Self {
            compiled,
            place,
            line: None,
        }
    }

    fn error(&self, error: &Error, what: String) -> TemplateError {
        let line = self.line.zip(error.line());
        let line = line.map(|(before, line)| format!(", line {}", before + line));
        TemplateError {
            place: format!("{}{}", self.place, line.unwrap_or_default()),
            what,
        }
    }
}

fn environment(missing: Missing) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(match missing {
        Missing::Error => UndefinedBehavior::Strict,
        Missing::Empty => UndefinedBehavior::Chainable,
    });
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(HTML) {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    environment.set_formatter(write_value);
    environment.add_filter(PHRASE, phrase);
    environment.add_filter(ADDRESS, address);
    environment
}

/// Names of the filters for `NAME <ADDRESS>`.
const PHRASE: &str = "_phrase";
const ADDRESS: &str = "_address";

/// Variable that is set in a field with addresses, in which no value may add one.
const IN_ADDRESSES: &str = "_addresses";

/// The fields of a header, each with its continuation lines.
fn folded(header: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in header.lines() {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => {
                field.push('\n');
                field.push_str(line);
            }
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

/// The template of a field with addresses, in which no value can add an address. `None`: another field, or one that
/// consists of a single expression, which may be a list.
fn guarded(name: &str, value: &str) -> Option<String> {
    let mut names = ADDRESS_FIELDS.iter();
    if !names.any(|field| field.eq_ignore_ascii_case(name)) {
        return None;
    }
    let value = value.trim();
    if let Some(guarded) = guarded_mailbox(value) {
        return Some(guarded);
    }
    let inner = value
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    let is_one = inner.is_some_and(|inner| !inner.contains("{{") && !inner.contains("}}"));
    let has_value = value.contains("{{") || value.contains("{%");
    (has_value && !is_one)
        .then(|| format!("{{% with {IN_ADDRESSES} = true %}}{value}{{% endwith %}}"))
}

/// The template for `NAME <ADDRESS>`, whose name is quoted if necessary.
fn guarded_mailbox(value: &str) -> Option<String> {
    let (phrase, address) = value.strip_suffix('>')?.split_once('<')?;
    let phrase = phrase.trim();
    let is_other = phrase.contains(['"', ',', '%', '<']) || address.contains(['<', '>', '%']);
    (!phrase.is_empty() && !is_other).then(|| {
        format!(
            "{{% filter {PHRASE} %}}{phrase}{{% endfilter %}} <{{% filter {ADDRESS} %}}{address}{{% endfilter %}}>"
        )
    })
}

/// Refuses a value that could add an address to those of the template.
fn check_in_addresses(value: &Value) -> Result<(), Error> {
    let text = value.to_string();
    if !text.contains([',', ';', ':', '<', '>', '(', ')', '"', '\\', '\r', '\n']) {
        return Ok(());
    }
    let text = shown(&text);
    Err(Error::new(
        ErrorKind::InvalidOperation,
        format!(
            "\"{text}\" could add an address; only a field of the form NAME <ADDRESS> may have such a name"
        ),
    ))
}

/// A name before an address, quoted if necessary (RFC 5322 §3.2.4).
fn phrase(text: &str) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || !c.is_ascii() || " !#$%&'*+-/=?^_`{|}~".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// One address between angle brackets.
fn address(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.contains(['<', '>', ',', ';']) {
        let text = shown(text);
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("\"{text}\" is not one address"),
        ));
    }
    Ok(text.to_owned())
}

/// Writes a value into the output. None is empty.
fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    if state.name().starts_with(HEADER) {
        if state.lookup(IN_ADDRESSES).is_some() {
            check_in_addresses(value)?;
        }
        let text = value.to_string();
        if let Some((end, character)) = text
            .char_indices()
            .find(|(_, each)| "\r\n\0".contains(*each))
        {
            let start = shown(&text[..end]);
            let what = if character == '\0' {
                "a NUL character"
            } else {
                "a line end"
            };
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                format!(
                    "the value that begins with \"{start}\" has {what}, which a header field cannot have"
                ),
            ));
        }
    }
    escape_formatter(out, state, value)
}

fn what(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => {
            "it takes too much time or memory; does it have a loop without an end?".to_owned()
        }
        kind => shown(error.detail().unwrap_or(&kind.to_string())),
    }
}

/// The values of a template: the fields of the row, and `row` with all of them, for names that are no identifiers.
fn context(row: &Row) -> Value {
    let fields = row.fields.iter();
    let fields = fields.map(|(name, value)| (Value::from(name.as_str()), converted(value)));
    let all: Vec<(Value, Value)> = fields.collect();
    let whole = (Value::from("row"), Value::from_pairs(all.iter().cloned()));
    Value::from_pairs(std::iter::once(whole).chain(all))
}

fn converted(value: &Json) -> Value {
    match value {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(converted).collect::<Vec<Value>>()),
        Json::Object(fields) => Value::from_pairs(
            fields
                .iter()
                .map(|(name, value)| (name.as_str(), converted(value))),
        ),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => Value::from(number),
            (_, Some(number), _) => Value::from(number),
            (_, _, number) => Value::from(number.unwrap_or_default()),
        },
    }
}

/// The fields of a header. Empty lines are left over from control blocks.
fn fields(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = fields.last_mut()
        {
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let Some((name, value)) = field(line) else {
            let line = shown(line);
            return Err(format!(
                "\"{line}\" is not a header field; an empty line ends the header"
            ));
        };
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(fields)
}

/// The name and the value of a line that is a header field.
fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b'{';
    (!name.is_empty() && name.bytes().all(is_name)).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> Row {
        Row {
            number: 1,
            line: 2,
            fields: serde_json::from_str(json).unwrap(),
        }
    }

    fn file(text: &str) -> Result<MergeTemplate, TemplateError> {
        MergeTemplate::compile(TemplateOptions {
            file: Some(TemplateFile {
                name: "t.txt".to_owned(),
                text: text.to_owned(),
            }),
            ..TemplateOptions::default()
        })
    }

    fn filled(text: &str, json: &str) -> Result<Letter, String> {
        let template = file(text).map_err(|error| error.to_string())?;
        template.fill(&row(json)).map_err(|error| error.to_string())
    }

    #[test]
    fn template_of_mailmerge_is_filled() {
        let text = "TO: {{email}}\r\nSUBJECT: Grades of\n {{name}}\nFROM: a@x.org\n\
                    {% for file in files %}ATTACHMENT: {{file}}\n{% endfor %}\n\n\
                    Hi, {{name}},\n\nYour number is {{number}}.\n";
        let row = r#"{"email": "b@x.org", "name": "B & \"C\"", "number": 17, "files": ["1", "2"]}"#;
        let letter = filled(text, row).unwrap();
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = [
            field("TO", "b@x.org"),
            field("SUBJECT", "Grades of B & \"C\""),
            field("FROM", "a@x.org"),
            field("ATTACHMENT", "1"),
            field("ATTACHMENT", "2"),
        ];
        assert_eq!(letter.fields, fields);
        assert_eq!(letter.body.unwrap(), "Hi, B & \"C\",\n\nYour number is 17.");
    }

    #[test]
    fn values_are_escaped_in_html_and_nowhere_else() {
        let text = "TO: b@x.org\nSUBJECT: {{a}}\nContent-Type: text/html\n\n<p>{{a}} {{a|safe}}";
        let letter = filled(text, r#"{"a": "<b>"}"#).unwrap();
        assert_eq!(letter.fields[1].1, "<b>");
        assert_eq!(letter.body.unwrap(), "<p>&lt;b&gt; <b>");
    }

    #[test]
    fn value_cannot_add_a_header_field() {
        for bad in ["x\\nBcc: e@x.org", "x\\r\\nX: y", "x\\ry"] {
            let json = format!(r#"{{"a": "{bad}"}}"#);
            let error = filled("TO: b@x.org\nSUBJECT: {{a}}\n\nx", &json).unwrap_err();
            assert!(
                error.starts_with("t.txt, line 2: the value that begins with \"x\""),
                "{error}"
            );
            let letter = filled("TO: b@x.org\n\n{{a}}", &json).unwrap();
            assert!(letter.body.unwrap().starts_with('x'));
        }
    }

    #[test]
    fn value_cannot_add_a_recipient() {
        let to = |json: &str| {
            let letter = filled("TO: {{n}} <{{a}}>\nFROM: Al (x) <a@x.org>\n\nx", json);
            letter.map(|letter| letter.fields[0].1.clone())
        };
        let row = |name: &str, address: &str| {
            to(&serde_json::json!({"n": name, "a": address}).to_string())
        };
        assert_eq!(
            row("J\u{f6}rg O'N", " b@x.org").unwrap(),
            "J\u{f6}rg O'N <b@x.org>"
        );
        assert_eq!(
            row("e@x.org, B", "b@x.org").unwrap(),
            "\"e@x.org, B\" <b@x.org>"
        );
        assert_eq!(row("a\"\\", "b@x.org").unwrap(), "\"a\\\"\\\\\" <b@x.org>");
        for bad in ["b@x.org>, <e@x.org", "b@x.org, e@x.org"] {
            assert!(row("B", bad).unwrap_err().contains("is not one address"));
        }
    }

    #[test]
    fn value_cannot_add_a_recipient_to_a_list_of_the_template() {
        for to in [
            "\"{{n}}\" <{{a}}>",
            "<{{a}}>",
            "{{n}} <{{a}}>, Bob <b@x.org>",
            "b@x.org, {{n}} <{{a}}>",
            "{% if n %}{{n}} <{{a}}>{% endif %}",
            "{{n|title}} <{{a}}> (comment)",
            "{{n}}\n <{{a}}>",
        ] {
            let row = |name: &str, address: &str| {
                let json = serde_json::json!({"n": name, "a": address}).to_string();
                filled(&format!("TO: {to}\nFROM: a@x.org\n\nx"), &json)
            };
            row("Ann", "a@x.org").unwrap();
            for (name, address) in [
                ("x\" <e@x.org>, \"b", "a@x.org>, <e@x.org"),
                ("e@x.org, Ann", "a@x.org,<e@x.org"),
            ] {
                let error = row(name, address).unwrap_err();
                let is_refused = ["could add an address", "is not one address"];
                assert!(
                    is_refused.iter().any(|text| error.contains(text)),
                    "{to}: {error}"
                );
            }
        }
        let list = filled("TO: {{a}}\n\nx", r#"{"a": "a@x.org, b@x.org"}"#).unwrap();
        assert_eq!(list.fields[0].1, "a@x.org, b@x.org");
    }

    #[test]
    fn missing_fields_and_wrong_templates_are_errors_with_their_line() {
        for (text, error) in [
            (
                "TO: {{email}}\n\nHi\n{{nmae}}",
                "t.txt, line 4: the row has no field nmae; it has email, n",
            ),
            (
                "TO: {{email}}\n\n{% if x %}",
                "t.txt, line 3: unexpected end of input",
            ),
            ("Hello\n\n", "t.txt: line 1 is not a header field"),
            ("TO: x\nHello\n\n", "t.txt: \"Hello\" is not a header field"),
            ("TO: x\n\n{% include 'a' %}", "t.txt, line 3: "),
        ] {
            let found = filled(text, r#"{"email": "b@x.org", "n": null}"#).unwrap_err();
            assert!(found.starts_with(error), "{found}");
        }
        let letter = filled(
            "TO: x\n\n[{{n}}] {{ row['a b'] }}",
            r#"{"n": null, "a b": 1}"#,
        );
        assert_eq!(letter.unwrap().body.unwrap(), "[] 1");
    }

    #[test]
    fn endless_loops_and_endless_text_are_stopped() {
        for body in [
            "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
            "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
            "{{ 'x' * 1000000000 }}",
        ] {
            assert!(filled(&format!("TO: x\n\n{body}"), "{}").is_err(), "{body}");
        }
    }
}
