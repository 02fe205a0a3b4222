//! Delivery channel: delivers the tickets of one source into one app.

use std::time::Duration;

use crate::delivery::SystemNames;
use domain::Source;
use domain::mobile::AppChannel;
use orders::Order;

/// Location of the venue, for apps that require it and sources that do not provide it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VenueLocation {
    /// City.
    pub city: Option<String>,
    /// ISO 3166 country code.
    pub country: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
}

/// Configured delivery channel.
#[derive(Clone)]
pub struct Channel {
    /// App to deliver into.
    pub app: AppChannel,
    /// Source whose tickets are delivered, with its resilience and cache layers.
    pub source: Source,
    /// Interval between runs of the streams.
    pub interval: Duration,
    /// Location of the venue.
    pub location: VenueLocation,
}

impl Channel {
    /// Returns the names of the two systems that hold a ticket.
    pub(crate) fn system_names(&self) -> SystemNames<'_> {
        SystemNames { source: self.source.id.as_str(), app: self.app.app }
    }

    /// Returns true if the source of the channel issued this ticket.
    pub(crate) fn covers(&self, order: &Order, ticket: usize) -> bool {
        let leg = order.tickets.get(ticket).map(|ticket| order.lines[ticket.line].leg);
        leg.is_some_and(|leg| order.legs[leg].source == self.source.id)
    }

    /// Returns the time for which the two systems may disagree: two cycles.
    pub fn drift_tolerance(&self) -> Duration {
        self.interval.saturating_mul(2)
    }
}
