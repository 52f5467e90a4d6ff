//! A hostile set of 300 messages in the page of `ehlo sink --http`, in Chromium: nothing is executed, nothing is fetched.

use crate::page::{Browser, CHROMIUM, DRIVER, mail};
use crate::parts::has;
use crate::receiver::Receiver;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Fragments of HTML that execute something (HIT) or fetch something (TRAP) in a page that is not protected.
const FRAGMENTS: [&str; 60] = [
    "<script>HIT</script>",
    "<script src=TRAP/s.js></script>",
    "<SCRIPT\n>HIT</SCRIPT\n>",
    "<script/x>HIT</script>",
    "<scr<script>ipt>HIT</scr</script>ipt>",
    "<!--><script>HIT</script>-->",
    "<title></title><script>HIT</script>",
    "<textarea></textarea><script>HIT</script>",
    "<noscript><p title=\"</noscript><script>HIT</script>\">",
    "<style></style><script>HIT</script>",
    "<xmp></xmp><script>HIT</script>",
    "<template><script>HIT</script></template><script>HIT</script>",
    "</html><script>HIT</script>",
    "<![CDATA[<script>HIT</script>]]>",
    "<img src=x onerror=HIT>",
    "<img src=TRAP/i.png onerror=HIT onload=HIT>",
    "<img srcset='TRAP/2.png 2x, TRAP/1.png'>",
    "<image src=TRAP/i.png onerror=HIT>",
    "<picture><source srcset=TRAP/p.png><img></picture>",
    "<body background=TRAP/b.png onload=HIT>",
    "<body onpageshow=HIT onfocus=HIT onscroll=HIT><br id=x>",
    "<svg onload=HIT></svg>",
    "<svg><script>HIT</script></svg>",
    "<svg><script href='TRAP/s.js'/></svg>",
    "<svg><image href='TRAP/s.png' onerror=HIT /><use href='TRAP/u.svg#x'/></svg>",
    "<svg><animate onbegin=HIT attributeName=x dur=1s /></svg>",
    "<svg><a><set attributeName=href to='javascript:HIT' begin=0s /></a></svg>",
    "<svg><foreignObject><iframe src='TRAP/f'></iframe></foreignObject></svg>",
    "<svg><style>@import 'TRAP/svg.css';</style></svg>",
    "<svg><filter id=f><feImage href='TRAP/fe.png'/></filter><rect filter='url(#f)' width=9 height=9 /></svg>",
    "<math><mtext><table><mglyph><style><img src=TRAP/m.png onerror=HIT></style></table>",
    "<math href='javascript:HIT'>x</math>",
    "<iframe src=TRAP/f></iframe>",
    "<iframe srcdoc='<script>parent.HIT</script><img src=TRAP/sd.png>'></iframe>",
    "<iframe src='javascript:parent.HIT'></iframe>",
    "<iframe src='data:text/html,<script>HIT;fetch(\"TRAP/d\")</script>'></iframe>",
    "<frameset onload=HIT><frame src=TRAP/fr></frameset>",
    "<object data=TRAP/o type=text/html></object>",
    "<object data='data:text/html,<script>parent.HIT</script>'></object>",
    "<embed src=TRAP/e type=image/svg+xml>",
    "<applet code=x codebase=TRAP/a></applet>",
    "<link rel=stylesheet href=TRAP/l.css><link rel=preload as=image href=TRAP/pl.png>",
    "<link rel=preconnect href=TRAP/><link rel=dns-prefetch href=TRAP/><link rel=prefetch href=TRAP/p><link rel=icon href=TRAP/i>",
    "<link rel=manifest href=TRAP/mf><link rel=modulepreload href=TRAP/mp.js><link rel=prerender href=TRAP/pr>",
    "<meta http-equiv=refresh content='0;url=TRAP/m'>",
    "<meta http-equiv=refresh content='0;url=javascript:HIT'><meta http-equiv=set-cookie content='a=b'>",
    "<meta http-equiv=Content-Security-Policy content=\"default-src *; script-src * 'unsafe-inline'\"><script>HIT</script>",
    "<base href=TRAP/><img src=relative.png><a href=r ping=TRAP/ping>x</a>",
    "<style>@import url(TRAP/i.css); @font-face{font-family:x;src:url(TRAP/f.woff)} *{font-family:x;background:url(TRAP/c.png)}</style>x",
    "<style>*{list-style:url(TRAP/ls.png);cursor:url(TRAP/cu.png),auto;content:url(TRAP/co.png);border-image:url(TRAP/bi.png)}</style><li>x",
    "<p style='background:image-set(url(TRAP/is.png) 1x);position:fixed;inset:0;z-index:9'>x</p>",
    "<div style='width:expression(HIT);behavior:url(TRAP/b.htc);-moz-binding:url(TRAP/b.xml)'>x</div>",
    "<table background=TRAP/t.png><tr><td background=TRAP/td.png>x</td></tr></table>",
    "<video src=TRAP/v.mp4 poster=TRAP/vp.png autoplay onerror=HIT></video><audio src=TRAP/a.mp3 autoplay onerror=HIT></audio>",
    "<video><source src=TRAP/v2.mp4 onerror=HIT><track src=TRAP/t.vtt default></video>",
    "<form action=TRAP/fo id=f><input autofocus onfocus=HIT><button formaction=javascript:HIT>x</button></form><input type=image src=TRAP/in.png>",
    "<details open ontoggle=HIT><summary>x</summary></details><marquee onstart=HIT>x</marquee>",
    "<select autofocus onfocus=HIT><option>x</select><textarea autofocus onfocus=HIT></textarea><keygen autofocus onfocus=HIT>",
    "<p id=x style='animation:a 1ms' onanimationstart=HIT onanimationend=HIT>x</p><style>@keyframes a{to{color:red}}</style>",
    "<div popover id=p onbeforetoggle=HIT>x</div><button popovertarget=p autofocus onfocus=HIT>x</button><bgsound src=TRAP/bg>",
];

