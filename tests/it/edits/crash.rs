//! A process dies before a call, after it, or before its outcome is written: nothing is done twice, and what is told is true.

use std::sync::Arc;

use edits::Journal;
use emulators::Fault;
use serde_json::{Value, json};
use store_sql::{CredentialKey, open};

use crate::edits::world::{CREATE, Death, ProcessJournal, World, both, fail_write, journal, source_id, writes};
use crate::orders::database::Postgres;

/// What a source told of a new event: it is there, nobody knows, or it was refused.
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

/// What both sources told.
fn outcomes(told: &Value) -> [&str; 2] {
    assert_eq!(told["errors"], Value::Null, "{told}");
    [0, 1].map(|place| outcome(&told["data"]["told"]["results"][place]))
}

/// A process dies while it makes one event at two sources; the client asks again, twice. `refuses`: the host has the title already.
async fn survive(journal: &Arc<dyn Journal>, run: &str, death: Death, refuses: bool) -> bool {
    let world = World::open().await;
    let title = "Night of the Museums";
    if refuses {
        let only = json!({ "input": { "sources": [source_id("quay")], "idempotencyKey": format!("{run} {death:?} twin"),
            "title": title, "description": "The first" } });
        assert_eq!(outcome(&world.run(Arc::clone(journal), CREATE, only).await["data"]["told"]["results"][0]), "MADE");
    }
    let before = world.benches().map(writes);
    let process = ProcessJournal::new(journal, death);
    let asked = both(&format!("{run} {death:?} {refuses}"), title);
    let first = world.run(Arc::clone(&process) as Arc<dyn Journal>, CREATE, asked.clone()).await;
    assert_eq!(first["errors"].is_array(), process.is_dead(), "{death:?}: {first}");

    let second = world.run(Arc::clone(journal), CREATE, asked.clone()).await;
    let told = outcomes(&second);
    let there = world.titled(title).await;
    let there = [there[0], there[1] - usize::from(refuses)];
    for place in 0..2 {
        assert!(there[place] <= 1, "{death:?}: made twice");
        match told[place] {
            "MADE" => assert_eq!(there[place], 1, "{death:?}: told as made: {second}"),
            "REFUSED" => assert!(refuses && place == 1 && there[place] == 0, "{death:?}: {second}"),
            _ => assert!(process.is_dead(), "{death:?}: nobody died, and nobody knows: {second}"),
        }
    }
    let made = world.benches().map(writes);
    // A refusal is tried again: it certainly did nothing. Whatever else there was is not.
    for place in 0..2 {
        let most = if refuses && place == 1 { 2 } else { 1 };
        assert!(made[place] - before[place] <= most, "{death:?}: {} writes", made[place] - before[place]);
    }
    let third = world.run(Arc::clone(journal), CREATE, asked).await;
    assert_eq!(outcomes(&third), told, "{death:?}: the answer stands");
    let kept = world.benches().map(writes)[0];
    assert_eq!(kept, made[0], "{death:?}: the third call sent something");
    process.is_dead()
}

/// Lets processes die at every write that they make.
async fn die_everywhere(journal: &Arc<dyn Journal>, run: &str, refuses: bool) {
    let mut deaths = 0;
    for write in 1..20 {
        let before = survive(journal, run, Death::Before(write), refuses).await;
        let after = survive(journal, run, Death::After(write), refuses).await;
        deaths += usize::from(before) + usize::from(after);
        if !before && !after {
            assert_eq!(deaths, 8, "two edits, each noted before its call and after");
            return;
        }
    }
    panic!("an edit never came to its end");
}

#[tokio::test]
async fn a_process_may_die_at_each_of_its_notes_and_nothing_is_made_twice() {
    die_everywhere(&journal().await, "made", false).await;
    die_everywhere(&journal().await, "refused", true).await;
}

#[tokio::test]
async fn a_process_may_die_at_each_of_its_notes_in_postgres_too() {
    let Some(server) = Postgres::start() else { return };
    let journal = open(server.url(), &[CredentialKey::new([7; 32])], 4).await.expect("the ledger opens").edits;
    die_everywhere(&journal, "made", false).await;
    die_everywhere(&journal, "refused", true).await;
}

#[tokio::test]
async fn a_lost_answer_is_told_as_unknown_and_never_sent_again() {
    let faults = [
        (Fault::DropBefore, 0),
        (Fault::CommitThenDrop, 1),
        (Fault::Truncate, 1),
        (Fault::Status { status: 503, retry_after: None, body: None }, 0),
    ];
    for (fault, there) in faults {
        let (world, journal) = (World::open().await, journal().await);
        fail_write(&world.harbor, "POST", "/v2/b2b/event/template", fault.clone());
        fail_write(&world.quay, "POST", "/v3/events", fault.clone());
        let asked = both("a key", "Lost Night");
        let first = world.run(Arc::clone(&journal), CREATE, asked.clone()).await;
        let sent = world.benches().map(writes);
        let second = world.run(journal, CREATE, asked).await;
        assert_eq!(world.benches().map(writes), sent, "{fault:?}: sent again");
        assert_eq!((outcomes(&first), second["data"]["told"]["replayed"].as_bool()), (["UNKNOWN"; 2], Some(true)));
        assert_eq!(outcomes(&second), ["UNKNOWN"; 2], "{fault:?}: {second}");
        assert_eq!(world.titled("Lost Night").await, [there; 2], "{fault:?}");
    }
}
