//! The contents of a request as pairs, to compare a request with a recorded one in any order of its members.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::policy;
use crate::sample::SampleBody;

/// Name and value of one part of a request.
pub(crate) type Fact = (String, String);

/// Returns the SOAP method of a body: the first element within `Body` (`SOAP 1.1 §4.3`). Empty for anything else.
pub(crate) fn action(body: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(body) else { return String::new() };
    if !text.trim_start().starts_with('<') {
        return String::new();
    }
    let mut reader = Reader::from_str(text);
    let mut in_body = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                let name: String = tag.local_name().as_ref().into();
                if in_body {
                    return if policy::keeps_key(&name) { name } else { String::new() };
                }
                in_body = name == "Body";
            }
            Ok(Event::Eof) | Err(_) => return String::new(),
            Ok(_) => {}
        }
    }
}

/// Returns the facts of a request in ascending order. The header of a SOAP envelope, which contains credentials, is left out.
pub(crate) fn request_facts(path: &str, query: &[(String, String)], body: &SampleBody) -> Vec<Fact> {
    let mut facts: Vec<Fact> =
        path.split('/').enumerate().map(|(place, segment)| (format!("path {place}"), segment.to_owned())).collect();
    facts.extend(query.iter().map(|(key, value)| (format!("query {key}"), value.clone())));
    match body {
        SampleBody::Json(value) => add_json("body", value, &mut facts),
        SampleBody::Xml(text) => add_xml(text, &mut facts),
        SampleBody::Text(text) => facts.push(("body".to_owned(), text.clone())),
        SampleBody::Empty | SampleBody::Binary(_) | SampleBody::TooLarge(_) => {}
    }
    facts.sort_unstable();
    facts
}

fn add_json(name: &str, value: &Value, facts: &mut Vec<Fact>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| add_json(&format!("{name}.{key}"), value, facts));
        }
        Value::Array(items) => items.iter().for_each(|item| add_json(name, item, facts)),
        Value::String(text) => facts.push((name.to_owned(), text.clone())),
        other => facts.push((name.to_owned(), other.to_string())),
    }
}

fn add_xml(text: &str, facts: &mut Vec<Fact>) {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<String> = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => open.push(tag.local_name().as_ref().into()),
            Ok(Event::End(_)) => {
                open.pop();
            }
            Ok(Event::Text(part)) if !open.iter().any(|name| name == "Header") => {
                let part = part.xml10_content();
                if !part.trim().is_empty() {
                    facts.push((open.join("."), part.trim().to_owned()));
                }
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Returns how alike two requests are, from 0 to 1: shared facts count fully, values with a common beginning in part.
pub(crate) fn similarity(asked: &[Fact], recorded: &[Fact]) -> f64 {
    let best = |(name, value): &Fact| {
        let values = recorded.iter().filter(|(other, _)| other == name).map(|(_, other)| common_share(value, other));
        values.fold(0.0, f64::max)
    };
    let shared: f64 = asked.iter().map(best).sum();
    2.0 * shared / (asked.len() + recorded.len()).max(1) as f64
}

fn common_share(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    0.5 * common as f64 / a.len().max(b.len()) as f64
}
