use super::*;
use crate::client::route::{AddressFamily, RouteOptions};
use crate::system::secret::Secret;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// A server for one connection. Its function gets the request and writes the response.
struct Server {
    address: SocketAddr,
    /// The request that was received.
    thread: JoinHandle<String>,
}

trait Peer: Read + Write {}
impl<T: Read + Write> Peer for T {}

type Respond = Box<dyn FnOnce(&mut dyn Peer) + Send>;

impl Server {
    fn start(tls: Option<ServerConfig>, respond: Respond) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let work = move || {
            let (socket, _) = listener.accept().unwrap();
            match tls {
                None => serve(socket, respond),
                Some(config) => {
                    let connection = ServerConnection::new(Arc::new(config)).unwrap();
                    let mut stream = StreamOwned::new(connection, socket);
                    serve(&mut stream, respond)
                }
            }
        };
        let thread = thread::Builder::new().spawn(work).unwrap();
        Self { address, thread }
    }

    /// Sends these octets and closes the connection.
    fn sending(octets: impl Into<Vec<u8>>) -> Self {
        let octets = octets.into();
        Self::start(
            None,
            Box::new(move |peer| {
                let _ = peer.write_all(&octets);
            }),
        )
    }

    /// Sends these octets again and again until the client closes the connection.
    fn flooding(start: &'static str, octets: &'static [u8]) -> Self {
        Self::start(
            None,
            Box::new(move |peer| {
                let _ = peer.write_all(start.as_bytes());
                while peer.write_all(octets).is_ok() {}
            }),
        )
    }

    fn url(&self) -> Url {
        format!("http://{}/a?secret=1", self.address)
            .parse()
            .unwrap()
    }

    /// The URL by the name in the certificate.
    fn secure_url(&self) -> Url {
        let port = self.address.port();
        format!("https://localhost:{port}/").parse().unwrap()
    }

    fn request(self) -> String {
        self.thread.join().unwrap()
    }
}

/// Reads a request with its body, and responds.
fn serve(mut peer: impl Peer, respond: Respond) -> String {
    let mut request = Vec::new();
    let mut octet = [0];
    while !is_complete(&request) {
        match peer.read(&mut octet) {
            Ok(1..) => request.push(octet[0]),
            _ => return String::from_utf8(request).unwrap(),
        }
    }
    respond(&mut peer);
    String::from_utf8(request).unwrap()
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

#[derive(Default)]
struct Remarks {
    all: Vec<String>,
    is_closed: bool,
}

impl Observer for Remarks {
    fn on_event(&mut self, what: Event<'_>) {
        self.all.push(match what {
            Event::Detail(text) => text.to_owned(),
            other => format!("{other:?}"),
        });
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }
}

const LIMIT: Duration = Duration::from_secs(20);
const MAX_BODY: usize = 64 * 1024;

fn send(
    request: &Request<'_>,
    (tls, limit): (&TlsOptions, Duration),
    observer: &mut Remarks,
) -> Result<Response, HttpError> {
    let route = RouteOptions {
        relay: None,
        port: 25,
        family: AddressFamily::V4,
        bind: None,
        connect_to: None,
        dns: None,
        proxy: None,
        own_names: Vec::new(),
    };
    let client = HttpClient {
        router: &Router::new(&route),
        proxy_login: None,
        tls: &Tls::new(&tls_options(tls)).unwrap(),
        limit,
        max_body: MAX_BODY,
    };
    client.send(request, observer)
}

fn get(server: &Server) -> Result<Response, HttpError> {
    get_within(server, LIMIT)
}

fn get_within(server: &Server, limit: Duration) -> Result<Response, HttpError> {
    let url = server.url();
    let tls = TlsOptions::default();
    send(&Request::get(&url), (&tls, limit), &mut Remarks::default())
}

/// The body of the response to these octets.
fn body_of(octets: impl Into<Vec<u8>>) -> Result<String, String> {
    let response = get(&Server::sending(octets)).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(response.body.expose().to_vec()).unwrap())
}

#[test]
fn body_ends_as_the_header_says() {
    for (response, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
            "hello",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        (
            "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
            "hello",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nh\r\n0\r\nTrailer: x\r\n\r\n",
            "h",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n1\r\nh\r\n0\r\n\r\n",
            "h",
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\nuntil it is closed",
            "until it is closed",
        ),
        (
            "HTTP/1.0 200 OK\r\n\r\nuntil it is closed",
            "until it is closed",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            "x",
        ),
    ] {
        assert_eq!(body_of(response), Ok(body.to_owned()), "{response}");
    }
}

#[test]
fn response_that_is_cut_off_is_an_error() {
    let incomplete = Err("the response is incomplete".to_owned());
    for response in [
        "",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        assert_eq!(body_of(response), incomplete, "{response}");
    }
}

#[test]
fn what_is_not_http_is_an_error() {
    for response in [
        "220 mx.example.org ESMTP\r\n\r\n",
        "\r\n\r\n\0\0",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nName with blank: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffffff\r\nx",
    ] {
        let error = body_of(response).unwrap_err();
        assert!(
            error.starts_with("the answer is not HTTP: "),
            "{response}: {error}"
        );
    }
}

