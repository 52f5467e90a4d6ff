use crate::cli::invocation::Invocation;
use crate::cli::options::route_plan::RouteFinder;
use crate::cli::parse::parse_in;
use crate::cli::send::Send;
use crate::cli::send::SendTask;
use crate::config::Places;
use crate::queue::store::RouteSpec;
use crate::queue::{QueueUse, StoredRoutes as _};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PROFILES: &str = "default = \"home\"\n\
    [profile.home]\nrelay = \"home.example:587\"\nuser = \"alice\"\ntls = \"starttls\"\n\
    password-command = \"pass show smtp\"\nfallback = [\"work\"]\ninline = \"logo.png\"\n\
    [profile.work]\nrelay = \"work.example\"\nhelo = \"me.work.example\"\nfrom = \"*@work.example\"\n\
    [profile.key]\nrelay = \"key.example\"\nkey = \"/k.pem\"\n";

/// A directory with a configuration.
fn configured(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (directory, path)
}

fn parsed(words: &[OsString]) -> Result<Send, String> {
    match parse_in(&Places::nowhere(), words, &mut Vec::new()) {
        Ok(Invocation::Send(SendTask::Send(send))) => Ok(*send),
        Ok(other) => panic!("{words:?} is {other:?}"),
        Err(early) => Err(early.text),
    }
}

/// Arguments with spaces between them.
fn sent(arguments: &str) -> Send {
    let line = format!("ehlo --queue --html x -b y {arguments} a@x.org");
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    parsed(&words).unwrap_or_else(|text| panic!("{arguments}: {text}"))
}

fn route_spec(send: &Send) -> RouteSpec {
    let queueing: &QueueUse = send.queueing.as_ref().unwrap();
    queueing.route_spec.clone()
}

#[test]
fn a_stored_route_resolves_to_the_same_transports() {
    let (_directory, path) = configured(PROFILES);
    let config = format!("--config {}", path.display());
    let here = format!("{}/", std::env::current_dir().unwrap().display());
    for arguments in [
        "",
        "-r other",
        "-r unix:sock",
        "--bind 127.0.0.1",
        "-r [2001:db8::1]:26 -6 --timeout 5s --helo me.example",
        "--dns 192.0.2.1 --connect-to unix:sock --pipelining off --chunking=off",
        "-r mail -u bob --auth plain,login --password-file pw --tls implicit",
        "-r mail --cert c.pem --key k.pem --ca-file ca.pem -p 26",
        "-r mail -k --save-certs chain.pem --limit-rate 1M --tls-min 1.3",
        "-r mail -u bob --password-command=--insecure --allow-cleartext-password",
        "CONFIG",
        "CONFIG -p 2525",
        "CONFIG -r other",
        "CONFIG -r other --profile home",
        "CONFIG -4 --profile work",
        "CONFIG -f bob@work.example",
        "CONFIG --profile key --cert c.pem",
    ] {
        let send = sent(&arguments.replace("CONFIG", &config));
        let found = RouteFinder { config: None }.find(&route_spec(&send));
        let found = found.unwrap_or_else(|text| panic!("{arguments}: {text}"));
        let right: Vec<_> = std::iter::once(send.transport)
            .chain(send.fallbacks)
            .collect();
        let found = format!("{found:?}").replace(&here, "");
        // A password without user, host or profile in its name is not used for queued messages.
        let right = format!("{right:?}").replace("nameless: true", "nameless: false");
        assert_eq!(found, right, "{arguments}");
    }
}

#[test]
fn another_relay_gets_no_password_from_a_stored_route() {
    let (_directory, path) = configured(PROFILES);
    let spec = route_spec(&sent(&format!("--config {} -r other", path.display())));
    assert_eq!(spec.profile.as_deref(), Some("home"));
    assert!(
        RouteFinder { config: None }.find(&spec).unwrap()[0]
            .credentials
            .is_none()
    );
}

#[test]
fn stored_paths_are_absolute() {
    let here = std::env::current_dir().unwrap();
    let absolute = |name: &str| here.join(name).display().to_string();
    let options = |arguments: &str| route_spec(&sent(arguments)).options;
    let relay = format!("--relay=unix:{}", absolute("s"));
    assert_eq!(options("-r unix:s"), [relay]);
    assert_eq!(options("--connect-to /run/x"), ["--connect-to=/run/x"]);
    let ca_file = format!("--ca-file={}", absolute("ca.pem"));
    let right = [
        "--relay=mail",
        &ca_file,
        "--user=bob",
        "--password-file=/pw",
    ];
    assert_eq!(
        options("-r mail --ca-file ca.pem -u bob --password-file /pw"),
        right
    );
}

#[test]
fn only_options_of_the_transport_and_the_name_of_the_profile_are_stored() {
    let (_directory, path) = configured(PROFILES);
    let line = format!("--config {} -s secret -q --helo=me.example", path.display());
    let right = RouteSpec {
        config: Some(path),
        profile: Some("home".to_owned()),
        options: vec!["--helo=me.example".to_owned()],
    };
    assert_eq!(route_spec(&sent(&line)), right);
    assert_eq!(route_spec(&sent("")), RouteSpec::default());
}

#[test]
fn a_changed_profile_applies_to_queued_messages() {
    let (_directory, path) = configured(PROFILES);
    let spec = route_spec(&sent(&format!("--config {}", path.display())));
    let relay = || {
        RouteFinder { config: None }
            .find(&spec)
            .map(|transports| format!("{:?}", transports[0].route.relay))
    };
    assert!(relay().unwrap().contains("home.example"));
    fs::write(&path, PROFILES.replace("home.example", "new.example")).unwrap();
    assert!(relay().unwrap().contains("new.example"));
    fs::write(&path, "[profile.other]\nrelay = \"x\"\n").unwrap();
    assert!(relay().unwrap_err().contains("no profile \"home\""));
    fs::remove_file(&path).unwrap();
    assert!(relay().unwrap_err().contains("cannot read"));
}

#[test]
fn a_path_that_is_not_utf8_cannot_be_stored() {
    let words = ["ehlo", "-r", "mail", "-b", "", "a@x.org", "--ca-file"];
    let mut words: Vec<OsString> = words.map(OsString::from).into();
    words.push(OsString::from_vec(b"\xff.pem".to_vec()));
    assert!(parsed(&words).is_ok());
    words.insert(1, "--queue".into());
    assert!(parsed(&words).unwrap_err().contains("--ca-file"));
}

#[test]
fn the_route_finder_can_be_shared_by_threads() {
    fn is_shared<T: std::marker::Send + Sync>(_: &T) {}
    is_shared(&RouteFinder { config: None });
    let spec = RouteSpec {
        config: Some(Path::new("/nowhere").to_owned()),
        profile: Some("x".to_owned()),
        options: Vec::new(),
    };
    let transports = std::thread::scope(|scope| {
        scope
            .spawn(|| RouteFinder { config: None }.find(&spec))
            .join()
            .unwrap()
    });
    assert!(transports.is_err());
}

#[test]
fn a_job_stores_the_options_of_the_transport_and_no_other_of_the_same_name() {
    let words = [
        "ehlo",
        "run",
        "--timeout",
        "5m",
        "-r",
        "mail",
        "--helo=me",
        "true",
    ];
    let job = parse_in(
        &Places::nowhere(),
        &words.map(OsString::from),
        &mut Vec::new(),
    );
    let Ok(Invocation::Job(job)) = job else {
        panic!("{job:?}")
    };
    let queueing = job.mail.delivery.unwrap().queueing.unwrap();
    assert_eq!(queueing.route_spec.options, ["--relay=mail", "--helo=me"]);
}
