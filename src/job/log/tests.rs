use super::*;

fn recorded(blocks: &[&[u8]], limit: u64) -> Log {
    let mut recorder = Recorder::new(limit);
    for block in blocks {
        recorder.push(block);
    }
    recorder.finish([true, false])
}

fn all(log: &Log) -> Vec<u8> {
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
fn a_small_output_is_in_memory_and_nowhere_else() {
    let log = recorded(&[b"one\n", b"", b"two"], 1 << 20);
    assert_eq!((log.bytes(), log.lines(), log.missing()), (7, 2, 0));
    assert!(log.is_in_memory() && log.compressed().is_none());
    assert_eq!(all(&log), b"one\ntwo");
}

#[test]
fn a_large_output_is_whole_on_disk_and_has_head_and_tail() {
    let text = lines(40_000);
    let blocks: Vec<&[u8]> = text.chunks(5000).collect();
    let log = recorded(&blocks, 1 << 30);
    assert_eq!(all(&log), text);
    assert_eq!(log.lines(), 40_000);
    assert_eq!(log.head(), &text[..HEAD]);
    assert_eq!(log.tail(), &text[text.len() - TAIL..]);
    assert!(log.compressed().unwrap().1 < text.len() as u64);
}

#[test]
fn a_block_larger_than_everything_is_taken_too() {
    let text = lines(20_000);
    let log = recorded(&[&text], 1 << 30);
    assert_eq!(all(&log), text);
    assert_eq!(log.tail(), &text[text.len() - TAIL..]);
}

#[test]
fn above_the_limit_the_middle_is_missing_and_counted() {
    let text = lines(100_000);
    let blocks: Vec<&[u8]> = text.chunks(8000).collect();
    let log = recorded(&blocks, 100_000);
    let kept = all(&log);
    let (_, len) = log.compressed().unwrap();
    assert!(len < 250_000, "{len}");
    assert!(log.missing() > 0);
    assert!(kept.ends_with(&text[text.len() - TAIL..]));
    let line = gap(log.missing());
    let at = memchr::memmem::find(&kept, line.as_bytes()).unwrap();
    assert_eq!(kept[..at], text[..at]);
    let without = (kept.len() - line.len()) as u64;
    assert_eq!(without + log.missing(), text.len() as u64);
}

#[test]
fn without_a_file_head_and_tail_are_kept() {
    let text = lines(20_000);
    let mut recorder = Recorder::new(1 << 20);
    recorder.push(&text[..HEAD]);
    recorder.store = recorder.nothing_kept();
    for block in text[HEAD..].chunks(777) {
        recorder.push(block);
    }
    let log = recorder.finish([true, false]);
    assert!(log.compressed().is_none());
    assert_eq!(log.missing(), (text.len() - HEAD - TAIL) as u64);
    let kept = all(&log);
    assert!(kept.starts_with(&text[..HEAD]) && kept.ends_with(&text[text.len() - TAIL..]));
}
