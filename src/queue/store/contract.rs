//! The tests that every store passes. A store runs them by `store_tests!`, with a function that makes a [`TestStore`].

use crate::client::outcome::RecipientStatus;
use crate::mail::envelope::RecipientIndex;
use crate::queue::store::item::tests::metadata;
use crate::queue::store::{
    AttemptResult, Changes, ClaimResult, ClaimedItem, Durability, History, Id, ItemEvent, ItemKind,
    OnUncertain, QueueError, QueueStore, RunnerRole, Watcher,
};
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};
use std::io;
use std::slice;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// Runs all tests of this file; a store that cannot be made here is skipped.
macro_rules! store_tests {
    ($new:expr) => {
        $crate::queue::store::contract::store_tests! { @ $new;
            a_committed_item_is_read_back
            a_message_of_any_size_is_read_back
            the_name_of_an_active_or_failed_item_is_not_used_again
            a_new_item_does_not_get_an_old_journal_of_its_name
            a_new_item_is_claimed
            one_of_many_concurrent_claims_succeeds
            records_are_visible_to_the_next_claim
            a_record_about_an_unknown_recipient_is_refused
            a_message_can_be_read_while_records_are_added
            an_active_or_claimed_item_cannot_be_requeued
            a_claimed_item_is_not_failed_by_another_process
            concurrent_add_fail_requeue_and_clean_lose_nothing
            a_message_that_cannot_be_read_is_not_committed
            metadata_that_is_too_long_is_not_committed
            a_removed_item_is_gone
            a_failed_item_keeps_its_journal_and_the_reason
            a_requeued_item_is_new_except_for_deliveries
            a_failed_item_can_be_removed_or_purged
            items_are_counted
            a_watcher_reports_released_and_requeued_items
            an_enqueued_item_is_released
            a_queue_is_served_while_a_process_runs_it
            a_host_is_down_until_it_is_up
            a_stored_result_is_complete
            reports_and_routes_are_read_back
        }
    };
    (@ $new:expr; $($name:ident)*) => {
        $(#[test]
        fn $name() {
            if let Some(test) = $new() {
                $crate::queue::store::contract::$name(&test);
            }
        })*
    };
}
pub(in crate::queue::store) use store_tests;

/// A message in memory.
pub struct TestMessage {
    pub octets: Vec<u8>,
    pub announced: u64,
    pub fails: bool,
}

pub fn message(octets: &[u8]) -> TestMessage {
    TestMessage {
        octets: octets.to_vec(),
        announced: octets.len() as u64,
        fails: false,
    }
}

impl TestMessage {
    pub fn shape(&self) -> Shape {
        Shape {
            utf8: false,
            transport: BodyType::EightBit,
            size: self.announced,
        }
    }
}

impl Replay for TestMessage {
    fn shape(&self, _: Accepts) -> Option<Shape> {
        Some(self.shape())
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        let blocks = self.octets.chunks(1000).map(<[u8]>::to_vec).collect();
        let fails = self.fails;
        Box::new(TestReader { blocks, fails })
    }
}

pub struct TestReader {
    blocks: std::collections::VecDeque<Vec<u8>>,
    fails: bool,
}

impl Blocks for TestReader {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        match self.blocks.pop_front() {
            Some(block) => out.extend(block),
            None if self.fails => return Err(io::Error::other("the attachment changed")),
            None => return Ok(Block::End),
        }
        Ok(Block::Lines)
    }
}

pub const MESSAGE: &[u8] = b"Subject: hi\r\n\r\n.dot\r\n\xff\r\n";

/// A store, and what opens it again.
pub struct TestStore {
    pub store: Box<dyn QueueStore>,
    pub open: Box<dyn Fn() -> Box<dyn QueueStore> + Send + Sync>,
    /// Dropped with the store.
    pub _place: Box<dyn Send + Sync>,
}

impl TestStore {
    /// The same store in another process.
    fn other(&self) -> Box<dyn QueueStore> {
        (self.open)()
    }

