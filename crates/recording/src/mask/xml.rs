//! XML, such as SOAP envelopes: names and structure are kept, texts and attributes are masked.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesEnd, BytesRef, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer, XmlVersion};

use crate::mask::Masker;
use crate::policy::{self, KeyContext, KeyRules};

/// Namespaces of standards, which are kept. All others are masked in their parts.
const STANDARD_NAMESPACES: &[&str] = &[
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://www.w3.org/2003/05/soap-envelope",
    "http://www.w3.org/2001/XMLSchema",
    "http://www.w3.org/2001/XMLSchema-instance",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
];
/// Deepest nesting that is read.
const MAX_DEPTH: usize = 128;

/// Masks a document; `None` if it is not well-formed XML. Comments and processing instructions are dropped.
pub(super) fn mask(masker: &Masker, text: &str) -> Option<String> {
    let mut reader = Reader::from_str(text);
    let mut document = Document {
        masker,
        writer: Writer::new(Vec::new()),
        open: Vec::new(),
        text: String::new(),
        has_root: false,
        places: places(text)?.into_iter(),
    };
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => document.start(&tag, false)?,
            Event::Empty(tag) => document.start(&tag, true)?,
            Event::End(_) => document.end()?,
            Event::Text(part) => document.text.push_str(&part.xml10_content()),
            Event::CData(part) => document.text.push_str(&part.xml10_content()),
            Event::GeneralRef(entity) => document.text.push_str(&resolve_entity(&entity)),
            Event::Decl(_) => document.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?,
            // A document type could define entities; none of the vendors sends one.
            Event::DocType(_) => return None,
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    document.finish()
}

/// Returns of each element, in their order, whether elements or attributes in it are those of a person or an address. A "state" may
/// come before the street, so they are read first.
fn places(text: &str) -> Option<Vec<bool>> {
    let mut reader = Reader::from_str(text);
    let (mut places, mut open): (Vec<bool>, Vec<usize>) = (Vec::new(), Vec::new());
    loop {
        let (tag, is_empty) = match reader.read_event().ok()? {
            Event::Start(tag) => (tag, false),
            Event::Empty(tag) => (tag, true),
            Event::End(_) => {
                open.pop();
                continue;
            }
            Event::Eof => return Some(places),
            _ => continue,
        };
        if let Some(&parent) = open.last() {
            places[parent] |= policy::is_place_key(tag.name().as_ref());
        }
        let attributes = tag.attributes().flatten();
        places.push(attributes.into_iter().any(|attribute| policy::is_place_key(attribute.key.as_ref())));
        if !is_empty {
            open.push(places.len() - 1);
        }
    }
}

/// Returns the text of an entity or a character reference.
fn resolve_entity(entity: &BytesRef<'_>) -> String {
    match entity.resolve_char_ref() {
        Ok(Some(c)) => c.to_string(),
        _ => resolve_predefined_entity(entity).unwrap_or("?").to_owned(),
    }
}

struct Document<'a> {
    masker: &'a Masker,
    writer: Writer<Vec<u8>>,
    /// Masked names of the open elements with the rules of their texts, and the surroundings of what is in them.
    open: Vec<(String, KeyRules, KeyContext)>,
    text: String,
    has_root: bool,
    /// For each element that has not begun, whether its contents are those of a person or an address.
    places: std::vec::IntoIter<bool>,
}

impl Document<'_> {
    fn start(&mut self, tag: &BytesStart<'_>, is_empty: bool) -> Option<()> {
        self.flush()?;
        let is_second_root = self.open.is_empty() && self.has_root;
        if is_second_root || self.open.len() >= MAX_DEPTH {
            return None;
        }
        self.has_root = true;
        let name: String = tag.name().as_ref().into();
        let rules = KeyRules::of(&name, self.open.last().map(|(.., inside)| *inside).unwrap_or_default());
        let inside = KeyContext { beside_place: self.places.next()?, ..rules.inside(std::iter::empty()) };
        let masked_name = self.name(&name);
        let mut masked = BytesStart::new(masked_name.clone());
        for attribute in tag.attributes() {
            let attribute = attribute.ok()?;
            let (key, value) = (attribute.key.as_ref(), attribute.normalized_value(XmlVersion::Implicit1_0).ok()?);
            let value = if key == "xmlns" || key.starts_with("xmlns:") {
                self.namespace(&value)
            } else {
                self.masker.text(KeyRules::of(key, inside), &value)
            };
            masked.push_attribute((self.name(key).as_str(), value.as_str()));
        }
        if is_empty {
            return self.write(Event::Empty(masked));
        }
        self.open.push((masked_name, rules, inside));
        self.write(Event::Start(masked))
    }

    fn end(&mut self) -> Option<()> {
        self.flush()?;
        let (name, ..) = self.open.pop()?;
        self.write(Event::End(BytesEnd::new(name)))
    }

    /// Writes the text since the last tag. Blanks between tags are kept.
    fn flush(&mut self) -> Option<()> {
        let text = std::mem::take(&mut self.text);
        if text.trim().is_empty() {
            return Some(());
        }
        let (_, rules, _) = self.open.last()?;
        let text = text.trim();
        let masked = if rules.keeps_untyped(text) { text.to_owned() } else { self.masker.text(*rules, text) };
        self.write(Event::Text(BytesText::new(&masked)))
    }

    fn finish(mut self) -> Option<String> {
        self.flush()?;
        if !self.open.is_empty() || !self.has_root {
            return None;
        }
        String::from_utf8(self.writer.into_inner()).ok()
    }

    fn write(&mut self, event: Event<'_>) -> Option<()> {
        self.writer.write_event(event).ok()
    }

    /// Masks a name, with its prefix, unless it reads as one.
    fn name(&self, name: &str) -> String {
        let parts = name
            .split(':')
            .map(|part| if policy::keeps_key(part) { part.to_owned() } else { self.masker.pseudonyms.of(part) });
        parts.collect::<Vec<_>>().join(":")
    }

    fn namespace(&self, uri: &str) -> String {
        if STANDARD_NAMESPACES.contains(&uri) {
            return uri.to_owned();
        }
        let is_separator = |c: char| matches!(c, '/' | '.' | ':' | '#');
        let parts = uri.split_inclusive(is_separator).map(|part| {
            let word = part.trim_end_matches(is_separator);
            if policy::keeps_segment(word) { part.to_owned() } else { self.masker.pseudonyms.of(part) }
        });
        parts.collect()
    }
}
