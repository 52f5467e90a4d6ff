//! The page: HTML, script and style, part of the program.

use crate::server::web::http::response::{Body, Response};

/// Only the files of this server, and its frames with the HTML of messages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub fn html<'a>() -> Response<'a> {
    file("text/html; charset=utf-8", include_str!("page/index.html"))
        .with("Content-Security-Policy", POLICY)
}

pub fn script<'a>() -> Response<'a> {
    file(
        "text/javascript; charset=utf-8",
        include_str!("page/app.js"),
    )
}

pub fn style<'a>() -> Response<'a> {
    file("text/css; charset=utf-8", include_str!("page/app.css"))
}

pub fn icon<'a>() -> Response<'a> {
    file("image/svg+xml", include_str!("page/icon.svg")).with(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'",
    )
}

fn file<'a>(content_type: &str, text: &str) -> Response<'a> {
    Response::new(content_type, Body::Bytes(text.as_bytes().to_vec()))
}
