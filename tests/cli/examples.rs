//! The examples of the manual and of the README, as they are printed, with servers on loopback in the place of
//! those that they name. One that says something that is not so fails here.

use crate::authority::Authority;
use crate::dns::Authority as Names;
use crate::executable::write_script;
use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use ehlo::cli::help::overview::OVERVIEW;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What an example calls besides ehlo. The first line that each prints is a password where it is asked for one.
const OTHERS: [&str; 22] = [
    "apt-get",
    "backup",
    "backup-all",
    "backup.sh",
    "check-all",
    "crontab",
    "df",
    "disk-check",
    "dmesg",
    "exim",
    "gpg",
    "journalctl",
    "jq",
    "make",
    "mytoken",
    "pass",
    "prove",
    "rsync",
    "some-check",
    "sudo",
    "systemctl",
    "true",
];

/// Calls ehlo and leads what would go to example.org to loopback.
const FRONT: &str = r#"#!/bin/sh
kind=starttls
case " $* " in
*:465*|*"--tls implicit"*) kind=implicit ;;
*:10025*|*" ask "*--proxy-protocol*) kind=proxied ;;
*--lmtp*) kind=lmtp ;;
esac
export EHLO_CONFIG="$WORLD/$kind.toml"
case "$1 $2" in "config init") EHLO_CONFIG="$WORLD/new-$$.toml" ;; esac
verb=$1
case "$verb $kind" in
sink*) shift; set -- sink --listen 127.0.0.1:0 --time-limit 300ms "$@" ;;
doctor*) shift; set -- doctor --here "$@" ;;
*lmtp) ;;
probe*|ask*|script*|bench*)
  shift
  case " $* " in
  *" --list "*|*" --profile "*) set -- "$verb" "$@" ;;
  *) set -- "$verb" --connect-to "$(cat "$WORLD/$kind.address")" "$@" ;;
  esac ;;
esac
exec "$EHLO" "$@"
"#;

/// Another program: says its name, or does what an example needs of it.
const OTHER: &str = r#"#!/bin/sh
case "${0##*/} $1" in
"crontab -l") echo '0 3 * * * backup' ;;
"crontab -") cat >/dev/null ;;
jq*) cat >/dev/null ;;
exim*) exec ehlo sendmail -bs ;;
sudo*) shift 2; exec "$@" ;;
prove*) exec sh -c "$2 $3" ;;
"gpg --batch")
    case "$*" in
    *--show-keys*) printf 'pub:-:255:22:1:1::::::scESC:\nuid:-::::1::1::Bob <bob@example.org>:\n' ;;
    *) cat >/dev/null; echo '[GNUPG:] END_ENCRYPTION' >&2; printf -- '-----%s PGP MESSAGE-----\n' BEGIN END ;;
    esac ;;
*) echo "${0##*/}" ;;
esac
"#;

/// Files that examples name, relative to where they are run.
const FILES: [(&str, &str); 20] = [
    ("cron.d/backup", "@daily root backup\n"),
    (
        "list.csv",
        "email,name,grade\nann@example.org,Ann,1\nbob@example.org,Bob,2\neve@example.org,Eve,3\n",
    ),
    (
        "grades.txt",
        "TO: {{name}} <{{email}}>\nSUBJECT: Grades\nFROM: alice@crepes.fr\n\nDear {{name}}: {{grade}}\n",
    ),
    (
        "people.jsonl",
        "{\"id\": 1, \"name\": \"Ann\", \"email\": \"ann@example.org\", \"invoice\": \"photo.jpg\"}\n\
         {\"id\": 2, \"name\": \"Bob\", \"email\": \"bob@example.org\", \"invoice\": null}\n",
    ),
    ("news.md", "# News\n\nDear {{name}}\n"),
    (
        ".msmtprc",
        "account work\nhost smtp.work.example\nauth on\nuser alice\npassword secret\n",
    ),
    ("menu.pdf", "%PDF-1.4\n"),
    ("trip.md", "# Trip\n\n![map](cid:map.png)\n"),
    ("map.png", "\u{89}PNG"),
    ("photo.jpg", "jpeg"),
    ("letter.txt", "Dear Bob\n"),
    ("bob.asc", "key\n"),
    ("report.txt", "all is well\n"),
    (
        "review.ics",
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    ),
    (
        "draft.eml",
        "From: alice@crepes.fr\nTo: bob@example.org\nSubject: x\n\nhi\n",
    ),
    ("pw", "secret\n"),
    ("load.pw", "secret\n"),
    (".mailpw", "secret\n"),
    (
        "login.ehlo",
        "connect\n< 220\n> EHLO $helo\n< 250\nstarttls\n> EHLO $helo\n< 250\nauth\n> QUIT\n< 221\n",
    ),
    ("t/a.ehlo", "connect\n< 220\n> QUIT\n< 221\n"),
];

