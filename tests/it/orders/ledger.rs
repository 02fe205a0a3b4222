//! The ledger itself, on both databases: what was written is read back, late writers are refused, codes are never in clear.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock as _;
use futures_util::future::join_all;
use orders::ledger::{Basis, Ownership, Write};
use orders::{Ledger, LedgerError, Order, OrderCursor, OrderFilter, OrderStatus, Policy};
use store_sql::{CredentialKey, StoreError, connect};

use crate::orders::audit::audit;
use crate::orders::database::{Postgres, Stage, open};
use crate::orders::vendor::{COMMITTING, Deed, Fault, KEYED, PLAIN};
use crate::orders::world::{World, storefront};

async fn drafted(world: &World) -> Order {
    let input = world.input(Policy::AllOrNothing);
    world.process().create(&storefront(), &input).await.expect("the ledger").order.expect("an order")
}

/// A write that only counts the version up.
async fn bump(ledger: &dyn Ledger, basis: Basis<'_>, order: &Order, ownership: Ownership) -> Result<u64, LedgerError> {
    let mut next = order.clone();
    next.version += 1;
    let write = Write {
        basis,
        order: &next,
        status: next.status(),
        ownership,
        key: None,
        transitions: &[],
        timers: &[],
        credentials: &[],
    };
    ledger.write(&write).await.map(|written| written.lease.fence)
}

async fn late_writers_are_refused(world: &World) {
    let (ledger, order) = (world.ledger.as_ref(), drafted(world).await);
    let lease_end = order.updated_at + Duration::from_secs(60);
    let fence = bump(ledger, Basis::Free(&order), &order, Ownership::Mine(lease_end)).await.expect("owned");
    let owned = world.read(order.key).await;
    assert_eq!(owned, Order { version: 2, ..order.clone() });
    let free = bump(ledger, Basis::Free(&owned), &owned, Ownership::Nobody).await;
    assert!(matches!(free, Err(LedgerError::Outdated)), "somebody owns it: {free:?}");
    let lease = orders::ledger::Lease { order: order.key, fence };
    let old = bump(ledger, Basis::Owned(&order, lease), &order, Ownership::Nobody).await;
    assert!(matches!(old, Err(LedgerError::Outdated)), "an old version: {old:?}");
    let late = orders::ledger::Lease { fence: fence - 1, ..lease };
    let stranger = bump(ledger, Basis::Owned(&owned, late), &owned, Ownership::Nobody).await;
    assert!(matches!(stranger, Err(LedgerError::Outdated)), "another number: {stranger:?}");
    assert!(matches!(ledger.renew(&late, lease_end).await, Err(LedgerError::Outdated)));
    bump(ledger, Basis::Owned(&owned, lease), &owned, Ownership::Nobody).await.expect("its owner may write");
    let now = world.read(order.key).await;
    bump(ledger, Basis::Free(&now), &now, Ownership::Nobody).await.expect("nobody owns it now");
}

async fn orders_are_listed_youngest_first(world: &World) {
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(drafted(world).await.key);
        world.clock.pass(Duration::from_secs(1));
    }
    keys.reverse();
    let (mut after, mut listed): (Option<OrderCursor>, Vec<Order>) = (None, Vec::new());
    let filter = OrderFilter {
        status: vec![OrderStatus::Draft],
        sources: vec![world.vendors[0].id.clone()],
        created_from: world.read(keys[4]).await.created_at.into(),
        is_test: Some(true),
        ..OrderFilter::default()
    };
    loop {
        let page = world.ledger.list(&filter, after.as_ref(), 2).await.expect("the ledger");
        assert_eq!(page.total, 5);
        listed.extend(page.orders);
        let last = listed.last().expect("an order");
        after = Some(OrderCursor { created_at: last.created_at, key: last.key });
        if !page.has_more {
            break;
        }
    }
    assert_eq!(listed.iter().map(|order| order.key).collect::<Vec<_>>(), keys);
    for nothing in [
        OrderFilter { status: vec![OrderStatus::Held], ..filter.clone() },
        OrderFilter { is_test: Some(false), ..filter.clone() },
        OrderFilter { created_to: filter.created_from, ..filter.clone() },
        OrderFilter { reseller: Some("tiqets".to_owned()), ..filter.clone() },
        OrderFilter { sources: vec![domain::SourceId::new("elsewhere")], ..filter.clone() },
    ] {
        assert_eq!(world.ledger.list(&nothing, None, 2).await.expect("the ledger").total, 0, "{nothing:?}");
    }
}

