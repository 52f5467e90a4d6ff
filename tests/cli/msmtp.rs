//! `ehlo msmtp`: the command line, the configuration and the exit statuses of msmtp.

use crate::program::Ehlo;
use crate::receiver::Receiver;
use serde_json::Value;

const MESSAGE: &str = "To: bob@hamburger.edu\nCc: Carol <carol@hamburger.edu>\nBcc: dave@hamburger.edu\n\
                       Subject: x\n\nhello\n.dot\n";

/// msmtp with this configuration of the user, and a message.
fn msmtp(config: &str) -> Ehlo {
    let ehlo = Ehlo::new();
    ehlo.private(".msmtprc", config);
    ehlo.args(["msmtp"]).input(MESSAGE)
}

/// An account for this server.
fn account(sink: &Receiver, more: &str) -> String {
    let relay = sink.relay();
    let (host, port) = relay.rsplit_once(':').unwrap();
    format!(
        "account a\nhost {host}\nport {port}\nfrom alice@crepes.fr\n{more}\naccount default : a\n"
    )
}

fn recipients(message: &Value) -> Vec<&str> {
    let recipients = message["recipients"].as_array().unwrap().iter();
    recipients
        .map(|recipient| recipient["address"].as_str().unwrap())
        .collect()
}

#[test]
fn message_of_the_default_account_is_sent_with_its_login() {
    let sink = Receiver::with_files(
        &[("users", "alice:hunter2\n")],
        &["--json", "--auth", "users", "--auth-in-clear"],
    );
    let config = account(&sink, "auth plain\nuser alice\npasswordeval echo hunter2");
    msmtp(&config).args(["-t"]).run().exits(0).is_silent();
    let ended = sink.stop();
    let messages = ended.events("message");
    assert_eq!(messages[0]["from"], "alice@crepes.fr");
    assert_eq!(messages[0]["user"], "alice");
    assert_eq!(messages[0]["helo"], "localhost");
    let all = [
        "bob@hamburger.edu",
        "carol@hamburger.edu",
        "dave@hamburger.edu",
    ];
    assert_eq!(recipients(&messages[0]), all);
}

#[test]
fn password_in_the_file_is_used_and_never_shown() {
    let sink = Receiver::with_files(
        &[("users", "alice:hunter2\n")],
        &["--json", "--auth", "users", "--auth-in-clear"],
    );
    let config = account(&sink, "auth login\nuser alice\npassword hunter2");
    let run = msmtp(&config).args(["-d", "bob@hamburger.edu"]).run();
    run.exits(0).shows(&[
        "password = *",
        "--> MAIL FROM:<alice@crepes.fr>",
        "--> ..dot",
    ]);
    assert!(!run.stdout.contains("hunter2"));
    assert!(!run.stdout.contains("aHVudGVyMg"));
    assert_eq!(sink.stop().events("message").len(), 1);
}

#[test]
fn addresses_without_a_domain_stay_as_they_are() {
    let sink = Receiver::start(&["--json"]);
    let config = account(&sink, "aliases aliases\nfrom cron");
    let ehlo = msmtp(&config);
    ehlo.file("aliases", "root: ops@crepes.fr, www\n");
    ehlo.args(["root", "ann"]).run().exits(0);
    let messages = sink.stop().events("message");
    assert_eq!(messages[0]["from"], "cron");
    assert_eq!(recipients(&messages[0]), ["ops@crepes.fr", "www", "ann"]);
}

