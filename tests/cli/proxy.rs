//! `--proxy`: the server is reached by its name through SOCKS 5 or HTTP CONNECT, and nothing else gets out.

use crate::program::Ehlo;
use crate::server::{Server, Talk};
use crate::spool::{Queue, closed};
use std::os::unix::fs::PermissionsExt as _;

const SERVER: &str = "mx.hamburger.edu";

/// The end of the tunnel is the server itself.
fn take_mail(talk: &mut Talk) {
    talk.greet(&[]);
    talk.envelope(&["bob@hamburger.edu"]);
    talk.data();
    talk.say("250 2.0.0 ok");
    talk.part();
}

fn socks_tunnel(talk: &mut Talk) {
    talk.expect_octets(b"\x05\x01\x00");
    talk.send(b"\x05\x00");
    talk.expect_octets(b"\x05\x01\x00\x03\x10mx.hamburger.edu\x02\x4b");
    talk.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
}

fn http_tunnel(talk: &mut Talk, authorization: Option<&str>) {
    talk.expect("CONNECT mx.hamburger.edu:587 HTTP/1.1");
    talk.expect("Host: mx.hamburger.edu:587");
    if let Some(authorization) = authorization {
        talk.expect(&format!("Proxy-Authorization: {authorization}"));
    }
    talk.expect("");
    talk.say("HTTP/1.1 200 Connection established\nVia: 1.1 proxy\n");
    talk.send(b"\r\n");
}

/// `alice:hunter2`
const BASIC: &str = "Basic YWxpY2U6aHVudGVyMg==";

fn to_bob() -> Ehlo {
    Ehlo::new()
        .args(["--helo", "me.example", "-f", "alice@crepes.fr"])
        .text_to_bob()
}

#[test]
fn socks_proxy_gets_the_name_of_the_server() {
    let proxy = Server::start(|talk| {
        socks_tunnel(talk);
        take_mail(talk);
    });
    let url = format!("socks5://127.0.0.1:{}", proxy.port);
    let run = to_bob()
        .args(["--proxy", &url, "-r", SERVER, "-p", "587"])
        .run();
    run.exits(0)
        .shows(&[&format!("Trying {SERVER}:587 through {url}... Connected.")]);
    proxy.finish();
}

#[test]
fn json_names_the_proxy() {
    let proxy = Server::start(|talk| {
        http_tunnel(talk, None);
        take_mail(talk);
    });
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let run = to_bob()
        .args(["--proxy", &url, "-r", "mx.hamburger.edu:587", "--json"])
        .run();
    run.exits(0).all_are("accepted");
    let connected = &run.events("connected")[0];
    assert_eq!(connected["proxy"], url);
    assert_eq!(connected["port"], 587);
    proxy.finish();
}

#[test]
fn password_of_the_proxy_comes_from_netrc_or_its_file_and_is_never_shown() {
    for source in ["netrc", "file"] {
        let proxy = Server::start(|talk| {
            http_tunnel(talk, Some(BASIC));
            take_mail(talk);
        });
        let url = format!("http://alice@localhost:{}", proxy.port);
        let ehlo = to_bob()
            .args(["--proxy", &url, "-r", "mx.hamburger.edu:587", "-v"])
            // The password for the mail server is not for the proxy.
            .env("EHLO_PASSWORD", "other");
        ehlo.private(".netrc", "machine localhost login alice password hunter2\n");
        ehlo.private("pw", "hunter2\n");
        let ehlo = match source {
            "file" => ehlo
                .args(["--proxy-password-file", "pw"])
                .env("NETRC", "/dev/null"),
            _ => ehlo,
        };
        let run = ehlo.run();
        run.exits(0);
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(
            !all.contains("hunter2") && !all.contains("YWxpY2U"),
            "{all}"
        );
        proxy.finish();
    }
}

#[test]
fn missing_password_for_the_proxy_is_an_error_before_anything_is_sent() {
    let proxy = Server::untouched();
    let url = format!("socks5://alice@127.0.0.1:{}", proxy.port);
    let run = to_bob()
        .args(["--proxy", &url, "-r", SERVER])
        .env("EHLO_PASSWORD", "other")
        .run();
    run.exits(77)
        .says(&["alice at 127.0.0.1", "--proxy-password-file"]);
    proxy.finish();
}