/// An order in every corner of its shape comes back as it was.
async fn everything_is_read_back(world: &World) {
    world.vendors[1].fail(Deed::Confirm, 1, Fault::LostAnswer);
    world.vendors[1].fail(Deed::FindSale, 1, Fault::LostRequest);
    let orders = world.process();
    let mut input = world.input(Policy::AllOrNothing);
    input.reseller = Some("tiqets".to_owned());
    input.reseller_reference = Some("cart 9".to_owned());
    input.locale = domain::Locale::parse("fr-CH");
    input.contact.phone = Some("+41 22 000 00 00".to_owned());
    let placed = orders.place(&storefront(), &input).await.expect("the ledger");
    orders.settled().await;
    let key = placed.order.expect("an order").key;
    let unknown = world.read(key).await;
    assert!(unknown.legs[1].unknown.is_some() && !unknown.tickets.is_empty() && !unknown.problems().is_empty());
    // Read again and written again, nothing moves.
    let fence = bump(world.ledger.as_ref(), Basis::Free(&unknown), &unknown, Ownership::Nobody).await;
    fence.expect("written");
    assert_eq!(world.read(key).await, Order { version: unknown.version + 1, ..unknown });
}

/// A key is remembered for as long as it is configured; after that the same request is a new one.
async fn old_keys_are_forgotten(world: &World) {
    let (orders, input) = (world.process(), world.input(Policy::AllOrNothing));
    let place = async || orders.create(&storefront(), &input).await.expect("the ledger");
    let first = place().await;
    let used = world.clock.now();
    world.ledger.forget_keys(used).await.expect("the ledger");
    let again = place().await;
    assert!(again.replayed && again.order == first.order, "a key was forgotten too early");
    assert!(world.ledger.forget_keys(used + Duration::from_secs(1)).await.expect("the ledger") > 0);
    let new = place().await;
    assert!(!new.replayed && new.order.map(|order| order.key) != first.order.map(|order| order.key));
}

#[tokio::test]
async fn on_sqlite_the_ledger_keeps_its_promises() {
    let stage = Stage::Sqlite;
    for check in [0, 1, 2, 3] {
        let world = World::new(stage.ledger().await, &[COMMITTING, PLAIN]);
        match check {
            0 => late_writers_are_refused(&world).await,
            1 => orders_are_listed_youngest_first(&world).await,
            2 => old_keys_are_forgotten(&world).await,
            _ => everything_is_read_back(&world).await,
        }
    }
}

#[tokio::test]
async fn on_postgres_the_ledger_keeps_its_promises() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[COMMITTING, PLAIN]);
    orders_are_listed_youngest_first(&world).await;
    late_writers_are_refused(&world).await;
    everything_is_read_back(&world).await;
    old_keys_are_forgotten(&world).await;
}

