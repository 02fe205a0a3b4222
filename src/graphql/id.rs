//! Global ids: opaque, versioned, typed. `1`, a letter for the type, then source and keys, in URL-safe base64.

use std::sync::Arc;

use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use catalog::{Federation, RequestError, Sourced};
use domain::ids::{EventKey, OrderKey, PerformanceKey, SectionKey, SourceId, TicketTypeKey, TokenKey};

const VERSION: u8 = b'1';
/// Stands before each part; none of them can hold it.
const BETWEEN: u8 = 0;

/// What an id names. A topic that brings a type adds its letter here, never one that was used before.
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
    /// A section of the place of an event.
    Section(SourceId, EventKey, SectionKey),
    /// An admission token.
    AdmissionToken(SourceId, TokenKey),
    /// A reseller, by its key in the configuration.
    Reseller(String),
    /// How a reseller, by its key, is set up in a source.
    Connection(String, SourceId),
    /// An order.
    Order(OrderKey),
    /// A leg of an order, by its number.
    Leg(OrderKey, usize),
    /// A line of an order, by its number.
    OrderLine(OrderKey, usize),
    /// A ticket of an order, by its number.
    Ticket(OrderKey, usize),
    /// A quote of a cancellation.
    Quote(Uuid),
    /// A delivery channel, by its key in the configuration.
    Channel(String),
}

impl GlobalId {
    /// The id as clients see it.
    pub fn encode(&self) -> ID {
        match self {
            Self::Source(source) => source_id(source),
            Self::Event(source, event) => event_id(source, event),
            Self::Performance(source, performance) => performance_id(source, performance),
            Self::TicketType(source, event, kind) => ticket_type_id(source, event, kind),
            Self::Section(source, event, section) => section_id(source, event, section),
            Self::AdmissionToken(source, token) => admission_token_id(source, token),
            Self::Reseller(reseller) => pack(b'r', &[reseller]),
            Self::Connection(reseller, source) => pack(b'c', &[reseller, source.as_str()]),
            Self::Order(order) => order_id(*order),
            Self::Leg(order, leg) => leg_id(*order, *leg),
            Self::OrderLine(order, line) => line_id(*order, *line),
            Self::Ticket(order, ticket) => ticket_id(*order, *ticket),
            Self::Quote(quote) => quote_id(*quote),
            Self::Channel(channel) => channel_id(channel),
        }
    }

    /// Reads an id; none when it is not one of ours.
    pub fn decode(id: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let [VERSION, letter, BETWEEN, parts @ ..] = bytes.as_slice() else { return None };
        let text = std::str::from_utf8(parts).ok()?;
        let parts: Vec<&str> = text.split(char::from(BETWEEN)).collect();
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
            (b'o', [order]) => Self::Order(order_key(order)?),
            (b'g', [order, leg]) => Self::Leg(order_key(order)?, leg.parse().ok()?),
            (b'l', [order, line]) => Self::OrderLine(order_key(order)?, line.parse().ok()?),
            (b'k', [order, ticket]) => Self::Ticket(order_key(order)?, ticket.parse().ok()?),
            (b'q', [quote]) => Self::Quote(quote.parse().ok()?),
            (b'd', [channel]) => Self::Channel((*channel).to_owned()),
            _ => return None,
        })
    }
}

fn pack(letter: u8, parts: &[&str]) -> ID {
    let mut bytes = Vec::with_capacity(2 + parts.iter().map(|part| part.len() + 1).sum::<usize>());
    bytes.extend([VERSION, letter]);
    for part in parts {
        bytes.push(BETWEEN);
        bytes.extend_from_slice(part.as_bytes());
    }
    ID(URL_SAFE_NO_PAD.encode(bytes))
}

/// The id of a source.
pub fn source_id(source: &SourceId) -> ID {
    pack(b'v', &[source.as_str()])
}

/// The id of an event.
pub fn event_id(source: &SourceId, event: &EventKey) -> ID {
    pack(b'e', &[source.as_str(), event.as_str()])
}

/// The id of a performance.
pub fn performance_id(source: &SourceId, performance: &PerformanceKey) -> ID {
    pack(b'p', &[source.as_str(), performance.as_str()])
}

/// The id of a ticket type.
pub fn ticket_type_id(source: &SourceId, event: &EventKey, kind: &TicketTypeKey) -> ID {
    pack(b't', &[source.as_str(), event.as_str(), kind.as_str()])
}

