//! Faults of PostgreSQL at every statement of an order: serialization failures and deadlocks, and connections that end before a statement
//! or before its response. The order is sold once, and nobody waits for the end of a lease.

use std::sync::Arc;
use std::time::Duration;

use domain::{Month, OrderKey, RequestClass};
use futures_util::future::join_all;
use orders::{FulfillmentPolicy, OrderStatus, Orders};
use store_sql::{CredentialKey, Pooler, StoreSettings, StoreUrls, Stores, open_stores};
use tokio::time::Instant;

use crate::default_config::default_store_settings;
use crate::orders::audit::audit;
use crate::orders::database::Postgres;
use crate::orders::flow::{Flow, act};
use crate::orders::statement_relay::{Cut, StatementRelay};
use crate::orders::vendor::{COMMITTING, KEYED, PLAIN};
use crate::orders::world::{World, storefront};

/// Triggers on every table that fail at the statement of a number, or at each if that is -1. A sequence counts, because it is not rolled back.
const TRIGGERS: &str = "
    CREATE SEQUENCE fault_count;
    CREATE TABLE fault (nth BIGINT NOT NULL, code TEXT NOT NULL);
    INSERT INTO fault VALUES (0, '40001');
    CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT nth FROM fault) IN (nextval('fault_count'), -1) THEN
            RAISE EXCEPTION 'injected' USING ERRCODE = (SELECT code FROM fault);
        END IF;
        RETURN NULL;
    END $$;";

async fn stores<'u>(urls: impl Into<StoreUrls<'u>>, settings: &StoreSettings) -> Stores {
    open_stores(urls, &[CredentialKey::new([7; 32])], settings).await.expect("the stores open")
}

/// Creates the triggers. Each table by itself: a sequencer locks two of them.
async fn create_triggers(server: &Postgres) {
    run(server, TRIGGERS.to_owned()).await;
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('fault', '_sqlx_migrations')";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(server.pool()).await.expect("the tables");
    for table in tables {
        let when = "AFTER INSERT OR UPDATE OR DELETE";
        run(server, format!("CREATE TRIGGER fail_once {when} ON {table} EXECUTE FUNCTION fail_once()")).await;
    }
}

/// Runs a statement in the database of the triggers.
async fn run(server: &Postgres, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(server.pool()).await.expect("the statement runs");
}

/// Lets the statement of a number fail, 0 for none, from now on.
async fn arm(server: &Postgres, nth: usize, code: &str) {
    let sql = format!("UPDATE fault SET nth = {nth}, code = '{code}'; ALTER SEQUENCE fault_count RESTART");
    run(server, sql).await;
}

/// Returns the number of statements since then.
async fn count(server: &Postgres) -> usize {
    let (last, is_called): (i64, bool) = sqlx::query_as("SELECT last_value, is_called FROM fault_count")
        .fetch_one(server.pool())
        .await
        .expect("a count");
    usize::try_from(last).expect("a count") * usize::from(is_called)
}

#[tokio::test]
async fn serialization_failures_and_deadlocks_at_every_statement_are_repeated() {
    let Some(server) = Postgres::start() else { return };
    let stores = stores(server.url(), &default_store_settings()).await;
    create_triggers(&server).await;
    let mut cases = 0;
    // The others begin like these.
    for flow in [Flow::Place(FulfillmentPolicy::AllOrNothing), Flow::HoldThenConfirm, Flow::PlaceThenCancel] {
        let world = || World::new(Arc::clone(&stores.orders), &[COMMITTING, KEYED, PLAIN]);
        let end = async |nth: usize, code: &str| {
            let world = world();
            let orders = world.process();
            arm(&server, nth, code).await;
            let order = act(&world, &orders, flow).await.expect("an order");
            let statements = count(&server).await;
            arm(&server, 0, code).await;
            let before = world.read(order).await.status();
            let order = world.run_until_final(&orders, order).await;
            audit(&world, &order, &format!("{flow:?} with {code} at {nth}")).await;
            (statements, before, order.status())
        };
        let (statements, before, last) = end(0, "none").await;
        for nth in 1..=statements {
            let code = if nth.is_multiple_of(2) { "40001" } else { "40P01" };
            let (executed, was, is) = end(nth, code).await;
            assert_eq!((was, is), (before, last), "{flow:?} with {code} at {nth}");
            // The sequencer's statements vary: near the end the fault may not have occurred.
            cases += usize::from(executed >= nth);
        }
    }
    println!("{cases} cases");
    assert!(cases > 100, "{cases}");
}

