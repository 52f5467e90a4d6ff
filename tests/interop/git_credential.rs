//! `--password-helper git` with git itself and its helper `store`.

use crate::parts::works;
use crate::receiver::Receiver;
use crate::run::{Ran, Start, ehlo_with};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Sends a message as alice, with the passwords of this file.
fn send(directory: &Path, relay: &str, stored: &str) -> Ran {
    let store = directory.join("stored");
    fs::write(&store, stored).unwrap();
    let config = directory.join("gitconfig");
    let helper = format!(
        "[credential]\n\thelper = \"store --file={}\"\n",
        store.display()
    );
    fs::write(&config, helper).unwrap();
    let variables = [
        ("GIT_CONFIG_GLOBAL", config.to_str().unwrap()),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        // A dialog would be opened, if git asked.
        ("GIT_ASKPASS", "/nonexistent/askpass"),
        ("DISPLAY", ":99"),
    ];
    let start = Start {
        variables: &variables,
        ..Start::default()
    };
    let arguments = [
        "-r",
        relay,
        "-u",
        "alice",
        "--password-helper",
        "git",
        "--tls",
        "off",
        "--allow-cleartext-password",
        "-f",
        "a@x.test",
        "-b",
        "hi",
        "b@y.test",
    ];
    ehlo_with(directory, &arguments, &start)
}

#[test]
fn git_has_the_password_for_the_host_and_its_port() {
    if !works(Command::new("git").arg("--version"), "git") {
        return;
    }
    let users = [("users", "alice:hunter2\n")];
    let options = ["--auth", "users", "--require-auth", "--auth-in-clear"];
    let receiver = Receiver::with_files(&users, &options);
    let directory = tempfile::tempdir().unwrap();
    let relay = receiver.relay();
    for host in [relay.as_str(), "127.0.0.1"] {
        let stored = format!("https://alice:wrong@{host}\nsmtp://alice:hunter2@{host}\n");
        let ran = send(directory.path(), &relay, &stored);
        ran.ends_with(0).hides("hunter2");
    }
    let other = "smtp://bob:hunter2@127.0.0.1\n";
    send(directory.path(), &relay, other)
        .ends_with(77)
        .complains(&format!("git has no password for alice at {relay}"));
    // Nothing was erased.
    let kept = fs::read_to_string(directory.path().join("stored"));
    assert_eq!(kept.unwrap(), other);
}
