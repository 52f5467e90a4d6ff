use crate::mail::rewrite::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn names() -> HostNames {
    HostNames {
        node: "sun".to_owned(),
        fqdn: "sun.tuc.noao.edu".to_owned(),
        mail: "noao.edu".to_owned(),
    }
}

fn rewriter(options: &RewriteOptions) -> Rewriter {
    Rewriter::with_names(options, names())
}

/// Without the aliases of the system that runs the test.
fn options() -> RewriteOptions {
    RewriteOptions {
        aliases: Some("/dev/null/none".into()),
        ..RewriteOptions::default()
    }
}

fn rules(rules: &[(&str, &str)]) -> Vec<Rule> {
    let all = rules.iter().map(|(from, to)| Rule {
        from: (*from).to_owned(),
        to: (*to).to_owned(),
    });
    all.collect()
}

/// A directory with a file of aliases, and options that name it.
struct Home {
    directory: tempfile::TempDir,
    options: RewriteOptions,
}

impl Home {
    fn new(aliases: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut home = Self {
            options: RewriteOptions {
                aliases: Some(directory.path().join("aliases")),
                ..RewriteOptions::default()
            },
            directory,
        };
        home.write("aliases", aliases);
        home
    }

    /// Writes a file. `@@` in its text is replaced by the path of the directory.
    fn write(&mut self, name: &str, text: &str) {
        let path = self.path(name);
        let directory = self.directory.path().to_str().unwrap();
        fs::write(&path, text.replace("@@", directory)).unwrap();
        mode(&path, 0o600);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn to(&self, list: &str) -> Result<Vec<String>, RewriteError> {
        let found = rewriter(&self.options).recipients(list)?;
        Ok(found.iter().map(Address::to_string).collect())
    }

    fn wrong(&self, list: &str) -> String {
        let error = self.to(list).unwrap_err();
        assert!(error.is_about_setup(), "{error}");
        error.to_string()
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn aliases_are_followed_to_their_end_and_each_address_is_found_once() {
    let home = Home::new(
        "postmaster: Root\nroot: ann, b@x.org,\n  \"John Doe\"\nann: a@X.org, B@x.org\n\
         \"john doe\": b@X.ORG, ann\n",
    );
    assert_eq!(
        home.to("postmaster@localhost, ROOT (Charlie &), <root@localhost.localdomain>, root@sun")
            .unwrap(),
        ["a@X.org", "B@x.org", "b@x.org"]
    );
    // Root at another host is not a local user.
    assert_eq!(home.to("root@x.org").unwrap(), ["root@x.org"]);
}

#[test]
fn lists_are_included_with_their_comments_and_their_own_aliases() {
    let mut home = Home::new("all: :include:@@/all, :include:@@/all\nann: a@x.org\n");
    home.write("all", "# us\nann, b@x.org # and\n\n  :include:@@/more\n");
    home.write("more", "C <c@x.org>\n");
    assert_eq!(home.to("all").unwrap(), ["a@x.org", "b@x.org", "c@x.org"]);
}

#[test]
fn local_name_without_alias_gets_the_domain_or_the_postmaster() {
    let mut home = Home::new("root: root, ann@x.org\nbob: \\bob\n");
    let error = home.to("root").unwrap_err();
    assert!(matches!(error, RewriteError::NoSuchLocal { .. }));
    let error = error.to_string();
    for words in [
        "\"root\"",
        "/aliases, or set",
        "domain",
        "postmaster",
        "[sendmail]",
    ] {
        assert!(error.contains(words), "{error}");
    }
    home.options.aliases = Some("/dev/null".into());
    let error = home.to("root").unwrap_err().to_string();
    assert!(error.contains("add one to /etc/aliases, or"), "{error}");
    home.options.aliases = Some(home.path("aliases"));
    home.options.postmaster = Some(Address::parse("pm@x.org").unwrap());
    assert_eq!(home.to("root").unwrap(), ["pm@x.org", "ann@x.org"]);
    home.options.domain = Some("y.org".to_owned());
    assert_eq!(home.to("root").unwrap(), ["root@y.org", "ann@x.org"]);
    assert_eq!(
        home.to("bob, \"john doe\"").unwrap(),
        ["bob@y.org", "\"john doe\"@y.org"]
    );
}

#[test]
fn alias_loop_is_an_error() {
    let mut home = Home::new("a: b, x@y.org\nb: c\nc: A\nd: :include:@@/d\n");
    home.write("d", ":include:@@/e");
    home.write("e", "x@y.org\n:include:@@/d");
    let error = home.wrong("a");
    let path = home.path("aliases");
    let place = format!("{} line 1: alias loop: a, b, c, a", path.display());
    assert_eq!(error, place);
    let error = home.wrong("d");
    assert!(error.contains("/e line 2: alias loop"), "{error}");
}

#[test]
fn expansion_of_any_alias_file_ends() {
    let mut lines = String::from("deep: a0\nwide: :include:@@/wide\n");
    for number in 0..100 {
        lines.push_str(&format!("a{number}: a{}\n", number + 1));
        // Each name is followed once, or this would be two to the power of a hundred.
        lines.push_str(&format!("w{number}: u{number}, v{number}\n"));
        if number < 15 {
            lines.push_str(&format!(
                "u{number}: w{}\nv{number}: w{}\n",
                number + 1,
                number + 1
            ));
        }
    }
    let mut home = Home::new(&lines);
    let wide: Vec<String> = (0..10_001)
        .map(|number| format!("{number}@x.org"))
        .collect();
    home.write("wide", &wide.join("\n"));
    assert!(home.wrong("deep").contains("more than 50 deep"));
    assert!(home.wrong("wide").contains("more than 10000 addresses"));
    home.options.domain = Some("x.org".to_owned());
    assert_eq!(home.to("w0").unwrap(), ["u15@x.org", "v15@x.org"]);
}

#[test]
fn unsupported_target_is_refused_with_its_line_and_only_if_used() {
    let mut home =
        Home::new("root: ann@x.org\n\nprog: \"|/bin/x\"\nfile: /dev/null\nlist: :include:@@/l\n");
    home.write("l", "\n|/bin/y\n");
    assert_eq!(home.to("root").unwrap(), ["ann@x.org"]);
    let path = home.path("aliases").display().to_string();
    for (name, place) in [
        ("prog", format!("{path} line 3: \"|/bin/x\" is a program")),
        ("file", format!("{path} line 4: /dev/null is a file")),
        (
            "list",
            format!("{} line 2: |/bin/y is a program", home.path("l").display()),
        ),
    ] {
        let error = home.wrong(name);
        assert!(error.starts_with(&place), "{error}");
        assert!(error.contains("use an address instead"), "{error}");
    }
}

#[test]
fn alias_without_targets_is_an_error() {
    let mut home = Home::new("a:\nb: , # c\nc: none:;\nd: :include:@@/d\n");
    home.write("d", "# no more\n");
    for name in ["a", "b", "c", "d"] {
        let error = home.wrong(name);
        assert!(error.contains("has no address"), "{error}");
    }
}

#[test]
fn files_that_others_can_write_to_are_refused() {
    let mut home = Home::new("root: :include:@@/list\ngone: :include:@@/gone\npipe: :include:@@\n");
    home.write("list", "a@x.org\n");
    for bad in [0o620, 0o602] {
        mode(&home.path("list"), bad);
        let error = home.wrong("root");
        assert!(error.contains("/list: others can write to it"), "{error}");
    }
    assert!(home.wrong("gone").contains("aliases line 2: "));
    assert!(home.wrong("gone").contains("/gone does not exist"));
    assert!(home.wrong("pipe").contains("not a regular file"));
    mode(&home.path("aliases"), 0o666);
    let error = home.wrong("root");
    assert!(error.contains("chmod go-w"), "{error}");
}

#[test]
fn configured_alias_file_must_exist_when_it_is_needed() {
    let rewriter = rewriter(&options());
    let found = rewriter.recipients("a@x.org").unwrap();
    assert_eq!(found.len(), 1);
    let error = rewriter.recipients("root").unwrap_err();
    assert!(matches!(error, RewriteError::Aliases { .. }));
    let error = error.to_string();
    assert!(
        error.starts_with("/dev/null/none: the file does not exist"),
        "{error}"
    );
}

#[test]
fn the_first_rule_that_fits_counts_and_its_result_is_not_looked_at_again() {
    let mut home = Home::new("bob: b@old.org\n");
    home.options.rules = rules(&[
        ("root", "alerts+{host}@x.org"),
        ("Alerts+sun@x.org", "never@x.org"),
        ("*@old.org", "{user}@new.org"),
        ("backup-?", "ops@{fqdn}"),
    ]);
    for (given, address) in [
        ("root", "alerts+sun@x.org"),
        ("ROOT@localhost", "alerts+sun@x.org"),
        ("root@sun.tuc.noao.edu", "alerts+sun@x.org"),
        ("root@noao.edu", "alerts+sun@x.org"),
        ("root@else.org", "root@else.org"),
        ("alerts+sun@X.org", "never@x.org"),
        ("\"john doe\"@OLD.org", "\"john doe\"@new.org"),
        ("bob", "b@new.org"),
        ("backup-1", "ops@sun.tuc.noao.edu"),
        ("backup-1@else.org", "backup-1@else.org"),
    ] {
        assert_eq!(home.to(given).unwrap(), [address], "{given}");
    }
}

#[test]
fn a_rule_for_an_address_fits_the_name_that_gets_its_domain() {
    let options = RewriteOptions {
        domain: Some("x.org".to_owned()),
        rules: rules(&[("root@x.org", "a@y.org"), ("joe", "j@y.org")]),
        ..RewriteOptions::default()
    };
    let sender = |given: &str| {
        rewriter(&options)
            .sender(given)
            .unwrap()
            .unwrap()
            .to_string()
    };
    assert_eq!(sender("root"), "a@y.org");
    assert_eq!(sender("root@localhost"), "a@y.org");
    assert_eq!(sender("joe@X.org"), "j@y.org");
    assert_eq!(sender("joe@z.org"), "joe@z.org");
}

#[test]
fn a_rule_that_makes_no_address_is_named() {
    for to in [
        "nobody",
        "a b@x.org",
        "{user}@",
        "a@{user}",
        "a@x.org, b@x.org",
        "a@x\r\n.org",
    ] {
        let options = RewriteOptions {
            rules: rules(&[("root", to)]),
            ..options()
        };
        let error = rewriter(&options).sender("root").unwrap_err();
        assert!(matches!(error, RewriteError::Rule { .. }));
        let error = error.to_string();
        assert!(
            error.starts_with("the rule \"root\" of [rewrite]"),
            "{error}"
        );
        assert!(options.rules[0].check().is_err());
    }
}

#[test]
fn a_rule_can_be_checked_before_it_is_needed() {
    for (from, to) in [
        ("root", "alerts+{host}@{fqdn}"),
        ("*@localhost", "\"{user} of {host}\"@x.org"),
        ("a@bücher.example", "{user}+tag@x.org"),
    ] {
        assert_eq!(rules(&[(from, to)])[0].check(), Ok(()), "{from}");
    }
    for (from, to, words) in [
        ("", "a@x.org", "before the ="),
        ("a\nb", "a@x.org", "the key contains a line feed"),
        ("a b@x.org", "a@x.org", "unexpected space"),
        ("root", "{hots}@x.org", "{host}, {fqdn} and {user}"),
        ("root", "a@{user}.org", "not a domain"),
    ] {
        let wrong = rules(&[(from, to)])[0].check().unwrap_err();
        assert!(wrong.contains(words), "{from:?}: {wrong}");
    }
}

#[test]
fn the_reverse_path_has_a_domain_or_is_null() {
    let rewriter = rewriter(&options());
    let sender = |given: &str| {
        rewriter
            .sender(given)
            .map(|sender| sender.map(|a| a.to_string()))
    };
    assert_eq!(sender("").unwrap(), None);
    assert_eq!(sender(" <> ").unwrap(), None);
    for (given, address) in [
        ("root", "root@noao.edu"),
        ("Cron <root>", "root@noao.edu"),
        ("a@x.org", "a@x.org"),
        ("root@localhost", "root@localhost"),
        ("\"a b\"", "\"a b\"@noao.edu"),
    ] {
        assert_eq!(sender(given).unwrap().as_deref(), Some(address));
    }
    for bad in ["a, b", "a b", "g: a;", "a\r\nb", "a\0", "@x.org", ","] {
        let error = sender(bad).unwrap_err();
        assert!(matches!(error, RewriteError::Address(_)), "{bad:?}");
    }
}

#[test]
fn host_without_a_valid_name_is_an_error_with_advice() {
    let odd = HostNames {
        mail: "my host".to_owned(),
        ..names()
    };
    let rewriter = Rewriter::with_names(&options(), odd);
    let error = rewriter.sender("root").unwrap_err();
    assert!(error.is_about_setup());
    let error = error.to_string();
    assert!(
        error.contains("\"my host\"")
            && error.ends_with("set domain in [sendmail] of the configuration"),
        "{error}"
    );
    assert_eq!(rewriter.header("From", "root").unwrap(), None);
}

/// The names and addresses of a field, and the original ones of replaced authors.
fn field(options: &RewriteOptions, name: &str, value: &str) -> Option<(Vec<String>, Vec<String>)> {
    let shown = |mailbox: &Mailbox| {
        let name = mailbox.name.as_deref().unwrap_or("-");
        format!("{name} {}", mailbox.address)
    };
    let rewritten = rewriter(options).header(name, value).unwrap()?;
    let entries = rewritten.entries.iter().flat_map(ListEntry::mailboxes);
    let original = rewritten.original.iter();
    Some((entries.map(shown).collect(), original.map(shown).collect()))
}

#[test]
fn a_header_gets_domains_and_keeps_its_names() {
    let options = options();
    let (entries, original) = field(
        &options,
        "from",
        " root (Cron Daemon),\r\n =?utf-8?q?J=C3=BC?= <j>, b@x.org\r\n",
    )
    .unwrap();
    assert_eq!(
        entries,
        ["Cron Daemon root@noao.edu", "Jü j@noao.edu", "- b@x.org"]
    );
    assert!(original.is_empty());
    let group = rewriter(&options)
        .header("To", "Team: a, b@x.org;")
        .unwrap();
    let entries = group.unwrap().entries;
    assert!(
        matches!(&entries[..], [ListEntry::Group { name, members }] if name == "Team" && members.len() == 2)
    );
}

#[test]
fn field_is_kept_if_nothing_changes_or_it_cannot_be_parsed() {
    let options = RewriteOptions {
        rules: rules(&[("root", "a@x.org")]),
        ..options()
    };
    for (name, value) in [
        ("To", "\"b\"@x.org (comment), undisclosed-recipients:;"),
        ("Subject", "root"),
        ("Resent-Message-ID", "<a@b>"),
        ("Bcc", "root"),
        ("To", "john doe"),
        ("To", "<root"),
        ("From", "root\nBcc: x"),
        ("From", ""),
        ("From", "\u{0}"),
    ] {
        assert_eq!(field(&options, name, value), None, "{name}: {value}");
    }
}

#[test]
fn original_address_of_a_replaced_author_is_returned() {
    let mut options = RewriteOptions {
        rules: rules(&[("root", "alerts@x.org")]),
        ..options()
    };
    let value = "Cron <root>, b@x.org, joe";
    let entries = ["Cron alerts@x.org", "- b@x.org", "- joe@noao.edu"];
    let (all, original) = field(&options, "From", value).unwrap();
    assert_eq!(
        (&all[..], &original[..]),
        (
            &entries.map(String::from)[..],
            &["Cron root@noao.edu".to_owned()][..]
        )
    );
    assert!(field(&options, "Sender", value).unwrap().1.is_empty());
    options.original = OriginalAddress::Nowhere;
    assert!(field(&options, "From", value).unwrap().1.is_empty());
}

#[test]
fn aliases_are_not_for_headers() {
    let home = Home::new("root: ann@x.org\n");
    let (entries, _) = field(&home.options, "To", "root").unwrap();
    assert_eq!(entries, ["- root@noao.edu"]);
}

#[test]
fn hostile_lists_are_refused_or_read_in_reasonable_time() {
    let mut home = Home::new("");
    home.options.domain = Some("x.org".to_owned());
    let many: Vec<String> = (0..50_000).map(|number| format!("u{number}")).collect();
    assert_eq!(home.to(&many.join(",\r\n ")).unwrap().len(), 50_000);
    for bad in [
        "(".repeat(1 << 20),
        "<".repeat(1 << 20),
        "a".repeat(1 << 20),
        "\\".repeat(1 << 20),
        "g:".repeat(1 << 19),
        "\"".repeat((1 << 20) + 1),
    ] {
        let error = home.to(&bad).unwrap_err();
        assert!(matches!(error, RewriteError::Address(_)));
        assert!(
            error.to_string().len() < 2000,
            "{}",
            error.to_string().len()
        );
    }
    for bad in ["root\r\nBcc: x", "a\0b", "\"a\u{2028}\"", "a\rb"] {
        assert!(home.to(bad).is_err(), "{bad:?}");
    }
}

proptest::proptest! {
    #[test]
    fn every_result_is_a_valid_address(list in "[a-c@<>,:;\"\\\\() .\\[\\]{}*é\t\r\n]{0,32}") {
        let options = RewriteOptions {
            domain: Some("x.org".to_owned()),
            rules: rules(&[("a*", "{user}+{host}@y.org")]),
            aliases: Some("/dev/null".into()),
            ..RewriteOptions::default()
        };
        let rewriter = rewriter(&options);
        let _ = rewriter.header("From", &list);
        for address in rewriter.recipients(&list).into_iter().flatten().chain(rewriter.sender(&list).ok().flatten()) {
            proptest::prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }
    }
}

#[test]
fn catch_all_alias_is_used_for_names_without_alias() {
    for name in ["*", "default", "Default"] {
        let home = Home::new(&format!("ann: ann@x.org\n{name}: ann, me@y.org, root\n"));
        let mut home = home;
        home.options.domain = Some("z.org".to_owned());
        assert_eq!(home.to("ann").unwrap(), ["ann@x.org"]);
        // The catch-all alias is not applied to its targets.
        let right = ["ann@x.org", "me@y.org", "root@z.org"];
        assert_eq!(home.to("bob").unwrap(), right, "{name}");
        assert_eq!(home.to("root@localhost, bob").unwrap(), right, "{name}");
        assert_eq!(home.to("root@x.org").unwrap(), ["root@x.org"]);
    }
}
