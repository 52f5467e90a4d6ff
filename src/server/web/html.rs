//! The HTML of a message, for a frame in which nothing is executed and nothing is loaded.

use crate::mail::message::Source;
use crate::mail::view::{MessageView, PartView};
use crate::server::web::http::response::{Body, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io;

/// Octets of all embedded images. Others are not shown.
const MAX_IMAGES: u64 = 8 * 1024 * 1024;

/// Styles in the message and the images that it contains. No script, no form, no other source.
const POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
    img-src data:; style-src 'unsafe-inline'; font-src 'none'; frame-ancestors 'self'; base-uri 'none'; \
    form-action 'none'";

/// Elements that a browser may act on before or in spite of the policy: connections in advance, redirections, other
/// documents, and a base for relative addresses.
const RENAMED: [&str; 12] = [
    "link", "meta", "base", "script", "iframe", "frame", "frameset", "object", "embed", "applet",
    "portal", "form",
];

/// Image types that are embedded. SVG is not among them.
const IMAGE_TYPES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/bmp",
];

pub fn page<'a>(view: &MessageView, source: &Source) -> Response<'a> {
    let html = with_images(&without_active_elements(&view.html), view, source);
    // Links open in a new tab: in the frame, the policy of the page refuses them.
    let page = format!("<!doctype html><base target=\"_blank\">{html}");
    Response::new("text/html; charset=utf-8", Body::Bytes(page.into_bytes()))
        .with("Content-Security-Policy", POLICY)
}

/// Renames the elements that could act: `<script` becomes `<x-script`, which has no meaning.
fn without_active_elements(html: &str) -> String {
    let mut safe = String::with_capacity(html.len() + 100);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        safe.push_str(&rest[..at]);
        rest = &rest[at..];
        let is_end = rest.starts_with("</");
        let name = &rest[1 + usize::from(is_end)..];
        safe.push_str(if is_end { "</" } else { "<" });
        if RENAMED.iter().any(|element| begins_with(name, element)) {
            safe.push_str("x-");
        }
        rest = name;
    }
    safe.push_str(rest);
    safe
}

fn begins_with(text: &str, word: &str) -> bool {
    let start = text.as_bytes().get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// Replaces `cid:` addresses (RFC 2392) by the images of the message.
fn with_images(html: &str, view: &MessageView, source: &Source) -> String {
    let mut html = html.to_owned();
    let mut left = MAX_IMAGES;
    let images = view.parts.iter().filter(|part| {
        !part.content_id.is_empty() && IMAGE_TYPES.contains(&part.content_type.as_str())
    });
    for image in images {
        let address = format!("cid:{}", image.content_id);
        let count = html.matches(&address).count() as u64;
        let encoded = image.octets.end - image.octets.start;
        if count == 0 || encoded.saturating_mul(count) > left {
            continue;
        }
        left -= encoded * count;
        if let Ok(data) = data_address(image, source) {
            html = html.replace(&address, &data);
        }
    }
    html
}

fn data_address(image: &PartView, source: &Source) -> io::Result<String> {
    let mut bytes = Vec::new();
    image.decode(source, &mut |block| {
        bytes.extend_from_slice(block);
        Ok(())
    })?;
    let data = BASE64_STANDARD.encode(bytes);
    Ok(format!("data:{};base64,{data}", image.content_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_elements_are_renamed() {
        for (html, safe) in [
            ("<p>1 < 2</p>", "<p>1 < 2</p>"),
            ("<ScRiPt src=x></SCRIPT >", "<x-ScRiPt src=x></x-SCRIPT >"),
            ("<link rel=preconnect>", "<x-link rel=preconnect>"),
            (
                "a<<meta http-equiv=refresh>",
                "a<<x-meta http-equiv=refresh>",
            ),
            ("<b>\u{fc}</b><base href=x", "<b>\u{fc}</b><x-base href=x"),
            ("<", "<"),
        ] {
            assert_eq!(without_active_elements(html), safe);
        }
    }
}