    fn add(&self) -> Box<dyn ClaimedItem> {
        self.add_message(&message(MESSAGE))
    }

    fn add_message(&self, message: &TestMessage) -> Box<dyn ClaimedItem> {
        let metadata = metadata(&["bob@hamburger.edu", "eve@example.org"]);
        let added = self.store.add(&metadata, message, message.shape(), None);
        added.unwrap()
    }

    fn add_as(&self, id: &Id) -> Result<Box<dyn ClaimedItem>, QueueError> {
        let (metadata, message) = (metadata(&["bob@hamburger.edu"]), message(MESSAGE));
        self.store
            .add(&metadata, &message, message.shape(), Some(id))
    }

    /// An item that is not claimed.
    fn queued(&self) -> Id {
        self.add().item().id.clone()
    }

    /// An item that was delivered to its first recipient.
    fn half_delivered(&self) -> Id {
        let claim = self.add();
        deliver_first(&*claim);
        claim.item().id.clone()
    }

    fn failed_item(&self) -> Id {
        let id = self.half_delivered();
        claimed(self.store.claim(&id)).fail("poison").unwrap();
        id
    }

    fn is_empty(&self) -> bool {
        self.store.ids().unwrap().is_empty() && self.store.failed_ids().unwrap().is_empty()
    }
}

pub fn deliver_first(claim: &dyn ClaimedItem) {
    for event in [
        ItemEvent::Attempt {
            recipients: vec![RecipientIndex(0), RecipientIndex(1)],
            early: false,
        },
        ItemEvent::EndOfData {
            recipients: vec![RecipientIndex(0)],
        },
        ItemEvent::Accepted {
            recipients: vec![RecipientIndex(0)],
            reply: "250 ok".to_owned(),
        },
        ItemEvent::ENDED,
    ] {
        claim.record(event, Durability::Disk).unwrap();
    }
}

pub fn is_half_delivered(history: &History) -> bool {
    history.open(OnUncertain::Retry) == [1]
}

pub fn claimed(claimed: Result<ClaimResult, QueueError>) -> Box<dyn ClaimedItem> {
    match claimed.unwrap() {
        ClaimResult::Claimed(claim) => claim,
        ClaimResult::Busy => panic!("busy"),
        ClaimResult::NotFound => panic!("not found"),
    }
}

pub fn is_busy(claimed: Result<ClaimResult, QueueError>) -> bool {
    matches!(claimed.unwrap(), ClaimResult::Busy)
}

pub fn is_not_found(claimed: Result<ClaimResult, QueueError>) -> bool {
    matches!(claimed.unwrap(), ClaimResult::NotFound)
}

pub fn read(message: &(impl Replay + ?Sized)) -> io::Result<Vec<u8>> {
    let shape = message.shape(BodyType::Binary.with_utf8()).unwrap();
    let mut blocks = message.blocks(shape);
    let mut octets = Vec::new();
    while blocks.append(&mut octets)? != Block::End {}
    Ok(octets)
}

pub fn damage<T>(result: Result<T, QueueError>) -> String {
    match result {
        Err(QueueError::Damaged { why, .. }) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is not damaged"),
    }
}

pub fn a_committed_item_is_read_back(test: &TestStore) {
    let id = test.queued();
    let other = test.other();
    assert_eq!(other.ids().unwrap(), slice::from_ref(&id));
    let item = other.item(&id).unwrap().unwrap();
    assert_eq!(
        item.metadata,
        metadata(&["bob@hamburger.edu", "eve@example.org"])
    );
    assert_eq!(item.size, MESSAGE.len() as u64);
    assert_eq!((item.history, item.failed), (History::new(2), None));
    let claim = claimed(other.claim(&id));
    assert_eq!(claim.shape(BodyType::SevenBit.with_utf8()), None);
    let size = MESSAGE.len() as u64;
    let shape = Shape {
        utf8: false,
        transport: BodyType::EightBit,
        size,
    };
    assert_eq!(claim.shape(BodyType::Binary.with_utf8()), Some(shape));
    assert_eq!(read(&*claim).unwrap(), MESSAGE);
    assert_eq!(read(&*claim).unwrap(), MESSAGE, "as often as it is needed");
    assert_eq!(
        read(&*other.message(&id).unwrap().unwrap()).unwrap(),
        MESSAGE
    );
}

