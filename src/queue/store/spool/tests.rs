//! The spool on a real file system: items are read back unchanged, and files left by a crash at any step
//! are distinguished from committed items.

use crate::client::outcome::RecipientStatus;
use crate::mail::envelope::RecipientIndex;
use crate::queue::store::contract::*;
use crate::queue::store::item::tests::metadata;
use crate::queue::store::spool::*;
use crate::queue::store::{AttemptResult, Changes, Durability, History, ItemEvent, journal};
use crate::system::lock::try_lock;
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::slice;

struct TestSpool {
    top: tempfile::TempDir,
    spool: Spool,
}

impl TestSpool {
    fn new() -> Self {
        // In memory if possible: otherwise hundreds of spools wait for the disk.
        let top = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let spool = Spool::open(Some(&top.path().join("queue")), true).unwrap();
        Self { top, spool }
    }

    fn other(&self) -> Spool {
        Spool::open(Some(&self.path("")), true).unwrap()
    }

    fn path(&self, below: &str) -> PathBuf {
        self.top.path().join("queue").join(below)
    }

    fn item_path(&self, id: &Id) -> PathBuf {
        self.path("items").join(id.as_str())
    }

    fn add(&self) -> Box<dyn ClaimedItem> {
        self.add_message(&message(MESSAGE))
    }

    fn add_message(&self, message: &TestMessage) -> Box<dyn ClaimedItem> {
        let metadata = metadata(&["bob@hamburger.edu", "eve@example.org"]);
        self.spool
            .add(&metadata, message, message.shape(), None)
            .unwrap()
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
        claimed(self.spool.claim(&id)).fail("poison").unwrap();
        id
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// The names of all files.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for directory in ["tmp", "items", "dead"] {
            for entry in fs::read_dir(self.path(directory)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                files.push(format!("{directory}/{name}"));
            }
        }
        files.sort();
        files
    }
}

// Adding items

#[test]
fn files_are_readable_by_their_owner_only() {
    let test = TestSpool::new();
    let id = test.failed_item();
    let live = test.half_delivered();
    for file in [
        format!("dead/{id}"),
        format!("dead/{id}.log"),
        format!("dead/{id}.why"),
        format!("items/{live}"),
        format!("items/{live}.log"),
        "lock".to_owned(),
    ] {
        let mode = fs::metadata(test.path(&file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{file}");
    }
    for directory in ["", "items", "dead", "tmp", "down"] {
        let mode = fs::metadata(test.path(directory))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o700, "{directory}");
    }
}

#[test]
fn a_message_that_cannot_be_read_leaves_no_file() {
    let test = TestSpool::new();
    let broken = TestMessage {
        fails: true,
        ..message(&b"x".repeat(300_000))
    };
    let short = TestMessage {
        announced: 5,
        ..message(MESSAGE)
    };
    for message in [broken, short] {
        let added = test.spool.add(
            &metadata(&["bob@hamburger.edu"]),
            &message,
            message.shape(),
            None,
        );
        assert!(matches!(added.err(), Some(QueueError::Message(_))));
        assert!(test.files().is_empty());
    }
}

#[test]
fn unreadable_metadata_is_not_committed() {
    let test = TestSpool::new();
    let mut long = metadata(&["bob@hamburger.edu"]);
    long.on_failure = Some("x".repeat(17 << 20));
    let message = message(MESSAGE);
    let added = test.spool.add(&long, &message, message.shape(), None);
    let error = added.err().unwrap().to_string();
    assert!(error.contains("its metadata is too long"), "{error}");
    assert!(test.files().is_empty());
}

#[test]
fn items_are_listed_in_the_order_of_time() {
    let test = TestSpool::new();
    let ids: Vec<Id> = (0..5)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            test.queued()
        })
        .collect();
    assert_eq!(test.spool.ids().unwrap(), ids);
    fs::write(test.path("items/README"), "mine").unwrap();
    assert_eq!(test.spool.ids().unwrap(), ids);
}

