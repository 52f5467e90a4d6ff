//! The progress bar of `ehlo queue run` at a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Delay before the bar appears.
const DELAY: Duration = Duration::from_secs(1);

/// The bar shows the items of the current pass.
const TEMPLATE: &str = "[{bar:30}] {pos} of {len} items, {elapsed}";

/// A progress bar, which does not appear if the pass is short.
pub(super) struct QueueProgress {
    is_terminal: bool,
    bar: Mutex<Option<Bar>>,
}

struct Bar {
    bar: ProgressBar,
    start: Instant,
}

impl QueueProgress {
    /// Without a terminal, nothing is shown.
    pub(super) fn new(is_terminal: bool) -> Self {
        Self {
            is_terminal,
            bar: Mutex::new(None),
        }
    }

    /// More items are due.
    pub(super) fn add(&self, items: usize) {
        if self.is_terminal && items > 0 {
            let mut bar = self.lock();
            let bar = bar.get_or_insert_with(Bar::new);
            bar.bar.inc_length(items as u64);
        }
    }

    /// An item is done.
    pub(super) fn advance(&self) {
        if let Some(bar) = &*self.lock() {
            if bar.start.elapsed() >= DELAY && bar.bar.is_hidden() {
                bar.bar
                    .set_draw_target(ProgressDrawTarget::stderr_with_hz(4));
            }
            bar.bar.inc(1);
        }
    }

    /// Prints something else while the bar is hidden.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        match &*self.lock() {
            Some(bar) => bar.bar.suspend(print),
            None => print(),
        }
    }

    /// The pass is over.
    pub(super) fn end(&self) {
        if let Some(bar) = self.lock().take() {
            bar.bar.finish_and_clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Bar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self {
            bar,
            start: Instant::now(),
        }
    }
}