pub fn a_message_of_any_size_is_read_back(test: &TestStore) {
    for size in [0, 1, 4000, 65_536, 131_072, 1_000_003] {
        let octets: Vec<u8> = (0..size).map(|octet: u32| octet.to_le_bytes()[0]).collect();
        let claim = test.add_message(&message(&octets));
        assert!(read(&*claim).unwrap() == octets, "{size}");
        let id = claim.item().id.clone();
        drop(claim);
        assert!(
            read(&*claimed(test.store.claim(&id))).unwrap() == octets,
            "{size}"
        );
    }
}

pub fn the_name_of_an_active_or_failed_item_is_not_used_again(test: &TestStore) {
    let (active, failed) = (test.queued(), test.failed_item());
    for id in [active, failed] {
        let Some(QueueError::Io { error, .. }) = test.add_as(&id).err() else {
            panic!("{id}");
        };
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }
    let new = test.store.new_id();
    assert_eq!(test.add_as(&new).unwrap().item().id, new);
}

pub fn a_new_item_does_not_get_an_old_journal_of_its_name(test: &TestStore) {
    let id = test.store.new_id();
    let first = test.add_as(&id).unwrap();
    first
        .record(
            ItemEvent::Accepted {
                recipients: vec![RecipientIndex(0)],
                reply: String::new(),
            },
            Durability::Disk,
        )
        .unwrap();
    first.remove().unwrap();
    let second = test.add_as(&id).unwrap();
    assert_eq!(second.history(), History::new(1));
    second.record(ItemEvent::Held, Durability::Disk).unwrap();
    test.store.flush().unwrap();
    assert!(test.store.item(&id).unwrap().unwrap().history.held);
}

pub fn a_new_item_is_claimed(test: &TestStore) {
    let claim = test.add();
    let id = claim.item().id.clone();
    let other = test.other();
    assert!(is_busy(other.claim(&id)));
    drop(claim);
    let claim = claimed(other.claim(&id));
    assert!(is_busy(test.store.claim(&id)));
    claim.remove().unwrap();
    assert!(is_not_found(test.store.claim(&id)));
}

