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
use serde_json::{Map, Value};

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

fn unknown_name(name: &str, known: &[&str]) -> Response<'static> {
    let text = format!("{name:?} is not one of {}", known.join(", "));
    Response::error(400, &text)
}

/// The JSON object in the body of a request; empty without a body. Upper and lower case of names are the same, as for
/// mailpit.
struct Fields(Map<String, Value>);

impl Fields {
    /// Other names than these are refused: a misspelt one would mean all messages.
    fn of(request: &Request, names: &[&str]) -> Result<Fields, Response<'static>> {
        if request.body.is_empty() {
            return Ok(Fields(Map::new()));
        }
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(fields)) => Fields::known(fields, names),
            Ok(_) => Err(Response::error(400, "expected a JSON object")),
            Err(error) => Err(Response::error(400, &format!("not valid JSON: {error}"))),
        }
    }

    fn known(fields: Map<String, Value>, names: &[&str]) -> Result<Fields, Response<'static>> {
        let is_known = |field: &&String| names.iter().any(|name| name.eq_ignore_ascii_case(field));
        match fields.keys().find(|field| !is_known(field)) {
            None => Ok(Fields(fields)),
            Some(unknown) => Err(unknown_name(unknown, names)),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let mut fields = self.0.iter();
        fields.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The elements of a list; empty without a field of this name. Another type is an error: that all messages are
    /// deleted because of a wrong `IDs` must not happen.
    fn list<T>(
        &self,
        name: &str,
        (read, what): (impl Fn(&Value) -> Option<T>, &str),
    ) -> Result<Vec<T>, Response<'static>> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let list = value
            .as_array()
            .and_then(|list| list.iter().map(read).collect());
        list.ok_or_else(|| Response::error(400, &format!("{name} is not a list of {what}")))
    }

    fn strings(&self, name: &str) -> Result<Vec<String>, Response<'static>> {
        let read = |value: &Value| value.as_str().map(str::to_owned);
        self.list(name, (read, "strings"))
    }

    /// The text of a field. `None`: there is none.
    fn text(&self, name: &str) -> Result<Option<&str>, Response<'static>> {
        let value = self.get(name).map(Value::as_str);
        let wrong = || Response::error(400, &format!("{name} is not a string"));
        value.map_or(Ok(None), |text| text.map(Some).ok_or_else(wrong))
    }

    /// The fields of an object in a field; empty without it, or if it is null.
    fn object(&self, name: &str, names: &[&str]) -> Result<Fields, Response<'static>> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(Fields(Map::new())),
            Some(Value::Object(fields)) => Fields::known(fields.clone(), names),
            Some(_) => Err(Response::error(400, &format!("{name} is not an object"))),
        }
    }
}
