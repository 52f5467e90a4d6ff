//! One request and its response over a connection (RFC 9112). The connection is closed afterwards.

use crate::client::http::request::{Request, Response};
use crate::client::http::{HttpError, MAX_HEAD};
use crate::client::wire::{Deadline, Wire, WireError};
use crate::system::secret::Secret;
use ureq_proto::BodyMode;
use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call, RecvResponseResult, SendRequestResult};
use ureq_proto::http::{self, HeaderMap, HeaderValue, header};
use zeroize::Zeroizing;

/// Maximum size of a line of the chunked coding; longer ones are not read by the parser.
const MAX_CHUNK_LINE: usize = 1024;

/// A connection while it is used for one request.
pub struct Exchange {
    pub wire: Wire,
    pub deadline: Deadline,
    /// Maximum size of the body of the response.
    pub max_body: usize,
    received: Zeroizing<Vec<u8>>,
}

impl Exchange {
    pub fn new(wire: Wire, deadline: Deadline, max_body: usize) -> Self {
        Self {
            wire,
            deadline,
            max_body,
            received: Zeroizing::default(),
        }
    }

    /// Sends the request and reads the response.
    pub fn run(mut self, request: &Request<'_>) -> Result<Response, HttpError> {
        let mut call = self.send(request)?;
        let head = self.head(&mut call)?;
        let headers = head.headers();
        check_codings(headers)?;
        let body = match call.proceed() {
            Some(RecvResponseResult::RecvBody(call)) => self.body(call)?,
            _ => Vec::new(),
        };
        Ok(Response {
            status: head.status().as_u16(),
            headers: headers.clone(),
            body: Secret::new(body),
        })
    }

    fn send(&mut self, request: &Request<'_>) -> Result<Call<RecvResponse>, HttpError> {
        let mut call = Call::new(head_of(request)?)
            .map_err(|error| unsendable(&error))?
            .proceed();
        let mut head = Zeroizing::new(vec![0; longest_head(request)]);
        while !call.can_proceed() {
            let count = call.write(&mut head).map_err(|error| unsendable(&error))?;
            self.wire.outbox.extend_from_slice(&head[..count]);
        }
        let body = request.body.as_ref().map_or(&[][..], Secret::expose);
        self.wire.outbox.extend_from_slice(body);
        let call = match call.proceed().map_err(|error| unsendable(&error))? {
            Some(SendRequestResult::RecvResponse(call)) => Some(call),
            Some(SendRequestResult::SendBody(mut call)) => {
                call.consume_direct_write(body.len())
                    .map_err(|error| unsendable(&error))?;
                call.proceed()
            }
            _ => None,
        };
        let left = self.deadline.left().unwrap_or_default();
        self.wire.flush(left)?;
        call.ok_or_else(|| HttpError::Request("it has no end".to_owned()))
    }

    /// Reads the header of the response, after those of interim responses (RFC 9110 §15.2).
    fn head(&mut self, call: &mut Call<RecvResponse>) -> Result<http::Response<()>, HttpError> {
        let mut consumed = 0;
        loop {
            let (used, head) = call
                .try_response(&self.received, false)
                .map_err(|error| protocol(&error))?;
            self.received.drain(..used);
            consumed += used;
            if let Some(head) = head {
                return Ok(head);
            }
            if consumed + self.received.len() > MAX_HEAD {
                return Err(HttpError::LongHead);
            }
            if used == 0 && !self.receive()? {
                return Err(HttpError::Incomplete);
            }
        }
    }

    fn body(&mut self, mut call: Call<RecvBody>) -> Result<Vec<u8>, HttpError> {
        let mode = call.body_mode();
        if let BodyMode::LengthDelimited(length) = mode
            && length > self.max_body as u64
        {
            return Err(HttpError::LargeBody(self.max_body));
        }
        let ends_with_connection = mode == BodyMode::CloseDelimited;
        // The chunked coding may be larger than the body: six octets for each octet of the body.
        let mut allowance = MAX_HEAD + 8 * self.max_body;
        let mut body = Vec::new();
        loop {
            let used = self.decode(&mut call, &mut body)?;
            if !ends_with_connection && call.can_proceed() {
                return Ok(body);
            }
            allowance = allowance
                .checked_sub(used)
                .ok_or(HttpError::LargeBody(self.max_body))?;
            if self.received.len() > MAX_CHUNK_LINE {
                return Err(HttpError::Protocol("a chunk has no size".to_owned()));
            }
            if !self.receive()? {
                return if ends_with_connection {
                    Ok(body)
                } else {
                    Err(HttpError::Incomplete)
                };
            }
        }
    }

    /// Decodes what was received. Returns the number of octets that were consumed.
    fn decode(
        &mut self,
        call: &mut Call<RecvBody>,
        body: &mut Vec<u8>,
    ) -> Result<usize, HttpError> {
        let mut at = 0;
        let mut decoded = Zeroizing::new([0; 4096]);
        loop {
            let read = call.read(&self.received[at..], &mut *decoded);
            let (used, count) = read.map_err(|error| protocol(&error))?;
            at += used;
            body.extend_from_slice(&decoded[..count]);
            if body.len() > self.max_body {
                return Err(HttpError::LargeBody(self.max_body));
            }
            if used == 0 {
                self.received.drain(..at);
                return Ok(at);
            }
        }
    }

    /// Waits for data. Returns false at the end of the stream. TLS that ends without `close_notify` may have been
    /// cut off by somebody else (RFC 8446 §6.1).
    fn receive(&mut self) -> Result<bool, HttpError> {
        match self.wire.receive(&mut self.received, self.deadline) {
            Err(WireError::Closed) => Err(HttpError::Incomplete),
            other => Ok(other?),
        }
    }
}

/// At least the size of the header of the request.
fn longest_head(request: &Request<'_>) -> usize {
    let fields = request.headers.iter();
    let fields = fields.map(|(name, value)| name.len() + value.expose().len() + 4);
    let url = &request.url.uri;
    let target = url
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    512 + target + request.url.host().len() + fields.sum::<usize>()
}

/// The header of the request. The parser adds `Host`.
fn head_of(request: &Request<'_>) -> Result<http::Request<()>, HttpError> {
    let mut head = http::Request::builder()
        .method(request.method())
        .uri(request.url.uri.clone())
        .header(header::CONNECTION, "close")
        .header(
            header::USER_AGENT,
            concat!("ehlo/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(body) = &request.body {
        head = head.header(header::CONTENT_LENGTH, body.expose().len());
    }
    for (name, value) in &request.headers {
        let value = HeaderValue::from_bytes(value.expose()).map_err(|_| {
            HttpError::Request(format!("its {name} has a character that is not allowed"))
        })?;
        head = head.header(*name, value);
    }
    head.body(())
        .map_err(|error| HttpError::Request(error.to_string()))
}

/// Only the chunked coding is decoded, and no other was requested.
fn check_codings(headers: &HeaderMap) -> Result<(), HttpError> {
    for (name, known) in [
        (header::TRANSFER_ENCODING, "chunked"),
        (header::CONTENT_ENCODING, "identity"),
    ] {
        for value in headers.get_all(&name) {
            if !value.as_bytes().eq_ignore_ascii_case(known.as_bytes()) {
                return Err(HttpError::Protocol(format!("its {name} is not supported")));
            }
        }
    }
    Ok(())
}

fn protocol(error: &ureq_proto::Error) -> HttpError {
    HttpError::Protocol(error.to_string())
}

fn unsendable(error: &ureq_proto::Error) -> HttpError {
    HttpError::Request(error.to_string())
}