pub fn one_of_many_concurrent_claims_succeeds(test: &TestStore) {
    let id = test.queued();
    let barrier = std::sync::Barrier::new(8);
    let claims: Vec<_> = std::thread::scope(|scope| {
        let claim = || {
            let store = test.other();
            barrier.wait();
            store.claim(&id).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let successful = claims
        .iter()
        .filter(|claim| matches!(claim, ClaimResult::Claimed(_)));
    assert_eq!(successful.count(), 1);
}

pub fn records_are_visible_to_the_next_claim(test: &TestStore) {
    let claim = test.add();
    let id = claim.item().id.clone();
    deliver_first(&*claim);
    assert_eq!(
        claim.item().history,
        History::new(2),
        "as it was when it was claimed"
    );
    let history = claim.history();
    assert!(is_half_delivered(&history));
    drop(claim);
    let other = test.other();
    assert_eq!(other.item(&id).unwrap().unwrap().history, history);
    let claim = claimed(other.claim(&id));
    assert_eq!(claim.item().history, history);
    claim.record(ItemEvent::Held, Durability::Process).unwrap();
    assert_eq!(other.journal(&id).unwrap().unwrap().len(), 5);
}

pub fn a_record_about_an_unknown_recipient_is_refused(test: &TestStore) {
    let claim = test.add();
    let recorded = claim.record(
        ItemEvent::EndOfData {
            recipients: vec![RecipientIndex(2)],
        },
        Durability::Disk,
    );
    assert!(damage(recorded).contains("recipient 2"));
    assert_eq!(claim.history(), History::new(2));
}

pub fn a_message_can_be_read_while_records_are_added(test: &TestStore) {
    let claim = test.add();
    let shape = claim.shape(BodyType::Binary.with_utf8()).unwrap();
    let mut blocks = claim.blocks(shape);
    let mut octets = Vec::new();
    blocks.append(&mut octets).unwrap();
    claim
        .record(
            ItemEvent::EndOfData {
                recipients: vec![RecipientIndex(0)],
            },
            Durability::Disk,
        )
        .unwrap();
    assert_eq!(blocks.append(&mut octets).unwrap(), Block::End);
    assert_eq!(octets, MESSAGE);
}

pub fn an_active_or_claimed_item_cannot_be_requeued(test: &TestStore) {
    assert!(test.store.requeue(&test.queued()).is_err());
    let id = test.failed_item();
    let _claim = claimed(test.store.claim_failed(&id));
    assert!(test.other().requeue(&id).is_err());
    assert_eq!(test.store.failed_ids().unwrap(), [id]);
}

pub fn a_claimed_item_is_not_failed_by_another_process(test: &TestStore) {
    let claim = test.add();
    test.other()
        .fail(&claim.item().id, "I cannot read it")
        .unwrap();
    assert!(test.store.failed_ids().unwrap().is_empty());
    test.other()
        .fail(&test.store.new_id(), "it is not there")
        .unwrap();
}

pub fn concurrent_add_fail_requeue_and_clean_lose_nothing(test: &TestStore) {
    let all = Mutex::new(Vec::new());
    // A round of a database takes longer.
    let rounds = if test.store.shared().is_some() { 5 } else { 30 };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..30 {
                    let id = test.half_delivered();
                    all.lock().unwrap().push(id);
                }
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                let store = test.other();
                for _ in 0..rounds {
                    store.clean().unwrap();
                    for id in store.ids().unwrap() {
                        if let ClaimResult::Claimed(claim) = store.claim(&id).unwrap()
                            && fastrand::bool()
                        {
                            claim.fail("poison").unwrap();
                        }
                    }
                    for id in store.failed_ids().unwrap() {
                        let _ = store.requeue(&id);
                    }
                }
            });
        }
    });
    test.store.clean().unwrap();
    let mut all = all.into_inner().unwrap();
    all.sort();
    let mut found = [test.store.ids().unwrap(), test.store.failed_ids().unwrap()].concat();
    found.sort();
    assert_eq!(found, all);
    for id in all {
        let history = test.store.item(&id).unwrap().unwrap().history;
        assert!(is_half_delivered(&history), "{id}: {history:?}");
    }
}

pub fn a_message_that_cannot_be_read_is_not_committed(test: &TestStore) {
    let broken = TestMessage {
        fails: true,
        ..message(&b"x".repeat(600_000))
    };
    let short = TestMessage {
        announced: 5,
        ..message(MESSAGE)
    };
    for message in [broken, short] {
        let metadata = metadata(&["bob@hamburger.edu"]);
        let added = test.store.add(&metadata, &message, message.shape(), None);
        assert!(matches!(added.err(), Some(QueueError::Message(_))));
        assert!(test.is_empty());
    }
}

pub fn metadata_that_is_too_long_is_not_committed(test: &TestStore) {
    let mut long = metadata(&["bob@hamburger.edu"]);
    long.on_failure = Some("x".repeat(17 << 20));
    let message = message(MESSAGE);
    let added = test.store.add(&long, &message, message.shape(), None);
    let error = added.err().unwrap().to_string();
    assert!(error.contains("its metadata is too long"), "{error}");
    assert!(test.is_empty());
}

pub fn a_removed_item_is_gone(test: &TestStore) {
    let claim = test.add();
    let id = claim.item().id.clone();
    claim.remove().unwrap();
    assert!(test.is_empty() && test.store.item(&id).unwrap().is_none());
    assert!(test.store.message(&id).unwrap().is_none());
    assert!(is_not_found(test.store.claim(&id)));
    test.store.flush().unwrap();
    assert!(test.store.journal(&id).unwrap().is_none());
}

