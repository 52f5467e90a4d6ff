//! `ehlo queue show`: an item with its envelope, its journal, or its message.

use crate::cli::queue::change::{find, not_found};
use crate::cli::queue::failed;
use crate::cli::queue::item::{ItemState, event_text, item_object, recipient_text, record_object};
use crate::cli::queue::list::sender;
use crate::cli::terminal::{complain, print};
use crate::mail::address::Address;
use crate::mail::envelope::{Dsn, NotifyOn, Return};
use crate::queue::store::{
    Id, Item, ItemKind, OnUncertain, QueueError, QueueStore, RecipientState, Record, RetrySettings,
};
use crate::smtp::blocks::{Block, BodyType, Replay};
use crate::system::exit::Exit;
use crate::system::figures::{counted, size};
use crate::system::text::{reason, shown};
use crate::system::time::{brief, local, since};
use serde_json::json;
use std::io;
use std::time::SystemTime;

/// The part of an item that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownPart {
    /// Everything but the message, as text.
    Report,
    /// The same as JSON.
    Object,
    /// The message as sent over the wire.
    Message,
}

/// Writes it to stdout.
pub fn run(store: &dyn QueueStore, settings: &RetrySettings, name: &str, part: ShownPart) -> Exit {
    let id = match find(store, name) {
        Ok(id) => id,
        Err(exit) => return exit,
    };
    let shown = match part {
        ShownPart::Message => message(store, &id),
        ShownPart::Report | ShownPart::Object => without_message(store, settings, &id, part),
    };
    shown.unwrap_or_else(|error| failed(&error))
}

/// An item as it is shown.
struct View<'a> {
    item: &'a Item,
    journal: &'a [Record],
    state: ItemState,
    /// The time of the queue.
    now: SystemTime,
    /// The process that has claimed it in a database.
    worker: Option<String>,
}

fn without_message(
    store: &dyn QueueStore,
    settings: &RetrySettings,
    id: &Id,
    part: ShownPart,
) -> Result<Exit, QueueError> {
    let (Some(item), Some(journal)) = (store.item(id)?, store.journal(id)?) else {
        return Ok(not_found(id));
    };
    let now = store.now();
    let view = View {
        item: &item,
        journal: &journal,
        state: ItemState::of(&item, store, settings, now),
        now,
        worker: match store.shared() {
            Some(shared) => shared.worker_of(id)?,
            None => None,
        },
    };
    let text = match part {
        ShownPart::Object => report_object(view),
        _ => report(view),
    };
    Ok(print(|out| out.write_all(text.as_bytes())))
}

/// The message, block by block.
fn message(store: &dyn QueueStore, id: &Id) -> Result<Exit, QueueError> {
    let Some(message) = store.message(id)? else {
        return Ok(not_found(id));
    };
    let mut unread = None;
    let exit = print(|out| {
        let copied = copy(&*message, out);
        copied.unwrap_or_else(|error| {
            unread = Some(error);
            Ok(())
        })
    });
    let Some(error) = unread else {
        return Ok(exit);
    };
    complain(&format!(
        "cannot read the whole message of {id}: {}",
        reason(&error)
    ));
    Ok(Exit::Data)
}

/// The outer error is that of the message, the inner that of the output.
fn copy(message: &dyn Replay, out: &mut dyn io::Write) -> io::Result<io::Result<()>> {
    let Some(shape) = message.shape(BodyType::Binary.with_utf8()) else {
        return Ok(Ok(()));
    };
    let mut blocks = message.blocks(shape);
    let mut block = Vec::new();
    while blocks.append(&mut block)? != Block::End {
        if let Err(error) = out.write_all(&block) {
            return Ok(Err(error));
        }
        block.clear();
    }
    Ok(out.write_all(&block))
}

fn report_object(view: View<'_>) -> String {
    let mut object = item_object(view.item, view.state, view.now);
    let metadata = &view.item.metadata;
    let recipients = &metadata.envelope.recipients;
    object["way"] = json!({
        "config": metadata.route_spec.config.as_ref().map(|path| path.to_string_lossy()),
        "profile": metadata.route_spec.profile,
        "options": metadata.route_spec.options,
    });
    object["on_uncertain"] = match metadata.on_uncertain {
        OnUncertain::Retry => "retry".into(),
        OnUncertain::Hold => "hold".into(),
    };
    object["on_failure"] = json!(metadata.on_failure);
    object["reports_on"] = match &metadata.kind {
        ItemKind::Mail => json!(null),
        ItemKind::Report(about) => json!(about.to_string()),
    };
    let events = view
        .journal
        .iter()
        .map(|record| record_object(record, recipients));
    if let Some(worker) = view.worker {
        object["worker"] = worker.into();
    }
    object["events"] = events.collect::<Vec<_>>().into();
    format!("{object}\n")
}

fn report(view: View<'_>) -> String {
    let item = view.item;
    let mut report = Report::default();
    report.line("id", &item.id.to_string());
    report.line("state", &state_text(item, view.state, view.now));
    if let Some(worker) = view.worker {
        report.line("worker", &shown(&worker));
    }
    report.queued(item, view.now);
    report.envelope(item);
    report.transport(item);
    report.journal(item, view.journal);
    report.text
}

