//! `ehlo merge status` and `ehlo merge failed`: what the journal of a merge has recorded.

use crate::cli::ExitStatus;
use crate::cli::merge::journal::{
    JournalError, JournalHeader, JournalLine, RowEvent, RowStates, RowStatus, key_hash, read,
};
use crate::cli::terminal::{complain, print};
use crate::mail::merge::{ListFormat, MergeList, Row, RowError, write_list};
use crate::system::exit::Exit;
use crate::system::text::{shown, shown_path};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The fields that are added to failed rows.
const ADDED: [&str; 2] = ["_status", "_reply"];

/// The reason of a row that is uncertain.
const NO_REPLY: &str = "sent, and no reply was recorded; it may have been delivered";

/// The rows of a journal.
#[derive(Default)]
struct JournalRows {
    states: RowStates,
    /// The rows that are neither accepted nor queued, by the hash of their keys.
    unfinished: HashMap<u64, UnfinishedRow>,
}

struct UnfinishedRow {
    number: u64,
    key: String,
    /// The last reply or reason.
    reply: String,
}

impl JournalRows {
    fn read(path: &Path) -> Result<(JournalHeader, Self), Exit> {
        let mut rows = Self::default();
        let failed = |error: &JournalError| {
            complain(&error.to_string());
            Exit::NoInput
        };
        let header = read(path, |line| rows.add(line)).map_err(|error| failed(&error))?;
        let header = header.ok_or_else(|| {
            complain(&format!("{} is empty", shown_path(path)));
            Exit::Data
        })?;
        Ok((header, rows))
    }

    fn add(&mut self, line: JournalLine) {
        let hash = key_hash(&line.key);
        let state = self.states.entry(hash).or_default();
        state.apply(&line.event);
        if matches!(state.status(), RowStatus::Accepted | RowStatus::Queued) {
            self.unfinished.remove(&hash);
            return;
        }
        let (number, reply) = match line.event {
            RowEvent::Dot { row, .. } => (row, NO_REPLY.to_owned()),
            RowEvent::Refused { row, reply, .. } | RowEvent::Deferred { row, reply, .. } => {
                (row, reply)
            }
            RowEvent::Taken { .. } | RowEvent::Queued { .. } => return,
        };
        let key = line.key;
        self.unfinished
            .insert(hash, UnfinishedRow { number, key, reply });
    }

    /// The rows that are not accepted, by their numbers.
    fn by_number(&self) -> BTreeMap<u64, (RowStatus, &UnfinishedRow)> {
        let rows = self.unfinished.iter();
        let with_status = rows.map(|(hash, row)| {
            let state = self.states.get(hash).copied().unwrap_or_default();
            (row.number, (state.status(), row))
        });
        with_status.collect()
    }

    fn count(&self, status: RowStatus) -> usize {
        let states = self.states.values();
        states.filter(|state| state.status() == status).count()
    }
}

/// Prints the number of rows with each status, and the rows that are uncertain.
pub(super) fn status(path: &Path, as_json: bool) -> Result<Exit, Exit> {
    let (header, rows) = JournalRows::read(path)?;
    let all = [
        RowStatus::Accepted,
        RowStatus::Queued,
        RowStatus::Refused,
        RowStatus::Deferred,
        RowStatus::Uncertain,
    ];
    let counts = all.map(|status| (status.name(), rows.count(status)));
    let uncertain = rows.by_number().into_values();
    let uncertain: Vec<&UnfinishedRow> = uncertain
        .filter_map(|(status, row)| (status == RowStatus::Uncertain).then_some(row))
        .collect();
    Ok(print(|out| {
        if as_json {
            let mut object = json!({"list": header.list.path});
            for (name, count) in counts {
                object[name] = count.into();
            }
            let ids = uncertain
                .iter()
                .map(|row| json!({"row": row.number, "id": row.key}));
            object["uncertain_rows"] = ids.collect();
            return writeln!(out, "{object}");
        }
        // Few runs have a queue.
        let counts = counts
            .into_iter()
            .filter(|(name, count)| *count > 0 || *name != RowStatus::Queued.name());
        let counts: Vec<String> = counts
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        writeln!(
            out,
            "{}: {}",
            shown_path(&header.list.path),
            counts.join(", ")
        )?;
        for row in &uncertain {
            writeln!(out, "uncertain: row {} ({})", row.number, shown(&row.key))?;
        }
        Ok(())
    }))
}

/// Prints the rows of the list that were tried and are not accepted.
pub(super) fn failed(path: &Path) -> Result<Exit, Exit> {
    let (header, rows) = JournalRows::read(path)?;
    let list = MergeList {
        path: header.list.path,
        format: header
            .list
            .separator
            .map_or(ListFormat::JsonLines, |separator| {
                ListFormat::Csv(u8::try_from(separator).unwrap_or(b','))
            }),
        encoding: header.list.encoding,
    };
    let unreadable = |error: &RowError| {
        complain(&format!("{error}"));
        error.exit()
    };
    let mut reader = list.open().map_err(|error| unreadable(&error))?;
    let names: Vec<String> = reader.header().to_vec();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut unfinished = rows.by_number();
    let mut found = Vec::new();
    while let Some(row) = reader.next_row().map_err(|error| unreadable(&error))? {
        if let Some((status, row_of_journal)) = unfinished.remove(&row.number) {
            let reply = row_of_journal.reply.as_str();
            found.push(FailedRow { row, status, reply });
        }
    }
    if let Some(number) = unfinished.keys().next() {
        let path = shown_path(&list.path);
        complain(&format!(
            "{path} has no row {number}: it has been changed since"
        ));
        return Err(Exit::Data);
    }
    // A list of failed rows may be merged again.
    let names: Vec<&str> = names
        .into_iter()
        .filter(|name| !ADDED.contains(name))
        .collect();
    Ok(print(|out| {
        let rows = found.iter().map(FailedRow::fields);
        write_list(out, list.format, &[&names[..], &ADDED].concat(), rows)
    }))
}

struct FailedRow<'a> {
    row: Row,
    status: RowStatus,
    reply: &'a str,
}

impl FailedRow<'_> {
    /// Its fields with those that are added.
    fn fields(&self) -> Map<String, Value> {
        let mut fields = self.row.fields.clone();
        fields.insert(ADDED[0].to_owned(), self.status.name().into());
        fields.insert(ADDED[1].to_owned(), self.reply.into());
        fields
    }
}
