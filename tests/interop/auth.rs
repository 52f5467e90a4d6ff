//! AUTH at a Postfix whose users Dovecot knows.

use crate::dovecot::{TOKEN, USERS};
use crate::run::{Ran, Start, ehlo_with};
use crate::submission::{SMALL, Service, Submission, submission};
use crate::terminal::ehlo_at_terminal;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

const BOTH: [Service; 2] = [Service::Submission, Service::Submissions];

const WITH_PASSWORD: [&str; 5] = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"];

const WITH_TOKEN: [&str; 2] = ["OAUTHBEARER", "XOAUTH2"];

/// How TLS is begun at a service whose port does not tell.
fn tls(service: Service) -> [&'static str; 2] {
    let mode = match service {
        Service::Submissions | Service::Implicit => "implicit",
        _ => "starttls",
    };
    ["--tls", mode]
}

/// Sends as this user, whose password stands in the environment.
fn send_as(
    servers: &Submission,
    service: Service,
    mailbox: &str,
    (user, password): (&str, &str),
    arguments: &[&str],
) -> Ran {
    let start = Start {
        variables: &[("EHLO_PASSWORD", password)],
        ..Start::default()
    };
    let who = ["--user", user];
    let all = [&tls(service)[..], &who, arguments].concat();
    servers.send_with(service, mailbox, &all, &start)
}

/// The message is there, and it says who sent it, and how.
#[track_caller]
fn arrives_from(servers: &Submission, mailbox: &str, user: &str) {
    let came = servers.receive(mailbox);
    assert!(came.ends_with("\n\ntext\n"), "{came}");
    // Postfix shows ASCII only.
    let shown: String = user
        .bytes()
        .map(|byte| {
            if byte.is_ascii() {
                char::from(byte)
            } else {
                '?'
            }
        })
        .collect();
    let sender = format!("(Authenticated sender: {shown})");
    assert!(came.contains(&sender), "no {sender:?} in {came}");
    assert!(came.contains("with ESMTPSA id"), "{came}");
}

/// Nobody got in: the verdict, where it was given, and what is not said.
#[track_caller]
fn is_refused(servers: &Submission, ran: &Ran, mailbox: &str) {
    ran.ends_with(77)
        .hides(">>> MAIL FROM")
        .hides("wonderland")
        .complains("rejected the login: 535 5.7.8")
        .complains("(in reply to AUTH)")
        .complains(&format!("<{mailbox}@example.test>"));
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(servers.postfix.is_empty(mailbox));
}

fn file_of(password: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("password");
    write(&path, password);
    let name = path.to_str().unwrap().to_owned();
    (directory, name)
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn every_mechanism_with_a_password_gets_in() {
    let Some(servers) = submission() else { return };
    for service in BOTH {
        for mechanism in WITH_PASSWORD {
            let mailbox = servers.mailbox();
            let how = ["--auth", mechanism];
            send_as(servers, service, &mailbox, USERS[0], &how)
                .ends_with(0)
                .shows(&format!(">>> AUTH {mechanism}"))
                .shows(", certificate of 127.0.0.1 verified\n")
                .shows(&format!("{mailbox}@example.test... Sent ("))
                .hides("wonderland");
            arrives_from(servers, &mailbox, "alice");
        }
    }
}

#[test]
fn no_mechanism_gets_in_with_a_wrong_password() {
    let Some(servers) = submission() else { return };
    for mechanism in WITH_PASSWORD {
        let mailbox = servers.mailbox();
        let wrong = ("alice", "wonderland ");
        let how = ["--auth", mechanism];
        let ran = send_as(servers, Service::Submission, &mailbox, wrong, &how);
        is_refused(servers, &ran, &mailbox);
    }
}

#[test]
fn the_strongest_mechanism_is_chosen() {
    let Some(servers) = submission() else { return };
    for (list, chosen) in [
        (&[][..], "SCRAM-SHA-256"),
        (&["--auth", "PLAIN,LOGIN,CRAM-MD5"], "CRAM-MD5"),
        (&["--auth", "login,plain"], "PLAIN"),
        (&["--auth", "SCRAM-SHA-256-PLUS,LOGIN"], "LOGIN"),
    ] {
        let mailbox = servers.mailbox();
        send_as(servers, Service::Submission, &mailbox, USERS[0], list)
            .ends_with(0)
            .shows(&format!(">>> AUTH {chosen}"));
        arrives_from(servers, &mailbox, "alice");
    }
}

#[test]
fn a_mechanism_that_is_not_offered_is_named_with_those_that_are() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    let how = ["--auth", "SCRAM-SHA-256-PLUS"];
    let ran = send_as(servers, Service::Submission, &mailbox, USERS[0], &how);
    ran.ends_with(77)
        .hides(">>> AUTH")
        .complains("SCRAM-SHA-256 ");
    assert!(servers.postfix.is_empty(&mailbox));
}

