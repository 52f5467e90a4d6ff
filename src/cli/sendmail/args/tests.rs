use crate::cli::invocation::Invocation;
use crate::cli::options::usage_error::EarlyExit;
use crate::cli::parse::parse_in;
use crate::cli::send::SendTask;
use crate::cli::sendmail::{Sendmail, SendmailTask};
use crate::client::route::{AddressFamily, Host};
use crate::client::session::TlsDemand;
use crate::config::Places;
use crate::mail::envelope::{NotifyOn, Return};
use crate::mail::message::Submission;
use crate::queue::FirstTry;
use crate::transcript::Format;
use std::ffi::OsString;
use std::io::Write as _;
use tempfile::NamedTempFile;

fn parsed_in(places: &Places, words: &[&str]) -> Result<Invocation, EarlyExit> {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    parse_in(places, &words, &mut Vec::new())
}

fn sendmail(words: &[&str]) -> Sendmail {
    match parsed_in(&Places::nowhere(), words) {
        Ok(Invocation::Sendmail(plan)) => *plan,
        Ok(other) => panic!("{words:?} is {other:?}"),
        Err(early) => panic!("{words:?}: {}", early.text),
    }
}

/// A command line without its first word.
fn called(arguments: &[&str]) -> Sendmail {
    sendmail(&[&["/usr/sbin/sendmail"], arguments].concat())
}

fn submission(arguments: &[&str]) -> Submission {
    match called(arguments).task {
        SendmailTask::Submit(submission) => *submission,
        other => panic!("{arguments:?} is {other:?}"),
    }
}

fn refused(arguments: &[&str]) -> EarlyExit {
    let words = [&["sendmail"], arguments].concat();
    let early = parsed_in(&Places::nowhere(), &words).expect_err("nothing is wrong");
    assert_eq!(early.text.matches('\n').count(), 1, "{}", early.text);
    early
}

/// A message in one line.
fn shape(arguments: &[&str]) -> String {
    let one = submission(arguments);
    let mut words = Vec::new();
    words.extend(one.dot_ends.then(|| "dot".to_owned()));
    words.extend(one.recipients_of_header.then(|| "-t".to_owned()));
    words.extend(one.sender.map(|sender| format!("from={sender}")));
    words.extend(one.full_name.map(|name| format!("name={name}")));
    words.extend(one.recipients.iter().map(|to| format!("to={to}")));
    words.join(" ")
}

#[test]
fn command_lines_of_common_callers_are_understood() {
    for (caller, arguments, right) in [
        (
            "cron",
            &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"][..],
            "name=CronDaemon to=root",
        ),
        (
            "vixie cron",
            &["-FCronDaemon", "-odi", "-oem", "-or0s", "root"],
            "dot name=CronDaemon to=root",
        ),
        (
            "cronie",
            &[
                "-FCronDaemon",
                "-i",
                "-odi",
                "-oem",
                "-oi",
                "-t",
                "-f",
                "root",
            ],
            "-t from=root name=CronDaemon",
        ),
        (
            "systemd-cron",
            &["-i", "-B8BITMIME", "ops@x.org"],
            "to=ops@x.org",
        ),
        (
            "anacron",
            &["-FAnacron", "-odi", "root"],
            "dot name=Anacron to=root",
        ),
        ("at", &["-i", "alice"], "to=alice"),
        ("sudo, mdadm, logwatch", &["-t"], "dot -t"),
        (
            "fail2ban",
            &["-f", "fail2ban", "root@localhost"],
            "dot from=fail2ban to=root@localhost",
        ),
        ("unattended-upgrades", &["-oi", "-t"], "-t"),
        (
            "popcon",
            &["-oi", "-f", "a@x.org", "b@x.org"],
            "from=a@x.org to=b@x.org",
        ),
        ("rkhunter", &["root@x.org"], "dot to=root@x.org"),
        (
            "reportbug",
            &["-f", "a@x.org", "-oi", "-oem", "b@x.org", "c@x.org"],
            "from=a@x.org to=b@x.org to=c@x.org",
        ),
        (
            "git",
            &["-f", "a@x.org", "-i", "b@x.org", "c@x.org"],
            "from=a@x.org to=b@x.org to=c@x.org",
        ),
        (
            "mutt",
            &["-oem", "-oi", "-f", "a@x.org", "--", "b@x.org"],
            "from=a@x.org to=b@x.org",
        ),
        (
            "s-nail",
            &["-i", "-f", "a@x.org", "-F", "A B", "-m", "--", "b@x.org"],
            "from=a@x.org name=A B to=b@x.org",
        ),
        (
            "bsd-mailx",
            &["-i", "-t", "-f", "a@x.org"],
            "-t from=a@x.org",
        ),
        ("PHP", &["-t", "-i"], "-t"),
        (
            "PHP with a sender",
            &["-t", "-i", "-fa@x.org"],
            "-t from=a@x.org",
        ),
        (
            "MIME::Lite",
            &["-t", "-oi", "-oem", "-fa@x.org"],
            "-t from=a@x.org",
        ),
        (
            "Email::Sender",
            &["-i", "-f", "a@x.org", "--", "b@x.org"],
            "from=a@x.org to=b@x.org",
        ),
        ("Mail::Mailer", &["-t"], "dot -t"),
        (
            "nodemailer",
            &["-i", "-f", "a@x.org", "b@x.org", "c@x.org"],
            "from=a@x.org to=b@x.org to=c@x.org",
        ),
    ] {
        assert_eq!(shape(arguments), right, "{caller}");
    }
}

