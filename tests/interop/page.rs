//! The page of `ehlo sink --http` in Chromium, driven by its `WebDriver` (W3C): search, live arrival, HTML, attachments,
//! keyboard, and messages that try to execute or to fetch something.

use crate::parts::has;
use crate::receiver::Receiver;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub const DRIVER: &str = "/usr/bin/chromedriver";
pub const CHROMIUM: &str = "/usr/bin/chromium";

/// Codes of keys (`WebDriver` §17.4.2).
const DOWN: &str = "\u{e015}";
const ESCAPE: &str = "\u{e00c}";

/// A browser with one window. It and its driver end with it.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: tempfile::TempDir,
}

impl Browser {
    pub fn open(width: u32, height: u32) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut attempts = (0..5).filter_map(|_| Self::driver(&profile));
        let (driver, port) = attempts.next().expect("the driver does not start");
        let mut browser = Browser {
            driver,
            port,
            session: String::new(),
            profile,
        };
        let data = browser.profile.path().join("chromium");
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // A process for each frame of a message takes a tenth of a second to start.
            "--disable-features=IsolateSandboxedIframes",
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", data.display()),
        ]);
        let options = json!({"args": arguments, "binary": CHROMIUM});
        let body = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let session = browser.request("POST", "/session", &body);
        session["sessionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut browser.session);
        browser.command(
            "POST",
            "/timeouts",
            &json!({"script": 600_000, "pageLoad": 600_000}),
        );
        browser
    }

    /// A driver and its port. `None`: the port that it has chosen was taken, and it has ended.
    fn driver(profile: &tempfile::TempDir) -> Option<(Child, u16)> {
        let mut driver = Command::new(DRIVER)
            .args(["--port=0"])
            .env("HOME", profile.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        if port.is_none() {
            driver.wait().unwrap();
        }
        Some((driver, port?))
    }

    /// A command of the session. Returns its value.
    pub fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.request(method, &format!("/session/{}{path}", self.session), body)
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .unwrap();
        let (head, body) = answer(&mut BufReader::new(stream));
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["value"].clone()
    }

    pub fn go(&self, address: &str) {
        self.command("POST", "/url", &json!({"url": address}));
    }

    /// The value of an expression in the page.
    pub fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.command(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub fn wait(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0], end = Date.now() + 100000; \
             const look = () => {{ let is; try {{ is = {expression}; }} catch {{ is = false; }} \
             if (is) done(true); else if (Date.now() > end) done(document.body.innerText); else setTimeout(look, 20); }}; look();"
        );
        let body = json!({"script": script, "args": []});
        assert_eq!(
            self.command("POST", "/execute/async", &body),
            true,
            "{expression}"
        );
    }

    /// Presses these keys, one after the other.
    fn press(&self, keys: &str) {
        let press = |key: char| {
            let key = key.to_string();
            [
                json!({"type": "keyDown", "value": key}),
                json!({"type": "keyUp", "value": key}),
            ]
        };
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        let source = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.command("POST", "/actions", &json!({"actions": [source]}));
    }

    fn click(&self, selector: &str) {
        let script = "document.querySelector(arguments[0]).click()";
        self.command(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": [selector]}),
        );
    }

    /// Goes into a frame; `None`: back to the page.
    fn frame(&self, selector: Option<&str>) {
        let id = match selector {
            None => Value::Null,
            Some(selector) => {
                let find = json!({"using": "css selector", "value": selector});
                self.command("POST", "/element", &find)
            }
        };
        self.command("POST", "/frame", &json!({"id": id}));
    }
}

/// The header and the body of an answer. It does not end with the connection, which the browser may inherit from the
/// driver that starts it.
fn answer(reader: &mut impl BufRead) -> (String, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.expect("the answer has no length")];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.command("DELETE", "", &Value::Null);
        }
        // After a failure, the browser still runs.
        let _ = kill_process_group(Pid::from_child(&self.driver), Signal::KILL);
        let _ = self.driver.wait();
    }
}

/// A server that counts connections, for addresses in hostile messages.
fn trap() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        while listener.accept().is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

pub fn mail(receiver: &Receiver, content: &str) {
    let said = receiver.say(&format!(
        "EHLO me\r\nMAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\n{content}\r\n.\r\nQUIT\r\n"
    ));
    assert!(said.contains("250 2.0.0 ok"), "{said}");
}

fn subject(receiver: &Receiver, subject: &str) {
    mail(
        receiver,
        &format!(
            "From: alice@crepes.fr\r\nTo: bob@hamburger.edu\r\nSubject: {subject}\r\n\r\ntext of {subject}"
        ),
    );
}

/// A receiver without messages, and its page, which waits for them.
fn live_page() -> (Receiver, Browser) {
    let mut receiver = Receiver::start(&["--http", "127.0.0.1:0"]);
    let address = format!("http://127.0.0.1:{}/", receiver.http_port());
    let browser = Browser::open(1280, 800);
    browser.go(&address);
    browser.wait("document.getElementById('live').className === 'on'");
    (receiver, browser)
}