/// Replicas share one database: every due order is taken by exactly one of them, and the feed has no gaps that fill later.
#[tokio::test]
async fn on_postgres_replicas_share_the_work_and_never_an_order() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[KEYED, PLAIN]);
    let replicas = join_all((0..3).map(|_| async { world.process_on(server.another().await) })).await;
    let places = (0..30).map(|number: usize| {
        let (replica, input) = (&replicas[number % 3], world.input(Policy::AllOrNothing));
        async move { replica.create(&storefront(), &input).await.expect("the ledger").order.expect("an order") }
    });
    let drafts = join_all(places).await;
    join_all(drafts.iter().enumerate().map(|(number, order)| {
        let (replica, act) = (&replicas[number % 3], world.act(order.key));
        async move { replica.hold(&storefront(), &act).await.expect("the ledger") }
    }))
    .await;
    join_all(replicas.iter().map(orders::Orders::settled)).await;
    // All holds run out at once, and all replicas look.
    world.clock.pass(Duration::from_secs(601));
    let taken = join_all(replicas.iter().map(orders::Orders::recover)).await;
    assert_eq!(taken.into_iter().map(|taken| taken.expect("the ledger")).sum::<usize>(), 30);
    join_all(replicas.iter().map(orders::Orders::settled)).await;
    for order in &drafts {
        let order = world.read(order.key).await;
        assert_eq!(order.status(), OrderStatus::Expired);
        audit(&world, &order, "replicas").await;
    }
    let feed = world.ledger.changes(0, 1_000, None).await.expect("the ledger");
    let end = world.ledger.feed_end().await.expect("the ledger");
    assert_eq!(feed.lines.iter().map(|(place, _)| *place).collect::<Vec<_>>(), (1..=end).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_code_is_never_in_clear_in_the_file_and_needs_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ledger.db");
    let url = format!("sqlite://{}", file.display());
    let world = World::new(open(&url).await, &[KEYED]);
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(Policy::AllOrNothing)).await.expect("the ledger");
    orders.settled().await;
    let order = world.read(placed.order.expect("an order").key).await;
    audit(&world, &order, "in a file").await;
    let code = world.vendors[0]
        .books
        .lock()
        .expect("books")
        .sales
        .values()
        .next()
        .expect("a sale")
        .tickets
        .values()
        .next()
        .map(|(_, code)| code.clone())
        .expect("a code");
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let bytes = std::fs::read(entry.expect("a file").path()).expect("bytes");
        let found = bytes.windows(code.len()).any(|part| part == code.as_bytes());
        assert!(!found, "{code} is in clear");
    }
    let World { ledger, .. } = world;
    drop((orders, ledger));
    let other = reopen(&url, 8).await;
    let codes = other.credentials(order.key).await;
    assert!(matches!(codes, Err(LedgerError::Unreadable(_))), "another key opened it");
}

/// Opens a file again whose last owner is just letting go of it.
async fn reopen(url: &str, key: u8) -> Arc<dyn Ledger> {
    loop {
        match connect(url, &[CredentialKey::new([key; 32])]).await {
            Ok(ledger) => return ledger,
            Err(StoreError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_belongs_to_one_process_and_what_the_dead_owned_is_free_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let mut world = World::new(open(&url).await, &[KEYED]);
    let order = drafted(&world).await;
    let lease_end = order.updated_at + Duration::from_secs(3600);
    bump(world.ledger.as_ref(), Basis::Free(&order), &order, Ownership::Mine(lease_end)).await.expect("owned");
    let second = connect(&url, &[CredentialKey::new([7; 32])]).await;
    assert!(matches!(second, Err(StoreError::InUse(_))), "two processes share a file");
    world.ledger = open("sqlite::memory:").await;
    world.ledger = reopen(&url, 7).await;
    let now = world.read(order.key).await;
    bump(world.ledger.as_ref(), Basis::Free(&now), &now, Ownership::Nobody).await.expect("the dead own nothing");
}

#[tokio::test]
async fn a_url_that_is_no_ledger_is_refused_without_being_told() {
    let refused = connect("mysql://root:hunter2@db", &[CredentialKey::new([7; 32])]).await.err().expect("refused");
    assert!(matches!(refused, StoreError::Scheme) && !format!("{refused} {refused:?}").contains("hunter2"));
    let refused = connect("sqlite::memory:", &[]).await.err().expect("refused");
    assert!(matches!(refused, StoreError::NoKey));
}
