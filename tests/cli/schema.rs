//! The schema of JSON lines, held against what the program says. Of JSON Schema (2020-12), it knows what
//! the schema uses, and nothing else: another word in it fails every test.

use serde_json::{Map, Value};
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../man/ehlo-events.schema.json");
    serde_json::from_str(text).expect("the schema is no JSON")
});

/// Fails where a line is not as the manual promises.
#[track_caller]
pub fn check(line: &Value) {
    let alternatives = SCHEMA["oneOf"].as_array().unwrap();
    let name = &line["event"];
    let event = alternatives
        .iter()
        .find(|event| event["properties"]["event"]["const"] == *name);
    let Some(event) = event else {
        panic!("{name} is not in the schema: {line}");
    };
    if let Err(why) = fits(event, line) {
        panic!("{why}, in {line}");
    }
}

/// Fails if a report about a domain is not as its schema promises.
#[track_caller]
pub fn check_domain(report: &Value) {
    check_report(include_str!("../../man/ehlo-check.schema.json"), report);
}

/// Fails if the results for a message are not as their schema promises.
#[track_caller]
pub fn check_message(report: &Value) {
    check_report(include_str!("../../man/ehlo-verify.schema.json"), report);
}

#[track_caller]
fn check_report(text: &str, report: &Value) {
    let schema: Value = serde_json::from_str(text).expect("the schema is no JSON");
    if let Err(why) = fits(&schema["oneOf"][0], report) {
        panic!("{why}, in {report}");
    }
}

/// Fails if a line of `ehlo bench --json` is not as its schema promises.
#[track_caller]
pub fn check_load(line: &Value) {
    let text = include_str!("../../man/ehlo-bench.schema.json");
    let schema: Value = serde_json::from_str(text).expect("the schema is no JSON");
    let alternatives = schema["oneOf"].as_array().unwrap().iter();
    let mut alternatives =
        alternatives.filter(|one| one["properties"]["event"]["const"] == line["event"]);
    if let Err(why) = fits(alternatives.next().expect("an event"), line) {
        panic!("{why}, in {line}");
    }
}

/// The names of all events.
pub fn events() -> Vec<&'static str> {
    let alternatives = SCHEMA["oneOf"].as_array().unwrap().iter();
    let name = |event: &'static Value| event["properties"]["event"]["const"].as_str().unwrap();
    alternatives.map(name).collect()
}

fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    for (word, wanted) in schema.as_object().unwrap() {
        let met = match word.as_str() {
            "description" | "properties" => true,
            "$ref" => return fits(definition(wanted), value),
            "type" => is_of_type(wanted, value),
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value
                .as_f64()
                .is_none_or(|value| value >= wanted.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|value| value <= wanted.as_f64().unwrap()),
            "required" => value
                .as_object()
                .is_none_or(|object| has_all(object, wanted)),
            "additionalProperties" => {
                assert_eq!(*wanted, false);
                let known = schema["properties"].as_object().unwrap();
                let object = value.as_object();
                object.is_none_or(|object| object.keys().all(|key| known.contains_key(key)))
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                items.into_iter().try_for_each(|item| fits(wanted, item))?;
                true
            }
            other => panic!("the schema says {other}, which is not known here"),
        };
        if !met {
            return Err(format!("{value} is not of {word} {wanted}"));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        if let Some(value) = value.get(name) {
            fits(schema, value).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    Ok(())
}

fn definition(reference: &Value) -> &'static Value {
    let path = reference.as_str().unwrap().strip_prefix('#').unwrap();
    SCHEMA.pointer(path).expect("a reference to nothing")
}

fn is_of_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    };
    wanted
        .as_array()
        .map_or_else(|| is(wanted), |all| all.iter().any(is))
}

fn has_all(object: &Map<String, Value>, names: &Value) -> bool {
    let mut names = names.as_array().unwrap().iter();
    names.all(|name| object.contains_key(name.as_str().unwrap()))
}

#[test]
#[should_panic(expected = "additionalProperties")]
fn a_field_that_nobody_has_described_fails() {
    let line = r#"{"event":"queued","elapsed_ms":1,"id":"x","more":1}"#;
    check(&serde_json::from_str(line).unwrap());
}

#[test]
#[should_panic(expected = "stage")]
fn a_value_that_is_not_as_described_fails() {
    let line = r#"{"event":"sent","elapsed_ms":1,"line":"x","stage":"nowhere","tls":false}"#;
    check(&serde_json::from_str(line).unwrap());
}

#[test]
fn the_manual_describes_every_event() {
    let page = include_str!("../../man/ehlo-json.5").replace('\\', "");
    for event in events() {
        assert!(page.contains(&format!("fB{event}fR")), "{event}");
    }
}
