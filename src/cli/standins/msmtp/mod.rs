//! msmtp: its options, its configuration files and its texts. Messages are sent as all others.

mod account;
mod aliases;
mod args;
mod configure;
mod failure;
mod log;
mod print;
mod route;
mod send;
mod server;
mod session;

pub(crate) use args::MsmtpArgs;

use crate::cli::terminal;
use crate::config::Places;
use crate::system::exit::Exit;
use crate::system::text::shown;
use account::MsmtpError;
use args::MsmtpTask;

/// Does what the command line asks for.
pub(crate) fn run(mut args: MsmtpArgs) -> Exit {
    match start(&mut args) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&error.text);
            error.exit
        }
    }
}

fn start(args: &mut MsmtpArgs) -> Result<Exit, MsmtpError> {
    let places = Places::of_this_process();
    if args.version || args.help {
        let version = args.version.then(|| print::version(args));
        let help = args.help.then(|| print::HELP.to_owned());
        let text = version.into_iter().chain(help).collect::<String>();
        return Ok(match terminal::write(text.as_bytes()) {
            Ok(()) => Exit::Ok,
            Err(exit) => exit,
        });
    }
    match &args.task {
        MsmtpTask::Configure(address) => configure::run(address, args),
        MsmtpTask::ServerInfo | MsmtpTask::Rmqs(_) => server::run(args, &places),
        MsmtpTask::Send => send::run(args, &places),
    }
}

/// Writes an error to stderr as msmtp does.
fn complain(text: &str) {
    terminal::complain_escaped(&format!("msmtp: {}\n", shown(text)));
}