#[test]
fn a_missing_spool_is_empty_and_is_not_created_by_reading() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("queue");
    let spool = Spool::open(Some(&path), false).unwrap();
    let id = spool.new_id();
    assert!(spool.ids().unwrap().is_empty() && spool.failed_ids().unwrap().is_empty());
    assert!(spool.item(&id).unwrap().is_none() && spool.failure_reason(&id).is_none());
    assert!(is_not_found(spool.claim(&id)) && is_not_found(spool.claim_failed(&id)));
    spool.clean().unwrap();
    assert!(!spool.is_locked(RunnerRole::Runner));
    let message = message(MESSAGE);
    let error = spool
        .add(
            &metadata(&["bob@hamburger.edu"]),
            &message,
            message.shape(),
            None,
        )
        .err();
    assert!(error.unwrap().to_string().ends_with("queue does not exist"));
    assert!(!path.exists());
}

// Names chosen in advance

// Claims

#[test]
fn a_torn_record_is_removed_before_the_next() {
    let test = TestSpool::new();
    let id = test.half_delivered();
    let path = test.path(&format!("items/{id}.log"));
    let whole = fs::read(&path).unwrap();
    for torn in [
        &b"0123"[..],
        b"deadbeef {\"at\":1,\"event\":\"dot\"}\n",
        &[0; 9000],
    ] {
        fs::write(&path, [&whole, torn].concat()).unwrap();
        assert!(is_half_delivered(
            &test.spool.item(&id).unwrap().unwrap().history
        ));
        let claim = claimed(test.spool.claim(&id));
        claim.record(ItemEvent::Held, Durability::Disk).unwrap();
        let held = journal::read(&fs::read(&path).unwrap(), 0);
        assert_eq!(held.unwrap_err(), "its journal belongs to another item");
        drop(claim);
        assert_eq!(test.spool.journal(&id).unwrap().unwrap().len(), 5);
    }
}

#[test]
fn an_item_without_a_journal_gets_one() {
    let test = TestSpool::new();
    let id = test.queued();
    let path = test.path(&format!("items/{id}.log"));
    for left in [None, Some(&b""[..]), Some(b"0123")] {
        fs::remove_file(&path).unwrap();
        if let Some(octets) = left {
            fs::write(&path, octets).unwrap();
        }
        assert_eq!(
            test.spool.item(&id).unwrap().unwrap().history,
            History::new(2)
        );
        let claim = claimed(test.spool.claim(&id));
        claim.record(ItemEvent::Held, Durability::Disk).unwrap();
        assert!(test.spool.item(&id).unwrap().unwrap().history.held);
    }
}

// Removals

#[test]
fn a_removed_item_leaves_no_file_after_flush() {
    let test = TestSpool::new();
    let claim = test.add();
    let id = claim.item().id.clone();
    claim.remove().unwrap();
    assert!(test.spool.ids().unwrap().is_empty() && test.spool.item(&id).unwrap().is_none());
    assert_eq!(test.files(), [format!("items/{id}.log")]);
    test.spool.flush().unwrap();
    assert!(test.files().is_empty());
}

#[test]
fn many_removals_are_flushed_automatically() {
    let test = TestSpool::new();
    for _ in 0..64 {
        test.add().remove().unwrap();
    }
    assert!(test.files().is_empty());
}

// Failed items

#[test]
fn a_failed_item_has_its_journal_and_the_reason() {
    let test = TestSpool::new();
    let id = test.half_delivered();
    claimed(test.spool.claim(&id))
        .fail("it killed\n\u{1b}three")
        .unwrap();
    assert!(test.spool.ids().unwrap().is_empty());
    assert_eq!(test.spool.failed_ids().unwrap(), slice::from_ref(&id));
    assert!(is_not_found(test.spool.claim(&id)));
    let item = test.spool.item(&id).unwrap().unwrap();
    assert_eq!(item.failed.as_deref(), Some("it killed\\u{a}\\u{1b}three"));
    assert_eq!(test.spool.failure_reason(&id), item.failed);
    assert!(is_half_delivered(&item.history));
    assert_eq!(
        read(&*claimed(test.spool.claim_failed(&id))).unwrap(),
        MESSAGE
    );
    let files = test.files();
    test.spool.clean().unwrap();
    assert_eq!(test.files(), files, "failed items are not removed");
    assert_eq!(files.len(), 3);
}

