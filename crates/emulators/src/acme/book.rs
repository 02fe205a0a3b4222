//! What the vendor remembers: edited templates, holds, orders, tickets, and how much of each instance is left.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::acme::instances::Show;

/// How long a hold lasts (`acme.md §4.2`: roughly ten minutes).
pub(super) const HOLD: SignedDuration = SignedDuration::from_mins(10);

/// Everything that outlives the process.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Book {
    /// Templates as edited; none: deleted. Those that nobody edited are the venue's own.
    pub(super) templates: BTreeMap<String, Option<Value>>,
    pub(super) reservations: BTreeMap<u64, Reservation>,
    pub(super) orders: BTreeMap<u64, Order>,
    /// Request UUIDs of orders that were made.
    pub(super) requests: BTreeMap<String, u64>,
    /// Prices that were changed: by person type, or by `instance/person type`.
    pub(super) prices: BTreeMap<String, String>,
    pub(super) sold_out: BTreeSet<String>,
    pub(super) restocked: BTreeSet<String>,
    pub(super) cancelled: BTreeSet<String>,
    /// Permissions that were taken from the users of all keys.
    pub(super) denied: BTreeSet<String>,
    next: u64,
}

/// A hold: places of instances, not of ticket types.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) id: u64,
    pub(super) expires_at: Timestamp,
    pub(super) items: Vec<HeldPlaces>,
}

/// A line of a hold.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct HeldPlaces {
    pub(super) id: u64,
    pub(super) event_id: String,
    pub(super) quantity: u32,
}

/// A paid order.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) organization_id: u64,
    pub(super) created_at: Timestamp,
    /// Contact and billing fields and the delivery wish, as they came.
    pub(super) contact: BTreeMap<String, String>,
    pub(super) payment_method: String,
    pub(super) payment_id: String,
    pub(super) charged: Decimal,
    pub(super) items: Vec<Item>,
    pub(super) incidents: u32,
}

/// A line of an order.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) event_id: String,
    pub(super) event_name: String,
    pub(super) template_id: String,
    pub(super) admission_type: String,
    pub(super) event_date: Timestamp,
    pub(super) person_type: String,
    pub(super) person_name: String,
    pub(super) list_price: Decimal,
    pub(super) unit_price: Decimal,
    pub(super) quantity: u32,
    pub(super) original_quantity: u32,
    /// Places that one of it takes: a combo takes one for each child.
    pub(super) places: u32,
    pub(super) tickets: Vec<Ticket>,
}

/// A ticket.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) id: u64,
    pub(super) uuid: String,
    pub(super) status: String,
    pub(super) checked_in: Option<Timestamp>,
}

/// How an instance is filled.
pub(super) struct Counts {
    pub(super) sold: u32,
    pub(super) reserved: u32,
    pub(super) checked_in: u32,
    pub(super) available: u32,
}

impl Order {
    /// What is still sold, at the prices of the order.
    pub(super) fn total(&self) -> Decimal {
        self.items.iter().map(|item| item.unit_price * Decimal::from(item.quantity)).sum()
    }

    /// What was sold at first.
    pub(super) fn original_total(&self) -> Decimal {
        self.items.iter().map(|item| item.unit_price * Decimal::from(item.original_quantity)).sum()
    }
}

impl Book {
    /// A number that nobody has yet, in the range of its kind.
    pub(super) fn draw(&mut self, from: u64) -> u64 {
        self.next += 1;
        from + self.next
    }

    /// Drops holds that ran out.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.reservations.retain(|_, held| held.expires_at > now);
    }

    /// `available = capacity - sold - reserved` (`acme.md §4.1`).
    pub(super) fn counts(&self, show: &Show, now: Timestamp) -> Counts {
        let items = self.orders.values().flat_map(|order| &order.items).filter(|item| item.event_id == show.id);
        let (mut booked, mut checked_in) = (0, 0);
        for item in items {
            booked += item.quantity * item.places;
            checked_in += item.tickets.iter().filter(|ticket| ticket.checked_in.is_some()).count() as u32;
        }
        let held = self.reservations.values().filter(|held| held.expires_at > now).flat_map(|held| &held.items);
        let reserved: u32 = held.filter(|places| places.event_id == show.id).map(|places| places.quantity).sum();
        let before = if self.restocked.contains(&show.id) { 0 } else { show.sold_before() };
        let is_sold_out = self.sold_out.contains(&show.id) || self.sold_out.contains(show.template_id());
        let sold = if is_sold_out { show.capacity().saturating_sub(reserved).max(booked) } else { before + booked };
        let available = show.capacity().saturating_sub(sold + reserved);
        Counts { sold, reserved, checked_in, available }
    }

    /// The price list of an instance with what was changed since.
    pub(super) fn price_list(&self, show: &Show) -> Value {
        let mut list = show.price_list();
        for line in list["prices"].as_array_mut().into_iter().flatten() {
            let person = line["personType"]["id"].as_str().unwrap_or_default();
            let changed = self.prices.get(&format!("{}/{person}", show.id)).or_else(|| self.prices.get(person));
            if let Some(price) = changed {
                line["price"] = crate::acme::venue::number(price);
                line["discountedPrice"] = line["price"].clone();
            }
        }
        list
    }

    /// Whether an instance, or its whole event, was called off.
    pub(super) fn is_cancelled(&self, show: &Show) -> bool {
        self.cancelled.contains(&show.id) || self.cancelled.contains(show.template_id())
    }
}
