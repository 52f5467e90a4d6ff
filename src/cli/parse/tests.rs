use crate::cli::parse::*;
use crate::cli::send::Send;
use crate::client::route::{AddressFamily, Host};
use crate::mail::message::Content;

fn parsed(arguments: &[&str]) -> Result<Invocation, EarlyExit> {
    let all = std::iter::once("ehlo").chain(arguments.iter().copied());
    let words: Vec<OsString> = all.map(OsString::from).collect();
    parse_in(&Places::nowhere(), &words, &mut Vec::new())
}

fn send(arguments: &[&str]) -> Send {
    match parsed(arguments) {
        Ok(Invocation::Send(SendTask::Send(send))) => *send,
        Ok(other) => panic!("{arguments:?} is {other:?}"),
        Err(early) => panic!("{arguments:?}: {}", early.text),
    }
}

fn refused(arguments: &[&str]) -> (u8, String) {
    let early = parsed(arguments).expect_err("nothing is wrong");
    assert_eq!(
        early.text.matches('\n').count(),
        1,
        "more than a line: {}",
        early.text
    );
    (early.exit.code(), early.text)
}

#[test]
fn help_begins_with_what_the_program_does() {
    for (option, words) in [("-h", "Sends a message"), ("--help", "Compose a message")] {
        let early = parsed(&[option]).expect_err("help was asked for");
        assert!(early.text.starts_with(words), "{}", early.text);
    }
}

#[test]
fn a_complete_message_can_lack_the_date() {
    let sent = send(&[
        "--message",
        "x",
        "--no-date",
        "--envelope-from",
        "a@x.org",
        "b@x.org",
    ]);
    let Content::Ready(ready) = &sent.message.content else {
        panic!("{sent:?}");
    };
    assert!(ready.no_date && !ready.no_message_id && ready.sender_is_known);
}

#[test]
fn the_command_passes_the_checks_of_clap() {
    command().debug_assert();
}

#[test]
fn the_first_example_is_a_draft_for_bob() {
    let send = send(&[
        "--from",
        "alice@crepes.fr",
        "--subject",
        "Ketchup",
        "--body",
        "Do you like ketchup?",
        "--attach",
        "menu.pdf",
        "bob@hamburger.edu",
    ]);
    let Content::Draft(draft) = send.message.content else {
        panic!("no draft")
    };
    assert_eq!(draft.from.address.to_string(), "alice@crepes.fr");
    assert_eq!(draft.to.len(), 1);
    assert_eq!(draft.attachments.len(), 1);
    assert!(send.transport.route.relay.is_none());
}

#[test]
fn recipients_come_from_all_options_and_lists() {
    let send = send(&[
        "--to",
        "a@x.org, b@x.org",
        "--cc",
        "c@x.org",
        "--bcc",
        "d@x.org",
        "-b",
        "",
        "e@x.org",
    ]);
    let Content::Draft(draft) = send.message.content else {
        panic!("no draft")
    };
    assert_eq!((draft.to.len(), draft.cc.len(), draft.bcc.len()), (3, 1, 1));
}

#[test]
fn the_port_of_a_relay_comes_from_relay_or_port() {
    let relay = |arguments: &[&str]| {
        let rest = ["-b", "", "a@x.org"];
        let place = send(&[arguments, &rest].concat())
            .transport
            .route
            .relay
            .unwrap();
        (place.host, place.port)
    };
    let host = || Host::Relay("mail".to_owned());
    assert_eq!(relay(&["-r", "mail"]), (host(), 25));
    assert_eq!(relay(&["--server", "mail:26"]), (host(), 26));
    assert_eq!(relay(&["-r", "mail", "-p", "26"]), (host(), 26));
    let (code, text) = refused(&["-r", "mail:26", "-p", "27", "-b", "", "a@x.org"]);
    assert!(code == 64 && text.contains("--port"), "{text}");
}

#[test]
fn a_recipient_named_like_a_subcommand_follows_two_hyphens() {
    assert!(matches!(parsed(&["demo"]), Ok(Invocation::Demo)));
    let (code, _) = refused(&["-b", "", "--", "demo"]);
    assert_eq!(code, 65);
}

