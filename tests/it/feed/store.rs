//! The feed in the ledger, on both databases.

use std::collections::BTreeSet;
use std::time::Duration;

use change_feed::{Change, ChangeFilter, ChangeKind, ChangeStore, ChangeSubject, NewChange};
use domain::ordering::TicketState;
use domain::{EventKey, OrderKey, PerformanceKey, SourceId};
use jiff::Timestamp;
use orders::lease::{LeaseAfterWrite, Precondition};
use orders::store::OrderWrite;
use orders::{FulfillmentPolicy, Order};
use store_sql::{CredentialKey, Stores, open_stores};

use crate::default_config::default_store_settings;
use crate::orders::database::Postgres;
use crate::orders::store::{draft_order, write_next_version};
use crate::orders::vendor::KEYED;
use crate::orders::world::{World, storefront};

pub(crate) async fn open(url: &str) -> Stores {
    open_stores(url, &[CredentialKey::new([7; 32])], &default_store_settings()).await.expect("the store opens")
}

fn new(subject: ChangeSubject, reseller: Option<&str>) -> NewChange {
    let at = Timestamp::from_second(1_806_000_000).expect("a time");
    NewChange { at, subject, version: 3, reseller: reseller.map(str::to_owned), is_removed: false }
}

/// Reads everything after a position that matches, in small pages.
async fn read(store: &dyn ChangeStore, mut after: u64, kinds: &[ChangeKind], reseller: Option<&str>) -> Vec<Change> {
    let filter = ChangeFilter { kinds: kinds.to_vec(), reseller: reseller.map(str::to_owned) };
    let mut found = Vec::new();
    loop {
        let slice = store.list(after, 3, &filter).await.expect("the store");
        assert!(slice.is_current && slice.lines.len() <= 3);
        found.extend(slice.lines.into_iter().map(|(_, change)| change));
        after = found.last().map_or(after, |change| change.position);
        if !slice.has_more {
            assert!(found.is_sorted_by_key(|change| change.position), "{found:?}");
            return found;
        }
    }
}

fn subjects(changes: &[Change]) -> Vec<&ChangeSubject> {
    changes.iter().map(|change| &change.subject).collect()
}

async fn an_order_is_written_with_an_entry_for_each_ticket_that_changed(stores: &Stores) {
    let world = World::new(stores.orders.clone(), &[KEYED]);
    let (orders, store) = (world.process(), &*stores.changes);
    let before = store.end().await.expect("the store");
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert!(!order.tickets.is_empty());
    let all = read(store, before, &[], None).await;
    let positions: Vec<u64> = all.iter().map(|change| change.position).collect();
    assert_eq!(positions, (before + 1..).take(all.len()).collect::<Vec<_>>(), "no gap");
    let tickets: BTreeSet<usize> = all
        .iter()
        .filter_map(|change| match change.subject {
            ChangeSubject::Ticket { order: of, ticket } if of == order.key => Some(ticket),
            _ => None,
        })
        .collect();
    assert_eq!(tickets, (0..order.tickets.len()).collect(), "each ticket has an entry");
    for ticket in all.iter().filter(|change| change.subject.kind() == ChangeKind::Ticket) {
        let of_order = |change: &&Change| change.subject == ChangeSubject::Order(order.key);
        let parent = all.iter().filter(of_order).find(|change| change.version == ticket.version);
        assert!(parent.is_some_and(|parent| parent.position < ticket.position), "{ticket:?} without its order");
    }
    let of_orders = read(store, before, &[ChangeKind::Order], None).await;
    let versions: Vec<u64> = of_orders.iter().map(|change| change.version).collect();
    assert_eq!(versions, (1..=order.version).collect::<Vec<_>>(), "every version of the order, and nothing else");
    let listed = stores.orders.list_changes(before, 1_000, None).await.expect("the store").lines;
    assert_eq!(listed.len(), of_orders.len(), "readers of orders see orders only");
    // A write without a changed ticket has no entry of one.
    let end = store.end().await.expect("the store");
    let written =
        write_next_version(&*stores.orders, Precondition::Unleased(&order), &order, LeaseAfterWrite::Released).await;
    written.expect("the order is written");
    assert_eq!(subjects(&read(store, end, &[], None).await), [&ChangeSubject::Order(order.key)]);
    // A ticket that was used, without a new code.
    let (before, end) = (world.read(order.key).await, store.end().await.expect("the store"));
    let mut used = Order { version: before.version + 1, ..before.clone() };
    used.tickets[0].state = TicketState::Used(None);
    let write = OrderWrite::new(Precondition::Unleased(&before), &used, LeaseAfterWrite::Released);
    let receipt = stores.orders.write(&write).await.expect("the order is written");
    let ticket = ChangeSubject::Ticket { order: order.key, ticket: 0 };
    let found = read(store, end, &[], None).await;
    assert_eq!(subjects(&found), [&ChangeSubject::Order(order.key), &ticket]);
    assert!(receipt.cursor <= found[0].position, "a reader after the receipt misses the order");
}

