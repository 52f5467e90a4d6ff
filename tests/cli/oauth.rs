//! Logins by OAuth: how tokens are obtained, kept, renewed and given up, and that no output has any of them.

use crate::program::{Ehlo, Run};
use crate::provider::{Answer, Provider};
use crate::server::{Server, Talk};
use crate::spool::Queue;
use rustix::process::{Signal, geteuid};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use tempfile::TempDir;

/// Beginnings of all secrets.
const SECRETS: [&str; 6] = ["at.", "rt.", "code.", "dc.", "cl1ent-", "eyJhbG"];

#[track_caller]
fn keeps_secrets(run: &Run) -> &Run {
    for secret in SECRETS {
        assert!(!run.stderr.contains(secret), "{secret}: {run:#?}");
        assert!(!run.stdout.contains(secret), "{secret}: {run:#?}");
    }
    run.has_nothing_raw()
}

/// A provider, a home with a profile, and tokens that remain between runs.
struct Desk {
    provider: Provider,
    home: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self::with("oauth-client-id = \"cid\"")
    }

    fn with(keys: &str) -> Self {
        let desk = Self {
            provider: Provider::start(),
            home: tempfile::tempdir().unwrap(),
        };
        desk.configure(1, keys);
        desk
    }

    /// Writes a profile with a relay on this port.
    fn configure(&self, port: u16, keys: &str) {
        let url = self.provider.url();
        let config = format!(
            "default = \"work\"\n[profile.work]\nrelay = \"127.0.0.1:{port}\"\ntls = \"off\"\nhelo = \"me.example\"\n\
             allow-cleartext-password = true\nfrom = \"alice@crepes.fr\"\nuser = \"alice\"\noauth = \"{url}\"\n{keys}\n"
        );
        self.private("config.toml", &config);
    }

    fn private(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn ehlo(&self, arguments: &[&str]) -> Ehlo {
        Ehlo::new()
            .env("EHLO_CONFIG", self.home.path().join("config.toml"))
            .env("EHLO_STATE_DIR", self.home.path().join("state"))
            .args(arguments)
    }

    /// Logs in by a code.
    #[track_caller]
    fn log_in(&self) {
        let run = self.ehlo(&["login", "--device"]).run();
        keeps_secrets(&run).exits(0).says(&["WDJB-MJHT", "/enter"]);
        run.shows(&["logged in; the access token is valid for "]);
    }

    /// The file with the tokens.
    fn file(&self) -> PathBuf {
        let all = fs::read_dir(self.home.path().join("state/oauth")).unwrap();
        let mut paths = all.map(|entry| entry.unwrap().path());
        paths
            .find(|path| path.extension().is_some_and(|end| end == "json"))
            .unwrap()
    }

    fn stored(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.file()).unwrap()).unwrap()
    }

    /// Changes the stored tokens.
    fn change(&self, key: &str, value: impl Into<Value>) {
        let mut stored = self.stored();
        stored[key] = value.into();
        fs::write(self.file(), stored.to_string()).unwrap();
    }

    fn token(&self) -> Run {
        self.ehlo(&["token"]).run()
    }

    /// Sends to bob through this script.
    #[track_caller]
    fn send(&self, script: impl FnOnce(&crate::server::Door) + Send + 'static) -> Run {
        let server = Server::with_door(script);
        self.configure(server.port, "oauth-client-id = \"cid\"");
        let run = self
            .ehlo(&["-s", "hi", "-b", "hi", "bob@hamburger.edu"])
            .run();
        server.finish();
        run
    }
}

fn accept(talk: &mut Talk, token: &str) {
    talk.greet(&["AUTH XOAUTH2"]);
    let said = String::from_utf8(talk.begun("XOAUTH2")).unwrap();
    assert_eq!(
        said,
        format!("user=alice\u{1}auth=Bearer {token}\u{1}\u{1}")
    );
    talk.say("235 2.7.0 welcome");
    talk.take_mail();
    talk.end();
}

