use crate::cli::ExitStatus;
use crate::cli::notification::address::*;
use crate::mail::rewrite::{HostNames, RewriteOptions, Rule};

fn rewriter(rules: &[(&str, &str)]) -> Rewriter {
    let rule = |(from, to): &(&str, &str)| Rule {
        from: (*from).to_owned(),
        to: (*to).to_owned(),
    };
    let names = HostNames {
        node: "sun".to_owned(),
        fqdn: "sun.example.org".to_owned(),
        mail: "sun.example.org".to_owned(),
    };
    let options = RewriteOptions {
        rules: rules.iter().map(rule).collect(),
        aliases: Some("/dev/null".into()),
        ..RewriteOptions::default()
    };
    Rewriter::with_names(&options, names)
}

fn head(to: &str, from: &str) -> Addressing {
    Addressing {
        recipients: NotificationRecipients::These {
            to: vec![to.to_owned()],
            cc: Vec::new(),
            bcc: vec!["bob@hamburger.edu".to_owned()],
        },
        from: Some(from.to_owned()),
        ..Addressing::default()
    }
}

#[test]
fn local_name_is_rewritten() {
    let rules = rewriter(&[("root", "{user}+{host}@example.net")]);
    let made = Addressed::of(&head("root", "Cron <root>"), &rules).unwrap();
    let recipients: Vec<String> = made.recipients.iter().map(Address::to_string).collect();
    assert_eq!(recipients, ["root+sun@example.net", "bob@hamburger.edu"]);
    assert_eq!(made.from.name.as_deref(), Some("Cron"));
    assert_eq!(made.sender, Some(made.from.address.clone()));
    assert_eq!(made.from.address.to_string(), "root+sun@example.net");
    assert_eq!(made.headers[0].value, "root@sun.example.org");
    assert_eq!(made.to.len(), 1);
}

#[test]
fn unknown_local_name_is_reported() {
    let made = Addressed::of(&head("root", "alice@crepes.fr"), &rewriter(&[]));
    let error = made.err().unwrap();
    assert!(error.to_string().contains("\"root\""), "{error}");
    assert_eq!(error.exit(), crate::system::exit::Exit::NoUser);
}

#[test]
fn envelope_sender_can_differ_from_the_author() {
    let head = Addressing {
        envelope_from: Some(String::new()),
        ..head("alice@crepes.fr", "alice@crepes.fr")
    };
    let made = Addressed::of(&head, &rewriter(&[])).unwrap();
    assert_eq!(made.sender, None);
}