#[tokio::test]
async fn a_counter_counts_once_if_its_transaction_is_repeated() {
    let Some(server) = Postgres::start() else { return };
    let stores = stores(server.url(), &default_store_settings()).await;
    create_triggers(&server).await;
    let month = Month::of("2027-03-01T12:00:00Z".parse().expect("a time"));
    let calls = [(RequestClass::Read, 2), (RequestClass::Hold, 1)].into();
    for nth in 1..=2 {
        arm(&server, nth, "40001").await;
        let all = stores.call_counts.add_calls("opera", month, &calls).await.expect("the store");
        assert_eq!(all.get(&RequestClass::Read), Some(&(2 * nth as u64)), "{all:?}");
    }
    // A transaction that always gives way fails after a bounded number of repetitions.
    run(&server, "UPDATE fault SET nth = -1, code = '40P01'".to_owned()).await;
    let begun = Instant::now();
    assert!(stores.call_counts.add_calls("opera", month, &calls).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Places an order as a client does, which repeats a request that failed.
async fn place(world: &World, orders: &Orders) -> OrderKey {
    let input = world.input(FulfillmentPolicy::AllOrNothing);
    for _ in 0..5 {
        let placed = orders.place(&storefront(), &input).await;
        orders.wait_until_idle().await;
        if let Ok(placed) = placed {
            return placed.order.expect("an order").key;
        }
    }
    panic!("one statement failed, and five requests");
}

/// Ends a connection at every statement of an order that this lane tests, and returns their number.
async fn lose_connections(server: &Postgres, lane: (usize, usize), settings: &StoreSettings) -> usize {
    server.lane(lane.0).await;
    let database = format!("lane_{}", lane.0);
    let relay = StatementRelay::start(server.server().port()).await;
    let (url, direct) = (relay.url(&database), server.url().replace("/postgres", &format!("/{database}")));
    let stores = stores(StoreUrls { stores: &url, migrations: Some(&direct) }, settings).await;
    let mut cases = 0;
    let end = async |nth: usize, cut: Cut| {
        let world = World::new(Arc::clone(&stores.orders), &[KEYED, PLAIN]);
        let orders = world.process();
        relay.arm(nth, cut);
        let order = place(&world, &orders).await;
        let statements = relay.disarm();
        let status = world.read(order).await.status();
        assert_eq!(status, OrderStatus::Confirmed, "{cut:?} {nth}: it waits for the end of its lease");
        let order = world.run_until_final(&orders, order).await;
        audit(&world, &order, &format!("{cut:?} {nth}")).await;
        statements
    };
    let statements = end(0, Cut::Before).await;
    // Through a pooler an order has three times as many statements, of which most begin and end transactions.
    let step = if settings.pooler == Pooler::None { 1 } else { 3 };
    for nth in (1..=statements).step_by(step).skip(lane.0 % lane.1).step_by(lane.1) {
        for cut in [Cut::Before, Cut::After] {
            end(nth, cut).await;
            cases += 1;
        }
    }
    cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_may_end_before_and_after_every_statement_of_an_order() {
    let Some(server) = Postgres::start() else { return };
    for pooler in [Pooler::None, Pooler::Transaction] {
        let settings = StoreSettings { pooler, connections: 3, ..default_store_settings() };
        // Another set of databases for each.
        let first = if pooler == Pooler::None { 0 } else { 4 };
        let lanes = (0..4).map(|lane| lose_connections(&server, (first + lane, 4), &settings));
        let cases: usize = join_all(lanes).await.into_iter().sum();
        println!("{pooler:?}: {cases} cases");
        assert!(cases > 14, "{cases}");
    }
}
