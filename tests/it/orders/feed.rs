//! The change feed and leases of replicas that share PostgreSQL: writers that freeze or commit late, and clocks that are off.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::{OrderKey, StoreError};
use futures_util::future::{join_all, poll_immediate};
use orders::lease::{Lease, LeaseAfterWrite, Precondition};
use orders::store::{OrderTimer, OrderWrite, TimerKind};
use orders::{Order, OrderChange, OrderStore};
use store_sql::{CredentialKey, LeaseClock, StoreSettings, open_order_store};

use crate::default_config::default_store_settings;
use crate::orders::database::{Postgres, Stage};
use crate::orders::store::{draft_order, write_next_version};
use crate::orders::vendor::{COMMITTING, PLAIN};
use crate::orders::world::World;

/// Far above the time of a write, and below the timeouts that would end a frozen session.
const PROMPT: Duration = Duration::from_secs(4);

async fn replica(server: &Postgres, settings: StoreSettings) -> Arc<dyn OrderStore> {
    let opened = open_order_store(server.url(), &[CredentialKey::new([7; 32])], &settings).await;
    opened.expect("the store opens")
}

/// A replica with one connection that has prepared its statements, so that its last statement is known to have been sent.
async fn replica_to_freeze(server: &Postgres, settings: StoreSettings, order: &Order) -> Arc<dyn OrderStore> {
    let store = replica(server, StoreSettings { connections: 1, ..settings }).await;
    let written = write_next_version(&*store, Precondition::Unleased(order), order, LeaseAfterWrite::Released).await;
    written.expect("the order is written");
    store.release(&Lease { order: order.key, fence: 2 }).await.expect("its lease is released");
    assert!(
        store.list_changes(0, 1_000, None).await.expect("the feed").lines.iter().any(|(_, at)| at.order == order.key)
    );
    store
}

/// Returns true if a session is in a state.
async fn is_any_session(server: &Postgres, state: &str) -> bool {
    let sql = format!("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND {state}");
    let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(server.pool()).await.expect("the activity");
    count > 0
}

/// Runs a write until its statement waits for a table, lets the server execute it, and leaves the write there, as a stopped
/// process does: nobody reads the response.
async fn freeze<T: std::fmt::Debug, F: Future<Output = T>>(server: &Postgres, mut write: Pin<&mut F>, table: &str) {
    let mut lock = server.pool().begin().await.expect("a transaction");
    let sql = format!("LOCK TABLE {table} IN SHARE MODE");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *lock).await.expect("the lock");
    // The sequencer may wait for the table, too.
    while !is_any_session(server, "wait_event_type = 'Lock' AND query NOT LIKE 'SELECT last FROM feed%'").await {
        let done = poll_immediate(write.as_mut()).await;
        assert!(done.is_none(), "the write ended before it could be frozen: {done:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    lock.rollback().await.expect("the lock ends");
    while is_any_session(server, "state = 'active' AND pid <> pg_backend_pid()").await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Reads the feed after a position, in small pages.
async fn read_after(store: &dyn OrderStore, mut after: u64) -> Vec<OrderChange> {
    let mut changes = Vec::new();
    loop {
        let slice = store.list_changes(after, 7, None).await.expect("the feed");
        changes.extend(slice.lines.into_iter().map(|(_, change)| change));
        after = changes.last().map_or(after, |change| change.cursor);
        if !slice.has_more {
            return changes;
        }
    }
}

/// Checks that positions have no gap, that nothing comes twice, and that the versions of each order ascend.
fn check_order(changes: &[OrderChange], before: u64) {
    let positions: Vec<u64> = changes.iter().map(|change| change.cursor).collect();
    let expected: Vec<u64> = (before + 1..).take(changes.len()).collect();
    assert_eq!(positions, expected);
    let mut versions: BTreeMap<OrderKey, u64> = BTreeMap::new();
    for change in changes {
        let last = versions.insert(change.order, change.version);
        assert!(last.is_none_or(|last| last + 1 == change.version), "{last:?} is followed by {}", change.version);
    }
}

/// Freezes a writer at each table that every write of an order changes.
#[tokio::test]
async fn on_postgres_a_writer_that_is_frozen_delays_no_other_and_its_change_is_committed_without_it() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[COMMITTING, PLAIN]);
    let frozen = replica_to_freeze(&server, default_store_settings(), &draft_order(&world).await).await;
    let store = world.store.as_ref();
    for table in ["orders", "timers", "changes"] {
        let (late, other) = (draft_order(&world).await, draft_order(&world).await);
        let before = store.feed_end().await.expect("the feed");
        let write = write_next_version(&*frozen, Precondition::Unleased(&late), &late, LeaseAfterWrite::Released);
        let mut write = Box::pin(write);
        freeze(&server, write.as_mut(), table).await;
        // Another replica finds the order as the frozen one has written it: neither waits for the frozen process.
        let again = write_next_version(store, Precondition::Unleased(&late), &late, LeaseAfterWrite::Released);
        let again = tokio::time::timeout(PROMPT, again).await;
        let again = again.unwrap_or_else(|_| panic!("the order waits for its writer that is frozen at {table}"));
        assert!(matches!(again, Err(StoreError::Outdated)), "{table}: {again:?}");
        let written = write_next_version(store, Precondition::Unleased(&other), &other, LeaseAfterWrite::Released);
        let written = tokio::time::timeout(PROMPT, written).await;
        written.unwrap_or_else(|_| panic!("another order waits for one frozen at {table}")).expect("it is written");
        let seen = read_after(store, before).await;
        check_order(&seen, before);
        let found: Vec<_> = seen.iter().map(|change| (change.order, change.version)).collect();
        assert_eq!(found, [(late.key, 2), (other.key, 2)], "{table}: both changes are in the feed");
        write.await.expect("the frozen writer goes on");
    }
}

