//! Order changes by bus and by feed.

use std::sync::Arc;

use domain::{Clock, Environment};
use futures_util::StreamExt;
use orders::{Actor, ChangeBus, FulfillmentPolicy, LocalChangeBus, OrderStatus, Orders, OrdersDependencies};

use crate::orders::database::Stage;
use crate::orders::vendor::KEYED;
use crate::orders::world::{TestResellers, World, storefront};

fn process(world: &World, bus: Arc<dyn ChangeBus>) -> Orders {
    Orders::new(OrdersDependencies {
        sources: world.vendors.iter().map(|vendor| vendor.source(Environment::Sandbox)).collect(),
        store: Arc::clone(&world.store),
        bus,
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        accounts: Arc::new(TestResellers),
        settings: world.settings.clone(),
    })
}

#[tokio::test]
async fn a_slow_subscriber_receives_every_change() {
    for backlog in [1, 1024] {
        let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
        let orders = process(&world, Arc::new(LocalChangeBus::new(backlog)));
        let mut watching = orders.subscribe(&storefront(), None).await.expect("the store");
        let placed =
            orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
        orders.wait_until_idle().await;
        let key = placed.order.expect("an order").key;
        let mut received = std::collections::BTreeSet::new();
        while let Some(change) = watching.next().await {
            assert_eq!(change.order, key);
            received.insert(change.version);
            if change.status == OrderStatus::Confirmed {
                break;
            }
        }
        let last = world.read(key).await.version;
        assert_eq!(received.into_iter().collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>(), "backlog {backlog}");
    }
}

#[tokio::test]
async fn a_subscriber_receives_only_the_changes_that_it_may_see_and_requested() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    let orders = world.process();
    let tiqets = Actor { caller: "shop".to_owned(), reseller: Some("tiqets".to_owned()) };
    let create = |actor: Actor| {
        let (orders, input) = (orders.clone(), world.input(FulfillmentPolicy::AllOrNothing));
        async move { orders.create(&actor, &input).await.expect("the store").order.expect("an order") }
    };
    let first = create(tiqets.clone()).await;
    let mut of_reseller = orders.subscribe(&tiqets, None).await.expect("the store");
    let mut of_order = orders.subscribe(&storefront(), Some(first.key)).await.expect("the store");
    create(storefront()).await;
    let second = create(tiqets).await;
    assert_eq!(of_reseller.next().await.map(|change| change.order), Some(second.key));
    orders.release(&storefront(), &world.act(first.key)).await.expect("the store");
    orders.wait_until_idle().await;
    assert_eq!(of_order.next().await.map(|change| change.order), Some(first.key));
}

#[tokio::test]
async fn the_feed_lists_every_change_once_and_in_order() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED, KEYED]);
    let orders = world.process();
    for _ in 0..5 {
        orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    }
    orders.wait_until_idle().await;
    let (mut after, mut received) = (0, Vec::new());
    loop {
        let slice = orders.list_changes(&storefront(), after, 7).await.expect("the store");
        received.extend(slice.lines.iter().map(|(place, change)| (*place, change.order, change.version)));
        after = received.last().expect("a change").0;
        if !slice.has_more {
            break;
        }
    }
    let places: Vec<u64> = received.iter().map(|(place, ..)| *place).collect();
    // The positions between are those of tickets.
    assert!(places.is_sorted_by(|before, next| before < next), "{places:?}");
    let mut versions: Vec<_> = received.iter().map(|(_, order, version)| (*order, *version)).collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), received.len());
}
