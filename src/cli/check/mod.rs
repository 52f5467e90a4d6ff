//! `ehlo check`: the records and servers of a domain.

pub(crate) mod args;
mod report;
mod run;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::probe::check::{CheckOptions, DomainExpectation};
use std::path::PathBuf;

#[derive(Debug)]
pub struct CheckTask {
    pub domains: Vec<String>,
    /// A file with more domains.
    pub list: Option<PathBuf>,
    /// A message whose signatures name selectors.
    pub message: Option<PathBuf>,
    pub expected: Vec<DomainExpectation>,
    /// Domains and selectors of the keys of the configuration.
    pub keys: Vec<(String, String)>,
    pub json: bool,
    pub verbose: bool,
    pub options: CheckOptions,
}
