//! Logins by OAuth: a provider in Python gives the tokens, and Dovecot accepts them by introspection.

use crate::dovecot::TOKEN;
use crate::parts;
use crate::run::{Ran, Start, ehlo_with};
use crate::submission::{SMALL, Service, Submission, submission};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const PYTHON: &str = "/usr/bin/python3";

/// The provider, which ends with this.
struct Provider {
    program: Child,
    port: u16,
}

impl Provider {
    /// `key`: the public key of a service account.
    fn start(key: Option<&Path>) -> Self {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/interop/oauth/provider.py"
        );
        let mut program = Command::new(PYTHON)
            .arg(script)
            .args(key)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { program, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes its behaviour.
    fn control(&self, settings: &Value) {
        self.ask("POST", "/control", &settings.to_string());
    }

    fn stats(&self) -> Value {
        serde_json::from_str(&self.ask("GET", "/stats", "")).unwrap()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A home with a profile for the private Postfix, whose Dovecot decides.
struct Desk {
    home: TempDir,
}

impl Desk {
    fn new(servers: &Submission, provider: &Provider, keys: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let text = format!(
            "[profile.work]\nrelay = \"{}\"\ntls = \"starttls\"\nca-file = \"{}\"\nuser = \"alice\"\noauth = \"{}\"\n{keys}\n",
            servers.relay(Service::Submission),
            servers.ca.file(),
            provider.url()
        );
        let path = home.path().join("config.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        Self { home }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let path = |name: &str| self.home.path().join(name).display().to_string();
        let (config, state) = (path("config.toml"), path("state"));
        let start = Start {
            variables: &[("EHLO_CONFIG", &config), ("EHLO_STATE_DIR", &state)],
            ..Start::default()
        };
        ehlo_with(self.home.path(), arguments, &start)
    }

    fn send(&self, mailbox: &str) -> Ran {
        let to = format!("{mailbox}@example.test");
        let fixed = ["--profile", "work", "--helo", "client.test"];
        self.run(&[&fixed[..], &SMALL, &[&to]].concat())
    }

    fn log_in(&self) {
        let ran = self.run(&["login", "--profile", "work", "--device"]);
        assert_eq!(ran.code, 0, "{}", ran.text());
        ran.complains("WDJB-MJHT").hides(TOKEN).hides("rt.");
    }
}

fn has_python() -> bool {
    parts::has(PYTHON)
}

#[test]
fn dovecot_accepts_the_token_of_a_login() {
    let Some(servers) = submission().filter(|_| has_python()) else {
        return;
    };
    let provider = Provider::start(None);
    let quick = json!({"token": TOKEN, "interval": 0, "pending": ["authorization_pending"]});
    provider.control(&quick);
    let desk = Desk::new(servers, &provider, "oauth-client-id = \"cid\"");
    desk.log_in();
    for mode in ["", "chunked"] {
        provider.control(&json!({"mode": mode}));
        let mailbox = servers.mailbox();
        let ran = desk.send(&mailbox);
        ran.ends_with(0)
            .shows(">>> AUTH ")
            .hides(TOKEN)
            .hides("rt.");
        assert!(servers.receive(&mailbox).contains("alice"));
    }
    assert_eq!(provider.stats()["refreshes"], 0);
}

#[test]
fn token_that_dovecot_refuses_is_replaced_by_one_that_it_accepts() {
    let Some(servers) = submission().filter(|_| has_python()) else {
        return;
    };
    let provider = Provider::start(None);
    provider.control(&json!({"token": "at.revoked", "interval": 0, "pending": []}));
    let desk = Desk::new(servers, &provider, "oauth-client-id = \"cid\"");
    desk.log_in();
    provider.control(&json!({"token": TOKEN, "mode": "chunked"}));
    let mailbox = servers.mailbox();
    let ran = desk.send(&mailbox);
    ran.ends_with(0)
        .shows("rejected the token; logging in again with a new one")
        .hides("at.revoked")
        .hides(TOKEN);
    assert!(servers.receive(&mailbox).contains("alice"));
    let stats = provider.stats();
    assert_eq!(
        (&stats["refreshes"], &stats["reused"]),
        (&json!(1), &json!(0))
    );
    // A token of somebody else: one more refresh, and then the refusal of the server.
    provider.control(&json!({"token": "at.other"}));
    let state = desk.home.path().join("state/oauth");
    let file = fs::read_dir(&state)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = file
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "json"));
    let text = fs::read_to_string(file.as_ref().unwrap()).unwrap();
    fs::write(file.unwrap(), text.replace(TOKEN, "at.wrong")).unwrap();
    let mailbox = servers.mailbox();
    desk.send(&mailbox).ends_with(77).hides("at.");
    assert!(servers.postfix.is_empty(&mailbox));
    assert_eq!(provider.stats()["refreshes"], 2);
}

#[test]
fn program_with_a_secret_or_a_key_sends_without_a_person() {
    let Some(servers) = submission().filter(|_| has_python()) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let pem = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/client/credentials/oauth/assertion/test_key.pem"
    );
    let public = path("public.pem");
    let made = Command::new("openssl")
        .args(["pkey", "-in", pem, "-pubout", "-out"])
        .arg(&public)
        .status();
    assert!(made.unwrap().success());
    let provider = Provider::start(Some(&public));
    provider.control(&json!({"token": TOKEN}));
    let private = |name: &str, text: &str| {
        fs::write(path(name), text).unwrap();
        fs::set_permissions(path(name), Permissions::from_mode(0o600)).unwrap();
        path(name).display().to_string()
    };
    let secret = private("secret", "cl1ent:secret/+\n");
    let key = json!({
        "client_email": "robot@crepes.iam.example",
        "private_key": fs::read_to_string(pem).unwrap(),
        "token_uri": format!("{}/token", provider.url()),
    });
    let key = private("key.json", &key.to_string());
    for (keys, methods) in [
        (
            format!(
                "oauth-grant = \"client-credentials\"\noauth-client-id = \"c\"\noauth-client-secret-file = \"{secret}\""
            ),
            "client_secret_basic",
        ),
        (
            format!(
                "oauth-grant = \"client-credentials\"\noauth-client-id = \"c\"\noauth-client-secret-command = \"cat {secret}\""
            ),
            "client_secret_post",
        ),
        (
            format!("oauth-grant = \"service-account\"\noauth-key-file = \"{key}\""),
            "client_secret_basic",
        ),
    ] {
        provider.control(&json!({"methods": [methods]}));
        let desk = Desk::new(servers, &provider, &keys);
        let mailbox = servers.mailbox();
        desk.send(&mailbox)
            .ends_with(0)
            .hides(TOKEN)
            .hides("cl1ent");
        assert!(servers.receive(&mailbox).contains("alice"), "{keys}");
    }
}

#[test]
fn eight_processes_refresh_one_after_the_other_though_some_are_killed() {
    if !has_python() {
        return;
    }
    let provider = Provider::start(None);
    provider.control(&json!({"validity": 0, "delay": 0.003, "interval": 0, "pending": []}));
    let home = tempfile::tempdir().unwrap();
    let ehlo = |arguments: &[&str]| {
        let mut ehlo = Command::new(env!("CARGO_BIN_EXE_ehlo"));
        ehlo.args(arguments)
            .env_clear()
            .env("EHLO_CONFIG", "/dev/null")
            .env("EHLO_STATE_DIR", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        ehlo
    };
    let url = provider.url();
    let login = [
        "login",
        "--provider",
        &url,
        "-ualice",
        "--client-id",
        "c",
        "--device",
    ];
    assert!(ehlo(&login).status().unwrap().success());
    let rounds: u32 = std::env::var("EHLO_REFRESHES").map_or(8, |count| count.parse().unwrap());
    std::thread::scope(|scope| {
        for worker in 0..8_u32 {
            let ehlo = &ehlo;
            scope.spawn(move || {
                for round in 0..rounds {
                    let mut child = ehlo(&["token"]).spawn().unwrap();
                    let is_killed = (worker + round) % 3 == 0;
                    if is_killed {
                        // A different number of turns each time.
                        for _ in 0..(worker * 7 + round * 13) * 40 {
                            std::thread::yield_now();
                        }
                        child.kill().unwrap();
                    }
                    let output = child.wait_with_output().unwrap();
                    assert!(is_killed || output.status.success(), "{output:?}");
                }
            });
        }
    });
    let stats = provider.stats();
    assert_eq!(
        (&stats["overlaps"], &stats["reused"]),
        (&json!(0), &json!(0)),
        "{stats}"
    );
    let least = u64::from(8 * rounds) * 2 / 3;
    assert!(stats["refreshes"].as_u64().unwrap() >= least, "{stats}");
    println!("{stats}");
    assert!(ehlo(&["token"]).status().unwrap().success());
}

/// Runs a shell script with `ehlo` of this home, the port of the server in $port and its CA in $ca.
fn shell(desk: &Desk, servers: &Submission, script: &str) -> std::process::Output {
    let path = |name: &str| desk.home.path().join(name).display().to_string();
    let bin = desk.home.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let link = bin.join("ehlo");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ehlo"), link).unwrap();
    }
    let relay = servers.relay(Service::Submission);
    Command::new("sh")
        .args(["-euc", script])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("HOME", desk.home.path())
        .env("EHLO_CONFIG", path("config.toml"))
        .env("EHLO_STATE_DIR", path("state"))
        .env("port", relay.rsplit(':').next().unwrap())
        .env("ca", servers.ca.file())
        .current_dir(desk.home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// As ehlo-login(1) has it for each program.
const RECIPES: [(&str, &str); 3] = [
    (
        "/usr/bin/msmtp",
        "umask 077
        cat >.msmtprc <<END
account default
host 127.0.0.1
port $port
tls on
tls_trust_file $ca
from alice@example.test
user alice
auth xoauth2
passwordeval \"ehlo token --profile work\"
END
        printf 'Subject: hi\\n\\nfrom alice\\n' | msmtp $to@example.test",
    ),
    (
        "/usr/bin/mutt",
        "cat >.muttrc <<END
set smtp_url = \"smtp://alice@127.0.0.1:$port/\"
set ssl_force_tls = yes
set certificate_file = $ca
set from = alice@example.test
set copy = no
set smtp_authenticators = \"xoauth2\"
set smtp_oauth_refresh_command = \"ehlo token --profile work\"
END
        echo from alice | TERM=dumb mutt -s hi -- $to@example.test",
    ),
    (
        "/usr/lib/git-core/git-send-email",
        "export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=alice GIT_AUTHOR_EMAIL=alice@example.test
        export GIT_COMMITTER_NAME=alice GIT_COMMITTER_EMAIL=alice@example.test
        git config --global sendemail.sendmailCmd 'ehlo sendmail'
        git init -q -b main tree && cd tree && echo from alice >file && git add file
        git commit -q -m 'from alice'
        git send-email --quiet --confirm=never --suppress-cc=all --from=alice@example.test --to=$to@example.test -1",
    ),
];

#[test]
fn other_programs_send_with_the_tokens_of_ehlo() {
    let Some(servers) = submission().filter(|_| has_python()) else {
        return;
    };
    let provider = Provider::start(None);
    provider.control(&json!({"token": TOKEN, "interval": 0, "pending": []}));
    let keys = "oauth-client-id = \"cid\"\n[sendmail]\nprofile = \"work\"";
    let desk = Desk::new(servers, &provider, keys);
    desk.log_in();
    for (program, script) in RECIPES {
        if !parts::has(program) {
            continue;
        }
        let mailbox = servers.mailbox();
        let output = shell(&desk, servers, &format!("to={mailbox}\n{script}"));
        assert!(output.status.success(), "{program}: {output:?}");
        let text = servers.receive(&mailbox);
        assert!(text.contains("alice"), "{program}: {text}");
    }
}
