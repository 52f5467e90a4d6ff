//! The options that were given, in all sources, and how their arguments are obtained.

use crate::cli::standins::swaks::getopt::Found;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::is_true;
use crate::cli::standins::swaks::options::{Answer, Group, Key, Missing, Prompt, TABLE};
use crate::cli::standins::swaks::printer::{Printer, Stop};
use crate::client::credentials;
use crate::system::text::reason;
use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead as _, Read as _};

/// The options of a run.
pub struct Given {
    pub printer: Printer,
    /// The values of each option, by its number; `None`: it was never mentioned.
    values: Vec<Option<VecDeque<String>>>,
    /// The order of the options of a group, one entry for each value.
    attachments: Vec<Key>,
    xclient: Vec<Key>,
    /// The standard input, if it was read for an argument.
    stdin: Option<String>,
    /// True if a password that is typed is not shown (`--protect-prompt`).
    pub protects_prompt: bool,
}

impl Given {
    pub fn new() -> Self {
        Self {
            printer: Printer::new(),
            values: vec![None; TABLE.len()],
            attachments: Vec::new(),
            xclient: Vec::new(),
            stdin: None,
            protects_prompt: false,
        }
    }

    /// Adds an option from the next source.
    pub fn add(&mut self, found: Found) {
        let Found {
            key,
            is_removed,
            value,
        } = found;
        if key == Key::TriggerDeprecation {
            let no = if is_removed { "no-" } else { "" };
            self.printer.error(&format!(
                "DEPRECATION WARNING: Option --{no}{} will be removed in the future.  Please see documentation for more information.",
                key.name()
            ));
        }
        let is_replaced = is_removed || !key.row().is_list;
        let values = self.values[key as usize].get_or_insert_default();
        if is_replaced {
            values.clear();
        }
        if !is_removed {
            values.push_back(match key {
                Key::Silent if !matches!(value.as_str(), "1" | "2" | "3") => "1".to_owned(),
                _ => value,
            });
        }
        let Some(group) = key.row().group else {
            return;
        };
        let order = self.order_mut(group);
        if is_replaced {
            order.retain(|one| *one != key);
        }
        if !is_removed {
            order.push(key);
        }
    }

    fn order_mut(&mut self, group: Group) -> &mut Vec<Key> {
        match group {
            Group::Attachments => &mut self.attachments,
            Group::Xclient => &mut self.xclient,
        }
    }

    /// The options of a group, in their order.
    pub fn order(&self, group: Group) -> &[Key] {
        match group {
            Group::Attachments => &self.attachments,
            Group::Xclient => &self.xclient,
        }
    }

    /// The number of values of an option.
    pub fn count(&self, key: Key) -> usize {
        self.values[key as usize].as_ref().map_or(0, VecDeque::len)
    }

    pub fn flag(&self, key: Key) -> bool {
        self.raw(key).is_some()
    }

    /// The next value, unprocessed.
    pub fn raw(&self, key: Key) -> Option<&str> {
        let values = self.values[key as usize].as_ref()?;
        values.front().map(String::as_str)
    }

    /// The next value, which a list then loses unless it is the last one. `@FILE` and `-` are replaced by the content.
    pub fn take(&mut self, key: Key) -> Result<Option<String>, Stop> {
        let Some(value) = self.pop(key) else {
            return Ok(None);
        };
        let row = key.row();
        let value = match row.missing {
            Missing::Error if value.is_empty() => {
                let error = format!(
                    "Option processing error: option {} specified with no argument",
                    key.name()
                );
                return Err(self.printer.stop(1, &error));
            }
            Missing::Prompt(prompt) if value.is_empty() => self.ask(prompt)?,
            _ => value,
        };
        let value = if row.reads_files {
            self.content(key, value)?
        } else {
            value
        };
        Ok(Some(value))
    }

    /// The value, if it is true as in Perl: not empty, and not `0`.
    pub fn take_true(&mut self, key: Key) -> Result<Option<String>, Stop> {
        Ok(self.take(key)?.filter(|value| is_true(value)))
    }

    fn pop(&mut self, key: Key) -> Option<String> {
        let values = self.values[key as usize].as_mut()?;
        let value = values.pop_front()?;
        if values.is_empty() {
            values.push_back(value.clone());
        }
        Some(value)
    }

    fn content(&mut self, key: Key, value: String) -> Result<String, Stop> {
        if value == "-" {
            return Ok(self.standard_input());
        }
        let Some(name) = value.strip_prefix('@') else {
            return Ok(value);
        };
        if name.starts_with('@') {
            return Ok(name.to_owned());
        }
        match fs::read(octets::path(name)) {
            Ok(bytes) => Ok(octets::of_bytes(&bytes)),
            Err(error) => {
                let error = format!(
                    "Option processing error: file {name} not openable for option {} ({})",
                    key.name(),
                    reason(&error)
                );
                Err(self.printer.stop(1, &error))
            }
        }
    }

    /// All of the standard input, which several options may name.
    fn standard_input(&mut self) -> String {
        let text = self.stdin.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            // What cannot be read is missing, as in swaks.
            let _ = io::stdin().lock().read_to_end(&mut bytes);
            octets::of_bytes(&bytes)
        });
        text.clone()
    }

    /// The argument of an option that is needed even if it was not given; the user is asked for it.
    pub fn take_or_ask(&mut self, key: Key, prompt: Prompt) -> Result<String, Stop> {
        match &self.values[key as usize] {
            // It was given and then removed.
            Some(values) if values.is_empty() => Ok(String::new()),
            _ => match self.pop(key) {
                Some(value) if !value.is_empty() => Ok(value),
                _ => self.ask(prompt),
            },
        }
    }

    /// Asks the user until the answer has the right form.
    pub fn ask(&mut self, prompt: Prompt) -> Result<String, Stop> {
        loop {
            self.printer.question(prompt.text);
            self.printer.check()?;
            let is_hidden = prompt.is_secret && self.protects_prompt;
            match line(is_hidden) {
                Some(answer) if prompt.answer.accepts(&answer) => return Ok(answer),
                Some(_) => {}
                None if prompt.answer == Answer::Any => return Ok(String::new()),
                None => {
                    let error = "Input ended at a prompt.  Exiting";
                    return Err(self.printer.stop(1, error));
                }
            }
        }
    }
}

/// A line of the standard input without its end; `None` at the end of the input.
fn line(is_hidden: bool) -> Option<String> {
    if is_hidden && let Some(secret) = credentials::hidden_line() {
        return Some(octets::of_bytes(secret.expose()));
    }
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_until(b'\n', &mut bytes);
    if !matches!(read, Ok(1..)) {
        return None;
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Some(octets::of_bytes(&bytes))
}