#[test]
fn errors_of_the_server_have_the_words_and_statuses_of_msmtp() {
    for (fault, exit, words) in [
        (
            "banner=554 no",
            76,
            "cannot get initial OK message from server",
        ),
        (
            "mail=550 no",
            65,
            "envelope from address alice@crepes.fr not accepted by the server",
        ),
        (
            "mail=450 no",
            69,
            "envelope from address alice@crepes.fr not accepted by the server",
        ),
        (
            "rcpt=550 no",
            65,
            "recipient address bob@hamburger.edu not accepted by the server",
        ),
        (
            "rcpt=450 no",
            69,
            "recipient address bob@hamburger.edu not accepted by the server",
        ),
        ("data=554 no", 65, "the server does not accept mail data"),
        ("dot=554 no", 69, "the server did not accept the mail"),
        ("dot=close", 76, "the server sent an empty reply"),
    ] {
        let sink = Receiver::start(&["--fault", fault]);
        let run = msmtp(&account(&sink, "")).args(["bob@hamburger.edu"]).run();
        run.exits(exit).says(&[&format!("msmtp: {words}\n")]);
        run.says(&["msmtp: could not send mail (account default from "]);
        if !fault.contains("close") {
            run.says(&["msmtp: server message: ", " no\n"]);
        }
    }
}

#[test]
fn message_is_sent_to_all_recipients_or_to_none() {
    for (fault, exit) in [("rcpt=550 no@2", 65), ("rcpt=450 no@2", 69)] {
        let sink = Receiver::start(&["--json", "--fault", fault]);
        let run = msmtp(&account(&sink, ""))
            .args([
                "ann@hamburger.edu",
                "bob@hamburger.edu",
                "eve@hamburger.edu",
            ])
            .run();
        run.exits(exit).says(&[
            "msmtp: recipient address bob@hamburger.edu not accepted by the server\n",
            "msmtp: could not send mail (account default from ",
        ]);
        assert!(!run.stderr.contains("ann@"), "{run:#?}");
        let ended = sink.stop();
        assert!(ended.events("message").is_empty(), "{fault}");
    }
}

#[test]
fn login_and_tls_that_are_missing_are_69() {
    let sink = Receiver::start(&[]);
    for (more, words) in [
        (
            "tls on",
            "the server does not support TLS via the STARTTLS command",
        ),
        (
            "auth on\nuser a\npassword b",
            "the server does not support authentication",
        ),
        ("dsn_notify failure", "the server does not support DSN"),
        (
            "auth ntlm\nuser a\npassword b",
            "support for authentication method NTLM is not compiled in",
        ),
        (
            "tls on\ntls_crl_file x",
            "tls_crl_file: revocation lists are not supported; remove it from the account",
        ),
    ] {
        let run = msmtp(&account(&sink, more))
            .args(["bob@hamburger.edu"])
            .run();
        run.exits(69).says(&[&format!("msmtp: {words}\n")]);
    }
}

#[test]
fn account_is_chosen_by_name_sender_pattern_or_default() {
    let config = "defaults\nport 25\naccount home\nhost home\nfrom a@home.example\n\
                  account work\nhost work\nfrom *@work.example\naccount default : home\n";
    for (words, host) in [
        (&["-a", "work"][..], "work"),
        (&["-f", "b@work.example"], "work"),
        (&["--from=a+x@HOME.example"], "home"),
        (&["-f", "x@y.example"], "home"),
        (&[], "home"),
        (&["--host=other", "-f", "x@y.example"], "other"),
    ] {
        let run = msmtp(config).args(["-P"]).args(words).run();
        run.exits(0).shows(&[&format!("\nhost = {host}\n")]);
    }
    let run = msmtp(config)
        .args(["-a", "none", "bob@hamburger.edu"])
        .run();
    run.exits(78).says(&["msmtp: account none not found in "]);
}

#[test]
fn errors_in_the_file_and_the_command_line_are_those_of_msmtp() {
    for (config, exit, words) in [
        ("hots x\n", 78, ".msmtprc: line 1: unknown command hots\n"),
        (
            "account a\nport x\n",
            78,
            ": line 2: invalid argument x for command port\n",
        ),
        (
            "account a\nhost h\nfrom x\n",
            78,
            "account default not found in ",
        ),
        ("host h\n", 78, ": envelope-from address is missing\n"),
        ("from x\n", 78, ": host not set\n"),
        (
            "host h\nfrom x\nauth on\npasswordeval false\n",
            78,
            "cannot read output of 'false'\n",
        ),
    ] {
        let run = msmtp(config).args(["bob@hamburger.edu"]).run();
        run.exits(exit).says(&["msmtp: ", words]);
    }
    let run = msmtp("host h\nfrom x\n").run();
    run.exits(64).says(&["msmtp: no recipients found\n"]);
    let run = msmtp("").args(["--prot=x"]).run();
    run.exits(64)
        .says(&["msmtp: invalid argument x for --protocol\n"]);
    let run = msmtp("").args(["-C", "missing", "x"]).run();
    run.exits(74)
        .says(&["msmtp: missing: No such file or directory\n"]);
}

