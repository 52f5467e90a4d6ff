//! `ehlo queue list` and `mailq`: lists the queue.

use crate::cli::queue::item::{ItemState, damaged_object, is_done, item_object, recipient_text};
use crate::cli::terminal::print;
use crate::mail::address::Address;
use crate::queue::store::{Id, Item, QueueError, QueueStore, RetrySettings};
use crate::system::exit::Exit;
use crate::system::figures::{counted, size};
use crate::system::text::shown;
use crate::system::time::{brief, since};
use std::io::{self, Write};
use std::time::SystemTime;

/// Writes all items to stdout, with `json` as one object on each line.
pub fn run(store: &dyn QueueStore, settings: &RetrySettings, json: bool) -> Exit {
    let ids = store.ids().and_then(|ids| Ok((ids, store.failed_ids()?)));
    let (active, failed) = match ids {
        Ok(ids) => ids,
        Err(error) => return crate::cli::queue::failed(&error),
    };
    let list = ItemList {
        store,
        settings,
        now: store.now(),
    };
    print(|out| {
        if json {
            list.objects(&active, out)?;
            return list.objects(&failed, out);
        }
        list.text(&active, &failed, out)
    })
}

struct ItemList<'a> {
    store: &'a dyn QueueStore,
    settings: &'a RetrySettings,
    now: SystemTime,
}

/// Number of items by state. Items that leave the queue during the listing are not counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    active: usize,
    held: usize,
    undecided: usize,
    damaged: usize,
    failed: usize,
}

/// The result of reading an item.
enum ListedItem {
    Read(Box<Item>, ItemState),
    Damaged(String),
    NotFound,
}

impl ItemList<'_> {
    fn read(&self, id: &Id) -> ListedItem {
        match self.store.item(id) {
            Ok(Some(item)) => {
                let state = ItemState::of(&item, self.store, self.settings, self.now);
                ListedItem::Read(Box::new(item), state)
            }
            Ok(None) => ListedItem::NotFound,
            Err(QueueError::Damaged { why, .. }) => ListedItem::Damaged(why),
            Err(error) => ListedItem::Damaged(error.to_string()),
        }
    }

    fn objects(&self, ids: &[Id], out: &mut dyn Write) -> io::Result<()> {
        for id in ids {
            let object = match self.read(id) {
                ListedItem::Read(item, state) => item_object(&item, state, self.now),
                ListedItem::Damaged(why) => damaged_object(id, &self.reason(id, why)),
                ListedItem::NotFound => continue,
            };
            writeln!(out, "{object}")?;
        }
        Ok(())
    }

    /// The recorded reason of a failed item is more specific than a read error.
    fn reason(&self, id: &Id, why: String) -> String {
        self.store.failure_reason(id).unwrap_or(why)
    }

    fn text(&self, active: &[Id], failed: &[Id], out: &mut dyn Write) -> io::Result<()> {
        if active.is_empty() && failed.is_empty() {
            return out.write_all(b"The queue is empty.\n");
        }
        let mut tally = Tally::default();
        if !active.is_empty() {
            out.write_all(HEAD.as_bytes())?;
        }
        for id in active {
            let read = self.read(id);
            tally.count(&read);
            match read {
                ListedItem::Read(item, state) => block(&item, state, self.now, out)?,
                ListedItem::Damaged(why) => writeln!(out, "{id}  damaged: {}", shown(&why))?,
                ListedItem::NotFound => {}
            }
        }
        if !failed.is_empty() {
            out.write_all(if active.is_empty() { "" } else { "\n" }.as_bytes())?;
            out.write_all(FAILED_HEAD.as_bytes())?;
        }
        for id in failed {
            match self.read(id) {
                ListedItem::Read(item, state) => block(&item, state, self.now, out)?,
                ListedItem::Damaged(why) => {
                    writeln!(out, "{id}  {}", shown(&self.reason(id, why)))?;
                }
                ListedItem::NotFound => continue,
            }
            tally.failed += 1;
        }
        writeln!(out, "\n{}", tally.line())
    }
}

const HEAD: &str = "ID               SIZE     AGE  NEXT        SENDER\n";
const FAILED_HEAD: &str =
    "Set aside (dead). Details: ehlo queue show ID. To retry: ehlo queue requeue ID\n";

/// A line for the item, and one for each recipient without a final result.
fn block(item: &Item, state: ItemState, now: SystemTime, out: &mut dyn Write) -> io::Result<()> {
    let envelope = &item.metadata.envelope;
    writeln!(
        out,
        "{:<14} {:>6} {:>7}  {:<10}  {}",
        item.id.to_string(),
        size(item.size),
        brief(since(item.metadata.queued, now)),
        state.next(now),
        sender(envelope.sender.as_ref()),
    )?;
    if let Some(reason) = &item.failed {
        writeln!(out, "    {}", shown(reason))?;
    }
    for (recipient, state) in envelope.recipients.iter().zip(&item.history.states) {
        if !is_done(state) {
            let text = recipient_text(state, recipient);
            let recipient = shown(&recipient.to_string());
            writeln!(out, "    {recipient}: {}", shown(text))?;
        }
    }
    if state == ItemState::Uncertain {
        writeln!(out, "    to send it again: ehlo queue release {}", item.id)?;
    }
    Ok(())
}

