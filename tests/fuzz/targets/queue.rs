//! The files of the queue: journal and metadata are read as they were written, or damage is reported. What is read
//! is the same when it is written and read again.

#![no_main]

use ehlo::queue::store::metadata::{self, FirstLine};
use ehlo::queue::store::{History, journal};
use libfuzzer_sys::fuzz_target;

/// The checksum of the metadata that the journal belongs to.
const METADATA: u32 = 7;

const RECIPIENTS: usize = 3;

fuzz_target!(|data: &[u8]| {
    journal_of(data);
    journal_of(&checked(data));
    metadata(data);
    if let Ok(first_line) = FirstLine::parse(data) {
        assert_eq!(first_line.to_text().as_bytes(), data);
        assert!(first_line.metadata <= metadata::MAX_METADATA);
    }
});

/// A journal with each line of the input as a record whose checksum is right.
fn checked(data: &[u8]) -> Vec<u8> {
    let mut journal = journal::first_line(METADATA);
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
    assert!(read.intact <= bytes.len() as u64);
    let intact = &bytes[..usize::try_from(read.intact).unwrap()];
    assert_eq!(journal::read(intact, METADATA).as_ref(), Ok(&read));

    let mut written = journal::first_line(METADATA);
    written.extend(read.records.iter().flat_map(journal::record_line));
    let again = journal::read(&written, METADATA).unwrap();
    assert_eq!(again.records, read.records);
    assert_eq!(again.intact, written.len() as u64);

    if let Ok(history) = History::replay(RECIPIENTS, &read.records) {
        assert_eq!(history.states.len(), RECIPIENTS);
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
    let Ok(written) = metadata::write(&read.metadata, read.body_type) else {
        return;
    };
    assert_eq!(written.iter().filter(|&&byte| byte == b'\n').count(), 1);
    let again = metadata::read(&written).expect("what was written can be read");
    assert_eq!(again.metadata, read.metadata);
    assert_eq!(again.body_type, read.body_type);
    let first_line = FirstLine::of(&written, 0, 0);
    assert_eq!(
        FirstLine::parse(first_line.to_text().as_bytes()),
        Ok(first_line)
    );
}
