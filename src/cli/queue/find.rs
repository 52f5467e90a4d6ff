//! Finds an item by the beginning of its identifier.

use crate::cli::queue::failed;
use crate::cli::terminal::complain;
use crate::queue::store::{Id, QueueStore};
use crate::system::exit::Exit;
use crate::system::text::shown;

/// Maximum number of candidates that are listed for an ambiguous prefix.
const CANDIDATES: usize = 5;

/// The item with this identifier, or the only one with this prefix, active or dead.
pub fn find(store: &dyn QueueStore, name: &str) -> Result<Id, Exit> {
    let ids = store.ids().and_then(|mut ids| {
        ids.extend(store.dead()?);
        Ok(ids)
    });
    let ids = ids.map_err(|error| failed(&error))?;
    meant(ids, name).map_err(|miss| {
        complain(&miss.to_text(name));
        miss.exit()
    })
}

/// The reasons for finding no item.
#[derive(Debug, PartialEq, Eq)]
enum Miss {
    None,
    Many(Vec<Id>),
}

fn meant(mut ids: Vec<Id>, name: &str) -> Result<Id, Miss> {
    // Names are in lower case; some have read them aloud.
    let name = name.to_ascii_lowercase();
    ids.retain(|id| id.as_str().starts_with(&name));
    if let Some(exact) = ids.iter().position(|id| id.as_str() == name) {
        return Ok(ids.swap_remove(exact));
    }
    match ids.len() {
        1 => Ok(ids.swap_remove(0)),
        0 => Err(Miss::None),
        _ => Err(Miss::Many(ids)),
    }
}

impl Miss {
    fn to_text(&self, name: &str) -> String {
        let name = shown(name);
        let Self::Many(ids) = self else {
            return format!("there is no item {name} in the queue; ehlo queue list shows them");
        };
        let named: Vec<&str> = ids.iter().take(CANDIDATES).map(Id::as_str).collect();
        let more = match ids.len().saturating_sub(CANDIDATES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "{name} may be {}{more}; say more of its name",
            named.join(", ")
        )
    }

    fn exit(&self) -> Exit {
        match self {
            Self::None => Exit::NoInput,
            Self::Many(_) => Exit::Usage,
        }
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
    fn a_beginning_is_enough_where_only_one_begins_like_it() {
        for name in ["0abc", "0ABC", "0abc000000001"] {
            assert_eq!(meant(few(), name).unwrap().as_str(), "0abc000000001");
        }
    }

    #[test]
    fn a_beginning_of_several_is_refused_with_their_names() {
        let miss = meant(few(), "0abd").unwrap_err();
        assert_eq!(
            miss.to_text("0abd"),
            "0abd may be 0abd000000001, 0abd000000002; say more of its name"
        );
        assert_eq!(miss.exit(), Exit::Usage);
    }

    #[test]
    fn of_many_candidates_only_some_are_named() {
        let many: Vec<String> = (1..=8)
            .map(|number| format!("0abd00000000{number}"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = meant(ids(&many), "0").unwrap_err().to_text("0");
        assert!(text.contains("0abd000000005 and 3 more;"), "{text}");
    }

    #[test]
    fn what_nothing_begins_like_is_no_item() {
        let miss = meant(few(), "abc").unwrap_err();
        assert_eq!(
            miss.to_text("abc"),
            "there is no item abc in the queue; ehlo queue list shows them"
        );
        assert_eq!(miss.exit(), Exit::NoInput);
    }

    #[test]
    fn a_middle_is_no_beginning() {
        assert_eq!(meant(few(), "bc"), Err(Miss::None));
    }
}
