use crate::cron::doctor::*;

fn result(findings: &[CheckResult]) -> String {
    fate_with(findings, None)
}

fn fate_with(findings: &[CheckResult], rival: Option<&str>) -> String {
    let known = Known {
        findings,
        people: &People::default(),
        online: true,
        rival: rival.map(str::to_owned),
    };
    known.result(true, "relay:25")
}

fn failed(step: CheckStep) -> CheckResult {
    CheckResult::failed(step, "it is broken")
}

#[test]
fn what_does_not_come_to_us_is_lost_or_somebody_elses() {
    let broken = [failed(CheckStep::Sendmail), failed(CheckStep::Server)];
    assert_eq!(result(&broken), "would be lost: it is broken");
    let rival = fate_with(&[failed(CheckStep::Server)], Some("Postfix"));
    assert_eq!(rival, "would go to Postfix, and not to ehlo");
    let known = Known {
        findings: &[failed(CheckStep::Sendmail)],
        people: &People::default(),
        online: true,
        rival: None,
    };
    assert!(known.result(false, "relay:25").starts_with("would go to "));
}

#[test]
fn without_a_configuration_or_a_recipient_nothing_gets_out() {
    for step in [CheckStep::Config, CheckStep::Recipient, CheckStep::Sender] {
        assert_eq!(result(&[failed(step)]), "would not get out: it is broken");
    }
}

#[test]
fn what_cannot_be_delivered_waits_where_somebody_tries_it_again() {
    let down = failed(CheckStep::Server);
    assert_eq!(
        result(std::slice::from_ref(&down)),
        "would wait in the queue: it is broken"
    );
    let nobody = CheckResult::warning(CheckStep::Runner, "nobody");
    assert_eq!(
        result(&[down.clone(), nobody]),
        "would wait in the queue, where nobody tries it again: it is broken"
    );
    assert_eq!(
        result(&[down.clone(), failed(CheckStep::Queue)]),
        "would be neither sent nor kept: it is broken"
    );
    assert_eq!(
        result(&[down, CheckResult::ok(CheckStep::Fallback, "another")]),
        "would go by the fallback: it is broken"
    );
}

#[test]
fn a_no_to_the_recipient_is_for_good() {
    let refused = [failed(CheckStep::Answer)];
    assert_eq!(result(&refused), "would be refused: it is broken");
}

#[test]
fn what_was_not_looked_at_is_not_promised() {
    let output_failed = [CheckResult::unknown(CheckStep::Server, "not asked")];
    assert!(result(&output_failed).ends_with("by relay:25, as far as could be seen"));
    assert!(result(&[]).ends_with("by relay:25"));
}

#[test]
fn what_was_not_looked_at_is_no_reason_to_worry() {
    let ok = CheckResult::ok(CheckStep::Host, "a name");
    let unknown = CheckResult::unknown(CheckStep::Server, "--offline");
    let warning = CheckResult::warning(CheckStep::Cron, "it is not there");
    assert_eq!(worst(&[]), Health::Ok);
    assert_eq!(worst(&[ok.clone(), unknown.clone()]), Health::Ok);
    assert_eq!(worst(&[warning, unknown, ok]), Health::Warning);
}

#[test]
fn the_advice_of_an_error_mends_it() {
    let finding =
        CheckResult::of_error(CheckStep::Config, "f: others can write to it; chmod go-w f");
    assert_eq!(finding.found, "f: others can write to it");
    assert_eq!(finding.mend.as_deref(), Some("chmod go-w f"));
    assert_eq!(CheckResult::of_error(CheckStep::Config, "no").mend, None);
}
