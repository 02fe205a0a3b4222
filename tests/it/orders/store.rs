//! Tests of the order store on both databases: round trips, rejected late writers, and encrypted barcodes.

use std::time::Duration;

use domain::Clock as _;
use domain::StoreError;
use domain::ordering::{Barcode, Symbology};
use futures_util::future::join_all;
use orders::idempotency::IdempotencyRecord;
use orders::lease::{LeaseAfterWrite, Precondition};
use orders::leg::{TicketSearch, TicketSearchEnd};
use orders::store::{OrderWrite, TicketCredential};
use orders::{FulfillmentPolicy, Order, OrderCursor, OrderFilter, OrderStatus, OrderStore, PageRequest, SortColumn};
use secrecy::ExposeSecret;
use store_sql::{CredentialKey, StoreOpenError, open_order_store};

use crate::default_config::default_store_settings;
use crate::orders::audit::audit;
use crate::orders::database::{Postgres, Stage, open, reopen};
use crate::orders::vendor::{COMMITTING, Fault, KEYED, PLAIN, VendorCall};
use crate::orders::world::{World, storefront};

pub(crate) async fn draft_order(world: &World) -> Order {
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    world
        .process()
        .create(&storefront(), &input)
        .await
        .expect("the store responds")
        .order
        .expect("an order is returned")
}

/// Writes an order with only its version incremented.
pub(crate) async fn write_next_version(
    ledger: &dyn OrderStore,
    precondition: Precondition<'_>,
    order: &Order,
    lease_after: LeaseAfterWrite,
) -> Result<u64, StoreError> {
    let mut next = order.clone();
    next.version += 1;
    let write = OrderWrite::new(precondition, &next, lease_after);
    ledger.write(&write).await.map(|written| written.lease.fence)
}

async fn late_writers_are_rejected(world: &World) {
    let (ledger, order) = (world.store.as_ref(), draft_order(world).await);
    let lease_time = Duration::from_secs(60);
    let fence = write_next_version(ledger, Precondition::Unleased(&order), &order, LeaseAfterWrite::Held(lease_time))
        .await
        .expect("the lease is taken");
    let owned = world.read(order.key).await;
    assert_eq!(owned, Order { version: 2, ..order.clone() });
    let free = write_next_version(ledger, Precondition::Unleased(&owned), &owned, LeaseAfterWrite::Released).await;
    assert!(matches!(free, Err(StoreError::Outdated)), "the order is leased: {free:?}");
    let lease = orders::lease::Lease { order: order.key, fence };
    let old = write_next_version(ledger, Precondition::Leased(&order, lease), &order, LeaseAfterWrite::Released).await;
    assert!(matches!(old, Err(StoreError::Outdated)), "outdated version: {old:?}");
    let late = orders::lease::Lease { fence: fence - 1, ..lease };
    let stale = write_next_version(ledger, Precondition::Leased(&owned, late), &owned, LeaseAfterWrite::Released).await;
    assert!(matches!(stale, Err(StoreError::Outdated)), "outdated fencing token: {stale:?}");
    assert!(matches!(ledger.renew(&late, order.updated_at, lease_time).await, Err(StoreError::Outdated)));
    write_next_version(ledger, Precondition::Leased(&owned, lease), &owned, LeaseAfterWrite::Released)
        .await
        .expect("the lease owner may write");
    let now = world.read(order.key).await;
    write_next_version(ledger, Precondition::Unleased(&now), &now, LeaseAfterWrite::Released)
        .await
        .expect("the order is no longer leased");
}

async fn orders_are_listed_youngest_first(world: &World) {
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(draft_order(world).await.key);
        world.clock.advance(Duration::from_secs(1));
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
        let page = world.store.list(&filter, &PageRequest::newest(after, 2)).await.expect("the store responds");
        assert_eq!(world.store.count(&filter).await.expect("the store responds"), Some(5));
        listed.extend(page.orders);
        let last = listed.last().expect("an order is returned");
        after = Some(OrderCursor::of(last, SortColumn::Created));
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
        assert_eq!(world.store.count(&nothing).await.expect("the store responds"), Some(0), "{nothing:?}");
    }
}

