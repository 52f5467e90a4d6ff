//! `ehlo run --ping`: what a monitoring service is told about a job.

use crate::program::{Ehlo, Run};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// A monitoring service for a number of requests.
struct Service {
    port: u16,
    thread: JoinHandle<Vec<String>>,
}

impl Service {
    /// Returns these responses, one for each request. `before` is called before each of them.
    fn start(responses: &'static [&'static str], before: impl Fn(usize) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let work = move || {
            let answer = |(at, response): (usize, &&str)| {
                let (mut stream, _) = listener.accept().unwrap();
                let request = request(&mut stream);
                before(at);
                stream.write_all(response.as_bytes()).unwrap();
                request
            };
            responses.iter().enumerate().map(answer).collect()
        };
        let thread = thread::spawn(work);
        Self { port, thread }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/ping/secret", self.port)
    }

    /// The requests: method, target and body.
    fn requests(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

/// `GET /path`, or `POST /path: body`.
fn request(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut octet = [0];
    loop {
        let text = String::from_utf8_lossy(&all);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1);
            let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
            if body.len() == length {
                let words: Vec<&str> = head.split(' ').take(2).collect();
                let body = if body.is_empty() {
                    String::new()
                } else {
                    format!(": {}", body.trim_end())
                };
                return format!("{}{body}", words.join(" "));
            }
        }
        stream.read_exact(&mut octet).unwrap();
        all.push(octet[0]);
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";

fn run(service: &Service, arguments: &[&str]) -> Run {
    Ehlo::new()
        .args(["run", "--ping", &service.url()])
        .args(arguments)
        .env("MAILTO", "")
        .env("PATH", "/usr/bin:/bin")
        .run()
}

#[test]
fn start_and_success_are_told() {
    let service = Service::start(&[OK, OK], |_| ());
    run(&service, &["--", "true"]).exits(0).is_silent();
    assert_eq!(
        service.requests(),
        ["GET /ping/secret/start", "GET /ping/secret"]
    );
}

#[test]
fn failure_is_told_with_the_exit_status() {
    for (command, status, text) in [
        (&["--", "sh", "-c", "exit 3"][..], 3, "exit status 3"),
        (&["--", "sh", "-c", "kill -9 $$"], 137, "exit status 137"),
        (&["--exit-zero", "--", "false"], 0, "exit status 1"),
    ] {
        let service = Service::start(&[OK, OK], |_| ());
        run(&service, command).exits(status).is_silent();
        let failed = format!("POST /ping/secret/fail: {text}");
        assert_eq!(service.requests(), ["GET /ping/secret/start", &failed]);
    }
}

#[test]
fn program_that_is_missing_is_a_failure() {
    let service = Service::start(&[OK, OK], |_| ());
    run(&service, &["--", "/nonexistent/program"])
        .exits(127)
        .complains(1);
    let expected = [
        "GET /ping/secret/start",
        "POST /ping/secret/fail: exit status 127",
    ];
    assert_eq!(service.requests(), expected);
}

#[test]
fn command_does_not_wait_for_the_start_to_be_told() {
    let home = tempfile::tempdir().unwrap();
    let fifo = home.path().join("fifo");
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let path = fifo.clone();
    // The first response waits until the command has begun.
    let service = Service::start(&[OK, OK], move |at| {
        if at == 0 {
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "running\n");
        }
    });
    let script = format!("echo running > {}", fifo.display());
    run(&service, &["--", "sh", "-c", &script])
        .exits(0)
        .is_silent();
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn service_that_fails_does_not_change_the_result() {
    for (response, why) in [
        ("HTTP/1.1 404 Not Found\r\n\r\n", "it returned status 404"),
        (
            "HTTP/1.1 301 Moved\r\nLocation: https://example.org/\r\n\r\n",
            "it redirects (status 301)",
        ),
        ("garbage\r\n\r\n", "the answer is not HTTP"),
        ("", "the response is incomplete"),
    ] {
        let responses: &'static [&'static str] = Box::leak(Box::new([response, response]));
        let service = Service::start(responses, |_| ());
        let ran = run(&service, &["--", "sh", "-c", "exit 3"]);
        ran.exits(3)
            .complains(1)
            .says(&["warning: --ping: cannot tell 127.0.0.1 about sh", why]);
        assert!(!ran.stderr.contains("secret"), "{ran:?}");
        service.requests();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}/");
    let run = Ehlo::new()
        .args(["run", "--ping", &url, "--", "true"])
        .env("PATH", "/usr/bin:/bin")
        .run();
    run.exits(0).complains(1).says(&["Connection refused"]);
}

#[test]
fn job_that_did_not_run_because_of_its_lock_fails_without_a_start() {
    let holder = Ehlo::new();
    let lock = holder.path("lock");
    let file = std::fs::File::create(&lock).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let service = Service::start(&[OK], |_| ());
    let lock = lock.to_str().unwrap();
    run(&service, &["--lock", lock, "--", "true"]).exits(75);
    assert_eq!(
        service.requests(),
        ["POST /ping/secret/fail: exit status 75"]
    );
    let service = Service::start(&[], |_| ());
    run(&service, &["--lock", lock, "--lock-quiet", "--", "true"])
        .exits(75)
        .is_silent();
    assert_eq!(service.requests(), [""; 0]);
}

#[test]
fn url_that_cannot_be_requested_is_refused_before_anything_runs() {
    for (url, why) in [
        (
            "http://example.org/x",
            "http is possible for a loopback address only",
        ),
        (
            "https://alice:secret@example.org/",
            "must not contain a user name or a password",
        ),
        ("hc-ping.com/x", "not a URL such as https://"),
    ] {
        let ehlo = Ehlo::new();
        let mark = ehlo.path("ran");
        let run = ehlo
            .args(["run", "--ping", url, "--", "touch", mark.to_str().unwrap()])
            .run();
        run.exits(64).says(&["--ping", why]);
        assert!(!mark.exists());
    }
}
