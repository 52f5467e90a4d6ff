//! Mails the result of a job, subject to its rules.

use crate::cli::notification::{NotificationText, SendOutcome, send_notification};
use crate::cli::terminal::complain;
use crate::cron::Notification;
use crate::cron::alert::AlertOptions;
use crate::cron::alert::{
    AlertError, AlertRules, Decision, HistoryStore, JobRun, Recovery, SuppressedFailures,
};
use crate::mail::address::{Address, Mailbox};
use crate::mail::message::{HeaderField, new_message_id};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::host;
use crate::system::text::shown;
use crate::system::time::{brief, local, since};
use std::time::SystemTime;

/// A run of a job that has ended.
pub struct RunReport<'a> {
    /// Name of the job in the history.
    pub job: &'a str,
    pub run: &'a JobRun,
    pub alert: &'a AlertOptions,
}

impl RunReport<'_> {
    /// Mails the run, or counts it. `None`: nothing was mailed. The text is only written if it is needed.
    pub fn mail(
        &self,
        mail: &Notification,
        notification: impl FnOnce(&Decision) -> NotificationText,
    ) -> Option<SendOutcome> {
        let rules = &self.alert.rules;
        let recorded = HistoryStore::record(self.alert.state.as_deref(), self.job, self.run, rules);
        warn(rules, recorded.warning);
        let decision = recorded.decision;
        if matches!(decision, Decision::Suppress | Decision::Silent) {
            return None;
        }
        let id = new_message_id(&domain(mail), SystemTime::now());
        let sent = send_notification(mail, &complete(notification(&decision), &decision, &id));
        let is_mailed = matches!(
            sent,
            SendOutcome::Accepted | SendOutcome::Failed(Exit::Partial)
        );
        let stored = recorded.pending.map(|pending| {
            if is_mailed {
                pending.mailed(&id)
            } else {
                pending.not_mailed()
            }
        });
        warn(rules, stored.and_then(Result::err));
        Some(sent)
    }
}

/// The domain for a Message-ID (RFC 5322 §3.6.4): that of the author, if it has one.
pub fn domain(mail: &Notification) -> String {
    let author = mail.head.from.as_deref().map(Mailbox::<Address>::parse);
    let author = author.and_then(Result::ok);
    author.map_or_else(host::mail_domain, |author| {
        author.address.domain().to_string()
    })
}

/// Without rules, no history is needed, and there is no warning about a missing one.
fn warn(rules: &AlertRules, error: Option<AlertError>) {
    if let Some(error) = error.filter(|_| rules.are_set()) {
        complain(&format!(
            "warning: {error}; a failure that was mailed before may be mailed again"
        ));
    }
}

/// Adds the Message-ID, the thread and a remark about other runs.
fn complete(mut notification: NotificationText, decision: &Decision, id: &str) -> NotificationText {
    notification
        .headers
        .push(HeaderField::new("Message-ID", id));
    let (thread, remark) = match decision {
        Decision::Mail(facts) => (
            &facts.thread,
            facts.suppressed.as_ref().map(suppressed_text),
        ),
        Decision::Recovered(recovery) => (&recovery.thread, Some(recovery_text(recovery))),
        Decision::Suppress | Decision::Silent => return notification,
    };
    if let Some(first) = thread {
        notification
            .headers
            .push(HeaderField::new("In-Reply-To", first.as_str()));
        notification
            .headers
            .push(HeaderField::new("References", first.as_str()));
    }
    if let Some(remark) = remark {
        let texts = [
            Some(&mut notification.body),
            notification.body_alone.as_mut(),
        ];
        for text in texts.into_iter().flatten() {
            text.insert_str(0, &format!("{remark}\n\n"));
        }
        notification.html = notification
            .html
            .map(|html| format!("<p>{remark}</p>\n{html}"));
    }
    notification
}

/// Text about the failures before a recovery.
fn recovery_text(recovery: &Recovery) -> String {
    let (failures, since) = (counted(recovery.failures, "failure"), local(recovery.since));
    format!("Working again after {failures}; the first was at {since}.")
}

/// Text about failures that were not mailed: number and times.
fn suppressed_text(suppressed: &SuppressedFailures) -> String {
    let (first, last) = (local(suppressed.first), local(suppressed.last));
    let failures = counted(suppressed.count, "further failure");
    match suppressed.count {
        1 => format!("{failures} since the last mail: {last}."),
        _ => format!("{failures} since the last mail: from {first} to {last}."),
    }
}

/// `[host] RECOVERED: backup after 3 failures in 2h05m`.
pub fn recovered(name: &str, recovery: &Recovery) -> String {
    let short = host::short_name();
    let time = brief(since(recovery.since, SystemTime::now()));
    let failures = counted(recovery.failures, "failure");
    format!(
        "[{short}] RECOVERED: {} after {failures} in {time}",
        shown(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::alert::MailFacts;
    use std::time::{Duration, UNIX_EPOCH};

    fn notice(suppressed: Option<SuppressedFailures>, thread: Option<&str>) -> Decision {
        Decision::Mail(MailFacts {
            suppressed,
            nth: 2,
            since: UNIX_EPOCH,
            thread: thread.map(str::to_owned),
        })
    }

    fn notification() -> NotificationText {
        NotificationText {
            body: "the job failed\n".to_owned(),
            html: Some("<b>the job failed</b>".to_owned()),
            ..NotificationText::default()
        }
    }

    fn value<'m>(notification: &'m NotificationText, name: &str) -> Option<&'m str> {
        let mut fields = notification.headers.iter();
        let field = fields.find(|field| field.name == name)?;
        Some(&field.value)
    }

    #[test]
    fn later_mail_references_the_first() {
        let first = complete(notification(), &notice(None, None), "<1@x.org>");
        assert_eq!(value(&first, "Message-ID"), Some("<1@x.org>"));
        assert_eq!(value(&first, "In-Reply-To"), None);
        assert_eq!(first.body, "the job failed\n");
        let second = complete(
            notification(),
            &notice(None, Some("<1@x.org>")),
            "<2@x.org>",
        );
        assert_eq!(value(&second, "In-Reply-To"), Some("<1@x.org>"));
        assert_eq!(value(&second, "References"), Some("<1@x.org>"));
    }

    #[test]
    fn text_begins_with_the_suppressed_failures() {
        let suppressed = SuppressedFailures {
            count: 3,
            first: UNIX_EPOCH,
            last: UNIX_EPOCH + Duration::from_secs(60),
        };
        let notification = complete(notification(), &notice(Some(suppressed), None), "<1@x.org>");
        let begins = "3 further failures since the last mail: from 1970-01-01 ";
        assert!(
            notification.body.starts_with(begins),
            "{}",
            notification.body
        );
        assert!(
            notification.body.ends_with(".\n\nthe job failed\n"),
            "{}",
            notification.body
        );
        assert!(notification.html.unwrap().contains(begins));
    }

    #[test]
    fn recovery_has_the_number_of_failures() {
        let recovery = Recovery {
            failures: 3,
            since: SystemTime::now() - Duration::from_secs(7500),
            thread: None,
        };
        let subject = recovered("backup", &recovery);
        assert!(
            subject.ends_with("] RECOVERED: backup after 3 failures in 2h05m"),
            "{subject}"
        );
        let notice = complete(notification(), &Decision::Recovered(recovery), "<1@x.org>");
        let begins = "Working again after 3 failures; the first was at ";
        assert!(notice.body.starts_with(begins), "{}", notice.body);
    }
}