pub fn a_failed_item_keeps_its_journal_and_the_reason(test: &TestStore) {
    let id = test.half_delivered();
    let claim = claimed(test.store.claim(&id));
    claim.fail("it killed\n\u{1b}three").unwrap();
    assert!(test.store.ids().unwrap().is_empty());
    assert_eq!(test.store.failed_ids().unwrap(), slice::from_ref(&id));
    assert!(is_not_found(test.store.claim(&id)));
    let item = test.store.item(&id).unwrap().unwrap();
    assert_eq!(item.failed.as_deref(), Some("it killed\\u{a}\\u{1b}three"));
    assert_eq!(test.store.failure_reason(&id), item.failed);
    assert!(is_half_delivered(&item.history));
    let claim = claimed(test.store.claim_failed(&id));
    assert_eq!(read(&*claim).unwrap(), MESSAGE);
    test.store.clean().unwrap();
    assert_eq!(test.store.failed_ids().unwrap(), [id]);
}

pub fn a_requeued_item_is_new_except_for_deliveries(test: &TestStore) {
    let id = test.failed_item();
    test.store.requeue(&id).unwrap();
    assert!(test.store.failed_ids().unwrap().is_empty());
    assert_eq!(test.store.failure_reason(&id), None);
    let claim = claimed(test.store.claim(&id));
    assert!(is_half_delivered(&claim.history()));
    assert_eq!(claim.history().attempts, 0);
    assert_eq!(claim.item().failed, None);
}

pub fn a_failed_item_can_be_removed_or_purged(test: &TestStore) {
    let (one, other) = (test.failed_item(), test.failed_item());
    claimed(test.store.claim_failed(&one)).remove().unwrap();
    assert!(!test.store.purge(&one).unwrap());
    assert!(test.store.purge(&other).unwrap());
    assert!(!test.store.purge(&other).unwrap());
    assert!(test.is_empty());
}

pub fn items_are_counted(test: &TestStore) {
    test.failed_item();
    test.queued();
    let held = test.add();
    held.record(ItemEvent::Held, Durability::Disk).unwrap();
    drop(held);
    let now = metadata(&[]).queued + Duration::from_secs(90);
    let counts = test.store.counts(now).unwrap();
    assert_eq!((counts.items, counts.held, counts.failed), (2, 1, 1));
    assert_eq!(counts.oldest, Duration::from_secs(90));
}

/// Waits until the watcher is readable, and returns the changes.
fn changes(watcher: &dyn Watcher) -> Changes {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut ends = [PollFd::from_borrowed_fd(watcher.as_fd(), PollFlags::IN)];
    poll(&mut ends, None).unwrap();
    watcher.drain()
}

/// Waits until the watcher reports the item. A store may also report that something has changed.
fn wait_for(watcher: &dyn Watcher, id: &Id) {
    loop {
        match changes(watcher) {
            Changes::Items(ids) if ids.contains(id) => return,
            Changes::Items(ids) => assert!(ids.is_empty(), "{ids:?}"),
            Changes::Unknown => {}
        }
    }
}

pub fn a_watcher_reports_released_and_requeued_items(test: &TestStore) {
    let watcher = test.store.watch().unwrap();
    if test.store.shared().is_some() {
        // Once it listens.
        assert_eq!(changes(&*watcher), Changes::Unknown);
    }
    let claim = test.add();
    let event = ItemEvent::Attempt {
        recipients: vec![RecipientIndex(0)],
        early: false,
    };
    claim.record(event, Durability::Disk).unwrap();
    let id = claim.item().id.clone();
    assert!(!matches!(watcher.drain(), Changes::Items(ids) if ids.contains(&id)));
    drop(claim);
    wait_for(&*watcher, &id);
    claimed(test.store.claim(&id)).fail("poison").unwrap();
    let _ = watcher.drain();
    test.store.requeue(&id).unwrap();
    wait_for(&*watcher, &id);
}

