//! `ehlo queue hold`, `release`, `remove`, `requeue`: changes the state of items; and finds items by the
//! beginning of their identifier.

use crate::cli::ExitStatus;
use crate::cli::queue::failed;
use crate::cli::terminal::{complain, print};
use crate::client::mail_log;
use crate::queue::store::{
    ClaimResult, ClaimedItem, Durability, Id, ItemEvent, QueueError, QueueStore,
};
use crate::system::exit::Exit;
use crate::system::text::shown;

/// Maximum number of candidates that are listed for an ambiguous prefix.
const CANDIDATES: usize = 5;

/// Holds items: they are not tried until they are released.
pub fn hold(store: &dyn QueueStore, names: &[String]) -> Exit {
    each(store, names, store.ids(), |id| {
        match claim_active(store, id)? {
            Err(exit) => Ok(exit),
            Ok(claim) if claim.item().history.held => {
                Ok(print_line(&format!("{id}: already held")))
            }
            Ok(claim) => {
                claim.record(ItemEvent::Held, Durability::Disk)?;
                Ok(print_line(&format!(
                    "{id}: held; release it with: ehlo queue release {id}"
                )))
            }
        }
    })
}

/// Releases items: the next run tries them, even if they may have arrived.
pub fn release(store: &dyn QueueStore, names: &[String]) -> Exit {
    each(store, names, store.ids(), |id| {
        match claim_active(store, id)? {
            Err(exit) => Ok(exit),
            Ok(claim) => {
                let is_in_doubt = claim.item().waits_for_decision();
                claim.record(ItemEvent::Released, Durability::Disk)?;
                let twice = if is_in_doubt {
                    "; it may arrive twice"
                } else {
                    ""
                };
                Ok(print_line(&format!(
                    "{id}: released; the next run tries it{twice}"
                )))
            }
        }
    })
}

/// Returns failed items to the queue.
pub fn requeue(store: &dyn QueueStore, names: &[String]) -> Exit {
    each(store, names, store.failed_ids(), |id| {
        if store.failure_reason(id).is_none() {
            complain(&format!(
                "{id} was not set aside; to retry it, use: ehlo queue release {id}"
            ));
            return Ok(Exit::Usage);
        }
        store.requeue(id)?;
        Ok(print_line(&format!(
            "{id}: back in the queue; the next run tries it"
        )))
    })
}

/// Removes items permanently, active or failed. `all` is not accepted.
pub fn remove(store: &dyn QueueStore, names: &[String]) -> Exit {
    if names.iter().any(|name| is_all(name)) {
        complain("remove does not accept \"all\"; specify the queue IDs (see ehlo queue list)");
        return Exit::Usage;
    }
    let exit = each(store, names, Ok(Vec::new()), |id| remove_one(store, id));
    let flushed = store
        .flush()
        .map_or_else(|error| failed(&error), |()| Exit::Ok);
    exit.max(flushed)
}

fn remove_one(store: &dyn QueueStore, id: &Id) -> Result<Exit, QueueError> {
    let is_failed = store.failure_reason(id).is_some();
    let claimed = if is_failed {
        store.claim_failed(id)
    } else {
        store.claim(id)
    };
    match claimed {
        Ok(ClaimResult::Claimed(claim)) => claim.remove()?,
        Ok(ClaimResult::Busy) => return Ok(busy(id)),
        Ok(ClaimResult::NotFound) => return Ok(not_found(id)),
        Err(QueueError::Damaged { why, .. }) => {
            if !is_failed {
                store.fail(id, &why)?;
            }
            store.purge(id)?;
        }
        Err(error) => return Err(error),
    }
    mail_log::deleted(id.as_str());
    Ok(print_line(&format!("{id}: removed")))
}

/// Applies an operation to each item, also after an error. The worst exit status is returned.
fn each(
    store: &dyn QueueStore,
    names: &[String],
    all: Result<Vec<Id>, QueueError>,
    change: impl Fn(&Id) -> Result<Exit, QueueError>,
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
        change(&id).map_err(|error| failed(&error))
    });
    let exits = done.map(|done: Result<Exit, Exit>| done.unwrap_or_else(|exit| exit));
    exits.max().unwrap_or(Exit::Ok)
}

/// No identifier equals `all`: it has a letter that identifiers do not use.
fn is_all(name: &str) -> bool {
    name == "all"
}

