use crate::client::credentials::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

fn nowhere() -> Environment<'static> {
    Environment {
        password: None,
        credentials: None,
        netrc: None,
        keyring: None,
        terminal: None,
        limit: None,
        stop: None,
        network: None,
    }
}

fn options(source: SecretSource) -> CredentialsOptions {
    CredentialsOptions {
        user: Some("alice".to_owned()),
        source,
        profile: None,
        nameless: true,
        port: None,
        authzid: None,
    }
}

fn password(bytes: &[u8]) -> Login {
    Login {
        user: Some("alice".to_owned()),
        proof: Proof::Password(Secret::new(bytes.to_vec())),
        authzid: None,
    }
}

fn found(environment: &Environment) -> Result<Login, CredentialsError> {
    find_in(
        &options(SecretSource::Found),
        "mail.example.org",
        environment,
    )
}

fn write(directory: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    path
}

#[test]
fn named_source_gives_the_secret() {
    let find = |source| find_in(&options(source), "h", &nowhere()).unwrap();
    let command = || "echo hunter2".to_owned();
    assert_eq!(find(SecretSource::Command(command())), password(b"hunter2"));
    let token = Proof::Token(Secret::new(b"hunter2".to_vec()));
    assert_eq!(find(SecretSource::TokenCommand(command())).proof, token);
    assert_eq!(find(SecretSource::Nothing).proof, Proof::Elsewhere);
    let directory = TempDir::new().unwrap();
    let path = write(&directory, "password", "hunter2\n");
    assert_eq!(find(SecretSource::File(path)), password(b"hunter2"));
}

#[test]
fn failed_named_source_is_an_error() {
    let environment = Environment {
        password: Some(Secret::new(b"hunter2".to_vec())),
        ..nowhere()
    };
    for (source, option) in [
        (
            SecretSource::Command("exit 1".to_owned()),
            "--password-command",
        ),
        (
            SecretSource::File("/nonexistent/x".into()),
            "--password-file",
        ),
        (
            SecretSource::TokenCommand("exit 1".to_owned()),
            "--oauth-token-command",
        ),
    ] {
        let error = find_in(&options(source), "h", &environment).unwrap_err();
        assert!(error.to_string().contains(option), "{error}");
    }
}

#[test]
fn sources_are_searched_in_order() {
    let directory = TempDir::new().unwrap();
    let netrc = "machine mail.example.org login alice password netrc";
    write(&directory, "ehlo.password", "systemd\n");
    let mut environment = Environment {
        password: Some(Secret::new(b"variable".to_vec())),
        credentials: Some(directory.path().to_owned()),
        netrc: Some(write(&directory, "netrc", netrc)),
        keyring: Some("/bin/echo".into()),
        terminal: None,
        limit: None,
        stop: None,
        network: None,
    };
    assert_eq!(found(&environment).unwrap(), password(b"variable"));
    environment.password = None;
    assert_eq!(found(&environment).unwrap(), password(b"systemd"));
    environment.credentials = None;
    assert_eq!(found(&environment).unwrap(), password(b"netrc"));
    environment.netrc = None;
    let asked = b"lookup host mail.example.org service smtp user alice";
    assert_eq!(found(&environment).unwrap(), password(asked));
    environment.keyring = None;
    assert!(matches!(
        found(&environment),
        Err(CredentialsError::Nowhere(_))
    ));
}

#[test]
fn source_without_the_password_is_skipped() {
    let directory = TempDir::new().unwrap();
    let environment = Environment {
        credentials: Some(directory.path().join("missing")),
        netrc: Some(write(&directory, "netrc", "machine other password x")),
        keyring: Some("/bin/false".into()),
        terminal: Some("/nonexistent/tty".into()),
        ..nowhere()
    };
    let error = found(&environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no password for alice at mail.example.org; use --password-command or --password-file, \
         set EHLO_PASSWORD, or add an entry to ~/.netrc"
    );
    assert!(matches!(error, CredentialsError::Nowhere(_)));
}

#[test]
fn variable_with_two_lines_is_refused() {
    let environment = Environment {
        password: Some(Secret::new(b"hunter2\r\nQUIT".to_vec())),
        ..nowhere()
    };
    let text = found(&environment).unwrap_err().to_string();
    assert!(text.starts_with("EHLO_PASSWORD: "), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn debug_output_has_no_secret() {
    let command = || "echo hunter2".to_owned();
    let secret = || Secret::new(b"hunter2".to_vec());
    let environment = Environment {
        password: Some(secret()),
        ..nowhere()
    };
    for text in [
        format!("{:?}", options(SecretSource::Command(command()))),
        format!("{:?}", options(SecretSource::TokenCommand(command()))),
        format!("{:?}", password(b"hunter2")),
        format!("{:?}", Proof::Token(secret())),
        format!("{environment:?}"),
    ] {
        assert!(
            !text.contains("hunter2") && !text.contains("104, 117"),
            "{text}"
        );
    }
}

#[test]
fn names_are_escaped_in_errors() {
    let text = account(Some("al\x1b[2Jice"), "h\u{202e}");
    assert_eq!(text, "al\\u{1b}[2Jice at h\\u{202e}");
}
