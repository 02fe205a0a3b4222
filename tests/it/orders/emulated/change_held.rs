//! Changes of held orders at the emulated vendors, whose books show one hold each afterwards.

use std::time::Duration;

use emulators::{Fault, Rule};
use orders::{ChangeHeldOrder, FulfillmentPolicy, Order, OrderOutcome, OrderStatus, Orders};

use crate::orders::database::{Postgres, Stage};
use crate::orders::emulated::audit::audit;
use crate::orders::emulated::venues::{BookingStyle, Venues};
use crate::orders::world::storefront;

async fn venues(stage: &Stage) -> Venues {
    let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
    let mut venues = Venues::open(BookingStyle::Held, stage.ledger().await, &client, &[]).await;
    let lines = venues.find_lines(BookingStyle::Held).await;
    venues.world.emulated_lines = lines.into_iter().map(|one| one.line).collect();
    venues.world.settings.response_timeout = Duration::from_secs(20);
    venues
}

/// Holds two tickets at each vendor.
async fn held(venues: &Venues, orders: &Orders) -> Order {
    let world = &venues.world;
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    let order = orders.create(&storefront(), &input).await.expect("the store").order.expect("an order").key;
    orders.hold(&storefront(), &world.act(order)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(order).await;
    assert_eq!((order.status(), order.legs.len()), (OrderStatus::Held, 4), "{:?}", order.problems());
    order
}

/// Changes the order to three tickets at the vendors from the first one on.
async fn change(venues: &Venues, orders: &Orders, order: &Order, vendors: usize) -> OrderOutcome {
    let mut lines = venues.world.emulated_lines[..vendors].to_vec();
    lines.iter_mut().for_each(|line| line.quantity = 3);
    let change = ChangeHeldOrder { action: venues.world.act(order.key), lines };
    let outcome = orders.change_held(&storefront(), &change).await.expect("the store");
    orders.wait_until_idle().await;
    outcome
}

/// Returns the number of holds in the books of each vendor.
fn holds(venues: &Venues) -> Vec<usize> {
    let count = |inventory: serde_json::Value| inventory["holds"].as_array().expect("holds").len();
    venues.fixtures.iter().map(|fixture| count(fixture.running.stage.inventory())).collect()
}

async fn sold(venues: &Venues, orders: &Orders, order: &Order) -> Order {
    orders.confirm(&storefront(), &venues.world.act(order.key)).await.expect("the store");
    orders.wait_until_idle().await;
    venues.world.run_until_final(orders, order.key).await
}

#[tokio::test]
async fn every_vendor_holds_the_new_lines_only_and_sells_them_once() {
    let server = Postgres::start();
    let stages = [Some(Stage::Sqlite), server.map(Stage::Postgres)];
    for stage in stages.iter().flatten() {
        for vendors in [4, 1] {
            let venues = venues(stage).await;
            let orders = venues.world.process();
            let old = held(&venues, &orders).await;
            let outcome = change(&venues, &orders, &old, vendors).await;
            let new = outcome.order.expect("an order");
            assert_eq!((new.status(), new.replaces), (OrderStatus::Held, Some(old.key)), "{:?}", outcome.problems);
            let old = venues.world.read(old.key).await;
            assert_eq!(old.status(), OrderStatus::Released);
            let expected: Vec<usize> = (0..4).map(|vendor| usize::from(vendor < vendors)).collect();
            assert_eq!(holds(&venues), expected, "holds of {vendors}");
            let new = sold(&venues, &orders, &new).await;
            assert_eq!(
                (new.status(), new.tickets.len()),
                (OrderStatus::Confirmed, vendors * 3),
                "{:?}",
                new.problems()
            );
            for order in [&new, &old] {
                assert_eq!(audit(&venues, order), Vec::<String>::new());
            }
        }
    }
}

#[tokio::test]
async fn an_order_stays_held_at_all_vendors_if_one_refuses_the_new_lines() {
    const HOLDS: [&str; 4] = ["/b2b/reservations", "createOrUpdateOrder", "/orders", "/octo/bookings"];
    for (vendor, path) in HOLDS.into_iter().enumerate() {
        let venues = venues(&Stage::Sqlite).await;
        let orders = venues.world.process();
        let old = held(&venues, &orders).await;
        // A supplier that speaks OCTO refuses with a body only.
        let body = r#"{"error": "UNPROCESSABLE_ENTITY", "errorMessage": "no"}"#.to_owned();
        let refusal = Fault::Status { status: 400, retry_after: None, body: (vendor == 3).then_some(body) };
        venues.fail(vendor, Rule { method: Some("POST".to_owned()), ..Rule::for_path(path, refusal) });
        let outcome = change(&venues, &orders, &old, 4).await;
        assert!(!outcome.problems.is_empty(), "{path}");
        for problem in &outcome.problems {
            assert_eq!(problem.path[..3], ["input", "lines", &vendor.to_string()], "{path}: {problem:?}");
        }
        let returned = outcome.order.expect("an order");
        assert_eq!((returned.key, returned.status(), returned.replaced_by), (old.key, OrderStatus::Held, None));
        assert_eq!(holds(&venues), [1; 4], "{path}");
        venues.fail_nothing();
        let old = sold(&venues, &orders, &old).await;
        assert_eq!(old.status(), OrderStatus::Confirmed, "{path}: {:?}", old.problems());
        assert_eq!(audit(&venues, &old), Vec::<String>::new(), "{path}");
    }
}
