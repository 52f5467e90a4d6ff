//! The page and the API of `ehlo sink --http`, and its expectations.

use crate::receiver::Receiver;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;

const HTML: &str = "From: Alice <alice@crepes.fr>\r\nTo: bob@hamburger.edu\r\nSubject: Ketchup\r\n\
    Message-ID: <1@crepes.fr>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
    <p>Like <b>it</b>?</p><script src=http://evil.example/x></script><img src=\"cid:p@x\">\
    <a href=\"https://crepes.fr/\">x</a>\r\n\
    --b\r\nContent-Type: image/png\r\nContent-ID: <p@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nUE5H\r\n\
    --b\r\nContent-Type: text/html; name=\"a \u{fc}.html\"\r\nContent-Disposition: attachment\r\n\r\n<script>1</script>\r\n\
    --b--\r\n";

struct Web {
    receiver: Receiver,
    port: u16,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}{}", self.head, self.body);
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Web {
    fn start(arguments: &[&str]) -> Web {
        Web::of(Receiver::start(
            &[&["--http", "127.0.0.1:0"], arguments].concat(),
        ))
    }

    fn of(mut receiver: Receiver) -> Web {
        let port = receiver.http_port();
        Web { receiver, port }
    }

    /// Sends a message to the sink.
    fn mail(&self, to: &str, content: &str) -> String {
        self.receiver.say(&format!(
            "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<{to}>\r\nDATA\r\n{content}\r\n.\r\nQUIT\r\n"
        ))
    }

    fn subject(&self, subject: &str) {
        self.mail(
            "b@x",
            &format!("Subject: {subject}\r\nFrom: a@x\r\nTo: b@x\r\n\r\ntext"),
        );
    }

    fn stream(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    /// A request with these fields, without a body.
    fn raw(&self, text: &str) -> Answer {
        let mut bytes = Vec::new();
        let _ = self.stream(text).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{text:?}"));
        Answer {
            status: head[9..12].parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn with(&self, line: &str, fields: &str) -> Answer {
        let host = format!("Host: 127.0.0.1:{}\r\n", self.port);
        self.raw(&format!(
            "{line} HTTP/1.1\r\n{host}Connection: close\r\n{fields}\r\n"
        ))
    }

    fn get(&self, path: &str) -> Answer {
        self.with(&format!("GET {path}"), "")
    }

    fn send(&self, line: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let fields = format!("Content-Length: {}\r\n", body.len());
        let text = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n{body}"
        );
        self.raw(&text)
    }

    fn subjects(&self, path: &str) -> Vec<String> {
        let list = self.get(path).json();
        let messages = list["messages"].as_array().unwrap().iter();
        messages
            .map(|message| message["Subject"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn caught_message_is_listed_parsed_and_sent_raw() {
    let web = Web::start(&[]);
    web.mail("bob@hamburger.edu", HTML);
    let list = web.get("/api/v1/messages").json();
    assert_eq!(
        (&list["total"], &list["unread"], &list["count"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let summary = &list["messages"][0];
    assert_eq!(
        summary["From"],
        json!({"Name": "Alice", "Address": "alice@crepes.fr"})
    );
    assert_eq!(summary["Attachments"], 2);
    assert_eq!(summary["Snippet"], "Like it? x");
    let id = summary["ID"].as_str().unwrap();
    let message = web.get(&format!("/api/v1/message/{id}")).json();
    assert_eq!(message["Subject"], "Ketchup");
    assert_eq!(message["ReturnPath"], "a@x");
    assert_eq!(message["Links"][0], "https://crepes.fr/");
    assert_eq!(message["Inline"][0]["ContentID"], "p@x");
    let attachment = &message["Attachments"][0];
    assert_eq!(attachment["FileName"], "a \u{fc}.html");
    assert_eq!(attachment["Size"], 18);
    assert_eq!(web.get("/api/v1/messages").json()["unread"], 0);
    let raw = web.get("/api/v1/message/latest/raw");
    assert_eq!(raw.body, format!("{HTML}\r\n"));
    let headers = web.get("/api/v1/message/latest/headers").json();
    assert_eq!(headers["Subject"], json!(["Ketchup"]));
    assert_eq!(headers["From"], json!(["Alice <alice@crepes.fr>"]));
    let session = web.get("/api/v1/message/latest/session").json();
    assert_eq!(session["Recipients"][0]["Address"], "bob@hamburger.edu");
    let lines = session["Transcript"].as_array().unwrap();
    let texts: Vec<&str> = lines
        .iter()
        .map(|line| line["Text"].as_str().unwrap())
        .collect();
    assert!(
        texts.contains(&"MAIL FROM:<a@x>") && texts.contains(&"closed: quit"),
        "{texts:?}"
    );
    assert_eq!(web.get("/api/v1/message/nosuch").status, 404);
    assert_eq!(web.get("/livez").body, "ok");
}

#[test]
fn html_and_parts_are_sent_so_that_nothing_is_executed() {
    let web = Web::start(&[]);
    web.mail("bob@hamburger.edu", HTML);
    let html = web.get("/view/latest.html");
    assert!(
        html.head.contains("Content-Security-Policy: sandbox "),
        "{}",
        html.head
    );
    assert!(html.head.contains("default-src 'none'") && !html.head.contains("allow-scripts"));
    assert!(html.body.contains("<x-script src="), "{}", html.body);
    assert!(
        html.body
            .contains("<img src=\"data:image/png;base64,UE5H\">"),
        "{}",
        html.body
    );
    let part = web.get("/api/v1/message/latest/part/3");
    assert_eq!(part.body, "<script>1</script>");
    for field in [
        "Content-Type: application/octet-stream",
        "Content-Disposition: attachment; filename*=UTF-8''a%20%C3%BC.html",
        "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: sandbox; default-src 'none'",
    ] {
        assert!(part.head.contains(field), "{field} is not in {}", part.head);
    }
    let image = web.get("/api/v1/message/latest/part/2");
    assert!(image.head.contains("Content-Type: image/png") && image.body == "PNG");
    let page = web.get("/");
    assert!(
        page.head.contains("script-src 'self'; style-src 'self'"),
        "{}",
        page.head
    );
    assert!(web.get("/app.js").body.contains("EventSource"));
}

#[test]
fn messages_are_searched_marked_and_deleted() {
    let web = Web::start(&[]);
    for subject in ["one", "two", "three"] {
        web.subject(subject);
    }
    assert_eq!(web.subjects("/api/v1/messages?limit=2"), ["three", "two"]);
    assert_eq!(web.subjects("/api/v1/messages?start=2"), ["one"]);
    assert_eq!(
        web.subjects("/api/v1/search?query=subject%3At"),
        ["three", "two"]
    );
    assert_eq!(
        web.subjects("/api/v1/search?query=subject~%5Et-subject"),
        Vec::<String>::new()
    );
    assert_eq!(web.get("/api/v1/search?query=subject~%5B").status, 400);
    let list = web.get("/api/v1/search?query=two").json();
    let id = list["messages"][0]["ID"].clone();
    let marked = web.send("PUT /api/v1/messages", &json!({"Read": true, "IDs": [id]}));
    assert_eq!((marked.status, marked.body.as_str()), (200, "ok"));
    assert_eq!(web.subjects("/api/v1/search?query=is%3Aread"), ["two"]);
    web.send("PUT /api/v1/tags", &json!({"Tags": ["shop"], "IDs": [id]}));
    assert_eq!(web.subjects("/api/v1/search?query=tag%3Dshop"), ["two"]);
    web.send("PUT /api/v1/tags/shop", &json!({"Name": "market"}));
    assert_eq!(web.get("/api/v1/tags").json(), json!(["market"]));
    web.with("DELETE /api/v1/tags/market", "");
    assert_eq!(web.get("/api/v1/tags").json(), json!([]));
    web.send("DELETE /api/v1/messages", &json!({"IDs": [id]}));
    assert_eq!(web.subjects("/api/v1/messages"), ["three", "one"]);
    assert_eq!(web.with("DELETE /api/v1/search?query=one", "").status, 200);
    assert_eq!(web.subjects("/api/v1/messages"), ["three"]);
    assert_eq!(web.with("DELETE /api/v1/messages", "").status, 200);
    assert_eq!(web.get("/api/v1/messages").json()["total"], 0);
    assert_eq!(web.send("PUT /api/v1/messages", &json!([])).status, 400);
}

#[test]
fn waiting_ends_with_the_messages_or_the_time() {
    let web = Web::start(&[]);
    web.subject("early");
    let late = web.get("/api/v1/wait?query=to%3Db@x&count=2&timeout=10ms");
    assert_eq!(late.status, 408);
    assert!(
        late.body.contains("1 of 2 messages arrived in time"),
        "{}",
        late.body
    );
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            web.get("/api/v1/wait?query=subject%3Dlate&timeout=60s")
                .json()
        });
        web.subject("other");
        web.subject("late");
        let found = waiting.join().unwrap();
        assert_eq!(found["messages"][0]["Subject"], "late");
    });
    assert_eq!(web.get("/api/v1/wait?query=sbject%3Dx").status, 400);
}

/// The reply to a message comes before its summary is made: the next request must see it all the same.
#[test]
fn acknowledged_messages_are_found_by_the_next_request() {
    let web = Web::start(&["--max", "40"]);
    for round in 0..20 {
        thread::scope(|scope| {
            for client in 0..3 {
                scope.spawn({
                    let web = &web;
                    move || web.subject(&format!("round {round} client {client}"))
                });
            }
        });
        let query = format!("/api/v1/search?query=subject~%22%5Eround%20{round}%20%22");
        assert_eq!(web.subjects(&query).len(), 3);
        assert_eq!(web.get("/api/v1/wait?count=3&timeout=60s").status, 200);
        let all = web.get("/api/v1/messages").json();
        assert_eq!(all["total"], 40.min(3 * (round + 1)));
        assert_ne!(all["messages"][0]["Subject"], "");
    }
    assert_eq!(
        web.with("DELETE /api/v1/search?query=client", "").status,
        200
    );
    assert_eq!(web.get("/api/v1/messages").json()["total"], 0);
}

/// A mistake in a request does not mean all messages.
#[test]
fn requests_that_are_not_understood_change_nothing() {
    let web = Web::start(&[]);
    web.mail("b@x", "Subject: one\r\nTo: b@x\r\nX-Tags: test\r\n\r\ntext");
    let id = web.get("/api/v1/messages").json()["messages"][0]["ID"].clone();
    for (line, body) in [
        ("DELETE /api/v1/messages", json!({"IDs": id})),
        ("DELETE /api/v1/messages", json!({"IDs": [7]})),
        ("DELETE /api/v1/messages", json!({"IDs": null})),
        ("DELETE /api/v1/messages", json!({"ID": [id]})),
        ("PUT /api/v1/messages", json!({"Read": "yes"})),
        ("PUT /api/v1/messages", json!({"Read": true, "IDs": id})),
        (
            "PUT /api/v1/messages",
            json!({"Read": true, "Search": ["one"]}),
        ),
        ("PUT /api/v1/messages", json!({"Read": true, "ID": [id]})),
        ("PUT /api/v1/messages", json!({"Reed": true, "IDs": [id]})),
        (
            "DELETE /api/v1/messages",
            json!({"IDs": [], "Search": "two"}),
        ),
        ("PUT /api/v1/tags", json!({"Tags": "shop", "IDs": [id]})),
        ("PUT /api/v1/tags", json!({"IDs": [id]})),
        (
            "PUT /api/v1/tags",
            json!({"Tags": ["shop"], "IDs": [id], "Tag": "x"}),
        ),
        ("PUT /api/v1/tags/test", json!({"name": "x", "IDs": [id]})),
        ("DELETE /api/v1/search", Value::Null),
        ("DELETE /api/v1/search?query=", Value::Null),
        ("DELETE /api/v1/search?query=%20", Value::Null),
        ("DELETE /api/v1/search?query=to:", Value::Null),
        ("DELETE /api/v1/search?qeury=two", Value::Null),
        ("PUT /api/v1/faults", json!({"Faults": "rcpt=550 no"})),
        ("PUT /api/v1/faults", json!({})),
        ("DELETE /api/v1/faults", json!({"IDs": ["1"]})),
        ("DELETE /api/v1/faults", json!({"ID": 1})),
    ] {
        let answer = web.send(line, &body);
        assert_eq!(answer.status, 400, "{line} {body}: {}", answer.body);
    }
    assert_eq!(web.get("/api/v1/wait?to=eve@example.org").status, 400);
    assert_eq!(web.get("/api/v1/wait?count=10001").status, 400);
    let list = web.get("/api/v1/messages").json();
    assert_eq!(
        (&list["unread"], &list["tags"]),
        (&json!(1), &json!(["test"]))
    );
    // Upper and lower case of the names are the same.
    let read = json!({"read": true, "ids": [id]});
    assert_eq!(web.send("PUT /api/v1/messages", &read).status, 200);
    assert_eq!(web.get("/api/v1/messages").json()["unread"], 0);
    web.subject("two");
    let one = json!({"ids": [id]});
    assert_eq!(web.send("DELETE /api/v1/messages", &one).status, 200);
    assert_eq!(web.subjects("/api/v1/messages"), ["two"]);
}

#[test]
fn new_messages_are_events() {
    let web = Web::start(&[]);
    let stream = web.stream("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut lines = BufReader::new(stream).lines();
    let mut next = |start: &str| {
        let found = lines.find(|line| line.as_ref().unwrap().starts_with(start));
        found.unwrap().unwrap()
    };
    assert!(next("Content-Type").contains("text/event-stream"));
    next("event: update");
    web.subject("hello");
    next("event: new");
    assert!(next("data: ").contains("\"Subject\":\"hello\""));
    assert!(next("data: ").contains("\"Total\":1"));
}

#[test]
fn requests_of_other_sites_are_refused() {
    let web = Web::start(&["--http-name", "mail.test"]);
    let own = format!("Origin: http://127.0.0.1:{}\r\n", web.port);
    for (line, fields, status) in [
        ("GET /", "", 200),
        ("GET /api/v1/messages", &*own, 200),
        (
            "GET /",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
            200,
        ),
        (
            "GET /api/v1/messages",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
            403,
        ),
        (
            "GET /view/latest.html",
            "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n",
            403,
        ),
        (
            "DELETE /api/v1/messages",
            "Origin: http://evil.example\r\n",
            403,
        ),
        ("DELETE /api/v1/messages", "Origin: null\r\n", 403),
        ("GET /", "Host: evil.example\r\n", 421),
    ] {
        assert_eq!(web.with(line, fields).status, status, "{line} {fields}");
    }
    for (host, status) in [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("mail.test:80", 200),
        ("[::1]", 200),
    ] {
        let answer = web.raw(&format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        assert_eq!(answer.status, status, "{host}");
    }
    assert_eq!(web.raw("GET / HTTP/1.0\r\n\r\n").status, 421);
}

#[test]
fn malformed_and_large_requests_are_refused() {
    let web = Web::start(&[]);
    assert_eq!(web.raw("nonsense\r\n\r\n").status, 400);
    assert_eq!(
        web.with("GET /", &format!("X: {}\r\n", "x".repeat(20_000)))
            .status,
        431
    );
    assert_eq!(web.with("GET /", &"X: y\r\n".repeat(100)).status, 431);
    assert_eq!(
        web.with("PUT /api/v1/messages", "Transfer-Encoding: chunked\r\n")
            .status,
        411
    );
    assert_eq!(
        web.with("PUT /api/v1/messages", "Content-Length: 9999999\r\n")
            .status,
        413
    );
    assert_eq!(web.with("PATCH /api/v1/messages", "").status, 405);
    assert_eq!(web.get("/../etc/passwd").status, 404);
    let head = web.with("HEAD /api/v1/messages", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    // Several requests on one connection, in one packet.
    let one = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut text = String::new();
    web.stream(&format!("{one}{one}{last}"))
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.matches("\r\n\r\nok").count(), 3, "{text}");
}

#[test]
fn faults_are_changed_while_the_sink_runs() {
    let web = Web::start(&["--fault", "rcpt(eve@*)=550 5.1.1 no eve"]);
    let refused = web.mail("eve@example.org", "x");
    assert!(refused.contains("550 5.1.1 no eve"), "{refused}");
    assert!(web.mail("bob@hamburger.edu", "x").contains("250 2.0.0 ok"));
    let added = json!({"Fault": "rcpt(bob@hamburger.edu)=451 4.7.1 greylisted@1"});
    let faults = web.send("POST /api/v1/faults", &added).json();
    assert_eq!(faults["Faults"][1]["Fault"], added["Fault"]);
    assert!(
        web.mail("bob@hamburger.edu", "x")
            .contains("451 4.7.1 greylisted")
    );
    assert!(web.mail("bob@hamburger.edu", "x").contains("250 2.0.0 ok"));
    let first = json!({"IDs": [faults["Faults"][0]["ID"]]});
    web.send("DELETE /api/v1/faults", &first).json();
    assert!(web.mail("eve@example.org", "x").contains("250 2.0.0 ok"));
    let chaos = json!({"Sender": {"ErrorCode": 421, "Probability": 100}});
    let set = web.send("PUT /api/v1/chaos", &chaos).json();
    assert_eq!(set["Sender"], json!({"ErrorCode": 421, "Probability": 100}));
    assert!(
        web.mail("bob@hamburger.edu", "x")
            .contains("421 sender rejected")
    );
    web.send("PUT /api/v1/faults", &json!({"Faults": []}))
        .json();
    assert!(web.mail("bob@hamburger.edu", "x").contains("250 2.0.0 ok"));
    let wrong = web.send("POST /api/v1/faults", &json!({"Fault": "rcpt=999 x"}));
    assert_eq!(wrong.status, 400);
}

#[test]
fn triggers_with_a_mistake_remain_as_they_were() {
    let web = Web::start(&[]);
    let set = json!({"sender": {"errorcode": 451, "PROBABILITY": 100}, "Recipient": null});
    let expected = json!({"ErrorCode": 451, "Probability": 100});
    let answer = web.send("PUT /api/v1/chaos", &set).json();
    assert_eq!(answer["Sender"], expected);
    for wrong in [
        json!({"Sendr": {"ErrorCode": 451, "Probability": 100}}),
        json!({"Sender": {"Code": 451, "Probability": 100}}),
        json!({"Sender": {"ErrorCode": "451", "Probability": 100}}),
        json!({"Sender": {"ErrorCode": 451, "Probability": "100"}}),
        json!({"Sender": {"ErrorCode": 451.5, "Probability": 100}}),
        json!({"Sender": {"ErrorCode": 250, "Probability": 100}}),
        json!({"Sender": 451}),
    ] {
        let answer = web.send("PUT /api/v1/chaos", &wrong);
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
    }
    assert_eq!(web.get("/api/v1/chaos").json()["Sender"], expected);
    assert!(web.mail("b@x", "x").contains("451 sender rejected"));
    let none = web.send("PUT /api/v1/chaos", &json!({})).json();
    assert_eq!(none["Sender"]["Probability"], 0);
}

#[test]
fn oldest_messages_are_deleted_beyond_the_limit() {
    let web = Web::start(&["--max", "2"]);
    for number in 1..=4 {
        web.subject(&number.to_string());
    }
    assert_eq!(web.subjects("/api/v1/messages"), ["4", "3"]);
}

#[test]
fn files_of_a_maildir_are_deleted_only_by_an_explicit_limit() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("md");
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(path.join(folder)).unwrap();
    }
    for number in 0..3 {
        fs::write(path.join(format!("new/{number}.host")), "Subject: x\n\n").unwrap();
    }
    let count = || fs::read_dir(path.join("new")).unwrap().count();
    let path = path.to_str().unwrap();
    let web = Web::start(&["--maildir", path]);
    assert_eq!((web.subjects("/api/v1/messages").len(), count()), (3, 3));
    web.receiver.stop();
    let web = Web::start(&["--maildir", path, "--max", "1"]);
    assert_eq!((web.subjects("/api/v1/messages").len(), count()), (1, 1));
}

#[test]
fn maildir_is_shown_again_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("md").to_str().unwrap().to_owned();
    let web = Web::start(&["--maildir", &path]);
    for subject in ["one", "two"] {
        web.subject(subject);
    }
    web.get("/api/v1/message/latest").json();
    web.receiver.stop();
    let web = Web::start(&["--maildir", &path]);
    let list = web.get("/api/v1/messages").json();
    assert_eq!((&list["total"], &list["unread"]), (&json!(2), &json!(1)));
    let session = web.get("/api/v1/message/latest/session").json();
    assert_eq!(
        (&session["Sender"], &session["Recipients"][0]["Address"]),
        (&json!("a@x"), &json!("b@x"))
    );
    let raw = web.get("/api/v1/message/latest/raw").body;
    assert!(raw.starts_with("Subject: "), "{raw}");
    web.with("DELETE /api/v1/messages", "");
    let left = ["new", "cur"].map(|folder| {
        fs::read_dir(home.path().join("md").join(folder))
            .unwrap()
            .count()
    });
    assert_eq!(left, [0, 0]);
}

#[test]
fn expectations_decide_the_exit_status() {
    let receiver = Receiver::start(&["--expect", "to=b@x subject~^ketchup", "--time-limit", "1m"]);
    let letter = "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nSubject: Ketchup 1\r\n\r\nx\r\n.\r\nQUIT\r\n";
    assert!(receiver.say(letter).contains("250 2.0.0 ok"));
    assert_eq!(receiver.finish().exit, Some(0));
    let receiver = Receiver::start(&[
        "--expect",
        "subject=other",
        "--expect",
        "to=b@x",
        "--count",
        "1",
    ]);
    receiver.say(letter);
    let ended = receiver.finish();
    assert_eq!(ended.exit, Some(1));
    assert!(
        ended
            .stderr
            .contains("no message met the condition subject=other\n"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("to=b@x"), "{}", ended.stderr);
}

#[test]
fn browser_that_speaks_http_to_the_smtp_port_is_cut_off() {
    let receiver = Receiver::start(&["--json"]);
    let body = "EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nx\r\n.\r\n";
    let said = receiver.say(&format!("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n{body}"));
    assert!(
        said.ends_with("421 4.7.0 this is an SMTP server, not an HTTP server\r\n"),
        "{said}"
    );
    let ended = receiver.stop();
    assert!(ended.events("message").is_empty());
    assert_eq!(ended.events("closed")[0]["reason"], "not SMTP");
}

#[test]
fn hostile_messages_are_shown_in_part() {
    let web = Web::start(&[]);
    let parts = "--b\r\nContent-Type: image/png\r\n\r\nx\r\n".repeat(12_000);
    web.mail(
        "b@x",
        &format!("Subject: many\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--"),
    );
    web.mail(
        "b@x",
        &"Content-Type: message/rfc822\r\n\r\n".repeat(30_000),
    );
    web.mail("b@x", "Subject: \u{1b}[2J=?utf-8?q?=00?=\r\nContent-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\n----");
    let list = web.get("/api/v1/messages").json();
    assert_eq!(list["count"], 3);
    for message in list["messages"].as_array().unwrap() {
        let id = message["ID"].as_str().unwrap();
        web.get(&format!("/api/v1/message/{id}/parts")).json();
        let whole = web.get(&format!("/api/v1/message/{id}")).json();
        let is_many = whole["Subject"] == "many";
        assert!(!is_many || whole["Truncated"] == true);
    }
}