#[tokio::test]
async fn on_postgres_the_locks_of_a_frozen_transaction_end_and_it_counts_as_lost() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[COMMITTING, PLAIN]);
    let (warm, order) = (draft_order(&world).await, draft_order(&world).await);
    let settings = StoreSettings { idle_transaction_timeout: Duration::from_millis(500), ..default_store_settings() };
    let frozen = replica_to_freeze(&server, settings, &warm).await;
    let lease = Lease { order: order.key, fence: 1 };
    let mut release = Box::pin(frozen.release(&lease));
    freeze(&server, release.as_mut(), "orders").await;
    while !is_any_session(&server, "state = 'idle in transaction'").await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The row of the order is locked until the server ends the session.
    let store = world.store.as_ref();
    let taken = write_next_version(store, Precondition::Unleased(&order), &order, LeaseAfterWrite::Released);
    let taken = tokio::time::timeout(PROMPT, taken).await.expect("the lock of the frozen session does not end");
    taken.expect("another replica goes on");
    let lost = release.await;
    assert!(matches!(lost, Err(StoreError::Failed(_))), "{lost:?}");
    // The pool replaces the connection, and the repeated release finds another owner.
    let again = frozen.release(&lease).await;
    assert!(matches!(again, Err(StoreError::Outdated)), "{again:?}");
}

#[tokio::test]
async fn on_postgres_a_frozen_sequencer_delays_the_feed_and_no_order() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[COMMITTING, PLAIN]);
    let order = draft_order(&world).await;
    let end = world.store.feed_end().await.expect("the feed");
    let mut sequencer = server.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT last FROM feed FOR UPDATE").execute(&mut *sequencer).await.expect("the lock");
    let store = world.store.as_ref();
    let written = write_next_version(store, Precondition::Unleased(&order), &order, LeaseAfterWrite::Released);
    tokio::time::timeout(PROMPT, written).await.expect("the order waits for the feed").expect("the order is written");
    let slice = tokio::time::timeout(PROMPT, store.list_changes(end, 10, None)).await.expect("the reader waits");
    let slice = slice.expect("the feed");
    assert_eq!((slice.lines.len(), slice.has_more, slice.is_current), (0, false, false));
    sequencer.rollback().await.expect("the lock ends");
    let changes = read_after(store, end).await;
    assert_eq!(changes.iter().map(|change| (change.order, change.version)).collect::<Vec<_>>(), [(order.key, 2)]);
    assert!(store.list_changes(end, 10, None).await.expect("the feed").is_current);
}

