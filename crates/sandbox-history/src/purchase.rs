//! A purchase that was drawn.

use std::collections::BTreeSet;

use emulators::{PastOffer, PastTicketType};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::Venue;
use crate::formats::{LineKeys, format_of};
use domain::ordering::Contact;
use domain::text::LocalizedText;
use domain::{Currency, Locale, Money, Price};
use orders::Line;

/// A purchase.
pub(crate) struct Purchase {
    pub at: Timestamp,
    /// Index of the seller.
    pub seller: usize,
    pub contact: Contact,
    pub locale: Option<Locale>,
    pub lines: Vec<PurchaseLine>,
    pub fate: Fate,
    /// Time at which the tickets were used that were not refunded.
    pub used_at: Option<Timestamp>,
}

/// A line of a purchase.
pub(crate) struct PurchaseLine {
    /// Index of the venue.
    pub venue: usize,
    pub offer: PastOffer,
    pub ticket_type: PastTicketType,
    pub quantity: u32,
}

/// End of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sold.
    Kept,
    /// Sold, and canceled at a time: some lines, or all.
    Canceled(Timestamp, Option<BTreeSet<usize>>),
    /// Held for a client who never confirmed.
    Expired,
    /// Sold out when it was to be held.
    Refused,
    /// Never sold, but the response to the confirmation was lost: only a person can find out.
    Lost,
}

impl Fate {
    /// Returns true if a line was refunded.
    pub(crate) fn refunds(&self, line: usize) -> bool {
        match self {
            Self::Canceled(_, Some(lines)) => lines.contains(&line),
            Self::Canceled(_, None) => true,
            Self::Kept | Self::Expired | Self::Refused | Self::Lost => false,
        }
    }
}

impl PurchaseLine {
    /// Returns the line of an order, as it is planned from the vendor's catalog.
    pub(crate) fn order_line(&self, venue: &Venue<'_>) -> Line {
        let LineKeys { event, performance, ticket_type } =
            (format_of(venue.vendor).keys)(&self.offer, &self.ticket_type);
        Line {
            leg: 0,
            event,
            event_title: Some(title(&self.offer)),
            performance,
            ticket_type,
            quantity: self.quantity,
            unit_price: price(&self.ticket_type, venue.currency),
            starts_at: Some(self.offer.starts_at),
            visit_date: Some(self.offer.day),
            cutoff_at: self.offer.sale_ends_at,
            is_canceled: false,
        }
    }

    /// Returns the latest time of a sale.
    pub(crate) fn sale_ends_at(&self) -> Timestamp {
        self.offer.sale_ends_at.map_or(self.offer.starts_at, |end| end.min(self.offer.starts_at))
    }
}

fn title(offer: &PastOffer) -> LocalizedText {
    let main = offer.title.first().map_or("", |(_, text)| text.as_str());
    let translations = offer.title.iter().filter_map(|(language, text)| Some((Locale::parse(language)?, text.clone())));
    LocalizedText { main: main.to_owned(), translations: translations.collect() }
}

/// Returns the price of a ticket with its fee.
fn price(ticket_type: &PastTicketType, currency: Currency) -> Price {
    let money = |amount: Decimal| Money::from_major(amount, currency).unwrap_or_else(|_| Money::zero(currency));
    let fee = ticket_type.fee.unwrap_or_default();
    let original = (ticket_type.list_price > ticket_type.price).then(|| money(ticket_type.list_price + fee));
    Price { original, fees: ticket_type.fee.map(money), ..Price::from_retail(money(ticket_type.price + fee)) }
}

/// Returns a time of the day at a venue.
pub(crate) fn time_of_day(
    day: jiff::civil::Date,
    (hour, minute, second): (i8, i8, i8),
    zone: &TimeZone,
) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(day.at(hour, minute, second, 0)).compatible().ok()
}
