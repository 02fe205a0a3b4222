//! The port of stored bookings: which uuid of a reseller names which order, and what the order does not keep.

use async_trait::async_trait;
use domain::{BookingUuid, OrderKey, StoreError};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::wire::{OctoContact, OctoSlot};

/// A unit of a stored booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredUnit {
    /// Uuid, of the reseller or derived.
    pub uuid: BookingUuid,
    /// Global id of the ticket type.
    pub unit: String,
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// The holder.
    pub contact: OctoContact,
}

/// Change of what is held that was requested. It takes effect once the order of the booking is replaced by one that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChange {
    /// Idempotency key of the change: whoever finds the change repeats it.
    pub key: String,
    /// Global id of the event.
    pub product: String,
    /// Global id of the performance.
    pub performance: String,
    /// Availability; `None` for open visits.
    pub slot: Option<OctoSlot>,
    /// Day of the visit.
    pub visit_day: Option<Date>,
    /// Units, one a ticket.
    pub units: Vec<StoredUnit>,
    /// True if units that stay at the same time must cost what they did.
    pub keeps_price: bool,
}

/// Parts of a booking that may be personal: they are stored encrypted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingDetails {
    /// Availability; `None` for open visits.
    pub slot: Option<OctoSlot>,
    /// Units, one a ticket.
    pub units: Vec<StoredUnit>,
    /// The visitor.
    pub contact: OctoContact,
    /// Notes of the reseller.
    pub notes: Option<String>,
    /// The reseller's reason of a cancellation that was requested.
    pub cancel_reason: Option<String>,
    /// Change of what is held, if one was requested and is not known to be made.
    #[serde(default)]
    pub change: Option<StoredChange>,
    /// Global id of the first order, once another one has replaced it: the id of the booking stays.
    #[serde(default)]
    pub id: Option<String>,
}

/// Data of visitors is not printed.
impl std::fmt::Debug for BookingDetails {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} units", self.units.len())
    }
}

/// A stored booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBooking {
    /// Owner of the uuid: a reseller or a caller, as of idempotency keys.
    pub scope: String,
    /// The reseller's uuid.
    pub uuid: BookingUuid,
    /// The order.
    pub order: OrderKey,
    /// Number of the order.
    pub number: String,
    /// Key of the source.
    pub source: String,
    /// Global id of the event.
    pub product: String,
    /// Day of the visit; `None` for open visits.
    pub visit_day: Option<Date>,
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// Hash of the request that made it.
    pub request_hash: String,
    /// True once its places were held: an order that was refused before is no booking.
    pub is_held: bool,
    /// Number of changes.
    pub version: u64,
    /// Creation time.
    pub created_at: Timestamp,
    /// Units, contacts and notes.
    pub details: BookingDetails,
}

/// Returns the owner of the uuids of a caller: that of its idempotency keys.
pub fn scope_of(caller: &str, reseller: Option<&str>) -> String {
    orders::Actor { caller: caller.to_owned(), reseller: reseller.map(str::to_owned) }.idempotency_scope()
}

/// Filter of a list of bookings. All parts must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookingFilter {
    /// Key of the source.
    pub source: String,
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// Number of the order.
    pub number: Option<String>,
    /// Days of the visit, both ends included.
    pub days: Option<(Date, Date)>,
    /// Global id of the event.
    pub product: Option<String>,
}

/// Stored bookings.
#[async_trait]
pub trait BookingStore: Send + Sync {
    /// Finds the booking of an owner by its uuid.
    async fn find_booking(&self, scope: &str, uuid: BookingUuid) -> Result<Option<StoredBooking>, StoreError>;

    /// Stores a new booking.
    ///
    /// # Errors
    ///
    /// [`StoreError::KeyTaken`] if the owner has a booking with the uuid.
    async fn insert_booking(&self, booking: &StoredBooking) -> Result<(), StoreError>;

    /// Replaces a booking, except for its creation time, and adds one to its version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Outdated`] if it has another version.
    async fn replace_booking(&self, booking: &StoredBooking) -> Result<(), StoreError>;

    /// Lists bookings of an owner, newest first, at most `limit`. Some may be of orders whose places were refused.
    async fn list_bookings(
        &self,
        scope: &str,
        filter: &BookingFilter,
        limit: usize,
    ) -> Result<Vec<StoredBooking>, StoreError>;
}