/// Replicas write concurrently while readers follow the feed: each reader sees every change once, in order.
async fn readers_follow_concurrent_writers(replicas: &[Arc<dyn OrderStore>], world: &World) {
    let drafts = join_all((0..12).map(|_| draft_order(world))).await;
    let before = world.store.feed_end().await.expect("the feed");
    let done = std::sync::atomic::AtomicUsize::new(0);
    let write = async |number: usize, draft: &Order| {
        let mut order = draft.clone();
        for round in 0..8 {
            let store = &replicas[(number + round) % replicas.len()];
            let next =
                write_next_version(&**store, Precondition::Unleased(&order), &order, LeaseAfterWrite::Released).await;
            next.expect("the order is written");
            order.version += 1;
        }
        done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    };
    let read = async |store: &Arc<dyn OrderStore>| {
        let mut seen: Vec<OrderChange> = Vec::new();
        loop {
            let is_done = done.load(std::sync::atomic::Ordering::SeqCst) == drafts.len();
            let after = seen.last().map_or(before, |change| change.cursor);
            seen.extend(read_after(&**store, after).await);
            if is_done {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    };
    let writers = join_all(drafts.iter().enumerate().map(|(number, draft)| write(number, draft)));
    let (_, feeds) = tokio::join!(writers, join_all(replicas.iter().map(read)));
    for feed in feeds {
        check_order(&feed, before);
        let all: BTreeSet<(OrderKey, u64)> = feed.iter().map(|change| (change.order, change.version)).collect();
        let expected: BTreeSet<(OrderKey, u64)> =
            drafts.iter().flat_map(|draft| (2..=9).map(|version| (draft.key, version))).collect();
        assert_eq!(all, expected);
    }
}

#[tokio::test]
async fn readers_of_the_feed_see_every_change_once_while_replicas_write() {
    let world = World::new(Stage::Sqlite.ledger().await, &[COMMITTING, PLAIN]);
    readers_follow_concurrent_writers(std::slice::from_ref(&world.store), &world).await;
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[COMMITTING, PLAIN]);
    let replicas = [world.store.clone(), server.another().await, server.another().await];
    readers_follow_concurrent_writers(&replicas, &world).await;
}

/// Writes the next version of an order as a process whose clock is off, with a timer that is due at once.
async fn write_with_clock(
    store: &dyn OrderStore,
    precondition: Precondition<'_>,
    order: &Order,
    skew: i64,
    lease_after: LeaseAfterWrite,
) -> Result<Lease, StoreError> {
    let now = order.updated_at + jiff::SignedDuration::from_secs(skew);
    let next = Order { version: order.version + 1, updated_at: now, ..order.clone() };
    let write = OrderWrite {
        timers: &[OrderTimer { at: now, kind: TimerKind::Resume, leg: None }],
        ..OrderWrite::new(precondition, &next, lease_after)
    };
    store.write(&write).await.map(|written| written.lease)
}

#[tokio::test]
async fn on_postgres_a_replica_whose_clock_is_off_takes_no_order_and_loses_none() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[COMMITTING, PLAIN]);
    let settings = StoreSettings { lease_clock: LeaseClock::Database, ..default_store_settings() };
    let (right, wrong) = (replica(&server, settings).await, replica(&server, settings).await);
    let lease = Duration::from_secs(120);
    for skew in [-300, -150, 150, 300, 86_400] {
        let skewed = |at: jiff::Timestamp| at + jiff::SignedDuration::from_secs(skew);
        let (ours, theirs) = (draft_order(&world).await, draft_order(&world).await);
        let held = LeaseAfterWrite::Held(lease);
        let kept = write_with_clock(&*right, Precondition::Unleased(&ours), &ours, 0, held).await.expect("a lease");
        let other =
            write_with_clock(&*wrong, Precondition::Unleased(&theirs), &theirs, skew, held).await.expect("a lease");
        let now = ours.updated_at;
        assert_eq!(wrong.claim(skewed(now), lease, 10).await.expect("the store"), [], "{skew} s: it takes an order");
        assert_eq!(right.claim(now, lease, 10).await.expect("the store"), [], "{skew} s: it loses an order");
        let leased = world.read(ours.key).await;
        let action =
            write_with_clock(&*wrong, Precondition::Unleased(&leased), &leased, skew, LeaseAfterWrite::Released).await;
        assert!(matches!(action, Err(StoreError::Outdated)), "{skew} s: it acts on a leased order: {action:?}");
        wrong.renew(&other, skewed(now), lease).await.expect("it keeps its own");
        assert_eq!(right.claim(now, lease, 10).await.expect("the store"), [], "{skew} s: its renewed lease is short");
        // An order that is free is taken by either, whatever its clock says.
        for (store, lease_of, skew) in [(&wrong, kept, skew), (&right, other, 0)] {
            right.release(&lease_of).await.expect("the lease is released");
            let now = now + jiff::SignedDuration::from_secs(skew);
            let taken = store.claim(now, lease, 10).await.expect("the store");
            assert_eq!(taken.iter().map(|lease| lease.order).collect::<Vec<_>>(), [lease_of.order], "{skew} s");
        }
    }
}

