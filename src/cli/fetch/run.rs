//! The run of `ehlo fetch`.

use crate::cli::ExitStatus;
use crate::cli::fetch::save::Store;
use crate::cli::fetch::{Fetch, FetchTask, MessageTask, Part, list};
use crate::cli::show;
use crate::cli::terminal;
use crate::cli::terminal::{Stdout, complain, load};
use crate::client::events::{Observer, Silent};
use crate::mail::layers::SmimeFiles;
use crate::mail::message::SourceWriter;
use crate::mailbox;
use crate::mailbox::{
    Limits, MailboxError, MailboxSession, MessageSummary, OpenError, Opening, SharedObserver,
    fields,
};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::transcript::{Stevens, TranscriptOptions};
use serde_json::Value;
use std::io;

pub(crate) fn run(fetch: &Fetch) -> Exit {
    let done = if fetch.verbose {
        let mut transcript = Stevens::new(io::stderr(), TranscriptOptions::verbose());
        with(fetch, &mut transcript)
    } else {
        with(fetch, &mut Silent)
    };
    done.unwrap_or_else(|exit| exit)
}

fn with(fetch: &Fetch, observer: &mut dyn Observer) -> Result<Exit, Exit> {
    let store = match &fetch.task {
        FetchTask::Messages(task) => task.save.as_ref().map(Store::open).transpose(),
        FetchTask::Folders => Ok(None),
    };
    let store = store.map_err(|why| {
        complain(&why);
        Exit::CantCreate
    })?;
    let loaded = load(&fetch.route.transport)?;
    let transport = loaded.open();
    let opening = Opening {
        transport: &transport,
        url: &fetch.route.url,
        limits: Limits {
            step: fetch.timeout,
            end: None,
        },
        to_change: matches!(&fetch.task, FetchTask::Messages(task) if task.delete || task.seen),
    };
    let selects = matches!(fetch.task, FetchTask::Messages(_));
    let observer = SharedObserver::new(observer);
    let mut session =
        mailbox::open(opening, selects, &observer).map_err(|error| complain_of(&error))?;
    let done = match &fetch.task {
        FetchTask::Folders => folders(&mut session, fetch.json),
        FetchTask::Messages(task) => Messages {
            session: &mut session,
            task,
            store: store.as_ref(),
            json: fetch.json,
        }
        .run(),
    };
    let server = session.server.to_string();
    let failed = |error: Failure| match error {
        Failure::Session(error) => {
            complain(&sentence(Some(&server), &error));
            error.exit()
        }
        Failure::Output(exit) => exit,
    };
    let exit = done.map_err(failed)?;
    session
        .finish()
        .map_err(|error| failed(Failure::Session(error)))?;
    Ok(exit)
}

/// Reports that a mailbox cannot be opened.
pub fn complain_of(failure: &OpenError) -> Exit {
    let server = failure.server.as_ref().map(ToString::to_string);
    complain(&sentence(server.as_deref(), &failure.error));
    failure.error.exit()
}

/// The error with its server.
pub fn sentence(server: Option<&str>, error: &MailboxError) -> String {
    match server {
        Some(server) if !error.names_server() => format!("{server}: {error}"),
        _ => error.to_string(),
    }
}

/// An error that ends the run.
enum Failure {
    Session(MailboxError),
    /// Stdout cannot be written, which was reported.
    Output(Exit),
}

impl From<MailboxError> for Failure {
    fn from(error: MailboxError) -> Self {
        Self::Session(error)
    }
}

fn folders(session: &mut MailboxSession<'_>, json: bool) -> Result<Exit, Failure> {
    for (folder, status) in session.folders()? {
        list::folder(&folder, status, json).map_err(Failure::Output)?;
    }
    Ok(Exit::Ok)
}

/// The work on the selected messages.
struct Messages<'m, 's> {
    session: &'m mut MailboxSession<'s>,
    task: &'m MessageTask,
    store: Option<&'m Store>,
    json: bool,
}

impl Messages<'_, '_> {
    fn run(&mut self) -> Result<Exit, Failure> {
        let only_lists = self.task.only_lists();
        let json = self.json;
        let mut unwritten = None;
        let mut selected = Vec::new();
        let mut count = 0_u64;
        let listed = self
            .session
            .summaries(&self.task.selection, &mut |summary| {
                count += 1;
                if !only_lists {
                    selected.push(summary);
                    return Ok(());
                }
                list::message(&summary, json).map_err(|exit| {
                    unwritten = Some(exit);
                    MailboxError::Output(io::ErrorKind::BrokenPipe.into())
                })
            });
        if let Some(exit) = unwritten {
            return Err(Failure::Output(exit));
        }
        listed?;
        if count == 0 && self.task.is_named {
            complain("none of the messages is in the mailbox");
            return Ok(Exit::NoInput);
        }
        if only_lists {
            return Ok(Exit::Ok);
        }
        self.work(&selected)
    }