const SUBJECTS: &str =
    "[...document.querySelectorAll('#list .subject')].map((one) => one.textContent).join()";

#[test]
fn messages_are_shown_live_searched_and_read_by_keyboard() {
    if !has(DRIVER) || !has(CHROMIUM) {
        return;
    }
    let (receiver, browser) = live_page();
    browser.wait("!document.getElementById('empty').hidden");
    // Live, without a reload.
    for one in ["one", "two", "three"] {
        subject(&receiver, one);
    }
    browser.wait(&format!("{SUBJECTS} === 'three,two,one'"));
    assert!(
        browser
            .value("document.title")
            .as_str()
            .unwrap()
            .starts_with("(3)")
    );
    // By keyboard: the newest, then the next.
    browser.press("jj");
    browser.wait("document.getElementById('subject').textContent === 'two'");
    browser.wait("document.getElementById('panel').textContent.includes('text of two')");
    browser.wait("document.title.startsWith('(1)')");
    browser.press("6");
    browser.wait(
        "document.getElementById('panel').textContent.includes('C: MAIL FROM:<alice@crepes.fr>')",
    );
    browser.press("5");
    browser.wait("document.getElementById('panel').textContent.includes('Subject: two')");
    browser.press("u");
    browser.wait("document.title.startsWith('(2)')");
    // The search.
    browser.press("/");
    browser.press("subject:t -two");
    browser.wait(&format!("{SUBJECTS} === 'three'"));
    subject(&receiver, "twelve");
    browser.wait(&format!("{SUBJECTS} === 'twelve,three'"));
    browser.press(DOWN);
    browser.wait("document.activeElement.id === 'list'");
    browser.press("/");
    browser.press(ESCAPE);
    browser.wait(&format!("{SUBJECTS} === 'twelve,three,two,one'"));
    // Deletes the one that is open.
    browser.press("#");
    browser.wait("document.querySelectorAll('#list li').length === 3");
}

#[test]
fn a_tag_with_a_quotation_mark_is_searched() {
    if !has(DRIVER) || !has(CHROMIUM) {
        return;
    }
    let (receiver, browser) = live_page();
    subject(&receiver, "other");
    for (name, tag, list) in [
        ("double", "the \"new\" shop", "double,other"),
        ("single", "bob's shop", "single,double,other"),
    ] {
        mail(
            &receiver,
            &format!("Subject: {name}\r\nX-Tags: {tag}\r\n\r\ntext"),
        );
        browser.wait(&format!("{SUBJECTS} === '{list}'"));
        browser.click("#list li");
        browser.wait(&format!(
            "document.querySelector('#fields .tag').textContent === {}",
            json!(tag)
        ));
        browser.click("#fields .tag");
        browser.wait(&format!("{SUBJECTS} === '{name}'"));
        browser.press("/");
        browser.press(ESCAPE);
    }
}

/// A list is requested, then a message arrives, then the list, which does not have it.
#[test]
fn a_late_list_does_not_hide_a_new_message() {
    if !has(DRIVER) || !has(CHROMIUM) {
        return;
    }
    let (receiver, browser) = live_page();
    browser.wait("state.revision !== null && state.pending === 0");
    browser.value(
        "(() => { const real = fetch; window.held = []; window.fetch = async (path, options) => { \
         const response = await real(path, options); \
         if (String(path).includes('messages?')) await new Promise((release) => held.push(release)); \
         return response; }; loadList(); })()",
    );
    browser.wait("held.length > 0");
    subject(&receiver, "new");
    browser.wait(&format!("{SUBJECTS} === 'new'"));
    // Those that are requested from now on pass at once.
    browser.value(
        "(() => { const late = held; window.held = { push: (release) => release() }; \
         late.forEach((release) => release()); })()",
    );
    browser.wait(&format!("state.pending === 0 && {SUBJECTS} === 'new'"));
}

#[test]
fn html_images_and_attachments_of_the_message_are_shown_on_a_phone() {
    if !has(DRIVER) || !has(CHROMIUM) {
        return;
    }
    let mut receiver = Receiver::start(&["--http", "127.0.0.1:0"]);
    let address = format!("http://127.0.0.1:{}/", receiver.http_port());
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    mail(
        &receiver,
        &format!(
            "Subject: menu\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<h1 style=\"color:rgb(1,2,3)\">Men\u{fc}</h1><img src=\"cid:p@x\">\r\n\
         --b\r\nContent-Type: image/png\r\nContent-ID: <p@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n{png}\r\n\
         --b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=menu.pdf\r\n\
         Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--"
        ),
    );
    let browser = Browser::open(500, 844);
    browser.go(&address);
    browser.wait(&format!("{SUBJECTS} === 'menu'"));
    browser.click("#list li");
    browser.wait("getComputedStyle(document.getElementById('list-pane')).display === 'none'");
    browser.wait("document.querySelector('#panel iframe')");
    browser.frame(Some("#panel iframe"));
    browser.wait("document.querySelector('h1').textContent === 'Men\u{fc}'");
    assert_eq!(
        browser.value("getComputedStyle(document.querySelector('h1')).color"),
        "rgb(1, 2, 3)"
    );
    browser.wait("document.querySelector('img').naturalWidth === 1");
    browser.frame(None);
    browser.wait("document.querySelector('#files a[download=\"menu.pdf\"]')");
    browser.click("#tab-markup");
    browser
        .wait("document.querySelector('#panel pre').textContent.includes('<img src=\"cid:p@x\">')");
    browser.click("#tab-parts");
    browser.wait("document.querySelector('.files a[download=\"menu.pdf\"]')");
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    browser.wait(&format!(
        "document.getElementById('panel').textContent.includes('{hash}')"
    ));
    browser.wait("document.documentElement.scrollWidth <= innerWidth");
    browser.click("#back");
    browser.wait("getComputedStyle(document.getElementById('list-pane')).display !== 'none'");
}

