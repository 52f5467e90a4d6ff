//! Reading of requests (RFC 9112).

use crate::server::stream::{ByteStream as _, SocketStream, within};
use crate::system::text::percent_decoded;
use memchr::memmem;
use std::io;
use std::time::{Duration, Instant};

/// Octets of a request line with all fields.
const MAX_HEAD: usize = 16 * 1024;

const MAX_FIELDS: usize = 64;

/// Octets of a body.
const MAX_BODY: usize = 1024 * 1024;

/// Time for the next request on a connection, and for a whole request once it has begun.
const IDLE: Duration = Duration::from_secs(60);
const WHOLE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Other,
}

#[derive(Debug)]
pub struct Request {
    pub method: Method,
    /// The decoded segments of the path.
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// True if the connection is closed after the response.
    pub closes: bool,
}

impl Request {
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    pub fn has_several(&self, name: &str) -> bool {
        self.fields
            .iter()
            .filter(|(known, _)| known == name)
            .count()
            > 1
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        query.find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }
}

/// A reason for not answering a request, and for closing the connection.
#[derive(Debug)]
pub enum RequestError {
    /// The client has closed the connection, or sends nothing.
    Closed,
    /// The status of the response.
    Refused(u16),
}

impl From<io::Error> for RequestError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// A connection, with the input that is not yet consumed.
pub struct HttpConnection {
    pub socket: SocketStream,
    buffer: Vec<u8>,
}

impl HttpConnection {
    pub fn new(socket: SocketStream) -> HttpConnection {
        HttpConnection {
            socket,
            buffer: Vec::new(),
        }
    }

    pub fn request(&mut self) -> Result<Request, RequestError> {
        if self.buffer.is_empty() {
            self.receive(within(IDLE))?;
        }
        let deadline = within(WHOLE);
        let end = loop {
            let end = memmem::find(&self.buffer, b"\r\n\r\n");
            if end.unwrap_or(self.buffer.len()) > MAX_HEAD {
                return Err(RequestError::Refused(431));
            }
            if let Some(end) = end {
                break end + 4;
            }
            self.receive(deadline)?;
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut request = parse(&head)?;
        let length = body_length(&request)?;
        if length > 0 && request.field("expect").is_some() {
            self.socket
                .send(b"HTTP/1.1 100 Continue\r\n\r\n", deadline)?;
        }
        while self.buffer.len() < length {
            self.receive(deadline)?;
        }
        request.body = self.buffer.drain(..length).collect();
        Ok(request)
    }

    fn receive(&mut self, deadline: Instant) -> Result<(), RequestError> {
        let mut block = [0; 4096];
        match self.socket.receive(&mut block, deadline)? {
            0 => Err(RequestError::Closed),
            count => {
                self.buffer.extend_from_slice(&block[..count]);
                Ok(())
            }
        }
    }
}

fn parse(head: &[u8]) -> Result<Request, RequestError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(RequestError::Refused(431)),
        Ok(httparse::Status::Partial) | Err(_) => return Err(RequestError::Refused(400)),
    }
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
    let fields: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|field| (field.name.to_ascii_lowercase(), text(field.value)))
        .collect();
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let connection = fields.iter().find(|(name, _)| name == "connection");
    let connection = connection.map_or(String::new(), |(_, value)| value.to_ascii_lowercase());
    Ok(Request {
        method: method(parsed.method.unwrap_or_default()),
        path: segments
            .map(|segment| percent_decoded(segment.as_bytes()))
            .collect(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        closes: parsed.version != Some(1) || connection.contains("close"),
        fields,
        body: Vec::new(),
    })
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => Method::Other,
    }
}

/// The length of the body. One of unknown length is refused (RFC 9112 §6.3).
fn body_length(request: &Request) -> Result<usize, RequestError> {
    if request.field("transfer-encoding").is_some() {
        return Err(RequestError::Refused(411));
    }
    if request.has_several("content-length") {
        return Err(RequestError::Refused(400));
    }
    let Some(length) = request.field("content-length") else {
        return Ok(0);
    };
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RequestError::Refused(400));
    }
    match length.parse() {
        Ok(length) if length <= MAX_BODY => Ok(length),
        _ => Err(RequestError::Refused(413)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_decoded() {
        let head =
            b"GET /api/v1//message/a%2fb?query=from%3Abob+x&limit=5 HTTP/1.1\r\nHOST: x\r\n\r\n";
        let request = parse(head).unwrap();
        assert_eq!(request.path, ["api", "v1", "message", "a/b"]);
        assert_eq!(request.parameter("query"), Some("from:bob x"));
        assert_eq!(request.field("host"), Some("x"));
        assert!(!request.closes);
    }

    #[test]
    fn bodies_of_unknown_or_ambiguous_length_are_refused() {
        for (field, status) in [
            ("Transfer-Encoding: chunked", 411),
            ("Content-Length: 1\r\nContent-Length: 2", 400),
            ("Content-Length: +1", 400),
            ("Content-Length: 99999999999999999999", 413),
            ("Content-Length: 1048577", 413),
        ] {
            let request = parse(format!("PUT / HTTP/1.1\r\n{field}\r\n\r\n").as_bytes()).unwrap();
            let refused = body_length(&request).unwrap_err();
            assert!(
                matches!(refused, RequestError::Refused(s) if s == status),
                "{field}"
            );
        }
    }
}
