//! URIs and keys (`ticketing.md §3.1`): a resource is named by a URI that ends with its id.
//!
//! Our keys contain ids: `{event}` for an event and its single performance, `{event}/{section}` and `{event}/{token}`
//! for its parts.

use domain::{EventKey, Key, PerformanceKey, SectionKey, TicketTypeKey, TokenKey};

/// Id at the end of a URI: its longest suffix of letters, digits and hyphens.
pub(crate) fn id_from_uri(uri: &str) -> Option<&str> {
    let start =
        uri.rfind(|c: char| !is_id_char(c)).map_or(0, |at| at + uri[at..].chars().next().map_or(1, char::len_utf8));
    Some(&uri[start..]).filter(|id| is_id(id))
}

fn is_id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// True if text can be an id. Keys come from clients and are untrusted.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(is_id_char)
}

/// Key of an event's single performance: the event's id.
pub(crate) fn performance_key(event: &EventKey) -> PerformanceKey {
    PerformanceKey::new(event.as_str())
}

/// Key of a performance's event.
pub(crate) fn event_key(performance: &PerformanceKey) -> EventKey {
    EventKey::new(performance.as_str())
}

/// Key of a section from its URI, which may be relative to its event.
pub(crate) fn section_key(event: &EventKey, uri: &str) -> Option<SectionKey> {
    id_from_uri(uri).map(|id| SectionKey::new(format!("{event}/{id}")))
}

/// Key of a section from its full URI.
pub(crate) fn section_key_from_uri(uri: &str) -> Option<SectionKey> {
    let mut parts = uri.split('/').skip_while(|part| *part != "events").skip(1);
    let (event, sections, id) = (parts.next()?, parts.next()?, parts.next()?);
    (sections == "sections" && is_id(event) && is_id(id)).then(|| SectionKey::new(format!("{event}/{id}")))
}

/// Full URI of a section; `None` for a malformed key.
pub(crate) fn section_uri<K>(key: &Key<K>) -> Option<String> {
    split_key(key.as_str()).map(|(event, section)| format!("/events/{event}/sections/{section}"))
}

/// Key of a section's ticket type: the same text.
pub(crate) fn ticket_type_key(section: &SectionKey) -> TicketTypeKey {
    TicketTypeKey::new(section.as_str())
}

/// Key of a token from its URI.
pub(crate) fn token_key(event: &EventKey, uri: &str) -> Option<TokenKey> {
    id_from_uri(uri).map(|id| TokenKey::new(format!("{event}/{id}")))
}

/// Event id and own id of a two-part key; `None` for a malformed key.
pub(crate) fn split_key(key: &str) -> Option<(&str, &str)> {
    key.split_once('/').filter(|(event, id)| is_id(event) && is_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_resource_is_the_tail_of_its_uri() {
        for (uri, id) in [
            ("/events/16993717817996", Some("16993717817996")),
            ("https://qa.ticketingevents.com/v3/accounts/BE-19D3A0C7", Some("BE-19D3A0C7")),
            ("16993717817996", Some("16993717817996")),
            ("/events/é", None),
            ("/events/", None),
            ("", None),
        ] {
            assert_eq!(id_from_uri(uri), id, "{uri}");
        }
    }

    #[test]
    fn a_section_has_one_key_whether_its_uri_is_relative_to_the_event_or_full() {
        let event = EventKey::new("17201154400021");
        let full = "/events/17201154400021/sections/17201154407312";
        let key = section_key(&event, "/sections/17201154407312").expect("a key");
        assert_eq!(section_key_from_uri(full), Some(key.clone()));
        assert_eq!(section_uri(&key).as_deref(), Some(full));
        assert_eq!(section_key_from_uri("/sections/17201154407312"), None);
    }

    #[test]
    fn a_malformed_key_is_rejected() {
        for text in ["", "17", "17/", "17/../accounts", "17/1?x", "a/b/c"] {
            assert_eq!(split_key(text), None, "{text}");
        }
    }
}
