//! XML parsed as a tree. Accepts no external resources, no document types and only the five predefined entities, and limits
//! size and depth, because the input is untrusted.
//!
//! [`parse`] accepts any bytes and never panics, so a fuzz target can call it.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// Maximum document size in bytes: a whole catalog is about 10 MB (`secutix.md §2.3`), twice that in SOAP.
const MAX_BYTES: usize = 64 << 20;
/// Maximum nesting depth; the catalog needs about fifteen levels.
const MAX_DEPTH: usize = 64;
/// Maximum number of elements in one document.
const MAX_ELEMENTS: usize = 4_000_000;

/// Error of parsing a document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum XmlError {
    /// Too many bytes, levels or elements.
    #[error("the document is too large: {0}")]
    TooLarge(&'static str),
    /// A document type, which could define entities.
    #[error("the document contains a document type")]
    DocumentType,
    /// An entity other than the five predefined ones.
    #[error("the document contains an entity")]
    Entity,
    /// Not XML.
    #[error("not well-formed: {0}")]
    IllFormed(String),
}

/// An element: its name without prefix, and its content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct XmlElement {
    /// Name without prefix: prefixes are the writer's choice (`secutix.md §2.2`).
    pub name: String,
    /// Text, an object of the children (repeated ones become an array), or `null` if it is empty.
    pub value: Value,
}

impl XmlElement {
    /// Removes and returns the only child of a name; an empty one is `null`.
    pub(crate) fn take_child(&mut self, name: &str) -> Option<Value> {
        self.value.as_object_mut()?.remove(name)
    }
}

/// An open element during parsing.
struct OpenElement {
    name: String,
    children: Map<String, Value>,
    text: String,
}

/// Parses a document.
pub(crate) fn parse(bytes: &[u8]) -> Result<XmlElement, XmlError> {
    if bytes.len() > MAX_BYTES {
        return Err(XmlError::TooLarge("bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::IllFormed("not UTF-8".to_owned()))?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<OpenElement> = Vec::new();
    let mut count = 0;
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|error| XmlError::IllFormed(error.to_string()))?;
        match event {
            Event::Start(tag) => {
                check_limits(&mut count, open.len())?;
                open.push(open_element(&tag));
            }
            Event::Empty(tag) => {
                check_limits(&mut count, open.len())?;
                close_element(open_element(&tag), &mut open, &mut root)?;
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(|| XmlError::IllFormed("end tag without a start tag".to_owned()))?;
                close_element(done, &mut open, &mut root)?;
            }
            Event::Text(part) => add_text(&mut open, &part.xml10_content())?,
            Event::CData(part) => add_text(&mut open, &part.xml10_content())?,
            Event::GeneralRef(entity) => add_text(&mut open, &resolve_entity(&entity)?)?,
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(XmlError::IllFormed("unexpected end".to_owned()));
    }
    root.ok_or_else(|| XmlError::IllFormed("no root element".to_owned()))
}

fn check_limits(count: &mut usize, depth: usize) -> Result<(), XmlError> {
    *count += 1;
    if *count > MAX_ELEMENTS {
        return Err(XmlError::TooLarge("elements"));
    }
    if depth >= MAX_DEPTH { Err(XmlError::TooLarge("levels")) } else { Ok(()) }
}

fn open_element(tag: &BytesStart<'_>) -> OpenElement {
    let name: &str = tag.as_ref();
    let name = name.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
    let name = name.rsplit(':').next().unwrap_or_default().to_owned();
    OpenElement { name, children: Map::new(), text: String::new() }
}

fn add_text(open: &mut [OpenElement], text: &str) -> Result<(), XmlError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(XmlError::IllFormed("text outside of the root element".to_owned())),
    }
    Ok(())
}

fn resolve_entity(entity: &quick_xml::events::BytesRef<'_>) -> Result<String, XmlError> {
    match entity.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => resolve_predefined_entity(entity).map(str::to_owned).ok_or(XmlError::Entity),
        Err(_) => Err(XmlError::Entity),
    }
}

fn close_element(done: OpenElement, open: &mut [OpenElement], root: &mut Option<XmlElement>) -> Result<(), XmlError> {
    let value = match (done.children.is_empty(), done.text.trim()) {
        (true, "") => Value::Null,
        (true, text) => Value::String(text.to_owned()),
        (false, _) => Value::Object(done.children),
    };
    match open.last_mut() {
        Some(parent) => add_child(&mut parent.children, done.name, value),
        None if root.is_none() => *root = Some(XmlElement { name: done.name, value }),
        None => return Err(XmlError::IllFormed("more than one root element".to_owned())),
    }
    Ok(())
}

/// Adds a child. Repeated elements become a list; a single element stays a value.
fn add_child(children: &mut Map<String, Value>, name: String, value: Value) {
    match children.get_mut(&name) {
        None => {
            children.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => {
            let earlier = first.take();
            *first = Value::Array(vec![earlier, value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(text: &str) -> Result<Value, XmlError> {
        parse(text.as_bytes()).map(|element| element.value)
    }

    #[test]
    fn repeated_elements_become_a_list_whatever_their_prefix() {
        let tree = value(
            "<?xml version=\"1.0\"?>\n<s:a xmlns:s='x'><s:b>1</s:b><b k='v'>2</b><c/><d> x &amp; <![CDATA[<y>]]> &#233;</d></s:a>",
        );
        assert_eq!(tree, Ok(json!({"b": ["1", "2"], "c": null, "d": "x & <y> é"})));
    }

    #[test]
    fn document_types_entities_and_deep_documents_are_rejected() {
        let bomb = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
        assert_eq!(value(bomb), Err(XmlError::DocumentType));
        assert_eq!(value("<a>&x;</a>"), Err(XmlError::Entity));
        let deep = format!("{}{}", "<a>".repeat(65), "</a>".repeat(65));
        assert_eq!(value(&deep), Err(XmlError::TooLarge("levels")));
        assert!(value(&format!("{}{}", "<a>".repeat(64), "</a>".repeat(64))).is_ok());
    }

    #[test]
    fn malformed_documents_are_errors_and_never_a_panic() {
        for broken in
            ["", "{\"<oops", "<a>", "</a>", "<a></b>", "<a/><b/>", "text", "<a>&</a>", "<a", "<a b=></a>x", "<>"]
        {
            assert!(value(broken).is_err(), "{broken}");
        }
        assert!(parse(&[0xff, 0xfe, b'<', b'a']).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_rejected(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_xml_like_text_is_parsed_or_rejected(text in "[<>a-c/&;\"'= !\\[\\]?-]{0,120}") {
            let _ = parse(text.as_bytes());
        }
    }
}
