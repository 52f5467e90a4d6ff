use crate::cli::notification::send::address::*;
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
fn a_name_of_this_host_is_enough_where_a_rule_leads_on() {
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
fn a_name_that_leads_nowhere_is_named() {
    let made = Addressed::of(&head("root", "alice@crepes.fr"), &rewriter(&[]));
    let error = made.err().unwrap();
    assert!(error.to_string().contains("\"root\""), "{error}");
    assert_eq!(error.exit(), crate::system::exit::Exit::NoUser);
}

#[test]
fn the_envelope_has_a_sender_of_its_own_where_one_is_named() {
    let head = Addressing {
        envelope_from: Some(String::new()),
        ..head("alice@crepes.fr", "alice@crepes.fr")
    };
    let made = Addressed::of(&head, &rewriter(&[])).unwrap();
    assert_eq!(made.sender, None);
}