fn refuse(talk: &mut Talk, token: &str) {
    talk.greet(&["AUTH XOAUTH2"]);
    let said = String::from_utf8(talk.begun("XOAUTH2")).unwrap();
    assert!(said.contains(&format!("Bearer {token}\u{1}")), "{said:?}");
    talk.ask(r#"{"status":"401"}"#);
    talk.line();
    talk.say(&format!("535 5.7.8 {token} is not accepted"));
    talk.quit();
    talk.end();
}

#[test]
fn message_is_sent_with_the_token_of_a_device_login() {
    let desk = Desk::new();
    desk.provider.next(Answer::Code("authorization_pending"));
    desk.provider.next(Answer::Close);
    desk.log_in();
    let forms = desk.provider.forms("/token");
    assert_eq!(forms.len(), 3);
    assert_eq!(forms[0]["device_code"], "dc.device");
    assert_eq!(
        desk.provider.forms("/device")[0]["scope"],
        "openid offline_access"
    );
    let run = desk.send(|door| accept(&mut door.open(), "at.access-1"));
    keeps_secrets(&run).exits(0).complains(0);
    assert_eq!(desk.provider.forms("/token").len(), 3);
}

/// A request of the browser, and the response.
fn visit(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// The login of a browser: it follows the address that is printed, and `then` gets the one to which it is sent.
fn by_browser(desk: &Desk, method: &str, then: impl FnOnce(&str, &mut dyn Write)) -> (i32, String) {
    let mut ehlo = Command::new(env!("CARGO_BIN_EXE_ehlo"))
        .args(["login", method])
        .env_clear()
        .env("HOME", desk.home.path())
        .env("EHLO_CONFIG", desk.home.path().join("config.toml"))
        .env("EHLO_STATE_DIR", desk.home.path().join("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(ehlo.stderr.take().unwrap()).lines();
    let url =
        lines.find_map(|line| Some(line.unwrap()).filter(|line| line.contains("/authorize?")));
    let rest = thread::spawn(move || lines.map(|line| line.unwrap() + "\n").collect::<String>());
    let response = visit(&url.unwrap());
    let location = response
        .lines()
        .find_map(|line| line.strip_prefix("Location: "));
    let mut stdin = ehlo.stdin.take().unwrap();
    then(location.unwrap(), &mut stdin);
    drop(stdin);
    let output = ehlo.wait_with_output().unwrap();
    let stderr = rest.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &stderr;
    for secret in SECRETS {
        assert!(!text.contains(secret), "{text}");
    }
    (output.status.code().unwrap(), text)
}

#[test]
fn browser_is_sent_back_with_the_code() {
    let desk = Desk::new();
    let (exit, text) = by_browser(&desk, "--browser", |location, _| {
        let wrong = location.replace("state=", "state=x");
        assert!(visit(&wrong).starts_with("HTTP/1.1 400 "));
        assert!(visit(location).contains("You can close this page"));
    });
    assert_eq!(exit, 0, "{text}");
    let form = &desk.provider.forms("/token")[0];
    assert_eq!(
        (form["code"].as_str(), form["client_id"].as_str()),
        ("code.c0de", "cid")
    );
    assert!(form["redirect_uri"].starts_with("http://127.0.0.1:"));
    assert_eq!(desk.token().exits(0).stdout, "at.access-1\n");
}

#[test]
fn address_of_a_browser_elsewhere_is_pasted() {
    let desk = Desk::new();
    let (exit, text) = by_browser(&desk, "--paste", |location, input| {
        let short = &location[..location.find("state=").unwrap()];
        writeln!(input, "{short}\n  {location}").unwrap();
    });
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("copy the whole address"), "{text}");
    let (exit, text) = by_browser(&desk, "--paste", |_, _| {});
    assert_eq!(exit, 74, "{text}");
    assert!(text.contains("the input ended"), "{text}");
}

#[test]
fn login_without_offline_access_is_not_kept() {
    let desk = Desk::new();
    desk.provider.next(Answer::NoRotation);
    let run = desk.ehlo(&["login", "--device"]).run();
    keeps_secrets(&run).exits(77).says(&["no refresh token"]);
    desk.token().exits(77).says(&[
        "there is no OAuth login of alice",
        "run: ehlo login --profile work",
    ]);
}

#[test]
fn expired_token_is_replaced_and_the_refresh_token_rotates() {
    let desk = Desk::new();
    desk.log_in();
    desk.change("expires", 1);
    assert_eq!(desk.token().exits(0).stdout, "at.access-2\n");
    assert_eq!(desk.stored()["refresh_token"], "rt.refresh-2");
    assert_eq!(desk.token().exits(0).stdout, "at.access-2\n");
    desk.change("expires", 1);
    desk.provider.next(Answer::NoRotation);
    assert_eq!(desk.token().exits(0).stdout, "at.access-3\n");
    assert_eq!(desk.stored()["refresh_token"], "rt.refresh-2");
    desk.change("expires", 1);
    desk.provider.next(Answer::Chunked);
    assert_eq!(desk.token().exits(0).stdout, "at.access-4\n");
    assert_eq!(desk.stored()["refresh_token"], "rt.refresh-4");
    assert_eq!(desk.provider.state.lock().unwrap().refused, 0);
}

#[test]
fn token_that_the_server_refuses_is_replaced_once() {
    let desk = Desk::new();
    desk.log_in();
    let run = desk.send(|door| {
        refuse(&mut door.open(), "at.access-1");
        accept(&mut door.open(), "at.access-2");
    });
    keeps_secrets(&run)
        .exits(0)
        .shows(&["rejected the token; logging in again with a new one"]);
    let run = desk.send(|door| {
        refuse(&mut door.open(), "at.access-2");
        refuse(&mut door.open(), "at.access-3");
    });
    keeps_secrets(&run)
        .exits(77)
        .complains(1)
        .says(&["rejected the login"]);
    desk.provider.next(Answer::Code("invalid_grant"));
    let run = desk.send(|door| refuse(&mut door.open(), "at.access-3"));
    keeps_secrets(&run)
        .exits(77)
        .shows(&["there is no other", "run: ehlo login --profile work"]);
}

/// Runs a command beside this server, which `SERVER` names.
#[track_caller]
fn beside(
    desk: &Desk,
    words: &[&str],
    script: impl FnOnce(&crate::server::Door) + Send + 'static,
) -> Run {
    let server = Server::with_door(script);
    let name = format!("127.0.0.1:{}", server.port);
    let words = words.iter().map(|word| word.replace("SERVER", &name));
    let run = desk
        .ehlo(&[])
        .args(words)
        .args(["--helo", "me.example", "--user", "alice"])
        .args(["--oauth", &desk.provider.url(), "--oauth-client-id", "cid"])
        .args(["--allow-cleartext-password"])
        .run();
    server.finish();
    run
}

fn welcome(talk: &mut Talk, token: &str) {
    talk.greet(&["AUTH XOAUTH2"]);
    let said = String::from_utf8(talk.begun("XOAUTH2")).unwrap();
    assert!(said.contains(&format!("Bearer {token}\u{1}")), "{said:?}");
    talk.say("235 2.7.0 welcome");
}

#[test]
fn probe_and_ask_replace_a_token_that_the_server_refuses() {
    let desk = Desk::new();
    desk.log_in();
    let run = beside(
        &desk,
        &["probe", "SERVER", "--json", "--tls", "off"],
        |door| {
            refuse(&mut door.open(), "at.access-1");
            let mut talk = door.open();
            welcome(&mut talk, "at.access-2");
            talk.quit();
            talk.end();
        },
    );
    keeps_secrets(&run).exits(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let steps = report["steps"].as_array().unwrap().iter();
    let steps: Vec<&Value> = steps.map(|step| &step["step"]).collect();
    // Those of the second session.
    assert_eq!(steps, ["connect", "banner", "ehlo", "auth", "quit"]);
    let run = beside(&desk, &["ask", "SERVER", "NOOP", "--tls", "off"], |door| {
        refuse(&mut door.open(), "at.access-2");
        let mut talk = door.open();
        welcome(&mut talk, "at.access-3");
        talk.expect("NOOP");
        talk.say("250 2.0.0 ok");
        talk.quit();
        talk.end();
    });
    keeps_secrets(&run)
        .exits(0)
        .shows(&["rejected the token; logging in again with a new one"]);
    let run = beside(&desk, &["ask", "SERVER", "NOOP", "--tls", "off"], |door| {
        refuse(&mut door.open(), "at.access-3");
        refuse(&mut door.open(), "at.access-4");
    });
    keeps_secrets(&run).exits(77).says(&["rejected the login"]);
}

#[test]
fn script_logs_in_again_with_another_token() {
    let desk = Desk::new();
    desk.log_in();
    fs::write(
        desk.home.path().join("t.smtp"),
        "connect\n< 220\n> EHLO me.example\n< 250\nauth\n> QUIT\n< 221\n",
    )
    .unwrap();
    let script = desk.home.path().join("t.smtp").display().to_string();
    let hear = |talk: &mut Talk, token: &str| {
        let said = String::from_utf8(talk.begun("XOAUTH2")).unwrap();
        assert!(said.contains(&format!("Bearer {token}\u{1}")), "{said:?}");
    };
    let run = beside(&desk, &["script", "-r", "SERVER", &script], move |door| {
        let mut talk = door.open();
        talk.greet(&["AUTH XOAUTH2"]);
        hear(&mut talk, "at.access-1");
        talk.say("535 5.7.8 at.access-1 is not accepted");
        hear(&mut talk, "at.access-2");
        talk.say("235 2.7.0 welcome at.access-2");
        talk.quit();
        talk.end();
    });
    keeps_secrets(&run)
        .exits(0)
        .shows(&["rejected the token; logging in again with a new one"]);
    let run = beside(&desk, &["script", "-r", "SERVER", &script], move |door| {
        let mut talk = door.open();
        talk.greet(&["AUTH XOAUTH2"]);
        hear(&mut talk, "at.access-2");
        talk.say("535 5.7.8 no");
        hear(&mut talk, "at.access-3");
        talk.say("535 5.7.8 no");
        talk.part();
    });
    keeps_secrets(&run).exits(1).says(&["expected 235"]);
}

#[test]
fn config_check_finds_an_account_without_its_registration() {
    for (keys, option) in [
        ("", "--oauth-client-id is missing"),
        (
            "oauth-client-id = \"x\"",
            "--oauth-client-secret-file is missing",
        ),
    ] {
        let ehlo = Ehlo::new();
        let text = format!(
            "[profile.g]\nrelay = \"smtp.gmail.com:587\"\nuser = \"alice@gmail.com\"\noauth = \"google\"\n{keys}\n"
        );
        let path = ehlo.private("c.toml", text);
        let run = ehlo
            .args(["config", "check", "--config"])
            .args([path])
            .run();
        run.exits(78)
            .complains(1)
            .says(&[option, "ehlo-providers(7)", "ehlo login", "line 4"]);
    }
}

#[test]
fn config_init_proposes_oauth_where_passwords_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.toml");
    let init = |options: &[&str]| {
        let ehlo = Ehlo::new().args(["config", "init", "--yes", "--address", "alice@outlook.com"]);
        ehlo.args(["--config"]).args([&config]).args(options).run()
    };
    for options in [&[][..], &["--password-command", "pass show smtp"]] {
        init(options).exits(64).complains(1).says(&[
            "Outlook.com accepts no passwords",
            "--oauth microsoft",
            "ehlo-providers(7)",
        ]);
        assert!(!config.exists());
    }
    let oauth = ["--oauth", "microsoft", "--oauth-client-id", "cid"];
    init(&[&oauth[..], &["--oauth-tenant", "consumers"]].concat()).exits(0);
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("oauth-tenant = \"consumers\""), "{text}");
    let ehlo = Ehlo::new().args(["config", "init", "--yes", "--address", "alice@example.org"]);
    let run = ehlo
        .args(["--provider", "microsoft365", "--config"])
        .args([&config])
        .run();
    run.exits(0).says(&["Use OAuth"]);
}

#[test]
fn mailbox_without_smtp_is_not_helped_by_another_token() {
    let desk = Desk::new();
    desk.log_in();
    let run = desk.send(|door| {
        let mut talk = door.open();
        talk.greet(&["AUTH XOAUTH2"]);
        talk.begun("XOAUTH2");
        talk.say("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled");
        talk.quit();
        talk.end();
    });
    keeps_secrets(&run)
        .exits(77)
        .complains(1)
        .says(&["an administrator must enable authenticated SMTP for the mailbox"]);
    assert_eq!(desk.provider.forms("/token").len(), 1);
}

#[test]
fn failures_of_the_provider_have_their_status_and_show_no_secret() {
    let desk = Desk::new();
    desk.log_in();
    desk.change("expires", 1);
    let before = fs::read(desk.file()).unwrap();
    for (answer, exit, words) in [
        (
            Answer::Code("invalid_grant"),
            77,
            "run: ehlo login --profile work",
        ),
        (
            Answer::Code("interaction_required"),
            77,
            "run: ehlo login --profile work",
        ),
        (
            Answer::Code("invalid_client"),
            77,
            "refused the request for a token: invalid_client",
        ),
        (
            Answer::Code("temporarily_unavailable"),
            75,
            "try again later",
        ),
        (
            Answer::Late("invalid_client"),
            77,
            "the clock of this host is",
        ),
        (
            Answer::Raw(500, "rt.refresh-1".to_owned()),
            75,
            "status 500",
        ),
        (Answer::Raw(429, "{}".to_owned()), 75, "status 429"),
        (Answer::Raw(404, String::new()), 76, "status 404"),
        (Answer::Raw(302, String::new()), 76, "status 302"),
        (
            Answer::Raw(200, "<html>at.x</html>".to_owned()),
            76,
            "not a JSON object",
        ),
        (
            Answer::Raw(200, r#"{"access_token": "at.\u0001"}"#.to_owned()),
            76,
            "ASCII",
        ),
        (
            Answer::Raw(200, "x".repeat(300_000)),
            75,
            "more than 262144 bytes",
        ),
        (Answer::Close, 75, "incomplete"),
    ] {
        desk.provider.next(answer);
        let run = desk.token();
        keeps_secrets(&run).exits(exit).complains(1).says(&[words]);
        assert_eq!(fs::read(desk.file()).unwrap(), before, "{words}");
        let names = fs::read_dir(desk.home.path().join("state/oauth")).unwrap();
        assert_eq!(names.count(), 2, "{words}: a draft was left behind");
    }
    assert_eq!(desk.token().exits(0).stdout, "at.access-2\n");
}

#[test]
fn provider_that_cannot_be_reached_is_a_temporary_failure() {
    let desk = Desk::new();
    desk.log_in();
    desk.change("expires", 1);
    let account = desk.stored()["account"].to_string();
    let closed = crate::spool::closed();
    let url = format!("http://127.0.0.1:{closed}/");
    let other = account.replace(&format!("{}/", desk.provider.url()), &url);
    desk.change("account", serde_json::from_str::<Value>(&other).unwrap());
    let run = desk.ehlo(&["token", "--user", "alice"]).run();
    keeps_secrets(&run).exits(77).says(&["run: ehlo login"]);
    let config = fs::read_to_string(desk.home.path().join("config.toml")).unwrap();
    desk.private("config.toml", &config.replace(&desk.provider.url(), &url));
    let run = desk.ehlo(&["login", "--device"]).run();
    keeps_secrets(&run)
        .exits(75)
        .complains(1)
        .says(&["cannot get a token from", "Connection refused"]);
}

#[test]
fn queued_message_waits_for_a_login_and_is_not_returned() {
    let desk = Desk::new();
    desk.log_in();
    let taking = Server::with_door(|door| accept(&mut door.open(), "at.access-2"));
    desk.configure(taking.port, "oauth-client-id = \"cid\"");
    let config = fs::read_to_string(desk.home.path().join("config.toml")).unwrap();
    let queue = Queue::new();
    let settings = format!(
        "{config}[queue]\ndir = \"{}\"\ngive-up = \"1s\"\nretry = [\"1s\"]\n",
        queue.dir()
    );
    desk.private("config.toml", &settings);
    desk.change("expires", 1);
    desk.provider.next(Answer::Code("invalid_grant"));
    let run = desk
        .ehlo(&["--queue", "-s", "hi", "-b", "hi", "bob@hamburger.edu"])
        .run();
    keeps_secrets(&run).exits(0);
    let mut waiting = String::new();
    for _ in 0..3 {
        // Longer than the time after which a message is returned.
        thread::sleep(std::time::Duration::from_millis(1100));
        desk.provider.next(Answer::Code("invalid_grant"));
        let run = desk.ehlo(&["queue", "run", "--now"]).run();
        keeps_secrets(&run).exits(0);
        waiting = desk.ehlo(&["queue", "list"]).run().stdout;
        assert!(
            waiting.contains("1 item") && waiting.contains("alice@crepes.fr"),
            "{waiting}"
        );
    }
    assert!(
        waiting.contains("run: ehlo login --profile work"),
        "{waiting}"
    );
    keeps_secrets(&desk.ehlo(&["queue", "run", "--now"]).run()).exits(0);
    taking.finish();
    desk.ehlo(&["queue", "list"])
        .run()
        .shows(&["The queue is empty"]);
}

#[test]
fn program_with_a_login_of_its_own_needs_no_person() {
    let desk = Desk::with("");
    let secret = desk.private("secret", "cl1ent-s3cret&/+ x\n");
    let file = format!("oauth-client-secret-file = \"{}\"", secret.display());
    let command = format!("oauth-client-secret-command = \"cat {}\"", secret.display());
    for (count, source) in (1..).zip([file, command]) {
        let grant = "oauth-grant = \"client-credentials\"\noauth-client-id = \"c:d\"";
        desk.configure(
            1,
            &format!("{grant}\noauth-scope = \"mail.send\"\n{source}"),
        );
        if count > 1 {
            desk.change("expires", 1);
        }
        let token = format!("at.access-{count}\n");
        assert_eq!(desk.token().exits(0).stdout, token);
        assert_eq!(desk.token().exits(0).stdout, token);
        assert_eq!(desk.provider.forms("/token").len(), count);
        let state = desk.provider.state.lock().unwrap();
        let (_, form, header) = state.seen.last().unwrap();
        assert_eq!(form["scope"], "mail.send");
        // RFC 6749 §2.3.1: both parts are encoded before they are joined.
        let right = crate::sasl::encode("c%3Ad:cl1ent-s3cret%26%2F%2B+x");
        assert_eq!(header.as_deref(), Some(format!("Basic {right}").as_str()));
    }
    desk.change("expires", 1);
    desk.provider.next(Answer::Code("invalid_client"));
    keeps_secrets(&desk.token()).exits(77).complains(1);
    let run = desk.ehlo(&["login"]).run();
    keeps_secrets(&run)
        .exits(0)
        .shows(&["a token was obtained"]);
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    desk.configure(1, "oauth-grant = \"client-credentials\"\noauth-client-id = \"c\"\noauth-client-secret-file = \"~/secret\"");
    let run = desk.ehlo(&["token"]).env("HOME", desk.home.path()).run();
    keeps_secrets(&run)
        .exits(77)
        .says(&["--oauth-client-secret-file", "chmod 600"]);
}

#[test]
fn service_account_signs_its_requests() {
    let desk = Desk::with("");
    let pem = include_str!("../../src/client/credentials/oauth/assertion/test_key.pem");
    let key = serde_json::json!({
        "client_email": "robot@crepes.iam.example",
        "private_key": pem,
        "token_uri": format!("{}/token", desk.provider.url()),
    });
    let path = desk.private("key.json", &key.to_string());
    desk.configure(
        1,
        &format!(
            "oauth-grant = \"service-account\"\noauth-key-file = \"{}\"",
            path.display()
        ),
    );
    assert_eq!(desk.token().exits(0).stdout, "at.access-1\n");
    let form = &desk.provider.forms("/token")[0];
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    assert_eq!(form["assertion"].split('.').count(), 3);
    desk.change("expires", 1);
    desk.provider.next(Answer::Late("invalid_grant"));
    let run = desk.token();
    keeps_secrets(&run)
        .exits(77)
        .says(&["the clock of this host is", "behind that of the provider"]);
}

#[test]
fn tokens_that_others_can_read_or_that_are_damaged_are_not_used() {
    let desk = Desk::new();
    desk.log_in();
    fs::set_permissions(desk.file(), Permissions::from_mode(0o644)).unwrap();
    keeps_secrets(&desk.token())
        .exits(77)
        .complains(1)
        .says(&["chmod 600 "]);
    fs::set_permissions(desk.file(), Permissions::from_mode(0o600)).unwrap();
    if geteuid().is_root() {
        std::os::unix::fs::chown(desk.file(), Some(12345), None).unwrap();
        keeps_secrets(&desk.token())
            .exits(77)
            .complains(1)
            .says(&["belongs to user ID 12345"]);
        std::os::unix::fs::chown(desk.file(), Some(0), None).unwrap();
    }
    let whole = fs::read(desk.file()).unwrap();
    fs::write(desk.file(), &whole[..whole.len() - 3]).unwrap();
    let run = desk.token();
    keeps_secrets(&run)
        .exits(77)
        .says(&["is damaged; run: ehlo login --profile work"]);
    desk.ehlo(&["login", "--status"])
        .run()
        .exits(77)
        .says(&["is damaged"]);
    desk.log_in();
    assert_eq!(desk.token().exits(0).stdout, "at.access-2\n");
    let directory = desk.home.path().join("state/oauth");
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    keeps_secrets(&desk.token()).exits(77).says(&["chmod 700"]);
}

#[test]
fn login_of_another_client_is_not_used() {
    let desk = Desk::new();
    desk.log_in();
    desk.configure(1, "oauth-client-id = \"other\"");
    let run = desk.token();
    keeps_secrets(&run)
        .exits(77)
        .says(&["made with another client id; run: ehlo login"]);
}

#[test]
fn status_shows_the_age_and_logout_revokes() {
    let desk = Desk::new();
    let run = desk.ehlo(&["login", "--status"]);
    run.run().exits(0).shows(&["There is no OAuth login."]);
    desk.ehlo(&["login", "--status", "--profile", "work"])
        .run()
        .exits(77)
        .says(&["run: ehlo login --profile work"]);
    desk.log_in();
    desk.change("login_expires", chrono::Utc::now().timestamp() + 86_400);
    let run = desk.ehlo(&["login", "--status"]).run();
    keeps_secrets(&run)
        .exits(0)
        .shows(&["alice at http://127.0.0.1:", "the login expires in"]);
    let run = desk.ehlo(&["login", "--status", "--json"]).run();
    let status: Value = serde_json::from_str(&keeps_secrets(&run).exits(0).stdout).unwrap();
    let login = &status["logins"][0];
    assert_eq!(
        (&login["user"], &login["client_id"]),
        (&"alice".into(), &"cid".into())
    );
    assert!(login["warning"].as_str().unwrap().contains("expires in"));
    let run = desk.ehlo(&["logout", "--revoke"]).run();
    keeps_secrets(&run).exits(0).shows(&["revoked and removed"]);
    assert_eq!(desk.provider.forms("/revoke")[0]["token"], "rt.refresh-1");
    desk.ehlo(&["logout"]).run().exits(77);
    desk.token().exits(77);
}

#[test]
fn account_without_a_profile_is_selected_by_its_user() {
    let desk = Desk::new();
    let url = desk.provider.url();
    let other = |arguments: &[&str]| desk.ehlo(arguments).env("EHLO_CONFIG", "/dev/null").run();
    let run = other(&[
        "login",
        "--provider",
        &url,
        "--user",
        "bob",
        "--client-id",
        "x",
        "--device",
    ]);
    keeps_secrets(&run)
        .exits(0)
        .shows(&["user = \"bob\"", "oauth-client-id = \"x\""]);
    assert_eq!(other(&["token"]).exits(0).stdout, "at.access-1\n");
    assert_eq!(
        other(&["token", "--user", "bob"]).exits(0).stdout,
        "at.access-1\n"
    );
    other(&["token", "--user", "carol"]).exits(77).complains(1);
    for (arguments, words) in [
        (
            &["login", "--provider", &url, "--user", "bob"][..],
            "--client-id is missing",
        ),
        (&["login", "--provider", &url], "--user"),
        (&["login"], "--provider, --user and --client-id"),
        (
            &[
                "login",
                "--provider=google",
                "-ua",
                "--client-id=x",
                "--client-secret-file=secret",
                "--device",
            ],
            "Google does not permit",
        ),
        (
            &["login", "--provider", "gmail", "-ua", "--client-id=x"],
            "expected google, microsoft",
        ),
    ] {
        other(arguments).exits(64).complains(1).says(&[words]);
    }
}

#[test]
fn processes_that_are_killed_lose_no_refresh_token() {
    let desk = Desk::new();
    desk.log_in();
    desk.provider.state.lock().unwrap().validity = 0;
    desk.change("expires", 1);
    let refreshes = || desk.provider.state.lock().unwrap().refreshes;
    thread::scope(|scope| {
        for worker in 0..8 {
            let desk = &desk;
            scope.spawn(move || {
                for round in 0..5 {
                    let mut ehlo = Command::new(env!("CARGO_BIN_EXE_ehlo"))
                        .arg("token")
                        .env_clear()
                        .env("EHLO_CONFIG", desk.home.path().join("config.toml"))
                        .env("EHLO_STATE_DIR", desk.home.path().join("state"))
                        .stdout(Stdio::piped())
                        .stderr(Stdio::piped())
                        .spawn()
                        .unwrap();
                    if (worker + round) % 2 == 0 {
                        // At a moment that differs each time: until the provider has seen so many requests more.
                        let seen = || desk.provider.state.lock().unwrap().seen.len();
                        let before = seen();
                        while seen() < before + 1 + round && ehlo.try_wait().unwrap().is_none() {
                            thread::yield_now();
                        }
                        let _ = ehlo.kill();
                    }
                    let output = ehlo.wait_with_output().unwrap();
                    let is_killed = output.status.signal() == Some(Signal::KILL.as_raw());
                    assert!(output.status.success() || is_killed, "{output:?}");
                }
            });
        }
    });
    assert!(refreshes() >= 20, "{}", refreshes());
    assert_eq!(desk.provider.state.lock().unwrap().refused, 0);
    desk.token().exits(0);
}

#[test]
fn doctor_shows_the_age_of_a_login_and_warns_before_it_ends() {
    let desk = Desk::new();
    let doctor = |options: &[&str]| {
        let run = desk
            .ehlo(&[&["doctor", "--here", "--json"], options].concat())
            .run();
        let report: Value = serde_json::from_str(&keeps_secrets(&run).stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let is_it = |finding: &&Value| finding["step"] == "password";
        findings.iter().find(is_it).unwrap().to_string()
    };
    let missing = doctor(&["--offline"]);
    assert!(
        missing.contains("there is no OAuth login of alice"),
        "{missing}"
    );
    assert!(missing.contains("ehlo login --profile work"), "{missing}");
    desk.log_in();
    let requests = || desk.provider.state.lock().unwrap().seen.len();
    let before = requests();
    desk.change("expires", 1);
    let offline = doctor(&["--offline"]);
    assert!(
        offline.contains("the login is ") && offline.contains("was not used"),
        "{offline}"
    );
    assert_eq!(requests(), before);
    let online = doctor(&[]);
    assert!(online.contains("for alice works"), "{online}");
    assert!(requests() > before);
    desk.change("login_expires", chrono::Utc::now().timestamp() + 86_400);
    let ending = doctor(&[]);
    assert!(
        ending.contains("warning") && ending.contains("the login expires in"),
        "{ending}"
    );
    desk.change("expires", 1);
    desk.provider.next(Answer::Code("invalid_grant"));
    let ended = doctor(&[]);
    assert!(
        ended.contains("does not accept the OAuth login of alice any more"),
        "{ended}"
    );
}

#[test]
fn config_init_writes_a_profile_for_a_login() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.toml");
    let ehlo = Ehlo::new();
    ehlo.private("secret", "cl1ent-secret\n");
    let run = ehlo
        .args([
            "config",
            "init",
            "--yes",
            "--address",
            "alice@gmail.com",
            "--config",
        ])
        .args([config.as_os_str()])
        .args(["--oauth", "google", "--oauth-client-id", "cid"])
        .args(["--oauth-client-secret-file", "secret"]);
    keeps_secrets(&run.run())
        .exits(0)
        .shows(&["profile \"gmail\" added"]);
    let text = fs::read_to_string(config).unwrap();
    for key in [
        "oauth = \"google\"",
        "oauth-client-id = \"cid\"",
        "/secret\"",
        "user = \"alice@gmail.com\"",
    ] {
        assert!(text.contains(key), "{text}");
    }
    let run = Ehlo::new()
        .args([
            "config",
            "init",
            "--yes",
            "--address",
            "alice@gmail.com",
            "--oauth",
            "google",
        ])
        .run();
    run.exits(64).says(&["--oauth-client-id"]);
}
