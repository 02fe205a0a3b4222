//! Global ids: opaque, versioned and typed. URL-safe base64 of the version `1`, a letter for the type, the source and
//! the keys.

use std::sync::Arc;

use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use catalog::{InvalidArgument, Sourced, UnifiedCatalog};
use domain::ids::{EventKey, OrderKey, PerformanceKey, SectionKey, SourceId, TicketTypeKey, TokenKey};
use uuid::Uuid;

const VERSION: u8 = b'1';
/// Precedes each part. No part can contain it.
const SEPARATOR: u8 = 0;

/// The entity that an id names. A new type takes a letter that was never used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GlobalId {
    /// A source.
    Source(SourceId),
    /// An event.
    Event(SourceId, EventKey),
    /// A performance.
    Performance(SourceId, PerformanceKey),
    /// A ticket type of an event.
    TicketType(SourceId, EventKey, TicketTypeKey),
    /// A section of an event's venue.
    Section(SourceId, EventKey, SectionKey),
    /// An admission token.
    AdmissionToken(SourceId, TokenKey),
    /// A reseller, by its configuration key.
    Reseller(String),
    /// The connection of a reseller, by its configuration key, to a source.
    Connection(String, SourceId),
    /// An order.
    Order(OrderKey),
    /// A leg of an order, by its index.
    Leg(OrderKey, usize),
    /// A line of an order, by its index.
    OrderLine(OrderKey, usize),
    /// A ticket of an order, by its index.
    Ticket(OrderKey, usize),
    /// A cancellation quote.
    Quote(Uuid),
    /// A delivery channel, by its configuration key.
    Channel(String),
    /// The delivery of a ticket of an order, by its index, into the app of a channel.
    Delivery(OrderKey, usize, String),
    /// A webhook, by its key.
    Webhook(String),
}

impl GlobalId {
    /// Encodes the id as clients see it.
    pub fn encode(&self) -> ID {
        match self {
            Self::Source(source) => source_id(source),
            Self::Event(source, event) => event_id(source, event),
            Self::Performance(source, performance) => performance_id(source, performance),
            Self::TicketType(source, event, kind) => ticket_type_id(source, event, kind),
            Self::Section(source, event, section) => section_id(source, event, section),
            Self::AdmissionToken(source, token) => admission_token_id(source, token),
            Self::Reseller(reseller) => encode_parts(b'r', &[reseller]),
            Self::Connection(reseller, source) => encode_parts(b'c', &[reseller, source.as_str()]),
            Self::Order(order) => order_id(*order),
            Self::Leg(order, leg) => leg_id(*order, *leg),
            Self::OrderLine(order, line) => line_id(*order, *line),
            Self::Ticket(order, ticket) => ticket_id(*order, *ticket),
            Self::Quote(quote) => quote_id(*quote),
            Self::Channel(channel) => channel_id(channel),
            Self::Delivery(order, ticket, channel) => delivery_id(*order, *ticket, channel),
            Self::Webhook(webhook) => encode_parts(b'w', &[webhook]),
        }
    }

