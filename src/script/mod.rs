//! Scripts: a small line language for SMTP sessions with checks of the server's replies.
//!
//! [`parse`] reads a script with its includes, or returns its errors; [`TestCase::all_of`] divides it into
//! tests; [`run`] runs one of them; [`report`] writes the results for programs. [`ScriptRecorder`] records a
//! session as a script, and [`BUILT_IN`] contains the bundled scripts.

mod cases;
mod expectation;
mod parse;
mod record;
pub mod report;
mod run;
mod source;
mod statement;
mod text;

pub use cases::{Requirements, TestCase};
pub use parse::{parse, parse_source};
pub use record::ScriptRecorder;
pub use report::{Difference, FinishedTest, TestEnding};
pub use run::{TestContext, run};
pub use source::{BUILT_IN, BuiltInScript, ScriptSource, built_in};
pub use statement::{Script, ScriptError, ScriptPosition, Statement};
pub use text::{Variables, is_name};
