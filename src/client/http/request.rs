//! Requests and responses.

use crate::client::http::Url;
use crate::system::secret::Secret;
use ureq_proto::http::HeaderMap;

/// A request. Its header values and its body are never shown.
#[derive(Clone, Debug)]
pub struct Request<'u> {
    pub(super) url: &'u Url,
    pub(super) headers: Vec<(&'static str, Secret)>,
    /// `None`: a GET request.
    pub(super) body: Option<Secret>,
}

impl<'u> Request<'u> {
    pub fn get(url: &'u Url) -> Self {
        Self {
            url,
            headers: Vec::new(),
            body: None,
        }
    }

    /// A POST request with a body of this media type.
    pub fn post(url: &'u Url, media_type: &'static str, body: Secret) -> Self {
        let request = Self {
            body: Some(body),
            ..Self::get(url)
        };
        request.header("content-type", Secret::new(media_type.into()))
    }

    /// A POST request with the fields of a form (`application/x-www-form-urlencoded`).
    pub fn post_form(url: &'u Url, fields: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let body = Secret::new(form.finish().into_bytes());
        Self::post(url, "application/x-www-form-urlencoded", body)
    }

    /// Adds a header field. An invalid value is an error when the request is sent.
    pub fn header(mut self, name: &'static str, value: Secret) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn method(&self) -> &'static str {
        if self.body.is_some() { "POST" } else { "GET" }
    }
}

/// A response with any status; redirects are not followed.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub(super) headers: HeaderMap,
    /// The whole body.
    pub body: Secret,
}

impl Response {
    /// The value of a header field, if it is ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type in lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        let media_type = value.split(';').next().unwrap_or_default();
        Some(media_type.trim().to_ascii_lowercase())
    }
}