/// Places of a host, and where they are in the directory of the examples, or what is there instead. Times are shorter.
const PLACES: [(&str, &str); 11] = [
    ("/etc/cron.d/", "$WORLD/cron.d/"),
    ("/tmp/", "$WORLD/"),
    ("/run/dovecot/lmtp", "$WORLD/dovecot"),
    ("/usr/local/bin/", "$WORLD/bin/"),
    ("/etc/monitor.pw", "$WORLD/pw"),
    ("/etc/ehlo/password", "$WORLD/pw"),
    ("/var/log/kern.log", "$WORLD/letter.txt"),
    ("--listen 127.0.0.1:2525", "--listen 127.0.0.1:0"),
    ("--duration 30s", "--duration 300ms"),
    ("--ramp 30s", "--ramp 100ms"),
    ("--duration 1m", "--duration 300ms"),
];

/// Names that examples call servers by.
const SERVERS: [&str; 7] = [
    "smtp.gmail.com",
    "smtp.fastmail.com",
    "*.example.org",
    "*.example.net",
    "*.work.example",
    "127.0.0.1",
    "2001:db8::25",
];

/// Examples that are not run, and why.
const NOT_RUN: [(&str, &str); 9] = [
    ("ehlo login --p", "it needs a person"),
    ("ehlo logout ", "there is no login"),
    ("cargo ", "it builds the program"),
    ("ln -s ", "it changes the host"),
    ("-- %i", "it is for a template of systemd"),
    ("queue show 0a1b2", "there is no such item"),
    ("probe --mx", "it looks up exchangers"),
    (
        "--tls-scan",
        "it needs a server for many connections; see tls_scan.rs",
    ),
    ("--nagios", "the server has another name; see probe.rs"),
];

/// Examples that may end otherwise than with 0, and how: they tell what they find.
const FINDINGS: [(&str, &[i32]); 14] = [
    // The resolver of the examples answers few questions.
    ("ehlo check ", &[1, 2, 3, 75, 77]),
    // It does not use the configuration.
    ("ehlo swaks ", &[2]),
    // No message comes.
    ("--expect 'to=", &[1]),
    // There is no such server.
    ("ehlo config discover", &[68, 75]),
    // No run has used the digest here.
    ("ehlo digest nightly", &[0, 66]),
    // The wrapper's time limit ends it before a message comes.
    ("ehlo sink --print --count 1", &[1]),
    ("ehlo ask ", &[0, 69]),
    // The host may have other work.
    ("ehlo bench ", &[0, 77]),
    ("ehlo doctor", &[0, 1, 2]),
    ("ehlo script smuggling", &[0, 1]),
    ("ehlo script relay", &[0, 1]),
    ("ehlo script conformance", &[0, 1]),
    ("--drop-after-send dot", &[79]),
    ("--helo '_ ['", &[0, 69]),
];

