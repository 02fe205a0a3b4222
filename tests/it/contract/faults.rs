//! Every fault against every source: the right kind of error, and never a wrong result.

use std::time::Duration;

use domain::{CatalogScope, Effect, ErrorKind, FreshnessMode, VendorKind};
use emulators::{Fault, Rule};

use crate::contract::each_vendor;

fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault::Status { status, retry_after, body: None }
}

#[tokio::test]
async fn each_fault_maps_to_its_error_kind_and_a_failed_read_has_no_effect() {
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
    each_vendor(async |fixture| {
        for (fault, kind, retry_after) in &faults {
            fixture.fail(vec![Rule::for_path("/", fault.clone())]);
            let error = fixture.source.catalog.list_events(CatalogScope::Public).await.expect_err("a fault");
            assert_eq!((&error.kind, error.effect), (kind, Effect::None), "{} {fault:?}", fixture.source.id);
            // S-360 responds to excess requests without a delay; the source then waits for a time of its own
            // (`secutix.md §2.8`, INFERRED).
            let has_papers = fixture.source.vendor == VendorKind::Secutix && *kind == ErrorKind::RateLimited;
            if retry_after.is_some() || !has_papers {
                assert_eq!(error.retry_after, *retry_after, "{} {fault:?}", fixture.source.id);
            } else {
                assert!(error.retry_after.is_some(), "{} {fault:?}", fixture.source.id);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_recovered_vendor_returns_the_same_catalog_as_before() {
    each_vendor(async |fixture| {
        let before = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
        fixture.fail(vec![Rule::for_path("/", Fault::DropBefore)]);
        match &fixture.source.catalog.load_events(&[before[0].key.clone()]).await[&before[0].key] {
            Ok(known) => assert_ne!(known.freshness.mode, FreshnessMode::Live, "nobody was there to say so"),
            Err(error) => assert_eq!(error.kind, ErrorKind::Unavailable),
        }
        fixture.fail(Vec::new());
        let after = fixture.source.catalog.list_events(CatalogScope::Public).await.expect("events").value;
        assert_eq!(before, after);
    })
    .await;
}