#[test]
fn a_requeued_item_is_new_except_for_deliveries() {
    let test = TestSpool::new();
    let id = test.failed_item();
    test.spool.requeue(&id).unwrap();
    assert!(
        test.spool.failed_ids().unwrap().is_empty() && test.spool.failure_reason(&id).is_none()
    );
    let claim = claimed(test.spool.claim(&id));
    assert!(is_half_delivered(&claim.history()));
    assert_eq!(
        (claim.history().attempts, claim.item().failed.clone()),
        (0, None)
    );
    assert_eq!(
        test.files(),
        [format!("items/{id}"), format!("items/{id}.log")]
    );
}

#[test]
fn a_failed_item_can_be_removed() {
    let test = TestSpool::new();
    let id = test.failed_item();
    claimed(test.spool.claim_failed(&id)).remove().unwrap();
    assert!(test.files().is_empty());
    assert!(!test.spool.purge(&id).unwrap());
}

// Unreadable items

/// All invalid kinds of file for an item.
fn unreadable_items(test: &TestSpool) -> Vec<(Id, &'static str)> {
    let write = |change: &dyn Fn(&mut Vec<u8>)| {
        let id = test.queued();
        let path = test.item_path(&id);
        let mut octets = fs::read(&path).unwrap();
        change(&mut octets);
        fs::write(path, octets).unwrap();
        id
    };
    let replaced = |by: &dyn Fn(&Path)| {
        let id = test.queued();
        let path = test.item_path(&id);
        fs::remove_file(&path).unwrap();
        by(&path);
        id
    };
    let journal = |octets: &[u8]| {
        let id = test.half_delivered();
        let path = test.path(&format!("items/{id}.log"));
        fs::write(path, octets).unwrap();
        id
    };
    let target = test.path("elsewhere");
    fs::write(&target, "kept").unwrap();
    let elsewhere = fs::read(test.path(&format!("items/{}.log", test.half_delivered()))).unwrap();
    let no_journal = test.queued();
    let log = test.path(&format!("items/{no_journal}.log"));
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    let fifo = |path: &Path| {
        rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    };
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    vec![
        (write(&|octets| octets.clear()), "it is empty"),
        (
            write(&|octets| octets.truncate(30)),
            "its first line is incomplete",
        ),
        (write(&|octets| octets.truncate(90)), "it ends after 90 of"),
        (
            write(&|octets| octets.truncate(octets.len() - 1)),
            "it ends after",
        ),
        (
            write(&|octets| octets.push(b'x')),
            "it is longer than expected",
        ),
        (
            write(&|octets| octets[11] = b'2'),
            "it was written by another version",
        ),
        (
            write(&|octets| octets[20] = b'Z'),
            "its first line is damaged",
        ),
        (write(&|octets| octets[70] ^= 4), "its metadata is damaged"),
        (
            replaced(&|path| symlink(&target, path).unwrap()),
            "it is a symlink",
        ),
        (
            replaced(&|path| symlink("nowhere", path).unwrap()),
            "it is a symlink",
        ),
        (
            replaced(&|path| fs::create_dir(path).unwrap()),
            "it is not a file",
        ),
        (replaced(&fifo), "it is not a file"),
        (replaced(&socket), "it is not a file"),
        (journal(&elsewhere), "its journal belongs to another item"),
        (
            journal(b"nonsense\nnonsense\n"),
            "line 1 of its journal is damaged",
        ),
        (no_journal, "its journal is not a file"),
    ]
}

