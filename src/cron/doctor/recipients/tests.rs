use crate::cron::doctor::host::tests::TestHost;
use crate::cron::doctor::recipients::*;
use crate::mail::dkim::{KeyDomain, NamedKey, SigningMode, ed25519_pem};
use crate::mail::rewrite;
use crate::probe::Status;
use std::path::PathBuf;

fn job(mailto: Option<&str>) -> CrontabLine {
    CrontabLine {
        location: "a crontab".to_owned(),
        user: "ann".to_owned(),
        mailto: mailto.map(str::to_owned),
        path: None,
        command: "x".to_owned(),
        program: None,
    }
}

fn lists(head: &Addressing, jobs: &[CrontabLine]) -> Vec<String> {
    let test_host = TestHost::new();
    let all = lists_of_jobs(&default_list(head, &test_host.host), &test_host.host, jobs);
    all.into_iter()
        .map(|lists_of_jobs| lists_of_jobs.list)
        .collect()
}

#[test]
fn each_mailto_is_checked_once() {
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
    let no_configuration = Addressing::default();
    assert_eq!(lists(&no_configuration, &jobs), ["ann", "a@x.org"]);
    assert_eq!(lists(&no_configuration, &[]), ["ann"]);
    assert_eq!(lists(&no_configuration, &[job(Some(""))]), ["ann"]);
    let profile = Addressing {
        recipients: NotificationRecipients::These {
            to: vec!["ops@x.org".to_owned()],
            cc: Vec::new(),
            bcc: Vec::new(),
        },
        ..no_configuration
    };
    assert_eq!(lists(&profile, &jobs), ["ops@x.org", "a@x.org"]);
}

fn options() -> rewrite::RewriteOptions {
    rewrite::RewriteOptions {
        aliases: Some(PathBuf::from("/dev/null")),
        ..rewrite::RewriteOptions::default()
    }
}

fn of(options: &rewrite::RewriteOptions, list: &str) -> (Addresses, Finding) {
    let test_host = TestHost::new();
    let rewriter = Rewriter::with_names(options, test_host.host.names.clone());
    let lists_of_jobs = RecipientList {
        list: list.to_owned(),
        location: "a test".to_owned(),
    };
    let mut addresses = Addresses::default();
    let finding = addresses.add(rewriter.recipients(list), &lists_of_jobs);
    (addresses, finding)
}

#[test]
fn unknown_local_name_has_an_alias_as_remedy() {
    let (addresses, finding) = of(&options(), "ann");
    assert_eq!(finding.status, Status::Failed);
    assert!(addresses.recipients.is_empty());
    let remedy = finding.remedy_text().unwrap();
    assert!(
        remedy.contains("ann: you@example.org") && remedy.contains("postmaster = "),
        "{remedy}"
    );
}

#[test]
fn rewritten_recipient_is_shown_with_its_result() {
    let options = rewrite::RewriteOptions {
        domain: Some("example.org".to_owned()),
        ..options()
    };
    let (addresses, finding) = of(&options, "ann");
    assert_eq!(finding.text, "ann -> ann@example.org (a test)");
    assert_eq!(addresses.recipients.len(), 1);
}

#[test]
fn sender_without_a_key_beside_others_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.pem");
    std::fs::write(&path, ed25519_pem().unwrap().expose()).unwrap();
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&path, mode(0o600)).unwrap();
    let key = NamedKey {
        path: path.clone(),
        selector: "s".to_owned(),
        domain: KeyDomain::Below("example.org".to_owned()),
    };
    let signer = Signer::new(SigningMode::Auto, vec![key.clone()]);
    let check = |domain: &str, signer: &Signer| {
        check_signatures(&Address::of("ann", domain).unwrap(), signer)
    };
    assert!(check("example.com", &Signer::default()).is_empty());
    let found = check("Mail.Example.org", &signer);
    assert_eq!(
        found[0].text,
        "signed for example.org (DKIM, s, ed25519-sha256)"
    );
    let found = check("example.com", &signer);
    assert_eq!((found.len(), found[0].status), (1, Status::Warning));
    assert!(
        found[0]
            .remedy_text()
            .unwrap()
            .contains("--domain example.com")
    );
    std::fs::set_permissions(&path, mode(0o644)).unwrap();
    let signer = Signer::new(SigningMode::Auto, vec![key]);
    let found = check("example.org", &signer);
    assert_eq!(found[0].status, Status::Failed);
    assert!(found[0].remedy_text().unwrap().contains("chmod 600"));
}

#[test]
fn unqualified_sender_domain_is_a_warning() {
    let sender = |domain: &str| Ok(Some(Address::of("ann", domain).unwrap()));
    let finding = check_sender(&sender("sun"), "ann", "ann");
    assert_eq!(finding.status, Status::Warning);
    assert!(finding.remedy_text().unwrap().contains("domain = "));
    let finding = check_sender(&sender("sun.example.org"), "ann", "ann");
    assert_eq!(
        finding,
        Finding::ok(CheckStep::Sender, "ann -> ann@sun.example.org")
    );
}

#[test]
fn unqualified_host_name_is_a_warning_without_helo() {
    let mut names = TestHost::new().host.names;
    assert_eq!(host_name(None, &names).status, Status::Ok);
    names.fqdn = "sun".to_owned();
    let finding = host_name(None, &names);
    assert_eq!(finding.status, Status::Warning);
    assert!(finding.remedy_text().unwrap().contains("/etc/hosts"));
    assert_eq!(host_name(Some("me.example"), &names).status, Status::Ok);
}

fn health(test_host: &TestHost) -> Vec<Status> {
    check(&test_host.host)
        .iter()
        .map(|finding| finding.status)
        .collect()
}

#[test]
fn missing_system_log_is_a_warning() {
    let test_host = TestHost::new();
    assert_eq!(health(&test_host)[1], Status::Warning);
    test_host.file(LOG, "");
    assert_eq!(health(&test_host)[1], Status::Ok);
}

#[test]
fn dead_letter_file_exists_or_can_be_created() {
    let mut test_host = TestHost::new();
    assert_eq!(health(&test_host)[0], Status::Warning);
    let location = test_host.host.at("/home/ann/dead.letter");
    test_host.host.dead_letters = vec![location.clone()];
    assert_eq!(health(&test_host)[0], Status::Warning);
    test_host.file("/home/ann/x", "");
    assert_eq!(health(&test_host)[0], Status::Ok);
    std::fs::create_dir(&location).unwrap();
    assert_eq!(health(&test_host)[0], Status::Warning);
}
