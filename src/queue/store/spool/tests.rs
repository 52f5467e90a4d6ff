//! The spool on a real file system: items are read back unchanged, and files left by a crash at any step
//! are distinguished from committed items.

use crate::client::outcome::RecipientStatus;
use crate::queue::store::spool::*;
use crate::queue::store::tests::metadata;
use crate::queue::store::{AttemptResult, History, ItemEvent, OnUncertain, Safety, journal};
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType};
use crate::system::lock::try_lock;
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::slice;

/// A message in memory.
struct Words {
    octets: Vec<u8>,
    announced: u64,
    breaks: bool,
}

fn words(octets: &[u8]) -> Words {
    Words {
        octets: octets.to_vec(),
        announced: octets.len() as u64,
        breaks: false,
    }
}

impl Words {
    fn shape(&self) -> Shape {
        Shape {
            utf8: false,
            transport: BodyType::EightBit,
            size: self.announced,
        }
    }
}

impl Replay for Words {
    fn shape(&self, _: Accepts) -> Option<Shape> {
        Some(self.shape())
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        let blocks = self.octets.chunks(1000).map(<[u8]>::to_vec).collect();
        let breaks = self.breaks;
        Box::new(Reading { blocks, breaks })
    }
}

struct Reading {
    blocks: std::collections::VecDeque<Vec<u8>>,
    breaks: bool,
}

impl Blocks for Reading {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        match self.blocks.pop_front() {
            Some(block) => out.extend(block),
            None if self.breaks => return Err(io::Error::other("the attachment changed")),
            None => return Ok(Block::End),
        }
        Ok(Block::Lines)
    }
}

const MESSAGE: &[u8] = b"Subject: hi\r\n\r\n.dot\r\n\xff\r\n";

struct Place {
    top: tempfile::TempDir,
    spool: Spool,
}