#[test]
fn an_address_never_becomes_an_option() {
    let send = send(&["-b", "", "-f", "-X/tmp/x@x.org", "--", "-oQ/tmp@x.org"]);
    let Content::Draft(draft) = send.message.content else {
        panic!("no draft")
    };
    assert_eq!(
        draft.to[0].mailboxes()[0].address.to_string(),
        "-oQ/tmp@x.org"
    );
}

#[test]
fn errors_are_one_line_with_the_option_and_an_exit_status() {
    for (arguments, code, word) in [
        (&["-b", ""][..], 64, "no recipient"),
        (&["--fromm", "a@x.org", "b@x.org"], 64, "--from"),
        (
            &["--subject", "a\r\nBcc: c@x.org", "b@x.org"],
            64,
            "--subject",
        ),
        (&["--subject", "a\u{2028}b", "b@x.org"], 64, "--subject"),
        (&["-H", "X: a\nBcc: c@x.org", "b@x.org"], 64, "--header"),
        (&["-H", "X-A\r\nBcc: x", "b@x.org"], 64, "--header"),
        (&["--helo", "a\r\nMAIL FROM:<x>", "b@x.org"], 64, "--helo"),
        (&["--from", "a\r\n@x.org", "b@x.org"], 65, "--from"),
        (&["--from", "a@x.org> SIZE=1", "b@x.org"], 65, "--from"),
        (&["b@x.org\nc@x.org", "-b", ""], 65, "a line feed"),
        (
            &["--envelope-from", "a\0@x.org", "b@x.org"],
            65,
            "--envelope-from",
        ),
        (&["--cc", "nobody", "b@x.org"], 65, "--cc"),
        (&["-4", "-6", "-b", "", "b@x.org"], 64, "--ipv4"),
        (&["--timeout", "soon", "b@x.org"], 64, "--timeout"),
        (&["-r", "a b", "b@x.org"], 64, "--relay"),
        (&["--message", "x", "--body", "y"], 64, "--message"),
        (
            &["--dns", "resolver.example.org", "b@x.org", "-b", ""],
            64,
            "--dns",
        ),
    ] {
        let (actual, text) = refused(arguments);
        assert_eq!(actual, code, "{arguments:?}: {text}");
        assert!(text.contains(word), "{arguments:?}: {text}");
        assert!(!text.trim_end().contains(['\r', '\n', '\0']), "{text:?}");
    }
}

