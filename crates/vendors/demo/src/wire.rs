//! Wire types.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An event, which is its own performance and has a single ticket type.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) start: Timestamp,
    /// Price in hundredths.
    pub(crate) price: i64,
    pub(crate) left: u32,
    pub(crate) published: bool,
}

/// Request of a hold.
#[derive(Debug, Serialize)]
pub(crate) struct NewHold<'a> {
    pub(crate) reference: &'a str,
    pub(crate) items: Vec<Item<'a>>,
}

/// Tickets of one event.
#[derive(Debug, Serialize)]
pub(crate) struct Item<'a> {
    pub(crate) event: &'a str,
    pub(crate) quantity: u32,
}

/// A hold.
#[derive(Debug, Deserialize)]
pub(crate) struct Hold {
    pub(crate) id: String,
    pub(crate) expires: Timestamp,
}

/// Request of an order that uses a hold.
#[derive(Debug, Serialize)]
pub(crate) struct NewOrder<'a> {
    pub(crate) reference: &'a str,
    pub(crate) hold: &'a str,
}

/// An order.
#[derive(Debug, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) placed: Timestamp,
    /// Total in hundredths.
    pub(crate) total: i64,
    pub(crate) tickets: Vec<Ticket>,
}

/// A ticket; `id` is also its barcode.
#[derive(Debug, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) id: String,
    pub(crate) event: String,
}