#[test]
fn every_octet_may_come_alone() {
    let response =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    let server = Server::start(
        None,
        Box::new(|peer| {
            for octet in response.as_bytes() {
                peer.write_all(&[*octet]).unwrap();
            }
        }),
    );
    assert_eq!(get(&server).unwrap().body.expose(), b"hello");
}

#[test]
fn flood_ends_at_the_limit() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let large = "the response has more than 65536 bytes";
    let head = "the response has a header of more than 32768 bytes";
    for (start, octets, error) in [
        ("HTTP/1.1 200 OK\r\n\r\n", &b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..], large),
        ("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", b"a", large),
        (CHUNKED, b"1\r\na\r\n", large),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", b"a", large),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n", large),
        (CHUNKED, b"1", "the answer is not HTTP: a chunk has no size"),
        (CHUNKED, b"0000000000000000001;\r\n", "the answer is not HTTP: chunk expected crlf as next character"),
        ("HTTP/1.1 200 OK\r\nA: ", b"a", head),
        (OK, b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", head),
        ("", b"HTTP/1.1 100 Continue\r\n\r\n", head),
    ] {
        let server = Server::flooding(start, octets);
        assert_eq!(get(&server).unwrap_err().to_string(), error, "{start} {octets:?}");
        server.request();
    }
    let server = Server::flooding(OK, b"a: b\r\n");
    let error = get(&server).unwrap_err();
    assert!(matches!(error, HttpError::Protocol(_)), "{error}");
}

#[test]
fn largest_body_is_accepted() {
    let body = "x".repeat(MAX_BODY);
    let sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {MAX_BODY}\r\n\r\n{body}");
    assert_eq!(body_of(sized).unwrap(), body);
    let chunked = "1\r\nx\r\n".repeat(MAX_BODY);
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}0\r\n\r\n");
    assert_eq!(body_of(chunked).unwrap(), body);
    assert_eq!(
        body_of(format!("HTTP/1.1 200 OK\r\n\r\n{body}")).unwrap(),
        body
    );
}

#[test]
fn deadline_applies_to_the_whole_request() {
    let limit = Duration::from_millis(200);
    let silent = Server::start(
        None,
        Box::new(|peer| {
            let _ = peer.read(&mut [0]);
        }),
    );
    let error = get_within(&silent, limit).unwrap_err();
    assert_eq!(error.to_string(), "no answer within 0.2 seconds");
    silent.request();
    let dripping = Server::start(
        None,
        Box::new(|peer| {
            let _ = peer.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while peer.write_all(b"a").is_ok() {
                thread::park_timeout(Duration::from_millis(5));
            }
        }),
    );
    let error = get_within(&dripping, limit).unwrap_err();
    assert_eq!(error.to_string(), "no answer within 0.2 seconds");
    dripping.request();
}

#[test]
fn request_is_sent_as_http() {
    let server = Server::sending("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    get(&server).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let host = server.address;
    let expected = format!(
        "GET /a?secret=1 HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nuser-agent: ehlo/{version}\r\n\r\n"
    );
    assert_eq!(server.request(), expected);
}

#[test]
fn form_and_header_are_sent_and_never_shown() {
    let server = Server::sending(
        "HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 9\r\n\r\nhunter2!!",
    );
    let url = server.url();
    let request = Request::post_form(
        &url,
        &[
            ("user", "alice@crepes.fr"),
            ("password", "hunter2&\u{fc} +"),
        ],
    )
    .header("authorization", Secret::new(b"Bearer hunter2".to_vec()));
    let mut remarks = Remarks::default();
    let response = send(&request, (&TlsOptions::default(), LIMIT), &mut remarks).unwrap();
    assert_eq!(response.media_type().as_deref(), Some("application/json"));
    let shown = format!("{:?} {request:?} {response:?}", remarks.all);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!remarks.all.join(" ").contains("secret"), "{shown}");
    let [first, connecting, connected, last] = &remarks.all[..] else {
        panic!("{shown}");
    };
    assert_eq!(*first, format!("POST http://{}/a", server.address));
    assert_eq!(*connecting, format!("connecting to {}", server.address));
    assert_eq!(*connected, format!("connected to {}", server.address));
    assert!(
        last.starts_with("200 OK, application/json, 9 bytes in "),
        "{last}"
    );
    let sent = server.request();
    assert!(
        sent.contains("\r\nauthorization: Bearer hunter2\r\n"),
        "{sent}"
    );
    assert!(
        sent.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"),
        "{sent}"
    );
    assert!(
        sent.ends_with("\r\n\r\nuser=alice%40crepes.fr&password=hunter2%26%C3%BC+%2B"),
        "{sent}"
    );
}

