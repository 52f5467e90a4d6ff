use crate::config::import::*;

/// The configuration of a file with this text.
fn read(format: ForeignFormat, text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    std::fs::write(&path, text).unwrap();
    let toml = format.read(&path).unwrap().to_toml();
    toml.replace(directory.path().to_str().unwrap(), "")
}

#[test]
fn later_copied_accounts_of_msmtp_override_earlier_ones() {
    let text = "defaults\nport 587\naccount a\nhost a.example\nuser x\naccount b\nhost b.example\n\
                account c : a, b\nauth on\n";
    let toml = read(ForeignFormat::Msmtprc, text);
    let (_, c) = toml.split_once("[profile.c]\n").unwrap();
    assert!(c.contains("relay = \"b.example:587\""), "{toml}");
    assert!(c.contains("user = \"x\""), "{toml}");
}

#[test]
fn copy_of_an_account_of_msmtp_is_the_default() {
    let toml = read(
        ForeignFormat::Msmtprc,
        "account a\nhost a.example\naccount default : a\n",
    );
    assert!(toml.starts_with("default = \"a\"\n"), "{toml}");
    assert_eq!(toml.matches("[profile").count(), 1, "{toml}");
}

#[test]
fn fingerprint_of_msmtp_replaces_the_trusted_file() {
    let sum = ["AB"; 32].join(":");
    let text = format!(
        "host a.example\ntls on\ntls_trust_file /etc/ca.pem\ntls_fingerprint {sum}\nfrom_full_name \"A. \\\"B\\\"\"\nfrom a@b.example\n"
    );
    let toml = read(ForeignFormat::Msmtprc, &text);
    assert!(
        toml.contains(&format!("pin = \"sha256:{}\"", "AB".repeat(32))),
        "{toml}"
    );
    assert!(!toml.contains("ca-file"), "{toml}");
    assert!(
        toml.contains("from = \"\\\"A. B\\\" <a@b.example>\""),
        "{toml}"
    );
}

#[test]
fn socket_and_lmtp_and_proxy_of_msmtp() {
    let toml = read(
        ForeignFormat::Msmtprc,
        "protocol lmtp\nsocket /run/lmtp\nproxy_host localhost\nproxy_port 9050\n",
    );
    for line in [
        "lmtp = true",
        "relay = \"unix:/run/lmtp\"",
        "proxy = \"socks5://localhost:9050\"",
    ] {
        assert!(toml.contains(line), "{line} is not in {toml}");
    }
}

#[test]
fn command_in_backticks_of_mutt_is_the_password_command() {
    let text = "set my_pass = `gpg -dq ~/p.gpg`\nset smtp_url = \"smtps://a%40b@h.example\"\n\
                set smtp_pass=$my_pass smtp_oauth_refresh_command=''\n";
    let toml = read(ForeignFormat::Muttrc, text);
    assert!(
        toml.contains("password-command = \"gpg -dq ~/p.gpg\""),
        "{toml}"
    );
    assert!(toml.contains("user = \"a@b\""), "{toml}");
    assert!(toml.contains("relay = \"h.example:465\""), "{toml}");
}

#[test]
fn unknown_variable_of_mutt_is_no_password() {
    let toml = read(
        ForeignFormat::Muttrc,
        "set smtp_url=smtp://a@h.example smtp_pass=$my_pass\n",
    );
    assert!(
        toml.contains("smtp_pass: the variable is not set"),
        "{toml}"
    );
}

#[test]
fn mutt_with_msmtp_points_to_its_configuration() {
    let toml = read(
        ForeignFormat::Muttrc,
        "set sendmail=\"/usr/bin/msmtp -a work\"\n",
    );
    assert!(toml.contains("ehlo config import msmtprc"), "{toml}");
}

#[test]
fn password_of_ssmtp_may_contain_an_equals_sign() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    std::fs::write(&path, "mailhub = h:25\nAuthUser=a\nAuthPass=b=c # d\n").unwrap();
    let imported = ForeignFormat::Ssmtp.read(&path).unwrap();
    let password = imported.profiles[0].password.as_ref().unwrap();
    assert_eq!(password.secret.expose(), b"b=c");
    assert!(imported.to_toml().contains("relay = \"h:25\""));
}

#[test]
fn pauses_of_nullmailer_double() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("remotes", "h smtp -p=26\n");
    write("pausetime", "60\n");
    write("maxpause", "300\n");
    let toml = ForeignFormat::Nullmailer
        .read(directory.path())
        .unwrap()
        .to_toml();
    assert!(
        toml.contains("retry = [\"60s\", \"120s\", \"240s\", \"300s\"]"),
        "{toml}"
    );
    assert!(toml.contains("relay = \"h:26\""), "{toml}");
}

#[test]
fn url_has_its_parts() {
    let url = ServerUrl::parse("SMTP://a%40b:p:w@h.example:587/x").unwrap();
    assert_eq!(url.scheme, "smtp");
    assert_eq!(url.user.as_deref(), Some("a@b"));
    assert_eq!(url.password.as_deref(), Some("p:w"));
    assert_eq!((url.host.as_str(), url.port), ("h.example", Some(587)));
    let url = ServerUrl::parse("[::1]:25").unwrap();
    assert_eq!((url.host.as_str(), url.port), ("::1", Some(25)));
    assert_eq!(ServerUrl::parse("smtp://h:x"), None);
    assert_eq!(ServerUrl::parse("smtp://"), None);
}

#[test]
fn excerpts_do_not_show_secrets() {
    for line in [
        "AuthPass hunter2",
        "smtp_pass=hunter2",
        "eval echo hunter2",
        "url smtp://a:hunter2@h",
        "--token=hunter2",
    ] {
        assert!(!excerpt(line).contains("hunter2"), "{}", excerpt(line));
    }
    assert_eq!(excerpt(" logfile ~/x "), "logfile ~/x");
}