    /// Prints, saves, marks and deletes. Messages that cannot be copied stay unchanged.
    fn work(&mut self, selected: &[MessageSummary]) -> Result<Exit, Failure> {
        if matches!(self.store, Some(Store::File(_))) && selected.len() != 1 {
            let count = counted(selected.len() as u64, "message");
            complain(&format!(
                "--output: the selection has {count}, and a file has one; use --maildir or --mbox"
            ));
            return Ok(Exit::Usage);
        }
        let total = selected.len();
        let mut done = Vec::with_capacity(total);
        for summary in selected {
            if let Some(size) = summary.size.filter(|&size| size > self.task.max_size) {
                let error = MailboxError::TooLarge {
                    id: summary.number.to_string(),
                    size,
                    limit: self.task.max_size,
                };
                complain(&error.to_string());
                continue;
            }
            self.copy(summary, total > 1)?;
            done.push(summary.number);
        }
        if self.task.seen && !done.is_empty() {
            self.session.mark_seen(&done)?;
        }
        if self.task.delete && !done.is_empty() && !self.session.delete(&done)? {
            terminal::warn(
                "the server has no UIDPLUS, so that the messages are marked as deleted and not removed",
            );
        }
        Ok(match done.len() {
            count if count == total => Exit::Ok,
            0 => Exit::Data,
            _ => Exit::Partial,
        })
    }

    fn copy(&mut self, summary: &MessageSummary, is_one_of_several: bool) -> Result<(), Failure> {
        match &self.task.print {
            Some(Part::Header) => {
                let header = self.session.header(summary.number)?;
                terminal::write(&header).map_err(Failure::Output)?;
            }
            Some(Part::Readable(files)) => {
                self.print_readable(summary.number, is_one_of_several, files.as_ref())?;
            }
            Some(Part::Raw) => self.print_raw(summary.number)?,
            None => {}
        }
        let mut saved = None;
        if let Some(store) = self.store {
            let limit = self.task.max_size;
            let session = &mut *self.session;
            let sender = return_path(&summary.header);
            saved = Some(store.save(&sender, &mut |out| {
                session.message(summary.number, (out, limit))
            })?);
        }
        if self.json {
            let mut object = list::object(summary);
            if let Some(path) = saved {
                object.insert("saved".to_owned(), path.to_string_lossy().into());
            }
            let line = format!("{}\n", Value::Object(object));
            terminal::write(line.as_bytes()).map_err(Failure::Output)?;
        }
        Ok(())
    }

    /// Prints a message decoded, below its number if there are several.
    fn print_readable(
        &mut self,
        number: u32,
        is_one_of_several: bool,
        files: Option<&SmimeFiles>,
    ) -> Result<(), Failure> {
        let mut copy = SourceWriter::new("the message");
        self.session
            .message(number, (&mut copy, self.task.max_size))?;
        let title = is_one_of_several.then(|| number.to_string());
        let after = if is_one_of_several { "\n" } else { "" };
        let source = copy.finish().map_err(MailboxError::Output)?;
        let text = show::readable(source, title, files).map_err(|error| {
            complain(&error.to_string());
            Failure::Output(error.exit())
        })?;
        terminal::write((text + after).as_bytes()).map_err(Failure::Output)
    }

    fn print_raw(&mut self, number: u32) -> Result<(), Failure> {
        let mut out = Stdout;
        let printed = self.session.message(number, (&mut out, self.task.max_size));
        match printed {
            Ok(_) => Ok(()),
            Err(MailboxError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(Failure::Output(Exit::Ok))
            }
            Err(MailboxError::Output(error)) => {
                Err(Failure::Output(terminal::output_failed(&error)))
            }
            Err(error) => Err(Failure::Session(error)),
        }
    }
}

/// The address in Return-Path, for the line before a message in an mbox; empty if there is none.
fn return_path(header: &[u8]) -> String {
    let mut fields = fields(header);
    let path = fields.find(|(name, _)| name.eq_ignore_ascii_case("return-path"));
    let path = path.map(|(_, value)| value).unwrap_or_default();
    path.trim_matches(['<', '>', ' ']).to_owned()
}
