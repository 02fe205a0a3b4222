//! XML read as a tree: the only place that parses it. No network, no document types, no entities but the five of XML itself,
//! and never deeper or longer than a bound: what comes in is from outside.
//!
//! [`read`] takes any bytes and never panics: a fuzz target can call it.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// The longest document, in bytes: a whole catalogue is around 10 MB (`secutix.md §2.3`), SOAP doubles it.
const LONGEST: usize = 64 << 20;
/// The deepest nesting; the catalogue needs about fifteen.
const DEEPEST: usize = 64;
/// The most elements in one document.
const MOST: usize = 4_000_000;

/// Why a document was not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlFault {
    /// More bytes, levels or elements than we take.
    #[error("the document is too large: {0}")]
    TooLarge(&'static str),
    /// A document type, which could define entities.
    #[error("the document has a document type")]
    DocumentType,
    /// An entity that is not one of the five of XML.
    #[error("the document uses an entity")]
    Entity,
    /// Not XML.
    #[error("not well-formed: {0}")]
    IllFormed(String),
}

/// An element: its name without prefix, and what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// The name without prefix: prefixes are the writer's choice (`secutix.md §2.2`).
    pub name: String,
    /// Text, an object of the children (repeated ones become an array), or `null` where it is empty.
    pub value: Value,
}

impl Element {
    /// Takes out the only child of a name; an empty one is `null`.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.value.as_object_mut()?.remove(name)
    }
}

/// One open element while reading.
struct Open {
    name: String,
    children: Map<String, Value>,
    text: String,
}

/// Reads a document.
pub fn read(bytes: &[u8]) -> Result<Element, XmlFault> {
    if bytes.len() > LONGEST {
        return Err(XmlFault::TooLarge("bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlFault::IllFormed("not UTF-8".to_owned()))?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut count = 0;
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|fault| XmlFault::IllFormed(fault.to_string()))?;
        match event {
            Event::Start(tag) => {
                check_room(&mut count, open.len())?;
                open.push(begin(&tag));
            }
            Event::Empty(tag) => {
                check_room(&mut count, open.len())?;
                close(begin(&tag), &mut open, &mut root)?;
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(|| XmlFault::IllFormed("an end without a begin".to_owned()))?;
                close(done, &mut open, &mut root)?;
            }
            Event::Text(part) => add_text(&mut open, &part.xml10_content())?,
            Event::CData(part) => add_text(&mut open, &part.xml10_content())?,
            Event::GeneralRef(entity) => add_text(&mut open, &meaning(&entity)?)?,
            Event::DocType(_) => return Err(XmlFault::DocumentType),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(XmlFault::IllFormed("it ends too early".to_owned()));
    }
    root.ok_or_else(|| XmlFault::IllFormed("no element".to_owned()))
}

fn check_room(count: &mut usize, depth: usize) -> Result<(), XmlFault> {
    *count += 1;
    if *count > MOST {
        return Err(XmlFault::TooLarge("elements"));
    }
    if depth >= DEEPEST { Err(XmlFault::TooLarge("levels")) } else { Ok(()) }
}

fn begin(tag: &BytesStart<'_>) -> Open {
    let name: &str = tag.as_ref();
    let name = name.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
    let name = name.rsplit(':').next().unwrap_or_default().to_owned();
    Open { name, children: Map::new(), text: String::new() }
}

fn add_text(open: &mut [Open], text: &str) -> Result<(), XmlFault> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(XmlFault::IllFormed("text outside of the root".to_owned())),
    }
    Ok(())
}

fn meaning(entity: &quick_xml::events::BytesRef<'_>) -> Result<String, XmlFault> {
    match entity.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => resolve_predefined_entity(entity).map(str::to_owned).ok_or(XmlFault::Entity),
        Err(_) => Err(XmlFault::Entity),
    }
}

fn close(done: Open, open: &mut [Open], root: &mut Option<Element>) -> Result<(), XmlFault> {
    let value = match (done.children.is_empty(), done.text.trim()) {
        (true, "") => Value::Null,
        (true, text) => Value::String(text.to_owned()),
        (false, _) => Value::Object(done.children),
    };
    match open.last_mut() {
        Some(parent) => add_child(&mut parent.children, done.name, value),
        None if root.is_none() => *root = Some(Element { name: done.name, value }),
        None => return Err(XmlFault::IllFormed("two roots".to_owned())),
    }
    Ok(())
}

/// A repeated element becomes a list; an element met once is the element itself.
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

    fn value(text: &str) -> Result<Value, XmlFault> {
        read(text.as_bytes()).map(|element| element.value)
    }

    #[test]
    fn repeated_elements_become_a_list_whatever_their_prefix() {
        let tree = value(
            "<?xml version=\"1.0\"?>\n<s:a xmlns:s='x'><s:b>1</s:b><b k='v'>2</b><c/><d> x &amp; <![CDATA[<y>]]> &#233;</d></s:a>",
        );
        assert_eq!(tree, Ok(json!({"b": ["1", "2"], "c": null, "d": "x & <y> é"})));
    }

    #[test]
    fn document_types_entities_and_bottomless_documents_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
        assert_eq!(value(bomb), Err(XmlFault::DocumentType));
        assert_eq!(value("<a>&x;</a>"), Err(XmlFault::Entity));
        let deep = format!("{}{}", "<a>".repeat(65), "</a>".repeat(65));
        assert_eq!(value(&deep), Err(XmlFault::TooLarge("levels")));
        assert!(value(&format!("{}{}", "<a>".repeat(64), "</a>".repeat(64))).is_ok());
    }

    #[test]
    fn what_is_not_well_formed_is_an_error_and_never_a_panic() {
        for broken in
            ["", "{\"<oops", "<a>", "</a>", "<a></b>", "<a/><b/>", "text", "<a>&</a>", "<a", "<a b=></a>x", "<>"]
        {
            assert!(value(broken).is_err(), "{broken}");
        }
        assert!(read(&[0xff, 0xfe, b'<', b'a']).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let _ = read(&bytes);
        }

        #[test]
        fn anything_that_looks_like_xml_is_read_or_refused(text in "[<>a-c/&;\"'= !\\[\\]?-]{0,120}") {
            let _ = read(text.as_bytes());
        }
    }
}
