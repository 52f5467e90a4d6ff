//! `ehlo doctor`: what it finds on the way of a mail from cron, what it says to servers, and how it ends.

use crate::authority::{Authority, BOTH, Papers};
use crate::program::{Ehlo, Run};
use crate::relay::{Do, Relay};
use crate::server::Server;
use crate::spool::closed;
use chrono::Datelike as _;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::OnceLock;

const LOOPBACK: &[&str] = &["127.0.0.1"];

/// Steps that depend on the host that the tests run on.
const OF_THE_HOST: &str = "sendmail,host,domain,runner,cron,last-resort";

/// A look with this environment at a way by this relay, for bob, from alice, with these lines in the
/// profile.
fn look(port: u16, profile: &str) -> Ehlo {
    let ehlo = Ehlo::new();
    let queue = ehlo.path("queue").display().to_string();
    let config = format!(
        "default = \"out\"\n\
         [profile.out]\nrelay = \"127.0.0.1:{port}\"\ndns = \"{dns}\"\n{profile}\n\
         [queue]\ndir = \"{queue}\"\n\
         [sendmail]\naliases = \"/dev/null\"\ndomain = \"crepes.fr\"\n\
         [rewrite]\n\"*@crepes.fr\" = \"alice@crepes.fr\"\n",
        dns = names(),
    );
    ehlo.private("config.toml", config);
    ehlo.args(["doctor", "--here", "--config", "config.toml"])
        .args(["--mailto", "bob@hamburger.edu", "--skip", OF_THE_HOST])
}

/// Who knows where crepes.fr is, and no other name.
fn names() -> SocketAddr {
    static NAMES: OnceLock<SocketAddr> = OnceLock::new();
    *NAMES.get_or_init(|| {
        let names = crate::dns::Authority::serve(&["crepes.fr MX 10 mx.crepes.fr"]);
        let address = names.address;
        // It goes on until the tests end.
        std::mem::forget(names);
        address
    })
}

#[track_caller]
fn object(ehlo: Ehlo) -> Value {
    let run = ehlo.args(["--json"]).run();
    let object: Value = serde_json::from_str(&run.stdout).expect("no JSON");
    assert_eq!(object["exit"], run.exit.unwrap(), "{run:#?}");
    object
}

/// The findings about a step.
fn of<'o>(object: &'o Value, step: &str) -> Vec<&'o Value> {
    let all = object["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["step"] == step).collect()
}

/// What failed: the step, what was found, and what mends it.
#[track_caller]
fn failed(object: &Value) -> (&str, &str, &str) {
    assert_eq!(object["exit"], 2, "{object:#}");
    let mut all = object["findings"].as_array().unwrap().iter();
    let failed = all.find(|finding| finding["health"] == "failed").unwrap();
    let word = |key: &str| failed[key].as_str().unwrap_or_default();
    (word("step"), word("found"), word("mend"))
}

fn taking_all() -> Relay {
    Relay::start(|_| Do::Usual)
}

fn answering(line: &'static str, reply: &'static str) -> Relay {
    Relay::start(move |moment| {
        if moment.line.starts_with(line) {
            Do::Say(reply)
        } else {
            Do::Usual
        }
    })
}

#[test]
fn where_all_is_well_it_says_so_and_nobody_gets_a_message() {
    let relay = taking_all();
    let object = object(look(relay.port, ""));
    assert_eq!(object["health"], "ok", "{object:#}");
    assert_eq!(object["recipients"][0], "bob@hamburger.edu");
    let steps = [
        "config",
        "recipient",
        "sender",
        "route",
        "server",
        "tls",
        "answer",
        "queue",
    ];
    for step in steps {
        assert_eq!(of(&object, step).len(), 1, "{step} in {object:#}");
    }
    let promise = format!(
        "Mail from cron would be sent to bob@hamburger.edu via [127.0.0.1]:{}.",
        relay.port
    );
    assert_eq!(object["prognosis"], promise);
    assert_eq!(relay.heard("MAIL FROM:<alice@crepes.fr>"), 1);
    assert_eq!(relay.heard("RCPT TO:<bob@hamburger.edu>"), 1);
    assert_eq!((relay.heard("DATA"), relay.heard("BDAT")), (0, 0));
}