#[test]
fn users_and_passwords_of_every_kind_get_in() {
    let Some(servers) = submission() else { return };
    for login in USERS {
        for mechanism in WITH_PASSWORD {
            let mailbox = servers.mailbox();
            let how = ["--auth", mechanism];
            let ran = send_as(servers, Service::Submissions, &mailbox, login, &how);
            assert_eq!(ran.code, 0, "{login:?} {mechanism}: {}", ran.text());
            arrives_from(servers, &mailbox, login.0);
        }
    }
}

#[test]
fn json_tells_who_was_refused_and_when() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    let wrong = ("alice", "looking-glass");
    let ran = send_as(servers, Service::Submission, &mailbox, wrong, &["--json"]);
    ran.ends_with(77);
    let text = ran.text();
    let result: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(result["event"], "result");
    assert_eq!(result["exit"], 77);
    let recipient = &result["recipients"][0];
    assert_eq!(recipient["verdict"], "refused");
    assert_eq!(recipient["stage"], "auth");
    assert_eq!(recipient["code"], 535);
    assert!(!text.contains("looking-glass"), "{text}");
    assert!(servers.postfix.is_empty(&mailbox));
}

#[test]
fn a_token_gets_in() {
    let Some(servers) = submission() else { return };
    let command = format!("printf '%s\\n' '{TOKEN}'");
    for service in BOTH {
        for (list, mechanism) in [("", "OAUTHBEARER"), ("XOAUTH2", "XOAUTH2")] {
            let mailbox = servers.mailbox();
            let how = ["--auth", list];
            let how = if list.is_empty() { &[] } else { &how[..] };
            let token = ["-u", "alice", "--oauth-token-command", &command];
            let all = [&tls(service)[..], &token, how].concat();
            servers
                .send(service, &mailbox, &all)
                .ends_with(0)
                .shows(&format!(">>> AUTH {mechanism} ********"))
                .hides(TOKEN);
            arrives_from(servers, &mailbox, "alice");
        }
    }
}

#[test]
fn a_wrong_token_and_that_of_another_are_refused_and_the_reason_is_told() {
    let Some(servers) = submission() else { return };
    for (user, token) in [("alice", "ya29.expired"), ("dave", TOKEN)] {
        for mechanism in WITH_TOKEN {
            let mailbox = servers.mailbox();
            let command = format!("printf '%s\\n' '{token}'");
            let who = [
                "-u",
                user,
                "--oauth-token-command",
                &command,
                "--auth",
                mechanism,
            ];
            let ran = servers.send(Service::Submission, &mailbox, &who);
            is_refused(servers, &ran, &mailbox);
            ran.hides(token)
                .shows("the server reports about the token: {\"status\":\"");
        }
    }
}

#[test]
fn the_password_comes_from_wherever_it_was_said_to_be() {
    let Some(servers) = submission() else { return };
    for (user, password) in USERS {
        let (directory, file) = file_of(&format!("{password}\nanother line\n"));
        let command = format!("cat '{file}'");
        let netrc = directory.path().join(".netrc");
        let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let (login, secret) = (quote(user), quote(password));
        write(
            &netrc,
            &format!(
                "machine mx.other.test login \"{login}\" password wrong\n\
                 machine 127.0.0.1\n  login \"{login}\"\n  password \"{secret}\"\n\
                 default login \"{login}\" password wrong\n"
            ),
        );
        let home = [("HOME", directory.path().to_str().unwrap())];
        for (variables, arguments) in [
            (&[][..], &["--password-file", &file][..]),
            (&[], &["--password-command", &command]),
            (&home, &[]),
        ] {
            let mailbox = servers.mailbox();
            let start = Start {
                variables,
                ..Start::default()
            };
            let all = [&["-u", user], arguments].concat();
            let ran = servers.send_with(Service::Submission, &mailbox, &all, &start);
            assert_eq!(ran.code, 0, "{user} {arguments:?}: {}", ran.stderr);
            arrives_from(servers, &mailbox, user);
        }
    }
}

#[test]
fn certificate_and_netrc_go_by_the_name_of_the_server_and_not_by_where_it_is() {
    let Some(servers) = submission() else { return };
    let directory = tempfile::tempdir().unwrap();
    let netrc = "machine 127.0.0.1 login alice password wrong\n\
                 machine MX.Example.Test login alice password wonderland\n";
    write(&directory.path().join(".netrc"), netrc);
    let home = [("HOME", directory.path().to_str().unwrap())];
    for service in BOTH {
        let mailbox = servers.mailbox();
        let (ca, place) = (servers.ca.file(), servers.relay(service));
        let way = ["-r", "mx.example.test", "--connect-to", &place];
        let trust = ["--ca-file", &ca, "-u", "alice", "--helo", "client.test"];
        let to = format!("{mailbox}@example.test");
        let all = [&way[..], &trust, &tls(service), &SMALL, &[&to]].concat();
        let start = Start {
            variables: &home,
            ..Start::default()
        };
        ehlo_with(directory.path(), &all, &start)
            .ends_with(0)
            .shows(", certificate of mx.example.test verified\n");
        arrives_from(servers, &mailbox, "alice");
    }
}