    /// Decodes an id. Returns `None` if it was not issued by this API.
    pub fn decode(id: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let [VERSION, letter, SEPARATOR, parts @ ..] = bytes.as_slice() else { return None };
        let text = std::str::from_utf8(parts).ok()?;
        let parts: Vec<&str> = text.split(char::from(SEPARATOR)).collect();
        if parts.contains(&"") {
            return None;
        }
        Some(match (letter, parts.as_slice()) {
            (b'v', [source]) => Self::Source(SourceId::new(*source)),
            (b'e', [source, event]) => Self::Event(SourceId::new(*source), EventKey::new(*event)),
            (b'p', [source, performance]) => {
                Self::Performance(SourceId::new(*source), PerformanceKey::new(*performance))
            }
            (b't', [source, event, kind]) => {
                Self::TicketType(SourceId::new(*source), EventKey::new(*event), TicketTypeKey::new(*kind))
            }
            (b's', [source, event, section]) => {
                Self::Section(SourceId::new(*source), EventKey::new(*event), SectionKey::new(*section))
            }
            (b'a', [source, token]) => Self::AdmissionToken(SourceId::new(*source), TokenKey::new(*token)),
            (b'r', [reseller]) => Self::Reseller((*reseller).to_owned()),
            (b'c', [reseller, source]) => Self::Connection((*reseller).to_owned(), SourceId::new(*source)),
            (b'o', [order]) => Self::Order(parse_order_key(order)?),
            (b'g', [order, leg]) => Self::Leg(parse_order_key(order)?, leg.parse().ok()?),
            (b'l', [order, line]) => Self::OrderLine(parse_order_key(order)?, line.parse().ok()?),
            (b'k', [order, ticket]) => Self::Ticket(parse_order_key(order)?, ticket.parse().ok()?),
            (b'q', [quote]) => Self::Quote(quote.parse().ok()?),
            (b'd', [channel]) => Self::Channel((*channel).to_owned()),
            (b'm', [order, ticket, channel]) => {
                Self::Delivery(parse_order_key(order)?, ticket.parse().ok()?, (*channel).to_owned())
            }
            (b'w', [webhook]) => Self::Webhook((*webhook).to_owned()),
            _ => return None,
        })
    }
}

fn encode_parts(letter: u8, parts: &[&str]) -> ID {
    let mut bytes = Vec::with_capacity(2 + parts.iter().map(|part| part.len() + 1).sum::<usize>());
    bytes.extend([VERSION, letter]);
    for part in parts {
        bytes.push(SEPARATOR);
        bytes.extend_from_slice(part.as_bytes());
    }
    ID(URL_SAFE_NO_PAD.encode(bytes))
}

/// Encodes the id of a source.
pub fn source_id(source: &SourceId) -> ID {
    encode_parts(b'v', &[source.as_str()])
}

/// Encodes the id of an event.
pub fn event_id(source: &SourceId, event: &EventKey) -> ID {
    encode_parts(b'e', &[source.as_str(), event.as_str()])
}

/// Encodes the id of a performance.
pub fn performance_id(source: &SourceId, performance: &PerformanceKey) -> ID {
    encode_parts(b'p', &[source.as_str(), performance.as_str()])
}

/// Encodes the id of a ticket type.
pub fn ticket_type_id(source: &SourceId, event: &EventKey, kind: &TicketTypeKey) -> ID {
    encode_parts(b't', &[source.as_str(), event.as_str(), kind.as_str()])
}

/// Encodes the id of a section.
pub fn section_id(source: &SourceId, event: &EventKey, section: &SectionKey) -> ID {
    encode_parts(b's', &[source.as_str(), event.as_str(), section.as_str()])
}

/// Encodes the id of an admission token.
pub fn admission_token_id(source: &SourceId, token: &TokenKey) -> ID {
    encode_parts(b'a', &[source.as_str(), token.as_str()])
}

fn parse_order_key(text: &str) -> Option<OrderKey> {
    text.parse().ok().map(OrderKey)
}

/// Encodes the id of an order.
pub fn order_id(order: OrderKey) -> ID {
    encode_parts(b'o', &[&order.to_string()])
}

/// Encodes the id of a leg.
pub fn leg_id(order: OrderKey, leg: usize) -> ID {
    encode_parts(b'g', &[&order.to_string(), &leg.to_string()])
}

/// Encodes the id of an order line.
pub fn line_id(order: OrderKey, line: usize) -> ID {
    encode_parts(b'l', &[&order.to_string(), &line.to_string()])
}

/// Encodes the id of a ticket.
pub fn ticket_id(order: OrderKey, ticket: usize) -> ID {
    encode_parts(b'k', &[&order.to_string(), &ticket.to_string()])
}

/// Encodes the id of a delivery channel.
pub fn channel_id(channel: &str) -> ID {
    encode_parts(b'd', &[channel])
}

/// Encodes the id of the delivery of a ticket into the app of a channel.
pub fn delivery_id(order: OrderKey, ticket: usize, channel: &str) -> ID {
    encode_parts(b'm', &[&order.to_string(), &ticket.to_string(), channel])
}

