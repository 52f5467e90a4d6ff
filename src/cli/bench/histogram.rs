//! The percentiles of a distribution in the text form of `HdrHistogram` (`.hgrm`), which its plotters read.

use crate::probe::load::Latencies;

/// The distribution, with times in milliseconds.
pub fn text(latencies: &Latencies) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for step in latencies.steps() {
        let value = step.time.as_secs_f64() * 1e3;
        let left = 1.0 - step.quantile;
        // The last line has no fourth column.
        let inverse = if left > 0.0 {
            format!("{:>14.2}", 1.0 / left)
        } else {
            String::new()
        };
        let line = format!(
            "{value:>12.5} {:>14.12} {:>10} {inverse}",
            step.quantile, step.count
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    out.push_str(&format!(
        "#[Mean    = {:>12.5}, StdDeviation   = {:>12.5}]\n#[Max     = {:>12.5}, Total count    = {:>12}]\n",
        milliseconds(latencies.mean()),
        milliseconds(latencies.deviation()),
        milliseconds(latencies.max()),
        latencies.count(),
    ));
    out
}