#[test]
fn mutt_asks_for_reports() {
    let dsn = submission(&[
        "-oem",
        "-oi",
        "-B8BITMIME",
        "-N",
        "failure,delay",
        "-R",
        "hdrs",
        "--",
        "b@x.org",
    ])
    .dsn;
    let notify = NotifyOn {
        failure: true,
        delay: true,
        success: false,
    };
    assert_eq!((dsn.notify, dsn.ret), (Some(notify), Some(Return::Headers)));
    let dsn = submission(&["-Nnever", "-Rfull", "-V", "ID 7", "b@x.org"]).dsn;
    assert_eq!(
        (dsn.notify, dsn.ret),
        (Some(NotifyOn::default()), Some(Return::Full))
    );
    assert_eq!(dsn.envid.as_deref(), Some("ID 7"));
}

#[test]
fn the_null_sender_can_be_written_in_several_ways() {
    for arguments in [
        &["-f", ""][..],
        &["-f<>"],
        &["-f", "<>"],
        &["-r", ""],
        &["-r<>"],
    ] {
        let all = [arguments, &["b@x.org"]].concat();
        assert_eq!(
            submission(&all).sender.as_deref(),
            Some(""),
            "{arguments:?}"
        );
    }
    assert_eq!(
        submission(&["-f", "<a@x.org>", "b@x.org"])
            .sender
            .as_deref(),
        Some("a@x.org")
    );
    assert_eq!(submission(&["b@x.org"]).sender, None);
}

#[test]
fn the_name_of_the_program_selects_the_mode() {
    let task = |words: &[&str]| sendmail(words).task;
    assert!(matches!(task(&["mailq"]), SendmailTask::List));
    assert!(matches!(
        task(&["/usr/bin/mailq", "-v"]),
        SendmailTask::List
    ));
    assert!(matches!(task(&["ehlo", "mailq"]), SendmailTask::List));
    assert!(matches!(
        task(&["/usr/bin/newaliases"]),
        SendmailTask::Nothing
    ));
    for first in [
        &["/usr/lib/sendmail"][..],
        &["./sendmail"],
        &["ehlo", "sendmail"],
    ] {
        let words = [first, &["-V", "id", "a@x.org"]].concat();
        assert!(matches!(task(&words), SendmailTask::Submit(_)), "{words:?}");
    }
    let words = ["ehlo", "--print", "-b", "", "--", "sendmail@x.org"];
    let plan = parsed_in(&Places::nowhere(), &words);
    assert!(matches!(plan, Ok(Invocation::Send(SendTask::Print(..)))));
}

#[test]
fn sendmail_v_is_an_envelope_id_and_not_the_version() {
    assert_eq!(refused(&["-V"]).exit.code(), 64);
    let early = parsed_in(&Places::nowhere(), &["sendmail", "--version"]).expect_err("no version");
    assert!(early.exit.code() == 0 && early.text.starts_with("ehlo "));
}

#[test]
fn modes_are_tasks() {
    let task = |arguments: &[&str]| called(arguments).task;
    assert!(matches!(task(&["-bm", "a@x.org"]), SendmailTask::Submit(_)));
    assert!(matches!(task(&["-bs"]), SendmailTask::Serve));
    assert!(matches!(task(&["-bp"]), SendmailTask::List));
    for nothing in ["-bi", "-I", "-bh", "-bH"] {
        assert!(
            matches!(task(&[nothing]), SendmailTask::Nothing),
            "{nothing}"
        );
    }
    let SendmailTask::Verify { recipients, sender } = task(&["-bv", "-f", "", "a@x.org", "b"])
    else {
        panic!("nothing is asked")
    };
    assert_eq!(recipients, ["a@x.org", "b"]);
    assert_eq!(sender.as_deref(), Some(""));
}

