//! The rows of a list: CSV with a header line, or one JSON object a line. They are read one after the other.

use crate::mail::message::SourceError;
use crate::system::figures::counted;
use crate::system::text::{BYTE_ORDER_MARK, shown};
use csv::{ByteRecord, ErrorKind, ReaderBuilder, WriterBuilder};
use encoding_rs::Encoding;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// Maximum length of a row in octets.
const MAX_ROW: usize = 16 << 20;

/// The line of a row, and its fields.
type LineFields = (u64, Map<String, Value>);

/// The format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// CSV with this separator (RFC 4180).
    Csv(u8),
    /// One JSON object a line.
    JsonLines,
}

/// A list of rows in a file.
#[derive(Clone, Debug)]
pub(crate) struct MergeList {
    pub path: PathBuf,
    pub format: ListFormat,
    /// The charset, a WHATWG label. `None`: UTF-8.
    pub encoding: Option<String>,
}

/// A row of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its number, from 1, without the header line.
    pub number: u64,
    /// The line in the file at which it begins, from 1.
    pub line: u64,
    pub fields: Map<String, Value>,
}

impl Row {
    /// The text of a field. `None`: there is no such field, or it is a list or an object.
    pub fn text(&self, name: &str) -> Option<String> {
        text(self.fields.get(name)?)
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Writes a list of rows. CSV has these fields, in this order.
pub(crate) fn write_list(
    out: &mut dyn Write,
    format: ListFormat,
    names: &[&str],
    rows: impl Iterator<Item = Map<String, Value>>,
) -> io::Result<()> {
    let ListFormat::Csv(separator) = format else {
        for row in rows {
            writeln!(out, "{}", Value::Object(row))?;
        }
        return Ok(());
    };
    let mut writer = WriterBuilder::new().delimiter(separator).from_writer(out);
    writer.write_record(names)?;
    for row in rows {
        let fields = names.iter().map(|name| row.get(*name).and_then(text));
        writer.write_record(fields.map(Option::unwrap_or_default))?;
    }
    writer.flush()
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{file}: {what}")]
    File { file: String, what: String },
    #[error("{file}, line {line}: {what}")]
    Line {
        file: String,
        line: u64,
        what: String,
    },
}

/// Reads the rows of a list in order.
pub(crate) struct ListReader {
    file: String,
    encoding: Option<&'static Encoding>,
    rows: u64,
    source: RowSource,
}

enum RowSource {
    Csv {
        reader: Box<csv::Reader<Box<dyn BufRead + Send>>>,
        header: Vec<String>,
        record: ByteRecord,
    },
    JsonLines {
        reader: Box<dyn BufRead + Send>,
        line: u64,
    },
}

impl MergeList {
    /// Opens the list, and reads the header line.
    pub fn open(&self) -> Result<ListReader, RowError> {
        let file = shown(&self.path.to_string_lossy());
        let reader = open(&self.path, &file)?;
        let label = self.encoding.as_deref();
        let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes()));
        let source = match self.format {
            ListFormat::JsonLines => RowSource::JsonLines { reader, line: 0 },
            ListFormat::Csv(separator) => RowSource::Csv {
                reader: Box::new(
                    ReaderBuilder::new()
                        .has_headers(false)
                        .delimiter(separator)
                        .from_reader(Box::new(BufReader::new(Quotes {
                            reader,
                            separator,
                            state: QuoteState::Start,
                            line: 1,
                            opened: 0,
                            length: 0,
                        }))),
                ),
                header: Vec::new(),
                record: ByteRecord::new(),
            },
        };
        let mut list = ListReader {
            file,
            encoding,
            rows: 0,
            source,
        };
        list.read_header()?;
        Ok(list)
    }
}

/// Opens the file after its byte order mark. It is read more than once.
fn open(path: &Path, name: &str) -> Result<Box<dyn BufRead + Send>, RowError> {
    let failed = |error| {
        RowError::Source(SourceError::Read {
            name: name.to_owned(),
            error,
        })
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(RowError::File {
            file: name.to_owned(),
            what: "it is not a regular file; a list is read more than once".to_owned(),
        });
    }
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let start = reader.fill_buf().map_err(failed)?;
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(RowError::File {
            file: name.to_owned(),
            what: "it is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8".to_owned(),
        });
    }
    if start.starts_with(BYTE_ORDER_MARK) {
        reader.consume(BYTE_ORDER_MARK.len());
    }
    Ok(Box::new(BufReader::new(Lines {
        reader,
        last: b'\n',
    })))
}

