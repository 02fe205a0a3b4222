//! Mapping between the wire and the domain, in both directions. Pure: no calls, no clock.

pub(crate) mod booking;
pub(crate) mod event;
pub(crate) mod keys;
pub(crate) mod price;
pub(crate) mod slot;
pub(crate) mod tickets;

use jiff::tz::TimeZone;

use crate::settings::Facts;
use crate::wire::catalog::{Product, ProductOption};
use domain::Currency;

/// Values that the wire leaves out and the settings supply.
#[derive(Debug, Clone)]
pub(crate) struct SourceDefaults {
    /// Time zone of products that name none.
    pub time_zone: TimeZone,
    /// Currency of the source. `None`: that of each product.
    pub currency: Option<Currency>,
    /// Inferred facts.
    pub facts: Facts,
}

impl SourceDefaults {
    /// Time zone of a product; that of the source if the product names none that exists.
    pub(crate) fn zone_of(&self, product: &Product) -> TimeZone {
        let own = product.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
        own.unwrap_or_else(|| self.time_zone.clone())
    }

    /// Currency in which a product is sold; `None` if it is not sold in that of the source. Suppliers refuse a request in another
    /// currency than those of the product.
    pub(crate) fn currency_of(&self, product: &Product) -> Option<Currency> {
        let currency = self.currency.or_else(|| product.default_currency.as_deref()?.parse().ok())?;
        let available = &product.available_currencies;
        (available.is_empty() || available.iter().any(|code| code == currency.code())).then_some(currency)
    }

    /// Currency of a request about availability. Suppliers refuse one if prices are not in effect.
    pub(crate) fn requested_currency(&self, offering: Offering<'_>) -> Option<Currency> {
        self.currency_of(offering.product).filter(|_| offering.has_prices)
    }
}

/// An event: a product with one of its options (`octo.md §12.1`).
#[derive(Clone, Copy)]
pub(crate) struct Offering<'a> {
    pub product: &'a Product,
    pub option: &'a ProductOption,
    /// True if the response has prices.
    pub has_prices: bool,
}

/// Bookable form of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// For a start time.
    StartTime,
    /// For a day.
    Day,
    /// For any day.
    Open,
    /// A form that is not documented.
    Unknown,
}

impl<'a> Offering<'a> {
    /// Returns the option of a product.
    pub(crate) fn of(product: &'a Product, option: &str, has_prices: bool) -> Option<Self> {
        let option = product.options.iter().find(|one| one.id == option)?;
        Some(Self { product, option, has_prices })
    }

    /// Returns how the product is booked (`octo.md §12.1`).
    pub(crate) fn timing(&self) -> Timing {
        if self.product.availability_required == Some(false) {
            return Timing::Open;
        }
        match self.product.availability_type.as_deref() {
            Some("START_TIME") => Timing::StartTime,
            Some("OPENING_HOURS") => Timing::Day,
            _ => Timing::Unknown,
        }
    }

    /// Returns true if the product has a price for each ticket. `BOOKING` and `EQUIPMENT` have none.
    pub(crate) fn is_priced_per_ticket(&self) -> bool {
        self.has_prices && self.product.pricing_per.as_deref().is_none_or(|per| per == "UNIT")
    }

    /// Returns true if the product may be sold according to the catalog.
    pub(crate) fn is_sellable(&self, defaults: &SourceDefaults) -> bool {
        let facts = &defaults.facts;
        let confirms = self.product.instant_confirmation == Some(true) || facts.sells_on_request;
        let has_form = match self.timing() {
            Timing::StartTime | Timing::Day => true,
            Timing::Open => facts.sells_open_dated,
            Timing::Unknown => false,
        };
        confirms && has_form && self.is_priced_per_ticket() && defaults.currency_of(self.product).is_some()
    }
}
