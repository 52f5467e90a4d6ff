//! Many connections at once.

use crate::client::events::{Event, Silent};
use crate::script::run::{Interpreter, StopReason, TestContext, TestEnding};
use crate::script::session_log::{Heard, Tape};
use crate::script::statement::{ScriptPosition, Statement};
use crate::script::text::Variables;
use crate::system::exit::Exit;
use std::thread::{self, ScopedJoinHandle};

/// Stack size of a thread; a script needs little.
const STACK: usize = 512 * 1024;

/// The result and the lines of one connection.
struct ParallelResult {
    ended: Result<(), TestEnding>,
    lines: Vec<Heard>,
}

impl Interpreter<'_, '_> {
    /// Runs a block on several connections at once, and shows them one after the other when all have ended.
    /// The first failure is the result.
    pub(super) fn parallel(
        &mut self,
        at: &ScriptPosition,
        count: usize,
        body: &[Statement],
    ) -> Result<(), TestEnding> {
        let (context, variables) = (self.context, &self.variables);
        let held: Vec<ParallelResult> = thread::scope(|scope| {
            let begin = |turn| {
                let builder = thread::Builder::new().stack_size(STACK);
                builder.spawn_scoped(scope, move || hold(context, variables.clone(), turn, body))
            };
            let threads: Vec<_> = (1..=count).map(begin).collect();
            let ended = threads.into_iter().flatten().map(ScopedJoinHandle::join);
            ended.flatten().collect()
        });
        let mut worst = if held.len() == count {
            Ok(())
        } else {
            let why = format!("only {} of {count} connections could be begun", held.len());
            Err(StopReason::Fails(why, Exit::Temporary).at(at))
        };
        for (at, held) in held.into_iter().enumerate() {
            let note = format!("connection {} of {count}", at + 1);
            self.observer.on_event(Event::Note(&note));
            for line in &held.lines {
                line.tell(&mut *self.observer);
            }
            if worst.is_ok() {
                worst = held.ended;
            }
        }
        worst
    }
}

fn hold(
    context: &TestContext<'_>,
    variables: Variables,
    turn: usize,
    body: &[Statement],
) -> ParallelResult {
    let mut nobody = Silent;
    let mut tape = Tape::new(&mut nobody);
    let mut interpreter = Interpreter::new(context, variables, &mut tape);
    interpreter.number(turn);
    let ended = interpreter.all(body);
    drop(interpreter);
    ParallelResult {
        ended,
        lines: tape.into_lines(),
    }
}