#[test]
fn an_unreadable_item_is_reported_and_can_be_moved_and_purged() {
    let test = TestSpool::new();
    let good = test.queued();
    for (id, expected) in unreadable_items(&test) {
        let whys = [damage(test.spool.item(&id)), damage(test.spool.claim(&id))];
        for why in &whys {
            assert!(why.starts_with(expected), "{why} is not {expected}");
        }
        test.spool.fail(&id, &whys[0]).unwrap();
        assert!(is_not_found(test.spool.claim(&id)), "{expected}");
        assert!(test.spool.failed_ids().unwrap().contains(&id), "{expected}");
        assert_eq!(
            test.spool.failure_reason(&id).as_deref(),
            Some(whys[0].as_str())
        );
        assert!(test.spool.requeue(&id).is_err(), "{expected}");
        test.spool.clean().unwrap();
        assert!(test.spool.purge(&id).unwrap());
        assert!(
            !test.files().iter().any(|file| file.contains(id.as_str())),
            "{expected}"
        );
    }
    drop(claimed(test.spool.claim(&good)));
    assert_eq!(fs::read(test.path("elsewhere")).unwrap(), b"kept");
}

#[test]
fn a_damaged_message_is_never_completed() {
    let test = TestSpool::new();
    let octets = vec![b'x'; 200_000];
    let id = test.add_message(&message(&octets)).item().id.clone();
    let path = test.item_path(&id);
    let mut file = fs::read(&path).unwrap();
    let last = file.len() - 1;
    file[last] ^= 1;
    fs::write(&path, file).unwrap();
    let claim = claimed(test.spool.claim(&id));
    let error = read(&*claim).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    // Truncated while it is read.
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1000)
        .unwrap();
    assert!(read(&*claim).is_err());
}

// Crashes: the files left by each step, and their treatment

#[test]
fn clean_removes_unfinished_messages_of_crashed_writers_only() {
    let test = TestSpool::new();
    fs::write(test.path("tmp/0123456789abc"), "half").unwrap();
    let path = test.path("tmp/0123456789abd");
    let writer = fs::File::create(&path).unwrap();
    assert!(try_lock(&writer).unwrap());
    test.spool.clean().unwrap();
    assert_eq!(test.files(), ["tmp/0123456789abd"]);
    drop(writer);
    test.spool.clean().unwrap();
    assert!(test.files().is_empty());
}

#[test]
fn an_item_without_its_journal_is_complete() {
    let test = TestSpool::new();
    let id = test.queued();
    fs::remove_file(test.path(&format!("items/{id}.log"))).unwrap();
    test.spool.clean().unwrap();
    assert_eq!(test.spool.ids().unwrap(), slice::from_ref(&id));
    assert_eq!(read(&*claimed(test.spool.claim(&id))).unwrap(), MESSAGE);
}

#[test]
fn clean_removes_the_temporary_name_of_an_item() {
    let test = TestSpool::new();
    let id = test.queued();
    fs::hard_link(test.item_path(&id), test.path("tmp/0123456789abc")).unwrap();
    test.spool.clean().unwrap();
    assert_eq!(
        test.files(),
        [format!("items/{id}"), format!("items/{id}.log")]
    );
}

#[test]
fn clean_removes_the_journal_of_a_removed_item() {
    let test = TestSpool::new();
    let (id, kept) = (test.half_delivered(), test.half_delivered());
    fs::remove_file(test.item_path(&id)).unwrap();
    assert_eq!(test.spool.ids().unwrap(), slice::from_ref(&kept));
    assert!(test.spool.item(&id).unwrap().is_none());
    test.spool.clean().unwrap();
    assert_eq!(
        test.files(),
        [format!("items/{kept}"), format!("items/{kept}.log")]
    );
}

#[test]
fn an_item_with_a_reason_only_did_not_fail() {
    let test = TestSpool::new();
    let id = test.half_delivered();
    fs::write(test.path(&format!("dead/{id}.why")), "{\"at\":1,\"rea").unwrap();
    assert_eq!(test.spool.failure_reason(&id), None);
    assert!(is_half_delivered(&claimed(test.spool.claim(&id)).history()));
    test.spool.clean().unwrap();
    assert_eq!(
        test.files(),
        [format!("items/{id}"), format!("items/{id}.log")]
    );
}

/// A failed item with its journal in `items/`: a move was not finished.
fn half_failed(test: &TestSpool) -> Id {
    let id = test.failed_item();
    test.rename(&format!("dead/{id}.log"), &format!("items/{id}.log"));
    id
}

