//! `ehlo bench` against `ehlo sink` and its faults.

use crate::program::{Ehlo, Run};
use crate::receiver::{Ended, Receiver};
use crate::server::Server;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Runs it with these options against this sink.
fn bench(receiver: &Receiver, options: &[&str]) -> Run {
    Ehlo::new()
        .args(["bench", &receiver.relay(), "--json"])
        .args(options)
        .run()
}

/// The last line. All lines must be as the schema says.
#[track_caller]
fn summary(run: &Run) -> Value {
    let mut last = Value::Null;
    for line in run.stdout.lines() {
        last = serde_json::from_str(line).expect("a line that is no JSON");
        crate::schema::check_load(&last);
    }
    assert_eq!(last["event"], "summary", "{run:#?}");
    assert_eq!(last["exit"], run.exit.unwrap(), "{run:#?}");
    last
}

/// The names of the steps that occurred, and how often.
fn steps(summary: &Value) -> Vec<(&str, u64)> {
    let steps = summary["steps"].as_object().unwrap().iter();
    steps
        .map(|(name, times)| (name.as_str(), times["count"].as_u64().unwrap()))
        .collect()
}

/// The errors, as in `rcpt 450 reply`.
fn errors(summary: &Value) -> Vec<(String, u64)> {
    let errors = summary["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            let words = [
                error["stage"].as_str().unwrap().to_owned(),
                error["code"].to_string().replace("null", "-"),
                error["kind"].as_str().unwrap().to_owned(),
            ];
            (words.join(" "), error["count"].as_u64().unwrap())
        })
        .collect()
}