impl Place {
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
        self.add_words(&words(MESSAGE))
    }

    fn add_words(&self, words: &Words) -> Box<dyn ClaimedItem> {
        let metadata = metadata(&["bob@hamburger.edu", "eve@example.org"]);
        self.spool
            .add(&metadata, words, words.shape(), None)
            .unwrap()
    }

    fn add_as(&self, id: &Id) -> Result<Box<dyn ClaimedItem>, QueueError> {
        let (metadata, words) = (metadata(&["bob@hamburger.edu"]), words(MESSAGE));
        self.spool.add(&metadata, &words, words.shape(), Some(id))
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

    fn dead_item(&self) -> Id {
        let id = self.half_delivered();
        ours(self.spool.claim(&id)).bury("poison").unwrap();
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

fn deliver_first(claim: &dyn ClaimedItem) {
    for entry in [
        ItemEvent::Attempt {
            recipients: vec![0, 1],
            early: false,
        },
        ItemEvent::Dot {
            recipients: vec![0],
        },
        ItemEvent::Taken {
            recipients: vec![0],
            reply: "250 ok".to_owned(),
        },
        ItemEvent::OVER,
    ] {
        claim.note(entry, Safety::Disk).unwrap();
    }
}

fn is_half_delivered(history: &History) -> bool {
    history.open(OnUncertain::Retry) == [1]
}

fn ours(claimed: Result<Claimed, QueueError>) -> Box<dyn ClaimedItem> {
    match claimed.unwrap() {
        Claimed::Ours(claim) => claim,
        Claimed::Busy => panic!("busy"),
        Claimed::Gone => panic!("gone"),
    }
}

fn is_busy(claimed: Result<Claimed, QueueError>) -> bool {
    matches!(claimed.unwrap(), Claimed::Busy)
}

fn is_gone(claimed: Result<Claimed, QueueError>) -> bool {
    matches!(claimed.unwrap(), Claimed::Gone)
}

fn read(message: &(impl Replay + ?Sized)) -> io::Result<Vec<u8>> {
    let shape = message.shape(BodyType::Binary.with_utf8()).unwrap();
    let mut blocks = message.blocks(shape);
    let mut octets = Vec::new();
    while blocks.append(&mut octets)? != Block::End {}
    Ok(octets)
}

fn damage<T>(result: Result<T, QueueError>) -> String {
    match result {
        Err(QueueError::Damaged { why, .. }) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is whole"),
    }
}

// Adding items

#[test]
fn what_was_committed_comes_back_as_it_was() {
    let place = Place::new();
    let id = place.queued();
    let other = place.other();
    assert_eq!(other.ids().unwrap(), slice::from_ref(&id));
    let item = other.item(&id).unwrap().unwrap();
    assert_eq!(
        item.metadata,
        metadata(&["bob@hamburger.edu", "eve@example.org"])
    );
    assert_eq!(item.size, MESSAGE.len() as u64);
    assert_eq!((item.history, item.dead), (History::new(2), None));
    let claim = ours(other.claim(&id));
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

#[test]
fn a_message_of_any_size_comes_back() {
    let place = Place::new();
    for size in [0, 1, 4000, 65_536, 131_072, 1_000_003] {
        let octets: Vec<u8> = (0..size).map(|place: u32| place.to_le_bytes()[0]).collect();
        let claim = place.add_words(&words(&octets));
        assert!(read(&*claim).unwrap() == octets, "{size}");
        let id = claim.item().id.clone();
        drop(claim);
        assert!(
            read(&*ours(place.spool.claim(&id))).unwrap() == octets,
            "{size}"
        );
    }
}

#[test]
fn nobody_else_can_read_anything_of_it() {
    let place = Place::new();
    let id = place.dead_item();
    let live = place.half_delivered();
    for file in [
        format!("dead/{id}"),
        format!("dead/{id}.log"),
        format!("dead/{id}.why"),
        format!("items/{live}"),
        format!("items/{live}.log"),
        "lock".to_owned(),
    ] {
        let mode = fs::metadata(place.path(&file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600, "{file}");
    }
    for directory in ["", "items", "dead", "tmp", "down"] {
        let mode = fs::metadata(place.path(directory))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o700, "{directory}");
    }
}

#[test]
fn a_message_that_cannot_be_read_to_its_end_leaves_nothing() {
    let place = Place::new();
    let broken = Words {
        breaks: true,
        ..words(&b"x".repeat(300_000))
    };
    let short = Words {
        announced: 5,
        ..words(MESSAGE)
    };
    for words in [broken, short] {
        let added = place.spool.add(
            &metadata(&["bob@hamburger.edu"]),
            &words,
            words.shape(),
            None,
        );
        assert!(matches!(added.err(), Some(QueueError::Message(_))));
        assert!(place.files().is_empty());
    }
}

#[test]
fn a_letter_that_nobody_could_read_again_is_not_taken() {
    let place = Place::new();
    let mut long = metadata(&["bob@hamburger.edu"]);
    long.on_failure = Some("x".repeat(17 << 20));
    let words = words(MESSAGE);
    let added = place.spool.add(&long, &words, words.shape(), None);
    let error = added.err().unwrap().to_string();
    assert!(error.contains("its letter is too long"), "{error}");
    assert!(place.files().is_empty());
}

#[test]
fn items_are_listed_in_the_order_of_time() {
    let place = Place::new();
    let ids: Vec<Id> = (0..5)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            place.queued()
        })
        .collect();
    assert_eq!(place.spool.ids().unwrap(), ids);
    fs::write(place.path("items/README"), "mine").unwrap();
    assert_eq!(place.spool.ids().unwrap(), ids);
}

#[test]
fn a_spool_that_is_not_there_is_an_empty_one_and_is_not_made_by_looking() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("queue");
    let spool = Spool::open(Some(&path), false).unwrap();
    let id = spool.new_id();
    assert!(spool.ids().unwrap().is_empty() && spool.dead().unwrap().is_empty());
    assert!(spool.item(&id).unwrap().is_none() && spool.reason(&id).is_none());
    assert!(is_gone(spool.claim(&id)) && is_gone(spool.claim_dead(&id)));
    spool.tidy().unwrap();
    assert!(!spool.runner_is_there());
    let words = words(MESSAGE);
    let error = spool
        .add(
            &metadata(&["bob@hamburger.edu"]),
            &words,
            words.shape(),
            None,
        )
        .err();
    assert!(error.unwrap().to_string().ends_with("queue does not exist"));
    assert!(!path.exists());
}

// Names chosen in advance

#[test]
fn a_name_that_is_taken_is_not_given_again_alive_or_dead() {
    let place = Place::new();
    let (live, dead) = (place.queued(), place.dead_item());
    for id in [live, dead] {
        let Some(QueueError::Io { error, .. }) = place.add_as(&id).err() else {
            panic!("{id}");
        };
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }
    let new = place.spool.new_id();
    assert_eq!(place.add_as(&new).unwrap().item().id, new);
}

