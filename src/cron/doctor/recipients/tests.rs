use crate::cron::doctor::host::tests::Made;
use crate::cron::doctor::recipients::*;
use crate::mail::rewrite;
use crate::system::exit::Health;
use std::path::PathBuf;

fn job(mailto: Option<&str>) -> CrontabLine {
    CrontabLine {
        place: "a crontab".to_owned(),
        user: "ann".to_owned(),
        mailto: mailto.map(str::to_owned),
        path: None,
        command: "x".to_owned(),
    }
}

fn lists(head: &Addressing, jobs: &[CrontabLine]) -> Vec<String> {
    let made = Made::new();
    let all = wanted(&usual(head, &made.host), &made.host, jobs);
    all.into_iter().map(|wanted| wanted.list).collect()
}

#[test]
fn each_mailto_of_this_user_counts_once_and_without_jobs_the_user_does() {
    let of_bob = CrontabLine {
        user: "bob".to_owned(),
        ..job(Some("bob@example.org"))
    };
    let jobs = [
        job(None),
        job(Some("a@x.org")),
        job(Some("a@x.org")),
        of_bob,
    ];
    let nothing = Addressing::default();
    assert_eq!(lists(&nothing, &jobs), ["ann", "a@x.org"]);
    assert_eq!(lists(&nothing, &[]), ["ann"]);
    assert_eq!(lists(&nothing, &[job(Some(""))]), ["ann"]);
    let profile = Addressing {
        recipients: NotificationRecipients::These {
            to: vec!["ops@x.org".to_owned()],
            cc: Vec::new(),
            bcc: Vec::new(),
        },
        ..nothing
    };
    assert_eq!(lists(&profile, &jobs), ["ops@x.org", "a@x.org"]);
}

fn options() -> rewrite::RewriteOptions {
    rewrite::RewriteOptions {
        aliases: Some(PathBuf::from("/dev/null")),
        ..rewrite::RewriteOptions::default()
    }
}

fn of(options: &rewrite::RewriteOptions, list: &str) -> (People, CheckResult) {
    let made = Made::new();
    let rewriter = Rewriter::with_names(options, made.host.names.clone());
    let wanted = RecipientList {
        list: list.to_owned(),
        place: "a test".to_owned(),
    };
    let mut people = People::default();
    let finding = people.add(rewriter.recipients(list), &wanted);
    (people, finding)
}

#[test]
fn a_local_name_that_leads_nowhere_is_mended_by_an_alias() {
    let (people, finding) = of(&options(), "ann");
    assert_eq!(finding.health, Health::Critical);
    assert!(people.recipients.is_empty());
    let mend = finding.mend.unwrap();
    assert!(
        mend.contains("ann: you@example.org") && mend.contains("postmaster = "),
        "{mend}"
    );
}

#[test]
fn a_name_is_shown_with_what_becomes_of_it() {
    let options = rewrite::RewriteOptions {
        domain: Some("example.org".to_owned()),
        ..options()
    };
    let (people, finding) = of(&options, "ann");
    assert_eq!(finding.found, "ann -> ann@example.org (a test)");
    assert_eq!(people.recipients.len(), 1);
}

#[test]
fn a_sender_without_a_dot_in_its_domain_is_a_warning() {
    let sender = |domain: &str| Ok(Some(Address::of("ann", domain).unwrap()));
    let finding = judged(&sender("sun"), "ann", "ann");
    assert_eq!(finding.health, Health::Warning);
    assert!(finding.mend.unwrap().contains("domain = "));
    let finding = judged(&sender("sun.example.org"), "ann", "ann");
    assert_eq!(
        finding,
        CheckResult::ok(CheckStep::Sender, "ann -> ann@sun.example.org")
    );
}

#[test]
fn a_host_without_a_full_name_is_a_warning_unless_the_profile_gives_one() {
    let mut names = Made::new().host.names;
    assert_eq!(host_name(None, &names).health, Health::Ok);
    names.fqdn = "sun".to_owned();
    let finding = host_name(None, &names);
    assert_eq!(finding.health, Health::Warning);
    assert!(finding.mend.unwrap().contains("/etc/hosts"));
    assert_eq!(host_name(Some("me.example"), &names).health, Health::Ok);
}

fn health(made: &Made) -> Vec<Health> {
    look(&made.host)
        .iter()
        .map(|finding| finding.health)
        .collect()
}

#[test]
fn a_log_hears_or_is_not_there() {
    let made = Made::new();
    assert_eq!(health(&made)[1], Health::Warning);
    made.file(LOG, "");
    assert_eq!(health(&made)[1], Health::Ok);
}

#[test]
fn a_dead_letter_is_a_file_that_is_there_or_can_be_made() {
    let mut made = Made::new();
    assert_eq!(health(&made)[0], Health::Warning);
    let place = made.host.at("/home/ann/dead.letter");
    made.host.dead_letters = vec![place.clone()];
    assert_eq!(health(&made)[0], Health::Warning);
    made.file("/home/ann/x", "");
    assert_eq!(health(&made)[0], Health::Ok);
    std::fs::create_dir(&place).unwrap();
    assert_eq!(health(&made)[0], Health::Warning);
}
