//! `ehlo queue hold`, `release`, `remove`, `requeue`: changes the state of items.

use crate::cli::queue::{failed, find};
use crate::cli::terminal::{complain, print};
use crate::queue::store::{Claimed, ClaimedItem, Id, ItemEvent, QueueError, QueueStore, Safety};
use crate::system::exit::Exit;

/// Tries these no more until they are released.
pub fn hold(store: &dyn QueueStore, names: &[String]) -> Exit {
    each(store, names, store.ids(), |id| match alive(store, id)? {
        Err(exit) => Ok(exit),
        Ok(claim) if claim.item().history.held => Ok(say(&format!("{id}: was held already"))),
        Ok(claim) => {
            claim.note(ItemEvent::Held, Safety::Disk)?;
            Ok(say(&format!(
                "{id}: held; ehlo queue release {id} lets it go"
            )))
        }
    })
}

/// Tries these items with the next run, even if they may have arrived.
pub fn release(store: &dyn QueueStore, names: &[String]) -> Exit {
    each(store, names, store.ids(), |id| match alive(store, id)? {
        Err(exit) => Ok(exit),
        Ok(claim) => {
            let is_in_doubt = claim.item().waits_for_decision();
            claim.note(ItemEvent::Released, Safety::Disk)?;
            let twice = if is_in_doubt {
                ", and it may arrive twice"
            } else {
                ""
            };
            Ok(say(&format!(
                "{id}: released; the next run tries it{twice}"
            )))
        }
    })
}

/// Brings these back that were set aside.
pub fn requeue(store: &dyn QueueStore, names: &[String]) -> Exit {
    each(store, names, store.dead(), |id| {
        if store.reason(id).is_none() {
            complain(&format!(
                "{id} was not set aside; ehlo queue release {id} tries it at once"
            ));
            return Ok(Exit::Usage);
        }
        store.raise(id)?;
        Ok(say(&format!(
            "{id}: is in the queue again; the next run tries it"
        )))
    })
}

/// Removes these items permanently, active or dead. `all` is not accepted.
pub fn remove(store: &dyn QueueStore, names: &[String]) -> Exit {
    if names.iter().any(|name| is_all(name)) {
        complain("remove wants the items by their names; ehlo queue list shows them");
        return Exit::Usage;
    }
    let exit = each(store, names, Ok(Vec::new()), |id| remove_one(store, id));
    let settled = store
        .settle()
        .map_or_else(|error| failed(&error), |()| Exit::Ok);
    exit.max(settled)
}

fn remove_one(store: &dyn QueueStore, id: &Id) -> Result<Exit, QueueError> {
    let is_dead = store.reason(id).is_some();
    let claimed = if is_dead {
        store.claim_dead(id)
    } else {
        store.claim(id)
    };
    match claimed {
        Ok(Claimed::Ours(claim)) => claim.remove()?,
        Ok(Claimed::Busy) => return Ok(busy(id)),
        Ok(Claimed::Gone) => return Ok(gone(id)),
        Err(QueueError::Damaged { why, .. }) => {
            if !is_dead {
                store.bury(id, &why)?;
            }
            store.discard(id)?;
        }
        Err(error) => return Err(error),
    }
    Ok(say(&format!("{id}: removed")))
}

/// Applies an operation to each item, also after an error. The worst exit status is returned.
fn each(
    store: &dyn QueueStore,
    names: &[String],
    all: Result<Vec<Id>, QueueError>,
    deed: impl Fn(&Id) -> Result<Exit, QueueError>,
) -> Exit {
    let ids: Vec<Result<Id, Exit>> = if names.iter().any(|name| is_all(name)) {
        match all {
            Ok(all) => all.into_iter().map(Ok).collect(),
            Err(error) => return failed(&error),
        }
    } else {
        names.iter().map(|name| find(store, name)).collect()
    };
    let done = ids.into_iter().map(|id| {
        let id = id?;
        deed(&id).map_err(|error| failed(&error))
    });
    let exits = done.map(|done: Result<Exit, Exit>| done.unwrap_or_else(|exit| exit));
    exits.max().unwrap_or(Exit::Ok)
}

/// No identifier equals this word: it has letters that identifiers do not use.
fn is_all(name: &str) -> bool {
    name == "all"
}

/// A claim on an item that is not dead; or the exit status without one.
fn alive(
    store: &dyn QueueStore,
    id: &Id,
) -> Result<Result<Box<dyn ClaimedItem>, Exit>, QueueError> {
    match store.claim(id)? {
        Claimed::Ours(claim) => Ok(Ok(claim)),
        Claimed::Busy => Ok(Err(busy(id))),
        Claimed::Gone if store.reason(id).is_some() => {
            complain(&format!(
                "{id} was set aside; ehlo queue requeue {id} brings it back"
            ));
            Ok(Err(Exit::Usage))
        }
        Claimed::Gone => Ok(Err(gone(id))),
    }
}

fn busy(id: &Id) -> Exit {
    complain(&format!("{id} is being sent just now; try again"));
    Exit::Temporary
}

fn gone(id: &Id) -> Exit {
    complain(&format!("{id} was done with just now"));
    Exit::NoInput
}

/// Prints a line about an operation at once.
fn say(line: &str) -> Exit {
    print(|out| writeln!(out, "{line}"))
}
