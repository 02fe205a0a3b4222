//! What every fault script looks like through the ports: the right kind of error, never a wrong fact.

use std::time::Duration;

use ticketgraph::domain::{Effect, ErrorKind, Scope};
use ticketgraph::sandbox::{Fault, Rule, Scenario};

use crate::contract::{Bench, PATIENCE};

/// Every fault that a read can meet, and what becomes of it.
fn faults() -> Vec<(Fault, ErrorKind, Option<Duration>)> {
    let status = |status, retry_after| Fault::Status { status, retry_after, body: None };
    let late = u64::try_from(PATIENCE.as_millis()).expect("small") * 2;
    vec![
        (Fault::Delay { ms: late }, ErrorKind::Timeout, None),
        (status(500, None), ErrorKind::Unavailable, None),
        (status(503, Some(7)), ErrorKind::Unavailable, Some(Duration::from_secs(7))),
        (status(429, None), ErrorKind::RateLimited, None),
        (status(429, Some(3)), ErrorKind::RateLimited, Some(Duration::from_secs(3))),
        (status(509, Some(3)), ErrorKind::RateLimited, Some(Duration::from_secs(3))),
        (Fault::DropBefore, ErrorKind::Unavailable, None),
        (Fault::CommitThenDrop, ErrorKind::Unavailable, None),
        (Fault::Truncate, ErrorKind::Unavailable, None),
        (Fault::Malformed, ErrorKind::Malformed, None),
        (Fault::Html502, ErrorKind::Unavailable, None),
    ]
}

#[tokio::test]
async fn each_fault_of_a_read_is_an_error_of_its_kind_without_effect() {
    for bench in Bench::all().await {
        for (fault, kind, retry_after) in faults() {
            bench.running.stage.faults.add(Scenario { rules: vec![Rule::on("/", fault.clone())] });
            let error = bench.source.catalog.list_events(Scope::Public).await.expect_err("a fault");
            assert_eq!((&error.kind, error.effect), (&kind, Effect::None), "{}: {fault:?}", bench.name);
            assert_eq!(error.retry_after, retry_after, "{}: {fault:?}", bench.name);
            let key = bench.sample.event.clone();
            let loaded = bench.source.catalog.load_events(std::slice::from_ref(&key)).await;
            assert_eq!(loaded[&key].as_ref().err().map(|error| &error.kind), Some(&kind), "{}: {fault:?}", bench.name);
            bench.running.stage.faults.clear();
            assert!(bench.source.catalog.list_events(Scope::Public).await.is_ok(), "{}: after {fault:?}", bench.name);
        }
    }
}

#[tokio::test]
async fn a_vendor_that_is_down_is_unavailable_and_back_when_it_is_back() {
    for bench in Bench::all().await {
        bench.running.stage.set_down(true);
        let error = bench.source.catalog.list_events(Scope::Public).await.expect_err("down");
        assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::None), "{}", bench.name);
        bench.running.stage.set_down(false);
        assert!(bench.source.catalog.list_events(Scope::Public).await.is_ok(), "{}", bench.name);
    }
}