pub fn an_enqueued_item_is_released(test: &TestStore) {
    let watcher = test.store.watch().unwrap();
    if test.store.shared().is_some() {
        assert_eq!(changes(&*watcher), Changes::Unknown);
    }
    let (metadata, message) = (metadata(&["bob@hamburger.edu"]), message(MESSAGE));
    let enqueue = |store: &dyn QueueStore| {
        let enqueued = store.enqueue(&metadata, &message, message.shape());
        enqueued.unwrap()
    };
    let other = test.other();
    let id = enqueue(&*test.store);
    wait_for(&*watcher, &id);
    assert_eq!(read(&*claimed(other.claim(&id))).unwrap(), MESSAGE);
    let id = enqueue(&*test.store);
    drop(claimed(test.store.claim(&id)));
    let id = enqueue(&*test.store);
    test.store.flush().unwrap();
    drop(claimed(other.claim(&id)));
    let last = test.other();
    let id = enqueue(&*last);
    drop(last);
    drop(claimed(other.claim(&id)));
}

pub fn a_queue_is_served_while_a_process_runs_it(test: &TestStore) {
    let other = test.other();
    assert!(!test.store.is_served());
    for role in [RunnerRole::Runner, RunnerRole::Watcher] {
        let _lock = other.lock(role).unwrap().unwrap();
        assert!(test.other().is_served());
    }
}

pub fn a_host_is_down_until_it_is_up(test: &TestStore) {
    let minute = Duration::from_secs(60);
    let down = |host, port| test.store.host_down(host, port, minute);
    assert_eq!(down("mx.example.org", 25), None);
    test.store
        .set_host_down("mx.example.org", 25, "no route\nto host");
    test.store
        .set_host_down("mx.example.org", 25, "no route to \u{1b}host");
    let found = test.other().host_down("mx.example.org", 25, minute);
    assert_eq!(found.as_deref(), Some("no route to \\u{1b}host"));
    assert_eq!(
        (down("mx.example.org", 26), down("x.example.org", 25)),
        (None, None)
    );
    test.store.set_host_up("mx.example.org", 25);
    test.store.set_host_up("mx.example.org", 25);
    assert_eq!(down("mx.example.org", 25), None);
}

pub fn a_stored_result_is_complete(test: &TestStore) {
    let claim = test.add();
    let result = AttemptResult {
        verdict: RecipientStatus::Deferred,
        words: "busy\nas \u{1b}".to_owned(),
        reply: Some("451 4.7.1 später".to_owned()),
        enhanced: None,
        server: Some("mx.example.org [192.0.2.7]:25".to_owned()),
    };
    let event = ItemEvent::Result {
        recipient: RecipientIndex(1),
        result: result.clone(),
    };
    claim.record(event.clone(), Durability::Process).unwrap();
    let id = claim.item().id.clone();
    let records = test.other().journal(&id).unwrap().unwrap();
    assert_eq!(records.last().unwrap().event, event);
    drop(claim);
    let item = test.other().item(&id).unwrap().unwrap();
    assert_eq!(item.history.states[1].result, Some(result));
}

pub fn reports_and_routes_are_read_back(test: &TestStore) {
    let about = test.queued();
    let mut report = metadata(&["alice@crepes.fr"]);
    report.envelope.sender = None;
    report.kind = ItemKind::Report(about);
    report.route_spec.profile = Some("work".to_owned());
    report.route_spec.options = vec!["--tls=off".to_owned()];
    report.on_uncertain = OnUncertain::Hold;
    report.queued = SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123);
    let message = message(MESSAGE);
    let claim = test
        .store
        .add(&report, &message, message.shape(), None)
        .unwrap();
    let id = claim.item().id.clone();
    assert_eq!(test.other().item(&id).unwrap().unwrap().metadata, report);
}