#[test]
fn the_queue_is_run_in_whole_or_in_part() {
    let run = |arguments: &[&str]| match called(arguments).task {
        SendmailTask::Run(run) => (run.ids.join(" "), run.domains.join(" "), run.now),
        other => panic!("{arguments:?} is {other:?}"),
    };
    let all = |now| (String::new(), String::new(), now);
    assert_eq!(run(&["-q"]), all(true));
    assert_eq!(run(&["-qf"]), all(true));
    assert_eq!(run(&["-q30m"]), all(false));
    assert_eq!(run(&["-qIX7"]), ("X7".to_owned(), String::new(), true));
    assert_eq!(run(&["-qI", "X7"]), ("X7".to_owned(), String::new(), true));
    assert_eq!(
        run(&["-qRx.org"]),
        (String::new(), "x.org".to_owned(), true)
    );
}

#[test]
fn the_first_attempt_is_in_the_background_by_default() {
    let first = |arguments: &[&str]| {
        let plan = called(&[arguments, &["a@x.org"]].concat());
        plan.queueing.first
    };
    assert_eq!(first(&[]), FirstTry::Background);
    for (option, right) in [
        ("-odi", FirstTry::Now),
        ("-odb", FirstTry::Background),
        ("-odq", FirstTry::Later),
        ("-odd", FirstTry::Later),
        ("-ODeliveryMode=q", FirstTry::Later),
        ("-O DeliveryMode=interactive", FirstTry::Now),
        ("-oem", FirstTry::Background),
        ("-v", FirstTry::Now),
        ("-X/tmp/log", FirstTry::Now),
    ] {
        assert_eq!(first(&[option]), right, "{option}");
    }
    assert_eq!(first(&["-v", "-odq"]), FirstTry::Later);
}

#[test]
fn verbose_shows_the_session() {
    assert_eq!(called(&["a@x.org"]).output.format, Format::None);
    let plan = called(&["-v", "-X", "log", "a@x.org"]);
    assert_eq!(plan.output.format, Format::Stevens);
    assert_eq!(plan.log.as_deref(), Some("log".as_ref()));
}

#[test]
fn dots_and_utf_8_are_options_under_old_and_new_names() {
    let one = |option: &str| submission(&["-O", option, "a@x.org"]);
    assert!(!one("IgnoreDots=True").dot_ends);
    assert!(one("IgnoreDots=no").dot_ends);
    assert!(one("smtputf8=yes").utf8 && !one("SMTPUTF8=no").utf8);
    assert!(submission(&["-U", "a@x.org"]).utf8);
    assert!(!submission(&["-o", "i", "a@x.org"]).dot_ends);
}

#[test]
fn options_without_effect_are_accepted() {
    let all = [
        "-om",
        "-o7",
        "-o8",
        "-or0s",
        "-oMrvalue",
        "-oee",
        "-oeq",
        "-oep",
        "-G",
        "-h",
        "3",
        "-L",
        "tag",
        "-pSMTP:host",
        "-Am",
        "-Ac",
        "-E",
        "-em",
        "-n",
        "-m",
        "-c",
        "-d0.1",
        "-D",
        "-OTimeout.queue=1h",
        "-x",
        "-B",
        "7bit",
    ];
    assert_eq!(shape(&[&all[..], &["a@x.org"]].concat()), "dot to=a@x.org");
}

#[test]
fn errors_name_the_option() {
    for (arguments, word) in [
        (&["-bd"][..], "-bd"),
        (&["-bD"], "-bD"),
        (&["-bd", "-q30m"], "-bd"),
        (&["-bt"], "-bt"),
        (&["-bl"], "-bl"),
        (&["-bz"], "-bz"),
        (&["-Z", "a@x.org"], "-Z"),
        (&["-iZ", "a@x.org"], "-Z"),
        (&["--verbose", "a@x.org"], "long options"),
        (&["-f"], "-f"),
        (&["-N", "often", "a@x.org"], "-N"),
        (&["-N", "never,delay", "a@x.org"], "-N"),
        (&["-N", "", "a@x.org"], "-N"),
        (&["-R", "some", "a@x.org"], "-R"),
        (&["-V", "", "a@x.org"], "-V"),
        (&["-V", "a\r\nb", "a@x.org"], "-V"),
        (&["-B", "BINARYMIME", "a@x.org"], "-B"),
        (&["-XV", "a@x.org"], "-XV"),
        (&["-qS", "a@x.org"], "-qS"),
        (&["-q!Ix"], "-q!Ix"),
        (&["-qI../x"], "-q"),
        (&["-bv", "-t"], "-t"),
        (&["-bv", "-Nnever", "a@x.org"], "-N"),
        (&["-bv"], "-bv"),
        (&["-4", "-6", "a@x.org"], "-6"),
        (&[], "no recipients; specify them or use -t"),
    ] {
        let early = refused(arguments);
        assert_eq!(early.exit.code(), 64, "{}", early.text);
        assert!(early.text.contains(word), "{arguments:?}: {}", early.text);
    }
}

/// For its owner only, as temporary files are.
fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

