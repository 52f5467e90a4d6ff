//! The programs that call sendmail, each run for real with ours as its sendmail. What they gave is
//! known from a sendmail that only writes down what it gets; what became of it is read in the
//! mailboxes of a private Postfix.
//!
//! `EHLO_CALLERS_SENDMAIL=/usr/sbin/sendmail` puts Postfix's own in the place of ours: what fails with
//! that one is wrong with the test.

mod call;
mod daemons;
mod host;
mod house;
mod letter;
mod libraries;
mod mailers;
mod scripts;

use house::House;
use letter::Likeness;

/// A program that calls sendmail.
#[derive(Clone, Copy)]
struct Caller<'c> {
    /// The files that must be there for it to run.
    needs: &'c [&'c str],
    /// How it is run: a script for bash, in which `$1` is the sendmail to call.
    script: &'c str,
    /// Where it is run.
    place: Place,
    /// The envelope's sender.
    sender: &'c str,
    /// The envelope's recipients.
    recipients: &'c [&'c str],
    /// How it shows that a sendmail has failed.
    failure: Failure<'c>,
}

/// Where a caller is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a directory of its own; it can be told which sendmail to call.
    Directory,
    /// Where /usr/sbin/sendmail is ours, and /etc, /run and /var/spool/cron are its own.
    Host,
}

/// How a caller shows that a sendmail has failed.
#[derive(Clone, Copy)]
enum Failure<'c> {
    /// By its own exit status.
    Status(i32),
    /// By saying this, to the terminal or in the log of the system.
    Says(&'c str),
    /// It does not care.
    Unseen,
}

/// What the callers have in common, unless they say otherwise.
const CALLER: Caller = Caller {
    needs: &[],
    script: "",
    place: Place::Directory,
    sender: "alice@example.org",
    recipients: &["bob@example.test"],
    failure: Failure::Status(75),
};

/// Its message arrives once, as it was given; it takes our exit status for success, and notices when
/// we fail.
#[track_caller]
fn is_served(caller: &Caller) {
    let Some(house) = House::start(caller) else {
        return;
    };
    let call = house.recorded(caller);
    let given = call.letter();

    house.run(caller).ends_well();
    house.has_delivered(caller, &given, Likeness::Shape);

    house.call(caller.place, &call).ends_well();
    house.has_delivered(caller, &given, Likeness::Exact);

    house.break_down();
    house.run(caller).shows(caller.failure);
    house.call(caller.place, &call).has_failed();
}

/// A message that is given as a program that is not here would give it.
fn given_by(script: &str, sender: &str, recipients: &[&str]) {
    is_served(&Caller {
        script,
        sender,
        recipients,
        ..CALLER
    });
}
