//! The HTTP API. Paths and JSON are those of mailpit's API v1 as far as it has them.

mod chaos;

mod live;
mod message;
mod messages;
mod objects;

use crate::server::web::WebContext;
use crate::server::web::http::request::{Method, Request};
use crate::server::web::http::response::Response;
use crate::server::web::page;
use serde_json::{Value, json};

pub fn respond<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["api", "v1", rest @ ..] => api(context, request, rest),
        ["view", name] => message::view(context, request, name),
        ["livez" | "readyz"] => get(request, || Response::text(200, "ok")),
        [] => get(request, page::html),
        ["app.js"] => get(request, page::script),
        ["app.css"] => get(request, page::style),
        ["favicon.ico" | "favicon.svg"] => get(request, page::icon),
        _ => Response::not_found(),
    }
}

fn api<'a>(context: WebContext<'a>, request: &Request, path: &[&str]) -> Response<'a> {
    match path {
        ["info"] => get(request, || Response::json(&objects::info(context.catcher))),
        ["webui"] => get(request, || Response::json(&objects::configuration())),
        ["messages"] => messages::messages(context, request),
        ["search"] => messages::search(context, request),
        ["wait"] => get(request, || live::wait(context, request)),
        ["events"] => get(request, || live::events(context)),
        ["tags"] => messages::tags(context, request),
        ["tags", tag] => messages::tag(context, request, tag),
        ["chaos"] => chaos::chaos(context, request),
        ["faults"] => chaos::faults(context, request),
        ["message", id, rest @ ..] => message::message(context, request, (id, rest)),
        _ => Response::not_found(),
    }
}

fn get<'a>(request: &Request, respond: impl FnOnce() -> Response<'a>) -> Response<'a> {
    match request.method {
        Method::Get | Method::Head => respond(),
        _ => Response::error(405, "the method is not allowed here"),
    }
}

/// The JSON object in the body of a request; empty without a body.
fn object(request: &Request) -> Result<Value, Response<'static>> {
    if request.body.is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_slice(&request.body) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(Response::error(400, "expected a JSON object")),
        Err(error) => Err(Response::error(400, &format!("not valid JSON: {error}"))),
    }
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}