/// The recipients of all messages.
fn recipients(ended: &Ended) -> Vec<String> {
    let messages = ended.events("message").into_iter();
    messages
        .flat_map(|message| {
            let all = message["recipients"]
                .as_array()
                .unwrap()
                .clone()
                .into_iter();
            all.map(|one| one["address"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn each_message_is_sent_once_over_the_given_number_of_connections() {
    let receiver = Receiver::start(&["--json"]);
    let options = [
        "-n",
        "60",
        "-c",
        "4",
        "--per-connection",
        "0",
        "--to",
        "u{n}@example.com",
    ];
    let run = bench(&receiver, &options);
    run.exits(0).complains(0);
    let result = summary(&run);
    assert_eq!(result["accepted"], 60);
    assert_eq!(result["octets"], 60 * 1024);
    assert!(result["connections"].as_u64().unwrap() <= 4);
    let connections = result["connections"].as_u64().unwrap();
    let once = [
        ("connect", connections),
        ("banner", connections),
        ("ehlo", connections),
    ];
    let each = ["mail", "rcpt", "dot"].map(|step| (step, 60));
    let end = [("quit", connections), ("message", 60), ("service", 60)];
    assert_eq!(steps(&result), [&once[..], &each[..], &end[..]].concat());
    let to = recipients(&receiver.stop());
    let wanted: BTreeSet<String> = (0..60)
        .map(|number| format!("u{number}@example.com"))
        .collect();
    assert_eq!((to.len(), to.into_iter().collect()), (60, wanted));
}

#[test]
fn connections_are_closed_after_their_messages() {
    let receiver = Receiver::start(&["--json"]);
    let run = bench(&receiver, &["-n", "10", "-c", "1", "--per-connection", "3"]);
    let result = summary(&run);
    assert_eq!(
        (&result["accepted"], &result["connections"]),
        (&10.into(), &4.into())
    );
    // The session before the load is one more.
    assert_eq!(receiver.stop().events("closed").len(), 5);
}

/// A server that stalls for two seconds: messages are due at 100/s, and 200 of them while it stalls.
#[test]
fn stall_of_a_server_is_in_the_times_of_all_messages_that_were_due() {
    let receiver = Receiver::start(&["--fault", "dot=slow:2s@50"]);
    let kept = [
        "--chunking",
        "off",
        "-c",
        "1",
        "--per-connection",
        "0",
        "-n",
        "300",
    ];
    let open = bench(&receiver, &[&kept[..], &["--rate", "100/s"]].concat());
    let open = summary(&open);
    assert_eq!(
        (&open["accepted"], &open["time"]),
        (&300.into(), &"response".into())
    );
    assert!(open["late"].as_u64().unwrap() >= 190, "{open}");
    let times = |step: &str, measure: &str| open["steps"][step][measure].as_f64().unwrap();
    // The naive measure sees one slow message of 300.
    assert!(times("service", "max_ms") >= 2000.0);
    assert!(times("response", "p50_ms") >= 200.0, "{open}");
    assert!(
        times("response", "mean_ms") - times("service", "mean_ms") >= 400.0,
        "{open}"
    );
    // A closed loop has no messages that wait.
    let receiver = Receiver::start(&["--fault", "dot=slow:200ms@50"]);
    let closed = summary(&bench(&receiver, &kept));
    assert_eq!(
        (&closed["accepted"], &closed["late"]),
        (&300.into(), &0.into())
    );
    assert!(closed["steps"].get("response").is_none());
}

/// Passes on what arrives until one side closes. `seen` is called for each part.
fn pass_on(mut from: TcpStream, mut to: TcpStream, mut seen: impl FnMut(&[u8])) {
    let mut part = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut part) {
        seen(&part[..count]);
        if to.write_all(&part[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// A proxy before a server for this number of connections: its port, and the times in milliseconds from the end of each
/// message to its reply.
fn capture(server: &str, connections: usize) -> (u16, thread::JoinHandle<Vec<f64>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = server.to_owned();
    let captured = thread::spawn(move || {
        let times = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..connections {
                let (client, _) = listener.accept().unwrap();
                let server = TcpStream::connect(&server).unwrap();
                let both = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (ended, replied) = std::sync::mpsc::channel();
                scope.spawn(move || {
                    pass_on(client, server, |part| {
                        if part.ends_with(b"\r\n.\r\n") {
                            ended.send(Instant::now()).unwrap();
                        }
                    });
                });
                let times = &times;
                scope.spawn(move || {
                    pass_on(both.1, both.0, |_| {
                        if let Ok(at) = replied.try_recv() {
                            let time = at.elapsed().as_secs_f64() * 1000.0;
                            times.lock().unwrap().push(time);
                        }
                    });
                });
            }
        });
        times.into_inner().unwrap()
    });
    (port, captured)
}

#[test]
fn percentiles_are_those_of_a_capture() {
    let sink = Receiver::start(&["--delay", "dot=100ms"]);
    // One is that of the check before the load.
    let (port, captured) = capture(&sink.relay(), 5);
    let relay = format!("127.0.0.1:{port}");
    let run = Ehlo::new()
        .args(["bench", &relay, "--json", "-n", "40", "-c", "4"])
        .args(["--per-connection", "0", "--chunking", "off"])
        .run();
    run.exits(0);
    let mut captured = captured.join().unwrap();
    captured.sort_by(f64::total_cmp);
    assert_eq!(captured.len(), 40);
    let summary = summary(&run);
    for (percentile, place) in [("p50_ms", 19), ("p90_ms", 35)] {
        let own = summary["steps"]["dot"][percentile].as_f64().unwrap();
        let other = captured[place];
        assert!(
            (0.98 * other..2.0 * other).contains(&own),
            "{percentile}: {own} beside {captured:?}"
        );
    }
}

#[test]
fn free_connection_takes_the_messages_that_another_one_cannot() {
    let receiver = Receiver::start(&["--fault", "dot=slow:1s@5"]);
    let options = [
        "--chunking",
        "off",
        "--rate",
        "50/s",
        "-n",
        "40",
        "-c",
        "10",
        "--per-connection",
        "0",
    ];
    let result = summary(&bench(&receiver, &options));
    assert_eq!(result["accepted"], 40);
    assert!(result["connections"].as_u64().unwrap() >= 2, "{result}");
    let times = &result["steps"]["response"];
    assert!(times["max_ms"].as_f64().unwrap() >= 1000.0, "{result}");
    assert!(times["p50_ms"].as_f64().unwrap() * 2.0 < times["max_ms"].as_f64().unwrap());
}

#[test]
fn server_that_closes_between_messages_costs_no_message() {
    for fault in ["mail=421 4.7.0 enough@11", "mail=close@11", "mail=reset@11"] {
        let receiver = Receiver::start(&["--fault", fault]);
        let options = ["-n", "30", "-c", "1", "--per-connection", "0"];
        let run = bench(&receiver, &options);
        run.exits(0);
        let result = summary(&run);
        assert_eq!(
            (&result["accepted"], &result["reopened"]),
            (&30.into(), &1.into()),
            "{fault}"
        );
    }
}

#[test]
fn errors_are_counted_by_stage_and_code() {
    let faults = [
        "rcpt=450 4.2.1 slow down@1-5",
        "mail=421 4.7.0 later@1",
        "mail=552 5.3.4 no@20-21",
    ];
    let receiver = Receiver::start(&[
        "--fault", faults[0], "--fault", faults[1], "--fault", faults[2],
    ]);
    let run = bench(&receiver, &["-n", "40", "-c", "1"]);
    run.exits(79).complains(0);
    let result = summary(&run);
    assert_eq!(
        (&result["accepted"], &result["failed"]),
        (&32.into(), &8.into())
    );
    let found = errors(&result);
    let right = [
        ("rcpt 450 reply", 5),
        ("mail 552 reply", 2),
        ("mail 421 reply", 1),
    ];
    assert_eq!(found, right.map(|(words, count)| (words.to_owned(), count)));
    assert_eq!(result["errors"][0]["text"], "450 4.2.1 slow down");
}

#[test]
fn server_that_hangs_is_a_timeout_and_not_the_end() {
    let faults = ["--fault", "dot=hang@3", "--hang-time", "60s"];
    let receiver = Receiver::start(&faults);
    let run = bench(
        &receiver,
        &[
            "--chunking",
            "off",
            "-n",
            "10",
            "-c",
            "1",
            "--timeout",
            "300ms",
        ],
    );
    run.exits(79);
    let found = errors(&summary(&run));
    assert_eq!(found, [("dot - timeout".to_owned(), 1)]);
}

#[test]
fn server_that_accepts_nothing_gives_the_status_of_its_reply() {
    for (fault, exit) in [
        ("rcpt=550 5.1.1 no", 69),
        ("rcpt=451 4.3.0 busy", 75),
        ("mail=garbage", 76),
    ] {
        let receiver = Receiver::start(&["--fault", fault]);
        let run = bench(&receiver, &["-n", "5"]);
        run.exits(exit)
            .complains(1)
            .says(&["no message was accepted"]);
        assert_eq!(summary(&run)["failed"], 5);
    }
}

#[test]
fn profile_names_the_server_its_tls_and_its_login() {
    let users = [("users", "load:secret\n")];
    let options = [
        "--tls",
        "starttls",
        "--auth",
        "users",
        "--save-ca",
        "ca.pem",
    ];
    let receiver = Receiver::with_files(&users, &options);
    let profile = |rest: &str| {
        let ehlo = Ehlo::new();
        let password = ehlo.private("password", "secret\n");
        let config = format!(
            "[profile.mine]\nrelay = \"{}\"\ntls = \"starttls\"\nca-file = \"{}\"\nuser = \"load\"\npassword-file = \"{}\"\n{rest}\n[profile.mx]\nfrom = \"a@example.com\"\n",
            receiver.relay(),
            receiver.path("ca.pem").display(),
            password.display(),
        );
        ehlo.private("ehlo.toml", &config);
        ehlo.args(["bench", "--config", "ehlo.toml", "--json", "-n", "5"])
    };
    let run = profile("").args(["--profile", "mine"]).run();
    run.exits(0);
    let result = summary(&run);
    for step in ["tls", "auth"] {
        assert_eq!(result["steps"][step]["count"], 5, "{result}");
    }
    for (options, words) in [
        (&["--profile", "mx"][..], "the profile has no relay"),
        (
            &["--profile", "mine", "--tls", "off"],
            "conflicts with --profile",
        ),
        (&["--profile", "mine", "127.0.0.1"], "omit the host"),
        (
            &["--profile", "mine", "--to", "a@hamburger.edu"],
            "--allow-recipients",
        ),
    ] {
        let run = profile("").args(options).run();
        run.exits(64).complains(1).says(&[words]);
    }
    Ehlo::new().args(["bench", "-n", "5"]).run().exits(64);
}

#[test]
fn many_connections_need_little_memory() {
    let receiver = Receiver::start(&["--max-connections", "1000"]);
    let peak = |connections: &str, messages: &str| {
        let kept = ["-c", connections, "-n", messages, "--per-connection", "0"];
        let run = bench(&receiver, &kept);
        run.exits(0);
        run.peak_kib
    };
    let (few, many) = (peak("1", "1500"), peak("300", "1500"));
    // A thread for each would need three times as much.
    assert!(many < few + 300 * 14, "{few} KiB, {many} KiB");
}

#[test]
fn large_messages_are_sent_over_tls_and_at_a_maximum_rate() {
    let receiver = Receiver::start(&["--json", "--tls", "starttls"]);
    for chunking in ["auto", "off"] {
        let options = ["-n", "12", "-c", "3", "--per-connection", "0", "-k"];
        let large = ["--size", "900K", "--chunking", chunking];
        let result = summary(&bench(&receiver, &[&options[..], &large[..]].concat()));
        assert_eq!(
            (&result["accepted"], &result["octets"]),
            (&12.into(), &(12 * 900 * 1024).into()),
            "{result}"
        );
        assert!(result["steps"]["tls"]["count"].as_u64().unwrap() >= 1);
    }
    let slow = ["-n", "1", "-k", "--size", "60K", "--limit-rate", "200K"];
    let result = summary(&bench(&receiver, &slow));
    let time = result["steps"]["message"]["min_ms"].as_f64().unwrap();
    assert!(time >= 250.0, "{result}");
    let sizes = receiver.stop().events("message").into_iter();
    let sizes: Vec<u64> = sizes.map(|one| one["bytes"].as_u64().unwrap()).collect();
    assert_eq!(sizes.len(), 25);
    assert_eq!(sizes.iter().sum::<u64>(), (24 * 900 + 60) * 1024);
}

#[test]
fn message_that_is_refused_while_it_is_sent_is_an_error_at_once() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        talk.quit();
        talk.end();
        let mut talk = door.open();
        talk.greet(&[]);
        for command in [
            "MAIL FROM:<bench@example.com>",
            "RCPT TO:<sink@example.com>",
        ] {
            talk.expect(command);
            talk.say("250 ok");
        }
        talk.expect("DATA");
        talk.say("354 go on");
        talk.swallow(1000);
        talk.send(b"552 5.3.4 too large\r\n");
        assert!(!talk.rest().ends_with(b"\r\n.\r\n"));
    });
    let relay = format!("127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .args(["bench", &relay, "--json", "-n", "1", "--helo", "me.example"])
        .args(["--size", "20M"])
        .run();
    server.finish();
    run.exits(69);
    assert_eq!(errors(&summary(&run)), [("body 552 reply".to_owned(), 1)]);
}

#[test]
fn run_ends_if_the_server_refuses_most_messages() {
    let receiver = Receiver::start(&["--fault", "rcpt=450 4.2.1 slow down@20+"]);
    let refused = ["-c", "2", "--interval", "20ms"];
    let run = bench(&receiver, &[&refused[..], &["-d", "1h"]].concat());
    run.exits(79).complains(1).says(&[
        "stopped: the server refused more than half",
        "450 4.2.1 slow down",
        "--keep-going",
    ]);
    let result = summary(&run);
    assert_eq!(
        (&result["stopped"], &result["interrupted"]),
        (&true.into(), &false.into())
    );
    assert!(result["failed"].as_u64().unwrap() >= 10, "{result}");
    let receiver = Receiver::start(&["--fault", "rcpt=450 4.2.1 slow down"]);
    let goes_on = ["-n", "2000", "--keep-going"];
    let run = bench(&receiver, &[&refused[..], &goes_on].concat());
    run.exits(75);
    let result = summary(&run);
    assert_eq!(
        (&result["failed"], &result["stopped"]),
        (&2000.into(), &false.into())
    );
}

#[test]
fn distribution_is_written_as_a_histogram() {
    let receiver = Receiver::start(&[]);
    let ehlo = Ehlo::new().args(["bench", &receiver.relay(), "-n", "200", "--json"]);
    let copy = tempfile::NamedTempFile::new().unwrap();
    fs::hard_link(copy.path(), ehlo.path("times.hgrm")).unwrap();
    let run = ehlo.args(["--histogram", "times.hgrm"]).run();
    run.exits(0);
    let service = summary(&run)["steps"]["service"].clone();
    let text = fs::read_to_string(copy.path()).unwrap();
    let lines = text.lines().skip(2).filter(|line| !line.starts_with('#'));
    let rows: Vec<Vec<f64>> = lines
        .map(|line| {
            let words = line.split_whitespace();
            words.map(|word| word.parse().unwrap()).collect()
        })
        .collect();
    assert!(
        rows.is_sorted_by(|a, b| a[0] <= b[0] && a[1] <= b[1] && a[2] <= b[2]),
        "{text}"
    );
    let near = |value: f64, name: &str| {
        let known = service[name].as_f64().unwrap();
        (value / known - 1.0).abs() < 2e-3
    };
    let half = rows.iter().find(|row| row[1] >= 0.5).unwrap();
    assert!(near(half[0], "p50_ms"), "{half:?} {service}");
    let last = rows.last().unwrap();
    assert_eq!((last[1], last[2], last.len()), (1.0, 200.0, 3), "{text}");
    assert!(near(last[0], "max_ms"), "{last:?} {service}");
    assert!(text.contains("Total count    =          200]"), "{text}");
}

#[test]
fn error_before_the_load_is_reported_at_once() {
    let receiver = Receiver::start(&["--json", "--fault", "banner=554 5.7.1 go away"]);
    let run = bench(&receiver, &["-n", "5"]);
    run.exits(69)
        .complains(1)
        .says(&["permanently refused the session"]);
    assert!(run.stdout.is_empty());
    assert_eq!(receiver.stop().events("connected").len(), 1);
    let run = Ehlo::new().args(["bench", "127.0.0.1:1", "-n", "5"]).run();
    run.exits(75).complains(1).says(&["cannot connect to"]);
}

#[test]
fn servers_and_recipients_of_others_need_an_option() {
    for server in ["192.0.2.1", "[2001:db8::1]", "100.64.0.1"] {
        let run = Ehlo::new().args(["bench", server]).run();
        run.exits(64)
            .complains(1)
            .says(&["--i-own-this-server", "nothing was sent"]);
    }
    // A proxy leads anywhere.
    let proxied = ["bench", "mx.example.org", "--proxy", "socks5://127.0.0.1:1"];
    Ehlo::new()
        .args(proxied)
        .run()
        .exits(64)
        .says(&["--i-own-this-server"]);
    let receiver = Receiver::start(&["--json"]);
    let to = ["-n", "2", "--to", "u{n}@hamburger.edu"];
    bench(&receiver, &to)
        .exits(64)
        .complains(1)
        .says(&["--allow-recipients hamburger.edu"]);
    let allowed = [&to[..], &["--allow-recipients", "Hamburger.edu"]].concat();
    bench(&receiver, &allowed).exits(0);
    assert_eq!(recipients(&receiver.stop()).len(), 2);
}

#[test]
fn expectations_decide_about_the_exit_status() {
    let receiver = Receiver::start(&["--fault", "rcpt=450 4.2.1 slow down@1"]);
    let run = bench(
        &receiver,
        &["-n", "20", "--expect", "errors:5%,p99:1h,rate:0.001"],
    );
    run.exits(0).complains(0);
    let expected = summary(&run)["expected"].as_array().unwrap().clone();
    assert!(
        expected.iter().all(|one| one["met"] == true),
        "{expected:?}"
    );
    let run = bench(
        &receiver,
        &["-n", "20", "--expect", "mail.max:0s,tls.p50:1s,errors:0"],
    );
    run.exits(77).complains(2).says(&[
        "expectation not met: mail.max:0s",
        "tls.p50:1s (not measured)",
    ]);
}

#[test]
fn report_fits_in_eighty_columns_and_the_page_loads_nothing() {
    let receiver = Receiver::start(&["--fault", "rcpt=450 4.2.1 <b>slow</b>@1-2"]);
    let ehlo = Ehlo::new().args([
        "bench",
        &receiver.relay(),
        "-n",
        "50",
        "--html",
        "page.html",
    ]);
    let page = ehlo.path("page.html");
    let copy = tempfile::NamedTempFile::new().unwrap();
    let run = ehlo.args(["--interval", "5ms", "--rate", "100/s"]);
    fs::hard_link(copy.path(), &page).unwrap();
    let run = run.run();
    run.exits(79).has_nothing_raw().shows(&[
        "48 accepted, 2 failed",
        "rcpt: 450 4.2.1",
        "p99.9",
        "#####",
    ]);
    assert!(
        run.stdout.lines().all(|line| line.chars().count() <= 80),
        "{}",
        run.stdout
    );
    let page = fs::read_to_string(copy.path()).unwrap();
    assert_eq!(page.matches("<svg").count(), 4, "{page}");
    assert!(page.contains("&lt;b&gt;slow"), "{page}");
    for word in ["http", "<script", "@import", "url(", "<link", "NaN", "inf"] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    let nowhere = ["--html", "/nonexistent/page.html"];
    bench(&receiver, &nowhere).exits(73).complains(1);
}

#[test]
fn shares_of_the_sessions_use_tls_and_log_in() {
    let users = [("users", "load:secret\n")];
    let options = [
        "--tls",
        "starttls",
        "--auth",
        "users",
        "--json",
        "--save-ca",
        "ca.pem",
    ];
    let receiver = Receiver::with_files(&users, &options);
    let ca = receiver.path("ca.pem");
    let ehlo = Ehlo::new();
    let password = ehlo.private("password", "secret\n");
    let run = ehlo
        .args([
            "bench",
            &receiver.relay(),
            "--json",
            "-n",
            "100",
            "-u",
            "load",
            "--mix",
            "tls=60,auth=25",
        ])
        .args([
            "--ca-file",
            ca.to_str().unwrap(),
            "--password-file",
            password.to_str().unwrap(),
        ])
        .run();
    run.exits(0);
    let result = summary(&run);
    let count = |step: &str| result["steps"][step]["count"].clone();
    assert_eq!(
        [count("tls"), count("auth"), count("connect")],
        [60, 25, 100].map(Value::from)
    );
    // A wrong password is noticed before the load.
    let ehlo = Ehlo::new();
    let wrong = ehlo.private("password", "wrong\n");
    let run = ehlo
        .args([
            "bench",
            &receiver.relay(),
            "-u",
            "load",
            "--ca-file",
            ca.to_str().unwrap(),
        ])
        .args(["--password-file", wrong.to_str().unwrap()])
        .run();
    run.exits(77).complains(1);
    assert!(run.stdout.is_empty());
    for (mix, words) in [
        ("tls=20,auth=50", "--allow-cleartext-password"),
        ("tls=120", "expected percentages"),
        ("starttls=1", "expected percentages"),
    ] {
        let options = ["-u", "load", "--mix", mix];
        bench(&receiver, &options)
            .exits(64)
            .complains(1)
            .says(&[words]);
    }
    bench(&receiver, &["--mix", "auth=50"])
        .exits(64)
        .says(&["requires --user"]);
}

#[test]
fn sizes_messages_and_recipients_are_as_asked_for() {
    let receiver = Receiver::start(&["--json"]);
    let result = summary(&bench(
        &receiver,
        &["-n", "40", "--size", "1K-3K:1,8K:1", "--recipients", "3"],
    ));
    let ended = receiver.stop();
    let sizes: Vec<u64> = ended
        .events("message")
        .iter()
        .map(|one| one["bytes"].as_u64().unwrap())
        .collect();
    // The sink adds nothing to the size.
    assert_eq!(result["octets"], sizes.iter().sum::<u64>());
    assert!(
        sizes
            .iter()
            .all(|size| (1024..=3072).contains(size) || *size == 8192),
        "{sizes:?}"
    );
    assert!(sizes.contains(&8192) && sizes.iter().any(|size| *size <= 3072));
    assert_eq!(recipients(&ended).len(), 120);
    let receiver = Receiver::start(&["--print"]);
    let ehlo = Ehlo::new();
    let file = ehlo.file(
        "letter.eml",
        "From: a@example.com\nTo: b@example.net\nSubject: hi\n\n.dot\n",
    );
    ehlo.args([
        "bench",
        &receiver.relay(),
        "-n",
        "1",
        "--message",
        file.to_str().unwrap(),
    ])
    .run()
    .exits(0);
    let ended = receiver.stop();
    let text = ended.stdout.replace('\r', "");
    assert!(
        text.contains("X-Ehlo-Bench: ")
            && text.contains("Subject: hi\n")
            && text.contains("\n.dot\n"),
        "{text}"
    );
    let receiver = Receiver::start(&[]);
    bench(&receiver, &["--size", "10"])
        .exits(64)
        .complains(1)
        .says(&["512 bytes"]);
    bench(&receiver, &["--message", "none.eml"])
        .exits(66)
        .complains(1);
}

#[test]
fn sessions_can_end_before_a_message() {
    let receiver = Receiver::start(&["--json"]);
    let result = summary(&bench(&receiver, &["-n", "20", "--quit-after", "ehlo"]));
    assert_eq!(
        (&result["accepted"], &result["octets"]),
        (&20.into(), &0.into())
    );
    let counts = [
        ("connect", 20),
        ("banner", 20),
        ("ehlo", 20),
        ("quit", 20),
        ("service", 20),
    ];
    assert_eq!(steps(&result), counts);
    assert!(receiver.stop().events("message").is_empty());
}

#[test]
fn warm_up_and_duration_end_the_run() {
    let receiver = Receiver::start(&["--json"]);
    let options = [
        "--rate",
        "100/s",
        "--warm-up",
        "1s",
        "--duration",
        "300ms",
        "--interval",
        "100ms",
    ];
    let run = bench(&receiver, &options);
    let result = summary(&run);
    // Due from 1,000 to 1,290 ms.
    assert_eq!(result["accepted"], 30);
    assert_eq!(receiver.stop().events("message").len(), 130);
    assert!(run.stdout.lines().count() >= 3);
    let first: Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["warm_up"], true);
}

#[test]
fn interrupt_ends_with_a_report_although_the_server_hangs() {
    let receiver = Receiver::start(&["--json", "--fault", "dot=hang@5+"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_ehlo"))
        .args([
            "bench",
            &receiver.relay(),
            "--json",
            "--chunking",
            "off",
            "-c",
            "2",
            "--duration",
            "1h",
            "--timeout",
            "1h",
        ])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let hangs = || {
        fs::read_to_string(receiver.path("stdout"))
            .unwrap()
            .matches("\"hang\"")
            .count()
    };
    while hangs() < 2 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it does not send"
        );
        thread::sleep(Duration::from_millis(2));
    }
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    crate::schema::check_load(&last);
    assert_eq!(
        (&last["interrupted"], &last["accepted"]),
        (&true.into(), &4.into())
    );
    assert_eq!(last["failed"], 0);
}