fn state_text(item: &Item, state: ItemState, now: SystemTime) -> String {
    let id = &item.id;
    match state {
        ItemState::Due => "due: the next run tries it".to_owned(),
        ItemState::Waiting(next) => {
            format!("waiting: next attempt {}, {}", state.next(now), local(next))
        }
        ItemState::Sending => "sending: an attempt is in progress".to_owned(),
        ItemState::Held => format!("held; release it with: ehlo queue release {id}"),
        ItemState::Uncertain => format!(
            "uncertain: the message may have arrived; to send it again: ehlo queue release {id}; to delete it: \
             ehlo queue remove {id}"
        ),
        ItemState::Failed => {
            let reason = shown(item.failed.as_deref().unwrap_or_default());
            format!("set aside: {reason}; to retry: ehlo queue requeue {id}")
        }
    }
}

/// Lines of a label and a value.
#[derive(Default)]
struct Report {
    text: String,
}

impl Report {
    /// Control characters in the value are escaped.
    fn line(&mut self, label: &str, value: &str) {
        let line = format!("{label:<11}  {}\n", shown(value));
        self.text.push_str(&line);
    }

    fn queued(&mut self, item: &Item, now: SystemTime) {
        let queued = item.metadata.queued;
        let age = brief(since(queued, now));
        self.line("queued", &format!("{}, {age} ago", local(queued)));
        if let Some(last) = item.history.last_attempt {
            let attempts = counted(item.history.attempts.into(), "attempt");
            let ago = brief(since(last, now));
            self.line(
                "tried",
                &format!("{attempts}, last {}, {ago} ago", local(last)),
            );
        }
        self.line("size", &size_text(item.size));
        if let ItemKind::Report(about) = &item.metadata.kind {
            self.line("reports on", &about.to_string());
        }
    }

    fn envelope(&mut self, item: &Item) {
        let envelope = &item.metadata.envelope;
        self.line("sender", &sender(envelope.sender.as_ref()));
        let states = &item.history.states;
        for (address, state) in envelope.recipients.iter().zip(states) {
            self.line("recipient", &recipient(address, state));
        }
        self.dsn(&envelope.dsn);
    }

    fn dsn(&mut self, dsn: &Dsn) {
        if let Some(notify) = dsn.notify {
            self.line("notify", &notify_text(notify));
        }
        for each in &dsn.each {
            let recipient = &each.recipient;
            if let Some(notify) = each.notify {
                self.line("notify", &format!("<{recipient}> {}", notify_text(notify)));
            }
            if let Some(original) = &each.original {
                self.line("original", &format!("<{recipient}> {original}"));
            }
        }
        if let Some(ret) = dsn.ret {
            let part = match ret {
                Return::Full => "full message",
                Return::Headers => "headers only",
            };
            self.line("return", part);
        }
        if let Some(envid) = &dsn.envid {
            self.line("envelope ID", envid);
        }
    }

    fn transport(&mut self, item: &Item) {
        let metadata = &item.metadata;
        if let Some(profile) = &metadata.route_spec.profile {
            self.line("profile", profile);
        }
        if let Some(config) = &metadata.route_spec.config {
            self.line("config", &config.to_string_lossy());
        }
        if !metadata.route_spec.options.is_empty() {
            self.line("options", &metadata.route_spec.options.join(" "));
        }
        if metadata.on_uncertain == OnUncertain::Hold {
            self.line("uncertain", "held until it is released");
        }
        if let Some(command) = &metadata.on_failure {
            self.line("on failure", command);
        }
    }

    fn journal(&mut self, item: &Item, journal: &[Record]) {
        let recipients = &item.metadata.envelope.recipients;
        let queued = format!("{}  queued\n", local(item.metadata.queued));
        self.text.push('\n');
        self.text.push_str(&queued);
        for record in journal {
            let text = shown(&event_text(&record.event, recipients));
            self.text
                .push_str(&format!("{}  {text}\n", local(record.at)));
        }
    }
}

fn size_text(octets: u64) -> String {
    if octets < 1024 {
        return counted(octets, "octet");
    }
    format!("{}, {octets} octets", size(octets))
}

fn recipient(address: &Address, state: &RecipientState) -> String {
    let result = state.result.as_ref();
    let verdict = result.map_or(String::new(), |result| {
        format!("{}, ", result.verdict.name())
    });
    let server = result.and_then(|result| result.server.as_ref());
    let server = server.map_or(String::new(), |server| format!(" ({server})"));
    let reported = if state.reported { "; reported" } else { "" };
    let text = recipient_text(state, address);
    format!("{address}: {verdict}{text}{server}{reported}")
}

/// The conditions for a delivery report (NOTIFY).
fn notify_text(notify: NotifyOn) -> String {
    let all = [
        (notify.success, "success"),
        (notify.failure, "failure"),
        (notify.delay, "delay"),
    ];
    let requested = all.iter().filter(|(is_requested, _)| *is_requested);
    let requested: Vec<&str> = requested.map(|(_, name)| *name).collect();
    if requested.is_empty() {
        return "never".to_owned();
    }
    requested.join(", ")
}
