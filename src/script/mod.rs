//! Scripts: a small line language to hold an SMTP conversation and to check what the server says.
//!
//! [`parse`] reads a script and all that it includes, or says what is wrong with it; [`Case::all_of`] makes
//! tests of it; [`run`] holds one of them; [`report`] says how they ended, for programs. [`Scribe`] makes
//! a script of a session, and [`library`] has those that come with the program.

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
