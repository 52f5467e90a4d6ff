//! The text of a message, in the ways in which it is given.

use super::calendar;
use super::encode::{self, Encoding, Flowed, Survey};
use super::header::structured;
use super::source::{Input, Source};
use super::stream::{Way, encoded_len};
use super::tree::{Leaf, Node};
use super::{MessageError, SourceError, Text};
use crate::blocks::Transport;
use mime_guess::mime::{self, Mime};
use std::sync::Arc;

/// The largest text that has to be looked at as a whole: Markdown, calendars.
const MAX_WHOLE: u64 = 64 * 1024 * 1024;

/// The type of plain text.
const PLAIN: &str = "text/plain; charset=utf-8";

/// The ways to say it, the plainest first (RFC 2046 §5.1.4).
pub struct Ways {
    /// At least one, unless there is nothing to say and something else to send.
    pub nodes: Vec<Node>,
    /// The HTML among them.
    pub html: Option<Arc<Source>>,
}

/// Opens the texts. An empty plain text is left out where something is attached.
pub fn ways(
    text: &Text,
    content_type: Option<&str>,
    attached: bool,
    remarks: &mut Vec<String>,
) -> Result<Ways, MessageError> {
    content_type.map_or(Ok(()), check_type)?;
    let mut sources: Vec<(Source, String)> = Vec::new();
    let mut html = open(text.html.as_ref(), text)?;
    let mut body = open(text.body.as_ref(), text)?;
    if let Some(markdown) = open(text.markdown.as_ref(), text)? {
        html = Some(html_of(&markdown)?);
        body = Some(markdown);
    }
    let is_alone = !attached && html.is_none() && text.calendar.is_none();
    if body.is_none() && is_alone {
        body = Some(Source::memory("the body".to_owned(), Vec::new()));
    }
    if let Some(mut body) = body.filter(|body| body.len > 0 || is_alone) {
        let mut kind = content_type.unwrap_or(PLAIN).to_owned();
        if text.flowed {
            body = body.rewritten(0, &mut Flowed::default())?;
            kind.push_str("; format=flowed");
        }
        sources.push((body, kind));
    }
    let has_html = html.is_some();
    if let Some(html) = html {
        sources.push((html, "text/html; charset=utf-8".to_owned()));
    }
    let html_at = sources.len().saturating_sub(1);
    if let Some(path) = &text.calendar {
        sources.push(invitation(Source::file(path)?)?);
    }
    let mut ways = Ways {
        nodes: Vec::new(),
        html: None,
    };
    for (at, (source, kind)) in sources.into_iter().enumerate() {
        let leaf = leaf(source, &kind, remarks)?;
        if has_html && at == html_at {
            ways.html = Some(Arc::clone(&leaf.source));
        }
        ways.nodes.push(Node::Leaf(leaf));
    }
    Ok(ways)
}

/// Whether a type that an option gives can be that of a text in UTF-8.
fn check_type(given: &str) -> Result<(), MessageError> {
    let wrong = |why| MessageError::Field {
        name: "Content-Type".to_owned(),
        why,
    };
    let parsed: Mime = given
        .parse()
        .map_err(|_| wrong("is not a media type like text/html; charset=utf-8"))?;
    if parsed.type_() == mime::MULTIPART || parsed.type_() == "message" {
        return Err(wrong("cannot be that of a text"));
    }
    let charset = parsed.get_param(mime::CHARSET);
    let is_utf8 = |charset| charset == "utf-8" || charset == "us-ascii";
    if charset.is_some_and(|charset| !is_utf8(charset)) {
        return Err(wrong(
            "names another charset, but text is sent as UTF-8; name that of the input with --charset",
        ));
    }
    Ok(())
}

/// Opens a text and brings it to UTF-8.
fn open(input: Option<&Input>, text: &Text) -> Result<Option<Source>, MessageError> {
    let Some(input) = input else { return Ok(None) };
    let source = Source::open(input.clone())?;
    match (&text.charset, input) {
        // What stands on the command line is UTF-8 already.
        (None, _) | (_, Input::Text(_)) => Ok(Some(source)),
        (Some(label), _) => decoded(&source, label).map(Some),
    }
}

/// A text in another charset as UTF-8.
fn decoded(source: &Source, label: &str) -> Result<Source, MessageError> {
    let wrong = |what: String| MessageError::Text {
        name: source.name.clone(),
        what,
    };
    let charset = encoding_rs::Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        wrong(format!(
            "there is no charset \"{}\"",
            crate::text::shown(label)
        ))
    })?;
    let mut decoding = Decoding {
        decoder: charset.new_decoder(),
        failed: false,
        text: String::new(),
    };
    let text = source.rewritten(0, &mut decoding)?;
    if decoding.failed {
        return Err(wrong(format!(
            "it is not in the charset {}",
            charset.name()
        )));
    }
    Ok(text)
}