/// An order that uses every optional field is unchanged after a round trip.
async fn every_field_survives_a_round_trip(world: &World) {
    world.vendors[1].fail(VendorCall::Confirm, 1, Fault::LostAnswer);
    world.vendors[1].fail(VendorCall::FindSale, 1, Fault::LostRequest);
    let orders = world.process();
    let mut input = world.input(FulfillmentPolicy::AllOrNothing);
    input.reseller = Some("tiqets".to_owned());
    input.reseller_reference = Some("cart 9".to_owned());
    input.locale = domain::Locale::parse("fr-CH");
    input.contact.as_mut().expect("a contact").phone = Some("+41 22 000 00 00".to_owned());
    let placed = orders.place(&storefront(), &input).await.expect("the store responds");
    orders.wait_until_idle().await;
    let key = placed.order.expect("an order is returned").key;
    let unknown = world.read(key).await;
    assert!(unknown.legs[1].unknown.is_some() && !unknown.tickets.is_empty() && !unknown.problems().is_empty());
    // Loading and writing the order again changes nothing else.
    let fence =
        write_next_version(world.store.as_ref(), Precondition::Unleased(&unknown), &unknown, LeaseAfterWrite::Released)
            .await;
    fence.expect("the order is written");
    let mut order = world.read(key).await;
    assert_eq!(order, Order { version: unknown.version + 1, ..unknown });
    let since = order.created_at;
    let next_at = Some(order.updated_at);
    for search in [
        TicketSearch { since, next_at, end: None },
        TicketSearch { since, next_at, end: Some(TicketSearchEnd::NotFound) },
        TicketSearch { since, next_at: None, end: Some(TicketSearchEnd::NotFound) },
        TicketSearch { since, next_at: None, end: Some(TicketSearchEnd::Accepted) },
    ] {
        let before = order.clone();
        order.legs[0].ticket_search = Some(search);
        write_next_version(world.store.as_ref(), Precondition::Unleased(&before), &order, LeaseAfterWrite::Released)
            .await
            .expect("the order is written");
        order = world.read(key).await;
        assert_eq!(order.legs[0].ticket_search, Some(search));
    }
}

/// An idempotency key is valid for its configured lifetime; afterwards the same request creates a new order.
async fn expired_idempotency_keys_are_pruned(world: &World) {
    let (orders, input) = (world.process(), world.input(FulfillmentPolicy::AllOrNothing));
    let place = async || orders.create(&storefront(), &input).await.expect("the store responds");
    let first = place().await;
    let used = world.clock.now();
    world.store.prune_idempotency_records(used).await.expect("the store responds");
    let again = place().await;
    assert!(again.replayed && again.order == first.order, "a key was pruned too early");
    assert!(
        world.store.prune_idempotency_records(used + Duration::from_secs(1)).await.expect("the store responds") > 0
    );
    let new = place().await;
    assert!(!new.replayed && new.order.map(|order| order.key) != first.order.map(|order| order.key));
}

/// A vendor may list a ticket twice in one response.
async fn the_last_code_of_a_ticket_counts(world: &World) {
    let orders = world.process();
    let placed = orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order").key).await;
    assert!(!order.tickets.is_empty());
    let code = |value: &str| {
        let barcode = Barcode { symbology: Symbology::Qr, value: value.to_owned().into() };
        TicketCredential { ticket: 0, barcode }
    };
    let next = Order { version: order.version + 1, ..order.clone() };
    let write = OrderWrite {
        credentials: &[code("FIRST"), code("LAST")],
        ..OrderWrite::new(Precondition::Unleased(&order), &next, LeaseAfterWrite::Released)
    };
    world.store.write(&write).await.expect("written");
    let codes = world.store.load_credentials(order.key).await.expect("the store responds");
    let of_ticket: Vec<_> = codes.iter().filter(|code| code.ticket == 0).collect();
    assert_eq!((of_ticket.len(), of_ticket[0].barcode.value.expose_secret()), (1, "LAST"));
}