#[test]
fn fields_are_added_and_removed_as_the_account_says() {
    for (more, has, lacks) in [
        (
            "",
            &["From: alice@crepes.fr", "Date: ", "Message-ID: ", "To: bob"][..],
            &["Bcc:"][..],
        ),
        (
            "set_from_header off\nset_date_header off\nset_msgid_header off\nremove_bcc_headers off",
            &["Bcc: dave"],
            &["From:", "Date:", "Message-ID:"],
        ),
        (
            "undisclosed_recipients on",
            &["To: undisclosed-recipients:;"],
            &["bob", "Cc:", "Bcc:"],
        ),
    ] {
        let sink = Receiver::start(&["--print"]);
        msmtp(&account(&sink, more))
            .args(["x@hamburger.edu"])
            .run()
            .exits(0);
        let message = sink.stop().stdout;
        for words in has {
            assert!(message.contains(words), "{words}: {message}");
        }
        for words in lacks {
            assert!(
                !message.contains(&format!("\n{words}")),
                "{words}: {message}"
            );
        }
    }
}

#[test]
fn log_has_a_line_for_each_message() {
    let sink = Receiver::start(&["--fault", "rcpt=550 5.1.1 it's full@2"]);
    let config = account(&sink, "logfile -\nlogfile_time_format %Y");
    let run = msmtp(&config).args(["bob@hamburger.edu"]).run();
    run.exits(0).shows(&[
        " host=127.0.0.1 tls=off auth=off from=alice@crepes.fr recipients=bob@hamburger.edu mailsize=",
        " exitcode=EX_OK\n",
    ]);
    let ehlo = msmtp(&config).args(["bob@hamburger.edu"]);
    ehlo.run().exits(65).shows(&[
        " smtpstatus=550 smtpmsg='550 5.1.1 it?s full' errormsg='recipient address bob@hamburger.edu not accepted by the \
         server' exitcode=EX_DATAERR\n",
    ]);
}

fn queue_in(ehlo: &Ehlo) -> String {
    let directory = ehlo.path("queue").display().to_string();
    format!("[msmtp]\nqueue = true\n[queue]\ndir = {directory:?}\n")
}

#[test]
fn message_is_queued_if_the_configuration_says_so() {
    let ehlo = msmtp("host 127.0.0.1\nport 1\nfrom alice@crepes.fr\n");
    ehlo.file("config.toml", queue_in(&ehlo));
    let run = ehlo
        .env("EHLO_CONFIG", "config.toml")
        .args(["bob@hamburger.edu"])
        .run();
    run.exits(0);
    let ehlo = msmtp("host 127.0.0.1\nport 1\nfrom alice@crepes.fr\nauth on\nuser a\npassword b\n");
    ehlo.file("config.toml", queue_in(&ehlo));
    let run = ehlo
        .env("EHLO_CONFIG", "config.toml")
        .args(["bob@hamburger.edu"])
        .run();
    run.exits(78)
        .says(&["msmtp: the queue does not read the password in the file; use passwordeval"]);
}

#[test]
fn server_is_described() {
    let sink = Receiver::start(&["--offer", "DSN", "--offer", "PIPELINING"]);
    let run = msmtp(&account(&sink, "")).args(["--serverinfo"]).run();
    run.exits(0).shows(&[
        "SMTP server at 127.0.0.1 (127.0.0.1 [127.0.0.1]), port ",
        "    DSN:\n        Support for Delivery Status Notifications\n",
    ]);
    let run = msmtp(&account(&sink, "")).args(["--rmqs=x"]).run();
    run.exits(69)
        .says(&["msmtp: the server does not support Remote Message Queue Starting\n"]);
}
