use crate::cli::options::mail::*;

fn head(to: &[&str]) -> MailArgs {
    MailArgs {
        to: to.iter().map(|&one| one.to_owned()).collect(),
        cc: Vec::new(),
        bcc: Vec::new(),
        from: None,
        reply_to: Vec::new(),
        subject: None,
        header: Vec::new(),
    }
}

fn environment(mail_to: Option<&str>) -> CronEnvironment {
    CronEnvironment {
        mail_to: mail_to.map(str::to_owned),
        mail_from: Some("cron@here".to_owned()),
    }
}

fn to(list: &str) -> NotificationRecipients {
    NotificationRecipients::These {
        to: vec![list.to_owned()],
        cc: Vec::new(),
        bcc: Vec::new(),
    }
}

#[test]
fn recipients_on_the_command_line_take_precedence_over_mailto() {
    let addressing = head(&["root"]).addressing(None, environment(Some("")));
    assert_eq!(addressing.recipients, to("root"));
    let addressing = head(&[]).addressing(None, environment(Some("a, b")));
    assert_eq!(addressing.recipients, to("a, b"));
}

#[test]
fn an_empty_mailto_disables_mail_and_without_one_the_user_gets_it() {
    let empty = head(&[]).addressing(None, environment(Some(" ")));
    assert_eq!(empty.recipients, NotificationRecipients::None);
    let none = head(&[]).addressing(None, environment(None));
    assert_eq!(none.recipients, NotificationRecipients::User);
}

#[test]
fn from_takes_precedence_over_mailfrom() {
    assert_eq!(
        head(&[])
            .addressing(None, environment(None))
            .from
            .as_deref(),
        Some("cron@here")
    );
    let args = MailArgs {
        from: Some("me".to_owned()),
        ..head(&[])
    };
    assert_eq!(
        args.addressing(None, environment(None)).from.as_deref(),
        Some("me")
    );
}