/// Changes that are written at the same time succeed and fail each on its own, and only the successful ones are in the feed.
async fn a_rejected_write_affects_none_of_those_beside_it(world: &World) {
    let store = world.store.as_ref();
    let drafts = join_all((0..12).map(|_| draft_order(world))).await;
    let record = |order: &Order, key: &str| IdempotencyRecord {
        scope: "a caller".to_owned(),
        operation: "holdOrder".to_owned(),
        key: key.to_owned(),
        request_hash: "a hash".to_owned(),
        order: order.key,
    };
    let barcode = Barcode { symbology: Symbology::Qr, value: "NO TICKET".to_owned().into() };
    let orphan = [TicketCredential { ticket: 99, barcode }];
    let write = async |before: &Order, key: Option<&str>, credentials: &[TicketCredential]| {
        let next = Order { version: before.version + 1, ..before.clone() };
        let idempotency = key.map(|key| record(before, key));
        let write = OrderWrite {
            idempotency: idempotency.as_ref(),
            credentials,
            ..OrderWrite::new(Precondition::Unleased(before), &next, LeaseAfterWrite::Released)
        };
        store.write(&write).await
    };
    let taken = format!("taken {}", drafts[0].key);
    let first = write(&drafts[0], Some(&taken), &[]).await.expect("the key is free");
    let results = join_all(drafts[1..].iter().enumerate().map(async |(number, order)| match number % 4 {
        0 => write(&Order { version: order.version + 7, ..order.clone() }, None, &[]).await,
        1 => write(order, Some(&taken), &[]).await,
        2 => write(order, None, &orphan).await,
        _ => write(order, None, &[]).await,
    }))
    .await;
    let mut good = Vec::new();
    for ((number, order), result) in drafts[1..].iter().enumerate().zip(results) {
        let is_right = match number % 4 {
            0 => matches!(result, Err(StoreError::Outdated)),
            1 => matches!(result, Err(StoreError::KeyTaken)),
            2 => matches!(result, Err(StoreError::Failed(_))),
            _ => result.is_ok(),
        };
        assert!(is_right, "{number}: {result:?}");
        let version = order.version + u64::from(number % 4 == 3);
        assert_eq!(world.read(order.key).await.version, version, "{number}");
        good.extend(result.ok().map(|written| (order.key, written.cursor)));
    }
    let end = store.feed_end().await.expect("the store responds");
    let feed = store.list_changes(end - 2, 10, None).await.expect("the store responds");
    let seen: Vec<_> = feed.lines.iter().map(|(_, change)| (change.order, change.cursor)).collect();
    assert_eq!((seen.len(), good.len()), (2, 2), "{seen:?}");
    assert!(good.iter().all(|(order, cursor)| {
        *cursor >= first.cursor && seen.iter().any(|(key, position)| key == order && position >= cursor)
    }));
}

#[tokio::test]
async fn the_store_contract_holds_on_sqlite() {
    let stage = Stage::Sqlite;
    for check in 0..6 {
        let world = World::new(stage.ledger().await, &[COMMITTING, PLAIN]);
        match check {
            0 => late_writers_are_rejected(&world).await,
            1 => orders_are_listed_youngest_first(&world).await,
            2 => expired_idempotency_keys_are_pruned(&world).await,
            3 => a_rejected_write_affects_none_of_those_beside_it(&world).await,
            4 => the_last_code_of_a_ticket_counts(&world).await,
            _ => every_field_survives_a_round_trip(&world).await,
        }
    }
}

#[tokio::test]
async fn the_store_contract_holds_on_postgres() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[COMMITTING, PLAIN]);
    orders_are_listed_youngest_first(&world).await;
    late_writers_are_rejected(&world).await;
    a_rejected_write_affects_none_of_those_beside_it(&world).await;
    every_field_survives_a_round_trip(&world).await;
    expired_idempotency_keys_are_pruned(&world).await;
    the_last_code_of_a_ticket_counts(&world).await;
}

