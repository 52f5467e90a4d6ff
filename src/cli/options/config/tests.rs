use crate::cli::options::config::*;
use crate::config::{Keys, Places, find};
use crate::system::exit::Exit;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

fn config(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let found = find(Some(&path), &Places::nowhere()).unwrap().unwrap();
    found.read(&Keys::new([])).unwrap()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

#[test]
fn without_a_configuration_the_defaults_apply() {
    let Ok(all) = settings(None) else {
        panic!("the defaults are wrong");
    };
    assert_eq!(all.queue, queue::RetrySettings::default());
    assert_eq!(all.rewrite, rewrite::RewriteOptions::default());
    assert_eq!(all.on_uncertain, OnUncertain::Retry);
    assert_eq!(
        (all.directory, all.on_failure, all.profile),
        (None, None, None)
    );
}

#[test]
fn paths_may_begin_with_the_home_directory() {
    let config = config("[queue]\ndir = \"~/queue\"\n[sendmail]\naliases = \"$HOME/aliases\"\n");
    let Ok(all) = settings(Some(&config)) else {
        panic!("something is wrong");
    };
    assert_eq!(
        all.directory,
        Some(crate::system::user::expanded("~/queue"))
    );
    assert_eq!(
        all.rewrite.aliases,
        Some(crate::system::user::expanded("~/aliases"))
    );
}

#[test]
fn every_key_of_the_queue_is_read() {
    let config = config(
        "[queue]\nretry = [\"15m\", \"30m\", \"4h\"]\nspread = 0\ngive-up = \"5d\"\nwarn-after = \"4h\"\n\
         host-down = \"1m\"\nconnections = 1000\nper-host = 1\nbounce-size = \"50K\"\n\
         dir = \"/var/spool/x\"\non-uncertain = \"hold\"\non-failure = \"logger -t mail\"\n",
    );
    let Ok(all) = settings(Some(&config)) else {
        panic!("something is wrong");
    };
    let expected = queue::RetrySettings {
        gaps: vec![minutes(15), minutes(30), minutes(240)],
        spread: 0,
        give_up: minutes(5 * 24 * 60),
        warn_after: Some(minutes(240)),
        host_down: minutes(1),
        connections: 1000,
        per_host: 1,
        bounce_size: 51_200,
    };
    assert_eq!(all.queue, expected);
    assert_eq!(all.directory, Some("/var/spool/x".into()));
    assert_eq!(all.on_uncertain, OnUncertain::Hold);
    assert_eq!(all.on_failure.as_deref(), Some("logger -t mail"));
}

#[test]
fn every_key_of_sendmail_and_every_rule_is_read() {
    let config = config(
        "[sendmail]\naliases = \"/etc/mail/aliases\"\ndomain = \"bücher.example\"\n\
         postmaster = \"Ann <ann@x.org>\"\noriginal = \"reply-to\"\nprofile = \"p\"\n\
         [rewrite]\nroot = \"alerts+{host}@x.org\"\n\"*@localhost\" = \"{user}@x.org\"\n[profile.p]\n",
    );
    let Ok(all) = settings(Some(&config)) else {
        panic!("something is wrong");
    };
    let rule = |from: &str, to: &str| Rule {
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let expected = rewrite::RewriteOptions {
        recipient_domain: None,
        rules: vec![
            rule("root", "alerts+{host}@x.org"),
            rule("*@localhost", "{user}@x.org"),
        ],
        aliases: Some("/etc/mail/aliases".into()),
        domain: Some("xn--bcher-kva.example".to_owned()),
        postmaster: Some(Address::parse("ann@x.org").unwrap()),
        original: OriginalAddress::ReplyTo,
        keeps_addresses: false,
    };
    assert_eq!(all.rewrite, expected);
    assert_eq!(all.profile.as_deref(), Some("p"));
}

#[test]
fn errors_in_settings_have_file_line_and_key() {
    for (line, words) in [
        (
            "[queue]\nretry = []",
            "key \"retry\": expected at least one interval",
        ),
        ("[queue]\nretry = [\"0s\"]", "from 1s to 366d"),
        ("[queue]\nretry = \"soon\"", "30s, 15m, 4h or 5d"),
        ("[queue]\nspread = 101", "a number from 0 to 100"),
        ("[queue]\nspread = -1", "a number from 0 to 100"),
        ("[queue]\nspread = 1.5", "a number from 0 to 100"),
        ("[queue]\ngive-up = 0", "a time such as 30s, 15m, 4h or 5d"),
        (
            "[queue]\ngive-up = 6",
            "unit is missing; write 6s, 6m, 6h or 6d",
        ),
        (
            "[queue]\nretry = [\"1m\", 5]",
            "unit is missing; write 5s, 5m, 5h or 5d",
        ),
        ("[queue]\nwarn-after = true", "found true or false"),
        ("[queue]\nconnections = 0", "a number from 1 to 1000"),
        ("[queue]\nper-host = 1001", "a number from 1 to 1000"),
        ("[queue]\nbounce-size = \"big\"", "a number of bytes"),
        ("[queue]\ndir = \"spool\"", "an absolute path"),
        ("[queue]\non-uncertain = \"drop\"", "retry or hold"),
        ("[queue]\non-failure = \" \"", "a shell command"),
        ("[sendmail]\naliases = [\"/a\"]", "found an array"),
        (
            "[sendmail]\ndomain = \"a b\"",
            "a domain such as example.org",
        ),
        ("[sendmail]\npostmaster = \"root\"", "has no @domain"),
        (
            "[sendmail]\noriginal = \"cc\"",
            "reply-to, header or nowhere",
        ),
        (
            "[rewrite]\nroot = \"root\"",
            "key \"root\": \"root\" has no @domain",
        ),
        ("[rewrite]\n\"a@\" = \"b@x.org\"", "\"a@\" has no @domain"),
    ] {
        let config = config(line);
        let Err(error) = settings(Some(&config)) else {
            panic!("{line} is not wrong");
        };
        assert_eq!(error.exit, Exit::Config, "{line}");
        assert!(error.text.contains(words), "{line}: {}", error.text);
        assert!(error.text.contains("config.toml: ["), "{}", error.text);
        assert!(error.text.ends_with("(line 2)"), "{}", error.text);
    }
}

#[test]
fn all_errors_are_found() {
    let config = config("[queue]\nspread = 200\nretry = 0\n[rewrite]\na = \"b\"\n");
    assert_eq!(settings_errors(&config).len(), 3);
}
