//! Text with tags that is not XML: pages of proxies and of login forms.

use crate::mask::Masker;

/// Names of tags that are kept. Attributes never are.
const TAGS: &[&str] = &[
    "a", "b", "body", "br", "center", "code", "div", "em", "footer", "form", "h1", "h2", "h3", "h4", "head", "header",
    "hr", "html", "i", "img", "input", "label", "li", "link", "main", "meta", "nav", "ol", "p", "pre", "script",
    "section", "small", "span", "strong", "style", "table", "tbody", "td", "th", "thead", "title", "tr", "ul",
];

/// Returns true if a text has a known tag.
pub(super) fn has_tags(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| !known_tag(rest).is_empty())
}

/// Masks everything except the names of known tags.
pub(super) fn mask(masker: &Masker, text: &str) -> String {
    let mut parts = text.split('<');
    let mut masked = masker.pseudonyms.of(parts.next().unwrap_or_default());
    for rest in parts {
        let tag = known_tag(rest);
        masked.push('<');
        masked.push_str(tag);
        let (attributes, text) =
            rest[tag.len()..].split_once('>').map_or((&rest[tag.len()..], None), |(a, t)| (a, Some(t)));
        masked.push_str(&masker.pseudonyms.of(attributes));
        if let Some(text) = text {
            masked.push('>');
            masked.push_str(&masker.pseudonyms.of(text));
        }
    }
    masked
}

/// Returns the beginning of a tag with its slash if the name is known, otherwise nothing.
fn known_tag(rest: &str) -> &str {
    let slash = usize::from(rest.starts_with('/'));
    let end = rest[slash..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |end| end + slash);
    if TAGS.contains(&rest[slash..end].to_ascii_lowercase().as_str()) { &rest[..end] } else { "" }
}