/// The null sender is written as in a command.
pub fn sender(sender: Option<&Address>) -> String {
    sender.map_or_else(|| "<>".to_owned(), |sender| shown(&sender.to_string()))
}

impl Tally {
    fn count(&mut self, read: &ListedItem) {
        match read {
            ListedItem::Read(_, state) => {
                self.active += 1;
                self.held += usize::from(*state == ItemState::Held);
                self.undecided += usize::from(*state == ItemState::Uncertain);
            }
            ListedItem::Damaged(_) => {
                self.active += 1;
                self.damaged += 1;
            }
            ListedItem::NotFound => {}
        }
    }

    /// The last line. Counts of 0 are omitted.
    fn line(&self) -> String {
        let mut line = counted(self.active as u64, "item");
        let parts = [
            (self.held, "held"),
            (self.undecided, "uncertain"),
            (self.damaged, "damaged"),
            (self.failed, "set aside (dead)"),
        ];
        for (count, what) in parts {
            if count > 0 {
                line.push_str(&format!(", {count} {what}"));
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::outcome::RecipientStatus;
    use crate::mail::envelope::Envelope;
    use crate::queue::store::{AttemptResult, History, ItemKind, Metadata, OnUncertain, RouteSpec};
    use std::time::Duration;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    /// From alice to bob and carol, five minutes old.
    fn item() -> Item {
        Item {
            id: Id::parse("0abc000000001").unwrap(),
            metadata: Metadata {
                envelope: Envelope {
                    sender: Some(address("alice@crepes.fr")),
                    recipients: vec![address("bob@x.example"), address("carol@x.example")],
                    ..Envelope::default()
                },
                utf8_header: false,
                route_spec: RouteSpec::default(),
                on_uncertain: OnUncertain::Hold,
                on_failure: None,
                kind: ItemKind::Mail,
                queued: now() - Duration::from_secs(300),
            },
            size: 1234,
            history: History::new(2),
            failed: None,
        }
    }

    fn result(verdict: RecipientStatus, reply: Option<&str>, words: &str) -> AttemptResult {
        AttemptResult {
            verdict,
            words: words.to_owned(),
            reply: reply.map(str::to_owned),
            enhanced: None,
            server: None,
        }
    }

    fn shown_as(item: &Item, state: ItemState) -> String {
        let mut out = Vec::new();
        block(item, state, now(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_item_has_a_line_for_each_unfinished_recipient() {
        let mut item = item();
        let accepted = result(RecipientStatus::Accepted, Some("250 ok"), "ok");
        item.history.states[0].result = Some(accepted);
        let busy = result(
            RecipientStatus::Deferred,
            Some("451 4.7.1 later\u{1b}"),
            "no",
        );
        item.history.states[1].result = Some(busy);
        let next = now() + Duration::from_secs(14 * 60);
        assert_eq!(
            format!("{HEAD}{}", shown_as(&item, ItemState::Waiting(next))),
            "ID               SIZE     AGE  NEXT        SENDER\n\
             0abc000000001    1.2K   5m00s  in 14m00s   alice@crepes.fr\n    \
             carol@x.example: 451 4.7.1 later\\u{1b}\n"
        );
    }

    #[test]
    fn a_recipient_is_not_named_twice_in_a_line() {
        let mut item = item();
        let words = "<bob@x.example>: mx was not tried";
        item.history.states[0].result = Some(result(RecipientStatus::Deferred, None, words));
        let text = shown_as(&item, ItemState::Due);
        assert!(
            text.contains("\n    bob@x.example: mx was not tried\n"),
            "{text}"
        );
        assert!(
            text.contains("\n    carol@x.example: not tried yet\n"),
            "{text}"
        );
    }

    #[test]
    fn an_item_in_doubt_shows_the_command() {
        let mut item = item();
        item.metadata.envelope.sender = None;
        item.history.states[0].in_doubt = true;
        let text = shown_as(&item, ItemState::Uncertain);
        for part in [
            "uncertain   <>\n",
            "may have arrived",
            "queue release 0abc000000001",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_last_line_omits_counts_of_zero() {
        let mut tally = Tally {
            active: 1,
            ..Tally::default()
        };
        assert_eq!(tally.line(), "1 item");
        tally = Tally {
            active: 3,
            held: 1,
            failed: 2,
            ..Tally::default()
        };
        assert_eq!(tally.line(), "3 items, 1 held, 2 set aside (dead)");
    }
}
