//! The check of all rows before the first is sent.

use crate::cli::ExitStatus;
use crate::cli::merge::journal::{Journal, RowStatus};
use crate::cli::merge::row::{PreparedRow, RowFault, at};
use crate::cli::merge::{ChangedRows, MergeOptions};
use crate::cli::terminal::{complain, warn};
use crate::mail::merge::{Row, RowError};
use crate::system::exit::Exit;
use crate::system::text::shown;
use std::collections::BTreeSet;

/// Maximum number of errors that are reported.
const MAX_ERRORS: usize = 10;

/// The rows of a list that was checked.
#[derive(Debug, Default)]
pub(super) struct CheckedList {
    /// Number of rows.
    pub rows: u64,
    /// Number of rows to send.
    pub open: u64,
    /// Number of rows that may have been sent before, and are held.
    pub uncertain: u64,
    /// Number of rows that were refused before, and are not tried again.
    pub refused: u64,
    pub has_unsubscribe: bool,
}

/// Errors of the check. The first ones are reported.
struct CheckErrors {
    count: usize,
    exit: Exit,
}

impl CheckErrors {
    fn add(&mut self, fault: &RowFault) {
        self.count += 1;
        if self.count == 1 {
            self.exit = fault.exit;
        }
        if self.count <= MAX_ERRORS {
            complain(&fault.text);
        }
    }

    fn finish(self) -> Result<(), Exit> {
        match self.count {
            0 => return Ok(()),
            count if count > MAX_ERRORS => {
                complain(&format!("{} more errors", count - MAX_ERRORS));
            }
            _ => {}
        }
        complain("nothing was sent");
        Err(self.exit)
    }
}

/// Warnings about messages, each reported once.
#[derive(Default)]
struct Warnings(BTreeSet<String>);

impl Warnings {
    fn add(&mut self, row: &Row, warnings: &[String], options: &MergeOptions) {
        for warning in warnings {
            if self.0.len() < MAX_ERRORS && self.0.insert(warning.clone()) {
                warn(&at(options, row.line, warning));
            }
        }
    }
}

/// Reads, fills in and builds all rows. Errors are reported. `journal`: none is used.
pub(super) fn check(
    options: &MergeOptions,
    journal: Option<&Journal>,
) -> Result<CheckedList, Exit> {
    let unreadable = |error: &RowError| {
        complain(&format!("{error}; nothing was sent"));
        error.exit()
    };
    let mut reader = options.list.open().map_err(|error| unreadable(&error))?;
    let mut errors = CheckErrors {
        count: 0,
        exit: Exit::Data,
    };
    let mut list = CheckedList::default();
    let mut warnings = Warnings::default();
    let mut keys: Vec<(u64, u64)> = Vec::new();
    let mut only: Vec<&String> = options.rows.only.iter().collect();
    while let Some(row) = reader.next_row().map_err(|error| unreadable(&error))? {
        list.rows += 1;
        let checked = PreparedRow::of(&row, options, "").and_then(|(prepared, message)| {
            for copy in message.build(&prepared, options)?.iter().take(1) {
                warnings.add(&row, &copy.message.warnings, options);
            }
            Ok(prepared)
        });
        let prepared = match checked {
            Ok(prepared) => prepared,
            Err(fault) => {
                errors.add(&fault);
                continue;
            }
        };
        keys.push((prepared.key.hash, row.line));
        only.retain(|id| **id != prepared.key.text);
        list.has_unsubscribe |= prepared.has_unsubscribe;
        let state = journal.map(|journal| journal.row(prepared.key.hash));
        let state = state.unwrap_or_default();
        if prepared.is_changed(state) && options.rows.changed.is_none() {
            errors.add(&changed(options, row.line, &prepared.key.text));
        }
        let open = prepared.open(state, options);
        list.open += u64::from(open != 0);
        list.uncertain += u64::from(state.uncertain != 0 && open == 0);
        list.refused += u64::from(state.status() == RowStatus::Refused && open == 0);
    }
    if let Some(fault) = duplicate(options, keys) {
        errors.add(&fault);
    }
    if let Some(id) = only.first() {
        errors.add(&RowFault {
            text: format!("--only: there is no row {}", shown(id)),
            exit: Exit::Usage,
        });
    }
    errors.finish().map(|()| list)
}

fn changed(options: &MergeOptions, line: u64, key: &str) -> RowFault {
    debug_assert!(options.rows.changed != Some(ChangedRows::Skip));
    let what = format!(
        "{} was sent with another content; use --changed skip or --changed send, or another --journal",
        shown(key)
    );
    RowFault {
        text: at(options, line, &what),
        exit: Exit::Data,
    }
}

/// The first row whose key another row has.
fn duplicate(options: &MergeOptions, mut keys: Vec<(u64, u64)>) -> Option<RowFault> {
    keys.sort_unstable();
    let mut pairs = keys.windows(2);
    let pair = pairs.find(|pair| pair[0].0 == pair[1].0)?;
    let what = match &options.description.id_field {
        None => "the recipients are the same".to_owned(),
        Some(field) => format!("{} is the same", shown(field)),
    };
    let what = format!(
        "{what} as in line {}; --id names the field that identifies a row",
        pair[0].1
    );
    Some(RowFault {
        text: at(options, pair[1].1, &what),
        exit: Exit::Data,
    })
}
