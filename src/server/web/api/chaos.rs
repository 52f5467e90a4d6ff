//! Faults that are changed while the server runs.

use crate::server::fault::{FaultAction, FaultReply, FaultTime, InjectedFault};
use crate::server::web::WebContext;
use crate::server::web::api::{Fields, get};
use crate::server::web::http::request::{Method, Request};
use crate::server::web::http::response::Response;
use crate::smtp::stage::Stage;
use crate::system::time::parsed;
use serde_json::{Map, Value, json};

/// Faults at one time.
const MAX_FAULTS: usize = 1000;

/// The names of mailpit's API, their stages and the text of the reply.
const TRIGGERS: [(&str, Stage, &str); 3] = [
    ("Sender", Stage::Mail, "sender rejected"),
    ("Recipient", Stage::Rcpt, "recipient rejected"),
    ("Authentication", Stage::Auth, "login rejected"),
];

/// Lists (GET), adds (POST), replaces (PUT) and removes (DELETE) faults, written as in the option --fault.
pub fn faults<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    let done = match request.method {
        Method::Post => change(context, request, false),
        Method::Put => change(context, request, true),
        Method::Delete => remove(context, request),
        _ => Ok(()),
    };
    match (done, request.method) {
        (Err(refusal), _) => refusal,
        (Ok(()), Method::Other) => get(request, Response::not_found),
        (Ok(()), _) => list(context),
    }
}

fn list(context: WebContext<'_>) -> Response<'_> {
    let faults = context.faults.all();
    let faults: Vec<Value> = faults
        .iter()
        .map(|(id, fault)| json!({"ID": id, "Fault": fault.to_string()}))
        .collect();
    Response::json(&json!({"Faults": faults}))
}

fn change(
    context: WebContext<'_>,
    request: &Request,
    is_whole: bool,
) -> Result<(), Response<'static>> {
    let fields = Fields::of(request, &["Fault", "Faults"])?;
    let mut texts = fields.strings("Faults")?;
    texts.extend(fields.text("Fault")?.map(str::to_owned));
    if texts.is_empty() && !(is_whole && fields.get("Faults").is_some()) {
        return Err(Response::error(400, "expected Fault or Faults"));
    }
    let clock = |text: &str| parsed(text).ok_or_else(|| format!("{text:?} is not a time"));
    let parsed = texts.iter().map(|text| InjectedFault::parse(text, clock));
    let parsed: Result<Vec<InjectedFault>, String> = parsed.collect();
    let faults = parsed.map_err(|error| Response::error(400, &error))?;
    let kept = if is_whole {
        0
    } else {
        context.faults.all().len()
    };
    if kept + faults.len() > MAX_FAULTS {
        return Err(Response::error(400, "too many faults"));
    }
    if is_whole {
        context.faults.remove(|_, _| true);
    }
    for fault in faults {
        context.faults.add(fault);
    }
    Ok(())
}

/// Removes the faults with the numbers in `IDs`; without any, all.
fn remove(context: WebContext<'_>, request: &Request) -> Result<(), Response<'static>> {
    let fields = Fields::of(request, &["IDs"])?;
    let ids: Vec<u64> = fields.list("IDs", (Value::as_u64, "numbers"))?;
    context
        .faults
        .remove(|id, _| ids.is_empty() || ids.contains(&id));
    Ok(())
}

/// The triggers of mailpit: a code and a probability for each.
pub fn chaos<'a>(context: WebContext<'a>, request: &Request) -> Response<'a> {
    if request.method == Method::Put
        && let Err(refusal) = set_triggers(context, request)
    {
        return refusal;
    }
    let faults = context.faults.all();
    let mut triggers = Map::new();
    for (name, stage, _) in TRIGGERS {
        let known = faults.iter().find_map(|(_, fault)| trigger(fault, stage));
        let (code, percent) = known.unwrap_or((451, 0.0));
        let whole = (0..=100_u32)
            .rev()
            .find(|&whole| f64::from(whole) <= percent);
        let trigger = json!({"ErrorCode": code, "Probability": whole.unwrap_or(0)});
        triggers.insert(name.to_owned(), trigger);
    }
    match request.method {
        Method::Get | Method::Head | Method::Put => Response::json(&Value::Object(triggers)),
        _ => get(request, Response::not_found),
    }
}

/// The code and the probability of a fault that is a trigger of this stage.
fn trigger(fault: &InjectedFault, stage: Stage) -> Option<(u16, f64)> {
    match (&fault.what, fault.when) {
        (FaultAction::Reply(reply), FaultTime::Chance(percent))
            if fault.stage == stage && fault.address.is_none() =>
        {
            Some((reply.code, percent))
        }
        _ => None,
    }
}

/// Replaces all triggers; one that is missing is removed.
fn set_triggers(context: WebContext<'_>, request: &Request) -> Result<(), Response<'static>> {
    let fields = Fields::of(request, &TRIGGERS.map(|(name, _, _)| name))?;
    let mut added = Vec::new();
    for (name, stage, text) in TRIGGERS {
        let trigger = fields.object(name, &["ErrorCode", "Probability"])?;
        let (Some(code), Some(percent)) = (code(&trigger), percent(&trigger)) else {
            let text = format!("{name}: ErrorCode is from 400 to 599, Probability from 0 to 100");
            return Err(Response::error(400, &text));
        };
        if percent > 0.0 {
            added.push(InjectedFault {
                stage,
                address: None,
                what: FaultAction::Reply(FaultReply {
                    code,
                    text: format!("{code} {text}"),
                }),
                when: FaultTime::Chance(percent),
            });
        }
    }
    context.faults.remove(|_, fault| {
        TRIGGERS
            .iter()
            .any(|(_, stage, _)| trigger(fault, *stage).is_some())
    });
    for fault in added {
        context.faults.add(fault);
    }
    Ok(())
}

fn code(trigger: &Fields) -> Option<u16> {
    let code = trigger.get("ErrorCode").map_or(Some(451), Value::as_u64);
    let code = code.and_then(|code| u16::try_from(code).ok());
    code.filter(|code| (400..600).contains(code))
}

fn percent(trigger: &Fields) -> Option<f64> {
    let percent = trigger.get("Probability");
    let percent = percent.map_or(Some(0.0), Value::as_f64);
    percent.filter(|percent| (0.0..=100.0).contains(percent))
}