#[test]
fn mx_lookups_do_not_pass_by_the_proxy() {
    let run = to_bob().args(["--proxy", "socks5://127.0.0.1:9"]).run();
    run.exits(64)
        .complains(1)
        .says(&["--proxy socks5://127.0.0.1:9 requires --relay or --dns"]);
}

#[test]
fn invalid_proxies_are_refused_and_passwords_are_not_repeated() {
    for (url, words) in [
        ("socks4://h", "expected socks5://"),
        ("https://h", "expected socks5://"),
        ("h:1080", "expected socks5://"),
        ("socks5://h/path", "expected socks5://"),
        ("socks5://alice:hunter2@h", "must not contain a password"),
        ("http://@h", "user name in the URL is empty"),
        ("http://a%0ab@h", "invalid character"),
    ] {
        let run = to_bob().args(["--proxy", url, "-r", SERVER]).run();
        run.exits(64).complains(1).says(&["--proxy: ", words]);
        assert!(!run.stderr.contains("hunter2"), "{run:#?}");
    }
    let run = to_bob()
        .args(["--proxy", "socks5://h", "-r", SERVER])
        .args(["--proxy-password-file", "pw"])
        .run();
    run.exits(64).says(&["requires a user in --proxy"]);
    let run = to_bob()
        .args(["--proxy", "socks5://h", "--pipe", "true"])
        .run();
    run.exits(64).complains(1);
}

/// A profile with a proxy that has a password, and the program that uses it.
fn with_profile(port: u16) -> Ehlo {
    let ehlo = to_bob();
    let password = ehlo.private("pw", "hunter2\n");
    let config = format!(
        "default = \"p\"\n[profile.p]\nrelay = \"mx.hamburger.edu:587\"\n\
         proxy = \"http://alice@127.0.0.1:{port}\"\nproxy-password-file = \"{}\"\n",
        password.display()
    );
    let config = ehlo.private("config.toml", config);
    ehlo.env("EHLO_CONFIG", config)
}

#[test]
fn a_profile_has_the_proxy_and_its_password() {
    let proxy = Server::start(|talk| {
        http_tunnel(talk, Some(BASIC));
        take_mail(talk);
    });
    with_profile(proxy.port).run().exits(0);
    proxy.finish();
}

#[test]
fn another_proxy_does_not_get_the_password_of_the_profile() {
    let proxy = Server::start(|talk| {
        http_tunnel(talk, None);
        take_mail(talk);
    });
    let url = format!("http://127.0.0.1:{}", proxy.port);
    with_profile(9).args(["--proxy", &url]).run().exits(0);
    proxy.finish();
}

#[test]
fn proxy_none_connects_directly() {
    let server = Server::start(take_mail);
    let relay = format!("127.0.0.1:{}", server.port);
    with_profile(9)
        .args(["--proxy", "none", "-r", &relay])
        .run()
        .exits(0);
    server.finish();
}

/// A proxy that does not let this user in.
fn refusing_proxy() -> Server<()> {
    Server::start(|talk| {
        talk.expect_octets(b"\x05\x02\x00\x02");
        talk.send(b"\x05\x02");
        talk.expect_octets(b"\x01\x05alice\x07hunter2");
        talk.send(b"\x01\x01");
        talk.hang();
    })
}

#[test]
fn wrong_login_at_the_proxy_is_not_temporary_but_stays_in_the_queue() {
    let queue = Queue::new();
    for (command, code) in [
        (&["bob@hamburger.edu"][..], 77),
        (&["probe", SERVER], 77),
        (&["ask", SERVER, "NOOP"], 77),
        (&["--queue", "bob@hamburger.edu"], 0),
    ] {
        let proxy = refusing_proxy();
        let url = format!("socks5://alice@127.0.0.1:{}", proxy.port);
        let ehlo = queue.ehlo(command);
        ehlo.private("pw", "hunter2\n");
        let run = ehlo
            .args(["--proxy", &url, "--proxy-password-file", "pw"])
            .args(match command[0] {
                "probe" | "ask" => &[][..],
                _ => &["-r", SERVER, "-f", "alice@crepes.fr", "-b", "hi"],
            })
            .run();
        run.exits(code);
        match code {
            0 => run.shows(&["rejected the user or the password", "remains queued"]),
            _ => run.says(&["rejected the user or the password"]),
        };
        assert!(!run.stderr.contains("hunter2"));
        proxy.finish();
    }
    let list = queue.ehlo(&["queue", "list"]).run();
    list.exits(0)
        .shows(&["bob@hamburger.edu", "rejected the user or the password"]);
}

