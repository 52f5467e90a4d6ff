//! Postfix, which takes us for somebody else, and reports what it has delivered.

use super::logs;
use crate::run::ehlo;
use crate::submission::{Service, submission};

#[test]
fn postfix_takes_us_for_somebody_else() {
    let Some(submission) = submission() else {
        return;
    };
    let mailbox = submission.mailbox();
    let send = |options: &[&str]| submission.send(Service::Trusting, &mailbox, options);
    let guise = ["--xclient", "NAME=a.example.com ADDR=192.0.2.1"];
    send(&guise).ends_with(0).shows(">>> XCLIENT NAME=");
    let message = submission.receive(&mailbox);
    let trace = "Received: from client.test (a.example.com [192.0.2.1])";
    assert!(message.contains(trace), "{message}");
    // Whoever is somebody else already is not trusted any more.
    let first = ["--xclient", "PROTO=ESMTP HELO=b.example.com"];
    send(&[first, guise].concat()).ends_with(0);
    let message = submission.receive(&mailbox);
    assert!(message.contains("(a.example.com [192.0.2.1])"), "{message}");
    send(&[guise, first].concat())
        .ends_with(77)
        .complains("does not offer XCLIENT");
    send(&["--xclient", "SHOE=44"])
        .ends_with(77)
        .complains("does not offer the attribute SHOE of XCLIENT");
    send(&["--xclient", "SHOE=44", "--force", "xclient"])
        .ends_with(69)
        .complains("in reply to XCLIENT");
    let reverse = ["--xclient", "REVERSE_NAME=r.example.com ADDR=192.0.2.1"];
    send(&reverse)
        .ends_with(0)
        .shows(">>> XCLIENT REVERSE_NAME=");
}

#[test]
fn postfix_logs_from_whom_a_message_came() {
    let Some(submission) = submission() else {
        return;
    };
    let mailbox = submission.mailbox();
    let origin = ["--xforward", "NAME=c.example.com ADDR=192.0.2.7"];
    let more = ["--xforward", "HELO=there"];
    submission
        .send(Service::Trusting, &mailbox, &[origin, more].concat())
        .ends_with(0);
    logs(submission, "orig_client=c.example.com[192.0.2.7]");
}

#[test]
fn postfix_makes_the_reports_that_were_asked_for() {
    let Some(submission) = submission() else {
        return;
    };
    let [sender, mailbox] = [submission.mailbox(), submission.mailbox()];
    let who = format!("{sender}@example.test");
    let notify = format!("{mailbox}@example.test=success");
    let original = format!("{mailbox}@example.test=rfc822;robert+x@example.test");
    let reports = ["--notify", &notify, "--orcpt", &original];
    let envelope = ["--envelope-from", &who, "--envid", "a+b=c", "--ret", "hdrs"];
    submission
        .send(Service::Smtp, &mailbox, &[&reports[..], &envelope].concat())
        .ends_with(0);
    let report = submission.receive(&sender);
    for words in [
        "Original-Envelope-Id: a+b=c",
        "Original-Recipient: rfc822;robert+x@example.test",
        &format!("Final-Recipient: rfc822; {mailbox}@example.test"),
        "Action: delivered",
        "Subject: hi",
    ] {
        assert!(report.contains(words), "{words} is not in {report}");
    }
    assert!(!report.contains("\ntext\n"), "{report}");
}

#[test]
fn postfix_is_asked_and_answers() {
    let Some(submission) = submission() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let relay = submission.relay(Service::Clear);
    let ask = |commands: &[&str]| {
        let all = [&["ask", relay.as_str()], commands].concat();
        ehlo(directory.path(), &all)
    };
    ask(&["VRFY box0@example.test", "NOOP", "RSET"])
        .ends_with(0)
        .shows("\n252 2.0.0 box0@example.test\n");
    ask(&["VRFY nobody@example.test", "NOOP"])
        .ends_with(69)
        .shows("\n550 5.1.1 ")
        .shows(">>> NOOP\n250 2.0.0 Ok\n");
    ask(&["EXPN list"]).ends_with(69).shows("\n500 5.5.2 ");
}

#[test]
fn what_postfix_does_not_have_is_missed_or_left_out() {
    let Some(submission) = submission() else {
        return;
    };
    let mailbox = submission.mailbox();
    let send = |options: &[&str]| submission.send(Service::NoReports, &mailbox, options);
    for (option, keyword) in [
        (["--notify", "success"], "DSN"),
        (["--hold-for", "1h"], "FUTURERELEASE"),
    ] {
        send(&option)
            .ends_with(77)
            .hides(">>> MAIL")
            .complains(&format!("does not offer {keyword} "));
    }
    assert!(submission.postfix.is_empty(&mailbox));
    send(&[
        "--notify",
        "success?",
        "--hold-for",
        "1h?",
        "--prdr=?",
        "-v",
    ])
    .ends_with(0)
    .shows("*** --prdr is omitted: the server does not offer PRDR\n");
}
