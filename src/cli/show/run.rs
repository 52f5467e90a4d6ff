//! Finds the messages and shows them.

use crate::cli::ExitStatus;
use crate::cli::show::checks::checks;
use crate::cli::show::extract::extract;
use crate::cli::show::text::{Style, list_line};
use crate::cli::show::{ShowOptions, ShowOutput, ShownMessage, json, text};
use crate::cli::terminal::{complain, print};
use crate::mail::layers::{LayeredMessage, SmimeFiles, read_layers};
use crate::mail::message::{
    CollectionError, Input, MessageError, MessageSource, Source, SourceError, StoredMessages,
};
use crate::mail::view::{Limits, MessageView, Parser};
use crate::system::exit::Exit;
use crate::system::text::{reason, shown_path};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A reason for showing nothing, or not all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowFailure {
    #[error(transparent)]
    Collection(#[from] CollectionError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{0} has no message")]
    Empty(String),
    #[error("cannot read {path}: {}", reason(.error))]
    Directory { path: String, error: io::Error },
    #[error("there is no message {0}; there are {1}")]
    NoMessage(u64, u64),
    #[error("{name} has no part {part}; see ehlo show {name}")]
    NoPart { name: String, part: String },
    #[error("cannot save attachments in {path}: {}", reason(.error))]
    Extract { path: String, error: io::Error },
    #[error("cannot show {name}: {}", reason(.error))]
    Read { name: String, error: io::Error },
    #[error("cannot show {name}: {error}; try --no-decrypt")]
    Layers { name: String, error: MessageError },
    #[error("--part needs one message; select it with -n")]
    Several,
}

pub fn run(options: &ShowOptions) -> Exit {
    show(options).unwrap_or_else(|failure| {
        complain(&failure.to_string());
        failure.exit()
    })
}

fn show(options: &ShowOptions) -> Result<Exit, ShowFailure> {
    let messages = find(&options.paths)?;
    let count = messages.count() as u64;
    let selected = match options.number {
        Some(number) if number > count => return Err(ShowFailure::NoMessage(number, count)),
        Some(number) => number..=number,
        None => 1..=count,
    };
    let is_list = selected.clone().nth(1).is_some();
    if let (ShowOutput::Part(_), true) = (&options.output, is_list) {
        return Err(ShowFailure::Several);
    }
    for (number, opened) in (1..).zip(messages.open()) {
        if !selected.contains(&number) {
            continue;
        }
        let (name, source) = opened?;
        let message = read((name, source), options, is_list)?;
        let exit = show_one(&message, options, is_list.then_some(number))?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    Ok(Exit::Ok)
}

fn read(
    (name, source): (String, Source),
    options: &ShowOptions,
    is_list: bool,
) -> Result<ShownMessage, ShowFailure> {
    let only_lists =
        matches!(&options.output, ShowOutput::Text { all_messages, .. } if !all_messages);
    let is_line = is_list && only_lists;
    let limits = if is_line && options.extract.is_none() {
        Limits::Summary
    } else {
        Limits::Whole
    };
    let received = Arc::new(source);
    let viewed =
        |source: &Source| Parser::view(source, limits).map_err(|error| unread(&name, error));
    let mut view = viewed(&received)?;
    let mut source = Arc::clone(&received);
    let is_checked = !is_line && !matches!(options.output, ShowOutput::Part(_));
    let checks = if is_checked {
        checks(&view, &received, options.keys).map_err(|error| unread(&name, error))?
    } else {
        Vec::new()
    };
    let mut layers = Vec::new();
    if limits == Limits::Whole {
        let layered = layered(&received, options.layers.as_ref());
        let layered = layered.map_err(|error| ShowFailure::Layers {
            name: name.clone(),
            error,
        })?;
        if let Some(inner) = layered.inner {
            view = MessageView {
                size: received.len,
                ..viewed(&inner)?
            };
            source = Arc::new(inner);
        }
        layers = layered.layers;
    }
    let saved = match &options.extract {
        None => Vec::new(),
        Some(directory) => {
            extract(&source, &view, directory).map_err(|error| ShowFailure::Extract {
                path: shown_path(directory),
                error,
            })?
        }
    };
    Ok(ShownMessage {
        name,
        source,
        view,
        layers,
        checks,
        saved,
    })
}

fn layered(
    message: &Arc<Source>,
    files: Option<&SmimeFiles>,
) -> Result<LayeredMessage, MessageError> {
    match files {
        None => Ok(LayeredMessage::default()),
        Some(files) => read_layers(message, files),
    }
}

/// A message as `ehlo show` shows it, without lookups in the DNS. `files`: as in [`ShowOptions::layers`].
pub fn readable(
    source: Source,
    title: Option<String>,
    files: Option<&SmimeFiles>,
) -> Result<String, MessageError> {
    let name = source.name.clone();
    let unread = |error| SourceError::Read {
        name: name.clone(),
        error,
    };
    let received = Arc::new(source);
    let layered = layered(&received, files)?;
    let source = layered
        .inner
        .map_or_else(|| Arc::clone(&received), Arc::new);
    let view = |source: &Source| Parser::view(source, Limits::Whole).map_err(unread);
    let received_view = view(&received)?;
    let checks = checks(&received_view, &received, None).map_err(unread)?;
    let message = ShownMessage {
        view: MessageView {
            size: received.len,
            ..view(&source)?
        },
        name: name.clone(),
        source,
        layers: layered.layers,
        checks,
        saved: Vec::new(),
    };
    let style = Style {
        all_fields: false,
        html: false,
        title,
    };
    Ok(text::message(&message, &style).map_err(unread)?)
}

fn unread(name: &str, error: io::Error) -> ShowFailure {
    ShowFailure::Read {
        name: name.to_owned(),
        error,
    }
}

/// Shows a message. `number`: its number, if there are several.
fn show_one(
    message: &ShownMessage,
    options: &ShowOptions,
    number: Option<u64>,
) -> Result<Exit, ShowFailure> {
    match &options.output {
        ShowOutput::Json => {
            let object = json::line(message).map_err(|error| unread(&message.name, error))?;
            Ok(print(|out| writeln!(out, "{object}")))
        }
        ShowOutput::Part(part) => show_part(message, part),
        ShowOutput::Text {
            all_messages: false,
            ..
        } if number.is_some() => {
            let line = list_line(number.unwrap_or(0), &message.view);
            Ok(print(|out| {
                writeln!(out, "{line}")?;
                text::saved(out, &message.saved)
            }))
        }
        ShowOutput::Text {
            all_fields, html, ..
        } => {
            let style = Style {
                all_fields: *all_fields,
                html: *html,
                title: number.map(|number| format!("{number}: {}", message.name)),
            };
            let text = text::message(message, &style);
            let text = text.map_err(|error| unread(&message.name, error))?;
            let before = if number > Some(1) { "\n" } else { "" };
            Ok(print(|out| write!(out, "{before}{text}")))
        }
    }
}

fn show_part(message: &ShownMessage, id: &str) -> Result<Exit, ShowFailure> {
    let Some(part) = message.view.part(id) else {
        return Err(ShowFailure::NoPart {
            name: message.name.clone(),
            part: id.to_owned(),
        });
    };
    Ok(print(|out| {
        part.decode(&message.source, &mut |block| out.write_all(block))
    }))
}

fn find(paths: &[std::ffi::OsString]) -> Result<StoredMessages, ShowFailure> {
    let mut sources = Vec::new();
    for path in paths {
        if path == OsStr::new("-") {
            sources.push(file_source(Input::Stdin)?);
        } else if Path::new(path).is_dir() {
            sources.extend(directory(Path::new(path))?);
        } else {
            sources.push(file_source(Input::File(path.into()))?);
        }
    }
    StoredMessages::find(sources).map_err(|error| match error {
        CollectionError::Empty(name) => ShowFailure::Empty(name),
        other => other.into(),
    })
}

/// An mbox begins with a line of its own; anything else is a message.
fn file_source(mut input: Input) -> Result<MessageSource, ShowFailure> {
    input.hold()?;
    let source = Source::open(input.clone())?;
    let mut start = [0; 5];
    let count = source.read(&mut start, 0)?;
    Ok(if start[..count] == *b"From " {
        MessageSource::Mbox(input)
    } else {
        MessageSource::One(input)
    })
}

/// A Maildir, or the files of another directory in the order of their names.
fn directory(path: &Path) -> Result<Vec<MessageSource>, ShowFailure> {
    if path.join("cur").is_dir() && path.join("new").is_dir() {
        return Ok(vec![MessageSource::Maildir(path.to_owned())]);
    }
    let mut files = files(path).map_err(|error| ShowFailure::Directory {
        path: shown_path(path),
        error,
    })?;
    if files.is_empty() {
        return Err(ShowFailure::Empty(shown_path(path)));
    }
    files.sort();
    let sources = files.into_iter().map(|file| file_source(Input::File(file)));
    sources.collect()
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !is_hidden {
            files.push(path);
        }
    }
    Ok(files)
}