/// The same fragment is sent in each of these forms.
const FORMS: usize = 5;

fn fragment(number: usize, trap: &str) -> String {
    let text = FRAGMENTS[number % FRAGMENTS.len()];
    text.replace("HIT", "parent.pwned=1").replace("TRAP", trap)
}

fn base64(bytes: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(bytes);
    let lines = encoded.as_bytes().chunks(76);
    let lines = lines.map(|line| std::str::from_utf8(line).unwrap());
    lines.collect::<Vec<_>>().join("\r\n")
}

/// An encoded word that makes the fragment a text in the header.
fn word(text: &str) -> String {
    let words = text.as_bytes().chunks(40);
    let words = words.map(|part| format!("=?utf-8?b?{}?=", BASE64_STANDARD.encode(part)));
    words.collect::<Vec<_>>().join("\r\n ")
}

/// One of the messages, with CRLF, without the last dot.
fn message(number: usize, trap: &str) -> String {
    let html = fragment(number, trap);
    let mixed = |kind: &str| {
        format!(
            "Subject: {number}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n"
        )
    };
    let text = html.replace('\n', "\r\n");
    match number / FRAGMENTS.len() {
        0 => format!(
            "Subject: {number}\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>a</p>{text}"
        ),
        1 => {
            let units: Vec<u8> = html.encode_utf16().flat_map(u16::to_le_bytes).collect();
            format!(
                "{}--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/html; charset=utf-16le\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--",
                mixed("alternative"),
                base64(&units)
            )
        }
        // Without an end, and within a comment and an attribute that do not end either.
        2 => {
            let mut quoted = String::new();
            for byte in html.bytes() {
                let _ = write!(quoted, "={byte:02X}=\r\n");
            }
            format!(
                "{}--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                 {quoted}\r\n<!-- <a title=3D\"\r\n--b",
                mixed("related")
            )
        }
        3 => {
            let word = word(&html);
            format!(
                "Subject: {word}\r\nFrom: {word} <a@x>\r\nTo: \"{word}\" <b@x>, {word}\r\nReply-To: {word} <c@x>\r\n\
                 List-Unsubscribe: <https://x/?{word}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                 --b\r\nContent-Type: text/plain; charset=\"<img src=x onerror=parent.pwned=1>\"\r\n\r\n{text}\r\n\
                 --b\r\nContent-Type: text/html; name=\"{word}\"\r\nContent-Disposition: attachment; filename=\"{word}\"\r\n\
                 Content-ID: <\"><img src=x onerror=parent.pwned=1>@x>\r\n\r\n{text}\r\n--b--"
            )
        }
        _ => {
            let svg = format!(
                "<svg xmlns='http://www.w3.org/2000/svg' onload='parent.pwned=1'>{text}</svg>"
            );
            format!(
                "{}--b\r\nContent-Type: text/html\r\n\r\n<img src=cid:s@x><object data=cid:s@x></object><iframe src=cid:s@x></iframe>\
                 <embed src=cid:s@x><svg><use href='cid:s@x#a'/></svg>{text}\r\n\
                 --b\r\nContent-Type: image/svg+xml\r\nContent-ID: <s@x>\r\n\r\n{svg}\r\n\
                 --b\r\nContent-Type: image/png\r\nContent-ID: <\"onerror=parent.pwned=1@x>\r\n\r\n{svg}\r\n\
                 --b\r\nContent-Type: application/xhtml+xml; name=x.html\r\n\r\n{svg}\r\n--b--",
                mixed("related")
            )
        }
    }
}