#[test]
fn failures_of_the_proxy_are_temporary_and_name_it() {
    for (answer, words) in [
        (
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            "answered \"SSH-2.0-OpenSSH_9.2\"",
        ),
        (b"", "the proxy closed the connection"),
    ] {
        let proxy = Server::start(move |talk| {
            talk.expect_octets(b"\x05\x01\x00");
            talk.send(answer);
            if answer.is_empty() {
                talk.close();
            } else {
                talk.hang();
            }
        });
        let url = format!("socks5://127.0.0.1:{}", proxy.port);
        let run = to_bob().args(["--proxy", &url, "-r", SERVER]).run();
        run.exits(75).complains(1).says(&[words, &url]);
        proxy.finish();
    }
    let url = format!("socks5://127.0.0.1:{}", closed());
    let run = to_bob().args(["--proxy", &url, "-r", SERVER]).run();
    run.exits(75).says(&["cannot connect to the proxy", &url]);
    let proxy = Server::start(|talk| {
        talk.expect_octets(b"\x05\x01\x00");
        talk.send(b"\x05\xff");
        talk.hang();
    });
    let url = format!("socks5://127.0.0.1:{}", proxy.port);
    let run = to_bob().args(["--proxy", &url, "-r", SERVER]).run();
    run.exits(77)
        .complains(1)
        .says(&["requires a login; name a user", &url]);
    proxy.finish();
    let url = "http://proxy.invalid";
    let run = to_bob().args(["--proxy", url, "-r", SERVER]).run();
    run.exits(75).says(&["the proxy http://proxy.invalid:3128"]);
}

#[test]
fn a_silent_proxy_ends_at_the_time_limit() {
    let proxy = Server::start(|talk| {
        talk.expect_octets(b"\x05\x01\x00");
        talk.hang();
    });
    let url = format!("socks5://127.0.0.1:{}", proxy.port);
    let run = to_bob()
        .args(["--proxy", &url, "-r", SERVER, "--timeout", "200ms"])
        .run();
    run.exits(75)
        .says(&["no answer from the proxy within 0.2 seconds"]);
    proxy.finish();
}

#[test]
fn queue_stores_the_proxy_without_the_secret_and_uses_it_later() {
    let queue = Queue::new();
    let proxy = Server::with_door(|door| {
        let mut talk = door.open();
        http_tunnel(&mut talk, Some(BASIC));
        take_mail(&mut talk);
        talk.end();
    });
    let url = format!("http://alice@127.0.0.1:{}", proxy.port);
    let kept = queue.home.path().join("pw");
    std::fs::write(&kept, "hunter2\n").unwrap();
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o600)).unwrap();
    queue
        .ehlo(&["--queue-only", "--helo", "me.example"])
        .args(["-r", "mx.hamburger.edu:587", "-f", "alice@crepes.fr"])
        .args(["--proxy", &url, "--proxy-password-file"])
        .args([&kept])
        .text_to_bob()
        .run()
        .exits(0);
    let shown = queue.verb(&["list", "--json"]);
    assert!(!shown.stdout.contains("hunter2"));
    queue.verb(&["run"]).exits(0);
    assert!(queue.items().is_empty());
    proxy.finish();
}

#[test]
fn probe_and_scripts_pass_through_the_proxy() {
    let proxy = Server::start(|talk| {
        socks_tunnel(talk);
        talk.greet(&["SIZE 1000"]);
        talk.part();
    });
    let url = format!("socks5://127.0.0.1:{}", proxy.port);
    Ehlo::new()
        .args(["probe", "--helo", "me.example", "--proxy", &url])
        .args([SERVER, "-p", "587"])
        .run()
        .exits(0)
        .shows(&["SIZE"]);
    proxy.finish();
    let proxy = Server::start(|talk| {
        socks_tunnel(talk);
        talk.say("220 hi");
        talk.part();
    });
    let url = format!("socks5://127.0.0.1:{}", proxy.port);
    let ehlo = Ehlo::new();
    ehlo.file("s.ehlo", "connect\n< 220\n");
    ehlo.args([
        "script", "--proxy", &url, "--server", SERVER, "-p", "587", "s.ehlo",
    ])
    .run()
    .exits(0);
    proxy.finish();
}
