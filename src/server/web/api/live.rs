//! Waiting for messages, and the stream of events for the page.

use crate::server::stream::within;
use crate::server::web::WebContext;
use crate::server::web::api::{objects, unknown_name};
use crate::server::web::catcher::{Catcher, Position};
use crate::server::web::http::request::Request;
use crate::server::web::http::response::{Body, Response, Send};
use crate::server::web::query::Query;
use crate::system::time::parsed;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// Others are refused: with a misspelt condition, any message would meet it.
const PARAMETERS: [&str; 3] = ["query", "count", "timeout"];

/// Time limit of waiting if the request has none, and its maximum.
const WAIT: Duration = Duration::from_secs(30);
const MAX_WAIT: Duration = Duration::from_secs(600);

/// Messages that a request may wait for: it keeps them in memory.
const MAX_COUNT: usize = 10_000;

/// Interval of the signs of life in a stream of events.
const PING: Duration = Duration::from_secs(15);

/// Time between two reports to a client, so that many messages are one report.
const INTERVAL: Duration = Duration::from_millis(50);

/// New messages that are sent one by one. If there are more, the client reloads the list.
const MAX_NEW: usize = 50;

/// Waits until a number of messages meet a condition.
pub fn wait<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    let mut names = request.query.iter().map(|(name, _)| name.as_str());
    if let Some(unknown) = names.find(|name| !PARAMETERS.contains(name)) {
        return unknown_name(unknown, &PARAMETERS);
    }
    let parameter = |name| request.parameter(name).filter(|value| !value.is_empty());
    let query = match Query::parse(parameter("query").unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => return Response::error(400, &error),
    };
    let count = parameter("count").map_or(Ok(1), str::parse::<usize>);
    let Some(count) = count.ok().filter(|&count| count <= MAX_COUNT) else {
        return Response::error(400, &format!("count is not a number up to {MAX_COUNT}"));
    };
    let limit = match parameter("timeout") {
        None => Some(WAIT),
        Some(text) => parsed(text).or_else(|| text.parse().ok().map(Duration::from_secs)),
    };
    let Some(limit) = limit else {
        return Response::error(400, "timeout is not a time, such as 10s");
    };
    let deadline = within(limit.min(MAX_WAIT));
    let mut found = Vec::new();
    let mut last = Position::default();
    loop {
        let newer = context.catcher.after(last.number);
        if let Some(newest) = newer.last() {
            last.number = newest.number;
        }
        found.extend(newer.into_iter().filter(|message| message.matches(&query)));
        if found.len() >= count {
            let list: Vec<Value> = found
                .iter()
                .map(|message| objects::summary(message))
                .collect();
            return Response::json(&json!({
                "count": list.len(), "messages_count": list.len(), "messages": list,
            }));
        }
        let position = context.catcher.position();
        if position.number > last.number && !context.catcher.after(last.number).is_empty() {
            continue;
        }
        let next = context.catcher.wait(position, deadline);
        if next == position || next.is_closing {
            return too_late(found.len(), count);
        }
    }
}

fn too_late(found: usize, count: usize) -> Response<'static> {
    let text = format!("{found} of {count} messages arrived in time");
    let body = json!({"Error": text, "messages_count": found, "messages": []});
    Response::json(&body).with_status(408)
}

/// Server-sent events: `new` with a message, `update` with the numbers of messages.
pub fn events(context: WebContext<'_>) -> Response<'_> {
    let catcher = context.catcher;
    let body = Body::Unsized(Box::new(move |send| stream(catcher, send)));
    Response::new("text/event-stream", body)
}

fn stream(catcher: &Catcher<'_>, send: &mut Send<'_>) -> io::Result<()> {
    let mut position = catcher.position();
    send(update(catcher).as_bytes())?;
    loop {
        let next = catcher.wait(position, within(PING));
        if next.is_closing {
            return Ok(());
        }
        if next == position {
            send(b": ping\n\n")?;
            continue;
        }
        let newer = catcher.after(position.number);
        let mut text = String::new();
        if newer.len() <= MAX_NEW && next.revision == position.revision {
            for message in &newer {
                text.push_str(&format!(
                    "event: new\ndata: {}\n\n",
                    objects::summary(message)
                ));
            }
        }
        text.push_str(&update(catcher));
        send(text.as_bytes())?;
        let number = newer.last().map_or(next.number, |newest| newest.number);
        position = Position { number, ..next };
        catcher.pause(INTERVAL);
    }
}

fn update(catcher: &Catcher<'_>) -> String {
    let (total, unread) = catcher.counts();
    let revision = catcher.position().revision;
    let data = json!({"Total": total, "Unread": unread, "Revision": revision});
    format!("event: update\ndata: {data}\n\n")
}
