//! What a client does, as both suites let it.

use domain::OrderKey;
use orders::{CancelOrder, Orders, Policy, QuoteCancellation};

use crate::orders::world::{World, storefront};

/// What the client does.
#[derive(Debug, Clone, Copy)]
pub enum Flow {
    Place(Policy),
    HoldThenConfirm,
    HoldThenRelease,
    HoldAndForget,
    PlaceThenCancel,
}

pub const FLOWS: [Flow; 6] = [
    Flow::Place(Policy::AllOrNothing),
    Flow::Place(Policy::BestEffort),
    Flow::HoldThenConfirm,
    Flow::HoldThenRelease,
    Flow::HoldAndForget,
    Flow::PlaceThenCancel,
];

/// Runs what the client does, as far as the process lives.
pub async fn act(world: &World, orders: &Orders, flow: Flow) -> Option<OrderKey> {
    let asker = storefront();
    let policy = match flow {
        Flow::Place(policy) => policy,
        _ => Policy::AllOrNothing,
    };
    let input = world.input(policy);
    let opened = match flow {
        Flow::Place(_) | Flow::PlaceThenCancel => orders.place(&asker, &input).await,
        _ => orders.create(&asker, &input).await,
    };
    orders.settled().await;
    let Ok(opened) = opened else {
        // The process died; perhaps after the order was written.
        let used = world.ledger.find_key("caller storefront", operation(flow), &input.key).await.expect("the ledger");
        return used.map(|used| used.order);
    };
    assert!(opened.order.is_some(), "{:?}", opened.problems);
    let order = opened.order?.key;
    match flow {
        Flow::Place(_) => {}
        Flow::HoldThenConfirm | Flow::HoldThenRelease | Flow::HoldAndForget => {
            let _ = orders.hold(&asker, &world.act(order)).await;
            orders.settled().await;
            match flow {
                Flow::HoldThenConfirm => drop(orders.confirm(&asker, &world.act(order)).await),
                Flow::HoldThenRelease => drop(orders.release(&asker, &world.act(order)).await),
                _ => {}
            }
        }
        Flow::PlaceThenCancel => {
            let asked = QuoteCancellation { order, lines: None };
            if let Ok(Ok(quote)) = orders.quote(&asker, &asked).await {
                let cancel = CancelOrder { key: world.next_key(), quote: quote.id, reason: None };
                let _ = orders.cancel(&asker, &cancel).await;
            }
        }
    }
    orders.settled().await;
    Some(order)
}

fn operation(flow: Flow) -> &'static str {
    match flow {
        Flow::Place(_) | Flow::PlaceThenCancel => "placeOrder",
        _ => "createOrder",
    }
}