#[test]
fn people_get_a_line_for_each_step_and_the_conversation_if_they_want() {
    let relay = taking_all();
    let run = look(relay.port, "").run();
    run.exits(0).complains(0).has_nothing_raw().shows(&[
        "in the current environment:\n\n",
        "ok       config       config.toml, profile out\n",
        "ok       answer       alice@crepes.fr to bob@hamburger.edu: ok\n",
        "\nMail from cron would be sent to bob@hamburger.edu via ",
    ]);
    let run = look(relay.port, "").args(["-v"]).run();
    run.exits(0)
        .shows(&[">>> RCPT TO:<bob@hamburger.edu>\n", "ok       server "]);
}

#[test]
fn without_a_configuration_it_says_what_to_write() {
    let run = Ehlo::new()
        .args([
            "doctor",
            "--here",
            "--config",
            "/dev/null",
            "--offline",
            "--json",
        ])
        .args([
            "--mailto",
            "bob@hamburger.edu",
            "--skip",
            "sender,queue",
            "--skip",
            OF_THE_HOST,
        ])
        .run();
    run.exits(1).complains(0);
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    let config = of(&object, "config")[0];
    assert_eq!(config["health"], "warning");
    assert!(
        config["mend"]
            .as_str()
            .unwrap()
            .contains("relay = \"smtp.example.org:587\"")
    );
    assert_eq!(of(&object, "server")[0]["health"], "unknown");
}

#[test]
fn everything_that_is_wrong_with_the_configuration_is_told_with_its_line() {
    let server = Server::untouched();
    let object = object(look(server.port, "relais = \"x\"\nport = 70000"));
    server.finish();
    let (step, found, mend) = failed(&object);
    assert_eq!(step, "config");
    assert!(
        found.ends_with("did you mean relay? (line 5)") && mend.contains("ehlo config check"),
        "{found}; {mend}"
    );
    let promise = object["prognosis"].as_str().unwrap();
    assert!(
        promise.starts_with("Mail from cron would not be sent: "),
        "{promise}"
    );
}

#[test]
fn a_configuration_that_others_can_write_to_is_mended_by_chmod() {
    let ehlo = look(closed(), "");
    let path = ehlo.path("config.toml");
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    let object = object(ehlo);
    assert_eq!(failed(&object).2, "chmod go-w config.toml");
}

#[test]
fn a_relay_that_is_down_leaves_the_mail_in_the_queue() {
    let object = object(look(closed(), ""));
    let (step, found, mend) = failed(&object);
    assert_eq!(step, "server");
    assert!(found.contains("Connection refused") && mend.contains("the profile out"));
    let promise = object["prognosis"].as_str().unwrap();
    assert!(
        promise.starts_with("Mail from cron would be queued: "),
        "{promise}"
    );
}

#[test]
fn a_fallback_that_works_takes_what_the_first_does_not() {
    let relay = taking_all();
    let other = format!(
        "fallback = \"other\"\n[profile.other]\nrelay = \"127.0.0.1:{}\"",
        relay.port
    );
    let object = object(look(closed(), &other));
    assert_eq!(of(&object, "fallback")[0]["health"], "ok", "{object:#}");
    let promise = object["prognosis"].as_str().unwrap();
    assert!(
        promise.starts_with("Mail from cron would be sent via the fallback: "),
        "{promise}"
    );
}

#[test]
fn a_recipient_that_is_refused_is_known_before_the_first_mail() {
    let relay = answering("RCPT", "550 5.7.1 relaying denied");
    let object = object(look(relay.port, ""));
    let (step, found, mend) = failed(&object);
    assert_eq!(step, "answer");
    assert!(found.contains("550 5.7.1 relaying denied"), "{found}");
    assert!(mend.contains("password-command"), "{mend}");
}

