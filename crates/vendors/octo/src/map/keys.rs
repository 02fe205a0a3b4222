//! Keys: `{product}/{option}` of an event, `{product}/{option}/{availability}` of a performance and `{product}/{option}/{unit}` of a
//! ticket type. Each part is an opaque id, percent-encoded. The performance of an open-dated product has an empty last part.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use domain::{EventKey, Key, PerformanceKey, TicketTypeKey};

/// Longest id in bytes. Products with a longer one are left out.
const MAX_ID: usize = 256;
/// Bytes of an id that are encoded.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'+');

/// Ids of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OfferingId {
    pub product: String,
    pub option: String,
}

/// Returns true if text from the wire can be an id.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && text != "." && text != ".." && !text.chars().any(char::is_control)
}

/// Key of an event; `None` if an id cannot be part of a key.
pub(crate) fn event_key(product: &str, option: &str) -> Option<EventKey> {
    (is_id(product) && is_id(option)).then(|| EventKey::new(format!("{}/{}", encode(product), encode(option))))
}

/// Key of a part of an event; `None` if the id cannot be part of a key.
fn part_key<K>(event: &EventKey, id: &str) -> Option<Key<K>> {
    is_id(id).then(|| Key::new(format!("{event}/{}", encode(id))))
}

/// Key of a performance.
pub(crate) fn performance_key(event: &EventKey, availability: &str) -> Option<PerformanceKey> {
    part_key(event, availability)
}

/// Key of the single performance of an open-dated product.
pub(crate) fn open_performance_key(event: &EventKey) -> PerformanceKey {
    PerformanceKey::new(format!("{event}/"))
}

/// Key of a ticket type.
pub(crate) fn ticket_type_key(event: &EventKey, unit: &str) -> Option<TicketTypeKey> {
    part_key(event, unit)
}

/// Reads the key of an event. Keys come from clients and are untrusted: only what these functions write is accepted.
pub(crate) fn parse_event(key: &EventKey) -> Option<OfferingId> {
    let (product, option) = key.as_str().split_once('/')?;
    Some(OfferingId { product: decode(product)?, option: decode(option)? })
}

/// Reads the key of a performance or ticket type: its event, and its own id. The id is empty only for open-dated performances.
pub(crate) fn parse_part<K>(key: &Key<K>) -> Option<(OfferingId, String)> {
    let (event, id) = key.as_str().rsplit_once('/')?;
    let own = if id.is_empty() { String::new() } else { decode(id)? };
    Some((parse_event(&EventKey::new(event))?, own))
}

fn encode(id: &str) -> String {
    utf8_percent_encode(id, ENCODED).to_string()
}

fn decode(part: &str) -> Option<String> {
    let id = percent_decode_str(part).decode_utf8().ok()?.into_owned();
    (is_id(&id) && encode(&id) == part).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_contains_every_id_that_a_supplier_may_send() {
        for id in ["p-7", "a/b", "20200701143000_720_x", "2027-06-15T10:00:00+02:00", "100%", "é ü", "?x=1#y"] {
            let event = event_key(id, "DEFAULT").expect("a key");
            let performance = performance_key(&event, id).expect("a key");
            let (offering, availability) = parse_part(&performance).expect("our key");
            assert_eq!((offering.product.as_str(), offering.option.as_str()), (id, "DEFAULT"));
            assert_eq!((availability.as_str(), parse_event(&event)), (id, Some(offering.clone())));
        }
    }

    #[test]
    fn a_foreign_key_is_rejected() {
        let long = format!("{}/DEFAULT", "x".repeat(MAX_ID + 1));
        for key in
            ["", "p-7", "../accounts", "p/..", "./DEFAULT", "no such/event?x=1", "p%2f7/DEFAULT", "p/%ff", "é/D", &long]
        {
            assert_eq!(parse_event(&EventKey::new(key)), None, "{key}");
        }
        for key in ["", "p/D", "p/D/a/b", "p//a", "p/D/../x"] {
            assert!(parse_part(&PerformanceKey::new(key)).is_none(), "{key}");
        }
        assert!(parse_part(&open_performance_key(&EventKey::new("p/D"))).is_some());
    }
}
