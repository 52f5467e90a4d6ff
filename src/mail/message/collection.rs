//! Several ready messages: single files, the messages of an mbox or a Maildir.

use crate::mail::mbox::{MboxError, MboxPart, MboxScanner, Unquoter};
use crate::mail::message::encode::Encoder;
use crate::mail::message::source::Source;
use crate::mail::message::{Content, HeldBytes, Input, MessageOptions, SourceError};
use crate::system::text::shown;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Size of the blocks in which an mbox is read.
const BLOCK: usize = 64 * 1024;

/// A source of ready messages.
#[derive(Clone, Debug)]
pub enum MessageSource {
    One(Input),
    Mbox(Input),
    Maildir(PathBuf),
}

/// The messages of a command line, in order. They are read when they are needed.
pub struct MessageCollection {
    /// The options of each message. The input of a ready one is replaced, if there are sources.
    options: MessageOptions,
    groups: Vec<Group>,
}

/// The messages of one source.
enum Group {
    /// The message of the options.
    Own,
    One(Input),
    Mbox(Arc<Source>, Vec<MboxPart>),
    /// The files of a Maildir.
    Files(Vec<PathBuf>),
}

/// A message that can be built.
pub struct CollectedMessage {
    /// Its place for people: a file, or an mbox with a number.
    pub name: String,
    pub options: MessageOptions,
}

#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{name}: {error}")]
    Mbox { name: String, error: String },
    #[error("{0} is not a Maildir: it has no directories cur and new")]
    NoMaildir(String),
    #[error("{0} has no message; nothing was sent")]
    Empty(String),
}

impl MessageCollection {
    /// Finds the messages in these sources. Without a source, the collection has the message of `options`.
    pub fn open(
        options: MessageOptions,
        sources: Vec<MessageSource>,
    ) -> Result<Self, CollectionError> {
        if sources.is_empty() {
            return Ok(Self {
                options,
                groups: vec![Group::Own],
            });
        }
        let groups = sources.into_iter().map(Group::open);
        Ok(Self {
            options,
            groups: groups.collect::<Result<_, _>>()?,
        })
    }

    /// Reads the standard input, so that its message can be built more than once.
    pub fn hold_stdin(&mut self) -> Result<(), SourceError> {
        for group in &mut self.groups {
            match group {
                Group::Own => self.options.hold_stdin()?,
                Group::One(input) => input.hold()?,
                Group::Mbox(..) | Group::Files(_) => {}
            }
        }
        Ok(())
    }

    pub fn count(&self) -> usize {
        self.groups.iter().map(Group::count).sum()
    }

    /// One message after the other. The error concerns one message.
    pub fn messages(&self) -> impl Iterator<Item = Result<CollectedMessage, SourceError>> {
        let groups = self.groups.iter();
        groups.flat_map(|group| (0..group.count()).map(|index| self.message(group, index)))
    }

    fn message(&self, group: &Group, index: usize) -> Result<CollectedMessage, SourceError> {
        let mut options = self.options.clone();
        let Some((name, input)) = group.input(index)? else {
            let name = String::new();
            return Ok(CollectedMessage { name, options });
        };
        if let Content::Ready(ready) = &mut options.content {
            ready.input = input;
        }
        Ok(CollectedMessage { name, options })
    }
}

/// Ready messages in files, mboxes and Maildirs.
pub(crate) struct StoredMessages(Vec<Group>);

impl StoredMessages {
    pub fn find(sources: Vec<MessageSource>) -> Result<Self, CollectionError> {
        let groups = sources.into_iter().map(Group::open);
        groups.collect::<Result<_, _>>().map(Self)
    }

    pub fn count(&self) -> usize {
        self.0.iter().map(Group::count).sum()
    }

    /// The messages in order, each with its name for people.
    pub fn open(&self) -> impl Iterator<Item = Result<(String, Source), SourceError>> {
        let all = self.0.iter();
        let each = all.flat_map(|group| (0..group.count()).map(move |index| group.input(index)));
        each.map(|input| {
            let (name, input) = input?.unwrap_or((String::new(), Input::Stdin));
            Ok((name, Source::open(input)?))
        })
    }
}