#[test]
fn a_sender_that_is_refused_gets_another_by_a_rule() {
    let relay = answering("MAIL", "553 5.7.1 not you");
    let object = object(look(relay.port, ""));
    let (step, found, mend) = failed(&object);
    assert_eq!(step, "answer");
    assert!(found.contains("553 5.7.1 not you") && mend.contains("[rewrite]"));
}

#[test]
fn who_is_to_come_back_later_is_a_warning() {
    let relay = answering("RCPT", "451 4.7.1 greylisted");
    let object = object(look(relay.port, ""));
    assert_eq!(object["exit"], 1, "{object:#}");
    assert_eq!(of(&object, "answer")[0]["health"], "warning");
}

#[test]
fn a_sender_whose_domain_does_not_exist_is_a_warning() {
    let relay = taking_all();
    let ehlo = look(relay.port, "");
    let config = fs::read_to_string(ehlo.path("config.toml")).unwrap();
    ehlo.private("config.toml", config.replace("crepes.fr", "nowhere.test"));
    let object = object(ehlo);
    let sender = of(&object, "sender");
    assert_eq!(sender[1]["health"], "warning", "{object:#}");
    assert!(
        sender[1]["found"]
            .as_str()
            .unwrap()
            .contains("does not exist")
    );
}

#[test]
fn a_domain_without_a_server_is_known_before_the_first_mail() {
    let ehlo = Ehlo::new();
    let config = format!("default = \"out\"\n[profile.out]\ndns = \"{}\"\n", names());
    ehlo.private("config.toml", config);
    let ehlo = ehlo
        .args(["doctor", "--here", "--config", "config.toml"])
        .args([
            "--mailto",
            "bob@nowhere.test",
            "--skip",
            "sender,queue",
            "--skip",
            OF_THE_HOST,
        ]);
    let object = object(ehlo);
    let (step, found, mend) = failed(&object);
    assert_eq!(
        (step, mend),
        (
            "recipient",
            "choose another recipient with MAILTO or an alias"
        )
    );
    assert!(
        found.starts_with("<bob@nowhere.test>: nowhere.test does not exist"),
        "{found}"
    );
}

#[test]
fn a_profile_that_is_named_is_looked_at_as_ehlo_run_goes_by_it() {
    let relay = taking_all();
    let ehlo = Ehlo::new();
    let queue = ehlo.path("queue").display().to_string();
    let config = format!(
        "[profile.alerts]\nrelay = \"127.0.0.1:{}\"\ndns = \"{}\"\nto = \"ops@hamburger.edu\"\n\
         from = \"Ann <ann@crepes.fr>\"\n[queue]\ndir = \"{queue}\"\n",
        relay.port,
        names(),
    );
    ehlo.private("config.toml", config);
    let ehlo = ehlo
        .args([
            "doctor",
            "--here",
            "--config",
            "config.toml",
            "--profile",
            "alerts",
        ])
        .args(["--skip", "host,domain,runner,cron,last-resort"]);
    let object = object(ehlo);
    assert_eq!(object["exit"], 0, "{object:#}");
    assert_eq!(relay.heard("MAIL FROM:<ann@crepes.fr>"), 1);
    assert_eq!(relay.heard("RCPT TO:<ops@hamburger.edu>"), 1);
    let promise = object["prognosis"].as_str().unwrap();
    assert!(promise.starts_with("Mail from ehlo run would be sent to ops@hamburger.edu via "));
}

const LOGIN: &str =
    "user = \"alice\"\npassword-file = \"password\"\nallow-cleartext-password = true";

fn with_login(taken: bool) -> Relay {
    Relay::start(move |moment| match moment.line.get(..4) {
        Some("EHLO") => Do::Say("250-relay.example\r\n250 AUTH PLAIN"),
        Some("AUTH") if !taken => Do::Say("535 5.7.8 wrong"),
        _ => Do::Usual,
    })
}

fn logging_in(relay: &Relay, profile: &str) -> Ehlo {
    let ehlo = look(relay.port, profile);
    ehlo.private("password", "hunter2\n");
    ehlo
}