#[test]
fn contradictory_options_of_sink_are_both_named() {
    let rows: [(&[&str], &str); 22] = [
        (&["--count", "0"], "--count"),
        (&["--listen", "localhost:25"], "unix:PATH"),
        (&["--maildir", "m", "--mbox", "b"], "--mbox"),
        (&["--print", "--json"], "--json"),
        (&["--cert", "c"], "--key"),
        (&["--tls", "implicit", "--require-tls"], "--tls starttls"),
        (&["--save-ca", "f"], "--save-ca needs --tls"),
        (&["--client-ca", "f"], "--client-ca needs --tls"),
        (&["--auth", "any"], "--auth needs --tls"),
        (&["--require-auth"], "--auth"),
        (&["--offer", "STARTTLS"], "--offer STARTTLS needs --tls"),
        (&["--offer", "AUTH PLAIN"], "--offer AUTH needs --auth"),
        (&["--offer", "LIMITS RCPTMAX=0"], "RCPTMAX"),
        (&["--offer", "DSN", "--no-offer", "dsn"], "--no-offer dsn"),
        (&["--offer", "FUTURERELEASE"], "FUTURERELEASE needs"),
        (&["--fault", "mail=nothing"], "neither a reply"),
        (&["--fault", "tls=close"], "--fault tls=... needs --tls"),
        (&["--fault", "auth=close"], "--fault auth=... needs --auth"),
        (&["--lmtp", "--fault", "helo=close"], "--lmtp"),
        (&["--delay", "never"], "--delay"),
        (&["--seed", "1"], "--fault"),
        (&["--hang-time", "1s"], "--fault"),
    ];
    for (arguments, words) in rows {
        let (code, text) = refused(&[&["sink"], arguments].concat());
        assert_eq!(code, 64, "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
    for (offer, words) in [
        ("AUTH NONE", "unknown mechanism NONE"),
        ("AUTH SCRAM-SHA-1", "--auth FILE"),
    ] {
        let auth = ["sink", "--auth", "any", "--auth-in-clear", "--offer", offer];
        let (code, text) = refused(&auth);
        assert_eq!(code, 64, "{offer}: {text}");
        assert!(text.contains(words), "{offer}: {text}");
    }
}

#[test]
fn address_families_and_the_null_sender_are_parsed() {
    assert_eq!(
        send(&["-4", "-b", "", "a@x.org"]).transport.route.family,
        AddressFamily::V4
    );
    assert_eq!(
        send(&["-6", "-b", "", "a@x.org"]).transport.route.family,
        AddressFamily::V6
    );
    let null = send(&["--envelope-from", "", "-b", "", "a@x.org"]);
    assert_eq!(null.message.envelope_from, Some(None));
}

fn route(arguments: &[&str]) -> crate::client::route::RouteOptions {
    send(&[arguments, &["-b", "", "a@x.org"]].concat())
        .transport
        .route
}

#[test]
fn the_bind_address_decides_the_family() {
    assert_eq!(route(&["--bind", "::1"]).family, AddressFamily::V6);
    assert_eq!(
        route(&["--bind", "127.0.0.2", "-4"]).family,
        AddressFamily::V4
    );
    assert_eq!(route(&[]).bind, None);
}

#[test]
fn connect_to_has_its_own_port_or_none() {
    for (text, port) in [("localhost:26", Some(26)), ("localhost", None)] {
        let detour = route(&["--connect-to", text]).connect_to.unwrap();
        assert_eq!(detour.host, Host::Relay("localhost".to_owned()));
        assert_eq!(detour.port, port);
    }
    let detour = route(&["--connect-to", "/run/x.sock", "-p", "26"]).connect_to;
    assert_eq!(detour.unwrap().host, Host::Unix("/run/x.sock".into()));
}

#[test]
fn contradictory_source_and_target_are_both_named() {
    for (arguments, one, other) in [
        (&["-4", "-r", "[::1]"][..], "-4", "--relay [::1]"),
        (&["-6", "-r", "127.0.0.1:25"], "-6", "--relay [127.0.0.1]"),
        (&["-4", "--bind", "::1"], "-4", "--bind ::1"),
        (
            &["--bind", "::1", "-r", "127.0.0.1"],
            "--bind ::1",
            "--relay [127.0.0.1]",
        ),
        (
            &["--bind", "127.0.0.1", "--connect-to", "::1"],
            "--bind 127.0.0.1",
            "--connect-to [::1]",
        ),
        (
            &["--bind", "::1", "-r", "/run/x"],
            "--bind ::1",
            "--relay /run/x",
        ),
        (
            &["-r", "/run/x", "--connect-to", "localhost"],
            "--relay /run/x",
            "--connect-to localhost",
        ),
        (&["-r", "unix:x", "-p", "25"], "--port 25", "socket x"),
    ] {
        let (code, text) = refused(&[arguments, &["-b", "", "a@x.org"]].concat());
        assert_eq!(code, 64, "{text}");
        assert!(text.contains(one) && text.contains(other), "{text}");
    }
    // The connection does not go to the relay's own address.
    route(&["-4", "-r", "::1", "--connect-to", "127.0.0.1"]);
}

#[test]
fn the_version_is_that_of_clap() {
    for option in ["--version", "-V"] {
        let early = parsed(&[option]).expect_err("no version");
        let clap = command().try_get_matches_from(["ehlo", option]);
        let clap = clap.expect_err("no version").to_string();
        assert_eq!((early.text, early.exit.code()), (clap, 0));
    }
}

#[test]
fn an_error_in_a_subcommand_names_its_help() {
    for (arguments, help) in [
        (&["--nope", "a@x.org"][..], "see ehlo --help"),
        (&["probe", "--nope"], "see ehlo probe --help"),
        (&["config", "sho"], "see ehlo config --help"),
    ] {
        let (code, text) = refused(arguments);
        assert!(code == 64 && text.contains(help), "{text}");
    }
}