#[test]
fn a_failure_interrupted_before_the_journal_is_finished_later() {
    let test = TestSpool::new();
    let finish: [&dyn Fn(&Id); 3] = [
        &|_| test.spool.clean().unwrap(),
        &|id| drop(claimed(test.spool.claim_failed(id))),
        &|id| {
            test.spool.requeue(id).unwrap();
            claimed(test.spool.claim(id)).fail("again").unwrap();
        },
    ];
    for finish in finish {
        let id = half_failed(&test);
        assert!(is_not_found(test.spool.claim(&id)));
        assert!(is_half_delivered(
            &test.spool.item(&id).unwrap().unwrap().history
        ));
        finish(&id);
        assert!(is_half_delivered(
            &test.spool.item(&id).unwrap().unwrap().history
        ));
        assert!(test.path(&format!("dead/{id}.log")).exists());
        assert!(!test.path(&format!("items/{id}.log")).exists());
    }
}

#[test]
fn a_requeue_interrupted_before_the_reason_is_complete() {
    let test = TestSpool::new();
    let id = test.failed_item();
    let why = format!("dead/{id}.why");
    let reason = fs::read(test.path(&why)).unwrap();
    test.spool.requeue(&id).unwrap();
    fs::write(test.path(&why), reason).unwrap();
    assert_eq!(test.spool.failure_reason(&id), None);
    test.spool.clean().unwrap();
    assert!(is_half_delivered(&claimed(test.spool.claim(&id)).history()));
    assert_eq!(
        test.files(),
        [format!("items/{id}"), format!("items/{id}.log")]
    );
}

#[test]
fn clean_removes_the_remains_of_a_removed_failed_item() {
    let test = TestSpool::new();
    let id = test.failed_item();
    fs::remove_file(test.path(&format!("dead/{id}"))).unwrap();
    assert!(test.spool.failed_ids().unwrap().is_empty());
    test.spool.clean().unwrap();
    assert!(test.files().is_empty());
}

#[test]
fn an_incomplete_spool_is_completed() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("queue");
    for missing in ["lock", "items", "dead", "tmp"] {
        drop(Spool::open(Some(&path), true).unwrap());
        let _ = fs::remove_file(path.join(missing)).or_else(|_| fs::remove_dir(path.join(missing)));
        assert!(
            Spool::open(Some(&path), false)
                .unwrap()
                .ids()
                .unwrap()
                .is_empty()
        );
        drop(Spool::open(Some(&path), true).unwrap());
        assert!(path.join(missing).exists(), "{missing}");
    }
}

// Runners and watchers

#[test]
fn each_role_has_one_lock() {
    let test = TestSpool::new();
    let other = test.other();
    assert!(!other.is_locked(RunnerRole::Runner));
    let lock = test.spool.lock(RunnerRole::Runner).unwrap();
    assert!(
        lock.is_some()
            && other.is_locked(RunnerRole::Runner)
            && !other.is_locked(RunnerRole::Watcher)
    );
    assert!(other.lock(RunnerRole::Runner).unwrap().is_none());
    assert!(other.lock(RunnerRole::Watcher).unwrap().is_some());
    drop(lock);
    assert!(other.lock(RunnerRole::Runner).unwrap().is_some());
}

#[test]
fn a_watcher_reports_released_items_and_not_records() {
    let test = TestSpool::new();
    let watcher = test.spool.watch().unwrap();
    let claim = test.add();
    claim.record(ItemEvent::Held, Durability::Disk).unwrap();
    assert_eq!(watcher.drain(), Changes::Items([].into()));
    let id = claim.item().id.clone();
    drop(claim);
    assert_eq!(watcher.drain(), Changes::Items([id.clone()].into()));
    assert_eq!(watcher.drain(), Changes::Items([].into()));
    claimed(test.spool.claim(&id)).fail("poison").unwrap();
    test.spool.item(&id).unwrap();
    let _ = watcher.drain();
    test.spool.requeue(&id).unwrap();
    assert_eq!(watcher.drain(), Changes::Items([id].into()));
}