/// A server that counts connections, and answers each request with this page.
fn trap(page: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            counted.fetch_add(1, Ordering::SeqCst);
            let page = page.clone();
            thread::spawn(move || answer(stream, &page));
        }
    });
    (port, count)
}

fn answer(mut stream: TcpStream, page: &str) {
    let mut request = [0; 4096];
    if stream.read(&mut request).is_ok_and(|count| count > 0) {
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
    }
}

/// Opens each message and each of its views. Returns the numbers of messages, of frames, and the messages that did something.
const ALL_VIEWS: &str = "
const done = arguments[0];
(async () => {
  const list = await (await fetch('api/v1/messages?limit=1000')).json();
  let frames = 0;
  const bad = [];
  for (const one of list.messages) {
    await open(one.ID);
    for (const tab of state.tabs) {
      await show(tab);
      const frame = document.querySelector('#panel iframe');
      if (frame) {
        await new Promise((loaded) => frame.addEventListener('load', loaded, { once: true }));
        frames += 1;
      }
    }
    if (window.pwned || document.querySelector('#detail script, #detail img, #detail svg, #list img, #list script')) {
      bad.push(one.Subject);
      window.pwned = undefined;
    }
  }
  done([list.messages.length, frames, bad]);
})().catch((error) => done(String(error.stack)));
";

#[test]
fn three_hundred_hostile_messages_execute_nothing_and_fetch_nothing() {
    if !has(DRIVER) || !has(CHROMIUM) {
        return;
    }
    let count = FRAGMENTS.len() * FORMS;
    let browser = Browser::open(1280, 800);
    // The fragments do what they are for in a page that is not protected.
    let (bait, baited) = trap(String::new());
    let all: Vec<String> = [0, 1, 14, 15, 41, 48]
        .map(|number| fragment(number, &format!("http://127.0.0.1:{bait}")))
        .to_vec();
    let (control, _) = trap(all.concat());
    browser.go(&format!("http://127.0.0.1:{control}/"));
    browser.wait("window.pwned === 1");
    assert_ne!(baited.load(Ordering::SeqCst), 0);
    browser.go("about:blank");

    let mut receiver = Receiver::start(&["--http", "127.0.0.1:0"]);
    let address = format!("http://127.0.0.1:{}/", receiver.http_port());
    let (port, connections) = trap("parent.pwned=1".to_owned());
    let hosts = [
        format!("http://127.0.0.1:{port}"),
        format!("//localhost:{port}"),
    ];
    for number in 0..count {
        mail(&receiver, &message(number, &hosts[number % hosts.len()]));
    }
    browser.go(&address);
    browser.wait("document.querySelectorAll('#list li').length > 0");
    let all = browser.command(
        "POST",
        "/execute/async",
        &json!({"script": ALL_VIEWS, "args": []}),
    );
    let with_html = FRAGMENTS.len() * (FORMS - 1);
    assert_eq!(all, json!([count, with_html, []]), "{all}");

    // The HTML without the frame of the page.
    let list = browser.value(
        "fetch('api/v1/messages?limit=1000').then((list) => list.json()).then((list) => list.messages.map((one) => one.ID))",
    );
    for id in list.as_array().unwrap().iter().filter_map(Value::as_str) {
        browser.go(&format!("{address}view/{id}.html"));
        assert_eq!(browser.value("window.pwned"), Value::Null, "{id}");
    }
    assert_eq!(
        connections.load(Ordering::SeqCst),
        0,
        "something was fetched"
    );
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    while connections.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    drop(receiver);
}