#[test]
fn an_item_does_not_inherit_the_journal_of_one_that_had_its_name() {
    let place = Place::new();
    let id = place.spool.new_id();
    let first = place.add_as(&id).unwrap();
    first
        .note(
            ItemEvent::Taken {
                recipients: vec![0],
                reply: String::new(),
            },
            Safety::Disk,
        )
        .unwrap();
    first.remove().unwrap();
    let second = place.add_as(&id).unwrap();
    assert_eq!(second.history(), History::new(1));
    second.note(ItemEvent::Held, Safety::Disk).unwrap();
    place.spool.settle().unwrap();
    assert!(place.spool.item(&id).unwrap().unwrap().history.held);
}

// Claims

#[test]
fn an_item_is_claimed_from_the_moment_it_is_there() {
    let place = Place::new();
    let claim = place.add();
    let id = claim.item().id.clone();
    let other = place.other();
    assert!(is_busy(other.claim(&id)));
    drop(claim);
    let claim = ours(other.claim(&id));
    assert!(is_busy(place.spool.claim(&id)));
    claim.remove().unwrap();
    assert!(is_gone(place.spool.claim(&id)));
}

#[test]
fn of_many_who_claim_an_item_at_once_one_gets_it() {
    let place = Place::new();
    let id = place.queued();
    let barrier = std::sync::Barrier::new(8);
    let claims: Vec<_> = std::thread::scope(|scope| {
        let claim = || {
            let spool = place.other();
            barrier.wait();
            spool.claim(&id).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let ours = claims
        .iter()
        .filter(|claimed| matches!(claimed, Claimed::Ours(_)));
    assert_eq!(ours.count(), 1);
}

#[test]
fn what_was_noted_is_known_to_the_next_one() {
    let place = Place::new();
    let claim = place.add();
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
    let other = place.other();
    assert_eq!(other.item(&id).unwrap().unwrap().history, history);
    let claim = ours(other.claim(&id));
    assert_eq!(claim.item().history, history);
    claim.note(ItemEvent::Held, Safety::Process).unwrap();
    assert_eq!(other.journal(&id).unwrap().unwrap().len(), 5);
}

#[test]
fn a_note_about_nobody_is_not_taken() {
    let place = Place::new();
    let claim = place.add();
    let noted = claim.note(
        ItemEvent::Dot {
            recipients: vec![2],
        },
        Safety::Disk,
    );
    assert!(damage(noted).contains("recipient 2"));
    assert_eq!(claim.history(), History::new(2));
}

#[test]
fn a_torn_note_is_taken_away_before_the_next() {
    let place = Place::new();
    let id = place.half_delivered();
    let path = place.path(&format!("items/{id}.log"));
    let whole = fs::read(&path).unwrap();
    for torn in [
        &b"0123"[..],
        b"deadbeef {\"at\":1,\"event\":\"dot\"}\n",
        &[0; 9000],
    ] {
        fs::write(&path, [&whole, torn].concat()).unwrap();
        assert!(is_half_delivered(
            &place.spool.item(&id).unwrap().unwrap().history
        ));
        let claim = ours(place.spool.claim(&id));
        claim.note(ItemEvent::Held, Safety::Disk).unwrap();
        let held = journal::read(&fs::read(&path).unwrap(), 0);
        assert_eq!(held.unwrap_err(), "its journal is that of another item");
        drop(claim);
        assert_eq!(place.spool.journal(&id).unwrap().unwrap().len(), 5);
    }
}

#[test]
fn an_item_without_a_journal_gets_one() {
    let place = Place::new();
    let id = place.queued();
    let path = place.path(&format!("items/{id}.log"));
    for left in [None, Some(&b""[..]), Some(b"0123")] {
        fs::remove_file(&path).unwrap();
        if let Some(octets) = left {
            fs::write(&path, octets).unwrap();
        }
        assert_eq!(
            place.spool.item(&id).unwrap().unwrap().history,
            History::new(2)
        );
        let claim = ours(place.spool.claim(&id));
        claim.note(ItemEvent::Held, Safety::Disk).unwrap();
        assert!(place.spool.item(&id).unwrap().unwrap().history.held);
    }
}

#[test]
fn a_message_can_be_read_while_notes_are_made() {
    let place = Place::new();
    let claim = place.add();
    let shape = claim.shape(BodyType::Binary.with_utf8()).unwrap();
    let mut blocks = claim.blocks(shape);
    let mut octets = Vec::new();
    blocks.append(&mut octets).unwrap();
    claim
        .note(
            ItemEvent::Dot {
                recipients: vec![0],
            },
            Safety::Disk,
        )
        .unwrap();
    assert_eq!(blocks.append(&mut octets).unwrap(), Block::End);
    assert_eq!(octets, MESSAGE);
}

// Removals

#[test]
fn what_was_removed_is_gone_and_leaves_nothing_when_that_is_on_disk() {
    let place = Place::new();
    let claim = place.add();
    let id = claim.item().id.clone();
    claim.remove().unwrap();
    assert!(place.spool.ids().unwrap().is_empty() && place.spool.item(&id).unwrap().is_none());
    assert_eq!(place.files(), [format!("items/{id}.log")]);
    place.spool.settle().unwrap();
    assert!(place.files().is_empty());
}

#[test]
fn many_removals_settle_by_themselves() {
    let place = Place::new();
    for _ in 0..64 {
        place.add().remove().unwrap();
    }
    assert!(place.files().is_empty());
}

// Dead items

#[test]
fn an_item_is_set_aside_with_its_journal_and_the_reason() {
    let place = Place::new();
    let id = place.half_delivered();
    ours(place.spool.claim(&id))
        .bury("it killed\n\u{1b}three")
        .unwrap();
    assert!(place.spool.ids().unwrap().is_empty());
    assert_eq!(place.spool.dead().unwrap(), slice::from_ref(&id));
    assert!(is_gone(place.spool.claim(&id)));
    let item = place.spool.item(&id).unwrap().unwrap();
    assert_eq!(item.dead.as_deref(), Some("it killed\\u{a}\\u{1b}three"));
    assert_eq!(place.spool.reason(&id), item.dead);
    assert!(is_half_delivered(&item.history));
    assert_eq!(read(&*ours(place.spool.claim_dead(&id))).unwrap(), MESSAGE);
    let files = place.files();
    place.spool.tidy().unwrap();
    assert_eq!(place.files(), files, "the dead are no litter");
    assert_eq!(files.len(), 3);
}

#[test]
fn who_is_raised_is_new_but_for_what_was_delivered() {
    let place = Place::new();
    let id = place.dead_item();
    place.spool.raise(&id).unwrap();
    assert!(place.spool.dead().unwrap().is_empty() && place.spool.reason(&id).is_none());
    let claim = ours(place.spool.claim(&id));
    assert!(is_half_delivered(&claim.history()));
    assert_eq!(
        (claim.history().attempts, claim.item().dead.clone()),
        (0, None)
    );
    assert_eq!(
        place.files(),
        [format!("items/{id}"), format!("items/{id}.log")]
    );
}

#[test]
fn who_is_not_dead_cannot_be_raised_and_who_is_held_neither() {
    let place = Place::new();
    assert!(place.spool.raise(&place.queued()).is_err());
    let id = place.dead_item();
    let _claim = ours(place.spool.claim_dead(&id));
    assert!(place.other().raise(&id).is_err());
    assert_eq!(place.spool.dead().unwrap(), [id]);
}

#[test]
fn a_dead_item_can_be_removed() {
    let place = Place::new();
    let id = place.dead_item();
    ours(place.spool.claim_dead(&id)).remove().unwrap();
    assert!(place.files().is_empty());
    assert!(!place.spool.discard(&id).unwrap());
}

// Unreadable items

/// All invalid kinds of file for an item.
fn ruins(place: &Place) -> Vec<(Id, &'static str)> {
    let write = |change: &dyn Fn(&mut Vec<u8>)| {
        let id = place.queued();
        let path = place.item_path(&id);
        let mut octets = fs::read(&path).unwrap();
        change(&mut octets);
        fs::write(path, octets).unwrap();
        id
    };
    let replaced = |by: &dyn Fn(&Path)| {
        let id = place.queued();
        let path = place.item_path(&id);
        fs::remove_file(&path).unwrap();
        by(&path);
        id
    };
    let journal = |octets: &[u8]| {
        let id = place.half_delivered();
        let path = place.path(&format!("items/{id}.log"));
        fs::write(path, octets).unwrap();
        id
    };
    let target = place.path("elsewhere");
    fs::write(&target, "kept").unwrap();
    let elsewhere = fs::read(place.path(&format!("items/{}.log", place.half_delivered()))).unwrap();
    let no_journal = place.queued();
    let log = place.path(&format!("items/{no_journal}.log"));
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
            "it ends within its first line",
        ),
        (write(&|octets| octets.truncate(90)), "it ends after 90 of"),
        (
            write(&|octets| octets.truncate(octets.len() - 1)),
            "it ends after",
        ),
        (
            write(&|octets| octets.push(b'x')),
            "it is longer than what was written",
        ),
        (
            write(&|octets| octets[11] = b'2'),
            "it was written by another version",
        ),
        (
            write(&|octets| octets[20] = b'Z'),
            "its first line is damaged",
        ),
        (write(&|octets| octets[70] ^= 4), "its letter is damaged"),
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
        (journal(&elsewhere), "its journal is that of another item"),
        (
            journal(b"nonsense\nnonsense\n"),
            "line 1 of its journal is damaged",
        ),
        (no_journal, "its journal is not a file"),
    ]
}

#[test]
fn what_cannot_be_read_is_told_set_aside_and_does_not_stand_in_the_way() {
    let place = Place::new();
    let good = place.queued();
    for (id, expected) in ruins(&place) {
        let whys = [
            damage(place.spool.item(&id)),
            damage(place.spool.claim(&id)),
        ];
        for why in &whys {
            assert!(why.starts_with(expected), "{why} is not {expected}");
        }
        place.spool.bury(&id, &whys[0]).unwrap();
        assert!(is_gone(place.spool.claim(&id)), "{expected}");
        assert!(place.spool.dead().unwrap().contains(&id), "{expected}");
        assert_eq!(place.spool.reason(&id).as_deref(), Some(whys[0].as_str()));
        assert!(place.spool.raise(&id).is_err(), "{expected}");
        place.spool.tidy().unwrap();
        assert!(place.spool.discard(&id).unwrap());
        assert!(
            !place.files().iter().any(|file| file.contains(id.as_str())),
            "{expected}"
        );
    }
    drop(ours(place.spool.claim(&good)));
    assert_eq!(fs::read(place.path("elsewhere")).unwrap(), b"kept");
}

#[test]
fn who_is_held_by_somebody_is_not_set_aside_by_another() {
    let place = Place::new();
    let claim = place.add();
    place
        .other()
        .bury(&claim.item().id, "I cannot read it")
        .unwrap();
    assert!(place.spool.dead().unwrap().is_empty());
    place
        .other()
        .bury(&place.spool.new_id(), "it is not there")
        .unwrap();
}

#[test]
fn a_damaged_message_never_comes_to_its_end() {
    let place = Place::new();
    let octets = vec![b'x'; 200_000];
    let id = place.add_words(&words(&octets)).item().id.clone();
    let path = place.item_path(&id);
    let mut file = fs::read(&path).unwrap();
    let last = file.len() - 1;
    file[last] ^= 1;
    fs::write(&path, file).unwrap();
    let claim = ours(place.spool.claim(&id));
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
fn a_message_whose_writer_died_is_litter_and_one_that_is_being_written_is_not() {
    let place = Place::new();
    fs::write(place.path("tmp/0123456789abc"), "half").unwrap();
    let path = place.path("tmp/0123456789abd");
    let writer = fs::File::create(&path).unwrap();
    assert!(try_lock(&writer).unwrap());
    place.spool.tidy().unwrap();
    assert_eq!(place.files(), ["tmp/0123456789abd"]);
    drop(writer);
    place.spool.tidy().unwrap();
    assert!(place.files().is_empty());
}

#[test]
fn an_item_that_has_its_name_and_no_journal_yet_is_whole() {
    let place = Place::new();
    let id = place.queued();
    fs::remove_file(place.path(&format!("items/{id}.log"))).unwrap();
    place.spool.tidy().unwrap();
    assert_eq!(place.spool.ids().unwrap(), slice::from_ref(&id));
    assert_eq!(read(&*ours(place.spool.claim(&id))).unwrap(), MESSAGE);
}

#[test]
fn an_item_with_two_names_keeps_the_right_one() {
    let place = Place::new();
    let id = place.queued();
    fs::hard_link(place.item_path(&id), place.path("tmp/0123456789abc")).unwrap();
    place.spool.tidy().unwrap();
    assert_eq!(
        place.files(),
        [format!("items/{id}"), format!("items/{id}.log")]
    );
}

#[test]
fn a_journal_whose_item_was_removed_is_litter() {
    let place = Place::new();
    let (id, kept) = (place.half_delivered(), place.half_delivered());
    fs::remove_file(place.item_path(&id)).unwrap();
    assert_eq!(place.spool.ids().unwrap(), slice::from_ref(&kept));
    assert!(place.spool.item(&id).unwrap().is_none());
    place.spool.tidy().unwrap();
    assert_eq!(
        place.files(),
        [format!("items/{kept}"), format!("items/{kept}.log")]
    );
}

#[test]
fn a_burial_that_only_came_to_the_reason_did_not_happen() {
    let place = Place::new();
    let id = place.half_delivered();
    fs::write(place.path(&format!("dead/{id}.why")), "{\"at\":1,\"rea").unwrap();
    assert_eq!(place.spool.reason(&id), None);
    assert!(is_half_delivered(&ours(place.spool.claim(&id)).history()));
    place.spool.tidy().unwrap();
    assert_eq!(
        place.files(),
        [format!("items/{id}"), format!("items/{id}.log")]
    );
}

/// A dead item with its journal in `items/`: setting it aside, or returning it, was not finished.
fn half_buried(place: &Place) -> Id {
    let id = place.dead_item();
    place.rename(&format!("dead/{id}.log"), &format!("items/{id}.log"));
    id
}

#[test]
fn a_burial_that_did_not_come_to_the_journal_is_finished_by_whoever_comes() {
    let place = Place::new();
    let finish: [&dyn Fn(&Id); 3] = [
        &|_| place.spool.tidy().unwrap(),
        &|id| drop(ours(place.spool.claim_dead(id))),
        &|id| {
            place.spool.raise(id).unwrap();
            ours(place.spool.claim(id)).bury("again").unwrap();
        },
    ];
    for finish in finish {
        let id = half_buried(&place);
        assert!(is_gone(place.spool.claim(&id)));
        assert!(is_half_delivered(
            &place.spool.item(&id).unwrap().unwrap().history
        ));
        finish(&id);
        assert!(is_half_delivered(
            &place.spool.item(&id).unwrap().unwrap().history
        ));
        assert!(place.path(&format!("dead/{id}.log")).exists());
        assert!(!place.path(&format!("items/{id}.log")).exists());
    }
}

#[test]
fn a_raising_that_did_not_come_to_the_reason_happened() {
    let place = Place::new();
    let id = place.dead_item();
    let why = format!("dead/{id}.why");
    let reason = fs::read(place.path(&why)).unwrap();
    place.spool.raise(&id).unwrap();
    fs::write(place.path(&why), reason).unwrap();
    assert_eq!(place.spool.reason(&id), None);
    place.spool.tidy().unwrap();
    assert!(is_half_delivered(&ours(place.spool.claim(&id)).history()));
    assert_eq!(
        place.files(),
        [format!("items/{id}"), format!("items/{id}.log")]
    );
}

#[test]
fn what_is_left_of_a_dead_item_that_was_removed_is_litter() {
    let place = Place::new();
    let id = place.dead_item();
    fs::remove_file(place.path(&format!("dead/{id}"))).unwrap();
    assert!(place.spool.dead().unwrap().is_empty());
    place.spool.tidy().unwrap();
    assert!(place.files().is_empty());
}

#[test]
fn a_spool_that_was_half_made_is_made() {
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
fn one_runner_is_enough() {
    let place = Place::new();
    let other = place.other();
    assert!(!other.runner_is_there());
    let lock = place.spool.lock_runner().unwrap();
    assert!(lock.is_some() && other.runner_is_there() && !other.watch_is_there());
    assert!(other.lock_runner().unwrap().is_none());
    assert!(other.lock_watch().unwrap().is_some());
    drop(lock);
    assert!(other.lock_runner().unwrap().is_some());
}

#[test]
fn whoever_waits_is_woken_when_an_item_is_free_and_not_by_notes() {
    let place = Place::new();
    let watcher = place.spool.watcher().unwrap();
    let claim = place.add();
    claim.note(ItemEvent::Held, Safety::Disk).unwrap();
    assert_eq!(watcher.drain(), Changed::These([].into()));
    let id = claim.item().id.clone();
    drop(claim);
    assert_eq!(watcher.drain(), Changed::These([id.clone()].into()));
    assert_eq!(watcher.drain(), Changed::These([].into()));
    ours(place.spool.claim(&id)).bury("poison").unwrap();
    place.spool.item(&id).unwrap();
    let _ = watcher.drain();
    place.spool.raise(&id).unwrap();
    assert_eq!(watcher.drain(), Changed::These([id].into()));
}

#[test]
fn many_who_send_deliver_bury_raise_and_tidy_at_once_lose_nothing() {
    let place = Place::new();
    let all = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..30 {
                    let id = place.half_delivered();
                    all.lock().unwrap().push(id);
                }
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                let spool = place.other();
                for _ in 0..30 {
                    spool.tidy().unwrap();
                    for id in spool.ids().unwrap() {
                        if let Claimed::Ours(claim) = spool.claim(&id).unwrap()
                            && fastrand::bool()
                        {
                            claim.bury("poison").unwrap();
                        }
                    }
                    for id in spool.dead().unwrap() {
                        let _ = spool.raise(&id);
                    }
                }
            });
        }
    });
    place.spool.tidy().unwrap();
    let mut all = all.into_inner().unwrap();
    all.sort();
    let mut found = [place.spool.ids().unwrap(), place.spool.dead().unwrap()].concat();
    found.sort();
    assert_eq!(found, all);
    for id in all {
        let history = place.spool.item(&id).unwrap().unwrap().history;
        assert!(is_half_delivered(&history), "{id}: {history:?}");
    }
}

