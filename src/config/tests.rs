use crate::config::*;

fn keys() -> Keys {
    let options = [
        "relay",
        "port",
        "from",
        "header",
        "quiet",
        "helo",
        "user",
        "password-command",
        "config",
        "tls",
    ];
    let same = options.map(|name| (name.to_owned(), name.to_owned()));
    let alias = ("server".to_owned(), "relay".to_owned());
    Keys::new(same.into_iter().chain([alias]))
}

fn config(text: &str) -> Config {
    let read = read::read(text, &keys());
    let faults: Vec<String> = read.faults.iter().map(fault_text).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    Config {
        path: PathBuf::from("config.toml"),
        default: read.default,
        profiles: read.profiles,
        sections: read.sections,
    }
}

fn fault_text((position, fault): &(ConfigPosition, ConfigFault)) -> String {
    let (position, fault) = (position.clone(), fault.to_string());
    let line = position.line.unwrap_or_default();
    format!("{line}: {position}{fault}")
}

fn faults(text: &str) -> Vec<String> {
    read::read(text, &keys())
        .faults
        .iter()
        .map(fault_text)
        .collect()
}

fn options(config: &Config, name: &str) -> Vec<(String, Value, String)> {
    let options = config.profile(name).unwrap().options().into_iter();
    let all = options.map(|option| match option.table {
        TableKind::Profile(name) => (option.key, option.value, name),
        TableKind::Section(name) => panic!("{name} is no profile"),
    });
    all.collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn own_keys_override_inherited_ones_and_false_removes_them() {
    let config = config(
        "[profile.child]\ninherit = [\"one\", \"two\"]\nport = 0x19\nquiet = false\n\
         [profile.one]\nrelay = \"one\"\nport = 1\ninherit = \"root\"\n\
         [profile.two]\nserver = \"two\"\nquiet = true\n\
         [profile.root]\nhelo = \"root\"\n",
    );
    let option = |key: &str, value, profile: &str| (key.to_owned(), value, profile.to_owned());
    assert_eq!(
        options(&config, "child"),
        [
            option("port", Value::Number("25".to_owned()), "child"),
            option("relay", text("one"), "one"),
            option("helo", text("root"), "root"),
        ]
    );
}

#[test]
fn profile_of_the_sender_precedes_the_default() {
    let config = config(
        "default = \"home\"\n[profile.home]\nfrom = \"a@home.example\"\n\
         [profile.zwork]\nfrom = [\"*@work.example\", \"Ann <a@work.example>\"]\n\
         [profile.awork]\nfrom = \"*@*.example\"\n",
    );
    let chosen = |sender: Option<&str>| {
        let sender = sender.map(|sender| Address::parse(sender).unwrap());
        let profile = config.choose(None, sender.as_ref()).unwrap();
        profile.unwrap().name().to_owned()
    };
    assert_eq!(chosen(None), "home");
    assert_eq!(chosen(Some("x@y.org")), "home");
    assert_eq!(chosen(Some("b@WORK.example")), "zwork");
    assert_eq!(chosen(Some("b@else.example")), "awork");
    // The first item that is not a pattern is the author.
    let author = text("Ann <a@work.example>");
    assert_eq!(options(&config, "zwork")[0].1, author);
    assert_eq!(options(&config, "awork"), []);
}

#[test]
fn error_has_line_profile_and_key() {
    for (text, words) in [
        ("a = \n", "1: invalid TOML: the value is missing: a ="),
        (
            "defualt = 1",
            "1: key \"defualt\": unknown key; did you mean default?",
        ),
        ("default = 1", "expected a string, found an integer"),
        (
            "default = \"x\"",
            "there is no profile \"x\"; no profiles are defined",
        ),
        (
            "[gmail]\nrelay = \"a\"",
            "1: unknown table [gmail]; a profile is written as [profile.gmail]",
        ),
        (
            "relay = \"a\"",
            "1: key \"relay\": this option belongs in a profile",
        ),
        (
            "[profile]\nrelay = \"a\"",
            "write [profile.NAME] instead of [profile]",
        ),
        (
            "[profile.a]\nhost = \"a\"",
            "2: profile \"a\", key \"host\": unknown key; did you mean relay?",
        ),
        (
            "[profile.a]\nPassword_Command = \"a\"",
            "did you mean password-command?",
        ),
        (
            "[profile.a]\nrelay = \"a\nhelo = \"b\"",
            "2: invalid TOML: the closing quotation mark is missing: relay = \"a",
        ),
        (
            "[profile.a]\npass = hunter2",
            "2: passwords are not allowed",
        ),
        ("profile = 1", "expected tables [profile.NAME]"),
        ("[profile]\na = 1", "2: profile \"a\": expected a table"),
        (
            "[profile.a]\n\nrelya = 1",
            "3: profile \"a\", key \"relya\": unknown key; did you mean relay?",
        ),
        ("[profile.a]\nzzz = 1", "key \"zzz\": unknown key"),
        (
            "[profile.a]\nconfig = \"x\"",
            "allowed on the command line only",
        ),
        ("[profile.a]\npassword = \"x\"", "password-command"),
        (
            "[profile.a]\nrelay = \"a\"\nserver = \"b\"",
            "3: profile \"a\"",
        ),
        (
            "[profile.a]\nhelo = \"x\\u0000y\"",
            "key \"helo\": it contains a NUL",
        ),
        ("[profile.a]\nhelo = 2026-01-01", "found a date"),
        (
            "[profile.a]\nheader = [true]",
            "strings or numbers in its array",
        ),
        ("[profile.a]\nport = 99999999999999999999", "64 bits"),
        ("[profile.a]\nrelay.host = 1", "found a table"),
        ("[profile.a]\nfrom = 1", "an array of strings"),
        (
            "[profile.a]\nfrom = \"nobody\"",
            "\"nobody\" has no @domain",
        ),
        (
            "[profile.a]\ninherit = \"b\"",
            "there is no profile \"b\"; the only profile is a",
        ),
        ("[profile.a]\nfallback = \"a\"", "its own fallback"),
        ("[profile.abc]\nfallback = [\"abd\"]", "did you mean abc?"),
        (
            "[profile.a]\ninherit = \"b\"\n[profile.b]\ninherit = \"a\"",
            "4: profile \"b\", key \"inherit\": the profiles inherit from each other in a circle: a, b, a",
        ),
    ] {
        let faults = faults(text);
        assert_eq!(faults.len(), 1, "{text}: {faults:#?}");
        assert!(faults[0].contains(words), "{text}: {faults:#?}");
    }
}

#[test]
fn section_keys_keep_the_order_of_the_file() {
    let config = config(
        "[rewrite]\n\"root@localhost\" = \"a@x.org\"\nabc = \"{user}@x.org\"\n\"*@old\" = \"b@x.org\"\n\
         [queue]\nretry = [\"15m\", 1800]\nspread = 10\nwarn-after = false\n\
         [profile.p]\n[sendmail]\nprofile = \"p\"\n",
    );
    let section = |name: &str| -> Vec<(String, Value, usize)> {
        let settings = config.section(name).iter().cloned();
        let all = settings.map(|setting| (setting.key, setting.value, setting.line));
        all.collect()
    };
    let setting = |key: &str, value, line| (key.to_owned(), value, line);
    assert_eq!(
        section("rewrite"),
        [
            setting("root@localhost", text("a@x.org"), 2),
            setting("abc", text("{user}@x.org"), 3),
            setting("*@old", text("b@x.org"), 4),
        ]
    );
    let retry = Value::List(vec![text("15m"), Value::Number("1800".to_owned())]);
    assert_eq!(
        section("queue"),
        [
            setting("retry", retry, 6),
            setting("spread", Value::Number("10".to_owned()), 7),
        ]
    );
    assert_eq!(section("sendmail"), [setting("profile", text("p"), 11)]);
    assert!(section("profile").is_empty());
    let shown = config.profile("p").unwrap().to_toml();
    assert_eq!(shown, "[profile.p]\n");
}

#[test]
fn section_error_has_line_and_key() {
    for (text, words) in [
        (
            "[queue]\nretires = 1",
            "2: [queue], key \"retires\": unknown key; did you mean retry?",
        ),
        (
            "[sendmail]\npostmater = \"x\"",
            "2: [sendmail], key \"postmater\": unknown key; did you mean postmaster?",
        ),
        (
            "[queu]\n",
            "1: key \"queu\": unknown key; did you mean queue?",
        ),
        ("queue = 1", "expected a table, found an integer"),
        (
            "[rewrite]\n\nroot = 1",
            "3: [rewrite], key \"root\": expected a string, found an integer",
        ),
        (
            "[rewrite]\na@b = \"x\"",
            "invalid TOML: this key must be enclosed",
        ),
        (
            "[rewrite]\na.b = \"x\"",
            "key \"a\": expected a string, found a table",
        ),
        ("[queue]\ndir = \"a\\u0000\"", "it contains a NUL"),
        ("[sendmail]\nprofile = 1", "expected the name of a profile"),
        (
            "[sendmail]\nprofile = \"pp\"\n[profile.p]",
            "2: [sendmail], key \"profile\": there is no profile \"pp\"; the only profile is p",
        ),
    ] {
        let faults = faults(text);
        assert_eq!(faults.len(), 1, "{text}: {faults:#?}");
        assert!(faults[0].contains(words), "{text}: {faults:#?}");
    }
}

#[test]
fn all_errors_are_reported() {
    let all = faults("x = 1\n[profile.a]\nb = 1\n[profile.c]\nd = 1\nport = {}\n");
    assert_eq!(all.len(), 4, "{all:#?}");
}

#[test]
fn inheritance_depth_is_limited() {
    let mut text = String::from("[profile.p0]\n");
    for number in 1..200 {
        text.push_str(&format!(
            "[profile.p{number}]\ninherit = \"p{}\"\n",
            number - 1
        ));
    }
    assert!(faults(&text).is_empty());
    let mut text = String::from("[profile.p200]\n");
    for number in (0..200).rev() {
        text.insert_str(
            0,
            &format!("[profile.p{number}]\ninherit = \"p{}\"\n", number + 1),
        );
    }
    assert!(faults(&text)[0].contains("more than 32 levels deep"));
}

#[test]
fn shown_profile_can_be_read_again() {
    let text = "[profile.\"a b\"]\nhelo = \"q\\\"\\\\\\u001b\\n\\u202eé\"\nheader = [\"X: 1\", 2]\n\
                   quiet = true\ninherit = \"base\"\n[profile.base]\nport = 1_000\n";
    let first = config(text);
    let shown = first.profile("a b").unwrap().to_toml();
    assert!(
        shown.contains("port = 1000  # from profile \"base\"\n"),
        "{shown}"
    );
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    let again = config(&shown);
    let values = |config: &Config| {
        let all = options(config, "a b").into_iter();
        all.map(|(key, value, _)| (key, value)).collect::<Vec<_>>()
    };
    assert_eq!(values(&first), values(&again));
}

#[test]
fn fallbacks_are_ordered_and_exclude_the_profile_itself() {
    let config = config(
        "[profile.a]\nfallback = [\"c\", \"b\"]\n[profile.b]\ninherit = \"a\"\n[profile.c]\n",
    );
    let names = |name: &str| -> Vec<&str> {
        let all = config.fallbacks(config.profile(name).unwrap());
        all.into_iter().map(Profile::name).collect()
    };
    assert_eq!(names("a"), ["c", "b"]);
    assert_eq!(names("b"), ["c"]);
    assert!(names("c").is_empty());
}
