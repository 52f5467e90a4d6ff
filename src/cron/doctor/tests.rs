use crate::client::credentials::CredentialsError;
use crate::cron::doctor::*;
use crate::queue::store::QueueError;
use crate::system::remedy::Remedy;

fn result(findings: &[Finding]) -> String {
    result_with(findings, None)
}

fn result_with(findings: &[Finding], other_sendmail: Option<&str>) -> String {
    let input = PrognosisInput {
        findings,
        addresses: &Addresses::default(),
        online: true,
        other_sendmail: other_sendmail.map(str::to_owned),
    };
    input.result(true, "relay:25")
}

fn failed(step: CheckStep) -> Finding {
    Finding::failed(step, "broken")
}

#[test]
fn mail_that_does_not_reach_ehlo_is_lost_or_sent_by_another_program() {
    let broken = [failed(CheckStep::Sendmail), failed(CheckStep::Server)];
    assert_eq!(result(&broken), "would be lost: broken");
    let other_sendmail = result_with(&[failed(CheckStep::Server)], Some("Postfix"));
    assert_eq!(other_sendmail, "would be passed to Postfix instead of ehlo");
    let input = PrognosisInput {
        findings: &[failed(CheckStep::Sendmail)],
        addresses: &Addresses::default(),
        online: true,
        other_sendmail: None,
    };
    assert!(
        input
            .result(false, "relay:25")
            .starts_with("would be sent to ")
    );
}

#[test]
fn config_or_recipient_error_prevents_sending() {
    for step in [CheckStep::Config, CheckStep::Recipient, CheckStep::Sender] {
        assert_eq!(result(&[failed(step)]), "would not be sent: broken");
    }
}

#[test]
fn undeliverable_mail_is_queued() {
    let down = failed(CheckStep::Server);
    assert_eq!(
        result(std::slice::from_ref(&down)),
        "would be queued: broken"
    );
    let no_runner = Finding::warning(CheckStep::Runner, "no queue runner");
    assert_eq!(
        result(&[down.clone(), no_runner]),
        "would be queued, but nothing runs the queue: broken"
    );
    assert_eq!(
        result(&[down.clone(), failed(CheckStep::Queue)]),
        "would be neither sent nor queued: broken"
    );
    assert_eq!(
        result(&[down, Finding::ok(CheckStep::Fallback, "another")]),
        "would be sent via the fallback: broken"
    );
}

#[test]
fn refused_recipient_is_a_permanent_failure() {
    let refused = [failed(CheckStep::Answer)];
    assert_eq!(result(&refused), "would be refused: broken");
}

#[test]
fn unchecked_steps_limit_the_prognosis() {
    let unchecked = [Finding::unknown(CheckStep::Server, "not asked")];
    assert!(result(&unchecked).ends_with("via relay:25, but not all steps were checked"));
    assert!(result(&[]).ends_with("via relay:25"));
}

#[test]
fn remedy_of_an_error_is_the_one_of_its_finding() {
    let foreign = CredentialsError::Foreign {
        origin: "--password-file f".to_owned(),
        owner: 2,
        user: 1,
        file: "f".to_owned(),
    };
    let finding = of_error(CheckStep::Password, &foreign);
    assert_eq!(finding.text, "--password-file f belongs to user ID 2");
    let commands = "chown 1 f; chmod 600 f";
    assert_eq!(finding.remedy, Some(Remedy::Command(commands.to_owned())));
    let message = QueueError::Message(std::io::ErrorKind::UnexpectedEof.into());
    assert_eq!(of_error(CheckStep::Queue, &message).remedy, None);
}
