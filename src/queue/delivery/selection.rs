//! The selection of items for a queue run.

use crate::queue::store::{Id, Item, RouteSpec};

/// The items that are tried.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these; empty is all.
    pub ids: Vec<Id>,
    /// Only recipients in these domains; empty is all.
    pub domains: Vec<String>,
    /// Only items with all recipients in these domains: an attempt counts for the whole item, and must not
    /// delay the others.
    pub wholly: bool,
    /// Only items with this route.
    pub route_spec: Option<RouteSpec>,
    /// Maximum number of items.
    pub most: Option<usize>,
    /// True if items that are not due are tried as well.
    pub now: bool,
}

impl Selection {
    /// The recipients that are to be tried.
    pub(super) fn recipients(&self, item: &Item) -> Vec<usize> {
        let all = &item.metadata.envelope.recipients;
        let is_meant = |&place: &usize| {
            let domain = all[place].domain().to_string();
            let mut wanted = self.domains.iter();
            self.domains.is_empty() || wanted.any(|wanted| wanted.eq_ignore_ascii_case(&domain))
        };
        item.open().into_iter().filter(is_meant).collect()
    }

    /// True if all items are selected.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.ids.is_empty() && self.domains.is_empty() && self.route_spec.is_none()
    }

    pub(super) fn means(&self, item: &Item) -> bool {
        let by_this_way = |route_spec: &RouteSpec| item.metadata.route_spec == *route_spec;
        let is_whole = || self.recipients(item).len() == item.open().len();
        self.route_spec.as_ref().is_none_or(by_this_way) && (!self.wholly || is_whole())
    }
}
