//! State of the emulated supplier: bookings, edits and switches.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::octo::pricing::Amounts;
use crate::octo::switches::{Flag, Switches};
use crate::octo::world::{PRODUCTS, Product, ProductOption, Slot};

/// Minutes between a confirmation and the tickets of a product that does not deliver at once.
pub(super) const LATE_DELIVERY_MINUTES: i64 = 10;

/// State of the supplier.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct OctoState {
    last_number: u64,
    /// Bookings by uuid.
    pub(super) bookings: BTreeMap<String, Booking>,
    pub(super) edits: Edits,
    pub(super) switches: Switches,
}

/// Changes of the catalog. A place is a product, or a product with its option and slot, joined by `|`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Edits {
    /// Retail prices in minor units of the default currency, by `product|unit`, or by product for prices of a booking.
    pub(super) prices: BTreeMap<String, i64>,
    pub(super) capacities: BTreeMap<String, u32>,
    pub(super) titles: BTreeMap<String, String>,
    pub(super) refunds: BTreeMap<String, String>,
    pub(super) vanished: BTreeSet<String>,
    pub(super) sold_out: BTreeSet<String>,
    pub(super) restocked: BTreeSet<String>,
    pub(super) closed: BTreeSet<String>,
    /// Slots that are not available, although their status and vacancies do not show it.
    pub(super) unavailable: BTreeSet<String>,
}

/// State of a booking (`octo.md §7`). Expired holds are stored as holds.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    OnHold,
    Expired,
    Pending,
    Confirmed,
    Rejected,
    Redeemed,
    Canceled,
}

impl Status {
    /// Returns the word on the wire.
    pub(super) fn wire_name(self) -> &'static str {
        match self {
            Self::OnHold => "ON_HOLD",
            Self::Expired => "EXPIRED",
            Self::Pending => "PENDING",
            Self::Confirmed => "CONFIRMED",
            Self::Rejected => "REJECTED",
            Self::Redeemed => "REDEEMED",
            Self::Canceled => "CANCELLED",
        }
    }
}

/// A booking.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Booking {
    pub(super) number: u64,
    pub(super) uuid: String,
    pub(super) is_test: bool,
    pub(super) status: Status,
    pub(super) product: String,
    pub(super) option: String,
    /// Local start. `None`: open-dated.
    pub(super) slot: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) confirmed_at: Option<Timestamp>,
    pub(super) redeemed_at: Option<Timestamp>,
    pub(super) cancellation: Option<Cancellation>,
    pub(super) reseller_reference: Option<String>,
    pub(super) notes: Option<String>,
    /// Contact as supplied.
    pub(super) contact: Value,
    pub(super) items: Vec<Item>,
    pub(super) currency: String,
    /// Price of the booking, for products that are priced so.
    pub(super) price: Option<Amounts>,
    /// Reservation as received, to recognize a repeat.
    pub(super) request: Value,
    /// Tickets were delivered early by a control call.
    pub(super) is_delivered: bool,
}

/// Cancellation of a booking.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Cancellation {
    pub(super) at: Timestamp,
    pub(super) reason: Option<String>,
    pub(super) refund: String,
}

/// A unit item: one ticket.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) uuid: String,
    pub(super) number: u64,
    pub(super) unit: String,
    pub(super) reseller_reference: Option<String>,
    pub(super) contact: Value,
    pub(super) redeemed_at: Option<Timestamp>,
    pub(super) price: Amounts,
}

/// Places of a slot. Without limit: `None`.
pub(super) struct Places {
    pub(super) capacity: Option<u32>,
    pub(super) vacancies: Option<u32>,
}

/// Places that bookings take, by `product|option|slot`.
pub(super) type TakenPlaces = BTreeMap<String, u32>;

impl Booking {
    /// Returns the status at a time: a hold ends by itself.
    pub(super) fn status(&self, now: Timestamp) -> Status {
        let is_over = self.status == Status::OnHold && self.expires_at.is_some_and(|end| end <= now);
        if is_over { Status::Expired } else { self.status }
    }

    /// Returns the catalog's product; a copy shares that of the original.
    pub(super) fn catalog(&self) -> Option<(&'static Product, &'static ProductOption)> {
        let product = original(&self.product)?;
        Some((product, product.option(&self.option)?))
    }

    /// Returns `product|option|slot`.
    pub(super) fn place(&self) -> String {
        place(&self.product, &self.option, self.slot.as_deref().unwrap_or_default())
    }
}

/// Joins the ids of a slot.
pub(super) fn place(product: &str, option: &str, slot: &str) -> String {
    format!("{product}|{option}|{slot}")
}

/// Returns the product of an id, or of the copy `extra-N`.
pub(super) fn original(id: &str) -> Option<&'static Product> {
    let copied = id.strip_prefix("extra-").and_then(|number| number.parse::<usize>().ok());
    if copied.is_some() { PRODUCTS.first() } else { PRODUCTS.iter().find(|product| product.id == id) }
}

