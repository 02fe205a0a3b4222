//! One order over all vendors, planned from their live catalogs, and the calls that it costs at a supplier that speaks OCTO.

use std::time::Duration;

use domain::ordering::TicketState;
use emulators::{Fault, LoggedCall, Rule};
use orders::{FulfillmentPolicy, OrderStatus, ProblemCode};

use crate::orders::database::Stage;
use crate::orders::emulated::audit::audit;
use crate::orders::emulated::venues::{BookingStyle, Venues};
use crate::orders::flow::{Flow, act};

/// Place of the supplier among the vendors.
const OCTO: usize = 3;

/// Vendors with live catalogs and a line of each.
async fn venues(style: BookingStyle) -> Venues {
    let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
    let mut venues = Venues::open(style, Stage::Sqlite.ledger().await, &client, &[]).await;
    let lines = venues.find_lines(style).await;
    venues.world.emulated_lines = lines.into_iter().map(|one| one.line).collect();
    venues.fixtures.iter().for_each(|fixture| fixture.running.stage.log.clear());
    venues
}

/// Calls of the supplier from the first booking on, as method and last part of the path.
fn calls_from_hold(venues: &Venues) -> Vec<String> {
    let shown = |call: &LoggedCall| {
        let path = call.target.split('?').next().unwrap_or_default();
        format!("{} {}", call.method, path.rsplit('/').next().unwrap_or_default())
    };
    let calls = venues.calls().swap_remove(OCTO);
    calls.iter().map(shown).skip_while(|call| call != "POST bookings").collect()
}

#[tokio::test]
async fn an_order_over_four_vendors_costs_the_octo_supplier_one_hold_and_one_confirmation() {
    for style in BookingStyle::ALL {
        let venues = venues(style).await;
        let orders = venues.world.process();
        let key = act(&venues.world, &orders, Flow::Place(FulfillmentPolicy::AllOrNothing)).await.expect("an order");
        let order = venues.world.run_until_final(&orders, key).await;
        assert_eq!((order.status(), order.legs.len()), (OrderStatus::Confirmed, 4), "{:?}", order.problems());
        assert_eq!(audit(&venues, &order), Vec::<String>::new());
        let tickets: Vec<_> = order.tickets.iter().filter(|one| order.lines[one.line].leg == OCTO).collect();
        assert!(tickets.iter().all(|one| one.state == TicketState::Issued && one.symbology.is_some()), "{tickets:?}");
        assert_eq!(tickets.len(), 2);
        // The confirmation carries the tickets, so nothing is read after it.
        assert_eq!(calls_from_hold(&venues), ["POST bookings", "POST confirm"]);
    }
}

#[tokio::test]
async fn an_octo_supplier_that_refuses_undoes_an_order_over_four_vendors() {
    for (path, reason) in [("/octo/bookings", "hold"), ("/confirm", "confirmation")] {
        let venues = venues(BookingStyle::Held).await;
        let body = r#"{"error": "UNPROCESSABLE_ENTITY", "errorMessage": "no"}"#.to_owned();
        let refusal = Fault::Status { status: 400, retry_after: None, body: Some(body) };
        venues.fail(OCTO, Rule { method: Some("POST".to_owned()), ..Rule::for_path(path, refusal) });
        let orders = venues.world.process();
        let key = act(&venues.world, &orders, Flow::Place(FulfillmentPolicy::AllOrNothing)).await.expect("an order");
        let order = venues.world.run_until_final(&orders, key).await;
        assert!(![OrderStatus::Confirmed, OrderStatus::NeedsAttention].contains(&order.status()), "{reason}");
        assert_eq!(audit(&venues, &order), Vec::<String>::new(), "{reason}");
    }
}

#[tokio::test]
async fn a_tour_that_became_dearer_after_the_plan_is_released_and_sells_nothing() {
    let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
    let found = Venues::open(BookingStyle::Held, Stage::Sqlite.ledger().await, &client, &[]).await;
    let lines = found.find_lines(BookingStyle::Held).await;
    // The plan sees the recorded price.
    let venues = Venues::open(BookingStyle::Held, Stage::Sqlite.ledger().await, &client, &lines).await;
    let (event, unit) = lines[OCTO].line.ticket_type.as_str().rsplit_once('/').expect("a unit");
    let product = event.split('/').next().unwrap_or_default();
    venues.fixtures[OCTO].change_state("price", Some(&format!("{product}|{unit}")), serde_json::json!(99_000));
    let orders = venues.world.process();
    let key = act(&venues.world, &orders, Flow::Place(FulfillmentPolicy::AllOrNothing)).await.expect("an order");
    let order = venues.world.run_until_final(&orders, key).await;
    assert_eq!(order.status(), OrderStatus::Failed);
    assert!(order.problems().iter().any(|problem| problem.code == ProblemCode::PriceChanged), "{:?}", order.problems());
    assert_eq!(audit(&venues, &order), Vec::<String>::new());
    assert_eq!(calls_from_hold(&venues), ["POST bookings", "POST cancel"]);
}
