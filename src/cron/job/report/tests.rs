use crate::cron::job::ansi::AnsiReader;
use crate::cron::job::log::Recorder;
use crate::cron::job::report::*;
use crate::cron::job::{CommandSpec, JobEnding};
use std::time::Duration;

fn job(ending: JobEnding, output: &str, streams: [bool; 2]) -> FinishedJob {
    let spec = CommandSpec {
        name: "back up".to_owned(),
        command: ["/opt/backup.sh", "a b"].map(Into::into).to_vec(),
        timeout: None,
        kill_after: Duration::ZERO,
        log_limit: 0,
        mark_stderr: false,
    };
    let mut recorder = Recorder::new(1 << 20);
    recorder.push(output.as_bytes());
    FinishedJob {
        log: recorder.finish(streams),
        took: Duration::from_secs(252),
        ..FinishedJob::not_run(&spec, ending)
    }
}

fn numbered(count: std::ops::RangeInclusive<u64>) -> String {
    count.fold(String::new(), |text, n| text + &format!("line {n}\n"))
}

#[test]
fn failure_report_has_command_ending_and_output() {
    let job = job(JobEnding::Exited(3), "one\n! two\n", [true, true]);
    let report = JobReport::of(&job, AttachLog::Auto, false);
    let body = &report.body;
    assert!(
        body.starts_with("back up failed with status 3 after 4m12s.\n\n"),
        "{body}"
    );
    assert!(
        body.contains("\nCommand:   /opt/backup.sh 'a b'\n"),
        "{body}"
    );
    assert!(
        body.contains("(2 lines, 10 bytes; lines marked \"! \" are from stderr"),
        "{body}"
    );
    assert!(body.ends_with(":\n\none\n! two\n"), "{body}");
    assert!(report.attached.is_none() && report.html.is_none());
}

#[test]
fn missing_output_is_reported() {
    let job = job(JobEnding::Exited(1), "", [false; 2]);
    let report = JobReport::of(&job, AttachLog::Always, false);
    assert!(report.body.ends_with("\nNo output.\n\n"), "{}", report.body);
    assert!(report.attached.is_none());
}

#[test]
fn omitted_output_is_attached_by_default() {
    let output = numbered(1..=1000);
    let job = job(JobEnding::Exited(1), &output, [true, false]);
    let report = JobReport::of(&job, AttachLog::Auto, false);
    assert!(
        report
            .body
            .contains(" omitted; the complete log is attached as back-up.log ...\n")
    );
    let Some(Attached {
        contents: AttachmentContents::Bytes(bytes),
        ..
    }) = report.attached
    else {
        panic!("no file in memory");
    };
    assert_eq!(bytes, output.as_bytes());
    let bare = JobReport::of(&job, AttachLog::Never, false);
    assert!(bare.attached.is_none() && bare.body.contains(" omitted ...\n"));
}

#[test]
fn long_log_is_attached_compressed() {
    let output = numbered(1..=50_000);
    let job = job(JobEnding::Signalled(9), &output, [true, false]);
    let attached = JobReport::of(&job, AttachLog::Auto, false)
        .attached
        .unwrap();
    assert_eq!(attached.name, "back-up.log.gz");
    assert!(matches!(attached.contents, AttachmentContents::File(..)));
}

#[test]
fn last_lines_of_a_long_failure_are_quoted_at_the_top() {
    let output = numbered(1..=100) + "\n! no space left\n\n";
    let body = |ending, output: &str| {
        let job = job(ending, output, [true; 2]);
        JobReport::of(&job, AttachLog::Auto, false).body
    };
    let failed = body(JobEnding::Exited(1), &output);
    let begins = "back up failed with status 1 after 4m12s.\n\nLast lines:\n\n    line 99\n    line 100\n    \
                  ! no space left\n\nCommand:";
    assert!(failed.starts_with(begins), "{failed}");
    assert!(!body(JobEnding::Exited(0), &output).contains("Last lines:"));
    assert!(!body(JobEnding::Exited(1), &numbered(1..=12)).contains("Last lines:"));
}

#[test]
fn omitted_part_of_a_line_is_counted_in_bytes() {
    let job = job(JobEnding::Exited(1), &"x".repeat(100_000), [true, false]);
    let body = JobReport::of(&job, AttachLog::Never, false).body;
    assert!(body.contains("\n... 65 KiB omitted ...\n"), "{body}");
}

#[test]
fn colors_are_only_in_the_html() {
    let job = job(
        JobEnding::Exited(0),
        "\x1b[31mred\x1b[m <b>\n",
        [true, false],
    );
    let report = JobReport::of(&job, AttachLog::Auto, true);
    assert!(report.body.ends_with("\n\nred <b>\n"), "{}", report.body);
    let html = report.html.unwrap();
    assert!(html.contains(">red</span> &lt;b&gt;\n"), "{html}");
}

#[test]
fn html_has_colors_as_spans_and_escapes_markup() {
    let line = AnsiReader::default().line(b"\x1b[1;31m<b>&\x1b[0m\"ok\"");
    let html = html_lines(&vec![line]);
    assert_eq!(
        html,
        "<span style=\"color:#aa0000;font-weight:bold;\">&lt;b&gt;&amp;</span>&quot;ok&quot;\n"
    );
}

#[test]
fn html_facts_are_escaped() {
    let html = html_document("<x>", "a & b", "");
    assert!(html.contains("&lt;x&gt;") && html.contains("a &amp; b"));
}
