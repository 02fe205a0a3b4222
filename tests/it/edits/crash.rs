//! Crashes before a call, after it, and before its outcome is stored: nothing is done twice, and the reported outcome
//! is true.

use std::sync::Arc;

use edits::IdempotencyStore;
use emulators::Fault;
use serde_json::{Value, json};
use store_sql::{CredentialKey, open_stores};

use crate::default_config::default_store_settings;
use crate::edits::world::{CREATE, CrashPoint, ProcessStore, World, both, fail_write, open_store, source_id, writes};
use crate::orders::database::Postgres;

/// Outcome at one source of a new event: created, unknown or rejected.
fn outcome(result: &Value) -> &str {
    match result["problems"][0]["code"].as_str() {
        None => "MADE",
        Some("EDIT_OUTCOME_UNKNOWN") => {
            assert_eq!(result["problems"][0]["retry"], "AFTER_REQUERY", "{result}");
            "UNKNOWN"
        }
        Some(_) => "REFUSED",
    }
}

/// Outcomes at both sources.
fn outcomes(response: &Value) -> [&str; 2] {
    assert_eq!(response["errors"], Value::Null, "{response}");
    [0, 1].map(|place| outcome(&response["data"]["result"]["results"][place]))
}

/// Crashes a process that creates an event at two sources; the client repeats the request twice. With `refuses`, the
/// second source has an event of this title already.
async fn survive(store: &Arc<dyn IdempotencyStore>, run: &str, crash: CrashPoint, refuses: bool) -> bool {
    let world = World::open().await;
    let title = "Night of the Museums";
    if refuses {
        let only = json!({ "input": { "sources": [source_id("quay")], "idempotencyKey": format!("{run} {crash:?} twin"),
            "title": title, "description": "The first" } });
        assert_eq!(outcome(&world.run(Arc::clone(store), CREATE, only).await["data"]["result"]["results"][0]), "MADE");
    }
    let before = world.benches().map(writes);
    let process = ProcessStore::new(store, crash);
    let input = both(&format!("{run} {crash:?} {refuses}"), title);
    let first = world.run(Arc::clone(&process) as Arc<dyn IdempotencyStore>, CREATE, input.clone()).await;
    assert_eq!(first["errors"].is_array(), process.is_dead(), "{crash:?}: {first}");

    let second = world.run(Arc::clone(store), CREATE, input.clone()).await;
    let response = outcomes(&second);
    let there = world.titled(title).await;
    let there = [there[0], there[1] - usize::from(refuses)];
    for place in 0..2 {
        assert!(there[place] <= 1, "{crash:?}: made twice");
        match response[place] {
            "MADE" => assert_eq!(there[place], 1, "{crash:?}: reported as created: {second}"),
            "REFUSED" => assert!(refuses && place == 1 && there[place] == 0, "{crash:?}: {second}"),
            _ => assert!(process.is_dead(), "{crash:?}: unknown without a crash: {second}"),
        }
    }
    let made = world.benches().map(writes);
    // A rejected edit is retried, because it certainly had no effect; any other is not.
    for place in 0..2 {
        let most = if refuses && place == 1 { 2 } else { 1 };
        assert!(made[place] - before[place] <= most, "{crash:?}: {} writes", made[place] - before[place]);
    }
    let third = world.run(Arc::clone(store), CREATE, input).await;
    assert_eq!(outcomes(&third), response, "{crash:?}: the outcome is stable");
    let kept = world.benches().map(writes)[0];
    assert_eq!(kept, made[0], "{crash:?}: the third call sent something");
    process.is_dead()
}

/// Crashes a process at each of its writes.
async fn crash_everywhere(store: &Arc<dyn IdempotencyStore>, run: &str, refuses: bool) {
    let mut crashes = 0;
    for write in 1..20 {
        let before = survive(store, run, CrashPoint::Before(write), refuses).await;
        let after = survive(store, run, CrashPoint::After(write), refuses).await;
        crashes += usize::from(before) + usize::from(after);
        if !before && !after {
            assert_eq!(crashes, 8, "two edits, each written before and after its call");
            return;
        }
    }
    panic!("an edit never finished");
}

#[tokio::test]
async fn a_process_may_crash_at_each_write_and_nothing_is_created_twice() {
    crash_everywhere(&open_store().await, "made", false).await;
    crash_everywhere(&open_store().await, "refused", true).await;
}

#[tokio::test]
async fn a_process_may_crash_at_each_write_to_postgres_too() {
    let Some(server) = Postgres::start() else { return };
    let store = open_stores(server.url(), &[CredentialKey::new([7; 32])], &default_store_settings())
        .await
        .expect("the store opens")
        .edits;
    crash_everywhere(&store, "made", false).await;
    crash_everywhere(&store, "refused", true).await;
}

#[tokio::test]
async fn a_lost_response_is_reported_as_unknown_and_never_repeated() {
    let faults = [
        (Fault::DropBefore, 0),
        (Fault::CommitThenDrop, 1),
        (Fault::Truncate, 1),
        (Fault::Status { status: 503, retry_after: None, body: None }, 0),
    ];
    for (fault, there) in faults {
        let (world, store) = (World::open().await, open_store().await);
        fail_write(&world.harbor, "POST", "/v2/b2b/event/template", fault.clone());
        fail_write(&world.quay, "POST", "/v3/events", fault.clone());
        let input = both("a key", "Lost Night");
        let first = world.run(Arc::clone(&store), CREATE, input.clone()).await;
        let sent = world.benches().map(writes);
        let second = world.run(store, CREATE, input).await;
        assert_eq!(world.benches().map(writes), sent, "{fault:?}: repeated");
        assert_eq!((outcomes(&first), second["data"]["result"]["replayed"].as_bool()), (["UNKNOWN"; 2], Some(true)));
        assert_eq!(outcomes(&second), ["UNKNOWN"; 2], "{fault:?}: {second}");
        assert_eq!(world.titled("Lost Night").await, [there; 2], "{fault:?}");
    }
}