#[test]
fn a_login_is_tried_and_a_wrong_password_is_told_but_not_shown() {
    let relay = with_login(true);
    let good = object(logging_in(&relay, LOGIN));
    assert_eq!(good["exit"], 0, "{good:#}");
    assert_eq!(of(&good, "login")[0]["found"], "235 ok");
    let relay = with_login(false);
    let run = logging_in(&relay, LOGIN).args(["-v"]).run();
    run.exits(2).complains(0).shows(&[
        "failed   login ",
        "535 5.7.8 wrong",
        "fix: check user and password",
    ]);
    assert!(!run.stdout.contains("hunter2"));
    assert_eq!(relay.heard("MAIL"), 0);
}

#[test]
fn nobody_logs_in_where_that_is_not_wanted() {
    let relay = with_login(true);
    let object = object(logging_in(&relay, LOGIN).args(["--no-login"]));
    assert_eq!(object["exit"], 0, "{object:#}");
    assert_eq!(of(&object, "answer")[0]["health"], "unknown");
    assert_eq!(
        (
            relay.heard("AUTH"),
            relay.heard("MAIL"),
            relay.heard("EHLO")
        ),
        (0, 0, 1)
    );
}

#[test]
fn what_is_left_out_is_not_done() {
    let server = Server::untouched();
    let unasked = object(look(server.port, "").args(["--skip", "server"]));
    server.finish();
    assert_eq!(unasked["exit"], 0, "{unasked:#}");
    assert!(
        unasked["prognosis"]
            .as_str()
            .unwrap()
            .ends_with("but not all steps were checked.")
    );
    let relay = with_login(true);
    let failing = "user = \"alice\"\npassword-command = \"false\"";
    let unsaid = object(look(relay.port, failing).args(["--skip", "password,answer"]));
    assert_eq!(unsaid["exit"], 0, "{unsaid:#}");
    assert_eq!((relay.heard("AUTH"), relay.heard("MAIL")), (0, 0));
}

#[test]
fn a_password_that_others_can_read_is_mended_by_chmod_and_no_server_is_asked() {
    let server = Server::untouched();
    let ehlo = look(server.port, LOGIN);
    ehlo.file("password", "hunter2\n");
    let object = object(ehlo);
    server.finish();
    assert_eq!(failed(&object).0, "password");
    assert_eq!(failed(&object).2, "chmod 600 password");
}

#[test]
fn a_certificate_of_a_stranger_ends_it_before_a_password_is_said() {
    let papers = Papers::self_signed(LOOPBACK, |_| ());
    let config = papers.config(BOTH);
    let server = Server::start(move |talk| {
        talk.say("220 mx.example");
        let hello = talk.line();
        assert!(hello.starts_with("EHLO "), "{hello}");
        talk.say("250-mx.example\n250 STARTTLS");
        talk.expect("STARTTLS");
        talk.say("220 go");
        talk.fail_to_secure(&config);
    });
    let object = object(look(server.port, "tls = \"starttls\""));
    server.finish();
    let (step, found, mend) = failed(&object);
    assert_eq!(step, "tls");
    assert!(
        found.ends_with("is self-signed") && mend.contains("ca-file"),
        "{found}; {mend}"
    );
}

/// Takes mail in TLS from two clients, the second of whom asks about a recipient.
fn in_tls(papers: &Papers) -> Server<()> {
    let config = papers.config(BOTH);
    Server::with_door(move |door| {
        for _ in 0..2 {
            let mut talk = door.open();
            talk.say("220 mx.example");
            assert!(talk.line().starts_with("EHLO "));
            talk.say("250-mx.example\n250 STARTTLS");
            talk.expect("STARTTLS");
            talk.say("220 go");
            talk.secure(&config);
            assert!(talk.line().starts_with("EHLO "));
            talk.say("250 mx.example");
            while talk.line() != "QUIT" {
                talk.say("250 ok");
            }
            talk.say("221 bye");
            talk.end();
        }
    })
}