/// Encodes the id of a cancellation quote.
pub fn quote_id(quote: Uuid) -> ID {
    encode_parts(b'q', &[&quote.to_string()])
}

/// Parses an argument that must be the id of a source, configured or not.
pub fn parse_source_id(argument: &'static str, id: &ID) -> Result<SourceId, InvalidArgument> {
    match GlobalId::decode(id) {
        Some(GlobalId::Source(source)) => Ok(source),
        _ => Err(InvalidArgument::new(argument, "the id of a source")),
    }
}

/// Parses an argument that must be the id of an event of a configured source.
pub fn parse_event_id(
    catalog: &UnifiedCatalog,
    argument: &'static str,
    id: &ID,
) -> Result<Sourced<EventKey>, InvalidArgument> {
    match GlobalId::decode(id) {
        Some(GlobalId::Event(source, event)) => find_sourced(catalog, &source, event),
        _ => None,
    }
    .ok_or_else(|| InvalidArgument::new(argument, "the id of an event"))
}

/// Parses an argument that must be the id of an admission token of a configured source.
pub fn parse_token_id(
    catalog: &UnifiedCatalog,
    argument: &'static str,
    id: &ID,
) -> Result<Sourced<TokenKey>, InvalidArgument> {
    match GlobalId::decode(id) {
        Some(GlobalId::AdmissionToken(source, token)) => find_sourced(catalog, &source, token),
        _ => None,
    }
    .ok_or_else(|| InvalidArgument::new(argument, "the id of an admission token"))
}

/// Pairs a key with its source. Returns `None` if the source is not configured.
pub fn find_sourced<K>(catalog: &UnifiedCatalog, source: &SourceId, key: K) -> Option<Sourced<K>> {
    catalog.find_source(source).map(|source| Sourced::new(Arc::clone(source), key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(source: &str, one: &str, two: &str) -> Vec<GlobalId> {
        let source = SourceId::new(source);
        vec![
            GlobalId::Source(source.clone()),
            GlobalId::Event(source.clone(), EventKey::new(one)),
            GlobalId::Performance(source.clone(), PerformanceKey::new(one)),
            GlobalId::TicketType(source.clone(), EventKey::new(one), TicketTypeKey::new(two)),
            GlobalId::Section(source.clone(), EventKey::new(one), SectionKey::new(two)),
            GlobalId::AdmissionToken(source, TokenKey::new(one)),
            GlobalId::Reseller(one.to_owned()),
        ]
    }

    #[test]
    fn ids_stay_the_same_from_version_to_version() {
        let ids: Vec<_> = samples("harbor", "66f0", "9:a").iter().map(|id| id.encode().0).collect();
        insta::assert_snapshot!(ids.join("\n"));
    }

    #[test]
    fn foreign_ids_are_rejected() {
        let event = event_id(&SourceId::new("harbor"), &EventKey::new("66f0")).0;
        let shorter = &event[..event.len() - 8];
        let other_version = URL_SAFE_NO_PAD.encode(b"2e\0harbor\x0066f0");
        let other_letter = URL_SAFE_NO_PAD.encode(b"1z\0harbor\x0066f0");
        let empty_part = URL_SAFE_NO_PAD.encode(b"1e\0\x0066f0");
        let one_part_more = URL_SAFE_NO_PAD.encode(b"1e\0harbor\x0066f0\0x");
        let no_text = URL_SAFE_NO_PAD.encode(b"1e\0harbor\0\xff");
        for invalid in
            ["", "1", "event", "ünïcode", shorter, &other_version, &other_letter, &empty_part, &one_part_more, &no_text]
        {
            assert_eq!(GlobalId::decode(invalid), None, "{invalid}");
        }
    }

    proptest! {
        #[test]
        fn an_id_decodes_to_what_was_encoded(source in "[a-z-]{1,12}", one in "[^\0]{1,30}", two in "[^\0]{1,30}") {
            for id in samples(&source, &one, &two) {
                prop_assert_eq!(GlobalId::decode(&id.encode()), Some(id));
            }
        }

        #[test]
        fn decoding_never_panics(text in ".{0,60}") {
            let _ = GlobalId::decode(&text);
        }
    }
}
