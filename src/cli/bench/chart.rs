//! A chart of a distribution: a bar for each range of times.

use crate::cli::bench::time;
use crate::probe::load::Latencies;
use crate::system::text::in_color;
use std::time::Duration;

/// Columns of the longest bar.
const BAR: u64 = 40;

/// Columns of a limit of a range.
const LIMIT: usize = 7;

/// The ANSI code of bars.
const COLOR: &str = "36";

/// The chart, with ranges that end at 1, 2 and 5 of each decade. Empty if there are no times.
pub fn chart(latencies: &Latencies, colors: bool) -> String {
    let ranges = ranges(latencies);
    let most = ranges.iter().map(|(.., count)| *count).max().unwrap_or(0);
    let all = latencies.count().max(1);
    let mut out = String::new();
    for (low, high, count) in ranges {
        let length = (count * BAR).div_ceil(most.max(1));
        let bar = "#".repeat(usize::try_from(length).unwrap_or_default());
        let bar = if colors && !bar.is_empty() {
            let blanks = " ".repeat(usize::try_from(BAR - length).unwrap_or_default());
            in_color(COLOR, &bar) + &blanks
        } else {
            format!(
                "{bar:<width$}",
                width = usize::try_from(BAR).unwrap_or_default()
            )
        };
        let share = count as f64 * 100.0 / all as f64;
        out.push_str(&format!(
            "{:>LIMIT$} - {:<LIMIT$} {bar} {count:>9} {share:>5.1}%\n",
            time(low),
            time(high)
        ));
    }
    out
}

/// The ranges from the shortest to the longest time, with the number of times in each.
pub fn ranges(latencies: &Latencies) -> Vec<(Duration, Duration, u64)> {
    if latencies.count() == 0 {
        return Vec::new();
    }
    let mut ranges = Vec::new();
    let mut low = Duration::ZERO;
    for high in limits() {
        if high >= latencies.min() {
            ranges.push((low, high, latencies.count_between(low, high)));
        }
        if high >= latencies.max() {
            break;
        }
        low = high;
    }
    ranges
}

/// 1, 2, 5, 10, 20, ... microseconds, up to a day and more.
fn limits() -> impl Iterator<Item = Duration> {
    let decades = (0..12).map(|power| 10_u64.pow(power));
    decades.flat_map(|decade| [1, 2, 5].map(|digit| Duration::from_micros(digit * decade)))
}
