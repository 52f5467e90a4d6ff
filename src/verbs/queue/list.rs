//! `ehlo queue list` and `mailq`: what is in the queue.

use super::figures::{counted, since, size, span};
use super::state::{State, is_done, words};
use super::{failed, object};
use crate::address::Address;
use crate::exit::Exit;
use crate::queue::{Id, Item, QueueError, Settings, Store};
use crate::text::shown;
use crate::verbs::terminal::print;
use std::io::{self, Write};
use std::time::SystemTime;

/// Writes all items to stdout, one object a line where a program wants to know.
pub fn run(store: &dyn Store, settings: &Settings, json: bool) -> Exit {
    let names = store.ids().and_then(|living| Ok((living, store.dead()?)));
    let (living, dead) = match names {
        Ok(names) => names,
        Err(error) => return failed(&error),
    };
    let list = List {
        store,
        settings,
        now: SystemTime::now(),
    };
    print(|out| {
        if json {
            list.objects(&living, out)?;
            return list.objects(&dead, out);
        }
        list.page(&living, &dead, out)
    })
}

struct List<'a> {
    store: &'a dyn Store,
    settings: &'a Settings,
    now: SystemTime,
}

/// How many of them there are in the end; those that are done with while we look are in none.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    living: usize,
    held: usize,
    undecided: usize,
    damaged: usize,
    dead: usize,
}

/// An item that was looked at.
enum Look {
    Whole(Box<Item>, State),
    Damaged(String),
    Gone,
}

impl List<'_> {
    fn look(&self, id: &Id) -> Look {
        match self.store.item(id) {
            Ok(Some(item)) => {
                let state = State::seen(&item, self.store, self.settings, self.now);
                Look::Whole(Box::new(item), state)
            }
            Ok(None) => Look::Gone,
            Err(QueueError::Damaged { why, .. }) => Look::Damaged(why),
            Err(error) => Look::Damaged(error.to_string()),
        }
    }

    fn objects(&self, ids: &[Id], out: &mut dyn Write) -> io::Result<()> {
        for id in ids {
            let object = match self.look(id) {
                Look::Whole(item, state) => object::of(&item, state, self.now),
                Look::Damaged(why) => object::damaged(id, &self.reason(id, why)),
                Look::Gone => continue,
            };
            writeln!(out, "{object}")?;
        }
        Ok(())
    }

    /// Why it was set aside says more than that it cannot be read.
    fn reason(&self, id: &Id, why: String) -> String {
        self.store.reason(id).unwrap_or(why)
    }

    fn page(&self, living: &[Id], dead: &[Id], out: &mut dyn Write) -> io::Result<()> {
        if living.is_empty() && dead.is_empty() {
            return out.write_all(b"The queue is empty.\n");
        }
        let mut tally = Tally::default();
        if !living.is_empty() {
            out.write_all(HEAD.as_bytes())?;
        }
        for id in living {
            self.living(id, &mut tally, out)?;
        }
        if !dead.is_empty() {
            out.write_all(if living.is_empty() { "" } else { "\n" }.as_bytes())?;
            out.write_all(DEAD_HEAD.as_bytes())?;
        }
        for id in dead {
            self.dead(id, &mut tally, out)?;
        }
        writeln!(out, "\n{}", tally.line())
    }

    fn living(&self, id: &Id, tally: &mut Tally, out: &mut dyn Write) -> io::Result<()> {
        let look = self.look(id);
        tally.count(&look);
        match look {
            Look::Whole(item, state) => block(&item, state, self.now, out),
            Look::Damaged(why) => writeln!(out, "{id}  damaged: {}", shown(&why)),
            Look::Gone => Ok(()),
        }
    }

    fn dead(&self, id: &Id, tally: &mut Tally, out: &mut dyn Write) -> io::Result<()> {
        match self.look(id) {
            Look::Whole(item, state) => {
                tally.dead += 1;
                block(&item, state, self.now, out)
            }
            Look::Damaged(why) => {
                tally.dead += 1;
                writeln!(out, "{id}  {}", shown(&self.reason(id, why)))
            }
            Look::Gone => Ok(()),
        }
    }
}

const HEAD: &str = "ID               SIZE   AGE  NEXT        SENDER\n";
const DEAD_HEAD: &str = "Set aside (dead): ehlo queue show ID tells what happened, ehlo queue requeue ID \
                         tries it again\n";

/// A line for the item, and one for each recipient who is not done with.
fn block(item: &Item, state: State, now: SystemTime, out: &mut dyn Write) -> io::Result<()> {
    let envelope = &item.letter.envelope;
    writeln!(
        out,
        "{:<14} {:>6} {:>5}  {:<10}  {}",
        item.id.to_string(),
        size(item.size),
        span(since(item.letter.queued, now)),
        state.next(now),
        sender(envelope.sender.as_ref()),
    )?;
    if let Some(reason) = &item.dead {
        writeln!(out, "    {}", shown(reason))?;
    }
    for (recipient, standing) in envelope.recipients.iter().zip(&item.history.standings) {
        if !is_done(standing) {
            let recipient = shown(&recipient.to_string());
            writeln!(out, "    {recipient}: {}", shown(words(standing)))?;
        }
    }
    if state == State::Uncertain {
        writeln!(out, "    ehlo queue release {} sends it again", item.id)?;
    }
    Ok(())
}

/// The null sender is written as in a command.
pub fn sender(sender: Option<&Address>) -> String {
    sender.map_or_else(|| "<>".to_owned(), |sender| shown(&sender.to_string()))
}

impl Tally {
    fn count(&mut self, look: &Look) {
        match look {
            Look::Whole(_, state) => {
                self.living += 1;
                self.held += usize::from(*state == State::Held);
                self.undecided += usize::from(*state == State::Uncertain);
            }
            Look::Damaged(_) => {
                self.living += 1;
                self.damaged += 1;
            }
            Look::Gone => {}
        }
    }

    /// The last line; what there is none of is not named.
    fn line(&self) -> String {
        let mut line = counted(self.living, "item");
        let parts = [
            (self.held, "held"),
            (self.undecided, "in doubt"),
            (self.damaged, "damaged"),
            (self.dead, "set aside (dead)"),
        ];
        for (count, what) in parts {
            if count > 0 {
                line.push_str(&format!(", {count} {what}"));
            }
        }
        line
    }
}