impl OctoState {
    /// Returns an unused number.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Returns an unused uuid, for a client that sends none.
    pub(super) fn next_uuid(&mut self) -> String {
        let name = format!("laguna {}", self.next_number());
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
    }

    /// Lists the ids of all products on sale.
    pub(super) fn product_ids(&self) -> Vec<String> {
        let own = PRODUCTS.iter().map(|product| product.id.to_owned());
        let copies = (1..=self.switches.extra_products).map(|number| format!("extra-{number}"));
        own.chain(copies).filter(|id| !self.edits.vanished.contains(id)).collect()
    }

    /// Finds a product on sale.
    pub(super) fn find_product(&self, id: &str) -> Option<&'static Product> {
        original(id).filter(|_| self.product_ids().iter().any(|known| known == id))
    }

    /// Returns the options of a product that are on sale.
    pub(super) fn options(&self, id: &str, product: &Product) -> impl Iterator<Item = &'static ProductOption> {
        let options = product.options.iter();
        options.filter(move |option| !self.edits.vanished.contains(&format!("{id}|{}", option.id)))
    }

    /// Counts the places that bookings take, without those of `except`.
    pub(super) fn taken_places(&self, now: Timestamp, except: Option<&str>) -> TakenPlaces {
        let mut taken = TakenPlaces::new();
        if self.switches.is(Flag::EndlessStock) {
            return taken;
        }
        for booking in self.bookings.values().filter(|booking| self.takes_places(booking, now)) {
            if except != Some(booking.uuid.as_str()) {
                *taken.entry(booking.place()).or_default() += self.booked_places(booking);
            }
        }
        taken
    }

    fn takes_places(&self, booking: &Booking, now: Timestamp) -> bool {
        !booking.is_test
            && match booking.status(now) {
                Status::OnHold | Status::Pending | Status::Confirmed | Status::Redeemed => true,
                Status::Rejected => self.switches.is(Flag::RejectedKeepsPlaces),
                Status::Expired | Status::Canceled => false,
            }
    }

    /// Returns the places of a booking.
    pub(super) fn booked_places(&self, booking: &Booking) -> u32 {
        let Some((product, option)) = booking.catalog() else { return 0 };
        let units: Vec<&str> = booking.items.iter().map(|item| item.unit.as_str()).collect();
        self.places_of(product, option, &units)
    }

    /// Returns the places that units take: those of the people, or all for a product that is sold as a whole.
    pub(super) fn places_of(&self, product: &Product, option: &ProductOption, units: &[&str]) -> u32 {
        if product.is_per_booking {
            return option.capacity.unwrap_or(0);
        }
        let people = |unit: &&str| option.unit(unit).map_or(0, |unit| unit.people);
        if self.switches.is(Flag::CountsUnits) {
            u32::try_from(units.len()).unwrap_or(u32::MAX)
        } else {
            units.iter().map(people).sum()
        }
    }

    /// Returns true if a slot, its option or its product is in a set of edits.
    pub(super) fn is_edited(&self, edits: &BTreeSet<String>, product: &str, option: &str, slot: &str) -> bool {
        edits.contains(product)
            || edits.contains(&format!("{product}|{option}"))
            || edits.contains(&place(product, option, slot))
    }

    /// Counts the places of a slot.
    pub(super) fn places(&self, product: &str, option: &ProductOption, slot: &Slot, taken: &TakenPlaces) -> Places {
        let own = place(product, option.id, &slot.id);
        let edits = &self.edits;
        let edited = [&own, &format!("{product}|{}", option.id), product].map(|name| edits.capacities.get(name));
        let Some(capacity) = edited.into_iter().flatten().next().copied().or(option.capacity) else {
            return Places { capacity: None, vacancies: None };
        };
        let is_in = |set: &BTreeSet<String>| self.is_edited(set, product, option.id, &slot.id);
        let sold_before = if is_in(&edits.sold_out) {
            capacity
        } else if is_in(&edits.restocked) || self.switches.is(Flag::EndlessStock) {
            0
        } else {
            slot.initially_sold(capacity)
        };
        let sold = sold_before.saturating_add(taken.get(&own).copied().unwrap_or(0));
        Places { capacity: Some(capacity), vacancies: Some(capacity.saturating_sub(sold)) }
    }

    /// Returns true if the tickets of a booking are shown: from the confirmation, or from the delivery if that is later.
    pub(super) fn is_delivered(&self, booking: &Booking, now: Timestamp) -> bool {
        let Some((product, _)) = booking.catalog() else { return false };
        let Some(confirmed_at) = booking.confirmed_at else { return false };
        let delivery = confirmed_at + SignedDuration::from_mins(LATE_DELIVERY_MINUTES);
        product.delivers_at_once || booking.is_delivered || delivery <= now
    }
}
