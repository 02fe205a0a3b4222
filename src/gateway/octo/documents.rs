//! The GraphQL documents of the OCTO endpoints.

macro_rules! document {
    ($($file:literal),+) => { concat!($(include_str!($file)),+) };
}

/// The sources, and those that the caller's reseller may sell.
pub(super) const SOURCES: &str = document!("sources.graphql");
/// A page of the events of a source, with their next start times.
pub(super) const PRODUCTS: &str =
    document!("products.graphql", "event_fields.graphql", "content_fields.graphql", "price_fields.graphql");
/// An event with its next start times.
pub(super) const PRODUCT: &str =
    document!("product.graphql", "event_fields.graphql", "content_fields.graphql", "price_fields.graphql");
/// An event.
pub(super) const EVENT: &str = document!("event.graphql", "event_fields.graphql", "price_fields.graphql");
/// A page of the ids of the events that a reseller may sell.
pub(super) const ALLOWED: &str = document!("allowed.graphql");
/// A page of the performances of an event in a range of time.
pub(super) const SLOTS: &str = document!("slots.graphql", "slot_fields.graphql", "price_fields.graphql");
/// Performances by id.
pub(super) const SLOTS_BY_ID: &str = document!("slots_by_id.graphql", "slot_fields.graphql", "price_fields.graphql");
/// The times of performances by id.
pub(super) const SLOT_TIMES: &str = document!("slot_times.graphql");
/// The performance of an event with open visits.
pub(super) const OPEN_SLOT: &str = document!("open_slot.graphql");
/// The calendar of an event.
pub(super) const CALENDAR: &str = document!("calendar.graphql");
/// An order.
pub(super) const ORDER: &str = document!("order.graphql", "order_fields.graphql", "price_fields.graphql");
/// Orders.
pub(super) const ORDERS: &str = document!("orders.graphql", "order_fields.graphql", "price_fields.graphql");
/// `createOrder`.
pub(super) const CREATE: &str = document!("create.graphql", "order_fields.graphql", "price_fields.graphql");
/// `holdOrder`.
pub(super) const HOLD: &str = document!("hold.graphql", "order_fields.graphql", "price_fields.graphql");
/// `changeHeldOrder`.
pub(super) const CHANGE: &str = document!("change.graphql", "order_fields.graphql", "price_fields.graphql");
/// `extendHold`.
pub(super) const EXTEND: &str = document!("extend.graphql", "order_fields.graphql", "price_fields.graphql");
/// `updateOrderContact`.
pub(super) const CONTACT: &str = document!("contact.graphql", "order_fields.graphql", "price_fields.graphql");
/// `confirmOrder`.
pub(super) const CONFIRM: &str = document!("confirm.graphql", "order_fields.graphql", "price_fields.graphql");
/// `releaseOrder`.
pub(super) const RELEASE: &str = document!("release.graphql", "order_fields.graphql", "price_fields.graphql");
/// `quoteCancellation`.
pub(super) const QUOTE: &str = document!("quote.graphql");
/// `cancelOrder`.
pub(super) const CANCEL: &str = document!("cancel.graphql", "order_fields.graphql", "price_fields.graphql");

#[cfg(test)]
mod tests {
    use apollo_compiler::{ExecutableDocument, Schema};

    use super::*;

    #[test]
    fn every_document_is_valid_for_the_schema() {
        let schema = include_str!("../../../schema/ticketgraph.graphql");
        let schema = Schema::parse_and_validate(schema, "ticketgraph.graphql").unwrap_or_else(|why| panic!("{why}"));
        for document in [
            SOURCES,
            PRODUCTS,
            PRODUCT,
            EVENT,
            ALLOWED,
            SLOTS,
            SLOTS_BY_ID,
            SLOT_TIMES,
            OPEN_SLOT,
            CALENDAR,
            ORDER,
            ORDERS,
            CREATE,
            HOLD,
            CHANGE,
            EXTEND,
            CONTACT,
            CONFIRM,
            RELEASE,
            QUOTE,
            CANCEL,
        ] {
            let parsed = ExecutableDocument::parse_and_validate(&schema, document, "octo.graphql");
            parsed.unwrap_or_else(|why| panic!("{document}: {why}"));
        }
    }
}
