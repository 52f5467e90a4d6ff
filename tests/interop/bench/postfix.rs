//! Postfix, which takes us for somebody else, and reports what it has delivered.

use super::{logs, received};
use crate::postfix::Postfix;
use crate::run::{Ran, ehlo};

const TRUSTING: &str = "\
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_authorized_xforward_hosts = 127.0.0.1
smtpd_peername_lookup = no
";

/// From carol to bob, with these options.
fn send(postfix: &Postfix, options: &[&str]) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let usual = ["-f", "carol@example.test", "-b", "hi", "bob@example.test"];
    postfix.send(directory.path(), &[&usual[..], options].concat())
}

#[test]
fn postfix_takes_us_for_somebody_else_and_logs_from_whom_a_message_came() {
    let Some(postfix) = Postfix::start_with(TRUSTING) else {
        return;
    };
    let guise = ["--xclient", "NAME=a.example.com ADDR=192.0.2.1"];
    send(&postfix, &guise)
        .ends_with(0)
        .shows(">>> XCLIENT NAME=");
    let message = received(&postfix, "bob");
    let trace = "Received: from client.test (a.example.com [192.0.2.1])";
    assert!(message.contains(trace), "{message}");
    // Whoever is somebody else already is not trusted any more.
    let first = ["--xclient", "PROTO=ESMTP HELO=b.example.com"];
    send(&postfix, &[first, guise].concat()).ends_with(0);
    let message = received(&postfix, "bob");
    assert!(message.contains("(a.example.com [192.0.2.1])"), "{message}");
    send(&postfix, &[guise, first].concat())
        .ends_with(77)
        .complains("does not offer XCLIENT, which --xclient asks for");
    let origin = [
        "--xforward",
        "NAME=c.example.com ADDR=192.0.2.7",
        "--xforward",
        "HELO=there",
    ];
    send(&postfix, &origin).ends_with(0);
    logs(
        &postfix.path("log"),
        &["orig_client=c.example.com[192.0.2.7]"],
    );
    let wrong = ["--xclient", "SHOE=44"];
    send(&postfix, &wrong)
        .ends_with(69)
        .complains("in reply to XCLIENT");
}

#[test]
fn postfix_makes_the_reports_that_were_asked_for() {
    let Some(postfix) = Postfix::start_with("") else {
        return;
    };
    let reports = ["--notify", "bob@example.test=success", "--envid", "a+b=c"];
    let original = ["--orcpt", "bob@example.test=rfc822;robert+x@example.test"];
    let header = ["--ret", "hdrs", "-s", "a subject"];
    send(&postfix, &[&reports[..], &original, &header].concat()).ends_with(0);
    let report = received(&postfix, "carol");
    for words in [
        "Original-Envelope-Id: a+b=c",
        "Original-Recipient: rfc822;robert+x@example.test",
        "Final-Recipient: rfc822; bob@example.test",
        "Action: delivered",
        "Subject: a subject",
    ] {
        assert!(report.contains(words), "{words} is not in {report}");
    }
    assert!(!report.contains("\nhi\n"), "{report}");
}

#[test]
fn postfix_is_asked_and_answers() {
    let Some(postfix) = Postfix::start_with("disable_vrfy_command = no\n") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let ask = |commands: &[&str]| {
        let relay = postfix.relay();
        ehlo(
            directory.path(),
            &[&["ask", relay.as_str()], commands].concat(),
        )
    };
    let good = ["VRFY bob@example.test", "NOOP", "RSET"];
    ask(&good)
        .ends_with(0)
        .shows("\n252 2.0.0 bob@example.test\n");
    ask(&["VRFY nobody@example.test", "NOOP"])
        .ends_with(69)
        .shows("\n550 5.1.1 ")
        .shows(">>> NOOP\n250 2.0.0 Ok\n");
    ask(&["EXPN list"]).ends_with(69).shows("\n500 5.5.2 ");
}

#[test]
fn what_postfix_does_not_have_is_missed_or_left_out() {
    let Some(postfix) = Postfix::start_with("smtpd_discard_ehlo_keywords = dsn, silent-discard\n")
    else {
        return;
    };
    for (option, keyword) in [
        (["--notify", "success"], "DSN"),
        (["--hold-for", "1h"], "FUTURERELEASE"),
        (["--deliver-by", "1h"], "DELIVERBY"),
        (["--mt-priority", "3"], "MT-PRIORITY"),
    ] {
        let missed = send(&postfix, &option);
        missed.ends_with(77).hides(">>> MAIL");
        missed.complains(&format!("does not offer {keyword} "));
    }
    assert!(postfix.is_empty("bob"));
    let wish = [
        "--notify",
        "success?",
        "--hold-for",
        "1h?",
        "--prdr=?",
        "-v",
    ];
    send(&postfix, &wish)
        .ends_with(0)
        .shows("*** --prdr is left out: the server does not offer PRDR\n");
}
