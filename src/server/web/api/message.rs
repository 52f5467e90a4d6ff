//! One message: parsed, raw, its parts, its HTML.

use crate::mail::message::Source;
use crate::mail::view::{MessageView, PartView};
use crate::server::web::WebContext;
use crate::server::web::api::{get, objects};
use crate::server::web::caught::CaughtMessage;
use crate::server::web::html;
use crate::server::web::http::request::Request;
use crate::server::web::http::response::{Body, Response};
use std::io;
use std::sync::Arc;

const BLOCK: usize = 64 * 1024;

/// For everything that is made of a message: nothing is executed, and nothing is loaded.
const SANDBOX: &str = "sandbox; default-src 'none'";

/// Types that are sent as they are. All others are sent as a file to be saved.
const SHOWN_TYPES: [&str; 6] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/bmp",
    "text/plain",
];

/// A message that was opened.
struct Opened {
    message: Arc<CaughtMessage>,
    source: Source,
}

pub fn message<'a>(
    context: WebContext<'a>,
    request: &Request,
    (id, rest): (&str, &[&str]),
) -> Response<'a> {
    get(request, || {
        let Some(opened) = open(context, id) else {
            return Response::not_found();
        };
        match rest {
            [] => whole(context, &opened),
            ["raw"] => raw(opened, request.parameter("dl").is_some()),
            ["session"] => Response::json(&objects::session(&opened.message)),
            ["headers"] => viewed(context, &opened, |view| Ok(objects::headers(view))),
            ["parts"] => viewed(context, &opened, |view| Ok(objects::parts(view))),
            ["part", part] => content(context, opened, part),
            ["html-check" | "link-check" | "sa-check" | "release"] => {
                Response::error(501, "not implemented")
            }
            _ => Response::not_found(),
        }
    })
}

/// `None`: there is no such message, or its file was removed.
fn open(context: WebContext<'_>, id: &str) -> Option<Opened> {
    let message = context.catcher.find(id)?;
    let source = message.source().ok()?;
    Some(Opened { message, source })
}

fn unreadable(error: &io::Error) -> Response<'static> {
    Response::error(503, &format!("the message cannot be read: {error}"))
}

fn viewed<'a>(
    context: WebContext<'a>,
    opened: &Opened,
    show: impl FnOnce(&MessageView) -> io::Result<serde_json::Value>,
) -> Response<'a> {
    let shown = context
        .catcher
        .view(&opened.source)
        .and_then(|view| show(&view));
    match shown {
        Ok(value) => Response::json(&value),
        Err(error) => unreadable(&error),
    }
}

/// The parsed message, which is then marked as read.
fn whole<'a>(context: WebContext<'a>, opened: &Opened) -> Response<'a> {
    let response = viewed(context, opened, |view| {
        objects::message(&opened.message, (&opened.source, view))
    });
    let message = Arc::clone(&opened.message);
    context.catcher.set_read(&[message], true);
    response
}

fn raw<'a>(opened: Opened, is_download: bool) -> Response<'a> {
    let Opened { message, source } = opened;
    let length = source.len;
    let body = Body::Sized(
        length,
        Box::new(move |send| {
            let mut block = source.block(BLOCK);
            let mut at = 0;
            while at < length {
                let count = source.read_at(&mut block, at)?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                send(&block[..count])?;
                at += count as u64;
            }
            Ok(())
        }),
    );
    let response =
        Response::new("text/plain; charset=utf-8", body).with("Content-Security-Policy", SANDBOX);
    if is_download {
        let name = format!("attachment; filename=\"{}.eml\"", message.id);
        return response.with("Content-Disposition", name);
    }
    response
}

/// The decoded content of a part.
fn content<'a>(context: WebContext<'a>, opened: Opened, id: &str) -> Response<'a> {
    let view = match context.catcher.view(&opened.source) {
        Ok(view) => view,
        Err(error) => return unreadable(&error),
    };
    let Some(part) = view.part(id).cloned() else {
        return Response::not_found();
    };
    let disposition = disposition(&part);
    let content_type = shown_type(&part);
    let source = opened.source;
    let body = Body::Unsized(Box::new(move |send| {
        part.decode(&source, &mut |block| {
            if block.is_empty() {
                Ok(())
            } else {
                send(block)
            }
        })
    }));
    Response::new(&content_type, body)
        .with("Content-Security-Policy", SANDBOX)
        .with("Content-Disposition", disposition)
}

fn shown_type(part: &PartView) -> String {
    let known = SHOWN_TYPES
        .iter()
        .find(|known| **known == part.content_type);
    match known {
        Some(&"text/plain") => {
            let is_label =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
            let charset: String = part.charset.chars().filter(|&c| is_label(c)).collect();
            let charset = if charset.is_empty() {
                "utf-8"
            } else {
                &charset
            };
            format!("text/plain; charset={charset}")
        }
        Some(known) => (*known).to_owned(),
        None => "application/octet-stream".to_owned(),
    }
}

/// The name of the file (RFC 6266), encoded as in RFC 8187.
fn disposition(part: &PartView) -> String {
    let is_shown = SHOWN_TYPES.contains(&part.content_type.as_str());
    let kind = if is_shown { "inline" } else { "attachment" };
    let mut name = String::new();
    for byte in part.file_name().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{kind}; filename*=UTF-8''{name}")
}

/// `/view/ID.html` and `/view/ID.txt`.
pub fn view<'a>(context: WebContext<'a>, request: &Request, name: &str) -> Response<'a> {
    get(request, || {
        let (id, kind) = name.rsplit_once('.').unwrap_or((name, ""));
        let Some(opened) = open(context, id) else {
            return Response::not_found();
        };
        let view = match context.catcher.view(&opened.source) {
            Ok(view) => view,
            Err(error) => return unreadable(&error),
        };
        match kind {
            "txt" => Response::text(200, &view.text).with("Content-Security-Policy", SANDBOX),
            "html" if view.html.is_empty() => Response::error(404, "the message has no HTML"),
            "html" => html::page(&view, &opened.source),
            _ => Response::not_found(),
        }
    })
}