#[test]
fn ten_thousand_items_are_listed() {
    let test = TestSpool::new();
    let id = test.half_delivered();
    let (item, log) = (test.item_path(&id), test.path(&format!("items/{id}.log")));
    let mut count = 1;
    while count < 10_000 {
        let new = test.spool.new_id();
        // Too many at once for random bits alone to keep their names apart.
        if fs::hard_link(&item, test.item_path(&new)).is_ok() {
            fs::hard_link(&log, test.path(&format!("items/{new}.log"))).unwrap();
            count += 1;
        }
    }
    let ids = test.spool.ids().unwrap();
    let items = ids.iter().map(|id| test.spool.item(id).unwrap().unwrap());
    assert_eq!(
        items
            .filter(|item| is_half_delivered(&item.history))
            .count(),
        10_000
    );
}

// Damage

/// The result of a run that reads an item: its recipients and its message, or that it is damaged.
fn examined(spool: &Spool, id: &Id) -> Option<(History, Vec<u8>)> {
    let item = spool.item(id);
    let Ok(ClaimResult::Claimed(claim)) = spool.claim(id) else {
        assert!(item.is_err());
        return None;
    };
    assert_eq!(
        claim.item().metadata,
        metadata(&["bob@hamburger.edu", "eve@example.org"])
    );
    Some((claim.history(), read(&*claim).ok()?))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_to_an_item_is_detected(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let test = TestSpool::new();
        let id = test.half_delivered();
        let path = test.item_path(&id);
        let whole = fs::read(&path).unwrap();
        let mut bad = whole.clone();
        for (index, octet) in damage {
            let at = index.index(bad.len());
            bad[at] = octet;
        }
        fs::write(&path, &bad).unwrap();
        prop_assert_eq!(examined(&test.spool, &id).is_some(), bad == whole);
    }

    #[test]
    fn damage_to_a_journal_is_detected_or_costs_at_most_two_records(index: prop::sample::Index, octet: u8) {
        let test = TestSpool::new();
        let id = test.half_delivered();
        let whole = test.spool.journal(&id).unwrap().unwrap();
        let path = test.path(&format!("items/{id}.log"));
        let mut bad = fs::read(&path).unwrap();
        let at = index.index(bad.len());
        bad[at] = octet;
        fs::write(&path, &bad).unwrap();
        if examined(&test.spool, &id).is_some() {
            let records = test.spool.journal(&id).unwrap().unwrap();
            prop_assert!(records.len() + 2 >= whole.len() && whole.starts_with(&records));
        }
    }

    #[test]
    fn arbitrary_octets_do_not_panic(octets: Vec<u8>, journal: Vec<u8>) {
        let test = TestSpool::new();
        let id = test.queued();
        fs::write(test.item_path(&id), octets).unwrap();
        prop_assert!(examined(&test.spool, &id).is_none());
        let id = test.queued();
        fs::write(test.path(&format!("items/{id}.log")), journal).unwrap();
        let _ = examined(&test.spool, &id);
    }
}

#[test]
fn a_result_is_stored_completely() {
    let test = TestSpool::new();
    let claim = test.add();
    let result = AttemptResult {
        verdict: RecipientStatus::Refused,
        words: "no such user".to_owned(),
        reply: Some("550 5.1.1 no such user".to_owned()),
        enhanced: Some("5.1.1".to_owned()),
        server: Some("mx.example.org [192.0.2.7]:25".to_owned()),
    };
    let event = ItemEvent::Result {
        recipient: RecipientIndex(1),
        result: result.clone(),
    };
    claim.record(event, Durability::Process).unwrap();
    let item = test.spool.item(&claim.item().id).unwrap().unwrap();
    assert_eq!(item.history.states[1].result, Some(result));
    assert_eq!(item.failed_unreported(), [1]);
}

// The tests of every store

#[expect(
    clippy::unnecessary_wraps,
    reason = "a store of another kind may not be installed"
)]
fn test_store() -> Option<TestStore> {
    let TestSpool { top, spool } = TestSpool::new();
    let path = top.path().join("queue");
    Some(TestStore {
        store: Box::new(spool),
        open: Box::new(move || Box::new(Spool::open(Some(&path), true).unwrap())),
        _place: Box::new(top),
    })
}

mod contract {
    use crate::queue::store::contract::store_tests;

    store_tests!(super::test_store);
}