/// Servers and files for examples.
struct World {
    home: TempDir,
    _servers: Vec<Receiver>,
    _names: Names,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let names = Names::serve(&zone());
        let authority = Authority::new();
        let papers = authority.issue(&SERVERS);
        let files = [("cert.pem", papers.pem()), ("key.pem", papers.key_pem())];
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        let start = |own: &[&str]| {
            let offered = "DSN,REQUIRETLS,MT-PRIORITY,PRDR,XCLIENT,VRFY,HELP";
            let usual = [
                "--cert", "cert.pem", "--key", "key.pem", "--auth", "any", "--offer", offered,
            ];
            Receiver::with_files(&files, &[own, &usual].concat())
        };
        let servers = vec![
            start(&["--tls", "starttls"]),
            start(&["--tls", "implicit"]),
            start(&["--tls", "starttls", "--proxy-protocol"]),
            Receiver::start(&["--lmtp", "--listen", "unix:dovecot"]),
        ];
        for (kind, server) in ["starttls", "implicit", "proxied"].iter().zip(&servers) {
            let reach = format!("connect-to = \"{}\"\n", server.relay());
            write(home.path(), &format!("{kind}.address"), &server.relay());
            write(
                home.path(),
                &format!("{kind}.toml"),
                &config(&names, home.path(), &reach),
            );
        }
        write(home.path(), "lmtp.toml", &config(&names, home.path(), ""));
        symlink(servers[3].path("dovecot"), home.path().join("dovecot")).unwrap();
        write(home.path(), "ca.pem", &authority.pem());
        for (name, content) in FILES {
            write(home.path(), name, content);
        }
        program(home.path(), "ehlo", FRONT);
        for name in OTHERS {
            program(home.path(), name, OTHER);
        }
        Self {
            home,
            _servers: servers,
            _names: names,
        }
    }

    /// Runs an example as it is printed, but for the places in it.
    fn run(&self, example: &str) -> Run {
        let home = self.home.path();
        let mut command = example.to_owned();
        for (there, here) in PLACES {
            command = command.replace(there, here);
        }
        let path = format!("{}/bin:/usr/bin:/bin", home.display());
        let script = format!("cd \"$WORLD\" && {command}");
        Ehlo::through("sh")
            .args(["-c", &script])
            .env("PATH", path)
            .env("WORLD", home)
            .env("HOME", home)
            .env("EHLO", env!("CARGO_BIN_EXE_ehlo"))
            .env("EHLO_PASSWORD", "secret")
            .env("SSL_CERT_FILE", home.join("ca.pem"))
            .run()
    }
}

fn zone() -> Vec<String> {
    let domains = ["hamburger.edu", "example.org", "example.net"];
    let of = |domain: &str| {
        [
            format!("{domain} MX 10 mx.{domain}"),
            format!("mx.{domain} A 127.0.0.1"),
        ]
    };
    domains.into_iter().flat_map(of).collect()
}

fn config(names: &Names, home: &Path, reach: &str) -> String {
    format!(
        "default = \"loopback\"\n\
         [profile.loopback]\n{reach}dns = \"{dns}\"\nto = \"ops@example.org\"\n\
         [profile.work]\ninherit = \"loopback\"\nrelay = \"smtp.work.example\"\n\
         [profile.gmail]\ninherit = \"loopback\"\nrelay = \"smtp.gmail.com:587\"\nuser = \"alice\"\n\
         [profile.alerts]\ninherit = \"loopback\"\nrelay = \"mail.example.org\"\n\
         [queue]\ndir = \"{home}/queue\"\n\
         [sendmail]\naliases = \"/dev/null\"\ndomain = \"example.org\"\n",
        dns = names.address,
        home = home.display(),
    )
}

fn write(home: &Path, name: &str, content: &str) {
    let path = home.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

fn program(home: &Path, name: &str, content: &str) {
    let bin = home.join("bin");
    fs::create_dir_all(&bin).unwrap();
    write_script(&bin.join(name), content);
}

/// Lines with those that they are continued by, without the times of a crontab.
fn commands<'l>(lines: impl Iterator<Item = &'l str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in lines.map(str::trim) {
        let (text, more) = match line.strip_suffix('\\') {
            Some(text) => (text, true),
            None => (line, line.ends_with('|')),
        };
        match all.last_mut().filter(|_| goes_on) {
            Some(last) => last.push_str(text),
            None => all.push(text.to_owned()),
        }
        goes_on = more;
    }
    all.iter().map(|line| without_times(line)).collect()
}

fn without_times(line: &str) -> String {
    let is_time = |word: &&str| word.chars().all(|c| "0123456789*/,-".contains(c));
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.len() > 5 && words[..5].iter().all(is_time) {
        return words[5..].join(" ");
    }
    line.to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The blocks of lines in a page of the manual that are not filled, without escapes.
fn blocks(name: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("man").join(name)).unwrap();
    let escapes = [
        ("\\*(Aq", "'"),
        ("\\(aq", "'"),
        ("\\(ti", "~"),
        ("\\-", "-"),
        ("\\&", ""),
        ("\\e", "\\"),
        ("\\\\", "\\"),
    ];
    let mut all = Vec::new();
    for block in page.split(".nf\n").skip(1) {
        let mut block = block.split("\n.RE").next().unwrap().to_owned();
        for (escaped, plain) in escapes {
            block = block.replace(escaped, plain);
        }
        let lines: Vec<&str> = block
            .lines()
            .filter(|line| !line.starts_with('.'))
            .collect();
        all.push(lines.join("\n"));
    }
    all
}