#[test]
fn a_probe_finds_out_whether_a_password_is_right() {
    let Some(servers) = submission() else { return };
    for service in BOTH {
        for (password, code) in [("wonderland", 0), ("looking-glass", 77)] {
            let (ca, place) = (servers.ca.file(), servers.relay(service));
            let expect = "verified,tls>=1.3,auth=SCRAM-SHA-256,size>=50M";
            let way = ["probe", &place, "--ca-file", &ca, "--expect", expect];
            let all = [&way[..], &tls(service), &["-u", "alice"]].concat();
            let start = Start {
                variables: &[("EHLO_PASSWORD", password)],
                ..Start::default()
            };
            let ran = ehlo_with(Path::new("/"), &all, &start);
            ran.ends_with(code).hides(password);
            assert_eq!(ran.stderr.is_empty(), code == 0, "{}", ran.stderr);
        }
    }
}

#[test]
fn the_password_is_asked_for_at_the_terminal_and_not_shown() {
    let Some(servers) = submission() else { return };
    let ca = servers.ca.file();
    for ((user, password), code) in [
        (USERS[0], 0),
        (USERS[4], 0),
        (USERS[6], 0),
        (("alice", "wrong"), 77),
    ] {
        let mailbox = servers.mailbox();
        let who = ["--ca-file", &ca, "--user", user];
        let arguments = servers.arguments(Service::Submission, &mailbox, &who);
        let played = ehlo_at_terminal(&arguments, password);
        let text = String::from_utf8(played.output.stdout).unwrap();
        assert_eq!(played.output.status.code(), Some(code), "{text}");
        assert!(played.seen.contains(user), "{}", played.seen);
        assert!(!played.seen.contains(password), "{}", played.seen);
        if code == 0 {
            arrives_from(servers, &mailbox, user);
        } else {
            assert!(servers.postfix.is_empty(&mailbox));
        }
    }
}

#[test]
fn who_does_not_log_in_is_refused_by_the_server() {
    let Some(servers) = submission() else { return };
    for service in BOTH {
        let mailbox = servers.mailbox();
        servers
            .send(service, &mailbox, &tls(service))
            .ends_with(69)
            .hides(">>> AUTH")
            .complains("554 5.7.1");
        assert!(servers.postfix.is_empty(&mailbox));
    }
}

#[test]
fn a_password_goes_nowhere_without_tls_unless_that_is_said() {
    let Some(servers) = submission() else { return };
    for tls in ["auto", "starttls"] {
        let mailbox = servers.mailbox();
        let (_directory, file) = file_of("wonderland");
        let who = ["-u", "alice", "--password-file", &file, "--tls", tls];
        servers
            .send(Service::ClearAuth, &mailbox, &who)
            .ends_with(77)
            .hides(">>> AUTH")
            .hides(">>> MAIL");
        assert!(servers.postfix.is_empty(&mailbox));
    }
}

#[test]
fn a_password_goes_in_clear_where_that_is_said() {
    let Some(servers) = submission() else { return };
    for mechanism in WITH_PASSWORD {
        let mailbox = servers.mailbox();
        let (_directory, file) = file_of("wonderland");
        let who = ["-u", "alice", "--password-file", &file, "--auth", mechanism];
        let how = ["--tls", "off", "--allow-cleartext-password"];
        let all = [&who[..], &how].concat();
        servers
            .send_trusting(Service::ClearAuth, &mailbox, &all, &Start::default())
            .ends_with(0)
            .hides("wonderland");
        let came = servers.receive(&mailbox);
        assert!(came.contains("with ESMTPA id"), "{came}");
    }
}

#[test]
fn a_server_that_knows_no_auth_is_told_nothing() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    send_as(servers, Service::Smtp, &mailbox, USERS[0], &[])
        .ends_with(77)
        .hides(">>> AUTH")
        .hides(">>> MAIL")
        .complains("AUTH");
    assert!(servers.postfix.is_empty(&mailbox));
}

#[test]
fn no_password_is_told_to_a_server_with_a_wrong_certificate() {
    let Some(servers) = submission() else { return };
    for service in BOTH {
        for arguments in [&[][..], &["--ca-file", "CA", "--tls-name", "other.test"]] {
            let ca = servers.ca.file();
            let arguments: Vec<&str> = arguments
                .iter()
                .map(|&word| if word == "CA" { ca.as_str() } else { word })
                .collect();
            let mailbox = servers.mailbox();
            let (_directory, file) = file_of("wonderland");
            let who = ["-u", "alice", "--password-file", &file];
            let all = [&who[..], &tls(service), &arguments].concat();
            let ran = servers.send_trusting(service, &mailbox, &all, &Start::default());
            ran.ends_with(77)
                .hides(">>> AUTH")
                .complains("the certificate of ")
                .complains("--ca-file");
            assert!(servers.postfix.is_empty(&mailbox));
        }
    }
}