/// A charset on its way to UTF-8.
struct Decoding {
    decoder: encoding_rs::Decoder,
    failed: bool,
    text: String,
}

impl Decoding {
    fn decode(&mut self, bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        self.text.clear();
        let room = self.decoder.max_utf8_buffer_length(bytes.len());
        self.text.reserve(room.unwrap_or(bytes.len() * 4 + 16));
        let (_, _, replaced) = self
            .decoder
            .decode_to_string(bytes, &mut self.text, is_last);
        self.failed |= replaced;
        out.extend_from_slice(self.text.as_bytes());
    }
}

impl encode::Encoder for Decoding {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.decode(bytes, false, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.decode(&[], true, out);
    }
}

/// Markdown as HTML (`CommonMark`, with tables, strikethrough and footnotes).
fn html_of(markdown: &Source) -> Result<Source, MessageError> {
    use pulldown_cmark::{Options, Parser, html};
    let bytes = markdown.whole(MAX_WHOLE)?;
    let text = String::from_utf8(bytes).map_err(|error| MessageError::Text {
        name: markdown.name.clone(),
        what: not_utf8(error.utf8_error().valid_up_to() as u64),
    })?;
    let more = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut page =
        String::from("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n");
    html::push_html(&mut page, Parser::new_ext(&text, more));
    page.push_str("</body></html>\n");
    let name = format!("{} as HTML", markdown.name);
    Ok(Source::memory(name, page.into_bytes()))
}

/// A calendar file and its type, which names its method (RFC 6047 §2.4).
fn invitation(file: Source) -> Result<(Source, String), MessageError> {
    let bytes = file.whole(MAX_WHOLE)?;
    let found = calendar::examine(&bytes).map_err(|why| MessageError::Text {
        name: file.name.clone(),
        what: format!("no calendar: {why}"),
    })?;
    let method = found.method.map(|method| format!("; method={method}"));
    let kind = format!("text/calendar; charset=utf-8{}", method.unwrap_or_default());
    Ok((Source::memory(file.name, bytes), kind))
}

/// A text part, and how it may travel.
pub fn leaf(
    source: Source,
    content_type: &str,
    remarks: &mut Vec<String>,
) -> Result<Leaf, MessageError> {
    let survey = encode::survey(&source, 0)?;
    if let Some(at) = survey.not_utf8_at {
        return Err(MessageError::Text {
            name: source.name,
            what: not_utf8(at),
        });
    }
    let (encoding, why) = choose(&survey);
    let len = match encoding {
        Encoding::SevenBit => survey.wire_len,
        _ => encoded_len(&source, 0, encoding).map_err(|error| SourceError::Read {
            name: source.name.clone(),
            error,
        })?,
    };
    let mut ways = vec![(Transport::SevenBit, Way { encoding, len })];
    let mut remark = format!("{}: {}, {why}", source.name, encoding.name());
    if travels_as_it_is(&survey) {
        let way = Way {
            encoding: Encoding::EightBit,
            len: survey.wire_len,
        };
        ways.push((Transport::EightBit, way));
        remark.push_str("; 8bit where the server offers 8BITMIME");
    }
    remarks.push(remark);
    let essence = content_type.split(';').next().unwrap_or_default();
    Ok(Leaf {
        essence: essence.trim().to_ascii_lowercase(),
        header: structured("Content-Type", content_type),
        source: Arc::new(source),
        ways,
    })
}

fn not_utf8(at: u64) -> String {
    format!(
        "not UTF-8: the byte at offset {at} is no part of a character; name its charset with --charset"
    )
}

/// The encoding of a text that every server can carry, and why.
fn choose(survey: &Survey) -> (Encoding, &'static str) {
    if survey.has_controls {
        (Encoding::Base64Text, "because of its control characters")
    } else if survey.eight_bit * 3 > survey.wire_len {
        (Encoding::Base64Text, "because most of it is not ASCII")
    } else if survey.eight_bit > 0 {
        (Encoding::QuotedPrintable, "because not all of it is ASCII")
    } else if survey.long_line.is_some() {
        (
            Encoding::QuotedPrintable,
            "because a line is over 998 octets",
        )
    } else if survey.is_delicate {
        let why = "because a line ends in a blank or begins with From";
        (Encoding::QuotedPrintable, why)
    } else {
        (Encoding::SevenBit, "because it is ASCII")
    }
}

/// Whether nothing but its octets above 127 keeps a text from travelling as it is.
fn travels_as_it_is(survey: &Survey) -> bool {
    survey.eight_bit > 0
        && !survey.has_controls
        && !survey.is_delicate
        && survey.long_line.is_none()
}
