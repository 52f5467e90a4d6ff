//! Exim: a reply for each recipient (PRDR), and what it answers to questions.

use crate::exim::Exim;
use crate::pipes;
use crate::run::ehlo;
use std::fs::OpenOptions;
use std::io::Write as _;

const PRDR: &str = "
  accept
prdr:
  deny local_parts = ann
    message = ann wants no such thing
  accept
";

#[test]
fn exim_refuses_one_recipient_behind_the_dot_and_takes_it_for_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let Some(command) = pipes::exim(&directory, "-bs") else {
        return;
    };
    let path = directory.path().join("conf");
    let begun = std::fs::read_to_string(&path).unwrap();
    let options = "prdr_enable = true\nacl_smtp_data_prdr = prdr\n";
    std::fs::write(&path, options.to_owned() + &begun).unwrap();
    let mut conf = OpenOptions::new().append(true).open(&path).unwrap();
    conf.write_all(PRDR.as_bytes()).unwrap();
    let to = ["--pipe", &command, "-f", "alice@sender.test", "-b", "hi"];
    let both = ["bob@example.test", "ann@example.test"];
    ehlo(directory.path(), &[&to[..], &["--prdr"], &both].concat())
        .ends_with(79)
        .shows(" PRDR\n")
        .shows("\n353 ")
        .shows("bob@example.test... Sent (id=")
        .shows("ann@example.test... Refused (550 ann wants no such thing)\n");
    // Without it, one no is a no for all of them, or none.
    ehlo(directory.path(), &[&to[..], &both].concat())
        .ends_with(0)
        .hides("\n353 ");
}

#[test]
fn exim_is_asked_and_answers() {
    let Some(exim) = Exim::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let relay = exim.relay();
    let ask = |commands: &[&str]| {
        let all = [&["ask", "-k", relay.as_str()], commands].concat();
        ehlo(directory.path(), &all)
    };
    ask(&["VRFY postmaster", "HELP", "NOOP"])
        .ends_with(0)
        .shows("\n252 ")
        .shows("\n214-");
    for (command, code, exit) in [("EXPN staff", 550, 69), ("ETRN example.org", 458, 75)] {
        ask(&[command, "NOOP"])
            .ends_with(exit)
            .shows(&format!(">>> {command}\n{code} "))
            .shows(">>> NOOP\n250 OK\n");
    }
}