#[test]
fn large_values_and_an_empty_body_are_sent() {
    let server = Server::sending("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let url = server.url();
    let token = "t".repeat(20_000);
    let request = Request::post(&url, "application/json", Secret::new(Vec::new()))
        .header("authorization", Secret::new(token.clone().into_bytes()));
    send(
        &request,
        (&TlsOptions::default(), LIMIT),
        &mut Remarks::default(),
    )
    .unwrap();
    let sent = server.request();
    assert!(
        sent.contains(&token) && sent.contains("\r\ncontent-length: 0\r\n"),
        "{sent}"
    );
}

#[test]
fn header_value_with_a_line_end_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let request = Request::get(&url).header("authorization", Secret::new(b"a\r\nb: c".to_vec()));
    let error = send(
        &request,
        (&TlsOptions::default(), LIMIT),
        &mut Remarks::default(),
    );
    let text = error.unwrap_err().to_string();
    assert_eq!(
        text,
        "the request cannot be sent: its authorization has a character that is not allowed"
    );
}

#[test]
fn redirect_is_returned_and_not_followed() {
    let server = Server::sending(
        "HTTP/1.1 301 Moved\r\nLocation: https://example.org/\r\nContent-Length: 2\r\n\r\nno",
    );
    let response = get(&server).unwrap();
    assert_eq!(response.status, 301);
    assert_eq!(response.header("Location"), Some("https://example.org/"));
}

#[test]
fn connection_that_is_refused_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url: Url = format!("http://{address}/").parse().unwrap();
    let tls = TlsOptions::default();
    let error = send(&Request::get(&url), (&tls, LIMIT), &mut Remarks::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot connect to {address}: Connection refused")
    );
    let mut closed = Remarks {
        is_closed: true,
        ..Remarks::default()
    };
    let error = send(&Request::get(&url), (&tls, LIMIT), &mut closed).unwrap_err();
    assert!(matches!(error, HttpError::GivenUp), "{error}");
}

/// A certificate for this name, and the file to trust it.
fn certificate(name: &str) -> (ServerConfig, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(made.cert.pem().as_bytes()).unwrap();
    (config, file)
}

fn get_encrypted(
    server: &Server,
    ca_file: Option<&tempfile::NamedTempFile>,
) -> Result<Response, HttpError> {
    let url = server.secure_url();
    // Options for mail servers that do not apply to HTTPS.
    let tls = TlsOptions {
        trust: Trust::Any,
        name: Some("mx.example.org".to_owned()),
        ca_file: ca_file.map(|file| file.path().to_owned()),
        ..TlsOptions::default()
    };
    send(&Request::get(&url), (&tls, LIMIT), &mut Remarks::default())
}

#[test]
fn https_is_verified_whatever_the_trust_in_mail_servers() {
    let (config, file) = certificate("localhost");
    let server = Server::start(
        Some(config.clone()),
        Box::new(|peer| {
            peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .unwrap();
        }),
    );
    assert_eq!(
        get_encrypted(&server, Some(&file)).unwrap().body.expose(),
        b"ok"
    );
    assert!(server.request().contains("\r\nhost: localhost:"));
    let server = Server::start(Some(config), Box::new(|_| panic!("request sent")));
    let (_, other) = certificate("localhost");
    let error = get_encrypted(&server, Some(&other)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "its certificate has an invalid signature, or is signed by another CA of the same name"
    );
    assert_eq!(server.request(), "");
    let (config, file) = certificate("mta-sts.example.org");
    let server = Server::start(Some(config), Box::new(|_| panic!("request sent")));
    let error = get_encrypted(&server, Some(&file)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "its certificate is for mta-sts.example.org, not for localhost"
    );
    assert_eq!(error.hint(), Some(Hint::TrustCertificate));
    assert_eq!(server.request(), "");
}

#[test]
fn body_until_the_end_of_tls_needs_close_notify() {
    let (config, file) = certificate("localhost");
    let response = b"HTTP/1.1 200 OK\r\n\r\nversion: STSv1\n";
    let cut_off = Server::start(
        Some(config.clone()),
        Box::new(|peer| {
            peer.write_all(response).unwrap();
        }),
    );
    let error = get_encrypted(&cut_off, Some(&file)).unwrap_err();
    assert!(matches!(error, HttpError::Incomplete), "{error}");
    let orderly = closing_orderly(config, response);
    assert_eq!(
        get_encrypted(&orderly, Some(&file)).unwrap().body.expose(),
        b"version: STSv1\n"
    );
}

/// A server that ends TLS with `close_notify`.
fn closing_orderly(config: ServerConfig, response: &'static [u8]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let work = move || {
        let (socket, _) = listener.accept().unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        let respond: Respond = Box::new(|peer| peer.write_all(response).unwrap());
        let request = serve(&mut stream, respond);
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        request
    };
    let thread = thread::Builder::new().spawn(work).unwrap();
    Server { address, thread }
}

#[test]
fn peer_without_tls_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let work = move || -> io::Result<()> {
        let (mut socket, _): (TcpStream, _) = listener.accept()?;
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    };
    let thread = thread::Builder::new().spawn(work).unwrap();
    let url: Url = format!("https://localhost:{}/", address.port())
        .parse()
        .unwrap();
    let tls = TlsOptions::default();
    let error = send(&Request::get(&url), (&tls, LIMIT), &mut Remarks::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the server does not use TLS on this port"),
        "{error}"
    );
    thread.join().unwrap().unwrap();
}