/// Replicas share one database: each due order is claimed by exactly one of them, and the feed has no gaps that fill later.
#[tokio::test]
async fn on_postgres_each_due_order_is_claimed_by_one_replica() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[KEYED, PLAIN]);
    let replicas = join_all((0..3).map(|_| async { world.process_on(server.another().await) })).await;
    let places = (0..30).map(|number: usize| {
        let (replica, input) = (&replicas[number % 3], world.input(FulfillmentPolicy::AllOrNothing));
        async move {
            replica
                .create(&storefront(), &input)
                .await
                .expect("the store responds")
                .order
                .expect("an order is returned")
        }
    });
    let drafts = join_all(places).await;
    join_all(drafts.iter().enumerate().map(|(number, order)| {
        let (replica, act) = (&replicas[number % 3], world.act(order.key));
        async move { replica.hold(&storefront(), &act).await.expect("the store responds") }
    }))
    .await;
    join_all(replicas.iter().map(orders::Orders::wait_until_idle)).await;
    // All holds expire at once, and all replicas look for due orders.
    world.clock.advance(Duration::from_secs(601));
    let claimed = join_all(replicas.iter().map(orders::Orders::resume_due)).await;
    assert_eq!(claimed.into_iter().map(|claimed| claimed.expect("the store responds")).sum::<usize>(), 30);
    join_all(replicas.iter().map(orders::Orders::wait_until_idle)).await;
    for order in &drafts {
        let order = world.read(order.key).await;
        assert_eq!(order.status(), OrderStatus::Expired);
        audit(&world, &order, "replicas").await;
    }
    let feed = world.store.list_changes(0, 1_000, None).await.expect("the store responds");
    let end = world.store.feed_end().await.expect("the store responds");
    assert_eq!(feed.lines.iter().map(|(place, _)| *place).collect::<Vec<_>>(), (1..=end).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_barcode_is_never_stored_in_plaintext_and_needs_its_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("ledger.db");
    let url = format!("sqlite://{}", file.display());
    let world = World::new(open(&url).await, &[KEYED]);
    let orders = world.process();
    let placed =
        orders.place(&storefront(), &world.input(FulfillmentPolicy::AllOrNothing)).await.expect("the store responds");
    orders.wait_until_idle().await;
    let order = world.read(placed.order.expect("an order is returned").key).await;
    audit(&world, &order, "in a file").await;
    let code = world.vendors[0]
        .state
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
        assert!(!found, "{code} is in plaintext");
    }
    let World { store: ledger, .. } = world;
    drop((orders, ledger));
    let other = reopen(&url, 8).await;
    let codes = other.load_credentials(order.key).await;
    assert!(matches!(codes, Err(StoreError::Unreadable(_))), "another key decrypted it");
}

#[tokio::test]
async fn a_file_belongs_to_one_process_and_stale_leases_are_released_on_open() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let mut world = World::new(open(&url).await, &[KEYED]);
    let order = draft_order(&world).await;
    let lease_time = Duration::from_secs(3600);
    write_next_version(world.store.as_ref(), Precondition::Unleased(&order), &order, LeaseAfterWrite::Held(lease_time))
        .await
        .expect("the lease is taken");
    let second = open_order_store(&url, &[CredentialKey::new([7; 32])], &default_store_settings()).await;
    assert!(matches!(second, Err(StoreOpenError::InUse(_))), "two processes share a file");
    world.store = open("sqlite::memory:").await;
    world.store = reopen(&url, 7).await;
    let now = world.read(order.key).await;
    write_next_version(world.store.as_ref(), Precondition::Unleased(&now), &now, LeaseAfterWrite::Released)
        .await
        .expect("the stale lease is released");
}

#[tokio::test]
async fn an_unsupported_url_is_rejected_and_not_quoted() {
    let settings = default_store_settings();
    let error = open_order_store("mysql://root:hunter2@db", &[CredentialKey::new([7; 32])], &settings).await;
    let error = error.err().expect("an error");
    assert!(matches!(error, StoreOpenError::UnsupportedScheme) && !format!("{error} {error:?}").contains("hunter2"));
    let error = open_order_store("sqlite::memory:", &[], &settings).await.err().expect("an error");
    assert!(matches!(error, StoreOpenError::MissingKey));
}
