//! An authorization server (RFC 6749). Its secrets begin with `at.`, `rt.`, `code.` and `dc.`.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub type Form = BTreeMap<String, String>;

/// What the next request for a token is answered with instead of tokens.
#[derive(Clone)]
pub enum Answer {
    /// An error code, with a description that quotes the request.
    Code(&'static str),
    /// A status and a body.
    Raw(u16, String),
    /// Tokens without a refresh token.
    NoRotation,
    /// Tokens, in chunks.
    Chunked,
    /// No answer: the connection is closed.
    Close,
    /// The response of a clock that is two hours ahead, with an error code.
    Late(&'static str),
}

#[derive(Default)]
pub struct State {
    pub answers: VecDeque<Answer>,
    /// The path and the form of each request, with the header of the client.
    pub seen: Vec<(String, Form, Option<String>)>,
    /// Tokens that are valid, and the one that each of them replaced.
    refresh: BTreeMap<String, Option<String>>,
    challenges: BTreeMap<String, String>,
    count: u32,
    /// Validity of access tokens in seconds.
    pub validity: i64,
    /// Requests with a refresh token that is not valid.
    pub refused: u32,
    pub refreshes: u32,
}

impl State {
    fn tokens(&mut self, replaced: Option<&str>, with_refresh: bool) -> Value {
        self.count += 1;
        let count = self.count;
        let mut tokens = json!({
            "access_token": format!("at.access-{count}"),
            "token_type": "Bearer",
            "expires_in": self.validity,
        });
        if with_refresh {
            let token = format!("rt.refresh-{count}");
            tokens["refresh_token"] = json!(token);
            self.refresh.insert(token, replaced.map(str::to_owned));
        }
        tokens
    }

    /// The old token is valid until the new one was used, as with Microsoft: a client may be killed before it has
    /// stored the new one.
    fn refreshed(&mut self, token: &str, with_refresh: bool) -> Result<Value, &'static str> {
        let Some(before) = self.refresh.get(token).cloned() else {
            self.refused += 1;
            return Err("invalid_grant");
        };
        if let Some(before) = before {
            self.refresh.remove(&before);
        }
        self.refresh
            .retain(|_, replaced| replaced.as_deref() != Some(token));
        self.refreshes += 1;
        Ok(self.tokens(Some(token), with_refresh))
    }
}

pub struct Provider {
    pub port: u16,
    pub state: Arc<Mutex<State>>,
}

impl Provider {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            validity: 3600,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                thread::spawn(move || serve(stream, port, &shared));
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next request for tokens is answered so.
    pub fn next(&self, answer: Answer) {
        self.state.lock().unwrap().answers.push_back(answer);
    }

    /// The forms that were sent to this path.
    pub fn forms(&self, path: &str) -> Vec<Form> {
        let state = self.state.lock().unwrap();
        let seen = state.seen.iter().filter(|(one, ..)| one == path);
        seen.map(|(_, form, _)| form.clone()).collect()
    }
}

/// A request of a browser or a client: the first line, the header of the client, and the body.
fn request(stream: &mut TcpStream) -> Option<(String, Option<String>, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend(&piece[..count]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let value = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line[name.len()..].trim().to_owned())
    };
    let length: usize = value("content-length:").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + length {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend(&piece[..count]);
    }
    let body = String::from_utf8(bytes[end..].to_vec()).unwrap();
    let line = head.lines().next().unwrap().to_owned();
    Some((line, value("authorization:"), body))
}

fn decoded(text: &str) -> Form {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

fn serve(mut stream: TcpStream, port: u16, shared: &Mutex<State>) {
    let Some((line, header, body)) = request(&mut stream) else {
        return;
    };
    let target = line.split(' ').nth(1).unwrap().to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let form = decoded(if body.is_empty() { query } else { &body });
    let mut state = shared.lock().unwrap();
    state.seen.push((path.to_owned(), form.clone(), header));
    match path {
        "/.well-known/openid-configuration" => {
            let base = format!("http://127.0.0.1:{port}");
            let metadata = json!({
                "issuer": base,
                "authorization_endpoint": format!("{base}/authorize"),
                "token_endpoint": format!("{base}/token"),
                "device_authorization_endpoint": format!("{base}/device"),
                "revocation_endpoint": format!("{base}/revoke"),
            });
            drop(state);
            respond(&mut stream, 200, "", &metadata.to_string());
        }
        "/authorize" => {
            let code = "code.c0de".to_owned();
            state
                .challenges
                .insert(code.clone(), form["code_challenge"].clone());
            drop(state);
            let to = format!(
                "{}?state={}&code={code}",
                form["redirect_uri"], form["state"]
            );
            respond(&mut stream, 302, &format!("Location: {to}\r\n"), "");
        }
        "/device" => {
            drop(state);
            let code = json!({
                "device_code": "dc.device",
                "user_code": "WDJB-MJHT",
                "verification_uri": format!("http://127.0.0.1:{port}/enter"),
                "expires_in": 900,
                "interval": 0,
            });
            respond(&mut stream, 200, "", &code.to_string());
        }
        "/revoke" => {
            state.refresh.clear();
            drop(state);
            respond(&mut stream, 200, "", "");
        }
        _ => {
            let answer = state.answers.pop_front();
            drop(state);
            answer_token(&mut stream, answer.as_ref(), &form, shared);
        }
    }
}

fn answer_token(
    stream: &mut TcpStream,
    answer: Option<&Answer>,
    form: &Form,
    shared: &Mutex<State>,
) {
    let quoted: Vec<&str> = form.values().map(String::as_str).collect();
    let error =
        |code: &str| json!({"error": code, "error_description": quoted.join(" ")}).to_string();
    match answer {
        Some(Answer::Code(code)) => return respond(stream, 400, "", &error(code)),
        Some(Answer::Raw(status, body)) => return respond(stream, *status, "", body),
        Some(Answer::Close) => return,
        Some(Answer::Late(code)) => {
            let theirs = chrono::Utc::now() + chrono::TimeDelta::hours(2);
            let date = theirs
                .format("Date: %a, %d %b %Y %H:%M:%S GMT\r\n")
                .to_string();
            return respond(stream, 400, &date, &error(code));
        }
        _ => {}
    }
    let rotates = !matches!(answer, Some(Answer::NoRotation));
    let mut state = shared.lock().unwrap();
    let tokens = match form["grant_type"].as_str() {
        "refresh_token" => state.refreshed(&form["refresh_token"], rotates),
        "authorization_code" => {
            let challenge =
                BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
            match state.challenges.remove(&form["code"]) {
                Some(right) if right == challenge => Ok(state.tokens(None, rotates)),
                _ => Err("invalid_grant"),
            }
        }
        "client_credentials" | "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            Ok(state.tokens(None, false))
        }
        _ => Ok(state.tokens(None, rotates)),
    };
    drop(state);
    match tokens {
        Err(code) => respond(stream, 400, "", &error(code)),
        Ok(tokens) if matches!(answer, Some(Answer::Chunked)) => {
            let mut text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
            for piece in tokens.to_string().as_bytes().chunks(5) {
                let piece = std::str::from_utf8(piece).unwrap();
                text.push_str(&format!("{:x}\r\n{piece}\r\n", piece.len()));
            }
            let _ = stream.write_all((text + "0\r\n\r\n").as_bytes());
        }
        Ok(tokens) => respond(stream, 200, "", &tokens.to_string()),
    }
}

fn respond(stream: &mut TcpStream, status: u16, headers: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    // A client that was killed does not read it.
    let _ = stream.write_all(text.as_bytes());
}
