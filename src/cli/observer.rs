//! Observers between a session and its transcript: a progress bar on stderr, and the log of `sendmail -X`.

use crate::cli::terminal::complain;
use crate::client::events::{Event, Interests, Observer};
use crate::system::text::reason;
use crate::transcript::{Stevens, TranscriptOptions};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::{File, OpenOptions};
use std::io;
use std::io::IsTerminal as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Delay before the first output.
const DELAY: Duration = Duration::from_secs(1);

/// The bar shows the amount, the rate and the remaining time.
const TEMPLATE: &str = "[{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// An observer that shows progress, and passes all events on.
pub struct Progress<'w> {
    next: &'w mut dyn Observer,
    is_terminal: bool,
    start: Option<Instant>,
    bar: Option<ProgressBar>,
    /// Time of the last line.
    last_line: Option<Instant>,
}

impl<'w> Progress<'w> {
    pub fn new(next: &'w mut dyn Observer) -> Self {
        Self {
            next,
            is_terminal: io::stderr().is_terminal(),
            start: None,
            bar: None,
            last_line: None,
        }
    }

    fn show(&mut self, octets: u64, of: u64) {
        let start = *self.start.get_or_insert_with(Instant::now);
        let is_shown = start.elapsed() >= DELAY;
        if !self.is_terminal {
            if is_shown {
                self.print_line(octets, of);
            }
            return;
        }
        // Hidden at first, so that the rate is known when it appears.
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::hidden());
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        bar.set_position(octets);
        if is_shown && bar.is_hidden() {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(4));
        }
    }
}

impl Progress<'_> {
    /// One line per second, if no bar can be drawn.
    fn print_line(&mut self, octets: u64, of: u64) {
        let is_due = self
            .last_line
            .is_none_or(|last_line| last_line.elapsed() >= DELAY);
        if is_due {
            self.last_line = Some(Instant::now());
            complain(&format!("sent {octets} of {of} bytes"));
        }
    }
}

impl Observer for Progress<'_> {
    fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Progress { octets, of } => self.show(octets, of),
            Event::Data { .. } | Event::Closed => {
                self.start = None;
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
        let next = &mut self.next;
        match &self.bar {
            // The bar is hidden while another line is printed.
            Some(bar) if !matches!(event, Event::Progress { .. }) => {
                bar.suspend(|| next.on_event(event));
            }
            _ => next.on_event(event),
        }
    }

    fn is_closed(&self) -> bool {
        self.next.is_closed()
    }

    fn interests(&self) -> Interests {
        self.next.interests()
    }
}

/// Passes events on, and writes them to a log file.
pub struct Logged<'w> {
    next: &'w mut dyn Observer,
    /// `None`: it cannot be written. The message is more important.
    log: Option<Stevens<File>>,
}

impl<'w> Logged<'w> {
    /// Appends to this file. A new file is readable only by its owner.
    pub fn open(path: &Path, next: &'w mut dyn Observer) -> Self {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|error| {
            complain(&format!(
                "-X: cannot write {}: {}",
                path.display(),
                reason(&error)
            ));
        });
        Self {
            next,
            log: file
                .ok()
                .map(|file| Stevens::new(file, TranscriptOptions::verbose())),
        }
    }
}

impl Observer for Logged<'_> {
    fn on_event(&mut self, event: Event<'_>) {
        if let Some(log) = &mut self.log {
            log.on_event(event);
        }
        self.next.on_event(event);
    }

    fn is_closed(&self) -> bool {
        self.next.is_closed()
    }

    fn interests(&self) -> Interests {
        self.next.interests()
    }
}
