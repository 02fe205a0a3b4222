//! Every fault script against every source: the right kind of error, and never a wrong answer.

use std::time::Duration;

use domain::{Effect, ErrorKind, FreshnessMode, Scope, VendorKind};
use emulators::{Fault, Rule};

use crate::contract::each_vendor;

fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault::Status { status, retry_after, body: None }
}

#[tokio::test]
async fn each_fault_of_a_vendor_is_told_as_what_it_is_and_a_read_has_no_effect() {
    let faults = [
        (status(500, None), ErrorKind::Unavailable, None),
        (status(503, Some(3)), ErrorKind::Unavailable, Some(Duration::from_secs(3))),
        (status(429, Some(2)), ErrorKind::RateLimited, Some(Duration::from_secs(2))),
        (status(429, None), ErrorKind::RateLimited, None),
        (status(509, None), ErrorKind::RateLimited, None),
        (Fault::DropBefore, ErrorKind::Unavailable, None),
        (Fault::CommitThenDrop, ErrorKind::Unavailable, None),
        (Fault::Truncate, ErrorKind::Unavailable, None),
        (Fault::Malformed, ErrorKind::Malformed, None),
        (Fault::Html502, ErrorKind::Unavailable, None),
        (Fault::Delay { ms: 60_000 }, ErrorKind::Timeout, None),
    ];
    each_vendor(async |bench| {
        for (fault, kind, retry_after) in &faults {
            bench.fail(vec![Rule::on("/", fault.clone())]);
            let told = bench.source.catalog.list_events(Scope::Public).await.expect_err("a fault");
            assert_eq!((&told.kind, told.effect), (kind, Effect::None), "{} {fault:?}", bench.source.id);
            // With a "too many" of S-360, which names no wait, we stay away for a time of our own (`secutix.md §2.8`, INFERRED).
            let has_papers = bench.source.vendor == VendorKind::Secutix && *kind == ErrorKind::RateLimited;
            if retry_after.is_some() || !has_papers {
                assert_eq!(told.retry_after, *retry_after, "{} {fault:?}", bench.source.id);
            } else {
                assert!(told.retry_after.is_some(), "{} {fault:?}", bench.source.id);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_vendor_that_comes_back_is_read_as_before() {
    each_vendor(async |bench| {
        let before = bench.source.catalog.list_events(Scope::Public).await.expect("events").value;
        bench.fail(vec![Rule::on("/", Fault::DropBefore)]);
        match &bench.source.catalog.load_events(&[before[0].key.clone()]).await[&before[0].key] {
            Ok(known) => assert_ne!(known.freshness.mode, FreshnessMode::Live, "nobody was there to say so"),
            Err(told) => assert_eq!(told.kind, ErrorKind::Unavailable),
        }
        bench.fail(Vec::new());
        let after = bench.source.catalog.list_events(Scope::Public).await.expect("events").value;
        assert_eq!(before, after);
    })
    .await;
}