/// The examples of a page of the manual: of each block of lines that are not filled, those that call ehlo.
fn of_page(name: &str) -> Vec<String> {
    let mut all: Vec<String> = blocks(name)
        .iter()
        .flat_map(|block| commands(block.lines()))
        .collect();
    all.retain(|command| calls_ehlo(command));
    all
}

fn of_readme() -> Vec<String> {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let is_code = |line: &&str| line.starts_with("    ") && !line.starts_with("     ");
    let mut all = commands(text.lines().filter(is_code));
    all.retain(|command| calls_ehlo(command));
    all
}

fn calls_ehlo(command: &str) -> bool {
    command.starts_with("ehlo ")
        || ["| ehlo ", "; ehlo ", "backup ehlo ", "bin/ehlo "]
            .iter()
            .any(|part| command.contains(part))
}

/// Runs them in their order, each in the place that the ones before have left.
#[track_caller]
fn check(examples: &[String]) {
    assert!(!examples.is_empty());
    let world = World::new();
    let mut wrong = String::new();
    for example in examples {
        if NOT_RUN.iter().any(|(part, _)| example.contains(part)) {
            continue;
        }
        let run = world.run(example);
        let finding = FINDINGS.iter().find(|(part, _)| example.contains(part));
        let allowed = finding.map_or(&[0][..], |(_, exits)| exits);
        if !run.exit.is_some_and(|exit| allowed.contains(&exit)) {
            wrong += &format!("{example}\n{run:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_examples_of_the_readme_work() {
    check(&of_readme());
}

#[test]
fn the_examples_of_the_overview_work() {
    let lines = OVERVIEW.lines().filter(|line| line.starts_with("  "));
    let mut examples = commands(lines.filter(|line| !line.trim().contains("   ")));
    examples.retain(|command| calls_ehlo(command));
    assert_eq!(examples.len(), 6, "{examples:#?}");
    check(&examples);
}

#[test]
fn the_examples_of_the_manual_work() {
    check(&of_page("ehlo.1"));
}

#[test]
fn the_examples_of_the_manual_of_jobs_work() {
    for page in [
        "ehlo-run.1",
        "ehlo-notify.1",
        "ehlo-digest.1",
        "ehlo-unit.1",
        "ehlo-doctor.1",
    ] {
        let examples = of_page(page);
        assert!(page == "ehlo-run.1" || !examples.is_empty(), "{page}");
        check(&examples);
    }
}

#[test]
fn the_examples_of_the_manual_of_servers_work() {
    for page in [
        "ehlo-sink.1",
        "ehlo-probe.1",
        "ehlo-ask.1",
        "ehlo-script.1",
        "ehlo-queue.1",
        "ehlo-config.1",
        "ehlo-merge.1",
        "ehlo-login.1",
        "ehlo-dkim.1",
    ] {
        check(&of_page(page));
    }
}

#[test]
fn the_examples_of_the_guides_work() {
    for page in ["ehlo-tutorial.7", "ehlo-providers.7", "ehlo-migrate.7"] {
        check(&of_page(page));
    }
}

#[test]
fn the_configurations_of_the_guides_are_valid() {
    let world = World::new();
    let home = world.home.path();
    let password = home.join("pw");
    let pem = include_str!("../../src/client/credentials/oauth/assertion/test_key.pem");
    let key = serde_json::json!({
        "client_email": "robot@crepes.iam.example",
        "private_key": pem,
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    write(home, "google-key.json", &key.to_string());
    for page in ["ehlo-tutorial.7", "ehlo-providers.7", "ehlo-migrate.7"] {
        let configurations: Vec<String> = blocks(page)
            .into_iter()
            .filter(|block| {
                ["[profile.", "[rewrite]", "[log]"]
                    .iter()
                    .any(|table| block.contains(table))
            })
            .collect();
        assert!(!configurations.is_empty(), "{page}");
        for text in configurations {
            let text = text
                .replace("/etc/ehlo/password", &password.to_string_lossy())
                .replace("/etc/ehlo/ops.asc", "~/pw")
                .replace("/etc/ehlo/google-key.json", "~/google-key.json")
                .replace("/etc/ehlo/m365-secret", "~/pw")
                .replace("~/.config/ehlo/google-secret", "~/pw");
            write(home, "example.toml", &text);
            let run = world.run("ehlo config check --config example.toml");
            assert_eq!(run.exit, Some(0), "{page}: {text}\n{run:#?}");
        }
    }
}
