//! Kinds of changes, and the objects that change.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

use domain::{EventKey, OrderKey, PerformanceKey, Scope, SourceId};

/// Kind of a changed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeKind {
    /// An order.
    Order,
    /// A ticket of an order.
    Ticket,
    /// The delivery of a ticket into an app.
    Delivery,
    /// Facts or ticket types of an event.
    Event,
    /// Facts or availability of a performance.
    Performance,
    /// The health or a pause of a source.
    Source,
    /// The connection of a reseller to a source.
    Connection,
}

impl ChangeKind {
    /// Name in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Reads a name in the store.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns the scope that a caller needs to see changes of this kind.
    pub fn scope(self) -> Scope {
        match self {
            Self::Order | Self::Ticket | Self::Delivery => Scope::OrderRead,
            Self::Event | Self::Performance | Self::Source => Scope::CatalogRead,
            Self::Connection => Scope::ReportRead,
        }
    }

    /// Returns true if an object of this kind belongs to one reseller, and false if it is everybody's.
    pub fn is_owned(self) -> bool {
        match self {
            Self::Order | Self::Ticket | Self::Delivery | Self::Connection => true,
            Self::Event | Self::Performance | Self::Source => false,
        }
    }
}

/// A changed object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSubject {
    /// An order.
    Order(OrderKey),
    /// A ticket of an order, by its index.
    Ticket {
        /// The order.
        order: OrderKey,
        /// Index of the ticket in the order.
        ticket: usize,
    },
    /// The delivery of a ticket into an app.
    Delivery {
        /// The order.
        order: OrderKey,
        /// Index of the ticket in the order.
        ticket: usize,
        /// Key of the delivery channel.
        channel: String,
    },
    /// An event.
    Event {
        /// The source.
        source: SourceId,
        /// Key of the event.
        event: EventKey,
    },
    /// A performance.
    Performance {
        /// The source.
        source: SourceId,
        /// Key of the event, if it is known.
        event: Option<EventKey>,
        /// Key of the performance.
        performance: PerformanceKey,
    },
    /// A source.
    Source(SourceId),
    /// The connection of a reseller to a source.
    Connection {
        /// Configuration key of the reseller.
        reseller: String,
        /// The source.
        source: SourceId,
    },
}

/// The stored text is not a subject.
#[derive(Debug, thiserror::Error)]
#[error("the object of a change is unreadable")]
pub struct InvalidSubject(#[from] serde_json::Error);

impl ChangeSubject {
    /// Returns the kind of the object.
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::Order(_) => ChangeKind::Order,
            Self::Ticket { .. } => ChangeKind::Ticket,
            Self::Delivery { .. } => ChangeKind::Delivery,
            Self::Event { .. } => ChangeKind::Event,
            Self::Performance { .. } => ChangeKind::Performance,
            Self::Source(_) => ChangeKind::Source,
            Self::Connection { .. } => ChangeKind::Connection,
        }
    }

    /// Returns the order that the object belongs to.
    pub fn order(&self) -> Option<OrderKey> {
        match self {
            Self::Order(order) | Self::Ticket { order, .. } | Self::Delivery { order, .. } => Some(*order),
            _ => None,
        }
    }

    /// Encodes the object for a store.
    pub fn to_text(&self) -> Result<String, InvalidSubject> {
        Ok(serde_json::to_string(self)?)
    }

    /// Decodes an object from a store.
    pub fn parse(text: &str) -> Result<Self, InvalidSubject> {
        Ok(serde_json::from_str(text)?)
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;

    /// The ledger keeps these texts.
    #[test]
    fn stored_texts_stay_the_same_and_are_read_back() {
        let (order, source) = (OrderKey::of_name("order"), SourceId::new("harbor"));
        let (event, performance) = (EventKey::new("e 1"), PerformanceKey::new("p\"1"));
        let texts = [
            (ChangeSubject::Order(order), format!(r#"{{"order":"{order}"}}"#)),
            (ChangeSubject::Ticket { order, ticket: 3 }, format!(r#"{{"ticket":{{"order":"{order}","ticket":3}}}}"#)),
            (
                ChangeSubject::Delivery { order, ticket: 3, channel: "app".to_owned() },
                format!(r#"{{"delivery":{{"order":"{order}","ticket":3,"channel":"app"}}}}"#),
            ),
            (
                ChangeSubject::Event { source: source.clone(), event: event.clone() },
                r#"{"event":{"source":"harbor","event":"e 1"}}"#.to_owned(),
            ),
            (
                ChangeSubject::Performance { source: source.clone(), event: Some(event), performance },
                r#"{"performance":{"source":"harbor","event":"e 1","performance":"p\"1"}}"#.to_owned(),
            ),
            (ChangeSubject::Source(source.clone()), r#"{"source":"harbor"}"#.to_owned()),
            (
                ChangeSubject::Connection { reseller: "tours".to_owned(), source },
                r#"{"connection":{"reseller":"tours","source":"harbor"}}"#.to_owned(),
            ),
        ];
        let kinds: Vec<ChangeKind> = texts.iter().map(|(subject, _)| subject.kind()).collect();
        assert_eq!(kinds, ChangeKind::iter().collect::<Vec<_>>(), "a kind without a text");
        for (subject, text) in texts {
            assert_eq!(subject.to_text().expect("JSON"), text);
            assert_eq!(ChangeSubject::parse(&text).expect("a subject"), subject);
        }
        assert!(ChangeSubject::parse("{}").is_err());
    }

    #[test]
    fn kinds_have_the_names_of_the_store() {
        let names: Vec<_> = ChangeKind::iter().map(ChangeKind::name).collect();
        assert_eq!(names, ["ORDER", "TICKET", "DELIVERY", "EVENT", "PERFORMANCE", "SOURCE", "CONNECTION"]);
        assert!(ChangeKind::iter().all(|kind| ChangeKind::parse(kind.name()) == Some(kind)));
    }
}
