//! Every fault against every source: the right kind of error, and never a wrong result.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{CatalogScope, Effect, ErrorKind, FreshnessMode, VendorKind};
use emulators::{Fault, Rule};

use crate::contract::each_vendor;

/// Stands for the pause of the vendor's contract.
const USUAL: Duration = Duration::MAX;

fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault::Status { status, retry_after, body: None }
}

#[tokio::test]
async fn each_fault_maps_to_its_error_kind_and_a_failed_read_has_no_effect() {
    let faults = [
        (status(500, None), ErrorKind::Unavailable, None),
        (status(503, Some(3)), ErrorKind::Unavailable, Some(Duration::from_secs(3))),
        (status(429, Some(2)), ErrorKind::RateLimited, Some(Duration::from_secs(2))),
        (status(429, None), ErrorKind::RateLimited, Some(USUAL)),
        (status(509, None), ErrorKind::RateLimited, Some(USUAL)),
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
            // A refused catalog is requested again after its interval (`secutix.md §2.8`).
            fixture.clock.advance(600_000);
            let error = fixture.source.catalog.list_events(CatalogScope::Public).await.expect_err("a fault");
            assert_eq!((&error.kind, error.effect), (kind, Effect::None), "{} {fault:?}", fixture.source.id);
            // Without a number, the wait is that of the vendor's contract (`acme.md §2.7`, `secutix.md §2.8`).
            let is_secutix = fixture.source.vendor == VendorKind::Secutix;
            let usual = Duration::from_secs(if is_secutix { 60 } else { 30 });
            let expected = retry_after.map(|wait| if wait == USUAL { usual } else { wait });
            assert_eq!(error.retry_after, expected, "{} {fault:?}", fixture.source.id);
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_without_a_readable_row_is_malformed_and_one_with_some_keeps_them() {
    let read_lists = AtomicUsize::new(0);
    each_vendor(async |fixture| {
        let Some((path, nothing, some)) = list_bodies(fixture.source.vendor, fixture.source.id.as_str()) else {
            return;
        };
        let body = |body: &str| Fault::Status { status: 200, retry_after: None, body: Some(body.to_owned()) };
        for (content, count) in [(nothing, None), (some, Some(1))] {
            for mark in ["", "\u{feff}"] {
                fixture.fail(vec![Rule::for_path(path, body(&format!("{mark}{content}")))]);
                // A catalog that was read counts, also if it is unreadable (`secutix.md §2.8`).
                fixture.clock.advance(600_000);
                let listed = fixture.source.catalog.list_events(CatalogScope::Public).await;
                // Over SOAP the path names no method.
                if !fixture.running.stage.log.all().iter().any(|call| call.target.contains(path)) {
                    return;
                }
                read_lists.fetch_add(1, Ordering::Relaxed);
                let read = listed.map(|events| Some(events.value.len())).or_else(|error| match error.kind {
                    ErrorKind::Malformed => Ok(None),
                    _ => Err(error),
                });
                assert_eq!(read.expect("a list, or none"), count, "{} {content}", fixture.source.id);
            }
        }
    })
    .await;
    assert!(read_lists.load(Ordering::Relaxed) >= 12, "three vendors with four bodies");
}

/// The path of a vendor's list of events, a body without a readable row, and one with one.
fn list_bodies(vendor: VendorKind, id: &str) -> Option<(&'static str, &'static str, &'static str)> {
    match vendor {
        _ if id == "demo" => None,
        VendorKind::Acme => Some((
            "/event/template",
            r#"[7, "x", {}]"#,
            r#"[7, {"id": "66f0aa10c3d2e4b5a6970001", "name": "Visit", "reviewState": "published"}]"#,
        )),
        VendorKind::Secutix => Some((
            "getCatalogDetailed",
            r#"{"statusCode": "success", "catalogData": {"seasons": [{"id": 1, "products": [7, "x"]}]}}"#,
            r#"{"statusCode": "success", "catalogData": {"seasons": [{"id": 1, "products": [7,
               {"id": 2, "code": "GOOD", "productFamilyType": "SINGLE_ENTRY", "state": "RUNNING"}]}]}}"#,
        )),
        VendorKind::Octo => Some((
            "/products",
            r#"[7, "x", {}]"#,
            r#"[7, {"id": "p-7", "internalName": "Good", "options": [{"id": "DEFAULT", "units": []}]}]"#,
        )),
        VendorKind::Ticketing => Some((
            // Both the public list and the host's own one.
            "events?",
            r#"{"total": 2, "records": 100, "entries": [7, "x"]}"#,
            r#"{"total": 2, "records": 100, "entries": [7, {"self": "/events/2", "title": "Good"}]}"#,
        )),
    }
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
