//! The files of the queue: journal and metadata are read as they were written, or damage is reported. What is read
//! is the same when it is written and read again.

#![no_main]

use ehlo::queue::store::metadata::{self, Lengths};
use ehlo::queue::store::{History, journal};
use libfuzzer_sys::fuzz_target;

/// The checksum of the metadata that the journal belongs to.
const METADATA: u32 = 7;

const RECIPIENTS: usize = 3;

fuzz_target!(|data: &[u8]| {
    journal_of(data);
    journal_of(&checked(data));
    metadata(data);
    if let Ok(lengths) = Lengths::read(data) {
        assert_eq!(lengths.line().as_bytes(), data);
        assert!(lengths.letter <= metadata::LONGEST_LETTER);
    }
});

/// A journal with each line of the input as an entry, whose checksum is right.
fn checked(data: &[u8]) -> Vec<u8> {
    let mut journal = journal::head(METADATA);
    for line in data.split(|&byte| byte == b'\n') {
        journal.extend(format!("{:08x} ", crc32fast::hash(line)).as_bytes());
        journal.extend(line);
        journal.push(b'\n');
    }
    journal
}

fn journal_of(bytes: &[u8]) {
    let Ok(read) = journal::read(bytes, METADATA) else {
        return;
    };
    assert!(read.good <= bytes.len() as u64);
    let good = &bytes[..usize::try_from(read.good).unwrap()];
    assert_eq!(journal::read(good, METADATA).as_ref(), Ok(&read));

    let mut written = journal::head(METADATA);
    written.extend(read.entries.iter().flat_map(journal::entry));
    let again = journal::read(&written, METADATA).unwrap();
    assert_eq!(again.entries, read.entries);
    assert_eq!(again.good, written.len() as u64);

    if let Ok(history) = History::told(RECIPIENTS, &read.entries) {
        assert_eq!(history.standings.len(), RECIPIENTS);
        let open = history.open(Default::default());
        let failed = history.failed_unreported();
        assert!(open.iter().all(|recipient| !failed.contains(recipient)));
        assert!(history.crashes <= history.attempts);
    }
}

fn metadata(data: &[u8]) {
    let Ok(read) = metadata::read(data) else {
        return;
    };
    let Ok(written) = metadata::write(&read.letter, read.transport) else {
        return;
    };
    assert_eq!(written.iter().filter(|&&byte| byte == b'\n').count(), 1);
    let again = metadata::read(&written).expect("what was written can be read");
    assert_eq!(again.letter, read.letter);
    assert_eq!(again.transport, read.transport);
    let lengths = Lengths::of(&written, 0, 0);
    assert_eq!(Lengths::read(lengths.line().as_bytes()), Ok(lengths));
}
