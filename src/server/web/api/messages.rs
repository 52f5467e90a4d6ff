//! Lists of messages, and what is done with several.

use crate::server::web::WebContext;
use crate::server::web::api::{Fields, get, objects};
use crate::server::web::caught::CaughtMessage;
use crate::server::web::http::request::{Method, Request};
use crate::server::web::http::response::Response;
use crate::server::web::query::Query;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Messages of a list if the request has no limit.
const LIMIT: usize = 50;

pub fn messages<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    match request.method {
        Method::Get | Method::Head => {
            let all = context.catcher.messages();
            list(context, request, &all)
        }
        Method::Put => mark(context, request),
        Method::Delete => delete(context, request),
        _ => get(request, Response::not_found),
    }
}

pub fn search<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    let query = match Query::search(request.parameter("query").unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => return Response::error(400, &error),
    };
    match request.method {
        // Otherwise a misspelt parameter, or a variable that is empty, would mean all messages.
        Method::Delete if query.is_blank() => Response::error(400, "expected query"),
        Method::Delete => {
            let found = context.catcher.search(&query);
            let found: HashSet<u64> = found.iter().map(|message| message.number).collect();
            let is_selected = |message: &CaughtMessage| found.contains(&message.number);
            context.catcher.delete(is_selected);
            Response::text(200, "ok")
        }
        Method::Get | Method::Head => list(context, request, &context.catcher.search(&query)),
        _ => get(request, Response::not_found),
    }
}

/// A page of a list.
fn list<'a>(
    context: WebContext<'a>,
    request: &Request,
    found: &[Arc<CaughtMessage>],
) -> Response<'a> {
    let number = |name: &str, default: usize| match request.parameter(name) {
        None | Some("") => Ok(default),
        Some(text) => text.parse().map_err(|_| name.to_owned()),
    };
    let (start, limit) = match (number("start", 0), number("limit", LIMIT)) {
        (Ok(start), Ok(limit)) => (start, limit),
        (Err(name), _) | (_, Err(name)) => {
            return Response::error(400, &format!("{name} is not a number"));
        }
    };
    let (total, unread) = context.catcher.counts();
    let page: Vec<Value> = found
        .iter()
        .skip(start)
        .take(limit)
        .map(|message| objects::summary(message))
        .collect();
    let tags: BTreeSet<String> = found.iter().flat_map(|message| message.tags()).collect();
    let unread_found = found.iter().filter(|message| !message.is_read()).count();
    Response::json(&json!({
        "total": total,
        "unread": unread,
        "count": page.len(),
        "messages_count": found.len(),
        "messages_unread": unread_found,
        "start": start,
        "tags": tags,
        "messages": page,
    }))
}

/// The messages that a body names: by `IDs`, by `Search`, or all.
fn selected(
    context: WebContext<'_>,
    fields: &Fields,
) -> Result<Vec<Arc<CaughtMessage>>, Response<'static>> {
    let ids = fields.strings("IDs")?;
    if !ids.is_empty() {
        let found = ids.iter().filter_map(|id| context.catcher.find(id));
        return Ok(found.collect());
    }
    let query = fields.text("Search")?.unwrap_or_default();
    let query = Query::search(query).map_err(|error| Response::error(400, &error))?;
    Ok(context.catcher.search(&query))
}

fn mark<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    let done = Fields::of(request, &["Read", "IDs", "Search"]).and_then(|fields| {
        let is_read = fields.get("Read").map_or(Some(false), Value::as_bool);
        let is_read = is_read.ok_or_else(|| Response::error(400, "Read is not true or false"))?;
        let messages = selected(context, &fields)?;
        context.catcher.set_read(&messages, is_read);
        Ok(Response::text(200, "ok"))
    });
    done.unwrap_or_else(|refusal| refusal)
}

/// Deletes the messages with these identifiers; without any, all.
fn delete<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    let done = Fields::of(request, &["IDs"]).and_then(|fields| {
        let ids: HashSet<String> = fields.strings("IDs")?.into_iter().collect();
        let is_selected = |message: &CaughtMessage| ids.is_empty() || ids.contains(&message.id);
        context.catcher.delete(is_selected);
        Ok(Response::text(200, "ok"))
    });
    done.unwrap_or_else(|refusal| refusal)
}

pub fn tags<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    if request.method != Method::Put {
        let messages = context.catcher.messages();
        let tags: BTreeSet<String> = messages.iter().flat_map(|message| message.tags()).collect();
        return get(request, || Response::json(&json!(tags)));
    }
    let done = Fields::of(request, &["Tags", "IDs"]).and_then(|fields| {
        if fields.get("Tags").is_none() {
            return Err(Response::error(400, "expected Tags"));
        }
        let ids = fields.strings("IDs")?;
        let found: Vec<_> = ids
            .iter()
            .filter_map(|id| context.catcher.find(id))
            .collect();
        context.catcher.set_tags(&found, &fields.strings("Tags")?);
        Ok(Response::text(200, "ok"))
    });
    done.unwrap_or_else(|refusal| refusal)
}

/// Renames a tag of all messages to `Name` (PUT), or removes it (DELETE).
pub fn tag<'a>(context: WebContext<'a>, request: &Request, tag: &str) -> Response<'a> {
    let name = match (request.method, Fields::of(request, &["Name"])) {
        (_, Err(refusal)) => return refusal,
        (Method::Put, Ok(fields)) => match fields.text("Name") {
            Ok(name) => name.map(str::to_owned),
            Err(refusal) => return refusal,
        },
        (Method::Delete, Ok(_)) => None,
        _ => return Response::error(405, "the method is not allowed here"),
    };
    if request.method == Method::Put && name.as_deref().is_none_or(str::is_empty) {
        return Response::error(400, "expected Name");
    }
    for message in context.catcher.messages() {
        let tags = message.tags();
        if tags.iter().any(|known| known == tag) {
            let others = tags.into_iter().filter(|known| known != tag);
            let changed: BTreeSet<String> = others.chain(name.clone()).collect();
            let changed: Vec<String> = changed.into_iter().collect();
            context.catcher.set_tags(&[message], &changed);
        }
    }
    Response::text(200, "ok")
}