async fn a_reader_sees_its_kinds_of_its_reseller_and_what_is_everybodys(stores: &Stores) {
    let store = &*stores.changes;
    let before = store.end().await.expect("the store");
    let world = World::new(stores.orders.clone(), &[KEYED]);
    let order: OrderKey = draft_order(&world).await.key;
    let source = SourceId::new("harbor");
    let (event, performance) = (EventKey::new("e"), PerformanceKey::new("p"));
    let connection =
        |reseller: &str| ChangeSubject::Connection { reseller: reseller.to_owned(), source: source.clone() };
    let delivery = ChangeSubject::Delivery { order, ticket: 0, channel: "app".to_owned() };
    let changes = [
        new(connection("tiqets"), Some("tiqets")),
        new(connection("digitick"), Some("digitick")),
        new(delivery.clone(), Some("digitick")),
        new(ChangeSubject::Event { source: source.clone(), event: event.clone() }, None),
        new(ChangeSubject::Performance { source: source.clone(), event: Some(event), performance }, None),
        new(ChangeSubject::Source(source.clone()), None),
    ];
    let mut positions = store.positions();
    positions.mark_unchanged();
    store.append(&changes).await.expect("the store");
    let woken = tokio::time::timeout(Duration::from_secs(4), positions.wait_for(|last| *last >= before + 7)).await;
    woken.expect("readers are woken").expect("the store is open");
    let kinds = |changes: &[Change]| changes.iter().map(|change| change.subject.kind()).collect::<Vec<_>>();
    let all = read(store, before, &[], None).await;
    assert_eq!(all.len(), 7, "{all:?}");
    assert!(all[1..].iter().zip(&changes).all(|(read, new)| read.subject == new.subject
        && (read.version, read.at, &read.reseller) == (new.version, new.at, &new.reseller)));
    let theirs = read(store, before, &[], Some("tiqets")).await;
    use ChangeKind::{Connection, Delivery, Event, Order, Performance, Source};
    assert_eq!(kinds(&theirs), [Connection, Event, Performance, Source], "{theirs:?}");
    assert_eq!(theirs[0].subject, connection("tiqets"));
    let some = read(store, before, &[Source, Connection, Order], Some("digitick")).await;
    assert_eq!(subjects(&some), [&connection("digitick"), &ChangeSubject::Source(source)]);
    assert_eq!(subjects(&read(store, before, &[Delivery, Delivery], None).await), [&delivery]);
    assert_eq!(kinds(&read(store, before, &[Event], Some("nobody")).await), [Event]);
    let cursor = store.encode_cursor(before + 1).expect("a cursor");
    assert_eq!(store.decode_cursor(&cursor), Some(before + 1));
    assert_eq!(store.decode_cursor("forged"), None);
}

/// A page skips what it does not show by an index: it costs the same behind 60,000 entries of other kinds and resellers.
async fn a_page_costs_the_same_however_much_is_hidden(stores: &Stores) {
    let store = &*stores.changes;
    let source = SourceId::new("opera");
    let own = || new(ChangeSubject::Connection { reseller: "rare".to_owned(), source: source.clone() }, Some("rare"));
    let filter = ChangeFilter { kinds: vec![ChangeKind::Connection], reseller: Some("rare".to_owned()) };
    let before = store.end().await.expect("the store");
    store.append(&[own()]).await.expect("the store");
    let measure = async || {
        let mut best = Duration::MAX;
        for _ in 0..20 {
            let started = tokio::time::Instant::now();
            assert!(store.list(before, 100, &filter).await.expect("the store").lines.len() < 3);
            best = best.min(started.elapsed());
        }
        best
    };
    let few = measure().await;
    let performance = |number: usize| {
        let performance = PerformanceKey::new(number.to_string());
        new(ChangeSubject::Performance { source: source.clone(), event: None, performance }, None)
    };
    for batch in 0..60 {
        let changes: Vec<NewChange> = (batch * 1_000..(batch + 1) * 1_000).map(performance).collect();
        store.append(&changes).await.expect("the store");
    }
    store.append(&[own()]).await.expect("the store");
    let mut positions = store.positions();
    let end = positions.wait_for(|last| *last >= before + 60_002);
    tokio::time::timeout(Duration::from_secs(60), end).await.expect("the feed is current").expect("open");
    let many = measure().await;
    assert!(many < few * 5 + Duration::from_millis(2), "{few:?} before, {many:?} behind 60,000 entries");
}

async fn check(stores: &Stores) {
    an_order_is_written_with_an_entry_for_each_ticket_that_changed(stores).await;
    a_reader_sees_its_kinds_of_its_reseller_and_what_is_everybodys(stores).await;
    a_page_costs_the_same_however_much_is_hidden(stores).await;
}

#[tokio::test]
async fn the_feed_holds_all_kinds_on_sqlite() {
    check(&open("sqlite::memory:").await).await;
}

#[tokio::test]
async fn the_feed_holds_all_kinds_on_postgres() {
    let Some(server) = Postgres::start() else { return };
    check(&open(server.url()).await).await;
}