#[test]
fn hostile_messages_execute_nothing_and_fetch_nothing() {
    if !has(DRIVER) || !has(CHROMIUM) {
        return;
    }
    let mut receiver = Receiver::start(&["--http", "127.0.0.1:0"]);
    let address = format!("http://127.0.0.1:{}/", receiver.http_port());
    let (port, connections) = trap();
    let hostile = HOSTILE.replace("TRAP", &format!("http://127.0.0.1:{port}"));
    let header = "<img src=x onerror=parent.pwned=1>";
    mail(
        &receiver,
        &format!(
            "Subject: {header}\r\nFrom: \"{header}\" <a@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{hostile}<p id=end>end</p>\r\n\
         --b\r\nContent-Type: image/svg+xml; name=\"{header}\"\r\nContent-ID: <svg@x>\r\n\r\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"parent.pwned=1\"><script>parent.pwned=1</script></svg>\r\n--b--"
        ),
    );
    let browser = Browser::open(1280, 800);
    browser.go(&address);
    browser.wait("document.querySelectorAll('#list li').length === 1");
    browser.press("j");
    browser.wait("document.querySelector('#panel iframe')");
    browser.frame(Some("#panel iframe"));
    browser.wait("document.getElementById('end') && document.readyState === 'complete'");
    let scripts = browser
        .value("document.querySelectorAll('script,iframe,object,embed,link,meta,form').length");
    assert_eq!(scripts, 0);
    browser.frame(None);
    for key in ["2", "3", "4", "5", "6", "7", "1"] {
        browser.press(key);
    }
    browser.wait("document.querySelector('#panel iframe')");
    assert_eq!(browser.value("window.pwned"), Value::Null);
    // The part itself is not shown as SVG.
    browser.go(&format!("{address}view/latest.html"));
    browser.wait("document.getElementById('end')");
    assert_eq!(browser.value("window.pwned"), Value::Null);
    let mut probe = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let _ = probe.write_all(b"x");
    while connections.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    assert_eq!(
        connections.load(Ordering::SeqCst),
        1,
        "something was fetched"
    );
}

/// What browsers execute or fetch.
const HOSTILE: &str = r#"<script>parent.pwned=1</script><script src="TRAP/s.js"></script>
<img src="TRAP/i.png" onerror="parent.pwned=1"><img srcset="TRAP/2.png 2x"><body background="TRAP/b.png" onload="parent.pwned=1">
<link rel="stylesheet" href="TRAP/l.css"><link rel=preconnect href="TRAP/"><link rel=dns-prefetch href="TRAP/"><link rel=prefetch href="TRAP/p">
<meta http-equiv="refresh" content="0;url=TRAP/m"><base href="TRAP/"><img src="relative.png">
<style>@import url("TRAP/i.css"); @font-face{font-family:x;src:url("TRAP/f.woff")} p{font-family:x;background:url("TRAP/c.png")}</style>
<p style="background:url(TRAP/st.png);position:fixed">x</p><iframe src="TRAP/f"></iframe><iframe srcdoc="<script>parent.parent.pwned=1</script>"></iframe>
<object data="TRAP/o"></object><embed src="TRAP/e"><video src="TRAP/v" poster="TRAP/vp" autoplay></video><audio src="TRAP/a" autoplay></audio>
<svg><script>parent.pwned=1</script><image href="TRAP/s.png"/><use href="TRAP/u#x"/><animate onbegin="parent.pwned=1" attributeName=x dur=1s /></svg>
<math><mtext></mtext></math><form action="TRAP/fo" id=f><input autofocus onfocus="parent.pwned=1"><button>x</button></form>
<a href="javascript:parent.pwned=1" id=j>x</a><details open ontoggle="parent.pwned=1"><summary>x</summary></details>
<marquee onstart="parent.pwned=1">x</marquee><input type=image src="TRAP/in.png"><table background="TRAP/t.png"><tr><td>x</td></tr></table>
<picture><source srcset="TRAP/pi.png"><img></picture><bgsound src="TRAP/bg"><frameset onload="parent.pwned=1"><noscript><img src="TRAP/ns.png"></noscript>
<template><script>parent.pwned=1</script></template><textarea autofocus onfocus="parent.pwned=1"></textarea>"#;