const PROFILES: &str = "default = \"home\"\n\
    [profile.home]\nrelay = \"home.example\"\nfallback = \"work\"\non-uncertain = \"hold\"\n\
    [profile.work]\nrelay = \"work.example:587\"\ntls = \"starttls\"\nfrom = \"*@work.example\"\n";

fn with_profiles(arguments: &[&str]) -> Sendmail {
    let file = file(PROFILES);
    let path = file.path().to_str().unwrap();
    called(&[&["-C", path], arguments].concat())
}

fn relay(plan: &Sendmail) -> String {
    match &plan.transport.route.relay {
        Some(place) => match &place.host {
            Host::Relay(host) => format!("{host}:{}", place.port),
            other => other.to_string(),
        },
        None => "none".to_owned(),
    }
}

#[test]
fn the_profile_is_that_of_the_sender_else_the_default() {
    let home = with_profiles(&["a@x.org"]);
    assert_eq!(relay(&home), "home.example:25");
    assert_eq!(home.fallbacks.len(), 1);
    assert_eq!(home.queueing.route_spec.profile.as_deref(), Some("home"));
    assert_eq!(
        home.queueing.on_uncertain,
        crate::queue::store::OnUncertain::Hold
    );
    let work = with_profiles(&["-f", "a@work.example", "a@x.org"]);
    assert_eq!(relay(&work), "work.example:587");
    assert!(work.fallbacks.is_empty());
    assert_eq!(relay(&called(&["a@x.org"])), "none");
}

#[test]
fn sendmail_and_the_queue_resolve_the_same_route() {
    let file = file(PROFILES);
    let path = file.path().to_str().unwrap();
    for arguments in [
        &["a@x.org"][..],
        &["-4", "a@x.org"],
        &["-f", "a@work.example", "b@x.org"],
    ] {
        let plan = called(&[&["-C", path], arguments].concat());
        let transports = plan
            .queueing
            .queue
            .transports
            .find(&plan.queueing.route_spec)
            .unwrap();
        let first: Vec<_> = std::iter::once(plan.transport)
            .chain(plan.fallbacks)
            .collect();
        assert_eq!(
            format!("{transports:?}"),
            format!("{first:?}"),
            "{arguments:?}"
        );
    }
}

#[test]
fn the_address_family_is_part_of_the_route() {
    let plan = called(&["-6", "a@x.org"]);
    assert_eq!(plan.transport.route.family, AddressFamily::V6);
    assert_eq!(plan.queueing.route_spec.options, ["--ipv6"]);
}

#[test]
fn requiretls_applies_to_every_transport() {
    let plan = called(&["-O", "requiretls=yes", "a@x.org"]);
    assert_eq!(plan.transport.session.tls, TlsDemand::Starttls);
    assert_eq!(plan.queueing.route_spec.options, ["--tls=starttls"]);
    let plan = called(&["-O", "requiretls=no", "a@x.org"]);
    assert_eq!(plan.transport.session.tls, TlsDemand::Opportunistic);
    let plan = with_profiles(&["-Orequiretls=yes", "a@x.org"]);
    assert_eq!(
        plan.transport.session.tls,
        TlsDemand::Starttls,
        "its fallback asks for it already"
    );
    let clear = file(
        "default = \"a\"\n[profile.a]\nrelay = \"a\"\nfallback = \"b\"\n[profile.b]\nrelay = \"b\"\n",
    );
    let path = clear.path().to_str().unwrap();
    let early = refused(&["-C", path, "-O", "requiretls=yes", "a@x.org"]);
    assert!(
        early.exit.code() == 77 && early.text.contains("profile b"),
        "{}",
        early.text
    );
}

#[test]
fn with_set_user_id_sendmail_ignores_files_named_by_the_caller() {
    let places = Places::fixed();
    let words = [
        "sendmail",
        "-C",
        "/nowhere",
        "-X",
        "/tmp/log",
        "-O",
        "smtputf8=yes",
        "-t",
    ];
    let Ok(Invocation::Sendmail(plan)) = parsed_in(&places, &words) else {
        panic!("no plan")
    };
    let SendmailTask::Submit(submission) = plan.task else {
        panic!("no message")
    };
    assert!(plan.log.is_none() && !submission.utf8);
    let early = parsed_in(&places, &["ehlo", "--print", "-b", "", "a@x.org"]).expect_err("allowed");
    assert!(
        early.exit.code() == 77 && early.text.contains("chmod"),
        "{}",
        early.text
    );
}

#[test]
fn newaliases_succeeds_with_an_invalid_configuration() {
    let bad = file("nonsense");
    let plan = called(&["-C", bad.path().to_str().unwrap(), "-bi"]);
    assert!(matches!(plan.task, SendmailTask::Nothing));
    let early = refused(&["-C", bad.path().to_str().unwrap(), "-bp"]);
    assert_eq!(early.exit.code(), 78);
}