#[test]
fn a_certificate_is_told_with_its_days_and_what_is_doubtful_about_it() {
    let ca = Authority::new();
    let soon: crate::authority::Change = |params| {
        let end = chrono::Utc::now().date_naive() + chrono::Days::new(6);
        let (month, day) = (u8::try_from(end.month()), u8::try_from(end.day()));
        params.not_after = rcgen::date_time_ymd(end.year(), month.unwrap(), day.unwrap());
    };
    let stranger = Papers::self_signed(LOOPBACK, |_| ());
    for (papers, trust, health, words) in [
        (ca.issue(LOOPBACK), "ca-file = \"ca.pem\"", "ok", "verified"),
        (
            ca.issue_odd(LOOPBACK, soon),
            "ca-file = \"ca.pem\"",
            "warning",
            "verified, 5 days left",
        ),
        (
            stranger,
            "insecure = true",
            "warning",
            "accepted because of insecure",
        ),
    ] {
        let server = in_tls(&papers);
        let ehlo = look(server.port, &format!("tls = \"starttls\"\n{trust}"));
        ehlo.file("ca.pem", ca.pem());
        let object = object(ehlo);
        server.finish();
        let tls = of(&object, "tls")[0];
        let found = tls["found"].as_str().unwrap();
        assert!(
            tls["health"] == health && found.contains(words),
            "{object:#}"
        );
        assert_eq!(of(&object, "answer")[0]["health"], "ok", "{object:#}");
    }
}

#[test]
fn a_queue_that_cannot_be_is_told_with_what_would_mend_it() {
    let relay = taking_all();
    let ehlo = look(relay.port, "");
    ehlo.file("queue", "");
    let of_file = object(ehlo);
    assert_eq!(failed(&of_file).0, "queue");
    let ehlo = look(relay.port, "");
    fs::create_dir(ehlo.path("queue")).unwrap();
    let object = object(ehlo);
    assert!(failed(&object).2.starts_with("chmod 700 "), "{object:#}");
}

#[test]
fn a_message_is_sent_in_the_end_only_where_that_is_wanted() {
    let relay = taking_all();
    let run = look(relay.port, "").args(["--send-test"]).run();
    run.exits(0)
        .complains(0)
        .shows(&["The test message was accepted for bob@hamburger.edu: taken\n"]);
    let taken = relay.taken();
    assert_eq!(taken.len(), 1);
    assert!(
        taken[0].from.starts_with("MAIL FROM:<alice@crepes.fr>"),
        "{taken:?}"
    );
    look(relay.port, "")
        .args(["--send-test", "eve@x.org"])
        .run()
        .exits(0);
    assert!(relay.taken()[1].to[0].starts_with("RCPT TO:<eve@x.org>"));
}

#[test]
fn a_test_that_is_refused_ends_as_sending_does() {
    let relay = answering("RCPT", "550 5.1.1 no such user");
    let run = look(relay.port, "").args(["--send-test"]).run();
    run.exits(69).complains(1).says(&["550 5.1.1 no such user"]);
    run.shows(&["The test message was not accepted for bob@hamburger.edu (refused).\n"]);
    let run = look(closed(), "").args(["--send-test"]).run();
    run.exits(0)
        .shows(&["The test message is queued for bob@hamburger.edu: "]);
}

/// The same look with cron's eyes, at a password that comes from a command.
fn as_cron(command: &str) -> Run {
    let ehlo = Ehlo::new();
    let config = format!(
        "default = \"out\"\n[profile.out]\nrelay = \"127.0.0.1:{}\"\nuser = \"alice\"\n\
         password-command = '{command}'\n[queue]\ndir = \"{}\"\n",
        closed(),
        ehlo.path("queue").display(),
    );
    let config = ehlo.private("config.toml", config);
    ehlo.env("EHLO_CONFIG", "/dev/null")
        .env("SOMETHING", "else")
        .args([
            "doctor",
            "--offline",
            "--json",
            "--mailto",
            "bob@hamburger.edu",
        ])
        .args(["--skip", "sender", "--skip", OF_THE_HOST, "--config"])
        .args([config])
        .run()
}