impl Group {
    fn open(source: MessageSource) -> Result<Self, CollectionError> {
        match source {
            MessageSource::One(input) => Ok(Self::One(input)),
            MessageSource::Mbox(input) => {
                let source = Source::open(input)?;
                let parts = scan(&source)?;
                if parts.is_empty() {
                    return Err(CollectionError::Empty(source.name));
                }
                Ok(Self::Mbox(Arc::new(source), parts))
            }
            MessageSource::Maildir(directory) => {
                let files = maildir(&directory)?;
                if files.is_empty() {
                    return Err(CollectionError::Empty(name(&directory)));
                }
                Ok(Self::Files(files))
            }
        }
    }

    /// The name of a message for people, and the message. `None`: it is that of the options.
    fn input(&self, index: usize) -> Result<Option<(String, Input)>, SourceError> {
        Ok(Some(match self {
            Self::Own => return Ok(None),
            Self::One(input) => (input.name(), input.clone()),
            Self::Files(files) => {
                let input = Input::File(files[index].clone());
                (input.name(), input)
            }
            Self::Mbox(mbox, parts) => {
                let name = format!("{}, message {}", mbox.name, index + 1);
                (name.clone(), Input::Held(part(name, mbox, &parts[index])?))
            }
        }))
    }

    fn count(&self) -> usize {
        match self {
            Self::Own | Self::One(_) => 1,
            Self::Mbox(_, parts) => parts.len(),
            Self::Files(files) => files.len(),
        }
    }
}

fn scan(source: &Source) -> Result<Vec<MboxPart>, CollectionError> {
    let failed = |error: MboxError| CollectionError::Mbox {
        name: source.name.clone(),
        error: error.to_string(),
    };
    let mut scanner = MboxScanner::default();
    let mut block = source.block(BLOCK);
    let mut at = 0;
    loop {
        let count = source.read(&mut block, at)?;
        if count == 0 {
            return scanner.finish().map_err(failed);
        }
        scanner.push(&block[..count]).map_err(failed)?;
        at += count as u64;
    }
}

/// A message of an mbox, without the quoting of its lines.
fn part(name: String, mbox: &Arc<Source>, part: &MboxPart) -> Result<HeldBytes, SourceError> {
    let octets = Source::part(name, mbox, part.octets.clone()).read_if_small()?;
    if part.is_quoted {
        let mut unquoting = Unquoting(Unquoter::default());
        return Ok(HeldBytes::of(octets.rewritten(0, &mut unquoting)?));
    }
    Ok(HeldBytes::of(octets))
}

struct Unquoting(Unquoter);

impl Encoder for Unquoting {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.0.push(bytes, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.0.finish(out);
    }
}

/// The files in `new` and `cur`, in the order of their names, which begin with the time of delivery. Those that
/// are marked as trashed are left out.
fn maildir(directory: &Path) -> Result<Vec<PathBuf>, CollectionError> {
    let mut files = Vec::new();
    for folder in ["new", "cur"] {
        let path = directory.join(folder);
        if !path.is_dir() {
            return Err(CollectionError::NoMaildir(name(directory)));
        }
        let failed = |error| SourceError::Read {
            name: name(&path),
            error,
        };
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if !(kind.is_file() || kind.is_symlink() || kind.is_dir()) {
                return Err(SourceError::Read {
                    name: name(&entry.path()),
                    error: io::Error::other("it is not a regular file"),
                }
                .into());
            }
            let file = entry.file_name();
            let text = file.to_string_lossy();
            let flags = text.rsplit_once(":2,").map_or("", |(_, flags)| flags);
            if !text.starts_with('.') && !flags.contains('T') {
                files.push(path.join(&file));
            }
        }
    }
    files.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    Ok(files)
}

fn name(path: &Path) -> String {
    shown(&path.to_string_lossy())
}
