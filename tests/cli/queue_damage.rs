//! What is in a queue and is not what was put there.

use crate::relay::{Do, Relay};
use crate::spool::Queue;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// The message is not what was kept: its last octet but two is another.
fn damage(item: &PathBuf) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(item)
        .unwrap();
    let place = file.metadata().unwrap().len() - 3;
    let mut octet = [0];
    file.read_exact_at(&mut octet, place).unwrap();
    octet[0] ^= 1;
    file.write_all_at(&octet, place).unwrap();
}

/// The server sees the number of octets before the octets: the last of them end the message.
#[test]
fn a_damaged_message_is_not_delivered_whichever_way_its_end_is_told() {
    for keywords in [
        "250 relay",
        "250-relay\r\n250 PIPELINING",
        "250-relay\r\n250 CHUNKING",
        "250-relay\r\n250-CHUNKING\r\n250 PIPELINING",
    ] {
        let queue = Queue::new();
        let relay = Relay::start(move |moment| match moment.line {
            line if line.starts_with("EHLO") => Do::Say(keywords),
            _ => Do::Usual,
        });
        let id = queue.keep(relay.port);
        damage(&PathBuf::from(queue.dir()).join("items").join(&id));
        let run = queue.verb(&["run"]);
        run.exits(0).says(&["checksum is wrong", "was set aside"]);
        // Only its sender hears of it.
        let taken = relay.taken();
        assert_eq!(taken.len(), 1, "{keywords}");
        assert_eq!(taken[0].from, "MAIL FROM:<>", "{keywords}");
        assert_eq!(queue.state(), "dead", "{keywords}");
    }
}

#[test]
fn names_that_are_no_items_are_left_alone_and_stop_nobody() {
    let queue = Queue::new();
    let relay = Relay::start(|_| Do::Usual);
    queue.keep(relay.port);
    let items = PathBuf::from(queue.dir()).join("items");
    for name in [".hidden", "README", "1234567890ab~", "x.log"] {
        fs::write(items.join(name), "x").unwrap();
    }
    queue.verb(&["run"]).exits(0).complains(0);
    assert_eq!(relay.taken().len(), 1);
    assert_eq!(fs::read_dir(items).unwrap().count(), 4);
}
