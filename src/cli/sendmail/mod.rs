//! `ehlo sendmail`, `mailq` and `newaliases`: the options of sendmail.

pub(crate) mod args;
pub mod options;

mod run;
mod serve;

pub(crate) use args::{SendmailCall, SendmailWords, misplaced};

use crate::cli::queue::{self, Work};
use crate::system::exit::Exit;
use options::{Sendmail, SendmailTask};

pub fn run(plan: &Sendmail) -> Exit {
    let queue = &plan.queueing.queue;
    match &plan.task {
        SendmailTask::Submit(submission) => run::submit(plan, submission),
        SendmailTask::Serve => serve::run(plan),
        SendmailTask::Verify { recipients, sender } => {
            run::verify(plan, recipients, sender.as_deref())
        }
        SendmailTask::List => queue::work(queue, &Work::List { json: false }),
        SendmailTask::Run(run) => queue::run_or_watch(queue, run),
        SendmailTask::Nothing => Exit::Ok,
    }
}