/// Lines that end with LF, the last one included, so that they can be counted.
struct Lines<R> {
    reader: R,
    /// The last octet that was read.
    last: u8,
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let block = self.reader.fill_buf()?;
            let Some((&first, _)) = block.split_first().filter(|_| !out.is_empty()) else {
                let is_open = self.last != b'\n' && !out.is_empty();
                if is_open {
                    self.last = b'\n';
                    out[0] = b'\n';
                }
                return Ok(usize::from(is_open));
            };
            // A CR is kept until the next octet is known.
            if self.last == b'\r' && first != b'\n' {
                out[0] = b'\r';
                self.last = 0;
                return Ok(1);
            }
            let limit = block.len().min(out.len());
            let count = memchr::memchr(b'\r', &block[..limit]).unwrap_or(limit);
            out[..count].copy_from_slice(&block[..count]);
            let has_cr = count < limit;
            self.last = if has_cr { b'\r' } else { block[count - 1] };
            self.reader.consume(count + usize::from(has_cr));
            if count > 0 {
                return Ok(count);
            }
        }
    }
}

/// Checks that enclosed fields end where they should (RFC 4180 §2): one that is not closed would contain the rows
/// after it.
struct Quotes<R> {
    reader: R,
    separator: u8,
    state: QuoteState,
    /// The current line, from 1.
    line: u64,
    /// The line at which the enclosed field began, and its length so far.
    opened: u64,
    length: usize,
}

/// A quotation mark that is not where it may be.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
struct QuoteFault {
    line: u64,
    what: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    /// At the start of a field.
    Start,
    Plain,
    Enclosed,
    /// After a mark in an enclosed field, which ends the field if no other mark follows.
    Closed,
}

impl<R> Quotes<R> {
    fn check(&mut self, octet: u8) -> io::Result<()> {
        let is_end = octet == self.separator || octet == b'\n';
        self.state = match self.state {
            QuoteState::Start if octet == b'"' => {
                (self.opened, self.length) = (self.line, 0);
                QuoteState::Enclosed
            }
            QuoteState::Enclosed if octet == b'"' => QuoteState::Closed,
            QuoteState::Enclosed if self.length == MAX_ROW => return Err(self.unclosed()),
            QuoteState::Enclosed => QuoteState::Enclosed,
            QuoteState::Closed if octet == b'"' => QuoteState::Enclosed,
            QuoteState::Closed if !is_end => {
                return Err(io::Error::other(QuoteFault {
                    line: self.line,
                    what: "a quotation mark in an enclosed field is not doubled, or another one is not closed",
                }));
            }
            _ if is_end => QuoteState::Start,
            _ => QuoteState::Plain,
        };
        self.length += 1;
        self.line += u64::from(octet == b'\n');
        Ok(())
    }

    fn unclosed(&self) -> io::Error {
        io::Error::other(QuoteFault {
            line: self.opened,
            what: "the quotation mark that begins a field is not closed",
        })
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(out)?;
        if count == 0 && !out.is_empty() && self.state == QuoteState::Enclosed {
            return Err(self.unclosed());
        }
        for &octet in &out[..count] {
            self.check(octet)?;
        }
        Ok(count)
    }
}

impl ListReader {
    /// The names of the fields; empty if each row has its own.
    pub fn header(&self) -> &[String] {
        match &self.source {
            RowSource::Csv { header, .. } => header,
            RowSource::JsonLines { .. } => &[],
        }
    }

