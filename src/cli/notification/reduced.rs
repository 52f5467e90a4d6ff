//! Smaller versions of a mail, for a server that refuses its size or content: an alert must arrive, if
//! without its attachments.

use crate::cli::notification::NotificationText;
use crate::client::outcome::{Cause, RecipientResult, RecipientStatus};
use crate::smtp::stage::Stage;

/// The length of the shortest version's text, in octets.
const SHORT_TEXT: usize = 2 * 1024;

/// True if the server refused the recipient because of the size or the content of the message.
///
/// RFC 5321 §4.2.2: 552 is "exceeded storage allocation", 554 after the data "transaction failed". RFC 3463
/// §3.3, §3.4: X.2.3 and X.3.4 are limits on the length of a message.
pub fn is_refused_content(result: &RecipientResult) -> bool {
    if result.verdict != RecipientStatus::Refused || result.cause != Cause::Server {
        return false;
    }
    let is_size = matches!(result.enhanced.as_deref(), Some("5.2.3" | "5.3.4"));
    let code = result.reply.as_ref().map(|reply| reply.code);
    match result.stage {
        Some(Stage::Dot | Stage::Bdat | Stage::Body) => true,
        Some(Stage::Mail) => is_size || code == Some(552),
        Some(Stage::Data) => is_size || matches!(code, Some(552 | 554)),
        _ => is_size,
    }
}

/// Ever smaller versions of a mail, which are sent one after another until none is refused because of its
/// content. Each quotes `why`, the server's reply.
pub fn versions(notification: &NotificationText, why: &str) -> Vec<NotificationText> {
    let names: Vec<String> = notification.attachments.iter().map(name).collect();
    let text = notification
        .body_alone
        .as_ref()
        .unwrap_or(&notification.body);
    let mut left_out = names.join(", ");
    let mut versions = Vec::new();
    if !names.is_empty() || notification.html.is_some() {
        if names.is_empty() {
            "the HTML version".clone_into(&mut left_out);
        }
        versions.push(version(notification, &remark(&left_out, why), text));
    }
    if text.len() > SHORT_TEXT {
        let part = if names.is_empty() {
            "the rest of the text".to_owned()
        } else {
            format!("{left_out} and the rest of the text")
        };
        versions.push(version(
            notification,
            &remark(&part, why),
            beginning(text, SHORT_TEXT),
        ));
    }
    versions
}

fn name(attachment: &crate::mail::message::Attachment) -> String {
    use crate::mail::message::Input;
    match (&attachment.name, &attachment.input) {
        (Some(name), _) => name.clone(),
        (None, Input::File(path)) => path.file_name().map_or_else(
            || "an attachment".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
        (None, _) => "an attachment".to_owned(),
    }
}

fn remark(left_out: &str, why: &str) -> String {
    format!(
        "This mail was sent without {left_out}, because the server refused the complete mail: {why}"
    )
}

fn version(notification: &NotificationText, remark: &str, text: &str) -> NotificationText {
    NotificationText {
        subject: notification.subject.clone(),
        headers: notification.headers.clone(),
        body: format!("{remark}\n\n{text}"),
        ..NotificationText::default()
    }
}

/// The first lines of a text, at most `most` octets.
pub fn beginning(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let most = (0..=most).rev().find(is_boundary).unwrap_or_default();
    let end = text[..most].rfind('\n').map_or(most, |at| at + 1);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message::{Attachment, HeldBytes, Input};

    fn log() -> Attachment {
        let held = HeldBytes::bytes("the log", b"x".to_vec());
        Attachment {
            name: Some("job.log.gz".to_owned()),
            ..Attachment::new(Input::Held(held))
        }
    }

    fn bodies(notification: &NotificationText) -> Vec<String> {
        let versions = versions(notification, "552 too big").into_iter();
        versions.map(|notification| notification.body).collect()
    }

    #[test]
    fn short_mail_without_attachments_has_no_smaller_version() {
        let notification = NotificationText {
            body: "failed\n".to_owned(),
            ..NotificationText::default()
        };
        assert!(bodies(&notification).is_empty());
    }

    #[test]
    fn attachments_are_omitted_before_text() {
        let line = "x".repeat(99) + "\n";
        let notification = NotificationText {
            subject: "failed".to_owned(),
            body: "log attached\n".to_owned(),
            body_alone: Some(line.repeat(100)),
            html: Some("<p>failed</p>".to_owned()),
            attachments: vec![log()],
            ..NotificationText::default()
        };
        let remark = "because the server refused the complete mail: 552 too big\n\n";
        assert_eq!(
            bodies(&notification),
            [
                format!(
                    "This mail was sent without job.log.gz, {remark}{}",
                    line.repeat(100)
                ),
                format!(
                    "This mail was sent without job.log.gz and the rest of the text, {remark}{}",
                    line.repeat(20)
                ),
            ]
        );
        for version in versions(&notification, "") {
            assert!(version.html.is_none() && version.attachments.is_empty());
            assert_eq!(version.subject, "failed");
        }
    }
}
