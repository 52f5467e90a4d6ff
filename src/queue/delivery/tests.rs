//! Passes over a store in memory, with routes that cannot be resolved: no connection is made.

use crate::client::transport::Transport;
use crate::mail::dkim::Signer;
use crate::mail::envelope::RecipientIndex;
use crate::queue::Location;
use crate::queue::delivery::*;
use crate::queue::store::{
    ClaimResult, Durability, History, Item, ItemEvent, ItemKind, Metadata, Record, RouteSpec,
    RunnerLock, RunnerRole, Watcher, metadata_of,
};
use crate::smtp::blocks::{Accepts, Blocks, Nothing, Replay, Shape};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

#[derive(Clone)]
struct StoredItem {
    metadata: Metadata,
    records: Vec<Record>,
    failed: Option<String>,
    is_claimed: bool,
}

type Items = BTreeMap<Id, StoredItem>;

#[derive(Clone, Default)]
struct MemoryStore {
    items: Arc<Mutex<Items>>,
}

impl MemoryStore {
    fn items(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap()
    }

    /// Adds an unclaimed item to one recipient.
    fn queue(&self, events: &[ItemEvent]) -> Id {
        let metadata = metadata_of(&["bob@hamburger.edu"]);
        let claim = self.add(&metadata, &Nothing, NO_SHAPE, None).unwrap();
        for event in events {
            claim.record(event.clone(), Durability::Disk).unwrap();
        }
        claim.item().id.clone()
    }

    fn ids_where(&self, is_selected: impl Fn(&StoredItem) -> bool) -> Vec<Id> {
        let items = self.items();
        let selected = items.iter().filter(|(_, item)| is_selected(item));
        selected.map(|(id, _)| id.clone()).collect()
    }
}

const NO_SHAPE: Shape = Shape {
    transport: crate::smtp::blocks::BodyType::SevenBit,
    utf8: false,
    size: 0,
};

impl StoredItem {
    fn history(&self) -> History {
        History::replay(self.metadata.envelope.recipients.len(), &self.records).unwrap()
    }

    fn item(&self, id: &Id) -> Item {
        Item {
            id: id.clone(),
            metadata: self.metadata.clone(),
            size: 0,
            history: self.history(),
            failed: self.failed.clone(),
        }
    }
}

struct MemoryClaim {
    store: MemoryStore,
    item: Item,
}

impl Drop for MemoryClaim {
    fn drop(&mut self) {
        if let Some(item) = self.store.items().get_mut(&self.item.id) {
            item.is_claimed = false;
        }
    }
}

impl Replay for MemoryClaim {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        Nothing.shape(accepts)
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(Nothing)
    }
}

impl ClaimedItem for MemoryClaim {
    fn item(&self) -> &Item {
        &self.item
    }

    fn history(&self) -> History {
        self.store.items()[&self.item.id].history()
    }

    fn record(&self, event: ItemEvent, _: Durability) -> Result<(), QueueError> {
        let at = SystemTime::now();
        let mut items = self.store.items();
        let item = items.get_mut(&self.item.id).unwrap();
        item.records.push(Record { at, event });
        Ok(())
    }

    fn remove(self: Box<Self>) -> Result<(), QueueError> {
        self.store.items().remove(&self.item.id);
        Ok(())
    }

    fn fail(self: Box<Self>, reason: &str) -> Result<(), QueueError> {
        self.store.fail(&self.item.id, reason)
    }
}

impl QueueStore for MemoryStore {
    fn location(&self) -> Location {
        Location::Directory("memory".into())
    }

    fn add(
        &self,
        metadata: &Metadata,
        _: &dyn Replay,
        _: Shape,
        id: Option<&Id>,
    ) -> Result<Box<dyn ClaimedItem>, QueueError> {
        let id = id.cloned().unwrap_or_else(|| self.new_id());
        let item = StoredItem {
            metadata: metadata.clone(),
            records: Vec::new(),
            failed: None,
            is_claimed: false,
        };
        self.items().insert(id.clone(), item);
        match self.claim(&id)? {
            ClaimResult::Claimed(claim) => Ok(claim),
            _ => panic!("claimed by another"),
        }
    }

    fn ids(&self) -> Result<Vec<Id>, QueueError> {
        Ok(self.ids_where(|item| item.failed.is_none()))
    }

    fn failed_ids(&self) -> Result<Vec<Id>, QueueError> {
        Ok(self.ids_where(|item| item.failed.is_some()))
    }

    fn new_id(&self) -> Id {
        Id::parse(&format!("{:013}", self.items().len())).unwrap()
    }

    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError> {
        Ok(self.items().get(id).map(|item| item.item(id)))
    }

    fn journal(&self, id: &Id) -> Result<Option<Vec<Record>>, QueueError> {
        Ok(self.items().get(id).map(|item| item.records.clone()))
    }

    fn message(&self, _: &Id) -> Result<Option<Box<dyn Replay>>, QueueError> {
        Ok(Some(Box::new(Nothing)))
    }

    fn failure_reason(&self, id: &Id) -> Option<String> {
        self.items().get(id)?.failed.clone()
    }

