//! Stored bookings, on both databases.

use domain::{BookingUuid, StoreError};
use jiff::civil::date;
use octo_facade::store::{BookingDetails, BookingFilter, BookingStore, StoredBooking, StoredUnit};
use octo_facade::wire::OctoContact;
use orders::{FulfillmentPolicy, Order};
use store_sql::{CredentialKey, Stores, open_stores};

use crate::default_config::default_store_settings;
use crate::orders::database::Postgres;
use crate::orders::vendor::{KEYED, PLAIN};
use crate::orders::world::{World, storefront};

const SCOPE: &str = "reseller tiqets";

fn uuid(last: u8) -> BookingUuid {
    BookingUuid::parse(&format!("0b6c4b0e-9d6f-4a35-8c7b-4a2f1f0f8e{last:02}")).expect("a uuid")
}

fn booking(order: &Order, last: u8) -> StoredBooking {
    let contact = OctoContact { first_name: Some("Ada".to_owned()), ..OctoContact::default() };
    let unit = StoredUnit {
        uuid: uuid(last).of_ticket(0),
        unit: "adult".to_owned(),
        reseller_reference: None,
        contact: contact.clone(),
    };
    StoredBooking {
        scope: SCOPE.to_owned(),
        uuid: uuid(last),
        order: order.key,
        number: order.number.clone(),
        source: "harbor".to_owned(),
        product: "tour".to_owned(),
        visit_day: Some(date(2027, 6, 15)),
        reseller_reference: Some("R-1".to_owned()),
        request_hash: "hash".to_owned(),
        is_held: false,
        version: 0,
        created_at: order.created_at,
        details: BookingDetails {
            slot: None,
            units: vec![unit],
            contact,
            notes: None,
            cancel_reason: None,
            change: None,
            id: None,
        },
    }
}

async fn list(store: &dyn BookingStore, filter: BookingFilter) -> usize {
    store.list_bookings(SCOPE, &filter, 10).await.expect("the store").len()
}

async fn all(url: &str) {
    let opened = open_stores(url, &[CredentialKey::new([7; 32])], &default_store_settings()).await;
    let Stores { orders: ledger, octo_bookings: store, .. } = opened.expect("the stores open");
    let world = World::new(ledger, &[KEYED, PLAIN]);
    let orders = world.process();
    let created = orders.create(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    let order = created.order.expect("an order");

    let first = booking(&order, 11);
    store.insert_booking(&first).await.expect("the store");
    assert!(matches!(store.insert_booking(&first).await, Err(StoreError::KeyTaken)));
    assert_eq!(store.find_booking(SCOPE, uuid(11)).await.expect("the store"), Some(first.clone()));
    assert_eq!(store.find_booking("reseller digitick", uuid(11)).await.expect("the store"), None);
    assert_eq!(store.find_booking(SCOPE, uuid(12)).await.expect("the store"), None);
    assert!(!format!("{first:?}").contains("Ada"), "data of visitors is not printed");

    let mut changed = StoredBooking { is_held: true, reseller_reference: Some("R-2".to_owned()), ..first.clone() };
    changed.details.notes = Some("by the window".to_owned());
    (changed.product, changed.number) = ("another".to_owned(), "NEW-NUMBER".to_owned());
    changed.visit_day = None;
    store.replace_booking(&changed).await.expect("the store");
    assert!(matches!(store.replace_booking(&changed).await, Err(StoreError::Outdated)), "another version");
    let found = store.find_booking(SCOPE, uuid(11)).await.expect("the store");
    assert_eq!(found, Some(StoredBooking { version: 1, ..changed }));

    store.insert_booking(&booking(&order, 12)).await.expect("the store");
    let harbor = BookingFilter { source: "harbor".to_owned(), ..BookingFilter::default() };
    let text = |text: &str| Some(text.to_owned());
    let days = |from: i8, to: i8| Some((date(2027, 6, from), date(2027, 6, to)));
    for (filter, count) in [
        (harbor.clone(), 2),
        (BookingFilter { source: "opera".to_owned(), ..harbor.clone() }, 0),
        (BookingFilter { reseller_reference: text("R-2"), ..harbor.clone() }, 1),
        (BookingFilter { number: Some(order.number.clone()), ..harbor.clone() }, 1),
        (BookingFilter { number: text("NEW-NUMBER"), ..harbor.clone() }, 1),
        (BookingFilter { number: text("another"), ..harbor.clone() }, 0),
        (BookingFilter { product: text("another"), ..harbor.clone() }, 1),
        (BookingFilter { days: days(15, 15), ..harbor.clone() }, 1),
        (BookingFilter { days: days(1, 14), ..harbor.clone() }, 0),
        (BookingFilter { days: days(16, 30), ..harbor.clone() }, 0),
    ] {
        assert_eq!(list(&*store, filter.clone()).await, count, "{filter:?}");
    }
    assert_eq!(store.list_bookings(SCOPE, &harbor, 1).await.expect("the store").len(), 1);
    assert_eq!(store.list_bookings("reseller digitick", &harbor, 10).await.expect("the store").len(), 0);
}

#[tokio::test]
async fn on_sqlite_bookings_have_one_owner_and_one_uuid_each() {
    all("sqlite::memory:").await;
}

#[tokio::test]
async fn on_postgres_bookings_have_one_owner_and_one_uuid_each() {
    let Some(server) = Postgres::start() else { return };
    all(server.url()).await;
}
