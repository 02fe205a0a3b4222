//! Client flows shared by both fault suites.

use domain::OrderKey;
use orders::{CancelOrder, FulfillmentPolicy, Orders, QuoteCancellation};

use crate::orders::world::{World, storefront};

/// Flow of a client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flow {
    Place(FulfillmentPolicy),
    HoldThenConfirm,
    HoldThenRelease,
    HoldAndForget,
    PlaceThenCancel,
}

pub(super) const FLOWS: [Flow; 6] = [
    Flow::Place(FulfillmentPolicy::AllOrNothing),
    Flow::Place(FulfillmentPolicy::BestEffort),
    Flow::HoldThenConfirm,
    Flow::HoldThenRelease,
    Flow::HoldAndForget,
    Flow::PlaceThenCancel,
];

/// Runs a flow until it ends or the process crashes.
pub(super) async fn act(world: &World, orders: &Orders, flow: Flow) -> Option<OrderKey> {
    let actor = storefront();
    let policy = match flow {
        Flow::Place(policy) => policy,
        _ => FulfillmentPolicy::AllOrNothing,
    };
    let input = world.input(policy);
    let opened = match flow {
        Flow::Place(_) | Flow::PlaceThenCancel => orders.place(&actor, &input).await,
        _ => orders.create(&actor, &input).await,
    };
    orders.wait_until_idle().await;
    let Ok(opened) = opened else {
        // The process crashed, possibly after writing the order.
        let used = world
            .store
            .find_idempotency_record("caller storefront", operation(flow), &input.key)
            .await
            .expect("the store");
        return used.map(|used| used.order);
    };
    assert!(opened.order.is_some(), "{:?}", opened.problems);
    let order = opened.order?.key;
    match flow {
        Flow::Place(_) => {}
        Flow::HoldThenConfirm | Flow::HoldThenRelease | Flow::HoldAndForget => {
            let _ = orders.hold(&actor, &world.act(order)).await;
            orders.wait_until_idle().await;
            match flow {
                Flow::HoldThenConfirm => drop(orders.confirm(&actor, &world.act(order)).await),
                Flow::HoldThenRelease => drop(orders.release(&actor, &world.act(order)).await),
                _ => {}
            }
        }
        Flow::PlaceThenCancel => {
            let asked = QuoteCancellation { order, lines: None };
            if let Ok(Ok(quote)) = orders.quote(&actor, &asked).await {
                let cancel = CancelOrder { key: world.next_key(), quote: quote.id, reason: None };
                let _ = orders.cancel(&actor, &cancel).await;
            }
        }
    }
    orders.wait_until_idle().await;
    Some(order)
}

fn operation(flow: Flow) -> &'static str {
    match flow {
        Flow::Place(_) | Flow::PlaceThenCancel => "placeOrder",
        _ => "createOrder",
    }
}