#[test]
fn cron_has_little_environment_and_that_is_what_a_command_gets() {
    let command = "test \"$PATH\" = /usr/bin:/bin && test -z \"$SOMETHING$EHLO_CONFIG\" && test \"$SHELL\" = /bin/sh \
                   && test -n \"$HOME$LOGNAME\" && echo hunter2";
    let run = as_cron(command);
    run.exits(1).complains(0);
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(object["by_cron"], true);
    assert_eq!(of(&object, "password")[0]["health"], "ok", "{object:#}");
    let lost = of(&object, "config")[1]["found"].as_str().unwrap();
    assert!(lost.starts_with("EHLO_CONFIG") && lost.ends_with("set here, but not in cron"));
}

#[test]
fn cron_has_no_terminal_that_a_command_could_ask_at() {
    let run = as_cron("exec 3</dev/tty && echo hunter2");
    run.exits(2).says(&["/dev/tty"]);
    let object: Value = serde_json::from_str(run.stdout.trim()).unwrap();
    assert_eq!(failed(&object).0, "password", "{object:#}");
}

#[test]
fn what_cannot_be_meant_together_is_refused_by_both_names() {
    for (one, other) in [
        ("--json", "--verbose"),
        ("--send-test", "--offline"),
        ("--send-test", "--no-login"),
        ("--send-test", "--json"),
    ] {
        let run = Ehlo::new().args(["doctor", one, other]).run();
        run.exits(64).complains(1).says(&[one, other]);
    }
    let run = Ehlo::new().args(["doctor", "--skip", "nothing"]).run();
    run.exits(64).complains(1).says(&["'nothing'", "recipient"]);
}

/// The step about the domain of the sender, with these records.
fn domain_of(records: &[&str]) -> Run {
    let relay = taking_all();
    let names = crate::dns::Authority::serve(records);
    let skipped = OF_THE_HOST.replace("domain,", "");
    let ehlo = Ehlo::new();
    let config = format!(
        "default = \"out\"\n[profile.out]\nrelay = \"127.0.0.1:{}\"\ndns = \"{}\"\n\
         [sendmail]\naliases = \"/dev/null\"\ndomain = \"crepes.fr\"\n\
         [rewrite]\n\"*@crepes.fr\" = \"alice@crepes.fr\"\n",
        relay.port, names.address,
    );
    ehlo.private("config.toml", config);
    let args = [
        "doctor",
        "--here",
        "--config",
        "config.toml",
        "--mailto",
        "bob@hamburger.edu",
    ];
    ehlo.args(args).args(["--skip", &skipped]).run()
}

#[test]
fn the_domain_of_the_sender_is_judged_as_by_gmail() {
    let run = domain_of(&[
        "crepes.fr MX 10 mx.crepes.fr",
        "crepes.fr TXT \"v=spf1 mx -all\"",
        "mx.crepes.fr A 127.0.0.1",
        "_dmarc.crepes.fr TXT \"v=DMARC1; p=reject; rua=mailto:d@crepes.fr\"",
        "x._domainkey.crepes.fr TXT \"v=DKIM1; p=\"",
    ]);
    run.exits(0)
        .shows(&["ok       domain       Gmail would accept mail of crepes.fr by SPF"]);
    let run = domain_of(&["crepes.fr MX 10 mx.crepes.fr"]);
    run.exits(1).shows(&[
        "warning  domain       spf.missing: crepes.fr has no SPF record",
        "fix: crepes.fr. IN TXT \"v=spf1 mx -all\"",
        "warning  domain       Gmail would refuse mail of crepes.fr from this host: neither SPF nor DKIM passes (550 5.7.26)",
    ]);
    let run = domain_of(&["crepes.fr MX 10 mx.crepes.fr", "crepes.fr TXT SERVFAIL"]);
    run.shows(&["unknown  domain       whether Gmail would accept mail of crepes.fr is not known"]);
}
