//! Holds, orders, tickets and refunds (`acme.md §4.2` to `§4.7`, `§7.4`).

use serde::{Deserialize, Serialize};

use crate::wire::{Amount, Id, WireTime, WrittenAmount, lenient};

/// Capacity of an instance to be held: a hold has no ticket types (`acme.md §4.2`).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReservationItem {
    pub(crate) event_id: String,
    pub(crate) quantity: u32,
}

/// A new hold.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewReservation<'a> {
    pub(crate) reservation_items: &'a [ReservationItem],
}

/// A hold.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reservation {
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) expiration_timestamp: Option<WireTime>,
}

/// Request of a reseller's order, with the fields of the sample in `acme.md §4.3`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckOut {
    pub(crate) organization_id: Id,
    /// The older name; both are sent.
    pub(crate) account_id: Id,
    pub(crate) sale_channel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reservation_id: Option<Id>,
    pub(crate) payment_method: &'static str,
    /// Our reference.
    pub(crate) payment_id: String,
    pub(crate) charge_amount: WrittenAmount,
    pub(crate) email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zip_code: Option<String>,
    pub(crate) billing_first_name: String,
    pub(crate) billing_last_name: String,
    pub(crate) billing_email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billing_phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billing_zip_code: Option<String>,
    pub(crate) events: Vec<CheckOutEvent>,
    pub(crate) includes_flex_pay: bool,
    pub(crate) queued_status: u32,
    pub(crate) retry_count: u32,
    /// A string here, a boolean in refunds.
    pub(crate) no_email: &'static str,
    pub(crate) ticket_delivery: &'static str,
}

/// The bought items of one instance.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckOutEvent {
    pub(crate) event_id: String,
    pub(crate) verify_entitlements: bool,
    pub(crate) items: Vec<CheckOutItem>,
}

/// The bought items of one ticket type. `amount` is the line's total (INFERRED, `acme.md §4.3`, setting `item_amount`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckOutItem {
    pub(crate) event_id: String,
    pub(crate) person_type_id: String,
    pub(crate) item_type: &'static str,
    pub(crate) quantity: u32,
    pub(crate) amount: WrittenAmount,
}

/// An order without its tickets (`acme.md §7.4`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    /// The id used in paths, not the number shown to guests.
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) order_number: Option<Id>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) organization_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) account_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) email: Option<String>,
    /// True if the vendor hides who bought ([L], `acme.md §4.5`).
    #[serde(default, deserialize_with = "lenient::boolean")]
    pub(crate) obfuscated: Option<bool>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) total_amount: Option<Amount>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) discounted_total_amount: Option<Amount>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) refund_amount: Option<Amount>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) created_on: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) creation_date: Option<WireTime>,
}

/// An order with its tickets, from will call or the order detail (`acme.md §4.4`, `§7.4`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderDetail {
    #[serde(alias = "id")]
    pub(crate) order_id: Id,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) order_number: Option<Id>,
    /// Our reference; the will-call form may omit it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) payment_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) event_items: Vec<EventItem>,
}

/// The lines of one instance.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventItem {
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) event_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) items: Vec<OrderItem>,
}

/// A line of an order. `orderItemId` here is `itemId` in the order (`acme.md §4.6`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderItem {
    #[serde(alias = "itemId")]
    pub(crate) order_item_id: Id,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) item_type_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) ticket_type_id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(crate) quantity: Option<u32>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) tickets: Vec<Ticket>,
}

/// A ticket. Its `uuid` is the barcode and therefore a secret.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) id: Option<Id>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) uuid: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) ticket_status: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) check_in_date: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) check_in_status: Option<String>,
}

/// Omits the barcode.
impl std::fmt::Debug for Ticket {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Ticket")
            .field("id", &self.id)
            .field("ticket_status", &self.ticket_status)
            .finish_non_exhaustive()
    }
}

/// A refund (`acme.md §4.7`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refund {
    pub(crate) order_id: Id,
    pub(crate) incident_reason_code: &'static str,
    pub(crate) notes: String,
    /// A boolean here, a string in the check-out.
    pub(crate) no_email: bool,
    pub(crate) refund_items: Vec<RefundItem>,
}

/// A line of a refund. A wrong uuid is refunded all the same and its ticket remains valid, so only uuids that were just
/// read are sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundItem {
    pub(crate) order_item_id: Id,
    pub(crate) quantity: u32,
    #[serde(rename = "ticketUUIDs")]
    pub(crate) ticket_uuids: Vec<String>,
    pub(crate) incident_reason_code: &'static str,
}

/// Omits the barcodes.
impl std::fmt::Debug for RefundItem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} of line {}", self.quantity, self.order_item_id)
    }
}

/// Result of a refund.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundResult {
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(crate) refund_amount: Option<Amount>,
}
