//! State of the emulated ACME: edited templates, holds, orders and tickets.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::acme::instances::EventInstance;
use crate::acme::quirks::AcmeQuirks;

/// Lifetime of a hold (`acme.md §4.2`: roughly ten minutes).
pub(super) const HOLD_DURATION: SignedDuration = SignedDuration::from_mins(10);

/// State that outlives the process.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AcmeState {
    /// Edited and new templates; `None` marks a deleted one. Unedited initial templates are not listed.
    pub(super) templates: BTreeMap<String, Option<Value>>,
    pub(super) reservations: BTreeMap<u64, Reservation>,
    pub(super) orders: BTreeMap<u64, AcmeOrder>,
    /// Order id by request UUID.
    pub(super) request_uuids: BTreeMap<String, u64>,
    /// Changed prices, by person type or by `instance/person type`.
    pub(super) prices: BTreeMap<String, String>,
    pub(super) sold_out: BTreeSet<String>,
    pub(super) restocked: BTreeSet<String>,
    pub(super) canceled: BTreeSet<String>,
    /// Permissions revoked for all keys.
    pub(super) denied: BTreeSet<String>,
    pub(super) quirks: AcmeQuirks,
    last_id: u64,
}

/// A hold: seats of instances, not of ticket types.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) id: u64,
    pub(super) expires_at: Timestamp,
    pub(super) items: Vec<ReservationItem>,
}

/// Seats of one instance in a hold.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ReservationItem {
    pub(super) id: u64,
    pub(super) event_id: String,
    pub(super) quantity: u32,
}

/// A paid order.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AcmeOrder {
    pub(super) id: u64,
    pub(super) organization_id: u64,
    pub(super) created_at: Timestamp,
    /// Contact, billing and delivery fields of the request.
    pub(super) contact: BTreeMap<String, String>,
    pub(super) payment_method: String,
    pub(super) payment_id: String,
    pub(super) charged: Decimal,
    pub(super) items: Vec<AcmeOrderItem>,
    pub(super) incidents: u32,
}

/// An item of an order.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AcmeOrderItem {
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
    /// Seats that one of it takes: a combo takes one per child.
    pub(super) seats: u32,
    pub(super) tickets: Vec<AcmeTicket>,
}

/// A ticket.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AcmeTicket {
    pub(super) id: u64,
    pub(super) uuid: String,
    pub(super) status: String,
    pub(super) checked_in: Option<Timestamp>,
}

/// Sold, reserved and available seats of an instance.
pub(super) struct InstanceCounts {
    pub(super) sold: u32,
    pub(super) reserved: u32,
    pub(super) checked_in: u32,
    pub(super) available: u32,
}

impl AcmeOrder {
    /// Total of what is still sold, at the prices of the order.
    pub(super) fn total(&self) -> Decimal {
        self.items.iter().map(|item| item.unit_price * Decimal::from(item.quantity)).sum()
    }

    /// Total of what was sold originally.
    pub(super) fn original_total(&self) -> Decimal {
        self.items.iter().map(|item| item.unit_price * Decimal::from(item.original_quantity)).sum()
    }
}

impl AcmeState {
    /// Returns an unused id above `from`.
    pub(super) fn next_id(&mut self, from: u64) -> u64 {
        self.last_id += 1;
        from + self.last_id
    }

    /// Removes expired holds.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.reservations.retain(|_, reservation| reservation.expires_at > now);
    }

    /// Counts the seats of an instance: `available = capacity - sold - reserved` (`acme.md §4.1`).
    pub(super) fn instance_counts(&self, instance: &EventInstance, now: Timestamp) -> InstanceCounts {
        let items = self.orders.values().flat_map(|order| &order.items).filter(|item| item.event_id == instance.id);
        let (mut booked, mut checked_in) = (0, 0);
        for item in items {
            booked += item.quantity * item.seats;
            checked_in += item.tickets.iter().filter(|ticket| ticket.checked_in.is_some()).count() as u32;
        }
        let reservation = self
            .reservations
            .values()
            .filter(|reservation| reservation.expires_at > now)
            .flat_map(|reservation| &reservation.items);
        let reserved: u32 =
            reservation.filter(|places| places.event_id == instance.id).map(|places| places.quantity).sum();
        let before = if self.restocked.contains(&instance.id) { 0 } else { instance.initially_sold() };
        let is_sold_out = self.sold_out.contains(&instance.id) || self.sold_out.contains(instance.template_id());
        let sold = if is_sold_out { instance.capacity().saturating_sub(reserved).max(booked) } else { before + booked };
        let available = instance.capacity().saturating_sub(sold + reserved);
        InstanceCounts { sold, reserved, checked_in, available }
    }

    /// Returns the price list of an instance with all price changes.
    pub(super) fn price_list(&self, instance: &EventInstance) -> Value {
        let mut list = instance.price_list();
        for line in list["prices"].as_array_mut().into_iter().flatten() {
            let person = line["personType"]["id"].as_str().unwrap_or_default();
            let changed = self.prices.get(&format!("{}/{person}", instance.id)).or_else(|| self.prices.get(person));
            if let Some(price) = changed {
                line["price"] = crate::acme::venue::json_number(price);
                line["discountedPrice"] = line["price"].clone();
            }
        }
        list
    }

    /// True if the instance or its template is canceled.
    pub(super) fn is_canceled(&self, instance: &EventInstance) -> bool {
        self.canceled.contains(&instance.id) || self.canceled.contains(instance.template_id())
    }
}