/// The id of a section.
pub fn section_id(source: &SourceId, event: &EventKey, section: &SectionKey) -> ID {
    pack(b's', &[source.as_str(), event.as_str(), section.as_str()])
}

/// The id of an admission token.
pub fn admission_token_id(source: &SourceId, token: &TokenKey) -> ID {
    pack(b'a', &[source.as_str(), token.as_str()])
}

fn order_key(text: &str) -> Option<OrderKey> {
    text.parse().ok().map(OrderKey)
}

/// The id of an order.
pub fn order_id(order: OrderKey) -> ID {
    pack(b'o', &[&order.to_string()])
}

/// The id of a leg of an order.
pub fn leg_id(order: OrderKey, leg: usize) -> ID {
    pack(b'g', &[&order.to_string(), &leg.to_string()])
}

/// The id of a line of an order.
pub fn line_id(order: OrderKey, line: usize) -> ID {
    pack(b'l', &[&order.to_string(), &line.to_string()])
}

/// The id of a ticket of an order.
pub fn ticket_id(order: OrderKey, ticket: usize) -> ID {
    pack(b'k', &[&order.to_string(), &ticket.to_string()])
}

/// The id of a delivery channel.
pub fn channel_id(channel: &str) -> ID {
    pack(b'd', &[channel])
}

/// The id of a quote of a cancellation.
pub fn quote_id(quote: Uuid) -> ID {
    pack(b'q', &[&quote.to_string()])
}

/// Reads an argument that must be the id of a source, configured or not.
pub fn source_argument(argument: &'static str, id: &ID) -> Result<SourceId, RequestError> {
    match GlobalId::decode(id) {
        Some(GlobalId::Source(source)) => Ok(source),
        _ => Err(RequestError::new(argument, "the id of a source")),
    }
}

/// Reads an argument that must be the id of an event of a configured source.
pub fn event_argument(
    federation: &Federation,
    argument: &'static str,
    id: &ID,
) -> Result<Sourced<EventKey>, RequestError> {
    match GlobalId::decode(id) {
        Some(GlobalId::Event(source, event)) => sourced(federation, &source, event),
        _ => None,
    }
    .ok_or_else(|| RequestError::new(argument, "the id of an event"))
}

/// Reads an argument that must be the id of an admission token of a configured source.
pub fn token_argument(
    federation: &Federation,
    argument: &'static str,
    id: &ID,
) -> Result<Sourced<TokenKey>, RequestError> {
    match GlobalId::decode(id) {
        Some(GlobalId::AdmissionToken(source, token)) => sourced(federation, &source, token),
        _ => None,
    }
    .ok_or_else(|| RequestError::new(argument, "the id of an admission token"))
}

/// The key with its source, where that is configured.
pub fn sourced<K>(federation: &Federation, source: &SourceId, key: K) -> Option<Sourced<K>> {
    federation.find_source(source).map(|source| Sourced::new(Arc::clone(source), key))
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
    fn what_is_not_an_id_of_ours_is_none() {
        let event = event_id(&SourceId::new("harbor"), &EventKey::new("66f0")).0;
        let shorter = &event[..event.len() - 8];
        let other_version = URL_SAFE_NO_PAD.encode(b"2e\0harbor\x0066f0");
        let other_letter = URL_SAFE_NO_PAD.encode(b"1z\0harbor\x0066f0");
        let empty_part = URL_SAFE_NO_PAD.encode(b"1e\0\x0066f0");
        let one_part_more = URL_SAFE_NO_PAD.encode(b"1e\0harbor\x0066f0\0x");
        let no_text = URL_SAFE_NO_PAD.encode(b"1e\0harbor\0\xff");
        for wrong in
            ["", "1", "event", "ünïcode", shorter, &other_version, &other_letter, &empty_part, &one_part_more, &no_text]
        {
            assert_eq!(GlobalId::decode(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn an_id_survives_the_way_out_and_back(source in "[a-z-]{1,12}", one in "[^\0]{1,30}", two in "[^\0]{1,30}") {
            for id in samples(&source, &one, &two) {
                prop_assert_eq!(GlobalId::decode(&id.encode()), Some(id));
            }
        }

        #[test]
        fn nothing_that_a_client_sends_makes_decoding_panic(text in ".{0,60}") {
            let _ = GlobalId::decode(&text);
        }
    }
}
