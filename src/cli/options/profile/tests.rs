use crate::cli::invocation::Invocation;
use crate::cli::options::profile::*;
use crate::cli::options::usage_error::EarlyExit;
use crate::cli::parse::parse_in;
use crate::cli::send::SendTask;
use crate::client::route::Host;
use crate::config::{Places, find};
use clap::Command;
use std::io::Write as _;
use std::path::Path;
use tempfile::NamedTempFile;

/// For its owner only, as temporary files are.
fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn parsed(text: &str, arguments: &[&str]) -> Result<Invocation, EarlyExit> {
    let file = file(text);
    let head = ["ehlo", "--config", file.path().to_str().unwrap()];
    let words = head.iter().chain(arguments).map(OsString::from);
    let words: Vec<OsString> = words.chain(["b@x.org".into()]).collect();
    parse_in(&Places::nowhere(), &words, &mut Vec::new())
}

fn sent(text: &str, arguments: &[&str]) -> crate::cli::send::Send {
    match parsed(text, arguments) {
        Ok(Invocation::Send(SendTask::Send(send))) => *send,
        Ok(other) => panic!("{arguments:?} is {other:?}"),
        Err(early) => panic!("{arguments:?}: {}", early.text),
    }
}

const THREE: &str = "default = \"a\"\n\
    [profile.a]\nrelay = \"a.example:26\"\nfallback = [\"c\", \"b\"]\nhelo = \"a.me\"\nsubject = \"a\"\n\
    [profile.b]\nrelay = \"b.example\"\nfallback = \"a\"\nsubject = \"b\"\n\
    [profile.c]\nrelay = \"c.example\"\nport = 587\nhelo = \"c.me\"\n";

/// The profile, its relay, and the name for EHLO.
fn transports(send: &crate::cli::send::Send) -> Vec<String> {
    let all = std::iter::once(&send.transport).chain(&send.fallbacks);
    let transports = all.map(|transport| {
        let relay = transport.route.relay.as_ref().unwrap();
        let (Host::Relay(host) | Host::Exchanger(host)) = &relay.host else {
            panic!("{relay:?} is an address")
        };
        let profile = transport.profile.as_deref().unwrap_or("none");
        let helo = transport.session.helo.as_deref().unwrap_or("ours");
        format!("{profile} {host}:{} {helo}", relay.port)
    });
    transports.collect()
}

#[test]
fn fallbacks_have_their_own_route_and_the_session_options_of_the_command_line() {
    assert_eq!(
        transports(&sent(THREE, &[])),
        [
            "a a.example:26 a.me",
            "c c.example:587 c.me",
            "b b.example:25 ours"
        ]
    );
    assert_eq!(
        transports(&sent(THREE, &["--helo", "me", "-p", "2525"])),
        [
            "a a.example:2525 me",
            "c c.example:587 me",
            "b b.example:25 me"
        ],
        "the port is that of the first relay"
    );
    assert_eq!(
        transports(&sent(THREE, &["-r", "other"])),
        ["a other:25 a.me"],
        "another relay has no fallback"
    );
}

#[test]
fn without_a_default_no_profile_is_chosen() {
    let send = sent("[profile.a]\nrelay = \"a.example\"\n", &["-r", "other"]);
    assert_eq!(transports(&send), ["none other:25 ours"]);
}

/// A command with some options.
fn command() -> Command {
    Command::new("ehlo")
        .arg(Arg::new("relay").long("relay"))
        .arg(Arg::new("profile").long("profile"))
        .arg(Arg::new("port").long("port"))
        .arg(
            Arg::new("user")
                .long("user")
                .requires("port")
                .help_heading("Auth"),
        )
        .arg(
            Arg::new("when")
                .long("when")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("now"),
        )
        .subcommand(Command::new("verb").arg(Arg::new("port").long("port")))
}

/// The merged command line: each option with its value.
fn added(text: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
    let file = file(text);
    let mut command = command();
    let words: Vec<OsString> = ["ehlo"].iter().chain(arguments).map(Into::into).collect();
    let matches = command.try_get_matches_from_mut(&words).unwrap();
    let mut command_line = CommandLineArgs::new(&mut command, &words, &matches);
    command_line.has_rare = true;
    let found = find(Some(Path::new(file.path())), &Places::nowhere());
    let config = found.unwrap().unwrap().read(&command_line.keys()).unwrap();
    let profile = config.profile("a").unwrap();
    let added = command_line
        .merge(&config, profile)
        .map_err(|error| error.text)?;
    let matches = match command_line.verb {
        Some(verb) => added.matches.subcommand_matches(verb).unwrap(),
        None => &added.matches,
    };
    let ids = matches.ids().map(clap::Id::as_str);
    let mut all: Vec<String> = ids
        .map(|id| format!("{id}={}", matches.get_one::<String>(id).unwrap()))
        .collect();
    all.sort();
    Ok(all)
}

#[test]
fn another_relay_gets_no_credentials_unless_the_profile_is_named() {
    let text = "[profile.a]\nrelay = \"a\"\nport = 587\nuser = \"alice\"\n";
    assert_eq!(
        added(text, &[]).unwrap(),
        ["port=587", "relay=a", "user=alice"]
    );
    assert_eq!(added(text, &["--relay", "b"]).unwrap(), ["relay=b"]);
    assert_eq!(
        added(text, &["--relay", "b", "--profile", "a"]).unwrap(),
        ["port=587", "profile=a", "relay=b", "user=alice"]
    );
    let without = text.replace("relay = \"a\"\n", "");
    assert_eq!(
        added(&without, &["--relay", "b"]).unwrap(),
        ["port=587", "relay=b", "user=alice"]
    );
}

#[test]
fn a_required_option_may_be_in_the_profile_or_on_the_command_line() {
    let text = "[profile.a]\nuser = \"alice\"\n";
    assert_eq!(
        added(text, &["--port", "1"]).unwrap(),
        ["port=1", "user=alice"]
    );
    assert!(added(text, &[]).unwrap_err().contains("--port"));
}

#[test]
fn an_option_with_an_optional_value_accepts_true() {
    assert_eq!(
        added("[profile.a]\nwhen = true\n", &[]).unwrap(),
        ["when=now"]
    );
    assert_eq!(
        added("[profile.a]\nwhen = \"then\"\n", &[]).unwrap(),
        ["when=then"]
    );
    assert!(added("[profile.a]\nwhen = [1]\n", &[]).is_err());
}

#[test]
fn a_subcommand_uses_only_the_settings_that_it_has_options_for() {
    let text = "[profile.a]\nport = 587\nuser = \"alice\"\n";
    assert_eq!(added(text, &["verb"]).unwrap(), ["port=587"]);
    assert_eq!(added(text, &["verb", "--port", "1"]).unwrap(), ["port=1"]);
}
