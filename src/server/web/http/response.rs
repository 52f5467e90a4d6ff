//! Responses.

use crate::server::stream::{ByteStream as _, SocketStream, within};
use crate::server::web::http::request::Method;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// Time for a client to accept a block.
const SEND: Duration = Duration::from_secs(60);

/// Writes blocks of a body. An error: the client has closed the connection.
pub type Send<'s> = dyn FnMut(&[u8]) -> io::Result<()> + 's;

pub enum Body<'b> {
    Bytes(Vec<u8>),
    /// A body of this length.
    Sized(u64, BodyWriter<'b>),
    /// A body that ends with the connection.
    Unsized(BodyWriter<'b>),
}

pub type BodyWriter<'b> = Box<dyn FnOnce(&mut Send<'_>) -> io::Result<()> + 'b>;

pub struct Response<'b> {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: Body<'b>,
}

impl<'b> Response<'b> {
    pub fn new(content_type: &str, body: Body<'b>) -> Response<'b> {
        Response {
            status: 200,
            fields: vec![("Content-Type", content_type.to_owned())],
            body,
        }
    }

    pub fn text(status: u16, text: &str) -> Response<'b> {
        let bytes = Body::Bytes(text.as_bytes().to_vec());
        Response {
            status,
            ..Response::new("text/plain; charset=utf-8", bytes)
        }
    }

    pub fn json(value: &Value) -> Response<'b> {
        let body = Body::Bytes(value.to_string().into_bytes());
        Response::new("application/json", body)
    }

    /// An error as JSON.
    pub fn error(status: u16, text: &str) -> Response<'b> {
        Response {
            status,
            ..Response::json(&json!({"Error": text}))
        }
    }

    pub fn not_found() -> Response<'b> {
        Response::error(404, "not found")
    }

    pub fn with_status(self, status: u16) -> Response<'b> {
        Response { status, ..self }
    }

    /// Adds a field. Its value must not come from a message unless it is encoded.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Response<'b> {
        self.fields.push((name, value.into()));
        self
    }

    /// Sends the response. Returns true if the connection can be used for the next request.
    pub fn send(self, socket: &mut SocketStream, method: Method, closes: bool) -> io::Result<bool> {
        let length = match &self.body {
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Sized(length, _) => Some(*length),
            Body::Unsized(_) => None,
        };
        let closes = closes || length.is_none();
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.fields {
            // A line break would begin another field.
            let value = value.replace(|c: char| c.is_control(), " ");
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(length) = length {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        if closes {
            head.push_str("Connection: close\r\n");
        }
        head.push_str(FOR_ALL);
        let mut bytes = head.into_bytes();
        if method == Method::Head {
            socket.send(&bytes, within(SEND))?;
            return Ok(!closes);
        }
        if let Body::Bytes(body) = &self.body {
            bytes.extend_from_slice(body);
        }
        socket.send(&bytes, within(SEND))?;
        if let Body::Sized(_, write) | Body::Unsized(write) = self.body {
            write(&mut |block| socket.send(block, within(SEND)))?;
        }
        Ok(!closes)
    }
}

/// Fields of all responses: nothing is cached, no type is guessed, no other site may use a response, and no address is
/// sent to other sites or resolved in advance.
const FOR_ALL: &str = "Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: SAMEORIGIN\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Referrer-Policy: no-referrer\r\n\
    X-DNS-Prefetch-Control: off\r\n\r\n";

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Error",
    }
}