#[tokio::test]
async fn on_postgres_a_lease_ends_by_the_clock_of_the_ledger() {
    let Some(server) = Postgres::start() else { return };
    let world = World::new(server.ledger().await, &[COMMITTING, PLAIN]);
    let settings = StoreSettings { lease_clock: LeaseClock::Database, ..default_store_settings() };
    let behind = replica(&server, settings).await;
    let order = draft_order(&world).await;
    let held = LeaseAfterWrite::Held(Duration::from_millis(300));
    write_with_clock(&*behind, Precondition::Unleased(&order), &order, 0, held).await.expect("a lease");
    let now = order.updated_at - jiff::SignedDuration::from_secs(300);
    let end = tokio::time::Instant::now() + PROMPT;
    loop {
        let taken = behind.claim(now, Duration::from_secs(120), 10).await.expect("the store");
        if taken.iter().any(|lease| lease.order == order.key) {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "the lease does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// SQL that stores an order with three changes, as the version before positions were given after the commit did.
const EARLIER: &str = "INSERT INTO orders (key, number, version, status, caller, policy, is_test, first_name, last_name, \
    email, delivery, intent, is_placed, plan, created_at, updated_at, fence, lease_until) VALUES \
    ('01890a5d-ac96-774b-bcce-b302099a8057', 'TG', 3, 'DRAFT', 'shop', 'ALL_OR_NOTHING', 1, 'a', 'b', 'c', 'BARCODE', \
    'NONE', 0, '{}', 1, 1, 1, 0); \
    INSERT INTO changes (cursor, at, order_key, version, status) VALUES \
    (1, 10, '01890a5d-ac96-774b-bcce-b302099a8057', 1, 'DRAFT'), \
    (2, 20, '01890a5d-ac96-774b-bcce-b302099a8057', 2, 'DRAFT'), \
    (3, 30, '01890a5d-ac96-774b-bcce-b302099a8057', 3, 'DRAFT'); \
    UPDATE feed SET last = 3;";

/// Returns the migrations of an earlier version.
pub(crate) fn migrations_before(mut migrator: sqlx::migrate::Migrator, version: i64) -> sqlx::migrate::Migrator {
    let earlier: Vec<_> = migrator.iter().filter(|migration| migration.version < version).cloned().collect();
    migrator.migrations = earlier.into();
    migrator
}

async fn positions_are_kept(store: Arc<dyn OrderStore>) {
    let world = World::new(store, &[COMMITTING, PLAIN]);
    let kept: Vec<(u64, u64)> =
        read_after(&*world.store, 0).await.into_iter().map(|change| (change.cursor, change.version)).collect();
    assert_eq!(kept, [(1, 1), (2, 2), (3, 3)]);
    let next = draft_order(&world).await;
    let after = read_after(&*world.store, 3).await;
    assert_eq!(after.into_iter().map(|change| (change.cursor, change.order)).collect::<Vec<_>>(), [(4, next.key)]);
}

#[tokio::test]
async fn the_positions_of_an_earlier_version_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
    let pool = sqlx::SqlitePool::connect(&format!("{url}?mode=rwc")).await.expect("a file");
    migrations_before(sqlx::migrate!("migrations/sqlite"), 7).run(&pool).await.expect("the earlier version");
    sqlx::raw_sql(EARLIER).execute(&pool).await.expect("the rows");
    pool.close().await;
    positions_are_kept(crate::orders::database::open(&url).await).await;
    let Some(server) = Postgres::start() else { return };
    migrations_before(sqlx::migrate!("migrations/postgres"), 7).run(server.pool()).await.expect("the earlier version");
    sqlx::raw_sql(EARLIER).execute(server.pool()).await.expect("the rows");
    positions_are_kept(server.another().await).await;
}
