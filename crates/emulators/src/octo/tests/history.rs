//! Sales of the past, and the state after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::date;
use serde_json::{Value, json};

use super::{CRUISE, FixedClock, NOW, Supplier, path_of};
use crate::octo::OctoEmulator;
use crate::past_sales::{PastEnd, PastItem, PastSale, PastSales};
use crate::{SandboxClock, Stage};

fn sale(performance: &str, end: PastEnd, refunded: [bool; 2]) -> PastSale {
    let item = |unit: &str, quantity: u32, is_refunded: bool| PastItem {
        performance: performance.to_owned(),
        ticket_type: unit.to_owned(),
        section: None,
        quantity,
        is_refunded,
    };
    PastSale {
        at: "2027-05-01T10:00:00Z".parse().expect("a time"),
        reference: "TG-000001-1".to_owned(),
        buyer: "reseller".to_owned(),
        contact: BTreeMap::from([("firstName".to_owned(), "Ada".to_owned())]),
        items: vec![item("adult", 2, refunded[0]), item("child", 1, refunded[1])],
        end,
    }
}

#[tokio::test]
async fn past_sales_are_bookings_in_the_books() {
    let supplier = Supplier::start().await;
    assert!(!supplier.emulator.has_sales());
    let offers = supplier.emulator.offers("", date(2027, 5, 3), date(2027, 5, 4));
    let offer = offers.iter().find(|offer| offer.event == "lagoon-cruise|DEFAULT").expect("an offer");
    assert!(
        offers.iter().all(|offer| !offer.event.starts_with("private-boat") && !offer.event.starts_with("city-pass"))
    );
    assert!(offers.is_sorted_by_key(|offer| offer.starts_at));
    let used = Some("2027-05-03T09:00:00Z".parse().expect("a time"));
    let sales = [
        sale(&offer.performance, PastEnd::Sold(used), [false, false]),
        sale(&offer.performance, PastEnd::Sold(None), [false, true]),
        sale(&offer.performance, PastEnd::Sold(None), [true, true]),
        sale(&offer.performance, PastEnd::Expired, [false, false]),
        sale("nope|DEFAULT|x", PastEnd::Expired, [false, false]),
    ];
    let receipts = supplier.emulator.record("", &sales);
    assert!(supplier.emulator.has_sales());
    let mut shown = Vec::new();
    for receipt in receipts.iter().flatten() {
        assert_eq!(receipt.total.to_string(), "75.00");
        let booking = supplier.ok("GET", &format!("/bookings/{}", receipt.ids["uuid"]), Value::Null).await;
        let items = booking["unitItems"].as_array().map(Vec::len);
        shown.push((booking["status"].clone(), items, receipt.tickets.len()));
        if let Some(ticket) = receipt.tickets.first() {
            let delivered = &booking["unitItems"][0]["ticket"]["deliveryOptions"][0]["deliveryValue"];
            assert_eq!(
                (&booking["unitItems"][0]["uuid"], delivered),
                (&json!(ticket.ids["uuid"]), &json!(ticket.code))
            );
        }
    }
    assert!(receipts[4].is_none(), "nothing of this name was offered");
    let expected = [("REDEEMED", 3, 3), ("CONFIRMED", 2, 3), ("CANCELLED", 3, 3), ("EXPIRED", 3, 0)];
    assert_eq!(shown, expected.map(|(status, items, tickets)| (json!(status), Some(items), tickets)));
    let again = supplier.emulator.offers("", date(2027, 5, 3), date(2027, 5, 4));
    let left = again.iter().find(|one| one.performance == offer.performance).expect("an offer");
    assert_eq!(left.ticket_types[0].places, offer.ticket_types[0].places - 5);
}

#[tokio::test]
async fn bookings_and_switches_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = || Arc::new(SandboxClock::new(Arc::new(FixedClock(NOW.parse().expect("a time")))));
    let first = clock();
    let supplier = Supplier::run(OctoEmulator::new(Arc::clone(&first), Some(folder.path()), false), first).await;
    let sold = supplier.sell(CRUISE, 2).await;
    supplier.change("created", "", json!(true));
    let second = clock();
    let mut again = Supplier::run(OctoEmulator::new(Arc::clone(&second), Some(folder.path()), false), second).await;
    again.set_header("host", &supplier.running.address.to_string());
    assert_eq!(again.ok("GET", &path_of(&sold), Value::Null).await, sold);
    let held = again.reservation(CRUISE, 1).await;
    assert_eq!(again.post("/bookings", &held).await.status, 201);
}

#[test]
fn the_emulator_is_found_by_its_name() {
    let clock = Arc::new(SandboxClock::new(Arc::new(FixedClock(NOW.parse().expect("a time")))));
    let emulator = crate::create_emulator("octo", Arc::clone(&clock)).expect("an emulator");
    assert_eq!((emulator.name(), Stage::new(emulator, clock).past_sales().is_some()), ("octo", true));
}
