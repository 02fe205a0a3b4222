//! The supplier's products. They depend on nothing, and their availabilities on the calendar day alone, so that both are the same after a
//! restart.

mod products;
mod slots;

pub(super) use products::PRODUCTS;
pub(super) use slots::{LOCAL_TIME, Slot, find_slot, slots_on};

/// Time zone of the supplier.
pub(super) const ZONE: &str = "Europe/Rome";
/// Languages of titles and error texts, the default one first.
pub(super) const LANGUAGES: [&str; 2] = ["en", "it"];

/// Text in each of [`LANGUAGES`].
pub(super) type Texts = [&'static str; 2];

/// A product (`octo.md §4.2`).
pub(super) struct Product {
    pub(super) id: &'static str,
    pub(super) internal_name: &'static str,
    pub(super) title: Texts,
    pub(super) description: Texts,
    pub(super) reference: Option<&'static str>,
    /// May be booked without asking availability first.
    pub(super) is_freesale: bool,
    /// False: a confirmation waits for someone outside.
    pub(super) confirms_at_once: bool,
    /// False: tickets follow [`LATE_DELIVERY_MINUTES`](super::state::LATE_DELIVERY_MINUTES) after the confirmation.
    pub(super) delivers_at_once: bool,
    /// False: open-dated.
    pub(super) needs_availability: bool,
    pub(super) kind: Kind,
    pub(super) formats: &'static [&'static str],
    pub(super) methods: &'static [&'static str],
    pub(super) redemption: &'static str,
    /// Currencies, the default one first.
    pub(super) currencies: &'static [Currency],
    /// The price is that of the booking, whatever the number of units.
    pub(super) is_per_booking: bool,
    /// Refund of a cancellation: `FULL`, `PARTIAL` or `NONE`.
    pub(super) refund: &'static str,
    pub(super) options: &'static [ProductOption],
}

/// Kind of availability.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    StartTime,
    OpeningHours,
}

impl Kind {
    /// Returns the word on the wire.
    pub(super) fn wire_name(self) -> &'static str {
        match self {
            Self::StartTime => "START_TIME",
            Self::OpeningHours => "OPENING_HOURS",
        }
    }
}

/// A currency of a product.
pub(super) struct Currency {
    pub(super) code: &'static str,
    pub(super) precision: u32,
    /// Minor units of this currency per minor unit of the default one, as a fraction.
    pub(super) rate: (i64, i64),
}

/// An option of a product (`octo.md §4.3`).
pub(super) struct ProductOption {
    pub(super) id: &'static str,
    pub(super) internal_name: &'static str,
    pub(super) title: Texts,
    pub(super) reference: Option<&'static str>,
    /// Start times as hour and minute. For opening hours: none.
    pub(super) starts: &'static [(i8, i8)],
    pub(super) minutes: i64,
    /// Opening and closing time. `None` for start times.
    pub(super) hours: Option<(&'static str, &'static str)>,
    /// Day without availability.
    pub(super) closed_on: Option<jiff::civil::Weekday>,
    /// Places of a slot. `None`: without limit.
    pub(super) capacity: Option<u32>,
    /// Minutes before the start or the closing time at which sales end.
    pub(super) sales_end_minutes: i64,
    /// Cancellation cut-off: amount and unit.
    pub(super) cutoff: (i64, &'static str),
    pub(super) contact_fields: &'static [&'static str],
    pub(super) min_units: u32,
    pub(super) max_units: Option<u32>,
    /// Price of a booking, for products that are priced so.
    pub(super) price: Price,
    pub(super) units: &'static [Unit],
}

/// A unit (`octo.md §4.4`).
pub(super) struct Unit {
    pub(super) id: &'static str,
    pub(super) internal_name: &'static str,
    pub(super) title: Texts,
    pub(super) kind: &'static str,
    pub(super) ages: (u32, u32),
    pub(super) needs_proof: bool,
    pub(super) quantity: (Option<u32>, Option<u32>),
    /// People whom one unit admits.
    pub(super) people: u32,
    pub(super) accompanied_by: &'static [&'static str],
    pub(super) contact_fields: &'static [&'static str],
    pub(super) price: Price,
}

/// A price in minor units of the product's default currency.
#[derive(Clone, Copy)]
pub(super) struct Price {
    pub(super) original: i64,
    pub(super) retail: i64,
}

impl Product {
    /// Finds an option.
    pub(super) fn option(&self, id: &str) -> Option<&'static ProductOption> {
        self.options.iter().find(|option| option.id == id)
    }

    /// Finds a currency; the default one without a code.
    pub(super) fn currency(&self, code: Option<&str>) -> Option<&'static Currency> {
        self.currencies.iter().find(|currency| code.is_none_or(|code| code == currency.code))
    }
}

impl ProductOption {
    /// Finds a unit.
    pub(super) fn unit(&self, id: &str) -> Option<&'static Unit> {
        self.units.iter().find(|unit| unit.id == id)
    }
}