    /// Number of rows that were read.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The next row; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<Row>, RowError> {
        let found = match &mut self.source {
            RowSource::Csv { .. } => self.csv_row()?,
            RowSource::JsonLines { .. } => self.json_row()?,
        };
        Ok(found.map(|(line, fields)| {
            self.rows += 1;
            Row {
                number: self.rows,
                line,
                fields,
            }
        }))
    }

    fn read_header(&mut self) -> Result<(), RowError> {
        if matches!(self.source, RowSource::JsonLines { .. }) {
            return Ok(());
        }
        let Some((line, texts)) = self.csv_record()? else {
            return Err(RowError::File {
                file: self.file.clone(),
                what: "it is empty; the first line of a list names the fields".to_owned(),
            });
        };
        let names: Vec<String> = texts.iter().map(|name| name.trim().to_owned()).collect();
        let mut seen = BTreeSet::new();
        for name in &names {
            if name.is_empty() {
                return Err(self.at(line, "a field has no name"));
            }
            if !seen.insert(name) {
                return Err(self.at(line, format!("two fields have the name {}", shown(name))));
            }
        }
        if let RowSource::Csv { header, .. } = &mut self.source {
            *header = names;
        }
        Ok(())
    }

    fn csv_row(&mut self) -> Result<Option<LineFields>, RowError> {
        let Some((line, texts)) = self.csv_record()? else {
            return Ok(None);
        };
        let names = self.header().iter().cloned();
        let values = texts.into_iter().map(Value::String);
        Ok(Some((line, names.zip(values).collect())))
    }

    /// The line and the fields of the next record.
    fn csv_record(&mut self) -> Result<Option<(u64, Vec<String>)>, RowError> {
        let RowSource::Csv { reader, record, .. } = &mut self.source else {
            return Ok(None);
        };
        let is_read = reader.read_byte_record(record);
        let (record, next) = (std::mem::take(record), reader.position().line());
        // The position of a record is before the empty lines that are skipped.
        let ends = memchr::memchr_iter(b'\n', record.as_slice()).count() as u64;
        let line = next.saturating_sub(1 + ends);
        if !is_read.map_err(|error| self.csv_error(&error, line))? {
            return Ok(None);
        }
        if record.as_slice().len() > MAX_ROW {
            return Err(self.at(line, "the row is too long; a quotation mark may be missing"));
        }
        let mut texts = Vec::with_capacity(record.len());
        for field in &record {
            texts.push(self.decoded(field, line)?);
        }
        if let RowSource::Csv { record: kept, .. } = &mut self.source {
            *kept = record;
        }
        Ok(Some((line, texts)))
    }

    fn csv_error(&self, error: &csv::Error, line: u64) -> RowError {
        match error.kind() {
            ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                let what = format!(
                    "the row has {}, and the header has {expected_len}",
                    counted(*len, "field")
                );
                self.at(line, what)
            }
            ErrorKind::Io(error) => match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(QuoteFault { line, what }) => self.at(*line, *what),
                None => RowError::Source(SourceError::Read {
                    name: self.file.clone(),
                    error: io::Error::new(error.kind(), error.to_string()),
                }),
            },
            _ => RowError::File {
                file: self.file.clone(),
                what: error.to_string(),
            },
        }
    }

    fn json_row(&mut self) -> Result<Option<LineFields>, RowError> {
        loop {
            let Some((line, bytes)) = self.json_line()? else {
                return Ok(None);
            };
            let text = self.decoded(&bytes, line)?;
            if text.trim().is_empty() {
                continue;
            }
            let parsed: Result<Map<String, Value>, _> = serde_json::from_str(&text);
            let fields = parsed.map_err(|error| {
                self.at(
                    line,
                    format!("it is not a JSON object on one line: {error}"),
                )
            })?;
            return Ok(Some((line, fields)));
        }
    }

    fn json_line(&mut self) -> Result<Option<(u64, Vec<u8>)>, RowError> {
        let RowSource::JsonLines { reader, line } = &mut self.source else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let read = reader.take(MAX_ROW as u64).read_until(b'\n', &mut bytes);
        *line += 1;
        let line = *line;
        let count = read.map_err(|error| SourceError::Read {
            name: self.file.clone(),
            error,
        })?;
        if count == MAX_ROW {
            return Err(self.at(line, "the row is too long"));
        }
        Ok((count > 0).then_some((line, bytes)))
    }

    fn decoded(&self, bytes: &[u8], line: u64) -> Result<String, RowError> {
        let Some(encoding) = self.encoding else {
            return std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| {
                self.at(
                    line,
                    "it is not valid UTF-8; name the charset with --encoding",
                )
            });
        };
        let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
        text.map(std::borrow::Cow::into_owned)
            .ok_or_else(|| self.at(line, format!("it is not valid {}", encoding.name())))
    }

    fn at(&self, line: u64, what: impl Into<String>) -> RowError {
        RowError::Line {
            file: self.file.clone(),
            line,
            what: what.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(format: ListFormat, encoding: Option<&str>, bytes: &[u8]) -> Result<Vec<Row>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let list = MergeList {
            path: file.path().to_owned(),
            format,
            encoding: encoding.map(str::to_owned),
        };
        let failed = |error: RowError| {
            let path = file.path().display().to_string();
            error.to_string().replace(&path, "FILE")
        };
        let (mut reader, mut rows) = (list.open().map_err(failed)?, Vec::new());
        while let Some(row) = reader.next_row().map_err(failed)? {
            rows.push(row);
        }
        Ok(rows)
    }

    fn csv(text: &str) -> Result<Vec<Row>, String> {
        rows(ListFormat::Csv(b','), None, text.as_bytes())
    }

    fn texts(rows: &[Row], name: &str) -> Vec<String> {
        rows.iter().map(|row| row.text(name).unwrap()).collect()
    }

    #[test]
    fn csv_has_quoted_fields_with_line_ends_and_any_line_end() {
        let text = "\u{feff}email, name\r\na@x.org,\"Doe, \"\"J\"\"\"\r\n\r\nb@x.org,\"two\nlines\"\nc@x.org,C";
        let rows = csv(text).unwrap();
        assert_eq!(texts(&rows, "name"), ["Doe, \"J\"", "two\nlines", "C"]);
        assert_eq!(texts(&rows, "email"), ["a@x.org", "b@x.org", "c@x.org"]);
        let places: Vec<(u64, u64)> = rows.iter().map(|row| (row.number, row.line)).collect();
        assert_eq!(places, [(1, 2), (2, 4), (3, 6)]);
    }

    #[test]
    fn error_of_a_row_names_its_line() {
        for (text, error) in [
            (
                "a,b\n1,2\n1\n",
                "FILE, line 3: the row has 1 field, and the header has 2",
            ),
            (
                "a,b\n1,2,3\n",
                "FILE, line 2: the row has 3 fields, and the header has 2",
            ),
            ("a,a\n", "FILE, line 1: two fields have the name a"),
            ("a,,b\n", "FILE, line 1: a field has no name"),
            (
                "",
                "FILE: it is empty; the first line of a list names the fields",
            ),
        ] {
            assert_eq!(csv(text).unwrap_err(), error, "{text:?}");
        }
        let error = rows(ListFormat::Csv(b','), None, b"a\nM\xfcller\n").unwrap_err();
        assert!(error.contains("line 2: it is not valid UTF-8") && error.contains("--encoding"));
        let error = rows(ListFormat::Csv(b','), None, b"\xff\xfea\0").unwrap_err();
        assert!(error.contains("iconv"), "{error}");
    }

    #[test]
    fn other_charsets_and_separators_are_read_if_named() {
        let bytes = b"a;b\nM\xfcller;\x80\n";
        let rows = rows(ListFormat::Csv(b';'), Some("cp1252"), bytes).unwrap();
        assert_eq!(texts(&rows, "a"), ["M\u{fc}ller"]);
        assert_eq!(texts(&rows, "b"), ["\u{20ac}"]);
    }

    #[test]
    fn json_lines_have_values_of_any_type() {
        let text = "{\"a\": 1, \"b\": [1]}\n\n{\"a\": \"x\"}";
        let all = rows(ListFormat::JsonLines, None, text.as_bytes()).unwrap();
        assert_eq!(texts(&all, "a"), ["1", "x"]);
        assert_eq!((all[0].text("b"), all[1].line), (None, 3));
        let error = rows(ListFormat::JsonLines, None, b"{}\n[]\n").unwrap_err();
        assert!(
            error.starts_with("FILE, line 2: it is not a JSON object"),
            "{error}"
        );
    }

    #[test]
    fn quotation_mark_that_is_not_closed_is_an_error() {
        for (text, error) in [
            (
                "n,e\nA,\"5\"\" pipe\nB,b\nC,c\n",
                "line 2: the quotation mark that begins a field is not closed",
            ),
            (
                "n,e\nA,a\nB,\"b\nC,\"c\n",
                "line 4: a quotation mark in an enclosed field",
            ),
            (
                "n,e\n\"A\" x,a\n",
                "line 2: a quotation mark in an enclosed field",
            ),
        ] {
            let found = rows(ListFormat::Csv(b','), None, text.as_bytes());
            assert!(
                found.as_ref().is_err_and(|found| found.contains(error)),
                "{found:?}"
            );
        }
        let text = "n,e\n\"A, \"\"x\"\"\nB\",5\" pipe\n\"\",\"\"\n";
        let found = rows(ListFormat::Csv(b','), None, text.as_bytes()).unwrap();
        assert_eq!(found[0].text("n").as_deref(), Some("A, \"x\"\nB"));
        assert_eq!(
            (found[0].text("e").as_deref(), found.len()),
            (Some("5\" pipe"), 2)
        );
    }
}