#[test]
fn ten_thousand_items_are_listed() {
    let place = Place::new();
    let id = place.half_delivered();
    let (item, log) = (place.item_path(&id), place.path(&format!("items/{id}.log")));
    let mut count = 1;
    while count < 10_000 {
        let new = place.spool.new_id();
        // Too many at once for random bits alone to keep their names apart.
        if fs::hard_link(&item, place.item_path(&new)).is_ok() {
            fs::hard_link(&log, place.path(&format!("items/{new}.log"))).unwrap();
            count += 1;
        }
    }
    let ids = place.spool.ids().unwrap();
    let items = ids.iter().map(|id| place.spool.item(id).unwrap().unwrap());
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
    let Ok(Claimed::Ours(claim)) = spool.claim(id) else {
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
    fn damage_to_an_item_is_found_out(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let place = Place::new();
        let id = place.half_delivered();
        let path = place.item_path(&id);
        let whole = fs::read(&path).unwrap();
        let mut bad = whole.clone();
        for (index, octet) in damage {
            let place = index.index(bad.len());
            bad[place] = octet;
        }
        fs::write(&path, &bad).unwrap();
        prop_assert_eq!(examined(&place.spool, &id).is_some(), bad == whole);
    }

    #[test]
    fn damage_to_a_journal_is_found_out_or_takes_its_end(index: prop::sample::Index, octet: u8) {
        let place = Place::new();
        let id = place.half_delivered();
        let whole = place.spool.journal(&id).unwrap().unwrap();
        let path = place.path(&format!("items/{id}.log"));
        let mut bad = fs::read(&path).unwrap();
        let spot = index.index(bad.len());
        bad[spot] = octet;
        fs::write(&path, &bad).unwrap();
        if examined(&place.spool, &id).is_some() {
            let told = place.spool.journal(&id).unwrap().unwrap();
            prop_assert!(told.len() + 2 >= whole.len() && whole.starts_with(&told));
        }
    }

    #[test]
    fn no_octets_are_a_panic(octets: Vec<u8>, notes: Vec<u8>) {
        let place = Place::new();
        let id = place.queued();
        fs::write(place.item_path(&id), octets).unwrap();
        prop_assert!(examined(&place.spool, &id).is_none());
        let id = place.queued();
        fs::write(place.path(&format!("items/{id}.log")), notes).unwrap();
        let _ = examined(&place.spool, &id);
    }
}

#[test]
fn an_end_is_kept_with_all_its_words() {
    let place = Place::new();
    let claim = place.add();
    let end = AttemptResult {
        verdict: RecipientStatus::Refused,
        words: "no such user".to_owned(),
        reply: Some("550 5.1.1 no such user".to_owned()),
        enhanced: Some("5.1.1".to_owned()),
        server: Some("mx.example.org [192.0.2.7]:25".to_owned()),
    };
    let result = ItemEvent::Result {
        recipient: 1,
        end: end.clone(),
    };
    claim.note(result, Safety::Process).unwrap();
    let item = place.spool.item(&claim.item().id).unwrap().unwrap();
    assert_eq!(item.history.states[1].end, Some(end));
    assert_eq!(item.failed_unreported(), [1]);
}
