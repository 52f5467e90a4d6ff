use crate::cron::job::log::*;

fn recorded(blocks: &[&[u8]], limit: u64) -> JobLog {
    let mut recorder = Recorder::new(limit);
    for block in blocks {
        recorder.push(block);
    }
    recorder.finish([true, false])
}

fn all(log: &JobLog) -> Vec<u8> {
    let mut bytes = Vec::new();
    log.read().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Lines that do not compress to nothing.
fn lines(count: usize) -> Vec<u8> {
    let line = |n: usize| format!("{n} {:x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..count).map(line).collect::<String>().into_bytes()
}

#[test]
fn short_output_is_kept_in_memory_only() {
    let log = recorded(&[b"one\n", b"", b"two"], 1 << 20);
    assert_eq!((log.bytes(), log.lines(), log.missing()), (7, 2, 0));
    assert!(log.is_in_memory() && log.compressed().is_none());
    assert_eq!(all(&log), b"one\ntwo");
}

#[test]
fn long_output_is_compressed_completely() {
    let text = lines(40_000);
    let blocks: Vec<&[u8]> = text.chunks(5000).collect();
    let log = recorded(&blocks, 1 << 30);
    assert_eq!(all(&log), text);
    assert_eq!(log.lines(), 40_000);
    assert_eq!(log.head(), &text[..HEAD]);
    assert_eq!(log.tail(), &text[text.len() - TAIL..]);
    assert!(log.compressed().unwrap().len() < text.len() as u64);
}

#[test]
fn block_larger_than_head_and_tail_is_recorded() {
    let text = lines(20_000);
    let log = recorded(&[&text], 1 << 30);
    assert_eq!(all(&log), text);
    assert_eq!(log.tail(), &text[text.len() - TAIL..]);
}

#[test]
fn output_above_the_limit_loses_its_middle() {
    let text = lines(100_000);
    let blocks: Vec<&[u8]> = text.chunks(8000).collect();
    let log = recorded(&blocks, 100_000);
    assert!(log.compressed().unwrap().len() <= 100_000);
    is_cut_from(&log, &text);
    assert!(log.missing() > 0);
}

/// The log is the text, except for the part that it reports as missing.
#[track_caller]
fn is_cut_from(log: &JobLog, text: &[u8]) {
    let kept = all(log);
    assert_eq!(log.bytes(), text.len() as u64);
    if log.missing() == 0 {
        assert_eq!(kept, text);
        return;
    }
    let line = gap_line(log.missing());
    let at = memchr::memmem::find(&kept, line.as_bytes()).unwrap();
    let (begin, end) = (&kept[..at], &kept[at + line.len()..]);
    assert!(text.starts_with(begin) && text.ends_with(end));
    let count = (begin.len() + end.len()) as u64;
    assert_eq!(count + log.missing(), text.len() as u64);
}

#[test]
fn compressed_log_stays_within_the_limit() {
    let random: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(300_000)
        .collect();
    for text in [random, lines(20_000), vec![b'x'; 300_000]] {
        for size in [10, 2000, 70_000, 300_000] {
            let text = &text[..size];
            for limit in [1, 100, 300, 1024, 10_000, 100_000, 1 << 20] {
                let blocks: Vec<&[u8]> = text.chunks(7000).collect();
                let log = recorded(&blocks, limit);
                is_cut_from(&log, text);
                let kept = match log.compressed() {
                    Some(file) => file.len(),
                    None => log.bytes() - log.missing(),
                };
                assert!(kept <= limit, "{kept} of {size} with {limit}");
            }
        }
    }
}

#[test]
fn log_within_the_limit_is_complete() {
    let text = lines(20_000);
    let end_size = recorded(&[&text], 1 << 30).compressed().unwrap().len();
    let log = recorded(&[&text], end_size + (100 << 10));
    assert_eq!((log.missing(), all(&log)), (0, text));
}

#[test]
fn head_and_tail_are_kept_without_a_file() {
    let text = lines(20_000);
    let mut recorder = Recorder::new(1 << 20);
    recorder.push(&text[..HEAD]);
    recorder.store = LogStore::Nothing;
    for block in text[HEAD..].chunks(777) {
        recorder.push(block);
    }
    let log = recorder.finish([true, false]);
    assert!(log.compressed().is_none());
    assert_eq!(log.missing(), (text.len() - HEAD - TAIL) as u64);
    let kept = all(&log);
    assert!(kept.starts_with(&text[..HEAD]) && kept.ends_with(&text[text.len() - TAIL..]));
}
