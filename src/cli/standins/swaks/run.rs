//! A run of swaks.

use crate::cli::standins::Call;
use crate::cli::standins::swaks::dump::{self, Dump};
use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::identity::{Identity, VERSION};
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::options::{Key, TABLE};
use crate::cli::standins::swaks::plan::Plan;
use crate::cli::standins::swaks::printer::Stop;
use crate::cli::standins::swaks::sources;
use crate::cli::standins::swaks::steps;
use crate::system::exit::Exit;
use std::ffi::OsString;

/// A call of swaks.
#[derive(Debug)]
pub struct Swaks {
    program: String,
    words: Vec<OsString>,
}

impl Swaks {
    pub fn of(call: &Call<'_>) -> Self {
        Self {
            program: octets::of_os(&call.name),
            words: call.words.to_vec(),
        }
    }
}

pub(crate) fn run(swaks: Swaks) -> Exit {
    let identity = Identity::new(swaks.program);
    let mut given = Given::new();
    let ended = session(&swaks.words, &mut given, &identity);
    let ended = ended.and_then(|()| given.printer.check());
    match ended {
        Ok(()) | Err(Stop(0)) => Exit::Ok,
        Err(Stop(status)) => Exit::Command(status),
    }
}

fn session(words: &[OsString], given: &mut Given, identity: &Identity) -> Result<(), Stop> {
    sources::read(words, given)?;
    if given.flag(Key::Help) {
        given.printer.plain(&help(identity));
        return Ok(());
    }
    if given.flag(Key::Version) {
        let own = env!("CARGO_PKG_VERSION");
        let line = format!("{} version {VERSION} (ehlo {own})\n", identity.name);
        given.printer.plain(&line);
        return Ok(());
    }
    if given.flag(Key::Support) {
        let lines = dump::support(given).join("\n") + "\n";
        given.printer.plain(&lines);
        return Ok(());
    }
    let mut plan = Plan::new(given, identity)?;
    dump::replace_body(&mut plan, identity, given);
    if let Some(parts) = &plan.dump {
        let dump = Dump {
            plan: &plan,
            identity,
            given,
            is_body: false,
        };
        let text = dump.with_password(parts);
        given.printer.plain(&text);
    } else if plan.dumps_mail {
        let data = plan.data.strip_suffix("\n.").unwrap_or(&plan.data);
        given.printer.plain(data);
    } else {
        steps::run(&mut plan, &identity.program, &mut given.printer)?;
    }
    Ok(())
}

fn help(identity: &Identity) -> String {
    let mut text = format!(
        "Usage: {} [OPTION]...\n\nSends a test message as swaks {VERSION} does. See ehlo-swaks(1).\n\n",
        identity.name
    );
    for (option, meaning) in option_rows() {
        text += &format!("  {option}\n      {meaning}\n");
    }
    text
}

/// Each option with its names, and its meaning, for the manual.
pub fn option_rows() -> Vec<(String, &'static str)> {
    let rows = TABLE.iter();
    rows.map(|row| (row.to_string(), row.help)).collect()
}
