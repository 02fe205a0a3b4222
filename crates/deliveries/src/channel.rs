//! A channel: the tickets of one source, into one app.

use std::time::Duration;

use crate::parcel::Systems;
use domain::Source;
use domain::mobile::AppChannel;
use orders::Order;

/// Where a house stands, for apps that want to know and sources that do not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The city.
    pub city: Option<String>,
    /// ISO 3166 code of the country.
    pub country: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
}

/// One configured delivery channel.
#[derive(Clone)]
pub struct Channel {
    /// The app.
    pub app: AppChannel,
    /// The source whose tickets it delivers, layered.
    pub source: Source,
    /// Between two runs of its streams.
    pub interval: Duration,
    /// Where the house stands.
    pub place: Place,
}

impl Channel {
    /// The names of the two systems that hold a ticket.
    pub(crate) fn systems(&self) -> Systems<'_> {
        Systems { source: self.source.id.as_str(), app: self.app.app }
    }

    /// Whether a ticket of an order is one of its source.
    pub(crate) fn takes(&self, order: &Order, ticket: usize) -> bool {
        let leg = order.tickets.get(ticket).map(|ticket| order.lines[ticket.line].leg);
        leg.is_some_and(|leg| order.legs[leg].source == self.source.id)
    }

    /// How long two systems may contradict each other: two cycles.
    pub fn patience(&self) -> Duration {
        self.interval.saturating_mul(2)
    }
}
