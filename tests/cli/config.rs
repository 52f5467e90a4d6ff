//! Profiles: what they add to a command line, who may write them, and what is wrong with them.

use crate::authority::{Authority, BOTH, Papers};
use crate::encrypted::Way;
use crate::message::Message;
use crate::program::{Ehlo, Run};
use crate::sasl::PASSWORD;
use crate::server::Server;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

const PLACE: &str = ".config/ehlo/config.toml";

/// Puts a configuration where it is looked for, for nobody else to read.
fn write(ehlo: &Ehlo, text: &str) -> PathBuf {
    let path = ehlo.path(PLACE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    put(&path, text, 0o600);
    path
}

fn put(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The program with this configuration. `RELAY` in it is the server's address.
fn with<T>(server: &Server<T>, text: &str) -> Ehlo {
    let ehlo = Ehlo::new();
    let relay = format!("127.0.0.1:{}", server.port);
    write(&ehlo, &text.replace("RELAY", &relay));
    ehlo
}

/// A profile that says everything, for bob to get something from alice.
const HOME: &str = "\
default = \"home\"
[profile.home]
relay = \"RELAY\"
helo = \"me.example\"
from = \"Alice <alice@crepes.fr>\"
quiet = true
";

/// Delivers to bob with this configuration and these arguments.
#[track_caller]
fn delivered(text: &str, arguments: &[&str]) -> Message {
    let server = Server::start(|talk| talk.take());
    let run = with(&server, text).args(arguments).text_to_bob().run();
    let message = server.finish();
    run.exits(0).is_silent();
    message
}

/// Nobody is connected to, and one line says why.
#[track_caller]
fn refused(text: &str, arguments: &[&str]) -> Run {
    let server = Server::untouched();
    let run = with(&server, text).args(arguments).text_to_bob().run();
    server.finish();
    run.exits(78).complains(1);
    assert_eq!(run.stdout, "", "{run:#?}");
    run
}

/// What the message says in this field, or nothing.
fn field(message: &Message, name: &str) -> Vec<String> {
    let text = String::from_utf8(message.raw.clone()).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap().to_owned();
    let start = format!("{name}: ");
    let values = head.lines().filter_map(|line| line.strip_prefix(&start));
    values.map(str::to_owned).collect()
}

#[test]
fn the_default_profile_gives_relay_name_and_author() {
    let message = delivered(HOME, &[]);
    assert_eq!(field(&message, "From"), ["Alice <alice@crepes.fr>"]);
}

#[test]
fn home_directory_is_expanded_in_every_option_that_takes_a_path() {
    for home in ["~", "$HOME", "${HOME}"] {
        let text = format!(
            "{HOME}body = \"@{home}/body.txt\"\nattach = [\"{home}/a.txt;type=text/plain\"]\n\
             ca-file = \"{home}/ca.pem\"\nsubject = \"~/x\"\n"
        );
        let server = Server::start(|talk| talk.take());
        let ehlo = with(&server, &text).args(["bob@hamburger.edu"]);
        put(&ehlo.path("body.txt"), "the body", 0o600);
        put(&ehlo.path("a.txt"), "attached", 0o600);
        put(&ehlo.path("ca.pem"), &Authority::new().pem(), 0o600);
        let run = ehlo.run();
        let message = server.finish();
        run.exits(0).is_silent();
        let text = String::from_utf8(message.raw.clone()).unwrap();
        assert!(
            text.contains("the body") && text.contains("YXR0YWNoZWQ="),
            "{text}"
        );
        assert_eq!(field(&message, "Subject"), ["~/x"]);
    }
    let ehlo = Ehlo::new();
    write(&ehlo, "[profile.a]\nrelay = \"~/no-socket\"\n");
    let socket = ehlo.path("no-socket").display().to_string();
    let run = ehlo.args(["--profile", "a"]).text_to_bob().run();
    run.says(&[&socket]);
}

#[test]
fn a_profile_that_is_named_comes_before_the_default() {
    let text =
        format!("{HOME}subject = \"x\"\n[profile.other]\ninherit = \"home\"\nsubject = \"y\"\n");
    let message = delivered(&text, &["--profile", "other"]);
    assert_eq!(field(&message, "Subject"), ["y"]);
    assert_eq!(field(&delivered(&text, &[]), "Subject"), ["x"]);
}

#[test]
fn the_sender_chooses_the_profile() {
    let text = "default = \"none\"\n[profile.none]\nrelay = \"127.0.0.1:9\"\n\
                [profile.crepes]\nfrom = [\"*@CREPES.fr\", \"boss@x.org\"]\nrelay = \"RELAY\"\n\
                helo = \"me.example\"\nquiet = true\n\
                [profile.later]\nfrom = \"alice@*\"\nrelay = \"127.0.0.1:9\"\n";
    let message = delivered(text, &["-f", "alice@crepes.fr"]);
    assert_eq!(field(&message, "From"), ["alice@crepes.fr"]);
    // The envelope's sender counts more than the author, and a pattern is no author.
    let message = delivered(
        text,
        &["-f", "eve@y.org", "--envelope-from", "alice@crepes.fr"],
    );
    assert_eq!(field(&message, "From"), ["eve@y.org"]);
}

#[test]
fn the_command_line_wins() {
    let text = format!("{HOME}subject = \"profile\"\nto = \"carol@hamburger.edu\"\n");
    let message = delivered(&text, &["-s", "command line"]);
    assert_eq!(field(&message, "Subject"), ["command line"]);
    assert_eq!(field(&message, "To"), ["bob@hamburger.edu"]);

    let server = Server::start(|talk| talk.take());
    let port = server.port.to_string();
    let wrong = HOME.replace("RELAY", "127.0.0.1:9");
    let run = with(&server, &wrong)
        .args(["-p", &port])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).is_silent();

    let server = Server::start(|talk| talk.take());
    let relay = format!("127.0.0.1:{}", server.port);
    let text = format!("{wrong}port = 9\n");
    let run = with(&server, &text)
        .args(["-r", &relay])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn the_command_line_wins_over_what_contradicts_it() {
    let server = Server::start(|talk| talk.take());
    let run = with(&server, HOME).args(["--json"]).text_to_bob().run();
    server.finish();
    run.exits(0).all_are("accepted");

    let server = Server::start(|talk| talk.take());
    let text = HOME.replace("quiet", "json");
    let run = with(&server, &text).args(["-q"]).text_to_bob().run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn own_keys_win_over_inherited_ones_and_false_takes_away() {
    let text = "[profile.base]\nrelay = \"RELAY\"\nhelo = \"you.example\"\nsubject = \"base\"\nno-date = true\n\
                [profile.mine]\ninherit = \"base\"\nehlo = \"me.example\"\nsubject = false\nquiet = true\n\
                from = \"alice@crepes.fr\"\n[profile.dated]\ninherit = [\"mine\"]\nno-date = false\n";
    let message = delivered(text, &["--profile", "mine"]);
    assert!(field(&message, "Subject").is_empty());
    assert!(field(&message, "Date").is_empty());
    let message = delivered(text, &["--profile", "dated"]);
    assert_eq!(field(&message, "Date").len(), 1);
}

#[test]
fn header_fields_add_up_and_other_lists_do_not() {
    let text = format!(
        "{HOME}header = [\"X-A: 1\", \"X-B: 2\"]\nreply-to = \"r@x.org\"\nlimit-rate = 1_000_000\n"
    );
    let message = delivered(&text, &["-H", "X-A: 3", "--reply-to", "s@x.org"]);
    assert_eq!(field(&message, "X-A"), ["1", "3"]);
    assert_eq!(field(&message, "X-B"), ["2"]);
    assert_eq!(field(&message, "Reply-To"), ["s@x.org"]);
}

#[test]
fn recipients_of_a_profile_are_those_of_a_message_for_nobody() {
    let text = format!("{HOME}to = [\"bob@hamburger.edu\"]\n");
    let server = Server::start(|talk| talk.take());
    let run = with(&server, &text).args(["-b", "hi"]).run();
    server.finish();
    run.exits(0).is_silent();

    let text = format!("{HOME}to = \"carol@hamburger.edu\"\nbcc = \"dan@hamburger.edu\"\n");
    let server = Server::start(|talk| talk.take());
    let run = with(&server, &text)
        .args(["--message", "-"])
        .input("From: alice@crepes.fr\nTo: bob@hamburger.edu\n\nhi\n")
        .run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn a_file_is_looked_for_in_its_order_and_counts_alone() {
    let other = "[profile.a]\nsubject = \"a\"\n";
    for (variable, arguments, place) in [
        ("HOME", &[][..], PLACE),
        ("XDG_CONFIG_HOME", &[], "xdg/ehlo/config.toml"),
        ("EHLO_CONFIG", &[], "variable.toml"),
        ("EHLO_CONFIG", &["--config", "named.toml"], "named.toml"),
    ] {
        let server = Server::start(|talk| talk.take());
        let mut ehlo = with(&server, other);
        let relay = format!("127.0.0.1:{}", server.port);
        let path = ehlo.path(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        put(&path, &HOME.replace("RELAY", &relay), 0o600);
        let value = match variable {
            "HOME" => ehlo.path(""),
            "XDG_CONFIG_HOME" => ehlo.path("xdg"),
            _ => ehlo.path("variable.toml"),
        };
        ehlo = ehlo.env(variable, value);
        let run = ehlo.args(arguments).text_to_bob().run();
        server.finish();
        run.exits(0).is_silent();
    }
}

#[test]
fn a_file_that_was_named_and_is_not_there_is_66() {
    for ehlo in [
        Ehlo::new().args(["--config", "gone.toml"]),
        Ehlo::new().env("EHLO_CONFIG", "gone.toml"),
        Ehlo::new().args(["--profile", "work"]),
    ] {
        let run = ehlo.args(["-r", "127.0.0.1:9"]).text_to_bob().run();
        run.exits(66).complains(1).says(&["config"]);
    }
}

#[test]
fn without_a_home_and_with_none_that_may_be_looked_into_nothing_is_missed() {
    for home in ["", "/dev/null", "/proc/1/fd"] {
        let server = Server::start(|talk| talk.take());
        let run = Ehlo::to(&server)
            .env("HOME", home)
            .args(["-q"])
            .text_to_bob()
            .run();
        server.finish();
        run.exits(0).is_silent();
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name_in_every_profile() {
    let text = format!("{HOME}[profile.other]\n\nquiett = true\n");
    let run = refused(&text, &[]);
    run.says(&[
        "config.toml: profile \"other\", key \"quiett\": unknown key; did you mean quiet? (line 9)",
    ]);
    refused(&format!("defualt = 1\n{HOME}"), &[]).says(&["did you mean default?", "(line 1)"]);
    for key in [
        "config = \"x\"",
        "profile = \"x\"",
        "help = true",
        "version = true",
        "print = true",
    ] {
        refused(&format!("{HOME}{key}\n"), &[]).says(&["allowed on the command line only"]);
    }
    refused(&format!("{HOME}password = \"x\"\n"), &[]).says(&["password-command"]);
}

#[test]
fn an_unknown_profile_is_refused_with_the_nearest_name_and_all_others() {
    let text = format!("{HOME}[profile.work]\n");
    let run = refused(&text, &["--profile", "wrok"]);
    run.says(&["\"wrok\"; the profiles are home, work; did you mean work?"]);
    refused("default = \"a\"", &[]).says(&["there is no profile \"a\""]);
}

#[test]
fn a_wrong_value_is_refused_with_file_profile_key_and_reason() {
    for (line, words) in [
        (
            "port = 65536",
            "key \"port\": expected a port: 1 to 65535, smtp, submission or submissions (line 7)",
        ),
        (
            "port = true",
            "key \"port\": expected a value, or false, found true",
        ),
        ("port = [1, 2]", "key \"port\": expected one value"),
        ("port = 26", "key \"port\": --port 26 conflicts"),
        (
            "verbose = \"yes\"",
            "key \"verbose\": expected true or false",
        ),
        ("json = true", "cannot be used with"),
        ("pipelining = \"of\"", "key \"pipelining\": "),
        ("dns = \"ns.example\"", "key \"dns\": "),
        ("cc = \"nobody\"", "key \"cc\": \"nobody\" has no @domain"),
        ("timeout = 1.5e9", "key \"timeout\": "),
        ("ehlo = \"x\\r\\nRSET\"", "key \"ehlo\": the same option"),
        (
            "subject = \"a\\r\\nBcc: eve@x.org\"",
            "key \"subject\": a carriage return is not allowed",
        ),
        (
            "header = [\"X-A: 1\\nBcc: eve@x.org\"]",
            "key \"header\": a line feed is not allowed",
        ),
        ("cc = \"eve@x.org\\r\\nDATA\"", "key \"cc\": "),
        (
            "envelope-from = \"eve@x.org> X=<\"",
            "key \"envelope-from\": ",
        ),
        ("body = \"a\\u0000b\"", "key \"body\": it contains a NUL"),
    ] {
        let run = refused(&format!("{HOME}{line}\n"), &[]);
        run.says(&["config.toml: profile \"home\", ", words]);
    }
    let injected = HOME.replace("me.example", "x\\r\\nRSET");
    refused(&injected, &[]).says(&["key \"helo\": "]);
    let injected = HOME.replace("alice@", "a\\r\\nDATA\\r\\n@");
    refused(&injected, &[]).says(&["key \"from\": "]);
    // The one that is wrong is where it is written.
    let text = format!("{HOME}inherit = \"base\"\n[profile.base]\nport = 0\n");
    refused(&text, &[]).says(&[
        "profile \"base\", key \"port\": expected a port",
        "(line 9)",
    ]);
}

#[test]
fn a_wrong_value_of_a_fallback_is_refused_before_anything_is_sent() {
    let text = format!("{HOME}fallback = \"other\"\n[profile.other]\nport = 0\n");
    refused(&text, &[]).says(&["profile \"other\", key \"port\": "]);
    delivered(&text.replace("port = 0", "port = 1"), &[]);
}

#[test]
fn what_is_wrong_on_the_command_line_stays_its_own_fault() {
    let server = Server::untouched();
    let ehlo = with(&server, HOME);
    let run = ehlo.args(["-p", "0"]).text_to_bob().run();
    run.exits(64).complains(1).says(&["--port"]);
    let run = with(&server, HOME)
        .args(["--cc", "nobody"])
        .text_to_bob()
        .run();
    run.exits(65).complains(1).says(&["--cc"]);
    server.finish();
}

#[test]
fn broken_toml_is_refused_with_its_line() {
    refused("[profile.a]\nrelay = \n", &[])
        .says(&["invalid TOML: the value is missing: relay =", "(line 2)"]);
    refused("[profile.a]\n\n[profile.a]\n", &[])
        .says(&["invalid TOML: duplicate key: [profile.a]", "(line 3)"]);
    refused("[profile.\"\u{1b}[2J\"]\nx = 1", &[]).says(&["invalid TOML"]);
    refused("[profile.\"\\u001b[2J\"]\n\"\\u202e\" = 1", &[]).has_nothing_raw();
}

#[test]
fn a_file_that_is_none_or_no_text_is_refused() {
    let ehlo = Ehlo::new();
    let path = write(&ehlo, "");
    fs::write(&path, b"default = \"\xff\"").unwrap();
    let ehlo = ehlo.args(["-r", "127.0.0.1:9"]);
    ehlo.text_to_bob()
        .run()
        .exits(78)
        .complains(1)
        .says(&["UTF-8"]);

    let ehlo = Ehlo::new();
    let path = write(&ehlo, "");
    fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    ehlo.text_to_bob()
        .run()
        .exits(78)
        .complains(1)
        .says(&["larger"]);

    let ehlo = Ehlo::new();
    let path = write(&ehlo, "");
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    ehlo.text_to_bob()
        .run()
        .exits(78)
        .complains(1)
        .says(&["not a regular file"]);
}

#[test]
fn a_file_that_others_can_write_is_refused_with_the_chmod_that_mends_it() {
    for mode in [0o620, 0o602, 0o666] {
        let ehlo = Ehlo::new();
        let path = write(&ehlo, "[profile.a]\n");
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let chmod = format!("chmod go-w {}", path.display());
        let run = ehlo.args(["-r", "127.0.0.1:9"]).text_to_bob().run();
        run.exits(78).complains(1).says(&[&chmod]);
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_when_it_may_hold_a_secret() {
    for key in [
        "password-command",
        "oauth-token-command",
        "oauth-client-secret-command",
    ] {
        let ehlo = Ehlo::new();
        let text = format!("[profile.a]\nuser = \"alice\"\n{key} = \"echo hunter2\"\n");
        let path = write(&ehlo, &text);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let run = ehlo.args(["-r", "127.0.0.1:9"]).text_to_bob().run();
        run.exits(78).complains(1);
        run.says(&[&format!("chmod 600 {}", path.display())]);
    }
    // A user and the names of files are no secrets.
    let server = Server::start(|talk| talk.take());
    let text =
        "[profile.login]\nuser = \"alice\"\npassword-file = \"/x\"\nrelay = \"mail.example\"\n";
    let ehlo = with(&server, &format!("{HOME}{text}"));
    fs::set_permissions(ehlo.path(PLACE), Permissions::from_mode(0o644)).unwrap();
    let run = ehlo.text_to_bob().run();
    server.finish();
    run.exits(0).is_silent();
}

/// A run of a user who is not the owner of its files.
fn as_another_user() -> Ehlo {
    if !rustix::process::geteuid().is_root() {
        return Ehlo::new();
    }
    let ehlo = Ehlo::through("/bin/sh");
    fs::set_permissions(ehlo.path("."), Permissions::from_mode(0o755)).unwrap();
    // A copy, because the other user may not reach the directory of the build.
    let script = "cp \"$0\" program && \
                  exec setpriv --reuid=65534 --regid=65534 --clear-groups ./program \"$@\"";
    ehlo.args(["-c", script, env!("CARGO_BIN_EXE_ehlo")])
}

#[test]
fn profile_with_a_file_of_another_user_says_what_that_user_can_do() {
    let text = "default = \"a\"\n[profile.a]\nrelay = \"127.0.0.1:9\"\ntls = \"starttls\"\nuser = \"x\"\n\
                password-file = \"~/password\"\n";
    let ehlo = as_another_user();
    put(&ehlo.path("config.toml"), text, 0o644);
    put(&ehlo.path("password"), "hunter2", 0o000);
    let run = ehlo.args(["--config", "config.toml"]).text_to_bob().run();
    run.exits(66).complains(1).says(&[
        "config.toml: profile \"a\", key \"password-file\": this user has no permission to read ",
        "--config /dev/null",
    ]);

    let ehlo = as_another_user();
    put(&ehlo.path("config.toml"), text, 0o644);
    put(&ehlo.path("password"), "hunter2", 0o000);
    let run = ehlo
        .args(["--config", "config.toml", "-r", "127.0.0.1:9"])
        .text_to_bob()
        .run();
    run.exits(75).says(&["Connection refused"]);
}

#[test]
fn a_link_is_followed_to_the_file_that_counts() {
    let ehlo = Ehlo::new();
    let path = write(&ehlo, "");
    fs::remove_file(&path).unwrap();
    put(&ehlo.path("real.toml"), "x = 1", 0o602);
    symlink(ehlo.path("real.toml"), &path).unwrap();
    ehlo.text_to_bob()
        .run()
        .exits(78)
        .complains(1)
        .says(&["chmod go-w"]);
}

#[test]
fn check_says_that_all_is_well_or_everything_that_is_not() {
    let two = format!("{HOME}[profile.other]\nfallback = \"home\"\n").replace("RELAY", "a.example");
    let ehlo = Ehlo::new();
    let path = write(&ehlo, &two);
    let run = ehlo.args(["config", "check"]).run();
    run.exits(0).complains(0);
    let all = format!(
        "{}: 2 profiles, default \"home\"; no errors\n",
        path.display()
    );
    assert_eq!(run.stdout, all);

    let ehlo = Ehlo::new();
    let wrong =
        format!("{two}port = 0\nhelo = \"a b\"\n[profile.third]\nfrom = \"a@b.c\"\ndns = \"x\"\n");
    write(&ehlo, &wrong);
    let run = ehlo.args(["config", "check"]).run();
    run.exits(78).complains(3);
    run.says(&[
        "key \"port\"",
        "key \"helo\"",
        "profile \"third\", key \"dns\"",
    ]);
    assert_eq!(run.stdout, "");

    let ehlo = Ehlo::new();
    let sections =
        "[queue]\nspread = 200\n[sendmail]\ndomain = \"-\"\n[rewrite]\nroot = \"root\"\n";
    write(&ehlo, &format!("{two}{sections}"));
    let run = ehlo.args(["config", "check"]).run();
    run.exits(78).complains(3);
    run.says(&[
        "[queue], key \"spread\": expected a number from 0 to 100",
        "[sendmail], key \"domain\": expected a domain",
        "[rewrite], key \"root\": \"root\" has no @domain",
    ]);
}

#[test]
fn check_reads_the_files_that_the_configuration_names() {
    let text = "[profile.a]\nrelay = \"a.example\"\nuser = \"alice\"\npassword-file = \"~/password\"\n\
                ca-file = \"~/ca.pem\"\ncert = \"~/cert.pem\"\nkey = \"~/key.pem\"\n\
                attach = [\"~/a.txt;name=b\", \"~/c.txt\"]\nbody = \"@~/body.txt\"\nsave-certs = \"~/new.pem\"\n\
                [profile.b]\ninherit = \"a\"\n[sendmail]\naliases = \"~/aliases\"\n";
    let ehlo = Ehlo::new();
    write(&ehlo, text);
    let run = ehlo.args(["config", "check"]).run();
    run.exits(78).complains(8).says(&[
        "profile \"a\", key \"password-file\": cannot read",
        "key \"ca-file\": ",
        "key \"cert\": ",
        "key \"attach\": cannot read",
        "key \"body\": cannot read",
        "[sendmail], key \"aliases\": ",
        "/a.txt: No such file",
        "/c.txt: No such file",
        "(line 4)",
    ]);

    let ehlo = Ehlo::new();
    write(&ehlo, text);
    let (root, other) = (Authority::new(), Authority::new());
    let (papers, others) = (root.issue(&["me.example"]), other.issue(&["me.example"]));
    put(&ehlo.path("password"), "hunter2", 0o644);
    put(&ehlo.path("ca.pem"), "no certificate", 0o644);
    put(&ehlo.path("cert.pem"), &papers.pem(), 0o644);
    put(&ehlo.path("key.pem"), &others.key_pem(), 0o600);
    for name in ["a.txt", "c.txt", "body.txt", "aliases"] {
        put(&ehlo.path(name), "", 0o644);
    }
    let new = ehlo.path("new.pem");
    let run = ehlo.args(["config", "check"]).run();
    run.exits(78).complains(3).says(&[
        "key \"password-file\": --password-file",
        "chmod 600",
        "key \"ca-file\": ",
        "it contains no PEM certificate",
        "key \"key\": ",
        "it does not belong to",
    ]);
    assert!(!run.stderr.contains("hunter2") && !new.exists());

    let ehlo = Ehlo::new();
    write(&ehlo, text);
    put(&ehlo.path("password"), "hunter2", 0o600);
    put(&ehlo.path("ca.pem"), &root.pem(), 0o644);
    put(&ehlo.path("cert.pem"), &papers.pem(), 0o644);
    put(&ehlo.path("key.pem"), &papers.key_pem(), 0o600);
    for name in ["a.txt", "c.txt", "body.txt", "aliases"] {
        put(&ehlo.path(name), "", 0o644);
    }
    let new = ehlo.path("new.pem");
    let run = ehlo.args(["config", "check"]).run();
    run.exits(0).complains(0);
    assert!(!new.exists());
}

#[test]
fn show_prints_a_profile_that_can_be_pasted() {
    let text = "default = \"b\"\n[profile.a]\nserver = \"x.example\"\nport = 0x19\n\
                [profile.b]\ninherit = \"a\"\nheader = [\"X-A: \\\"1\\\"\"]\nquiet = true\n";
    let shown = "[profile.b]\nheader = [\"X-A: \\\"1\\\"\"]\nquiet = true\n\
                 relay = \"x.example\"  # from profile \"a\"\nport = 25  # from profile \"a\"\n";
    let ehlo = Ehlo::new();
    put(&ehlo.path("x.toml"), text, 0o600);
    let run = ehlo.args(["config", "show", "--config", "x.toml"]).run();
    run.exits(0).complains(0);
    assert_eq!(run.stdout, shown);

    let ehlo = Ehlo::new();
    write(&ehlo, &text.replace("default = \"b\"\n", ""));
    ehlo.args(["config", "show"]).run().exits(64).complains(1);
    let ehlo = Ehlo::new();
    write(&ehlo, text);
    let run = ehlo.args(["config", "show", "bb"]).run();
    run.exits(78).complains(1).says(&["did you mean b?"]);
}

#[test]
fn path_says_which_file_it_is_or_where_it_could_be() {
    let ehlo = Ehlo::new();
    let path = write(&ehlo, "not even TOML");
    let run = ehlo.args(["config", "path"]).run();
    run.exits(0).complains(0);
    assert_eq!(run.stdout, format!("{}\n", path.display()));

    let ehlo = Ehlo::new();
    let own = ehlo.path(PLACE).display().to_string();
    let run = ehlo.args(["config", "path"]).run();
    run.exits(66)
        .complains(1)
        .says(&[&own, "/etc/ehlo/config.toml"]);
}

#[test]
fn the_verb_says_what_it_wants() {
    let run = Ehlo::new().args(["config"]).run();
    run.exits(64)
        .complains(1)
        .says(&["init, discover, import, edit, check, show, path"]);
}

#[test]
fn a_message_that_is_only_printed_comes_from_the_profile_too() {
    let server = Server::untouched();
    let run = with(&server, HOME).args(["--print"]).text_to_bob().run();
    server.finish();
    run.exits(0);
    assert_eq!(run.stderr, "");
    assert!(
        run.stdout.contains("From: Alice <alice@crepes.fr>\r\n"),
        "{run:#?}"
    );
}

#[test]
fn what_a_profile_says_of_its_relay_does_not_hold_for_another() {
    // A password that is meant for the relay on the command line would go to whoever answers.
    for key in [
        "connect-to = \"127.0.0.1:9\"",
        "tls = \"starttls\"",
        "pin = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"",
        "cert = \"gone.pem\"\nkey = \"gone.pem\"",
    ] {
        let server = Server::start(|talk| talk.take());
        let relay = format!("127.0.0.1:{}", server.port);
        let text = format!("{}{key}\n", HOME.replace("RELAY", "127.0.0.1:9"));
        let run = with(&server, &text)
            .args(["-r", &relay])
            .text_to_bob()
            .run();
        println!("{key}");
        run.exits(0).is_silent();
        server.finish();
    }
}

#[test]
fn a_relay_on_the_command_line_is_verified_under_its_own_name() {
    let ca = Authority::new();
    let papers = Papers::self_signed(&["127.0.0.1"], |_| ());
    for (key, papers) in [
        ("insecure = true", papers),
        ("tls-name = \"x.example\"", ca.issue(&["x.example"])),
    ] {
        let config = papers.config(BOTH);
        let server = Server::start(move |talk| {
            Way::Implicit.fail(talk, &config);
        });
        let relay = format!("127.0.0.1:{}", server.port);
        let text = format!("{}{key}\n", HOME.replace("RELAY", "127.0.0.1:9"));
        let run = with(&server, &text)
            .args(["-r", &relay, "--tls", "implicit", "-u", "alice"])
            .env("EHLO_PASSWORD", PASSWORD)
            .trusting(&ca.pem())
            .text_to_bob()
            .run();
        println!("{key}");
        run.exits(77).complains(1);
        server.finish();
    }
}
