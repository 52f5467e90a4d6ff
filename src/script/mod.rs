//! Scripts: a small line language for SMTP sessions with checks of the server's replies.
//!
//! [`parse`] reads a script with its includes, or returns its mistakes; [`Case::all_of`] divides it into
//! tests; [`run`] runs one of them; [`report`] writes the results for programs. [`Scribe`] records a
//! session as a script, and [`library`] contains the built-in scripts.

pub(crate) mod session_log;

mod cases;
mod demands;
mod expectation;
pub mod library;
mod mistake;
mod parse;
mod record;
pub mod report;
mod run;
mod source;
mod statement;
mod target;
mod text;

pub use cases::Case;
pub use demands::Demands;
pub use mistake::Mistake;
pub use parse::{parse, parse_source};
pub use record::Scribe;
pub use run::{Difference, FinishedTest, TestContext, TestEnding, run};
pub use source::ScriptSource;
pub use statement::{Script, ScriptPosition, Statement};
pub use text::{Variables, is_name};
