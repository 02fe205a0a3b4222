//! Reads SOAP requests as JSON values: an element without children is text or `null`, a repeated element a list. Namespace prefixes and
//! attributes are dropped; document types and entities other than the predefined ones are rejected.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};

/// Deepest nesting of a request; the envelope needs about ten levels.
const MAX_DEPTH: usize = 32;

/// The request is not XML, or uses a rejected feature.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidXml;

/// Reads a document and returns the children of its root element.
pub(super) fn read(bytes: &[u8]) -> Result<Map<String, Value>, InvalidXml> {
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidXml)?;
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|_| InvalidXml)? {
            Event::Start(_) => break,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Text(part) if part.xml10_content().trim().is_empty() => {}
            _ => return Err(InvalidXml),
        }
    }
    match read_content(&mut reader, 1)? {
        Value::Object(children) => Ok(children),
        _ => Err(InvalidXml),
    }
}

/// Reads up to the end tag of the element that was just opened.
fn read_content(reader: &mut Reader<&[u8]>, depth: usize) -> Result<Value, InvalidXml> {
    if depth > MAX_DEPTH {
        return Err(InvalidXml);
    }
    let mut children = Map::new();
    let mut text = String::new();
    loop {
        match reader.read_event().map_err(|_| InvalidXml)? {
            Event::Start(tag) => {
                let name = local_name(&tag);
                let value = read_content(reader, depth + 1)?;
                insert(&mut children, name, value);
            }
            Event::Empty(tag) => insert(&mut children, local_name(&tag), Value::Null),
            Event::End(_) => break,
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::CData(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(reference) => text.push_str(&resolve(&reference)?),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Decl(_) | Event::DocType(_) | Event::Eof => return Err(InvalidXml),
        }
    }
    let text = text.trim();
    Ok(match (children.is_empty(), text.is_empty()) {
        (false, _) => Value::Object(children),
        (true, true) => Value::Null,
        (true, false) => Value::String(text.to_owned()),
    })
}

fn local_name(tag: &BytesStart<'_>) -> String {
    let name: &str = tag.as_ref();
    let name = name.split_ascii_whitespace().next().unwrap_or_default();
    name.rsplit_once(':').map_or(name, |(_, local)| local).to_owned()
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, InvalidXml> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| InvalidXml)? {
        return Ok(character.to_string());
    }
    resolve_predefined_entity(reference).map(str::to_owned).ok_or(InvalidXml)
}

/// Adds a child; the second one of the same name makes it a list.
fn insert(children: &mut Map<String, Value>, name: String, value: Value) {
    let Some(existing) = children.get_mut(&name) else {
        children.insert(name, value);
        return;
    };
    if let Value::Array(list) = existing {
        list.push(value);
    } else {
        *existing = Value::Array(vec![existing.take(), value]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_become_values_without_prefixes() {
        let text = "<?xml version='1.0'?><S:Envelope xmlns:S='x'><S:Body><ns2:m xmlns:ns2='y'><id>1</id><id>2</id><none/>\
                    <name>a &amp; <![CDATA[<b>]]> &#233;</name></ns2:m></S:Body></S:Envelope>";
        let envelope = read(text.as_bytes()).expect("valid XML");
        assert_eq!(envelope["Body"], json!({"m": {"id": ["1", "2"], "none": null, "name": "a & <b> é"}}));
    }

    #[test]
    fn document_types_entities_deep_and_malformed_documents_are_rejected() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        for text in ["<!DOCTYPE a><a><b/></a>", "<a><b>&x;</b></a>", &deep, "<a><b></a>", "text", "", "<a>", "<a/>"] {
            assert_eq!(read(text.as_bytes()), Err(InvalidXml), "{text}");
        }
        assert_eq!(read(&[0xff]), Err(InvalidXml));
    }
}