    fn claim(&self, id: &Id) -> Result<ClaimResult, QueueError> {
        let mut items = self.items();
        let Some(item) = items.get_mut(id).filter(|item| item.failed.is_none()) else {
            return Ok(ClaimResult::NotFound);
        };
        if std::mem::replace(&mut item.is_claimed, true) {
            return Ok(ClaimResult::Busy);
        }
        let (store, item) = (self.clone(), item.item(id));
        Ok(ClaimResult::Claimed(Box::new(MemoryClaim { store, item })))
    }

    fn claim_failed(&self, _: &Id) -> Result<ClaimResult, QueueError> {
        Ok(ClaimResult::NotFound)
    }

    fn fail(&self, id: &Id, reason: &str) -> Result<(), QueueError> {
        self.items().get_mut(id).unwrap().failed = Some(reason.to_owned());
        Ok(())
    }

    fn requeue(&self, id: &Id) -> Result<(), QueueError> {
        self.items().get_mut(id).unwrap().failed = None;
        Ok(())
    }

    fn purge(&self, id: &Id) -> Result<bool, QueueError> {
        Ok(self.items().remove(id).is_some())
    }

    fn flush(&self) -> Result<(), QueueError> {
        Ok(())
    }

    fn clean(&self) -> Result<(), QueueError> {
        Ok(())
    }

    fn lock(&self, _: RunnerRole) -> Result<Option<RunnerLock>, QueueError> {
        Ok(Some(Box::new(())))
    }

    fn is_locked(&self, _: RunnerRole) -> bool {
        false
    }

    fn watch(&self) -> Result<Box<dyn Watcher>, QueueError> {
        Err(QueueError::NoDirectory)
    }

    fn host_down(&self, _: &str, _: u16, _: Duration) -> Option<String> {
        None
    }

    fn set_host_down(&self, _: &str, _: u16, _: &str) {}

    fn set_host_up(&self, _: &str, _: u16) {}
}

#[derive(Debug)]
struct NoRoutes;

impl StoredRoutes for NoRoutes {
    fn find(&self, _: &RouteSpec) -> Result<Vec<Transport>, String> {
        Err("no such profile".to_owned())
    }
}

/// The events as text, without those of the progress.
#[derive(Default)]
struct Events(Mutex<Vec<String>>);

impl QueueObserver for Events {
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        if !matches!(event, QueueEvent::Due(_) | QueueEvent::Processed) {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }
}

/// Delivers what is due in the store. Returns the progress and the events.
fn deliver_due(store: &MemoryStore) -> (RunProgress, Vec<String>) {
    let (events, mut progress) = (Events::default(), RunProgress::default());
    let run_context = RunContext {
        store,
        hosts: &HostMemory {
            store,
            max_age: Duration::ZERO,
        },
        settings: &RetrySettings::default(),
        transports: &NoRoutes,
        queue_observer: &events,
        signer: &Signer::default(),
        stop: &Arc::default(),
    };
    let done = run_context.deliver_due(&Selection::default(), &mut progress, None);
    done.unwrap();
    (progress, events.0.into_inner().unwrap())
}

const ATTEMPT: fn() -> ItemEvent = || ItemEvent::Attempt {
    recipients: vec![RecipientIndex(0)],
    early: false,
};

#[test]
fn a_due_item_is_tried_once_and_kept() {
    let store = MemoryStore::default();
    let id = store.queue(&[]);
    let (progress, events) = deliver_due(&store);
    assert_eq!((progress.items, progress.busy), (1, 0));
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].contains("no such profile"), "{events:?}");
    let item = store.item(&id).unwrap().unwrap();
    assert_eq!((item.history.attempts, item.history.crashes), (1, 0));
    assert_eq!(item.open(), [0]);
}

#[test]
fn held_and_claimed_items_are_not_tried() {
    let store = MemoryStore::default();
    let held = store.queue(&[ItemEvent::Held]);
    let claimed = store.queue(&[]);
    let claim = store.claim(&claimed).unwrap();
    let (progress, events) = deliver_due(&store);
    assert_eq!((progress.busy, events.len()), (1, 0));
    drop(claim);
    let attempts = |id| store.item(id).unwrap().unwrap().history.attempts;
    assert_eq!((attempts(&held), attempts(&claimed)), (0, 0));
}

#[test]
fn a_delivered_item_is_removed() {
    let store = MemoryStore::default();
    let accepted = ItemEvent::Accepted {
        recipients: vec![RecipientIndex(0)],
        reply: "250 ok".to_owned(),
    };
    store.queue(&[ATTEMPT(), accepted, ItemEvent::ENDED]);
    deliver_due(&store);
    assert!(store.items().is_empty());
}

#[test]
fn an_item_fails_after_three_crashes_and_its_sender_gets_a_report() {
    let store = MemoryStore::default();
    let id = store.queue(&[ATTEMPT(), ATTEMPT(), ATTEMPT()]);
    let (_, events) = deliver_due(&store);
    let reason = store.failure_reason(&id).unwrap();
    assert!(reason.starts_with("3 attempts"), "{reason}");
    assert!(events[0].starts_with("ItemFailed"), "{events:?}");
    let reports = store.ids_where(|item| item.metadata.kind == ItemKind::Report(id.clone()));
    assert_eq!(store.ids().unwrap(), reports);
    assert_eq!(reports.len(), 1);
}