/// Claims an active item. The inner error is the exit status if that is not possible.
fn claim_active(
    store: &dyn QueueStore,
    id: &Id,
) -> Result<Result<Box<dyn ClaimedItem>, Exit>, QueueError> {
    match store.claim(id)? {
        ClaimResult::Claimed(claim) => Ok(Ok(claim)),
        ClaimResult::Busy => Ok(Err(busy(id))),
        ClaimResult::NotFound if store.failure_reason(id).is_some() => {
            complain(&format!(
                "{id} was set aside; to put it back into the queue, use: ehlo queue requeue {id}"
            ));
            Ok(Err(Exit::Usage))
        }
        ClaimResult::NotFound => Ok(Err(not_found(id))),
    }
}

fn busy(id: &Id) -> Exit {
    complain(&format!("{id} is being delivered; try again later"));
    Exit::Temporary
}

pub fn not_found(id: &Id) -> Exit {
    complain(&format!("{id} is no longer in the queue"));
    Exit::NoInput
}

fn print_line(line: &str) -> Exit {
    print(|out| writeln!(out, "{line}"))
}

/// The item with this identifier, or the only one with this prefix, active or failed.
pub fn find(store: &dyn QueueStore, name: &str) -> Result<Id, Exit> {
    let ids = store.ids().and_then(|mut ids| {
        ids.extend(store.failed_ids()?);
        Ok(ids)
    });
    let ids = ids.map_err(|error| failed(&error))?;
    select(ids, name).map_err(|error| {
        complain(&error.to_text(name));
        error.exit()
    })
}

/// The reason why a prefix does not identify an item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FindError {
    None,
    Ambiguous(Vec<Id>),
}

fn select(mut ids: Vec<Id>, name: &str) -> Result<Id, FindError> {
    // Identifiers are in lower case.
    let name = name.to_ascii_lowercase();
    ids.retain(|id| id.as_str().starts_with(&name));
    if let Some(exact) = ids.iter().position(|id| id.as_str() == name) {
        return Ok(ids.swap_remove(exact));
    }
    match ids.len() {
        1 => Ok(ids.swap_remove(0)),
        0 => Err(FindError::None),
        _ => Err(FindError::Ambiguous(ids)),
    }
}

impl FindError {
    fn to_text(&self, name: &str) -> String {
        let name = shown(name);
        let Self::Ambiguous(ids) = self else {
            return format!("there is no item {name} in the queue (see ehlo queue list)");
        };
        let named: Vec<&str> = ids.iter().take(CANDIDATES).map(Id::as_str).collect();
        let more = match ids.len().saturating_sub(CANDIDATES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "{name} is ambiguous: {}{more}; specify more of the ID",
            named.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<Id> {
        names.iter().map(|name| Id::parse(name).unwrap()).collect()
    }

    fn few() -> Vec<Id> {
        ids(&["0abc000000001", "0abd000000001", "0abd000000002"])
    }

    #[test]
    fn a_unique_prefix_is_enough() {
        for name in ["0abc", "0ABC", "0abc000000001"] {
            assert_eq!(select(few(), name).unwrap().as_str(), "0abc000000001");
        }
    }

    #[test]
    fn an_ambiguous_prefix_is_refused_with_the_candidates() {
        let error = select(few(), "0abd").unwrap_err();
        assert_eq!(
            error.to_text("0abd"),
            "0abd is ambiguous: 0abd000000001, 0abd000000002; specify more of the ID"
        );
        assert_eq!(error.exit(), Exit::Usage);
    }

    #[test]
    fn only_some_of_many_candidates_are_listed() {
        let many: Vec<String> = (1..=8)
            .map(|number| format!("0abd00000000{number}"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = select(ids(&many), "0").unwrap_err().to_text("0");
        assert!(text.contains("0abd000000005 and 3 more;"), "{text}");
    }

    #[test]
    fn an_unknown_prefix_is_not_found() {
        let error = select(few(), "abc").unwrap_err();
        assert_eq!(
            error.to_text("abc"),
            "there is no item abc in the queue (see ehlo queue list)"
        );
        assert_eq!(error.exit(), Exit::NoInput);
    }

    #[test]
    fn a_substring_is_not_a_prefix() {
        assert_eq!(select(few(), "bc"), Err(FindError::None));
    }
}
