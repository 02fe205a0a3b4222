//! Watching orders, by the bus and by the feed.

use std::sync::Arc;

use domain::{Clock, Environment};
use futures_util::StreamExt;
use orders::{Asker, ChangeBus, LocalBus, OrderStatus, Orders, Parts, Policy};

use crate::orders::database::Stage;
use crate::orders::vendor::KEYED;
use crate::orders::world::{Resellers, World, storefront};

fn process(world: &World, bus: Arc<dyn ChangeBus>) -> Orders {
    Orders::new(Parts {
        sources: world.vendors.iter().map(|vendor| vendor.source(Environment::Sandbox)).collect(),
        ledger: Arc::clone(&world.ledger),
        bus,
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        accounts: Arc::new(Resellers),
        rules: world.rules.clone(),
    })
}

#[tokio::test]
async fn a_watcher_hears_of_every_change_even_when_it_is_slow() {
    for backlog in [1, 1024] {
        let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
        let orders = process(&world, Arc::new(LocalBus::new(backlog)));
        let mut watching = orders.subscribe(&storefront(), None).await.expect("the ledger");
        let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
        orders.settled().await;
        let key = placed.order.expect("an order").key;
        let mut heard = std::collections::BTreeSet::new();
        while let Some(change) = watching.next().await {
            assert_eq!(change.order, key);
            heard.insert(change.version);
            if change.status == OrderStatus::Confirmed {
                break;
            }
        }
        let last = world.read(key).await.version;
        assert_eq!(heard.into_iter().collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>(), "backlog {backlog}");
    }
}

#[tokio::test]
async fn a_watcher_hears_only_of_what_it_may_see_and_asked_for() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED]);
    let orders = world.process();
    let tiqets = Asker { caller: "shop".to_owned(), reseller: Some("tiqets".to_owned()) };
    let create = |asker: Asker| {
        let (orders, input) = (orders.clone(), world.input(Policy::AllOrNothing));
        async move { orders.create(&asker, &input).await.expect("the ledger").order.expect("an order") }
    };
    let first = create(tiqets.clone()).await;
    let mut of_reseller = orders.subscribe(&tiqets, None).await.expect("the ledger");
    let mut of_order = orders.subscribe(&storefront(), Some(first.key)).await.expect("the ledger");
    create(storefront()).await;
    let second = create(tiqets).await;
    assert_eq!(of_reseller.next().await.map(|change| change.order), Some(second.key));
    orders.release(&storefront(), &world.act(first.key)).await.expect("the ledger");
    orders.settled().await;
    assert_eq!(of_order.next().await.map(|change| change.order), Some(first.key));
}

#[tokio::test]
async fn the_feed_tells_every_change_once_and_in_order() {
    let world = World::new(Stage::Sqlite.ledger().await, &[KEYED, KEYED]);
    let orders = world.process();
    for _ in 0..5 {
        orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    }
    orders.settled().await;
    let (mut after, mut heard) = (0, Vec::new());
    loop {
        let slice = orders.changes(&storefront(), after, 7).await.expect("the ledger");
        heard.extend(slice.lines.iter().map(|(place, change)| (*place, change.order, change.version)));
        after = heard.last().expect("a change").0;
        if !slice.has_more {
            break;
        }
    }
    let places: Vec<u64> = heard.iter().map(|(place, ..)| *place).collect();
    assert_eq!(places, (1..=after).collect::<Vec<_>>());
    let mut versions: Vec<_> = heard.iter().map(|(_, order, version)| (*order, *version)).collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), heard.len());
}
